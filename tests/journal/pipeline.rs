//! The writer's thread: batches in order, nothing handed on before it is durable, failures.

use crate::common::{open_with, quick};
use callboard::journal::conformance::{entry, fill};
use callboard::journal::memory::{Fault, Memory};
use callboard::journal::writer::Options;
use callboard::journal::{Commit, Entry, Error, Journal, Room, StreamId, Writer};
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::sync::Arc;
use std::time::{Duration, Instant};

const A: StreamId = StreamId(7);

/// A commit with a number, so that order shows.
#[derive(Debug)]
struct Numbered(u64, Option<Entry>);

/// From here on nobody waits for a number.
const PATIENT: u64 = 1_000_000;

impl Commit for Numbered {
    fn entry(&self) -> Option<&Entry> {
        self.1.as_ref()
    }

    fn can_wait(&self) -> bool {
        self.0 >= PATIENT
    }
}

struct Line {
    commits: Sender<Numbered>,
    batches: Receiver<Vec<u64>>,
    ended: Receiver<Option<String>>,
    writer: Writer,
}

#[allow(clippy::disallowed_methods, reason = "the writer's clock, not the engine's")]
fn options(room: Option<Arc<Room>>) -> Options {
    Options { room, now: Instant::now }
}

fn line(journal: Box<dyn Journal>, room: Option<Arc<Room>>) -> Line {
    let (commits, rx) = unbounded();
    let (on, batches) = unbounded();
    let (end, ended) = unbounded();
    let writer = Writer::spawn(
        journal,
        rx,
        options(room),
        move |batch: Vec<Numbered>| {
            on.send(batch.into_iter().map(|commit| commit.0).collect()).expect("the test listens");
        },
        move |result| {
            let text = result.as_ref().err().map(ToString::to_string);
            end.send(text).expect("the test listens");
        },
    )
    .expect("a thread");
    Line { commits, batches, ended, writer }
}

#[test]
fn what_queued_up_shares_one_sync_and_reads_ride_along_in_order() {
    let journal = Memory::new("m");
    let control = journal.control();
    control.hold();
    let line = line(Box::new(journal), None);
    line.commits.send(Numbered(0, Some(entry(A, 1)))).expect("sent");
    while control.appends() == 0 {
        std::thread::yield_now();
    }
    // The first sync is held: what comes now queues up. Odd ones are reads.
    for n in 1..2_000 {
        let write = (n % 2 == 0).then(|| entry(A, n / 2 + 1));
        line.commits.send(Numbered(n, write)).expect("sent");
    }
    std::thread::sleep(Duration::from_millis(20));
    assert!(line.batches.is_empty(), "nothing leaves before it is durable");
    control.release();
    drop(line.commits);
    let batches: Vec<Vec<u64>> = line.batches.iter().collect();
    assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1024, 975]);
    assert_eq!(batches.concat(), (0..2_000).collect::<Vec<_>>());
    assert_eq!(control.appends(), 3, "one sync per batch");
    assert_eq!(line.ended.recv().expect("told"), None);
    line.writer.join().expect("a clean end");
}

#[test]
fn what_nobody_waits_for_shares_the_next_sync_and_waits_for_none_for_long() {
    let journal = Memory::new("m");
    let control = journal.control();
    let line = line(Box::new(journal), None);
    // Alone: it is written all the same.
    line.commits.send(Numbered(PATIENT, Some(entry(A, 1)))).expect("sent");
    assert_eq!(line.batches.recv().expect("handed on"), [PATIENT]);
    assert_eq!(control.appends(), 1);
    // With one that is waited for: one sync for both, in order. Sent while the thread is held, so
    // that it meets them together.
    control.hold();
    line.commits.send(Numbered(1, Some(entry(A, 2)))).expect("sent");
    while control.appends() == 1 {
        std::thread::yield_now();
    }
    line.commits.send(Numbered(PATIENT + 1, Some(entry(A, 3)))).expect("sent");
    line.commits.send(Numbered(2, Some(entry(A, 4)))).expect("sent");
    line.commits.send(Numbered(PATIENT + 2, Some(entry(A, 5)))).expect("sent");
    control.release();
    drop(line.commits);
    let batches: Vec<Vec<u64>> = line.batches.iter().collect();
    assert_eq!(batches, [vec![1], vec![PATIENT + 1, 2, PATIENT + 2]]);
    line.writer.join().expect("a clean end");
    assert_eq!(control.appends(), 3);
}

