//! Steps of waiting calls (`engine.md` 6): which is in force, whom it adds, and the agent a call
//! waits for first.

use super::Engine;
use super::derived::Derived;
use super::need_index::logged_in_for;
use super::needs::{self, Need};
use super::refresh::{touch_call, unplace};
use super::state::{Call, Offer, Stage, State};
use super::vault::Vault;
use crate::domain::event::{Event, PersonalKey};
use crate::domain::ids::{AgentIx, CallId, Name, NeedIx, QueueIx};
use crate::domain::objects::queue::{Exit, QueueKind};
use crate::domain::objects::{Preferred, Queue, SkillNeed, SkipIf, Step, Target};
use crate::domain::presence::Status;
use crate::domain::time::Millis;

/// Callers whose last agent is remembered at most.
const LAST_AGENTS: usize = 20_000;

impl Engine {
    /// A call waits in a queue from now on; its first step begins, and its hold.
    pub(super) fn enter(&mut self, id: CallId, queue: QueueIx, hop: bool) {
        self.emit(Event::CallQueued { call: id, queue, hop });
        self.begin_step(id, 0);
        self.begin_hold(id);
        let caller = self.state.call(id).is_some_and(|call| call.to_call_back().is_none());
        if caller && self.is_closed(queue) {
            self.emit(Event::ExitDue { call: id, exit: Exit::Closed });
        }
    }

    /// Whether a queue's calendar says that it is closed now.
    fn is_closed(&self, queue: QueueIx) -> bool {
        let Some(calendar) = &self.state.queue(queue).config.exits.closed else { return false };
        let known = self.state.calendars.get(calendar.as_str()).and_then(|c| c.value.as_ref());
        known.is_some_and(|c| !c.is_open(self.state_now(), &self.state.account.time_zone))
    }

    /// A step is due: of several the last begins.
    pub(super) fn step_due(&mut self, id: CallId) {
        let Some(call) = self.state.call(id) else { return };
        let Some(queue) = call.queue else { return };
        let due = step_by_time(call, &self.state.queue(queue).config, self.state_now());
        self.begin_step(id, due.max(call.step));
    }

    /// Begins a step, or the first after it that is not skipped.
    fn begin_step(&mut self, id: CallId, due: u32) {
        let Some(call) = self.state.call(id) else { return };
        let present = call.step;
        let mut step = due;
        while self.is_skipped(id, step) {
            step += 1;
        }
        if step != present {
            self.emit(Event::StepBegan { call: id, step });
        }
    }

    fn is_skipped(&mut self, id: CallId, at: u32) -> bool {
        let Some(call) = self.state.call(id) else { return false };
        let Some(queue) = call.queue else { return false };
        let steps = call.steps_in(&self.state.queue(queue).config);
        let last = at as usize + 1 >= steps.len();
        let Some(skip_if) = steps.get(at as usize).and_then(|s| s.skip_if).filter(|_| !last) else {
            return false;
        };
        self.refresh();
        let Some(call) = self.state.call(id) else { return false };
        let need = need_at(&self.state, &mut self.derived, call, queue, at);
        match skip_if {
            SkipIf::NobodyOfferable => !self.anybody_offerable(queue, need),
            SkipIf::NobodyLoggedIn => {
                let sources: Vec<QueueIx> = self.sources(queue, need).collect();
                let (state, derived) = (&self.state, &mut self.derived);
                sources
                    .into_iter()
                    .all(|from| logged_in_for(state, derived, from, need, queue) == 0)
            }
        }
    }

    /// Whether somebody who meets a requirement could be offered a call of a queue now.
    fn anybody_offerable(&mut self, queue: QueueIx, need: NeedIx) -> bool {
        self.make_indexes(queue, need);
        self.has_offerable(queue, need)
    }

    fn begin_hold(&mut self, id: CallId) {
        let Some(call) = self.state.call(id) else { return };
        let Some(queue) = call.queue.filter(|_| call.stage == Stage::Waiting) else { return };
        let config = self.state.queue(queue).config.clone();
        let Some(preferred) = call.preferred.as_deref().or(config.preferred.as_ref()).cloned()
        else {
            return;
        };
        let Some(agent) = self.preferred_agent(call, &preferred) else { return };
        if self.state.agent(agent).status == Status::Offline {
            return;
        }
        let need = need_at(&self.state, &mut self.derived, call, queue, call.step);
        if needs::fits(self.state.agent(agent), queue, self.derived.needs.get(need)).is_some() {
            let for_ms = preferred.hold_for_ms;
            self.emit(Event::PreferredHeld { call: id, agent, for_ms });
        }
    }

