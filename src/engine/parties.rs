//! Who has a call beside the one who answered it: attended transfers and conferences.

use super::Engine;
use super::state::{Call, Stage};
use crate::domain::event::Event;
use crate::domain::ids::{AgentIx, CallId};
use crate::domain::switching::EndedBy;

impl Engine {
    /// Another agent talks, too, and beyond the capacity if need be: a fact.
    pub(super) fn joins(&mut self, id: CallId, agent: AgentIx) {
        let Some(call) = self.in_conversation(id) else { return };
        if call.legs.iter().any(|leg| leg.agent == agent) {
            return;
        }
        self.wraps_up_no_more(id, agent);
        self.emit(Event::CallJoined { call: id, agent });
    }

    /// One of several agents, or of those who supervise it, has left: that agent's time with the call is over, and wrap-up follows.
    /// When the last one leaves the call is over.
    pub(super) fn leaves(&mut self, id: CallId, agent: AgentIx) {
        self.supervisor_gone(id, agent);
        let Some(call) = self.in_conversation(id) else { return };
        if !call.legs.iter().any(|leg| leg.agent == agent) {
            return;
        }
        if call.legs.len() == 1 {
            self.hung_up(id, EndedBy::Agent);
        } else {
            self.end_leg(id, agent);
        }
    }

    fn in_conversation(&self, id: CallId) -> Option<&Call> {
        self.state.call(id).filter(|call| call.stage == Stage::Connected && !call.is_dialing())
    }

    /// After an attended transfer: the other agents' parts are over, and this one has the call, perhaps
    /// already. Nobody wraps a call up that they have again.
    pub(super) fn hand_over(&mut self, id: CallId, agent: AgentIx) {
        let Some(call) = self.state.call(id) else { return };
        let others: Vec<AgentIx> =
            call.legs.iter().map(|leg| leg.agent).filter(|other| *other != agent).collect();
        let has_it = others.len() < call.legs.len();
        self.put_supervisors_out(id, Some(agent));
        for other in others {
            self.end_leg(id, other);
        }
        if !has_it {
            self.wraps_up_no_more(id, agent);
            self.emit(Event::CallHanded { call: id, agent });
        }
    }

    fn wraps_up_no_more(&mut self, id: CallId, agent: AgentIx) {
        if self.state.agent(agent).wrap_ups.iter().any(|run| run.call == id) {
            self.emit(Event::WrapUpEnded { call: id, agent, disposition: None });
        }
    }
}
