//! `round_robin`: the members stand in a fixed circle, by position, then in order of creation; the
//! next after the last one offered is first. The cursor is the queue's, not the call's, so that
//! calls of any kind go round together.

use super::{Facts, Key};

/// The place in the circle: no idle clock, the agent's number follows.
#[must_use]
pub fn key(facts: &Facts) -> Key {
    Key(u64::from(facts.position), 0)
}
