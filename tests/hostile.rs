//! Peers that are slow, silent, greedy or many, against the real binary: each runs into a limit that
//! is told, and nobody else notices. Limits are set short, so that nothing here waits for long.

#[path = "websocket/raw.rs"]
#[allow(dead_code, reason = "the other test program uses more of it")]
mod raw;
mod support;

use raw::{CLOSE, Closed, PING, PONG, Raw, TEXT, frame};
use serde_json::{Value, json};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use support::{PATIENCE, Server, until};

const BASE: &str = "/v1/accounts/default";

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("connected");
    stream.set_nodelay(true).expect("set");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    stream
}

/// All that the server says until it closes; a reset ends it too.
fn to_the_end(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    match stream.read_to_end(&mut said) {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            panic!("the server holds on: {:?}", String::from_utf8_lossy(&said))
        }
        _ => String::from_utf8_lossy(&said).into_owned(),
    }
}

/// Sends bytes, one every `each`, until the server closes.
fn trickle(stream: &mut TcpStream, bytes: impl Iterator<Item = u8>, each: Duration) {
    for byte in bytes {
        if stream.write_all(&[byte]).is_err() {
            return;
        }
        stream.set_read_timeout(Some(each)).expect("set");
        let mut one = [0];
        match stream.peek(&mut one) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            // An answer, or the end.
            _ => break,
        }
    }
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
}

fn figure(server: &Server, name: &str) -> f64 {
    // Refused while the socket of the request before has not given its place back.
    let body = until("metrics", || server.get("/metrics").2.as_str().map(str::to_owned));
    let line = body.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|value| value.trim().parse().ok()).unwrap_or(0.0)
}

#[test]
fn a_head_that_does_not_end_is_not_waited_for() {
    let server = Server::start_with(&["--connections-head-ms", "300"]);
    let mut silent = connect(server.addr);
    let mut slow = connect(server.addr);
    let mut idle = connect(server.addr);
    idle.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").expect("sent");
    trickle(
        &mut slow,
        b"GET /livez HTTP/1.1\r\nx: ".iter().copied().chain(std::iter::repeat(b'y')),
        Duration::from_millis(50),
    );
    assert_eq!(to_the_end(&mut slow), "");
    assert_eq!(to_the_end(&mut silent), "");
    assert!(to_the_end(&mut idle).starts_with("HTTP/1.1 200"), "answered, and closed when idle");
    assert_eq!(server.get("/livez").0, 200);
}

#[test]
fn a_body_that_pauses_or_dawdles_is_408() {
    let server = Server::start_with(&["--connections-body-ms", "200"]);
    let head = format!(
        "PUT {BASE}/queues/q HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 100000\r\n\r\n{{ ",
        server.key
    );
    let mut pauses = connect(server.addr);
    pauses.write_all(head.as_bytes()).expect("sent");
    let mut dawdles = connect(server.addr);
    dawdles.write_all(head.as_bytes()).expect("sent");
    // Never a pause of 200 ms, and the whole within two seconds all the same.
    trickle(&mut dawdles, std::iter::repeat(b' '), Duration::from_millis(20));
    for mut stream in [pauses, dawdles] {
        let said = to_the_end(&mut stream);
        assert!(said.starts_with("HTTP/1.1 408") && said.contains("body_too_slow"), "{said}");
    }
}

#[test]
fn a_head_that_is_too_large_is_431() {
    let server = Server::start();
    let ask = |path: &str, headers: &str| {
        let mut stream = connect(server.addr);
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
        // The server may have refused before the end.
        let _ = stream.write_all(request.as_bytes());
        to_the_end(&mut stream)
    };
    let long = format!("x-long: {}\r\n", "y".repeat(17_000));
    let many: String = (0..70).map(|i| format!("x-{i}: y\r\n")).collect();
    for said in
        [ask("/livez", &long), ask("/livez", &many), ask(&format!("/{}", "y".repeat(17_000)), "")]
    {
        assert!(said.starts_with("HTTP/1.1 431"), "{said}");
        assert!(said.contains("head_too_large") && said.contains("connection: close"), "{said}");
    }
    // What is beyond all measure is not read to its end.
    for headers in [format!("x: {}\r\n", "y".repeat(1 << 20)), "x: y\r\n".repeat(1_000)] {
        let said = ask("/livez", &headers);
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 431"), "{said}");
    }
    let fits = format!("x-long: {}\r\nconnection: close\r\n", "y".repeat(15_000));
    assert!(ask("/livez", &fits).starts_with("HTTP/1.1 200"));
}

