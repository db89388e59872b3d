//! The history: what the figures' fold counted, kept in a SQLite file for as long as is wanted.
//!
//! Nothing is counted here. [`keep::Keep`] takes the fold's notes and writes them: sums of five
//! minutes and of hours for each subject, a row per call, stay, offer, part and own call, and for each
//! quarter of an hour what agents did and which calls were with whom, packed. The last record that is
//! in it stands in the same transaction, so that each is counted once whatever happens. [`read`] tells
//! sums over intervals, [`lists`] the rows, and [`behind`] the rows that are behind a figure.

pub mod adherence;
pub mod behind;
pub mod codes;
pub mod fairness;
pub mod intervals;
pub mod keep;
mod levels;
pub mod lists;
mod pacing;
pub mod read;
mod rows;
pub mod schema;
mod spans;
mod subjects;
mod tally;
mod whose;

use super::figures::{By, FIGURES, Figure};
use crate::domain::figures::{LIVE_ONLY, SHARED_OUT};
use crate::domain::presence::words;
use serde::{Deserialize, Serialize};

words!(
    /// By what the history is told apart.
    Across {
        /// All of it.
        Account => "account",
        /// Queues.
        Queue => "queue",
        /// Groups.
        Group => "group",
        /// Agents.
        Agent => "agent",
        /// Teams: what their members did while they were in them.
        Team => "team",
        /// Skills that calls asked for on their arrival.
        Skill => "skill",
        /// Media.
        Media => "media",
        /// Dialled numbers.
        Number => "number",
        /// Dispositions that agents noted.
        Disposition => "disposition",
    }
);

/// The finest intervals, ms: agents' time is counted up to their edges.
#[must_use]
pub fn tally_grain_ms() -> i64 {
    tally::FIVE_MS
}

/// What a disposition is noted for: agents' parts.
const OF_PARTS: [&str; 6] = ["handled", "talk_ms", "hold_ms", "wrap_up_ms", "aht_ms", "acw_ms"];

/// Whether a figure is worked out from rows that can be listed. What was planned is in sums alone.
#[must_use]
pub fn has_rows(figure: &Figure) -> bool {
    !SHARED_OUT.contains(&figure.name) && figure.name != "adherence"
}

impl Across {
    /// The figures that are told by it, in their order.
    pub fn figures(self) -> impl Iterator<Item = &'static Figure> {
        let by = match self {
            Across::Account => By::Account,
            Across::Agent => By::Agent,
            Across::Team => By::Team,
            _ => By::Queue,
        };
        FIGURES.iter().filter(move |figure| {
            figure.of.contains(&by)
                && !LIVE_ONLY.contains(&figure.name)
                // Who could be rung for a call of a skill or number is not known.
                && (figure.name != "offers_gini"
                    || matches!(self, Across::Queue | Across::Group | Across::Team))
                && (self != Across::Disposition || OF_PARTS.contains(&figure.name))
        })
    }
}

/// Why the history cannot answer, or could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// SQLite.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// The file is not one of ours, or of a newer release.
    #[error("{0}")]
    Foreign(String),
    /// What was asked as of a record has changed since: at this one.
    #[error("restated by record {0}")]
    Restated(u64),
    /// As of a record that there is not yet.
    #[error("record {0} is the last that is in the history")]
    Ahead(u64),
}
