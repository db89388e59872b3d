//! The load: writers who own calls and agents and remember what was acknowledged and what was still
//! under way at the crash, and a switch that polls for commands.

use crate::support::Api;
use crate::{AGENTS_EACH, BASE};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

const MOST_CALLS: usize = 6;
const STATUSES: [&str; 4] = ["ready", "ready", "online", "on_break"];

/// A user of a writer.
pub fn user(writer: u64, nth: u64) -> String {
    format!("usr_w{writer}_{nth}")
}

/// What the switch has been told.
#[derive(Default)]
pub struct Heard {
    /// Every command seen and not known to be acknowledged, by its number.
    pub commands: BTreeMap<u64, Value>,
    /// The last `after` that was sent: commands up to it may be acknowledged.
    pub done: u64,
    /// The open offer of each call, as far as heard.
    pub offers: BTreeMap<String, String>,
}

impl Heard {
    /// Takes commands in; the same number is always the same command.
    pub fn take(&mut self, commands: &Value) {
        for command in commands.as_array().expect("commands") {
            let seq = command["seq"].as_u64().expect("seq");
            if let Some(before) = self.commands.insert(seq, command.clone()) {
                assert_eq!(before, *command, "command {seq} changed");
            }
            let call = command["call"].as_str().unwrap_or_default().to_owned();
            let offer = command["offer"].as_str();
            match (command["type"].as_str(), offer) {
                (Some("offer.ring"), Some(offer)) => _ = self.offers.insert(call, offer.to_owned()),
                (Some("offer.cancel"), offer) if self.offers.get(&call).map(|o| &**o) == offer => {
                    self.offers.remove(&call);
                }
                _ => {}
            }
        }
    }
}

/// How far a call is, as acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Not acknowledged yet.
    New,
    Waiting,
    Connected,
    Ended,
}

/// A call as its switch knows it.
#[derive(Debug)]
pub struct Call {
    pub subject: String,
    pub stage: Stage,
    /// Events sent of it.
    pub sequence: u64,
    /// Sent, and not answered before the crash.
    pub open: Option<Value>,
}

/// An agent whom one writer alone steers.
#[derive(Debug)]
pub struct Agent {
    pub user: String,
    /// Statuses acknowledged, the first from before this round.
    pub acknowledged: Vec<String>,
    /// Sent, and not answered before the crash.
    pub open: Option<String>,
}

/// Posts events and statuses, one after the other.
pub struct Writer {
    nth: u64,
    dice: Pcg64,
    heard: Arc<Mutex<Heard>>,
    pub calls: Vec<Call>,
    pub agents: Vec<Agent>,
    /// Events of this round that were acknowledged.
    pub acknowledged: Vec<Value>,
    /// An event about no call, sent and not answered before the crash.
    pub other: Option<Value>,
    made: u64,
}

impl Writer {
    pub fn new(nth: u64, seed: u64, heard: Arc<Mutex<Heard>>) -> Writer {
        let agent =
            |n| Agent { user: user(nth, n), acknowledged: vec!["offline".into()], open: None };
        Writer {
            nth,
            dice: Pcg64::seed_from_u64(seed ^ (nth + 1)),
            heard,
            calls: Vec::new(),
            agents: (0..AGENTS_EACH).map(agent).collect(),
            acknowledged: Vec::new(),
            other: None,
            made: 0,
        }
    }

    /// Until the server is gone.
    pub fn work(&mut self, api: &Api) {
        self.acknowledged.clear();
        self.calls.retain(|call| call.stage != Stage::Ended);
        for agent in &mut self.agents {
            agent.acknowledged.drain(..agent.acknowledged.len() - 1);
        }
        while self.act(api).is_some() {}
    }

    /// One step; `None` when the server did not answer.
    fn act(&mut self, api: &Api) -> Option<()> {
        let live = self.calls.iter().filter(|call| call.stage != Stage::Ended).count();
        match self.dice.random_range(0..10) {
            0..3 if live < MOST_CALLS => self.arrive(api),
            0..5 => self.set_status(api),
            5 => self.register(api),
            _ if live > 0 => self.move_on(api),
            _ => self.arrive(api),
        }
    }

    fn arrive(&mut self, api: &Api) -> Option<()> {
        self.made += 1;
        let subject = format!("w{}-c{}", self.nth, self.made);
        self.calls.push(Call { subject, stage: Stage::New, sequence: 0, open: None });
        let data = json!({ "queue": "support", "from": "+15551230001" });
        self.tell(api, self.calls.len() - 1, "call.arrived", data).map(drop)
    }

