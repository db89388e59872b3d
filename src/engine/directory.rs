//! Configuration as commands: checked against what is there, decided as events, effective at once.

use super::Engine;
use super::derived::Extension;
use super::people::without_team;
use crate::domain::event::{Cause, Event};
use crate::domain::fields;
use crate::domain::ids::{self, AgentIx, Name, QueueIx};
use crate::domain::input::{Answer, Kind, ObjectRef, Precondition};
use crate::domain::objects::break_reason::BreakReason;
use crate::domain::objects::disposition::Disposition;
use crate::domain::objects::queue::{By, QueueKind, Source};
use crate::domain::objects::user::{Assignment, Role, UserKind};
use crate::domain::objects::{
    AccessGroup, Account, AlertRule, Calendar, Hook, Member, Queue, Report, RoleBody, Route, Skill,
    SkillNeed, Switch, Target, Team, TeamMember, User, forget_preset,
};
use crate::domain::presence::Status;
use crate::domain::problem::{FieldError, Problem};
use crate::domain::signing::SessionEnd;
use serde_json::{Value, json};

/// A body that was read and checked.
pub(super) enum Checked {
    Account(Account),
    Skill(Skill),
    User(Box<User>),
    Queue(Box<Queue>),
    Member(QueueIx, AgentIx, Member),
    Team(Team),
    TeamMember(Name, AgentIx),
    QueueTeam(QueueIx, Member),
    Route(Route),
    Switch(Box<Switch>),
    BreakReason(BreakReason),
    Disposition(Disposition),
    Calendar(Box<Calendar>),
    Role(Box<RoleBody>),
    AccessGroup(Box<AccessGroup>),
    AlertRule(Box<AlertRule>),
    Hook(Box<Hook>),
    Report(Box<Report>),
}

impl Engine {
    /// PUT or PATCH.
    pub(super) fn put(
        &mut self,
        object: &ObjectRef,
        body: &Value,
        merge: bool,
        only_if: Precondition,
        dry_run: bool,
        by: &Name,
    ) -> Result<Answer, Problem> {
        check_id(object)?;
        self.check_parent(object)?;
        let before = self.stored_json(object);
        self.check_version(object, only_if)?;
        let body = match (&before, merge) {
            (Some(stored), true) => {
                let mut merged = stored.clone();
                forget_preset(&mut merged, body);
                fields::merge(&mut merged, body);
                merged
            }
            (None, true) => return Err(Problem::not_found(word(object.kind), &object.id)),
            (_, false) => body.clone(),
        };
        let body = self.with_home(object, body)?;
        let checked = self.check(object, &body)?;
        if dry_run {
            return Ok(Answer::Done { status: 200, version: None, body: shown(&checked, object) });
        }
        let own = object.kind != Kind::Member || !self.is_through_team(object);
        let same = own && before.as_ref() == Some(&stored(&checked));
        if !same {
            self.apply_checked(object, checked, by);
        }
        let status = if before.is_some() { 200 } else { 201 };
        let (version, body) = self.object_json(object).unwrap_or((self.state.seq, Value::Null));
        Ok(Answer::Done { status, version: Some(version), body })
    }

    /// DELETE.
    pub(super) fn delete(
        &mut self,
        object: &ObjectRef,
        only_if: Precondition,
        dry_run: bool,
        by: &Name,
    ) -> Result<Answer, Problem> {
        self.check_parent(object)?;
        if self.stored_json(object).is_none() {
            return Err(Problem::not_found(word(object.kind), &object.id));
        }
        self.check_version(object, only_if)?;
        self.check_delete(object)?;
        if !dry_run {
            self.apply_delete(object, by);
        }
        Ok(Answer::Done { status: 204, version: None, body: Value::Null })
    }

    fn check_version(&self, object: &ObjectRef, only_if: Precondition) -> Result<(), Problem> {
        if only_if == Precondition::None {
            return Ok(());
        }
        only_if.check(self.object_json(object).map(|(version, _)| version))
    }

    fn check_parent(&self, object: &ObjectRef) -> Result<(), Problem> {
        match object.kind {
            Kind::Member => self.queue_named(&object.parent).map(drop),
            Kind::TeamMember => self.team_named(&object.parent).map(drop),
            Kind::QueueTeam => self.team_queue(&object.parent).map(drop),
            _ => Ok(()),
        }
    }

    /// A queue or group by id.
    pub(super) fn queue_named(&self, id: &str) -> Result<QueueIx, Problem> {
        self.derived.queues.get(id).copied().ok_or_else(|| Problem::not_found("queue or group", id))
    }

