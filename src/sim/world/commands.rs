//! What a switch does with its commands, and what callers and phones do: the truth, and the checks
//! that only the truth can make.

use super::edges::EdgeAct;
use super::exchange::{Call, Leg, Stage};
use super::furnish::Seat;
use super::people::Reaction;
use super::{Act, World};
use crate::domain::ids::{CommandId, Name, OfferId};
use crate::domain::input::Query;
use crate::domain::media::Media;
use crate::domain::objects::SkillNeed;
use crate::domain::switching::{
    Arrival, ArrivalTarget, Command, CommandFailure, Effect, EndedBy, FailReason, Happening,
    SyncCall, SyncState, TransferKind, TransferTo,
};
use crate::domain::time::Millis;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Who has picked up waits so long for the caller, in milliseconds.
const GIVE_UP_MS: u64 = 8_000;

impl World<'_> {
    /// A caller dials.
    pub(super) fn call_in(&mut self, edge: usize) {
        let line = self.dice.below(self.house.lines.len());
        let (id, chat) = (self.house.lines[line].id.clone(), self.house.lines[line].chat);
        let by_extension = self.dice.once_in(2);
        let seat = self.dice.below(self.house.seats.len());
        let target = match self.house.lines[line].extension.clone() {
            _ if self.dice.once_in(10) => ArrivalTarget::Agent(self.house.seats[seat].id.clone()),
            Some(extension) if by_extension => ArrivalTarget::Extension(extension),
            Some(_) => ArrivalTarget::Group(id),
            None => ArrivalTarget::Queue(id),
        };
        // People are called by phone.
        let chat = chat && !matches!(target, ArrivalTarget::Agent(_));
        let skills = if self.dice.once_in(5) {
            let min = u16::try_from(self.dice.between(1, 60)).unwrap_or(1);
            vec![SkillNeed { skill: "spanish".into(), min, max: None }]
        } else {
            Vec::new()
        };
        let name = self.edges[edge].call_name();
        if !skills.is_empty() {
            self.follower.choosy.insert(name.clone());
        }
        let arrival = Arrival {
            media: if chat { Media::Chat } else { Media::Voice },
            from: Some("+15551230001".into()),
            to: None,
            target: (!self.dice.once_in(40)).then_some(target),
            priority: if self.dice.once_in(5) { 2 } else { 0 },
            skills,
            steps: None,
            preferred: None,
            attributes: BTreeMap::new(),
        };
        let call = Call { is_chat: chat, ..Call::default() };
        self.edges[edge].truth.calls.insert(name.clone(), call);
        self.count("call");
        self.tell(edge, &name, Happening::CallArrived(Box::new(arrival)));
        let patience = self.dice.one_of(&[1_500, 8_000, 20_000, 60_000]);
        let patience = self.dice.between(patience / 2, patience);
        self.at_edge(edge, patience, EdgeAct::Impatient(name.clone()));
        if self.dice.once_in(8) {
            let priority = Some(i32::try_from(self.dice.between(0, 5)).unwrap_or(0));
            self.tell(
                edge,
                &name,
                Happening::CallUpdated { priority, skills: None, attributes: None },
            );
        }
    }

    /// Does commands, in order; those done before are passed over.
    pub(super) fn carry_out(
        &mut self,
        edge: usize,
        commands: &[Arc<Command>],
    ) -> Result<(), String> {
        for command in commands {
            let done = self.edges[edge].has_done(command.seq);
            if done && !self.strikes("command done again", self.plan.odds.command_redone) {
                continue;
            }
            self.edges[edge].do_command(command.seq);
            let id = self.edges[edge].plan.id.clone();
            let of = command.call.clone().unwrap_or_default();
            if !done && self.strikes("command dropped", self.plan.odds.command_dropped) {
                self.say(format!(
                    "{id} drops {} for {of:?}: {}",
                    command.seq,
                    kind(&command.effect)
                ));
                continue;
            }
            self.say(format!("{id} does {} for {of:?}: {}", command.seq, kind(&command.effect)));
            self.count("command");
            self.carry_out_one(edge, &of, command)?;
        }
        Ok(())
    }

    fn carry_out_one(&mut self, edge: usize, of: &Name, command: &Command) -> Result<(), String> {
        if matches!(command.effect, Effect::SwitchSync {}) {
            self.sync(edge);
            return Ok(());
        }
        let is_past = command.deadline <= self.host.time();
        if let Effect::OfferRing { callback: true, .. } = &command.effect
            && !is_past
        {
            self.edges[edge].truth.begin_attempt(of);
        }
        let lives = self.edges[edge].truth.calls.contains_key(of);
        let calls_back = self.edges[edge].truth.calls.get(of).is_some_and(|call| call.calls_back);
        match &command.effect {
            Effect::OfferRing { .. }
            | Effect::CallConnect { .. }
            | Effect::CallOriginate { .. }
                if !lives =>
            {
                self.fails(edge, of, command, CommandFailure::UnknownCall);
            }
            Effect::OfferRing { .. } if is_past => {
                self.fails(edge, of, command, CommandFailure::Expired);
            }
            Effect::OfferRing { offer, agent, round, ring_for_ms, .. } => {
                self.ring(edge, of, command, (*offer, agent, *round, *ring_for_ms))?;
            }
            Effect::OfferCancel { offer, .. } => self.cancel(edge, of, *offer),
            Effect::OfferAnswer { offer } => self.at_edge(edge, 5, EdgeAct::PickUp(*offer)),
            Effect::CallConnect { offer, .. } => self.connect(edge, of, command, *offer)?,
            // Nobody dials from a desk in this world.
            Effect::CallOriginate { offer: None, .. } => {}
            Effect::CallOriginate { offer: Some(offer), .. } => {
                self.dial(edge, of, command, *offer);
            }
            Effect::CallEnd { .. } if calls_back => self.edges[edge].truth.end_attempt(of),
            Effect::CallEnd { .. } | Effect::CallRoute { .. } if lives => {
                if self.dice.once_in(2) {
                    self.tell(edge, of, Happening::CallEnded { by: EndedBy::Switch });
                }
                self.edges[edge].truth.calls.remove(of);
            }
            Effect::CallQueue { .. }
            | Effect::CallAnnounce { .. }
            | Effect::CallHold {}
            | Effect::CallResume {}
            | Effect::CallTransfer { .. }
            | Effect::CallSupervise { .. }
            | Effect::CallEnd { .. }
            | Effect::CallRoute { .. }
            | Effect::SwitchSync {} => {}
        }
        Ok(())
    }

    /// Says which calls live.
    pub(super) fn sync(&mut self, edge: usize) {
        let mut calls = self.edges[edge].truth.sync();
        let own = self.edges[edge].own.iter().map(|(subject, _)| subject.to_string());
        calls.extend(own.map(|call| SyncCall { call, state: SyncState::Connected, offer: None }));
        self.tell(edge, "", Happening::SwitchSync { calls });
    }

    fn fails(&mut self, edge: usize, of: &Name, command: &Command, reason: CommandFailure) {
        let of = if self.edges[edge].truth.calls.contains_key(of) { &**of } else { "" };
        self.tell(edge, of, Happening::CommandFailed { command: command.id, reason });
    }

    fn ring(
        &mut self,
        edge: usize,
        of: &Name,
        command: &Command,
        (offer, agent, round, ring_for_ms): (OfferId, &Name, u32, u64),
    ) -> Result<(), String> {
        let Some(call) = self.edges[edge].truth.calls.get(of) else { return Ok(()) };
        if call.legs.contains_key(&offer) {
            return Ok(());
        }
        if call.talks() {
            self.fails(edge, of, command, CommandFailure::NotApplicable);
            return Ok(());
        }
        let is_chat = call.is_chat;
        self.check_phone(agent, is_chat, command)?;
        self.check_round(edge, of, command)?;
        self.edges[edge].truth.ring(of, offer, agent, round, command);
        if !self.dice.once_in(4) {
            self.tell(edge, of, Happening::OfferRinging { offer });
        }
        if self.edges[edge].plan.times_ring {
            let rung_out = EdgeAct::Fails(offer, FailReason::NoAnswer);
            self.at_edge(edge, ring_for_ms, rung_out);
        }
        let busy = self.engaged(agent, is_chat) >= self.lines_of(agent, is_chat);
        let reaction =
            if busy { Reaction::Fails(0, FailReason::Busy) } else { self.reaction(agent) };
        match reaction {
            Reaction::PicksUp(ms) => self.at_edge(edge, ms, EdgeAct::PickUp(offer)),
            Reaction::Fails(ms, reason) => self.at_edge(edge, ms, EdgeAct::Fails(offer, reason)),
            Reaction::LetsRing => {}
        }
        Ok(())
    }

    fn lines_of(&self, agent: &str, is_chat: bool) -> usize {
        let seat = self.house.seats.iter().find(|seat| seat.id == *agent);
        seat.map_or(1, |seat| if is_chat { seat.chats } else { seat.voice })
    }

    /// Legs of an agent that are picked up.
    fn engaged(&self, agent: &Name, is_chat: bool) -> usize {
        let legs = self.edges.iter().flat_map(|edge| edge.truth.legs_to(agent));
        legs.filter(|(.., leg)| leg.is_chat == is_chat && leg.stage != Stage::Rings).count()
    }

    /// Whether the engine had said that a leg is over, or was told so, when it decided `by`.
    fn is_released(
        &mut self,
        edge: usize,
        call: &Name,
        offer: OfferId,
        leg: &Leg,
        by: (CommandId, Millis),
    ) -> bool {
        let switch = &self.edges[edge].plan.id;
        let said = self.follower.commands_of(switch, call).any(|command| {
            command.id < by.0
                && match &command.effect {
                    Effect::OfferCancel { offer: of, .. } => *of == offer,
                    // The winner is another; or the call is over.
                    Effect::CallConnect { offer: of, .. } => *of != offer,
                    Effect::CallEnd { .. } | Effect::CallRoute { .. } => true,
                    _ => false,
                }
        });
        let told = leg.told.as_ref().is_some_and(|id| self.edges[edge].accepted.contains_key(id));
        // A command that was done twice rings for an offer whose end was told already.
        let ended = self.edges[edge].failed.get(&offer);
        let ended = ended.is_some_and(|id| self.edges[edge].accepted.contains_key(id));
        if said || ended || (!told && leg.until <= by.1) {
            return true;
        }
        // What a stale report of its own switch has ended is over for the engine.
        let found = self.follower.read(Query::FindCall {
            switch: self.edges[edge].plan.id.to_string(),
            switch_call: call.to_string(),
        });
        matches!(found["items"][0]["reason"].as_str(), Some("lost" | "switch_restart"))
    }

    /// A phone must not be rung beyond its capacity, as far as the engine could know.
    fn check_phone(&mut self, agent: &Name, is_chat: bool, ring: &Command) -> Result<(), String> {
        let legs: Vec<(usize, Name, OfferId, Leg)> = (0..self.edges.len())
            .flat_map(|edge| {
                let legs = self.edges[edge].truth.legs_to(agent);
                legs.map(move |(call, offer, leg)| (edge, call.clone(), offer, leg.clone()))
            })
            .collect();
        let mut held = Vec::new();
        for (edge, call, offer, leg) in legs {
            // Who talks is offered no chat.
            let counts = leg.is_chat == is_chat || is_chat;
            if counts
                && leg.by < ring.id
                && !self.is_released(edge, &call, offer, &leg, (ring.id, ring.time))
            {
                held.push(format!("{call} {:?}", leg.stage));
            }
        }
        let call = ring.call_id.map(|call| self.follower.read(Query::Call(call)));
        let is_direct = call.is_some_and(|call| !call["direct_to"].is_null());
        let waiting = |seat: &Seat| seat.id == **agent && seat.call_waiting && is_direct;
        let more = usize::from(self.house.seats.iter().any(waiting));
        if held.len() >= self.lines_of(agent, is_chat) + more {
            let more = ring.call.clone().unwrap_or_default();
            return Err(format!("{agent} is rung for {more} beside {held:?}"));
        }
        self.count("phone checked");
        Ok(())
    }

    /// A switch that cannot add a leg is given a new one only when the others are over.
    fn check_round(&mut self, edge: usize, of: &Name, ring: &Command) -> Result<(), String> {
        if self.edges[edge].plan.adds_leg {
            return Ok(());
        }
        let Some(call) = self.edges[edge].truth.calls.get(of) else { return Ok(()) };
        let legs: Vec<(OfferId, Leg)> =
            call.legs.iter().map(|(offer, leg)| (*offer, leg.clone())).collect();
        for (offer, leg) in legs {
            let other = leg.by < ring.id && leg.decided_at != ring.time;
            if other && !self.is_released(edge, of, offer, &leg, (ring.id, ring.time)) {
                return Err(format!("{of} gets a leg more while round {} rings", leg.round));
            }
        }
        Ok(())
    }

    /// Stops a leg; where the switch cannot stop one of several, all of them.
    fn cancel(&mut self, edge: usize, of: &Name, offer: OfferId) {
        let Some(call) = self.edges[edge].truth.calls.get(of) else { return };
        let stops = |at: &OfferId, leg: &Leg| {
            *at == offer || (!self.edges[edge].plan.cancels_one && leg.stage == Stage::Rings)
        };
        if !call.legs.contains_key(&offer) {
            return;
        }
        let legs: Vec<OfferId> =
            call.legs.iter().filter(|(at, leg)| stops(at, leg)).map(|(at, _)| *at).collect();
        for offer in legs {
            self.edges[edge].truth.drop_leg(offer);
            self.tell(edge, of, Happening::OfferFailed { offer, reason: FailReason::Cancelled });
        }
    }

    fn connect(
        &mut self,
        edge: usize,
        of: &Name,
        command: &Command,
        offer: OfferId,
    ) -> Result<(), String> {
        let Some(call) = self.edges[edge].truth.calls.get(of) else { return Ok(()) };
        let Some(leg) = call.legs.get(&offer) else {
            self.fails(edge, of, command, CommandFailure::NotApplicable);
            return Ok(());
        };
        if leg.stage == Stage::Talks {
            return Ok(());
        }
        let other = call.legs.iter().find(|(at, leg)| **at != offer && leg.stage == Stage::Talks);
        if let Some((other, leg)) = other.map(|(at, leg)| (*at, leg.clone()))
            && !self.is_released(edge, of, other, &leg, (command.id, command.time))
        {
            return Err(format!("{of} is joined to {offer} beside {other}"));
        }
        if let Some(leg) = self.edges[edge].truth.leg(offer) {
            leg.stage = Stage::Talks;
        }
        self.talk(edge, of);
        Ok(())
    }

    /// The customer is dialled for the agent who has picked up. Some switches never say what came
    /// of it.
    fn dial(&mut self, edge: usize, of: &Name, command: &Command, offer: OfferId) {
        let waits = self.edges[edge].truth.leg(offer).is_some_and(|leg| leg.stage == Stage::Waits);
        if !waits {
            self.fails(edge, of, command, CommandFailure::NotApplicable);
            self.edges[edge].truth.end_if_empty(of);
            return;
        }
        self.count("customer dialled");
        let failure = match self.dice.below(5) {
            0 if !self.is_calm() => return,
            1 => Some(FailReason::NoAnswer),
            2 => Some(FailReason::Busy),
            _ => None,
        };
        let ms = self.dice.between(100, 3_000);
        self.at_edge(edge, ms, EdgeAct::Customer(of.clone(), offer, failure));
    }

    /// What came of it.
    pub(super) fn customer(
        &mut self,
        edge: usize,
        of: &Name,
        offer: OfferId,
        failure: Option<FailReason>,
    ) {
        let Some(leg) = self.edges[edge].truth.leg(offer) else { return };
        if leg.stage != Stage::Waits {
            return;
        }
        if let Some(reason) = failure {
            self.tell(edge, of, Happening::CustomerFailed { reason });
            self.edges[edge].truth.end_attempt(of);
            return;
        }
        leg.stage = Stage::Talks;
        if let Some(call) = self.edges[edge].truth.calls.get_mut(of) {
            call.calls_back = false;
        }
        self.tell(edge, of, Happening::CustomerAnswered);
        self.count("customer reached");
        self.talk(edge, of);
    }

    /// A conversation begins, and ends after a while.
    fn talk(&mut self, edge: usize, of: &Name) {
        self.count("talk");
        let ms = if self.is_calm() { 2_000 } else { self.dice.between(500, 15_000) };
        self.at_edge(edge, ms, EdgeAct::Over(of.clone()));
    }

    /// A ringing phone is picked up, unless its agent is busy with another.
    pub(super) fn pick_up(&mut self, edge: usize, offer: OfferId) {
        let Some(of) = self.edges[edge].truth.call_of(offer) else { return };
        let Some(leg) = self.edges[edge].truth.leg(offer).cloned() else { return };
        let engaged = self.engaged(&leg.agent, leg.is_chat);
        if leg.stage != Stage::Rings || engaged >= self.lines_of(&leg.agent, leg.is_chat) {
            return;
        }
        let calls_back = self.edges[edge].truth.calls.get(&of).is_some_and(|call| call.calls_back);
        let joins = self.edges[edge].plan.joins && !calls_back;
        let told = self.tell(edge, &of, Happening::OfferAnswered { offer });
        if let Some(leg) = self.edges[edge].truth.leg(offer) {
            leg.stage = if joins { Stage::Talks } else { Stage::Waits };
            leg.told = told;
        }
        if joins {
            self.talk(edge, &of);
        } else {
            self.at_edge(edge, GIVE_UP_MS, EdgeAct::GiveUp(offer));
        }
    }

    /// A leg that rings ends by itself.
    pub(super) fn leg_fails(&mut self, edge: usize, offer: OfferId, reason: FailReason) {
        let rings = self.edges[edge].truth.leg(offer).is_some_and(|leg| leg.stage == Stage::Rings);
        let Some(of) = self.edges[edge].truth.call_of(offer).filter(|_| rings) else { return };
        self.edges[edge].truth.drop_leg(offer);
        let told = self.tell(edge, &of, Happening::OfferFailed { offer, reason });
        self.edges[edge].failed.extend(told.map(|id| (offer, id)));
    }

    /// Who picked up and was not joined to the caller hangs up.
    pub(super) fn give_up(&mut self, edge: usize, offer: OfferId) {
        let waits = self.edges[edge].truth.leg(offer).is_some_and(|leg| leg.stage == Stage::Waits);
        let Some(of) = self.edges[edge].truth.call_of(offer).filter(|_| waits) else { return };
        self.edges[edge].truth.drop_leg(offer);
        let reason = FailReason::Error;
        self.tell(edge, &of, Happening::OfferFailed { offer, reason });
    }

    /// A caller who talks to nobody hangs up.
    pub(super) fn impatient(&mut self, edge: usize, of: &Name) {
        let nobody = |call: &Call| call.calls_back || call.talks();
        if self.edges[edge].truth.calls.get(of).is_none_or(nobody) {
            return;
        }
        // Who may ask to be called back mostly does.
        if self.dice.once_in(3) {
            self.tell(edge, of, Happening::CallChoice);
            self.at_edge(edge, 3_000, EdgeAct::Impatient(of.clone()));
            return;
        }
        self.tell(edge, of, Happening::CallAbandoned);
        self.edges[edge].truth.calls.remove(of);
    }

    /// A conversation is over, or goes on elsewhere.
    pub(super) fn over(&mut self, edge: usize, of: &Name) {
        let Some(call) = self.edges[edge].truth.calls.get(of) else { return };
        if !call.talks() {
            return;
        }
        let held = call.held;
        match self.dice.below(12) {
            0 if !self.is_calm() => {
                let line = self.dice.below(self.house.lines.len());
                let line = &self.house.lines[line];
                let to = match line.extension {
                    Some(_) => TransferTo::Group(line.id.clone()),
                    None => TransferTo::Queue(line.id.clone()),
                };
                self.tell(edge, of, Happening::CallTransferred { to, kind: TransferKind::Blind });
                if let Some(call) = self.edges[edge].truth.calls.get_mut(of) {
                    call.legs.clear();
                }
                let patience = self.dice.between(1_000, 30_000);
                self.at_edge(edge, patience, EdgeAct::Impatient(of.clone()));
            }
            1 | 2 if !self.is_calm() => {
                self.tell(
                    edge,
                    of,
                    if held { Happening::CallResumed } else { Happening::CallHeld },
                );
                if let Some(call) = self.edges[edge].truth.calls.get_mut(of) {
                    call.held = !held;
                }
                self.at_edge(edge, 1_000, EdgeAct::Over(of.clone()));
            }
            n => {
                let by = if n % 2 == 0 { EndedBy::Caller } else { EndedBy::Agent };
                self.tell(edge, of, Happening::CallEnded { by });
                self.edges[edge].truth.calls.remove(of);
            }
        }
    }

    /// A person's own call begins, or ends.
    pub(super) fn own_call(&mut self, agent: &Name) {
        let edge = self.dice.below(self.edges.len());
        if let Some(at) = self.edges[edge].own.iter().position(|(_, whose)| whose == agent) {
            let (subject, agent) = self.edges[edge].own.remove(at);
            self.tell(edge, &subject, Happening::AgentCallEnded { agent: agent.to_string() });
            return;
        }
        let subject = self.edges[edge].call_name();
        self.edges[edge].own.push((subject.clone(), agent.clone()));
        let direction = crate::domain::switching::Direction::Outbound;
        let what = Happening::AgentCallStarted { agent: agent.to_string(), direction };
        self.tell(edge, &subject, what);
    }

    /// Somebody's next action, after a while.
    pub(super) fn person_later(&mut self, person: usize) {
        let ms = self.dice.between(1_000, 9_000);
        self.later(ms, Act::Person(person));
    }
}

/// A command's kind, for the log.
fn kind(effect: &Effect) -> String {
    match effect {
        Effect::OfferRing { offer, agent, round, .. } => format!("ring {agent} {offer} #{round}"),
        other => format!("{other:?}"),
    }
}
