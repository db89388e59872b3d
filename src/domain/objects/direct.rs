//! Direct calls: how a user is reached without a queue (`engine.md` 8).

use super::queue::{Queue, QueueKind, Target};
use crate::domain::fields::Fields;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::LazyLock;

/// The id of the line that direct calls stand in; no queue's, since names have no `~`.
pub const DIRECT_LINE: &str = "~direct";
/// The longest ring of a direct call.
const RING_MOST_MS: u64 = 300_000;

/// How calls to a user's extension, or to the user by name, are treated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Direct {
    /// How long it rings; 1,000–300,000 ms, default 20,000.
    pub ring_for_ms: u64,
    /// Whether it rings while the user has another call of the medium; default false.
    pub call_waiting: bool,
    /// Where a call goes that the user does not take: on a call without `call_waiting`, on a break, not
    /// reached, refused or unanswered. Null (default) = the user's own mailbox, `{ "voicemail": "usr_…" }`.
    pub unattended: Option<Target>,
    /// Where it goes while the user is offline; null (default) = as `unattended`.
    pub offline: Option<Target>,
}

impl Default for Direct {
    fn default() -> Direct {
        Direct { ring_for_ms: 20_000, call_waiting: false, unattended: None, offline: None }
    }
}

impl Direct {
    /// Whether nothing was set.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Direct::default()
    }

    /// Where a call of this user goes that was not taken.
    #[must_use]
    pub fn target(&self, user: &str, offline: bool) -> Target {
        let away = self.offline.as_ref().filter(|_| offline);
        let target = away.or(self.unattended.as_ref());
        target.cloned().unwrap_or_else(|| Target::Voicemail(user.to_owned()))
    }

    /// All fields, as the wire shows them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "ring_for_ms": self.ring_for_ms,
            "call_waiting": self.call_waiting,
            "unattended": self.unattended.as_ref().map(Target::to_json),
            "offline": self.offline.as_ref().map(Target::to_json),
        })
    }

    pub(super) fn read(f: &mut Fields<'_>) -> Direct {
        let default = Direct::default();
        Direct {
            ring_for_ms: f.int("ring_for_ms", 1_000..=RING_MOST_MS, default.ring_for_ms),
            call_waiting: f.flag("call_waiting", default.call_waiting),
            unattended: f.nested("unattended", read_target),
            offline: f.nested("offline", read_target),
        }
    }
}

/// A direct call waits in no queue that it could be called back from.
fn read_target(f: &mut Fields<'_>) -> Target {
    let target = Target::read(f);
    if target == Target::Callback(true) {
        f.wrong("callback", "not_allowed", "only a queue or group calls back; name one that does");
    }
    target
}

/// The line that direct calls stand in: nobody is its member, each call rings the one it is for; no
/// wrap-up follows, no miss counts and nobody is left alone for a while after one.
#[must_use]
pub fn direct_line() -> Queue {
    static LINE: LazyLock<Queue> = LazyLock::new(|| {
        let body = json!({ "name": "Direct calls", "needs": "online", "wrap_up": { "ms": 0 },
            "max_misses": 0, "after_refusal_ms": 0, "after_busy_ms": 0, "after_unreachable_ms": 0,
            "after_miss_ms": 0 });
        match Queue::parse(QueueKind::Queue, &body) {
            Ok(line) => line,
            Err(wrong) => unreachable!("the line is right: {wrong:?}"),
        }
    });
    LINE.clone()
}
