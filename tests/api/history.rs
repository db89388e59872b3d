//! The history by request: the same after every kind of end, to each only what is theirs, as of a
//! record, as files, and what is behind a figure.

use crate::figures::{at, floor, say, three_calls};
use crate::support::{Api, Server};
use serde_json::{Map, Value, json};
use std::path::Path;

fn history(api: &Api, query: &str) -> Value {
    api.must_get(&at(&format!("history?{query}")))
}

/// Today's figures of the first item.
fn first(page: &Value, name: &str) -> Value {
    page["items"][0]["intervals"][0]["figures"][name].clone()
}

/// What stays as it is: counts by everything, and the calls that are over.
fn told(server: &Server) -> Value {
    let counts =
        "offered,answered,abandoned,short_abandoned,offers,accepted,hung_up,asa_ms,handled";
    let mut all = json!({});
    for by in ["account", "queue", "team", "media", "number", "skill"] {
        let figures = if by == "team" { "offers,accepted,hung_up,handled" } else { counts };
        let figures = if by == "account" { "offered,answered,abandoned,handled" } else { figures };
        let page = history(server.api(), &format!("by={by}&figure={figures}&interval=month"));
        all[by] = page["items"].clone();
    }
    let calls = server.must_get(&at("history/calls?outcome=answered"));
    all["answered"] = calls["items"].clone();
    all["abandoned"] = server.must_get(&at("history/calls?outcome=abandoned"))["items"].clone();
    all
}

#[test]
fn history_is_the_same_after_a_kill_a_stop_and_without_its_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let data: &Path = folder.path();
    let mut server = Server::start_in(data, &[]);
    let switch = floor(&server);
    three_calls(&switch);
    let before = told(&server);
    assert_eq!(before["queue"][0]["id"], "support", "{before:#}");
    assert_eq!(before["queue"][0]["intervals"][0]["figures"]["offered"], 3);
    assert_eq!(before["account"][0]["intervals"][0]["figures"]["offered"], 3);
    assert_eq!(before["media"][0]["id"], "voice");
    assert_eq!(before["team"][0]["intervals"][0]["figures"]["handled"], 1);
    let calls = before["answered"].as_array().expect("calls");
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0]["agents"][0]["agent"], "usr_ann");
    assert_eq!(calls[0]["offers"][0]["outcome"], "accepted");
    server.kill();
    let mut server = Server::start_in(data, &[]);
    assert_eq!(told(&server), before, "killed");
    assert!(server.stop().success());
    let mut server = Server::start_in(data, &[]);
    assert_eq!(told(&server), before, "stopped");
    assert!(server.stop().success());
    for file in ["history.db", "history.db-wal", "history.db-shm"] {
        let _ = std::fs::remove_file(data.join(file));
    }
    let mut server = Server::start_in(data, &[]);
    assert_eq!(told(&server), before, "written anew from the journal");
    assert!(server.stop().success());
    std::fs::write(
        data.join("history.db"),
        "no database at all, and long enough to be one".repeat(99),
    )
    .expect("written");
    let server = Server::start_in(data, &[]);
    assert_eq!(told(&server), before, "damaged, and begun anew");
    assert!(server.log().contains("the history is damaged"), "{}", server.log());
}

