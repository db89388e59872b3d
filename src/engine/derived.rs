//! What follows from the state and is kept beside it, so that a decision costs the same on a floor
//! of ten and of a hundred thousand: names to numbers, who can be offered calls now in which order,
//! which calls wait in which order, the counters of boards, the deadlines.
//!
//! Rebuilt from the state at a start ([`crate::engine::rebuild`]), kept up afterwards by touching
//! only what an event touched.

use super::draw::Groups;
use super::needs::Needs;
use crate::domain::event::PersonalKey;
use crate::domain::ids::{
    AgentIx, AlertId, CallId, Name, NeedIx, OfferId, QueueIx, SkillIx, SwitchIx,
};
use crate::domain::presence::{BlockedBy, Presence};
use crate::domain::rows::{PairRow, PresenceCounts, QueueRow};
use crate::domain::table::Table;
use crate::domain::time::Millis;
use crate::routing::Key;
use rustc_hash::FxHashMap;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

/// All derived tables of an account.
#[derive(Clone, Debug, Default)]
pub struct Derived {
    /// User id → agent.
    pub users: Table<Name, AgentIx>,
    /// Queue's and group's id → number.
    pub queues: Table<Name, QueueIx>,
    /// Skill id → number.
    pub skills: Table<Name, SkillIx>,
    /// Switch id → number.
    pub switches: Table<Name, SwitchIx>,
    /// Extension → user or group.
    pub extensions: Table<String, Extension>,
    /// Endpoint → user.
    pub endpoints: Table<String, AgentIx>,
    /// Number of a user's own → user.
    pub own_numbers: Table<String, AgentIx>,
    /// E-mail in lower case → its users.
    pub emails: Table<String, Vec<AgentIx>>,
    /// Dialled number → route id.
    pub numbers: Table<String, Name>,
    /// (switch, its name for the call) → call, live or ended lately.
    pub subjects: Table<(SwitchIx, Name), CallId>,
    /// Offer → call.
    pub offers: Table<OfferId, CallId>,
    /// Fingerprints heard lately.
    pub heard: Table<u64, ()>,
    /// Interned requirements.
    pub needs: Needs,
    /// By queue.
    pub index: Vec<QueueIndex>,
    /// Per agent, its pairs as last seen, in the order of `Agent::pairs`.
    pub pairs: Vec<Vec<PairSeen>>,
    /// Where calls stand in the queues' tables.
    pub placed: Table<CallId, Placed>,
    /// Earliest first: (instant, class, id). Entries may be stale; the owner's own deadline rules.
    pub deadlines: BinaryHeap<Reverse<(Millis, u8, u64)>>,
    /// Past this many entries the stale ones are taken out.
    pub deadlines_most: usize,
    /// The deadline last put there for each agent.
    pub armed_agents: Vec<Option<Millis>>,
    /// … and for each waiting call.
    pub armed_calls: Table<CallId, Millis>,
    /// … and the spacing of its pass.
    pub armed_passes: Table<CallId, Millis>,
    /// The begin and the end of the account's day.
    pub civil_day: Option<(Millis, Millis)>,
    /// Live calls of each switch.
    pub switch_calls: Vec<BTreeSet<CallId>>,
    /// Caller → the agent who last had that caller, and the vault's row that tells the caller.
    pub last_agent: Table<Name, (PersonalKey, AgentIx)>,
    /// … and back.
    pub callers: Table<PersonalKey, Name>,
    /// Some queue prefers the last agent of a caller.
    pub prefers_last: bool,
    /// Vault rows of forgotten calls, to drop from memory.
    pub forgotten_personal: Vec<PersonalKey>,
    /// Each switch's clock minus ours at its last event that told a time, ms; not kept over a
    /// restart.
    pub skew_ms: Table<SwitchIx, i64>,
    /// Commands of the present record: switch and number.
    pub told: Vec<(SwitchIx, u64)>,
    /// What the present record touched.
    pub touched: Touched,
}

/// Who an extension belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    /// A user.
    User(AgentIx),
    /// A group.
    Group(QueueIx),
}

/// What the present record touched, each at most a few times.
#[derive(Clone, Debug, Default)]
pub struct Touched {
    /// Their derived tables are out of date.
    pub stale_agents: Vec<AgentIx>,
    /// … these calls' too.
    pub stale_calls: Vec<CallId>,
    /// Rows of the board to send.
    pub agents: Vec<AgentIx>,
    /// …
    pub queues: Vec<QueueIx>,
    /// …
    pub calls: Vec<CallId>,
    /// …
    pub alerts: Vec<AlertId>,
    /// What they may or see may be another.
    pub rights: Vec<AgentIx>,
    /// Queues in which a match may have become possible.
    pub work: Vec<QueueIx>,
    /// Queues whose waiting calls may have to take an exit: the count that `nobody` looks at became
    /// zero, or what it is judged by changed.
    pub judged: Vec<QueueIx>,
    /// Queues without another pass in which an agent became offerable or no longer is: for some call
    /// all who fit may have been tried.
    pub passes: Vec<QueueIx>,
    /// Agents whose chosen next status is due.
    pub next_due: Vec<AgentIx>,
    /// Pairs offerable for the first time in a window.
    pub count_due: Vec<(AgentIx, QueueIx)>,
    /// Calls to look at after matching: entered a queue, or lost an offer.
    pub settle: Vec<CallId>,
}

