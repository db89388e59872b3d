//! Calls and offers: reads of live state, and what a desk does with them.

use crate::api::answer::{body, json, response};
use crate::api::ask::{Ask, Sent};
use crate::api::body::{JSON, MERGE_PATCH};
use crate::api::endpoint::{Method, endpoint};
use crate::api::objects::parent;
use crate::api::problem::Answered;
use crate::api::schema::{
    AssignBody, CallChangeBody, CallView, Candidates, DispositionBody, Story, TransferBody,
};
use crate::api::{JSON_BODY, Routes};
use crate::domain::cloud_events::{SUBJECT, read_transfer};
use crate::domain::fields::{Fields, ID, LABEL, USER_ID};
use crate::domain::ids::{CallId, is_name};
use crate::domain::input::{CallChange, Command, Query};
use crate::domain::objects::SkillNeed;
use crate::domain::problem::{FieldError, Problem};
use crate::domain::switching::TransferKind;
use serde_json::{Value, json};

const TAG: &str = "Calls";

/// The routes of calls and offers.
pub fn routes(routes: Routes) -> Routes {
    acting(reading(routes))
}

fn reading(mut routes: Routes) -> Routes {
    for (word, path) in [
        ("queue", "/v1/accounts/{account}/queues/{queue}/calls"),
        ("group", "/v1/accounts/{account}/groups/{group}/calls"),
    ] {
        let about = format!("Lists the waiting calls of a {word}, as they will be served.");
        routes = routes.routes(
            endpoint(Method::Get, path, format!("{word}_calls"), &about, of_queue)
                .tag(TAG)
                .query_int("limit", "Items at most, 1–1,000; default 100.")
                .answers_list::<CallView>("In the order of service.")
                .done(),
        );
    }
    routes
        .routes(
            endpoint(
                Method::Get,
                "/v1/accounts/{account}/calls",
                "list_calls",
                "Lists live calls by arrival, or finds one by the switch's name for it.",
                all,
            )
            .tag(TAG)
            .query_int("limit", "Items at most, 1–1,000; default 100.")
            .query_text("cursor", "The `next` of the page before.")
            .query_text("switch", "With switch_call: the switch's id.")
            .query_text("switch_call", "With switch: its name for the call.")
            .answers_list::<CallView>("A page.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Get,
                "/v1/accounts/{account}/calls/{call}",
                "get_call",
                "Reads a call.",
                one,
            )
            .tag(TAG)
            .answers::<CallView>(200, "The call as of now.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Get,
                "/v1/accounts/{account}/calls/{call}/trace",
                "trace_call",
                "Tells a call's story, each decision with its why.",
                trace,
            )
            .tag(TAG)
            .answers_list::<Story>("In order, from the journal.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Get,
                "/v1/accounts/{account}/calls/{call}/candidates",
                "call_candidates",
                "Tells of each member whether it could be offered this waiting call, else why not.",
                candidates,
            )
            .tag(TAG)
            .answers::<Candidates>(200, "As of now.")
            .done(),
        )
}

