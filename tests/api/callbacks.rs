//! Callbacks through the public interface: a caller's wish, and those asked for by hand.

use crate::support::Server;
use serde_json::{Value, json};

fn at(path: &str) -> String {
    format!("/v1/accounts/default/{path}")
}

fn event(id: &str, subject: &str, kind: &str, data: Value) -> Value {
    json!({ "specversion": "1.0", "id": id, "source": "edge", "type": kind, "subject": subject,
        "data": data })
}

fn told<'a>(answer: &'a Value, kind: &str) -> &'a Value {
    let commands = answer["commands"].as_array().expect("commands");
    commands.iter().find(|c| c["type"] == kind).unwrap_or_else(|| panic!("no {kind}: {answer}"))
}

fn furnished() -> Server {
    let server = Server::start();
    server.must("PUT", &at("switches/edge"), &json!({ "name": "Edge" }));
    let queue = json!({ "name": "Sales", "exits": { "on_choice": { "callback": true } },
        "callback": { "attempts": 2, "caller_id": "+15550000000" } });
    server.must("PUT", &at("queues/sales"), &queue);
    let ann = json!({ "first_name": "Ann", "last_name": "Lee", "endpoint": "sip:ann@127.0.0.1" });
    server.must("PUT", &at("users/usr_ann"), &ann);
    server.must("PUT", &at("queues/sales/members/usr_ann"), &json!({}));
    server
}

#[test]
fn a_caller_is_called_back() {
    let server = furnished();
    let post = |id: &str, subject: &str, kind: &str, data: Value| {
        server.must("POST", &at("events"), &event(id, subject, kind, data))
    };
    let arrival = json!({ "queue": "sales", "from": "+15551230001", "attributes": { "crm": "A" } });
    let arrived = post("1", "c1", "call.arrived", arrival);
    let caller = arrived["results"][0]["call_id"].as_str().expect("an id").to_owned();
    let left = post("2", "c1", "call.choice", json!({}));
    assert_eq!(told(&left, "call.end")["reason"], "callback");

    let listed = server.must_get(&at("callbacks?queue=sales"));
    let callback = &listed["items"][0];
    assert_eq!(listed["items"].as_array().expect("items").len(), 1, "{listed}");
    let id = callback["id"].as_str().expect("an id").to_owned();
    assert_eq!(callback["callback"]["of"], json!(caller));
    assert_eq!(callback["switch_call"], json!(id), "the switch knows it by its id");
    assert_eq!(
        (&callback["from"], &callback["attributes"]),
        (&json!("+15551230001"), &json!({ "crm": "A" }))
    );
    let before = server.must_get(&at(&format!("calls/{caller}")));
    assert_eq!(callback["entered_at"], before["entered_at"], "it keeps the age");
    assert_eq!((&before["outcome"], &before["reason"]), (&json!("exited"), &json!("callback")));

    // The agent first, then the customer, at the number that was changed meanwhile.
    let one = at(&format!("callbacks/{id}"));
    let (status, _, changed) =
        server.patch(&one, &json!({ "number": "+15551239999", "priority": 3 }));
    assert_eq!(status, 200, "{changed}");
    assert_eq!((&changed["from"], &changed["priority"]), (&json!("+15551239999"), &json!(3)));
    server.must("PUT", &at("agents/usr_ann/status"), &json!({ "status": "ready" }));
    let commands = server.must_get(&at("switches/edge/commands"));
    let ring = told(&commands, "offer.ring");
    assert_eq!((&ring["call"], &ring["callback"]), (&json!(id), &json!(true)));
    let offer = json!({ "offer": ring["offer"] });
    let answered = post("3", &id, "offer.answered", offer);
    let dial = told(&answered, "call.originate");
    assert_eq!((&dial["to"], &dial["agent"]), (&json!("+15551239999"), &json!("usr_ann")));
    assert_eq!(dial["caller_id"], "+15550000000");
    let hold = at(&format!("calls/{id}/hold"));
    assert_eq!(server.post(&hold, &json!({})).2["code"], "not_connected");
    let (status, _, problem) = server.delete(&one);
    assert_eq!((status, &problem["code"]), (409, &json!("not_waiting")));

    // Nobody there: it waits for the next attempt, which a supervisor brings forward.
    post("4", &id, "customer.failed", json!({ "reason": "no_answer" }));
    let waits = server.must_get(&at(&format!("calls/{id}/candidates")));
    assert_eq!(waits["held_by"], "callback_spacing", "{waits}");
    assert!(waits["held_until"].is_string());
    let (status, _, sooner) = server.patch(&one, &json!({ "not_before": null }));
    assert_eq!((status, &sooner["callback"]["attempts"]), (200, &json!(1)), "{sooner}");
    assert_eq!(sooner["state"], "offered");
    let offers = sooner["offers"].as_array().expect("offers");
    let offer = json!({ "offer": offers[1]["id"] });
    post("5", &id, "offer.answered", offer);
    post("6", &id, "customer.answered", json!({}));
    let call = server.must_get(&at(&format!("calls/{id}")));
    assert_eq!((&call["state"], &call["callback"]["reached"]), (&json!("connected"), &json!(true)));
    assert_eq!(server.must_get(&at("callbacks"))["items"], json!([]));
    post("7", &id, "call.ended", json!({ "by": "caller" }));
    assert_eq!(server.must_get(&at(&format!("calls/{id}")))["outcome"], "answered");

    let story = server.must_get(&at(&format!("calls/{caller}/trace")));
    let made =
        story["items"].as_array().expect("items").iter().find(|e| e["type"] == "callback_made");
    assert_eq!(made.expect("its beginning")["call"], json!(id), "{story}");
}

