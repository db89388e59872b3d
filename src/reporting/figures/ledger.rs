//! The sums of every subject over the last day, in buckets: minutes for the last hour, quarters of an
//! hour for the rest. What is restated goes into the bucket of its instant; what is older than all
//! buckets is the history's.

use super::counts::{Counts, Sum};
use crate::domain::ids::{AgentIx, Name, QueueIx};
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

const MINUTE_MS: i64 = 60_000;
const QUARTER_MS: i64 = 15 * MINUTE_MS;
/// The last hour, and the minute that has begun.
const MINUTES: usize = 61;
/// The longest day has 25 hours; and the quarter that has begun.
const QUARTERS: usize = 4 * 25 + 1;

/// Whose sums they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The account.
    Account,
    /// A queue or group.
    Queue(QueueIx),
    /// An agent.
    Agent(AgentIx),
    /// A team.
    Team(Name),
}

/// Buckets of one length, the oldest first; none that is empty.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Ring(VecDeque<(i64, Counts)>);

impl Ring {
    /// The bucket that begins there, if it is not older than the `kept` newest.
    fn bucket(&mut self, begins: i64, length: i64, kept: usize) -> Option<&mut Counts> {
        let ring = &mut self.0;
        let span = i64::try_from(kept).unwrap_or(0) * length;
        match ring.back().map(|(last, _)| *last) {
            Some(last) if last == begins => {}
            Some(last) if last > begins => {
                if begins <= last - span {
                    return None;
                }
                let at = ring.partition_point(|(at, _)| *at < begins);
                if ring.get(at).is_none_or(|(found, _)| *found != begins) {
                    ring.insert(at, (begins, Counts::default()));
                }
                return ring.get_mut(at).map(|(_, counts)| counts);
            }
            _ => {
                while ring.front().is_some_and(|(first, _)| *first <= begins - span) {
                    ring.pop_front();
                }
                ring.push_back((begins, Counts::default()));
            }
        }
        ring.back_mut().map(|(_, counts)| counts)
    }

    fn sum(&self, from: i64, into: &mut Counts) {
        let first = self.0.partition_point(|(at, _)| *at < from);
        self.0.range(first..).for_each(|(_, counts)| into.merge(counts));
    }
}

/// One subject's buckets.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Buckets {
    minutes: Ring,
    quarters: Ring,
}

impl Buckets {
    fn change(&mut self, at: Millis, change: impl Fn(&mut Counts)) {
        let minute = at.0.div_euclid(MINUTE_MS) * MINUTE_MS;
        self.minutes.bucket(minute, MINUTE_MS, MINUTES).into_iter().for_each(&change);
        let quarter = at.0.div_euclid(QUARTER_MS) * QUARTER_MS;
        self.quarters.bucket(quarter, QUARTER_MS, QUARTERS).into_iter().for_each(&change);
    }

    fn span(&mut self, from: Millis, until: Millis, change: &impl Fn(&mut Counts, i64)) {
        for_each_part(from, until, MINUTE_MS, MINUTES, |begins, ms| {
            let counts = self.minutes.bucket(begins, MINUTE_MS, MINUTES);
            counts.into_iter().for_each(|counts| change(counts, ms));
        });
        for_each_part(from, until, QUARTER_MS, QUARTERS, |begins, ms| {
            let counts = self.quarters.bucket(begins, QUARTER_MS, QUARTERS);
            counts.into_iter().for_each(|counts| change(counts, ms));
        });
    }
}

/// Cuts a span at the edges of buckets; of a long one only what is still kept.
fn for_each_part(
    from: Millis,
    until: Millis,
    length: i64,
    kept: usize,
    mut part: impl FnMut(i64, i64),
) {
    let newest = (until.0 - 1).div_euclid(length) * length;
    let oldest = newest - (i64::try_from(kept).unwrap_or(0) - 1) * length;
    let mut at = from.0.max(oldest);
    while at < until.0 {
        let begins = at.div_euclid(length) * length;
        let end = (begins + length).min(until.0);
        part(begins, end - at);
        at = end;
    }
}

/// All subjects' buckets.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ledger {
    account: Buckets,
    queues: Vec<Buckets>,
    agents: Vec<Buckets>,
    teams: BTreeMap<Name, Buckets>,
}

impl Ledger {
    fn buckets(&mut self, subject: &Subject) -> &mut Buckets {
        fn place(all: &mut Vec<Buckets>, at: usize) -> &mut Buckets {
            if all.len() <= at {
                all.resize_with(at + 1, Buckets::default);
            }
            &mut all[at]
        }
        match subject {
            Subject::Account => &mut self.account,
            Subject::Queue(ix) => place(&mut self.queues, ix.at()),
            Subject::Agent(ix) => place(&mut self.agents, ix.at()),
            Subject::Team(id) => self.teams.entry(id.clone()).or_default(),
        }
    }

