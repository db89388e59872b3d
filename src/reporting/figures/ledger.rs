//! The sums of every subject over the last day, in buckets: minutes for the last hour, quarters of an
//! hour for the rest. What is restated goes into the bucket of its instant; what is older than all
//! buckets is the history's.
//!
//! Time is not added up as it passes. Each subject has rates (how much a millisecond adds to which sum):
//! the minute that goes on has them until its end in it from its beginning, and a change of rates
//! changes what is left of the minute. Who reads takes off what has not passed yet.

use super::counts::{Counts, Open, Sum, TIMES};
use super::doing::Rates;
use crate::domain::ids::{AgentIx, QueueIx};
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

const MINUTE_MS: i64 = 60_000;
const QUARTER_MS: i64 = 15 * MINUTE_MS;
/// The last hour, and the minute that has begun.
const MINUTES: i64 = 61;
/// The longest day has 25 hours; and the quarter that has begun.
const QUARTERS: i64 = 4 * 25 + 1;

/// Whose sums they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The account.
    Account,
    /// A queue or group.
    Queue(QueueIx),
    /// An agent.
    Agent(AgentIx),
    /// The team of this number.
    Team(usize),
}

/// Intervals of one length that are over and in which something was counted, by their beginnings.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Past(VecDeque<(i64, Counts)>);

impl Past {
    /// The bucket that begins there, which is an interval of `grain` ms, of `count` that are kept.
    fn bucket(&mut self, begins: i64, grain: i64, count: i64) -> &mut Counts {
        // What is too old makes room, and is written over.
        let mut counts = Counts::default();
        let oldest = begins - (count - 1) * grain;
        while let Some((_, old)) = self.0.pop_front_if(|(there, _)| *there < oldest) {
            counts = old;
        }
        let place = self.0.partition_point(|(there, _)| *there < begins);
        if self.0.get(place).is_none_or(|(there, _)| *there != begins) {
            counts.clear();
            self.0.insert(place, (begins, counts));
        }
        &mut self.0[place].1
    }

    /// Those that begin at `from` or later.
    fn since(&self, from: i64) -> impl Iterator<Item = &Counts> {
        let first = self.0.partition_point(|(begins, _)| *begins < from);
        self.0.range(first..).map(|(_, counts)| counts)
    }
}

/// One subject's buckets.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Buckets {
    /// Where the minute begins that goes on, and what is in it; of time, as if it were over.
    minute: i64,
    open: Open,
    /// What a millisecond adds.
    rates: [i64; TIMES],
    /// Minutes that are over, …
    minutes: Past,
    /// … the same of the quarter of an hour that goes on, once a minute of it had anything, …
    quarter: Option<Box<Open>>,
    /// … and of those that are over.
    quarters: Past,
}

fn quarter_of(at: i64) -> i64 {
    at.div_euclid(QUARTER_MS) * QUARTER_MS
}

impl Buckets {
    /// The minute of an instant goes on, unless it is over.
    fn reach(&mut self, at: i64) {
        // Most of what is counted is of the minute that goes on: no division for that.
        if at < self.minute + MINUTE_MS {
            return;
        }
        let begins = at.div_euclid(MINUTE_MS) * MINUTE_MS;
        if self.rates == [0; TIMES] {
            return self.close(begins);
        }
        // What lies before is in no bucket any more.
        let first = begins - QUARTERS * QUARTER_MS;
        if self.minute < first {
            self.close(first);
        }
        while self.minute < begins {
            self.close(self.minute + MINUTE_MS);
        }
    }

    /// The minute is over: another begins.
    fn close(&mut self, begins: i64) {
        let (quarter, next) = (quarter_of(self.minute), quarter_of(begins));
        if !self.open.is_empty() {
            self.open.close(self.minutes.bucket(self.minute, MINUTE_MS, MINUTES));
            self.quarter.get_or_insert_default().add_all(&self.open);
        }
        if next != quarter
            && let Some(over) = self.quarter.take()
            && !over.is_empty()
        {
            over.close(self.quarters.bucket(quarter, QUARTER_MS, QUARTERS));
        }
        self.minute = begins;
        self.open.clear();
        self.open.pass(&self.rates, MINUTE_MS);
    }

