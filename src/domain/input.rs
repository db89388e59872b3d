//! Everything that can reach an account's engine: one closed enum, and what comes back.

mod precondition;
mod query;

pub use self::precondition::Precondition;
pub use self::query::Query;
use crate::domain::bulk::{Bulk, BulkMode};
use crate::domain::document::Document;
use crate::domain::ids::{CallId, KeyId, Name, OfferId, SessionId};
use crate::domain::import::Import;
use crate::domain::objects::alert_rule::Severity;
use crate::domain::objects::user::{Role, UserKind, UserState, Visit};
use crate::domain::objects::{AlertRule, SavedView, SkillNeed};
use crate::domain::presence::{Status, words};
use crate::domain::problem::Problem;
use crate::domain::rights::{Permission, Rights};
use crate::domain::signing::SignCommand;
use crate::domain::switching::{EventResult, SuperviseMode, SwitchEvent, TransferKind, TransferTo};
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Who asks. What they may do is decided by the engine (`engine/permission`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The key's or user's name, as records and `forced_by` show it.
    pub name: Name,
    /// The role.
    pub role: Role,
    /// For the role `agent`, and for people: the user's id.
    pub user: Option<Name>,
    /// For the role `switch`: the switch's id.
    pub switch: Option<Name>,
    /// How they came in.
    pub door: Door,
}

/// How an actor came in: what the engine needs of it besides who they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Door {
    /// By signing in: then the role is the user's own, as it is when the engine decides.
    pub session: Option<SessionId>,
    /// By an API key.
    pub key: Option<KeyId>,
    /// From where.
    pub from: Option<IpAddr>,
    /// What a role of the account's own making may; `None` = what the preset may.
    pub rights: Option<Rights>,
    /// What a key is narrowed to; `None` = nothing is taken from it.
    pub scopes: Option<Rights>,
    /// By a session of another account.
    pub visit: Option<Box<Visit>>,
}

impl Actor {
    /// What they may.
    #[must_use]
    pub fn rights(&self) -> Rights {
        let of_role = self.door.rights.unwrap_or_else(|| self.role.rights());
        self.door.scopes.map_or(of_role, |scopes| of_role.and(scopes))
    }

    /// Whether they have a permission.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.rights().has(permission)
    }
}

/// An input of an account's engine.
#[derive(Clone, Debug)]
pub enum Input {
    /// An event of a switch, in the name of an actor (role switch, or an administrator's test).
    Switch {
        /// Who posts.
        actor: Actor,
        /// The switch named by `source`.
        source: String,
        /// The event.
        event: SwitchEvent,
    },
    /// A change that somebody asks for.
    Command {
        /// Who.
        actor: Actor,
        /// What.
        command: Command,
    },
    /// A read of live state; makes no record.
    Query {
        /// Who.
        actor: Actor,
        /// What.
        query: Query,
    },
    /// A deadline has come (the engine itself knows which).
    Deadline,
    /// A switch has done all commands up to `seq`.
    Acknowledged {
        /// The switch's id.
        switch: String,
        /// The last done.
        seq: u64,
    },
    /// A sign of life that is no event: a poll, a pong, a delivery taken.
    SwitchSpoke {
        /// The switch's id.
        switch: String,
    },
    /// A link of the switch opened or closed.
    SwitchLink {
        /// The switch's id.
        switch: String,
        /// Whether at least one link is open now.
        open: bool,
    },
    /// Three webhook deliveries in a row failed.
    SwitchUnreachable {
        /// The switch's id.
        switch: String,
    },
    /// The node has started and replayed its journal; calls of switches freeze until these speak.
    Resumed {
        /// How long the node was away.
        away_ms: u64,
    },
}

words!(
    /// When a change of status takes effect.
    When {
        /// At once.
        Now => "now",
        /// When the present work has ended.
        AfterWork => "after_work",
    }
);

/// Which family of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The account's settings; the id is empty.
    Account,
    /// …/skills
    Skill,
    /// …/users
    User,
    /// …/queues
    Queue,
    /// …/groups
    Group,
    /// …/queues/{queue}/members, …/groups/{group}/members
    Member,
    /// …/teams
    Team,
    /// …/teams/{team}/members
    TeamMember,
    /// …/queues/{queue}/teams
    QueueTeam,
    /// …/routes
    Route,
    /// …/switches
    Switch,
    /// …/break_reasons
    BreakReason,
    /// …/dispositions
    Disposition,
    /// …/calendars
    Calendar,
    /// …/roles
    Role,
    /// …/access_groups
    AccessGroup,
    /// …/alert_rules
    AlertRule,
    /// …/hooks
    Hook,
    /// …/reports
    Report,
}

/// An object's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRef {
    /// The family.
    pub kind: Kind,
    /// For members the queue, group or team, for a queue's teams the queue; else empty.
    pub parent: String,
    /// The object's id (a member's: the user's).
    pub id: String,
}

