//! What is behind a figure: the calls, offers and spans that it was counted from.

use crate::api::Routes;
use crate::api::ask::Ask;
use crate::api::endpoint::{Method, endpoint};
use crate::api::exports::{self, FILE_PAGE, Format, KINDS, List, fields};
use crate::api::figures::{THRESHOLD, threshold_of};
use crate::api::ground::{CURSOR, FORMAT, FROM, Ground, LIMIT, TO, ZONE, page_of};
use crate::api::problem::Answered;
use crate::api::query::Queries;
use crate::domain::ids::Name;
use crate::domain::problem::Problem;
use crate::domain::time::Millis;
use crate::node::Fresh;
use crate::reporting::figures::{FIGURES, Figure, Window, begin};
use crate::reporting::history::behind::Wish;
use crate::reporting::history::read::Look;
use crate::reporting::history::{Across, has_rows};
use serde_json::json;
use utoipa::ToSchema;

/// One row behind a figure.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct BehindRow {
    /// When it counts: the entry of a stay, the end of an agent's part, the making of an offer, the
    /// beginning of a span.
    #[schema(format = DateTime)]
    at: String,
    /// Until when.
    #[schema(format = DateTime)]
    to: Option<String>,
    /// The call.
    call: Option<String>,
    /// Its queue or group.
    queue: Option<String>,
    /// The agent.
    agent: Option<String>,
    /// What came of it; of a part its disposition, of a span what the agent did.
    outcome: Option<String>,
    /// What it adds, by the names of sums.
    adds: std::collections::BTreeMap<String, i64>,
}

/// What is behind a figure.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct BehindPage {
    /// The figure.
    figure: String,
    /// Its value, worked out from all of the rows by its formula.
    value: Option<f64>,
    /// How many rows there are.
    count: u64,
    /// From when …
    #[schema(format = DateTime)]
    from: String,
    /// … until when.
    #[schema(format = DateTime)]
    to: String,
    /// The last record that is in it.
    seq: u64,
    /// By when they count.
    items: Vec<BehindRow>,
    /// Send it as `cursor` for the next page; null at the end.
    next: Option<String>,
}

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    routes.routes(
        endpoint(
            Method::Get,
            "/v1/accounts/{account}/figures/{figure}/calls",
            "figure_calls",
            "Lists the calls behind a figure: the rows that it was counted from, and what each adds.",
            behind,
        )
        .tag("Figures")
        .query_text("by", "queue (default), group, agent, team, account, skill, media, number or disposition.")
        .query_text("id", "Whose; needed but for by=account.")
        .query_text("window", "15m, 60m, 24h or today, in place of from and to.")
        .query_text("from", FROM)
        .query_text("to", TO)
        .query_text("zone", ZONE)
        .query_int("threshold_s", THRESHOLD)
        .query_text("format", FORMAT)
        .query_int("limit", LIMIT)
        .query_text("cursor", CURSOR)
        .answers_as::<BehindPage>(200, "A page, by when they count.", &KINDS)
        .done(),
    )
}

/// `at-call-no`, as `next` says it.
fn place(text: &str) -> Option<(i64, i64, i64)> {
    let mut numbers = text.split('_').map(|part| part.parse().ok());
    let place = (numbers.next()??, numbers.next()??, numbers.next()??);
    numbers.next().is_none().then_some(place)
}

/// Whose rows they are: of a team its members'.
fn whose(
    across: Across,
    id: Option<String>,
    ground: &Ground,
    account: &Name,
) -> Result<Vec<Name>, Problem> {
    ground.whole(across)?;
    let Some(id) = id else { return Ok(Vec::new()) };
    let missing = || Problem::not_found(across.word(), &id);
    match across {
        Across::Account if *id == **account => Ok(Vec::new()),
        Across::Team => {
            let team = ground.teams.iter().find(|(team, _)| **team == *id);
            team.map(|(_, members)| members.clone()).ok_or_else(missing)
        }
        _ if across != Across::Account && ground.has(across, &id) => Ok(vec![id.into()]),
        _ => Err(missing()),
    }
}

async fn behind(ask: Ask) -> Answered {
    let name = ask.param("figure");
    let mut query = ask.query()?;
    let format = Format::wanted(&mut query, &ask.headers);
    let (limit, cursor) = query.page();
    let across = query.word("by", Across::parse, Across::ALL).unwrap_or(Across::Queue);
    let id = query.text("id");
    if let Some(wrong) = cursor.as_deref().filter(|text| place(text).is_none()) {
        query.wrong("cursor", "malformed", format!("{wrong:?} is not the next of a page"));
    }
    let threshold = threshold_of(&mut query);
    let agent = id.as_deref().filter(|_| across == Across::Agent);
    let ground = Ground::of(&ask, &mut query, agent).await?;
    let (from, until) = range(&ground, &mut query);
    if id.is_none() && across != Across::Account {
        query.wrong("id", "required", "must say whose figure it is");
    }
    query.done()?;
    let figure = figure(&name, across)?;
    let ids = whose(across, id.clone(), &ground, ask.account())?;
    let limit = if format == Format::Json { limit } else { FILE_PAGE };
    let (app, account) = (ask.app.clone(), ask.account().clone());
    let fresh = Fresh::until(until, ground.now);
    let page = move |after: Option<String>| -> exports::Page {
        let (app, account, ids, id) = (app.clone(), account.clone(), ids.clone(), id.clone());
        Box::pin(async move {
            let after = after.as_deref().and_then(place);
            let look = move |look: &Look<'_>| {
                let is_known = match (&id, across) {
                    (Some(id), of) if of != Across::Account => {
                        look.subject(of.word(), id)?.is_some()
                    }
                    _ => true,
                };
                let wish = Wish { figure, across, ids, from, until, threshold, after, limit };
                let found = look.behind(&wish)?;
                let head = json!({ "figure": figure.name, "value": found.value, "count": found.count,
                    "from": from.rfc3339(), "to": until.rfc3339() });
                let next = found.next.map(|(at, call, no)| format!("{at}_{call}_{no}"));
                Ok((is_known, id, page_of(look, head, found.items, next)))
            };
            match app.node.history(&account, fresh, look).await? {
                (true, _, page) => Ok(page),
                (false, id, _) => Err(Problem::not_found(across.word(), &id.unwrap_or_default())),
            }
        })
    };
    let columns = ["at", "to", "call", "queue", "agent", "outcome"].map(str::to_owned).to_vec();
    let list = List { name: format!("{name}-calls"), columns, rows: fields, page: Box::new(page) };
    exports::answer(format, list, cursor).await
}

/// `window`, or `from` and `to`.
fn range(ground: &Ground, query: &mut Queries) -> (Millis, Millis) {
    let window = query.word("window", Window::parse, Window::ALL);
    let range = ground.range(query);
    match window {
        // What counts at this very instant is in it.
        Some(window) => (begin(window, ground.now, &ground.zone_name), ground.now.plus(1)),
        None => range,
    }
}

fn figure(name: &str, across: Across) -> Result<&'static Figure, Problem> {
    if FIGURES.iter().all(|figure| figure.name != name) {
        return Err(Problem::not_found("figure", name));
    }
    let mut told = across.figures().filter(|figure| has_rows(figure));
    told.find(|figure| figure.name == name).ok_or_else(|| {
        let detail = format!("{name} has no calls behind it that are told by {across}");
        Problem::new(409, "nothing_behind", detail)
    })
}
