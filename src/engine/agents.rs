//! Decisions about agents: status, next and forced, leases and desks, misses and delays, wrap-up.

use super::Engine;
use super::calls::Unanswered;
use super::deadlines::AgentDue;
use super::state::{Agent, Offer};
use crate::domain::event::{Cause, Event, Next, OfferFailure, Withdrawn};
use crate::domain::ids::{AgentIx, CallId, Name, OfferId, QueueIx};
use crate::domain::input::When;
use crate::domain::objects::account::OptInAtLogin;
use crate::domain::objects::queue::Needs;
use crate::domain::objects::queue::Order;
use crate::domain::objects::user::UserKind;
use crate::domain::presence::Status;
use crate::domain::problem::{FieldError, Problem};

/// The built-in break reason behind "make unavailable".
pub const UNAVAILABLE: &str = "unavailable";

/// A status that somebody asks for.
pub(super) struct Wish {
    pub status: Status,
    pub reason: Option<String>,
    pub when: Option<When>,
    pub lease_ms: Option<u64>,
}

impl Engine {
    /// The agent's own change of status.
    pub(super) fn set_status(
        &mut self,
        ix: AgentIx,
        wish: &Wish,
        by: &Name,
    ) -> Result<(), Problem> {
        let reason = self.check_reason(wish)?;
        if let Some(ms) = wish.lease_ms
            && !(1_000..=86_400_000).contains(&ms)
        {
            return Err(Problem::invalid(vec![FieldError::new(
                "/lease_ms",
                "out_of_range",
                "must be between 1000 and 86400000 milliseconds",
            )]));
        }
        let agent = self.state.agent(ix);
        if let (Some(ms), Some(until)) = (wish.lease_ms, agent.lease_until)
            && (agent.status, &agent.reason) == (wish.status, &reason)
        {
            // A lease renewed changes no status: what is chosen next stays chosen, forced or not.
            let renewed = self.state_now().plus(ms);
            if renewed != until {
                self.emit(Event::Leased { agent: ix, until: renewed });
            }
            return Ok(());
        }
        let forced =
            agent.forced_by.is_some() || agent.next.as_ref().is_some_and(|n| n.forced_by.is_some());
        let logs_in = agent.status == Status::Offline && agent.work_ended();
        if forced && wish.status != Status::Offline && !logs_in {
            return Err(Problem::conflict(
                "status_forced",
                "a supervisor forces this status; only logging out is possible until it is cleared",
            ));
        }
        let after_work = wish.when == Some(When::AfterWork) && !agent.work_ended();
        if after_work {
            let next = Next { status: wish.status, reason, forced_by: None, cause: Cause::Own };
            self.emit(Event::NextSet { agent: ix, next: Some(next) });
        } else {
            self.change_status(ix, wish.status, reason, Cause::Own, Some(by.clone()));
        }
        let lapses = self.state.agent(ix).lease_until;
        match wish.lease_ms {
            Some(ms) if wish.status != Status::Offline => {
                let until = self.state_now().plus(ms);
                if lapses != Some(until) {
                    self.emit(Event::Leased { agent: ix, until });
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A supervisor's change: it stays until cleared or a new log-on.
    pub(super) fn force_status(
        &mut self,
        ix: AgentIx,
        wish: &Wish,
        by: &Name,
    ) -> Result<(), Problem> {
        let reason = self.check_reason(wish)?;
        self.withdraw_not_allowed(ix, wish.status, Withdrawn::Forced);
        let agent = self.state.agent(ix);
        if wish.when.unwrap_or(When::AfterWork) == When::AfterWork && !agent.work_ended() {
            let next = Next {
                status: wish.status,
                reason,
                forced_by: Some(by.clone()),
                cause: Cause::Own,
            };
            self.emit(Event::NextSet { agent: ix, next: Some(next) });
            return Ok(());
        }
        self.log_on_opt_ins(ix, wish.status);
        self.emit(Event::StatusForced { agent: ix, status: wish.status, reason, by: by.clone() });
        Ok(())
    }

    fn check_reason(&self, wish: &Wish) -> Result<Option<Name>, Problem> {
        let wrong = |code, detail: String| {
            Err(Problem::invalid(vec![FieldError::new("/reason", code, detail)]))
        };
        match (wish.status, wish.reason.as_deref()) {
            (Status::OnBreak, None) => Ok(Some(UNAVAILABLE.into())),
            (Status::OnBreak, Some(UNAVAILABLE)) => Ok(Some(UNAVAILABLE.into())),
            (Status::OnBreak, Some(reason)) => match self.state.break_reasons.get(reason) {
                Some(item) => Ok(Some(item.id.clone())),
                None => wrong(
                    "unknown_reference",
                    format!("there is no break reason {reason:?}; make it first, or leave it out"),
                ),
            },
            (_, None) => Ok(None),
            (_, Some(_)) => wrong("not_allowed", "only on_break has a reason".into()),
        }
    }

    /// Changes a status at once: ringing offers that it does not allow are withdrawn.
    fn change_status(
        &mut self,
        ix: AgentIx,
        status: Status,
        reason: Option<Name>,
        cause: Cause,
        by: Option<Name>,
    ) {
        self.withdraw_not_allowed(ix, status, Withdrawn::Status);
        self.log_on_opt_ins(ix, status);
        self.emit(Event::StatusSet { agent: ix, status, reason, cause, by });
    }

    fn log_on_opt_ins(&mut self, ix: AgentIx, status: Status) {
        let agent = self.state.agent(ix);
        let wanted = match self.state.account.opt_in_at_login {
            OptInAtLogin::Keep => return,
            OptInAtLogin::All => true,
            OptInAtLogin::None => false,
        };
        if agent.status != Status::Offline || status == Status::Offline {
            return;
        }
        let changed: Vec<QueueIx> =
            agent.pairs.iter().filter(|p| p.opted_in != wanted).map(|p| p.queue).collect();
        let by: Name = "opt_in_at_login".into();
        for queue in changed {
            self.emit(Event::OptedIn { agent: ix, queue, opted_in: wanted, by: by.clone() });
        }
    }

    fn withdraw_not_allowed(&mut self, ix: AgentIx, status: Status, reason: Withdrawn) {
        let not_allowed: Vec<OfferId> = self
            .state
            .agent(ix)
            .offers
            .iter()
            .filter(|(offer, call)| {
                let made = self.state.call(*call).and_then(|c| c.offer(*offer));
                let queue = made.map(Offer::member_of);
                let needs = queue.map(|q| self.state.queue(q).config.needs);
                match status {
                    Status::Ready => false,
                    Status::Online => needs == Some(Needs::Ready),
                    Status::Offline | Status::OnBreak => true,
                }
            })
            .map(|(offer, _)| *offer)
            .collect();
        for offer in not_allowed {
            self.withdraw(offer, reason);
        }
    }

    /// A change by rule: overrides a forced `ready`, never a forced break or offline. While the
    /// agent works, leases that lapse become the next status.
    fn by_rule(&mut self, ix: AgentIx, status: Status, cause: Cause) {
        let agent = self.state.agent(ix);
        let stands =
            agent.forced_by.is_some() && matches!(agent.status, Status::OnBreak | Status::Offline);
        if stands || agent.status == status || agent.status == Status::Offline {
            return;
        }
        let reason = (cause != Cause::Own).then(|| Name::from(cause.word()));
        let busy =
            !agent.calls.is_empty() || !agent.wrap_ups.is_empty() || !agent.own_calls.is_empty();
        if busy && matches!(cause, Cause::LeaseLapsed | Cause::Unleased) {
            let kept = |next: &Next| {
                next.forced_by.is_some() && matches!(next.status, Status::OnBreak | Status::Offline)
            };
            if agent.next.as_ref().is_some_and(kept) {
                return;
            }
            let next = Next { status, reason, forced_by: None, cause };
            self.emit(Event::NextSet { agent: ix, next: Some(next) });
        } else {
            self.change_status(ix, status, reason, cause, None);
        }
    }

    /// Work has ended: the chosen next status comes into force.
    pub(super) fn apply_next(&mut self) {
        self.refresh();
        while let Some(ix) = self.derived.touched.next_due.iter().min().copied() {
            self.derived.touched.next_due.retain(|due| *due != ix);
            let agent = self.state.agent(ix);
            let Some(next) = agent.next.clone().filter(|_| agent.work_ended()) else { continue };
            match next.forced_by {
                Some(by) => {
                    self.log_on_opt_ins(ix, next.status);
                    let (status, reason) = (next.status, next.reason);
                    self.emit(Event::StatusForced { agent: ix, status, reason, by });
                }
                None => {
                    let cause = if next.cause == Cause::Own { Cause::Next } else { next.cause };
                    self.change_status(ix, next.status, next.reason, cause, None);
                }
            }
            self.refresh();
        }
    }

    /// Pairs that are offerable for the first time in a window start at the lowest count among the
    /// queue's other logged-in members; the occupancy is noted each time (`engine.md` 4).
    pub(super) fn start_counts(&mut self) {
        while let Some((ix, queue)) = self.derived.touched.count_due.pop() {
            let weighs = self.state.queue(queue).config.plan.order == Order::LeastOccupied;
            let day_began_at = self.day_began_at();
            let agent = self.state.agent(ix);
            let begun = |p| super::windows::has_begun(&self.state, agent, p);
            if weighs {
                let from = super::ledger::occupancy(&self.state, agent, queue, day_began_at);
                if agent.pair(queue).is_some_and(|pair| !begun(pair) || pair.count != from) {
                    self.emit(Event::CountStarted { agent: ix, queue, from });
                }
                continue;
            }
            if agent.pair(queue).is_none_or(begun) {
                continue;
            }
            let others = &self.derived.index[queue.at()].logged_counts;
            let from = others.iter().find(|(_, other)| *other != ix).map_or(0, |(count, _)| *count);
            self.emit(Event::CountStarted { agent: ix, queue, from });
        }
    }

    /// What an unanswered offer means for the agent.
    pub(super) fn after_unanswered(&mut self, ix: AgentIx, queue: QueueIx, how: Unanswered) {
        let config = self.state.queue(queue).config.clone();
        let agent = self.state.agent(ix);
        let pbx = agent.user.kind == UserKind::Pbx;
        let delay = match how {
            Unanswered::Missed => config.after_miss_ms,
            Unanswered::Refused => config.after_refusal_ms,
            Unanswered::Failed(OfferFailure::Busy) => config.after_busy_ms,
            Unanswered::Failed(_) => config.after_unreachable_ms,
        };
        let missed_out = how == Unanswered::Missed
            && config.max_misses > 0
            && agent.misses >= config.max_misses
            && agent.status == Status::Ready
            // What is chosen for after the work comes now, and is more than a rule's guess.
            && agent.next.as_ref().is_none_or(|next| next.status == Status::Ready);
        let unreachable_out = how == Unanswered::Failed(OfferFailure::Unreachable)
            && config.max_unreachable > 0
            && agent.unreachable >= config.max_unreachable
            && !pbx
            && !agent.device_unreached;
        if delay > 0 {
            let until = self.state_now().plus(delay);
            self.emit(Event::Delayed { agent: ix, until });
        }
        if missed_out {
            self.by_rule(ix, Status::Online, Cause::Missed);
        }
        if unreachable_out {
            self.emit(Event::DeviceLost { agent: ix, unreached: true });
        }
    }

    /// One of an agent's deadlines has come.
    pub(super) fn agent_due(&mut self, ix: AgentIx, due: AgentDue) {
        match due {
            AgentDue::WrapUp(call) => {
                self.emit(Event::WrapUpEnded { call, agent: ix, disposition: None });
            }
            AgentDue::Delay => self.emit(Event::DelayEnded { agent: ix }),
            AgentDue::Block => self.emit(Event::BlockEnded { agent: ix }),
            AgentDue::Lease | AgentDue::Grace => {
                let lapsed_grace = due == AgentDue::Grace;
                self.emit(Event::LeaseLapsed { agent: ix });
                let agent = self.state.agent(ix);
                let held = !agent.desks.is_empty()
                    || agent.lease_until.is_some()
                    || (!lapsed_grace && agent.grace_until.is_some());
                if !held {
                    self.by_rule(ix, Status::Offline, Cause::LeaseLapsed);
                }
            }
            AgentDue::Counted(queue) => self.emit(Event::CountLeft { agent: ix, queue }),
            AgentDue::Unleased => self.by_rule(ix, Status::Offline, Cause::Unleased),
        }
    }

    /// A desk connected.
    pub(super) fn desk_opened(&mut self, ix: AgentIx, desk: u64) {
        self.emit(Event::DeskOpened { agent: ix, desk });
    }

    /// A desk went. When it was the last, the agent may come back within the grace.
    pub(super) fn desk_closed(&mut self, ix: AgentIx, desk: u64) {
        let agent = self.state.agent(ix);
        if !agent.desks.contains(&desk) {
            return;
        }
        let last = agent.desks.len() == 1;
        let grace = last && agent.status != Status::Offline;
        let until = grace.then(|| self.state_now().plus(self.state.account.lease_grace_ms));
        self.emit(Event::DeskClosed { agent: ix, desk, grace_until: until });
        if last {
            self.withdraw_at_desk(ix);
        }
    }

    /// Offers that can only be answered at the desk are withdrawn; a ringing phone rings on.
    fn withdraw_at_desk(&mut self, ix: AgentIx) {
        let at_desk: Vec<OfferId> = self
            .state
            .agent(ix)
            .offers
            .iter()
            .filter(|(offer, call)| {
                self.state.call(*call).and_then(|c| c.offer(*offer)).is_some_and(|o| o.at_desk)
            })
            .map(|(offer, _)| *offer)
            .collect();
        for offer in at_desk {
            self.withdraw(offer, Withdrawn::Lease);
        }
    }

    /// All desks went with the node; leases run from now.
    pub(super) fn desks_lost(&mut self) {
        let until = self.state_now().plus(self.state.account.lease_grace_ms);
        let lost: Vec<AgentIx> =
            self.state.agents.iter().filter(|a| !a.desks.is_empty()).map(|a| a.ix).collect();
        for ix in lost {
            if self.state.agent(ix).status == Status::Offline {
                let desks = self.state.agent(ix).desks.clone();
                for desk in desks {
                    self.emit(Event::DeskClosed { agent: ix, desk, grace_until: None });
                }
            } else {
                self.emit(Event::DesksLost { agent: ix, grace_until: until });
                self.withdraw_at_desk(ix);
            }
        }
    }

    /// Ends a wrap-up on the agent's word.
    pub(super) fn end_wrap_up(
        &mut self,
        call: CallId,
        disposition: Option<&str>,
        may: &dyn Fn(&Engine, &Agent) -> bool,
    ) -> Result<(), Problem> {
        // The call's own offers lead to whoever wraps it up, mostly without a walk over all agents.
        let ends = |ix: &AgentIx| self.wraps_up(*ix, call) && may(self, self.state.agent(*ix));
        let offered = self.state.call(call).into_iter().flat_map(|known| &known.offers);
        let ix = offered.map(|o| o.agent).find(ends);
        // A wrap-up may outlast the memory of its call; who was handed the call had no offer.
        let anybody = || self.state.agents.iter().map(|a| a.ix).find(ends);
        let ix = ix
            .or_else(anybody)
            .ok_or_else(|| Problem::conflict("no_wrap_up", "no wrap-up of this call is running"))?;
        let run = self.state.agent(ix).wrap_ups.iter().find(|w| w.call == call);
        let known = run.map(|run| self.dispositions(ix, run.queue)).unwrap_or_default();
        if let Some(label) = disposition.filter(|label| !known.is_empty() && !known.contains(label))
        {
            let detail = format!("must be one of {}; {label:?} is not", known.join(", "));
            return Err(Problem::invalid(vec![FieldError::new(
                "/disposition",
                "unknown_value",
                detail,
            )]));
        }
        let disposition = disposition.map(Name::from);
        self.emit(Event::WrapUpEnded { call, agent: ix, disposition });
        Ok(())
    }

    fn wraps_up(&self, ix: AgentIx, call: CallId) -> bool {
        self.state.agent(ix).wrap_ups.iter().any(|w| w.call == call)
    }

    /// A user who lost the right to work loses place in routing in the same record.
    pub(super) fn leave_by_directory(&mut self, ix: AgentIx) {
        self.withdraw_offers(ix);
        self.by_rule(ix, Status::Offline, Cause::Directory);
    }

    /// Takes back all ringing offers of a user whose configuration no longer allows any.
    pub(super) fn withdraw_offers(&mut self, ix: AgentIx) {
        self.withdraw_not_allowed(ix, Status::Offline, Withdrawn::Configuration);
    }

    /// Opts in or out; opting out takes back the queue's ringing offers.
    pub(super) fn opt(&mut self, ix: AgentIx, queue: QueueIx, opted_in: bool, by: &Name) {
        if self.state.agent(ix).pair(queue).is_none_or(|p| p.opted_in == opted_in) {
            return;
        }
        self.emit(Event::OptedIn { agent: ix, queue, opted_in, by: by.clone() });
        if !opted_in {
            self.withdraw_of_queue(ix, queue, Withdrawn::OptedOut);
        }
    }

    /// Takes back an agent's ringing offers of one queue.
    pub(super) fn withdraw_of_queue(&mut self, ix: AgentIx, queue: QueueIx, reason: Withdrawn) {
        let of_queue: Vec<OfferId> = self
            .state
            .agent(ix)
            .offers
            .iter()
            .filter(|(offer, call)| {
                let made = self.state.call(*call).and_then(|c| c.offer(*offer));
                made.is_some_and(|o| o.member_of() == queue)
            })
            .map(|(offer, _)| *offer)
            .collect();
        for offer in of_queue {
            self.withdraw(offer, reason);
        }
    }
}
