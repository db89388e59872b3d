//! What each order promises that needs no statistics, and the chances of those that draw, within
//! bounds over the recorded dice.
//!
//! Agents kept in reserve for calls of a higher class are no rule of ours: a queue's weight and a
//! call's priority decide who is first, and no agent stays idle beside a caller.

#[path = "fairness/decisions.rs"]
mod decisions;
#[path = "fairness/occupancy.rs"]
mod occupancy;
#[path = "fairness/ringing.rs"]
mod ringing;

use callboard::sim::driver::Driver;
use callboard::sim::fact::Fact;
use callboard::sim::scenario::Runner;
use std::collections::BTreeMap;

/// A queue `q` with members, and calls to it.
struct Floor {
    run: Runner<Driver>,
    calls: usize,
    /// The ends of calls: instant, call.
    ends: Vec<(i64, usize)>,
}

/// The strategies, with what else they need.
const FAIR: [&str; 4] = [
    "strategy=longest_idle",
    "strategy=least_calls total_ms=86400000",
    "strategy=round_robin",
    "strategy=least_talk",
];
const IN_ORDER: &str = "strategy=sequential total_ms=86400000";

impl Floor {
    fn new(queue: &str, members: usize) -> Floor {
        let mut floor = Floor { run: Runner::new(Driver::new()), calls: 0, ends: Vec::new() };
        floor.say("account max_unleased_ms=0");
        floor.say("switch s1");
        floor.say("skill s min=1 max=100");
        floor.say(&format!("queue q {queue}"));
        for i in 0..members {
            floor.say(&format!("agent a{i}"));
            floor.say(&format!("member q a{i} position={}", i + 1));
            floor.say(&format!("status a{i} ready"));
        }
        floor
    }

    /// Says a line; who is rung by it.
    fn say(&mut self, line: &str) -> Vec<usize> {
        self.rings(line).into_iter().map(|(_, agent)| agent).collect()
    }

    /// Says a line; which calls ring whom by it.
    fn rings(&mut self, line: &str) -> Vec<(usize, usize)> {
        let told = self.run.line(line).unwrap_or_else(|e| panic!("{e}"));
        let facts = told.into_iter().flat_map(|(_, facts)| facts);
        facts
            .filter_map(|fact| match fact {
                Fact::Ring { call, agent, .. } => {
                    Some((call[1..].parse().ok()?, agent[1..].parse().ok()?))
                }
                _ => None,
            })
            .collect()
    }

    /// A call at an instant (seconds) that is answered at once and lasts so long; who has it.
    fn call(&mut self, at: i64, lasts: i64) -> usize {
        self.call_by(at, |_| lasts)
    }

    /// As [`Floor::call`]; the agent decides how long it lasts.
    fn call_by(&mut self, at: i64, lasts: impl Fn(usize) -> i64) -> usize {
        self.pass(at);
        let call = self.calls;
        self.calls += 1;
        let rung = self.say(&format!("call c{call} to q"));
        let [agent] = rung[..] else { panic!("c{call} rings {rung:?}") };
        self.say(&format!("answered c{call} a{agent}"));
        self.ends.push((at + lasts(agent), call));
        agent
    }

    /// Lets time pass; calls that end by then end. An end at the very instant is before it.
    fn pass(&mut self, at: i64) {
        self.ends.sort_unstable();
        while self.ends.first().is_some_and(|(end, _)| *end <= at) {
            let (end, call) = self.ends.remove(0);
            self.say(&format!("at {end}s"));
            self.say(&format!("ended c{call} caller"));
        }
        self.say(&format!("at {at}s"));
    }
}

fn row(queue: &str, members: usize, calls: i64, every: i64, lasts: i64) -> Vec<usize> {
    let mut floor = Floor::new(queue, members);
    (1..=calls).map(|i| floor.call(i * every, lasts)).collect()
}

#[test]
fn the_example_of_three_agents_goes_as_the_theory_says() {
    let turns: Vec<usize> = (0..12).map(|i| i % 3).collect();
    for queue in FAIR {
        assert_eq!(row(queue, 3, 12, 10, 15), turns, "{queue}, 15 s");
        assert_eq!(row(queue, 3, 12, 10, 25), turns, "{queue}, 25 s");
    }
    assert_eq!(row(IN_ORDER, 3, 6, 10, 15), [0, 1, 0, 1, 0, 1], "the third never works");
    assert_eq!(row(IN_ORDER, 3, 6, 10, 25), [0, 1, 2, 0, 1, 2]);
}

