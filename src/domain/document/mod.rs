//! A whole account as one document: everything that administrators configure, by family and id,
//! without secrets. `GET …/configuration` writes it, `PUT …/configuration` applies it.
//!
//! An object that stands in the document is meant as it stands there: a field left out takes its
//! default. `members` and `teams` of queues, groups and teams are complete lists where they stand,
//! and left alone where they do not. What does not stand in it is left alone, unless it is pruned.

mod brief;
mod text;

pub use brief::brief;
pub use text::{from_toml, to_toml};

use crate::domain::input::{Kind, ObjectRef};
use crate::domain::objects::Member;
use crate::domain::problem::FieldError;
use crate::domain::spelling::nearest;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The account's own settings, which have no id.
pub const ACCOUNT: &str = "account";

/// The families, what others name first.
pub const FAMILIES: &[(&str, Kind)] = &[
    ("calendars", Kind::Calendar),
    ("break_reasons", Kind::BreakReason),
    ("dispositions", Kind::Disposition),
    ("roles", Kind::Role),
    ("skills", Kind::Skill),
    ("users", Kind::User),
    ("teams", Kind::Team),
    ("queues", Kind::Queue),
    ("groups", Kind::Group),
    ("routes", Kind::Route),
    ("switches", Kind::Switch),
    ("access_groups", Kind::AccessGroup),
    ("alert_rules", Kind::AlertRule),
    ("hooks", Kind::Hook),
    ("reports", Kind::Report),
];

/// The family's name in documents.
#[must_use]
pub fn family(kind: Kind) -> &'static str {
    FAMILIES.iter().find(|(_, of)| *of == kind).map_or(ACCOUNT, |(name, _)| name)
}

/// An object of a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Which.
    pub object: ObjectRef,
    /// Its body, as a PUT takes it.
    pub body: Value,
}

/// Who belongs to a queue, group or team, as a document says it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lists {
    /// Members of a queue or group, and how they stand there.
    pub members: BTreeMap<String, Member>,
    /// Whether `members` stands there at all.
    pub has_members: bool,
    /// Teams that work for a queue, and how their members stand there.
    pub teams: Option<BTreeMap<String, Member>>,
}

/// A document that was read; what its objects hold is checked later.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// The objects, what others name first.
    pub entries: Vec<Entry>,
    /// Of queues, groups and teams by family and id.
    pub lists: BTreeMap<(Kind, String), Lists>,
    /// The families that stand there.
    pub families: Vec<Kind>,
}

impl Document {
    /// Reads a document's objects apart.
    ///
    /// # Errors
    /// What is no object, family or list of members.
    pub fn read(body: &Value) -> Result<Document, Vec<FieldError>> {
        let mut read = Document::default();
        let mut errors = Vec::new();
        let Some(all) = body.as_object() else {
            return Err(vec![FieldError::new("", "type", "must be a document of families")]);
        };
        for name in all.keys().filter(|name| *name != ACCOUNT) {
            if !FAMILIES.iter().any(|(family, _)| family == name) {
                errors.push(unknown_family(name));
            }
        }
        if let Some(account) = all.get(ACCOUNT) {
            let object =
                ObjectRef { kind: Kind::Account, parent: String::new(), id: String::new() };
            read.entries.push(Entry { object, body: account.clone() });
        }
        for (name, kind) in FAMILIES {
            let Some(family) = all.get(*name) else { continue };
            let Some(objects) = family.as_object() else {
                let detail = "must hold objects by their ids";
                errors.push(FieldError::new(format!("/{name}"), "type", detail));
                continue;
            };
            read.families.push(*kind);
            for (id, body) in objects {
                read.entry(*kind, id, body, &mut errors);
            }
        }
        if errors.is_empty() { Ok(read) } else { Err(errors) }
    }

    fn entry(&mut self, kind: Kind, id: &str, body: &Value, errors: &mut Vec<FieldError>) {
        let object = ObjectRef { kind, parent: String::new(), id: id.to_owned() };
        let at = pointer(&object);
        let Some(fields) = body.as_object() else {
            errors.push(FieldError::new(at, "type", "must be an object"));
            return;
        };
        let mut fields = fields.clone();
        fields.remove("id");
        if matches!(kind, Kind::Queue | Kind::Group | Kind::Team) {
            let mut lists = Lists::default();
            if let Some(members) = fields.remove("members") {
                lists.has_members = true;
                lists.members = places(&format!("{at}/members"), &members, errors);
            }
            if kind == Kind::Queue
                && let Some(teams) = fields.remove("teams")
            {
                lists.teams = Some(places(&format!("{at}/teams"), &teams, errors));
            }
            self.lists.insert((kind, id.to_owned()), lists);
        }
        self.entries.push(Entry { object, body: Value::Object(fields) });
    }
}

