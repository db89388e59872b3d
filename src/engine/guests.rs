//! People with a role here whose home is another account. The grant *is* a user of this account,
//! with `home`: so that everything that holds of users (a role, a place in routing, rights, audit,
//! the end of all this in one record) holds of it, and the two accounts' journals need not know of
//! each other. What is the person's own (name, e-mail, picture, password) stays at home; a copy of
//! the profile stands in this account's vault, and the node brings each change of it over.

use super::Engine;
use super::permission::require;
use super::signing::{may_come_in, signed_out};
use super::state::Agent;
use crate::domain::ids::{AgentIx, Name};
use crate::domain::input::{Actor, Answer, Command, Door, Kind, ObjectRef, Precondition};
use crate::domain::objects::User;
use crate::domain::objects::user::{Home, Personal, Role, SHARED, UserState, Visit};
use crate::domain::problem::{FieldError, Problem};
use crate::domain::rights::Permission;
use crate::domain::signing::{SessionEnd, SignCommand};
use serde_json::{Value, json};
use std::borrow::Cow;

/// A person as their home knows them.
pub struct AtHome {
    /// The profile; the names are gone when it was erased.
    pub person: Personal,
    /// Whether they may come in.
    pub may: bool,
    /// Where they are kept, if not here.
    pub home: Option<Home>,
}

