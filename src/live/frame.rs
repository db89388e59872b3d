//! What a dashboard is sent. A frame is made of shared rows and turned into text by the first
//! connection that sends it, once for all that share it; the boards' thread never writes JSON.

use crate::domain::ids::{CallId, Name};
use crate::domain::rows::{AgentRow, AlertRow, CallRow, QueueRow, Removed};
use crate::domain::time::{self, Millis};
use axum::extract::ws::Utf8Bytes;
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

/// A text holds at most this many bytes, unless a single row or the list of what was removed is
/// longer.
///
/// The contract allows 256 KiB; less keeps what a connection that does not read holds small: the
/// WebSocket's own copy of the text that it is stuck in.
pub const PART_BYTES: usize = 16 * 1024;

/// One message to a dashboard; a large one takes several texts. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Frame(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    seq: u64,
    at: Millis,
    body: Body,
    texts: OnceLock<Vec<Utf8Bytes>>,
}

#[derive(Debug)]
enum Body {
    Snapshot { epoch: Name, rows: Rows },
    Delta { prev: u64, rows: Rows, removed: Gone },
    Tick,
}

/// The objects of a frame.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    pub(super) queues: Vec<Arc<QueueRow>>,
    pub(super) agents: Vec<Arc<AgentRow>>,
    pub(super) calls: Vec<Arc<CallRow>>,
    /// `None`: not asked for, and not told.
    pub(super) alerts: Option<Vec<Arc<AlertRow>>>,
}

/// What left the view, in order of id.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Gone {
    queues: BTreeSet<Name>,
    agents: BTreeSet<Name>,
    #[serde(serialize_with = "texts")]
    calls: BTreeSet<CallId>,
}

impl Gone {
    pub(super) fn add(&mut self, what: Removed) {
        match what {
            Removed::Queue(id) => self.queues.insert(id),
            Removed::Agent(id) => self.agents.insert(id),
            Removed::Call(id) => self.calls.insert(id),
        };
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queues.is_empty() && self.agents.is_empty() && self.calls.is_empty()
    }
}

impl Rows {
    fn len(&self) -> usize {
        let alerts = self.alerts.as_ref().map_or(0, Vec::len);
        self.queues.len() + self.agents.len() + self.calls.len() + alerts
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Frame {
    pub(super) fn snapshot(epoch: Name, seq: u64, at: Millis, rows: Rows) -> Frame {
        Frame::new(seq, at, Body::Snapshot { epoch, rows })
    }

    pub(super) fn delta(prev: u64, seq: u64, at: Millis, rows: Rows, removed: Gone) -> Frame {
        Frame::new(seq, at, Body::Delta { prev, rows, removed })
    }

    pub(super) fn tick(seq: u64, at: Millis) -> Frame {
        Frame::new(seq, at, Body::Tick)
    }

    fn new(seq: u64, at: Millis, body: Body) -> Frame {
        Frame(Arc::new(Inner { seq, at, body, texts: OnceLock::new() }))
    }

    /// The sequence that a client stands at when it has taken this frame in.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.0.seq
    }

    /// When it was made.
    #[must_use]
    pub fn at(&self) -> Millis {
        self.0.at
    }

    /// Whether it holds so many rows that making its texts takes a while.
    pub(super) fn is_large(&self) -> bool {
        const MANY: usize = 256;
        match &self.0.body {
            Body::Snapshot { rows, .. } | Body::Delta { rows, .. } => rows.len() > MANY,
            Body::Tick => false,
        }
    }

    /// Whether making the texts takes a while and is still to be done, so that it had better be
    /// done where it may block.
    #[must_use]
    pub fn is_costly(&self) -> bool {
        self.is_large() && self.0.texts.get().is_none()
    }

    /// Its texts, in the order to send them; made by the first who asks.
    #[must_use]
    pub fn texts(&self) -> &[Utf8Bytes] {
        self.0.texts.get_or_init(|| self.0.encode())
    }

    /// Whether both are the same frame, not only equal ones.
    #[must_use]
    pub fn is_same(&self, other: &Frame) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Inner {
    fn encode(&self) -> Vec<Utf8Bytes> {
        let (seq, at) = (self.seq, self.at);
        match &self.body {
            Body::Snapshot { epoch, rows } => parts(epoch, seq, at, rows),
            Body::Delta { prev, rows, removed } => deltas(*prev, seq, at, rows, removed),
            Body::Tick => vec![json(&Tick { kind: "tick", seq, at }).into()],
        }
    }
}

#[derive(Serialize)]
struct Delta<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    seq: u64,
    prev: u64,
    #[serde(with = "time::wire")]
    at: Millis,
    queues: &'a [Arc<QueueRow>],
    agents: &'a [Arc<AgentRow>],
    calls: &'a [Arc<CallRow>],
    #[serde(skip_serializing_if = "Option::is_none")]
    alerts: Option<&'a [Arc<AlertRow>]>,
    removed: &'a Gone,
}

#[derive(Serialize)]
struct Tick {
    #[serde(rename = "type")]
    kind: &'static str,
    seq: u64,
    #[serde(with = "time::wire")]
    at: Millis,
}

/// The rows of one part, as JSON.
#[derive(Default)]
struct Part {
    queues: String,
    agents: String,
    calls: String,
    alerts: String,
}

impl Part {
    fn len(&self) -> usize {
        self.queues.len() + self.agents.len() + self.calls.len() + self.alerts.len()
    }

