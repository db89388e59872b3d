//! What is told of figures, and to whom: the same by request and in the live feed.

use super::{Among, By, FIGURES, Facts, Figure, Figures, Needs, Threshold, Window};
use crate::domain::ids::Name;
use crate::domain::time::Millis;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What somebody may see of an account's figures.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seen {
    /// All of them.
    All,
    /// Those of a part of the floor.
    Some(Arc<Part>),
}

/// A part of the floor.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// Users in sight.
    pub users: BTreeSet<Name>,
    /// Queues in sight.
    pub queues: BTreeSet<Name>,
}

impl Seen {
    /// As the engine answers `Query::Figures`; what is not understood is not shown.
    #[must_use]
    pub fn read(told: &Value) -> Seen {
        let ids = |name: &str| {
            let ids = told[name].as_array().into_iter().flatten();
            ids.filter_map(Value::as_str).map(Name::from).collect()
        };
        match told["all"] == json!(true) {
            true => Seen::All,
            false => Seen::Some(Arc::new(Part { users: ids("users"), queues: ids("queues") })),
        }
    }

    /// The whole account's are for who sees all of it, a team's for who sees all of its members.
    #[must_use]
    pub fn has(&self, figures: &Figures, by: By, id: &str) -> bool {
        let Seen::Some(part) = self else { return true };
        match by {
            By::Account => false,
            By::Queue | By::Group => part.queues.contains(id),
            By::Agent => part.users.contains(id),
            By::Team => figures.members(id).all(|user| part.users.contains(user)),
        }
    }

    /// Whether shares of what is offered there are told.
    #[must_use]
    pub fn has_among(&self, figures: &Figures, among: &Among) -> bool {
        match among {
            Among::Queue(id) => self.has(figures, By::Queue, id),
            Among::Team(id) => self.has(figures, By::Team, id),
        }
    }
}

/// Which figures are asked for, of whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wish {
    /// By what they are told apart.
    pub by: By,
    /// Over which window.
    pub window: Window,
    /// The service levels' threshold.
    pub threshold: Threshold,
    /// Of these only; of an account, its own id.
    pub ids: Option<BTreeSet<Name>>,
    /// These figures only, by their places in [`FIGURES`].
    pub figures: Option<BTreeSet<usize>>,
    /// Service levels of these thresholds beside them.
    pub thresholds: Vec<Threshold>,
    /// By agent: of those who count there, and with their shares of its offers.
    pub among: Option<Among>,
}

/// Offers among whom shares are told.
struct Shares {
    from: Millis,
    /// Of each who counts; `None`: as the agent's own sums say.
    own: Option<BTreeMap<Name, i64>>,
    whole: i64,
}

/// Service levels by threshold, each with the threshold that it is of: what stands beside figures.
#[must_use]
pub fn service_levels(facts: &mut Facts, thresholds: &[Threshold]) -> Vec<Value> {
    let before = facts.threshold;
    let told = thresholds.iter().map(|threshold| {
        facts.threshold = *threshold;
        let mut told = json!({ "threshold_ms": threshold.ms() });
        for figure in FIGURES.iter().filter(|figure| figure.has_threshold()) {
            told[figure.name] = figure.value(facts);
        }
        told
    });
    let told = told.collect();
    facts.threshold = before;
    told
}

impl Wish {
    /// Whose figures it asks for, of those that are there and seen, in order.
    #[must_use]
    pub fn subjects(
        &self,
        figures: &Figures,
        account: &Name,
        seen: &Seen,
        now: Millis,
    ) -> Vec<Name> {
        let mut ids = match (&self.ids, self.by) {
            (None, By::Account) => vec![account.clone()],
            (None, by) => figures.ids(by),
            (Some(ids), By::Account) => ids.iter().filter(|id| *id == account).cloned().collect(),
            (Some(ids), by) => ids.iter().filter(|id| figures.knows(by, id)).cloned().collect(),
        };
        ids.retain(|id| seen.has(figures, self.by, id));
        if let Some(among) = self.among.as_ref().filter(|_| self.by == By::Agent) {
            let from = super::begin(self.window, now, figures.time_zone(None));
            let rung = figures.rung(among, (from, now)).filter(|_| seen.has_among(figures, among));
            let rung = rung.unwrap_or_default();
            let rung: BTreeSet<Name> = rung.into_iter().map(|(id, _)| id).collect();
            ids.retain(|id| rung.contains(id));
        }
        ids
    }

