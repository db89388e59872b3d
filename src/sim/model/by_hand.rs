//! What a supervisor does with a waiting call: picks its agent, changes it, moves it.

use super::{Done, Model, No, State};
use crate::domain::event::Withdrawn;
use crate::domain::media::Media;
use crate::domain::objects::SkillNeed;
use crate::domain::objects::user::{Assignment, UserState};
use crate::domain::presence::Status;

/// New values of a waiting call; `None` leaves one as it is.
pub(super) struct Change<'a> {
    pub priority: Option<i32>,
    pub skills: Option<&'a [SkillNeed]>,
    pub queue: Option<&'a str>,
}

impl Model {
    fn waiting_named(&self, call: &str) -> Result<usize, No> {
        let call = self.calls.iter().rposition(|c| c.name == call).ok_or(No)?;
        if self.calls[call].state == State::Waiting { Ok(call) } else { Err(No) }
    }

    pub(super) fn assign(&mut self, call: &str, user: &str) -> Done {
        let agent = self.agent_named(user).ok_or(No)?;
        let call = self.waiting_named(call)?;
        if self.is_mute(call) || !self.can_be_picked(agent, self.calls[call].media) {
            return Err(No);
        }
        let others = |o: &super::Offer| o.call == call && o.agent != agent;
        for offer in self.offers_where(others) {
            if self.offers[offer].ending.is_none() {
                self.withdraw(offer, Withdrawn::Forced);
            }
        }
        self.calls[call].picked = Some(agent);
        self.calls[call].hold = None;
        if let Some(callback) = &mut self.calls[call].callback {
            callback.not_before = None;
        }
        Ok(())
    }

    /// Nothing can be rung for this call now, whoever orders it.
    fn is_mute(&self, call: usize) -> bool {
        self.is_silent(call) || self.legs_left(call) == Some(0) || self.total_left(call) == Some(0)
    }

    /// Who is there and can be rung may be picked, beyond capacity, skills and membership.
    fn can_be_picked(&self, agent: usize, media: Media) -> bool {
        let a = &self.agents[agent];
        matches!(a.status, Status::Online | Status::Ready)
            && a.user.state == UserState::Active
            && a.user.assignment == Assignment::Active
            && !self.is_blocked(agent)
            && a.grace_until.is_none()
            && !(media == Media::Voice && self.device_lost(agent))
            && (a.user.personal.endpoint.is_some() || !a.desks.is_empty())
    }

    /// Has another call of the medium, and no call waiting.
    fn is_engaged(&self, agent: usize, media: Media) -> bool {
        let wraps_up = self.agents[agent].wrap_ups.iter().filter(|w| w.media == media).count();
        !self.agents[agent].user.direct.call_waiting && self.used(agent, media) > wraps_up
    }

    /// Rings an agent who was picked, as soon as the call's last round has ended.
    pub(super) fn ring_picked(&mut self) -> bool {
        for call in self.waiting() {
            let Some(agent) = self.calls[call].picked else { continue };
            let rings = !self.offers_where(|o| o.call == call && o.agent == agent).is_empty();
            if rings || self.is_silent(call) {
                continue;
            }
            let media = self.calls[call].media;
            if self.is_mute(call) {
                self.calls[call].picked = None;
                return true;
            }
            if self.round_open(call) {
                continue;
            }
            let direct = self.calls[call].direct == Some(agent);
            let engaged = direct && self.is_engaged(agent, media);
            if engaged || !self.can_be_picked(agent, media) {
                self.calls[call].picked = None;
                return true;
            }
            let over = self.used(agent, media) >= self.capacity(agent, media);
            self.make_offer(call, agent, false, over);
            return true;
        }
        false
    }

    pub(super) fn change(&mut self, call: &str, what: &Change<'_>) -> Done {
        let call = self.waiting_named(call)?;
        let queue = what.queue.map(|name| self.queue_named(name).ok_or(No)).transpose()?;
        if queue.is_some_and(|q| self.queues[q].config.media != self.calls[call].media) {
            return Err(No);
        }
        for need in what.skills.unwrap_or_default() {
            self.check_need(need)?;
        }
        if let Some(priority) = what.priority {
            self.calls[call].priority.0 = priority;
        }
        if let Some(skills) = what.skills {
            self.calls[call].skills.0 = skills.to_vec();
        }
        if let Some(queue) = queue.filter(|q| *q != self.calls[call].queue) {
            for offer in self.open_offers(call) {
                self.withdraw(offer, Withdrawn::Moved);
            }
            self.count_exited(call);
            self.calls[call].hops = 0;
            self.enter(call, queue);
        }
        Ok(())
    }
}
