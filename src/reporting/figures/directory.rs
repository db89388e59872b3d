//! What the fold knows of the account's objects: the names of their numbers, and what formulas need.

use crate::domain::event::Event;
use crate::domain::ids::{AgentIx, Name, QueueIx};
use crate::domain::media::Media;
use crate::domain::objects::direct::DIRECT_LINE;
use crate::domain::objects::queue::{Needs, QueueKind};
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
    /// The status that members need.
    pub needs: Needs,
    /// What is served.
    pub media: Media,
    /// It is no more; its id may be another's.
    pub deleted: bool,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentFacts {
    /// The user's id.
    pub id: Name,
    /// Teams that the user is in, by number.
    pub teams: Vec<usize>,
    /// Calls of all media at once, …
    pub capacity: u32,
    /// … and of each medium.
    pub capacities: BTreeMap<Media, u8>,
    /// The user is in force.
    pub may_work: bool,
    /// The user has a phone.
    pub has_endpoint: bool,
    /// The zone of the user's day; `None`: the account's.
    pub time_zone: Option<String>,
}

/// Numbers are given in the order of making, as the engine gives them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Directory {
    /// The zone of the account's day.
    pub time_zone: String,
    /// While on other media, voice is offered up to its capacity.
    pub voice_over_others: bool,
    agents: Vec<AgentFacts>,
    queues: Vec<QueueFacts>,
    users: BTreeMap<Name, AgentIx>,
    queue_ids: BTreeMap<Name, QueueIx>,
    /// Every team that anybody was ever in, in the order of numbers.
    teams: Vec<Name>,
    team_ids: BTreeMap<Name, usize>,
}

impl Directory {
    /// Takes in an event, if it is about what stands here.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::AccountSet(account) => {
                self.time_zone.clone_from(&account.time_zone);
                self.voice_over_others = account.voice_over_others;
            }
            Event::UserPut { id, user, has_endpoint, .. } => self.user_put(id, user, *has_endpoint),
            Event::UserChanged { agent, capacity: Some(capacity), .. } => {
                if let Some(facts) = self.agents.get_mut(agent.at()) {
                    facts.capacity = Media::ALL
                        .iter()
                        .map(|media| u32::from(capacity.get(media).copied().unwrap_or(1)))
                        .sum();
                    facts.capacities.clone_from(capacity);
                }
            }
            Event::UserErased { agent, .. } => {
                if let Some(facts) = self.agents.get_mut(agent.at()) {
                    (facts.may_work, facts.has_endpoint) = (false, false);
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
                needs: Needs::Online,
                media: Media::Voice,
                // Nobody can ask for it by its id.
                deleted: true,
            }),
            Event::TeamJoined { team, agent, .. } => {
                let team = self.team_put(team);
                self.with_teams(*agent, |teams| {
                    if !teams.contains(&team) {
                        teams.push(team);
                    }
                });
            }
            Event::TeamLeft { team, agent, .. } => {
                let team = self.team_put(team);
                self.with_teams(*agent, |teams| teams.retain(|of| *of != team));
            }
            Event::TeamDeleted { id, .. } => {
                let team = self.team_put(id);
                for agent in &mut self.agents {
                    agent.teams.retain(|of| *of != team);
                }
            }
            _ => {}
        }
    }

    fn user_put(&mut self, id: &Name, user: &User, has_endpoint: bool) {
        let known = self.users.get(id).and_then(|ix| self.agents.get_mut(ix.at()));
        let facts = AgentFacts {
            id: id.clone(),
            teams: known.as_ref().map_or_else(Vec::new, |known| known.teams.clone()),
            capacity: Media::ALL.iter().map(|media| u32::from(user.capacity_of(*media))).sum(),
            capacities: user.capacity.clone(),
            may_work: user.may_work(),
            has_endpoint,
            time_zone: user.time_zone.clone(),
        };
        if let Some(known) = known {
            *known = facts;
            return;
        }
        let ix = AgentIx(u32::try_from(self.agents.len()).unwrap_or(u32::MAX));
        self.users.insert(id.clone(), ix);
        self.agents.push(facts);
    }

    fn queue_put(&mut self, id: &Name, queue: &Queue) {
        let facts = QueueFacts {
            id: id.clone(),
            kind: queue.kind,
            short_abandon_ms: queue.short_abandon_ms,
            needs: queue.needs,
            media: queue.media,
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

    fn team_put(&mut self, id: &Name) -> usize {
        if let Some(team) = self.team_ids.get(id) {
            return *team;
        }
        let team = self.teams.len();
        self.team_ids.insert(id.clone(), team);
        self.teams.push(id.clone());
        team
    }

    fn with_teams(&mut self, agent: AgentIx, change: impl FnOnce(&mut Vec<usize>)) {
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

    /// The number of a team that somebody is in, or was.
    #[must_use]
    pub fn team_named(&self, id: &str) -> Option<usize> {
        self.team_ids.get(id).copied()
    }

    /// The name of a team.
    #[must_use]
    pub fn team(&self, team: usize) -> &Name {
        &self.teams[team]
    }

    /// Who is in a team, by number.
    pub fn members(&self, id: &str) -> impl Iterator<Item = (AgentIx, &AgentFacts)> {
        let team = self.team_named(id);
        self.agents().filter(move |(_, facts)| team.is_some_and(|team| facts.teams.contains(&team)))
    }
}
