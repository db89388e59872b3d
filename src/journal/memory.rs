//! The twin in memory, for tests and simulation.
//!
//! It keeps apart what was written and what was synced, so that a crash can forget the former:
//! `kill -9` does not test the sync, this does. [`Control`] tells it to fail, to hold its syncs, and
//! to crash.

use super::heads::{Head, Heads};
use super::{
    Entry, Error, Journal, Reader, Record, SNAPSHOTS_KEPT, SnapshotAt, StreamId, TRIM_CHUNK,
    Trimmed, VaultWrite, trim_bound,
};
use crate::domain::time::Millis;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// How an append goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is written: [`Error::Full`].
    DiskFull,
    /// Written, but the sync fails, and the batch is gone after the crash.
    SyncLost,
    /// Written, the sync fails, and the batch is found after the crash all the same.
    SyncKept,
}

/// A journal in memory.
pub struct Memory {
    shared: Arc<Shared>,
    life: u64,
    epoch: String,
}

/// The test's hand on a [`Memory`]: survives its crash.
#[derive(Clone)]
pub struct Control {
    shared: Arc<Shared>,
}

struct Shared {
    disk: Mutex<Disk>,
    released: Condvar,
}

#[derive(Default)]
struct Disk {
    epoch: String,
    /// What is durable: readers see this and nothing else.
    synced: State,
    /// Written, not synced: applied by a sync, forgotten by a crash.
    unsynced: Vec<Entry>,
    forgetful: bool,
    held: bool,
    faults: BTreeMap<u64, Fault>,
    /// Appends with something to write, so far.
    appends: u64,
    /// Each open is a new life; the handle of an earlier one is dead.
    life: u64,
    broken: Option<String>,
}

#[derive(Default)]
struct State {
    heads: Heads,
    streams: BTreeMap<StreamId, Stream>,
}

#[derive(Default)]
struct Stream {
    /// Sequence of the first record in `records`, less one.
    trimmed: u64,
    records: Vec<Record>,
    vault: BTreeMap<u64, VaultWrite>,
    snapshots: BTreeMap<u64, (Millis, Bytes)>,
}

impl Memory {
    /// An empty journal named `epoch`, durable as soon as an append returns.
    #[must_use]
    pub fn new(epoch: &str) -> Memory {
        Memory::build(epoch, false)
    }

    /// One whose appends return before they are durable: only [`Control::sync`] makes them so. It
    /// stands for a disk that lies, to prove that a test would notice.
    #[must_use]
    pub fn forgetful(epoch: &str) -> Memory {
        Memory::build(epoch, true)
    }

    fn build(epoch: &str, forgetful: bool) -> Memory {
        let disk = Disk { epoch: epoch.to_owned(), forgetful, ..Disk::default() };
        Control { shared: Arc::new(Shared { disk: Mutex::new(disk), released: Condvar::new() }) }
            .crash()
    }

    /// The test's hand on this journal.
    #[must_use]
    pub fn control(&self) -> Control {
        Control { shared: Arc::clone(&self.shared) }
    }

    fn alive(&self) -> Result<MutexGuard<'_, Disk>, Error> {
        let disk = self.shared.lock();
        if disk.life != self.life {
            return Err(Error::Broken { why: "it crashed".to_owned() });
        }
        match &disk.broken {
            Some(why) => Err(Error::Broken { why: why.clone() }),
            None => Ok(disk),
        }
    }
}

impl Control {
    /// The `nth` append from now that writes something (1 = the next) goes wrong.
    pub fn fail_at(&self, nth: u64, fault: Fault) {
        let mut disk = self.shared.lock();
        let at = disk.appends + nth;
        disk.faults.insert(at, fault);
    }

    /// Appends that were to go wrong and have not come yet go right.
    pub fn mend(&self) {
        self.shared.lock().faults.clear();
    }

    /// A reading end, which sees what is durable also when nobody writes any more.
    #[must_use]
    pub fn reader(&self) -> Box<dyn Reader> {
        Box::new(MemoryReader { shared: Arc::clone(&self.shared) })
    }

    /// From now on no sync ends, and so no append returns, until [`Control::release`].
    pub fn hold(&self) {
        self.shared.lock().held = true;
    }

    /// Ends [`Control::hold`].
    pub fn release(&self) {
        self.shared.lock().held = false;
        self.shared.released.notify_all();
    }

