//! A dashboard that keeps its whole board, dies as others do, and is held against a fresh one at the
//! end: what a resumed dashboard shows is what any other shows.

use super::faults::{Counted, Lives, one};
use crate::sim::board::{Applied, Board, Rows};
use crate::sim::client::{Client, Error, Socket};
use serde_json::json;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const EVERY_MS: u64 = 250;
const RETRY: Duration = Duration::from_millis(500);
/// Both boards are looked at so often, and with this pause, until they show the same.
const LOOKS: (u32, Duration) = (20, Duration::from_millis(250));

/// The audited board. Cloning gives the same.
#[derive(Clone, Debug)]
pub struct Audit {
    client: Client,
    path: String,
    board: Arc<Mutex<Board>>,
    gaps: Arc<Mutex<Vec<String>>>,
}

impl Audit {
    /// Of the account's live feed at this path.
    #[must_use]
    pub fn new(client: Client, path: String) -> Audit {
        Audit { client, path, board: Arc::default(), gaps: Arc::default() }
    }

    fn board<T>(&self, at: impl FnOnce(&mut Board) -> T) -> T {
        at(&mut self.board.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Watches, dies and resumes until it is dropped.
    ///
    /// # Errors
    /// When the server refuses for good.
    pub async fn run(self, mut lives: Lives, counted: Counted) -> Result<(), Error> {
        loop {
            let ended = tokio::select! {
                ended = self.watch(&counted) => ended,
                _ = lives.end() => {
                    one(&counted.dashboards);
                    tokio::time::sleep(lives.pause()).await;
                    continue;
                }
            };
            match ended {
                Err(e) if e.may_pass() => tokio::time::sleep(RETRY).await,
                ended => return ended,
            }
        }
    }

    async fn watch(&self, counted: &Counted) -> Result<(), Error> {
        let mut socket = self.client.socket(&self.path, "callboard.live.v1").await?;
        let ask = self.board(|board| board.subscribe(&json!("*"), EVERY_MS));
        let mut is_resume = ask.get("resume").is_some();
        socket.send(&ask).await?;
        loop {
            let frame = socket.next().await?;
            if std::mem::take(&mut is_resume) && frame["type"] != "snapshot" {
                one(&counted.resumed);
            }
            if let Err(gap) = self.board(|board| board.apply(&frame)) {
                let mut gaps = self.gaps.lock().unwrap_or_else(PoisonError::into_inner);
                gaps.push(gap.to_string());
                self.board(Board::reset);
                return Err(Error::Connection(gap.to_string()));
            }
        }
    }

    /// How the board differs from a fresh one, or what was missing on the way; `None` when it shows
    /// the same. For when nothing happens any more.
    ///
    /// # Errors
    /// When there is no fresh one.
    pub async fn differs(&self) -> Result<Option<String>, Error> {
        let gap = self.gaps.lock().unwrap_or_else(PoisonError::into_inner).first().cloned();
        if gap.is_some() {
            return Ok(gap);
        }
        let mut found = None;
        for _ in 0..LOOKS.0 {
            tokio::time::sleep(LOOKS.1).await;
            let fresh = self.fresh().await?;
            found = self.board(|board| unlike(board, &fresh));
            if found.is_none() {
                break;
            }
        }
        Ok(found)
    }

    async fn fresh(&self) -> Result<Board, Error> {
        let mut socket: Socket = self.client.socket(&self.path, "callboard.live.v1").await?;
        let mut board = Board::default();
        socket.send(&board.subscribe(&json!("*"), EVERY_MS)).await?;
        while !board.is_whole() {
            let frame = socket.next().await?;
            // A snapshot has no gaps, and nothing else comes before it.
            if let Ok(Applied::Changed) = board.apply(&frame) {
                break;
            }
        }
        socket.close().await;
        Ok(board)
    }
}

/// The first row that one board shows and the other shows otherwise or not at all.
fn unlike(one: &Board, other: &Board) -> Option<String> {
    if one.epoch != other.epoch {
        return Some(format!("epoch {:?} and {:?}", one.epoch, other.epoch));
    }
    let tables: [(&str, &Rows, &Rows); 3] = [
        ("queue", &one.queues, &other.queues),
        ("agent", &one.agents, &other.agents),
        ("call", &one.calls, &other.calls),
    ];
    tables.into_iter().find_map(|(what, ours, theirs)| {
        let mut ids = ours.keys().chain(theirs.keys());
        let id = ids.find(|id| ours.get(*id) != theirs.get(*id))?;
        let show = |rows: &Rows| rows.get(id).map_or("nothing".to_owned(), ToString::to_string);
        Some(format!("{what} {id}: {} after resumes, {} afresh", show(ours), show(theirs)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(waiting: u64, calls: &[&str]) -> Board {
        let calls: Vec<_> = calls.iter().map(|id| json!({ "id": id })).collect();
        let mut board = Board::default();
        let frame = json!({ "type": "snapshot", "epoch": "e", "seq": waiting, "part": 1,
            "parts": 1, "queues": [{ "id": "a", "waiting": waiting }], "calls": calls });
        board.apply(&frame).expect("a snapshot");
        board
    }

    #[test]
    fn boards_that_differ_are_told_by_their_first_row() {
        assert_eq!(unlike(&board(1, &["c"]), &board(1, &["c"])), None);
        let how = unlike(&board(1, &["c"]), &board(2, &["c"])).expect("told");
        assert!(how.starts_with("queue a: {\"id\":\"a\",\"waiting\":1} after"), "{how}");
        let how = unlike(&board(1, &["c"]), &board(1, &[])).expect("told");
        assert_eq!(how, "call c: {\"id\":\"c\"} after resumes, nothing afresh");
        assert!(unlike(&board(1, &[]), &board(1, &["c"])).is_some());
        assert!(unlike(&Board::default(), &board(0, &[])).is_some(), "another journal");
    }
}
