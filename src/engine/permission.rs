//! What an actor may do: a decision, hence here, recorded and tested with the rest. (Who somebody
//! is was settled by `access`; which permissions there are, and which a role has, is data of
//! `domain::rights`.)

use super::state::Agent;
use super::{Engine, directory};
use crate::domain::ids::{AgentIx, Name, QueueIx};
use crate::domain::input::{Actor, Answer, Kind, ObjectRef};
use crate::domain::objects::User;
use crate::domain::objects::role::RoleBody;
use crate::domain::objects::user::{Role, UserState};
use crate::domain::problem::Problem;
use crate::domain::rights::{Permission, Reach, Rights, Row};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Refuses an actor without a permission.
///
/// # Errors
/// 403 `forbidden`, naming it.
pub fn require(actor: &Actor, permission: Permission) -> Result<(), Problem> {
    if actor.may(permission) { Ok(()) } else { Err(Problem::forbidden(permission.word())) }
}

/// A key of role `switch` speaks for its own switch only; administrators for any (tests of a new
/// switch).
///
/// # Errors
/// 403.
pub fn require_switch(actor: &Actor, switch: &str) -> Result<(), Problem> {
    require(actor, Permission::Switch)?;
    if actor.role == Role::Switch && actor.switch.as_deref() != Some(switch) {
        return Err(Problem::new(
            403,
            "wrong_source",
            "this key is bound to another switch; use that switch's id as source",
        ));
    }
    Ok(())
}

/// The permission by which objects of a family are changed.
#[must_use]
pub fn to_change(kind: Kind) -> Permission {
    match kind {
        Kind::Account | Kind::Hook | Kind::Report => Permission::Account,
        Kind::Skill => Permission::Skills,
        Kind::User => Permission::Users,
        Kind::Queue | Kind::Group | Kind::Member | Kind::Disposition | Kind::AlertRule => {
            Permission::Queues
        }
        Kind::Team | Kind::TeamMember | Kind::QueueTeam => Permission::Teams,
        Kind::Route => Permission::Numbers,
        Kind::Switch => Permission::Channels,
        Kind::BreakReason | Kind::Calendar => Permission::Hours,
        Kind::Role | Kind::AccessGroup => Permission::Roles,
    }
}

/// What an actor sees of the floor.
pub(super) enum Sight {
    /// All of it.
    All,
    /// These users and their calls, the queues that they are members of, and these queues.
    Some { users: BTreeSet<AgentIx>, queues: BTreeSet<QueueIx> },
}

impl Sight {
    /// Whether a user is seen.
    pub fn user(&self, ix: AgentIx) -> bool {
        match self {
            Sight::All => true,
            Sight::Some { users, .. } => users.contains(&ix),
        }
    }
}

impl Engine {
    /// The user that acts, if one does.
    pub(super) fn actor_ix(&self, actor: &Actor) -> Option<AgentIx> {
        self.derived.users.get(actor.user.as_deref()?).copied()
    }

    /// The role that a user has, as a body: a preset's or one of the account's own.
    pub(super) fn role_of(&self, agent: &Agent) -> RoleBody {
        let own = agent.user.custom_role.as_deref();
        let own = own.and_then(|id| self.state.roles.get(id)).and_then(|item| item.value.as_ref());
        match (agent.user.role, own) {
            (Role::Custom, Some(role)) => role.clone(),
            (role, _) => RoleBody::of_preset(role),
        }
    }

    /// What a user may.
    pub(super) fn rights_of(&self, agent: &Agent) -> Rights {
        match agent.user.role {
            Role::Custom => self.role_of(agent).permissions,
            role => role.rights(),
        }
    }

    /// As which preset a user counts in matrices of others.
    fn counts_as(&self, agent: &Agent) -> Role {
        match agent.user.role {
            Role::Custom => self.role_of(agent).like,
            role => role,
        }
    }

    /// The users who are in a team with this one.
    pub(super) fn team_mates(&self, of: AgentIx) -> BTreeSet<AgentIx> {
        let teams = self.state.agent(of).teams.iter().filter_map(|id| self.state.teams.get(id));
        teams.flat_map(|team| &team.members).copied().filter(|mate| *mate != of).collect()
    }

