//! Callbacks (`engine.md` 7): the caller hangs up and the place stays; an agent is offered it like any
//! call, and the customer is dialled when the agent has answered.
//!
//! A callback is a call of its own, known to the switch by its id. Until the customer is on the line
//! there is nobody whom a long wait could bother: neither `max_wait` nor `total`, `nobody`,
//! `max_waiting` or announcements apply, and an exit of the plan ends it. It does not go with its
//! switch, which holds nothing of it while it waits.

use super::Engine;
use super::calls::Unanswered;
use super::derived::Derived;
use super::evolve_calls::{count, detach, entry_of, new_call, tell_call, with};
use super::permission::require;
use super::refresh::unplace;
use super::state::{Call, Callback, Stage, State, Tell};
use super::vault::CallValues;
use crate::domain::event::{Event, OfferFailure, Outcome};
use crate::domain::ids::{CallId, Name, OfferId, QueueIx, SwitchIx};
use crate::domain::input::{Actor, Answer, CallbackChange, CallbackWish};
use crate::domain::media::Media;
use crate::domain::problem::{FieldError, Problem};
use crate::domain::rights::Permission;
use crate::domain::switching::{Effect, FailReason};
use crate::domain::time::Millis;
use serde_json::{Value, json};

impl Engine {
    /// Whether a waiting caller can be called back: by the switch, at a known number.
    pub(super) fn can_call_back(&self, call: &Call) -> bool {
        let number = call.personal.and_then(|key| self.vault.call(key)).map(|v| v.from.is_some());
        call.media == Media::Voice
            && call.direct.is_none()
            && call.callback.as_ref().is_none_or(|callback| callback.reached)
            && number == Some(true)
            && self.state.switch(call.switch).config.capabilities.originate
    }

    /// A callback takes a caller's place.
    pub(super) fn call_back(&mut self, id: CallId) {
        let Some(call) = self.state.call(id) else { return };
        let (Some(queue), switch) = (call.queue, call.switch) else { return };
        let values = call.personal.and_then(|key| self.vault.call(key)).cloned();
        let personal = self.keep_values(values.unwrap_or_default());
        self.emit(Event::CallbackMade {
            call: CallId::after(self.state.last_call, self.state_now()),
            switch,
            queue,
            of: Some(id),
            personal,
            priority: 0,
            skills: Vec::new(),
            not_before: None,
            by: None,
        });
    }

    fn keep_values(&mut self, values: CallValues) -> u64 {
        let key = self.state.last_personal + 1;
        self.vault.put_call(key, values);
        key
    }

    /// The agent has answered: the switch dials the customer.
    pub(super) fn dial_customer(&mut self, id: CallId, offer: OfferId) {
        let Some(call) = self.state.call(id) else { return };
        let Some(queue) = call.queue.filter(|_| call.to_call_back().is_some()) else { return };
        let until = self.state_now().plus(self.state.queue(queue).config.callback.dial_for_ms);
        self.emit(Event::CustomerDialed { call: id, offer, until });
    }

    /// `customer.answered`
    pub(super) fn customer_answered(&mut self, id: CallId) {
        if self.state.call(id).is_some_and(Call::is_dialing) {
            self.emit(Event::CustomerReached { call: id });
        }
    }

    /// An attempt reached nobody: the agent is free at once, without wrap-up, and the callback waits
    /// for the next one or was the last.
    pub(super) fn customer_missed(&mut self, id: CallId, reason: FailReason, tell: bool) {
        let Some(call) = self.state.call(id).filter(|call| call.is_dialing()) else { return };
        let (Some(callback), Some(queue)) = (&call.callback, call.queue) else { return };
        let plan = &self.state.queue(queue).config.callback;
        let more = callback.attempts + 1 < plan.attempts;
        let again_at = more.then(|| self.state_now().plus(plan.retry_after_ms));
        let agents: Vec<_> = call.legs.iter().map(|leg| leg.agent).collect();
        for agent in agents {
            self.emit(Event::LegEnded { call: id, agent });
        }
        let reason = reason.word().into();
        self.emit(Event::CustomerMissed { call: id, reason, again_at, tell });
        if !more {
            self.end_call(id, Outcome::Failed, "not_reached", None, false);
        }
    }

    /// It was kept as long as its queue keeps callbacks.
    pub(super) fn callback_expired(&mut self, id: CallId) {
        self.end_call(id, Outcome::Failed, "expired", None, false);
    }

    /// A callback has ended at the switch: the attempt was given up. While it waits nothing of it is
    /// there that could end.
    pub(super) fn callback_hung_up(&mut self, id: CallId) {
        self.customer_missed(id, FailReason::Cancelled, false);
    }

