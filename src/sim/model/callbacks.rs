//! Callbacks: a caller hangs up and keeps the place; an agent is offered it, then the customer is
//! dialled.

use super::{Call, Callback, Done, Model, No, State};
use crate::domain::event::{OfferFailure, Outcome, Withdrawn};
use crate::domain::media::Media;
use crate::sim::fact::Fact;

impl Model {
    /// Nobody is on the line yet.
    pub(super) fn calls_back(&self, call: usize) -> bool {
        self.calls[call].callback.as_ref().is_some_and(|callback| !callback.reached)
    }

    fn is_dialing(&self, call: usize) -> bool {
        self.calls[call].callback.as_ref().is_some_and(|callback| callback.dialing.is_some())
    }

    pub(super) fn can_call_back(&self, call: usize) -> bool {
        let c = &self.calls[call];
        c.media == Media::Voice
            && c.direct.is_none()
            && !self.calls_back(call)
            && self.switches[c.switch].can.originate
    }

    /// A callback takes the place of a caller.
    pub(super) fn call_back(&mut self, of: usize) {
        let old = &self.calls[of];
        let new = Call {
            name: format!("{}+", old.name),
            queue: old.queue,
            priority: old.priority,
            skills: old.skills.clone(),
            steps: old.steps.clone(),
            preferred: old.preferred.clone(),
            step: old.step,
            widths: old.widths,
            entered_at: old.entered_at,
            queued_at: old.queued_at,
            away_ms: old.away_ms,
            ..Call::new("", old.switch, Media::Voice, &old.from, self.now)
        };
        self.begin_callback(new);
    }

    /// A supervisor asks for one.
    pub(super) fn make_callback(&mut self, name: &str, queue: &str, switch: &str) -> Done {
        let queue = self.queue_named(queue).filter(|q| *q != super::LINE).ok_or(No)?;
        let switch = self.switch_named(switch).ok_or(No)?;
        let able = self.switches[switch].can.originate;
        if self.queues[queue].config.media != Media::Voice || !able {
            return Err(No);
        }
        let new = Call::new(name, switch, Media::Voice, "+15550002", self.now);
        self.begin_callback(Call { queue, ..new });
        Ok(())
    }

    fn begin_callback(&mut self, mut new: Call) {
        new.callback = Some(Callback { made_at: self.now, ..Callback::default() });
        new.counted_day = self.day;
        let queue = new.queue;
        self.queues[queue].today.offered += 1;
        let fact =
            Fact::Callback { call: new.name.clone(), queue: self.queues[queue].name.clone() };
        self.calls.push(new);
        self.fact(fact);
    }

    /// The agent has answered.
    pub(super) fn dial_customer(&mut self, call: usize) {
        if !self.calls_back(call) {
            return;
        }
        let ms = self.queues[self.calls[call].queue].config.callback.dial_for_ms;
        let until = self.now.plus(ms);
        if let Some(callback) = &mut self.calls[call].callback {
            callback.dialing = Some(until);
        }
        let call = self.calls[call].name.clone();
        self.fact(Fact::Dialed { call });
    }

    pub(super) fn customer_answered(&mut self, call: usize) {
        if !self.is_dialing(call) {
            return;
        }
        let now = self.now;
        let c = &mut self.calls[call];
        c.connected_at = now;
        if let Some(callback) = &mut c.callback {
            callback.dialing = None;
            callback.reached = true;
        }
        let call = c.name.clone();
        self.fact(Fact::Reached { call });
    }

    /// The attempt is over; its agent has done no work.
    pub(super) fn customer_missed(&mut self, call: usize) {
        if !self.is_dialing(call) {
            return;
        }
        let plan = self.queues[self.calls[call].queue].config.callback.clone();
        let again_at = self.now.plus(plan.retry_after_ms);
        let c = &mut self.calls[call];
        c.state = State::Waiting;
        c.queue = c.waited_in;
        c.held = false;
        c.tried.clear();
        c.pass_began = None;
        c.pass_spaced = false;
        let mut spent = false;
        if let Some(callback) = &mut c.callback {
            callback.attempts += 1;
            callback.dialing = None;
            spent = callback.attempts >= plan.attempts;
            callback.not_before = (!spent).then_some(again_at);
        }
        let name = c.name.clone();
        self.uncount_answered(call);
        self.fact(Fact::Unreached { call: name });
        if spent {
            self.end(call, Outcome::Failed, Withdrawn::Ended);
        }
    }

    /// Its switch started anew, or no longer has what was dialled. What rings there it may not have been
    /// told yet.
    pub(super) fn callback_lost(&mut self, call: usize, started_anew: bool) {
        for offer in self.open_offers(call) {
            if started_anew && !self.offers[offer].at_desk {
                self.fail(offer, OfferFailure::Error, false);
            }
        }
        self.customer_missed(call);
    }

    pub(super) fn cancel(&mut self, call: &str) -> Done {
        let call = self.calls.iter().rposition(|c| c.name == call).ok_or(No)?;
        if self.calls[call].state != State::Waiting || !self.calls_back(call) {
            return Err(No);
        }
        self.end(call, Outcome::Exited, Withdrawn::Ended);
        Ok(())
    }
}
