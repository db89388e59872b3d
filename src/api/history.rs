//! The history: figures of intervals of the past.

use crate::api::Routes;
use crate::api::ask::Ask;
use crate::api::endpoint::{Method, endpoint};
use crate::api::exports::{self, FILE_PAGE, Format, KINDS, List};
use crate::api::figures::{
    ServiceLevels, THRESHOLD, THRESHOLDS, among_of, threshold_of, thresholds_of,
};
use crate::api::ground::{CURSOR, FORMAT, FROM, Ground, LIMIT, TO, ZONE, page_of};
use crate::api::problem::Answered;
use crate::api::query::Queries;
use crate::domain::problem::Problem;
use crate::domain::time::Millis;
use crate::node::Fresh;
use crate::reporting::figures::{
    self, By, FIGURES, Figure, Figures, Measure, Threshold, service_levels,
};
use crate::reporting::history::fairness::{Among, Shares};
use crate::reporting::history::intervals::Interval;
use crate::reporting::history::read::{Look, Sums, Wish};
use crate::reporting::history::{Across, Error};
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
    /// With `thresholds_ms`: service levels by threshold, in the order in which they were asked for. In
    /// files each has a column, such as `service_level_15000_ms`.
    service_levels: Option<Vec<ServiceLevels>>,
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
        .query_text("figure", "These figures only, with commas between; offers_gini is told only when it is named.")
        .query_int("threshold_s", THRESHOLD)
        .query_text("thresholds_ms", THRESHOLDS)
        .query_text("queue", "With by=agent: of those who worked for this queue or group; their offer_share is of its offers.")
        .query_text("team", "With by=agent: of those in this team; their offer_share is of its offers.")
        .query_int("as_of", "The `seq` of an answer before: the same again, or 409 `restated`.")
        .query_text("format", FORMAT)
        .query_int("limit", LIMIT)
        .query_text("cursor", CURSOR)
        .answers_as::<HistoryPage>(200, "A page, by id; whole intervals.", &KINDS)
        .done(),
    )
}

/// What is asked of each interval.
#[derive(Clone)]
struct Asked {
    across: Across,
    edges: Vec<Millis>,
    as_of: Option<u64>,
    figures: Vec<&'static Figure>,
    threshold: Threshold,
    thresholds: Vec<Threshold>,
    /// By agent: among whom shares of offers are told.
    among: Among,
}

