//! The durable, ordered log: records in streams, a vault of erasable values beside it, snapshots.
//!
//! The layer knows nothing of agents or calls: a [`Record`] is bytes with a stream, a sequence and
//! a time. Two things stand behind [`Journal`]: [`sqlite`] (one machine) and [`memory`] (tests and
//! simulation, with faults). [`conformance`] is the suite both must pass. [`writer`] is the one OS
//! thread that owns a journal while the node runs: one transaction and one sync per batch.

pub mod backup;
pub mod conformance;
mod error;
mod heads;
pub mod memory;
pub mod retention;
pub mod room;
pub mod sqlite;
pub mod verify;
pub mod writer;

pub use error::Error;
pub use room::Room;
pub use writer::{Commit, Writer};

use crate::domain::time::Millis;
use bytes::Bytes;
use std::fmt;

/// Highest stream number (22 bits): number and sequence share one 63-bit key in the file.
pub const MAX_STREAM: u32 = (1 << 22) - 1;

/// Highest sequence (41 bits): seven years of 10,000 records a second in one stream.
pub const MAX_SEQ: u64 = (1 << 41) - 1;

/// Which log a record belongs to. 0 is the node's own stream, the others are accounts; the node's
/// engine gives the numbers, up to [`MAX_STREAM`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u32);

impl StreamId {
    /// The node's own stream.
    pub const NODE: StreamId = StreamId(0);
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One decided event, encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The log it belongs to.
    pub stream: StreamId,
    /// From 1, without gaps, per stream; up to [`MAX_SEQ`].
    pub seq: u64,
    /// When it was decided; never decreases within a stream.
    pub at: Millis,
    /// What it says. Never read here.
    pub body: Bytes,
}

/// A personal value kept beside the log, so that it can be erased while the record stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultWrite {
    /// The stream whose records refer to it.
    pub stream: StreamId,
    /// What records call it; below 2^63.
    pub key: u64,
    /// The sequence it was written with: a value that is not lasting goes with that record.
    pub seq: u64,
    /// False for values of calls, which go when records up to `seq` are trimmed.
    pub lasting: bool,
    /// The value; `None` erases it.
    pub value: Option<String>,
}

/// What one commit writes. Both may be empty: a read rides along and writes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The record, if something was decided.
    pub record: Option<Record>,
    /// Values written in the same transaction, in order.
    pub vault: Vec<VaultWrite>,
}

impl Entry {
    /// True when there is nothing to write, hence nothing to sync.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.record.is_none() && self.vault.is_empty()
    }
}

/// How far a [`Journal::trim`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trimmed {
    /// Sequence of the oldest record that is kept.
    pub oldest: u64,
    /// True when one call did not do it all: call again, between two batches.
    pub more: bool,
}

/// A snapshot as listed: the state after record `seq`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotAt {
    /// The last record folded into it.
    pub seq: u64,
    /// When that record was decided.
    pub at: Millis,
}

/// The writing end. Exactly one exists per log.
///
/// After a failed [`append`](Journal::append) that was not a refusal, the journal is broken: every
/// later call fails with [`Error::Broken`], and only the next open can say what is durable.
pub trait Journal: Send {
    /// Writes entries, in order, as one transaction with one sync; it may span streams. Durable on
    /// return. Nothing is written, nor synced, when all entries are empty.
    ///
    /// # Errors
    /// Refused, with nothing written and the journal still usable: [`Error::Sequence`] when a
    /// record is not the stream's head + 1, [`Error::Time`] when its time is before the head's,
    /// [`Error::Range`]. Fatal: [`Error::Full`], [`Error::Io`], [`Error::Damaged`], …: the batch
    /// may or may not be found at the next open, and must not be written again.
    fn append(&mut self, entries: &[&Entry]) -> Result<(), Error>;

    /// Sequence of the stream's last record, 0 when it has none.
    fn head(&self, stream: StreamId) -> u64;

    /// All streams that have records, in order of number.
    fn streams(&self) -> Vec<StreamId>;

    /// The random name of this history: made with the journal, new at a restore and at an accepted
    /// loss. The same sequence under the same epoch is always the same record.
    fn epoch(&self) -> &str;

    /// A reading end, for another thread, usable while this one writes.
    ///
    /// # Errors
    /// When the storage cannot be opened once more.
    fn reader(&self) -> Result<Box<dyn Reader>, Error>;

