//! Bodies that are read field by field.

use crate::domain::media::Media;
use crate::domain::objects::queue::{Announce, Needs, OnMiss, Order, Preset, Ties, Window};
use crate::domain::objects::user::Role;
use crate::domain::objects::{CallbackPlan, Exits, GroupSettings, SkillNeed, Step, Target};
use crate::domain::presence::Status;
use crate::domain::switching::{TransferKind, TransferTo};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A preset's name, or a plan.
#[derive(serde::Serialize, ToSchema)]
#[schema(as = Strategy)]
#[serde(untagged)]
pub enum StrategyBody {
    /// A named order × ring plan.
    Preset(Preset),
    /// All of the plan.
    Plan(PlanBody),
}

/// All of a plan. All fields but `order` may be left out.
#[derive(serde::Serialize, ToSchema)]
#[schema(as = Plan)]
pub struct PlanBody {
    /// Which agent is first.
    order: Order,
    /// Offers of one call out at once: a number, "all", or a list of `{ after_ms, offers }` that
    /// grows from after_ms 0 on; default 1.
    #[schema(required = false)]
    width: Value,
    /// One offer, or "total" = until total_ms is over; default 15,000.
    #[schema(required = false)]
    ring_for_ms: Value,
    /// From entry into the queue; required where ring_for_ms is "total".
    total_ms: Option<u64>,
    /// next, requeue (default) or exit.
    #[schema(required = false)]
    on_miss: OnMiss,
    /// Offers of a call in this queue; null = no limit.
    attempts: Option<u32>,
    /// Whether a new pass begins when all were tried; default true.
    #[schema(required = false)]
    again: bool,
    /// At the earliest so long after the last pass began; default 5,000.
    #[schema(required = false)]
    again_after_ms: u64,
    /// Of least_calls, least_talk and least_occupied: day (default), shift or 24h; else null.
    window: Option<Window>,
    /// longest_idle (default), or random; null where the order leaves no ties.
    ties: Option<Ties>,
    /// Of weighted: "stars" (default) or `{ "skill": … }`; else null.
    by: Option<Value>,
}

/// A queue or group. All fields but `name` may be left out.
#[derive(ToSchema)]
#[schema(as = Queue)]
pub struct QueueBody {
    /// Shown to people; 1–100 characters.
    name: String,
    /// voice by default.
    #[schema(required = false)]
    media: Media,
    /// ready (default of queues) or online (default of groups).
    #[schema(required = false)]
    needs: Needs,
    /// A preset, or all of the plan as an object; longest_idle is the default of queues, simultaneous
    /// of groups.
    #[schema(required = false)]
    strategy: StrategyBody,
    /// Whether stars count; default false.
    #[schema(required = false)]
    competency: bool,
    /// −1,000…1,000, added to the call's and the route's; default 0.
    #[schema(required = false)]
    priority: i32,
    /// Strict precedence over queues of lower weight; −1,000…1,000, default 0.
    #[schema(required = false)]
    weight: i32,
    /// One offer; null = the preset's: 15,000, or until total. This and the plan's other fields
    /// (`total_ms`, `on_miss`, `attempts`, `again`, `again_after_ms`) stand in `strategy` where that is
    /// an object.
    ring_for_ms: Option<u64>,
    /// From entry into the queue; required for simultaneous, least_calls and sequential.
    total_ms: Option<u64>,
    /// Open offers of all the queue's calls; default 10 for simultaneous, else null = no limit.
    max_ringing: Option<u32>,
    /// next, requeue or exit; by the preset.
    #[schema(required = false)]
    on_miss: OnMiss,
    /// Offers of a call in this queue; null = no limit.
    attempts: Option<u32>,
    /// Whether a new pass begins when all were tried; default true.
    #[schema(required = false)]
    again: bool,
    /// At the earliest so long after the last pass began; default 5,000.
    #[schema(required = false)]
    again_after_ms: u64,
    /// After-call work; default none.
    #[schema(required = false)]
    wrap_up: WrapUpBody,
    /// Misses in a row that set an agent online; 0 = never.
    #[schema(required = false)]
    max_misses: u32,
    /// Unreachable in a row that count the device as lost; 0 = never, default 2.
    #[schema(required = false)]
    max_unreachable: u32,
    /// Delay before the next offer to an agent who refused; default 10,000.
    #[schema(required = false)]
    after_refusal_ms: u64,
    /// … whose phone was busy; default 10,000.
    #[schema(required = false)]
    after_busy_ms: u64,
    /// … whose phone was not reached; default 30,000.
    #[schema(required = false)]
    after_unreachable_ms: u64,
    /// … who missed; default 5,000.
    #[schema(required = false)]
    after_miss_ms: u64,
    /// An abandon below this is short; default 5,000.
    #[schema(required = false)]
    short_abandon_ms: u64,
    /// Whether calls are recorded, where the agent leaves it to the queue; default false.
    #[schema(required = false)]
    recording: bool,
    /// Whether calls are told to the CRM, where the agent leaves it to the queue; default false.
    #[schema(required = false)]
    crm_updates: bool,
    /// Dispositions that agents may give its calls, beside the agent's own; none = any text.
    #[schema(required = false)]
    dispositions: Vec<String>,
    /// What waiting calls require, by waiting time; at most 32.
    #[schema(required = false)]
    steps: Vec<Step>,
    /// Whom a call waits for first; default nobody.
    preferred: Option<PreferredBody>,
    /// When waiting callers are told their place; default never.
    announce: Option<Announce>,
    /// How calls leave.
    #[schema(required = false)]
    exits: Exits,
    /// How customers are called back.
    #[schema(required = false)]
    callback: CallbackPlan,
    /// Groups only: the extension, digits.
    extension: Option<String>,
    /// Groups only: settings for the members; `resolved` shows what holds with the account's.
    #[schema(required = false)]
    settings: GroupSettings,
    /// Groups only: users who are never rung for it.
    #[schema(required = false)]
    supervisors: Vec<String>,
}

