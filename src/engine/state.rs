//! All that the engine knows of an account: plain data, changed by `evolve` alone.
//!
//! What can be derived (presence, indexes, counters of boards) is not here but in
//! [`crate::engine::derived`]; a snapshot is this and nothing else.

use super::few::Few;
use super::table::Table;
use super::windows::Counted;
use crate::domain::event::{Next, Outcome, PersonalKey};
use crate::domain::ids::{AgentIx, CallId, CommandId, Name, OfferId, QueueIx, SkillIx, SwitchIx};
use crate::domain::media::Media;
use crate::domain::objects::queue::Exit;
use crate::domain::objects::{Account, Queue, Route, Skill, SkillNeed, Switch, User};
use crate::domain::presence::{Detail, Status};
use crate::domain::rows::DayCounts;
use crate::domain::switching::{CancelReason, Why};
use crate::domain::time::Millis;
use crate::routing::dice::Dice;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// An account.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// Sequence of the last record applied.
    pub seq: u64,
    /// Its time.
    pub at: Millis,
    /// Settings, and the version they were set at.
    pub account: Account,
    /// Record that set them.
    pub account_version: u64,
    /// The day in the account's zone, counted from 1970-01-01; `None` before the first record.
    pub day: Option<i32>,
    /// The last number given to a call.
    pub last_call: CallId,
    /// … an offer.
    pub last_offer: OfferId,
    /// … a command.
    pub last_command: CommandId,
    /// … a vault row.
    pub last_personal: PersonalKey,
    /// Skills by number; deleted ones keep their place.
    pub skills: Vec<Item<Skill>>,
    /// Agents by number; nobody is deleted.
    pub agents: Vec<Agent>,
    /// Queues and groups by number; deleted ones keep their place.
    pub queues: Vec<QueueState>,
    /// Switches by number; deleted ones keep their place.
    pub switches: Vec<SwitchState>,
    /// Routes by id.
    pub routes: BTreeMap<Name, Item<Route>>,
    /// Break reasons by id.
    pub break_reasons: BTreeMap<Name, Item<String>>,
    /// Live calls, and those that ended less than ten minutes ago.
    pub calls: Table<CallId, Box<Call>>,
    /// The ended ones among them, in order of their end.
    pub ended: VecDeque<CallId>,
    /// Ends at or below this sequence are forgotten.
    pub forgotten_seq: u64,
    /// Fingerprints of the events heard lately, in order.
    pub heard: VecDeque<(Millis, u64)>,
    /// Calls that ever arrived.
    pub arrived: u64,
    /// Calls that ever ended.
    pub ended_count: u64,
    /// The recorded dice, once they were thrown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dice: Option<Dice>,
}

/// A configured object with its version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Item<T> {
    /// Its id.
    pub id: Name,
    /// Sequence of the record that last set it.
    pub version: u64,
    /// Itself; `None` when deleted.
    pub value: Option<T>,
}

/// A user seen by the router.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Agent {
    /// Own number.
    pub ix: AgentIx,
    /// The user's id.
    pub id: Name,
    /// Version of the configuration.
    pub version: u64,
    /// The configuration, its personal part empty.
    pub user: Arc<User>,
    /// Where the personal part is.
    pub personal: PersonalKey,
    /// Whether the personal part names an endpoint.
    pub has_endpoint: bool,
    /// Skills by number with their level, sorted.
    pub skills: Vec<(SkillIx, Option<u16>)>,
    /// What was chosen.
    pub status: Status,
    /// Why.
    pub reason: Option<Name>,
    /// When it last changed.
    pub status_at: Millis,
    /// Who forces it.
    pub forced_by: Option<Name>,
    /// What follows the present work.
    pub next: Option<Next>,
    /// Open desk connections.
    pub desks: Vec<u64>,
    /// End of a lease taken by request.
    pub lease_until: Option<Millis>,
    /// The last desk went; until then it may come back.
    pub grace_until: Option<Millis>,
    /// Last change of status or answered call, for `max_unleased_ms`.
    pub active_at: Millis,
    /// The switch said that the phone is gone.
    pub device_lost: bool,
    /// The phone could not be reached too often in a row: counts as gone.
    pub device_unreached: bool,
    /// Blocked by `blocked_until`, until `BlockEnded`.
    pub blocked: bool,
    /// Misses in a row, over all queues.
    pub misses: u32,
    /// Unreachable in a row.
    pub unreachable: u32,
    /// The idle clock.
    pub idle_since: Millis,
    /// Left alone until then.
    pub delay_until: Option<Millis>,
    /// Open offers.
    pub offers: Vec<(OfferId, CallId)>,
    /// Calls connected.
    pub calls: Vec<CallId>,
    /// Wrap-ups running.
    pub wrap_ups: Vec<WrapUpRun>,
    /// Calls that the engine did not route.
    pub own_calls: Vec<(SwitchIx, Name)>,
    /// Memberships.
    pub pairs: Vec<Pair>,
    /// Changes with each log-on, where a queue counts by shifts.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub shift: u32,
    /// What the agent is seen doing.
    pub detail: Option<Detail>,
    /// Since when.
    pub since: Millis,
    /// Sequence of the record that last changed the row of the board.
    pub changed: u64,
}

/// After-call work that runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WrapUpRun {
    /// Of this call.
    pub call: CallId,
    /// Of this queue.
    pub queue: QueueIx,
    /// Whose medium it holds.
    pub media: Media,
    /// Its end.
    pub until: Millis,
}

