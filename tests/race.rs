//! Races for one offer, over real sockets: exactly one wins, and nobody is on two calls.

#[path = "crash/socket.rs"]
mod socket;
mod support;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use serde_json::{Value, json};
use socket::Socket;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use support::{Answer, Api, Server, until};

const ROUNDS: u64 = 200;
const BASE: &str = "/v1/accounts/default";

/// A floor with Ann, who answers at her desk, and Bob, whose phone rings.
struct Floor {
    server: Server,
    switch: Api,
    ann: Api,
    desk: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
    events: u64,
}

impl Floor {
    fn start(members: &[&str]) -> Floor {
        let server = Server::start();
        let put = |path: &str, body: Value| server.must("PUT", &format!("{BASE}{path}"), &body);
        put("/switches/sw", json!({ "name": "Switch" }));
        let queue = json!({ "name": "Support", "strategy": "simultaneous", "total_ms": 600_000,
            "max_misses": 0 });
        put("/queues/support", queue);
        put("/users/usr_ann", json!({ "first_name": "Ann", "last_name": "Lee" }));
        let endpoint = "sip:bob@192.0.2.1";
        put(
            "/users/usr_bob",
            json!({ "first_name": "Bob", "last_name": "Ray", "endpoint": endpoint }),
        );
        let switch = key(&server, json!({ "name": "sw", "role": "switch", "switch": "sw" }));
        let ann = key(&server, json!({ "name": "ann", "role": "agent", "user": "usr_ann" }));
        for user in members {
            put(&format!("/queues/support/members/{user}"), json!({}));
            put(&format!("/agents/{user}/status"), json!({ "status": "ready" }));
        }
        let desk = Some(open_desk(&ann));
        let floor = Floor { server, switch, ann, desk, events: 0 };
        until("Ann's desk", || floor.offerable("usr_ann").then_some(()));
        floor
    }

    fn offerable(&self, user: &str) -> bool {
        self.server.must_get(&format!("{BASE}/agents/{user}"))["offerable"] == true
    }

    fn event(&mut self, kind: &str, subject: &str, data: Value) -> Value {
        self.events += 1;
        let answer = self.switch.must("POST", EVENTS, &event(self.events, kind, subject, data));
        assert_eq!(answer["results"][0]["status"], "accepted", "{answer:#}");
        answer
    }

    /// A call for which both ring: its id, and the offers by agent.
    fn arrive(&mut self, subject: &str) -> (String, BTreeMap<String, String>) {
        let answer = self.event("call.arrived", subject, json!({ "queue": "support" }));
        let call = answer["results"][0]["call_id"].as_str().expect("an id").to_owned();
        let shown = self.call(&call);
        let offers = shown["offers"].as_array().expect("offers").iter();
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        (call, offers.map(|o| (text(&o["agent"]), text(&o["id"]))).collect())
    }

    fn call(&self, call: &str) -> Value {
        self.server.must_get(&format!("{BASE}/calls/{call}"))
    }

    /// How many calls an agent is on.
    fn calls_of(&self, user: &str) -> u64 {
        let agent = self.server.must_get(&format!("{BASE}/agents/{user}"));
        agent["work"]["voice"]["used"].as_u64().unwrap_or_else(|| panic!("{agent:#}"))
    }

    /// The history never shows an agent on two calls, and a call with one answer each.
    fn check_history(&self, answers: u64) {
        let (mut after, mut answered) = (0, 0);
        let mut on: BTreeMap<String, Vec<String>> = BTreeMap::new();
        loop {
            let path = format!("{BASE}/feed?after={after}&limit=1000");
            let page = self.server.must_get(&path);
            let items = page["items"].as_array().expect("items");
            if items.is_empty() {
                break;
            }
            after = page["next"].as_u64().expect("next");
            for event in items.iter().flat_map(|item| item["events"].as_array().expect("events")) {
                let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
                let calls = on.entry(text("agent")).or_default();
                match event["type"].as_str() {
                    Some("call_answered") => {
                        calls.push(text("call"));
                        answered += 1;
                        assert_eq!(calls.len(), 1, "{} is on {calls:?}", text("agent"));
                    }
                    Some("leg_ended") => calls.retain(|call| *call != text("call")),
                    _ => {}
                }
            }
        }
        assert_eq!(answered, answers, "answers in the history");
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        let Some((stop, desk)) = self.desk.take() else { return };
        stop.store(true, Ordering::Relaxed);
        let ended = desk.join();
        assert!(ended.is_ok() || thread::panicking(), "the desk's thread failed");
    }
}

const EVENTS: &str = "/v1/accounts/default/events";

fn event(id: u64, kind: &str, subject: &str, data: Value) -> Value {
    json!({ "specversion": "1.0", "id": format!("e{id}"), "source": "sw", "type": kind,
        "subject": subject, "data": data })
}

fn key(server: &Server, body: Value) -> Api {
    let issued = server.must("POST", &format!("{BASE}/keys"), &body);
    server.with_key(issued["secret"].as_str().expect("a secret"))
}

/// A desk that stays open until it is told to go.
fn open_desk(ann: &Api) -> (Arc<AtomicBool>, JoinHandle<()>) {
    let path = format!("{BASE}/agents/usr_ann/desk");
    let mut socket = Socket::open(ann, &path, "callboard.desk.v1").expect("a desk");
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let thread = thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            socket.next().expect("the desk stays open");
        }
    });
    (stop, thread)
}

