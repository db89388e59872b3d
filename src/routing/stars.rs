//! `stars`: most stars if the queue enables competency, then the highest sum of the required
//! skills' levels (seeds S2-06, S2-07, S1-14).

use super::{Facts, Key};

/// Stars and levels turned round, since lower is first.
#[must_use]
pub fn key(facts: &Facts, competency: bool) -> Key {
    let short_of_best = if competency { 4 - u64::from(facts.stars.min(4)) } else { 0 };
    let short_of_level = u64::from(u32::MAX - facts.level);
    Key::new((short_of_best << 32) | short_of_level, facts)
}
