//! One change to 10, 1,000 and 10,000 dashboards.
//!
//! `hub`: what the outbox's task spends, readers without sockets. `sockets/callboard`: from the
//! record to the last of the readers, in a second process, having it; `sockets/bare`: the same text
//! to the same readers from a loop over bare tungstenite sockets, one loop per core, which is the
//! least that any server can spend. Beside the times stands what this process spent of its CPU for
//! each frame, which neighbours on the machine disturb less.

use axum::Router;
use axum::extract::WebSocketUpgrade;
use axum::routing::get;
use callboard::domain::ids::Name;
use callboard::domain::rows::{BoardSeed, Changes, DayCounts, PresenceCounts, QueueRow};
use callboard::domain::time::Millis;
use callboard::live::frame::Frame;
use callboard::live::handle::Connection;
use callboard::live::slot::Parcel;
use callboard::live::{Hub, HubMessage, View, Viewer, channel, socket};
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use futures_util::{SinkExt, StreamExt};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, accept_async_with_config, client_async};

const READERS: [usize; 3] = [10, 1_000, 10_000];
/// Set in the process of the readers: `ADDRESS COUNT`.
const ROLE: &str = "CALLBOARD_FANOUT_READERS";
/// Set once the limit of open files is raised.
const RAISED: &str = "CALLBOARD_FANOUT_RAISED";
const ACCOUNT: &str = "acme";

fn main() {
    if let Ok(role) = std::env::var(ROLE) {
        return read(&role);
    }
    if std::env::var_os(RAISED).is_none() {
        return raise();
    }
    let mut criterion = Criterion::default().configure_from_args();
    in_process(&mut criterion);
    over_sockets(&mut criterion);
    criterion.final_summary();
}

/// Runs this program again with room for ten thousand sockets: there is no safe call for it.
fn raise() {
    let program = std::env::current_exe().expect("the path of this program");
    let status = Command::new("sh")
        .args(["-c", "ulimit -n $(ulimit -Hn); exec \"$0\" \"$@\""])
        .arg(program)
        .args(std::env::args().skip(1))
        .env(RAISED, "1")
        .status()
        .expect("sh starts");
    std::process::exit(status.code().unwrap_or(1));
}

fn change(waiting: u32) -> Changes {
    let row = QueueRow {
        id: "support".into(),
        kind: "queue",
        waiting,
        oldest_at: Some(Millis(1_795_291_200_000)),
        ringing: 1,
        talking: 12,
        agents: PresenceCounts { available: 3, opted_out: 1, busy: 12, offline: 4 },
        offerable: 3,
        today: DayCounts { offered: 1_200, answered: 1_100, abandoned: 60, ..Default::default() },
    };
    Changes { queues: vec![Arc::new(row)], ..Changes::default() }
}

fn viewer() -> Viewer {
    Viewer::of_all(ACCOUNT)
}

/// The outbox's share: apply, flush, and hand the frame to every slot.
fn in_process(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut group = criterion.benchmark_group("fanout/hub");
    for count in READERS {
        let (handle, mut messages) = channel("e");
        let mut hub = Hub::new("e");
        hub.open(ACCOUNT, BoardSeed::default());
        let connections: Vec<Connection> = (0..count).map(|_| handle.connect(viewer())).collect();
        for connection in &connections {
            assert!(runtime.block_on(connection.subscribe(View::all().into())));
            hub.handle(messages.try_recv().expect("the subscription"), Millis(0));
        }
        drain(&connections);
        let mut seq = 0;
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter_custom(|rounds| {
                let mut spent = Duration::ZERO;
                for _ in 0..rounds {
                    seq += 1;
                    let changes = change(seq as u32);
                    let begun = Instant::now();
                    hub.apply(ACCOUNT, seq, Millis(0), &changes);
                    hub.flush(Millis(0));
                    spent += begun.elapsed();
                    drain(&connections);
                }
                spent
            });
        });
    }
    group.finish();
}

fn drain(connections: &[Connection]) {
    let mut last: Option<Frame> = None;
    for connection in connections {
        match connection.slot().take() {
            Some(Parcel::Frame(frame)) => {
                assert!(!connection.slot().done());
                last = Some(frame);
            }
            parcel => panic!("{parcel:?}"),
        }
    }
    assert!(last.is_some());
}

