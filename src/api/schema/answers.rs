//! Answers that the engine writes as JSON.

use crate::domain::media::Media;
use crate::domain::objects::User;
use crate::domain::objects::queue::Source;
use crate::domain::objects::saved_view::SharedWith;
use crate::domain::presence::{BlockedBy, Detail, Presence, Status};
use crate::domain::switching::EventResult;
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// An agent as of now.
#[derive(ToSchema)]
pub struct AgentView {
    /// The user's id.
    user: String,
    /// First and last name; null when erased.
    name: Option<String>,
    /// What was chosen.
    status: Status,
    /// Why.
    reason: Option<String>,
    /// The status that follows the present work.
    next: Option<NextView>,
    /// Who forced it.
    forced_by: Option<String>,
    /// What boards colour.
    presence: Presence,
    /// Whether some queue could offer a call now.
    offerable: bool,
    /// What the agent does; null when offline.
    detail: Option<Detail>,
    /// Since when.
    since: String,
    /// Open desks, and until when a lease or its grace holds.
    lease: Option<LeaseView>,
    /// Whether the phone is not registered.
    device_lost: bool,
    /// Per media: units used, and of how many.
    work: BTreeMap<String, WorkView>,
    /// Calls that the agent has.
    calls: Vec<Value>,
    /// Wrap-ups that run.
    wrap_ups: Vec<Value>,
    /// Ids of teams.
    teams: Vec<String>,
    /// Per queue.
    queues: Vec<PairView>,
}

/// A status chosen for after the present work.
#[derive(ToSchema)]
pub struct NextView {
    /// The status.
    status: Status,
    /// A break's reason, or a rule's.
    reason: Option<String>,
    /// The supervisor who forces it.
    forced_by: Option<String>,
}

/// What holds an agent's status.
#[derive(ToSchema)]
pub struct LeaseView {
    /// Open desk connections.
    desks: u32,
    /// A lease by request holds until then.
    until: Option<String>,
    /// The last desk went: the status holds until then.
    grace_until: Option<String>,
}

/// Units of one media.
#[derive(ToSchema)]
pub struct WorkView {
    /// Taken by offers, calls and wrap-up.
    used: u32,
    /// The capacity.
    of: u32,
}

/// A waiting call that an agent is next for.
#[derive(ToSchema)]
pub struct NextCall {
    /// cal_….
    call: String,
    /// Where it waits.
    queue: String,
    /// The queue whose member the agent is, when the call's step adds it.
    through: Option<String>,
    /// The step in force, from 0; null where there are none.
    step: Option<u32>,
    /// The step after it, and when it begins.
    next_step: Option<NextStep>,
    /// Why the call is kept back, if it is.
    held_by: Option<String>,
    /// When that ends by itself, where that is known.
    held_until: Option<String>,
    /// Why the agent cannot be offered it now, if so.
    blocked_by: Option<BlockedBy>,
    /// When that ends by itself, where that is known.
    blocked_until: Option<String>,
}

/// An agent in one queue.
#[derive(ToSchema)]
pub struct PairView {
    /// The queue's or group's id.
    queue: String,
    /// The colour.
    presence: Presence,
    /// Whether this queue could offer a call now.
    offerable: bool,
    /// Why not.
    blocked_by: Option<BlockedBy>,
    /// What the agent does.
    detail: Option<Detail>,
    /// The agent's own, or through a team.
    source: Source,
}

/// Something odd about a queue's configuration.
#[derive(ToSchema)]
pub struct Check {
    /// no_members, skill_not_held, step_without_agents, step_adds_nobody or preferred_no_member.
    code: String,
    /// Where, in the queue's body.
    pointer: String,
    /// The same, in words.
    detail: String,
}

/// A member as supervisors see one.
#[derive(ToSchema)]
pub struct StaffRow {
    /// The user's id.
    user: String,
    /// First and last name.
    name: Option<String>,
    /// 1–4.
    stars: u8,
    /// Place in the order in_order.
    position: u32,
    /// direct or team.
    source: String,
    /// The colour.
    presence: Presence,
    /// Whether a call could be offered now.
    offerable: bool,
    /// Why not.
    blocked_by: Option<BlockedBy>,
    /// What the agent does.
    detail: Option<Detail>,
    /// What was chosen.
    status: Status,
    /// Why.
    reason: Option<String>,
    /// Since when.
    since: String,
    /// Whether the member takes part.
    opted_in: bool,
    /// What the queue's window holds: calls, as least_calls counts them; milliseconds of talk where
    /// the order is least_talk, millionths of occupancy where it is least_occupied.
    count: u32,
}