#[test]
fn calls_that_never_overlap_go_round_or_all_to_the_first() {
    for queue in FAIR {
        let turns: Vec<usize> = (0..35).map(|i| i % 5).collect();
        assert_eq!(row(queue, 5, 35, 10, 5), turns, "{queue}");
    }
    assert_eq!(row(IN_ORDER, 5, 20, 10, 5), [0; 20]);
}

/// Whoever takes a call, callers wait as long where all agents are alike: arrival and length of each
/// call are given, in seconds.
fn waits(queue: &str, calls: &[(i64, i64)]) -> Vec<i64> {
    let mut floor = Floor::new(queue, 3);
    let mut waits = vec![-1; calls.len()];
    let (mut next, mut ends) = (0, std::collections::BTreeSet::new());
    loop {
        let arrives = calls.get(next).map(|(at, _)| *at);
        let ends_at = ends.first().map(|(at, _)| *at);
        let Some(now) = arrives.into_iter().chain(ends_at).min() else { return waits };
        floor.say(&format!("at {now}s"));
        let line = match ends.first().copied().filter(|(at, _)| *at == now) {
            Some((at, call)) => {
                ends.remove(&(at, call));
                format!("ended c{call} caller")
            }
            None => {
                next += 1;
                format!("call c{} to q", next - 1)
            }
        };
        for (call, agent) in floor.rings(&line) {
            waits[call] = now - calls[call].0;
            floor.say(&format!("answered c{call} a{agent}"));
            ends.insert((now + calls[call].1, call));
        }
    }
}

#[test]
fn callers_wait_the_same_whatever_the_order_where_agents_are_alike() {
    // Busy: 3 agents, a call every 6 s on average, 17 s long on average.
    let mut calls: Vec<(i64, i64)> =
        (0..120).map(|i| (i * 6 + (i * 7_919) % 11, 2 + (i * 104_729) % 31)).collect();
    calls.sort_unstable();
    let first = waits(FAIR[0], &calls);
    assert!(first.iter().any(|wait| *wait > 10), "they queue up: {first:?}");
    for queue in FAIR.iter().chain([&IN_ORDER, &"strategy=random", &"strategy=weighted"]) {
        assert_eq!(waits(queue, &calls), first, "{queue}");
    }
}

#[test]
fn fifteen_hundred_members_in_round_robin_get_one_of_fifteen_hundred_calls_each() {
    let mut floor = Floor::new("strategy=round_robin", 1_500);
    let first: Vec<usize> = (0..1_500).map(|_| floor.call(0, 1)).collect();
    assert_eq!(first, (0..1_500).collect::<Vec<_>>());
    // And again, in the same circle.
    assert_eq!((0..30).map(|_| floor.call(9, 1)).collect::<Vec<_>>(), (0..30).collect::<Vec<_>>());
}

#[test]
fn the_chosen_has_the_fewest_calls_and_no_two_idle_are_further_apart_than_one() {
    let mut floor = Floor::new("strategy=least_calls total_ms=86400000", 4);
    let mut counts = [0i64; 4];
    // Each has calls of another length: they overlap, and never more than four are there.
    for i in 0..60 {
        let agent = floor.call(i * 10, 9);
        counts[agent] += 1;
        let (least, most) = (counts.iter().min().copied(), counts.iter().max().copied());
        assert!(most <= least.map(|least| least + 1), "{counts:?}");
    }
}

/// A newcomer begins with the least of the others: nobody is flooded.
#[test]
fn a_newcomer_does_not_take_every_call() {
    let mut floor = Floor::new("strategy=least_calls total_ms=86400000", 2);
    (0..20).for_each(|i| _ = floor.call(i * 10, 5));
    floor.say("agent a2");
    floor.say("member q a2");
    floor.say("status a2 ready");
    let next: Vec<usize> = (20..29).map(|i| floor.call(i * 10, 5)).collect();
    let of_new = next.iter().filter(|agent| **agent == 2).count();
    assert_eq!(of_new, 3, "{next:?}");
}

/// Decisions with all members free, each taken back.
fn draws(floor: &mut Floor, n: usize) -> Vec<usize> {
    let mut drawn = Vec::new();
    for _ in 0..n {
        let call = floor.calls;
        floor.calls += 1;
        drawn.extend(floor.say(&format!("call c{call} to q")));
        floor.say(&format!("abandoned c{call}"));
        if call % 500 == 499 {
            // Calls of the past are forgotten.
            floor.say(&format!("at {}s", (call / 500 + 1) * 700));
        }
    }
    drawn
}

fn counts(drawn: &[usize]) -> BTreeMap<usize, i64> {
    let mut counts = BTreeMap::new();
    drawn.iter().for_each(|agent| *counts.entry(*agent).or_default() += 1);
    counts
}

