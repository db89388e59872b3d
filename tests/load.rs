//! `callboard load` as a whole: a server of its own, a small floor, and figures that say that the
//! checks held; and a server that a run is pointed at.

mod support;

use serde_json::Value;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Output};

/// Small: a debug build checks every invariant after every event.
const SMALL: [&str; 18] = [
    "load",
    "--for",
    "3s",
    "--warm-up",
    "500ms",
    "--agents",
    "12",
    "--queues",
    "3",
    "--dashboards",
    "2",
    "--calls-per-second",
    "8",
    "--wrap-up",
    "50ms",
    "--floor-for",
    "100ms",
    "--quiet",
];

fn load(more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callboard"));
    command.args(SMALL).args(more).env_remove("CALLBOARD_URL").env_remove("CALLBOARD_KEY");
    command.output().expect("the load ends")
}

fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).expect("the figures are written");
    serde_json::from_str(&text).expect("JSON")
}

fn assert_held(output: &Output, figures: &Value) {
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    assert_eq!(figures["held"], true, "{said}");
    assert!(said.contains("held       no agent was rung for two calls at once"), "{said}");
    assert!(!said.contains("BROKEN"), "{said}");
    let count = |name: &str| figures["counts"][name].as_u64().expect("a count");
    // 8 calls a second for 3.5 s; each has exactly one end.
    assert_eq!(count("arrived"), 28, "{said}");
    assert_eq!(count("finished") + count("abandoned") + count("exited"), 28, "{said}");
    assert!(count("answered") > 0 && count("finished") == count("answered"), "{said}");
    for measure in ["event_to_reply", "arrival_to_ring", "change_to_frame", "due_to_sent"] {
        let latency = &figures["latencies"][measure];
        assert!(latency["count"].as_u64() > Some(0), "{measure}: {said}");
        let at = |name: &str| latency[name].as_f64().expect("milliseconds");
        assert!(at("p50_ms") <= at("p99_ms") && at("p99_ms") <= at("max_ms"), "{measure}: {said}");
    }
}

#[test]
fn a_short_load_over_the_link_measures_and_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    let (json, html) = (folder.path().join("load.json"), folder.path().join("load.html"));
    let paths = [&json, &html].map(|path| path.to_str().expect("text"));
    let output = load(&["--desks", "2", "--json", paths[0], "--html", paths[1]]);
    assert!(json.exists(), "{}", String::from_utf8_lossy(&output.stderr));
    let figures = read(&json);
    assert_held(&output, &figures);
    assert!(figures["desks"]["states"].as_u64() >= Some(2), "{}", figures["desks"]);
    assert!(figures["floor"]["http_per_s"].as_f64() > Some(0.0), "{}", figures["floor"]);
    assert!(figures["ratios"]["single_events_to_bare_http"].as_f64() > Some(0.0));
    assert!(figures["seconds"].as_array().is_some_and(|seconds| seconds.len() >= 3));
    let page = std::fs::read_to_string(&html).expect("the page is written");
    assert!(page.contains("<svg") && page.contains("arrival → ring") && !page.contains("<script"));
}

