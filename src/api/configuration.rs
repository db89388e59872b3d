//! A whole account as one document: read, and applied.

use crate::api::ask::{Ask, Large};
use crate::api::endpoint::{Method, endpoint};
use crate::api::problem::Answered;
use crate::api::{JSON_BODY, Routes, answer, body};
use crate::domain::document::{Document, brief, from_toml, to_toml};
use crate::domain::input::{Command, Query};
use crate::domain::presence::words;
use crate::domain::problem::Problem;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// The media type of TOML.
const TOML: &str = "application/toml";

words!(
    /// How a document is written.
    Format {
        /// For programs.
        Json => "json",
        /// For people.
        Toml => "toml",
    }
);

/// A whole account, by family and id. Fields that hold their default are left out, and secrets.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct ConfigurationDocument {
    /// The account's settings.
    account: Option<Map<String, Value>>,
    /// Calendars by id; each as its own PUT takes it, as in all families.
    calendars: Option<Map<String, Value>>,
    /// Break reasons by id.
    break_reasons: Option<Map<String, Value>>,
    /// Dispositions by id.
    dispositions: Option<Map<String, Value>>,
    /// The account's own roles by id.
    roles: Option<Map<String, Value>>,
    /// Skills by id.
    skills: Option<Map<String, Value>>,
    /// Users by id; not those who were erased.
    users: Option<Map<String, Value>>,
    /// Teams by id, with `members`: users' ids.
    teams: Option<Map<String, Value>>,
    /// Queues by id, with `members` and `teams`: how they stand there, by user's or team's id.
    queues: Option<Map<String, Value>>,
    /// Groups by id, with `members` as of queues.
    groups: Option<Map<String, Value>>,
    /// Routes by id.
    routes: Option<Map<String, Value>>,
    /// Switches by id; their webhooks without secrets.
    switches: Option<Map<String, Value>>,
    /// Access groups by id.
    access_groups: Option<Map<String, Value>>,
    /// Alert rules by id.
    alert_rules: Option<Map<String, Value>>,
    /// Hooks by id; their webhooks without secrets.
    hooks: Option<Map<String, Value>>,
    /// Scheduled reports by id.
    reports: Option<Map<String, Value>>,
}

/// A field that differs.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct FieldChange {
    /// Its name; of nested fields with dots between them.
    field: String,
    /// Before; null: not there.
    before: Value,
    /// After; null: not there.
    after: Value,
}

/// What became, or would become, of an object or a membership.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct ConfigurationChange {
    /// made, changed or removed.
    change: String,
    /// Which, such as `queues/support` or `queues/support/members/usr_ann`.
    object: String,
    /// The fields that were changed.
    fields: Vec<FieldChange>,
}

/// What a document has changed, or would change.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct ConfigurationChanges {
    /// Whether it was only checked.
    dry_run: bool,
    /// Objects and memberships that were made.
    made: u64,
    /// … changed.
    changed: u64,
    /// … removed.
    removed: u64,
    /// All of them, in the order of the families.
    changes: Vec<ConfigurationChange>,
}

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    const AT: &str = "/v1/accounts/{account}/configuration";
    routes
        .routes(
            endpoint(
                Method::Get,
                AT,
                "read_configuration",
                "Reads the whole account as one document, without secrets. Applied again it changes \
                 nothing.",
                read,
            )
            .tag("Whole account")
            .query_text("format", "json (default) or toml.")
            .answers_as::<ConfigurationDocument>(200, "As of now.", &[JSON_BODY, TOML])
            .done(),
        )
        .routes(
            endpoint(
                Method::Put,
                AT,
                "apply_configuration",
                "Applies a document as a whole, or not at all. What stands in it is so from then on; what \
                 does not is left alone, unless it is pruned. Live calls keep their places.",
                apply,
            )
            .tag("Whole account")
            .query_flag("dry_run", "Check only, change nothing.")
            .query_flag(
                "prune",
                "Of the families that stand in the document, objects that do not are removed; users \
                 are deactivated.",
            )
            .body_as::<ConfigurationDocument>(&[JSON_BODY, TOML])
            .answers::<ConfigurationChanges>(200, "What it has changed.")
            .done(),
        )
}

async fn read(ask: Ask) -> Answered {
    let mut query = ask.query()?;
    let format = query.word("format", Format::parse, Format::ALL).unwrap_or(Format::Json);
    query.done()?;
    let document = answer::body(ask.look(Query::Configuration).await?);
    // What of it a reader needs is found neither where calls are decided nor where requests are read:
    // of a hundred thousand users it takes seconds.
    let document = tokio::task::spawn_blocking(move || brief(document)).await;
    let document = document.map_err(|_| Problem::new(500, "internal", "the document was lost"))?;
    Ok(match format {
        Format::Json => answer::json(200, &document),
        Format::Toml => ([(CONTENT_TYPE, TOML), (CACHE_CONTROL, "no-store")], to_toml(&document))
            .into_response(),
    })
}

async fn apply(Large(sent): Large) -> Answered {
    let mut query = sent.ask.query()?;
    let (dry_run, prune) = (query.flag("dry_run"), query.flag("prune"));
    query.done()?;
    let read = if body::is_of(&sent.ask.headers, &[TOML]).is_ok() {
        let text = std::str::from_utf8(&sent.bytes).map_err(|_| {
            Problem::new(400, "malformed_toml", "the body is no TOML: it is not UTF-8")
        })?;
        from_toml(text)?
    } else {
        sent.json(&[JSON_BODY, TOML])?
    };
    let document = Box::new(Document::read(&read).map_err(Problem::invalid)?);
    Ok(answer::response(sent.ask.change(Command::Apply { document, prune, dry_run }).await?))
}
