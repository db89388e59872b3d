//! What is summed up for an interval: whole numbers that add, so that intervals add up to a day and
//! agents to a team, and the longest wait, which is the greater of two.

use super::amount::{Amount, Amounts};
use crate::domain::figures::THRESHOLDS_S;
use crate::domain::presence::{Detail, words};
use serde::{Deserialize, Serialize};

words!(
    /// One thing that is counted, or timed in milliseconds.
    Measure {
        /// Calls that entered a queue; at their entry.
        Offered => "offered",
        /// Of these, those that an agent answered; at their entry.
        Answered => "answered",
        /// … whose caller left before, the short ones included; at their entry.
        Abandoned => "abandoned",
        /// … sooner than the queue's `short_abandon_ms`; at their entry.
        ShortAbandoned => "short_abandoned",
        /// … that left by an exit, a callback in their place or a supervisor; at their entry.
        Exited => "exited",
        /// … that could not be served; at their entry.
        Failed => "failed",
        /// Answered calls that were transferred on; at their entry.
        Transferred => "transferred",
        /// Waiting time of those answered, ms; at their entry.
        WaitAnsweredMs => "wait_answered_ms",
        /// Waiting time of those abandoned, ms; at their entry.
        WaitAbandonedMs => "wait_abandoned_ms",
        /// Agents' parts in calls that are over; at their end.
        Handled => "handled",
        /// Time with the caller on the line, ms; at the part's end.
        TalkMs => "talk_ms",
        /// Time on hold, ms; at the part's end.
        HoldMs => "hold_ms",
        /// After-call work, ms; at the part's end.
        WrapUpMs => "wrap_up_ms",
        /// Parts that had after-call work; at the part's end.
        WrapUps => "wrap_ups",
        /// Offers; all of these at the offer's making.
        Offers => "offers",
        /// Offers that were answered.
        Accepted => "accepted",
        /// Time from these offers to their answers, ms.
        AnswerMs => "answer_ms",
        /// Offers that rang out.
        Missed => "missed",
        /// Offers that were refused.
        Refused => "refused",
        /// Offers whose phone was busy or not reached, or that could not be joined.
        OffersFailed => "offers_failed",
        /// Offers that ended since the caller hung up.
        HungUp => "hung_up",
        /// Offers that were taken back otherwise.
        Withdrawn => "withdrawn",
        /// Callbacks among the offered; at their entry.
        Callbacks => "callbacks",
        /// … whose customer was reached; at their entry.
        CallbacksReached => "callbacks_reached",
        /// Their attempts in which the customer was not reached; at their entry.
        CallbacksMissed => "callbacks_missed",
        /// Own calls to the outside that agents made; at their beginning.
        OwnCalls => "own_calls",
        /// … that were longer than 5.0 s; at their beginning.
        OwnConversations => "own_conversations",
        /// … and the time of these, ms; at their beginning.
        OwnMs => "own_ms",
        /// Time logged in, ms; this and what follows split at the edges of intervals.
        LoggedInMs => "logged_in_ms",
        /// Time with the status `ready`, ms.
        ReadyMs => "ready_ms",
        /// Of this, with nothing to do and nothing in the way, ms.
        IdleMs => "idle_ms",
        /// Time with at least one contact, after-call work included, ms by the wall clock.
        OccupiedMs => "occupied_ms",
        /// Time of all contacts added together, after-call work included, ms.
        ServiceMs => "service_ms",
        /// Capacities of all media, times the time logged in, ms.
        CapacityMs => "capacity_ms",
        /// Time for which a calendar planned something, ms.
        ScheduledMs => "scheduled_ms",
        /// Of this, time that went as planned, ms.
        AdherentMs => "adherent_ms",
    }
);

/// A sum's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Sum {
    /// A count, or a time.
    Of(Measure),
    /// Time in which an agent's detail was this, ms.
    In(Detail),
    /// Calls answered within the threshold of this place in [`THRESHOLDS_S`], and not within the one
    /// before; its length: later than all.
    AnsweredWithin(u8),
    /// The same of calls that left their queue for whatever reason.
    LeftWithin(u8),
}

