//! The tables, the format number, the journal's names, and the keys and checksums of rows.

use crate::domain::time::Millis;
use crate::journal::{Error, StreamId};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use std::path::Path;
use std::time::Duration;

/// The newest format this release reads; it writes no other.
pub const FORMAT: i64 = 1;

/// `CALL` in the file's header: `file(1)` and we know whose it is.
const APPLICATION: i64 = 0x4341_4c4c;

/// Length in bytes beyond which a WAL is not kept: 64 MiB.
const WAL_LIMIT: i64 = 64 << 20;

/// Bits of a row's key that hold the sequence; the stream stands above them.
const SEQ_BITS: u32 = 41;

const META_TABLE: &str =
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;";

const LOG_TABLES: &str = "
CREATE TABLE log (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE vault (
  stream INTEGER NOT NULL, key INTEGER NOT NULL, seq INTEGER NOT NULL, lasting INTEGER NOT NULL,
  crc INTEGER NOT NULL, value TEXT NOT NULL, PRIMARY KEY (stream, key)
) WITHOUT ROWID;
CREATE INDEX vault_ageing ON vault (stream, seq) WHERE lasting = 0;
CREATE TABLE trimmed (stream INTEGER PRIMARY KEY, oldest INTEGER NOT NULL);
";

/// Also made in a backup, which is one file.
pub const SNAPSHOT_TABLE: &str = "
CREATE TABLE snapshot (
  stream INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, crc INTEGER NOT NULL,
  body BLOB NOT NULL, PRIMARY KEY (stream, seq)
);
";

/// Which of the two files a connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Log,
    Snapshots,
}

/// Opens for writing; makes the tables when the file is new. `max_pages` limits its size (tests).
///
/// The last close does not checkpoint until [`checkpoint_on_close`]: a start that is refused leaves
/// the WAL as it found it.
pub fn open_writing(path: &Path, kind: Kind, max_pages: Option<u32>) -> Result<Connection, Error> {
    let db = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(|error| named(path, error.into()))?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    prepare(&db, path, kind, max_pages).map_err(|error| named(path, error))?;
    Ok(db)
}

fn prepare(db: &Connection, path: &Path, kind: Kind, max_pages: Option<u32>) -> Result<(), Error> {
    db.busy_timeout(Duration::from_secs(10))?;
    db.set_prepared_statement_cache_capacity(32);
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let new = tables == 0 && user_version(db)? == 0;
    if new {
        db.pragma_update(None, "page_size", 4096)?;
    } else {
        // Before anything is changed: the file may be another release's, or no journal.
        check_format(db, path)?;
    }
    db.pragma_update(None, "synchronous", "FULL")?;
    // What is erased is overwritten, not only unlinked.
    db.pragma_update(None, "secure_delete", "ON")?;
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(Error::damaged(format!("journal mode {mode}, not WAL"), "SQLite"));
    }
    // A WAL that a long read has made larger than this is cut when it starts over.
    db.pragma_update_and_check(None, "journal_size_limit", WAL_LIMIT, |_| Ok(()))?;
    if let Some(pages) = max_pages {
        db.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    if new { create(db, kind) } else { Ok(()) }
}

fn create(db: &Connection, kind: Kind) -> Result<(), Error> {
    let tables = match kind {
        Kind::Log => LOG_TABLES,
        Kind::Snapshots => SNAPSHOT_TABLE,
    };
    db.execute_batch(&format!(
        "BEGIN IMMEDIATE; {META_TABLE} {tables}
         PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {FORMAT};"
    ))?;
    if kind == Kind::Log {
        set_meta(db, "journal", &random_name(db)?)?;
        set_meta(db, "epoch", &random_name(db)?)?;
    }
    Ok(db.execute_batch("COMMIT")?)
}

/// From now on the last close checkpoints and removes the WAL, as SQLite does by itself.
pub fn checkpoint_on_close(db: &Connection) -> Result<(), Error> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    Ok(())
}

