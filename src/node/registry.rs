//! The node's own small engine: which accounts there are, and which keys open them. Pure: time,
//! dice and secrets come as arguments; only [`Registry::apply`] changes it.

use crate::access::lately::Lately;
use crate::access::secret::{self, SecretHash};
use crate::access::{Key, KeyView};
use crate::domain::ids::{self, KeyId, Name};
use crate::domain::input::Actor;
use crate::domain::objects::user::Role;
use crate::domain::problem::{FieldError, Problem};
use crate::domain::rights::Permission;
use crate::domain::time::Millis;
use crate::journal::{MAX_STREAM, StreamId};
use crate::node::agencies::{self, Agencies};
pub use crate::node::key_request::KeyRequest;
use crate::node::key_request::{check, scopes};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The account that the first start makes; its owners own the node.
pub const FIRST_ACCOUNT: &str = "default";

/// One thing that was decided about the node. Its JSON is the format of the node's records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// An account came to be.
    AccountCreated {
        /// The stream of its records.
        number: u32,
        /// Its id in paths.
        name: Name,
        /// Who made it.
        by: Name,
        /// Feeds its recorded dice.
        seed: u64,
    },
    /// A key was issued.
    KeyIssued {
        /// All but its secret.
        key: Box<Key>,
        /// Who issued it.
        by: Name,
    },
    /// A key was taken back.
    KeyRevoked {
        /// Which.
        id: KeyId,
        /// Who took it.
        by: Name,
    },
    /// Something about agencies.
    Agency(agencies::Event),
}

/// What is asked of the registry.
#[derive(Clone, Debug)]
pub enum Command {
    /// Make an account.
    CreateAccount {
        /// Its id.
        name: String,
        /// Feeds its dice.
        seed: u64,
    },
    /// Make an account with its first owner's key.
    FoundAccount {
        /// Its id.
        name: String,
        /// Feeds its dice.
        seed: u64,
        /// For the key's secret.
        random: [u8; secret::RANDOM_BYTES],
    },
    /// List the accounts that one may know of.
    ListAccounts,
    /// Issue a key of an account.
    IssueKey {
        /// The account.
        account: Name,
        /// What key.
        request: KeyRequest,
        /// For its secret.
        random: [u8; secret::RANDOM_BYTES],
    },
    /// Take one back.
    RevokeKey {
        /// The account.
        account: Name,
        /// Which.
        id: KeyId,
    },
    /// List those of an account.
    ListKeys {
        /// The account.
        account: Name,
    },
    /// Something about agencies.
    Agency(agencies::Command),
    /// Who may have an e-mail: for signing in. The inbox answers it.
    WhoHas {
        /// The e-mail.
        email: String,
        /// Where they say that they are; `None` = anywhere.
        account: Option<Name>,
    },
}

/// What the registry answers.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The account.
    Account(AccountInfo),
    /// The account, and its first owner's key with its secret.
    Founded(AccountInfo, KeyView, String),
    /// Accounts, by name.
    Accounts(Vec<Name>),
    /// The key, and its secret, which is never shown again.
    Issued(KeyView, String),
    /// It opens nothing any more.
    Revoked,
    /// The account's keys, oldest first.
    Keys(Vec<KeyView>),
    /// About an agency, or all that one may know of.
    Agency(serde_json::Value),
}

/// An account of the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountInfo {
    /// Its id in paths.
    pub name: Name,
    /// Its stream.
    pub stream: StreamId,
    /// Feeds its recorded dice.
    pub seed: u64,
}

/// Accounts and keys.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    accounts: BTreeMap<Name, AccountInfo>,
    keys: BTreeMap<KeyId, Arc<Key>>,
    last_key: KeyId,
    last_number: u32,
    agencies: Agencies,
}

