//! The one door to state: applies decided events. Total: any decodable event on any state changes
//! it or not, and never panics. No clock, no dice, no choice.

use super::Engine;
use super::derived::Derived;
use super::derived::{NeedIndex, QueueIndex};
use super::evolve_calls as calls;
use super::evolve_directory as directory;
use super::refresh::{note, touch_agent, touch_call};
use super::state::{Agent, State, Tell, Told};
use super::windows;
use crate::domain::event::{Cause, Event};
use crate::domain::ids::{AgentIx, CallId, CommandId, Name, SwitchIx};
use crate::domain::objects::Queue;
use crate::domain::objects::account::IdleClock;
use crate::domain::objects::queue::Window;
use crate::domain::presence::Status;
use crate::domain::switching::SyncState;
use crate::domain::time::Millis;
use crate::routing::dice::Dice;

/// Events remembered for the duplicates' window at most.
const HEARD_MAX: usize = 1_000_000;
/// … and no longer than this, ms.
const HEARD_MS: u64 = 24 * 3_600_000;
/// A command without a ring is of use so long, ms.
const TOLD_MS: u64 = 60_000;
/// A waiting call is frozen so long at most after a restart, ms.
pub const FREEZE_MS: u64 = 5_000;
/// A replay is over after so long without a late event, ms.
pub const REPLAY_MS: u64 = 2_000;

impl Engine {
    /// Applies one event of the record `state.seq` at `state.at`.
    pub(super) fn evolve(&mut self, event: &Event) {
        if self.evolve_steps(event)
            || self.evolve_messages(event)
            || self.evolve_alerts(event)
            || self.evolve_hooks(event)
        {
            return;
        }
        let (state, derived) = (&mut self.state, &mut self.derived);
        if calls::evolve(state, derived, event)
            || directory::evolve(state, derived, &mut self.vault, event)
            || super::signing::evolve(state, event)
            || super::saved_views::evolve(state, event)
        {
            return;
        }
        agents(state, derived, event);
        switches(state, derived, event);
        time(state, derived, event);
    }
}

fn with_agent(
    state: &mut State,
    derived: &mut Derived,
    ix: AgentIx,
    change: impl FnOnce(&mut Agent, Millis),
) {
    let at = state.at;
    if let Some(agent) = state.agents.get_mut(ix.at()) {
        change(agent, at);
        touch_agent(derived, ix);
    }
}

