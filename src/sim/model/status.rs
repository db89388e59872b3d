//! Section 2: statuses, forced and next, leases, desks, opting, wrap-up's end.

use super::{Done, Model, Next, No};
use crate::domain::event::{Cause, Withdrawn};
use crate::domain::input::When;
use crate::domain::objects::account::{IdleClock, OptInAtLogin};
use crate::domain::objects::queue::Needs;
use crate::domain::objects::user::UserKind;
use crate::domain::presence::Status;
use crate::sim::fact::Fact;

impl Model {
    pub(super) fn own_status(
        &mut self,
        user: &str,
        status: Status,
        when: Option<When>,
        lease_ms: Option<u64>,
    ) -> Done {
        let agent = self.agent_named(user).ok_or(No)?;
        let reason = (status == Status::OnBreak).then(|| "unavailable".to_owned());
        let a = &mut self.agents[agent];
        if let (Some(ms), Some(_)) = (lease_ms, a.lease_until)
            && (a.status, &a.reason) == (status, &reason)
        {
            // A lease renewed changes no status: what is chosen next stays chosen.
            a.lease_until = Some(self.now.plus(ms));
            return Ok(());
        }
        let a = &self.agents[agent];
        let reason = (status == Status::OnBreak).then_some("unavailable");
        let same = (a.status, a.reason.as_deref()) == (status, reason);
        if let Some(ms) = lease_ms.filter(|_| same && a.lease_until.is_some()) {
            self.agents[agent].lease_until = Some(self.now.plus(ms));
            return Ok(());
        }
        let forced = a.forced_by.is_some() || a.next.as_ref().is_some_and(|n| n.forced);
        let logs_in = a.status == Status::Offline && !self.works(agent);
        if forced && !logs_in && status != Status::Offline {
            return Err(No);
        }
        if let Some(ms) = lease_ms.filter(|_| status != Status::Offline) {
            self.agents[agent].lease_until = Some(self.now.plus(ms));
        }
        if when == Some(When::AfterWork) && self.works(agent) {
            self.agents[agent].next = Some(Next { status, cause: Cause::Next, forced: false });
        } else {
            self.agents[agent].next = None;
            self.set_status(agent, status, Cause::Own, Withdrawn::Status);
        }
        Ok(())
    }

    pub(super) fn force(&mut self, user: &str, status: Status, when: Option<When>) -> Done {
        let agent = self.agent_named(user).ok_or(No)?;
        if when != Some(When::Now) {
            // It waits only for calls and wrap-up.
            self.withdraw_not_allowed(agent, status, Withdrawn::Forced);
            if self.works(agent) {
                self.agents[agent].next = Some(Next { status, cause: Cause::Next, forced: true });
                return Ok(());
            }
        }
        self.agents[agent].next = None;
        self.set_forced(agent, status);
        Ok(())
    }

    fn set_forced(&mut self, agent: usize, status: Status) {
        self.withdraw_not_allowed(agent, status, Withdrawn::Forced);
        self.enter_status(agent, status, None);
        self.agents[agent].forced_by = Some("sup".to_owned());
        let name = self.agents[agent].name.clone();
        self.fact(Fact::Forced { agent: name, status });
    }

    pub(super) fn clear_forced(&mut self, user: &str) -> Done {
        let agent = self.agent_named(user).ok_or(No)?;
        self.agents[agent].forced_by = None;
        if self.agents[agent].next.as_ref().is_some_and(|n| n.forced) {
            self.agents[agent].next = None;
        }
        Ok(())
    }

