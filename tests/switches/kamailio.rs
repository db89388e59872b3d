//! A laboratory: Callboard, a Kamailio with `config/switches/kamailio.cfg`, and SIPp phones and
//! callers, all on free ports of the loopback, each stopped by its own process id.

use crate::support::{PATIENCE, Process, Server, free_tcp_port, free_udp_port, until};
use serde_json::{Value, json};
use std::fs;
use std::net::{TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const ACCOUNT: &str = "/v1/accounts/default";
const SWITCH: &str = "sip-edge-1";
const WEBHOOK_AUTHORIZATION: &str = "Bearer from-callboard";

/// Panics with the way out when Kamailio or SIPp is missing.
pub fn assert_installed() {
    for (program, argument) in [(kamailio(), "-v"), ("sipp", "-v")] {
        let found = Command::new(program)
            .arg(argument)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(
            found.is_ok(),
            "{program} is not installed: ./tests/run --install, or set CALLBOARD_PEERS=off"
        );
    }
}

/// Debian puts it where only administrators look.
fn kamailio() -> &'static str {
    let debian = "/usr/sbin/kamailio";
    if Path::new(debian).exists() { debian } else { "kamailio" }
}

/// Callboard and Kamailio, connected.
pub struct Lab {
    // In this order: Kamailio stops before the server that it reports to.
    _kamailio: Process,
    server: Server,
    sip_port: u16,
    folder: tempfile::TempDir,
}

impl Lab {
    /// Both running, the switch set up, no queue and no agent.
    pub fn start() -> Lab {
        let server = Server::start();
        let folder = tempfile::tempdir().unwrap();
        let (sip_port, webhook_port) = (free_udp_port(), free_tcp_port());
        let url = format!("http://127.0.0.1:{webhook_port}/commands");
        let switch = json!({
            "name": "Edge 1",
            "webhook": { "url": url, "authorization": WEBHOOK_AUTHORIZATION },
            "capabilities": {
                "connects": "switch", "times_ring": true, "adds_leg": true,
                "cancels_one_leg": false, "offers_per_call": 15, "answers_for_agent": false,
                "hold": false, "transfer": false, "announce": false, "originate": false,
                "supervise": false, "media": ["voice"]
            }
        });
        server.must("PUT", &format!("{ACCOUNT}/switches/{SWITCH}"), &switch);
        let key = json!({ "name": "Edge 1", "role": "switch", "switch": SWITCH });
        let key = server.must("POST", &format!("{ACCOUNT}/keys"), &key);
        let key = key["secret"].as_str().expect("a new key's secret").to_owned();

        let mut command = Command::new(kamailio());
        command
            .args(["-DD", "-E", "-m", "64", "-M", "16"])
            .arg("-A")
            .arg(format!("SIP_LISTEN=udp:127.0.0.1:{sip_port}"))
            .arg("-A")
            .arg(format!("WEBHOOK_LISTEN=tcp:127.0.0.1:{webhook_port}"))
            .arg("-P")
            .arg(folder.path().join("kamailio.pid"))
            .arg("-Y")
            .arg(folder.path())
            .arg("-f")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/switches/kamailio.cfg"))
            .env("TZ", "UTC")
            .env("CALLBOARD_URL", format!("http://{}", server.api().addr))
            .env("CALLBOARD_SWITCH", SWITCH)
            .env("CALLBOARD_KEY", key)
            .env("CALLBOARD_WEBHOOK_AUTH", WEBHOOK_AUTHORIZATION);
        let log = folder.path().join("kamailio.log");
        let kamailio = Process::start("kamailio", &mut command, &log).stopped_with("TERM");
        let lab = Lab { _kamailio: kamailio, server, sip_port, folder };
        until("Kamailio to answer SIP", || lab.answers_options().then_some(()));
        until("Kamailio's webhook", || TcpStream::connect(("127.0.0.1", webhook_port)).ok());
        lab
    }

    /// A queue with a preset, reached by [`crate::NUMBER`].
    pub fn queue(&self, id: &str, strategy: &str) {
        let total = (strategy == "simultaneous").then_some(20_000);
        let queue = json!({ "name": id, "strategy": strategy, "total_ms": total });
        self.server.must("PUT", &format!("{ACCOUNT}/queues/{id}"), &queue);
        let route = json!({ "number": crate::NUMBER, "to": { "queue": id } });
        self.server.must("PUT", &format!("{ACCOUNT}/routes/main"), &route);
    }

    /// An agent with a phone, member of a queue, still offline.
    pub fn agent(&self, user: &str, port: u16, queue: &str) {
        let name = user.trim_start_matches("usr_");
        let body = json!({
            "email": format!("{name}@acme.test"), "first_name": name, "last_name": "Test",
            "role": "agent", "endpoint": format!("sip:{name}@127.0.0.1:{port}")
        });
        self.server.must("PUT", &format!("{ACCOUNT}/users/{user}"), &body);
        self.server.must("PUT", &format!("{ACCOUNT}/queues/{queue}/members/{user}"), &json!({}));
    }