/// How the members of a team stand in a queue.
#[derive(ToSchema)]
#[schema(as = QueueTeam)]
pub struct TeamQueueBody {
    /// 1–4, 4 best; default 1.
    #[schema(required = false)]
    stars: u8,
    /// Place in the order `in_order`; 1–100,000, default 1.
    #[schema(required = false)]
    position: u32,
}

/// Who joins and who leaves a team.
#[derive(ToSchema)]
#[schema(as = TeamChange)]
pub struct TeamChangeBody {
    /// Ids of users; at most 10,000.
    #[schema(required = false)]
    add: Vec<String>,
    /// Ids of users; at most 10,000.
    #[schema(required = false)]
    remove: Vec<String>,
}

/// A team after a change.
#[derive(ToSchema)]
#[schema(as = TeamChanged)]
pub struct TeamChangedView {
    /// The team's id.
    id: String,
    /// How many are in it now.
    members: u32,
}

/// A named agent, or the last agent of the caller; exactly one of the two.
#[derive(ToSchema)]
#[schema(as = PreferredAgent)]
pub struct PreferredBody {
    /// The user's id.
    agent: Option<String>,
    /// The agent who last had a call of this caller.
    #[schema(required = false)]
    last_agent: bool,
    /// From the entry into the queue; default 20,000.
    #[schema(required = false)]
    hold_for_ms: u64,
}

/// Where a call is transferred.
#[derive(ToSchema)]
#[schema(as = Transfer)]
pub struct TransferBody {
    /// One of `queue`, `group`, `agent`, `extension` and `number`.
    to: TransferTo,
    /// blind (default) or attended: the agent has asked there already.
    #[schema(required = false)]
    kind: TransferKind,
}

/// How to be on a call.
#[derive(ToSchema)]
#[schema(as = Supervise)]
pub struct SuperviseBody {
    /// `monitor` hears both, `whisper` is heard by the agent, `barge` by both, `take_over` has the call.
    mode: String,
}

/// An agent picked by hand.
#[derive(ToSchema)]
#[schema(as = Assignment)]
pub struct AssignBody {
    /// The user's id.
    agent: String,
}

