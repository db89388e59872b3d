//! Hooks: who is told over HTTP what happens, and how.

use super::switch::Webhook;
use crate::domain::fields::{Fields, LABEL};
use crate::domain::figures::{By, Threshold};
use crate::domain::presence::words;
use crate::domain::problem::FieldError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

words!(
    /// What a hook can be told.
    HookEvent {
        /// An interval of the figures is over.
        #[serde(rename = "interval.closed")]
        IntervalClosed => "interval.closed",
        /// A rule found a figure wrong.
        #[serde(rename = "alert.raised")]
        AlertRaised => "alert.raised",
        /// It is worse or milder.
        #[serde(rename = "alert.changed")]
        AlertChanged => "alert.changed",
        /// Somebody sees to it.
        #[serde(rename = "alert.acknowledged")]
        AlertAcknowledged => "alert.acknowledged",
        /// It is over.
        #[serde(rename = "alert.resolved")]
        AlertResolved => "alert.resolved",
    }
);

words!(
    /// How long the intervals are that are told.
    Every {
        /// Five minutes.
        #[serde(rename = "5m")]
        Five => "5m",
        /// A quarter of an hour.
        #[serde(rename = "15m")]
        Quarter => "15m",
        /// Half an hour.
        #[serde(rename = "30m")]
        Half => "30m",
        /// An hour.
        #[serde(rename = "60m")]
        Hour => "60m",
        /// A day of the account.
        Day => "day",
    }
);

/// Who is told what happens; `PUT …/hooks/{hook}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Hook {
    /// Shown to people; 1–100 characters.
    pub name: String,
    /// Where to: signed as commands to switches are.
    pub webhook: Webhook,
    /// What; default: all of it.
    pub events: Vec<HookEvent>,
    /// Of `interval.closed`: how long the intervals are; default `15m`.
    pub interval: Every,
    /// … and by what their figures are told apart: queue (default), group, agent, team or account.
    pub by: By,
    /// … and the threshold of their service levels in seconds, 1 to 604,800; default 20.
    #[serde(default)]
    pub threshold_s: Threshold,
    /// Whether it is told; default true. What happens meanwhile is not made up for.
    pub enabled: bool,
}

impl Hook {
    /// Reads a body; fields left out take their defaults.
    ///
    /// # Errors
    /// Every wrong field.
    pub fn parse(body: &Value) -> Result<Hook, Vec<FieldError>> {
        let mut fields = Fields::of(body);
        let f = &mut fields;
        let webhook = f.nested("webhook", Webhook::read);
        if webhook.is_none() {
            f.missing("webhook", "an object with a url");
        }
        let hook = Hook {
            name: f.text("name", LABEL),
            webhook: webhook.unwrap_or(Webhook {
                url: String::new(),
                authorization: None,
                secret: None,
            }),
            events: events(f),
            interval: f.word("interval", Every::parse, Every::ALL, Every::Quarter),
            by: f.word("by", By::parse, By::ALL, By::Queue),
            threshold_s: Threshold::read(f),
            enabled: f.flag("enabled", true),
        };
        fields.done(hook)
    }

    /// Whether it is told of such an event.
    #[must_use]
    pub fn wants(&self, event: HookEvent) -> bool {
        self.enabled && self.events.contains(&event)
    }

    /// All fields, the webhook's secrets too: for merging and storing, never for an answer.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "webhook": self.webhook.to_json(),
            "events": self.events,
            "interval": self.interval,
            "by": self.by,
            "threshold_s": self.threshold_s,
            "enabled": self.enabled,
        })
    }

    /// As [`Hook::to_json`], but of the webhook's secrets only whether they are set.
    #[must_use]
    pub fn public_json(&self) -> Value {
        let mut shown = self.to_json();
        shown["webhook"] = self.webhook.public_json();
        shown
    }
}

/// Reads what is told: without it all.
fn events(f: &mut Fields<'_>) -> Vec<HookEvent> {
    let Some(value) = f.raw("events") else { return HookEvent::ALL.to_vec() };
    let known: Vec<&str> = HookEvent::ALL.iter().map(|event| event.word()).collect();
    let words = value.as_array().filter(|words| !words.is_empty());
    let Some(words) = words else {
        let detail = format!("must be a list of some of {}", known.join(", "));
        f.wrong("events", "malformed", detail);
        return Vec::new();
    };
    let mut events = Vec::new();
    for word in words {
        match word.as_str().and_then(HookEvent::parse) {
            Some(event) if !events.contains(&event) => events.push(event),
            Some(_) => {}
            None => {
                let detail = format!("must be one of {}; {word} is not", known.join(", "));
                f.wrong("events", "unknown_value", detail);
            }
        }
    }
    events.sort_unstable();
    events
}
