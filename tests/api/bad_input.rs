//! Bad input: for every operation of the OpenAPI document, so that a new endpoint is tested as soon
//! as it is there; and the wrong bodies that only some endpoints can be sent.

use crate::support::{Answer, Server};
use serde_json::{Value, json};

/// Every operation of the document: method, path, and the operation itself.
fn operations(server: &Server) -> Vec<(String, String, Value)> {
    let document = server.must_get("/openapi.json");
    let paths = document["paths"].as_object().expect("paths").clone();
    let mut all = Vec::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("an item") {
            all.push((method.to_uppercase(), path.clone(), operation.clone()));
        }
    }
    assert!(all.len() > 60, "only {} operations", all.len());
    all
}

/// The path with ids that could be there.
fn filled(path: &str) -> String {
    [
        ("{account}", "default"),
        ("{user}", "usr_nobody"),
        ("{queue}", "nowhere"),
        ("{team}", "nobody"),
        ("{group}", "noplace"),
        ("{call}", "cal_00000000000000000000000000"),
        ("{offer}", "off_00000000000000000000000000"),
        ("{key}", "key_00000000000000000000000000"),
        ("{switch}", "nothing"),
        ("{session}", "ses_00000000000000000000000000"),
        ("{agency}", "nothing"),
        ("{home}", "nowhere"),
        ("{view}", "nothing"),
        ("{id}", "nothing"),
    ]
    .iter()
    .fold(path.to_owned(), |path, (from, to)| path.replace(from, to))
}

/// A refusal keeps the form of RFC 9457, and the status and code that are expected.
fn refused((status, headers, body): &Answer, wanted: u16, code: &str, what: &str) {
    assert_eq!(*status, wanted, "{what}: {body:#}");
    assert_eq!(headers["content-type"], "application/problem+json", "{what}");
    assert_eq!(body["status"], wanted, "{what}: {body:#}");
    assert_eq!(body["code"], code, "{what}: {body:#}");
    assert_eq!(body["type"], format!("/errors#{code}"), "{what}");
    for part in ["title", "detail"] {
        assert!(body[part].as_str().is_some_and(|text| !text.is_empty()), "{what}: {body:#}");
    }
}

fn is_public(operation: &Value) -> bool {
    operation["security"] == json!([{}]) || operation["security"] == json!([])
}

#[test]
fn every_endpoint_wants_a_key_that_is_valid_and_of_its_account() {
    let server = Server::start();
    let (nobody, stranger) = (server.with_key(""), server.with_key("cbk_wrong"));
    for (method, path, operation) in operations(&server) {
        let (at, what) = (filled(&path), format!("{method} {path}"));
        if is_public(&operation) {
            let (status, ..) = nobody.request(&method, &at, &[], None);
            // What a stranger posts is looked at, not turned away.
            let wanted = if method == "POST" { 415..416 } else { 200..400 };
            assert!(wanted.contains(&status), "{what}: {status}");
            continue;
        }
        for api in [&nobody, &stranger] {
            let answer = api.request(&method, &at, &[], None);
            if path.ends_with("/live") && api.key.is_empty() {
                // Without a key it may be a browser, whose first frame is a ticket.
                refused(&answer, 426, "upgrade_required", &what);
                continue;
            }
            refused(&answer, 401, "unauthenticated", &what);
            assert!(answer.1.contains_key("www-authenticate"), "{what}");
        }
        if path.contains("{account}") {
            let elsewhere = at.replace("/default", "/elsewhere");
            refused(&server.request(&method, &elsewhere, &[], None), 404, "not_found", &what);
        }
    }
}

