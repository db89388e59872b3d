//! Decisions about events of switches: once, in order, and as facts.

use super::Engine;
use super::derived::Extension;
use super::direct::Place;
use super::state::{Call, Stage};
use crate::domain::event::{Event, Outcome};
use crate::domain::ids::{AgentIx, CallId, Name, OfferId, SwitchIx, fingerprint};
use crate::domain::switching::{
    CommandFailure, Direction, EndedBy, EventResult, FailReason, Happening, ResultStatus,
    SwitchEvent, SyncCall, SyncState, TransferKind, TransferTo,
};

/// An event ahead of a gap waits so long for the gap to close, ms.
pub const GAP_MS: u64 = 2_000;

/// What became of an event: taken, or ignored with a code.
type Taken = Result<Option<CallId>, &'static str>;

impl Engine {
    /// One event of a switch.
    pub(super) fn switch_event(
        &mut self,
        ix: SwitchIx,
        source: &str,
        event: SwitchEvent,
    ) -> EventResult {
        let mark = fingerprint(&[source, &event.id]);
        if let Some(theirs) = event.time.filter(|_| !event.replayed) {
            self.derived.skew_ms.insert(ix, theirs.0.saturating_sub(self.state_now().0));
        }
        let subject = Name::from(event.subject.as_str());
        let known = self.derived.subjects.get(&(ix, subject.clone())).copied();
        let answer = |status, code, call_id| EventResult {
            id: event.id.clone(),
            status,
            code,
            call_id,
            error: None,
        };
        let by_call =
            known.and_then(|id| self.state.call(id)).is_some_and(|c| c.heard.contains(&mark));
        if by_call || self.derived.heard.contains(&mark) {
            self.spoke(ix);
            return answer(ResultStatus::Duplicate, None, known);
        }
        let decided = self.out.len();
        if let Some(code) = self.boot(ix, event.bootid.as_deref()) {
            self.spoke(ix);
            return answer(ResultStatus::Ignored, Some(code), known);
        }
        let known = match self.out.len() == decided {
            true => known,
            // A new start has ended calls.
            false => self.derived.subjects.get(&(ix, subject.clone())).copied(),
        };
        match self.take(ix, subject, known, mark, &event) {
            Ok(call) => {
                let code = call
                    .and_then(|id| self.state.call(id))
                    .and_then(|c| c.end.as_ref())
                    .filter(|e| {
                        matches!(event.what, Happening::CallArrived(_)) && &*e.reason == "no_route"
                    })
                    .map(|_| "no_route");
                answer(ResultStatus::Accepted, code, call)
            }
            Err(code) => {
                self.spoke(ix);
                answer(ResultStatus::Ignored, Some(code), known)
            }
        }
    }