/// Opens for reading an existing file.
pub fn open_reading(path: &Path) -> Result<Connection, Error> {
    let db = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(|error| named(path, error.into()))?;
    db.busy_timeout(Duration::from_secs(10))?;
    check_format(&db, path)?;
    Ok(db)
}

fn check_format(db: &Connection, path: &Path) -> Result<(), Error> {
    let read = |pragma| db.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let application = read("application_id").map_err(|error| named(path, error.into()))?;
    if application != APPLICATION {
        let why = "its header does not name Callboard".to_owned();
        return Err(Error::Foreign { path: path.to_owned(), why });
    }
    let found = user_version(db)?;
    if found > FORMAT {
        return Err(Error::Format { path: path.to_owned(), found, known: FORMAT });
    }
    if found < 1 {
        return Err(Error::damaged(format!("format {found}"), path.display().to_string()));
    }
    Ok(())
}

fn user_version(db: &Connection) -> Result<i64, Error> {
    Ok(db.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// The same error, with the file's name where it speaks of damage.
pub fn named(path: &Path, error: Error) -> Error {
    match error {
        Error::Damaged { what, place } => {
            Error::Damaged { what, place: format!("{}, {place}", path.display()) }
        }
        other => other,
    }
}

/// 16 random hexadecimal digits, from SQLite's generator, which the system seeds.
pub fn random_name(db: &Connection) -> Result<String, Error> {
    Ok(db.query_row("SELECT lower(hex(randomblob(8)))", [], |row| row.get(0))?)
}

pub fn meta(db: &Connection, name: &str) -> Result<Option<String>, Error> {
    Ok(db
        .query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0))
        .optional()?)
}

pub fn set_meta(db: &Connection, name: &str, value: &str) -> Result<(), Error> {
    db.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)", [name, value])?;
    Ok(())
}

/// The identity of a journal: constant from its creation to a restore.
pub fn identity(db: &Connection, path: &Path) -> Result<String, Error> {
    meta(db, "journal")?
        .ok_or_else(|| Error::damaged("the journal has no name", path.display().to_string()))
}

/// The row key of a record. Both are in range: that was checked when it was admitted.
pub fn key(stream: StreamId, seq: u64) -> i64 {
    let key = (u64::from(stream.0) << SEQ_BITS) | seq;
    i64::try_from(key).unwrap_or(i64::MAX)
}

/// Stream and sequence of a row key.
pub fn unkey(key: i64) -> Result<(StreamId, u64), Error> {
    let bits =
        u64::try_from(key).map_err(|_| Error::damaged(format!("row key {key}"), "table log"))?;
    let stream = u32::try_from(bits >> SEQ_BITS).unwrap_or(u32::MAX);
    Ok((StreamId(stream), bits & crate::journal::MAX_SEQ))
}

/// The first key that is beyond the stream's.
pub fn key_end(stream: StreamId) -> i64 {
    key(stream, crate::journal::MAX_SEQ)
}

/// Checksum of a record or a snapshot, over all that identifies it.
pub fn crc(stream: StreamId, seq: u64, at: Millis, body: &[u8]) -> u32 {
    let mut head = [0; 20];
    head[..4].copy_from_slice(&stream.0.to_le_bytes());
    head[4..12].copy_from_slice(&seq.to_le_bytes());
    head[12..].copy_from_slice(&at.0.to_le_bytes());
    let mut crc = crc32fast::Hasher::new();
    crc.update(&head);
    crc.update(body);
    crc.finalize()
}

/// Checksum of a value of the vault.
pub fn vault_crc(stream: StreamId, key: u64, value: &str) -> u32 {
    crc(stream, key, Millis(0), value.as_bytes())
}

/// A number that was written as one: negative or too large means damage.
pub fn unsigned(value: i64, what: &str) -> Result<u64, Error> {
    u64::try_from(value).map_err(|_| Error::damaged(format!("{what} {value}"), "found in a row"))
}

/// An unsigned number as SQLite holds it; those in range (see [`key`]) keep their value.
pub fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
