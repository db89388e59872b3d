//! Records of earlier versions replay. `fixtures/records/v1.jsonl` was written by the story below when
//! version 1 was made, and `v1.snapshot.json` is the state at its end; neither is ever written again.
//! A new version of the format gets files of its own (`CALLBOARD_WRITE_RECORDS=NAME` writes them).

use crate::events::kind;
use callboard::domain::event::{Event, PersonalKey};
use callboard::domain::ids::{CallId, OfferId};
use callboard::domain::input::{
    Actor, Answer, CallChange, Command, Door, Input, Kind, ObjectRef, Precondition, When,
};
use callboard::domain::media::Media;
use callboard::domain::objects::user::Role;
use callboard::domain::presence::Status;
use callboard::domain::switching::{
    Arrival, ArrivalTarget, Direction, EndedBy, FailReason, Happening, SwitchEvent, SyncCall,
    SyncState, TransferKind, TransferTo,
};
use callboard::domain::time::Millis;
use callboard::engine::{Decision, Engine, encode};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

const START: Millis = Millis(1_795_291_200_000);

/// An account whose records are kept.
struct Story {
    engine: Engine,
    now: Millis,
    events: u64,
    sequences: BTreeMap<String, u64>,
    lines: Vec<Value>,
}

fn owner() -> Actor {
    Actor {
        name: "owner".into(),
        role: Role::Owner,
        user: None,
        switch: None,
        door: Door::default(),
    }
}

impl Story {
    fn new() -> Story {
        Story {
            engine: Engine::new("default", 1),
            now: START,
            events: 0,
            sequences: BTreeMap::new(),
            lines: Vec::new(),
        }
    }

    fn give(&mut self, input: Input) -> Decision {
        let decision = self.engine.handle(self.now, input);
        if let Some(Answer::Refused(problem)) = &decision.answer {
            panic!("{problem}");
        }
        let vault: Vec<Value> =
            decision.vault.iter().map(|v| json!({ "key": v.key, "value": v.value })).collect();
        if !decision.events.is_empty() {
            self.lines.push(json!({ "seq": decision.seq, "at": self.now.0,
                "events": decision.events, "vault": vault }));
        }
        decision
    }

    fn ask(&mut self, command: Command) {
        self.give(Input::Command { actor: owner(), command });
    }

    fn put(&mut self, kind: Kind, parent: &str, id: &str, body: Value) {
        let object = ObjectRef { kind, parent: parent.into(), id: id.into() };
        self.ask(Command::Put {
            object,
            body,
            merge: false,
            only_if: Precondition::None,
            dry_run: false,
        });
    }

    fn delete(&mut self, kind: Kind, parent: &str, id: &str) {
        let object = ObjectRef { kind, parent: parent.into(), id: id.into() };
        self.ask(Command::Delete { object, only_if: Precondition::None, dry_run: false });
    }

    fn status(&mut self, user: &str, status: Status, when: When, lease_ms: Option<u64>) {
        let reason = (status == Status::OnBreak).then(|| "lunch".to_owned());
        let when = Some(when);
        self.ask(Command::SetStatus { user: user.into(), status, reason, when, lease_ms });
    }

    fn force(&mut self, user: &str, status: Status, when: When) {
        let when = Some(when);
        self.ask(Command::ForceStatus { user: user.into(), status, reason: None, when });
    }

    fn event(&mut self, subject: &str, what: Happening) -> Decision {
        let sequence = self.sequences.entry(subject.to_owned()).or_default();
        *sequence += 1;
        let sequence = (!subject.is_empty()).then_some(*sequence);
        self.event_at(subject, sequence, false, what)
    }

    fn event_at(
        &mut self,
        subject: &str,
        sequence: Option<u64>,
        replayed: bool,
        what: Happening,
    ) -> Decision {
        self.events += 1;
        let event = SwitchEvent {
            id: format!("e{}", self.events),
            subject: subject.into(),
            time: Some(self.now),
            bootid: Some("boot-1".into()),
            sequence,
            replayed,
            what,
            extra: None,
        };
        self.give(Input::Switch { actor: owner(), source: "edge".into(), event })
    }

