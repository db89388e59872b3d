//! The board of one account: the last state of every queue, agent and call, and what changed since
//! any sequence, at a cost proportional to what changed.

use crate::domain::ids::{AlertId, CallId, Name};
use crate::domain::rows::{
    ALERT_KEPT_MS, AgentRow, AlertRow, BoardSeed, CallRow, Changes, QueueRow, Removed,
};
use crate::domain::time::Millis;
use crate::reporting::table::Table;
use crate::reporting::trail::Trail;
use std::sync::Arc;

pub use crate::reporting::trail::{KEPT, KEPT_MS};

/// The last state of one account's floor.
#[derive(Debug)]
pub struct Board {
    seq: u64,
    at: Millis,
    queues: Table<Name, QueueRow>,
    agents: Table<Name, AgentRow>,
    calls: Table<CallId, CallRow>,
    alerts: Table<AlertId, AlertRow>,
    removed: Trail<Removed>,
    moves: Trail<Move>,
}

/// An object changed its neighbours: it came into, or left, what a narrow view shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// The agent became a member of the queue.
    Joined {
        /// Who.
        agent: Name,
        /// Where.
        queue: Name,
    },
    /// The agent is no longer a member of the queue, or is gone.
    Left {
        /// Who.
        agent: Name,
        /// Where.
        queue: Name,
    },
    /// The call is no longer of this queue (or of none), or has ended.
    CallLeftQueue {
        /// Which.
        call: CallId,
        /// Where it was.
        queue: Option<Name>,
    },
    /// The call is no longer with the agent nor offered to the agent, or has ended.
    CallLeftAgent {
        /// Which.
        call: CallId,
        /// Whose it was.
        agent: Name,
    },
}

impl Default for Board {
    fn default() -> Self {
        Board::new(BoardSeed::default())
    }
}

impl Board {
    /// The board at a start.
    ///
    /// Moves before it are not known: see [`Board::knows_moves`].
    #[must_use]
    pub fn new(mut seed: BoardSeed) -> Board {
        let mut board = Board {
            seq: seed.seq,
            at: seed.at,
            queues: Table::default(),
            agents: Table::default(),
            calls: Table::default(),
            alerts: Table::default(),
            removed: Trail::new(seed.removed_known_from, seed.removed),
            moves: Trail::new(seed.seq, []),
        };
        // Snapshots list rows in the order of their last change, after a restart as before it.
        seed.queues.sort_by_key(|(seq, _)| *seq);
        seed.agents.sort_by_key(|(seq, _)| *seq);
        seed.calls.sort_by_key(|(seq, _)| *seq);
        seed.alerts.sort_by_key(|(seq, _)| *seq);
        for (seq, row) in seed.queues {
            board.queues.put(row.id.clone(), seq, row);
        }
        for (seq, row) in seed.agents {
            board.agents.put(row.id.clone(), seq, row);
        }
        for (seq, row) in seed.calls {
            board.calls.put(row.id, seq, row);
        }
        for (seq, row) in seed.alerts {
            board.alerts.put(row.id, seq, row);
        }
        board.removed.forget(seed.at);
        board
    }

    /// The sequence of the last record applied.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The time of the last record applied.
    #[must_use]
    pub fn at(&self) -> Millis {
        self.at
    }

    /// Takes in one record. Sequences grow; a record that the board has already is passed over, so
    /// that the same record twice equals once.
    pub fn apply(&mut self, seq: u64, at: Millis, changes: &Changes) {
        if seq <= self.seq {
            return;
        }
        self.seq = seq;
        self.at = at;
        for row in &changes.queues {
            self.queues.put(row.id.clone(), seq, Arc::clone(row));
        }
        for row in &changes.agents {
            self.put_agent(row);
        }
        for row in &changes.calls {
            self.put_call(row);
        }
        for row in &changes.alerts {
            self.forget_alerts();
            self.alerts.put(row.id, seq, Arc::clone(row));
        }
        for id in &changes.removed_queues {
            if self.queues.remove(id).is_some() {
                self.removed.push(seq, at, Removed::Queue(id.clone()));
            }
        }
        for id in &changes.removed_agents {
            self.remove_agent(id);
        }
        for id in &changes.removed_calls {
            self.remove_call(*id);
        }
        self.removed.forget(at);
        self.moves.forget(at);
    }

