//! Messages from supervisors to agents: shown at the desk until the agent says that it was read.

use super::Engine;
use super::permission::require;
use super::refresh::touch_agent;
use super::state::State;
use crate::domain::event::Event;
use crate::domain::ids::{AgentIx, Name};
use crate::domain::input::{Actor, Answer};
use crate::domain::problem::Problem;
use crate::domain::rights::Permission;
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Messages that are kept; the oldest go first, read or not.
const KEPT: usize = 1_000;

/// A message that was sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Message {
    /// The number of its record.
    pub seq: u64,
    /// When.
    pub at: Millis,
    /// Who sent it.
    pub by: Name,
    /// What it says.
    pub text: String,
    /// To how many.
    pub to: u32,
}

/// A message's id on the wire.
fn wire_id(seq: u64) -> String {
    format!("msg_{seq}")
}

impl Engine {
    /// `POST …/agents/bulk/notify`: who is no user here is told so, the others get it.
    pub(super) fn notify(
        &mut self,
        actor: &Actor,
        users: Option<&[String]>,
        text: &str,
    ) -> Result<Answer, Problem> {
        require(actor, Permission::Steer)?;
        let mut results = Vec::new();
        let mut agents: Vec<AgentIx> = Vec::new();
        let mut whole = true;
        let all: Vec<String>;
        let users = match users {
            Some(users) => users,
            None => {
                let kept = self.state.agents.iter().filter(|a| a.user.may_work());
                let kept = kept.filter(|a| self.may_steer(actor, a.ix));
                all = kept.map(|a| a.id.to_string()).collect();
                &all
            }
        };
        for user in users {
            match self.steered(actor, user) {
                Ok(ix) => {
                    agents.push(ix);
                    let desks = self.state.agent(ix).desks.len();
                    results.push(json!({ "id": user, "status": 200, "desks": desks }));
                }
                Err(problem) => {
                    whole = false;
                    results.push(super::bulk::result(user, &problem));
                }
            }
        }
        let mut message = Value::Null;
        if !agents.is_empty() {
            message = wire_id(self.state.seq).into();
            let (message, by, text) = (self.state.seq, actor.name.clone(), text.to_owned());
            self.emit(Event::Notified { message, by, text, agents });
        }
        let status = if whole { 200 } else { 207 };
        let body = json!({ "message": message, "results": results });
        Ok(Answer::Done { status, version: None, body })
    }

    /// The agent's receipt; one given before is given.
    pub(super) fn read_message(&mut self, user: &str, id: &str) -> Result<Answer, Problem> {
        let ix = self.user_named(user)?;
        let message = self.message_named(id)?.seq;
        if self.state.agent(ix).unread.contains(&message) {
            self.emit(Event::MessageRead { agent: ix, message });
        }
        let body = json!({ "message": id });
        Ok(Answer::Done { status: 200, version: None, body })
    }

    fn message_named(&self, id: &str) -> Result<&Message, Problem> {
        let seq = id.strip_prefix("msg_").and_then(|digits| digits.parse::<u64>().ok());
        let found = self.state.messages.iter().find(|m| Some(m.seq) == seq && wire_id(m.seq) == id);
        found.ok_or_else(|| Problem::not_found("message", id))
    }

    /// `GET …/messages/{message}`: what was sent, and who has not read it.
    pub(super) fn message(&self, id: &str) -> Result<Answer, Problem> {
        let message = self.message_named(id)?;
        let unread = self.state.agents.iter().filter(|a| a.unread.contains(&message.seq));
        let unread: Vec<&Name> = unread.map(|a| &a.id).collect();
        let body = json!({
            "id": id,
            "at": message.at.rfc3339(),
            "by": message.by,
            "text": message.text,
            "sent": message.to,
            "read": (message.to as usize).saturating_sub(unread.len()),
            "unread": unread,
        });
        Ok(Answer::Done { status: 200, version: None, body })
    }

    /// What a desk shows of an agent's messages: those not read.
    pub(super) fn messages_json(&self, ix: AgentIx) -> Vec<Value> {
        let unread = &self.state.agent(ix).unread;
        let shown = |m: &Message| {
            json!({ "id": wire_id(m.seq), "at": m.at.rfc3339(), "by": m.by,
                "by_name": self.user_name(&m.by), "text": m.text })
        };
        self.state.messages.iter().filter(|m| unread.contains(&m.seq)).map(shown).collect()
    }

    /// Applies what concerns messages; `false` when an event is about something else.
    pub(super) fn evolve_messages(&mut self, event: &Event) -> bool {
        let (state, derived) = (&mut self.state, &mut self.derived);
        match event {
            Event::Notified { message, by, text, agents } => {
                let (at, to) = (state.at, agents.len() as u32);
                let sent = Message { seq: *message, at, by: by.clone(), text: text.clone(), to };
                state.messages.push_back(sent);
                for ix in agents {
                    state.agents[ix.at()].unread.push(*message);
                    touch_agent(derived, *ix);
                }
                forget(state);
            }
            Event::MessageRead { agent, message } => {
                state.agents[agent.at()].unread.retain(|m| m != message);
                touch_agent(derived, *agent);
            }
            _ => return false,
        }
        true
    }
}

fn forget(state: &mut State) {
    while state.messages.len() > KEPT {
        let Some(old) = state.messages.pop_front() else { return };
        for agent in &mut state.agents {
            agent.unread.retain(|m| *m != old.seq);
        }
    }
}
