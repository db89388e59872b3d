//! Teams: many per user, working for queues, and what a membership through one is worth.

use crate::sockets::open;
use crate::support::Server;
use serde_json::{Value, json};

fn at(path: &str) -> String {
    format!("/v1/accounts/default/{path}")
}

/// Two queues, three users and a team that works for nothing yet.
fn floor(server: &Server) {
    for queue in ["support", "sales"] {
        server.must("PUT", &at(&format!("queues/{queue}")), &json!({ "name": queue }));
    }
    for user in ["usr_ann", "usr_bob", "usr_eve"] {
        let body =
            json!({ "first_name": user, "last_name": "Lee", "endpoint": format!("sip:{user}") });
        server.must("PUT", &at(&format!("users/{user}")), &body);
    }
    server.must("PUT", &at("teams/north"), &json!({ "name": "North" }));
}

/// (user, source, stars) of a queue's staff.
fn staff(server: &Server, queue: &str) -> Vec<(String, String, u64)> {
    let staff = server.must_get(&at(&format!("queues/{queue}/staff")));
    let text = |v: &Value| v.as_str().expect("a text").trim_start_matches("usr_").to_owned();
    let row =
        |s: &Value| (text(&s["user"]), text(&s["source"]), s["stars"].as_u64().expect("stars"));
    staff["items"].as_array().expect("items").iter().map(row).collect()
}

fn row(user: &str, source: &str, stars: u64) -> (String, String, u64) {
    (user.to_owned(), source.to_owned(), stars)
}

#[test]
fn members_come_and_go_with_their_team() {
    let mut server = Server::start();
    floor(&server);
    let joined = json!({ "add": ["usr_ann", "usr_bob"] });
    let team = server.must("POST", &at("teams/north/members"), &joined);
    assert_eq!(team, json!({ "id": "north", "members": 2 }));
    server.must("PUT", &at("queues/support/teams/north"), &json!({ "stars": 2 }));
    assert_eq!(staff(&server, "support"), [row("ann", "team", 2), row("bob", "team", 2)]);
    // Who joins later comes in, who leaves goes, in one call; other stars are other stars.
    let change = json!({ "add": ["usr_eve"], "remove": ["usr_bob"] });
    server.must("POST", &at("teams/north/members"), &change);
    server.must("PATCH", &at("queues/support/teams/north"), &json!({ "stars": 3 }));
    assert_eq!(staff(&server, "support"), [row("ann", "team", 3), row("eve", "team", 3)]);
    // A restart keeps all of it.
    server.kill();
    let data = server.data().to_owned();
    let server = Server::start_in(&data, &[]);
    assert_eq!(staff(&server, "support"), [row("ann", "team", 3), row("eve", "team", 3)]);
    assert_eq!(server.must_get(&at("users?team=north"))["items"][1]["id"], "usr_eve");
    assert_eq!(server.must_get(&at("queues/support/teams"))["items"][0]["id"], "north");
    assert_eq!(
        server.must_get(&at("teams/north/members"))["items"],
        json!([{ "id": "usr_ann" }, { "id": "usr_eve" }])
    );
    assert_eq!(server.must_get(&at("agents/usr_ann"))["teams"], json!(["north"]));
    server.must("PUT", &at("queues/sales/teams/north"), &json!({}));
    assert_eq!(server.delete(&at("queues/support/teams/north")).0, 204);
    assert_eq!((staff(&server, "support"), staff(&server, "sales").len()), (Vec::new(), 2));
    assert_eq!(server.delete(&at("teams/north")).0, 204);
    assert_eq!(staff(&server, "sales"), Vec::new());
    assert_eq!(server.must_get(&at("agents/usr_ann"))["teams"], json!([]));
}

