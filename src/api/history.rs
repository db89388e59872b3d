//! The history: sums over intervals of the past, calls and agents' time, and what is behind a figure.

use crate::api::Routes;
use crate::api::ask::Ask;
use crate::api::endpoint::{Method, endpoint};
use crate::api::exports::{self, Format, KINDS, List, fields};
use crate::api::figures::{seen, threshold_of};
use crate::api::problem::Answered;
use crate::api::query::Queries;
use crate::domain::ids::{CallId, Name};
use crate::domain::problem::Problem;
use crate::domain::time::Millis;
use crate::node::Fresh;
use crate::reporting::figures::{By, Figure, Seen, Window, begin};
use crate::reporting::history::Across;
use crate::reporting::history::intervals::{self, Interval};
use crate::reporting::history::lists::CallWish;
use crate::reporting::history::read::{Look, Sums, Wish};
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use utoipa::ToSchema;

const TAG: &str = "Figures";
/// Intervals of one subject at most: a month of five minutes.
const MOST_INTERVALS: usize = 8_930;
/// Intervals of all subjects of a page at most.
const MOST_OF_A_PAGE: usize = 50_000;
/// Items of a page of a file.
const FILE_PAGE: usize = 1_000;
/// What is told when there are too many.
const TOO_MANY: &str = "the range has more than 8,930 intervals: ask for longer ones, or less";

/// One interval.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct HistoryInterval {
    /// Where it begins …
    #[schema(format = DateTime)]
    from: String,
    /// … and ends.
    #[schema(format = DateTime)]
    to: String,
    /// Nothing that goes on can change it any more.
    complete: bool,
    /// Values by the figure's name; null where there is nothing to divide by.
    figures: std::collections::BTreeMap<String, Option<f64>>,
}

/// A subject's intervals.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct SubjectHistory {
    /// Whose.
    id: String,
    /// In their order, without gaps.
    intervals: Vec<HistoryInterval>,
}

/// A page of the history.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct HistoryPage {
    /// The last record that is in it: asked again as of it (`as_of`), the answer is the same or 409.
    seq: u64,
    /// When that was decided.
    #[schema(format = DateTime)]
    as_of: String,
    /// What is older has aged out.
    #[schema(format = DateTime)]
    kept_from: Option<String>,
    /// By what they are told apart.
    by: String,
    /// How long the intervals are.
    interval: String,
    /// In which zone days begin.
    zone: String,
    /// The threshold of the service levels, in seconds.
    threshold_s: u64,
    /// By id.
    items: Vec<SubjectHistory>,
    /// Send it as `cursor` for the next page; null at the end.
    next: Option<String>,
}

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

pub(super) const FROM: &str =
    "From when: RFC 3339, or a day (2026-03-29) of the zone; default: today.";
pub(super) const TO: &str = "Until when, as `from`; default: now.";
pub(super) const ZONE: &str =
    "The zone in which days begin; default: the account's, or with by=agent and id that agent's.";
pub(super) const FORMAT: &str = "json (a page), csv or xlsx (all of it); default: by Accept.";
pub(super) const LIMIT: &str = "Items at most, 1–1,000; default 100.";
pub(super) const CURSOR: &str = "The `next` of the page before.";

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    let routes = routes.routes(
        endpoint(
            Method::Get,
            "/v1/accounts/{account}/history",
            "list_history",
            "Tells figures of intervals of the past. Who watches a part of the floor gets that part, an \
             agent the own.",
            sums,
        )
        .tag(TAG)
        .query_text("by", "queue (default), group, agent, team, account, skill, media, number or disposition.")
        .query_text("interval", "5m, 15m, 30m, 60m, day (default), week or month.")
        .query_text("from", FROM)
        .query_text("to", TO)
        .query_text("zone", ZONE)
        .query_text("id", "Of this one only.")
        .query_text("figure", "These figures only, with commas between.")
        .query_int("threshold_s", "Of service levels, in seconds: 15, 20 (default), 25, 30, 45, 60, 90, 120, 180, 240, 300 or 600.")
        .query_int("as_of", "The `seq` of an answer before: the same again, or 409 `restated`.")
        .query_text("format", FORMAT)
        .query_int("limit", LIMIT)
        .query_text("cursor", CURSOR)
        .answers_as::<HistoryPage>(200, "A page, by id; whole intervals.", &KINDS)
        .done(),
    );
    list_routes(routes)
}

fn list_routes(routes: Routes) -> Routes {
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
            .answers_as::<HistoryCall>(200, "A page of `items`, with `next`.", &KINDS)
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
            .answers_as::<TimelineSpan>(200, "A page of `items`, with `next`.", &KINDS)
            .done(),
        )
}