#[test]
fn each_sees_the_history_of_what_is_in_sight() {
    let server = Server::start();
    let switch = floor(&server);
    three_calls(&switch);
    let ann = server.client(json!({ "name": "ann", "role": "agent", "user": "usr_ann" }));
    let own = history(&ann, "by=agent&interval=day");
    assert_eq!(own["items"].as_array().map(Vec::len), Some(1), "{own:#}");
    assert_eq!((&own["items"][0]["id"], first(&own, "handled")), (&json!("usr_ann"), json!(1)));
    // Midnight where she is.
    let named = history(&ann, "by=agent&id=usr_ann");
    assert_eq!(named["zone"], "Asia/Kathmandu");
    let from = named["items"][0]["intervals"][0]["from"].as_str().expect("an instant");
    assert_eq!(&from[10..], "T18:15:00.000Z");
    assert_eq!(history(&ann, "by=queue")["items"], json!([]));
    for by in ["account", "media", "number", "skill", "disposition"] {
        assert_eq!(ann.get(&at(&format!("history?by={by}"))).0, 403, "{by}");
    }
    assert_eq!(ann.get(&at("history?by=agent&id=usr_bob")).0, 404);
    assert_eq!(ann.get(&at("agents/usr_bob/timeline")).0, 404);
    assert_eq!(switch.get(&at("history")).0, 403);
    // She had the first, and the third rings.
    let calls = ann.must_get(&at("history/calls"));
    assert_eq!(calls["items"].as_array().map(Vec::len), Some(2), "{calls:#}");
    let bob = server.client(json!({ "name": "bob", "role": "agent", "user": "usr_bob" }));
    assert_eq!(bob.must_get(&at("history/calls"))["items"], json!([]));

    let spans = ann.must_get(&at("agents/usr_ann/timeline"));
    let spans = spans["items"].as_array().expect("spans");
    assert!(!spans.is_empty());
    for pair in spans.windows(2) {
        assert_eq!(pair[0]["to"], pair[1]["from"], "without gaps: {spans:#?}");
    }
    assert!(spans.iter().all(|span| span["status"] == "ready"));
    let page = ann.must_get(&at("agents/usr_ann/timeline?limit=1"));
    let next = page["next"].as_str().expect("more");
    let rest = ann.must_get(&at(&format!("agents/usr_ann/timeline?limit=1&cursor={next}")));
    assert_eq!((&page["items"][0], &rest["items"][0]), (&spans[0], &spans[1]));
}

#[test]
fn an_answer_is_given_again_as_of_its_record_or_not_at_all() {
    let server = Server::start();
    let switch = floor(&server);
    three_calls(&switch);
    let query = "by=queue&interval=5m&from=2026-01-01&to=2026-01-01T01:00:00Z&figure=offered";
    let past = history(server.api(), query);
    let query = "by=queue&id=support&interval=day&figure=offered,answered,abandoned";
    let page = history(server.api(), query);
    assert_eq!(first(&page, "offered"), 3);
    assert_eq!(page["items"][0]["intervals"][0]["complete"], false, "the day goes on");
    let again = history(server.api(), &format!("{query}&as_of={}", page["seq"]));
    assert_eq!((&again["items"], &again["as_of"]), (&page["items"], &page["as_of"]));
    say(&switch, 7, "call.arrived", "c4", json!({ "queue": "support" }));
    assert_eq!(first(&history(server.api(), query), "offered"), 4);
    let late = server.get(&at(&format!("history?{query}&as_of={}", page["seq"])));
    assert_eq!((late.0, &late.2["code"]), (409, &json!("restated")), "{}", late.2);
    let past_again = format!(
        "by=queue&interval=5m&from=2026-01-01&to=2026-01-01T01:00:00Z&figure=offered&as_of={}",
        past["seq"]
    );
    assert_eq!(history(server.api(), &past_again)["items"], past["items"], "that has not changed");
    assert_eq!(server.get(&at("history?as_of=999999")).0, 409, "nothing is known of it");
}