impl Engine {
    /// Who acts by a session of another account. That it is open the door has seen; the place here
    /// may have ended, or be another's, since.
    pub(super) fn visiting<'a>(
        &self,
        actor: &'a Actor,
        visit: &Visit,
        agent: &Agent,
    ) -> Result<Cow<'a, Actor>, Problem> {
        if agent.user.home.as_ref() != Some(&visit.home) {
            return Err(signed_out());
        }
        let (role, rights) = match agent.user.role {
            _ if visit.agency => (Role::Administrator, None),
            Role::Custom => (Role::Custom, Some(self.rights_of(agent))),
            role => (role, None),
        };
        let door = Door { rights, ..actor.door.clone() };
        Ok(Cow::Owned(Actor { role, door, ..actor.clone() }))
    }

    /// The e-mail that a command would bring into this account, if the actor may.
    #[must_use]
    pub fn brings_email(&self, actor: &Actor, command: &Command) -> Option<String> {
        let body = match command {
            Command::Put { object, body, .. } if object.kind == Kind::User => body,
            Command::Sign(command) => match &**command {
                SignCommand::Invite { body, .. } => body,
                _ => return None,
            },
            _ => return None,
        };
        let email = body.get("email")?.as_str()?.to_lowercase();
        let actor = self.acting(actor).ok()?;
        let is_new = actor.may(Permission::Users) && self.derived.emails.get(&email).is_none();
        is_new.then_some(email)
    }

    /// The user with this e-mail; first of all one whose home this is.
    #[must_use]
    pub fn person(&self, email: &str) -> Option<(Name, Option<Home>)> {
        let found = self.derived.emails.get(&email.to_lowercase())?;
        let found = found.iter().map(|ix| self.state.agent(*ix));
        let agent = found.min_by_key(|agent| agent.user.home.is_some())?;
        Some((agent.id.clone(), agent.user.home.clone()))
    }

    /// A person whose home this may be.
    #[must_use]
    pub fn at_home(&self, user: &str) -> Option<AtHome> {
        let agent = self.state.agent(*self.derived.users.get(user)?);
        let person = self.vault.user(agent.personal).map(|v| v.personal.clone());
        let person = person.unwrap_or_default();
        Some(AtHome { person, may: may_come_in(agent), home: agent.user.home.clone() })
    }

    /// Users here whose home is elsewhere.
    pub fn guests(&self) -> impl Iterator<Item = (Home, Name)> {
        let guests = self.state.agents.iter();
        guests.filter_map(|agent| Some((agent.user.home.clone()?, agent.id.clone())))
    }

    /// Whether a user is an administrator, or more, now.
    #[must_use]
    pub fn is_administrator(&self, user: &str) -> bool {
        let agent = self.derived.users.get(user).map(|ix| self.state.agent(*ix));
        agent.is_some_and(|agent| {
            matches!(agent.user.role, Role::Administrator | Role::Owner) && may_come_in(agent)
        })
    }

    /// Whether the actor may give people of other accounts a role here.
    ///
    /// # Errors
    /// 401, 403.
    pub fn may_grant(&self, actor: &Actor) -> Result<(), Problem> {
        let actor = self.acting(actor)?;
        require(actor.as_ref(), Permission::Users)
    }

    /// The user that a person is here.
    pub(super) fn guest_of(&self, home: &Home) -> Option<AgentIx> {
        let found = self.state.agents.iter().find(|agent| agent.user.home.as_ref() == Some(home));
        found.map(|agent| agent.ix)
    }

    pub(super) fn grant(
        &mut self,
        actor: &Actor,
        id: &str,
        home: Home,
        role: &str,
        person: Option<Box<Personal>>,
    ) -> Result<Answer, Problem> {
        require(actor, Permission::Users)?;
        let person = person.ok_or_else(|| Problem::not_found("user", &home.user))?;
        let known = self.guest_of(&home);
        if let Some(agent) = known.map(|ix| self.state.agent(ix))
            && may_come_in(agent)
        {
            let (id, role) = (&agent.id, agent.user.role);
            let detail = format!("{id} is this person, with the role {role}: change that user");
            return Err(Problem::conflict("exists", detail));
        }
        let id = match known {
            Some(ix) => self.state.agent(ix).id.to_string(),
            None => id.to_owned(),
        };
        let said = json!({ "role": role });
        let object = ObjectRef { kind: Kind::User, parent: String::new(), id: id.clone() };
        self.may_put(actor, &object, &said, true)?;
        let mut user = match known {
            Some(ix) => self.whole_user(ix),
            None => User::parse(&json!({ "first_name": "-", "last_name": "-" }))
                .map_err(Problem::invalid)?,
        };
        user.personal = user.personal.with_shared(&person);
        user.home = Some(home);
        let mut body = user.to_json();
        body["role"] = json!(role);
        body["state"] = json!("active");
        let user = User::parse(&body).map_err(Problem::invalid)?;
        let mut errors = Vec::new();
        self.check_user(&object, &user, &mut errors);
        if !errors.is_empty() {
            return Err(Problem::invalid(errors));
        }
        self.check_life(&id, &user)?;
        self.put_user(id.as_str().into(), user, actor.name.clone());
        let body = match self.derived.users.get(id.as_str()) {
            Some(ix) => self.place_json(*ix),
            None => Value::Null,
        };
        Ok(Answer::Done { status: 201, version: None, body })
    }

    /// The person's place here is over: the user stays, deactivated, with id and history.
    pub(super) fn ungrant(&mut self, actor: &Actor, user: &str) -> Result<Answer, Problem> {
        require(actor, Permission::Users)?;
        let missing = || Problem::not_found("grant", user);
        let ix = self.user_named(user).map_err(|_| missing())?;
        if self.state.agent(ix).user.home.is_none() {
            return Err(missing());
        }
        let body = json!({ "state": "deactivated" });
        let object = ObjectRef { kind: Kind::User, parent: String::new(), id: user.to_owned() };
        self.may_put(actor, &object, &body, true)?;
        self.put(&object, &body, true, Precondition::None, false, &actor.name)?;
        Ok(Answer::Nothing)
    }

    /// How it stands with a person at home has changed.
    pub(super) fn person_is(
        &mut self,
        actor: &Actor,
        user: &str,
        person: &Personal,
        may: bool,
    ) -> Result<Answer, Problem> {
        let ix = self.user_named(user)?;
        let before = self.whole_user(ix);
        let personal = before.personal.clone().with_shared(person);
        let mut after = User { personal, ..before.clone() };
        // Erased at home: nobody is left to come here.
        if person.first_name.is_none() {
            after.state = UserState::Deactivated;
        }
        if after != before {
            self.put_user(user.into(), after, actor.name.clone());
        }
        if !may {
            self.leave_by_directory(ix);
            self.end_sessions(ix, None, SessionEnd::Directory, None);
        }
        Ok(Answer::Nothing)
    }

    /// A user's place here, for the list of a person's places.
    pub(super) fn place_json(&self, ix: AgentIx) -> Value {
        let agent = self.state.agent(ix);
        json!({
            "user": agent.id,
            "role": agent.user.custom_role.as_deref().unwrap_or(agent.user.role.word()),
            "state": agent.user.state,
            "may_come_in": may_come_in(agent),
            "home": agent.user.home,
        })
    }

    /// Passwords and links are the originating account's to see to.
    pub(super) fn must_be_at_home(&self, ix: AgentIx) -> Result<(), Problem> {
        match &self.state.agent(ix).user.home {
            Some(home) => Err(kept_elsewhere("password", home)),
            None => Ok(()),
        }
    }

    /// The body of a user with what stands fast of who is kept elsewhere: it may be left out, and
    /// said, but not changed (seed S4-17).
    pub(super) fn with_home(&self, object: &ObjectRef, mut body: Value) -> Result<Value, Problem> {
        if object.kind != Kind::User {
            return Ok(body);
        }
        let present = self.derived.users.get(object.id.as_str());
        let home = present.and_then(|ix| self.state.agent(*ix).user.home.clone());
        let said = body.get("home").filter(|home| !home.is_null());
        if said.is_some() && said != home.as_ref().map(Home::to_json).as_ref() {
            let detail = "is given by POST …/grants and never changes";
            return Err(Problem::invalid(vec![FieldError::new("/home", "not_allowed", detail)]));
        }
        let (Some(home), Some(ix), Value::Object(fields)) = (home, present, &mut body) else {
            return Ok(body);
        };
        let Value::Object(mut kept) = self.whole_user(*ix).to_json() else { return Ok(body) };
        for name in SHARED {
            let value = kept.remove(name).unwrap_or_default();
            match fields.get(name) {
                Some(said) if *said != value => return Err(kept_elsewhere(name, &home)),
                _ => _ = fields.insert(name.to_owned(), value),
            }
        }
        fields.insert("home".to_owned(), home.to_json());
        Ok(body)
    }
}

fn kept_elsewhere(what: &str, home: &Home) -> Problem {
    let Home { account, user } = home;
    let detail = format!(
        "this person's {what} is kept in the account {account}, as {user}: changed there, by that \
         account or its agency"
    );
    Problem::new(403, "kept_elsewhere", detail)
}
