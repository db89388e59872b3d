//! What travels from the inbox over the journal to the outbox, and never back.

use crate::domain::event::Event;
use crate::domain::ids::{CallId, CommandId, Name};
use crate::domain::input::Answer;
use crate::domain::objects::Switch;
use crate::domain::problem::Problem;
use crate::domain::rows::{BoardSeed, Changes};
use crate::domain::signing::DoorChange;
use crate::domain::switching::{Command, EventResult};
use crate::domain::time::Millis;
use crate::journal::{self, Entry};
use crate::node::clock::Ticks;
use crate::node::registry::{self, AccountInfo};
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// Where an answer goes, once what it tells is durable.
pub(super) type ReplyTo<T> = oneshot::Sender<Result<T, Problem>>;

/// Commands that go out together.
pub(super) type Commands = Vec<Arc<Command>>;

/// A view of a desk: whole, so that only the last counts.
pub(super) type DeskView = Option<Arc<Value>>;

/// One decision on its way out.
pub(super) struct Commit {
    /// What the journal writes.
    pub entry: Entry,
    /// The account's place in the tables of inbox and outbox; `None` for the node itself.
    pub slot: Option<usize>,
    /// When its input came in.
    pub received: Ticks,
    /// Sequence and time of its record, when it has one.
    pub record: Option<(u64, Millis)>,
    /// What the record says, for the figures.
    pub events: Vec<Event>,
    /// New commands, with the switch's id.
    pub commands: Vec<(Name, Arc<Command>)>,
    /// This switch hears of its commands in the reply to its own request.
    pub replied: Option<Name>,
    /// What boards show differently.
    pub changes: Changes,
    /// Users whose desks show something new.
    pub desks: Vec<(Name, Value)>,
    /// What opens the door from now on, or no longer.
    pub doors: Vec<DoorChange>,
    /// A switch has done its commands up to here.
    pub acknowledged: Option<(Name, u64)>,
    /// A switch could not do this command.
    pub failed: Option<(Name, CommandId)>,
    /// How the switches are set up that this is about; `None`: deleted.
    pub switches: Vec<(Name, Option<Arc<Switch>>)>,
    /// Whether an event of a switch caused it (for the figures).
    pub is_event: bool,
    /// What else the outbox does with it.
    pub then: Then,
}

/// What the outbox does when the commit is durable.
pub(super) enum Then {
    /// Nothing more.
    Nothing,
    /// Answers.
    Answer(ReplyTo<Answer>, Answer),
    /// Answers a batch of events: this is its last commit.
    Events(Box<EventsDone>),
    /// Registers a link.
    LinkOpened { switch: Name, link: u64, to: mpsc::Sender<Commands>, reply: ReplyTo<()> },
    /// Forgets one.
    LinkClosed { switch: Name, link: u64 },
    /// Answers a poll, now or when there is something to say.
    Poll { switch: Name, after: u64, until: Millis, reply: ReplyTo<Commands> },
    /// Registers a desk, when the engine let it in.
    DeskOpened { user: Name, desk: u64, to: watch::Sender<DeskView>, reply: ReplyTo<()> },
    /// Answers that the engine did not let it in.
    DeskRefused(ReplyTo<()>, Problem),
    /// Forgets one.
    DeskClosed { user: Name, desk: u64 },
    /// Answers a change of the registry, whose events the caches take in.
    Registry(Box<RegistryDone>),
    /// Answers with rendered records.
    Rendered(ReplyTo<Vec<Value>>, Result<Vec<Value>, Problem>),
    /// Everything before is durable and gone out.
    Passed(oneshot::Sender<()>),
}

/// The end of a batch of events.
pub(super) struct EventsDone {
    pub reply: ReplyTo<(Vec<EventResult>, Commands)>,
    /// The switch that posted.
    pub switch: Name,
    pub results: Vec<EventResult>,
    /// What these events caused for it.
    pub commands: Commands,
    /// Calls whose still open commands are told again: those of duplicates.
    pub again: Vec<CallId>,
    /// Part of the batch was refused, and all of it is to be sent again.
    pub refused: Option<Problem>,
}

/// A durable change of the registry.
pub(super) struct RegistryDone {
    pub reply: ReplyTo<registry::Answer>,
    pub answer: registry::Answer,
    pub events: Vec<registry::Event>,
    /// A new account, with its board.
    pub account: Option<(AccountInfo, BoardSeed)>,
}

impl Commit {
    /// One that writes nothing.
    pub fn new(slot: Option<usize>, received: Ticks, then: Then) -> Box<Commit> {
        Box::new(Commit {
            entry: Entry::default(),
            slot,
            received,
            record: None,
            events: Vec::new(),
            commands: Vec::new(),
            replied: None,
            changes: Changes::default(),
            desks: Vec::new(),
            doors: Vec::new(),
            acknowledged: None,
            failed: None,
            switches: Vec::new(),
            is_event: false,
            then,
        })
    }
}

/// The journal moves the box, not the commit.
pub(super) struct Carried(pub Box<Commit>);

impl journal::Commit for Carried {
    fn entry(&self) -> Option<&Entry> {
        Some(&self.0.entry)
    }

    /// An acknowledgement that led to nothing: lost with the process, the switch is told its
    /// commands again, as after any cut.
    fn can_wait(&self) -> bool {
        let commit = &*self.0;
        commit.acknowledged.is_some()
            && matches!(commit.then, Then::Nothing)
            && commit.entry.vault.is_empty()
            && commit.commands.is_empty()
            && commit.changes.is_empty()
            && commit.desks.is_empty()
    }
}