#[test]
fn what_is_behind_a_figure_comes_to_it() {
    let server = Server::start();
    let switch = floor(&server);
    three_calls(&switch);
    let ask = |query: &str| server.must_get(&at(query));
    let live = ask("figures?by=queue&id=support&window=24h");
    for name in
        ["offered", "answered", "abandoned", "short_abandoned", "asa_ms", "service_level", "offers"]
    {
        let behind = ask(&format!("figures/{name}/calls?by=queue&id=support&window=24h"));
        assert_eq!(behind["value"], live["items"][0]["figures"][name], "{name}: {behind:#}");
        let items = behind["items"].as_array().expect("items").len();
        assert_eq!(json!(items), behind["count"], "{name}");
    }
    let offered = ask("figures/offered/calls?by=queue&id=support&window=today&limit=2");
    assert_eq!(
        (&offered["count"], &offered["items"][0]["adds"]["offered"]),
        (&json!(3), &json!(1))
    );
    let next = offered["next"].as_str().expect("more");
    let rest = ask(&format!(
        "figures/offered/calls?by=queue&id=support&window=today&limit=2&cursor={next}"
    ));
    assert_eq!((rest["items"].as_array().map(Vec::len), &rest["next"]), (Some(1), &Value::Null));
    let call = rest["items"][0]["call"].as_str().expect("a call");
    assert_eq!(ask(&format!("calls/{call}"))["id"], call);
    let team = ask("figures/handled/calls?by=team&id=north&window=60m");
    assert_eq!((&team["value"], &team["items"][0]["agent"]), (&json!(1), &json!("usr_ann")));
    assert_eq!(server.get(&at("figures/nothing/calls?by=account")).0, 404);
    let waiting = server.get(&at("figures/waiting/calls?by=account"));
    assert_eq!((waiting.0, &waiting.2["code"]), (409, &json!("nothing_behind")));
    assert_eq!(server.get(&at("figures/offered/calls")).0, 422, "of whom?");
}

#[test]
fn lists_are_files_when_that_is_asked_for() {
    let server = Server::start();
    let switch = floor(&server);
    three_calls(&switch);
    let answer = server.get(&at("history?by=queue&figure=offered,abandoned&format=csv"));
    assert_eq!((answer.0, &*answer.1["content-type"]), (200, "text/csv"));
    assert_eq!(answer.1["content-disposition"], "attachment; filename=\"history-queue.csv\"");
    let text = answer.2.as_str().expect("text");
    let lines: Vec<&str> = text.split_terminator("\r\n").collect();
    assert_eq!(lines[0], "id,from,to,complete,offered,abandoned");
    assert!(lines[1].starts_with("support,") && lines[1].ends_with(",false,3,1"), "{text}");
    assert_eq!(lines.len(), 2);
    let accept = [("accept", "text/csv, application/json")];
    let calls = server.request("GET", &at("history/calls"), &accept, None);
    let text = calls.2.as_str().expect("text");
    assert_eq!(text.split_terminator("\r\n").count(), 4, "{text}");
    assert!(text.contains(",abandoned,") && text.contains("usr_ann"));
    for path in ["history?by=agent&format=xlsx", "agents/usr_ann/timeline?format=xlsx"] {
        let (status, headers, body) = server.get(&at(path));
        assert_eq!(status, 200, "{path}");
        assert!(headers["content-type"].ends_with("spreadsheetml.sheet"), "{path}");
        assert!(body.as_str().is_some_and(|text| text.starts_with("PK")), "{path}");
    }
    assert_eq!(server.get(&at("history/calls?format=pdf")).0, 422);
}

#[test]
fn what_is_asked_wrongly_is_told_field_by_field() {
    let server = Server::start();
    floor(&server);
    let wrong = "history?by=moon&interval=1y&from=now&zone=Mars/Olympus&figure=waiting&threshold_s=0&colour=red&as_of=x";
    let (status, _, body) = server.get(&at(wrong));
    let fields = body["errors"].as_array().expect("errors").len();
    assert_eq!((status, fields), (422, 8), "{body:#}");
    assert_eq!(
        server.get(&at("history?interval=5m&from=2020-01-01&to=2026-01-01")).0,
        422,
        "too many"
    );
    assert_eq!(server.get(&at("history?from=2026-01-02&to=2026-01-01")).0, 422);
    assert_eq!(server.get(&at("history?by=queue&id=nowhere")).0, 404);
    assert_eq!(server.get(&at("history/calls?outcome=lost")).0, 422);
    assert_eq!(server.get(&at("history/calls?cursor=x")).0, 422);
    assert_eq!(server.get(&at("agents/usr_nobody/timeline")).0, 404);
}

