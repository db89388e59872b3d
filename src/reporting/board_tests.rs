//! The board against a naive one.

use super::*;
use crate::domain::media::Media;
use crate::domain::presence::{Detail, Presence, Status};
use crate::domain::rows::{CallState, DayCounts, OfferRow, PairRow, PresenceCounts};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn queue(id: u8, waiting: u32) -> Arc<QueueRow> {
    Arc::new(QueueRow {
        id: format!("q{id}").into(),
        kind: "queue",
        waiting,
        oldest_at: None,
        ringing: 0,
        talking: 0,
        agents: PresenceCounts::default(),
        offerable: 0,
        today: DayCounts::default(),
    })
}

fn agent(id: u8, queues: &[u8]) -> Arc<AgentRow> {
    let pair = PairRow {
        presence: Presence::Available,
        detail: Some(Detail::Idle),
        offerable: true,
        blocked_by: None,
        source: crate::domain::objects::queue::Source::Direct,
    };
    Arc::new(AgentRow {
        id: format!("usr_{id}").into(),
        name: None,
        status: Status::Ready,
        reason: None,
        next: None,
        forced_by: None,
        presence: Presence::Available,
        offerable: true,
        detail: Some(Detail::Idle),
        since: Millis(0),
        calls: Vec::new(),
        queues: queues.iter().map(|queue| (format!("q{queue}").into(), pair)).collect(),
    })
}

fn call(id: u8, queue: Option<u8>, offered: &[u8]) -> Arc<CallRow> {
    let offer = |agent: &u8| OfferRow {
        id: crate::domain::ids::OfferId(u64::from(*agent)),
        agent: format!("usr_{agent}").into(),
        since: Millis(0),
    };
    Arc::new(CallRow {
        id: CallId(u64::from(id)),
        queue: queue.map(|queue| format!("q{queue}").into()),
        media: Media::Voice,
        state: CallState::Waiting,
        from: None,
        arrived_at: Millis(0),
        entered_at: Millis(0),
        queued_at: Millis(0),
        rank: 0,
        priority: 0,
        agent: None,
        callback: false,
        offers: offered.iter().map(offer).collect(),
    })
}

fn subset() -> impl Strategy<Value = Vec<u8>> {
    proptest::sample::subsequence(vec![0, 1, 2], 0..=3)
}

fn changes() -> impl Strategy<Value = Changes> {
    let queues = proptest::collection::vec((0..3u8, 0..9u32), 0..2);
    let agents = proptest::collection::vec((0..4u8, subset()), 0..2);
    let calls = proptest::collection::vec((0..4u8, proptest::option::of(0..3u8), subset()), 0..2);
    let removed = (0..24u8, 0..24u8, 0..8u8);
    (queues, agents, calls, removed).prop_map(|(queues, agents, calls, removed)| Changes {
        alerts: Vec::new(),
        queues: queues.into_iter().map(|(id, waiting)| queue(id, waiting)).collect(),
        agents: agents.iter().map(|(id, queues)| agent(*id, queues)).collect(),
        calls: calls.iter().map(|(id, queue, offers)| call(*id, *queue, offers)).collect(),
        removed_queues: (removed.0 < 3)
            .then(|| format!("q{}", removed.0).into())
            .into_iter()
            .collect(),
        removed_agents: (removed.1 < 4)
            .then(|| format!("usr_{}", removed.1).into())
            .into_iter()
            .collect(),
        removed_calls: (removed.2 < 4).then(|| CallId(u64::from(removed.2))).into_iter().collect(),
    })
}

/// Rows by kind and id, as a client holds them.
type Plain = BTreeMap<String, String>;

fn put(plain: &mut Plain, rows: Since<'_>) {
    for row in rows.queues() {
        plain.insert(format!("queue {}", row.id), format!("{row:?}"));
    }
    for row in rows.agents() {
        plain.insert(format!("agent {}", row.id), format!("{row:?}"));
    }
    for row in rows.calls() {
        plain.insert(format!("call {}", row.id), format!("{row:?}"));
    }
}

fn plain(board: &Board) -> Plain {
    let mut plain = Plain::new();
    put(&mut plain, board.all());
    plain
}

fn catch_up(mut plain: Plain, board: &Board, seq: u64) -> Plain {
    for what in board.since(seq).removed() {
        match what {
            Removed::Queue(id) => plain.remove(&format!("queue {id}")),
            Removed::Agent(id) => plain.remove(&format!("agent {id}")),
            Removed::Call(id) => plain.remove(&format!("call {id}")),
        };
    }
    put(&mut plain, board.since(seq));
    plain
}