    fn preferred_agent(&self, call: &Call, preferred: &Preferred) -> Option<AgentIx> {
        if let Some(user) = &preferred.agent {
            return self.derived.users.get(user.as_str()).copied();
        }
        let from = self.vault.call(call.personal?)?.from.as_ref()?;
        self.derived.last_agent.get(from).map(|(_, agent)| *agent)
    }

    /// After an answer: who had this caller is remembered while some queue asks for it.
    pub(super) fn note_last_agent(&mut self, id: CallId, agent: AgentIx) {
        if !self.derived.prefers_last {
            return;
        }
        let known = self.state.call(id).and_then(|call| self.vault.call(call.personal?));
        if known.is_some_and(|values| values.from.is_some()) {
            self.emit(Event::LastAgentNoted { call: id, agent });
        }
    }

    /// Applies what concerns steps and holds; `false` when an event is about something else.
    pub(super) fn evolve_steps(&mut self, event: &Event) -> bool {
        let (state, derived) = (&mut self.state, &mut self.derived);
        let (id, settle) = match event {
            Event::StepBegan { call, step } => {
                change(state, *call, |c| c.step = *step);
                (*call, true)
            }
            Event::PreferredHeld { call, agent, for_ms } => {
                // A day at most.
                let for_ms = u32::try_from(*for_ms).unwrap_or(u32::MAX);
                change(state, *call, |c| c.hold = Some((*agent, for_ms)));
                (*call, false)
            }
            Event::HoldEnded { call } => {
                change(state, *call, |c| c.hold = None);
                (*call, true)
            }
            Event::LastAgentNoted { call, agent } => {
                if let Some(key) = state.call(*call).and_then(|c| c.personal) {
                    remember(state, derived, &self.vault, key, *agent);
                }
                return true;
            }
            _ => return false,
        };
        touch_call(derived, id);
        if settle {
            derived.touched.settle.push(id);
        }
        true
    }
}

impl Call {
    /// The steps that hold for it in a queue: its own, or the queue's; none for a direct call.
    #[must_use]
    pub fn steps_in<'a>(&'a self, queue: &'a Queue) -> &'a [Step] {
        // A direct call is for one, whatever it would require elsewhere.
        let own = if self.direct.is_some() { Some(&[][..]) } else { self.steps.as_deref() };
        own.unwrap_or(&queue.steps)
    }

    /// When it has waited so long in its queue; outages do not count.
    #[must_use]
    pub fn waited_at(&self, ms: u64) -> Millis {
        self.queued_at.plus(ms).plus(self.shift_ms)
    }

    /// The step after the present one, and when it begins.
    #[must_use]
    pub fn next_step(&self, queue: &Queue) -> Option<(u32, Millis)> {
        let next = self.steps_in(queue).get(self.step as usize + 1)?;
        Some((self.step + 1, self.waited_at(next.after_ms)))
    }
}

impl Offer {
    /// The queue whose member the agent is: there the offer counts, and opting out takes it back.
    #[must_use]
    pub fn member_of(&self) -> QueueIx {
        self.through.unwrap_or(self.queue)
    }
}

fn change(state: &mut State, id: CallId, change: impl FnOnce(&mut Call)) {
    if let Some(call) = state.calls.get_mut(&id) {
        change(call);
    }
}

/// The last step that is due by now.
#[must_use]
pub fn step_by_time(call: &Call, queue: &Queue, now: Millis) -> u32 {
    let due = call.steps_in(queue).iter().rposition(|s| call.waited_at(s.after_ms) <= now);
    due.unwrap_or(0) as u32
}

