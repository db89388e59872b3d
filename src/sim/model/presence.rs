//! Section 2: who is offerable, and what shows.

use super::{Member, Model};
use crate::domain::media::Media;
use crate::domain::objects::queue::Needs;
use crate::domain::objects::user::{Assignment, UserState};
use crate::domain::presence::{BlockedBy, Detail, Presence, Status};

impl Model {
    /// Units of a medium that an agent's offers, calls and wrap-ups hold.
    pub(super) fn used(&self, agent: usize, media: Media) -> usize {
        let a = &self.agents[agent];
        let offers = self
            .offers_to(agent)
            .iter()
            .filter(|o| self.calls[self.offers[**o].call].media == media)
            .count();
        let calls =
            self.connected_to(agent).iter().filter(|c| self.calls[**c].media == media).count();
        let wrap_ups = a.wrap_ups.iter().filter(|w| w.media == media).count();
        let own = if media == Media::Voice { a.own_calls.len() } else { 0 };
        offers + calls + wrap_ups + own
    }

    pub(super) fn capacity(&self, agent: usize, media: Media) -> usize {
        usize::from(self.agents[agent].user.capacity_of(media))
    }

    pub(super) fn is_blocked(&self, agent: usize) -> bool {
        self.agents[agent].user.blocked_until.is_some()
    }

    fn is_inactive(&self, agent: usize) -> bool {
        let user = &self.agents[agent].user;
        user.state == UserState::Deactivated || user.assignment == Assignment::Pending
    }

    pub(super) fn member(&self, queue: usize, agent: usize) -> Option<&Member> {
        self.queues[queue].members.iter().find(|m| m.agent == agent)
    }

    /// Why this queue cannot offer a call to this member now: the first that fits.
    /// `as_if_connected` looks past a lost desk connection.
    fn blocked(&self, queue: usize, agent: usize, as_if_connected: bool) -> Option<BlockedBy> {
        let a = &self.agents[agent];
        let config = &self.queues[queue].config;
        let media = config.media;
        let out = self.member(queue, agent).is_none_or(|m| !m.opted_in);
        let reconnecting = a.grace_until.is_some();
        let desk = !a.desks.is_empty() || (as_if_connected && reconnecting);
        let rules: [(BlockedBy, &dyn Fn() -> bool); 15] = [
            (BlockedBy::Offline, &|| a.status == Status::Offline),
            (BlockedBy::Inactive, &|| self.is_inactive(agent)),
            (BlockedBy::Blocked, &|| self.is_blocked(agent)),
            (BlockedBy::Training, &|| a.user.assignment == Assignment::Training),
            (BlockedBy::Break, &|| a.status == Status::OnBreak),
            (BlockedBy::OptedOut, &|| out),
            (BlockedBy::NotReady, &|| a.status == Status::Online && config.needs == Needs::Ready),
            (BlockedBy::NextPending, &|| a.next.is_some()),
            (BlockedBy::Reconnecting, &|| reconnecting && !as_if_connected),
            (BlockedBy::DeviceLost, &|| self.device_lost(agent) && media == Media::Voice),
            (BlockedBy::NoWayToRing, &|| a.user.personal.endpoint.is_none() && !desk),
            (BlockedBy::WrapUp, &|| !a.wrap_ups.is_empty()),
            (BlockedBy::MediaBlocked, &|| self.media_blocked(agent, media)),
            (BlockedBy::Capacity, &|| self.used(agent, media) >= self.capacity(agent, media)),
            (BlockedBy::Delay, &|| a.delay_until.is_some()),
        ];
        rules.iter().find(|(_, applies)| applies()).map(|(code, _)| *code)
    }

    pub(super) fn device_lost(&self, agent: usize) -> bool {
        self.agents[agent].device_lost || self.agents[agent].unreached
    }

    fn media_blocked(&self, agent: usize, media: Media) -> bool {
        let others = |m: &Media| *m != Media::Voice && self.used(agent, *m) > 0;
        match media {
            Media::Voice => !self.account.voice_over_others && Media::ALL.iter().any(others),
            _ => self.used(agent, Media::Voice) > 0,
        }
    }

    pub(super) fn blocked_by(&self, queue: usize, agent: usize) -> Option<BlockedBy> {
        self.blocked(queue, agent, false)
    }

    pub(super) fn offerable(&self, queue: usize, agent: usize) -> bool {
        self.blocked(queue, agent, false).is_none()
    }

    pub(super) fn offerable_as_if_connected(&self, queue: usize, agent: usize) -> bool {
        self.blocked(queue, agent, true).is_none()
    }

