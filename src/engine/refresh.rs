//! Keeps the derived tables in step with the state, touching only what an event touched.

use super::Engine;
use super::derived::{Derived, PairSeen, Placed, QueueIndex};
use super::draw;
use super::explain::hold_of;
use super::need_index::{
    count_logged_in, enter_home, judge_watchers, key_at, leave_home, mark_watchers,
    reorder_at_homes, watch,
};
use super::needs::{self, Need};
use super::presence;
use super::state::{Agent, Call, Pair, Stage, State};
use super::steps::need_at;
use super::windows;
use crate::domain::ids::{AgentIx, CallId, NeedIx, QueueIx};
use crate::domain::objects::queue::{By, NobodyWhen, Order, Queue};
use crate::domain::presence::Presence;
use crate::domain::rows::PairRow;
use crate::routing::{self, Facts, Key};
use std::cmp::Reverse;

/// Classes of deadlines: at the same instant the lower is handled first (0 is the account's
/// midnight, which is begun before any input).
pub mod class {
    /// The spacing of calls' passes: nothing is decided by it but that a match is possible.
    pub const PASS: u8 = 1;
    /// Switches: silence, parked events.
    pub const SWITCH: u8 = 2;
    /// Agents: wrap-up, delay, block, lease.
    pub const AGENT: u8 = 3;
    /// Offers: the ring.
    pub const OFFER: u8 = 4;
    /// Calls: total, max_wait, holds, steps, freezes.
    pub const CALL: u8 = 5;
}

impl Engine {
    /// Brings everything touched up to date. Called before each look at the tables.
    pub(super) fn refresh(&mut self) {
        while let Some(ix) = self.derived.touched.stale_agents.pop() {
            refresh_agent(&self.state, &mut self.derived, ix);
        }
        while let Some(id) = self.derived.touched.stale_calls.pop() {
            refresh_call(&self.state, &mut self.derived, id);
        }
    }

    /// Puts agents who stayed offerable into the indexes: at the end of each record.
    pub(super) fn settle_pending(&mut self) {
        let mut work: Vec<QueueIx> = std::mem::take(&mut self.derived.touched.work);
        for q in work.drain(..) {
            self.derived.index[q.at()].marked = false;
            settle_queue(&self.state, &mut self.derived, q);
        }
        self.derived.touched.work = work;
    }
}

/// Marks an agent's tables as out of date.
pub fn touch_agent(derived: &mut Derived, ix: AgentIx) {
    push_once(&mut derived.touched.stale_agents, ix);
}

/// Adds unless it is there; a long list is not searched, since a second look does no harm.
fn push_once<T: PartialEq>(list: &mut Vec<T>, item: T) {
    const SEARCHED: usize = 32;
    if list.len() > SEARCHED || !list.contains(&item) {
        list.push(item);
    }
}

/// Marks a call's tables as out of date, and its row.
pub fn touch_call(derived: &mut Derived, id: CallId) {
    push_once(&mut derived.touched.stale_calls, id);
    note(&mut derived.touched.calls, id);
}

/// Puts a queue on the list of those in which a match may have become possible.
pub fn mark_work(derived: &mut Derived, queue: QueueIx) {
    let index = &mut derived.index[queue.at()];
    if !index.marked {
        index.marked = true;
        derived.touched.work.push(queue);
    }
}

/// Adds to a list of rows unless it was the last added (duplicates go at the record's end).
pub fn note<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if list.last() != Some(&item) {
        list.push(item);
    }
}

/// What the order of `home` looks at: a queue whose calls a pair's agent may take.
#[must_use]
pub fn facts(state: &State, agent: &Agent, pair: &Pair, home: &Queue, level: u32) -> Facts {
    // A number of calls says nothing where the time with callers is compared.
    let own = &state.queue(pair.queue).config;
    let same = windows::unit(own) == windows::unit(home);
    let weight = match &home.plan.by {
        By::Stars => u32::from(pair.stars),
        // Held without a level: 1,000.
        By::Skill(skill) => {
            agent.user.skills.get(skill).map_or(0, |level| u32::from(level.unwrap_or(1_000)))
        }
    };
    Facts {
        stars: pair.stars,
        position: pair.position,
        count: if same { windows::count(state, agent, pair) } else { 0 },
        versatility: (agent.pairs.len() + agent.skills.len()) as u32,
        weight,
        idle_since: agent.idle_since,
        level,
    }
}

