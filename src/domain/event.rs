//! What was decided: the events that make up a journal record. Past tense; `evolve` alone applies
//! them. Hot events carry dense numbers, configuration carries whole objects with names.
//!
//! The JSON of these enums is the journal's format: a field may be added with a default, none may
//! change its meaning. Personal values are never here: [`PersonalKey`] points into the vault.

mod causes;

pub use causes::{AlertEnd, Cause, Changed, Next, OfferFailure, Outcome, Withdrawn, is_zero};

use crate::domain::figures::By;
use crate::domain::ids::{
    AgentIx, AlertId, CallId, CommandId, Name, OfferId, QueueIx, SessionId, SwitchIx,
};
use crate::domain::media::Media;
use crate::domain::objects::alert_rule::{AlertRule, Severity};
use crate::domain::objects::queue::{Exit, Source};
use crate::domain::objects::user::Role;
use crate::domain::objects::{
    AccessGroup, Account, Calendar, Hook, Member, Preferred, Queue, Report, RoleBody, Route,
    SavedView, Skill, SkillNeed, Step, Switch, Target, Team, User,
};
use crate::domain::presence::Status;
use crate::domain::signing::{LinkPurpose, SessionEnd};
use crate::domain::switching::{
    CancelReason, EndedBy, SuperviseMode, SyncCall, TransferKind, TransferTo, Why,
};
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A row of the vault: personal values stand there, so that they can be erased.
pub type PersonalKey = u64;

