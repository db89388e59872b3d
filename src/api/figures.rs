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
use crate::reporting::figures::{By, FIGURES, Seen, THRESHOLDS_S, Window, Wish, threshold};
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
            .query_int("threshold_s", "Of service levels, in seconds: 15, 20 (default), 25, 30, 45, 60, 90, 120, 180, 240, 300 or 600.")
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

/// Reads the threshold of service levels: in seconds, and its place.
pub(super) fn threshold_of(query: &mut Queries) -> (u64, usize) {
    let seconds = query.int("threshold_s", 1..=604_800).unwrap_or(20);
    let place = threshold(seconds);
    if place.is_none() {
        let known: Vec<String> = THRESHOLDS_S.iter().map(ToString::to_string).collect();
        query.wrong("threshold_s", "out_of_range", format!("must be one of {}", known.join(", ")));
    }
    (seconds, place.unwrap_or(0))
}

async fn list(ask: Ask) -> Answered {
    let mut query = ask.query()?;
    let (limit, after) = query.page();
    let by = query.word("by", By::parse, By::ALL).unwrap_or(By::Queue);
    let window = query.word("window", Window::parse, Window::ALL).unwrap_or(Window::Today);
    let id = query.text("id");
    let (seconds, threshold) = threshold_of(&mut query);
    query.done()?;
    let seen = seen(&ask).await?;
    let ids = id.as_deref().map(|id| BTreeSet::from([Name::from(id)]));
    let wish = Wish { by, window, threshold, ids, figures: None };
    if by == By::Account && seen != Seen::All {
        let detail =
            "the whole account's figures are for who sees all of it; ask by queue, agent or team";
        return Err(Problem::new(403, "forbidden", detail).into());
    }
    let account = ask.account().clone();
    let page = ask.app.node.figures(ask.account(), move |figures, now| {
        let mut ids = wish.subjects(figures, &account, &seen);
        if let (Some(id), true) = (id, ids.is_empty()) {
            return Err(Problem::not_found(by.word(), &id));
        }
        ids.retain(|known| after.as_deref().is_none_or(|after| &**known > after));
        let more = ids.len() > limit;
        ids.truncate(limit);
        let next = ids.last().filter(|_| more).map(ToString::to_string);
        let items: Vec<Value> = ids.iter().filter_map(|id| wish.item(figures, id, now)).collect();
        Ok(json!({ "seq": figures.seq(), "as_of": now.rfc3339(), "by": by.word(),
            "window": window.word(), "threshold_s": seconds, "items": items, "next": next }))
    });
    Ok(json(200, &page.await??))
}
