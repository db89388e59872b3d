//! Hooks and scheduled reports: what is to be told, from the record that says so until somebody has
//! taken it. All of it stands in the state, so that a kill loses nothing and doubles at most what was
//! under way.

use super::Engine;
use super::alerts::Alert;
use super::permission::require;
use super::state::Item;
use super::views::done;
use crate::domain::event::Event;
use crate::domain::ids::{AlertId, Name};
use crate::domain::input::{Actor, Answer};
use crate::domain::objects::hook::HookEvent;
use crate::domain::problem::Problem;
use crate::domain::rights::Permission;
use crate::domain::signing::DoorChange;
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::VecDeque;

/// Notices of one hook that wait at most; beyond it the oldest go, and are counted.
const MOST_NOTICES: usize = 10_000;
/// … that are told of at once.
const AT_ONCE: usize = 100;

/// How far a hook is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HookState {
    /// Intervals that ended until then are told, or none of the hook's business.
    pub closed_until: Millis,
    /// What is to be told yet, in its order.
    pub notices: VecDeque<Notice>,
    /// Notices that were let go of untold.
    pub dropped: u64,
}

/// Something that happened to an alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Grows by one with each of the account.
    pub no: u64,
    /// When.
    pub at: Millis,
    /// What.
    pub event: HookEvent,
    /// To which.
    pub id: AlertId,
    /// The alert as it was then.
    pub alert: Alert,
}

impl Engine {
    /// Applies what concerns hooks and reports; `false` when an event is about something else.
    pub(super) fn evolve_hooks(&mut self, event: &Event) -> bool {
        let at = self.state.at;
        match event {
            Event::HookPut { id, hook, .. } => {
                let before = self.state.hooks.get(id).and_then(|item| item.value.as_ref());
                let went_on = before.is_some_and(|before| before.enabled);
                let value = Some((**hook).clone());
                let item = Item { id: id.clone(), version: self.state.seq, value };
                self.state.hooks.insert(id.clone(), item);
                let state = self.state.hook_states.entry(id.clone()).or_default();
                if !went_on {
                    state.closed_until = at;
                }
                if !hook.enabled {
                    state.notices.clear();
                }
            }
            Event::HookDeleted { id, .. } => {
                self.state.hooks.remove(id);
                self.state.hook_states.remove(id);
            }
            Event::HookTold { hook, notices, closed_until } => {
                if let Some(state) = self.state.hook_states.get_mut(hook) {
                    while state.notices.front().is_some_and(|notice| notice.no <= *notices) {
                        state.notices.pop_front();
                    }
                    state.closed_until = closed_until.unwrap_or(state.closed_until);
                }
            }
            Event::ReportPut { id, report, .. } => {
                let before = self.state.reports.get(id).and_then(|item| item.value.as_ref());
                let went_on = before.is_some_and(|before| before.enabled);
                let value = Some((**report).clone());
                let item = Item { id: id.clone(), version: self.state.seq, value };
                self.state.reports.insert(id.clone(), item);
                if !went_on {
                    self.state.reported_until.insert(id.clone(), at);
                }
            }
            Event::ReportDeleted { id, .. } => {
                self.state.reports.remove(id);
                self.state.reported_until.remove(id);
            }
            Event::ReportSent { report, until } => {
                if let Some(reported) = self.state.reported_until.get_mut(report) {
                    *reported = (*reported).max(*until);
                }
            }
            _ => return false,
        }
        true
    }

    /// An alert was raised, changed, acknowledged or resolved: who wants to know will be told.
    pub(super) fn notice(&mut self, event: &Event, id: AlertId) {
        let what = match event {
            Event::AlertRaised { .. } => HookEvent::AlertRaised,
            Event::AlertChanged { .. } => HookEvent::AlertChanged,
            Event::AlertAcknowledged { .. } => HookEvent::AlertAcknowledged,
            Event::AlertResolved { .. } => HookEvent::AlertResolved,
            _ => return,
        };
        let state = &mut self.state;
        let Some(alert) = state.alerts.get(&id) else { return };
        for (hook, item) in &state.hooks {
            if !item.value.as_ref().is_some_and(|hook| hook.wants(what)) {
                continue;
            }
            state.last_notice += 1;
            let no = state.last_notice;
            let waiting = state.hook_states.entry(hook.clone()).or_default();
            let alert = alert.clone();
            waiting.notices.push_back(Notice { no, at: state.at, event: what, id, alert });
            if waiting.notices.len() > MOST_NOTICES {
                waiting.notices.pop_front();
                waiting.dropped += 1;
            }
        }
    }

