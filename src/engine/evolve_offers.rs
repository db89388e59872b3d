//! `evolve` for offers: made, closed, answered.

use super::derived::Derived;
use super::evolve_calls::{count, detach, entry_of, tell_call, with};
use super::refresh::{mark_work, note, touch_agent, touch_call};
use super::state::{Closed, Leg, Offer, Stage, State, Tell};
use super::windows;
use crate::domain::event::{Event, OfferFailure, Withdrawn};
use crate::domain::ids::{AgentIx, CallId, Name, OfferId, QueueIx};
use crate::domain::objects::account::IdleClock;
use crate::domain::objects::queue::Order;
use crate::domain::switching::CancelReason;
use std::cmp::Reverse;

pub(super) fn offered(state: &mut State, derived: &mut Derived, event: &Event) {
    let Event::CallOffered {
        call,
        offer,
        agent,
        round,
        ring_for_ms,
        until,
        full_ring,
        at_desk,
        through,
        over,
        why,
        dice,
    } = event
    else {
        return;
    };
    let at = state.at;
    let Some(queue) = state.call(*call).and_then(|c| c.queue) else { return };
    let config = state.queue(queue).config.clone();
    // It counts where the agent is a member.
    let member_of = through.unwrap_or(queue);
    let counts = windows::counts_offers(&state.queue(member_of).config);
    let counted_day =
        if counts { windows::add(state, *agent, member_of, 1, Some(*offer)) } else { None };
    if let (Some(taken), Some(of)) = (dice, &mut state.dice) {
        of.taken = of.taken.max(*taken);
    }
    let Some(c) = state.calls.get_mut(call) else { return };
    let a = &mut state.agents[agent.at()];
    let position = a.pair(member_of).map(|p| p.position);
    c.offers.push(Offer {
        id: *offer,
        agent: *agent,
        queue,
        made_at: at,
        until: *until,
        ring_for_ms: *ring_for_ms,
        full_ring: *full_ring,
        at_desk: *at_desk,
        through: *through,
        over: *over,
        ringing: *at_desk,
        round: *round,
        counted_day,
        closed: None,
        why: why.clone(),
    });
    c.pass_began_at = c.pass_began_at.or(Some(at));
    c.cursor = position.map(|position| (position, agent.0)).or(c.cursor);
    c.attempts += 1;
    c.at_door = false;
    c.round = *round;
    a.offers.push((*offer, *call));
    if config.plan.order == Order::RoundRobin {
        state.queues[queue.at()].last_offered = position.map(|position| (position, agent.0));
    }
    state.last_offer = (*offer).max(state.last_offer);
    derived.offers.insert(*offer, *call);
    derived.index[queue.at()].ringing += 1;
    derived.deadlines.push(Reverse((*until, super::refresh::class::OFFER, offer.0)));
    note(&mut derived.touched.queues, queue);
    touch_agent(derived, *agent);
    touch_call(derived, *call);
    if !*at_desk {
        tell_call(state, derived, *call, Tell::Ring { offer: *offer });
    }
}

/// Ends an open offer. `told`: the switch itself said so, else it is told to stop ringing.
pub(super) fn close(
    state: &mut State,
    derived: &mut Derived,
    offer: OfferId,
    outcome: &str,
    withdrawn: Option<Withdrawn>,
    told: bool,
    cancel: CancelReason,
) {
    let Some(id) = derived.offers.get(&offer).copied() else { return };
    let at = state.at;
    let Some(c) = state.calls.get_mut(&id) else { return };
    let Some(o) = c.offers.iter_mut().find(|o| o.id == offer && o.closed.is_none()) else { return };
    let reason = withdrawn.map(|w| Name::from(w.word()));
    o.closed = Some(Closed { outcome: outcome.into(), reason, at });
    let (agent, queue, at_desk, counted) = (o.agent, o.queue, o.at_desk, o.counted_day);
    let member_of = o.member_of();
    if withdrawn.is_none() {
        c.tried.push(agent);
        c.hold = c.hold.filter(|(preferred, _)| *preferred != agent);
    }
    // One that went with its round rings again.
    if withdrawn != Some(Withdrawn::Round) {
        c.picked = c.picked.take().filter(|picked| picked.0 != agent);
    }
    if withdrawn == Some(Withdrawn::Round) && c.queue == Some(queue) {
        // Another's end took it: the call has not had this attempt.
        c.attempts = c.attempts.saturating_sub(1);
    }
    if !told && !at_desk {
        c.closing.push(offer);
    }
    let clock = state.account.idle_clock;
    let counts_not = withdrawn.is_some() || OfferFailure::parse(outcome).is_some();
    let direct = state.direct_line == Some(queue);
    let a = &mut state.agents[agent.at()];
    a.offers.retain(|(o, _)| *o != offer);
    if clock == IdleClock::Offered && withdrawn.is_none() {
        a.idle_since = at;
    }
    match outcome {
        // Nobody is set online for direct calls.
        "missed" if direct => a.unreachable = 0,
        "missed" => (a.misses, a.unreachable) = (a.misses + 1, 0),
        "refused" => a.unreachable = 0,
        "unreachable" => a.unreachable += 1,
        _ => {}
    }
    if counts_not {
        windows::take_back(state, agent, member_of, offer, counted);
    }
    let index = &mut derived.index[queue.at()];
    index.ringing = index.ringing.saturating_sub(1);
    note(&mut derived.touched.queues, queue);
    mark_work(derived, queue);
    derived.touched.settle.push(id);
    touch_agent(derived, agent);
    touch_call(derived, id);
    if !told && !at_desk {
        tell_call(state, derived, id, Tell::Cancel { offer, reason: cancel });
    }
}

