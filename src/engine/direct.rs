//! Direct calls: to a user by extension or name, without a queue (`engine.md` 8). Each stands in one
//! line of its own account, of which nobody is a member, and is given to its user as one that a
//! supervisor picked would be; where that comes to nothing, it goes where the user says.

use super::Engine;
use super::derived::{Derived, Extension};
use super::evolve::grow;
use super::presence;
use super::state::{Call, QueueState, State};
use crate::domain::event::Event;
use crate::domain::ids::{AgentIx, CallId, QueueIx};
use crate::domain::media::Media;
use crate::domain::objects::Target;
use crate::domain::objects::direct::{DIRECT_LINE, direct_line};
use crate::domain::presence::{Detail, Status};
use std::sync::Arc;

/// Where a call can be sent within the house.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A queue or group.
    Queue(QueueIx),
    /// A user.
    User(AgentIx),
}

impl Engine {
    /// The place that a target names.
    pub(super) fn place(&self, target: &Target) -> Option<Place> {
        match target {
            Target::Queue(name) | Target::Group(name) => self.queue_place(name),
            Target::Agent(user) => self.user_place(user),
            Target::Number(_) | Target::Voicemail(_) | Target::Callback(_) | Target::End(_) => None,
        }
    }

    /// Whether a call of a medium can be sent there: a queue takes its own only.
    pub(super) fn takes(&self, place: Place, media: Media) -> bool {
        match place {
            Place::Queue(queue) => self.state.queue(queue).config.media == media,
            Place::User(_) => true,
        }
    }

    /// A queue or group by id.
    pub(super) fn queue_place(&self, name: &str) -> Option<Place> {
        self.derived.queues.get(name).copied().map(Place::Queue)
    }

    /// A user by id.
    pub(super) fn user_place(&self, user: &str) -> Option<Place> {
        self.derived.users.get(user).copied().map(Place::User)
    }

    /// Whose number of their own it is.
    pub(super) fn number_place(&self, number: &str) -> Option<Place> {
        self.derived.own_numbers.get(number).copied().map(Place::User)
    }

    /// Whose extension it is.
    pub(super) fn extension_place(&self, digits: &str) -> Option<Place> {
        self.derived.extensions.get(digits).map(|owner| match owner {
            Extension::Group(queue) => Place::Queue(*queue),
            Extension::User(agent) => Place::User(*agent),
        })
    }

    /// The call waits there from now on. `hop`: by an exit.
    pub(super) fn send(&mut self, id: CallId, place: Place, hop: bool) {
        match place {
            Place::Queue(queue) => self.enter(id, queue, hop),
            Place::User(agent) => {
                if self.state.direct_line.is_none() {
                    self.emit(Event::DirectLineMade {});
                }
                let Some(line) = self.state.direct_line else { return };
                self.emit(Event::CallQueued { call: id, queue: line, hop });
                self.emit(Event::CallDirected { call: id, agent });
            }
        }
    }

    /// Where a direct call goes that its user does not take.
    pub(super) fn unattended(&self, ix: AgentIx) -> Target {
        let agent = self.state.agent(ix);
        let offline = agent.status == Status::Offline;
        let chosen = agent.user.direct.offline.is_some() && offline;
        let zone = agent.user.time_zone.as_deref().unwrap_or(&self.state.account.time_zone);
        let contacts = self.vault.user(agent.personal).map(|v| &*v.personal.contacts);
        let mut contacts = contacts.unwrap_or_default().iter().filter(|_| !chosen);
        match contacts.find(|contact| contact.holds(self.state_now(), zone)) {
            Some(contact) => contact.to.clone(),
            None => agent.user.direct.target(&agent.id, offline),
        }
    }

    /// Whether a direct call must not ring, since its user has another of its medium; with call waiting,
    /// one more than the capacity.
    pub(super) fn is_engaged(&self, ix: AgentIx, call: &Call) -> bool {
        let agent = self.state.agent(ix);
        let other = |w: &presence::Work| w.media == call.media && w.detail != Detail::WrapUp;
        let waiting = agent.user.direct.call_waiting;
        let most = if waiting { usize::from(agent.user.capacity_of(call.media)) + 1 } else { 1 };
        call.direct == Some(ix)
            && presence::work_of(&self.state, agent).iter().filter(|w| other(w)).count() >= most
    }
}

/// `evolve` for the line's beginning.
pub(super) fn line_made(state: &mut State, derived: &mut Derived) {
    let ix = QueueIx(state.queues.len() as u32);
    let line = QueueState::new(ix, DIRECT_LINE.into(), state.seq, Arc::new(direct_line()));
    state.queues.push(line);
    state.direct_line = Some(ix);
    grow(derived, state.queues.len());
}
