//! Signing in: passwords, one-time links and sessions of users. What was shown to be known is
//! checked by `access`; whether it opens anything is decided here, with everything else.

use super::Engine;
use super::mails::{self, Mail};
use super::permission::require;
use super::state::{Agent, State};
use crate::domain::event::{Event, PersonalKey};
use crate::domain::ids::{AgentIx, Name, SessionId};
use crate::domain::input::{Actor, Answer, Door};
use crate::domain::objects::User;
use crate::domain::objects::user::{Assignment, Role, UserKind, UserState};
use crate::domain::problem::Problem;
use crate::domain::rights::Permission;
use crate::domain::signing::{
    DoorChange, LinkPurpose, OpenSession, Origin, SessionEnd, SignCommand, SignQuery,
};
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Sessions of one user at most; with one more the oldest ends.
const MOST_SESSIONS: usize = 50;

/// What opens the door, by user.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Doors {
    /// The vault's rows of the hashes of passwords.
    pub passwords: BTreeMap<AgentIx, PersonalKey>,
    /// Open one-time links.
    pub links: BTreeMap<AgentIx, Link>,
    /// The mails of links.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mails: BTreeMap<AgentIx, Mail>,
    /// Sessions, in order of their making.
    pub sessions: BTreeMap<AgentIx, Vec<Session>>,
}

impl Doors {
    /// Whether nothing opens the door.
    pub fn is_empty(&self) -> bool {
        self.passwords.is_empty() && self.links.is_empty() && self.sessions.is_empty()
    }
}

/// A one-time link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// What for.
    pub purpose: LinkPurpose,
    /// Of its secret.
    pub hash: Name,
    /// It ends then.
    pub until: Millis,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Its number.
    pub id: SessionId,
    /// Of its token.
    pub hash: Name,
    /// When it was opened.
    pub opened_at: Millis,
    /// When it was last known to be used.
    pub seen_at: Millis,
    /// It ends then at the latest.
    pub until: Millis,
    /// … or when it was not used for so long.
    pub idle_ms: u64,
    /// The vault's row that says from where.
    pub origin: PersonalKey,
}

impl Session {
    fn is_over(&self, now: Millis) -> bool {
        now >= self.until || now >= self.seen_at.plus(self.idle_ms)
    }
}

/// Applies an event; answers whether it was one of these.
pub(super) fn evolve(state: &mut State, event: &Event) -> bool {
    let at = state.at;
    let doors = &mut state.doors;
    match event {
        Event::PasswordSet { agent, secret, .. } => {
            state.last_personal = state.last_personal.max(*secret);
            doors.passwords.insert(*agent, *secret);
        }
        Event::Asked { address, .. } => {
            state.last_personal = state.last_personal.max(address.unwrap_or_default());
        }
        Event::LinkMade { agent, purpose, hash, until, .. } => {
            let link = Link { purpose: *purpose, hash: hash.clone(), until: *until };
            doors.links.insert(*agent, link);
            doors.mails.remove(agent);
        }
        Event::LinkEnded { agent, .. } => {
            doors.links.remove(agent);
            doors.mails.remove(agent);
        }
        Event::MailQueued { secret, .. } => {
            state.last_personal = state.last_personal.max(*secret);
            return mails::evolve(doors, event);
        }
        Event::UserErased { agent, .. } => {
            doors.passwords.remove(agent);
            doors.mails.remove(agent);
            doors.links.remove(agent);
            // The rest of the event is the directory's.
            return false;
        }
        Event::SessionOpened { agent, session, hash, until, idle_ms, origin } => {
            state.last_personal = state.last_personal.max(*origin);
            doors.sessions.entry(*agent).or_default().push(Session {
                id: *session,
                hash: hash.clone(),
                opened_at: at,
                seen_at: at,
                until: *until,
                idle_ms: *idle_ms,
                origin: *origin,
            });
        }
        Event::SessionSeen { agent, session } => {
            let sessions = doors.sessions.get_mut(agent).into_iter().flatten();
            sessions.filter(|s| s.id == *session).for_each(|s| s.seen_at = at);
        }
        Event::SessionEnded { agent, session, .. } => {
            if let Some(sessions) = doors.sessions.get_mut(agent) {
                sessions.retain(|s| s.id != *session);
                if sessions.is_empty() {
                    doors.sessions.remove(agent);
                }
            }
        }
        _ => return mails::evolve(doors, event),
    }
    true
}

