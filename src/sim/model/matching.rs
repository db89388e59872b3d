//! Sections 3 to 6: what a call requires, who fits, which call first, which agent first.

use super::{Member, Model, State};
use crate::domain::objects::queue::{NobodyWhen, Order};
use crate::domain::objects::{SkillNeed, queue::Exit};
use crate::domain::presence::Status;
use std::cmp::Reverse;

impl Model {
    /// Until nothing changes: next statuses, exits that are due, then offers by claim, then the
    /// exits that are judged when nobody was found.
    pub(super) fn settle(&mut self) {
        while self.take_next()
            || self.take_due_exit()
            || self.ring_picked()
            || self.match_once()
            || self.judge()
        {}
    }

    fn match_once(&mut self) -> bool {
        self.start_counts();
        self.leave_after_the_pass() || self.offer_first_claim()
    }

    /// Lower is served first.
    pub(super) fn rank(&self, call: usize) -> i64 {
        let c = &self.calls[call];
        c.entered_at.0 - i64::from(self.priority(call)) * 60_000
    }

    pub(super) fn priority(&self, call: usize) -> i32 {
        let c = &self.calls[call];
        c.priority.0 + c.priority.1 + self.queues[c.queue].config.priority
    }

    fn claim(&self, call: usize) -> (Reverse<i32>, i64, usize) {
        (Reverse(self.queues[self.calls[call].queue].config.weight), self.rank(call), call)
    }

    pub(super) fn waiting(&self) -> Vec<usize> {
        (0..self.calls.len()).filter(|c| self.calls[*c].state == State::Waiting).collect()
    }

    /// Frozen, or arrived in a replay: neither offers nor exits.
    pub(super) fn stands_still(&self, call: usize) -> bool {
        let c = &self.calls[call];
        c.frozen_until.is_some() || c.replay_until.is_some()
    }

    fn has_gap(&self, call: usize) -> bool {
        let c = &self.calls[call];
        self.parked.iter().any(|p| {
            p.report.subject == c.name && self.switch_named(&p.report.switch) == Some(c.switch)
        })
    }

    /// Nothing is offered for this call now, whoever is free (12.3, first codes).
    fn held_back(&self, call: usize) -> bool {
        self.is_silent(call)
            || self.calls[call].callback.as_ref().is_some_and(|c| c.not_before.is_some())
            || self.calls[call].exit_due.is_some()
            || self.calls[call].picked.is_some()
            || self.total_left(call) == Some(0)
    }

    /// Its switch cannot be told to ring anybody.
    pub(super) fn is_silent(&self, call: usize) -> bool {
        self.stands_still(call)
            || self.has_gap(call)
            || self.switches[self.calls[call].switch].suspected
    }

    /// A round must first end: its cancelled legs, and with a switch that cannot add one, all.
    pub(super) fn round_open(&self, call: usize) -> bool {
        let adds = self.switches[self.calls[call].switch].can.adds_leg;
        self.calls[call].closing_until.is_some()
            || (!adds && self.open_offers(call).iter().any(|o| !self.offers[*o].at_desk))
    }

    /// How many offers the switch still allows, the last kept back; `None` = any.
    pub(super) fn legs_left(&self, call: usize) -> Option<u32> {
        let c = &self.calls[call];
        let at_most = self.switches[c.switch].can.offers_per_call?;
        Some(at_most.saturating_sub(1).saturating_sub(c.legs))
    }

    fn attempts_left(&self, call: usize) -> Option<u32> {
        let c = &self.calls[call];
        Some(self.queues[c.queue].config.plan.attempts?.saturating_sub(c.attempts))
    }

    /// Free places of `max_ringing`; `None` = any.
    fn places(&self, queue: usize) -> Option<u32> {
        let open = self.offers_where(|o| o.queue == queue).len() as u32;
        Some(self.queues[queue].config.max_ringing?.saturating_sub(open))
    }

    /// How many offers the plan allows this call now.
    fn room(&self, call: usize) -> u32 {
        if self.held_back(call) || self.round_open(call) {
            return 0;
        }
        let queue = self.calls[call].queue;
        let open = self.open_offers(call).len() as u32;
        let width = self.width(call).map(|width| width.saturating_sub(open));
        [width, self.places(queue), self.legs_left(call), self.attempts_left(call)]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(u32::MAX)
    }

