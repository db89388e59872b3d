//! Alerts: what rules find wrong of figures, and who sees to it.

use crate::api::Routes;
use crate::api::answer::response;
use crate::api::ask::{Ask, Sent};
use crate::api::endpoint::{Method, endpoint};
use crate::api::problem::Answered;
use crate::domain::input::{Command, Query};
use crate::domain::rows::AlertRow;

const TAG: &str = "Figures";

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    routes
        .routes(
            endpoint(
                Method::Get,
                "/v1/accounts/{account}/alerts",
                "list_alerts",
                "Lists alerts, the newest first: open ones, and for a quarter of an hour at least \
                 those that are over.",
                list,
            )
            .tag(TAG)
            .query_flag("open", "Only the open ones, or only the others.")
            .query_int("limit", "Items at most, 1–1,000; default 100.")
            .query_text("cursor", "The `next` of the page before.")
            .answers_list::<AlertRow>("A page.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Post,
                "/v1/accounts/{account}/alerts/{alert}/acknowledge",
                "acknowledge_alert",
                "Says that somebody sees to it. Who was first stays.",
                acknowledge,
            )
            .tag(TAG)
            .once()
            .answers::<AlertRow>(200, "As it is now.")
            .done(),
        )
}

async fn list(ask: Ask) -> Answered {
    let mut query = ask.query()?;
    let (limit, after) = query.page();
    let open = query.flag_or_none("open");
    query.done()?;
    Ok(response(ask.look(Query::Alerts { open, limit, after }).await?))
}

async fn acknowledge(sent: Sent) -> Answered {
    sent.once(async |sent: &Sent| {
        sent.ask.no_query()?;
        let alert = sent.ask.param("alert");
        Ok(response(sent.ask.change(Command::Acknowledge { alert }).await?))
    })
    .await
}
