//! From the journal back to a running state: the newest snapshot that checks out, the records after
//! it, the same `evolve`.

use crate::domain::event::Event;
use crate::domain::time::Millis;
use crate::engine::{self, Engine, Unreadable};
use crate::journal::{self, Reader, StreamId};
use crate::node::registry::{self, AccountInfo, Registry};
use std::path::Path;

/// Records read at a time.
const CHUNK: usize = 1_024;

/// Chunks that may be decoded ahead of the engine.
const AHEAD: usize = 4;

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The journal refuses: locked, damaged, newer, behind a witness.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// A record or snapshot is whole, and still cannot be read: written by a newer release.
    #[error("stream {stream}, record {seq}: {why}")]
    Unreadable {
        /// The stream.
        stream: StreamId,
        /// The record or snapshot.
        seq: u64,
        /// What is wrong.
        why: String,
    },
    /// The records do not connect to the snapshots that are left.
    #[error("account {account}: no snapshot checks out, and records before {oldest} are not kept")]
    NoBeginning {
        /// The account.
        account: String,
        /// The oldest record kept.
        oldest: u64,
    },
    /// A file of the data folder could not be read or written.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// The system's reason.
        source: std::io::Error,
    },
}

impl StartError {
    pub(super) fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> StartError {
        let doing = doing.into();
        move |source| StartError::Io { doing, source }
    }
}

/// The node's own stream, replayed.
pub(super) struct NodeState {
    pub registry: Registry,
    pub seq: u64,
    pub last_at: Millis,
}

/// Replays the node's own stream. It has no snapshots: its records are few, and all are kept.
pub(super) fn node(reader: &mut dyn Reader) -> Result<NodeState, StartError> {
    let mut state = NodeState { registry: Registry::default(), seq: 0, last_at: Millis(0) };
    each(reader, StreamId::NODE, 0, |record| {
        let events = registry::decode(&record.body)?;
        events.iter().for_each(|event| state.registry.apply(event));
        (state.seq, state.last_at) = (record.seq, record.at);
        Ok(())
    })?;
    Ok(state)
}

/// An account's engine as of the last durable record.
pub(super) struct Loaded {
    pub engine: Engine,
    /// Time of that record; 0 when there is none.
    pub last_at: Millis,
    /// Records after the snapshot it started from, …
    pub replayed: u64,
    /// … and their size.
    pub replayed_bytes: u64,
    /// Size of that snapshot; 0 when it started from the beginning.
    pub snapshot_bytes: u64,
}

/// On how many threads a replay runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// One reads and decodes, one applies: for a start, when nobody is served yet.
    Fast,
    /// All on this one: beside a floor at work.
    Quiet,
}

/// Recovers one account.
pub(super) fn account(
    reader: &mut dyn Reader,
    info: &AccountInfo,
    pace: Pace,
) -> Result<Loaded, StartError> {
    let Start { engine, seq: from, at, bytes, is_ready } = snapshot(reader, info)?;
    let mut loaded =
        Loaded { engine, last_at: at, replayed: 0, replayed_bytes: 0, snapshot_bytes: bytes };
    let stream = info.stream;
    match pace {
        Pace::Quiet => decoded(reader, stream, from, |chunk| {
            loaded.apply(stream, chunk)?;
            Ok(true)
        })?,
        Pace::Fast => std::thread::scope(|scope| {
            let (out, chunks) = crossbeam_channel::bounded(AHEAD);
            let reader = &mut *reader;
            let reading = scope.spawn(move || {
                // Once the engine has refused a record nobody takes the next.
                decoded(reader, stream, from, |chunk| Ok(out.send(chunk).is_ok()))
            });
            for chunk in chunks {
                loaded.apply(stream, chunk)?;
            }
            reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })?,
    }
    if !is_ready {
        with_vault(reader, stream, |personal| {
            loaded.engine.ready(personal);
            Ok(())
        })?;
    }
    Ok(loaded)
}

/// A record, decoded.
pub(super) struct Decoded {
    pub seq: u64,
    pub at: Millis,
    bytes: u64,
    pub events: Vec<Event>,
}

impl Loaded {
    fn apply(&mut self, stream: StreamId, chunk: Vec<Decoded>) -> Result<(), StartError> {
        for Decoded { seq, at, bytes, events } in chunk {
            self.engine.replay_events(seq, at, &events).map_err(unreadable(stream, seq))?;
            self.last_at = at;
            self.replayed += 1;
            self.replayed_bytes += bytes;
        }
        Ok(())
    }
}

