//! Copies: one file with the log, the vault and the snapshots, taken while the server runs or from a
//! stopped folder. A restored copy gets a new epoch at its first start.
//!
//! What is kept beside the journal for longer (the history) is in the copy, too, and never ahead of its
//! log. Nothing is known of it here but its file's name and how its tables' names begin.

use super::sqlite::files::{self, HIGH, LOG, SNAPSHOTS};
use super::sqlite::{check, rows, schema};
use super::{Error, StreamId};
use rusqlite::Connection;
use std::path::{Path, PathBuf};

/// The mark in a copy; it stays until the copy is first opened as a journal.
const RESTORED: &str = "restored";

/// A database beside the journal that a copy holds, too: its tables' and indexes' names begin with
/// `history_`.
const BESIDE: &str = "history.db";
/// The pattern of those names, `\` being the escape.
const NAMES: &str = "history\\_%";
/// What of its file's header a copy notes by these names.
const HEADER: [&str; 2] = ["application_id", "user_version"];

/// What a copy holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The last sequence of each stream in it.
    pub heads: Vec<(StreamId, u64)>,
    /// Size of the file.
    pub bytes: u64,
}

/// Copies the journal in `dir` to the new file `file`: consistent as of one instant, checked for
/// being whole, durable on return. The log is not kept from being written meanwhile.
///
/// # Errors
/// When `file` exists, the folder has no journal, or reading or writing fails.
pub fn backup(dir: &Path, file: &Path) -> Result<Copied, Error> {
    if file.exists() {
        let exists = "it is there already; name a file that is not";
        let exists = std::io::Error::new(std::io::ErrorKind::AlreadyExists, exists);
        return Err(Error::io(format!("writing {}", file.display()))(exists));
    }
    let log = Part::beside(file, ".log-part");
    let snapshots = Part::beside(file, ".snapshots-part");
    let history = Part::beside(file, ".history-part");
    // First of all: what it was told must be in the log.
    if dir.join(BESIDE).exists() {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let db = Connection::open_with_flags(dir.join(BESIDE), flags)?;
        db.busy_timeout(std::time::Duration::from_secs(10))?;
        vacuum_into(&db, &history.0)?;
    }
    // Snapshots first: those of the log's instant or before. When two new ones were taken and the
    // log was trimmed in between, they no longer reach it: again.
    for _ in 0..3 {
        let stands_alone = !dir.join(SNAPSHOTS).exists();
        if !stands_alone {
            copy_database(&dir.join(SNAPSHOTS), &snapshots.0)?;
        }
        copy_database(&dir.join(LOG), &log.0)?;
        if stands_alone {
            break;
        }
        let (log, snapshots) = (raw(&log.0)?, raw(&snapshots.0)?);
        if check::covered(&log, &snapshots, &rows::heads(&log)?).is_ok() {
            break;
        }
    }
    let db = raw(&log.0)?;
    merge(&db, &snapshots.0)?;
    if history.0.exists() {
        put_in(&db, &history.0)?;
    }
    let heads = rows::heads(&db)?;
    check::covered(&db, &db, &heads)?;
    db.close().map_err(|(_, error)| error)?;
    let finish = || {
        std::fs::File::open(&log.0)?.sync_all()?;
        files::rename_synced(&log.0, file)?;
        Ok(std::fs::metadata(file)?.len())
    };
    let bytes = finish().map_err(Error::io(format!("writing {}", file.display())))?;
    Ok(Copied { heads: heads.iter().map(|(stream, head)| (stream, head.seq)).collect(), bytes })
}

/// Puts a copy into the folder `dir`, which must not hold a journal. Its first start is a new epoch.
///
/// # Errors
/// When the folder holds a journal, `file` is no copy of one, or copying fails.
pub fn restore(file: &Path, dir: &Path) -> Result<(), Error> {
    let doing = || format!("restoring {} into {}", file.display(), dir.display());
    drop(schema::open_reading(file)?);
    let target = dir.join(LOG);
    if target.exists() {
        let exists = "the folder holds a journal already; name an empty one";
        let exists = std::io::Error::new(std::io::ErrorKind::AlreadyExists, exists);
        return Err(Error::io(doing())(exists));
    }
    // A WAL left beside a removed journal would be applied to the copy.
    files::remove_database(&target)?;
    let part = Part::beside(&target, ".part");
    let copy = || {
        files::make_folder(dir)?;
        std::fs::copy(file, &part.0)?;
        std::fs::File::open(&part.0)?.sync_all()
    };
    copy().map_err(Error::io(doing()))?;
    let db = raw(&part.0)?;
    schema::set_meta(&db, RESTORED, "1")?;
    take_out(&db, &part.0, dir)?;
    db.close().map_err(|(_, error)| error)?;
    files::rename_synced(&part.0, &target).map_err(Error::io(doing()))
}

/// What a copy has besides a journal becomes a file of its own again; one that is there is another's.
fn take_out(db: &Connection, part: &Path, dir: &Path) -> Result<(), Error> {
    let path = dir.join(BESIDE);
    files::remove_database(&path)?;
    let names = beside_names(db, "main")?;
    if names.is_empty() {
        return Ok(());
    }
    let file = raw(&path)?;
    copy_beside(&file, part)?;
    for pragma in HEADER {
        let value = schema::meta(db, pragma)?.and_then(|value| value.parse::<i64>().ok());
        file.pragma_update(None, pragma, value.unwrap_or(0))?;
        db.execute("DELETE FROM meta WHERE name = ?1", [pragma])?;
    }
    file.close().map_err(|(_, error)| error)?;
    for (name, _) in names.iter().filter(|(_, sql)| sql.starts_with("CREATE TABLE")) {
        db.execute_batch(&format!("DROP TABLE {name}"))?;
    }
    Ok(db.execute_batch("VACUUM")?)
}