/// New values of a waiting call; `None` leaves one as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallChange {
    /// The call's own, −1,000…1,000; route's and queue's are added.
    pub priority: Option<i32>,
    /// The call's own, holding together with those of route and step.
    pub skills: Option<Vec<SkillNeed>>,
    /// The id of the queue or group that it moves to.
    pub queue: Option<String>,
}

/// A callback that somebody asks for by hand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallbackWish {
    /// The id of the queue or group that it waits in.
    pub queue: String,
    /// The customer's number.
    pub number: String,
    /// Which switch dials; `None` = the only one that can.
    pub switch: Option<String>,
    /// −1,000…1,000; the queue's is added.
    pub priority: i32,
    /// Required of the agent.
    pub skills: Vec<SkillNeed>,
    /// Nobody is offered it before.
    pub not_before: Option<Millis>,
    /// Shown to the agent.
    pub attributes: BTreeMap<String, String>,
}

/// Somebody who is to be dialled for an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DialWish {
    /// Who dials.
    pub user: String,
    /// A number, or an extension.
    pub to: String,
    /// The number to show; `None` = the usual one.
    pub caller_id: Option<String>,
    /// Which switch dials; `None` = the only one that can.
    pub switch: Option<String>,
}

/// New values of a callback that waits; `None` leaves one as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallbackChange {
    /// The customer's number.
    pub number: Option<String>,
    /// Nobody is offered it before; `Some(None)` = at once.
    pub not_before: Option<Option<Millis>>,
    /// What can be changed of any waiting call.
    pub call: CallChange,
}