/// What is known before a question: the actor's sight, the zone, the time.
pub(super) struct Ground {
    pub seen: Seen,
    pub zone_name: String,
    pub zone: TimeZone,
    pub now: Millis,
    /// Members of the teams that are in sight.
    pub teams: Vec<(Name, Vec<Name>)>,
}

impl Ground {
    /// Asks for it. A zone that was named is checked.
    pub async fn of(
        ask: &Ask,
        query: &mut Queries,
        agent: Option<&str>,
    ) -> Result<Ground, Problem> {
        let named = query.text("zone");
        let seen = seen(ask).await?;
        let agent = agent.map(str::to_owned);
        let look = move |figures: &crate::reporting::figures::Figures, now| {
            let zone =
                named.clone().unwrap_or_else(|| figures.time_zone(agent.as_deref()).to_owned());
            let teams = figures.ids(By::Team).into_iter();
            let teams = teams.filter(|team| seen.has(figures, By::Team, team));
            let members = |team: &Name| figures.members(team).cloned().collect();
            let teams = teams.map(|team| (Name::clone(&team), members(&team))).collect();
            (seen, zone, named.is_some(), now, teams)
        };
        let (seen, name, is_named, now, teams) = ask.app.node.figures(ask.account(), look).await?;
        let zone = match intervals::zone(&name) {
            Some(zone) => zone,
            None if is_named => {
                let detail = format!("{name:?} is no zone of the IANA database");
                query.wrong("zone", "unknown_value", detail);
                TimeZone::UTC
            }
            None => TimeZone::UTC,
        };
        Ok(Ground { seen, zone_name: name, zone, now, teams })
    }

    /// Reads `from` and `to`.
    pub fn range(&self, query: &mut Queries) -> (Millis, Millis) {
        let mut instant = |name: &'static str, default: Millis| {
            let Some(text) = query.text(name) else { return default };
            intervals::instant(&text, &self.zone).unwrap_or_else(|| {
                let detail =
                    format!("must be RFC 3339, or a day such as 2026-03-29; {text:?} is neither");
                query.wrong(name, "malformed", detail);
                default
            })
        };
        let today = begin(Window::Today, self.now, &self.zone_name);
        let (from, until) = (instant("from", today), instant("to", self.now));
        if from > until {
            query.wrong("to", "out_of_range", "must not be before from");
        }
        (from, until)
    }

    /// Whether one is in sight.
    pub fn has(&self, across: Across, id: &str) -> bool {
        let Seen::Some(part) = &self.seen else { return true };
        match across {
            Across::Queue | Across::Group => part.queues.contains(id),
            Across::Agent => part.users.contains(id),
            Across::Team => self.teams.iter().any(|(team, _)| **team == *id),
            _ => false,
        }
    }

    /// What belongs to no part of the floor is for who sees all of it.
    pub fn whole(&self, across: Across) -> Result<(), Problem> {
        let parts = [Across::Queue, Across::Group, Across::Agent, Across::Team];
        if matches!(self.seen, Seen::All) || parts.contains(&across) {
            return Ok(());
        }
        let detail = format!("figures by {across} are for who sees the whole account");
        Err(Problem::new(403, "forbidden", detail))
    }
}

