//! Live figures: what is told of queues, groups, agents, teams and the account over a window that ends
//! now, and how each figure is worked out.

use crate::api::Routes;
use crate::api::answer::json;
use crate::api::ask::Ask;
use crate::api::endpoint::{Method, endpoint};
use crate::api::problem::Answered;
use crate::api::query::Queries;
use crate::domain::ids::Name;
use crate::domain::input::{Answer, Query};
use crate::domain::problem::Problem;
use crate::reporting::figures::{Among, By, FIGURES, Seen, Threshold, Window, Wish};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use utoipa::ToSchema;

const TAG: &str = "Figures";

/// A subject's figures.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct SubjectFigures {
    /// Whose: the id of a queue, group, user or team, or the account's.
    id: String,
    /// Where the window begins.
    #[schema(format = DateTime)]
    from: String,
    /// Values by the figure's name; null where there is nothing to divide by.
    figures: std::collections::BTreeMap<String, Option<f64>>,
    /// With `thresholds_ms`: service levels by threshold, in the order in which they were asked for.
    service_levels: Option<Vec<ServiceLevels>>,
}

/// Service levels of one threshold.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
pub(super) struct ServiceLevels {
    /// The threshold, in milliseconds.
    threshold_ms: u64,
    /// See the definitions, as of the others.
    service_level: Option<f64>,
    /// …
    service_level_with_short_abandons: Option<f64>,
    /// …
    service_level_with_exits: Option<f64>,
    /// …
    service_level_of_all_that_left: Option<f64>,
}

/// A page of figures.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct FiguresPage {
    /// The last record that is in them.
    seq: u64,
    /// As of when.
    #[schema(format = DateTime)]
    as_of: String,
    /// By what they are told apart.
    by: String,
    /// Over which window.
    window: String,
    /// The threshold of the service levels, in seconds.
    threshold_s: u64,
    /// In the order of their ids.
    items: Vec<SubjectFigures>,
    /// Send it as `cursor` for the next page; null at the end.
    next: Option<String>,
}

/// How a figure is worked out.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct Definition {
    /// The figure's name.
    name: String,
    /// `count`, `ms`, or `share` (0 to 1).
    unit: String,
    /// Grows when the formula changes.
    version: u32,
    /// In words.
    formula: String,
    /// Of what it is told: account, queue, group, agent, team.
    of: Vec<String>,
}

/// What `threshold_s` is.
pub(super) const THRESHOLD: &str = "Of service levels, in seconds: 1 to 604,800; default 20.";
/// What `thresholds_ms` is.
pub(super) const THRESHOLDS: &str = "Service levels of these thresholds, too, in ms, with commas between: 10 at most, whole seconds each, up to 7 days (604800000).";

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    routes
        .routes(
            endpoint(
                Method::Get,
                "/v1/accounts/{account}/figures",
                "list_figures",
                "Tells figures over a window that ends now. Who watches a part of the floor gets that \
                 part, an agent the own.",
                list,
            )
            .tag(TAG)
            .query_text("by", "queue (default), group, agent, team or account.")
            .query_text("window", "15m, 60m, 24h, or today (default): since midnight in the account's zone, or the agent's.")
            .query_text("id", "Of this one only.")
            .query_int("threshold_s", THRESHOLD)
            .query_text("thresholds_ms", THRESHOLDS)
            .query_text("queue", "With by=agent: of those who count in this queue or group; their offer_share is of its offers.")
            .query_text("team", "With by=agent: of those who count in this team; their offer_share is of its offers.")
            .query_int("limit", "Items at most, 1–1,000; default 100.")
            .query_text("cursor", "The `next` of the page before.")
            .answers::<FiguresPage>(200, "A page, by id.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Get,
                "/v1/accounts/{account}/figures/definitions",
                "list_definitions",
                "Lists every figure with its formula.",
                definitions,
            )
            .tag(TAG)
            .answers_list::<Definition>("All of them; `next` is null.")
            .done(),
        )
}

async fn definitions(ask: Ask) -> Answered {
    ask.no_query()?;
    let items: Vec<Value> = FIGURES
        .iter()
        .map(|figure| {
            let of: Vec<&str> = figure.of.iter().map(|by| by.word()).collect();
            json!({ "name": figure.name, "unit": figure.unit.word(), "version": figure.version,
                "formula": figure.formula, "of": of })
        })
        .collect();
    Ok(json(200, &json!({ "items": items, "next": null })))
}