impl Registry {
    /// Applies one event.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::AccountCreated { number, name, seed, .. } => {
                let stream = StreamId(*number);
                let info = AccountInfo { name: name.clone(), stream, seed: *seed };
                self.accounts.insert(name.clone(), info);
                self.last_number = self.last_number.max(*number);
            }
            Event::KeyIssued { key, .. } => {
                self.last_key = self.last_key.max(key.id);
                self.keys.insert(key.id, Arc::new((**key).clone()));
            }
            Event::KeyRevoked { id, .. } => {
                self.keys.remove(id);
            }
            Event::Agency(event) => self.agencies.apply(event),
        }
    }

    /// The accounts, by name.
    pub fn accounts(&self) -> impl Iterator<Item = &AccountInfo> {
        self.accounts.values()
    }

    /// Every key that was issued and not revoked.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<Key>> {
        self.keys.values()
    }

    /// The agencies.
    pub fn agencies(&self) -> &Agencies {
        &self.agencies
    }

    /// Decides; the caller applies the events.
    ///
    /// # Errors
    /// 403 without the right, 404 for what is not there, 409 for what is there already or may not
    /// go, 422 with every wrong field.
    pub fn decide(
        &self,
        now: Millis,
        actor: &Actor,
        home: &str,
        command: Command,
    ) -> Result<(Vec<Event>, Answer), Problem> {
        match command {
            Command::CreateAccount { name, seed } => self.create_account(actor, home, &name, seed),
            Command::FoundAccount { name, seed, random } => {
                self.found_account(now, (actor, home), &name, seed, random)
            }
            Command::ListAccounts => {
                let all = self.accounts.keys();
                let known = all.filter(|name| owns_node(actor, home) || ***name == *home);
                Ok((Vec::new(), Answer::Accounts(known.cloned().collect())))
            }
            Command::IssueKey { account, request, random } => {
                may_manage_keys(actor)?;
                self.issue(now, actor, &account, request, random)
            }
            Command::RevokeKey { account, id } => {
                may_manage_keys(actor)?;
                self.revoke(actor, &account, id)
            }
            Command::ListKeys { account } => {
                may_manage_keys(actor)?;
                let own = self.keys.values().filter(|key| key.account == account);
                Ok((Vec::new(), Answer::Keys(own.map(|key| key.view()).collect())))
            }
            Command::Agency(command) => {
                let who = agencies::Asker::new(actor, home, owns_node(actor, home));
                let exists = |account: &Name| self.accounts.contains_key(account);
                let (event, answer) = self.agencies.decide(&who, &exists, command)?;
                Ok((event.into_iter().map(Event::Agency).collect(), Answer::Agency(answer)))
            }
            Command::WhoHas { .. } => Ok((Vec::new(), Answer::Accounts(Vec::new()))),
        }
    }

    fn create_account(
        &self,
        actor: &Actor,
        home: &str,
        name: &str,
        seed: u64,
    ) -> Result<(Vec<Event>, Answer), Problem> {
        if !owns_node(actor, home) {
            return Err(Problem::forbidden("node.accounts"));
        }
        if !ids::is_name(name) {
            let detail = format!("an account's id is {}", ids::NAME_RULE);
            return Err(Problem::invalid(vec![FieldError::new("/name", "invalid_id", detail)]));
        }
        if self.accounts.contains_key(name) {
            return Err(Problem::conflict("exists", format!("there is an account {name:?}")));
        }
        let number = self.last_number + 1;
        if number > MAX_STREAM {
            return Err(Problem::conflict("too_many", "this node can hold no more accounts"));
        }
        let name = Name::from(name);
        let info = AccountInfo { name: name.clone(), stream: StreamId(number), seed };
        let event = Event::AccountCreated { number, name, by: actor.name.clone(), seed };
        Ok((vec![event], Answer::Account(info)))
    }

    fn issue(
        &self,
        now: Millis,
        actor: &Actor,
        account: &Name,
        request: KeyRequest,
        random: [u8; secret::RANDOM_BYTES],
    ) -> Result<(Vec<Event>, Answer), Problem> {
        if !self.accounts.contains_key(account) {
            return Err(Problem::not_found("account", account));
        }
        self.make_key(now, actor, account, request, random)
    }

    /// Both in one record: there is no account that nobody can open.
    fn found_account(
        &self,
        now: Millis,
        (actor, home): (&Actor, &str),
        name: &str,
        seed: u64,
        random: [u8; secret::RANDOM_BYTES],
    ) -> Result<(Vec<Event>, Answer), Problem> {
        let (mut events, made) = self.create_account(actor, home, name, seed)?;
        let (issued, key) = self.make_key(now, actor, &name.into(), KeyRequest::first(), random)?;
        events.extend(issued);
        match (made, key) {
            (Answer::Account(info), Answer::Issued(view, secret)) => {
                Ok((events, Answer::Founded(info, view, secret)))
            }
            (made, _) => Ok((events, made)),
        }
    }

    fn make_key(
        &self,
        now: Millis,
        actor: &Actor,
        account: &Name,
        request: KeyRequest,
        random: [u8; secret::RANDOM_BYTES],
    ) -> Result<(Vec<Event>, Answer), Problem> {
        if request.role == Role::Owner && actor.role != Role::Owner {
            return Err(Problem::forbidden("owner"));
        }
        let scopes = request.scopes.as_ref().map(|words| scopes(words)).transpose()?;
        let rights = request.role.rights();
        let rights = scopes.map_or(rights, |scopes| rights.and(scopes));
        if let Some(beyond) = rights.beyond(actor.rights()) {
            return Err(Problem::forbidden(beyond.word()));
        }
        let networks = check(&request, now)?;
        let id = KeyId::after(self.last_key, now);
        let text = secret::make(id, random);
        let key = Key {
            id,
            account: account.clone(),
            name: request.name.into(),
            role: request.role,
            user: request.user.map(Into::into),
            switch: request.switch.map(Into::into),
            hash: SecretHash::of(&text),
            created_at: now,
            expires_at: request.expires_at,
            networks,
            scopes,
            lately: Lately::default(),
        };
        let view = key.view();
        let event = Event::KeyIssued { key: Box::new(key), by: actor.name.clone() };
        Ok((vec![event], Answer::Issued(view, text)))
    }

    fn revoke(
        &self,
        actor: &Actor,
        account: &Name,
        id: KeyId,
    ) -> Result<(Vec<Event>, Answer), Problem> {
        let key = self.keys.get(&id).filter(|key| key.account == *account);
        let key = key.ok_or_else(|| Problem::not_found("key", &id.to_string()))?;
        if key.role == Role::Owner {
            if actor.role != Role::Owner {
                return Err(Problem::forbidden("owner"));
            }
            let others = self.keys.values().filter(|other| {
                other.account == *account
                    && other.role == Role::Owner
                    && other.expires_at.is_none()
                    && other.scopes.is_none()
                    && other.id != id
            });
            if others.count() == 0 {
                return Err(Problem::conflict(
                    "last_owner",
                    "this is the account's last owner key: issue another one first",
                ));
            }
        }
        Ok((vec![Event::KeyRevoked { id, by: actor.name.clone() }], Answer::Revoked))
    }
}

