//! The whole node over real sockets, as a process of its own: an event sent over the link until its
//! command is received; single durable events from 32 connections; batches. Beside each stands the
//! machine's own floor in the same run: `fdatasync` of 4 KiB in place, and a bare axum JSON handler.
//!
//! `cargo bench --bench pipeline [-- --quick]`. Client and server share the cores. Prints medians
//! and ratios; asserts nothing. With `-- --only link`, `singles` or `batches` that part runs alone,
//! for some ten seconds: something to hold a profiler to.

#[path = "../tests/support/mod.rs"]
mod support;

use callboard::sim::load::floor::{self, Bare, Http};
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::Server;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

const BLOCKS: usize = 7;
const AGENTS: usize = 20;

struct Sizes {
    round_trips: usize,
    seconds: f64,
    batches: usize,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let (blocks, sizes) = match args.first().map(String::as_str) {
        // A test run of all targets starts benches too: one short block says that they work.
        Some("--test") => (1, Sizes { round_trips: 20, seconds: 0.2, batches: 2 }),
        Some("--quick") => (3, Sizes { round_trips: 300, seconds: 1.0, batches: 20 }),
        _ => (BLOCKS, Sizes { round_trips: 1_000, seconds: 3.0, batches: 60 }),
    };
    // The owner's key posts all the events here.
    let server = Server::start_with(&["--requests-per-second", "0"]);
    let address: SocketAddr = std::fs::read_to_string(server.data().join("listen.addr"))
        .expect("the address")
        .trim()
        .parse()
        .expect("an address");
    let key = std::fs::read_to_string(server.data().join("owner.key")).expect("a key");
    let key = key.trim().to_owned();
    furnish(&server);
    let bare = Bare::start().expect("a server");
    let mut found = Found::default();
    let mut calls = Calls::default();
    // The first calls pay for tables that grow; they are not counted.
    round_trips(&mut open_link(address, &key), &mut calls, 50);
    if let Some(at) = args.iter().position(|arg| arg == "--only") {
        let (part, singles_path) = (args.get(at + 1), "/v1/accounts/default/events");
        match part.map(String::as_str) {
            Some("link") => drop(round_trips(&mut open_link(address, &key), &mut calls, 20_000)),
            Some("singles") => println!("{:.0}/s", singles(address, singles_path, &key, 10.0)),
            Some("batches") => println!("{:.0}/s", batches(address, &key, 600)),
            _ => panic!("--only takes link, singles or batches"),
        }
        return;
    }
    for _ in 0..blocks {
        // A link of its own: nobody answers its pings during the other measurements.
        let mut link = open_link(address, &key);
        found.syncs.push(median(&mut floor::syncs(server.data(), 200).expect("synced")));
        let mut times = round_trips(&mut link, &mut calls, sizes.round_trips);
        found.link_p99.push(quantile(&mut times, 0.99));
        found.link.push(median(&mut times));
        drop(link);
        let per_second = |target, path: &str| singles(target, path, &key, sizes.seconds);
        found.bare.push(per_second(bare.address, "/"));
        found.singles.push(per_second(address, "/v1/accounts/default/events"));
        found.batches.push(batches(address, &key, sizes.batches));
    }
    found.print(blocks);
}

/// A switch, a queue, and agents who answer nothing: each call is abandoned again.
fn furnish(server: &Server) {
    let put = |path: &str, body: Value| {
        server.api().must("PUT", &format!("/v1/accounts/default{path}"), &body);
    };
    put("/switches/edge", json!({ "name": "Edge" }));
    put("/queues/support", json!({ "name": "Support" }));
    put("/queues/empty", json!({ "name": "Nobody here" }));
    for n in 0..AGENTS {
        let user = format!("usr_{n}");
        put(
            &format!("/users/{user}"),
            json!({ "first_name": "A", "last_name": "B", "endpoint": format!("sip:{n}@phones") }),
        );
        put(&format!("/queues/support/members/{user}"), json!({}));
        put(&format!("/agents/{user}/status"), json!({ "status": "ready" }));
    }
}

#[derive(Default)]
struct Calls(u64);

fn event(id: u64, kind: &str, subject: &str, data: &Value) -> Value {
    json!({ "specversion": "1.0", "id": id.to_string(), "source": "edge", "type": kind,
        "subject": subject, "data": data })
}

fn open_link(address: SocketAddr, key: &str) -> WebSocket<TcpStream> {
    let stream = TcpStream::connect(address).expect("connected");
    stream.set_nodelay(true).expect("set");
    let url = format!("ws://{address}/v1/accounts/default/switches/edge/link");
    let mut request = url.into_client_request().expect("a request");
    let headers = request.headers_mut();
    headers.insert("authorization", format!("Bearer {key}").parse().expect("a header"));
    headers.insert("sec-websocket-protocol", "callboard.switch.v1".parse().expect("a header"));
    client(request, stream).expect("a link").0
}

