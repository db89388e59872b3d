//! The journal on one machine: SQLite, WAL, `synchronous=FULL`, one transaction and one sync per
//! batch.
//!
//! A data folder holds `journal.db` (records, vault), `snapshots.db`, `high.seq` and `lock`. The
//! format number stands in both databases; a newer one is refused.

pub(in crate::journal) mod check;
mod checkpoint;
pub(in crate::journal) mod files;
mod reader;
pub(in crate::journal) mod rows;
pub(in crate::journal) mod schema;

use self::checkpoint::{Checkpoints, Gate};
use self::files::{FolderLock, LOG, SNAPSHOTS};
use super::heads::Heads;
use super::{Entry, Error, Journal, Reader, StreamId, TRIM_CHUNK, Trimmed, trim_bound};
use rusqlite::Connection;
use rusqlite::wal::CheckpointMode;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub use schema::FORMAT;

/// How to open.
#[derive(Clone, Debug)]
pub struct Options {
    /// Start although a witness knows records that the log has no more. Snapshots beyond the log
    /// are dropped, and the journal gets a new epoch.
    pub accept_loss: bool,
    /// Up to this size of `journal.db` in bytes the start reads it all: SQLite's check, checksums,
    /// gaps. A larger one is checked where the recovery reads it; `verify` reads all.
    pub check_up_to: u64,
    /// Bytes of WAL that are written once at the start: a commit that overwrites takes half as long
    /// as one that makes the file grow. 0: none.
    pub warm_bytes: u32,
    /// At most this many pages of 4 KiB: stands in for a full disk in tests.
    pub max_pages: Option<u32>,
}

impl Default for Options {
    fn default() -> Options {
        Options { accept_loss: false, check_up_to: 512 << 20, warm_bytes: 6 << 20, max_pages: None }
    }
}

/// The journal in a data folder. Only one process has it open for writing.
pub struct Sqlite {
    dir: PathBuf,
    epoch: String,
    identity: String,
    gate: Arc<Gate>,
    broken: Option<String>,
    // In this order: the last connection to close should be ours, and the lock goes last.
    checkpoints: Checkpoints,
    db: Connection,
    _lock: FolderLock,
}