/// What is to be changed of a waiting call.
#[derive(ToSchema)]
#[schema(as = CallChange)]
pub struct CallChangeBody {
    /// The call's own, −1,000…1,000; route's and queue's are added.
    #[schema(required = false)]
    priority: i32,
    /// The call's own; those of route and step hold with them.
    #[schema(required = false)]
    skills: Vec<SkillNeed>,
    /// A queue or group to move to. The age stays; the time in the queue begins anew.
    #[schema(required = false)]
    queue: String,
}

/// A callback to make. All fields but `queue` and `number` may be left out.
#[derive(ToSchema)]
#[schema(as = Callback)]
pub struct CallbackBody {
    /// The queue or group that it waits in; of medium voice.
    queue: String,
    /// The customer's number, 1–64 characters.
    number: String,
    /// Which switch dials; needed where several can (capability `originate`).
    switch: Option<String>,
    /// −1,000…1,000, default 0; the queue's is added.
    #[schema(required = false)]
    priority: i32,
    /// Required of the agent.
    #[schema(required = false)]
    skills: Vec<SkillNeed>,
    /// Nobody is offered it before; null (default), or an instant that has passed = at once.
    not_before: Option<String>,
    /// Shown to the agent; at most 32, 4 KiB in all.
    #[schema(required = false)]
    attributes: std::collections::BTreeMap<String, String>,
}

/// New values of a callback that waits.
#[derive(ToSchema)]
#[schema(as = CallbackChange)]
pub struct CallbackChangeBody {
    /// The customer's number.
    #[schema(required = false)]
    number: String,
    /// Nobody is offered it before; null = at once.
    not_before: Option<String>,
    /// The callback's own, −1,000…1,000; route's and queue's are added.
    #[schema(required = false)]
    priority: i32,
    /// The callback's own; those of route and step hold with them.
    #[schema(required = false)]
    skills: Vec<SkillNeed>,
    /// A queue or group to move to.
    #[schema(required = false)]
    queue: String,
}

/// `{ "ms": n }`, or `{ "manual": true, "max_ms": n }`.
#[derive(ToSchema)]
#[schema(as = WrapUp)]
pub struct WrapUpBody {
    /// Length of a timed wrap-up; default 0.
    #[schema(required = false)]
    ms: u64,
    /// Ends when the agent says so.
    #[schema(required = false)]
    manual: bool,
    /// The most of a manual one; default 3,600,000.
    #[schema(required = false)]
    max_ms: u64,
}

/// A status to be set.
#[derive(ToSchema)]
pub struct StatusBody {
    /// offline, online, ready or on_break.
    status: Status,
    /// A break reason's id.
    reason: Option<String>,
    /// now (default) or after_work.
    when: Option<String>,
    /// Take or renew a lease of so long, 1,000–86,400,000.
    lease_ms: Option<u64>,
}

/// Statuses to be forced.
#[derive(ToSchema)]
pub struct BulkStatus {
    /// At most 1,000.
    items: Vec<BulkItem>,
}

/// One of them.
#[derive(ToSchema)]
pub struct BulkItem {
    /// Whose.
    user: String,
    /// What.
    status: Status,
    /// A break reason's id.
    reason: Option<String>,
    /// after_work (default) or now.
    when: Option<String>,
}

/// One result per item.
#[derive(ToSchema)]
pub struct BulkResults {
    /// In the order of the items.
    results: Vec<BulkResult>,
}

/// What became of one item.
#[derive(ToSchema)]
pub struct BulkResult {
    /// The user's id.
    id: String,
    /// 200, or the status of the refusal.
    status: u16,
    /// Why it was refused: code, detail, errors.
    error: Option<Value>,
}

/// Where direct calls go while offline.
#[derive(ToSchema)]
pub struct OfflineBody {
    /// A queue, group, agent, number, mailbox or end; null = as `direct.unattended`.
    #[schema(required = true)]
    to: Option<Target>,
}

