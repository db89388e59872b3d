//! Roles of an account's own making, and access groups.

use crate::domain::fields::{Fields, ID, LABEL, USER_ID};
use crate::domain::objects::user::Role;
use crate::domain::problem::FieldError;
use crate::domain::rights::{Permission, Reach, Rights, Row};
use crate::domain::spelling::nearest;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A role; `PUT …/roles/{role}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RoleBody {
    /// Shown to people; 1–100 characters.
    pub name: String,
    /// The preset that users with this role count as in matrices of others; default agent.
    pub like: Role,
    /// What it may.
    #[schema(value_type = Vec<Permission>)]
    pub permissions: Rights,
    /// Whom it may see, oneself always; null = nobody else.
    pub view: Option<Row>,
    /// Whom it may monitor, never oneself; null = nobody.
    pub monitor: Option<Row>,
}

/// Narrows what its members see of the account; `PUT …/access_groups/{access_group}`. Only agents,
/// call managers and report managers can be members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AccessGroup {
    /// Shown to people; 1–100 characters.
    pub name: String,
    /// Users whose sight it narrows, at most 10,000.
    pub members: Vec<String>,
    /// The users whom they see, at most 10,000.
    pub users: Vec<String>,
    /// The queues and groups whose calls they see, at most 1,000.
    pub queues: Vec<String>,
}

impl RoleBody {
    /// Reads a body; fields left out take their defaults.
    ///
    /// # Errors
    /// Every wrong field.
    pub fn parse(body: &Value) -> Result<RoleBody, Vec<FieldError>> {
        let mut f = Fields::of(body);
        let name = f.text("name", LABEL);
        let like = f.word("like", Role::of_person, Role::PEOPLE, Role::Agent);
        let permissions = permissions(&mut f);
        let role = RoleBody {
            name,
            like,
            permissions,
            view: f.nested("view", row),
            monitor: f.nested("monitor", row),
        };
        f.done(role)
    }

    /// All fields, as the wire shows them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "like": self.like,
            "permissions": self.permissions,
            "view": self.view,
            "monitor": self.monitor,
        })
    }

    /// A preset, in the form of a role.
    #[must_use]
    pub fn of_preset(role: Role) -> RoleBody {
        let row = |(reach, roles): (Reach, &[Role])| Row { reach, roles: roles.to_vec() };
        RoleBody {
            name: role.word().replace('_', " "),
            like: role,
            permissions: role.rights(),
            view: role.views().map(row),
            monitor: role.monitors().map(row),
        }
    }
}

fn permissions(f: &mut Fields<'_>) -> Rights {
    let words = f.texts("permissions", Permission::ALL.len(), WORD);
    let mut all = Vec::new();
    for (i, word) in words.iter().enumerate() {
        match Permission::parse(word) {
            Some(permission) => all.push(permission),
            None => {
                let known: Vec<&str> = Permission::ALL.iter().map(|p| p.word()).collect();
                let near = nearest(word, &known);
                let detail = match near {
                    Some(near) => {
                        format!("there is no permission {word:?}; did you mean {near:?}?")
                    }
                    None => {
                        format!("there is no permission {word:?}; GET …/permissions lists them")
                    }
                };
                f.wrong_entry("permissions", &i.to_string(), "unknown_value", detail);
            }
        }
    }
    all.into_iter().collect()
}

const WORD: crate::domain::fields::Rule = crate::domain::fields::Rule {
    must_be: "the word of a permission",
    holds: |text| (1..=40).contains(&text.len()),
};

fn row(f: &mut Fields<'_>) -> Row {
    let reach = f.word("reach", Reach::parse, Reach::ALL, Reach::Team);
    let words = f.texts("roles", Role::ALL.len(), WORD);
    let mut roles = Vec::new();
    for (i, word) in words.iter().enumerate() {
        match Role::of_person(word) {
            Some(role) => roles.push(role),
            None => {
                let detail = format!("there is no preset {word:?}; GET …/roles lists them");
                f.wrong_entry("roles", &i.to_string(), "unknown_value", detail);
            }
        }
    }
    Row { reach, roles }
}

impl AccessGroup {
    /// Reads a body; fields left out take their defaults.
    ///
    /// # Errors
    /// Every wrong field.
    pub fn parse(body: &Value) -> Result<AccessGroup, Vec<FieldError>> {
        let mut f = Fields::of(body);
        let group = AccessGroup {
            name: f.text("name", LABEL),
            members: f.texts("members", 10_000, USER_ID),
            users: f.texts("users", 10_000, USER_ID),
            queues: f.texts("queues", 1_000, ID),
        };
        f.done(group)
    }

    /// All fields, as the wire shows them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "members": self.members,
            "users": self.users,
            "queues": self.queues,
        })
    }
}
