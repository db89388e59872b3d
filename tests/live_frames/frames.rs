//! The words of every frame.

use crate::floor::{Floor, agent, agents, at, call, call_id, calls, queue, queues, resume, text};
use callboard::domain::ids::Name;
use callboard::domain::rows::Changes;
use callboard::live::frame::PART_BYTES;
use callboard::live::{AgentFilter, Filter, Scope, View};
use insta::assert_snapshot;

fn small_floor() -> Floor {
    let mut floor = Floor::new();
    floor.now(0, &queues(&[queue("support", 1), queue("sales", 0)]));
    floor.now(10, &agents(&[agent("usr_bob", &["sales"]), agent("usr_ann", &["support"])]));
    floor.now(20, &calls(&[call(0, Some("support"), &["usr_ann"])]));
    floor
}

#[test]
fn snapshot_delta_tick() {
    let mut floor = small_floor();
    let reader = floor.reader(30, View::all());
    assert_snapshot!("snapshot", reader.text());
    floor.now(40, &calls(&[call(0, Some("sales"), &[])]));
    assert_snapshot!("delta", reader.text());
    let removed = Changes {
        removed_queues: vec!["sales".into()],
        removed_agents: vec!["usr_bob".into()],
        removed_calls: vec![call_id(0)],
        ..Changes::default()
    };
    floor.now(50, &removed);
    assert_snapshot!("removed", reader.text());
    assert_eq!(floor.flush(1_049), Some(1_050));
    assert_eq!(reader.text(), "-");
    floor.flush(1_050);
    assert_snapshot!(reader.text(), @r#"{"type":"tick","seq":5,"at":"2026-11-21T20:00:01.050Z"}"#);
}

#[test]
fn an_empty_floor_has_a_snapshot_too() {
    let mut floor = Floor::new();
    let reader = floor.reader(0, View::all());
    assert_snapshot!(reader.text(), @r#"{"type":"snapshot","epoch":"epoch-1","seq":0,"at":"2026-11-21T20:00:00.000Z","part":1,"parts":1,"queues":[],"agents":[],"calls":[]}"#);
}

#[test]
fn a_large_snapshot_comes_in_parts() {
    let mut floor = Floor::new();
    let rows: Vec<_> = (0..600).map(|i| agent(&format!("usr_{i:03}"), &["a", "b", "c"])).collect();
    floor.now(0, &queues(&[queue("a", 0)]));
    floor.now(0, &agents(&rows));
    let reader = floor.reader(0, View::all());
    let texts = reader.text();
    let parts: Vec<serde_json::Value> =
        texts.lines().map(|text| serde_json::from_str(text).unwrap()).collect();
    assert!(parts.len() > 1);
    assert!(texts.lines().all(|text| text.len() <= PART_BYTES));
    let all =
        |kind: &str| parts.iter().map(|part| part[kind].as_array().unwrap().len()).sum::<usize>();
    assert_eq!((all("queues"), all("agents"), all("calls")), (1, 600, 0));
    for (i, part) in parts.iter().enumerate() {
        assert_eq!(
            (part["part"].as_u64(), part["parts"].as_u64()),
            (Some(i as u64 + 1), Some(parts.len() as u64))
        );
        assert_eq!((part["seq"].as_u64(), part["epoch"].as_str()), (Some(2), Some("epoch-1")));
    }
    let ids: Vec<&str> = parts
        .iter()
        .flat_map(|part| part["agents"].as_array().unwrap())
        .map(|row| row["id"].as_str().unwrap())
        .collect();
    assert!(ids.is_sorted());
}

#[test]
fn a_large_delta_is_cut_and_only_its_last_text_arrives_at_its_seq() {
    let mut floor = Floor::new();
    let reader = floor.reader(0, View::all());
    reader.text();
    let rows: Vec<_> =
        (0..600).map(|i| agent(&format!("usr_{i}"), &["sales", "support"])).collect();
    floor.now(10, &agents(&rows));
    let texts = reader.text();
    assert!(texts.lines().all(|text| text.len() <= PART_BYTES));
    let deltas: Vec<serde_json::Value> =
        texts.lines().map(|text| serde_json::from_str(text).unwrap()).collect();
    assert!(deltas.len() > 2);
    let steps: Vec<_> =
        deltas.iter().map(|delta| (delta["prev"].as_u64(), delta["seq"].as_u64())).collect();
    let (last, before) = steps.split_last().unwrap();
    assert!(before.iter().all(|step| *step == (Some(0), Some(0))), "{steps:?}");
    assert_eq!(*last, (Some(0), Some(1)));
    let count: usize = deltas.iter().map(|delta| delta["agents"].as_array().unwrap().len()).sum();
    assert_eq!(count, 600);
    // As every client takes it, ours among them.
    let mut board = callboard::sim::board::Board::default();
    let first = floor.reader(20, View { agents: AgentFilter::None, ..View::all() }).text();
    board.apply(&serde_json::from_str(&first.replace("\"seq\":1", "\"seq\":0")).unwrap()).unwrap();
    for delta in &deltas {
        board.apply(delta).expect("follows");
    }
    assert_eq!((board.seq, board.agents.len()), (1, 600));
}

#[test]
fn what_changed_twice_is_sent_once_with_its_last_state() {
    let mut floor = small_floor();
    let view = View { agents: AgentFilter::None, calls: false, every_ms: 100, ..View::all() };
    let reader = floor.reader(30, view);
    reader.text();
    // The first change after a quiet time goes out at once, then one delta per 100 ms.
    floor.now(40, &queues(&[queue("support", 2)]));
    assert!(reader.text().contains(r#""seq":4,"prev":3"#));
    floor.now(50, &queues(&[queue("support", 3)]));
    floor.now(60, &queues(&[queue("support", 4)]));
    assert_eq!(reader.text(), "-");
    assert_eq!(floor.flush(139), Some(140));
    assert_eq!(reader.text(), "-");
    floor.flush(140);
    assert_snapshot!("conflated", reader.text());
}

#[test]
fn ticks_between_slow_deltas_do_not_run_ahead_of_them() {
    let mut floor = small_floor();
    let reader = floor.reader(30, View { every_ms: 5_000, ..View::all() });
    reader.text();
    floor.now(40, &queues(&[queue("support", 2)]));
    assert!(reader.text().contains(r#""seq":4,"prev":3"#));
    floor.now(50, &queues(&[queue("support", 3)]));
    floor.flush(1_040);
    assert_snapshot!(reader.text(), @r#"{"type":"tick","seq":4,"at":"2026-11-21T20:00:01.040Z"}"#);
    floor.flush(5_040);
    assert!(reader.text().contains(r#""seq":5,"prev":4"#));
}

#[test]
fn a_filter_by_ids_sees_no_other() {
    let mut floor = small_floor();
    let view = View {
        queues: Filter::ids(["support"]),
        agents: AgentFilter::ids(["usr_ann"]),
        ..View::all()
    };
    let reader = floor.reader(30, view);
    assert_snapshot!("by_ids_snapshot", reader.text());
    floor.now(40, &queues(&[queue("sales", 9)]));
    floor.now(50, &agents(&[agent("usr_bob", &["sales"])]));
    let gone = Changes { removed_agents: vec!["usr_bob".into()], ..Changes::default() };
    floor.now(60, &gone);
    assert_eq!(reader.text(), "-");
    // The call goes to a queue out of sight: for this view it is gone.
    floor.now(70, &calls(&[call(0, Some("sales"), &[])]));
    assert_snapshot!("by_ids_call_left", reader.text());
}

#[test]
fn an_agent_who_leaves_the_queue_of_the_filter_is_removed_from_view() {
    let mut floor = small_floor();
    let view = View {
        queues: Filter::None,
        agents: AgentFilter::Queue("support".into()),
        calls: false,
        ..View::all()
    };
    let reader = floor.reader(30, view);
    assert!(reader.text().contains("usr_ann"));
    floor.now(40, &agents(&[agent("usr_ann", &["sales"])]));
    assert_snapshot!("left_the_filter", reader.text());
    floor.now(50, &agents(&[agent("usr_ann", &["sales"])]));
    assert_eq!(reader.text(), "-");
    floor.now(60, &agents(&[agent("usr_bob", &["sales", "support"])]));
    assert!(reader.text().contains("usr_bob"));
}

#[test]
fn an_agent_s_scope_is_their_own_row_calls_and_queues() {
    let mut floor = small_floor();
    floor.now(25, &calls(&[call(1, Some("sales"), &["usr_bob"])]));
    let view = View { scope: Scope::Agent("usr_ann".into()), ..View::all() };
    let reader = floor.reader(30, view);
    assert_snapshot!("scope_snapshot", reader.text());
    // Of others nothing, not even that they went.
    let bob = Name::from("usr_bob");
    let gone = Changes {
        removed_agents: vec![bob],
        removed_calls: vec![call_id(1)],
        ..Changes::default()
    };
    floor.now(40, &gone);
    floor.now(50, &queues(&[queue("sales", 5)]));
    assert_eq!(reader.text(), "-");
    // From one queue to the other: one row goes, the other comes, though it did not change.
    floor.now(60, &agents(&[agent("usr_ann", &["sales"])]));
    assert_snapshot!("scope_moved", reader.text());
    floor.now(70, &calls(&[call(0, Some("support"), &["usr_cy"])]));
    assert_snapshot!("scope_call_left", reader.text());
}

#[test]
fn a_resume_inside_the_gap_gets_one_delta_even_an_empty_one() {
    let mut floor = small_floor();
    let reader = floor.connect(Scope::All);
    floor.subscribe(30, &reader, View::all(), resume(3));
    assert_snapshot!(reader.text(), @r#"{"type":"delta","seq":3,"prev":3,"at":"2026-11-21T20:00:00.030Z","queues":[],"agents":[],"calls":[],"removed":{"queues":[],"agents":[],"calls":[]}}"#);
    let late = floor.connect(Scope::All);
    floor.subscribe(30, &late, View::all(), resume(2));
    assert_snapshot!("resumed", late.text());
}

#[test]
fn a_resume_outside_the_gap_gets_a_snapshot() {
    let mut floor = small_floor();
    let is_snapshot = |text: String| text.starts_with(r#"{"type":"snapshot""#);
    let other = callboard::live::handle::Resume { epoch: "epoch-0".into(), seq: 3 };
    let reader = floor.connect(Scope::All);
    floor.subscribe(30, &reader, View::all(), Some(other));
    assert!(is_snapshot(reader.text()), "another epoch");
    floor.subscribe(30, &reader, View::all(), resume(4));
    assert!(is_snapshot(reader.text()), "the future");
    let gone = Changes { removed_calls: vec![call_id(0)], ..Changes::default() };
    floor.now(40, &gone);
    floor.now(600_041, &Changes::default());
    let reader = floor.connect(Scope::All);
    floor.subscribe(600_041, &reader, View::all(), resume(3));
    assert!(is_snapshot(reader.text()), "a removal is forgotten");
    floor.subscribe(600_041, &reader, View::all(), resume(4));
    assert!(!is_snapshot(reader.text()), "inside");
    floor.subscribe(600_041, &reader, View { every_ms: 50, ..View::all() }, resume(5));
    assert!(is_snapshot(reader.text()), "another view");
    floor.subscribe(600_041, &reader, View { every_ms: 50, ..View::all() }, resume(5));
    assert!(!is_snapshot(reader.text()), "the same view");
}

#[test]
fn dashboards_resume_across_a_restart() {
    let mut floor = small_floor();
    let gone = Changes { removed_calls: vec![call_id(0)], ..Changes::default() };
    floor.now(40, &gone);
    floor.now(50, &agents(&[agent("usr_ann", &["sales"])]));
    let mut hub = callboard::live::Hub::new("epoch-1");
    hub.open("acme", floor.hub.board("acme").unwrap().seed());
    let mut floor = Floor::with(hub);
    let views = [
        ("all", View::all()),
        ("by_queue", View { agents: AgentFilter::Queue("support".into()), ..View::all() }),
        ("own", View { scope: Scope::Agent("usr_ann".into()), ..View::all() }),
    ];
    for (name, view) in views {
        let reader = floor.connect(view.scope.clone());
        floor.subscribe(100, &reader, view, resume(3));
        assert_snapshot!(format!("restart_{name}"), reader.text());
    }
    assert_eq!(floor.hub.board("acme").unwrap().at(), at(50));
}

#[test]
fn an_unknown_account_is_closed_with_4403() {
    let floor = Floor::new();
    let viewer = callboard::live::Viewer::of_all("nobody");
    let mut floor = floor;
    let reader = crate::floor::Reader { connection: floor.handle.connect(viewer) };
    floor.subscribe(0, &reader, View::all(), None);
    let parcel = reader.connection.slot().take();
    assert!(
        matches!(&parcel, Some(callboard::live::slot::Parcel::Close(close)) if close.code == 4403),
        "{parcel:?}"
    );
}

#[test]
fn texts_are_made_once_for_all_who_share_a_frame() {
    let mut floor = small_floor();
    let readers = [floor.reader(30, View::all()), floor.reader(30, View::all())];
    let other = floor.reader(30, View { every_ms: 50, ..View::all() });
    for _ in 0..3 {
        let frames = readers.each_ref().map(|reader| reader.frame().unwrap());
        assert!(frames[0].is_same(&frames[1]));
        assert!(frames[0].texts()[0].as_ptr() == frames[1].texts()[0].as_ptr());
        let apart = other.frame().unwrap();
        assert!(!frames[0].is_same(&apart));
        assert_eq!(text(&frames[0]), text(&apart));
        let ms = 100 * floor.seq;
        floor.now(ms, &queues(&[queue("sales", floor.seq as u32)]));
    }
}
