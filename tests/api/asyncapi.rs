//! `/asyncapi.json` against the routes, the names of the wire, and every frame of a floor at work.

use crate::sockets::{Socket, event, floor, open};
use crate::support::Server;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// The two documents, one of which refers to the other.
struct Documents {
    sockets: Value,
    http: Value,
}

fn documents() -> Documents {
    let read = |text: &str| serde_json::from_str(text).expect("JSON");
    let http = callboard::api::openapi_json();
    Documents { sockets: read(include_str!("../../docs/asyncapi.json")), http: read(&http) }
}

impl Documents {
    fn find(&self, reference: &str, home: &'static str) -> (&Value, &'static str) {
        let (file, pointer) = reference.split_once('#').expect("a reference");
        let home = if file == "/openapi.json" { "http" } else { home };
        let document = if home == "http" { &self.http } else { &self.sockets };
        let found = document.pointer(pointer);
        (found.unwrap_or_else(|| panic!("{reference} leads nowhere")), home)
    }

    /// What is wrong with `value` by `schema`, which stands in the document `home`.
    fn wrong(&self, schema: &Value, value: &Value, home: &'static str) -> Option<String> {
        if let Some(reference) = schema["$ref"].as_str() {
            let (schema, home) = self.find(reference, home);
            return self.wrong(schema, value, home);
        }
        for word in ["anyOf", "oneOf"] {
            if let Some(choices) = schema[word].as_array() {
                let fits = |choice: &Value| self.wrong(choice, value, home).is_none();
                return (!choices.iter().any(fits)).then(|| format!("{value} fits none of {word}"));
            }
        }
        let all = schema["allOf"].as_array().into_iter().flatten();
        if let Some(wrong) = all.filter_map(|each| self.wrong(each, value, home)).next() {
            return Some(wrong);
        }
        if schema.get("const").is_some_and(|wanted| wanted != value) {
            return Some(format!("{value} is not {}", schema["const"]));
        }
        if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
            return Some(format!("{value} is none of {}", schema["enum"]));
        }
        let types = match &schema["type"] {
            Value::Array(types) => types.clone(),
            Value::Null => vec![],
            one => vec![one.clone()],
        };
        if !types.is_empty() && !types.iter().any(|kind| is(value, kind.as_str().expect("text"))) {
            return Some(format!("{value} is no {}", schema["type"]));
        }
        let items = value.as_array().into_iter().flatten();
        let mut items = items.filter_map(|item| self.wrong(schema.get("items")?, item, home));
        items.next().or_else(|| self.wrong_field(schema, value, home))
    }

    fn wrong_field(&self, schema: &Value, value: &Value, home: &'static str) -> Option<String> {
        let fields = value.as_object()?;
        for name in schema["required"].as_array().into_iter().flatten() {
            if !fields.contains_key(name.as_str().expect("text")) {
                return Some(format!("{name} is missing in {value}"));
            }
        }
        fields.iter().find_map(|(name, field)| {
            let more = &schema["additionalProperties"];
            let told = match schema["properties"].get(name) {
                Some(schema) => self.wrong(schema, field, home),
                None if *more == json!(false) => Some("is not in the document".to_owned()),
                None if more.is_object() => self.wrong(more, field, home),
                None => None,
            };
            told.map(|why| format!("{name}: {why}"))
        })
    }

    /// The one message of the channel's operation that a frame is.
    fn message(&self, operation: &str, frame: &Value) -> String {
        let messages = self.sockets["operations"][operation]["messages"].as_array();
        let messages = messages.unwrap_or_else(|| panic!("no operation {operation}"));
        let mut fits = Vec::new();
        let mut whys = Vec::new();
        for message in messages {
            let (link, _) = self.find(message["$ref"].as_str().expect("text"), "sockets");
            let (message, _) = self.find(link["$ref"].as_str().expect("text"), "sockets");
            let name = message["name"].as_str().expect("a name").to_owned();
            match self.wrong(&message["payload"], frame, "sockets") {
                None => fits.push(name),
                Some(why) => whys.push(format!("{name}: {why}")),
            }
        }
        assert_eq!(fits.len(), 1, "{operation}: {fits:?} for {frame}: {whys:#?}");
        fits.remove(0)
    }
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        other => panic!("no type {other}"),
    }
}

