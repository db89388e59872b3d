//! Bytes cut and flipped at many places of every file. Two outcomes are right, and no other: the
//! start (or the read) is refused and says what and where, or the log is whole up to some record.

use crate::common::{
    check_world, closed_journal, copy_folder, open_with, quick, write_snapshots, write_world,
};
use callboard::journal::sqlite::Options;
use callboard::journal::verify::verify;
use callboard::journal::{Error, StreamId};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What a kill leaves: 300 records of each stream checkpointed, 200 more in the WAL, snapshots at
/// 150 and 400. Too little for a checkpoint of its own accord, so the copy is of one instant.
struct Wreck {
    folder: TempDir,
}

fn wreck() -> Wreck {
    let (alive, folder) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
    let mut journal = open_with(alive.path(), &quick()).expect("opened");
    // Keeps the WAL of the snapshots, which else goes with its last reader.
    let _reader = journal.reader().expect("a reader");
    write_world(&mut *journal, 1, 300);
    write_snapshots(&*journal, 150);
    journal.checkpoint().expect("checkpoint");
    write_world(&mut *journal, 301, 400);
    write_snapshots(&*journal, 400);
    write_world(&mut *journal, 401, 500);
    copy_folder(alive.path(), folder.path());
    Wreck { folder }
}

/// As [`wreck`], but a long read kept the checkpoint at 300 from emptying the WAL: its first frames
/// are older than the pages in the database.
fn wreck_with_moved_frames() -> Wreck {
    let (alive, folder) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
    let mut journal = open_with(alive.path(), &quick()).expect("opened");
    write_world(&mut *journal, 1, 290);
    let long = rusqlite::Connection::open(alive.path().join("journal.db")).expect("opened");
    long.execute_batch("BEGIN; SELECT count(*) FROM log;").expect("a long read");
    write_world(&mut *journal, 291, 300);
    journal.checkpoint().expect("checkpoint");
    write_world(&mut *journal, 301, 500);
    copy_folder(alive.path(), folder.path());
    Wreck { folder }
}

/// How one trial ended.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Outcome {
    /// Refused, with this kind of reason.
    Damaged,
    Behind,
    Other,
    /// Opened; all there up to this record.
    WholeUpTo(u64),
}

impl Wreck {
    /// Opens a copy whose file `name` was changed by `change`.
    fn trial(&self, name: &str, change: impl Fn(&mut Vec<u8>)) -> Outcome {
        let copy = tempfile::tempdir().expect("a folder");
        copy_folder(self.folder.path(), copy.path());
        let path = copy.path().join(name);
        let mut bytes = std::fs::read(&path).expect("read");
        change(&mut bytes);
        std::fs::write(&path, &bytes).expect("written");
        outcome(copy.path())
    }

    fn size(&self, name: &str) -> usize {
        let meta = std::fs::metadata(self.folder.path().join(name)).expect("a file");
        usize::try_from(meta.len()).expect("small")
    }
}

fn outcome(dir: &Path) -> Outcome {
    let opened = open_with(dir, &quick());
    let read = opened.and_then(|journal| {
        check_world(&*journal)?;
        assert_eq!(journal.head(StreamId(0)), journal.head(StreamId(7)), "half a transaction");
        Ok(journal.head(StreamId(0)))
    });
    match read {
        Ok(head) => Outcome::WholeUpTo(head),
        Err(error @ Error::Damaged { .. }) => {
            let text = error.to_string();
            assert!(text.contains('('), "it does not say where: {text}");
            Outcome::Damaged
        }
        Err(Error::Behind { .. }) => Outcome::Behind,
        Err(Error::Foreign { .. } | Error::Format { .. } | Error::Sqlite(_)) => Outcome::Other,
        Err(error) => panic!("an unexpected refusal: {error}"),
    }
}

/// `count` places spread over `size` bytes, and the first hundred bytes by sevens (headers).
fn places(size: usize, count: usize) -> Vec<usize> {
    let spread = (0..count).map(|n| n * size / count + (n * 37) % 101);
    (0..100).step_by(7).chain(spread).filter(|place| *place < size).collect()
}

fn count(outcomes: &[Outcome], wanted: impl Fn(&Outcome) -> bool) -> usize {
    outcomes.iter().filter(|outcome| wanted(outcome)).count()
}

