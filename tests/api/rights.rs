//! Who may what: every role at every endpoint of the OpenAPI document, roles of one's own making,
//! scopes of keys, access groups, the check of a right, and that none can be given to oneself.

use crate::support::{Api, Server};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const BASE: &str = "/v1/accounts/default";
const PASSWORD: &str = "correct horse";

/// What an operation needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Needs {
    /// Nothing: strangers may.
    Nothing,
    /// To have come in at all.
    ComingIn,
    /// One of these permissions.
    Any(&'static [&'static str]),
    /// To own the node.
    Owning,
    /// One of these, or that it is about oneself.
    OwnOr(&'static [&'static str]),
}

use Needs::{Any, ComingIn, Nothing, OwnOr, Owning};

/// The rule of every operation, by its id. An operation without a rule fails the test.
fn rule(operation: &str) -> Option<Needs> {
    let (verb, family) = operation.split_once('_').unwrap_or_default();
    let change: Option<&'static [&'static str]> = match family {
        "account" | "hook" | "report" => Some(&["account"]),
        "skill" => Some(&["skills"]),
        "user" => Some(&["users"]),
        "queue" | "group" | "queue_member" | "group_member" | "disposition" | "alert_rule" => {
            Some(&["queues"])
        }
        "team" | "team_member" | "queue_team" => Some(&["teams"]),
        "route" => Some(&["numbers"]),
        "switch" => Some(&["channels"]),
        "break_reason" | "calendar" => Some(&["hours"]),
        "role" | "access_group" => Some(&["roles"]),
        _ => None,
    };
    match (verb, change) {
        // A desk chooses among them.
        ("list", _) if matches!(operation, "list_break_reason" | "list_disposition") => {
            return Some(Any(&["configuration.read", "work"]));
        }
        ("put" | "patch" | "delete", Some(change)) => return Some(Any(change)),
        ("get" | "list", Some(_)) => return Some(Any(&["configuration.read"])),
        _ => {}
    }
    Some(match operation {
        "livez" | "readyz" | "metrics" | "openapi" | "asyncapi" | "errors" | "sign_in"
        | "look_link" | "use_link" | "forgot_password" => Nothing,
        "found_account"
        | "put_agency"
        | "add_agency_administrator"
        | "remove_agency_administrator" => Owning,
        // Everybody is shown their own; a place is listed as the user is seen to.
        "list_agencies" => ComingIn,
        "grant" | "ungrant" => Any(&["users"]),
        "list_grants" => OwnOr(&["users"]),
        "me" | "list_accounts" | "list_permissions" | "issue_ticket" => ComingIn,
        "issue_key" | "list_keys" | "revoke_key" => Any(&["integrations"]),
        "list_sessions" | "sign_out_everywhere" | "set_password" | "make_link" => OwnOr(&["users"]),
        // Of a session that is not there nobody is told more.
        "sign_out" => ComingIn,
        "check_rights" => OwnOr(&["configuration.read"]),
        "queue_checks" | "group_checks" => Any(&["configuration.read"]),
        "queue_staff" | "group_staff" | "queue_calls" | "group_calls" | "list_agents"
        | "invariants" | "call_candidates" => Any(&["watch"]),
        "list_calls" => Any(&["watch", "log.read"]),
        "read_configuration" => Any(&["configuration.read"]),
        "import_users" | "list_imports" | "get_import" | "undo_import" => Any(&["users"]),
        "apply_configuration" => Any(&["account"]),
        "bulk_roles" | "bulk_capacity" | "bulk_skills" | "erase_user" => Any(&["users"]),
        "bulk_queues" | "bulk_group" => Any(&["queues"]),
        "change_team_members" => Any(&["teams"]),
        "list_callbacks" | "get_message" | "list_alerts" | "acknowledge_alert" => Any(&["watch"]),
        "make_callback" | "change_callback" | "cancel_callback" | "notify_agents" => {
            Any(&["steer"])
        }
        "user_profile" | "put_agent_offline" | "read_message" | "dial" => OwnOr(&["steer"]),
        "get_agent" | "agent_next" => OwnOr(&["watch"]),
        "put_agent_status" | "open_desk" | "queue_opted_in" | "group_opted_in" => OwnOr(&["steer"]),
        "list_views" => Any(&["watch", "work"]),
        // One's own alone, whoever one is.
        "get_view" | "put_view" | "delete_view" => OwnOr(&[]),
        "supervise_call" | "end_supervise_call" => Any(&["monitor"]),
        "force_agent_status" | "clear_forced" | "assign_call" | "change_call" => Any(&["steer"]),
        "end_wrap_up" => Any(&["work"]),
        "feed" => Any(&["feed"]),
        "invite" | "list_invites" | "uninvite" => Any(&["users"]),
        "list_figures" | "list_history" | "list_history_calls" | "list_adherence"
        | "agent_timeline" | "figure_calls" => Any(&["reports", "watch", "work"]),
        "list_definitions" => ComingIn,
        "list_audit" => Any(&["audit"]),
        "open_live" | "live_events" => Any(&["watch", "work"]),
        "post_events" | "poll_commands" | "open_link" => Any(&["switch"]),
        // A call or offer that is not there is not there for anybody, whatever they may.
        "get_call" | "trace_call" | "accept_offer" | "refuse_offer" | "end_call" | "hold_call"
        | "resume_call" | "transfer_call" => ComingIn,
        _ => return None,
    })
}

