//! What the tests of the journal share.

use callboard::domain::time::Millis;
use callboard::journal::conformance::{fill, record};
use callboard::journal::sqlite::{Options, Sqlite};
use callboard::journal::{Entry, Error, Journal, Reader, Record, StreamId, VaultWrite};
use std::path::Path;

/// The two streams most tests write.
pub const STREAMS: [StreamId; 2] = [StreamId(0), StreamId(7)];

/// Opens the journal in `dir` as the server does.
pub fn open(dir: &Path) -> Result<Box<dyn Journal>, Error> {
    open_with(dir, &Options::default())
}

/// Opens it with options.
pub fn open_with(dir: &Path, options: &Options) -> Result<Box<dyn Journal>, Error> {
    Sqlite::open(dir, options).map(|journal| Box::new(journal) as Box<dyn Journal>)
}

/// Options for tests that open many journals: no writing of megabytes at the start.
pub fn quick() -> Options {
    Options { warm_bytes: 0, ..Options::default() }
}

/// Copies the files of a folder as they are: what `kill -9` would leave.
pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for file in std::fs::read_dir(from).expect("listed") {
        let path = file.expect("a file").path();
        // Shared memory is rebuilt after a crash of the machine.
        let name = path.file_name().expect("a name").to_owned();
        if !name.to_string_lossy().ends_with("-shm") && name != "lock" {
            std::fs::copy(&path, to.join(name)).expect("copied");
        }
    }
}

/// The value that [`write_world`] stores with record `seq`.
pub fn value_text(stream: StreamId, seq: u64) -> String {
    format!("caller {seq} of {stream}")
}

/// Writes records `from` to `to` of both streams, with a value each: ten of each stream to a commit.
pub fn write_world(journal: &mut dyn Journal, from: u64, to: u64) {
    let entries: Vec<Entry> =
        (from..=to).flat_map(|seq| STREAMS.map(|stream| world_entry(stream, seq))).collect();
    for batch in entries.chunks(20) {
        journal.append(&batch.iter().collect::<Vec<_>>()).expect("appended");
    }
}

fn world_entry(stream: StreamId, seq: u64) -> Entry {
    let value = Some(value_text(stream, seq));
    let vault = vec![VaultWrite { stream, key: seq, seq, lasting: false, value }];
    Entry { record: Some(record(stream, seq)), vault }
}

/// Stores the snapshot that [`check_world`] expects at `seq` of both streams.
pub fn write_snapshots(journal: &dyn Journal, seq: u64) {
    let mut reader = journal.reader().expect("a reader");
    for stream in STREAMS {
        let body = format!("state {seq} of {stream}").repeat(2_000);
        reader.put_snapshot(stream, seq, Millis(1), body.as_bytes()).expect("stored");
    }
}

/// Reads all that a journal has and fails the test when anything is wrong; `Err` when the journal
/// itself says that it is damaged.
pub fn check_world(journal: &dyn Journal) -> Result<(), Error> {
    let mut reader = journal.reader()?;
    for stream in STREAMS {
        let mut records: Vec<Record> = Vec::new();
        let oldest = reader.oldest(stream)?;
        reader.read(stream, oldest - 1, usize::MAX, &mut records)?;
        for (nth, found) in records.iter().enumerate() {
            assert_eq!(*found, record(stream, oldest + nth as u64), "a wrong record was read");
        }
        assert_eq!(oldest + records.len() as u64, journal.head(stream) + 1);
        check_values(&mut *reader, stream)?;
        check_snapshots(&mut *reader, stream)?;
    }
    Ok(())
}

fn check_values(reader: &mut dyn Reader, stream: StreamId) -> Result<(), Error> {
    let mut keys = Vec::new();
    reader.vault_all(stream, &mut |key, value| {
        assert_eq!(value, value_text(stream, key), "a wrong value was read");
        keys.push(key);
    })?;
    assert!(keys.is_sorted());
    Ok(())
}

fn check_snapshots(reader: &mut dyn Reader, stream: StreamId) -> Result<(), Error> {
    for listed in reader.snapshots(stream)? {
        let body = reader.snapshot(stream, listed.seq)?;
        let wanted = format!("state {} of {stream}", listed.seq).repeat(2_000);
        assert_eq!(body, wanted.as_bytes(), "a wrong snapshot was read");
    }
    Ok(())
}

/// A journal with records 1 to `to` of one stream, closed.
pub fn closed_journal(dir: &Path, stream: StreamId, to: u64) {
    let mut journal = open_with(dir, &quick()).expect("opened");
    fill(&mut *journal, stream, 1, to);
    journal.close().expect("closed");
}
