//! Figures by request: the same after every kind of end, and to each only what is theirs.

use crate::support::{Api, Server};
use serde_json::{Value, json};
use std::path::Path;

pub fn at(path: &str) -> String {
    format!("/v1/accounts/default/{path}")
}

/// Two queues and two agents; Ann is in a team with a supervisor, and ready.
pub fn floor(server: &Server) -> Api {
    server.must("PUT", &at("switches/edge"), &json!({ "name": "Edge" }));
    server.must("PUT", &at("teams/north"), &json!({ "name": "North" }));
    for (queue, user, name) in [("support", "usr_ann", "Ann"), ("sales", "usr_bob", "Bob")] {
        server.must("PUT", &at(&format!("queues/{queue}")), &json!({ "name": queue }));
        let user_body = json!({ "first_name": name, "last_name": "Lee",
            "endpoint": format!("sip:{user}@127.0.0.1"), "time_zone": "Asia/Kathmandu" });
        server.must("PUT", &at(&format!("users/{user}")), &user_body);
        server.must("PUT", &at(&format!("queues/{queue}/members/{user}")), &json!({}));
    }
    server.must("PUT", &at("teams/north/members/usr_ann"), &json!({}));
    server.must("PUT", &at("agents/usr_ann/status"), &json!({ "status": "ready" }));
    server.client(json!({ "name": "edge", "role": "switch", "switch": "edge" }))
}

pub fn say(switch: &Api, id: u32, kind: &str, call: &str, data: Value) -> Value {
    let event = json!({ "specversion": "1.0", "id": id.to_string(), "source": "edge", "type": kind,
        "subject": call, "data": data });
    switch.must("POST", &at("events"), &event)
}

/// One call answered and ended, one given up, one that waits.
pub fn three_calls(switch: &Api) {
    let support = json!({ "queue": "support" });
    let told = say(switch, 1, "call.arrived", "c1", support.clone());
    let offer = told["commands"][0]["offer"].clone();
    say(switch, 2, "offer.answered", "c1", json!({ "offer": offer }));
    say(switch, 3, "call.arrived", "c2", support.clone());
    say(switch, 4, "call.abandoned", "c2", json!({}));
    say(switch, 5, "call.ended", "c1", json!({ "by": "caller" }));
    say(switch, 6, "call.arrived", "c3", support);
}

fn figures(api: &Api, query: &str) -> Value {
    api.must_get(&at(&format!("figures?{query}")))
}

/// The counts of a queue: what does not go on by itself.
fn counts(server: &Server) -> Vec<u64> {
    let page = figures(server.api(), "by=queue&id=support&window=24h");
    let of = &page["items"][0]["figures"];
    ["offered", "answered", "abandoned", "handled", "offers", "accepted", "waiting"]
        .map(|name| of[name].as_u64().expect("a count"))
        .to_vec()
}

#[test]
fn figures_are_the_same_after_a_kill_a_stop_and_without_what_was_put_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let data: &Path = folder.path();
    let mut server = Server::start_in(data, &[]);
    let switch = floor(&server);
    three_calls(&switch);
    let before = counts(&server);
    assert_eq!(before[..6], [3, 1, 1, 1, 2, 1], "a wrap-up of 0 s: the third call rings at once");
    server.kill();
    let mut server = Server::start_in(data, &[]);
    assert_eq!(counts(&server)[..4], before[..4], "killed");
    assert!(server.stop().success());
    assert!(data.join("figures").is_dir(), "put away at a clean stop");
    let mut server = Server::start_in(data, &[]);
    assert_eq!(counts(&server)[..4], before[..4], "stopped");
    assert!(server.stop().success());
    for file in std::fs::read_dir(data.join("figures")).expect("the folder") {
        std::fs::write(file.expect("a file").path(), "{ half a fi").expect("written");
    }
    let server = Server::start_in(data, &[]);
    assert_eq!(counts(&server)[..4], before[..4], "folded anew from the journal");
}

