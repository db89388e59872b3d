//! What good input answers: objects and their versions, keys and their limits, a call from its
//! arrival to its end.

use crate::support::{Answer, Api, Server, until};
use serde_json::{Value, json};

const BASE: &str = "/v1/accounts/default";

fn at(path: &str) -> String {
    format!("{BASE}/{path}")
}

fn code(answer: &Answer) -> (u16, &str) {
    (answer.0, answer.2["code"].as_str().unwrap_or_default())
}

#[test]
fn an_object_has_a_version_that_writes_may_ask_for() {
    let server = Server::start();
    let path = at("queues/support");
    let (status, headers, made) = server.put(&path, &json!({ "name": "Support" }));
    assert_eq!(status, 201, "{made:#}");
    let tag = headers["etag"].clone();
    assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    let (status, headers, read) = server.get(&path);
    assert_eq!((status, &headers["etag"]), (200, &tag));
    assert_eq!((&read["strategy"], &read["max_misses"]), (&json!("longest_idle"), &json!(1)));

    let patch = |tag: &str, body: Value| {
        let headers = [("if-match", tag), ("content-type", "application/merge-patch+json")];
        server.request("PATCH", &path, &headers, Some(&body))
    };
    let (status, headers, changed) = patch(&tag, json!({ "priority": 7 }));
    assert_eq!(status, 200, "{changed:#}");
    assert_ne!(headers["etag"], tag);
    assert_eq!((&changed["priority"], &changed["name"]), (&json!(7), &json!("Support")));
    assert_eq!(code(&patch(&tag, json!({ "priority": 8 }))), (412, "precondition_failed"));
    assert_eq!(code(&patch("once", json!({}))), (400, "bad_header"));
    assert_eq!(patch("*", json!({ "priority": null })).2["priority"], 0);

    let make = |path: &str, headers: &[(&str, &str)]| {
        server.request("PUT", &at(path), headers, Some(&json!({ "name": "Another" })))
    };
    let new = [("if-none-match", "*")];
    assert_eq!(code(&make("queues/support", &new)), (412, "precondition_failed"));
    assert_eq!(server.must_get(&path)["name"], "Support");
    assert_eq!(make("queues/night", &new).0, 201);
    assert_eq!(code(&make("queues/day", &[("if-none-match", &tag)])), (400, "bad_header"));
    let both = [("if-none-match", "*"), ("if-match", "*")];
    assert_eq!(code(&make("queues/day", &both)), (400, "bad_header"));
    assert_eq!(code(&server.get(&at("queues/day"))), (404, "not_found"));

    // What was read can be sent back.
    let shown = server.must_get(&path);
    assert_eq!(server.must("PUT", &path, &shown), shown);
    let mut other = shown;
    other["id"] = json!("sales");
    assert_eq!(server.put(&path, &other).2["errors"][0]["pointer"], "/id");
    let answer = server.put(&format!("{path}?dry_run=true"), &json!({ "name": "Other" }));
    assert_eq!(answer.0, 200, "{:#}", answer.2);
    assert_eq!(server.must_get(&path)["name"], "Support");
    assert_eq!(server.delete(&path).0, 204);
    assert_eq!(code(&server.get(&path)), (404, "not_found"));
}

