//! One agent's sums of the last day: what the agent did and what was counted, entry by entry, for the last
//! hour, and quarters of an hour that are over.
//!
//! Agents are many, and most records are of another one than the record before: what a record changes is
//! in no near memory. So it is only written down, behind what was written before, and is added up when
//! the quarter is over, or somebody asks.

use super::amount::{Amount, Amounts};
use super::counts::{Open, Sum};
use super::doing::Doing;
use super::past::{MINUTE_MS, Past, QUARTER_MS, QUARTERS, minute_of, quarter_of};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// For so long before the quarter that goes on entries are kept.
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// What came, and when.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(from = "(i64, Told)", into = "(i64, Told)")]
struct Entry {
    at: i64,
    what: What,
}

/// What came: an amount, or, with a place that no sum has, what is done from now on.
#[derive(Clone, Copy, Debug)]
struct What(i64);

/// What came, as it is put away.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Told {
    Counted(Amount),
    Does(Doing),
}

impl What {
    /// The place of what is done.
    const DOES: u8 = u8::MAX;

    fn does(doing: Doing) -> What {
        What(doing.code() << u8::BITS | i64::from(What::DOES))
    }

    fn counted(amount: Amount) -> What {
        What(amount.code())
    }

    #[inline]
    fn told(self) -> Told {
        match self.0 as u8 {
            What::DOES => Told::Does(Doing::of_code(self.0 >> u8::BITS)),
            _ => Told::Counted(Amount::of_code(self.0)),
        }
    }
}

impl From<(i64, Told)> for Entry {
    fn from((at, told): (i64, Told)) -> Entry {
        let what = match told {
            Told::Counted(amount) => What::counted(amount),
            Told::Does(doing) => What::does(doing),
        };
        Entry { at, what }
    }
}

impl From<Entry> for (i64, Told) {
    fn from(entry: Entry) -> (i64, Told) {
        (entry.at, entry.what.told())
    }
}

/// One agent's.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Diary {
    /// Where the quarter of an hour begins that goes on.
    quarter: i64,
    /// How many entries were written in it: the last ones.
    open: usize,
    /// What was done before the first of these, …
    begun: Doing,
    /// … and before the first of all.
    before: Doing,
    entries: VecDeque<Entry>,
    /// Quarters that are over.
    quarters: Past,
}

impl Default for Diary {
    fn default() -> Diary {
        let (entries, quarters) = (VecDeque::new(), Past::default());
        let nothing = Doing::NOTHING;
        Diary { quarter: i64::MIN, open: 0, begun: nothing, before: nothing, entries, quarters }
    }
}

impl Diary {
    /// Adds to sums of the interval of an instant; `sums` is room to work in.
    #[inline]
    pub fn add<const N: usize>(&mut self, at: i64, amounts: &Amounts<N>, sums: &mut Open) {
        self.reach(at, sums);
        if at < self.quarter {
            self.restate(at, amounts);
        }
        for amount in amounts.all() {
            self.write(Entry { at, what: What::counted(*amount) });
        }
    }

    /// Another thing is done from an instant on, which is not before the last such one.
    #[inline]
    pub fn turn(&mut self, at: i64, doing: Doing, sums: &mut Open) {
        self.reach(at, sums);
        self.write(Entry { at, what: What::does(doing) });
    }

    #[inline]
    fn write(&mut self, entry: Entry) {
        self.entries.push_back(entry);
        self.open += 1;
    }

    /// What lies before an instant is not asked for by the minute any more.
    fn forget(&mut self, before: i64) {
        let old = self.entries.iter().take_while(|entry| entry.at < before).count();
        for entry in self.entries.drain(..old) {
            if let Told::Does(doing) = entry.what.told() {
                self.before = doing;
            }
        }
    }

    /// The quarter of an instant goes on, unless it is over.
    #[inline]
    fn reach(&mut self, at: i64, sums: &mut Open) {
        if at >= self.quarter.saturating_add(QUARTER_MS) {
            self.pass(quarter_of(at), sums);
        }
    }

