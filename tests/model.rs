//! The engine beside the reference model: random histories, the same offers in the same order.
//!
//! `CALLBOARD_SEED=n` replays one seed; `CALLBOARD_SEEDS=n` sets how many are run.

use callboard::sim::compare::{self, Apart};
use callboard::sim::driver::Driver;
use callboard::sim::history;
use callboard::sim::model::Model;
use callboard::sim::scenario::{START, tell};

/// Enough to meet every rule many times, in well under a minute of a debug build.
const SEEDS: u64 = 1_500;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn apart(lines: &[String]) -> Option<Apart> {
    compare::compare(Model::new(START), Driver::new(), lines)
}

fn check(seed: u64) {
    let lines = history::history(seed);
    let Some(first) = apart(&lines) else { return };
    let shrunk = compare::shrink(&lines[..=first.line], &mut |rest| {
        apart(rest).is_some_and(|a| a.kind == first.kind)
    });
    let last = apart(&shrunk).map_or(first.how, |a| a.how);
    panic!(
        "seed {seed} parts (CALLBOARD_SEED={seed}); left is the model, right the engine; as a \
         scenario:\n{}\n\n{last}",
        shrunk.join("\n")
    );
}

#[test]
fn the_engine_does_what_the_model_does() {
    if let Some(seed) = number("CALLBOARD_SEED") {
        return check(seed);
    }
    let count = number("CALLBOARD_SEEDS").unwrap_or(SEEDS);
    let half = count / 2;
    std::thread::scope(|scope| {
        scope.spawn(|| (0..half).for_each(check));
        (half..count).for_each(check);
    });
}

/// Tables that follow from the state are the same whether kept up or made anew, and the records alone
/// lead to the same state, dice and windows included.
#[test]
fn an_engine_that_starts_anew_again_and_again_does_the_same() {
    for seed in 10_000..10_000 + number("CALLBOARD_SEEDS").map_or(90, |n| n / 15) {
        let mut lines = history::history(seed);
        // The dice begin with the first queue that draws: before anything is started anew.
        lines.insert(0, "queue dice strategy=random".to_owned());
        let apart = compare::compare(Model::new(START), Driver::restarted_every(5), &lines);
        assert!(apart.is_none(), "seed {seed}: {}", apart.map_or_else(String::new, |a| a.how));
    }
}

#[test]
fn a_history_is_the_same_each_time_and_has_an_end() {
    for seed in 0..200 {
        let lines = history::history(seed);
        assert_eq!(lines, history::history(seed));
        let text = lines.join("\n");
        let story = tell(Model::new(START), &text);
        assert!(story.is_ok(), "seed {seed}: {story:?}");
    }
}

#[test]
fn histories_meet_every_kind_of_fact() {
    let mut text = String::new();
    for seed in 0..500 {
        let lines = history::history(seed).join("\n");
        text.push_str(&tell(Model::new(START), &lines).unwrap_or_default());
    }
    for fact in [
        "ring ",
        "missed ",
        "refused ",
        "failed ",
        "answered_elsewhere",
        "abandoned ",
        " over",
        "stopped ",
        "exited ",
        "status ",
        "forced ",
        "wrap_up ",
        "wrap_up_ended ",
        "delayed ",
        "suspected ",
        "announced ",
        "callback ",
        "dialed ",
        "reached ",
        "unreached ",
        " to callback",
        " closed to",
        " choice to",
        " unattended to",
        "duplicate",
        "ignored",
        " max_wait to",
        " max_waiting to",
        " nobody to",
        " total to",
        " missed to",
        " exhausted to",
        " round",
        " lease",
        " opted_out",
        " configuration",
        "lease_lapsed",
        "unleased",
        "exited",
        "transferred",
        "failed",
        " forced",
        " moved",
    ] {
        assert!(text.contains(fact), "no history meets {fact:?}");
    }
}

#[test]
fn shrinking_keeps_what_fails_and_drops_the_rest() {
    let lines: Vec<String> = (0..40).map(|n| n.to_string()).collect();
    let needed = ["7".to_owned(), "31".to_owned()];
    let mut fails = |rest: &[String]| needed.iter().all(|n| rest.contains(n));
    assert_eq!(compare::shrink(&lines, &mut fails), needed);
}