fn over_sockets(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fanout/sockets");
    group.sample_size(20).sampling_mode(SamplingMode::Flat);
    for count in READERS {
        group.throughput(Throughput::Elements(count as u64));
        for (name, start) in [("callboard", callboard as Start), ("bare", bare)] {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .expect("a runtime");
            let mut run = runtime.block_on(Run::new(name, start, count));
            group.bench_function(BenchmarkId::new(name, count), |bencher| {
                bencher.iter_custom(|rounds| runtime.block_on(run.rounds(rounds)));
            });
            run.end();
            runtime.shutdown_background();
        }
    }
    group.finish();
}

/// Starts a server for so many readers; answers where a number sent becomes a delta for all.
type Start = fn(TcpListener, usize) -> mpsc::UnboundedSender<u64>;

/// A server in this process, and its readers in another.
struct Run {
    changes: mpsc::UnboundedSender<u64>,
    readers: std::process::Child,
    /// The readers' process says each sequence that all of them have.
    heard: Lines<BufReader<tokio::net::unix::pipe::Receiver>>,
    seq: u64,
    name: String,
    count: usize,
    /// This process's CPU when the rounds began.
    cpu: Duration,
}

impl Run {
    async fn new(name: &str, start: Start, count: usize) -> Run {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let changes = start(listener, count);
        let mut readers = Command::new(std::env::current_exe().expect("the path of this program"))
            .env(ROLE, format!("{address} {count}"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("the readers start");
        let heard = readers.stdout.take().map(std::os::fd::OwnedFd::from).expect("their output");
        let heard = tokio::net::unix::pipe::Receiver::from_owned_fd(heard).expect("a pipe");
        let mut run = Run {
            changes,
            readers,
            heard: BufReader::new(heard).lines(),
            seq: 0,
            name: name.to_owned(),
            count,
            cpu: Duration::ZERO,
        };
        run.hears("0").await;
        run.cpu = cpu();
        if count == 10_000 {
            eprintln!("{name}: {} MiB resident with {count} connections", resident_mib());
        }
        run
    }

    async fn hears(&mut self, what: &str) {
        let line = self.heard.next_line().await.expect("a line of the readers");
        assert_eq!(line.as_deref(), Some(what));
    }

    /// So many changes, one after the other: each goes out when all have the one before.
    async fn rounds(&mut self, rounds: u64) -> Duration {
        let begun = Instant::now();
        for _ in 0..rounds {
            self.seq += 1;
            self.changes.send(self.seq).expect("the server lives");
            let seq = self.seq.to_string();
            self.hears(&seq).await;
        }
        begun.elapsed()
    }

    fn end(mut self) {
        let frames = self.seq as u32 * self.count as u32;
        if frames > 0 {
            let spent = (cpu() - self.cpu) / frames;
            eprintln!("{}/{}: {spent:?} of this process's CPU a frame", self.name, self.count);
        }
        self.readers.kill().expect("the readers end");
        self.readers.wait().expect("the readers end");
    }
}

/// What this process has spent, in user and kernel, to the hundredth of a second.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(") ").next().unwrap_or_default().split(' ');
    let ticks = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok());
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

fn resident_mib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * 4_096 / (1 << 20)
}

/// The real thing: hub, slots, axum.
fn callboard(listener: TcpListener, _: usize) -> mpsc::UnboundedSender<u64> {
    let (handle, messages) = channel("e");
    let (changes, commits) = mpsc::unbounded_channel();
    tokio::spawn(outbox(messages, commits));
    let live = |upgrade: WebSocketUpgrade| async {
        socket::limits(upgrade)
            .on_upgrade(|socket| socket::serve(socket, handle, viewer(), Duration::from_secs(20)))
    };
    let router = Router::new().route("/live", get(live));
    tokio::spawn(async { axum::serve(listener, router).await });
    changes
}

async fn outbox(
    mut messages: mpsc::Receiver<HubMessage>,
    mut commits: mpsc::UnboundedReceiver<u64>,
) {
    let begun = Instant::now();
    let mut hub = Hub::new("e");
    hub.open(ACCOUNT, BoardSeed::default());
    let mut wake_at: Option<Millis> = None;
    loop {
        let wake_ms = wake_at.map_or(3_600_000, |at| at.0 as u64);
        tokio::select! {
            message = messages.recv() => match message {
                Some(message) => hub.handle(message, now(begun)),
                None => return,
            },
            seq = commits.recv() => match seq {
                Some(seq) => hub.apply(ACCOUNT, seq, now(begun), &change(seq as u32)),
                None => return,
            },
            () = tokio::time::sleep_until(begun + Duration::from_millis(wake_ms)) => {}
        }
        wake_at = hub.flush(now(begun));
    }
}