    /// Whether a row of a matrix, of `from`'s role, holds `to`; never oneself.
    fn reaches(&self, row: Option<&Row>, from: Option<AgentIx>, to: AgentIx) -> bool {
        let Some(row) = row.filter(|_| from != Some(to)) else { return false };
        let near = match row.reach {
            // The call centre is the account.
            Reach::Account | Reach::CallCentre => true,
            Reach::Team => from.is_some_and(|from| self.team_mates(from).contains(&to)),
        };
        near && row.roles.contains(&self.counts_as(self.state.agent(to)))
    }

    fn rows(&self, actor: &Actor) -> RoleBody {
        match self.actor_ix(actor).filter(|_| actor.role == Role::Custom) {
            Some(ix) => self.role_of(self.state.agent(ix)),
            None => RoleBody::of_preset(actor.role),
        }
    }

    /// Whether an actor may monitor a user.
    pub(super) fn may_monitor(&self, actor: &Actor, to: AgentIx) -> bool {
        actor.may(Permission::Monitor)
            && self.reaches(self.rows(actor).monitor.as_ref(), self.actor_ix(actor), to)
    }

    /// Whether an actor may steer a user: whom they may monitor, and in the whole account also whoever
    /// may nothing that they may not themselves.
    pub(super) fn may_steer(&self, actor: &Actor, to: AgentIx) -> bool {
        if !actor.may(Permission::Steer) {
            return false;
        }
        let role = self.rows(actor);
        let wide = role.monitor.as_ref().is_some_and(|row| row.reach == Reach::Account);
        let own = actor.rights();
        (wide && self.rights_of(self.state.agent(to)).beyond(own).is_none())
            || self.reaches(role.monitor.as_ref(), self.actor_ix(actor), to)
    }

    /// An agent acts on their own affairs; who may steer acts on those of others. What is out of
    /// sight is told as absent.
    ///
    /// # Errors
    /// 403 without the permission to work, 404 for somebody else's affairs.
    pub(super) fn self_or_steer(&self, actor: &Actor, user: &str) -> Result<AgentIx, Problem> {
        let own = actor.user.as_deref() == Some(user);
        if own && actor.may(Permission::Work) {
            return self.user_named(user);
        }
        if !actor.may(Permission::Steer) {
            require(actor, Permission::Work)?;
            return Err(Problem::not_found("user", user));
        }
        self.steered(actor, user)
    }

    /// A user whom the actor may steer.
    ///
    /// # Errors
    /// 403 without the right at all, or over this user; 404 for who is out of sight.
    pub(super) fn steered(&self, actor: &Actor, user: &str) -> Result<AgentIx, Problem> {
        require(actor, Permission::Steer)?;
        let ix = self.user_named(user)?;
        if self.may_steer(actor, ix) {
            return Ok(ix);
        }
        if self.sight(actor).user(ix) {
            return Err(Problem::forbidden(Permission::Steer.word()));
        }
        Err(Problem::not_found("user", user))
    }

    /// A user whom the actor may see.
    ///
    /// # Errors
    /// 403 without any right to see others, 404 for who is out of sight.
    pub(super) fn in_sight(&self, actor: &Actor, user: &str) -> Result<AgentIx, Problem> {
        if actor.user.as_deref() == Some(user) && actor.may(Permission::Work) {
            return self.user_named(user);
        }
        if !actor.may(Permission::Watch) {
            require(actor, Permission::Work)?;
            return Err(Problem::not_found("user", user));
        }
        let ix = self.user_named(user)?;
        if self.sight(actor).user(ix) { Ok(ix) } else { Err(Problem::not_found("user", user)) }
    }

    /// What an actor sees of the floor; the permission to look at all is another question.
    pub(super) fn sight(&self, actor: &Actor) -> Sight {
        let own = self.actor_ix(actor);
        let row = self.rows(actor).view;
        let groups = own.map(|ix| self.access_groups_of(ix)).unwrap_or_default();
        if let Some((users, queues)) = groups {
            return Sight::Some { users, queues };
        }
        let whole = |row: &Row| {
            row.reach != Reach::Team && Role::PEOPLE.iter().all(|role| row.roles.contains(role))
        };
        let mut users: BTreeSet<AgentIx> = own.into_iter().collect();
        match &row {
            Some(row) if whole(row) => return Sight::All,
            Some(row) if row.reach == Reach::Team => {
                let mates = own.map(|ix| self.team_mates(ix)).unwrap_or_default();
                users.extend(mates.into_iter().filter(|to| self.reaches(Some(row), own, *to)));
            }
            Some(row) => {
                let all = self.state.agents.iter().map(|agent| agent.ix);
                users.extend(all.filter(|to| self.reaches(Some(row), own, *to)));
            }
            None => {}
        }
        Sight::Some { users, queues: BTreeSet::new() }
    }