    /// The lists as members of an object; alerts where they are told.
    fn lists(&self, tells_alerts: bool) -> String {
        let Part { queues, agents, calls, alerts } = self;
        let alerts = if tells_alerts { format!(",\"alerts\":[{alerts}]") } else { String::new() };
        format!("\"queues\":[{queues}],\"agents\":[{agents}],\"calls\":[{calls}]{alerts}")
    }
}

/// A delta; a large one is cut into several that follow each other. Only the last arrives at `seq`,
/// so that a client that breaks off before it, and resumes where it stands, misses nothing.
fn deltas(prev: u64, seq: u64, at: Millis, rows: &Rows, removed: &Gone) -> Vec<Utf8Bytes> {
    let Rows { queues, agents, calls, alerts } = rows;
    let alerts = alerts.as_deref();
    let delta = Delta { kind: "delta", seq, prev, at, queues, agents, calls, alerts, removed };
    let whole = json(&delta);
    if whole.len() <= PART_BYTES {
        return vec![whole.into()];
    }
    let parts = cut(rows);
    let last = parts.len() - 1;
    let (nothing, removed) = (json(&Gone::default()), json(removed));
    let text = |(i, part): (usize, Part)| {
        let lists = part.lists(rows.alerts.is_some());
        let (seq, removed) = if i == last { (seq, &removed) } else { (prev, &nothing) };
        format!(
            "{{\"type\":\"delta\",\"seq\":{seq},\"prev\":{prev},\"at\":\"{at}\",\
             {lists},\"removed\":{removed}}}"
        )
    };
    parts.into_iter().enumerate().map(|part| Utf8Bytes::from(text(part))).collect()
}

/// A snapshot, in texts of at most [`PART_BYTES`].
fn parts(epoch: &str, seq: u64, at: Millis, rows: &Rows) -> Vec<Utf8Bytes> {
    let parts = cut(rows);
    let count = parts.len();
    let epoch = json(&epoch);
    let text = |(i, part): (usize, Part)| {
        let lists = part.lists(rows.alerts.is_some());
        format!(
            "{{\"type\":\"snapshot\",\"epoch\":{epoch},\"seq\":{seq},\"at\":\"{at}\",\
             \"part\":{},\"parts\":{count},{lists}}}",
            i + 1
        )
    };
    parts.into_iter().enumerate().map(|part| Utf8Bytes::from(text(part))).collect()
}

/// Cuts rows so that each part's text is at most [`PART_BYTES`]; at least one part.
fn cut(rows: &Rows) -> Vec<Part> {
    // What stands around the rows: an epoch is short, and this is generous.
    const AROUND: usize = 512;
    let mut parts = vec![Part::default()];
    let mut add = |row: String, list: fn(&mut Part) -> &mut String| {
        if let Some(last) = parts.last()
            && last.len() > 0
            && last.len() + row.len() + 1 + AROUND > PART_BYTES
        {
            parts.push(Part::default());
        }
        if let Some(last) = parts.last_mut() {
            let list = list(last);
            if !list.is_empty() {
                list.push(',');
            }
            list.push_str(&row);
        }
    };
    // By id: a person reads it more easily, and equal boards make equal texts.
    let mut queues: Vec<_> = rows.queues.iter().collect();
    queues.sort_by(|a, b| a.id.cmp(&b.id));
    queues.into_iter().for_each(|row| add(json(row), |part| &mut part.queues));
    let mut agents: Vec<_> = rows.agents.iter().collect();
    agents.sort_by(|a, b| a.id.cmp(&b.id));
    agents.into_iter().for_each(|row| add(json(row), |part| &mut part.agents));
    let mut calls: Vec<_> = rows.calls.iter().collect();
    calls.sort_by_key(|row| row.id);
    calls.into_iter().for_each(|row| add(json(row), |part| &mut part.calls));
    let mut alerts: Vec<_> = rows.alerts.iter().flatten().collect();
    alerts.sort_by_key(|row| row.id);
    alerts.into_iter().for_each(|row| add(json(row), |part| &mut part.alerts));
    parts
}

/// JSON of our own types, whose keys are texts and whose numbers are finite: it cannot fail.
fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn texts<S: serde::Serializer>(ids: &BTreeSet<CallId>, s: S) -> Result<S::Ok, S::Error> {
    s.collect_seq(ids.iter().map(ToString::to_string))
}