/// Event sent → `offer.ring` received.
fn round_trips(link: &mut WebSocket<TcpStream>, calls: &mut Calls, count: usize) -> Vec<Duration> {
    let say = |link: &mut WebSocket<TcpStream>, body: Value| {
        link.send(Message::text(body.to_string())).expect("sent");
    };
    let hear = |link: &mut WebSocket<TcpStream>, what: &str| {
        loop {
            if let Message::Text(text) = link.read().expect("read")
                && text.contains(what)
            {
                return serde_json::from_str::<Value>(&text).expect("JSON");
            }
        }
    };
    (0..count)
        .map(|_| {
            calls.0 += 1;
            let subject = format!("trip-{}", calls.0);
            let arrival =
                event(calls.0 * 2, "call.arrived", &subject, &json!({ "queue": "support" }));
            let began = Instant::now();
            say(link, json!({ "events": [arrival] }));
            let told = hear(link, "offer.ring");
            let took = began.elapsed();
            let last = told["commands"].as_array().and_then(|all| all.last()).expect("commands");
            let done = last["seq"].clone();
            let gone = event(calls.0 * 2 + 1, "call.abandoned", &subject, &json!({}));
            say(link, json!({ "done": done }));
            say(link, json!({ "events": [gone] }));
            let told = hear(link, "offer.cancel");
            say(link, json!({ "done": told["commands"][0]["seq"] }));
            took
        })
        .collect()
}

/// Durable single events a second, from connections with one event in flight each.
fn singles(address: SocketAddr, path: &str, key: &str, seconds: f64) -> f64 {
    static RUN: AtomicU64 = AtomicU64::new(0);
    let run = RUN.fetch_add(1, Ordering::Relaxed);
    let body = move |number: u64| {
        // A call is there, and is gone.
        let subject = format!("one-{run}-{}", number / 2);
        let (kind, data) = match number.is_multiple_of(2) {
            true => ("call.arrived", json!({ "queue": "empty" })),
            false => ("call.abandoned", json!({})),
        };
        event((1 << 40) + (run << 32) + number, kind, &subject, &data).to_string()
    };
    floor::posts(address, path, key, Duration::from_secs_f64(seconds), body).expect("posted")
}

/// Records a second in batches of 1,000 events, from two connections.
fn batches(address: SocketAddr, key: &str, count: usize) -> f64 {
    static NEXT: AtomicU64 = AtomicU64::new(1 << 50);
    let began = Instant::now();
    let clients: Vec<_> = (0..2)
        .map(|_| {
            let key = key.to_owned();
            std::thread::spawn(move || {
                let mut http = Http::open(&address.into()).expect("connected");
                for _ in 0..count / 2 {
                    let pair = |_| {
                        let id = NEXT.fetch_add(2, Ordering::Relaxed);
                        let subject = format!("many-{id}");
                        let data = json!({ "queue": "empty" });
                        [
                            event(id, "call.arrived", &subject, &data),
                            event(id + 1, "call.abandoned", &subject, &json!({})),
                        ]
                    };
                    let body = Value::Array((0..500).flat_map(pair).collect());
                    let path = "/v1/accounts/default/events";
                    http.post(path, &key, &body.to_string()).expect("posted");
                }
            })
        })
        .collect();
    clients.into_iter().for_each(|c| c.join().expect("a client"));
    (count / 2 * 2 * 1_000) as f64 / began.elapsed().as_secs_f64()
}

#[derive(Default)]
struct Found {
    syncs: Vec<Duration>,
    link: Vec<Duration>,
    link_p99: Vec<Duration>,
    bare: Vec<f64>,
    singles: Vec<f64>,
    batches: Vec<f64>,
}

impl Found {
    fn print(self, blocks: usize) {
        let us = |times: &[Duration]| times.iter().map(|t| t.as_secs_f64() * 1e6).collect();
        let over = self
            .link
            .iter()
            .zip(&self.syncs)
            .map(|(link, sync)| (link.as_secs_f64() - sync.as_secs_f64()) * 1e6);
        let share = self.singles.iter().zip(&self.bare).map(|(ours, bare)| ours / bare);
        println!("\nmedian of {blocks} blocks (lowest–highest)");
        let rows: Vec<(&str, Vec<f64>)> = vec![
            ("fdatasync, 4 KiB in place, p50, µs", us(&self.syncs)),
            ("link: event sent → command received, p50, µs", us(&self.link)),
            ("… p99, µs", us(&self.link_p99)),
            ("… p50 above fdatasync, µs", over.collect()),
            ("bare JSON handler, 32 connections, requests/s", self.bare.clone()),
            ("single durable events, 32 connections, events/s", self.singles.clone()),
            ("… share of the bare handler", share.collect()),
            ("batches of 1,000, records/s", self.batches),
        ];
        for (name, mut values) in rows {
            values.sort_by(f64::total_cmp);
            let digits = usize::from(values[values.len() / 2] < 10.0) * 2;
            println!(
                "{name:<52}{:>12.digits$} ({:.digits$}–{:.digits$})",
                values[values.len() / 2],
                values[0],
                values[values.len() - 1],
            );
        }
    }
}

fn quantile(times: &mut [Duration], at: f64) -> Duration {
    times.sort_unstable();
    times[((times.len() - 1) as f64 * at) as usize]
}

fn median(times: &mut [Duration]) -> Duration {
    quantile(times, 0.5)
}