    /// Ringing, talking or wrapping up for this queue.
    fn works_for(&self, queue: usize, agent: usize) -> bool {
        self.offers_to(agent).iter().any(|o| self.offers[*o].queue == queue)
            || self.connected_to(agent).iter().any(|c| self.calls[*c].queue == queue)
            || self.agents[agent].wrap_ups.iter().any(|w| w.queue == queue)
    }

    pub(super) fn pair_presence(&self, queue: usize, agent: usize) -> Presence {
        let a = &self.agents[agent];
        let out = self.member(queue, agent).is_none_or(|m| !m.opted_in);
        let needs_ready = self.queues[queue].config.needs == Needs::Ready;
        if a.status == Status::Offline {
            Presence::Offline
        } else if out || (a.status == Status::Online && needs_ready) {
            Presence::OptedOut
        } else if self.offerable_as_if_connected(queue, agent) || self.works_for(queue, agent) {
            Presence::Available
        } else {
            Presence::Busy
        }
    }

    /// The queues that an agent is a member of.
    pub(super) fn queues_of(&self, agent: usize) -> Vec<usize> {
        (0..self.queues.len()).filter(|q| self.member(*q, agent).is_some()).collect()
    }

    pub(super) fn agent_presence(&self, agent: usize) -> Presence {
        let queues = self.queues_of(agent);
        let pairs: Vec<_> = queues.iter().map(|q| self.pair_presence(*q, agent)).collect();
        let works = queues.iter().any(|q| self.works_for(*q, agent));
        let offerable = queues.iter().any(|q| self.offerable_as_if_connected(*q, agent));
        if self.agents[agent].status == Status::Offline {
            Presence::Offline
        } else if self.agents[agent].status == Status::OnBreak {
            Presence::Busy
        } else if !pairs.is_empty() && pairs.iter().all(|p| *p == Presence::OptedOut) {
            Presence::OptedOut
        } else if offerable || works || (queues.is_empty() && self.direct_would_ring(agent)) {
            Presence::Available
        } else {
            Presence::Busy
        }
    }

    /// Whether a direct call would ring, as if the desk connection stood.
    fn direct_would_ring(&self, agent: usize) -> bool {
        let a = &self.agents[agent];
        let own_units = self.used(agent, Media::Voice)
            - a.wrap_ups.iter().filter(|w| w.media == Media::Voice).count();
        let desk = !a.desks.is_empty() || a.grace_until.is_some();
        matches!(a.status, Status::Online | Status::Ready)
            && !self.is_inactive(agent)
            && !self.is_blocked(agent)
            && a.user.assignment == Assignment::Active
            && a.next.is_none()
            && !self.device_lost(agent)
            && (a.user.personal.endpoint.is_some() || desk)
            && !self.media_blocked(agent, Media::Voice)
            && own_units < self.capacity(agent, Media::Voice)
    }

    /// What the agent does; for a pair only the work of that queue counts.
    pub(super) fn detail(&self, agent: usize, queue: Option<usize>) -> Option<Detail> {
        let a = &self.agents[agent];
        if a.status == Status::Offline {
            return None;
        }
        let here = |q: usize| queue.is_none_or(|queue| queue == q);
        let calls: Vec<_> =
            self.connected_to(agent).into_iter().filter(|c| here(self.calls[*c].queue)).collect();
        let offers: Vec<_> =
            self.offers_to(agent).into_iter().filter(|o| here(self.offers[*o].queue)).collect();
        let own = queue.is_none() && !a.own_calls.is_empty();
        let rules = [
            (Detail::Talking, own || calls.iter().any(|c| !self.calls[*c].held)),
            (Detail::Holding, !calls.is_empty()),
            (Detail::Ringing, offers.iter().any(|o| self.offers[*o].ringing)),
            (Detail::Reserved, !offers.is_empty()),
            (Detail::WrapUp, a.wrap_ups.iter().any(|w| here(w.queue))),
            (Detail::Break, a.status == Status::OnBreak),
            (Detail::Training, a.user.assignment == Assignment::Training),
            (Detail::Blocked, self.is_blocked(agent)),
            (Detail::Reconnecting, a.grace_until.is_some()),
            (Detail::DeviceLost, self.device_lost(agent)),
            (Detail::OtherWork, queue.is_some() && self.works(agent)),
            (Detail::Delay, a.delay_until.is_some()),
        ];
        let first = rules.iter().find(|(_, applies)| *applies).map(|(detail, _)| *detail);
        Some(first.unwrap_or(Detail::Idle))
    }
}
