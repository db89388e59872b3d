//! What is told of figures, and to whom: the same by request and in the live feed.

use super::{By, FIGURES, Figure, Figures, Window};
use crate::domain::ids::Name;
use crate::domain::time::Millis;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
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
}

/// Which figures are asked for, of whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wish {
    /// By what they are told apart.
    pub by: By,
    /// Over which window.
    pub window: Window,
    /// Place of the service levels' threshold in [`super::THRESHOLDS_S`].
    pub threshold: usize,
    /// Of these only; of an account, its own id.
    pub ids: Option<BTreeSet<Name>>,
    /// These figures only, by their places in [`FIGURES`].
    pub figures: Option<BTreeSet<usize>>,
}

impl Wish {
    /// Whose figures it asks for, of those that are there and seen, in order.
    #[must_use]
    pub fn subjects(&self, figures: &Figures, account: &Name, seen: &Seen) -> Vec<Name> {
        let mut ids = match (&self.ids, self.by) {
            (None, By::Account) => vec![account.clone()],
            (None, by) => figures.ids(by),
            (Some(ids), By::Account) => ids.iter().filter(|id| *id == account).cloned().collect(),
            (Some(ids), by) => ids.iter().filter(|id| figures.knows(by, id)).cloned().collect(),
        };
        ids.retain(|id| seen.has(figures, self.by, id));
        ids
    }

    /// One subject's figures: `{ id, from, figures }`.
    #[must_use]
    pub fn item(&self, figures: &Figures, id: &Name, now: Millis) -> Option<Value> {
        let zone = figures.time_zone((self.by == By::Agent).then_some(id));
        let from = super::begin(self.window, now, zone);
        let facts = figures.facts((self.by, id), (from, now), self.threshold)?;
        let value = |figure: &Figure| (figure.name.to_owned(), figure.value(&facts));
        let told: Map<String, Value> = self.names().map(value).collect();
        Some(json!({ "id": id, "from": from.rfc3339(), "figures": told }))
    }

    /// The value of the one figure that it asks for; `None`: there is none now.
    #[must_use]
    pub fn value(&self, figures: &Figures, id: &Name, now: Millis) -> Option<f64> {
        let zone = figures.time_zone((self.by == By::Agent).then_some(id));
        let from = super::begin(self.window, now, zone);
        let facts = figures.facts((self.by, id), (from, now), self.threshold)?;
        self.names().next()?.value(&facts).as_f64()
    }

    /// The figures that it asks for.
    fn names(&self) -> impl Iterator<Item = &'static Figure> {
        let wished = |place| self.figures.as_ref().is_none_or(|places| places.contains(&place));
        let all = FIGURES.iter().enumerate();
        all.filter(move |(place, figure)| figure.of.contains(&self.by) && wished(*place))
            .map(|(_, figure)| figure)
    }
}

/// The place of a figure in [`FIGURES`].
#[must_use]
pub fn place(name: &str) -> Option<usize> {
    FIGURES.iter().position(|figure| figure.name == name)
}