#[test]
fn single_posts_to_a_server_that_runs_hold_too() {
    let server = support::Server::start();
    let folder = tempfile::tempdir().expect("a folder");
    let (json, profile) = (folder.path().join("load.json"), folder.path().join("day.txt"));
    // As many calls as above, by counts: a quiet and a busy half.
    std::fs::write(&profile, "# a day\nevery 1750s\n00:00,8\n12:00,20\n").expect("written");
    let key = std::fs::read_to_string(server.data().join("owner.key")).expect("a key");
    let address = std::fs::read_to_string(server.data().join("listen.addr")).expect("an address");
    let url = format!("http://{}", address.trim());
    let paths = [&json, &profile].map(|path| path.to_str().expect("text"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_callboard"));
    let rate = SMALL.iter().position(|word| *word == "--calls-per-second").expect("a rate");
    let small = [&SMALL[..rate], &SMALL[rate + 2..]].concat();
    command.args(small).args(["--profile", paths[1], "--speed", "1000", "--via", "post"]);
    command.args(["--server", &url, "--key", key.trim(), "--json", paths[0], "--view", "queue"]);
    let output = command.output().expect("the load ends");
    assert!(json.exists(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_held(&output, &read(&json));
    let calls = server.api().must_get("/v1/accounts/default/calls");
    assert_eq!(calls["items"], serde_json::json!([]), "nothing lives on after the run");
}

#[test]
fn commands_by_webhook_hold_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let json = folder.path().join("load.json");
    let output = load(&["--via", "webhook", "--json", json.to_str().expect("text")]);
    assert!(json.exists(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_held(&output, &read(&json));
}

/// Every fault, in a few seconds: checks that hold, and faults that were there.
#[test]
fn a_soak_holds_through_its_faults() {
    for via in ["link", "post"] {
        let folder = tempfile::tempdir().expect("a folder");
        let json = folder.path().join("load.json");
        let path = json.to_str().expect("text");
        let lasts = SMALL.iter().position(|word| *word == "--for").expect("a time");
        let mut command = Command::new(env!("CARGO_BIN_EXE_callboard"));
        command.args(&SMALL[..lasts]).args(&SMALL[lasts + 2..]).args(["--for", "9s", "--soak"]);
        command.args(["--switch-restarts", "3s", "--link-breaks", "2s", "--flapping", "4"]);
        command.args(["--dying-dashboards", "2", "--dying-desks", "1", "--desks", "3"]);
        command.args(["--via", via, "--json", path]);
        command.env_remove("CALLBOARD_URL").env_remove("CALLBOARD_KEY");
        let output = command.output().expect("the load ends");
        let said = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{via}: {said}\n{errors}");
        let figures = read(&json);
        assert!(figures["held"] == true && !said.contains("BROKEN"), "{via}: {said}");
        for fault in [
            "agents_left",
            "dashboards_died",
            "dashboards_resumed",
            "desks_died",
            "link_breaks",
            "switch_restarts",
        ] {
            assert!(figures["faults"][fault].as_u64() > Some(0), "{via}, {fault}: {said}");
        }
        let count = |name: &str| figures["counts"][name].as_u64().expect("a count");
        let ended = count("finished") + count("abandoned") + count("exited") + count("restarted");
        assert_eq!(ended, count("arrived"), "{via}: {said}");
        assert!(count("restarted") > 0 && count("answered") > 0, "{via}: {said}");
        let acts = &figures["desks"];
        assert!(acts["acts"].as_u64() > acts["acts_late"].as_u64(), "{via}: {acts}");
        assert!(figures["memory"]["bytes_per_minute"].is_number(), "{via}: {}", figures["memory"]);
        assert_eq!(figures["asked"]["poisson"], true);
    }
}

#[test]
fn a_run_that_is_killed_takes_its_server_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut command = Command::new(env!("CARGO_BIN_EXE_callboard"));
    command.args(["load", "--for", "60s", "--quiet", "--floor-for", "0s", "--agents", "2"]);
    command.args(["--queues", "1", "--data", data.to_str().expect("text")]);
    command.env_remove("CALLBOARD_URL").env_remove("CALLBOARD_KEY");
    let log = folder.path().join("load.log");
    let mut run = support::Process::start("callboard load", &mut command, &log);
    let address = support::until("the server's address", || {
        std::fs::read_to_string(data.join("listen.addr")).ok()?.trim().parse::<SocketAddr>().ok()
    });
    assert!(TcpStream::connect(address).is_ok(), "the server is there");
    run.kill();
    support::until("the server's end", || TcpStream::connect(address).is_err().then_some(()));
    assert!(!data.join("listen.addr").exists(), "it stopped in good order");
}

#[test]
fn a_server_that_is_not_there_is_told_and_nothing_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let json = folder.path().join("load.json");
    let url = format!("http://127.0.0.1:{}", support::free_tcp_port());
    let output =
        load(&["--server", &url, "--key", "cbk_x", "--json", json.to_str().expect("text")]);
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("setting up") && !json.exists(), "{errors}");
}
