//! Alerts from outside: raised, seen to, still there after a kill, over; each a fact of the feed.

use crate::sockets::{Socket, open};
use crate::support::{Api, Server, until};
use serde_json::{Value, json};

fn at(path: &str) -> String {
    format!("/v1/accounts/default/{path}")
}

fn furnish(server: &Server) -> Api {
    server.must("PUT", &at("switches/edge"), &json!({ "name": "Edge" }));
    for queue in ["support", "sales"] {
        server.must("PUT", &at(&format!("queues/{queue}")), &json!({ "name": queue }));
    }
    server.client(json!({ "name": "edge", "role": "switch", "switch": "edge" }))
}

fn waiting(act: u32) -> Value {
    json!({ "name": "Waiting", "figure": "waiting", "watch": 1, "act": act })
}

fn say(switch: &Api, id: u32, kind: &str, call: &str) {
    let event = json!({ "specversion": "1.0", "id": id.to_string(), "source": "edge", "type": kind,
        "subject": call, "data": { "queue": "support" } });
    switch.must("POST", &at("events"), &event);
}

fn board(server: &Server) -> Socket {
    let mut live = open(server.api(), "live", "callboard.live.v1").expect("a board");
    live.say(&json!({ "subscribe": { "alerts": true, "every_ms": 0 } }));
    live
}

/// The next alert on the board.
fn alert(live: &mut Socket, what: &str, is_meant: impl Fn(&Value) -> bool) -> Value {
    let found = |frame: &Value| {
        let mut alerts = frame["alerts"].as_array().into_iter().flatten();
        alerts.rfind(|alert| is_meant(alert)).cloned()
    };
    found(&live.next(what, |frame| found(frame).is_some())).expect("an alert")
}

#[test]
fn an_alert_is_raised_seen_to_kept_over_a_kill_and_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::start_in(folder.path(), &[]);
    let switch = furnish(&server);
    server.must("PUT", &at("alert_rules/waiting"), &waiting(2));
    let mut live = board(&server);
    say(&switch, 1, "call.arrived", "c1");
    let raised = alert(&mut live, "an alert", |alert| alert["severity"] == "watch");
    let subject = json!({ "by": "queue", "id": "support" });
    assert_eq!((&raised["subject"], &raised["value"]), (&subject, &json!(1.0)));
    assert_eq!((&raised["rule"], &raised["figure"]), (&json!("waiting"), &json!("waiting")));
    say(&switch, 2, "call.arrived", "c2");
    let worse = alert(&mut live, "worse", |alert| alert["severity"] == "act");
    assert_eq!((&worse["id"], &worse["raised_at"]), (&raised["id"], &raised["raised_at"]));

    let one = at(&format!("alerts/{}/acknowledge", raised["id"].as_str().expect("an id")));
    let seen_to = server.must("POST", &one, &json!({}));
    assert_eq!(seen_to["acknowledged_by"], "owner");
    assert_eq!(server.must("POST", &one, &json!({})), seen_to, "who was first stays");
    alert(&mut live, "seen to", |alert| alert["acknowledged_by"] == "owner");

    server.kill();
    let server = Server::start_in(folder.path(), &[]);
    let kept = server.must_get(&at("alerts?open=true"));
    assert_eq!(kept["items"], json!([seen_to]));
    let switch = server.client(json!({ "name": "edge2", "role": "switch", "switch": "edge" }));
    let mut live = board(&server);
    alert(&mut live, "what is open", |alert| alert["severity"] == "act");
    say(&switch, 3, "call.abandoned", "c1");
    let milder = alert(&mut live, "milder", |alert| alert["severity"] == "watch");
    assert_eq!((&milder["id"], &milder["value"]), (&raised["id"], &json!(1.0)));
    say(&switch, 4, "call.abandoned", "c2");
    let over = alert(&mut live, "the end", |alert| alert["resolved_at"].is_string());
    assert_eq!((&over["cause"], &over["value"]), (&json!("cleared"), &json!(0.0)));
    assert_eq!(server.must_get(&at("alerts?open=true"))["items"], json!([]));
    assert_eq!(server.must_get(&at("alerts?open=false"))["items"], json!([over]));
    // A board that is opened now still shows it.
    alert(&mut board(&server), "what was over lately", |alert| alert == &over);
    let feed = server.must_get(&at("feed?after=0&limit=1000")).to_string();
    let times = [
        ("alert_raised", 1),
        ("alert_changed", 2),
        ("alert_acknowledged", 1),
        ("alert_resolved", 1),
    ];
    for (kind, times) in times {
        assert_eq!(feed.matches(kind).count(), times, "{kind}");
    }
}

#[test]
fn a_rule_that_changes_or_goes_takes_its_alerts_with_it() {
    let server = Server::start();
    let switch = furnish(&server);
    server.must("PUT", &at("alert_rules/waiting"), &waiting(1));
    say(&switch, 1, "call.arrived", "c1");
    let open = || {
        let page = server.must_get(&at("alerts?open=true"));
        page["items"].as_array().cloned().filter(|items| !items.is_empty())
    };
    until("an alert", open);
    server.must("PATCH", &at("alert_rules/waiting"), &json!({ "act": 50, "watch": 50 }));
    assert_eq!(open(), None);
    let over = server.must_get(&at("alerts"));
    assert_eq!(over["items"][0]["cause"], "rule");
    server.must("PATCH", &at("alert_rules/waiting"), &json!({ "watch": 1 }));
    until("an alert again", open);
    assert_eq!(server.delete(&at("alert_rules/waiting")).0, 204);
    assert_eq!(open(), None);
}

#[test]
fn wrong_rules_are_refused_and_alerts_are_for_who_sees_their_subject() {
    let server = Server::start();
    let switch = furnish(&server);
    let wrong = server.put(&at("alert_rules/r"), &json!({ "name": "R", "figure": "sunshine" }));
    assert_eq!(wrong.0, 422, "{:#}", wrong.2);
    assert!(wrong.2.to_string().contains("figures/definitions"), "{:#}", wrong.2);
    server.must("PUT", &at("alert_rules/waiting"), &waiting(1));
    let sue = crate::rights::user(&server, "usr_sue", "team_leader");
    server.must("PUT", &at("queues/sales/members/usr_sue"), &json!({}));
    say(&switch, 1, "call.arrived", "c1");
    let raised = until("an alert", || {
        let page = server.must_get(&at("alerts"));
        page["items"].as_array().and_then(|items| items.first().cloned())
    });
    assert_eq!(sue.must_get(&at("alerts"))["items"], json!([]));
    let one = at(&format!("alerts/{}/acknowledge", raised["id"].as_str().expect("an id")));
    assert_eq!(sue.post(&one, &json!({})).0, 404);
    assert_eq!(switch.get(&at("alerts")).0, 403);
    let mut live = open(&sue, "live", "callboard.live.v1").expect("a board");
    live.say(&json!({ "subscribe": { "alerts": true } }));
    let snapshot = live.next("a snapshot", |frame| frame["type"] == "snapshot");
    assert_eq!(snapshot["alerts"], json!([]));
}
