//! `evolve` for calls and offers.

use super::derived::Derived;
use super::direct::line_made;
use super::evolve::{REPLAY_MS, tell};
use super::evolve_offers::{answered, close, join_failed, offered};
use super::few::Few;
use super::refresh::{mark_work, note, touch_agent, touch_call};
use super::state::{Call, End, Leg, Offer, Stage, State, Tell, WrapUpRun};
use crate::domain::event::{Event, Withdrawn};
use crate::domain::ids::{AgentIx, CallId, Name, OfferId, QueueIx, SwitchIx};
use crate::domain::media::Media;
use crate::domain::objects::Target;
use crate::domain::objects::direct::DIRECT_LINE;
use crate::domain::objects::queue::Exit;
use crate::domain::switching::{CancelReason, RouteKind};
use crate::domain::time::Millis;

use crate::domain::rows::DayCounts;

/// The engine waits so long for the switch to tell that a round has ended, ms.
pub const CLOSING_MS: u64 = 2_000;

/// Applies an event about a call; `false` when it is about something else.
pub fn evolve(state: &mut State, derived: &mut Derived, event: &Event) -> bool {
    match event {
        Event::CallArrived { .. } => arrived(state, derived, event),
        Event::CallQueued { call, queue, hop } => queued(state, derived, *call, *queue, *hop),
        Event::CallParked { call, position } => {
            with(state, derived, *call, |c, _| c.at_door = false);
            tell_call(state, derived, *call, Tell::Queue { position: *position });
        }
        Event::HoldAsked { call, hold, by: _ } => {
            let what = if *hold { Tell::Hold } else { Tell::Resume };
            tell_call(state, derived, *call, what);
        }
        Event::TransferAsked { call, to, kind, by: _ } => {
            tell_call(state, derived, *call, Tell::Transfer { to: to.clone(), kind: *kind });
        }
        Event::CallAnnounced { call, position, times } => {
            with(state, derived, *call, |c, _| c.announced = *times);
            tell_call(state, derived, *call, Tell::Announce { position: *position });
        }
        Event::CallUpdated { call, priority, skills, personal, by: _ } => {
            super::refresh::unplace(derived, *call);
            derived.touched.settle.push(*call);
            with(state, derived, *call, |c, _| {
                if let Some(priority) = priority {
                    c.priority = (priority + c.route_priority).clamp(-2_000, 2_000);
                }
                if let Some(skills) = skills {
                    let all: Vec<_> = c.route_skills.iter().chain(skills).cloned().collect();
                    c.skills = all.into();
                }
                if personal.is_some() {
                    c.personal = *personal;
                }
            });
        }
        Event::CallOffered { .. } => offered(state, derived, event),
        Event::OfferRinging { offer } => {
            if let Some(id) = derived.offers.get(offer).copied() {
                let mut agent = None;
                with(state, derived, id, |c, _| {
                    if let Some(o) = c.offers.iter_mut().find(|o| o.id == *offer) {
                        o.ringing = true;
                        agent = Some(o.agent);
                    }
                });
                if let Some(agent) = agent {
                    touch_agent(derived, agent);
                }
            }
        }
        Event::OfferMissed { offer, told_by_switch } => {
            close(state, derived, *offer, "missed", None, *told_by_switch, CancelReason::Timeout);
        }
        Event::OfferRefused { offer, told_by_switch } => {
            close(
                state,
                derived,
                *offer,
                "refused",
                None,
                *told_by_switch,
                CancelReason::Withdrawn,
            );
        }
        Event::OfferFailed { offer, reason, told_by_switch } => {
            close(
                state,
                derived,
                *offer,
                reason.word(),
                None,
                *told_by_switch,
                CancelReason::Withdrawn,
            );
        }
        Event::OfferWithdrawn { offer, reason } => {
            let cancel = match reason {
                Withdrawn::AnsweredElsewhere => CancelReason::AnsweredElsewhere,
                Withdrawn::Abandoned => CancelReason::Abandoned,
                Withdrawn::Exit => CancelReason::Timeout,
                _ => CancelReason::Withdrawn,
            };
            close(state, derived, *offer, "withdrawn", Some(*reason), false, cancel);
        }
        Event::OfferAnswerAsked { offer } => {
            if let Some(id) = derived.offers.get(offer).copied() {
                tell_call(state, derived, id, Tell::Answer { offer: *offer });
            }
        }
        Event::CallAnswered { .. } => answered(state, derived, event),
        Event::JoinFailed { call, offer, agent } => {
            join_failed(state, derived, *call, *offer, *agent)
        }
        Event::AnswerStopped { call, offer, reason } => {
            tell_call(state, derived, *call, Tell::Cancel { offer: *offer, reason: *reason });
        }
        Event::CallAssigned { call, agent, by } => {
            with(state, derived, *call, |c, _| {
                c.picked = Some(Box::new((*agent, by.clone())));
                c.hold = None;
                if let Some(callback) = c.callback.as_deref_mut() {
                    callback.not_before = None;
                }
            });
            derived.touched.settle.push(*call);
        }
        Event::DirectLineMade {} => line_made(state, derived),
        Event::CallHanded { call, agent } | Event::CallJoined { call, agent } => {
            let handed = matches!(event, Event::CallHanded { .. });
            with(state, derived, *call, |c, at| {
                c.held &= !handed;
                c.legs.push(Leg { agent: *agent, offer: OfferId(0), since: at });
            });
            if let Some(a) = state.agents.get_mut(agent.at()) {
                a.calls.push(*call);
            }
            touch_agent(derived, *agent);
        }
        Event::CallDirected { call, agent } => {
            with(state, derived, *call, |c, _| {
                c.direct = Some(*agent);
                c.picked = Some(Box::new((*agent, DIRECT_LINE.into())));
            });
        }
        Event::AssignmentDropped { call, agent: _ } => {
            with(state, derived, *call, |c, _| c.picked = None);
            derived.touched.settle.push(*call);
        }
        Event::CallMoved { call, queue: _, by: _ } => {
            left(state, derived, *call);
            with(state, derived, *call, |c, _| {
                c.stage = Stage::New;
                c.hops = 0;
            });
        }
        Event::CallRequeued { call } => with(state, derived, *call, |_, _| {}),
        Event::WidthGrown { call } => with(state, derived, *call, |c, _| c.widths += 1),
        Event::PassBegan { call } => with(state, derived, *call, |c, at| {
            c.tried.clear();
            c.pass_began_at = Some(at);
            c.pass_spaced = false;
        }),
        Event::PassSpaced { call } => {
            with(state, derived, *call, |c, _| c.pass_spaced = true);
            work_of_call(state, derived, *call);
        }
        Event::RoundClosing { call, until } => {
            with(state, derived, *call, |c, _| c.closing_until = Some(*until));
        }
        Event::LegConfirmed { call, offer } => {
            with(state, derived, *call, |c, _| c.closing.retain(|o| o != offer));
        }
        Event::RoundClosed { call } => {
            with(state, derived, *call, |c, _| {
                c.closing.clear();
                c.closing_until = None;
            });
            derived.touched.settle.push(*call);
        }
        Event::CallHeld { call } => hold(state, derived, *call, true),
        Event::CallResumed { call } => hold(state, derived, *call, false),
        Event::CallTransferred { call, to: _ } => {
            detach(state, derived, *call);
            let keeps_age = state.account.transfers_keep_age;
            with(state, derived, *call, |c, at| {
                c.stage = Stage::New;
                if !keeps_age {
                    c.entered_at = at;
                }
                c.hops = 0;
                c.held = false;
            });
        }
        Event::ExitDue { call, exit } => {
            with(state, derived, *call, |c, _| c.exit_due = Some(*exit));
        }
        Event::CallExited { call, exit, to } => exited(state, derived, *call, *exit, to),
        Event::CallAbandoned { call, waited_ms } => {
            if let Some((queue, day)) = entry_of(state, *call) {
                let short = *waited_ms < state.queue(queue).config.short_abandon_ms;
                count(state, derived, queue, day, |counts| {
                    counts.abandoned += 1;
                    counts.short_abandoned += u64::from(short);
                });
            }
        }
        Event::CallEnded { .. } => ended(state, derived, event),
        Event::LegEnded { call, agent } => leg_ended(state, derived, *call, *agent),
        Event::WrapUpStarted { call, agent, queue, until } => {
            let media = state.queue(*queue).config.media;
            if let Some(a) = state.agents.get_mut(agent.at()) {
                a.wrap_ups.push(WrapUpRun { call: *call, queue: *queue, media, until: *until });
                touch_agent(derived, *agent);
            }
        }
        Event::WrapUpEnded { call, agent, disposition: _ } => {
            let at = state.at;
            if let Some(a) = state.agents.get_mut(agent.at()) {
                a.wrap_ups.retain(|w| w.call != *call);
                a.idle_since = at;
                touch_agent(derived, *agent);
            }
        }
        Event::CallsForgotten { ended_before } => forget(state, derived, *ended_before),
        Event::GapSkipped { call, sequence } => {
            with(state, derived, *call, |c, _| c.sequence = *sequence);
        }
        Event::Thawed { call } => {
            with(state, derived, *call, |c, _| c.frozen_until = None);
            derived.touched.settle.push(*call);
        }
        Event::ReplayEnded { call } => {
            with(state, derived, *call, |c, _| c.replay_until = None);
            derived.touched.settle.push(*call);
        }
        _ => {
            return super::supervise::evolve(state, derived, event)
                || super::callback::evolve(state, derived, event);
        }
    }
    true
}