    /// Its switch started anew, or does not hold it: what rang or was dialled is over, also where the
    /// command to do it is still to come. `false` when it is no callback, or its customer is on the line.
    pub(super) fn callback_lost(&mut self, id: CallId, started_anew: bool) -> bool {
        let Some(call) = self.state.call(id) else { return false };
        if call.to_call_back().is_none() {
            return false;
        }
        // What a switch was not told yet it cannot hold.
        let outbox = &self.state.switch(call.switch).outbox;
        let is_told = |offer: OfferId| {
            !outbox.iter().any(|t| matches!(&t.what, Tell::Ring { offer: of } if *of == offer))
        };
        let rung: Vec<OfferId> = call
            .open_offers()
            .filter(|offer| !offer.at_desk && (started_anew || is_told(offer.id)))
            .map(|offer| offer.id)
            .collect();
        for offer in rung {
            self.unanswered(id, offer, Unanswered::Failed(OfferFailure::Error), false);
        }
        self.customer_missed(id, FailReason::Error, true);
        true
    }

    /// `POST …/callbacks`
    pub(super) fn make_callback(
        &mut self,
        actor: &Actor,
        wish: &CallbackWish,
    ) -> Result<Answer, Problem> {
        require(actor, Permission::Steer)?;
        let mut errors = Vec::new();
        self.check_skills("/skills", &wish.skills, &mut errors);
        let queue = self.callback_queue(&wish.queue, &mut errors);
        let switch = self.dialing_switch(wish.switch.as_deref(), &mut errors);
        let not_before = self.callback_time(wish.not_before, queue, &mut errors);
        let (Some(queue), Some(switch), true) = (queue, switch, errors.is_empty()) else {
            return Err(Problem::invalid(errors));
        };
        let from = Some(Name::from(wish.number.as_str()));
        let attributes = wish.attributes.clone().into();
        let personal = self.keep_values(CallValues { from, attributes });
        let call = CallId::after(self.state.last_call, self.state_now());
        self.emit(Event::CallbackMade {
            call,
            switch,
            queue,
            of: None,
            personal,
            priority: wish.priority,
            skills: wish.skills.clone(),
            not_before,
            by: Some(actor.name.clone()),
        });
        match self.call_answer(call)? {
            Answer::Done { body, version, .. } => Ok(Answer::Done { status: 201, version, body }),
            other => Ok(other),
        }
    }

    fn callback_queue(&self, name: &str, errors: &mut Vec<FieldError>) -> Option<QueueIx> {
        let mut wrong = |code, detail: String| errors.push(FieldError::new("/queue", code, detail));
        let Some(queue) = self.derived.queues.get(name).copied() else {
            wrong("unknown_reference", format!("there is no queue or group {name:?}"));
            return None;
        };
        let media = self.state.queue(queue).config.media;
        if media != Media::Voice {
            wrong("not_allowed", format!("this queue takes {media}; only voice is called back"));
        }
        Some(queue)
    }

    /// The switch that was named, or the only one that can dial out.
    pub(super) fn dialing_switch(
        &self,
        name: Option<&str>,
        errors: &mut Vec<FieldError>,
    ) -> Option<SwitchIx> {
        let mut wrong =
            |code, detail: String| errors.push(FieldError::new("/switch", code, detail));
        if let Some(name) = name {
            let Some(ix) = self.derived.switches.get(name).copied() else {
                wrong("unknown_reference", format!("there is no switch {name:?}"));
                return None;
            };
            if !self.state.switch(ix).config.capabilities.originate {
                wrong("not_allowed", format!("the switch {name} has not the capability originate"));
            }
            return Some(ix);
        }
        let able = |s: &&super::state::SwitchState| !s.deleted && s.config.capabilities.originate;
        let mut able = self.state.switches.iter().filter(able);
        match (able.next(), able.next()) {
            (Some(only), None) => Some(only.ix),
            (None, _) => {
                wrong("required", "no switch of this account can dial out".to_owned());
                None
            }
            _ => {
                wrong("required", "several switches can dial out: name one".to_owned());
                None
            }
        }
    }

    /// An instant that has passed is none; one beyond what the queue keeps is refused.
    fn callback_time(
        &self,
        not_before: Option<Millis>,
        queue: Option<QueueIx>,
        errors: &mut Vec<FieldError>,
    ) -> Option<Millis> {
        let now = self.state_now();
        let at = not_before.filter(|at| *at > now)?;
        let keep_ms = queue.map(|queue| self.state.queue(queue).config.callback.keep_ms)?;
        if at >= now.plus(keep_ms) {
            let detail =
                format!("the queue keeps callbacks for {keep_ms} ms; choose an earlier time");
            errors.push(FieldError::new("/not_before", "out_of_range", detail));
        }
        Some(at)
    }