#[test]
fn lists_come_in_pages() {
    let server = Server::start();
    for name in ["c", "a", "b"] {
        server.must("PUT", &at(&format!("skills/{name}")), &json!({ "name": name }));
    }
    let (mut path, mut seen) = (at("skills?limit=2"), Vec::new());
    loop {
        let page = server.must_get(&path);
        let items = page["items"].as_array().expect("items");
        assert!(items.len() <= 2);
        seen.extend(items.iter().map(|skill| skill["name"].as_str().unwrap_or("").to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = at(&format!("skills?limit=2&cursor={next}"));
    }
    assert_eq!(seen, ["a", "b", "c"]);
    assert_eq!(code(&server.get(&at("skills?limit=1001"))), (422, "invalid"));
}

#[test]
fn the_account_s_settings_are_merged() {
    let server = Server::start();
    assert_eq!(server.must_get(BASE)["lease_grace_ms"], 15_000);
    let (status, _, body) = server.patch(BASE, &json!({ "time_zone": "Europe/Berlin" }));
    assert_eq!((status, &body["time_zone"]), (200, &json!("Europe/Berlin")));
    assert_eq!(code(&server.patch(BASE, &json!({ "time_zone": "Moon" }))), (422, "invalid"));
    assert_eq!(code(&server.put(BASE, &json!({}))), (405, "method_not_allowed"));
}

#[test]
fn a_switch_s_secrets_are_never_shown() {
    let server = Server::start();
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let body = json!({ "name": "Edge", "webhook": { "url": "http://127.0.0.1:9/x",
        "authorization": "Bearer hidden-word", "secret": secret } });
    let put = server.must("PUT", &at("switches/edge"), &body);
    let patched = server.patch(&at("switches/edge"), &json!({ "name": "Edge 1" })).2;
    let read = server.must_get(&at("switches/edge"));
    let list = server.must_get(&at("switches"));
    for shown in [put, patched, read.clone(), list] {
        let text = shown.to_string();
        assert!(!text.contains("whsec_") && !text.contains("hidden-word"), "{shown:#}");
    }
    assert_eq!(read["webhook"]["url"], "http://127.0.0.1:9/x");
}

#[test]
fn keys_open_what_their_role_allows_until_they_are_revoked() {
    let server = Server::start();
    server.must("PUT", &at("switches/edge"), &json!({ "name": "Edge" }));
    let issued = server.must(
        "POST",
        &at("keys"),
        &json!({ "name": "edge", "role": "switch", "switch": "edge" }),
    );
    let switch = server.with_key(issued["secret"].as_str().expect("a secret"));
    assert_eq!(switch.get(&at("switches/edge/commands")).0, 200);
    assert_eq!(code(&switch.get(&at("switches/other/commands"))), (404, "not_found"));
    assert_eq!(code(&switch.put(&at("skills/x"), &json!({ "name": "X" }))), (403, "forbidden"));
    assert_eq!(code(&switch.get(&at("keys"))), (403, "forbidden"));
    let supervisor = server.client(json!({ "name": "sue", "role": "supervisor" }));
    assert_eq!(code(&supervisor.get(&at("switches/edge/commands"))), (403, "forbidden"));

    let list = server.must_get(&at("keys"));
    assert!(!list.to_string().contains("cbk_"), "{list:#}");
    let id = issued["id"].as_str().expect("an id");
    assert_eq!(server.delete(&at(&format!("keys/{id}"))).0, 204);
    assert_eq!(code(&switch.get(&at("switches/edge/commands"))), (401, "unauthenticated"));
    assert_eq!(code(&server.delete(&at(&format!("keys/{id}")))), (404, "not_found"));

    for (body, pointer) in [
        (json!({ "role": "agent" }), "/name"),
        (json!({ "name": "a" }), "/role"),
        (json!({ "name": "a", "role": "agent" }), "/user"),
        (json!({ "name": "a", "role": "owner", "networks": ["here"] }), "/networks/0"),
        (
            json!({ "name": "a", "role": "owner", "expires_at": "2001-01-01T00:00:00Z" }),
            "/expires_at",
        ),
    ] {
        let answer = server.post(&at("keys"), &body);
        assert_eq!(code(&answer), (422, "invalid"), "{body}");
        assert_eq!(answer.2["errors"][0]["pointer"], pointer, "{body}");
    }
}

#[test]
fn the_same_idempotency_key_has_the_same_outcome() {
    let server = Server::start();
    let post = |key: &str, body: &Value| {
        server.request("POST", &at("keys"), &[("idempotency-key", key)], Some(body))
    };
    let body = json!({ "name": "desk", "role": "supervisor" });
    let first = post("k1", &body);
    assert_eq!(first.0, 201, "{:#}", first.2);
    let again = post("k1", &body);
    assert_eq!((again.0, &again.2), (201, &first.2));
    assert_eq!(again.1["idempotent-replayed"], "true");
    assert_eq!(post("k2", &body).0, 201);
    let other = post("k1", &json!({ "name": "other", "role": "supervisor" }));
    assert_eq!(code(&other), (422, "idempotency_key_reused"));
    assert_eq!(server.must_get(&at("keys"))["items"].as_array().map(Vec::len), Some(3));
    assert_eq!(code(&post("", &body)), (400, "bad_header"));
    // A refusal is an outcome too.
    let wrong = json!({ "name": "", "role": "supervisor" });
    assert_eq!(code(&post("k3", &wrong)), (422, "invalid"));
    assert_eq!(post("k3", &wrong).1["idempotent-replayed"], "true");
}

/// A switch, a queue and an agent who is ready.
fn floor(server: &Server) -> (Api, Api) {
    server.must("PUT", &at("switches/edge"), &json!({ "name": "Edge" }));
    server.must(
        "PUT",
        &at("queues/support"),
        &json!({ "name": "Support", "wrap_up": { "ms": 60_000 } }),
    );
    server.must(
        "PUT",
        &at("users/usr_ann"),
        &json!({ "first_name": "Ann", "last_name": "Lee", "endpoint": "sip:ann@127.0.0.1" }),
    );
    server.must("PUT", &at("queues/support/members/usr_ann"), &json!({ "stars": 2 }));
    let switch = server.client(json!({ "name": "edge", "role": "switch", "switch": "edge" }));
    let ann = server.client(json!({ "name": "ann", "role": "agent", "user": "usr_ann" }));
    (switch, ann)
}

fn event(id: &str, kind: &str, data: Value) -> Value {
    json!({ "specversion": "1.0", "id": id, "source": "edge", "type": kind, "subject": "c1@edge",
            "data": data })
}

#[test]
fn a_call_from_its_arrival_to_the_end_of_its_wrap_up() {
    let server = Server::start();
    let (switch, ann) = floor(&server);
    ann.must("PUT", &at("agents/usr_ann/status"), &json!({ "status": "ready" }));
    let mut arrived =
        event("1", "call.arrived", json!({ "from": "+15551230001", "queue": "support" }));
    // What this version does not read is kept for others.
    arrived["data"]["colour"] = json!("red");
    arrived["tenant"] = json!("t7");
    let extra = json!({ "data": { "colour": "red" }, "extensions": { "tenant": "t7" } });
    let answer = switch.must("POST", &at("events"), &arrived);
    assert_eq!(answer["results"][0]["status"], "accepted", "{answer:#}");
    let call = answer["results"][0]["call_id"].as_str().expect("an id").to_owned();
    let ring = &answer["commands"][0];
    assert_eq!((&ring["type"], &ring["agent"]), (&json!("offer.ring"), &json!("usr_ann")));
    let offer = ring["offer"].as_str().expect("an offer").to_owned();

    let repeated = switch.must("POST", &at("events"), &arrived);
    assert_eq!(repeated["results"][0]["status"], "duplicate", "{repeated:#}");
    let view = server.must_get(&at(&format!("calls/{call}")));
    assert_eq!((&view["state"], &view["switch_call"]), (&json!("offered"), &json!("c1@edge")));
    let found = server.must_get(&at("calls?switch=edge&switch_call=c1@edge"));
    assert_eq!(found["items"][0]["id"], call, "{found:#}");
    let agent = server.must_get(&at("agents/usr_ann"));
    assert_eq!((&agent["status"], &agent["presence"]), (&json!("ready"), &json!("available")));

    let answered = switch.must(
        "POST",
        &at("events"),
        &event("2", "offer.answered", json!({ "offer": offer })),
    );
    assert_eq!(answered["commands"][0]["type"], "call.connect", "{answered:#}");
    let closed = ann.request("POST", &at(&format!("offers/{offer}/accept")), &[], None);
    assert_eq!(code(&closed), (409, "offer_closed"));
    switch.must("POST", &at("events"), &event("3", "call.ended", json!({ "by": "caller" })));
    let detail = || server.must_get(&at("agents/usr_ann"))["detail"].clone();
    assert_eq!(detail(), "wrap_up");
    let body = json!({ "disposition": "solved" });
    ann.must("POST", &at(&format!("calls/{call}/wrap_up/end")), &body);
    until("the end of the wrap-up", || (detail() == "idle").then_some(()));

    let story = server.must_get(&at(&format!("calls/{call}/trace")));
    let text = story["items"].to_string();
    assert!(text.contains("solved") && text.contains("why"), "{story:#}");
    assert!(text.contains(&extra.to_string()), "{story:#}");
    let feed = server.must_get(&at("feed?limit=1000"));
    assert!(feed.to_string().contains(&extra.to_string()), "{feed:#}");
    let seqs: Vec<u64> =
        feed["items"].as_array().expect("items").iter().filter_map(|r| r["seq"].as_u64()).collect();
    assert!(seqs.windows(2).all(|pair| pair[1] == pair[0] + 1), "{seqs:?}");
    assert_eq!(feed["next"].as_u64(), seqs.last().copied());
    // What is not yet acknowledged waits in the poll; asking for what follows acknowledges it.
    let open = switch.must_get(&at("switches/edge/commands?after=0"));
    let last = open["commands"].as_array().and_then(|c| c.last()).map(|c| c["seq"].clone());
    let after = last.expect("open commands");
    let rest = switch.must_get(&at(&format!("switches/edge/commands?after={after}")));
    assert_eq!(rest["commands"], json!([]));
}

#[test]
fn a_bulk_answers_each_item() {
    let server = Server::start();
    let (_, ann) = floor(&server);
    ann.must("PUT", &at("agents/usr_ann/status"), &json!({ "status": "ready" }));
    let body = json!({ "items": [{ "user": "usr_ann", "status": "online", "when": "now" },
                                 { "user": "usr_nobody", "status": "offline" }] });
    let (status, _, answer) = server.post(&at("agents/bulk/status"), &body);
    assert_eq!(status, 207, "{answer:#}");
    assert_eq!(answer["results"][0], json!({ "id": "usr_ann", "status": 200 }));
    assert_eq!(answer["results"][1]["status"], 404);
    let own = ann.put(&at("agents/usr_ann/status"), &json!({ "status": "ready" }));
    assert_eq!(code(&own), (409, "status_forced"));
    assert_eq!(code(&ann.delete(&at("agents/usr_ann/forced"))), (403, "forbidden"));
    assert_eq!(server.delete(&at("agents/usr_ann/forced")).0, 204);
    ann.must("PUT", &at("agents/usr_ann/status"), &json!({ "status": "ready" }));
}

#[test]
fn what_was_acknowledged_is_there_after_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut server = Server::start_in(&data, &[]);
    server.must("PUT", &at("queues/support"), &json!({ "name": "Support" }));
    server.kill();
    let mut server = Server::start_in(&data, &[]);
    assert_eq!(server.must_get(&at("queues/support"))["name"], "Support");
    assert!(server.stop().success());
    assert!(!data.join("listen.addr").exists());
}
