//! What an actor may do: a decision, hence here, recorded and tested with the rest. (Who somebody
//! is was settled by `access`.) The full set of roles and matrices comes with people and rights;
//! these five roles are its first rows.

use crate::domain::input::Actor;
use crate::domain::objects::user::Role;
use crate::domain::problem::Problem;

/// What may be permitted, with the word that a refusal names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Change what the account is made of.
    Configure,
    /// Read the configuration.
    ReadConfiguration,
    /// See calls, agents and queues of the whole floor.
    Watch,
    /// Change the status of others, and what they work on.
    Steer,
    /// Work as an agent.
    Work,
    /// Speak for a switch.
    Switch,
}

impl Permission {
    /// Its name in a refusal.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Permission::Configure => "configure",
            Permission::ReadConfiguration => "configuration.read",
            Permission::Watch => "watch",
            Permission::Steer => "steer",
            Permission::Work => "work",
            Permission::Switch => "switch",
        }
    }

    /// Whether a role has it.
    #[must_use]
    pub fn of(self, role: Role) -> bool {
        let admin = matches!(role, Role::Owner | Role::Administrator);
        match self {
            Permission::Configure => admin,
            Permission::ReadConfiguration | Permission::Watch | Permission::Steer => {
                admin || role == Role::Supervisor
            }
            Permission::Work => admin || matches!(role, Role::Supervisor | Role::Agent),
            Permission::Switch => admin || role == Role::Switch,
        }
    }
}

/// Refuses an actor without a permission.
///
/// # Errors
/// 403 `forbidden`, naming it.
pub fn require(actor: &Actor, permission: Permission) -> Result<(), Problem> {
    if permission.of(actor.role) { Ok(()) } else { Err(Problem::forbidden(permission.name())) }
}

/// An agent acts on their own affairs; who may steer acts on anybody's. What is out of sight is
/// told as absent.
///
/// # Errors
/// 403 without the permission to work, 404 for somebody else's affairs.
pub fn require_self_or_steer(actor: &Actor, user: &str) -> Result<(), Problem> {
    if Permission::Steer.of(actor.role) {
        return Ok(());
    }
    require(actor, Permission::Work)?;
    if actor.user.as_deref() == Some(user) {
        return Ok(());
    }
    Err(Problem::not_found("user", user))
}

/// A key of role `switch` speaks for its own switch only; administrators for any (tests of a new
/// switch).
///
/// # Errors
/// 403.
pub fn require_switch(actor: &Actor, switch: &str) -> Result<(), Problem> {
    require(actor, Permission::Switch)?;
    if actor.role == Role::Switch && actor.switch.as_deref() != Some(switch) {
        return Err(Problem::new(
            403,
            "wrong_source",
            "this key is bound to another switch; use that switch's id as source",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::input::Door;

    fn actor(role: Role) -> Actor {
        Actor {
            name: "k".into(),
            role,
            user: Some("usr_ann".into()),
            switch: Some("sw".into()),
            door: Door::default(),
        }
    }

    #[test]
    fn each_role_has_its_permissions_and_no_other() {
        use Permission::{Configure, ReadConfiguration, Steer, Switch, Watch, Work};
        let all = [Configure, ReadConfiguration, Watch, Steer, Work, Switch];
        let of = |role| all.iter().map(|p| u8::from(p.of(role))).collect::<Vec<_>>();
        assert_eq!(of(Role::Owner), [1, 1, 1, 1, 1, 1]);
        assert_eq!(of(Role::Administrator), [1, 1, 1, 1, 1, 1]);
        assert_eq!(of(Role::Supervisor), [0, 1, 1, 1, 1, 0]);
        assert_eq!(of(Role::Agent), [0, 0, 0, 0, 1, 0]);
        assert_eq!(of(Role::Switch), [0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn an_agent_sees_nobody_else() {
        assert!(require_self_or_steer(&actor(Role::Agent), "usr_ann").is_ok());
        let other = require_self_or_steer(&actor(Role::Agent), "usr_bob").map_err(|p| p.status);
        assert_eq!(other, Err(404));
        assert!(require_self_or_steer(&actor(Role::Supervisor), "usr_bob").is_ok());
    }

    #[test]
    fn a_switchs_key_speaks_for_its_own_switch() {
        assert!(require_switch(&actor(Role::Switch), "sw").is_ok());
        assert!(require_switch(&actor(Role::Switch), "other").is_err());
        assert!(require_switch(&actor(Role::Agent), "sw").is_err());
        assert!(require_switch(&actor(Role::Owner), "any").is_ok());
    }
}
