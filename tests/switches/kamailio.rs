//! A laboratory: Callboard, a Kamailio with `config/switches/kamailio.cfg`, phones and callers, all
//! on free ports of the loopback, each process stopped by its own id.

use super::callers::Caller;
use super::phones::Phones;
use super::sipp::Sipp;
use crate::support::{Answer, Api, Process, Server, free_tcp_port, free_udp_port, until};
use serde_json::{Value, json};
use std::fs;
use std::net::{TcpStream, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The account's part of the API.
pub const ACCOUNT: &str = "/v1/accounts/default";
const SWITCH: &str = "sip-edge-1";
/// What Callboard sends as `Authorization` with its commands.
pub const WEBHOOK_AUTHORIZATION: &str = "Bearer from-callboard";

/// Debian puts it where only administrators look.
pub fn kamailio() -> &'static str {
    let debian = "/usr/sbin/kamailio";
    if Path::new(debian).exists() { debian } else { "kamailio" }
}

/// How Kamailio is set up besides what every laboratory has.
#[derive(Default)]
pub struct Setup {
    /// More of its environment.
    pub env: Vec<(&'static str, String)>,
    /// Callers go to the phone `overflow` while Callboard is away.
    pub overflow: bool,
    /// The capability, where it is not that of the guide.
    pub offers_per_call: Option<u32>,
    /// The phone `queue` tells callers their place.
    pub announcer: bool,
}

/// Callboard and Kamailio, connected.
pub struct Lab {
    // In this order: Kamailio stops before the server that it reports to.
    kamailio: Process,
    server: Server,
    /// The agents' phones.
    pub phones: Phones,
    sip_port: u16,
    webhook_port: u16,
    key: String,
    setup: Setup,
    folder: tempfile::TempDir,
}

impl Lab {
    /// Both running, the switch set up, no queue and no agent.
    pub fn start_with(setup: Setup) -> Lab {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start_in(&folder.path().join("data"), &[]);
        let (sip_port, webhook_port) = (free_udp_port(), free_tcp_port());
        let url = format!("http://127.0.0.1:{webhook_port}/commands");
        let switch = json!({
            "name": "Edge 1",
            "webhook": { "url": url, "authorization": WEBHOOK_AUTHORIZATION },
            "capabilities": {
                "connects": "switch", "times_ring": false, "adds_leg": true,
                "cancels_one_leg": true, "offers_per_call": setup.offers_per_call.unwrap_or(28), "answers_for_agent": false,
                "hold": false, "transfer": false, "announce": setup.announcer, "originate": false,
                "supervise": false, "media": ["voice"]
            }
        });
        server.must("PUT", &format!("{ACCOUNT}/switches/{SWITCH}"), &switch);
        let key = json!({ "name": "Edge 1", "role": "switch", "switch": SWITCH });
        let key = server.must("POST", &format!("{ACCOUNT}/keys"), &key);
        let key = key["secret"].as_str().expect("a new key's secret").to_owned();
        let phones = Phones::new(sip_port);
        let log = folder.path().join("kamailio.log");
        // In its place for a moment: the process cannot be started before the rest is there.
        let kamailio = Process::start("true", &mut Command::new("true"), &log);
        let mut lab = Lab { kamailio, server, phones, sip_port, webhook_port, key, setup, folder };
        lab.start_kamailio();
        lab
    }

    fn start_kamailio(&mut self) {
        let folder = self.folder.path();
        let mut command = Command::new(kamailio());
        command.args(["-DD", "-E", "-m", "64", "-M", "32"]);
        command
            .arg("-P")
            .arg(folder.join("kamailio.pid"))
            .arg("-Y")
            .arg(folder)
            .arg("-f")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/switches/kamailio.cfg"))
            .env("TZ", "UTC")
            .env("CALLBOARD_URL", format!("http://{}", self.server.api().addr))
            .env("CALLBOARD_SIP_LISTEN", format!("udp:127.0.0.1:{}", self.sip_port))
            .env("CALLBOARD_WEBHOOK_LISTEN", format!("tcp:127.0.0.1:{}", self.webhook_port))
            .env("CALLBOARD_SWITCH", SWITCH)
            .env("CALLBOARD_KEY", &self.key)
            .env("CALLBOARD_WEBHOOK_AUTH", WEBHOOK_AUTHORIZATION)
            .envs(self.setup.env.iter().map(|(name, value)| (name, value)));
        if self.setup.overflow {
            let phone = format!("sip:overflow@127.0.0.1:{}", self.phones.port());
            command.env("CALLBOARD_OVERFLOW", phone);
        }
        if self.setup.announcer {
            command.env("CALLBOARD_ANNOUNCER", format!("127.0.0.1:{}", self.phones.port()));
        }
        let log = folder.join("kamailio.log");
        self.kamailio = Process::start("kamailio", &mut command, &log).stopped_with("TERM");
        until("Kamailio to answer SIP", || {
            let ended = self.kamailio.ended();
            assert!(ended.is_none(), "Kamailio ended with {ended:?}");
            self.answers_options().then_some(())
        });
        until("Kamailio's webhook", || TcpStream::connect(("127.0.0.1", self.webhook_port)).ok());
        until("Callboard to know of its start", || self.bootid());
    }

