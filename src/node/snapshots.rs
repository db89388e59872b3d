//! Snapshots, made by a fold behind the journal on a thread of its own: the writer is never stopped.

use crate::domain::ids::Name;
use crate::domain::time::Millis;
use crate::engine::Engine;
use crate::journal::{Reader, StreamId};
use crate::node::recovery::{self, StartError};
use crate::node::registry::AccountInfo;
use crate::node::run::Run;
use crate::node::shared::Shared;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use std::thread::JoinHandle;

/// What the fold is told.
enum Order {
    /// This account exists.
    Knows(AccountInfo),
    /// Make one of this account.
    Fold(Name),
}

/// The way to the fold.
#[derive(Clone)]
pub(super) struct Folder(crossbeam_channel::Sender<Order>);

impl Folder {
    /// Starts the thread; it ends when the last handle is gone.
    pub fn spawn(shared: Arc<Shared>) -> Result<(Folder, JoinHandle<()>), StartError> {
        let (orders, queue) = crossbeam_channel::unbounded();
        let thread = std::thread::Builder::new()
            .name("snapshots".to_owned())
            .spawn(move || fold_all(&shared, &queue))
            .map_err(StartError::io("starting the thread of snapshots"))?;
        Ok((Folder(orders), thread))
    }

    /// An account that may be folded later.
    pub fn knows(&self, info: AccountInfo) {
        // The thread outlives the inbox; without it there is nothing to make.
        let _ = self.0.send(Order::Knows(info));
    }

    /// Makes a snapshot of what is durable of the account by then.
    pub fn fold(&self, account: Name) {
        let _ = self.0.send(Order::Fold(account));
    }
}

fn fold_all(shared: &Shared, orders: &crossbeam_channel::Receiver<Order>) {
    let mut known: FxHashMap<Name, AccountInfo> = FxHashMap::default();
    for order in orders {
        match order {
            Order::Knows(info) => {
                known.insert(info.name.clone(), info);
            }
            Order::Fold(name) => {
                let Some(info) = known.get(&name) else { continue };
                // A failure costs time at the next start, and nothing else.
                if let Err(error) = shared.readers.with(|reader| fold(reader, info)) {
                    tracing::error!(account = %name, %error, "no snapshot could be made");
                }
            }
        }
    }
}

fn fold(reader: &mut dyn Reader, info: &AccountInfo) -> Result<(), StartError> {
    let loaded = recovery::account(reader, info)?;
    if loaded.replayed == 0 {
        return Ok(());
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

/// Stores the state of an engine whose last record is durable.
fn put(
    reader: &mut dyn Reader,
    stream: StreamId,
    engine: &Engine,
    last_at: Millis,
) -> Result<(), StartError> {
    let seq = engine.seq();
    if seq == 0 {
        return Ok(());
    }
    reader.put_snapshot(stream, seq, last_at, &engine.snapshot())?;
    tracing::info!(%stream, seq, "snapshot");
    Ok(())
}