pub(super) fn signed_out() -> Problem {
    let detail = "sign in again: this session is over, or its user may not sign in any more";
    Problem::new(401, "unauthenticated", detail)
}

pub(super) fn done(body: Value) -> Answer {
    Answer::Done { status: 200, version: None, body }
}

impl Engine {
    /// Who acts, as of now: who signed in has the role that the user has, and nobody acts by a
    /// session or key of a user who may not come in.
    ///
    /// # Errors
    /// 401 `unauthenticated`.
    pub fn acting<'a>(&self, actor: &'a Actor) -> Result<Cow<'a, Actor>, Problem> {
        let Some(user) = &actor.user else { return Ok(Cow::Borrowed(actor)) };
        let agent = self.derived.users.get(user).map(|ix| self.state.agent(*ix));
        let agent = match (agent, actor.door.session) {
            (None, None) => return Ok(Cow::Borrowed(actor)),
            (None, Some(_)) => return Err(signed_out()),
            (Some(agent), _) => agent,
        };
        if !may_come_in(agent) {
            return Err(signed_out());
        }
        let Some(session) = actor.door.session else { return Ok(Cow::Borrowed(actor)) };
        if let Some(visit) = &actor.door.visit {
            return self.visiting(actor, visit, agent);
        }
        let sessions = self.state.doors.sessions.get(&agent.ix);
        if !sessions.into_iter().flatten().any(|s| s.id == session) {
            return Err(signed_out());
        }
        let rights = (agent.user.role == Role::Custom).then(|| self.rights_of(agent));
        let door = Door { rights, ..actor.door.clone() };
        Ok(Cow::Owned(Actor { role: agent.user.role, door, ..actor.clone() }))
    }

    /// Every open session, for the door's cache at a start.
    #[must_use]
    pub fn open_sessions(&self) -> Vec<OpenSession> {
        let all = self.state.doors.sessions.iter();
        all.flat_map(|(ix, sessions)| {
            let user = &self.state.agent(*ix).id;
            sessions.iter().map(|s| OpenSession {
                session: s.id,
                user: user.clone(),
                hash: s.hash.clone(),
                until: s.until,
                idle_ms: s.idle_ms,
                seen_at: s.seen_at,
            })
        })
        .collect()
    }

    /// Users who may not come in by any door.
    #[must_use]
    pub fn barred(&self) -> Vec<Name> {
        let barred = self.state.agents.iter().filter(|agent| !may_come_in(agent));
        barred.map(|agent| agent.id.clone()).collect()
    }

    /// Whether an owner of the account can sign in.
    fn has_owner(&self) -> bool {
        let doors = &self.state.doors.passwords;
        doors.keys().map(|ix| self.state.agent(*ix)).any(|a| a.user.role == Role::Owner)
    }

    /// How doors stand after these events.
    pub(super) fn doors_after(&self, events: &[Event]) -> Vec<DoorChange> {
        let standing = |agent: &Agent| DoorChange::Standing {
            user: agent.id.clone(),
            may: may_come_in(agent),
            home: agent.user.home.clone(),
        };
        let mut changes: Vec<DoorChange> = self.hooks_after(events).collect();
        for event in events {
            match event {
                Event::SessionOpened { agent, session, hash, until, idle_ms, .. } => {
                    changes.push(DoorChange::Opened(OpenSession {
                        session: *session,
                        user: self.state.agent(*agent).id.clone(),
                        hash: hash.clone(),
                        until: *until,
                        idle_ms: *idle_ms,
                        seen_at: self.state.at,
                    }));
                }
                Event::MailQueued { agent, .. } => {
                    changes.push(DoorChange::Mail { user: self.state.agent(*agent).id.clone() });
                }
                Event::SessionEnded { agent, session, .. } => {
                    let user = self.state.agent(*agent).id.clone();
                    changes.push(DoorChange::Ended { user, session: *session });
                }
                Event::BlockEnded { agent } | Event::UserErased { agent, .. } => {
                    changes.push(standing(self.state.agent(*agent)))
                }
                Event::UserPut { id, .. } => {
                    let agent = self.derived.users.get(id).map(|ix| self.state.agent(*ix));
                    changes.extend(agent.map(standing));
                }
                _ => {}
            }
        }
        let mut rights = self.derived.touched.rights.clone();
        rights.sort_unstable();
        rights.dedup();
        let rights = rights.into_iter().map(|ix| self.state.agent(ix).id.clone());
        changes.extend(rights.map(|user| DoorChange::Rights { user }));
        changes
    }

    pub(super) fn sign(&mut self, actor: &Actor, command: SignCommand) -> Result<Answer, Problem> {
        match command {
            SignCommand::SetPassword { user, hash, shown } => {
                self.set_password(actor, &user, hash, shown)
            }
            SignCommand::Invite { user, body, hash, until, mail } => {
                self.invite(actor, &user, &body, (hash, until), mail)
            }
            SignCommand::Mailed { user, secret, end } => {
                let ix = self.door_of(actor, &user)?;
                self.mailed(ix, secret, end)
            }
            SignCommand::Uninvite { user } => self.uninvite(actor, &user),
            SignCommand::Grant { user, home, role, person, .. } => {
                self.grant(actor, &user, home, &role, person)
            }
            SignCommand::Ungrant { user } => self.ungrant(actor, &user),
            SignCommand::Person { user, person, may } => self.person_is(actor, &user, &person, may),
            SignCommand::Tell { action, subject, changed } => {
                self.tell_of(actor, action, subject, changed);
                Ok(Answer::Nothing)
            }
            SignCommand::MakeLink { user, hash, until, mail } => {
                let ix = self.door_of(actor, &user)?;
                self.must_be_at_home(ix)?;
                let purpose = match self.state.agent(ix).user.state {
                    UserState::Invited => LinkPurpose::Invite,
                    UserState::Active | UserState::Deactivated => LinkPurpose::Reset,
                };
                if purpose == LinkPurpose::Reset {
                    self.must_come_in(ix)?;
                }
                let mailed = self.make_link(ix, &actor.name, (purpose, hash, until), mail);
                Ok(done(json!({ "user": user, "purpose": purpose, "mailed": mailed,
                    "expires_at": until.rfc3339() })))
            }
            SignCommand::UseLink { link, hash } => self.use_link(&link, hash),
            SignCommand::Open { user, shown, session, hash, until, idle_ms, origin } => {
                let ix = self.user_named(&user)?;
                if self.state.doors.passwords.get(&ix) != Some(&shown)
                    || !may_come_in(self.state.agent(ix))
                {
                    return Err(signed_out());
                }
                self.make_room(ix);
                let origin = self.origin_row(&origin);
                let opened =
                    Event::SessionOpened { agent: ix, session, hash, until, idle_ms, origin };
                self.emit(opened);
                let role = self.state.agent(ix).user.role;
                Ok(done(json!({ "id": session.to_string(), "user": user, "role": role,
                    "expires_at": until.rfc3339(), "idle_ms": idle_ms })))
            }
            SignCommand::Seen { user, session } => {
                if let Some(ix) = self.derived.users.get(user.as_str()).copied()
                    && self.session(ix, session).is_some()
                {
                    self.emit(Event::SessionSeen { agent: ix, session });
                }
                Ok(Answer::Nothing)
            }
            SignCommand::End { user, session } => {
                let ix = self.door_of(actor, &user)?;
                if self.session(ix, session).is_none() {
                    return Err(Problem::not_found("session", &session.to_string()));
                }
                self.end_session(ix, session, ended_by(actor, &user), Some(&actor.name));
                Ok(Answer::Nothing)
            }
            SignCommand::EndAll { user, keep } => {
                let ix = self.door_of(actor, &user)?;
                self.end_sessions(ix, keep, ended_by(actor, &user), Some(&actor.name));
                Ok(Answer::Nothing)
            }
        }
    }

    pub(super) fn sign_query(&self, actor: &Actor, query: SignQuery) -> Result<Answer, Problem> {
        match query {
            SignQuery::Secrets { email } => Ok(done(self.secrets(&email))),
            SignQuery::Secret { user } => {
                let ix = self.door_of(actor, &user)?;
                self.must_be_at_home(ix)?;
                let agent = self.state.agent(ix);
                let secret = self.state.doors.passwords.get(&ix).copied();
                let hash = secret.and_then(|key| self.vault.secret(key));
                Ok(done(json!({ "secret": secret, "hash": hash,
                    "own": actor.user.as_deref() == Some(user.as_str()),
                    "numeric": agent.user.kind == UserKind::Pbx })))
            }
            SignQuery::Me => Ok(done(json!({
                "name": actor.name,
                "role": actor.role,
                "user": actor.user,
                "switch": actor.switch,
                "permissions": actor.rights(),
            }))),
            SignQuery::Letter { user } => Ok(self.letter(self.door_of(actor, &user)?)),
            SignQuery::Place { user } => {
                let ix = self.door_of(actor, &user)?;
                Ok(done(self.place_json(ix)))
            }
            SignQuery::HasOwner => Ok(done(json!({ "has_owner": self.has_owner() }))),
            SignQuery::Link { hash } => {
                let (ix, link) = self.link(&hash)?;
                let agent = self.state.agent(ix);
                let values = self.vault.user(agent.personal);
                Ok(done(json!({
                    "user": agent.id,
                    "name": values.and_then(|v| v.name.clone()),
                    "email": values.and_then(|v| v.personal.email.clone()),
                    "purpose": link.purpose,
                    "expires_at": link.until.rfc3339(),
                    "numeric": agent.user.kind == UserKind::Pbx,
                })))
            }
            SignQuery::Invites { limit, after } => {
                require(actor, Permission::Users)?;
                Ok(done(self.invites(limit, after.as_deref())))
            }
            SignQuery::Sessions { user } => {
                let ix = self.door_of(actor, &user)?;
                let now = self.state_now();
                let sessions = self.state.doors.sessions.get(&ix).into_iter().flatten();
                let open = sessions.filter(|s| !s.is_over(now));
                let items: Vec<Value> =
                    open.map(|s| self.session_json(&user, s, actor.door.session)).collect();
                Ok(done(json!({ "items": items, "next": null })))
            }
        }
    }

    fn session_json(&self, user: &str, session: &Session, own: Option<SessionId>) -> Value {
        let origin = self.vault.secret(session.origin);
        let origin: Origin =
            origin.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        json!({
            "id": session.id.to_string(),
            "user": user,
            "current": own == Some(session.id),
            "created_at": session.opened_at.rfc3339(),
            "seen_at": session.seen_at.rfc3339(),
            "expires_at": session.until.rfc3339(),
            "idle_ms": session.idle_ms,
            "from": origin.from,
            "program": origin.program,
        })
    }

    /// Who has this e-mail, a password, and may come in.
    fn secrets(&self, email: &str) -> Value {
        let owners = self.derived.emails.get(&email.to_lowercase());
        let found = owners.into_iter().flatten().filter_map(|ix| {
            let agent = self.state.agent(*ix);
            let secret = *self.state.doors.passwords.get(ix)?;
            let hash = self.vault.secret(secret)?;
            may_come_in(agent).then(|| json!({ "user": agent.id, "secret": secret, "hash": hash }))
        });
        json!({ "items": found.collect::<Vec<_>>() })
    }

    /// A user whose door the actor may see to: their own, or anybody's with the right; an owner's
    /// is seen to by owners only.
    pub(super) fn door_of(&self, actor: &Actor, user: &str) -> Result<AgentIx, Problem> {
        if actor.user.as_deref() == Some(user) {
            return self.user_named(user);
        }
        if !actor.may(Permission::Users) {
            require(actor, Permission::Work)?;
            return Err(Problem::not_found("user", user));
        }
        let ix = self.user_named(user)?;
        let agent = self.state.agent(ix);
        if let Some(beyond) = self.rights_of(agent).beyond(actor.rights()) {
            return Err(Problem::forbidden(beyond.word()));
        }
        if agent.user.role == Role::Owner && actor.role != Role::Owner {
            return Err(Problem::forbidden("owner"));
        }
        Ok(ix)
    }

    fn must_come_in(&self, ix: AgentIx) -> Result<(), Problem> {
        let agent = self.state.agent(ix);
        if may_come_in(agent) {
            return Ok(());
        }
        let detail = format!("{} is deactivated or blocked; change that first", agent.id);
        Err(Problem::conflict("not_active", detail))
    }

    fn set_password(
        &mut self,
        actor: &Actor,
        user: &str,
        hash: String,
        shown: Option<PersonalKey>,
    ) -> Result<Answer, Problem> {
        let ix = self.door_of(actor, user)?;
        self.must_be_at_home(ix)?;
        let own = actor.user.as_deref() == Some(user);
        if own && self.state.doors.passwords.get(&ix).copied() != shown {
            let detail = "the password has changed meanwhile; send the present one as current";
            return Err(Problem::conflict("changed_meanwhile", detail));
        }
        self.put_password(ix, hash, &actor.name);
        self.end_sessions(ix, actor.door.session, SessionEnd::Password, Some(&actor.name));
        if self.state.doors.links.contains_key(&ix) {
            self.drop_mail(ix);
            self.emit(Event::LinkEnded { agent: ix, used: false });
        }
        Ok(Answer::Nothing)
    }

    /// The new hash stands in the vault under a new key; the old row is erased with the record.
    fn put_password(&mut self, ix: AgentIx, hash: String, by: &Name) {
        let old = self.state.doors.passwords.get(&ix).copied();
        let secret = self.state.last_personal + 1;
        self.vault.put_secret(secret, hash);
        self.emit(Event::PasswordSet { agent: ix, by: by.clone(), secret });
        if let Some(old) = old {
            self.vault.erase(old);
        }
    }

    fn origin_row(&mut self, origin: &Origin) -> PersonalKey {
        let key = self.state.last_personal + 1;
        self.vault.put_secret(key, serde_json::to_string(origin).unwrap_or_default());
        key
    }

    /// An open link by its hash.
    fn link(&self, hash: &str) -> Result<(AgentIx, &Link), Problem> {
        let now = self.state_now();
        let found = self.state.doors.links.iter().find(|(_, link)| *link.hash == *hash);
        match found.filter(|(_, link)| now < link.until) {
            Some((ix, link)) if self.may_use(*ix, link.purpose) => Ok((*ix, link)),
            _ => Err(Problem::new(
                410,
                "link_over",
                "this link was used, replaced by a newer one, or is too old; ask for another",
            )),
        }
    }

    fn use_link(&mut self, link: &str, hash: String) -> Result<Answer, Problem> {
        let (ix, link) = self.link(link)?;
        let purpose = link.purpose;
        let user = self.state.agent(ix).id.clone();
        self.put_password(ix, hash, &user);
        self.drop_mail(ix);
        self.emit(Event::LinkEnded { agent: ix, used: true });
        if purpose == LinkPurpose::Invite {
            let mut accepted = User { state: UserState::Active, ..self.whole_user(ix) };
            // Whose role needs a team waits for one (X7).
            if accepted.leads() && self.state.agent(ix).teams.is_empty() {
                accepted.assignment = Assignment::Pending;
            }
            self.put_user(user.clone(), accepted, user.clone());
        }
        self.end_sessions(ix, None, SessionEnd::Password, None);
        Ok(done(json!({ "user": user, "purpose": purpose })))
    }

    fn session(&self, ix: AgentIx, id: SessionId) -> Option<&Session> {
        self.state.doors.sessions.get(&ix)?.iter().find(|s| s.id == id)
    }

    fn end_session(&mut self, ix: AgentIx, id: SessionId, cause: SessionEnd, by: Option<&Name>) {
        if let Some(origin) = self.session(ix, id).map(|s| s.origin) {
            self.vault.erase(origin);
        }
        self.emit(Event::SessionEnded { agent: ix, session: id, cause, by: by.cloned() });
    }

    /// Ends all sessions of a user but one.
    pub(super) fn end_sessions(
        &mut self,
        ix: AgentIx,
        keep: Option<SessionId>,
        cause: SessionEnd,
        by: Option<&Name>,
    ) {
        let sessions = self.state.doors.sessions.get(&ix).into_iter().flatten();
        let ending: Vec<SessionId> =
            sessions.map(|s| s.id).filter(|id| Some(*id) != keep).collect();
        for id in ending {
            self.end_session(ix, id, cause, by);
        }
    }

    /// Those that are over go, and of too many the oldest.
    fn make_room(&mut self, ix: AgentIx) {
        let now = self.state_now();
        let sessions = self.state.doors.sessions.get(&ix).into_iter().flatten();
        let (over, open): (Vec<_>, Vec<_>) =
            sessions.map(|s| (s.id, s.is_over(now))).partition(|(_, over)| *over);
        for (id, _) in over {
            self.end_session(ix, id, SessionEnd::Expired, None);
        }
        let too_many = (open.len() + 1).saturating_sub(MOST_SESSIONS);
        for (id, _) in open.into_iter().take(too_many) {
            self.end_session(ix, id, SessionEnd::Crowded, None);
        }
    }

    /// Sessions whose time is over go: once a day.
    pub(super) fn sweep_sessions(&mut self) {
        let now = self.state_now();
        let all = self.state.doors.sessions.iter();
        let over = |sessions: &[Session]| -> Vec<SessionId> {
            sessions.iter().filter(|s| s.is_over(now)).map(|s| s.id).collect()
        };
        let over: Vec<(AgentIx, Vec<SessionId>)> =
            all.map(|(ix, sessions)| (*ix, over(sessions))).collect();
        for (ix, sessions) in over {
            for id in sessions {
                self.end_session(ix, id, SessionEnd::Expired, None);
            }
        }
    }

    /// The vault's rows of secrets: hashes of passwords, and where sessions came from.
    pub(super) fn secret_rows(&self) -> Vec<PersonalKey> {
        let doors = &self.state.doors;
        let origins = doors.sessions.values().flatten().map(|s| s.origin);
        let mails = doors.mails.values().filter_map(|mail| mail.secret);
        let imports = self.state.imports.values().filter(|i| !i.undone).map(|i| i.secret);
        doors.passwords.values().copied().chain(mails).chain(origins).chain(imports).collect()
    }
}

fn ended_by(actor: &Actor, user: &str) -> SessionEnd {
    if actor.user.as_deref() == Some(user) { SessionEnd::SignedOut } else { SessionEnd::Revoked }
}

/// Whether a user may come in, by whatever door.
pub(super) fn may_come_in(agent: &Agent) -> bool {
    agent.user.state == UserState::Active && !agent.user.archived && !agent.blocked
}
