//! What a start checks before it trusts a data folder.

use super::files::{self, HIGH, LOG, SNAPSHOTS};
use super::{Options, rows, schema};
use crate::journal::heads::Heads;
use crate::journal::{Error, SnapshotAt, StreamId};
use rusqlite::Connection;
use std::path::Path;

/// Checks the log, the snapshots and `high.seq` against one another; returns the heads.
///
/// A witness that knows more than the log stops the start, unless `accept_loss`: then what is beyond
/// the log is dropped, and the journal gets a new epoch, because its numbers will be used again.
pub fn at_start(db: &Connection, dir: &Path, options: &Options) -> Result<Heads, Error> {
    let path = dir.join(LOG);
    let heads =
        sound(db, &path, options.check_up_to).map_err(|error| schema::named(&path, error))?;
    let identity = schema::identity(db, &path)?;
    let snapshots_path = dir.join(SNAPSHOTS);
    if !snapshots_path.exists() {
        // Before an empty file is made, that could be taken for the missing one.
        stands_on(db, &heads, |_| Ok(Vec::new()))?;
    }
    let snapshots = schema::open_writing(&snapshots_path, schema::Kind::Snapshots, None)?;
    sqlite_check(&snapshots, "quick_check")
        .map_err(|error| schema::named(&snapshots_path, error))?;

    let witnesses = high(dir, &identity, &heads)
        .and_then(|()| known_to_snapshots(&snapshots, &snapshots_path, &identity, &heads));
    match witnesses {
        Ok(()) => covered(db, &snapshots, &heads)?,
        Err(error @ (Error::Behind { .. } | Error::Foreign { .. } | Error::Damaged { .. }))
            if options.accept_loss =>
        {
            tracing::warn!(%error, "going on without what is lost, as asked");
            // Not committed when what is left cannot stand by itself.
            snapshots.execute_batch("BEGIN IMMEDIATE")?;
            drop_beyond(&snapshots, &identity, &heads)?;
            covered(db, &snapshots, &heads)?;
            snapshots.execute_batch("COMMIT")?;
            schema::set_meta(db, "epoch", &schema::random_name(db)?)?;
            files::write_high(dir, &identity, &heads)?;
        }
        Err(error) => return Err(error),
    }
    schema::set_meta(&snapshots, "journal", &identity)?;
    schema::checkpoint_on_close(&snapshots)?;
    Ok(heads)
}

/// The log by itself: SQLite's check and a walk over all records, side by side; nothing but the
/// heads when the file is larger than `check_up_to`.
fn sound(db: &Connection, path: &Path, check_up_to: u64) -> Result<Heads, Error> {
    let heads = rows::heads(db)?;
    let size = std::fs::metadata(path).map_or(0, |meta| meta.len());
    if size > check_up_to {
        return Ok(heads);
    }
    let other = schema::open_reading(path)?;
    std::thread::scope(|scope| {
        let structure = scope.spawn(move || sqlite_check(&other, "quick_check"));
        let walked = walk(db, &heads);
        match structure.join() {
            Ok(checked) => checked?,
            Err(_) => return Err(Error::damaged("the check itself failed", "SQLite's check")),
        }
        walked
    })?;
    Ok(heads)
}

/// `quick_check` or `integrity_check`; the first complaint is the error.
pub fn sqlite_check(db: &Connection, which: &str) -> Result<(), Error> {
    let mut complaint = None;
    db.pragma_query(None, which, |row| {
        let line: String = row.get(0)?;
        if line != "ok" && complaint.is_none() {
            complaint = Some(line);
        }
        Ok(())
    })?;
    complaint.map_or(Ok(()), |line| Err(Error::damaged(line, "SQLite's check")))
}

/// Reads every record: each stream runs from the oldest that is kept to its head without a gap, and
/// every checksum is right.
fn walk(db: &Connection, heads: &Heads) -> Result<(), Error> {
    for (stream, head) in heads.iter() {
        let mut follow = rows::Follow::after(stream, rows::oldest(db, stream)?.saturating_sub(1));
        let mut select = db.prepare_cached(
            "SELECT id, at, crc, body FROM log WHERE id >= ?1 AND id <= ?2 ORDER BY id",
        )?;
        let mut found = select.query([schema::key(stream, 0), schema::key(stream, head.seq)])?;
        while let Some(row) = found.next()? {
            let body = row.get_ref(3)?.as_blob().map_err(|error| {
                Error::damaged(error.to_string(), format!("a record of stream {stream}"))
            })?;
            follow.check(row.get(0)?, row.get(1)?, row.get(2)?, body)?;
        }
    }
    Ok(())
}

fn high(dir: &Path, identity: &str, heads: &Heads) -> Result<(), Error> {
    let Some(high) = files::read_high(dir)? else { return Ok(()) };
    for (stream, known) in high.heads {
        behind(heads, stream, known, "high.seq")?;
    }
    if high.journal != identity {
        let why = format!("it was written beside journal {}, not {identity}", high.journal);
        return Err(Error::Foreign { path: dir.join(HIGH), why });
    }
    Ok(())
}

fn known_to_snapshots(
    db: &Connection,
    path: &Path,
    identity: &str,
    heads: &Heads,
) -> Result<(), Error> {
    let streams = rows::snapshot_streams(db)?;
    for stream in &streams {
        if let Some(newest) = rows::snapshots(db, *stream)?.first() {
            behind(heads, *stream, newest.seq, "a snapshot")?;
        }
    }
    let owner = schema::meta(db, "journal")?;
    if !streams.is_empty() && owner.as_deref() != Some(identity) {
        let why = format!(
            "its snapshots are of journal {}, not {identity}",
            owner.as_deref().unwrap_or("without a name")
        );
        return Err(Error::Foreign { path: path.to_owned(), why });
    }
    Ok(())
}

fn behind(heads: &Heads, stream: StreamId, known: u64, witness: &'static str) -> Result<(), Error> {
    let log = heads.seq(stream);
    if known > log { Err(Error::Behind { stream, log, known, witness }) } else { Ok(()) }
}

/// Drops the snapshots that know more than the log, all of them when they are another journal's.
fn drop_beyond(snapshots: &Connection, identity: &str, heads: &Heads) -> Result<(), Error> {
    if schema::meta(snapshots, "journal")?.as_deref() != Some(identity) {
        snapshots.execute("DELETE FROM snapshot", [])?;
        return Ok(());
    }
    for stream in rows::snapshot_streams(snapshots)? {
        snapshots.execute(
            "DELETE FROM snapshot WHERE stream = ?1 AND seq > ?2",
            (stream.0, schema::signed(heads.seq(stream))),
        )?;
    }
    Ok(())
}

/// A log that starts after record 1 needs a snapshot to stand on.
pub fn covered(db: &Connection, snapshots: &Connection, heads: &Heads) -> Result<(), Error> {
    stands_on(db, heads, |stream| rows::snapshots(snapshots, stream))
}

fn stands_on(
    db: &Connection,
    heads: &Heads,
    snapshots: impl Fn(StreamId) -> Result<Vec<SnapshotAt>, Error>,
) -> Result<(), Error> {
    for stream in heads.streams() {
        let oldest = rows::oldest(db, stream)?;
        if oldest > 1 && !snapshots(stream)?.iter().any(|snapshot| snapshot.seq + 1 >= oldest) {
            return Err(Error::damaged(
                format!("records before {oldest} were trimmed and no snapshot replaces them"),
                format!("stream {stream}"),
            ));
        }
    }
    Ok(())
}
