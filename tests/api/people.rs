//! Users as people: all their fields, their life in the account, what they lose with the right to
//! work, and what erasing leaves.

use crate::sockets::open;
use crate::support::{Api, Server};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

fn at(path: &str) -> String {
    format!("/v1/accounts/default/{path}")
}

fn person(first: &str) -> Value {
    json!({ "first_name": first, "last_name": "Lee" })
}

/// An instant that many hours from now.
pub fn in_hours(hours: u64) -> String {
    let then = SystemTime::now() + Duration::from_secs(hours * 3_600);
    jiff::Timestamp::try_from(then).expect("an instant").to_string()
}

fn codes(answer: &(u16, std::collections::BTreeMap<String, String>, Value)) -> Vec<String> {
    let errors = answer.2["errors"].as_array().cloned().unwrap_or_default();
    errors.iter().map(|e| format!("{} {}", e["pointer"], e["code"]).replace('"', "")).collect()
}

fn key(server: &Server, user: &str) -> Api {
    server.client(json!({ "name": user, "role": "agent", "user": user }))
}

fn whole() -> Value {
    json!({
        "first_name": "Ann", "last_name": "Lee", "email": "ann@acme.test",
        "endpoint": "sip:ann@127.0.0.1", "extension": "1001", "numbers": ["+15551", "+15552"],
        "external_id": "crm-17", "external_ids": { "salesforce": "0035e" },
        "avatar": "https://pictures.test/ann.png", "domain": "acme.test",
        "contacts": [{ "to": { "number": "+4930" }, "hours": { "mon": ["09:00-17:00"] } }],
        "time_zone": "America/New_York", "schedule": "office", "caller_id": "+15559",
        "caller_ids": ["+15559", "+15558"], "recording": "off", "crm_updates": "on",
        "may_opt": false, "may_use_own_number": false, "may_choose_caller_id": false,
        "may_edit_offline": false, "may_dial_domains": false,
    })
}

#[test]
fn all_fields_of_a_user_are_kept_and_shown() {
    let mut server = Server::start();
    server.must("PUT", &at("calendars/office"), &json!({ "name": "Office" }));
    let body = whole();
    server.must("PUT", &at("users/usr_ann"), &body);
    server.kill();
    let data = server.data().to_owned();
    let server = Server::start_in(&data, &[]);
    let shown = server.must_get(&at("users/usr_ann"));
    for (name, value) in body.as_object().expect("fields") {
        assert_eq!(&shown[name], value, "{name}");
    }
    // A merge over what is shown changes what it names, and null goes back to the default.
    let patch = json!({ "recording": null, "numbers": ["+15551"], "contacts": null });
    let changed = server.must("PATCH", &at("users/usr_ann"), &patch);
    assert_eq!(changed["recording"], "as_queue");
    assert_eq!((&changed["numbers"], &changed["contacts"]), (&json!(["+15551"]), &json!([])));
    assert_eq!(changed["external_id"], "crm-17");
    let refused = server.delete(&at("calendars/office"));
    assert_eq!((refused.0, &refused.2["code"]), (409, &json!("in_use")));
}

#[test]
fn wrong_fields_of_a_user_are_told_together() {
    let server = Server::start();
    server.must(
        "PUT",
        &at("users/usr_bob"),
        &json!({ "first_name": "Bob", "last_name": "Lee",
        "numbers": ["+15551"] }),
    );
    let route = json!({ "number": "+15552", "to": { "agent": "usr_bob" } });
    server.must("PUT", &at("routes/bob"), &route);
    let body = json!({ "first_name": "Ann", "last_name": "Lee", "time_zone": "Mars/Base",
        "recording": "maybe", "avatar": "http://x", "domain": "a b", "external_ids": { "S": 1 },
        "contacts": [{}, { "to": { "end": true }, "hours": { "mon": ["9-5"] } }],
        "numbers": ["+1 5"] });
    let answer = server.put(&at("users/usr_ann"), &body);
    assert_eq!(answer.0, 422);
    for wrong in [
        "/time_zone malformed",
        "/recording unknown_value",
        "/avatar malformed",
        "/domain malformed",
        "/external_ids/S malformed",
        "/contacts/0/to required",
        "/contacts/1/hours/mon/0 malformed",
        "/numbers/0 malformed",
    ] {
        assert!(codes(&answer).iter().any(|code| code == wrong), "{wrong}: {:?}", codes(&answer));
    }
    let body = json!({ "first_name": "Ann", "last_name": "Lee", "schedule": "nights",
        "numbers": ["+15551", "+15552", "+15553"], "contacts": [{ "to": { "queue": "nowhere" } }] });
    let answer = server.put(&at("users/usr_ann"), &body);
    let told = codes(&answer);
    assert_eq!(
        told,
        [
            "/contacts/0/to/queue unknown_reference",
            "/schedule unknown_reference",
            "/numbers/0 taken",
            "/numbers/1 taken"
        ]
    );
    let taken = json!({ "number": "+15551", "to": { "agent": "usr_bob" } });
    assert_eq!(server.put(&at("routes/more"), &taken).0, 409);
}

