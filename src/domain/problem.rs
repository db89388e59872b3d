//! How a refusal is told: RFC 9457 problems with a stable word, and every wrong field at once.

use crate::domain::objects::user::Home;
use serde::Serialize;

/// One wrong field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the body, or the query field's name.
    pub pointer: String,
    /// A stable word, such as `required`, `unknown_field`, `out_of_range`.
    pub code: &'static str,
    /// What is wrong and what to do, in words.
    pub detail: String,
}

impl FieldError {
    /// A wrong field.
    pub fn new(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        FieldError { pointer: pointer.into(), code, detail: detail.into() }
    }
}

/// A refusal. It changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The stable machine word.
    pub code: &'static str,
    /// One sentence for a person: what is wrong and the remedy.
    pub detail: String,
    /// Every wrong field.
    pub errors: Vec<FieldError>,
    /// Seconds after which trying again makes sense.
    pub retry_after: Option<u32>,
    /// Of 409 `existing_user`: who is there already.
    pub existing_user: Option<Box<Home>>,
}

impl Problem {
    /// A refusal with a status, a stable word and a sentence.
    pub fn new(status: u16, code: &'static str, detail: impl Into<String>) -> Self {
        Problem {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
            existing_user: None,
        }
    }

    /// 422 `invalid`, with every wrong field.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [one] if one.pointer.is_empty() => one.detail.clone(),
            [one] => format!("{}: {}", one.pointer, one.detail),
            many => format!("{} fields are wrong; see errors", many.len()),
        };
        Problem { errors, ..Problem::new(422, "invalid", detail) }
    }

    /// 404 `not_found`.
    #[must_use]
    pub fn not_found(what: &str, name: &str) -> Self {
        Problem::new(404, "not_found", format!("there is no {what} {name:?} here"))
    }

    /// 403 `forbidden`, naming the permission.
    #[must_use]
    pub fn forbidden(permission: &str) -> Self {
        Problem::new(403, "forbidden", format!("this needs the permission {permission}"))
    }

    /// 409 with a word of its own.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Problem::new(409, code, detail)
    }
}
