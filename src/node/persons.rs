//! People who have places in several accounts: the node's part. All accounts are decided in one
//! task, so that what one of them must know of another is looked up there, at that instant.

use crate::access::Identity;
use crate::domain::event::Changed;
use crate::domain::ids::Name;
use crate::domain::input::{Actor, Command, Door, Input, Kind};
use crate::domain::objects::user::{Home, Role, Visit};
use crate::domain::problem::Problem;
use crate::domain::rights::Permission;
use crate::domain::signing::{DoorChange, SignCommand, SignQuery};
use crate::engine::{AtHome, Engine};
use crate::node::agencies;
use crate::node::clock::Ticks;
use crate::node::handle::{Handle, entropy, mismatch};
use crate::node::inbox::Inbox;
use crate::node::registry::{self, FIRST_ACCOUNT};
use crate::node::signing::node;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

/// Accounts in which one e-mail is tried at a sign-in at most.
const MOST_HOMES: usize = 5;

/// Who has places in other accounts than their own, as the engines have it.
#[derive(Default)]
pub(super) struct Persons {
    /// By the account's place in the inbox's table, the user there.
    places: BTreeMap<Home, BTreeMap<usize, Name>>,
    /// Whose home has news.
    moved: BTreeSet<Home>,
}

impl Persons {
    /// An account with its guests.
    pub fn fill(&mut self, slot: usize, engine: &Engine) {
        for (home, user) in engine.guests() {
            self.places.entry(home).or_default().insert(slot, user);
        }
    }

    /// What a record says of people.
    pub fn note(&mut self, slot: usize, account: &Name, changes: &[DoorChange]) {
        for change in changes {
            match change {
                DoorChange::Standing { user, home: Some(home), .. } => {
                    let places = self.places.entry(home.clone()).or_default();
                    places.insert(slot, user.clone());
                }
                DoorChange::Standing { user, home: None, .. } if !self.places.is_empty() => {
                    let home = Home { account: account.clone(), user: user.clone() };
                    if self.places.contains_key(&home) {
                        self.moved.insert(home);
                    }
                }
                _ => {}
            }
        }
    }
}

impl Inbox {
    /// After a start everybody is looked at: a profile may have changed just before the end.
    pub fn recall_persons(&mut self) {
        self.persons.moved = self.persons.places.keys().cloned().collect();
        self.bring_persons();
    }

    /// What has changed of people at home is brought to their places elsewhere.
    pub fn bring_persons(&mut self) {
        while let Some(home) = self.persons.moved.pop_first() {
            let places = self.persons.places.get(&home).cloned().unwrap_or_default();
            let Some(AtHome { person, may, .. }) = self.at_home(&home) else { continue };
            for (slot, user) in places {
                let (user, person) = (user.to_string(), Box::new(person.clone()));
                let command = Command::Sign(Box::new(SignCommand::Person { user, person, may }));
                let input = Input::Command { actor: node(), command };
                let (_, commit) = self.decide(slot, self.shared.ticks(), input);
                self.send(commit);
            }
        }
    }

    fn at_home(&self, home: &Home) -> Option<AtHome> {
        self.runs[self.slot(&home.account).ok()?].engine.at_home(&home.user)
    }

    /// The input with what it needs of other accounts.
    ///
    /// # Errors
    /// 409 `existing_user`: the e-mail of a new user is known elsewhere; 404 for a person who is to
    /// get a place here and is not there, or has another e-mail.
    pub fn with_persons(&self, slot: usize, input: Input) -> Result<Input, Problem> {
        let Input::Command { actor, mut command } = input else { return Ok(input) };
        let engine = &self.runs[slot].engine;
        if self.runs.len() > 1 {
            self.look_through(engine, &actor, &mut command)?;
        }
        let brings = match &command {
            Command::Put { object, .. } if object.kind == Kind::User && self.runs.len() > 1 => true,
            Command::Sign(command) => match &**command {
                SignCommand::Invite { .. } => true,
                SignCommand::Grant { .. } => {
                    engine.may_grant(&actor)?;
                    let command = self.with_person(slot, command)?;
                    return Ok(Input::Command { actor, command: Command::Sign(Box::new(command)) });
                }
                _ => false,
            },
            _ => false,
        };
        if brings
            && let Some(email) = engine.brings_email(&actor, &command)
            && let Some(home) = self.home_of(&email)
        {
            return Err(existing_user(home));
        }
        Ok(Input::Command { actor, command })
    }

