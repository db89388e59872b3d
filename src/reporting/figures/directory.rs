//! What the fold knows of the account's objects: the names of their numbers, and what formulas need.

use crate::domain::event::Event;
use crate::domain::ids::{AgentIx, Name, QueueIx};
use crate::domain::media::Media;
use crate::domain::objects::direct::DIRECT_LINE;
use crate::domain::objects::queue::QueueKind;
use crate::domain::objects::{Queue, User};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A queue or group, past or present.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueFacts {
    /// Its id.
    pub id: Name,
    /// Queue or group.
    pub kind: QueueKind,
    /// An abandon below this is short.
    pub short_abandon_ms: u64,
    /// It is no more; its id may be another's.
    pub deleted: bool,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentFacts {
    /// The user's id.
    pub id: Name,
    /// Teams that the user is in.
    pub teams: Vec<Name>,
    /// Calls of all media at once.
    pub capacity: u32,
    /// The zone of the user's day; `None`: the account's.
    pub time_zone: Option<String>,
}

/// Numbers are given in the order of making, as the engine gives them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Directory {
    /// The zone of the account's day.
    pub time_zone: String,
    agents: Vec<AgentFacts>,
    queues: Vec<QueueFacts>,
    users: BTreeMap<Name, AgentIx>,
    queue_ids: BTreeMap<Name, QueueIx>,
}

impl Directory {
    /// Takes in an event, if it is about what stands here.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::AccountSet(account) => self.time_zone.clone_from(&account.time_zone),
            Event::UserPut { id, user, .. } => self.user_put(id, user),
            Event::UserChanged { agent, capacity: Some(capacity), .. } => {
                if let Some(facts) = self.agents.get_mut(agent.at()) {
                    facts.capacity = Media::ALL
                        .iter()
                        .map(|media| u32::from(capacity.get(media).copied().unwrap_or(1)))
                        .sum();
                }
            }
            Event::QueuePut { id, queue, .. } => self.queue_put(id, queue),
            Event::QueueDeleted { queue, .. } => {
                if let Some(facts) = self.queues.get_mut(queue.at()) {
                    facts.deleted = true;
                    self.queue_ids.remove(&facts.id);
                }
            }
            Event::DirectLineMade {} => self.queues.push(QueueFacts {
                id: DIRECT_LINE.into(),
                kind: QueueKind::Queue,
                short_abandon_ms: 0,
                // Nobody can ask for it by its id.
                deleted: true,
            }),
            Event::TeamJoined { team, agent, .. } => self.with_teams(*agent, |teams| {
                if !teams.contains(team) {
                    teams.push(team.clone());
                }
            }),
            Event::TeamLeft { team, agent, .. } => {
                self.with_teams(*agent, |teams| teams.retain(|of| of != team));
            }
            Event::TeamDeleted { id, .. } => {
                for agent in &mut self.agents {
                    agent.teams.retain(|team| team != id);
                }
            }
            _ => {}
        }
    }

    fn user_put(&mut self, id: &Name, user: &User) {
        let capacity = Media::ALL.iter().map(|media| u32::from(user.capacity_of(*media))).sum();
        let time_zone = user.time_zone.clone();
        if let Some(ix) = self.users.get(id) {
            let facts = &mut self.agents[ix.at()];
            (facts.capacity, facts.time_zone) = (capacity, time_zone);
            return;
        }
        let ix = AgentIx(u32::try_from(self.agents.len()).unwrap_or(u32::MAX));
        self.users.insert(id.clone(), ix);
        self.agents.push(AgentFacts { id: id.clone(), teams: Vec::new(), capacity, time_zone });
    }

    fn queue_put(&mut self, id: &Name, queue: &Queue) {
        let facts = QueueFacts {
            id: id.clone(),
            kind: queue.kind,
            short_abandon_ms: queue.short_abandon_ms,
            deleted: false,
        };
        if let Some(ix) = self.queue_ids.get(id) {
            self.queues[ix.at()] = facts;
            return;
        }
        let ix = QueueIx(u32::try_from(self.queues.len()).unwrap_or(u32::MAX));
        self.queue_ids.insert(id.clone(), ix);
        self.queues.push(facts);
    }

    fn with_teams(&mut self, agent: AgentIx, change: impl FnOnce(&mut Vec<Name>)) {
        if let Some(facts) = self.agents.get_mut(agent.at()) {
            change(&mut facts.teams);
        }
    }

    /// A user.
    #[must_use]
    pub fn agent(&self, ix: AgentIx) -> Option<&AgentFacts> {
        self.agents.get(ix.at())
    }

    /// A queue or group.
    #[must_use]
    pub fn queue(&self, ix: QueueIx) -> Option<&QueueFacts> {
        self.queues.get(ix.at())
    }

    /// Every user, by number.
    pub fn agents(&self) -> impl Iterator<Item = (AgentIx, &AgentFacts)> {
        (0..).map(AgentIx).zip(&self.agents)
    }

    /// Every queue and group that there ever was, in the order of numbers.
    pub fn all_queues(&self) -> &[QueueFacts] {
        &self.queues
    }

    /// Every queue and group that is there, by number.
    pub fn queues(&self) -> impl Iterator<Item = (QueueIx, &QueueFacts)> {
        (0..).map(QueueIx).zip(&self.queues).filter(|(_, facts)| !facts.deleted)
    }

    /// The number of a user.
    #[must_use]
    pub fn user(&self, id: &str) -> Option<AgentIx> {
        self.users.get(id).copied()
    }

    /// The number of a queue or group that is there.
    #[must_use]
    pub fn queue_named(&self, id: &str) -> Option<QueueIx> {
        self.queue_ids.get(id).copied()
    }
}
