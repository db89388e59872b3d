//! After a restart: what was acknowledged against what is there.

use crate::load::{Stage, post};
use crate::support::Server;
use crate::{BASE, Floor};
use callboard::domain::ids::fingerprint;
use callboard::domain::time::Millis;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

/// A command this close to its deadline need not come again.
const MARGIN_MS: u64 = 3_000;

/// How much of everything there was to check.
#[derive(Debug, Default)]
pub struct Tally {
    /// Acknowledged events and statuses.
    pub acknowledged: usize,
    /// Events without an answer at the crash, and how many of them had been heard.
    pub under_way: usize,
    pub heard_all_the_same: usize,
    /// Commands that came again.
    pub commands: usize,
    /// Calls that lived through a crash, and how many of them with an agent.
    pub calls: usize,
    pub connected: usize,
}

/// The server after a crash, and those outside.
pub struct Recovery<'a> {
    pub round: u64,
    pub server: &'a Server,
    pub floor: &'a mut Floor,
}

impl Recovery<'_> {
    /// Checks everything, and leaves no event under way.
    pub fn check(&mut self) {
        let fresh = self.floor.reader.catch_up(self.server);
        self.records_are_there(&fresh);
        self.statuses_are_there(&fresh);
        self.calls_are_there();
        self.commands_come_again();
        self.events_are_known();
        self.send_what_was_under_way();
        self.sync();
        self.floor.dashboard.check(self.server);
    }

    fn items(&self, path: &str) -> Vec<Value> {
        let page = self.server.must_get(&format!("{BASE}/{path}?limit=1000"));
        assert_eq!(page["next"], Value::Null, "one page");
        page["items"].as_array().expect("items").clone()
    }

    /// Live calls by the switch's name.
    fn live(&self) -> BTreeMap<String, Value> {
        let named = |call: Value| (call["switch_call"].as_str().expect("a name").to_owned(), call);
        self.items("calls").into_iter().map(named).collect()
    }

    /// Each acknowledged event has its record.
    fn records_are_there(&self, fresh: &[Value]) {
        let marks: BTreeSet<&str> = events_of(fresh)
            .filter(|event| event["type"] == "heard")
            .filter_map(|event| event["event"].as_str())
            .collect();
        for event in self.floor.writers.iter().flat_map(|writer| &writer.acknowledged) {
            let id = event["id"].as_str().expect("an id");
            let mark = format!("{:016x}", fingerprint(&["sw", id]));
            assert!(marks.contains(&*mark), "round {}: {id} has no record", self.round);
        }
    }

    /// Each agent has the statuses that were acknowledged, in order, and at most the one under way.
    fn statuses_are_there(&mut self, fresh: &[Value]) {
        let agents = self.items("agents");
        for agent in self.floor.writers.iter_mut().flat_map(|writer| &mut writer.agents) {
            let set: Vec<&str> = events_of(fresh)
                .filter(|event| event["type"] == "status_set" && event["agent"] == *agent.user)
                .map(|event| event["status"].as_str().expect("a status"))
                .collect();
            let open = agent.open.take();
            let (before, rest) = agent.acknowledged.split_first().expect("one");
            let with_open: Vec<&String> = rest.iter().chain(&open).collect();
            assert!(
                set == rest || set == with_open,
                "round {}: {} had {rest:?}, then {open:?}, and the records have {set:?}",
                self.round,
                agent.user
            );
            self.floor.tally.acknowledged += rest.len();
            let last = set.last().map_or(before.clone(), |status| (*status).to_owned());
            let shown = agents.iter().find(|row| row["user"] == *agent.user);
            let shown = shown.unwrap_or_else(|| panic!("{} is gone", agent.user));
            assert_eq!(shown["status"], *last, "round {}: {shown:#}", self.round);
            agent.acknowledged.push(last);
        }
    }

    /// Each call is where it was, as far as acknowledged.
    fn calls_are_there(&mut self) {
        let live = self.live();
        self.floor.tally.calls += live.len();
        let connected = live.values().filter(|call| call["state"] == "connected");
        self.floor.tally.connected += connected.count();
        for call in self.floor.writers.iter().flat_map(|writer| &writer.calls) {
            let state = live.get(&call.subject).map(|row| row["state"].as_str().expect("a state"));
            let open = call.open.as_ref().map(|event| event["type"].as_str().expect("a type"));
            let may = match (call.stage, open) {
                (Stage::New, _) => true,
                (Stage::Ended, _) => state.is_none(),
                (_, Some("call.ended")) if state.is_none() => true,
                (Stage::Waiting, Some("offer.answered")) => state.is_some(),
                (Stage::Waiting, _) => matches!(state, Some("waiting" | "offered")),
                (Stage::Connected, _) => state == Some("connected"),
            };
            assert!(may, "round {}: {call:?} is {state:?}", self.round);
        }
    }

    /// Commands that were not acknowledged come again, the same.
    fn commands_come_again(&mut self) {
        let mut heard = self.floor.heard.lock().expect("heard");
        let done = heard.done;
        let path = format!("{BASE}/switches/sw/commands?after={done}&wait_ms=0");
        let answer = self.server.must_get(&path);
        let again = answer["commands"].as_array().expect("commands");
        let seqs: Vec<u64> = again.iter().map(|c| c["seq"].as_u64().expect("seq")).collect();
        assert!(seqs.is_sorted_by(|one, next| one < next), "out of order: {seqs:?}");
        let soon = now().plus(MARGIN_MS);
        heard.commands.retain(|seq, _| *seq > done);
        self.floor.tally.commands += again.len();
        for (seq, command) in &heard.commands {
            let deadline = command["deadline"].as_str().expect("a deadline");
            let lives = Millis::parse_rfc3339(deadline).expect("an instant") > soon;
            assert!(
                !lives || seqs.contains(seq),
                "round {}: command {seq} does not come again: {command:#}",
                self.round
            );
        }
        // The same number is the same command: `take` compares.
        heard.take(&answer["commands"]);
    }

    /// Sent again, each acknowledged event is a duplicate.
    fn events_are_known(&mut self) {
        let writers = &self.floor.writers;
        let all: Vec<Value> = writers.iter().flat_map(|w| w.acknowledged.iter().cloned()).collect();
        for batch in all.chunks(1_000) {
            let answer = post(self.server, &json!(batch)).expect("an answer");
            for result in answer["results"].as_array().expect("results") {
                assert_eq!(result["status"], "duplicate", "round {}: {result:#}", self.round);
            }
        }
        self.floor.tally.acknowledged += all.len();
    }

    /// A switch that got no answer sends again: the event is new, or was heard.
    fn send_what_was_under_way(&mut self) {
        for writer in &mut self.floor.writers {
            if let Some(event) = writer.other.take() {
                let answer = post(self.server, &event).expect("an answer");
                let status = answer["results"][0]["status"].as_str().expect("a status");
                assert!(matches!(status, "accepted" | "duplicate"), "{event:#} {answer:#}");
            }
            for nth in 0..writer.calls.len() {
                let Some(event) = writer.calls[nth].open.clone() else { continue };
                let answer = post(self.server, &event).expect("an answer");
                let status = answer["results"][0]["status"].as_str().expect("a status");
                assert!(matches!(status, "accepted" | "duplicate"), "{event:#} {answer:#}");
                self.floor.tally.under_way += 1;
                self.floor.tally.heard_all_the_same += usize::from(status == "duplicate");
                self.floor.heard.lock().expect("heard").take(&answer["commands"]);
                writer.settle(nth, &answer);
            }
        }
    }

    /// The switch tells its calls: none is unknown, none is lost, and they are offered again.
    fn sync(&mut self) {
        let live = self.live();
        let mut told = Vec::new();
        for call in self.floor.writers.iter_mut().flat_map(|writer| &mut writer.calls) {
            let row = live.get(&call.subject);
            assert_eq!(row.is_some(), call.stage != Stage::Ended, "{call:?} {row:?}");
            let Some(row) = row else { continue };
            let is_connected = row["state"] == "connected";
            // An answer that was heard just before the crash.
            call.stage = if is_connected { Stage::Connected } else { Stage::Waiting };
            let state = if is_connected { "connected" } else { "waiting" };
            told.push(json!({ "call": call.subject, "state": state }));
        }
        assert_eq!(told.len(), live.len(), "calls that nobody knows: {:?}", live.keys());
        let sync = json!({ "specversion": "1.0", "source": "sw", "type": "switch.sync",
            "id": format!("sync-{}", self.round), "data": { "calls": told } });
        let answer = post(self.server, &sync).expect("an answer");
        assert_eq!(answer["results"][0]["status"], "accepted");
        let commands = answer["commands"].as_array().expect("commands");
        let ends = commands.iter().filter(|command| command["type"] == "call.end");
        assert_eq!(ends.count(), 0, "{commands:#?}");
        self.floor.heard.lock().expect("heard").take(&answer["commands"]);
        assert_eq!(self.live().keys().collect::<Vec<_>>(), live.keys().collect::<Vec<_>>());
        self.calls_are_offered_again(&live);
    }

    /// The switch has spoken: no call is frozen, and none waits while somebody could take it.
    fn calls_are_offered_again(&self, live: &BTreeMap<String, Value>) {
        for call in live.values().filter(|call| call["state"] == "waiting").take(3) {
            let id = call["id"].as_str().expect("an id");
            let told = self.server.must_get(&format!("{BASE}/calls/{id}/candidates"));
            assert_ne!(told["held_by"], "frozen", "{told:#}");
            for member in told["items"].as_array().expect("items") {
                assert_ne!(member["against"], Value::Null, "round {}: {told:#}", self.round);
            }
        }
    }
}

fn events_of(records: &[Value]) -> impl Iterator<Item = &Value> {
    records.iter().flat_map(|record| record["events"].as_array().expect("events"))
}

fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    Millis(i64::try_from(since.as_millis()).expect("in range"))
}