fn key_of(state: &State, agent: &Agent, pair: &Pair, level: u32) -> Key {
    let queue = &state.queue(pair.queue).config;
    routing::key(&queue.plan, queue.competency, &facts(state, agent, pair, queue, level))
}

/// The key under a requirement, from the key without one.
pub fn key_for(state: &State, order: Order, base: Key, agent: &Agent, need: &Need) -> Key {
    if !routing::depends_on_need(order) {
        return base;
    }
    let level = needs::level_sum(state, agent, need);
    Key((base.0 >> 32 << 32) | u64::from(u32::MAX - level), base.1)
}

fn refresh_agent(state: &State, derived: &mut Derived, ix: AgentIx) {
    let agent = state.agent(ix);
    let work = presence::work_of(state, agent);
    let mut seen = std::mem::take(&mut derived.pairs[ix.at()]);
    seen.reserve_exact(agent.pairs.len().saturating_sub(seen.len()));
    seen.resize_with(agent.pairs.len(), PairSeen::default);
    note(&mut derived.touched.agents, ix);
    for (pair, seen) in agent.pairs.iter().zip(&mut seen) {
        let row = presence::pair(state, agent, pair, &work);
        let or_grace = presence::offerable_or_grace(state, agent, pair, &work, &row);
        refresh_pair(state, derived, agent, pair, seen, (row, or_grace));
    }
    derived.pairs[ix.at()] = seen;
    if agent.next.is_some() && agent.work_ended() {
        note(&mut derived.touched.next_due, ix);
    }
    match super::deadlines::agent_deadline(state, agent).map(|(at, _)| at) {
        Some(at) if derived.armed(ix) != Some(at) => derived.arm(ix, at),
        Some(_) => {}
        // The entry in the table goes stale; the same instant may be armed again.
        None => derived.disarm(ix),
    }
}

fn refresh_pair(
    state: &State,
    derived: &mut Derived,
    agent: &Agent,
    pair: &Pair,
    seen: &mut PairSeen,
    (row, or_grace): (PairRow, bool),
) {
    let queue = state.queue(pair.queue);
    let key = key_of(state, agent, pair, 0);
    if seen.row != Some(row) || seen.or_grace != or_grace {
        let index = &mut derived.index[pair.queue.at()];
        if let Some(before) = &seen.row {
            index.count(before, seen.or_grace, false);
        }
        index.count(&row, or_grace, true);
        note(&mut derived.touched.queues, pair.queue);
        let none_left = match queue.config.exits.nobody {
            NobodyWhen::Off => false,
            NobodyWhen::LoggedIn => index.logged_in == 0,
            NobodyWhen::Offerable => index.offerable_or_grace == 0,
        };
        if none_left && !index.waiting.is_empty() {
            note(&mut derived.touched.judged, pair.queue);
        }
        // With `again: false` a call leaves when all who fit were tried: also when one of them
        // becomes offerable again, or the last untried one no longer is.
        if seen.row.is_some_and(|before| before.offerable) != row.offerable {
            if !queue.config.plan.again && !index.tried.is_empty() {
                note(&mut derived.touched.passes, pair.queue);
            }
            judge_watchers(state, derived, pair.queue);
        }
        count_logged_in(derived, agent, pair.queue, seen.row, Some(row));
    }
    let was_offerable = seen.row.is_some_and(|r| r.offerable);
    if seen.key.is_some_and(|old| !row.offerable || old != key) {
        unindex(state, &mut derived.index[pair.queue.at()], &derived.needs, agent, pair, seen);
    } else if seen.key.is_some() {
        reorder_at_homes(state, derived, agent, pair);
    }
    if row.offerable && seen.key.is_none() && !seen.pending {
        seen.pending = true;
        derived.index[pair.queue.at()].pending.push(agent.ix);
        mark_work(derived, pair.queue);
        mark_watchers(derived, pair.queue);
    }
    let counts = queue.config.plan.order.counts();
    let begun = windows::has_begun(state, agent, pair);
    // The occupancy is that of now, each time.
    let counted_on = begun && queue.config.plan.order != Order::LeastOccupied;
    if row.offerable && !was_offerable && counts && !counted_on {
        note(&mut derived.touched.count_due, (agent.ix, pair.queue));
    }
    if counts {
        // Whose count has not begun has none that a newcomer could begin with.
        let logged = (row.presence != Presence::Offline && begun).then_some(pair.count);
        if seen.logged != logged {
            let counts = &mut derived.index[pair.queue.at()].logged_counts;
            if let Some(old) = seen.logged {
                counts.remove(&(old, agent.ix));
            }
            if let Some(new) = logged {
                counts.insert((new, agent.ix));
            }
            seen.logged = logged;
        }
    }
    if !row.offerable {
        seen.pending = false;
    }
    seen.row = Some(row);
    seen.or_grace = or_grace;
}

