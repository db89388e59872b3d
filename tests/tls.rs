//! TLS against the real binary: REST, link, live feed and desk over it, certificates that change
//! under way, peers that do not speak it, webhooks, and the command line's clients.

#[path = "tls/certs.rs"]
mod certs;
mod support;

use callboard::sim::client::{Client, Error};
use callboard::tls::Trust;
use certs::{Authority, NOT_AFTER, replace};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConnection};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, mpsc};
use support::{PATIENCE, Server, until};

const BASE: &str = "/v1/accounts/default";

/// A server with a certificate, and the authority behind it.
struct House {
    server: Server,
    authority: Authority,
    cert: PathBuf,
    key: PathBuf,
    /// The certificate in DER.
    der: Vec<u8>,
    folder: tempfile::TempDir,
}

impl House {
    fn new(more: &[&str]) -> House {
        let folder = tempfile::tempdir().expect("a folder");
        let authority = Authority::new(folder.path(), "authority");
        let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        let der = authority.vouch(&cert, &key);
        let (c, k) = (cert.display().to_string(), key.display().to_string());
        let arguments = [&["--tls-cert", &*c, "--tls-key", &*k], more].concat();
        let server = Server::start_with(&arguments);
        House { server, authority, cert, key, der, folder }
    }

    fn url(&self) -> String {
        format!("https://localhost:{}", self.server.addr.port())
    }

    fn client(&self) -> Client {
        let trust = Trust::with_file(Some(&self.authority.file)).expect("an authority");
        Client::trusting(&self.url(), &self.server.key, trust).expect("an address")
    }

    /// The certificate that a handshake shows now.
    fn shown(&self) -> Option<Vec<u8>> {
        let mut stream = TcpStream::connect(self.server.addr).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let mut client = handshaking(&[&self.authority]);
        while client.is_handshaking() {
            client.complete_io(&mut stream).ok()?;
        }
        client.peer_certificates()?.first().map(|cert| cert.to_vec())
    }

    /// A figure of `/metrics`, by the start of its line.
    fn figure(&self, name: &str) -> Option<f64> {
        let answer = https(self, &format!("GET /metrics HTTP/1.1\r\nhost: x\r\n{CLOSE}"));
        let line = answer.lines().find_map(|line| line.strip_prefix(name))?.trim().to_owned();
        line.parse().ok()
    }
}

const CLOSE: &str = "connection: close\r\n\r\n";