    /// What the access groups of a user leave of their sight; `None` when they are in none.
    fn access_groups_of(&self, ix: AgentIx) -> Option<(BTreeSet<AgentIx>, BTreeSet<QueueIx>)> {
        let user = &self.state.agent(ix).id;
        let groups = self.state.access_groups.values().filter_map(|item| item.value.as_ref());
        let mut groups =
            groups.filter(|group| group.members.iter().any(|member| **member == **user)).peekable();
        groups.peek()?;
        let (mut users, mut queues) = (BTreeSet::from([ix]), BTreeSet::new());
        for group in groups {
            users.extend(group.users.iter().filter_map(|u| self.derived.users.get(u.as_str())));
            queues.extend(group.queues.iter().filter_map(|q| self.derived.queues.get(q.as_str())));
        }
        Some((users, queues))
    }

    /// Whether a queue is in sight: all are, or somebody in sight is its member.
    pub(super) fn sees_queue(&self, sight: &Sight, queue: QueueIx) -> bool {
        match sight {
            Sight::All => true,
            Sight::Some { users, queues } => {
                let members = &self.state.queue(queue).members;
                queues.contains(&queue) || users.iter().any(|ix| members.contains(ix))
            }
        }
    }

    /// What a change of this object needs besides the family's permission.
    ///
    /// # Errors
    /// 403: nobody gives away, or changes in others, what they may not themselves; 409 `last_owner`.
    pub(super) fn may_put(
        &self,
        actor: &Actor,
        object: &ObjectRef,
        body: &Value,
        merge: bool,
    ) -> Result<(), Problem> {
        require(actor, to_change(object.kind))?;
        match object.kind {
            Kind::User => self.may_put_user(actor, &object.id, body, merge),
            Kind::Group => self.may_put_group(actor, &object.id, body, merge),
            Kind::Role => {
                let body = RoleBody::parse(body).ok();
                within(actor, body.map(|role| role.permissions).unwrap_or_default())
            }
            _ => Ok(()),
        }
    }

    fn may_put_user(
        &self,
        actor: &Actor,
        id: &str,
        body: &Value,
        merge: bool,
    ) -> Result<(), Problem> {
        let present = self.derived.users.get(id).map(|ix| self.state.agent(*ix));
        if let Some(agent) = present {
            self.may_end(actor, agent)?;
        }
        let said = body.get("role").and_then(Value::as_str);
        let role = match (said, present) {
            (Some(word), _) => Role::parse(word).unwrap_or(Role::Custom),
            (None, Some(agent)) if merge => agent.user.role,
            _ => Role::Agent,
        };
        let own = said.and_then(|id| self.state.roles.get(id)).and_then(|item| item.value.as_ref());
        within(actor, own.map_or_else(|| role.rights(), |role| role.permissions))?;
        owners_are_for_owners(actor, role)?;
        let stays = role == Role::Owner
            && body.get("state").and_then(Value::as_str).is_none_or(|state| state == "active");
        match present {
            Some(agent) if !stays => self.leaves_an_owner(agent),
            _ => Ok(()),
        }
    }

    /// An account without an owner is nobody's.
    fn leaves_an_owner(&self, without: &Agent) -> Result<(), Problem> {
        let owner = |agent: &&Agent| {
            agent.user.role == Role::Owner && agent.user.state == UserState::Active
        };
        let mut others = self.state.agents.iter().filter(|agent| agent.ix != without.ix);
        if without.user.role != Role::Owner || others.any(|agent| owner(&agent)) {
            return Ok(());
        }
        let detail = "the account would be left without an owner: make another one first";
        Err(Problem::conflict("last_owner", detail))
    }

