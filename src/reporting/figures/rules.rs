//! Alert rules over figures: what each finds of its subjects now.

use super::{By, Figures, Seen, Wish};
use crate::domain::event::Event;
use crate::domain::figures::LIVE_ONLY;
use crate::domain::ids::{AlertId, Name};
use crate::domain::input::AlertReport;
use crate::domain::objects::AlertRule;
use crate::domain::objects::alert_rule::Severity;
use crate::domain::rows::MOST_OPEN_ALERTS;
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How often rules are looked at, ms; those that sum up a window of agents, of whom there are many.
pub const LOOK_MS: u64 = 1_000;
const LOOK_AT_AGENTS_MS: u64 = 5_000;

/// The rules, and the alerts that are open.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Rules {
    rules: BTreeMap<Name, AlertRule>,
    open: BTreeMap<AlertId, Open>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Open {
    rule: Name,
    subject: Name,
    severity: Severity,
}

impl Rules {
    /// Takes in what concerns rules and alerts.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::AlertRulePut { id, rule, .. } => {
                self.rules.insert(id.clone(), (**rule).clone());
            }
            Event::AlertRuleDeleted { id, .. } => _ = self.rules.remove(id),
            Event::AlertRaised { alert, rule, subject, severity, .. } => {
                let (rule, subject) = (rule.clone(), subject.clone());
                self.open.insert(*alert, Open { rule, subject, severity: *severity });
            }
            Event::AlertChanged { alert, severity, .. } => {
                if let Some(open) = self.open.get_mut(alert) {
                    open.severity = *severity;
                }
            }
            Event::AlertResolved { alert, .. } => _ = self.open.remove(alert),
            _ => {}
        }
    }
}

/// Looks at rules; remembers since when each subject's value is wrong.
#[derive(Debug, Default)]
pub struct Lookout {
    since: BTreeMap<(Name, Name), Since>,
    looked_at: Option<Millis>,
    agents_at: Option<Millis>,
    /// More was found than may be open.
    pub is_flooded: bool,
}

/// Since when a value is wrong at all, and so wrong that somebody must act.
#[derive(Clone, Copy, Debug, Default)]
struct Since {
    watch: Option<Millis>,
    act: Option<Millis>,
}

impl Since {
    fn judged(&mut self, severity: Option<Severity>, now: Millis) {
        match severity {
            None => *self = Since::default(),
            Some(Severity::Watch) => (self.watch, self.act) = (self.watch.or(Some(now)), None),
            Some(Severity::Act) => {
                (self.watch, self.act) = (self.watch.or(Some(now)), self.act.or(Some(now)));
            }
        }
    }
}

impl Lookout {
    /// When there is something to look at again; `None`: there are no rules.
    #[must_use]
    pub fn due_at(&self, figures: &Figures) -> Option<Millis> {
        let is_needed = figures.rules.rules.values().any(|rule| rule.enabled);
        is_needed.then(|| self.looked_at.map_or(Millis(0), |at| at.plus(LOOK_MS)))
    }

    /// What has changed since it was reported last: alerts to be raised, that got worse or milder, or
    /// that are over.
    pub fn look(&mut self, figures: &Figures, account: &Name, now: Millis) -> Vec<AlertReport> {
        if self.due_at(figures).is_none_or(|at| now < at) {
            return Vec::new();
        }
        self.looked_at = Some(now);
        let agents = self.agents_at.is_none_or(|at| now >= at.plus(LOOK_AT_AGENTS_MS));
        if agents {
            self.agents_at = Some(now);
        }
        let mut reports = Vec::new();
        let rules = &figures.rules;
        self.since.retain(|(rule, _), _| rules.rules.get(rule).is_some_and(|rule| rule.enabled));
        for (id, rule) in &rules.rules {
            let is_cheap = rule.by != By::Agent || LIVE_ONLY.contains(&&*rule.figure);
            if rule.enabled && (is_cheap || agents) {
                self.look_by(figures, account, now, (id, rule), &mut reports);
            }
        }
        let raised = |report: &&AlertReport| report.severity.is_some();
        let room = MOST_OPEN_ALERTS.saturating_sub(rules.open.len());
        self.is_flooded = reports.iter().filter(raised).count() > room;
        reports
    }

    fn look_by(
        &mut self,
        figures: &Figures,
        account: &Name,
        now: Millis,
        (id, rule): (&Name, &AlertRule),
        reports: &mut Vec<AlertReport>,
    ) {
        let had = figures.rules.open.values().filter(|open| open.rule == *id);
        let mut had: BTreeMap<&Name, Severity> =
            had.map(|open| (&open.subject, open.severity)).collect();
        let wish = wish(rule);
        for subject in wish.subjects(figures, account, &Seen::All, now) {
            let had = had.remove(&subject);
            let value = wish.value(figures, &subject, now);
            let detail = || figures.detail(&subject);
            let is_meant = rule.details.is_empty()
                || detail().is_some_and(|detail| rule.details.contains(&detail));
            let judged = value.filter(|_| is_meant).and_then(|value| rule.judge(value, had));
            let since = self.since.entry((id.clone(), subject.clone())).or_default();
            since.judged(judged, now);
            let found = effective(rule, judged, had, *since, now);
            if judged.is_none() {
                self.since.remove(&(id.clone(), subject.clone()));
            }
            if found != had {
                let rule = (id.clone(), Box::new(rule.clone()));
                reports.push(AlertReport { rule, subject, value, severity: found });
            }
        }
        // Whose figure is gone.
        for subject in had.into_keys().cloned() {
            let rule = (id.clone(), Box::new(rule.clone()));
            reports.push(AlertReport { rule, subject, value: None, severity: None });
        }
    }
}

/// A value counts when it has been wrong for long enough; what gets milder counts at once.
fn effective(
    rule: &AlertRule,
    judged: Option<Severity>,
    had: Option<Severity>,
    since: Since,
    now: Millis,
) -> Option<Severity> {
    let judged = judged?;
    if had.is_some_and(|had| judged <= had) {
        return Some(judged);
    }
    let long = |since: Option<Millis>| since.is_some_and(|at| now.since(at) >= rule.for_s * 1_000);
    if judged == Severity::Act && long(since.act) {
        return Some(Severity::Act);
    }
    // Wrong for long enough, though not so badly wrong.
    (rule.watch.is_some() && long(since.watch)).then_some(Severity::Watch).or(had)
}

fn wish(rule: &AlertRule) -> Wish {
    let ids: BTreeSet<Name> = rule.ids.iter().map(|id| Name::from(id.as_str())).collect();
    Wish {
        by: rule.by,
        window: rule.window,
        threshold: rule.threshold_s,
        ids: (!ids.is_empty()).then_some(ids),
        figures: super::place(&rule.figure).map(|place| BTreeSet::from([place])),
        thresholds: Vec::new(),
        among: None,
    }
}