    /// A call for a queue; its offers.
    fn arrive(&mut self, subject: &str, queue: &str) -> Vec<OfferId> {
        let arrival = Happening::CallArrived(Box::new(arrival(ArrivalTarget::Queue(queue.into()))));
        offers(&self.event(subject, arrival))
    }

    /// The last call of a name.
    fn call(&self, subject: &str) -> CallId {
        let arrived = self.lines.iter().flat_map(|line| line["events"].as_array()).flatten();
        let mut of_name = arrived.filter_map(|event| {
            let arrived = event.get("call_arrived").filter(|a| a["subject"] == subject)?;
            arrived["call"].as_u64().map(CallId)
        });
        of_name.next_back().expect("it arrived")
    }

    fn wait(&mut self, ms: u64) -> Vec<OfferId> {
        let (until, mut made) = (self.now.plus(ms), Vec::new());
        while let Some((at, _)) = self.engine.next_deadline().filter(|(at, _)| *at <= until) {
            self.now = self.now.max(at);
            made.extend(offers(&self.give(Input::Deadline)));
        }
        self.now = until;
        made
    }
}

fn arrival(target: ArrivalTarget) -> Arrival {
    Arrival {
        media: Media::Voice,
        from: Some("+15551230001".into()),
        to: Some("+15559990000".into()),
        target: Some(target),
        priority: 1,
        skills: Vec::new(),
        steps: None,
        preferred: None,
        attributes: [("crm_id".to_owned(), "A-17".to_owned())].into(),
    }
}

fn offers(decision: &Decision) -> Vec<OfferId> {
    let of_event = |event: &Event| match event {
        Event::CallOffered { offer, .. } => Some(*offer),
        _ => None,
    };
    decision.events.iter().filter_map(of_event).collect()
}

/// A morning on a small floor: as many kinds of event as one morning holds.
fn story() -> Story {
    let mut s = Story::new();
    furnish(&mut s);
    morning(&mut s);
    trouble(&mut s);
    restart(&mut s);
    wishes(&mut s);
    s
}

/// Steps, preferred agents, and a supervisor's hand.
fn wishes(s: &mut Story) {
    s.wait(60_000);
    let steps = json!([{ "after_ms": 0, "agents": ["usr_cy"] },
        { "after_ms": 2_000, "agents": ["usr_bob"] }]);
    let first = json!({ "last_agent": true, "hold_for_ms": 1_000 });
    let wishes = json!({ "name": "Wishes", "steps": steps, "preferred": first });
    s.put(Kind::Queue, "", "wishes", wishes);
    for user in ["usr_bob", "usr_cy"] {
        s.put(Kind::Member, "wishes", user, json!({}));
        s.status(user, Status::Ready, When::Now, None);
    }
    s.ask(Command::DeskOpened { user: "usr_bob".into(), desk: 9 });
    let offer = s.arrive("w1", "wishes")[0];
    s.event("w1", Happening::OfferAnswered { offer });
    // The same caller again: held for who had the last call, who talks.
    assert_eq!(s.arrive("w2", "wishes"), []);
    assert_eq!(s.wait(2_000).len(), 1, "the second step rings the other");
    let call = s.call("w2");
    s.ask(Command::Assign { call, user: "usr_cy".into() });
    let change = CallChange { priority: Some(3), skills: None, queue: Some("support".into()) };
    s.ask(Command::ChangeCall { call, change });
    s.event("w2", Happening::CallAbandoned);
    s.wait(1_000);
}

