//! The recorded dice. The n-th number of an account is a function of its seed and n alone; seed and
//! n stand in the journal's events, so that a replay, and an engine started from a snapshot, go on
//! with the very numbers that would have come.

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};

/// An account's dice: PCG64 MCG (`rand_pcg::Pcg64Mcg`), whose numbers are the same for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dice {
    /// Where the numbers begin.
    pub seed: u64,
    /// Numbers taken so far.
    pub taken: u64,
}

impl Dice {
    /// The next number: 64 even bits.
    fn next(&mut self) -> u64 {
        let mut numbers = Pcg64Mcg::seed_from_u64(self.seed);
        numbers.advance(u128::from(self.taken));
        self.taken += 1;
        numbers.next_u64()
    }

    /// A number of 0…`n`−1, each with exactly the same chance; 0 when `n` is 0 or 1, which takes
    /// none. (Lemire's way: what would favour some is thrown again.)
    pub fn below(&mut self, n: u64) -> u64 {
        if n < 2 {
            return 0;
        }
        let unfair = n.wrapping_neg() % n;
        loop {
            let product = u128::from(self.next()) * u128::from(n);
            if product as u64 >= unfair {
                return (product >> 64) as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_a_seed_are_the_same_for_ever() {
        let mut dice = Dice { seed: 1, taken: 0 };
        let first: Vec<u64> = (0..6).map(|_| dice.below(1_000)).collect();
        assert_eq!(first, FIRST);
        let mut later = Dice { seed: 1, taken: 3 };
        assert_eq!(later.below(1_000), first[3], "the fourth, without the three before it");
    }

    /// Written down when the generator was chosen: another generator is another journal.
    const FIRST: [u64; 6] = [856, 137, 470, 726, 369, 557];

    #[test]
    fn each_number_has_the_same_chance() {
        let mut dice = Dice { seed: 7, taken: 0 };
        let mut seen = [0u32; 9];
        (0..9_000).for_each(|_| seen[dice.below(9) as usize] += 1);
        // Mean 1,000, deviation 29.8; 99.9 % within 98, of nine within 120.
        assert!(seen.iter().all(|n| n.abs_diff(1_000) < 120), "{seen:?}");
        // Of a number just above half of all there are, every second would be unfair.
        let most = (1 << 63) + 1;
        let before = dice.taken;
        assert!((0..100).all(|_| dice.below(most) < most));
        assert!(dice.taken - before > 150, "what was unfair was thrown again");
        assert_eq!((dice.below(0), dice.below(1)), (0, 0));
    }
}
