//! The dashboard's side of the live feed: applies snapshots, deltas and ticks, and notices a gap.

use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a frame meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// A part of a snapshot that is not whole yet.
    Part,
    /// The board is whole and changed.
    Changed,
    /// Nothing but the time moved.
    Tick,
    /// No frame of the board (an announcement such as `retry_after_ms`).
    Other,
}

/// Frames are missing or out of order: the client has to ask again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the frame of sequence {seq} follows {prev}, but {had} was the last one here")]
pub struct Gap {
    /// The frame's own sequence.
    pub seq: u64,
    /// What it says came before.
    pub prev: u64,
    /// What came before here.
    pub had: u64,
}

/// Rows by id, as JSON objects.
pub type Rows = BTreeMap<String, Value>;

/// A live board.
#[derive(Debug, Default)]
pub struct Board {
    /// Names the journal; empty before the first snapshot.
    pub epoch: String,
    /// The sequence of the last frame.
    pub seq: u64,
    /// The server's time of the last frame, RFC 3339.
    pub at: String,
    /// Queues and groups.
    pub queues: Rows,
    /// Agents.
    pub agents: Rows,
    /// Live calls.
    pub calls: Rows,
    parts: u64,
    whole: bool,
}

impl Board {
    /// The subscription's first frame: all of `queues`, `every_ms` milliseconds between deltas; it
    /// resumes when this board has been whole before.
    #[must_use]
    pub fn subscribe(&self, queues: &Value, every_ms: u64) -> Value {
        let mut frame = json!({ "subscribe": {
            "queues": queues, "agents": "*", "calls": true, "every_ms": every_ms } });
        if self.whole {
            frame["resume"] = json!({ "epoch": self.epoch, "seq": self.seq });
        }
        frame
    }

    /// Whether a whole snapshot has been applied.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// Forgets everything, so that the next subscription asks for a snapshot.
    pub fn reset(&mut self) {
        *self = Board::default();
    }

    /// Applies one frame.
    ///
    /// # Errors
    /// [`Gap`] when a delta does not follow the frame before it; the board is then unchanged.
    pub fn apply(&mut self, frame: &Value) -> Result<Applied, Gap> {
        let kind = frame["type"].as_str().unwrap_or_default();
        match kind {
            "snapshot" => Ok(self.snapshot(frame)),
            "delta" => self.delta(frame),
            "tick" => {
                self.stamp(frame);
                Ok(Applied::Tick)
            }
            _ => Ok(Applied::Other),
        }
    }

    fn snapshot(&mut self, frame: &Value) -> Applied {
        if frame["part"].as_u64() == Some(1) {
            self.reset();
            self.epoch = frame["epoch"].as_str().unwrap_or_default().to_owned();
        }
        self.stamp(frame);
        self.rows(frame);
        self.parts += 1;
        self.whole = Some(self.parts) == frame["parts"].as_u64();
        if self.whole { Applied::Changed } else { Applied::Part }
    }

    fn delta(&mut self, frame: &Value) -> Result<Applied, Gap> {
        let number = |field: &str| frame[field].as_u64().unwrap_or_default();
        let (seq, prev) = (number("seq"), number("prev"));
        if prev != self.seq || seq < prev || !self.whole {
            return Err(Gap { seq, prev, had: self.seq });
        }
        self.stamp(frame);
        self.rows(frame);
        let removed = &frame["removed"];
        remove(&mut self.queues, &removed["queues"]);
        remove(&mut self.agents, &removed["agents"]);
        remove(&mut self.calls, &removed["calls"]);
        Ok(Applied::Changed)
    }

    fn stamp(&mut self, frame: &Value) {
        self.seq = frame["seq"].as_u64().unwrap_or(self.seq);
        if let Some(at) = frame["at"].as_str() {
            at.clone_into(&mut self.at);
        }
    }

    fn rows(&mut self, frame: &Value) {
        put(&mut self.queues, &frame["queues"]);
        put(&mut self.agents, &frame["agents"]);
        put(&mut self.calls, &frame["calls"]);
    }
}

fn put(rows: &mut Rows, changed: &Value) {
    for row in changed.as_array().into_iter().flatten() {
        if let Some(id) = row["id"].as_str() {
            rows.insert(id.to_owned(), row.clone());
        }
    }
}

fn remove(rows: &mut Rows, ids: &Value) {
    for id in ids.as_array().into_iter().flatten().filter_map(Value::as_str) {
        rows.remove(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot() -> Board {
        let mut board = Board::default();
        let first = json!({ "type": "snapshot", "epoch": "e1", "seq": 7, "at": "t", "part": 1,
            "parts": 2, "queues": [{ "id": "support", "waiting": 0 }], "agents": [], "calls": [] });
        let second = json!({ "type": "snapshot", "epoch": "e1", "seq": 7, "at": "t", "part": 2,
            "parts": 2, "agents": [{ "id": "usr_ann" }] });
        assert_eq!(board.apply(&first), Ok(Applied::Part));
        assert_eq!(board.apply(&second), Ok(Applied::Changed));
        board
    }

    #[test]
    fn snapshot_and_deltas_make_the_board() {
        let mut board = snapshot();
        let delta = json!({ "type": "delta", "seq": 9, "prev": 7, "at": "u",
            "queues": [{ "id": "support", "waiting": 1 }], "calls": [{ "id": "cal_1" }],
            "removed": { "agents": ["usr_ann"] } });
        assert_eq!(board.apply(&delta), Ok(Applied::Changed));
        assert_eq!(board.queues["support"]["waiting"], 1);
        assert!(board.agents.is_empty() && board.calls.contains_key("cal_1"));
        let tick = json!({ "type": "tick", "seq": 9, "at": "v" });
        assert_eq!(board.apply(&tick), Ok(Applied::Tick));
        assert_eq!((board.seq, board.at.as_str()), (9, "v"));
    }

    #[test]
    fn a_gap_is_noticed_and_changes_nothing() {
        let mut board = snapshot();
        let late = json!({ "type": "delta", "seq": 12, "prev": 10, "at": "u",
            "queues": [{ "id": "support", "waiting": 5 }] });
        assert_eq!(board.apply(&late), Err(Gap { seq: 12, prev: 10, had: 7 }));
        assert_eq!(board.queues["support"]["waiting"], 0);
    }

    #[test]
    fn a_whole_board_resumes() {
        let board = snapshot();
        let frame = board.subscribe(&json!("*"), 100);
        assert_eq!(frame["resume"], json!({ "epoch": "e1", "seq": 7 }));
        assert!(Board::default().subscribe(&json!("*"), 100).get("resume").is_none());
    }
}