/// How many sums there are.
pub const SUMS: usize = Measure::ALL.len() + Detail::ALL.len() + 2 * BANDS;
/// Sums of time, which grow by themselves: the last measures, and all details.
const TIMES: usize = Measure::ALL.len() - FIRST_TIME + Detail::ALL.len();
/// The place of the first of them.
const FIRST_TIME: usize = Measure::LoggedInMs as usize;
/// One for each threshold, and one for what is later than all.
const BANDS: usize = THRESHOLDS_S.len() + 1;

impl Sum {
    /// Its place among all, below [`SUMS`]. Another release may count otherwise.
    #[inline]
    #[must_use]
    pub fn place(self) -> usize {
        let bands = Measure::ALL.len() + Detail::ALL.len();
        match self {
            Sum::Of(measure) => measure as usize,
            Sum::In(detail) => Measure::ALL.len() + detail as usize,
            Sum::AnsweredWithin(band) => bands + usize::from(band).min(BANDS - 1),
            Sum::LeftWithin(band) => bands + BANDS + usize::from(band).min(BANDS - 1),
        }
    }

    /// What stands at a place.
    #[must_use]
    pub const fn at(place: usize) -> Sum {
        let (measures, details) = (Measure::ALL, Detail::ALL);
        let bands = measures.len() + details.len();
        if place < measures.len() {
            Sum::Of(measures[place])
        } else if place < bands {
            Sum::In(details[place - measures.len()])
        } else if place < bands + BANDS {
            Sum::AnsweredWithin((place - bands) as u8)
        } else {
            Sum::LeftWithin((place - bands - BANDS) as u8)
        }
    }
}

/// Every sum at its place.
pub(super) static ALL: [Sum; SUMS] = {
    let mut all = [Sum::at(0); SUMS];
    let mut place = 0;
    while place < SUMS {
        all[place] = Sum::at(place);
        place += 1;
    }
    all
};

impl std::fmt::Display for Sum {
    /// A name for files: it stays what it is.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let band = |band: u8| THRESHOLDS_S.get(usize::from(band));
        match self {
            Sum::Of(measure) => f.write_str(measure.word()),
            Sum::In(detail) => write!(f, "in_{detail}"),
            Sum::AnsweredWithin(at) => match band(*at) {
                Some(seconds) => write!(f, "answered_within_{seconds}"),
                None => f.write_str("answered_later"),
            },
            Sum::LeftWithin(at) => match band(*at) {
                Some(seconds) => write!(f, "left_within_{seconds}"),
                None => f.write_str("left_later"),
            },
        }
    }
}

impl From<Measure> for Sum {
    fn from(measure: Measure) -> Sum {
        Sum::Of(measure)
    }
}

/// The first threshold that a wait is within.
#[must_use]
pub fn band(waited_ms: u64) -> u8 {
    let band = THRESHOLDS_S.iter().position(|within| waited_ms <= within * 1_000);
    u8::try_from(band.unwrap_or(THRESHOLDS_S.len())).unwrap_or(u8::MAX)
}

/// The sums of one subject in one interval.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// In the order of their places; few of all are ever there.
    sums: Vec<Amount>,
    /// The longest wait that ended, by whatever; of calls that entered in the interval.
    #[serde(default)]
    longest_ms: u64,
}

impl Counts {
    /// Adds to a sum; negative to take back.
    pub fn add(&mut self, sum: impl Into<Sum>, amount: i64) {
        self.add_at(sum.into().place(), amount);
    }

    fn add_at(&mut self, place: usize, amount: i64) {
        match self.find(place) {
            Ok(at) => self.sums[at] = Amount::new(place, self.sums[at].much() + amount),
            Err(at) => self.sums.insert(at, Amount::new(place, amount)),
        }
    }

    /// Where the sum of a place stands, or would.
    fn find(&self, place: usize) -> Result<usize, usize> {
        self.sums.binary_search_by_key(&place, |of| of.place())
    }