fn furnish(s: &mut Story) {
    s.put(Kind::Account, "", "", json!({ "name": "Acme", "time_zone": "Europe/Berlin" }));
    s.put(Kind::Switch, "", "edge", json!({ "name": "Edge" }));
    s.put(Kind::Switch, "", "spare", json!({ "name": "Spare" }));
    s.delete(Kind::Switch, "", "spare");
    s.put(Kind::Skill, "", "spanish", json!({ "name": "Spanish" }));
    s.put(Kind::Skill, "", "latin", json!({ "name": "Latin" }));
    s.delete(Kind::Skill, "", "latin");
    s.put(Kind::BreakReason, "", "lunch", json!({ "name": "Lunch" }));
    s.put(Kind::BreakReason, "", "tea", json!({ "name": "Tea" }));
    s.delete(Kind::BreakReason, "", "tea");
    let night = json!({ "name": "Night", "hours": { "mon": ["00:00-04:00"] } });
    s.put(Kind::Calendar, "", "night", night.clone());
    s.put(Kind::Calendar, "", "old", night);
    s.delete(Kind::Calendar, "", "old");
    let wrap_up = json!({ "ms": 5_000 });
    s.put(Kind::Queue, "", "support", json!({ "name": "Support", "wrap_up": wrap_up }));
    let exits = json!({ "max_wait_ms": 60_000, "on_max_wait": { "queue": "support" } });
    let steps = json!([{ "after_ms": 0, "skills": [{ "skill": "spanish", "min": 40 }] }]);
    let skilled = json!({ "name": "Skilled", "strategy": "skilled", "competency": true,
        "exits": exits, "steps": steps });
    s.put(Kind::Queue, "", "skilled", skilled);
    s.put(Kind::Queue, "", "old", json!({ "name": "Old" }));
    s.delete(Kind::Queue, "", "old");
    let group = json!({ "name": "Sales", "extension": "7000", "strategy": "simultaneous",
        "total_ms": 20_000 });
    s.put(Kind::Group, "", "sales", group);
    for (nth, user) in ["usr_ann", "usr_bob", "usr_cy"].into_iter().enumerate() {
        let body = json!({ "first_name": user, "last_name": "Lee", "skills": { "spanish": 80 },
            "endpoint": format!("sip:{user}@192.0.2.{nth}"), "extension": format!("100{nth}") });
        s.put(Kind::User, "", user, body);
        s.put(Kind::Member, "support", user, json!({ "stars": nth + 1, "position": nth + 1 }));
    }
    s.put(Kind::Member, "sales", "usr_bob", json!({}));
    s.put(Kind::Member, "sales", "usr_cy", json!({}));
    s.put(Kind::Member, "skilled", "usr_cy", json!({}));
    s.delete(Kind::Member, "skilled", "usr_cy");
    let route = json!({ "number": "+15559990000", "to": { "queue": "support" } });
    s.put(Kind::Route, "", "main", route.clone());
    s.delete(Kind::Route, "", "main");
    s.put(Kind::Route, "", "main", route);
}

fn morning(s: &mut Story) {
    s.event("", Happening::SwitchStarted { software: Some("edge 1".into()) });
    s.event("", Happening::SwitchHeartbeat);
    s.give(Input::SwitchLink { switch: "edge".into(), open: true });
    s.status("usr_ann", Status::Ready, When::Now, None);
    s.ask(Command::DeskOpened { user: "usr_ann".into(), desk: 1 });
    s.status("usr_bob", Status::Ready, When::Now, Some(3_600_000));
    // Answered, held, ended, wrapped up by the agent.
    let offer = s.arrive("c1", "support")[0];
    s.wait(1_200);
    s.event("c1", Happening::OfferRinging { offer });
    s.event("c1", Happening::OfferAnswered { offer });
    let update = [("note".to_owned(), "vip".to_owned())].into();
    s.event(
        "c1",
        Happening::CallUpdated { priority: Some(2), skills: None, attributes: Some(update) },
    );
    s.wait(30_000);
    s.event("c1", Happening::CallHeld);
    s.event("c1", Happening::CallResumed);
    s.status("usr_ann", Status::OnBreak, When::AfterWork, None);
    s.event("c1", Happening::CallEnded { by: EndedBy::Caller });
    let call = s.engine.board().removed.len();
    assert_eq!(call, 1, "the call has ended");
    s.wait(5_000);
    s.status("usr_ann", Status::Ready, When::Now, None);
    // A group rings two; the first answer wins, the other is stopped.
    s.status("usr_cy", Status::Online, When::Now, None);
    let arrived =
        Happening::CallArrived(Box::new(arrival(ArrivalTarget::Extension("7000".into()))));
    let rung = offers(&s.event("c2", arrived));
    s.event("c2", Happening::OfferAnswered { offer: rung[0] });
    s.event("c2", Happening::OfferAnswered { offer: rung[1] });
    let to = TransferTo::Queue("support".into());
    s.event("c2", Happening::CallTransferred { to, kind: TransferKind::Blind });
    s.wait(60_000);
    s.give(Input::Acknowledged { switch: "edge".into(), seq: 5 });
}

