//! How long an agent has worked and has been free, for the order `least_occupied` (`engine.md` 4).
//!
//! A ledger is kept only for members of queues of that order. It has an entry for each change, so that
//! what was done since any instant of the last day is found by halving.

use super::state::{Agent, State};
use crate::domain::formulas::occupancy_ppm;
use crate::domain::ids::{AgentIx, QueueIx};
use crate::domain::objects::queue::{Needs, Order, Window};
use crate::domain::presence::Status;
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Entries older than this are of no window: a day of 25 hours is the longest, ms.
const KEPT_MS: u64 = 26 * 3_600_000;

/// What an agent does, as far as occupancy is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Doing {
    /// On a call of whatever kind, or in after-call work.
    Handling,
    /// Ready, and on none.
    Ready,
    /// Online, and on none.
    Online,
    /// Neither: on a break, or away.
    Nothing,
}

/// Milliseconds, by what was done.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Times {
    handling: u64,
    ready: u64,
    online: u64,
}

impl Times {
    fn with(mut self, doing: Doing, ms: u64) -> Times {
        match doing {
            Doing::Handling => self.handling += ms,
            Doing::Ready => self.ready += ms,
            Doing::Online => self.online += ms,
            Doing::Nothing => {}
        }
        self
    }
}

/// A change: all until then, and what is done from then on.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Entry {
    at: Millis,
    until: Times,
    doing: Doing,
}

impl Entry {
    /// All until an instant that no entry lies before.
    fn by(&self, at: Millis) -> Times {
        self.until.with(self.doing, at.since(self.at))
    }
}

/// What an agent has done.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ledger {
    entries: VecDeque<Entry>,
    /// All until the last log-on.
    logged_on: Times,
}

impl Ledger {
    /// All until an instant.
    fn by(&self, at: Millis) -> Times {
        let next = self.entries.partition_point(|entry| entry.at <= at);
        match next.checked_sub(1) {
            Some(before) => self.entries[before].by(at),
            // Before the ledger began, or longer ago than it reaches.
            None => self.entries.front().map(|first| first.until).unwrap_or_default(),
        }
    }

    fn note(&mut self, at: Millis, doing: Doing) {
        if self.entries.back().is_some_and(|last| last.doing == doing) {
            return;
        }
        let until = self.by(at);
        // What came and went at one instant is no entry.
        if self.entries.back().is_some_and(|last| last.at == at) {
            self.entries.pop_back();
        }
        self.entries.push_back(Entry { at, until, doing });
        // The entry in force at the far end of the longest window is kept.
        while self.entries.len() > 1 && self.entries[1].at.plus(KEPT_MS) < at {
            self.entries.pop_front();
        }
    }
}

fn doing(agent: &Agent) -> Doing {
    let handles =
        !agent.calls.is_empty() || !agent.own_calls.is_empty() || !agent.wrap_ups.is_empty();
    match agent.status {
        _ if handles => Doing::Handling,
        Status::Ready => Doing::Ready,
        Status::Online => Doing::Online,
        Status::OnBreak | Status::Offline => Doing::Nothing,
    }
}

/// At a record's end: what an agent does from now on.
pub fn stamp(state: &mut State, ix: AgentIx) {
    let at = state.at;
    let State { agents, queues, .. } = state;
    let Some(agent) = agents.get_mut(ix.at()) else { return };
    let weighed = |queue: QueueIx| queues[queue.at()].config.plan.order == Order::LeastOccupied;
    if !agent.pairs.iter().any(|pair| weighed(pair.queue)) {
        agent.ledger = None;
        return;
    }
    let doing = doing(agent);
    agent.ledger.get_or_insert_default().note(at, doing);
}

/// An agent logs on: a shift begins.
pub fn log_on(agent: &mut Agent, at: Millis) {
    if let Some(ledger) = &mut agent.ledger {
        ledger.logged_on = ledger.by(at);
    }
}

/// An agent's occupancy in the window of a queue, as of now, in millionths. What the queue needs is
/// what counts as free: `ready`, or `online` too.
#[must_use]
pub fn occupancy(state: &State, agent: &Agent, queue: QueueIx, day_began_at: Millis) -> u32 {
    let Some(ledger) = &agent.ledger else { return 0 };
    let config = &state.queue(queue).config;
    let now = ledger.by(state.at);
    let before = match config.plan.window {
        Window::Day => ledger.by(day_began_at),
        Window::Shift => ledger.logged_on,
        Window::Rolling => ledger.by(Millis(state.at.0 - super::windows::ROLLING_MS as i64)),
    };
    let idle = (now.ready - before.ready)
        + match config.needs {
            Needs::Ready => 0,
            Needs::Online => now.online - before.online,
        };
    occupancy_ppm(now.handling - before.handling, idle)
}
