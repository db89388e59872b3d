//! Settings of groups over those of the account, what holds for a user, and dispositions.

use crate::sockets::event;
use crate::support::Server;
use serde_json::{Value, json};

fn at(path: &str) -> String {
    format!("/v1/accounts/default/{path}")
}

#[test]
fn a_group_overrides_the_account_both_ways() {
    let mut server = Server::start();
    let general = |settings: Value| {
        let body = json!({ "group_settings": settings });
        server.must("PATCH", "/v1/accounts/default", &body)
    };
    let group = |settings: Value| {
        let body = json!({ "name": "Sales", "total_ms": 20_000, "settings": settings });
        server.must("PUT", &at("groups/sales"), &body)["resolved"].clone()
    };
    let flags = ["outbound", "may_choose_caller_id", "may_open_recordings"];
    for flag in flags {
        for (of_account, of_group, held) in [
            (true, Value::Null, true),
            (false, Value::Null, false),
            (true, json!(false), false),
            (false, json!(true), true),
        ] {
            general(json!({ flag: of_account }));
            assert_eq!(
                group(json!({ flag: of_group }))[flag],
                held,
                "{flag} {of_account} {of_group}"
            );
        }
    }
    general(json!({ "dial_audio": "bells", "caller_id": "+1555" }));
    let held = group(json!({ "dial_audio": "waves" }));
    assert_eq!((&held["dial_audio"], &held["caller_id"]), (&json!("waves"), &json!("+1555")));
    assert_eq!(group(Value::Null)["dial_audio"], "bells");
    // A merge over what is shown leaves what was resolved alone.
    let changed =
        server.must("PATCH", &at("groups/sales"), &json!({ "settings": { "outbound": false } }));
    assert_eq!(
        (&changed["resolved"]["outbound"], &changed["settings"]["dial_audio"]),
        (&json!(false), &Value::Null)
    );
    let refused = server
        .put(&at("queues/support"), &json!({ "name": "S", "settings": { "outbound": true } }));
    assert_eq!((refused.0, &refused.2["errors"][0]["code"]), (422, &json!("groups_only")));
    server.kill();
    let data = server.data().to_owned();
    let server = Server::start_in(&data, &[]);
    assert_eq!(server.must_get(&at("groups/sales"))["resolved"]["outbound"], false);
}

#[test]
fn a_profile_tells_all_of_a_user_and_what_holds() {
    let server = Server::start();
    let put = |path: &str, body: Value| server.must("PUT", &at(path), &body);
    put("queues/support", json!({ "name": "Support" }));
    put("queues/chat", json!({ "name": "Chat", "media": "chat" }));
    let settings = json!({ "caller_id": "+1555", "outbound": false });
    let sue = json!({ "first_name": "Sue", "last_name": "Lee", "role": "supervisor" });
    put("users/usr_sue", sue);
    put(
        "groups/sales",
        json!({ "name": "Sales", "total_ms": 20_000, "settings": settings,
        "supervisors": ["usr_sue"] }),
    );
    put(
        "users/usr_ann",
        json!({ "first_name": "Ann", "last_name": "Lee", "may_choose_caller_id": false,
        "time_zone": "Europe/Berlin" }),
    );
    put("teams/north", json!({ "name": "North" }));
    put("teams/north/members/usr_ann", json!({}));
    put("queues/chat/teams/north", json!({ "stars": 2 }));
    put("queues/support/members/usr_ann", json!({ "stars": 4 }));
    put("groups/sales/members/usr_ann", json!({}));
    let profile = server.must_get(&at("users/usr_ann/profile"));
    assert_eq!(profile["user"]["first_name"], "Ann");
    assert_eq!((&profile["teams"], &profile["group"]["id"]), (&json!(["north"]), &json!("sales")));
    let places = profile["queues"].as_array().expect("queues");
    let mut told: Vec<_> = places
        .iter()
        .map(|p| (p["id"].as_str(), p["source"].as_str(), p["stars"].as_u64()))
        .collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [(Some("chat"), Some("team"), Some(2)), (Some("support"), Some("direct"), Some(4))]
    );
    let held = &profile["resolved"];
    assert_eq!((&held["outbound"], &held["caller_id"]), (&json!(false), &json!("+1555")));
    assert_eq!(
        (&held["may_choose_caller_id"], &held["time_zone"]),
        (&json!(false), &json!("Europe/Berlin"))
    );
    assert_eq!(server.must_get(&at("users/usr_sue/profile"))["supervises"], json!(["sales"]));
    // One's own, and no other's.
    let ann = server.client(json!({ "name": "ann", "role": "agent", "user": "usr_ann" }));
    assert_eq!(ann.get(&at("users/usr_ann/profile")).0, 200);
    assert_eq!(ann.get(&at("users/usr_sue/profile")).0, 404);
}

