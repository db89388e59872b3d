//! What tests against the real binary share: a server in a folder of its own, a small blocking HTTP
//! client, waiting for conditions, free ports.
//!
//! Each test program compiles this file for itself and uses a part of it.
#![allow(dead_code, reason = "every test program uses another part")]

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a test waits for something that should happen at once. Generous: machines are busy.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Status, headers (names in lower case) and body; a body that is not JSON comes as a string, an
/// empty one as null.
pub type Answer = (u16, BTreeMap<String, String>, Value);

/// Asks until `ask` answers, and panics with `what` when [`PATIENCE`] is over.
pub fn until<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    until_within(PATIENCE, what, ask)
}

/// [`until`] with a patience of its own.
pub fn until_within<T>(patience: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let give_up = Instant::now() + patience;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < give_up, "waited {patience:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether tests against these programs of others are to run. Says so when they are left out, and panics
/// with the way out when they should run but one is missing.
pub fn peers(programs: &[&str]) -> bool {
    if std::env::var("CALLBOARD_PEERS").is_ok_and(|value| value == "off") {
        eprintln!("not run: {programs:?} are left out (CALLBOARD_PEERS=off)");
        return false;
    }
    for program in programs {
        let mut command = Command::new(program);
        let found = command.arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(
            found.is_ok(),
            "{program} is not installed: ./tests/run --install, or set CALLBOARD_PEERS=off"
        );
    }
    true
}

/// A TCP port of the loopback that was free a moment ago.
pub fn free_tcp_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A UDP port of the loopback that was free a moment ago.
pub fn free_udp_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A child process that ends with this value, by its id.
pub struct Process {
    child: Child,
    name: String,
    stop_with: Option<&'static str>,
}

impl Process {
    /// Starts `command` with no input and both outputs appended to `log`.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Process {
        let log = File::options().create(true).append(true).open(log).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|e| panic!("{name} could not be started: {e}"));
        Process { child, name: name.to_owned(), stop_with: None }
    }

    /// At the end of this value the process gets this signal first, so that it can stop its own
    /// children, and is killed only if that does not help.
    #[must_use]
    pub fn stopped_with(mut self, signal: &'static str) -> Process {
        self.stop_with = Some(signal);
        self
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The exit status, when it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for its own end.
    pub fn wait(&mut self, patience: Duration) -> ExitStatus {
        let what = format!("the end of {}", self.name);
        until_within(patience, &what, || self.child.try_wait().unwrap())
    }

    /// Sends a signal by its name (`TERM`, `USR1`).
    pub fn signal(&self, signal: &str) {
        let id = self.id().to_string();
        // It may just have ended by itself: then there is nobody to signal.
        let _ = Command::new("kill").args(["-s", signal, &id]).stderr(Stdio::null()).status();
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(&mut self) {
        // An error means that it had ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end, waits five seconds, then kills it.
    pub fn stop(&mut self, signal: &str) {
        self.signal(signal);
        let give_up = Instant::now() + Duration::from_secs(5);
        while self.ended().is_none() {
            if Instant::now() > give_up {
                return self.kill();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        match (self.ended(), self.stop_with) {
            (Some(_), _) => {}
            (None, Some(signal)) => self.stop(signal),
            (None, None) => self.kill(),
        }
    }
}

/// A running `callboard serve` on a port of its own. Dereferences to an [`Api`] with the owner's key.
pub struct Server {
    process: Process,
    api: Api,
    data: PathBuf,
    // Last, so that the folder goes after the process.
    _folder: Option<tempfile::TempDir>,
}

impl Server {
    /// Starts on an empty data folder, which is removed at the end, and returns when it is ready.
    pub fn start() -> Server {
        Server::start_with(&[])
    }

    /// [`Server::start`] with more arguments for `serve`.
    pub fn start_with(arguments: &[&str]) -> Server {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Server::start_in(&folder.path().join("data"), arguments);
        server._folder = Some(folder);
        server
    }

    /// Starts on a folder that may hold data from before, and leaves it there.
    pub fn start_in(data: &Path, arguments: &[&str]) -> Server {
        fs::create_dir_all(data).unwrap();
        // From an earlier life: it must not be taken for this one's.
        let _ = fs::remove_file(data.join("listen.addr"));
        let log = data.with_extension("log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_callboard"));
        command.arg("serve").arg("--data").arg(data);
        if !arguments.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        let mut process = Process::start("callboard serve", command.args(arguments), &log);
        let addr = until("DATA/listen.addr", || {
            if let Some(status) = process.ended() {
                let said = fs::read_to_string(&log).unwrap_or_default();
                panic!("callboard serve ended with {status}:\n{said}");
            }
            let text = fs::read_to_string(data.join("listen.addr")).ok()?;
            text.trim().parse::<SocketAddr>().ok()
        });
        let key = fs::read_to_string(data.join("owner.key")).unwrap().trim().to_owned();
        let api = Api { addr, key };
        Server { process, api, data: data.to_owned(), _folder: None }
    }

    /// The API with the owner's key.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// What the process has written so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.data.with_extension("log")).unwrap_or_default()
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// A clean stop (SIGTERM); the exit status.
    pub fn stop(&mut self) -> ExitStatus {
        self.process.signal("TERM");
        self.process.wait(PATIENCE)
    }
}

/// A test that fails tells what the server said last, and whether it had ended by itself.
impl Drop for Server {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let ended = self.process.ended().map(|status| status.to_string());
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(30)..].join("\n");
        eprintln!("callboard serve: {}\n{last}", ended.as_deref().unwrap_or("still running"));
    }
}

impl Deref for Server {
    type Target = Api;
    fn deref(&self) -> &Api {
        &self.api
    }
}

/// A client of the public API: one connection per request.
#[derive(Clone, Debug)]
pub struct Api {
    /// Where the server listens.
    pub addr: SocketAddr,
    /// Sent as `Authorization: Bearer …`; empty sends none.
    pub key: String,
}

impl Api {
    /// A new key of the default account, as its client; `body` names it and its role.
    pub fn client(&self, body: Value) -> Api {
        let key = self.must("POST", "/v1/accounts/default/keys", &body);
        self.with_key(key["secret"].as_str().expect("a secret"))
    }

    /// The same server with another key.
    pub fn with_key(&self, key: &str) -> Api {
        Api { addr: self.addr, key: key.to_owned() }
    }

    /// `GET`.
    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], None)
    }

    /// `PUT` with a JSON body.
    pub fn put(&self, path: &str, body: &Value) -> Answer {
        self.request("PUT", path, &[], Some(body))
    }

    /// `POST` with a JSON body.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.request("POST", path, &[], Some(body))
    }

    /// `PATCH` with a merge patch.
    pub fn patch(&self, path: &str, body: &Value) -> Answer {
        let kind = [("content-type", "application/merge-patch+json")];
        self.request("PATCH", path, &kind, Some(body))
    }

    /// `DELETE`.
    pub fn delete(&self, path: &str) -> Answer {
        self.request("DELETE", path, &[], None)
    }

    /// A `PUT` or `POST` that must succeed; its body.
    pub fn must(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, _, answer) = self.request(method, path, &[], Some(body));
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer:#}");
        answer
    }

    /// A `GET` that must succeed; its body.
    pub fn must_get(&self, path: &str) -> Value {
        let (status, _, answer) = self.get(path);
        assert!((200..300).contains(&status), "GET {path}: {status} {answer:#}");
        answer
    }

    /// Any request with any headers; panics when the server does not answer.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let bytes = body.map(|value| serde_json::to_vec(value).unwrap());
        self.try_request(method, path, headers, bytes.as_deref())
            .unwrap_or_else(|e| panic!("{method} {path}: {e}"))
    }

    /// Any request with any bytes as its body.
    ///
    /// # Errors
    /// When the connection cannot be made or ends before the answer is whole.
    pub fn try_request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> io::Result<Answer> {
        let mut stream = TcpStream::connect(self.addr)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(&self.head(method, path, headers, body))?;
        // A server that refuses early may close while the rest is still being written.
        let _ = stream.write_all(body.unwrap_or_default());
        read_answer(&mut BufReader::new(stream))
    }

    fn head(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Vec<u8> {
        let given = |name: &str| headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.addr);
        let mut line = |name: &str, value: &str| head += &format!("{name}: {value}\r\n");
        if !given("connection") {
            line("connection", "close");
        }
        if !self.key.is_empty() && !given("authorization") {
            line("authorization", &format!("Bearer {}", self.key));
        }
        if let Some(body) = body {
            line("content-length", &body.len().to_string());
            if !given("content-type") {
                line("content-type", "application/json");
            }
        }
        headers.iter().for_each(|(name, value)| line(name, value));
        (head + "\r\n").into_bytes()
    }
}