#[test]
fn reads_alone_cause_no_sync() {
    let journal = Memory::new("m");
    let control = journal.control();
    let line = line(Box::new(journal), None);
    for (n, write) in [None, Some(Entry::default()), None].into_iter().enumerate() {
        line.commits.send(Numbered(n as u64, write)).expect("sent");
        assert_eq!(line.batches.recv().expect("handed on"), [n as u64]);
    }
    assert_eq!(control.appends(), 0);
}

#[test]
fn a_failed_append_is_told_and_nothing_of_it_is_handed_on() {
    for fault in [Fault::DiskFull, Fault::SyncLost, Fault::SyncKept] {
        let journal = Memory::new("m");
        let control = journal.control();
        control.fail_at(2, fault);
        let line = line(Box::new(journal), None);
        line.commits.send(Numbered(1, Some(entry(A, 1)))).expect("sent");
        assert_eq!(line.batches.recv().expect("handed on"), [1]);
        line.commits.send(Numbered(2, Some(entry(A, 2)))).expect("sent");
        let _ = line.commits.send(Numbered(3, None));
        assert!(line.ended.recv().expect("told").is_some());
        assert!(line.batches.recv().is_err(), "{fault:?}: handed on without being durable");
        assert!(line.writer.join().is_err());
        assert_eq!(control.appends(), 2, "never tried again");
    }
}

#[test]
fn a_crash_in_the_middle_of_a_sync_forgets_the_batch() {
    let journal = Memory::new("m");
    let control = journal.control();
    let line = line(Box::new(journal), None);
    line.commits.send(Numbered(1, Some(entry(A, 1)))).expect("sent");
    assert_eq!(line.batches.recv().expect("handed on"), [1]);
    control.hold();
    line.commits.send(Numbered(2, Some(entry(A, 2)))).expect("sent");
    while control.appends() < 2 {
        std::thread::yield_now();
    }
    let after = control.crash();
    assert!(matches!(line.writer.join(), Err(Error::Broken { .. })));
    assert!(line.batches.recv().is_err());
    assert_eq!(after.head(A), 1);
}

#[test]
fn a_panic_behind_the_writer_is_told_too() {
    let (commits, rx) = unbounded();
    let (end, ended) = unbounded();
    let writer = Writer::spawn(
        Box::new(Memory::new("m")),
        rx,
        options(None),
        |_: Vec<Numbered>| panic!("as the test wants"),
        move |result| end.send(result.is_err()).expect("the test listens"),
    )
    .expect("a thread");
    commits.send(Numbered(1, None)).expect("sent");
    assert!(ended.recv().expect("told"));
    assert!(matches!(writer.join(), Err(Error::Broken { .. })));
}

#[test]
fn sqlite_behind_the_writer_closes_cleanly_and_trims_on_the_way() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut journal = open_with(dir.path(), &quick()).expect("opened");
    fill(&mut *journal, A, 1, 10_000);
    let mut reader = journal.reader().expect("a reader");
    for seq in [9_000, 10_000] {
        reader.put_snapshot(A, seq, callboard::domain::time::Millis(1), b"x").expect("stored");
    }
    let room = Arc::new(Room::watch(dir.path(), 1).expect("a room"));
    let line = line(journal, Some(Arc::clone(&room)));
    line.writer.trim(A, u64::MAX);
    for seq in 10_001..=10_100 {
        line.commits.send(Numbered(seq, Some(entry(A, seq)))).expect("sent");
    }
    while reader.oldest(A).expect("oldest") < 9_001 {
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(line.commits);
    assert_eq!(line.batches.iter().flatten().count(), 100);
    line.writer.join().expect("a clean end");
    assert!(!room.is_short());
    let high = std::fs::read_to_string(dir.path().join("high.seq")).expect("read");
    assert!(high.contains("\n7 10100\n"), "{high}");
    let journal = open_with(dir.path(), &quick()).expect("opened");
    assert_eq!(journal.head(A), 10_100);
}