    /// Quarters are over up to that one.
    fn pass(&mut self, until: i64, sums: &mut Open) {
        if self.open == 0 && self.begun.is_nothing() {
            self.quarter = until;
            return;
        }
        let end = self.quarter + QUARTER_MS;
        sums.clear();
        let entries = self.entries.range(self.entries.len() - self.open..);
        let doing = add_up(entries, self.begun, (self.quarter, end), sums);
        if !sums.is_empty() {
            self.quarters.push((self.quarter, 1), sums, QUARTERS);
        }
        let times = (until - end) / QUARTER_MS;
        sums.clear();
        doing.spend(QUARTER_MS, sums);
        if times > 0 && !sums.is_empty() {
            self.quarters.push((end, times), sums, QUARTERS);
        }
        (self.quarter, self.open, self.begun) = (until, 0, doing);
        self.forget(until - HOUR_MS);
    }

    /// Changes a quarter that is over.
    #[cold]
    fn restate<const N: usize>(&mut self, at: i64, amounts: &Amounts<N>) {
        let quarter = quarter_of(at);
        if quarter >= self.first_quarter() {
            self.quarters.bucket(quarter, QUARTER_MS).add_all(amounts, 1);
        }
    }

    /// The first that is kept; what is older stands there until a newer one comes.
    fn first_quarter(&self) -> i64 {
        let (grain, kept) = QUARTERS;
        self.quarter.saturating_sub((kept - 1) * grain)
    }

    /// Entries since an instant, what was done before them, and since when they count; with the quarters
    /// that lie before.
    fn window(&self, from: i64, now: i64) -> (impl Iterator<Item = &Entry>, Doing, i64, i64) {
        if from >= minute_of(now) - HOUR_MS {
            return (self.entries.range(..), self.before, from, i64::MAX);
        }
        let open = self.entries.range(self.entries.len() - self.open..);
        (open, self.begun, from.max(self.quarter), from.max(self.first_quarter()))
    }

    /// Adds the sums since `from`, a whole minute of the last hour or a whole quarter of an hour.
    pub fn add_since(&self, from: i64, now: i64, sums: &mut Open) {
        let (entries, before, since, quarters) = self.window(from, now);
        for (counts, times) in self.quarters.since(quarters, QUARTER_MS) {
            sums.merge_many(counts, times);
        }
        add_up(entries, before, (since, now), sums);
    }

    /// One of these sums, but none of time.
    pub fn sum(&self, from: i64, now: i64, sum: Sum) -> i64 {
        let (entries, _, since, quarters) = self.window(from, now);
        let quarters = self.quarters.since(quarters, QUARTER_MS);
        let over: i64 = quarters.map(|(counts, times)| counts.get(sum) * times).sum();
        let new = entries.filter(|entry| entry.at >= since).filter_map(|entry| {
            let Told::Counted(amount) = entry.what.told() else { return None };
            (amount.place() == sum.place()).then_some(amount.much())
        });
        over + new.sum::<i64>()
    }

    /// Looks at where the next entry is written.
    #[inline]
    pub fn glance(&self) -> i64 {
        self.entries.back().map_or(0, |entry| entry.at)
    }

    /// Looks at what is looked at for that.
    #[inline]
    pub fn glance_first(&self) -> i64 {
        self.quarter ^ self.open as i64
    }
}

/// Adds what was counted since an instant, and the time from then until another; answers what is done
/// at the end.
fn add_up<'a>(
    entries: impl Iterator<Item = &'a Entry>,
    mut doing: Doing,
    (from, until): (i64, i64),
    sums: &mut Open,
) -> Doing {
    let mut since = from;
    for entry in entries {
        match entry.what.told() {
            Told::Counted(amount) if entry.at >= from => sums.add_amount(amount),
            Told::Counted(_) => {}
            Told::Does(next) => {
                let at = entry.at.max(since);
                doing.spend(at - since, sums);
                (doing, since) = (next, at);
            }
        }
    }
    doing.spend((until - since).max(0), sums);
    doing
}

#[cfg(test)]
mod tests {
    use super::super::counts::Measure;
    use super::super::ledger::{Ledger, Subject};
    use super::*;
    use crate::domain::ids::AgentIx;
    use crate::domain::objects::Plan;
    use crate::domain::presence::{Detail, Status};
    use crate::domain::time::Millis;
    use proptest::prelude::*;

