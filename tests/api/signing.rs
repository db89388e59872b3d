//! Signing in, over the wire: passwords, sessions, cookies, one-time links, and who loses them.

use crate::support::{Api, Server, until};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;

const BASE: &str = "/v1/accounts/default";
const PASSWORD: &str = "correct horse";

fn user(server: &Server, id: &str, role: &str) {
    let body = json!({ "email": format!("{id}@acme.test"), "first_name": id, "last_name": "Lee",
        "role": role });
    server.must("PUT", &format!("{BASE}/users/{id}"), &body);
}

fn with_password(server: &Server, id: &str, role: &str) {
    user(server, id, role);
    let body = json!({ "password": PASSWORD, "confirm": PASSWORD });
    let (status, _, answer) = server.put(&format!("{BASE}/users/{id}/password"), &body);
    assert_eq!(status, 204, "{answer:#}");
}

fn sign_in(server: &Server, id: &str, password: &str) -> crate::support::Answer {
    let body = json!({ "email": format!("{}@ACME.test", id.to_uppercase()), "password": password });
    server.with_key("").post("/v1/sessions", &body)
}

fn signed_in(server: &Server, id: &str) -> (Api, Value) {
    let (status, _, opened) = sign_in(server, id, PASSWORD);
    assert_eq!(status, 201, "{opened:#}");
    (server.with_key(opened["token"].as_str().expect("a token")), opened)
}

#[test]
fn who_knows_the_password_comes_in_and_a_restart_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut server = Server::start_in(&data, &[]);
    with_password(&server, "usr_ann", "agent");
    let (ann, opened) = signed_in(&server, "usr_ann");
    assert_eq!((&opened["user"], &opened["role"]), (&json!("usr_ann"), &json!("agent")));
    let me = ann.must_get("/v1/me");
    assert_eq!((&me["user"], &me["session"]), (&json!("usr_ann"), &opened["id"]));
    ann.must("PUT", &format!("{BASE}/agents/usr_ann/status"), &json!({ "status": "ready" }));
    assert_eq!(ann.get(&format!("{BASE}/agents/usr_bob")).0, 404);
    assert_eq!(ann.get(&format!("{BASE}/users")).0, 403);

    server.kill();
    let server = Server::start_in(&data, &[]);
    let ann = server.with_key(&ann.key);
    assert_eq!(ann.must_get("/v1/me")["user"], "usr_ann", "the session is still open");
    assert_eq!(sign_in(&server, "usr_ann", PASSWORD).0, 201, "and the password is still known");

    // Nothing of what opens a door stands in the feed or in the log.
    let feed = server.must_get(&format!("{BASE}/feed?limit=1000")).to_string();
    assert!(feed.contains("session_opened") && feed.contains("password_set"), "{feed}");
    for secret in ["argon2", &ann.key, PASSWORD, "\"hash\"", "\"secret\""] {
        assert!(!feed.contains(secret), "{secret} in {feed}");
        assert!(!server.log().contains(secret), "{secret} is logged");
    }
}

#[test]
fn what_does_not_belong_together_is_refused_in_one_sentence_and_slowed_down() {
    let server = Server::start();
    with_password(&server, "usr_ann", "agent");
    user(&server, "usr_bob", "agent");
    let wrong = sign_in(&server, "usr_ann", "correct horsf");
    let nobody = sign_in(&server, "usr_eve", PASSWORD);
    let without = sign_in(&server, "usr_bob", PASSWORD);
    for answer in [&wrong, &nobody, &without] {
        assert_eq!((answer.0, &answer.2), (401, &wrong.2));
        assert_eq!(answer.2["code"], "sign_in_failed");
    }
    let elsewhere = json!({ "account": "elsewhere", "email": "usr_ann@acme.test",
        "password": PASSWORD });
    assert_eq!(server.with_key("").post("/v1/sessions", &elsewhere).0, 401);
    for _ in 0..4 {
        assert_eq!(sign_in(&server, "usr_ann", "no").0, 401);
    }
    let (status, headers, body) = sign_in(&server, "usr_ann", PASSWORD);
    assert_eq!((status, &body["code"]), (429, &json!("too_many_attempts")), "{body:#}");
    let wait: u64 = headers["retry-after"].parse().expect("seconds");
    assert!((1..=2).contains(&wait), "{wait}");
    until("the wait to pass", || (sign_in(&server, "usr_ann", PASSWORD).0 == 201).then_some(()));
}

