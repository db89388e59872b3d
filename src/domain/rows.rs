//! The rows of the live feed (`protocol.md`, Dashboards): what a board shows of a queue, an agent
//! and a call. Instants only, never durations or positions: both follow from instants and `rank`.

use crate::domain::event::AlertEnd;
use crate::domain::figures::By;
use crate::domain::ids::{AlertId, CallId, Name, OfferId};
use crate::domain::media::Media;
use crate::domain::objects::alert_rule::Severity;
use crate::domain::objects::queue::Source;
use crate::domain::presence::{BlockedBy, Detail, Presence, Status, words};
use crate::domain::time::{self, Millis};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use std::sync::Arc;

/// A queue or group, as boards show it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QueueRow {
    /// The queue's or group's id.
    pub id: Name,
    /// `queue` or `group`.
    pub kind: &'static str,
    /// Calls waiting, those that ring included.
    pub waiting: u32,
    /// Since when the longest waiting call waits here.
    #[serde(with = "time::wire_option")]
    pub oldest_at: Option<Millis>,
    /// Open offers.
    pub ringing: u32,
    /// Calls of this queue that are with an agent.
    pub talking: u32,
    /// Pairs by presence.
    pub agents: PresenceCounts,
    /// Pairs that could be offered a call now.
    pub offerable: u32,
    /// Counts of the account's day.
    pub today: DayCounts,
}

/// How many pairs have each presence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PresenceCounts {
    /// Green.
    pub available: u32,
    /// Orange.
    pub opted_out: u32,
    /// Red.
    pub busy: u32,
    /// Grey.
    pub offline: u32,
}

/// A queue's counts since the account's midnight, by the call's entry into the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayCounts {
    /// Calls that entered.
    pub offered: u64,
    /// Calls answered by an agent.
    pub answered: u64,
    /// Callers who left before an answer, the short ones included.
    pub abandoned: u64,
    /// Of these, those below the queue's `short_abandon_ms`.
    pub short_abandoned: u64,
    /// Calls that left by an exit.
    pub exited: u64,
}

/// An agent, as boards show one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AgentRow {
    /// The user's id.
    pub id: Name,
    /// First and last name; null when erased.
    pub name: Option<Name>,
    /// What the person, a supervisor or a rule chose.
    pub status: Status,
    /// Why: a break's reason, or the cause of a change by rule.
    pub reason: Option<Name>,
    /// The status that follows the present work.
    pub next: Option<Status>,
    /// Who forced the status, while it is forced.
    pub forced_by: Option<Name>,
    /// The agent as a whole.
    pub presence: Presence,
    /// Whether some queue could offer a call now.
    pub offerable: bool,
    /// What the agent does; null when offline.
    pub detail: Option<Detail>,
    /// Since when the detail (or offline) holds.
    #[serde(with = "time::wire")]
    pub since: Millis,
    /// Calls connected to the agent.
    #[serde(serialize_with = "texts")]
    pub calls: Vec<CallId>,
    /// Per queue.
    #[serde(serialize_with = "by_queue")]
    pub queues: Vec<(Name, PairRow)>,
}

/// An agent in one queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PairRow {
    /// The colour.
    pub presence: Presence,
    /// What the agent does; null when offline.
    pub detail: Option<Detail>,
    /// Whether this queue could offer a call now.
    pub offerable: bool,
    /// Why not, when not.
    pub blocked_by: Option<BlockedBy>,
    /// Whether the membership is the agent's own or a team's.
    pub source: Source,
}

/// A live call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CallRow {
    /// The engine's id.
    #[serde(serialize_with = "text")]
    pub id: CallId,
    /// Where it waits or was answered from.
    pub queue: Option<Name>,
    /// voice, chat, …
    pub media: Media,
    /// How far it is.
    pub state: CallState,
    /// The caller's number; null when withheld or erased.
    pub from: Option<Name>,
    /// Arrival at the switch.
    #[serde(with = "time::wire")]
    pub arrived_at: Millis,
    /// The call's age, for rank.
    #[serde(with = "time::wire")]
    pub entered_at: Millis,
    /// Entry into the present queue.
    #[serde(with = "time::wire")]
    pub queued_at: Millis,
    /// Lower is served first, in milliseconds.
    pub rank: i64,
    /// Call, route and queue added together.
    pub priority: i32,
    /// The agent who has it.
    pub agent: Option<Name>,
    /// Nobody is on the line yet: it is a callback.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub callback: bool,
    /// Open offers.
    pub offers: Box<[OfferRow]>,
}

words!(
    /// How far a live call is.
    CallState {
        /// In its queue, with nobody rung.
        Waiting => "waiting",
        /// Somebody is rung for it.
        Offered => "offered",
        /// With an agent.
        Connected => "connected",
    }
);

