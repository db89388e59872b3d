//! Offers: made, answered, missed, refused, failed, withdrawn; rounds.

use super::{Done, Ending, LINE, Model, No, Offer, State};
use crate::domain::event::{Cause, OfferFailure, Withdrawn};
use crate::domain::media::Media;
use crate::domain::objects::account::IdleClock;
use crate::domain::objects::queue::{Exit, OnMiss, Order, RingFor};
use crate::domain::objects::switch::Connects;
use crate::domain::objects::user::UserKind;
use crate::domain::presence::Status;
use crate::domain::switching::FailReason;
use crate::domain::time::Millis;
use crate::sim::fact::Fact;

/// How long the engine waits for a switch to end what it was told to end, or rings beyond it.
const BACKSTOP_MS: u64 = 2_000;
/// The ring of one offer where `total` does not say it.
const RING_MS: u64 = 15_000;

impl Model {
    fn names(&self, offer: usize) -> (String, String) {
        let o = &self.offers[offer];
        (self.calls[o.call].name.clone(), self.agents[o.agent].name.clone())
    }

    /// Milliseconds of `total` left to a call; `None` without a limit.
    pub(super) fn total_left(&self, call: usize) -> Option<u64> {
        self.total_at(call).map(|at| at.since(self.now))
    }

    pub(super) fn total_at(&self, call: usize) -> Option<Millis> {
        let c = &self.calls[call];
        let limit = self.queues[c.queue].config.total_ms.filter(|_| !self.calls_back(call));
        limit.map(|ms| c.queued_at.plus(ms).plus(c.away_ms))
    }

    /// Rings an agent. `crowded`: more fit than places.
    /// `over`: beyond the agent's capacity.
    pub(super) fn make_offer(&mut self, call: usize, agent: usize, crowded: bool, over: bool) {
        let queue = self.calls[call].queue;
        let through = self.member_of(call, agent).unwrap_or(queue);
        let config = self.queues[queue].config.clone();
        let left = self.total_left(call);
        let direct = self.calls[call].direct == Some(agent);
        let wanted = match config.plan.ring_for {
            _ if direct => Some(self.agents[agent].user.direct.ring_for_ms),
            RingFor::Ms(ms) => Some(ms),
            RingFor::Total if self.width(call).is_none() && crowded => Some(RING_MS),
            // Nothing limits a callback's stay.
            RingFor::Total if left.is_none() => Some(RING_MS),
            RingFor::Total => None,
        };
        let ring_for_ms = wanted.unwrap_or(u64::MAX).min(left.unwrap_or(u64::MAX));
        let full_ring = wanted.is_none_or(|ms| left.is_none_or(|left| ms <= left));
        let at_desk = self.agents[agent].user.personal.endpoint.is_none();
        let times_ring = self.switches[self.calls[call].switch].can.times_ring && !at_desk;
        let until = self.now.plus(ring_for_ms).plus(if times_ring { BACKSTOP_MS } else { 0 });
        let c = &mut self.calls[call];
        c.pass_began.get_or_insert(self.now);
        c.attempts += 1;
        c.legs += u32::from(!at_desk);
        let fact = Fact::Ring {
            call: c.name.clone(),
            agent: self.agents[agent].name.clone(),
            ring_for_ms,
            over,
        };
        self.offers.push(Offer {
            call,
            agent,
            queue,
            through,
            over,
            made_at: self.now,
            ring_for_ms,
            until,
            full_ring,
            at_desk,
            ringing: at_desk,
            counted_in: None,
            ending: None,
        });
        self.count(self.offers.len() - 1, 1);
        if let Some(member) = self.queues[through].members.iter().find(|m| m.agent == agent) {
            self.calls[call].cursor = Some((member.position, agent));
            if config.plan.order == Order::RoundRobin {
                self.queues[queue].last = Some((member.position, agent));
            }
        }
        self.fact(fact);
    }

    /// The engine takes an offer back.
    pub(super) fn withdraw(&mut self, offer: usize, reason: Withdrawn) {
        self.taken_back(offer, reason);
        let alone = matches!(
            reason,
            Withdrawn::Status
                | Withdrawn::Forced
                | Withdrawn::OptedOut
                | Withdrawn::Configuration
                | Withdrawn::Lease
        );
        self.cancel_leg(offer, alone);
    }

    /// The switch rang as long as it was told to, which was less than a whole ring.
    fn cut_short(&mut self, offer: usize) {
        self.taken_back(offer, Withdrawn::Exit);
    }

    fn taken_back(&mut self, offer: usize, reason: Withdrawn) {
        let (call, agent) = self.names(offer);
        self.offers[offer].ending = Some(Ending::Withdrawn(reason));
        self.count(offer, -1);
        self.pick_over(offer, reason == Withdrawn::Round);
        if reason == Withdrawn::Round {
            let call = self.offers[offer].call;
            self.calls[call].attempts = self.calls[call].attempts.saturating_sub(1);
        }
        self.fact(Fact::Withdrawn { call, agent, reason });
    }