/// Both at once, each after its own delay; the two answers.
fn race(
    delays: [Duration; 2],
    first: impl FnOnce() -> Answer + Send,
    second: impl FnOnce() -> Answer + Send,
) -> (Answer, Answer) {
    let start = Barrier::new(2);
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            start.wait();
            thread::sleep(delays[1]);
            second()
        });
        start.wait();
        thread::sleep(delays[0]);
        let one = first();
        (one, other.join().expect("an answer"))
    })
}

fn delays(dice: &mut Pcg64) -> [Duration; 2] {
    // Half of the rounds start level; in the others one is a little ahead.
    let ahead = if dice.random_bool(0.5) { 0 } else { dice.random_range(0..3_000) };
    let delays = [Duration::ZERO, Duration::from_micros(ahead)];
    if dice.random_bool(0.5) { delays } else { [delays[1], delays[0]] }
}

fn assert_closed(answer: &Answer, outcome: &str) {
    let (status, _, body) = answer;
    assert_eq!((*status, &body["code"]), (409, &json!("offer_closed")), "{body:#}");
    let detail = body["detail"].as_str().expect("a detail");
    assert!(detail.contains(outcome), "{detail} does not tell {outcome}");
}

#[test]
fn a_desk_and_a_phone_race_for_a_call() {
    let mut floor = Floor::start(&["usr_ann", "usr_bob"]);
    let mut dice = Pcg64::seed_from_u64(11);
    let mut wins = [0, 0];
    for round in 0..ROUNDS {
        let subject = format!("c{round}");
        let (call, offers) = floor.arrive(&subject);
        assert_eq!(offers.len(), 2, "round {round}: both ring: {offers:?}");
        floor.events += 1;
        let accept = format!("{BASE}/offers/{}/accept", offers["usr_ann"]);
        let data = json!({ "offer": offers["usr_bob"] });
        let answered = event(floor.events, "offer.answered", &subject, data);
        let (desk, phone) = race(
            delays(&mut dice),
            || floor.ann.post(&accept, &json!({})),
            || floor.switch.post(EVENTS, &answered),
        );
        assert_eq!(phone.2["results"][0]["status"], "accepted", "{:#}", phone.2);
        let shown = floor.call(&call);
        assert_eq!(shown["state"], "connected", "round {round}: {shown:#}");
        let (winner, loser) = if shown["agent"] == "usr_ann" {
            // The phone is told to stop: another was first.
            assert_eq!(desk.0, 200, "{:#}", desk.2);
            wins[0] += 1;
            ("usr_ann", "usr_bob")
        } else {
            assert_eq!(shown["agent"], "usr_bob", "round {round}: {shown:#}");
            assert_closed(&desk, "withdrawn (answered_elsewhere)");
            let commands = phone.2["commands"].as_array().expect("commands");
            assert!(commands.iter().any(|c| c["type"] == "call.connect"), "{commands:#?}");
            wins[1] += 1;
            ("usr_bob", "usr_ann")
        };
        assert_eq!((floor.calls_of(winner), floor.calls_of(loser)), (1, 0), "round {round}");
        floor.event("call.ended", &subject, json!({ "by": "caller" }));
    }
    println!("the desk won {} times, the phone {}", wins[0], wins[1]);
    floor.check_history(ROUNDS);
}

#[test]
fn an_offer_is_accepted_once_whoever_asks_twice() {
    let mut floor = Floor::start(&["usr_ann"]);
    let mut dice = Pcg64::seed_from_u64(12);
    for round in 0..ROUNDS {
        let subject = format!("c{round}");
        let (call, offers) = floor.arrive(&subject);
        let accept = format!("{BASE}/offers/{}/accept", offers["usr_ann"]);
        let (ann, owner) = (&floor.ann, floor.server.api());
        let (one, two) = race(
            delays(&mut dice),
            || ann.post(&accept, &json!({})),
            // Of two connections: her own again, or a supervisor's for her.
            || if round % 2 == 0 { ann } else { owner }.post(&accept, &json!({})),
        );
        let (won, lost) = if one.0 == 200 { (one, two) } else { (two, one) };
        assert_eq!(won.0, 200, "round {round}: nobody won: {:#}", won.2);
        assert_closed(&lost, "answered");
        assert_eq!(floor.call(&call)["agent"], "usr_ann");
        assert_eq!(floor.calls_of("usr_ann"), 1);
        floor.event("call.ended", &subject, json!({ "by": "agent" }));
    }
    floor.check_history(ROUNDS);
}

#[test]
fn accepting_and_hanging_up_race_and_end_in_one_outcome() {
    let mut floor = Floor::start(&["usr_ann"]);
    let mut dice = Pcg64::seed_from_u64(13);
    let mut answers = 0;
    for round in 0..ROUNDS / 4 {
        let subject = format!("c{round}");
        let (call, offers) = floor.arrive(&subject);
        let accept = format!("{BASE}/offers/{}/accept", offers["usr_ann"]);
        floor.events += 1;
        let gone = event(floor.events, "call.abandoned", &subject, json!({}));
        let (desk, _) = race(
            delays(&mut dice),
            || floor.ann.post(&accept, &json!({})),
            || floor.switch.post(EVENTS, &gone),
        );
        let shown = floor.call(&call);
        assert_eq!(shown["state"], "ended", "round {round}: {shown:#}");
        if desk.0 == 200 {
            answers += 1;
            assert_eq!(shown["outcome"], "answered", "round {round}");
        } else {
            assert_closed(&desk, "withdrawn (abandoned)");
            assert_eq!(shown["outcome"], "abandoned", "round {round}");
        }
        assert_eq!(floor.calls_of("usr_ann"), 0, "round {round}");
    }
    floor.check_history(answers);
}
