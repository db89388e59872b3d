//! What is wrong, or only odd, about a queue's steps: the first is refused when it is set, the second
//! is told on the queue's page (`GET …/checks`), since it may become right by another change.

use super::Engine;
use super::directory::unknown;
use super::needs::{self, Need};
use super::state::QueueState;
use super::steps::added_queue;
use crate::domain::ids::{AgentIx, Name, QueueIx};
use crate::domain::input::{Answer, ObjectRef};
use crate::domain::objects::{Queue, SkillNeed, Step, Target};
use crate::domain::problem::{FieldError, Problem};
use serde_json::{Value, json};
use std::collections::BTreeSet;

impl Engine {
    /// What the steps and the preferred agent of a queue name must be there.
    pub(super) fn check_steps(
        &self,
        object: &ObjectRef,
        queue: &Queue,
        errors: &mut Vec<FieldError>,
    ) {
        for (i, step) in queue.steps.iter().enumerate() {
            self.check_skills(&format!("/steps/{i}/skills"), &step.skills, errors);
            for (j, user) in step.agents.iter().flatten().enumerate() {
                if !self.derived.users.contains(user.as_str()) {
                    errors.push(unknown(format!("/steps/{i}/agents/{j}"), "user", user));
                }
            }
            for (j, target) in step.also.iter().enumerate() {
                let at = format!("/steps/{i}/also/{j}");
                errors.extend(self.check_added(at, object, queue, target));
            }
        }
        let named = queue.preferred.as_ref().and_then(|p| p.agent.as_ref());
        if let Some(user) = named.filter(|user| !self.derived.users.contains(user.as_str())) {
            errors.push(unknown("/preferred/agent".into(), "user", user));
        }
    }

    fn check_added(
        &self,
        at: String,
        object: &ObjectRef,
        queue: &Queue,
        target: &Target,
    ) -> Option<FieldError> {
        let (family, name) = match target {
            Target::Group(name) => ("group", name),
            Target::Queue(name) => ("queue", name),
            Target::Agent(_) | Target::Number(_) | Target::Voicemail(_) | Target::End(_) => {
                return None;
            }
        };
        if *name == object.id {
            let detail = "is this queue itself; its members are asked in any case";
            return Some(FieldError::new(at, "not_allowed", detail));
        }
        let Some(added) = added_queue(&self.state, &self.derived, target) else {
            return Some(unknown(format!("{at}/{family}"), family, name));
        };
        let (takes, media) = (self.state.queue(added).config.media, queue.media);
        let detail = format!("takes {takes}, and the calls here are {media}");
        (takes != media).then(|| FieldError::new(at, "not_allowed", detail))
    }

    /// A queue whose steps add the members of this one.
    pub(super) fn adds_members_of(&self, ix: QueueIx) -> Option<&Name> {
        let adds = |q: &&QueueState| {
            let mut also = q.config.steps.iter().flat_map(|s| &s.also);
            also.any(|target| added_queue(&self.state, &self.derived, target) == Some(ix))
        };
        self.state.queues.iter().filter(|q| !q.deleted && q.ix != ix).find(adds).map(|q| &q.id)
    }

    /// `GET …/queues/{queue}/checks`: what is odd about a queue, each with a stable code.
    pub(super) fn checks(&self, queue: &str) -> Result<Answer, Problem> {
        let ix = self.queue_named(queue)?;
        let state = self.state.queue(ix);
        let mut items: Vec<Value> = Vec::new();
        if state.members.is_empty() {
            let detail = "the queue has no members: its calls wait for an exit or the caller's end";
            items.push(odd("no_members", "", detail));
        }
        let mut before: Option<BTreeSet<AgentIx>> = None;
        for (i, step) in state.config.steps.iter().enumerate() {
            self.check_held(&format!("/steps/{i}"), &step.skills, &mut items);
            let fit = self.who_fits(ix, step);
            if fit.is_empty() {
                let detail = "no member has what this step requires";
                items.push(odd("step_without_agents", &format!("/steps/{i}"), detail));
            } else if before.as_ref().is_some_and(|before| fit.is_subset(before)) {
                let detail = "nobody takes calls from here on who did not before";
                items.push(odd("step_adds_nobody", &format!("/steps/{i}"), detail));
            }
            before = Some(fit);
        }
        let preferred = state.config.preferred.as_ref().and_then(|p| p.agent.as_deref());
        let stranger = preferred.filter(|user| {
            let agent = self.derived.users.get(*user).map(|ix| self.state.agent(*ix));
            agent.is_none_or(|a| a.pair(ix).is_none())
        });
        if stranger.is_some() {
            let detail = "the preferred agent is no member: only a step that adds them is held";
            items.push(odd("preferred_no_member", "/preferred/agent", detail));
        }
        let body = json!({ "items": items, "next": null });
        Ok(Answer::Done { status: 200, version: None, body })
    }

    /// Skills that nobody in the account holds at a level that will do.
    fn check_held(&self, at: &str, skills: &[SkillNeed], items: &mut Vec<Value>) {
        for (j, wanted) in skills.iter().enumerate() {
            let held = self.derived.skills.get(wanted.skill.as_str()).is_some_and(|skill| {
                let need = Need {
                    skills: vec![(Some(*skill), wanted.min, wanted.max.unwrap_or(u16::MAX))],
                    ..Need::default()
                };
                self.state.agents.iter().any(|a| needs::meets(a, QueueIx(0), &need))
            });
            if !held {
                let detail = format!("nobody holds {:?} at a level that will do", wanted.skill);
                items.push(odd("skill_not_held", &format!("{at}/skills/{j}"), &detail));
            }
        }
    }

    /// Members of the queue, and of those that the step adds, who have what it requires.
    fn who_fits(&self, queue: QueueIx, step: &Step) -> BTreeSet<AgentIx> {
        let need = super::steps::need_of_step(&self.state, &self.derived, queue, Some(step), &[]);
        let sources = std::iter::once(queue).chain(need.also.iter().copied());
        let members = sources.flat_map(|from| self.state.queue(from).members.iter().copied());
        members.filter(|ix| needs::fits(self.state.agent(*ix), queue, &need).is_some()).collect()
    }
}

fn odd(code: &str, pointer: &str, detail: &str) -> Value {
    json!({ "code": code, "pointer": pointer, "detail": detail })
}