#[test]
fn dispositions_are_those_of_queue_and_agent_together() {
    let server = Server::start();
    let (switch, ann) = crate::sockets::floor(&server);
    for id in ["sold", "lost", "spam"] {
        server.must("PUT", &at(&format!("dispositions/{id}")), &json!({ "name": id }));
    }
    let wrong = server.patch(&at("queues/support"), &json!({ "dispositions": ["gone"] }));
    assert_eq!((wrong.0, &wrong.2["errors"][0]["pointer"]), (422, &json!("/dispositions/0")));
    let queue =
        json!({ "wrap_up": { "manual": true, "ms": null }, "dispositions": ["sold", "lost"] });
    server.must("PATCH", &at("queues/support"), &queue);
    let user = json!({ "endpoint": "sip:ann@127.0.0.1", "dispositions": ["spam"] });
    server.must("PATCH", &at("users/usr_ann"), &user);
    ann.must("PUT", &at("agents/usr_ann/status"), &json!({ "status": "ready" }));
    let answer = switch.must(
        "POST",
        &at("events"),
        &event("1", "call.arrived", json!({ "queue": "support" })),
    );
    let call = answer["results"][0]["call_id"].as_str().expect("an id").to_owned();
    let commands = answer["commands"].as_array().expect("commands").iter();
    let offer = commands.filter(|c| c["type"] == "offer.ring").map(|c| c["offer"].clone()).next();
    switch.must("POST", &at("events"), &event("2", "offer.answered", json!({ "offer": offer })));
    switch.must("POST", &at("events"), &event("3", "call.ended", json!({ "by": "caller" })));
    let agent = ann.must_get(&at("agents/usr_ann"));
    assert_eq!(agent["wrap_ups"][0]["dispositions"], json!(["lost", "sold", "spam"]), "{agent:#}");
    let end = |label: &str| {
        ann.post(&at(&format!("calls/{call}/wrap_up/end")), &json!({ "disposition": label }))
    };
    let refused = end("solved");
    assert_eq!((refused.0, &refused.2["errors"][0]["code"]), (422, &json!("unknown_value")));
    assert_eq!(end("spam").0, 200);
    for path in ["dispositions/sold", "dispositions/spam"] {
        let refused = server.delete(&at(path));
        assert_eq!((refused.0, &refused.2["code"]), (409, &json!("in_use")), "{path}");
    }
    server.must("PATCH", &at("users/usr_ann"), &json!({ "dispositions": null }));
    assert_eq!(server.delete(&at("dispositions/spam")).0, 204);
}

#[test]
fn members_of_a_group_may_have_any_role() {
    let server = Server::start();
    server.must("PUT", &at("groups/desk"), &json!({ "name": "Desk", "total_ms": 20_000 }));
    let roles = [
        "administrator",
        "manager",
        "supervisor",
        "call_center_manager",
        "agent",
        "customer_service",
        "report_manager",
        "billing_manager",
    ];
    for role in roles {
        let user = json!({ "first_name": "A", "last_name": role, "role": role });
        server.must("PUT", &at(&format!("users/usr_{role}")), &user);
        server.must("PUT", &at(&format!("groups/desk/members/usr_{role}")), &json!({}));
    }
    let staff = server.must_get(&at("groups/desk/staff"));
    assert_eq!(staff["items"].as_array().map(Vec::len), Some(roles.len()), "{staff:#}");
}
