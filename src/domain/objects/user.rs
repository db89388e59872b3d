//! Skills and users.

use crate::domain::media::Media;
use crate::domain::presence::words;
use crate::domain::time::{self, Millis};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A skill; `PUT …/skills/{skill}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Skill {
    /// Shown to people; 1–100 characters.
    pub name: String,
    /// Whether a user's skill must state a level; default false. A skill held without a level
    /// counts as 1,000.
    pub level_required: bool,
    /// Lowest level, 1–100; default 1.
    pub min: u16,
    /// Highest level, `min`–100; default 100.
    pub max: u16,
}

words!(
    /// What kind of user, for billing and function.
    UserKind {
        /// Works queues and groups.
        ContactCentre => "contact_centre",
        /// A telephone: a number or extension. Never leased out, online from creation, offered
        /// calls of groups only.
        Pbx => "pbx",
    }
);

words!(
    /// A user's life in the account.
    UserState {
        /// Works.
        Active => "active",
        /// Listed, but may nothing.
        Deactivated => "deactivated",
    }
);

words!(
    /// Whether the user's place is in force.
    Assignment {
        /// Works fully.
        Active => "active",
        /// In training: never offered calls.
        Training => "training",
        /// Not yet in force.
        Pending => "pending",
    }
);

words!(
    /// What a person or program may do (the full set of roles comes with people and rights).
    Role {
        /// Everything, and cannot be taken away.
        Owner => "owner",
        /// Everything in the account.
        Administrator => "administrator",
        /// Sees and steers the floor.
        Supervisor => "supervisor",
        /// Works calls; sees own work.
        Agent => "agent",
        /// A telephony switch.
        Switch => "switch",
    }
);

/// A user; `PUT …/users/usr_…`. Personal values live in the vault, not in the journal's records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct User {
    /// Names, address and endpoint.
    #[serde(flatten)]
    pub personal: Personal,
    /// contact_centre (default) or pbx.
    #[serde(rename = "type")]
    pub kind: UserKind,
    /// owner, administrator, supervisor or agent (default).
    pub role: Role,
    /// Own extension, digits, unique over users and groups.
    pub extension: Option<String>,
    /// Skill → level; null = held without a level (counts as 1,000).
    pub skills: BTreeMap<String, Option<u16>>,
    /// Media → calls at once; voice 1 and others 1 when left out; 0–100.
    pub capacity: BTreeMap<Media, u8>,
    /// active (default) or deactivated.
    pub state: UserState,
    /// active (default), training or pending.
    pub assignment: Assignment,
    /// Blocked until then.
    #[serde(with = "time::wire_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub blocked_until: Option<Millis>,
    /// Whether the agent may opt in and out of queues; default true.
    pub may_opt: bool,
}

/// The personal values of a user; kept in the vault under one key, erased together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Personal {
    /// E-mail; null when none or erased.
    pub email: Option<String>,
    /// First name; required, null only when erased.
    pub first_name: Option<String>,
    /// Last name; required, null only when erased.
    pub last_name: Option<String>,
    /// Where the phone rings: `sip:…`, an extension or a number. Null: works at the desk only.
    pub endpoint: Option<String>,
}

impl User {
    /// Calls at once of a medium: the set value, else 1.
    #[must_use]
    pub fn capacity_of(&self, media: Media) -> u8 {
        self.capacity.get(&media).copied().unwrap_or(1)
    }
}
