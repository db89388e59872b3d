//! What every [`Journal`] does alike: one suite, run for SQLite and for the twin in memory.
//!
//! Each case gets `open`, which opens one and the same journal, at first a new one. The case drops
//! or closes what it has open before it opens again. A case that fails panics.

use super::retention::trim_before;
use super::{
    Entry, Error, Journal, MAX_SEQ, MAX_STREAM, Reader, Record, SnapshotAt, StreamId, VaultWrite,
};
use crate::domain::time::Millis;
use bytes::Bytes;

/// Opens the case's journal.
pub type Open<'a> = &'a mut dyn FnMut() -> Box<dyn Journal>;

/// A case: its name, and what runs it.
pub type Case = (&'static str, fn(Open<'_>));

/// The suite.
pub const ALL: &[Case] = &[
    ("what was appended is read in order", appended_is_read),
    ("what was appended is there after a reopen", reopened),
    ("a record that does not follow is refused whole", refused),
    ("a batch spans streams", spans_streams),
    ("empty entries write nothing", empty_entries),
    ("values are kept, replaced and erased", vault),
    ("a reader works beside the writer", reader_beside_writer),
    ("the newest two snapshots are kept", snapshots),
    ("a trim keeps what two snapshots need", trim_is_bounded),
    ("a trim takes old values and notes the oldest record", trim_takes_values),
    ("retention goes by age", retention),
    ("the epoch stays, checkpoints change nothing", epoch_stays),
];

const A: StreamId = StreamId(3);
const B: StreamId = StreamId(MAX_STREAM);

/// A record of `stream`, whose body says which it is; its time is 10 ms per sequence.
#[must_use]
pub fn record(stream: StreamId, seq: u64) -> Record {
    let at = Millis(1_000 + 10 * i64::try_from(seq).unwrap_or(i64::MAX));
    Record { stream, seq, at, body: Bytes::from(format!("record {seq} of {stream}")) }
}

/// An entry with [`record`] and nothing else.
#[must_use]
pub fn entry(stream: StreamId, seq: u64) -> Entry {
    Entry { record: Some(record(stream, seq)), vault: Vec::new() }
}

/// Appends records `from` to `to` of `stream`, a hundred to a batch.
///
/// # Panics
/// When an append fails.
pub fn fill(journal: &mut dyn Journal, stream: StreamId, from: u64, to: u64) {
    let entries: Vec<Entry> = (from..=to).map(|seq| entry(stream, seq)).collect();
    for batch in entries.chunks(100) {
        journal.append(&batch.iter().collect::<Vec<_>>()).expect("appended");
    }
}

fn read_all(reader: &mut dyn Reader, stream: StreamId, after: u64) -> Vec<Record> {
    let mut records = Vec::new();
    reader.read(stream, after, usize::MAX, &mut records).expect("read");
    records
}

fn expected(stream: StreamId, from: u64, to: u64) -> Vec<Record> {
    (from..=to).map(|seq| record(stream, seq)).collect()
}

fn appended_is_read(open: Open<'_>) {
    let mut journal = open();
    assert_eq!((journal.head(A), journal.streams()), (0, vec![]));
    let mut reader = journal.reader().expect("a reader");
    assert_eq!((reader.head(A).expect("head"), reader.oldest(A).expect("oldest")), (0, 1));
    fill(&mut *journal, A, 1, 250);
    assert_eq!(journal.head(A), 250);
    assert_eq!(read_all(&mut *reader, A, 0), expected(A, 1, 250));

    let mut some = Vec::new();
    assert_eq!(reader.read(A, 10, 5, &mut some).expect("read"), 5);
    assert_eq!(reader.read(A, 249, 5, &mut some).expect("read"), 1);
    assert_eq!(reader.read(A, 250, 5, &mut some).expect("read"), 0);
    assert_eq!(reader.read(A, 0, 0, &mut some).expect("read"), 0);
    let seqs: Vec<u64> = some.iter().map(|record| record.seq).collect();
    assert_eq!(seqs, [11, 12, 13, 14, 15, 250]);
    assert_eq!(reader.head(A).expect("head"), 250);
    assert_eq!(reader.streams().expect("streams"), [A]);
}

fn reopened(open: Open<'_>) {
    let mut journal = open();
    fill(&mut *journal, A, 1, 3);
    journal.close().expect("closed");
    let mut journal = open();
    fill(&mut *journal, A, 4, 5);
    drop(journal);
    let mut journal = open();
    assert_eq!((journal.head(A), journal.streams()), (5, vec![A]));
    fill(&mut *journal, A, 6, 6);
    let mut reader = journal.reader().expect("a reader");
    assert_eq!(read_all(&mut *reader, A, 0), expected(A, 1, 6));
}

