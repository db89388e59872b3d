//! The one rule of matching (`engine.md` 3): after each input, until nothing changes, the call with
//! the first claim that has a candidate and is not kept back is given all the offers that its plan
//! allows now.
//!
//! Before an input nothing could be matched any more, so only queues that the input touched are
//! looked at. In a queue only the first servable call per requirement matters.

use super::Engine;
use super::derived::QueueIndex;
use super::draw::Chosen;
use super::needs;
use super::refresh::{facts, key_under, need_index};
use super::state::{Call, Pair};
use crate::domain::event::Event;
use crate::domain::ids::{AgentIx, CallId, NeedIx, OfferId, QueueIx};
use crate::domain::objects::queue::{Order, Queue};
use crate::domain::switching::{Drawn, Why};
use crate::domain::time::Millis;
use crate::routing::{self, Key, in_order, ring};
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Lower is served first: highest weight, lowest rank, lowest number.
type Claim = (Reverse<i32>, i64, CallId);

impl Engine {
    /// Makes every assignment that has become possible; `true` when an offer let another call leave,
    /// so that all must be looked at again.
    pub(super) fn match_all(&mut self) -> bool {
        loop {
            self.refresh();
            if self.leave_passes() {
                return true;
            }
            let mut best: Option<Claim> = None;
            for i in 0..self.derived.touched.work.len() {
                let queue = self.derived.touched.work[i];
                let first = self.first_servable(queue);
                best = match (best, first) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
            }
            let Some((_, _, call)) = best else { return false };
            if !self.serve(call) {
                return false;
            }
        }
    }

    /// The first claim among a queue's calls that could be offered to somebody now.
    fn first_servable(&mut self, queue: QueueIx) -> Option<Claim> {
        let config = self.state.queue(queue).config.clone();
        let index = &self.derived.index[queue.at()];
        if config.max_ringing.is_some_and(|max| index.ringing >= max) {
            return None;
        }
        let requirements = index.open.len();
        let mut best: Option<Claim> = None;
        for at in 0..requirements {
            let need = self.derived.index[queue.at()].open[at].need;
            need_index(&self.state, &mut self.derived, queue, need);
            let index = &self.derived.index[queue.at()];
            if sorted(index, need).is_none_or(BTreeSet::is_empty)
                && !self.pending_meets(queue, need)
            {
                continue;
            }
            let open = index.open.iter().find(|o| o.need == need);
            for (rank, id) in open.into_iter().flat_map(|o| &o.calls) {
                let claim = (Reverse(config.weight), *rank, *id);
                if best.is_some_and(|b| b < claim) {
                    break;
                }
                if self.is_servable(*id, queue, need, &config) {
                    best = Some(claim);
                    break;
                }
            }
        }
        best
    }

    fn pending_meets(&self, queue: QueueIx, need: NeedIx) -> bool {
        let wanted = self.derived.needs.get(need);
        self.pending(queue).any(|ix| needs::meets(self.state.agent(ix), queue, wanted))
    }

    /// Offerable agents of this record that are not in the sets yet.
    fn pending(&self, queue: QueueIx) -> impl Iterator<Item = AgentIx> {
        self.derived.index[queue.at()].pending.iter().copied().filter(move |ix| {
            let agent = self.state.agent(*ix);
            let at = agent.pairs.iter().position(|p| p.queue == queue);
            at.is_some_and(|at| {
                let seen = &self.derived.pairs[ix.at()][at];
                seen.pending && seen.row.is_some_and(|r| r.offerable)
            })
        })
    }

    fn is_servable(&self, id: CallId, queue: QueueIx, need: NeedIx, config: &Queue) -> bool {
        let Some(call) = self.state.call(id) else { return false };
        if call.total_at(config).is_some_and(|at| at <= self.state_now()) {
            return false;
        }
        if !self.candidates(call, queue, need, 1, false).is_empty() {
            return true;
        }
        self.may_begin_pass(call, config) && !self.candidates(call, queue, need, 1, true).is_empty()
    }

