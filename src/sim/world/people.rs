//! The people of a world: agents at phones and desks, who come and go, and a supervisor.

use super::asks::{Asked, Got, agent, look, owner};
use super::furnish::{Seat, patch, put, settings};
use super::host::ACCOUNT;
use super::{Act, World};
use crate::domain::ids::{CallId, Name, OfferId};
use crate::domain::input::{Command, Input, Kind, ObjectRef, Precondition, Query, When};
use crate::domain::presence::Status;
use crate::domain::switching::{FailReason, Happening};
use crate::node::DeskStream;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// An agent.
pub(super) struct Person {
    pub id: Name,
    pub has_phone: bool,
    pub desk: Option<DeskStream>,
    /// Offers seen at the desk.
    seen: BTreeSet<OfferId>,
    /// Calls with after-call work, as the desk shows it.
    wrap_ups: Vec<CallId>,
}

/// An offer that a person sees at the desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub person: usize,
    pub offer: OfferId,
}

/// What a person does when the phone rings, and after how many milliseconds.
pub(super) enum Reaction {
    PicksUp(u64),
    Fails(u64, FailReason),
    LetsRing,
}

impl Person {
    /// At the beginning.
    pub fn new(seat: &Seat) -> Person {
        Person {
            id: seat.id.as_str().into(),
            has_phone: seat.has_phone,
            desk: None,
            seen: BTreeSet::new(),
            wrap_ups: Vec::new(),
        }
    }
}