fn refused(open: Open<'_>) {
    let mut journal = open();
    fill(&mut *journal, A, 1, 2);
    let refuse = |journal: &mut dyn Journal, entries: &[Entry]| {
        let error = journal.append(&entries.iter().collect::<Vec<_>>()).expect_err("refused");
        assert!(error.is_refusal(), "{error}");
        error
    };
    for seq in [0, 1, 2, 4] {
        let error = refuse(&mut *journal, &[entry(A, seq)]);
        assert!(
            matches!(error, Error::Sequence { stream: A, expected: 3, found } if found == seq),
            "{error}"
        );
    }
    // The third entry is wrong: the first two are not written either.
    let error = refuse(&mut *journal, &[entry(A, 3), entry(B, 1), entry(A, 3)]);
    assert!(matches!(error, Error::Sequence { expected: 4, found: 3, .. }), "{error}");
    let mut late = entry(A, 3);
    if let Some(record) = &mut late.record {
        record.at = Millis(0);
    }
    assert!(matches!(refuse(&mut *journal, &[late]), Error::Time { stream: A, seq: 3 }));
    let beyond = entry(StreamId(MAX_STREAM + 1), 1);
    assert!(matches!(refuse(&mut *journal, &[beyond]), Error::Range { what: "stream", .. }));
    let key = Entry { record: None, vault: vec![value(A, u64::MAX, 1, true, Some("x"))] };
    assert!(matches!(refuse(&mut *journal, &[key]), Error::Range { what: "vault key", .. }));
    let seq = Entry { record: None, vault: vec![value(A, 1, MAX_SEQ + 1, true, Some("x"))] };
    assert!(matches!(refuse(&mut *journal, &[seq]), Error::Range { what: "sequence", .. }));

    fill(&mut *journal, A, 3, 3);
    let mut reader = journal.reader().expect("a reader");
    assert_eq!(read_all(&mut *reader, A, 0), expected(A, 1, 3));
    assert_eq!((journal.streams(), reader.head(B).expect("head")), (vec![A], 0));
}

fn spans_streams(open: Open<'_>) {
    let mut journal = open();
    let batch = [entry(B, 1), entry(StreamId::NODE, 1), entry(A, 1), entry(B, 2)];
    journal.append(&batch.iter().collect::<Vec<_>>()).expect("appended");
    drop(journal);
    let journal = open();
    assert_eq!(journal.streams(), [StreamId::NODE, A, B]);
    let heads = [StreamId::NODE, A, B, StreamId(4)].map(|stream| journal.head(stream));
    assert_eq!(heads, [1, 1, 2, 0]);
    let mut reader = journal.reader().expect("a reader");
    assert_eq!(reader.streams().expect("streams"), [StreamId::NODE, A, B]);
    assert_eq!(read_all(&mut *reader, B, 0), expected(B, 1, 2));
    assert_eq!(read_all(&mut *reader, StreamId::NODE, 0), expected(StreamId::NODE, 1, 1));
}

fn empty_entries(open: Open<'_>) {
    let mut journal = open();
    let nothing = Entry::default();
    journal.append(&[]).expect("nothing");
    journal.append(&[&nothing, &nothing]).expect("nothing");
    journal.append(&[&nothing, &entry(A, 1), &nothing]).expect("one record");
    assert_eq!((journal.head(A), journal.streams()), (1, vec![A]));
}

fn value(stream: StreamId, key: u64, seq: u64, lasting: bool, text: Option<&str>) -> VaultWrite {
    VaultWrite { stream, key, seq, lasting, value: text.map(str::to_owned) }
}

fn values(reader: &mut dyn Reader, stream: StreamId) -> Vec<(u64, String)> {
    let mut all = Vec::new();
    reader.vault_all(stream, &mut |key, value| all.push((key, value))).expect("read");
    all
}

