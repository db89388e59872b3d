//! API keys: issued, listed, revoked. Decided by the node's registry, not by an account's engine.

use crate::access::KeyView;
use crate::api::answer::json;
use crate::api::ask::{Ask, Sent};
use crate::api::endpoint::{Method, endpoint};
use crate::api::problem::Answered;
use crate::api::schema::IssuedKey;
use crate::api::{JSON_BODY, Routes};
use crate::domain::fields::{Fields, ID, LABEL, Rule, USER_ID};
use crate::domain::ids::KeyId;
use crate::domain::objects::user::Role;
use crate::domain::problem::{FieldError, Problem};
use crate::node::KeyRequest;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::{Value, json};

const TAG: &str = "Keys";

/// The routes of keys.
pub fn routes(routes: Routes) -> Routes {
    const ALL: &str = "/v1/accounts/{account}/keys";
    routes
        .routes(
            endpoint(
                Method::Post,
                ALL,
                "issue_key",
                "Issues an API key. Its secret is answered once and never shown again.",
                issue,
            )
            .tag(TAG)
            .once()
            .body::<KeyRequest>(JSON_BODY)
            .answers::<IssuedKey>(201, "The key and its secret.")
            .done(),
        )
        .routes(
            endpoint(Method::Get, ALL, "list_keys", "Lists the account's keys.", list)
                .tag(TAG)
                .query_int("limit", "Items at most, 1–1,000; default 100.")
                .query_text("cursor", "The `next` of the page before.")
                .answers_list::<KeyView>("Oldest first, without secrets.")
                .done(),
        )
        .routes(
            endpoint(
                Method::Delete,
                "/v1/accounts/{account}/keys/{key}",
                "revoke_key",
                "Revokes a key; what it opened is closed.",
                revoke,
            )
            .tag(TAG)
            .answers_plain(204, "Revoked.")
            .done(),
        )
}

const NETWORK: Rule = Rule {
    must_be: "an address or a range, such as 10.0.0.0/8",
    holds: |text| crate::access::Network::parse(text).is_ok(),
};

const WORD: Rule =
    Rule { must_be: "the word of a permission", holds: |text| (1..=40).contains(&text.len()) };

fn read(body: &Value) -> Result<KeyRequest, Vec<FieldError>> {
    let mut f = Fields::of(body);
    if f.raw("role").is_none() {
        f.missing("role", "a preset, such as supervisor, agent or switch");
    }
    let request = KeyRequest {
        name: f.text("name", LABEL),
        role: f.word("role", Role::of_key, Role::KEYS, Role::Agent),
        user: f.text_or_null("user", USER_ID),
        switch: f.text_or_null("switch", ID),
        expires_at: f.instant_or_null("expires_at"),
        networks: f.texts("networks", 100, NETWORK),
        scopes: f.raw("scopes").is_some_and(|v| !v.is_null()).then(|| f.texts("scopes", 100, WORD)),
    };
    f.done(request)
}

async fn issue(sent: Sent) -> Answered {
    sent.once(async |sent: &Sent| {
        sent.ask.no_query()?;
        let request = read(&sent.json_body()?).map_err(Problem::invalid)?;
        let ask = &sent.ask;
        let (view, secret) = ask.app.node.issue_key(ask.account(), ask.actor(), request).await?;
        let mut body = serde_json::to_value(view).unwrap_or_default();
        body["secret"] = json!(secret);
        Ok(json(201, &body))
    })
    .await
}

async fn list(ask: Ask) -> Answered {
    let mut query = ask.query()?;
    let (limit, cursor) = query.page();
    let after = cursor.as_deref().map(KeyId::parse);
    if after == Some(None) {
        query.wrong("cursor", "malformed", "must be the `next` of the page before");
    }
    query.done()?;
    let keys = ask.app.node.list_keys(ask.account(), ask.actor()).await?;
    let after = after.flatten().unwrap_or_default();
    let mut rest = keys.into_iter().filter(|key| key.id > after);
    let items: Vec<KeyView> = rest.by_ref().take(limit).collect();
    let more = rest.next().is_some();
    let next = items.last().filter(|_| more).map(|key| key.id.to_string());
    Ok(json(200, &json!({ "items": items, "next": next })))
}

async fn revoke(ask: Ask) -> Answered {
    ask.no_query()?;
    let text = ask.param("key");
    let id = KeyId::parse(&text).ok_or_else(|| Problem::not_found("key", &text))?;
    ask.app.node.revoke_key(ask.account(), ask.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
