//! Lists of the past: calls, and agents' time.

use crate::api::Routes;
use crate::api::ask::Ask;
use crate::api::endpoint::{Method, endpoint};
use crate::api::exports::{self, FILE_PAGE, Format, KINDS, List, fields};
use crate::api::ground::{CURSOR, FORMAT, FROM, Ground, LIMIT, TO, ZONE, page_of};
use crate::api::problem::Answered;
use crate::domain::ids::{CallId, Name};
use crate::domain::problem::Problem;
use crate::domain::time::Millis;
use crate::node::Fresh;
use crate::reporting::figures::Seen;
use crate::reporting::history::Across;
use crate::reporting::history::lists::CallWish;
use crate::reporting::history::read::Look;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use utoipa::ToSchema;

const TAG: &str = "Figures";

/// A call of the past.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct HistoryCall {
    /// The call's id; its trace stands under `calls/{id}/trace` for as long as records are kept.
    id: String,
    /// When it came.
    #[schema(format = DateTime)]
    arrived_at: String,
    /// When it was over; null: it is not.
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    /// answered, abandoned, exited, transferred or failed.
    outcome: Option<String>,
    /// Why, or by whom.
    reason: Option<String>,
    /// voice, chat, ….
    media: String,
    /// The dialled number.
    to: Option<String>,
    /// Skills that it asked for on its arrival.
    skills: Vec<String>,
    /// It is a callback, …
    callback: bool,
    /// … in the place of this call.
    callback_of: Option<String>,
    /// The queues and groups it was in: since when, how long it waited, and what came of it.
    stays: Vec<Value>,
    /// To whom it was offered, and what came of it.
    offers: Vec<Value>,
    /// Who had it: talk, hold and after-call work, and the disposition.
    agents: Vec<Value>,
}

/// Time of an agent in one state.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct TimelineSpan {
    /// From when …
    #[schema(format = DateTime)]
    from: String,
    /// … until when.
    #[schema(format = DateTime)]
    to: String,
    /// How long.
    ms: u64,
    /// The chosen status.
    status: String,
    /// What the agent did; null: offline.
    detail: Option<String>,
    /// A break's reason.
    reason: Option<String>,
}

/// A page of calls of the past.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct HistoryCalls {
    /// The last record that is in it.
    seq: u64,
    /// When that was decided.
    #[schema(format = DateTime)]
    as_of: String,
    /// What is older has aged out.
    #[schema(format = DateTime)]
    kept_from: Option<String>,
    /// By arrival.
    items: Vec<HistoryCall>,
    /// Send it as `cursor` for the next page; null at the end.
    next: Option<String>,
}

/// A page of what an agent did.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct Timeline {
    /// The last record that is in it.
    seq: u64,
    /// When that was decided.
    #[schema(format = DateTime)]
    as_of: String,
    /// What is older has aged out.
    #[schema(format = DateTime)]
    kept_from: Option<String>,
    /// By beginning.
    items: Vec<TimelineSpan>,
    /// Send it as `cursor` for the next page; null at the end.
    next: Option<String>,
}

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    routes
        .routes(
            endpoint(
                Method::Get,
                "/v1/accounts/{account}/history/calls",
                "list_history_calls",
                "Lists calls of the past by their arrival, with their stays, offers and agents. An agent \
                 gets the own.",
                calls,
            )
            .tag(TAG)
            .query_text("from", FROM)
            .query_text("to", TO)
            .query_text("zone", ZONE)
            .query_text("queue", "That were in this queue or group.")
            .query_text("agent", "That were offered to this agent, or had.")
            .query_text("outcome", "answered, abandoned, exited, transferred, failed, or open.")
            .query_flag("callbacks", "Callbacks only.")
            .query_text("format", FORMAT)
            .query_int("limit", LIMIT)
            .query_text("cursor", CURSOR)
            .answers_as::<HistoryCalls>(200, "A page, by arrival.", &KINDS)
            .done(),
        )
        .routes(
            endpoint(
                Method::Get,
                "/v1/accounts/{account}/agents/{user}/timeline",
                "agent_timeline",
                "Tells what an agent did, span by span; time offline is left out.",
                timeline,
            )
            .tag(TAG)
            .query_text("from", FROM)
            .query_text("to", TO)
            .query_text("zone", ZONE)
            .query_text("format", FORMAT)
            .query_int("limit", LIMIT)
            .query_text("cursor", CURSOR)
            .answers_as::<Timeline>(200, "A page, by beginning.", &KINDS)
            .done(),
        )
}

const CALL_COLUMNS: [&str; 18] = [
    "id",
    "arrived_at",
    "ended_at",
    "outcome",
    "reason",
    "media",
    "to",
    "skills",
    "callback",
    "callback_of",
    "queues",
    "waited_ms",
    "exits",
    "agents",
    "talk_ms",
    "hold_ms",
    "wrap_up_ms",
    "dispositions",
];
/// How calls may have ended.
const OUTCOMES: [&str; 6] = ["answered", "abandoned", "exited", "transferred", "failed", "open"];