    /// An agent by user id.
    pub(super) fn user_named(&self, id: &str) -> Result<AgentIx, Problem> {
        self.derived.users.get(id).copied().ok_or_else(|| Problem::not_found("user", id))
    }

    pub(super) fn check(&self, object: &ObjectRef, body: &Value) -> Result<Checked, Problem> {
        let checked = self.parsed(object, body)?;
        let mut errors = self.check_references(object, &checked);
        errors.extend(self.check_before(object, &checked));
        if let Checked::User(user) = &checked
            && self.begins_to_lead(&object.id, user)
            && !self.has_team(&object.id)
        {
            errors.push(without_team(user.role));
        }
        if !errors.is_empty() {
            return Err(Problem::invalid(errors));
        }
        self.check_conflicts(object, &checked)?;
        self.check_turn(object, &checked)?;
        Ok(checked)
    }

    /// Reads a body; what it names is not looked at.
    pub(super) fn parsed(&self, object: &ObjectRef, body: &Value) -> Result<Checked, Problem> {
        let checked = match object.kind {
            Kind::Account => Account::parse(body).map(Checked::Account),
            Kind::Skill => Skill::parse(body).map(Checked::Skill),
            Kind::User => User::parse(body).map(|u| Checked::User(Box::new(u))),
            Kind::Queue => {
                Queue::parse(QueueKind::Queue, body).map(|q| Checked::Queue(Box::new(q)))
            }
            Kind::Group => {
                Queue::parse(QueueKind::Group, body).map(|q| Checked::Queue(Box::new(q)))
            }
            Kind::Member => {
                let queue = self.queue_named(&object.parent)?;
                let agent = self.user_named(&object.id)?;
                Member::parse(body).map(|m| Checked::Member(queue, agent, m))
            }
            Kind::Team => Team::parse(body).map(Checked::Team),
            Kind::TeamMember => {
                self.team_named(&object.parent)?;
                let agent = self.user_named(&object.id)?;
                let team = object.parent.as_str().into();
                TeamMember::parse(body).map(|_| Checked::TeamMember(team, agent))
            }
            Kind::QueueTeam => {
                let queue = self.team_queue(&object.parent)?;
                self.team_named(&object.id)?;
                Member::parse(body).map(|m| Checked::QueueTeam(queue, m))
            }
            Kind::Route => Route::parse(body).map(Checked::Route),
            Kind::Switch => Switch::parse(body).map(|s| Checked::Switch(Box::new(s))),
            Kind::Disposition => Disposition::parse(body).map(Checked::Disposition),
            Kind::BreakReason => BreakReason::parse(body).map(Checked::BreakReason),
            Kind::Calendar => Calendar::parse(body).map(|c| Checked::Calendar(Box::new(c))),
            Kind::Role => RoleBody::parse(body).map(|r| Checked::Role(Box::new(r))),
            Kind::AlertRule => AlertRule::parse(body).map(|r| Checked::AlertRule(Box::new(r))),
            Kind::Hook => Hook::parse(body).map(|h| Checked::Hook(Box::new(h))),
            Kind::Report => Report::parse(body).map(|r| Checked::Report(Box::new(r))),
            Kind::AccessGroup => {
                AccessGroup::parse(body).map(|g| Checked::AccessGroup(Box::new(g)))
            }
        }
        .map_err(Problem::invalid)?;
        Ok(checked)
    }

    /// What a body names must be there.
    pub(super) fn check_references(
        &self,
        object: &ObjectRef,
        checked: &Checked,
    ) -> Vec<FieldError> {
        let mut errors = Vec::new();
        match checked {
            Checked::User(user) => self.check_user(object, user, &mut errors),
            Checked::Queue(queue) => self.check_queue(object, queue, &mut errors),
            Checked::Route(route) => {
                self.check_skills("/skills", &route.skills, &mut errors);
                self.check_target("/to", &route.to, &object.id, &mut errors);
            }
            Checked::Skill(skill) => self.check_held_levels(object, skill, &mut errors),
            Checked::AccessGroup(group) => self.check_access_group(group, &mut errors),
            Checked::Report(report) => {
                for (at, user) in report.users.iter().enumerate() {
                    if self.derived.users.get(user.as_str()).is_none() {
                        errors.push(unknown(format!("/users/{at}"), "user", user));
                    }
                }
            }
            _ => {}
        }
        errors
    }

