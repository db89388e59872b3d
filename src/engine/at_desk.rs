//! What an agent does with a call from the desk: the switch is told, and says itself what came of it.

use super::Engine;
use super::state::{Call, Stage};
use crate::domain::event::{Event, Outcome};
use crate::domain::ids::CallId;
use crate::domain::input::{Actor, Answer};
use crate::domain::problem::{FieldError, Problem};
use crate::domain::rights::Permission;
use crate::domain::switching::{EndedBy, FailReason, TransferKind, TransferTo};
use serde_json::json;

impl Engine {
    /// Hangs up.
    pub(super) fn hang_up(&mut self, actor: &Actor, id: CallId) -> Result<Answer, Problem> {
        if self.call_in_hand(actor, id)?.is_dialing() {
            self.customer_missed(id, FailReason::Cancelled, true);
            return self.read_call(id);
        }
        self.end_call(id, Outcome::Answered, "agent_hung_up", Some(EndedBy::Agent), true);
        Ok(Answer::Done { status: 200, version: None, body: json!({ "call": id.to_string() }) })
    }

    /// Puts the caller on hold, or takes the call back.
    pub(super) fn ask_hold(
        &mut self,
        actor: &Actor,
        id: CallId,
        hold: bool,
    ) -> Result<Answer, Problem> {
        let call = self.talk_in_hand(actor, id)?;
        self.able(call, "hold", self.state.switch(call.switch).config.capabilities.hold)?;
        self.emit(Event::HoldAsked { call: id, hold, by: actor.name.clone() });
        self.asked(id)
    }

    /// Has the switch transfer the call; its `call.transferred` takes effect.
    pub(super) fn ask_transfer(
        &mut self,
        actor: &Actor,
        id: CallId,
        to: TransferTo,
        kind: TransferKind,
    ) -> Result<Answer, Problem> {
        let call = self.talk_in_hand(actor, id)?;
        self.able(call, "transfer", self.state.switch(call.switch).config.capabilities.transfer)?;
        self.check_transfer(&to)?;
        self.emit(Event::TransferAsked { call: id, to, kind, by: actor.name.clone() });
        self.asked(id)
    }

    fn asked(&self, id: CallId) -> Result<Answer, Problem> {
        let Answer::Done { body, version, .. } = self.read_call(id)? else {
            return Ok(Answer::Nothing);
        };
        Ok(Answer::Done { status: 202, version, body })
    }

    /// A call that is with an agent, for that agent and for who steers the floor.
    fn call_in_hand(&self, actor: &Actor, id: CallId) -> Result<&Call, Problem> {
        let missing = || Problem::not_found("call", &id.to_string());
        let call = self.state.call(id).ok_or_else(missing)?;
        let own =
            call.legs.iter().any(|l| Some(&self.state.agent(l.agent).id) == actor.user.as_ref());
        let steers = match &*call.legs {
            [] => actor.may(Permission::Steer) && self.sees_call(actor, &self.sight(actor), call),
            legs => legs.iter().any(|leg| self.may_steer(actor, leg.agent)),
        };
        let may = steers || (own && actor.may(Permission::Work));
        if !may {
            return Err(missing());
        }
        if call.stage != Stage::Connected {
            let detail = "only a call that is with an agent can be handled from the desk";
            return Err(Problem::conflict("not_connected", detail));
        }
        Ok(call)
    }

    /// … and has its customer on the line.
    fn talk_in_hand(&self, actor: &Actor, id: CallId) -> Result<&Call, Problem> {
        let call = self.call_in_hand(actor, id)?;
        if call.is_dialing() {
            let detail = "the customer is still being dialled";
            return Err(Problem::conflict("not_connected", detail));
        }
        Ok(call)
    }

    fn able(&self, call: &Call, what: &str, can: bool) -> Result<(), Problem> {
        if can {
            return Ok(());
        }
        let switch = &self.state.switch(call.switch).id;
        let detail = format!("the switch {switch} has not the capability {what:?}");
        Err(Problem::conflict("unsupported", detail))
    }

    /// What is in the house must be there.
    fn check_transfer(&self, to: &TransferTo) -> Result<(), Problem> {
        let (field, name, found) = match to {
            TransferTo::Queue(name) => ("queue", name, self.queue_place(name).is_some()),
            TransferTo::Group(name) => ("group", name, self.queue_place(name).is_some()),
            TransferTo::Agent(user) => ("agent", user, self.user_place(user).is_some()),
            TransferTo::Extension(digits) => {
                ("extension", digits, self.extension_place(digits).is_some())
            }
            TransferTo::Number(_) => return Ok(()),
        };
        if found {
            return Ok(());
        }
        let detail = format!("there is no {field} {name:?}");
        let error = FieldError::new(format!("/to/{field}"), "unknown_reference", detail);
        Err(Problem::invalid(vec![error]))
    }
}
