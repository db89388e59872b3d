//! A real Prometheus reads a node by the handbook's configuration, understands every alert and finds
//! the data of every panel.
//!
//! `CALLBOARD_PEERS=off` leaves this out where Prometheus is not installed; without it, a missing
//! Prometheus is a failure.

use super::documents::{dashboard_expressions, read};
use crate::support::{Api, Process, Server, free_tcp_port, peers, until};
use crate::{BASE, arrival, furnish};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

/// Debian's Prometheus, and what it knows.
struct Prometheus {
    /// Ended with this value.
    _process: Process,
    api: Api,
}

impl Prometheus {
    fn start(folder: &Path, node: SocketAddr) -> Prometheus {
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, free_tcp_port()));
        let config = folder.join("prometheus.yml");
        fs::write(&config, configuration(node)).expect("written");
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("series").display()))
            .arg(format!("--web.listen-address={addr}"));
        let log = folder.join("prometheus.log");
        let process = Process::start("prometheus", &mut command, &log).stopped_with("TERM");
        let api = Api { addr, key: String::new() };
        let ready = || api.try_request("GET", "/-/ready", &[], None).ok().filter(|a| a.0 == 200);
        until("Prometheus to be ready", ready);
        Prometheus { _process: process, api }
    }

    /// What an expression gives now.
    fn series(&self, expression: &str) -> Vec<Value> {
        let mut path = String::from("/api/v1/query?query=");
        for byte in expression.bytes() {
            write!(path, "%{byte:02X}").expect("a text takes it");
        }
        let (status, _, answer) = self.api.get(&path);
        assert_eq!((status, &answer["status"]), (200, &Value::from("success")), "{expression}");
        answer["data"]["result"].as_array().expect("series").clone()
    }

    /// The rules, when every one has been reckoned at least once.
    fn rules(&self) -> Option<Vec<Value>> {
        let answer = self.api.must_get("/api/v1/rules");
        let groups = answer["data"]["groups"].as_array().expect("groups").clone();
        let rules: Vec<Value> =
            groups.iter().flat_map(|g| g["rules"].as_array().expect("rules").clone()).collect();
        let reckoned = |rule: &Value| rule["health"] != "unknown";
        (!rules.is_empty() && rules.iter().all(reckoned)).then_some(rules)
    }
}

/// The handbook's, with this node's address, the alerts, and an interval that a test can wait for.
fn configuration(node: SocketAddr) -> String {
    let page = read("docs/operations.md");
    let from = page.find("    scrape_configs:\n").expect("the handbook has a configuration");
    let lines = page[from..].lines().take_while(|line| line.starts_with("    "));
    let told: String = lines.map(|line| format!("{}\n", &line[4..])).collect();
    assert!(told.contains("scrape_interval: 10s") && told.contains("127.0.0.1:8080"), "{told}");
    let told = told
        .replace("scrape_interval: 10s", "scrape_interval: 250ms")
        .replace("127.0.0.1:8080", &node.to_string());
    let alerts =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("config/prometheus/callboard.rules.yml");
    let alerts = alerts.display();
    format!("global: {{ evaluation_interval: 250ms }}\nrule_files: [\"{alerts}\"]\n{told}")
}

/// As Grafana fills it in.
fn filled_in(expression: &str) -> String {
    expression.replace("$instance", ".*").replace("$__rate_interval", "10s")
}

#[test]
fn prometheus_reads_a_node_reckons_every_alert_and_has_the_data_of_every_panel() {
    if !peers(&["prometheus"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::start();
    furnish(&server, &["usr_ann"]);
    let prometheus = Prometheus::start(folder.path(), server.addr);
    until("the node to be read", || {
        let up = prometheus.series("up{job=\"callboard\"}");
        up.iter().any(|series| series["value"][1] == "1").then_some(())
    });

    let rules = until("every rule to be reckoned", || prometheus.rules());
    let told = read("config/prometheus/callboard.rules.yml");
    assert_eq!(rules.len(), told.matches("- alert: ").count());
    for rule in &rules {
        assert_eq!(rule["health"], "ok", "{rule:#}");
    }

    // Calls that wait, requests, boards: what the panels show. Only TLS is not spoken here.
    let mut calls = 0;
    let expressions = dashboard_expressions();
    until("the data of the panels", || {
        calls += 1;
        server.must("POST", &format!("{BASE}/events"), &arrival(&format!("call-{calls}")));
        let mut of_all = expressions.iter().filter(|expression| !expression.contains("tls_"));
        let has_data = |expression: &String| !prometheus.series(&filled_in(expression)).is_empty();
        of_all.all(has_data).then_some(())
    });

    server.stop();
    until("the alert that the node is down", || {
        let rules = prometheus.rules()?;
        let down = rules.iter().find(|rule| rule["name"] == "CallboardDown").expect("there");
        ["pending", "firing"].iter().any(|state| down["state"] == *state).then_some(())
    });
}