    /// A start of the switch not seen before ends the calls of the one before.
    fn boot(&mut self, ix: SwitchIx, bootid: Option<&str>) -> Option<&'static str> {
        let bootid = bootid?;
        let switch = self.state.switch(ix);
        if switch.boot.as_deref() == Some(bootid) {
            return None;
        }
        if switch.old_boots.iter().any(|old| &**old == bootid) {
            return Some("old_boot");
        }
        let first = switch.boot.is_none();
        self.emit(Event::SwitchBooted { switch: ix, bootid: bootid.into() });
        if !first {
            self.end_own_calls(ix, &[]);
            let calls: Vec<CallId> = self.derived.switch_calls[ix.at()].iter().copied().collect();
            for id in calls {
                self.end_lost(id, "switch_restart");
            }
        }
        None
    }

    /// Calls that the engine did not route end with their switch, too, but for those it still tells of.
    fn end_own_calls(&mut self, ix: SwitchIx, told: &[SyncCall]) {
        let of_switch = |a: &super::state::Agent| {
            let own = a.own_calls.iter().filter(|(switch, subject)| {
                *switch == ix && !told.iter().any(|t| t.call == **subject)
            });
            own.map(|(_, subject)| (a.ix, subject.clone())).collect::<Vec<_>>()
        };
        let own: Vec<(AgentIx, Name)> = self.state.agents.iter().flat_map(of_switch).collect();
        for (agent, subject) in own {
            self.emit(Event::OwnCallEnded { agent, switch: ix, subject });
        }
    }

    /// Takes an event that is neither a duplicate nor of an old start.
    fn take(
        &mut self,
        ix: SwitchIx,
        subject: Name,
        known: Option<CallId>,
        mark: u64,
        event: &SwitchEvent,
    ) -> Taken {
        if subject.is_empty() {
            self.heard(ix, mark, None, event);
            return self.about_switch(ix, event);
        }
        let live = known.and_then(|id| self.state.call(id));
        if let Some(call) = live {
            if let Happening::CallArrived(_) = event.what {
                return Err("call_exists");
            }
            if event.sequence.is_some_and(|s| s <= call.sequence) {
                return Err("late");
            }
            if call.is_ended() {
                return Err("late");
            }
        }
        let last = live.map_or(0, |c| c.sequence);
        if let Some(sequence) = event.sequence
            && sequence > last + 1
            && about_routed_call(&event.what)
        {
            let until = self.state_now().plus(GAP_MS);
            let what = Box::new(serde_json::to_value(event).unwrap_or_default());
            self.emit(Event::EventParked {
                switch: ix,
                event: mark,
                subject,
                sequence,
                what,
                until,
            });
            return Ok(known);
        }
        let call = self.apply(ix, subject.clone(), known, Some(mark), event)?;
        self.unpark_next(ix, &subject);
        Ok(call)
    }

    fn heard(&mut self, switch: SwitchIx, mark: u64, call: Option<CallId>, event: &SwitchEvent) {
        let extra = event.extra.as_ref().map(|extra| {
            let key = self.state.last_personal + 1;
            self.vault.put_extra(key, extra);
            key
        });
        self.emit(Event::Heard {
            switch,
            event: mark,
            call,
            sequence: event.sequence.filter(|_| call.is_some()),
            replayed: event.replayed,
            extra,
        });
    }

    /// Applies an event in its place. `mark: None` for one that was parked before.
    fn apply(
        &mut self,
        ix: SwitchIx,
        subject: Name,
        known: Option<CallId>,
        mark: Option<u64>,
        event: &SwitchEvent,
    ) -> Taken {
        let mark = mark.unwrap_or_else(|| fingerprint(&[&self.state.switch(ix).id, &event.id]));
        if let Happening::CallArrived(arrival) = &event.what {
            let call = self.arrive(ix, subject, arrival, event.replayed);
            self.heard(ix, mark, Some(call), event);
            return Ok(Some(call));
        }
        if let Happening::AgentCallStarted { agent, direction } = &event.what {
            let internal = *direction == Direction::Internal;
            let agent = self.agent_named(agent).ok_or("unknown_agent")?;
            self.heard(ix, mark, None, event);
            self.emit(Event::OwnCallStarted { agent, switch: ix, subject, internal });
            return Ok(None);
        }
        if let Happening::AgentCallEnded { agent } = &event.what {
            let agent = self.agent_named(agent).ok_or("unknown_agent")?;
            self.heard(ix, mark, None, event);
            self.emit(Event::OwnCallEnded { agent, switch: ix, subject });
            return Ok(None);
        }
        let id = known.ok_or("unknown_call")?;
        let verdict = self.check_applies(id, &event.what);
        // Heard in any case, so that the call's next event is no gap.
        self.heard(ix, mark, Some(id), event);
        verdict?;
        self.about_call(ix, id, &event.what)?;
        Ok(Some(id))
    }

    /// Whether an event can be applied to a call.
    fn check_applies(&self, id: CallId, what: &Happening) -> Result<(), &'static str> {
        let call = self.state.call(id).ok_or("unknown_call")?;
        if call.is_ended() {
            return Err("late");
        }
        let of_call = |offer: &OfferId| call.offer(*offer).map(|_| ()).ok_or("unknown_offer");
        match what {
            Happening::OfferRinging { offer }
            | Happening::OfferAnswered { offer }
            | Happening::OfferFailed { offer, .. } => of_call(offer),
            _ => Ok(()),
        }
    }

    fn about_call(
        &mut self,
        ix: SwitchIx,
        id: CallId,
        what: &Happening,
    ) -> Result<(), &'static str> {
        let Some(call) = self.state.call(id) else { return Err("unknown_call") };
        let connected = call.stage == Stage::Connected;
        let calls_back = call.to_call_back().is_some();
        match what {
            Happening::CallAbandoned | Happening::CallEnded { .. } if calls_back => {
                self.callback_hung_up(id);
            }
            Happening::CallAbandoned if !connected => self.abandon(id),
            Happening::CallAbandoned => self.hung_up(id, EndedBy::Caller),
            Happening::CallEnded { by } => self.hung_up(id, *by),
            Happening::CallUpdated { priority, skills, attributes } => {
                let personal = self.merged_attributes(id, attributes.as_ref());
                self.emit(Event::CallUpdated {
                    call: id,
                    priority: *priority,
                    skills: skills.clone(),
                    personal,
                    by: None,
                });
            }
            Happening::CallHeld if connected => self.emit(Event::CallHeld { call: id }),
            Happening::CallResumed if connected => self.emit(Event::CallResumed { call: id }),
            Happening::CallTransferred { to, kind } if connected && !calls_back => {
                self.transfer(id, to, *kind);
            }
            Happening::CallJoined { agent } => {
                let agent = self.agent_named(agent).ok_or("unknown_agent")?;
                self.joins(id, agent);
            }
            Happening::CallLeft { agent } => {
                let agent = self.agent_named(agent).ok_or("unknown_agent")?;
                self.leaves(id, agent);
            }
            Happening::CallChoice if call.stage == Stage::Waiting => self.asks_to_leave(id),
            Happening::CallOverflowed { why } if !calls_back => {
                self.end_call(id, Outcome::Failed, why.word(), Some(EndedBy::Switch), false);
            }
            Happening::OfferRinging { offer }
                if call.offer(*offer).is_some_and(|o| o.closed.is_none() && !o.ringing) =>
            {
                self.emit(Event::OfferRinging { offer: *offer });
            }
            // Late answers and ends of closed offers are heard, and change nothing.
            Happening::OfferAnswered { offer } => _ = self.answer(*offer, false),
            Happening::OfferFailed { offer, reason } => _ = self.offer_failed(*offer, *reason),
            Happening::CustomerAnswered => self.customer_answered(id),
            Happening::CustomerFailed { reason } => self.customer_missed(id, *reason, false),
            Happening::CommandFailed { command, reason } => {
                self.command_failed(ix, *command, *reason)
            }
            Happening::Unknown { kind, data } => self.emit(Event::EventNoted {
                switch: ix,
                call: Some(id),
                kind: kind.clone(),
                data: Box::new(data.clone()),
            }),
            _ => {}
        }
        Ok(())
    }

    /// The call is over at the switch.
    pub(super) fn hung_up(&mut self, id: CallId, by: EndedBy) {
        let Some(call) = self.state.call(id) else { return };
        match (call.stage, by) {
            (Stage::Connected, _) => {
                let reason = match by {
                    EndedBy::Caller => "caller_hung_up",
                    EndedBy::Agent => "agent_hung_up",
                    EndedBy::Switch => "switch_ended",
                };
                self.end_call(id, Outcome::Answered, reason, Some(by), false);
            }
            (_, EndedBy::Caller) => self.abandon(id),
            _ => self.end_call(id, Outcome::Failed, "switch_ended", Some(by), false),
        }
    }

    /// The agent's part is over; a queue, group or user takes the call up again with its age. After an
    /// attended transfer to a user that one has it already.
    fn transfer(&mut self, id: CallId, to: &TransferTo, kind: TransferKind) {
        let place = match to {
            TransferTo::Queue(name) | TransferTo::Group(name) => self.queue_place(name),
            TransferTo::Extension(digits) => self.extension_place(digits),
            TransferTo::Agent(user) => self.user_place(user),
            TransferTo::Number(_) => None,
        };
        let media = self.state.call(id).map(|call| call.media);
        let place = place.filter(|place| media.is_some_and(|media| self.takes(*place, media)));
        if let (Some(Place::User(agent)), TransferKind::Attended) = (place, kind) {
            return self.hand_over(id, agent);
        }
        self.put_supervisors_out(id, None);
        self.end_legs(id);
        let queue = match place {
            Some(Place::Queue(queue)) => Some(queue),
            _ => None,
        };
        self.emit(Event::CallTransferred { call: id, to: queue });
        match place {
            Some(place) => self.send(id, place, false),
            None => self.emit(Event::CallEnded {
                call: id,
                outcome: Outcome::Transferred,
                reason: "transferred".into(),
                by: None,
                tell: false,
            }),
        }
    }

    fn merged_attributes(
        &mut self,
        id: CallId,
        attributes: Option<&std::collections::BTreeMap<String, String>>,
    ) -> Option<u64> {
        let attributes = attributes.filter(|a| !a.is_empty())?;
        let key = self.state.call(id)?.personal;
        let mut values = key.and_then(|k| self.vault.call(k)).cloned().unwrap_or_default();
        values.attributes.extend(attributes.clone());
        let key = key.unwrap_or(self.state.last_personal + 1);
        self.vault.put_call(key, values);
        Some(key)
    }

    fn command_failed(
        &mut self,
        ix: SwitchIx,
        command: crate::domain::ids::CommandId,
        reason: CommandFailure,
    ) {
        self.emit(Event::CommandFailed { switch: ix, command, reason: reason.word().into() });
        let told = self.state.switch(ix).outbox.iter().find(|t| t.id == command).cloned();
        let Some(told) = told else { return };
        if let super::state::Tell::Ring { offer } = told.what
            && let Some(id) = told.call
        {
            let open = self
                .state
                .call(id)
                .and_then(|c| c.offer(offer))
                .is_some_and(|o| o.closed.is_none());
            if open {
                use super::calls::Unanswered;
                use crate::domain::event::OfferFailure;
                self.unanswered(id, offer, Unanswered::Failed(OfferFailure::Error), true);
            }
        }
        match (&told.what, told.call) {
            (super::state::Tell::Originate { .. }, Some(id)) => {
                self.customer_missed(id, FailReason::Error, false);
            }
            (super::state::Tell::Supervise { agent, .. }, Some(id)) => {
                self.supervisor_gone(id, *agent);
            }
            _ => {}
        }
        if reason == CommandFailure::UnknownCall
            && let Some(id) = told.call
        {
            self.end_lost(id, "lost");
        }
    }

    /// Events that are about the switch itself, or a phone.
    fn about_switch(&mut self, ix: SwitchIx, event: &SwitchEvent) -> Taken {
        match &event.what {
            Happening::SwitchHeartbeat if !self.state.switch(ix).beats => {
                self.emit(Event::SwitchPromised { switch: ix, link: None });
            }
            Happening::DeviceRegistered { agent } => {
                let agent = self.agent_named(agent).ok_or("unknown_agent")?;
                self.emit(Event::DeviceRegistered { agent });
            }
            Happening::DeviceLost { agent } => {
                let agent = self.agent_named(agent).ok_or("unknown_agent")?;
                self.emit(Event::DeviceLost { agent, unreached: false });
            }
            Happening::SwitchSync { calls } => self.sync(ix, calls),
            Happening::CommandFailed { command, reason } => {
                self.command_failed(ix, *command, *reason)
            }
            Happening::Unknown { kind, data } => self.emit(Event::EventNoted {
                switch: ix,
                call: None,
                kind: kind.clone(),
                data: Box::new(data.clone()),
            }),
            _ => {}
        }
        Ok(None)
    }

    /// The switch tells all calls that it holds: what it does not hold is lost, an answer that was
    /// not heard is a fact, what the engine does not hold and nobody talks in is ended.
    fn sync(&mut self, ix: SwitchIx, told: &[SyncCall]) {
        self.emit(Event::SwitchSynced { switch: ix, calls: told.to_vec() });
        self.end_own_calls(ix, told);
        let ours: Vec<CallId> = self.derived.switch_calls[ix.at()].iter().copied().collect();
        for id in ours {
            let Some(call) = self.state.call(id) else { continue };
            match told.iter().find(|t| t.call == *call.subject) {
                None => {
                    if call.to_call_back().is_some() && call.frozen_until.is_some() {
                        self.emit(Event::Thawed { call: id });
                    }
                    self.end_lost(id, "lost");
                }
                Some(there) => self.sync_one(id, there),
            }
        }
    }

    fn sync_one(&mut self, id: CallId, there: &SyncCall) {
        let Some(call) = self.state.call(id) else { return };
        let waiting = call.stage == Stage::Waiting;
        if call.frozen_until.is_some() {
            self.emit(Event::Thawed { call: id });
        }
        let answered = there.offer.filter(|_| waiting && there.state == SyncState::Connected);
        if let Some(offer) = answered
            && self.state.call(id).and_then(|c| c.offer(offer)).is_some()
        {
            _ = self.answer(offer, false);
        }
    }

    /// The switch no longer has the call.
    fn end_lost(&mut self, id: CallId, reason: &str) {
        if self.callback_lost(id, reason == "switch_restart") {
            return;
        }
        let Some(call) = self.state.call(id).filter(|c| !c.is_ended()) else { return };
        let outcome = match call.stage {
            Stage::Connected => Outcome::Answered,
            _ => Outcome::Failed,
        };
        self.end_call(id, outcome, reason, Some(EndedBy::Switch), false);
    }

    /// Applies parked events that follow without a gap.
    fn unpark_next(&mut self, ix: SwitchIx, subject: &Name) {
        while !self.state.switch(ix).parked.is_empty() {
            let Some(known) = self.derived.subjects.get(&(ix, subject.clone())).copied() else {
                return;
            };
            let Some(last) = self.state.call(known).map(|c: &Call| c.sequence) else { return };
            let parked = self.state.switch(ix).parked.get(subject);
            let next = parked.and_then(|p| p.events.get(&(last + 1))).cloned();
            let Some((_, what)) = next else { return };
            self.unpark_one(ix, subject, last + 1, what);
        }
    }

    fn unpark_one(&mut self, ix: SwitchIx, subject: &Name, sequence: u64, what: serde_json::Value) {
        self.emit(Event::EventsUnparked { switch: ix, subject: subject.clone(), sequence });
        let known = self.derived.subjects.get(&(ix, subject.clone())).copied();
        if let Ok(event) = serde_json::from_value::<SwitchEvent>(what)
            && self.apply(ix, subject.clone(), known, None, &event).is_err()
            && let Some(call) = known
        {
            self.emit(Event::GapSkipped { call, sequence });
        }
    }

    /// The gap did not close in time: the lowest of the events that wait is applied, and those right
    /// behind it; without a call it is dropped.
    pub(super) fn unpark_late(&mut self, ix: SwitchIx, subject: &Name) {
        let lowest = self
            .state
            .switch(ix)
            .parked
            .get(subject)
            .and_then(|p| p.events.first_key_value())
            .map(|(sequence, (_, what))| (*sequence, what.clone()));
        if let Some((sequence, what)) = lowest {
            self.unpark_one(ix, subject, sequence, what);
            self.unpark_next(ix, subject);
        }
    }

    /// An agent by user id, extension or endpoint.
    pub(super) fn agent_named(&self, name: &str) -> Option<AgentIx> {
        let by_extension = || match self.derived.extensions.get(name) {
            Some(Extension::User(ix)) => Some(*ix),
            _ => None,
        };
        self.derived
            .users
            .get(name)
            .copied()
            .or_else(by_extension)
            .or_else(|| self.derived.endpoints.get(name).copied())
    }

    /// A sign of life that is no event; recorded only when it tells something new: of a switch that
    /// has promised to speak, or is suspected.
    pub(super) fn spoke(&mut self, ix: SwitchIx) {
        let switch = self.state.switch(ix);
        let promised = switch.beats || switch.linked;
        if switch.suspected || (promised && self.state_now() > switch.heard_at) {
            self.emit(Event::SwitchSpoke { switch: ix });
        }
    }
}

/// Whether an event counts among those of a routed call (an agent's own call has its own subject).
fn about_routed_call(what: &Happening) -> bool {
    !matches!(what, Happening::AgentCallStarted { .. } | Happening::AgentCallEnded { .. })
}