fn config(authorities: &[&Authority]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        let cert = CertificateDer::from_pem_file(&authority.file).expect("a certificate");
        roots.add(cert).expect("an authority");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn handshaking(authorities: &[&Authority]) -> ClientConnection {
    let name = ServerName::try_from("localhost").expect("a name");
    ClientConnection::new(Arc::new(config(authorities)), name).expect("a client")
}

/// One request over TLS; the whole answer.
fn https(house: &House, request: &str) -> String {
    let tcp = TcpStream::connect(house.server.addr).expect("connected");
    tcp.set_read_timeout(Some(PATIENCE)).expect("set");
    let mut stream = rustls::StreamOwned::new(handshaking(&[&house.authority]), tcp);
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    // A server that ends with a close_notify ends in good order: an error would say it did not.
    stream.read_to_string(&mut answer).expect("an answer to its end");
    answer
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

async fn furnish(client: &Client, webhook: Value) {
    for (path, body) in [
        ("/switches/edge", json!({ "name": "Edge", "webhook": webhook })),
        (
            "/users/usr_ann",
            json!({ "first_name": "Ann", "last_name": "Lee", "role": "agent",
                    "endpoint": "sip:ann@127.0.0.1:5071" }),
        ),
        ("/queues/support", json!({ "name": "Support", "strategy": "longest_idle" })),
        ("/queues/support/members/usr_ann", json!({})),
        ("/routes/main", json!({ "number": "+1555", "to": { "queue": "support" } })),
    ] {
        client.put(&format!("{BASE}{path}"), &body).await.expect(path);
    }
}

fn arrived(call: &str) -> Value {
    json!({ "specversion": "1.0", "id": call, "source": "edge", "type": "call.arrived",
            "subject": call, "data": { "from": "+1777", "to": "+1555", "media": "voice" } })
}

#[test]
fn rest_link_live_and_desk_work_over_tls() {
    let house = House::new(&[]);
    runtime().block_on(async {
        let client = house.client();
        furnish(&client, Value::Null).await;
        let mut link = client
            .socket(&format!("{BASE}/switches/edge/link"), "callboard.switch.v1")
            .await
            .expect("a link");
        let mut live =
            client.socket(&format!("{BASE}/live"), "callboard.live.v1").await.expect("a board");
        live.send(&json!({ "subscribe": { "queues": "*", "calls": true, "every_ms": 0 } }))
            .await
            .expect("subscribed");
        assert_eq!(live.next().await.expect("a frame")["type"], "snapshot");
        let mut desk = client
            .socket(&format!("{BASE}/agents/usr_ann/desk"), "callboard.desk.v1")
            .await
            .expect("a desk");
        desk.send(&json!({ "status": "ready" })).await.expect("said");
        loop {
            if desk.next().await.expect("a frame")["type"] == "result" {
                break;
            }
        }
        link.send(&json!({ "events": [arrived("c-1")] })).await.expect("said");
        let mut rung = None;
        while rung.is_none() {
            let told = link.next().await.expect("a frame");
            rung = told["commands"].as_array().and_then(|all| all.first().cloned());
        }
        assert_eq!(rung.expect("a command")["type"], "offer.ring");
        loop {
            let frame = live.next().await.expect("a frame");
            if frame["calls"].as_array().is_some_and(|calls| !calls.is_empty()) {
                break;
            }
        }
    });
}

#[test]
fn who_does_not_know_the_authority_is_told_so() {
    let house = House::new(&[]);
    let other = Authority::new(house.folder.path(), "other");
    runtime().block_on(async {
        let trust = Trust::with_file(Some(&other.file)).expect("an authority");
        let client = Client::trusting(&house.url(), "k", trust).expect("an address");
        let wrong = client.get("/livez").await.expect_err("not trusted");
        assert!(matches!(wrong, Error::Tls(_)), "{wrong}");
        assert!(wrong.to_string().contains("--ca") && !wrong.may_pass(), "{wrong}");
        let wrong = client.socket("/", "p").await.expect_err("not trusted");
        assert!(matches!(wrong, Error::Tls(_)), "{wrong}");
    });
}

#[test]
fn plain_http_on_the_port_is_refused_in_words() {
    let house = House::new(&[]);
    let (status, headers, body) = house.server.get("/readyz");
    assert_eq!((status, &body["code"]), (400, &json!("tls_required")), "{body}");
    assert_eq!(headers["content-type"], "application/problem+json");
    assert_eq!(headers["connection"], "close");
    // Neither HTTP nor TLS: closed, with or without an alert, and nobody is the worse for it.
    for nonsense in [&b"\x00\x01\x02\x03"[..], b"hello\r\n\r\n", b"\x16\x03\x01\xff\xff"] {
        let mut stream = TcpStream::connect(house.server.addr).expect("connected");
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        stream.write_all(nonsense).expect("sent");
        stream.shutdown(std::net::Shutdown::Write).expect("ended");
        let mut rest = Vec::new();
        // A reset is an end too.
        let _ = stream.read_to_end(&mut rest);
        assert!(!rest.starts_with(b"HTTP"), "{nonsense:?}");
    }
    let failed = house.figure("callboard_tls_handshakes_failed_total{why=\"failed\"}");
    assert_eq!(failed, Some(3.0));
}

#[test]
fn a_new_certificate_is_taken_when_its_files_change_and_open_connections_go_on() {
    let house = House::new(&["--tls-check-ms", "100"]);
    assert_eq!(house.shown().as_ref(), Some(&house.der));
    assert_eq!(house.figure("callboard_tls_certificate_not_after_seconds"), Some(NOT_AFTER as f64));
    assert_eq!(house.figure("callboard_tls_reloads_total{result=\"refused\"}"), Some(0.0));
    runtime().block_on(async {
        let client = house.client();
        let mut live =
            client.socket(&format!("{BASE}/live"), "callboard.live.v1").await.expect("a board");
        live.send(&json!({ "subscribe": { "queues": "*", "every_ms": 0 } })).await.expect("said");
        assert_eq!(live.next().await.expect("a frame")["type"], "snapshot");
        let renewed = house.authority.vouch(&house.cert, &house.key);
        until("the new certificate", || (house.shown()? == renewed).then_some(()));
        client
            .put(&format!("{BASE}/queues/support"), &json!({ "name": "Support" }))
            .await
            .expect("made");
        loop {
            let frame = live.next().await.expect("the connection from before goes on");
            if frame["queues"].as_array().is_some_and(|queues| !queues.is_empty()) {
                break;
            }
        }
    });
}

#[test]
fn a_hangup_renews_at_once_and_a_broken_certificate_leaves_the_old_one() {
    // Nobody looks at the files by himself for a day.
    let house = House::new(&["--tls-check-ms", "86400000"]);
    let hangup = || {
        let id = house.server.id().to_string();
        let sent = Command::new("kill").args(["-s", "HUP", &id]).status().expect("runs");
        assert!(sent.success());
    };
    let refused = |times: f64| {
        let name = "callboard_tls_reloads_total{result=\"refused\"}";
        until("the refusal", || (house.figure(name)? == times).then_some(()));
    };
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let key = fs::read_to_string(&house.key).expect("read");
    replace(&house.cert, broken);
    hangup();
    refused(1.0);
    let log = house.server.log();
    assert!(log.contains("the new certificate cannot be used; the old one stays"), "{log}");
    assert_eq!(house.shown().as_ref(), Some(&house.der));

    // The certificate has come, its key has not.
    let renewed = house.authority.vouch(&house.cert, &house.key);
    let new_key = fs::read_to_string(&house.key).expect("read");
    replace(&house.key, &key);
    hangup();
    refused(2.0);
    assert_eq!(house.shown().as_ref(), Some(&house.der));

    replace(&house.key, &new_key);
    hangup();
    until("the new certificate", || (house.shown()? == renewed).then_some(()));
    assert_eq!(house.figure("callboard_tls_reloads_total{result=\"renewed\"}"), Some(1.0));
}

#[test]
fn a_slow_handshake_holds_up_nobody_and_is_given_up() {
    let house = House::new(&["--connections-handshake-ms", "1000"]);
    let silent: Vec<_> =
        (0..50).map(|_| TcpStream::connect(house.server.addr).expect("connected")).collect();
    // Half a greeting is no better than none.
    let mut half = TcpStream::connect(house.server.addr).expect("connected");
    half.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).expect("sent");
    assert_eq!(house.shown().as_ref(), Some(&house.der), "others go before");
    for mut stream in silent.into_iter().chain([half]) {
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("closed by the server");
    }
    let slow = house.figure("callboard_tls_handshakes_failed_total{why=\"slow\"}");
    assert_eq!(slow, Some(51.0));
}

#[test]
fn whoever_fills_the_handshakes_with_silence_displaces_silence() {
    let house =
        House::new(&["--connections-handshakes", "4", "--connections-handshake-ms", "600000"]);
    let connect = || TcpStream::connect(house.server.addr).expect("connected");
    let mut silent: Vec<_> = (0..5).map(|_| connect()).collect();
    silent.iter().for_each(|stream| stream.set_nonblocking(true).expect("set"));
    // Those that come together begin in any order: one of them makes room.
    until("the end of one", || {
        let ended = |stream: &mut TcpStream| matches!(stream.read(&mut [0]), Ok(0));
        silent.iter_mut().any(ended).then_some(())
    });
    assert_eq!(house.shown().as_ref(), Some(&house.der), "all are full of silence, and it works");
}

/// A webhook with a certificate, that takes one delivery at a time; what it was sent.
fn webhook(authority: &Authority, folder: &std::path::Path) -> (String, mpsc::Receiver<String>) {
    let config = authority.server(folder, "hook");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("https://localhost:{}/hook", listener.local_addr().expect("bound").port());
    let (sender, seen) = mpsc::channel();
    std::thread::spawn(move || {
        for tcp in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a server");
            let stream = rustls::StreamOwned::new(connection, tcp.expect("accepted"));
            // A client that does not trust this one ends here.
            let Ok(body) = take(stream) else { continue };
            if sender.send(body).is_err() {
                return;
            }
        }
    });
    (url, seen)
}