    /// An offered call is answered or fails, a connected one or a waiting one ends.
    fn move_on(&mut self, api: &Api) -> Option<()> {
        let live: Vec<usize> = (0..self.calls.len())
            .filter(|nth| !matches!(self.calls[*nth].stage, Stage::New | Stage::Ended))
            .collect();
        if live.is_empty() {
            return Some(());
        }
        let nth = live[self.dice.random_range(0..live.len())];
        let subject = self.calls[nth].subject.clone();
        if self.calls[nth].stage == Stage::Waiting && self.dice.random_bool(0.8) {
            let offer = self.heard.lock().expect("heard").offers.get(&subject).cloned();
            let Some(offer) = offer else { return Some(()) };
            if self.dice.random_bool(0.2) {
                let data = json!({ "offer": offer, "reason": "busy" });
                return self.tell(api, nth, "offer.failed", data).map(drop);
            }
            return self.tell(api, nth, "offer.answered", json!({ "offer": offer })).map(drop);
        }
        self.tell(api, nth, "call.ended", json!({ "by": "caller" })).map(drop)
    }

    /// Posts an event of a call and notes what became of it.
    fn tell(&mut self, api: &Api, nth: usize, kind: &str, data: Value) -> Option<()> {
        let call = &mut self.calls[nth];
        call.sequence += 1;
        let event = json!({ "specversion": "1.0", "source": "sw", "type": kind, "bootid": "b1",
            "id": format!("{}-{}", call.subject, call.sequence), "subject": call.subject,
            "sequence": call.sequence.to_string(), "data": data });
        call.open = Some(event.clone());
        let answer = post(api, &event)?;
        assert_eq!(answer["results"][0]["status"], "accepted", "{event:#} {answer:#}");
        self.heard.lock().expect("heard").take(&answer["commands"]);
        self.settle(nth, &answer);
        self.acknowledged.push(event);
        Some(())
    }

    /// The event under way was answered.
    pub fn settle(&mut self, nth: usize, answer: &Value) {
        let call = &mut self.calls[nth];
        let Some(event) = call.open.take() else { return };
        let joined =
            |command: &Value| command["type"] == "call.connect" && command["call"] == *call.subject;
        let commands = answer["commands"].as_array().expect("commands");
        match event["type"].as_str() {
            Some("call.arrived") => call.stage = Stage::Waiting,
            Some("call.ended") => call.stage = Stage::Ended,
            Some("offer.answered") if commands.iter().any(joined) => call.stage = Stage::Connected,
            _ => {}
        }
    }

    /// An event about no call: only the account's own memory knows it again.
    fn register(&mut self, api: &Api) -> Option<()> {
        self.made += 1;
        let agent = &self.agents[self.dice.random_range(0..self.agents.len())].user;
        let event = json!({ "specversion": "1.0", "source": "sw", "type": "device.registered",
            "bootid": "b1", "id": format!("w{}-d{}", self.nth, self.made),
            "data": { "agent": agent } });
        self.other = Some(event.clone());
        let answer = post(api, &event)?;
        assert_eq!(answer["results"][0]["status"], "accepted", "{event:#} {answer:#}");
        self.other = None;
        self.acknowledged.push(event);
        Some(())
    }

    fn set_status(&mut self, api: &Api) -> Option<()> {
        let nth = self.dice.random_range(0..self.agents.len());
        let status = STATUSES[self.dice.random_range(0..STATUSES.len())];
        let agent = &mut self.agents[nth];
        agent.open = Some(status.to_owned());
        let body = json!({ "status": status }).to_string();
        let path = format!("{BASE}/agents/{}/status", agent.user);
        let (code, _, answer) = api.try_request("PUT", &path, &[], Some(body.as_bytes())).ok()?;
        assert_eq!(code, 200, "{answer:#}");
        agent.acknowledged.extend(agent.open.take());
        Some(())
    }
}

/// Posts events; `None` when the server did not answer.
pub fn post(api: &Api, events: &Value) -> Option<Value> {
    let path = format!("{BASE}/events");
    let body = events.to_string();
    let (code, _, answer) = api.try_request("POST", &path, &[], Some(body.as_bytes())).ok()?;
    assert_eq!(code, 202, "{answer:#}");
    Some(answer)
}

/// A switch that fetches commands, and sometimes says that it has done them.
pub struct Poller {
    dice: Pcg64,
    heard: Arc<Mutex<Heard>>,
}

impl Poller {
    pub fn new(seed: u64, heard: Arc<Mutex<Heard>>) -> Poller {
        Poller { dice: Pcg64::seed_from_u64(seed ^ 0xcab1e), heard }
    }

    /// Until the server is gone.
    pub fn work(&mut self, api: &Api) {
        loop {
            let after = {
                let mut heard = self.heard.lock().expect("heard");
                let last = heard.commands.keys().next_back().copied();
                if let Some(last) = last.filter(|_| self.dice.random_bool(0.3)) {
                    heard.done = heard.done.max(last);
                }
                heard.done
            };
            let path = format!("{BASE}/switches/sw/commands?after={after}&wait_ms=20");
            let Ok((code, _, answer)) = api.try_request("GET", &path, &[], None) else { return };
            assert_eq!(code, 200, "{answer:#}");
            self.heard.lock().expect("heard").take(&answer["commands"]);
            thread::sleep(Duration::from_millis(self.dice.random_range(0..60)));
        }
    }
}
