//! One change for many users.

use crate::domain::media::Media;
use crate::domain::objects::Member;
use crate::domain::objects::user::Role;
use std::collections::BTreeMap;

/// What is to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bulk {
    /// Their role.
    Role(Role),
    /// Their own memberships of queues.
    Queues {
        /// Queues by id, and how they stand there.
        queues: Vec<(String, Member)>,
        /// In place of those they have, or beside them.
        replace: bool,
    },
    /// Calls at once of some media; others stay.
    Capacity(BTreeMap<Media, u8>),
    /// The group that they move to; `None`: out of the one they are in.
    Group(Option<String>),
    /// Skills with their levels.
    Skills {
        /// By id.
        skills: BTreeMap<String, Option<u16>>,
        /// In place of those they have, or beside them.
        replace: bool,
    },
}

/// How it is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BulkMode {
    /// Check only.
    pub dry_run: bool,
    /// One refusal refuses all.
    pub all_or_nothing: bool,
}
