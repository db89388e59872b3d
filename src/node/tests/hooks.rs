//! Hooks and scheduled reports over a clock that the test moves: told once, again after a refusal with
//! the same id, and not again after a crash.

use super::*;
use crate::config::MailTls;
use crate::mail::{Sender, Settings};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Mutex;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;

/// What a hook was sent: the delivery's id, its signature, and the body.
type Said = (String, String, Value);

/// A server of somebody who is told; it refuses as many as it is asked to.
#[derive(Clone)]
struct Ear {
    url: String,
    heard: Arc<Mutex<Vec<Said>>>,
    refusals: Arc<AtomicU64>,
}

impl Ear {
    fn open() -> Ear {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/told", listener.local_addr().expect("an address"));
        let ear = Ear { url, heard: Arc::default(), refusals: Arc::default() };
        let of_thread = ear.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let ear = of_thread.clone();
                std::thread::spawn(move || ear.serve(&stream));
            }
        });
        ear
    }

    fn serve(&self, stream: &std::net::TcpStream) {
        let mut lines = BufReader::new(stream);
        loop {
            let (mut id, mut signature, mut length) = (String::new(), String::new(), 0);
            loop {
                let mut line = String::new();
                if lines.read_line(&mut line).unwrap_or(0) == 0 {
                    return;
                }
                let (name, value) = line.trim().split_once(": ").unwrap_or_default();
                match name.to_ascii_lowercase().as_str() {
                    "webhook-id" => id = value.to_owned(),
                    "webhook-signature" => signature = value.to_owned(),
                    "content-length" => length = value.parse().unwrap_or(0),
                    _ => {}
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            lines.read_exact(&mut body).expect("a body");
            let body = serde_json::from_slice(&body).expect("JSON");
            self.heard.lock().expect("a lock").push((id, signature, body));
            let left = self.refusals.load(Ordering::SeqCst);
            self.refusals.store(left.saturating_sub(1), Ordering::SeqCst);
            let status = if left > 0 { "500 Not now" } else { "200 OK" };
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            if (&*stream).write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }

    fn heard(&self) -> Vec<Said> {
        self.heard.lock().expect("a lock").clone()
    }

    /// Waits until so many were heard.
    async fn wait(&self, count: usize) -> Vec<Said> {
        settle("deliveries", || self.heard().len() >= count).await;
        self.heard()
    }
}

async fn settle(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("waited too long for {what}");
}

/// Within 20 s, which is the default, but not within 6.
async fn answered_after_seven_seconds(world: &World) {
    let (_, commands) = world.post(vec![arrives("c1")], None).await.expect("taken");
    world.clock.advance(7_000);
    let offer = rung(&commands)[0];
    let answer = event("c1-answered", "c1", Happening::OfferAnswered { offer });
    let (results, _) = world.post(vec![answer], None).await.expect("taken");
    assert_eq!(results[0].status, ResultStatus::Accepted);
}

#[tokio::test]
async fn an_interval_is_told_once_and_again_until_it_is_taken() {
    let ear = Ear::open();
    let mut world = World::with_agent().await;
    let hook = json!({ "name": "Planning", "interval": "5m", "events": ["interval.closed"],
        "threshold_s": 6, "webhook": { "url": ear.url, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8G" } });
    world.put(Kind::Hook, "", "planning", hook).await;
    answered_after_seven_seconds(&world).await;
    world.clock.advance(5 * MINUTE_MS + 1_999 - 7_000);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(ear.heard().len(), 0, "not before it is over, and counted");
    world.clock.advance(1);
    let heard = ear.wait(1).await;
    let (id, signature, body) = &heard[0];
    assert!(signature.starts_with("v1,"), "{signature}");
    assert_eq!((&body["type"], &body["id"]), (&json!("interval.closed"), &json!(id)));
    let data = &body["data"];
    assert_eq!((&data["interval"], &data["by"]), (&json!("5m"), &json!("queue")));
    let edges = (START.rfc3339(), START.plus(5 * MINUTE_MS).rfc3339());
    assert_eq!((&data["from"], &data["to"]), (&json!(edges.0), &json!(edges.1)));
    assert_eq!(
        (&data["items"][0]["id"], &data["items"][0]["figures"]["offered"]),
        (&json!("support"), &json!(1))
    );
    assert_eq!(
        (&data["threshold_s"], &data["items"][0]["figures"]["service_level"]),
        (&json!(6), &json!(0.0)),
        "answered, but later"
    );

    ear.refusals.store(2, Ordering::SeqCst);
    world.clock.advance(5 * MINUTE_MS);
    ear.wait(2).await;
    for (count, wait) in [(3, 1_000), (4, 2_000)] {
        // The task sleeps when it has noted the failure.
        tokio::time::sleep(Duration::from_millis(50)).await;
        world.clock.advance(wait);
        ear.wait(count).await;
    }
    let ids: Vec<String> = ear.heard().iter().map(|(id, ..)| id.clone()).collect();
    assert!(ids[1] == ids[2] && ids[2] == ids[3] && ids[0] != ids[1], "{ids:?}");

    // The engine has noted what was taken.
    tokio::time::sleep(Duration::from_millis(100)).await;
    world = world.restart().await;
    world.clock.advance(5 * MINUTE_MS);
    let heard = ear.wait(5).await;
    assert_eq!(heard[4].2["data"]["from"], json!(START.plus(10 * MINUTE_MS).rfc3339()), "{ids:?}");
    tokio::time::sleep(Duration::from_millis(50)).await;
    // The node before is still in this process: what it tells, too, has the same id.
    let all = ear.heard().into_iter().map(|(id, ..)| id);
    let all: std::collections::BTreeSet<String> = all.collect();
    assert_eq!(all.len(), 3, "what was taken is not told again: {all:?}");
}

#[tokio::test]
async fn a_report_is_put_once_and_made_up_for_after_an_outage() {
    let mut world = World::with_agent().await;
    let daily = json!({ "name": "Daily", "folder": "daily", "at": "07:00", "threshold_s": 6,
        "figures": ["offered", "service_level"] });
    world.put(Kind::Report, "", "r", daily).await;
    answered_after_seven_seconds(&world).await;
    let file = |world: &World, day: u32| {
        world.data.path().join(format!("reports/daily/default-r-2026-11-{day}.csv"))
    };
    // The story begins on the 21st at 20:00 UTC.
    world.clock.advance(11 * HOUR_MS - 1 - 7_000);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!file(&world, 21).exists(), "not before its time");
    world.clock.advance(1);
    let first = file(&world, 21);
    settle("the report", || first.exists()).await;
    let text = std::fs::read_to_string(&first).expect("the report");
    let lines: Vec<&str> = text.split_terminator("\r\n").collect();
    assert_eq!(lines[0], "id,from,to,complete,offered,service_level");
    assert!(lines[1].starts_with("support,2026-11-21T00:00:00.000Z,"), "{text}");
    assert!(lines[1].ends_with(",1,0") || lines[1].ends_with(",1,0.0"), "{text}");
    tokio::time::sleep(Duration::from_millis(100)).await;
    std::fs::remove_file(&first).expect("removed");

    let clock = world.clock.clone();
    let starting = world.restart();
    clock.advance(3 * 24 * HOUR_MS);
    world = starting.await;
    for day in [22, 23, 24] {
        let missed = file(&world, day);
        settle("a report that is made up for", || missed.exists()).await;
    }
    assert!(!first.exists(), "what was sent is not sent again");
}

#[tokio::test]
async fn who_is_mailed_a_report_gets_the_file() {
    let (port, mails) = post_office();
    let settings = Settings {
        server: &format!("127.0.0.1:{port}"),
        tls: MailTls::None,
        user: "",
        password: None,
        from: "Board <board@acme.test>",
        page: "https://calls.acme.test",
        ca: None,
    };
    let sender = Sender::new(settings).expect("a sender");
    let data = tempfile::tempdir().expect("a folder");
    let clock = Clock::manual(START);
    let journal = Memory::new("e");
    let control = journal.control();
    let options = Options { mail: Some(Arc::new(sender)), ..Options::new(data.path()) };
    let of_node = clock.clone();
    let node = Node::start(&options, Box::new(journal), None, |_| of_node).expect("started");
    let world = World { handle: node.handle(), node, clock, control, data };
    world.furnish(json!({ "name": "Edge" })).await;
    let ann = json!({ "first_name": "Ann", "last_name": "Lee", "email": "ann@acme.test" });
    world.put(Kind::User, "", "usr_ann", ann).await;
    let report = json!({ "name": "Calls by day", "users": ["usr_ann"], "at": "00:00",
        "format": "xlsx" });
    world.put(Kind::Report, "", "calls", report).await;
    world.clock.advance(4 * HOUR_MS);
    settle("a mail", || !mails.lock().expect("a lock").is_empty()).await;
    let mail = mails.lock().expect("a lock")[0].clone();
    for part in ["ann@acme.test", "Calls by day, 2026-11-21", "default-calls-2026-11-21.xlsx"] {
        assert!(mail.contains(part), "{part}: {mail}");
    }
    world.clock.advance(20 * HOUR_MS);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(mails.lock().expect("a lock").len(), 1, "once a day");
}

/// A mail server that takes all it is given.
fn post_office() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let mails: Arc<Mutex<Vec<String>>> = Arc::default();
    let taken = Arc::clone(&mails);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let taken = Arc::clone(&taken);
            std::thread::spawn(move || receive(&stream, &taken));
        }
    });
    (port, mails)
}

fn receive(stream: &std::net::TcpStream, taken: &Mutex<Vec<String>>) {
    let say = |line: &str| (&*stream).write_all(format!("{line}\r\n").as_bytes()).expect("said");
    say("220 post");
    let (mut is_data, mut mail) = (false, String::new());
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        match (is_data, line.as_str()) {
            (true, ".") => {
                is_data = false;
                taken.lock().expect("a lock").push(std::mem::take(&mut mail));
                say("250 taken");
            }
            (true, line) => mail.extend([line, "\n"]),
            (false, "DATA") => {
                is_data = true;
                say("354 go on");
            }
            (false, "QUIT") => return say("221 bye"),
            (false, line) => {
                if line.starts_with("RCPT") {
                    mail.extend([line, "\n"]);
                }
                say("250 right");
            }
        }
    }
}