/// A change that somebody asks for.
#[derive(Clone, Debug)]
pub enum Command {
    /// PUT (`merge: false`) or PATCH (`merge: true`, RFC 7396) of an object.
    Put {
        /// Where.
        object: ObjectRef,
        /// The body.
        body: Value,
        /// Merge into what is there.
        merge: bool,
        /// What must stand there.
        only_if: Precondition,
        /// Check only.
        dry_run: bool,
    },
    /// DELETE of an object.
    Delete {
        /// Where.
        object: ObjectRef,
        /// As in `Put`.
        only_if: Precondition,
        /// Check only.
        dry_run: bool,
    },
    /// `POST …/users/bulk/…`: one change for many users.
    Bulk {
        /// What.
        bulk: Bulk,
        /// Whose; `None` = all who are not archived.
        users: Option<Vec<String>>,
        /// How.
        mode: BulkMode,
    },
    /// `PUT …/configuration`: a whole account, or parts of it.
    Apply {
        /// What it says.
        document: Box<Document>,
        /// What does not stand in it goes, of the families that do.
        prune: bool,
        /// Check only.
        dry_run: bool,
    },
    /// `POST …/imports`: users from a file.
    Import(Box<Import>),
    /// `POST …/imports/{import}/undo`
    UndoImport {
        /// Which.
        import: String,
    },
    /// `POST …/agents/bulk/notify`: a message to many.
    Notify {
        /// Whose; `None` = all who may work.
        users: Option<Vec<String>>,
        /// What it says.
        text: String,
    },
    /// `POST …/agents/{user}/messages/{message}/read`
    ReadMessage {
        /// Whose.
        user: String,
        /// The message's id.
        message: String,
    },
    /// `POST …/teams/{team}/members`: users join and leave together.
    ChangeTeam {
        /// Which.
        team: String,
        /// Who joins.
        add: Vec<String>,
        /// Who leaves.
        remove: Vec<String>,
    },
    /// `PUT …/agents/{user}/offline`: where direct calls go while offline.
    SetOffline {
        /// Whose.
        user: String,
        /// A target's body, or null.
        to: Value,
    },
    /// `PUT …/users/{user}/views/{view}`
    PutView {
        /// Whose.
        user: String,
        /// The view's id.
        id: String,
        /// The view.
        view: Box<SavedView>,
        /// As in `Put`.
        only_if: Precondition,
    },
    /// `DELETE …/users/{user}/views/{view}`
    DeleteView {
        /// Whose.
        user: String,
        /// The view's id.
        id: String,
        /// As in `Put`.
        only_if: Precondition,
    },
    /// `POST …/agents/{user}/dial`
    Dial(DialWish),
    /// `POST …/users/{user}/erase`: the personal values go for good.
    EraseUser {
        /// Whose.
        user: String,
    },
    /// `PUT …/agents/{user}/status`, by the agent's own key or an integration's: own change.
    SetStatus {
        /// Whose.
        user: String,
        /// What.
        status: Status,
        /// A break's reason.
        reason: Option<String>,
        /// Default now.
        when: Option<When>,
        /// Take or renew a lease.
        lease_ms: Option<u64>,
    },
    /// `POST …/agents/bulk/status`: forced, one user of the bulk.
    ForceStatus {
        /// Whose.
        user: String,
        /// What.
        status: Status,
        /// A break's reason.
        reason: Option<String>,
        /// Default after_work.
        when: Option<When>,
    },
    /// `DELETE …/agents/{user}/forced`
    ClearForced {
        /// Whose.
        user: String,
    },
    /// `PUT …/members/{user}/opted_in`
    SetOptedIn {
        /// Queue or group.
        queue: String,
        /// Whose.
        user: String,
        /// The new value.
        opted_in: bool,
    },
    /// `POST …/offers/{offer}/accept`
    Accept {
        /// Which.
        offer: OfferId,
    },
    /// `POST …/offers/{offer}/refuse`
    Refuse {
        /// Which.
        offer: OfferId,
    },
    /// `POST …/calls/{call}/wrap_up/end`
    EndWrapUp {
        /// Which call's.
        call: CallId,
        /// The agent's label.
        disposition: Option<String>,
    },
    /// `POST …/calls/{call}/end`: hang up, from the desk.
    EndCall {
        /// Which.
        call: CallId,
    },
    /// `POST …/calls/{call}/hold`, `…/resume`
    Hold {
        /// Which.
        call: CallId,
        /// On hold, or back.
        hold: bool,
    },
    /// `POST …/calls/{call}/transfer`
    Transfer {
        /// Which.
        call: CallId,
        /// Where to.
        to: TransferTo,
        /// How.
        kind: TransferKind,
    },
    /// `POST …/calls/{call}/supervise`, or (without a mode) `DELETE`.
    Supervise {
        /// Which.
        call: CallId,
        /// How.
        mode: Option<SuperviseMode>,
    },
    /// `POST …/calls/{call}/assign`: a supervisor picks the agent of a waiting call.
    Assign {
        /// Which.
        call: CallId,
        /// Whom.
        user: String,
    },
    /// `PATCH …/calls/{call}`: a supervisor changes a waiting call.
    ChangeCall {
        /// Which.
        call: CallId,
        /// What.
        change: CallChange,
    },
    /// `POST …/callbacks`
    MakeCallback(Box<CallbackWish>),
    /// `PATCH …/callbacks/{call}`
    ChangeCallback {
        /// Which.
        call: CallId,
        /// What.
        change: Box<CallbackChange>,
    },
    /// `DELETE …/callbacks/{call}`
    CancelCallback {
        /// Which.
        call: CallId,
    },
    /// A desk connection opened.
    DeskOpened {
        /// Whose.
        user: String,
        /// The connection, unique in the node's life.
        desk: u64,
    },
    /// A desk connection ended.
    DeskClosed {
        /// Whose.
        user: String,
        /// The connection.
        desk: u64,
    },
    /// What the figures say of an alert rule.
    ReportAlert(AlertReport),
    /// A hook took its notices up to a number, and what was closed until an instant.
    HookTold {
        /// Which.
        hook: Name,
        /// 0: none.
        notices: u64,
        /// `None`: no interval.
        closed_until: Option<Millis>,
    },
    /// A report was sent, of all of the time until then.
    ReportSent {
        /// Which.
        report: Name,
        /// The end of its period.
        until: Millis,
    },
    /// `POST …/alerts/{alert}/acknowledge`
    Acknowledge {
        /// Which.
        alert: String,
    },
    /// Passwords, sessions and links.
    Sign(Box<SignCommand>),
}

/// What a rule finds of a subject.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertReport {
    /// The rule's id, and the rule as it was when it was looked at.
    pub rule: (Name, Box<AlertRule>),
    /// Whose figure.
    pub subject: Name,
    /// The figure's value; `None`: it has none.
    pub value: Option<f64>,
    /// How bad it is; `None`: it is right.
    pub severity: Option<Severity>,
}

/// Which users are asked for, and what is told of them; what is `None` lets all through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// Their state.
    pub state: Option<UserState>,
    /// Put away, or not.
    pub archived: Option<bool>,
    /// Blocked now, or not.
    pub blocked: Option<bool>,
    /// Their role.
    pub role: Option<Role>,
    /// Their type.
    pub kind: Option<UserKind>,
    /// Members of this queue or group.
    pub queue: Option<String>,
    /// Members of this team.
    pub team: Option<String>,
    /// Holders of this skill.
    pub skill: Option<String>,
    /// Part of a name, an e-mail address, an id or an extension, in any case of letters.
    pub text: Option<String>,
    /// Whether their queues and group are told, too.
    pub places: bool,
}

/// What an input is answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Nothing to say (deadlines and the like).
    Nothing,
    /// An event's result.
    Event(EventResult),
    /// A write or read succeeded.
    Done {
        /// 200, 201, 204, …
        status: u16,
        /// The object's version, for `ETag`.
        version: Option<u64>,
        /// The body; null for none.
        body: Value,
    },
    /// A refusal; nothing was changed.
    Refused(Problem),
}
