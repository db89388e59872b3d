//! The way into the inbox: bounded, with a reserve that only urgent inputs may use. One line, so
//! that what is said about one call stays in order.

use crate::domain::ids::CallId;
use crate::domain::ids::Name;
use crate::domain::input::{Actor, Answer, Command, Input};
use crate::domain::presence::Status;
use crate::domain::problem::Problem;
use crate::domain::signing::SignCommand;
use crate::domain::switching::{EventResult, Happening, SwitchEvent};
use crate::domain::time::Millis;
use crate::journal::Record;
use crate::node::clock::Ticks;
use crate::node::pipeline::{Commands, DeskView, ReplyTo};
use crate::node::registry;
use serde_json::Value;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::{Notify, mpsc, watch};

/// One item of a posted batch.
#[derive(Clone, Debug)]
pub enum EventItem {
    /// To be decided about.
    Event(SwitchEvent),
    /// Found wrong already; it keeps its place among the results.
    Rejected(EventResult),
}

impl From<SwitchEvent> for EventItem {
    fn from(event: SwitchEvent) -> EventItem {
        EventItem::Event(event)
    }
}

/// Something for the inbox.
pub(super) struct Message {
    /// When it came.
    pub received: Ticks,
    /// What it is.
    pub what: What,
}

/// What can come in.
pub(super) enum What {
    Input {
        account: Name,
        input: Input,
        /// `None`: nobody waits (what the outbox reports).
        reply: Option<ReplyTo<Answer>>,
    },
    Events(Box<Events>),
    LinkOpen {
        account: Name,
        switch: Name,
        link: u64,
        to: mpsc::Sender<Commands>,
        reply: ReplyTo<()>,
    },
    LinkClosed {
        account: Name,
        switch: Name,
        link: u64,
    },
    Poll {
        account: Name,
        switch: Name,
        after: u64,
        wait_ms: u64,
        reply: ReplyTo<Commands>,
    },
    DeskOpen {
        account: Name,
        actor: Actor,
        user: Name,
        desk: u64,
        to: watch::Sender<DeskView>,
        reply: ReplyTo<()>,
    },
    DeskClosed {
        account: Name,
        actor: Actor,
        user: Name,
        desk: u64,
    },
    Registry {
        actor: Actor,
        /// The account of the actor's key.
        home: Name,
        command: registry::Command,
        reply: ReplyTo<registry::Answer>,
    },
    Render {
        account: Name,
        records: Vec<Record>,
        job: RenderJob,
        reply: ReplyTo<Vec<Value>>,
    },
    /// Nothing comes after it.
    Stop,
}

/// What is wanted of records.
#[derive(Clone, Copy)]
pub(super) enum RenderJob {
    /// Their public form.
    Feed,
    /// What they tell of one call.
    Trace(CallId),
}

/// A batch of a switch.
pub(super) struct Events {
    pub account: Name,
    pub actor: Actor,
    pub source: String,
    pub items: Vec<EventItem>,
    pub ack: Option<u64>,
    pub reply: ReplyTo<(Vec<EventResult>, Commands)>,
}

impl What {
    /// Inputs in it.
    pub fn weight(&self) -> usize {
        match self {
            What::Events(batch) => batch.items.len().max(1),
            _ => 1,
        }
    }

    /// The events of a batch; none of anything else.
    pub fn into_events(self) -> Vec<EventItem> {
        match self {
            What::Events(batch) => batch.items,
            _ => Vec::new(),
        }
    }

    fn is_urgent(&self) -> bool {
        match self {
            What::Input { input, .. } => is_urgent(input),
            What::Events(batch) => batch.items.iter().all(|item| match item {
                EventItem::Event(event) => ends_or_answers(&event.what),
                EventItem::Rejected(_) => true,
            }),
            _ => false,
        }
    }
}