fn take(stream: rustls::StreamOwned<ServerConnection, TcpStream>) -> std::io::Result<String> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    while line != "\r\n" {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let answer = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
    reader.get_mut().write_all(answer.as_bytes())?;
    reader.get_mut().flush()?;
    Ok(String::from_utf8(body).expect("text"))
}

/// A call waits, and then an agent is ready: the command has no answer to go with, so that it is
/// posted.
fn ring_by_webhook(server: &Server, url: &str) {
    let must = |method, path: &str, body: Value| {
        server.must(method, &format!("{BASE}{path}"), &body);
    };
    must("PUT", "/switches/edge", json!({ "name": "Edge", "webhook": { "url": url } }));
    let ann = json!({ "first_name": "Ann", "last_name": "Lee", "role": "agent",
                      "endpoint": "sip:ann@127.0.0.1:5071" });
    must("PUT", "/users/usr_ann", ann);
    must("PUT", "/queues/support", json!({ "name": "Support" }));
    must("PUT", "/queues/support/members/usr_ann", json!({}));
    must("PUT", "/routes/main", json!({ "number": "+1555", "to": { "queue": "support" } }));
    must("POST", "/events", arrived("c-1"));
    must("PUT", "/agents/usr_ann/status", json!({ "status": "ready" }));
}