    /// Notes a wait.
    pub fn waited(&mut self, ms: u64) {
        self.longest_ms = self.longest_ms.max(ms);
    }

    /// Adds to several sums, so many times.
    pub fn add_all<const N: usize>(&mut self, amounts: &Amounts<N>, times: i64) {
        amounts.all().iter().for_each(|of| self.add_at(of.place(), of.much() * times));
    }

    /// Every sum that was counted, in the order of places.
    pub fn all(&self) -> impl Iterator<Item = (Sum, i64)> {
        self.sums.iter().map(|of| (of.sum(), of.much()))
    }

    /// A sum.
    #[must_use]
    pub fn get(&self, sum: impl Into<Sum>) -> i64 {
        self.find(sum.into().place()).map_or(0, |at| self.sums[at].much())
    }

    /// The longest wait that ended, ms.
    #[must_use]
    pub fn longest_ms(&self) -> u64 {
        self.longest_ms
    }

    /// Those within the threshold at a place of [`THRESHOLDS_S`].
    #[must_use]
    pub fn within(&self, threshold: usize, of: fn(u8) -> Sum) -> i64 {
        (0..=u8::try_from(threshold).unwrap_or(u8::MAX)).map(|band| self.get(of(band))).sum()
    }

    /// Adds another interval's, or another subject's.
    pub fn merge(&mut self, other: &Counts) {
        self.waited(other.longest_ms);
        if self.sums.is_empty() {
            self.sums.clone_from(&other.sums);
            return;
        }
        // Both are in order: what is new goes behind, and is put in its place once.
        let (mut at, known) = (0, self.sums.len());
        for of in &other.sums {
            let place = of.place();
            while at < known && self.sums[at].place() < place {
                at += 1;
            }
            if at < known && self.sums[at].place() == place {
                self.sums[at] = Amount::new(place, self.sums[at].much() + of.much());
            } else {
                self.sums.push(*of);
            }
        }
        if self.sums.len() > known {
            self.sums.sort_unstable_by_key(|of| of.place());
        }
    }

    /// As before anything was counted.
    pub fn clear(&mut self) {
        self.sums.clear();
        self.longest_ms = 0;
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.longest_ms == 0 && self.sums.iter().all(|of| of.much() == 0)
    }
}

/// The sums of the interval that goes on: every one at its place, for it is added to all the time. Which
/// of them are nothing is looked at when it is over: to note it with each record costs more.
#[derive(Clone, Debug)]
// What every change touches stands together.
#[repr(C)]
pub struct Open {
    longest_ms: u64,
    sums: [i64; SUMS],
}

impl Default for Open {
    fn default() -> Open {
        Open { longest_ms: 0, sums: [0; SUMS] }
    }
}

impl Open {
    /// Adds to a sum; negative to take back.
    #[inline]
    pub fn add(&mut self, sum: Sum, amount: i64) {
        self.sums[sum.place()] += amount;
    }

    /// Adds to the sum that it is of.
    #[inline]
    pub fn add_amount(&mut self, amount: Amount) {
        self.sums[amount.place()] += amount.much();
    }

    /// Notes a wait.
    #[inline]
    pub fn waited(&mut self, ms: u64) {
        self.longest_ms = self.longest_ms.max(ms);
    }

    /// A sum.
    #[must_use]
    pub fn get(&self, sum: Sum) -> i64 {
        self.sums[sum.place()]
    }

    /// Adds the counts of a part of it.
    pub fn merge(&mut self, counts: &Counts) {
        self.merge_many(counts, 1);
    }

    /// Adds the counts of so many parts of it, which have the same.
    pub fn merge_many(&mut self, counts: &Counts, times: i64) {
        counts.sums.iter().for_each(|of| self.sums[of.place()] += of.much() * times);
        self.waited(counts.longest_ms);
    }

    /// Adds another's.
    pub fn merge_open(&mut self, other: &Open) {
        self.sums.iter_mut().zip(&other.sums).for_each(|(sum, more)| *sum += more);
        self.waited(other.longest_ms);
    }

