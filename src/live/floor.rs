//! One account's board and those who watch it.

use crate::domain::ids::Name;
use crate::domain::rows::{AgentRow, AlertRow, CallRow, Changes, QueueRow, Removed};
use crate::domain::time::Millis;
use crate::live::group::{Group, Scene};
use crate::live::handle::ConnId;
use crate::live::slot::Slot;
use crate::live::view::View;
use crate::reporting::board::{Board, Move};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A board and its readers.
#[derive(Debug)]
pub(super) struct Floor {
    pub(super) board: Board,
    groups: BTreeMap<Arc<View>, Group>,
    /// Where each connection reads; for look-ups only.
    homes: FxHashMap<ConnId, Arc<View>>,
    /// Up to here the groups have been told that something changed.
    told: u64,
    /// When the hub will look at it again by itself.
    pub(super) wake_at: Option<Millis>,
    /// Whether the hub will look at it at its next flush.
    pub(super) is_listed: bool,
}

impl Floor {
    pub(super) fn new(board: Board) -> Floor {
        let told = board.seq();
        Floor {
            board,
            groups: BTreeMap::new(),
            homes: FxHashMap::default(),
            told,
            wake_at: None,
            is_listed: false,
        }
    }

    pub(super) fn apply(&mut self, seq: u64, at: Millis, changes: &Changes) {
        self.board.apply(seq, at, changes);
        if !self.is_watched() {
            self.told = self.board.seq();
        }
    }

    pub(super) fn is_watched(&self) -> bool {
        !self.groups.is_empty()
    }

    pub(super) fn readers(&self) -> usize {
        self.homes.len()
    }

    /// Registers a reader and answers it. `from` is the sequence that it resumes from.
    pub(super) fn join(
        &mut self,
        epoch: &Name,
        now: Millis,
        conn: ConnId,
        (view, from, slot): (View, Option<u64>, Arc<Slot>),
    ) {
        let mut from = from;
        let view = self.shared(view);
        if let Some(old) = self.homes.insert(conn, Arc::clone(&view)) {
            if old != view {
                // What it has is another choice of objects.
                from = None;
            }
            self.leave(&old, conn);
        }
        let group = self.groups.entry(Arc::clone(&view)).or_insert_with(|| Group::new(now));
        group.join(Scene { epoch, view: &view, board: &self.board, now }, conn, slot, from);
    }

    /// The view as others have it, so that equal ones take room once.
    fn shared(&self, view: View) -> Arc<View> {
        match self.groups.get_key_value(&view) {
            Some((shared, _)) => Arc::clone(shared),
            None => Arc::new(view),
        }
    }

    fn leave(&mut self, view: &Arc<View>, conn: ConnId) {
        if let Some(group) = self.groups.get_mut(view) {
            group.leave(conn);
            if group.is_empty() {
                self.groups.remove(view);
            }
        }
    }

    /// The reader can be given a frame again: at the next flush.
    pub(super) fn ready(&mut self, conn: ConnId) {
        let Some(view) = self.homes.get(&conn) else { return };
        if let Some(group) = self.groups.get_mut(view) {
            group.ready(view, conn);
        }
    }

    /// Gives every group what is due; answers when to look again.
    pub(super) fn flush(&mut self, epoch: &Name, now: Millis) -> Option<Millis> {
        let recent = Recent::new(&self.board, self.told);
        let mut wake_at = None;
        let mut emptied = Vec::new();
        for (view, group) in &mut self.groups {
            if !group.is_stale && recent.touches(view, &self.board) {
                group.is_stale = true;
            }
            for conn in group.step(Scene { epoch, view, board: &self.board, now }) {
                self.homes.remove(&conn);
            }
            group.tidy(now);
            if group.is_empty() {
                emptied.push(Arc::clone(view));
                continue;
            }
            let next = group.wake_at(view);
            wake_at = Some(wake_at.map_or(next, |wake_at: Millis| wake_at.min(next)));
        }
        self.told = self.board.seq();
        emptied.iter().for_each(|view| drop(self.groups.remove(view)));
        wake_at
    }
}

/// What changed since the last flush, gathered once for all groups.
struct Recent<'a> {
    queues: Vec<&'a Arc<QueueRow>>,
    agents: Vec<&'a Arc<AgentRow>>,
    calls: Vec<&'a Arc<CallRow>>,
    alerts: Vec<&'a Arc<AlertRow>>,
    removed: Vec<&'a Removed>,
    moves: Vec<&'a Move>,
}

impl<'a> Recent<'a> {
    fn new(board: &'a Board, told: u64) -> Recent<'a> {
        let since = board.since(told);
        Recent {
            queues: since.queues().collect(),
            agents: since.agents().collect(),
            calls: since.calls().collect(),
            alerts: since.alerts().collect(),
            removed: since.removed().collect(),
            moves: since.moves().collect(),
        }
    }

    /// Whether the view may have to be told. A yes too many costs a tick.
    fn touches(&self, view: &View, board: &Board) -> bool {
        self.queues.iter().any(|row| view.shows_queue(board, row))
            || self.agents.iter().any(|row| view.shows_agent(row))
            || self.calls.iter().any(|row| view.shows_call(row))
            || self.alerts.iter().any(|row| view.shows_alert(board, row))
            || self.removed.iter().any(|what| view.loses(board, what, true))
            || (view.needs_moves() && self.moves.iter().any(|what| moves(view, board, what)))
    }
}

fn moves(view: &View, board: &Board, what: &Move) -> bool {
    let mut loses = false;
    view.loses_by(board, what, |_| loses = true);
    loses || view.gains_by(what).is_some()
}
