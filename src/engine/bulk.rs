//! One change for many users, in one record: each is checked against what is there before any is
//! applied, so that one who is refused refuses none of the others, or all of them on request.

use super::Engine;
use super::permission::require;
use super::state::Agent;
use crate::domain::bulk::{Bulk, BulkMode};
use crate::domain::event::{Event, Withdrawn};
use crate::domain::ids::{AgentIx, Name, QueueIx};
use crate::domain::input::{Actor, Answer};
use crate::domain::media::Media;
use crate::domain::objects::Member;
use crate::domain::objects::queue::{QueueKind, Source};
use crate::domain::objects::user::Role;
use crate::domain::problem::{FieldError, Problem};
use crate::domain::rights::Permission;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A change whose references were looked up once.
enum Change<'a> {
    Role(Role),
    Queues { queues: Vec<(QueueIx, Member)>, replace: bool },
    Capacity(&'a BTreeMap<Media, u8>),
    Group(Option<QueueIx>),
    Skills { skills: &'a BTreeMap<String, Option<u16>>, replace: bool },
}

/// The permission by which something is changed for many users, as for one.
fn to_change(bulk: &Bulk) -> Permission {
    match bulk {
        Bulk::Role(_) | Bulk::Capacity(_) | Bulk::Skills { .. } => Permission::Users,
        Bulk::Queues { .. } | Bulk::Group(_) => Permission::Queues,
    }
}

impl Engine {
    /// Changes many users. `users: None`: all who are not archived.
    pub(super) fn bulk(
        &mut self,
        actor: &Actor,
        bulk: &Bulk,
        users: Option<&[String]>,
        mode: BulkMode,
    ) -> Result<Answer, Problem> {
        require(actor, to_change(bulk))?;
        let by = &actor.name;
        let change = self.looked_up(bulk)?;
        let all: Vec<String>;
        let users = match users {
            Some(users) => users,
            None => {
                let kept = self.state.agents.iter().filter(|a| !a.user.archived);
                all = kept.map(|a| a.id.to_string()).collect();
                &all
            }
        };
        let checked: Vec<Result<AgentIx, Problem>> =
            users.iter().map(|user| self.check_change(actor, user, &change)).collect();
        let whole = checked.iter().all(Result::is_ok);
        let hold = mode.all_or_nothing && !whole;
        let mut results = Vec::with_capacity(users.len());
        for (user, checked) in users.iter().zip(checked) {
            results.push(match checked {
                Ok(_) if hold => {
                    let detail = "another item was refused, and all or nothing was asked for";
                    result(user, &Problem::conflict("all_or_nothing", detail))
                }
                Ok(ix) => {
                    if !mode.dry_run {
                        self.apply_change(ix, &change, by);
                    }
                    json!({ "id": user, "status": 200 })
                }
                Err(problem) => result(user, &problem),
            });
        }
        let (status, body) = (if whole { 200 } else { 207 }, json!({ "results": results }));
        Ok(Answer::Done { status, version: None, body })
    }

    /// What the change names must be there, whoever it is for.
    fn looked_up<'a>(&self, bulk: &'a Bulk) -> Result<Change<'a>, Problem> {
        let mut errors = Vec::new();
        let change = match bulk {
            Bulk::Role(role) => Change::Role(*role),
            Bulk::Capacity(capacity) => Change::Capacity(capacity),
            Bulk::Skills { skills, replace } => {
                self.check_levels(skills, &mut errors);
                Change::Skills { skills, replace: *replace }
            }
            Bulk::Group(None) => Change::Group(None),
            Bulk::Group(Some(id)) => {
                let ix = self.of_kind(id, QueueKind::Group);
                if ix.is_none() {
                    errors.push(super::directory::unknown("/group".into(), "group", id));
                }
                Change::Group(ix)
            }
            Bulk::Queues { queues, replace } => {
                let mut found = Vec::new();
                for (i, (id, member)) in queues.iter().enumerate() {
                    match self.of_kind(id, QueueKind::Queue) {
                        Some(ix) => found.push((ix, *member)),
                        None => {
                            let at = format!("/queues/{i}/queue");
                            errors.push(super::directory::unknown(at, "queue", id));
                        }
                    }
                }
                self.check_campaign(&found, &mut errors);
                Change::Queues { queues: found, replace: *replace }
            }
        };
        if errors.is_empty() { Ok(change) } else { Err(Problem::invalid(errors)) }
    }

    fn of_kind(&self, id: &str, kind: QueueKind) -> Option<QueueIx> {
        let ix = self.derived.queues.get(id).copied()?;
        (self.state.queue(ix).config.kind == kind).then_some(ix)
    }

    fn is_campaign(&self, queue: QueueIx) -> bool {
        self.state.queue(queue).config.media == Media::Campaign
    }

    fn check_campaign(&self, queues: &[(QueueIx, Member)], errors: &mut Vec<FieldError>) {
        if queues.len() > 1 && queues.iter().any(|(queue, _)| self.is_campaign(*queue)) {
            let detail = "many queues or one campaign, not both";
            errors.push(FieldError::new("/queues", "queues_or_campaign", detail));
        }
    }

    /// The queues of an agent's own, groups left out.
    fn own_queues<'a>(&'a self, agent: &'a Agent) -> impl Iterator<Item = QueueIx> + 'a {
        let own = agent.pairs.iter().filter(|p| p.source == Source::Direct).map(|p| p.queue);
        own.filter(|queue| self.state.queue(*queue).config.kind == QueueKind::Queue)
    }

    /// Whether an agent may have these queues beside those of `kept`: as many as the account lets
    /// (seed S3-35), and many queues or one campaign, never both (S3-33, S3-36). What a team gives
    /// does not count.
    pub(super) fn check_queues(
        &self,
        agent: AgentIx,
        added: &[QueueIx],
        replace: bool,
    ) -> Result<(), Problem> {
        let agent = self.state.agent(agent);
        let kept = self.own_queues(agent).filter(|q| !replace && !added.contains(q));
        let all: Vec<QueueIx> = kept.chain(added.iter().copied()).collect();
        let is_new = |q: &QueueIx| agent.pair(*q).is_none_or(|p| p.source == Source::Team);
        if added.iter().any(is_new) { self.fit_one_user(agent, &all) } else { Ok(()) }
    }

    /// Whether an agent may have the queues that are the agent's own now.
    pub(super) fn check_own_queues(&self, agent: AgentIx) -> Result<(), Problem> {
        let agent = self.state.agent(agent);
        self.fit_one_user(agent, &self.own_queues(agent).collect::<Vec<_>>())
    }

    fn fit_one_user(&self, agent: &Agent, queues: &[QueueIx]) -> Result<(), Problem> {
        let count = queues.len();
        if count < 2 {
            return Ok(());
        }
        if let Some(campaign) = queues.iter().find(|queue| self.is_campaign(**queue)) {
            let campaign = &self.state.queue(*campaign).id;
            let detail = format!(
                "a user has many queues or one campaign, not both: unassign {} from {campaign} or from \
                 the rest first",
                agent.id
            );
            return Err(Problem::conflict("queues_or_campaign", detail));
        }
        let most = self.state.account.max_queues;
        if count > most as usize {
            let detail = format!("{} would have {count} queues; {most} are allowed", agent.id);
            return Err(Problem::conflict("too_many_queues", detail));
        }
        Ok(())
    }

    fn check_change(
        &self,
        actor: &Actor,
        user: &str,
        change: &Change<'_>,
    ) -> Result<AgentIx, Problem> {
        let ix = self.user_named(user)?;
        let agent = self.state.agent(ix);
        match change {
            Change::Role(role) => self.may_give_role(actor, agent, *role)?,
            Change::Queues { queues, replace } => {
                let added: Vec<QueueIx> = queues.iter().map(|(queue, _)| *queue).collect();
                self.check_queues(ix, &added, *replace)?;
            }
            Change::Group(Some(group)) => self.check_supervises(*group, ix)?,
            Change::Group(None) | Change::Capacity(_) | Change::Skills { .. } => {}
        }
        Ok(ix)
    }

    fn apply_change(&mut self, ix: AgentIx, change: &Change<'_>, by: &Name) {
        let user = &self.state.agent(ix).user;
        let mut changed = (None, None, None);
        match change {
            Change::Role(role) => changed.0 = Some(*role).filter(|role| user.role != *role),
            Change::Skills { skills, replace } => {
                let mut all = if *replace { BTreeMap::new() } else { user.skills.clone() };
                all.extend((*skills).clone());
                changed.1 = Some(all).filter(|all| *all != user.skills);
            }
            Change::Capacity(capacity) => {
                let mut all = user.capacity.clone();
                all.extend(capacity.iter().map(|(media, n)| (*media, *n)));
                changed.2 = Some(all).filter(|all| *all != user.capacity);
            }
            Change::Queues { queues, replace } => {
                return self.assign_queues(ix, queues, *replace, by);
            }
            Change::Group(group) => return self.move_to_group(ix, *group, by),
        }
        let (role, skills, capacity) = changed;
        if role.is_some() || skills.is_some() || capacity.is_some() {
            let by = by.clone();
            self.emit(Event::UserChanged { agent: ix, by, role, skills, capacity });
        }
    }

    fn assign_queues(
        &mut self,
        ix: AgentIx,
        queues: &[(QueueIx, Member)],
        replace: bool,
        by: &Name,
    ) {
        if replace {
            let gone = self.own_queues(self.state.agent(ix));
            let gone: Vec<QueueIx> =
                gone.filter(|own| queues.iter().all(|(queue, _)| queue != own)).collect();
            for queue in gone {
                self.end_membership(ix, queue, by);
            }
        }
        for (queue, member) in queues {
            let there = self.state.agent(ix).pair(*queue);
            let same = there.is_some_and(|p| {
                p.source == Source::Direct
                    && (p.stars, p.position) == (member.stars, member.position)
            });
            if !same {
                self.put_member(ix, *queue, *member, by);
            }
        }
    }

    pub(super) fn put_member(&mut self, agent: AgentIx, queue: QueueIx, member: Member, by: &Name) {
        let (by, source) = (by.clone(), Source::Direct);
        self.emit(Event::MemberPut { queue, agent, by, member, source });
    }

    /// Out of one group and into another, in one record (seed S3-38).
    fn move_to_group(&mut self, ix: AgentIx, group: Option<QueueIx>, by: &Name) {
        let pairs = self.state.agent(ix).pairs.iter().map(|p| p.queue);
        let is_group = |q: &QueueIx| self.state.queue(*q).config.kind == QueueKind::Group;
        let old = pairs.clone().find(is_group);
        if old == group {
            return;
        }
        if let Some(old) = old {
            self.withdraw_of_queue(ix, old, Withdrawn::Configuration);
            self.emit(Event::MemberDeleted { queue: old, agent: ix, by: by.clone() });
        }
        if let Some(group) = group {
            self.put_member(ix, group, Member { stars: 1, position: 1 }, by);
        }
    }
}

/// How a refused item of a bulk call is told.
pub(super) fn result(user: &str, problem: &Problem) -> Value {
    json!({ "id": user, "status": problem.status, "error": {
        "code": problem.code, "detail": problem.detail, "errors": problem.errors,
    } })
}