fn agents(state: &mut State, derived: &mut Derived, event: &Event) {
    match event {
        Event::StatusSet { agent, status, reason, cause, by: _ } => {
            log_on(state, *agent, *status);
            ready_again(state, *agent, *status);
            with_agent(state, derived, *agent, |a, at| {
                let own = matches!(cause, Cause::Own | Cause::Next | Cause::Created);
                let logs_on = a.status == Status::Offline && *status != Status::Offline;
                // A force outlives the agent's own log-out, not the log-on after it nor a rule.
                let forced_by = a.forced_by.take().filter(|_| own && !logs_on);
                set_status(a, *status, reason.clone(), forced_by, at);
                if own && matches!(status, Status::Ready | Status::Online) {
                    a.unreachable = 0;
                    a.device_unreached = false;
                }
            });
        }
        Event::StatusForced { agent, status, reason, by } => {
            log_on(state, *agent, *status);
            ready_again(state, *agent, *status);
            with_agent(state, derived, *agent, |a, at| {
                set_status(a, *status, reason.clone(), Some(by.clone()), at);
            });
        }
        Event::NextSet { agent, next } => {
            with_agent(state, derived, *agent, |a, _| a.next = next.clone());
        }
        Event::ForcedCleared { agent, by: _ } => with_agent(state, derived, *agent, |a, _| {
            a.forced_by = None;
            if a.next.as_ref().is_some_and(|n| n.forced_by.is_some()) {
                a.next = None;
            }
        }),
        Event::Leased { agent, until } => with_agent(state, derived, *agent, |a, _| {
            a.lease_until = Some(*until);
        }),
        Event::LeaseLapsed { agent } => with_agent(state, derived, *agent, |a, at| {
            if a.lease_until.is_some_and(|until| until <= at) {
                a.lease_until = None;
            }
            if a.grace_until.is_some_and(|until| until <= at) {
                a.grace_until = None;
            }
        }),
        Event::DeskOpened { agent, desk } => with_agent(state, derived, *agent, |a, _| {
            if !a.desks.contains(desk) {
                a.desks.push(*desk);
            }
            a.grace_until = None;
        }),
        Event::DeskClosed { agent, desk, grace_until } => {
            with_agent(state, derived, *agent, |a, _| {
                a.desks.retain(|d| d != desk);
                a.grace_until = *grace_until;
            })
        }
        Event::DesksLost { agent, grace_until } => with_agent(state, derived, *agent, |a, _| {
            a.desks.clear();
            a.grace_until = Some(*grace_until);
        }),
        Event::DeviceRegistered { agent } => with_agent(state, derived, *agent, |a, _| {
            a.device_lost = false;
            a.device_unreached = false;
            a.unreachable = 0;
        }),
        Event::DeviceLost { agent, unreached } => with_agent(state, derived, *agent, |a, _| {
            if *unreached {
                a.device_unreached = true;
            } else {
                a.device_lost = true;
            }
        }),
        Event::OwnCallStarted { agent, switch, subject, .. } => {
            with_agent(state, derived, *agent, |a, _| {
                let own = (*switch, subject.clone());
                if !a.own_calls.contains(&own) {
                    a.own_calls.push(own);
                }
            });
        }
        Event::OwnCallEnded { agent, switch, subject } => {
            let any_work = state.account.idle_clock == IdleClock::AnyWork;
            with_agent(state, derived, *agent, |a, at| {
                let before = a.own_calls.len();
                a.own_calls.retain(|(s, name)| s != switch || name != subject);
                if any_work && a.own_calls.len() < before {
                    a.idle_since = at;
                }
            });
        }
        Event::OptedIn { agent, queue, opted_in, by: _ } => {
            with_agent(state, derived, *agent, |a, _| {
                if let Some(pair) = a.pairs.iter_mut().find(|p| p.queue == *queue) {
                    pair.opted_in = *opted_in;
                }
            });
        }
        Event::Delayed { agent, until } => with_agent(state, derived, *agent, |a, _| {
            a.delay_until = Some(a.delay_until.map_or(*until, |before| before.max(*until)));
        }),
        Event::DelayEnded { agent } => {
            with_agent(state, derived, *agent, |a, _| a.delay_until = None)
        }
        Event::CountStarted { agent, queue, from } => {
            windows::begin(state, *agent, *queue, *from);
            touch_agent(derived, *agent);
        }
        Event::CountLeft { agent, queue } => {
            windows::slide(state, *agent, *queue);
            touch_agent(derived, *agent);
        }
        Event::BlockEnded { agent } => with_agent(state, derived, *agent, |a, _| a.blocked = false),
        _ => {}
    }
}

/// Before a status is set: the idle clock, where each change to `ready` sets it.
fn ready_again(state: &mut State, ix: AgentIx, status: Status) {
    let (at, clock) = (state.at, state.account.idle_clock);
    if let Some(agent) = state.agents.get_mut(ix.at())
        && clock == IdleClock::Status
        && status == Status::Ready
        && agent.status != Status::Ready
    {
        agent.idle_since = at;
    }
}

/// Before a status is set: what begins with a log-on.
fn log_on(state: &mut State, ix: AgentIx, status: Status) {
    let offline = state.agents.get(ix.at()).filter(|a| a.status == Status::Offline);
    if let Some(since) = offline.filter(|_| status != Status::Offline).map(|a| a.status_at) {
        windows::log_on(state, ix, since);
    }
}

fn set_status(
    a: &mut Agent,
    status: Status,
    reason: Option<Name>,
    forced_by: Option<Name>,
    at: Millis,
) {
    if a.status == Status::Offline && status != Status::Offline {
        a.idle_since = at;
    }
    if status == Status::Ready {
        a.misses = 0;
    }
    if status == Status::Offline {
        a.lease_until = None;
        a.grace_until = None;
    }
    a.status = status;
    a.reason = reason;
    a.status_at = at;
    a.active_at = at;
    a.forced_by = forced_by;
    a.next = None;
}