    /// The switch is told to stop a leg; where it cannot stop one of several, the round goes.
    fn cancel_leg(&mut self, offer: usize, alone: bool) {
        let o = &self.offers[offer];
        let (call, now) = (o.call, self.now);
        let (adds, cancels) = {
            let can = &self.switches[self.calls[call].switch].can;
            (can.adds_leg, can.cancels_one_leg)
        };
        if o.at_desk || (adds && cancels) {
            return;
        }
        let c = &mut self.calls[call];
        c.closing.push(offer);
        c.closing_until.get_or_insert(now.plus(BACKSTOP_MS));
        if alone && !cancels {
            let rings_on = |o: &Offer| o.made_at.plus(o.ring_for_ms) > now;
            for other in self.offers_where(|o| o.call == call && !o.at_desk && rings_on(o)) {
                self.withdraw(other, Withdrawn::Round);
            }
        }
    }

    /// The switch says that a leg is gone; with the last of them the round is closed.
    fn leg_closed(&mut self, offer: usize) {
        let c = &mut self.calls[self.offers[offer].call];
        c.closing.retain(|o| *o != offer);
        if c.closing.is_empty() {
            c.closing_until = None;
        }
    }

    /// The offer's own deadline: missed, or cut short by `total`.
    pub(super) fn ring_over(&mut self, offer: usize) {
        if self.offers[offer].full_ring {
            self.miss(offer, false);
        } else {
            // `total` may have been set anew since: then only this one of the round ends.
            self.taken_back(offer, Withdrawn::Exit);
            self.cancel_leg(offer, true);
        }
    }

    pub(super) fn miss(&mut self, offer: usize, by_switch: bool) {
        let (call, agent) = self.names(offer);
        self.fact(Fact::Missed { call, agent });
        let (agent, queue) = (self.offers[offer].agent, self.offers[offer].queue);
        let config = self.queues[queue].config.clone();
        self.end_unanswered(offer, Ending::Missed, by_switch);
        self.delay(agent, config.after_miss_ms);
        self.agents[agent].misses += u32::from(queue != LINE);
        self.agents[agent].unreached_in_row = 0;
        self.on_miss(offer);
        let reached = config.max_misses > 0 && self.agents[agent].misses >= config.max_misses;
        // What was chosen for after the work comes now, and is more than a rule's guess.
        let chosen = self.agents[agent].next.as_ref().is_some_and(|n| n.status != Status::Ready);
        if reached && self.agents[agent].status == Status::Ready && !chosen {
            self.agents[agent].next = None;
            self.rule(agent, Status::Online, Cause::Missed, Withdrawn::Status);
        }
    }

    fn refuse(&mut self, offer: usize, by_switch: bool) {
        let (call, agent) = self.names(offer);
        self.fact(Fact::Refused { call, agent });
        let (agent, queue) = (self.offers[offer].agent, self.offers[offer].queue);
        let delay = self.queues[queue].config.after_refusal_ms;
        self.end_unanswered(offer, Ending::Refused, by_switch);
        self.delay(agent, delay);
        self.agents[agent].unreached_in_row = 0;
        self.on_miss(offer);
    }

    pub(super) fn fail(&mut self, offer: usize, reason: OfferFailure, by_switch: bool) {
        let (call, agent) = self.names(offer);
        self.fact(Fact::Failed { call, agent, reason });
        let (agent, queue) = (self.offers[offer].agent, self.offers[offer].queue);
        let config = self.queues[queue].config.clone();
        self.end_unanswered(offer, Ending::Failed(reason), by_switch);
        self.count(offer, -1);
        let delay = match reason {
            OfferFailure::Busy => config.after_busy_ms,
            OfferFailure::Unreachable | OfferFailure::Error => config.after_unreachable_ms,
        };
        self.delay(agent, delay);
        if reason == OfferFailure::Unreachable {
            let a = &mut self.agents[agent];
            a.unreached_in_row += 1;
            let reached =
                config.max_unreachable > 0 && a.unreached_in_row >= config.max_unreachable;
            if reached && a.user.kind != UserKind::Pbx {
                a.unreached = true;
            }
        }
    }

    fn end_unanswered(&mut self, offer: usize, ending: Ending, by_switch: bool) {
        self.offers[offer].ending = Some(ending);
        let (call, agent) = (self.offers[offer].call, self.offers[offer].agent);
        self.idle_anew(agent, IdleClock::Offered);
        self.pick_over(offer, false);
        let c = &mut self.calls[call];
        c.hold = c.hold.filter(|(preferred, _)| *preferred != agent);
        if !self.calls[call].tried.contains(&agent) {
            self.calls[call].tried.push(agent);
        }
        if !by_switch {
            self.cancel_leg(offer, true);
        }
    }

    /// The offer to a picked agent has ended; one that went with its round rings again.
    fn pick_over(&mut self, offer: usize, again: bool) {
        let agent = self.offers[offer].agent;
        let c = &mut self.calls[self.offers[offer].call];
        c.picked = c.picked.filter(|picked| again || *picked != agent);
    }