impl Sqlite {
    /// Opens the journal in `dir`, which is made when it is not there.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::Format`], [`Error::Damaged`], [`Error::Behind`],
    /// [`Error::Foreign`], [`Error::Full`], [`Error::Io`].
    pub fn open(dir: &Path, options: &Options) -> Result<Sqlite, Error> {
        files::make_folder(dir)
            .map_err(Error::io(format!("making the folder {}", dir.display())))?;
        let lock = FolderLock::take(dir)?;
        let path = dir.join(LOG);
        let mut db = schema::open_writing(&path, schema::Kind::Log, options.max_pages)?;
        super::backup::adopt_restored(&db, dir)?;
        let heads = check::at_start(&db, dir, options)?;
        let identity = schema::identity(&db, &path)?;
        let epoch = schema::meta(&db, "epoch")?.ok_or_else(|| {
            Error::damaged("the journal has no epoch", path.display().to_string())
        })?;

        schema::checkpoint_on_close(&db)?;
        warm(&db, dir, options.warm_bytes)?;
        files::sync_folder(dir)?;
        let gate = Arc::new(Gate::default());
        *gate.heads() = heads;
        let checkpoints = Checkpoints::start(dir, &identity, Arc::clone(&gate))?;
        let pages = Arc::clone(&gate);
        // Takes the place of SQLite's own checkpoints, which would run within a commit.
        db.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, n| {
            pages.wal_pages.store(u64::try_from(n).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        let dir = dir.to_owned();
        Ok(Sqlite { dir, epoch, identity, gate, broken: None, checkpoints, db, _lock: lock })
    }

    fn usable(&mut self) -> Result<(), Error> {
        if self.broken.is_none() {
            self.broken = self.gate.failure();
        }
        match &self.broken {
            Some(why) => Err(Error::Broken { why: why.clone() }),
            None => Ok(()),
        }
    }

    /// Runs one transaction under the gate; once it is durable, `next` are the heads. When it fails,
    /// nothing more is taken.
    fn transact(
        &mut self,
        next: Heads,
        work: impl FnOnce(&Connection) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut heads = self.gate.heads();
        let run = |sql: &str| -> Result<(), Error> {
            self.db.prepare_cached(sql)?.execute([])?;
            Ok(())
        };
        let done =
            run("BEGIN IMMEDIATE").and_then(|()| work(&self.db)).and_then(|()| run("COMMIT"));
        if done.is_ok() {
            heads.take(next);
        }
        drop(heads);
        match done {
            Ok(()) => {
                self.checkpoints.consider();
                Ok(())
            }
            Err(error) => {
                // SQLite may have rolled back by itself; then this fails, which does not matter.
                let _ = run("ROLLBACK");
                self.broken = Some(error.to_string());
                Err(error)
            }
        }
    }
}

impl Journal for Sqlite {
    fn append(&mut self, entries: &[&Entry]) -> Result<(), Error> {
        self.usable()?;
        let next = self.gate.heads().after(entries)?;
        if entries.iter().all(|entry| entry.is_empty()) {
            return Ok(());
        }
        self.transact(next, |db| write(db, entries))
    }

    fn head(&self, stream: StreamId) -> u64 {
        self.gate.heads().seq(stream)
    }

    fn streams(&self) -> Vec<StreamId> {
        self.gate.heads().streams()
    }

    fn epoch(&self) -> &str {
        &self.epoch
    }

    fn reader(&self) -> Result<Box<dyn Reader>, Error> {
        Ok(Box::new(reader::SqliteReader::open(&self.dir)?))
    }

    fn trim(&mut self, stream: StreamId, before_seq: u64) -> Result<Trimmed, Error> {
        self.usable()?;
        let snapshots = rows::snapshots(&schema::open_reading(&self.dir.join(SNAPSHOTS))?, stream)?;
        let bound = trim_bound(before_seq, self.head(stream), &snapshots);
        let oldest = rows::oldest(&self.db, stream)?;
        if bound <= oldest {
            return Ok(Trimmed { oldest, more: false });
        }
        let to = bound.min(oldest + TRIM_CHUNK);
        self.transact(Heads::default(), |db| remove_before(db, stream, to))?;
        Ok(Trimmed { oldest: to, more: to < bound })
    }

    fn checkpoint(&mut self) -> Result<(), Error> {
        self.checkpoints.run()
    }

    fn close(self: Box<Self>) -> Result<(), Error> {
        let Sqlite { dir, identity, gate, broken, checkpoints, db, _lock, .. } = *self;
        drop(checkpoints);
        if let Some(why) = broken.or_else(|| gate.failure()) {
            return Err(Error::Broken { why });
        }
        files::write_high(&dir, &identity, &gate.heads())?;
        checkpoint::passive(&db)?;
        db.close().map_err(|(_, error)| error.into())
    }
}

fn write(db: &Connection, entries: &[&Entry]) -> Result<(), Error> {
    let mut insert =
        db.prepare_cached("INSERT INTO log (id, at, crc, body) VALUES (?1, ?2, ?3, ?4)")?;
    for entry in entries {
        if let Some(record) = &entry.record {
            let crc = schema::crc(record.stream, record.seq, record.at, &record.body);
            let id = schema::key(record.stream, record.seq);
            insert.execute((id, record.at.0, crc, &record.body[..]))?;
        }
        for vault in &entry.vault {
            write_vault(db, vault)?;
        }
    }
    Ok(())
}

fn write_vault(db: &Connection, write: &super::VaultWrite) -> Result<(), Error> {
    let (stream, key) = (write.stream.0, schema::signed(write.key));
    match &write.value {
        Some(value) => {
            let crc = schema::vault_crc(write.stream, write.key, value);
            db.prepare_cached(
                "INSERT OR REPLACE INTO vault (stream, key, seq, lasting, crc, value)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute((
                stream,
                key,
                schema::signed(write.seq),
                write.lasting,
                crc,
                value,
            ))?;
        }
        None => {
            db.prepare_cached("DELETE FROM vault WHERE stream = ?1 AND key = ?2")?
                .execute((stream, key))?;
        }
    }
    Ok(())
}

fn remove_before(db: &Connection, stream: StreamId, to: u64) -> Result<(), Error> {
    // Records hold nothing personal, so their pages need no overwriting: it would double the work.
    db.pragma_update(None, "secure_delete", "FAST")?;
    let records = db
        .prepare_cached("DELETE FROM log WHERE id > ?1 AND id < ?2")?
        .execute([schema::key(stream, 0), schema::key(stream, to)]);
    db.pragma_update(None, "secure_delete", "ON")?;
    records?;
    db.prepare_cached("DELETE FROM vault WHERE stream = ?1 AND lasting = 0 AND seq < ?2")?
        .execute((stream.0, schema::signed(to)))?;
    db.prepare_cached("INSERT OR REPLACE INTO trimmed (stream, oldest) VALUES (?1, ?2)")?
        .execute((stream.0, schema::signed(to)))?;
    Ok(())
}

/// Brings the WAL to its length once. A transaction larger than the page cache spills into it and is
/// rolled back: the file has grown, the log has not.
fn warm(db: &Connection, dir: &Path, bytes: u32) -> Result<(), Error> {
    db.wal_checkpoint_v2(None::<&str>, CheckpointMode::RESTART)?;
    if bytes == 0 {
        return Ok(());
    }
    let cache: i64 = db.pragma_query_value(None, "cache_size", |row| row.get(0))?;
    db.pragma_update(None, "cache_size", 64)?;
    let spilled = db.execute_batch(&format!(
        "BEGIN IMMEDIATE; CREATE TABLE warm (x BLOB); INSERT INTO warm VALUES (zeroblob({bytes}));"
    ));
    // On a full disk SQLite has rolled back already.
    let _ = db.execute_batch("ROLLBACK");
    db.pragma_update(None, "cache_size", cache)?;
    match spilled.map_err(Error::from) {
        // Room for the log matters, speed does not: start all the same.
        Ok(()) | Err(Error::Full) => {}
        Err(error) => return Err(error),
    }
    let mut wal = dir.join(LOG).into_os_string();
    wal.push("-wal");
    match std::fs::File::open(&wal).and_then(|file| file.sync_all()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("syncing the WAL")(error))
        }
        _ => Ok(()),
    }
}
