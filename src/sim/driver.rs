//! The engine's side of a scenario: lines become inputs, decisions become facts and views.

mod lines;

use super::fact::{Fact, target_text};
use super::scenario::System;
use super::step::Step;
use super::view::{self, View};
use crate::domain::event::{Event, OfferFailure, PersonalKey};
use crate::domain::ids::{AgentIx, CallId, Name, OfferId, QueueIx, SwitchIx};
use crate::domain::input::{Answer, Input};
use crate::domain::objects::direct::DIRECT_LINE;
use crate::domain::presence::Status;
use crate::domain::rows::{AgentRow, CallRow, CallState, QueueRow};
use crate::domain::switching::ResultStatus;
use crate::domain::time::Millis;
use crate::engine::{Decision, Engine};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The engine, with the names that the scenario language uses.
pub struct Driver {
    engine: Engine,
    agents: Vec<(String, Status)>,
    queues: Vec<String>,
    switches: Vec<String>,
    calls: Vec<(CallId, String)>,
    /// Of these, the callbacks.
    callbacks: Vec<(CallId, String)>,
    /// The name of the callback that is asked for by hand.
    asked: String,
    /// Offer, its call and agent.
    offers: Vec<(OfferId, CallId, AgentIx)>,
    inputs: u64,
    restarts: Option<Restarts>,
    /// Kept for who asked for it.
    log: Option<Vec<Logged>>,
}

/// A record: its sequence, its time, its events.
pub type Logged = (u64, Millis, Vec<Event>);

/// A driver whose engine is put away and read back after every so many records.
struct Restarts {
    every: u64,
    vault: BTreeMap<PersonalKey, String>,
    /// Follows the records alone.
    replica: Engine,
    apart: Vec<String>,
}

impl Default for Driver {
    fn default() -> Driver {
        Driver::new()
    }
}

impl Driver {
    /// An engine of an empty account.
    #[must_use]
    pub fn new() -> Driver {
        Driver {
            engine: Engine::new("test", 1),
            agents: Vec::new(),
            queues: Vec::new(),
            switches: Vec::new(),
            calls: Vec::new(),
            callbacks: Vec::new(),
            asked: String::new(),
            offers: Vec::new(),
            inputs: 0,
            restarts: None,
            log: None,
        }
    }

    /// As [`Driver::new`], with an engine that goes on from its snapshot after every so many
    /// records, and a replica beside it that must come to the same state by the records alone.
    #[must_use]
    pub fn restarted_every(records: u64) -> Driver {
        // Of another seed: what has been drawn is on record.
        let replica = Engine::new("test", 99);
        let vault = BTreeMap::new();
        let restarts = Restarts { every: records.max(1), vault, replica, apart: Vec::new() };
        Driver { restarts: Some(restarts), ..Driver::new() }
    }

    fn handle(&mut self, now: Millis, input: Input) -> Decision {
        let decision = self.engine.handle(now, input);
        if let Some(log) = self.log.as_mut().filter(|_| !decision.events.is_empty()) {
            log.push((decision.seq, now, decision.events.clone()));
        }
        let Some(restarts) = &mut self.restarts else { return decision };
        for change in &decision.vault {
            match &change.value {
                Some(value) => _ = restarts.vault.insert(change.key, value.clone()),
                None => _ = restarts.vault.remove(&change.key),
            }
        }
        if decision.events.is_empty() {
            return decision;
        }
        let replayed = restarts.replica.replay_events(decision.seq, now, &decision.events);
        restarts.apart.extend(replayed.err().map(|e| e.to_string()));
        if decision.seq.is_multiple_of(restarts.every) {
            let snapshot = self.engine.snapshot();
            if view::without_stamps(&snapshot) != view::without_stamps(&restarts.replica.snapshot())
            {
                restarts.apart.push(format!("record {}: the replica differs", decision.seq));
            }
            let mut read = |key| restarts.vault.get(&key).cloned();
            match Engine::restore("test", &snapshot, &mut read) {
                Ok(engine) => self.engine = engine,
                Err(e) => restarts.apart.push(e.to_string()),
            }
        }
        decision
    }

