//! Teams.

use crate::domain::fields::{Fields, LABEL};
use crate::domain::problem::FieldError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Agents under a supervisor; `PUT …/teams/{team}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Team {
    /// Shown to people; 1–100 characters.
    pub name: String,
}

impl Team {
    /// Reads a body.
    ///
    /// # Errors
    /// Every wrong field.
    pub fn parse(body: &Value) -> Result<Team, Vec<FieldError>> {
        let mut fields = Fields::of(body);
        let team = Team { name: fields.text("name", LABEL) };
        fields.done(team)
    }

    /// All fields, as the wire shows them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "name": self.name })
    }
}

/// A user's place in a team; `PUT …/teams/{team}/members/{user}`. It has nothing to set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, utoipa::ToSchema)]
pub struct TeamMember {}

impl TeamMember {
    /// Reads a body.
    ///
    /// # Errors
    /// Every wrong field.
    pub fn parse(body: &Value) -> Result<TeamMember, Vec<FieldError>> {
        Fields::of(body).done(TeamMember {})
    }
}
