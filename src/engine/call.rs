//! A call in the state: what it requires, its offers, its agents' parts, its deadlines.

use super::few::Few;
use crate::domain::event::{Outcome, PersonalKey, is_zero};
use crate::domain::ids::{AgentIx, CallId, Name, OfferId, QueueIx, SwitchIx};
use crate::domain::media::Media;
use crate::domain::objects::queue::Exit;
use crate::domain::objects::{Preferred, Queue, SkillNeed, Step};
use crate::domain::switching::Why;
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};

/// A call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Call {
    /// Its number.
    pub id: CallId,
    /// Which switch holds it.
    pub switch: SwitchIx,
    /// The switch's name for it.
    pub subject: Name,
    /// Its medium.
    pub media: Media,
    /// The dialled number.
    pub to: Option<Name>,
    /// The caller and the attributes.
    pub personal: Option<PersonalKey>,
    /// Call's and route's.
    pub priority: i32,
    /// Call's and route's.
    pub skills: Few<SkillNeed>,
    /// What of `priority` is the route's.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub route_priority: i32,
    /// What of `skills` are the route's.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub route_skills: Few<SkillNeed>,
    /// Its own steps, in place of the queue's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Box<[Step]>>,
    /// Its own preferred agent, in place of the queue's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred: Option<Box<Preferred>>,
    /// The step in force, counted from 0, where there are steps.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub step: u32,
    /// Whom it waits for before anybody else, and how long from its entry into the queue, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<(AgentIx, u32)>,
    /// Whom a supervisor picked for it, and who that was: until that agent's offer ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picked: Option<Box<(AgentIx, Name)>>,
    /// The user whom it is for, where it is a direct call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct: Option<AgentIx>,
    /// Where nobody waits on the line: the customer is called back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<Box<Callback>>,
    /// Arrival.
    pub arrived_at: Millis,
    /// Age, for rank.
    pub entered_at: Millis,
    /// Entry into the present queue.
    pub queued_at: Millis,
    /// The account's day of that entry: the queue's counts belong to it.
    pub queued_day: Option<i32>,
    /// Where it waits or was answered from.
    pub queue: Option<QueueIx>,
    /// Where it waited when it was answered: a late answer may be of a queue that it had left.
    pub waited_in: Option<QueueIx>,
    /// Its stage.
    pub stage: Stage,
    /// Offers of its life, in order of making.
    pub offers: Few<Offer>,
    /// Agents tried in this pass.
    pub tried: Few<AgentIx>,
    /// Start of the pass: its first offer.
    pub pass_began_at: Option<Millis>,
    /// The spacing since then has passed.
    pub pass_spaced: bool,
    /// The last agent offered in this queue: (position, agent).
    pub cursor: Option<(u32, u32)>,
    /// Offers made in this queue.
    pub attempts: u32,
    /// How often the plan's width has grown for it in this queue.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub widths: u32,
    /// Round of the last offer.
    pub round: u32,
    /// Legs that the engine stopped and whose end the switch has not yet told.
    pub closing: Few<OfferId>,
    /// The rest of a round must end, or this time pass, before a new offer.
    pub closing_until: Option<Millis>,
    /// An exit to take when the open offers have ended.
    pub exit_due: Option<Exit>,
    /// Overflows in a row.
    pub hops: u8,
    /// Waits for its switch after a restart, until then at the latest.
    pub frozen_until: Option<Millis>,
    /// Its late events are still coming.
    pub replay_until: Option<Millis>,
    /// How far outages move its deadlines, ms.
    pub shift_ms: u64,
    /// How many of its places were told to the caller in this queue, those passed over included.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub announced: u32,
    /// Entered the queue, and neither offered nor told to wait since: `max_waiting` still judges it.
    pub at_door: bool,
    /// The last event applied in order.
    pub sequence: u64,
    /// Fingerprints of its events.
    pub heard: Vec<u64>,
    /// Agents who have it.
    pub legs: Few<Leg>,
    /// On hold.
    pub held: bool,
    /// When and how it ended.
    pub end: Option<Box<End>>,
    /// Sequence of the record that last changed the row of the board.
    pub changed: u64,
}

/// How far a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Arrived, not in a queue (only within one record).
    New,
    /// Waits, with or without open offers.
    Waiting,
    /// With an agent.
    Connected,
    /// Over.
    Ended,
}

/// What a callback has beyond other calls.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Callback {
    /// The call whose place it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<CallId>,
    /// Who asked for it by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Name>,
    /// Attempts that reached nobody.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempts: u32,
    /// Nobody is offered it before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Millis>,
    /// The customer is dialled for the agent who has it, until then at the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialing_until: Option<Millis>,
    /// The customer is on the line: a call like any other.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reached: bool,
}

/// An agent's part in a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Leg {
    /// Who.
    pub agent: AgentIx,
    /// By which offer.
    pub offer: OfferId,
    /// Since when.
    pub since: Millis,
}

