//! What a supervisor does with a waiting call: picks its agent, changes it, moves it.

use super::Engine;
use super::draw::Chosen;
use super::explain::hold_of;
use super::permission::require;
use super::state::{Call, Stage};
use crate::domain::event::{Event, Withdrawn};
use crate::domain::ids::{AgentIx, CallId, OfferId, QueueIx};
use crate::domain::input::{Actor, Answer, CallChange};
use crate::domain::media::Media;
use crate::domain::objects::user::{Assignment, UserState};
use crate::domain::presence::{BlockedBy, HeldBy, Status};
use crate::domain::problem::{FieldError, Problem};
use crate::domain::rights::Permission;
use crate::routing::ring;

impl Engine {
    /// A waiting call is given to an agent, beyond capacity, skills and membership.
    pub(super) fn assign(
        &mut self,
        actor: &Actor,
        id: CallId,
        user: &str,
    ) -> Result<Answer, Problem> {
        require(actor, Permission::Steer)?;
        let call = self.waiting(id)?;
        let unknown = || FieldError::new("/agent", "unknown_reference", no_user(user));
        let found = self.derived.users.get(user).copied();
        let agent = found.ok_or_else(|| Problem::invalid(vec![unknown()]))?;
        if !self.may_steer(actor, agent) {
            return Err(Problem::forbidden(Permission::Steer.word()));
        }
        if let Some(held) = self.is_mute(call) {
            let detail =
                format!("nobody can be rung for it now: {}", super::explain::held_words(held));
            return Err(Problem::conflict("call_held", detail));
        }
        if let Some(blocked) = self.cannot_be_picked(agent, call.media) {
            let detail = format!("{user} {}", self.blocked_words(agent, blocked));
            return Err(Problem::conflict("not_assignable", detail));
        }
        let others: Vec<OfferId> =
            call.open_offers().filter(|o| o.agent != agent).map(|o| o.id).collect();
        self.emit(Event::CallAssigned { call: id, agent, by: actor.name.clone() });
        for offer in others {
            self.withdraw(offer, Withdrawn::Forced);
        }
        self.call_answer(id)
    }

    /// A waiting call's priority, skills or queue are changed.
    pub(super) fn change_call(
        &mut self,
        actor: &Actor,
        id: CallId,
        change: &CallChange,
    ) -> Result<Answer, Problem> {
        require(actor, Permission::Steer)?;
        let call = self.waiting(id)?;
        let (media, present) = (call.media, call.queue);
        let mut errors = Vec::new();
        self.check_skills("/skills", change.skills.as_deref().unwrap_or_default(), &mut errors);
        let to = change.queue.as_deref().and_then(|name| self.check_move(name, media, &mut errors));
        if !errors.is_empty() {
            return Err(Problem::invalid(errors));
        }
        let by = actor.name.clone();
        if change.priority.is_some() || change.skills.is_some() {
            self.emit(Event::CallUpdated {
                call: id,
                priority: change.priority,
                skills: change.skills.clone(),
                personal: None,
                by: Some(by.clone()),
            });
        }
        if let Some(queue) = to.filter(|to| Some(*to) != present) {
            self.withdraw_all(id, Withdrawn::Moved);
            self.emit(Event::CallMoved { call: id, queue, by });
            self.enter(id, queue, false);
            // There, too, it waits for its last round to end at the switch.
            self.close_round(id, true);
        }
        self.call_answer(id)
    }

    fn check_move(
        &self,
        name: &str,
        media: Media,
        errors: &mut Vec<FieldError>,
    ) -> Option<QueueIx> {
        let Some(queue) = self.derived.queues.get(name).copied() else {
            let detail = format!("there is no queue or group {name:?}");
            errors.push(FieldError::new("/queue", "unknown_reference", detail));
            return None;
        };
        let takes = self.state.queue(queue).config.media;
        if takes != media {
            let detail = format!("the call is {media}, and this queue takes {takes}");
            errors.push(FieldError::new("/queue", "not_allowed", detail));
        }
        Some(queue)
    }

    fn waiting(&self, id: CallId) -> Result<&Call, Problem> {
        let call =
            self.state.call(id).ok_or_else(|| Problem::not_found("call", &id.to_string()))?;
        if call.stage == Stage::Waiting {
            return Ok(call);
        }
        Err(Problem::conflict("not_waiting", "only a waiting call is given or changed by hand"))
    }

