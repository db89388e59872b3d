//! Who listens to a call, or speaks in it, without having it: monitor, whisper, barge in, take over.
//!
//! The engine decides who may and tells the switch, which rings the supervisor's phone. It remembers
//! who was let in, so that they are put out when the call goes to other hands; the right was to those
//! who had it. What the supervisor's phone does with it takes nothing from the supervisor's capacity.

use super::Engine;
use super::derived::Derived;
use super::evolve_calls::tell_call;
use super::permission::require;
use super::state::{Call, Stage, State, Tell};
use crate::domain::event::Event;
use crate::domain::ids::{AgentIx, CallId};
use crate::domain::input::{Actor, Answer};
use crate::domain::problem::Problem;
use crate::domain::rights::Permission;
use crate::domain::switching::{Effect, SuperviseMode};
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Who supervises a call, and how.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Supervision {
    /// Which call.
    pub call: CallId,
    /// Who.
    pub agent: AgentIx,
    /// How; never `none`.
    pub mode: SuperviseMode,
    /// Since when it has been asked for so.
    pub since: Millis,
}

impl Engine {
    /// `POST …/calls/{call}/supervise`
    pub(super) fn supervise(
        &mut self,
        actor: &Actor,
        id: CallId,
        mode: SuperviseMode,
    ) -> Result<Answer, Problem> {
        let call = self.supervised(actor, id)?;
        let own = self.actor_ix(actor);
        if !self.may_monitor_all(actor, call) {
            return Err(Problem::forbidden(Permission::Monitor.word()));
        }
        let switch = self.state.switch(call.switch);
        if !switch.config.capabilities.supervise {
            let detail = format!("the switch {} has not the capability \"supervise\"", switch.id);
            return Err(Problem::conflict("unsupported", detail));
        }
        let Some(agent) = own.filter(|ix| self.state.agent(*ix).has_endpoint) else {
            let detail = "you have no endpoint on which to be joined with the call";
            return Err(Problem::conflict("no_way_to_ring", detail));
        };
        if self.supervision(id, agent).is_none_or(|told| told.mode != mode) {
            let by = actor.name.clone();
            self.emit(Event::SuperviseAsked { call: id, agent, mode, by });
        }
        self.supervised_answer(id)
    }

    /// `DELETE …/calls/{call}/supervise`: one's own, whatever one may by now.
    pub(super) fn supervise_no_more(
        &mut self,
        actor: &Actor,
        id: CallId,
    ) -> Result<Answer, Problem> {
        let missing = || Problem::not_found("call that you supervise", &id.to_string());
        let is_on = |agent: &AgentIx| self.supervision(id, *agent).is_some();
        let Some(agent) = self.actor_ix(actor).filter(is_on) else {
            require(actor, Permission::Monitor)?;
            return Err(missing());
        };
        let by = Some(actor.name.clone());
        self.emit(Event::SuperviseEnded { call: id, agent, tell: true, by });
        self.supervised_answer(id)
    }

    fn supervised_answer(&self, id: CallId) -> Result<Answer, Problem> {
        let Answer::Done { body, version, .. } = self.read_call(id)? else {
            return Ok(Answer::Nothing);
        };
        Ok(Answer::Done { status: 202, version, body: self.with_supervisors(body, id) })
    }

    /// A call in sight with an agent and the customer on the line.
    fn supervised(&self, actor: &Actor, id: CallId) -> Result<&Call, Problem> {
        require(actor, Permission::Monitor)?;
        let seen = |call: &&Call| self.sees_call(actor, &self.sight(actor), call);
        let call = self.state.call(id).filter(seen);
        let call = call.ok_or_else(|| Problem::not_found("call", &id.to_string()))?;
        if call.stage == Stage::Connected && !call.is_dialing() {
            return Ok(call);
        }
        let detail = "only a call that is with an agent can be supervised";
        Err(Problem::conflict("not_connected", detail))
    }

    /// Whether one may monitor whoever else has the call; who has it alone monitors nobody there.
    fn may_monitor_all(&self, actor: &Actor, call: &Call) -> bool {
        let own = self.actor_ix(actor);
        let others = || call.legs.iter().map(|leg| leg.agent).filter(|ix| Some(*ix) != own);
        others().next().is_some() && others().all(|ix| self.may_monitor(actor, ix))
    }

    /// A call as who may monitor its agents is shown it.
    pub(super) fn shown_to(&self, actor: &Actor, id: CallId, body: Value) -> Value {
        let Some(call) = self.state.call(id) else { return body };
        if self.may_monitor_all(actor, call) { self.with_supervisors(body, id) } else { body }
    }

    fn with_supervisors(&self, mut body: Value, id: CallId) -> Value {
        let shown = |one: &Supervision| {
            json!({ "user": self.state.agent(one.agent).id, "mode": one.mode,
                "since": one.since.rfc3339() })
        };
        body["supervisors"] = self.supervisions(id).map(shown).collect();
        body
    }

    /// Who supervises a call.
    fn supervisions(&self, id: CallId) -> impl Iterator<Item = &Supervision> {
        self.state.supervisions.iter().filter(move |told| told.call == id)
    }

    fn supervision(&self, id: CallId, agent: AgentIx) -> Option<&Supervision> {
        self.supervisions(id).find(|told| told.agent == agent)
    }

    /// One is no longer on the line: the switch says so, or could not put them there.
    pub(super) fn supervisor_gone(&mut self, id: CallId, agent: AgentIx) {
        if self.supervision(id, agent).is_some() {
            self.emit(Event::SuperviseEnded { call: id, agent, tell: false, by: None });
        }
    }

    /// The call goes to other hands: nobody listens on. Who has taken it over is in it.
    pub(super) fn put_supervisors_out(&mut self, id: CallId, but: Option<AgentIx>) {
        let agents: Vec<AgentIx> = self.supervisions(id).map(|told| told.agent).collect();
        for agent in agents {
            let tell = but != Some(agent);
            self.emit(Event::SuperviseEnded { call: id, agent, tell, by: None });
        }
    }

    /// The command to the switch.
    pub(super) fn supervises(&self, ix: AgentIx, mode: SuperviseMode) -> Effect {
        let agent = self.state.agent(ix);
        let endpoint = self.vault.user(agent.personal).and_then(|values| values.endpoint.clone());
        Effect::CallSupervise {
            supervisor: agent.id.clone(),
            endpoint: endpoint.unwrap_or_else(|| "".into()),
            mode,
        }
    }
}

/// Applies an event about supervising; `false` when it is about something else.
pub fn evolve(state: &mut State, derived: &mut Derived, event: &Event) -> bool {
    match event {
        Event::SuperviseAsked { call, agent, mode, by: _ } => {
            let (call, agent, since) = (*call, *agent, state.at);
            state.supervisions.retain(|told| (told.call, told.agent) != (call, agent));
            state.supervisions.push(Supervision { call, agent, mode: *mode, since });
            tell_call(state, derived, call, Tell::Supervise { agent, mode: *mode });
        }
        Event::SuperviseEnded { call, agent, tell, by: _ } => {
            state.supervisions.retain(|told| (told.call, told.agent) != (*call, *agent));
            if *tell {
                let mode = SuperviseMode::None;
                tell_call(state, derived, *call, Tell::Supervise { agent: *agent, mode });
            }
        }
        _ => return false,
    }
    true
}