#[test]
fn commands_are_posted_over_https_to_whom_the_named_authority_vouches_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new(folder.path(), "private");
    let (url, seen) = webhook(&authority, folder.path());
    let ca = authority.file.display().to_string();
    let server = Server::start_with(&["--webhook-ca", &ca]);
    ring_by_webhook(&server, &url);
    let body = seen.recv_timeout(PATIENCE).expect("a delivery");
    assert!(body.contains("offer.ring"), "{body}");
}

#[test]
fn a_webhook_of_an_unknown_authority_is_an_error_that_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new(folder.path(), "private");
    let (url, seen) = webhook(&authority, folder.path());
    let other = Authority::new(folder.path(), "other").file.display().to_string();
    let server = Server::start_with(&["--webhook-ca", &other]);
    ring_by_webhook(&server, &url);
    let wanted = "the webhook's certificate is not trusted";
    let log = until("the failure in the log", || {
        let log = server.log();
        log.contains(wanted).then_some(log)
    });
    assert!(log.contains("UnknownIssuer") && log.contains("--webhook-ca"), "{log}");
    assert!(seen.try_recv().is_err(), "nothing is said to a stranger");
}

#[test]
fn what_cannot_serve_as_a_certificate_stops_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new(folder.path(), "authority");
    let path = |name: &str| folder.path().join(name);
    authority.vouch(&path("a.pem"), &path("a.key"));
    authority.vouch(&path("b.pem"), &path("b.key"));
    let refused = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_callboard"));
        command.arg("serve").arg("--data").arg(path("data")).args(arguments);
        let output = command.output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(78), "{said}");
        said
    };
    let name = |file: &str| path(file).display().to_string();
    let said = refused(&["--tls-cert", &name("a.pem"), "--tls-key", &name("b.key")]);
    assert!(said.contains("cannot be used together"), "{said}");
    let said = refused(&["--tls-cert", &name("none"), "--tls-key", &name("a.key")]);
    assert!(said.contains("none: No such file"), "{said}");
    let said = refused(&["--webhook-ca", &name("a.key")]);
    assert!(said.contains("holds no certificate"), "{said}");
}

#[test]
fn watch_and_load_speak_tls() {
    let house = House::new(&[]);
    let ca = house.authority.file.display().to_string();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_callboard"));
        command.args(arguments).env("CALLBOARD_URL", house.url());
        command.env("CALLBOARD_KEY", &house.server.key).output().expect("it runs")
    };
    let watched = run(&["watch", "--once", "--ca", &ca]);
    assert!(watched.status.success(), "{watched:?}");
    let health = run(&["health", "--ca", &ca]);
    assert!(health.status.success(), "{health:?}");
    let stranger = run(&["watch", "--once"]);
    let said = String::from_utf8_lossy(&stranger.stderr).into_owned();
    assert!(!stranger.status.success(), "{said}");
    assert!(said.contains("--ca") || said.contains("ca-certificates"), "{said}");
    let plan = ["--agents", "4", "--queues", "2", "--dashboards", "2", "--calls-per-second", "5"];
    let times = ["--for", "2s", "--warm-up", "500ms", "--floor-for", "100ms", "--quiet"];
    let loaded = run(&[&["load", "--ca", &ca], &plan[..], &times].concat());
    let said = String::from_utf8_lossy(&loaded.stdout).into_owned();
    assert!(loaded.status.success(), "{said}\n{}", String::from_utf8_lossy(&loaded.stderr));
}