#[test]
fn one_asked_for_by_hand_waits_for_its_time_and_is_cancelled() {
    let server = furnished();
    server.must("PUT", &at("agents/usr_ann/status"), &json!({ "status": "ready" }));
    let later = "2999-01-01T00:00:00.000Z";
    for (body, wrong) in [
        (json!({ "number": "+1555" }), "/queue"),
        (json!({ "queue": "sales" }), "/number"),
        (json!({ "queue": "none", "number": "+1555" }), "/queue"),
        (json!({ "queue": "sales", "number": "+1555", "switch": "none" }), "/switch"),
        (json!({ "queue": "sales", "number": "+1555", "not_before": later }), "/not_before"),
        (
            json!({ "queue": "sales", "number": "+1555", "skills": [{ "skill": "x" }] }),
            "/skills/0/skill",
        ),
        (json!({ "queue": "sales", "number": "+1555", "when": "soon" }), "/when"),
    ] {
        let (status, _, problem) = server.post(&at("callbacks"), &body);
        assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!(wrong)), "{problem}");
    }
    assert_eq!(server.must_get(&at("callbacks"))["items"], json!([]), "nothing was changed");

    assert_eq!(server.must_get(&at("calls"))["items"], json!([]));
    let asked = json!({ "queue": "sales", "number": "+15551230007", "not_before": in_twelve_hours(&server) });
    let (status, _, made) = server.post(&at("callbacks"), &asked);
    assert_eq!((status, &made["state"]), (201, &json!("waiting")), "{made}");
    assert_eq!(made["offers"], json!([]), "its time has not come");
    let id = made["id"].as_str().expect("an id");
    let agent = server.client(json!({ "name": "ann", "role": "agent", "user": "usr_ann" }));
    assert_eq!(agent.post(&at("callbacks"), &asked).0, 403);
    let (status, _, problem) = server.delete(&at("callbacks/cal_00000000000000000000000000"));
    assert_eq!((status, &problem["code"]), (404, &json!("not_found")));
    assert_eq!(server.delete(&at(&format!("callbacks/{id}"))).0, 204);
    let over = server.must_get(&at(&format!("calls/{id}")));
    assert_eq!((&over["outcome"], &over["reason"]), (&json!("exited"), &json!("cancelled")));

    // A switch that cannot dial out is not asked to.
    let edge = json!({ "name": "Edge", "capabilities": { "originate": false } });
    server.must("PUT", &at("switches/edge"), &edge);
    let (status, _, problem) =
        server.post(&at("callbacks"), &json!({ "queue": "sales", "number": "+1" }));
    assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/switch")), "{problem}");
}

/// By the server's clock, and within what a queue keeps.
fn in_twelve_hours(server: &Server) -> String {
    let at =
        server.must_get(&at("agents/usr_ann"))["since"].as_str().expect("an instant").to_owned();
    let at: jiff::Timestamp = at.parse().expect("an instant");
    (at + jiff::SignedDuration::from_hours(12)).to_string()
}
