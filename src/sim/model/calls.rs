//! Calls: arrival, entry into a queue, exits, the end, wrap-up.

use super::{Call, Done, LINE, Model, No, State, WrapUp};
use crate::domain::event::{Outcome, Withdrawn};
use crate::domain::media::Media;
use crate::domain::objects::queue::{Exit, QueueKind, RingFor};
use crate::domain::objects::{Preferred, Route, SkillNeed, Step, Target};
use crate::domain::presence::Status;
use crate::domain::switching::EndedBy;
use crate::domain::time::Millis;
use crate::sim::fact::{Fact, target_text};
use crate::sim::step::To;

/// A call's replay is over so long after its last replayed event.
const REPLAY_MS: u64 = 2_000;

/// Where a call can be sent within the house.
#[derive(Clone, Copy)]
enum Place {
    Queue(usize),
    User(usize),
}

/// What a call brings along.
pub(super) struct Arriving<'a> {
    pub to: &'a To,
    pub media: Media,
    pub priority: i32,
    pub skills: &'a [SkillNeed],
    pub from: &'a str,
    pub steps: Option<&'a [Step]>,
    pub preferred: Option<&'a Preferred>,
    pub replayed: bool,
}

impl Model {
    pub(super) fn arrive(&mut self, switch: usize, name: &str, what: &Arriving<'_>) {
        let (place, route) = self.directed(what.to);
        let place = place.filter(|place| self.takes(*place, what.media));
        let (route_priority, route_skills) =
            route.map_or((0, Vec::new()), |r| (r.priority, r.skills));
        self.calls.push(Call {
            priority: (what.priority, route_priority),
            skills: (what.skills.to_vec(), route_skills),
            steps: what.steps.map(<[Step]>::to_vec),
            preferred: what.preferred.cloned(),
            replay_until: what.replayed.then(|| self.now.plus(REPLAY_MS)),
            ..Call::new(name, switch, what.media, what.from, self.now)
        });
        let call = self.calls.len() - 1;
        match place {
            Some(place) => self.send(call, place),
            None => self.end(call, Outcome::Failed, Withdrawn::Ended),
        }
    }

    /// Where a call is directed, and the route that said so.
    fn directed(&self, to: &To) -> (Option<Place>, Option<Route>) {
        match to {
            To::Queue(name) => (self.queue_place(name), None),
            To::Agent(name) => (self.agent_named(name).map(Place::User), None),
            To::Extension(ext) => (self.extension(ext), None),
            To::Number(number) => {
                let route = self.routes.iter().find(|(_, r)| r.number == *number);
                match route.map(|(_, r)| r.clone()) {
                    Some(route) => (self.place(&route.to), Some(route)),
                    None => (self.extension(number), None),
                }
            }
        }
    }

    fn queue_place(&self, name: &str) -> Option<Place> {
        self.queue_named(name).map(Place::Queue)
    }

    fn extension(&self, ext: &str) -> Option<Place> {
        let group = |q: &super::Queue| {
            q.config.kind == QueueKind::Group && q.config.extension.as_deref() == Some(ext)
        };
        let user = |a: &super::Agent| a.user.extension.as_deref() == Some(ext);
        let group = self.queues.iter().position(group).map(Place::Queue);
        group.or_else(|| self.agents.iter().position(user).map(Place::User))
    }

    fn place(&self, target: &Target) -> Option<Place> {
        match target {
            Target::Queue(name) | Target::Group(name) => self.queue_place(name),
            Target::Agent(user) => {
                self.agent_named(user.strip_prefix("usr_").unwrap_or(user)).map(Place::User)
            }
            Target::Number(_) | Target::Voicemail(_) | Target::Callback(_) | Target::End(_) => None,
        }
    }

    /// A queue takes calls of its own medium only.
    fn takes(&self, place: Place, media: Media) -> bool {
        match place {
            Place::Queue(queue) => self.queues[queue].config.media == media,
            Place::User(_) => true,
        }
    }

    fn send(&mut self, call: usize, place: Place) {
        match place {
            Place::Queue(queue) => self.enter(call, queue),
            Place::User(agent) => {
                self.enter(call, LINE);
                self.calls[call].direct = Some(agent);
                self.calls[call].picked = Some(agent);
            }
        }
    }

    /// The call waits in a queue from now on; its age stays.
    pub(super) fn enter(&mut self, call: usize, queue: usize) {
        let (now, caller) = (self.now, !self.calls_back(call));
        let c = &mut self.calls[call];
        c.state = State::Waiting;
        c.counted_day = self.day;
        c.queue = queue;
        c.queued_at = now;
        c.away_ms = 0;
        c.entering = caller;
        c.exit_due = None;
        c.tried.clear();
        c.pass_began = None;
        c.pass_spaced = false;
        c.cursor = None;
        c.attempts = 0;
        c.widths = 0;
        c.announced = 0;
        c.held = false;
        c.hold = None;
        c.picked = None;
        c.direct = None;
        let fact = Fact::Queued { call: c.name.clone(), queue: self.queues[queue].name.clone() };
        self.fact(fact);
        self.queues[queue].today.offered += 1;
        if queue == LINE {
            return;
        }
        self.begin_waiting(call);
        if caller && self.is_closed(queue) {
            self.calls[call].exit_due = Some(Exit::Closed);
        }
    }

