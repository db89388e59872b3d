//! `callboard demo` as a whole: a floor over real sockets, whose summary says that the rules held.

mod support;

use std::process::Command;

#[test]
fn a_short_demo_routes_calls_and_ends_well() {
    let output = Command::new(env!("CARGO_BIN_EXE_callboard"))
        .args(["demo", "--for", "6s", "--agents", "12", "--calls-per-minute", "120", "--seed", "7"])
        .output()
        .expect("the demo ends");
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    for expected in
        ["owner's key  cbk_", "curl -s", "arrival → ring", "the engine's own invariants"]
    {
        assert!(said.contains(expected), "{expected:?} is missing:\n{said}");
    }
    assert!(!said.contains("BROKEN"), "{said}");
    let answered = said.lines().find_map(|line| line.trim().strip_prefix("answered"));
    let answered: u64 = answered.and_then(|text| text.trim().parse().ok()).expect("a count");
    assert!(answered > 0, "{said}");
}
