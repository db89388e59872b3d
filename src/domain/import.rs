//! Users from a file: what each of its rows asks for.

use crate::domain::ids::Name;
use crate::domain::problem::Problem;
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
    /// Who is new is invited.
    pub invite: Option<Invitation>,
    /// Why nobody new is made of it: the e-mail is known in another account.
    pub elsewhere: Option<Problem>,
}

/// How somebody is invited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Of the link's secret.
    pub hash: Name,
    /// The link's end.
    pub until: Millis,
    /// The link, where it goes by mail.
    pub mail: Option<String>,
}

/// A file's rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Import {
    /// In the order of the file.
    pub rows: Vec<Row>,
    /// Check only.
    pub dry_run: bool,
}
