//! What is known of a user beside the router's own: how to reach the person, and settings that a
//! switch or a CRM carries out.

use super::calendar::{Week, in_week, read_week, week_json};
use super::queue::Target;
use crate::domain::fields::{Fields, Rule};
use crate::domain::presence::words;
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Contact preferences of one user at most.
const CONTACTS: usize = 20;
/// Numbers, and ids elsewhere, of one user at most.
pub(super) const MANY: usize = 50;

words!(
    /// A setting of a user that may be left to the queue (seeds S1-28, S1-29).
    #[derive(Default)]
    Setting {
        /// As the queue of the call has it.
        #[default]
        AsQueue => "as_queue",
        /// On, whatever the queue has.
        On => "on",
        /// Off, whatever the queue has.
        Off => "off",
    }
);

impl Setting {
    /// What holds for a call of a queue.
    #[must_use]
    pub fn resolve(self, queue: bool) -> bool {
        match self {
            Setting::AsQueue => queue,
            Setting::On => true,
            Setting::Off => false,
        }
    }

    /// Whether it was left to the queue.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Setting::AsQueue
    }
}

/// One way to reach a user, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Contact {
    /// Where a direct call goes that the user does not take.
    pub to: Target,
    /// By day of the week (`mon` … `sun`): spans such as `09:00-17:30`, by the user's clock. None
    /// (default) = always.
    #[schema(value_type = BTreeMap<String, Vec<String>>)]
    pub hours: Week,
}

impl Contact {
    /// Whether it is wished now. `zone`: the user's.
    #[must_use]
    pub fn holds(&self, at: Millis, zone: &str) -> bool {
        self.hours.is_empty() || in_week(&self.hours, at, zone)
    }

    /// All fields, as the wire shows them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "to": self.to.to_json(), "hours": week_json(&self.hours) })
    }

    pub(super) fn read_all(f: &mut Fields<'_>) -> Vec<Contact> {
        let mut contacts = Vec::new();
        for (at, item) in f.items("contacts", CONTACTS) {
            let contact = f.part(item, at, |f| {
                let to = f.nested("to", Target::read);
                if f.raw("to").is_none_or(Value::is_null) {
                    f.missing("to", "a target such as { \"number\": \"+1555\" }");
                }
                let hours = f.nested("hours", read_week).unwrap_or_default();
                Contact { to: to.unwrap_or(Target::End(true)), hours }
            });
            contacts.push(contact);
        }
        contacts
    }
}

/// Ids by the name of the service that gave them.
pub(super) fn read_external_ids(f: &mut Fields<'_>) -> BTreeMap<String, String> {
    let mut ids = BTreeMap::new();
    for (service, id) in f.entries("external_ids", MANY) {
        match id.as_str() {
            Some(id) if (EXTERNAL_ID.holds)(id) && crate::domain::ids::is_name(service) => {
                ids.insert(service.to_owned(), id.to_owned());
            }
            _ => {
                let (rule, name) = (EXTERNAL_ID.must_be, "external_ids");
                let detail = format!("must be an id such as salesforce with a text: {rule}");
                f.wrong_entry(name, service, "malformed", detail);
            }
        }
    }
    ids
}

/// An id that another system gave.
pub(super) const EXTERNAL_ID: Rule = Rule {
    must_be: "1 to 255 characters, none of them a control character",
    holds: |text| (1..=255).contains(&text.chars().count()) && !text.chars().any(char::is_control),
};

/// A user's domain.
pub(super) const DOMAIN: Rule = Rule {
    must_be: "a domain: 1 to 253 letters, digits, dots and hyphens",
    holds: |text| {
        (1..=253).contains(&text.len())
            && text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-'))
    },
};

/// Where a picture is.
pub(super) const PICTURE: Rule = Rule {
    must_be: "an https:// address of at most 2,000 characters without blanks",
    holds: |url| {
        url.len() <= 2_000
            && url.len() > "https://".len()
            && url.starts_with("https://")
            && url.bytes().all(|c| c.is_ascii_graphic())
    },
};
