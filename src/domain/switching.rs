//! What a switch says and is told (`protocol.md`): events in, commands out.

use crate::domain::ids::{CallId, CommandId, Name, OfferId};
use crate::domain::media::Media;
use crate::domain::objects::{Preferred, SkillNeed, Step};
use crate::domain::presence::words;
use crate::domain::time::{self, Millis};
pub use crate::domain::why::{Drawn, SortKey, Why};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A checked CloudEvent from a switch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SwitchEvent {
    /// Unique per source.
    pub id: String,
    /// The switch's name for the call; empty for events about no call.
    pub subject: String,
    /// The switch's clock, for the check of its skew.
    pub time: Option<Millis>,
    /// Which start of the switch.
    pub bootid: Option<String>,
    /// Counts the events of one subject within one boot, from 1.
    pub sequence: Option<u64>,
    /// Re-sent after an outage.
    pub replayed: bool,
    /// What happened.
    pub what: Happening,
    /// What this version does not read and keeps for others: `extensions` and fields of `data`,
    /// each an object; at most 32 of them and 4 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<Box<Value>>,
}

/// What a switch reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happening {
    /// `call.arrived`
    CallArrived(Box<Arrival>),
    /// `call.abandoned`
    CallAbandoned,
    /// `call.ended`
    CallEnded {
        /// Who ended it.
        by: EndedBy,
    },
    /// `call.updated`
    CallUpdated {
        /// New priority of the call (route's and queue's are added).
        priority: Option<i32>,
        /// New required skills of the call.
        skills: Option<Vec<SkillNeed>>,
        /// Attributes to merge.
        attributes: Option<BTreeMap<String, String>>,
    },
    /// `call.held`
    CallHeld,
    /// `call.resumed`
    CallResumed,
    /// `call.transferred`
    CallTransferred {
        /// A queue or group takes the call up again; anything else leaves the engine.
        to: TransferTo,
        /// blind or attended.
        kind: TransferKind,
    },
    /// `call.joined`: another agent talks, too (a conference).
    CallJoined {
        /// User id, extension or endpoint.
        agent: String,
    },
    /// `call.left`: one of several agents has left.
    CallLeft {
        /// User id, extension or endpoint.
        agent: String,
    },
    /// `call.choice`: the waiting caller asked to leave the queue.
    CallChoice,
    /// `call.overflowed`
    CallOverflowed {
        /// engine_timeout or engine_down.
        why: OverflowWhy,
    },
    /// `offer.ringing`
    OfferRinging {
        /// Which.
        offer: OfferId,
    },
    /// `offer.answered`
    OfferAnswered {
        /// Which.
        offer: OfferId,
    },
    /// `offer.failed`
    OfferFailed {
        /// Which.
        offer: OfferId,
        /// Why.
        reason: FailReason,
    },
    /// `customer.answered`: a callback's customer is on the line with the agent.
    CustomerAnswered,
    /// `customer.failed`: a callback's customer was not reached.
    CustomerFailed {
        /// Why.
        reason: FailReason,
    },
    /// `agent.call_started`
    AgentCallStarted {
        /// User id, extension or endpoint.
        agent: String,
        /// outbound or internal.
        direction: Direction,
    },
    /// `agent.call_ended`
    AgentCallEnded {
        /// User id, extension or endpoint.
        agent: String,
    },
    /// `device.registered`
    DeviceRegistered {
        /// User id, extension or endpoint.
        agent: String,
    },
    /// `device.lost`
    DeviceLost {
        /// User id, extension or endpoint.
        agent: String,
    },
    /// `command.failed`
    CommandFailed {
        /// Which.
        command: CommandId,
        /// Why.
        reason: CommandFailure,
    },
    /// `switch.started`
    SwitchStarted {
        /// Its name and version.
        software: Option<String>,
    },
    /// `switch.heartbeat`
    SwitchHeartbeat,
    /// `switch.sync`
    SwitchSync {
        /// All calls that the switch holds.
        calls: Vec<SyncCall>,
    },
    /// A type that this version does not know; kept for the trace.
    Unknown {
        /// The type.
        kind: String,
        /// Its data, as sent.
        data: Value,
    },
}

/// A caller is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Arrival {
    /// voice by default.
    pub media: Media,
    /// The caller.
    pub from: Option<String>,
    /// The dialled number.
    pub to: Option<String>,
    /// Where to, if the switch knows.
    pub target: Option<ArrivalTarget>,
    /// Added to route's and queue's.
    pub priority: i32,
    /// Required, with route's and queue's.
    pub skills: Vec<SkillNeed>,
    /// In place of the steps of each queue that it waits in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<Step>>,
    /// In place of the preferred agent of each queue that it waits in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred: Option<Preferred>,
    /// At most 32, 4 KiB in all.
    pub attributes: BTreeMap<String, String>,
}

