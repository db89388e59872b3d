//! The node's figures: how long things take, how many come, how the queues stand.

use crate::domain::ids::Name;
use crate::domain::presence::Presence;
use crate::domain::rows::{BoardSeed, Changes, QueueRow};
use crate::domain::switching::ResultStatus;
use crate::domain::time::Millis;
use crate::node::handle::Health;
use crate::node::run::Run;
use metrics::{
    Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram,
    gauge, histogram,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// Gauges are brought up to date this often.
const GAUGES_EACH_MS: u64 = 1_000;

/// Accounts up to this many agents have every invariant checked after every record of a debug
/// build.
const SMALL: usize = 200;

/// Bounds of the histograms, in seconds: a decision takes microseconds, a sync milliseconds.
const BOUNDS: [f64; 16] = [
    0.000_001, 0.000_002, 0.000_005, 0.000_01, 0.000_025, 0.000_1, 0.000_25, 0.000_5, 0.001,
    0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5,
];

const HISTOGRAMS: [(&str, &str); 5] = [
    ("callboard_decision_seconds", "Time of one decision of the engine"),
    ("callboard_event_durable_seconds", "From an event's coming in to its record being durable"),
    ("callboard_event_command_seconds", "From an event's coming in to its commands going out"),
    ("callboard_event_frame_seconds", "From an event's coming in to the boards showing it"),
    ("callboard_history_write_seconds", "Time of one transaction of the history"),
];

/// Bounds of how many records share a sync.
const BATCHES: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0];

const COUNTERS: [(&str, &str); 13] = [
    ("callboard_events_total", "Events of switches, by what became of them"),
    ("callboard_http_requests_total", "Requests, by route, method and status"),
    ("callboard_overloaded_total", "Inputs refused because too many waited to be decided"),
    ("callboard_rate_limited_total", "Requests refused because their key made too many"),
    ("callboard_webhook_failures_total", "Deliveries that a switch's webhook did not take"),
    ("callboard_history_rows_total", "Rows that went into the history"),
    ("callboard_history_failures_total", "Transactions of the history that failed"),
    ("callboard_hooks_told_total", "What hooks were told, by whether they took it"),
    ("callboard_mails_total", "Mails, by whether the mail server took them"),
    ("callboard_live_frames_total", "Frames sent to dashboards"),
    ("callboard_connections_refused_total", "Connections turned away, there being too many"),
    ("callboard_tls_handshakes_failed_total", "TLS handshakes that came to nothing, and why"),
    ("callboard_tls_reloads_total", "Times the certificate was read anew, by how it went"),
];

const GAUGES: [(&str, &str); 14] = [
    ("callboard_build_info", "1; the version is the label"),
    ("callboard_ready", "1 while /readyz answers 200"),
    ("callboard_disk_short", "1 while new work is refused for want of room on the disk"),
    ("callboard_disk_free_bytes", "Free room on the data folder's disk"),
    ("callboard_clock_ahead_seconds", "How far the wall clock is ahead of the node's time"),
    ("callboard_inbox_queued", "Inputs that wait to be decided"),
    ("callboard_connections", "Open connections, WebSockets included"),
    ("callboard_tls_certificate_not_after_seconds", "When the certificate ends, since 1970"),
    ("callboard_live_connections", "Dashboards that are connected"),
    ("callboard_agents", "Agents, by what the board shows of them"),
    ("callboard_queue_waiting", "Calls that wait in the queue"),
    ("callboard_queue_ringing", "Calls of the queue that ring"),
    ("callboard_queue_talking", "Calls of the queue that are talking"),
    ("callboard_queue_offerable", "Agents whom the queue could ring now"),
];

/// Sets the gauges that are looked up when somebody asks.
pub fn show_health(health: &Health) {
    let word = |is: bool| f64::from(u8::from(is));
    gauge!("callboard_ready").set(word(health.ready));
    gauge!("callboard_disk_short").set(word(health.disk_short));
    if let Some(free) = health.disk_free {
        gauge!("callboard_disk_free_bytes").set(free as f64);
    }
    gauge!("callboard_clock_ahead_seconds").set(health.wall_ahead_ms as f64 / 1e3);
    gauge!("callboard_inbox_queued").set(health.queued as f64);
}

