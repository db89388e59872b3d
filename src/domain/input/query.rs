//! What can be read of an account: inputs without a record.

use super::{Kind, ObjectRef, UserFilter};
use crate::domain::ids::CallId;
use crate::domain::signing::SignQuery;

/// A read of live state.
#[derive(Clone, Debug)]
pub enum Query {
    /// One object.
    Object(ObjectRef),
    /// A page of a family; members need `parent`.
    List {
        /// The family.
        kind: Kind,
        /// For members the queue or group; else empty.
        parent: String,
        /// Items at most, 1–1,000.
        limit: usize,
        /// Start after this id.
        after: Option<String>,
    },
    /// `GET …/imports`: those that are remembered.
    Imports,
    /// `GET …/imports/{import}`
    Import(String),
    /// `GET …/configuration`: the whole account, without secrets.
    Configuration,
    /// `GET …/users`: a page of those who fit.
    Users {
        /// Items at most, 1–1,000.
        limit: usize,
        /// Start after this id.
        after: Option<String>,
        /// Which.
        filter: UserFilter,
    },
    /// `GET …/users/{user}/profile`: the user with teams, queues and what holds of groups.
    Profile {
        /// Whose.
        user: String,
    },
    /// `GET …/messages/{message}`
    Message(String),
    /// `GET …/queues/{queue}/staff` (or groups).
    Staff {
        /// Queue or group id.
        queue: String,
    },
    /// `GET …/queues/{queue}/checks` (or groups): what is odd about its configuration.
    Checks {
        /// Queue or group id.
        queue: String,
    },
    /// `GET …/queues/{queue}/calls`: in the order in which they will be served.
    QueueCalls {
        /// Queue or group id.
        queue: String,
        /// Items at most.
        limit: usize,
    },
    /// `GET …/calls/{call}`
    Call(CallId),
    /// `GET …/alerts`
    Alerts {
        /// Only the open ones, or only the others.
        open: Option<bool>,
        /// Items at most.
        limit: usize,
        /// After this id.
        after: Option<String>,
    },
    /// `GET …/figures`: whose figures may this actor see?
    Figures,
    /// `GET …/history/adherence`: who works by which calendar?
    Schedules,
    /// What hooks are to be told, and which reports there are: asked by the node alone.
    Hooks,
    /// May this actor read a call's story? (Whose memory is gone, who sees the whole account may.)
    Story(CallId),
    /// `GET …/calls?switch=&switch_call=`
    FindCall {
        /// The switch's id.
        switch: String,
        /// Its name for the call.
        switch_call: String,
    },
    /// `GET …/calls`: live calls by age of arrival.
    Calls {
        /// Items at most.
        limit: usize,
        /// Start after this call.
        after: Option<CallId>,
    },
    /// `GET …/callbacks`: those whose customer is not on the line yet, by age.
    Callbacks {
        /// Of one queue or group only.
        queue: Option<String>,
        /// Items at most.
        limit: usize,
        /// Start after this one.
        after: Option<CallId>,
    },
    /// `GET …/agents/{user}`
    Agent {
        /// The user's id.
        user: String,
    },
    /// `GET …/agents`
    Agents {
        /// Items at most.
        limit: usize,
        /// Start after this id.
        after: Option<String>,
    },
    /// `GET …/calls/{call}/candidates`
    Candidates(CallId),
    /// `GET …/agents/{user}/next`
    Next {
        /// The user's id.
        user: String,
    },
    /// What a desk shows: own state and offers.
    Desk {
        /// The user's id.
        user: String,
    },
    /// May this actor watch the account's feed / live board? Answers the scope.
    Watch,
    /// Passwords, sessions and links.
    Sign(SignQuery),
    /// `GET …/views`: those that the actor may open.
    Views,
    /// `GET …/users/{user}/views/{view}`
    View {
        /// Whose.
        user: String,
        /// The view's id.
        id: String,
    },
    /// `GET …/rights/check`
    Rights {
        /// Which user would do it.
        actor: String,
        /// view, monitor, steer, or a permission.
        action: String,
        /// To whom.
        subject: Option<String>,
    },
    /// May this actor read the account's event history?
    Feed,
    /// May this actor read who did what?
    Audit,
    /// Runs the invariants over the whole state; answers `{ "held": bool, "broken": […] }`.
    Invariants,
}
