//! The WebSockets of switches, desks and the feed, over real sockets.

use crate::support::{Api, PATIENCE, Server};
use serde_json::{Value, json};
use std::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket, client};

const BASE: &str = "/v1/accounts/default";

pub struct Socket(WebSocket<TcpStream>);

/// Opens a socket of the account default, or the status of the refusal.
pub fn open(api: &Api, path: &str, protocol: &str) -> Result<Socket, u16> {
    open_at(api, &format!("{BASE}/{path}"), protocol)
}

/// Opens a socket, or the status of the refusal.
pub fn open_at(api: &Api, path: &str, protocol: &str) -> Result<Socket, u16> {
    let mut request = format!("ws://{}{path}", api.addr).into_client_request().expect("a request");
    let headers = request.headers_mut();
    if !api.key.is_empty() {
        headers.insert("authorization", format!("Bearer {}", api.key).parse().expect("a header"));
    }
    headers.insert("sec-websocket-protocol", protocol.parse().expect("a header"));
    let stream = TcpStream::connect(api.addr).expect("connects");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    match client(request, stream) {
        Ok((socket, response)) => {
            assert_eq!(response.headers()["sec-websocket-protocol"], protocol);
            Ok(Socket(socket))
        }
        Err(tokio_tungstenite::tungstenite::HandshakeError::Failure(Error::Http(response))) => {
            Err(response.status().as_u16())
        }
        Err(other) => panic!("{path}: {other}"),
    }
}

impl Socket {
    pub fn say(&mut self, frame: &Value) {
        self.0.send(Message::text(frame.to_string())).expect("sent");
    }

    /// The next frame for which `is_meant`.
    pub fn next(&mut self, what: &str, is_meant: impl Fn(&Value) -> bool) -> Value {
        loop {
            match self.0.read() {
                Ok(Message::Text(text)) => {
                    let frame: Value = serde_json::from_str(&text).expect("JSON");
                    if is_meant(&frame) {
                        return frame;
                    }
                }
                Ok(Message::Close(close)) => panic!("closed while waiting for {what}: {close:?}"),
                Ok(_) => {}
                Err(error) => panic!("waiting for {what}: {error}"),
            }
        }
    }

    /// The code of the close that comes.
    pub fn closed(&mut self) -> u16 {
        loop {
            match self.0.read() {
                Ok(Message::Close(close)) => {
                    return close.map_or(CloseCode::Status, |c| c.code).into();
                }
                Ok(_) => {}
                Err(error) => panic!("no close but {error}"),
            }
        }
    }
}

fn key(server: &Server, body: Value) -> (String, Api) {
    let key = server.must("POST", &format!("{BASE}/keys"), &body);
    let id = key["id"].as_str().expect("an id").to_owned();
    (id, server.with_key(key["secret"].as_str().expect("a secret")))
}

pub fn floor(server: &Server) -> (Api, Api) {
    let put = |path: &str, body: Value| server.must("PUT", &format!("{BASE}/{path}"), &body);
    put("switches/edge", json!({ "name": "Edge" }));
    put("queues/support", json!({ "name": "Support" }));
    put("users/usr_ann", json!({ "first_name": "Ann", "last_name": "Lee" }));
    put("queues/support/members/usr_ann", json!({}));
    let (_, switch) = key(server, json!({ "name": "edge", "role": "switch", "switch": "edge" }));
    let (_, ann) = key(server, json!({ "name": "ann", "role": "agent", "user": "usr_ann" }));
    (switch, ann)
}

pub fn event(id: &str, kind: &str, data: Value) -> Value {
    json!({ "specversion": "1.0", "id": id, "source": "edge", "type": kind, "subject": "c1",
            "data": data })
}

