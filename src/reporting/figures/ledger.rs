//! The sums of every subject over the last day: of agents in diaries ([`super::diary`]), of the others in
//! buckets, minutes for the last hour, quarters of an hour for the rest. What is restated goes into the
//! bucket of its instant; what is older than all buckets is the history's.
//!
//! Time is not added up as it passes. Each subject has rates (how much a millisecond adds to which sum):
//! the minute that goes on has them until its end in it from its beginning, and a change of rates
//! changes what is left of the minute. Who reads takes off what has not passed yet.

use super::amount::Amounts;
use super::counts::{Counts, Open, Pace, Sum};
use super::diary::Diary;
use super::doing::{Doing, Rates};
use super::past::{MINUTE_MS, Past, QUARTER_MS, QUARTERS, minute_of, quarter_of};
use crate::domain::ids::{AgentIx, QueueIx};
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};
use std::hint::black_box;

/// Of minutes, the last hour and the one that has begun are kept.
const MINUTES: (i64, i64) = (MINUTE_MS, 61);

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
    fn sum(&self, from: i64, now: i64, sum: Sum) -> i64 {
        let (over, open) = self.window(from, now);
        let over = over.map(|(counts, times)| counts.get(sum) * times);
        over.chain(open.map(|open| open.get(sum))).sum()
    }

    fn add_since(&self, from: i64, now: i64, all: &mut Open) {
        let (over, open) = self.window(from, now);
        over.for_each(|(counts, times)| all.merge_many(counts, times));
        open.into_iter().for_each(|open| all.merge_open(open));
        // Of the minute that goes on what is left is taken off; when it is long over, what came is added.
        let until = if self.minute >= from { self.minute + MINUTE_MS } else { from };
        all.pass(&self.rates, now - until);
    }
}

/// All subjects' sums: buckets of those that much is added to, diaries of agents.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ledger {
    account: Buckets,
    queues: Vec<Buckets>,
    agents: Vec<Diary>,
    teams: Vec<Buckets>,
    /// Room in which diaries are added up.
    #[serde(skip)]
    room: Open,
}

/// The one at a place, which may be new.
fn at_place<T: Default>(all: &mut Vec<T>, at: usize) -> &mut T {
    if all.len() <= at {
        all.resize_with(at + 1, T::default);
    }
    &mut all[at]
}

impl Ledger {
    /// Fetches what is soon changed of some agents. One thing of all of them after the other: where the
    /// next one lies is known then, and none is waited for by itself.
    pub fn fetch(&self, agents: &[AgentIx]) {
        let known = || agents.iter().filter_map(|agent| self.agents.get(agent.at()));
        black_box(known().fold(0, |all, diary| all ^ diary.glance_first()));
        black_box(known().fold(0, |all, diary| all ^ diary.glance()));
    }

    /// Adds to sums of the interval in which `at` lies.
    #[inline]
    pub fn add<const N: usize>(&mut self, subject: Subject, at: Millis, amounts: &Amounts<N>) {
        match subject {
            Subject::Account => self.account.add(at.0, amounts),
            Subject::Queue(ix) => at_place(&mut self.queues, ix.at()).add(at.0, amounts),
            Subject::Team(team) => at_place(&mut self.teams, team).add(at.0, amounts),
            Subject::Agent(ix) => {
                at_place(&mut self.agents, ix.at()).add(at.0, amounts, &mut self.room);
            }
        }
    }

    /// Notes a wait that ended, of the account and a queue.
    pub fn waited(&mut self, queue: Option<QueueIx>, at: Millis, ms: u64) {
        self.account.waited(at.0, ms);
        if let Some(queue) = queue {
            at_place(&mut self.queues, queue.at()).waited(at.0, ms);
        }
    }

    /// From an instant on an agent does this.
    #[inline]
    pub fn does(&mut self, agent: AgentIx, at: Millis, doing: Doing) {
        at_place(&mut self.agents, agent.at()).turn(at.0, doing, &mut self.room);
    }

    /// From an instant on, each millisecond adds so much more to the account's sums of time, …
    #[inline]
    pub fn turn(&mut self, at: Millis, by: &Rates) {
        self.account.turn(at.0, by);
    }

    /// … and to a team's.
    #[inline]
    pub fn turn_team(&mut self, team: usize, at: Millis, by: &Rates) {
        at_place(&mut self.teams, team).turn(at.0, by);
    }

    /// The sums since `from`, which is a whole minute of the last hour, or a whole quarter of an hour.
    /// `now`: no earlier than anything that was told.
    #[must_use]
    pub fn since(&self, subject: Subject, from: Millis, now: Millis) -> Counts {
        let mut sums = Open::default();
        if let Subject::Agent(ix) = subject {
            let diary = self.agents.get(ix.at());
            diary.into_iter().for_each(|diary| diary.add_since(from.0, now.0, &mut sums));
        } else if let Some(buckets) = self.there(subject) {
            buckets.add_since(from.0, now.0, &mut sums);
        }
        sums.closed()
    }

    /// One of these sums, but none of time.
    #[must_use]
    pub fn sum(&self, subject: Subject, from: Millis, now: Millis, sum: Sum) -> i64 {
        if let Subject::Agent(ix) = subject {
            return self.agents.get(ix.at()).map_or(0, |diary| diary.sum(from.0, now.0, sum));
        }
        self.there(subject).map_or(0, |buckets| buckets.sum(from.0, now.0, sum))
    }

