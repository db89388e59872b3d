//! What an object may not become beside others, or after what it is now.

use super::Engine;
use super::directory::Checked;
use crate::domain::ids::{AgentIx, QueueIx};
use crate::domain::input::ObjectRef;
use crate::domain::objects::queue::QueueKind;
use crate::domain::objects::user::Role;
use crate::domain::problem::{FieldError, Problem};

impl Engine {
    /// What may not change from what is there now.
    pub(super) fn check_before(&self, object: &ObjectRef, checked: &Checked) -> Option<FieldError> {
        match checked {
            Checked::User(user) => self.check_block(&object.id, user),
            Checked::Queue(queue) => {
                let present = self.derived.queues.get(object.id.as_str())?;
                let index = &self.derived.index[present.at()];
                let idle = index.waiting.is_empty() && index.talking == 0;
                if idle || self.state.queue(*present).config.media == queue.media {
                    return None;
                }
                let detail = "calls wait or are answered here; change the medium when none are";
                Some(FieldError::new("/media", "in_use", detail))
            }
            _ => None,
        }
    }

    /// Steps that an object does not take from what it is now.
    pub(super) fn check_turn(&self, object: &ObjectRef, checked: &Checked) -> Result<(), Problem> {
        match checked {
            Checked::Queue(queue) => {
                let other = self.derived.queues.get(object.id.as_str());
                if other.is_some_and(|ix| self.state.queue(*ix).config.kind != queue.kind) {
                    let detail = "a queue and a group cannot share an id; choose another";
                    return Err(Problem::conflict("id_taken", detail));
                }
            }
            Checked::User(user) => {
                self.check_life(&object.id, user)?;
                self.check_state(&object.id, user.state)?;
            }
            Checked::Role(_) if Role::parse(&object.id).is_some() => {
                let detail = "a preset is not changed; make a role of another name";
                return Err(Problem::conflict("id_taken", detail));
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn check_conflicts(
        &self,
        object: &ObjectRef,
        checked: &Checked,
    ) -> Result<(), Problem> {
        match checked {
            Checked::Route(route) => {
                let other = self.derived.numbers.get(&route.number);
                let owner = self.derived.own_numbers.get(&route.number);
                let owner = owner.map(|ix| &self.state.agent(*ix).id);
                if let Some(other) = other.filter(|id| ***id != *object.id).or(owner) {
                    let detail = format!("the number belongs to {other:?} already");
                    return Err(Problem::conflict("number_taken", detail));
                }
            }
            Checked::Member(queue, agent, _) => self.check_member(*queue, *agent)?,
            _ => {}
        }
        Ok(())
    }

    /// One group per user (seed S3-07), and no supervisor of a group is its member (X16).
    pub(super) fn check_member(&self, queue: QueueIx, agent: AgentIx) -> Result<(), Problem> {
        if self.state.queue(queue).config.kind != QueueKind::Group {
            return self.check_queues(agent, &[queue], false);
        }
        self.check_supervises(queue, agent)?;
        let a = self.state.agent(agent);
        let other = a
            .pairs
            .iter()
            .map(|p| self.state.queue(p.queue))
            .find(|other| other.ix != queue && other.config.kind == QueueKind::Group);
        match other {
            Some(other) => Err(Problem::conflict(
                "in_another_group",
                format!("{} is in the group {:?}; unassign it there first", a.id, other.id),
            )),
            None => Ok(()),
        }
    }

    /// No supervisor of a group is its member (X16).
    pub(super) fn check_supervises(&self, group: QueueIx, agent: AgentIx) -> Result<(), Problem> {
        let id = &self.state.agent(agent).id;
        if self.state.queue(group).config.supervisors.iter().any(|s| **s == **id) {
            let detail = "supervises this group and takes none of its calls; remove that first";
            return Err(Problem::conflict("is_supervisor", detail));
        }
        Ok(())
    }
}
