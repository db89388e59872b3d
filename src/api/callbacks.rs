//! Callbacks: asked for, listed, changed and cancelled.

use crate::api::answer::response;
use crate::api::ask::{Ask, Sent};
use crate::api::body::{JSON, MERGE_PATCH};
use crate::api::calls::read_call_change;
use crate::api::endpoint::{Method, endpoint};
use crate::api::problem::Answered;
use crate::api::schema::{CallView, CallbackBody, CallbackChangeBody};
use crate::api::{JSON_BODY, Routes};
use crate::domain::cloud_events::read_attributes;
use crate::domain::fields::{Fields, ID, NUMBER};
use crate::domain::ids::{CallId, is_name};
use crate::domain::input::{CallbackChange, CallbackWish, Command, Query};
use crate::domain::objects::SkillNeed;
use crate::domain::problem::{FieldError, Problem};
use serde_json::Value;

const TAG: &str = "Callbacks";
const ALL: &str = "/v1/accounts/{account}/callbacks";
const ONE: &str = "/v1/accounts/{account}/callbacks/{call}";

/// The routes of callbacks.
pub fn routes(routes: Routes) -> Routes {
    routes
        .routes(
            endpoint(
                Method::Get,
                ALL,
                "list_callbacks",
                "Lists the callbacks whose customer is not on the line yet, by age.",
                all,
            )
            .tag(TAG)
            .query_int("limit", "Items at most, 1–1,000; default 100.")
            .query_text("cursor", "The `next` of the page before.")
            .query_text("queue", "Those of one queue or group only.")
            .answers_list::<CallView>("A page.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Post,
                ALL,
                "make_callback",
                "Asks for a callback. It waits in its queue like a call; when an agent has taken it, \
                 the switch is told to dial the customer (`call.originate`).",
                make,
            )
            .tag(TAG)
            .once()
            .body::<CallbackBody>(JSON_BODY)
            .answers::<CallView>(201, "It waits.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Patch,
                ONE,
                "change_callback",
                "Changes a callback that waits. What is left out stays.",
                change,
            )
            .tag(TAG)
            .body::<CallbackChangeBody>("application/merge-patch+json")
            .answers::<CallView>(200, "Changed.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Delete,
                ONE,
                "cancel_callback",
                "Cancels a callback that waits.",
                cancel,
            )
            .tag(TAG)
            .answers_plain(204, "Cancelled.")
            .done(),
        )
}

async fn all(ask: Ask) -> Answered {
    let mut query = ask.query()?;
    let (limit, cursor) = query.page();
    let queue = query.text("queue");
    if queue.as_deref().is_some_and(|queue| !is_name(queue)) {
        query.wrong("queue", "malformed", "must be a queue's id");
    }
    let after = cursor.as_deref().and_then(CallId::parse);
    if cursor.is_some() && after.is_none() {
        query.wrong("cursor", "malformed", "must be the `next` of the page before");
    }
    query.done()?;
    Ok(response(ask.look(Query::Callbacks { queue, limit, after }).await?))
}

async fn make(sent: Sent) -> Answered {
    sent.once(async |sent: &Sent| {
        sent.ask.no_query()?;
        let wish = read_wish(&sent.json(JSON)?).map_err(Problem::invalid)?;
        Ok(response(sent.ask.change(Command::MakeCallback(Box::new(wish))).await?))
    })
    .await
}

fn read_wish(body: &Value) -> Result<CallbackWish, Vec<FieldError>> {
    let mut fields = Fields::of(body);
    let f = &mut fields;
    let wish = CallbackWish {
        queue: f.text("queue", ID),
        number: f.text("number", NUMBER),
        switch: f.text_or_null("switch", ID),
        priority: f.int("priority", -1_000..=1_000, 0),
        skills: SkillNeed::list(f, "skills"),
        not_before: f.instant_or_null("not_before"),
        attributes: read_attributes(f),
    };
    fields.done(wish)
}

async fn change(sent: Sent) -> Answered {
    sent.ask.no_query()?;
    let change = read_change(&sent.json(MERGE_PATCH)?).map_err(Problem::invalid)?;
    let command = Command::ChangeCallback { call: sent.ask.call()?, change: Box::new(change) };
    Ok(response(sent.ask.change(command).await?))
}

/// `{ "number"?, "not_before"?, "priority"?, "skills"?, "queue"? }`; null stands for the default.
fn read_change(body: &Value) -> Result<CallbackChange, Vec<FieldError>> {
    let mut fields = Fields::of(body);
    let f = &mut fields;
    let timed = f.raw("not_before").is_some();
    let change = CallbackChange {
        number: f.is_set("number").then(|| f.text("number", NUMBER)),
        not_before: timed.then(|| f.instant_or_null("not_before")),
        call: read_call_change(f),
    };
    if change == CallbackChange::default() {
        f.wrong_here("required", "must name number, not_before, priority, skills or queue");
    }
    fields.done(change)
}

async fn cancel(ask: Ask) -> Answered {
    ask.no_query()?;
    let command = Command::CancelCallback { call: ask.call()? };
    Ok(response(ask.change(command).await?))
}
