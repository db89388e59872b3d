//! The sums of every subject over the last day, in buckets: minutes for the last hour, quarters of an
//! hour for the rest. What is restated goes into the bucket of its instant; what is older than all
//! buckets is the history's.

use super::counts::{Counts, Open, Sum};
use crate::domain::ids::{AgentIx, Name, QueueIx};
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

const MINUTE_MS: i64 = 60_000;
const QUARTER_MS: i64 = 15 * MINUTE_MS;
/// The last hour, and the minute that has begun.
const MINUTES: i64 = 61;
/// The longest day has 25 hours; and the quarter that has begun.
const QUARTERS: i64 = 4 * 25 + 1;

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

/// Buckets of one length that are over, the oldest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Ring(VecDeque<(i64, Counts)>);

impl Ring {
    /// The bucket that begins there; of those so old that none is kept, none. `newest`: where the one
    /// begins that goes on.
    fn bucket(&mut self, begins: i64, newest: i64, span: i64) -> Option<&mut Counts> {
        if begins <= newest - span {
            return None;
        }
        let ring = &mut self.0;
        let at = ring.partition_point(|(at, _)| *at < begins);
        if ring.get(at).is_none_or(|(found, _)| *found != begins) {
            ring.insert(at, (begins, Counts::default()));
        }
        ring.get_mut(at).map(|(_, counts)| counts)
    }

    fn forget(&mut self, newest: i64, span: i64) {
        while self.0.front().is_some_and(|(first, _)| *first <= newest - span) {
            self.0.pop_front();
        }
    }

    fn sum(&self, from: i64, into: &mut Counts) {
        self.since(from).for_each(|counts| into.merge(counts));
    }

    fn since(&self, from: i64) -> impl Iterator<Item = &Counts> {
        let first = self.0.partition_point(|(at, _)| *at < from);
        self.0.range(first..).map(|(_, counts)| counts)
    }
}

/// One subject's buckets.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Buckets {
    /// Where the minute begins that goes on, and what is in it.
    minute: i64,
    open: Open,
    /// Minutes that are over, …
    minutes: Ring,
    /// … and the same in quarters of an hour.
    quarters: Ring,
}

impl Buckets {
    /// Changes the bucket of an instant: the minute that goes on, or one that is over and its quarter.
    fn change(&mut self, at: i64, open: impl FnOnce(&mut Open), over: impl Fn(&mut Counts)) {
        // Most of what is counted is of the minute that goes on: no division for that.
        if (self.minute..self.minute + MINUTE_MS).contains(&at) {
            return open(&mut self.open);
        }
        let begins = at.div_euclid(MINUTE_MS) * MINUTE_MS;
        if begins > self.minute {
            self.close(begins);
        }
        if begins == self.minute {
            return open(&mut self.open);
        }
        let quarter = at.div_euclid(QUARTER_MS) * QUARTER_MS;
        let minutes = self.minutes.bucket(begins, self.minute, MINUTES * MINUTE_MS);
        minutes.into_iter().for_each(&over);
        let quarters = self.quarters.bucket(quarter, self.minute, QUARTERS * QUARTER_MS);
        quarters.into_iter().for_each(&over);
    }

    /// The minute is over: another begins.
    fn close(&mut self, begins: i64) {
        let counts = self.open.closed();
        if !counts.is_empty() {
            let quarter = self.minute.div_euclid(QUARTER_MS) * QUARTER_MS;
            let span = QUARTERS * QUARTER_MS;
            let quarters = self.quarters.bucket(quarter, self.minute, span);
            quarters.into_iter().for_each(|of| of.merge(&counts));
            self.minutes.0.push_back((self.minute, counts));
            self.open.clear();
        }
        self.minute = begins;
        self.minutes.forget(begins, MINUTES * MINUTE_MS);
        self.quarters.forget(begins, QUARTERS * QUARTER_MS);
    }

    fn ring(&self, from: Millis, now: Millis) -> &Ring {
        let last_hour = now.0.div_euclid(MINUTE_MS) * MINUTE_MS - 60 * MINUTE_MS;
        if from.0 >= last_hour { &self.minutes } else { &self.quarters }
    }