fn vault(open: Open<'_>) {
    let mut journal = open();
    let first = Entry {
        record: Some(record(A, 1)),
        vault: vec![
            value(A, 9, 1, true, Some("Zoë")),
            value(A, 2, 1, false, Some("+49 170 1")),
            value(A, 5, 1, true, Some("gone")),
            value(B, 9, 1, true, Some("another account's")),
        ],
    };
    let second = Entry {
        record: None,
        vault: vec![
            value(A, 5, 1, true, None),
            value(A, 9, 1, true, Some("")),
            value(A, 7, 1, true, None),
        ],
    };
    journal.append(&[&first]).expect("appended");
    let mut reader = journal.reader().expect("a reader");
    assert_eq!(reader.vault(A, 5).expect("read").as_deref(), Some("gone"));
    journal.append(&[&second]).expect("appended");
    drop(reader);
    drop(journal);

    let journal = open();
    let mut reader = journal.reader().expect("a reader");
    assert_eq!(values(&mut *reader, A), [(2, "+49 170 1".to_owned()), (9, String::new())]);
    assert_eq!(reader.vault(A, 5).expect("read"), None);
    assert_eq!(reader.vault(A, 9).expect("read").as_deref(), Some(""));
    assert_eq!(reader.vault(B, 9).expect("read").as_deref(), Some("another account's"));
    // The record stays as it was.
    assert_eq!(read_all(&mut *reader, A, 0), expected(A, 1, 1));
}

fn reader_beside_writer(open: Open<'_>) {
    let mut journal = open();
    let mut reader = journal.reader().expect("a reader");
    let follower = std::thread::spawn(move || {
        let mut records = Vec::new();
        while records.len() < 2_000 {
            let after = records.len() as u64;
            if reader.read(A, after, 64, &mut records).expect("read") == 0 {
                std::thread::yield_now();
            } else {
                let last = records.last().map_or(0, |record: &Record| record.seq);
                let at = Millis(0);
                reader.put_snapshot(A, last, at, &last.to_le_bytes()).expect("stored");
            }
        }
        records
    });
    fill(&mut *journal, A, 1, 2_000);
    let records = follower.join().expect("the follower");
    assert_eq!(records, expected(A, 1, 2_000));
    let newest = journal.reader().expect("a reader").snapshots(A).expect("listed")[0].seq;
    assert_eq!(newest, 2_000);
}

fn snapshots(open: Open<'_>) {
    let mut journal = open();
    let mut reader = journal.reader().expect("a reader");
    fill(&mut *journal, A, 1, 40);
    assert_eq!(reader.snapshots(A).expect("listed"), []);
    assert!(matches!(reader.snapshot(A, 1), Err(Error::NoSnapshot { stream: A, seq: 1 })));
    let beyond = reader.put_snapshot(A, 41, Millis(1), b"x");
    assert!(matches!(beyond, Err(Error::Sequence { expected: 40, found: 41, .. })));
    for seq in [10, 20, 30] {
        let body = vec![7; 10_000 * usize::try_from(seq).expect("small")];
        reader.put_snapshot(A, seq, Millis(5), &body).expect("stored");
    }
    reader.put_snapshot(A, 30, Millis(6), b"again").expect("replaced");
    drop(reader);
    drop(journal);
    let journal = open();
    let mut reader = journal.reader().expect("a reader");
    let listed = [SnapshotAt { seq: 30, at: Millis(6) }, SnapshotAt { seq: 20, at: Millis(5) }];
    assert_eq!(reader.snapshots(A).expect("listed"), listed);
    assert_eq!(&reader.snapshot(A, 30).expect("read")[..], b"again");
    assert_eq!(reader.snapshot(A, 20).expect("read"), vec![7; 200_000]);
    assert!(matches!(reader.snapshot(A, 10), Err(Error::NoSnapshot { .. })));
    assert_eq!(reader.snapshots(B).expect("listed"), []);
}

/// Trims until it is done; returns the oldest record kept.
fn trim(journal: &mut dyn Journal, stream: StreamId, before: u64) -> u64 {
    for _ in 0..1_000 {
        let trimmed = journal.trim(stream, before).expect("trimmed");
        if !trimmed.more {
            return trimmed.oldest;
        }
    }
    panic!("a trim that never ends");
}

fn trim_is_bounded(open: Open<'_>) {
    let mut journal = open();
    fill(&mut *journal, A, 1, 9_000);
    fill(&mut *journal, B, 1, 10);
    let mut reader = journal.reader().expect("a reader");
    assert_eq!(trim(&mut *journal, A, 8_000), 1, "without snapshots nothing goes");
    reader.put_snapshot(A, 8_500, Millis(1), b"one").expect("stored");
    assert_eq!(trim(&mut *journal, A, 8_000), 1, "with one snapshot nothing goes");
    reader.put_snapshot(A, 9_000, Millis(1), b"two").expect("stored");
    assert_eq!(trim(&mut *journal, A, 100), 100);
    let first = journal.trim(A, u64::MAX).expect("trimmed");
    assert!(first.more && first.oldest < 8_501, "one call removes a bounded number: {first:?}");
    assert_eq!(trim(&mut *journal, A, u64::MAX), 8_501, "the older snapshot's successor stays");
    assert_eq!(trim(&mut *journal, A, 50), 8_501, "nothing comes back");
    reader.put_snapshot(A, 9_000, Millis(1), b"two").expect("stored");
    assert_eq!(trim(&mut *journal, StreamId(77), 50), 1, "an unknown stream has nothing to trim");

    let too_old = reader.read(A, 8_499, 10, &mut Vec::new());
    assert!(matches!(too_old, Err(Error::Trimmed { stream: A, oldest: 8_501 })));
    assert_eq!(read_all(&mut *reader, A, 8_500), expected(A, 8_501, 9_000));
    assert_eq!(read_all(&mut *reader, B, 0), expected(B, 1, 10));
}

