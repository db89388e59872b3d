//! What offers add to the sums: all of it where the offer was made.

use super::Figures;
use super::calls::{Waited, as_amount};
use super::counts::Measure;
use super::notes::{Counted, Note, OfferRow};
use crate::domain::ids::{AgentIx, CallId, OfferId, QueueIx};
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An offer, until its call is over: a late answer may come of one that has ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Offer {
    pub id: OfferId,
    agent: AgentIx,
    pub queue: QueueIx,
    made_at: Millis,
    /// What it was counted as at its end.
    end: Option<Measure>,
    /// From its making to its answer.
    answer_ms: u64,
}

impl Figures {
    pub(super) fn offered(
        &mut self,
        id: CallId,
        offer: OfferId,
        agent: AgentIx,
        at_desk: bool,
        at: Millis,
    ) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Some(queue) = call.stay.as_ref().map(|stay| stay.queue) else { return };
        call.offers.push(Offer { id: offer, agent, queue, made_at: at, end: None, answer_ms: 0 });
        let scope = self.notes.scope(&call.facts, Some(queue), Some(agent));
        self.offers.insert(offer, (id, agent));
        self.person(agent).offered(offer, at_desk);
        self.count(scope, at, (Measure::Offers, 1));
        self.places.rung(queue, agent, at);
        self.note_offer(id, offer, at);
    }

    /// Tells of an offer as it is now.
    fn note_offer(&mut self, id: CallId, offer: OfferId, at: Millis) {
        if !self.notes.is_on {
            return;
        }
        let Some(call) = self.calls.get(&id) else { return };
        let Some(of) = call.offers.iter().find(|of| of.id == offer) else { return };
        self.notes.push(|| {
            Note::Offer(OfferRow {
                id: offer,
                call: Arc::clone(&call.facts),
                agent: of.agent,
                queue: of.queue,
                made_at: of.made_at,
                end: of.end,
                ended_at: at,
                answer_ms: of.answer_ms,
            })
        });
    }

    /// An offer is over, as `end`; one that was over before is counted as `end` instead.
    pub(super) fn offer_ended(&mut self, offer: OfferId, end: Measure, at: Millis) {
        let Some((id, agent)) = self.offers.get(&offer).copied() else { return };
        self.person(agent).offer_closed(offer);
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Some(found) = call.offers.iter_mut().find(|o| o.id == offer) else { return };
        let before = found.end.replace(end);
        let (queue, made_at) = (found.queue, found.made_at);
        let answer_before = std::mem::take(&mut found.answer_ms);
        let accepted = end == Measure::Accepted;
        found.answer_ms = if accepted { at.since(made_at) } else { 0 };
        let mut counted = Counted::from((end, 1));
        before.into_iter().for_each(|before| counted.push(before, -1));
        counted.push(Measure::AnswerMs, as_amount(found.answer_ms) - as_amount(answer_before));
        let scope = self.notes.scope(&call.facts, Some(queue), Some(agent));
        self.count(scope, made_at, counted);
        self.note_offer(id, offer, at);
    }

    pub(super) fn answered(&mut self, id: CallId, offer: OfferId, agent: AgentIx, at: Millis) {
        self.offer_ended(offer, Measure::Accepted, at);
        let person = self.person(agent);
        person.takes(id, false);
        person.reached();
        let Some(call) = self.calls.get_mut(&id) else { return };
        // Not in the line any more.
        if let Some(stay) = call.stay.as_ref().filter(|stay| stay.end.is_none()) {
            self.waiting.remove(&(stay.queue, stay.entered_at, id));
        }
        // A late answer may be of a queue that the call has left.
        let through = call.offers.iter().find(|o| o.id == offer).map(|o| o.queue);
        call.held = false;
        call.waited_in = call.queue;
        call.queue = through.or(call.queue);
        call.join(agent, at);
        let Some(stay) = call.stay.as_mut().filter(|stay| stay.end.is_none()) else {
            call.served_by = through.or(call.served_by);
            return;
        };
        (stay.end, stay.waited_ms) = (Some(Measure::Answered), at.since(stay.entered_at));
        call.served_by = through.or(Some(stay.queue));
        let (wait, queue) = (Waited::of(stay, Measure::Answered), Some(stay.queue));
        let scope = self.notes.scope(&call.facts, queue, None);
        let note = self.notes.is_on.then(|| stay.clone());
        self.count_wait(scope, &wait);
        self.notes.all.extend(note.map(Note::Stay));
    }

    pub(super) fn join_failed(&mut self, id: CallId, offer: OfferId, agent: AgentIx, at: Millis) {
        self.person(agent).leaves(id);
        self.unjoin(id, agent);
        self.offer_ended(offer, Measure::OffersFailed, at);
        self.take_back_answer(id);
    }
}
