//! The state as events: for a fold that has lost its own, where the records that led here are no
//! longer kept.

use super::Engine;
use super::state::{Agent, Stage};
use crate::domain::event::{Cause, Event};
use crate::domain::ids::{CallId, QueueIx};
use crate::domain::objects::Member;
use crate::domain::time::Millis;

impl Engine {
    /// Events that lead a fold which knows nothing to the present floor, each with its time, in their
    /// order. What has ended before is not in them.
    #[must_use]
    pub fn retold(&self) -> Vec<(Millis, Event)> {
        let mut told = vec![(Millis(0), Event::AccountSet(Box::new(self.state.account.clone())))];
        let by = || "node".into();
        for queue in &self.state.queues {
            if self.state.direct_line == Some(queue.ix) {
                told.push((Millis(0), Event::DirectLineMade {}));
                continue;
            }
            let config = Box::new((*queue.config).clone());
            told.push((
                Millis(0),
                Event::QueuePut { id: queue.id.clone(), by: by(), queue: config },
            ));
            if queue.deleted {
                told.push((Millis(0), Event::QueueDeleted { queue: queue.ix, by: by() }));
            }
        }
        for agent in &self.state.agents {
            self.retell_agent(agent, &mut told);
        }
        let live = self.derived.switch_calls.iter().flatten();
        for id in live {
            self.retell_call(*id, &mut told);
        }
        for agent in &self.state.agents {
            for work in &agent.wrap_ups {
                let (call, queue, until) = (work.call, work.queue, work.until);
                let began = Event::WrapUpStarted { call, agent: agent.ix, queue, until };
                told.push((self.state.at, began));
            }
        }
        // What was planned before is not known: it counts from now on.
        for (id, item) in &self.state.calendars {
            if let Some(calendar) = &item.value {
                let (id, by, calendar) = (id.clone(), "node".into(), Box::new(calendar.clone()));
                told.push((self.state.at, Event::CalendarPut { id, by, calendar }));
            }
        }
        self.retell_alerts(&mut told);
        // Of one instant, in the order in which they were told.
        told.sort_by_key(|(at, _)| *at);
        told
    }

    /// Since when each agent does what is done now: no event says it.
    #[must_use]
    pub fn doing_since(&self) -> Vec<Millis> {
        self.state.agents.iter().map(|agent| agent.since).collect()
    }

    fn retell_alerts(&self, told: &mut Vec<(Millis, Event)>) {
        for (id, item) in &self.state.alert_rules {
            if let Some(rule) = &item.value {
                let (id, by, rule) = (id.clone(), "node".into(), Box::new(rule.clone()));
                told.push((Millis(0), Event::AlertRulePut { id, by, rule }));
            }
        }
        let open = self.state.alerts.iter().filter(|(_, alert)| alert.resolved.is_none());
        for (id, alert) in open {
            let raised = Event::AlertRaised {
                alert: *id,
                rule: alert.rule.clone(),
                name: alert.name.clone(),
                figure: alert.figure.clone(),
                of: alert.by,
                subject: alert.subject.clone(),
                severity: alert.severity,
                value: alert.value,
            };
            told.push((alert.raised_at, raised));
        }
    }