pub(super) fn with(
    state: &mut State,
    derived: &mut Derived,
    id: CallId,
    change: impl FnOnce(&mut Call, Millis),
) {
    let at = state.at;
    if let Some(call) = state.calls.get_mut(&id) {
        change(call, at);
        touch_call(derived, id);
    }
}

pub(super) fn tell_call(state: &mut State, derived: &mut Derived, id: CallId, what: Tell) {
    if let Some(switch) = state.call(id).map(|c| c.switch) {
        tell(state, derived, switch, Some(id), None, what);
    }
}

fn work_of_call(state: &State, derived: &mut Derived, id: CallId) {
    if let Some(queue) = state.call(id).and_then(|c| c.queue) {
        mark_work(derived, queue);
    }
}

fn arrived(state: &mut State, derived: &mut Derived, event: &Event) {
    let Event::CallArrived {
        call,
        switch,
        subject,
        media,
        to,
        personal,
        priority,
        skills,
        replayed,
        route_priority,
        route_skills,
        steps,
        preferred,
    } = event
    else {
        return;
    };
    let at = state.at;
    let mut made = new_call(*call, *switch, subject.clone(), *media, at);
    made.to.clone_from(to);
    made.personal = *personal;
    made.priority = *priority;
    made.skills = skills.clone().into();
    made.route_priority = *route_priority;
    made.route_skills = route_skills.clone().into();
    made.steps = steps.clone().map(Vec::into_boxed_slice);
    made.preferred = preferred.clone().map(Box::new);
    made.replay_until = replayed.then(|| at.plus(REPLAY_MS));
    state.last_personal = state.last_personal.max(personal.unwrap_or(0));
    put_call(state, derived, made);
}

