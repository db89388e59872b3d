//! Teams: agents under a supervisor. A user may be in many; a team that works for a queue makes its
//! members members there, as long as both last. A membership of the user's own is stronger: it
//! keeps its stars and position, and stays when the team goes.

use super::Engine;
use super::derived::Derived;
use super::state::{Pair, State};
use crate::domain::event::{Event, Withdrawn};
use crate::domain::ids::{AgentIx, Name, QueueIx};
use crate::domain::input::{Answer, ObjectRef};
use crate::domain::objects::queue::{QueueKind, Source};
use crate::domain::objects::{Member, Team};
use crate::domain::problem::{FieldError, Problem};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// A team as the state has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TeamState {
    /// Version of the configuration and the members.
    pub version: u64,
    /// The configuration.
    pub config: Team,
    /// Its members.
    pub members: BTreeSet<AgentIx>,
    /// The queues that it works for, and how its members stand there.
    #[serde(with = "links")]
    pub queues: BTreeMap<QueueIx, Member>,
}

/// A map with numbers as keys, as a list: JSON has texts only.
mod links {
    use super::{BTreeMap, Member, QueueIx};
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(
        map: &BTreeMap<QueueIx, Member>,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        s.collect_seq(map.iter())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        d: D,
    ) -> Result<BTreeMap<QueueIx, Member>, D::Error> {
        Vec::<(QueueIx, Member)>::deserialize(d).map(|all| all.into_iter().collect())
    }
}

impl Engine {
    /// A team by id.
    pub(super) fn team_named(&self, id: &str) -> Result<&TeamState, Problem> {
        self.state.teams.get(id).ok_or_else(|| Problem::not_found("team", id))
    }

    /// A queue that a team may work for: no group, since those are of one team's kind already.
    pub(super) fn team_queue(&self, id: &str) -> Result<QueueIx, Problem> {
        let ix = self.queue_named(id)?;
        if self.state.queue(ix).config.kind == QueueKind::Queue {
            return Ok(ix);
        }
        Err(Problem::not_found("queue", id))
    }

    /// How a team's members stand in a queue, by the first of an agent's teams that works for it.
    fn through_team(&self, agent: AgentIx, queue: QueueIx) -> Option<Member> {
        let teams = &self.state.agent(agent).teams;
        teams.iter().find_map(|id| self.state.teams.get(id)?.queues.get(&queue).copied())
    }

    /// Memberships follow what teams say now.
    fn follow_teams(&mut self, pairs: impl IntoIterator<Item = (AgentIx, QueueIx)>, by: &Name) {
        for (agent, queue) in pairs {
            let pair = self.state.agent(agent).pair(queue);
            if pair.is_some_and(|p| p.source == Source::Direct) {
                continue;
            }
            let stands = |p: &Pair, m: &Member| (p.stars, p.position) == (m.stars, m.position);
            match (pair, self.through_team(agent, queue)) {
                (Some(pair), Some(member)) if stands(pair, &member) => {}
                (_, Some(member)) => self.put_through_team(agent, queue, member, by),
                (Some(_), None) => {
                    self.withdraw_of_queue(agent, queue, Withdrawn::Configuration);
                    self.emit(Event::MemberDeleted { queue, agent, by: by.clone() });
                }
                (None, None) => {}
            }
        }
    }

    fn put_through_team(&mut self, agent: AgentIx, queue: QueueIx, member: Member, by: &Name) {
        let (by, source) = (by.clone(), Source::Team);
        self.emit(Event::MemberPut { queue, agent, by, member, source });
    }

    /// Whether a membership is by way of a team.
    pub(super) fn is_through_team(&self, object: &ObjectRef) -> bool {
        let queue = self.derived.queues.get(object.parent.as_str());
        let agent = self.derived.users.get(object.id.as_str());
        let pair = queue.zip(agent).and_then(|(q, a)| self.state.agent(*a).pair(*q));
        pair.is_some_and(|pair| pair.source == Source::Team)
    }

    /// A membership of the user's own ends; what a team gives beside it comes into force.
    pub(super) fn end_membership(&mut self, agent: AgentIx, queue: QueueIx, by: &Name) {
        if let Some(member) = self.through_team(agent, queue) {
            return self.put_through_team(agent, queue, member, by);
        }
        self.withdraw_of_queue(agent, queue, Withdrawn::Configuration);
        self.emit(Event::MemberDeleted { queue, agent, by: by.clone() });
    }

    /// A user joins a team.
    pub(super) fn join_team(&mut self, team: &Name, agent: AgentIx, by: &Name) {
        self.emit(Event::TeamJoined { team: team.clone(), agent, by: by.clone() });
        self.follow_team_of(team, agent, by);
    }

    /// A user leaves a team, and the queues that only the team gave.
    pub(super) fn leave_team(&mut self, team: &Name, agent: AgentIx, by: &Name) {
        self.emit(Event::TeamLeft { team: team.clone(), agent, by: by.clone() });
        self.follow_team_of(team, agent, by);
    }

    fn follow_team_of(&mut self, team: &Name, agent: AgentIx, by: &Name) {
        let queues = self.state.teams.get(team).map(|t| t.queues.keys().copied());
        let pairs: Vec<_> = queues.into_iter().flatten().map(|queue| (agent, queue)).collect();
        self.follow_teams(pairs, by);
    }

