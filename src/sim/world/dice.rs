//! The world's dice: everything that is drawn comes from one seed.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// Seeded dice.
pub(super) struct Dice(Pcg64Mcg);

impl Dice {
    /// Of a seed.
    pub fn new(seed: u64) -> Dice {
        Dice(Pcg64Mcg::seed_from_u64(seed))
    }

    /// One of 0…n−1.
    pub fn below(&mut self, n: usize) -> usize {
        self.0.random_range(0..n)
    }

    /// Between two bounds, both included.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        self.0.random_range(from..=to)
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// True so often in a thousand times.
    pub fn odds(&mut self, per_mille: u32) -> bool {
        per_mille > 0 && self.0.random_range(0..1_000) < per_mille
    }

    /// One of a list that is not empty.
    pub fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
}
