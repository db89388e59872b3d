//! The walk through a call in `docs/protocol.md`, run as it is written there, and the wire's names,
//! all of which must stand on that page.

mod support;

use callboard::domain::presence::{BlockedBy, Detail, Presence};
use std::path::Path;
use std::process::Command;

const PAGE: &str = include_str!("../docs/protocol.md");

/// The page's shell blocks, one after the other.
fn script() -> String {
    let blocks = PAGE.split("```sh\n").skip(1);
    blocks.filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn the_walk_through_a_call_runs_as_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let address = format!("127.0.0.1:{}", support::free_tcp_port());
    let binary = Path::new(env!("CARGO_BIN_EXE_callboard"));
    let path = format!(
        "{}:{}",
        binary.parent().expect("a folder").display(),
        std::env::var("PATH").unwrap_or_default()
    );
    // Whatever fails, the server goes.
    let head = "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n";
    let output = Command::new("bash")
        .args(["-c", &format!("{head}{}", script().replace("127.0.0.1:8080", &address))])
        .current_dir(folder.path())
        .env("PATH", path)
        .output()
        .expect("bash");
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    let mut rest = &*said;
    for expected in [
        r#""strategy":"longest_idle""#,
        r#""presence":"available""#,
        "● usr_ann",
        r#""type":"offer.ring""#,
        r#""type":"call.connect""#,
        r#""state":"connected""#,
        r#""detail":"wrap_up""#,
        "solved",
    ] {
        let at = rest.find(expected);
        let at = at.unwrap_or_else(|| panic!("{expected} is missing, or out of order:\n{said}"));
        rest = &rest[at..];
    }
}

/// The proofs that `docs/seeds.md` names: a scenario, or a file and a test in it.
fn proofs() -> Vec<&'static str> {
    let page = include_str!("../docs/seeds.md");
    let rows = page.lines().filter(|line| line.starts_with("| S") || line.starts_with("| X"));
    let last = rows.map(|row| row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default());
    last.map(|proof| proof.trim_matches('`')).collect()
}

/// Whether a proof is there: the file, and in it the test.
fn is_there(proof: &str) -> bool {
    let (file, test) = proof.split_once("::").unwrap_or((proof, ""));
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file));
    let test = (!test.is_empty()).then(|| match file.ends_with(".mjs") {
        true => format!("test('{test}: "),
        false => format!("#[test]\nfn {test}("),
    });
    let within = |text: String| {
        // Tests of a module are indented, and may have more attributes or comments between.
        let flat: String = text.lines().map(|line| format!("{}\n", line.trim_start())).collect();
        test.is_none_or(|test| flat.contains(&test))
    };
    text.is_ok_and(within)
}

#[test]
fn every_proof_of_the_seeds_is_there() {
    let proofs = proofs();
    assert!(proofs.len() > 50, "the search for proofs has gone blind: {proofs:?}");
    let missing: Vec<&&str> = proofs.iter().filter(|proof| !is_there(proof)).collect();
    assert!(missing.is_empty(), "docs/seeds.md names {missing:?}");
    for wrong in [
        "tests/api/people.rs::no_such_test",
        "tests/console/e2e/floor.test.mjs::S3-99",
        "tests/scenarios/no_such.txt",
        "",
    ] {
        assert!(!is_there(wrong), "{wrong}");
    }
}

#[test]
fn every_word_of_the_wire_stands_on_the_page() {
    let words = Detail::ALL.iter().map(|word| word.word());
    let words = words.chain(BlockedBy::ALL.iter().map(|word| word.word()));
    let words = words.chain(Presence::ALL.iter().map(|word| word.word()));
    let events = include_str!("../src/domain/switching.rs");
    // The wire's names of events and commands stand in backticks in the source's documentation and
    // in `rename` attributes.
    let quoted = events.split(['`', '"']).filter(|part| {
        ["call.", "offer.", "agent.", "device.", "command.", "switch."]
            .iter()
            .any(|kind| part.starts_with(kind) && !part.contains([' ', '\n']))
    });
    let missing: Vec<&str> =
        words.chain(quoted).filter(|word| !PAGE.contains(&format!("`{word}`"))).collect();
    assert!(missing.is_empty(), "docs/protocol.md does not name {missing:?}");
}
