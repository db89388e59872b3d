//! The one OS thread that owns the journal: takes what has queued up, writes it with one sync, hands
//! the whole batch on in order.

use super::{Entry, Error, Journal, Room, StreamId};
use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Commits that one sync covers at most.
pub const MAX_BATCH: usize = 1024;

/// How long the thread sleeps when nothing comes, before it looks after room and trims.
const IDLE: Duration = Duration::from_secs(1);

/// How long a record may wait for others to share its sync when nobody waits for it.
const LINGER: Duration = Duration::from_millis(5);

/// How often records are trimmed while commits keep coming: a thousand each time.
const TRIM_EACH: Duration = Duration::from_millis(100);

/// What travels through the writer.
pub trait Commit: Send + 'static {
    /// What it writes. `None`, or an empty entry, rides along in order and causes no sync.
    fn entry(&self) -> Option<&Entry>;

    /// Whether nobody waits for it: it may share the sync of what comes within 5 ms. What comes
    /// after it is held back with it.
    fn can_wait(&self) -> bool;
}

/// How the writer runs.
pub struct Options {
    /// Kept fresh after batches, at most once a second.
    pub room: Option<Arc<Room>>,
    /// The monotonic clock, for the length of a sync and the age of the room's answer.
    pub now: fn() -> Instant,
}

type Trims = Arc<Mutex<VecDeque<(StreamId, u64)>>>;

/// The handle of the writer's thread.
pub struct Writer {
    thread: JoinHandle<Result<(), Error>>,
    trims: Trims,
}

impl Writer {
    /// Starts the thread. `hand_on` gets each batch, whole and in order, once it is durable; it may
    /// wait, and the journal waits with it. When all senders of `rx` are gone, what is queued is
    /// written, the journal is closed and the thread ends. A failed append is never tried again:
    /// `hand_on` does not see that batch nor any later one. `ended` is called last, on the thread,
    /// with how it went: on an error the process must end (exit code 74).
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn spawn<C: Commit>(
        journal: Box<dyn Journal>,
        rx: Receiver<C>,
        options: Options,
        hand_on: impl FnMut(Vec<C>) + Send + 'static,
        ended: impl FnOnce(&Result<(), Error>) + Send + 'static,
    ) -> Result<Writer, Error> {
        let work = Work::new(journal, options);
        let trims = Arc::clone(&work.trims);
        let mut ending = Ending(Some(ended));
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || {
                let result = work.run(&rx, hand_on);
                ending.tell(&result);
                result
            })
            .map_err(Error::io("starting the journal's thread"))?;
        Ok(Writer { thread, trims })
    }

    /// Asks for records of `stream` before `before_seq` to be removed, bit by bit, between batches.
    pub fn trim(&self, stream: StreamId, before_seq: u64) {
        self.trims.lock().unwrap_or_else(PoisonError::into_inner).push_back((stream, before_seq));
    }

    /// Waits for the thread's end: drop the senders first.
    ///
    /// # Errors
    /// What ended it; [`Error::Broken`] when it panicked.
    pub fn join(self) -> Result<(), Error> {
        self.thread.join().unwrap_or_else(|_| Err(panicked()))
    }
}

fn panicked() -> Error {
    Error::Broken { why: "the journal's thread panicked".to_owned() }
}

/// Tells how the thread ended, also when it panics.
struct Ending<F: FnOnce(&Result<(), Error>)>(Option<F>);

impl<F: FnOnce(&Result<(), Error>)> Ending<F> {
    fn tell(&mut self, result: &Result<(), Error>) {
        if let Some(ended) = self.0.take() {
            ended(result);
        }
    }
}

impl<F: FnOnce(&Result<(), Error>)> Drop for Ending<F> {
    fn drop(&mut self) {
        self.tell(&Err(panicked()));
    }
}

/// What the thread does, turn by turn.
pub(crate) struct Work {
    journal: Box<dyn Journal>,
    options: Options,
    trims: Trims,
    trimmed_at: Instant,
    figures: Figures,
}

impl Work {
    /// On this journal, which nobody else writes.
    pub(crate) fn new(journal: Box<dyn Journal>, options: Options) -> Work {
        Work {
            journal,
            trimmed_at: (options.now)(),
            options,
            trims: Trims::default(),
            figures: Figures::new(),
        }
    }

