//! Section 4, the orders that draw and those that count: who is first, and what a window holds.

use super::{Ending, Member, Model};
use crate::domain::objects::account::IdleClock;
use crate::domain::objects::queue::{By, Order, Window};
use crate::domain::objects::{self, queue};
use crate::domain::presence::Status;
use crate::domain::time::Millis;
use std::rc::Rc;

/// The length of a sliding window.
const ROLLING_MS: u64 = 86_400_000;

/// Something counted at an instant: an offer, a call's length or a newcomer's beginning.
pub(super) struct Counted {
    at: Millis,
    offer: Option<usize>,
    n: i64,
}

impl Model {
    /// How many may ring for a call now; `None` = every candidate.
    pub(super) fn width(&self, call: usize) -> Option<u32> {
        let c = &self.calls[call];
        let plan = &self.queues[c.queue].config.plan;
        let grown = plan.wider.iter().take(c.widths).next_back();
        grown.map_or(plan.width, |wider| wider.offers)
    }

    /// Memberships and skills.
    pub(super) fn versatility(&self, agent: usize) -> i64 {
        (self.queues_of(agent).len() + self.agents[agent].user.skills.len()) as i64
    }

    /// Of the candidates, in order: those who are offered the call.
    pub(super) fn choose(
        &mut self,
        call: usize,
        candidates: Vec<usize>,
        most: usize,
    ) -> Vec<usize> {
        let plan = self.queues[self.calls[call].queue].config.plan.clone();
        if !plan.draws() {
            return candidates.into_iter().take(most).collect();
        }
        let (mut left, mut chosen) = (candidates, Vec::new());
        while chosen.len() < most && !left.is_empty() {
            let agent = self.draw_one(call, &plan, &left);
            left.retain(|other| *other != agent);
            chosen.push(agent);
        }
        chosen
    }

    /// One of those who are first alike.
    fn draw_one(&mut self, call: usize, plan: &queue::Plan, candidates: &[usize]) -> usize {
        let mut alike: Vec<usize> = candidates.to_vec();
        if !matches!(plan.order, Order::Random | Order::Weighted) {
            // What the order itself says, without the idle clock (its own of the longest idle).
            let key = |agent: &usize| {
                let (first, second, idle, _) = self.order_key(call, *agent);
                (first, second, if plan.order == Order::LongestIdle { idle } else { 0 })
            };
            let first = alike.iter().map(key).min();
            alike.retain(|agent| Some(key(agent)) == first);
        }
        // The queue's own members first, then those of the queues that the step adds.
        let sources = self.sources_of(call);
        let source = |agent: usize| {
            let from = self.member_of(call, agent);
            sources.iter().position(|queue| Some(*queue) == from)
        };
        alike.sort_unstable_by_key(|agent| (source(*agent), *agent));
        if alike.len() == 1 {
            return alike[0];
        }
        let mut weights: Vec<u64> = alike.iter().map(|a| self.weight(call, plan, *a)).collect();
        if weights.iter().sum::<u64>() == 0 {
            weights.fill(1);
        }
        let mut point = self.dice.below(weights.iter().sum());
        for (agent, weight) in alike.iter().zip(weights) {
            if point < weight {
                return *agent;
            }
            point -= weight;
        }
        unreachable!("a point of the line lies in a stretch of it")
    }

    fn weight(&self, call: usize, plan: &queue::Plan, agent: usize) -> u64 {
        match (plan.order, &plan.by) {
            (Order::Weighted, By::Stars) => {
                self.member_for(call, agent).map_or(0, |m| u64::from(m.stars))
            }
            (Order::Weighted, By::Skill(skill)) => {
                let level = self.agents[agent].user.skills.get(skill);
                level.map_or(0, |level| u64::from(level.unwrap_or(1_000)))
            }
            _ => 1,
        }
    }

    /// The number of an agent's present window in a queue; none is the number of two.
    fn window(&self, queue: usize, agent: usize) -> i64 {
        match self.queues[queue].config.plan.window {
            Window::Day => self.day,
            Window::Shift => -1 - self.agents[agent].shifts,
            Window::Rolling => i64::MIN,
        }
    }

    /// An agent offerable for the first time in a window starts at the lowest count of the others.
    pub(super) fn start_counts(&mut self) {
        for queue in 0..self.queues.len() {
            if unit(&self.queues[queue].config) == 2 {
                self.note_occupancies(queue);
                continue;
            }
            if !self.queues[queue].config.plan.order.counts() {
                continue;
            }
            for i in 0..self.queues[queue].members.len() {
                let agent = self.queues[queue].members[i].agent;
                if self.queues[queue].members[i].count.is_some() || !self.offerable(queue, agent) {
                    continue;
                }
                let lowest = self.queues[queue]
                    .members
                    .iter()
                    .filter(|m| m.agent != agent && self.agents[m.agent].status != Status::Offline)
                    .filter_map(|m| m.count)
                    .min();
                self.add(queue, agent, lowest.unwrap_or(0), None);
            }
        }
    }