#[test]
fn a_call_over_the_link_rings_at_the_desk_and_is_accepted_there() {
    let server = Server::start();
    let (switch, ann) = floor(&server);
    let mut desk = open(&ann, "agents/usr_ann/desk", "callboard.desk.v1").expect("a desk");
    let first = desk.next("a first state", |f| f["type"] == "state");
    assert_eq!(first["agent"]["status"], "offline", "{first:#}");
    desk.say(&json!({ "status": "ready", "ref": 1 }));
    let result = desk.next("a result", |f| f["type"] == "result");
    assert_eq!((&result["ref"], &result["status"]), (&json!(1), &json!(200)), "{result:#}");
    let mut link = open(&switch, "switches/edge/link", "callboard.switch.v1").expect("a link");
    link.say(&json!({ "events": [event("1", "call.arrived", json!({ "queue": "support" }))] }));
    let results = link.next("results", |f| f["results"].is_array());
    assert_eq!(results["results"][0]["status"], "accepted", "{results:#}");
    let shown = desk.next("an offer", |f| f["offers"].as_array().is_some_and(|o| !o.is_empty()));
    let offer = shown["offers"][0]["id"].as_str().or(shown["offers"][0]["offer"].as_str());
    desk.say(&json!({ "accept": offer.expect("an offer's id") }));
    let result = desk.next("a result", |f| f["type"] == "result");
    assert_eq!(result["status"], 200, "{result:#}");
    let is_connect = |f: &Value| {
        f["commands"].as_array().is_some_and(|c| c.iter().any(|c| c["type"] == "call.connect"))
    };
    let told = link.next("the order to connect", is_connect);
    let seq = told["commands"][0]["seq"].as_u64().expect("a seq");
    link.say(&json!({ "done": seq }));
    desk.say(&json!({ "accept": "off_x", "ref": "b" }));
    let result = desk.next("a refusal", |f| f["type"] == "result");
    assert_eq!((&result["status"], &result["ref"]), (&json!(422), &json!("b")), "{result:#}");
    assert_eq!(result["error"]["errors"][0]["pointer"], "/accept");
}

#[test]
fn bad_frames_close_and_wrong_ones_are_told() {
    let server = Server::start();
    let (switch, ann) = floor(&server);
    let mut link = open(&switch, "switches/edge/link", "callboard.switch.v1").expect("a link");
    link.say(&json!({ "evnts": [] }));
    let told = link.next("a problem", |f| f["problem"].is_object());
    assert_eq!(
        (&told["problem"]["code"], &told["problem"]["status"]),
        (&json!("invalid"), &json!(422))
    );
    link.say(&json!({ "events": [7] }));
    let told = link.next("results", |f| f["results"].is_array());
    assert_eq!(told["results"][0]["status"], "rejected", "{told:#}");
    link.0.send(Message::text("{")).expect("sent");
    assert_eq!(link.closed(), 4400);
    let mut desk = open(&ann, "agents/usr_ann/desk", "callboard.desk.v1").expect("a desk");
    desk.0.send(Message::binary(vec![1, 2, 3])).expect("sent");
    assert_eq!(desk.closed(), 4400);
    let mut feed = open(&server, "feed", "callboard.feed.v1").expect("a feed");
    feed.say(&json!({ "hello": 1 }));
    assert_eq!(feed.closed(), 4400);
}

#[test]
fn the_feed_goes_on_from_where_it_is_asked_without_a_gap() {
    let server = Server::start();
    floor(&server);
    let mut feed = open(&server, "feed?after=0", "callboard.feed.v1").expect("a feed");
    let mut last = 0;
    let mut read_up_to = |feed: &mut Socket, wanted: &str| loop {
        let frame = feed.next(wanted, |f| f["items"].is_array());
        for record in frame["items"].as_array().into_iter().flatten() {
            let seq = record["seq"].as_u64().expect("a seq");
            assert_eq!(seq, last + 1, "{record:#}");
            last = seq;
        }
        if frame.to_string().contains(wanted) {
            return last;
        }
    };
    read_up_to(&mut feed, "usr_ann");
    server.must("PUT", &format!("{BASE}/skills/late"), &json!({ "name": "Late" }));
    let last = read_up_to(&mut feed, "Late");
    let page = server.must_get(&format!("{BASE}/feed?after={}", last - 1));
    assert!(page.to_string().contains("Late"), "{page:#}");
    assert_eq!(server.get(&format!("{BASE}/feed?after=999999")).0, 422);
}

#[test]
fn who_may_not_is_refused_before_the_upgrade() {
    let server = Server::start();
    let (switch, ann) = floor(&server);
    let status = |api: &Api, path: &str| open(api, path, "p").map(|_| 101).unwrap_or_else(|s| s);
    assert_eq!(status(&switch, "switches/other/link"), 404);
    assert_eq!(status(&ann, "switches/edge/link"), 403);
    assert_eq!(status(&switch, "agents/usr_ann/desk"), 403);
    assert_eq!(status(&ann, "agents/usr_bob/desk"), 404);
    assert_eq!(status(&ann, "feed"), 403);
    assert_eq!(status(&switch, "live"), 403);
    assert_eq!(status(&server.with_key("cbk_x"), "live"), 401);
    for path in ["switches/edge/link", "agents/usr_ann/desk", "live"] {
        let (status, _, body) = server.get(&format!("{BASE}/{path}"));
        assert_eq!((status, &body["code"]), (426, &json!("upgrade_required")), "{path}");
    }
}

