//! Indexes by requirement, also for the calls of other queues whose steps add a queue's members.

use super::derived::{Derived, NEED_INDEXES, NeedIndex};
use super::draw;
use super::needs::{self, Need};
use super::refresh::{facts, key_for, mark_work, note};
use super::state::{Agent, Pair, State};
use crate::domain::ids::{AgentIx, NeedIx, QueueIx};
use crate::domain::presence::Presence;
use crate::domain::rows::PairRow;
use crate::routing::{self, Key};

/// The key under the order of another queue, whose calls the pair's agent may take.
pub fn key_at(state: &State, agent: &Agent, pair: &Pair, home: QueueIx, need: &Need) -> Key {
    let order = &state.queue(home).config;
    let level = if routing::depends_on_need(order.plan.order) {
        needs::level_sum(state, agent, need)
    } else {
        0
    };
    routing::key(&order.plan, order.competency, &facts(state, agent, pair, order, level))
}

/// Keeps the place of an indexed agent under the orders of other queues.
pub fn reorder_at_homes(state: &State, derived: &mut Derived, agent: &Agent, pair: &Pair) {
    let Derived { index, needs, .. } = derived;
    for by_need in &mut index[pair.queue.at()].by_need {
        let Some(old) = by_need.keys.get(&agent.ix).copied() else { continue };
        let need = needs.get(by_need.need);
        if key_at(state, agent, pair, by_need.home, need) != old {
            leave_home(state, by_need, agent.ix);
            enter_home(state, by_need, agent, pair, need);
        }
    }
}

/// Puts an indexed agent into the index of another queue's calls.
pub fn enter_home(state: &State, made: &mut NeedIndex, agent: &Agent, pair: &Pair, need: &Need) {
    let key = key_at(state, agent, pair, made.home, need);
    made.agents.insert((key, agent.ix));
    made.keys.insert(agent.ix, key);
    draw::enter(&mut made.groups, &state.queue(made.home).config.plan, key, agent.ix);
}

/// Takes an agent out of it.
pub fn leave_home(state: &State, made: &mut NeedIndex, ix: AgentIx) {
    if let Some(key) = made.keys.remove(&ix) {
        made.agents.remove(&(key, ix));
        draw::leave(&mut made.groups, &state.queue(made.home).config.plan, key, ix);
    }
}

/// A match may have become possible for calls of other queues that this one's members may take.
pub fn mark_watchers(derived: &mut Derived, queue: QueueIx) {
    if derived.index[queue.at()].watchers.is_empty() {
        return;
    }
    let watchers: Vec<QueueIx> = derived.index[queue.at()].watchers.keys().copied().collect();
    for home in watchers {
        mark_work(derived, home);
    }
}

/// Calls of other queues leave after their pass, also when one of this queue's members becomes
/// offerable again, or goes.
pub fn judge_watchers(state: &State, derived: &mut Derived, queue: QueueIx) {
    let Derived { index, touched, .. } = derived;
    for home in index[queue.at()].watchers.keys() {
        if !state.queue(*home).config.plan.again && !index[home.at()].tried.is_empty() {
            note(&mut touched.passes, *home);
        }
    }
}

/// Keeps the counts of logged-in members by requirement.
pub fn count_logged_in(
    derived: &mut Derived,
    agent: &Agent,
    queue: QueueIx,
    before: Option<PairRow>,
    now: Option<PairRow>,
) {
    let there = |row: Option<PairRow>| row.is_some_and(|r| r.presence != Presence::Offline);
    let (was, is) = (there(before), there(now));
    if was == is {
        return;
    }
    let Derived { index, needs, .. } = derived;
    for by_need in &mut index[queue.at()].by_need {
        let Some(count) = &mut by_need.logged_in else { continue };
        if needs::fits_from(agent, queue, by_need.home, needs.get(by_need.need)) {
            *count = if is { *count + 1 } else { count.saturating_sub(1) };
        }
    }
}

