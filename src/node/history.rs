//! The history's thread, which writes what the figures' thread counts, and the way to read it.
//!
//! It always takes what it is told; when the file cannot be written, that waits in memory and is tried
//! again. The figures are put away only after what they have told is durable here, so that the fold can
//! always tell again what this file has not.

use crate::domain::ids::Name;
use crate::domain::problem::Problem;
use crate::domain::time::Millis;
use crate::journal::StreamId;
use crate::node::clock::{Clock, Ticks};
use crate::node::handle::Handle;
use crate::node::recovery::StartError;
use crate::node::reports;
use crate::node::stage::Behind;
use crate::reporting::history::keep::{Batch, Keep};
use crate::reporting::history::read::{Look, Reader};
use crate::reporting::history::schema::{self, Position};
use crate::reporting::history::{Error, tally_grain_ms};
use crossbeam_channel::RecvTimeoutError;
use metrics::{Counter, Histogram, counter, histogram};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Batches that may wait; who counts waits then.
const WAITING: usize = 1_024;
/// What was counted waits so long at most before it is written.
const WRITE_EACH: Duration = Duration::from_secs(5);
/// … and so many rows.
const ROWS_AT_ONCE: usize = 200_000;
/// How often what is too old is looked for, ms.
const FORGET_EACH_MS: u64 = 3_600_000;
/// How often it is looked whether anything is too old, when nothing else happens.
const IDLE: Duration = Duration::from_secs(60);
/// Connections that are kept open for readers.
const READERS: usize = 4;

/// What the thread is told.
enum Told {
    Batch(Batch),
    /// Write what there is, and answer whether it is written.
    Sync(Box<dyn FnOnce(bool) + Send>),
}

/// The way to the thread.
#[derive(Clone)]
pub(super) struct Teller(crossbeam_channel::Sender<Told>);

impl Teller {
    /// Tells what was counted; waits while too much waits.
    pub fn tell(&self, batch: Batch) {
        // Without a thread the node is about to end.
        let _ = self.0.send(Told::Batch(batch));
    }

    /// Has it written, and calls back.
    pub fn sync(&self, done: impl FnOnce(bool) + Send + 'static) {
        let _ = self.0.send(Told::Sync(Box::new(done)));
    }

    /// Has it written, and waits for it; false: it could not be.
    pub fn write(&self) -> bool {
        let (reply, answer) = crossbeam_channel::bounded(1);
        self.sync(move |written| {
            // Who asked waits for it.
            let _ = reply.send(written);
        });
        answer.recv().unwrap_or(false)
    }
}

/// The history before its thread runs.
pub(super) struct History {
    keep: Keep,
    path: PathBuf,
}

impl History {
    /// Opens the file in the data folder. One that is damaged is set aside, and another begun: it is
    /// filled from the records that are kept.
    pub fn open(data: &Path) -> Result<History, StartError> {
        let path = data.join(schema::FILE);
        let open = || schema::open_writing(&path).and_then(Keep::new);
        let keep = open().or_else(|error| {
            if matches!(error, Error::Foreign(_)) || !is_damage(&error) {
                return Err(error);
            }
            tracing::error!(%error, "the history is damaged: it is set aside, and begun anew");
            for suffix in ["", "-wal", "-shm"] {
                let of = |name: &str| data.join(format!("{name}{suffix}"));
                // What is not there need not go; what cannot go fails the open below.
                let _ = std::fs::rename(of(schema::FILE), of("history.damaged"));
            }
            open()
        });
        let doing = || format!("opening {}", path.display());
        let keep = keep.map_err(|error| StartError::io(doing())(std::io::Error::other(error)))?;
        Ok(History { keep, path })
    }

    /// How far it is.
    pub fn position(&self, stream: StreamId) -> Option<Position> {
        schema::position(self.keep.file(), stream.0).ok().flatten()
    }

    /// The way to its thread, the way to read, and the thread to be. It ends when nobody can tell it
    /// anything more.
    pub fn ways(self, clock: Clock, keep_ms: u64) -> (Teller, Readers, Writing) {
        let (tell, told) = crossbeam_channel::bounded(WAITING);
        let readers = Readers { path: self.path, idle: Mutex::default() };
        let writing = Writing { keep: self.keep, told, clock, keep_ms, forgot_at: None };
        (Teller(tell), readers, writing)
    }
}

fn is_damage(error: &Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    match error {
        Error::Sqlite(error) => {
            matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
        }
        _ => false,
    }
}

/// The thread's end.
pub(super) struct Writing {
    keep: Keep,
    told: crossbeam_channel::Receiver<Told>,
    clock: Clock,
    keep_ms: u64,
    forgot_at: Option<Millis>,
}

/// What is measured of it.
struct Measured {
    write: Histogram,
    rows: Counter,
    failed: Counter,
}

impl Measured {
    fn new() -> Measured {
        Measured {
            write: histogram!("callboard_history_write_seconds"),
            rows: counter!("callboard_history_rows_total"),
            failed: counter!("callboard_history_failures_total"),
        }
    }
}

impl Writing {
    /// Starts the thread.
    pub fn spawn(self) -> Result<JoinHandle<()>, StartError> {
        Behind::History.spawn(move || self.run())
    }