fn read_answer(reader: &mut impl BufRead) -> io::Result<Answer> {
    let cut = |what: &str| io::Error::new(io::ErrorKind::UnexpectedEof, what.to_owned());
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
    let status = status.ok_or_else(|| cut(&format!("no status line but {line:?}")))?;
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Err(cut("the headers end early"));
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    if status == 101 {
        // What follows is no HTTP any more.
        return Ok((status, headers, Value::Null));
    }
    let mut body = Vec::new();
    if headers.get("transfer-encoding").is_some_and(|kind| kind.contains("chunked")) {
        read_chunks(reader, &mut body)?;
    } else if let Some(length) = headers.get("content-length").and_then(|text| text.parse().ok()) {
        body.resize(length, 0);
        reader.read_exact(&mut body)?;
    } else {
        reader.read_to_end(&mut body)?;
    }
    let text = String::from_utf8_lossy(&body).into_owned();
    let value = match text.is_empty() {
        true => Value::Null,
        false => serde_json::from_str(&text).unwrap_or(Value::String(text)),
    };
    Ok((status, headers, value))
}

fn read_chunks(reader: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim().split(';').next().unwrap_or(""), 16)
            .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
        let start = body.len();
        body.resize(start + size, 0);
        reader.read_exact(&mut body[start..])?;
        // The line end after each chunk, also after the last one.
        reader.read_line(&mut line)?;
        if size == 0 {
            return Ok(());
        }
    }
}