    /// Alerts that were over long enough ago go; clients let go of them by themselves.
    fn forget_alerts(&mut self) {
        let before = Millis(self.at.0 - ALERT_KEPT_MS);
        let is_old = |row: &&Arc<AlertRow>| row.resolved_at.is_some_and(|at| at < before);
        let old: Vec<AlertId> = self.alerts.starting(0).filter(is_old).map(|row| row.id).collect();
        old.iter().for_each(|id| drop(self.alerts.remove(id)));
    }

    fn put_agent(&mut self, row: &Arc<AgentRow>) {
        let old = self.agents.put(row.id.clone(), self.seq, Arc::clone(row));
        let before = old.as_ref().map_or(&[][..], |old| &old.queues[..]);
        if before.len() == row.queues.len()
            && before.iter().zip(&row.queues).all(|((a, _), (b, _))| a == b)
        {
            return;
        }
        for (queue, _) in before.iter().filter(|(queue, _)| !is_member(row, queue)) {
            self.left(&row.id, queue);
        }
        for (queue, _) in &row.queues {
            if !before.iter().any(|(was, _)| was == queue) {
                let joined = Move::Joined { agent: row.id.clone(), queue: queue.clone() };
                self.moves.push(self.seq, self.at, joined);
            }
        }
    }

    fn remove_agent(&mut self, id: &Name) {
        let Some(old) = self.agents.remove(id) else { return };
        for (queue, _) in &old.queues {
            self.left(id, queue);
        }
        self.removed.push(self.seq, self.at, Removed::Agent(id.clone()));
    }

    fn left(&mut self, agent: &Name, queue: &Name) {
        let left = Move::Left { agent: agent.clone(), queue: queue.clone() };
        self.moves.push(self.seq, self.at, left);
    }

    fn put_call(&mut self, row: &Arc<CallRow>) {
        let Some(old) = self.calls.put(row.id, self.seq, Arc::clone(row)) else { return };
        if old.queue != row.queue {
            self.call_left_queue(&old);
        }
        for agent in agents_of(&old).filter(|agent| !is_with(row, agent)) {
            self.call_left_agent(old.id, agent);
        }
    }

    fn remove_call(&mut self, id: CallId) {
        let Some(old) = self.calls.remove(&id) else { return };
        self.call_left_queue(&old);
        for agent in agents_of(&old) {
            self.call_left_agent(id, agent);
        }
        self.removed.push(self.seq, self.at, Removed::Call(id));
    }

    fn call_left_queue(&mut self, old: &CallRow) {
        let left = Move::CallLeftQueue { call: old.id, queue: old.queue.clone() };
        self.moves.push(self.seq, self.at, left);
    }

    fn call_left_agent(&mut self, call: CallId, agent: &Name) {
        let left = Move::CallLeftAgent { call, agent: agent.clone() };
        self.moves.push(self.seq, self.at, left);
    }

    /// One queue or group.
    #[must_use]
    pub fn queue(&self, id: &Name) -> Option<&Arc<QueueRow>> {
        self.queues.get(id)
    }

    /// One agent.
    #[must_use]
    pub fn agent(&self, id: &Name) -> Option<&Arc<AgentRow>> {
        self.agents.get(id)
    }

    /// One live call.
    #[must_use]
    pub fn call(&self, id: CallId) -> Option<&Arc<CallRow>> {
        self.calls.get(&id)
    }

    /// Whether the object that left is back.
    #[must_use]
    pub fn has(&self, what: &Removed) -> bool {
        match what {
            Removed::Queue(id) => self.queues.contains(id),
            Removed::Agent(id) => self.agents.contains(id),
            Removed::Call(id) => self.calls.contains(id),
        }
    }