impl World<'_> {
    /// What a person does when the phone rings.
    pub(super) fn reaction(&mut self, _agent: &str) -> Reaction {
        if self.is_calm() {
            return Reaction::PicksUp(self.dice.between(100, 1_000));
        }
        match self.dice.below(20) {
            0..13 => Reaction::PicksUp(self.dice.between(100, 4_000)),
            13 | 14 => Reaction::Fails(self.dice.between(100, 2_000), FailReason::Refused),
            15 => Reaction::Fails(0, FailReason::Busy),
            16 => Reaction::Fails(0, FailReason::Unreachable),
            _ => Reaction::LetsRing,
        }
    }

    fn command(&mut self, who: &Name, command: Command) -> Result<(), String> {
        let actor = if &**who == "owner" { owner() } else { agent(who) };
        let words = format!("{who}: {command:?}");
        self.say(&words);
        let what = Asked::Command(words);
        let asked = self.asks.input(&mut self.host, what, Input::Command { actor, command });
        asked.map_or(Ok(()), |(what, got)| self.answered(what, got))
    }

    /// A person does something; in the calm, what a diligent one does.
    pub(super) fn person(&mut self, at: usize) -> Result<(), String> {
        let id = self.people[at].id.clone();
        if self.is_calm() {
            self.later(4_000, Act::Person(at));
            return self.be_diligent(at, &id);
        }
        self.person_later(at);
        // Everybody begins ready.
        if self.now < 100 {
            return self.be_ready(&id);
        }
        if self.strikes("flap", self.plan.odds.flapping) {
            return self.flap(at);
        }
        match self.dice.below(18) {
            0..8 => self.be_ready(&id),
            8 | 9 => {
                let status = self.dice.one_of(&[Status::Ready, Status::Ready, Status::Online]);
                self.set_status(&id, status)
            }
            10 => {
                let status = self.dice.one_of(&[Status::OnBreak, Status::Offline]);
                self.set_status(&id, status)
            }
            11 => {
                let line = self.dice.below(self.house.lines.len());
                let queue = self.house.lines[line].id.clone();
                let opted_in = !self.dice.once_in(3);
                let user = id.to_string();
                self.command(&id, Command::SetOptedIn { queue, user, opted_in })
            }
            12 => {
                self.own_call(&id);
                Ok(())
            }
            13 => {
                let agent = id.to_string();
                let what = if self.dice.once_in(3) {
                    Happening::DeviceLost { agent }
                } else {
                    Happening::DeviceRegistered { agent }
                };
                self.tell(0, "", what);
                Ok(())
            }
            14 => self.end_wrap_up(at, &id),
            15 => self.supervise(&id),
            _ => self.toggle_desk(at),
        }
    }

    fn be_diligent(&mut self, at: usize, id: &Name) -> Result<(), String> {
        if self.people[at].desk.is_none() && !self.people[at].has_phone {
            self.toggle_desk(at)?;
        }
        let seen = self.follower.read(Query::Agent { user: id.to_string() });
        if seen["device_lost"] == true {
            self.tell(0, "", Happening::DeviceRegistered { agent: id.to_string() });
        }
        if !seen["forced_by"].is_null() || !seen["next"].is_null() {
            self.command(&"owner".into(), Command::ClearForced { user: id.to_string() })?;
        }
        if seen["status"] != "ready" || !seen["next"].is_null() {
            return self.be_ready(id);
        }
        Ok(())
    }

    /// Ready, without a lease.
    pub(super) fn be_ready(&mut self, id: &Name) -> Result<(), String> {
        let command = Command::SetStatus {
            user: id.to_string(),
            status: Status::Ready,
            reason: None,
            when: None,
            lease_ms: None,
        };
        self.command(id, command)
    }

    fn set_status(&mut self, id: &Name, status: Status) -> Result<(), String> {
        let command = Command::SetStatus {
            user: id.to_string(),
            status,
            reason: (status == Status::OnBreak).then(|| "lunch".to_owned()),
            when: self.dice.once_in(3).then_some(When::AfterWork),
            lease_ms: self.dice.once_in(8).then_some(5_000),
        };
        self.command(id, command)
    }

    fn supervise(&mut self, id: &Name) -> Result<(), String> {
        let user = id.to_string();
        let boss = Name::from("owner");
        match self.dice.below(8) {
            0..4 => self.command(&boss, Command::ClearForced { user }),
            4 | 5 => {
                let live = self.follower.read(Query::Calls { limit: 10, after: None });
                let first = live["items"][0]["id"].as_str().and_then(CallId::parse);
                first.map_or(Ok(()), |call| self.command(&boss, Command::EndCall { call }))
            }
            _ => {
                let status = self.dice.one_of(&[Status::Ready, Status::OnBreak, Status::Offline]);
                let reason = (status == Status::OnBreak).then(|| "lunch".to_owned());
                let when = self.dice.once_in(2).then_some(When::Now);
                self.command(&boss, Command::ForceStatus { user, status, reason, when })
            }
        }
    }

    fn end_wrap_up(&mut self, at: usize, id: &Name) -> Result<(), String> {
        let Some(call) = self.people[at].wrap_ups.first().copied() else { return Ok(()) };
        self.command(id, Command::EndWrapUp { call, disposition: None })
    }

    /// Leaves the desk and comes back at once, or the other way round.
    fn flap(&mut self, at: usize) -> Result<(), String> {
        self.toggle_desk(at)?;
        let ms = self.dice.between(0, 3_000);
        self.later(ms, Act::Person(at));
        Ok(())
    }

    /// Opens the desk, or closes it.
    fn toggle_desk(&mut self, at: usize) -> Result<(), String> {
        let id = self.people[at].id.clone();
        let what = Asked::Desk { person: at };
        if self.asks.has(&what) {
            return Ok(());
        }
        if self.people[at].desk.take().is_some() {
            self.say(format!("{id} closes the desk"));
            return Ok(());
        }
        self.say(format!("{id} opens a desk"));
        let asked = self.asks.other(&mut self.host, what, |handle| async move {
            Got::Desk(handle.desk_open(ACCOUNT, agent(&id), &id).await)
        });
        asked.map_or(Ok(()), |(what, got)| self.answered(what, got))
    }

    /// What desks show by now.
    pub(super) fn collect_desks(&mut self) -> Result<(), String> {
        for at in 0..self.people.len() {
            while let Some(desk) = &mut self.people[at].desk {
                let next = look(std::pin::pin!(desk.next()));
                match next {
                    Some(Some(view)) => self.see(at, &view)?,
                    Some(None) => self.people[at].desk = None,
                    None => break,
                }
            }
        }
        Ok(())
    }

    fn see(&mut self, at: usize, view: &Arc<Value>) -> Result<(), String> {
        let seq = view["seq"].as_u64().unwrap_or(u64::MAX);
        if seq > self.host.durable() {
            return Err(format!("a desk shows record {seq}, which is not durable"));
        }
        let wrap_ups = view["agent"]["wrap_ups"].as_array().into_iter().flatten();
        self.people[at].wrap_ups =
            wrap_ups.filter_map(|one| CallId::parse(one["call"].as_str()?)).collect();
        for offer in view["offers"].as_array().into_iter().flatten() {
            let id = offer["offer"].as_str().and_then(OfferId::parse);
            let Some(offer_id) = id.filter(|_| offer["at_desk"] == true) else { continue };
            if self.people[at].seen.insert(offer_id) {
                let ms = if self.is_calm() { 300 } else { self.dice.between(100, 6_000) };
                self.later(ms, Act::Decide(Seen { person: at, offer: offer_id }));
            }
        }
        Ok(())
    }

    /// A person answers an offer at the desk, refuses it, or lets it be.
    pub(super) fn decide(&mut self, seen: Seen) -> Result<(), String> {
        let id = self.people[seen.person].id.clone();
        let (offer, calm) = (seen.offer, self.is_calm());
        let command = match self.dice.below(10) {
            0 if !calm => Command::Refuse { offer },
            1 | 2 if !calm => return Ok(()),
            _ => Command::Accept { offer },
        };
        self.say(format!("{id}: {command:?}"));
        let input = Input::Command { actor: agent(&id), command };
        let asked = self.asks.input(&mut self.host, Asked::Offer(seen), input);
        asked.map_or(Ok(()), |(what, got)| self.answered(what, got))
    }

    /// The administrator changes something.
    pub(super) fn configure(&mut self) -> Result<(), String> {
        let line = self.dice.below(self.house.lines.len());
        let (kind, queue) = (self.house.lines[line].kind, self.house.lines[line].id.clone());
        let person = self.dice.below(self.people.len());
        let user = self.people[person].id.clone();
        let member = self.house.lines[line].members.contains(&person);
        let owner = Name::from("owner");
        match self.dice.below(4) {
            0 if member => {
                self.house.lines[line].members.retain(|at| *at != person);
                let object = ObjectRef { kind: Kind::Member, parent: queue, id: user.to_string() };
                self.command(
                    &owner,
                    Command::Delete { object, only_if: Precondition::None, dry_run: false },
                )
            }
            0 | 1 => {
                self.house.lines[line].members.push(person);
                let (stars, position) = (self.dice.between(1, 4), self.dice.between(1, 4));
                let body = json!({ "stars": stars, "position": position });
                self.command(&owner, put(Kind::Member, &queue, &user, body))
            }
            2 => {
                let level = self.dice.between(1, 100);
                let body = json!({ "skills": { "spanish": level } });
                self.command(&owner, patch(Kind::User, "", &user, body))
            }
            _ => {
                let mut body = json!({ "name": queue });
                settings(&mut self.dice, &mut body);
                self.command(&owner, patch(kind, "", &queue, body))
            }
        }
    }
}
