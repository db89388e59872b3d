//! Hooks from outside: alerts are told in their order, each until it was taken, also over a kill.

use crate::support::{Server, until};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

fn at(path: &str) -> String {
    format!("/v1/accounts/default/{path}")
}

/// Somebody who is told, and takes it or does not.
#[derive(Clone)]
struct Ear {
    url: String,
    taken: Arc<Mutex<Vec<(String, Value)>>>,
    refused: Arc<Mutex<Vec<String>>>,
    takes: Arc<AtomicBool>,
}

impl Ear {
    fn open() -> Ear {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/told", listener.local_addr().expect("an address"));
        let takes = Arc::new(AtomicBool::new(true));
        let ear = Ear { url, taken: Arc::default(), refused: Arc::default(), takes };
        let of_thread = ear.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let ear = of_thread.clone();
                std::thread::spawn(move || while ear.answer(&stream).is_some() {});
            }
        });
        ear
    }

    fn answer(&self, mut stream: &TcpStream) -> Option<()> {
        let mut lines = BufReader::new(stream);
        let (mut id, mut signed, mut length) = (String::new(), false, 0);
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let (name, value) = line.trim().split_once(": ").unwrap_or_default();
            match name.to_ascii_lowercase().as_str() {
                "webhook-id" => id = value.to_owned(),
                "webhook-signature" => signed = value.starts_with("v1,"),
                "content-length" => length = value.parse().ok()?,
                _ => {}
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        lines.read_exact(&mut body).ok()?;
        let takes = self.takes.load(Ordering::SeqCst) && signed;
        if takes {
            let body = serde_json::from_slice(&body).ok()?;
            self.taken.lock().expect("a lock").push((id, body));
        } else {
            self.refused.lock().expect("a lock").push(id);
        }
        let status = if takes { "204 No Content" } else { "503 Later" };
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).ok()
    }

    fn kinds(&self) -> Vec<String> {
        let taken = self.taken.lock().expect("a lock");
        taken.iter().map(|(_, body)| body["type"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

fn say(server: &Server, id: u32, kind: &str, call: &str) {
    let event = json!({ "specversion": "1.0", "id": id.to_string(), "source": "edge", "type": kind,
        "subject": call, "data": { "queue": "support" } });
    server.must("POST", &at("events"), &event);
}

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";

#[test]
fn alerts_are_told_in_order_and_a_kill_loses_none() {
    let ear = Ear::open();
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::start_in(folder.path(), &[]);
    server.must("PUT", &at("switches/edge"), &json!({ "name": "Edge" }));
    server.must("PUT", &at("queues/support"), &json!({ "name": "Support" }));
    let hook = json!({ "name": "Chat", "webhook": { "url": ear.url, "secret": SECRET },
        "events": ["alert.raised", "alert.acknowledged", "alert.resolved"] });
    let put = server.must("PUT", &at("hooks/chat"), &hook);
    assert_eq!(
        put["webhook"],
        json!({ "url": ear.url, "has_authorization": false, "has_secret": true })
    );
    let rule = json!({ "name": "Waiting", "figure": "waiting", "act": 1 });
    server.must("PUT", &at("alert_rules/waiting"), &rule);
    say(&server, 1, "call.arrived", "c1");
    until("the first", || (ear.kinds() == ["alert.raised"]).then_some(()));
    let raised = ear.taken.lock().expect("a lock")[0].1.clone();
    assert_eq!(
        (&raised["account"], &raised["data"]["subject"]["id"]),
        (&json!("default"), &json!("support"))
    );
    assert_eq!(raised["data"]["severity"], "act");

    ear.takes.store(false, Ordering::SeqCst);
    let alert = raised["data"]["id"].as_str().expect("an id");
    server.must("POST", &at(&format!("alerts/{alert}/acknowledge")), &json!({}));
    say(&server, 2, "call.abandoned", "c1");
    until("a refusal", || (!ear.refused.lock().expect("a lock").is_empty()).then_some(()));
    let waiting = || server.must_get(&at("hooks/chat"))["waiting"] == 2;
    until("both wait", || waiting().then_some(()));
    server.kill();
    ear.takes.store(true, Ordering::SeqCst);
    let server = Server::start_in(folder.path(), &[]);
    let all = ["alert.raised", "alert.acknowledged", "alert.resolved"];
    until("the others", || (ear.kinds() == all).then_some(()));
    let taken = ear.taken.lock().expect("a lock").clone();
    let refused = ear.refused.lock().expect("a lock").clone();
    assert_eq!(refused[0], taken[1].0, "the same id each time");
    assert_eq!(taken[1].1["data"]["acknowledged_by"], "owner");
    assert_eq!(taken[2].1["data"]["cause"], "cleared");
    until("none waits", || (server.must_get(&at("hooks/chat"))["waiting"] == 0).then_some(()));
}

#[test]
fn hooks_and_reports_are_objects_of_the_account() {
    let server = Server::start();
    let wrong = server.put(&at("hooks/x"), &json!({ "name": "X", "events": ["moon.rises"] }));
    assert_eq!(wrong.0, 422, "{:#}", wrong.2);
    let pointers: Vec<&str> = wrong.2["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .filter_map(|error| error["pointer"].as_str())
        .collect();
    assert_eq!(pointers, ["/webhook", "/events"]);
    let hook = json!({ "name": "X", "webhook": { "url": "https://x.test/", "secret": SECRET },
        "enabled": false });
    server.must("PUT", &at("hooks/x"), &hook);
    let shown = server.must("PATCH", &at("hooks/x"), &json!({ "interval": "60m" }));
    assert_eq!(
        (&shown["interval"], &shown["webhook"]["has_secret"]),
        (&json!("60m"), &json!(true))
    );
    let document = server.must_get(&at("configuration?format=json"));
    assert_eq!(document["hooks"]["x"]["webhook"], json!({ "url": "https://x.test/" }), "no secret");
    let feed = server.must_get(&at("feed?after=0&limit=1000")).to_string();
    assert!(feed.contains("hook_put") && !feed.contains(&SECRET[6..]), "nor in the feed");

    let wrong =
        server.put(&at("reports/r"), &json!({ "name": "R", "at": "25:00", "users": ["usr_no"] }));
    assert_eq!(wrong.0, 422, "{:#}", wrong.2);
    let nobody = server.put(&at("reports/r"), &json!({ "name": "R" }));
    assert_eq!((nobody.0, &nobody.2["errors"][0]["pointer"]), (422, &json!("/users")));
    let unknown = server.put(&at("reports/r"), &json!({ "name": "R", "users": ["usr_no"] }));
    assert_eq!((unknown.0, &unknown.2["errors"][0]["pointer"]), (422, &json!("/users/0")));
    let outside = server.put(&at("reports/r"), &json!({ "name": "R", "folder": "../etc" }));
    assert_eq!(outside.0, 422, "only below the folder of the configuration");
    let report = server.must("PUT", &at("reports/r"), &json!({ "name": "R", "folder": "daily" }));
    assert!(report["sent_until"].is_string(), "{report:#}");
    assert_eq!((&report["every"], &report["format"]), (&json!("day"), &json!("csv")));
    assert_eq!(report["threshold_s"], 20);
    for path in ["hooks/x", "reports/r"] {
        let (status, _, problem) = server.patch(&at(path), &json!({ "threshold_s": 604_801 }));
        assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/threshold_s")));
        assert_eq!(server.patch(&at(path), &json!({ "threshold_s": 7 })).2["threshold_s"], 7);
    }
    let audit = server.must_get(&at("audit")).to_string();
    assert!(audit.contains("hook.put") && audit.contains("report.put"), "{audit}");
    assert!(!audit.contains(&SECRET[6..]));
    assert_eq!(server.delete(&at("hooks/x")).0, 204);
    assert_eq!(server.delete(&at("reports/r")).0, 204);
    assert_eq!(server.get(&at("hooks/x")).0, 404);
}
