//! The same over real sockets: an axum server, the hub in a task of its own, and clients.

use crate::floor::{START, agent, agents, queue, queues};
use axum::Router;
use axum::extract::{Query, WebSocketUpgrade};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use callboard::domain::ids::KeyId;
use callboard::domain::rows::{BoardSeed, Changes};
use callboard::domain::time::Millis;
use callboard::live::wire::last_event_id;
use callboard::live::{Hub, HubHandle, Viewer, channel, socket, sse, wire};
use futures_util::{SinkExt, StreamExt};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

const KEY: KeyId = KeyId(7);

/// A server with one account.
struct Server {
    address: String,
    handle: HubHandle,
    records: mpsc::UnboundedSender<Changes>,
}

impl Server {
    async fn start() -> Server {
        let (handle, messages) = channel("epoch-1");
        let (records, commits) = mpsc::unbounded_channel();
        tokio::spawn(outbox(messages, commits));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (ws, events) = (handle.clone(), handle.clone());
        let router = Router::new()
            .route("/live", get(|upgrade: WebSocketUpgrade| async { live(upgrade, ws) }))
            .route(
                "/live/events",
                get(|query: Query<wire::Query>, headers: HeaderMap| async move {
                    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
                    match query.subscription(last.and_then(last_event_id), &viewer()) {
                        Ok(wanted) => sse::serve(events, viewer(), wanted).await,
                        Err(why) => why.into_response(),
                    }
                }),
            );
        tokio::spawn(async { axum::serve(listener, router).await });
        Server { address, handle, records }
    }

    async fn open(&self) -> Client {
        let mut request = format!("ws://{}/live", self.address).into_client_request().unwrap();
        let protocol = socket::PROTOCOL.parse().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        let (client, response) = connect_async(request).await.unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], socket::PROTOCOL);
        Client(client)
    }

    async fn subscribed(&self) -> Client {
        let mut client = self.open().await;
        client.say(ALL).await;
        assert!(client.text().await.contains("snapshot"));
        client
    }

    fn record(&self, changes: Changes) {
        self.records.send(changes).unwrap();
    }
}

const ALL: &str = r#"{"subscribe":{"queues":"*","agents":"*","calls":true,"every_ms":0}}"#;

const PING: Duration = Duration::from_secs(20);

fn viewer() -> Viewer {
    Viewer { key: Some(KEY), ..Viewer::of_all("acme") }
}

fn live(upgrade: WebSocketUpgrade, hub: HubHandle) -> Response {
    socket::limits(upgrade).on_upgrade(|socket| socket::serve(socket, hub, viewer(), PING))
}

/// What the node's outbox does with the hub.
async fn outbox(
    mut messages: mpsc::Receiver<callboard::live::HubMessage>,
    mut commits: mpsc::UnboundedReceiver<Changes>,
) {
    let began = tokio::time::Instant::now();
    let now = || START.plus(began.elapsed().as_millis() as u64);
    let mut hub = Hub::new("epoch-1");
    hub.open("acme", BoardSeed::default());
    let (mut seq, mut wake_at): (u64, Option<Millis>) = (0, None);
    loop {
        let due = began + Duration::from_millis(wake_at.unwrap_or(START.plus(60_000)).since(START));
        tokio::select! {
            message = messages.recv() => match message {
                Some(message) => hub.handle(message, now()),
                None => return,
            },
            changes = commits.recv() => match changes {
                Some(changes) => {
                    seq += 1;
                    hub.apply("acme", seq, now(), &changes);
                }
                None => return,
            },
            () = sleep_until(due) => {}
        }
        wake_at = hub.flush(now());
    }
}

struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    async fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    async fn next(&mut self) -> Message {
        let next = timeout(Duration::from_secs(10), self.0.next()).await;
        next.expect("a message within 10 s").expect("a message").unwrap()
    }

    /// The next text that is no tick.
    async fn text(&mut self) -> String {
        loop {
            match self.next().await {
                Message::Text(text) if text.contains(r#""type":"tick""#) => {}
                Message::Text(text) => return text.to_string(),
                other => panic!("{other:?}"),
            }
        }
    }

    /// The close's code and reason; ticks may come before.
    async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.next().await {
                Message::Close(Some(close)) => {
                    return (close.code.into(), close.reason.to_string());
                }
                Message::Text(text) if text.contains(r#""type":"tick""#) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn snapshot_and_deltas_meet() {
    let server = Server::start().await;
    for waiting in 0..20 {
        server.record(queues(&[queue("sales", waiting)]));
    }
    let mut client = server.open().await;
    client.say(ALL).await;
    for waiting in 20..40 {
        server.record(queues(&[queue("sales", waiting)]));
    }
    let mut seq = None;
    while seq != Some(40) {
        let frame: serde_json::Value = serde_json::from_str(&client.text().await).unwrap();
        assert!(frame["type"] == "snapshot" || frame["prev"].as_u64() == seq, "{frame}");
        seq = frame["seq"].as_u64();
        if seq > Some(0) {
            let waiting = frame["queues"][0]["waiting"].as_u64();
            assert_eq!(waiting.map(|waiting| waiting + 1), seq);
        }
    }
}

#[tokio::test]
async fn a_bad_frame_is_closed_with_4400_and_why() {
    let server = Server::start().await;
    let mut seen = Vec::new();
    let long = format!(r#"{{"subscribe":{{"queues":["{}"]}}}}"#, "a".repeat(70_000));
    for bad in ["{", r#"{"subscribe":{"agents":{"team":"t"}}}"#, r#"{"hello":1}"#, &long] {
        let mut client = server.open().await;
        client.say(bad).await;
        seen.push(client.closed().await);
    }
    let mut client = server.subscribed().await;
    client.0.send(Message::binary(vec![1])).await.unwrap();
    seen.push(client.closed().await);
    insta::assert_debug_snapshot!("bad_frames", seen);
}

#[tokio::test]
async fn no_subscription_within_five_seconds_is_closed_with_4408() {
    let server = Server::start().await;
    let mut client = server.open().await;
    client.0.send(Message::Ping(Default::default())).await.unwrap();
    assert!(matches!(client.next().await, Message::Pong(_)));
    assert_eq!(client.closed().await, (4408, "no subscription within 5 s".into()));
    assert_eq!(server.handle.connections(), 0);
}

#[tokio::test]
async fn a_revoked_key_closes_at_once_with_4401() {
    let server = Server::start().await;
    let mut client = server.subscribed().await;
    assert_eq!(server.handle.close_key(KEY), 1);
    assert_eq!(client.closed().await.0, 4401);
    // Before its first frame too.
    let mut client = server.open().await;
    while server.handle.close_key(KEY) == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(client.closed().await.0, 4401);
}

#[tokio::test]
async fn a_shutdown_says_when_to_come_back() {
    let server = Server::start().await;
    let mut client = server.subscribed().await;
    server.handle.go_away(500, 0);
    assert_eq!(client.text().await, r#"{"type":"going_away","retry_after_ms":500}"#);
    assert_eq!(client.closed().await, (1001, "going away".into()));
}

#[tokio::test]
async fn a_reader_that_does_not_read_is_merged_and_not_closed() {
    let server = Server::start().await;
    let mut client = server.subscribed().await;
    // More than the sockets' buffers hold, while nobody reads.
    let rows: Vec<_> = (0..400).map(|i| agent(&format!("usr_{i}"), &["a", "b", "c"])).collect();
    for _ in 0..200 {
        server.record(agents(&rows));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let (mut seq, mut deltas) = (0, 0);
    while seq < 200 {
        let frame: serde_json::Value = serde_json::from_str(&client.text().await).unwrap();
        assert_eq!(frame["prev"].as_u64(), Some(seq));
        // A delta comes in several frames, of which the last one arrives at its record.
        let to = frame["seq"].as_u64().unwrap();
        deltas += u32::from(to > seq);
        seq = to;
    }
    assert!(deltas < 200, "{deltas} deltas: nothing was merged");
}

/// One event of the stream: its lines.
async fn event(stream: &mut (impl AsyncBufReadExt + Unpin)) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        let read = timeout(Duration::from_secs(10), stream.read_line(&mut line)).await;
        assert!(read.expect("a line within 10 s").unwrap() > 0, "the stream ended: {lines:?}");
        match line.trim_end() {
            "" if lines.iter().any(|line: &String| line.starts_with("data:")) => return lines,
            // The head of the answer.
            line if !["id:", "data:", "event:", "retry:"].iter().any(|f| line.starts_with(f)) => {}
            line => lines.push(line.to_owned()),
        }
    }
}

async fn listen(server: &Server, last: Option<&str>) -> BufReader<TcpStream> {
    listen_to(server, "queues=*&agents=queue:a&every_ms=0", last).await
}

async fn listen_to(server: &Server, query: &str, last: Option<&str>) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(&server.address).await.unwrap();
    // HTTP/1.0, so that the events are not cut into chunks.
    let last = last.map_or(String::new(), |id| format!("Last-Event-ID: {id}\r\n"));
    let request = format!("GET /live/events?{query} HTTP/1.0\r\nHost: x\r\n{last}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    BufReader::new(stream)
}

#[tokio::test]
async fn the_same_as_server_sent_events() {
    let server = Server::start().await;
    let mut stream = listen(&server, None).await;
    let first = event(&mut stream).await.join("\n");
    assert!(first.contains("id: epoch-1:0") && first.contains(r#""type":"snapshot""#), "{first}");
    server.record(agents(&[agent("usr_ann", &["a"])]));
    let delta = event(&mut stream).await.join("\n");
    assert!(delta.contains("id: epoch-1:1") && delta.contains(r#""seq":1,"prev":0"#), "{delta}");
    drop(stream);
    server.record(queues(&[queue("a", 1)]));
    let mut stream = listen(&server, Some("epoch-1:1")).await;
    let delta = event(&mut stream).await.join("\n");
    assert!(delta.contains(r#""seq":2,"prev":1"#) && !delta.contains("usr_ann"), "{delta}");
    server.handle.go_away(300, 0);
    let away = event(&mut stream).await;
    let close = event(&mut stream).await;
    insta::assert_debug_snapshot!("sse_end", (away, close));
}

#[tokio::test]
async fn figures_are_pushed_beside_the_board() {
    let server = Server::start().await;
    let mut client = server.open().await;
    client.say(r#"{"subscribe":{"figures":[{"by":"account","window":"60m"}]}}"#).await;
    assert!(client.text().await.contains("snapshot"));
    let mut stream = listen_to(&server, "figures=account:60m", None).await;
    assert!(event(&mut stream).await.join("\n").contains("snapshot"));
    let figures = callboard::reporting::figures::Figures::default();
    server.handle.figures().step(START, |_| Some(&figures));
    let frame = client.text().await;
    let start = r#"{"type":"figures","seq":0,"as_of":"2026-11-21T20:00:00.000Z","by":"account","#;
    assert!(frame.starts_with(start) && frame.contains(r#""id":"acme""#), "{frame}");
    // Without an id: a client that comes back says where it stands on the board.
    assert_eq!(event(&mut stream).await, [format!("data: {frame}")]);
}

/// Reads to the last record, checks that every frame follows the one before, and answers how many
/// deltas it took.
async fn follow(mut client: Client, pause: Duration, last: u64) -> u64 {
    let (mut seq, mut deltas) = (0, 0);
    while seq < last {
        let Message::Text(text) = client.next().await else { continue };
        let frame: serde_json::Value = serde_json::from_str(&text).unwrap();
        if frame["type"] == "delta" {
            assert_eq!(frame["prev"].as_u64(), Some(seq), "{frame}");
            deltas += 1;
        }
        seq = frame["seq"].as_u64().unwrap();
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
    deltas
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_readers_of_different_pace_all_arrive() {
    const RECORDS: u64 = 2_000;
    let server = Server::start().await;
    let mut readers = Vec::new();
    for i in 0..40 {
        let client = server.subscribed().await;
        readers.push(tokio::spawn(follow(client, Duration::from_millis(i % 4), RECORDS)));
    }
    for i in 0..RECORDS {
        server.record(queues(&[queue("sales", i as u32)]));
        if i % 8 == 0 {
            tokio::task::yield_now().await;
        }
    }
    for reader in readers {
        let deltas = timeout(Duration::from_secs(60), reader).await.expect("it arrives").unwrap();
        assert!((1..=RECORDS).contains(&deltas));
    }
}
