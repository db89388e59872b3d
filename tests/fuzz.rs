//! The fuzz bodies over the committed corpus, over mutations of it and over random bytes, the same
//! ones each time. What cargo-fuzz finds becomes a file of the corpus; `CALLBOARD_FUZZ_CASES` asks
//! for so many mutations, other ones each time.

use callboard::sim::fuzz::{BODIES, Body};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::fs;
use std::path::PathBuf;

/// Mutations and random inputs of each body.
const CASES: u32 = 1_500;

fn corpus(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).expect("a file");
        (path, bytes)
    };
    paths.into_iter().map(read).collect()
}

fn runner() -> TestRunner {
    let asked = std::env::var("CALLBOARD_FUZZ_CASES").ok().and_then(|text| text.parse().ok());
    let config =
        Config { cases: asked.unwrap_or(CASES), failure_persistence: None, ..Config::default() };
    match asked {
        // Whoever asks for more wants others.
        Some(_) => TestRunner::new(config),
        None => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
    }
}

#[test]
fn the_corpus_holds() {
    for (name, body) in BODIES {
        let files = corpus(name);
        assert!(files.len() >= 10, "the corpus of {name} has gone: {} files", files.len());
        for (path, bytes) in files {
            eprintln!("{}", path.display());
            body(&bytes);
        }
    }
}

/// One change of a text.
#[derive(Clone, Debug)]
enum Change {
    Set(usize, u8),
    Cut(usize, usize),
    Repeat(usize, usize),
    Insert(usize, &'static str),
    /// The rest comes from another file of the corpus.
    Graft(usize, usize),
}

/// What a random byte seldom hits.
const WORDS: &[&str] = &[
    "null",
    "true",
    "-1",
    "0",
    "1e400",
    "18446744073709551616",
    "9223372036854775808",
    "\"\"",
    "{}",
    "[]",
    "\\u0000",
    "\\ud800",
    "\u{feff}",
    "é",
    "\"id\":",
    "\"events\":",
    "\"*\"",
    ",",
    "=",
];

fn change() -> impl Strategy<Value = Change> {
    let at = || 0..4_096_usize;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (at(), 1..64_usize).prop_map(|(at, count)| Change::Cut(at, count)),
        (at(), 1..64_usize).prop_map(|(at, count)| Change::Repeat(at, count)),
        (at(), proptest::sample::select(WORDS)).prop_map(|(at, word)| Change::Insert(at, word)),
        (at(), any::<usize>()).prop_map(|(at, file)| Change::Graft(at, file)),
    ]
}

fn mutate(files: &[(PathBuf, Vec<u8>)], first: usize, changes: &[Change]) -> Vec<u8> {
    let mut bytes = files[first % files.len()].1.clone();
    for change in changes {
        let within = |at: usize| at % (bytes.len() + 1);
        match *change {
            Change::Set(at, byte) => {
                let at = within(at);
                if let Some(old) = bytes.get_mut(at) {
                    *old = byte;
                }
            }
            Change::Cut(at, count) => {
                let at = within(at);
                bytes.drain(at..(at + count).min(bytes.len()));
            }
            Change::Repeat(at, count) => {
                let at = within(at);
                let again = bytes[at..(at + count).min(bytes.len())].to_vec();
                bytes.splice(at..at, again);
            }
            Change::Insert(at, word) => {
                let at = within(at);
                bytes.splice(at..at, word.bytes());
            }
            Change::Graft(at, file) => {
                let other = &files[file % files.len()].1;
                let at = within(at);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[at.min(other.len())..]);
            }
        }
    }
    bytes
}

fn try_all(body: Body, inputs: impl Strategy<Value = Vec<u8>>) {
    runner()
        .run(&inputs, |bytes| {
            body(&bytes);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn mutations_of_the_corpus_hold() {
    for (name, body) in BODIES {
        let files = corpus(name);
        let changes = proptest::collection::vec(change(), 1..6);
        let mutated = (any::<usize>(), changes)
            .prop_map(move |(first, changes)| mutate(&files, first, &changes));
        try_all(*body, mutated);
    }
}

#[test]
fn any_bytes_hold() {
    for (_, body) in BODIES {
        try_all(*body, proptest::collection::vec(any::<u8>(), 0..512));
        try_all(*body, "\\PC{0,200}".prop_map(String::into_bytes));
    }
}
