//! What calls add to the sums: their stay in a queue, the agents' parts in them, and the offers.
//!
//! Counts of a stay stand in the interval in which the call entered the queue, those of an agent's part
//! where the part ended, those of an offer where it was made (`figures.md`, Attribution).

use super::Figures;
use super::counts::{Measure, Sum, band};
use super::ledger::Subject;
use super::people::WrapUp;
use crate::domain::event::{Event, Withdrawn};
use crate::domain::ids::{AgentIx, CallId, OfferId, QueueIx};
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};

/// A call's stay in a queue, from its entry to the end of what came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stay {
    queue: QueueIx,
    entered_at: Millis,
    /// An agent has answered, after so long.
    answered: Option<u64>,
}

/// An agent's part in a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Part {
    agent: AgentIx,
    since: Millis,
    held_since: Option<Millis>,
    held_ms: u64,
}

/// An offer, until its call is over: a late answer may come of one that has ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Offer {
    id: OfferId,
    agent: AgentIx,
    queue: QueueIx,
    made_at: Millis,
    /// What it was counted as at its end.
    end: Option<Measure>,
    /// From its making to its answer.
    answer_ms: u64,
}

/// A call that is not over.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Call {
    stay: Option<Stay>,
    /// Whose queue the agents' parts count for.
    served_by: Option<QueueIx>,
    parts: Vec<Part>,
    offers: Vec<Offer>,
    held: bool,
    /// An agent has answered, the customer of the callback has not.
    dialing: bool,
    ended: bool,
}

impl Figures {
    /// Takes in an event about a call.
    pub(super) fn call_event(&mut self, event: &Event, at: Millis) {
        match event {
            Event::CallArrived { call, .. } => drop(self.calls.insert(*call, Call::default())),
            Event::CallbackMade { call, queue, .. } => {
                self.calls.insert(*call, Call::default());
                self.enters(*call, *queue, at);
            }
            Event::CallQueued { call, queue, .. } => self.enters(*call, *queue, at),
            Event::CallExited { call, .. } | Event::CallMoved { call, .. } => {
                self.leaves(*call, at, Measure::Exited);
            }
            Event::CallAbandoned { call, waited_ms } => self.abandoned(*call, *waited_ms),
            Event::CallTransferred { call, .. } => self.transferred(*call),
            Event::CallEnded { call, .. } => self.ended(*call, at),
            Event::CallOffered { call, offer, agent, at_desk, .. } => {
                self.offered(*call, *offer, *agent, *at_desk, at);
            }
            Event::OfferRinging { offer } => {
                if let Some((_, agent)) = self.offers.get(offer).copied() {
                    self.person(agent, at).rings(*offer);
                }
            }
            Event::OfferMissed { offer, .. } => self.offer_ended(*offer, Measure::Missed, at),
            Event::OfferRefused { offer, .. } => self.offer_ended(*offer, Measure::Refused, at),
            Event::OfferFailed { offer, .. } => self.offer_ended(*offer, Measure::OffersFailed, at),
            Event::OfferWithdrawn { offer, reason } => {
                let end = match reason {
                    Withdrawn::Abandoned => Measure::HungUp,
                    _ => Measure::Withdrawn,
                };
                self.offer_ended(*offer, end, at);
            }
            Event::CallAnswered { call, offer, agent, .. } => {
                self.answered(*call, *offer, *agent, at);
            }
            Event::JoinFailed { call, offer, agent } => self.join_failed(*call, *offer, *agent, at),
            Event::CallHanded { call, agent } => self.joins(*call, *agent, true, at),
            Event::CallJoined { call, agent } => self.joins(*call, *agent, false, at),
            Event::CallHeld { call } => self.hold(*call, true, at),
            Event::CallResumed { call } => self.hold(*call, false, at),
            Event::LegEnded { call, agent } => self.part_ended(*call, *agent, at),
            Event::CustomerDialed { call, .. } => self.with_call(*call, |call| call.dialing = true),
            Event::CustomerReached { call } => self.with_call(*call, |call| {
                call.dialing = false;
                // Time with the customer begins here.
                call.parts.iter_mut().for_each(|part| part.since = at);
            }),
            Event::CustomerMissed { call, .. } => {
                self.take_back_answer(*call);
                self.with_call(*call, |call| call.dialing = false);
            }
            Event::WrapUpStarted { call, agent, queue, .. } => {
                let work = WrapUp { call: *call, queue: *queue, since: at };
                self.person(*agent, at).wrap_ups.push(work);
            }
            Event::WrapUpEnded { call, agent, .. } => self.wrap_up_ended(*call, *agent, at),
            _ => {}
        }
    }

    fn with_call(&mut self, id: CallId, change: impl FnOnce(&mut Call)) {
        if let Some(call) = self.calls.get_mut(&id) {
            change(call);
        }
    }