    const AGENT: AgentIx = AgentIx(2);

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Pass(i64),
        Turn(Doing),
        /// So long ago.
        Count(i64, Measure, i64),
    }

    fn doing() -> impl Strategy<Value = Doing> {
        let detail = prop::option::of(prop::sample::select(Detail::ALL));
        let plan = prop::option::of(prop::sample::select(vec![Plan::Work, Plan::Break]));
        (prop::sample::select(Status::ALL), detail, 0_u32..3, 0_u32..70_000, plan).prop_map(
            |(status, detail, work, capacity, plan)| {
                let capacity = capacity.min(u16::MAX.into());
                Doing { status, detail, work, capacity, plan }
            },
        )
    }

    fn step() -> impl Strategy<Value = Step> {
        let pass = prop_oneof![
            8 => 0_i64..40_000,
            2 => 0_i64..20 * MINUTE_MS,
            1 => 0_i64..3 * QUARTER_MS,
            1 => Just(4 * QUARTER_MS * 9)
        ];
        let measure = prop::sample::select(Measure::ALL);
        prop_oneof![
            pass.prop_map(Step::Pass),
            doing().prop_map(Step::Turn),
            (prop_oneof![Just(0), 0..QUARTER_MS, 0..100 * MINUTE_MS], measure, -3_i64..90_000)
                .prop_map(|(ago, measure, much)| Step::Count(ago, measure, much)),
        ]
    }

    /// What a diary says is what buckets say that are told the same.
    fn hold(ledger: &Ledger, now: i64) {
        let minutes = (0..=60).map(|back| minute_of(now) - back * MINUTE_MS);
        let quarters = (0..100).map(|back| quarter_of(now) - back * QUARTER_MS);
        for from in minutes.chain(quarters) {
            let (from, now) = (Millis(from), Millis(now));
            let diary = ledger.since(Subject::Agent(AGENT), from, now);
            assert_eq!(diary, ledger.since(Subject::Team(0), from, now), "{from:?} to {now:?}");
            for measure in [Measure::Offers, Measure::Handled] {
                let sum = ledger.sum(Subject::Agent(AGENT), from, now, measure.into());
                assert_eq!(sum, diary.get(measure));
            }
        }
    }

    proptest! {
        #[test]
        fn a_diary_and_buckets_that_are_told_the_same_say_the_same(
            steps in prop::collection::vec(step(), 1..120)
        ) {
            let mut ledger = Ledger::default();
            let (mut now, mut before) = (1_000_000 * QUARTER_MS + 7, Doing::NOTHING);
            for (at, step) in steps.iter().enumerate() {
                match *step {
                    Step::Pass(ms) => now += ms,
                    Step::Turn(next) => {
                        ledger.does(AGENT, Millis(now), next);
                        ledger.turn_team(0, Millis(now), &before.until(&next));
                        before = next;
                    }
                    Step::Count(ago, measure, much) => {
                        let counted = Amounts::<1>::from((measure, much));
                        for subject in [Subject::Agent(AGENT), Subject::Team(0)] {
                            ledger.add(subject, Millis(now - ago), &counted);
                        }
                    }
                }
                if at % 16 == 0 {
                    hold(&ledger, now);
                }
            }
            hold(&ledger, now);
            hold(&ledger, now + 100_000);
            let put_away = serde_json::to_string(&ledger).expect("JSON");
            hold(&serde_json::from_str(&put_away).expect("its JSON"), now);
        }

        #[test]
        fn what_is_done_comes_out_of_its_number_as_it_went_in(doing in doing()) {
            prop_assert_eq!(Doing::of_code(doing.code()), doing);
            let entry = Entry { at: 7, what: What::does(doing) };
            let json = serde_json::to_string(&entry).expect("JSON");
            let back: Entry = serde_json::from_str(&json).expect("its JSON");
            prop_assert_eq!(back.what.0, entry.what.0, "{}", json);
        }
    }

    #[test]
    fn only_the_last_hour_is_kept_entry_by_entry() {
        let (mut diary, mut sums) = (Diary::default(), Open::default());
        for second in 0..10 * 3_600 {
            diary.add(second * 1_000, &Amounts::<1>::from((Measure::Offers, 1)), &mut sums);
        }
        let kept = diary.entries.len();
        assert!((3_600..=4_500).contains(&kept), "{kept}");
        let now = 10 * 3_600 * 1_000 - 1;
        let offers = |from: i64| diary.sum(from, now, Measure::Offers.into());
        assert_eq!(offers(9 * 4 * QUARTER_MS), 3_600);
        assert_eq!(offers(0), 10 * 3_600);
    }
}