    /// Changes the bucket of an instant: the minute that goes on, or one that is over and its quarter.
    fn change(&mut self, at: i64, open: impl Fn(&mut Open), over: impl Fn(&mut Counts)) {
        self.reach(at);
        if at >= self.minute {
            return open(&mut self.open);
        }
        let (begins, quarter) = (at.div_euclid(MINUTE_MS) * MINUTE_MS, quarter_of(at));
        if begins > self.minute - MINUTES * MINUTE_MS {
            over(self.minutes.bucket(begins, MINUTE_MS, MINUTES));
        }
        if quarter == quarter_of(self.minute) {
            open(self.quarter.get_or_insert_default());
        } else if quarter > self.minute - QUARTERS * QUARTER_MS {
            over(self.quarters.bucket(quarter, QUARTER_MS, QUARTERS));
        }
    }

    /// From an instant on, rates are others by so much.
    fn turn(&mut self, at: i64, by: &Rates) {
        self.reach(at);
        let add = |ms: i64| {
            (
                move |open: &mut Open| {
                    by.all().iter().for_each(|(sum, rate)| open.add(*sum, ms * rate))
                },
                move |over: &mut Counts| {
                    by.all().iter().for_each(|(sum, rate)| over.add(*sum, ms * rate))
                },
            )
        };
        // What lies before is in no bucket any more.
        let mut from = at.max(self.minute - QUARTERS * QUARTER_MS);
        while from < self.minute {
            let end = (from.div_euclid(MINUTE_MS) + 1) * MINUTE_MS;
            let (open, over) = add(end - from);
            self.change(from, open, over);
            from = end;
        }
        let (open, _) = add(self.minute + MINUTE_MS - from);
        open(&mut self.open);
        by.all().iter().for_each(|(sum, rate)| self.rates[sum.place_of_time()] += rate);
    }

    /// What a window is added up from: intervals that are over, and those that go on.
    fn parts(
        &self,
        from: Millis,
        now: Millis,
    ) -> (impl Iterator<Item = &Counts>, impl Iterator<Item = &Open>) {
        let last_hour = now.0.div_euclid(MINUTE_MS) * MINUTE_MS - 60 * MINUTE_MS;
        let by_minutes = from.0 >= last_hour;
        let past = if by_minutes { &self.minutes } else { &self.quarters };
        // What is older stands there until a newer one comes.
        let kept_from = self.minute - QUARTERS * QUARTER_MS + 1;
        let with_quarter = !by_minutes && quarter_of(self.minute) >= from.0;
        let quarter = self.quarter.as_deref().filter(|_| with_quarter);
        let minute = Some(&self.open).filter(|_| self.minute >= from.0);
        (past.since(from.0.max(kept_from)), minute.into_iter().chain(quarter))
    }

    /// One sum alone, but none of time.
    fn sum(&self, from: Millis, now: Millis, sum: Sum) -> i64 {
        let (over, open) = self.parts(from, now);
        over.map(|counts| counts.get(sum)).chain(open.map(|open| open.get(sum))).sum()
    }

    fn since(&self, from: Millis, now: Millis) -> Counts {
        let (over, open) = self.parts(from, now);
        let mut all = Open::default();
        over.for_each(|counts| all.merge(counts));
        open.for_each(|open| all.add_all(open));
        // Of the minute that goes on what is left is taken off; when it is long over, what came is added.
        let until = if self.minute >= from.0 { self.minute + MINUTE_MS } else { from.0 };
        all.pass(&self.rates, now.0 - until);
        all.closed()
    }
}