fn operations(server: &Server) -> Vec<(String, String, Value)> {
    let document = server.must_get("/openapi.json");
    let paths = document["paths"].as_object().expect("paths").clone();
    let each = |(path, item): (String, Value)| {
        let operations = item.as_object().expect("an item").clone();
        operations
            .into_iter()
            .map(move |(method, operation)| (method.to_uppercase(), path.clone(), operation))
    };
    paths.into_iter().flat_map(each).collect()
}

/// The path with ids, of which the user's is of somebody else.
fn filled(path: &str) -> String {
    [
        ("{account}", "default"),
        ("{user}", "usr_other"),
        ("{queue}", "nowhere"),
        ("{group}", "noplace"),
        ("{call}", "cal_00000000000000000000000000"),
        ("{offer}", "off_00000000000000000000000000"),
        ("{key}", "key_00000000000000000000000000"),
        ("{switch}", "nothing"),
        ("{session}", "ses_00000000000000000000000000"),
        ("{team}", "nothing"),
        ("{agency}", "nothing"),
        ("{home}", "default"),
        ("{message}", "msg_0"),
        ("{alert}", "alr_0"),
        ("{view}", "nothing"),
        ("{id}", "nothing"),
        ("{figure}", "offered"),
    ]
    .iter()
    .fold(path.to_owned(), |path, (from, to)| path.replace(from, to))
}

