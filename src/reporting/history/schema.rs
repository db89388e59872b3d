//! The file's tables. All names begin with `history_`, so that a backup can hold them beside others.

use super::{Error, pacing, spans, whose};
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use std::path::Path;
use std::time::Duration;

/// The newest format that this release reads; it writes no other.
pub const FORMAT: i64 = 3;

/// `CBHI` in the file's header.
const APPLICATION: i64 = 0x4342_4849;

/// The file in the data folder.
pub const FILE: &str = "history.db";

/// `history_figures`: one row per subject, grain (ms) and interval that has counts. `seq`: the record
/// that changed it last.
const TABLES: &str = "
CREATE TABLE history_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE history_stream (
  stream INTEGER PRIMARY KEY, seq INTEGER NOT NULL, at INTEGER NOT NULL, settled INTEGER NOT NULL,
  kept_from INTEGER NOT NULL
);
CREATE TABLE history_sum (code INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE history_subject (
  id INTEGER PRIMARY KEY, stream INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
  UNIQUE (stream, kind, name)
);
CREATE TABLE history_figures (
  subject INTEGER NOT NULL, grain INTEGER NOT NULL, begins INTEGER NOT NULL, seq INTEGER NOT NULL,
  sums BLOB NOT NULL, PRIMARY KEY (subject, grain, begins)
) WITHOUT ROWID;
CREATE TABLE history_call (
  stream INTEGER NOT NULL, call INTEGER NOT NULL, ended_at INTEGER, outcome TEXT, reason TEXT,
  media TEXT NOT NULL, number TEXT, skills TEXT NOT NULL, callback INTEGER NOT NULL, of INTEGER,
  PRIMARY KEY (stream, call)
) WITHOUT ROWID;
CREATE INDEX history_call_open ON history_call (stream, call) WHERE ended_at IS NULL;
CREATE TABLE history_stay (
  stream INTEGER NOT NULL, call INTEGER NOT NULL, no INTEGER NOT NULL, queue INTEGER NOT NULL,
  entered_at INTEGER NOT NULL, outcome TEXT, waited_ms INTEGER NOT NULL, short INTEGER NOT NULL,
  transferred INTEGER NOT NULL, exit TEXT, reached INTEGER NOT NULL, missed INTEGER NOT NULL,
  PRIMARY KEY (stream, call, no)
) WITHOUT ROWID;
CREATE TABLE history_offer (
  stream INTEGER NOT NULL, call INTEGER NOT NULL, offer INTEGER NOT NULL, agent INTEGER NOT NULL,
  queue INTEGER NOT NULL, made_at INTEGER NOT NULL, outcome TEXT, ended_at INTEGER NOT NULL,
  answer_ms INTEGER NOT NULL, PRIMARY KEY (stream, call, offer)
) WITHOUT ROWID;
CREATE TABLE history_part (
  stream INTEGER NOT NULL, call INTEGER NOT NULL, no INTEGER NOT NULL, agent INTEGER NOT NULL,
  queue INTEGER, began_at INTEGER NOT NULL, ended_at INTEGER NOT NULL, talk_ms INTEGER NOT NULL,
  hold_ms INTEGER NOT NULL, wrapping INTEGER NOT NULL, wrap_up_ms INTEGER, disposition TEXT,
  PRIMARY KEY (stream, call, no)
) WITHOUT ROWID;
CREATE INDEX history_part_open ON history_part (stream, ended_at) WHERE wrapping;
CREATE TABLE history_own (
  agent INTEGER NOT NULL, began_at INTEGER NOT NULL, subject TEXT NOT NULL, ended_at INTEGER,
  internal INTEGER NOT NULL, PRIMARY KEY (agent, began_at, subject)
) WITHOUT ROWID;
CREATE INDEX history_own_open ON history_own (agent, began_at) WHERE ended_at IS NULL;
";

/// Since format 2: who had a place in which queue, and was opted in, and whether the status ready was
/// needed there.
const MEMBERS: &str = "
CREATE TABLE history_member (
  queue INTEGER NOT NULL, agent INTEGER NOT NULL, began_at INTEGER NOT NULL, ended_at INTEGER,
  ready INTEGER NOT NULL, PRIMARY KEY (queue, agent, began_at)
) WITHOUT ROWID;
";

/// Since format 3: agents' time, and whose calls were, packed.
const PACKED: &str = "
CREATE TABLE history_state (
  code INTEGER PRIMARY KEY, status TEXT NOT NULL, detail TEXT, reason TEXT, work INTEGER NOT NULL,
  capacity INTEGER NOT NULL
);
CREATE TABLE history_time (
  agent INTEGER NOT NULL, begins INTEGER NOT NULL, spans BLOB NOT NULL, PRIMARY KEY (agent, begins)
) WITHOUT ROWID;
CREATE TABLE history_whose (
  subject INTEGER NOT NULL, begins INTEGER NOT NULL, calls BLOB NOT NULL,
  PRIMARY KEY (subject, begins)
) WITHOUT ROWID;
";

/// What format 2 had for that.
const UNPACKED: &str = "
DROP TABLE history_span; DROP INDEX history_stay_queue;
DROP INDEX history_offer_agent; DROP INDEX history_offer_queue;
DROP INDEX history_part_agent; DROP INDEX history_part_queue;
";

/// Opens for writing, and makes the tables when the file is new.
///
/// # Errors
/// [`Error::Foreign`] when it is another's or newer; [`Error::Sqlite`].
pub fn open_writing(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(path, flags)?;
    prepare(&db, path)?;
    pacing::bit_by_bit(&mut db, path)?;
    Ok(db)
}

/// The same in memory, for tests.
///
/// # Errors
/// [`Error::Sqlite`].
pub fn open_in_memory() -> Result<Connection, Error> {
    let db = Connection::open_in_memory()?;
    prepare(&db, Path::new(":memory:"))?;
    Ok(db)
}

fn prepare(db: &Connection, path: &Path) -> Result<(), Error> {
    db.busy_timeout(Duration::from_secs(10))?;
    db.set_prepared_statement_cache_capacity(64);
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let is_new = tables == 0;
    if !is_new {
        check_format(db, path)?;
    }
    // What the figures put away must not be ahead of this file.
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    db.pragma_update_and_check(None, "journal_size_limit", 64 << 20, |_| Ok(()))?;
    if is_new {
        db.execute_batch(&format!(
            "BEGIN IMMEDIATE; {TABLES} {MEMBERS} {PACKED}
             PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {FORMAT}; COMMIT"
        ))?;
        return Ok(());
    }
    let before = format(db)?;
    if before < FORMAT {
        let upgrade = db.unchecked_transaction()?;
        if before < 2 {
            db.execute_batch(MEMBERS)?;
        }
        db.execute_batch(PACKED)?;
        spans::pack_rows(db)?;
        whose::write_all(db)?;
        db.execute_batch(UNPACKED)?;
        db.pragma_update(None, "user_version", FORMAT)?;
        upgrade.commit()?;
    }
    Ok(())
}

fn format(db: &Connection) -> Result<i64, Error> {
    Ok(db.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// Opens for reading what is there.
///
/// # Errors
/// As [`open_writing`].
pub fn open_reading(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(Duration::from_secs(10))?;
    db.set_prepared_statement_cache_capacity(64);
    check_format(&db, path)?;
    Ok(db)
}

fn check_format(db: &Connection, path: &Path) -> Result<(), Error> {
    let read = |pragma| db.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let (application, format) = (read("application_id")?, read("user_version")?);
    if application != APPLICATION {
        return Err(Error::Foreign(format!("{} is no history", path.display())));
    }
    if format > FORMAT {
        let what = format!("{} has format {format}, this release {FORMAT}", path.display());
        return Err(Error::Foreign(what));
    }
    Ok(())
}

/// A value that the file has by name.
///
/// # Errors
/// [`Error::Sqlite`].
pub fn meta(db: &Connection, name: &str) -> Result<Option<String>, Error> {
    let sql = "SELECT value FROM history_meta WHERE name = ?1";
    Ok(db.query_row(sql, [name], |row| row.get(0)).optional()?)
}

/// Sets it.
///
/// # Errors
/// [`Error::Sqlite`].
pub fn set_meta(db: &Connection, name: &str, value: &str) -> Result<(), Error> {
    db.execute("INSERT OR REPLACE INTO history_meta (name, value) VALUES (?1, ?2)", [name, value])?;
    Ok(())
}

/// How far the history of a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The last record that is in it.
    pub seq: u64,
    /// Its time, ms.
    pub at: i64,
    /// The last record up to which all agents' time was counted; 0: at edges of intervals alone.
    pub settled: u64,
    /// What is older may have aged out, ms.
    pub kept_from: i64,
}

/// How far the history of a stream is; `None`: there is none.
///
/// # Errors
/// [`Error::Sqlite`].
pub fn position(db: &Connection, stream: u32) -> Result<Option<Position>, Error> {
    let sql = "SELECT seq, at, settled, kept_from FROM history_stream WHERE stream = ?1";
    let mut found = db.prepare_cached(sql)?;
    let found = found.query_row([stream], |row| {
        Ok(Position {
            seq: unsigned(row.get(0)?),
            at: row.get(1)?,
            settled: unsigned(row.get(2)?),
            kept_from: row.get(3)?,
        })
    });
    Ok(found.optional()?)
}

/// A number that was written as an unsigned one.
pub(super) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// An unsigned number as SQLite holds it: ids and times are far below the half.
pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