/// One thing that happened or was decided. Fields are named by the vocabulary: `call`, `agent`,
/// `queue` and the like are numbers of those things, `by` says who asked, `at` and `until` are
/// instants; what is not plain stands at the field.
#[expect(missing_docs, reason = "fields are named by the vocabulary")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    // ---- configuration -------------------------------------------------------------------
    /// The account's settings.
    AccountSet(Box<Account>),
    /// A skill was created or replaced.
    SkillPut { id: Name, by: Name, skill: Skill },
    /// … deleted.
    SkillDeleted { id: Name, by: Name },
    /// A user was created or replaced; `user.personal` is empty here, `personal` points to it.
    UserPut { id: Name, by: Name, user: Box<User>, personal: PersonalKey, has_endpoint: bool },
    /// Part of a user changed, with many others'; what is `None` stays.
    UserChanged {
        agent: AgentIx,
        by: Name,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role: Option<Role>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        skills: Option<BTreeMap<String, Option<u16>>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        capacity: Option<BTreeMap<Media, u8>>,
    },
    /// A user's personal values were erased for good, and with them extension and direct calls; the
    /// user is archived.
    UserErased { agent: AgentIx, by: Name },
    /// A queue or group was created or replaced.
    QueuePut { id: Name, by: Name, queue: Box<Queue> },
    /// … deleted; it had no waiting calls.
    QueueDeleted { queue: QueueIx, by: Name },
    /// A membership was created or changed.
    MemberPut {
        queue: QueueIx,
        agent: AgentIx,
        by: Name,
        member: Member,
        #[serde(default, skip_serializing_if = "is_zero")]
        source: Source,
    },
    /// … ended.
    MemberDeleted { queue: QueueIx, agent: AgentIx, by: Name },
    /// A team was created or replaced.
    TeamPut { id: Name, by: Name, team: Team },
    /// … deleted; memberships that only it gave end beside it.
    TeamDeleted { id: Name, by: Name },
    /// A user is in a team from now on.
    TeamJoined { team: Name, agent: AgentIx, by: Name },
    /// … no longer.
    TeamLeft { team: Name, agent: AgentIx, by: Name },
    /// A team works for a queue; `member`: how its members stand there.
    TeamQueuePut { team: Name, queue: QueueIx, by: Name, member: Member },
    /// … no longer.
    TeamQueueDeleted { team: Name, queue: QueueIx, by: Name },
    /// A route was created or replaced.
    RoutePut { id: Name, by: Name, route: Route },
    /// … deleted.
    RouteDeleted { id: Name, by: Name },
    /// A switch was created or replaced.
    SwitchPut { id: Name, by: Name, switch: Box<Switch> },
    /// … deleted; it had no live calls.
    SwitchDeleted { switch: SwitchIx, by: Name },
    /// A break reason was created or replaced.
    BreakReasonPut { id: Name, by: Name, name: String },
    /// … deleted.
    BreakReasonDeleted { id: Name, by: Name },
    /// A disposition was created or replaced.
    DispositionPut { id: Name, by: Name, name: String },
    /// … deleted.
    DispositionDeleted { id: Name, by: Name },
    /// A calendar.
    CalendarPut { id: Name, by: Name, calendar: Box<Calendar> },
    /// A calendar is gone.
    CalendarDeleted { id: Name, by: Name },

    /// A role of the account's own making was created or replaced.
    RolePut { id: Name, by: Name, role: Box<RoleBody> },
    /// … deleted; nobody had it.
    RoleDeleted { id: Name, by: Name },
    /// An access group was created or replaced.
    AccessGroupPut { id: Name, by: Name, group: Box<AccessGroup> },
    /// … deleted.
    AccessGroupDeleted { id: Name, by: Name },
    /// An alert rule was created or replaced.
    AlertRulePut { id: Name, by: Name, rule: Box<AlertRule> },
    /// … deleted.
    AlertRuleDeleted { id: Name, by: Name },
    /// A hook was set.
    HookPut { id: Name, by: Name, hook: Box<Hook> },
    /// A hook is gone.
    HookDeleted { id: Name, by: Name },
    /// A hook took its notices up to a number, and what was closed until an instant.
    HookTold {
        hook: Name,
        #[serde(default, skip_serializing_if = "is_zero")]
        notices: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        closed_until: Option<Millis>,
    },
    /// A scheduled report was set.
    ReportPut { id: Name, by: Name, report: Box<Report> },
    /// A scheduled report is gone.
    ReportDeleted { id: Name, by: Name },
    /// A report was sent, of all of the time until then.
    ReportSent { report: Name, until: Millis },

    /// A user saved a view, or changed one.
    ViewPut { agent: AgentIx, id: Name, view: Box<SavedView> },
    /// … deleted it.
    ViewDeleted { agent: AgentIx, id: Name },

    // ---- alerts ---------------------------------------------------------------------------
    /// A rule finds a figure wrong; `name` and `figure` are the rule's, `of` and `subject` say whose
    /// figure it is.
    AlertRaised {
        alert: AlertId,
        rule: Name,
        name: Name,
        figure: Name,
        of: By,
        subject: Name,
        severity: Severity,
        value: f64,
    },
    /// It got worse, or milder.
    AlertChanged { alert: AlertId, severity: Severity, value: f64 },
    /// Somebody sees to it.
    AlertAcknowledged { alert: AlertId, by: Name },
    /// It is over; `value`: the figure's, where it still has one.
    AlertResolved { alert: AlertId, value: Option<f64>, cause: AlertEnd },

    /// Users came from a file. `secret` is the vault's row of what it changed in those who were there.
    Imported {
        import: u64,
        by: Name,
        made: Vec<AgentIx>,
        changed: Vec<AgentIx>,
        secret: PersonalKey,
    },
    /// … and were taken back.
    ImportUndone { import: u64, by: Name },

    /// Somebody asked for what this record holds. `key` is the API key's id, none of a session; `address`
    /// the vault's row of where it came from; `subject` the id of whom or what it is about.
    Asked {
        by: Name,
        user: Option<Name>,
        key: Option<Name>,
        address: Option<PersonalKey>,
        action: Name,
        subject: Name,
        changed: Vec<Changed>,
    },

    // ---- signing in ----------------------------------------------------------------------
    /// A user's password was set; `secret` is the vault's row of its hash.
    PasswordSet { agent: AgentIx, by: Name, secret: PersonalKey },
    /// A one-time link by which a user sets the password; the one before is dead. `hash` is that of
    /// its secret.
    LinkMade { agent: AgentIx, by: Name, purpose: LinkPurpose, hash: Name, until: Millis },
    /// It was used, or taken back.
    LinkEnded { agent: AgentIx, used: bool },
    /// The link is to be sent by mail; `secret` is the vault's row of it, until it is sent.
    MailQueued { agent: AgentIx, secret: PersonalKey },
    /// The mail server took it.
    MailSent { agent: AgentIx },
    /// It did not (`code` is its answer), or was not reached. It is tried again, if this was not the
    /// `last` time.
    MailFailed { agent: AgentIx, code: Option<u16>, last: bool },
    /// Somebody signed in, at most until then, and for as long at a time as it is not `idle_ms` unused.
    /// `hash` is that of the token; `origin` the vault's row that says from where.
    SessionOpened {
        agent: AgentIx,
        session: SessionId,
        hash: Name,
        until: Millis,
        idle_ms: u64,
        origin: PersonalKey,
    },
    /// It was used; said now and then.
    SessionSeen { agent: AgentIx, session: SessionId },
    /// It is over.
    SessionEnded { agent: AgentIx, session: SessionId, cause: SessionEnd, by: Option<Name> },

    // ---- time ----------------------------------------------------------------------------
    /// A new day in the account's zone (`day` counts days since 1970-01-01 there).
    DayBegan { day: i32 },
    /// The node started again after being away so long.
    Resumed { away_ms: u64 },

    /// The account's dice begin: with the first queue that draws.
    DiceSeeded { seed: u64 },

    // ---- presence ------------------------------------------------------------------------
    /// An agent's status changed.
    StatusSet {
        agent: AgentIx,
        status: Status,
        reason: Option<Name>,
        cause: Cause,
        by: Option<Name>,
    },
    /// A supervisor changed it: it stays until cleared or a new log-on.
    StatusForced { agent: AgentIx, status: Status, reason: Option<Name>, by: Name },
    /// The status that follows the present work; `None` takes it back.
    NextSet { agent: AgentIx, next: Option<Next> },
    /// A supervisor let go.
    ForcedCleared { agent: AgentIx, by: Name },
    /// A lease by request was taken or renewed.
    Leased { agent: AgentIx, until: Millis },
    /// It ran out, or the grace did: the status no longer has a lease.
    LeaseLapsed { agent: AgentIx },
    /// A desk connected.
    DeskOpened { agent: AgentIx, desk: u64 },
    /// A desk went; when it was the last, the grace runs until then.
    DeskClosed { agent: AgentIx, desk: u64, grace_until: Option<Millis> },
    /// All desks went with the node: at its start.
    DesksLost { agent: AgentIx, grace_until: Millis },
    /// The phone registered.
    DeviceRegistered { agent: AgentIx },
    /// The phone went; `unreached`: it could not be reached too often in a row.
    DeviceLost {
        agent: AgentIx,
        #[serde(default)]
        unreached: bool,
    },
    /// An own call that the engine did not route began. `internal`: with a colleague.
    OwnCallStarted {
        agent: AgentIx,
        switch: SwitchIx,
        subject: Name,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        internal: bool,
    },
    /// … ended.
    OwnCallEnded { agent: AgentIx, switch: SwitchIx, subject: Name },
    /// In or out of a queue.
    OptedIn { agent: AgentIx, queue: QueueIx, opted_in: bool, by: Name },
    /// No queue or group offers until then.
    Delayed { agent: AgentIx, until: Millis },
    /// The delay is over.
    DelayEnded { agent: AgentIx },
    /// Offerable for the first time in a window: the count begins here.
    CountStarted { agent: AgentIx, queue: QueueIx, from: u32 },
    /// What was counted 24 hours ago leaves the window of that length.
    CountLeft { agent: AgentIx, queue: QueueIx },
    /// A supervisor sent a message; `message` is its number.
    Notified { message: u64, by: Name, text: String, agents: Vec<AgentIx> },
    /// The agent has read it.
    MessageRead { agent: AgentIx, message: u64 },
    /// The block of a user ended on its time.
    BlockEnded { agent: AgentIx },

    // ---- calls ---------------------------------------------------------------------------
    /// A call reached the switch.
    CallArrived {
        call: CallId,
        switch: SwitchIx,
        subject: Name,
        media: Media,
        /// The dialled number.
        to: Option<Name>,
        /// The caller and the attributes.
        personal: Option<PersonalKey>,
        /// Call's and route's.
        priority: i32,
        /// Call's and route's.
        skills: Vec<SkillNeed>,
        replayed: bool,
        /// What of `priority` is the route's.
        #[serde(default, skip_serializing_if = "is_zero")]
        route_priority: i32,
        /// What of `skills` are the route's.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        route_skills: Vec<SkillNeed>,
        /// In place of the queues'.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        steps: Option<Vec<Step>>,
        /// In place of the queues'.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        preferred: Option<Preferred>,
    },
    /// The line of direct calls is there: with the first of them.
    DirectLineMade {},
    /// The agent has it now: it was transferred to them after they had been asked.
    CallHanded { call: CallId, agent: AgentIx },
    /// An agent has joined those who have it (a conference).
    CallJoined { call: CallId, agent: AgentIx },
    /// It is a direct call from now on, for this agent.
    CallDirected { call: CallId, agent: AgentIx },
    /// From the desk: the switch is to hold the caller, or (not `hold`) to take them back.
    HoldAsked { call: CallId, hold: bool, by: Name },
    /// From the desk: the switch is to transfer the call.
    TransferAsked { call: CallId, to: TransferTo, kind: TransferKind, by: Name },
    /// A supervisor (`agent`) listens to the call, or speaks in it: the switch is to put them there.
    SuperviseAsked { call: CallId, agent: AgentIx, mode: SuperviseMode, by: Name },
    /// … no longer. `tell`: the switch is to put them out.
    SuperviseEnded {
        call: CallId,
        agent: AgentIx,
        tell: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Name>,
    },
    /// The caller is told the place in the line: so many times in this queue, with those passed over.
    CallAnnounced { call: CallId, position: u32, times: u32 },
    /// A callback waits, in the place of the call `of` or asked for by hand. Of a call it has age,
    /// place and wishes; `priority` and `skills` are those of one made by hand.
    CallbackMade {
        call: CallId,
        switch: SwitchIx,
        queue: QueueIx,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<CallId>,
        /// The customer's number and the attributes.
        personal: PersonalKey,
        #[serde(default, skip_serializing_if = "is_zero")]
        priority: i32,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        skills: Vec<SkillNeed>,
        /// Nobody is offered it before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        not_before: Option<Millis>,
        /// Who asked for it by hand.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Name>,
    },
    /// Its time has come: it may be offered.
    CallbackDue { call: CallId },
    /// A supervisor changed number or time (null = at once).
    CallbackChanged { call: CallId, personal: PersonalKey, not_before: Option<Millis>, by: Name },
    /// The agent has answered: the switch is told to dial the customer, until then at the latest.
    CustomerDialed { call: CallId, offer: OfferId, until: Millis },
    /// The customer is on the line.
    CustomerReached { call: CallId },
    /// … was not reached: the callback waits again, until then at least. `tell`: the switch is told
    /// to stop.
    CustomerMissed { call: CallId, reason: Name, again_at: Option<Millis>, tell: bool },
    /// It waits in a queue from now on. `hop`: by an overflow or transfer.
    CallQueued { call: CallId, queue: QueueIx, hop: bool },
    /// From now on the call requires this step of its queue (or its own), counted from 0.
    StepBegan { call: CallId, step: u32 },
    /// It waits for one agent, at most so long from its entry into the queue.
    PreferredHeld { call: CallId, agent: AgentIx, for_ms: u64 },
    /// That time is over.
    HoldEnded { call: CallId },
    /// A queue prefers callers' last agents, and this is one.
    LastAgentNoted { call: CallId, agent: AgentIx },
    /// A supervisor picked the agent of a waiting call.
    CallAssigned { call: CallId, agent: AgentIx, by: Name },
    /// The picked agent can no longer be rung: the call waits as before.
    AssignmentDropped { call: CallId, agent: AgentIx },
    /// A supervisor took a waiting call out of its queue, into `queue`.
    CallMoved { call: CallId, queue: QueueIx, by: Name },
    /// The caller is kept waiting: no agent was free at once.
    CallParked { call: CallId, position: u32 },
    /// The call's own wishes changed.
    CallUpdated {
        call: CallId,
        priority: Option<i32>,
        skills: Option<Vec<SkillNeed>>,
        personal: Option<PersonalKey>,
        /// The supervisor, when it was not the switch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Name>,
    },
    /// An agent is rung.
    CallOffered {
        call: CallId,
        offer: OfferId,
        agent: AgentIx,
        round: u32,
        /// How long the switch rings.
        ring_for_ms: u64,
        /// The engine's own deadline.
        until: Millis,
        /// At `until` it is missed (else withdrawn: cut short by `total`).
        full_ring: bool,
        /// Only answerable at the desk.
        at_desk: bool,
        /// The queue whose member the agent is, when it is not the call's (`also` of a step).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        through: Option<QueueIx>,
        /// Ordered beyond the capacity.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        over: bool,
        why: Box<Why>,
        /// Numbers taken from the account's dice, this draw's included; none was drawn when null.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dice: Option<u64>,
    },
    /// The device alerts.
    OfferRinging { offer: OfferId },
    /// It rang out.
    OfferMissed { offer: OfferId, told_by_switch: bool },
    /// The agent refused, at the desk or (`told_by_switch`) the phone.
    OfferRefused { offer: OfferId, told_by_switch: bool },
    /// Busy, unreachable or an error.
    OfferFailed { offer: OfferId, reason: OfferFailure, told_by_switch: bool },
    /// Taken back.
    OfferWithdrawn { offer: OfferId, reason: Withdrawn },
    /// The switch is told to answer for the agent.
    OfferAnswerAsked { offer: OfferId },
    /// An agent has the call. `over`: beyond the capacity; `connect`: the switch is told to join.
    CallAnswered { call: CallId, offer: OfferId, agent: AgentIx, over: bool, connect: bool },
    /// The parties could not be joined after the answer: the offer ends in error, the call waits
    /// again with its rank.
    JoinFailed { call: CallId, offer: OfferId, agent: AgentIx },
    /// A late or second answer is stopped at the switch; nothing else changes.
    AnswerStopped { call: CallId, offer: OfferId, reason: CancelReason },
    /// The call lost its agent or offers and waits again with its rank.
    CallRequeued { call: CallId },
    /// It has waited long enough for its plan's next width.
    WidthGrown { call: CallId },
    /// All who fit were tried and the spacing has passed: they may be tried again.
    PassBegan { call: CallId },
    /// The spacing since the pass began has passed.
    PassSpaced { call: CallId },
    /// The rest of a round must end before a new offer.
    RoundClosing { call: CallId, until: Millis },
    /// One leg of it has ended at the switch.
    LegConfirmed { call: CallId, offer: OfferId },
    /// … has ended, or the time has passed.
    RoundClosed { call: CallId },
    /// Put on hold.
    CallHeld { call: CallId },
    /// Taken back.
    CallResumed { call: CallId },
    /// The agent's part is over, the call goes on (transfer).
    CallTransferred { call: CallId, to: Option<QueueIx> },
    /// An exit is due, and is taken when the open offers have ended.
    ExitDue { call: CallId, exit: Exit },
    /// The call left its queue by an exit.
    CallExited { call: CallId, exit: Exit, to: Target },
    /// The caller hung up before an agent had the call.
    CallAbandoned { call: CallId, waited_ms: u64 },
    /// The call is over. `tell`: the switch is told to hang up.
    CallEnded { call: CallId, outcome: Outcome, reason: Name, by: Option<EndedBy>, tell: bool },
    /// An answered call's agent's part is over.
    LegEnded { call: CallId, agent: AgentIx },
    /// After-call work begins.
    WrapUpStarted { call: CallId, agent: AgentIx, queue: QueueIx, until: Millis },
    /// … ends.
    WrapUpEnded { call: CallId, agent: AgentIx, disposition: Option<Name> },
    /// Calls that ended before are dropped from memory; their records stay.
    CallsForgotten { ended_before: Millis },

    // ---- switches ------------------------------------------------------------------------
    /// An event was taken (the duplicate window remembers it).
    Heard {
        switch: SwitchIx,
        /// Fingerprint of (source, id).
        event: u64,
        /// The call it is about.
        call: Option<CallId>,
        /// Its place among the call's events, when it was applied in order.
        sequence: Option<u64>,
        /// It ended the frozen or replay state of the call, or was itself replayed.
        replayed: bool,
        /// What of it this version did not read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        extra: Option<PersonalKey>,
    },
    /// It is ahead of a gap and applied later (`what` is the wire event as JSON).
    EventParked {
        switch: SwitchIx,
        event: u64,
        subject: Name,
        sequence: u64,
        what: Box<Value>,
        until: Millis,
    },
    /// Parked events of a subject are applied or dropped.
    EventsUnparked { switch: SwitchIx, subject: Name, sequence: u64 },
    /// A call's events so far are skipped: the gap did not close in time.
    GapSkipped { call: CallId, sequence: u64 },
    /// An unknown type, kept for the trace.
    EventNoted { switch: SwitchIx, call: Option<CallId>, kind: String, data: Box<Value> },
    /// A start of the switch not seen before.
    SwitchBooted { switch: SwitchIx, bootid: Name },
    /// It has promised to speak: a heartbeat or an open link.
    SwitchPromised { switch: SwitchIx, link: Option<bool> },
    /// A sign of life.
    SwitchSpoke { switch: SwitchIx },
    /// Silent too long, or not reached: nothing is offered through it.
    SwitchSuspected { switch: SwitchIx },
    /// It is asked for its live calls.
    SyncAsked { switch: SwitchIx },
    /// An agent dials out: the switch is told to.
    AgentDialed {
        agent: AgentIx,
        by: Name,
        switch: SwitchIx,
        to: String,
        caller_id: Option<String>,
    },
    /// It told them.
    SwitchSynced { switch: SwitchIx, calls: Vec<SyncCall> },
    /// Calls of a switch wait no longer for it to speak after a restart.
    Thawed { call: CallId },
    /// A replay of late events is over for a call.
    ReplayEnded { call: CallId },
    /// Commands up to `seq` are done.
    CommandsDone { switch: SwitchIx, seq: u64 },
    /// A command failed at the switch.
    CommandFailed { switch: SwitchIx, command: CommandId, reason: Name },
}
