//! The seeded world with faults: the real node among switches, desks, dashboards and a disk that
//! fail, thousands of times, each time otherwise.
//!
//! `CALLBOARD_SEED=n` plays one seed and prints its log; `CALLBOARD_SEEDS=n` sets how many are
//! played. The log of a world that breaks is left in `target/tmp/world/`.

use callboard::sim::world::{Story, play};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Enough to meet every fault in every place, in a minute or two of a debug build on two cores.
const SEEDS: u64 = 1_000;

/// Lines of the log that are shown of a world that broke.
const SHOWN: usize = 60;

/// What some hundred worlds must have met.
const MET: &[&str] = &[
    "customer dialled",
    "customer reached",
    "clean restart",
    "command done again",
    "command dropped",
    "commands doubled",
    "commands late",
    "commands lost",
    "configuration changed",
    "crash after the sync",
    "crash before the sync",
    "crash between two batches",
    "dashboard compared",
    "dashboard cut",
    "dashboard stalls",
    "disk full",
    "disk short",
    "event again",
    "event lost",
    "flap",
    "link cut",
    "machine stands still",
    "phone checked",
    "reply lost",
    "request doubled",
    "request late",
    "request lost",
    "start",
    "switch restart",
    "sync fails and forgets",
    "sync fails and keeps",
    "talk",
    "waiting call checked",
    "wall clock stepped",
];

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The worlds share the cores.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

/// What is said of a world that broke: how to see it again, and how it ended.
fn report(seed: u64, story: &Story, why: &str) -> String {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("world");
    let file = folder.join(format!("seed-{seed}.log"));
    let written = std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(&file, story.log.join("\n")))
        .map_or_else(|e| format!("(no log: {e})"), |()| file.display().to_string());
    let last = story.log.len().saturating_sub(SHOWN);
    let lines = story.log[last..].join("\n");
    format!(
        "the world of seed {seed} breaks: {why}\n{lines}\n\
         its whole log: {written}\n\
         again: CALLBOARD_SEED={seed} cargo test --test world every_world_comes_right"
    )
}

/// Plays these seeds on all cores, until one breaks; what was met, together.
fn play_all(count: u64) -> Result<BTreeMap<&'static str, u64>, String> {
    let next = AtomicU64::new(0);
    let broken = Mutex::new(None);
    let counts = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..threads() {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= count || broken.lock().expect("lives").is_some() {
                        return;
                    }
                    let story = play(seed);
                    if let Some(why) = &story.broken {
                        let first = report(seed, &story, why);
                        broken.lock().expect("lives").get_or_insert(first);
                        return;
                    }
                    let mut counts = counts.lock().expect("lives");
                    for (what, n) in story.counts {
                        *counts.entry(what).or_default() += n;
                    }
                }
            });
        }
    });
    match broken.into_inner().expect("lives") {
        Some(report) => Err(report),
        None => Ok(counts.into_inner().expect("lives")),
    }
}

#[test]
fn every_world_comes_right() {
    if let Some(seed) = number("CALLBOARD_SEED") {
        let story = play(seed);
        println!("{}\n{:?}", story.log.join("\n"), story.counts);
        assert!(story.broken.is_none(), "{}", story.broken.unwrap_or_default());
        return;
    }
    let count = number("CALLBOARD_SEEDS").unwrap_or(SEEDS);
    match play_all(count) {
        Err(report) => panic!("{report}"),
        Ok(counts) => {
            println!("{count} worlds: {counts:?}");
            let missed: Vec<&str> =
                MET.iter().copied().filter(|what| !counts.contains_key(what)).collect();
            assert!(count < 100 || missed.is_empty(), "no world meets {missed:?}");
        }
    }
}

#[test]
fn one_seed_is_one_world() {
    for seed in 0..12 {
        let (first, second) = (play(seed), play(seed));
        let apart = first.log.iter().zip(&second.log).find(|(a, b)| a != b);
        assert_eq!(apart, None, "seed {seed}");
        assert_eq!((first.log, first.broken), (second.log, second.broken), "seed {seed}");
    }
}