fn switches(state: &mut State, derived: &mut Derived, event: &Event) {
    let at = state.at;
    match event {
        Event::Heard { switch, event, call, sequence, replayed, extra } => {
            heard(state, derived, *switch, *event);
            state.last_personal = state.last_personal.max(extra.unwrap_or(0));
            if let Some(call) = call.as_ref().and_then(|id| state.calls.get_mut(id)) {
                call.heard.push(*event);
                call.frozen_until = None;
                if call.replay_until.is_some() {
                    call.replay_until = replayed.then(|| at.plus(REPLAY_MS));
                }
                if let Some(sequence) = sequence {
                    call.sequence = *sequence;
                }
                let id = call.id;
                touch_call(derived, id);
                derived.touched.settle.push(id);
            }
        }
        Event::EventParked { switch, event, subject, sequence, what, until } => {
            heard(state, derived, *switch, *event);
            let parked = state.switches[switch.at()].parked.entry(subject.clone());
            parked.or_default().events.insert(*sequence, (*until, (**what).clone()));
            super::deadlines::arm_switch(state, derived, *switch);
            if let Some(id) = derived.subjects.get(&(*switch, subject.clone())) {
                touch_call(derived, *id);
            }
        }
        Event::EventsUnparked { switch, subject, sequence } => {
            let parked = &mut state.switches[switch.at()].parked;
            if let Some(waiting) = parked.get_mut(subject) {
                waiting.events.remove(sequence);
                if waiting.events.is_empty() {
                    parked.remove(subject);
                }
            }
            if let Some(id) = derived.subjects.get(&(*switch, subject.clone())).copied() {
                touch_call(derived, id);
                derived.touched.settle.push(id);
            }
            super::deadlines::arm_switch(state, derived, *switch);
        }
        Event::SwitchBooted { switch, bootid } => {
            let s = &mut state.switches[switch.at()];
            if let Some(old) = s.boot.replace(bootid.clone()) {
                s.old_boots.push(old);
                if s.old_boots.len() > 16 {
                    s.old_boots.remove(0);
                }
            }
            s.beats = false;
            s.parked.clear();
            // Of a callback, which outlives it, the events are counted anew.
            for id in &derived.switch_calls[switch.at()] {
                if let Some(call) = state.calls.get_mut(id) {
                    call.sequence = 0;
                }
            }
        }
        Event::SwitchPromised { switch, link } => {
            let s = &mut state.switches[switch.at()];
            match link {
                Some(open) => s.linked = *open,
                None => s.beats = true,
            }
            // The end of a link is no word.
            if *link != Some(false) {
                s.heard_at = at;
            }
            super::deadlines::arm_switch(state, derived, *switch);
        }
        Event::SwitchSpoke { switch } => spoke(state, derived, *switch),
        Event::SwitchSuspected { switch } => {
            state.switches[switch.at()].suspected = true;
            touch_calls_of(derived, *switch);
        }
        Event::SwitchSynced { switch, calls } => {
            for told in calls.iter().filter(|c| c.state != SyncState::Connected) {
                let subject = Name::from(told.call.as_str());
                let ours = derived.subjects.get(&(*switch, subject.clone())).copied();
                let ended = ours.and_then(|id| state.call(id)).is_none_or(|c| c.is_ended());
                if ended {
                    let reason = "unknown_call".into();
                    tell(state, derived, *switch, ours, Some(subject), Tell::End { reason });
                }
            }
        }
        Event::AgentDialed { agent, by: _, switch, to, caller_id } => {
            let (to, caller_id) = (to.clone(), caller_id.clone());
            let what = Tell::Dial { agent: *agent, to, caller_id };
            tell(state, derived, *switch, None, None, what);
        }
        Event::SyncAsked { switch } => tell(state, derived, *switch, None, None, Tell::Sync),
        Event::CommandsDone { switch, seq } => {
            let outbox = &mut state.switches[switch.at()].outbox;
            while outbox.front().is_some_and(|told| told.seq <= *seq) {
                outbox.pop_front();
            }
            spoke(state, derived, *switch);
        }
        _ => {}
    }
}

fn heard(state: &mut State, derived: &mut Derived, switch: SwitchIx, event: u64) {
    if derived.heard.contains(&event) {
        // It was parked: heard when it came, and no word of the switch again when it is applied.
        return;
    }
    let at = state.at;
    state.heard.push_back((at, event));
    derived.heard.insert(event, ());
    while state.heard.len() > HEARD_MAX
        || state.heard.front().is_some_and(|(when, _)| at.since(*when) > HEARD_MS)
    {
        if let Some((_, old)) = state.heard.pop_front() {
            derived.heard.remove(&old);
        }
    }
    spoke(state, derived, switch);
}

fn spoke(state: &mut State, derived: &mut Derived, switch: SwitchIx) {
    let at = state.at;
    let s = &mut state.switches[switch.at()];
    s.heard_at = at;
    if s.suspected {
        s.suspected = false;
        touch_calls_of(derived, switch);
    }
    super::deadlines::arm_switch(state, derived, switch);
}