/// Installs the recorder, once per process; what `/metrics` renders. `None` when the process has
/// another recorder already.
pub fn install() -> Option<PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let builder = PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BOUNDS)
                .ok()?
                .set_buckets_for_metric(Matcher::Suffix("_records".to_owned()), &BATCHES)
                .ok()?;
            let handle = builder.install_recorder().ok()?;
            for (name, text) in HISTOGRAMS {
                describe_histogram!(name, Unit::Seconds, text);
            }
            for (name, text) in COUNTERS {
                describe_counter!(name, text);
            }
            for (name, text) in GAUGES {
                describe_gauge!(name, text);
            }
            // Shown as 0 from the start, so that the first one is seen as an increase.
            for name in [
                "callboard_overloaded_total",
                "callboard_rate_limited_total",
                "callboard_webhook_failures_total",
                "callboard_connections_refused_total",
                "callboard_live_frames_total",
            ] {
                counter!(name).increment(0);
            }
            for outcome in ["sent", "failed"] {
                counter!("callboard_mails_total", "outcome" => outcome).increment(0);
            }
            for outcome in ["taken", "failed"] {
                counter!("callboard_hooks_told_total", "outcome" => outcome).increment(0);
            }
            gauge!("callboard_live_connections").increment(0.0);
            gauge!("callboard_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
            Some(handle)
        })
        .clone()
}

/// The inbox's.
pub(super) struct InboxFigures {
    pub decision: Histogram,
    results: [Counter; 4],
    /// Agents of each account, for the debug build's question whether it is small.
    agents: FxHashMap<Name, FxHashSet<Name>>,
}

impl InboxFigures {
    /// Registers them.
    pub fn new() -> InboxFigures {
        let result =
            |status: ResultStatus| counter!("callboard_events_total", "result" => status.word());
        InboxFigures {
            decision: histogram!("callboard_decision_seconds"),
            results: [
                result(ResultStatus::Accepted),
                result(ResultStatus::Duplicate),
                result(ResultStatus::Ignored),
                result(ResultStatus::Rejected),
            ],
            agents: FxHashMap::default(),
        }
    }

    /// An event was answered so.
    pub fn count(&self, status: ResultStatus) {
        let [accepted, duplicate, ignored, rejected] = &self.results;
        match status {
            ResultStatus::Accepted => accepted,
            ResultStatus::Duplicate => duplicate,
            ResultStatus::Ignored => ignored,
            ResultStatus::Rejected => rejected,
        }
        .increment(1);
    }

    /// Learns which agents an account has: all of them at the start, the changed ones later.
    pub fn agents(&mut self, account: &Name, changes: &Changes) {
        let agents = self.agents.entry(account.clone()).or_default();
        agents.extend(changes.agents.iter().map(|row| row.id.clone()));
        for gone in &changes.removed_agents {
            agents.remove(gone);
        }
    }

    /// In words, when the account is small enough to ask.
    pub fn broken_invariant(&self, run: &Run) -> Option<String> {
        if self.agents.get(&run.name).is_some_and(|agents| agents.len() > SMALL) {
            return None;
        }
        let broken = run.engine.invariants();
        let (name, seq) = (&run.name, run.engine.seq());
        (!broken.is_empty()).then(|| format!("account {name}, record {seq}: {}", broken.join("; ")))
    }
}

/// The outbox's.
pub(super) struct OutboxFigures {
    pub durable: Histogram,
    pub command: Histogram,
}

impl OutboxFigures {
    /// Registers them.
    pub fn new() -> OutboxFigures {
        OutboxFigures {
            durable: histogram!("callboard_event_durable_seconds"),
            command: histogram!("callboard_event_command_seconds"),
        }
    }
}

/// The boards'.
pub(super) struct BoardsFigures {
    pub frame: Histogram,
    due: Option<Millis>,
}

impl BoardsFigures {
    /// Registers them.
    pub fn new() -> BoardsFigures {
        BoardsFigures { frame: histogram!("callboard_event_frame_seconds"), due: None }
    }

