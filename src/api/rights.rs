//! Permissions, and who may what to whom.

use crate::api::answer::{json, response};
use crate::api::ask::Ask;
use crate::api::endpoint::{Method, endpoint};
use crate::api::problem::Answered;
use crate::api::{Routes, query::Queries};
use crate::domain::input::Query;
use crate::domain::problem::Problem;
use crate::domain::rights::Permission;
use serde_json::{Value, json};
use utoipa::ToSchema;

const TAG: &str = "Rights";

/// A permission.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct PermissionView {
    /// Its word.
    id: Permission,
    /// The presets that have it.
    roles: Vec<String>,
}

/// Whether a user may do something.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct Verdict {
    /// The user.
    actor: String,
    /// What.
    action: String,
    /// To whom.
    subject: Option<String>,
    /// Whether.
    allowed: bool,
    /// By which rule, in words.
    rule: String,
}

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    routes
        .routes(
            endpoint(
                Method::Get,
                "/v1/accounts/{account}/permissions",
                "list_permissions",
                "Lists the permissions that roles are made of.",
                permissions,
            )
            .tag(TAG)
            .answers_list::<PermissionView>("All of them.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Get,
                "/v1/accounts/{account}/rights/check",
                "check_rights",
                "Whether a user may do something, to whom, and by which rule. Own rights may be asked \
                 by everybody.",
                check,
            )
            .tag(TAG)
            .query_text("actor", "The user's id; required.")
            .query_text("action", "view, monitor, steer (with a subject), or a permission; required.")
            .query_text("subject", "The user whom it is done to.")
            .answers::<Verdict>(200, "Yes or no, and the rule.")
            .done(),
        )
}

async fn permissions(ask: Ask) -> Answered {
    use crate::domain::objects::user::Role;
    ask.no_query()?;
    let view = |permission: &Permission| {
        let roles = Role::KEYS.iter().filter(|role| role.rights().has(*permission));
        json!({ "id": permission.word(), "roles": roles.map(|role| role.word()).collect::<Vec<_>>() })
    };
    let items: Vec<Value> = Permission::ALL.iter().map(view).collect();
    Ok(json(200, &json!({ "items": items, "next": null })))
}

fn required(query: &mut Queries, name: &'static str) -> String {
    let text = query.text(name);
    if text.is_none() {
        query.wrong(name, "required", "must be said");
    }
    text.unwrap_or_default()
}

async fn check(ask: Ask) -> Answered {
    let mut query = ask.query()?;
    let actor = required(&mut query, "actor");
    let action = required(&mut query, "action");
    let subject = query.text("subject");
    query.done()?;
    let asked = Query::Rights { actor, action, subject };
    let answer: Result<_, Problem> = ask.look(asked).await;
    Ok(response(answer?))
}