/// An open offer of a call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OfferRow {
    /// The offer's id.
    #[serde(serialize_with = "text")]
    pub id: OfferId,
    /// Whom it rings.
    pub agent: Name,
    /// Since when.
    #[serde(with = "time::wire")]
    pub since: Millis,
}

/// Open alerts of an account at most: past it, rules find more than people can look at.
pub const MOST_OPEN_ALERTS: usize = 1_000;
/// How long an alert that is over stays on boards, ms.
pub const ALERT_KEPT_MS: i64 = 15 * 60_000;

/// An alert, as boards show it; also one that is over, for a quarter of an hour.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct AlertRow {
    /// The engine's id.
    #[serde(serialize_with = "text")]
    #[schema(value_type = String)]
    pub id: AlertId,
    /// The rule that found it.
    #[schema(value_type = String)]
    pub rule: Name,
    /// The rule's name.
    #[schema(value_type = String)]
    pub name: Name,
    /// Which figure.
    #[schema(value_type = String)]
    pub figure: Name,
    /// Whose.
    pub subject: AlertSubject,
    /// How bad it is.
    pub severity: Severity,
    /// The figure's value when it was raised, got worse or milder, or was over.
    pub value: f64,
    /// Since when.
    #[serde(with = "time::wire")]
    #[schema(value_type = String, format = DateTime)]
    pub raised_at: Millis,
    /// Who sees to it.
    #[schema(value_type = Option<String>)]
    pub acknowledged_by: Option<Name>,
    /// Since when.
    #[serde(with = "time::wire_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub acknowledged_at: Option<Millis>,
    /// When it was over; null while it is open.
    #[serde(with = "time::wire_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub resolved_at: Option<Millis>,
    /// Why it is over.
    pub cause: Option<AlertEnd>,
}

/// Whose figure an alert is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct AlertSubject {
    /// queue, group, agent, team or account.
    pub by: By,
    /// Its id.
    #[schema(value_type = String)]
    pub id: Name,
}

/// What one record changed: each changed object whole, shared so that many readers cost one copy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Changed queues and groups.
    pub queues: Vec<Arc<QueueRow>>,
    /// Changed agents.
    pub agents: Vec<Arc<AgentRow>>,
    /// Changed calls.
    pub calls: Vec<Arc<CallRow>>,
    /// Changed alerts.
    pub alerts: Vec<Arc<AlertRow>>,
    /// Queues and groups deleted.
    pub removed_queues: Vec<Name>,
    /// Agents gone from view.
    pub removed_agents: Vec<Name>,
    /// Calls ended.
    pub removed_calls: Vec<CallId>,
}

impl Changes {
    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queues.is_empty()
            && self.agents.is_empty()
            && self.calls.is_empty()
            && self.alerts.is_empty()
            && self.removed_queues.is_empty()
            && self.removed_agents.is_empty()
            && self.removed_calls.is_empty()
    }
}

/// The board after a restart: every row with the sequence of its last change, and what was removed
/// lately. A dashboard resumes from it across the restart.
#[derive(Clone, Debug, Default)]
pub struct BoardSeed {
    /// Sequence of the last record applied.
    pub seq: u64,
    /// Its time.
    pub at: Millis,
    /// All queues and groups.
    pub queues: Vec<(u64, Arc<QueueRow>)>,
    /// All agents.
    pub agents: Vec<(u64, Arc<AgentRow>)>,
    /// All live calls.
    pub calls: Vec<(u64, Arc<CallRow>)>,
    /// Alerts, those that are over for a while included.
    pub alerts: Vec<(u64, Arc<AlertRow>)>,
    /// Removals in order: sequence, time, what.
    pub removed: Vec<(u64, Millis, Removed)>,
    /// Removals at or below this sequence are forgotten: a resume from below it gets a snapshot.
    pub removed_known_from: u64,
}

/// Something that left the board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removed {
    /// A queue or group.
    Queue(Name),
    /// An agent.
    Agent(Name),
    /// A call.
    Call(CallId),
}

fn text<T: std::fmt::Display, S: Serializer>(id: &T, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(id)
}

fn texts<T: std::fmt::Display, S: Serializer>(ids: &[T], s: S) -> Result<S::Ok, S::Error> {
    s.collect_seq(ids.iter().map(ToString::to_string))
}

fn by_queue<S: Serializer>(rows: &[(Name, PairRow)], s: S) -> Result<S::Ok, S::Error> {
    let mut map = s.serialize_map(Some(rows.len()))?;
    for (queue, row) in rows {
        map.serialize_entry(queue, row)?;
    }
    map.end()
}