    fn run<C: Commit>(
        mut self,
        rx: &Receiver<C>,
        mut hand_on: impl FnMut(Vec<C>),
    ) -> Result<(), Error> {
        loop {
            match rx.recv_timeout(self.patience()) {
                Ok(first) => {
                    let batch = gather(first, rx, self.options.now);
                    self.commit(batch, &mut hand_on)?;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.journal.close(),
            }
            self.look_after(rx.is_empty())?;
        }
    }

    /// How long to wait for the next commit: not at all while there is something to trim.
    fn patience(&self) -> Duration {
        let trims = self.trims.lock().unwrap_or_else(PoisonError::into_inner);
        if trims.is_empty() { IDLE } else { Duration::ZERO }
    }

    /// Writes a batch with one sync, and hands it on.
    ///
    /// # Errors
    /// As [`Journal::append`], fatal: the batch is not handed on.
    pub(crate) fn commit<C: Commit>(
        &mut self,
        batch: Vec<C>,
        hand_on: &mut impl FnMut(Vec<C>),
    ) -> Result<(), Error> {
        self.write(&batch)?;
        hand_on(batch);
        Ok(())
    }

    fn write<C: Commit>(&mut self, batch: &[C]) -> Result<(), Error> {
        let entries: Vec<&Entry> =
            batch.iter().filter_map(Commit::entry).filter(|entry| !entry.is_empty()).collect();
        if entries.is_empty() {
            return Ok(());
        }
        let start = (self.options.now)();
        self.journal.append(&entries)?;
        let took = (self.options.now)().saturating_duration_since(start);
        self.figures.sync_seconds.record(took.as_secs_f64());
        let records = entries.iter().filter(|entry| entry.record.is_some()).count();
        self.figures.batch_records.record(records as f64);
        Ok(())
    }

    /// Between two batches: the disk's room, and one bite of a trim when nobody waits, or when it
    /// has waited long enough itself.
    fn look_after(&mut self, idle: bool) -> Result<(), Error> {
        let now = (self.options.now)();
        if let Some(room) = &self.options.room {
            room.refresh(now);
        }
        if !idle && now.saturating_duration_since(self.trimmed_at) < TRIM_EACH {
            return Ok(());
        }
        let next = self.trims.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        if let Some((stream, before)) = next {
            self.trimmed_at = now;
            if self.journal.trim(stream, before)?.more {
                let mut trims = self.trims.lock().unwrap_or_else(PoisonError::into_inner);
                trims.push_back((stream, before));
            }
        }
        Ok(())
    }
}

/// What has queued up behind `first`, up to [`MAX_BATCH`] commits; while all of it can wait, also
/// what comes within [`LINGER`].
fn gather<C: Commit>(first: C, rx: &Receiver<C>, now: fn() -> Instant) -> Vec<C> {
    let mut batch = Vec::with_capacity((rx.len() + 1).min(MAX_BATCH));
    let mut all_can_wait = first.can_wait();
    batch.push(first);
    let mut until = None;
    loop {
        for commit in rx.try_iter().take(MAX_BATCH - batch.len()) {
            all_can_wait &= commit.can_wait();
            batch.push(commit);
        }
        if !all_can_wait || batch.len() == MAX_BATCH {
            return batch;
        }
        let left = until.get_or_insert_with(|| now() + LINGER).saturating_duration_since(now());
        match rx.recv_timeout(left) {
            Ok(commit) => {
                all_can_wait &= commit.can_wait();
                batch.push(commit);
            }
            // Also when no more will come: this is the rest.
            Err(_) => return batch,
        }
    }
}

struct Figures {
    sync_seconds: metrics::Histogram,
    batch_records: metrics::Histogram,
}

impl Figures {
    fn new() -> Figures {
        metrics::describe_histogram!(
            "journal_sync_seconds",
            metrics::Unit::Seconds,
            "Time of one transaction with its sync"
        );
        metrics::describe_histogram!("journal_batch_records", "Records written with one sync");
        Figures {
            sync_seconds: metrics::histogram!("journal_sync_seconds"),
            batch_records: metrics::histogram!("journal_batch_records"),
        }
    }
}