    /// The start of Kamailio that Callboard knows.
    pub fn bootid(&self) -> Option<String> {
        let switch = self.server.must_get(&format!("{ACCOUNT}/switches/{SWITCH}"));
        switch["bootid"].as_str().map(str::to_owned)
    }

    /// Kamailio ends, and begins anew on the same ports; returns when Callboard knows.
    pub fn restart_kamailio(&mut self) {
        let before = self.bootid();
        self.kamailio.stop("TERM");
        self.start_kamailio();
        until("Callboard to know of the new start", || (self.bootid() != before).then_some(()));
    }

    /// Runs an administrator's command of Kamailio.
    pub fn kamcmd(&self, arguments: &[&str]) {
        let socket = format!("unix:{}", self.folder.path().join("kamailio_ctl").display());
        let done = Command::new("/usr/sbin/kamcmd").args(["-s", &socket]).args(arguments).output();
        let done = done.expect("kamcmd");
        assert!(done.status.success(), "kamcmd {arguments:?}: {done:?}");
    }

    /// `kill -9` of Callboard.
    pub fn kill_callboard(&mut self) {
        self.server.kill();
    }

    /// Callboard comes back on its folder and its port.
    pub fn start_callboard(&mut self) {
        let addr = self.server.api().addr.to_string();
        let data = self.server.data().to_owned();
        self.server = Server::start_in(&data, &["--listen", &addr]);
    }

    /// Callboard hangs: it neither answers nor closes anything.
    pub fn freeze_callboard(&self) {
        self.signal_callboard("STOP");
    }

    /// … and goes on.
    pub fn thaw_callboard(&self) {
        self.signal_callboard("CONT");
    }

    fn signal_callboard(&self, signal: &str) {
        let id = self.server.id().to_string();
        let done = Command::new("kill").args(["-s", signal, &id]).status();
        assert!(done.is_ok_and(|status| status.success()), "no signal {signal} to {id}");
    }

    /// A `PUT` that must succeed.
    pub fn put(&self, path: &str, body: &Value) {
        self.server.must("PUT", &format!("{ACCOUNT}{path}"), body);
    }

    /// A `POST` that must succeed.
    pub fn post(&self, path: &str, body: &Value) {
        self.server.must("POST", &format!("{ACCOUNT}{path}"), body);
    }

    /// Commands to Kamailio, as Callboard would send them.
    pub fn command(&self, authorization: &str, body: &Value) -> Answer {
        let webhook = Api { addr: ([127, 0, 0, 1], self.webhook_port).into(), key: String::new() };
        webhook.request("POST", "/commands", &[("authorization", authorization)], Some(body))
    }

    /// A `GET` that must succeed.
    pub fn get(&self, path: &str) -> Value {
        self.server.must_get(&format!("{ACCOUNT}{path}"))
    }

    /// A queue with a preset, reached by [`crate::NUMBER`].
    pub fn queue(&self, id: &str, strategy: &str) {
        self.queue_with(id, strategy, json!({}));
    }

    /// [`Lab::queue`] with more settings.
    pub fn queue_with(&self, id: &str, strategy: &str, settings: Value) {
        let total = matches!(strategy, "simultaneous" | "sequential").then_some(60_000);
        let mut queue = json!({ "name": id, "strategy": strategy, "total_ms": total });
        let settings = settings.as_object().cloned().unwrap_or_default();
        queue.as_object_mut().unwrap().extend(settings);
        self.put(&format!("/queues/{id}"), &queue);
        let route = json!({ "number": crate::NUMBER, "to": { "queue": id } });
        self.put("/routes/main", &route);
    }

    /// An agent with a phone of SIPp, member of a queue, still offline.
    pub fn agent(&self, user: &str, port: u16, queue: &str) {
        let name = user.trim_start_matches("usr_");
        self.user(user, &format!("sip:{name}@127.0.0.1:{port}"));
        self.put(&format!("/queues/{queue}/members/{user}"), &json!({}));
    }

    /// An agent whose phone rings at an endpoint, member of nothing.
    pub fn user(&self, user: &str, endpoint: &str) {
        let name = user.trim_start_matches("usr_");
        let body = json!({
            "email": format!("{name}@acme.test"), "first_name": name, "last_name": "Test",
            "role": "agent", "endpoint": endpoint
        });
        self.put(&format!("/users/{user}"), &body);
    }

