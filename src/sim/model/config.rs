//! Configuration: whole objects replace what stood there; state beside them is kept.

use super::{Agent, Done, Member, Model, No, Queue, Switch};
use crate::domain::event::{Cause, Withdrawn};
use crate::domain::input::Kind;
use crate::domain::objects::queue::{By, Exit, QueueKind};
use crate::domain::objects::user::{Assignment, UserKind, UserState};
use crate::domain::objects::{self, Account, Calendar, Route, Skill, SkillNeed, Target, User};
use crate::domain::presence::Status;
use crate::domain::rows::DayCounts;
use serde_json::Value;
use std::rc::Rc;

impl Model {
    pub(super) fn put(&mut self, kind: Kind, parent: &str, id: &str, body: &Value) -> Done {
        match kind {
            Kind::Account => self.account = Account::parse(body).map_err(|_| No)?,
            Kind::Skill => {
                let skill = Skill::parse(body).map_err(|_| No)?;
                replace(&mut self.skills, id, skill);
            }
            Kind::User => {
                let mut user = User::parse(body).map_err(|_| No)?;
                user.blocked_until = user.blocked_until.filter(|until| *until > self.now);
                self.check_user(id, &user)?;
                self.put_user(id, user);
            }
            Kind::Queue => self.put_queue(id, QueueKind::Queue, body)?,
            Kind::Group => self.put_queue(id, QueueKind::Group, body)?,
            Kind::Member => self.put_member(parent, id, body)?,
            Kind::Route => {
                let route = Route::parse(body).map_err(|_| No)?;
                replace(&mut self.routes, id, route);
            }
            Kind::Switch => {
                let switch = objects::Switch::parse(body).map_err(|_| No)?;
                self.put_switch(id, switch);
            }
            Kind::Calendar => {
                let calendar = Calendar::parse(body).map_err(|_| No)?;
                replace(&mut self.calendars, id, calendar);
            }
            Kind::BreakReason
            | Kind::Role
            | Kind::AccessGroup
            | Kind::AlertRule
            | Kind::Hook
            | Kind::Report
            | Kind::Disposition
            | Kind::Team
            | Kind::TeamMember
            | Kind::QueueTeam => return Err(No),
        }
        Ok(())
    }

    fn put_user(&mut self, id: &str, user: User) {
        let Some(agent) = self.agent_named(id) else {
            return self.create_user(id, user);
        };
        self.agents[agent].user = user;
        self.seen_anew(None, Some(agent));
        let user = &self.agents[agent].user;
        let out = user.state == UserState::Deactivated
            || user.assignment == Assignment::Pending
            || self.is_blocked(agent);
        if out && self.agents[agent].status != Status::Offline {
            self.rule(agent, Status::Offline, Cause::Directory, Withdrawn::Configuration);
        }
        if self.agents[agent].user.assignment == Assignment::Training || out {
            for offer in self.offers_to(agent) {
                if self.offers[offer].ending.is_none() {
                    self.withdraw(offer, Withdrawn::Configuration);
                }
            }
        }
    }

    fn create_user(&mut self, id: &str, user: User) {
        let pbx = user.kind == UserKind::Pbx && user.personal.endpoint.is_some();
        self.agents.push(Agent {
            name: id.to_owned(),
            user,
            status: Status::Offline,
            reason: None,
            status_at: self.now,
            answered_at: None,
            forced_by: None,
            next: None,
            desks: Vec::new(),
            grace_until: None,
            lease_until: None,
            device_lost: false,
            unreached: false,
            unreached_in_row: 0,
            misses: 0,
            delay_until: None,
            idle_since: self.now,
            own_calls: Vec::new(),
            wrap_ups: Vec::new(),
            shifts: 0,
            logged_on_at: self.now,
            done: Vec::new(),
        });
        if pbx {
            let agent = self.agents.len() - 1;
            self.set_status(agent, Status::Online, Cause::Created, Withdrawn::Status);
        }
    }

    fn put_queue(&mut self, id: &str, kind: QueueKind, body: &Value) -> Done {
        let config = objects::Queue::parse(kind, body).map_err(|_| No)?;
        let at = self.queue_named(id);
        let nowhere = |exit: &Exit| {
            let target = config.exits.target(*exit);
            self.leads_nowhere(id, target) || self.takes_another(id, target, &config)
        };
        let calendar = |name: &String| self.calendars.iter().any(|(known, _)| known == name);
        if Exit::ALL.iter().any(nowhere) || !config.exits.closed.iter().all(calendar) {
            return Err(No);
        }
        self.check_steps(id, &config)?;
        if let Some(queue) = at {
            let live = |c: &super::Call| c.queue == queue && c.state != super::State::Ended;
            let another = self.queues[queue].config.media != config.media;
            if self.queues[queue].config.kind != kind || (another && self.calls.iter().any(live)) {
                return Err(No);
            }
            let supervised = self.queues[queue]
                .members
                .iter()
                .any(|m| supervises(&config, &self.agents[m.agent].name));
            if supervised {
                return Err(No);
            }
        }
        match at {
            Some(queue) => {
                let changed = self.queues[queue].config.steps != config.steps;
                self.change_queue(queue, config);
                if changed {
                    self.steps_changed(queue);
                }
            }
            None => self.queues.push(Queue {
                name: id.to_owned(),
                config: Rc::new(config),
                members: Vec::new(),
                last: None,
                today: DayCounts::default(),
            }),
        }
        Ok(())
    }

