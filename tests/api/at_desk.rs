//! A call in an agent's hands: hold, back, transfer, end.

use crate::support::Server;
use serde_json::{Value, json};

fn at(path: &str) -> String {
    format!("/v1/accounts/default/{path}")
}

fn event(id: &str, kind: &str, data: Value) -> Value {
    json!({ "specversion": "1.0", "id": id, "source": "edge", "type": kind, "subject": "c1@edge",
        "data": data })
}

#[test]
fn a_call_is_held_and_transferred_from_the_desk() {
    let server = Server::start();
    server.must("PUT", &at("switches/edge"), &json!({ "name": "Edge" }));
    server.must("PUT", &at("queues/support"), &json!({ "name": "Support" }));
    for user in ["usr_ann", "usr_bob"] {
        let endpoint = format!("sip:{user}@127.0.0.1");
        let body = json!({ "first_name": user, "last_name": "Lee", "endpoint": endpoint });
        server.must("PUT", &at(&format!("users/{user}")), &body);
    }
    server.must("PUT", &at("queues/support/members/usr_ann"), &json!({}));
    let switch = server.client(json!({ "name": "edge", "role": "switch", "switch": "edge" }));
    let ann = server.client(json!({ "name": "ann", "role": "agent", "user": "usr_ann" }));
    let bob = server.client(json!({ "name": "bob", "role": "agent", "user": "usr_bob" }));
    ann.must("PUT", &at("agents/usr_ann/status"), &json!({ "status": "ready" }));
    bob.must("PUT", &at("agents/usr_bob/status"), &json!({ "status": "online" }));
    let told = |answer: &Value| answer["commands"].as_array().cloned().unwrap_or_default();
    let post = |id: &str, kind: &str, data: Value| {
        switch.must("POST", &at("events"), &event(id, kind, data))
    };
    let answer = post("1", "call.arrived", json!({ "queue": "support" }));
    let call = answer["results"][0]["call_id"].as_str().expect("an id").to_owned();
    let offer = told(&answer)[0]["offer"].as_str().expect("an offer").to_owned();

    let (status, _, problem) = ann.post(&at(&format!("calls/{call}/hold")), &json!({}));
    // A ringing agent has no call yet: it is as unknown as another's.
    assert_eq!((status, &problem["code"]), (404, &json!("not_found")), "{problem}");
    post("2", "offer.answered", json!({ "offer": offer }));
    let commands = || switch.must_get(&at("switches/edge/commands"))["commands"].clone();
    let last = |what: &str| {
        let all = commands();
        let all = all.as_array().expect("commands");
        all.iter().rev().find(|c| c["type"] == what).cloned().unwrap_or_default()
    };

    for (way, command) in [("hold", "call.hold"), ("resume", "call.resume")] {
        let (status, ..) = ann.post(&at(&format!("calls/{call}/{way}")), &json!({}));
        assert_eq!(status, 202, "{way}");
        assert_eq!(last(command)["call_id"], json!(call), "{}", commands());
        let (status, ..) = bob.post(&at(&format!("calls/{call}/{way}")), &json!({}));
        assert_eq!(status, 404, "another's call: {way}");
    }
    // The switch says what came of it.
    assert_eq!(ann.must_get(&at(&format!("calls/{call}")))["held"], json!(false));
    post("3", "call.held", json!({}));
    assert_eq!(ann.must_get(&at(&format!("calls/{call}")))["held"], json!(true));

    let transfer = at(&format!("calls/{call}/transfer"));
    for (body, wrong) in [
        (json!({ "to": { "queue": "sales" } }), "/to/queue"),
        (json!({ "to": { "agent": "usr_eve" } }), "/to/agent"),
        (json!({ "to": { "queue": "support", "number": "1" } }), "/to"),
        (json!({ "kind": "warm", "to": { "number": "1" } }), "/kind"),
        (json!({}), "/to"),
    ] {
        let (status, _, problem) = ann.post(&transfer, &body);
        assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!(wrong)), "{problem}");
    }
    let (status, ..) = ann.post(&transfer, &json!({ "to": { "agent": "usr_bob" } }));
    assert_eq!(status, 202);
    let command = last("call.transfer");
    assert_eq!(
        (&command["to"], &command["kind"]),
        (&json!({ "agent": "usr_bob" }), &json!("blind"))
    );
    let answer = post("4", "call.transferred", json!({ "to": command["to"], "kind": "blind" }));
    let ring = told(&answer).into_iter().find(|c| c["type"] == "offer.ring").expect("a ring");
    assert_eq!(ring["agent"], json!("usr_bob"));
    let shown = server.must_get(&at(&format!("calls/{call}")));
    assert_eq!((&shown["queue"], &shown["direct_to"]), (&Value::Null, &json!("usr_bob")));
}

#[test]
fn what_a_switch_cannot_do_is_refused_before_it_is_asked() {
    let server = Server::start();
    let edge = json!({ "name": "Edge", "capabilities": { "hold": false, "transfer": false } });
    server.must("PUT", &at("switches/edge"), &edge);
    let body = json!({ "first_name": "Ann", "last_name": "Lee", "endpoint": "sip:ann@127.0.0.1",
        "extension": "1001" });
    server.must("PUT", &at("users/usr_ann"), &body);
    server.must("PUT", &at("agents/usr_ann/status"), &json!({ "status": "online" }));
    // A direct call, by extension.
    let arrived = event("1", "call.arrived", json!({ "to": "1001" }));
    let answer = server.must("POST", &at("events"), &arrived);
    let call = answer["results"][0]["call_id"].as_str().expect("an id").to_owned();
    let ring = &answer["commands"][0];
    assert_eq!((&ring["agent"], &ring["ring_for_ms"]), (&json!("usr_ann"), &json!(20_000)));
    let answered = event("2", "offer.answered", json!({ "offer": ring["offer"] }));
    server.must("POST", &at("events"), &answered);
    for (way, body) in [
        ("hold", json!({})),
        ("resume", json!({})),
        ("transfer", json!({ "to": { "number": "1" } })),
    ] {
        let (status, _, problem) = server.post(&at(&format!("calls/{call}/{way}")), &body);
        assert_eq!((status, &problem["code"]), (409, &json!("unsupported")), "{way}: {problem}");
    }
}
