//! What commands print, into pipes that close and onto disks that are full.

use std::fs::OpenOptions;
use std::process::{Command, Stdio};

fn openapi() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callboard"));
    command.arg("openapi").stderr(Stdio::piped());
    command
}

#[test]
fn who_closes_the_pipe_has_read_enough() {
    let mut child = openapi().stdout(Stdio::piped()).spawn().expect("it runs");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && said.is_empty(), "{}: {said}", ended.status);
}

#[test]
fn what_cannot_be_written_is_told() {
    let full = OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let ended = openapi().stdout(full).output().expect("it runs");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.starts_with("callboard: standard output: "), "{said}");
}
