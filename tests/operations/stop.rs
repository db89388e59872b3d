//! SIGTERM against the real program.

use crate::support::{Api, PATIENCE, Server, until};
use crate::{BASE, arrival, furnish, knows};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

/// What a stop may take at most, by the handbook, for a floor of this size.
const BOUND: Duration = Duration::from_secs(10);

fn open(api: &Api, path: &str, protocol: &str) -> WebSocket<TcpStream> {
    let mut request =
        format!("ws://{}{BASE}/{path}", api.addr).into_client_request().expect("a request");
    let headers = request.headers_mut();
    headers.insert("authorization", format!("Bearer {}", api.key).parse().expect("a header"));
    headers.insert("sec-websocket-protocol", protocol.parse().expect("a header"));
    let stream = TcpStream::connect(api.addr).expect("connects");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    client(request, stream).expect("opens").0
}

/// What a socket is told at its end: the retry hint, and the close code.
fn farewell(socket: &mut WebSocket<TcpStream>) -> (Option<u64>, u16) {
    let mut retry = None;
    loop {
        match socket.read().expect("a frame before the end") {
            Message::Text(text) => {
                let frame: Value = serde_json::from_str(&text).expect("JSON");
                if frame["type"] == "going_away" {
                    retry = frame["retry_after_ms"].as_u64();
                }
            }
            Message::Close(close) => return (retry, close.expect("a code").code.into()),
            _ => {}
        }
    }
}

#[test]
fn everybody_is_sent_away_with_a_hint_and_the_stop_is_bounded() {
    let mut server = Server::start();
    furnish(&server, &["usr_ann"]);
    server.must("POST", &format!("{BASE}/events"), &arrival("kept"));
    let mut sockets = [
        ("switches/edge/link", "callboard.switch.v1"),
        ("agents/usr_ann/desk", "callboard.desk.v1"),
        ("live", "callboard.live.v1"),
        ("feed?after=0", "callboard.feed.v1"),
    ]
    .map(|(path, protocol)| (path, open(&server, path, protocol)));
    let subscribe = r#"{ "subscribe": { "queues": "*" } }"#;
    sockets[2].1.send(Message::text(subscribe)).expect("sent");
    // A request whose body never comes, and one that waits for commands.
    let mut stuck = TcpStream::connect(server.addr).expect("connects");
    let head =
        "POST /v1/accounts/default/events HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n{";
    stuck.write_all(head.as_bytes()).expect("sent");
    let poller = server.api().clone();
    let poll = thread::spawn(move || {
        poller.try_request(
            "GET",
            &format!("{BASE}/switches/edge/commands?after=1000000&wait_ms=25000"),
            &[],
            None,
        )
    });
    thread::sleep(Duration::from_millis(300));
    let began = Instant::now();
    let status = server.stop();
    assert!(status.success(), "{status}: {}", server.log());
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    for (path, socket) in &mut sockets {
        let (retry, code) = farewell(socket);
        assert_eq!(code, 1001, "{path}");
        assert!(retry.is_some_and(|ms| (100..=5_000).contains(&ms)), "{path}: {retry:?}");
    }
    let polled = poll.join().expect("the poll's thread").expect("the poll is answered");
    assert!(matches!(polled.0, 200 | 503), "{polled:?}");
    assert!(!server.data().join("listen.addr").exists());
    let log = server.log();
    assert!(log.contains("stopping") && log.contains("stopped"), "{log}");
    // The connection of the request that never came is gone too.
    stuck.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut rest = Vec::new();
    let _ = stuck.read_to_end(&mut rest);
    let again = Server::start_in(server.data(), &[]);
    assert!(knows(&again, "kept"));
}

#[test]
fn requests_under_way_are_answered_whole_and_nothing_acknowledged_is_lost() {
    let mut server = Server::start();
    furnish(&server, &["usr_ann"]);
    let stopping = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let (api, stopping) = (server.api().clone(), Arc::clone(&stopping));
            thread::spawn(move || write(&api, writer, &stopping))
        })
        .collect();
    let ready = {
        let api = server.api().clone();
        thread::spawn(move || readiness(&api))
    };
    thread::sleep(Duration::from_millis(500));
    stopping.store(true, Ordering::SeqCst);
    let began = Instant::now();
    assert!(server.stop().success(), "{}", server.log());
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    let seen = ready.join().expect("the probe");
    let last_ready = seen.iter().rposition(|status| *status == 200).expect("it was ready");
    let first_not = seen.iter().position(|status| *status != 200).expect("it stopped");
    assert!(last_ready < first_not, "ready again after the stop had begun: {seen:?}");
    let taken: Vec<String> =
        writers.into_iter().flat_map(|w| w.join().expect("a writer")).collect();
    assert!(taken.len() > 4, "{taken:?}");
    let again = Server::start_in(server.data(), &[]);
    for call in &taken {
        assert!(knows(&again, call), "{call} was acknowledged");
    }
}

/// Posts calls until the server is gone; those that were acknowledged. What comes is a whole answer, or
/// no connection.
fn write(api: &Api, writer: u64, stopping: &AtomicBool) -> Vec<String> {
    let mut taken = Vec::new();
    for number in 0.. {
        let call = format!("w{writer}-{number}");
        let body = arrival(&call).to_string();
        let path = format!("{BASE}/events");
        match api.try_request("POST", &path, &[], Some(body.as_bytes())) {
            Ok((202, _, answer)) => {
                assert_eq!(answer["results"][0]["status"], "accepted", "{answer}");
                taken.push(call);
            }
            Ok((503, headers, answer)) => {
                assert!(stopping.load(Ordering::SeqCst), "{answer}");
                assert_eq!(answer["code"], "stopping", "{answer}");
                assert!(headers.contains_key("retry-after"), "{headers:?}");
            }
            Ok(other) => panic!("{other:?}"),
            Err(error) => {
                assert!(stopping.load(Ordering::SeqCst), "{error}");
                break;
            }
        }
    }
    taken
}

/// What `/readyz` answers until nobody does (0).
fn readiness(api: &Api) -> Vec<u16> {
    let mut seen = Vec::new();
    until("the port's end", || match api.try_request("GET", "/readyz", &[], None) {
        Ok((status, ..)) => {
            seen.push(status);
            None
        }
        Err(_) => Some(()),
    });
    seen.push(0);
    seen
}