    fn there(&self, subject: Subject) -> Option<&Buckets> {
        match subject {
            Subject::Account => Some(&self.account),
            Subject::Queue(ix) => self.queues.get(ix.at()),
            Subject::Team(at) => self.teams.get(at),
            Subject::Agent(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::counts::Measure;
    use super::*;
    use crate::domain::presence::{Detail, Status};

    const TEAM: Subject = Subject::Team(3);

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
        ledger.turn_team(3, from, &READY.rates());
        ledger.turn_team(3, until, &READY.until(&Doing::NOTHING));
    }

    #[test]
    fn time_over_edges_is_split_and_adds_up_in_every_window() {
        let mut ledger = Ledger::default();
        ready(&mut ledger, at(0, 500), at(200, 250));
        let now = at(200, 700);
        let ready = |from| ledger.since(TEAM, from, now).get(Measure::ReadyMs);
        assert_eq!(ready(at(0, 0)), 200 * MINUTE_MS - 250);
        assert_eq!(ready(at(15, 0)), 185 * MINUTE_MS + 250);
        assert_eq!(ready(at(140, 0)), 60 * MINUTE_MS + 250, "by minutes");
        assert_eq!(ready(at(200, 0)), 250);
        let all = ledger.since(TEAM, at(0, 0), now).get(Measure::CapacityMs);
        assert_eq!(all, 3 * (200 * MINUTE_MS - 250));
        assert!(ledger.since(Subject::Team(0), at(0, 0), now).is_empty());
    }

    #[test]
    fn time_that_goes_on_is_told_up_to_now_whenever_that_is() {
        let mut ledger = Ledger::default();
        ledger.turn_team(3, at(3, 10), &READY.rates());
        let idle = |ledger: &Ledger, from, now| ledger.since(TEAM, from, now).get(Measure::IdleMs);
        assert_eq!(idle(&ledger, at(0, 0), at(3, 10)), 0);
        assert_eq!(idle(&ledger, at(0, 0), at(3, 45)), 35);
        assert_eq!(idle(&ledger, at(0, 0), at(95, 1)), 92 * MINUTE_MS - 9);
        assert_eq!(idle(&ledger, at(90, 0), at(95, 1)), 5 * MINUTE_MS + 1, "no minute was closed");
        ledger.add(TEAM, at(61, 0), &one(Measure::Offers));
        assert_eq!(idle(&ledger, at(15, 0), at(95, 1)), 80 * MINUTE_MS + 1);
        assert_eq!(idle(&ledger, at(59, 0), at(95, 1)), 36 * MINUTE_MS + 1, "by minutes");
        let days = 3 * 24 * 60;
        ledger.add(TEAM, at(days, 0), &one(Measure::Offers));
        assert_eq!(idle(&ledger, at(days - 25 * 60, 0), at(days, 7)), 25 * 60 * MINUTE_MS + 7);
    }

    #[test]
    fn minutes_that_are_alike_are_kept_as_one_until_one_of_them_is_changed() {
        let mut ledger = Ledger::default();
        ledger.turn_team(3, at(0, 250), &READY.rates());
        ledger.add(TEAM, at(605, 0), &one(Measure::Offers));
        let runs = |ledger: &Ledger| {
            let buckets = ledger.there(TEAM).expect("a team");
            (buckets.minutes.len(), buckets.quarters.len())
        };
        assert_eq!(
            runs(&ledger),
            (2, 2),
            "the first was not ready as a whole, and is in nobody's way"
        );
        let offers =
            |ledger: &Ledger, from| ledger.sum(TEAM, from, at(605, 0), Measure::Offers.into());
        let ready =
            |ledger: &Ledger, from| ledger.since(TEAM, from, at(605, 0)).get(Measure::ReadyMs);
        let minutes = [0, 15, 300, 315, 540, 545, 570, 571, 572, 600, 605];
        let all_ready =
            minutes.map(|minute| (605 - minute) * MINUTE_MS - i64::from(minute == 0) * 250);
        assert_eq!(minutes.map(|minute| ready(&ledger, at(minute, 0))), all_ready);
        for minute in [571, 571, 300, 604] {
            ledger.add(TEAM, at(minute, 7), &one(Measure::Offers));
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
                ledger.add(TEAM, at(minute, 0), &one(Measure::Offers));
            }
        }
        let buckets = ledger.there(TEAM).expect("a team");
        let kept = (buckets.minutes.len(), buckets.quarters.len());
        assert!(kept.0 >= 60 && kept.0 <= 64, "an hour, and no second one: {}", kept.0);
        assert!(kept.1 <= 128, "a day, and no second one: {}", kept.1);
        let now = at(40 * 60 - 1, 0);
        assert_eq!(ledger.sum(TEAM, at(39 * 60, 0), now, Measure::Offers.into()), 120);
        assert_eq!(ledger.sum(TEAM, at(15 * 60, 0), now, Measure::Offers.into()), 25 * 120);
    }

    #[test]
    fn a_turn_that_is_told_late_counts_from_its_instant() {
        let mut ledger = Ledger::default();
        ledger.add(TEAM, at(40, 30), &one(Measure::Offers));
        ready(&mut ledger, at(10, 0), at(31, 5));
        let idle = |from| ledger.since(TEAM, from, at(40, 30)).get(Measure::IdleMs);
        assert_eq!(
            [0, 15, 30].map(|m| idle(at(m, 0))),
            [21 * MINUTE_MS + 5, 16 * MINUTE_MS + 5, MINUTE_MS + 5]
        );
        assert_eq!(idle(at(32, 0)), 0);
        assert_eq!(ledger.since(TEAM, at(40, 0), at(50, 0)).get(Measure::IdleMs), 0);
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
        ledger.add(TEAM, at(0, 0), &one(Measure::Handled));
        ledger.add(TEAM, at(25 * 60 - 1, 0), &one(Measure::Handled));
        let all = ledger.since(TEAM, at(0, 0), at(25 * 60 - 1, 0));
        assert_eq!(all.get(Measure::Handled), 2);
    }
}