#[test]
fn a_body_that_is_too_large_is_413_whether_it_says_so_or_not() {
    let server = Server::start();
    let large = vec![b' '; 2 << 20];
    let (status, _, body) = server
        .try_request("PUT", &format!("{BASE}/queues/q"), &[], Some(&large))
        .expect("an answer");
    assert_eq!((status, &body["code"]), (413, &json!("body_too_large")));
    let mut stream = connect(server.addr);
    let head = format!(
        "PUT {BASE}/queues/q HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n",
        server.key
    );
    stream.write_all(head.as_bytes()).expect("sent");
    for _ in 0..32 {
        let _ = stream.write_all(b"10000\r\n");
        let _ = stream.write_all(&large[..0x10000]);
        let _ = stream.write_all(b"\r\n");
    }
    let _ = stream.write_all(b"0\r\n\r\n");
    let said = to_the_end(&mut stream);
    assert!(said.starts_with("HTTP/1.1 413"), "{said}");
}

#[test]
fn who_takes_no_answer_is_gone_after_a_while() {
    let server = Server::start_with(&["--connections-stall-ms", "300"]);
    let mut greedy = connect(server.addr);
    let ask = b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n";
    // More answers than the system's buffers hold, should they hold 16 MiB.
    let mut asked = 0;
    greedy.set_write_timeout(Some(Duration::from_millis(200))).expect("set");
    while asked < 200 && greedy.write_all(ask).is_ok() {
        asked += 1;
    }
    // The one that asks for figures is the last that is left.
    until("the greedy one's end", || {
        (figure(&server, "callboard_connections") <= 1.0).then_some(())
    });
}

#[test]
fn there_is_an_end_to_connections_and_it_is_told() {
    let server = Server::start_with(&["--connections-max", "16"]);
    furnish(&server, 1);
    let door =
        |_| Raw::open(server.addr, &format!("{BASE}/live"), &server.key, "callboard.live.v1");
    // A place is given back when its socket is closed at the server, a moment after the answer.
    until("all places free", || (figure(&server, "callboard_connections") <= 1.0).then_some(()));
    let mut dashboards: Vec<Raw> = (0..15).map(door).collect();
    let last = connect(server.addr);
    let (status, headers, body) = server.get("/livez");
    assert_eq!((status, &body["code"]), (503, &json!("too_many_connections")), "{body}");
    assert_eq!(headers["retry-after"], "1");
    drop(last);
    until("room again", || (server.get("/livez").0 == 200).then_some(()));
    // A WebSocket's place is given back with it.
    let last = connect(server.addr);
    until("no room", || (server.get("/livez").0 == 503).then_some(()));
    dashboards.pop();
    until("room again", || (server.get("/livez").0 == 200).then_some(()));
    drop(last);
    assert!(figure(&server, "callboard_connections_refused_total") >= 2.0);
    // Crowds beyond that are not even told, and leave nothing behind.
    let crowd: Vec<TcpStream> = (0..200).map(|_| connect(server.addr)).collect();
    drop(crowd);
    until("room again", || {
        let answer = server.try_request("GET", "/livez", &[], None);
        answer.is_ok_and(|(status, _, _)| status == 200).then_some(())
    });
}

