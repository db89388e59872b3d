//! What `least_calls` and `least_talk` count, and in which window (`engine.md` 4); of `least_occupied` the
//! occupancy as of becoming offerable stands where others have a count.
//!
//! `day` and `shift` begin anew by a number: what was counted under another number reads as nothing.
//! In a window of 24 hours each thing counted leaves by its own deadline
//! ([`Event::CountLeft`](crate::domain::event::Event)), so that the window slides to the millisecond
//! and nothing is swept.

use super::state::{Agent, Pair, QueueState, State};
use crate::domain::ids::{AgentIx, OfferId, QueueIx};
use crate::domain::objects::Queue;
use crate::domain::objects::queue::{Order, Window};
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};

/// How long the window `24h` is, ms.
pub const ROLLING_MS: u64 = 86_400_000;
/// The number of every window of 24 hours.
const ROLLING: i32 = i32::MIN;

/// Something counted in a window of 24 hours.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Counted {
    /// When.
    pub at: Millis,
    /// By this offer; `None`: a call's length, or what a newcomer began with.
    pub offer: Option<OfferId>,
    /// Calls, or milliseconds.
    pub n: u32,
}

/// The number of an agent's present window in a queue.
#[must_use]
pub fn number(state: &State, agent: &Agent, queue: QueueIx) -> Option<i32> {
    match state.queue(queue).config.plan.window {
        Window::Day => state.day,
        // Below 0: no day is mistaken for a shift.
        Window::Shift => Some(-1 - (agent.shift & 0x0fff_ffff) as i32),
        Window::Rolling => Some(ROLLING),
    }
}

/// What was counted for a pair in the present window.
#[must_use]
pub fn count(state: &State, agent: &Agent, pair: &Pair) -> u32 {
    pair.count_on(number(state, agent, pair.queue))
}

/// Whether the count of the present window has begun.
#[must_use]
pub fn has_begun(state: &State, agent: &Agent, pair: &Pair) -> bool {
    pair.day == number(state, agent, pair.queue)
}

/// When the first thing counted leaves a pair's window of 24 hours.
#[must_use]
pub fn leaves_at(pair: &Pair) -> Option<Millis> {
    pair.rolling.front().map(|first| first.at.plus(ROLLING_MS))
}

/// What a queue's order counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Offers.
    Offers,
    /// Milliseconds with callers.
    Talk,
    /// Millionths of occupancy.
    Occupancy,
}

/// What a queue counts: offers, where its order says nothing else.
#[must_use]
pub fn unit(queue: &Queue) -> Unit {
    match queue.plan.order {
        Order::LeastTalk => Unit::Talk,
        Order::LeastOccupied => Unit::Occupancy,
        _ => Unit::Offers,
    }
}

/// Whether offers are what a queue counts.
#[must_use]
pub fn counts_offers(queue: &Queue) -> bool {
    unit(queue) == Unit::Offers
}

fn with_pair<T>(
    state: &mut State,
    ix: AgentIx,
    queue: QueueIx,
    change: impl FnOnce(&mut Pair, Option<i32>, Millis, bool) -> T,
) -> Option<T> {
    let at = state.at;
    let number = number(state, state.agents.get(ix.at())?, queue);
    let rolling = state.queue(queue).config.plan.window == Window::Rolling;
    let pair = state.agents[ix.at()].pairs.iter_mut().find(|p| p.queue == queue)?;
    Some(change(pair, number, at, rolling))
}

/// Counts; the number of the window, for [`take_back`].
pub fn add(
    state: &mut State,
    ix: AgentIx,
    queue: QueueIx,
    n: u32,
    offer: Option<OfferId>,
) -> Option<i32> {
    with_pair(state, ix, queue, |pair, number, at, rolling| {
        pair.count = pair.count_on(number).saturating_add(n);
        pair.day = number;
        if rolling {
            pair.rolling.push_back(Counted { at, offer, n });
        }
        number
    })
    .flatten()
}

