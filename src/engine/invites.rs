//! Invitations: users who may come in by a link, and are active from then on.

use super::Engine;
use super::permission::require;
use crate::domain::event::Event;
use crate::domain::ids::{AgentIx, Name};
use crate::domain::input::{Actor, Answer, Kind, ObjectRef};
use crate::domain::objects::User;
use crate::domain::objects::user::UserState;
use crate::domain::problem::{FieldError, Problem};
use crate::domain::rights::Permission;
use crate::domain::signing::LinkPurpose;
use crate::domain::time::Millis;
use serde_json::{Value, json};

impl Engine {
    /// The user with the e-mail of an invitation.
    pub(super) fn invited_as(&self, body: &Value) -> Option<AgentIx> {
        let email = body.get("email").and_then(Value::as_str)?;
        self.derived.emails.get(&email.to_lowercase())?.first().copied()
    }

    /// Invites somebody.
    pub(super) fn invite(
        &mut self,
        actor: &Actor,
        id: &str,
        body: &Value,
        (hash, until): (Name, Millis),
        mail: Option<String>,
    ) -> Result<Answer, Problem> {
        // Before anything is told of who is there.
        require(actor, Permission::Users)?;
        let known = self.invited_as(body);
        let id: Name = match known.map(|ix| self.state.agent(ix)) {
            None => id.into(),
            Some(agent) if agent.user.home.is_some() => {
                let detail = format!("{} is kept in another account: POST …/grants", agent.id);
                return Err(Problem::conflict("exists", detail));
            }
            Some(agent) if agent.user.state == UserState::Deactivated => agent.id.clone(),
            Some(agent) => {
                let detail = format!(
                    "{} has this e-mail and is {}: change that user, or make the link anew",
                    agent.id, agent.user.state
                );
                return Err(Problem::conflict("exists", detail));
            }
        };
        let object = ObjectRef { kind: Kind::User, parent: String::new(), id: id.to_string() };
        self.may_put(actor, &object, body, false)?;
        let user = self.invitee(&object, body)?;
        self.put_user(id.clone(), user, actor.name.clone());
        let Some(agent) = self.derived.users.get(&id).copied() else {
            return Err(Problem::not_found("user", &id));
        };
        let link = (LinkPurpose::Invite, hash, until);
        let mailed = self.make_link(agent, &actor.name, link, mail);
        Ok(Answer::Done {
            status: 201,
            version: None,
            body: json!({ "user": id, "again": known.is_some(), "mailed": mailed,
                "expires_at": until.rfc3339() }),
        })
    }

    /// The user that an invitation makes, or everything that is wrong with it.
    fn invitee(&self, object: &ObjectRef, body: &Value) -> Result<User, Problem> {
        let mut errors = Vec::new();
        for field in ["email", "first_name", "last_name", "role"] {
            if body.get(field).is_none_or(Value::is_null) {
                errors.push(FieldError::new(format!("/{field}"), "required", "must be said"));
            }
        }
        let user = match User::parse(body) {
            Ok(user) => Some(User { state: UserState::Invited, ..user }),
            Err(wrong) => {
                let told = |error: &FieldError| errors.iter().any(|e| e.pointer == error.pointer);
                let wrong: Vec<FieldError> = wrong.into_iter().filter(|e| !told(e)).collect();
                errors.extend(wrong);
                None
            }
        };
        if let Some(user) = &user {
            let email = user.personal.email.as_deref().unwrap_or_default().to_lowercase();
            let domain = email.rsplit_once('@').map(|(_, domain)| domain).unwrap_or_default();
            if self.state.account.refused_domains.iter().any(|refused| refused == domain) {
                let detail =
                    format!("nobody is invited at {domain}: use the organisation's address");
                errors.push(FieldError::new("/email", "personal_email_domain", detail));
            }
            self.check_user(object, user, &mut errors);
        }
        match user {
            Some(user) if errors.is_empty() => Ok(user),
            _ => Err(Problem::invalid(errors)),
        }
    }

    /// Takes an invitation back.
    pub(super) fn uninvite(&mut self, actor: &Actor, id: &str) -> Result<Answer, Problem> {
        require(actor, Permission::Users)?;
        let ix = self.door_of(actor, id)?;
        if self.state.agent(ix).user.state != UserState::Invited {
            return Err(Problem::not_found("invitation of", id));
        }
        if self.state.doors.links.contains_key(&ix) {
            self.drop_mail(ix);
            self.emit(Event::LinkEnded { agent: ix, used: false });
        }
        let user = User { state: UserState::Deactivated, ..self.whole_user(ix) };
        self.put_user(id.into(), user, actor.name.clone());
        Ok(Answer::Nothing)
    }

    /// Who is invited, by id.
    pub(super) fn invites(&self, limit: usize, after: Option<&str>) -> Value {
        let invited = self.state.agents.iter().filter(|a| a.user.state == UserState::Invited);
        let mut invited: Vec<_> =
            invited.filter(|a| after.is_none_or(|after| *a.id > *after)).collect();
        invited.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        let next = (invited.len() > limit).then(|| invited[limit - 1].id.clone());
        let shown = invited.iter().take(limit).map(|agent| {
            let values = self.vault.user(agent.personal);
            let link = self.state.doors.links.get(&agent.ix);
            json!({
                "user": agent.id,
                "name": values.and_then(|v| v.name.clone()),
                "email": values.and_then(|v| v.personal.email.clone()),
                "role": agent.user.custom_role.as_deref().unwrap_or(agent.user.role.word()),
                "expires_at": link.map(|link| link.until.rfc3339()),
                "mail": self.state.doors.mails.get(&agent.ix).map(|mail| mail.stage),
            })
        });
        json!({ "items": shown.collect::<Vec<_>>(), "next": next })
    }

    /// The moves of a user's life that a change of the user may make: who is invited becomes active
    /// by the link alone, and nobody is invited but by an invitation (S0-14).
    pub(super) fn check_state(&self, id: &str, wanted: UserState) -> Result<(), Problem> {
        let present = self.derived.users.get(id).map(|ix| self.state.agent(*ix).user.state);
        let refused = |detail: &str| Err(Problem::conflict("not_accepted", detail));
        match (present, wanted) {
            (Some(UserState::Invited), UserState::Active) => {
                refused("the user is invited: who uses the link is active (or say state: invited)")
            }
            (Some(UserState::Invited), _) => Ok(()),
            (_, UserState::Invited) => refused("POST …/invites invites somebody"),
            _ => Ok(()),
        }
    }

    /// Whether a link of this purpose opens anything for a user, as they are now.
    pub(super) fn may_use(&self, ix: AgentIx, purpose: LinkPurpose) -> bool {
        let agent = self.state.agent(ix);
        match purpose {
            LinkPurpose::Invite => agent.user.state == UserState::Invited && !agent.blocked,
            LinkPurpose::Reset => super::signing::may_come_in(agent),
        }
    }
}