/// A call of which nothing is known yet.
pub(super) fn new_call(
    id: CallId,
    switch: SwitchIx,
    subject: Name,
    media: Media,
    at: Millis,
) -> Call {
    Call {
        id,
        switch,
        subject,
        media,
        to: None,
        personal: None,
        priority: 0,
        skills: Few::default(),
        route_priority: 0,
        route_skills: Few::default(),
        steps: None,
        preferred: None,
        step: 0,
        hold: None,
        picked: None,
        direct: None,
        callback: None,
        announced: 0,
        arrived_at: at,
        entered_at: at,
        queued_at: at,
        queued_day: None,
        queue: None,
        waited_in: None,
        stage: Stage::New,
        offers: Few::default(),
        tried: Few::default(),
        pass_began_at: None,
        pass_spaced: false,
        cursor: None,
        attempts: 0,
        widths: 0,
        round: 0,
        closing: Few::default(),
        closing_until: None,
        exit_due: None,
        hops: 0,
        frozen_until: None,
        replay_until: None,
        shift_ms: 0,
        at_door: false,
        sequence: 0,
        // Most have heard little while they wait.
        heard: Vec::with_capacity(2),
        legs: Few::default(),
        held: false,
        end: None,
        changed: 0,
    }
}

/// A new call is in the account from now on.
pub(super) fn put_call(state: &mut State, derived: &mut Derived, call: Call) {
    let (id, switch) = (call.id, call.switch);
    derived.subjects.insert((switch, call.subject.clone()), id);
    state.last_call = id.max(state.last_call);
    state.arrived += 1;
    state.calls.insert(id, Box::new(call));
    derived.switch_calls[switch.at()].insert(id);
    touch_call(derived, id);
}

