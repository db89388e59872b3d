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

/// Quarters of an hour whose entries are kept: the one that goes on, and the hour before.
const PARTS: usize = 1 + (HOUR_MS / QUARTER_MS) as usize;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// What came, and when: from the lowest bit on a place, the ms since the quarter's beginning, and how
/// much of the sum of that place; with a place that no sum has, what is done from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(i64, Told)", into = "(i64, Told)")]
struct Entry(i64);

/// What came, as it is put away.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Told {
    Counted(Amount),
    Does(Doing),
}

/// Bits of the place, …
const PLACE: u32 = u8::BITS;
/// … and of the ms since the quarter's beginning. Half of all is left.
const OFFSET: u32 = 20;
const _: () = assert!(QUARTER_MS <= 1 << OFFSET && PLACE + OFFSET + Doing::CODE_BITS <= i64::BITS);
/// The greatest amount: of ms, more than a year. What is more is this.
const MOST: i64 = i64::MAX >> (PLACE + OFFSET);

impl Entry {
    /// The place of what is done.
    const DOES: u8 = u8::MAX;

    #[inline]
    fn new(offset: i64, told: Told) -> Entry {
        let (much, place) = match told {
            Told::Counted(amount) => (amount.much().clamp(-MOST, MOST), amount.place() as i64),
            Told::Does(doing) => (doing.code(), i64::from(Entry::DOES)),
        };
        Entry(much << (OFFSET + PLACE) | offset << PLACE | place)
    }

    #[inline]
    fn offset(self) -> i64 {
        self.0 >> PLACE & ((1 << OFFSET) - 1)
    }

    #[inline]
    fn told(self) -> Told {
        let much = self.0 >> (OFFSET + PLACE);
        match self.0 as u8 {
            Entry::DOES => Told::Does(Doing::of_code(much)),
            place => Told::Counted(Amount::new(place.into(), much)),
        }
    }
}

impl From<(i64, Told)> for Entry {
    fn from((offset, told): (i64, Told)) -> Entry {
        Entry::new(offset, told)
    }
}

impl From<Entry> for (i64, Told) {
    fn from(entry: Entry) -> (i64, Told) {
        (entry.offset(), entry.told())
    }
}

/// One agent's.
#[derive(Clone, Debug, Serialize, Deserialize)]
// What every record touches stands together, and is fetched as one.
#[repr(C, align(64))]
pub struct Diary {
    /// Where the quarter of an hour begins that goes on.
    quarter: i64,
    /// Of all quarters one behind the other, each beginning with what is done then, unless that is
    /// nothing.
    entries: VecDeque<Entry>,
    /// How many there are of each, that which goes on first.
    lengths: [u32; PARTS],
    /// Quarters that are over.
    quarters: Past,
}

impl Default for Diary {
    fn default() -> Diary {
        let (entries, quarters) = (VecDeque::new(), Past::default());
        Diary { quarter: i64::MIN, entries, lengths: [0; PARTS], quarters }
    }
}

impl Diary {
    /// Adds to sums of the interval of an instant; `sums` is room to work in.
    #[inline]
    pub fn add<const N: usize>(&mut self, at: i64, amounts: &Amounts<N>, sums: &mut Open) {
        self.reach(at, sums);
        if at < self.quarter {
            return self.restate(at, amounts);
        }
        for amount in amounts.all() {
            self.write(at - self.quarter, Told::Counted(*amount));
        }
    }

    /// Another thing is done from an instant on, which is not before the last such one. Of a quarter
    /// that is over no time is taken back.
    #[inline]
    pub fn turn(&mut self, at: i64, doing: Doing, sums: &mut Open) {
        self.reach(at, sums);
        self.write((at - self.quarter).max(0), Told::Does(doing));
    }

    #[inline]
    fn write(&mut self, offset: i64, told: Told) {
        self.entries.push_back(Entry::new(offset, told));
        self.lengths[0] += 1;
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
        let mut doing = Doing::NOTHING;
        if self.lengths[0] > 0 {
            let end = self.quarter + QUARTER_MS;
            sums.clear();
            doing = add_up(self.entries(1), (self.quarter, end), sums);
            if !sums.is_empty() {
                self.quarters.push((self.quarter, 1), sums, QUARTERS);
            }
            let times = (until - end) / QUARTER_MS;
            sums.clear();
            doing.spend(QUARTER_MS, sums);
            if times > 0 && !sums.is_empty() {
                self.quarters.push((end, times), sums, QUARTERS);
            }
        }
        let begun = until.saturating_sub(self.quarter) / QUARTER_MS;
        self.quarter = until;
        (0..begun.min(PARTS as i64)).for_each(|_| self.begin(doing));
    }

