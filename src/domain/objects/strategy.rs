//! What a queue's `strategy` says: which agent is first, and how many ring for how long.

use super::queue::{OnMiss, RingFor};
use crate::domain::presence::words;
use serde::{Deserialize, Serialize};

words!(
    /// Which agent is first.
    Order {
        /// Earliest `idle_since`.
        LongestIdle => "longest_idle",
        /// Lowest count of the window.
        LeastCalls => "least_calls",
        /// Lowest position.
        InOrder => "in_order",
        /// Most stars where competency is on, then the sum of required skills' levels.
        Stars => "stars",
        /// The next after the last one offered, by position, then by order of creation.
        RoundRobin => "round_robin",
        /// Any, each with the same chance.
        Random => "random",
        /// Drawn with a chance in proportion to stars or to a skill's level.
        Weighted => "weighted",
        /// Fewest memberships and skills.
        LeastVersatile => "least_versatile",
        /// Least talk time of the window.
        LeastTalk => "least_talk",
        /// Lowest occupancy of the window, as of becoming offerable.
        LeastOccupied => "least_occupied",
    }
);

words!(
    /// A named order × ring plan.
    Preset {
        /// All at once, first answer wins.
        Simultaneous => "simultaneous",
        /// The one with the least calls, for the whole of `total_ms`.
        LeastCalls => "least_calls",
        /// One after the other by position, round again.
        Sequential => "sequential",
        /// Best stars and levels first.
        Skilled => "skilled",
        /// The longest idle first.
        LongestIdle => "longest_idle",
        /// In turn.
        RoundRobin => "round_robin",
        /// Drawn, each with the same chance.
        Random => "random",
        /// Drawn in proportion to stars.
        Weighted => "weighted",
        /// Fewest memberships and skills first.
        LeastVersatile => "least_versatile",
        /// The least talk time of the day first.
        LeastTalk => "least_talk",
        /// The lowest occupancy of the day first.
        LeastOccupied => "least_occupied",
    }
);

words!(
    /// What a count or a talk time is of.
    #[derive(Default)]
    Window {
        /// The account's day.
        #[default]
        Day => "day",
        /// Since the agent logged on.
        Shift => "shift",
        /// The last 24 hours: what was counted leaves 24 hours later, to the millisecond.
        #[serde(rename = "24h")]
        Rolling => "24h",
    }
);

words!(
    /// Who is first of those whom the order does not tell apart.
    #[derive(Default)]
    Ties {
        /// The longest idle, then the order of creation.
        #[default]
        LongestIdle => "longest_idle",
        /// Any, each with the same chance.
        Random => "random",
    }
);

/// What the chances of `weighted` are in proportion to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The member's stars, 1–4.
    #[default]
    Stars,
    /// The level at which the agent holds this skill; held without a level: 1,000; not held: 0.
    Skill(String),
}

/// From a waiting time on, so many may ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Wider {
    /// Since the call entered the queue, milliseconds.
    pub after_ms: u64,
    /// Offers of one call out at once; null = every candidate.
    pub offers: Option<u32>,
}

/// How an order rings (`engine.md` 5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Plan {
    /// Which preset it came from; null = all was said.
    #[serde(default)]
    pub preset: Option<Preset>,
    /// Which agent is first.
    pub order: Order,
    /// Offers of one call out at once, at first; null = every candidate.
    pub width: Option<u32>,
    /// How the width grows as the call waits, by time; empty = it does not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wider: Vec<Wider>,
    /// How long one offer rings.
    pub ring_for: RingFor,
    /// What follows a miss or refusal.
    pub on_miss: OnMiss,
    /// Offers of a call in this queue at most; null = no limit.
    pub attempts: Option<u32>,
    /// Whether a new pass begins when all were tried; default true.
    pub again: bool,
    /// A new pass begins at the earliest so long after the last began; default 5,000 ms.
    pub again_after_ms: u64,
    /// Of `least_calls`, `least_talk` and `least_occupied`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub window: Window,
    /// Who is first of equals.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ties: Ties,
    /// Of `weighted`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub by: By,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Order {
    /// Whether it sorts by what was counted in a window.
    #[must_use]
    pub fn counts(self) -> bool {
        matches!(self, Order::LeastCalls | Order::LeastTalk | Order::LeastOccupied)
    }
}

impl Plan {
    /// Whether the first is drawn, always or among equals.
    #[must_use]
    pub fn draws(&self) -> bool {
        matches!(self.order, Order::Random | Order::Weighted) || self.ties == Ties::Random
    }

    /// The width after it has grown so many times.
    #[must_use]
    pub fn width_grown(&self, times: usize) -> Option<u32> {
        match times.min(self.wider.len()).checked_sub(1) {
            Some(last) => self.wider[last].offers,
            None => self.width,
        }
    }

    /// Whether more than one may ring for a call, now or later.
    #[must_use]
    pub fn is_wide(&self) -> bool {
        self.width != Some(1) || !self.wider.is_empty()
    }
}
