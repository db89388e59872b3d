//! Those who follow along: a reader of the feed and a dashboard. Both go on where they were.

use crate::BASE;
use crate::socket::Socket;
use crate::support::Api;
use callboard::sim::board::{Applied, Board};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Reads the feed.
#[derive(Default)]
pub struct Reader {
    /// The last record that was read and checked after a restart.
    pub checked: u64,
    /// What was read since, before the crash.
    pub seen: BTreeMap<u64, Value>,
}

impl Reader {
    /// Until the server is gone.
    pub fn follow(&mut self, api: &Api) {
        let mut after = self.checked;
        loop {
            let path = format!("{BASE}/feed?after={after}&limit=1000&wait_ms=100");
            let Ok((code, _, page)) = api.try_request("GET", &path, &[], None) else { return };
            assert_eq!(code, 200, "{page:#}");
            for item in page["items"].as_array().expect("items") {
                after += 1;
                assert_eq!(item["seq"], after, "a gap in the feed");
                self.seen.insert(after, item.clone());
            }
        }
    }

    /// Reads on after a restart: what was seen is there as it was, and nothing is left out. Gives
    /// what is new since the last check.
    pub fn catch_up(&mut self, api: &Api) -> Vec<Value> {
        let mut fresh = Vec::new();
        loop {
            let path = format!("{BASE}/feed?after={}&limit=1000", self.checked);
            let page = api.must_get(&path);
            let items = page["items"].as_array().expect("items");
            if items.is_empty() {
                break;
            }
            for item in items {
                self.checked += 1;
                assert_eq!(item["seq"], self.checked, "a gap in the feed");
                if let Some(before) = self.seen.remove(&self.checked) {
                    assert_eq!(before, *item, "record {} is another one now", self.checked);
                }
                fresh.push(item.clone());
            }
        }
        assert!(self.seen.is_empty(), "records that were read are gone: {:?}", self.seen.keys());
        fresh
    }
}

/// A live board.
#[derive(Default)]
pub struct Dashboard {
    board: Board,
    /// Resumes that went on with a delta.
    pub resumed: u64,
}

impl Dashboard {
    /// Until the server is gone.
    pub fn follow(&mut self, api: &Api) {
        let Ok(mut socket) = Socket::open(api, &format!("{BASE}/live"), "callboard.live.v1") else {
            return;
        };
        if self.subscribe(&mut socket).is_none() {
            return;
        }
        while let Ok(frame) = socket.next() {
            if let Some(frame) = frame {
                self.apply(&frame);
            }
        }
    }

    /// Subscribes, where it can from where it was; `None` when the server has gone.
    fn subscribe(&mut self, socket: &mut Socket) -> Option<()> {
        let resumes = self.board.is_whole().then_some(self.board.seq);
        socket.say(&self.board.subscribe(&json!("*"), 0)).ok()?;
        let first = loop {
            match socket.next() {
                Ok(Some(frame)) => break frame,
                Ok(None) => {}
                Err(_) => return None,
            }
        };
        if let Some(seq) = resumes {
            assert_eq!((&first["type"], &first["prev"]), (&json!("delta"), &json!(seq)));
            self.resumed += 1;
        } else {
            assert_eq!(first["type"], "snapshot");
        }
        self.apply(&first);
        Some(())
    }

    fn apply(&mut self, frame: &Value) -> Applied {
        self.board.apply(frame).unwrap_or_else(|gap| panic!("{gap}: {frame:#}"))
    }

    /// Resumes at a server where little happens, and compares with a board that begins afresh.
    pub fn check(&mut self, api: &Api) {
        let open = || Socket::open(api, &format!("{BASE}/live"), "callboard.live.v1");
        let mut socket = open().expect("a socket");
        self.subscribe(&mut socket).expect("an open socket");
        // A record may come in between: then once more.
        for _ in 0..20 {
            let mut other = Board::default();
            let mut fresh = open().expect("a socket");
            fresh.say(&other.subscribe(&json!("*"), 0)).expect("said");
            while !other.is_whole() {
                other.apply(&fresh.must_next()).expect("a snapshot");
            }
            while self.board.seq < other.seq {
                self.apply(&socket.must_next());
            }
            if self.board.seq == other.seq {
                assert_eq!(self.board.epoch, other.epoch);
                assert_eq!(self.board.queues, other.queues, "at {}", other.seq);
                assert_eq!(self.board.agents, other.agents, "at {}", other.seq);
                assert_eq!(self.board.calls, other.calls, "at {}", other.seq);
                return;
            }
        }
        panic!("the floor never came to rest");
    }
}