    /// Removes records before `before_seq`, and the values that are not lasting with them: at most
    /// a thousand records per call, so that no commit waits long. Never removes what the newest
    /// two snapshots need: with fewer than two snapshots nothing goes.
    ///
    /// # Errors
    /// As [`append`](Journal::append), fatal.
    fn trim(&mut self, stream: StreamId, before_seq: u64) -> Result<Trimmed, Error>;

    /// Moves what was written to its final place and notes the heads. Never needed for safety.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Full`].
    fn checkpoint(&mut self) -> Result<(), Error>;

    /// A clean stop: checkpoints, notes the heads, lets the next process in.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Full`]; what was appended is durable all the same.
    fn close(self: Box<Self>) -> Result<(), Error>;
}

/// The reading end: sees what is durable, never more. It also writes snapshots, which are made by a
/// fold behind the log, off the commit path.
pub trait Reader: Send {
    /// Appends to `into` at most `limit` records after sequence `after`, in order, each checked.
    /// Returns how many; 0 means that `after` is the head.
    ///
    /// # Errors
    /// [`Error::Trimmed`] when the record after `after` is no longer kept; [`Error::Damaged`] on a
    /// wrong checksum or a gap.
    fn read(
        &mut self,
        stream: StreamId,
        after: u64,
        limit: usize,
        into: &mut Vec<Record>,
    ) -> Result<usize, Error>;

    /// All streams that have records, in order of number.
    ///
    /// # Errors
    /// When the storage cannot be read.
    fn streams(&mut self) -> Result<Vec<StreamId>, Error>;

    /// Sequence of the oldest record kept; head + 1 = 1 for a stream without records.
    ///
    /// # Errors
    /// When the storage cannot be read.
    fn oldest(&mut self, stream: StreamId) -> Result<u64, Error>;

    /// Sequence of the last durable record, 0 when there is none.
    ///
    /// # Errors
    /// When the storage cannot be read.
    fn head(&mut self, stream: StreamId) -> Result<u64, Error>;

    /// Sequence of the first kept record decided at `at` or later; head + 1 when all are older.
    ///
    /// # Errors
    /// When the storage cannot be read.
    fn first_since(&mut self, stream: StreamId, at: Millis) -> Result<u64, Error>;

    /// The stream's snapshots, newest first (two are kept). Their bodies are not checked here.
    ///
    /// # Errors
    /// When the storage cannot be read.
    fn snapshots(&mut self, stream: StreamId) -> Result<Vec<SnapshotAt>, Error>;

    /// The body of a snapshot, checked.
    ///
    /// # Errors
    /// [`Error::Damaged`] when its checksum is wrong (take the one before);
    /// [`Error::NoSnapshot`].
    fn snapshot(&mut self, stream: StreamId, seq: u64) -> Result<Bytes, Error>;

    /// Stores the state after record `seq`, durable on return, and drops all but the newest two.
    /// A snapshot of the same sequence is replaced.
    ///
    /// # Errors
    /// [`Error::Sequence`] when `seq` is beyond the durable head; [`Error::Full`], [`Error::Io`].
    fn put_snapshot(
        &mut self,
        stream: StreamId,
        seq: u64,
        at: Millis,
        body: &[u8],
    ) -> Result<(), Error>;

    /// A value, `None` when it was erased, aged out or never written.
    ///
    /// # Errors
    /// [`Error::Damaged`] when its checksum is wrong.
    fn vault(&mut self, stream: StreamId, key: u64) -> Result<Option<String>, Error>;

    /// Each value of the stream, in order of key.
    ///
    /// # Errors
    /// [`Error::Damaged`] when a checksum is wrong.
    fn vault_all(
        &mut self,
        stream: StreamId,
        each: &mut dyn FnMut(u64, String),
    ) -> Result<(), Error>;
}

/// Snapshots kept per stream: when the newest does not check out, the one before serves.
pub(crate) const SNAPSHOTS_KEPT: usize = 2;

/// Records that one [`Journal::trim`] removes at most: about a millisecond of work.
pub(crate) const TRIM_CHUNK: u64 = 1024;

/// How far a trim may go: `wanted`, held back by the head and by the second newest snapshot.
pub(crate) fn trim_bound(wanted: u64, head: u64, snapshots: &[SnapshotAt]) -> u64 {
    let needed = snapshots.get(SNAPSHOTS_KEPT - 1).map_or(1, |second| second.seq + 1);
    wanted.min(needed).min(head.max(1))
}
