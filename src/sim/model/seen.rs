//! The model's side of what is compared between two inputs.

use super::{LINE, Model, State};
use crate::domain::presence::Presence;
use crate::sim::view::{self, View};

impl Model {
    /// Every pair, agent, queue and call, as lines.
    #[must_use]
    pub fn view(&self) -> View {
        let mut lines = Vec::new();
        for agent in 0..self.agents.len() {
            lines.push(self.agent_line(agent));
            for queue in self.queues_of(agent) {
                lines.push(view::pair_line(
                    &self.agents[agent].name,
                    &self.queues[queue].name,
                    self.pair_presence(queue, agent),
                    self.detail(agent, Some(queue)),
                    self.blocked_by(queue, agent),
                ));
            }
        }
        for queue in LINE + 1..self.queues.len() {
            lines.push(self.queue_line(queue));
        }
        for call in 0..self.calls.len() {
            if self.calls[call].state != State::Ended {
                lines.push(self.call_line(call));
            }
        }
        lines.sort();
        lines
    }

    fn agent_line(&self, agent: usize) -> String {
        let a = &self.agents[agent];
        let mut calls: Vec<_> =
            self.connected_to(agent).iter().map(|c| self.calls[*c].name.clone()).collect();
        calls.sort();
        view::agent_line(&view::AgentSeen {
            name: &a.name,
            status: a.status,
            next: a.next.as_ref().map(|n| n.status),
            forced: a.forced_by.is_some(),
            presence: self.agent_presence(agent),
            offerable: self.queues_of(agent).iter().any(|q| self.offerable(*q, agent)),
            detail: self.detail(agent, None),
            calls: &calls,
        })
    }

    fn queue_line(&self, queue: usize) -> String {
        let q = &self.queues[queue];
        let mut waiting: Vec<_> =
            self.waiting().into_iter().filter(|c| self.calls[*c].queue == queue).collect();
        let oldest = waiting.iter().map(|c| self.calls[*c].queued_at).min();
        waiting.sort_by_key(|c| (self.rank(*c), *c));
        let order: Vec<_> = waiting.iter().map(|c| self.calls[*c].name.clone()).collect();
        let talking =
            self.calls.iter().filter(|c| c.queue == queue && c.state == State::Connected).count();
        let count = |presence: Presence| {
            q.members.iter().filter(|m| self.pair_presence(queue, m.agent) == presence).count()
        };
        view::queue_line(&view::QueueSeen {
            name: &q.name,
            waiting: order.len(),
            order: &order,
            oldest,
            ringing: self.offers_where(|o| o.queue == queue).len(),
            talking,
            agents: [
                count(Presence::Available),
                count(Presence::OptedOut),
                count(Presence::Busy),
                count(Presence::Offline),
            ],
            offerable: q.members.iter().filter(|m| self.offerable(queue, m.agent)).count(),
            today: q.today,
        })
    }

    fn call_line(&self, call: usize) -> String {
        let c = &self.calls[call];
        let offers: Vec<_> = self
            .open_offers(call)
            .iter()
            .map(|o| self.agents[self.offers[*o].agent].name.clone())
            .collect();
        let agent = match c.state {
            State::Connected => {
                c.parties.last().map(|party| self.agents[party.agent].name.as_str())
            }
            _ => None,
        };
        view::call_line(&view::CallSeen {
            name: &c.name,
            queue: if c.queue == LINE { "-" } else { &self.queues[c.queue].name },
            entered_at: c.entered_at,
            queued_at: c.queued_at,
            rank: self.rank(call),
            agent,
            offers: &offers,
        })
    }

    /// For the maker of histories: live calls by name and switch, with whether an agent has them.
    #[must_use]
    pub fn live_calls(&self) -> Vec<(String, String, bool)> {
        self.calls
            .iter()
            .filter(|c| c.state != State::Ended)
            .map(|c| {
                let connected = c.state != State::Waiting;
                (c.name.clone(), self.switches[c.switch].name.clone(), connected)
            })
            .collect()
    }

    /// For the maker of histories: offers, newest first: call, its switch, agent, whether open.
    #[must_use]
    pub fn latest_offers(&self) -> Vec<(String, String, String, bool)> {
        self.offers
            .iter()
            .rev()
            .take(12)
            .map(|o| {
                let call = &self.calls[o.call];
                (
                    call.name.clone(),
                    self.switches[call.switch].name.clone(),
                    self.agents[o.agent].name.clone(),
                    o.ending.is_none(),
                )
            })
            .collect()
    }

    /// For the maker of histories: wrap-ups that run, by call and agent.
    #[must_use]
    pub fn wrap_ups(&self) -> Vec<(String, String)> {
        self.agents
            .iter()
            .flat_map(|a| {
                a.wrap_ups.iter().map(|w| (self.calls[w.call].name.clone(), a.name.clone()))
            })
            .collect()
    }
}
