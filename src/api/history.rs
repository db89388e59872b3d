//! The history: figures of intervals of the past.

use crate::api::Routes;
use crate::api::ask::Ask;
use crate::api::endpoint::{Method, endpoint};
use crate::api::exports::{self, FILE_PAGE, Format, KINDS, List};
use crate::api::figures::threshold_of;
use crate::api::ground::{CURSOR, FORMAT, FROM, Ground, LIMIT, TO, ZONE, page_of};
use crate::api::problem::Answered;
use crate::api::query::Queries;
use crate::domain::problem::Problem;
use crate::domain::time::Millis;
use crate::node::Fresh;
use crate::reporting::figures::Figure;
use crate::reporting::history::Across;
use crate::reporting::history::intervals::Interval;
use crate::reporting::history::read::{Look, Sums, Wish};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use utoipa::ToSchema;

const TAG: &str = "Figures";
/// Intervals of one subject at most: a month of five minutes.
const MOST_INTERVALS: usize = 8_930;
/// Intervals of all subjects of a page at most.
const MOST_OF_A_PAGE: usize = 50_000;
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

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    routes.routes(
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
    )
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
