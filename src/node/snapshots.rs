//! Snapshots, made by a fold behind the journal on a thread of its own: the writer is never stopped,
//! and on a busy machine the fold is what waits.

use crate::domain::ids::Name;
use crate::domain::time::Millis;
use crate::engine::Engine;
use crate::journal::{Reader, StreamId};
use crate::node::recovery::{self, Pace, StartError};
use crate::node::registry::AccountInfo;
use crate::node::run::Run;
use crate::node::shared::Shared;
use crate::node::stage::Behind;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

/// What the fold is told.
enum Order {
    /// This account exists.
    Knows(AccountInfo),
    /// Make one of this account, and tell how it went.
    Fold(Name, Arc<Last>),
}

/// The newest snapshot of an account.
#[derive(Default)]
pub(super) struct Last {
    /// Its size.
    bytes: AtomicU64,
    /// The next one is ordered and not made yet.
    is_ordered: AtomicBool,
}

/// The way to the fold.
#[derive(Clone)]
pub(super) struct Folder(crossbeam_channel::Sender<Order>);

impl Folder {
    /// The way to a fold, and the fold.
    pub fn new(shared: Arc<Shared>) -> (Folder, Fold) {
        let (orders, queue) = crossbeam_channel::unbounded();
        (Folder(orders), Fold { shared, orders: queue, known: FxHashMap::default() })
    }

    /// An account that may be folded later.
    pub fn knows(&self, info: AccountInfo) {
        // The thread outlives the inbox; without it there is nothing to make.
        let _ = self.0.send(Order::Knows(info));
    }

    /// Makes a snapshot of what is durable of the account by then, when one is due.
    pub fn consider(&self, account: &Name, since: &mut SinceSnapshot, every: u64) {
        if since.is_due(every) && !since.last.is_ordered.swap(true, Ordering::AcqRel) {
            (since.records, since.bytes) = (0, 0);
            let _ = self.0.send(Order::Fold(account.clone(), Arc::clone(&since.last)));
        }
    }
}

/// What an account has written since its last snapshot was asked for.
#[derive(Default)]
pub(super) struct SinceSnapshot {
    records: u64,
    bytes: u64,
    last: Arc<Last>,
}

impl SinceSnapshot {
    /// A snapshot reads the one before and writes all of the state anew: it waits until as much was
    /// written as that, so that it costs a share of the work however large the state is.
    fn is_due(&self, every: u64) -> bool {
        self.records >= every && self.bytes >= self.last.bytes.load(Ordering::Relaxed)
    }

    /// What a start found: a snapshot of that size (0: none), and records after it.
    pub fn found(&mut self, snapshot_bytes: u64, records: u64, bytes: u64) {
        self.last.bytes.store(snapshot_bytes, Ordering::Relaxed);
        (self.records, self.bytes) = (records, bytes);
    }

    /// One more record.
    pub fn record(&mut self, bytes: usize) {
        self.records += 1;
        self.bytes += bytes as u64;
    }
}

/// Makes the snapshots that are ordered.
pub(super) struct Fold {
    shared: Arc<Shared>,
    orders: crossbeam_channel::Receiver<Order>,
    /// For look-ups only.
    known: FxHashMap<Name, AccountInfo>,
}

impl Fold {
    /// Starts its thread, which ends when the last folder is gone.
    pub fn spawn(mut self) -> Result<JoinHandle<()>, StartError> {
        let run = move || {
            while let Ok(order) = self.orders.recv() {
                self.take(order);
            }
        };
        Behind::Snapshots.spawn(run)
    }

    /// Makes what is ordered by now.
    pub fn turn(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            self.take(order);
        }
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Knows(info) => {
                self.known.insert(info.name.clone(), info);
            }
            Order::Fold(name, last) => {
                let Some(info) = self.known.get(&name) else { return };
                // A failure costs time at the next start, and nothing else.
                match self.shared.readers.with(|reader| fold(reader, info)) {
                    Ok(bytes) => last.bytes.store(bytes, Ordering::Relaxed),
                    Err(error) => {
                        tracing::error!(account = %name, %error, "no snapshot could be made");
                    }
                }
                last.is_ordered.store(false, Ordering::Release);
            }
        }
    }
}

/// Answers the size of the newest.
fn fold(reader: &mut dyn Reader, info: &AccountInfo) -> Result<u64, StartError> {
    let loaded = recovery::account(reader, info, Pace::Quiet)?;
    if loaded.replayed == 0 {
        return Ok(loaded.snapshot_bytes);
    }
    put(reader, info.stream, &loaded.engine, loaded.last_at)
}

/// The last ones, at a clean stop. A failure costs time at the next start, and nothing else.
pub(super) fn last(reader: &mut dyn Reader, runs: &[Run]) {
    for run in runs {
        let newest = reader.snapshots(run.stream).ok().and_then(|all| all.first().copied());
        if newest.is_some_and(|newest| newest.seq == run.engine.seq()) {
            continue;
        }
        if let Err(error) = put(reader, run.stream, &run.engine, run.last_at) {
            tracing::error!(account = %run.name, %error, "no snapshot could be made");
        }
    }
}

/// Stores the state of an engine whose last record is durable; answers its size.
fn put(
    reader: &mut dyn Reader,
    stream: StreamId,
    engine: &Engine,
    last_at: Millis,
) -> Result<u64, StartError> {
    let seq = engine.seq();
    if seq == 0 {
        return Ok(0);
    }
    let body = engine.snapshot();
    reader.put_snapshot(stream, seq, last_at, &body)?;
    let bytes = body.len() as u64;
    tracing::info!(%stream, seq, bytes, "snapshot");
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_waits_for_records_and_for_as_much_as_the_last_one_was() {
        let mut since = SinceSnapshot::default();
        for _ in 0..3 {
            assert!(!since.is_due(3));
            since.record(10);
        }
        assert!(since.is_due(3), "the first needs records only");
        since.last.bytes.store(45, Ordering::Relaxed);
        assert!(!since.is_due(3));
        since.record(15);
        assert!(since.is_due(3));
    }
}