const DOORS: [(&str, &str, &str); 4] = [
    ("/switches/edge/link", "callboard.switch.v1", r#"{ "done": 0 }"#),
    ("/live", "callboard.live.v1", r#"{ "subscribe": { "queues": "*", "every_ms": 0 } }"#),
    ("/agents/usr_0/desk", "callboard.desk.v1", r#"{ "status": "ready" }"#),
    ("/feed", "callboard.feed.v1", ""),
];

#[test]
fn who_answers_no_pings_is_gone_and_who_does_stays() {
    let server = Server::start_with(&["--connections-ping-ms", "200"]);
    furnish(&server, 1);
    let open = |(path, protocol, says): (&str, &str, &str)| {
        let mut raw = Raw::open(server.addr, &format!("{BASE}{path}"), &server.key, protocol);
        if !says.is_empty() {
            raw.send(&frame(TEXT, says.as_bytes()));
        }
        raw
    };
    let watch = |door: (&'static str, &'static str, &'static str)| {
        // Half-open: it takes everything and answers nothing.
        let mut dead = open(door);
        assert_eq!(dead.closed(), Closed::Code(4408), "{}", door.0);
        // The same with pongs lives through many more pings than would have killed it.
        let mut alive = open(door);
        for _ in 0..8 {
            let ping = until("a ping", || {
                let got = alive.read().unwrap_or_else(|| panic!("{} has ended", door.0));
                assert_ne!(got.opcode, CLOSE, "{} was closed", door.0);
                (got.opcode == PING).then_some(got.payload)
            });
            alive.send(&frame(PONG, &ping));
        }
    };
    std::thread::scope(|scope| {
        let watched: Vec<_> = DOORS.iter().map(|door| scope.spawn(move || watch(*door))).collect();
        watched.into_iter().for_each(|one| one.join().expect("as it should"));
    });
}

fn furnish(server: &Server, agents: usize) {
    let must = |path: &str, body: Value| {
        server.must("PUT", &format!("{BASE}{path}"), &body);
    };
    must("/switches/edge", json!({ "name": "Edge" }));
    must("/queues/support", json!({ "name": "Support" }));
    for i in 0..agents {
        let user = json!({ "first_name": "Ann", "last_name": format!("Lee {i}"), "role": "agent",
                           "endpoint": format!("sip:{i}@127.0.0.1") });
        must(&format!("/users/usr_{i}"), user);
        must(&format!("/queues/support/members/usr_{i}"), json!({}));
    }
}

/// The memory of a process in use, KiB.
fn resident_kib(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line");
    line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
}

const SUBSCRIBE: &str =
    r#"{ "subscribe": { "queues": "*", "agents": "*", "calls": true, "every_ms": 0 } }"#;

#[test]
fn a_thousand_dashboards_that_never_read_cost_no_memory_and_nobody_else_time() {
    let crowd = callboard::api::server::room_for(1_000);
    assert!(crowd >= 200, "this machine lets a process open {crowd} files");
    let server = Server::start();
    furnish(&server, 200);
    let door = || Raw::open(server.addr, &format!("{BASE}/live"), &server.key, "callboard.live.v1");
    let mut reader = door();
    reader.send(&frame(TEXT, SUBSCRIBE.as_bytes()));
    reader.hear("snapshot").expect("the board");
    let mut slowest = Duration::ZERO;
    let mut change = |reader: &mut Raw, number: u32| {
        let began = Instant::now();
        let name = format!("Support {number}");
        server.must("PUT", &format!("{BASE}/queues/support"), &json!({ "name": name }));
        let user = format!("usr_{}", number % 200);
        let body = json!({ "status": if number < 100 { "ready" } else { "offline" } });
        server.must("PUT", &format!("{BASE}/agents/{user}/status"), &body);
        reader.hear(&user).expect("the change");
        slowest = slowest.max(began.elapsed());
    };
    let before = resident_kib(server.id());
    let mut never: Vec<Raw> = (0..crowd).map(|_| door()).collect();
    let opened = resident_kib(server.id());
    for number in 0..200 {
        // Whoever never reads can still ask for the whole board again and again.
        if number % 10 == 0 {
            never.iter_mut().for_each(|raw| raw.send(&frame(TEXT, SUBSCRIBE.as_bytes())));
        }
        change(&mut reader, number);
    }
    let after = resident_kib(server.id());
    let frames = figure(&server, "callboard_live_frames_total");
    println!(
        "{crowd} dashboards: {before} KiB before, {opened} KiB open, {after} KiB stuck; {frames} \
         frames; the slowest change took {slowest:?}"
    );
    assert_eq!(figure(&server, "callboard_live_connections"), (crowd + 1) as f64, "all are there");
    assert!(frames < crowd as f64 * 200.0, "they are stuck, or this shows nothing");
    let each_kib = after.saturating_sub(before) / crowd as u64;
    assert!(each_kib < 64, "{before} KiB before, {after} KiB with {crowd} that never read");
}

#[test]
fn a_key_that_asks_too_often_is_told_to_wait_and_switches_never_are() {
    let server = Server::start_with(&["--requests-per-second", "1"]);
    let path = |tail: &str| format!("{BASE}/{tail}");
    server.api().must("PUT", &path("switches/edge"), &json!({ "name": "Edge" }));
    let order = json!({ "name": "edge", "role": "switch", "switch": "edge" });
    let key = server.api().must("POST", &path("keys"), &order)["secret"].clone();
    let switch = server.with_key(key.as_str().expect("a key"));
    let mut asked = (0..30).map(|_| server.get(&path("switches/edge")));
    let (_, headers, problem) = asked.find(|(status, ..)| *status != 200).expect("told");
    assert_eq!((&problem["status"], &problem["code"]), (&json!(429), &json!("rate_limited")));
    let wait = headers.get("retry-after").expect("a header").parse::<u32>().expect("seconds");
    assert!((1..=10).contains(&wait), "{wait}");
    for n in 0..30 {
        let beat = json!({ "specversion": "1.0", "id": n.to_string(), "source": "edge",
            "type": "switch.heartbeat" });
        switch.must("POST", &path("events"), &beat);
    }
    assert!(figure(&server, "callboard_rate_limited_total") >= 1.0);
    // Waiting helps.
    until("the key's turn", || (server.get(&path("switches/edge")).0 == 200).then_some(()));
}
