//! The shapes of answers, frozen: a change of a name or a type shows here.

use crate::support::Server;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const BASE: &str = "/v1/accounts/default";

/// Replaces what differs from run to run.
fn settled(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let field = |(name, value): (String, Value)| match (name.as_str(), value) {
                ("rank", Value::Number(_)) => (name, json!("[rank]")),
                (_, value) => (name, settled(value)),
            };
            map.into_iter().map(field).collect()
        }
        Value::Array(items) => items.into_iter().map(settled).collect(),
        Value::String(text) => json!(settled_text(&text)),
        other => other,
    }
}

fn settled_text(text: &str) -> String {
    let is_id = ["cal_", "off_", "cmd_", "key_"]
        .iter()
        .any(|prefix| text.strip_prefix(prefix).is_some_and(|rest| rest.len() == 26));
    let is_time = text.len() == 24 && text.ends_with('Z') && text.as_bytes()[10] == b'T';
    match (is_id, is_time) {
        (true, _) => format!("[{}id]", &text[..4]),
        (_, true) => "[time]".to_owned(),
        _ => text.to_owned(),
    }
}

/// Every field that is answered stands in the document, and every one of the document is answered.
fn as_documented(document: &Value, schema: &str, answered: &Value) {
    let schema_of = |name: &str| document["components"]["schemas"][name].clone();
    let mut documented = BTreeSet::new();
    let mut open = vec![schema_of(schema)];
    while let Some(part) = open.pop() {
        if let Some(name) = part["$ref"].as_str().and_then(|r| r.rsplit('/').next()) {
            open.push(schema_of(name));
        }
        open.extend(part["allOf"].as_array().into_iter().flatten().cloned());
        documented
            .extend(part["properties"].as_object().into_iter().flatten().map(|(k, _)| k.clone()));
    }
    let answered: BTreeSet<String> =
        answered.as_object().expect("an object").keys().cloned().collect();
    assert_eq!(answered, documented, "{schema}");
}

#[test]
fn objects_show_all_their_fields() {
    let server = Server::start();
    let mut shown = vec![("account", server.must_get(BASE))];
    for (name, path, body) in [
        ("skill", "skills/spanish", json!({ "name": "Spanish" })),
        ("user", "users/usr_ann", json!({ "first_name": "Ann", "last_name": "Lee" })),
        ("queue", "queues/support", json!({ "name": "Support" })),
        ("group", "groups/sales", json!({ "name": "Sales", "total_ms": 20_000 })),
        ("member", "queues/support/members/usr_ann", json!({})),
        ("disposition", "dispositions/sold", json!({ "name": "Sold" })),
        ("team", "teams/north", json!({ "name": "North" })),
        ("team_member", "teams/north/members/usr_ann", json!({})),
        ("queue_team", "queues/support/teams/north", json!({})),
        ("route", "routes/main", json!({ "number": "+1555", "to": { "queue": "support" } })),
        ("switch", "switches/edge", json!({ "name": "Edge" })),
        ("break_reason", "break_reasons/lunch", json!({ "name": "Lunch" })),
        (
            "calendar",
            "calendars/office",
            json!({ "name": "Office", "hours": { "mon": ["09:00-17:30"] },
                "holidays": [{ "date": "2026-12-25", "name": "Christmas" }] }),
        ),
        ("key", "keys", json!({ "name": "edge", "role": "switch", "switch": "edge" })),
    ] {
        let method = if name == "key" { "POST" } else { "PUT" };
        let mut body = server.must(method, &format!("{BASE}/{path}"), &body);
        if let Some(secret) = body.get_mut("secret") {
            *secret = json!("[secret]");
        }
        shown.push((name, body));
    }
    let document = server.must_get("/openapi.json");
    for (name, schema) in [
        ("account", "Account"),
        ("skill", "Skill"),
        ("user", "User"),
        ("group", "Queue"),
        ("member", "Member"),
        ("disposition", "Disposition"),
        ("team", "Team"),
        ("team_member", "TeamMember"),
        ("queue_team", "QueueTeam"),
        ("route", "Route"),
        ("switch", "Switch"),
        ("break_reason", "BreakReason"),
        ("calendar", "Calendar"),
    ] {
        let body = shown.iter().find(|(n, _)| *n == name).map(|(_, body)| body);
        as_documented(&document, schema, body.expect("it was made"));
    }
    let shown: Value = shown.into_iter().map(|(name, body)| (name.to_owned(), body)).collect();
    insta::assert_json_snapshot!(settled(shown));
}

#[test]
fn live_state_shows_all_its_fields() {
    let server = Server::start();
    let put = |path: &str, body: Value| server.must("PUT", &format!("{BASE}/{path}"), &body);
    let get = |path: &str| server.must_get(&format!("{BASE}/{path}"));
    put("switches/edge", json!({ "name": "Edge" }));
    put("queues/support", json!({ "name": "Support" }));
    let ann = json!({ "first_name": "Ann", "last_name": "Lee", "endpoint": "sip:ann@127.0.0.1" });
    put("users/usr_ann", ann);
    put("queues/support/members/usr_ann", json!({}));
    put("agents/usr_ann/status", json!({ "status": "ready" }));
    let arrived = |name: &str| {
        json!({ "specversion": "1.0", "id": name, "source": "edge", "type": "call.arrived",
            "subject": name, "data": { "from": "+1555", "to": "+1556", "queue": "support",
            "attributes": { "crm_id": "A-17" } } })
    };
    let events = json!([arrived("c1"), arrived("c2")]);
    let answer = server.must("POST", &format!("{BASE}/events"), &events);
    let call = |i: usize| answer["results"][i]["call_id"].as_str().expect("an id").to_owned();
    let waiting = call(1);
    let shown = json!({
        "events": answer,
        "offered_call": get(&format!("calls/{}", call(0))),
        "waiting_call": get(&format!("calls/{waiting}")),
        "queue_calls": get("queues/support/calls"),
        "candidates": get(&format!("calls/{waiting}/candidates")),
        "agent": get("agents/usr_ann"),
        "agent_next": get("agents/usr_ann/next"),
        "staff": get("queues/support/staff"),
    });
    let document = server.must_get("/openapi.json");
    for (at, schema) in [
        ("/events", "EventsAnswer"),
        ("/offered_call", "CallView"),
        ("/offered_call/offers/0", "OfferView"),
        ("/queue_calls/items/1", "CallView"),
        ("/candidates", "Candidates"),
        ("/candidates/items/0", "Candidate"),
        ("/agent", "AgentView"),
        ("/agent/lease", "LeaseView"),
        ("/agent/queues/0", "PairView"),
        ("/agent_next/items/0", "NextCall"),
        ("/staff/items/0", "StaffRow"),
    ] {
        as_documented(&document, schema, shown.pointer(at).expect(at));
    }
    as_documented(&document, "WorkView", &shown["agent"]["work"]["voice"]);
    insta::assert_json_snapshot!(settled(shown));
}

#[test]
fn a_refusal_shows_every_wrong_field() {
    let server = Server::start();
    let body = json!({ "priority": 5000, "wieght": 1 });
    let (_, _, problem) = server.put(&format!("{BASE}/queues/support"), &body);
    insta::assert_json_snapshot!(problem);
}