    /// Sets an agent's status.
    pub fn set_status(&self, user: &str, status: &str) {
        let body = json!({ "status": status });
        self.server.must("PUT", &format!("{ACCOUNT}/agents/{user}/status"), &body);
    }

    /// Whether the agent could be offered a call now.
    pub fn offerable(&self, user: &str) -> bool {
        self.server.must_get(&format!("{ACCOUNT}/agents/{user}"))["offerable"] == true
    }

    /// The call of this name (its Call-ID), when Callboard has it in this state.
    pub fn call_in_state(&self, name: &str, state: &str) -> Option<Value> {
        let found =
            self.server.must_get(&format!("{ACCOUNT}/calls?switch={SWITCH}&switch_call={name}"));
        let id = found["items"].get(0)?["id"].as_str()?;
        let call = self.server.must_get(&format!("{ACCOUNT}/calls/{id}"));
        (call["state"] == state).then_some(call)
    }

    /// A phone that takes one call as its scenario says; listening when this returns.
    pub fn phone(&self, scenario: &str) -> Sipp {
        let phone = Sipp::start(self.folder.path(), scenario, &[]);
        until("a phone to listen", || udp_port_is_open(phone.port).then_some(()));
        phone
    }

    /// A caller who dials `number`; `name` becomes the Call-ID.
    pub fn call(&self, name: &str, number: &str) -> Sipp {
        let target = format!("127.0.0.1:{}", self.sip_port);
        Sipp::start(self.folder.path(), "caller", &[&target, "-s", number, "-cid_str", name])
    }

    fn answers_options(&self) -> bool {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let own = socket.local_addr().unwrap();
        let text = format!(
            "OPTIONS sip:127.0.0.1:{0} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK-{1}\r\n\
             From: <sip:lab@{own}>;tag=1\r\nTo: <sip:127.0.0.1:{0}>\r\nCall-ID: lab-{1}\r\n\
             CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            self.sip_port,
            own.port()
        );
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let mut answer = [0; 2048];
        socket.send_to(text.as_bytes(), ("127.0.0.1", self.sip_port)).is_ok()
            && socket.recv(&mut answer).is_ok_and(|n| answer[..n].starts_with(b"SIP/2.0 200"))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // What a failing test needs to be understood.
        if std::thread::panicking() {
            for entry in fs::read_dir(self.folder.path()).into_iter().flatten().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                if name.ends_with(".log") || name.ends_with(".err") {
                    let said = fs::read_to_string(entry.path()).unwrap_or_default();
                    let tail: Vec<&str> = said.lines().rev().take(60).collect();
                    let tail: Vec<&str> = tail.into_iter().rev().collect();
                    eprintln!("---- {name}\n{}", tail.join("\n"));
                }
            }
            eprintln!("---- callboard\n{}", self.server.log());
        }
    }
}

/// One SIPp that plays one call of a scenario in `tests/switches/sipp/`.
pub struct Sipp {
    /// Its SIP port.
    pub port: u16,
    process: Process,
    errors: PathBuf,
    scenario: String,
}

impl Sipp {
    fn start(folder: &Path, scenario: &str, arguments: &[&str]) -> Sipp {
        let port = free_udp_port();
        let file = format!("tests/switches/sipp/{scenario}.xml");
        let errors = folder.join(format!("{scenario}-{port}.err"));
        let mut command = Command::new("sipp");
        command
            .args(arguments)
            .arg("-sf")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(file))
            .args(["-i", "127.0.0.1", "-p", &port.to_string(), "-m", "1", "-nostdin"])
            // Ports of its own for media and control: the defaults are shared by all.
            .args(["-mp", &free_udp_port().to_string(), "-cp", &free_udp_port().to_string()])
            .args(["-timeout", &format!("{}s", PATIENCE.as_secs()), "-timeout_error"])
            .args(["-trace_err", "-error_file"])
            .arg(&errors);
        let log = folder.join(format!("{scenario}-{port}.out"));
        let process = Process::start(&format!("sipp {scenario}"), &mut command, &log);
        Sipp { port, process: process.stopped_with("USR1"), errors, scenario: scenario.to_owned() }
    }

    /// Waits for the end of the scenario; panics when it went otherwise than written.
    pub fn must_succeed(&mut self) {
        let status = self.process.wait(PATIENCE * 2);
        let said = fs::read_to_string(&self.errors).unwrap_or_default();
        assert!(status.success(), "sipp {} ended with {status}:\n{said}", self.scenario);
    }
}

/// Whether a process listens on this UDP port: read from the kernel's table, because a bind of our
/// own to find out could take the port away from the one that is about to have it.
fn udp_port_is_open(port: u16) -> bool {
    let table = fs::read_to_string("/proc/net/udp").unwrap_or_default();
    let local = format!(":{port:04X}");
    table
        .lines()
        .skip(1)
        .any(|line| line.split_whitespace().nth(1).is_some_and(|address| address.ends_with(&local)))
}