    fn run(mut self) {
        let measured = Measured::new();
        // Something waits, since it was first told of it.
        let (mut since, mut failed) = (None, false);
        loop {
            let due = since.map_or(IDLE, |since| WRITE_EACH.saturating_sub(self.passed(since)));
            let mut is_due = since.is_some() && due.is_zero();
            match self.told.recv_timeout(due) {
                Ok(Told::Batch(batch)) => {
                    self.keep.take(batch);
                    since = since.or_else(|| Some(self.clock.ticks()));
                }
                Ok(Told::Sync(done)) => {
                    let written = since.is_none() || self.write(&measured);
                    since = since.filter(|_| !written);
                    done(written);
                    continue;
                }
                Err(RecvTimeoutError::Timeout) => is_due = since.is_some(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let is_much = self.keep.waiting() >= ROWS_AT_ONCE && !failed;
            if is_due || is_much {
                // When it fails it is tried again as late as it would have been written next.
                failed = !self.write(&measured);
                since = failed.then(|| self.clock.ticks());
            }
            self.forget();
        }
        if since.is_some() {
            self.write(&measured);
        }
        // One file is left, though readers may have it open still; without this the next start does it.
        let _ = self.keep.file().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
    }

    fn passed(&self, since: Ticks) -> Duration {
        Duration::from_secs_f64(self.clock.ticks().seconds_since(since))
    }

    fn write(&mut self, measured: &Measured) -> bool {
        let (began, rows) = (self.clock.ticks(), self.keep.waiting());
        match self.keep.write() {
            Ok(()) => {
                measured.rows.increment(rows as u64);
                measured.write.record(self.clock.ticks().seconds_since(began));
                true
            }
            Err(error) => {
                measured.failed.increment(1);
                tracing::error!(%error, rows, "the history cannot be written: it is tried again");
                false
            }
        }
    }

    /// What is too old goes, once an hour.
    fn forget(&mut self) {
        let now = self.clock.now();
        if self.forgot_at.is_some_and(|at| now.since(at) < FORGET_EACH_MS) {
            return;
        }
        self.forgot_at = Some(now);
        let keep_ms = i64::try_from(self.keep_ms).unwrap_or(i64::MAX);
        if let Err(error) = self.keep.forget(Millis(now.0.saturating_sub(keep_ms))) {
            tracing::error!(%error, "what is too old cannot be removed from the history");
        }
    }
}

/// Connections for reading, opened when they are needed.
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Reader>>,
}

impl Readers {
    fn look<T>(
        &self,
        stream: StreamId,
        f: impl FnOnce(&Look<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut reader = match idle {
            Some(reader) => reader,
            None => Reader::open(&self.path)?,
        };
        let told = reader.look(stream.0, f);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < READERS {
            idle.push(reader);
        }
        told
    }
}

/// What a question needs of what is counted now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fresh {
    /// All that is durable.
    Counted,
    /// … and agents' time up to the last record.
    Settled,
    /// What there is: it was asked as of a record before.
    AsItIs,
}

impl Fresh {
    /// What a question needs that reaches until an instant.
    #[must_use]
    pub fn until(until: Millis, now: Millis) -> Fresh {
        let grain = tally_grain_ms();
        if until.0 > now.0.div_euclid(grain) * grain { Fresh::Settled } else { Fresh::Counted }
    }
}

impl Handle {
    /// Asks an account's history. Who may is asked of the engine before (`Query::Figures`).
    ///
    /// # Errors
    /// 404; 409 `restated`; 503 when it has too much to do, or cannot be read.
    pub async fn history<T: Send + 'static>(
        &self,
        account: &str,
        fresh: Fresh,
        f: impl FnOnce(&Look<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Problem> {
        let account: Name = self.account(account)?;
        let missing = || Problem::not_found("account", &account);
        let head =
            self.shared.accounts.get(&account).map(|head| (head.stream, *head.durable.borrow()));
        let (stream, seq) = head.ok_or_else(missing)?;
        if fresh != Fresh::AsItIs {
            self.counted(&account, seq, fresh == Fresh::Settled).await?;
        }
        let shared = std::sync::Arc::clone(&self.shared);
        let read = tokio::task::spawn_blocking(move || {
            shared.history.get().map(|readers| readers.look(stream, f))
        });
        let gone = || Problem::new(503, "overloaded", "the history cannot be read now");
        match read.await.ok().flatten().ok_or_else(gone)? {
            Ok(told) => Ok(told),
            Err(Error::Restated(at)) => Err(Problem::new(
                409,
                "restated",
                format!(
                    "record {at} changed what was asked for: a call of it ended later, or it went on"
                ),
            )),
            Err(Error::Ahead(seq)) => Err(Problem::new(
                409,
                "restated",
                format!("the history ends with record {seq}: there is no later one to ask as of"),
            )),
            Err(error @ (Error::Sqlite(_) | Error::Foreign(_))) => {
                tracing::error!(%account, %error, "the history cannot be read");
                Err(gone())
            }
        }
    }

    /// What was decided until a record is counted, and in the history.
    async fn counted(&self, account: &Name, seq: u64, settled: bool) -> Result<(), Problem> {
        let (reply, answer) = tokio::sync::oneshot::channel();
        let written = Box::new(move |written| {
            // Whoever gave up meanwhile is not told.
            let _ = reply.send(written);
        });
        let told = reports::Told::Keep { account: Name::clone(account), seq, settled, written };
        let busy =
            |detail| Problem { retry_after: Some(1), ..Problem::new(503, "overloaded", detail) };
        if self.shared.reports.get().is_none_or(|reports| !reports.ask(told)) {
            return Err(busy("the figures have fallen behind; ask again a little later"));
        }
        match answer.await {
            Ok(true) => Ok(()),
            _ => Err(busy("the history cannot be written now; ask again a little later")),
        }
    }
}