/// Where an arriving call is directed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArrivalTarget {
    /// A queue's id.
    Queue(String),
    /// A group's id.
    Group(String),
    /// An extension: a group's or a user's.
    Extension(String),
    /// A user's id: a direct call.
    Agent(String),
}

/// Where a transfer went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransferTo {
    /// A queue's id.
    Queue(String),
    /// A group's id.
    Group(String),
    /// A user.
    Agent(String),
    /// An extension.
    Extension(String),
    /// A number.
    Number(String),
}

words!(
    /// Who ended a call.
    EndedBy {
        /// The caller.
        Caller => "caller",
        /// The agent.
        Agent => "agent",
        /// The switch.
        Switch => "switch",
    }
);
words!(
    /// How a transfer was made.
    TransferKind {
        /// At once.
        Blind => "blind",
        /// After asking.
        Attended => "attended",
    }
);
words!(
    /// How a supervisor is on a call.
    SuperviseMode {
        /// Hears both, heard by nobody.
        Monitor => "monitor",
        /// … and is heard by the agent.
        Whisper => "whisper",
        /// … and is heard by both.
        Barge => "barge",
        /// Has the call; the agent has it no longer.
        TakeOver => "take_over",
        /// Not at all, from now on.
        None => "none",
    }
);
words!(
    /// What a call that leaves the engine is sent to.
    RouteKind {
        /// A number.
        Number => "number",
        /// A mailbox.
        Voicemail => "voicemail",
    }
);
words!(
    /// Why the switch served a call by itself.
    OverflowWhy {
        /// No answer in time.
        EngineTimeout => "engine_timeout",
        /// Not reached.
        EngineDown => "engine_down",
    }
);
words!(
    /// Why an offer failed at the switch.
    FailReason {
        /// Rang out.
        NoAnswer => "no_answer",
        /// The phone was busy.
        Busy => "busy",
        /// Refused at the phone.
        Refused => "refused",
        /// The phone was not reached.
        Unreachable => "unreachable",
        /// A cancel was carried out.
        Cancelled => "cancelled",
        /// Something else.
        Error => "error",
    }
);
words!(
    /// A call of the agent that the engine did not route.
    Direction {
        /// Dialled out.
        Outbound => "outbound",
        /// Within the house.
        Internal => "internal",
    }
);
words!(
    /// Why a command failed at the switch.
    CommandFailure {
        /// The call is in another state.
        NotApplicable => "not_applicable",
        /// No such call.
        UnknownCall => "unknown_call",
        /// It came too late.
        Expired => "expired",
        /// The switch cannot.
        Unsupported => "unsupported",
    }
);
words!(
    /// A call's state in a sync.
    SyncState {
        /// Waits.
        Waiting => "waiting",
        /// An agent is rung.
        Offered => "offered",
        /// An agent has it.
        Connected => "connected",
    }
);

/// One live call of a switch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SyncCall {
    /// The switch's name for it.
    pub call: String,
    /// Its state there.
    pub state: SyncState,
    /// The offer that rings or was answered.
    pub offer: Option<OfferId>,
}

words!(
    /// What became of an event.
    ResultStatus {
        /// Taken, durably.
        Accepted => "accepted",
        /// Seen before.
        Duplicate => "duplicate",
        /// Of no consequence.
        Ignored => "ignored",
        /// Wrong; nothing was changed.
        Rejected => "rejected",
    }
);

/// The answer to one event.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct EventResult {
    /// The event's id.
    pub id: String,
    /// What became of it.
    pub status: ResultStatus,
    /// A stable word: no_route, late, old_boot, call_exists, wrong_source, unknown_call, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// The engine's id of the call.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "some_text")]
    #[schema(value_type = Option<String>)]
    pub call_id: Option<CallId>,
    /// What was wrong with a rejected one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<crate::domain::problem::FieldError>,
}

/// A numbered command to a switch, as it goes out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Command {
    /// No gaps, per switch.
    pub seq: u64,
    /// For idempotence.
    #[serde(serialize_with = "text")]
    pub id: CommandId,
    /// The switch's name for the call; null for commands about no call.
    pub call: Option<Name>,
    /// The engine's id of the call.
    #[serde(serialize_with = "some_text")]
    pub call_id: Option<CallId>,
    /// When it was decided.
    #[serde(with = "time::wire")]
    pub time: Millis,
    /// After this it is of no use and not repeated.
    #[serde(with = "time::wire")]
    pub deadline: Millis,
    /// What to do.
    #[serde(flatten)]
    pub effect: Effect,
}