/// A call as of now.
#[derive(ToSchema)]
pub struct CallView {
    /// cal_….
    id: String,
    /// The switch's id.
    switch: String,
    /// Its name for the call.
    switch_call: String,
    /// waiting, offered, connected or ended.
    state: String,
    /// Where it waits or was answered from; null for a direct call.
    queue: Option<String>,
    /// The user whom a direct call is for.
    direct_to: Option<String>,
    /// voice, chat, ….
    media: Media,
    /// The caller; null when withheld or erased.
    from: Option<String>,
    /// The dialled number.
    to: Option<String>,
    /// Call, route and queue added together.
    priority: i32,
    /// Lower is served first.
    rank: i64,
    /// Place in the line, from 1.
    position: Option<u32>,
    /// Arrival at the switch.
    arrived_at: String,
    /// The call's age, for rank.
    entered_at: String,
    /// Entry into the present queue.
    queued_at: Option<String>,
    /// While it waits: the step in force, from 0; null where there are none.
    step: Option<u32>,
    /// The step after it, and when it begins.
    next_step: Option<NextStep>,
    /// Whom it waits for before anybody else.
    preferred: Option<PreferredView>,
    /// Whom a supervisor picked for it.
    assigned_to: Option<String>,
    /// What a callback has beyond other calls; null for these.
    callback: Option<CallbackView>,
    /// Who has it.
    agent: Option<String>,
    /// Whether it is on hold.
    held: bool,
    /// Whether it is recorded: of queue and agent together; null before an agent has it.
    recording: Option<bool>,
    /// The sound that a group's callers hear while it rings, by its id at the switch.
    dial_audio: Option<String>,
    /// Whether it is told to the CRM, likewise.
    crm_updates: Option<bool>,
    /// What the switch told of it.
    attributes: Option<BTreeMap<String, String>>,
    /// Offers, the closed ones of late too.
    offers: Vec<OfferView>,
    /// Who listens to it, or speaks in it, without having it: shown to who may monitor its agents, and
    /// in answers about one call.
    supervisors: Vec<SupervisorView>,
    /// When it ended.
    ended_at: Option<String>,
    /// answered, abandoned, exited, transferred or failed.
    outcome: Option<String>,
    /// Why it ended.
    reason: Option<String>,
}

/// A view that one may open.
#[derive(ToSchema)]
#[schema(as = View)]
pub struct ViewShown {
    /// Its id, among those of its owner.
    id: String,
    /// Shown to people.
    name: String,
    /// The address within the console.
    path: String,
    /// The zone in which times are shown; null leaves it.
    zone: Option<String>,
    /// Who else may open it.
    shared: SharedWith,
    /// Whose it is.
    user: String,
    /// First and last name; null when erased.
    user_name: Option<String>,
    /// Whether it is one's own, and so one's to change.
    own: bool,
    /// As in the `ETag`.
    version: u64,
}

/// Who supervises a call.
#[derive(ToSchema)]
#[schema(as = Supervisor)]
pub struct SupervisorView {
    /// The user's id.
    user: String,
    /// monitor, whisper, barge or take_over.
    mode: String,
    /// Since when it has been asked for so.
    since: String,
}

/// What a callback has beyond other calls.
#[derive(ToSchema)]
pub struct CallbackView {
    /// The call whose place it has; null when it was asked for by hand.
    of: Option<String>,
    /// Who asked for it by hand.
    requested_by: Option<String>,
    /// Attempts that reached nobody.
    attempts: u32,
    /// Attempts that are left.
    attempts_left: Option<u32>,
    /// Nobody is offered it before.
    not_before: Option<String>,
    /// An agent has it, and the customer is dialled, until then at the latest.
    dialing_until: Option<String>,
    /// The customer is on the line.
    reached: bool,
}

/// A step to come.
#[derive(ToSchema)]
pub struct NextStep {
    /// Its number, from 0.
    step: u32,
    /// When it begins.
    at: String,
}

/// An agent whom a call waits for.
#[derive(ToSchema)]
pub struct PreferredView {
    /// The user's id.
    agent: String,
    /// How long at most.
    until: String,
}

/// One attempt to hand a call to one agent.
#[derive(ToSchema)]
pub struct OfferView {
    /// off_….
    id: String,
    /// Whom it rings.
    agent: String,
    /// Of which queue or group; null for a direct call.
    queue: Option<String>,
    /// The queue whose member the agent is, when it is another (`also` of a step).
    through: Option<String>,
    /// Whether it was ordered beyond the agent's capacity.
    over: bool,
    /// Offers of one round go out together.
    round: u32,
    /// Whether the device alerts.
    ringing: bool,
    /// When it was made.
    made_at: String,
    /// When it ended.
    closed_at: Option<String>,
    /// How it ended.
    outcome: Option<String>,
    /// Why it ended so.
    reason: Option<String>,
    /// Why this agent.
    why: Value,
}

/// Each member, and whether it could be offered the call.
#[derive(ToSchema)]
pub struct Candidates {
    /// cal_….
    call: String,
    /// Where it waits.
    queue: String,
    /// Why the call itself is kept back, if it is.
    held_by: Option<String>,
    /// When that ends by itself, where that is known.
    held_until: Option<String>,
    /// The step in force, from 0; null where there are none.
    step: Option<u32>,
    /// The step after it, and when it begins.
    next_step: Option<NextStep>,
    /// Whom it waits for before anybody else.
    preferred: Option<PreferredView>,
    /// All members, with those that the step adds.
    items: Vec<Candidate>,
}

