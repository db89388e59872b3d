//! What is read: objects, lists, staff, calls, agents; and the rows of boards.

use super::Engine;
use super::derived::PairSeen;
use super::explain::next_step_json;
use super::permission::Sight;
use super::presence;
use super::state::{Agent, Call, Stage};
use crate::domain::ids::{AgentIx, Name, QueueIx};
use crate::domain::input::{Answer, Kind, ObjectRef};
use crate::domain::media::Media;
use crate::domain::objects::queue::QueueKind;
use crate::domain::objects::user::Role;
use crate::domain::objects::{Member, RoleBody};
use crate::domain::presence::{Detail, Presence};
use crate::domain::problem::Problem;
use crate::domain::rows::{AgentRow, CallRow, CallState, OfferRow, PairRow, QueueRow};
use crate::domain::time::Millis;
use serde_json::{Value, json};
use std::sync::Arc;

/// A source whose clock is further off than this is flagged, ms. Durations come from the engine's
/// clock alone, so nothing else follows.
const SKEW_MS: i64 = 2_000;

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

fn done(body: Value) -> Answer {
    Answer::Done { status: 200, version: None, body }
}

impl Engine {
    /// One object with its version, as it is shown.
    pub(super) fn object_json(&self, object: &ObjectRef) -> Option<(u64, Value)> {
        let id = object.id.as_str();
        let (version, body) = match object.kind {
            Kind::Account => (self.state.account_version, self.state.account.to_json()),
            Kind::Skill => {
                let item = &self.state.skills[self.derived.skills.get(id)?.at()];
                (item.version, item.value.as_ref()?.to_json())
            }
            Kind::User => {
                let ix = *self.derived.users.get(id)?;
                (self.state.agent(ix).version, self.whole_user(ix).to_json())
            }
            Kind::Queue | Kind::Group => {
                let queue = self.state.queue(*self.derived.queues.get(id)?);
                let wanted =
                    if object.kind == Kind::Group { QueueKind::Group } else { QueueKind::Queue };
                if queue.config.kind != wanted {
                    return None;
                }
                (queue.version, queue.config.to_json())
            }
            Kind::Member => {
                let queue = *self.derived.queues.get(object.parent.as_str())?;
                let agent = self.state.agent(*self.derived.users.get(id)?);
                let pair = agent.pair(queue)?;
                let mut body = Member { stars: pair.stars, position: pair.position }.to_json();
                body["source"] = "direct".into();
                body["opted_in"] = pair.opted_in.into();
                (pair.version, body)
            }
            Kind::Route => {
                let item = self.state.routes.get(id)?;
                (item.version, item.value.as_ref()?.to_json())
            }
            Kind::Switch => {
                let switch = self.state.switch(*self.derived.switches.get(id)?);
                let mut body = switch.config.public_json();
                body["suspected"] = switch.suspected.into();
                body["bootid"] = json!(switch.boot);
                let skew_ms = self.derived.skew_ms.get(&switch.ix).copied();
                body["clock_skew_ms"] = json!(skew_ms);
                body["clock_off"] = skew_ms.is_some_and(|ms| ms.abs() > SKEW_MS).into();
                (switch.version, body)
            }
            Kind::Calendar => {
                let item = self.state.calendars.get(id)?;
                (item.version, item.value.as_ref()?.to_json())
            }
            Kind::Role => match self.state.roles.get(id) {
                Some(item) => {
                    let mut body = item.value.as_ref()?.to_json();
                    body["preset"] = false.into();
                    (item.version, body)
                }
                None => {
                    let role = Role::of_person(id)?;
                    let mut body = RoleBody::of_preset(role).to_json();
                    body["preset"] = true.into();
                    (0, body)
                }
            },
            Kind::AccessGroup => {
                let item = self.state.access_groups.get(id)?;
                (item.version, item.value.as_ref()?.to_json())
            }
            Kind::BreakReason => {
                let item = self.state.break_reasons.get(id)?;
                (item.version, json!({ "name": item.value.as_ref()? }))
            }
        };
        Some((version, with_id(id, body)))
    }

