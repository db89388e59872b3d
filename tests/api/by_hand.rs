//! Steps as supervisors see them, and what they do with a waiting call by hand.

use crate::support::{Api, Server};
use serde_json::{Value, json};

fn at(path: &str) -> String {
    format!("/v1/accounts/default/{path}")
}

/// Ann works for support, which first asks for Spanish, that nobody speaks; Bob for sales, which the
/// next step adds. A call waits; its id.
fn floor(server: &Server) -> String {
    server.must("PUT", &at("switches/edge"), &json!({ "name": "Edge" }));
    server.must("PUT", &at("skills/spanish"), &json!({ "name": "Spanish" }));
    server.must("PUT", &at("queues/sales"), &json!({ "name": "Sales" }));
    let spanish = json!([{ "skill": "spanish", "min": 40 }]);
    let steps = json!([{ "after_ms": 0, "skills": spanish },
        { "after_ms": 60_000, "also": [{ "queue": "sales" }] }, { "after_ms": 90_000 }]);
    server.must("PUT", &at("queues/support"), &json!({ "name": "Support", "steps": steps }));
    for (user, queue) in [("usr_ann", "support"), ("usr_bob", "sales")] {
        let endpoint = format!("sip:{user}@127.0.0.1");
        let body = json!({ "first_name": user, "last_name": "Lee", "endpoint": endpoint });
        server.must("PUT", &at(&format!("users/{user}")), &body);
        server.must("PUT", &at(&format!("queues/{queue}/members/{user}")), &json!({}));
    }
    let switch = server.client(json!({ "name": "edge", "role": "switch", "switch": "edge" }));
    let ann = server.client(json!({ "name": "ann", "role": "agent", "user": "usr_ann" }));
    ann.must("PUT", &at("agents/usr_ann/status"), &json!({ "status": "ready" }));
    let arrived = json!({ "specversion": "1.0", "id": "1", "source": "edge",
        "type": "call.arrived", "subject": "c1@edge", "data": { "queue": "support" } });
    let answer = switch.must("POST", &at("events"), &arrived);
    answer["results"][0]["call_id"].as_str().expect("an id").to_owned()
}

