//! RFC 6455 on raw sockets, against the link, the live feed and the desk: what is right is
//! understood however it is cut, what is wrong ends the connection with a code, and nobody else.

#[path = "websocket/raw.rs"]
mod raw;
mod support;

use raw::{BINARY, CLOSE, CONTINUATION, Closed, PING, PONG, Raw, TEXT, bytes, frame, part};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use support::Server;

const BASE: &str = "/v1/accounts/default";
/// Protocol error.
const PROTOCOL: Closed = Closed::Code(1002);
/// What the protocol says to frames that cannot be read.
const BAD_FRAME: Closed = Closed::Code(4400);

/// One of the three doors.
struct Door {
    path: &'static str,
    protocol: &'static str,
    /// A message that is understood there, and a part of its answer.
    says: fn() -> String,
    hears: &'static str,
    /// Longest message, bytes.
    most: usize,
}

const DOORS: [Door; 3] = [
    Door {
        path: "/switches/edge/link",
        protocol: "callboard.switch.v1",
        says: heartbeat,
        hears: "results",
        most: 1024 * 1024,
    },
    Door {
        path: "/live",
        protocol: "callboard.live.v1",
        says: || r#"{ "subscribe": { "queues": "*", "every_ms": 0 } }"#.to_owned(),
        hears: "snapshot",
        most: 64 * 1024,
    },
    Door {
        path: "/agents/usr_ann/desk",
        protocol: "callboard.desk.v1",
        says: || r#"{ "ref": "ré", "status": "ready" }"#.to_owned(),
        hears: "result",
        most: 16 * 1024,
    },
];

fn heartbeat() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let id = NEXT.fetch_add(1, Ordering::Relaxed).to_string();
    json!({ "events": [{ "specversion": "1.0", "id": id, "source": "edge",
        "type": "switch.heartbeat", "data": { "node": "é" } }] })
    .to_string()
}

type Outcome = Result<(), String>;

/// A connection through a door, and what it says.
struct Peer {
    raw: Raw,
    door: &'static Door,
}

impl Peer {
    fn message(&self) -> Vec<u8> {
        (self.door.says)().into_bytes()
    }

    fn answered(&mut self) -> Outcome {
        self.raw.hear(self.door.hears).map(drop)
    }

    fn ends(&mut self, how: &[Closed]) -> Outcome {
        let closed = self.raw.closed();
        if how.contains(&closed) {
            return Ok(());
        }
        Err(format!("ended {closed:?}, not {how:?}"))
    }

    fn pong(&mut self, payload: &[u8]) -> Outcome {
        match self.raw.next(PONG) {
            Some(back) if back == payload => Ok(()),
            other => Err(format!("the pong was {other:?}")),
        }
    }
}

