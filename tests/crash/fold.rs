//! The state folded from what is on disk against the live state, which a clean stop leaves as the
//! newest snapshot.

use callboard::engine::Engine;
use callboard::journal::sqlite::{Options, Sqlite};
use callboard::journal::{Journal, Reader, Record, StreamId};
use std::path::Path;

/// From the snapshot before and from the very beginning the fold is the live state, byte for byte.
pub fn check(data: &Path) {
    let options = Options { warm_bytes: 0, ..Options::default() };
    let journal = Sqlite::open(data, &options).expect("the journal");
    let account = StreamId(1);
    assert_eq!(journal.streams(), [StreamId::NODE, account]);
    let mut reader = journal.reader().expect("a reader");
    let snapshots = reader.snapshots(account).expect("snapshots");
    let [newest, before] = snapshots[..] else {
        panic!("{} snapshots: too few records for a test of them", snapshots.len());
    };
    assert_eq!(newest.seq, journal.head(account), "a clean stop leaves a snapshot of its end");
    let live = reader.snapshot(account, newest.seq).expect("the newest snapshot");
    let body = reader.snapshot(account, before.seq).expect("the snapshot before");
    let restored = Engine::restore("default", &body, &mut |_| None).expect("a snapshot");
    for (engine, from) in [(restored, before.seq), (Engine::new("default", 1), 0)] {
        let folded = fold(&mut *reader, account, engine, from);
        assert_eq!(folded.seq(), newest.seq);
        let same = folded.snapshot() == live;
        assert!(same, "the fold from {from} differs from the live state at {}", newest.seq);
        assert_eq!(folded.invariants(), Vec::<String>::new());
    }
    drop(reader);
    Box::new(journal).close().expect("closed");
}

fn fold(reader: &mut dyn Reader, stream: StreamId, mut engine: Engine, from: u64) -> Engine {
    let mut records: Vec<Record> = Vec::new();
    reader.read(stream, from, usize::MAX, &mut records).expect("records");
    for record in &records {
        engine.replay(record.seq, record.at, &record.body).expect("a record of this version");
    }
    engine.ready(&mut |_| None);
    engine
}