fn trouble(s: &mut Story) {
    s.event("c2", Happening::CallEnded { by: EndedBy::Switch });
    s.wait(10_000);
    s.status("usr_ann", Status::Ready, When::Now, None);
    s.status("usr_bob", Status::Ready, When::Now, Some(3_600_000));
    // Refused, busy, abandoned.
    let offer = s.arrive("c3", "support")[0];
    s.ask(Command::Refuse { offer });
    let offer = s.wait(30_000);
    if let Some(offer) = offer.first() {
        s.event("c3", Happening::OfferFailed { offer: *offer, reason: FailReason::Busy });
    }
    s.event("c3", Happening::CallAbandoned);
    // Direct, and not taken; then handed over.
    s.event(
        "c9",
        Happening::CallArrived(Box::new(arrival(ArrivalTarget::Agent("usr_ann".into())))),
    );
    s.wait(21_000);
    // Waits for a skill that nobody brings, and leaves by its exit.
    s.arrive("c4", "skilled");
    s.wait(61_000);
    s.event(
        "c4",
        Happening::CallOverflowed { why: callboard::domain::switching::OverflowWhy::EngineTimeout },
    );
    // Ahead of a gap, then in order.
    let arrived = || {
        let to = ArrivalTarget::Queue("support".into());
        Happening::CallArrived(Box::new(arrival(to)))
    };
    s.event_at("c5", Some(1), true, arrived());
    s.event_at("c5", Some(3), false, Happening::CallEnded { by: EndedBy::Caller });
    s.event_at(
        "c5",
        Some(2),
        false,
        Happening::Unknown { kind: "acme.moved".into(), data: json!({ "floor": 3 }) },
    );
    s.force("usr_ann", Status::Online, When::Now);
    s.ask(Command::ClearForced { user: "usr_ann".into() });
    s.event("", Happening::DeviceLost { agent: "usr_cy".into() });
    s.event("", Happening::DeviceRegistered { agent: "1002".into() });
    let own = || "usr_cy".to_owned();
    s.event("own", Happening::AgentCallStarted { agent: own(), direction: Direction::Outbound });
    s.event("own", Happening::AgentCallEnded { agent: own() });
    let (queue, user) = ("support".to_owned(), "usr_bob".to_owned());
    s.ask(Command::SetOptedIn { queue: queue.clone(), user: user.clone(), opted_in: false });
    s.ask(Command::SetOptedIn { queue, user, opted_in: true });
    s.ask(Command::DeskClosed { user: "usr_ann".into(), desk: 1 });
    s.wait(20_000);
    s.wait(3_700_000);
}

