//! A document with only what differs from the defaults: that is what a person reads.

use super::{ACCOUNT, FAMILIES};
use crate::domain::input::Kind;
use crate::domain::objects::queue::QueueKind;
use crate::domain::objects::{
    AccessGroup, Account, AlertRule, BreakReason, Calendar, Disposition, Hook, Queue, Report,
    RoleBody, Route, Skill, Switch, Team, User,
};
use serde_json::{Map, Value};

/// A whole body with its defaults; `None` when it is wrong.
fn whole(kind: Kind, body: &Value) -> Option<Value> {
    Some(match kind {
        Kind::Account => Account::parse(body).ok()?.to_json(),
        Kind::Skill => Skill::parse(body).ok()?.to_json(),
        Kind::User => User::parse(body).ok()?.to_json(),
        Kind::Queue => Queue::parse(QueueKind::Queue, body).ok()?.to_json(),
        Kind::Group => Queue::parse(QueueKind::Group, body).ok()?.to_json(),
        Kind::Team => Team::parse(body).ok()?.to_json(),
        Kind::Route => Route::parse(body).ok()?.to_json(),
        Kind::Switch => Switch::parse(body).ok()?.to_json(),
        Kind::BreakReason => BreakReason::parse(body).ok()?.to_json(),
        Kind::Disposition => Disposition::parse(body).ok()?.to_json(),
        Kind::Calendar => Calendar::parse(body).ok()?.to_json(),
        Kind::Role => RoleBody::parse(body).ok()?.to_json(),
        Kind::AccessGroup => AccessGroup::parse(body).ok()?.to_json(),
        Kind::AlertRule => AlertRule::parse(body).ok()?.to_json(),
        Kind::Hook => Hook::parse(body).ok()?.to_json(),
        Kind::Report => Report::parse(body).ok()?.to_json(),
        Kind::Member | Kind::TeamMember | Kind::QueueTeam => return None,
    })
}

/// Fields that are always shown, since a body is not read without them.
fn needed(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::User => &["first_name", "last_name"],
        Kind::Group => &["name", "strategy", "total_ms"],
        Kind::Route => &["number", "to"],
        _ => &["name"],
    }
}

/// Leaves out of a document what says no more than the default. Read again it says the same.
#[must_use]
pub fn brief(document: Value) -> Value {
    let Value::Object(mut all) = document else { return document };
    if let Some(account) = all.remove(ACCOUNT) {
        all.insert(ACCOUNT.to_owned(), shorter(Kind::Account, account));
    }
    for (name, kind) in FAMILIES {
        let Some(Value::Object(objects)) = all.remove(*name) else { continue };
        if objects.is_empty() {
            continue;
        }
        let objects: Map<String, Value> =
            objects.into_iter().map(|(id, body)| (id, shorter(*kind, body))).collect();
        all.insert((*name).to_owned(), Value::Object(objects));
    }
    Value::Object(all)
}

fn shorter(kind: Kind, body: Value) -> Value {
    let Value::Object(mut fields) = body else { return body };
    // Of lists beside the body nothing is a default.
    let lists: &[&str] = match kind {
        Kind::Queue => &["members", "teams"],
        Kind::Group | Kind::Team => &["members"],
        _ => &[],
    };
    let lists = lists.iter().map(|name| (*name, fields.remove(*name)));
    let lists: Vec<(&str, Option<Value>)> = lists.collect();
    let body = Value::Object(fields);
    let mut short = shortened(kind, &body).unwrap_or(body);
    for (name, list) in lists {
        if let (Some(list), Value::Object(fields)) = (list, &mut short) {
            fields.insert(name.to_owned(), list);
        }
    }
    short
}

/// `None`: it cannot be shortened.
fn shortened(kind: Kind, body: &Value) -> Option<Value> {
    let fields = body.as_object()?;
    let least: Map<String, Value> = fields
        .iter()
        .filter(|(name, _)| needed(kind).contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let default = whole(kind, &Value::Object(least))?;
    let says = |name: &str, value: &Value| {
        needed(kind).contains(&name) || default.get(name) != Some(value)
    };
    let short: Map<String, Value> = fields
        .iter()
        .filter(|(name, value)| says(name, value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let short = Value::Object(short);
    // A default may hang on another field: what reads differently is kept whole.
    (whole(kind, &short)? == whole(kind, body)?).then_some(short)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_left_out_is_what_a_reader_puts_back() {
        let user = json!({ "first_name": "A", "last_name": "B", "skills": { "s": 5 } });
        let full = whole(Kind::User, &user).expect("right");
        let document = json!({ "users": { "usr_a": full }, "skills": {},
            "queues": { "q": { "name": "Q", "media": "chat", "members": {} } } });
        assert_eq!(
            brief(document),
            json!({ "users": { "usr_a": user },
                "queues": { "q": { "name": "Q", "media": "chat", "members": {} } } })
        );
    }

    #[test]
    fn members_of_an_access_group_are_its_own_field() {
        let group = json!({ "name": "G", "members": ["usr_a"], "queues": ["q"] });
        let document = json!({ "access_groups": { "g": whole(Kind::AccessGroup, &group) } });
        assert_eq!(brief(document), json!({ "access_groups": { "g": group } }));
    }
}
