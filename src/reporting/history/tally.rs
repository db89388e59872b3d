//! Sums of five minutes for every subject, until they are written.

use crate::domain::time::Millis;
use crate::reporting::figures::{Counts, Open, Rates, Sum};
use std::collections::BTreeMap;

/// The finest intervals, ms.
pub const FIVE_MS: i64 = 5 * 60_000;
/// The coarser ones, which whole hours are told from, ms.
pub const HOUR_MS: i64 = 60 * 60_000;

/// One subject: the interval that goes on.
#[derive(Default)]
struct Slot {
    begins: i64,
    /// What was counted since it was taken last. Of a large floor few do something between two
    /// takes, and sums are some hundred bytes: the others have none.
    open: Option<Box<Open>>,
}

/// What was counted since it was taken last. Subjects are told by their places; with the beginning of the
/// interval that is the key of what is taken.
#[derive(Default)]
pub struct Tally {
    slots: Vec<Slot>,
    touched: Vec<usize>,
    /// Of other intervals than those that go on.
    over: Sums,
}

/// Sums by subject's place and interval's beginning.
pub type Sums = BTreeMap<(usize, i64), Counts>;

impl Tally {
    /// Changes the interval of an instant: the one that goes on, or one that is over.
    fn change(
        &mut self,
        place: usize,
        at: i64,
        open: impl FnOnce(&mut Open),
        over: impl FnOnce(&mut Counts),
    ) {
        if self.slots.len() <= place {
            self.slots.resize_with(place + 1, Slot::default);
        }
        let slot = &mut self.slots[place];
        // Most of what is counted is of the interval that goes on: no division for that.
        if let Some(sums) = &mut slot.open
            && (slot.begins..slot.begins + FIVE_MS).contains(&at)
        {
            return open(sums);
        }
        let begins = at.div_euclid(FIVE_MS) * FIVE_MS;
        if begins > slot.begins {
            if let Some(sums) = slot.open.take() {
                put(&mut self.over, (place, slot.begins), sums.closed());
            }
            slot.begins = begins;
        }
        if begins == slot.begins {
            if slot.open.is_none() {
                self.touched.push(place);
            }
            return open(slot.open.get_or_insert_default());
        }
        over(self.over.entry((place, begins)).or_default());
    }

    /// Counts something in the interval of an instant.
    pub fn add(&mut self, place: usize, at: Millis, sum: Sum, amount: i64) {
        self.change(place, at.0, |open| open.add(sum, amount), |over| over.add(sum, amount));
    }

    /// Notes a wait that ended.
    pub fn waited(&mut self, place: usize, at: Millis, ms: u64) {
        self.change(place, at.0, |open| open.waited(ms), |over| over.waited(ms));
    }

    /// Counts time, split at the edges of intervals.
    pub fn span(&mut self, place: usize, (from, until): (Millis, Millis), rates: &Rates) {
        let mut at = from.0;
        while at < until.0 {
            let end = ((at.div_euclid(FIVE_MS) + 1) * FIVE_MS).min(until.0);
            let ms = end - at;
            self.change(place, at, |open| open.add_all(rates, ms), |over| over.add_all(rates, ms));
            at = end;
        }
    }

    /// Adds all of it to what is to be written, by subject and beginning; nothing is left.
    pub fn take(&mut self, into: &mut Sums) {
        for place in self.touched.drain(..) {
            let slot = &mut self.slots[place];
            if let Some(sums) = slot.open.take() {
                put(into, (place, slot.begins), sums.closed());
            }
        }
        for (key, counts) in std::mem::take(&mut self.over) {
            put(into, key, counts);
        }
    }
}

fn put(into: &mut Sums, key: (usize, i64), counts: Counts) {
    match into.entry(key) {
        std::collections::btree_map::Entry::Vacant(free) => drop(free.insert(counts)),
        std::collections::btree_map::Entry::Occupied(mut there) => there.get_mut().merge(&counts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reporting::figures::Measure;

    #[test]
    fn counts_stand_where_they_happened_and_nothing_is_taken_twice() {
        let mut tally = Tally::default();
        let ann = 70;
        let offered = Sum::from(Measure::Offered);
        let ten = Rates::from((offered, 10));
        tally.add(ann, Millis(FIVE_MS), offered, 1);
        tally.add(ann, Millis(3 * FIVE_MS - 1), offered, 2);
        tally.add(ann, Millis(0), offered, 4);
        tally.span(ann, (Millis(FIVE_MS - 10), Millis(2 * FIVE_MS + 7)), &ten);
        let mut taken = BTreeMap::new();
        tally.take(&mut taken);
        let told: Vec<_> = taken.iter().map(|(key, counts)| (*key, counts.get(offered))).collect();
        let five = FIVE_MS;
        assert_eq!(told, [((70, 0), 104), ((70, five), 10 * five + 1), ((70, 2 * five), 72)]);
        tally.add(ann, Millis(2 * FIVE_MS), offered, -2);
        tally.take(&mut taken);
        assert_eq!(taken[&(70, 2 * FIVE_MS)].get(offered), 70);
        let mut none = BTreeMap::new();
        tally.take(&mut none);
        assert!(none.is_empty());
    }
}
