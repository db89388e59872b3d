//! All that the engine knows of an account: plain data, changed by `evolve` alone.
//!
//! What can be derived (presence, indexes, counters of boards) is not here but in
//! [`crate::engine::derived`]; a snapshot is this and nothing else.

use super::alerts::Alert;
pub use super::call::{Call, Callback, Closed, End, Leg, Offer, Stage};
use super::hooks::HookState;
use super::imports::ImportState;
use super::ledger::Ledger;
use super::messages::Message;
use super::signing::Doors;
use super::supervise::Supervision;
use super::teams::TeamState;
use super::windows::Counted;
use crate::domain::event::{Next, PersonalKey, is_zero};
use crate::domain::ids::{
    AgentIx, AlertId, CallId, CommandId, Name, OfferId, QueueIx, SkillIx, SwitchIx,
};
use crate::domain::media::Media;
use crate::domain::objects::queue::Source;
use crate::domain::objects::{
    AccessGroup, Account, AlertRule, Calendar, Hook, Queue, Report, RoleBody, Route, SavedView,
    Skill, Switch, User,
};
use crate::domain::presence::{Detail, Status};
use crate::domain::rows::DayCounts;
use crate::domain::switching::{CancelReason, RouteKind, SuperviseMode, TransferKind, TransferTo};
use crate::domain::table::Table;
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
    /// Of these, the line of direct calls, which is shown to nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct_line: Option<QueueIx>,
    /// Switches by number; deleted ones keep their place.
    pub switches: Vec<SwitchState>,
    /// Routes by id.
    pub routes: BTreeMap<Name, Item<Route>>,
    /// Dispositions by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dispositions: BTreeMap<Name, Item<String>>,
    /// Break reasons by id.
    pub break_reasons: BTreeMap<Name, Item<String>>,
    /// Teams by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub teams: BTreeMap<Name, TeamState>,
    /// Calendars.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub calendars: BTreeMap<Name, Item<Calendar>>,
    /// Who listens to calls, or speaks in them, without having them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub supervisions: Vec<Supervision>,
    /// Views that people save, by user and id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub saved_views: BTreeMap<Name, BTreeMap<Name, Item<SavedView>>>,
    /// Roles of the account's own making.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<Name, Item<RoleBody>>,
    /// Access groups.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub access_groups: BTreeMap<Name, Item<AccessGroup>>,
    /// Alert rules.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub alert_rules: BTreeMap<Name, Item<AlertRule>>,
    /// Open alerts, and those resolved lately.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub alerts: BTreeMap<AlertId, Alert>,
    /// The last one's number.
    #[serde(default, skip_serializing_if = "is_first")]
    pub last_alert: AlertId,
    /// Hooks, …
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hooks: BTreeMap<Name, Item<Hook>>,
    /// … and how far each is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hook_states: BTreeMap<Name, HookState>,
    /// The last notice's number.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub last_notice: u64,
    /// Scheduled reports, …
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reports: BTreeMap<Name, Item<Report>>,
    /// … and until when each was sent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reported_until: BTreeMap<Name, Millis>,
    /// Live calls, and those that ended less than ten minutes ago.
    pub calls: Table<CallId, Box<Call>>,
    /// The ended ones among them, in order of their end.
    pub ended: VecDeque<CallId>,
    /// Ends at or below this sequence are forgotten.
    pub forgotten_seq: u64,
    /// Fingerprints of the events heard lately, in order.
    pub heard: VecDeque<(Millis, u64)>,
    /// Messages to agents, oldest first.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub messages: VecDeque<Message>,
    /// Callers (by the vault's row of a call) and the agent who had that call, oldest first; only
    /// while some queue prefers the last agent.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub last_agents: VecDeque<(PersonalKey, AgentIx)>,
    /// Calls that ever arrived.
    pub arrived: u64,
    /// Calls that ever ended.
    pub ended_count: u64,
    /// What opens the door: passwords, links, sessions.
    #[serde(default, skip_serializing_if = "Doors::is_empty")]
    pub doors: Doors,
    /// Users that came from files, by number of the import.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub imports: BTreeMap<u64, ImportState>,
    /// The recorded dice, once they were thrown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dice: Option<Dice>,
}

/// No alert was ever raised.
fn is_first(last: &AlertId) -> bool {
    *last == AlertId::default()
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
    /// Messages not read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<u64>,
    /// Teams, by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<Name>,
    /// Memberships.
    pub pairs: Vec<Pair>,
    /// Changes with each log-on, where a queue counts by shifts.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub shift: u32,
    /// What the agent has done; only where a queue goes by occupancy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<Box<Ledger>>,
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
    /// The agent's own, or through a team.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub source: Source,
    /// Calls of the window, milliseconds, or millionths of occupancy.
    pub count: u32,
    /// The window that `count` belongs to ([`super::windows::number`]); another reads as 0.
    pub day: Option<i32>,
    /// What `count` is made of, in a window of 24 hours.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub rolling: VecDeque<Counted>,
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
    /// `call.originate`
    Originate { offer: OfferId },
    /// `call.originate` from the desk.
    Dial { agent: AgentIx, to: String, caller_id: Option<String> },
    /// `call.announce`
    Announce { position: u32 },
    /// `call.hold`
    Hold,
    /// `call.resume`
    Resume,
    /// `call.transfer`
    Transfer { to: TransferTo, kind: TransferKind },
    /// `call.supervise`
    Supervise { agent: AgentIx, mode: SuperviseMode },
    /// `call.route`
    Route {
        to: String,
        #[serde(default = "number")]
        kind: RouteKind,
    },
    /// `call.end`
    End { reason: Name },
    /// `switch.sync`
    Sync,
}

/// What there was to route to before mailboxes.
fn number() -> RouteKind {
    RouteKind::Number
}

impl QueueState {
    /// A queue without members, that has counted nothing yet.
    #[must_use]
    pub fn new(ix: QueueIx, id: Name, version: u64, config: Arc<Queue>) -> QueueState {
        QueueState {
            ix,
            id,
            version,
            config,
            deleted: false,
            members: Vec::new(),
            last_offered: None,
            counts: DayCounts::default(),
            day: None,
            changed: 0,
        }
    }
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

    /// A queue's id; none for the line of direct calls.
    #[must_use]
    pub fn shown_queue(&self, ix: QueueIx) -> Option<&Name> {
        (self.direct_line != Some(ix)).then(|| &self.queue(ix).id)
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