fn acting(routes: Routes) -> Routes {
    routes
        .routes(
            endpoint(
                Method::Post,
                "/v1/accounts/{account}/offers/{offer}/accept",
                "accept_offer",
                "Accepts an offer. With an endpoint the switch is told to answer, where it can; \
                 else 409 answer_on_device.",
                accept,
            )
            .tag(TAG)
            .once()
            .answers::<CallView>(200, "Accepted.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Post,
                "/v1/accounts/{account}/offers/{offer}/refuse",
                "refuse_offer",
                "Refuses an offer.",
                refuse,
            )
            .tag(TAG)
            .once()
            .answers::<CallView>(200, "Refused.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Post,
                "/v1/accounts/{account}/calls/{call}/wrap_up/end",
                "end_wrap_up",
                "Ends the wrap-up of a call.",
                end_wrap_up,
            )
            .tag(TAG)
            .once()
            .body_or_none::<DispositionBody>(JSON_BODY)
            .answers::<CallView>(200, "Ended.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Post,
                "/v1/accounts/{account}/calls/{call}/assign",
                "assign_call",
                "Gives a waiting call to an agent, by hand. Order, step, skills and membership do not \
                 count, and the capacity may be exceeded; other offers of the call are withdrawn.",
                assign,
            )
            .tag(TAG)
            .once()
            .body::<AssignBody>(JSON_BODY)
            .answers::<CallView>(200, "The agent is rung.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Patch,
                "/v1/accounts/{account}/calls/{call}",
                "change_call",
                "Changes a waiting call, by hand and at once. What is left out stays.",
                change,
            )
            .tag(TAG)
            .body::<CallChangeBody>("application/merge-patch+json")
            .answers::<CallView>(200, "Changed.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Post,
                "/v1/accounts/{account}/calls/{call}/end",
                "end_call",
                "Hangs up, from the desk.",
                end,
            )
            .tag(TAG)
            .once()
            .answers::<CallView>(200, "The switch is told to end it.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Post,
                "/v1/accounts/{account}/calls/{call}/hold",
                "hold_call",
                "Puts the caller on hold, from the desk.",
                hold,
            )
            .tag(TAG)
            .once()
            .answers::<CallView>(202, "The switch is told to; its `call.held` makes it so.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Post,
                "/v1/accounts/{account}/calls/{call}/resume",
                "resume_call",
                "Takes the caller off hold, from the desk.",
                resume,
            )
            .tag(TAG)
            .once()
            .answers::<CallView>(202, "The switch is told to; its `call.resumed` makes it so.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Post,
                "/v1/accounts/{account}/calls/{call}/transfer",
                "transfer_call",
                "Transfers a call, from the desk.",
                transfer,
            )
            .tag(TAG)
            .once()
            .body::<TransferBody>(JSON_BODY)
            .answers::<CallView>(202, "The switch is told to; its `call.transferred` makes it so.")
            .done(),
        )
}

async fn of_queue(ask: Ask) -> Answered {
    let mut query = ask.query()?;
    let limit = query.int("limit", 1..=crate::api::query::MOST_ITEMS);
    query.done()?;
    let limit = limit.unwrap_or(crate::api::query::PAGE);
    Ok(response(ask.look(Query::QueueCalls { queue: parent(&ask), limit }).await?))
}

async fn all(ask: Ask) -> Answered {
    let mut query = ask.query()?;
    let (limit, cursor) = query.page();
    let (switch, switch_call) = (query.text("switch"), query.text("switch_call"));
    match (&switch, &switch_call) {
        (None, Some(_)) => query.wrong("switch", "required", "needed with switch_call"),
        (Some(_), None) => query.wrong("switch_call", "required", "needed with switch"),
        _ => {}
    }
    if switch.as_deref().is_some_and(|switch| !is_name(switch)) {
        query.wrong("switch", "malformed", "must be a switch's id");
    }
    if switch_call.as_deref().is_some_and(|name| !(SUBJECT.holds)(name)) {
        query.wrong("switch_call", "malformed", format!("must be {}", SUBJECT.must_be));
    }
    let after = cursor.as_deref().and_then(CallId::parse);
    if cursor.is_some() && after.is_none() {
        query.wrong("cursor", "malformed", "must be the `next` of the page before");
    }
    query.done()?;
    let Some((switch, switch_call)) = switch.zip(switch_call) else {
        return Ok(response(ask.look(Query::Calls { limit, after }).await?));
    };
    let items = match ask.look(Query::FindCall { switch, switch_call }).await {
        Ok(found) => match body(found) {
            // Whether the engine tells one call or a list of them, a list is answered.
            Value::Object(page) if page.contains_key("items") => return Ok(json(200, &page)),
            call => vec![call],
        },
        Err(problem) if problem.status == 404 => Vec::new(),
        Err(problem) => return Err(problem.into()),
    };
    Ok(json(200, &json!({ "items": items, "next": null })))
}

async fn one(ask: Ask) -> Answered {
    ask.no_query()?;
    Ok(response(ask.look(Query::Call(ask.call()?)).await?))
}

async fn candidates(ask: Ask) -> Answered {
    ask.no_query()?;
    Ok(response(ask.look(Query::Candidates(ask.call()?)).await?))
}

/// The engine says who may; the journal tells the story, also of calls that memory has let go.
async fn trace(ask: Ask) -> Answered {
    ask.no_query()?;
    let call = ask.call()?;
    ask.look(Query::Story(call)).await?;
    let items = ask.app.node.trace(ask.account(), call).await?;
    if items.is_empty() {
        return Err(Problem::not_found("call", &call.to_string()).into());
    }
    Ok(json(200, &json!({ "items": items, "next": null })))
}

async fn accept(sent: Sent) -> Answered {
    sent.once(async |sent: &Sent| {
        nothing_else(sent)?;
        act(&sent.ask, Command::Accept { offer: sent.ask.offer()? }).await
    })
    .await
}

