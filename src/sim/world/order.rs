//! Of the calls that an agent could be offered, the one with the first claim is: judged after each
//! offer, from what is read, where it is plain. Calls count that require nothing of an agent, were
//! never offered, and came before.

use super::follower::Follower;
use crate::domain::event::Event;
use crate::domain::ids::CallId;
use crate::domain::input::{Kind, ObjectRef, Query};
use crate::domain::time::Millis;
use serde_json::{Value, json};
use std::cmp::Reverse;

/// Whether a call that was offered in this record was the first.
///
/// # Errors
/// The call that should have been.
pub(super) fn check(follower: &mut Follower, at: Millis, events: &[Event]) -> Result<(), String> {
    let mut offered = events.iter().filter_map(|event| match event {
        Event::CallOffered { call, .. } => Some(*call),
        _ => None,
    });
    let Some(call) = offered.next_back() else { return Ok(()) };
    // What came into a queue only later in the same record could not be first.
    let came = |event: &Event| {
        matches!(
            event,
            Event::CallQueued { .. }
                | Event::CallbackMade { .. }
                | Event::CallbackDue { .. }
                | Event::CustomerMissed { .. }
        )
    };
    if events.iter().any(came) {
        return Ok(());
    }
    let first = follower.read(Query::Call(call));
    let queue = first["queue"].as_str().unwrap_or_default();
    let last = first["offers"].as_array().and_then(|offers| offers.last());
    let agent = last.and_then(|offer| offer["agent"].as_str()).unwrap_or_default();
    for other in waiting(follower, queue, &first, at) {
        if place(&other) < place(&first) && is_free(follower, &other) {
            return Err(format!("{} is rung for before {}", first["id"], other["id"]));
        }
    }
    let claim = claim(follower, &first);
    for queue in taken_from(follower, agent) {
        for other in waiting(follower, &queue, &first, at) {
            if self::claim(follower, &other) < claim && is_free(follower, &other) {
                let first = &first["id"];
                return Err(format!(
                    "{agent} is rung for {first} before {} of {queue}",
                    other["id"]
                ));
            }
        }
    }
    Ok(())
}

/// The plain calls of a queue.
fn waiting(follower: &mut Follower, queue: &str, first: &Value, at: Millis) -> Vec<Value> {
    let read = follower.read(Query::QueueCalls { queue: queue.to_owned(), limit: 20 });
    let items = read["items"].as_array().cloned().unwrap_or_default();
    let is_plain = |call: &Value| {
        let untouched = call["offers"].as_array().is_some_and(Vec::is_empty);
        let came_before = call["queued_at"] != json!(at.rfc3339());
        untouched && came_before && !follower.is_choosy(call) && !follower.is_choosy(first)
    };
    items.into_iter().filter(is_plain).collect()
}

/// Nothing keeps the call back.
fn is_free(follower: &mut Follower, call: &Value) -> bool {
    let id = call["id"].as_str().and_then(CallId::parse);
    id.is_some_and(|id| follower.read(Query::Candidates(id))["held_by"].is_null())
}

/// The agent's other queues that could have offered a call, had it not been for this one: nothing
/// rings there, so that they have a place for it.
fn taken_from(follower: &mut Follower, agent: &str) -> Vec<String> {
    let seen = follower.read(Query::Agent { user: agent.to_owned() });
    let queues = seen["queues"].as_array().cloned().unwrap_or_default();
    let taken = queues.iter().filter(|queue| queue["blocked_by"] == "capacity");
    let names: Vec<String> =
        taken.filter_map(|queue| queue["queue"].as_str().map(ToOwned::to_owned)).collect();
    names.into_iter().filter(|queue| follower.rings_nowhere(queue)).collect()
}

/// Age less priority, a minute for each point, then the number: the lower is served first.
fn place(call: &Value) -> (i64, &str) {
    const STEP_MS: i64 = 60_000;
    let entered_at = call["entered_at"].as_str().and_then(|at| Millis::parse_rfc3339(at).ok());
    let points = call["priority"].as_i64().unwrap_or(0);
    let entered_at = entered_at.unwrap_or_default();
    (entered_at.0 - points * STEP_MS, call["id"].as_str().unwrap_or_default())
}

/// Over all queues: the weight, then the rank, then the number.
fn claim(follower: &mut Follower, call: &Value) -> (Reverse<i64>, Option<i64>, String) {
    let id = call["queue"].as_str().unwrap_or_default().to_owned();
    let mut weight = None;
    for kind in [Kind::Queue, Kind::Group] {
        let object = ObjectRef { kind, parent: String::new(), id: id.clone() };
        weight = weight.or(follower.read(Query::Object(object))["weight"].as_i64());
    }
    let number = call["id"].as_str().unwrap_or_default().to_owned();
    (Reverse(weight.unwrap_or(0)), call["rank"].as_i64(), number)
}