/// The number of what a call requires in a queue at one of its steps.
pub fn need_at(
    state: &State,
    derived: &mut Derived,
    call: &Call,
    queue: QueueIx,
    at: u32,
) -> NeedIx {
    let config = &state.queue(queue).config;
    let step = call.steps_in(config).get(at as usize);
    if step.is_none() && call.skills.is_empty() {
        return derived.needs.intern(Need::default());
    }
    let need = need_of_step(state, derived, queue, step, &call.skills);
    derived.needs.intern(need)
}

/// What a step and a call's own skills require in a queue.
#[must_use]
pub fn need_of_step(
    state: &State,
    derived: &Derived,
    queue: QueueIx,
    step: Option<&Step>,
    skills: &[SkillNeed],
) -> Need {
    let media = state.queue(queue).config.media;
    let mut need = needs::of(step, skills, &|name| derived.skills.get(name).copied(), &|name| {
        derived.users.get(name).copied()
    });
    for target in step.into_iter().flat_map(|s| &s.also) {
        let added = added_queue(state, derived, target)
            .filter(|q| *q != queue && state.queue(*q).config.media == media);
        if let Some(added) = added.filter(|q| !need.also.contains(q)) {
            need.also.push(added);
        }
    }
    need
}

/// The queue that a step adds.
#[must_use]
pub fn added_queue(state: &State, derived: &Derived, target: &Target) -> Option<QueueIx> {
    let (name, kind) = match target {
        Target::Queue(name) => (name, QueueKind::Queue),
        Target::Group(name) => (name, QueueKind::Group),
        Target::Agent(_)
        | Target::Number(_)
        | Target::Voicemail(_)
        | Target::Callback(_)
        | Target::End(_) => {
            return None;
        }
    };
    let found = derived.queues.get(name.as_str()).copied();
    found.filter(|ix| state.queue(*ix).config.kind == kind)
}

/// A queue or user was made or changed: what waiting calls require of others may mean something
/// else now. They are placed anew.
pub fn place_anew(state: &State, derived: &mut Derived) {
    let mut stale: Vec<CallId> = Vec::new();
    for index in &derived.index {
        stale.extend(index.waiting.iter().map(|(_, id)| *id).filter(|id| {
            let adds = |n: NeedIx| !derived.needs.get(n).also.is_empty();
            let placed = derived.placed.get(id);
            placed.is_some_and(|p| adds(p.need))
                || state.call(*id).is_some_and(|c| c.steps.is_some())
        }));
    }
    for id in stale {
        unplace(derived, id);
        touch_call(derived, id);
    }
}

/// A queue's steps changed: those of its calls are counted anew from their entry.
pub fn steps_changed(state: &mut State, derived: &mut Derived, queue: QueueIx, waiting: &[CallId]) {
    let (now, config) = (state.at, state.queue(queue).config.clone());
    for id in waiting {
        if let Some(call) = state.calls.get_mut(id).filter(|c| c.steps.is_none()) {
            call.step = step_by_time(call, &config, now);
            derived.touched.settle.push(*id);
        }
    }
}

/// Whether some queue asks for the last agent of a caller.
pub fn note_who_prefers(state: &State, derived: &mut Derived) {
    let asks =
        |preferred: &Option<Preferred>| preferred.as_ref().is_some_and(|p| p.agent.is_none());
    let mut queues = state.queues.iter().filter(|q| !q.deleted);
    derived.prefers_last = queues.any(|q| asks(&q.config.preferred));
}

fn remember(
    state: &mut State,
    derived: &mut Derived,
    vault: &Vault,
    key: PersonalKey,
    agent: AgentIx,
) {
    state.last_agents.push_back((key, agent));
    recall(derived, vault, key, agent);
    while state.last_agents.len() > LAST_AGENTS
        && let Some((old, _)) = state.last_agents.pop_front()
    {
        let caller: Option<Name> = derived.callers.remove(&old);
        if let Some(caller) = caller
            && derived.last_agent.get(&caller).is_some_and(|(key, _)| *key == old)
        {
            derived.last_agent.remove(&caller);
        }
    }
}

/// Looks a remembered caller up by what the vault still holds.
pub fn recall(derived: &mut Derived, vault: &Vault, key: PersonalKey, agent: AgentIx) {
    if let Some(from) = vault.call(key).and_then(|values| values.from.clone()) {
        derived.last_agent.insert(from.clone(), (key, agent));
        derived.callers.insert(key, from);
    }
}