    /// Up to `most` candidates in the queue's order. `anew`: those tried in this pass count again.
    fn candidates(
        &self,
        call: &Call,
        queue: QueueIx,
        need: NeedIx,
        most: usize,
        anew: bool,
    ) -> Vec<AgentIx> {
        let free = |ix: &AgentIx| {
            (anew || !call.tried.contains(ix)) && !call.open_offers().any(|o| o.agent == *ix)
        };
        let wanted = self.derived.needs.get(need);
        let mut fresh: Vec<(Key, AgentIx)> = self
            .pending(queue)
            .filter(free)
            .filter(|ix| needs::meets(self.state.agent(*ix), queue, wanted))
            .map(|ix| (key_under(&self.state, &self.derived, ix, queue, need), ix))
            .collect();
        fresh.sort_unstable();
        let index = &self.derived.index[queue.at()];
        let known = sorted(index, need);
        let order = self.state.queue(queue).config.plan.order;
        if order == Order::RoundRobin {
            return self.after_the_last(queue, known, &fresh, most, &free);
        }
        if order == Order::InOrder
            && !anew
            && let Some(cursor) = call.cursor
        {
            return self.after_cursor(cursor, queue, known, &fresh, most, &free);
        }
        let in_index = known.into_iter().flatten().copied().filter(|(_, ix)| free(ix));
        merge(in_index, fresh.into_iter()).take(most).collect()
    }

    /// In order of position: those after the call's cursor first, then from the top.
    fn after_cursor(
        &self,
        cursor: (u32, u32),
        queue: QueueIx,
        known: Option<&BTreeSet<(Key, AgentIx)>>,
        fresh: &[(Key, AgentIx)],
        most: usize,
        free: &dyn Fn(&AgentIx) -> bool,
    ) -> Vec<AgentIx> {
        let after = |ix: &AgentIx| {
            let position = self.state.agent(*ix).pair(queue).map_or(0, |p: &Pair| p.position);
            in_order::after_cursor(Some(cursor), position, ix.0)
        };
        // Keys begin with the position, so that what stands before it need not be walked.
        let from = (Key(u64::from(cursor.0), 0), AgentIx(0));
        let wanted = |then: bool| move |ix: &AgentIx| free(ix) && after(ix) != then;
        let first = known.into_iter().flat_map(|all| all.range(from..)).copied();
        let first = merge(first, fresh.iter().copied()).filter(wanted(false));
        let mut chosen: Vec<AgentIx> = first.take(most).collect();
        if chosen.len() < most {
            let then = known.into_iter().flatten().copied();
            let then = merge(then, fresh.iter().copied()).filter(wanted(true));
            chosen.extend(then.take(most - chosen.len()));
        }
        chosen
    }

    /// Round the circle, from the one after the last offered. The keys are the circle: nobody who
    /// stands before is walked past.
    fn after_the_last(
        &self,
        queue: QueueIx,
        known: Option<&BTreeSet<(Key, AgentIx)>>,
        fresh: &[(Key, AgentIx)],
        most: usize,
        free: &dyn Fn(&AgentIx) -> bool,
    ) -> Vec<AgentIx> {
        let last = self.state.queue(queue).last_offered;
        // Just behind the last one; from the top where nobody was offered yet.
        let from = last.map_or((Key(0, 0), AgentIx(0)), |(position, agent)| {
            (Key(u64::from(position), 0), AgentIx(agent.saturating_add(1)))
        });
        let at = fresh.partition_point(|one| *one < from);
        let known = || known.into_iter();
        let first = known().flat_map(|all| all.range(from..)).copied();
        let then = known().flat_map(|all| all.range(..from)).copied();
        let first = merge(first, fresh[at..].iter().copied());
        let then = merge(then, fresh[..at].iter().copied());
        first.chain(then).filter(free).take(most).collect()
    }

