//! Switches and what they can do.

use crate::domain::fields::{Fields, LABEL, Rule};
use crate::domain::media::Media;
use crate::domain::presence::words;
use crate::domain::problem::FieldError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

words!(
    /// Who joins two parties.
    Connects {
        /// Nothing is joined before `call.connect`.
        Engine => "engine",
        /// The first answer is a conversation: an answer is a fact.
        Switch => "switch",
    }
);

/// A switch; `PUT …/switches/{switch}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Switch {
    /// Shown to people; 1–100 characters.
    pub name: String,
    /// Where commands are posted; null = they are fetched or linked.
    pub webhook: Option<Webhook>,
    /// What it can do.
    pub capabilities: Capabilities,
}

/// A switch's webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Webhook {
    /// `https://…` or `http://…`.
    pub url: String,
    /// Value of the `Authorization` header; never shown again.
    pub authorization: Option<String>,
    /// Standard Webhooks secret (`whsec_…`); never shown again.
    pub secret: Option<String>,
}

/// What a switch can do; the engine plans within it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Capabilities {
    /// Who joins two parties; default engine.
    pub connects: Connects,
    /// Ends the ring after `ring_for_ms` itself; default true.
    pub times_ring: bool,
    /// Can ring one more while others ring; default true.
    pub adds_leg: bool,
    /// Can stop one of several that ring; default true.
    pub cancels_one_leg: bool,
    /// Offers of one call at most; null (default) = no limit.
    pub offers_per_call: Option<u32>,
    /// Can answer for the agent (click to answer); default true.
    pub answers_for_agent: bool,
    /// Media it carries; empty (default) = all.
    pub media: Vec<Media>,
    /// Can hold and resume; default true.
    pub hold: bool,
    /// Can transfer; default true.
    pub transfer: bool,
    /// Can announce; default true.
    pub announce: bool,
    /// Can dial out; default true.
    pub originate: bool,
    /// Can monitor, whisper, barge; default true.
    pub supervise: bool,
}

impl Default for Capabilities {
    fn default() -> Self {
        Capabilities {
            connects: Connects::Engine,
            times_ring: true,
            adds_leg: true,
            cancels_one_leg: true,
            offers_per_call: None,
            answers_for_agent: true,
            media: Vec::new(),
            hold: true,
            transfer: true,
            announce: true,
            originate: true,
            supervise: true,
        }
    }
}

impl Switch {
    /// Reads a body; fields left out take their defaults.
    ///
    /// # Errors
    /// Every wrong field.
    pub fn parse(body: &Value) -> Result<Switch, Vec<FieldError>> {
        let mut fields = Fields::of(body);
        let switch = Switch {
            name: fields.text("name", LABEL),
            webhook: fields.nested("webhook", Webhook::read),
            capabilities: fields.nested("capabilities", Capabilities::read).unwrap_or_default(),
        };
        fields.done(switch)
    }

    /// All fields, the webhook's secrets too: for merging and storing, never for an answer.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "webhook": self.webhook.as_ref().map(Webhook::to_json),
            "capabilities": self.capabilities.to_json(),
        })
    }

    /// As [`Switch::to_json`], but of the webhook's secrets only whether they are set.
    #[must_use]
    pub fn public_json(&self) -> Value {
        let mut shown = self.to_json();
        if let Some(webhook) = &self.webhook {
            shown["webhook"] = webhook.public_json();
        }
        shown
    }
}

impl Webhook {
    /// Reads its fields.
    pub(super) fn read(f: &mut Fields<'_>) -> Webhook {
        Webhook {
            url: f.text("url", URL),
            authorization: f.text_or_null("authorization", HEADER),
            secret: f.text_or_null("secret", SECRET),
        }
    }

    /// All fields: never for an answer.
    pub(super) fn to_json(&self) -> Value {
        json!({ "url": self.url, "authorization": self.authorization, "secret": self.secret })
    }

    /// Of the secrets only whether they are set.
    pub(super) fn public_json(&self) -> Value {
        json!({
            "url": self.url,
            "has_authorization": self.authorization.is_some(),
            "has_secret": self.secret.is_some(),
        })
    }
}