#[test]
fn the_password_has_a_rule_and_the_own_one_is_shown_before_it_changes() {
    let server = Server::start();
    let at = format!("{BASE}/users/usr_ann/password");
    user(&server, "usr_ann", "agent");
    let set = |api: &Api, body: Value| api.put(&at, &body);
    for (body, pointer) in [
        (json!({ "password": "short", "confirm": "short" }), "/password"),
        (json!({ "password": PASSWORD, "confirm": "another horse" }), "/confirm"),
        (json!({ "password": PASSWORD }), "/confirm"),
        (json!({ "confirm": PASSWORD }), "/password"),
    ] {
        let (status, _, answer) = set(&server, body.clone());
        assert_eq!(status, 422, "{body}: {answer:#}");
        assert_eq!(answer["errors"][0]["pointer"], pointer, "{answer:#}");
    }
    // A telephone's is digits (S1-21).
    let phone = json!({ "first_name": "Door", "last_name": "Phone", "type": "pbx",
        "endpoint": "sip:door@127.0.0.1" });
    server.must("PUT", &format!("{BASE}/users/usr_door"), &phone);
    let door = format!("{BASE}/users/usr_door/password");
    for (password, wanted) in [("correct horse", 422), ("12345", 422), ("481516", 204)] {
        let body = json!({ "password": password, "confirm": password });
        assert_eq!(server.put(&door, &body).0, wanted, "{password}");
    }

    with_password(&server, "usr_ann", "agent");
    let (ann, _) = signed_in(&server, "usr_ann");
    let (other, _) = signed_in(&server, "usr_ann");
    let new = "better horses";
    assert_eq!(set(&ann, json!({ "password": new, "confirm": new })).0, 422, "without current");
    let wrong = json!({ "password": new, "confirm": new, "current": "no horse at all" });
    assert_eq!(set(&ann, wrong).2["code"], "sign_in_failed");
    let right = json!({ "password": new, "confirm": new, "current": PASSWORD });
    assert_eq!(set(&ann, right).0, 204);
    assert_eq!(ann.get("/v1/me").0, 200, "the session that changed it stays");
    assert_eq!(other.get("/v1/me").0, 401, "others end");
    assert_eq!(sign_in(&server, "usr_ann", PASSWORD).0, 401);
    assert_eq!(sign_in(&server, "usr_ann", new).0, 201);
    // Of others not even that they are there.
    with_password(&server, "usr_bob", "agent");
    let (bob, _) = signed_in(&server, "usr_bob");
    assert_eq!(set(&bob, json!({ "password": new, "confirm": new })).0, 404);
}