/// Adds what is beside the journal to a copy, with what its file's header says.
fn put_in(db: &Connection, from: &Path) -> Result<(), Error> {
    copy_beside(db, from)?;
    let file = raw(from)?;
    for pragma in HEADER {
        let value: i64 = file.pragma_query_value(None, pragma, |row| row.get(0))?;
        schema::set_meta(db, pragma, &value.to_string())?;
    }
    Ok(())
}

/// The names of what is beside a journal, and how each was made; tables first.
fn beside_names(db: &Connection, of: &str) -> Result<Vec<(String, String)>, Error> {
    let mut found = db.prepare(&format!(
        "SELECT name, sql FROM {of}.sqlite_schema
         WHERE name LIKE ?1 ESCAPE '\\' AND sql IS NOT NULL ORDER BY type DESC, name"
    ))?;
    let found = found.query_map([NAMES], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Copies what is beside a journal from one file into another.
fn copy_beside(db: &Connection, from: &Path) -> Result<(), Error> {
    db.execute("ATTACH ?1 AS origin", [name(from)?])?;
    for (name, sql) in beside_names(db, "origin")? {
        db.execute_batch(&sql)?;
        if sql.starts_with("CREATE TABLE") {
            db.execute_batch(&format!("INSERT INTO main.{name} SELECT * FROM origin.{name}"))?;
        }
    }
    db.execute("DETACH origin", [])?;
    Ok(())
}

/// At the first start of a copy: moves its snapshots to their file and draws new names. May be
/// interrupted anywhere; the mark goes last.
pub(super) fn adopt_restored(db: &Connection, dir: &Path) -> Result<(), Error> {
    if schema::meta(db, RESTORED)?.is_none() {
        return Ok(());
    }
    let identity = schema::random_name(db)?;
    let path = dir.join(SNAPSHOTS);
    files::remove_database(&path)?;
    match std::fs::remove_file(dir.join(HIGH)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::io("removing high.seq")(error));
        }
        _ => {}
    }
    let snapshots = schema::open_writing(&path, schema::Kind::Snapshots, None)?;
    schema::checkpoint_on_close(&snapshots)?;
    schema::set_meta(&snapshots, "journal", &identity)?;
    copy_snapshots(&snapshots, &dir.join(LOG))?;
    snapshots.close().map_err(|(_, error)| error)?;

    let epoch = schema::random_name(db)?;
    db.execute_batch("BEGIN IMMEDIATE; DELETE FROM snapshot; DROP TABLE snapshot;")?;
    schema::set_meta(db, "journal", &identity)?;
    schema::set_meta(db, "epoch", &epoch)?;
    db.execute("DELETE FROM meta WHERE name = ?1", [RESTORED])?;
    db.execute_batch("COMMIT")?;
    tracing::info!(epoch, "restored from a copy: a new epoch begins");
    Ok(())
}

/// Copies a database as of one instant, without what was deleted in it.
fn copy_database(from: &Path, to: &Path) -> Result<(), Error> {
    vacuum_into(&schema::open_reading(from)?, to)
}

/// Writes a database into a new file, which is its owner's alone from the first byte on.
fn vacuum_into(db: &Connection, to: &Path) -> Result<(), Error> {
    files::remove_database(to)?;
    files::make_private(to).map_err(Error::io(format!("writing {}", to.display())))?;
    db.execute("VACUUM INTO ?1", [name(to)?])?;
    Ok(())
}

/// Adds the snapshots to the copy of the log and marks it.
fn merge(db: &Connection, snapshots: &Path) -> Result<(), Error> {
    db.execute_batch(schema::SNAPSHOT_TABLE)?;
    if snapshots.exists() {
        copy_snapshots(db, snapshots)?;
    }
    schema::set_meta(db, RESTORED, "1")
}

fn copy_snapshots(db: &Connection, from: &Path) -> Result<(), Error> {
    db.execute("ATTACH ?1 AS origin", [name(from)?])?;
    db.execute(
        "INSERT INTO main.snapshot (stream, seq, at, crc, body)
         SELECT stream, seq, at, crc, body FROM origin.snapshot",
        [],
    )?;
    db.execute("DETACH origin", [])?;
    Ok(())
}

fn raw(path: &Path) -> Result<Connection, Error> {
    let db = Connection::open(path)?;
    db.pragma_update(None, "synchronous", "FULL")?;
    Ok(db)
}

fn name(path: &Path) -> Result<&str, Error> {
    path.to_str().ok_or_else(|| {
        let name = std::io::Error::other("the file's name is not UTF-8");
        Error::io(format!("copying to {}", path.display()))(name)
    })
}

/// A file that is removed again, unless it was renamed.
struct Part(PathBuf);

impl Part {
    fn beside(file: &Path, suffix: &str) -> Part {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        Part(PathBuf::from(name))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Left over at worst; the next copy removes it first.
        let _ = files::remove_database(&self.0);
    }
}
