//! `longest_idle`: earliest `idle_since`.

use super::{Facts, Key};

/// Nothing comes before the idle clock.
#[must_use]
pub fn key(facts: &Facts) -> Key {
    Key::new(0, facts)
}
