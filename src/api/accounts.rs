//! The accounts of the node: made and listed by the node's owners.

use crate::api::answer::json;
use crate::api::ask::{Ask, Sent};
use crate::api::endpoint::{Method, endpoint};
use crate::api::problem::Answered;
use crate::api::schema::IssuedKey;
use crate::api::{JSON_BODY, Routes};
use crate::domain::fields::{Fields, ID};
use crate::domain::ids::Name;
use crate::domain::problem::Problem;
use serde_json::{Value, json};
use utoipa::ToSchema;

const TAG: &str = "Accounts";

/// An account that is to be made.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct AccountRequest {
    /// Its id in paths: [a-z0-9][a-z0-9_-]{0,62}.
    id: String,
}

/// An account that was made.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct FoundedAccount {
    /// Its id.
    id: String,
    /// The key of its first owner, with its secret, which is shown once.
    owner_key: IssuedKey,
}

/// An account of the node.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct AccountItem {
    /// Its id.
    id: String,
}

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    const ALL: &str = "/v1/accounts";
    routes
        .routes(
            endpoint(
                Method::Post,
                ALL,
                "found_account",
                "Makes an account and its first owner's key. Owners of the account default may.",
                found,
            )
            .tag(TAG)
            .body::<AccountRequest>(JSON_BODY)
            .answers::<FoundedAccount>(201, "The account, and the key's secret.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Get,
                ALL,
                "list_accounts",
                "Lists the accounts that one may know of: owners of the account default all of the \
                 node, others their own.",
                list,
            )
            .tag(TAG)
            .query_int("limit", "Items at most, 1–1,000; default 100.")
            .query_text("cursor", "The `next` of the page before.")
            .answers_list::<AccountItem>("By id.")
            .done(),
        )
}

async fn found(sent: Sent) -> Answered {
    let ask = &sent.ask;
    ask.no_query()?;
    let body = sent.json_body()?;
    let mut f = Fields::of(&body);
    let id = f.text("id", ID);
    let id = f.done(id).map_err(Problem::invalid)?;
    let (account, view, secret) =
        ask.app.node.found_account(ask.account(), ask.actor(), &id).await?;
    let mut key = serde_json::to_value(view).unwrap_or_default();
    key["secret"] = json!(secret);
    Ok(json(201, &json!({ "id": account.name, "owner_key": key })))
}

async fn list(ask: Ask) -> Answered {
    let mut query = ask.query()?;
    let (limit, after) = query.page();
    query.done()?;
    let all = ask.app.node.list_accounts(ask.account(), ask.actor()).await?;
    let rest = all.into_iter().filter(|name| after.as_deref().is_none_or(|after| **name > *after));
    let mut page: Vec<Name> = rest.take(limit + 1).collect();
    let more = page.len() > limit;
    page.truncate(limit);
    let next = page.last().filter(|_| more).cloned();
    let items: Vec<Value> = page.iter().map(|name| json!({ "id": name })).collect();
    Ok(json(200, &json!({ "items": items, "next": next })))
}
