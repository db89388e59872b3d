//! From a CloudEvent on the wire to a [`SwitchEvent`]. Known fields of a wrong type are rejected
//! with a pointer; unknown types, extensions and fields of `data` never are.

use crate::domain::fields::{Fields, Rule, kind_of};
use crate::domain::ids::{CommandId, OfferId, is_name};
use crate::domain::json::{Json, Look};
use crate::domain::media::Media;
use crate::domain::objects::{Preferred, SkillNeed, Step};
use crate::domain::pointer::Pointer;
use crate::domain::problem::{FieldError, Problem};
use crate::domain::switching::{
    Arrival, ArrivalTarget, CommandFailure, Direction, EndedBy, EventResult, FailReason, Happening,
    OverflowWhy, ResultStatus, SwitchEvent, SyncCall, SyncState, TransferKind, TransferTo,
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Events of one batch at most.
pub const MOST_EVENTS: usize = 1_000;
/// Attributes of one call at most.
pub const MOST_ATTRIBUTES: usize = 32;
/// Names and values of a call's attributes together, and the data of an unknown type, in bytes.
pub const MOST_BYTES: usize = 4_096;

/// An event with the id of the switch that its `source` names, or the answer to a wrong one.
pub type Parsed = Result<(String, SwitchEvent), Box<EventResult>>;

/// Reads the body of `POST …/events`: one event, or a list of them. Pointers lead into the body.
///
/// # Errors
/// When the body is neither, or holds more than [`MOST_EVENTS`].
pub fn parse_batch(content: &impl Json) -> Result<Vec<Parsed>, Problem> {
    match content.look() {
        Look::Object => Ok(vec![parse_event(content, Pointer::ROOT)]),
        Look::List(events) => parse_list(events, &Pointer::ROOT),
        _ => {
            let detail = format!("must be an event or a list of events, not {}", kind_of(content));
            Err(Problem::invalid(vec![FieldError::new("", "type", detail)]))
        }
    }
}

/// Reads a list of events that stands at the pointer `at`.
///
/// # Errors
/// When it holds more than [`MOST_EVENTS`].
pub fn parse_list(events: &[impl Json], at: &Pointer) -> Result<Vec<Parsed>, Problem> {
    if events.len() > MOST_EVENTS {
        let detail = format!("a batch holds at most {MOST_EVENTS} events, not {}", events.len());
        return Err(Problem::invalid(vec![FieldError::new(at.to_string(), "too_many", detail)]));
    }
    Ok(events.iter().enumerate().map(|(i, e)| parse_event(e, at.item(i))).collect())
}

/// Reads one event that stands at the pointer `at`.
///
/// # Errors
/// The answer that the switch is given: rejected, with the first wrong field.
pub fn parse_event(event: &impl Json, at: Pointer) -> Parsed {
    let mut fields = Fields::under(event, at).open();
    let f = &mut fields;
    let mut extra = Extra::default();
    read_version(f);
    let id = f.text("id", TEXT);
    let source = read_source(f);
    let kind = f.text_there("type", TEXT);
    let subject = f.text_or_null("subject", SUBJECT).unwrap_or_default();
    if subject.is_empty() && names_a_call(kind) && !f.is_set("subject") {
        f.missing("subject", "the switch's name for the call");
    }
    let read = SwitchEvent {
        id,
        subject,
        time: f.instant_or_null("time"),
        bootid: f.text_or_null("bootid", TEXT),
        sequence: read_sequence(f),
        replayed: read_replayed(f),
        what: read_happening(f, kind, &mut extra),
        extra: None,
    };
    for known in ["datacontenttype", "dataschema"] {
        f.raw(known);
    }
    extra.keep("extensions", &f.unread());
    let read = SwitchEvent { extra: extra.done(), ..read };
    fields.done((source, read)).map_err(|errors| {
        Box::new(EventResult {
            // An id that is itself wrong is still told, so that the sender finds its event.
            id: event
                .field("id")
                .and_then(Json::as_str)
                .unwrap_or_default()
                .chars()
                .take(255)
                .collect(),
            status: ResultStatus::Rejected,
            code: Some("invalid"),
            call_id: None,
            error: errors.into_iter().next(),
        })
    })
}

/// A text of 1–255 characters, none of them a control character.
const TEXT: Rule = Rule {
    must_be: "1 to 255 characters, none of them a control character",
    holds: |text| {
        let is_plain = text.len() <= 255 && text.bytes().all(|c| (b' '..=b'~').contains(&c));
        let count = if is_plain { text.len() } else { text.chars().count() };
        (1..=255).contains(&count) && (is_plain || !text.chars().any(char::is_control))
    },
};

/// The switch's name for a call.
pub const SUBJECT: Rule = Rule {
    must_be: "1 to 255 printable ASCII characters",
    holds: |text| {
        (1..=255).contains(&text.len()) && text.bytes().all(|c| (b' '..=b'~').contains(&c))
    },
};

fn names_a_call(kind: &str) -> bool {
    ["call.", "offer.", "agent."].iter().any(|family| kind.starts_with(family))
}

fn read_version(f: &mut Fields<'_, impl Json>) {
    match f.raw("specversion") {
        Some(version) if version.as_str() == Some("1.0") => {}
        Some(_) => f.wrong("specversion", "unknown_value", "must be \"1.0\""),
        None => f.missing("specversion", "\"1.0\""),
    }
}

fn read_source(f: &mut Fields<'_, impl Json>) -> String {
    let source = f.text_there("source", TEXT);
    let id = source.strip_prefix("/switches/").unwrap_or(source);
    if !source.is_empty() && !is_name(id) {
        f.wrong("source", "malformed", "must be the switch's id, or /switches/ and the id");
    }
    id.to_owned()
}

fn read_sequence(f: &mut Fields<'_, impl Json>) -> Option<u64> {
    let number = match f.raw("sequence")?.look() {
        Look::Null => return None,
        Look::Number(number) => number.as_u64(),
        Look::Text(text) if text.bytes().all(|c| c.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    };
    if number.is_none_or(|n| n == 0) {
        f.wrong("sequence", "malformed", "must be a decimal number from 1, such as \"1\"");
    }
    number
}

fn read_replayed(f: &mut Fields<'_, impl Json>) -> bool {
    match f.raw("replayed").map(Json::look) {
        None | Some(Look::Null) => false,
        Some(Look::Bool(replayed)) => replayed,
        Some(Look::Text(word)) if word == "true" || word == "false" => word == "true",
        Some(_) => {
            f.wrong("replayed", "unknown_value", "must be \"true\" or \"false\"");
            false
        }
    }
}

/// What of an event is not read here, and is kept for whoever reads it later.
#[derive(Default)]
struct Extra {
    kept: Map<String, Value>,
    count: usize,
    bytes: usize,
}

impl Extra {
    /// Keeps fields of one part, as many as there is room for.
    fn keep(&mut self, part: &str, fields: &[(&str, &impl Json)]) {
        for (name, value) in fields {
            let value = value.to_value();
            let bytes = self.bytes + name.len() + value.to_string().len();
            if self.count == MOST_ATTRIBUTES || bytes > MOST_BYTES {
                return;
            }
            (self.count, self.bytes) = (self.count + 1, bytes);
            self.kept.entry(part).or_insert_with(|| Value::Object(Map::new()))[*name] = value;
        }
    }

    fn done(self) -> Option<Box<Value>> {
        (!self.kept.is_empty()).then(|| Box::new(Value::Object(self.kept)))
    }
}

fn read_happening<J: Json>(f: &mut Fields<'_, J>, kind: &str, extra: &mut Extra) -> Happening {
    let data = f.raw("data").filter(|data| !data.is_null());
    let Some(read) = reader(kind) else {
        let data = data.map_or(Value::Null, |data| kept(data.to_value()));
        return Happening::Unknown { kind: kind.to_owned(), data };
    };
    let at = f.pointer("data");
    let part = match data {
        Some(data) => Fields::under(data, at),
        None => Fields::empty(at),
    };
    let (what, errors) = read(part.open(), extra);
    f.wrong_all(errors);
    what
}

type Read<J> = fn(Fields<'_, J>, &mut Extra) -> (Happening, Vec<FieldError>);

/// A reader of the data of one type.
macro_rules! of {
    ($read:expr) => {
        Some(|mut fields: Fields<'_, J>, extra: &mut Extra| {
            let read: fn(&mut Fields<'_, J>) -> Happening = $read;
            let what = read(&mut fields);
            extra.keep("data", &fields.unread());
            let errors = fields.done(()).err().unwrap_or_default();
            (what, errors)
        })
    };
}

fn reader<J: Json>(kind: &str) -> Option<Read<J>> {
    match kind {
        "call.arrived" => of!(|f| Happening::CallArrived(Box::new(read_arrival(f)))),
        "call.abandoned" => of!(|_| Happening::CallAbandoned),
        "call.ended" => of!(|f| Happening::CallEnded {
            by: f.word("by", EndedBy::parse, EndedBy::ALL, EndedBy::Switch),
        }),
        "call.updated" => of!(read_update),
        "call.held" => of!(|_| Happening::CallHeld),
        "call.resumed" => of!(|_| Happening::CallResumed),
        "call.transferred" => of!(|f| Happening::CallTransferred {
            to: read_transfer(f),
            kind: f.word("kind", TransferKind::parse, TransferKind::ALL, TransferKind::Blind),
        }),
        "call.choice" => of!(|_| Happening::CallChoice),
        "call.overflowed" => of!(|f| Happening::CallOverflowed {
            why: needed(f, "why", OverflowWhy::parse, OverflowWhy::ALL, OverflowWhy::EngineDown),
        }),
        "offer.ringing" => of!(|f| Happening::OfferRinging { offer: read_offer(f) }),
        "offer.answered" => of!(|f| Happening::OfferAnswered { offer: read_offer(f) }),
        "offer.failed" => of!(|f| Happening::OfferFailed {
            offer: read_offer(f),
            reason: needed(f, "reason", FailReason::parse, FailReason::ALL, FailReason::Error),
        }),
        "customer.answered" => of!(|_| Happening::CustomerAnswered),
        "customer.failed" => of!(|f| Happening::CustomerFailed {
            reason: needed(f, "reason", FailReason::parse, FailReason::ALL, FailReason::Error),
        }),
        "agent.call_started" => of!(|f| Happening::AgentCallStarted {
            agent: f.text("agent", TEXT),
            direction: f.word("direction", Direction::parse, Direction::ALL, Direction::Outbound),
        }),
        "agent.call_ended" => of!(|f| Happening::AgentCallEnded { agent: f.text("agent", TEXT) }),
        "device.registered" => {
            of!(|f| Happening::DeviceRegistered { agent: f.text("agent", TEXT) })
        }
        "device.lost" => of!(|f| Happening::DeviceLost { agent: f.text("agent", TEXT) }),
        "command.failed" => of!(read_command_failed),
        "switch.started" => {
            of!(|f| Happening::SwitchStarted { software: f.text_or_null("software", TEXT) })
        }
        "switch.heartbeat" => of!(|_| Happening::SwitchHeartbeat),
        "switch.sync" => of!(read_sync),
        _ => None,
    }
}

fn read_arrival(f: &mut Fields<'_, impl Json>) -> Arrival {
    Arrival {
        media: f.word("media", Media::parse, Media::ALL, Media::Voice),
        from: f.text_or_null("from", TEXT),
        to: f.text_or_null("to", TEXT),
        target: read_arrival_target(f),
        priority: f.int("priority", -1_000..=1_000, 0),
        skills: SkillNeed::list(f, "skills"),
        steps: f.is_set("steps").then(|| Step::list(f)),
        preferred: Preferred::read(f, false),
        attributes: read_attributes(f),
    }
}

fn read_arrival_target(f: &mut Fields<'_, impl Json>) -> Option<ArrivalTarget> {
    let targets = [
        f.text_or_null("queue", TEXT).map(ArrivalTarget::Queue),
        f.text_or_null("group", TEXT).map(ArrivalTarget::Group),
        f.text_or_null("extension", TEXT).map(ArrivalTarget::Extension),
        f.text_or_null("agent", TEXT).map(ArrivalTarget::Agent),
    ];
    one(f, targets, "queue, group, extension or agent")
}

/// Where a transfer goes: the field `to`.
pub fn read_transfer(f: &mut Fields<'_, impl Json>) -> TransferTo {
    if !f.is_set("to") {
        f.missing("to", "where the call went, such as { \"queue\": \"support\" }");
    }
    let to = f.nested("to", |f| {
        let targets = [
            f.text_or_null("queue", TEXT).map(TransferTo::Queue),
            f.text_or_null("group", TEXT).map(TransferTo::Group),
            f.text_or_null("agent", TEXT).map(TransferTo::Agent),
            f.text_or_null("extension", TEXT).map(TransferTo::Extension),
            f.text_or_null("number", TEXT).map(TransferTo::Number),
        ];
        let wanted = "queue, group, agent, extension or number";
        let to = one(f, targets, wanted);
        if to.is_none() {
            f.wrong_here("required", format!("must name one of {wanted}"));
        }
        to
    });
    to.flatten().unwrap_or(TransferTo::Number(String::new()))
}

/// The one of `targets` that was named, if any; two are wrong.
fn one<T, const N: usize>(
    f: &mut Fields<'_, impl Json>,
    targets: [Option<T>; N],
    wanted: &str,
) -> Option<T> {
    let mut named = targets.into_iter().flatten();
    let first = named.next();
    if named.next().is_some() {
        f.wrong_here("conflict", format!("may name only one of {wanted}"));
    }
    first
}

fn read_update(f: &mut Fields<'_, impl Json>) -> Happening {
    let priority = f.int_or_null("priority", -1_000..=1_000, None);
    let skills = f.is_set("skills").then(|| SkillNeed::list(f, "skills"));
    let attributes = f.is_set("attributes").then(|| read_attributes(f));
    Happening::CallUpdated { priority, skills, attributes }
}

/// Attributes are texts; numbers, true and false are taken as their text.
pub fn read_attributes(f: &mut Fields<'_, impl Json>) -> BTreeMap<String, String> {
    let mut attributes = BTreeMap::new();
    let mut bytes = 0;
    for (name, value) in f.entries("attributes", MOST_ATTRIBUTES) {
        let text = match value.look() {
            Look::Text(text) => text.to_owned(),
            Look::Number(number) => number.to_string(),
            Look::Bool(is) => is.to_string(),
            _ => {
                let detail = format!("must be a text, not {}", kind_of(value));
                f.wrong_entry("attributes", name, "type", detail);
                continue;
            }
        };
        bytes += name.len() + text.len();
        attributes.insert(name.to_owned(), text);
    }
    if bytes > MOST_BYTES {
        let detail = format!("may hold at most {MOST_BYTES} bytes in all, not {bytes}");
        f.wrong("attributes", "too_long", detail);
    }
    attributes
}

fn read_offer(f: &mut Fields<'_, impl Json>) -> OfferId {
    generated(f, "offer", OfferId::parse).unwrap_or_default()
}

fn read_command_failed(f: &mut Fields<'_, impl Json>) -> Happening {
    let all = CommandFailure::ALL;
    Happening::CommandFailed {
        command: generated(f, "command", CommandId::parse).unwrap_or_default(),
        reason: needed(f, "reason", CommandFailure::parse, all, CommandFailure::NotApplicable),
    }
}

/// A required id that the engine made.
fn generated<T>(
    f: &mut Fields<'_, impl Json>,
    name: &'static str,
    parse: fn(&str) -> Option<T>,
) -> Option<T> {
    let text = f.text_there(name, TEXT);
    let id = parse(text);
    if id.is_none() && !text.is_empty() {
        f.wrong(name, "malformed", format!("must be the id that the engine gave for this {name}"));
    }
    id
}

/// A required word.
fn needed<T: Copy + std::fmt::Display>(
    f: &mut Fields<'_, impl Json>,
    name: &'static str,
    parse: fn(&str) -> Option<T>,
    all: &[T],
    stand_in: T,
) -> T {
    if f.raw(name).is_none() {
        let words: Vec<String> = all.iter().map(ToString::to_string).collect();
        f.missing(name, &format!("one of {}", words.join(", ")));
    }
    f.word(name, parse, all, stand_in)
}

fn read_sync(f: &mut Fields<'_, impl Json>) -> Happening {
    if f.raw("calls").is_none() {
        f.missing("calls", "the list of all calls that the switch holds");
    }
    let mut calls = Vec::new();
    for (at, item) in f.items("calls", 100_000) {
        calls.push(f.part(item, at, |f| SyncCall {
            call: f.text("call", SUBJECT),
            state: needed(f, "state", SyncState::parse, SyncState::ALL, SyncState::Waiting),
            offer: f.is_set("offer").then(|| read_offer(f)),
        }));
    }
    Happening::SwitchSync { calls }
}

/// Data of an unknown type, as sent; past the limit its text, cut.
fn kept(data: Value) -> Value {
    let text = data.to_string();
    if text.len() <= MOST_BYTES {
        return data;
    }
    Value::String(text[..text.floor_char_boundary(MOST_BYTES)].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(kind: &str, data: Value) -> Value {
        json!({ "specversion": "1.0", "id": "e1", "source": "sip-edge-1", "type": kind,
                "subject": "a84b@10.0.0.7", "data": data })
    }

    fn read(event: &Value) -> SwitchEvent {
        parse_event(event, Pointer::ROOT).expect("is right").1
    }

    fn wrong(event: &Value) -> (String, &'static str) {
        let result = parse_event(event, Pointer::ROOT).expect_err("is wrong");
        assert_eq!(result.status, ResultStatus::Rejected);
        let error = result.error.expect("says why");
        (error.pointer, error.code)
    }

    #[test]
    fn the_event_of_the_protocol_page_reads_whole() {
        let mut sent = event(
            "call.arrived",
            json!({ "media": "voice", "from": "+15551230001", "to": "+15559990000",
                    "queue": "support", "priority": 0, "skills": [{ "skill": "spanish", "min": 40 }],
                    "attributes": { "crm_id": "A-17", "vip": true }, "colour": "red" }),
        );
        sent["source"] = json!("/switches/sip-edge-1");
        sent["time"] = json!("2026-11-21T20:00:00.123Z");
        sent["bootid"] = json!("f01d");
        sent["sequence"] = json!("1");
        sent["replayed"] = json!("true");
        sent["traceparent"] = json!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        let (source, read) = parse_event(&sent, Pointer::ROOT).expect("is right");
        assert_eq!(source, "sip-edge-1");
        assert_eq!((read.sequence, read.replayed), (Some(1), true));
        let Happening::CallArrived(arrival) = read.what else { panic!("another type") };
        assert_eq!(arrival.target, Some(ArrivalTarget::Queue("support".into())));
        assert_eq!(arrival.skills, [SkillNeed { skill: "spanish".into(), min: 40, max: None }]);
        assert_eq!(arrival.attributes["vip"], "true");
        let extra = json!({ "data": { "colour": "red" },
            "extensions": { "traceparent": sent["traceparent"] } });
        assert_eq!(read.extra.as_deref(), Some(&extra));
    }

    #[test]
    fn what_is_not_read_is_kept_within_bounds() {
        assert_eq!(read(&event("call.held", json!({}))).extra, None);
        let mut sent = event("call.held", json!({ "music": 3 }));
        sent["datacontenttype"] = json!("application/json");
        sent["dataschema"] = json!("https://example.test/held");
        let only = json!({ "data": { "music": 3 } });
        assert_eq!(read(&sent).extra.as_deref(), Some(&only));
        for i in 0..50 {
            sent[format!("x{i:02}")] = json!(i);
        }
        let extra = read(&sent).extra.expect("kept");
        let kept = extra["extensions"].as_object().expect("an object").len();
        assert_eq!(kept, MOST_ATTRIBUTES - 1, "one field of data stands there already");
        let mut sent = event("call.held", json!({ "a": "x".repeat(3_000) }));
        sent["b"] = json!("x".repeat(3_000));
        let extra = read(&sent).extra.expect("kept");
        assert!(extra.get("data").is_some() && extra.get("extensions").is_none());
    }

    #[test]
    fn a_known_field_of_a_wrong_type_is_rejected_with_its_pointer() {
        let offer = OfferId(1).to_string();
        for (kind, data, pointer, code) in [
            ("call.arrived", json!({ "priority": "high" }), "/data/priority", "type"),
            ("call.arrived", json!({ "queue": "a", "group": "b" }), "/data", "conflict"),
            ("call.arrived", json!({ "attributes": { "a": [] } }), "/data/attributes/a", "type"),
            ("call.arrived", json!("text"), "/data", "type"),
            ("call.ended", json!({ "by": "nobody" }), "/data/by", "unknown_value"),
            ("offer.answered", json!({}), "/data/offer", "required"),
            ("offer.answered", json!({ "offer": "off_1" }), "/data/offer", "malformed"),
            ("offer.failed", json!({ "offer": offer }), "/data/reason", "required"),
            ("call.transferred", json!({ "to": {} }), "/data/to", "required"),
            ("switch.sync", json!({}), "/data/calls", "required"),
            (
                "switch.sync",
                json!({ "calls": [{ "call": "a" }] }),
                "/data/calls/0/state",
                "required",
            ),
            ("command.failed", json!({ "command": 5 }), "/data/command", "type"),
        ] {
            assert_eq!(wrong(&event(kind, data)), (pointer.to_owned(), code), "{kind}");
        }
        let long = "x".repeat(MOST_BYTES);
        let data = json!({ "attributes": { "a": long } });
        assert_eq!(wrong(&event("call.arrived", data)).1, "too_long");
    }

    #[test]
    fn the_envelope_is_checked() {
        for (field, value, code) in [
            ("specversion", json!("0.3"), "unknown_value"),
            ("source", json!("not an id"), "malformed"),
            ("subject", json!("späť"), "malformed"),
            ("subject", json!(""), "malformed"),
            ("sequence", json!("0"), "malformed"),
            ("sequence", json!("-1"), "malformed"),
            ("time", json!("yesterday"), "malformed"),
            ("replayed", json!("yes"), "unknown_value"),
            ("id", json!(7), "type"),
        ] {
            let mut sent = event("call.held", json!({}));
            sent[field] = value;
            assert_eq!(wrong(&sent), (format!("/{field}"), code));
        }
        let mut sent = event("call.held", Value::Null);
        sent["sequence"] = json!(12);
        assert_eq!(read(&sent).sequence, Some(12));
        let heart =
            json!({ "specversion": "1.0", "id": "h", "source": "s", "type": "switch.heartbeat" });
        assert_eq!(read(&heart).subject, "");
    }

    #[test]
    fn unknown_types_are_kept_and_cut() {
        let sent = event("weather.changed", json!({ "to": "rain" }));
        let data = json!({ "to": "rain" });
        assert_eq!(read(&sent).what, Happening::Unknown { kind: "weather.changed".into(), data });
        let sent = event("weather.changed", json!({ "to": "ü".repeat(MOST_BYTES) }));
        let Happening::Unknown { data: Value::String(text), .. } = read(&sent).what else {
            panic!("not cut")
        };
        assert!(text.len() <= MOST_BYTES && text.len() > MOST_BYTES - 4);
    }

    #[test]
    fn a_batch_answers_each_event_and_has_a_limit() {
        let parsed = parse_batch(&json!([event("call.held", json!({})), 5])).expect("a list");
        assert!(parsed[0].is_ok());
        let pointer = parsed[1].as_ref().expect_err("no event").error.as_ref().map(|e| &*e.pointer);
        assert_eq!(pointer, Some("/1"));
        let many = Value::Array(vec![Value::Null; MOST_EVENTS + 1]);
        assert_eq!(parse_batch(&many).expect_err("too many").errors[0].code, "too_many");
        assert!(parse_batch(&json!("x")).is_err());
    }
}
