//! Queues, groups, members and routes.

use super::callback::CallbackPlan;
use super::group::GroupSettings;
use super::needs::{Preferred, SkillNeed, Step};
pub use super::strategy::{By, Order, Plan, Preset, Ties, Wider, Window};
use crate::domain::media::Media;
use crate::domain::presence::words;
use serde::{Deserialize, Serialize};

words!(
    /// A queue, or a dial group: the same code, other defaults.
    QueueKind {
        /// Needs `ready` by default.
        Queue => "queue",
        /// Needs `online`, has an extension, exclusive membership and supervisors.
        Group => "group",
    }
);

words!(
    /// The status that members need.
    Needs {
        /// Queue calls.
        Ready => "ready",
        /// Group calls.
        Online => "online",
    }
);

words!(
    /// What follows a missed or refused offer.
    OnMiss {
        /// The next agent.
        Next => "next",
        /// The call goes back to its place in the queue.
        Requeue => "requeue",
        /// The exit `missed`.
        Exit => "exit",
    }
);

/// How long one offer rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RingFor {
    /// So many milliseconds.
    Ms(u64),
    /// Until the queue's `total_ms` is over; for width "all" while no more fit than places, and
    /// 15 s otherwise.
    Total,
}

/// Where an exit leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Another queue.
    Queue(String),
    /// A group.
    Group(String),
    /// A number: the call leaves the engine (`call.route`).
    Number(String),
    /// A user: a direct call.
    Agent(String),
    /// A mailbox at the switch: the call leaves the engine (`call.route`).
    Voicemail(String),
    /// The caller hangs up and keeps the place: a callback waits instead.
    Callback(bool),
    /// The call ends; the reason told to the switch is the exit's name.
    End(bool),
}

words!(
    /// How a call leaves a queue other than by an answer or the caller.
    Exit {
        /// Waited `max_wait_ms`.
        MaxWait => "max_wait",
        /// Too many wait already.
        MaxWaiting => "max_waiting",
        /// Nobody is there.
        Nobody => "nobody",
        /// `total_ms` is over.
        Total => "total",
        /// Missed (by the plan's `on_miss: exit`, attempts, or a pass without another).
        Missed => "missed",
        /// The switch can ring no more agents for this call.
        Exhausted => "exhausted",
        /// Closed by the calendar when the call came.
        Closed => "closed",
        /// The caller asked to leave (`call.choice`).
        Choice => "choice",
        /// A direct call that its user did not take.
        Unattended => "unattended",
    }
);

words!(
    /// When the exit `nobody` is taken.
    NobodyWhen {
        /// Never.
        Off => "off",
        /// No member is logged in.
        LoggedIn => "logged_in",
        /// No member could be offered a call.
        Offerable => "offerable",
    }
);

/// The exits of a queue (`engine.md` 7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Exits {
    /// From entry into the queue; null (default) = no limit.
    pub max_wait_ms: Option<u64>,
    /// Calls that may wait; 0 = none, null (default) = no limit.
    pub max_waiting: Option<u32>,
    /// off (default), logged_in or offerable.
    pub nobody: NobodyWhen,
    /// What follows each exit; all default to the end of the call.
    pub on_max_wait: Target,
    /// See `max_waiting`.
    pub on_max_waiting: Target,
    /// See `nobody`.
    pub on_nobody: Target,
    /// See `total_ms`.
    pub on_total: Target,
    /// See `on_miss`.
    pub on_missed: Target,
    /// See the switch's `offers_per_call`; null = as `on_max_wait`.
    pub on_exhausted: Option<Target>,
    /// The calendar by which the queue is open; null (default) = always. It is asked when a call
    /// enters: who waits when it closes is still served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<String>,
    /// See `closed`.
    #[serde(default = "end", skip_serializing_if = "is_end")]
    pub on_closed: Target,
    /// What follows when a waiting caller asks to leave (`call.choice`); null (default) = the wish
    /// changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_choice: Option<Target>,
}

fn end() -> Target {
    Target::End(true)
}

fn is_end(target: &Target) -> bool {
    *target == Target::End(true)
}

impl Exits {
    /// The target of an exit.
    #[must_use]
    pub fn target(&self, exit: Exit) -> &Target {
        match exit {
            Exit::MaxWait => &self.on_max_wait,
            Exit::MaxWaiting => &self.on_max_waiting,
            Exit::Nobody => &self.on_nobody,
            Exit::Total => &self.on_total,
            Exit::Missed => &self.on_missed,
            Exit::Exhausted => self.on_exhausted.as_ref().unwrap_or(&self.on_max_wait),
            Exit::Closed => &self.on_closed,
            // The user's own to say, not a queue's.
            Exit::Unattended => &Target::End(true),
            Exit::Choice => self.on_choice.as_ref().unwrap_or(&Target::End(true)),
        }
    }
}