    /// A team works for a queue.
    pub(super) fn link_team(&mut self, team: Name, queue: QueueIx, member: Member, by: &Name) {
        self.emit(Event::TeamQueuePut { team: team.clone(), queue, by: by.clone(), member });
        self.follow_queue_of(&team, queue, by);
    }

    /// A team works for a queue no longer.
    pub(super) fn unlink_team(&mut self, team: Name, queue: QueueIx, by: &Name) {
        self.emit(Event::TeamQueueDeleted { team: team.clone(), queue, by: by.clone() });
        self.follow_queue_of(&team, queue, by);
    }

    fn follow_queue_of(&mut self, team: &Name, queue: QueueIx, by: &Name) {
        let members = self.state.teams.get(team).map(|t| t.members.iter().copied());
        let pairs: Vec<_> = members.into_iter().flatten().map(|agent| (agent, queue)).collect();
        self.follow_teams(pairs, by);
    }

    /// A team goes: its members leave the queues that only it gave.
    pub(super) fn delete_team(&mut self, id: Name, by: &Name) {
        let Some(team) = self.state.teams.get(&id) else { return };
        let each = |agent: &AgentIx| {
            let agent = *agent;
            team.queues.keys().map(move |queue| (agent, *queue))
        };
        let pairs: Vec<_> = team.members.iter().flat_map(each).collect();
        self.emit(Event::TeamDeleted { id, by: by.clone() });
        self.follow_teams(pairs, by);
    }

    /// `POST …/teams/{team}/members`: users join and leave together, or nobody does.
    pub(super) fn change_team(
        &mut self,
        team: &str,
        add: &[String],
        remove: &[String],
        by: &Name,
    ) -> Result<Answer, Problem> {
        self.team_named(team)?;
        let mut errors = Vec::new();
        let mut find = |field: &str, ids: &[String]| -> Vec<AgentIx> {
            let found = ids.iter().enumerate().filter_map(|(i, id)| {
                let found = self.derived.users.get(id.as_str()).copied();
                if found.is_none() {
                    errors.push(super::directory::unknown(format!("/{field}/{i}"), "user", id));
                }
                found
            });
            found.collect()
        };
        let (add, remove) = (find("add", add), find("remove", remove));
        if let Some(both) = add.iter().find(|ix| remove.contains(ix)) {
            let detail = format!("{} stands in add, too", self.state.agent(*both).id);
            errors.push(FieldError::new("/remove", "conflict", detail));
        }
        if !errors.is_empty() {
            return Err(Problem::invalid(errors));
        }
        let team: Name = team.into();
        let is_in = |state: &State, ix: AgentIx| state.teams[&team].members.contains(&ix);
        for ix in add {
            if !is_in(&self.state, ix) {
                self.join_team(&team, ix, by);
            }
        }
        for ix in remove {
            if is_in(&self.state, ix) {
                self.leave_team(&team, ix, by);
            }
        }
        let shown = &self.state.teams[&team];
        let body = json!({ "id": team, "members": shown.members.len() });
        Ok(Answer::Done { status: 200, version: Some(shown.version), body })
    }
}

/// Applies what concerns teams; `false` when an event is about something else.
pub(super) fn evolve(state: &mut State, derived: &mut Derived, event: &Event) -> bool {
    let seq = state.seq;
    match event {
        Event::TeamPut { id, by: _, team } => match state.teams.get_mut(id) {
            Some(known) => (known.config, known.version) = (team.clone(), seq),
            None => {
                let (members, queues) = (BTreeSet::new(), BTreeMap::new());
                let team = TeamState { version: seq, config: team.clone(), members, queues };
                state.teams.insert(id.clone(), team);
            }
        },
        Event::TeamDeleted { id, by: _ } => {
            let team = state.teams.remove(id);
            for ix in team.iter().flat_map(|team| &team.members) {
                state.agents[ix.at()].teams.retain(|t| t != id);
                derived.touched.rights.push(*ix);
            }
        }
        Event::TeamJoined { team, agent, by: _ } => {
            if let Some(known) = state.teams.get_mut(team) {
                known.members.insert(*agent);
                known.version = seq;
                // Who shares a team may see, or monitor, whoever else does.
                derived.touched.rights.extend(&known.members);
            }
            let teams = &mut state.agents[agent.at()].teams;
            if let Err(at) = teams.binary_search(team) {
                teams.insert(at, team.clone());
            }
        }
        Event::TeamLeft { team, agent, by: _ } => {
            if let Some(known) = state.teams.get_mut(team) {
                derived.touched.rights.extend(&known.members);
                known.members.remove(agent);
                known.version = seq;
            }
            state.agents[agent.at()].teams.retain(|t| t != team);
        }
        Event::TeamQueuePut { team, queue, by: _, member } => {
            if let Some(known) = state.teams.get_mut(team) {
                known.queues.insert(*queue, *member);
                known.version = seq;
            }
        }
        Event::TeamQueueDeleted { team, queue, by: _ } => {
            if let Some(known) = state.teams.get_mut(team) {
                known.queues.remove(queue);
                known.version = seq;
            }
        }
        _ => return false,
    }
    true
}