/// How a call ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct End {
    /// When.
    pub at: Millis,
    /// The record.
    pub seq: u64,
    /// How.
    pub outcome: Outcome,
    /// Why.
    pub reason: Name,
}

/// An offer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Offer {
    /// Its number.
    pub id: OfferId,
    /// Whom.
    pub agent: AgentIx,
    /// For which queue.
    pub queue: QueueIx,
    /// When it was made.
    pub made_at: Millis,
    /// The engine's deadline.
    pub until: Millis,
    /// How long the switch rings.
    pub ring_for_ms: u64,
    /// Unanswered at `until` it is missed, else withdrawn.
    pub full_ring: bool,
    /// Only answerable at the desk.
    pub at_desk: bool,
    /// The queue whose member the agent is, when it is not `queue`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<QueueIx>,
    /// Ordered beyond the agent's capacity.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub over: bool,
    /// The device alerts.
    pub ringing: bool,
    /// Its round.
    pub round: u32,
    /// Counted for the agent in this queue, in the window of this number.
    pub counted_day: Option<i32>,
    /// How it ended; `None` while open.
    pub closed: Option<Closed>,
    /// Why this agent.
    pub why: Box<Why>,
}

/// How an offer ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// answered, missed, refused, busy, unreachable, error, withdrawn.
    pub outcome: Name,
    /// Why withdrawn.
    pub reason: Option<Name>,
    /// When.
    pub at: Millis,
}

fn is_empty(list: &Few<SkillNeed>) -> bool {
    list.is_empty()
}

impl Call {
    /// Open offers, in order of making.
    pub fn open_offers(&self) -> impl Iterator<Item = &Offer> {
        self.offers.iter().filter(|o| o.closed.is_none())
    }

    /// How many.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.open_offers().count()
    }

    /// Offers that rang at the switch: desk offers are no legs of its.
    #[must_use]
    pub fn legs_made(&self) -> u32 {
        self.offers.iter().filter(|o| !o.at_desk).count() as u32
    }

    /// An offer of this call.
    #[must_use]
    pub fn offer(&self, id: OfferId) -> Option<&Offer> {
        self.offers.iter().find(|o| o.id == id)
    }

    /// Frozen, or in a replay: neither offers nor exits.
    #[must_use]
    pub fn stands_still(&self) -> bool {
        self.frozen_until.is_some() || self.replay_until.is_some()
    }

    /// The callback that it is, until its customer is on the line.
    #[must_use]
    pub fn to_call_back(&self) -> Option<&Callback> {
        self.callback.as_deref().filter(|callback| !callback.reached)
    }

    /// Whether its agent has answered and the customer is being dialled.
    #[must_use]
    pub fn is_dialing(&self) -> bool {
        self.callback.as_deref().is_some_and(|callback| callback.dialing_until.is_some())
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.stage == Stage::Ended
    }

    /// When `total_ms` is over.
    #[must_use]
    pub fn total_at(&self, queue: &Queue) -> Option<Millis> {
        // Nobody on the line is kept waiting too long.
        let limit = queue.total_ms.filter(|_| self.to_call_back().is_none())?;
        Some(self.queued_at.plus(limit).plus(self.shift_ms))
    }

    /// How many may ring for it now; `None` = every candidate.
    #[must_use]
    pub fn width(&self, queue: &Queue) -> Option<u32> {
        queue.plan.width_grown(self.widths as usize)
    }

    /// When the width grows next.
    #[must_use]
    pub fn wider_at(&self, queue: &Queue) -> Option<Millis> {
        let next = queue.plan.wider.get(self.widths as usize)?;
        Some(self.queued_at.plus(next.after_ms).plus(self.shift_ms))
    }

    /// When `max_wait_ms` is over.
    #[must_use]
    pub fn max_wait_at(&self, queue: &Queue) -> Option<Millis> {
        let limit = queue.exits.max_wait_ms.filter(|_| self.to_call_back().is_none())?;
        Some(self.queued_at.plus(limit).plus(self.shift_ms))
    }

    /// When its place is told to the caller next: a direct call has none, a callback no caller.
    #[must_use]
    pub fn announced_at(&self, queue: &Queue) -> Option<Millis> {
        let announce = queue.announce.as_ref().filter(|_| self.direct.is_none())?;
        if self.to_call_back().is_some() {
            return None;
        }
        announce.at(self.announced).map(|ms| self.waited_at(ms))
    }

    /// Lower is served first: age less priority, in milliseconds (`engine.md` 3).
    #[must_use]
    pub fn rank(&self, queue: &Queue) -> i64 {
        /// A point of priority is a minute of age.
        const STEP_MS: i64 = 60_000;
        let points = (self.priority + queue.priority).clamp(-3_000, 3_000);
        self.entered_at.0 - i64::from(points) * STEP_MS
    }
}