/// An agent's place in a queue.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pair {
    /// Which queue.
    pub queue: QueueIx,
    /// Version of the membership.
    pub version: u64,
    /// 1–4.
    pub stars: u8,
    /// From 1.
    pub position: u32,
    /// Takes this queue's calls.
    pub opted_in: bool,
    /// Calls of the window, or milliseconds.
    pub count: u32,
    /// The window that `count` belongs to ([`super::windows::number`]); another reads as 0.
    pub day: Option<i32>,
    /// What `count` is made of, in a window of 24 hours.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub rolling: VecDeque<Counted>,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// A queue or group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct QueueState {
    /// Own number.
    pub ix: QueueIx,
    /// Its id.
    pub id: Name,
    /// Version of the configuration.
    pub version: u64,
    /// The configuration.
    pub config: Arc<Queue>,
    /// Deleted ones keep their place.
    pub deleted: bool,
    /// Members, sorted.
    pub members: Vec<AgentIx>,
    /// The last one offered, where the order goes round: (position, agent).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_offered: Option<(u32, u32)>,
    /// Counts of `day`.
    pub counts: DayCounts,
    /// The day that they belong to.
    pub day: Option<i32>,
    /// Sequence of the record that last changed the row of the board.
    pub changed: u64,
}

/// A switch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SwitchState {
    /// Own number.
    pub ix: SwitchIx,
    /// Its id.
    pub id: Name,
    /// Version of the configuration.
    pub version: u64,
    /// The configuration.
    pub config: Arc<Switch>,
    /// Deleted ones keep their place.
    pub deleted: bool,
    /// The present start.
    pub boot: Option<Name>,
    /// Earlier starts, the last 16.
    pub old_boots: Vec<Name>,
    /// It has sent a heartbeat since its start.
    pub beats: bool,
    /// It holds a link.
    pub linked: bool,
    /// Last sign of life.
    pub heard_at: Millis,
    /// Nothing is offered through it.
    pub suspected: bool,
    /// The last command's number.
    pub last_seq: u64,
    /// Commands not acknowledged and not past their deadline.
    pub outbox: VecDeque<Told>,
    /// Events ahead of a gap, by subject.
    pub parked: BTreeMap<Name, Parked>,
}

/// Events of one subject that wait for an earlier one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Parked {
    /// By sequence: until when each waits, and itself.
    pub events: BTreeMap<u64, (Millis, Value)>,
}

impl Parked {
    /// When the first of them has waited long enough.
    #[must_use]
    pub fn first_until(&self) -> Option<Millis> {
        self.events.values().map(|(until, _)| *until).min()
    }
}

/// A command to a switch, as state keeps it: the rest is looked up when it goes out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Told {
    /// Its number.
    pub seq: u64,
    /// Its id.
    pub id: CommandId,
    /// The call.
    pub call: Option<CallId>,
    /// The switch's name of a call that the engine does not hold.
    pub subject: Option<Name>,
    /// When it was decided.
    pub at: Millis,
    /// After this it is of no use.
    pub deadline: Millis,
    /// What to do.
    pub what: Tell,
}

/// The kinds of commands.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tell {
    /// `call.queue`
    Queue { position: u32 },
    /// `offer.ring`
    Ring { offer: OfferId },
    /// `offer.cancel`
    Cancel { offer: OfferId, reason: CancelReason },
    /// `offer.answer`
    Answer { offer: OfferId },
    /// `call.connect`
    Connect { offer: OfferId },
    /// `call.route`
    Route { to: String },
    /// `call.end`
    End { reason: Name },
    /// `switch.sync`
    Sync,
}

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

impl State {
    /// An agent.
    #[must_use]
    pub fn agent(&self, ix: AgentIx) -> &Agent {
        &self.agents[ix.at()]
    }

    /// A queue.
    #[must_use]
    pub fn queue(&self, ix: QueueIx) -> &QueueState {
        &self.queues[ix.at()]
    }

    /// A switch.
    #[must_use]
    pub fn switch(&self, ix: SwitchIx) -> &SwitchState {
        &self.switches[ix.at()]
    }

    /// A call that is live or ended lately.
    #[must_use]
    pub fn call(&self, id: CallId) -> Option<&Call> {
        self.calls.get(&id).map(|c| &**c)
    }
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

    /// Whether it is over.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.stage == Stage::Ended
    }

    /// When `total_ms` is over.
    #[must_use]
    pub fn total_at(&self, queue: &Queue) -> Option<Millis> {
        queue.total_ms.map(|ms| self.queued_at.plus(ms).plus(self.shift_ms))
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
        queue.exits.max_wait_ms.map(|ms| self.queued_at.plus(ms).plus(self.shift_ms))
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

impl Agent {
    /// No offer, call or wrap-up is left.
    #[must_use]
    pub fn work_ended(&self) -> bool {
        self.offers.is_empty()
            && self.calls.is_empty()
            && self.wrap_ups.is_empty()
            && self.own_calls.is_empty()
    }

    /// The place in a queue.
    #[must_use]
    pub fn pair(&self, queue: QueueIx) -> Option<&Pair> {
        self.pairs.iter().find(|p| p.queue == queue)
    }

    /// The level of a skill: `None` = not held, `Some(None)` = held without a level.
    #[must_use]
    pub fn level(&self, skill: SkillIx) -> Option<Option<u16>> {
        self.skills.iter().find(|(s, _)| *s == skill).map(|(_, level)| *level)
    }
}

impl Pair {
    /// The count of a window, by its number.
    #[must_use]
    pub fn count_on(&self, day: Option<i32>) -> u32 {
        if self.day == day { self.count } else { 0 }
    }
}
