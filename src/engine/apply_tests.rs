//! Documents at random, right and wrong ones, over a floor with live calls.

use super::Engine;
use super::state::Stage;
use super::tests::Floor;
use crate::domain::document::{Document, brief, from_toml, to_toml};
use crate::domain::event::PersonalKey;
use crate::domain::ids::CallId;
use crate::domain::input::{Answer, Command as Ask};
use crate::domain::presence::Status;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Something of a small world, so that documents meet each other; now and then it is wrong.
fn id(of: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    proptest::sample::select(of)
}

const USERS: &[&str] = &["usr_a", "usr_b", "usr_c"];
const QUEUES: &[&str] = &["one", "two", "three"];

fn members() -> impl Strategy<Value = Value> {
    proptest::collection::btree_map(id(USERS), (1..4u8).prop_map(|s| json!({ "stars": s })), 0..3)
        .prop_map(|all| json!(all))
}

fn users() -> impl Strategy<Value = Value> {
    let one = (0..3u8, proptest::option::of(1000..1003u32), proptest::option::of(1..=100u16))
        .prop_map(|(state, extension, level)| {
            let skills = level.map(|level| json!({ "s": level })).unwrap_or_else(|| json!({}));
            let state = if state == 0 { "deactivated" } else { "active" };
            json!({ "first_name": "A", "last_name": "B", "state": state, "skills": skills,
                "extension": extension.map(|e| e.to_string()), "endpoint": "sip:a@b" })
        });
    proptest::collection::btree_map(id(USERS), one, 0..3).prop_map(|all| json!(all))
}

fn queues() -> impl Strategy<Value = Value> {
    let target = id(&["one", "two", "three", "nowhere"]);
    let one = (proptest::option::weighted(0.3, target), members(), 0..4u8, any::<bool>()).prop_map(
        |(to, members, ring, skilled)| {
            let mut body =
                json!({ "name": "Q", "members": members, "ring_for_ms": 5_000 + u32::from(ring) });
            if let Some(to) = to {
                body["exits"] = json!({ "on_max_wait": { "queue": to } });
            }
            if skilled {
                body["steps"] = json!([{ "after_ms": 0, "skills": [{ "skill": "s", "min": 10 }] }]);
            }
            if ring == 3 {
                body["teams"] = json!(["t"]);
            }
            body
        },
    );
    proptest::collection::btree_map(id(QUEUES), one, 0..3).prop_map(|all| json!(all))
}

fn groups() -> impl Strategy<Value = Value> {
    let one = (members(), proptest::option::of(1000..1003u32)).prop_map(|(members, extension)| {
        json!({ "name": "G", "total_ms": 20_000, "members": members,
            "extension": extension.map(|e| e.to_string()) })
    });
    proptest::collection::btree_map(id(&["g", "h"]), one, 0..2).prop_map(|all| json!(all))
}

fn documents() -> impl Strategy<Value = (Value, bool, bool)> {
    let teams = (members(), any::<bool>()).prop_map(|(members, there)| {
        let ids: Vec<&String> =
            members.as_object().into_iter().flatten().map(|(id, _)| id).collect();
        if there { json!({ "t": { "name": "T", "members": ids } }) } else { json!({}) }
    });
    let skills = (1..50u8, any::<bool>()).prop_map(|(min, there)| {
        if there { json!({ "s": { "name": "S", "min": min } }) } else { json!({}) }
    });
    let document = (users(), queues(), groups(), teams, skills).prop_map(
        |(users, queues, groups, teams, skills)| {
            json!({ "users": users, "queues": queues, "groups": groups, "teams": teams, "skills": skills })
        },
    );
    let prune = proptest::bool::weighted(0.2);
    (document, prune, proptest::bool::weighted(0.2))
}

fn apply(floor: &mut Floor, document: &Value, prune: bool, dry_run: bool) -> (Answer, usize) {
    let document = Box::new(Document::read(document).expect("a document"));
    let decision = floor.ask(Ask::Apply { document, prune, dry_run });
    (decision.answer.expect("an answer"), decision.events.len())
}

/// Where each call waits: its queue, its claim and since when.
fn places(floor: &Floor) -> BTreeMap<CallId, String> {
    let calls = floor.engine.state.calls.sorted();
    let waiting = calls.iter().filter(|(_, call)| matches!(call.stage, Stage::Waiting));
    let place = |call: &super::state::Call| format!("{:?} {:?}", call.queue, call.queued_at);
    waiting.map(|(id, call)| (**id, place(call))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn a_document_is_applied_whole_or_not_at_all(
        documents in proptest::collection::vec(documents(), 1..8),
    ) {
        let mut floor = Floor::new();
        let user = json!({ "first_name": "A", "last_name": "B", "endpoint": "sip:a@b" });
        let begin = json!({ "skills": { "s": { "name": "S" } }, "teams": { "t": { "name": "T" } },
            "queues": { "one": { "name": "One", "members": ["usr_a"] }, "two": { "name": "Two" },
                "three": { "name": "Three" } },
            "users": { "usr_a": user, "usr_b": user, "usr_c": user } });
        let (answer, _) = apply(&mut floor, &begin, false, false);
        let is_applied = matches!(answer, Answer::Done { .. });
        prop_assert!(is_applied, "{:?}", answer);
        floor.status("usr_a", Status::Ready);
        for call in ["c1", "c2", "c3"] {
            floor.arrive(call, "one");
        }
        for (document, prune, dry_run) in documents {
            let (before, waited) = (floor.engine.snapshot(), places(&floor));
            let (answer, events) = apply(&mut floor, &document, prune, dry_run);
            let Answer::Done { body, .. } = answer else {
                prop_assert_eq!(events, 0);
                prop_assert!(floor.engine.snapshot() == before, "a refusal changed something");
                continue;
            };
            if dry_run {
                prop_assert!(floor.engine.snapshot() == before, "a dry run changed something");
                continue;
            }
            let none = body["changes"].as_array().is_none_or(Vec::is_empty);
            prop_assert_eq!(none, events == 0);
            // Who waited waits where they waited, or is rung.
            let waits = places(&floor);
            for (call, place) in &waited {
                prop_assert!(waits.get(call).is_none_or(|now| now == place), "{call} lost its place");
            }
            // Written out and applied again it is the same, in either form; and once is enough.
            let written = brief(floor.engine.configuration());
            let toml = from_toml(&to_toml(&written)).expect("TOML");
            for again in [&written, &toml, &document] {
                let (answer, events) = apply(&mut floor, again, false, false);
                let same = matches!(&answer, Answer::Done { body, .. } if body["changes"] == json!([]));
                prop_assert!(same && events == 0, "{:?}", answer);
            }
        }
        // Replayed, it is the same.
        let mut replica = Engine::new("default", 1);
        for (seq, at, body) in &floor.log {
            replica.replay(*seq, *at, body).expect("a record");
        }
        prop_assert!(replica.snapshot() == floor.engine.snapshot(), "the replay differs");
        let mut values: BTreeMap<PersonalKey, String> = floor.vault().clone();
        replica.ready(&mut |key| values.remove(&key));
        prop_assert_eq!(replica.invariants(), Vec::<String>::new());
    }
}
