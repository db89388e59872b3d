//! The sums of every subject over the last day, in buckets: minutes for the last hour, quarters of an
//! hour for the rest. What is restated goes into the bucket of its instant; what is older than all
//! buckets is the history's.
//!
//! Time is not added up as it passes. Each subject has rates (how much a millisecond adds to which sum):
//! the minute that goes on has them until its end in it from its beginning, and a change of rates
//! changes what is left of the minute. Who reads takes off what has not passed yet.

use super::amount::Amounts;
use super::counts::{Counts, Open, Pace, Sum};
use super::doing::Rates;
use crate::domain::ids::{AgentIx, QueueIx};
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::hint::black_box;

const MINUTE_MS: i64 = 60_000;
const QUARTER_MS: i64 = 15 * MINUTE_MS;
/// Of minutes, the last hour and the one that has begun are kept.
const MINUTES: (i64, i64) = (MINUTE_MS, 61);
/// Of quarters of an hour, the longest day, which has 25 hours, and the one that has begun.
const QUARTERS: (i64, i64) = (QUARTER_MS, 4 * 25 + 1);

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

/// Intervals of one length that are over and in which something was counted, the oldest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Past(VecDeque<Run>);

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
    fn push(&mut self, (begins, times): (i64, i64), each: &Open, (grain, kept): (i64, i64)) {
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
    fn bucket(&mut self, begins: i64, grain: i64) -> &mut Counts {
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
    fn since(&self, from: i64, grain: i64) -> impl Iterator<Item = (&Counts, i64)> {
        let first = self.0.partition_point(|run| run.end(grain) <= from);
        self.0.range(first..).map(move |run| (&run.counts, run.since(from, grain)))
    }
}

/// One subject's buckets.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
// What every change touches stands together.
#[repr(C)]
struct Buckets {
    /// Where the minute begins that goes on, and what is in it; of time, as if it were over.
    minute: i64,
    open: Open,
    /// What a millisecond adds.
    rates: Pace,
    /// Minutes that are over, those of the quarter of an hour that goes on among them, …
    minutes: Past,
    /// … and quarters that are over.
    quarters: Past,
}

fn minute_of(at: i64) -> i64 {
    at.div_euclid(MINUTE_MS) * MINUTE_MS
}

fn quarter_of(at: i64) -> i64 {
    at.div_euclid(QUARTER_MS) * QUARTER_MS
}

impl Buckets {
    /// The minute of an instant goes on, unless it is over.
    #[inline]
    fn reach(&mut self, at: i64) {
        // Most of what is counted is of the minute that goes on: no division for that.
        if at >= self.minute + MINUTE_MS {
            self.begin(minute_of(at));
        }
    }

    /// The minute is over: another begins. Those between them were alike.
    fn begin(&mut self, minute: i64) {
        if !self.open.is_empty() {
            self.minutes.push((self.minute, 1), &self.open, MINUTES);
        }
        self.pass_quarters(quarter_of(minute));
        let between = self.minute + MINUTE_MS;
        self.open.clear();
        self.open.pass(&self.rates, MINUTE_MS);
        let times = (minute - between) / MINUTE_MS;
        if times > 0 && !self.open.is_empty() {
            self.minutes.push((between, times), &self.open, MINUTES);
        }
        self.minute = minute;
    }

    /// Quarters are over up to that one: the first has its minutes, and what rates add to the rest of it;
    /// the others have what rates add to them.
    fn pass_quarters(&mut self, until: i64) {
        let first = quarter_of(self.minute);
        if first == until {
            return;
        }
        let mut sums = Open::default();
        let minutes = self.minutes.since(first, MINUTE_MS);
        minutes.for_each(|(counts, times)| sums.merge_many(counts, times));
        sums.pass(&self.rates, first + QUARTER_MS - (self.minute + MINUTE_MS));
        if !sums.is_empty() {
            self.quarters.push((first, 1), &sums, QUARTERS);
        }
        let times = (until - first) / QUARTER_MS - 1;
        sums.clear();
        sums.pass(&self.rates, QUARTER_MS);
        if times > 0 && !sums.is_empty() {
            self.quarters.push((first + QUARTER_MS, times), &sums, QUARTERS);
        }
    }

    /// Adds to sums of the interval of an instant.
    #[inline]
    fn add<const N: usize>(&mut self, at: i64, amounts: &Amounts<N>) {
        self.reach(at);
        if at < self.minute {
            return self.restate(at, |over| over.add_all(amounts, 1));
        }
        self.open.add_all(amounts, 1);
    }

    /// Notes a wait that ended, of the interval of an instant.
    fn waited(&mut self, at: i64, ms: u64) {
        self.reach(at);
        if at < self.minute {
            return self.restate(at, |over| over.waited(ms));
        }
        self.open.waited(ms);
    }

    /// Changes the buckets of an instant whose minute is over: that minute, and its quarter.
    #[cold]
    fn restate(&mut self, at: i64, over: impl Fn(&mut Counts)) {
        let (minute, quarter) = (minute_of(at), quarter_of(at));
        if minute > self.minute - MINUTES.1 * MINUTE_MS {
            over(self.minutes.bucket(minute, MINUTE_MS));
        }
        let is_over = quarter < quarter_of(self.minute);
        if is_over && quarter > self.minute - QUARTERS.1 * QUARTER_MS {
            over(self.quarters.bucket(quarter, QUARTER_MS));
        }
    }

    /// From an instant on, rates are others by so much.
    #[inline]
    fn turn(&mut self, at: i64, by: &Rates) {
        self.reach(at);
        if at < self.minute {
            self.turn_late(at, by);
        }
        let left_ms = self.minute + MINUTE_MS - at.max(self.minute);
        self.open.turn(&mut self.rates, by, left_ms);
    }

    /// What a turn changes in minutes that are over.
    #[cold]
    fn turn_late(&mut self, at: i64, by: &Rates) {
        // What lies before is in no bucket any more.
        let mut from = at.max(self.minute - QUARTERS.1 * QUARTER_MS);
        while from < self.minute {
            let end = minute_of(from) + MINUTE_MS;
            let ms = end - from;
            self.restate(from, |over| over.add_all(by, ms));
            from = end;
        }
    }

    /// What a window is added up from: intervals that are over, and those that go on.
    fn window(&self, from: i64, now: i64) -> (impl Iterator<Item = (&Counts, i64)>, Option<&Open>) {
        let by_minutes = from >= minute_of(now) - 60 * MINUTE_MS;
        // What is older stands there until a newer one comes.
        let kept_from = self.minute - QUARTERS.1 * QUARTER_MS + 1;
        let quarter = quarter_of(self.minute);
        let minutes = if by_minutes { from } else { quarter.max(from) };
        let quarters = if by_minutes { quarter } else { from.max(kept_from) };
        let open = Some(&self.open).filter(|_| self.minute >= from);
        let past = self.quarters.since(quarters, QUARTER_MS);
        (past.chain(self.minutes.since(minutes, MINUTE_MS)), open)
    }

    /// One sum alone, but none of time.
    fn sum(&self, from: Millis, now: Millis, sum: Sum) -> i64 {
        let (over, open) = self.window(from.0, now.0);
        let over = over.map(|(counts, times)| counts.get(sum) * times);
        over.chain(open.map(|open| open.get(sum))).sum()
    }

    fn since(&self, from: Millis, now: Millis) -> Counts {
        let (over, open) = self.window(from.0, now.0);
        let mut all = Open::default();
        over.for_each(|(counts, times)| all.merge_many(counts, times));
        open.into_iter().for_each(|open| all.merge_open(open));
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
    #[inline]
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

    /// Fetches what is soon changed of some agents. One thing of all of them after the other: where the
    /// next one lies is known then, and none is waited for by itself.
    pub fn fetch(&self, agents: &[AgentIx]) {
        let known = || agents.iter().filter_map(|agent| self.agents.get(agent.at()));
        let glances = known().map(|buckets| buckets.open.glance() ^ buckets.rates.glance());
        black_box(glances.fold(0, |all, one| all ^ one));
        // What the next minute that is over is written over.
        let oldest = || known().filter_map(|buckets| buckets.minutes.0.front());
        black_box(oldest().fold(0, |all, run| all ^ run.begins));
        black_box(oldest().fold(0, |all, run| all ^ run.counts.glance()));
    }

    /// Adds to sums of the interval in which `at` lies.
    #[inline]
    pub fn add<const N: usize>(&mut self, subject: Subject, at: Millis, amounts: &Amounts<N>) {
        self.buckets(subject).add(at.0, amounts);
    }

    /// Notes a wait that ended.
    pub fn waited(&mut self, subject: Subject, at: Millis, ms: u64) {
        self.buckets(subject).waited(at.0, ms);
    }

    /// From an instant on, each millisecond adds so much more to sums of time.
    #[inline]
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

    fn one(measure: Measure) -> Amounts<1> {
        (measure, 1).into()
    }

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
        ledger.add(AGENT, at(61, 0), &one(Measure::Offers));
        assert_eq!(idle(&ledger, at(15, 0), at(95, 1)), 80 * MINUTE_MS + 1);
        assert_eq!(idle(&ledger, at(59, 0), at(95, 1)), 36 * MINUTE_MS + 1, "by minutes");
        let days = 3 * 24 * 60;
        ledger.add(AGENT, at(days, 0), &one(Measure::Offers));
        assert_eq!(idle(&ledger, at(days - 25 * 60, 0), at(days, 7)), 25 * 60 * MINUTE_MS + 7);
    }

    #[test]
    fn minutes_that_are_alike_are_kept_as_one_until_one_of_them_is_changed() {
        let mut ledger = Ledger::default();
        ledger.turn(AGENT, at(0, 250), &READY.rates());
        ledger.add(AGENT, at(605, 0), &one(Measure::Offers));
        let runs = |ledger: &Ledger| {
            let buckets = ledger.there(AGENT).expect("an agent");
            (buckets.minutes.0.len(), buckets.quarters.0.len())
        };
        assert_eq!(
            runs(&ledger),
            (2, 2),
            "the first was not ready as a whole, and is in nobody's way"
        );
        let offers =
            |ledger: &Ledger, from| ledger.sum(AGENT, from, at(605, 0), Measure::Offers.into());
        let ready =
            |ledger: &Ledger, from| ledger.since(AGENT, from, at(605, 0)).get(Measure::ReadyMs);
        let minutes = [0, 15, 300, 315, 540, 545, 570, 571, 572, 600, 605];
        let all_ready =
            minutes.map(|minute| (605 - minute) * MINUTE_MS - i64::from(minute == 0) * 250);
        assert_eq!(minutes.map(|minute| ready(&ledger, at(minute, 0))), all_ready);
        for minute in [571, 571, 300, 604] {
            ledger.add(AGENT, at(minute, 7), &one(Measure::Offers));
        }
        assert_eq!(runs(&ledger), (5, 6), "… what lies before, itself, between, the last; …");
        assert_eq!(minutes.map(|minute| ready(&ledger, at(minute, 0))), all_ready);
        let windows = [0, 300, 315, 545, 571, 572, 604, 605].map(|m| offers(&ledger, at(m, 0)));
        assert_eq!(windows, [5, 5, 4, 4, 4, 2, 2, 1]);
    }

    #[test]
    fn what_is_too_old_makes_room_when_room_is_wanted() {
        let mut ledger = Ledger::default();
        for minute in 0..40 * 60 {
            for _ in 0..=minute % 3 {
                ledger.add(AGENT, at(minute, 0), &one(Measure::Offers));
            }
        }
        let buckets = ledger.there(AGENT).expect("an agent");
        let kept = (buckets.minutes.0.len(), buckets.quarters.0.len());
        assert!(kept.0 >= 60 && kept.0 <= 64, "an hour, and no second one: {}", kept.0);
        assert!(kept.1 <= 128, "a day, and no second one: {}", kept.1);
        let now = at(40 * 60 - 1, 0);
        assert_eq!(ledger.sum(AGENT, at(39 * 60, 0), now, Measure::Offers.into()), 120);
        assert_eq!(ledger.sum(AGENT, at(15 * 60, 0), now, Measure::Offers.into()), 25 * 120);
    }

    #[test]
    fn a_turn_that_is_told_late_counts_from_its_instant() {
        let mut ledger = Ledger::default();
        ledger.add(AGENT, at(40, 30), &one(Measure::Offers));
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
        ledger.add(Subject::Account, at(0, 0), &one(Measure::Offered));
        ledger.add(Subject::Account, at(40, 0), &one(Measure::Offered));
        ledger.add(Subject::Account, at(20, 59_999), &one(Measure::Offered));
        let offered = |ledger: &Ledger, from| {
            ledger.since(Subject::Account, from, at(40, 0)).get(Measure::Offered)
        };
        assert_eq!([0, 15, 20, 21, 40].map(|m| offered(&ledger, at(m, 0))), [3, 2, 2, 1, 1]);
        let days = 3 * 24 * 60;
        ledger.add(Subject::Account, at(days, 0), &one(Measure::Offered));
        ledger.add(Subject::Account, at(40, 0), &one(Measure::Offered));
        let all = ledger.since(Subject::Account, at(0, 0), at(days, 0)).get(Measure::Offered);
        assert_eq!(all, 1, "only what is kept");
    }

    #[test]
    fn a_day_of_25_hours_is_kept() {
        let mut ledger = Ledger::default();
        ledger.add(AGENT, at(0, 0), &one(Measure::Handled));
        ledger.add(AGENT, at(25 * 60 - 1, 0), &one(Measure::Handled));
        let all = ledger.since(AGENT, at(0, 0), at(25 * 60 - 1, 0));
        assert_eq!(all.get(Measure::Handled), 2);
    }
}
