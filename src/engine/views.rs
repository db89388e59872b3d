//! What is read: objects, lists, staff, calls, agents; and the rows of boards.

use super::Engine;
use super::derived::PairSeen;
use super::explain::next_step_json;
use super::people::first_by_id;
use super::permission::Sight;
use super::presence;
use super::state::{Agent, Call, Stage};
use crate::domain::ids::{AgentIx, Name, QueueIx};
use crate::domain::input::Answer;
use crate::domain::media::Media;
use crate::domain::objects::queue::QueueKind;
use crate::domain::objects::{Queue, Setting, User};
use crate::domain::presence::{Detail, Presence};
use crate::domain::problem::Problem;
use crate::domain::rows::{AgentRow, CallRow, CallState, OfferRow, PairRow, QueueRow};
use crate::domain::time::Millis;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A body with the object's id in front.
#[must_use]
pub fn with_id(id: &str, body: Value) -> Value {
    let mut shown = serde_json::Map::new();
    if !id.is_empty() {
        shown.insert("id".into(), id.into());
    }
    if let Value::Object(fields) = body {
        shown.extend(fields);
    }
    Value::Object(shown)
}

/// An agent as boards see one.
struct Seen {
    rows: Vec<PairRow>,
    presence: Presence,
    offerable: bool,
    detail: Option<Detail>,
}

/// An answer with a body that has no version.
pub(super) fn done(body: Value) -> Answer {
    Answer::Done { status: 200, version: None, body }
}

impl Engine {
    /// The members of a queue or group with their presence there.
    pub(super) fn staff(&self, queue: &str, sight: &Sight) -> Result<Answer, Problem> {
        let queue = self.queue_named(queue)?;
        let items: Vec<Value> = self
            .state
            .queue(queue)
            .members
            .iter()
            .filter(|ix| sight.user(**ix))
            .filter_map(|ix| {
                let agent = self.state.agent(*ix);
                let (pair, row) = (agent.pair(queue)?, self.pair_row(*ix, queue)?);
                Some(json!({
                    "user": agent.id,
                    "name": self.name_of(*ix),
                    "stars": pair.stars,
                    "position": pair.position,
                    "source": pair.source,
                    "opted_in": pair.opted_in,
                    "presence": row.presence,
                    "offerable": row.offerable,
                    "blocked_by": row.blocked_by,
                    "detail": row.detail,
                    "status": agent.status,
                    "reason": agent.reason,
                    "since": agent.since.rfc3339(),
                    "count": super::windows::count(&self.state, agent, pair),
                }))
            })
            .collect();
        Ok(done(json!({ "items": items, "next": null })))
    }

    /// Place in the line, from 1; `None` when the call does not wait. Counted from the nearer end.
    pub(super) fn position(&self, call: &Call) -> Option<u32> {
        let placed = self.derived.placed.get(&call.id)?;
        let waiting = &self.derived.index[placed.queue.at()].waiting;
        let own = (placed.rank, call.id);
        let behind = waiting.iter().rev().take_while(|at| **at > own).count();
        u32::try_from(waiting.len() - behind).ok()
    }

    pub(super) fn call_json(&self, call: &Call) -> Value {
        let values = call.personal.and_then(|key| self.vault.call(key));
        let state = match call.stage {
            Stage::New | Stage::Waiting if call.open_count() > 0 => "offered",
            Stage::New | Stage::Waiting => "waiting",
            Stage::Connected => "connected",
            Stage::Ended => "ended",
        };
        let queue = call.queue.map(|q| self.state.queue(q));
        let waits = call.stage == Stage::Waiting;
        let offers: Vec<Value> = call
            .offers
            .iter()
            .map(|o| {
                json!({
                    "id": o.id.to_string(),
                    "agent": self.state.agent(o.agent).id,
                    "queue": self.state.shown_queue(o.queue),
                    "through": o.through.map(|q| &self.state.queue(q).id),
                    "over": o.over,
                    "round": o.round,
                    "made_at": o.made_at.rfc3339(),
                    "ringing": o.ringing,
                    "outcome": o.closed.as_ref().map(|c| &c.outcome),
                    "reason": o.closed.as_ref().and_then(|c| c.reason.as_ref()),
                    "closed_at": o.closed.as_ref().map(|c| c.at.rfc3339()),
                    "why": &*o.why,
                })
            })
            .collect();
        json!({
            "id": call.id.to_string(),
            "switch": self.state.switch(call.switch).id,
            "switch_call": call.subject,
            "state": state,
            "queue": call.queue.and_then(|q| self.state.shown_queue(q)),
            "direct_to": call.direct.map(|ix| &self.state.agent(ix).id),
            "media": call.media,
            "from": values.and_then(|v| v.from.as_ref()),
            "to": call.to,
            "attributes": values.map(|v| &v.attributes),
            "priority": call.priority,
            "rank": queue.map(|q| call.rank(&q.config)),
            "arrived_at": call.arrived_at.rfc3339(),
            "entered_at": call.entered_at.rfc3339(),
            "queued_at": call.queued_at.rfc3339(),
            "step": queue.filter(|q| waits && !call.steps_in(&q.config).is_empty()).map(|_| call.step),
            "next_step": queue.filter(|_| waits).map(|q| next_step_json(call, &q.config)),
            "preferred": self.preferred_json(call),
            "assigned_to": call.picked.as_ref().map(|picked| &self.state.agent(picked.0).id),
            "callback": self.callback_json(call),
            // Filled in for who may monitor its agents.
            "supervisors": [],
            "held": call.held,
            "recording": self.carried(call, |q| q.recording, |u| u.recording),
            "dial_audio": queue.filter(|q| q.config.kind == QueueKind::Group).and_then(|q| {
                self.state.account.group_settings.overridden(&q.config.settings).dial_audio
            }),
            "crm_updates": self.carried(call, |q| q.crm_updates, |u| u.crm_updates),
            "agent": call.legs.last().map(|l| &self.state.agent(l.agent).id),
            "offers": offers,
            "outcome": call.end.as_ref().map(|e| e.outcome),
            "reason": call.end.as_ref().map(|e| &e.reason),
            "ended_at": call.end.as_ref().map(|e| e.at.rfc3339()),
        })
    }