/// Logged-in members of a queue who meet a requirement of calls of `home`.
pub fn logged_in_for(
    state: &State,
    derived: &mut Derived,
    from: QueueIx,
    need: NeedIx,
    home: QueueIx,
) -> u32 {
    if need == NeedIx(0) {
        return derived.index[from.at()].logged_in;
    }
    need_index(state, derived, from, need, home);
    let Derived { index, needs, pairs, .. } = derived;
    let by_need = &mut index[from.at()].by_need;
    let Some(known) = by_need.iter_mut().find(|n| n.need == need && n.home == home) else {
        return 0;
    };
    *known.logged_in.get_or_insert_with(|| {
        let wanted = needs.get(need);
        let there = |ix: &&AgentIx| {
            let agent = state.agent(**ix);
            let at = agent.pairs.iter().position(|p| p.queue == from);
            let row = at.and_then(|at| pairs[ix.at()].get(at)).and_then(|seen| seen.row);
            row.is_some_and(|r| r.presence != Presence::Offline)
                && needs::fits_from(agent, from, home, wanted)
        };
        state.queue(from).members.iter().filter(there).count() as u32
    })
}

/// The index of a requirement of calls of `home` in a queue, made when it is not there; number 0 is
/// the queue's own.
pub fn need_index(
    state: &State,
    derived: &mut Derived,
    queue: QueueIx,
    need: NeedIx,
    home: QueueIx,
) {
    if need == NeedIx(0) {
        return;
    }
    let index = &mut derived.index[queue.at()];
    if let Some(known) = index.by_need.iter_mut().find(|n| n.need == need && n.home == home) {
        known.used = state.seq;
        return;
    }
    let wanted = derived.needs.get(need);
    let mut made = NeedIndex {
        need,
        home,
        agents: Default::default(),
        groups: Default::default(),
        keys: Default::default(),
        logged_in: None,
        used: state.seq,
    };
    match &wanted.agents {
        // Who is named is looked at, however large the queue.
        Some(named) => {
            for ix in named {
                let pairs = &state.agent(*ix).pairs;
                let at = pairs.iter().position(|p| p.queue == queue);
                let seen = at.and_then(|at| derived.pairs[ix.at()].get(at));
                if let Some(base) = seen.and_then(|seen| seen.key) {
                    add_to(&mut made, state, queue, base, *ix, wanted);
                }
            }
        }
        None => {
            for (base, ix) in &derived.index[queue.at()].agents {
                add_to(&mut made, state, queue, *base, *ix, wanted);
            }
        }
    }
    make_room(derived, queue);
    derived.index[queue.at()].by_need.push(made);
}

/// Puts an indexed agent of a queue into a requirement's index, if they fit.
fn add_to(
    made: &mut NeedIndex,
    state: &State,
    queue: QueueIx,
    base: Key,
    ix: AgentIx,
    wanted: &Need,
) {
    let agent = state.agent(ix);
    if !needs::fits_from(agent, queue, made.home, wanted) {
        return;
    }
    if made.home == queue {
        let plan = &state.queue(queue).config.plan;
        let key = key_for(state, plan.order, base, agent, wanted);
        made.agents.insert((key, ix));
        draw::enter(&mut made.groups, plan, key, ix);
    } else if let Some(pair) = agent.pair(queue) {
        enter_home(state, made, agent, pair, wanted);
    }
}

/// The least recently used index goes; requirements that calls wait with keep theirs, however many
/// they are.
fn make_room(derived: &mut Derived, queue: QueueIx) {
    let by_need = &derived.index[queue.at()].by_need;
    if by_need.len() < NEED_INDEXES {
        return;
    }
    let waits = |n: &NeedIndex| derived.index[n.home.at()].open.iter().any(|o| o.need == n.need);
    let idle = (0..by_need.len()).filter(|i| !waits(&by_need[*i])).min_by_key(|i| by_need[*i].used);
    if let Some(oldest) = idle {
        derived.index[queue.at()].by_need.swap_remove(oldest);
    }
}

/// Tells the queues that a requirement adds that a call of `home` waits for their members, too, or
/// (not `on`) no longer does.
pub fn watch(derived: &mut Derived, home: QueueIx, need: NeedIx, on: bool) {
    let Derived { index, needs, .. } = derived;
    for added in &needs.get(need).also {
        let watchers = &mut index[added.at()].watchers;
        let count = watchers.entry(home).or_default();
        *count = if on { *count + 1 } else { count.saturating_sub(1) };
        if *count == 0 {
            watchers.remove(&home);
        }
    }
}