#[test]
fn a_life_goes_its_way_and_no_other() {
    let server = Server::start();
    let state = |state: &str| server.patch(&at("users/usr_ann"), &json!({ "state": state }));
    let mut invited = person("Ann");
    invited["state"] = json!("invited");
    let refused = server.put(&at("users/usr_ann"), &invited);
    assert_eq!((refused.0, &refused.2["code"]), (409, &json!("not_accepted")));
    server.must("PUT", &at("users/usr_ann"), &person("Ann"));
    for (to, status) in [("invited", 409), ("deactivated", 200), ("invited", 409), ("active", 200)]
    {
        assert_eq!(state(to).0, status, "to {to}");
    }
    assert_eq!(state("retired").0, 422);
    let deleted = server.delete(&at("users/usr_ann"));
    assert_eq!((deleted.0, &deleted.2["code"]), (409, &json!("not_deletable")));
    server.must("PATCH", &at("users/usr_ann"), &json!({ "archived": true }));
    let back = server.patch(&at("users/usr_ann"), &json!({ "archived": false }));
    assert_eq!((back.0, &back.2["code"]), (409, &json!("archived")));
}

#[test]
fn a_block_lasts_eight_hours_to_a_month() {
    let server = Server::start();
    server.must("PUT", &at("users/usr_ann"), &person("Ann"));
    let block =
        |until: String| server.patch(&at("users/usr_ann"), &json!({ "blocked_until": until })).0;
    assert_eq!(block(in_hours(7)), 422);
    assert_eq!(block(in_hours(32 * 24)), 422);
    assert_eq!(block(in_hours(8)), 200);
    assert_eq!(block(in_hours(31 * 24)), 200);
    let ann = key(&server, "usr_ann");
    assert_eq!(ann.get(&at("agents/usr_ann")).0, 401);
    let listed = server.must_get(&at("users?blocked=true"));
    assert_eq!(listed["items"][0]["id"], "usr_ann");
    server.must("PATCH", &at("users/usr_ann"), &json!({ "blocked_until": null }));
    assert_eq!(ann.get(&at("agents/usr_ann")).0, 200);
}

#[test]
fn who_may_no_longer_work_loses_sockets_keys_and_place_at_once() {
    let server = Server::start();
    let (switch, ann) = crate::sockets::floor(&server);
    let mut desk = open(&ann, "agents/usr_ann/desk", "callboard.desk.v1").expect("a desk");
    let mut live = open(&ann, "live", "callboard.live.v1").expect("a board");
    live.say(&json!({ "subscribe": { "queues": "*" } }));
    live.next("a snapshot", |f| f["type"] == "snapshot");
    desk.say(&json!({ "status": "ready" }));
    desk.next("a result", |f| f["type"] == "result");
    let call = crate::sockets::event("1", "call.arrived", json!({ "queue": "support" }));
    switch.must("POST", &at("events"), &call);
    desk.next("an offer", |f| f["offers"].as_array().is_some_and(|o| !o.is_empty()));
    server.must("PATCH", &at("users/usr_ann"), &json!({ "state": "deactivated" }));
    // In the same record: nobody is rung, and the agent is out.
    let waiting = server.must_get(&at("queues/support/calls"));
    assert_eq!(waiting["items"][0]["state"], "waiting", "{waiting:#}");
    let agent = server.must_get(&at("agents/usr_ann"));
    assert_eq!((&agent["status"], &agent["reason"]), (&json!("offline"), &json!("directory")));
    assert_eq!(agent["queues"][0]["blocked_by"], "offline");
    assert_eq!((desk.closed(), live.closed()), (4401, 4401));
    let refused = ann.get(&at("agents/usr_ann"));
    assert_eq!((refused.0, &refused.2["code"]), (401, &json!("unauthenticated")));
    assert_eq!(open(&ann, "agents/usr_ann/desk", "callboard.desk.v1").err(), Some(401));
    // Reactivated, the same key and the same id work again.
    server.must("PATCH", &at("users/usr_ann"), &json!({ "state": "active" }));
    assert_eq!(ann.must_get(&at("agents/usr_ann"))["user"], "usr_ann");
}