    /// What a call requires: the higher min and the lower max of each skill.
    fn needs(&self, call: usize) -> Vec<SkillNeed> {
        let c = &self.calls[call];
        let step = self.step(call).map(|s| s.skills).unwrap_or_default();
        let mut needs: Vec<SkillNeed> = Vec::new();
        for need in c.skills.0.iter().chain(&c.skills.1).chain(&step) {
            match needs.iter_mut().find(|n| n.skill == need.skill) {
                None => needs.push(need.clone()),
                Some(there) => {
                    there.min = there.min.max(need.min);
                    there.max = match (there.max, need.max) {
                        (Some(a), Some(b)) => Some(a.min(b)),
                        (a, b) => a.or(b),
                    };
                }
            }
        }
        needs
    }

    fn level(&self, agent: usize, skill: &str) -> Option<u16> {
        self.agents[agent].user.skills.get(skill).map(|level| level.unwrap_or(1_000))
    }

    /// Whether an agent is a member for this call and has what its step requires.
    pub(super) fn fits(&self, call: usize, agent: usize) -> bool {
        let Some(member) = self.member_for(call, agent) else { return false };
        let step = self.step(call).iter().all(|step| {
            let named = format!("usr_{}", self.agents[agent].name);
            step.stars_min.is_none_or(|stars| member.stars >= stars)
                && step.agents.as_ref().is_none_or(|agents| agents.contains(&named))
        });
        step && self.needs(call).iter().all(|need| {
            self.level(agent, &need.skill)
                .is_some_and(|level| level >= need.min && need.max.is_none_or(|max| level <= max))
        })
    }

    pub(super) fn member_for(&self, call: usize, agent: usize) -> Option<&Member> {
        let queue = self.member_of(call, agent)?;
        self.queues[queue].members.iter().find(|m| m.agent == agent)
    }

    /// Offerable members who fit and whom this call does not ring already, tried or not.
    fn fitting(&self, call: usize) -> Vec<usize> {
        let mut members: Vec<_> = (0..self.agents.len()).collect();
        members.retain(|agent| {
            self.fits(call, *agent)
                && self.offerable_for(call, *agent)
                && self.offers_where(|o| o.call == call && o.agent == *agent).is_empty()
        });
        members
    }

    /// The candidates in the queue's order; while the call waits for one, that one.
    fn candidates(&self, call: usize) -> Vec<usize> {
        let mut agents = self.fitting(call);
        agents.retain(|agent| !self.calls[call].tried.contains(agent));
        if let Some((preferred, _)) = self.calls[call].hold {
            agents.retain(|agent| *agent == preferred);
        }
        agents.sort_by_key(|agent| self.order_key(call, *agent));
        agents
    }

    /// Section 4: lower is first; ties in longest idle, then the agent's number.
    pub(super) fn order_key(&self, call: usize, agent: usize) -> (i64, i64, i64, usize) {
        let queue = &self.queues[self.calls[call].queue];
        let idle = self.agents[agent].idle_since.0;
        let Some(member) = self.member_for(call, agent) else {
            return (i64::MAX, i64::MAX, idle, agent);
        };
        let (first, second) = match queue.config.plan.order {
            Order::LongestIdle => (0, 0),
            Order::LeastCalls | Order::LeastTalk | Order::LeastOccupied => {
                (self.counted_for(call, agent, member), 0)
            }
            Order::InOrder => {
                let past =
                    self.calls[call].cursor.is_some_and(|last| (member.position, agent) <= last);
                (i64::from(past), i64::from(member.position))
            }
            Order::Stars => {
                let stars = if queue.config.competency { i64::from(member.stars) } else { 0 };
                (-stars, -self.levels(call, agent))
            }
            Order::RoundRobin => {
                let past = queue.last.is_some_and(|last| (member.position, agent) <= last);
                return (i64::from(past), i64::from(member.position), 0, agent);
            }
            Order::LeastVersatile => (self.versatility(agent), 0),
            // Drawn: the order is that of the line.
            Order::Random | Order::Weighted => return (0, 0, 0, agent),
        };
        (first, second, idle, agent)
    }

    /// The sum of the required skills' levels, each scaled to 0…1,000 of its skill's range.
    fn levels(&self, call: usize, agent: usize) -> i64 {
        self.needs(call)
            .iter()
            .map(|need| {
                let level = i64::from(self.level(agent, &need.skill).unwrap_or(0));
                match self.skills.iter().find(|(id, _)| *id == need.skill) {
                    Some((_, skill)) if level < 1_000 && skill.max > skill.min => {
                        let (min, max) = (i64::from(skill.min), i64::from(skill.max));
                        (level - min).max(0) * 1_000 / (max - min)
                    }
                    _ => 1_000,
                }
            })
            .sum()
    }

