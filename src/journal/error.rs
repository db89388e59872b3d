//! Everything that can go wrong with a journal, said so that an operator can act on it.

use super::StreamId;
use std::path::PathBuf;

/// Why the journal refused or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A record or snapshot does not follow the stream's head.
    #[error("stream {stream}: sequence {found} does not follow: {expected} was expected")]
    Sequence {
        /// The stream.
        stream: StreamId,
        /// The only sequence that would have done (for a snapshot: the highest).
        expected: u64,
        /// The sequence that was given.
        found: u64,
    },
    /// A record is older than the one before it.
    #[error("stream {stream}: the time of record {seq} is before that of the record before it")]
    Time {
        /// The stream.
        stream: StreamId,
        /// The record's sequence.
        seq: u64,
    },
    /// A stream number, sequence or key is beyond what the journal can hold.
    #[error("{what} {found} is beyond the journal's range")]
    Range {
        /// Which number.
        what: &'static str,
        /// Its value.
        found: u64,
    },
    /// Another process has the data folder.
    #[error("the data folder {} is in use by {by}", dir.display())]
    Locked {
        /// The folder.
        dir: PathBuf,
        /// `process 4711`, as far as the lock file tells.
        by: String,
    },
    /// The file was written by a newer release.
    #[error(
        "{} has format {found}, but this release knows formats up to {known}: use the newer release",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest format known here.
        known: i64,
    },
    /// The file belongs to another journal, or to no journal at all.
    #[error("{} does not belong to this journal: {why}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// How that shows.
        why: String,
    },
    /// What was read is not what was written.
    #[error("the journal is damaged: {what} ({place})")]
    Damaged {
        /// What was found.
        what: String,
        /// In which file, and where.
        place: String,
    },
    /// The log ends before a sequence that is known to have been durable.
    #[error(
        "stream {stream}: the log ends at {log}, but {witness} knows record {known}: \
         records are lost; start with --journal-accept-loss to go on without them"
    )]
    Behind {
        /// The stream.
        stream: StreamId,
        /// The last sequence in the log.
        log: u64,
        /// The last sequence that the witness knows.
        known: u64,
        /// What knows it: `high.seq` or `a snapshot`.
        witness: &'static str,
    },
    /// The records asked for are no longer kept.
    #[error("stream {stream}: records before {oldest} are no longer kept")]
    Trimmed {
        /// The stream.
        stream: StreamId,
        /// The oldest record kept.
        oldest: u64,
    },
    /// There is no such snapshot.
    #[error("stream {stream}: no snapshot at sequence {seq}")]
    NoSnapshot {
        /// The stream.
        stream: StreamId,
        /// The sequence asked for.
        seq: u64,
    },
    /// The disk (or the page limit of the file) is full.
    #[error("the disk is full")]
    Full,
    /// An earlier write failed; only the next start can say what is durable.
    #[error("the journal failed before and takes no more: {why}")]
    Broken {
        /// The first failure.
        why: String,
    },
    /// A file could not be read or written.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done, with the file's name.
        doing: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// SQLite failed in a way that has no name of its own here.
    #[error("SQLite: {0}")]
    Sqlite(rusqlite::Error),
}

impl Error {
    /// An input or output error with what was being done.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Error {
        let doing = doing.into();
        move |source| {
            if source.kind() == std::io::ErrorKind::StorageFull {
                Error::Full
            } else {
                Error::Io { doing, source }
            }
        }
    }

    pub(crate) fn damaged(what: impl Into<String>, place: impl Into<String>) -> Error {
        Error::Damaged { what: what.into(), place: place.into() }
    }

    /// True when nothing was written and the journal is as usable as before.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self, Error::Sequence { .. } | Error::Time { .. } | Error::Range { .. })
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Error {
        use rusqlite::ErrorCode as Code;
        match error.sqlite_error_code() {
            Some(Code::DiskFull) => Error::Full,
            Some(Code::DatabaseCorrupt | Code::NotADatabase) => {
                Error::damaged(error.to_string(), "found by SQLite")
            }
            _ => match error {
                // A column of another type than was written: not a failure of SQLite.
                rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::Utf8Error(..) => {
                    Error::damaged(error.to_string(), "found in a row")
                }
                other => Error::Sqlite(other),
            },
        }
    }
}
