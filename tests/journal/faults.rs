//! Full disks, failing syncs and crashes.

use crate::common::{check_world, open_with, quick, write_world};
use callboard::journal::conformance::{entry, fill};
use callboard::journal::memory::{Fault, Memory};
use callboard::journal::sqlite::Options;
use callboard::journal::{Entry, Error, Journal, StreamId};
use std::path::Path;
use std::time::Duration;

const A: StreamId = StreamId(7);

#[test]
fn a_full_disk_ends_the_writing_and_keeps_what_was_durable() {
    let dir = tempfile::tempdir().expect("a folder");
    let small = Options { max_pages: Some(64), ..quick() };
    let mut journal = open_with(dir.path(), &small).expect("opened");
    let mut durable = 0;
    let error = loop {
        match journal.append(&[&entry(A, durable + 1)]) {
            Ok(()) => durable += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Full), "{error}");
    assert!(durable > 1_000, "{durable}");
    let again = journal.append(&[&entry(A, durable + 1)]);
    assert!(matches!(again, Err(Error::Broken { .. })), "a failed append is never tried again");
    assert!(matches!(journal.trim(A, 5), Err(Error::Broken { .. })));
    assert!(matches!(journal.close(), Err(Error::Broken { .. })));

    let mut journal = open_with(dir.path(), &quick()).expect("opened with room");
    assert_eq!(journal.head(A), durable);
    check_world(&*journal).expect("whole");
    fill(&mut *journal, A, durable + 1, durable + 10);
}

#[test]
fn a_start_on_a_full_disk_still_opens() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut journal = open_with(dir.path(), &quick()).expect("opened");
    write_world(&mut *journal, 1, 200);
    drop(journal);
    let pages = std::fs::metadata(dir.path().join("journal.db")).expect("a file").len() / 4096;
    let full = Options {
        max_pages: Some(u32::try_from(pages).expect("small")),
        ..Options::default() // the WAL is to be warmed, which finds no room
    };
    let journal = open_with(dir.path(), &full).expect("opened");
    check_world(&*journal).expect("whole");
}

#[test]
fn the_wal_has_its_length_after_the_start_and_the_log_has_not_grown() {
    let dir = tempfile::tempdir().expect("a folder");
    let journal = open_with(dir.path(), &Options::default()).expect("opened");
    let size = |name: &str| std::fs::metadata(dir.path().join(name)).expect("a file").len();
    assert!(size("journal.db-wal") > 4 << 20, "{}", size("journal.db-wal"));
    assert!(size("journal.db") < 1 << 20, "{}", size("journal.db"));
    drop(journal);
}

/// How often the WAL has started over: the checkpoint sequence in its header.
fn wal_generation(dir: &Path) -> u32 {
    let bytes = std::fs::read(dir.join("journal.db-wal")).expect("read");
    u32::from_be_bytes(bytes[12..16].try_into().expect("four bytes"))
}

#[test]
fn checkpoints_come_by_themselves_and_the_wal_starts_over() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut journal = open_with(dir.path(), &quick()).expect("opened");
    let body = bytes::Bytes::from(vec![b'x'; 3_000]);
    let mut seq = 0;
    // 40 MB without a pause.
    while seq < 13_000 {
        let mut batch: Vec<Entry> = (seq + 1..=seq + 100).map(|seq| entry(A, seq)).collect();
        seq += 100;
        for record in batch.iter_mut().filter_map(|entry| entry.record.as_mut()) {
            record.body = body.clone();
        }
        journal.append(&batch.iter().collect::<Vec<_>>()).expect("appended");
    }
    let high = || std::fs::read_to_string(dir.path().join("high.seq"));
    for _ in 0..3_000 {
        if high().is_ok() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let noted = high().expect("a checkpoint came without being asked for");
    let noted = noted.lines().find_map(|line| line.strip_prefix("7 ")).expect("the stream");
    assert!(noted.parse::<u64>().expect("a number") > 1_000, "{noted}");

    journal.checkpoint().expect("all of it");
    assert!(high().expect("read").contains("\n7 13000\n"));
    let before = wal_generation(dir.path());
    fill(&mut *journal, A, 13_001, 13_001);
    assert_eq!(wal_generation(dir.path()), before + 1);
}

#[test]
fn the_forgetful_twin_forgets_what_was_not_synced() {
    let mut journal = Memory::forgetful("f");
    let control = journal.control();
    fill(&mut journal, A, 1, 10);
    control.sync();
    fill(&mut journal, A, 11, 20);
    assert_eq!((journal.head(A), control.durable_seq(A)), (20, 10));
    let reader_head = journal.reader().expect("a reader").head(A).expect("head");
    assert_eq!(reader_head, 10, "readers see what is durable");
    let mut after = control.crash();
    assert_eq!(after.head(A), 10);
    assert!(matches!(journal.append(&[&entry(A, 21)]), Err(Error::Broken { .. })), "a dead handle");
    fill(&mut after, A, 11, 11);
}

#[test]
fn the_twin_fails_as_told() {
    for (fault, kept) in [(Fault::DiskFull, 2), (Fault::SyncLost, 2), (Fault::SyncKept, 3)] {
        let mut journal = Memory::new("m");
        let control = journal.control();
        control.fail_at(3, fault);
        fill(&mut journal, A, 1, 1);
        fill(&mut journal, A, 2, 2);
        let error = journal.append(&[&entry(A, 3)]).expect_err("told to fail");
        assert_eq!(matches!(error, Error::Full), fault == Fault::DiskFull, "{error}");
        assert!(matches!(journal.append(&[&entry(A, 3)]), Err(Error::Broken { .. })));
        assert_eq!(control.crash().head(A), kept, "{fault:?}");
    }
}
