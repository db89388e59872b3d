//! Agencies, which own accounts, and who administers them.

use crate::api::answer::json;
use crate::api::ask::{Ask, Sent};
use crate::api::endpoint::{Method, endpoint};
use crate::api::problem::Answered;
use crate::api::{JSON_BODY, Routes};
use crate::domain::fields::{Fields, ID, LABEL, USER_ID};
use crate::domain::objects::user::Home;
use crate::domain::problem::{FieldError, Problem};
use crate::node::AgencyCommand;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::json;
use std::collections::BTreeSet;
use utoipa::ToSchema;

const TAG: &str = "Accounts";
/// Accounts of one agency at most.
const MOST_ACCOUNTS: usize = 10_000;

/// An agency.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct AgencyRequest {
    /// Shown to people; 1–100 characters.
    name: String,
    /// The accounts that it owns, each no other agency's; none by default.
    #[schema(required = false)]
    accounts: Vec<String>,
}

/// An agency, and who administers it.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct AgencyView {
    /// Its id.
    id: String,
    /// Shown to people.
    name: String,
    /// The accounts that it owns.
    accounts: Vec<String>,
    /// Who may in each of these what administrators may.
    administrators: Vec<Home>,
}

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    const ONE: &str = "/v1/agencies/{agency}/administrators/{home}/{user}";
    routes
        .routes(
            endpoint(
                Method::Get,
                "/v1/agencies",
                "list_agencies",
                "Lists the agencies that one may know of: owners of the account default all, their \
                 administrators their own.",
                list,
            )
            .tag(TAG)
            .answers_list::<AgencyView>("By id.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Put,
                "/v1/agencies/{agency}",
                "put_agency",
                "Makes an agency, or sets its name and the accounts that it owns. Owners of the \
                 account default may.",
                put,
            )
            .tag(TAG)
            .body::<AgencyRequest>(JSON_BODY)
            .answers::<AgencyView>(200, "As it is now.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Put,
                ONE,
                "add_agency_administrator",
                "Has somebody administer an agency: only who is an administrator in one of its \
                 accounts. Owners of the account default may, and who administers it.",
                add,
            )
            .tag(TAG)
            .answers::<AgencyView>(200, "As it is now.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Delete,
                ONE,
                "remove_agency_administrator",
                "Takes an agency from one of its administrators; what it opened is closed.",
                remove,
            )
            .tag(TAG)
            .answers_plain(204, "Taken.")
            .done(),
        )
}

async fn list(ask: Ask) -> Answered {
    ask.no_query()?;
    let items = ask.app.node.agency(ask.account(), ask.actor(), AgencyCommand::List).await?;
    Ok(json(200, &json!({ "items": items, "next": null })))
}

async fn put(sent: Sent) -> Answered {
    let ask = &sent.ask;
    ask.no_query()?;
    let body = sent.json_body()?;
    let mut f = Fields::of(&body);
    let command = AgencyCommand::Put {
        id: ask.param("agency"),
        name: f.text("name", LABEL),
        accounts: f.texts("accounts", MOST_ACCOUNTS, ID),
    };
    let command = f.done(command).map_err(Problem::invalid)?;
    Ok(json(200, &ask.app.node.agency(ask.account(), ask.actor(), command).await?))
}

/// The person whom the path names.
fn named(ask: &Ask) -> Result<Home, Problem> {
    let (account, user) = (ask.param("home"), ask.param("user"));
    if (ID.holds)(&account) && (USER_ID.holds)(&user) {
        return Ok(Home { account: account.into(), user: user.into() });
    }
    let detail = "the path names an account and a user there";
    Err(Problem::invalid(vec![FieldError::new("user", "malformed", detail)]))
}

async fn add(ask: Ask) -> Answered {
    ask.no_query()?;
    let administers = BTreeSet::new();
    let command = AgencyCommand::Add { id: ask.param("agency"), who: named(&ask)?, administers };
    Ok(json(200, &ask.app.node.agency(ask.account(), ask.actor(), command).await?))
}

async fn remove(ask: Ask) -> Answered {
    ask.no_query()?;
    let command = AgencyCommand::Remove { id: ask.param("agency"), who: named(&ask)? };
    ask.app.node.agency(ask.account(), ask.actor(), command).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
