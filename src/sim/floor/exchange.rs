//! The simulated switch without its socket: which calls it holds, which phones ring, what it
//! reports, what it does with each command. Pure: what must happen comes back as [`Act`]s.

use super::tally::{Rule, Tally};
use crate::domain::time::Millis;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// A caller who dials.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The number shown.
    pub from: String,
    /// What the arrival says besides: `to`, `queue`, `group`, `extension`, `skills`, `priority`.
    pub wish: Value,
    /// How long before hanging up unanswered.
    pub patience: Duration,
    /// How long the conversation takes.
    pub talk: Duration,
}

/// What people do to the switch.
#[derive(Clone, Debug)]
pub enum Said {
    /// Somebody calls.
    Arrive(Caller),
    /// A caller's patience is over.
    Impatient(String),
    /// An agent picks up a ringing phone.
    PickUp(String),
    /// An agent refuses at the phone.
    Decline(String),
    /// An offer rang for as long as it should.
    RungOut(String),
    /// The conversation is over; who hung up.
    Over(String, &'static str),
}

/// What a phone tells its agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phone {
    /// It rings for an offer.
    Ring(String),
    /// It stopped.
    Stop(String),
    /// The caller is on the line.
    Talk,
    /// The caller is gone: the engine's id of the call.
    Over(String),
}

/// What must happen.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Report an event.
    Send(Value),
    /// Tell an agent's phone.
    Phone(String, Phone),
    /// Say this later.
    After(Duration, Later),
}

/// What will be said later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Later {
    /// [`Said::Impatient`]
    Impatient(String),
    /// [`Said::RungOut`]
    RungOut(String),
    /// [`Said::Over`], by the caller.
    Over(String),
}

impl From<Later> for Said {
    fn from(later: Later) -> Said {
        match later {
            Later::Impatient(call) => Said::Impatient(call),
            Later::RungOut(offer) => Said::RungOut(offer),
            Later::Over(call) => Said::Over(call, "caller"),
        }
    }
}

#[derive(Debug)]
struct Call {
    /// The engine's id; empty until it is known.
    id: String,
    /// The id of the event of its arrival.
    arrival: String,
    sequence: u64,
    arrived_us: u64,
    told_to_wait: bool,
    rang: bool,
    talking: Option<String>,
    talk: Duration,
}

#[derive(Debug)]
struct Ring {
    call: String,
    agent: String,
    answered: bool,
}

/// The switch's state.
#[derive(Debug)]
pub struct Exchange {
    switch: String,
    boot: String,
    events: u64,
    calls_made: u64,
    calls: BTreeMap<String, Call>,
    rings: BTreeMap<String, Ring>,
    /// Agent → what the phone is used for.
    phones: BTreeMap<String, String>,
    /// The last command done; a switch that has just started knows of none before.
    done: Option<u64>,
    /// What was seen.
    pub tally: Tally,
}

impl Exchange {
    /// An idle switch. `boot` names this start of it.
    #[must_use]
    pub fn new(switch: &str, boot: &str) -> Exchange {
        Exchange {
            switch: switch.to_owned(),
            boot: boot.to_owned(),
            events: 0,
            calls_made: 0,
            calls: BTreeMap::new(),
            rings: BTreeMap::new(),
            phones: BTreeMap::new(),
            done: None,
            tally: Tally::default(),
        }
    }

    /// The sequence of the last command done; `None`: none was.
    #[must_use]
    pub fn done(&self) -> Option<u64> {
        self.done
    }

    /// The engine's ids of the calls that live here, as far as they are known.
    #[must_use]
    pub fn live(&self) -> Vec<String> {
        self.calls.values().map(|call| call.id.clone()).filter(|id| !id.is_empty()).collect()
    }

    /// An event about no call.
    #[must_use]
    pub fn report(&mut self, kind: &str, data: Value, now_us: u64) -> Value {
        self.events += 1;
        json!({
            "specversion": "1.0", "id": format!("{}-{}", self.boot, self.events),
            "source": self.switch, "type": kind, "time": rfc3339(now_us),
            "bootid": self.boot, "data": data,
        })
    }

    fn event(&mut self, call: &str, kind: &str, data: Value, now_us: u64) -> Act {
        let mut event = self.report(kind, data, now_us);
        event["subject"] = json!(call);
        if let Some(call) = self.calls.get_mut(call) {
            call.sequence += 1;
            event["sequence"] = json!(call.sequence.to_string());
        }
        Act::Send(event)
    }

    /// Something was done by a person, or a time is over.
    pub fn said(&mut self, said: Said, now_us: u64) -> Vec<Act> {
        match said {
            Said::Arrive(caller) => self.arrive(caller, now_us),
            Said::Impatient(call) => self.impatient(&call, now_us),
            Said::PickUp(offer) => self.pick_up(&offer, now_us),
            Said::Decline(offer) => self.failed(&offer, "refused", now_us),
            Said::RungOut(offer) => self.failed(&offer, "no_answer", now_us),
            Said::Over(call, by) => self.over(&call, by, now_us),
        }
    }