    fn on_miss(&mut self, offer: usize) {
        let (call, queue) = (self.offers[offer].call, self.offers[offer].queue);
        if self.queues[queue].config.plan.on_miss == OnMiss::Exit {
            self.calls[call].exit_due.get_or_insert(Exit::Missed);
        }
    }

    fn delay(&mut self, agent: usize, ms: u64) {
        let until = self.now.plus(ms);
        let a = &mut self.agents[agent];
        if ms > 0 {
            // A shorter one does not end a longer.
            a.delay_until = a.delay_until.max(Some(until));
            let agent = a.name.clone();
            self.fact(Fact::Delayed { agent, for_ms: ms });
        }
    }

    /// The switch says that an offer was answered.
    pub(super) fn answered(&mut self, offer: usize) {
        let call = self.offers[offer].call;
        let fact = self.switches[self.calls[call].switch].can.connects == Connects::Switch;
        let waits = self.calls[call].state == State::Waiting;
        let open = self.offers[offer].ending.is_none();
        let answered_before = self.offers[offer].ending == Some(Ending::Answered);
        if waits && (open || fact) && !answered_before {
            self.take_answer(offer);
        } else if self.offers[offer].ending != Some(Ending::Answered) {
            let (call, agent) = self.names(offer);
            self.fact(Fact::Stopped { call, agent });
        }
    }

    /// This answer won.
    pub(super) fn take_answer(&mut self, offer: usize) {
        let (call, agent) = (self.offers[offer].call, self.offers[offer].agent);
        let held = self.offers[offer].ending.is_none();
        if !held && self.offers[offer].counted_in.is_none() {
            self.count(offer, 1);
        }
        self.offers[offer].ending = Some(Ending::Answered);
        let late_queue = self.offers[offer].queue;
        self.count_answered(call);
        let now = self.now;
        let c = &mut self.calls[call];
        c.state = State::Connected { agent };
        c.handed = false;
        c.connected_at = now;
        c.waited_in = c.queue;
        c.queue = late_queue;
        c.exit_due = None;
        c.entering = false;
        c.hops = 0;
        c.held = false;
        c.hold = None;
        c.picked = None;
        let a = &mut self.agents[agent];
        a.misses = 0;
        a.unreached = false;
        a.unreached_in_row = 0;
        a.answered_at = Some(now);
        let media = self.calls[call].media;
        // An open offer holds its unit already.
        let over = if held {
            self.offers[offer].over
        } else {
            self.used(agent, media) > self.capacity(agent, media)
        };
        self.note_last_agent(call, agent);
        let (call_name, agent_name) = self.names(offer);
        self.fact(Fact::Answered { call: call_name, agent: agent_name, over });
        for other in self.open_offers(call) {
            self.withdraw(other, Withdrawn::AnsweredElsewhere);
        }
        self.dial_customer(call);
    }

    /// The switch says that an offer failed.
    pub(super) fn failed(&mut self, offer: usize, reason: FailReason) {
        self.leg_closed(offer);
        if self.offers[offer].ending == Some(Ending::Answered) {
            if reason == FailReason::Error {
                self.join_failed(offer);
            }
            return;
        }
        if self.offers[offer].ending.is_some() {
            return;
        }
        match reason {
            FailReason::NoAnswer if self.offers[offer].full_ring => self.miss(offer, true),
            FailReason::NoAnswer => self.cut_short(offer),
            FailReason::Refused => self.refuse(offer, true),
            FailReason::Busy => self.fail(offer, OfferFailure::Busy, true),
            FailReason::Unreachable => self.fail(offer, OfferFailure::Unreachable, true),
            FailReason::Cancelled | FailReason::Error => {
                self.fail(offer, OfferFailure::Error, true)
            }
        }
    }

    /// Joining failed while the caller is still there: the call waits again with its rank.
    fn join_failed(&mut self, offer: usize) {
        let (call, agent) = (self.offers[offer].call, self.offers[offer].agent);
        let joined = self.calls[call].state == (State::Connected { agent });
        if joined && !self.calls[call].handed {
            if let Some(callback) = &mut self.calls[call].callback {
                callback.dialing = None;
            }
            self.calls[call].state = State::Waiting;
            self.calls[call].queue = self.calls[call].waited_in;
            self.uncount_answered(call);
            self.fail(offer, OfferFailure::Error, true);
        }
    }

    pub(super) fn accept(&mut self, call: &str, user: &str) -> Done {
        let offer = self.offer_named(call, user).ok_or(No)?;
        let o = &self.offers[offer];
        if o.ending.is_some() {
            return Err(No);
        }
        let c = &self.calls[o.call];
        if o.at_desk || c.media != Media::Voice {
            self.take_answer(offer);
            return Ok(());
        }
        // The switch is asked to answer for the agent; it says when it has.
        if self.switches[c.switch].can.answers_for_agent { Ok(()) } else { Err(No) }
    }

    pub(super) fn refuse_at_desk(&mut self, call: &str, user: &str) -> Done {
        let offer = self.offer_named(call, user).ok_or(No)?;
        if self.offers[offer].ending.is_some() {
            return Err(No);
        }
        self.refuse(offer, false);
        Ok(())
    }
}