fn queued(state: &mut State, derived: &mut Derived, id: CallId, queue: QueueIx, hop: bool) {
    let day = state.day;
    with(state, derived, id, |c, at| {
        c.queued_day = day;
        c.queue = Some(queue);
        c.stage = Stage::Waiting;
        c.queued_at = at;
        c.shift_ms = 0;
        c.hops += u8::from(hop);
        c.tried.clear();
        c.pass_began_at = None;
        c.pass_spaced = false;
        c.cursor = None;
        c.attempts = 0;
        c.widths = 0;
        c.announced = 0;
        c.exit_due = None;
        c.step = 0;
        c.hold = None;
        c.picked = None;
        c.direct = None;
        // There is no caller to be turned away, or told to wait.
        c.at_door = c.to_call_back().is_none();
    });
    derived.touched.settle.push(id);
    count(state, derived, queue, day, |counts| counts.offered += 1);
}

fn hold(state: &mut State, derived: &mut Derived, id: CallId, held: bool) {
    let mut agents = Vec::new();
    with(state, derived, id, |c, _| {
        c.held = held;
        agents.extend(c.legs.iter().map(|l| l.agent));
    });
    for agent in agents {
        touch_agent(derived, agent);
    }
}

/// The call leaves its queue's talkers.
pub(super) fn detach(state: &State, derived: &mut Derived, id: CallId) {
    let Some(call) = state.call(id) else { return };
    if call.stage == Stage::Connected
        && let Some(queue) = call.queue
    {
        let index = &mut derived.index[queue.at()];
        index.talking = index.talking.saturating_sub(1);
        note(&mut derived.touched.queues, queue);
    }
}

fn leg_ended(state: &mut State, derived: &mut Derived, id: CallId, agent: AgentIx) {
    let at = state.at;
    let part = state.call(id).and_then(|c| {
        let (queue, leg) = (c.queue?, c.legs.iter().find(|l| l.agent == agent)?);
        let offer = c.offer(leg.offer).filter(|o| o.queue == queue);
        Some((offer.map_or(queue, Offer::member_of), leg.since))
    });
    // An attempt that reached nobody is no work done.
    let dialing = state.call(id).is_some_and(Call::is_dialing);
    if let Some((member_of, since)) = part.filter(|_| !dialing) {
        super::windows::talked(state, agent, member_of, since);
    }
    with(state, derived, id, |c, _| c.legs.retain(|l| l.agent != agent));
    if state.call(id).is_some_and(|c| c.legs.is_empty()) {
        state.supervisions.retain(|told| told.call != id);
    }
    let no_wrap_up = state
        .call(id)
        .filter(|_| !dialing)
        .and_then(|c| c.queue)
        .is_some_and(|queue| state.queue(queue).config.wrap_up.ms == 0);
    if let Some(a) = state.agents.get_mut(agent.at()) {
        a.calls.retain(|c| *c != id);
        if no_wrap_up {
            a.idle_since = at;
        }
        touch_agent(derived, agent);
    }
}

