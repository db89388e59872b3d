//! Checkpoints from a second connection on a thread of its own, off the commit path.

use super::files::{LOG, write_high};
use super::schema;
use crate::journal::Error;
use crate::journal::heads::Heads;
use crossbeam_channel::{Receiver, Sender};
use rusqlite::Connection;
use rusqlite::ErrorCode;
use rusqlite::wal::CheckpointMode;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Pages of WAL (4 KiB each) after which a checkpoint runs: 4 MiB.
const EACH_PAGES: u64 = 1024;

/// Pages of WAL at which the writer is made to wait for the rest of a checkpoint, so that the file
/// starts over: only reached when commits follow one another without a pause.
const PRESSING_PAGES: i32 = 8 * 1024;

/// What the writer and the checkpoints share.
#[derive(Default)]
pub struct Gate {
    /// The durable heads; held by the writer during each transaction, which keeps a pressing
    /// checkpoint and a commit apart without SQLite's own waiting (it sleeps for milliseconds).
    heads: Mutex<Heads>,
    /// Pages in the WAL after the last commit, told by SQLite's hook.
    pub wal_pages: AtomicU64,
    /// Why a checkpoint failed, when that means that the files can no longer be trusted.
    failed: Mutex<Option<String>>,
}

impl Gate {
    pub fn heads(&self) -> MutexGuard<'_, Heads> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn failure(&self) -> Option<String> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn fail(&self, why: String) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }
}

enum Order {
    Run,
    RunAndTell(Sender<Result<(), Error>>),
}

/// The thread's handle. Dropping it ends the thread after its current checkpoint.
pub struct Checkpoints {
    orders: Option<Sender<Order>>,
    thread: Option<JoinHandle<()>>,
    gate: Arc<Gate>,
    /// Pages in the WAL when a checkpoint was last asked for.
    asked_at: u64,
}

impl Checkpoints {
    pub fn start(dir: &Path, journal: &str, gate: Arc<Gate>) -> Result<Checkpoints, Error> {
        let db = schema::open_writing(&dir.join(LOG), schema::Kind::Log, None)?;
        schema::checkpoint_on_close(&db)?;
        let (orders, inbox) = crossbeam_channel::bounded(2);
        let worker = Worker {
            db,
            dir: dir.to_owned(),
            journal: journal.to_owned(),
            gate: Arc::clone(&gate),
        };
        let thread = std::thread::Builder::new()
            .name("checkpoint".to_owned())
            .spawn(move || worker.run(&inbox))
            .map_err(Error::io("starting the checkpoint thread"))?;
        Ok(Checkpoints { orders: Some(orders), thread: Some(thread), gate, asked_at: 0 })
    }

    /// After a commit: asks for a checkpoint when the WAL has grown enough. Never waits.
    pub fn consider(&mut self) {
        let pages = self.gate.wal_pages.load(Ordering::Relaxed);
        if pages < self.asked_at {
            self.asked_at = 0; // the WAL started over
        }
        if pages - self.asked_at >= EACH_PAGES
            && let Some(orders) = &self.orders
        {
            self.asked_at = pages;
            // Full: one is asked for already.
            let _ = orders.try_send(Order::Run);
        }
    }

    /// Runs one now and waits for it.
    pub fn run(&self) -> Result<(), Error> {
        let gone = || Error::Broken { why: "the checkpoint thread has ended".to_owned() };
        let (tell, told) = crossbeam_channel::bounded(1);
        let orders = self.orders.as_ref().ok_or_else(gone)?;
        orders.send(Order::RunAndTell(tell)).map_err(|_| gone())?;
        told.recv().map_err(|_| gone())?
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by the thread itself.
            let _ = thread.join();
        }
    }
}

struct Worker {
    db: Connection,
    dir: PathBuf,
    journal: String,
    gate: Arc<Gate>,
}

impl Worker {
    fn run(&self, inbox: &Receiver<Order>) {
        for order in inbox {
            let result = self.checkpoint();
            match &result {
                Ok(()) => {}
                // Nothing is lost: the log stays in the WAL, and the next checkpoint tries again.
                Err(Error::Full) => tracing::warn!("checkpoint: the disk is full"),
                // After a failed sync the kernel may report success for pages it has dropped.
                Err(error) => {
                    tracing::error!(%error, "checkpoint failed");
                    self.gate.fail(format!("checkpoint: {error}"));
                }
            }
            if let Order::RunAndTell(tell) = order {
                let _ = tell.send(result);
            }
        }
    }

    fn checkpoint(&self) -> Result<(), Error> {
        // Noted first: once pages are moved, a WAL that is damaged before them would put older
        // pages over newer ones, and this is what notices.
        let heads = self.gate.heads().clone();
        write_high(&self.dir, &self.journal, &heads)?;
        self.move_pages()
    }

    /// From the log to the database.
    fn move_pages(&self) -> Result<(), Error> {
        if passive(&self.db)?.is_none_or(|pages| pages > PRESSING_PAGES) {
            let _no_commits = self.gate.heads();
            // Busy again: somebody else moves them.
            passive(&self.db)?;
        }
        Ok(())
    }
}

/// Moves what no reader needs from the log to the database; answers the pages of the log. `None`:
/// SQLite was busy, since a commit was just writing the log's head, or another connection moves
/// pages. Nothing is lost by that.
pub fn passive(db: &Connection) -> Result<Option<i32>, Error> {
    match db.wal_checkpoint_v2(None::<&str>, CheckpointMode::PASSIVE) {
        Ok((pages, _)) => Ok(Some(pages)),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Millis;
    use crate::journal::{Entry, Journal, Record, StreamId};
    use std::sync::atomic::AtomicBool;

    /// SQLite answers "busy" to a checkpoint that looks at the log's head just while a commit
    /// writes it. That took a node down (exit code 74) about once in a thousand checkpoints.
    #[test]
    fn a_checkpoint_beside_commits_never_fails() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = super::super::Options::default();
        let mut journal = super::super::Sqlite::open(folder.path(), &options).expect("a journal");
        let worker = Worker {
            db: schema::open_writing(&folder.path().join(LOG), schema::Kind::Log, None)
                .expect("a connection"),
            dir: folder.path().to_owned(),
            journal: journal.identity.clone(),
            gate: Arc::clone(&journal.gate),
        };
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let checkpoints = scope.spawn(|| {
                let worker = worker;
                while !done.load(Ordering::Relaxed) {
                    worker.move_pages()?;
                }
                Ok::<(), Error>(())
            });
            let appended = (1..=3_000).try_for_each(|seq| {
                let (stream, at) = (StreamId(7), Millis(1));
                let record = Record { stream, seq, at, body: vec![b'1'; 100].into() };
                journal.append(&[&Entry { record: Some(record), vault: Vec::new() }])
            });
            done.store(true, Ordering::Relaxed);
            checkpoints.join().expect("no panic").expect("every checkpoint passes");
            appended.expect("every commit passes");
        });
    }
}
