//! Each decision of a busy hour, held against what can be known from outside: who is idle since when,
//! who has had how many calls, who waits. Agents take breaks in between, which change nothing of it.

use super::{FAIR, Floor, IN_ORDER};
use std::collections::{BTreeMap, BTreeSet};

/// Members of the busy hour.
const MEMBERS: usize = 5;

/// A point of priority, in milliseconds of age.
const STEP: i64 = 60_000;

/// What can be known from outside.
struct Seen {
    now: i64,
    /// Since when each is without a call; those on a break are not among the candidates.
    idle: BTreeMap<usize, i64>,
    on_break: BTreeSet<usize>,
    counts: [i64; MEMBERS],
    last: Option<usize>,
    /// Rank, and the call.
    waiting: BTreeSet<(i64, usize)>,
    /// The ends of calls: instant, call, agent.
    ends: BTreeSet<(i64, usize, usize)>,
    /// Calls that had to wait, calls that found several agents.
    waited: usize,
    chosen: usize,
}

impl Seen {
    fn candidates(&self) -> BTreeMap<usize, i64> {
        let there = self.idle.iter().filter(|(agent, _)| !self.on_break.contains(agent));
        there.map(|(agent, since)| (*agent, *since)).collect()
    }
}

/// A law of an order: given what is known and the candidates, is this agent the one?
type Law = fn(&Seen, &BTreeMap<usize, i64>, usize) -> bool;

/// A call that rings: it is the first of those who wait, its agent is free, and the law holds.
fn rung(floor: &mut Floor, seen: &mut Seen, (call, agent): (usize, usize), law: Law) {
    let candidates = seen.candidates();
    assert!(candidates.contains_key(&agent), "c{call} rings a{agent}, who is not free");
    let first = seen.waiting.pop_first().expect("somebody waits");
    assert_eq!(first.1, call, "the first by priority and age");
    assert!(law(seen, &candidates, agent), "c{call} to a{agent} of {candidates:?}");
    seen.chosen += usize::from(candidates.len() > 1);
    seen.idle.remove(&agent);
    seen.counts[agent] += 1;
    seen.last = Some(agent);
    floor.say(&format!("answered c{call} a{agent}"));
    let lasts = 2_000 + (call as i64 * 104_729) % 31_000;
    seen.ends.insert((seen.now + lasts, call, agent));
}

/// What happens next, and the line that says so.
fn next(seen: &mut Seen, arrivals: &mut Vec<(i64, usize)>, turn: usize) -> Option<String> {
    let ends = seen.ends.first().map(|(at, ..)| *at);
    let now = arrivals.last().map(|(at, _)| *at).into_iter().chain(ends).min()?;
    // Between two events one of the agents begins or ends a break.
    let agent = turn % MEMBERS;
    if turn.is_multiple_of(3) && (seen.on_break.contains(&agent) || seen.idle.contains_key(&agent))
    {
        let back = seen.on_break.remove(&agent);
        if !back {
            seen.on_break.insert(agent);
        }
        return Some(format!("status a{agent} {}", if back { "ready" } else { "on_break" }));
    }
    seen.now = now;
    if ends == Some(now) {
        let (_, call, agent) = seen.ends.pop_first()?;
        seen.idle.insert(agent, now);
        return Some(format!("ended c{call} caller"));
    }
    let (_, call) = arrivals.pop()?;
    let priority = call as i64 * 7 % 5 - 2;
    seen.waiting.insert((now - priority * STEP, call));
    Some(format!("call c{call} to q priority={priority}"))
}

/// A busy hour; after every event nobody waits beside a free agent.
fn busy_hour(queue: &str, law: Law) -> Seen {
    let mut floor = Floor::new(queue, MEMBERS);
    let mut arrivals: Vec<(i64, usize)> = Vec::new();
    for call in 0..300 {
        arrivals.push((call as i64 * 5_200 + (call as i64 * 7_919) % 9_000, call));
    }
    arrivals.sort_unstable_by(|a, b| b.cmp(a));
    let mut seen = Seen {
        now: 0,
        idle: (0..MEMBERS).map(|agent| (agent, 0)).collect(),
        on_break: BTreeSet::new(),
        counts: [0; MEMBERS],
        last: None,
        waiting: BTreeSet::new(),
        ends: BTreeSet::new(),
        waited: 0,
        chosen: 0,
    };
    for turn in 1.. {
        let Some(line) = next(&mut seen, &mut arrivals, turn) else { break };
        floor.say(&format!("at {}ms", seen.now));
        for ring in floor.rings(&line) {
            rung(&mut floor, &mut seen, ring, law);
        }
        seen.waited += usize::from(line.starts_with("call") && !seen.waiting.is_empty());
        let free = seen.candidates();
        assert!(
            seen.waiting.is_empty() || free.is_empty(),
            "after {line:?} {:?} wait beside {free:?}",
            seen.waiting
        );
    }
    assert!(seen.waited > 50 && seen.chosen > 50, "{} and {}", seen.waited, seen.chosen);
    assert_eq!(seen.counts.iter().sum::<i64>(), 300);
    seen
}