/// A body that gets past what is checked before the right is.
fn body(operation: &str) -> Value {
    match operation {
        "force_agent_status" => json!({ "items": [{ "user": "usr_other", "status": "online" }] }),
        "put_agent_status" => json!({ "status": "online" }),
        "queue_opted_in" | "group_opted_in" => json!({ "opted_in": true }),
        "assign_call" => json!({ "agent": "usr_other" }),
        "change_call" => json!({ "priority": 1 }),
        "put_view" => json!({ "name": "V", "path": "/live" }),
        "supervise_call" => json!({ "mode": "monitor" }),
        "issue_key" => json!({ "name": "x", "role": "agent", "user": "usr_other" }),
        "set_password" => json!({ "password": PASSWORD, "confirm": PASSWORD }),
        "found_account" => json!({ "id": "another" }),
        "put_agency" => json!({ "name": "A" }),
        "grant" => json!({ "existing_user": { "account": "gone", "user": "usr_gone" },
            "email": "a@b.test", "role": "agent" }),
        "invite" => json!({ "items": [{ "email": "a@b.test", "first_name": "A", "last_name": "B",
            "role": "agent" }] }),
        "post_events" => json!({ "specversion": "1.0", "id": "1", "source": "edge",
            "type": "switch.heartbeat" }),
        "make_callback" => json!({ "queue": "nowhere", "number": "+1555" }),
        "change_callback" => json!({ "number": "+1555" }),
        "notify_agents" => json!({ "users": ["usr_other"], "text": "Hello" }),
        "bulk_roles" => json!({ "users": ["usr_other"], "role": "agent" }),
        "bulk_capacity" => json!({ "users": ["usr_other"], "capacity": { "chat": 2 } }),
        "bulk_skills" => json!({ "users": ["usr_other"], "skills": {} }),
        "bulk_queues" => json!({ "users": ["usr_other"], "queues": [] }),
        "bulk_group" => json!({ "users": ["usr_other"], "group": null }),
        "change_team_members" => json!({ "add": [], "remove": [] }),
        "dial" => json!({ "to": "+1555" }),
        "put_agent_offline" => json!({ "to": { "number": "+1555" } }),
        "transfer_call" => json!({ "to": { "number": "1" }, "kind": "blind" }),
        _ => json!({}),
    }
}

