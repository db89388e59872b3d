//! Section 4: occupancy, as of becoming offerable.

use super::Model;
use crate::domain::formulas::occupancy_ppm;
use crate::domain::objects::queue::{Needs, Order, Window};
use crate::domain::presence::Status;
use crate::domain::time::Millis;

/// What an agent did from an instant on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    Handling,
    Free(Status),
}

impl Model {
    /// Whoever has become offerable is compared by the occupancy as of now.
    pub(super) fn note_occupancies(&mut self, queue: usize) {
        for i in 0..self.queues[queue].members.len() {
            let agent = self.queues[queue].members[i].agent;
            let offerable = self.offerable(queue, agent);
            let was = std::mem::replace(&mut self.queues[queue].members[i].offerable, offerable);
            if offerable && !was {
                let occupancy = self.occupancy(queue, agent);
                self.queues[queue].members[i].count = Some(occupancy);
            }
        }
    }

    fn occupancy(&self, queue: usize, agent: usize) -> i64 {
        let config = &self.queues[queue].config;
        let from = match config.plan.window {
            Window::Day => Millis(self.day * 86_400_000),
            Window::Shift => self.agents[agent].logged_on_at,
            Window::Rolling => Millis(self.now.0 - 86_400_000),
        };
        let done = &self.agents[agent].done;
        let (mut handling, mut idle) = (0, 0);
        for (i, (since, doing)) in done.iter().enumerate() {
            let until = done.get(i + 1).map_or(self.now, |(next, _)| *next);
            let ms = until.since((*since).max(from));
            match doing {
                Doing::Handling => handling += ms,
                Doing::Free(Status::Ready) => idle += ms,
                Doing::Free(Status::Online) if config.needs == Needs::Online => idle += ms,
                Doing::Free(_) => {}
            }
        }
        i64::from(occupancy_ppm(handling, idle))
    }

    /// After each input: what everybody does, while a queue of theirs asks for it.
    pub(super) fn note_work(&mut self) {
        for agent in 0..self.agents.len() {
            let asked = self
                .queues_of(agent)
                .iter()
                .any(|q| self.queues[*q].config.plan.order == Order::LeastOccupied);
            let doing = if self.is_on_call_or_wrapping_up(agent) {
                Doing::Handling
            } else {
                Doing::Free(self.agents[agent].status)
            };
            let done = &mut self.agents[agent].done;
            if !asked {
                done.clear();
            } else if done.last().is_none_or(|(_, last)| *last != doing) {
                done.push((self.now, doing));
            }
        }
    }

    /// A changed agent, membership or queue is looked at anew.
    pub(super) fn seen_anew(&mut self, queue: Option<usize>, agent: Option<usize>) {
        for (i, q) in self.queues.iter_mut().enumerate() {
            for member in &mut q.members {
                if queue.is_none_or(|queue| queue == i) && agent.is_none_or(|a| a == member.agent) {
                    member.offerable = false;
                }
            }
        }
    }
}