/// Where an object stands in a document.
#[must_use]
pub fn pointer(object: &ObjectRef) -> String {
    match object.kind {
        Kind::Account => format!("/{ACCOUNT}"),
        kind => format!("/{}/{}", family(kind), escaped(&object.id)),
    }
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// `{ "usr_ann": { "stars": 3 } }`, or a list of ids where nothing else is said.
fn places(at: &str, value: &Value, errors: &mut Vec<FieldError>) -> BTreeMap<String, Member> {
    let mut read = BTreeMap::new();
    match value {
        Value::Object(all) => {
            for (id, body) in all {
                let at = format!("{at}/{}", escaped(id));
                match Member::parse(body) {
                    Ok(member) => _ = read.insert(id.clone(), member),
                    Err(wrong) => errors.extend(under(&at, wrong)),
                }
            }
        }
        Value::Array(all) => {
            for (i, id) in all.iter().enumerate() {
                match id.as_str() {
                    Some(id) => _ = read.insert(id.to_owned(), Member::default()),
                    None => {
                        errors.push(FieldError::new(format!("{at}/{i}"), "type", "must be an id"))
                    }
                }
            }
        }
        _ => errors.push(FieldError::new(at, "type", "must be an object by ids, or a list of ids")),
    }
    read
}

/// The same, said of a place further down.
#[must_use]
pub fn under(at: &str, errors: Vec<FieldError>) -> Vec<FieldError> {
    let moved =
        |error: FieldError| FieldError { pointer: format!("{at}{}", error.pointer), ..error };
    errors.into_iter().map(moved).collect()
}

fn unknown_family(name: &str) -> FieldError {
    let known: Vec<&str> = [ACCOUNT].into_iter().chain(FAMILIES.iter().map(|f| f.0)).collect();
    let detail = match nearest(name, &known) {
        Some(near) => format!("there is no family {name:?}; did you mean {near:?}?"),
        None => format!("there is no family {name:?}; known are {}", known.join(", ")),
    };
    FieldError::new(format!("/{}", escaped(name)), "unknown_field", detail)
}

/// A field that differs: its path in the object, before, after.
pub type Difference = (String, Value, Value);

/// The fields in which two bodies differ, those of nested objects one by one; null: not there.
#[must_use]
pub fn differences(before: &Value, after: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    differ("", before, after, &mut found);
    found
}

fn differ(at: &str, before: &Value, after: &Value, found: &mut Vec<Difference>) {
    let none = Map::new();
    let (old, new) = match (before, after) {
        (Value::Object(old), Value::Object(new)) => (old, new),
        (Value::Null, Value::Object(new)) if at.is_empty() => (&none, new),
        (Value::Object(old), Value::Null) if at.is_empty() => (old, &none),
        _ => {
            if before != after {
                found.push((at.to_owned(), before.clone(), after.clone()));
            }
            return;
        }
    };
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let at = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        let (before, after) = (old.get(name), new.get(name));
        differ(&at, before.unwrap_or(&Value::Null), after.unwrap_or(&Value::Null), found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_document_is_taken_apart_and_every_wrong_place_told() {
        let read = Document::read(&json!({
            "account": { "name": "Acme" },
            "queues": { "a": { "name": "A", "members": { "usr_a": { "stars": 2 } }, "teams": ["t"] } },
            "users": { "usr_a": { "first_name": "A", "last_name": "B" } },
        }));
        let read = read.expect("right");
        let order: Vec<Kind> = read.entries.iter().map(|entry| entry.object.kind).collect();
        assert_eq!(order, [Kind::Account, Kind::User, Kind::Queue]);
        let lists = &read.lists[&(Kind::Queue, "a".to_owned())];
        assert_eq!(lists.members["usr_a"].stars, 2);
        assert_eq!(lists.teams.as_ref().map(BTreeMap::len), Some(1));
        let wrong = Document::read(&json!({ "quues": {}, "users": [], "skills": { "a": 1 },
            "groups": { "g": { "members": { "usr_a": { "stars": 9 } } } } }));
        let wrong: Vec<String> =
            wrong.expect_err("wrong").into_iter().map(|error| error.pointer).collect();
        assert_eq!(wrong, ["/quues", "/skills/a", "/users", "/groups/g/members/usr_a/stars"]);
    }

    #[test]
    fn differences_are_told_field_by_field() {
        let before = json!({ "name": "A", "exits": { "max": 1, "end": true }, "gone": 1 });
        let after = json!({ "name": "A", "exits": { "max": 2, "end": true }, "new": [1] });
        let told = differences(&before, &after);
        let fields: Vec<&str> = told.iter().map(|(field, ..)| field.as_str()).collect();
        assert_eq!(fields, ["exits.max", "gone", "new"]);
        assert!(differences(&before, &before).is_empty());
    }
}