    fn enters(&mut self, id: CallId, queue: QueueIx, at: Millis) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.stay = Some(Stay { queue, entered_at: at, answered: None });
        self.count_queue(queue, at, Measure::Offered, 1);
        self.waiting.insert((queue, at, id));
    }

    /// The call is in no queue's line any more.
    fn unline(&mut self, id: CallId) {
        if let Some(stay) = self.calls.get(&id).and_then(|call| call.stay.as_ref()) {
            self.waiting.remove(&(stay.queue, stay.entered_at, id));
        }
    }

    /// It leaves its queue unanswered.
    fn leaves(&mut self, id: CallId, at: Millis, how: Measure) {
        self.unline(id);
        let stay = self.calls.get_mut(&id).and_then(|call| call.stay.take());
        let Some(stay) = stay.filter(|stay| stay.answered.is_none()) else { return };
        self.count_queue(stay.queue, stay.entered_at, how, 1);
        self.left(&stay, at.since(stay.entered_at));
    }

    /// A wait is over, for whatever reason.
    fn left(&mut self, stay: &Stay, waited_ms: u64) {
        self.count_queue(stay.queue, stay.entered_at, Sum::LeftWithin(band(waited_ms)), 1);
        for subject in [Subject::Queue(stay.queue), Subject::Account] {
            self.ledger.waited(&subject, stay.entered_at, waited_ms);
        }
    }

    fn abandoned(&mut self, id: CallId, waited_ms: u64) {
        self.unline(id);
        let stay = self.calls.get_mut(&id).and_then(|call| call.stay.take());
        let Some(stay) = stay.filter(|stay| stay.answered.is_none()) else { return };
        let (queue, entry) = (stay.queue, stay.entered_at);
        self.count_queue(queue, entry, Measure::Abandoned, 1);
        let is_short = self.directory.queue(queue).is_some_and(|q| waited_ms < q.short_abandon_ms);
        if is_short {
            self.count_queue(queue, entry, Measure::ShortAbandoned, 1);
        }
        self.count_queue(queue, entry, Measure::WaitAbandonedMs, as_amount(waited_ms));
        self.left(&stay, waited_ms);
    }

    fn transferred(&mut self, id: CallId) {
        let stay = self.calls.get_mut(&id).and_then(|call| call.stay.take());
        if let Some(stay) = stay.filter(|stay| stay.answered.is_some()) {
            self.count_queue(stay.queue, stay.entered_at, Measure::Transferred, 1);
        }
    }

    /// Agents' parts end by events of their own, before or behind it.
    fn ended(&mut self, id: CallId, at: Millis) {
        self.leaves(id, at, Measure::Failed);
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.ended = true;
        self.forget_if_over(id);
    }

    fn forget_if_over(&mut self, id: CallId) {
        if self.calls.get(&id).is_some_and(|call| call.ended && call.parts.is_empty())
            && let Some(call) = self.calls.remove(&id)
        {
            for offer in &call.offers {
                self.offers.remove(&offer.id);
            }
        }
    }

    fn offered(&mut self, id: CallId, offer: OfferId, agent: AgentIx, at_desk: bool, at: Millis) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Some(queue) = call.stay.as_ref().map(|stay| stay.queue) else { return };
        call.offers.push(Offer { id: offer, agent, queue, made_at: at, end: None, answer_ms: 0 });
        self.offers.insert(offer, (id, agent));
        self.person(agent, at).offered(offer, at_desk);
        self.count_both(queue, agent, at, Measure::Offers, 1);
    }

    /// An offer is over, as `end`; one that was over before is counted as `end` instead.
    fn offer_ended(&mut self, offer: OfferId, end: Measure, at: Millis) {
        let Some((id, agent)) = self.offers.get(&offer).copied() else { return };
        self.person(agent, at).offer_closed(offer);
        let found = self.calls.get_mut(&id);
        let Some(found) = found.and_then(|call| call.offers.iter_mut().find(|o| o.id == offer))
        else {
            return;
        };
        let before = found.end.replace(end);
        let (queue, made_at) = (found.queue, found.made_at);
        let answer_before = std::mem::take(&mut found.answer_ms);
        let accepted = end == Measure::Accepted;
        found.answer_ms = if accepted { at.since(made_at) } else { 0 };
        let answer_ms = as_amount(found.answer_ms) - as_amount(answer_before);
        if let Some(before) = before {
            self.count_both(queue, agent, made_at, before, -1);
        }
        self.count_both(queue, agent, made_at, end, 1);
        if answer_ms != 0 {
            self.count_both(queue, agent, made_at, Measure::AnswerMs, answer_ms);
        }
    }

    fn answered(&mut self, id: CallId, offer: OfferId, agent: AgentIx, at: Millis) {
        self.offer_ended(offer, Measure::Accepted, at);
        let person = self.person(agent, at);
        person.takes(id, false);
        person.reached();
        self.unline(id);
        let Some(call) = self.calls.get_mut(&id) else { return };
        // A late answer may be of a queue that the call has left.
        let through = call.offers.iter().find(|o| o.id == offer).map(|o| o.queue);
        call.held = false;
        call.parts.push(Part { agent, since: at, held_since: None, held_ms: 0 });
        let Some(stay) = call.stay.as_mut().filter(|stay| stay.answered.is_none()) else {
            call.served_by = through.or(call.served_by);
            return;
        };
        let waited_ms = at.since(stay.entered_at);
        stay.answered = Some(waited_ms);
        let stay = stay.clone();
        call.served_by = through.or(Some(stay.queue));
        self.count_answer(&stay, waited_ms, 1);
        self.left(&stay, waited_ms);
    }

    fn count_answer(&mut self, stay: &Stay, waited_ms: u64, times: i64) {
        let (queue, entry) = (stay.queue, stay.entered_at);
        self.count_queue(queue, entry, Measure::Answered, times);
        self.count_queue(queue, entry, Measure::WaitAnsweredMs, as_amount(waited_ms) * times);
        self.count_queue(queue, entry, Sum::AnsweredWithin(band(waited_ms)), times);
    }

    /// The answer did not come to be one: the call waits again, as if it had not left.
    fn take_back_answer(&mut self, id: CallId) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Some(stay) = call.stay.as_mut() else { return };
        let Some(waited_ms) = stay.answered.take() else { return };
        let stay = stay.clone();
        self.count_answer(&stay, waited_ms, -1);
        self.count_queue(stay.queue, stay.entered_at, Sum::LeftWithin(band(waited_ms)), -1);
        self.waiting.insert((stay.queue, stay.entered_at, id));
    }

    fn join_failed(&mut self, id: CallId, offer: OfferId, agent: AgentIx, at: Millis) {
        self.person(agent, at).leaves(id);
        self.with_call(id, |call| {
            call.held = false;
            call.parts.retain(|part| part.agent != agent);
        });
        self.offer_ended(offer, Measure::OffersFailed, at);
        self.take_back_answer(id);
    }

    fn joins(&mut self, id: CallId, agent: AgentIx, handed: bool, at: Millis) {
        if handed {
            self.hold(id, false, at);
        }
        let Some(call) = self.calls.get_mut(&id) else { return };
        let held = call.held;
        let held_since = held.then_some(at);
        call.parts.push(Part { agent, since: at, held_since, held_ms: 0 });
        self.person(agent, at).takes(id, held);
    }

    fn hold(&mut self, id: CallId, held: bool, at: Millis) {
        let Some(call) = self.calls.get_mut(&id).filter(|call| call.held != held) else { return };
        call.held = held;
        for part in &mut call.parts {
            let since = std::mem::replace(&mut part.held_since, held.then_some(at));
            part.held_ms += since.map_or(0, |since| at.since(since));
        }
        let agents: Vec<AgentIx> = call.parts.iter().map(|part| part.agent).collect();
        agents.into_iter().for_each(|agent| self.person(agent, at).hold(id, held));
    }

    fn part_ended(&mut self, id: CallId, agent: AgentIx, at: Millis) {
        self.person(agent, at).leaves(id);
        let Some(call) = self.calls.get_mut(&id) else { return };
        let (dialing, queue) = (call.dialing, call.served_by);
        let place = call.parts.iter().position(|part| part.agent == agent);
        if let Some(part) = place.map(|place| call.parts.remove(place))
            && !dialing
        {
            let held_ms = part.held_ms + part.held_since.map_or(0, |since| at.since(since));
            let talk_ms = at.since(part.since).saturating_sub(held_ms);
            self.count_part(queue, agent, at, Measure::Handled, 1);
            self.count_part(queue, agent, at, Measure::TalkMs, as_amount(talk_ms));
            self.count_part(queue, agent, at, Measure::HoldMs, as_amount(held_ms));
        }
        self.forget_if_over(id);
    }

    fn wrap_up_ended(&mut self, id: CallId, agent: AgentIx, at: Millis) {
        let person = self.person(agent, at);
        let Some(place) = person.wrap_ups.iter().position(|work| work.call == id) else { return };
        let work = person.wrap_ups.remove(place);
        let queue = Some(work.queue);
        self.count_part(queue, agent, work.since, Measure::WrapUps, 1);
        let took_ms = as_amount(at.since(work.since));
        self.count_part(queue, agent, work.since, Measure::WrapUpMs, took_ms);
    }

    fn count_part(
        &mut self,
        queue: Option<QueueIx>,
        agent: AgentIx,
        at: Millis,
        measure: Measure,
        amount: i64,
    ) {
        if amount == 0 {
            return;
        }
        match queue {
            Some(queue) => self.count_both(queue, agent, at, measure, amount),
            None => self.count_agent(agent, at, measure, amount),
        }
    }
}

fn as_amount(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}