    /// Subjects' figures: `{ id, from, figures }` each, with service levels where they are wished.
    #[must_use]
    pub fn items(&self, figures: &Figures, ids: Vec<Name>, now: Millis) -> Vec<(Name, Value)> {
        let shares = self.shares(figures, now);
        let needs = Needs {
            sums: true,
            members: self.names().any(Figure::looks_at_members),
            levels: self.names().any(Figure::has_threshold),
        };
        let told = ids.into_iter().filter_map(|id| {
            let item = self.item(figures, &id, now, (shares.as_ref(), needs))?;
            Some((id, item))
        });
        told.collect()
    }

    fn item(
        &self,
        figures: &Figures,
        id: &Name,
        now: Millis,
        (shares, needs): (Option<&Shares>, Needs),
    ) -> Option<Value> {
        let zone = figures.time_zone((self.by == By::Agent).then_some(id));
        let from = super::begin(self.window, now, zone);
        let mut facts = figures.facts_for((self.by, id), (from, now), self.threshold, needs)?;
        facts.present.share = shares.map(|shares| shares.of(figures, id, now));
        let value = |figure: &Figure| (figure.name.to_owned(), figure.value(&facts));
        let told: Map<String, Value> = self.names().map(value).collect();
        let mut item = json!({ "id": id, "from": from.rfc3339(), "figures": told });
        if !self.thresholds.is_empty() {
            facts.within.extend(figures.within((self.by, id), from, &self.thresholds));
            item["service_levels"] = service_levels(&mut facts, &self.thresholds).into();
        }
        Some(item)
    }

    /// Over the same time for all: by day, the account's.
    fn shares(&self, figures: &Figures, now: Millis) -> Option<Shares> {
        if self.by != By::Agent || self.names().all(|figure| figure.name != "offer_share") {
            return None;
        }
        let from = super::begin(self.window, now, figures.time_zone(None));
        Some(match &self.among {
            None => Shares { from, own: None, whole: figures.offers_of_all((from, now)) },
            Some(among) => {
                let own: BTreeMap<Name, i64> =
                    figures.rung(among, (from, now)).into_iter().flatten().collect();
                Shares { from, whole: own.values().sum(), own: Some(own) }
            }
        })
    }

    /// The value of the one figure that it asks for; `None`: there is none now.
    #[must_use]
    pub fn value(&self, figures: &Figures, id: &Name, now: Millis) -> Option<f64> {
        let zone = figures.time_zone((self.by == By::Agent).then_some(id));
        let from = super::begin(self.window, now, zone);
        let figure = self.names().next()?;
        let needs = Needs {
            sums: !figure.is_of_now(),
            members: figure.looks_at_members(),
            levels: figure.has_threshold(),
        };
        let facts = figures.facts_for((self.by, id), (from, now), self.threshold, needs)?;
        figure.value(&facts).as_f64()
    }

    /// The figures that it asks for.
    fn names(&self) -> impl Iterator<Item = &'static Figure> {
        let wished = |place| self.figures.as_ref().is_none_or(|places| places.contains(&place));
        let all = FIGURES.iter().enumerate();
        all.filter(move |(place, figure)| figure.of.contains(&self.by) && wished(*place))
            .map(|(_, figure)| figure)
    }
}

impl Shares {
    /// An agent's offers, and those of all.
    fn of(&self, figures: &Figures, id: &Name, now: Millis) -> (i64, i64) {
        let own = match &self.own {
            Some(own) => own.get(id).copied().unwrap_or(0),
            None => figures.offers_of((By::Agent, id), (self.from, now)),
        };
        (own, self.whole)
    }
}

/// The place of a figure in [`FIGURES`].
#[must_use]
pub fn place(name: &str) -> Option<usize> {
    FIGURES.iter().position(|figure| figure.name == name)
}
