//! One change for many users: results for each, dry runs, all or nothing; and messages to many.

use crate::sockets::open;
use crate::support::Server;
use serde_json::{Value, json};
use std::time::Instant;

fn at(path: &str) -> String {
    format!("/v1/accounts/default/{path}")
}

fn floor(server: &Server, users: &[&str]) {
    for (id, media) in [
        ("a", "voice"),
        ("b", "voice"),
        ("c", "chat"),
        ("d", "voice"),
        ("e", "email"),
        ("f", "voice"),
        ("spring", "campaign"),
    ] {
        server.must("PUT", &at(&format!("queues/{id}")), &json!({ "name": id, "media": media }));
    }
    server.must("PUT", &at("skills/spanish"), &json!({ "name": "Spanish", "min": 10 }));
    server.must("PUT", &at("skills/dutch"), &json!({ "name": "Dutch", "level_required": true }));
    for user in users {
        let body = json!({ "first_name": user, "last_name": "Lee", "skills": { "spanish": 20 } });
        server.must("PUT", &at(&format!("users/{user}")), &body);
    }
}

/// (status, [(user, status, code)]) of a bulk call.
fn bulk(server: &Server, what: &str, body: &Value) -> (u16, Vec<(String, u64, String)>) {
    let (status, _, answer) = server.post(&at(&format!("users/bulk/{what}")), body);
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let one = |r: &Value| {
        (
            text(&r["id"])[4..].to_owned(),
            r["status"].as_u64().expect("a status"),
            text(&r["error"]["code"]),
        )
    };
    (status, answer["results"].as_array().expect("results").iter().map(one).collect())
}

fn ok(user: &str) -> (String, u64, String) {
    (user.to_owned(), 200, String::new())
}

fn no(user: &str, status: u64, code: &str) -> (String, u64, String) {
    (user.to_owned(), status, code.to_owned())
}

