//! What one dashboard shows, and how often.

use crate::domain::figures::By;
use crate::domain::ids::{CallId, Name};
use crate::domain::rows::{AgentRow, AlertRow, AlertSubject, CallRow, QueueRow, Removed};
use crate::reporting::board::{Board, Move, is_member, is_with};
use std::sync::Arc;

/// The rates a viewer may ask for, in milliseconds between deltas; 0 is each record.
pub const RATES_MS: [u16; 7] = [0, 50, 100, 250, 500, 1_000, 5_000];

/// A subscription. Equal views share one encoding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct View {
    /// Which queues and groups.
    pub queues: Filter,
    /// Which agents.
    pub agents: AgentFilter,
    /// Whether calls: those of `queues` where it names ids, else all.
    pub calls: bool,
    /// Whether alerts.
    pub alerts: bool,
    /// Least time between two deltas, one of [`RATES_MS`].
    pub every_ms: u16,
    /// What the viewer may see at all.
    pub scope: Scope,
}

/// A choice of objects by id.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Filter {
    /// None.
    #[default]
    None,
    /// Every one.
    All,
    /// Those named; sorted, without doubles ([`Filter::ids`]).
    Ids(Vec<Name>),
}

/// A choice of agents.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum AgentFilter {
    /// None.
    #[default]
    None,
    /// Every one.
    All,
    /// Those named; sorted, without doubles ([`AgentFilter::ids`]).
    Ids(Vec<Name>),
    /// The members of one queue or group.
    Queue(Name),
}

/// What a viewer may see.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// The whole account.
    All,
    /// One's own row, one's calls, and the queues one is a member of.
    Agent(Name),
    /// The rows of these users, their calls, the queues that they are members of; and more queues
    /// with their calls.
    Some(Arc<Part>),
}

/// A part of the floor.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// Sorted.
    users: Vec<Name>,
    /// Sorted.
    queues: Vec<Name>,
}

impl Scope {
    /// A part of the floor.
    #[must_use]
    pub fn some(users: Vec<Name>, queues: Vec<Name>) -> Scope {
        Scope::Some(Arc::new(Part { users: sorted(users), queues: sorted(queues) }))
    }

    /// The users whose rows are seen, where not all are.
    #[must_use]
    pub fn users(&self) -> &[Name] {
        match self {
            Scope::All => &[],
            Scope::Agent(user) => std::slice::from_ref(user),
            Scope::Some(part) => &part.users,
        }
    }

    /// The queues that are seen whoever is their member.
    #[must_use]
    pub fn queues(&self) -> &[Name] {
        match self {
            Scope::Some(part) => &part.queues,
            Scope::All | Scope::Agent(_) => &[],
        }
    }

    fn holds_queue(&self, id: &Name) -> bool {
        self.queues().binary_search(id).is_ok()
    }

    fn holds_user(&self, id: &Name) -> bool {
        self.users().binary_search(id).is_ok()
    }

    fn holds_call(&self, row: &CallRow) -> bool {
        *self == Scope::All
            || self.users().iter().any(|user| is_with(row, user))
            || row.queue.as_ref().is_some_and(|queue| self.holds_queue(queue))
    }
}

impl Filter {
    /// Those named.
    #[must_use]
    pub fn ids(ids: impl IntoIterator<Item = impl Into<Name>>) -> Filter {
        Filter::Ids(sorted(ids))
    }

    fn allows(&self, id: &Name) -> bool {
        match self {
            Filter::None => false,
            Filter::All => true,
            Filter::Ids(ids) => ids.binary_search(id).is_ok(),
        }
    }

    /// Whether a call of `queue` is among those to show.
    fn allows_call(&self, queue: Option<&Name>) -> bool {
        match self {
            Filter::None | Filter::All => true,
            Filter::Ids(_) => queue.is_some_and(|queue| self.allows(queue)),
        }
    }
}

impl AgentFilter {
    /// Those named.
    #[must_use]
    pub fn ids(ids: impl IntoIterator<Item = impl Into<Name>>) -> AgentFilter {
        AgentFilter::Ids(sorted(ids))
    }
}

fn sorted(ids: impl IntoIterator<Item = impl Into<Name>>) -> Vec<Name> {
    let mut ids: Vec<Name> = ids.into_iter().map(Into::into).collect();
    ids.sort();
    ids.dedup();
    ids
}

impl View {
    /// Every queue, agent and call, at each record.
    #[must_use]
    pub fn all() -> View {
        View {
            queues: Filter::All,
            agents: AgentFilter::All,
            calls: true,
            alerts: false,
            every_ms: 0,
            scope: Scope::All,
        }
    }

    /// Whether the queue is on this view now.
    pub(super) fn shows_queue(&self, board: &Board, row: &QueueRow) -> bool {
        self.queues.allows(&row.id) && self.may_see_queue(board, &row.id)
    }

    fn may_see_queue(&self, board: &Board, id: &Name) -> bool {
        let member = |user| board.agent(user).is_some_and(|own| is_member(own, id));
        self.scope == Scope::All
            || self.scope.holds_queue(id)
            || self.scope.users().iter().any(member)
    }

