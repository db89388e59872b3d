//! Alerts: whoever folds the figures reports what a rule finds wrong; here it becomes an alert that is
//! raised, acknowledged and resolved, each a fact of the history.

use super::Engine;
use super::permission::{Sight, require};
use super::state::State;
use super::views::done;
use crate::domain::event::{AlertEnd, Event};
use crate::domain::figures::By;
use crate::domain::ids::{AlertId, Name};
use crate::domain::input::{Actor, AlertReport, Answer};
use crate::domain::objects::alert_rule::Severity;
use crate::domain::problem::Problem;
use crate::domain::rights::Permission;
use crate::domain::rows::{ALERT_KEPT_MS, AlertRow, AlertSubject, MOST_OPEN_ALERTS};
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// Resolved ones that are kept at most, the oldest go first.
const MOST_RESOLVED: usize = 1_000;

/// An alert, open or resolved not long ago.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// The rule that found it.
    pub rule: Name,
    /// The rule's name then.
    pub name: Name,
    /// The rule's figure then.
    pub figure: Name,
    /// Whose figure it is.
    pub by: By,
    /// …
    pub subject: Name,
    /// How bad it is, or was last.
    pub severity: Severity,
    /// The figure's value when it was raised or changed last.
    pub value: f64,
    /// When it was raised.
    pub raised_at: Millis,
    /// Who has seen to it, and when.
    pub acknowledged: Option<(Name, Millis)>,
    /// When it was over, and why.
    pub resolved: Option<(Millis, AlertEnd)>,
    /// The record that changed it last.
    pub changed: u64,
}

impl Alert {
    pub(super) fn row(&self, id: AlertId) -> AlertRow {
        let acknowledged = self.acknowledged.as_ref();
        AlertRow {
            id,
            rule: self.rule.clone(),
            name: self.name.clone(),
            figure: self.figure.clone(),
            subject: AlertSubject { by: self.by, id: self.subject.clone() },
            severity: self.severity,
            value: self.value,
            raised_at: self.raised_at,
            acknowledged_by: acknowledged.map(|(by, _)| by.clone()),
            acknowledged_at: acknowledged.map(|(_, at)| *at),
            resolved_at: self.resolved.map(|(at, _)| at),
            cause: self.resolved.map(|(_, cause)| cause),
        }
    }
}

impl Engine {
    /// What the figures say of a rule and a subject. Of a rule that is another by now, and of what is
    /// known, nothing is told.
    ///
    /// # Errors
    /// 409 when too many alerts are open.
    pub(super) fn report_alert(&mut self, report: AlertReport) -> Result<Answer, Problem> {
        let AlertReport { rule: (id, rule), subject, value, severity } = report;
        let present = self.state.alert_rules.get(&id).and_then(|item| item.value.as_ref());
        if present != Some(&*rule) {
            return Ok(Answer::Nothing);
        }
        let open = self.state.alerts.iter().filter(|(_, alert)| alert.resolved.is_none());
        let known = open.clone().find(|(_, known)| known.rule == id && known.subject == subject);
        let known = known.map(|(alert, known)| (*alert, known.severity));
        let event = match (known, severity) {
            (None, None) => return Ok(Answer::Nothing),
            (Some((_, had)), Some(severity)) if had == severity => return Ok(Answer::Nothing),
            (None, Some(_)) if open.count() >= MOST_OPEN_ALERTS => {
                let detail = format!("{MOST_OPEN_ALERTS} alerts are open; let rules find less");
                return Err(Problem::conflict("too_many_alerts", detail));
            }
            (None, Some(severity)) => Event::AlertRaised {
                alert: AlertId::after(self.state.last_alert, self.state.at),
                rule: id,
                name: rule.name.as_str().into(),
                figure: rule.figure.as_str().into(),
                of: rule.by,
                subject,
                severity,
                value: value.unwrap_or_default(),
            },
            (Some((alert, _)), Some(severity)) => {
                Event::AlertChanged { alert, severity, value: value.unwrap_or_default() }
            }
            (Some((alert, _)), None) => {
                let cause = if value.is_some() { AlertEnd::Cleared } else { AlertEnd::Gone };
                Event::AlertResolved { alert, value, cause }
            }
        };
        self.emit(event);
        Ok(Answer::Nothing)
    }

    /// A rule changes or goes: what it found is no longer looked at.
    pub(super) fn end_alerts_of(&mut self, rule: &str) {
        let open = self.state.alerts.iter().filter(|(_, alert)| alert.resolved.is_none());
        let of_rule = open.filter(|(_, alert)| *alert.rule == *rule).map(|(id, _)| *id);
        for alert in of_rule.collect::<Vec<_>>() {
            self.emit(Event::AlertResolved { alert, value: None, cause: AlertEnd::Rule });
        }
    }

    /// `POST …/alerts/{alert}/acknowledge`: somebody sees to it; who was first stays.
    pub(super) fn acknowledge(&mut self, actor: &Actor, id: &str) -> Result<Answer, Problem> {
        require(actor, Permission::Watch)?;
        let alert = self.alert_in_sight(actor, id)?;
        if self.state.alerts[&alert].acknowledged.is_none() {
            self.emit(Event::AlertAcknowledged { alert, by: actor.name.clone() });
        }
        Ok(done(json!(self.state.alerts[&alert].row(alert))))
    }