    /// An exit to a queue that is not there; to itself it may lead.
    fn leads_nowhere(&self, id: &str, target: &Target) -> bool {
        let kind = match target {
            Target::Queue(_) => QueueKind::Queue,
            Target::Group(_) => QueueKind::Group,
            Target::Agent(user) => {
                let name = user.strip_prefix("usr_");
                return name.is_none_or(|name| name != id && self.agent_named(name).is_none());
            }
            Target::Number(_) | Target::Voicemail(_) | Target::Callback(_) | Target::End(_) => {
                return false;
            }
        };
        let (Target::Queue(to) | Target::Group(to)) = target else { return false };
        to != id && self.queue_named(to).is_none_or(|q| self.queues[q].config.kind != kind)
    }

    /// An exit to a queue of another medium.
    fn takes_another(&self, id: &str, target: &Target, config: &objects::Queue) -> bool {
        let (Target::Queue(to) | Target::Group(to)) = target else { return false };
        let found = self.queue_named(to).filter(|_| to != id);
        found.is_some_and(|q| self.queues[q].config.media != config.media)
    }

    /// Skills held must be there, and the levels within their ranges.
    fn check_user(&self, id: &str, user: &User) -> Done {
        let wrong = |(id, level): (&String, &Option<u16>)| {
            let skill = self.skills.iter().find(|(name, _)| name == id).map(|(_, skill)| skill);
            match (skill, level) {
                (None, _) => true,
                (Some(skill), None) => skill.level_required,
                (Some(skill), Some(level)) => *level < skill.min || *level > skill.max,
            }
        };
        let mut targets = user.direct.unattended.iter().chain(&user.direct.offline);
        let nowhere = targets.any(|target| self.leads_nowhere(id, target));
        if nowhere || user.skills.iter().any(wrong) { Err(No) } else { Ok(()) }
    }

    /// Skills required must be there and within reach, agents named must be there.
    fn check_steps(&self, own: &str, config: &objects::Queue) -> Done {
        let out_of_reach = |need: &SkillNeed| self.check_need(need).is_err();
        let no_addition = |target: &Target| {
            self.added_queue(target).is_none_or(|q| {
                self.queues[q].name == own || self.queues[q].config.media != config.media
            })
        };
        let stranger = |id: &String| {
            id.strip_prefix("usr_").is_none_or(|name| self.agent_named(name).is_none())
        };
        let wrong = config.steps.iter().any(|step| {
            step.skills.iter().any(out_of_reach)
                || step.agents.iter().flatten().any(stranger)
                || step.also.iter().any(no_addition)
        });
        let preferred = config.preferred.iter().filter_map(|p| p.agent.as_ref());
        let wrong = wrong || preferred.into_iter().any(stranger);
        let by = match &config.plan.by {
            By::Skill(skill) => self.skills.iter().all(|(name, _)| name != skill),
            By::Stars => false,
        };
        if wrong || by || config.supervisors.iter().any(stranger) { Err(No) } else { Ok(()) }
    }

    /// A skill that is there, at a level that can be had.
    pub(super) fn check_need(&self, need: &SkillNeed) -> Done {
        let skill = self.skills.iter().find(|(name, _)| *name == need.skill);
        if skill.is_none_or(|(_, skill)| need.min > skill.max) { Err(No) } else { Ok(()) }
    }

    fn put_member(&mut self, queue: &str, user: &str, body: &Value) -> Done {
        let queue = self.queue_named(queue).ok_or(No)?;
        let agent = self.agent_named(user).ok_or(No)?;
        let member = objects::Member::parse(body).map_err(|_| No)?;
        if supervises(&self.queues[queue].config, user) {
            return Err(No);
        }
        let group = |q: usize| self.queues[q].config.kind == QueueKind::Group;
        if group(queue) && self.queues_of(agent).iter().any(|q| *q != queue && group(*q)) {
            return Err(No);
        }
        self.seen_anew(Some(queue), Some(agent));
        let members = &mut self.queues[queue].members;
        match members.iter_mut().find(|m| m.agent == agent) {
            Some(there) => {
                there.stars = member.stars;
                there.position = member.position;
            }
            None => members.push(Member {
                agent,
                stars: member.stars,
                position: member.position,
                opted_in: true,
                count: None,
                rolling: Vec::new(),
                offerable: false,
            }),
        }
        Ok(())
    }

    pub(super) fn remove_member(&mut self, queue: &str, user: &str) -> Done {
        let queue = self.queue_named(queue).ok_or(No)?;
        let agent = self.agent_named(user).ok_or(No)?;
        let members = &mut self.queues[queue].members;
        let before = members.len();
        members.retain(|m| m.agent != agent);
        if members.len() == before {
            return Err(No);
        }
        self.withdraw_pair(queue, agent, Withdrawn::Configuration);
        Ok(())
    }

    fn put_switch(&mut self, id: &str, switch: objects::Switch) {
        match self.switch_named(id) {
            Some(at) => self.switches[at].can = switch.capabilities,
            None => self.switches.push(Switch {
                name: id.to_owned(),
                can: switch.capabilities,
                boots: Vec::new(),
                heartbeat: false,
                link: false,
                spoke_at: self.now,
                suspected: false,
            }),
        }
    }
}

fn supervises(queue: &objects::Queue, user: &str) -> bool {
    queue.supervisors.iter().any(|s| s.strip_prefix("usr_") == Some(user))
}

fn replace<T>(list: &mut Vec<(String, T)>, id: &str, value: T) {
    match list.iter_mut().find(|(name, _)| name == id) {
        Some(there) => there.1 = value,
        None => list.push((id.to_owned(), value)),
    }
}