    /// Gives a call all the offers that its plan allows now; `false` when there was none after all.
    fn serve(&mut self, id: CallId) -> bool {
        let Some((queue, need)) = self.derived.placed.get(&id).map(|p| (p.queue, p.need)) else {
            return false;
        };
        let config = self.state.queue(queue).config.clone();
        let Some(call) = self.state.call(id) else { return false };
        if self.candidates(call, queue, need, 1, false).is_empty()
            && self.may_begin_pass(call, &config)
        {
            self.emit(Event::PassBegan { call: id });
        }
        let Some(call) = self.state.call(id) else { return false };
        let most = self.offers_allowed(call, queue, &config);
        let places = self.ringing_places(queue, &config);
        let width = call.width(&config);
        // One more than will be rung: the runner-up, and whether more fit than places.
        let looked_at = if width.is_none() { most.max(places) } else { most };
        let found = self.candidates(call, queue, need, looked_at.saturating_add(1), false);
        if found.is_empty() || most == 0 {
            return false;
        }
        let now = self.state_now();
        let left = call.total_at(&config).map(|at| at.since(now));
        let ringing = ring::ring_for(&config.plan, width, left, found.len() > places);
        let round = if call.open_count() == 0 { call.round + 1 } else { call.round };
        let chosen = if config.plan.draws() {
            let rung = call.open_offers().map(|o| o.agent);
            let out = call.tried.iter().copied().chain(rung).collect();
            self.draw(out, queue, need, most)
        } else {
            found.into_iter().map(|agent| Chosen { agent, drawn: None }).collect()
        };
        let Some(call) = self.state.call(id) else { return false };
        let whys = self.whys(call, queue, need, &config, &chosen);
        for (one, why) in chosen.into_iter().take(most).zip(whys) {
            self.offer(id, one, round, ringing, why);
        }
        debug_assert!(self.is_within_plan(id, queue, &config), "{id} rings beyond its plan");
        true
    }

    /// Right after new offers: width and `max_ringing` hold. (A setting that is lowered later takes
    /// no ringing offer back.)
    fn is_within_plan(&self, id: CallId, queue: QueueIx, config: &Queue) -> bool {
        let open = self.state.call(id).map_or(0, |call| call.open_count() as u32);
        let ringing = self.derived.index[queue.at()].ringing;
        let width = self.state.call(id).and_then(|call| call.width(config));
        width.is_none_or(|width| open <= width)
            && config.max_ringing.is_none_or(|max| ringing <= max)
    }

    /// Free places of the queue's `max_ringing`.
    fn ringing_places(&self, queue: QueueIx, config: &Queue) -> usize {
        let ringing = self.derived.index[queue.at()].ringing;
        config.max_ringing.map_or(usize::MAX, |max| max.saturating_sub(ringing) as usize)
    }

    /// New offers that plan, queue and switch allow a call now.
    fn offers_allowed(&self, call: &Call, queue: QueueIx, config: &Queue) -> usize {
        let open = call.open_count() as u32;
        let budget = self.state.switch(call.switch).config.capabilities.offers_per_call;
        let limit = ring::smallest(&[
            call.width(config).map(|w| w.saturating_sub(open)),
            config.plan.attempts.map(|max| max.saturating_sub(call.attempts)),
            // The last is kept back, so that the call can take its exit.
            budget.map(|max| max.saturating_sub(1).saturating_sub(call.legs_made())),
        ]);
        (limit as usize).min(self.ringing_places(queue, config))
    }

    fn offer(&mut self, id: CallId, one: Chosen, round: u32, ringing: ring::Ringing, why: Why) {
        let ix = one.agent;
        let now = self.state_now();
        let Some(call) = self.state.call(id) else { return };
        let switch = &self.state.switch(call.switch).config.capabilities;
        let at_desk = !self.state.agent(ix).has_endpoint;
        let backstop = if switch.times_ring && !at_desk { ring::BACKSTOP_MS } else { 0 };
        let offer = OfferId::after(self.state.last_offer, now);
        self.emit(Event::CallOffered {
            call: id,
            offer,
            agent: ix,
            round,
            ring_for_ms: ringing.ms,
            until: now.plus(ringing.ms).plus(backstop),
            full_ring: ringing.full,
            at_desk,
            why: Box::new(why),
            dice: one.drawn.map(|(_, taken)| taken),
        });
    }

