//! What can be seen between two inputs: one line per agent, pair, queue and call, the same for the
//! model and for the engine's board.

use crate::domain::presence::{BlockedBy, Detail, Presence, Status};
use crate::domain::rows::DayCounts;
use crate::domain::time::Millis;

/// The whole state, as sorted lines.
pub type View = Vec<String>;

/// An agent as a whole.
#[allow(missing_docs)] // the names are those of the board's rows
pub struct AgentSeen<'a> {
    pub name: &'a str,
    pub status: Status,
    pub next: Option<Status>,
    pub forced: bool,
    pub presence: Presence,
    pub offerable: bool,
    pub detail: Option<Detail>,
    pub calls: &'a [String],
}

/// A queue or group.
#[allow(missing_docs)] // the names are those of the board's rows
pub struct QueueSeen<'a> {
    pub name: &'a str,
    pub waiting: usize,
    pub order: &'a [String],
    pub oldest: Option<Millis>,
    pub ringing: usize,
    pub talking: usize,
    /// Available, opted out, busy, offline.
    pub agents: [usize; 4],
    pub offerable: usize,
    pub today: DayCounts,
}

/// A live call.
#[allow(missing_docs)] // the names are those of the board's rows
pub struct CallSeen<'a> {
    pub name: &'a str,
    pub queue: &'a str,
    pub entered_at: Millis,
    pub queued_at: Millis,
    pub rank: i64,
    pub agent: Option<&'a str>,
    pub offers: &'a [String],
}

fn word<T: std::fmt::Display>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |v| v.to_string())
}

/// One line per agent.
#[must_use]
pub fn agent_line(a: &AgentSeen<'_>) -> String {
    format!(
        "agent {} {} next={} forced={} {} offerable={} {} calls={:?}",
        a.name,
        a.status,
        word(a.next),
        a.forced,
        a.presence,
        a.offerable,
        word(a.detail),
        a.calls
    )
}

/// One line per membership.
#[must_use]
pub fn pair_line(
    agent: &str,
    queue: &str,
    presence: Presence,
    detail: Option<Detail>,
    blocked_by: Option<BlockedBy>,
) -> String {
    format!("pair {agent} {queue} {presence} {} blocked_by={}", word(detail), word(blocked_by))
}

/// One line per queue.
#[must_use]
pub fn queue_line(q: &QueueSeen<'_>) -> String {
    let [available, opted_out, busy, offline] = q.agents;
    format!(
        "queue {} waiting={} order={:?} oldest={} ringing={} talking={} available={available} \
         opted_out={opted_out} busy={busy} offline={offline} offerable={} today={}/{}/{}/{}/{}",
        q.name,
        q.waiting,
        q.order,
        word(q.oldest.map(|at| at.0)),
        q.ringing,
        q.talking,
        q.offerable,
        q.today.offered,
        q.today.answered,
        q.today.abandoned,
        q.today.short_abandoned,
        q.today.exited,
    )
}

/// One line per live call.
#[must_use]
pub fn call_line(c: &CallSeen<'_>) -> String {
    format!(
        "call {} {} entered={} queued={} rank={} agent={} offers={:?}",
        c.name,
        c.queue,
        c.entered_at.0,
        c.queued_at.0,
        c.rank,
        word(c.agent),
        c.offers
    )
}

/// Lines of `left` that `right` has not, and the other way round.
#[must_use]
pub fn difference(left: &View, right: &View) -> Vec<String> {
    let only = |a: &View, b: &View, sign: char| {
        a.iter().filter(|l| !b.contains(l)).map(|l| format!("{sign} {l}")).collect::<Vec<_>>()
    };
    let mut lines = only(left, right, '-');
    lines.extend(only(right, left, '+'));
    lines
}

/// A snapshot without the records that last changed a row: what changed and changed back within one
/// record is stamped where it was watched, and not where only the end of the record was.
#[must_use]
pub fn without_stamps(snapshot: &[u8]) -> Option<serde_json::Value> {
    fn strip(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(fields) => {
                fields.remove("changed");
                fields.values_mut().for_each(strip);
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut value = serde_json::from_slice(snapshot).ok()?;
    strip(&mut value);
    Some(value)
}
