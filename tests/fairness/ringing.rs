//! Rings of several agents at once, and of more agents as time passes.

use super::Floor;
use callboard::sim::fact::Fact;
use callboard::sim::scenario::System;
use rand::RngExt;

impl Floor {
    /// Says a line; all facts that it brought.
    fn facts(&mut self, line: &str) -> Vec<Fact> {
        let told = self.run.line(line).unwrap_or_else(|e| panic!("{e}"));
        told.into_iter().flat_map(|(_, facts)| facts).collect()
    }

    /// Unanswered rings of the queue, as the board shows them.
    fn ringing(&mut self) -> usize {
        let view = self.run.system.view();
        let line = view.iter().find(|line| line.starts_with("queue q ")).expect("the queue");
        let (_, rest) = line.split_once("ringing=").expect("its rings");
        rest.split(' ').next().and_then(|n| n.parse().ok()).expect("a number")
    }

    fn calls_rung(&mut self, line: &str) -> Vec<usize> {
        let rings = self.rings(line);
        assert!(self.ringing() <= 10, "{line:?} made {}", self.ringing());
        rings.into_iter().map(|(call, _)| call).collect()
    }
}

#[test]
fn an_eleventh_call_waits_and_is_offered_in_the_instant_one_of_the_ten_ends() {
    let queue = "strategy=longest_idle max_ringing=10 after_refusal_ms=0";
    let mut floor = Floor::new(queue, 30);
    for call in 0..10 {
        assert_eq!(floor.calls_rung(&format!("call c{call} to q")), [call]);
    }
    for call in 10..15 {
        assert_eq!(floor.calls_rung(&format!("call c{call} to q")), [0; 0], "ten free agents");
    }
    assert_eq!(floor.ringing(), 10);
    assert_eq!(floor.calls_rung("answered c3 a3"), [10]);
    assert_eq!(floor.calls_rung("abandoned c4"), [11]);
    assert_eq!(floor.calls_rung("ended c5 caller"), [12]);
    // A returned call keeps its arrival and its place: before all who came later.
    assert_eq!(floor.calls_rung("failed c6 a6 busy"), [6]);
    floor.say("at 15s");
    assert_eq!(floor.calls_rung("failed c7 a7 no_answer"), [7]);
    assert_eq!(floor.ringing(), 10);
    // The engine's own end of the rings of 0 s, one by one as they were made: each place is taken as it
    // becomes free, by the eldest who waits.
    assert_eq!(floor.calls_rung("at 17s"), [0, 1, 2, 8, 9, 10, 11, 12, 6]);
    assert_eq!(floor.ringing(), 10);
}

#[test]
fn where_all_are_rung_ten_legs_are_the_most_of_all_calls_together() {
    let mut floor = Floor::new("strategy=simultaneous total_ms=60000", 25);
    assert_eq!(floor.say("call c0 to q"), (0..10).collect::<Vec<_>>());
    assert_eq!(floor.say("call c1 to q"), [0; 0]);
    assert_eq!(floor.rings("failed c0 a3 refused"), [(0, 10)]);
    let next = floor.rings("answered c0 a5");
    assert_eq!(next.len(), 10);
    assert!(next.iter().all(|(call, _)| *call == 1), "{next:?}");
    assert_eq!(floor.ringing(), 10);
    let again = floor.rings("abandoned c1");
    assert_eq!((again.len(), floor.ringing()), (0, 0));
}

#[test]
fn the_first_answer_wins_and_the_others_lose_neither_turn_nor_name() {
    let mut floor = Floor::new("strategy=simultaneous total_ms=60000 max_misses=1", 5);
    // Another queue with the same members, the longest idle of whom is a4.
    floor.say("queue r strategy=longest_idle");
    for agent in (0..5).rev() {
        floor.say(&format!("status a{agent} offline"));
    }
    for agent in (0..5).rev() {
        floor.say(&format!("at {}s", 10 - agent));
        floor.say(&format!("member r a{agent}"));
        floor.say(&format!("status a{agent} ready"));
    }
    floor.say("at 20s");
    assert_eq!(floor.say("call c0 to q").len(), 5);
    floor.say("at 25s");
    let facts = floor.facts("answered c0 a2");
    let withdrawn = facts.iter().filter(|fact| matches!(fact, Fact::Withdrawn { .. })).count();
    let answered = facts.iter().filter(|fact| matches!(fact, Fact::Answered { .. })).count();
    // And nothing else: no miss, no delay, no change of status.
    assert_eq!((answered, withdrawn, facts.len()), (1, 4, 5), "{facts:?}");
    let late = floor.facts("answered c0 a3");
    assert!(matches!(&late[..], [Fact::Stopped { agent, .. }] if agent == "a3"), "{late:?}");
    floor.say("ended c0 caller");
    let next: Vec<usize> = (1..6).flat_map(|i| floor.say(&format!("call c{i} to r"))).collect();
    assert_eq!(next, [4, 3, 1, 0, 2], "the winner begins anew, the others stand as they stood");
}

