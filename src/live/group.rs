//! The readers of one view: who stands where, and what is due to whom.

use crate::domain::ids::Name;
use crate::domain::rows::Removed;
use crate::domain::time::Millis;
use crate::live::frame::{Frame, Gone, Rows};
use crate::live::handle::ConnId;
use crate::live::slot::{Offered, Slot};
use crate::live::view::{AgentFilter, Filter, Scope, View};
use crate::reporting::board::{Board, Since};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A reader hears something at least this often, in milliseconds.
pub const TICK_MS: u64 = 1_000;
/// Snapshots of many rows are made at most this often per view, in milliseconds: after a restart
/// all dashboards come back at once, and share them.
const SNAPSHOT_MS: u64 = 100;

/// What a group is shown when it is asked to act.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) epoch: &'a Name,
    pub(super) view: &'a View,
    pub(super) board: &'a Board,
    pub(super) now: Millis,
}

/// Readers of equal views.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// In the order of connecting.
    readers: BTreeMap<ConnId, Reader>,
    /// Readers that became ready and wait for no rate: served together, so that they share frames.
    ready: Vec<ConnId>,
    /// Some reader that is ready may lack something.
    pub(super) is_stale: bool,
    /// Some reader waits for the next snapshot.
    is_waited_for: bool,
    /// When deltas were last given.
    delta_at: Option<Millis>,
    /// When every reader that is ready was last given something.
    frame_at: Millis,
    /// The newest snapshot: shared by those who come at the same sequence.
    snapshot: Option<Frame>,
}

#[derive(Debug)]
struct Reader {
    slot: Arc<Slot>,
    /// What it was given; nothing before the first snapshot.
    seq: Option<u64>,
    /// It waits for an answer to its subscription, and gets one even when nothing changed.
    is_owed: bool,
}

/// What may be given out.
#[derive(Clone, Copy)]
struct Due {
    deltas: bool,
    ticks: bool,
}

const DELTAS: Due = Due { deltas: true, ticks: false };

/// Frames made within one pass, by the sequence that they start from.
struct Made<'a> {
    scene: Scene<'a>,
    deltas: BTreeMap<u64, Next>,
    ticks: BTreeMap<u64, Frame>,
}

/// What follows a sequence.
#[derive(Clone)]
enum Next {
    Nothing,
    Delta(Frame),
    /// Too long ago.
    Unknown,
}

