//! Invitations.

use crate::api::answer::json;
use crate::api::ask::{Ask, Sent};
use crate::api::endpoint::{Method, endpoint};
use crate::api::problem::Answered;
use crate::api::query::MOST_ITEMS;
use crate::api::{JSON_BODY, Routes};
use crate::domain::fields::Fields;
use crate::domain::objects::User;
use crate::domain::problem::Problem;
use crate::domain::signing::MailStage;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::{Value, json};
use utoipa::ToSchema;

const TAG: &str = "Signing in";

/// Who is to be invited.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct InviteRequest {
    /// Users, up to 1,000; each with `email`, `first_name`, `last_name` and `role`.
    items: Vec<User>,
}

/// What became of an invitation.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct InviteResult {
    /// The user's id; the e-mail of one who was not invited.
    id: String,
    /// 201, or the status of the refusal.
    status: u16,
    /// The link's secret; it is shown once. Null when it goes by mail.
    link: Option<String>,
    /// Whether it goes by mail.
    mailed: Option<bool>,
    /// The link ends then.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// The refusal.
    error: Option<Value>,
}

/// What became of each.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct InviteResults {
    /// In the order of the items.
    results: Vec<InviteResult>,
}

/// Somebody who is invited.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct InviteView {
    /// The user's id.
    user: String,
    /// First and last name.
    name: Option<String>,
    /// The e-mail.
    email: Option<String>,
    /// The role.
    role: String,
    /// The link ends then; null: there is none any more.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// How far its mail is; null: it was shown, and not sent.
    mail: Option<MailStage>,
}

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    const ALL: &str = "/v1/accounts/{account}/invites";
    routes
        .routes(
            endpoint(
                Method::Post,
                ALL,
                "invite",
                "Invites people, each by a one-time link. Who is deactivated is invited again.",
                invite,
            )
            .tag(TAG)
            .once()
            .body::<InviteRequest>(JSON_BODY)
            .answers::<InviteResults>(200, "All are invited.")
            .answers::<InviteResults>(207, "Some are not.")
            .done(),
        )
        .routes(
            endpoint(Method::Get, ALL, "list_invites", "Lists who is invited.", list)
                .tag(TAG)
                .query_int("limit", "Items at most, 1–1,000; default 100.")
                .query_text("cursor", "The `next` of the page before.")
                .answers_list::<InviteView>("By id.")
                .done(),
        )
        .routes(
            endpoint(
                Method::Delete,
                "/v1/accounts/{account}/invites/{user}",
                "uninvite",
                "Takes an invitation back. The user is deactivated.",
                uninvite,
            )
            .tag(TAG)
            .answers_plain(204, "Taken back.")
            .done(),
        )
}

async fn invite(sent: Sent) -> Answered {
    sent.once(async |sent: &Sent| {
        let ask = &sent.ask;
        ask.no_query()?;
        let body = sent.json_body()?;
        let mut f = Fields::of(&body);
        if f.raw("items").is_none() {
            f.missing("items", "a list of users");
        }
        let items: Vec<Value> =
            f.items("items", MOST_ITEMS).into_iter().map(|(_, item)| item.clone()).collect();
        let items = f.done(items).map_err(Problem::invalid)?;
        let mut results = Vec::with_capacity(items.len());
        let mut all_well = true;
        for item in items {
            let email = item["email"].as_str().unwrap_or_default().to_owned();
            results.push(match ask.app.node.invite(ask.account(), ask.actor(), item).await {
                Ok(made) => json!({ "id": made["user"], "status": 201, "link": made["link"],
                    "mailed": made["mailed"], "expires_at": made["expires_at"] }),
                Err(problem) => {
                    all_well = false;
                    json!({ "id": email, "status": problem.status, "error": {
                        "code": problem.code, "detail": problem.detail, "errors": problem.errors,
                        "existing_user": problem.existing_user,
                    } })
                }
            });
        }
        let status = if all_well { 200 } else { 207 };
        Ok(json(status, &json!({ "results": results })))
    })
    .await
}

async fn list(ask: Ask) -> Answered {
    let mut query = ask.query()?;
    let (limit, after) = query.page();
    query.done()?;
    Ok(json(200, &ask.app.node.invites(ask.account(), ask.actor(), limit, after).await?))
}

async fn uninvite(ask: Ask) -> Answered {
    ask.no_query()?;
    ask.app.node.uninvite(ask.account(), ask.actor(), &ask.param("user")).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