    /// `PATCH …/callbacks/{call}`: number and time, and what can be changed of any waiting call.
    pub(super) fn change_callback(
        &mut self,
        actor: &Actor,
        id: CallId,
        change: &CallbackChange,
    ) -> Result<Answer, Problem> {
        require(actor, Permission::Steer)?;
        let call = self.callback_named(id)?;
        let (queue, personal) = (call.queue, call.personal);
        let before = call.to_call_back().and_then(|callback| callback.not_before);
        let mut errors = Vec::new();
        let not_before = match change.not_before {
            Some(wanted) => self.callback_time(wanted, queue, &mut errors),
            None => before,
        };
        if !errors.is_empty() {
            return Err(Problem::invalid(errors));
        }
        let answer = self.change_call(actor, id, &change.call)?;
        if change.number.is_none() && not_before == before {
            return Ok(answer);
        }
        let mut values = personal.and_then(|key| self.vault.call(key)).cloned().unwrap_or_default();
        let key = personal.unwrap_or(self.state.last_personal + 1);
        if let Some(number) = &change.number {
            values.from = Some(Name::from(number.as_str()));
            self.vault.put_call(key, values);
        }
        let by = actor.name.clone();
        self.emit(Event::CallbackChanged { call: id, personal: key, not_before, by });
        self.call_answer(id)
    }

    /// `DELETE …/callbacks/{call}`
    pub(super) fn cancel_callback(&mut self, actor: &Actor, id: CallId) -> Result<Answer, Problem> {
        require(actor, Permission::Steer)?;
        self.callback_named(id)?;
        self.end_call(id, Outcome::Exited, "cancelled", None, false);
        Ok(Answer::Done { status: 204, version: None, body: Value::Null })
    }

    /// A callback that waits: from the agent's answer on it is a call.
    fn callback_named(&self, id: CallId) -> Result<&Call, Problem> {
        let known = self.state.call(id).filter(|call| call.callback.is_some());
        let call = known.ok_or_else(|| Problem::not_found("callback", &id.to_string()))?;
        if call.stage == Stage::Waiting && call.to_call_back().is_some() {
            return Ok(call);
        }
        let detail = "an agent has it, or it is over; only a callback that waits is changed";
        Err(Problem::conflict("not_waiting", detail))
    }

    /// Callbacks by number, those included whose customer is being dialled.
    pub(super) fn callbacks(
        &self,
        queue: Option<&str>,
        limit: usize,
        after: Option<CallId>,
        sees: impl Fn(&Call) -> bool,
    ) -> Result<Answer, Problem> {
        let queue = queue.map(|name| self.queue_named(name)).transpose()?;
        let wanted = |call: &&Call| {
            call.to_call_back().is_some()
                && (queue.is_none() || call.queue == queue)
                && after.is_none_or(|after| call.id > after)
                && sees(call)
        };
        let live = self.derived.switch_calls.iter().flatten();
        let mut all: Vec<&Call> =
            live.filter_map(|id| self.state.call(*id)).filter(wanted).collect();
        all.sort_unstable_by_key(|call| call.id);
        let next = (all.len() > limit).then(|| all[limit - 1].id.to_string());
        let items: Vec<Value> = all.iter().take(limit).map(|call| self.call_json(call)).collect();
        let body = json!({ "items": items, "next": next });
        Ok(Answer::Done { status: 200, version: None, body })
    }

    /// What is told of a callback beyond any call.
    pub(super) fn callback_json(&self, call: &Call) -> Value {
        let Some(callback) = &call.callback else { return Value::Null };
        let at = |at: Option<Millis>| at.map(Millis::rfc3339);
        let plan = call.queue.map(|queue| &self.state.queue(queue).config.callback);
        json!({
            "of": callback.of.map(|of| of.to_string()),
            "requested_by": callback.by,
            "attempts": callback.attempts,
            "attempts_left": plan.map(|plan| plan.attempts.saturating_sub(callback.attempts)),
            "not_before": at(callback.not_before),
            "dialing_until": at(callback.dialing_until),
            "reached": callback.reached,
        })
    }