/// The queues and groups of a user.
fn queues(server: &Server, user: &str) -> Vec<String> {
    let agent = server.must_get(&at(&format!("agents/{user}")));
    let names = agent["queues"].as_array().expect("queues").iter();
    names.map(|q| q["queue"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn roles_skills_and_capacities_of_many() {
    let server = Server::start();
    floor(&server, &["usr_ann", "usr_bob"]);
    let users = json!(["usr_ann", "usr_bob", "usr_gone"]);
    let answer = bulk(&server, "roles", &json!({ "users": users, "role": "supervisor" }));
    assert_eq!(answer, (207, vec![ok("ann"), ok("bob"), no("gone", 404, "not_found")]));
    assert_eq!(server.must_get(&at("users/usr_bob"))["role"], "supervisor");
    let both = json!(["usr_ann", "usr_bob"]);
    let skills = |body: Value| bulk(&server, "skills", &body).0;
    assert_eq!(skills(json!({ "users": both, "skills": { "dutch": 70 } })), 200);
    let held = |user: &str| server.must_get(&at(&format!("users/{user}")))["skills"].clone();
    assert_eq!(held("usr_ann"), json!({ "dutch": 70, "spanish": 20 }));
    assert_eq!(
        skills(json!({ "users": ["usr_ann"], "skills": { "dutch": 9 }, "method": "replace" })),
        200
    );
    assert_eq!(
        (held("usr_ann"), held("usr_bob")),
        (json!({ "dutch": 9 }), json!({ "dutch": 70, "spanish": 20 }))
    );
    for wrong in [json!({ "spanish": 9 }), json!({ "dutch": null }), json!({ "klingon": 1 })] {
        let body = json!({ "users": both, "skills": wrong });
        assert_eq!(server.post(&at("users/bulk/skills"), &body).0, 422, "{body}");
    }
    // The tick at the top: everybody.
    assert_eq!(
        bulk(&server, "capacity", &json!({ "all": true, "capacity": { "chat": 7 } })).1.len(),
        2
    );
    assert_eq!(server.must_get(&at("users/usr_ann"))["capacity"], json!({ "chat": 7 }));
    for wrong in [0, 101] {
        let body = json!({ "all": true, "capacity": { "chat": wrong } });
        assert_eq!(server.post(&at("users/bulk/capacity"), &body).0, 422, "{wrong}");
    }
    let none = json!({ "role": "agent" });
    assert_eq!(server.post(&at("users/bulk/roles"), &none).0, 422);
    // Replayed, it is the same.
    let data = server.data().to_owned();
    let mut server = server;
    server.kill();
    let server = Server::start_in(&data, &[]);
    assert_eq!(
        server.must_get(&at("users/usr_bob"))["skills"],
        json!({ "dutch": 70, "spanish": 20 })
    );
}

#[test]
fn queues_are_added_or_overridden_and_five_are_enough() {
    let server = Server::start();
    floor(&server, &["usr_ann", "usr_bob"]);
    let to = |ids: &[&str]| {
        json!(ids.iter().map(|id| json!({ "queue": id, "stars": 2 })).collect::<Vec<_>>())
    };
    let assign = |users: Value, ids: &[&str], method: &str| {
        bulk(&server, "queues", &json!({ "users": users, "queues": to(ids), "method": method }))
    };
    let both = json!(["usr_ann", "usr_bob"]);
    assert_eq!(assign(both.clone(), &["a", "b"], "add").0, 200);
    assert_eq!(assign(json!(["usr_ann"]), &["c", "d", "e"], "add").0, 200);
    // The sixth is refused, for whom it would be one.
    let answer = assign(both.clone(), &["f"], "add");
    assert_eq!(answer, (207, vec![no("ann", 409, "too_many_queues"), ok("bob")]));
    assert_eq!(assign(json!(["usr_ann"]), &["f"], "override").0, 200);
    assert_eq!(
        (queues(&server, "usr_ann"), queues(&server, "usr_bob").len()),
        (vec!["f".to_owned()], 3)
    );
    // Many queues or one campaign, also singly: unassign first.
    let answer = assign(both.clone(), &["spring"], "add");
    assert_eq!(
        answer.1,
        [no("ann", 409, "queues_or_campaign"), no("bob", 409, "queues_or_campaign")]
    );
    assert_eq!(server.put(&at("queues/spring/members/usr_ann"), &json!({})).0, 409);
    assert_eq!(server.delete(&at("queues/f/members/usr_ann")).0, 204);
    assert_eq!(assign(json!(["usr_ann"]), &["spring"], "add").0, 200);
    assert_eq!(server.put(&at("queues/a/members/usr_ann"), &json!({})).0, 409);
    let body = json!({ "users": both, "queues": to(&["spring", "a"]) });
    assert_eq!(server.post(&at("users/bulk/queues"), &body).0, 422);
    // The account says how many.
    server.must("PATCH", &at("")[..at("").len() - 1], &json!({ "max_queues": 1 }));
    assert_eq!(server.put(&at("queues/c/members/usr_bob"), &json!({})).0, 409);
    server.must("PATCH", &at("")[..at("").len() - 1], &json!({ "max_queues": null }));
}

#[test]
fn groups_are_changed_in_one_move() {
    let server = Server::start();
    floor(&server, &["usr_ann", "usr_bob"]);
    let sue = json!({ "first_name": "Sue", "last_name": "Lee", "role": "supervisor" });
    server.must("PUT", &at("users/usr_sue"), &sue);
    for group in ["north", "south"] {
        let body = json!({ "name": group, "total_ms": 20_000, "supervisors": ["usr_sue"] });
        server.must("PUT", &at(&format!("groups/{group}")), &body);
    }
    let go = |group: Value| {
        let users = json!(["usr_ann", "usr_bob", "usr_sue"]);
        bulk(&server, "group", &json!({ "users": users, "group": group })).1
    };
    assert_eq!(go(json!("north")), [ok("ann"), ok("bob"), no("sue", 409, "is_supervisor")]);
    // Adding to a second one is refused; moving is one step.
    assert_eq!(server.put(&at("groups/south/members/usr_ann"), &json!({})).0, 409);
    go(json!("south"));
    assert_eq!(queues(&server, "usr_ann"), ["south"]);
    go(Value::Null);
    assert_eq!(queues(&server, "usr_ann"), Vec::<String>::new());
    let body = json!({ "users": ["usr_ann"], "group": "a" });
    assert_eq!(server.post(&at("users/bulk/group"), &body).0, 422);
}

#[test]
fn a_dry_run_changes_nothing_and_all_or_nothing_is_kept() {
    let server = Server::start();
    floor(&server, &["usr_ann"]);
    let body = json!({ "users": ["usr_ann", "usr_gone"], "role": "supervisor" });
    let dry = bulk(&server, "roles?dry_run=true", &body);
    assert_eq!(dry, (207, vec![ok("ann"), no("gone", 404, "not_found")]));
    let none = bulk(&server, "roles?all_or_nothing=true", &body);
    assert_eq!(none, (207, vec![no("ann", 409, "all_or_nothing"), no("gone", 404, "not_found")]));
    assert_eq!(server.must_get(&at("users/usr_ann"))["role"], "agent");
    let body = json!({ "users": ["usr_ann"], "role": "supervisor" });
    assert_eq!(bulk(&server, "roles?all_or_nothing=true", &body).0, 200);
    assert_eq!(server.must_get(&at("users/usr_ann"))["role"], "supervisor");
}

#[test]
fn messages_stand_at_the_desk_until_they_are_read() {
    let server = Server::start();
    let (_, ann) = crate::sockets::floor(&server);
    server.must("PUT", &at("users/usr_bob"), &json!({ "first_name": "Bob", "last_name": "Lee" }));
    let mut desk = open(&ann, "agents/usr_ann/desk", "callboard.desk.v1").expect("a desk");
    desk.next("a state", |f| f["type"] == "state");
    let users = json!(["usr_ann", "usr_bob", "usr_gone"]);
    let sent =
        server.post(&at("agents/bulk/notify"), &json!({ "users": users, "text": "All hands" }));
    assert_eq!(
        (sent.0, &sent.2["results"][0]["desks"], &sent.2["results"][2]["status"]),
        (207, &json!(1), &json!(404))
    );
    let id = sent.2["message"].as_str().expect("an id");
    let shown =
        desk.next("the message", |f| f["messages"].as_array().is_some_and(|m| !m.is_empty()));
    assert_eq!(
        (&shown["messages"][0]["text"], &shown["messages"][0]["id"]),
        (&json!("All hands"), &json!(id))
    );
    let unread = || server.must_get(&at(&format!("messages/{id}")))["unread"].clone();
    assert_eq!(unread(), json!(["usr_ann", "usr_bob"]));
    desk.say(&json!({ "read": id }));
    desk.next("no message", |f| f["messages"].as_array().is_some_and(Vec::is_empty));
    assert_eq!(unread(), json!(["usr_bob"]));
    server.must("POST", &at(&format!("agents/usr_bob/messages/{id}/read")), &Value::Null);
    assert_eq!(unread(), json!([]));
    // Agents send nobody anything, and read only their own.
    assert_eq!(ann.post(&at("agents/bulk/notify"), &json!({ "all": true, "text": "Hi" })).0, 403);
    assert_eq!(ann.post(&at(&format!("agents/usr_bob/messages/{id}/read")), &Value::Null).0, 404);
    let feed = server.must_get(&at("feed?after=0")).to_string();
    assert!(feed.contains("\"notified\"") && feed.contains("[\"usr_ann\",\"usr_bob\"]"), "{feed}");
}

/// 10,000 users in one call take less than two seconds.
#[test]
fn ten_thousand_users_in_one_call() {
    let server = Server::start();
    floor(&server, &[]);
    let users: Vec<String> = (0..10_000).map(|i| format!("usr_{i}")).collect();
    // Made the quick way: by a handful of connections side by side.
    std::thread::scope(|scope| {
        for part in users.chunks(2_500) {
            let server = &server;
            scope.spawn(move || {
                for user in part {
                    let body = json!({ "first_name": "U", "last_name": user });
                    server.must("PUT", &at(&format!("users/{user}")), &body);
                }
            });
        }
    });
    let queues = json!([{ "queue": "a" }, { "queue": "b", "stars": 3 }]);
    for (what, body) in [
        ("roles", json!({ "users": users, "role": "supervisor" })),
        ("queues", json!({ "users": users, "queues": queues })),
        ("capacity", json!({ "users": users, "capacity": { "chat": 5 } })),
        ("skills", json!({ "all": true, "skills": { "spanish": 50 } })),
    ] {
        let began = Instant::now();
        let (status, results) = bulk(&server, what, &body);
        let took = began.elapsed();
        println!("{what}: {took:?}");
        assert_eq!((status, results.len()), (200, 10_000), "{what}");
        assert!(took.as_secs_f64() < 2.0 * SLOWNESS, "{what} took {took:?}");
    }
    let began = Instant::now();
    let found = server.must_get(&at("users?text=usr_9999"));
    println!("search: {:?}", began.elapsed());
    assert_eq!(found["items"].as_array().map(Vec::len), Some(1));
}

/// Debug builds decide several times slower, beside other tests.
const SLOWNESS: f64 = if cfg!(debug_assertions) { 2.0 } else { 1.0 };