/// Eight phones, each picked up after 8 s on average: the first of them after one second.
#[test]
fn a_caller_waits_for_the_fastest_of_all_who_ring() {
    const CALLS: usize = 400;
    let mut dice = callboard::sim::floor::dice(16, 0);
    let mut floor = Floor::new("strategy=simultaneous total_ms=60000", 8);
    let (mut now, mut waited) = (0.0, 0.0);
    for call in 0..CALLS {
        floor.say(&format!("at {now:.0}ms"));
        assert_eq!(floor.say(&format!("call c{call} to q")).len(), 8);
        let pick_up = |agent| {
            let even: f64 = dice.random_range(f64::EPSILON..1.0);
            (-8_000.0 * even.ln(), agent)
        };
        let (after, agent) =
            (0..8usize).map(pick_up).min_by(|a, b| a.0.total_cmp(&b.0)).expect("eight");
        now += after;
        waited += after;
        floor.say(&format!("at {now:.0}ms"));
        let facts = floor.facts(&format!("answered c{call} a{agent}"));
        let stopped = facts.iter().filter(|fact| matches!(fact, Fact::Withdrawn { .. })).count();
        assert_eq!(stopped, 7, "{facts:?}");
        floor.say(&format!("ended c{call} caller"));
    }
    // 99.9 % of means of so many waits.
    let (mean, bound) = (waited / CALLS as f64, 3_290.0 / (CALLS as f64).sqrt());
    assert!((mean - 1_000.0).abs() < bound, "{mean}");
}

/// Agents a0…a3 with one to four stars; a call asks for four, and for one less every ten seconds.
fn by_stars(ready: &[usize]) -> Floor {
    let steps = r#"[{"after_ms":0,"stars_min":4},{"after_ms":10000,"stars_min":3},{"after_ms":20000,"stars_min":2},{"after_ms":30000,"stars_min":1}]"#;
    let mut floor = Floor::new(&format!("strategy=skilled competency=true steps={steps}"), 4);
    for agent in 0..4 {
        floor.say(&format!("member q a{agent} stars={}", agent + 1));
        if !ready.contains(&agent) {
            floor.say(&format!("status a{agent} on_break"));
        }
    }
    floor
}

#[test]
fn nobody_is_rung_below_the_stars_before_the_instant_and_in_it_at_once() {
    for (agent, from) in [(3, 0), (2, 10_000), (1, 20_000), (0, 30_000)] {
        let mut floor = by_stars(&[agent]);
        let at_once = floor.say("call c0 to q");
        if from == 0 {
            assert_eq!(at_once, [agent]);
            continue;
        }
        assert_eq!(at_once, [0; 0]);
        assert_eq!(floor.say(&format!("at {}ms", from - 1)), [0; 0]);
        assert_eq!(floor.say(&format!("at {from}ms")), [agent]);
    }
}

#[test]
fn the_most_stars_come_first_and_a_later_step_takes_nobody_away() {
    let mut floor = by_stars(&[0, 1, 2, 3]);
    let order: Vec<usize> = (0..4).flat_map(|i| floor.say(&format!("call c{i} to q"))).collect();
    assert_eq!(order, [3], "the others have to wait for theirs");
    assert_eq!(floor.rings("at 10s"), [(1, 2)]);
    floor.say("answered c0 a3");
    floor.say("answered c1 a2");
    assert_eq!(floor.rings("at 20s"), [(2, 1)]);
    // In the step of two stars the one with four is as welcome as before.
    floor.say("answered c2 a1");
    assert_eq!(floor.rings("ended c0 caller"), [(3, 3)]);
}
