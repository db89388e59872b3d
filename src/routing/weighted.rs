//! `random` and `weighted`: the first is drawn, each time anew. The key says only with what weight;
//! [`super::lots`] holds the weights so that a draw costs the same on any floor.

use super::{Facts, Key};

/// Equal weights.
#[must_use]
pub fn even() -> Key {
    Key(1, 0)
}

/// Stars, or a skill's level.
#[must_use]
pub fn key(facts: &Facts) -> Key {
    Key(u64::from(facts.weight), 0)
}