/// A member, seen from a waiting call.
#[derive(ToSchema)]
pub struct Candidate {
    /// The user's id.
    user: String,
    /// First and last name.
    name: Option<String>,
    /// The queue whose member it is, when the step adds it.
    through: Option<String>,
    /// Whether it could be offered the call now.
    candidate: bool,
    /// The first reason against it.
    against: Option<String>,
    /// The same, in words.
    detail: Option<String>,
    /// When that ends by itself, where that is known.
    until: Option<String>,
}

/// A part of a story: a record of the journal with names.
#[derive(ToSchema)]
pub struct Story {
    /// Its sequence.
    seq: u64,
    /// When it was decided.
    at: String,
}

/// Records of the journal.
#[derive(ToSchema)]
pub struct FeedPage {
    /// In order, without a gap.
    items: Vec<Story>,
    /// Send it as `after`.
    next: u64,
}

/// A key, and its secret.
#[derive(ToSchema)]
pub struct IssuedKey {
    /// key_….
    id: String,
    /// Send it as `Authorization: Bearer …`; it is never shown again.
    secret: String,
}

/// A CloudEvents 1.0 event, or a list of up to 1,000.
#[derive(ToSchema)]
#[schema(as = Event)]
pub struct EventBody {
    /// 1.0
    specversion: String,
    /// Unique per source; with it idempotent.
    id: String,
    /// The switch's id, or /switches/ and the id.
    source: String,
    /// call.arrived, offer.answered, …; unknown types are kept.
    #[schema(rename = "type")]
    kind: String,
    /// The switch's name for the call, 1–255 printable ASCII characters.
    subject: Option<String>,
    /// The switch's clock, only for the check of its skew.
    time: Option<String>,
    /// Which start of the switch.
    bootid: Option<String>,
    /// Counts the events of one subject within one boot, from 1.
    sequence: Option<String>,
    /// "true" when re-sent after an outage.
    replayed: Option<String>,
    /// By the type.
    data: Option<Value>,
}

/// The answer to posted events.
#[derive(ToSchema)]
pub struct EventsAnswer {
    /// One per event, in their order.
    results: Vec<EventResult>,
    /// Those that these events caused for this switch.
    commands: Vec<CommandView>,
}

/// Open commands.
#[derive(ToSchema)]
pub struct CommandsAnswer {
    /// In order.
    commands: Vec<CommandView>,
}

/// A command to a switch; more fields by its type.
#[derive(ToSchema)]
pub struct CommandView {
    /// No gaps, per switch.
    seq: u64,
    /// For idempotence.
    id: String,
    /// call.queue, offer.ring, offer.cancel, offer.answer, call.connect, call.route, call.end or
    /// switch.sync.
    #[schema(rename = "type")]
    kind: String,
    /// The switch's name for the call.
    call: Option<String>,
    /// The engine's id of the call.
    call_id: Option<String>,
    /// When it was decided.
    time: String,
    /// After this it is of no use and not repeated.
    deadline: String,
}

/// All that one page about a user tells.
#[derive(ToSchema)]
pub struct ProfileView {
    /// The user.
    user: User,
    /// Ids of teams.
    teams: Vec<String>,
    /// The queues that the user works for.
    queues: Vec<QueuePlaceView>,
    /// The group that the user is in.
    group: Option<QueuePlaceView>,
    /// Ids of groups that the user supervises.
    supervises: Vec<String>,
    /// What holds of the user's own settings, the group's and the account's.
    resolved: ResolvedView,
}

/// A user in a list.
#[derive(ToSchema)]
pub struct ListedUserView {
    /// The user.
    #[serde(flatten)]
    user: User,
    /// With `places`: the queues that the user works for.
    #[schema(required = false)]
    queues: Option<Vec<QueuePlaceView>>,
    /// With `places`: the group that the user is in.
    #[schema(required = false)]
    group: Option<QueuePlaceView>,
}

/// A place in a queue or group.
#[derive(ToSchema)]
pub struct QueuePlaceView {
    /// The queue's or group's id.
    id: String,
    /// Its name.
    name: String,
    /// voice, chat, …
    media: Media,
    /// 1–4, 4 best.
    stars: u8,
    /// From 1.
    position: u32,
    /// The user's own, or through a team.
    source: Source,
    /// Whether the user takes its calls.
    opted_in: bool,
}

/// Settings that hold.
#[derive(ToSchema)]
pub struct ResolvedView {
    /// Whether the user may dial out.
    outbound: bool,
    /// Caller ID of outbound calls.
    caller_id: Option<String>,
    /// Whether the user may choose another.
    may_choose_caller_id: bool,
    /// Whether the user may open recordings of own calls.
    may_open_recordings: bool,
    /// The sound that callers hear while it rings.
    dial_audio: Option<String>,
    /// The user's, or the account's.
    time_zone: String,
}
