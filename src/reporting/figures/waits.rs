//! Waits of the last day one by one: service levels of thresholds that have no sums of their own.

use super::counts::{Counts, Sum};
use crate::domain::figures::Threshold;
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

const MINUTE_MS: i64 = 60_000;
/// Longer than the longest day that is asked for, which has 25 hours.
const KEPT_MINUTES: u32 = 26 * 60;
/// Set in the seconds of a wait that an answer ended.
const ANSWERED: u32 = 1 << 31;

/// How many waits ended within a threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Within {
    /// Those that an agent's answer ended.
    pub answered: i64,
    /// All of them.
    pub left: i64,
}

impl Within {
    /// As the sums of a preset say.
    pub(super) fn of_preset(counts: &Counts, place: usize) -> Within {
        Within {
            answered: counts.within(place, Sum::AnsweredWithin),
            left: counts.within(place, Sum::LeftWithin),
        }
    }

    /// Adds others.
    pub fn merge(&mut self, other: &Within) {
        self.answered += other.answered;
        self.left += other.left;
    }

    /// One more wait.
    pub fn add(&mut self, threshold: Threshold, waited_ms: u64, answered: bool) {
        if waited_ms <= threshold.ms() {
            self.left += 1;
            self.answered += i64::from(answered);
        }
    }
}

/// A queue's waits that have ended, as they ended: the minute of each call's entry, and how many whole
/// seconds it waited, rounded up.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Waits(VecDeque<(u32, u32)>);

fn minute(at: Millis) -> u32 {
    u32::try_from(at.0.div_euclid(MINUTE_MS)).unwrap_or(0)
}

fn seconds(waited_ms: u64, answered: bool) -> u32 {
    let seconds = u32::try_from(waited_ms.div_ceil(1_000)).unwrap_or(u32::MAX);
    seconds.min(ANSWERED - 1) | if answered { ANSWERED } else { 0 }
}

impl Waits {
    /// A call that entered then has left, after so long.
    pub fn ended(&mut self, entered_at: Millis, waited_ms: u64, answered: bool) {
        let entered = minute(entered_at);
        while self.0.front().is_some_and(|(at, _)| *at + KEPT_MINUTES < entered) {
            self.0.pop_front();
        }
        self.0.push_back((entered, seconds(waited_ms, answered)));
    }

    /// An answer came to nothing: that wait goes on.
    pub fn goes_on(&mut self, entered_at: Millis, waited_ms: u64) {
        let wait = (minute(entered_at), seconds(waited_ms, true));
        // Mostly one of the last.
        if let Some(place) = self.0.iter().rposition(|of| *of == wait) {
            self.0.remove(place);
        }
    }

    /// Adds those of calls that entered at a whole minute or later.
    pub fn add_to(&self, into: &mut Within, threshold: Threshold, from: Millis) {
        let (from, most) = (minute(from), threshold.seconds());
        for (entered, seconds) in &self.0 {
            if *entered >= from && seconds & !ANSWERED <= most {
                into.left += 1;
                into.answered += i64::from(seconds & ANSWERED != 0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Millis = Millis(1_800_000_000_000);

    fn within(waits: &Waits, seconds: u64, from: Millis) -> (i64, i64) {
        let threshold = Threshold::of_seconds(seconds).expect("a threshold");
        let mut within = Within::default();
        waits.add_to(&mut within, threshold, from);
        (within.answered, within.left)
    }

    #[test]
    fn a_wait_counts_from_the_threshold_on_that_it_is_within() {
        let mut waits = Waits::default();
        for (ms, answered) in [(0, true), (7_000, true), (7_001, true), (7_001, false)] {
            waits.ended(START, ms, answered);
        }
        assert_eq!(
            [1, 6, 7, 8].map(|s| within(&waits, s, START)),
            [(1, 1), (1, 1), (2, 2), (3, 4)]
        );
        waits.goes_on(START, 7_001);
        assert_eq!(within(&waits, 8, START), (2, 3));
        assert_eq!(within(&waits, 604_800, START.plus(60_000)), (0, 0), "entered before");
    }

    #[test]
    fn what_is_older_than_a_day_goes() {
        let mut waits = Waits::default();
        for hour in 0..100 {
            waits.ended(START.plus(hour * 3_600_000), 500, false);
        }
        assert_eq!(waits.0.len(), 27);
        assert_eq!(within(&waits, 1, START.plus(75 * 3_600_000)), (0, 25));
    }
}