/// The state that plain maps hold after the same records.
fn naive(records: &[Changes]) -> Plain {
    let mut plain = Plain::new();
    for changes in records {
        for row in &changes.queues {
            plain.insert(format!("queue {}", row.id), format!("{row:?}"));
        }
        for row in &changes.agents {
            plain.insert(format!("agent {}", row.id), format!("{row:?}"));
        }
        for row in &changes.calls {
            plain.insert(format!("call {}", row.id), format!("{row:?}"));
        }
        changes.removed_queues.iter().for_each(|id| drop(plain.remove(&format!("queue {id}"))));
        changes.removed_agents.iter().for_each(|id| drop(plain.remove(&format!("agent {id}"))));
        changes.removed_calls.iter().for_each(|id| drop(plain.remove(&format!("call {id}"))));
    }
    plain
}

proptest! {
    #[test]
    fn a_board_by_changes_equals_a_fresh_one_from_anywhere(
        records in proptest::collection::vec(changes(), 1..40),
    ) {
        let mut board = Board::default();
        let mut states = vec![Plain::new()];
        for (i, changes) in records.iter().enumerate() {
            let seq = i as u64 + 1;
            board.apply(seq, Millis(seq as i64), changes);
            // The same record twice equals once.
            board.apply(seq, Millis(seq as i64), &Changes::default());
            prop_assert_eq!(&plain(&board), &naive(&records[..=i]));
            states.push(plain(&board));
        }
        let reborn = Board::new(board.seed());
        for (seq, state) in states.into_iter().enumerate() {
            let seq = seq as u64;
            prop_assert!(board.knows(seq) && reborn.knows(seq));
            prop_assert_eq!(reborn.knows_moves(seq), seq == board.seq());
            prop_assert_eq!(&catch_up(state.clone(), &board, seq), &plain(&board));
            prop_assert_eq!(&catch_up(state, &reborn, seq), &plain(&board));
        }
    }
}

#[test]
fn moves_tell_who_left_what() {
    let mut board = Board::default();
    let mut apply = |seq, changes: &Changes| {
        board.apply(seq, Millis(0), changes);
        board.since(seq - 1).moves().cloned().collect::<Vec<Move>>()
    };
    let agents = |queues: &[u8]| Changes { agents: vec![agent(0, queues)], ..Changes::default() };
    let (usr, q) = (Name::from("usr_0"), |id: u8| Name::from(format!("q{id}")));
    let joined = |id| Move::Joined { agent: usr.clone(), queue: q(id) };
    let left = |id| Move::Left { agent: usr.clone(), queue: q(id) };
    assert_eq!(apply(1, &agents(&[0, 1])), [joined(0), joined(1)]);
    assert_eq!(apply(2, &agents(&[0, 1])), []);
    assert_eq!(apply(3, &agents(&[1, 2])), [left(0), joined(2)]);
    let gone = Changes { removed_agents: vec![usr.clone()], ..Changes::default() };
    assert_eq!(apply(4, &gone), [left(1), left(2)]);
    let calls = |queue, offers: &[u8]| Changes {
        calls: vec![call(0, queue, offers)],
        ..Changes::default()
    };
    assert_eq!(apply(5, &calls(Some(0), &[0])), []);
    let call = CallId(0);
    let from_agent = Move::CallLeftAgent { call, agent: usr.clone() };
    let from_queue = |queue| Move::CallLeftQueue { call, queue };
    assert_eq!(apply(6, &calls(None, &[])), [from_queue(Some(q(0))), from_agent]);
    let ended = Changes { removed_calls: vec![call], ..Changes::default() };
    assert_eq!(apply(7, &ended), [from_queue(None)]);
}

#[test]
fn a_removal_is_remembered_for_ten_minutes() {
    let mut board = Board::default();
    let row = Changes { calls: vec![call(1, None, &[])], ..Changes::default() };
    let gone = Changes { removed_calls: vec![CallId(1)], ..Changes::default() };
    board.apply(1, Millis(0), &row);
    board.apply(2, Millis(0), &gone);
    board.apply(3, Millis(KEPT_MS as i64), &Changes::default());
    assert!(board.knows(1));
    board.apply(4, Millis(KEPT_MS as i64 + 1), &Changes::default());
    assert!(!board.knows(1) && board.knows(2) && !board.knows(5));
    assert!(!Board::new(board.seed()).knows(1));
}