/// Whether the input ends or answers work, or tells that it is done: it is taken while the inbox
/// has only its reserve, and while the disk is short.
#[must_use]
pub(super) fn is_urgent(input: &Input) -> bool {
    match input {
        Input::Switch { event, .. } => ends_or_answers(&event.what),
        Input::Command { command, .. } => match command {
            Command::Accept { .. }
            | Command::Refuse { .. }
            | Command::EndWrapUp { .. }
            | Command::EndCall { .. }
            | Command::Hold { .. }
            | Command::Transfer { .. }
            | Command::Supervise { mode: None, .. }
            | Command::DeskClosed { .. } => true,
            Command::Sign(command) => {
                matches!(**command, SignCommand::End { .. } | SignCommand::EndAll { .. })
            }
            Command::SetStatus { status, .. } | Command::ForceStatus { status, .. } => {
                matches!(status, Status::Offline | Status::OnBreak)
            }
            Command::Put { .. }
            | Command::Delete { .. }
            | Command::EraseUser { .. }
            | Command::SetOffline { .. }
            | Command::PutView { .. }
            | Command::DeleteView { .. }
            | Command::Dial(_)
            | Command::ChangeTeam { .. }
            | Command::Bulk { .. }
            | Command::Apply { .. }
            | Command::Import(_)
            | Command::UndoImport { .. }
            | Command::ReportAlert(_)
            | Command::HookTold { .. }
            | Command::ReportSent { .. }
            | Command::Acknowledge { .. }
            | Command::Notify { .. }
            | Command::ReadMessage { .. }
            | Command::ClearForced { .. }
            | Command::Supervise { mode: Some(_), .. }
            | Command::Assign { .. }
            | Command::ChangeCall { .. }
            | Command::MakeCallback(_)
            | Command::ChangeCallback { .. }
            | Command::CancelCallback { .. }
            | Command::SetOptedIn { .. }
            | Command::DeskOpened { .. } => false,
        },
        Input::Query { .. } => false,
        Input::Deadline
        | Input::Acknowledged { .. }
        | Input::SwitchSpoke { .. }
        | Input::SwitchLink { .. }
        | Input::SwitchUnreachable { .. }
        | Input::Resumed { .. } => true,
    }
}

fn ends_or_answers(what: &Happening) -> bool {
    match what {
        Happening::CallAbandoned
        | Happening::CallEnded { .. }
        | Happening::CallTransferred { .. }
        | Happening::CallJoined { .. }
        | Happening::CallLeft { .. }
        | Happening::CallChoice
        | Happening::CallOverflowed { .. }
        | Happening::CallHeld
        | Happening::CallResumed
        | Happening::OfferRinging { .. }
        | Happening::OfferAnswered { .. }
        | Happening::OfferFailed { .. }
        | Happening::CustomerAnswered
        | Happening::CustomerFailed { .. }
        | Happening::AgentCallEnded { .. }
        | Happening::DeviceLost { .. }
        | Happening::CommandFailed { .. }
        | Happening::SwitchHeartbeat
        | Happening::SwitchSync { .. } => true,
        Happening::CallArrived(_)
        | Happening::CallUpdated { .. }
        | Happening::AgentCallStarted { .. }
        | Happening::DeviceRegistered { .. }
        | Happening::SwitchStarted { .. }
        | Happening::Unknown { .. } => false,
    }
}

/// 507 `disk_full`.
pub(super) fn disk_full() -> Problem {
    let detail = "the node's disk is short of room: calls end and are answered, nothing new begins";
    Problem { retry_after: Some(5), ..Problem::new(507, "disk_full", detail) }
}

/// 503 `stopping`.
pub(super) fn stopping() -> Problem {
    let detail = "this node is going away; send it again";
    Problem { retry_after: Some(1), ..Problem::new(503, "stopping", detail) }
}

fn overloaded() -> Problem {
    let detail = "more comes in than can be decided; send it again a little later";
    Problem { retry_after: Some(1), ..Problem::new(503, "overloaded", detail) }
}

/// What was not taken in.
pub(super) struct Refused {
    pub problem: Problem,
    pub what: What,
}

/// The door of the inbox.
pub(super) struct Gate {
    line: mpsc::UnboundedSender<Message>,
    queued: AtomicUsize,
    capacity: usize,
    reserve: usize,
    freed: Notify,
    closed: AtomicBool,
}

impl Gate {
    /// Room for `capacity` inputs, an eighth of it for urgent ones alone.
    pub fn new(capacity: usize) -> (Gate, mpsc::UnboundedReceiver<Message>) {
        let (line, receiver) = mpsc::unbounded_channel();
        let gate = Gate {
            line,
            queued: AtomicUsize::new(0),
            capacity: capacity.max(8),
            reserve: capacity.max(8) / 8,
            freed: Notify::new(),
            closed: AtomicBool::new(false),
        };
        (gate, receiver)
    }

