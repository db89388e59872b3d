//! What was counted in intervals that are over.

use super::counts::{Counts, Open};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// A minute, ms.
pub const MINUTE_MS: i64 = 60_000;
/// A quarter of an hour, ms.
pub const QUARTER_MS: i64 = 15 * MINUTE_MS;
/// Of quarters of an hour, the longest day, which has 25 hours, and the one that has begun.
pub const QUARTERS: (i64, i64) = (QUARTER_MS, 4 * 25 + 1);

/// Where the minute of an instant begins.
pub fn minute_of(at: i64) -> i64 {
    at.div_euclid(MINUTE_MS) * MINUTE_MS
}

/// Where the quarter of an hour of an instant begins.
pub fn quarter_of(at: i64) -> i64 {
    at.div_euclid(QUARTER_MS) * QUARTER_MS
}

/// Intervals of one length that are over and in which something was counted, the oldest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Past(VecDeque<Run>);

/// Intervals one behind the other with the same in each: while rates stand, minutes are alike.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Run {
    begins: i64,
    /// How many, of the grain of the [`Past`] they are in.
    times: i64,
    /// What is in each.
    counts: Counts,
}

impl Run {
    fn end(&self, grain: i64) -> i64 {
        self.begins + self.times * grain
    }

    /// How many of them begin at `from` or later.
    fn since(&self, from: i64, grain: i64) -> i64 {
        let before = (from - self.begins + grain - 1).div_euclid(grain);
        self.times - before.clamp(0, self.times)
    }

    /// Takes off what begins at an edge within them, or later.
    fn split_off(&mut self, edge: i64, grain: i64) -> Run {
        let (times, counts) = (self.since(edge, grain), self.counts.clone());
        self.times -= times;
        Run { begins: edge, times, counts }
    }
}

impl Past {
    /// So many intervals of `grain` ms are over, with the same in each; `kept` of them are kept at least.
    pub fn push(&mut self, (begins, times): (i64, i64), each: &Open, (grain, kept): (i64, i64)) {
        // What is too old stays until its room is wanted, and is written over.
        let oldest = begins + (times - kept) * grain;
        let old = match self.0.len() == self.0.capacity() {
            true => self.0.pop_front_if(|run| run.end(grain) <= oldest),
            false => None,
        };
        let mut run = old.unwrap_or_default();
        (run.begins, run.times) = (begins, times);
        each.close(&mut run.counts);
        self.0.push_back(run);
    }

    /// The interval of `grain` ms that begins there, to be changed.
    pub fn bucket(&mut self, begins: i64, grain: i64) -> &mut Counts {
        let mut place = self.0.partition_point(|run| run.end(grain) <= begins);
        match self.0.get_mut(place).filter(|run| run.begins <= begins) {
            // Alone from now on.
            Some(run) => {
                if begins + grain < run.end(grain) {
                    let later = run.split_off(begins + grain, grain);
                    self.0.insert(place + 1, later);
                }
                if self.0[place].begins < begins {
                    let this = self.0[place].split_off(begins, grain);
                    place += 1;
                    self.0.insert(place, this);
                }
            }
            None => self.0.insert(place, Run { begins, times: 1, counts: Counts::default() }),
        }
        &mut self.0[place].counts
    }

    /// Those that begin at `from` or later, and how many there are of each.
    pub fn since(&self, from: i64, grain: i64) -> impl Iterator<Item = (&Counts, i64)> {
        let first = self.0.partition_point(|run| run.end(grain) <= from);
        self.0.range(first..).map(move |run| (&run.counts, run.since(from, grain)))
    }

    /// How many runs there are.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}
