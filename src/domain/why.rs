//! Why an agent was chosen: what each offer carries.

use crate::domain::ids::Name;
use crate::domain::objects::queue::Order;
use crate::domain::time::{self, Millis};
use serde::{Deserialize, Serialize};

/// Why an agent was chosen (`engine.md` 10): from counters, never by a scan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Why {
    /// The queue's order.
    pub order: Order,
    /// Index of the step in force; null when the queue has none.
    pub step: Option<u32>,
    /// Agents who could have been chosen.
    pub candidates: u32,
    /// What put the chosen one first.
    pub winner: SortKey,
    /// The next one's; null when there was no other.
    pub runner_up: Option<SortKey>,
    /// Pairs of the queue that could not: offline.
    pub offline: u32,
    /// … opted out, or `online` where `ready` is needed.
    pub opted_out: u32,
    /// … busy.
    pub busy: u32,
    /// … of the busy ones, those left alone for a while.
    pub delayed: u32,
    /// Offerable − candidates.
    pub not_fitting: u32,
    /// Said when the queue's competency is off although its order asks for stars.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stars_ignored: bool,
    /// The draw, where the first was drawn; the runner-up is null then: nobody is next until drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drawn: Option<Drawn>,
    /// The call waited for this agent before anybody else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub preferred: bool,
    /// Who picked the agent by hand, whatever order, step and capacity say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_by: Option<Name>,
}

/// A draw: a point of a line on which each agent has a stretch as long as the weight, in the order
/// of creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drawn {
    /// The point, from 0.
    pub point: u64,
    /// How long the line was: the sum of the weights of those who could be drawn.
    pub of: u64,
}

/// By what an order sorted an agent; only what the order looks at is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SortKey {
    /// `in_order`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u32>,
    /// `least_calls`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// `stars`, where competency is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stars: Option<u8>,
    /// `stars`: sum of the required skills' levels, each scaled to 0…1,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u32>,
    /// `weighted`: what the chance is in proportion to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// `least_versatile`: memberships and skills together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versatility: Option<u32>,
    /// `least_talk`: time with callers of this queue in the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub talk_ms: Option<u32>,
    /// `least_occupied`: handling ÷ (handling + free) in the window, in millionths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occupancy_ppm: Option<u32>,
    /// All orders end here.
    #[serde(with = "time::wire")]
    pub idle_since: Millis,
}

impl SortKey {
    /// With nothing but the idle clock.
    #[must_use]
    pub fn of(idle_since: Millis) -> SortKey {
        SortKey {
            position: None,
            count: None,
            stars: None,
            level: None,
            weight: None,
            versatility: None,
            talk_ms: None,
            occupancy_ppm: None,
            idle_since,
        }
    }
}