#[test]
fn sessions_are_listed_and_ended_one_or_all() {
    let server = Server::start();
    with_password(&server, "usr_ann", "agent");
    with_password(&server, "usr_bob", "agent");
    let (first, one) = signed_in(&server, "usr_ann");
    let (second, two) = signed_in(&server, "usr_ann");
    let (bob, _) = signed_in(&server, "usr_bob");
    let listed = second.must_get("/v1/sessions");
    let items = listed["items"].as_array().expect("items");
    assert_eq!(items.iter().map(|s| &s["id"]).collect::<Vec<_>>(), [&one["id"], &two["id"]]);
    assert_eq!((&items[0]["current"], &items[1]["current"]), (&json!(false), &json!(true)));
    assert_eq!(items[0]["from"], "127.0.0.1");
    assert_eq!(server.get("/v1/sessions").0, 422, "an owner's key is nobody's");
    let of_ann = server.must_get("/v1/sessions?user=usr_ann");
    assert_eq!(of_ann["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(bob.get("/v1/sessions?user=usr_ann").0, 404);
    let one_at = format!("/v1/sessions/{}", one["id"].as_str().expect("an id"));
    assert_eq!(bob.delete(&one_at).0, 404);
    assert_eq!(second.delete(&one_at).0, 204);
    assert_eq!((first.get("/v1/me").0, second.get("/v1/me").0), (401, 200));
    assert_eq!(second.delete(&one_at).0, 404);
    let (third, _) = signed_in(&server, "usr_ann");
    assert_eq!(third.delete("/v1/sessions?others=true").0, 204);
    assert_eq!((second.get("/v1/me").0, third.get("/v1/me").0), (401, 200));
    assert_eq!(server.delete("/v1/sessions?user=usr_ann").0, 204);
    assert_eq!((third.get("/v1/me").0, bob.get("/v1/me").0), (401, 200));
}

#[test]
fn a_browser_has_its_session_in_a_cookie_and_says_a_header() {
    let server = Server::start();
    with_password(&server, "usr_ann", "agent");
    let body = json!({ "email": "usr_ann@acme.test", "password": PASSWORD, "cookie": true });
    let nobody = server.with_key("");
    let (status, headers, opened) = nobody.post("/v1/sessions", &body);
    assert_eq!((status, &opened["token"]), (201, &Value::Null));
    let set = &headers["set-cookie"];
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict"), "{set}");
    let cookie = set.split(';').next().expect("a pair").to_owned();
    let csrf = opened["csrf"].as_str().expect("a text");
    let ask = |method: &str, path: &str, more: &[(&str, &str)], body: Option<&Value>| {
        let mut headers = vec![("cookie", cookie.as_str())];
        headers.extend_from_slice(more);
        nobody.request(method, path, &headers, body)
    };
    assert_eq!(ask("GET", "/v1/me", &[], None).2["user"], "usr_ann");
    let at = format!("{BASE}/agents/usr_ann/status");
    let ready = json!({ "status": "ready" });
    let refused = ask("PUT", &at, &[], Some(&ready));
    assert_eq!((refused.0, &refused.2["code"]), (403, &json!("csrf")));
    assert_eq!(ask("PUT", &at, &[("x-callboard-csrf", "guess")], Some(&ready)).0, 403);
    assert_eq!(ask("PUT", &at, &[("x-callboard-csrf", csrf)], Some(&ready)).0, 200);
    // A ticket for a socket comes by the cookie, too.
    let ticket = ask("POST", "/v1/tickets", &[("x-callboard-csrf", csrf)], Some(&json!({})));
    assert_eq!(ticket.0, 201, "{}", ticket.2);
    let own = format!("/v1/sessions/{}", opened["id"].as_str().expect("an id"));
    let (status, headers, _) = ask("DELETE", &own, &[("x-callboard-csrf", csrf)], None);
    assert_eq!(status, 204);
    assert!(headers["set-cookie"].contains("Max-Age=0"), "{headers:?}");
    assert_eq!(ask("GET", "/v1/me", &[], None).0, 401);
}

#[test]
fn a_role_changes_with_the_next_request_and_who_may_not_come_in_is_out_at_once() {
    let server = Server::start();
    with_password(&server, "usr_ann", "agent");
    let (ann, _) = signed_in(&server, "usr_ann");
    let key = server.client(json!({ "name": "desk", "role": "agent", "user": "usr_ann" }));
    let users = format!("{BASE}/users");
    let patch = |body: Value| server.patch(&format!("{users}/usr_ann"), &body);
    assert_eq!(ann.get(&users).0, 403);
    assert_eq!(patch(json!({ "role": "administrator" })).0, 200);
    assert_eq!(ann.get(&users).0, 200, "S0-10: without signing in anew");
    assert_eq!(ann.must_get("/v1/me")["role"], "administrator");
    assert_eq!(ann.get(&format!("{BASE}/keys")).0, 200);
    assert_eq!(key.get(&users).0, 403, "a key keeps its own role");
    assert_eq!(patch(json!({ "role": "agent" })).0, 200);
    assert_eq!(ann.get(&format!("{BASE}/keys")).0, 403);

    let status = format!("{BASE}/agents/usr_ann/status");
    ann.must("PUT", &status, &json!({ "status": "ready" }));
    let blocked = json!({ "blocked_until": crate::people::in_hours(24) });
    for out in [json!({ "state": "deactivated" }), blocked] {
        let (ann, _) = signed_in(&server, "usr_ann");
        assert_eq!((ann.get("/v1/me").0, key.get("/v1/me").0), (200, 200));
        assert_eq!(patch(out.clone()).0, 200);
        assert_eq!((ann.get("/v1/me").0, key.get("/v1/me").0), (401, 401), "{out}");
        assert_eq!(sign_in(&server, "usr_ann", PASSWORD).0, 401, "{out}");
        assert_eq!(server.must_get(&format!("{BASE}/agents/usr_ann"))["status"], "offline");
        let back = json!({ "state": "active", "blocked_until": null });
        assert_eq!(patch(back).0, 200);
        assert_eq!(ann.get("/v1/me").0, 401, "an ended session stays ended");
        assert_eq!(key.get("/v1/me").0, 200);
    }
}

#[test]
fn a_link_sets_the_password_once_and_a_newer_one_kills_it() {
    let server = Server::start();
    user(&server, "usr_ann", "agent");
    let nobody = server.with_key("");
    let make = || {
        let made = server.must("POST", &format!("{BASE}/users/usr_ann/link"), &json!({}));
        made["link"].as_str().expect("a link").to_owned()
    };
    let with = |link: &str| json!({ "link": link, "password": PASSWORD, "confirm": PASSWORD });
    let (old, link) = (make(), make());
    let look = |link: &str| nobody.post("/v1/links/look", &json!({ "link": link }));
    assert_eq!(look(&old).2["code"], "link_over");
    let shown = look(&link).2;
    assert_eq!((&shown["user"], &shown["purpose"]), (&json!("usr_ann"), &json!("reset")));
    assert_eq!(shown["email"], "usr_ann@acme.test");
    assert_eq!(nobody.post("/v1/links/use", &with(&old)).0, 410);
    let short = json!({ "link": link, "password": "short", "confirm": "short" });
    assert_eq!(nobody.post("/v1/links/use", &short).0, 422);
    let (status, _, used) = nobody.post("/v1/links/use", &with(&link));
    assert_eq!((status, &used["user"]), (200, &json!("usr_ann")), "{used:#}");
    assert_eq!(nobody.post("/v1/links/use", &with(&link)).0, 410, "once");
    signed_in(&server, "usr_ann");
    assert_eq!(nobody.post("/v1/links/use", &with("cbl_nonsense")).0, 410);
    let (ann, _) = signed_in(&server, "usr_ann");
    assert_eq!(ann.post(&format!("{BASE}/users/usr_bob/link"), &json!({})).0, 404);
}

#[test]
fn the_first_owner_comes_in_by_the_link_that_serve_leaves() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let file = data.join("welcome.link");
    // What is printed to a file or a pipe is kept: the link is not in it.
    let left = |server: &Server| {
        let page = std::fs::read_to_string(&file).expect("a link");
        assert_eq!(std::fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
        let link = page.trim().rsplit("/welcome#").next().expect("a link").to_owned();
        assert!(link.starts_with("cbl_") && !server.log().contains("cbl_"), "{}", server.log());
        assert!(server.log().contains(file.to_str().expect("text")), "{}", server.log());
        link
    };
    let mut server = Server::start_in(&data, &[]);
    let old = left(&server);
    server.stop();
    assert!(!file.exists(), "it leads nowhere any more");
    std::fs::remove_file(data.with_extension("log")).expect("removed");
    let mut server = Server::start_in(&data, &[]);
    let link = left(&server);
    assert_ne!(old, link, "each start makes another, until it is used");
    let nobody = server.with_key("");
    let mut body = json!({ "link": old, "password": PASSWORD, "confirm": PASSWORD,
        "email": "olga@acme.test", "first_name": "Olga", "last_name": "Owen" });
    assert_eq!(nobody.post("/v1/links/use", &body).0, 410);
    body["link"] = json!(link);
    let looked = nobody.post("/v1/links/look", &json!({ "link": link })).2;
    assert_eq!(looked["purpose"], "owner");
    let nameless = json!({ "link": link, "password": PASSWORD, "confirm": PASSWORD });
    assert_eq!(nobody.post("/v1/links/use", &nameless).0, 422);
    let (status, _, used) = nobody.post("/v1/links/use", &body);
    assert_eq!((status, &used["user"]), (200, &json!("usr_owner")), "{used:#}");
    assert_eq!(nobody.post("/v1/links/use", &body).0, 410, "once");
    let sign_in = json!({ "email": "olga@acme.test", "password": PASSWORD });
    let (status, _, opened) = nobody.post("/v1/sessions", &sign_in);
    assert_eq!((status, &opened["role"]), (201, &json!("owner")));
    let olga = server.with_key(opened["token"].as_str().expect("a token"));
    assert_eq!(olga.get(&format!("{BASE}/keys")).0, 200);
    server.stop();
    std::fs::remove_file(data.with_extension("log")).expect("removed");
    let server = Server::start_in(&data, &[]);
    assert!(!file.exists() && !server.log().contains("welcome"), "an owner can sign in");
}