fn trim_takes_values(open: Open<'_>) {
    let mut journal = open();
    let with_values = Entry {
        record: Some(record(A, 1)),
        vault: vec![
            value(A, 1, 1, false, Some("a call's")),
            value(A, 2, 1, true, Some("a person's")),
            value(A, 3, 1, false, Some("written again later")),
            value(B, 1, 1, false, Some("another stream's")),
        ],
    };
    journal.append(&[&with_values]).expect("appended");
    fill(&mut *journal, A, 2, 9);
    let later = Entry {
        record: Some(record(A, 10)),
        vault: vec![value(A, 3, 10, false, Some("later")), value(A, 4, 10, false, Some("new"))],
    };
    journal.append(&[&later]).expect("appended");
    let mut reader = journal.reader().expect("a reader");
    for seq in [9, 10] {
        reader.put_snapshot(A, seq, Millis(1), b"state").expect("stored");
    }
    assert_eq!(trim(&mut *journal, A, u64::MAX), 10);
    drop(reader);
    drop(journal);

    let mut journal = open();
    let mut reader = journal.reader().expect("a reader");
    let left: Vec<u64> = values(&mut *reader, A).into_iter().map(|(key, _)| key).collect();
    assert_eq!(left, [2, 3, 4]);
    assert_eq!(values(&mut *reader, B).len(), 1);
    assert_eq!((reader.oldest(A).expect("oldest"), journal.head(A)), (10, 10));
    // The last record always stays: it is the stream's head.
    assert_eq!(trim(&mut *journal, A, u64::MAX), 10);
    fill(&mut *journal, A, 11, 12);
    assert_eq!(read_all(&mut *reader, A, 9), expected(A, 10, 12));
}

fn retention(open: Open<'_>) {
    let mut journal = open();
    fill(&mut *journal, A, 1, 100); // decided at 1,010 … 2,000
    let mut reader = journal.reader().expect("a reader");
    let since = |reader: &mut dyn Reader, at| reader.first_since(A, Millis(at)).expect("found");
    let found = [0, 1_010, 1_011, 1_995, 2_000, 2_001].map(|at| since(&mut *reader, at));
    assert_eq!(found, [1, 1, 2, 100, 100, 101]);
    assert_eq!(reader.first_since(B, Millis(5)).expect("found"), 1);

    let before = |reader: &mut dyn Reader, keep_ms, now| {
        trim_before(reader, A, keep_ms, Millis(now)).expect("computed")
    };
    assert_eq!(before(&mut *reader, 500, 2_000), None, "no snapshots, nothing goes");
    for seq in [80, 95] {
        reader.put_snapshot(A, seq, Millis(1), b"state").expect("stored");
    }
    assert_eq!(before(&mut *reader, 500, 2_000), Some(50), "by age");
    assert_eq!(before(&mut *reader, 10, 2_000), Some(81), "not beyond the second snapshot");
    assert_eq!(before(&mut *reader, u64::MAX, 2_000), None, "kept for ever");
    assert_eq!(trim(&mut *journal, A, 50), 50);
    assert_eq!(before(&mut *reader, 500, 2_000), None, "done");
    assert_eq!(since(&mut *reader, 0), 50);
}

fn epoch_stays(open: Open<'_>) {
    let mut journal = open();
    let epoch = journal.epoch().to_owned();
    assert!(!epoch.is_empty());
    journal.checkpoint().expect("of nothing");
    fill(&mut *journal, A, 1, 500);
    journal.checkpoint().expect("of something");
    fill(&mut *journal, A, 501, 510);
    journal.close().expect("closed");
    let mut journal = open();
    assert_eq!(journal.epoch(), epoch);
    journal.checkpoint().expect("at once");
    let mut reader = journal.reader().expect("a reader");
    assert_eq!(read_all(&mut *reader, A, 0), expected(A, 1, 510));
}