    /// A change by the agent or a rule.
    pub(super) fn set_status(
        &mut self,
        agent: usize,
        status: Status,
        cause: Cause,
        reason: Withdrawn,
    ) {
        self.withdraw_not_allowed(agent, status, reason);
        let was = self.agents[agent].status;
        let own = matches!(cause, Cause::Own | Cause::Next | Cause::Created);
        // A force outlives the agent's own log-out, not the log-on after it nor a rule.
        if !own || (was == Status::Offline && status != Status::Offline) {
            self.agents[agent].forced_by = None;
        }
        self.enter_status(agent, status, (!own).then(|| cause.word().to_owned()));
        if own && matches!(status, Status::Online | Status::Ready) {
            self.agents[agent].unreached = false;
            self.agents[agent].unreached_in_row = 0;
        }
        if was != status {
            let name = self.agents[agent].name.clone();
            self.fact(Fact::Status { agent: name, status, cause });
        }
    }

    fn enter_status(&mut self, agent: usize, status: Status, reason: Option<String>) {
        let now = self.now;
        self.logs_on(agent, status);
        if status == Status::Ready && self.agents[agent].status != Status::Ready {
            self.idle_anew(agent, IdleClock::Status);
        }
        let a = &mut self.agents[agent];
        let was = a.status;
        a.status_at = now;
        a.status = status;
        a.reason = match status {
            Status::OnBreak => Some("unavailable".to_owned()),
            _ => reason,
        };
        if status == Status::Offline {
            a.next = None;
            a.lease_until = None;
            a.grace_until = None;
        }
        if status == Status::Ready {
            a.misses = 0;
        }
        if was == Status::Offline && status != Status::Offline {
            a.idle_since = now;
            let all = match self.account.opt_in_at_login {
                OptInAtLogin::Keep => return,
                OptInAtLogin::All => true,
                OptInAtLogin::None => false,
            };
            for member in self.queues.iter_mut().flat_map(|q| &mut q.members) {
                if member.agent == agent {
                    member.opted_in = all;
                }
            }
        }
    }

    /// Takes back the ringing offers that a status does not allow.
    fn withdraw_not_allowed(&mut self, agent: usize, status: Status, reason: Withdrawn) {
        for offer in self.offers_to(agent) {
            let needs = self.queues[self.offers[offer].through].config.needs;
            let allowed = match status {
                Status::Ready => true,
                Status::Online => needs == Needs::Online,
                Status::Offline | Status::OnBreak => false,
            };
            // An earlier withdrawal may have closed this one with its round.
            if !allowed && self.offers[offer].ending.is_none() {
                self.withdraw(offer, reason);
            }
        }
    }

    /// A rule changes the status; it overrides a forced `ready`, never a forced break or offline.
    pub(super) fn rule(&mut self, agent: usize, status: Status, cause: Cause, why: Withdrawn) {
        let a = &self.agents[agent];
        let kept = matches!(a.status, Status::OnBreak | Status::Offline);
        if !(a.forced_by.is_some() && kept) {
            self.set_status(agent, status, cause, why);
        }
    }

    /// The status loses its last lease, or its time: offline, after calls and wrap-up.
    fn lapse(&mut self, agent: usize, cause: Cause) {
        let kept = |status| matches!(status, Status::OnBreak | Status::Offline);
        let a = &self.agents[agent];
        if a.status == Status::Offline || (a.forced_by.is_some() && kept(a.status)) {
            return;
        }
        if self.is_on_call_or_wrapping_up(agent) {
            let stands =
                self.agents[agent].next.as_ref().is_some_and(|n| n.forced && kept(n.status));
            if !stands {
                self.agents[agent].next =
                    Some(Next { status: Status::Offline, cause, forced: false });
            }
        } else {
            self.rule(agent, Status::Offline, cause, Withdrawn::Status);
        }
    }

    /// The first agent whose work has ended takes the next status; whether there was one.
    pub(super) fn take_next(&mut self) -> bool {
        for agent in 0..self.agents.len() {
            if self.works(agent) {
                continue;
            }
            if let Some(next) = self.agents[agent].next.take() {
                if next.forced {
                    self.set_forced(agent, next.status);
                } else {
                    self.set_status(agent, next.status, next.cause, Withdrawn::Status);
                }
                return true;
            }
        }
        false
    }