#[test]
fn exits_and_weights_are_checked() {
    let server = Server::start();
    let exits = |to: &str| json!({ "on_max_wait": { "queue": to } });
    let put = |queue: &str, body: Value| {
        server.must("PUT", &at(&format!("queues/{queue}")), &body);
    };
    for queue in ["a", "b", "c", "empty"] {
        put(queue, json!({ "name": queue }));
    }
    let user = json!({ "first_name": "Ann", "last_name": "Lee" });
    server.must("PUT", &at("users/usr_ann"), &user);
    for queue in ["a", "b", "c"] {
        server.must("PUT", &at(&format!("queues/{queue}/members/usr_ann")), &json!({}));
    }
    put("a", json!({ "name": "a", "exits": exits("b") }));
    put("b", json!({ "name": "b", "weight": 2, "exits": exits("c") }));
    let odd = |queue: &str| {
        let checks = server.must_get(&at(&format!("queues/{queue}/checks")));
        let items = checks["items"].as_array().expect("items").clone();
        let told = |c: &Value| format!("{} {} {}", c["code"], c["pointer"], c["detail"]);
        items.iter().map(told).collect::<Vec<_>>()
    };
    // No chain leads back yet; `b` is heavier and has all of `a`'s members.
    assert_eq!(odd("a").len(), 1, "{:?}", odd("a"));
    assert!(odd("a")[0].starts_with(r#""outweighed" "/weight" "all members serve b first"#));
    assert_eq!(odd("b"), Vec::<String>::new());
    put("c", json!({ "name": "c", "exits": exits("a") }));
    let told = odd("a");
    let wanted = r#""overflow_loop" "/exits/on_max_wait" "leads back here by way of b, c;"#;
    assert!(told.iter().any(|t| t.starts_with(wanted)), "{told:?}");
    put("c", json!({ "name": "c", "exits": exits("empty") }));
    let told = odd("c");
    let wanted = r#""target_without_members" "/exits/on_max_wait" "empty has no members""#;
    assert!(told.iter().any(|t| t == wanted), "{told:?}");
}

#[test]
fn steps_are_explained_and_checked() {
    let server = Server::start();
    let call = floor(&server);
    let told = server.must_get(&at(&format!("calls/{call}/candidates")));
    assert_eq!((&told["step"], &told["next_step"]["step"]), (&json!(0), &json!(1)));
    assert!(told["next_step"]["at"].is_string(), "{told:#}");
    let ann = &told["items"][0];
    assert_eq!((&ann["against"], &ann["candidate"]), (&json!("not_fitting"), &json!(false)));
    let checks = server.must_get(&at("queues/support/checks"));
    let items = checks["items"].as_array().expect("items");
    let odd: Vec<_> = items.iter().map(|c| format!("{} {}", c["code"], c["pointer"])).collect();
    assert_eq!(
        odd,
        [
            r#""skill_not_held" "/steps/0/skills/0""#,
            r#""step_without_agents" "/steps/0""#,
            r#""step_adds_nobody" "/steps/2""#,
        ]
    );
    // Who adds the members of a queue needs it.
    assert_eq!(server.delete(&at("queues/sales")).2["code"], "in_use");
    let itself = json!({ "steps": [{ "also": [{ "queue": "support" }, { "group": "sales" }] }] });
    let refused = server.patch(&at("queues/support"), &itself).2;
    let codes: Vec<_> = (0..2).map(|i| refused["errors"][i]["code"].clone()).collect();
    assert_eq!(codes, ["not_allowed", "unknown_reference"], "{refused:#}");
    server.must("PUT", &at("queues/empty"), &json!({ "name": "Empty" }));
    assert_eq!(server.must_get(&at("queues/empty/checks"))["items"][0]["code"], "no_members");
}

#[test]
fn a_supervisor_gives_changes_and_moves_a_waiting_call() {
    let server = Server::start();
    let call = floor(&server);
    let (one, assign) = (at(&format!("calls/{call}")), at(&format!("calls/{call}/assign")));
    let sue = server.client(json!({ "name": "sue", "role": "supervisor" }));
    let ann = server.client(json!({ "name": "ann2", "role": "agent", "user": "usr_ann" }));
    let code = |answer: (u16, Value)| (answer.0, answer.1["code"].as_str().map(str::to_owned));
    let post = |api: &Api, body: Value| {
        let answer = api.post(&assign, &body);
        code((answer.0, answer.2))
    };
    assert_eq!(post(&ann, json!({ "agent": "usr_ann" })), (403, Some("forbidden".into())));
    assert_eq!(post(&sue, json!({ "agent": "usr_eve" })), (422, Some("invalid".into())));
    assert_eq!(post(&sue, json!({ "agent": "usr_bob" })), (409, Some("not_assignable".into())));
    let wrong = sue.patch(&one, &json!({ "priority": 5_000, "wieght": 1 })).2;
    assert_eq!(wrong["errors"].as_array().map(Vec::len), Some(2), "{wrong:#}");
    assert_eq!(sue.patch(&one, &json!({})).0, 422);
    assert_eq!(ann.patch(&one, &json!({ "priority": 5 })).0, 403);

    let before = server.must_get(&one);
    let changed = sue.patch(&one, &json!({ "priority": 5 })).2;
    let rank = |view: &Value| view["rank"].as_i64().expect("a rank");
    assert_eq!(rank(&changed), rank(&before) - 300_000, "{changed:#}");

    // Beyond the skill that the step asks for.
    let given = sue.must("POST", &assign, &json!({ "agent": "usr_ann" }));
    assert_eq!((&given["state"], &given["assigned_to"]), (&json!("offered"), &json!("usr_ann")));
    assert_eq!(given["offers"][0]["why"]["assigned_by"], "sue");

    // What rings is taken back.
    let moved = sue.patch(&one, &json!({ "queue": "sales" })).2;
    assert_eq!((&moved["queue"], &moved["assigned_to"]), (&json!("sales"), &Value::Null));
    assert_eq!(moved["offers"][0]["reason"], "moved", "{moved:#}");
    let trace = server.must_get(&at(&format!("calls/{call}/trace")));
    let items = trace["items"].as_array().expect("items");
    for kind in ["call_updated", "call_assigned", "call_moved"] {
        let told = items.iter().find(|event| event["type"] == kind);
        assert_eq!(told.map(|event| &event["by"]), Some(&json!("sue")), "{kind}: {trace:#}");
    }
    let ended = server.post(&at(&format!("calls/{call}/end")), &json!({}));
    assert_eq!(ended.0, 409, "it is with nobody");
}
