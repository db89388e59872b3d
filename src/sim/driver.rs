//! The engine's side of a scenario: lines become inputs, decisions become facts and views.

use super::fact::{Fact, target_text};
use super::scenario::System;
use super::step::{Report, Step, To, What};
use super::view::{self, View};
use crate::domain::event::{Event, OfferFailure, PersonalKey};
use crate::domain::ids::{AgentIx, CallId, Name, OfferId, QueueIx, SwitchIx};
use crate::domain::input::{Actor, Answer, CallChange, Command, Door, Input, ObjectRef};
use crate::domain::objects::direct::DIRECT_LINE;
use crate::domain::objects::user::Role;
use crate::domain::presence::Status;
use crate::domain::rows::{AgentRow, CallRow, CallState, QueueRow};
use crate::domain::switching::{
    Arrival, ArrivalTarget, Direction, Happening, OverflowWhy, ResultStatus, SwitchEvent, SyncCall,
    TransferKind, TransferTo,
};
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
    /// Offer, its call and agent.
    offers: Vec<(OfferId, CallId, AgentIx)>,
    inputs: u64,
    restarts: Option<Restarts>,
}

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
            offers: Vec::new(),
            inputs: 0,
            restarts: None,
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

    fn input(&self, step: &Step) -> Option<Input> {
        let command = |actor, command| Some(Input::Command { actor, command });
        match step {
            Step::At(_) | Step::Expect(_) => None,
            Step::Put { kind, parent, id, body } => {
                use crate::domain::input::Kind;
                let id = if matches!(kind, Kind::User | Kind::Member) {
                    user_id(id)
                } else {
                    id.clone()
                };
                let object = ObjectRef { kind: *kind, parent: parent.clone(), id };
                let body = body.clone();
                command(
                    owner(),
                    Command::Put { object, body, merge: false, if_match: None, dry_run: false },
                )
            }
            Step::RemoveMember { queue, user } => {
                let kind = crate::domain::input::Kind::Member;
                let object = ObjectRef { kind, parent: queue.clone(), id: user_id(user) };
                command(owner(), Command::Delete { object, if_match: None, dry_run: false })
            }
            Step::Event(report) => Some(Input::Switch {
                actor: switch_actor(&report.switch),
                source: report.switch.clone(),
                event: self.event(report),
            }),
            Step::Status { user, status, when, lease_ms } => command(
                agent_actor(user),
                Command::SetStatus {
                    user: user_id(user),
                    status: *status,
                    reason: break_reason(*status),
                    when: *when,
                    lease_ms: *lease_ms,
                },
            ),
            Step::Force { user, status, when } => command(
                supervisor(),
                Command::ForceStatus {
                    user: user_id(user),
                    status: *status,
                    reason: break_reason(*status),
                    when: *when,
                },
            ),
            Step::Clear { user } => {
                command(supervisor(), Command::ClearForced { user: user_id(user) })
            }
            Step::Opt { user, queue, opted_in } => command(
                agent_actor(user),
                Command::SetOptedIn {
                    queue: queue.clone(),
                    user: user_id(user),
                    opted_in: *opted_in,
                },
            ),
            Step::Accept { call, user } => {
                command(agent_actor(user), Command::Accept { offer: self.offer_id(call, user) })
            }
            Step::Refuse { call, user } => {
                command(agent_actor(user), Command::Refuse { offer: self.offer_id(call, user) })
            }
            Step::Wrapped { call, user } => command(
                agent_actor(user),
                Command::EndWrapUp { call: self.call_id(call), disposition: None },
            ),
            Step::Assign { call, user } => command(
                supervisor(),
                Command::Assign { call: self.call_id(call), user: user_id(user) },
            ),
            Step::Change { call, priority, skills, queue } => command(
                supervisor(),
                Command::ChangeCall {
                    call: self.call_id(call),
                    change: CallChange {
                        priority: *priority,
                        skills: skills.clone(),
                        queue: queue.clone(),
                    },
                },
            ),
            Step::HangUp { call } => {
                command(owner(), Command::EndCall { call: self.call_id(call) })
            }
            Step::Desk { user, desk, open } => {
                let (user_name, desk) = (user_id(user), *desk);
                let change = if *open {
                    Command::DeskOpened { user: user_name, desk }
                } else {
                    Command::DeskClosed { user: user_name, desk }
                };
                command(agent_actor(user), change)
            }
            Step::Spoke { switch } => Some(Input::SwitchSpoke { switch: switch.clone() }),
            Step::Link { switch, open } => {
                Some(Input::SwitchLink { switch: switch.clone(), open: *open })
            }
            Step::Unreachable { switch } => {
                Some(Input::SwitchUnreachable { switch: switch.clone() })
            }
            Step::Restart { away_ms } => Some(Input::Resumed { away_ms: *away_ms }),
        }
    }

    fn event(&self, report: &Report) -> SwitchEvent {
        let offer = |agent: &String| self.offer_id(&report.subject, agent);
        let what = match &report.what {
            What::Arrived { to, media, priority, skills, from, steps, preferred } => {
                let (target, dialled) = match to {
                    To::Queue(id) => (Some(ArrivalTarget::Queue(id.clone())), None),
                    To::Extension(ext) => (Some(ArrivalTarget::Extension(ext.clone())), None),
                    To::Agent(user) => (Some(ArrivalTarget::Agent(user_id(user))), None),
                    To::Number(number) => (None, Some(number.clone())),
                };
                Happening::CallArrived(Box::new(Arrival {
                    media: *media,
                    from: Some(from.clone()),
                    to: dialled,
                    target,
                    priority: *priority,
                    skills: skills.clone(),
                    steps: steps.clone(),
                    preferred: preferred.clone(),
                    attributes: BTreeMap::new(),
                }))
            }
            What::Abandoned => Happening::CallAbandoned,
            What::Ended(by) => Happening::CallEnded { by: *by },
            What::Updated { priority, skills } => Happening::CallUpdated {
                priority: *priority,
                skills: skills.clone(),
                attributes: None,
            },
            What::Held => Happening::CallHeld,
            What::Resumed => Happening::CallResumed,
            What::Transferred { to, attended } => Happening::CallTransferred {
                to: match to {
                    To::Queue(id) => TransferTo::Queue(id.clone()),
                    To::Extension(ext) => TransferTo::Extension(ext.clone()),
                    To::Agent(user) => TransferTo::Agent(user_id(user)),
                    To::Number(number) => TransferTo::Number(number.clone()),
                },
                kind: if *attended { TransferKind::Attended } else { TransferKind::Blind },
            },
            What::Choice => Happening::CallChoice,
            What::Overflowed => Happening::CallOverflowed { why: OverflowWhy::EngineTimeout },
            What::Ringing { agent } => Happening::OfferRinging { offer: offer(agent) },
            What::Answered { agent } => Happening::OfferAnswered { offer: offer(agent) },
            What::Failed { agent, reason } => {
                Happening::OfferFailed { offer: offer(agent), reason: *reason }
            }
            What::OwnCall { agent, started: true } => Happening::AgentCallStarted {
                agent: user_id(agent),
                direction: Direction::Outbound,
            },
            What::OwnCall { agent, .. } => Happening::AgentCallEnded { agent: user_id(agent) },
            What::Device { agent, lost: true } => Happening::DeviceLost { agent: user_id(agent) },
            What::Device { agent, .. } => Happening::DeviceRegistered { agent: user_id(agent) },
            What::Started => Happening::SwitchStarted { software: None },
            What::Heartbeat => Happening::SwitchHeartbeat,
            What::Sync(calls) => Happening::SwitchSync {
                calls: calls
                    .iter()
                    .map(|(call, state)| SyncCall {
                        call: call.clone(),
                        state: *state,
                        offer: None,
                    })
                    .collect(),
            },
            What::Unknown => Happening::Unknown {
                kind: "acme.strange".to_owned(),
                data: serde_json::json!({ "a": 1 }),
            },
        };
        SwitchEvent {
            id: report.id.clone().unwrap_or_else(|| format!("line-{}", self.inputs)),
            subject: report.subject.clone(),
            time: None,
            bootid: report.boot.clone(),
            sequence: report.seq,
            replayed: report.replayed,
            what,
            extra: None,
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

fn user_id(name: &str) -> String {
    format!("usr_{name}")
}

fn short(id: &Name) -> String {
    id.strip_prefix("usr_").unwrap_or(id).to_owned()
}

fn break_reason(status: Status) -> Option<String> {
    (status == Status::OnBreak).then(|| "unavailable".to_owned())
}

fn actor(name: &str, role: Role, user: Option<Name>, switch: Option<Name>) -> Actor {
    Actor { name: name.into(), role, user, switch, door: Door::default() }
}

fn owner() -> Actor {
    actor("own", Role::Owner, None, None)
}

fn supervisor() -> Actor {
    actor("sup", Role::Supervisor, None, None)
}

fn agent_actor(user: &str) -> Actor {
    let id: Name = user_id(user).into();
    actor(&id, Role::Agent, Some(id.clone()), None)
}

fn switch_actor(switch: &str) -> Actor {
    actor(switch, Role::Switch, None, Some(switch.into()))
}