    /// A setting that a switch or a CRM carries out, resolved between the queue of an answered call
    /// and its agent; none before the answer.
    fn carried(
        &self,
        call: &Call,
        of_queue: fn(&Queue) -> bool,
        of_user: fn(&User) -> Setting,
    ) -> Option<bool> {
        let agent = self.state.agent(call.legs.last()?.agent);
        let queue = call.queue.is_some_and(|q| of_queue(&self.state.queue(q).config));
        Some(of_user(&agent.user).resolve(queue))
    }

    /// One agent.
    pub(super) fn agent_json(&self, ix: AgentIx) -> Value {
        let agent = self.state.agent(ix);
        let row = self.agent_row(ix);
        let work = presence::work_of(&self.state, agent);
        let used: serde_json::Map<String, Value> = Media::ALL
            .iter()
            .filter(|m| {
                **m == Media::Voice
                    || agent.user.capacity.contains_key(m)
                    || work.iter().any(|w| w.media == **m)
            })
            .map(|m| {
                let used = work.iter().filter(|w| w.media == *m).count();
                (m.word().to_owned(), json!({ "used": used, "of": agent.user.capacity_of(*m) }))
            })
            .collect();
        let queues: Vec<Value> = row
            .queues
            .iter()
            .map(|(queue, pair)| {
                json!({
                    "queue": queue,
                    "presence": pair.presence,
                    "offerable": pair.offerable,
                    "blocked_by": pair.blocked_by,
                    "detail": pair.detail,
                    "source": pair.source,
                })
            })
            .collect();
        json!({
            "user": agent.id,
            "name": row.name,
            "status": agent.status,
            "reason": agent.reason,
            "next": agent.next.as_ref().map(|n| json!({ "status": n.status, "reason": n.reason, "forced_by": n.forced_by })),
            "forced_by": agent.forced_by,
            "presence": row.presence,
            "offerable": row.offerable,
            "detail": row.detail,
            "since": row.since.rfc3339(),
            "lease": {
                "desks": agent.desks.len(),
                "until": agent.lease_until.map(Millis::rfc3339),
                "grace_until": agent.grace_until.map(Millis::rfc3339),
            },
            "device_lost": agent.device_lost || agent.device_unreached,
            "work": used,
            "calls": agent.calls.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "wrap_ups": agent.wrap_ups.iter().map(|w| json!({
                "call": w.call.to_string(),
                "queue": self.state.queue(w.queue).id,
                "until": w.until.rfc3339(),
                "dispositions": self.dispositions(ix, w.queue),
            })).collect::<Vec<_>>(),
            "teams": agent.teams,
            "queues": queues,
        })
    }

    /// A page of agents, by user id.
    pub(super) fn agents_page(&self, limit: usize, after: Option<&str>, sight: &Sight) -> Answer {
        let later = |agent: &&Agent| after.is_none_or(|after| &*agent.id > after);
        let mut page: Vec<&Agent> = match sight {
            Sight::All => self.state.agents.iter().filter(later).collect(),
            Sight::Some { users, .. } => {
                users.iter().map(|ix| self.state.agent(*ix)).filter(later).collect()
            }
        };
        let more = first_by_id(&mut page, limit);
        let next = page.last().filter(|_| more).map(|agent| agent.id.to_string());
        let items: Vec<Value> = page.iter().map(|agent| self.agent_json(agent.ix)).collect();
        done(json!({ "items": items, "next": next }))
    }

