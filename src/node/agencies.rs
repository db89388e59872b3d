//! Agencies: each owns accounts, and its administrators may in each of them what administrators of
//! the account may. Kept in the node's own stream beside accounts and keys: an agency is about
//! several accounts, so that it is of none of them; and since it gives rights and no user, nothing
//! has to be copied into the accounts that it gains, or taken back from those that it loses.

use crate::domain::fields::{ID, LABEL};
use crate::domain::ids::Name;
use crate::domain::input::Actor;
use crate::domain::objects::user::Home;
use crate::domain::problem::{FieldError, Problem};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// One thing that was decided. Its JSON is part of the node's records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// An agency came to be, or is another.
    Put {
        /// Its id.
        id: Name,
        /// Shown to people.
        name: String,
        /// The accounts that it owns.
        accounts: BTreeSet<Name>,
        /// Who said so.
        by: Name,
    },
    /// A person administers it.
    Added {
        /// Which.
        id: Name,
        /// Who.
        who: Home,
        /// Who said so.
        by: Name,
    },
    /// … no more.
    Removed {
        /// Which.
        id: Name,
        /// Who.
        who: Home,
        /// Who said so.
        by: Name,
    },
}

/// What is asked for.
#[derive(Clone, Debug)]
pub enum Command {
    /// Make an agency, or set what it is.
    Put {
        /// Its id.
        id: String,
        /// Shown to people; 1–100 characters.
        name: String,
        /// The accounts that it owns.
        accounts: Vec<String>,
    },
    /// Those that one may know of.
    List,
    /// Have a person administer it.
    Add {
        /// Which.
        id: String,
        /// Who.
        who: Home,
        /// Where they are an administrator: the inbox fills it in.
        administers: BTreeSet<Name>,
    },
    /// … no more.
    Remove {
        /// Which.
        id: String,
        /// Who.
        who: Home,
    },
}

/// An agency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Agency {
    name: String,
    accounts: BTreeSet<Name>,
    administrators: BTreeSet<Home>,
}

impl Agency {
    fn to_json(&self, id: &str) -> Value {
        let administrators: Vec<Value> = self.administrators.iter().map(Home::to_json).collect();
        json!({ "id": id, "name": self.name, "accounts": self.accounts,
            "administrators": administrators })
    }
}

/// Who asks.
pub struct Asker {
    name: Name,
    owns_node: bool,
    person: Option<Home>,
}

impl Asker {
    /// A person only by having signed in: a key bound to a user is for that user's desk.
    pub fn new(actor: &Actor, home: &str, owns_node: bool) -> Asker {
        let user = actor.user.clone().filter(|_| actor.door.session.is_some());
        let person = user.map(|user| Home { account: home.into(), user });
        Asker { name: actor.name.clone(), owns_node, person }
    }
}

/// The agencies of the node.
#[derive(Clone, Debug, Default)]
pub struct Agencies(BTreeMap<Name, Agency>);