/// A calendar that is open always, and one that never is.
#[test]
fn adherence_is_told_of_whom_something_is_planned_for() {
    let server = Server::start();
    let switch = floor(&server);
    let all_day: Map<String, Value> = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        .into_iter()
        .map(|day| (day.to_owned(), json!(["00:00-24:00"])))
        .collect();
    server.must("PUT", &at("calendars/always"), &json!({ "name": "Always", "hours": all_day }));
    for user in ["usr_ann", "usr_bob"] {
        server.must("PATCH", &at(&format!("users/{user}")), &json!({ "schedule": "always" }));
    }
    three_calls(&switch);
    let day = |api: &Api, query: &str| {
        let page = api.must_get(&at(&format!("history/adherence?{query}")));
        let items = page["items"].as_array().expect("items").clone();
        items.into_iter().map(|item| (item["id"].clone(), item)).collect::<Vec<_>>()
    };
    let told = day(server.api(), "zone=UTC");
    let ids: Vec<&Value> = told.iter().map(|(id, _)| id).collect();
    assert_eq!(ids, ["usr_ann", "usr_bob"]);
    let (ann, bob) = (&told[0].1, &told[1].1);
    assert!(ann["adherent_ms"].as_i64() > Some(0) && ann["scheduled_ms"].as_i64() > Some(0));
    assert_eq!((&bob["adherent_ms"], &bob["adherence"]), (&json!(0), &json!(0.0)), "never there");
    // Live, and as a figure of the history, it is of the time since there is a schedule.
    let now = |user: &str| {
        let page = server.must_get(&at(&format!("figures?by=agent&id={user}")));
        let of = &page["items"][0]["figures"];
        (of["agents_out_of_adherence"].clone(), of["adherence"].clone())
    };
    assert_eq!((now("usr_ann"), now("usr_bob")), ((json!(0), json!(1.0)), (json!(1), json!(0.0))));
    let of_all = server.must_get(&at("figures?by=account"));
    assert_eq!(of_all["items"][0]["figures"]["agents_out_of_adherence"], 1);
    let past = |query: &str| {
        let page = history(server.api(), query);
        page["items"][0]["intervals"][0]["figures"].clone()
    };
    assert_eq!(past("by=agent&id=usr_ann&figure=adherence"), json!({ "adherence": 1.0 }));
    let of_team = past("by=team&id=north&figure=adherence,offers_gini");
    assert_eq!(of_team, json!({ "offers_gini": 0.0, "adherence": 1.0 }), "Ann alone");
    assert_eq!(server.get(&at("figures/adherence/calls?by=agent&id=usr_ann")).0, 409);
    // Edited, it counts anew: nothing but a break is planned now, and Bob keeps to it.
    let edit = json!({ "name": "Always", "hours": all_day, "breaks": all_day });
    server.must("PUT", &at("calendars/always"), &edit);
    assert_eq!(day(server.api(), "zone=UTC&agent=usr_bob")[0].1["adherence"], 1.0);
    let edited = (now("usr_ann"), now("usr_bob"));
    assert_eq!((&edited.0.0, &edited.1.0), (&json!(1), &json!(0)), "as it is now");
    assert!(edited.0.1.as_f64() > Some(0.0), "what was stays: {edited:?}");
    assert_eq!(day(server.api(), "team=north").len(), 1, "Ann");
    let own = server.client(json!({ "name": "ann", "role": "agent", "user": "usr_ann" }));
    assert_eq!(day(&own, "zone=UTC").len(), 1);
    assert_eq!(own.get(&at("history/adherence?agent=usr_bob")).0, 404);
    assert_eq!(server.get(&at("history/adherence?team=nowhere")).0, 404);
    assert_eq!(server.get(&at("history/adherence?from=2020-01-01")).0, 422);
    let file = server.get(&at("history/adherence?format=csv"));
    let text = file.2.as_str().expect("text");
    assert!(
        text.starts_with("id,from,to,scheduled_ms,adherent_ms,adherence\r\nusr_ann,"),
        "{text}"
    );
}