    pub(super) fn check_user(&self, object: &ObjectRef, user: &User, errors: &mut Vec<FieldError>) {
        self.check_levels(&user.skills, errors);
        if let Some(role) = &user.custom_role
            && self.state.roles.get(role.as_str()).is_none_or(|item| item.value.is_none())
        {
            errors.push(unknown("/role".to_owned(), "role", role));
        }
        let own = self.derived.users.get(object.id.as_str()).copied();
        self.check_person(object, user, own, errors);
        self.check_extension(user.extension.as_deref(), own.map(Extension::User), errors);
    }

    fn check_extension(
        &self,
        extension: Option<&str>,
        own: Option<Extension>,
        errors: &mut Vec<FieldError>,
    ) {
        let Some(extension) = extension else { return };
        let digits = usize::from(self.state.account.extension_digits);
        if extension.len() != digits {
            let detail = format!("extensions of this account have {digits} digits");
            errors.push(FieldError::new("/extension", "malformed", detail));
        }
        if let Some(owner) = self.derived.extensions.get(extension)
            && Some(*owner) != own
        {
            let owner = match owner {
                Extension::User(ix) => &self.state.agent(*ix).id,
                Extension::Group(ix) => &self.state.queue(*ix).id,
            };
            let detail = format!("belongs to {owner} already; choose another");
            errors.push(FieldError::new("/extension", "taken", detail));
        }
    }

    fn check_queue(&self, object: &ObjectRef, queue: &Queue, errors: &mut Vec<FieldError>) {
        self.check_steps(object, queue, errors);
        self.check_dispositions(&queue.dispositions, errors);
        if let By::Skill(skill) = &queue.plan.by
            && !self.derived.skills.contains(skill.as_str())
        {
            errors.push(unknown("/strategy/by/skill".to_owned(), "skill", skill));
        }
        let exits = &queue.exits;
        let targets = [
            ("on_max_wait", Some(&exits.on_max_wait)),
            ("on_max_waiting", Some(&exits.on_max_waiting)),
            ("on_nobody", Some(&exits.on_nobody)),
            ("on_total", Some(&exits.on_total)),
            ("on_missed", Some(&exits.on_missed)),
            ("on_exhausted", exits.on_exhausted.as_ref()),
            ("on_closed", Some(&exits.on_closed)),
            ("on_choice", exits.on_choice.as_ref()),
        ];
        for (name, target) in targets {
            if let Some(target) = target {
                self.check_target(&format!("/exits/{name}"), target, &object.id, errors);
                self.check_medium(&format!("/exits/{name}"), target, &object.id, queue, errors);
            }
        }
        if let Some(calendar) = &exits.closed
            && !self.state.calendars.contains_key(calendar.as_str())
        {
            errors.push(unknown("/exits/closed".to_owned(), "calendar", calendar));
        }
        let own = self.derived.queues.get(object.id.as_str()).copied();
        self.check_extension(queue.extension.as_deref(), own.map(Extension::Group), errors);
        for (i, user) in queue.supervisors.iter().enumerate() {
            let at = format!("/supervisors/{i}");
            let Some(ix) = self.derived.users.get(user.as_str()).copied() else {
                errors.push(unknown(at, "user", user));
                continue;
            };
            if self.state.agent(ix).user.role != Role::Supervisor {
                let detail = "supervisors of a group are users with the role supervisor";
                errors.push(FieldError::new(at, "not_allowed", detail));
            } else if own.is_some_and(|q| self.state.agent(ix).pair(q).is_some()) {
                let detail = "is a member of this group; a supervisor takes none of its calls";
                errors.push(FieldError::new(at, "not_allowed", detail));
            }
        }
    }

    pub(super) fn check_skills(&self, at: &str, needs: &[SkillNeed], errors: &mut Vec<FieldError>) {
        for (i, need) in needs.iter().enumerate() {
            let skill = self
                .derived
                .skills
                .get(need.skill.as_str())
                .and_then(|ix| self.state.skills[ix.at()].value.as_ref());
            match skill {
                None => errors.push(unknown(format!("{at}/{i}/skill"), "skill", &need.skill)),
                Some(skill) if need.min > skill.max => errors.push(FieldError::new(
                    format!("{at}/{i}/min"),
                    "out_of_range",
                    format!("nobody can have it: the skill's levels end at {}", skill.max),
                )),
                Some(_) => {}
            }
        }
    }