    fn arrive(&mut self, caller: Caller, now_us: u64) -> Vec<Act> {
        self.calls_made += 1;
        self.tally.arrived += 1;
        let name = format!("{}-call-{}", self.boot, self.calls_made);
        let call = Call {
            id: String::new(),
            arrival: format!("{}-{}", self.boot, self.events + 1),
            sequence: 0,
            arrived_us: now_us,
            told_to_wait: false,
            rang: false,
            talking: None,
            talk: caller.talk,
        };
        self.calls.insert(name.clone(), call);
        let mut data = caller.wish;
        data["media"] = json!("voice");
        data["from"] = json!(caller.from);
        let event = self.event(&name, "call.arrived", data, now_us);
        vec![event, Act::After(caller.patience, Later::Impatient(name))]
    }

    fn impatient(&mut self, name: &str, now_us: u64) -> Vec<Act> {
        if self.calls.get(name).is_none_or(|call| call.talking.is_some()) {
            return Vec::new();
        }
        self.tally.abandoned += 1;
        let mut acts = vec![self.event(name, "call.abandoned", json!({}), now_us)];
        acts.extend(self.clear(name));
        acts
    }

    fn pick_up(&mut self, offer: &str, now_us: u64) -> Vec<Act> {
        let Some(ring) = self.rings.get_mut(offer).filter(|ring| !ring.answered) else {
            return Vec::new();
        };
        ring.answered = true;
        let call = ring.call.clone();
        vec![self.event(&call, "offer.answered", json!({ "offer": offer }), now_us)]
    }

    /// An offer ended here: nobody picked up, or the agent refused.
    fn failed(&mut self, offer: &str, reason: &str, now_us: u64) -> Vec<Act> {
        let Some(ring) = self.rings.get(offer).filter(|ring| !ring.answered) else {
            return Vec::new();
        };
        let call = ring.call.clone();
        if reason == "refused" {
            self.tally.refused += 1
        } else {
            self.tally.missed += 1
        }
        let stop = self.stop(offer);
        let data = json!({ "offer": offer, "reason": reason });
        let event = self.event(&call, "offer.failed", data, now_us);
        stop.into_iter().chain([event]).collect()
    }

    fn over(&mut self, name: &str, by: &str, now_us: u64) -> Vec<Act> {
        let Some(call) = self.calls.get(name) else { return Vec::new() };
        let Some(offer) = call.talking.clone() else { return Vec::new() };
        let (id, agent) = (call.id.clone(), self.rings.get(&offer).map(|ring| ring.agent.clone()));
        self.tally.finished += 1;
        let mut acts = vec![self.event(name, "call.ended", json!({ "by": by }), now_us)];
        acts.extend(agent.map(|agent| Act::Phone(agent, Phone::Over(id))));
        self.rings.remove(&offer);
        self.phones.retain(|_, used| *used != offer);
        acts.extend(self.clear(name));
        acts
    }

    /// A command came. One that was done before (they are repeated) is dropped.
    pub fn command(&mut self, command: &Value, now_us: u64) -> Vec<Act> {
        let seq = command["seq"].as_u64().unwrap_or_default();
        if self.done.is_some_and(|done| seq <= done) {
            return Vec::new();
        }
        if let Some(had) = self.done.filter(|done| seq != done + 1) {
            self.tally.breach(
                Rule::CommandOrder,
                format!("command {seq} came after {had}: some are missing"),
            );
        }
        self.done = Some(seq);
        let text = |field: &str| command[field].as_str().unwrap_or_default().to_owned();
        let (kind, name, offer) = (text("type"), text("call"), text("offer"));
        if kind == "switch.sync" {
            let calls = self.sync();
            return vec![Act::Send(self.report("switch.sync", calls, now_us))];
        }
        let Some(call) = self.calls.get_mut(&name) else {
            // The caller left while the command was on its way: cancels and ends are then done.
            return match kind.as_str() {
                "offer.ring" | "call.connect" => vec![self.refuse(command, "unknown_call", now_us)],
                _ => Vec::new(),
            };
        };
        call.id = text("call_id");
        match kind.as_str() {
            "call.queue" => {
                call.told_to_wait = true;
                Vec::new()
            }
            "offer.ring" => self.ring(&name, &offer, command, now_us),
            "offer.cancel" => self.cancel(&name, &offer, command, now_us),
            "call.connect" => self.connect(&name, &offer, command, now_us),
            "call.route" | "call.end" => {
                self.tally.exited += 1;
                let event = self.event(&name, "call.ended", json!({ "by": "switch" }), now_us);
                std::iter::once(event).chain(self.clear(&name)).collect()
            }
            _ => vec![self.refuse(command, "unsupported", now_us)],
        }
    }

    fn refuse(&mut self, command: &Value, reason: &str, now_us: u64) -> Act {
        let data = json!({ "command": command["id"], "reason": reason });
        let name = command["call"].as_str().unwrap_or_default().to_owned();
        self.event(&name, "command.failed", data, now_us)
    }

