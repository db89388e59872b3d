//! What the handbook, the alert rules, the dashboard and the unit name is what there is.

use crate::support::{Server, until};
use crate::{BASE, arrival, furnish};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A file of the project.
pub fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// The rows of the table below this heading of the handbook, as their cells.
fn table(heading: &str) -> Vec<Vec<String>> {
    let page = read("docs/operations.md");
    let from = page.find(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let section = &page[from + 4 + heading.len()..];
    let section = section.split("\n## ").next().expect("a section");
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split(" | ").map(|c| c.trim().to_owned()).collect())
        .collect()
}

fn quoted(cell: &str) -> String {
    cell.trim_matches('`').to_owned()
}

/// Every metric of a node that has had something of everything, with its type.
fn exposed() -> BTreeMap<String, String> {
    let server = Server::start();
    furnish(&server, &["usr_ann"]);
    server.must("POST", &format!("{BASE}/events"), &arrival("one"));
    until("the queue's figures", || {
        let text = server.must_get("/metrics");
        let text = text.as_str().expect("text").to_owned();
        let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let all: BTreeMap<String, String> = types
            .filter_map(|line| line.split_once(' '))
            .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
            .collect();
        all.contains_key("callboard_queue_waiting").then_some(all)
    })
}

#[test]
fn the_handbook_the_alerts_and_the_dashboard_name_the_metrics_there_are() {
    let exposed = exposed();
    let names: BTreeSet<String> = exposed.keys().cloned().collect();
    let all: BTreeSet<String> = table("Metrics").iter().map(|row| quoted(&row[0])).collect();
    // Those are there with TLS only: `tests/tls.rs` looks for them.
    let (of_tls, told): (BTreeSet<String>, BTreeSet<String>) =
        all.into_iter().partition(|name| name.starts_with("callboard_tls_"));
    let missing: Vec<_> = names.difference(&told).collect();
    let invented: Vec<_> = told.difference(&names).collect();
    assert!(
        missing.is_empty() && invented.is_empty(),
        "not told {missing:?}, no more {invented:?}"
    );

    let mut series: BTreeSet<String> = of_tls;
    for (name, kind) in &exposed {
        match kind.as_str() {
            "histogram" => {
                series.extend(["_bucket", "_sum", "_count"].map(|end| format!("{name}{end}")));
            }
            "counter" | "gauge" => _ = series.insert(name.clone()),
            other => panic!("{name} is a {other}: not to be added up over nodes"),
        }
    }
    let rules = read("config/prometheus/callboard.rules.yml");
    let expressions: Vec<&str> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).collect();
    assert!(expressions.len() >= 10, "{expressions:?}");
    let shown = dashboard_expressions();
    assert!(shown.len() >= 10, "{shown:?}");
    for expression in expressions.iter().copied().chain(shown.iter().map(String::as_str)) {
        let used = metrics_in(expression);
        let known = |name: &String| series.contains(name);
        assert!(used.iter().all(known), "{expression}: {used:?} of {series:?}");
        assert!(!used.is_empty() || expression.starts_with("up{"), "{expression}");
        let open = expression.matches(['(', '{', '[']).count();
        assert_eq!(open, expression.matches([')', '}', ']']).count(), "{expression}");
    }
    let drawn: BTreeSet<String> = shown.iter().flat_map(|shown| metrics_in(shown)).collect();
    let left_out = |name: &&String| {
        let is_drawn = drawn.iter().any(|drawn| drawn.starts_with(name.as_str()));
        // Both stand in the panels by other figures.
        !is_drawn && !["callboard_build_info", "callboard_disk_short"].contains(&name.as_str())
    };
    let left_out: Vec<_> = names.iter().filter(left_out).collect();
    assert!(left_out.is_empty(), "not on the dashboard: {left_out:?}");
}

