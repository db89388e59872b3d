//! The account's own settings.

use crate::domain::presence::words;
use serde::{Deserialize, Serialize};

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
    /// Digits of an extension; 3–6, default 4.
    pub extension_digits: u8,
    /// At most so many overflows of one call in a row; 1–100, default 10.
    pub max_hops: u8,
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
            extension_digits: 4,
            max_hops: 10,
        }
    }
}
