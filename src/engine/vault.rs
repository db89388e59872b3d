//! Personal values in memory: a cache of the journal's vault. Records and state hold keys only.

use super::VaultChange;
use crate::domain::compact;
use crate::domain::event::PersonalKey;
use crate::domain::ids::Name;
use crate::domain::objects::user::Personal;
use crate::domain::table::Table;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// The personal values of an account.
#[derive(Clone, Debug, Default)]
pub struct Vault {
    users: Table<PersonalKey, UserValues>,
    calls: Table<PersonalKey, CallValues>,
    secrets: Table<PersonalKey, String>,
    /// Not yet handed to the journal.
    pub changes: Vec<VaultChange>,
}

/// A user's.
#[derive(Clone, Debug, Default)]
pub struct UserValues {
    /// As configured.
    pub personal: Personal,
    /// First and last name.
    pub name: Option<Name>,
    /// Where the phone rings.
    pub endpoint: Option<Name>,
    /// What people search by: name, e-mail and id elsewhere in small letters, a line each.
    pub searched: Box<str>,
}

/// A call's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallValues {
    /// The caller's number.
    pub from: Option<Name>,
    /// What the switch attached.
    #[serde(default)]
    pub attributes: Attributes,
}

/// Attributes by name. Most calls have none, and those take one word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::box_collection, reason = "the point of it: one word, not three")]
pub struct Attributes(Option<Box<BTreeMap<String, String>>>);

impl Attributes {
    /// Sets some; others stay.
    pub fn extend(&mut self, others: BTreeMap<String, String>) {
        if !others.is_empty() {
            self.0.get_or_insert_default().extend(others);
        }
    }
}

impl From<BTreeMap<String, String>> for Attributes {
    fn from(all: BTreeMap<String, String>) -> Attributes {
        Attributes((!all.is_empty()).then(|| Box::new(all)))
    }
}

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map(self.0.iter().flat_map(|all| all.iter()))
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Attributes, D::Error> {
        BTreeMap::deserialize(d).map(Attributes::from)
    }
}

impl Vault {
    /// A user's values; empty when erased.
    #[must_use]
    pub fn user(&self, key: PersonalKey) -> Option<&UserValues> {
        self.users.get(&key)
    }

    /// A call's values; `None` when erased or forgotten.
    #[must_use]
    pub fn call(&self, key: PersonalKey) -> Option<&CallValues> {
        self.calls.get(&key)
    }

    /// The hash of a password, or where a session came from; `None` when erased.
    #[must_use]
    pub fn secret(&self, key: PersonalKey) -> Option<&str> {
        self.secrets.get(&key).map(String::as_str)
    }

    /// Sets one, to be written with the record.
    pub fn put_secret(&mut self, key: PersonalKey, value: String) {
        self.changes.push(VaultChange { key, lasting: true, value: Some(value.clone()) });
        self.secrets.insert(key, value);
    }

    /// Reads one back.
    pub fn read_secret(&mut self, key: PersonalKey, row: Option<String>) {
        if let Some(value) = row {
            self.secrets.insert(key, value);
        }
    }

    /// Sets a user's values, to be written with the record.
    pub fn put_user(&mut self, key: PersonalKey, personal: Personal) {
        let value = serde_json::to_string(&personal).ok();
        self.changes.push(VaultChange { key, lasting: true, value });
        self.load_user(key, personal);
    }

    /// Sets a call's values, to be written with the record.
    pub fn put_call(&mut self, key: PersonalKey, values: CallValues) {
        let value = compact::to_string(&values, 128).ok();
        self.changes.push(VaultChange { key, lasting: false, value });
        self.calls.insert(key, values);
    }

    /// Writes with the record what of an event nobody here reads; memory does not hold it.
    pub fn put_extra(&mut self, key: PersonalKey, extra: &serde_json::Value) {
        self.changes.push(VaultChange { key, lasting: false, value: Some(extra.to_string()) });
    }

    /// Drops a row for good.
    pub fn erase(&mut self, key: PersonalKey) {
        self.changes.push(VaultChange { key, lasting: true, value: None });
        self.users.remove(&key);
        self.calls.remove(&key);
        self.secrets.remove(&key);
    }

    /// Reads a user's row back.
    pub fn read_user(&mut self, key: PersonalKey, row: Option<&str>) {
        let personal = row.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        self.load_user(key, personal);
    }

    /// Reads a call's row back.
    pub fn read_call(&mut self, key: PersonalKey, row: Option<&str>) {
        if let Some(values) = row.and_then(|text| serde_json::from_str(text).ok()) {
            self.calls.insert(key, values);
        }
    }

    /// Drops a call's values from memory; the journal's row stays.
    pub fn forget_call(&mut self, key: PersonalKey) {
        self.calls.remove(&key);
    }

    fn load_user(&mut self, key: PersonalKey, personal: Personal) {
        let name = match (&personal.first_name, &personal.last_name) {
            (Some(first), Some(last)) => Some(Name::from(format!("{first} {last}"))),
            (Some(one), None) | (None, Some(one)) => Some(Name::from(one.as_str())),
            (None, None) => None,
        };
        let endpoint = personal.endpoint.as_deref().map(Name::from);
        let parts = [name.as_deref(), personal.email.as_deref(), personal.external_id.as_deref()];
        let parts: Vec<String> = parts.iter().flatten().map(|part| part.to_lowercase()).collect();
        let searched = parts.join("\n").into();
        self.users.insert(key, UserValues { personal, name, endpoint, searched });
    }
}
