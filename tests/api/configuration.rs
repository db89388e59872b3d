//! A whole account as one document: written, applied, and what it never touches.

use crate::support::Server;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

fn at(path: &str) -> String {
    format!("/v1/accounts/default/{path}")
}

/// `callboard …` against a server; whether it succeeded, what it said, and what it complained of.
fn callboard(server: &Server, arguments: &[&str]) -> (bool, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_callboard"))
        .args(arguments)
        .args(["--url", &format!("http://{}", server.addr), "--key", &server.key])
        .output()
        .expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

/// The number of records so far.
fn records(server: &Server) -> u64 {
    let (mut after, mut last) = (0, None);
    while last != Some(after) {
        last = Some(after);
        let page = server.must_get(&at(&format!("feed?after={after}&wait_ms=0&limit=1000")));
        let items = page["items"].as_array().expect("items");
        after = items.last().map_or(after, |item| item["seq"].as_u64().expect("a number"));
    }
    after
}

fn file(server: &Server, name: &str, text: &str) -> String {
    let path = server.data().join(name);
    std::fs::write(&path, text).expect("written");
    path.to_str().expect("a path").to_owned()
}

/// One of everything, naming each other where they can.
fn everything(server: &Server) {
    let put = |path: &str, body: Value| server.must("PUT", &at(path), &body);
    put("skills/spanish", json!({ "name": "Spanish", "min": 10 }));
    put("break_reasons/lunch", json!({ "name": "Lunch" }));
    put("dispositions/sold", json!({ "name": "Sold" }));
    put("calendars/office", json!({ "name": "Office", "time_zone": "Europe/Berlin" }));
    put("roles/night", json!({ "name": "Night", "permissions": ["work", "skills"] }));
    for (user, role) in [("usr_ann", "agent"), ("usr_bob", "night"), ("usr_sue", "supervisor")] {
        let body = json!({ "first_name": user, "last_name": "O'Lee \"x\"", "role": role,
            "email": format!("{user}@acme.test"), "skills": { "spanish": null },
            "capacity": { "chat": 3 }, "endpoint": format!("sip:{user}@10.0.0.1") });
        put(&format!("users/{user}"), body);
    }
    put("teams/north", json!({ "name": "North" }));
    put("teams/north/members/usr_bob", json!({}));
    put("queues/support", json!({ "name": "Support", "strategy": "skilled", "competency": true }));
    let steps = json!([{ "after_ms": 0, "skills": [{ "skill": "spanish", "min": 40 }] },
        { "after_ms": 20_000, "skills": [] }]);
    put(
        "queues/sales",
        json!({ "name": "Sales", "steps": steps, "exits": {
        "max_wait_ms": 60_000, "on_max_wait": { "queue": "support" }, "closed": "office" } }),
    );
    server.patch(
        &at("queues/support"),
        &json!({ "exits": { "max_wait_ms": 60_000,
        "on_max_wait": { "queue": "sales" } } }),
    );
    put("queues/support/members/usr_ann", json!({ "stars": 3, "position": 2 }));
    put("queues/sales/teams/north", json!({ "stars": 2 }));
    put(
        "groups/desk",
        json!({ "name": "Desk", "strategy": "simultaneous", "total_ms": 20_000,
        "extension": "7000", "supervisors": ["usr_sue"] }),
    );
    put("groups/desk/members/usr_bob", json!({}));
    put("routes/main", json!({ "number": "+15550001", "to": { "queue": "sales" } }));
    let secret = format!("whsec_{}", "A".repeat(32));
    put(
        "switches/edge",
        json!({ "name": "Edge",
        "webhook": { "url": "http://127.0.0.1:9/hook", "secret": secret, "authorization": "Bearer x" } }),
    );
    put("access_groups/few", json!({ "name": "Few", "members": ["usr_ann"], "queues": ["sales"] }));
    server.patch("/v1/accounts/default", &json!({ "name": "Acme", "max_queues": 7 }));
}

#[test]
fn exported_and_applied_again_nothing_changes() {
    let server = Server::start();
    everything(&server);
    // Somebody erased is not written, and not missed.
    server.must("PUT", &at("users/usr_old"), &json!({ "first_name": "O", "last_name": "L" }));
    server.must("POST", &at("users/usr_old/erase"), &json!({}));
    let (well, document, said) = callboard(&server, &["export"]);
    assert!(well, "{said}");
    assert!(
        document.contains("[queues.sales.teams]\nnorth = { position = 1, stars = 2 }"),
        "{document}"
    );
    assert!(document.contains("spanish = { null = true }"), "{document}");
    assert!(!document.contains("whsec_") && !document.contains("Bearer"), "{document}");
    let before = records(&server);
    let path = file(&server, "account.toml", &document);
    for more in
        [&["apply", &path][..], &["apply", &path, "--prune"], &["apply", &path, "--dry-run"]]
    {
        assert_eq!(callboard(&server, more), (true, "nothing to change\n".into(), String::new()));
    }
    let (_, document, _) = callboard(&server, &["export", "--json"]);
    let path = file(&server, "account.json", &document);
    assert_eq!(callboard(&server, &["apply", &path]).1, "nothing to change\n");
    assert_eq!(records(&server), before, "no record at all");
    // Into an empty account it makes the same again, but for secrets.
    let other = Server::start();
    let (well, told, said) = callboard(&other, &["apply", &path]);
    assert!(well, "{said}");
    assert!(told.contains("+ queues/sales/teams/north\n"), "{told}");
    assert_eq!(callboard(&other, &["export", "--json"]).1, document);
    assert_eq!(callboard(&other, &["apply", &path]).1, "nothing to change\n");
}

#[test]
fn the_demos_account_goes_round() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let demo = Command::new(env!("CARGO_BIN_EXE_callboard"))
        .args(["demo", "--for", "3s", "--agents", "8", "--seed", "3", "--data"])
        .arg(&data)
        .output()
        .expect("the demo ends");
    assert!(demo.status.success(), "{}", String::from_utf8_lossy(&demo.stderr));
    let server = Server::start_in(&data, &[]);
    let (well, document, said) = callboard(&server, &["export"]);
    assert!(well && document.contains("[users."), "{said}{document}");
    let path = file(&server, "demo.toml", &document);
    let before = records(&server);
    assert_eq!(callboard(&server, &["apply", &path, "--prune"]).1, "nothing to change\n");
    assert_eq!(records(&server), before);
}

