//! The texts of the switch's link, written and read without values in between: at ten thousand
//! events a second that is what makes the generator cheap.

use serde::Deserialize;
use std::borrow::Cow;
use std::fmt::Write;

/// Callers' numbers are this, and ten digits: the call's number.
pub const CALLER: &str = "+1999";
/// Users' ids are this, and the agent's number.
pub const USER: &str = "usr_load_";
/// Queues' ids are this, and the queue's number.
pub const QUEUE: &str = "load-";

/// Who speaks: the same in all events of a run.
#[derive(Clone, Debug)]
pub struct Source {
    /// The switch's id.
    pub switch: String,
    /// Names this start of it; event ids and calls' names begin with it.
    pub boot: String,
}

/// What an event says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Say<'a> {
    /// `switch.started`
    Started,
    /// `switch.heartbeat`
    Heartbeat,
    /// `call.arrived` for one of the run's queues.
    Arrived(u32),
    /// … for the queue of this id.
    ArrivedAt(&'a str),
    /// `offer.ringing`
    Ringing(&'a str),
    /// `offer.answered`
    Answered(&'a str),
    /// `offer.failed`, with the reason.
    Failed(&'a str, &'static str),
    /// `call.held`
    Held,
    /// `call.resumed`
    Resumed,
    /// `call.abandoned`
    Abandoned,
    /// `call.ended`, by whom.
    Ended(&'static str),
}

impl Source {
    /// The text of an event. `number` is the event's own; `call` the call's number and the event's
    /// place in it; `time` the wall's.
    #[must_use]
    pub fn event(
        &self,
        number: u64,
        call: Option<(u64, u32)>,
        time: &str,
        say: Say<'_>,
    ) -> Box<str> {
        let (switch, boot) = (&self.switch, &self.boot);
        let mut text = String::with_capacity(320);
        // Writing to a string does not fail.
        let _ = write!(
            text,
            r#"{{"specversion":"1.0","id":"{boot}-{number}","source":"{switch}","bootid":"{boot}","time":"{time}","#
        );
        if let Some((call, place)) = call {
            let _ = write!(text, r#""subject":"{boot}-c{call}","sequence":"{place}","#);
        }
        let _ = match say {
            Say::Started => {
                write!(text, r#""type":"switch.started","data":{{"software":"callboard load"}}}}"#)
            }
            Say::Heartbeat => write!(text, r#""type":"switch.heartbeat","data":{{}}}}"#),
            Say::Arrived(queue) => arrived(&mut text, call, format_args!("{QUEUE}{queue}")),
            Say::ArrivedAt(queue) => arrived(&mut text, call, format_args!("{queue}")),
            Say::Ringing(offer) => {
                write!(text, r#""type":"offer.ringing","data":{{"offer":"{offer}"}}}}"#)
            }
            Say::Answered(offer) => {
                write!(text, r#""type":"offer.answered","data":{{"offer":"{offer}"}}}}"#)
            }
            Say::Failed(offer, reason) => write!(
                text,
                r#""type":"offer.failed","data":{{"offer":"{offer}","reason":"{reason}"}}}}"#
            ),
            Say::Held => write!(text, r#""type":"call.held","data":{{}}}}"#),
            Say::Resumed => write!(text, r#""type":"call.resumed","data":{{}}}}"#),
            Say::Abandoned => write!(text, r#""type":"call.abandoned","data":{{}}}}"#),
            Say::Ended(by) => {
                write!(text, r#""type":"call.ended","data":{{"by":"{by}"}}}}"#)
            }
        };
        text.into_boxed_str()
    }

    /// The number of an event, from its id.
    #[must_use]
    pub fn event_number(&self, id: &str) -> Option<u64> {
        id.strip_prefix(self.boot.as_str())?.strip_prefix('-')?.parse().ok()
    }

    /// The number of a call, from its name.
    #[must_use]
    pub fn call_number(&self, name: &str) -> Option<u64> {
        name.strip_prefix(self.boot.as_str())?.strip_prefix("-c")?.parse().ok()
    }
}

fn arrived(
    text: &mut String,
    call: Option<(u64, u32)>,
    queue: std::fmt::Arguments<'_>,
) -> std::fmt::Result {
    let call = call.map_or(0, |(call, _)| call);
    write!(
        text,
        r#""type":"call.arrived","data":{{"media":"voice","from":"{CALLER}{call:010}","to":"+18005550100","queue":"{queue}"}}}}"#
    )
}

/// The number of an agent, from the user's id.
#[must_use]
pub fn agent_number(user: &str) -> Option<usize> {
    user.strip_prefix(USER)?.parse().ok()
}

/// What the engine says: on the link, or in the answer to a `POST`.
#[derive(Debug, Default, Deserialize)]
pub struct Told<'a> {
    /// One per event.
    #[serde(borrow, default)]
    pub results: Vec<EventResult<'a>>,
    /// What to do.
    #[serde(borrow, default)]
    pub commands: Vec<Command<'a>>,
    /// A whole frame was refused.
    #[serde(borrow, default)]
    pub problem: Option<Problem<'a>>,
}

/// A text that is borrowed from its frame wherever it holds no escapes. (A `Cow` inside an `Option`
/// would always be copied.)
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// What became of an event.
#[derive(Debug, Deserialize)]
pub struct EventResult<'a> {
    /// The event's id.
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    /// accepted, duplicate, ignored or rejected.
    #[serde(borrow)]
    pub status: Cow<'a, str>,
    /// Why it was not accepted.
    #[serde(borrow, default)]
    pub code: Option<Text<'a>>,
}

/// A command, as far as this switch looks at it.
#[derive(Debug, Deserialize)]
pub struct Command<'a> {
    /// Its number.
    pub seq: u64,
    /// `offer.ring` and the like.
    #[serde(borrow, rename = "type")]
    pub kind: Cow<'a, str>,
    /// The call's name.
    #[serde(borrow, default)]
    pub call: Option<Text<'a>>,
    /// The offer.
    #[serde(borrow, default)]
    pub offer: Option<Text<'a>>,
    /// The user.
    #[serde(borrow, default)]
    pub agent: Option<Text<'a>>,
    /// When the engine decided it, RFC 3339.
    #[serde(borrow, default)]
    pub time: Option<Text<'a>>,
}

/// A refusal.
#[derive(Debug, Deserialize)]
pub struct Problem<'a> {
    /// As HTTP would say it.
    pub status: u16,
    /// The stable word.
    #[serde(borrow, default)]
    pub code: Cow<'a, str>,
    /// In words.
    #[serde(borrow, default)]
    pub detail: Cow<'a, str>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::cloud_events::parse_batch;
    use crate::domain::json::Tree;
    use crate::domain::switching::Happening;

    fn source() -> Source {
        Source { switch: "load-1".into(), boot: "b7".into() }
    }

    #[test]
    fn every_event_is_one_that_the_engine_reads() {
        let offer = crate::domain::ids::OfferId(7).to_string();
        let says = [
            (Say::Started, None),
            (Say::Heartbeat, None),
            (Say::Arrived(3), Some((12, 1))),
            (Say::ArrivedAt("load-empty"), Some((13, 1))),
            (Say::Ringing(&offer), Some((12, 2))),
            (Say::Answered(&offer), Some((12, 3))),
            (Say::Failed(&offer, "no_answer"), Some((12, 4))),
            (Say::Held, Some((12, 5))),
            (Say::Resumed, Some((12, 6))),
            (Say::Abandoned, Some((12, 7))),
            (Say::Ended("caller"), Some((12, 8))),
        ];
        let time = "2026-11-22T08:00:00.000Z";
        for (i, (say, call)) in says.into_iter().enumerate() {
            let text = source().event(i as u64, call, time, say);
            let tree = Tree::read(text.as_bytes()).expect("JSON");
            let mut parsed = parse_batch(&tree).expect("an event");
            let (from, event) = parsed.remove(0).expect("a right event");
            assert!(from == "load-1" && !matches!(event.what, Happening::Unknown { .. }), "{text}");
            assert_eq!(source().event_number(&event.id), Some(i as u64));
            assert_eq!(event.sequence, call.map(|(_, place)| u64::from(place)));
            assert_eq!(source().call_number(&event.subject), call.map(|(call, _)| call));
        }
    }

    #[test]
    fn frames_are_read_for_what_is_used() {
        let text = r#"{"commands":[{"seq":4,"id":"cmd_1","call":"b7-c12","call_id":"cal_1",
            "time":"t","deadline":"t","type":"offer.ring","offer":"off_1","round":1,
            "agent":"usr_load_17","endpoint":"sip:\"x\"","ring_for_ms":5,"why":{"busy":[1]}}]}"#;
        let told: Told<'_> = serde_json::from_str(text).expect("a frame");
        let ring = &told.commands[0];
        assert_eq!((ring.seq, &*ring.kind), (4, "offer.ring"));
        assert!(matches!(ring.offer, Some(Text(Cow::Borrowed("off_1")))), "nothing is copied");
        assert_eq!(ring.agent.as_deref().and_then(agent_number), Some(17));
        let text = r#"{"results":[{"id":"b7-9","status":"ignored","code":"late","call_id":null}]}"#;
        let told: Told<'_> = serde_json::from_str(text).expect("a frame");
        assert_eq!(source().event_number(&told.results[0].id), Some(9));
        assert_eq!(told.results[0].code.as_deref(), Some("late"));
    }
}