    /// What a desk shows: the agent's own state and the offers that ring.
    pub(super) fn desk_json(&self, ix: AgentIx) -> Value {
        let agent = self.state.agent(ix);
        let offers: Vec<Value> = agent
            .offers
            .iter()
            .filter_map(|(offer, id)| {
                let call = self.state.call(*id)?;
                let made = call.offer(*offer)?;
                let values = call.personal.and_then(|key| self.vault.call(key));
                Some(json!({
                    "offer": offer.to_string(),
                    "call": id.to_string(),
                    "queue": self.state.shown_queue(made.queue),
                    "queue_name": self.shown_queue_name(made.queue),
                    "media": call.media,
                    "callback": call.to_call_back().is_some(),
                    "from": values.and_then(|v| v.from.as_ref()),
                    "attributes": values.map(|v| &v.attributes),
                    "since": made.made_at.rfc3339(),
                    "until": made.made_at.plus(made.ring_for_ms).rfc3339(),
                    "ringing": made.ringing,
                    "at_desk": made.at_desk,
                }))
            })
            .collect();
        json!({ "type": "state", "seq": self.state.seq, "agent": self.agent_json(ix), "offers": offers,
            "messages": self.messages_json(ix), "names": self.names_json(ix) })
    }

    /// A queue's name; none for the line of direct calls.
    fn shown_queue_name(&self, ix: QueueIx) -> Option<&str> {
        self.state.shown_queue(ix).map(|_| self.state.queue(ix).config.name.as_str())
    }

    /// Names of what a desk shows: agents may not read the configuration. Queues are those that the
    /// agent works for and those of calls and wrap-ups; users, who has forced a status.
    fn names_json(&self, ix: AgentIx) -> Value {
        let agent = self.state.agent(ix);
        let calls = agent.calls.iter().filter_map(|id| self.state.call(*id)?.queue);
        let wraps = agent.wrap_ups.iter().map(|run| run.queue);
        let queues = agent.pairs.iter().map(|pair| pair.queue).chain(calls).chain(wraps);
        let named = |ix: QueueIx| Some((self.state.shown_queue(ix)?, self.shown_queue_name(ix)?));
        let queues: BTreeMap<_, _> = queues.filter_map(named).collect();
        let next = agent.next.as_ref().and_then(|next| next.forced_by.as_ref());
        let users = agent.forced_by.iter().chain(next);
        let users: BTreeMap<_, _> =
            users.filter_map(|user| Some((user, self.user_name(user)?))).collect();
        json!({ "queues": queues, "users": users })
    }

    /// First and last name of a user, by id.
    pub(super) fn user_name(&self, user: &str) -> Option<Name> {
        self.name_of(*self.derived.users.get(user)?)
    }

    /// First and last name.
    pub(super) fn name_of(&self, ix: AgentIx) -> Option<Name> {
        self.vault.user(self.state.agent(ix).personal).and_then(|v| v.name.clone())
    }

    /// An agent in one queue, as last seen.
    pub(super) fn pair_row(&self, ix: AgentIx, queue: QueueIx) -> Option<PairRow> {
        let at = self.state.agent(ix).pairs.iter().position(|p| p.queue == queue)?;
        self.derived.pairs[ix.at()].get(at)?.row
    }

    /// A queue's row.
    pub(super) fn queue_row(&self, ix: QueueIx) -> QueueRow {
        let queue = self.state.queue(ix);
        let index = &self.derived.index[ix.at()];
        QueueRow {
            id: queue.id.clone(),
            kind: queue.config.kind.word(),
            waiting: index.waiting.len() as u32,
            oldest_at: index.queued.first().map(|(at, _)| *at),
            ringing: index.ringing,
            talking: index.talking,
            agents: index.presence,
            offerable: index.offerable,
            today: if queue.day == self.state.day { queue.counts } else { Default::default() },
        }
    }

    /// An agent's row.
    pub(super) fn agent_row(&self, ix: AgentIx) -> AgentRow {
        self.agent_row_of(ix, &self.seen(ix))
    }

    /// What is seen of an agent: the pairs, and the agent as a whole.
    fn seen(&self, ix: AgentIx) -> Seen {
        let agent: &Agent = self.state.agent(ix);
        let work = presence::work_of(&self.state, agent);
        let rows: Vec<PairRow> =
            self.derived.pairs[ix.at()].iter().filter_map(|s: &PairSeen| s.row).collect();
        let (presence, offerable, detail) = presence::whole(&self.state, agent, &rows, &work);
        Seen { rows, presence, offerable, detail }
    }