#[test]
fn an_untouched_wreck_opens_whole() {
    let wreck = wreck();
    assert_eq!(outcome(wreck.folder.path()), Outcome::WholeUpTo(500));
}

#[test]
fn a_flipped_byte_in_the_database_is_refused_or_harmless() {
    // Without a WAL, which would hold newer copies of most pages.
    let wreck = wreck();
    let journal = open_with(wreck.folder.path(), &quick()).expect("opened");
    journal.close().expect("closed");
    let outcomes: Vec<Outcome> = places(wreck.size("journal.db"), 160)
        .into_iter()
        .map(|place| wreck.trial("journal.db", |bytes| bytes[place] ^= 0x41))
        .collect();
    for outcome in &outcomes {
        // Unused bytes may differ; nothing may be missing.
        if let Outcome::WholeUpTo(head) = outcome {
            assert_eq!(*head, 500);
        }
    }
    let refused = count(&outcomes, |outcome| *outcome == Outcome::Damaged);
    assert!(refused * 3 > outcomes.len(), "only {refused} of {} noticed", outcomes.len());
}

#[test]
fn a_cut_database_is_refused() {
    let wreck = wreck();
    let size = wreck.size("journal.db");
    for cut in [1, 100, 4096, size / 2, size - 4096, size - 1] {
        let outcome = wreck.trial("journal.db", |bytes| bytes.truncate(cut));
        assert!(
            !matches!(outcome, Outcome::WholeUpTo(head) if head != 500),
            "cut to {cut}: {outcome:?}"
        );
    }
    let half = wreck.trial("journal.db", |bytes| bytes.truncate(size / 2));
    assert_eq!(half, Outcome::Damaged);
}