    /// Adds to several sums, so many times.
    #[inline]
    pub fn add_all<const N: usize>(&mut self, amounts: &Amounts<N>, times: i64) {
        amounts.all().iter().for_each(|of| self.sums[of.place()] += of.much() * times);
    }

    /// So many ms pass at these rates.
    pub fn pass(&mut self, rates: &Pace, ms: i64) {
        let times = self.sums[FIRST_TIME..].iter_mut().zip(&rates.0);
        times.for_each(|(sum, rate)| *sum += ms * rate);
    }

    /// From now on each ms adds so much more to sums of time, and so many ms do at once.
    #[inline]
    pub fn turn<const N: usize>(&mut self, rates: &mut Pace, by: &Amounts<N>, ms: i64) {
        for of in by.all() {
            self.sums[of.place()] += of.much() * ms;
            if let Some(rate) = rates.0.get_mut(of.place().wrapping_sub(FIRST_TIME)) {
                *rate += of.much();
            }
        }
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.longest_ms == 0 && self.sums.iter().all(|sum| *sum == 0)
    }

    /// As it is kept when the interval is over.
    #[must_use]
    pub fn closed(&self) -> Counts {
        let mut counts = Counts::default();
        self.close(&mut counts);
        counts
    }

    /// The same, in the place of what was kept.
    pub fn close(&self, into: &mut Counts) {
        into.clear();
        into.longest_ms = self.longest_ms;
        // No more than it has: a day has many.
        into.sums.reserve(self.sums.iter().filter(|sum| **sum != 0).count());
        let counted = self.sums.iter().enumerate().filter(|(_, sum)| **sum != 0);
        into.sums.extend(counted.map(|(place, sum)| Amount::new(place, *sum)));
    }

    /// Begins a new interval.
    pub fn clear(&mut self) {
        *self = Open::default();
    }
}

/// What each ms adds to the sums of time.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pace([i64; TIMES]);

impl Serialize for Open {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.closed().serialize(s)
    }
}

impl<'de> Deserialize<'de> for Open {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Open, D::Error> {
        let counts = Counts::deserialize(d)?;
        let mut open = Open::default();
        open.merge(&counts);
        Ok(open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sum_has_a_place_of_its_own() {
        let mut open = Open::default();
        for place in 0..SUMS {
            assert_eq!(Sum::at(place).place(), place);
            assert!(place == 0 || Sum::at(place - 1) < Sum::at(place), "in order");
            open.add(Sum::at(place), i64::try_from(place).expect("small") + 1);
        }
        open.waited(9);
        let closed = open.closed();
        assert_eq!((closed.sums.len(), closed.longest_ms()), (SUMS, 9));
        assert!((0..SUMS).all(|place| closed.get(Sum::at(place)) == place as i64 + 1));
        open.clear();
        assert!(open.closed().is_empty());
    }

    #[test]
    fn bands_end_at_their_thresholds() {
        assert_eq!([0, 15_000, 15_001, 20_000, 600_000, 600_001].map(band), [0, 0, 1, 1, 11, 12]);
        let mut counts = Counts::default();
        for waited in [3_000, 15_000, 20_000, 20_001, 700_000] {
            counts.add(Sum::AnsweredWithin(band(waited)), 1);
        }
        let within: Vec<i64> =
            (0..THRESHOLDS_S.len()).map(|at| counts.within(at, Sum::AnsweredWithin)).collect();
        assert_eq!(within, [2, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4]);
    }

    #[test]
    fn what_is_taken_back_leaves_nothing() {
        let mut counts = Counts::default();
        counts.add(Measure::Answered, 1);
        counts.add(Measure::Answered, -1);
        assert!(counts.is_empty());
        let mut day = Counts::default();
        counts.add(Measure::Offered, 2);
        counts.waited(70);
        day.merge(&counts);
        day.merge(&counts);
        assert_eq!((day.get(Measure::Offered), day.longest_ms()), (4, 70));
    }
}
