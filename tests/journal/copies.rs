//! Backups: beside a writer, of a stopped folder, and back.

use crate::common::{check_world, copy_folder, open_with, quick, write_snapshots, write_world};
use callboard::journal::backup::{backup, restore};
use callboard::journal::verify::verify;
use callboard::journal::{Error, StreamId};
use std::sync::atomic::{AtomicBool, Ordering};

const A: StreamId = StreamId(7);

#[test]
fn a_copy_taken_while_the_log_is_written_is_whole_and_begins_a_new_epoch() {
    let dir = tempfile::tempdir().expect("a folder");
    let copies = tempfile::tempdir().expect("a folder");
    let mut journal = open_with(dir.path(), &quick()).expect("opened");
    write_world(&mut *journal, 1, 50);
    for seq in [25, 50] {
        write_snapshots(&*journal, seq);
    }
    let stop = AtomicBool::new(false);
    let stop = &stop;
    let (journal, files) = std::thread::scope(|scope| {
        let writer = scope.spawn(move || {
            let mut seq = 50;
            while !stop.load(Ordering::Relaxed) {
                write_world(&mut *journal, seq + 1, seq + 20);
                seq += 20;
                write_snapshots(&*journal, seq);
                journal.trim(A, seq).expect("trimmed");
            }
            journal
        });
        let files: Vec<_> = (0..4)
            .map(|n| {
                let file = copies.path().join(format!("{n}.backup"));
                backup(dir.path(), &file).expect("copied");
                file
            })
            .collect();
        stop.store(true, Ordering::Relaxed);
        (writer.join().expect("the writer"), files)
    });

    let left: Vec<_> = std::fs::read_dir(copies.path()).expect("listed").collect();
    assert_eq!(left.len(), files.len(), "nothing but the copies is left");
    for file in &files {
        let report = verify(file).expect("verified");
        assert!(report.is_sound(), "{report}");
        let back = tempfile::tempdir().expect("a folder");
        restore(file, back.path()).expect("restored");
        let restored = open_with(back.path(), &quick()).expect("opened");
        assert_ne!(restored.epoch(), journal.epoch());
        check_world(&*restored).expect("whole");
        assert_eq!(restored.head(A), report.streams[1].head);
        assert!(!report.streams[1].snapshots.is_empty());
        let epoch = restored.epoch().to_owned();
        restored.close().expect("closed");
        let again = open_with(back.path(), &quick()).expect("opened again");
        assert_eq!(again.epoch(), epoch, "a new epoch once, not at every start");
        check_world(&*again).expect("whole");
    }
    check_world(&*journal).expect("the original is as it was");
}

#[test]
fn a_folder_left_by_a_kill_can_be_copied() {
    let dir = tempfile::tempdir().expect("a folder");
    let killed = tempfile::tempdir().expect("a folder");
    let mut journal = open_with(dir.path(), &quick()).expect("opened");
    write_world(&mut *journal, 1, 60);
    write_snapshots(&*journal, 40);
    copy_folder(dir.path(), killed.path());
    let file = killed.path().join("copy");
    let copied = backup(killed.path(), &file).expect("copied");
    assert_eq!(copied.heads, [(StreamId(0), 60), (A, 60)]);
    assert_eq!(copied.bytes, std::fs::metadata(&file).expect("a file").len());
    assert!(matches!(backup(killed.path(), &file), Err(Error::Io { .. })), "never overwritten");
    assert!(matches!(restore(&file, killed.path()), Err(Error::Io { .. })), "a journal is there");
    let said = restore(&file, killed.path()).expect_err("a journal is there").to_string();
    assert!(said.ends_with("the folder holds a journal already; name an empty one"), "{said}");
    let nothing = tempfile::tempdir().expect("a folder");
    assert!(backup(nothing.path(), &nothing.path().join("copy")).is_err());
}

#[test]
fn what_is_made_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let open_to_others = |path: &std::path::Path| {
        std::fs::metadata(path).expect("there").permissions().mode() & 0o077
    };
    let dir = tempfile::tempdir().expect("a folder");
    let (data, file) = (dir.path().join("data"), dir.path().join("copy"));
    let mut journal = open_with(&data, &quick()).expect("opened");
    write_world(&mut *journal, 1, 30);
    write_snapshots(&*journal, 20);
    backup(&data, &file).expect("copied");
    let again = dir.path().join("again");
    restore(&file, &again).expect("restored");
    for path in [&data, &file, &again] {
        assert_eq!(open_to_others(path), 0, "{}", path.display());
    }
}

#[test]
fn a_copy_put_in_place_by_hand_takes_over_the_folder() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("copy");
    let mut journal = open_with(dir.path(), &quick()).expect("opened");
    write_world(&mut *journal, 1, 30);
    write_snapshots(&*journal, 20);
    backup(dir.path(), &file).expect("copied");
    let epoch = journal.epoch().to_owned();
    write_world(&mut *journal, 31, 90);
    write_snapshots(&*journal, 90);
    journal.close().expect("closed");
    // The later snapshots and high.seq are of the history that was given up.
    std::fs::rename(&file, dir.path().join("journal.db")).expect("moved");
    let mut journal = open_with(dir.path(), &quick()).expect("opened");
    assert_ne!(journal.epoch(), epoch);
    assert_eq!(journal.head(A), 30);
    check_world(&*journal).expect("whole");
    write_world(&mut *journal, 31, 32);
    journal.close().expect("closed");
    assert!(verify(dir.path()).expect("verified").is_sound());
}

#[test]
fn a_report_says_what_it_found() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut journal = open_with(dir.path(), &quick()).expect("opened");
    write_world(&mut *journal, 1, 30);
    for seq in [20, 25] {
        write_snapshots(&*journal, seq);
    }
    journal.trim(A, 15).expect("trimmed");
    let text = verify(dir.path()).expect("verified").to_string();
    let epoch = journal.epoch();
    let wanted = format!(
        "format 1, epoch {epoch}\n\
         stream 0: 30 records (1 to 30), 1970-01-01T00:00:01.010Z to 1970-01-01T00:00:01.300Z, \
         snapshots at 25 and [20]\n\
         stream 7: 16 records (15 to 30), 1970-01-01T00:00:01.150Z to 1970-01-01T00:00:01.300Z, \
         snapshots at 25 and [20]\n\
         vault: 46 values\n\
         sound: every record, snapshot and value checks out"
    );
    assert_eq!(text, wanted);
    assert!(verify(&dir.path().join("nothing")).is_err());
}
