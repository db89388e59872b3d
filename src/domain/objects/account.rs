//! The account's own settings.

use super::group::GroupDefaults;
use crate::domain::fields::{Fields, LABEL, Rule};
use crate::domain::presence::words;
use crate::domain::problem::FieldError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

words!(
    /// What a log-on does to the opt-ins of the agent's queues.
    OptInAtLogin {
        /// They stay as they were.
        Keep => "keep",
        /// All are set.
        All => "all",
        /// None is set.
        None => "none",
    }
);

words!(
    /// What sets an agent's idle clock, beside the end of a queue or group call's wrap-up and a
    /// log-on, which always do.
    #[derive(Default)]
    IdleClock {
        /// Nothing.
        #[default]
        Handled => "handled",
        /// The end of a call that the engine did not route.
        AnyWork => "any_work",
        /// The end of an offer that was not withdrawn.
        Offered => "offered",
        /// Each change to `ready`.
        Status => "status",
    }
);

/// Settings of an account; `PATCH /v1/accounts/{account}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Account {
    /// Shown to people; 1–100 characters.
    pub name: String,
    /// IANA time zone of the account's day; default UTC.
    pub time_zone: String,
    /// How long a lost desk connection may come back; 0–3,600,000 ms, default 15,000.
    pub lease_grace_ms: u64,
    /// A status without a lease becomes offline so long after its last change or answered call;
    /// 0 = never, default 12 h, at most 7 days.
    pub max_unleased_ms: u64,
    /// Opt-ins at log-on; default keep.
    pub opt_in_at_login: OptInAtLogin,
    /// While on other media, voice is offered up to its capacity; default true.
    pub voice_over_others: bool,
    /// What sets the idle clock of agents; handled (default), any_work, offered or status.
    #[serde(skip_serializing_if = "is_handled")]
    pub idle_clock: IdleClock,
    /// Digits of an extension; 3–6, default 4.
    pub extension_digits: u8,
    /// At most so many overflows of one call in a row; 1–100, default 10.
    pub max_hops: u8,
    /// Mail domains that nobody is invited at, at most 1,000: personal ones by default.
    #[serde(skip_serializing_if = "is_personal")]
    pub refused_domains: Vec<String>,
    /// Whether a transferred call keeps its age, by which it is served; default true.
    #[serde(skip_serializing_if = "is_true")]
    pub transfers_keep_age: bool,
    /// What holds for all groups, unless a group says otherwise.
    #[serde(skip_serializing_if = "GroupDefaults::is_default")]
    pub group_settings: GroupDefaults,
    /// Queues that a user may be assigned to, beside those of teams; 1–10,000, default 5 (a
    /// null in a PATCH takes it back).
    #[serde(skip_serializing_if = "is_five")]
    pub max_queues: u32,
    /// A block of a user lasts at least so long; 0–31 days, default 8 h.
    #[serde(skip_serializing_if = "is_block_min")]
    pub block_min_ms: u64,
    /// … at most so long; 0–366 days, default 31 days.
    #[serde(skip_serializing_if = "is_block_max")]
    pub block_max_ms: u64,
}

/// Queues per user where the account says nothing else (seed S3-35).
const MAX_QUEUES: u32 = 5;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_five(most: &u32) -> bool {
    *most == MAX_QUEUES
}

/// 24 hours.
const DAY_MS: u64 = 24 * 3_600_000;
/// What a block lasts at least, and at most, where the account says nothing else (seed S3-31).
const BLOCK_MS: (u64, u64) = (8 * 3_600_000, 31 * DAY_MS);

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_block_min(ms: &u64) -> bool {
    *ms == BLOCK_MS.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_block_max(ms: &u64) -> bool {
    *ms == BLOCK_MS.1
}

fn is_true(flag: &bool) -> bool {
    *flag
}

/// Mail domains that belong to persons, not to organisations.
const PERSONAL: &[&str] = &[
    "aol.com",
    "gmail.com",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hotmail.com",
    "icloud.com",
    "live.com",
    "mail.ru",
    "me.com",
    "msn.com",
    "outlook.com",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "web.de",
    "yahoo.com",
    "yandex.ru",
];

fn personal() -> Vec<String> {
    PERSONAL.iter().map(|domain| (*domain).to_owned()).collect()
}

fn is_personal(domains: &[String]) -> bool {
    domains == PERSONAL
}

const DOMAIN: Rule = Rule {
    must_be: "a mail domain in lower case, such as gmail.com",
    holds: |text| {
        (3..=253).contains(&text.len())
            && text.contains('.')
            && text
                .bytes()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'.' || c == b'-')
    },
};