/// Sockets are refused before they are opened.
const UPGRADE: [(&str, &str); 4] = [
    ("connection", "upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

fn query(operation: &str) -> &'static str {
    match operation {
        "check_rights" => "?actor=usr_other&action=watch",
        "list_sessions" | "sign_out_everywhere" => "?user=usr_other",
        "list_calls" => "?limit=1",
        // Wrong, after the right was looked at: the stream would not end.
        "live_events" => "?queues=No%20Id",
        _ => "",
    }
}

/// A key of each role; those of agents and of switches are bound to somebody else than is asked for.
fn keys(server: &Server) -> Vec<(String, Api, BTreeSet<String>)> {
    let listed = server.must_get(&format!("{BASE}/permissions"));
    let mut rights: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for permission in listed["items"].as_array().expect("items") {
        let word = permission["id"].as_str().expect("a word");
        for role in permission["roles"].as_array().expect("roles") {
            let role = role.as_str().expect("a role").to_owned();
            rights.entry(role).or_default().insert(word.to_owned());
        }
    }
    assert_eq!(rights.len(), 15, "fourteen presets of people, and switches: {rights:?}");
    let key = |(role, rights): (String, BTreeSet<String>)| {
        let mut body = json!({ "name": role, "role": role });
        match role.as_str() {
            "agent" | "customer_service" | "call_agent" => body["user"] = json!("usr_own"),
            "switch" => body["switch"] = json!("edge"),
            _ => {}
        }
        (role.clone(), server.client(body), rights)
    };
    rights.into_iter().map(key).collect()
}

#[test]
fn every_role_at_every_endpoint() {
    let server = Server::start();
    let named = json!({ "first_name": "O", "last_name": "P" });
    server.must("PUT", &format!("{BASE}/users/usr_own"), &named);
    server.must("PUT", &format!("{BASE}/users/usr_other"), &named);
    server.must("PUT", &format!("{BASE}/queues/nowhere"), &json!({ "name": "Q" }));
    let group = json!({ "name": "G", "total_ms": 20_000 });
    server.must("PUT", &format!("{BASE}/groups/noplace"), &group);
    let keys = keys(&server);
    let (mut allowed, mut refused) = (0, 0);
    for (method, path, operation) in operations(&server) {
        let id = operation["operationId"].as_str().expect("an id");
        let rule = rule(id).unwrap_or_else(|| panic!("{id} has no rule: who may?"));
        let is_public = operation["security"] == json!([{}]) || operation["security"] == json!([]);
        assert_eq!(rule == Nothing, is_public, "{id}");
        if rule == Nothing {
            continue;
        }
        let at = filled(&path) + query(id);
        let kind = match method.as_str() {
            "PATCH" if id != "change_call" => "application/merge-patch+json",
            _ => "application/json",
        };
        let sent = operation.get("requestBody").map(|_| body(id));
        for (role, api, rights) in &keys {
            let may = match rule {
                Nothing | ComingIn => true,
                Owning => role == "owner",
                Any(words) | OwnOr(words) => words.iter().any(|word| rights.contains(*word)),
            };
            let mut headers = vec![("content-type", kind)];
            if matches!(id, "open_desk" | "open_link" | "open_live") {
                headers.extend(UPGRADE);
            }
            let answer = api.request(&method, &at, &headers, sent.as_ref());
            let what = format!("{role}: {method} {path} ({id}): {} {}", answer.0, answer.2);
            // Bulks and events are answered one by one.
            let item = &answer.2["results"][0];
            let status = match item["code"].as_str() {
                Some("forbidden") => 403,
                _ => item["status"].as_u64().unwrap_or(u64::from(answer.0)),
            };
            if may {
                allowed += 1;
                assert_ne!(status, 403, "{what}");
                assert_ne!(status, 401, "{what}");
            } else {
                refused += 1;
                // What is out of sight may be told as absent.
                assert!(status == 403 || (matches!(rule, OwnOr(_)) && status == 404), "{what}");
            }
        }
    }
    assert!(allowed > 300 && refused > 500, "{allowed} allowed, {refused} refused");
}

pub fn user(server: &Server, id: &str, role: &str) -> Api {
    let mut body = json!({ "email": format!("{id}@acme.test"), "first_name": id,
        "last_name": "Lee", "role": role });
    let at = format!("{BASE}/users/{id}");
    if role.starts_with("team_") {
        // Whose role needs a team has one before it counts.
        body["assignment"] = json!("pending");
        server.must("PUT", &at, &body);
        let (team, mate) = (format!("{BASE}/teams/t"), format!("{BASE}/teams/t/members/{id}"));
        server.must("PUT", &team, &json!({ "name": "T" }));
        server.must("PUT", &mate, &json!({}));
        server.must("PATCH", &at, &json!({ "assignment": "active" }));
        assert_eq!(server.delete(&mate).0, 204);
    } else {
        server.must("PUT", &at, &body);
    }
    let password = json!({ "password": PASSWORD, "confirm": PASSWORD });
    assert_eq!(server.put(&format!("{BASE}/users/{id}/password"), &password).0, 204);
    let sign_in = json!({ "email": format!("{id}@acme.test"), "password": PASSWORD });
    let opened = server.must("POST", "/v1/sessions", &sign_in);
    server.with_key(opened["token"].as_str().expect("a token"))
}

#[test]
fn nobody_gives_what_they_have_not() {
    let server = Server::start();
    let manager = user(&server, "usr_max", "manager");
    let administrator = user(&server, "usr_ada", "administrator");
    let put = |api: &Api, id: &str, role: &str| {
        let body = json!({ "first_name": "A", "last_name": "B", "role": role });
        api.put(&format!("{BASE}/users/{id}"), &body)
    };
    assert_eq!(put(&manager, "usr_new", "supervisor").0, 201);
    assert_eq!(put(&manager, "usr_new", "administrator").0, 403);
    assert_eq!(put(&manager, "usr_max", "administrator").0, 403, "nor to oneself");
    assert_eq!(put(&manager, "usr_ada", "agent").0, 403, "nor takes what is beyond them");
    assert_eq!(put(&administrator, "usr_new", "owner").0, 403);
    assert_eq!(put(&server, "usr_olga", "owner").0, 201, "owners make owners");
    assert_eq!(put(&administrator, "usr_olga", "agent").0, 403);
    let refused = put(&server, "usr_olga", "agent");
    assert_eq!(refused.2["code"], "last_owner", "{}", refused.2);
    let password = json!({ "password": PASSWORD, "confirm": PASSWORD });
    let of = |user: &str| format!("{BASE}/users/{user}/password");
    assert_eq!(manager.put(&of("usr_ada"), &password).0, 403);
    assert_eq!(administrator.put(&of("usr_olga"), &password).0, 403);
    assert_eq!(manager.put(&of("usr_new"), &password).0, 204);
    // A group's supervisors are a right of their own (S3-24).
    let narrow = server.client(json!({ "name": "n", "role": "manager",
        "scopes": ["queues", "configuration.read"] }));
    let group =
        |supervisors: Value| json!({ "name": "G", "total_ms": 20_000, "supervisors": supervisors });
    assert_eq!(narrow.put(&format!("{BASE}/groups/g"), &group(json!([]))).0, 201);
    let with = narrow.put(&format!("{BASE}/groups/g"), &group(json!(["usr_new"])));
    assert_eq!(
        (with.0, with.2["detail"].as_str().expect("text").contains("supervisors")),
        (403, true)
    );
    assert_eq!(manager.put(&format!("{BASE}/groups/g"), &group(json!(["usr_new"]))).0, 200);
    let wide = json!({ "name": "w", "role": "supervisor", "scopes": ["fly"] });
    let wrong = server.post(&format!("{BASE}/keys"), &wide);
    assert_eq!((wrong.0, &wrong.2["errors"][0]["pointer"]), (422, &json!("/scopes/0")));
}

#[test]
fn a_role_of_ones_own_making_counts_at_once_and_its_change_too() {
    let server = Server::start();
    let role = |permissions: Value| json!({ "name": "Night", "permissions": permissions });
    let at = format!("{BASE}/roles/night");
    let made = server.must("PUT", &at, &role(json!(["work", "skills"])));
    assert_eq!((&made["like"], &made["preset"]), (&json!("agent"), &json!(false)));
    let wrong = server.put(&at, &role(json!(["wrok"])));
    assert_eq!((wrong.0, &wrong.2["errors"][0]["pointer"]), (422, &json!("/permissions/0")));
    let nina = user(&server, "usr_nina", "night");
    assert_eq!(server.must_get(&format!("{BASE}/users/usr_nina"))["role"], "night");
    let skill = |id: &str| nina.put(&format!("{BASE}/skills/{id}"), &json!({ "name": "S" })).0;
    assert_eq!((skill("one"), nina.get(&format!("{BASE}/skills")).0), (201, 403));
    server.must("PUT", &at, &role(json!(["work", "configuration.read"])));
    assert_eq!((skill("two"), nina.get(&format!("{BASE}/skills")).0), (403, 200));
    assert_eq!(nina.must_get("/v1/me")["permissions"], json!(["configuration.read", "work"]));
    assert_eq!(server.delete(&at).2["code"], "in_use");
    let nobody = json!({ "first_name": "N", "last_name": "O", "role": "nigth" });
    assert_eq!(server.put(&format!("{BASE}/users/usr_no"), &nobody).0, 422);
    let listed = server.must_get(&format!("{BASE}/roles"));
    let items = listed["items"].as_array().expect("items");
    assert_eq!(items.len(), 15, "fourteen presets and one: {items:?}");
    assert_eq!(server.put(&format!("{BASE}/roles/agent"), &role(json!([]))).2["code"], "id_taken");
    assert_eq!(server.delete(&format!("{BASE}/roles/agent")).2["code"], "not_deletable");
    server.patch(&format!("{BASE}/users/usr_nina"), &json!({ "role": "agent" }));
    assert_eq!(server.delete(&at).0, 204);
}

#[test]
fn a_right_is_checked_and_its_rule_told() {
    let server = Server::start();
    for (id, role) in [
        ("usr_cs", "customer_service"),
        ("usr_lead", "team_leader"),
        ("usr_sup", "call_center_supervisor"),
        ("usr_man", "call_center_manager"),
        ("usr_other", "call_center_manager"),
    ] {
        user(&server, id, role);
    }
    let check = |actor: &str, action: &str, subject: &str| {
        let at = format!("{BASE}/rights/check?actor={actor}&action={action}&subject={subject}");
        let answer = server.must_get(&at);
        (answer["allowed"] == true, answer["rule"].as_str().expect("a rule").to_owned())
    };
    assert!(check("usr_man", "monitor", "usr_other").0, "other managers too (X3)");
    assert!(!check("usr_man", "monitor", "usr_man").0, "never oneself (X6)");
    assert!(check("usr_sup", "monitor", "usr_cs").0);
    let (refused, rule) = check("usr_sup", "monitor", "usr_lead");
    assert!(!refused && rule.contains("call_center_supervisor") && rule.contains("team_leader"));
    assert!(check("usr_sup", "view", "usr_lead").0, "sees whom they may not monitor (X5)");
    assert!(!check("usr_lead", "monitor", "usr_cs").0, "without a common team nobody (X7)");
    assert!(!check("usr_cs", "view", "usr_lead").0 && check("usr_cs", "view", "usr_cs").0);
    let at = format!("{BASE}/rights/check?actor=usr_cs&action=queues");
    assert_eq!(
        server.must_get(&at)["rule"],
        "the role customer_service has not the permission queues"
    );
    let wrong = server.get(&format!("{BASE}/rights/check?actor=usr_cs&action=fly"));
    assert_eq!((wrong.0, &wrong.2["errors"][0]["pointer"]), (422, &json!("action")));
    assert_eq!(server.get(&format!("{BASE}/rights/check?actor=usr_cs")).0, 422);
}

#[test]
fn who_sees_a_part_is_shown_a_part() {
    let server = Server::start();
    let lead = user(&server, "usr_lead", "team_leader");
    let manager = user(&server, "usr_cm", "call_manager");
    user(&server, "usr_ann", "agent");
    for queue in ["sales", "support"] {
        server.must("PUT", &format!("{BASE}/queues/{queue}"), &json!({ "name": queue }));
    }
    server.must("PUT", &format!("{BASE}/queues/sales/members/usr_lead"), &json!({}));
    server.must("PUT", &format!("{BASE}/queues/sales/members/usr_ann"), &json!({}));
    server.must("PUT", &format!("{BASE}/switches/edge"), &json!({ "name": "Edge" }));
    let arrived = |id: &str, queue: &str| {
        json!({ "specversion": "1.0", "id": id, "source": "edge", "type": "call.arrived",
            "subject": id, "data": { "queue": queue } })
    };
    let calls = json!([arrived("a", "sales"), arrived("b", "support")]);
    server.must("POST", &format!("{BASE}/events"), &calls);
    // Nobody shares a team with this leader: the own row, and the queue where they are.
    let ids = |value: Value, name: &str| -> Vec<String> {
        let items = value["items"].as_array().expect("items");
        items.iter().filter_map(|item| item[name].as_str().map(str::to_owned)).collect()
    };
    assert_eq!(ids(lead.must_get(&format!("{BASE}/agents")), "user"), ["usr_lead"]);
    assert_eq!(ids(lead.must_get(&format!("{BASE}/queues/sales/staff")), "user"), ["usr_lead"]);
    assert_eq!(lead.get(&format!("{BASE}/queues/support/calls")).0, 404);
    assert_eq!(lead.get(&format!("{BASE}/agents/usr_ann")).0, 404);
    assert_eq!(ids(lead.must_get(&format!("{BASE}/calls")), "queue"), ["sales"]);
    assert_eq!(lead.get(&format!("{BASE}/feed")).0, 403);
    let force = json!({ "items": [{ "user": "usr_ann", "status": "online" }] });
    let forced = lead.post(&format!("{BASE}/agents/bulk/status"), &force);
    assert_eq!(forced.2["results"][0]["status"], 404, "{}", forced.2);

    // A call manager sees the log; an access group narrows it (S4-04).
    assert_eq!(ids(manager.must_get(&format!("{BASE}/calls")), "queue"), ["sales", "support"]);
    let group = json!({ "name": "S", "members": ["usr_cm"], "queues": ["support"] });
    server.must("PUT", &format!("{BASE}/access_groups/s"), &group);
    assert_eq!(ids(manager.must_get(&format!("{BASE}/calls")), "queue"), ["support"]);
    // Agents, call managers and report managers only (S4-05).
    let wrong = json!({ "name": "S", "members": ["usr_lead"], "queues": ["nowhere"] });
    let refused = server.put(&format!("{BASE}/access_groups/s"), &wrong);
    let errors = refused.2["errors"].as_array().expect("errors");
    let told: Vec<_> = errors.iter().map(|e| e["pointer"].as_str().unwrap_or("")).collect();
    assert_eq!((refused.0, told), (422, vec!["/members/0", "/queues/0"]));
    assert_eq!(server.delete(&format!("{BASE}/access_groups/s")).0, 204);
    assert_eq!(ids(manager.must_get(&format!("{BASE}/calls")), "queue"), ["sales", "support"]);
}

#[test]
fn who_leads_a_team_has_one_before_the_role_counts() {
    let server = Server::start();
    let at = |id: &str| format!("{BASE}/users/{id}");
    let person = |role: &str, assignment: &str| json!({ "first_name": "L", "last_name": "M", "role": role, "assignment": assignment });
    for role in ["team_leader", "team_supervisor"] {
        let refused = server.put(&at("usr_lead"), &person(role, "active"));
        assert_eq!((refused.0, &refused.2["errors"][0]["code"]), (422, &json!("team_required")));
    }
    server.must("PUT", &at("usr_lead"), &person("team_leader", "pending"));
    server.must("PUT", &at("usr_cs"), &person("customer_service", "active"));
    let activate = json!({ "assignment": "active" });
    assert_eq!(server.patch(&at("usr_lead"), &activate).0, 422);
    let bulk = json!({ "users": ["usr_cs"], "role": "team_supervisor" });
    let done = server.must("POST", &format!("{BASE}/users/bulk/roles"), &bulk);
    assert_eq!(done["results"][0]["status"], 422, "{done}");
    server.must("PUT", &format!("{BASE}/teams/t"), &json!({ "name": "T" }));
    for id in ["usr_lead", "usr_cs"] {
        server.must("PUT", &format!("{BASE}/teams/t/members/{id}"), &json!({}));
    }
    assert_eq!(server.patch(&at("usr_lead"), &activate).0, 200);
    let monitors = || {
        let at = format!("{BASE}/rights/check?actor=usr_lead&action=monitor&subject=usr_cs");
        server.must_get(&at)["allowed"] == true
    };
    assert!(monitors());
    // Later without a team: stays, is still changed, and monitors nobody.
    assert_eq!(server.delete(&format!("{BASE}/teams/t/members/usr_lead")).0, 204);
    assert!(!monitors());
    assert_eq!(server.patch(&at("usr_lead"), &json!({ "first_name": "Lea" })).0, 200);
    // An invitation that is accepted without one waits.
    let invited = json!({ "items": [{ "email": "n@acme.test", "first_name": "N", "last_name": "O",
        "role": "team_leader" }] });
    let made = server.must("POST", &format!("{BASE}/invites"), &invited);
    let with = json!({ "link": made["results"][0]["link"], "password": PASSWORD,
        "confirm": PASSWORD });
    assert_eq!(server.with_key("").post("/v1/links/use", &with).0, 200);
    let shown = server.must_get(&at(made["results"][0]["id"].as_str().expect("an id")));
    assert_eq!((&shown["state"], &shown["assignment"]), (&json!("active"), &json!("pending")));
}
