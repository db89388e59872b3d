//! Waits of the last day one by one: service levels of thresholds that have no sums of their own.

use super::counts::{Counts, Sum};
use super::past::{MINUTE_MS, QUARTER_MS};
use crate::domain::figures::Threshold;
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Longer than the longest day that is asked for, which has 25 hours.
const KEPT_QUARTERS: u32 = 26 * 4;

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

/// A wait that has ended: how many whole seconds it took, rounded up, in which minute of its quarter
/// the call entered, and (the last bit) whether an answer ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Wait(u32);

impl Wait {
    fn new(entered_at: Millis, waited_ms: u64, answered: bool) -> Wait {
        // What is longer is within no threshold.
        let seconds = waited_ms.div_ceil(1_000).min(Threshold::LONGEST_S + 1);
        let minute = entered_at.0.div_euclid(MINUTE_MS).rem_euclid(15);
        Wait((seconds as u32) << 5 | (minute as u32) << 1 | u32::from(answered))
    }

    fn minute(self) -> u32 {
        self.0 >> 1 & 15
    }

    /// 1 when it is within so many seconds; no branch, since a million of them are gone through.
    fn within(self, seconds: u32) -> u32 {
        u32::from(self.0 >> 5 <= seconds)
    }
}

/// A queue's waits that have ended, by the quarter of an hour in which the call entered, the oldest
/// quarter first: windows begin with a quarter, but in the last hour with a minute.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Waits(VecDeque<(u32, Vec<Wait>)>);

fn quarter(at: Millis) -> u32 {
    u32::try_from(at.0.div_euclid(QUARTER_MS)).unwrap_or(0)
}

impl Waits {
    /// A call that entered then has left, after so long.
    pub fn ended(&mut self, entered_at: Millis, waited_ms: u64, answered: bool) {
        let kept_from = quarter(entered_at.plus(waited_ms)).saturating_sub(KEPT_QUARTERS);
        while self.0.front().is_some_and(|(of, _)| *of < kept_from) {
            self.0.pop_front();
        }
        let of = quarter(entered_at);
        if of < kept_from {
            return;
        }
        // Mostly the last.
        let is_last = self.0.back().is_some_and(|(other, _)| *other == of);
        let place = match is_last {
            true => self.0.len() - 1,
            false => self.0.partition_point(|(other, _)| *other < of),
        };
        if self.0.get(place).is_none_or(|(other, _)| *other != of) {
            self.0.insert(place, (of, Vec::new()));
        }
        let (_, waits) = &mut self.0[place];
        if waits.len() == waits.capacity() {
            // Not the double: a day has many.
            waits.reserve_exact(waits.len() / 8 + 4);
        }
        waits.push(Wait::new(entered_at, waited_ms, answered));
    }

    /// An answer came to nothing: that wait goes on.
    pub fn goes_on(&mut self, entered_at: Millis, waited_ms: u64) {
        let (of, wait) = (quarter(entered_at), Wait::new(entered_at, waited_ms, true));
        let place = self.0.partition_point(|(other, _)| *other < of);
        if let Some((_, waits)) = self.0.get_mut(place).filter(|(other, _)| *other == of)
            // Mostly one of the last.
            && let Some(at) = waits.iter().rposition(|other| *other == wait)
        {
            waits.swap_remove(at);
        }
    }

    /// Adds those of calls that entered at `from` or later, which is a whole minute.
    pub fn add_to(&self, into: &mut Within, threshold: Threshold, from: Millis) {
        let (first, most) = (quarter(from), threshold.seconds());
        let minute = Wait::new(from, 0, false).minute();
        let place = self.0.partition_point(|(of, _)| *of < first);
        for (of, waits) in self.0.range(place..) {
            let (mut left, mut answered) = (0, 0);
            let mut add = |wait: &Wait| {
                let within = wait.within(most);
                left += within;
                answered += within & wait.0;
            };
            match *of == first && minute > 0 {
                true => waits.iter().filter(|wait| wait.minute() >= minute).for_each(add),
                false => waits.iter().for_each(&mut add),
            }
            into.left += i64::from(left);
            into.answered += i64::from(answered);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::counts::band;
    use super::*;
    use crate::domain::figures::THRESHOLDS_S;

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
    fn windows_begin_with_a_minute_and_waits_of_seven_days_are_told_from_longer_ones() {
        let mut waits = Waits::default();
        let entered =
            [59_999, 60_000, 14 * 60_000, 15 * 60_000, 44 * 60_000].map(|ms| START.plus(ms));
        // The last of them leaves first.
        entered.iter().rev().for_each(|at| waits.ended(*at, 1_000, true));
        let of = |minute: u64| within(&waits, 1, START.plus(minute * 60_000)).1;
        assert_eq!([0, 1, 2, 14, 15, 16, 44, 45].map(of), [5, 4, 3, 3, 2, 1, 1, 0]);
        for (ms, seconds) in [(604_800_000, 604_800), (604_800_001, 604_801), (u64::MAX, 604_801)] {
            assert_eq!(Wait::new(START, ms, false).0 >> 5, seconds);
        }
    }

    #[test]
    fn by_the_threshold_of_a_preset_they_are_its_sums() {
        let (mut waits, mut counts) = (Waits::default(), Counts::default());
        for seconds in THRESHOLDS_S {
            for ms in [seconds * 1_000 - 1_000, seconds * 1_000, seconds * 1_000 + 1] {
                for answered in [true, false, true] {
                    waits.ended(START, ms, answered);
                    counts.add(Sum::LeftWithin(band(ms)), 1);
                    counts.add(Sum::AnsweredWithin(band(ms)), i64::from(answered));
                }
            }
        }
        for (place, seconds) in THRESHOLDS_S.into_iter().enumerate() {
            let sums = Within::of_preset(&counts, place);
            assert_eq!(within(&waits, seconds, START), (sums.answered, sums.left), "{seconds} s");
        }
    }

    #[test]
    fn what_is_older_than_a_day_goes() {
        let mut waits = Waits::default();
        for hour in 0..100 {
            waits.ended(START.plus(hour * 3_600_000), 500, false);
        }
        assert_eq!(waits.0.len(), 27);
        assert_eq!(within(&waits, 1, START.plus(75 * 3_600_000)), (0, 25));
        waits.ended(START, 100 * 3_600_000, true);
        assert_eq!(waits.0.len(), 26, "it entered before all windows, and an hour more is over");
    }
}