    fn retell_agent(&self, agent: &Agent, told: &mut Vec<(Millis, Event)>) {
        let ix = agent.ix;
        let put = Event::UserPut {
            id: agent.id.clone(),
            by: "node".into(),
            user: Box::new((*agent.user).clone()),
            personal: agent.personal,
            has_endpoint: agent.has_endpoint,
        };
        told.push((Millis(0), put));
        for team in &agent.teams {
            let joined = Event::TeamJoined { team: team.clone(), agent: ix, by: "node".into() };
            told.push((Millis(0), joined));
        }
        for pair in &agent.pairs {
            let (queue, by) = (pair.queue, || "node".into());
            let member = Member { stars: pair.stars, position: pair.position };
            let source = pair.source;
            told.push((Millis(0), Event::MemberPut { queue, agent: ix, by: by(), member, source }));
            if !pair.opted_in {
                let out = Event::OptedIn { agent: ix, queue, opted_in: false, by: by() };
                told.push((Millis(0), out));
            }
        }
        let at = agent.status_at;
        let (status, reason) = (agent.status, agent.reason.clone());
        told.push((
            at,
            Event::StatusSet { agent: ix, status, reason, cause: Cause::Own, by: None },
        ));
        if !agent.blocked {
            told.push((Millis(0), Event::BlockEnded { agent: ix }));
        }
        let mut now = |event| told.push((self.state.at, event));
        for desk in &agent.desks {
            now(Event::DeskOpened { agent: ix, desk: *desk });
        }
        if let Some(grace_until) = agent.grace_until {
            // Of the desk that was lost nothing else is known.
            let (desk, grace_until) = (u64::MAX, Some(grace_until));
            now(Event::DeskClosed { agent: ix, desk, grace_until });
        }
        if let Some(next) = agent.next.clone() {
            now(Event::NextSet { agent: ix, next: Some(next) });
        }
        if agent.device_lost {
            now(Event::DeviceLost { agent: ix, unreached: false });
        }
        if agent.device_unreached {
            now(Event::DeviceLost { agent: ix, unreached: true });
        }
        if let Some(until) = agent.delay_until {
            now(Event::Delayed { agent: ix, until });
        }
        for (switch, subject) in &agent.own_calls {
            let (switch, subject) = (*switch, subject.clone());
            now(Event::OwnCallStarted { agent: ix, switch, subject, internal: false });
        }
    }

    fn retell_call(&self, id: CallId, told: &mut Vec<(Millis, Event)>) {
        let Some(call) = self.state.call(id) else { return };
        let arrived = Event::CallArrived {
            call: id,
            switch: call.switch,
            subject: call.subject.clone(),
            media: call.media,
            to: call.to.clone(),
            personal: call.personal,
            priority: call.priority,
            skills: Vec::new(),
            replayed: false,
            route_priority: 0,
            route_skills: Vec::new(),
            steps: None,
            preferred: None,
        };
        told.push((call.arrived_at, arrived));
        // One whose agents have all left it waits nowhere.
        let left = call.stage == Stage::Connected && call.legs.is_empty();
        let stays = call.stage != Stage::New && !left;
        let entered = |queue: QueueIx| Event::CallQueued { call: id, queue, hop: false };
        // Answered, it is of the queue that it was answered for; here counts where it had waited.
        let answered_from = call.waited_in.filter(|_| call.stage == Stage::Connected);
        if let Some(queue) = answered_from.or(call.queue).filter(|_| stays) {
            // A callback's age is that of the call whose place it has.
            told.push((call.queued_at.max(call.arrived_at), entered(queue)));
        }
        for offer in call.open_offers() {
            let made = Event::CallOffered {
                call: id,
                offer: offer.id,
                agent: offer.agent,
                round: offer.round,
                ring_for_ms: offer.ring_for_ms,
                until: offer.until,
                full_ring: offer.full_ring,
                at_desk: offer.at_desk,
                through: offer.through,
                over: offer.over,
                why: offer.why.clone(),
                dice: None,
            };
            told.push((offer.made_at, made));
            if offer.ringing && !offer.at_desk {
                told.push((self.state.at, Event::OfferRinging { offer: offer.id }));
            }
        }
        for (n, leg) in call.legs.iter().enumerate() {
            let (agent, offer) = (leg.agent, leg.offer);
            // The first of those who have it now stands for whoever answered.
            let event = if n == 0 {
                Event::CallAnswered { call: id, offer, agent, over: false, connect: false }
            } else {
                Event::CallJoined { call: id, agent }
            };
            told.push((leg.since, event));
        }
        if call.held {
            told.push((self.state.at, Event::CallHeld { call: id }));
        }
        if call.is_dialing()
            && let Some(offer) = call.legs.iter().map(|leg| leg.offer).next()
        {
            let dialed = Event::CustomerDialed { call: id, offer, until: self.state.at };
            told.push((self.state.at, dialed));
        }
    }
}