    pub(super) fn originate(&self, call: &Call, offer: OfferId) -> Option<Effect> {
        let to = call.personal.and_then(|key| self.vault.call(key)).and_then(|v| v.from.clone());
        Some(Effect::CallOriginate {
            offer: Some(offer),
            endpoint: None,
            agent: self.state.agent(call.offer(offer)?.agent).id.clone(),
            to: to.unwrap_or_else(|| "".into()),
            caller_id: self.state.queue(call.queue?).config.callback.caller_id.clone(),
        })
    }
}

/// `evolve` for callbacks; `false` when an event is about something else.
pub(super) fn evolve(state: &mut State, derived: &mut Derived, event: &Event) -> bool {
    match event {
        Event::CallbackMade { .. } => made(state, derived, event),
        Event::CallbackDue { call } => {
            change(state, derived, *call, |callback| callback.not_before = None);
            derived.touched.settle.push(*call);
        }
        Event::CallbackChanged { call, personal, not_before, by: _ } => {
            unplace(derived, *call);
            with(state, derived, *call, |c, _| c.personal = Some(*personal));
            change(state, derived, *call, |callback| callback.not_before = *not_before);
            state.last_personal = state.last_personal.max(*personal);
            derived.touched.settle.push(*call);
        }
        Event::CustomerDialed { call, offer, until } => {
            change(state, derived, *call, |callback| callback.dialing_until = Some(*until));
            tell_call(state, derived, *call, Tell::Originate { offer: *offer });
        }
        Event::CustomerReached { call } => {
            change(state, derived, *call, |callback| {
                callback.dialing_until = None;
                callback.reached = true;
            });
            // Time with the customer begins here.
            with(state, derived, *call, |c, at| {
                for leg in c.legs.iter_mut() {
                    leg.since = at;
                }
            });
        }
        Event::CustomerMissed { call, reason: _, again_at, tell } => {
            missed(state, derived, *call, *again_at);
            if *tell {
                let reason = "not_reached".into();
                tell_call(state, derived, *call, Tell::End { reason });
            }
        }
        _ => return false,
    }
    true
}

fn change(
    state: &mut State,
    derived: &mut Derived,
    id: CallId,
    change: impl FnOnce(&mut Callback),
) {
    with(state, derived, id, |call, _| {
        if let Some(callback) = call.callback.as_deref_mut() {
            change(callback);
        }
    });
}

/// It waits from now on, in the place of a call or as a new one.
fn made(state: &mut State, derived: &mut Derived, event: &Event) {
    let Event::CallbackMade { call, switch, queue, of, personal, priority, skills, not_before, by } =
        event
    else {
        return;
    };
    let (at, day) = (state.at, state.day);
    // The switch will know it by its id.
    let mut made = new_call(*call, *switch, call.to_string().into(), Media::Voice, at);
    made.personal = Some(*personal);
    made.priority = *priority;
    made.skills = skills.clone().into();
    if let Some(old) = of.and_then(|of| state.call(of)) {
        made.to.clone_from(&old.to);
        made.priority = old.priority;
        made.skills.clone_from(&old.skills);
        made.route_priority = old.route_priority;
        made.route_skills.clone_from(&old.route_skills);
        made.steps.clone_from(&old.steps);
        made.preferred.clone_from(&old.preferred);
        made.step = old.step;
        made.widths = old.widths;
        made.entered_at = old.entered_at;
        made.queued_at = old.queued_at;
        made.shift_ms = old.shift_ms;
    }
    made.queue = Some(*queue);
    made.queued_day = day;
    made.stage = Stage::Waiting;
    made.callback = Some(Box::new(Callback {
        of: *of,
        by: by.clone(),
        not_before: *not_before,
        ..Callback::default()
    }));
    super::evolve_calls::put_call(state, derived, made);
    state.last_personal = state.last_personal.max(*personal);
    derived.touched.settle.push(*call);
    count(state, derived, *queue, day, |counts| counts.offered += 1);
}

/// It waits again, with its place.
fn missed(state: &mut State, derived: &mut Derived, id: CallId, again_at: Option<Millis>) {
    detach(state, derived, id);
    with(state, derived, id, |c, _| c.queue = c.waited_in);
    if let Some((queue, day)) = entry_of(state, id) {
        count(state, derived, queue, day, |counts| {
            counts.answered = counts.answered.saturating_sub(1);
        });
    }
    with(state, derived, id, |c, _| {
        c.stage = Stage::Waiting;
        c.held = false;
        c.tried.clear();
        c.pass_began_at = None;
        c.pass_spaced = false;
    });
    change(state, derived, id, |callback| {
        callback.attempts += 1;
        callback.dialing_until = None;
        callback.not_before = again_at;
    });
    derived.touched.settle.push(id);
}
