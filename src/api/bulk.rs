//! One change for many users: a body says whom and what, each user is answered by itself.

use crate::api::answer::response;
use crate::api::ask::{Ask, Sent};
use crate::api::endpoint::{Method, endpoint};
use crate::api::problem::Answered;
use crate::api::schema::{
    BulkCapacity, BulkGroup, BulkQueues, BulkResults, BulkRole, BulkSkills, MessageReceipt,
    MessageView, NotifyBody, NotifyResults,
};
use crate::api::{JSON_BODY, Routes};
use crate::domain::bulk::{Bulk, BulkMode};
use crate::domain::fields::{Fields, ID, Rule, USER_ID};
use crate::domain::input::{Command, Query};
use crate::domain::objects::Member;
use crate::domain::objects::user::Role;
use crate::domain::objects::user::{read_capacity, read_skills};
use crate::domain::problem::{FieldError, Problem};
use serde_json::Value;
use utoipa::ToSchema;

const TAG: &str = "Bulk";
/// Users of one call at most.
const MOST_USERS: usize = 10_000;
/// Queues of one call at most.
const MOST_QUEUES: usize = 100;

/// The routes of bulk changes.
pub fn routes(routes: Routes) -> Routes {
    let routes = one::<BulkRole>(routes, ROLES, read_role);
    let routes = one::<BulkQueues>(routes, QUEUES, read_queues);
    let routes = one::<BulkCapacity>(routes, CAPACITY, read_max);
    let routes = one::<BulkGroup>(routes, GROUP, read_group);
    one::<BulkSkills>(routes, SKILLS, read_bulk_skills)
}

/// The routes of messages to agents.
pub fn message_routes(routes: Routes) -> Routes {
    routes
        .routes(
            endpoint(
                Method::Post,
                "/v1/accounts/{account}/agents/bulk/notify",
                "notify_agents",
                "Sends a message to many agents. Desks show it until it is read.",
                notify,
            )
            .tag("Agents")
            .once()
            .body::<NotifyBody>(JSON_BODY)
            .answers::<NotifyResults>(200, "Sent to all.")
            .answers::<NotifyResults>(207, "Some are no users here; see each result.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Post,
                "/v1/accounts/{account}/agents/{user}/messages/{message}/read",
                "read_message",
                "Tells that an agent has read a message.",
                read,
            )
            .tag("Agents")
            .answers::<MessageReceipt>(200, "It is known.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Get,
                "/v1/accounts/{account}/messages/{message}",
                "get_message",
                "Reads a message and who has read it. The last 1,000 are kept.",
                message,
            )
            .tag("Agents")
            .answers::<MessageView>(200, "As of now.")
            .done(),
        )
}

const MESSAGE: Rule = Rule {
    must_be: "1 to 1,000 characters, not only blanks",
    holds: |text| (1..=1_000).contains(&text.chars().count()) && !text.trim().is_empty(),
};

async fn notify(sent: Sent) -> Answered {
    sent.once(async |sent: &Sent| {
        sent.ask.no_query()?;
        let body = sent.json_body()?;
        let mut f = Fields::of(&body);
        let users = whom(&mut f);
        let text = f.text("text", MESSAGE);
        let command = f.done(Command::Notify { users, text }).map_err(Problem::invalid)?;
        Ok(response(sent.ask.change(command).await?))
    })
    .await
}

async fn read(ask: Ask) -> Answered {
    ask.no_query()?;
    let (user, message) = (ask.param("user"), ask.param("message"));
    Ok(response(ask.change(Command::ReadMessage { user, message }).await?))
}

async fn message(ask: Ask) -> Answered {
    ask.no_query()?;
    Ok(response(ask.look(Query::Message(ask.param("message"))).await?))
}