impl Capabilities {
    fn read(f: &mut Fields<'_>) -> Capabilities {
        let mut media = Vec::new();
        for (at, item) in f.items("media", Media::ALL.len()) {
            match item.as_str().and_then(Media::parse) {
                Some(medium) if !media.contains(&medium) => media.push(medium),
                Some(_) => {
                    let detail = "stands here twice; leave one out";
                    f.wrong_all(vec![FieldError::new(at, "duplicate", detail)]);
                }
                None => {
                    let words: Vec<_> = Media::ALL.iter().map(|m| m.word()).collect();
                    let detail = format!("must be one of {}", words.join(", "));
                    f.wrong_all(vec![FieldError::new(at, "unknown_value", detail)]);
                }
            }
        }
        Capabilities {
            connects: f.word("connects", Connects::parse, Connects::ALL, Connects::Engine),
            times_ring: f.flag("times_ring", true),
            adds_leg: f.flag("adds_leg", true),
            cancels_one_leg: f.flag("cancels_one_leg", true),
            offers_per_call: f.int_or_null("offers_per_call", 1..=10_000, None),
            answers_for_agent: f.flag("answers_for_agent", true),
            media,
            hold: f.flag("hold", true),
            transfer: f.flag("transfer", true),
            announce: f.flag("announce", true),
            originate: f.flag("originate", true),
            supervise: f.flag("supervise", true),
        }
    }

    /// All fields, as the wire shows them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "connects": self.connects.word(),
            "times_ring": self.times_ring,
            "adds_leg": self.adds_leg,
            "cancels_one_leg": self.cancels_one_leg,
            "offers_per_call": self.offers_per_call,
            "answers_for_agent": self.answers_for_agent,
            "media": self.media.iter().map(|m| m.word()).collect::<Vec<_>>(),
            "hold": self.hold,
            "transfer": self.transfer,
            "announce": self.announce,
            "originate": self.originate,
            "supervise": self.supervise,
        })
    }
}

const URL: Rule = Rule {
    must_be: "an https:// or http:// address of at most 2,000 characters without blanks, with a port \
              from 1 to 65535 if with any, and without user and password (see authorization)",
    holds: |url| {
        let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        url.len() <= 2_000
            && url.bytes().all(|c| c.is_ascii_graphic())
            && rest.and_then(|rest| rest.split(['/', '?', '#']).next()).is_some_and(is_place)
    },
};

/// A host, with or without a port. Whoever connects takes a port that is none for 80 or 443, and
/// leaves a user out: neither is what was meant.
fn is_place(place: &str) -> bool {
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port),
        None => place.split_at(place.find(':').unwrap_or(place.len())),
    };
    let is_port = |port: &str| {
        port.bytes().all(|c| c.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    !host.is_empty()
        && !host.contains(['@', '[', ']'])
        && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

const HEADER: Rule = Rule {
    must_be: "the value of an HTTP header: 1 to 2,000 printable ASCII characters",
    holds: |text| {
        (1..=2_000).contains(&text.len()) && text.bytes().all(|c| c == b' ' || c.is_ascii_graphic())
    },
};

const SECRET: Rule = Rule {
    must_be: "a Standard Webhooks secret: whsec_ and the base64 of 24 to 64 bytes",
    holds: |text| {
        text.strip_prefix("whsec_").is_some_and(|key| {
            let digits = key.trim_end_matches('=');
            (32..=86).contains(&digits.len())
                && key.len() - digits.len() <= 2
                && key.len() % 4 == 0
                && digits.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'+' || c == b'/')
        })
    },
};

#[cfg(test)]
mod tests {
    use super::URL;

    #[test]
    fn a_webhooks_address_has_a_host_a_port_that_is_one_and_no_user() {
        for good in [
            "http://127.0.0.1",
            "https://calls.example.com/commands?x=@:99999",
            "http://calls.example.com:5080/",
            "http://[::1]:18099/x",
            "http://[::1]",
            "https://h:65535?q",
        ] {
            assert!((URL.holds)(good), "{good}");
        }
        for wrong in [
            "ftp://h",
            "http://",
            "http:///x",
            "http://:80",
            "http://h:",
            "http://h:0",
            "http://h:99999/",
            "http://h:+80/",
            "http://h:80:80/",
            "http://::1/",
            "http://[::1",
            "http://[::1]x",
            "http://ann:secret@h/",
            "http://a b/",
        ] {
            assert!(!(URL.holds)(wrong), "{wrong}");
        }
    }
}