    /// Queues, agents and calls on the board.
    #[must_use]
    pub fn sizes(&self) -> (usize, usize, usize) {
        (self.queues.len(), self.agents.len(), self.calls.len())
    }

    /// What changed after `seq`: rows in the order of their last change.
    #[must_use]
    pub fn since(&self, seq: u64) -> Since<'_> {
        Since { board: self, from: seq.saturating_add(1) }
    }

    /// Everything.
    #[must_use]
    pub fn all(&self) -> Since<'_> {
        Since { board: self, from: 0 }
    }

    /// The board as a seed, from which [`Board::new`] makes an equal one (moves aside).
    #[must_use]
    pub fn seed(&self) -> BoardSeed {
        BoardSeed {
            seq: self.seq,
            at: self.at,
            queues: self.queues.all().map(|(seq, row)| (seq, Arc::clone(row))).collect(),
            agents: self.agents.all().map(|(seq, row)| (seq, Arc::clone(row))).collect(),
            calls: self.calls.all().map(|(seq, row)| (seq, Arc::clone(row))).collect(),
            alerts: self.alerts.all().map(|(seq, row)| (seq, Arc::clone(row))).collect(),
            removed: self.removed.entries().cloned().collect(),
            removed_known_from: self.removed.known_from(),
        }
    }

    /// Whether a client that holds the board as of `seq` can be brought up to date by a delta: the
    /// sequence is not of the future, and every removal since is remembered.
    #[must_use]
    pub fn knows(&self, seq: u64) -> bool {
        seq <= self.seq && self.removed.knows(seq)
    }

    /// Whether every [`Move`] since `seq` is remembered. Seeds hold none, so this is false for what
    /// lies before a restart.
    #[must_use]
    pub fn knows_moves(&self, seq: u64) -> bool {
        self.moves.knows(seq)
    }
}

/// What changed after a sequence.
#[derive(Clone, Copy, Debug)]
pub struct Since<'a> {
    board: &'a Board,
    /// The first sequence that counts.
    from: u64,
}

impl<'a> Since<'a> {
    /// Changed queues and groups that still exist.
    pub fn queues(self) -> impl Iterator<Item = &'a Arc<QueueRow>> {
        self.board.queues.starting(self.from)
    }

    /// Changed agents that still exist.
    pub fn agents(self) -> impl Iterator<Item = &'a Arc<AgentRow>> {
        self.board.agents.starting(self.from)
    }

    /// Changed calls that still live.
    pub fn calls(self) -> impl Iterator<Item = &'a Arc<CallRow>> {
        self.board.calls.starting(self.from)
    }

    /// Changed alerts, those included that were over lately.
    pub fn alerts(self) -> impl Iterator<Item = &'a Arc<AlertRow>> {
        self.board.alerts.starting(self.from)
    }

    /// What was removed, and may be back.
    pub fn removed(self) -> impl Iterator<Item = &'a Removed> {
        self.board.removed.starting(self.from)
    }

    /// What moved, and may have moved back.
    pub fn moves(self) -> impl Iterator<Item = &'a Move> {
        self.board.moves.starting(self.from)
    }
}

/// Whether the agent is a member of the queue.
#[must_use]
pub fn is_member(row: &AgentRow, queue: &str) -> bool {
    row.queues.iter().any(|(of, _)| &**of == queue)
}

/// Whether the call is with the agent, or offered to the agent.
#[must_use]
pub fn is_with(row: &CallRow, agent: &str) -> bool {
    agents_of(row).any(|of| &**of == agent)
}

fn agents_of(row: &CallRow) -> impl Iterator<Item = &Name> {
    row.agent.iter().chain(row.offers.iter().map(|offer| &offer.agent))
}

#[cfg(test)]
#[path = "board_tests.rs"]
mod tests;