/// An offer counts no longer, which was counted in the window of this number.
pub fn take_back(
    state: &mut State,
    ix: AgentIx,
    queue: QueueIx,
    offer: OfferId,
    counted: Option<i32>,
) {
    with_pair(state, ix, queue, |pair, _, _, _| {
        if counted.is_none() || pair.day != counted {
            return;
        }
        if counted == Some(ROLLING) {
            // What has left the window already is not taken off again.
            let Some(at) = pair.rolling.iter().position(|c| c.offer == Some(offer)) else { return };
            pair.rolling.remove(at);
        }
        pair.count = pair.count.saturating_sub(1);
    });
}

/// A newcomer's count begins here; an occupancy is noted.
pub fn begin(state: &mut State, ix: AgentIx, queue: QueueIx, from: u32) {
    let counted = unit(&state.queue(queue).config) != Unit::Occupancy;
    with_pair(state, ix, queue, |pair, number, at, rolling| {
        (pair.count, pair.day) = (from, number);
        pair.rolling.clear();
        if counted && rolling && from > 0 {
            pair.rolling.push_back(Counted { at, offer: None, n: from });
        }
    });
}

/// What is 24 hours old leaves.
pub fn slide(state: &mut State, ix: AgentIx, queue: QueueIx) {
    with_pair(state, ix, queue, |pair, _, at, _| {
        while leaves_at(pair).is_some_and(|leaves| leaves <= at) {
            let gone = pair.rolling.pop_front().map_or(0, |first| first.n);
            pair.count = pair.count.saturating_sub(gone);
        }
    });
}

/// A call's length is counted where time with callers is, when the agent's part in it ends.
pub fn talked(state: &mut State, ix: AgentIx, queue: QueueIx, since: Millis) {
    if unit(&state.queue(queue).config) == Unit::Talk {
        let ms = u32::try_from(state.at.since(since)).unwrap_or(u32::MAX);
        add(state, ix, queue, ms, None);
    }
}

/// An agent logs on, offline since that instant: a shift begins, and so does a window of 24 hours
/// that is empty because the agent was away as long.
pub fn log_on(state: &mut State, ix: AgentIx, offline_since: Millis) {
    let long = state.at.since(offline_since) >= ROLLING_MS;
    let State { agents, queues, .. } = state;
    let Some(agent) = agents.get_mut(ix.at()) else { return };
    super::ledger::log_on(agent, state.at);
    let window = |pair: &Pair| queues[pair.queue.at()].config.plan.window;
    // Only where it is looked at.
    if agent.pairs.iter().any(|pair| window(pair) == Window::Shift) {
        agent.shift += 1;
    }
    for pair in agent.pairs.iter_mut().filter(|_| long) {
        if window(pair) == Window::Rolling {
            reset(pair);
        }
    }
}

fn reset(pair: &mut Pair) {
    (pair.count, pair.day) = (0, None);
    pair.rolling.clear();
}

/// A queue now counts something else, or in another window: all begin anew.
pub fn changed(state: &mut State, queue: QueueIx, old: &Queue) {
    let new = state.queue(queue).config.clone();
    if old.plan.window == new.plan.window && unit(old) == unit(&new) {
        return;
    }
    let State { agents, calls, queues, .. } = state;
    let QueueState { members, .. } = &queues[queue.at()];
    for ix in members {
        let agent = &mut agents[ix.at()];
        agent.pairs.iter_mut().filter(|p| p.queue == queue).for_each(reset);
        // Offers of the old count are not taken off the new one.
        for call in agent.offers.iter().map(|(_, call)| call).chain(&agent.calls) {
            let made = calls.get_mut(call).into_iter().flat_map(|c| &mut c.offers);
            for offer in made.filter(|o| o.agent == *ix && o.member_of() == queue) {
                offer.counted_day = None;
            }
        }
    }
}