/// Takes a pair out of a queue's sets.
fn unindex(
    state: &State,
    index: &mut QueueIndex,
    needs: &needs::Needs,
    agent: &Agent,
    pair: &Pair,
    seen: &mut PairSeen,
) {
    let Some(old) = seen.key.take() else { return };
    let plan = &state.queue(pair.queue).config.plan;
    index.agents.remove(&(old, agent.ix));
    draw::leave(&mut index.groups, plan, old, agent.ix);
    for by_need in &mut index.by_need {
        if by_need.home != pair.queue {
            leave_home(state, by_need, agent.ix);
            continue;
        }
        let key = key_for(state, plan.order, old, agent, needs.get(by_need.need));
        if by_need.agents.remove(&(key, agent.ix)) {
            draw::leave(&mut by_need.groups, plan, key, agent.ix);
        }
    }
}

/// Takes an agent out of all tables of a queue, before its skills, stars or membership change.
pub fn forget_pair(state: &State, derived: &mut Derived, ix: AgentIx, queue: QueueIx) {
    let agent = state.agent(ix);
    let Some(at) = agent.pairs.iter().position(|p| p.queue == queue) else { return };
    let pair = &agent.pairs[at];
    let mut all = std::mem::take(&mut derived.pairs[ix.at()]);
    if let Some(seen) = all.get_mut(at) {
        let index = &mut derived.index[queue.at()];
        unindex(state, index, &derived.needs, agent, pair, seen);
        let row = seen.row.take();
        if let Some(row) = &row {
            index.count(row, seen.or_grace, false);
        }
        count_logged_in(derived, agent, queue, row, None);
        let index = &mut derived.index[queue.at()];
        if let Some(old) = seen.logged.take() {
            index.logged_counts.remove(&(old, ix));
        }
        if seen.pending {
            index.pending.retain(|a| *a != ix);
        }
        seen.pending = false;
        note(&mut derived.touched.queues, queue);
    }
    derived.pairs[ix.at()] = all;
}

/// Puts the pending agents of a queue into its sets.
pub fn settle_queue(state: &State, derived: &mut Derived, queue: QueueIx) {
    let plan = &state.queue(queue).config.plan;
    let mut pending = std::mem::take(&mut derived.index[queue.at()].pending);
    for ix in pending.drain(..) {
        let agent = state.agent(ix);
        let Some(at) = agent.pairs.iter().position(|p| p.queue == queue) else { continue };
        let seen = &mut derived.pairs[ix.at()][at];
        if !seen.pending || seen.key.is_some() {
            continue;
        }
        seen.pending = false;
        let base = key_of(state, agent, &agent.pairs[at], 0);
        seen.key = Some(base);
        let index = &mut derived.index[queue.at()];
        index.agents.insert((base, ix));
        draw::enter(&mut index.groups, plan, base, ix);
        for by_need in &mut index.by_need {
            let need = derived.needs.get(by_need.need);
            if !needs::fits_from(agent, queue, by_need.home, need) {
                continue;
            }
            if by_need.home == queue {
                let key = key_for(state, plan.order, base, agent, need);
                by_need.agents.insert((key, ix));
                draw::enter(&mut by_need.groups, plan, key, ix);
            } else {
                enter_home(state, by_need, agent, &agent.pairs[at], need);
            }
        }
    }
    derived.index[queue.at()].pending = pending;
}

/// The key of an agent of a queue, under a requirement of calls of `home`.
#[must_use]
pub fn key_under(
    state: &State,
    derived: &Derived,
    ix: AgentIx,
    queue: QueueIx,
    home: QueueIx,
    need: NeedIx,
) -> Key {
    let agent = state.agent(ix);
    let Some(pair) = agent.pair(queue) else { return Key::default() };
    if queue != home {
        return key_at(state, agent, pair, home, derived.needs.get(need));
    }
    let base = key_of(state, agent, pair, 0);
    if need == NeedIx(0) {
        return base;
    }
    key_for(state, state.queue(queue).config.plan.order, base, agent, derived.needs.get(need))
}