impl Group {
    pub(super) fn new(now: Millis) -> Group {
        Group { frame_at: now, ..Group::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.readers.is_empty()
    }

    /// Registers a reader that stands at `seq` (or has nothing), and answers it.
    pub(super) fn join(
        &mut self,
        scene: Scene<'_>,
        conn: ConnId,
        slot: Arc<Slot>,
        seq: Option<u64>,
    ) {
        self.readers.insert(conn, Reader { slot, seq, is_owed: true });
        self.serve(scene, &[conn], true);
    }

    pub(super) fn leave(&mut self, conn: ConnId) {
        self.readers.remove(&conn);
    }

    /// The reader can be given a frame again.
    pub(super) fn ready(&mut self, view: &View, conn: ConnId) {
        match self.readers.get(&conn) {
            // Without a rate, and for an answer, it need not wait for the others' next delta, and
            // they are not looked through for its sake.
            Some(reader) if reader.is_owed || reader.seq.is_none() || view.every_ms == 0 => {
                self.ready.push(conn);
            }
            Some(_) => self.is_stale = true,
            None => {}
        }
    }

    /// Gives a few readers what they lack. `replaces` a frame that one has not taken: it belongs to
    /// an earlier subscription.
    fn serve(&mut self, scene: Scene<'_>, conns: &[ConnId], replaces: bool) {
        let mut made = Made::new(scene);
        for conn in conns {
            let Some(reader) = self.readers.get(conn) else { continue };
            let (seq, is_owed) = (reader.seq, reader.is_owed);
            let frame = self.frame_for(&mut made, seq, is_owed, DELTAS);
            if let (Some(frame), Some(reader)) = (frame, self.readers.get_mut(conn)) {
                // One that has gone is noticed, and forgotten everywhere, at the next pass.
                reader.give(&frame, replaces);
            }
        }
    }

    /// Gives what is due; answers who has gone.
    pub(super) fn step(&mut self, scene: Scene<'_>) -> Vec<ConnId> {
        let may_delta = self.delta_due(scene.view) <= scene.now;
        let ticks = self.frame_at.plus(TICK_MS) <= scene.now;
        if (self.is_stale && may_delta) || ticks {
            return self.pass(scene, Due { deltas: may_delta, ticks });
        }
        if self.is_waited_for && self.snapshot_due() <= scene.now {
            self.is_waited_for = false;
            let waiting = self.readers.iter().filter(|(_, reader)| reader.seq.is_none());
            self.ready.extend(waiting.map(|(conn, _)| *conn));
        }
        let ready = std::mem::take(&mut self.ready);
        self.serve(scene, &ready, false);
        Vec::new()
    }

    /// When [`Group::step`] has something to do next, if nothing happens before.
    pub(super) fn wake_at(&self, view: &View) -> Millis {
        let mut wake_at = self.frame_at.plus(TICK_MS);
        if self.is_stale {
            wake_at = wake_at.min(self.delta_due(view));
        }
        if self.is_waited_for {
            wake_at = wake_at.min(self.snapshot_due());
        }
        wake_at
    }

    fn delta_due(&self, view: &View) -> Millis {
        self.delta_at.map_or(Millis(i64::MIN), |at| at.plus(u64::from(view.every_ms)))
    }

    fn snapshot_due(&self) -> Millis {
        self.snapshot.as_ref().map_or(Millis(i64::MIN), |last| last.at().plus(SNAPSHOT_MS))
    }

    /// Offers every reader what is due to it. Those in step share one frame.
    fn pass(&mut self, scene: Scene<'_>, due: Due) -> Vec<ConnId> {
        let mut made = Made::new(scene);
        let mut gone = Vec::new();
        self.is_waited_for = false;
        self.ready.clear();
        let mut leaves_none_out = true;
        let mut readers = std::mem::take(&mut self.readers);
        for (conn, reader) in &mut readers {
            match self.frame_for(&mut made, reader.seq, reader.is_owed, due) {
                Some(frame) if !reader.give(&frame, false) => gone.push(*conn),
                Some(_) => {}
                None => leaves_none_out = false,
            }
        }
        self.readers = readers;
        gone.iter().for_each(|conn| self.leave(*conn));
        if due.ticks || leaves_none_out {
            self.frame_at = scene.now;
        }
        if due.deltas {
            self.is_stale = false;
            if made.deltas.values().any(|next| matches!(next, Next::Delta(_))) {
                self.delta_at = Some(scene.now);
            }
        }
        gone
    }

    /// What is due to a reader that stands at `seq`; none when that is nothing, or a snapshot
    /// which has to wait.
    fn frame_for(
        &mut self,
        made: &mut Made<'_>,
        seq: Option<u64>,
        is_owed: bool,
        due: Due,
    ) -> Option<Frame> {
        let Some(seq) = seq else { return self.snapshot(made.scene) };
        match made.since(seq) {
            Next::Unknown => self.snapshot(made.scene),
            Next::Delta(frame) if due.deltas || is_owed => Some(frame),
            Next::Nothing if is_owed => {
                let Scene { board, now, .. } = made.scene;
                Some(Frame::delta(seq, board.seq(), now, Rows::default(), Gone::default()))
            }
            // What it lacks is not due yet: it stays where it is.
            Next::Delta(_) => due.ticks.then(|| made.tick(seq)),
            Next::Nothing => due.ticks.then(|| made.tick(made.scene.board.seq())),
        }
    }

    fn snapshot(&mut self, scene: Scene<'_>) -> Option<Frame> {
        if let Some(last) = &self.snapshot {
            if last.seq() == scene.board.seq() && scene.now.since(last.at()) < TICK_MS {
                return Some(last.clone());
            }
            if last.is_large() && scene.now < self.snapshot_due() {
                self.is_waited_for = true;
                return None;
            }
        }
        let rows = rows(scene.view, scene.board, scene.board.all());
        let frame = Frame::snapshot(scene.epoch.clone(), scene.board.seq(), scene.now, rows);
        self.snapshot = Some(frame.clone());
        Some(frame)
    }

    /// Lets go of a snapshot that nobody will share any more.
    pub(super) fn tidy(&mut self, now: Millis) {
        self.snapshot.take_if(|last| now.since(last.at()) >= TICK_MS);
    }
}

impl Reader {
    /// Answers whether the reader is still there.
    fn give(&mut self, frame: &Frame, replaces: bool) -> bool {
        let offered = if replaces { self.slot.replace(frame) } else { self.slot.offer(frame) };
        if offered == Offered::Taken {
            self.seq = Some(frame.seq());
            self.is_owed = false;
        }
        offered != Offered::Gone
    }
}

impl<'a> Made<'a> {
    fn new(scene: Scene<'a>) -> Made<'a> {
        Made { scene, deltas: BTreeMap::new(), ticks: BTreeMap::new() }
    }

    fn since(&mut self, seq: u64) -> Next {
        let scene = self.scene;
        self.deltas.entry(seq).or_insert_with(|| next(scene, seq)).clone()
    }

    fn tick(&mut self, seq: u64) -> Frame {
        let now = self.scene.now;
        self.ticks.entry(seq).or_insert_with(|| Frame::tick(seq, now)).clone()
    }
}

fn next(scene: Scene<'_>, from: u64) -> Next {
    let Scene { view, board, now, .. } = scene;
    let knows_moves = board.knows_moves(from);
    if !board.knows(from) || (!knows_moves && view.scope != Scope::All) {
        return Next::Unknown;
    }
    let since = board.since(from);
    let mut rows = rows(view, board, since);
    let mut gone = removed(view, board, since, knows_moves);
    if knows_moves && view.needs_moves() {
        moved(view, board, since, &mut rows, &mut gone);
    }
    if rows.is_empty() && gone.is_empty() {
        return Next::Nothing;
    }
    Next::Delta(Frame::delta(from, board.seq(), now, rows, gone))
}

fn rows(view: &View, board: &Board, since: Since<'_>) -> Rows {
    let queues = since.queues().filter(|row| view.shows_queue(board, row));
    let agents = since.agents().filter(|row| view.shows_agent(row));
    let calls = since.calls().filter(|row| view.shows_call(row));
    Rows {
        queues: queues.cloned().collect(),
        agents: agents.cloned().collect(),
        calls: calls.cloned().collect(),
        alerts: view
            .alerts
            .then(|| since.alerts().filter(|row| view.shows_alert(board, row)).cloned().collect()),
    }
}

fn removed(view: &View, board: &Board, since: Since<'_>, knows_moves: bool) -> Gone {
    let mut gone = Gone::default();
    for what in since.removed() {
        if view.loses(board, what, knows_moves) && !view.shows(board, what) {
            gone.add(what.clone());
        }
    }
    if knows_moves {
        return gone;
    }
    // Where an object was before is not known (the client comes from before a restart): whatever
    // changed and is not shown may have been.
    if matches!(view.agents, AgentFilter::Queue(_)) {
        let out = since.agents().filter(|row| !view.shows_agent(row));
        out.for_each(|row| gone.add(Removed::Agent(row.id.clone())));
    }
    if view.calls && matches!(view.queues, Filter::Ids(_)) {
        let out = since.calls().filter(|row| !view.shows_call(row));
        out.for_each(|row| gone.add(Removed::Call(row.id)));
    }
    gone
}

fn moved(view: &View, board: &Board, since: Since<'_>, rows: &mut Rows, gone: &mut Gone) {
    for what in since.moves() {
        view.loses_by(board, what, |lost| {
            if !view.shows(board, &lost) {
                gone.add(lost);
            }
        });
        let gained = view.gains_by(what).and_then(|queue| board.queue(queue));
        if let Some(row) = gained
            && view.shows_queue(board, row)
            && !rows.queues.iter().any(|has| has.id == row.id)
        {
            rows.queues.push(Arc::clone(row));
        }
    }
}
