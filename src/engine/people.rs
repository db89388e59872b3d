//! Users as people: their life in the account, what of them must be there, and their end.
//!
//! Nobody is deleted. A life has three fields (`engine.md` 1): `state` goes invited → active →
//! deactivated and back by way of an invitation or an administrator; `archived` is for good;
//! `blocked_until` ends by itself. Erasing takes the personal values and leaves the ids.

use super::Engine;
use super::directory::unknown;
use super::state::Agent;
use crate::domain::event::Event;
use crate::domain::ids::{AgentIx, Name, QueueIx};
use crate::domain::input::{Actor, Answer, Kind, ObjectRef, Precondition, UserFilter};
use crate::domain::objects::queue::QueueKind;
use crate::domain::objects::user::Role;
use crate::domain::objects::{Target, User};
use crate::domain::problem::{FieldError, Problem};
use crate::domain::rights::Permission;
use crate::domain::signing::SessionEnd;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Who sees and monitors a team needs one before the role counts (X7). One who loses it stays, and
/// monitors nobody.
pub(super) fn without_team(role: Role) -> FieldError {
    let detail = format!(
        "a {role} has a team first: say assignment pending, PUT …/teams/{{team}}/members/{{user}}, \
         then assignment active"
    );
    FieldError::new("/role", "team_required", detail)
}

impl Engine {
    /// What a user's fields name must be there, numbers must be free, and a block within bounds.
    pub(super) fn check_person(
        &self,
        object: &ObjectRef,
        user: &User,
        own: Option<AgentIx>,
        errors: &mut Vec<FieldError>,
    ) {
        let direct = [("unattended", &user.direct.unattended), ("offline", &user.direct.offline)];
        for (name, target) in direct {
            if let Some(target) = target {
                self.check_target(&format!("/direct/{name}"), target, &object.id, errors);
            }
        }
        for (i, contact) in user.personal.contacts.iter().enumerate() {
            self.check_target(&format!("/contacts/{i}/to"), &contact.to, &object.id, errors);
        }
        if let Some(calendar) = &user.schedule
            && !self.state.calendars.contains_key(calendar.as_str())
        {
            errors.push(unknown("/schedule".into(), "calendar", calendar));
        }
        for (i, number) in user.personal.numbers.iter().enumerate() {
            let other = self.derived.own_numbers.get(number).filter(|ix| Some(**ix) != own);
            let owner = other.map(|ix| &self.state.agent(*ix).id);
            if let Some(owner) = owner.or_else(|| self.derived.numbers.get(number)) {
                let detail = format!("belongs to {owner} already; choose another");
                errors.push(FieldError::new(format!("/numbers/{i}"), "taken", detail));
            }
        }
        self.check_dispositions(&user.dispositions, errors);
    }

    /// Whether a user who did not before would see and monitor a team from now on.
    pub(super) fn begins_to_lead(&self, id: &str, user: &User) -> bool {
        let own = self.derived.users.get(id);
        user.leads() && !own.is_some_and(|ix| self.state.agent(*ix).user.leads())
    }

    /// Whether a user is in some team.
    pub(super) fn has_team(&self, id: &str) -> bool {
        let own = self.derived.users.get(id);
        own.is_some_and(|ix| !self.state.agent(*ix).teams.is_empty())
    }

    /// Skills held must be there, and the levels within their ranges.
    pub(super) fn check_levels(
        &self,
        skills: &BTreeMap<String, Option<u16>>,
        errors: &mut Vec<FieldError>,
    ) {
        for (name, level) in skills {
            let at = format!("/skills/{name}");
            let skill = self
                .derived
                .skills
                .get(name.as_str())
                .and_then(|ix| self.state.skills[ix.at()].value.as_ref());
            match (skill, level) {
                (None, _) => errors.push(unknown(at, "skill", name)),
                (Some(skill), None) if skill.level_required => errors.push(FieldError::new(
                    at,
                    "required",
                    format!("this skill needs a level from {} to {}", skill.min, skill.max),
                )),
                (Some(skill), Some(level)) if *level < skill.min || *level > skill.max => {
                    errors.push(FieldError::new(
                        at,
                        "out_of_range",
                        format!("must be between {} and {}", skill.min, skill.max),
                    ));
                }
                _ => {}
            }
        }
    }

    pub(super) fn check_dispositions(&self, named: &[String], errors: &mut Vec<FieldError>) {
        for (i, id) in named.iter().enumerate() {
            if !self.state.dispositions.contains_key(id.as_str()) {
                errors.push(unknown(format!("/dispositions/{i}"), "disposition", id));
            }
        }
    }