    /// What happened that whoever tells hooks must hear of.
    pub(super) fn hooks_after(&self, events: &[Event]) -> impl Iterator<Item = DoorChange> {
        let is_new = |event: &Event| match event {
            Event::HookPut { .. } | Event::ReportPut { .. } => true,
            Event::AlertRaised { .. }
            | Event::AlertChanged { .. }
            | Event::AlertAcknowledged { .. }
            | Event::AlertResolved { .. } => self.has_hooks(),
            _ => false,
        };
        events.iter().any(is_new).then_some(DoorChange::Hooks).into_iter()
    }

    /// Whether somebody is to be told something, now or later.
    #[must_use]
    pub fn has_hooks(&self) -> bool {
        !self.state.hooks.is_empty() || !self.state.reports.is_empty()
    }

    /// What hooks are to be told, and which reports there are: for the node alone, with secrets.
    pub(super) fn hooks(&self, actor: &Actor) -> Result<Answer, Problem> {
        require(actor, Permission::Account)?;
        let hooks = self.state.hooks.iter().filter_map(|(id, item)| {
            let (hook, state) = (item.value.as_ref()?, self.state.hook_states.get(id)?);
            let notices: Vec<Value> = state.notices.iter().take(AT_ONCE).map(told).collect();
            let closed_until = state.closed_until.0;
            Some(
                json!({ "id": id, "hook": hook, "closed_until": closed_until, "notices": notices }),
            )
        });
        let reports = self.state.reports.iter().filter_map(|(id, item)| {
            let (report, until) = (item.value.as_ref()?, self.state.reported_until.get(id)?);
            let users = report.users.iter().filter_map(|user| self.addressee(user));
            let users: Vec<Value> = users.collect();
            Some(json!({ "id": id, "report": report, "until": until.0, "users": users }))
        });
        let (hooks, reports): (Vec<Value>, Vec<Value>) = (hooks.collect(), reports.collect());
        Ok(done(json!({ "hooks": hooks, "reports": reports, "name": self.state.account.name,
            "time_zone": self.state.account.time_zone })))
    }

    /// The name and address of a user who works here and has one.
    fn addressee(&self, user: &str) -> Option<Value> {
        let agent = self.state.agent(*self.derived.users.get(user)?);
        let values = self.vault.user(agent.personal).filter(|_| agent.user.may_work())?;
        let to = values.personal.email.as_ref()?;
        Some(json!({ "id": agent.id, "to": to, "name": values.name }))
    }

    /// A hook took what it was told.
    pub(super) fn hook_told(
        &mut self,
        actor: &Actor,
        hook: Name,
        (notices, closed_until): (u64, Option<Millis>),
    ) -> Result<Answer, Problem> {
        require(actor, Permission::Account)?;
        if let Some(known) = self.state.hook_states.get(&hook) {
            let tells = known.notices.front().is_some_and(|notice| notice.no <= notices);
            if tells || closed_until.is_some_and(|until| until > known.closed_until) {
                self.emit(Event::HookTold { hook, notices, closed_until });
            }
        }
        Ok(Answer::Nothing)
    }

    /// A report was sent, for all of the time until then.
    pub(super) fn report_sent(
        &mut self,
        actor: &Actor,
        report: Name,
        until: Millis,
    ) -> Result<Answer, Problem> {
        require(actor, Permission::Account)?;
        if self.state.reported_until.get(&report).is_some_and(|before| *before < until) {
            self.emit(Event::ReportSent { report, until });
        }
        Ok(Answer::Nothing)
    }
}

fn told(notice: &Notice) -> Value {
    let Notice { no, at, event, id, alert } = notice;
    json!({ "no": no, "at": at.0, "type": event, "alert": alert.row(*id) })
}