    fn add(&mut self, queue: usize, agent: usize, n: i64, offer: Option<usize>) {
        let at = self.now;
        let rolls = self.queues[queue].config.plan.window == Window::Rolling;
        let mut members = self.queues[queue].members.iter_mut();
        let Some(member) = members.find(|m| m.agent == agent) else { return };
        member.count = Some(member.count.unwrap_or(0) + n);
        if rolls && (n > 0 || offer.is_some()) {
            member.rolling.push(Counted { at, offer, n });
        }
    }

    /// What was counted for a member, in the unit of the call's queue: a number of calls says nothing
    /// where the time with callers is compared.
    pub(super) fn counted_for(&self, call: usize, agent: usize, member: &Member) -> i64 {
        let unit = |queue: usize| unit(&self.queues[queue].config);
        let same = |from: usize| unit(from) == unit(self.calls[call].queue);
        let count = member.count.filter(|_| self.member_of(call, agent).is_some_and(same));
        count.unwrap_or(0)
    }

    /// Counts an offer for its pair, or takes that back, within its window.
    pub(super) fn count(&mut self, offer: usize, by: i64) {
        let (queue, agent) = (self.offers[offer].through, self.offers[offer].agent);
        let window = self.window(queue, agent);
        if by > 0 {
            if unit(&self.queues[queue].config) == 0 {
                self.offers[offer].counted_in = Some(window);
                self.add(queue, agent, by, Some(offer));
            }
            return;
        }
        if self.offers[offer].counted_in.take() != Some(window) {
            return;
        }
        let rolls = self.queues[queue].config.plan.window == Window::Rolling;
        let mut members = self.queues[queue].members.iter_mut();
        let Some(member) = members.find(|m| m.agent == agent) else { return };
        let before = member.rolling.len();
        member.rolling.retain(|counted| counted.offer != Some(offer));
        // Who has not begun in this window has nothing to take back.
        if !rolls || member.rolling.len() < before {
            member.count = member.count.map(|count| (count + by).max(0));
        }
    }

    /// An agent's part in a call is over.
    pub(super) fn talked(&mut self, call: usize, agent: usize) {
        let queue = self.calls[call].queue;
        let answered = |o: &&super::Offer| {
            (o.call, o.agent, o.queue) == (call, agent, queue) && o.ending == Some(Ending::Answered)
        };
        let queue = self.offers.iter().rev().find(answered).map_or(queue, |o| o.through);
        if self.queues[queue].config.plan.order == Order::LeastTalk {
            let ms = self.now.since(self.calls[call].connected_at);
            self.add(queue, agent, ms as i64, None);
        }
    }

    /// The idle clock begins anew, where this is what sets it.
    pub(super) fn idle_anew(&mut self, agent: usize, by: IdleClock) {
        if self.account.idle_clock == by {
            self.agents[agent].idle_since = self.now;
        }
    }

    /// What leaves windows of 24 hours first, by queue.
    pub(super) fn leaving(&self, agent: usize) -> Vec<(usize, Millis)> {
        let first = |queue: usize| {
            let rolling = &self.member(queue, agent)?.rolling;
            Some((queue, rolling.iter().map(|counted| counted.at).min()?.plus(ROLLING_MS)))
        };
        (0..self.queues.len()).filter_map(first).collect()
    }

    pub(super) fn slide(&mut self, agent: usize, queue: usize) {
        let now = self.now;
        for member in self.queues[queue].members.iter_mut().filter(|m| m.agent == agent) {
            let gone = |counted: &Counted| counted.at.plus(ROLLING_MS) <= now;
            let n: i64 = member.rolling.iter().filter(|c| gone(c)).map(|c| c.n).sum();
            member.rolling.retain(|counted| !gone(counted));
            member.count = member.count.map(|count| count - n);
        }
    }

    /// Before a status is set: what begins with a log-on.
    pub(super) fn logs_on(&mut self, agent: usize, status: Status) {
        let a = &self.agents[agent];
        if a.status != Status::Offline || status == Status::Offline {
            return;
        }
        let long = self.now.since(a.status_at) >= ROLLING_MS;
        self.agents[agent].shifts += 1;
        self.agents[agent].logged_on_at = self.now;
        for queue in &mut self.queues {
            let anew = match queue.config.plan.window {
                Window::Day => false,
                Window::Shift => true,
                Window::Rolling => long,
            };
            for member in queue.members.iter_mut().filter(|m| m.agent == agent && anew) {
                member.count = None;
                member.rolling.clear();
            }
        }
    }

    /// Another configuration of a queue; where it counts otherwise, all begin anew.
    pub(super) fn change_queue(&mut self, queue: usize, config: objects::Queue) {
        self.seen_anew(Some(queue), None);
        let old = std::mem::replace(&mut self.queues[queue].config, Rc::new(config));
        let new = self.queues[queue].config.clone();
        if old.plan.window == new.plan.window && unit(&old) == unit(&new) {
            return;
        }
        for member in &mut self.queues[queue].members {
            member.count = None;
            member.rolling.clear();
        }
        for offer in self.offers.iter_mut().filter(|o| o.through == queue) {
            if offer.ending.is_none() || offer.ending == Some(Ending::Answered) {
                offer.counted_in = None;
            }
        }
    }
}

/// What an order counts: offers, time with callers, or occupancy.
fn unit(config: &objects::Queue) -> u8 {
    match config.plan.order {
        Order::LeastTalk => 1,
        Order::LeastOccupied => 2,
        _ => 0,
    }
}