pub(super) fn answered(state: &mut State, derived: &mut Derived, event: &Event) {
    let Event::CallAnswered { call, offer, agent, over: _, connect } = event else { return };
    let at = state.at;
    let Some(c) = state.calls.get_mut(call) else { return };
    let (mut was_open, mut uncounted) = (false, false);
    if let Some(o) = c.offers.iter_mut().find(|o| o.id == *offer) {
        was_open = o.closed.is_none();
        uncounted = o.closed.as_ref().is_some_and(|c| !matches!(&*c.outcome, "missed" | "refused"));
        o.closed = Some(Closed { outcome: "answered".into(), reason: None, at });
    }
    // A late answer may be of a queue that the call has left; it leaves the present one by it.
    let (left, entry_day) = (c.queue, c.queued_day);
    let queue = c.offer(*offer).map(|o| o.queue).or(c.queue);
    let member_of = c.offer(*offer).map(Offer::member_of);
    c.stage = Stage::Connected;
    c.waited_in = left;
    c.hops = 0;
    c.at_door = false;
    c.held = false;
    c.queue = queue;
    c.frozen_until = None;
    c.exit_due = None;
    c.hold = None;
    c.picked = None;
    c.legs.push(Leg { agent: *agent, offer: *offer, since: at });
    let a = &mut state.agents[agent.at()];
    a.offers.retain(|(o, _)| o != offer);
    a.calls.push(*call);
    a.misses = 0;
    a.unreachable = 0;
    a.device_unreached = false;
    a.active_at = at;
    if let Some(queue) = queue {
        let index = &mut derived.index[queue.at()];
        index.talking += 1;
        if was_open {
            index.ringing = index.ringing.saturating_sub(1);
            mark_work(derived, queue);
        }
    }
    if let Some(member_of) = member_of.filter(|_| uncounted) {
        count_late(state, *call, *offer, *agent, member_of);
    }
    if let Some(left) = left {
        count(state, derived, left, entry_day, |counts| counts.answered += 1);
    }
    touch_agent(derived, *agent);
    touch_call(derived, *call);
    if *connect {
        tell_call(state, derived, *call, Tell::Connect { offer: *offer });
    }
}

/// A late answer of an offer that was taken off the count counts after all.
fn count_late(state: &mut State, id: CallId, offer: OfferId, agent: AgentIx, queue: QueueIx) {
    if !windows::counts_offers(&state.queue(queue).config) {
        return;
    }
    let counted = windows::add(state, agent, queue, 1, Some(offer));
    let made = state.calls.get_mut(&id).and_then(|c| c.offers.iter_mut().find(|o| o.id == offer));
    if let Some(made) = made {
        made.counted_day = counted;
    }
}

/// The parties could not be joined although the agent answered: the call waits again.
pub(super) fn join_failed(
    state: &mut State,
    derived: &mut Derived,
    id: CallId,
    offer: OfferId,
    agent: AgentIx,
) {
    detach(state, derived, id);
    with(state, derived, id, |c, _| c.queue = c.waited_in);
    if let Some((queue, day)) = entry_of(state, id) {
        count(state, derived, queue, day, |counts| {
            counts.answered = counts.answered.saturating_sub(1);
        });
    }
    let mut counted = None;
    with(state, derived, id, |c, at| {
        c.stage = Stage::Waiting;
        c.held = false;
        if let Some(callback) = c.callback.as_deref_mut() {
            callback.dialing_until = None;
        }
        c.legs.retain(|l| l.offer != offer);
        c.tried.push(agent);
        if let Some(o) = c.offers.iter_mut().find(|o| o.id == offer) {
            o.closed = Some(Closed { outcome: "error".into(), reason: None, at });
            counted = Some((o.member_of(), o.counted_day));
        }
    });
    derived.touched.settle.push(id);
    let (at, clock) = (state.at, state.account.idle_clock);
    let a = &mut state.agents[agent.at()];
    a.calls.retain(|c| *c != id);
    if clock == IdleClock::Offered {
        a.idle_since = at;
    }
    if let Some((queue, counted)) = counted {
        windows::take_back(state, agent, queue, offer, counted);
    }
    touch_agent(derived, agent);
}