/// A role for many.
#[derive(ToSchema)]
pub struct BulkRole {
    /// At most 10,000 users' ids; left out where `all` is true.
    #[schema(required = false)]
    users: Vec<String>,
    /// All users who are not archived; default false.
    #[schema(required = false)]
    all: bool,
    /// The role.
    role: Role,
}

/// Queues for many.
#[derive(ToSchema)]
pub struct BulkQueues {
    /// At most 10,000 users' ids; left out where `all` is true.
    #[schema(required = false)]
    users: Vec<String>,
    /// All users who are not archived; default false.
    #[schema(required = false)]
    all: bool,
    /// At most 100.
    queues: Vec<BulkQueue>,
    /// add (default) or override: in place of the queues they have.
    #[schema(required = false)]
    method: String,
}

/// A queue, and how they stand there.
#[derive(ToSchema)]
pub struct BulkQueue {
    /// The queue's id.
    queue: String,
    /// 1–4, 4 best; default 1.
    #[schema(required = false)]
    stars: u8,
    /// Place in the order `in_order`; default 1.
    #[schema(required = false)]
    position: u32,
}

/// Calls at once for many.
#[derive(ToSchema)]
pub struct BulkCapacity {
    /// At most 10,000 users' ids; left out where `all` is true.
    #[schema(required = false)]
    users: Vec<String>,
    /// All users who are not archived; default false.
    #[schema(required = false)]
    all: bool,
    /// Media → calls at once, 1–100; other media stay.
    capacity: BTreeMap<String, u8>,
}

/// A group for many.
#[derive(ToSchema)]
pub struct BulkGroup {
    /// At most 10,000 users' ids; left out where `all` is true.
    #[schema(required = false)]
    users: Vec<String>,
    /// All users who are not archived; default false.
    #[schema(required = false)]
    all: bool,
    /// The group's id; null = out of the one they are in.
    group: Option<String>,
}

/// Skills for many.
#[derive(ToSchema)]
pub struct BulkSkills {
    /// At most 10,000 users' ids; left out where `all` is true.
    #[schema(required = false)]
    users: Vec<String>,
    /// All users who are not archived; default false.
    #[schema(required = false)]
    all: bool,
    /// Skill → level, null = held without a level.
    skills: BTreeMap<String, Option<u16>>,
    /// add (default) or replace: in place of the skills they have.
    #[schema(required = false)]
    method: String,
}

/// A message to many.
#[derive(ToSchema)]
pub struct NotifyBody {
    /// At most 10,000 users' ids; left out where `all` is true.
    #[schema(required = false)]
    users: Vec<String>,
    /// All users who may work; default false.
    #[schema(required = false)]
    all: bool,
    /// What it says, 1–1,000 characters.
    text: String,
}

/// To whom a message went.
#[derive(ToSchema)]
pub struct NotifyResults {
    /// msg_…; null when it went to nobody.
    message: Option<String>,
    /// In the order of the users.
    results: Vec<NotifyResult>,
}

/// What became of it for one user.
#[derive(ToSchema)]
pub struct NotifyResult {
    /// The user's id.
    id: String,
    /// 200, or the status of the refusal.
    status: u16,
    /// Open desks, which show it at once.
    #[schema(required = false)]
    desks: u32,
    /// Why it was refused: code, detail, errors.
    error: Option<Value>,
}

/// That a message was read.
#[derive(ToSchema)]
pub struct MessageReceipt {
    /// msg_….
    message: String,
}

/// A message and its receipts.
#[derive(ToSchema)]
pub struct MessageView {
    /// msg_….
    id: String,
    /// When it was sent.
    at: String,
    /// By whom.
    by: String,
    /// What it says.
    text: String,
    /// To how many it went.
    sent: u32,
    /// How many have read it.
    read: u32,
    /// Who has not.
    unread: Vec<String>,
}

/// In or out of a queue.
#[derive(ToSchema)]
pub struct OptedInBody {
    /// The new value.
    opted_in: bool,
}

/// How a call was dealt with.
#[derive(ToSchema)]
pub struct DispositionBody {
    /// The agent's label, 1–100 characters.
    disposition: Option<String>,
}
