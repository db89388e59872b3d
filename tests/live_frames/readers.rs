//! Slow readers, leavers and crowds.

use crate::floor::{Floor, agent, agents, queue, queues, text};
use callboard::live::slot::{Close, Parcel};
use callboard::live::{Filter, View};

fn seqs(text: &str) -> (u64, u64) {
    let frame: serde_json::Value = serde_json::from_str(text).unwrap();
    (frame["prev"].as_u64().unwrap(), frame["seq"].as_u64().unwrap())
}

#[test]
fn a_slow_reader_gets_what_it_missed_in_one_delta() {
    let mut floor = Floor::new();
    let fast = floor.reader(0, View::all());
    let slow = floor.reader(0, View::all());
    fast.text();
    slow.begin();
    for waiting in 1..=5 {
        floor.now(u64::from(waiting), &queues(&[queue("sales", waiting)]));
        assert_eq!(seqs(&fast.text()), (u64::from(waiting) - 1, u64::from(waiting)));
        assert!(slow.begin().is_none());
    }
    slow.end();
    floor.flush(6);
    let text = slow.text();
    assert_eq!(seqs(&text), (0, 5));
    assert_eq!(text.matches(r#""id":"sales""#).count(), 1);
    assert!(text.contains(r#""waiting":5"#));
    assert_eq!(fast.text(), "-", "the others hear nothing of it");
    // In step again, and sharing.
    floor.now(7, &queues(&[queue("sales", 7)]));
    let frames = [fast.frame().unwrap(), slow.frame().unwrap()];
    assert!(frames[0].is_same(&frames[1]));
}

#[test]
fn a_reader_holds_one_frame_however_long_it_sleeps() {
    let mut floor = Floor::new();
    let reader = floor.reader(0, View::all());
    reader.begin();
    for i in 0..1_000 {
        floor.now(i, &agents(&[agent(&format!("usr_{}", i % 7), &["sales"])]));
        assert!(reader.begin().is_none());
    }
    reader.end();
    floor.flush(1_001);
    assert_eq!(seqs(&reader.text()), (0, 1_000));
    assert_eq!(reader.text(), "-");
}

#[test]
fn a_slow_reader_keeps_its_rate_when_it_is_back() {
    let mut floor = Floor::new();
    let view = View { every_ms: 250, ..View::all() };
    let reader = floor.reader(0, view.clone());
    let other = floor.reader(0, view);
    other.text();
    reader.begin();
    floor.now(10, &queues(&[queue("sales", 1)]));
    assert!(other.frame().is_some());
    reader.end();
    floor.flush(20);
    assert_eq!(reader.text(), "-", "the view's next delta is due at 260");
    floor.flush(260);
    assert_eq!(seqs(&reader.text()), (0, 1));
}

#[test]
fn a_frame_not_taken_before_a_new_subscription_is_replaced() {
    let mut floor = Floor::new();
    floor.now(0, &queues(&[queue("sales", 1), queue("support", 1)]));
    let reader = floor.reader(0, View::all());
    let narrow = View { queues: Filter::ids(["sales"]), ..View::all() };
    floor.subscribe(5, &reader, narrow.clone(), None);
    let text = reader.text();
    assert!(text.contains("snapshot") && text.contains("sales") && !text.contains("support"));
    // While a frame is being sent the answer waits, whatever the rate.
    floor.now(10, &queues(&[queue("sales", 2)]));
    reader.begin().unwrap();
    floor.subscribe(15, &reader, View { every_ms: 5_000, ..narrow }, None);
    assert!(reader.begin().is_none());
    reader.end();
    floor.flush(20);
    assert!(reader.text().contains("snapshot"));
}

#[test]
fn who_leaves_is_forgotten_and_wakes_nobody() {
    let mut floor = Floor::new();
    let reader = floor.reader(0, View::all());
    assert_eq!((floor.hub.readers("acme"), floor.handle.connections()), (1, 1));
    assert_eq!(floor.flush(0), Some(1_000));
    drop(reader);
    assert_eq!(floor.handle.connections(), 0);
    assert_eq!(floor.flush(1_000), None);
    assert_eq!(floor.hub.readers("acme"), 0);
}

#[test]
fn a_crowd_shares_one_large_snapshot() {
    let mut floor = Floor::new();
    let rows: Vec<_> = (0..300).map(|i| agent(&format!("usr_{i}"), &["sales"])).collect();
    floor.now(0, &agents(&rows));
    let first = floor.reader(10, View::all());
    // Something changes, and more come: they share the next snapshot, 100 ms after the first.
    floor.now(20, &queues(&[queue("sales", 1)]));
    let crowd = [floor.reader(30, View::all()), floor.reader(40, View::all())];
    assert!(crowd.iter().all(|reader| reader.begin().is_none()));
    assert_eq!(floor.flush(50), Some(110));
    floor.flush(110);
    let frames = crowd.each_ref().map(|reader| reader.frame().unwrap());
    assert!(frames[0].is_same(&frames[1]) && frames[0].seq() == 2);
    assert_eq!(first.frame().unwrap().seq(), 1);
    floor.flush(111);
    assert_eq!(seqs(&first.text()), (1, 2));
}

#[test]
fn a_close_comes_before_any_frame_and_for_those_meant() {
    let mut floor = Floor::new();
    let key = callboard::domain::ids::KeyId(7);
    let viewer =
        callboard::live::Viewer { key: Some(key), ..callboard::live::Viewer::of_all("acme") };
    let meant = crate::floor::Reader { connection: floor.handle.connect(viewer) };
    floor.subscribe(0, &meant, View::all(), None);
    let other = floor.reader(0, View::all());
    assert_eq!(floor.handle.close_key(key), 1);
    let close = |reader: &crate::floor::Reader| match reader.connection.slot().take() {
        Some(Parcel::Close(close)) => close,
        parcel => panic!("{parcel:?}"),
    };
    assert_eq!(close(&meant).code, 4401);
    assert!(text(&other.frame().unwrap()).contains("snapshot"));
    floor.handle.go_away(500, 2_000);
    let Close { code, retry_after_ms, .. } = close(&other);
    assert_eq!(code, 1001);
    assert!((500..=2_500).contains(&retry_after_ms.unwrap()));
    assert_eq!(close(&meant).code, 4401, "the first wish counts");
}

#[test]
fn a_late_word_that_a_reader_is_ready_does_not_cost_a_frame() {
    let mut floor = Floor::new();
    let reader = floor.reader(0, View::all());
    reader.begin();
    floor.now(1, &queues(&[queue("sales", 1)]));
    // It is ready, and says so; before the hub hears it, the next change is in the slot.
    reader.end();
    floor.record(2, &queues(&[queue("sales", 2)]));
    floor.hub.flush(crate::floor::at(2));
    floor.record(3, &queues(&[queue("support", 3)]));
    floor.flush(3);
    assert_eq!(seqs(&reader.text()), (0, 2));
    floor.flush(4);
    assert_eq!(seqs(&reader.text()), (2, 3));
}

#[test]
fn readers_who_come_back_together_share_what_they_missed() {
    let mut floor = Floor::new();
    let readers = [floor.reader(0, View::all()), floor.reader(0, View::all())];
    readers.iter().for_each(|reader| drop(reader.begin()));
    floor.now(1, &queues(&[queue("sales", 1)]));
    floor.now(2, &queues(&[queue("sales", 2)]));
    readers.iter().for_each(|reader| reader.end());
    floor.flush(3);
    let frames = readers.each_ref().map(|reader| reader.frame().unwrap());
    assert!(frames[0].is_same(&frames[1]));
    assert_eq!(seqs(&text(&frames[0])), (0, 2));
}