/// Whether somebody owns the node: an owner of its first account, by a key that is not narrowed.
fn owns_node(actor: &Actor, home: &str) -> bool {
    actor.role == Role::Owner && home == FIRST_ACCOUNT && actor.door.scopes.is_none()
}

fn may_manage_keys(actor: &Actor) -> Result<(), Problem> {
    if actor.may(Permission::Integrations) {
        return Ok(());
    }
    Err(Problem::forbidden(Permission::Integrations.word()))
}

/// The body of a record.
#[must_use]
pub fn encode(events: &[Event]) -> Vec<u8> {
    serde_json::to_vec(events).unwrap_or_default()
}

/// The events of a record.
///
/// # Errors
/// When it was written by a newer release, or is no record of the node.
pub fn decode(body: &[u8]) -> Result<Vec<Event>, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::input::Door;

    const NOW: Millis = Millis(1_795_291_200_000);

    fn actor(role: Role) -> Actor {
        Actor { name: "someone".into(), role, user: None, switch: None, door: Door::default() }
    }

    fn request(role: Role) -> KeyRequest {
        KeyRequest {
            name: "a key".into(),
            role,
            user: None,
            switch: None,
            expires_at: None,
            networks: Vec::new(),
            scopes: None,
        }
    }

    fn issue(role: Role) -> Command {
        let random = [1; secret::RANDOM_BYTES];
        Command::IssueKey { account: FIRST_ACCOUNT.into(), request: request(role), random }
    }

    fn take(registry: &mut Registry, actor: &Actor, command: Command) -> Result<Answer, Problem> {
        let (events, answer) = registry.decide(NOW, actor, FIRST_ACCOUNT, command)?;
        let events = decode(&encode(&events)).expect("reads back");
        events.iter().for_each(|event| registry.apply(event));
        Ok(answer)
    }

    fn with_account() -> Registry {
        let mut registry = Registry::default();
        let create = Command::CreateAccount { name: FIRST_ACCOUNT.into(), seed: 1 };
        take(&mut registry, &actor(Role::Owner), create).expect("created");
        registry
    }

    #[test]
    fn a_key_is_issued_listed_and_revoked() {
        let mut registry = with_account();
        let owner = actor(Role::Owner);
        let Ok(Answer::Issued(view, text)) = take(&mut registry, &owner, issue(Role::Supervisor))
        else {
            panic!("not issued")
        };
        assert_eq!(secret::key_of(&text), Some(view.id));
        let key = registry.keys().next().expect("kept").clone();
        assert!(key.admit(&text, [127, 0, 0, 1].into(), NOW).is_ok());

        let revoke = Command::RevokeKey { account: FIRST_ACCOUNT.into(), id: view.id };
        assert!(matches!(take(&mut registry, &owner, revoke.clone()), Ok(Answer::Revoked)));
        assert_eq!(registry.keys().count(), 0);
        assert_eq!(take(&mut registry, &owner, revoke).map_err(|p| p.status).err(), Some(404));
    }

    #[test]
    fn only_owners_make_owners_and_only_managers_make_keys() {
        let mut registry = with_account();
        let status = |registry: &mut Registry, who, what| {
            take(registry, &actor(who), issue(what)).map(drop).map_err(|p| p.status)
        };
        assert_eq!(status(&mut registry, Role::Administrator, Role::Owner), Err(403));
        assert_eq!(status(&mut registry, Role::Administrator, Role::Supervisor), Ok(()));
        for role in [Role::Supervisor, Role::Agent, Role::Switch] {
            assert_eq!(status(&mut registry, role, Role::Supervisor), Err(403));
        }
    }

    #[test]
    fn the_last_owner_key_stays() {
        let mut registry = with_account();
        let owner = actor(Role::Owner);
        let Ok(Answer::Issued(first, _)) = take(&mut registry, &owner, issue(Role::Owner)) else {
            panic!("not issued")
        };
        let revoke = Command::RevokeKey { account: FIRST_ACCOUNT.into(), id: first.id };
        let refused = take(&mut registry, &owner, revoke.clone()).map_err(|p| p.code);
        assert_eq!(refused.err(), Some("last_owner"));
        // One that is narrowed could not issue another.
        let request = KeyRequest { scopes: Some(vec!["watch".into()]), ..request(Role::Owner) };
        let random = [1; secret::RANDOM_BYTES];
        let narrow = Command::IssueKey { account: FIRST_ACCOUNT.into(), request, random };
        take(&mut registry, &owner, narrow).expect("a narrow one");
        let refused = take(&mut registry, &owner, revoke.clone()).map_err(|p| p.code);
        assert_eq!(refused.err(), Some("last_owner"));
        take(&mut registry, &owner, issue(Role::Owner)).expect("a second");
        assert!(take(&mut registry, &owner, revoke).is_ok());
    }

    #[test]
    fn every_wrong_field_is_told_at_once() {
        let registry = with_account();
        let request = KeyRequest {
            name: " ".into(),
            role: Role::Switch,
            user: Some("usr_ann".into()),
            switch: None,
            expires_at: Some(NOW),
            networks: vec!["10.0.0.0/8".into(), "10.0.0.0/40".into()],
            scopes: None,
        };
        let random = [1; secret::RANDOM_BYTES];
        let command = Command::IssueKey { account: FIRST_ACCOUNT.into(), request, random };
        let refused = registry.decide(NOW, &actor(Role::Owner), FIRST_ACCOUNT, command);
        let pointers: Vec<_> =
            refused.expect_err("refused").errors.into_iter().map(|e| e.pointer).collect();
        assert_eq!(pointers, ["/name", "/user", "/switch", "/expires_at", "/networks/1"]);
    }

    #[test]
    fn an_account_is_made_once_and_by_the_node_s_owner() {
        let mut registry = with_account();
        let create = |name: &str| Command::CreateAccount { name: name.into(), seed: 2 };
        let code = |result: Result<Answer, Problem>| result.map_err(|p| p.code).err();
        let owner = actor(Role::Owner);
        assert_eq!(code(take(&mut registry, &owner, create(FIRST_ACCOUNT))), Some("exists"));
        assert_eq!(code(take(&mut registry, &owner, create("No"))), Some("invalid"));
        let elsewhere = registry.decide(NOW, &owner, "acme", create("b"));
        assert_eq!(elsewhere.map_err(|p| p.status).err(), Some(403));
        take(&mut registry, &owner, create("acme")).expect("created");
        let streams: Vec<_> = registry.accounts().map(|a| a.stream.0).collect();
        assert_eq!(streams, [2, 1], "by name: acme, default");
    }
}
