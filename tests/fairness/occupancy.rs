//! How much work the order of hunting leaves to whom: known figures, over dice with a seed.

use super::{Floor, IN_ORDER};
use rand::RngExt;
use std::collections::BTreeSet;

/// Agents of the group.
const MEMBERS: usize = 4;
/// Calls of a run: 3 erlang, 100 s each on average.
const CALLS: usize = 4_000;

/// The part of the time that each agent talks.
fn occupancies(queue: &str) -> [f64; MEMBERS] {
    let mut dice = callboard::sim::floor::dice(5, 0);
    let mut exponential = |mean: f64| {
        let even: f64 = dice.random_range(f64::EPSILON..1.0);
        (-mean * even.ln()).round() as i64
    };
    let mut floor = Floor::new(queue, MEMBERS);
    let mut talked = [0i64; MEMBERS];
    let mut ends: BTreeSet<(i64, usize)> = BTreeSet::new();
    let (mut arrives, mut call, mut now) = (0, 0, 0);
    while call < CALLS {
        let ended = ends.first().copied().filter(|(at, _)| *at <= arrives);
        now = ended.map_or(arrives, |(at, _)| at);
        floor.say(&format!("at {now}ms"));
        let line = match ended {
            Some(end) => {
                ends.remove(&end);
                format!("ended c{} caller", end.1)
            }
            None => {
                arrives += exponential(100_000.0 / 3.0);
                call += 1;
                format!("call c{} to q", call - 1)
            }
        };
        for (call, agent) in floor.rings(&line) {
            let lasts = exponential(100_000.0);
            talked[agent] += lasts;
            ends.insert((now + lasts, call));
            floor.say(&format!("answered c{call} a{agent}"));
        }
    }
    talked.map(|talked| talked as f64 / now as f64)
}

fn assert_near(found: [f64; MEMBERS], expected: [f64; MEMBERS]) {
    for (found_one, expected_one) in found.iter().zip(&expected) {
        assert!((found_one - expected_one).abs() < 0.05, "{found:.4?}, expected {expected:.4?}");
    }
    assert!(found.is_sorted_by(|a, b| a > b), "{found:.4?}");
}

#[test]
fn in_order_the_first_works_most_where_callers_wait() {
    assert_near(occupancies(IN_ORDER), [0.8455, 0.7910, 0.7218, 0.6417]);
}

/// Agent k carries a (B(k − 1) − B(k)) of a erlang, B being Erlang's loss.
#[test]
fn in_order_each_has_the_overflow_of_those_before_where_nobody_may_wait() {
    let offered = 3.0;
    let (mut loss, mut carried) = (1.0, [0.0; MEMBERS]);
    for (before, carried) in carried.iter_mut().enumerate() {
        let next = offered * loss / ((before + 1) as f64 + offered * loss);
        *carried = offered * (loss - next);
        loss = next;
    }
    assert_near(occupancies(&format!("{IN_ORDER} exits.max_waiting=0")), carried);
}
