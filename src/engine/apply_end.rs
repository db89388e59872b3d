//! What a document has made is checked as it is at the end.

use super::Engine;
use super::apply::Work;
use super::directory::unknown;
use super::people::without_team;
use crate::domain::document;
use crate::domain::ids::Name;
use crate::domain::input::{Kind, ObjectRef};
use crate::domain::problem::FieldError;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Where an extension, a number or the like of an object stands.
type Place = (ObjectRef, &'static str);

impl Engine {
    /// What was changed must fit what is there at the end.
    pub(super) fn check_end(&self, work: &mut Work) {
        let mut errors = Vec::new();
        for (object, body) in &work.put {
            let at = document::pointer(object);
            let Ok(checked) = self.parsed(object, body) else { continue };
            let mut wrong = self.check_references(object, &checked);
            // Of these all are told below, not only who came last.
            wrong.retain(|error| error.code != "taken");
            errors.extend(document::under(&at, wrong));
        }
        errors.extend(self.check_unique(&work.put));
        let mut users = BTreeSet::new();
        for (at, queue, ix) in &work.joined {
            let mut fits = self.check_member(*queue, *ix);
            if fits.is_ok() && users.insert(*ix) {
                fits = self.check_own_queues(*ix);
            }
            if let Err(problem) = fits {
                errors.push(FieldError::new(at.clone(), problem.code, problem.detail));
            }
        }
        for (at, team) in &work.linked {
            if !self.state.teams.contains_key(team.as_str()) {
                errors.push(unknown(at.clone(), "team", team));
            }
        }
        for (at, user, role) in &work.leading {
            if !self.has_team(user) {
                errors.extend(document::under(at, vec![without_team(*role)]));
            }
        }
        let unread = |error: &FieldError| {
            let names = |id: &String| error.detail.contains(&format!("{id:?}"));
            error.code == "unknown_reference" && work.unread.iter().any(names)
        };
        errors.retain(|error| !unread(error));
        work.errors.extend(errors);
    }

    /// Extensions and numbers that were changed are of one: the tables know only the last who took one,
    /// hence all are counted.
    fn check_unique(&self, put: &[(ObjectRef, Value)]) -> Vec<FieldError> {
        let mut owners: BTreeMap<String, Vec<Place>> = BTreeMap::new();
        let mut add = |what: String, kind: Kind, id: &Name, field: &'static str| {
            let object = ObjectRef { kind, parent: String::new(), id: id.to_string() };
            owners.entry(what).or_default().push((object, field));
        };
        if !put.iter().any(|(o, _)| matches!(o.kind, Kind::User | Kind::Group | Kind::Route)) {
            return Vec::new();
        }
        for agent in &self.state.agents {
            if let Some(extension) = &agent.user.extension {
                add(format!("extension {extension}"), Kind::User, &agent.id, "extension");
            }
            let values = self.vault.user(agent.personal);
            for number in values.iter().flat_map(|values| &values.personal.numbers) {
                add(format!("number {number}"), Kind::User, &agent.id, "numbers");
            }
        }
        for queue in self.state.queues.iter().filter(|q| !q.deleted) {
            if let Some(extension) = &queue.config.extension {
                add(format!("extension {extension}"), Kind::Group, &queue.id, "extension");
            }
        }
        for (id, route) in &self.state.routes {
            if let Some(route) = &route.value {
                add(format!("number {}", route.number), Kind::Route, id, "number");
            }
        }
        let changed: BTreeSet<(Kind, &str)> =
            put.iter().map(|(object, _)| (object.kind, object.id.as_str())).collect();
        let mut errors = Vec::new();
        for (what, places) in owners.iter().filter(|(_, places)| places.len() > 1) {
            for (object, field) in places {
                let others = places.iter().map(|(other, _)| other).filter(|other| *other != object);
                let other = others.map(document::pointer).next().unwrap_or_default();
                if changed.contains(&(object.kind, &object.id)) {
                    let at = format!("{}/{field}", document::pointer(object));
                    let detail = format!("{what} would be of {other} as well; choose another");
                    errors.push(FieldError::new(at, "taken", detail));
                }
            }
        }
        errors
    }
}
