//! Commands of a switch that it has not acknowledged: in order, and found by instant and by call
//! without a walk, however many a switch that fetches nothing leaves here.

use crate::domain::ids::{CallId, CommandId};
use crate::domain::switching::Command;
use crate::domain::time::Millis;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// The first repetition comes after this; each later one after twice as long.
pub(super) const REPEAT_MS: u64 = 1_000;

/// The open commands of one switch.
#[derive(Default)]
pub(super) struct OpenCommands {
    /// By sequence. Those done with behind an open one wait for it to go.
    all: VecDeque<Open>,
    /// When each goes out (again): neither those done with nor those in a delivery.
    due: BTreeSet<(Millis, u64)>,
    /// Those of calls.
    calls: BTreeSet<(CallId, u64)>,
}

struct Open {
    command: Arc<Command>,
    goes: u32,
    /// Goes out (again) from then on.
    next_at: Millis,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waits,
    /// In a delivery.
    Posting,
    Done,
}

impl Open {
    fn is_of_use(&self, now: Millis) -> bool {
        self.stage != Stage::Done && now < self.command.deadline
    }
}

impl OpenCommands {
    /// Adds one; its sequence is higher than any before. `goes`: how often it was told already.
    pub fn push(&mut self, command: Arc<Command>, goes: u32, next_at: Millis) {
        self.due.insert((next_at, command.seq));
        self.calls.extend(command.call_id.map(|call| (call, command.seq)));
        self.all.push_back(Open { command, goes, next_at, stage: Stage::Waits });
    }

    /// The lowest sequence that is not done.
    pub fn first(&self) -> Option<u64> {
        self.all.front().map(|open| open.command.seq)
    }

    /// All up to `seq` are done.
    pub fn acknowledge(&mut self, seq: u64) {
        while self.first().is_some_and(|first| first <= seq) {
            self.pop();
        }
    }

    /// Forgets what is done with or of no use any more at the head; one in a delivery stays until
    /// that has ended.
    pub fn tidy(&mut self, now: Millis) {
        while let Some(open) = self.all.front() {
            let is_past = open.stage == Stage::Done || open.command.deadline <= now;
            if open.stage == Stage::Posting || !is_past {
                return;
            }
            self.pop();
        }
    }

    fn pop(&mut self) {
        if let Some(open) = self.all.pop_front() {
            let seq = open.command.seq;
            self.due.remove(&(open.next_at, seq));
            if let Some(call) = open.command.call_id {
                self.calls.remove(&(call, seq));
            }
        }
    }

    /// The open commands of a call, in order.
    pub fn of_call(&self, call: CallId) -> impl Iterator<Item = &Arc<Command>> {
        let seqs = self.calls.range((call, 0)..=(call, u64::MAX));
        let open = seqs.filter_map(|(_, seq)| self.all.get(self.at(*seq)?));
        open.filter(|open| open.stage != Stage::Done).map(|open| &open.command)
    }

    /// Those after `seq` that are of use, in order, due or not.
    pub fn after(&self, seq: u64, now: Millis) -> Vec<u64> {
        let from = self.all.partition_point(|open| open.command.seq <= seq);
        let open = self.all.range(from..);
        open.filter(|open| open.is_of_use(now)).map(|open| open.command.seq).collect()
    }

    /// Whether it is there, neither done with nor past its deadline.
    pub fn is_of_use(&self, seq: u64, now: Millis) -> bool {
        self.at(seq).and_then(|at| self.all.get(at)).is_some_and(|open| open.is_of_use(now))
    }

    /// All go out now.
    pub fn hurry(&mut self, now: Millis) {
        let late = self.due.split_off(&(Millis(now.0 + 1), 0));
        for (_, seq) in late {
            self.due.insert((now, seq));
            if let Some(open) = self.get_mut(seq) {
                open.next_at = now;
            }
        }
    }

    /// Those that are to go out now, in order. One past its deadline is done with.
    pub fn due(&mut self, now: Millis) -> Vec<u64> {
        let due = self.due.range(..=(now, u64::MAX)).map(|(_, seq)| *seq);
        let mut due: Vec<u64> = due.collect();
        due.retain(|seq| {
            let past = self.command(*seq).is_none_or(|command| command.deadline <= now);
            if past {
                self.finish(*seq);
            }
            !past
        });
        due.sort_unstable();
        due
    }

    /// When the next goes out (again).
    pub fn next_at(&self) -> Option<Millis> {
        self.due.first().map(|(at, _)| *at)
    }

    /// One of them.
    pub fn command(&self, seq: u64) -> Option<&Arc<Command>> {
        self.all.get(self.at(seq)?).map(|open| &open.command)
    }

    /// How often it was told.
    pub fn goes(&self, seq: u64) -> u32 {
        self.at(seq).and_then(|at| self.all.get(at)).map_or(0, |open| open.goes)
    }

    /// It is told once more, and again after a while.
    pub fn go(&mut self, seq: u64, now: Millis) -> Option<Arc<Command>> {
        let at = self.at(seq)?;
        let open = &mut self.all[at];
        let before = std::mem::replace(&mut open.next_at, now.plus(REPEAT_MS << open.goes.min(16)));
        open.goes += 1;
        if self.due.remove(&(before, seq)) {
            self.due.insert((open.next_at, seq));
        }
        Some(Arc::clone(&open.command))
    }

    /// It is in a delivery from now on, or no longer.
    pub fn posting(&mut self, seq: u64, is_posting: bool) {
        let Some(open) = self.get_mut(seq).filter(|open| open.stage != Stage::Done) else { return };
        open.stage = if is_posting { Stage::Posting } else { Stage::Waits };
        let key = (open.next_at, seq);
        if is_posting {
            self.due.remove(&key);
        } else {
            self.due.insert(key);
        }
    }

    /// It is done with, also within a delivery.
    pub fn finish(&mut self, seq: u64) {
        let Some(open) = self.get_mut(seq) else { return };
        open.stage = Stage::Done;
        let key = (open.next_at, seq);
        self.due.remove(&key);
    }

    /// The sequence of a command by its id: both grow together.
    pub fn seq_of(&self, id: CommandId) -> Option<u64> {
        let at = self.all.binary_search_by_key(&id, |open| open.command.id).ok()?;
        self.all.get(at).map(|open| open.command.seq)
    }

    fn get_mut(&mut self, seq: u64) -> Option<&mut Open> {
        let at = self.at(seq)?;
        self.all.get_mut(at)
    }

    fn at(&self, seq: u64) -> Option<usize> {
        self.all.binary_search_by_key(&seq, |open| open.command.seq).ok()
    }
}
