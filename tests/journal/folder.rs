//! The data folder: one process at a time, formats old and newer, a clean stop.

use crate::common::{check_world, closed_journal, copy_folder, open, open_with, quick};
use callboard::journal::verify::verify;
use callboard::journal::{Entry, Error, Journal, StreamId, VaultWrite};
use rusqlite::Connection;
use std::path::Path;

fn refusal(dir: &Path) -> Error {
    match open_with(dir, &quick()) {
        Ok(_) => panic!("opened"),
        Err(error) => error,
    }
}

#[test]
fn two_openers_are_one_too_many() {
    let dir = tempfile::tempdir().expect("a folder");
    let first = open(dir.path()).expect("opened");
    let error = refusal(dir.path());
    assert!(matches!(error, Error::Locked { .. }));
    let text = error.to_string();
    assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
    first.close().expect("closed");
    open(dir.path()).expect("free again").close().expect("closed");
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    for file in ["journal.db", "snapshots.db"] {
        let dir = tempfile::tempdir().expect("a folder");
        closed_journal(dir.path(), StreamId(1), 5);
        let db = Connection::open(dir.path().join(file)).expect("opened");
        db.pragma_update(None, "user_version", 9).expect("changed");
        db.close().expect("closed");
        let before = std::fs::read(dir.path().join(file)).expect("read");
        let text = refusal(dir.path()).to_string();
        assert!(text.contains("has format 9") && text.contains("up to 1"), "{text}");
        assert!(text.contains(file), "{text}");
        assert_eq!(std::fs::read(dir.path().join(file)).expect("read"), before);
    }
}

#[test]
fn another_programs_database_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("journal.db");
    let db = Connection::open(&path).expect("opened");
    db.execute_batch("CREATE TABLE theirs (x)").expect("made");
    db.close().expect("closed");
    let before = std::fs::read(&path).expect("read");
    assert!(matches!(refusal(dir.path()), Error::Foreign { .. }));
    assert_eq!(std::fs::read(&path).expect("read"), before);
    std::fs::write(&path, "not a database at all, but long enough to look at twice".repeat(20))
        .expect("written");
    assert!(matches!(refusal(dir.path()), Error::Damaged { .. }));
}

#[test]
fn snapshots_of_another_journal_are_refused() {
    let (ours, theirs) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
    for dir in [&ours, &theirs] {
        let mut journal = open_with(dir.path(), &quick()).expect("opened");
        crate::common::write_world(&mut *journal, 1, 10);
        crate::common::write_snapshots(&*journal, 10);
        journal.close().expect("closed");
    }
    let name = "snapshots.db";
    std::fs::copy(theirs.path().join(name), ours.path().join(name)).expect("copied");
    let error = refusal(ours.path());
    assert!(matches!(error, Error::Foreign { .. }), "{error}");
}

#[test]
fn a_clean_stop_leaves_no_wal_and_the_heads() {
    let dir = tempfile::tempdir().expect("a folder");
    closed_journal(dir.path(), StreamId(1), 5);
    assert!(!dir.path().join("journal.db-wal").exists());
    let high = std::fs::read_to_string(dir.path().join("high.seq")).expect("read");
    assert!(high.contains("\n1 5\n"), "{high}");
}

#[test]
fn an_erased_value_is_gone_from_the_files() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut journal = open_with(dir.path(), &quick()).expect("opened");
    let secret = "Erika Mustermann, +49 30 1234567";
    let write = |journal: &mut dyn Journal, key, value: Option<&str>| {
        let value = value.map(str::to_owned);
        let vault = vec![VaultWrite { stream: StreamId(1), key, seq: 1, lasting: true, value }];
        journal.append(&[&Entry { record: None, vault }]).expect("appended");
    };
    let in_files = || {
        let bytes = std::fs::read(dir.path().join("journal.db")).expect("read");
        bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
    };
    for key in 0..200 {
        write(&mut *journal, key, Some(secret));
    }
    journal.checkpoint().expect("checkpoint");
    assert!(in_files());
    for key in 0..200 {
        write(&mut *journal, key, (key % 2 == 0).then_some("replaced"));
    }
    journal.close().expect("closed");
    assert!(!in_files(), "the value can still be read from the file");
}

/// The folder in `tests/fixtures/journal/format1`, written by the first release of format 1: later
/// releases must read it. `REGENERATE_FIXTURE=1` writes it anew, which only a new format justifies.
#[test]
fn format_1_is_read() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/journal/format1");
    if std::env::var_os("REGENERATE_FIXTURE").is_some() {
        std::fs::create_dir_all(&kept).expect("a folder");
        let dir = tempfile::tempdir().expect("a folder");
        let mut journal = open_with(dir.path(), &quick()).expect("opened");
        crate::common::write_world(&mut *journal, 1, 30);
        for seq in [10, 20] {
            crate::common::write_snapshots(&*journal, seq);
        }
        journal.trim(StreamId(7), 8).expect("trimmed");
        journal.close().expect("closed");
        copy_folder(dir.path(), &kept);
    }
    let dir = tempfile::tempdir().expect("a folder");
    copy_folder(&kept, dir.path());
    let report = verify(dir.path()).expect("verified");
    assert!(report.is_sound(), "{report}");
    let journal = open_with(dir.path(), &quick()).expect("opened");
    check_world(&*journal).expect("read");
    assert_eq!(journal.streams(), [StreamId(0), StreamId(7)]);
    let mut reader = journal.reader().expect("a reader");
    assert_eq!((reader.oldest(StreamId(7)).expect("oldest"), journal.head(StreamId(7))), (8, 30));
    let listed = reader.snapshots(StreamId(0)).expect("listed");
    assert_eq!(listed.iter().map(|at| at.seq).collect::<Vec<_>>(), [20, 10]);
}