#[test]
fn a_damaged_wal_is_a_shorter_log_and_a_witness_notices() {
    let wreck = wreck();
    let size = wreck.size("journal.db-wal");
    let mut outcomes: Vec<Outcome> = places(size, 120)
        .into_iter()
        .map(|place| wreck.trial("journal.db-wal", |bytes| bytes[place] ^= 0x41))
        .collect();
    outcomes.extend(
        places(size, 40)
            .into_iter()
            .map(|cut| wreck.trial("journal.db-wal", |bytes| bytes.truncate(cut))),
    );
    for outcome in &outcomes {
        match outcome {
            // The snapshot of 400 knows better than a log that ends before.
            Outcome::WholeUpTo(head) => assert!((400..=500).contains(head), "{head} is too short"),
            Outcome::Behind => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(count(&outcomes, |outcome| *outcome == Outcome::Behind) > 20);
    let shorter = |outcome: &Outcome| matches!(outcome, Outcome::WholeUpTo(head) if *head < 500);
    assert!(count(&outcomes, shorter) > 20, "a shorter log that nothing knows of is opened");
}

#[test]
fn a_wal_damaged_in_frames_already_moved_never_gives_a_wrong_log() {
    let wreck = wreck_with_moved_frames();
    assert_eq!(wreck.trial("journal.db-wal", |_| {}), Outcome::WholeUpTo(500));
    let size = wreck.size("journal.db-wal");
    let mut noticed = 0;
    for place in places(size, 100) {
        match wreck.trial("journal.db-wal", |bytes| bytes[place] ^= 0x41) {
            Outcome::WholeUpTo(head) => assert!((300..=500).contains(&head), "{head}"),
            Outcome::Behind | Outcome::Damaged => noticed += 1,
            Outcome::Other => panic!("flipped at {place}"),
        }
    }
    assert!(noticed > 30, "{noticed}");
}

#[test]
fn a_flipped_byte_in_the_snapshots_or_high_seq_is_refused_or_harmless() {
    let wreck = wreck();
    let mut outcomes = Vec::new();
    for name in ["snapshots.db", "snapshots.db-wal", "high.seq"] {
        let size = wreck.size(name);
        outcomes.extend(places(size, 40).into_iter().map(|place| {
            let outcome = wreck.trial(name, |bytes| bytes[place] ^= 0x41);
            // Only the log's own files may change where the log ends.
            assert!(!matches!(outcome, Outcome::WholeUpTo(head) if head != 500), "{outcome:?}");
            outcome
        }));
    }
    assert!(count(&outcomes, |outcome| *outcome == Outcome::Damaged) > 10);
}

#[test]
fn a_refused_start_leaves_the_wal_as_it_was_and_accepted_loss_goes_on() {
    let wreck = wreck();
    let dir = wreck.folder.path();
    let wal: PathBuf = dir.join("journal.db-wal");
    let mut bytes = std::fs::read(&wal).expect("read");
    bytes.truncate(bytes.len() / 8);
    std::fs::write(&wal, &bytes).expect("written");
    let Err(error) = open_with(dir, &quick()) else { panic!("opened") };
    let text = error.to_string();
    assert!(text.contains("a snapshot knows record 400"), "{text}");
    assert!(text.contains("--journal-accept-loss"), "{text}");
    assert_eq!(std::fs::read(&wal).expect("read"), bytes, "the evidence was touched");
    assert!(!verify(dir).expect("verified").is_sound());

    let accept = Options { accept_loss: true, ..quick() };
    let epoch = {
        let mut journal = open_with(dir, &accept).expect("opened");
        let head = journal.head(StreamId(0));
        assert!((300..400).contains(&head), "{head}");
        check_world(&*journal).expect("whole up to there");
        let listed = journal.reader().expect("a reader").snapshots(StreamId(0)).expect("listed");
        assert_eq!(listed.iter().map(|at| at.seq).collect::<Vec<_>>(), [150]);
        write_world(&mut *journal, head + 1, head + 1);
        journal.epoch().to_owned()
    };
    let journal = open_with(dir, &accept).expect("opened again");
    assert_eq!(journal.epoch(), epoch, "nothing was lost this time");
    drop(journal);
    assert!(open_with(dir, &quick()).is_ok(), "the loss is accepted once and for all");
    assert!(verify(dir).expect("verified").is_sound());
}

#[test]
fn a_log_that_vanished_is_noticed() {
    let dir = tempfile::tempdir().expect("a folder");
    closed_journal(dir.path(), StreamId(7), 20);
    std::fs::remove_file(dir.path().join("journal.db")).expect("removed");
    let Err(error) = open_with(dir.path(), &quick()) else { panic!("opened") };
    let behind = matches!(
        error,
        Error::Behind { stream: StreamId(7), log: 0, known: 20, witness: "high.seq" }
    );
    assert!(behind, "{error}");
}

#[test]
fn a_trimmed_log_without_its_snapshots_is_refused_whatever_is_accepted() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut journal = open_with(dir.path(), &quick()).expect("opened");
    write_world(&mut *journal, 1, 50);
    for seq in [20, 40] {
        write_snapshots(&*journal, seq);
    }
    journal.trim(StreamId(7), 10).expect("trimmed");
    journal.close().expect("closed");
    let snapshots = dir.path().join("snapshots.db");
    std::fs::rename(&snapshots, dir.path().join("aside")).expect("moved");
    for accept_loss in [false, true] {
        let options = Options { accept_loss, ..quick() };
        let Err(error) = open_with(dir.path(), &options) else { panic!("opened") };
        assert!(error.to_string().contains("no snapshot replaces them (stream 7)"), "{error}");
    }
    std::fs::rename(dir.path().join("aside"), &snapshots).expect("moved back");
    check_world(&*open_with(dir.path(), &quick()).expect("opened")).expect("whole");
}

#[test]
fn an_old_record_is_found_damaged_by_verify_in_a_log_too_large_for_the_start() {
    let dir = tempfile::tempdir().expect("a folder");
    closed_journal(dir.path(), StreamId(7), 500);
    let path = dir.path().join("journal.db");
    let mut bytes = std::fs::read(&path).expect("read");
    let needle = b"record 123 of 7";
    let place = bytes.windows(needle.len()).position(|window| window == needle).expect("found");
    bytes[place + 8] = b'X';
    std::fs::write(&path, bytes).expect("written");

    let Err(error) = open_with(dir.path(), &quick()) else { panic!("opened") };
    assert!(error.to_string().contains("record 123 of stream 7"), "{error}");
    let large = Options { check_up_to: 0, ..quick() };
    let journal = open_with(dir.path(), &large).expect("opened unread");
    let mut records = Vec::new();
    let read = journal.reader().expect("a reader").read(StreamId(7), 100, 100, &mut records);
    assert!(matches!(read, Err(Error::Damaged { .. })));
    let report = verify(dir.path()).expect("verified");
    assert_eq!(report.problems.len(), 1, "{report}");
    assert!(report.to_string().contains("wrong checksum (record 123 of stream 7)"), "{report}");
    assert_eq!(report.streams[0].records, 499);
}
