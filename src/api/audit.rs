//! `GET …/audit`: who did what to whom, from where, before and after. Read from the journal's
//! records, as far back as they are kept.

use crate::api::Routes;
use crate::api::ask::Ask;
use crate::api::endpoint::{Method, endpoint};
use crate::api::exports::{self, FILE_PAGE, Format, KINDS, List};
use crate::api::ground::FORMAT;
use crate::api::problem::Answered;
use crate::api::query::Queries;
use crate::domain::input::Query;
use crate::domain::time::Millis;
use crate::node::AuditFilter;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// A field that was changed.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct ChangedField {
    /// Its name.
    field: String,
    /// Before; null when it was not there, is personal, secret, or longer than 2 KiB.
    before: Option<Value>,
    /// After; as `before`.
    after: Option<Value>,
}

/// Something that somebody did.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct Deed {
    /// The record.
    seq: u64,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Who: the key's name or the user's id.
    by: String,
    /// The user, of a session or of a key of role `agent`.
    user: Option<String>,
    /// The key; null: a session.
    key: Option<String>,
    /// From which address; null when it is no longer kept.
    from: Option<String>,
    /// What, such as `user.put`, `queue.delete`, `status.force`, `password.set`.
    action: String,
    /// To whom or what: an id; of a member the queue's, a slash and the user's.
    subject: String,
    /// The fields that were changed.
    changed: Vec<ChangedField>,
}

/// A page of what was done.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct AuditPage {
    /// The newest first.
    items: Vec<Deed>,
    /// Send it as `cursor` for the next page; null at the end.
    next: Option<String>,
}

/// The headings of a file: a row for each field that was changed.
const COLUMNS: [&str; 11] =
    ["seq", "at", "by", "user", "key", "from", "action", "subject", "field", "before", "after"];

/// The route.
pub fn routes(routes: Routes) -> Routes {
    routes.routes(
        endpoint(
            Method::Get,
            "/v1/accounts/{account}/audit",
            "list_audit",
            "Lists who did what to whom, the newest first. A page may be short, or empty, and still \
             have a next.",
            list,
        )
        .tag("Rights")
        .query_int("limit", "Items at most, 1–1,000; default 100.")
        .query_text("cursor", "The `next` of the page before.")
        .query_text("actor", "Done by this user or key, as `by` says.")
        .query_text("subject", "Done to this.")
        .query_text("action", "This was done; `user` stands for all of its kind.")
        .query_text("from", "At this instant or later, RFC 3339.")
        .query_text("to", "Before this instant, RFC 3339.")
        .query_text("format", FORMAT)
        .answers_as::<AuditPage>(200, "A page, the newest first.", &KINDS)
        .done(),
    )
}

fn instant(query: &mut Queries, name: &'static str) -> Option<Millis> {
    let text = query.text(name)?;
    let at = Millis::parse_rfc3339(&text).ok();
    if at.is_none() {
        query.wrong(name, "malformed", "must be an instant such as 2026-11-21T20:00:00.000Z");
    }
    at
}

async fn list(ask: Ask) -> Answered {
    let mut query = ask.query()?;
    let format = Format::wanted(&mut query, &ask.headers);
    let (limit, cursor) = query.page();
    let before = cursor.as_deref().map(str::parse::<u64>);
    if matches!(before, Some(Err(_))) {
        query.wrong("cursor", "malformed", "must be the `next` of the page before");
    }
    let filter = AuditFilter {
        actor: query.text("actor"),
        subject: query.text("subject"),
        action: query.text("action"),
        from: instant(&mut query, "from"),
        to: instant(&mut query, "to"),
        before: None,
        limit: if format == Format::Json { limit } else { FILE_PAGE },
    };
    query.done()?;
    ask.look(Query::Audit).await?;
    let (app, account) = (ask.app.clone(), ask.account().clone());
    let page = move |cursor: Option<String>| -> exports::Page {
        let before = cursor.and_then(|seq| seq.parse().ok());
        let filter = AuditFilter { before, ..filter.clone() };
        let (app, account) = (app.clone(), account.clone());
        Box::pin(async move {
            let (items, next) = app.node.audit(&account, filter).await?;
            Ok(json!({ "items": items, "next": next.map(|seq| seq.to_string()) }))
        })
    };
    let columns = COLUMNS.map(str::to_owned).to_vec();
    let list = List { name: "audit".to_owned(), columns, rows, page: Box::new(page) };
    exports::answer(format, list, cursor).await
}

/// The rows of a deed: one for each field that was changed, one of what changed none.
fn rows(columns: &[String], deed: &Value) -> Vec<Vec<Value>> {
    let none = [Value::Null];
    let changed = deed["changed"].as_array().map_or(&[][..], Vec::as_slice);
    let changed = if changed.is_empty() { &none[..] } else { changed };
    let cell = |change: &Value, name: &str| match name {
        "field" | "before" | "after" => change[name].clone(),
        name => deed[name].clone(),
    };
    let row = |change| columns.iter().map(|name| cell(change, name)).collect();
    changed.iter().map(row).collect()
}
