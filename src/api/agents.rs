//! Agents: their state, their status, who is staffed where.

use crate::api::answer::{json, response};
use crate::api::ask::{Ask, Sent};
use crate::api::endpoint::{Method, endpoint};
use crate::api::objects::parent;
use crate::api::problem::Answered;
use crate::api::schema::{
    AgentView, BulkResults, BulkStatus, Check, NextCall, OptedInBody, StaffRow, StatusBody,
};
use crate::api::{JSON_BODY, Routes};
use crate::domain::fields::{Fields, ID, Rule, USER_ID};
use crate::domain::input::{Answer, Command, Query, When};
use crate::domain::presence::Status;
use crate::domain::problem::{FieldError, Problem};
use serde_json::{Value, json};

const TAG: &str = "Agents";
/// Items of a bulk call at most.
const MOST_ITEMS: usize = 1_000;

/// The routes of agents.
pub fn routes(routes: Routes) -> Routes {
    let routes = routes
        .routes(
            endpoint(
                Method::Get,
                "/v1/accounts/{account}/agents",
                "list_agents",
                "Lists agents, by id.",
                all,
            )
            .tag(TAG)
            .query_int("limit", "Items at most, 1–1,000; default 100.")
            .query_text("cursor", "The `next` of the page before.")
            .answers_list::<AgentView>("A page.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Get,
                "/v1/accounts/{account}/agents/{user}",
                "get_agent",
                "Reads an agent: status, presence, work, queues.",
                one,
            )
            .tag(TAG)
            .answers::<AgentView>(200, "The agent as of now.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Get,
                "/v1/accounts/{account}/agents/{user}/next",
                "agent_next",
                "Lists the waiting calls that this agent is next for.",
                next,
            )
            .tag(TAG)
            .answers_list::<NextCall>("In the order in which they would be offered.")
            .done(),
        );
    staff_routes(status_routes(routes))
}

fn status_routes(routes: Routes) -> Routes {
    routes
        .routes(
            endpoint(
                Method::Put,
                "/v1/accounts/{account}/agents/{user}/status",
                "put_agent_status",
                "Sets an agent's own status. By the agent's key, or by an integration in the \
                 agent's name.",
                set_status,
            )
            .tag(TAG)
            .body::<StatusBody>(JSON_BODY)
            .answers::<AgentView>(200, "The agent as of now.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Post,
                "/v1/accounts/{account}/agents/bulk/status",
                "force_agent_status",
                "Forces the status of many agents. Who forced it is recorded; each item is \
                 answered by itself.",
                force,
            )
            .tag(TAG)
            .once()
            .body::<BulkStatus>(JSON_BODY)
            .answers::<BulkResults>(200, "All succeeded.")
            .answers::<BulkResults>(207, "Some failed; see each result.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Delete,
                "/v1/accounts/{account}/agents/{user}/forced",
                "clear_forced",
                "Lets go of a forced status.",
                clear_forced,
            )
            .tag(TAG)
            .answers_plain(204, "Let go.")
            .done(),
        )
}

fn staff_routes(mut routes: Routes) -> Routes {
    for (word, opted, staff, odd) in [
        (
            "queue",
            "/v1/accounts/{account}/queues/{queue}/members/{user}/opted_in",
            "/v1/accounts/{account}/queues/{queue}/staff",
            "/v1/accounts/{account}/queues/{queue}/checks",
        ),
        (
            "group",
            "/v1/accounts/{account}/groups/{group}/members/{user}/opted_in",
            "/v1/accounts/{account}/groups/{group}/staff",
            "/v1/accounts/{account}/groups/{group}/checks",
        ),
    ] {
        let opt = endpoint(
            Method::Put,
            opted,
            format!("{word}_opted_in"),
            &format!("Opts a member in or out of a {word}."),
            set_opted_in,
        );
        let staff = endpoint(
            Method::Get,
            staff,
            format!("{word}_staff"),
            &format!("Lists who works a {word}, and who could be offered a call now."),
            staffed,
        );
        let odd = endpoint(
            Method::Get,
            odd,
            format!("{word}_checks"),
            &format!("Lists what is odd about a {word} as it is set up now."),
            checked,
        );
        routes = routes
            .routes(odd.tag(TAG).answers_list::<Check>("Nothing, where all is well.").done())
            .routes(
                opt.tag(TAG)
                    .body::<OptedInBody>(JSON_BODY)
                    .answers::<OptedInBody>(200, "As it is now.")
                    .done(),
            )
            .routes(staff.tag(TAG).answers_list::<StaffRow>("All members.").done());
    }
    routes
}

async fn checked(ask: Ask) -> Answered {
    ask.no_query()?;
    Ok(response(ask.look(Query::Checks { queue: parent(&ask) }).await?))
}