#[test]
fn a_document_changes_all_of_it_in_one_record_or_nothing() {
    let server = Server::start();
    everything(&server);
    let before = records(&server);
    let whole = server.must_get(&at("configuration"));
    let wrong = json!({
        "queues": { "support": { "name": "Support", "strateggy": "skilled" },
            "sales": { "name": "Sales", "exits": { "on_max_wait": { "queue": "nowhere" } },
                "members": { "usr_gone": {} } } },
        "users": { "usr_ann": { "first_name": "Ann", "last_name": "Lee", "extension": "7000" },
            "usr_new": { "first_name": "New" } },
        "skills": { "spanish": { "name": "Spanish", "min": 1 } },
    });
    let (status, _, problem) = server.put(&at("configuration"), &wrong);
    let pointers: Vec<&str> = problem["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .map(|error| error["pointer"].as_str().expect("a pointer"))
        .collect();
    assert_eq!(status, 422, "{problem}");
    for pointer in [
        "/queues/support/strateggy",
        "/queues/sales/exits/on_max_wait/queue",
        "/queues/sales/members/usr_gone",
        "/users/usr_ann/extension",
        "/users/usr_new/last_name",
    ] {
        assert!(pointers.contains(&pointer), "{pointer} is missing: {pointers:?}");
    }
    assert_eq!((records(&server), server.must_get(&at("configuration"))), (before, whole.clone()));

    // Two swap their extensions, queues name each other before they are there, a user moves from one
    // group to another: what counts is what is there at the end.
    let right = r#"
[users.usr_ann]
first_name = "Ann"
last_name = "Lee"
extension = "1002"
[users.usr_new]
first_name = "New"
last_name = "One"
extension = "1001"
[queues.first]
name = "First"
exits = { on_max_wait = { queue = "second" } }
members = ["usr_new"]
[queues.second]
name = "Second"
exits = { on_max_wait = { queue = "first" } }
[groups.other]
name = "Other"
total_ms = 20000
members = { usr_bob = {} }
[groups.desk]
name = "Desk"
strategy = "simultaneous"
total_ms = 20000
extension = "7000"
supervisors = ["usr_sue"]
members = {}
"#;
    let path = file(&server, "right.toml", right);
    let (well, told, said) = callboard(&server, &["apply", &path, "--dry-run"]);
    assert!(well && told.contains("- groups/desk/members/usr_bob\n"), "{said}{told}");
    assert_eq!(records(&server), before, "a dry run changes nothing");
    let (well, done, said) = callboard(&server, &["apply", &path]);
    assert!(well, "{said}");
    assert_eq!(done.replace(" were ", " would be "), told, "what was promised");
    assert_eq!(records(&server), before + 1);
    let swapped = right.replace("1002", "1003").replace("1001", "1002").replace("1003", "1001");
    let path = file(&server, "swapped.toml", &swapped);
    let (_, told, _) = callboard(&server, &["apply", &path]);
    assert!(told.contains("~ users/usr_ann\n    extension: \"1002\" → \"1001\"\n"), "{told}");
    let deed = &server.must_get(&at("audit?limit=1"))["items"][0];
    assert_eq!(deed["action"], "configuration.put", "{deed}");
    assert_eq!(deed["changed"][0]["field"], "users/usr_ann.extension", "{deed}");
    assert_eq!(server.must_get(&at("groups/other/members"))["items"][0]["id"], "usr_bob");
    restarted(server);
}

/// What was decided is in the journal.
fn restarted(server: Server) {
    let before = server.must_get(&at("configuration"));
    let (data, mut server) = (server.data().to_owned(), server);
    server.kill();
    let server = Server::start_in(Path::new(&data), &[]);
    assert_eq!(server.must_get(&at("configuration")), before);
}

#[test]
fn a_waiting_call_keeps_its_place_and_a_ring_that_lost_its_agent_ends() {
    let server = Server::start();
    everything(&server);
    server.must("PUT", &at("agents/usr_ann/status"), &json!({ "status": "ready" }));
    let arrive = |subject: &str| {
        let call = json!({ "specversion": "1.0", "id": subject, "source": "edge",
            "type": "call.arrived", "subject": subject, "data": { "queue": "support" } });
        let answer = server.must("POST", &at("events"), &call);
        answer["results"][0]["call_id"].as_str().expect("an id").to_owned()
    };
    let calls = [arrive("a"), arrive("b"), arrive("c")];
    let call = |id: &str| server.must_get(&at(&format!("calls/{id}")));
    let places = || -> Vec<Value> {
        calls.iter().map(|id| call(id)).map(|c| json!([c["rank"], c["queued_at"]])).collect()
    };
    assert_eq!(call(&calls[0])["state"], "offered");
    let before = places();
    // Another name and ring time, and nobody works there any more.
    let changed = json!({ "queues": { "support": { "name": "Help", "strategy": "skilled",
        "competency": true, "ring_for_ms": 9_000, "members": {} } } });
    let told = server.must("PUT", &at("configuration"), &changed);
    assert_eq!((&told["changed"], &told["removed"]), (&json!(1), &json!(1)), "{told}");
    assert_eq!(places(), before, "nobody lost a place");
    let first = call(&calls[0]);
    assert_eq!(
        (&first["state"], &first["offers"][0]["reason"]),
        (&json!("waiting"), &json!("configuration"))
    );
    // Back again: the oldest call rings first.
    let back = json!({ "queues": { "support": { "name": "Help", "members": ["usr_ann"] } } });
    server.must("PUT", &at("configuration"), &back);
    assert_eq!(
        (&call(&calls[0])["state"], &call(&calls[1])["state"]),
        (&json!("offered"), &json!("waiting"))
    );
    // A queue where calls wait is not pruned.
    let (status, _, problem) =
        server.put(&at("configuration?prune=true"), &json!({ "queues": {} }));
    assert_eq!((status, &problem["errors"][0]["code"]), (422, &json!("in_use")), "{problem}");
    assert_eq!(places(), before);
}

#[test]
fn only_what_is_pruned_goes_and_users_stay_deactivated() {
    let server = Server::start();
    everything(&server);
    server.must("PUT", &at("configuration"), &json!({ "skills": {}, "users": {} }));
    assert_eq!(server.must_get(&at("skills"))["items"].as_array().map(Vec::len), Some(1));
    // Two queues that name each other, and what leads to them, go together with what holds them.
    let prune = |document: Value| server.put(&at("configuration?prune=true"), &document);
    let (status, _, problem) = prune(json!({ "skills": {} }));
    assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/skills/spanish")));
    let kept = json!({ "routes": {}, "access_groups": {}, "groups": {}, "teams": {},
        "queues": { "support": { "name": "Support" } },
        "users": { "usr_ann": { "first_name": "Ann", "last_name": "Lee" },
            "usr_sue": { "first_name": "S", "last_name": "L", "state": "deactivated" } } });
    let (status, _, told) = prune(kept);
    assert_eq!((status, &told["removed"]), (200, &json!(5)), "{told}");
    let bob = server.must_get(&at("users/usr_bob"));
    assert_eq!(
        (&bob["state"], &bob["skills"]),
        (&json!("deactivated"), &json!({ "spanish": null }))
    );
    assert_eq!(server.get(&at("queues/sales")).0, 404);
    // The webhook's secrets stay while its address does.
    let switch =
        |url: &str| json!({ "switches": { "edge": { "name": "E", "webhook": { "url": url } } } });
    let has = |url: &str| {
        server.must("PUT", &at("configuration"), &switch(url));
        server.must_get(&at("switches/edge"))["webhook"]["has_secret"].clone()
    };
    assert_eq!(has("http://127.0.0.1:9/hook"), true);
    assert_eq!(has("http://127.0.0.1:9/other"), false);
    restarted(server);
}

#[test]
fn nobody_applies_what_they_may_not_do() {
    let server = Server::start();
    everything(&server);
    let admin = server.client(json!({ "name": "a", "role": "administrator" }));
    let supervisor = server.client(json!({ "name": "s", "role": "supervisor" }));
    let owner =
        json!({ "users": { "usr_ann": { "first_name": "A", "last_name": "B", "role": "owner" } } });
    let (status, _, problem) = admin.put(&at("configuration"), &owner);
    assert_eq!(status, 403, "{problem}");
    assert!(problem["detail"].as_str().expect("a text").starts_with("/users/usr_ann"), "{problem}");
    assert_eq!(supervisor.get(&at("configuration")).0, 200);
    assert_eq!(supervisor.put(&at("configuration"), &json!({})).0, 403);
    let wrong = server.get(&at("configuration?format=yaml"));
    assert_eq!((wrong.0, &wrong.2["errors"][0]["pointer"]), (422, &json!("format")));
    let text = [("content-type", "application/toml")];
    let broken = server.request("PUT", &at("configuration"), &text, Some(&json!("no toml")));
    assert_eq!((broken.0, &broken.2["code"]), (400, &json!("malformed_toml")));
}