async fn refuse(sent: Sent) -> Answered {
    sent.once(async |sent: &Sent| {
        nothing_else(sent)?;
        act(&sent.ask, Command::Refuse { offer: sent.ask.offer()? }).await
    })
    .await
}

async fn end(sent: Sent) -> Answered {
    sent.once(async |sent: &Sent| {
        nothing_else(sent)?;
        act(&sent.ask, Command::EndCall { call: sent.ask.call()? }).await
    })
    .await
}

async fn hold(sent: Sent) -> Answered {
    hold_or_not(sent, true).await
}

async fn resume(sent: Sent) -> Answered {
    hold_or_not(sent, false).await
}

async fn hold_or_not(sent: Sent, hold: bool) -> Answered {
    sent.once(async |sent: &Sent| {
        nothing_else(sent)?;
        act(&sent.ask, Command::Hold { call: sent.ask.call()?, hold }).await
    })
    .await
}

async fn transfer(sent: Sent) -> Answered {
    sent.once(async |sent: &Sent| {
        sent.ask.no_query()?;
        let body = sent.json(JSON)?;
        let command = read_transfer_body(sent.ask.call()?, &body).map_err(Problem::invalid)?;
        act(&sent.ask, command).await
    })
    .await
}

/// `{ "to", "kind"? }`
pub(super) fn read_transfer_body(call: CallId, body: &Value) -> Result<Command, Vec<FieldError>> {
    let mut fields = Fields::of(body);
    let to = read_transfer(&mut fields);
    let kind = fields.word("kind", TransferKind::parse, TransferKind::ALL, TransferKind::Blind);
    fields.done(Command::Transfer { call, to, kind })
}

async fn assign(sent: Sent) -> Answered {
    sent.once(async |sent: &Sent| {
        sent.ask.no_query()?;
        let body = sent.json(JSON)?;
        let mut fields = Fields::of(&body);
        let user = fields.text("agent", USER_ID);
        let user = fields.done(user).map_err(Problem::invalid)?;
        act(&sent.ask, Command::Assign { call: sent.ask.call()?, user }).await
    })
    .await
}

async fn change(sent: Sent) -> Answered {
    sent.ask.no_query()?;
    let change = read_change(&sent.json(MERGE_PATCH)?).map_err(Problem::invalid)?;
    act(&sent.ask, Command::ChangeCall { call: sent.ask.call()?, change }).await
}

/// `{ "priority"?, "skills"?, "queue"? }`; null stands for the default: 0, no skills.
fn read_change(body: &Value) -> Result<CallChange, Vec<FieldError>> {
    let mut fields = Fields::of(body);
    let change = read_call_change(&mut fields);
    if change == CallChange::default() {
        fields.wrong_here("required", "must name priority, skills or queue");
    }
    fields.done(change)
}

/// What can be changed of any waiting call.
pub(super) fn read_call_change(f: &mut Fields<'_>) -> CallChange {
    let named = |f: &mut Fields<'_>, name| f.raw(name).is_some();
    let priority = f.int_or_null("priority", -1_000..=1_000, None);
    CallChange {
        priority: priority.or_else(|| named(f, "priority").then_some(0)),
        skills: named(f, "skills").then(|| SkillNeed::list(f, "skills")),
        queue: f.is_set("queue").then(|| f.text("queue", ID)),
    }
}

async fn end_wrap_up(sent: Sent) -> Answered {
    sent.once(async |sent: &Sent| {
        sent.ask.no_query()?;
        let body = sent.json_or_none()?;
        let command = read_wrap_up_end(sent.ask.call()?, &body).map_err(Problem::invalid)?;
        act(&sent.ask, command).await
    })
    .await
}

/// `{ "disposition"? }`
pub(super) fn read_wrap_up_end(call: CallId, body: &Value) -> Result<Command, Vec<FieldError>> {
    let mut fields = Fields::of(body);
    let disposition = fields.text_or_null("disposition", LABEL);
    fields.done(Command::EndWrapUp { call, disposition })
}

async fn act(ask: &Ask, command: Command) -> Answered {
    Ok(response(ask.change(command).await?))
}

/// Neither query fields nor, beside an empty object, a body.
fn nothing_else(sent: &Sent) -> Result<(), Problem> {
    sent.ask.no_query()?;
    let body = sent.json_or_none()?;
    Fields::of(&body).done(()).map_err(Problem::invalid)
}