    /// Agents with phones of [`Lab::phones`], in this order members of a queue, and ready.
    pub fn staff(&self, queue: &str, names: &[&str]) {
        for (at, name) in names.iter().enumerate() {
            let user = format!("usr_{name}");
            self.user(&user, &format!("sip:{name}@127.0.0.1:{}", self.phones.port()));
            let member = json!({ "position": at + 1 });
            self.put(&format!("/queues/{queue}/members/{user}"), &member);
        }
        for name in names {
            self.set_status(&format!("usr_{name}"), "ready");
        }
    }

    /// Sets an agent's status.
    pub fn set_status(&self, user: &str, status: &str) {
        self.put(&format!("/agents/{user}/status"), &json!({ "status": status }));
    }

    /// One agent.
    pub fn agent_json(&self, user: &str) -> Value {
        self.get(&format!("/agents/{user}"))
    }

    /// Whether the agent could be offered a call now.
    pub fn offerable(&self, user: &str) -> bool {
        self.agent_json(user)["offerable"] == true
    }

    /// The call of this name (its Call-ID), when Callboard knows it.
    pub fn call_named(&self, name: &str) -> Option<Value> {
        let found = self.get(&format!("/calls?switch={SWITCH}&switch_call={name}"));
        let id = found["items"].get(0)?["id"].as_str()?;
        Some(self.get(&format!("/calls/{id}")))
    }

    /// The call of this name, when Callboard has it in this state.
    pub fn call_in_state(&self, name: &str, state: &str) -> Option<Value> {
        self.call_named(name).filter(|call| call["state"] == state)
    }

    /// Waits until the call of this name is in this state.
    pub fn until_call(&self, name: &str, state: &str) -> Value {
        let mut seen = Value::Null;
        let give_up = std::time::Instant::now() + crate::support::PATIENCE;
        loop {
            seen = self.call_named(name).unwrap_or(seen);
            if seen["state"] == state {
                return seen;
            }
            // What it is instead, and how it came to that, is what one must know.
            let told = || {
                let id = seen["id"].as_str().unwrap_or("");
                self.get(&format!("/calls/{id}/trace")).to_string()
            };
            let in_time = std::time::Instant::now() < give_up;
            assert!(in_time, "{name} is not {state}: {seen:#}\n{}", told());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until a phone rings.
    pub fn until_rings(&self, name: &str) {
        let rings = || self.phones.ringing().iter().any(|ringing| ringing == name).then_some(());
        until(&format!("{name}'s phone to ring"), rings);
        let user = format!("usr_{name}");
        until(&format!("Callboard to know that {user} rings"), || {
            (self.agent_json(&user)["detail"] == "ringing").then_some(())
        });
    }

    /// A phone of SIPp that takes one call as its scenario says; listening when this returns.
    pub fn phone(&self, scenario: &str) -> Sipp {
        Sipp::start(self.folder.path(), scenario, &[]).listening()
    }

    /// A caller of SIPp who dials `number`; `name` becomes the Call-ID.
    pub fn call(&self, name: &str, number: &str) -> Sipp {
        let target = format!("127.0.0.1:{}", self.sip_port);
        Sipp::start(self.folder.path(), "caller", &[&target, "-s", number, "-cid_str", name])
    }

    /// A caller whom the test tells what to do.
    pub fn caller(&self, name: &str) -> Caller {
        Caller::dial(self.sip_port, name, crate::NUMBER)
    }

    /// A caller who dials something else.
    pub fn caller_to(&self, name: &str, number: &str) -> Caller {
        Caller::dial(self.sip_port, name, number)
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

/// What a failing test needs to be understood.
impl Drop for Lab {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for entry in fs::read_dir(self.folder.path()).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".log") || name.ends_with(".err") {
                let said = fs::read_to_string(entry.path()).unwrap_or_default();
                let lines: Vec<&str> = said.lines().collect();
                let tail = lines[lines.len().saturating_sub(60)..].join("\n");
                eprintln!("---- {name}\n{tail}");
            }
        }
    }
}

/// The call is over, was answered, and was offered once to each of these agents, with this outcome.
pub fn assert_answered(lab: &Lab, name: &str, expected: &[(&str, &str)]) {
    let call = lab.until_call(name, "ended");
    assert_eq!(call["outcome"], "answered", "{call:#}");
    let mut found = offers(&call);
    found.sort();
    let expected: Vec<(String, String)> =
        expected.iter().map(|(agent, outcome)| (agent.to_string(), outcome.to_string())).collect();
    assert_eq!(found, expected, "{call:#}");
}

/// Agent and outcome of each of a call's offers, in the order in which they were made.
pub fn offers(call: &Value) -> Vec<(String, String)> {
    let word = |offer: &Value, field: &str| offer[field].as_str().unwrap_or("?").to_owned();
    let offers = call["offers"].as_array().map(Vec::as_slice).unwrap_or_default();
    offers.iter().map(|offer| (word(offer, "agent"), word(offer, "outcome"))).collect()
}
