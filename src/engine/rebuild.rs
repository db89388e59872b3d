//! Derived tables from the state alone: at a start, after the snapshot was read.

use super::Engine;
use super::derived::{Derived, Extension};
use super::evolve::grow;
use super::evolve_directory::list;
use super::refresh::class;
use super::state::Stage;
use crate::domain::ids::{AgentIx, SwitchIx};
use std::cmp::Reverse;
use std::collections::BTreeSet;

impl Engine {
    /// Makes all derived tables anew.
    pub(super) fn rebuild(&mut self) {
        let state = &self.state;
        let mut d = Derived::default();
        grow(&mut d, state.queues.len());
        d.pairs.resize_with(state.agents.len(), Vec::new);
        d.switch_calls.resize_with(state.switches.len(), BTreeSet::new);
        for (i, skill) in state.skills.iter().enumerate().filter(|(_, s)| s.value.is_some()) {
            d.skills.insert(skill.id.clone(), crate::domain::ids::SkillIx(i as u32));
        }
        for queue in state.queues.iter().filter(|q| !q.deleted && Some(q.ix) != state.direct_line) {
            d.queues.insert(queue.id.clone(), queue.ix);
            if let Some(extension) = &queue.config.extension {
                d.extensions.insert(extension.clone(), Extension::Group(queue.ix));
            }
        }
        for switch in state.switches.iter().filter(|s| !s.deleted) {
            d.switches.insert(switch.id.clone(), switch.ix);
        }
        for (id, route) in &state.routes {
            if let Some(route) = &route.value {
                d.numbers.insert(route.number.clone(), id.clone());
            }
        }
        for (_, event) in &state.heard {
            d.heard.insert(*event, ());
        }
        for agent in &state.agents {
            d.users.insert(agent.id.clone(), agent.ix);
            list(state, &mut d, &self.vault, agent.ix);
        }
        for (id, call) in state.calls.sorted() {
            d.subjects.insert((call.switch, call.subject.clone()), *id);
            for offer in &call.offers {
                d.offers.insert(offer.id, *id);
                if offer.closed.is_none() {
                    d.index[offer.queue.at()].ringing += 1;
                    d.deadlines.push(Reverse((offer.until, class::OFFER, offer.id.0)));
                }
            }
            if !call.is_ended() {
                d.switch_calls[call.switch.at()].insert(*id);
            }
            if let (Stage::Connected, Some(queue)) = (call.stage, call.queue) {
                d.index[queue.at()].talking += 1;
            }
        }
        super::steps::note_who_prefers(state, &mut d);
        for (key, agent) in &state.last_agents {
            super::steps::recall(&mut d, &self.vault, *key, *agent);
        }
        d.touched.stale_calls = state.calls.keys();
        d.touched.stale_agents = (0..state.agents.len()).rev().map(|i| AgentIx(i as u32)).collect();
        self.derived = d;
        for ix in 0..self.state.switches.len() {
            super::deadlines::arm_switch(&self.state, &mut self.derived, SwitchIx(ix as u32));
        }
        self.refresh();
        self.settle_pending();
        self.derived.touched = Default::default();
        for ix in self.state.queues.iter().filter(|q| !q.deleted).map(|q| q.ix) {
            let row = self.queue_row(ix);
            self.derived.index[ix.at()].shown = Some(row);
        }
    }
}