type Case = (&'static str, fn(&mut Peer) -> Outcome);

const RIGHT: &[Case] = &[
    ("a text in one frame", |peer| {
        let message = peer.message();
        peer.raw.send(&frame(TEXT, &message));
        peer.answered()
    }),
    ("a text in three parts", |peer| {
        let message = peer.message();
        peer.raw.send(&part(TEXT, &message[..5]));
        peer.raw.send(&part(CONTINUATION, &message[5..9]));
        peer.raw.send(&frame(CONTINUATION, &message[9..]));
        peer.answered()
    }),
    ("a text of parts that hold one byte each, also within a character", |peer| {
        let message = peer.message();
        let (last, rest) = message.split_last().expect("a message");
        for (i, byte) in rest.iter().enumerate() {
            peer.raw.send(&part(if i == 0 { TEXT } else { CONTINUATION }, &[*byte]));
        }
        peer.raw.send(&frame(CONTINUATION, &[*last]));
        peer.answered()
    }),
    ("an empty part at the end", |peer| {
        let message = peer.message();
        peer.raw.send(&part(TEXT, &message));
        peer.raw.send(&frame(CONTINUATION, &[]));
        peer.answered()
    }),
    ("a frame that comes byte by byte", |peer| {
        let message = frame(TEXT, &peer.message());
        message.iter().for_each(|byte| peer.raw.send(&[*byte]));
        peer.answered()
    }),
    ("a mask of zeros", |peer| {
        let message = peer.message();
        peer.raw.send(&bytes(0x80 | TEXT, Some([0; 4]), &message));
        peer.answered()
    }),
    ("a length in two bytes", |peer| {
        let mut message = peer.message();
        message.resize(300, b' ');
        peer.raw.send(&frame(TEXT, &message));
        peer.answered()
    }),
    ("a message as long as may be", |peer| {
        let mut message = peer.message();
        message.resize(peer.door.most, b' ');
        peer.raw.send(&frame(TEXT, &message));
        peer.answered()
    }),
    ("a ping without a payload", |peer| {
        peer.raw.send(&frame(PING, b""));
        peer.pong(b"")
    }),
    ("a ping as long as may be", |peer| {
        peer.raw.send(&frame(PING, &[7; 125]));
        peer.pong(&[7; 125])
    }),
    ("a ping between the parts of a text", |peer| {
        let message = peer.message();
        peer.raw.send(&part(TEXT, &message[..5]));
        peer.raw.send(&frame(PING, b"now"));
        peer.pong(b"now")?;
        peer.raw.send(&frame(CONTINUATION, &message[5..]));
        peer.answered()
    }),
    ("a pong that nobody asked for", |peer| {
        peer.raw.send(&frame(PONG, b"hello"));
        let message = peer.message();
        peer.raw.send(&frame(TEXT, &message));
        peer.answered()
    }),
    ("two frames in one segment", |peer| {
        let both = [frame(PING, b"one"), frame(TEXT, &peer.message())].concat();
        peer.raw.send(&both);
        peer.pong(b"one")?;
        peer.answered()
    }),
    ("a close with a code is answered with it", |peer| {
        peer.raw.send(&frame(CLOSE, &1000_u16.to_be_bytes()));
        peer.ends(&[Closed::Code(1000)])
    }),
    ("a close with a code of one's own", |peer| {
        peer.raw.send(&frame(CLOSE, &[&4999_u16.to_be_bytes()[..], b"done"].concat()));
        peer.ends(&[Closed::Code(4999)])
    }),
    ("a close without a code", |peer| {
        peer.raw.send(&frame(CLOSE, b""));
        peer.ends(&[Closed::Code(1005), Closed::Code(1000)])
    }),
    ("what follows a close is not heard", |peer| {
        let close = frame(CLOSE, &1001_u16.to_be_bytes());
        peer.raw.send(&[close, frame(PING, b"late")].concat());
        match peer.raw.read() {
            Some(end) if end.opcode == CLOSE => Ok(()),
            // The desk shows its state at once.
            Some(first) if first.opcode == TEXT => peer.ends(&[Closed::Code(1001)]),
            other => Err(format!("{other:?}")),
        }
    }),
];

const WRONG: &[Case] = &[
    ("no mask", |peer| {
        let message = peer.message();
        peer.raw.send(&bytes(0x80 | TEXT, None, &message));
        peer.ends(&[PROTOCOL])
    }),
    ("a reserved bit", |peer| {
        peer.raw.send(&bytes(0xC0 | TEXT, Some([1; 4]), b"{}"));
        peer.ends(&[PROTOCOL])
    }),
    ("the last reserved bit on a ping", |peer| {
        peer.raw.send(&bytes(0x90 | PING, Some([1; 4]), b""));
        peer.ends(&[PROTOCOL])
    }),
    ("an opcode for data that is reserved", |peer| {
        peer.raw.send(&frame(0x3, b""));
        peer.ends(&[PROTOCOL])
    }),
    ("an opcode for control that is reserved", |peer| {
        peer.raw.send(&frame(0xB, b""));
        peer.ends(&[PROTOCOL])
    }),
    ("a ping of 126 bytes", |peer| {
        peer.raw.send(&frame(PING, &[0; 126]));
        peer.ends(&[PROTOCOL])
    }),
    ("a ping in parts", |peer| {
        peer.raw.send(&part(PING, b"half"));
        peer.ends(&[PROTOCOL])
    }),
    ("a continuation of nothing", |peer| {
        peer.raw.send(&frame(CONTINUATION, b"{}"));
        peer.ends(&[PROTOCOL])
    }),
    ("a new text within an unfinished one", |peer| {
        peer.raw.send(&part(TEXT, b"{"));
        peer.raw.send(&frame(TEXT, b"{}"));
        peer.ends(&[PROTOCOL])
    }),
    ("a close of one byte", |peer| {
        peer.raw.send(&frame(CLOSE, &[3]));
        peer.ends(&[PROTOCOL])
    }),
    ("a close with a code that is never sent", |peer| {
        peer.raw.send(&frame(CLOSE, &1005_u16.to_be_bytes()));
        peer.ends(&[PROTOCOL])
    }),
    ("a close with a code below all", |peer| {
        peer.raw.send(&frame(CLOSE, &999_u16.to_be_bytes()));
        peer.ends(&[PROTOCOL])
    }),
    ("a close whose reason is no UTF-8", |peer| {
        peer.raw.send(&frame(CLOSE, &[0x03, 0xE8, 0xFF]));
        peer.ends(&[PROTOCOL, BAD_FRAME])
    }),
    ("a text that is no UTF-8", |peer| {
        peer.raw.send(&frame(TEXT, &[b'"', 0xC3, 0x28, b'"']));
        peer.ends(&[BAD_FRAME])
    }),
    ("a surrogate", |peer| {
        peer.raw.send(&frame(TEXT, &[b'"', 0xED, 0xA0, 0x80, b'"']));
        peer.ends(&[BAD_FRAME])
    }),
    ("a text that ends within a character", |peer| {
        peer.raw.send(&part(TEXT, &[b'"', 0xC3]));
        peer.raw.send(&frame(CONTINUATION, b""));
        peer.ends(&[BAD_FRAME])
    }),
    ("a binary message", |peer| {
        peer.raw.send(&frame(BINARY, b"{}"));
        peer.ends(&[BAD_FRAME])
    }),
    ("what is no JSON", |peer| {
        peer.raw.send(&frame(TEXT, b"{"));
        peer.ends(&[BAD_FRAME])
    }),
    ("a message one byte too long", |peer| {
        let mut message = peer.message();
        message.resize(peer.door.most + 1, b' ');
        peer.raw.send(&frame(TEXT, &message));
        peer.ends(&[BAD_FRAME, Closed::Without])
    }),
    ("parts that are too long together", |peer| {
        let half = vec![b' '; peer.door.most / 2 + 1];
        peer.raw.send(&part(TEXT, &half));
        peer.raw.send(&frame(CONTINUATION, &half));
        peer.ends(&[BAD_FRAME, Closed::Without])
    }),
    ("a length that no memory holds", |peer| {
        let mut head = vec![0x80 | TEXT, 0x80 | 127];
        head.extend((u64::MAX >> 1).to_be_bytes());
        head.extend([1, 2, 3, 4]);
        peer.raw.send(&head);
        peer.ends(&[BAD_FRAME])
    }),
    ("a length with the highest bit", |peer| {
        let mut head = vec![0x80 | TEXT, 0x80 | 127];
        head.extend(u64::MAX.to_be_bytes());
        head.extend([1, 2, 3, 4]);
        peer.raw.send(&head);
        peer.ends(&[BAD_FRAME, PROTOCOL])
    }),
];

fn furnished() -> (Server, SocketAddr, String) {
    let server = Server::start();
    let put = |path: &str, body| server.must("PUT", &format!("{BASE}{path}"), &body);
    put("/switches/edge", json!({ "name": "Edge" }));
    put("/queues/support", json!({ "name": "Support" }));
    put("/users/usr_ann", json!({ "first_name": "Ann", "last_name": "Lee" }));
    let read = |name: &str| std::fs::read_to_string(server.data().join(name)).expect(name);
    let (address, key) = (read("listen.addr"), read("owner.key"));
    let address = address.trim().parse().expect("an address");
    let key = key.trim().to_owned();
    (server, address, key)
}

/// Every case at every door, on connections of their own; all failures are told together.
fn run(cases: &[Case]) {
    let (mut server, address, key) = furnished();
    let mut failed = Vec::new();
    for door in &DOORS {
        let path = format!("{BASE}{}", door.path);
        for (name, case) in cases {
            let raw = Raw::open(address, &path, &key, door.protocol);
            eprintln!("{}: {name}", door.path);
            if let Err(why) = case(&mut Peer { raw, door }) {
                failed.push(format!("{}: {name}: {why}", door.path));
            }
        }
        // After all of them the next one is served as ever.
        let raw = Raw::open(address, &path, &key, door.protocol);
        let mut peer = Peer { raw, door };
        let message = peer.message();
        peer.raw.send(&frame(TEXT, &message));
        peer.answered().expect("a right message after the others");
    }
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
    assert!(server.stop().success(), "{}", server.log());
}

#[test]
fn what_is_right_is_understood_however_it_is_cut() {
    run(RIGHT);
}

#[test]
fn what_is_wrong_ends_the_connection_with_a_code() {
    run(WRONG);
}

#[test]
fn the_handshake_is_answered_or_refused() {
    let (_server, address, key) = furnished();
    for door in &DOORS {
        let path = format!("{BASE}{}", door.path);
        let asked = raw::request(&path, &key, door.protocol, "");
        let (_stream, head) = raw::head(address, &asked);
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        assert_eq!(raw::header(&head, "sec-websocket-accept"), Some(raw::ACCEPT));
        assert_eq!(raw::header(&head, "sec-websocket-protocol"), Some(door.protocol));
        assert_eq!(raw::header(&head, "sec-websocket-extensions"), None);

        let status = |request: String| {
            let (_stream, head) = raw::head(address, &request);
            head.split(' ').nth(1).map(str::to_owned).unwrap_or_default()
        };
        let without = |line: &str| asked.replace(line, "");
        let key_line = format!("sec-websocket-key: {}\r\n", raw::NONCE);
        let wrong = [
            ("no key", without(&key_line)),
            ("no version", without("sec-websocket-version: 13\r\n")),
            ("an old version", asked.replace("version: 13", "version: 8")),
            ("no upgrade", without("upgrade: websocket\r\n")),
            ("another upgrade", asked.replace("upgrade: websocket", "upgrade: h2c")),
        ];
        for (what, request) in wrong {
            assert_eq!(status(request), "426", "{}: {what}", door.path);
        }
        let stranger = raw::request(&path, "cbk_nobody", door.protocol, "");
        assert_eq!(status(stranger), "401", "{}", door.path);
        let posted = asked.replacen("GET", "POST", 1);
        assert_eq!(status(posted), "405", "{}", door.path);
    }
}
