//! What an API key is asked for with, and everything that can be wrong with it.

use crate::access::Network;
use crate::domain::ids;
use crate::domain::objects::user::Role;
use crate::domain::problem::{FieldError, Problem};
use crate::domain::rights::{Permission, Rights};
use crate::domain::time::Millis;
use serde::Deserialize;

/// The key that is asked for.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRequest {
    /// Shown to people, and as `by` in records; 1–100 characters.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Required for the role `agent`: the user's id.
    #[serde(default)]
    pub user: Option<String>,
    /// Required for the role `switch`: the switch's id.
    #[serde(default)]
    pub switch: Option<String>,
    /// When it ends; null (default) = never.
    #[serde(default, with = "crate::domain::time::wire_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Millis>,
    /// Address ranges it may be used from; empty (default) = everywhere.
    #[serde(default)]
    pub networks: Vec<String>,
    /// Permissions it is narrowed to; null (default) = all that the role has.
    #[serde(default)]
    #[schema(value_type = Option<Vec<Permission>>)]
    pub scopes: Option<Vec<String>>,
}

impl KeyRequest {
    /// The owner's key that a new account begins with.
    #[must_use]
    pub fn first() -> KeyRequest {
        KeyRequest {
            name: "owner".to_owned(),
            role: Role::Owner,
            user: None,
            switch: None,
            expires_at: None,
            networks: Vec::new(),
            scopes: None,
        }
    }
}

/// The scopes that the request names.
pub(super) fn scopes(words: &[String]) -> Result<Rights, Problem> {
    let mut wrong = Vec::new();
    let mut all = Vec::new();
    for (i, word) in words.iter().enumerate() {
        match Permission::parse(word) {
            Some(permission) => all.push(permission),
            None => {
                let detail =
                    format!("there is no permission {word:?}; GET …/permissions lists them");
                wrong.push(FieldError::new(format!("/scopes/{i}"), "unknown_value", detail));
            }
        }
    }
    if wrong.is_empty() { Ok(all.into_iter().collect()) } else { Err(Problem::invalid(wrong)) }
}

/// The networks that the request names, or everything that is wrong with it.
pub(super) fn check(request: &KeyRequest, now: Millis) -> Result<Vec<Network>, Problem> {
    let mut wrong = Vec::new();
    let length = request.name.trim().chars().count();
    if length == 0 || length > 100 {
        wrong.push(FieldError::new("/name", "out_of_range", "1 to 100 characters"));
    }
    bound_to(
        &mut wrong,
        "/user",
        request.role.is_agent(),
        request.user.as_deref(),
        ids::is_user_name,
    );
    bound_to(
        &mut wrong,
        "/switch",
        request.role == Role::Switch,
        request.switch.as_deref(),
        ids::is_name,
    );
    if request.expires_at.is_some_and(|end| end <= now) {
        wrong.push(FieldError::new("/expires_at", "out_of_range", "must lie ahead"));
    }
    let mut networks = Vec::new();
    for (i, network) in request.networks.iter().enumerate() {
        match Network::parse(network) {
            Ok(network) => networks.push(network),
            Err(why) => wrong.push(FieldError::new(format!("/networks/{i}"), "invalid", why)),
        }
    }
    if wrong.is_empty() { Ok(networks) } else { Err(Problem::invalid(wrong)) }
}

/// A key of role `agent` names one user, of role `switch` one switch, others neither.
fn bound_to(
    wrong: &mut Vec<FieldError>,
    pointer: &str,
    needed: bool,
    value: Option<&str>,
    is_id: fn(&str) -> bool,
) {
    match value {
        None if needed => {
            wrong.push(FieldError::new(pointer, "required", "this role is bound to one"));
        }
        Some(_) if !needed => {
            wrong.push(FieldError::new(pointer, "not_allowed", "this role is bound to none"));
        }
        Some(id) if !is_id(id) => {
            wrong.push(FieldError::new(pointer, "invalid_id", format!("{id:?} is no such id")));
        }
        _ => {}
    }
}
