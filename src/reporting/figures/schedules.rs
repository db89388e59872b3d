//! By which calendar each agent works, and what is planned now. A calendar's next edge is worked out once,
//! when it is set or the edge before is passed; the fold passes edges before the first record that is not
//! older. Who reads later than that looks beyond the last record ([`Figures::pass_ahead`]): time that
//! passes by itself changes nothing, so that whoever folds the same records has the same.

use super::Figures;
use super::counts::Counts;
use super::doing::Doing;
use crate::domain::event::Event;
use crate::domain::ids::{AgentIx, Name};
use crate::domain::objects::{Calendar, Plan, User};
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The calendars, and who works by them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Schedules {
    calendars: BTreeMap<Name, Timetable>,
    /// Of each agent the calendar, if there is one; …
    agents: Vec<Option<Name>>,
    /// … and the agents of each.
    users: BTreeMap<Name, BTreeSet<AgentIx>>,
    /// When the first of the calendars must be looked at again.
    next_at: Millis,
}

/// A calendar, and what it plans from the last record on.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Timetable {
    calendar: Calendar,
    plan: Option<Plan>,
    /// Until then.
    until: Millis,
}

impl Default for Schedules {
    fn default() -> Schedules {
        let (calendars, agents, users) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
        Schedules { calendars, agents, users, next_at: Millis(i64::MAX) }
    }
}

impl Timetable {
    fn look(&mut self, at: Millis, zone: &str) {
        self.plan = self.calendar.plan(at, zone);
        self.until = self.calendar.plan_until(at, zone);
    }

    /// What is planned at an instant that is no earlier than the last record.
    fn plan_at(&self, at: Millis, zone: &str) -> Option<Plan> {
        if at < self.until { self.plan } else { self.calendar.plan(at, zone) }
    }

    /// Edges that lie between the last record and an instant, and what is planned from each on.
    fn ahead(&self, now: Millis, zone: &str) -> Vec<(Millis, Option<Plan>)> {
        let (mut edges, mut edge) = (Vec::new(), self.until);
        while edge <= now {
            edges.push((edge, self.calendar.plan(edge, zone)));
            edge = self.calendar.plan_until(edge, zone);
        }
        edges
    }
}

impl Schedules {
    /// A calendar is this from now on.
    fn put(&mut self, id: &Name, calendar: &Calendar, at: Millis, zone: &str) {
        let (calendar, plan, until) = (calendar.clone(), None, at);
        let mut timetable = Timetable { calendar, plan, until };
        timetable.look(at, zone);
        self.calendars.insert(id.clone(), timetable);
        self.find_next();
    }

    /// Looks anew at the calendars that are due, and answers which these are.
    fn look(&mut self, at: Millis, zone: &str, is_due: impl Fn(&Timetable) -> bool) -> Vec<Name> {
        let mut due = Vec::new();
        for (id, timetable) in &mut self.calendars {
            if is_due(timetable) {
                timetable.look(at, zone);
                due.push(id.clone());
            }
        }
        self.find_next();
        due
    }

    fn find_next(&mut self) {
        let next = self.calendars.values().map(|timetable| timetable.until).min();
        self.next_at = next.unwrap_or(Millis(i64::MAX));
    }

    fn set(&mut self, agent: AgentIx, calendar: Option<Name>) {
        if self.agents.len() <= agent.at() {
            self.agents.resize(agent.at() + 1, None);
        }
        if let Some(id) = &calendar {
            self.users.entry(id.clone()).or_default().insert(agent);
        }
        let before = std::mem::replace(&mut self.agents[agent.at()], calendar);
        if before != self.agents[agent.at()]
            && let Some(users) = before.and_then(|id| self.users.get_mut(&id))
        {
            users.remove(&agent);
        }
    }

    fn of(&self, agent: AgentIx) -> Option<(&Name, &Timetable)> {
        self.calendars.get_key_value(self.agents.get(agent.at())?.as_ref()?)
    }
}

impl Figures {
    /// Takes in what changes what is planned, from then on.
    pub(super) fn schedule_event(&mut self, event: &Event, at: Millis) {
        let zone = &self.directory.time_zone;
        let changed = match event {
            Event::CalendarPut { id, calendar, .. } => {
                self.schedules.put(id, calendar, at, zone);
                vec![id.clone()]
            }
            Event::CalendarDeleted { id, .. } => {
                self.schedules.calendars.remove(id);
                self.schedules.find_next();
                vec![id.clone()]
            }
            // Calendars may go by the account's zone.
            Event::AccountSet(_) => self.schedules.look(at, zone, |_| true),
            _ => return,
        };
        self.replan(&changed);
    }

    /// An agent works by this calendar from now on; nothing is planned for who is not in force.
    pub(super) fn schedule(&mut self, agent: AgentIx, user: Option<&User>) {
        let user = user.filter(|user| user.may_work());
        self.schedules.set(agent, user.and_then(|user| user.schedule.as_deref()).map(Name::from));
        self.person(agent).plan = self.schedules.of(agent).and_then(|(_, of)| of.plan);
    }

    /// Who works by these calendars goes on with what they plan now.
    fn replan(&mut self, calendars: &[Name]) {
        for id in calendars {
            let plan = self.schedules.calendars.get(id).and_then(|timetable| timetable.plan);
            let users = self.schedules.users.get(id).into_iter().flatten();
            let users: Vec<AgentIx> = users.copied().collect();
            users.into_iter().for_each(|agent| self.person(agent).plan = plan);
        }
    }

    /// Passes the calendars' edges that lie before a record, or at its instant.
    pub(super) fn pass_edges(&mut self, at: Millis) {
        while self.schedules.next_at <= at {
            let (edge, zone) = (self.schedules.next_at, &self.directory.time_zone);
            let passed = self.schedules.look(edge, zone, |timetable| timetable.until <= edge);
            self.replan(&passed);
            self.look(edge);
        }
    }

    /// Adds to sums of some agents' time what edges change that lie between the last record and now: the
    /// sums go on as if there were none.
    pub(super) fn pass_ahead(
        &self,
        agents: &[AgentIx],
        (from, now): (Millis, Millis),
        counts: &mut Counts,
    ) {
        if now < self.schedules.next_at {
            return;
        }
        let mut ahead = BTreeMap::new();
        for agent in agents {
            let Some((id, timetable)) = self.schedules.of(*agent) else { continue };
            let Some(person) = self.people.get(agent.at()) else { continue };
            let edges =
                ahead.entry(id).or_insert_with(|| timetable.ahead(now, &self.directory.time_zone));
            let mut before = *person.doing();
            for (edge, plan) in edges {
                let after = Doing { plan: *plan, ..before };
                let ms = now.0 - edge.0.max(from.0);
                counts.add_all(&before.until(&after), ms);
                before = after;
            }
        }
    }

    /// How many of some agents do not do what is planned for them now; `None`: none of them works by a
    /// calendar.
    pub(super) fn out_of_adherence(&self, agents: &[AgentIx], now: Millis) -> Option<i64> {
        let (mut plans, mut found) = (BTreeMap::new(), None);
        for agent in agents {
            let Some((id, timetable)) = self.schedules.of(*agent) else { continue };
            let Some(person) = self.people.get(agent.at()) else { continue };
            let zone = &self.directory.time_zone;
            let plan = *plans.entry(id).or_insert_with(|| timetable.plan_at(now, zone));
            let doing = Doing { plan, ..*person.doing() };
            *found.get_or_insert(0) += i64::from(doing.is_as_planned() == Some(false));
        }
        found
    }
}