    /// What a change of a user's role needs, as of one by itself.
    ///
    /// # Errors
    /// As of [`Engine::may_put`].
    pub(super) fn may_give_role(
        &self,
        actor: &Actor,
        agent: &Agent,
        role: Role,
    ) -> Result<(), Problem> {
        self.may_end(actor, agent)?;
        within(actor, role.rights())?;
        owners_are_for_owners(actor, role)?;
        let after = User { role, ..(*agent.user).clone() };
        if after.leads() && !agent.user.leads() && agent.teams.is_empty() {
            return Err(Problem::invalid(vec![super::people::without_team(role)]));
        }
        if role == Role::Owner { Ok(()) } else { self.leaves_an_owner(agent) }
    }

    /// What it needs to change somebody's rights, or to erase them.
    fn may_end(&self, actor: &Actor, agent: &Agent) -> Result<(), Problem> {
        within(actor, self.rights_of(agent))?;
        owners_are_for_owners(actor, agent.user.role)
    }

    /// What it needs to erase a user.
    ///
    /// # Errors
    /// 403, 404, or 409 `last_owner`.
    pub(super) fn may_erase(&self, actor: &Actor, user: &str) -> Result<(), Problem> {
        require(actor, Permission::Users)?;
        let agent = self.state.agent(self.user_named(user)?);
        self.may_end(actor, agent)?;
        self.leaves_an_owner(agent)
    }

    /// Who supervises a group is a right of its own (S3-24).
    fn may_put_group(
        &self,
        actor: &Actor,
        id: &str,
        body: &Value,
        merge: bool,
    ) -> Result<(), Problem> {
        let said = body.get("supervisors");
        let present = self.derived.queues.get(id).map(|ix| &self.state.queue(*ix).config);
        let present = json!(present.map(|queue| queue.supervisors.as_slice()).unwrap_or_default());
        let none = json!([]);
        let changed = match said {
            Some(said) => *said != present,
            None => !merge && present != none,
        };
        if changed { require(actor, Permission::Supervisors) } else { Ok(()) }
    }

    /// `GET …/rights/check`: whether a user may do something, to whom, and by which rule.
    pub(super) fn check_rights(
        &self,
        actor: &str,
        action: &str,
        subject: Option<&str>,
    ) -> Result<Answer, Problem> {
        let ix = self.user_named(actor)?;
        let agent = self.state.agent(ix);
        let role = self.role_of(agent);
        let to = subject.map(|user| self.user_named(user)).transpose()?;
        let who = Actor {
            name: agent.id.clone(),
            role: agent.user.role,
            user: Some(agent.id.clone()),
            switch: None,
            door: crate::domain::input::Door {
                rights: Some(self.rights_of(agent)),
                ..Default::default()
            },
        };
        let word = agent.user.custom_role.as_deref().unwrap_or(agent.user.role.word());
        let in_force = super::signing::may_come_in(agent);
        let (allowed, rule) = match (in_force, action, to) {
            (false, ..) => (false, format!("{actor} is deactivated or blocked")),
            (_, "monitor", Some(to)) if to == ix => (false, "nobody monitors oneself".to_owned()),
            (_, "monitor", Some(to)) => {
                (self.may_monitor(&who, to), self.told(word, "monitors", role.monitor.as_ref(), to))
            }
            (_, "view", Some(to)) if to == ix => (true, "everybody sees oneself".to_owned()),
            (_, "view", Some(to)) => {
                (self.sight(&who).user(to), self.told(word, "sees", role.view.as_ref(), to))
            }
            (_, "steer", Some(to)) => {
                (self.may_steer(&who, to), self.told(word, "monitors", role.monitor.as_ref(), to))
            }
            (_, action, _) => match Permission::parse(action) {
                Some(permission) => {
                    let has = role.permissions.has(permission);
                    let verb = if has { "has" } else { "has not" };
                    (has, format!("the role {word} {verb} the permission {action}"))
                }
                None => {
                    let detail = "must be view, monitor or steer (with a subject), or a permission";
                    let error =
                        crate::domain::problem::FieldError::new("action", "unknown_value", detail);
                    return Err(Problem::invalid(vec![error]));
                }
            },
        };
        Ok(Answer::Done {
            status: 200,
            version: None,
            body: json!({ "actor": actor, "action": action, "subject": subject,
                "allowed": allowed, "rule": rule }),
        })
    }