    /// Why each of the chosen: from counters, and the keys of the first and the one after.
    fn whys(
        &self,
        call: &Call,
        queue: QueueIx,
        need: NeedIx,
        config: &Queue,
        chosen: &[Chosen],
    ) -> Vec<Why> {
        let index = &self.derived.index[queue.at()];
        let wanted = self.derived.needs.get(need);
        let in_index = sorted(index, need).map_or(0, BTreeSet::len);
        let fresh = self
            .pending(queue)
            .filter(|ix| needs::meets(self.state.agent(*ix), queue, wanted))
            .count();
        let barred = call
            .tried
            .iter()
            .chain(call.open_offers().map(|o| &o.agent))
            .filter(|ix| self.is_fit_now(**ix, queue, need))
            .count();
        let candidates = (in_index + fresh).saturating_sub(barred) as u32;
        let told = |ix: AgentIx| {
            let agent = self.state.agent(ix);
            let level = needs::level_sum(&self.state, agent, wanted);
            agent.pair(queue).map(|pair| {
                let facts = facts(&self.state, agent, pair, level);
                routing::explain(&config.plan, config.competency, &facts)
            })
        };
        // Of those who are drawn nobody is next until the draw.
        let next = |at: usize| chosen.get(at + 1).filter(|_| !config.plan.draws());
        let row = |at: usize, one: &Chosen| {
            Some(Why {
                order: config.plan.order,
                step: (!config.steps.is_empty()).then_some(0),
                candidates,
                winner: told(one.agent)?,
                runner_up: next(at).and_then(|next| told(next.agent)),
                offline: index.presence.offline,
                opted_out: index.presence.opted_out,
                busy: index.presence.busy,
                delayed: index.delayed,
                not_fitting: index.offerable.saturating_sub(candidates),
                stars_ignored: config.plan.order == Order::Stars && !config.competency,
                drawn: one.drawn.map(|(drawn, _): (Drawn, u64)| drawn),
            })
        };
        chosen.iter().enumerate().filter_map(|(at, one)| row(at, one)).collect()
    }

    /// Whether an agent is offerable in a queue and meets a requirement.
    pub(super) fn is_fit_now(&self, ix: AgentIx, queue: QueueIx, need: NeedIx) -> bool {
        let agent = self.state.agent(ix);
        let Some(at) = agent.pairs.iter().position(|p| p.queue == queue) else { return false };
        let offerable = self.derived.pairs[ix.at()].get(at).and_then(|s| s.row);
        offerable.is_some_and(|r| r.offerable)
            && needs::meets(agent, queue, self.derived.needs.get(need))
    }

    /// Whether a waiting call has anybody left to try: not tried in this pass.
    pub(super) fn has_untried(&self, call: &Call) -> bool {
        let Some(placed) = self.derived.placed.get(&call.id) else { return false };
        !self.candidates(call, placed.queue, placed.need, 1, false).is_empty()
    }

    /// Whether a waiting call has a candidate at all.
    pub(super) fn has_candidate(&self, call: &Call) -> bool {
        let Some(placed) = self.derived.placed.get(&call.id) else { return false };
        !self.candidates(call, placed.queue, placed.need, 1, true).is_empty()
    }

    /// All were tried, and the spacing since the pass began has passed.
    fn may_begin_pass(&self, call: &Call, config: &Queue) -> bool {
        let after = config.plan.again_after_ms;
        // At its very instant the deadline must have been met.
        let past = |began: Millis| after == 0 || began.plus(after) < self.state_now();
        let spaced = call.pass_spaced || call.pass_began_at.is_some_and(past);
        config.plan.again && !call.tried.is_empty() && spaced
    }

    /// The instant of the record being decided.
    pub(super) fn state_now(&self) -> Millis {
        self.state.at
    }
}

/// A queue's offerable agents who meet a requirement, in order.
fn sorted(index: &QueueIndex, need: NeedIx) -> Option<&BTreeSet<(Key, AgentIx)>> {
    if need == NeedIx(0) {
        return Some(&index.agents);
    }
    index.by_need.iter().find(|n| n.need == need).map(|n| &n.agents)
}

/// Two sorted runs as one.
fn merge(
    a: impl Iterator<Item = (Key, AgentIx)>,
    b: impl Iterator<Item = (Key, AgentIx)>,
) -> impl Iterator<Item = AgentIx> {
    let (mut a, mut b) = (a.peekable(), b.peekable());
    std::iter::from_fn(move || match (a.peek(), b.peek()) {
        (Some(x), Some(y)) if x <= y => a.next(),
        (_, Some(_)) => b.next(),
        _ => a.next(),
    })
    .map(|(_, ix)| ix)
}