    fn ring(&mut self, name: &str, offer: &str, command: &Value, now_us: u64) -> Vec<Act> {
        let agent = command["agent"].as_str().unwrap_or_default().to_owned();
        if let Some(used) = self.phones.get(&agent) {
            let found = format!("{agent} is rung for {offer} while the phone is used for {used}");
            self.tally.breach(Rule::OneCallPerAgent, found);
        }
        if let Some(call) = self.calls.get_mut(name).filter(|call| !call.rang) {
            call.rang = true;
            let took = now_us.saturating_sub(call.arrived_us);
            self.tally.ring_us.push(took);
            if !call.told_to_wait {
                self.tally.at_once_us.push(took);
            }
        }
        self.phones.insert(agent.clone(), offer.to_owned());
        let ring = Ring { call: name.to_owned(), agent: agent.clone(), answered: false };
        self.rings.insert(offer.to_owned(), ring);
        let ring_for = Duration::from_millis(command["ring_for_ms"].as_u64().unwrap_or(15_000));
        vec![
            self.event(name, "offer.ringing", json!({ "offer": offer }), now_us),
            Act::Phone(agent, Phone::Ring(offer.to_owned())),
            Act::After(ring_for, Later::RungOut(offer.to_owned())),
        ]
    }

    fn cancel(&mut self, name: &str, offer: &str, command: &Value, now_us: u64) -> Vec<Act> {
        let Some(stop) = self.stop(offer) else { return Vec::new() };
        if command["reason"] == "answered_elsewhere" {
            self.tally.elsewhere += 1;
        }
        let data = json!({ "offer": offer, "reason": "cancelled" });
        vec![stop, self.event(name, "offer.failed", data, now_us)]
    }

    fn connect(&mut self, name: &str, offer: &str, command: &Value, now_us: u64) -> Vec<Act> {
        let joined = self.calls.get(name).and_then(|call| call.talking.clone());
        if let Some(before) = joined {
            self.tally.breach(
                Rule::OneJoin,
                format!("{name} is joined for {offer}, and was for {before}"),
            );
        }
        let Some(agent) = self.rings.get(offer).map(|ring| ring.agent.clone()) else {
            return vec![self.refuse(command, "not_applicable", now_us)];
        };
        let Some(call) = self.calls.get_mut(name) else { return Vec::new() };
        call.talking = Some(offer.to_owned());
        self.tally.answered += 1;
        let over = Act::After(call.talk, Later::Over(name.to_owned()));
        vec![Act::Phone(agent, Phone::Talk), over]
    }

    /// Stops one ringing phone.
    fn stop(&mut self, offer: &str) -> Option<Act> {
        let ring = self.rings.remove(offer)?;
        self.phones.retain(|_, used| used != offer);
        Some(Act::Phone(ring.agent, Phone::Stop(offer.to_owned())))
    }

    /// The call is gone: so is everything that rings for it.
    fn clear(&mut self, name: &str) -> Vec<Act> {
        self.calls.remove(name);
        let rings: Vec<String> =
            self.rings.iter().filter(|(_, r)| r.call == name).map(|(o, _)| o.clone()).collect();
        rings.iter().filter_map(|offer| self.stop(offer)).collect()
    }

    fn sync(&self) -> Value {
        let state = |name: &str, call: &Call| {
            let offer = call.talking.clone().or_else(|| {
                let ring = self.rings.iter().find(|(_, ring)| ring.call == name);
                ring.map(|(offer, _)| offer.clone())
            });
            let state = match (&call.talking, &offer) {
                (Some(_), _) => "connected",
                (None, Some(_)) => "offered",
                (None, None) => "waiting",
            };
            match offer {
                Some(offer) => json!({ "call": name, "state": state, "offer": offer }),
                None => json!({ "call": name, "state": state }),
            }
        };
        let calls: Vec<Value> = self.calls.iter().map(|(name, call)| state(name, call)).collect();
        json!({ "calls": calls })
    }

    /// A whole frame was refused: nothing of it was taken.
    pub fn refused(&mut self, problem: &Value) {
        self.tally.breach(Rule::EventsTaken, format!("a frame was refused: {problem}"));
    }

    /// An event's result came back.
    pub fn result(&mut self, result: &Value) {
        if result["status"] == "rejected" {
            let how = format!("an event was rejected: {result}");
            self.tally.breach(Rule::EventsTaken, how);
        }
        let (Some(event), Some(id)) = (result["id"].as_str(), result["call_id"].as_str()) else {
            return;
        };
        if let Some(call) = self.calls.values_mut().find(|call| call.arrival == event) {
            id.clone_into(&mut call.id);
        }
    }
}

fn rfc3339(us: u64) -> String {
    Millis(i64::try_from(us / 1000).unwrap_or(i64::MAX)).rfc3339()
}

#[cfg(test)]
mod tests;
