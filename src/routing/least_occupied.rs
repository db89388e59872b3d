//! `least_occupied`: lowest occupancy in the window, as of becoming offerable.

use super::{Facts, Key};

/// The occupancy in millionths (it stands where others count calls), then the idle clock.
#[must_use]
pub fn key(facts: &Facts) -> Key {
    Key::new(u64::from(facts.count), facts)
}
