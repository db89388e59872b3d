//! Saved views: an address of the console under a name, kept for a person.

use crate::domain::fields::{Fields, LABEL, Rule};
use crate::domain::presence::words;
use crate::domain::problem::FieldError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

words!(
    /// Who else may open a view.
    SharedWith {
        /// Nobody.
        Nobody => "nobody",
        /// Who is in a team with its owner.
        Team => "team",
        /// Whoever may watch or work in the account.
        Account => "account",
    }
);

/// A view that a user has saved; `PUT …/users/{user}/views/{view}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SavedView {
    /// Shown to people; 1–100 characters.
    pub name: String,
    /// The address within the console: the page, with filters, order, columns and what else it says;
    /// at most 2,000 characters.
    pub path: String,
    /// The zone in which times are shown: a name, `site`, or empty for the browser's; null leaves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Who else may open it.
    pub shared: SharedWith,
}

const PATH: Rule = Rule {
    must_be: "a path of the console: 1 to 2,000 printable ASCII characters, the first a single /",
    holds: |text| {
        (1..=2_000).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_graphic())
            && text.starts_with('/')
            && !text.starts_with("//")
    },
};
const ZONE: Rule = Rule {
    must_be: "a zone's name of at most 64 characters, site, or empty",
    holds: |text| text.len() <= 64 && text.bytes().all(|b| b.is_ascii_graphic()),
};

impl SavedView {
    /// Reads a body.
    ///
    /// # Errors
    /// Every wrong field.
    pub fn parse(body: &Value) -> Result<SavedView, Vec<FieldError>> {
        let mut f = Fields::of(body);
        let view = SavedView {
            name: f.text("name", LABEL),
            path: f.text("path", PATH),
            zone: f.text_or_null("zone", ZONE),
            shared: f.word("shared", SharedWith::parse, SharedWith::ALL, SharedWith::Nobody),
        };
        f.done(view)
    }

    /// All fields, as the wire shows them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "name": self.name, "path": self.path, "zone": self.zone, "shared": self.shared })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_within_the_console() {
        let with = |path: &str| SavedView::parse(&json!({ "name": "V", "path": path }));
        let made = with("/live?show=busy&sort=since.down").expect("a view");
        assert_eq!(made.shared, SharedWith::Nobody);
        assert_eq!(SavedView::parse(&made.to_json()), Ok(made));
        let long = format!("/{}", "x".repeat(2_000));
        for path in ["", "live", "//elsewhere.test/", "/a b", "javascript:1", &long] {
            let errors = with(path).expect_err("no path of the console");
            assert_eq!((&*errors[0].pointer, errors[0].code), ("/path", "malformed"), "{path}");
        }
    }

    #[test]
    fn every_wrong_field_is_told() {
        let body = json!({ "zone": "x".repeat(65), "shared": "all", "colour": 1 });
        let errors = SavedView::parse(&body).expect_err("wrong");
        let told: Vec<_> = errors.iter().map(|e| &*e.pointer).collect();
        assert_eq!(told, ["/name", "/path", "/zone", "/shared", "/colour"]);
    }
}