    /// Takes a message in, or gives it back and says why: 503 `overloaded` or `stopping`.
    pub fn offer(&self, received: Ticks, what: What) -> Result<(), Box<Refused>> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Box::new(Refused { problem: stopping(), what }));
        }
        let limit = if what.is_urgent() { self.capacity } else { self.capacity - self.reserve };
        let weight = what.weight();
        // A batch may be larger than what is left: it is taken when there is any room, else a
        // large one would starve behind small ones.
        if self.queued.fetch_add(weight, Ordering::AcqRel) >= limit {
            self.queued.fetch_sub(weight, Ordering::AcqRel);
            metrics::counter!("callboard_overloaded_total").increment(1);
            return Err(Box::new(Refused { problem: overloaded(), what }));
        }
        self.line
            .send(Message { received, what })
            .map_err(|unsent| Box::new(Refused { problem: stopping(), what: unsent.0.what }))
    }

    /// Takes in what must not be lost: the node's own reports.
    pub fn insert(&self, received: Ticks, what: What) {
        self.queued.fetch_add(what.weight(), Ordering::AcqRel);
        // Without an inbox there is nobody left to tell.
        let _ = self.line.send(Message { received, what });
    }

    /// So many inputs were taken out.
    pub fn taken(&self, weight: usize) {
        let before = self.queued.fetch_sub(weight, Ordering::AcqRel);
        let limit = self.capacity - self.reserve;
        if before >= limit && before - weight < limit {
            self.freed.notify_waiters();
        }
    }

    /// From now on nobody comes in.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.freed.notify_waiters();
    }

    /// Waits until there is room for an ordinary input, or the gate is closed.
    pub async fn room(&self) {
        loop {
            let freed = self.freed.notified();
            let mut freed = std::pin::pin!(freed);
            freed.as_mut().enable();
            let full = self.queued.load(Ordering::Acquire) >= self.capacity - self.reserve;
            if !full || self.closed.load(Ordering::Acquire) {
                return;
            }
            freed.await;
        }
    }

    /// Inputs that wait.
    pub fn queued(&self) -> usize {
        self.queued.load(Ordering::Acquire)
    }
}

/// When a poll that came at `now` gives up; a wait is at most 60 s.
pub(super) fn poll_until(now: Millis, wait_ms: u64) -> Millis {
    now.plus(wait_ms.min(60_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Poll;

    fn input(input: Input) -> What {
        What::Input { account: "default".into(), input, reply: None }
    }

    fn ordinary() -> What {
        let actor = Actor {
            name: "a".into(),
            role: crate::domain::objects::user::Role::Owner,
            user: None,
            switch: None,
            door: crate::domain::input::Door::default(),
        };
        input(Input::Query { actor, query: crate::domain::input::Query::Watch })
    }

    #[tokio::test]
    async fn the_reserve_is_for_urgent_inputs_and_room_is_told() {
        let (gate, mut line) = Gate::new(16);
        let now = Ticks(0);
        let taken = (0..20).filter(|_| gate.offer(now, ordinary()).is_ok()).count();
        assert_eq!(taken, 14, "all but an eighth");
        let urgent = || input(Input::Deadline);
        let taken = (0..20).filter(|_| gate.offer(now, urgent()).is_ok()).count();
        assert_eq!(taken, 2, "the reserve");
        let refused = gate.offer(now, urgent()).expect_err("full").problem;
        assert_eq!(
            (refused.status, refused.code, refused.retry_after),
            (503, "overloaded", Some(1))
        );

        let mut waiting = std::pin::pin!(gate.room());
        let at_once = std::future::poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx))).await;
        assert!(at_once.is_pending());
        for _ in 0..3 {
            let message = line.recv().await.expect("queued");
            gate.taken(message.what.weight());
        }
        waiting.await;
        assert!(gate.offer(now, ordinary()).is_ok());
        gate.close();
        assert_eq!(gate.offer(now, urgent()).expect_err("closed").problem.code, "stopping");
    }
}
