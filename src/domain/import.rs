//! Users from a file: what each of its rows asks for.

use crate::domain::ids::Name;
use crate::domain::time::Millis;
use serde_json::Value;

/// Rows of one file at most.
pub const MOST_ROWS: usize = 10_000;
/// Imports of an account that are remembered, so that they can be undone.
pub const MOST_IMPORTS: usize = 10;

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its number in the file, from 1.
    pub row: u32,
    /// The user's id, where the row says it.
    pub user: Option<String>,
    /// The id of a user who is new.
    pub fresh: String,
    /// The fields that it sets, as a merge patch of the user.
    pub body: Value,
    /// What a new user has beside these.
    pub default: Value,
    /// Who is new is invited: the link's hash and its end.
    pub invite: Option<(Name, Millis)>,
}

/// A file's rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Import {
    /// In the order of the file.
    pub rows: Vec<Row>,
    /// Check only.
    pub dry_run: bool,
}
