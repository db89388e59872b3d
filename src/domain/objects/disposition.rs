//! Dispositions: how calls were dealt with.

use crate::domain::fields::{Fields, LABEL};
use crate::domain::problem::FieldError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A label for finished calls; `PUT …/dispositions/{disposition}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Disposition {
    /// Shown to people; 1–100 characters.
    pub name: String,
}

impl Disposition {
    /// Reads a body.
    ///
    /// # Errors
    /// Every wrong field.
    pub fn parse(body: &Value) -> Result<Disposition, Vec<FieldError>> {
        let mut fields = Fields::of(body);
        let disposition = Disposition { name: fields.text("name", LABEL) };
        fields.done(disposition)
    }

    /// All fields, as the wire shows them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "name": self.name })
    }
}