    /// What an agent may call a finished call of a queue: the queue's set and the agent's own (seed
    /// S1-20). Where neither has any, whatever they like.
    pub(super) fn dispositions(&self, ix: AgentIx, queue: QueueIx) -> Vec<&str> {
        let own = &self.state.agent(ix).user.dispositions;
        let all = self.state.queue(queue).config.dispositions.iter().chain(own);
        let mut all: Vec<&str> = all.map(String::as_str).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// A new block lasts as long as the account allows (seed S3-31); one that is over says nothing.
    pub(super) fn check_block(&self, id: &str, user: &User) -> Option<FieldError> {
        let until = user.blocked_until?;
        let own = self.derived.users.get(id);
        let before = own.and_then(|ix| self.state.agent(*ix).user.blocked_until);
        let now = self.state_now();
        if before == Some(until) || until <= now {
            return None;
        }
        let (least, most) = (self.state.account.block_min_ms, self.state.account.block_max_ms);
        let lasts = until.since(now);
        // What was reckoned a moment ago from the asker's clock is let through.
        let rounded = lasts.saturating_add(60_000) >= least && lasts <= most.saturating_add(60_000);
        (!rounded).then(|| {
            let detail = format!("a block lasts {least} to {most} ms from now, not {lasts}");
            FieldError::new("/blocked_until", "out_of_range", detail)
        })
    }

    /// What the life of a user does not go back on.
    pub(super) fn check_life(&self, id: &str, user: &User) -> Result<(), Problem> {
        let Some(ix) = self.derived.users.get(id) else { return Ok(()) };
        let before = &self.state.agent(*ix).user;
        if before.archived && !user.archived {
            let detail = "archived is for good; the user stays listed and may not work again";
            return Err(Problem::conflict("archived", detail));
        }
        Ok(())
    }

    /// An agent's own choice of where direct calls go while offline (seed S1-25): with the right to.
    pub(super) fn set_offline(
        &mut self,
        actor: &Actor,
        user: &str,
        to: Value,
    ) -> Result<Answer, Problem> {
        let ix = self.self_or_steer(actor, user)?;
        if !actor.may(Permission::Steer) && !self.state.agent(ix).user.may_edit_offline {
            return Err(Problem::forbidden("edit_offline"));
        }
        let mut body = self.whole_user(ix).to_json();
        body["direct"]["offline"] = to;
        let object = ObjectRef { kind: Kind::User, parent: String::new(), id: user.to_owned() };
        let at_body = |mut problem: Problem| {
            for error in &mut problem.errors {
                error.pointer = error.pointer.replacen("/direct/offline", "/to", 1);
            }
            problem
        };
        self.put(&object, &body, false, Precondition::None, false, &actor.name).map_err(at_body)?;
        let to = self.state.agent(ix).user.direct.offline.as_ref().map(Target::to_json);
        Ok(Answer::Done { status: 200, version: None, body: json!({ "to": to }) })
    }

    /// Erases the personal values of a user; ids, and what they did, stay.
    pub(super) fn erase_user(&mut self, user: &str, by: &Name) -> Result<Answer, Problem> {
        let ix = self.user_named(user)?;
        let agent = self.state.agent(ix);
        if !agent.calls.is_empty() || !agent.own_calls.is_empty() {
            let detail = "the user has calls; let them end";
            return Err(Problem::conflict("in_use", detail));
        }
        let personal = agent.personal;
        let teams = agent.teams.clone();
        self.leave_by_directory(ix);
        self.end_sessions(ix, None, SessionEnd::Directory, Some(by));
        self.drop_mail(ix);
        if let Some(hash) = self.state.doors.passwords.get(&ix) {
            self.vault.erase(*hash);
        }
        for team in teams {
            self.leave_team(&team, ix, by);
        }
        let queues: Vec<QueueIx> = self.state.agent(ix).pairs.iter().map(|p| p.queue).collect();
        for queue in queues {
            self.emit(Event::MemberDeleted { queue, agent: ix, by: by.clone() });
        }
        self.erase_from_imports(ix);
        self.emit(Event::UserErased { agent: ix, by: by.clone() });
        self.vault.erase(personal);
        let (version, body) = (self.state.seq, self.user_json(ix));
        Ok(Answer::Done { status: 200, version: Some(version), body })
    }

    /// `GET …/users/{user}/profile`: all that one page about a user tells (seed S3-41), with what
    /// holds of the user's own settings, the group's and the account's.
    pub(super) fn profile(&self, user: &str) -> Result<Answer, Problem> {
        let ix = self.user_named(user)?;
        let agent = self.state.agent(ix);
        let (queues, group) = self.places(agent);
        let supervises = self.state.queues.iter().filter(|q| !q.deleted);
        let supervises =
            supervises.filter(|q| q.config.supervisors.iter().any(|s| *s == *agent.id));
        let settings = self.group_settings(ix);
        let mut resolved = settings.to_json();
        if let Some(own) = &agent.user.caller_id {
            resolved["caller_id"] = json!(own);
        }
        if !agent.user.may_choose_caller_id {
            resolved["may_choose_caller_id"] = false.into();
        }
        resolved["time_zone"] =
            json!(agent.user.time_zone.as_ref().unwrap_or(&self.state.account.time_zone));
        let body = json!({
            "user": self.user_json(ix),
            "teams": agent.teams,
            "queues": queues,
            "group": group,
            "supervises": supervises.map(|q| &q.id).collect::<Vec<_>>(),
            "resolved": resolved,
        });
        Ok(Answer::Done { status: 200, version: None, body })
    }

    /// The queues that an agent works for, and the group.
    fn places(&self, agent: &Agent) -> (Vec<Value>, Option<Value>) {
        let places = agent.pairs.iter().map(|pair| {
            let queue = self.state.queue(pair.queue);
            let place = json!({
                "id": queue.id,
                "name": queue.config.name,
                "media": queue.config.media,
                "stars": pair.stars,
                "position": pair.position,
                "source": pair.source,
                "opted_in": pair.opted_in,
            });
            (queue.config.kind, place)
        });
        let (groups, queues): (Vec<_>, Vec<_>) =
            places.partition(|(kind, _)| *kind == QueueKind::Group);
        let places = |of: Vec<(QueueKind, Value)>| of.into_iter().map(|(_, place)| place);
        (places(queues).collect(), places(groups).next())
    }

    /// A user as shown.
    pub(super) fn user_json(&self, ix: AgentIx) -> Value {
        super::views::with_id(&self.state.agent(ix).id, self.whole_user(ix).to_json())
    }

    /// A page of the users who fit, by id.
    pub(super) fn users(
        &self,
        limit: usize,
        after: Option<&str>,
        filter: &UserFilter,
    ) -> Result<Answer, Problem> {
        let team = filter.team.as_deref().map(|id| self.team_named(id)).transpose()?;
        let queue = filter.queue.as_deref().map(|id| self.queue_named(id)).transpose()?;
        let text = filter.text.as_ref().map(|text| text.to_lowercase());
        let fits = |agent: &&Agent| {
            after.is_none_or(|after| &*agent.id > after)
                && team.is_none_or(|team| team.members.contains(&agent.ix))
                && self.user_fits(agent, filter, queue)
                && text.as_ref().is_none_or(|text| self.user_reads(agent, text))
        };
        let mut fit: Vec<&Agent> = self.state.agents.iter().filter(fits).collect();
        let more = first_by_id(&mut fit, limit);
        let next = fit.last().filter(|_| more).map(|last| last.id.clone());
        let item = |agent: &&Agent| {
            let mut shown = self.user_json(agent.ix);
            if filter.places {
                let (queues, group) = self.places(agent);
                (shown["queues"], shown["group"]) = (json!(queues), json!(group));
            }
            shown
        };
        let items: Vec<Value> = fit.iter().map(item).collect();
        let body = json!({ "items": items, "next": next });
        Ok(Answer::Done { status: 200, version: None, body })
    }

    fn user_fits(&self, agent: &Agent, filter: &UserFilter, queue: Option<QueueIx>) -> bool {
        let user = &agent.user;
        filter.state.is_none_or(|state| user.state == state)
            && filter.archived.is_none_or(|archived| user.archived == archived)
            && filter.blocked.is_none_or(|blocked| agent.blocked == blocked)
            && filter.role.is_none_or(|role| user.role == role)
            && filter.kind.is_none_or(|kind| user.kind == kind)
            && queue.is_none_or(|queue| agent.pair(queue).is_some())
            && filter.skill.as_ref().is_none_or(|skill| user.skills.contains_key(skill))
    }

    /// Whether a text in small letters stands in what people know a user by.
    fn user_reads(&self, agent: &Agent, text: &str) -> bool {
        agent.id.contains(text)
            || agent.user.extension.as_deref().is_some_and(|digits| digits.contains(text))
            || self.vault.user(agent.personal).is_some_and(|values| values.searched.contains(text))
    }
}

/// Leaves the first of them by id, in order, without sorting the rest; whether there are more.
pub(super) fn first_by_id(agents: &mut Vec<&Agent>, limit: usize) -> bool {
    if agents.len() > limit + 1 {
        agents.select_nth_unstable_by(limit, |a, b| a.id.cmp(&b.id));
        agents.truncate(limit + 1);
    }
    agents.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    let more = agents.len() > limit;
    agents.truncate(limit);
    more
}