fn restart(s: &mut Story) {
    s.status("usr_ann", Status::Ready, When::Now, None);
    s.ask(Command::DeskOpened { user: "usr_ann".into(), desk: 2 });
    let offer = s.arrive("c6", "support")[0];
    s.event("c6", Happening::OfferAnswered { offer });
    s.arrive("c7", "support");
    s.arrive("c8", "support");
    s.now = s.now.plus(1_500);
    s.give(Input::Resumed { away_ms: 1_500 });
    s.wait(500);
    let there = |call: &str, state| SyncCall { call: call.into(), state, offer: None };
    let calls = vec![there("c6", SyncState::Connected), there("c7", SyncState::Waiting)];
    s.event("", Happening::SwitchSync { calls });
    s.wait(5_000);
    s.give(Input::SwitchUnreachable { switch: "edge".into() });
    s.give(Input::SwitchSpoke { switch: "edge".into() });
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/records")
}

/// An engine from the lines of a fixture.
fn replayed(lines: &[Value]) -> (Engine, BTreeMap<PersonalKey, String>) {
    let mut engine = Engine::new("default", 1);
    let mut vault = BTreeMap::new();
    for line in lines {
        let seq = line["seq"].as_u64().expect("seq");
        let at = Millis(line["at"].as_i64().expect("at"));
        let body = serde_json::to_vec(&line["events"]).expect("JSON");
        engine.replay(seq, at, &body).unwrap_or_else(|e| panic!("record {seq}: {e}"));
        for row in line["vault"].as_array().expect("vault") {
            let key = row["key"].as_u64().expect("key");
            match row["value"].as_str() {
                Some(value) => _ = vault.insert(key, value.to_owned()),
                None => _ = vault.remove(&key),
            }
        }
    }
    engine.ready(&mut |key| vault.get(&key).cloned());
    (engine, vault)
}

fn state(engine: &Engine) -> Value {
    serde_json::from_slice(&engine.snapshot()).expect("JSON")
}

#[test]
fn the_story_replays_to_the_state_it_ended_in() {
    let told = story();
    let (again, vault) = replayed(&told.lines);
    assert_eq!(state(&again), state(&told.engine));
    assert_eq!(again.invariants(), Vec::<String>::new());
    assert!(vault.len() > 3, "users and callers have personal values");
    if let Ok(name) = std::env::var("CALLBOARD_WRITE_RECORDS") {
        let mut text = String::new();
        for line in &told.lines {
            writeln!(text, "{line}").expect("written");
        }
        std::fs::write(folder().join(format!("{name}.jsonl")), text).expect("written");
        let snapshot = serde_json::to_vec(&state(&told.engine)).expect("JSON");
        std::fs::write(folder().join(format!("{name}.snapshot.json")), snapshot).expect("written");
    }
}

#[test]
fn records_of_version_1_replay_to_the_state_of_version_1() {
    let text = std::fs::read_to_string(folder().join("v1.jsonl")).expect("the fixture");
    let lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let kinds: BTreeSet<String> = lines
        .iter()
        .flat_map(|line| line["events"].as_array().expect("events"))
        .map(|event| kind(&serde_json::from_value(event.clone()).expect("an event")))
        .collect();
    assert!(kinds.len() >= 60, "the story holds only {kinds:?}");
    let (engine, vault) = replayed(&lines);
    let snapshot = std::fs::read(folder().join("v1.snapshot.json")).expect("the fixture");
    let wanted: Value = serde_json::from_slice(&snapshot).expect("JSON");
    assert_eq!(state(&engine), wanted);
    assert_eq!(engine.invariants(), Vec::<String>::new());
    // A start from the snapshot is a start from the records.
    let restored = Engine::restore("default", &snapshot, &mut |key| vault.get(&key).cloned());
    let restored = restored.expect("a snapshot of version 1");
    assert_eq!(restored.snapshot(), engine.snapshot());
    assert_eq!(restored.board().agents, engine.board().agents);
}

#[test]
fn a_record_is_the_array_of_its_events() {
    let told = story();
    let first = &told.lines[0];
    let events: Vec<Event> = serde_json::from_value(first["events"].clone()).expect("events");
    let body: Value = serde_json::from_slice(&encode(&events)).expect("JSON");
    assert_eq!(body, first["events"]);
}