fn is_handled(clock: &IdleClock) -> bool {
    *clock == IdleClock::Handled
}

impl Default for Account {
    fn default() -> Self {
        Account {
            name: "Default".into(),
            time_zone: "UTC".into(),
            lease_grace_ms: 15_000,
            max_unleased_ms: 12 * 3_600_000,
            opt_in_at_login: OptInAtLogin::Keep,
            voice_over_others: true,
            idle_clock: IdleClock::Handled,
            extension_digits: 4,
            max_hops: 10,
            transfers_keep_age: true,
            group_settings: GroupDefaults::default(),
            max_queues: MAX_QUEUES,
            block_min_ms: BLOCK_MS.0,
            block_max_ms: BLOCK_MS.1,
            refused_domains: personal(),
        }
    }
}

impl Account {
    /// Reads a body; fields left out take their defaults.
    ///
    /// # Errors
    /// Every wrong field.
    pub fn parse(body: &Value) -> Result<Account, Vec<FieldError>> {
        let default = Account::default();
        let mut fields = Fields::of(body);
        let account = Account {
            name: fields.text_or("name", LABEL, &default.name),
            time_zone: fields.text_or("time_zone", TIME_ZONE, &default.time_zone),
            lease_grace_ms: fields.int("lease_grace_ms", 0..=3_600_000, default.lease_grace_ms),
            max_unleased_ms: fields.int(
                "max_unleased_ms",
                0..=7 * 24 * 3_600_000,
                default.max_unleased_ms,
            ),
            opt_in_at_login: fields.word(
                "opt_in_at_login",
                OptInAtLogin::parse,
                OptInAtLogin::ALL,
                default.opt_in_at_login,
            ),
            voice_over_others: fields.flag("voice_over_others", default.voice_over_others),
            idle_clock: fields.word(
                "idle_clock",
                IdleClock::parse,
                IdleClock::ALL,
                default.idle_clock,
            ),
            extension_digits: fields.int("extension_digits", 3..=6, default.extension_digits),
            max_hops: fields.int("max_hops", 1..=100, default.max_hops),
            transfers_keep_age: fields.flag("transfers_keep_age", default.transfers_keep_age),
            group_settings: fields
                .nested("group_settings", GroupDefaults::read)
                .unwrap_or_default(),
            max_queues: fields.int("max_queues", 1..=10_000, default.max_queues),
            block_min_ms: fields.int("block_min_ms", 0..=31 * DAY_MS, default.block_min_ms),
            block_max_ms: fields.int("block_max_ms", 0..=366 * DAY_MS, default.block_max_ms),
            refused_domains: match fields.raw("refused_domains") {
                None => default.refused_domains,
                Some(_) => fields.texts("refused_domains", 1_000, DOMAIN),
            },
        };
        fields.done(account)
    }

    /// All fields, as the wire shows them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "time_zone": self.time_zone,
            "lease_grace_ms": self.lease_grace_ms,
            "max_unleased_ms": self.max_unleased_ms,
            "opt_in_at_login": self.opt_in_at_login.word(),
            "voice_over_others": self.voice_over_others,
            "idle_clock": self.idle_clock.word(),
            "extension_digits": self.extension_digits,
            "max_hops": self.max_hops,
            "transfers_keep_age": self.transfers_keep_age,
            "group_settings": self.group_settings.to_json(),
            "max_queues": self.max_queues,
            "block_min_ms": self.block_min_ms,
            "block_max_ms": self.block_max_ms,
            "refused_domains": self.refused_domains,
        })
    }
}

/// The name of a time zone.
pub const TIME_ZONE: Rule = Rule {
    must_be: "the name of an IANA time zone, such as Europe/Berlin or UTC",
    holds: |name| jiff::tz::TimeZone::get(name).is_ok(),
};