fn references(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            into.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|field| references(field, into));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, into)),
        _ => {}
    }
}

#[test]
fn the_document_has_the_routes_and_the_words_of_the_code() {
    let all = documents();
    assert_eq!(all.sockets["asyncapi"], "3.0.0");
    assert_eq!(all.sockets["info"]["version"], env!("CARGO_PKG_VERSION"));
    let mut found = Vec::new();
    references(&all.sockets, &mut found);
    assert!(found.len() > 50);
    found.iter().for_each(|reference| _ = all.find(reference, "sockets"));

    let channels = all.sockets["channels"].as_object().expect("channels");
    let told: BTreeSet<&str> =
        channels.values().map(|c| c["address"].as_str().expect("an address")).collect();
    let paths = all.http["paths"].as_object().expect("paths");
    let upgrades = |path: &Value| path["get"]["responses"].get("101").is_some();
    let routes: BTreeSet<&str> =
        paths.iter().filter(|(_, path)| upgrades(path)).map(|(name, _)| &**name).collect();
    assert_eq!(told, routes);

    // The names stand quoted in the source: events in its documentation, commands as its tags.
    let source = include_str!("../../src/domain/switching.rs");
    let kinds = ["call.", "offer.", "agent.", "device.", "command.", "switch.", "customer."];
    let is_name = |part: &&str| {
        let fits = |c: char| c.is_ascii_lowercase() || matches!(c, '.' | '_');
        kinds.iter().any(|kind| part.starts_with(kind)) && part.chars().all(fits)
    };
    let named: BTreeSet<&str> = source.split(['`', '"']).filter(is_name).collect();
    let mut listed = BTreeSet::new();
    for list in ["EventType", "CommandType"] {
        let words = all.sockets["components"]["schemas"][list]["enum"].as_array().expect("words");
        listed.extend(words.iter().map(|word| word.as_str().expect("text")));
    }
    assert_eq!(listed, named);
}