    pub(super) fn opt(&mut self, user: &str, queue: &str, opted_in: bool) -> Done {
        let agent = self.agent_named(user).ok_or(No)?;
        let queue = self.queue_named(queue).ok_or(No)?;
        let member = self.queues[queue].members.iter_mut().find(|m| m.agent == agent).ok_or(No)?;
        // To repeat it changes nothing, also for who was picked although opted out.
        let was = std::mem::replace(&mut member.opted_in, opted_in);
        if was && !opted_in {
            self.withdraw_pair(queue, agent, Withdrawn::OptedOut);
        }
        Ok(())
    }

    pub(super) fn withdraw_pair(&mut self, queue: usize, agent: usize, reason: Withdrawn) {
        for offer in self.offers_where(|o| o.through == queue && o.agent == agent) {
            if self.offers[offer].ending.is_none() {
                self.withdraw(offer, reason);
            }
        }
    }

    pub(super) fn desk(&mut self, user: &str, desk: u64, open: bool) -> Done {
        let agent = self.agent_named(user).ok_or(No)?;
        let a = &mut self.agents[agent];
        if open {
            if !a.desks.contains(&desk) {
                a.desks.push(desk);
            }
            a.grace_until = None;
            return Ok(());
        }
        let had = a.desks.len();
        a.desks.retain(|d| *d != desk);
        if had > 0 && a.desks.is_empty() {
            self.last_desk_gone(agent);
        }
        Ok(())
    }

    pub(super) fn last_desk_gone(&mut self, agent: usize) {
        let grace = self.now.plus(self.account.lease_grace_ms);
        let a = &mut self.agents[agent];
        a.desks.clear();
        if a.status != Status::Offline {
            a.grace_until = Some(grace);
        }
        for offer in self.offers_where(|o| o.agent == agent && o.at_desk) {
            self.withdraw(offer, Withdrawn::Lease);
        }
    }

    pub(super) fn lease_over(&mut self, agent: usize) {
        let a = &mut self.agents[agent];
        a.lease_until = None;
        if a.desks.is_empty() && a.grace_until.is_none() {
            self.lapse(agent, Cause::LeaseLapsed);
        }
    }

    pub(super) fn grace_over(&mut self, agent: usize) {
        let a = &mut self.agents[agent];
        a.grace_until = None;
        if a.lease_until.is_none() {
            self.lapse(agent, Cause::LeaseLapsed);
        }
    }

    /// When an unleased status is forgotten, if ever.
    pub(super) fn unleased_at(&self, agent: usize) -> Option<crate::domain::time::Millis> {
        let a = &self.agents[agent];
        let leased = !a.desks.is_empty() || a.grace_until.is_some() || a.lease_until.is_some();
        let never = self.account.max_unleased_ms == 0
            || a.user.kind == UserKind::Pbx
            || a.status == Status::Offline
            || a.next.is_some()
            || !self.connected_to(agent).is_empty()
            || (a.forced_by.is_some() && a.status == Status::OnBreak);
        if leased || never {
            return None;
        }
        let last = a.answered_at.map_or(a.status_at, |at| at.max(a.status_at));
        Some(last.plus(self.account.max_unleased_ms))
    }

    pub(super) fn unleased_over(&mut self, agent: usize) {
        self.lapse(agent, Cause::Unleased);
    }

    pub(super) fn wrapped(&mut self, call: &str, user: &str) -> Done {
        let agent = self.agent_named(user).ok_or(No)?;
        let at = self.agents[agent]
            .wrap_ups
            .iter()
            .position(|w| self.calls[w.call].name == call)
            .ok_or(No)?;
        self.end_wrap_up(agent, at);
        Ok(())
    }

    pub(super) fn end_wrap_up(&mut self, agent: usize, at: usize) {
        let over = self.agents[agent].wrap_ups.remove(at);
        self.agents[agent].idle_since = self.now;
        let fact = Fact::WrapUpEnded {
            agent: self.agents[agent].name.clone(),
            call: self.calls[over.call].name.clone(),
        };
        self.fact(fact);
    }
}
