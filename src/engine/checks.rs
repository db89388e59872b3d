//! What is wrong, or only odd, about a queue's steps: the first is refused when it is set, the second
//! is told on the queue's page (`GET …/checks`), since it may become right by another change.

use super::Engine;
use super::direct::Place;
use super::directory::unknown;
use super::needs::{self, Need};
use super::state::QueueState;
use super::steps::added_queue;
use crate::domain::ids::{AgentIx, Name, QueueIx};
use crate::domain::input::{Answer, ObjectRef};
use crate::domain::objects::queue::Exit;
use crate::domain::objects::{Queue, SkillNeed, Step, Target};
use crate::domain::problem::{FieldError, Problem};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

impl Engine {
    /// Calls keep their medium wherever they go.
    pub(super) fn check_medium(
        &self,
        at: &str,
        target: &Target,
        own: &str,
        queue: &Queue,
        errors: &mut Vec<FieldError>,
    ) {
        let (Target::Queue(name) | Target::Group(name)) = target else { return };
        let found = self.derived.queues.get(name.as_str()).filter(|_| name != own);
        let takes = found.map(|ix| self.state.queue(*ix).config.media);
        if let Some(takes) = takes.filter(|takes| *takes != queue.media) {
            let detail = format!("{name} takes {takes}, and this queue {}", queue.media);
            errors.push(FieldError::new(at, "not_allowed", detail));
        }
    }

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
            Target::Agent(_)
            | Target::Number(_)
            | Target::Voicemail(_)
            | Target::Callback(_)
            | Target::End(_) => {
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
        self.check_exits(ix, &mut items);
        self.check_weights(ix, &mut items);
        let body = json!({ "items": items, "next": null });
        Ok(Answer::Done { status: 200, version: None, body })
    }

    /// Exits that lead back here, or to where nobody is.
    fn check_exits(&self, ix: QueueIx, items: &mut Vec<Value>) {
        for exit in Exit::ALL {
            let Some(next) = self.leads_to(ix, *exit) else { continue };
            let pointer = format!("/exits/on_{}", exit.word());
            if let Some(way) = self.way_back(ix, next) {
                let detail = format!("leads back here by way of {way}; max_hops ends that");
                items.push(odd("overflow_loop", &pointer, &detail));
            }
            if self.state.queue(next).members.is_empty() {
                let detail = format!("{} has no members", self.state.queue(next).id);
                items.push(odd("target_without_members", &pointer, &detail));
            }
        }
    }

    /// The queue or group that an exit leads to.
    fn leads_to(&self, ix: QueueIx, exit: Exit) -> Option<QueueIx> {
        match self.place(self.state.queue(ix).config.exits.target(exit)) {
            Some(Place::Queue(next)) => Some(next),
            _ => None,
        }
    }

    /// The shortest chain of overflows from `from` to `home`, told by its queues.
    fn way_back(&self, home: QueueIx, from: QueueIx) -> Option<String> {
        let mut seen: BTreeMap<QueueIx, Option<QueueIx>> = BTreeMap::from([(from, None)]);
        let mut ahead = VecDeque::from([from]);
        while let Some(at) = ahead.pop_front() {
            if at == home || Exit::ALL.iter().any(|exit| self.leads_to(at, *exit) == Some(home)) {
                let back = std::iter::successors(Some(at), |at| seen.get(at).copied().flatten());
                let mut names: Vec<&str> = back.map(|q| &*self.state.queue(q).id).collect();
                names.reverse();
                return Some(names.join(", "));
            }
            for next in Exit::ALL.iter().filter_map(|exit| self.leads_to(at, *exit)) {
                seen.entry(next).or_insert_with(|| {
                    ahead.push_back(next);
                    Some(at)
                });
            }
        }
        None
    }

    /// Queues of a higher weight that have all of this one's members: calls here wait while any wait
    /// there.
    fn check_weights(&self, ix: QueueIx, items: &mut Vec<Value>) {
        let queue = self.state.queue(ix);
        let weight = |q: QueueIx| self.state.queue(q).config.weight;
        let mut heavier: Option<BTreeSet<QueueIx>> = None;
        for agent in &queue.members {
            let pairs = self.state.agent(*agent).pairs.iter().map(|p| p.queue);
            let of_agent: BTreeSet<QueueIx> =
                pairs.filter(|q| weight(*q) > queue.config.weight).collect();
            heavier = Some(match heavier {
                Some(common) => common.intersection(&of_agent).copied().collect(),
                None => of_agent,
            });
        }
        let names: Vec<&str> =
            heavier.iter().flatten().map(|q| &*self.state.queue(*q).id).collect();
        if !names.is_empty() {
            let detail = format!(
                "all members serve {} first, whose weight is higher: calls here wait while any wait \
                 there",
                names.join(", ")
            );
            items.push(odd("outweighed", "/weight", &detail));
        }
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
