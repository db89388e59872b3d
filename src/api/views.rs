//! Saved views: a person's own addresses of the console, by name, and those that others share.

use crate::api::Routes;
use crate::api::answer::response;
use crate::api::ask::{Ask, Sent};
use crate::api::body::JSON;
use crate::api::endpoint::{Method, endpoint};
use crate::api::problem::Answered;
use crate::api::schema::ViewShown;
use crate::domain::ids::{NAME_RULE, is_name};
use crate::domain::input::{Command, Query};
use crate::domain::objects::SavedView;
use crate::domain::problem::{FieldError, Problem};
use serde_json::Value;

const TAG: &str = "Views";
const ONE: &str = "/v1/accounts/{account}/users/{user}/views/{view}";

/// The routes of saved views.
pub fn routes(routes: Routes) -> Routes {
    routes
        .routes(
            endpoint(
                Method::Get,
                "/v1/accounts/{account}/views",
                "list_views",
                "Lists the views that you may open: your own by name, then those that others share.",
                list,
            )
            .tag(TAG)
            .answers_list::<ViewShown>("All of them.")
            .done(),
        )
        .routes(
            endpoint(Method::Get, ONE, "get_view", "Reads a view.", read)
                .tag(TAG)
                .answers::<ViewShown>(200, "All its fields; its version as `ETag`.")
                .done(),
        )
        .routes(
            endpoint(
                Method::Put,
                ONE,
                "put_view",
                "Creates or replaces a view of your own, of which there are 100 at most. To share one \
                 needs the permission `steer`.",
                write,
            )
            .conditional()
            .tag(TAG)
            .body::<SavedView>("application/json")
            .answers::<ViewShown>(200, "Replaced.")
            .answers::<ViewShown>(201, "Created.")
            .done(),
        )
        .routes(
            endpoint(Method::Delete, ONE, "delete_view", "Deletes a view of your own.", remove)
                .conditional()
                .tag(TAG)
                .answers_plain(204, "Deleted.")
                .done(),
        )
}

async fn list(ask: Ask) -> Answered {
    ask.no_query()?;
    Ok(response(ask.look(Query::Views).await?))
}

async fn read(ask: Ask) -> Answered {
    ask.no_query()?;
    let (user, id) = (ask.param("user"), ask.param("view"));
    Ok(response(ask.look(Query::View { user, id }).await?))
}

async fn write(sent: Sent) -> Answered {
    let ask = &sent.ask;
    ask.no_query()?;
    let mut body = sent.json(JSON)?;
    let (user, id) = (ask.param("user"), ask.param("view"));
    if !is_name(&id) {
        let detail = format!("{id:?} cannot be an id: ids here are {NAME_RULE}");
        return Err(Problem::new(422, "invalid_id", detail).into());
    }
    shown_fields(&id, &mut body)?;
    let view = Box::new(SavedView::parse(&body).map_err(Problem::invalid)?);
    let only_if = ask.only_if()?;
    Ok(response(ask.change(Command::PutView { user, id, view, only_if }).await?))
}

async fn remove(ask: Ask) -> Answered {
    ask.no_query()?;
    let (user, id, only_if) = (ask.param("user"), ask.param("view"), ask.only_if()?);
    Ok(response(ask.change(Command::DeleteView { user, id, only_if }).await?))
}

/// What answers show besides may be sent back, and says nothing; but the id must be that of the path.
fn shown_fields(id: &str, body: &mut Value) -> Result<(), Problem> {
    let Some(fields) = body.as_object_mut() else { return Ok(()) };
    for shown in ["user", "user_name", "own", "version"] {
        fields.remove(shown);
    }
    match fields.remove("id") {
        Some(said) if said.as_str() != Some(id) => {
            let detail = format!("must be {id:?}, as in the path, or left out");
            Err(Problem::invalid(vec![FieldError::new("/id", "conflict", detail)]))
        }
        _ => Ok(()),
    }
}