/// The call leaves its queue without an answer or an abandon.
fn left(state: &mut State, derived: &mut Derived, id: CallId) {
    if let Some((queue, day)) = entry_of(state, id) {
        count(state, derived, queue, day, |counts| counts.exited += 1);
        note(&mut derived.touched.queues, queue);
    }
}

fn exited(state: &mut State, derived: &mut Derived, id: CallId, _exit: Exit, to: &Target) {
    left(state, derived, id);
    with(state, derived, id, |c, _| c.stage = Stage::New);
    let route = match to {
        Target::Number(number) => Some((number, RouteKind::Number)),
        Target::Voicemail(mailbox) => Some((mailbox, RouteKind::Voicemail)),
        _ => None,
    };
    if let Some((to, kind)) = route {
        tell_call(state, derived, id, Tell::Route { to: to.clone(), kind });
    }
}

fn ended(state: &mut State, derived: &mut Derived, event: &Event) {
    let Event::CallEnded { call, outcome, reason, by: _, tell: hang_up } = event else { return };
    let (at, seq) = (state.at, state.seq);
    detach(state, derived, *call);
    let mut switch = None;
    with(state, derived, *call, |c, _| {
        c.stage = Stage::Ended;
        c.end = Some(Box::new(End { at, seq, outcome: *outcome, reason: reason.clone() }));
        switch = Some(c.switch);
    });
    let Some(switch) = switch else { return };
    if let Some(subject) = state.call(*call).map(|c| c.subject.clone()) {
        state.switches[switch.at()].parked.remove(&subject);
    }
    state.ended.push_back(*call);
    state.ended_count += 1;
    derived.switch_calls[switch.at()].remove(call);
    if *hang_up {
        tell_call(state, derived, *call, Tell::End { reason: reason.clone() });
    }
}

fn forget(state: &mut State, derived: &mut Derived, ended_before: Millis) {
    while let Some(id) = state.ended.front().copied() {
        let Some(end) = state.call(id).and_then(|c| c.end.as_ref()) else {
            state.ended.pop_front();
            continue;
        };
        if end.at >= ended_before {
            break;
        }
        state.forgotten_seq = state.forgotten_seq.max(end.seq);
        state.ended.pop_front();
        if let Some(call) = state.calls.remove(&id) {
            for offer in &call.offers {
                derived.offers.remove(&offer.id);
            }
            if derived.subjects.get(&(call.switch, call.subject.clone())) == Some(&id) {
                derived.subjects.remove(&(call.switch, call.subject));
            }
            if let Some(key) = call.personal {
                derived.forgotten_personal.push(key);
            }
        }
    }
}

/// A call's queue, and the day it entered it.
pub(super) fn entry_of(state: &State, id: CallId) -> Option<(QueueIx, Option<i32>)> {
    state.call(id).and_then(|c| Some((c.queue?, c.queued_day)))
}

/// Changes the counts of the account's day; a call that entered on another day is not in them.
pub(super) fn count(
    state: &mut State,
    derived: &mut Derived,
    queue: QueueIx,
    entry_day: Option<i32>,
    change: impl FnOnce(&mut DayCounts),
) {
    let day = state.day;
    if entry_day != day {
        return;
    }
    let q = &mut state.queues[queue.at()];
    if q.day != day {
        q.counts = DayCounts::default();
        q.day = day;
    }
    change(&mut q.counts);
    note(&mut derived.touched.queues, queue);
}