fn now(begun: Instant) -> Millis {
    Millis(begun.elapsed().as_millis() as i64)
}

/// Bare sockets: as many loops as cores, each over its share.
fn bare(listener: TcpListener, count: usize) -> mpsc::UnboundedSender<u64> {
    let (changes, mut commits) = mpsc::unbounded_channel::<u64>();
    tokio::spawn(async move {
        // The same buffers as behind axum.
        let config = WebSocketConfig::default().read_buffer_size(1_024).write_buffer_size(0);
        let mut shares: [Vec<WebSocketStream<TcpStream>>; 2] = [Vec::new(), Vec::new()];
        for i in 0..count {
            let (stream, _) = listener.accept().await.expect("a reader");
            let mut socket =
                accept_async_with_config(stream, Some(config)).await.expect("a WebSocket");
            let _subscription = socket.next().await;
            socket.send(Message::text(r#"{"type":"snapshot"}"#)).await.expect("a reader");
            shares[i % 2].push(socket);
        }
        let links = shares.map(|share| {
            let (texts, mut waiting) = mpsc::channel::<Utf8Bytes>(1);
            tokio::spawn(async move {
                let mut share = share;
                while let Some(text) = waiting.recv().await {
                    for socket in &mut share {
                        let _ = socket.send(Message::Text(text.clone())).await;
                    }
                }
            });
            texts
        });
        while let Some(seq) = commits.recv().await {
            let text = Utf8Bytes::from(delta(seq));
            for link in &links {
                let _ = link.send(text.clone()).await;
            }
        }
    });
    changes
}

/// The text that the hub makes of the same change.
fn delta(seq: u64) -> String {
    let (handle, mut messages) = channel("e");
    let mut hub = Hub::new("e");
    hub.open(Name::from(ACCOUNT), BoardSeed { seq: seq - 1, ..BoardSeed::default() });
    let connection = handle.connect(viewer());
    let runtime = futures_util::FutureExt::now_or_never(connection.subscribe(View::all().into()));
    assert_eq!(runtime, Some(true));
    hub.handle(messages.try_recv().expect("the subscription"), Millis(0));
    let frame = || match connection.slot().take() {
        Some(Parcel::Frame(frame)) => frame,
        parcel => panic!("{parcel:?}"),
    };
    frame();
    assert!(!connection.slot().done());
    hub.apply(ACCOUNT, seq, Millis(0), &change(seq as u32));
    hub.flush(Millis(0));
    frame().texts()[0].to_string()
}

/// The process of the readers.
fn read(role: &str) {
    let (address, count) = role.split_once(' ').expect("address and count");
    let count: usize = count.parse().expect("a count");
    let address: Arc<str> = address.into();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let heard = Arc::new(AtomicUsize::new(0));
        let mut readers = Vec::new();
        for _ in 0..count {
            let socket = connect(&address).await;
            readers.push(tokio::spawn(reader(socket, Arc::clone(&heard), count)));
        }
        println!("0");
        for reader in readers {
            reader.await.expect("a reader");
        }
    });
}

async fn connect(address: &str) -> WebSocketStream<TcpStream> {
    let stream = TcpStream::connect(address).await.expect("the server");
    let (mut socket, _) =
        client_async(format!("ws://{address}/live"), stream).await.expect("a WebSocket");
    let all = r#"{"subscribe":{"queues":"*","agents":"*","calls":true,"every_ms":0}}"#;
    socket.send(Message::text(all)).await.expect("the server");
    socket.next().await.expect("a snapshot").expect("a snapshot");
    socket
}

/// Counts deltas; the reader that completes a sequence says so. The next change only goes out then,
/// so that one counter serves all of them.
async fn reader(mut socket: WebSocketStream<TcpStream>, heard: Arc<AtomicUsize>, count: usize) {
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else { continue };
        let Some(rest) = text.strip_prefix(r#"{"type":"delta","seq":"#) else { continue };
        if (heard.fetch_add(1, Ordering::AcqRel) + 1).is_multiple_of(count) {
            println!("{}", rest.split(',').next().unwrap_or_default());
        }
    }
}