    pub(super) fn check_target(
        &self,
        at: &str,
        target: &Target,
        own: &str,
        errors: &mut Vec<FieldError>,
    ) {
        let (family, name, kind) = match target {
            Target::Queue(name) => ("queue", name, QueueKind::Queue),
            Target::Group(name) => ("group", name, QueueKind::Group),
            Target::Agent(user) => {
                if user != own && !self.derived.users.contains(user.as_str()) {
                    errors.push(unknown(format!("{at}/agent"), "user", user));
                }
                return;
            }
            Target::Number(_) | Target::Voicemail(_) | Target::Callback(_) | Target::End(_) => {
                return;
            }
        };
        let found = self.derived.queues.get(name.as_str()).map(|ix| self.state.queue(*ix));
        if name != own && found.is_none_or(|q| q.config.kind != kind) {
            errors.push(unknown(format!("{at}/{family}"), family, name));
        }
    }

    /// A skill's new range must hold the levels that users have.
    fn check_held_levels(&self, object: &ObjectRef, skill: &Skill, errors: &mut Vec<FieldError>) {
        let Some(ix) = self.derived.skills.get(object.id.as_str()).copied() else { return };
        let outside = self.state.agents.iter().find(|a| {
            a.level(ix).flatten().is_some_and(|level| level < skill.min || level > skill.max)
        });
        if let Some(agent) = outside {
            let detail = format!("{} has a level outside this range; change it first", agent.id);
            errors.push(FieldError::new("/max", "in_use", detail));
        }
    }

    pub(super) fn apply_checked(&mut self, object: &ObjectRef, checked: Checked, by: &Name) {
        let id: Name = object.id.as_str().into();
        let by = by.clone();
        match checked {
            Checked::Account(account) => self.emit(Event::AccountSet(Box::new(account))),
            Checked::Skill(skill) => self.emit(Event::SkillPut { id, by, skill }),
            Checked::User(user) => self.put_user(id, *user, by),
            Checked::Queue(queue) => {
                self.seed_dice(&queue);
                self.emit(Event::QueuePut { id, by, queue });
            }
            Checked::Member(queue, agent, member) => {
                let source = Source::Direct;
                self.emit(Event::MemberPut { queue, agent, by, member, source });
            }
            Checked::Team(team) => self.emit(Event::TeamPut { id, by, team }),
            Checked::TeamMember(team, agent) => self.join_team(&team, agent, &by),
            Checked::QueueTeam(queue, member) => self.link_team(id, queue, member, &by),
            Checked::Route(route) => self.emit(Event::RoutePut { id, by, route }),
            Checked::Switch(switch) => self.emit(Event::SwitchPut { id, by, switch }),
            Checked::Disposition(o) => {
                self.emit(Event::DispositionPut { id, by, name: o.name });
            }
            Checked::BreakReason(reason) => {
                self.emit(Event::BreakReasonPut { id, by, name: reason.name });
            }
            Checked::Calendar(calendar) => self.emit(Event::CalendarPut { id, by, calendar }),
            Checked::Role(role) => self.emit(Event::RolePut { id, by, role }),
            Checked::AlertRule(rule) => {
                self.end_alerts_of(&id);
                self.emit(Event::AlertRulePut { id, by, rule });
            }
            Checked::Hook(hook) => self.emit(Event::HookPut { id, by, hook }),
            Checked::Report(report) => self.emit(Event::ReportPut { id, by, report }),
            Checked::AccessGroup(group) => self.emit(Event::AccessGroupPut { id, by, group }),
        }
    }

    /// The personal part goes to the vault under a new key; the old row is erased with the record.
    pub(super) fn put_user(&mut self, id: Name, mut user: User, by: Name) {
        let old = self.derived.users.get(&id).map(|ix| self.state.agent(*ix).personal);
        let personal = std::mem::take(&mut user.personal);
        let has_endpoint = personal.endpoint.is_some();
        let key = self.state.last_personal + 1;
        self.vault.put_user(key, personal);
        let out = !user.may_work();
        let training = user.assignment == Assignment::Training;
        let phone = user.kind == UserKind::Pbx && has_endpoint;
        let user = Box::new(user);
        self.emit(Event::UserPut { id: id.clone(), by, user, personal: key, has_endpoint });
        if let Some(old) = old {
            self.vault.erase(old);
        }
        let Some(ix) = self.derived.users.get(&id).copied() else { return };
        if old.is_none() && phone {
            let (status, cause) = (Status::Online, Cause::Created);
            self.emit(Event::StatusSet { agent: ix, status, reason: None, cause, by: None });
        }
        if out || self.state.agent(ix).blocked {
            self.leave_by_directory(ix);
            if !super::signing::may_come_in(self.state.agent(ix)) {
                self.end_sessions(ix, None, SessionEnd::Directory, None);
            }
        } else if training {
            self.withdraw_offers(ix);
        }
    }