    /// When all who could be rung were tried: the instant from which they may be again.
    pub(super) fn pass_over(&self, call: usize) -> bool {
        let c = &self.calls[call];
        let fitting = self.fitting(call);
        c.state == State::Waiting
            && !self.held_back(call)
            && !fitting.is_empty()
            && fitting.iter().all(|agent| c.tried.contains(agent))
    }

    /// All were tried, and the spacing since the pass began has passed.
    fn may_begin_pass(&self, call: usize) -> bool {
        let plan = &self.queues[self.calls[call].queue].config.plan;
        let began = self.calls[call].pass_began.unwrap_or(self.now);
        // At its very instant the deadline must have been met.
        let spaced = plan.again_after_ms == 0 || began.plus(plan.again_after_ms) < self.now;
        plan.again && (spaced || self.calls[call].pass_spaced) && self.pass_over(call)
    }

    /// Without another pass a call leaves when all were tried.
    fn leave_after_the_pass(&mut self) -> bool {
        for call in self.waiting() {
            let again = self.queues[self.calls[call].queue].config.plan.again;
            if !again && self.pass_over(call) && self.open_offers(call).is_empty() {
                self.exit(call, Exit::Missed);
                return true;
            }
        }
        false
    }

    /// Gives the call of the first claim all the offers that its plan allows now.
    fn offer_first_claim(&mut self) -> bool {
        let mut calls = self.waiting();
        calls.retain(|call| {
            self.room(*call) > 0
                && (!self.candidates(*call).is_empty() || self.may_begin_pass(*call))
        });
        let Some(call) = calls.into_iter().min_by_key(|call| self.claim(*call)) else {
            return false;
        };
        if self.candidates(call).is_empty() {
            // A pass begins with its first offer.
            self.calls[call].tried.clear();
            self.calls[call].pass_began = Some(self.now);
            self.calls[call].pass_spaced = false;
        }
        let candidates = self.candidates(call);
        let places = self.places(self.calls[call].queue);
        let crowded = places.is_some_and(|places| candidates.len() as u64 > u64::from(places));
        for agent in self.choose(call, candidates, self.room(call) as usize) {
            self.make_offer(call, agent, crowded, false);
        }
        true
    }

    /// Exits that waited for open offers, and those of spent offers.
    fn take_due_exit(&mut self) -> bool {
        for call in self.waiting() {
            let picked = self.calls[call].picked.is_some();
            if self.stands_still(call) || picked || !self.open_offers(call).is_empty() {
                continue;
            }
            let exit = self.calls[call].exit_due.or_else(|| {
                if self.calls[call].direct.is_some() {
                    Some(Exit::Unattended)
                } else if self.legs_left(call) == Some(0) {
                    Some(Exit::Exhausted)
                } else if self.attempts_left(call) == Some(0) {
                    Some(Exit::Missed)
                } else {
                    None
                }
            });
            if let Some(exit) = exit {
                // At the very end of `total` that is the exit, however the last ring was timed.
                let over = self.total_left(call) == Some(0);
                self.exit(call, if over { Exit::Total } else { exit });
                return true;
            }
        }
        false
    }

    /// `max_waiting` at the door, `nobody` at any time, for calls without an open offer.
    fn judge(&mut self) -> bool {
        for call in self.waiting() {
            if self.stands_still(call) || self.has_gap(call) {
                continue;
            }
            let entering = std::mem::take(&mut self.calls[call].entering);
            let c = &self.calls[call];
            let leaves_later = c.exit_due.is_some() || c.picked.is_some() || self.calls_back(call);
            if !self.open_offers(call).is_empty() || leaves_later {
                continue;
            }
            let queue = self.calls[call].queue;
            let exits = self.queues[queue].config.exits.clone();
            let waiting = self.waiting().iter().filter(|c| self.calls[**c].queue == queue).count();
            if entering && exits.max_waiting.is_some_and(|most| waiting as u64 > u64::from(most)) {
                self.exit(call, Exit::MaxWaiting);
                return true;
            }
            if self.nobody(queue, exits.nobody) {
                self.exit(call, Exit::Nobody);
                return true;
            }
        }
        false
    }

    /// Agents within the lease's grace count.
    fn nobody(&self, queue: usize, when: NobodyWhen) -> bool {
        let mut members = self.queues[queue].members.iter().map(|m| m.agent);
        match when {
            NobodyWhen::Off => false,
            NobodyWhen::LoggedIn => members.all(|a| self.agents[a].status == Status::Offline),
            NobodyWhen::Offerable => members.all(|a| !self.offerable_as_if_connected(queue, a)),
        }
    }
}