fn touch_calls_of(derived: &mut Derived, switch: SwitchIx) {
    let calls: Vec<CallId> = derived.switch_calls[switch.at()].iter().copied().collect();
    for id in calls {
        touch_call(derived, id);
        derived.touched.settle.push(id);
    }
}

/// Puts a command into a switch's outbox, and drops what is past its deadline there.
pub(super) fn tell(
    state: &mut State,
    derived: &mut Derived,
    switch: SwitchIx,
    call: Option<CallId>,
    subject: Option<Name>,
    what: Tell,
) {
    let at = state.at;
    let deadline = match &what {
        Tell::Ring { offer } => {
            call.and_then(|id| state.call(id)).and_then(|c| c.offer(*offer)).map_or(at, |o| o.until)
        }
        _ => at.plus(TOLD_MS),
    };
    state.last_command = CommandId::after(state.last_command, at);
    let id = state.last_command;
    let Some(s) = state.switches.get_mut(switch.at()) else { return };
    s.last_seq += 1;
    let told = Told { seq: s.last_seq, id, call, subject, at, deadline, what };
    while s.outbox.front().is_some_and(|old| old.deadline < at) {
        s.outbox.pop_front();
    }
    derived.told.push((switch, told.seq));
    s.outbox.push_back(told);
}

fn time(state: &mut State, derived: &mut Derived, event: &Event) {
    match event {
        Event::DayBegan { day } => {
            state.day = Some(*day);
            begin_day(state, derived, *day);
        }
        Event::DiceSeeded { seed } => state.dice = Some(Dice { seed: *seed, taken: 0 }),
        Event::Resumed { away_ms } => resume(state, derived, *away_ms),
        _ => {}
    }
}

/// Counts begin anew. Only the members of queues that count by the day are touched, once a day: their
/// order in the indexes is by the count. All others read 0 because the day differs.
fn begin_day(state: &mut State, derived: &mut Derived, day: i32) {
    for q in 0..state.queues.len() {
        let queue = &state.queues[q];
        note(&mut derived.touched.queues, queue.ix);
        // Its members may stand in the order of another queue that counts.
        let counts = |config: &Queue| config.plan.order.counts();
        let counts_here = counts(&queue.config);
        let counts_at = |by_need: &NeedIndex| counts(&state.queue(by_need.home).config);
        let counted = counts_here || derived.index[q].by_need.iter().any(counts_at);
        if !counted || queue.config.plan.window != Window::Day || queue.deleted {
            continue;
        }
        for ix in queue.members.clone() {
            let offerable = derived.pairs[ix.at()]
                .iter()
                .zip(&state.agents[ix.at()].pairs)
                .any(|(seen, pair)| pair.queue.at() == q && seen.row.is_some_and(|r| r.offerable));
            let agent = &mut state.agents[ix.at()];
            if let Some(pair) = agent.pairs.iter_mut().find(|p| p.queue.at() == q)
                && counts_here
                && offerable
            {
                (pair.count, pair.day) = (0, Some(day));
            }
            touch_agent(derived, ix);
        }
    }
}

/// The node was away: calls wait for their switches, deadlines of waiting and wrap-up move by the
/// outage, leases run from now (`engine.md` 11).
fn resume(state: &mut State, derived: &mut Derived, away_ms: u64) {
    let at = state.at;
    for id in state.calls.keys() {
        let Some(call) = state.calls.get_mut(&id) else { continue };
        if call.is_ended() {
            continue;
        }
        call.frozen_until = Some(at.plus(FREEZE_MS));
        call.shift_ms += away_ms;
        touch_call(derived, id);
    }
    for agent in &mut state.agents {
        for run in &mut agent.wrap_ups {
            run.until = run.until.plus(away_ms);
        }
        if let Some(until) = &mut agent.lease_until {
            *until = until.plus(away_ms);
        }
        touch_agent(derived, agent.ix);
    }
    for switch in &mut state.switches {
        switch.linked = false;
        switch.heard_at = at;
    }
    for ix in 0..state.switches.len() {
        super::deadlines::arm_switch(state, derived, SwitchIx(ix as u32));
    }
}

/// Room for one more queue's tables.
pub(super) fn grow(derived: &mut Derived, queues: usize) {
    derived.index.resize_with(queues, QueueIndex::default);
}
