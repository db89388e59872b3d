//! `least_versatile`: fewest memberships (queues and groups) and skills held, so that those who can
//! take most kinds of calls are kept free.

use super::{Facts, Key};

/// The number of both, then the idle clock.
#[must_use]
pub fn key(facts: &Facts) -> Key {
    Key::new(u64::from(facts.versatility), facts)
}
