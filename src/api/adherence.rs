//! Adherence to schedule: how much of what was planned went so, by agent and day.

use crate::api::Routes;
use crate::api::ask::Ask;
use crate::api::endpoint::{Method, endpoint};
use crate::api::exports::{self, FILE_PAGE, Format, KINDS, List, fields};
use crate::api::ground::{CURSOR, FORMAT, FROM, Ground, LIMIT, TO, ZONE, page_of};
use crate::api::problem::Answered;
use crate::domain::ids::Name;
use crate::domain::input::{Answer, Query};
use crate::domain::objects::Calendar;
use crate::domain::problem::Problem;
use crate::domain::time::Millis;
use crate::node::Fresh;
use crate::reporting::history::Across;
use crate::reporting::history::adherence::Planned;
use crate::reporting::history::intervals::Interval;
use crate::reporting::history::read::Look;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// As far back as schedules that are edited count anew, days.
const DAYS_BACK: u64 = 30;
const DAY_MS: u64 = 86_400_000;

/// An agent's day.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct AdherenceDay {
    /// The user.
    id: String,
    /// Where the day begins …
    #[schema(format = DateTime)]
    from: String,
    /// … and ends.
    #[schema(format = DateTime)]
    to: String,
    /// Time for which something was planned, as far as it is over, ms.
    scheduled_ms: i64,
    /// Of it, time that went as planned, ms.
    adherent_ms: i64,
    /// adherent_ms ÷ scheduled_ms; null: nothing was planned.
    adherence: Option<f64>,
}

/// A page of days.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct AdherencePage {
    /// The last record that is in it.
    seq: u64,
    /// When that was decided.
    #[schema(format = DateTime)]
    as_of: String,
    /// What is older has aged out.
    #[schema(format = DateTime)]
    kept_from: Option<String>,
    /// By user, and day.
    items: Vec<AdherenceDay>,
    /// Send it as `cursor` for the next page; null at the end.
    next: Option<String>,
}

/// Who works by which calendar.
#[derive(Deserialize)]
struct Schedules {
    time_zone: String,
    users: BTreeMap<Name, Name>,
    calendars: BTreeMap<Name, Calendar>,
}

/// The route.
pub fn routes(routes: Routes) -> Routes {
    routes.routes(
        endpoint(
            Method::Get,
            "/v1/accounts/{account}/history/adherence",
            "list_adherence",
            "Tells by agent and day how much of what the schedule plans went so, of the last 30 days. Who \
             watches a part of the floor gets that part, an agent the own.",
            list,
        )
        .tag("Figures")
        .query_text("from", FROM)
        .query_text("to", TO)
        .query_text("zone", ZONE)
        .query_text("agent", "Of this one only.")
        .query_text("team", "Of those who are in this team.")
        .query_text("format", FORMAT)
        .query_int("limit", LIMIT)
        .query_text("cursor", CURSOR)
        .answers_as::<AdherencePage>(200, "A page, by user; all days of each.", &KINDS)
        .done(),
    )
}