#[test]
fn every_frame_of_a_floor_at_work_is_in_the_document() {
    let all = documents();
    let mut server = Server::start();
    let served = server.must_get("/asyncapi.json");
    assert_eq!(served, all.sockets);
    let (switch, ann) = floor(&server);
    let seen = RefCell::new(BTreeSet::new());
    let note = |operation: &str, frame: &Value| {
        let name = all.message(operation, frame);
        seen.borrow_mut().insert(name);
    };
    let say = |socket: &mut Socket, operation: &str, frame: Value| {
        note(operation, &frame);
        socket.say(&frame);
    };
    let hear = |socket: &mut Socket, operation: &str, is_meant: &dyn Fn(&Value) -> bool| {
        socket.next(operation, |frame| {
            note(operation, frame);
            is_meant(frame)
        })
    };
    let result = |frame: &Value| frame["type"] == "result";
    let ticket = server.must("POST", "/v1/tickets", &json!({}));
    let ticket = json!({ "ticket": ticket["ticket"] });
    let mut live = open(&server.with_key(""), "live", "callboard.live.v1").expect("live");
    say(&mut live, "liveHears", ticket);
    let board = json!({ "subscribe": { "queues": "*", "agents": { "queue": "support" },
        "calls": true, "alerts": true, "every_ms": 0, "figures": [{ "by": "queue", "window": "60m" }] } });
    say(&mut live, "liveHears", board);
    let is_told = |f: &Value| f["items"][0]["figures"]["offered"] == 0;
    hear(&mut live, "liveSays", &|f| f["type"] == "figures" && is_told(f));
    let mut desk = open(&ann, "agents/usr_ann/desk", "callboard.desk.v1").expect("a desk");
    say(&mut desk, "deskHears", json!({ "status": "ready", "ref": "a" }));
    assert_eq!(hear(&mut desk, "deskSays", &result)["status"], 200);
    let mut link = open(&switch, "switches/edge/link", "callboard.switch.v1").expect("a link");
    let mut feed = open(server.api(), "feed?after=0", "callboard.feed.v1").expect("a feed");
    let data = json!({ "queue": "support", "from": "+15551230001", "attributes": { "a": "b" } });
    let arrived = event("1", "call.arrived", data);
    say(&mut link, "linkHears", json!({ "events": [arrived], "done": 0 }));
    let offered = |f: &Value| f["offers"].as_array().is_some_and(|o| !o.is_empty());
    let shown = hear(&mut desk, "deskSays", &offered);
    let (offer, call) = (shown["offers"][0]["offer"].clone(), shown["offers"][0]["call"].clone());
    say(&mut desk, "deskHears", json!({ "accept": offer }));
    assert_eq!(hear(&mut desk, "deskSays", &result)["status"], 200);
    let connects = |f: &Value| {
        f["commands"].as_array().is_some_and(|c| c.iter().any(|c| c["type"] == "call.connect"))
    };
    hear(&mut link, "linkSays", &connects);
    for action in [
        json!({ "refuse": offer }),
        json!({ "hold": call }),
        json!({ "resume": call }),
        json!({ "transfer": { "call": call, "to": { "number": "+1555" }, "kind": "blind" } }),
        json!({ "end": call, "ref": 7 }),
        json!({ "wrap_up_end": { "call": call, "disposition": "done" } }),
        json!({ "opted_in": { "queue": "support", "opted_in": false } }),
        json!({ "read": "msg_1" }),
    ] {
        say(&mut desk, "deskHears", action);
        hear(&mut desk, "deskSays", &result);
    }
    link.say(&json!({ "evnts": [] }));
    hear(&mut link, "linkSays", &|f| f["problem"].is_object());
    hear(&mut live, "liveSays", &|f| f["type"] == "delta" && f["calls"] != json!([]));
    hear(&mut live, "liveSays", &|f| f["type"] == "tick");
    let is_ended = |f: &Value| f["items"].to_string().contains("call_ended");
    hear(&mut feed, "feedSays", &is_ended);
    assert!(server.stop().success());
    for (socket, says) in
        [(&mut link, "linkSays"), (&mut feed, "feedSays"), (&mut live, "liveSays")]
    {
        hear(socket, says, &|f| f["type"] == "going_away");
        assert_eq!(socket.closed(), 1001, "{says}");
    }
    let messages = all.sockets["components"]["messages"].as_object().expect("messages");
    let told: BTreeSet<String> = messages.keys().cloned().collect();
    assert_eq!(*seen.borrow(), told, "each message was heard or said");
}

#[test]
fn what_the_document_shows_as_an_example_is_read() {
    let all = documents();
    let server = Server::start();
    let (switch, ann) = floor(&server);
    let sockets = [
        ("linkHears", &switch, "switches/edge/link", "callboard.switch.v1"),
        ("deskHears", &ann, "agents/usr_ann/desk", "callboard.desk.v1"),
        ("liveHears", server.api(), "live", "callboard.live.v1"),
    ];
    for (operation, api, path, protocol) in sockets {
        let mut socket = open(api, path, protocol).expect("opens");
        let messages = all.sockets["operations"][operation]["messages"].as_array().expect("some");
        for message in messages {
            let (link, _) = all.find(message["$ref"].as_str().expect("text"), "sockets");
            let (message, _) = all.find(link["$ref"].as_str().expect("text"), "sockets");
            let example = &message["examples"][0]["payload"];
            if example.is_null() {
                assert_eq!(message["name"], "ticket", "only a ticket cannot be shown");
                continue;
            }
            assert_eq!(all.message(operation, example), message["name"].as_str().expect("text"));
            socket.say(example);
            let is_answer = |f: &Value| f["type"] != "state" && f["commands"].is_null();
            let answer = socket.next(operation, is_answer);
            // What it names may not be there; that it was read is what counts.
            assert!(answer["problem"].is_null(), "{example}: {answer}");
            assert_ne!(answer["status"], 422, "{example}: {answer}");
        }
    }
}