impl Agencies {
    /// Applies one event.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Put { id, name, accounts, .. } => {
                let agency = self.0.entry(id.clone()).or_default();
                agency.name.clone_from(name);
                agency.accounts.clone_from(accounts);
            }
            Event::Added { id, who, .. } => {
                if let Some(agency) = self.0.get_mut(id) {
                    agency.administrators.insert(who.clone());
                }
            }
            Event::Removed { id, who, .. } => {
                if let Some(agency) = self.0.get_mut(id) {
                    agency.administrators.remove(who);
                }
            }
        }
    }

    /// Whether a person administers the agency that owns an account.
    #[must_use]
    pub fn reach(&self, person: &Home, account: &str) -> bool {
        self.0.values().any(|agency| {
            agency.accounts.contains(account) && agency.administrators.contains(person)
        })
    }

    /// The accounts that a person reaches by an agency, with its id.
    pub fn reached<'a>(&'a self, person: &'a Home) -> impl Iterator<Item = (&'a Name, &'a Name)> {
        let own = self.0.iter().filter(|(_, agency)| agency.administrators.contains(person));
        own.flat_map(|(id, agency)| agency.accounts.iter().map(move |account| (account, id)))
    }

    /// What an agency is, without who administers it; null when there is none.
    pub fn shown(&self, id: &str) -> Value {
        let agency = self.0.get(id);
        agency.map(|a| json!({ "name": a.name, "accounts": a.accounts })).unwrap_or_default()
    }

    /// Everybody who administers an agency.
    pub fn administrators(&self, id: &str) -> impl Iterator<Item = &Home> {
        self.0.get(id).into_iter().flat_map(|agency| &agency.administrators)
    }

    /// Decides; the caller applies the event. `exists`: whether there is such an account.
    ///
    /// # Errors
    /// 403, 404, 409 `in_another_agency`, 422.
    pub fn decide(
        &self,
        who: &Asker,
        exists: &dyn Fn(&Name) -> bool,
        command: Command,
    ) -> Result<(Option<Event>, Value), Problem> {
        match command {
            Command::Put { id, name, accounts } => self.put(who, exists, &id, name, &accounts),
            Command::List => {
                let known = self.0.iter().filter(|(_, agency)| self.may(who, agency));
                let items: Vec<Value> = known.map(|(id, agency)| agency.to_json(id)).collect();
                Ok((None, json!(items)))
            }
            Command::Add { id, who: person, administers } => {
                let (id, agency) = self.of(who, &id)?;
                if administers.is_disjoint(&agency.accounts) {
                    let detail = "must be an administrator in one of the agency's accounts first";
                    let error = FieldError::new("/user", "not_an_administrator", detail);
                    return Err(Problem::invalid(vec![error]));
                }
                let by = who.name.clone();
                let event = (!agency.administrators.contains(&person)).then(|| Event::Added {
                    id: id.clone(),
                    who: person,
                    by,
                });
                Ok(self.after(&id, event))
            }
            Command::Remove { id, who: person } => {
                let (id, agency) = self.of(who, &id)?;
                if !agency.administrators.contains(&person) {
                    return Err(Problem::not_found("administrator", &person.user));
                }
                Ok((Some(Event::Removed { id, who: person, by: who.name.clone() }), Value::Null))
            }
        }
    }

    /// The event with the agency as it will be.
    fn after(&self, id: &str, event: Option<Event>) -> (Option<Event>, Value) {
        let mut after = self.clone();
        event.iter().for_each(|event| after.apply(event));
        let view = after.0.get(id).map(|agency| agency.to_json(id)).unwrap_or_default();
        (event, view)
    }

    fn may(&self, who: &Asker, agency: &Agency) -> bool {
        who.owns_node || who.person.as_ref().is_some_and(|p| agency.administrators.contains(p))
    }

    /// An agency that the asker may see to.
    fn of(&self, who: &Asker, id: &str) -> Result<(Name, &Agency), Problem> {
        match self.0.get_key_value(id) {
            Some((id, agency)) if self.may(who, agency) => Ok((id.clone(), agency)),
            None if who.owns_node => Err(Problem::not_found("agency", id)),
            _ => Err(Problem::forbidden("node.agencies")),
        }
    }

    fn put(
        &self,
        who: &Asker,
        exists: &dyn Fn(&Name) -> bool,
        id: &str,
        name: String,
        accounts: &[String],
    ) -> Result<(Option<Event>, Value), Problem> {
        if !who.owns_node {
            return Err(Problem::forbidden("node.agencies"));
        }
        let mut wrong = Vec::new();
        if !(ID.holds)(id) {
            wrong.push(FieldError::new("id", "malformed", format!("must be {}", ID.must_be)));
        }
        if !(LABEL.holds)(&name) {
            wrong.push(FieldError::new("/name", "malformed", format!("must be {}", LABEL.must_be)));
        }
        let accounts: Vec<Name> = accounts.iter().map(|account| account.as_str().into()).collect();
        for (i, account) in accounts.iter().enumerate().filter(|(_, account)| !exists(account)) {
            let detail = format!("there is no account {account:?}; make it first");
            let at = format!("/accounts/{i}");
            wrong.push(FieldError::new(at, "unknown_reference", detail));
        }
        if !wrong.is_empty() {
            return Err(Problem::invalid(wrong));
        }
        let others = self.0.iter().filter(|(other, _)| ***other != *id);
        for (other, agency) in others {
            if let Some(taken) = accounts.iter().find(|account| agency.accounts.contains(*account))
            {
                let detail = format!("{taken} is owned by the agency {other}; take it there first");
                return Err(Problem::conflict("in_another_agency", detail));
            }
        }
        let accounts: BTreeSet<Name> = accounts.into_iter().collect();
        let same = self.0.get(id).is_some_and(|a| a.name == name && a.accounts == accounts);
        let event = Event::Put { id: id.into(), name, accounts, by: who.name.clone() };
        Ok(self.after(id, Some(event).filter(|_| !same)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node() -> Asker {
        Asker { name: "owner".into(), owns_node: true, person: None }
    }

    fn home(user: &str) -> Home {
        Home { account: "acme".into(), user: user.into() }
    }

    fn take(agencies: &mut Agencies, who: &Asker, command: Command) -> Result<Value, Problem> {
        let exists = |account: &Name| ["acme", "north"].contains(&&**account);
        let (event, answer) = agencies.decide(who, &exists, command)?;
        if let Some(event) = event {
            let text = serde_json::to_string(&event).expect("JSON");
            agencies.apply(&serde_json::from_str(&text).expect("reads back"));
        }
        Ok(answer)
    }

    fn put(id: &str, accounts: &[&str]) -> Command {
        let accounts = accounts.iter().map(|&account| account.to_owned()).collect();
        Command::Put { id: id.into(), name: "Agency".into(), accounts }
    }

    fn add(user: &str, administers: &[&str]) -> Command {
        let administers = administers.iter().map(|&account| account.into()).collect();
        Command::Add { id: "a".into(), who: home(user), administers }
    }

    #[test]
    fn an_agency_is_administered_by_who_administers_one_of_its_accounts() {
        let mut agencies = Agencies::default();
        let code = |result: Result<Value, Problem>| result.map_err(|problem| problem.code).err();
        assert_eq!(
            code(take(&mut agencies, &node(), add("usr_ann", &["acme"]))),
            Some("not_found")
        );
        take(&mut agencies, &node(), put("a", &["acme"])).expect("made");
        assert_eq!(code(take(&mut agencies, &node(), put("b", &["gone"]))), Some("invalid"));
        let taken = code(take(&mut agencies, &node(), put("b", &["north", "acme"])));
        assert_eq!(taken, Some("in_another_agency"));
        let direct = take(&mut agencies, &node(), add("usr_ann", &["north"]));
        assert_eq!(direct.map_err(|p| p.errors[0].code).err(), Some("not_an_administrator"));
        let made = take(&mut agencies, &node(), add("usr_ann", &["acme"])).expect("added");
        assert_eq!(made["administrators"], json!([{ "account": "acme", "user": "usr_ann" }]));
        assert!(agencies.reach(&home("usr_ann"), "acme"));
        assert!(!agencies.reach(&home("usr_ann"), "north"));

        let ann = Asker { name: "usr_ann".into(), owns_node: false, person: Some(home("usr_ann")) };
        assert_eq!(code(take(&mut agencies, &ann, put("a", &[]))), Some("forbidden"));
        take(&mut agencies, &ann, add("usr_bob", &["acme"])).expect("by one of them");
        take(&mut agencies, &node(), put("a", &["north"])).expect("another account");
        assert!(
            agencies.reach(&home("usr_bob"), "north") && !agencies.reach(&home("usr_bob"), "acme")
        );
        let remove = Command::Remove { id: "a".into(), who: home("usr_ann") };
        take(&mut agencies, &ann, remove.clone()).expect("removed");
        assert!(!agencies.reach(&home("usr_ann"), "north"));
        assert_eq!(code(take(&mut agencies, &ann, remove)), Some("forbidden"));
    }
}