#[test]
fn each_sees_the_figures_of_what_is_in_sight() {
    let server = Server::start();
    let switch = floor(&server);
    three_calls(&switch);
    let account = figures(server.api(), "by=account");
    assert_eq!(account["items"][0]["id"], "default");
    assert_eq!(account["items"][0]["figures"]["offered"], 3);
    let team = figures(server.api(), "by=team&window=60m");
    assert_eq!(
        (&team["items"][0]["id"], &team["items"][0]["figures"]["handled"]),
        (&json!("north"), &json!(1))
    );

    let ann = server.client(json!({ "name": "ann", "role": "agent", "user": "usr_ann" }));
    let own = figures(&ann, "by=agent");
    assert_eq!(own["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(own["items"][0]["id"], "usr_ann");
    // Midnight where she is.
    let from = own["items"][0]["from"].as_str().expect("an instant");
    assert_eq!(&from[10..], "T18:15:00.000Z");
    assert_eq!(figures(&ann, "by=queue")["items"], json!([]));
    assert_eq!(ann.get(&at("figures?by=account")).0, 403);
    assert_eq!(ann.get(&at("figures?by=agent&id=usr_bob")).0, 404);
    assert_eq!(ann.get(&at("figures?by=queue&id=support")).0, 404);
    assert_eq!(switch.get(&at("figures")).0, 403);

    let all = figures(server.api(), "by=agent&limit=1");
    assert_eq!((&all["items"][0]["id"], &all["next"]), (&json!("usr_ann"), &json!("usr_ann")));
    let rest = figures(server.api(), "by=agent&limit=1&cursor=usr_ann");
    assert_eq!((&rest["items"][0]["id"], &rest["next"]), (&json!("usr_bob"), &Value::Null));
}

#[test]
fn a_figure_that_is_asked_wrongly_is_refused_and_all_that_is_told_is_defined() {
    let server = Server::start();
    floor(&server);
    let refused = server.get(&at("figures?by=moon&window=1y&threshold_s=604801&colour=red"));
    let fields: Vec<&str> = refused.2["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .filter_map(|error| error["pointer"].as_str().or(error["parameter"].as_str()))
        .collect();
    assert_eq!((refused.0, fields.len()), (422, 4), "{:#}", refused.2);
    assert_eq!(server.get(&at("figures?by=queue&id=nowhere")).0, 404);
    let definitions = server.must_get(&at("figures/definitions"));
    for by in ["account", "queue", "group", "agent", "team"] {
        let of_it = definitions["items"].as_array().expect("items").iter();
        let mut names: Vec<&str> = of_it
            .filter(|item| item["of"].as_array().is_some_and(|of| of.contains(&json!(by))))
            .filter_map(|item| item["name"].as_str())
            .collect();
        names.sort_unstable();
        let page = figures(server.api(), &format!("by={by}"));
        for item in page["items"].as_array().expect("items") {
            let told: Vec<&String> = item["figures"].as_object().expect("figures").keys().collect();
            assert_eq!(told, names, "{by}");
        }
    }
}

#[test]
fn several_thresholds_are_told_at_once_and_offers_are_shared_out() {
    let server = Server::start();
    let switch = floor(&server);
    three_calls(&switch);
    let page = figures(server.api(), "by=queue&id=support&thresholds_ms=600000,15000");
    let levels = &page["items"][0]["service_levels"];
    let told: Vec<(&Value, &Value)> = levels
        .as_array()
        .expect("service levels")
        .iter()
        .map(|level| (&level["threshold_ms"], &level["service_level"]))
        .collect();
    // One answered; the one given up at once is a short abandon.
    assert_eq!(told, [(&json!(600_000), &json!(1.0)), (&json!(15_000), &json!(1.0))]);
    let all = "15000,20000,25000,30000,45000,60000,90000,120000,180000,240000,300000";
    for list in ["figures", "history", "figures/service_level/calls"] {
        for (wrong, code) in [
            ("thresholds_ms=15", "out_of_range"),
            ("thresholds_ms=7000,7000", "conflict"),
            ("thresholds_ms=1500", "out_of_range"),
            ("thresholds_ms=0", "out_of_range"),
            ("thresholds_ms=604801000", "out_of_range"),
            ("thresholds_ms=", "out_of_range"),
            (&format!("thresholds_ms={all}"), "out_of_range"),
            ("threshold_s=0", "out_of_range"),
            ("threshold_s=604801", "out_of_range"),
        ] {
            if list.ends_with("calls") && wrong.starts_with("thresholds") {
                continue;
            }
            let refused = server.get(&at(&format!("{list}?{wrong}")));
            let told = (refused.0, &refused.2["errors"][0]["code"]);
            assert_eq!(told, (422, &json!(code)), "{list}?{wrong}: {:#}", refused.2);
        }
    }
    // Any whole second, live and of the past.
    for by in ["figures?window=today", "history?interval=day"] {
        let page = server.must_get(&at(&format!(
            "{by}&by=queue&id=support&threshold_s=86400&thresholds_ms=1000,604800000"
        )));
        let of = page["items"][0].get("intervals").map_or(&page["items"][0], |days| &days[0]);
        assert_eq!(
            (&page["threshold_s"], &of["figures"]["service_level"]),
            (&json!(86_400), &json!(1.0))
        );
        let levels = of["service_levels"].as_array().expect("service levels").iter();
        let levels: Vec<&Value> = levels.map(|level| &level["threshold_ms"]).collect();
        assert_eq!(levels, [1_000, 604_800_000], "{by}");
        let longest = &of["service_levels"][1];
        assert_eq!(longest["service_level_of_all_that_left"], 0.6667, "{by}: one still waits");
    }
    let past = "history?by=queue&id=support&thresholds_ms=15000&figure=offered,offers_gini";
    let past = server.must_get(&at(past));
    let day = &past["items"][0]["intervals"][0];
    assert_eq!(day["service_levels"][0]["threshold_ms"], 15_000);
    assert_eq!(day["figures"]["offers_gini"], 0.0, "Ann alone is rung");
    let answer = server.get(&at("history?format=csv&figure=offered&thresholds_ms=15000"));
    let file = answer.2.as_str().expect("text").to_owned();
    let heading = file.lines().next().expect("a heading");
    assert!(
        heading.starts_with("id,from,to,complete,offered,service_level_15000_ms,"),
        "{heading}"
    );
    let row = file.lines().find(|row| row.starts_with("support,")).expect("a row");
    assert!(row.contains(",3,1.0,"), "{row}");
    // Without being named it is not worked out.
    let plain = server.must_get(&at("history?by=queue&id=support"));
    assert!(plain["items"][0]["intervals"][0]["figures"].get("offers_gini").is_none());

    let shares = figures(server.api(), "by=agent&queue=support");
    let items = shares["items"].as_array().expect("items");
    assert_eq!((items.len(), &items[0]["id"]), (1, &json!("usr_ann")), "Bob works elsewhere");
    assert_eq!(items[0]["figures"]["offer_share"], 1.0);
    let past = server.must_get(&at("history?by=agent&queue=support&figure=offer_share"));
    assert_eq!(past["items"][0]["intervals"][0]["figures"]["offer_share"], 1.0, "{past:#}");
    let past = server.must_get(&at("history?by=agent&team=north&figure=offer_share"));
    assert_eq!(past["items"][0]["intervals"][0]["figures"]["offer_share"], 1.0, "{past:#}");
    for (query, status) in [
        ("figures?by=queue&queue=support", 422),
        ("figures?by=agent&queue=support&team=north", 422),
        ("figures?by=agent&queue=nowhere", 404),
        ("figures?by=agent&team=nowhere", 404),
        ("history?by=agent&queue=nowhere", 404),
        ("history?by=agent&team=nowhere", 404),
        ("figures/offers_gini/calls?by=queue&id=support", 409),
    ] {
        assert_eq!(server.get(&at(query)).0, status, "{query}");
    }
    let bob = server.client(json!({ "name": "bob", "role": "agent", "user": "usr_bob" }));
    assert_eq!(bob.get(&at("figures?by=agent&queue=support")).0, 404, "not in sight");
    assert_eq!(bob.get(&at("history?by=agent&queue=support")).0, 404, "not in sight");
    let presences = figures(server.api(), "by=queue&id=support");
    assert_eq!(presences["items"][0]["figures"]["agents_available"], 1);
}
