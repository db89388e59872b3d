//! `GET …/audit`: who did what to whom, from where, before and after. Read from the journal's
//! records, as far back as they are kept.

use crate::api::Routes;
use crate::api::answer::json;
use crate::api::ask::Ask;
use crate::api::endpoint::{Method, endpoint};
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
        .answers_list::<Deed>("The newest first.")
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
    let (limit, cursor) = query.page();
    let before = cursor.as_deref().map(str::parse);
    if matches!(before, Some(Err(_))) {
        query.wrong("cursor", "malformed", "must be the `next` of the page before");
    }
    let filter = AuditFilter {
        actor: query.text("actor"),
        subject: query.text("subject"),
        action: query.text("action"),
        from: instant(&mut query, "from"),
        to: instant(&mut query, "to"),
        before: before.and_then(Result::ok),
        limit,
    };
    query.done()?;
    ask.look(Query::Audit).await?;
    let (items, next) = ask.app.node.audit(ask.account(), filter).await?;
    let next = next.map(|seq| seq.to_string());
    Ok(json(200, &json!({ "items": items, "next": next })))
}