#[test]
fn erasing_takes_what_is_personal_and_leaves_the_id() {
    let server = Server::start();
    server.must("PUT", &at("calendars/office"), &json!({ "name": "Office" }));
    server.must("PUT", &at("queues/support"), &json!({ "name": "Support" }));
    server.must("PUT", &at("users/usr_ann"), &whole());
    server.must("PUT", &at("queues/support/members/usr_ann"), &json!({}));
    let left = server.must("POST", &at("users/usr_ann/erase"), &Value::Null);
    assert_eq!((&left["id"], &left["state"]), (&json!("usr_ann"), &json!("deactivated")));
    assert_eq!(left["archived"], true);
    for name in
        ["first_name", "last_name", "email", "endpoint", "external_id", "avatar", "extension"]
    {
        assert_eq!(left[name], Value::Null, "{name}");
    }
    for name in ["numbers", "contacts"] {
        assert_eq!(left[name], json!([]), "{name}");
    }
    let agent = server.must_get(&at("agents/usr_ann"));
    assert_eq!((&agent["name"], &agent["queues"]), (&Value::Null, &json!([])));
    let feed = server.must_get(&at("feed?after=0")).to_string();
    assert!(feed.contains("user_erased") && !feed.contains("ann@acme.test"), "{feed}");
    // What was taken is free for others, at once.
    let mut other = whole();
    other["first_name"] = json!("Eve");
    server.must("PUT", &at("users/usr_eve"), &other);
}