    /// An object with its secrets and personal values, as a merge starts from.
    pub(super) fn stored_json(&self, object: &ObjectRef) -> Option<Value> {
        match object.kind {
            Kind::Switch => {
                let ix = self.derived.switches.get(object.id.as_str())?;
                Some(self.state.switch(*ix).config.to_json())
            }
            Kind::Hook => Some(self.state.hooks.get(object.id.as_str())?.value.as_ref()?.to_json()),
            Kind::Report => {
                Some(self.state.reports.get(object.id.as_str())?.value.as_ref()?.to_json())
            }
            Kind::Member => {
                let queue = self.derived.queues.get(object.parent.as_str()).copied()?;
                let ix = self.derived.users.get(object.id.as_str()).copied()?;
                let pair = self.state.agent(ix).pair(queue)?;
                Some(Member { stars: pair.stars, position: pair.position }.to_json())
            }
            _ => {
                let (_, mut body) = self.object_json(object)?;
                if let Value::Object(fields) = &mut body {
                    fields.remove("id");
                    fields.remove("resolved");
                    if object.kind == Kind::Role {
                        fields.remove("preset");
                    }
                }
                Some(body)
            }
        }
    }

    /// The configuration of a user with the personal part.
    pub(super) fn whole_user(&self, ix: AgentIx) -> User {
        let agent = self.state.agent(ix);
        let personal = self.vault.user(agent.personal).map(|v| v.personal.clone());
        User { personal: personal.unwrap_or_default(), ..(*agent.user).clone() }
    }
}

pub(super) fn stored(checked: &Checked) -> Value {
    match checked {
        Checked::Account(o) => o.to_json(),
        Checked::Skill(o) => o.to_json(),
        Checked::User(o) => o.to_json(),
        Checked::Queue(o) => o.to_json(),
        Checked::Member(_, _, o) | Checked::QueueTeam(_, o) => o.to_json(),
        Checked::Team(o) => o.to_json(),
        Checked::TeamMember(..) => json!({}),
        Checked::Route(o) => o.to_json(),
        Checked::Switch(o) => o.to_json(),
        Checked::BreakReason(o) => o.to_json(),
        Checked::Disposition(o) => o.to_json(),
        Checked::Calendar(o) => o.to_json(),
        Checked::Role(o) => o.to_json(),
        Checked::AccessGroup(o) => o.to_json(),
        Checked::AlertRule(o) => o.to_json(),
        Checked::Hook(o) => o.to_json(),
        Checked::Report(o) => o.to_json(),
    }
}

fn shown(checked: &Checked, object: &ObjectRef) -> Value {
    let body = match checked {
        Checked::Switch(o) => o.public_json(),
        Checked::Hook(o) => o.public_json(),
        other => stored(other),
    };
    super::views::with_id(&object.id, body)
}

pub(super) fn unknown(at: String, family: &str, name: &str) -> FieldError {
    FieldError::new(
        at,
        "unknown_reference",
        format!("there is no {family} {name:?}; make it first"),
    )
}

/// The family's word in messages.
#[must_use]
pub fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Account => "account",
        Kind::Skill => "skill",
        Kind::User => "user",
        Kind::Queue => "queue",
        Kind::Group => "group",
        Kind::Member => "member",
        Kind::Team => "team",
        Kind::TeamMember => "member",
        Kind::QueueTeam => "team",
        Kind::Route => "route",
        Kind::Switch => "switch",
        Kind::BreakReason => "break reason",
        Kind::Disposition => "disposition",
        Kind::Calendar => "calendar",
        Kind::Role => "role",
        Kind::AccessGroup => "access group",
        Kind::AlertRule => "alert rule",
        Kind::Hook => "hook",
        Kind::Report => "report",
    }
}

pub(super) fn check_id(object: &ObjectRef) -> Result<(), Problem> {
    let (fits, rule) = match object.kind {
        Kind::Account => (true, ""),
        Kind::User | Kind::Member | Kind::TeamMember => {
            (ids::is_user_name(&object.id), "usr_[a-z0-9_-]{1,59}")
        }
        _ => (ids::is_name(&object.id), ids::NAME_RULE),
    };
    if fits {
        return Ok(());
    }
    let detail = format!("the id {:?} in the path must look like {rule}", object.id);
    Err(Problem::invalid(vec![FieldError::new("id", "malformed", detail)]))
}
