//! What each agent does, and since when: told by the same precedence as boards show it (`engine.md` 2).

use super::doing::Doing;
use super::notes::PartRow;
use crate::domain::event::{Cause, Event};
use crate::domain::ids::{CallId, Name, OfferId, QueueIx, SwitchIx};
use crate::domain::objects::Plan;
use crate::domain::objects::user::Assignment;
use crate::domain::presence::{Detail, Status};
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};

/// After-call work that runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WrapUp {
    /// Of which call.
    pub call: CallId,
    /// In whose queue.
    pub queue: QueueIx,
    /// Since the end of the agent's part.
    pub since: Millis,
    /// That part; `None` when it ended before all that the fold knows.
    pub part: Option<PartRow>,
}

/// An own call, which the engine did not route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnCall {
    switch: SwitchIx,
    /// The switch's name for it.
    pub subject: Name,
    /// Since when.
    pub since: Millis,
    /// To a colleague.
    pub internal: bool,
}

/// One agent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Person {
    /// What the agent was seen doing at the end of the last record, and a break's reason then.
    doing: Doing,
    told_reason: Option<Name>,
    /// Since when that is shown of the agent.
    shown_since: Millis,
    /// Up to when the agent's time was told.
    told_until: Millis,
    status: Status,
    /// A break's.
    reason: Option<Name>,
    /// What the agent's calendar plans.
    pub(super) plan: Option<Plan>,
    pub(super) training: bool,
    pub(super) blocked: bool,
    /// Another status follows the present work; whether it was forced.
    pub(super) next: Option<bool>,
    /// Open desks.
    pub(super) desks: Vec<u64>,
    /// Queues that the agent is a member of, and whether opted in, in the order of joining.
    pub(super) pairs: Vec<(QueueIx, bool)>,
    /// Until when the agent was idle last, with whatever status, and with the status ready.
    idle_until: (Millis, Millis),
    /// The desk's connection was lost; it may come back until then.
    pub(super) grace_until: Option<Millis>,
    pub(super) device_lost: bool,
    pub(super) device_unreached: bool,
    pub(super) delayed: bool,
    /// With the agent, and whether on hold.
    pub(super) calls: Vec<(CallId, bool)>,
    pub(super) own_calls: Vec<OwnCall>,
    /// Open, and whether the device alerts.
    pub(super) offers: Vec<(OfferId, bool)>,
    /// After-call work.
    pub(super) wrap_ups: Vec<WrapUp>,
}

impl Default for Person {
    fn default() -> Person {
        Person {
            doing: Doing::NOTHING,
            told_reason: None,
            shown_since: Millis(0),
            told_until: Millis(0),
            status: Status::Offline,
            reason: None,
            plan: None,
            training: false,
            blocked: false,
            next: None,
            desks: Vec::new(),
            pairs: Vec::new(),
            idle_until: (Millis(i64::MIN), Millis(i64::MIN)),
            grace_until: None,
            device_lost: false,
            device_unreached: false,
            delayed: false,
            calls: Vec::new(),
            own_calls: Vec::new(),
            offers: Vec::new(),
            wrap_ups: Vec::new(),
        }
    }
}

impl Person {
    /// What is shown of the agent as a whole, as of the last record; `None`: offline.
    #[must_use]
    pub fn detail(&self) -> Option<Detail> {
        self.doing.detail
    }

    /// What the agent does as of the last record.
    #[must_use]
    pub fn doing(&self) -> &Doing {
        &self.doing
    }

    /// What the agent does now. `capacity`: of all media.
    fn does(&self, capacity: u32) -> Doing {
        let work = self.calls.len() + self.own_calls.len() + self.wrap_ups.len();
        let work = u32::try_from(work).unwrap_or(u32::MAX);
        Doing { status: self.status, detail: self.shown(), work, capacity, plan: self.plan }
    }

    fn shown(&self) -> Option<Detail> {
        if self.status == Status::Offline {
            return None;
        }
        let is_ringing = || self.offers.iter().any(|(_, ringing)| *ringing);
        let talks = || self.calls.iter().any(|(_, held)| !held) || !self.own_calls.is_empty();
        Some(match () {
            () if talks() => Detail::Talking,
            () if !self.calls.is_empty() => Detail::Holding,
            () if is_ringing() => Detail::Ringing,
            () if !self.offers.is_empty() => Detail::Reserved,
            () if !self.wrap_ups.is_empty() => Detail::WrapUp,
            () if self.status == Status::OnBreak => Detail::Break,
            () if self.training => Detail::Training,
            () if self.blocked => Detail::Blocked,
            () if self.grace_until.is_some() => Detail::Reconnecting,
            () if self.device_lost || self.device_unreached => Detail::DeviceLost,
            () if self.delayed => Detail::Delay,
            () => Detail::Idle,
        })
    }

    /// The chosen status.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }

    /// Since when the agent does what is done now.
    #[must_use]
    pub fn doing_since(&self) -> Millis {
        self.shown_since
    }

    /// What is done now has been done since then.
    pub fn look_back(&mut self, since: Millis) {
        self.shown_since = since;
    }

    /// At the end of a record: what came and went within it was not seen. What is done from now on, if
    /// it is something else than before.
    pub fn look(&self, capacity: u32) -> Option<Doing> {
        let doing = self.does(capacity);
        (doing != self.doing || self.reason != self.told_reason).then_some(doing)
    }