    /// As [`Driver::new`], keeping its records for [`Driver::take_log`].
    #[must_use]
    pub fn logged() -> Driver {
        Driver { log: Some(Vec::new()), ..Driver::new() }
    }

    /// The records since this was asked last, in order; none but of a logged one.
    pub fn take_log(&mut self) -> Vec<Logged> {
        self.log.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The engine itself.
    pub fn engine(&mut self) -> &mut Engine {
        &mut self.engine
    }

    fn call_id(&self, name: &str) -> CallId {
        self.calls.iter().rev().find(|(_, n)| n == name).map_or(CallId(1), |(id, _)| *id)
    }

    /// The last offer of a call to an agent; one that never was when there is none.
    fn offer_id(&self, call: &str, user: &str) -> OfferId {
        let call = self.call_id(call);
        let of = |(_, c, a): &&(OfferId, CallId, AgentIx)| {
            *c == call && self.agents.get(a.at()).is_some_and(|(name, _)| name == user)
        };
        self.offers.iter().rev().find(of).map_or(OfferId(1), |(id, ..)| *id)
    }

    fn agent(&self, agent: AgentIx) -> String {
        self.agents.get(agent.at()).map_or_else(|| format!("{agent:?}"), |(name, _)| name.clone())
    }

    fn queue(&self, queue: QueueIx) -> String {
        self.queues.get(queue.at()).cloned().unwrap_or_else(|| format!("{queue:?}"))
    }

    fn switch(&self, switch: SwitchIx) -> String {
        self.switches.get(switch.at()).cloned().unwrap_or_else(|| format!("{switch:?}"))
    }

    fn call(&self, call: CallId) -> String {
        let found = self.calls.iter().rev().find(|(id, _)| *id == call);
        found.map_or_else(|| call.to_string(), |(_, name)| name.clone())
    }

    fn offer(&self, offer: OfferId) -> (String, String) {
        match self.offers.iter().rev().find(|(id, ..)| *id == offer) {
            Some((_, call, agent)) => (self.call(*call), self.agent(*agent)),
            None => (offer.to_string(), String::new()),
        }
    }

    /// The switch's name for a call: of a callback its id.
    fn subject(&self, name: &str) -> String {
        match self.callbacks.iter().rev().find(|(_, n)| n == name) {
            Some((id, _)) => id.to_string(),
            None => name.to_owned(),
        }
    }

    fn facts(&mut self, now: Millis, decision: &Decision) -> Vec<Fact> {
        let mut facts = Vec::new();
        match &decision.answer {
            Some(Answer::Refused(_)) => facts.push(Fact::No),
            Some(Answer::Event(result)) if result.status != ResultStatus::Accepted => {
                facts.push(Fact::NotTaken { why: result.status.word() });
            }
            _ => {}
        }
        for event in &decision.events {
            self.learn(event);
            facts.extend(self.fact(now, event));
            if let Event::StatusSet { agent, status, .. }
            | Event::StatusForced { agent, status, .. } = event
                && let Some(known) = self.agents.get_mut(agent.at())
            {
                known.1 = *status;
            }
        }
        facts
    }

    /// Numbers are given in the order of creation.
    fn learn(&mut self, event: &Event) {
        match event {
            Event::UserPut { id, .. } => {
                let id = short(id);
                if !self.agents.iter().any(|(name, _)| *name == id) {
                    self.agents.push((id, Status::Offline));
                }
            }
            Event::QueuePut { id, .. } => remember(&mut self.queues, id),
            Event::DirectLineMade {} => remember(&mut self.queues, &DIRECT_LINE.into()),
            Event::SwitchPut { id, .. } => remember(&mut self.switches, id),
            Event::CallArrived { call, subject, .. } => {
                self.calls.push((*call, subject.to_string()));
            }
            Event::CallbackMade { call, of, .. } => {
                let name = match of {
                    Some(of) => format!("{}+", self.call(*of)),
                    None => std::mem::take(&mut self.asked),
                };
                self.calls.push((*call, name.clone()));
                self.callbacks.push((*call, name));
            }
            Event::CallOffered { call, offer, agent, .. } => {
                self.offers.push((*offer, *call, *agent));
            }
            _ => {}
        }
    }

    fn fact(&self, now: Millis, event: &Event) -> Option<Fact> {
        Some(match event {
            Event::CallQueued { call, queue, .. } => {
                Fact::Queued { call: self.call(*call), queue: self.queue(*queue) }
            }
            Event::CallbackMade { call, queue, .. } => {
                Fact::Callback { call: self.call(*call), queue: self.queue(*queue) }
            }
            Event::CustomerDialed { call, .. } => Fact::Dialed { call: self.call(*call) },
            Event::CustomerReached { call } => Fact::Reached { call: self.call(*call) },
            Event::CustomerMissed { call, .. } => Fact::Unreached { call: self.call(*call) },
            Event::CallOffered { call, agent, ring_for_ms, over, .. } => Fact::Ring {
                call: self.call(*call),
                agent: self.agent(*agent),
                ring_for_ms: *ring_for_ms,
                over: *over,
            },
            Event::OfferMissed { offer, .. } => {
                let (call, agent) = self.offer(*offer);
                Fact::Missed { call, agent }
            }
            Event::OfferRefused { offer, .. } => {
                let (call, agent) = self.offer(*offer);
                Fact::Refused { call, agent }
            }
            Event::OfferFailed { offer, reason, .. } => {
                let (call, agent) = self.offer(*offer);
                Fact::Failed { call, agent, reason: *reason }
            }
            Event::JoinFailed { offer, .. } => {
                let (call, agent) = self.offer(*offer);
                Fact::Failed { call, agent, reason: OfferFailure::Error }
            }
            Event::OfferWithdrawn { offer, reason } => {
                let (call, agent) = self.offer(*offer);
                Fact::Withdrawn { call, agent, reason: *reason }
            }
            Event::CallAnswered { call, agent, over, .. } => {
                Fact::Answered { call: self.call(*call), agent: self.agent(*agent), over: *over }
            }
            Event::AnswerStopped { offer, .. } => {
                let (call, agent) = self.offer(*offer);
                Fact::Stopped { call, agent }
            }
            Event::CallExited { call, exit, to } => {
                Fact::Exited { call: self.call(*call), exit: *exit, to: target_text(to) }
            }
            Event::CallAbandoned { call, .. } => Fact::Abandoned { call: self.call(*call) },
            Event::CallEnded { call, outcome, .. } => {
                Fact::Ended { call: self.call(*call), outcome: *outcome }
            }
            Event::StatusSet { agent, status, cause, .. } => {
                let was = self.agents.get(agent.at()).map(|(_, status)| *status);
                if was == Some(*status) {
                    return None;
                }
                Fact::Status { agent: self.agent(*agent), status: *status, cause: *cause }
            }
            Event::StatusForced { agent, status, .. } => {
                Fact::Forced { agent: self.agent(*agent), status: *status }
            }
            Event::WrapUpStarted { call, agent, until, .. } => Fact::WrapUp {
                agent: self.agent(*agent),
                call: self.call(*call),
                for_ms: until.since(now),
            },
            Event::WrapUpEnded { call, agent, .. } => {
                Fact::WrapUpEnded { agent: self.agent(*agent), call: self.call(*call) }
            }
            Event::Delayed { agent, until } => {
                Fact::Delayed { agent: self.agent(*agent), for_ms: until.since(now) }
            }
            Event::CallAnnounced { call, position, .. } => {
                Fact::Announced { call: self.call(*call), position: *position as usize }
            }
            Event::SwitchSuspected { switch } => Fact::Suspected { switch: self.switch(*switch) },
            _ => return None,
        })
    }

    fn agent_line(&self, row: &AgentRow) -> String {
        let mut calls: Vec<_> = row.calls.iter().map(|c| self.call(*c)).collect();
        calls.sort();
        view::agent_line(&view::AgentSeen {
            name: &short(&row.id),
            status: row.status,
            next: row.next,
            forced: row.forced_by.is_some(),
            presence: row.presence,
            offerable: row.offerable,
            detail: row.detail,
            calls: &calls,
        })
    }

    fn queue_line(&self, row: &QueueRow, calls: &[(u64, Arc<CallRow>)]) -> String {
        let mut waiting: Vec<_> = calls
            .iter()
            .map(|(_, c)| c)
            .filter(|c| c.queue.as_ref() == Some(&row.id) && c.state != CallState::Connected)
            .collect();
        waiting.sort_by_key(|c| (c.rank, c.id));
        let order: Vec<_> = waiting.iter().map(|c| self.call(c.id)).collect();
        view::queue_line(&view::QueueSeen {
            name: &row.id,
            waiting: row.waiting as usize,
            order: &order,
            oldest: row.oldest_at,
            ringing: row.ringing as usize,
            talking: row.talking as usize,
            agents: [
                row.agents.available,
                row.agents.opted_out,
                row.agents.busy,
                row.agents.offline,
            ]
            .map(|n| n as usize),
            offerable: row.offerable as usize,
            today: row.today,
        })
    }

    fn call_line(&self, row: &CallRow) -> String {
        let offers: Vec<_> = row.offers.iter().map(|o| short(&o.agent)).collect();
        let agent = row.agent.as_ref().map(short);
        view::call_line(&view::CallSeen {
            name: &self.call(row.id),
            queue: row.queue.as_deref().unwrap_or("-"),
            entered_at: row.entered_at,
            queued_at: row.queued_at,
            rank: row.rank,
            agent: agent.as_deref(),
            offers: &offers,
        })
    }
}

impl System for Driver {
    fn apply(&mut self, now: Millis, step: &Step) -> Vec<Fact> {
        self.inputs += 1;
        if let Step::Callback { call, .. } = step {
            self.asked.clone_from(call);
        }
        let Some(input) = self.input(step) else { return Vec::new() };
        let decision = self.handle(now, input);
        self.facts(now, &decision)
    }

