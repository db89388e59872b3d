//! Places of people from other accounts: given, taken back, listed.

use crate::api::answer::json;
use crate::api::ask::{Ask, Sent};
use crate::api::endpoint::{Method, endpoint};
use crate::api::problem::Answered;
use crate::api::{JSON_BODY, Routes};
use crate::domain::fields::{Fields, ID, USER_ID};
use crate::domain::objects::user::{EMAIL, Home, UserState};
use crate::domain::problem::Problem;
use crate::node::Wish;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::json;
use utoipa::ToSchema;

const TAG: &str = "Accounts";

/// Somebody of another account, and the role that they get here.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct GrantRequest {
    /// Who, as `existing_user` of the refusal names them.
    existing_user: Home,
    /// Their e-mail.
    email: String,
    /// A preset, or one of the account's own roles.
    role: String,
}

/// A place that a person has.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
pub(super) struct PlaceView {
    /// The account.
    account: String,
    /// The user there; null: by an agency alone.
    user: Option<String>,
    /// The role there.
    role: String,
    /// As the user's.
    state: UserState,
    /// The agency that owns the account, if the person administers it: then they may there what
    /// administrators may, whatever the role.
    agency: Option<String>,
    /// Whether the person is kept there.
    is_home: bool,
}

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    routes
        .routes(
            endpoint(
                Method::Post,
                "/v1/accounts/{account}/grants",
                "grant",
                "Gives somebody of another account a role in this one. They sign in as before.",
                grant,
            )
            .tag(TAG)
            .once()
            .body::<GrantRequest>(JSON_BODY)
            .answers::<PlaceView>(201, "The place.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Delete,
                "/v1/accounts/{account}/grants/{user}",
                "ungrant",
                "Takes the role back; what it opened here is closed. The user stays, deactivated.",
                ungrant,
            )
            .tag(TAG)
            .answers_plain(204, "Taken back.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Get,
                "/v1/accounts/{account}/users/{user}/grants",
                "list_grants",
                "Lists the accounts in which a user has a role: all to the person and to the account \
                 that keeps them, else that account and this one.",
                list,
            )
            .tag(TAG)
            .answers_list::<PlaceView>("By account.")
            .done(),
        )
}

async fn grant(sent: Sent) -> Answered {
    sent.once(async |sent: &Sent| {
        let ask = &sent.ask;
        ask.no_query()?;
        let body = sent.json_body()?;
        let mut f = Fields::of(&body);
        if f.raw("existing_user").is_none_or(serde_json::Value::is_null) {
            f.missing("existing_user", "an account and the user there");
        }
        let home = f.nested("existing_user", |f| Home {
            account: f.text("account", ID).into(),
            user: f.text("user", USER_ID).into(),
        });
        let (email, role) = (f.text("email", EMAIL), f.text("role", ID));
        let home = home.unwrap_or_else(|| Home { account: "".into(), user: "".into() });
        let wish = f.done(Wish { home, email, role }).map_err(Problem::invalid)?;
        Ok(json(201, &ask.app.node.grant(ask.account(), ask.actor(), wish).await?))
    })
    .await
}

async fn ungrant(ask: Ask) -> Answered {
    ask.no_query()?;
    ask.app.node.ungrant(ask.account(), ask.actor(), &ask.param("user")).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn list(ask: Ask) -> Answered {
    ask.no_query()?;
    let items = ask.app.node.grants(ask.account(), ask.actor(), &ask.param("user")).await?;
    Ok(json(200, &json!({ "items": items, "next": null })))
}