async fn sums(ask: Ask) -> Answered {
    let mut query = ask.query()?;
    let format = Format::wanted(&mut query, &ask.headers);
    let (limit, cursor) = query.page();
    let across = query.word("by", Across::parse, Across::ALL).unwrap_or(Across::Queue);
    let interval = query.word("interval", Interval::parse, Interval::ALL).unwrap_or(Interval::Day);
    let (id, as_of) = (query.text("id"), query.int("as_of", 0..=u64::MAX));
    let (threshold_s, threshold) = threshold_of(&mut query);
    let figures = figures_of(&mut query, across);
    let agent = id.as_deref().filter(|_| across == Across::Agent);
    let ground = Ground::of(&ask, &mut query, agent).await?;
    let range = ground.range(&mut query);
    let edges = interval.edges(range, &ground.zone, MOST_INTERVALS).unwrap_or_else(|| {
        query.wrong("from", "out_of_range", TOO_MANY);
        Vec::new()
    });
    query.done()?;
    ground.whole(across)?;
    let unknown = |id: &str| Problem::not_found(across.word(), id);
    if let Some(id) = &id {
        let is_there = if across == Across::Account {
            **id == **ask.account()
        } else {
            ground.has(across, id)
        };
        if !is_there {
            return Err(unknown(id).into());
        }
    }
    let fresh = match as_of {
        Some(_) => Fresh::AsItIs,
        None => Fresh::until(range.1, ground.now),
    };
    let limit = if format == Format::Json { limit } else { FILE_PAGE };
    let limit = limit.min((MOST_OF_A_PAGE / edges.len().max(1)).max(1));
    let head = json!({ "by": across.word(), "interval": interval.word(), "zone": ground.zone_name,
        "threshold_s": threshold_s });
    let mut columns: Vec<String> = ["id", "from", "to", "complete"].map(str::to_owned).to_vec();
    columns.extend(figures.iter().map(|figure| figure.name.to_owned()));
    let (app, account, ground) = (ask.app.clone(), ask.account().clone(), Arc::new(ground));
    let named = id.clone();
    let page = move |after: Option<String>| -> exports::Page {
        let wish = Wish { across, id: id.clone(), after, limit, edges: edges.clone(), as_of };
        let (app, account, ground) = (app.clone(), account.clone(), Arc::clone(&ground));
        let (figures, head) = (figures.clone(), head.clone());
        Box::pin(async move {
            let shown = account.clone();
            let look = move |look: &Look<'_>| {
                let told =
                    look.sums(&wish, &|id| across == Across::Account || ground.has(across, id))?;
                let next = told.items.last().filter(|_| told.more).map(|(id, _)| id.to_string());
                let items: Vec<Value> = told
                    .items
                    .iter()
                    .map(|(id, sums)| {
                        let id = if across == Across::Account { &shown } else { id };
                        json!({ "id": id, "intervals": shown_intervals(&wish.edges, sums, &figures, threshold) })
                    })
                    .collect();
                Ok(page_of(look, head, items, next))
            };
            app.node.history(&account, fresh, look).await
        })
    };
    let list = List {
        name: format!("history-{across}"),
        columns,
        rows: interval_rows,
        page: Box::new(page),
    };
    // Of one that was named and is not there a file would be empty.
    exports::answer(format, checked(list, named.map(|id| unknown(&id))), cursor).await
}

/// A list whose first page must have something.
fn checked(mut list: List, mut missing: Option<Problem>) -> List {
    let mut page = list.page;
    list.page = Box::new(move |cursor| {
        let (page, missing) = (page(cursor), missing.take());
        Box::pin(async move {
            let page = page.await?;
            match missing {
                Some(missing) if page["items"] == json!([]) => Err(missing),
                _ => Ok(page),
            }
        })
    });
    list
}

fn figures_of(query: &mut Queries, across: Across) -> Vec<&'static Figure> {
    let all: Vec<&'static Figure> = across.figures().collect();
    let Some(text) = query.text("figure") else { return all };
    let mut wanted = Vec::new();
    for name in text.split(',') {
        match all.iter().find(|figure| figure.name == name) {
            Some(figure) => wanted.push(*figure),
            None => {
                let detail = format!("{name:?} is no figure of a {across} of the past");
                query.wrong("figure", "unknown_value", detail);
            }
        }
    }
    wanted
}

fn shown_intervals(
    edges: &[Millis],
    sums: &[Sums],
    figures: &[&'static Figure],
    threshold: usize,
) -> Vec<Value> {
    let spans = edges.iter().zip(edges.iter().skip(1));
    spans
        .zip(sums)
        .map(|((from, to), sums)| {
            let facts = sums.facts(threshold);
            let told = figures.iter().map(|figure| (figure.name.to_owned(), figure.value(&facts)));
            let told: Map<String, Value> = told.collect();
            json!({ "from": from.rfc3339(), "to": to.rfc3339(), "complete": sums.complete, "figures": told })
        })
        .collect()
}

/// A row of an interval.
fn interval_rows(columns: &[String], item: &Value) -> Vec<Vec<Value>> {
    let intervals = item["intervals"].as_array().into_iter().flatten();
    let cell = |interval: &Value, name: &str| match name {
        "id" => item["id"].clone(),
        "from" | "to" | "complete" => interval[name].clone(),
        name => interval["figures"][name].clone(),
    };
    intervals.map(|interval| columns.iter().map(|name| cell(interval, name)).collect()).collect()
}

/// A page, as of the last record that is in it.
pub(super) fn page_of(
    look: &Look<'_>,
    mut page: Value,
    items: Vec<Value>,
    next: Option<String>,
) -> Value {
    let position = look.position();
    page["seq"] = json!(position.seq);
    page["as_of"] = json!(Millis(position.at).rfc3339());
    page["kept_from"] = match position.kept_from {
        0 => Value::Null,
        at => json!(Millis(at).rfc3339()),
    };
    page["items"] = Value::Array(items);
    page["next"] = json!(next);
    page
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