/// A kind of change: path, operation id, what it does.
type Kind = (&'static str, &'static str, &'static str);

const ROLES: Kind =
    ("/v1/accounts/{account}/users/bulk/roles", "bulk_roles", "Gives many users a role.");
const QUEUES: Kind = (
    "/v1/accounts/{account}/users/bulk/queues",
    "bulk_queues",
    "Assigns many users to queues, beside those they have or in their place. Many queues or one \
     campaign, as many as the account's max_queues.",
);
const CAPACITY: Kind = (
    "/v1/accounts/{account}/users/bulk/capacity",
    "bulk_capacity",
    "Sets how many calls of a medium many users have at once.",
);
const GROUP: Kind = (
    "/v1/accounts/{account}/users/bulk/group",
    "bulk_group",
    "Moves many users to a group, out of the one they are in.",
);
const SKILLS: Kind = (
    "/v1/accounts/{account}/users/bulk/skills",
    "bulk_skills",
    "Gives many users skills, beside those they have or in their place.",
);

type Read = fn(&mut Fields<'_>) -> Bulk;

fn one<T: ToSchema>(routes: Routes, (path, id, about): Kind, read: Read) -> Routes {
    let handler = move |sent: Sent| change(sent, read);
    routes.routes(
        endpoint(Method::Post, path, id, about, handler)
            .tag(TAG)
            .once()
            .query_flag("dry_run", "Check only, change nothing.")
            .query_flag("all_or_nothing", "One refusal refuses all.")
            .body::<T>(JSON_BODY)
            .answers::<BulkResults>(200, "All succeeded.")
            .answers::<BulkResults>(207, "Some were refused; see each result.")
            .done(),
    )
}

async fn change(sent: Sent, read: Read) -> Answered {
    sent.once(async |sent: &Sent| {
        let mut query = sent.ask.query()?;
        let mode = BulkMode {
            dry_run: query.flag("dry_run"),
            all_or_nothing: query.flag("all_or_nothing"),
        };
        query.done()?;
        let body = sent.json_body()?;
        let (users, bulk) = whom_and_what(&body, read).map_err(Problem::invalid)?;
        Ok(response(sent.ask.change(Command::Bulk { bulk, users, mode }).await?))
    })
    .await
}

/// `{ "users": […] | "all": true, … }`
fn whom_and_what(body: &Value, read: Read) -> Result<(Option<Vec<String>>, Bulk), Vec<FieldError>> {
    let mut fields = Fields::of(body);
    let users = whom(&mut fields);
    let bulk = read(&mut fields);
    fields.done((users, bulk))
}

/// The users named; `None`: all.
fn whom(f: &mut Fields<'_>) -> Option<Vec<String>> {
    let all = f.flag("all", false);
    let users = f.texts("users", MOST_USERS, USER_ID);
    match (all, f.is_set("users")) {
        (true, true) => f.wrong("all", "conflict", "stands beside users; leave one of them out"),
        (false, false) => {
            f.missing("users", "a list of users' ids, or leave it out with all: true")
        }
        _ => {}
    }
    (!all).then_some(users)
}

fn read_role(f: &mut Fields<'_>) -> Bulk {
    if !f.is_set("role") {
        f.missing("role", "administrator, supervisor or agent");
    }
    Bulk::Role(f.word("role", Role::of_person, Role::PEOPLE, Role::Agent))
}

fn read_queues(f: &mut Fields<'_>) -> Bulk {
    let mut queues: Vec<(String, Member)> = Vec::new();
    if !f.is_set("queues") {
        f.missing("queues", "a list of { \"queue\", \"stars\"?, \"position\"? }");
    }
    for (at, item) in f.items("queues", MOST_QUEUES) {
        let one = f.part(item, at, |f| {
            let queue = f.text("queue", ID);
            if queues.iter().any(|(other, _)| *other == queue && !queue.is_empty()) {
                f.wrong("queue", "duplicate", "stands here twice; leave one out");
            }
            let stars = f.int("stars", 1..=4, 1);
            (queue, Member { stars, position: f.int("position", 1..=100_000, 1) })
        });
        queues.push(one);
    }
    Bulk::Queues { queues, replace: replaces(f, "override") }
}

fn read_max(f: &mut Fields<'_>) -> Bulk {
    if !f.is_set("capacity") {
        f.missing("capacity", "an object such as { \"chat\": 5 }");
    }
    let capacity = read_capacity(f);
    if capacity.values().any(|calls| *calls == 0) {
        f.wrong("capacity", "out_of_range", "must be between 1 and 100");
    }
    Bulk::Capacity(capacity)
}

fn read_group(f: &mut Fields<'_>) -> Bulk {
    if f.raw("group").is_none() {
        f.missing("group", "a group's id, or null for none");
    }
    Bulk::Group(f.text_or_null("group", ID))
}

fn read_bulk_skills(f: &mut Fields<'_>) -> Bulk {
    if !f.is_set("skills") {
        f.missing("skills", "an object such as { \"spanish\": 80 }");
    }
    Bulk::Skills { skills: read_skills(f), replace: replaces(f, "replace") }
}

/// `method`: `add` (default), or the word for putting all in the place of what is there.
fn replaces(f: &mut Fields<'_>, word: &'static str) -> bool {
    let name = "method";
    match f.raw(name).map(|value| value.as_str()) {
        None | Some(Some("add")) => false,
        Some(Some(other)) if other == word => true,
        Some(_) => {
            f.wrong(name, "unknown_value", format!("must be add or {word}"));
            false
        }
    }
}