/// What the panels of the dashboard ask for.
pub fn dashboard_expressions() -> Vec<String> {
    let dashboard: Value =
        serde_json::from_str(&read("config/grafana/callboard.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().map(|panel| panel["targets"].as_array().expect("targets"));
    assert!(targets.clone().all(|targets| !targets.is_empty()));
    let expressions = targets.flatten().map(|target| target["expr"].as_str().expect("expr"));
    expressions.map(str::to_owned).collect()
}

/// The metrics that an expression names: words that begin as ours do.
fn metrics_in(expression: &str) -> BTreeSet<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let unquoted: String = expression.split('"').step_by(2).collect();
    let words = unquoted.split(|c| !is_word(c));
    let ours = |word: &&str| word.starts_with("callboard_") || word.starts_with("journal_");
    words.filter(ours).map(str::to_owned).collect()
}

#[test]
fn the_handbook_tells_every_log_line_from_info_up_and_no_other() {
    let mut said = BTreeSet::new();
    for file in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = fs::read_to_string(&file).expect("a source");
        for level in ["info", "warn", "error"] {
            for call in text.split(&format!("tracing::{level}!(")).skip(1) {
                // The message is the last text of the call; one that is all variable is told apart.
                let call = &call[..call.find(");").or(call.find(")\n")).unwrap_or(call.len())];
                let call = call.split("),\n").next().expect("a call");
                let message = call.split('"').nth_back(1).unwrap_or_default().to_owned();
                assert!(!message.is_empty(), "{}: {call}", file.display());
                if message != "{why}" {
                    said.insert((level.to_owned(), message));
                }
            }
        }
    }
    let told: BTreeSet<(String, String)> =
        table("Log lines").iter().map(|row| (row[0].clone(), quoted(&row[1]))).collect();
    let missing: Vec<_> = said.difference(&told).collect();
    let invented: Vec<_> = told.difference(&said).collect();
    assert!(
        missing.is_empty() && invented.is_empty(),
        "not told {missing:?}, no more {invented:?}"
    );
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn the_handbook_tells_every_exit_code() {
    let told: BTreeSet<String> = table("Exit codes").iter().map(|row| row[0].clone()).collect();
    let mut codes: BTreeSet<String> = ["0", "1", "2"].map(str::to_owned).into();
    for file in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = fs::read_to_string(&file).expect("a source");
        for line in text.lines().filter(|line| line.contains("const EXIT_")) {
            let code = line.split("= ").nth(1).expect("a value").trim_end_matches(';');
            codes.insert(code.to_owned());
        }
    }
    assert_eq!(told, codes);
    assert!(codes.len() >= 7);
}

/// What the unit and the container file start, with the flags and variables there are.
#[test]
fn the_unit_and_the_container_start_what_there_is() {
    let unit = read("config/systemd/callboard.service");
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("a start");
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_callboard"))
        .args(["serve", "--help"])
        .output()
        .expect("it runs");
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let flags: Vec<&str> = start.split(' ').filter(|word| word.starts_with("--")).collect();
    assert!(flags.len() >= 2 && flags.iter().all(|flag| help.contains(flag)), "{flags:?}");
    let container = read("Containerfile");
    let variables: BTreeSet<&str> = unit
        .split([' ', '=', '\n', '\\'])
        .chain(container.split([' ', '=', '\n', '\\']))
        .filter(|word| word.starts_with("CALLBOARD_"))
        .collect();
    assert!(variables.len() >= 4, "{variables:?}");
    assert!(variables.iter().all(|name| help.contains(&format!("[env: {name}"))), "{variables:?}");
    for need in ["USER 10001", "VOLUME ", "HEALTHCHECK ", "STOPSIGNAL SIGTERM"] {
        assert!(container.contains(need), "{need}");
    }
    // The unit waits for longer than a stop takes at most.
    let patience = unit.lines().find_map(|line| line.strip_prefix("TimeoutStopSec=")).expect("set");
    let patience: u64 = patience.trim_end_matches('s').parse().expect("seconds");
    assert!(patience > 20 + 5);
    for folder in container.lines().filter_map(|line| line.strip_prefix("COPY ")) {
        for path in folder.split(' ').filter(|word| !word.starts_with("--") && *word != "./") {
            let is_here = Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists();
            assert!(is_here || path.contains("callboard"), "{path}");
        }
    }
}

#[test]
fn health_is_asked_from_the_command_line() {
    let mut server = Server::start();
    let url = format!("http://{}", server.addr);
    let ask = || {
        std::process::Command::new(env!("CARGO_BIN_EXE_callboard"))
            .args(["health", &url])
            .output()
            .expect("it runs")
    };
    let well = ask();
    let said: Value = serde_json::from_slice(&well.stdout).expect("JSON");
    assert!(well.status.success() && said["ready"] == json!(true), "{said}");
    server.kill();
    assert_eq!(ask().status.code(), Some(1), "nobody is there");
}