async fn calls(ask: Ask) -> Answered {
    let mut query = ask.query()?;
    let format = Format::wanted(&mut query, &ask.headers);
    let (limit, cursor) = query.page();
    let (queue, agent) = (query.text("queue"), query.text("agent"));
    let outcome = query.text("outcome");
    if let Some(wrong) = outcome.as_deref().filter(|word| !OUTCOMES.contains(word)) {
        let detail = format!("must be one of {}; {wrong:?} is not", OUTCOMES.join(", "));
        query.wrong("outcome", "unknown_value", detail);
    }
    let callbacks = query.flag("callbacks");
    if let Some(wrong) = cursor.as_deref().filter(|text| CallId::parse(text).is_none()) {
        query.wrong("cursor", "malformed", format!("{wrong:?} is not the next of a page"));
    }
    let ground = Ground::of(&ask, &mut query, None).await?;
    let (from, until) = ground.range(&mut query);
    query.done()?;
    let limit = if format == Format::Json { limit } else { FILE_PAGE };
    let (app, account, ground) = (ask.app.clone(), ask.account().clone(), Arc::new(ground));
    let page = move |after: Option<String>| -> exports::Page {
        let after = after.as_deref().and_then(CallId::parse);
        let (queue, agent, outcome) = (queue.clone(), agent.clone(), outcome.clone());
        let wish = CallWish { from, until, queue, agent, outcome, callbacks, after, limit };
        let (app, account, ground) = (app.clone(), account.clone(), Arc::clone(&ground));
        Box::pin(async move {
            let look = move |look: &Look<'_>| {
                let (calls, more) =
                    look.calls(&wish, &|call| ground.seen.sees(&call.queues, &call.agents))?;
                let next = calls.last().filter(|_| more).map(|call| call.id.to_string());
                let items = calls.into_iter().map(|call| ground.seen.part(call.body, &call.queues));
                let items = items.collect();
                Ok(page_of(look, json!({}), items, next))
            };
            app.node.history(&account, Fresh::Counted, look).await
        })
    };
    let columns = CALL_COLUMNS.map(str::to_owned).to_vec();
    let list = List { name: "calls".to_owned(), columns, rows: call_rows, page: Box::new(page) };
    exports::answer(format, list, cursor).await
}

/// A row of a call: what happened more than once stands together.
fn call_rows(columns: &[String], call: &Value) -> Vec<Vec<Value>> {
    let parts = |list: &str, field: &str| -> Vec<Value> {
        let all = call[list].as_array().into_iter().flatten();
        all.map(|part| part[field].clone()).filter(|value| !value.is_null()).collect()
    };
    let sum = |list: &str, field: &str| -> Value {
        json!(parts(list, field).iter().filter_map(Value::as_i64).sum::<i64>())
    };
    let cell = |name: &str| match name {
        "queues" => Value::Array(parts("stays", "queue")),
        "waited_ms" => sum("stays", "waited_ms"),
        "exits" => Value::Array(parts("stays", "exit")),
        "agents" => Value::Array(parts("agents", "agent")),
        "talk_ms" | "hold_ms" | "wrap_up_ms" => sum("agents", name),
        "dispositions" => Value::Array(parts("agents", "disposition")),
        name => call[name].clone(),
    };
    vec![columns.iter().map(|name| cell(name)).collect()]
}

impl Seen {
    /// Whether a call is in sight: a queue of it, or an agent.
    fn sees(&self, of_queues: &[Name], of_agents: &[Name]) -> bool {
        let Seen::Some(part) = self else { return true };
        let has = |all: &BTreeSet<Name>, of: &[Name]| of.iter().any(|name| all.contains(name));
        has(&part.queues, of_queues) || has(&part.users, of_agents)
    }

    /// Of a call of other queues, only what agents in sight had to do with it.
    fn part(&self, mut call: Value, of_queues: &[Name]) -> Value {
        let Seen::Some(seen) = self else { return call };
        if of_queues.iter().any(|queue| seen.queues.contains(queue)) {
            return call;
        }
        for list in ["offers", "agents"] {
            if let Some(all) = call[list].as_array_mut() {
                all.retain(|part| {
                    part["agent"].as_str().is_some_and(|agent| seen.users.contains(agent))
                });
            }
        }
        call
    }
}

async fn timeline(ask: Ask) -> Answered {
    let user = ask.param("user");
    let mut query = ask.query()?;
    let format = Format::wanted(&mut query, &ask.headers);
    let (limit, cursor) = query.page();
    if let Some(wrong) = cursor.as_deref().filter(|text| text.parse::<i64>().is_err()) {
        query.wrong("cursor", "malformed", format!("{wrong:?} is not the next of a page"));
    }
    let ground = Ground::of(&ask, &mut query, Some(&user)).await?;
    let (from, until) = ground.range(&mut query);
    query.done()?;
    let unknown = || Problem::not_found("user", &user);
    if !ground.has(Across::Agent, &user) {
        return Err(unknown().into());
    }
    let fresh = Fresh::until(until, ground.now);
    let limit = if format == Format::Json { limit } else { FILE_PAGE };
    let (app, account) = (ask.app.clone(), ask.account().clone());
    let whose = user.clone();
    let page = move |after: Option<String>| -> exports::Page {
        let from = Millis(after.and_then(|at| at.parse().ok()).unwrap_or(from.0).max(from.0));
        let (app, account, user) = (app.clone(), account.clone(), whose.clone());
        Box::pin(async move {
            let look = move |look: &Look<'_>| {
                let is_known = look.subject("agent", &user)?.is_some();
                let (items, next) = look.timeline(&user, (from, until), limit)?;
                let next = next.map(|at| at.0.to_string());
                Ok((is_known, page_of(look, json!({}), items, next)))
            };
            let (is_known, page) = app.node.history(&account, fresh, look).await?;
            if is_known { Ok(page) } else { Err(Problem::not_found("user", "of that id")) }
        })
    };
    let columns = ["from", "to", "ms", "status", "detail", "reason"].map(str::to_owned).to_vec();
    let name = format!("timeline-{user}");
    let list = List { name, columns, rows: fields, page: Box::new(page) };
    exports::answer(format, list, cursor).await
}
