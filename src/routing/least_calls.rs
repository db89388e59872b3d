//! `least_calls`: lowest count of the window (seed S3-19, "random call distribution").

use super::{Facts, Key};

/// The count, then the idle clock.
#[must_use]
pub fn key(facts: &Facts) -> Key {
    Key::new(u64::from(facts.count), facts)
}