async fn all(ask: Ask) -> Answered {
    let mut query = ask.query()?;
    let (limit, after) = query.page();
    query.done()?;
    Ok(response(ask.look(Query::Agents { limit, after }).await?))
}

async fn one(ask: Ask) -> Answered {
    ask.no_query()?;
    Ok(response(ask.look(Query::Agent { user: ask.param("user") }).await?))
}

async fn next(ask: Ask) -> Answered {
    ask.no_query()?;
    Ok(response(ask.look(Query::Next { user: ask.param("user") }).await?))
}

async fn staffed(ask: Ask) -> Answered {
    ask.no_query()?;
    Ok(response(ask.look(Query::Staff { queue: parent(&ask) }).await?))
}

async fn set_status(sent: Sent) -> Answered {
    sent.ask.no_query()?;
    let body = sent.json_body()?;
    let command = read_status(sent.ask.param("user"), &body).map_err(Problem::invalid)?;
    Ok(response(sent.ask.change(command).await?))
}

/// A break's reason or a disposition: a text of 1–100 characters.
pub(super) const REASON: Rule = crate::domain::fields::LABEL;

/// `{ "status", "reason"?, "when"?, "lease_ms"? }`
pub(super) fn read_status(user: String, body: &Value) -> Result<Command, Vec<FieldError>> {
    let mut fields = Fields::of(body);
    let f = &mut fields;
    let status = required_status(f);
    let command = Command::SetStatus {
        user,
        status,
        reason: f.text_or_null("reason", REASON),
        when: f.word_or_null("when", When::parse, When::ALL),
        lease_ms: f.int_or_null("lease_ms", 1_000..=86_400_000, None),
    };
    fields.done(command)
}

fn required_status(f: &mut Fields<'_>) -> Status {
    if f.raw("status").is_none() {
        f.missing("status", "offline, online, ready or on_break");
    }
    f.word("status", Status::parse, Status::ALL, Status::Offline)
}

async fn force(sent: Sent) -> Answered {
    sent.once(async |sent: &Sent| {
        sent.ask.no_query()?;
        let body = sent.json_body()?;
        let commands = read_forced(&body).map_err(Problem::invalid)?;
        let mut results = Vec::with_capacity(commands.len());
        let mut all_well = true;
        for (user, command) in commands {
            results.push(match sent.ask.change(command).await {
                Ok(_) => json!({ "id": user, "status": 200 }),
                Err(problem) => {
                    all_well = false;
                    json!({ "id": user, "status": problem.status, "error": {
                        "code": problem.code, "detail": problem.detail, "errors": problem.errors,
                    } })
                }
            });
        }
        let status = if all_well { 200 } else { 207 };
        Ok(json(status, &json!({ "results": results })))
    })
    .await
}

/// `{ "items": [{ "user", "status", "reason"?, "when"? }] }`
fn read_forced(body: &Value) -> Result<Vec<(String, Command)>, Vec<FieldError>> {
    let mut fields = Fields::of(body);
    let f = &mut fields;
    if f.raw("items").is_none() {
        f.missing("items", "a list of { \"user\", \"status\", … }");
    }
    let mut commands = Vec::new();
    for (at, item) in f.items("items", MOST_ITEMS) {
        commands.push(f.part(item, at, |f| {
            let user = f.text("user", USER_ID);
            let command = Command::ForceStatus {
                user: user.clone(),
                status: required_status(f),
                reason: f.text_or_null("reason", REASON),
                when: f.word_or_null("when", When::parse, When::ALL),
            };
            (user, command)
        }));
    }
    fields.done(commands)
}

async fn clear_forced(ask: Ask) -> Answered {
    ask.no_query()?;
    match ask.change(Command::ClearForced { user: ask.param("user") }).await? {
        Answer::Done { .. } | Answer::Nothing => Ok(response(Answer::Nothing)),
        other => Ok(response(other)),
    }
}

async fn set_opted_in(sent: Sent) -> Answered {
    sent.ask.no_query()?;
    let body = sent.json_body()?;
    let mut fields = Fields::of(&body);
    let opted_in = read_opted_in(&mut fields);
    fields.done(()).map_err(Problem::invalid)?;
    let (queue, user) = (parent(&sent.ask), sent.ask.param("user"));
    Ok(response(sent.ask.change(Command::SetOptedIn { queue, user, opted_in }).await?))
}

fn read_opted_in(f: &mut Fields<'_>) -> bool {
    if f.raw("opted_in").is_none() {
        f.missing("opted_in", "true or false");
    }
    f.flag("opted_in", false)
}

/// A desk's `{ "queue", "opted_in" }`.
pub(super) fn read_opting(user: String, body: &Value) -> Result<Command, Vec<FieldError>> {
    let mut fields = Fields::of(body);
    let queue = fields.text("queue", ID);
    let opted_in = read_opted_in(&mut fields);
    fields.done(Command::SetOptedIn { queue, user, opted_in })
}