    /// Makes a forgetful journal's writes durable.
    pub fn sync(&self) {
        self.shared.lock().sync();
    }

    /// Sequence of the stream's last durable record.
    #[must_use]
    pub fn durable_seq(&self, stream: StreamId) -> u64 {
        self.shared.lock().synced.heads.seq(stream)
    }

    /// How many appends wrote something.
    #[must_use]
    pub fn appends(&self) -> u64 {
        self.shared.lock().appends
    }

    /// The power goes: the journal with what was synced. The old handle takes nothing more, and an
    /// append that waits in [`Control::hold`] fails.
    #[must_use]
    pub fn crash(&self) -> Memory {
        let mut disk = self.shared.lock();
        disk.unsynced.clear();
        disk.broken = None;
        disk.held = false;
        disk.life += 1;
        let (life, epoch) = (disk.life, disk.epoch.clone());
        drop(disk);
        self.shared.released.notify_all();
        Memory { shared: Arc::clone(&self.shared), life, epoch }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk {
    fn sync(&mut self) {
        for entry in std::mem::take(&mut self.unsynced) {
            self.synced.apply(entry);
        }
    }

    /// The heads as the writer sees them: durable or not.
    fn written(&self) -> Heads {
        let mut heads = self.synced.heads.clone();
        for record in self.unsynced.iter().filter_map(|entry| entry.record.as_ref()) {
            heads.set(record.stream, Head { seq: record.seq, at: record.at });
        }
        heads
    }

    fn fail(&mut self, fault: Fault) -> Error {
        if fault == Fault::SyncKept {
            self.sync();
        }
        self.unsynced.clear();
        let error = match fault {
            Fault::DiskFull => Error::Full,
            Fault::SyncLost | Fault::SyncKept => {
                Error::io("sync")(std::io::Error::other("told to fail"))
            }
        };
        self.broken = Some(error.to_string());
        error
    }
}

impl State {
    fn apply(&mut self, entry: Entry) {
        if let Some(record) = entry.record {
            self.heads.set(record.stream, Head { seq: record.seq, at: record.at });
            self.streams.entry(record.stream).or_default().records.push(record);
        }
        for write in entry.vault {
            let vault = &mut self.streams.entry(write.stream).or_default().vault;
            match write.value {
                Some(_) => vault.insert(write.key, write),
                None => vault.remove(&write.key),
            };
        }
    }

    fn snapshots(&self, stream: StreamId) -> Vec<SnapshotAt> {
        let Some(stream) = self.streams.get(&stream) else { return Vec::new() };
        let newest_first = stream.snapshots.iter().rev();
        newest_first.map(|(seq, (at, _))| SnapshotAt { seq: *seq, at: *at }).collect()
    }
}

impl Journal for Memory {
    fn append(&mut self, entries: &[&Entry]) -> Result<(), Error> {
        let mut disk = self.alive()?;
        disk.written().after(entries)?;
        if entries.iter().all(|entry| entry.is_empty()) {
            return Ok(());
        }
        disk.appends += 1;
        let nth = disk.appends;
        let fault = disk.faults.remove(&nth);
        disk.unsynced.extend(entries.iter().map(|entry| (*entry).clone()));
        let life = self.life;
        let mut disk = self
            .shared
            .released
            .wait_while(disk, |disk| disk.held && disk.life == life)
            .unwrap_or_else(PoisonError::into_inner);
        if disk.life != life {
            return Err(Error::Broken { why: "it crashed".to_owned() });
        }
        if let Some(fault) = fault {
            return Err(disk.fail(fault));
        }
        if !disk.forgetful {
            disk.sync();
        }
        Ok(())
    }

    fn head(&self, stream: StreamId) -> u64 {
        self.shared.lock().written().seq(stream)
    }

    fn streams(&self) -> Vec<StreamId> {
        self.shared.lock().written().streams()
    }

    fn epoch(&self) -> &str {
        &self.epoch
    }

    fn reader(&self) -> Result<Box<dyn Reader>, Error> {
        Ok(Box::new(MemoryReader { shared: Arc::clone(&self.shared) }))
    }

    fn trim(&mut self, stream: StreamId, before_seq: u64) -> Result<Trimmed, Error> {
        let mut disk = self.alive()?;
        let bound =
            trim_bound(before_seq, disk.synced.heads.seq(stream), &disk.synced.snapshots(stream));
        let Some(log) = disk.synced.streams.get_mut(&stream) else {
            return Ok(Trimmed { oldest: 1, more: false });
        };
        let to = bound.min(log.trimmed + 1 + TRIM_CHUNK).max(log.trimmed + 1);
        log.records.retain(|record| record.seq >= to);
        log.vault.retain(|_, write| write.lasting || write.seq >= to);
        log.trimmed = to - 1;
        Ok(Trimmed { oldest: to, more: to < bound })
    }

    fn checkpoint(&mut self) -> Result<(), Error> {
        self.alive().map(drop)
    }

    fn close(self: Box<Self>) -> Result<(), Error> {
        let mut disk = self.alive()?;
        disk.sync();
        disk.broken = Some("it was closed".to_owned());
        Ok(())
    }
}

struct MemoryReader {
    shared: Arc<Shared>,
}

impl MemoryReader {
    fn with<T>(&self, stream: StreamId, f: impl FnOnce(&Stream) -> T) -> T {
        let disk = self.shared.lock();
        match disk.synced.streams.get(&stream) {
            Some(stream) => f(stream),
            None => f(&Stream::default()),
        }
    }
}

impl Reader for MemoryReader {
    fn read(
        &mut self,
        stream: StreamId,
        after: u64,
        limit: usize,
        into: &mut Vec<Record>,
    ) -> Result<usize, Error> {
        self.with(stream, |log| {
            if after < log.trimmed {
                return Err(Error::Trimmed { stream, oldest: log.trimmed + 1 });
            }
            let skip = usize::try_from(after - log.trimmed).unwrap_or(usize::MAX);
            let before = into.len();
            into.extend(log.records.iter().skip(skip).take(limit).cloned());
            Ok(into.len() - before)
        })
    }

    fn streams(&mut self) -> Result<Vec<StreamId>, Error> {
        Ok(self.shared.lock().synced.heads.streams())
    }

    fn oldest(&mut self, stream: StreamId) -> Result<u64, Error> {
        Ok(self.with(stream, |log| log.trimmed + 1))
    }

    fn head(&mut self, stream: StreamId) -> Result<u64, Error> {
        Ok(self.shared.lock().synced.heads.seq(stream))
    }

    fn first_since(&mut self, stream: StreamId, at: Millis) -> Result<u64, Error> {
        Ok(self.with(stream, |log| {
            log.trimmed + 1 + log.records.partition_point(|record| record.at < at) as u64
        }))
    }

    fn snapshots(&mut self, stream: StreamId) -> Result<Vec<SnapshotAt>, Error> {
        Ok(self.shared.lock().synced.snapshots(stream))
    }

    fn snapshot(&mut self, stream: StreamId, seq: u64) -> Result<Bytes, Error> {
        self.with(stream, |log| log.snapshots.get(&seq).map(|(_, body)| body.clone()))
            .ok_or(Error::NoSnapshot { stream, seq })
    }

    fn put_snapshot(
        &mut self,
        stream: StreamId,
        seq: u64,
        at: Millis,
        body: &[u8],
    ) -> Result<(), Error> {
        let mut disk = self.shared.lock();
        let head = disk.synced.heads.seq(stream);
        if seq > head {
            return Err(Error::Sequence { stream, expected: head, found: seq });
        }
        let snapshots = &mut disk.synced.streams.entry(stream).or_default().snapshots;
        snapshots.insert(seq, (at, Bytes::copy_from_slice(body)));
        while snapshots.len() > SNAPSHOTS_KEPT {
            snapshots.pop_first();
        }
        Ok(())
    }

    fn vault(&mut self, stream: StreamId, key: u64) -> Result<Option<String>, Error> {
        Ok(self.with(stream, |log| log.vault.get(&key).and_then(|write| write.value.clone())))
    }

    fn vault_all(
        &mut self,
        stream: StreamId,
        each: &mut dyn FnMut(u64, String),
    ) -> Result<(), Error> {
        let all: Vec<(u64, Option<String>)> = self.with(stream, |log| {
            log.vault.iter().map(|(key, write)| (*key, write.value.clone())).collect()
        });
        for (key, value) in all {
            if let Some(value) = value {
                each(key, value);
            }
        }
        Ok(())
    }
}
