//! Section 6: steps by waiting time, members of other queues, preferred agents.

use super::{LINE, Model, State};
use crate::domain::objects::queue::QueueKind;
use crate::domain::objects::{SkipIf, Step, Target};
use crate::domain::presence::Status;
use crate::domain::time::Millis;

impl Model {
    /// The call's own steps, or its queue's.
    pub(super) fn steps_of(&self, call: usize) -> Vec<Step> {
        let c = &self.calls[call];
        // A direct call is for one, whatever it would require elsewhere.
        if c.queue == LINE {
            return Vec::new();
        }
        c.steps.clone().unwrap_or_else(|| self.queues[c.queue].config.steps.clone())
    }

    /// The step in force.
    pub(super) fn step(&self, call: usize) -> Option<Step> {
        self.steps_of(call).get(self.calls[call].step).cloned()
    }

    /// When a call has waited so long in its queue.
    fn waited_at(&self, call: usize, ms: u64) -> Millis {
        let c = &self.calls[call];
        c.queued_at.plus(ms).plus(c.away_ms)
    }

    /// The last step that is due by now.
    fn step_by_time(&self, call: usize) -> usize {
        let due = |s: &Step| self.waited_at(call, s.after_ms) <= self.now;
        self.steps_of(call).iter().rposition(due).unwrap_or(0)
    }

    pub(super) fn next_step_at(&self, call: usize) -> Option<Millis> {
        let steps = self.steps_of(call);
        let next = steps.get(self.calls[call].step + 1)?;
        Some(self.waited_at(call, next.after_ms))
    }

    pub(super) fn hold_ends_at(&self, call: usize) -> Option<Millis> {
        self.calls[call].hold.map(|(_, ms)| self.waited_at(call, ms))
    }

    /// The queue whose member an agent is for a call: the call's own, else the first of those that
    /// its step adds.
    pub(super) fn member_of(&self, call: usize, agent: usize) -> Option<usize> {
        let member = |q: &usize| self.queues[*q].members.iter().any(|m| m.agent == agent);
        self.sources_of(call).into_iter().find(member)
    }

    /// The queues whose members may take a call: its own first.
    pub(super) fn sources_of(&self, call: usize) -> Vec<usize> {
        let home = self.calls[call].queue;
        let also = self.step(call).map(|s| s.also).unwrap_or_default();
        let added = also.iter().filter_map(|target| self.added_queue(target));
        let same_media = |q: &usize| self.queues[*q].config.media == self.queues[home].config.media;
        std::iter::once(home).chain(added.filter(same_media)).collect()
    }

    pub(super) fn added_queue(&self, target: &Target) -> Option<usize> {
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
        self.queue_named(name).filter(|q| self.queues[*q].config.kind == kind)
    }

    /// A call has entered its queue: its first step begins, and the hold for a preferred agent.
    pub(super) fn begin_waiting(&mut self, call: usize) {
        self.begin_step(call, 0);
        self.begin_hold(call);
    }

    /// The next step is due, or later ones are already.
    pub(super) fn step_due(&mut self, call: usize) {
        let due = self.step_by_time(call).max(self.calls[call].step);
        self.begin_step(call, due);
    }

    /// A step begins; those that are to be skipped give way to the next.
    fn begin_step(&mut self, call: usize, step: usize) {
        self.calls[call].step = step;
        while self.is_skipped(call) {
            self.calls[call].step += 1;
        }
    }

    fn is_skipped(&self, call: usize) -> bool {
        let last = self.calls[call].step + 1 >= self.steps_of(call).len();
        let Some(skip_if) = self.step(call).and_then(|s| s.skip_if).filter(|_| !last) else {
            return false;
        };
        let mut fit = (0..self.agents.len()).filter(|agent| self.fits(call, *agent));
        match skip_if {
            SkipIf::NobodyLoggedIn => fit.all(|a| self.agents[a].status == Status::Offline),
            SkipIf::NobodyOfferable => fit.all(|a| !self.offerable_for(call, a)),
        }
    }

    /// Whether an agent could be offered calls as the member that they are for this call.
    pub(super) fn offerable_for(&self, call: usize, agent: usize) -> bool {
        self.member_of(call, agent).is_some_and(|queue| self.offerable(queue, agent))
    }

    fn begin_hold(&mut self, call: usize) {
        let c = &self.calls[call];
        let Some(preferred) =
            c.preferred.clone().or_else(|| self.queues[c.queue].config.preferred.clone())
        else {
            return;
        };
        let agent = match &preferred.agent {
            Some(id) => id.strip_prefix("usr_").and_then(|name| self.agent_named(name)),
            None => {
                let of_caller = |(from, _): &&(String, usize)| *from == c.from;
                self.last_agents.iter().rev().find(of_caller).map(|(_, agent)| *agent)
            }
        };
        let there = |a: &usize| self.fits(call, *a) && self.agents[*a].status != Status::Offline;
        let agent = agent.filter(there);
        self.calls[call].hold = agent.map(|agent| (agent, preferred.hold_for_ms));
    }

    /// Remembers who had the caller, while some queue asks for it.
    pub(super) fn note_last_agent(&mut self, call: usize, agent: usize) {
        let asked = |q: &super::Queue| {
            q.config.preferred.as_ref().is_some_and(|preferred| preferred.agent.is_none())
        };
        if self.queues.iter().any(asked) {
            self.last_agents.push((self.calls[call].from.clone(), agent));
        }
    }

    /// Changed steps are counted anew from the calls' entry into the queue; nothing is skipped.
    pub(super) fn steps_changed(&mut self, queue: usize) {
        for call in 0..self.calls.len() {
            let c = &self.calls[call];
            if c.state == State::Waiting && c.queue == queue && c.steps.is_none() {
                self.calls[call].step = self.step_by_time(call);
            }
        }
    }
}