#[test]
fn a_revoked_key_and_a_stop_close_what_is_open() {
    let mut server = Server::start();
    floor(&server);
    let (id, switch) = key(&server, json!({ "name": "two", "role": "switch", "switch": "edge" }));
    let mut link = open(&switch, "switches/edge/link", "callboard.switch.v1").expect("a link");
    assert_eq!(server.delete(&format!("{BASE}/keys/{id}")).0, 204);
    assert_eq!(link.closed(), 4401);
    let mut feed = open(&server, "feed", "callboard.feed.v1").expect("a feed");
    assert!(server.stop().success());
    feed.next("word of the stop", |f| f["type"] == "going_away" && f["retry_after_ms"].is_u64());
    assert_eq!(feed.closed(), 1001);
}

#[test]
fn many_frames_under_way_are_answered_in_their_order() {
    let server = Server::start();
    let (switch, _) = floor(&server);
    let mut link = open(&switch, "switches/edge/link", "callboard.switch.v1").expect("a link");
    let ids: Vec<String> = (0..1_000).map(|n| format!("e{n}")).collect();
    for id in &ids {
        let mut heart = event(id, "switch.heartbeat", json!({}));
        heart["subject"].take();
        link.say(&json!({ "events": [heart] }));
    }
    for id in &ids {
        let frame = link.next(id, |f| f["results"].is_array());
        assert_eq!(frame["results"][0]["id"], *id, "{frame:#}");
        assert_eq!(frame["results"][0]["status"], "accepted", "{frame:#}");
    }
}

#[test]
fn a_ticket_opens_the_live_board_once() {
    let server = Server::start();
    let nobody = server.with_key("");
    let ticket = server.must("POST", "/v1/tickets", &json!({}))["ticket"].clone();
    let connect = || open(&nobody, "live", "callboard.live.v1").expect("opens without a key");
    let mut board = connect();
    board.say(&json!({ "ticket": ticket }));
    board.say(&json!({ "subscribe": { "queues": "*" } }));
    board.next("a snapshot", |frame| frame["type"] == "snapshot");
    for first in
        [json!({ "ticket": ticket }), json!({ "ticket": "tkt_no" }), json!({ "subscribe": {} })]
    {
        let mut again = connect();
        again.say(&first);
        assert_eq!(again.closed(), 4401, "{first}");
    }
}

/// A full inbox still takes what ends calls: it must not take a call's end before its arrival, which
/// waits for room. (Such an end was parked ahead of the arrival, dropped after 2 s, and the call
/// stayed for good.)
#[test]
fn a_link_is_heard_in_order_also_when_the_inbox_is_full() {
    const CALLS: u64 = 600;
    let server = Server::start_with(&["--inbox-capacity", "64"]);
    server.must("PUT", &format!("{BASE}/switches/edge"), &json!({ "name": "Edge" }));
    server.must("PUT", &format!("{BASE}/queues/support"), &json!({ "name": "Support" }));
    let mut link = open(&server, "switches/edge/link", "callboard.switch.v1").expect("a link");
    let event = |call: u64, sequence: u64, kind: &str, data: Value| {
        json!({ "events": [{ "specversion": "1.0", "id": format!("{call}-{sequence}"),
            "source": "edge", "type": kind, "subject": format!("c{call}"),
            "sequence": format!("{sequence:020}"), "data": data }] })
    };
    // Written beside the reading: a server that is not read stops reading.
    let writes = link.0.get_ref().try_clone().expect("cloned");
    let mut writing = WebSocket::from_raw_socket(
        writes,
        tokio_tungstenite::tungstenite::protocol::Role::Client,
        None,
    );
    let writer = std::thread::spawn(move || {
        for call in 1..=CALLS {
            let arrived = event(call, 1, "call.arrived", json!({ "queue": "support" }));
            let gone = event(call, 2, "call.abandoned", json!({}));
            for frame in [arrived, gone] {
                writing.write(Message::text(frame.to_string())).expect("written");
            }
        }
        writing.flush().expect("sent");
    });
    for n in 0..2 * CALLS {
        let frame = link.next("results", |frame| frame["results"].is_array());
        assert_eq!(frame["results"][0]["status"], "accepted", "frame {n}: {frame}");
        // An end that is heard before its call has none to name.
        assert!(frame["results"][0]["call_id"].is_string(), "frame {n}: {frame}");
    }
    writer.join().expect("all was said");
    let live = server.must_get(&format!("{BASE}/calls?limit=5"));
    assert_eq!(live["items"], json!([]), "every call that was given up is gone");
}
