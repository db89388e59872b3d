//! Reasons of breaks.

use crate::domain::fields::{Fields, LABEL};
use crate::domain::problem::FieldError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Why an agent takes a break; `PUT …/break_reasons/{reason}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BreakReason {
    /// Shown to people; 1–100 characters.
    pub name: String,
}

impl BreakReason {
    /// Reads a body.
    ///
    /// # Errors
    /// Every wrong field.
    pub fn parse(body: &Value) -> Result<BreakReason, Vec<FieldError>> {
        let mut fields = Fields::of(body);
        let reason = BreakReason { name: fields.text("name", LABEL) };
        fields.done(reason)
    }

    /// All fields, as the wire shows them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "name": self.name })
    }
}