/// Hands on the records after sequence `after`, in chunks, until `f` wants no more.
pub(super) fn decoded(
    reader: &mut dyn Reader,
    stream: StreamId,
    mut after: u64,
    mut f: impl FnMut(Vec<Decoded>) -> Result<bool, StartError>,
) -> Result<(), StartError> {
    let mut records = Vec::with_capacity(CHUNK);
    while reader.read(stream, after, CHUNK, &mut records)? > 0 {
        let mut chunk = Vec::with_capacity(records.len());
        for record in records.drain(..) {
            let (seq, at, bytes) = (record.seq, record.at, record.body.len() as u64);
            let events = engine::decode(seq, &record.body).map_err(unreadable(stream, seq))?;
            chunk.push(Decoded { seq, at, bytes, events });
            after = seq;
        }
        if !f(chunk)? {
            break;
        }
    }
    Ok(())
}

fn unreadable(stream: StreamId, seq: u64) -> impl FnOnce(Unreadable) -> StartError {
    move |error| StartError::Unreadable { stream, seq, why: error.to_string() }
}

/// What a replay starts from: an engine as of a record, and the size of its snapshot.
struct Start {
    engine: Engine,
    seq: u64,
    at: Millis,
    bytes: u64,
    /// No record follows: the engine has its personal values, and needs no second look.
    is_ready: bool,
}

/// The newest snapshot that checks out, else the one before, else the beginning.
fn snapshot(reader: &mut dyn Reader, info: &AccountInfo) -> Result<Start, StartError> {
    let (name, stream) = (&info.name, info.stream);
    for at in reader.snapshots(stream)? {
        let restored = reader.snapshot(stream, at.seq).map_err(StartError::from).and_then(|body| {
            let is_ready = reader.read(stream, at.seq, 1, &mut Vec::new())? == 0;
            with_vault(reader, stream, |personal| {
                // Where records follow, a replay needs no personal values, and all are read after it.
                let mut none = |_| None;
                let personal: &mut dyn FnMut(u64) -> Option<String> =
                    if is_ready { personal } else { &mut none };
                let engine =
                    Engine::restore(name, &body, personal).map_err(unreadable(stream, at.seq))?;
                Ok(Start { engine, seq: at.seq, at: at.at, bytes: body.len() as u64, is_ready })
            })
        });
        match restored {
            Ok(start) => return Ok(start),
            Err(error) => {
                tracing::error!(account = %name, %error, "a snapshot is no good: taking the one before");
            }
        }
    }
    let oldest = reader.oldest(stream)?;
    if oldest > 1 {
        return Err(StartError::NoBeginning { account: name.to_string(), oldest });
    }
    let engine = Engine::new(name, info.seed);
    Ok(Start { engine, seq: 0, at: Millis(0), bytes: 0, is_ready: false })
}

/// Lends `f` the vault's rows; a row that cannot be read is an error, not an erased value.
fn with_vault<T>(
    reader: &mut dyn Reader,
    stream: StreamId,
    f: impl FnOnce(&mut dyn FnMut(u64) -> Option<String>) -> Result<T, StartError>,
) -> Result<T, StartError> {
    let mut broken = None;
    let result = f(&mut |key| match reader.vault(stream, key) {
        Ok(value) => value,
        Err(error) => {
            broken.get_or_insert(error);
            None
        }
    })?;
    broken.map_or(Ok(result), |error| Err(error.into()))
}

fn each(
    reader: &mut dyn Reader,
    stream: StreamId,
    mut after: u64,
    mut f: impl FnMut(&journal::Record) -> Result<(), String>,
) -> Result<(), StartError> {
    let mut records = Vec::with_capacity(CHUNK);
    while reader.read(stream, after, CHUNK, &mut records)? > 0 {
        for record in records.drain(..) {
            f(&record).map_err(|why| StartError::Unreadable { stream, seq: record.seq, why })?;
            after = record.seq;
        }
    }
    Ok(())
}

/// The file that says when the node last lived with work to do.
const ALIVE: &str = "alive";

/// When the node last said that it lived; `None` when it never did, or the file is torn.
pub(super) fn last_alive(data: &Path) -> Option<Millis> {
    let text = std::fs::read_to_string(data.join(ALIVE)).ok()?;
    text.trim().parse().ok().map(Millis)
}

/// Says that it lives. Not synced: a lost second does not matter, and a torn one is not read.
pub(super) fn say_alive(data: &Path, now: Millis) -> std::io::Result<()> {
    std::fs::write(data.join(ALIVE), format!("{}\n", now.0))
}
