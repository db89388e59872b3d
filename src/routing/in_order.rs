//! `in_order`: lowest position (seed S3-21). The call's own cursor turns the list: those after the
//! last one offered come first, then the list begins again.

use super::{Facts, Key};

/// The position, then the idle clock.
#[must_use]
pub fn key(facts: &Facts) -> Key {
    Key::new(u64::from(facts.position), facts)
}

/// Whether an agent stands after the cursor, both as (position, agent's number).
#[must_use]
pub fn after_cursor(cursor: Option<(u32, u32)>, position: u32, agent: u32) -> bool {
    cursor.is_none_or(|cursor| (position, agent) > cursor)
}