#[test]
fn users_are_found_by_what_is_known_of_them() {
    let server = Server::start();
    server.must("PUT", &at("skills/spanish"), &json!({ "name": "Spanish" }));
    server.must("PUT", &at("queues/support"), &json!({ "name": "Support" }));
    let ann = json!({ "first_name": "Ann", "last_name": "Lee", "email": "a.lee@acme.test",
        "extension": "1001", "skills": { "spanish": 5 } });
    server.must("PUT", &at("users/usr_ann"), &ann);
    let sue = json!({ "first_name": "Sue", "last_name": "Ågren", "role": "supervisor" });
    server.must("PUT", &at("users/usr_sue"), &sue);
    let door = json!({ "first_name": "Door", "last_name": "Phone", "type": "pbx", "state": "deactivated" });
    server.must("PUT", &at("users/usr_door"), &door);
    server.must("PUT", &at("queues/support/members/usr_ann"), &json!({}));
    let found = |query: &str| {
        let page = server.must_get(&at(&format!("users?{query}")));
        let items = page["items"].as_array().expect("items").clone();
        items.iter().map(|u| u["id"].as_str().expect("an id")[4..].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found(""), ["ann", "door", "sue"]);
    assert_eq!(found("state=deactivated"), ["door"]);
    assert_eq!(found("role=supervisor"), ["sue"]);
    assert_eq!(found("type=pbx"), ["door"]);
    assert_eq!(found("queue=support"), ["ann"]);
    assert_eq!(found("skill=spanish"), ["ann"]);
    assert_eq!(found("text=LEE"), ["ann"]);
    assert_eq!(found("text=%C3%A5gren"), ["sue"]);
    assert_eq!(found("text=1001"), ["ann"]);
    assert_eq!(found("text=acme&role=agent"), ["ann"]);
    assert_eq!(found("archived=true"), Vec::<String>::new());
    let page = server.must_get(&at("users?limit=2"));
    assert_eq!(
        (page["items"].as_array().map(Vec::len), &page["next"]),
        (Some(2), &json!("usr_door"))
    );
    assert_eq!(found("limit=2&cursor=usr_door"), ["sue"]);
    let listed = server.must_get(&at("users?text=lee&places=true"));
    let ann = &listed["items"][0];
    assert_eq!((&ann["role"], &ann["skills"]), (&json!("agent"), &json!({ "spanish": 5 })));
    let place = json!({ "id": "support", "name": "Support", "media": "voice", "stars": 1,
        "position": 1, "source": "direct", "opted_in": true });
    assert_eq!((&ann["queues"], &ann["group"]), (&json!([place]), &Value::Null));
    assert_eq!(server.must_get(&at("users?text=lee"))["items"][0].get("queues"), None);
    assert_eq!(server.get(&at("users?state=gone")).0, 422);
    assert_eq!(server.get(&at("users?queue=nowhere")).0, 404);
}

/// The one call that arrives; what became of it.
fn arrive(switch: &Api, id: &str, data: Value) -> (String, Value) {
    let mut event = crate::sockets::event(id, "call.arrived", data);
    event["subject"] = json!(format!("c{id}@edge"));
    let answer = switch.must("POST", &at("events"), &event);
    let call = answer["results"][0]["call_id"].as_str().expect("an id").to_owned();
    (call, answer["commands"].clone())
}

#[test]
fn an_own_number_reaches_the_user_and_contacts_take_what_the_user_does_not() {
    let server = Server::start();
    let (switch, ann) = crate::sockets::floor(&server);
    let contacts = json!([
        { "to": { "number": "+1never" }, "hours": { "mon": [] , "tue": ["00:00-00:01"] } },
        { "to": { "number": "+1always" } },
    ]);
    let body =
        json!({ "endpoint": "sip:ann@127.0.0.1", "numbers": ["+15551"], "contacts": contacts });
    server.must("PATCH", &at("users/usr_ann"), &body);
    // Offline: the first contact whose hours hold takes the call.
    let (_, commands) = arrive(&switch, "1", json!({ "to": "+15551" }));
    let to = &commands[0]["to"];
    assert!(
        commands[0]["type"] == "call.route" && (to == "+1always" || to == "+1never"),
        "{commands:#}"
    );
    ann.must("PUT", &at("agents/usr_ann/status"), &json!({ "status": "online" }));
    let (_, commands) = arrive(&switch, "2", json!({ "to": "+15551" }));
    assert_eq!(
        (&commands[0]["type"], &commands[0]["agent"]),
        (&json!("offer.ring"), &json!("usr_ann"))
    );
}

#[test]
fn recording_and_crm_follow_the_queue_unless_the_user_says_otherwise() {
    let server = Server::start();
    let (switch, ann) = crate::sockets::floor(&server);
    let queue = json!({ "name": "Support", "recording": true });
    server.must("PUT", &at("queues/support"), &queue);
    server.must("PATCH", &at("users/usr_ann"), &json!({ "endpoint": "sip:ann@127.0.0.1" }));
    ann.must("PUT", &at("agents/usr_ann/status"), &json!({ "status": "ready" }));
    let (call, commands) = arrive(&switch, "1", json!({ "queue": "support" }));
    assert_eq!(server.must_get(&at(&format!("calls/{call}")))["recording"], Value::Null);
    let offer = commands.as_array().expect("commands").iter().find(|c| c["type"] == "offer.ring");
    let offer = offer.expect("a ring")["offer"].clone();
    let mut answered = crate::sockets::event("2", "offer.answered", json!({ "offer": offer }));
    answered["subject"] = json!("c1@edge");
    switch.must("POST", &at("events"), &answered);
    let resolved = |user: Value| {
        server.must("PATCH", &at("users/usr_ann"), &user);
        let call = server.must_get(&at(&format!("calls/{call}")));
        (call["recording"].clone(), call["crm_updates"].clone())
    };
    assert_eq!(resolved(json!({})), (json!(true), json!(false)));
    assert_eq!(
        resolved(json!({ "recording": "off", "crm_updates": "on" })),
        (json!(false), json!(true))
    );
    assert_eq!(
        resolved(json!({ "recording": "on", "crm_updates": "off" })),
        (json!(true), json!(false))
    );
    assert_eq!(
        resolved(json!({ "recording": null, "crm_updates": null })),
        (json!(true), json!(false))
    );
}

#[test]
fn skills_have_a_range_of_their_own() {
    let server = Server::start();
    let skill = |min: i64, max: i64| {
        let body = json!({ "name": "Spanish", "level_required": true, "min": min, "max": max });
        server.put(&at("skills/spanish"), &body).0
    };
    for (min, max) in [(0, 50), (1, 101), (60, 50)] {
        assert_eq!(skill(min, max), 422, "{min}–{max}");
    }
    assert_eq!(skill(20, 60), 201);
    let held = |level: Value| {
        let mut body = person("Ann");
        body["skills"] = json!({ "spanish": level });
        server.put(&at("users/usr_ann"), &body).0
    };
    for level in [json!(19), json!(61), Value::Null] {
        assert_eq!(held(level.clone()), 422, "{level}");
    }
    assert_eq!((held(json!(20)), held(json!(60))), (201, 200));
    // A range that would leave somebody outside is refused, and so is a deletion.
    assert_eq!(skill(20, 59), 422);
    assert_eq!(server.delete(&at("skills/spanish")).0, 409);
    let ann = key(&server, "usr_ann");
    assert_eq!(ann.put(&at("skills/dutch"), &json!({ "name": "Dutch" })).0, 403);
}

#[test]
fn stars_stand_per_queue_and_channels_are_apart() {
    let server = Server::start();
    server.must("PUT", &at("users/usr_ann"), &person("Ann"));
    for (queue, media) in [("calls", "voice"), ("chats", "chat")] {
        server.must(
            "PUT",
            &at(&format!("queues/{queue}")),
            &json!({ "name": queue, "media": media }),
        );
    }
    let member = |queue: &str, body: Value| {
        server.put(&at(&format!("queues/{queue}/members/usr_ann")), &body)
    };
    assert_eq!(member("calls", json!({})).2["stars"], 1);
    for stars in [0, 5] {
        assert_eq!(member("calls", json!({ "stars": stars })).0, 422, "{stars}");
    }
    assert_eq!(member("chats", json!({ "stars": 4 })).2["stars"], 4);
    // What is done in one channel leaves the other as it was.
    assert_eq!(server.delete(&at("queues/calls/members/usr_ann")).0, 204);
    let staff = server.must_get(&at("queues/chats/staff"));
    assert_eq!(
        (&staff["items"][0]["user"], &staff["items"][0]["stars"]),
        (&json!("usr_ann"), &json!(4))
    );
    assert_eq!(server.must_get(&at("queues/calls/staff"))["items"], json!([]));
    assert_eq!(server.must_get(&at("agents/usr_ann"))["queues"].as_array().map(Vec::len), Some(1));
}

#[test]
fn an_extension_is_of_one_and_of_the_accounts_length() {
    let server = Server::start();
    let put = |user: &str, extension: &str| {
        let mut body = person("Ann");
        body["extension"] = json!(extension);
        server.put(&at(&format!("users/{user}")), &body)
    };
    assert_eq!(put("usr_ann", "1001").0, 201);
    assert_eq!(codes(&put("usr_bob", "1001")), ["/extension taken"]);
    assert_eq!(codes(&put("usr_bob", "10011")), ["/extension malformed"]);
    let group = json!({ "name": "Sales", "total_ms": 20_000, "extension": "1001" });
    assert_eq!(codes(&server.put(&at("groups/sales"), &group)), ["/extension taken"]);
    assert_eq!(put("usr_bob", "1002").0, 201);
}

#[test]
fn an_agent_says_where_calls_go_while_offline_where_that_is_allowed() {
    let server = Server::start();
    server.must("PUT", &at("users/usr_ann"), &person("Ann"));
    let ann = key(&server, "usr_ann");
    let to = |to: Value| ann.put(&at("agents/usr_ann/offline"), &json!({ "to": to }));
    assert_eq!(to(json!({ "number": "+15551" })).0, 200);
    // Another target takes the place of the first, whole.
    assert_eq!(
        to(json!({ "voicemail": "usr_ann" })).2,
        json!({ "to": { "voicemail": "usr_ann" } })
    );
    let shown = server.must_get(&at("users/usr_ann"));
    assert_eq!(shown["direct"]["offline"], json!({ "voicemail": "usr_ann" }));
    assert_eq!(codes(&to(json!({ "queue": "gone" }))), ["/to/queue unknown_reference"]);
    assert_eq!(to(Value::Null).2, json!({ "to": null }));
    server.must("PATCH", &at("users/usr_ann"), &json!({ "may_edit_offline": false }));
    assert_eq!(to(json!({ "number": "+15551" })).0, 403);
    let by_owner =
        server.put(&at("agents/usr_ann/offline"), &json!({ "to": { "number": "+15551" } }));
    assert_eq!(by_owner.0, 200);
}