fn refresh_call(state: &State, derived: &mut Derived, id: CallId) {
    let wanted =
        state.call(id).filter(|c| c.stage == Stage::Waiting).and_then(|c| c.queue.map(|q| (c, q)));
    let before = derived.placed.get(&id).copied();
    let Some((call, queue)) = wanted else {
        unplace(derived, id);
        if let Some(call) = state.call(id) {
            arm_live_call(state, derived, call);
        }
        return;
    };
    let config = &state.queue(queue).config;
    let need = match before {
        Some(b) if b.queue == queue && b.step == call.step => b.need,
        _ => need_at(state, derived, call, queue, call.step),
    };
    let hold = hold_of(state, call, config);
    let now = Placed {
        queue,
        need,
        step: call.step,
        held: call.hold.map(|(agent, _)| agent),
        rank: call.rank(config),
        queued_at: call.queued_at,
        open: hold.is_none(),
    };
    let same_place = before.is_some_and(|b| {
        (b.queue, b.rank, b.queued_at, b.need, b.held)
            == (queue, now.rank, now.queued_at, need, now.held)
    });
    if !same_place {
        unplace(derived, id);
        let index = &mut derived.index[queue.at()];
        index.waiting.insert((now.rank, id));
        index.queued.insert((now.queued_at, id));
        watch(derived, queue, need, true);
        note(&mut derived.touched.queues, queue);
    }
    let was_open = same_place && before.is_some_and(|b| b.open);
    if now.open && !was_open {
        let index = &mut derived.index[queue.at()];
        match now.held {
            Some(agent) => index.held.entry(agent).or_default().insert((now.rank, id)),
            None => index.open_mut(need).insert((now.rank, id)),
        };
        mark_work(derived, queue);
    } else if !now.open && was_open {
        close(&mut derived.index[queue.at()], &now, id);
    }
    let index = &mut derived.index[queue.at()];
    if call.tried.is_empty() {
        index.tried.remove(&id);
    } else {
        index.tried.insert(id);
    }
    derived.placed.insert(id, now);
    arm_live_call(state, derived, call);
}

/// Enters a call's deadline into the table.
fn arm_live_call(state: &State, derived: &mut Derived, call: &Call) {
    match super::deadlines::call_deadline(state, call).map(|(at, _)| at) {
        Some(at) => derived.arm_call(call.id, at),
        None => _ = derived.armed_calls.remove(&call.id),
    }
    match super::deadlines::pass_deadline(state, call) {
        Some(at) if derived.armed_passes.insert(call.id, at) != Some(at) => {
            derived.deadlines.push(Reverse((at, class::PASS, call.id.0)));
        }
        Some(_) => {}
        None => _ = derived.armed_passes.remove(&call.id),
    }
}

fn close(index: &mut QueueIndex, placed: &Placed, id: CallId) {
    if let Some(agent) = placed.held {
        if let Some(calls) = index.held.get_mut(&agent) {
            calls.remove(&(placed.rank, id));
            if calls.is_empty() {
                index.held.remove(&agent);
            }
        }
        return;
    }
    if let Some(at) = index.open.iter().position(|o| o.need == placed.need) {
        index.open[at].calls.remove(&(placed.rank, id));
        if index.open[at].calls.is_empty() {
            index.open.swap_remove(at);
        }
    }
}

/// Takes a call out of its queue's tables.
pub fn unplace(derived: &mut Derived, id: CallId) {
    let Some(placed) = derived.placed.remove(&id) else { return };
    let index = &mut derived.index[placed.queue.at()];
    index.waiting.remove(&(placed.rank, id));
    index.queued.remove(&(placed.queued_at, id));
    index.tried.remove(&id);
    if placed.open {
        close(index, &placed, id);
    }
    watch(derived, placed.queue, placed.need, false);
    note(&mut derived.touched.queues, placed.queue);
}

impl Derived {
    /// The deadline that is armed for an agent.
    fn armed(&self, ix: AgentIx) -> Option<crate::domain::time::Millis> {
        self.armed_agents.get(ix.at()).copied().flatten()
    }

    fn arm(&mut self, ix: AgentIx, at: crate::domain::time::Millis) {
        if self.armed_agents.len() <= ix.at() {
            self.armed_agents.resize(ix.at() + 1, None);
        }
        self.armed_agents[ix.at()] = Some(at);
        self.deadlines.push(Reverse((at, class::AGENT, u64::from(ix.0))));
    }

    fn arm_call(&mut self, id: CallId, at: crate::domain::time::Millis) {
        if self.armed_calls.insert(id, at) != Some(at) {
            self.deadlines.push(Reverse((at, class::CALL, id.0)));
        }
    }
}