async fn list(ask: Ask) -> Answered {
    let mut query = ask.query()?;
    let format = Format::wanted(&mut query, &ask.headers);
    let (limit, cursor) = query.page();
    let (agent, team) = (query.text("agent"), query.text("team"));
    let ground = Ground::of(&ask, &mut query, agent.as_deref()).await?;
    let range = ground.range(&mut query);
    let oldest = Millis(ground.now.0).since(Millis(0)).saturating_sub((DAYS_BACK + 1) * DAY_MS);
    if range.0.since(Millis(0)) < oldest {
        query.wrong("from", "out_of_range", "must be within the last 30 days");
    }
    let most = usize::try_from(DAYS_BACK).unwrap_or(0) + 2;
    let edges = Interval::Day.edges(range, &ground.zone, most).unwrap_or_else(|| {
        query.wrong("to", "out_of_range", "at most 30 days at once");
        Vec::new()
    });
    query.done()?;
    let schedules = schedules(&ask).await?;
    let users = users(&ground, &schedules, agent.as_deref(), team.as_deref())?;
    let whole = (edges.first().copied(), edges.last().copied());
    let whole = (whole.0.unwrap_or(range.0), whole.1.unwrap_or(range.1));
    let planned = planned(&schedules, &users, whole);
    let users = Arc::new(users);
    // Pages are of whole users.
    let limit = if format == Format::Json { limit } else { FILE_PAGE };
    let limit = (limit / edges.len().saturating_sub(1).max(1)).max(1);
    let (app, account, planned) = (ask.app.clone(), ask.account().clone(), Arc::new(planned));
    let fresh = Fresh::until(range.1, ground.now);
    let page = move |after: Option<String>| -> exports::Page {
        let (app, account, edges) = (app.clone(), account.clone(), edges.clone());
        let (users, planned) = (Arc::clone(&users), Arc::clone(&planned));
        Box::pin(async move {
            let look = move |look: &Look<'_>| {
                let behind =
                    users.iter().filter(|(id, _)| after.as_deref().is_none_or(|at| &**id > at));
                let some: Vec<&(Name, Name)> = behind.take(limit + 1).collect();
                let mut items = Vec::new();
                for (id, calendar) in some.iter().take(limit) {
                    let Some(planned) = planned.get(calendar) else { continue };
                    let days = look.adhered(id, planned, &edges)?;
                    let spans = edges.iter().zip(edges.iter().skip(1)).zip(days);
                    items.extend(spans.map(|((from, to), day)| {
                        json!({ "id": id, "from": from.rfc3339(), "to": to.rfc3339(),
                            "scheduled_ms": day.scheduled_ms, "adherent_ms": day.adherent_ms,
                            "adherence": day.share() })
                    }));
                }
                let more = some.len() > limit;
                let next = some.get(limit - 1).filter(|_| more).map(|(id, _)| id.to_string());
                Ok(page_of(look, json!({}), items, next))
            };
            app.node.history(&account, fresh, look).await
        })
    };
    let columns = ["id", "from", "to", "scheduled_ms", "adherent_ms", "adherence"];
    let columns = columns.map(str::to_owned).to_vec();
    let list = List { name: "adherence".to_owned(), columns, rows: fields, page: Box::new(page) };
    exports::answer(format, list, cursor).await
}

async fn schedules(ask: &Ask) -> Result<Schedules, Problem> {
    let broken = || Problem::new(500, "internal", "the schedules cannot be read");
    match ask.look(Query::Schedules).await? {
        Answer::Done { body, .. } => serde_json::from_value(body).map_err(|_| broken()),
        _ => Err(broken()),
    }
}

/// Who has a schedule, of those in sight and asked for, with its calendar.
fn users(
    ground: &Ground,
    schedules: &Schedules,
    agent: Option<&str>,
    team: Option<&str>,
) -> Result<Vec<(Name, Name)>, Problem> {
    if let Some(agent) = agent.filter(|agent| !ground.has(Across::Agent, agent)) {
        return Err(Problem::not_found("user", agent));
    }
    let members = match team {
        None => None,
        Some(id) => match ground.teams.iter().find(|(team, _)| **team == *id) {
            Some((_, members)) => Some(members),
            None => return Err(Problem::not_found("team", id)),
        },
    };
    let all = schedules.users.iter().filter(|(id, _)| {
        ground.has(Across::Agent, id)
            && agent.is_none_or(|agent| ***id == *agent)
            && members.is_none_or(|members| members.contains(id))
    });
    Ok(all.map(|(id, calendar)| (id.clone(), calendar.clone())).collect())
}

/// What each calendar plans that somebody works by.
fn planned(
    schedules: &Schedules,
    users: &[(Name, Name)],
    range: (Millis, Millis),
) -> BTreeMap<Name, Planned> {
    let mut planned = BTreeMap::new();
    for (_, id) in users {
        if let Some(calendar) = schedules.calendars.get(id) {
            planned
                .entry(id.clone())
                .or_insert_with(|| Planned::of(calendar, range, &schedules.time_zone));
        }
    }
    planned
}