/// Sum of (observed − expected)² ÷ expected.
fn chi_square(counts: &BTreeMap<usize, i64>, weights: &[f64]) -> f64 {
    let n: i64 = counts.values().sum();
    let all: f64 = weights.iter().sum();
    let part = |(agent, weight): (usize, &f64)| {
        let expected = n as f64 * weight / all;
        let observed = counts.get(&agent).copied().unwrap_or(0) as f64;
        (observed - expected).powi(2) / expected
    };
    weights.iter().enumerate().map(part).sum()
}

#[test]
fn weighted_draws_in_proportion_to_the_weights() {
    let queue = r#"strategy={"order":"weighted","by":{"skill":"s"}}"#;
    let mut floor = Floor::new(queue, 3);
    for (agent, level) in [5, 3, 1].iter().enumerate() {
        floor.say(&format!("agent a{agent} skills.s={level}"));
    }
    let drawn = draws(&mut floor, 9_000);
    let counts = counts(&drawn);
    // 99.9 % bands, and the critical value of two degrees of freedom at .001.
    for (agent, expected, band) in [(0, 5_000, 169), (1, 3_000, 160), (2, 1_000, 107)] {
        assert!((counts[&agent] - expected).abs() <= band, "{counts:?}");
    }
    assert!(chi_square(&counts, &[5.0, 3.0, 1.0]) < 13.82, "{counts:?}");
    // No draw leans on the one before: after each agent the next is drawn alike.
    for agent in 0..3 {
        let pairs = drawn.windows(2).filter(|pair| pair[0] == agent).map(|pair| pair[1]);
        let after = self::counts(&pairs.collect::<Vec<_>>());
        assert!(chi_square(&after, &[5.0, 3.0, 1.0]) < 13.82, "after {agent}: {after:?}");
    }
}

#[test]
fn weighted_by_stars_draws_whoever_comes_and_goes_in_proportion() {
    let mut floor = Floor::new("strategy=weighted", 4);
    let stars = [4.0, 3.0, 2.0, 1.0];
    for (agent, n) in stars.iter().enumerate() {
        floor.say(&format!("member q a{agent} stars={n}"));
    }
    // One after the other is away, so that those who stay were passed over before. The score of an
    // agent, Σ (drawn − chance), is near 0 as measured by its deviation.
    let (mut score, mut variance) = ([0.0f64; 4], [0.0f64; 4]);
    for round in 0..2_400 {
        let away = round % 5;
        if away < 4 {
            floor.say(&format!("status a{away} on_break"));
        }
        let all: f64 = (0..4).filter(|a| *a != away).map(|a| stars[a]).sum();
        let drawn = draws(&mut floor, 1)[0];
        assert_ne!(drawn, away);
        for agent in (0..4).filter(|a| *a != away) {
            let chance = stars[agent] / all;
            score[agent] += f64::from(u8::from(agent == drawn)) - chance;
            variance[agent] += chance * (1.0 - chance);
        }
        if away < 4 {
            floor.say(&format!("status a{away} ready"));
        }
    }
    for agent in 0..4 {
        let z = score[agent] / variance[agent].sqrt();
        assert!(z.abs() < 3.29, "a{agent}: {z:.2} deviations");
    }
}

#[test]
fn random_is_even_and_the_same_dice_draw_the_same() {
    let mut floor = Floor::new("strategy=random", 6);
    let drawn = draws(&mut floor, 3_000);
    let counts = counts(&drawn);
    // Five degrees of freedom at .001.
    assert!(chi_square(&counts, &[1.0; 6]) < 20.52, "{counts:?}");
    let mut again = Floor::new("strategy=random", 6);
    assert_eq!(draws(&mut again, 300), drawn[..300]);
}

/// A queue of many members, so that the lots are a tree.
#[test]
fn a_large_floor_is_drawn_from_evenly_too() {
    let mut floor = Floor::new("strategy=random", 64);
    let counts = counts(&draws(&mut floor, 6_400));
    // 63 degrees of freedom at .001.
    assert!(chi_square(&counts, &[1.0; 64]) < 103.44, "{counts:?}");
}

#[test]
fn ties_are_even_among_equals() {
    let queue = r#"strategy={"order":"stars","ties":"random"} competency=true"#;
    let mut floor = Floor::new(queue, 4);
    for (agent, stars) in [3, 2, 3, 3].iter().enumerate() {
        floor.say(&format!("member q a{agent} stars={stars}"));
    }
    let counts = counts(&draws(&mut floor, 3_000));
    assert_eq!(counts.get(&1), None, "fewer stars are never first");
    let three: Vec<i64> = counts.values().copied().collect();
    assert!(three.iter().all(|n| (n - 1_000).abs() < 90), "{counts:?}");
}