    /// Time until now is told as what it was: since when, if any passed.
    pub fn told(&mut self, at: Millis) -> Option<Millis> {
        let from = std::mem::replace(&mut self.told_until, at);
        if at <= from || self.doing.is_nothing() {
            return None;
        }
        if self.doing.detail == Some(Detail::Idle) {
            self.idle_until.0 = at;
            if self.doing.status == Status::Ready {
                self.idle_until.1 = at;
            }
        }
        Some(from)
    }

    /// Of the break that is told.
    pub fn told_reason(&self) -> Option<&Name> {
        self.told_reason.as_ref()
    }

    /// From now on the agent does something else.
    pub fn turns(&mut self, doing: Doing, at: Millis) {
        if doing.detail != self.doing.detail {
            self.shown_since = at;
        }
        self.doing = doing;
        if self.told_reason.is_some() || self.reason.is_some() {
            self.told_reason.clone_from(&self.reason);
        }
    }

    /// Whether the agent was idle at some time since `from`, or is; `ready`: with that status.
    #[must_use]
    pub fn was_idle(&self, from: Millis, ready: bool) -> bool {
        let until = if ready { self.idle_until.1 } else { self.idle_until.0 };
        let is_idle = self.doing.detail == Some(Detail::Idle);
        until > from || (is_idle && (!ready || self.doing.status == Status::Ready))
    }

    /// Looks at what changes with a call, to fetch it.
    #[inline]
    pub fn glance(&self) -> i64 {
        let work = self.calls.len() ^ self.offers.len() ^ self.wrap_ups.len();
        self.told_until.0 ^ work as i64 ^ i64::from(self.delayed)
    }

    pub(super) fn offered(&mut self, offer: OfferId, ringing: bool) {
        self.offers.push((offer, ringing));
    }

    pub(super) fn rings(&mut self, offer: OfferId) {
        self.offers.iter_mut().filter(|(of, _)| *of == offer).for_each(|(_, rings)| *rings = true);
    }

    pub(super) fn offer_closed(&mut self, offer: OfferId) {
        self.offers.retain(|(of, _)| *of != offer);
    }

    pub(super) fn takes(&mut self, call: CallId, held: bool) {
        self.calls.push((call, held));
    }

    pub(super) fn reached(&mut self) {
        self.device_unreached = false;
    }

    pub(super) fn hold(&mut self, call: CallId, held: bool) {
        self.calls.iter_mut().filter(|(of, _)| *of == call).for_each(|(_, is)| *is = held);
    }

    pub(super) fn leaves(&mut self, call: CallId) {
        self.calls.retain(|(of, _)| *of != call);
    }

    /// Takes in an event about the agent alone.
    pub(super) fn apply(&mut self, event: &Event, at: Millis) {
        match event {
            Event::UserPut { user, .. } => {
                self.training = user.assignment == Assignment::Training;
                self.blocked = user.blocked_until.is_some_and(|until| until > at);
            }
            Event::BlockEnded { .. } => self.blocked = false,
            Event::StatusSet { status, cause, reason, .. } => {
                self.status_set(*status, reason);
                let own = matches!(cause, Cause::Own | Cause::Next | Cause::Created);
                if own && matches!(status, Status::Ready | Status::Online) {
                    self.device_unreached = false;
                }
            }
            Event::StatusForced { status, reason, .. } => self.status_set(*status, reason),
            Event::LeaseLapsed { .. } => {
                self.grace_until = self.grace_until.filter(|until| *until > at);
            }
            Event::DeskOpened { desk, .. } => {
                self.grace_until = None;
                if !self.desks.contains(desk) {
                    self.desks.push(*desk);
                }
            }
            Event::DeskClosed { desk, grace_until, .. } => {
                self.grace_until = *grace_until;
                self.desks.retain(|of| of != desk);
            }
            Event::DesksLost { grace_until, .. } => {
                self.grace_until = Some(*grace_until);
                self.desks.clear();
            }
            Event::DeviceRegistered { .. } => {
                (self.device_lost, self.device_unreached) = (false, false);
            }
            Event::DeviceLost { unreached: true, .. } => self.device_unreached = true,
            Event::DeviceLost { .. } => self.device_lost = true,
            Event::Delayed { .. } => self.delayed = true,
            Event::DelayEnded { .. } => self.delayed = false,
            _ => {}
        }
    }

    /// An own call begins; false: it was known.
    pub(super) fn own_began(&mut self, switch: SwitchIx, call: (&Name, bool), at: Millis) -> bool {
        let (subject, internal) = call;
        let known = self.own_calls.iter().any(|o| o.switch == switch && o.subject == *subject);
        if !known {
            let subject = subject.clone();
            self.own_calls.push(OwnCall { switch, subject, since: at, internal });
        }
        !known
    }

    /// … is over, if it was known.
    pub(super) fn own_ended(&mut self, switch: SwitchIx, subject: &Name) -> Option<OwnCall> {
        let mut own = self.own_calls.iter();
        let place = own.position(|o| o.switch == switch && o.subject == *subject)?;
        Some(self.own_calls.remove(place))
    }

    fn status_set(&mut self, status: Status, reason: &Option<Name>) {
        self.status = status;
        self.reason.clone_from(reason);
        self.next = None;
        if status == Status::Offline {
            self.grace_until = None;
        }
    }
}