    /// The call after all that followed from the change.
    pub(super) fn call_answer(&mut self, id: CallId) -> Result<Answer, Problem> {
        self.follow();
        self.refresh();
        self.read_call(id)
    }

    /// What keeps the switch from ringing anybody for a call, whoever orders it.
    fn is_mute(&self, call: &Call) -> Option<HeldBy> {
        let queue = call.queue?;
        let config = &self.state.queue(queue).config;
        let over = call.total_at(config).is_some_and(|at| at <= self.state_now());
        if over {
            return Some(HeldBy::ExitDue);
        }
        hold_of(&self.state, call, config).filter(|held| {
            use HeldBy::{EventGap, Frozen, Replay, SwitchBudget, SwitchSuspect};
            matches!(held, EventGap | Frozen | Replay | SwitchBudget | SwitchSuspect)
        })
    }

    /// Who is online or ready and can be rung may be picked; what else stands against an offer is
    /// for the one who picks to weigh.
    fn cannot_be_picked(&self, ix: AgentIx, media: Media) -> Option<BlockedBy> {
        let agent = self.state.agent(ix);
        let user = &agent.user;
        let lost = agent.device_lost || agent.device_unreached;
        let first = [
            (agent.status == Status::Offline, BlockedBy::Offline),
            (
                user.state != UserState::Active || user.assignment == Assignment::Pending,
                BlockedBy::Inactive,
            ),
            (agent.blocked, BlockedBy::Blocked),
            (user.assignment == Assignment::Training, BlockedBy::Training),
            (agent.status == Status::OnBreak, BlockedBy::Break),
            (agent.grace_until.is_some(), BlockedBy::Reconnecting),
            (lost && media == Media::Voice, BlockedBy::DeviceLost),
            (!agent.has_endpoint && agent.desks.is_empty(), BlockedBy::NoWayToRing),
        ];
        first.into_iter().find(|(fits, _)| *fits).map(|(_, why)| why)
    }

    /// Before matching: rings agents who were picked, as soon as the call's last round has ended.
    /// `true` when one of them can no longer be rung.
    pub(super) fn ring_picked(&mut self) -> bool {
        let settle = &self.derived.touched.settle;
        let picked = |id: &&CallId| self.state.call(**id).is_some_and(|c| c.picked.is_some());
        let mut calls: Vec<CallId> = settle.iter().filter(picked).copied().collect();
        calls.sort_unstable();
        calls.dedup();
        let mut dropped = false;
        for id in calls {
            dropped |= self.ring_picked_for(id);
        }
        dropped
    }

    fn ring_picked_for(&mut self, id: CallId) -> bool {
        let Some(call) = self.state.call(id).filter(|c| c.stage == Stage::Waiting) else {
            return false;
        };
        let (Some(queue), Some(picked)) = (call.queue, &call.picked) else { return false };
        let (agent, by) = (**picked).clone();
        if call.open_offers().any(|o| o.agent == agent) {
            return false;
        }
        let mute = self.is_mute(call);
        let lost = matches!(mute, Some(HeldBy::SwitchBudget | HeldBy::ExitDue));
        if mute.is_some() && !lost {
            return false;
        }
        if lost {
            self.emit(Event::AssignmentDropped { call: id, agent });
            return true;
        }
        let config = self.state.queue(queue).config.clone();
        if hold_of(&self.state, call, &config) == Some(HeldBy::RoundClosing) {
            return false;
        }
        // Judged when it could ring, and not before.
        if self.cannot_be_picked(agent, call.media).is_some() || self.is_engaged(agent, call) {
            self.emit(Event::AssignmentDropped { call: id, agent });
            return true;
        }
        let over = self.is_full(agent, call);
        let left = call.total_at(&config).map(|at| at.since(self.state_now()));
        let direct = call.direct == Some(agent);
        let ringing = if direct {
            ring::Ringing { ms: self.state.agent(agent).user.direct.ring_for_ms, full: true }
        } else {
            ring::ring_for(&config.plan, call.width(&config), left, false)
        };
        let round = if call.open_count() == 0 { call.round + 1 } else { call.round };
        let by = Some(by).filter(|_| !direct);
        let why = self.why_picked(call, queue, &config, agent, by);
        let picked = Chosen { agent, drawn: None };
        self.offer(id, picked, round, ringing, over, why);
        false
    }
}

fn no_user(user: &str) -> String {
    format!("there is no user {user:?}")
}