    /// A quarter begins, and the oldest one's entries are not asked for any more.
    fn begin(&mut self, doing: Doing) {
        self.lengths.rotate_right(1);
        let old = std::mem::take(&mut self.lengths[0]);
        self.entries.drain(..old as usize);
        if !doing.is_nothing() {
            self.write(0, Told::Does(doing));
        }
    }

    /// Changes a quarter that is over.
    #[cold]
    fn restate<const N: usize>(&mut self, at: i64, amounts: &Amounts<N>) {
        let quarter = quarter_of(at);
        if quarter < self.first_quarter() {
            return;
        }
        self.quarters.bucket(quarter, QUARTER_MS).add_all(amounts, 1);
        let part = (self.quarter - quarter) / QUARTER_MS;
        let Some(part) = usize::try_from(part).ok().filter(|part| *part < PARTS) else { return };
        let end = self.entries.len() - self.count(part);
        for amount in amounts.all() {
            self.entries.insert(end, Entry::new(at - quarter, Told::Counted(*amount)));
            self.lengths[part] += 1;
        }
    }

    /// The first that is kept; what is older stands there until a newer one comes.
    fn first_quarter(&self) -> i64 {
        let (grain, kept) = QUARTERS;
        self.quarter.saturating_sub((kept - 1) * grain)
    }

    /// How many entries there are of so many parts, the newest.
    fn count(&self, parts: usize) -> usize {
        self.lengths[..parts].iter().map(|length| *length as usize).sum()
    }

    /// The entries of so many parts, the newest, with their instants.
    fn entries(&self, parts: usize) -> impl Iterator<Item = (i64, Told)> {
        (0..parts).rev().flat_map(|part| {
            let begins = self.quarter - part as i64 * QUARTER_MS;
            let end = self.entries.len() - self.count(part);
            let of_part = self.entries.range(end - self.lengths[part] as usize..end);
            of_part.map(move |entry| (begins + entry.offset(), entry.told()))
        })
    }

    /// How many parts count one by one, and since when; with the quarters that lie before.
    fn window(&self, from: i64, now: i64) -> (usize, i64, i64) {
        if from >= minute_of(now) - HOUR_MS {
            return (PARTS, from, i64::MAX);
        }
        (1, from.max(self.quarter), from.max(self.first_quarter()))
    }

    /// Adds the sums since `from`, a whole minute of the last hour or a whole quarter of an hour.
    pub fn add_since(&self, from: i64, now: i64, sums: &mut Open) {
        let (parts, since, quarters) = self.window(from, now);
        for (counts, times) in self.quarters.since(quarters, QUARTER_MS) {
            sums.merge_many(counts, times);
        }
        add_up(self.entries(parts), (since, now), sums);
    }

    /// One of these sums, but none of time.
    pub fn sum(&self, from: i64, now: i64, sum: Sum) -> i64 {
        let (parts, since, quarters) = self.window(from, now);
        let quarters = self.quarters.since(quarters, QUARTER_MS);
        let over: i64 = quarters.map(|(counts, times)| counts.get(sum) * times).sum();
        let new = self.entries(parts).filter(|(at, _)| *at >= since).filter_map(|(_, told)| {
            let Told::Counted(amount) = told else { return None };
            (amount.place() == sum.place()).then_some(amount.much())
        });
        over + new.sum::<i64>()
    }

    /// Looks at where the next entry is written.
    #[inline]
    pub fn glance(&self) -> i64 {
        self.entries.back().map_or(0, |entry| entry.0)
    }

    /// Looks at what is looked at for that.
    #[inline]
    pub fn glance_first(&self) -> i64 {
        self.quarter
    }
}

/// Adds what was counted since an instant, and the time from then until another; answers what is done
/// at the end.
fn add_up(
    entries: impl Iterator<Item = (i64, Told)>,
    (from, until): (i64, i64),
    sums: &mut Open,
) -> Doing {
    let (mut doing, mut since) = (Doing::NOTHING, from);
    for (at, told) in entries {
        match told {
            Told::Counted(amount) if at >= from => sums.add_amount(amount),
            Told::Counted(_) => {}
            Told::Does(next) => {
                let at = at.max(since);
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
                let capacity = capacity.min(Doing::MOST_COUNT);
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
            let entry = Entry::new(QUARTER_MS - 1, Told::Does(doing));
            let json = serde_json::to_string(&entry).expect("JSON");
            let back: Entry = serde_json::from_str(&json).expect("its JSON");
            prop_assert_eq!(back, entry, "{}", json);
            prop_assert_eq!(back.offset(), QUARTER_MS - 1);
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
