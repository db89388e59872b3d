//! Records for the outside: names at the edge, instants as RFC 3339, personal values from the vault.

use super::{Engine, Unreadable, decode};
use crate::domain::event::{Event, PersonalKey};
use crate::domain::ids::{AgentIx, CallId, CommandId, OfferId, QueueIx, SessionId, SwitchIx};
use crate::domain::time::Millis;
use serde_json::{Map, Value, json};

/// `{ "seq", "at", "events": [{ "type", … }] }`.
pub fn record(
    engine: &Engine,
    seq: u64,
    at: Millis,
    body: &[u8],
    personal: &mut dyn FnMut(PersonalKey) -> Option<String>,
) -> Result<Value, Unreadable> {
    let events = decode(seq, body)?;
    let events: Vec<Value> = events.iter().map(|e| public(engine, e, personal)).collect();
    Ok(json!({ "seq": seq, "at": at.rfc3339(), "events": events }))
}

/// The events of a record that concern one call.
pub fn trace(
    engine: &Engine,
    seq: u64,
    at: Millis,
    body: &[u8],
    call: CallId,
    personal: &mut dyn FnMut(PersonalKey) -> Option<String>,
) -> Result<Vec<Value>, Unreadable> {
    let events = decode(seq, body)?;
    let about = |event: &&Event| concerns(engine, event, call);
    let told = events.iter().filter(about).map(|event| {
        let mut shown = public(engine, event, personal);
        shown["seq"] = seq.into();
        shown["at"] = at.rfc3339().into();
        shown
    });
    Ok(told.collect())
}

/// Whether an event is part of a call's story: by the call's number, or by one of its offers.
fn concerns(engine: &Engine, event: &Event, id: CallId) -> bool {
    let Ok(Value::Object(tagged)) = serde_json::to_value(event) else { return false };
    let fields = tagged.values().next().and_then(Value::as_object);
    let number = |name: &str| fields.and_then(|f| f.get(name)).and_then(Value::as_u64);
    if let Some(call) = number("call") {
        // A callback's beginning is part of the story of the call whose place it has.
        return call == id.0 || number("of") == Some(id.0);
    }
    let offer = number("offer").map(OfferId);
    offer.is_some_and(|o| match engine.derived.offers.get(&o) {
        Some(call) => *call == id,
        // Of a call that memory no longer holds: offers are made while their call lives.
        None => !engine.state.calls.contains(&id) && o.made_at() >= id.made_at(),
    })
}

/// One event with its wire name as `type`.
fn public(
    engine: &Engine,
    event: &Event,
    personal: &mut dyn FnMut(PersonalKey) -> Option<String>,
) -> Value {
    let mut shown = Map::new();
    let Ok(Value::Object(tagged)) = serde_json::to_value(event) else { return Value::Null };
    for (kind, fields) in tagged {
        shown.insert("type".into(), kind.clone().into());
        match fields {
            Value::Object(fields) => {
                for (name, value) in fields {
                    // What opens a door is nobody's to read.
                    if matches!(name.as_str(), "secret" | "hash" | "origin") {
                        continue;
                    }
                    let (name, value) = edge(engine, &kind, name, value, personal);
                    shown.insert(name, value);
                }
            }
            Value::Null => {}
            other => _ = shown.insert("value".into(), other),
        }
    }
    Value::Object(shown)
}

/// A field at the edge.
fn edge(
    engine: &Engine,
    kind: &str,
    name: String,
    value: Value,
    personal: &mut dyn FnMut(PersonalKey) -> Option<String>,
) -> (String, Value) {
    let state = &engine.state;
    let Some(number) = value.as_u64() else {
        return match (kind, name.as_str(), value) {
            // A webhook's secrets are nobody's to read.
            ("switch_put", "switch", mut value) | ("hook_put", "hook", mut value) => {
                if let Some(hook) = value.get_mut("webhook").and_then(Value::as_object_mut) {
                    hook.remove("authorization");
                    hook.remove("secret");
                }
                (name, value)
            }
            ("notified", "agents", Value::Array(agents))
            | ("imported", "made" | "changed", Value::Array(agents)) => {
                let user = |ix: &Value| state.agents.get(usize::try_from(ix.as_u64()?).ok()?);
                let users = agents.iter().map(|ix| json!(user(ix).map(|a| &a.id)));
                (name, users.collect())
            }
            (_, _, value) => (name, value),
        };
    };
    let small = u32::try_from(number).unwrap_or(u32::MAX);
    let told = match name.as_str() {
        "agent" => state.agents.get(AgentIx(small).at()).map(|a| json!(a.id)),
        "queue" => state.queues.get(QueueIx(small).at()).map(|q| json!(state.shown_queue(q.ix))),
        "to" if kind == "call_transferred" => {
            state.queues.get(QueueIx(small).at()).map(|q| json!(q.id))
        }
        "switch" => state.switches.get(SwitchIx(small).at()).map(|s| json!(s.id)),
        "call" | "of" => Some(CallId(number).to_string().into()),
        "offer" => Some(OfferId(number).to_string().into()),
        "session" => Some(SessionId(number).to_string().into()),
        "command" => Some(CommandId(number).to_string().into()),
        "import" => Some(format!("imp_{number}").into()),
        "message" => Some(format!("msg_{number}").into()),
        "event" => Some(format!("{number:016x}").into()),
        "until" | "grace_until" | "ended_before" | "not_before" | "again_at" => {
            Some(Millis(i64::try_from(number).unwrap_or(i64::MAX)).rfc3339().into())
        }
        "personal" | "extra" | "address" => {
            let row = personal(number).and_then(|text| serde_json::from_str(&text).ok());
            Some(row.unwrap_or(Value::Null))
        }
        _ => None,
    };
    (name, told.unwrap_or(value))
}