/// What a switch is told to do.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type")]
pub enum Effect {
    /// Keep the caller waiting.
    #[serde(rename = "call.queue")]
    CallQueue {
        /// Place in the line, from 1.
        position: u32,
        /// Not estimated yet.
        ewt_ms: Option<Estimate>,
    },
    /// Tell the caller the place in the line.
    #[serde(rename = "call.announce")]
    CallAnnounce {
        /// Place in the line, from 1.
        position: u32,
        /// Not estimated yet.
        ewt_ms: Option<Estimate>,
    },
    /// Ring an agent.
    #[serde(rename = "offer.ring")]
    OfferRing {
        /// The offer.
        #[serde(serialize_with = "text")]
        offer: OfferId,
        /// Offers of one round go out together.
        round: u32,
        /// The user's id.
        agent: Name,
        /// Where it rings.
        endpoint: Name,
        /// For how long.
        ring_for_ms: u64,
        /// Nobody waits at the switch: the customer is dialled when the agent has answered.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        callback: bool,
        /// Why this agent.
        why: Box<Why>,
    },
    /// Stop ringing one.
    #[serde(rename = "offer.cancel")]
    OfferCancel {
        /// The offer.
        #[serde(serialize_with = "text")]
        offer: OfferId,
        /// Why.
        reason: CancelReason,
    },
    /// Answer for the agent.
    #[serde(rename = "offer.answer")]
    OfferAnswer {
        /// The offer.
        #[serde(serialize_with = "text")]
        offer: OfferId,
    },
    /// This answer won: join the parties.
    #[serde(rename = "call.connect")]
    CallConnect {
        /// The offer.
        #[serde(serialize_with = "text")]
        offer: OfferId,
        /// The user's id.
        agent: Name,
    },
    /// Dial. With an offer: the customer, for the agent who has answered; join them, and say what
    /// came of it (`customer.answered`, `customer.failed`). Without: out of the agent's desk; join
    /// the agent's phone with who is dialled, and tell it as `agent.call_started`.
    #[serde(rename = "call.originate")]
    CallOriginate {
        /// The offer that the agent answered.
        #[serde(serialize_with = "some_text", skip_serializing_if = "Option::is_none")]
        offer: Option<OfferId>,
        /// The user's id.
        agent: Name,
        /// Without an offer: the agent's phone.
        #[serde(skip_serializing_if = "Option::is_none")]
        endpoint: Option<Name>,
        /// The number.
        to: Name,
        /// The number to show; null = the switch's own.
        caller_id: Option<String>,
    },
    /// Put the caller on hold.
    #[serde(rename = "call.hold")]
    CallHold {},
    /// Take the caller off hold.
    #[serde(rename = "call.resume")]
    CallResume {},
    /// Transfer the call, and say so (`call.transferred`).
    #[serde(rename = "call.transfer")]
    CallTransfer {
        /// Where to.
        to: TransferTo,
        /// How.
        kind: TransferKind,
    },
    /// Let a supervisor hear the call, speak to the agent, speak to both, or take it over; ring the
    /// supervisor's phone, where it is not on the call yet. `none`: put the supervisor out.
    #[serde(rename = "call.supervise")]
    CallSupervise {
        /// The user's id.
        supervisor: Name,
        /// The supervisor's phone.
        endpoint: Name,
        /// How.
        mode: SuperviseMode,
    },
    /// It leaves the engine.
    #[serde(rename = "call.route")]
    CallRoute {
        /// The number, or the mailbox's name.
        to: String,
        /// Which of them it is.
        kind: RouteKind,
    },
    /// Hang up.
    #[serde(rename = "call.end")]
    CallEnd {
        /// Why.
        reason: Name,
    },
    /// Say which calls live.
    #[serde(rename = "switch.sync")]
    SwitchSync {},
}

words!(
    /// Why ringing stops.
    CancelReason {
        /// Another agent has it.
        AnsweredElsewhere => "answered_elsewhere",
        /// Rang long enough.
        Timeout => "timeout",
        /// The caller left.
        Abandoned => "abandoned",
        /// Taken back.
        Withdrawn => "withdrawn",
    }
);

/// An estimated wait (not computed yet: always null on the wire).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    /// Median.
    pub p50: u64,
    /// 90th percentile.
    pub p90: u64,
}

fn text<T: std::fmt::Display, S: serde::Serializer>(id: &T, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(id)
}

fn some_text<T: std::fmt::Display, S: serde::Serializer>(
    id: &Option<T>,
    s: S,
) -> Result<S::Ok, S::Error> {
    match id {
        Some(id) => s.collect_str(id),
        None => s.serialize_none(),
    }
}
