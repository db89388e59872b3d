//! The one rule of matching (`engine.md` 3): after each input, until nothing changes, the call with
//! the first claim that has a candidate and is not kept back is given all the offers that its plan
//! allows now.
//!
//! Before an input nothing could be matched any more, so only queues that the input touched are
//! looked at. In a queue only the first servable call per requirement matters.

use super::Engine;
use super::derived::{PairSeen, QueueIndex};
use super::draw::Chosen;
use super::need_index::need_index;
use super::needs;
use super::refresh::{facts, key_under};
use super::state::{Call, Pair};
use crate::domain::event::Event;
use crate::domain::ids::{AgentIx, CallId, Name, NeedIx, OfferId, QueueIx};
use crate::domain::objects::queue::{Order, Queue};
use crate::domain::switching::{Drawn, SortKey, Why};
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
            self.make_indexes(queue, need);
            if !self.has_offerable(queue, need) {
                continue;
            }
            let index = &self.derived.index[queue.at()];
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
        self.first_held(queue, &config, best)
    }

    /// Of the calls that wait for a preferred agent, the first claim whose agent is free.
    fn first_held(&self, queue: QueueIx, config: &Queue, mut best: Option<Claim>) -> Option<Claim> {
        for (agent, calls) in &self.derived.index[queue.at()].held {
            let offerable = |seen: &PairSeen| seen.row.is_some_and(|row| row.offerable);
            if !self.derived.pairs[agent.at()].iter().any(offerable) {
                continue;
            }
            for (rank, id) in calls {
                let claim = (Reverse(config.weight), *rank, *id);
                if best.is_some_and(|b| b < claim) {
                    break;
                }
                let Some(placed) = self.derived.placed.get(id) else { continue };
                if self.is_servable(*id, queue, placed.need, config) {
                    best = Some(claim);
                    break;
                }
            }
        }
        best
    }

    /// Sees that a requirement has its index in each queue whose members may take the call.
    pub(super) fn make_indexes(&mut self, queue: QueueIx, need: NeedIx) {
        need_index(&self.state, &mut self.derived, queue, need, queue);
        for i in 0..self.derived.needs.get(need).also.len() {
            let from = self.derived.needs.get(need).also[i];
            need_index(&self.state, &mut self.derived, from, need, queue);
        }
    }

    /// The queues whose members may take a call of `queue` under a requirement, itself first.
    pub(super) fn sources(&self, queue: QueueIx, need: NeedIx) -> impl Iterator<Item = QueueIx> {
        std::iter::once(queue).chain(self.derived.needs.get(need).also.iter().copied())
    }

    /// Whether somebody who meets a requirement is offerable; its indexes are there.
    pub(super) fn has_offerable(&self, queue: QueueIx, need: NeedIx) -> bool {
        let wanted = self.derived.needs.get(need);
        self.sources(queue, need).any(|from| {
            sorted(&self.derived.index[from.at()], need, queue).is_some_and(|a| !a.is_empty())
                || self
                    .pending(from)
                    .any(|ix| needs::fits_from(self.state.agent(ix), from, queue, wanted))
        })
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
        if let Some((preferred, _)) = call.hold {
            let now = free(&preferred) && self.is_fit_now(preferred, queue, need);
            return now.then_some(preferred).into_iter().collect();
        }
        let wanted = self.derived.needs.get(need);
        let mut known: Vec<&Sorted> = Vec::with_capacity(1 + wanted.also.len());
        let mut fresh: Vec<(Key, AgentIx)> = Vec::new();
        for from in self.sources(queue, need) {
            known.extend(sorted(&self.derived.index[from.at()], need, queue));
            let here = self
                .pending(from)
                .filter(free)
                .filter(|ix| needs::fits_from(self.state.agent(*ix), from, queue, wanted));
            let key = |ix| key_under(&self.state, &self.derived, ix, from, queue, need);
            fresh.extend(here.map(|ix| (key(ix), ix)));
        }
        fresh.sort_unstable();
        let order = self.state.queue(queue).config.plan.order;
        if order == Order::RoundRobin {
            return self.after_the_last(queue, &known, &fresh, most, &free);
        }
        if order == Order::InOrder
            && !anew
            && let Some(cursor) = call.cursor
        {
            return self.after_cursor(cursor, (queue, need), &known, &fresh, most, &free);
        }
        let in_index = merge_all(&known, (Key(0, 0), AgentIx(0))).filter(|(_, ix)| free(ix));
        merge(in_index, fresh.into_iter()).map(|(_, ix)| ix).take(most).collect()
    }

    /// In order of position: those after the call's cursor first, then from the top.
    fn after_cursor(
        &self,
        cursor: (u32, u32),
        (queue, need): (QueueIx, NeedIx),
        known: &[&Sorted],
        fresh: &[(Key, AgentIx)],
        most: usize,
        free: &dyn Fn(&AgentIx) -> bool,
    ) -> Vec<AgentIx> {
        let wanted = self.derived.needs.get(need);
        let after = |ix: &AgentIx| {
            let agent = self.state.agent(*ix);
            let pair = needs::member_of(agent, queue, wanted).and_then(|q| agent.pair(q));
            let position = pair.map_or(0, |p: &Pair| p.position);
            in_order::after_cursor(Some(cursor), position, ix.0)
        };
        // Keys begin with the position, so that what stands before it need not be walked.
        let from = (Key(u64::from(cursor.0), 0), AgentIx(0));
        let wanted = |then: bool| move |ix: &AgentIx| free(ix) && after(ix) != then;
        let first = merge(merge_all(known, from), fresh.iter().copied()).map(|(_, ix)| ix);
        let mut chosen: Vec<AgentIx> = first.filter(wanted(false)).take(most).collect();
        if chosen.len() < most {
            let all = merge_all(known, (Key(0, 0), AgentIx(0)));
            let then = merge(all, fresh.iter().copied()).map(|(_, ix)| ix);
            chosen.extend(then.filter(wanted(true)).take(most - chosen.len()));
        }
        chosen
    }

    /// Round the circle, from the one after the last offered. The keys are the circle: nobody who
    /// stands before is walked past.
    fn after_the_last(
        &self,
        queue: QueueIx,
        known: &[&Sorted],
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
        let first = merge(merge_all(known, from), fresh[at..].iter().copied());
        let all = merge_all(known, (Key(0, 0), AgentIx(0)));
        let then = merge(all.take_while(|one| *one < from), fresh[..at].iter().copied());
        first.chain(then).map(|(_, ix)| ix).filter(free).take(most).collect()
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
        // Who is waited for is not drawn.
        let chosen = if config.plan.draws() && call.hold.is_none() {
            let rung = call.open_offers().map(|o| o.agent);
            let out = call.tried.iter().copied().chain(rung).collect();
            self.draw(out, queue, need, most)
        } else {
            found.into_iter().map(|agent| Chosen { agent, drawn: None }).collect()
        };
        let Some(call) = self.state.call(id) else { return false };
        let whys = self.whys(call, queue, need, &config, &chosen);
        for (one, why) in chosen.into_iter().take(most).zip(whys) {
            self.offer(id, one, round, ringing, false, why);
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

    /// Rings an agent. `over`: ordered beyond the capacity.
    pub(super) fn offer(
        &mut self,
        id: CallId,
        one: Chosen,
        round: u32,
        ringing: ring::Ringing,
        over: bool,
        why: Why,
    ) {
        let ix = one.agent;
        let now = self.state_now();
        let Some(call) = self.state.call(id) else { return };
        let placed = self.derived.placed.get(&id);
        let through = placed.and_then(|p| {
            let need = self.derived.needs.get(p.need);
            needs::member_of(self.state.agent(ix), p.queue, need).filter(|q| *q != p.queue)
        });
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
            through,
            over,
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
        let (candidates, own) = self.count_candidates(call, queue, need);
        let told = |ix: AgentIx| self.told_key(ix, queue, need, config);
        // Of those who are drawn nobody is next until the draw.
        let next = |at: usize| chosen.get(at + 1).filter(|_| !config.plan.draws());
        let row = |at: usize, one: &Chosen| {
            let runner_up = next(at).and_then(|next| told(next.agent));
            let why =
                self.why(call, queue, config, (candidates, own), (told(one.agent)?, runner_up));
            Some(Why { drawn: one.drawn.map(|(drawn, _): (Drawn, u64)| drawn), ..why })
        };
        chosen.iter().enumerate().filter_map(|(at, one)| row(at, one)).collect()
    }

    /// Why a picked agent is rung: because somebody said so.
    pub(super) fn why_picked(
        &self,
        call: &Call,
        queue: QueueIx,
        config: &Queue,
        ix: AgentIx,
        by: Option<Name>,
    ) -> Why {
        let need = self.derived.placed.get(&call.id).map(|p| p.need).unwrap_or_default();
        let counts = self.count_candidates(call, queue, need);
        let told = self
            .told_key(ix, queue, need, config)
            .unwrap_or_else(|| SortKey::of(self.state.agent(ix).idle_since));
        let why = self.why(call, queue, config, counts, (told, None));
        Why { preferred: false, assigned_by: by, ..why }
    }

    fn why(
        &self,
        call: &Call,
        queue: QueueIx,
        config: &Queue,
        (candidates, own): (u32, u32),
        (winner, runner_up): (SortKey, Option<SortKey>),
    ) -> Why {
        let index = &self.derived.index[queue.at()];
        Why {
            order: config.plan.order,
            step: (!call.steps_in(config).is_empty()).then_some(call.step),
            candidates,
            winner,
            runner_up,
            offline: index.presence.offline,
            opted_out: index.presence.opted_out,
            busy: index.presence.busy,
            delayed: index.delayed,
            not_fitting: index.offerable.saturating_sub(own),
            stars_ignored: config.plan.order == Order::Stars && !config.competency,
            drawn: None,
            preferred: call.hold.is_some(),
            assigned_by: None,
        }
    }

    /// An agent's key, told to people.
    fn told_key(
        &self,
        ix: AgentIx,
        queue: QueueIx,
        need: NeedIx,
        config: &Queue,
    ) -> Option<SortKey> {
        let (agent, wanted) = (self.state.agent(ix), self.derived.needs.get(need));
        let pair = agent.pair(needs::member_of(agent, queue, wanted)?)?;
        let level = needs::level_sum(&self.state, agent, wanted);
        let facts = facts(&self.state, agent, pair, config, level);
        Some(routing::explain(&config.plan, config.competency, &facts))
    }

    /// Candidates of a call who were not tried: all, and those who are members of its own queue.
    fn count_candidates(&self, call: &Call, queue: QueueIx, need: NeedIx) -> (u32, u32) {
        let wanted = self.derived.needs.get(need);
        let mut counts = (0, 0);
        for from in self.sources(queue, need) {
            let index = &self.derived.index[from.at()];
            let in_index = sorted(index, need, queue).map_or(0, BTreeSet::len);
            let fits = |ix: &AgentIx| needs::fits_from(self.state.agent(*ix), from, queue, wanted);
            let fresh = self.pending(from).filter(fits).count();
            let barred = call.tried.iter().chain(call.open_offers().map(|o| &o.agent));
            let member = |ix: &&AgentIx| {
                needs::member_of(self.state.agent(**ix), queue, wanted) == Some(from)
            };
            let barred =
                barred.filter(member).filter(|ix| self.is_fit_now(**ix, queue, need)).count();
            let here = (in_index + fresh).saturating_sub(barred) as u32;
            counts.0 += here;
            counts.1 += if from == queue { here } else { 0 };
        }
        counts
    }

    /// Whether an agent could be offered a call of a queue now and meets its requirement.
    pub(super) fn is_fit_now(&self, ix: AgentIx, queue: QueueIx, need: NeedIx) -> bool {
        let (agent, wanted) = (self.state.agent(ix), self.derived.needs.get(need));
        let Some(member_of) = needs::fits(agent, queue, wanted) else { return false };
        let at = agent.pairs.iter().position(|p| p.queue == member_of);
        let seen = at.and_then(|at| self.derived.pairs[ix.at()].get(at));
        seen.and_then(|s| s.row).is_some_and(|r| r.offerable)
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

/// Offerable agents in an order.
type Sorted = BTreeSet<(Key, AgentIx)>;

/// A queue's offerable agents who meet a requirement of calls of `home`, in the order of `home`.
fn sorted(index: &QueueIndex, need: NeedIx, home: QueueIx) -> Option<&Sorted> {
    if need == NeedIx(0) {
        return Some(&index.agents);
    }
    index.by_need.iter().find(|n| n.need == need && n.home == home).map(|n| &n.agents)
}

/// Sorted runs as one, from a place on.
fn merge_all<'a>(
    runs: &[&'a Sorted],
    from: (Key, AgentIx),
) -> impl Iterator<Item = (Key, AgentIx)> + use<'a> {
    // Nearly always there is one.
    let mut rest = runs.iter().map(|run| run.range(from..).copied());
    let mut first = rest.next().into_iter().flatten().peekable();
    let mut rest: Vec<_> = rest.map(Iterator::peekable).collect();
    std::iter::from_fn(move || {
        let least = (0..rest.len())
            .filter_map(|i| Some((*rest[i].peek()?, i)))
            .min()
            .filter(|(least, _)| first.peek().is_none_or(|own| least < own));
        match least {
            Some((_, i)) => rest[i].next(),
            None => first.next(),
        }
    })
}

/// Two sorted runs as one.
fn merge(
    a: impl Iterator<Item = (Key, AgentIx)>,
    b: impl Iterator<Item = (Key, AgentIx)>,
) -> impl Iterator<Item = (Key, AgentIx)> {
    let (mut a, mut b) = (a.peekable(), b.peekable());
    std::iter::from_fn(move || match (a.peek(), b.peek()) {
        (Some(x), Some(y)) if x <= y => a.next(),
        (_, Some(_)) => b.next(),
        _ => a.next(),
    })
}
