//! `least_talk`: least time with callers of this queue in the window. A call counts when the agent's
//! part in it ends, with all of its length.

use super::{Facts, Key};

/// The milliseconds (they stand where others count calls), then the idle clock.
#[must_use]
pub fn key(facts: &Facts) -> Key {
    Key::new(u64::from(facts.count), facts)
}
