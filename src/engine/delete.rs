//! What may be deleted, and its end.

use super::Engine;
use super::state::{Agent, QueueState};
use crate::domain::event::Event;
use crate::domain::ids::Name;
use crate::domain::input::{Kind, ObjectRef};
use crate::domain::objects::queue::By;
use crate::domain::objects::{Queue, SkillNeed, Target};
use crate::domain::problem::Problem;

impl Engine {
    /// Whether an object may go: nothing that is there uses it.
    pub(super) fn check_delete(&self, object: &ObjectRef) -> Result<(), Problem> {
        match object.kind {
            Kind::Account => Err(Problem::conflict("in_use", "an account is not deleted here")),
            Kind::User => Err(Problem::conflict(
                "not_deletable",
                "users are never deleted: deactivate, block or archive the user; erase takes what is \
                 personal and keeps the id",
            )),
            Kind::Skill => self.check_skill_unused(&object.id),
            Kind::Queue | Kind::Group => self.check_queue_unused(&object.id),
            Kind::Switch => {
                let ix = self.derived.switches.get(object.id.as_str());
                match ix.filter(|ix| !self.derived.switch_calls[ix.at()].is_empty()) {
                    Some(_) => Err(Problem::conflict("in_use", "the switch holds live calls")),
                    None => Ok(()),
                }
            }
            Kind::Calendar => self.check_calendar_unused(&object.id),
            Kind::Member if self.is_through_team(object) => Err(Problem::conflict(
                "through_team",
                "this member comes by way of a team: take the user off the team, or the team off the \
                 queue",
            )),
            Kind::Team | Kind::TeamMember | Kind::QueueTeam => Ok(()),
            Kind::Disposition => self.check_disposition_unused(&object.id),
            Kind::Role => self.check_role_unused(&object.id),
            Kind::Member
            | Kind::Route
            | Kind::BreakReason
            | Kind::AccessGroup
            | Kind::AlertRule
            | Kind::Hook
            | Kind::Report => Ok(()),
        }
    }

    fn check_skill_unused(&self, id: &str) -> Result<(), Problem> {
        let wants = |needs: &[SkillNeed]| needs.iter().any(|n| n.skill == id);
        let queue = self.state.queues.iter().filter(|q| !q.deleted);
        let weighs = |q: &Queue| matches!(&q.plan.by, By::Skill(skill) if skill == id);
        let mut queue =
            queue.filter(|q| weighs(&q.config) || q.config.steps.iter().any(|s| wants(&s.skills)));
        let agent = self.state.agents.iter().find(|a| a.user.skills.contains_key(id));
        let route =
            self.state.routes.values().find(|r| r.value.as_ref().is_some_and(|r| wants(&r.skills)));
        let user = queue.next().map(|q| &q.id).or(agent.map(|a| &a.id)).or(route.map(|r| &r.id));
        match user {
            Some(user) => Err(Problem::conflict("in_use", format!("{user} uses this skill"))),
            None => Ok(()),
        }
    }

    fn check_disposition_unused(&self, id: &str) -> Result<(), Problem> {
        let has = |all: &[String]| all.iter().any(|d| d == id);
        let queue = self.state.queues.iter().find(|q| !q.deleted && has(&q.config.dispositions));
        let agent = self.state.agents.iter().find(|a| has(&a.user.dispositions));
        match queue.map(|q| &q.id).or(agent.map(|a| &a.id)) {
            Some(who) => Err(Problem::conflict("in_use", format!("{who} has this disposition"))),
            None => Ok(()),
        }
    }

    fn check_calendar_unused(&self, id: &str) -> Result<(), Problem> {
        let uses = |q: &&QueueState| !q.deleted && q.config.exits.closed.as_deref() == Some(id);
        let queue = self.state.queues.iter().find(uses).map(|q| &q.id);
        let works = |a: &&Agent| a.user.schedule.as_deref() == Some(id);
        match queue.or_else(|| self.state.agents.iter().find(works).map(|a| &a.id)) {
            Some(who) => {
                let detail = format!("{who} opens, closes or works by this calendar");
                Err(Problem::conflict("in_use", detail))
            }
            None => Ok(()),
        }
    }