    fn agent_row_of(&self, ix: AgentIx, seen: &Seen) -> AgentRow {
        let agent = self.state.agent(ix);
        let queues = agent
            .pairs
            .iter()
            .zip(&seen.rows)
            .map(|(pair, row)| (self.state.queue(pair.queue).id.clone(), *row))
            .collect();
        AgentRow {
            id: agent.id.clone(),
            name: self.name_of(ix),
            status: agent.status,
            reason: agent.reason.clone(),
            next: agent.next.as_ref().map(|n| n.status),
            forced_by: agent.forced_by.clone(),
            presence: seen.presence,
            offerable: seen.offerable,
            detail: seen.detail,
            // An answer within the record comes before its end, which stamps the agent.
            since: if agent.detail == seen.detail { agent.since } else { self.state.at },
            calls: agent.calls.clone(),
            queues,
        }
    }

    /// A live call's row.
    pub(super) fn call_row(&self, call: &Call) -> CallRow {
        let values = call.personal.and_then(|key| self.vault.call(key));
        let offers: Box<[OfferRow]> = call
            .open_offers()
            .map(|o| OfferRow {
                id: o.id,
                agent: self.state.agent(o.agent).id.clone(),
                since: o.made_at,
            })
            .collect();
        let queue = call.queue.map(|q| self.state.queue(q));
        CallRow {
            id: call.id,
            queue: call.queue.and_then(|q| self.state.shown_queue(q)).cloned(),
            media: call.media,
            state: match call.stage {
                Stage::Connected => CallState::Connected,
                _ if !offers.is_empty() => CallState::Offered,
                _ => CallState::Waiting,
            },
            from: values.and_then(|v| v.from.clone()),
            arrived_at: call.arrived_at,
            entered_at: call.entered_at,
            queued_at: call.queued_at,
            rank: queue.map_or(0, |q| call.rank(&q.config)),
            priority: call.priority + queue.map_or(0, |q| q.config.priority),
            agent: call.legs.last().map(|l| self.state.agent(l.agent).id.clone()),
            callback: call.to_call_back().is_some(),
            offers,
        }
    }

    /// What the record changed on boards; also stamps the rows with the record.
    pub(super) fn changes(&mut self, build: bool) -> crate::domain::rows::Changes {
        let seq = self.state.seq;
        let touched = &mut self.derived.touched;
        let mut agents = std::mem::take(&mut touched.agents);
        let mut queues = std::mem::take(&mut touched.queues);
        let mut calls = std::mem::take(&mut touched.calls);
        agents.sort_unstable();
        agents.dedup();
        queues.sort_unstable();
        queues.dedup();
        calls.sort_unstable();
        calls.dedup();
        let mut changes = crate::domain::rows::Changes::default();
        if !self.derived.touched.alerts.is_empty() {
            changes.alerts = self.touched_alerts(build);
        }
        for ix in agents.drain(..) {
            let seen = self.seen(ix);
            self.stamp_agent(ix, seen.detail);
            if build {
                changes.agents.push(Arc::new(self.agent_row_of(ix, &seen)));
            }
        }
        for ix in queues.drain(..) {
            if self.state.direct_line == Some(ix) {
                continue;
            }
            // What came and went within the record is no change: a replay does not see it.
            let row = (!self.state.queue(ix).deleted).then(|| self.queue_row(ix));
            let shown = &mut self.derived.index[ix.at()].shown;
            if *shown == row {
                continue;
            }
            if build {
                match &row {
                    Some(row) => changes.queues.push(Arc::new(row.clone())),
                    None => changes.removed_queues.push(self.state.queue(ix).id.clone()),
                }
            }
            *shown = row;
            self.state.queues[ix.at()].changed = seq;
        }
        for id in calls.drain(..) {
            let Some(call) = self.state.calls.get_mut(&id) else { continue };
            call.changed = seq;
            if !build {
                continue;
            }
            let Some(call) = self.state.call(id) else { continue };
            match call.end {
                Some(_) => changes.removed_calls.push(id),
                None => changes.calls.push(Arc::new(self.call_row(call))),
            }
        }
        // The lists keep their room for the next record.
        let touched = &mut self.derived.touched;
        (touched.agents, touched.queues, touched.calls) = (agents, queues, calls);
        changes
    }

    /// Notes since when an agent is seen doing what, at the record's end.
    fn stamp_agent(&mut self, ix: AgentIx, detail: Option<Detail>) {
        let (seq, at) = (self.state.seq, self.state.at);
        let agent = &mut self.state.agents[ix.at()];
        agent.changed = seq;
        if agent.detail != detail {
            agent.detail = detail;
            agent.since = at;
        }
        super::ledger::stamp(&mut self.state, ix);
    }
}
