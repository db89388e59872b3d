//! Callbacks: a caller hangs up and keeps the place; an agent takes the call, and the customer is
//! dialled then (`engine.md` 7).

use super::queue_json::DAY_MS;
use crate::domain::fields::{Fields, NUMBER};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How a queue calls back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CallbackPlan {
    /// How often a customer is dialled at most; 1–100, default 3.
    pub attempts: u32,
    /// The next attempt begins at the earliest this long after one that reached nobody;
    /// 1,000–604,800,000 ms, default 600,000.
    pub retry_after_ms: u64,
    /// An attempt has reached nobody when the switch has said nothing for so long;
    /// 5,000–600,000 ms, default 45,000.
    pub dial_for_ms: u64,
    /// A callback that nobody could serve ends so long after it was made; 60,000–2,592,000,000 ms,
    /// default 86,400,000.
    pub keep_ms: u64,
    /// The number shown to the customer; null (default) = the switch's own.
    pub caller_id: Option<String>,
}

impl Default for CallbackPlan {
    fn default() -> CallbackPlan {
        CallbackPlan {
            attempts: 3,
            retry_after_ms: 600_000,
            dial_for_ms: 45_000,
            keep_ms: DAY_MS,
            caller_id: None,
        }
    }
}

impl CallbackPlan {
    /// Whether nothing was set.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == CallbackPlan::default()
    }

    /// All fields, as the wire shows them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "attempts": self.attempts,
            "retry_after_ms": self.retry_after_ms,
            "dial_for_ms": self.dial_for_ms,
            "keep_ms": self.keep_ms,
            "caller_id": self.caller_id,
        })
    }

    pub(super) fn read(f: &mut Fields<'_>) -> CallbackPlan {
        let default = CallbackPlan::default();
        CallbackPlan {
            attempts: f.int("attempts", 1..=100, default.attempts),
            retry_after_ms: f.int("retry_after_ms", 1_000..=7 * DAY_MS, default.retry_after_ms),
            dial_for_ms: f.int("dial_for_ms", 5_000..=600_000, default.dial_for_ms),
            keep_ms: f.int("keep_ms", 60_000..=30 * DAY_MS, default.keep_ms),
            caller_id: f.text_or_null("caller_id", NUMBER),
        }
    }
}