/// Equivalent to no overtaking: who was idle before another became idle has a call before the other.
fn longest_idle(_: &Seen, candidates: &BTreeMap<usize, i64>, agent: usize) -> bool {
    candidates.iter().map(|(other, since)| (since, other)).min()
        == Some((&candidates[&agent], &agent))
}

fn fewest_calls(seen: &Seen, candidates: &BTreeMap<usize, i64>, agent: usize) -> bool {
    let key = |other: &usize| (seen.counts[*other], candidates[other], *other);
    candidates.keys().map(key).min() == Some(key(&agent))
}

fn next_in_the_circle(seen: &Seen, candidates: &BTreeMap<usize, i64>, agent: usize) -> bool {
    let from = seen.last.map_or(0, |last| last + 1);
    let first = (from..from + MEMBERS).map(|i| i % MEMBERS).find(|i| candidates.contains_key(i));
    first == Some(agent)
}

fn lowest_rank(_: &Seen, candidates: &BTreeMap<usize, i64>, agent: usize) -> bool {
    candidates.keys().next() == Some(&agent)
}

#[test]
fn the_longest_idle_is_chosen_and_nobody_is_overtaken() {
    busy_hour(FAIR[0], longest_idle);
}

#[test]
fn the_chosen_has_the_fewest_calls_of_all_candidates() {
    let seen = busy_hour(FAIR[1], fewest_calls);
    let (least, most) = (seen.counts.iter().min(), seen.counts.iter().max());
    assert!(most <= least.map(|n| n + 5).as_ref(), "{:?}", seen.counts);
}

#[test]
fn round_robin_takes_the_first_candidate_after_the_last() {
    busy_hour(FAIR[2], next_in_the_circle);
}

#[test]
fn sequential_takes_the_lowest_ranked_who_is_idle() {
    let seen = busy_hour(IN_ORDER, lowest_rank);
    let [first, .., last] = seen.counts;
    assert!(first > last, "{:?}", seen.counts);
}

#[test]
fn whatever_draws_leaves_nobody_waiting_beside_a_free_agent() {
    for queue in ["strategy=random", "strategy=weighted", "strategy=least_versatile"] {
        busy_hour(queue, |_, _, _| true);
    }
}

/// All free: call i goes to agent i mod n; n × m calls are exactly m each.
#[test]
fn round_robin_gives_each_exactly_as_many() {
    let mut floor = Floor::new(FAIR[2], 7);
    let mut counts = [0; 7];
    for i in 0..7 * 12 {
        let agent = floor.call(i * 10, 5);
        assert_eq!(agent as i64, i % 7);
        counts[agent] += 1;
    }
    assert_eq!(counts, [12; 7]);
}

/// Calls a0 needs twice as long for; who can carry the share has it, with another occupancy.
fn shares(slow: i64) -> [i64; 3] {
    let mut floor = Floor::new(FAIR[1], 3);
    let mut counts = [0; 3];
    for i in 0..300 {
        let agent = floor.call_by(i * 10, |agent| if agent == 0 { slow } else { 8 });
        counts[agent] += 1;
    }
    counts
}

#[test]
fn fewest_calls_gives_equal_shares_to_a_slow_agent_who_can_carry_them() {
    assert_eq!(shares(16), [100; 3]);
    // 40 s a call, one every 10 s: a quarter is all that a0 can do, and the others share the rest.
    let [slow, one, other] = shares(40);
    assert_eq!((slow, one + other), (75, 225));
    assert!((one - other).abs() <= 1, "{one} and {other}");
}