/// Wrap-up's length: `{ "ms": n }` or `{ "manual": true, "max_ms": n }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WrapUp {
    /// Length of a timed wrap-up, 0 = none; the most of a manual one (default 1 h).
    pub ms: u64,
    /// Ends when the agent says so, at the latest after `ms`.
    pub manual: bool,
}

/// When callers are told their place in the line, by waiting time in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Announce {
    /// The first time; 0–86,400,000 ms, default 0.
    pub first_after_ms: u64,
    /// Again after each of these; 1,000–86,400,000 ms, null (default) = once only.
    pub every_ms: Option<u64>,
}

impl Announce {
    /// The waiting time at which a place is told for the `n`th time, from 0.
    #[must_use]
    pub fn at(&self, n: u32) -> Option<u64> {
        match self.every_ms {
            _ if n == 0 => Some(self.first_after_ms),
            Some(every) => Some(self.first_after_ms + u64::from(n) * every),
            None => None,
        }
    }

    /// How many times have come by a waiting time: what an outage kept from being told is not made
    /// up for.
    #[must_use]
    pub fn times(&self, waited_ms: u64) -> u32 {
        let Some(since) = waited_ms.checked_sub(self.first_after_ms) else { return 0 };
        let more = self.every_ms.map_or(0, |every| since / every);
        u32::try_from(more + 1).unwrap_or(u32::MAX)
    }
}

/// A queue or group; `PUT …/queues/{queue}`, `PUT …/groups/{group}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Queue {
    /// queue or group; by the path.
    pub kind: QueueKind,
    /// Shown to people; 1–100 characters.
    pub name: String,
    /// voice by default.
    pub media: Media,
    /// ready (default of queues) or online (default of groups).
    pub needs: Needs,
    /// A preset's name in bodies; the plan that it stands for inside.
    pub plan: Plan,
    /// Whether stars count; default false.
    pub competency: bool,
    /// −1,000…1,000, added to call's and route's; default 0.
    pub priority: i32,
    /// Strict precedence over queues of lower weight; −1,000…1,000, default 0.
    pub weight: i32,
    /// From entry into the queue; required for simultaneous, least_calls and sequential.
    pub total_ms: Option<u64>,
    /// Open offers of all the queue's calls together; null = no limit.
    pub max_ringing: Option<u32>,
    /// After-call work.
    pub wrap_up: WrapUp,
    /// Misses in a row that set an agent `online`; 0 = never.
    pub max_misses: u32,
    /// Unreachable in a row that count the device as lost; 0 = never, default 2.
    pub max_unreachable: u32,
    /// Delay before the next offer to an agent who refused; default 10,000 ms.
    pub after_refusal_ms: u64,
    /// … whose phone was busy; default 10,000 ms.
    pub after_busy_ms: u64,
    /// … whose phone was not reached; default 30,000 ms.
    pub after_unreachable_ms: u64,
    /// … who missed; default 5,000 ms.
    pub after_miss_ms: u64,
    /// An abandon below this is short; default 5,000 ms.
    pub short_abandon_ms: u64,
    /// Whether calls are recorded, where the agent leaves it to the queue; default false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recording: bool,
    /// Whether calls are told to the CRM, where the agent leaves it to the queue; default false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub crm_updates: bool,
    /// Dispositions that agents may give its calls, beside the agent's own; none here and none there
    /// (default) = any text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dispositions: Vec<String>,
    /// What waiting calls require, by waiting time; none = nothing beyond route and call.
    pub steps: Vec<Step>,
    /// Whom a call waits for first; null (default) = nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred: Option<Preferred>,
    /// When waiting callers are told their place; null (default) = never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub announce: Option<Announce>,
    /// How customers are called back who asked for it.
    #[serde(default, skip_serializing_if = "CallbackPlan::is_default")]
    pub callback: CallbackPlan,
    /// How calls leave.
    pub exits: Exits,
    /// A group's extension; null for queues.
    pub extension: Option<String>,
    /// A group's settings for its members.
    #[serde(default, skip_serializing_if = "GroupSettings::is_default")]
    pub settings: GroupSettings,
    /// A group's supervisors: users who are never rung for it.
    pub supervisors: Vec<String>,
}

words!(
    /// How a user is a member.
    #[derive(Default)]
    Source {
        /// By a membership of their own.
        #[default]
        Direct => "direct",
        /// Through a team.
        Team => "team",
    }
);

/// A user's place in a queue or group; `PUT …/queues/{queue}/members/{user}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Member {
    /// 1–4, 4 best; default 1.
    pub stars: u8,
    /// Place in the order `in_order`; 1–100,000, default 1.
    pub position: u32,
}

/// Where calls to a number go; `PUT …/routes/{route}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Route {
    /// The dialled number, 1–64 characters; unique in the account.
    pub number: String,
    /// A queue, a group or a user.
    pub to: Target,
    /// Added to the call's.
    pub skills: Vec<SkillNeed>,
    /// −1,000…1,000, default 0.
    pub priority: i32,
}