    fn is_closed(&self, queue: usize) -> bool {
        let Some(name) = &self.queues[queue].config.exits.closed else { return false };
        let known = self.calendars.iter().find(|(known, _)| known == name);
        known.is_some_and(|(_, calendar)| !calendar.is_open(self.now, &self.account.time_zone))
    }

    /// The waiting caller asks to leave.
    pub(super) fn asks_to_leave(&mut self, call: usize) {
        let queue = self.calls[call].queue;
        let way = match &self.queues[queue].config.exits.on_choice {
            Some(Target::Callback(_)) => self.can_call_back(call),
            way => way.is_some(),
        };
        if self.calls[call].state != State::Waiting || !way || self.calls_back(call) {
            return;
        }
        if self.stands_still(call) {
            self.calls[call].exit_due = Some(Exit::Choice);
        } else {
            let over = self.total_left(call) == Some(0);
            self.exit(call, if over { Exit::Total } else { Exit::Choice });
        }
    }

    /// The call leaves its queue; open offers end with it.
    pub(super) fn exit(&mut self, call: usize, exit: Exit) {
        let queue = self.calls[call].queue;
        let target = match self.calls[call].direct {
            Some(agent) if exit == Exit::Unattended => {
                let a = &self.agents[agent];
                let offline = a.status == Status::Offline;
                a.user.direct.target(&format!("usr_{}", a.name), offline)
            }
            _ if self.calls_back(call) => Target::End(true),
            _ => self.queues[queue].config.exits.target(exit).clone(),
        };
        for offer in self.open_offers(call) {
            self.withdraw(offer, Withdrawn::Exit);
        }
        let name = self.calls[call].name.clone();
        self.fact(Fact::Exited { call: name, exit, to: target_text(&target) });
        self.count_exited(call);
        let media = self.calls[call].media;
        match self.place(&target).filter(|place| self.takes(*place, media)) {
            // A chain of overflows ends.
            Some(next) if self.calls[call].hops < self.account.max_hops => {
                self.calls[call].hops += 1;
                self.send(call, next);
            }
            _ => {
                if matches!(target, Target::Callback(_)) && self.can_call_back(call) {
                    self.call_back(call);
                }
                self.end(call, Outcome::Exited, Withdrawn::Exit);
            }
        }
    }

    /// `total` is over: what has rung its whole time, or was to ring until now, is missed; the rest
    /// is cut short.
    pub(super) fn total_over(&mut self, call: usize) {
        let until_total = |m: &Model, offer: usize| {
            let o = &m.offers[offer];
            let config = &m.queues[o.queue].config;
            o.full_ring
                && (config.plan.ring_for == RingFor::Total
                    || o.made_at.plus(o.ring_for_ms) <= m.now)
        };
        for offer in self.open_offers(call) {
            if self.offers[offer].ending.is_some() {
                continue;
            }
            if until_total(self, offer) {
                self.miss(offer, false);
            } else {
                self.withdraw(offer, Withdrawn::Exit);
            }
        }
        self.exit(call, Exit::Total);
    }

    /// The caller is told the place in the line; what an outage kept from being told is passed over.
    pub(super) fn announce(&mut self, call: usize) {
        let c = &self.calls[call];
        let Some(announce) = self.queues[c.queue].config.announce else { return };
        let waited = self.now.since(c.queued_at.plus(c.away_ms));
        let times = announce.times(waited).max(c.announced + 1);
        let before = |other: &usize| {
            self.calls[*other].queue == c.queue
                && (self.rank(*other), *other) <= (self.rank(call), call)
        };
        let position = self.waiting().iter().filter(|other| before(other)).count();
        let name = c.name.clone();
        self.calls[call].announced = times;
        self.fact(Fact::Announced { call: name, position });
    }

    pub(super) fn max_wait_over(&mut self, call: usize) {
        self.calls[call].exit_due = Some(Exit::MaxWait);
    }

    /// The call is over: its offers go, its agent wraps up.
    pub(super) fn end(&mut self, call: usize, outcome: Outcome, reason: Withdrawn) {
        for offer in self.open_offers(call) {
            if self.offers[offer].ending.is_none() {
                self.withdraw(offer, reason);
            }
        }
        let state = std::mem::replace(&mut self.calls[call].state, State::Ended);
        if let State::Connected { agent } = state {
            self.leg_over(call, agent);
        }
        self.ended_fact(call, outcome);
        let (switch, name) = (self.calls[call].switch, self.calls[call].name.clone());
        let switch = self.switches[switch].name.clone();
        self.parked.retain(|p| p.report.switch != switch || p.report.subject != name);
    }

