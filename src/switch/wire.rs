//! The frames of a switch's link, `callboard.switch.v1`.

use crate::domain::cloud_events::{Parsed, parse_list};
use crate::domain::compact;
use crate::domain::fields::Fields;
use crate::domain::json::Tree;
use crate::domain::pointer::Pointer;
use crate::domain::problem::{FieldError, Problem};
use crate::domain::switching::{Command, EventResult};
use serde::Serialize;
use std::sync::Arc;

/// The subprotocol's name.
pub const PROTOCOL: &str = "callboard.switch.v1";

/// What a switch says in one frame: events, what it has done, or both.
#[derive(Debug, Default)]
pub struct Said {
    /// Read events, or the answers to wrong ones.
    pub events: Vec<Parsed>,
    /// Every command up to this one is done; it comes before the events.
    pub done: Option<u64>,
}

/// Reads a frame.
///
/// # Errors
/// 400 when it is no JSON, 422 when it is no such frame.
pub fn read(text: &str) -> Result<Said, Problem> {
    let frame: Tree<'_> = serde_json::from_str(text)
        .map_err(|e| Problem::new(400, "malformed_json", format!("the frame is no JSON: {e}")))?;
    let mut fields = Fields::of(&frame);
    let says_done = fields.is_set("done");
    let done = fields.int_or_null("done", 0..=u64::MAX, None);
    let has_events = fields.is_set("events");
    let events = fields.raw("events");
    if !has_events && !says_done {
        fields.wrong_here("required", "a frame holds events, done, or both");
    }
    let list = match events {
        Some(Tree::List(list)) => list.as_slice(),
        None | Some(Tree::Null) => &[],
        Some(_) => {
            fields.wrong("events", "type", "must be a list of events");
            &[]
        }
    };
    fields.done(()).map_err(Problem::invalid)?;
    Ok(Said { events: parse_list(list, &Pointer::of("/events"))?, done })
}

/// What a switch is told in one frame.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Told<'a> {
    /// One result per event, in the order of the events.
    Results(&'a [EventResult]),
    /// New or repeated commands; those of one round stand together.
    Commands(&'a [Arc<Command>]),
    /// A whole frame was refused; it changed nothing.
    Problem {
        /// As HTTP would say it.
        status: u16,
        /// The stable machine word.
        code: &'a str,
        /// What is wrong and the remedy.
        detail: &'a str,
        /// Every wrong field.
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        errors: &'a [FieldError],
    },
}

impl Told<'_> {
    /// As a frame.
    #[must_use]
    pub fn text(&self) -> String {
        compact::to_string(self, 256).unwrap_or_default()
    }
}

/// A refused frame.
#[must_use]
pub fn refusal(problem: &Problem) -> Told<'_> {
    let Problem { status, code, detail, errors, .. } = problem;
    Told::Problem { status: *status, code, detail, errors }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_holds_events_and_what_is_done() {
        let said = read(r#"{ "events": [5], "done": 7 }"#).expect("a frame");
        assert_eq!((said.events.len(), said.done), (1, Some(7)));
        let error = said.events[0].as_ref().expect_err("no event").error.clone();
        assert_eq!(error.map(|e| e.pointer).as_deref(), Some("/events/0"));
        for (wrong, status) in [
            ("{", 400),
            ("[]", 422),
            ("{}", 422),
            (r#"{ "done": -1 }"#, 422),
            (r#"{ "done": 1, "evnts": [] }"#, 422),
            (r#"{ "events": {} }"#, 422),
        ] {
            assert_eq!(read(wrong).map_err(|p| p.status).err(), Some(status), "{wrong}");
        }
    }

    #[test]
    fn frames_are_told_by_their_name() {
        assert_eq!(Told::Results(&[]).text(), r#"{"results":[]}"#);
        assert_eq!(Told::Commands(&[]).text(), r#"{"commands":[]}"#);
        let problem = Problem::new(507, "disk_full", "no room");
        assert_eq!(
            refusal(&problem).text(),
            r#"{"problem":{"status":507,"code":"disk_full","detail":"no room"}}"#
        );
    }

    #[test]
    fn a_refused_frame_is_told_with_every_wrong_field() {
        let told = |frame: &str| refusal(&read(frame).expect_err("wrong")).text();
        let errors = |frame: &str| {
            let told: serde_json::Value = serde_json::from_str(&told(frame)).expect("JSON");
            let errors = told["problem"]["errors"].as_array().cloned().unwrap_or_default();
            errors.iter().map(|e| format!("{} {}", e["pointer"], e["code"])).collect::<Vec<_>>()
        };
        assert_eq!(errors(r#"{ "done": -1 }"#), [r#""/done" "out_of_range""#]);
        assert_eq!(
            errors(r#"{ "done": 1, "evnts": [], "events": 5 }"#),
            [r#""/events" "type""#, r#""/evnts" "unknown_field""#]
        );
    }
}
