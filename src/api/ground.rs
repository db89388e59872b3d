//! What questions about the past have in common: whose sight, which zone, from when until when.

use crate::api::ask::Ask;
use crate::api::figures::seen;
use crate::api::query::Queries;
use crate::domain::ids::Name;
use crate::domain::problem::Problem;
use crate::domain::time::Millis;
use crate::reporting::figures::{By, Figures, Seen, Window, begin};
use crate::reporting::history::read::Look;
use crate::reporting::history::{Across, intervals};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

pub const FROM: &str = "From when: RFC 3339, or a day (2026-03-29) of the zone; default: today.";
pub const TO: &str = "Until when, as `from`; default: now.";
pub const ZONE: &str =
    "The zone in which days begin; default: the account's, or with by=agent and id that agent's.";
pub const FORMAT: &str = "json (a page), csv or xlsx (all of it); default: by Accept.";
pub const LIMIT: &str = "Items at most, 1–1,000; default 100.";
pub const CURSOR: &str = "The `next` of the page before.";

/// What is known before a question: the actor's sight, the zone, the time.
pub struct Ground {
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
        let look = move |figures: &Figures, now| {
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

    /// Who is in a team that is in sight; nobody in another.
    pub fn members(&self, team: &str) -> &[Name] {
        let found = self.teams.iter().find(|(id, _)| **id == *team);
        found.map_or(&[], |(_, members)| members)
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

/// A page, as of the last record that is in it.
pub fn page_of(look: &Look<'_>, mut page: Value, items: Vec<Value>, next: Option<String>) -> Value {
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