/// A pair as the tables have it.
#[derive(Clone, Debug, Default)]
pub struct PairSeen {
    /// The row; `None` before the first look.
    pub row: Option<PairRow>,
    /// Its key in the queue's index; `None` while it is not in there.
    pub key: Option<Key>,
    /// Offerable, or would be if the desk connection stood.
    pub or_grace: bool,
    /// It waits to be put into the index.
    pub pending: bool,
    /// The count under which it stands in `logged_counts`.
    pub logged: Option<u32>,
}

/// Where a call stands in its queue's tables.
#[derive(Clone, Copy, Debug)]
pub struct Placed {
    /// The queue.
    pub queue: QueueIx,
    /// Its requirement there.
    pub need: NeedIx,
    /// The step that it follows from.
    pub step: u32,
    /// Whom it waits for before anybody else.
    pub held: Option<AgentIx>,
    /// Its rank.
    pub rank: i64,
    /// Entry into the queue.
    pub queued_at: Millis,
    /// Stands among the calls open for an offer.
    pub open: bool,
}

/// A queue's tables.
#[derive(Clone, Debug, Default)]
pub struct QueueIndex {
    /// Offerable agents in the queue's order, for calls that require nothing of them.
    pub agents: BTreeSet<(Key, AgentIx)>,
    /// The same as lots, where the plan draws.
    pub groups: Groups,
    /// The same per requirement, for requirements met lately.
    pub by_need: Vec<NeedIndex>,
    /// Offerable agents of the present record, not yet put into the sets above: a freed agent who
    /// is given a call at once never enters them.
    pub pending: Vec<AgentIx>,
    /// Waiting calls in the order in which they will be served.
    pub waiting: BTreeSet<(i64, CallId)>,
    /// … those of them that were tried with somebody in this pass.
    pub tried: BTreeSet<CallId>,
    /// … by entry into the queue.
    pub queued: BTreeSet<(Millis, CallId)>,
    /// Waiting calls that may be offered now, by requirement.
    pub open: Vec<OpenCalls>,
    /// Those that wait for one preferred agent, by that agent, in order of claim.
    pub held: BTreeMap<AgentIx, BTreeSet<(i64, CallId)>>,
    /// Queues with waiting calls that this queue's members may take too, and how many such calls.
    pub watchers: BTreeMap<QueueIx, u32>,
    /// The row as of the last record; `None` before the first, and once the queue is deleted.
    pub shown: Option<QueueRow>,
    /// Open offers.
    pub ringing: u32,
    /// Calls with an agent.
    pub talking: u32,
    /// Pairs by presence.
    pub presence: PresenceCounts,
    /// Offerable pairs.
    pub offerable: u32,
    /// Offerable, or would be if the desk connection stood.
    pub offerable_or_grace: u32,
    /// Logged-in members.
    pub logged_in: u32,
    /// Pairs blocked by a delay.
    pub delayed: u32,
    /// Counts of logged-in members (kept for orders that count only): (count, agent).
    pub logged_counts: BTreeSet<(u32, AgentIx)>,
    /// On the present record's list of work.
    pub marked: bool,
}

/// Offerable agents who meet one requirement.
#[derive(Clone, Debug)]
pub struct NeedIndex {
    /// Which.
    pub need: NeedIx,
    /// For calls of this queue: another one's when their step adds the members of this one.
    pub home: QueueIx,
    /// In the order of `home`, with levels of this requirement.
    pub agents: BTreeSet<(Key, AgentIx)>,
    /// The same as lots, where the plan draws.
    pub groups: Groups,
    /// Their keys, where `home` is another queue: its order may look at other things.
    pub keys: FxHashMap<AgentIx, Key>,
    /// Logged-in members who meet it; counted from when it is first asked for.
    pub logged_in: Option<u32>,
    /// Record of its last use: the least recently used makes room.
    pub used: u64,
}

/// Waiting calls of one requirement.
#[derive(Clone, Debug)]
pub struct OpenCalls {
    /// Which.
    pub need: NeedIx,
    /// By claim within the queue.
    pub calls: BTreeSet<(i64, CallId)>,
}

/// Requirements with an index of their own, per queue.
pub const NEED_INDEXES: usize = 32;

impl QueueIndex {
    /// Counts a pair in (`up`) or out. `or_grace`: offerable, or would be if the desk connection
    /// stood.
    pub fn count(&mut self, row: &PairRow, or_grace: bool, up: bool) {
        let step = |n: &mut u32| *n = if up { *n + 1 } else { n.saturating_sub(1) };
        match row.presence {
            Presence::Available => step(&mut self.presence.available),
            Presence::OptedOut => step(&mut self.presence.opted_out),
            Presence::Busy => step(&mut self.presence.busy),
            Presence::Offline => step(&mut self.presence.offline),
        }
        if row.offerable {
            step(&mut self.offerable);
        }
        if or_grace {
            step(&mut self.offerable_or_grace);
        }
        if row.blocked_by == Some(BlockedBy::Delay) {
            step(&mut self.delayed);
        }
        if row.presence != Presence::Offline {
            step(&mut self.logged_in);
        }
    }

    /// The calls open for an offer under a requirement.
    pub fn open_mut(&mut self, need: NeedIx) -> &mut BTreeSet<(i64, CallId)> {
        let at = match self.open.iter().position(|o| o.need == need) {
            Some(at) => at,
            None => {
                self.open.push(OpenCalls { need, calls: BTreeSet::new() });
                self.open.len() - 1
            }
        };
        &mut self.open[at].calls
    }
}