    /// The users whom a file or a document would make: of a file each row is refused by itself.
    fn look_through(
        &self,
        engine: &Engine,
        actor: &Actor,
        command: &mut Command,
    ) -> Result<(), Problem> {
        let may = |needed| engine.acting(actor).is_ok_and(|actor| actor.may(needed));
        let elsewhere = |body: &Value| {
            let email = body["email"].as_str()?;
            if engine.person(email).is_some() {
                return None;
            }
            self.home_of(email).map(existing_user)
        };
        match command {
            Command::Import(import) if may(Permission::Users) => {
                for row in &mut import.rows {
                    row.elsewhere = elsewhere(&row.body);
                }
            }
            Command::Apply { document, .. } if may(Permission::Account) => {
                let users = document.entries.iter().filter(|e| e.object.kind == Kind::User);
                // Who stands there already with another e-mail is told by the engine.
                let new = users.filter(|e| e.body["home"].is_null());
                if let Some(problem) = new.filter_map(|e| elsewhere(&e.body)).next() {
                    return Err(problem);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Where an e-mail is known, on the whole node.
    fn home_of(&self, email: &str) -> Option<Home> {
        self.runs.iter().find_map(|run| {
            let (user, home) = run.engine.person(email)?;
            Some(home.unwrap_or_else(|| Home { account: run.name.clone(), user }))
        })
    }

    fn with_person(&self, slot: usize, command: &SignCommand) -> Result<SignCommand, Problem> {
        let SignCommand::Grant { user, home, email, role, .. } = command else {
            return Ok(command.clone());
        };
        let missing = || Problem::not_found("user with this e-mail", &home.user);
        let home = self.really(home).ok_or_else(missing)?;
        let known = self.at_home(&home).ok_or_else(missing)?;
        let same = |kept: &str| kept.to_lowercase() == email.to_lowercase();
        if !known.person.email.as_deref().is_some_and(same)
            || self.slot(&home.account).is_ok_and(|at| at == slot)
        {
            return Err(missing());
        }
        // The id that they have at home, where it is free.
        let own = self.runs[slot].engine.at_home(&home.user).is_none();
        let user = if own { home.user.to_string() } else { user.clone() };
        let (email, role) = (email.clone(), role.clone());
        Ok(SignCommand::Grant { user, home, email, role, person: Some(Box::new(known.person)) })
    }

    /// Where a person is kept who is named by any of their places.
    fn really(&self, named: &Home) -> Option<Home> {
        let known = self.at_home(named)?;
        Some(known.home.unwrap_or_else(|| named.clone()))
    }

    /// A command of the registry, with what it needs of the accounts.
    pub fn of_persons(&self, command: registry::Command) -> registry::Command {
        let registry::Command::Agency(agencies::Command::Add { id, who, .. }) = command else {
            return command;
        };
        let who = self.really(&who).unwrap_or(who);
        let mut places: Vec<(usize, Name)> =
            self.slot(&who.account).map(|slot| (slot, who.user.clone())).into_iter().collect();
        places.extend(self.persons.places.get(&who).cloned().unwrap_or_default());
        let administers =
            places.iter().filter(|(slot, user)| self.runs[*slot].engine.is_administrator(user));
        let administers = administers.map(|(slot, _)| self.runs[*slot].name.clone()).collect();
        registry::Command::Agency(agencies::Command::Add { id, who, administers })
    }

    /// The accounts in which somebody with an e-mail may be at home.
    pub fn who_has(&self, email: &str, account: Option<&Name>) -> Vec<Name> {
        let at_home = |slot: usize| {
            let run = &self.runs[slot];
            let (_, home) = run.engine.person(email)?;
            Some(home.map_or_else(|| run.name.clone(), |home| home.account))
        };
        if let Some(account) = account {
            return self.slot(account).ok().and_then(at_home).into_iter().collect();
        }
        let first = self.slot(FIRST_ACCOUNT).ok();
        let slots = first.into_iter().chain((0..self.runs.len()).filter(|s| Some(*s) != first));
        let mut found: Vec<Name> = Vec::new();
        for account in slots.filter_map(at_home) {
            if !found.contains(&account) && found.len() < MOST_HOMES {
                found.push(account);
            }
        }
        found
    }

    /// Puts on the record of the asker's account what the registry has decided. It goes before the
    /// node's own record: what was done is never untold, should the end come between the two.
    pub fn tell(&mut self, received: Ticks, actor: &Actor, home: &str, events: &[registry::Event]) {
        let Ok(slot) = self.slot(home) else { return };
        let told: Vec<_> = events.iter().filter_map(|event| self.told(event)).collect();
        for (action, subject, changed) in told {
            let tell = SignCommand::Tell { action: action.into(), subject, changed };
            let command = Command::Sign(Box::new(tell));
            let input = Input::Command { actor: actor.clone(), command };
            let (_, commit) = self.decide(slot, received, input);
            self.send(commit);
        }
    }

    fn told(&self, event: &registry::Event) -> Option<(&'static str, Name, Vec<Changed>)> {
        let changed = |before: Value, after: Value| {
            let names: Vec<String> = [&before, &after]
                .iter()
                .filter_map(|value| value.as_object())
                .flat_map(|fields| fields.keys().cloned())
                .collect::<BTreeSet<String>>()
                .into_iter()
                .collect();
            let field =
                |value: &Value, name: &str| value.get(name).cloned().filter(|v| !v.is_null());
            let each = names.into_iter().map(|name| Changed {
                before: field(&before, &name),
                after: field(&after, &name),
                field: name.into(),
            });
            each.filter(|changed| changed.before != changed.after).collect::<Vec<_>>()
        };
        let view = |key: &crate::access::Key| {
            let mut view = serde_json::to_value(key.view()).unwrap_or_default();
            if let Value::Object(fields) = &mut view {
                fields.remove("id");
                fields.remove("created_at");
            }
            view
        };
        Some(match event {
            registry::Event::KeyIssued { key, .. } => {
                ("key.issue", key.id.to_string().into(), changed(Value::Null, view(key)))
            }
            registry::Event::KeyRevoked { id, .. } => {
                let key = self.registry.keys().find(|key| key.id == *id)?;
                ("key.revoke", id.to_string().into(), changed(view(key), Value::Null))
            }
            registry::Event::AccountCreated { name, .. } => {
                ("account.found", name.clone(), Vec::new())
            }
            registry::Event::Agency(event) => match event {
                agencies::Event::Put { id, name, accounts, .. } => {
                    let before = self.registry.agencies().shown(id);
                    let after = json!({ "name": name, "accounts": accounts });
                    ("agency.put", id.clone(), changed(before, after))
                }
                agencies::Event::Added { id, who, .. } => {
                    let after = json!({ "administrator": who.to_json() });
                    ("agency.add", id.clone(), changed(Value::Null, after))
                }
                agencies::Event::Removed { id, who, .. } => {
                    let before = json!({ "administrator": who.to_json() });
                    ("agency.remove", id.clone(), changed(before, Value::Null))
                }
            },
        })
    }
}

fn existing_user(home: Home) -> Problem {
    let detail = format!(
        "somebody with this e-mail is {} in the account {}: give that person access with POST …/grants",
        home.user, home.account
    );
    Problem { existing_user: Some(Box::new(home)), ..Problem::conflict("existing_user", detail) }
}

/// A place that somebody of another account is to have.
pub struct Wish {
    /// Who.
    pub home: Home,
    /// Their e-mail.
    pub email: String,
    /// The role.
    pub role: String,
}

/// Who signed in with this account as their home.
fn person(account: &Name, actor: &Actor) -> Option<Home> {
    let user = actor.user.clone()?;
    (actor.door.session.is_some() && actor.door.visit.is_none())
        .then(|| Home { account: account.clone(), user })
}

impl Handle {
    /// Who the bearer is in an account that a path names: a session opens every account in which
    /// its person has a place, or which an agency owns that they administer. (Every other one is
    /// out of sight: there is nothing there.)
    ///
    /// # Errors
    /// 404.
    pub fn visit(&self, who: Identity, account: &str) -> Result<Identity, Problem> {
        if *who.account == *account {
            return Ok(who);
        }
        let missing = || Problem::not_found("account", account);
        let home = person(&who.account, &who.actor).ok_or_else(missing)?;
        let account = self.account(account)?;
        let user = self.shared.doors.guest(&home, &account);
        let agency = self.reaches(&home, &account);
        let (name, role) = match &user {
            Some(user) => (user.clone(), Role::Agent),
            None if agency => {
                (Name::from(format!("{}/{}", home.account, home.user)), Role::Administrator)
            }
            None => return Err(missing()),
        };
        let door = Door { visit: Some(Box::new(Visit { home, agency })), ..who.actor.door };
        let actor = Actor { name, role, user, switch: None, door };
        Ok(Identity { account, actor, ..who })
    }

    fn reaches(&self, home: &Home, account: &str) -> bool {
        let agencies = self.shared.agencies.read().unwrap_or_else(PoisonError::into_inner);
        agencies.reach(home, account)
    }

    /// Whether somebody may still have open what they opened.
    #[must_use]
    pub fn is_valid(&self, who: &Identity) -> bool {
        let visits = |visit: &Visit| match &who.actor.user {
            Some(user) => self.shared.doors.guest(&visit.home, &who.account).as_ref() == Some(user),
            None => self.reaches(&visit.home, &who.account),
        };
        self.is_key_valid(who.key) && who.actor.door.visit.as_deref().is_none_or(visits)
    }

    /// The accounts that somebody reaches beside the one that they signed in to.
    pub(super) fn accounts_of(&self, account: &Name, actor: &Actor) -> Vec<Name> {
        let Some(home) = person(account, actor) else { return Vec::new() };
        let mut all = self.open_places(&home);
        all.extend(self.by_agency(&home).into_keys());
        all
    }

    fn open_places(&self, home: &Home) -> Vec<Name> {
        let places = self.shared.doors.places(home).into_keys();
        places.filter(|account| self.shared.doors.guest(home, account).is_some()).collect()
    }

    /// Accounts with the agency by which they are reached.
    fn by_agency(&self, home: &Home) -> BTreeMap<Name, Name> {
        let agencies = self.shared.agencies.read().unwrap_or_else(PoisonError::into_inner);
        agencies.reached(home).map(|(account, id)| (account.clone(), id.clone())).collect()
    }

    pub(super) async fn who_has(
        &self,
        email: String,
        account: Option<&str>,
    ) -> Result<Vec<Name>, Problem> {
        let home = self.account(FIRST_ACCOUNT)?;
        let account = account.map(Name::from);
        match self.registry(node(), home, registry::Command::WhoHas { email, account }).await? {
            registry::Answer::Accounts(names) => Ok(names),
            _ => Err(mismatch()),
        }
    }

    /// Gives somebody of another account a place in this one.
    ///
    /// # Errors
    /// 403, 404, 409 `exists`, 422; as [`Handle::send`].
    pub async fn grant(&self, account: &Name, actor: Actor, wish: Wish) -> Result<Value, Problem> {
        let id = entropy::<8>()?;
        let user = id.iter().fold("usr_".to_owned(), |id, byte| id + &format!("{byte:02x}"));
        let Wish { home, email, role } = wish;
        let command = SignCommand::Grant { user, home, email, role, person: None };
        let place = self.sign_command(account, actor, command).await?;
        Ok(shown(account, place, None))
    }

    /// Takes it back; what it opened is closed.
    ///
    /// # Errors
    /// 403, 404; as [`Handle::send`].
    pub async fn ungrant(&self, account: &Name, actor: Actor, user: &str) -> Result<(), Problem> {
        let command = SignCommand::Ungrant { user: user.to_owned() };
        self.sign_command(account, actor, command).await.map(drop)
    }

    /// The places of a user's person: all to themselves and to their home, else that one and the
    /// home's.
    ///
    /// # Errors
    /// 403, 404; as [`Handle::send`].
    pub async fn grants(
        &self,
        account: &Name,
        actor: Actor,
        user: &str,
    ) -> Result<Vec<Value>, Problem> {
        let own = actor.user.as_deref() == Some(user);
        let place = SignQuery::Place { user: user.to_owned() };
        let here = self.sign_query(account, actor, place).await?;
        let home: Option<Home> = serde_json::from_value(here["home"].clone()).unwrap_or_default();
        let home = match home {
            Some(home) if !own => {
                let at_home = self.place(&home.account, &home.user).await?;
                return Ok(vec![shown(&home.account, at_home, None), shown(account, here, None)]);
            }
            Some(home) => home,
            None => Home { account: account.clone(), user: user.into() },
        };
        self.places_of(&home).await
    }

    /// The places of who signed in; none of a key's.
    ///
    /// # Errors
    /// As [`Handle::send`].
    pub async fn own_places(&self, account: &Name, actor: &Actor) -> Result<Vec<Value>, Problem> {
        let visited = actor.door.visit.as_ref().map(|visit| visit.home.clone());
        match visited.or_else(|| person(account, actor)) {
            Some(home) => self.places_of(&home).await,
            None => Ok(Vec::new()),
        }
    }

    async fn places_of(&self, home: &Home) -> Result<Vec<Value>, Problem> {
        let mut agencies = self.by_agency(home);
        let mut all = Vec::new();
        let mut places = self.shared.doors.places(home);
        places.insert(home.account.clone(), home.user.clone());
        for (account, user) in places {
            let agency = agencies.remove(&account);
            all.push(shown(&account, self.place(&account, &user).await?, agency));
        }
        let rest = agencies.into_iter();
        let place = json!({ "user": null, "role": Role::Administrator, "state": "active" });
        all.extend(rest.map(|(account, agency)| shown(&account, place.clone(), Some(agency))));
        all.sort_by(|a, b| a["account"].as_str().cmp(&b["account"].as_str()));
        Ok(all)
    }

    async fn place(&self, account: &Name, user: &str) -> Result<Value, Problem> {
        self.sign_query(account, node(), SignQuery::Place { user: user.to_owned() }).await
    }

    /// Something about agencies. `home` is the account that the asker signed in to.
    ///
    /// # Errors
    /// 403, 404, 409, 422; as [`Handle::send`].
    pub async fn agency(
        &self,
        home: &str,
        actor: Actor,
        command: agencies::Command,
    ) -> Result<Value, Problem> {
        let home = self.account(home)?;
        match self.registry(actor, home, registry::Command::Agency(command)).await? {
            registry::Answer::Agency(view) => Ok(view),
            _ => Err(mismatch()),
        }
    }
}

fn shown(account: &Name, mut place: Value, agency: Option<Name>) -> Value {
    place["account"] = json!(account);
    place["agency"] = json!(agency);
    place["is_home"] = json!(place["home"].is_null() && !place["user"].is_null());
    if let Value::Object(fields) = &mut place {
        fields.remove("home");
        fields.remove("may_come_in");
    }
    place
}