/// All subjects' buckets.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ledger {
    account: Buckets,
    queues: Vec<Buckets>,
    agents: Vec<Buckets>,
    teams: Vec<Buckets>,
}

impl Ledger {
    fn buckets(&mut self, subject: Subject) -> &mut Buckets {
        let (all, at) = match subject {
            Subject::Account => return &mut self.account,
            Subject::Queue(ix) => (&mut self.queues, ix.at()),
            Subject::Agent(ix) => (&mut self.agents, ix.at()),
            Subject::Team(at) => (&mut self.teams, at),
        };
        if all.len() <= at {
            all.resize_with(at + 1, Buckets::default);
        }
        &mut all[at]
    }

    /// Adds to a sum of the interval in which `at` lies.
    pub fn add(&mut self, subject: Subject, at: Millis, sum: Sum, amount: i64) {
        let buckets = self.buckets(subject);
        buckets.change(at.0, |open| open.add(sum, amount), |over| over.add(sum, amount));
    }

    /// Notes a wait that ended.
    pub fn waited(&mut self, subject: Subject, at: Millis, ms: u64) {
        self.buckets(subject).change(at.0, |open| open.waited(ms), |over| over.waited(ms));
    }

    /// From an instant on, each millisecond adds so much more to sums of time.
    pub fn turn(&mut self, subject: Subject, at: Millis, by: &Rates) {
        self.buckets(subject).turn(at.0, by);
    }

    /// The sums since `from`, which is a whole minute of the last hour, or a whole quarter of an hour.
    /// `now`: no earlier than anything that was told.
    #[must_use]
    pub fn since(&self, subject: Subject, from: Millis, now: Millis) -> Counts {
        self.there(subject).map_or_else(Counts::default, |buckets| buckets.since(from, now))
    }

    /// One of these sums, but none of time.
    #[must_use]
    pub fn sum(&self, subject: Subject, from: Millis, now: Millis, sum: Sum) -> i64 {
        self.there(subject).map_or(0, |buckets| buckets.sum(from, now, sum))
    }