    /// `GET …/alerts`: the newest first; `open`: only those, or only the others.
    pub(super) fn alerts(
        &self,
        actor: &Actor,
        open: Option<bool>,
        (limit, after): (usize, Option<&str>),
    ) -> Result<Answer, Problem> {
        require(actor, Permission::Watch)?;
        let sight = self.sight(actor);
        let after = after.and_then(AlertId::parse);
        let shown = self.state.alerts.iter().rev().filter(|(id, alert)| {
            after.is_none_or(|after| **id < after)
                && open.is_none_or(|open| open == alert.resolved.is_none())
                && self.sees_alert(&sight, alert)
        });
        let mut rows: Vec<AlertRow> =
            shown.take(limit + 1).map(|(id, alert)| alert.row(*id)).collect();
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|row| row.id.to_string());
        let items: Vec<Value> = rows.iter().map(|row| json!(row)).collect();
        Ok(done(json!({ "items": items, "next": next })))
    }

    fn alert_in_sight(&self, actor: &Actor, id: &str) -> Result<AlertId, Problem> {
        let missing = || Problem::not_found("alert", id);
        let alert = AlertId::parse(id).ok_or_else(missing)?;
        let known = self.state.alerts.get(&alert).ok_or_else(missing)?;
        match self.sees_alert(&self.sight(actor), known) {
            true => Ok(alert),
            false => Err(missing()),
        }
    }

    /// Who sees a part of the floor sees the alerts of the queues and agents in it.
    fn sees_alert(&self, sight: &Sight, alert: &Alert) -> bool {
        match (sight, alert.by) {
            (Sight::All, _) => true,
            (_, By::Queue | By::Group) => {
                let queue = self.derived.queues.get(&alert.subject);
                queue.is_some_and(|queue| self.sees_queue(sight, *queue))
            }
            (_, By::Agent) => {
                self.derived.users.get(&alert.subject).is_some_and(|user| sight.user(*user))
            }
            (_, By::Team | By::Account) => false,
        }
    }

    /// Applies what concerns alerts; `false` when an event is about something else.
    pub(super) fn evolve_alerts(&mut self, event: &Event) -> bool {
        let (at, seq) = (self.state.at, self.state.seq);
        let id = match event {
            Event::AlertRaised { alert, rule, name, figure, of, subject, severity, value } => {
                self.state.last_alert = *alert;
                let raised = Alert {
                    rule: rule.clone(),
                    name: name.clone(),
                    figure: figure.clone(),
                    by: *of,
                    subject: subject.clone(),
                    severity: *severity,
                    value: *value,
                    raised_at: at,
                    acknowledged: None,
                    resolved: None,
                    changed: seq,
                };
                self.state.alerts.insert(*alert, raised);
                forget(&mut self.state);
                *alert
            }
            Event::AlertChanged { alert, .. }
            | Event::AlertAcknowledged { alert, .. }
            | Event::AlertResolved { alert, .. } => *alert,
            _ => return false,
        };
        if let Some(alert) = self.state.alerts.get_mut(&id) {
            alert.changed = seq;
            match event {
                Event::AlertChanged { severity, value, .. } => {
                    (alert.severity, alert.value) = (*severity, *value);
                }
                Event::AlertAcknowledged { by, .. } => alert.acknowledged = Some((by.clone(), at)),
                Event::AlertResolved { value, cause, .. } => {
                    alert.value = value.unwrap_or(alert.value);
                    alert.resolved = Some((at, *cause));
                }
                _ => {}
            }
        }
        self.derived.touched.alerts.push(id);
        self.notice(event, id);
        true
    }

    /// The rows of alerts that a record touched.
    pub(super) fn touched_alerts(&mut self, build: bool) -> Vec<Arc<AlertRow>> {
        let mut touched = std::mem::take(&mut self.derived.touched.alerts);
        touched.dedup();
        let alerts = &self.state.alerts;
        let row = |id: AlertId| alerts.get(&id).map(|alert| Arc::new(alert.row(id)));
        touched.into_iter().filter(|_| build).filter_map(row).collect()
    }

    /// All alerts, each with the record that changed it last.
    pub(super) fn alert_rows(&self) -> Vec<(u64, Arc<AlertRow>)> {
        let alerts = self.state.alerts.iter();
        alerts.map(|(id, alert)| (alert.changed, Arc::new(alert.row(*id)))).collect()
    }
}

/// Lets go of what was resolved long enough ago.
fn forget(state: &mut State) {
    let before = Millis(state.at.0 - ALERT_KEPT_MS);
    state.alerts.retain(|_, alert| alert.resolved.is_none_or(|(at, _)| at >= before));
    let resolved = state.alerts.iter().filter(|(_, alert)| alert.resolved.is_some());
    let most = resolved.clone().count().saturating_sub(MOST_RESOLVED);
    for id in resolved.map(|(id, _)| *id).take(most).collect::<Vec<_>>() {
        state.alerts.remove(&id);
    }
}