    /// A row of a matrix in words, and what it meets.
    fn told(&self, role: &str, verb: &str, row: Option<&Row>, to: AgentIx) -> String {
        let met = self.counts_as(self.state.agent(to));
        match row {
            None => format!("the role {role} {verb} nobody"),
            Some(Row { reach, roles }) => {
                let roles: Vec<&str> = roles.iter().map(|role| role.word()).collect();
                let roles = roles.join(", ");
                format!("the role {role} {verb}, by {reach}: {roles}; the other one is {met}")
            }
        }
    }

    /// Users whose rights a change of this role touches.
    pub(super) fn holders(&self, role: &str) -> Vec<Name> {
        let holds = |agent: &&Agent| agent.user.custom_role.as_deref() == Some(role);
        self.state.agents.iter().filter(holds).map(|agent| agent.id.clone()).collect()
    }

    /// Whether a role or access group may go.
    pub(super) fn check_role_unused(&self, id: &str) -> Result<(), Problem> {
        if Role::parse(id).is_some() {
            let detail = "a preset is not deleted";
            return Err(Problem::conflict("not_deletable", detail));
        }
        match self.holders(id).first() {
            Some(user) => Err(Problem::conflict("in_use", format!("{user} has this role"))),
            None => Ok(()),
        }
    }

    /// What the members of an access group must be (S4-05).
    pub(super) fn check_access_group(
        &self,
        group: &crate::domain::objects::role::AccessGroup,
        errors: &mut Vec<crate::domain::problem::FieldError>,
    ) {
        let fits =
            |role: Role| role.is_agent() || matches!(role, Role::CallManager | Role::ReportManager);
        for (i, user) in group.members.iter().enumerate() {
            let at = format!("/members/{i}");
            match self.derived.users.get(user.as_str()).map(|ix| self.state.agent(*ix)) {
                None => errors.push(directory::unknown(at, "user", user)),
                Some(agent) if !fits(self.counts_as(agent)) => {
                    let detail = "only agents, call managers and report managers can be members";
                    let error = crate::domain::problem::FieldError::new(at, "not_allowed", detail);
                    errors.push(error);
                }
                Some(_) => {}
            }
        }
        for (i, user) in group.users.iter().enumerate() {
            if !self.derived.users.contains(user.as_str()) {
                errors.push(directory::unknown(format!("/users/{i}"), "user", user));
            }
        }
        for (i, queue) in group.queues.iter().enumerate() {
            if !self.derived.queues.contains(queue.as_str()) {
                errors.push(directory::unknown(format!("/queues/{i}"), "queue", queue));
            }
        }
    }
}

/// Nobody gives away, or changes in others, what they may not themselves.
fn within(actor: &Actor, rights: Rights) -> Result<(), Problem> {
    match rights.beyond(actor.rights()) {
        Some(permission) => Err(Problem::forbidden(permission.word())),
        None => Ok(()),
    }
}

fn owners_are_for_owners(actor: &Actor, role: Role) -> Result<(), Problem> {
    if role == Role::Owner && actor.role != Role::Owner {
        return Err(Problem::forbidden("owner"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::input::Door;

    fn actor(role: Role) -> Actor {
        Actor {
            name: "k".into(),
            role,
            user: Some("usr_ann".into()),
            switch: Some("sw".into()),
            door: Door::default(),
        }
    }

    #[test]
    fn a_switchs_key_speaks_for_its_own_switch() {
        assert!(require_switch(&actor(Role::Switch), "sw").is_ok());
        assert!(require_switch(&actor(Role::Switch), "other").is_err());
        assert!(require_switch(&actor(Role::Agent), "sw").is_err());
        assert!(require_switch(&actor(Role::Owner), "any").is_ok());
    }

    #[test]
    fn scopes_narrow_a_role_and_widen_nothing() {
        let mut narrow = actor(Role::Administrator);
        narrow.door.scopes = Some(Rights::of(&[Permission::Skills, Permission::Work]));
        assert!(require(&narrow, Permission::Skills).is_ok());
        let refused = require(&narrow, Permission::Queues).map_err(|p| p.detail);
        assert!(refused.is_err_and(|detail| detail.contains("queues")));
        let mut agent = actor(Role::Agent);
        agent.door.scopes = Some(Rights::of(Permission::ALL));
        assert!(require(&agent, Permission::Skills).is_err());
        assert!(within(&narrow, Role::Agent.rights()).is_ok());
        assert!(within(&narrow, Role::Supervisor.rights()).is_err());
    }
}