    fn there(&self, subject: Subject) -> Option<&Buckets> {
        match subject {
            Subject::Account => Some(&self.account),
            Subject::Queue(ix) => self.queues.get(ix.at()),
            Subject::Agent(ix) => self.agents.get(ix.at()),
            Subject::Team(at) => self.teams.get(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::counts::Measure;
    use super::super::doing::Doing;
    use super::*;
    use crate::domain::presence::{Detail, Status};

    const AGENT: Subject = Subject::Agent(AgentIx(3));

    fn at(minutes: i64, ms: i64) -> Millis {
        Millis(1_000_000 * QUARTER_MS + minutes * MINUTE_MS + ms)
    }

    const READY: Doing = Doing {
        status: Status::Ready,
        detail: Some(Detail::Idle),
        work: 0,
        capacity: 3,
        plan: None,
    };

    /// Ready from one instant until another.
    fn ready(ledger: &mut Ledger, from: Millis, until: Millis) {
        ledger.turn(AGENT, from, &READY.rates());
        ledger.turn(AGENT, until, &READY.until(&Doing::NOTHING));
    }

    #[test]
    fn time_over_edges_is_split_and_adds_up_in_every_window() {
        let mut ledger = Ledger::default();
        ready(&mut ledger, at(0, 500), at(200, 250));
        let now = at(200, 700);
        let ready = |from| ledger.since(AGENT, from, now).get(Measure::ReadyMs);
        assert_eq!(ready(at(0, 0)), 200 * MINUTE_MS - 250);
        assert_eq!(ready(at(15, 0)), 185 * MINUTE_MS + 250);
        assert_eq!(ready(at(140, 0)), 60 * MINUTE_MS + 250, "by minutes");
        assert_eq!(ready(at(200, 0)), 250);
        let all = ledger.since(AGENT, at(0, 0), now).get(Measure::CapacityMs);
        assert_eq!(all, 3 * (200 * MINUTE_MS - 250));
        assert!(ledger.since(Subject::Agent(AgentIx(0)), at(0, 0), now).is_empty());
    }

    #[test]
    fn time_that_goes_on_is_told_up_to_now_whenever_that_is() {
        let mut ledger = Ledger::default();
        ledger.turn(AGENT, at(3, 10), &READY.rates());
        let idle = |ledger: &Ledger, from, now| ledger.since(AGENT, from, now).get(Measure::IdleMs);
        assert_eq!(idle(&ledger, at(0, 0), at(3, 10)), 0);
        assert_eq!(idle(&ledger, at(0, 0), at(3, 45)), 35);
        assert_eq!(idle(&ledger, at(0, 0), at(95, 1)), 92 * MINUTE_MS - 9);
        assert_eq!(idle(&ledger, at(90, 0), at(95, 1)), 5 * MINUTE_MS + 1, "no minute was closed");
        ledger.add(AGENT, at(61, 0), Measure::Offers.into(), 1);
        assert_eq!(idle(&ledger, at(15, 0), at(95, 1)), 80 * MINUTE_MS + 1);
        assert_eq!(idle(&ledger, at(59, 0), at(95, 1)), 36 * MINUTE_MS + 1, "by minutes");
        let days = 3 * 24 * 60;
        ledger.add(AGENT, at(days, 0), Measure::Offers.into(), 1);
        assert_eq!(idle(&ledger, at(days - 25 * 60, 0), at(days, 7)), 25 * 60 * MINUTE_MS + 7);
    }

    #[test]
    fn a_turn_that_is_told_late_counts_from_its_instant() {
        let mut ledger = Ledger::default();
        ledger.add(AGENT, at(40, 30), Measure::Offers.into(), 1);
        ready(&mut ledger, at(10, 0), at(31, 5));
        let idle = |from| ledger.since(AGENT, from, at(40, 30)).get(Measure::IdleMs);
        assert_eq!(
            [0, 15, 30].map(|m| idle(at(m, 0))),
            [21 * MINUTE_MS + 5, 16 * MINUTE_MS + 5, MINUTE_MS + 5]
        );
        assert_eq!(idle(at(32, 0)), 0);
        assert_eq!(ledger.since(AGENT, at(40, 0), at(50, 0)).get(Measure::IdleMs), 0);
    }

    #[test]
    fn what_is_restated_goes_where_it_began_and_what_is_too_old_nowhere() {
        let mut ledger = Ledger::default();
        ledger.add(Subject::Account, at(0, 0), Measure::Offered.into(), 1);
        ledger.add(Subject::Account, at(40, 0), Measure::Offered.into(), 1);
        ledger.add(Subject::Account, at(20, 59_999), Measure::Offered.into(), 1);
        let offered = |ledger: &Ledger, from| {
            ledger.since(Subject::Account, from, at(40, 0)).get(Measure::Offered)
        };
        assert_eq!([0, 15, 20, 21, 40].map(|m| offered(&ledger, at(m, 0))), [3, 2, 2, 1, 1]);
        let days = 3 * 24 * 60;
        ledger.add(Subject::Account, at(days, 0), Measure::Offered.into(), 1);
        ledger.add(Subject::Account, at(40, 0), Measure::Offered.into(), 1);
        let all = ledger.since(Subject::Account, at(0, 0), at(days, 0)).get(Measure::Offered);
        assert_eq!(all, 1, "only what is kept");
    }

    #[test]
    fn a_day_of_25_hours_is_kept() {
        let mut ledger = Ledger::default();
        ledger.add(AGENT, at(0, 0), Measure::Handled.into(), 1);
        ledger.add(AGENT, at(25 * 60 - 1, 0), Measure::Handled.into(), 1);
        let all = ledger.since(AGENT, at(0, 0), at(25 * 60 - 1, 0));
        assert_eq!(all.get(Measure::Handled), 2);
    }
}