    /// When the gauges are brought up to date next; `None` while nothing changes.
    pub fn due(&self) -> Option<Millis> {
        self.due
    }

    /// Brings the gauges up to date when it is time.
    pub fn tick<'a>(&mut self, now: Millis, floors: impl Iterator<Item = &'a mut FloorFigures>) {
        if self.due.is_some_and(|due| due > now) {
            return;
        }
        let mut changed = false;
        for floor in floors {
            changed |= floor.show();
        }
        self.due = changed.then(|| now.plus(GAUGES_EACH_MS));
    }
}

/// The gauges of one account.
pub(super) struct FloorFigures {
    account: Arc<str>,
    changed: BTreeMap<Name, Arc<QueueRow>>,
    removed: Vec<Name>,
    presence: FxHashMap<Name, Presence>,
    counts: BTreeMap<&'static str, (i64, Gauge)>,
    counts_changed: bool,
    queues: BTreeMap<Name, [Gauge; 4]>,
}

impl FloorFigures {
    /// Registers them, with the values of `board`.
    pub fn new(account: &Name, board: &BoardSeed) -> FloorFigures {
        let mut counts = BTreeMap::new();
        for presence in Presence::ALL {
            let word = presence.word();
            let of = account.to_string();
            let gauge = gauge!("callboard_agents", "account" => of, "presence" => word);
            counts.insert(word, (0, gauge));
        }
        let mut figures = FloorFigures {
            account: account.clone(),
            changed: BTreeMap::new(),
            removed: Vec::new(),
            presence: FxHashMap::default(),
            counts,
            counts_changed: true,
            queues: BTreeMap::new(),
        };
        figures.changed(&Changes {
            queues: board.queues.iter().map(|(_, row)| Arc::clone(row)).collect(),
            agents: board.agents.iter().map(|(_, row)| Arc::clone(row)).collect(),
            ..Changes::default()
        });
        figures
    }

    /// Notes what changed; the gauges follow with the next tick.
    pub fn changed(&mut self, changes: &Changes) {
        for row in &changes.queues {
            self.changed.insert(row.id.clone(), Arc::clone(row));
        }
        self.removed.extend(changes.removed_queues.iter().cloned());
        for row in &changes.agents {
            let before = self.presence.insert(row.id.clone(), row.presence);
            if before != Some(row.presence) {
                self.count(before, -1);
                self.count(Some(row.presence), 1);
            }
        }
        for gone in &changes.removed_agents {
            let before = self.presence.remove(gone);
            self.count(before, -1);
        }
    }

    fn count(&mut self, presence: Option<Presence>, by: i64) {
        if let Some((count, _)) = presence.and_then(|presence| self.counts.get_mut(presence.word()))
        {
            *count += by;
            self.counts_changed = true;
        }
    }

    /// Answers whether there was anything to show.
    fn show(&mut self) -> bool {
        let any = self.counts_changed || !self.changed.is_empty() || !self.removed.is_empty();
        if std::mem::take(&mut self.counts_changed) {
            for (count, gauge) in self.counts.values() {
                gauge.set(*count as f64);
            }
        }
        for (id, row) in std::mem::take(&mut self.changed) {
            let account = &self.account;
            let gauges = self.queues.entry(id).or_insert_with(|| of_queue(account, &row.id));
            let values = [row.waiting, row.ringing, row.talking, row.offerable];
            for (gauge, value) in gauges.iter().zip(values) {
                gauge.set(f64::from(value));
            }
        }
        for id in std::mem::take(&mut self.removed) {
            for gauge in self.queues.remove(&id).iter().flatten() {
                gauge.set(0.0);
            }
        }
        any
    }
}

fn of_queue(account: &str, queue: &str) -> [Gauge; 4] {
    let gauge = |name: &'static str| gauge!(name, "account" => account.to_owned(), "queue" => queue.to_owned());
    [
        gauge("callboard_queue_waiting"),
        gauge("callboard_queue_ringing"),
        gauge("callboard_queue_talking"),
        gauge("callboard_queue_offerable"),
    ]
}
