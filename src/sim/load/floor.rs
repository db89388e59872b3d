//! The machine's own floor, measured in the same run, so that figures also stand as ratios to it:
//! a sync of the disk, the HTTP framework alone, a WebSocket alone. The benches use it too.
//!
//! All of it blocks; from a task, use a thread that may.

use super::latency::Quantiles;
use crate::node::clock::instant;
use crate::tls::{Connection, Target};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::{Message, client};

/// Connections that post at once.
pub const CONNECTIONS: usize = 32;

/// What the machine can do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Floor {
    /// `fdatasync` of 4 KiB, overwriting in place.
    pub sync: Quantiles,
    /// Requests a second of a handler that reads and writes JSON and does nothing else.
    pub http_per_s: f64,
    /// There and back over a WebSocket, one at a time.
    pub echo: Quantiles,
    /// Durable single events a second of the server under test, posted in the same way as to the
    /// handler.
    pub singles_per_s: f64,
}

impl Floor {
    /// As JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({ "fdatasync": self.sync.json(), "http_per_s": self.http_per_s,
            "websocket_echo": self.echo.json(), "single_events_per_s": self.singles_per_s })
    }
}

/// Times of `fdatasync` of 4 KiB in `folder`, overwriting in place.
///
/// # Errors
/// When the file cannot be written.
pub fn syncs(folder: &Path, count: usize) -> io::Result<Vec<Duration>> {
    let path = folder.join("floor.tmp");
    let file = File::options().create(true).truncate(false).write(true).open(&path)?;
    let block = [7_u8; 4_096];
    file.write_all_at(&block, 0)?;
    file.sync_all()?;
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let began = instant();
        file.write_all_at(&block, 0)?;
        file.sync_data()?;
        times.push(began.elapsed());
    }
    std::fs::remove_file(path)?;
    Ok(times)
}

/// A server of the framework alone, until it is dropped: `POST /` reads JSON and answers JSON, `/echo`
/// is a WebSocket that says what it hears.
pub struct Bare {
    /// Where it listens.
    pub address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl Bare {
    /// Starts it, on a thread and a runtime of its own.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn start() -> io::Result<Bare> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = serve(listener) => {}
                    _ = stopped => {}
                }
            });
        });
        Ok(Bare { address, _stop: stop })
    }
}

async fn serve(listener: std::net::TcpListener) -> io::Result<()> {
    use axum::extract::ws::{WebSocket, WebSocketUpgrade};
    use axum::routing::{get, post};
    use axum::serve::ListenerExt as _;
    async fn echo(mut socket: WebSocket) {
        while let Some(Ok(message)) = socket.recv().await {
            if socket.send(message).await.is_err() {
                return;
            }
        }
    }
    let answer = async |axum::Json(body): axum::Json<Value>| {
        axum::Json(json!({ "results": [{ "id": body["id"], "status": "accepted" }] }))
    };
    let upgrade = async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(echo);
    let router = axum::Router::new().route("/", post(answer)).route("/echo", get(upgrade));
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let listener = listener.tap_io(|stream| _ = stream.set_nodelay(true));
    axum::serve(listener, router).await
}

/// Times there and back over [`Bare`]'s WebSocket, one at a time, of a text as long as a small event.
///
/// # Errors
/// When the connection breaks.
pub fn echoes(address: SocketAddr, count: usize) -> io::Result<Vec<Duration>> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let failed = |e: &dyn std::fmt::Display| io::Error::other(e.to_string());
    let (mut socket, _) = client(format!("ws://{address}/echo"), stream).map_err(|e| failed(&e))?;
    let text = "x".repeat(300);
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let began = instant();
        socket.send(Message::text(text.as_str())).map_err(|e| failed(&e))?;
        while !socket.read().map_err(|e| failed(&e))?.is_text() {}
        times.push(began.elapsed());
    }
    Ok(times)
}

/// Requests a second from [`CONNECTIONS`] connections with one under way each, for so long. `body`
/// makes the body of the request of this number.
///
/// # Errors
/// When a connection breaks, or the server answers anything but 2xx.
pub fn posts(
    server: impl Into<Target>,
    path: &str,
    key: &str,
    lasts: Duration,
    body: impl Fn(u64) -> String + Send + Sync + 'static,
) -> io::Result<f64> {
    let server = server.into();
    let (stop, body) = (Arc::new(AtomicBool::new(false)), Arc::new(body));
    let next = Arc::new(AtomicU64::new(0));
    let began = instant();
    let post = |_| {
        let (stop, body, next) = (Arc::clone(&stop), Arc::clone(&body), Arc::clone(&next));
        let (server, path, key) = (server.clone(), path.to_owned(), key.to_owned());
        std::thread::spawn(move || -> io::Result<u64> {
            let mut http = Http::open(&server)?;
            let mut sent = 0;
            while !stop.load(Ordering::Relaxed) {
                // Two in a row, so that what a pair means stays in order.
                let first = next.fetch_add(2, Ordering::Relaxed);
                http.post(&path, &key, &body(first))?;
                http.post(&path, &key, &body(first + 1))?;
                sent += 2;
            }
            Ok(sent)
        })
    };
    let clients: Vec<_> = (0..CONNECTIONS).map(post).collect();
    std::thread::sleep(lasts);
    stop.store(true, Ordering::Relaxed);
    let mut sent = 0;
    for client in clients {
        sent += client.join().map_err(|_| io::Error::other("a client broke"))??;
    }
    Ok(sent as f64 / began.elapsed().as_secs_f64())
}

/// The least HTTP client: one keep-alive connection.
pub struct Http(BufReader<Box<dyn Connection>>);

impl Http {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn open(server: &Target) -> io::Result<Http> {
        Ok(Http(BufReader::new(server.connect()?)))
    }

    /// Posts JSON, and reads the answer to its end.
    ///
    /// # Errors
    /// When the connection breaks, or for any status but 2xx.
    pub fn post(&mut self, path: &str, key: &str, body: &str) -> io::Result<()> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        self.0.get_mut().write_all((head + body).as_bytes())?;
        let (mut line, mut length) = (String::new(), 0);
        self.0.read_line(&mut line)?;
        if !line.contains(" 20") {
            return Err(io::Error::other(format!("answered {}", line.trim())));
        }
        loop {
            line.clear();
            if self.0.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut answer = vec![0; length];
        self.0.read_exact(&mut answer)
    }
}

/// Times as quantiles.
#[must_use]
pub fn quantiles(times: &[Duration]) -> Quantiles {
    let Ok(mut histogram) = Histogram::<u64>::new(3) else { return Quantiles::default() };
    for time in times {
        histogram.saturating_record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }
    Quantiles::of(&histogram)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_is_measured_and_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(syncs(folder.path(), 3).expect("synced").len(), 3);
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
        let bare = Bare::start().expect("a server");
        assert_eq!(echoes(bare.address, 5).expect("echoes").len(), 5);
        let body = |number: u64| json!({ "id": number.to_string() }).to_string();
        let lasts = Duration::from_millis(50);
        assert!(posts(bare.address, "/", "k", lasts, body).expect("posted") > 0.0);
        assert!(posts(bare.address, "/none", "k", lasts, body).is_err(), "a refusal is no request");
    }

    #[test]
    fn times_are_told_in_microseconds() {
        let found = quantiles(&[Duration::from_micros(10), Duration::from_micros(500)]);
        assert_eq!((found.count, found.p50_us, found.max_us), (2, 10, 500));
    }
}