    /// After-call work follows each connected queue or group call.
    fn leg_over(&mut self, call: usize, agent: usize) {
        let queue = self.calls[call].queue;
        self.talked(call, agent);
        let ms = self.queues[queue].config.wrap_up.ms;
        if ms == 0 {
            self.agents[agent].idle_since = self.now;
            return;
        }
        let fact = Fact::WrapUp {
            agent: self.agents[agent].name.clone(),
            call: self.calls[call].name.clone(),
            for_ms: ms,
        };
        let (media, until) = (self.calls[call].media, self.now.plus(ms));
        self.agents[agent].wrap_ups.push(WrapUp { call, queue, media, until });
        self.fact(fact);
    }

    pub(super) fn abandon(&mut self, call: usize) {
        if self.calls_back(call) {
            return self.customer_missed(call);
        }
        if self.calls[call].state != State::Waiting {
            return self.end(call, Outcome::Answered, Withdrawn::Ended);
        }
        let name = self.calls[call].name.clone();
        self.fact(Fact::Abandoned { call: name });
        if self.is_today(call) {
            let queue = self.calls[call].queue;
            let waited = self.now.since(self.calls[call].queued_at);
            let short = waited < self.queues[queue].config.short_abandon_ms;
            self.queues[queue].today.abandoned += 1;
            self.queues[queue].today.short_abandoned += u64::from(short);
        }
        self.end(call, Outcome::Abandoned, Withdrawn::Abandoned);
    }

    pub(super) fn ended(&mut self, call: usize, by: EndedBy) {
        if self.calls_back(call) {
            return self.customer_missed(call);
        }
        match self.calls[call].state {
            State::Waiting if by == EndedBy::Caller => self.abandon(call),
            State::Waiting => self.end(call, Outcome::Failed, Withdrawn::Ended),
            _ => self.end(call, Outcome::Answered, Withdrawn::Ended),
        }
    }

    pub(super) fn transferred(&mut self, call: usize, to: &To, attended: bool) {
        let place = match to {
            To::Number(_) => None,
            other => self.directed(other).0,
        };
        let media = self.calls[call].media;
        let place = place.filter(|place| self.takes(*place, media));
        let State::Connected { agent } = self.calls[call].state else { return };
        if self.calls_back(call) {
            return;
        }
        match place {
            // To whom has it already it changes nothing.
            Some(Place::User(next)) if attended && next == agent => {}
            Some(Place::User(next)) if attended => {
                self.leg_over(call, agent);
                while let Some(i) =
                    self.agents[next].wrap_ups.iter().position(|run| run.call == call)
                {
                    self.end_wrap_up(next, i);
                }
                self.calls[call].handed = true;
                let c = &mut self.calls[call];
                c.state = State::Connected { agent: next };
                c.connected_at = self.now;
                c.held = false;
            }
            Some(place) => {
                self.leg_over(call, agent);
                self.calls[call].hops = 0;
                self.send(call, place);
            }
            None => self.end(call, Outcome::Transferred, Withdrawn::Ended),
        }
    }

    pub(super) fn hang_up(&mut self, call: &str) -> Done {
        let call = self.calls.iter().rposition(|c| c.name == call).ok_or(No)?;
        if !matches!(self.calls[call].state, State::Connected { .. }) {
            return Err(No);
        }
        if self.calls_back(call) {
            self.customer_missed(call);
            return Ok(());
        }
        self.end(call, Outcome::Answered, Withdrawn::Ended);
        Ok(())
    }

    /// Whether the call entered its queue on the account's present day.
    fn is_today(&self, call: usize) -> bool {
        self.calls[call].counted_day == self.day
    }

    pub(super) fn count_exited(&mut self, call: usize) {
        if self.is_today(call) {
            let queue = self.calls[call].queue;
            self.queues[queue].today.exited += 1;
        }
    }

    pub(super) fn count_answered(&mut self, call: usize) {
        if self.is_today(call) {
            let queue = self.calls[call].queue;
            self.queues[queue].today.answered += 1;
        }
    }

    pub(super) fn uncount_answered(&mut self, call: usize) {
        if self.is_today(call) {
            let queue = self.calls[call].queue;
            self.queues[queue].today.answered -= 1;
        }
    }

    /// A replayed event keeps the call's replay going; any other ends it, and the frozen state.
    pub(super) fn heard_about(&mut self, call: usize, replayed: bool) {
        let now = self.now;
        let c = &mut self.calls[call];
        c.frozen_until = None;
        if c.replay_until.is_some() {
            c.replay_until = replayed.then(|| now.plus(REPLAY_MS));
        }
    }
}

/// Days since 1970-01-01 in UTC, the zone of the model's accounts.
pub(super) fn day_of(at: Millis) -> i64 {
    at.0.div_euclid(86_400_000)
}