#[test]
fn a_membership_of_ones_own_is_stronger() {
    let server = Server::start();
    floor(&server);
    server.must("PUT", &at("queues/support/members/usr_ann"), &json!({ "stars": 4 }));
    server.must("PUT", &at("teams/north/members/usr_ann"), &json!({}));
    server.must("PUT", &at("teams/north/members/usr_bob"), &json!({}));
    server.must("PUT", &at("queues/support/teams/north"), &json!({}));
    assert_eq!(staff(&server, "support"), [row("ann", "direct", 4), row("bob", "team", 1)]);
    // What a team gives is not taken away singly; a membership of one's own takes its place.
    let refused = server.delete(&at("queues/support/members/usr_bob"));
    assert_eq!((refused.0, &refused.2["code"]), (409, &json!("through_team")));
    server.must("PUT", &at("queues/support/members/usr_bob"), &json!({}));
    assert_eq!(staff(&server, "support")[1], row("bob", "direct", 1));
    // Without it the team's is in force again.
    assert_eq!(server.delete(&at("queues/support/members/usr_ann")).0, 204);
    assert_eq!(staff(&server, "support")[0], row("ann", "team", 1));
    for user in ["usr_ann", "usr_bob"] {
        assert_eq!(server.delete(&at(&format!("teams/north/members/{user}"))).0, 204);
    }
    assert_eq!(staff(&server, "support"), [row("bob", "direct", 1)]);
}

#[test]
fn of_two_teams_one_is_enough() {
    let server = Server::start();
    floor(&server);
    server.must("PUT", &at("teams/south"), &json!({ "name": "South" }));
    for team in ["north", "south"] {
        server.must("PUT", &at(&format!("teams/{team}/members/usr_ann")), &json!({}));
        server.must("PUT", &at(&format!("queues/support/teams/{team}")), &json!({}));
    }
    assert_eq!(server.delete(&at("teams/north/members/usr_ann")).0, 204);
    assert_eq!(staff(&server, "support"), [row("ann", "team", 1)]);
    assert_eq!(server.delete(&at("queues/support/teams/south")).0, 204);
    assert_eq!(staff(&server, "support"), Vec::new());
}

#[test]
fn boards_show_the_source_and_a_lost_place_ends_its_ring() {
    let server = Server::start();
    floor(&server);
    server.must("PUT", &at("switches/edge"), &json!({ "name": "Edge" }));
    server.must("PUT", &at("teams/north/members/usr_ann"), &json!({}));
    server.must("PUT", &at("queues/support/teams/north"), &json!({}));
    let mut live = open(&server, "live", "callboard.live.v1").expect("a board");
    live.say(&json!({ "subscribe": { "agents": "*", "every_ms": 0 } }));
    let snapshot = live.next("a snapshot", |f| f["type"] == "snapshot");
    assert_eq!(snapshot["agents"][0]["queues"]["support"]["source"], "team", "{snapshot:#}");
    server.must("PUT", &at("agents/usr_ann/status"), &json!({ "status": "ready" }));
    let call = json!({ "specversion": "1.0", "id": "1", "source": "edge", "type": "call.arrived",
        "subject": "c1@edge", "data": { "queue": "support" } });
    let answer = server.must("POST", &at("events"), &call);
    let offered = answer["commands"].to_string();
    assert!(offered.contains("offer.ring"), "{answer:#}");
    assert_eq!(server.delete(&at("teams/north/members/usr_ann")).0, 204);
    let shown = server.must_get(&at(&format!(
        "calls/{}",
        answer["results"][0]["call_id"].as_str().expect("an id")
    )));
    assert_eq!(
        (&shown["state"], &shown["offers"][0]["reason"]),
        (&json!("waiting"), &json!("configuration"))
    );
}

#[test]
fn what_cannot_be_a_team_is_refused() {
    let server = Server::start();
    floor(&server);
    let group = json!({ "name": "Ring", "total_ms": 20_000 });
    server.must("PUT", &at("groups/ring"), &group);
    assert_eq!(server.put(&at("queues/ring/teams/north"), &json!({})).0, 404);
    assert_eq!(server.put(&at("queues/support/teams/gone"), &json!({})).0, 404);
    assert_eq!(server.put(&at("teams/gone/members/usr_ann"), &json!({})).0, 404);
    assert_eq!(server.put(&at("teams/north/members/usr_gone"), &json!({})).0, 404);
    let both = json!({ "add": ["usr_ann", "usr_gone"], "remove": ["usr_ann"] });
    let refused = server.post(&at("teams/north/members"), &both);
    assert_eq!(refused.0, 422);
    let told: Vec<&str> = refused.2["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .filter_map(|e| e["pointer"].as_str())
        .collect();
    assert_eq!(told, ["/add/1", "/remove"]);
    // Nothing of it was done.
    assert_eq!(server.must_get(&at("teams/north/members"))["items"], json!([]));
}