    /// Adds to a sum of the interval in which `at` lies.
    pub fn add(&mut self, subject: &Subject, at: Millis, sum: impl Into<Sum>, amount: i64) {
        let sum = sum.into();
        self.buckets(subject).change(at, |counts| counts.add(sum, amount));
    }

    /// Notes a wait that ended.
    pub fn waited(&mut self, subject: &Subject, at: Millis, ms: u64) {
        self.buckets(subject).change(at, |counts| counts.waited(ms));
    }

    /// Adds the time from one instant until another, `rates` times, to sums: split at the edges.
    pub fn span(
        &mut self,
        subject: &Subject,
        (from, until): (Millis, Millis),
        rates: &[(Sum, i64)],
    ) {
        self.buckets(subject).span(from, until, &|counts, ms| {
            rates.iter().for_each(|(sum, rate)| counts.add(*sum, ms * rate));
        });
    }

    /// The sums since `from`, which is a whole minute of the last hour, or a whole quarter of an hour.
    #[must_use]
    pub fn since(&self, subject: &Subject, from: Millis, now: Millis) -> Counts {
        let mut counts = Counts::default();
        let buckets = match subject {
            Subject::Account => Some(&self.account),
            Subject::Queue(ix) => self.queues.get(ix.at()),
            Subject::Agent(ix) => self.agents.get(ix.at()),
            Subject::Team(id) => self.teams.get(id),
        };
        let Some(buckets) = buckets else { return counts };
        let last_hour = now.0.div_euclid(MINUTE_MS) * MINUTE_MS - 60 * MINUTE_MS;
        if from.0 >= last_hour {
            buckets.minutes.sum(from.0, &mut counts);
        } else {
            buckets.quarters.sum(from.0, &mut counts);
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::super::counts::Measure;
    use super::*;

    const AGENT: Subject = Subject::Agent(AgentIx(3));

    fn at(minutes: i64, ms: i64) -> Millis {
        Millis(1_000_000 * QUARTER_MS + minutes * MINUTE_MS + ms)
    }

    #[test]
    fn a_span_over_edges_is_split_and_adds_up_in_every_window() {
        let mut ledger = Ledger::default();
        let rates = [(Sum::Of(Measure::ReadyMs), 1), (Sum::Of(Measure::CapacityMs), 3)];
        ledger.span(&AGENT, (at(0, 500), at(200, 250)), &rates);
        let now = at(200, 250);
        let ready = |from| ledger.since(&AGENT, from, now).get(Measure::ReadyMs);
        assert_eq!(ready(at(0, 0)), 200 * MINUTE_MS - 250);
        assert_eq!(ready(at(15, 0)), 185 * MINUTE_MS + 250);
        assert_eq!(ready(at(140, 0)), 60 * MINUTE_MS + 250, "by minutes");
        assert_eq!(ready(at(200, 0)), 250);
        let all = ledger.since(&AGENT, at(0, 0), now).get(Measure::CapacityMs);
        assert_eq!(all, 3 * (200 * MINUTE_MS - 250));
        assert!(ledger.since(&Subject::Agent(AgentIx(0)), at(0, 0), now).is_empty());
    }

    #[test]
    fn what_is_restated_goes_where_it_began_and_what_is_too_old_nowhere() {
        let mut ledger = Ledger::default();
        ledger.add(&Subject::Account, at(0, 0), Measure::Offered, 1);
        ledger.add(&Subject::Account, at(40, 0), Measure::Offered, 1);
        ledger.add(&Subject::Account, at(20, 59_999), Measure::Offered, 1);
        let offered = |ledger: &Ledger, from| {
            ledger.since(&Subject::Account, from, at(40, 0)).get(Measure::Offered)
        };
        assert_eq!([0, 15, 20, 21, 40].map(|m| offered(&ledger, at(m, 0))), [3, 2, 2, 1, 1]);
        let days = 3 * 24 * 60;
        ledger.add(&Subject::Account, at(days, 0), Measure::Offered, 1);
        ledger.add(&Subject::Account, at(40, 0), Measure::Offered, 1);
        let all = ledger.since(&Subject::Account, at(0, 0), at(days, 0)).get(Measure::Offered);
        assert_eq!(all, 1, "only what is kept");
    }

    #[test]
    fn a_day_of_25_hours_is_kept() {
        let mut ledger = Ledger::default();
        ledger.add(&AGENT, at(0, 0), Measure::Handled, 1);
        ledger.add(&AGENT, at(25 * 60 - 1, 0), Measure::Handled, 1);
        let all = ledger.since(&AGENT, at(0, 0), at(25 * 60 - 1, 0));
        assert_eq!(all.get(Measure::Handled), 2);
    }
}