    fn check_queue_unused(&self, id: &str) -> Result<(), Problem> {
        let ix = self.queue_named(id)?;
        let index = &self.derived.index[ix.at()];
        if !index.waiting.is_empty() || index.talking > 0 {
            return Err(Problem::conflict("in_use", "calls of this queue are live; let them end"));
        }
        let wrapping = self.state.queue(ix).members.iter().map(|a| self.state.agent(*a));
        if wrapping.flat_map(|a| &a.wrap_ups).any(|w| w.queue == ix) {
            return Err(Problem::conflict("in_use", "a wrap-up of this queue is running"));
        }
        let leads_here = |t: &Target| matches!(t, Target::Queue(n) | Target::Group(n) if n == id);
        let route = self
            .state
            .routes
            .values()
            .find(|r| r.value.as_ref().is_some_and(|r| leads_here(&r.to)));
        let queue = self.state.queues.iter().find(|q| {
            !q.deleted
                && q.ix != ix
                && crate::domain::objects::queue::Exit::ALL
                    .iter()
                    .any(|exit| leads_here(q.config.exits.target(*exit)))
        });
        let user = self.state.agents.iter().find(|a| {
            let direct = &a.user.direct;
            let contacts = self.vault.user(a.personal).map(|v| &*v.personal.contacts);
            direct.unattended.iter().chain(&direct.offline).any(leads_here)
                || contacts.unwrap_or_default().iter().any(|c| leads_here(&c.to))
        });
        let adder = self.adds_members_of(ix);
        let leads = route.map(|r| &r.id).or(queue.map(|q| &q.id)).or(user.map(|a| &a.id));
        match leads.or(adder) {
            Some(user) => {
                Err(Problem::conflict("in_use", format!("{user} leads here; change it first")))
            }
            None => Ok(()),
        }
    }

    /// Has it go.
    pub(super) fn apply_delete(&mut self, object: &ObjectRef, by: &Name) {
        let id: Name = object.id.as_str().into();
        let by = by.clone();
        match object.kind {
            Kind::Skill => self.emit(Event::SkillDeleted { id, by }),
            Kind::Queue | Kind::Group => {
                if let Some(queue) = self.derived.queues.get(&id).copied() {
                    self.emit(Event::QueueDeleted { queue, by });
                }
            }
            Kind::Member => {
                let queue = self.derived.queues.get(object.parent.as_str()).copied();
                let agent = self.derived.users.get(&id).copied();
                if let (Some(queue), Some(agent)) = (queue, agent) {
                    self.end_membership(agent, queue, &by);
                }
            }
            Kind::Team => self.delete_team(id, &by),
            Kind::TeamMember => {
                if let Some(agent) = self.derived.users.get(&id).copied() {
                    self.leave_team(&object.parent.as_str().into(), agent, &by);
                }
            }
            Kind::QueueTeam => {
                if let Ok(queue) = self.team_queue(&object.parent) {
                    self.unlink_team(id, queue, &by);
                }
            }
            Kind::Route => self.emit(Event::RouteDeleted { id, by }),
            Kind::Switch => {
                if let Some(switch) = self.derived.switches.get(&id).copied() {
                    self.emit(Event::SwitchDeleted { switch, by });
                }
            }
            Kind::Disposition => self.emit(Event::DispositionDeleted { id, by }),
            Kind::BreakReason => self.emit(Event::BreakReasonDeleted { id, by }),
            Kind::Calendar => self.emit(Event::CalendarDeleted { id, by }),
            Kind::Role => self.emit(Event::RoleDeleted { id, by }),
            Kind::AlertRule => {
                self.end_alerts_of(&id);
                self.emit(Event::AlertRuleDeleted { id, by });
            }
            Kind::Hook => self.emit(Event::HookDeleted { id, by }),
            Kind::Report => self.emit(Event::ReportDeleted { id, by }),
            Kind::AccessGroup => self.emit(Event::AccessGroupDeleted { id, by }),
            Kind::Account | Kind::User => {}
        }
    }
}