    fn next_deadline(&mut self) -> Option<Millis> {
        self.engine.next_deadline().map(|(at, _)| at)
    }

    fn due(&mut self, now: Millis) -> Vec<Fact> {
        let decision = self.handle(now, Input::Deadline);
        self.facts(now, &decision)
    }

    fn view(&mut self) -> View {
        let board = self.engine.board();
        let mut lines = Vec::new();
        for (_, row) in &board.agents {
            lines.push(self.agent_line(row));
            for (queue, pair) in &row.queues {
                lines.push(view::pair_line(
                    &short(&row.id),
                    queue,
                    pair.presence,
                    pair.detail,
                    pair.blocked_by,
                ));
            }
        }
        lines.extend(board.queues.iter().map(|(_, row)| self.queue_line(row, &board.calls)));
        lines.extend(board.calls.iter().map(|(_, row)| self.call_line(row)));
        lines.sort();
        lines
    }

    fn broken(&mut self) -> Vec<String> {
        let mut broken = self.engine.invariants();
        if let Some(restarts) = &self.restarts {
            broken.extend(restarts.apart.iter().cloned());
        }
        broken
    }
}

fn remember(names: &mut Vec<String>, id: &Name) {
    if !names.iter().any(|name| **name == **id) {
        names.push(id.to_string());
    }
}

fn short(id: &Name) -> String {
    id.strip_prefix("usr_").unwrap_or(id).to_owned()
}
