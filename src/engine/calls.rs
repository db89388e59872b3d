//! Decisions about calls: arrival, answer, end, the ways out of a queue.

use super::Engine;
use super::direct::Place;
use super::evolve_calls::CLOSING_MS;
use super::explain::hold_of;
use super::presence;
use super::state::{Call, Stage};
use super::vault::CallValues;
use crate::domain::event::{Event, OfferFailure, Outcome, Withdrawn};
use crate::domain::ids::{AgentIx, CallId, Name, OfferId, QueueIx, SwitchIx};
use crate::domain::objects::queue::{Exit, NobodyWhen, OnMiss, RingFor};
use crate::domain::objects::switch::Connects;
use crate::domain::objects::{SkillNeed, Target};
use crate::domain::presence::HeldBy;
use crate::domain::switching::{Arrival, ArrivalTarget, CancelReason, EndedBy, FailReason};

/// Why an offer ended without an answer, as the decision sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// Rang out.
    Missed,
    /// The agent said no.
    Refused,
    /// Busy, unreachable, error.
    Failed(OfferFailure),
}

impl Engine {
    /// A caller is there: the call is taken, and waits where it is directed.
    pub(super) fn arrive(
        &mut self,
        switch: SwitchIx,
        subject: Name,
        arrival: &Arrival,
        replayed: bool,
    ) -> CallId {
        let now = self.state_now();
        let call = CallId::after(self.state.last_call, now);
        let values = CallValues {
            from: arrival.from.as_deref().map(Name::from),
            attributes: arrival.attributes.clone().into(),
        };
        let personal = (values != CallValues::default()).then(|| {
            let key = self.state.last_personal + 1;
            self.vault.put_call(key, values);
            key
        });
        let (place, route_priority, route_skills) = self.directed(arrival);
        let place = place.filter(|place| self.takes(*place, arrival.media));
        let skills = route_skills.iter().chain(&arrival.skills).cloned().collect();
        self.emit(Event::CallArrived {
            call,
            switch,
            subject,
            media: arrival.media,
            to: arrival.to.as_deref().map(Name::from),
            personal,
            priority: (arrival.priority + route_priority).clamp(-2_000, 2_000),
            skills,
            replayed,
            route_priority,
            route_skills,
            steps: arrival.steps.clone(),
            preferred: arrival.preferred.clone(),
        });
        match place {
            Some(place) => self.send(call, place, false),
            None => self.end_call(call, Outcome::Failed, "no_route", None, true),
        }
        call
    }

    /// Where an arriving call goes, with what its route adds.
    fn directed(&self, arrival: &Arrival) -> (Option<Place>, i32, Vec<SkillNeed>) {
        let place = match &arrival.target {
            Some(ArrivalTarget::Queue(name) | ArrivalTarget::Group(name)) => self.queue_place(name),
            Some(ArrivalTarget::Extension(digits)) => self.extension_place(digits),
            Some(ArrivalTarget::Agent(user)) => self.user_place(user),
            None => return self.by_route(arrival.to.as_deref()),
        };
        (place, 0, Vec::new())
    }

    fn by_route(&self, to: Option<&str>) -> (Option<Place>, i32, Vec<SkillNeed>) {
        let Some(to) = to else { return (None, 0, Vec::new()) };
        if let Some(route) = self
            .derived
            .numbers
            .get(to)
            .and_then(|id| self.state.routes.get(id))
            .and_then(|item| item.value.as_ref())
        {
            return (self.place(&route.to), route.priority, route.skills.clone());
        }
        // An extension is a number that the house itself knows.
        (self.number_place(to).or_else(|| self.extension_place(to)), 0, Vec::new())
    }