    /// Whether the agent is on this view now.
    pub(super) fn shows_agent(&self, row: &AgentRow) -> bool {
        let chosen = match &self.agents {
            AgentFilter::None => false,
            AgentFilter::All => true,
            AgentFilter::Ids(ids) => ids.binary_search(&row.id).is_ok(),
            AgentFilter::Queue(queue) => is_member(row, queue),
        };
        chosen && self.may_see_agent(&row.id)
    }

    fn may_see_agent(&self, id: &Name) -> bool {
        self.scope == Scope::All || self.scope.holds_user(id)
    }

    /// Whether the alert is on this view: of the queues and agents that may be seen.
    pub(super) fn shows_alert(&self, board: &Board, row: &AlertRow) -> bool {
        let AlertSubject { by, id } = &row.subject;
        self.alerts
            && match by {
                By::Queue | By::Group => self.may_see_queue(board, id),
                By::Agent => self.may_see_agent(id),
                By::Team | By::Account => self.scope == Scope::All,
            }
    }

    /// Whether the call is on this view now.
    pub(super) fn shows_call(&self, row: &CallRow) -> bool {
        self.calls && self.queues.allows_call(row.queue.as_ref()) && self.scope.holds_call(row)
    }

    /// Whether this view must be told of this removal. One that a [`Move`] tells of as well is left
    /// to it, unless the moves are not `known`.
    pub(super) fn loses(&self, board: &Board, what: &Removed, known: bool) -> bool {
        let sees_all = self.scope == Scope::All;
        match what {
            Removed::Queue(id) => self.queues.allows(id) && self.may_see_queue(board, id),
            Removed::Agent(id) => {
                self.may_see_agent(id)
                    && match &self.agents {
                        AgentFilter::None => false,
                        AgentFilter::All => true,
                        AgentFilter::Ids(ids) => ids.binary_search(id).is_ok(),
                        AgentFilter::Queue(_) => !known,
                    }
            }
            Removed::Call(_) => {
                sees_all && self.calls && (!known || !matches!(self.queues, Filter::Ids(_)))
            }
        }
    }

    /// Tells `lose` what this move may have taken off this view.
    pub(super) fn loses_by(&self, board: &Board, what: &Move, mut lose: impl FnMut(Removed)) {
        match what {
            Move::Joined { .. } => {}
            Move::Left { agent, queue } => {
                let lost = self.is_own(agent) && !self.may_see_queue(board, queue);
                if lost && self.queues.allows(queue) {
                    lose(Removed::Queue(queue.clone()));
                }
                let by_queue = matches!(&self.agents, AgentFilter::Queue(of) if of == queue);
                if by_queue && self.may_see_agent(agent) {
                    lose(Removed::Agent(agent.clone()));
                }
            }
            Move::CallLeftQueue { call, queue } => {
                let was_chosen = self.calls
                    && matches!(self.queues, Filter::Ids(_))
                    && self.queues.allows_call(queue.as_ref());
                // Of the calls of others not even the id is told.
                let seen = self.may_see_call(board, *call);
                // … but of one that was in sight until now.
                let left =
                    self.calls && queue.as_ref().is_some_and(|queue| self.scope.holds_queue(queue));
                if (was_chosen && seen) || (left && !seen) {
                    lose(Removed::Call(*call));
                }
            }
            Move::CallLeftAgent { call, agent } => {
                if self.calls && self.is_own(agent) && !self.may_see_call(board, *call) {
                    lose(Removed::Call(*call));
                }
            }
        }
    }

    fn is_own(&self, agent: &Name) -> bool {
        self.scope.holds_user(agent)
    }

    fn may_see_call(&self, board: &Board, id: CallId) -> bool {
        self.scope == Scope::All || board.call(id).is_some_and(|row| self.scope.holds_call(row))
    }

    /// The queue that this move brought into view, though its row may not have changed.
    pub(super) fn gains_by<'a>(&self, what: &'a Move) -> Option<&'a Name> {
        match what {
            Move::Joined { agent, queue } if self.is_own(agent) => Some(queue),
            _ => None,
        }
    }

    /// Whether what leaves this view cannot be told from removals alone.
    pub(super) fn needs_moves(&self) -> bool {
        self.scope != Scope::All
            || matches!(self.agents, AgentFilter::Queue(_))
            || (self.calls && matches!(self.queues, Filter::Ids(_)))
    }

    /// Whether the object is on this view now.
    pub(super) fn shows(&self, board: &Board, what: &Removed) -> bool {
        match what {
            Removed::Queue(id) => board.queue(id).is_some_and(|row| self.shows_queue(board, row)),
            Removed::Agent(id) => board.agent(id).is_some_and(|row| self.shows_agent(row)),
            Removed::Call(id) => self.shows_call_of(board, *id),
        }
    }

    fn shows_call_of(&self, board: &Board, id: CallId) -> bool {
        board.call(id).is_some_and(|row| self.shows_call(row))
    }
}