async fn sums(ask: Ask) -> Answered {
    let mut query = ask.query()?;
    let format = Format::wanted(&mut query, &ask.headers);
    let (limit, cursor) = query.page();
    let across = query.word("by", Across::parse, Across::ALL).unwrap_or(Across::Queue);
    let interval = query.word("interval", Interval::parse, Interval::ALL).unwrap_or(Interval::Day);
    let (id, as_of) = (query.text("id"), query.int("as_of", 0..=u64::MAX));
    let threshold = threshold_of(&mut query);
    let thresholds = thresholds_of(&mut query);
    let among = among_of(&mut query, across == Across::Agent);
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
    let among = among_whom(&ask, &ground, among).await?;
    let fresh = match as_of {
        Some(_) => Fresh::AsItIs,
        None => Fresh::until(range.1, ground.now),
    };
    let limit = if format == Format::Json { limit } else { FILE_PAGE };
    let limit = limit.min((MOST_OF_A_PAGE / edges.len().max(1)).max(1));
    let head = json!({ "by": across.word(), "interval": interval.word(), "zone": ground.zone_name,
        "threshold_s": threshold.seconds() });
    let columns = columns(&figures, &thresholds);
    let asked = Asked { across, edges, as_of, figures, threshold, thresholds, among };
    let (app, account, ground) = (ask.app.clone(), ask.account().clone(), Arc::new(ground));
    let (named, asked) = (id.clone(), Arc::new(asked));
    let page = move |after: Option<String>| -> exports::Page {
        let (id, edges) = (id.clone(), asked.edges.clone());
        let mut thresholds = asked.thresholds.clone();
        let is_told = asked.figures.iter().any(|figure| figure.has_threshold());
        thresholds.extend(is_told.then_some(asked.threshold));
        let wish = Wish { across, id, after, limit, edges, as_of, thresholds };
        let (app, account, ground) = (app.clone(), account.clone(), Arc::clone(&ground));
        let (asked, head) = (Arc::clone(&asked), head.clone());
        Box::pin(async move {
            let shown = account.clone();
            let look = move |look: &Look<'_>| {
                let shares = asked.shares(look, &ground)?;
                let told = look.sums(&wish, &|id| {
                    let is_seen = across == Across::Account || ground.has(across, id);
                    is_seen && shares.as_ref().is_none_or(|shares| shares.has(id))
                })?;
                let next = told.items.last().filter(|_| told.more).map(|(id, _)| id.to_string());
                let items = told.items.iter().map(|(id, sums)| {
                    let intervals = asked.intervals((look, &ground), id, sums, shares.as_ref())?;
                    let id = if across == Across::Account { &shown } else { id };
                    Ok(json!({ "id": id, "intervals": intervals }))
                });
                let items: Vec<Value> = items.collect::<Result<_, Error>>()?;
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

/// Headings of a file.
fn columns(figures: &[&'static Figure], thresholds: &[Threshold]) -> Vec<String> {
    let mut columns: Vec<String> = ["id", "from", "to", "complete"].map(str::to_owned).to_vec();
    columns.extend(figures.iter().map(|figure| figure.name.to_owned()));
    for threshold in thresholds {
        let of = FIGURES.iter().filter(|figure| figure.has_threshold());
        columns.extend(of.map(|figure| format!("{}_{}_ms", figure.name, threshold.ms())));
    }
    columns
}

/// Whose offers are shared out; a queue or team that is not there, or not in sight, is not found.
async fn among_whom(
    ask: &Ask,
    ground: &Ground,
    among: Option<figures::Among>,
) -> Result<Among, Problem> {
    match among {
        None => Ok(Among::All),
        Some(figures::Among::Team(id)) => match ground.has(Across::Team, &id) {
            true if ground.teams.iter().any(|(team, _)| *team == id) => Ok(Among::Team(id)),
            _ => Err(Problem::not_found("team", &id)),
        },
        Some(figures::Among::Queue(id)) => {
            let named = id.clone();
            let kind = move |figures: &Figures, _| {
                let is = |by| figures.knows(by, &named);
                (is(By::Queue), is(By::Group))
            };
            let kind = match ask.app.node.figures(ask.account(), kind).await? {
                (true, _) => Across::Queue,
                (_, true) => Across::Group,
                _ => return Err(Problem::not_found("queue", &id)),
            };
            match ground.has(kind, &id) {
                true => Ok(Among::Queue(kind, id)),
                false => Err(Problem::not_found("queue", &id)),
            }
        }
    }
}

impl Asked {
    fn has(&self, name: &str) -> bool {
        self.figures.iter().any(|figure| figure.name == name)
    }

    /// Among whom offers are shared out, when that is told; of a team those who are in it now.
    fn shares(&self, look: &Look<'_>, ground: &Ground) -> Result<Option<Shares>, Error> {
        if self.across != Across::Agent || !self.has("offer_share") {
            return Ok(None);
        }
        let shares = look.shares(&self.among, &self.edges, self.as_of)?;
        Ok(Some(match &self.among {
            Among::Team(id) => shares.only(Some(ground.members(id))),
            Among::All | Among::Queue(..) => shares,
        }))
    }

    /// By interval, how often each was rung who counts, when that is told; of a team those who are in
    /// it now.
    fn spread(&self, look: &Look<'_>, ground: &Ground, id: &str) -> Result<Vec<Vec<i64>>, Error> {
        match self.across {
            _ if !self.has("offers_gini") => Ok(Vec::new()),
            Across::Team => look.spread_of(ground.members(id), &self.edges, self.as_of),
            across => look.spread(across, id, &self.edges, self.as_of),
        }
    }

    /// A subject's intervals, as they are told.
    fn intervals(
        &self,
        (look, ground): (&Look<'_>, &Ground),
        id: &str,
        sums: &[Sums],
        shares: Option<&Shares>,
    ) -> Result<Vec<Value>, Error> {
        let mut spread = self.spread(look, ground, id)?;
        let spans = self.edges.iter().zip(self.edges.iter().skip(1)).zip(sums).enumerate();
        let told = spans.map(|(place, ((from, to), sums))| {
            let mut facts = sums.facts(self.threshold);
            let own = facts.counts.get(Measure::Offers);
            facts.present.share = shares.map(|shares| shares.of(id, place, own));
            facts.present.spread = spread.get_mut(place).map(std::mem::take).unwrap_or_default();
            let told =
                self.figures.iter().map(|figure| (figure.name.to_owned(), figure.value(&facts)));
            let told: Map<String, Value> = told.collect();
            let (from, to) = (from.rfc3339(), to.rfc3339());
            let mut told =
                json!({ "from": from, "to": to, "complete": sums.complete, "figures": told });
            if !self.thresholds.is_empty() {
                told["service_levels"] = service_levels(&mut facts, &self.thresholds).into();
            }
            told
        });
        Ok(told.collect())
    }
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
    let Some(text) = query.text("figure") else {
        // It is not summed up: rows are read for it.
        return all.into_iter().filter(|figure| figure.name != "offers_gini").collect();
    };
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

/// A row of an interval.
fn interval_rows(columns: &[String], item: &Value) -> Vec<Vec<Value>> {
    let intervals = item["intervals"].as_array().into_iter().flatten();
    let cell = |interval: &Value, name: &str| match name {
        "id" => item["id"].clone(),
        "from" | "to" | "complete" => interval[name].clone(),
        name => match &interval["figures"][name] {
            Value::Null => service_level(interval, name),
            value => value.clone(),
        },
    };
    intervals.map(|interval| columns.iter().map(|name| cell(interval, name)).collect()).collect()
}

/// A service level of a threshold, by the heading of its column.
fn service_level(interval: &Value, column: &str) -> Value {
    let levels = interval["service_levels"].as_array().into_iter().flatten();
    let mut named = levels.filter_map(|level| {
        let rest = column.strip_suffix(&format!("_{}_ms", level["threshold_ms"]))?;
        level.get(rest).cloned()
    });
    named.next().unwrap_or(Value::Null)
}