    /// One object, or 404.
    pub(super) fn read_object(&self, object: &ObjectRef) -> Result<Answer, Problem> {
        let missing = || Problem::not_found(super::directory::word(object.kind), &object.id);
        let (version, body) = self.object_json(object).ok_or_else(missing)?;
        Ok(Answer::Done { status: 200, version: Some(version), body })
    }

    /// A page of a family, by id.
    pub(super) fn list(
        &self,
        kind: Kind,
        parent: &str,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Answer, Problem> {
        let ids: Vec<Name> = match kind {
            Kind::Account => Vec::new(),
            Kind::Skill => self.derived.skills.keys(),
            Kind::User => self.derived.users.keys(),
            Kind::Queue | Kind::Group => self.derived.queues.keys(),
            Kind::Member => {
                let queue = self.queue_named(parent)?;
                let members = &self.state.queue(queue).members;
                let mut ids: Vec<Name> =
                    members.iter().map(|ix| self.state.agent(*ix).id.clone()).collect();
                ids.sort_unstable();
                ids
            }
            Kind::Route => self.state.routes.keys().cloned().collect(),
            Kind::Switch => self.derived.switches.keys(),
            Kind::BreakReason => self.state.break_reasons.keys().cloned().collect(),
            Kind::Calendar => self.state.calendars.keys().cloned().collect(),
            Kind::Role => {
                let presets = Role::PEOPLE.iter().map(|role| Name::from(role.word()));
                let mut ids: Vec<Name> = self.state.roles.keys().cloned().chain(presets).collect();
                ids.sort_unstable();
                ids
            }
            Kind::AccessGroup => self.state.access_groups.keys().cloned().collect(),
        };
        let start = after.map_or(0, |after| ids.partition_point(|id| &**id <= after));
        let object = |id: &Name| ObjectRef { kind, parent: parent.into(), id: id.to_string() };
        let mut items: Vec<Value> = ids[start..]
            .iter()
            .filter_map(|id| self.object_json(&object(id)))
            .map(|(_, body)| body)
            .take(limit + 1)
            .collect();
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|last| last["id"].clone());
        Ok(done(json!({ "items": items, "next": next })))
    }

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
                    "source": "direct",
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
            "held": call.held,
            "agent": call.legs.last().map(|l| &self.state.agent(l.agent).id),
            "offers": offers,
            "outcome": call.end.as_ref().map(|e| e.outcome),
            "reason": call.end.as_ref().map(|e| &e.reason),
            "ended_at": call.end.as_ref().map(|e| e.at.rfc3339()),
        })
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
            })).collect::<Vec<_>>(),
            "queues": queues,
        })
    }

    /// A page of agents, by user id.
    pub(super) fn agents_page(&self, limit: usize, after: Option<&str>, sight: &Sight) -> Answer {
        let ids = match sight {
            Sight::All => self.derived.users.keys(),
            Sight::Some { users, .. } => {
                let mut ids: Vec<Name> =
                    users.iter().map(|ix| self.state.agent(*ix).id.clone()).collect();
                ids.sort_unstable();
                ids
            }
        };
        let start = after.map_or(0, |after| ids.partition_point(|id| &**id <= after));
        let page: Vec<&Name> = ids[start..].iter().take(limit).collect();
        let more = ids.len() > start + page.len();
        let next = page.last().filter(|_| more).map(|id| id.to_string());
        let items: Vec<Value> = page
            .iter()
            .filter_map(|id| self.derived.users.get(&***id))
            .map(|ix| self.agent_json(*ix))
            .collect();
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
                    "media": call.media,
                    "from": values.and_then(|v| v.from.as_ref()),
                    "attributes": values.map(|v| &v.attributes),
                    "since": made.made_at.rfc3339(),
                    "until": made.made_at.plus(made.ring_for_ms).rfc3339(),
                    "ringing": made.ringing,
                    "at_desk": made.at_desk,
                }))
            })
            .collect();
        json!({ "type": "state", "seq": self.state.seq, "agent": self.agent_json(ix), "offers": offers })
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
            since: agent.since,
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
    }
}