#[test]
fn every_body_must_be_json_of_its_media_type_and_of_a_size() {
    let server = Server::start();
    // What must be there before a body is looked at.
    let put = |path: &str, body: Value| server.must("PUT", path, &body);
    put("/v1/accounts/default/queues/nowhere", json!({ "name": "Q" }));
    put("/v1/accounts/default/teams/nobody", json!({ "name": "T" }));
    put("/v1/accounts/default/groups/noplace", json!({ "name": "G", "total_ms": 20_000 }));
    put(
        "/v1/accounts/default/users/usr_nobody",
        json!({ "first_name": "No", "last_name": "Body" }),
    );
    let large = vec![b' '; 1024 * 1024 + 1];
    for (method, path, operation) in operations(&server) {
        let Some(content) = operation["requestBody"]["content"].as_object() else { continue };
        let required = operation["requestBody"]["required"] == true;
        let kind = content.keys().next().expect("a media type").clone();
        if kind != "application/json" && kind != "application/merge-patch+json" {
            continue; // a file, read by tests of its own
        }
        let (at, what) = (filled(&path), format!("{method} {path}"));
        let send = |kind: &str, body: &[u8]| {
            let headers = [("content-type", kind)];
            server.try_request(&method, &at, &headers, Some(body)).expect("an answer")
        };
        refused(&send("text/plain", b"{}"), 415, "unsupported_media_type", &what);
        refused(&send(&kind, b"{ \"name\": "), 400, "malformed_json", &what);
        refused(&send(&kind, b"\xff\xfe"), 400, "malformed_json", &what);
        let deep = "[".repeat(5_000);
        refused(&send(&kind, deep.as_bytes()), 400, "malformed_json", &what);
        let takes_files = content.len() > 1;
        let too_large = vec![b' '; if takes_files { 10 * 1024 * 1024 + 1 } else { large.len() }];
        refused(&send(&kind, &too_large), 413, "body_too_large", &what);
        for wrong in ["7", "\"text\"", "null"] {
            let answer = send(&kind, wrong.as_bytes());
            if method != "PATCH" {
                refused(&answer, 422, "invalid", &what);
                assert_eq!(answer.2["errors"][0]["code"], "type", "{what}: {}", answer.2);
                // The whole body is wrong: no field's name stands before it.
                let detail = answer.2["detail"].as_str().expect("a detail");
                assert!(!detail.starts_with(':'), "{what}: {detail}");
            }
            assert!((400..500).contains(&answer.0), "{what} {wrong}: {}", answer.2);
        }
        if required {
            refused(&send(&kind, b""), 400, "malformed_json", &what);
        }
        let packed = [("content-type", kind.as_str()), ("content-encoding", "gzip")];
        let answer = server.try_request(&method, &at, &packed, Some(b"{}")).expect("an answer");
        refused(&answer, 415, "unsupported_media_type", &what);
        assert!(
            answer.2["detail"].to_string().contains("Content-Encoding"),
            "{what}: {}",
            answer.2
        );
        if !path.ends_with("/events") && method != "PATCH" {
            let answer = send(&kind, br#"{ "no_such_field": 1 }"#);
            refused(&answer, 422, "invalid", &what);
            let errors = answer.2["errors"].as_array().expect("errors").clone();
            let unknown = errors.iter().find(|e| e["code"] == "unknown_field");
            let unknown = unknown.unwrap_or_else(|| panic!("{what}: {errors:?}"));
            assert_eq!(unknown["pointer"], "/no_such_field", "{what}");
        }
    }
}

#[test]
fn every_query_field_is_checked() {
    let server = Server::start();
    for (method, path, operation) in operations(&server) {
        if is_public(&operation) {
            continue;
        }
        let (at, what) = (filled(&path), format!("{method} {path}"));
        // A body that is right so far, so that only the query is wrong.
        let kind = match method.as_str() {
            "PATCH" => "application/merge-patch+json",
            _ => "application/json",
        };
        let headers = [("content-type", kind)];
        let send = |query: &str| {
            let body = (method != "GET" && method != "DELETE").then_some(&b"{}"[..]);
            server
                .try_request(&method, &format!("{at}?{query}"), &headers, body)
                .expect("an answer")
        };
        for (query, code) in
            [("no_such_field=1", "unknown_field"), ("a=%ff", "malformed"), ("a=1&a=2", "duplicate")]
        {
            let answer = send(query);
            refused(&answer, 422, "invalid", &format!("{what}?{query}"));
            let errors = answer.2["errors"].as_array().expect("errors");
            // Fields that must be said are told besides.
            assert!(errors.iter().any(|e| e["code"] == code), "{what}?{query}: {}", answer.2);
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().expect("a name");
            let kind = &parameter["schema"]["type"];
            if parameter["in"] != "query" || kind == "string" {
                continue;
            }
            for wrong in ["x", "-1", "1.5", "99999999999999999999999"] {
                let answer = send(&format!("{name}={wrong}"));
                refused(&answer, 422, "invalid", &format!("{what}?{name}={wrong}"));
                assert_eq!(answer.2["errors"][0]["pointer"], name, "{what}");
            }
        }
    }
}

#[test]
fn what_is_not_there_is_404_and_other_methods_are_405() {
    let server = Server::start();
    refused(&server.get("/v1/nothing"), 404, "no_such_path", "a path");
    refused(&server.get("/v1/accounts/default/quues"), 404, "no_such_path", "a path");
    for path in ["/v1/accounts/default/queues/%ff", "/v1/accounts/%ff/live"] {
        refused(&server.get(path), 400, "bad_path", path);
    }
    for (method, path, operation) in operations(&server) {
        let (at, what) = (filled(&path), format!("{method} {path}"));
        let answer = server.request("BREW", &at, &[], None);
        refused(&answer, 405, "method_not_allowed", &what);
        assert!(answer.1["allow"].contains(&method), "{what}: {:?}", answer.1);
        let names_one = path.ends_with('}') && !path.ends_with("{account}");
        if names_one && (method == "GET" || method == "DELETE") && !is_public(&operation) {
            refused(&server.request(&method, &at, &[], None), 404, "not_found", &what);
        }
    }
}

#[test]
fn ids_that_can_never_be_are_told_so() {
    let server = Server::start();
    for (method, path, operation) in operations(&server) {
        if method != "PUT" || operation["tags"] != json!(["Configuration"]) {
            continue;
        }
        let (front, _) = path.rsplit_once('/').expect("a path");
        for wrong in ["No%20Id", "-x", &"a".repeat(64), "%C3%A9"] {
            let at = format!("{}/{wrong}", filled(front));
            let answer = server.put(&at, &json!({}));
            refused(&answer, 422, "invalid_id", &at);
        }
    }
    for at in ["calls/cal_x", "calls/7/trace", "calls/off_0/candidates"] {
        let at = format!("/v1/accounts/default/{at}");
        refused(&server.get(&at), 404, "not_found", &at);
    }
    let at = "/v1/accounts/default/offers/x/accept";
    refused(&server.request("POST", at, &[], None), 404, "not_found", at);
}

#[test]
fn every_wrong_field_is_told_at_once() {
    let server = Server::start();
    let body = json!({ "name": "", "strategy": "sequential", "priority": 5000, "wieght": 1,
        "exits": { "on_total": { "queue": "a", "end": true }, "closed": true },
        "steps": [{ "skills": [{ "skill": "X" }] }] });
    let answer = server.put("/v1/accounts/default/queues/support", &body);
    refused(&answer, 422, "invalid", "a queue");
    let errors = answer.2["errors"].as_array().expect("errors");
    let told: Vec<_> = errors
        .iter()
        .map(|e| {
            format!("{} {}", e["pointer"].as_str().unwrap_or(""), e["code"].as_str().unwrap_or(""))
        })
        .collect();
    assert_eq!(
        told,
        [
            "/name malformed",
            "/priority out_of_range",
            "/total_ms required",
            "/steps/0/skills/0/skill malformed",
            "/exits/on_total conflict",
            "/exits/closed type",
            "/wieght unknown_field",
        ]
    );
}

#[test]
fn events_are_checked_one_by_one() {
    let server = Server::start();
    server.must("PUT", "/v1/accounts/default/switches/edge", &json!({ "name": "Edge" }));
    let good =
        json!({ "specversion": "1.0", "id": "1", "source": "edge", "type": "switch.heartbeat" });
    let mut wrong = good.clone();
    wrong["type"] = json!("offer.answered");
    wrong["subject"] = json!("a");
    wrong["data"] = json!({ "offer": 5 });
    let at = "/v1/accounts/default/events";
    let (status, _, body) = server.post(at, &json!([good, wrong, 5]));
    assert_eq!(status, 202, "{body:#}");
    let results = body["results"].as_array().expect("results");
    assert_eq!(results.len(), 3, "{body:#}");
    assert_eq!(results[0]["status"], "accepted", "{body:#}");
    assert_eq!(results[1]["status"], "rejected");
    assert_eq!(results[1]["error"]["pointer"], "/1/data/offer");
    assert_eq!(results[2]["error"]["pointer"], "/2");
    assert!(body["commands"].is_array());
    let many = Value::Array(vec![json!(1); 1_001]);
    refused(&server.post(at, &many), 422, "invalid", "too many events");
    let (status, ..) = server.request(
        "POST",
        at,
        &[("content-type", "application/cloudevents+json; charset=utf-8")],
        Some(&good),
    );
    assert_eq!(status, 202);
}