/// What the actor may see of figures.
///
/// # Errors
/// 403 for who may see none.
pub(super) async fn seen(ask: &Ask) -> Result<Seen, Problem> {
    match ask.look(Query::Figures).await? {
        Answer::Done { body, .. } => Ok(Seen::read(&body)),
        _ => Ok(Seen::read(&Value::Null)),
    }
}

/// Reads the threshold of service levels.
pub(super) fn threshold_of(query: &mut Queries) -> Threshold {
    let seconds = query.int("threshold_s", 1..=Threshold::LONGEST_S);
    seconds.and_then(Threshold::of_seconds).unwrap_or(Threshold::DEFAULT)
}

/// Reads `thresholds_ms`.
pub(super) fn thresholds_of(query: &mut Queries) -> Vec<Threshold> {
    let Some(text) = query.text("thresholds_ms") else { return Vec::new() };
    let mut thresholds = Vec::new();
    for part in text.split(',') {
        match part.trim().parse().ok().and_then(Threshold::of_ms) {
            Some(threshold) if thresholds.contains(&threshold) => {
                query.wrong("thresholds_ms", "conflict", format!("{part:?} stands there twice"));
            }
            Some(threshold) => thresholds.push(threshold),
            None => {
                let longest = Threshold::LONGEST_S;
                let detail =
                    format!("each must be whole seconds, 1000 to {longest}000; {part:?} is not");
                query.wrong("thresholds_ms", "out_of_range", detail);
            }
        }
    }
    if thresholds.len() > Threshold::MOST {
        let detail = format!("at most {} at once", Threshold::MOST);
        query.wrong("thresholds_ms", "out_of_range", detail);
    }
    thresholds
}

/// Reads `queue` and `team`: among whom shares of the offers are told.
pub(super) fn among_of(query: &mut Queries, by_agent: bool) -> Option<Among> {
    let (queue, team) = (query.text("queue"), query.text("team"));
    let name = if queue.is_some() { "queue" } else { "team" };
    if (queue.is_some() || team.is_some()) && !by_agent {
        query.wrong(name, "conflict", "says whose agents; only with by=agent");
    }
    match (queue, team) {
        (Some(_), Some(_)) => {
            query.wrong("team", "conflict", "queue or team, not both");
            None
        }
        (Some(id), None) => Some(Among::Queue(id.into())),
        (None, Some(id)) => Some(Among::Team(id.into())),
        (None, None) => None,
    }
}

async fn list(ask: Ask) -> Answered {
    let mut query = ask.query()?;
    let (limit, after) = query.page();
    let by = query.word("by", By::parse, By::ALL).unwrap_or(By::Queue);
    let window = query.word("window", Window::parse, Window::ALL).unwrap_or(Window::Today);
    let id = query.text("id");
    let threshold = threshold_of(&mut query);
    let thresholds = thresholds_of(&mut query);
    let among = among_of(&mut query, by == By::Agent);
    query.done()?;
    let seen = seen(&ask).await?;
    let ids = id.as_deref().map(|id| BTreeSet::from([Name::from(id)]));
    let wish = Wish { by, window, threshold, ids, figures: None, thresholds, among };
    if by == By::Account && seen != Seen::All {
        let detail =
            "the whole account's figures are for who sees all of it; ask by queue, agent or team";
        return Err(Problem::new(403, "forbidden", detail).into());
    }
    let account = ask.account().clone();
    let page = ask.app.node.figures(ask.account(), move |figures, now| {
        if let Some(among) = &wish.among {
            let (kind, id) = match among {
                Among::Queue(id) => ("queue", id),
                Among::Team(id) => ("team", id),
            };
            let is_there = figures.rung(among, (now, now)).is_some();
            if !is_there || !seen.has_among(figures, among) {
                return Err(Problem::not_found(kind, id));
            }
        }
        let mut ids = wish.subjects(figures, &account, &seen, now);
        if let (Some(id), true) = (id, ids.is_empty()) {
            return Err(Problem::not_found(by.word(), &id));
        }
        ids.retain(|known| after.as_deref().is_none_or(|after| &**known > after));
        let more = ids.len() > limit;
        ids.truncate(limit);
        let next = ids.last().filter(|_| more).map(ToString::to_string);
        let items = wish.items(figures, ids, now).into_iter();
        let items: Vec<Value> = items.map(|(_, item)| item).collect();
        Ok(json!({ "seq": figures.seq(), "as_of": now.rfc3339(), "by": by.word(),
            "window": window.word(), "threshold_s": threshold.seconds(), "items": items, "next": next }))
    });
    Ok(json(200, &page.await??))
}
