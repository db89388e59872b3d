//! How much of one sum: packed, for there are minutes and quarters of a day of everybody.

use super::counts::{ALL, SUMS, Sum};
use serde::{Deserialize, Serialize};

/// Bits of the sum's place.
const PLACE: u32 = u8::BITS;
/// The greatest amount: of ms, more than a million years. What is more is this.
const MOST: i64 = i64::MAX >> PLACE;

/// A sum, and how much of it: written with the sum's name.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(Sum, i64)", into = "(Sum, i64)")]
pub struct Amount(i64);

impl Amount {
    /// So much at a place, which is below [`SUMS`].
    #[inline]
    #[must_use]
    pub fn new(place: usize, amount: i64) -> Amount {
        debug_assert!(place < SUMS, "there is such a sum");
        Amount(amount.clamp(-MOST, MOST) << PLACE | place as i64)
    }

    /// Of which sum.
    #[must_use]
    pub fn sum(self) -> Sum {
        ALL[self.place()]
    }

    /// The sum's place ([`Sum::place`]).
    #[inline]
    #[must_use]
    pub fn place(self) -> usize {
        usize::from(self.0 as u8)
    }

    /// How much.
    #[inline]
    #[must_use]
    pub fn much(self) -> i64 {
        self.0 >> PLACE
    }
}

impl From<(Sum, i64)> for Amount {
    fn from((sum, amount): (Sum, i64)) -> Amount {
        Amount::new(sum.place(), amount)
    }
}

impl From<Amount> for (Sum, i64) {
    fn from(amount: Amount) -> (Sum, i64) {
        (amount.sum(), amount.much())
    }
}

/// A few sums, and how much of each.
#[derive(Clone, Copy, Debug)]
pub struct Amounts<const N: usize> {
    all: [Amount; N],
    count: usize,
}

impl<const N: usize> Default for Amounts<N> {
    fn default() -> Amounts<N> {
        Amounts { all: [Amount::default(); N], count: 0 }
    }
}

impl<const N: usize> Amounts<N> {
    /// So much more of a sum, unless it is nothing. No more than `N` go in.
    #[inline]
    pub fn push(&mut self, sum: impl Into<Sum>, amount: i64) {
        debug_assert!(amount == 0 || self.count < N, "nothing is left out");
        if let Some(free) = self.all.get_mut(self.count) {
            *free = Amount::new(sum.into().place(), amount);
            // No branch: whether it is something changes from one time to the next.
            self.count += usize::from(amount != 0);
        }
    }

    /// All of them, in the order in which they came.
    #[inline]
    #[must_use]
    pub fn all(&self) -> &[Amount] {
        &self.all[..self.count]
    }
}

impl<S: Into<Sum>, const N: usize> From<(S, i64)> for Amounts<N> {
    #[inline]
    fn from((sum, amount): (S, i64)) -> Amounts<N> {
        let mut amounts = Amounts::default();
        amounts.push(sum, amount);
        amounts
    }
}

impl std::fmt::Debug for Amount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        <(Sum, i64)>::from(*self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_comes_out_as_it_went_in_and_none_changes_its_sum() {
        for place in [0, 1, SUMS - 1] {
            for much in [0, 1, -1, 86_400_000_000_000, MOST, -MOST] {
                let amount = Amount::new(place, much);
                assert_eq!((amount.place(), amount.much()), (place, much));
                let json = serde_json::to_string(&amount).expect("JSON");
                assert_eq!(serde_json::from_str::<Amount>(&json).expect("its JSON"), amount);
            }
            for (much, most) in [(i64::MAX, MOST), (i64::MIN, -MOST)] {
                let amount = Amount::new(place, much);
                assert_eq!((amount.place(), amount.much()), (place, most));
            }
        }
    }
}