    /// An agent has answered. A fact where the switch joins, the first one where the engine does.
    pub(super) fn answer(&mut self, offer: OfferId, at_desk: bool) -> Result<(), &'static str> {
        let id = *self.derived.offers.get(&offer).ok_or("unknown_offer")?;
        let call = self.state.call(id).ok_or("unknown_offer")?;
        let made = call.offer(offer).ok_or("unknown_offer")?;
        let (agent, open, picked_over) = (made.agent, made.closed.is_none(), made.over);
        let by_engine = self.connects(call) == Connects::Engine;
        if call.is_ended() {
            return Err("late");
        }
        if made.closed.as_ref().is_some_and(|c| &*c.outcome == "answered") {
            return Err("late");
        }
        let taken = call.stage == Stage::Connected;
        if !open && (by_engine || taken) {
            let reason =
                if taken { CancelReason::AnsweredElsewhere } else { CancelReason::Withdrawn };
            self.emit(Event::AnswerStopped { call: id, offer, reason });
            return Ok(());
        }
        // An open offer holds its unit already; a late answer may go beyond the capacity.
        let over = if open { picked_over } else { self.is_full(agent, call) };
        let others: Vec<OfferId> =
            call.open_offers().map(|o| o.id).filter(|o| *o != offer).collect();
        // Nobody is there to be joined with before the customer was dialled.
        let calls_back = call.to_call_back().is_some();
        let connect = (by_engine || at_desk) && !calls_back;
        self.emit(Event::CallAnswered { call: id, offer, agent, over, connect });
        self.note_last_agent(id, agent);
        for other in others {
            self.emit(Event::OfferWithdrawn { offer: other, reason: Withdrawn::AnsweredElsewhere });
        }
        // Should joining fail, the call rings again only when this round has ended at the switch.
        self.close_round(id, true);
        if calls_back {
            self.dial_customer(id, offer);
        }
        Ok(())
    }

    pub(super) fn is_full(&self, agent: AgentIx, call: &Call) -> bool {
        let agent = self.state.agent(agent);
        let work = presence::work_of(&self.state, agent);
        let used = work.iter().filter(|w| w.media == call.media).count();
        used >= usize::from(agent.user.capacity_of(call.media))
    }

    /// Who joins the parties of a call.
    pub(super) fn connects(&self, call: &Call) -> Connects {
        self.state.switch(call.switch).config.capabilities.connects
    }

    /// The ring's own deadline has come.
    pub(super) fn ring_due(&mut self, offer: OfferId) {
        let Some(call) = self.derived.offers.get(&offer).and_then(|id| self.state.call(*id)) else {
            return;
        };
        let id = call.id;
        let Some(made) = call.offer(offer).filter(|o| o.closed.is_none()) else { return };
        if made.full_ring {
            self.unanswered(id, offer, Unanswered::Missed, false);
        } else {
            self.withdraw(offer, Withdrawn::Exit);
        }
    }

    /// The switch says that an offer ended.
    pub(super) fn offer_failed(
        &mut self,
        offer: OfferId,
        reason: FailReason,
    ) -> Result<(), &'static str> {
        let id = *self.derived.offers.get(&offer).ok_or("unknown_offer")?;
        let call = self.state.call(id).ok_or("unknown_offer")?;
        let made = call.offer(offer).ok_or("unknown_offer")?;
        if let Some(closed) = &made.closed {
            let agent = made.agent;
            let joined =
                &*closed.outcome == "answered" && call.legs.iter().any(|l| l.offer == offer);
            if joined && reason == FailReason::Error && call.legs.len() > 1 {
                self.leaves(id, agent);
                return Ok(());
            }
            if joined && reason == FailReason::Error {
                let queue = made.queue;
                self.put_supervisors_out(id, None);
                self.emit(Event::JoinFailed { call: id, offer, agent });
                self.after_unanswered(agent, queue, Unanswered::Failed(OfferFailure::Error));
                return Ok(());
            }
            return self.leg_confirmed(id, offer);
        }
        let how = match reason {
            FailReason::NoAnswer if made.full_ring => Unanswered::Missed,
            FailReason::NoAnswer => {
                self.emit(Event::OfferWithdrawn { offer, reason: Withdrawn::Exit });
                // The switch itself ended the ring: no leg is left to wait for.
                self.emit(Event::LegConfirmed { call: id, offer });
                return Ok(());
            }
            FailReason::Busy => Unanswered::Failed(OfferFailure::Busy),
            FailReason::Refused => Unanswered::Refused,
            FailReason::Unreachable => Unanswered::Failed(OfferFailure::Unreachable),
            FailReason::Cancelled | FailReason::Error => Unanswered::Failed(OfferFailure::Error),
        };
        self.unanswered(id, offer, how, true);
        Ok(())
    }

    /// A leg that the engine stopped has ended at the switch.
    fn leg_confirmed(&mut self, id: CallId, offer: OfferId) -> Result<(), &'static str> {
        let call = self.state.call(id).ok_or("unknown_offer")?;
        if call.closing_until.is_none() || !call.closing.contains(&offer) {
            return Err("late");
        }
        if call.closing.len() == 1 {
            self.emit(Event::RoundClosed { call: id });
        } else {
            self.emit(Event::LegConfirmed { call: id, offer });
        }
        Ok(())
    }

    /// An offer ended without an answer: what follows for the agent, and for the call.
    pub(super) fn unanswered(&mut self, id: CallId, offer: OfferId, how: Unanswered, told: bool) {
        let Some(call) = self.state.call(id) else { return };
        let Some(made) = call.offer(offer) else { return };
        let (agent, queue) = (made.agent, made.queue);
        // A desk is no leg of the switch's.
        let stopped = !told && !made.at_desk;
        match how {
            Unanswered::Missed => self.emit(Event::OfferMissed { offer, told_by_switch: told }),
            Unanswered::Refused => self.emit(Event::OfferRefused { offer, told_by_switch: told }),
            Unanswered::Failed(reason) => {
                self.emit(Event::OfferFailed { offer, reason, told_by_switch: told });
            }
        }
        self.after_unanswered(agent, queue, how);
        let config = self.state.queue(queue).config.clone();
        let exits = config.plan.on_miss == OnMiss::Exit
            && matches!(how, Unanswered::Missed | Unanswered::Refused);
        let live =
            self.state.call(id).is_some_and(|c| c.stage == Stage::Waiting && c.exit_due.is_none());
        if exits && live {
            self.emit(Event::ExitDue { call: id, exit: Exit::Missed });
        }
        self.close_round(id, stopped);
    }

    /// After the engine itself stopped a leg: a switch that cannot stop one of several stops the
    /// whole round, and one that cannot add a leg must have ended it before the next.
    pub(super) fn close_round(&mut self, id: CallId, stopped: bool) {
        let Some(call) = self.state.call(id) else { return };
        if !stopped || call.is_ended() {
            return;
        }
        let able = &self.state.switch(call.switch).config.capabilities;
        let (adds, cancels) = (able.adds_leg, able.cancels_one_leg);
        if !cancels {
            // Those that ring out at this very instant do so by their own deadline.
            let now = self.state_now();
            let rest: Vec<OfferId> = call
                .open_offers()
                .filter(|o| !o.at_desk && o.made_at.plus(o.ring_for_ms) > now)
                .map(|o| o.id)
                .collect();
            for offer in rest {
                self.emit(Event::OfferWithdrawn { offer, reason: Withdrawn::Round });
            }
        }
        let Some(call) = self.state.call(id) else { return };
        if (!adds || !cancels) && !call.closing.is_empty() && call.closing_until.is_none() {
            let until = self.state_now().plus(CLOSING_MS);
            self.emit(Event::RoundClosing { call: id, until });
        }
    }

    /// Takes an open offer back.
    pub(super) fn withdraw(&mut self, offer: OfferId, reason: Withdrawn) {
        let Some(id) = self.derived.offers.get(&offer).copied() else { return };
        let made = self.state.call(id).and_then(|c| c.offer(offer));
        if let Some(at_desk) = made.filter(|o| o.closed.is_none()).map(|o| o.at_desk) {
            self.emit(Event::OfferWithdrawn { offer, reason });
            self.close_round(id, !at_desk);
        }
    }

    /// `total_ms` is over: offers that rang until then are missed, the others were cut short.
    pub(super) fn total_over(&mut self, id: CallId) {
        let Some(call) = self.state.call(id) else { return };
        let Some(queue) = call.queue else { return };
        let config = self.state.queue(queue).config.clone();
        let now = self.state_now();
        let open: Vec<(OfferId, AgentIx, bool)> = call
            .open_offers()
            .map(|o| {
                let whole = o.full_ring
                    && (config.plan.ring_for == RingFor::Total
                        || o.made_at.plus(o.ring_for_ms) <= now);
                (o.id, o.agent, whole)
            })
            .collect();
        for (offer, agent, whole) in open {
            if whole {
                self.emit(Event::OfferMissed { offer, told_by_switch: false });
                self.after_unanswered(agent, queue, Unanswered::Missed);
            } else {
                self.emit(Event::OfferWithdrawn { offer, reason: Withdrawn::Exit });
            }
        }
        self.exit(id, Exit::Total);
    }

    /// The caller is told the place in the line.
    pub(super) fn announce(&mut self, id: CallId) {
        self.refresh();
        let Some(call) = self.state.call(id) else { return };
        let Some(queue) = call.queue else { return };
        let announce = self.state.queue(queue).config.announce;
        let (Some(announce), Some(position)) = (announce, self.position(call)) else { return };
        let times = announce.times(self.state_now().since(call.waited_at(0)));
        let times = times.max(call.announced + 1);
        self.emit(Event::CallAnnounced { call: id, position, times });
    }

    /// `max_wait_ms` is over: an open offer may finish.
    pub(super) fn max_wait_over(&mut self, id: CallId) {
        let Some(call) = self.state.call(id) else { return };
        if call.open_count() > 0 || call.picked.is_some() {
            self.emit(Event::ExitDue { call: id, exit: Exit::MaxWait });
        } else {
            self.exit(id, Exit::MaxWait);
        }
    }

    /// The caller asks to leave, where the queue has a way for that.
    pub(super) fn asks_to_leave(&mut self, id: CallId) {
        let Some(call) = self.state.call(id) else { return };
        let Some(queue) = call.queue else { return };
        let way = self.state.queue(queue).config.exits.on_choice.as_ref();
        let open = match way {
            Some(Target::Callback(_)) => self.can_call_back(call),
            way => way.is_some(),
        };
        if !open || call.to_call_back().is_some() {
            return;
        }
        if call.stands_still() {
            self.emit(Event::ExitDue { call: id, exit: Exit::Choice });
        } else {
            self.exit(id, Exit::Choice);
        }
    }

    /// The call leaves its queue by an exit; open offers are withdrawn.
    pub(super) fn exit(&mut self, id: CallId, exit: Exit) {
        let Some(call) = self.state.call(id) else { return };
        let Some(queue) = call.queue else { return };
        // An exit that waited for an offer to end at the very end of `total` is the exit `total`.
        let total_at = call.total_at(&self.state.queue(queue).config);
        let over = total_at.is_some_and(|at| at <= self.state_now());
        let waited = !matches!(exit, Exit::Nobody | Exit::MaxWaiting);
        let exit = if over && waited { Exit::Total } else { exit };
        let to = match call.direct {
            Some(agent) if exit == Exit::Unattended => self.unattended(agent),
            // Nobody is on the line who could be sent elsewhere.
            _ if call.to_call_back().is_some() => Target::End(true),
            _ => self.state.queue(queue).config.exits.target(exit).clone(),
        };
        let (hops, caller) = (call.hops, call.to_call_back().is_none());
        let calls_back = matches!(to, Target::Callback(_)) && self.can_call_back(call);
        let media = call.media;
        let next = self.place(&to).filter(|place| self.takes(*place, media));
        self.withdraw_all(id, Withdrawn::Exit);
        self.emit(Event::CallExited { call: id, exit, to: to.clone() });
        match (&to, next) {
            (Target::Callback(_), _) if calls_back => {
                self.call_back(id);
                self.end_call(id, Outcome::Exited, "callback", None, true);
            }
            (Target::Callback(_), _) => {
                self.end_call(id, Outcome::Exited, "no_callback", None, true);
            }
            (Target::End(_), _) => self.end_call(id, Outcome::Exited, exit.word(), None, caller),
            (Target::Number(_) | Target::Voicemail(_), _) => {
                self.end_call(id, Outcome::Exited, exit.word(), None, false);
            }
            (_, Some(_)) if hops >= self.state.account.max_hops => {
                self.end_call(id, Outcome::Exited, "max_hops", None, true);
            }
            (_, Some(place)) => {
                self.send(id, place, true);
                // In its new place, too, it waits for its last round to end at the switch.
                self.close_round(id, true);
            }
            (_, None) => self.end_call(id, Outcome::Exited, "no_target", None, true),
        }
    }

    pub(super) fn withdraw_all(&mut self, id: CallId, reason: Withdrawn) {
        let Some(call) = self.state.call(id) else { return };
        let open: Vec<OfferId> = call.open_offers().map(|o| o.id).collect();
        for offer in open {
            self.emit(Event::OfferWithdrawn { offer, reason });
        }
    }

    /// Ends a call: offers are withdrawn, agents' parts end, wrap-up follows.
    pub(super) fn end_call(
        &mut self,
        id: CallId,
        outcome: Outcome,
        reason: &str,
        by: Option<EndedBy>,
        tell: bool,
    ) {
        let withdrawn =
            if outcome == Outcome::Abandoned { Withdrawn::Abandoned } else { Withdrawn::Ended };
        self.withdraw_all(id, withdrawn);
        self.end_legs(id);
        self.emit(Event::CallEnded { call: id, outcome, reason: reason.into(), by, tell });
    }

    /// Every agent's part ends.
    pub(super) fn end_legs(&mut self, id: CallId) {
        let Some(call) = self.state.call(id) else { return };
        let legs: Vec<AgentIx> = call.legs.iter().map(|l| l.agent).collect();
        for agent in legs {
            self.end_leg(id, agent);
        }
    }

    /// An agent's part ends; wrap-up follows connected queue and group calls.
    pub(super) fn end_leg(&mut self, id: CallId, agent: AgentIx) {
        let queue = self.state.call(id).and_then(|call| call.queue);
        self.emit(Event::LegEnded { call: id, agent });
        let Some(queue) = queue else { return };
        let wrap_up = self.state.queue(queue).config.wrap_up;
        if wrap_up.ms > 0 {
            let until = self.state_now().plus(wrap_up.ms);
            self.emit(Event::WrapUpStarted { call: id, agent, queue, until });
        }
    }

    /// The caller hung up before an agent had the call.
    pub(super) fn abandon(&mut self, id: CallId) {
        let Some(call) = self.state.call(id) else { return };
        let waited_ms = self.state_now().since(call.queued_at);
        self.emit(Event::CallAbandoned { call: id, waited_ms });
        self.end_call(id, Outcome::Abandoned, "abandoned", Some(EndedBy::Caller), false);
    }

    /// What follows for calls that lost an offer or entered a queue, once matching is done; `true`
    /// when something was decided, so that matching must be looked at again.
    pub(super) fn settle_calls(&mut self) -> bool {
        let mut decided = false;
        let mut calls = std::mem::take(&mut self.derived.touched.settle);
        for queue in std::mem::take(&mut self.derived.touched.judged) {
            let waiting = &self.derived.index[queue.at()].waiting;
            calls.extend(waiting.iter().map(|(_, id)| *id));
        }
        calls.sort_unstable();
        calls.dedup();
        for id in calls {
            if let Some(exit) = self.exit_now(id) {
                self.exit(id, exit);
                decided = true;
            }
        }
        decided
    }

    /// Before matching: exits that waited for the last open offer to end.
    pub(super) fn settle_exits_due(&mut self) {
        // An exit leads to a queue in which the next may be due at once; `max_hops` ends that.
        let mut at = 0;
        while let Some(id) = self.derived.touched.settle.get(at).copied() {
            at += 1;
            if let Some(exit) = self.state.call(id).and_then(|call| self.exit_due(call)) {
                self.exit(id, exit);
                self.apply_next();
            }
        }
    }

    /// The exit of a call without an open offer that is due, or whose offers are spent.
    fn exit_due(&self, call: &Call) -> Option<Exit> {
        let rings = call.open_count() > 0 || call.picked.is_some();
        if call.stage != Stage::Waiting || rings || call.stands_still() {
            return None;
        }
        if call.direct.is_some() {
            return call.exit_due.or(Some(Exit::Unattended));
        }
        let config = &self.state.queue(call.queue?).config;
        let budget = self.state.switch(call.switch).config.capabilities.offers_per_call;
        let exhausted = budget.is_some_and(|max| call.legs_made() >= max.saturating_sub(1));
        let missed = config.plan.attempts.is_some_and(|max| call.attempts >= max);
        call.exit_due.or(exhausted.then_some(Exit::Exhausted)).or(missed.then_some(Exit::Missed))
    }

    /// Before matching: without another pass (`again: false`) a call leaves when all who fit were
    /// tried; `true` when one left.
    pub(super) fn leave_after_pass(&mut self) -> bool {
        self.refresh();
        let once = |queue: QueueIx| !self.state.queue(queue).config.plan.again;
        let of_queue = |id: &CallId| self.state.call(*id).and_then(|call| call.queue);
        let touched = &self.derived.touched;
        let settled = touched.settle.iter().filter(|id| of_queue(id).is_some_and(once));
        let mut calls: Vec<CallId> = settled.copied().collect();
        for queue in touched.judged.iter().filter(|queue| once(**queue)) {
            calls.extend(&self.derived.index[queue.at()].tried);
        }
        self.leave(calls) | self.leave_passes()
    }

    /// The same for the queues in which an agent came or went, as between two offers; `true` when a
    /// call left.
    pub(super) fn leave_passes(&mut self) -> bool {
        let mut calls = Vec::new();
        for queue in std::mem::take(&mut self.derived.touched.passes) {
            calls.extend(&self.derived.index[queue.at()].tried);
        }
        self.leave(calls)
    }

    fn leave(&mut self, mut calls: Vec<CallId>) -> bool {
        calls.sort_unstable();
        calls.dedup();
        let mut left = false;
        for id in calls {
            if let Some(placed) = self.derived.placed.get(&id) {
                let (queue, need) = (placed.queue, placed.need);
                self.make_indexes(queue, need);
            }
            if self.state.call(id).is_some_and(|call| self.is_pass_over_for_good(call)) {
                self.exit(id, Exit::Missed);
                self.refresh();
                left = true;
            }
        }
        left
    }

    fn is_pass_over_for_good(&self, call: &Call) -> bool {
        let Some(queue) = call.queue.filter(|_| call.stage == Stage::Waiting) else { return false };
        let config = &self.state.queue(queue).config;
        let rings = call.open_count() > 0 || call.picked.is_some();
        if config.plan.again || call.tried.is_empty() || rings {
            return false;
        }
        let kept_back = hold_of(&self.state, call, config).is_some_and(|held| {
            use HeldBy::{CallbackSpacing, EventGap, ExitDue, Frozen, Replay, SwitchSuspect};
            matches!(held, CallbackSpacing | EventGap | ExitDue | Frozen | Replay | SwitchSuspect)
        });
        !kept_back && self.has_candidate(call) && !self.has_untried(call)
    }

    /// The exit that a call without an open offer must take now.
    fn exit_now(&self, id: CallId) -> Option<Exit> {
        let call = self.state.call(id)?;
        let queue = call.queue?;
        if call.stage != Stage::Waiting || call.open_count() > 0 || call.stands_still() {
            return None;
        }
        let config = &self.state.queue(queue).config;
        if call.exit_due.is_some() || call.picked.is_some() || call.to_call_back().is_some() {
            return None;
        }
        if self.state.switch(call.switch).parked.contains_key(&call.subject) {
            return None;
        }
        let index = &self.derived.index[queue.at()];
        let too_many =
            config.exits.max_waiting.is_some_and(|max| index.waiting.len() > max as usize);
        if call.at_door && too_many {
            return Some(Exit::MaxWaiting);
        }
        let nobody = match config.exits.nobody {
            NobodyWhen::Off => false,
            NobodyWhen::LoggedIn => index.logged_in == 0,
            NobodyWhen::Offerable => index.offerable_or_grace == 0,
        };
        nobody.then_some(Exit::Nobody)
    }
}