    /// One sum alone.
    fn sum(&self, from: Millis, now: Millis, sum: Sum) -> i64 {
        let over: i64 = self.ring(from, now).since(from.0).map(|counts| counts.get(sum)).sum();
        over + if self.minute >= from.0 { self.open.get(sum) } else { 0 }
    }

    fn since(&self, from: Millis, now: Millis, into: &mut Counts) {
        self.ring(from, now).sum(from.0, into);
        if self.minute >= from.0 {
            into.merge(&self.open.closed());
        }
    }
}

/// Cuts a span at the edges of minutes.
fn for_each_minute(from: Millis, until: Millis, mut part: impl FnMut(i64, i64)) {
    // What lies before is in no bucket any more.
    let mut at = from.0.max(until.0 - QUARTERS * QUARTER_MS);
    while at < until.0 {
        let end = ((at.div_euclid(MINUTE_MS) + 1) * MINUTE_MS).min(until.0);
        part(at, end - at);
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
    pub fn add(&mut self, subject: &Subject, at: Millis, sum: Sum, amount: i64) {
        let buckets = self.buckets(subject);
        buckets.change(at.0, |open| open.add(sum, amount), |over| over.add(sum, amount));
    }

    /// Notes a wait that ended.
    pub fn waited(&mut self, subject: &Subject, at: Millis, ms: u64) {
        self.buckets(subject).change(at.0, |open| open.waited(ms), |over| over.waited(ms));
    }

    /// Adds the time from one instant until another, `rates` times, to sums: split at the edges.
    pub fn span(
        &mut self,
        subject: &Subject,
        (from, until): (Millis, Millis),
        rates: &[(Sum, i64)],
    ) {
        let buckets = self.buckets(subject);
        for_each_minute(from, until, |at, ms| {
            buckets.change(
                at,
                |open| rates.iter().for_each(|(sum, rate)| open.add(*sum, ms * rate)),
                |over| rates.iter().for_each(|(sum, rate)| over.add(*sum, ms * rate)),
            );
        });
    }

    /// The sums since `from`, which is a whole minute of the last hour, or a whole quarter of an hour.
    #[must_use]
    pub fn since(&self, subject: &Subject, from: Millis, now: Millis) -> Counts {
        let mut counts = Counts::default();
        let Some(buckets) = self.there(subject) else { return counts };
        buckets.since(from, now, &mut counts);
        counts
    }

    /// One of these sums.
    #[must_use]
    pub fn sum(&self, subject: &Subject, from: Millis, now: Millis, sum: Sum) -> i64 {
        self.there(subject).map_or(0, |buckets| buckets.sum(from, now, sum))
    }

    fn there(&self, subject: &Subject) -> Option<&Buckets> {
        match subject {
            Subject::Account => Some(&self.account),
            Subject::Queue(ix) => self.queues.get(ix.at()),
            Subject::Agent(ix) => self.agents.get(ix.at()),
            Subject::Team(id) => self.teams.get(id),
        }
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
        ledger.add(&Subject::Account, at(0, 0), Measure::Offered.into(), 1);
        ledger.add(&Subject::Account, at(40, 0), Measure::Offered.into(), 1);
        ledger.add(&Subject::Account, at(20, 59_999), Measure::Offered.into(), 1);
        let offered = |ledger: &Ledger, from| {
            ledger.since(&Subject::Account, from, at(40, 0)).get(Measure::Offered)
        };
        assert_eq!([0, 15, 20, 21, 40].map(|m| offered(&ledger, at(m, 0))), [3, 2, 2, 1, 1]);
        let days = 3 * 24 * 60;
        ledger.add(&Subject::Account, at(days, 0), Measure::Offered.into(), 1);
        ledger.add(&Subject::Account, at(40, 0), Measure::Offered.into(), 1);
        let all = ledger.since(&Subject::Account, at(0, 0), at(days, 0)).get(Measure::Offered);
        assert_eq!(all, 1, "only what is kept");
    }

    #[test]
    fn a_day_of_25_hours_is_kept() {
        let mut ledger = Ledger::default();
        ledger.add(&AGENT, at(0, 0), Measure::Handled.into(), 1);
        ledger.add(&AGENT, at(25 * 60 - 1, 0), Measure::Handled.into(), 1);
        let all = ledger.since(&AGENT, at(0, 0), at(25 * 60 - 1, 0));
        assert_eq!(all.get(Measure::Handled), 2);
    }
}
