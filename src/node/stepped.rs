//! The node without tasks and threads: whoever holds it says when each stage has its turn. The
//! seeded world (`sim/world`) drives it, so that one seed is one order of all that happens.
//!
//! The stages are those that [`Node`](crate::node::Node) runs; only what gives them their turns is
//! another.

use crate::access::secret;
use crate::domain::ids::Name;
use crate::domain::switching::{Command, CommandFailure};
use crate::domain::time::Millis;
use crate::engine::Engine;
use crate::journal::writer::{self, Work};
use crate::journal::{Journal, Room, StreamId};
use crate::live::{Hub, HubMessage};
use crate::node::boards::{Boards, Shown};
use crate::node::clock::{self, Clock};
use crate::node::delivery::{Carrier, Delivered, Posting};
use crate::node::handle::Handle;
use crate::node::inbox::Inbox;
use crate::node::line::Posted;
use crate::node::outbox::Outbox;
use crate::node::pipeline::Carried;
use crate::node::recovery::StartError;
use crate::node::shared::Shared;
use crate::node::shutdown::{EXIT_JOURNAL, Fatal, Life};
use crate::node::snapshots::{self, Fold};
use crate::node::start::{Assembled, Options, Parts, first_records};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::mpsc;

/// What a stepped node stands on.
pub(crate) struct Ground {
    /// How it runs; its data folder is not touched.
    pub options: Options,
    pub journal: Box<dyn Journal>,
    pub room: Option<Arc<Room>>,
    /// Of the first account's dice.
    pub seed: u64,
    /// When it last said that it lived.
    pub alive: Option<Millis>,
    /// Gets each delivery to a webhook.
    pub webhooks: mpsc::UnboundedSender<Delivery>,
}

/// A delivery to a webhook, which waits for its end: one that is dropped was not taken, as a request
/// that broke off.
pub(crate) struct Delivery(Posting);

impl Delivery {
    /// The switch's id.
    pub fn switch(&self) -> &Name {
        &self.0.switch
    }

    /// What it brings.
    pub fn commands(&self) -> &[Arc<Command>] {
        &self.0.parcel.commands
    }

    /// The webhook took it, but for those that the switch cannot do.
    pub fn taken(self, failed: Vec<(Arc<Command>, CommandFailure)>) {
        self.0.ended(Posted::Taken, failed);
    }
}

/// A node, stage by stage.
pub(crate) struct Stepped {
    shared: Arc<Shared>,
    inbox: Inbox,
    outbox: Outbox,
    boards: Boards,
    fold: Fold,
    writer: Work,
    queue: crossbeam_channel::Receiver<Carried>,
    told: mpsc::UnboundedReceiver<Shown>,
    watchers: mpsc::Receiver<HubMessage>,
    delivered: mpsc::UnboundedReceiver<Delivered>,
    /// Durable batches that the outbox has not taken.
    durable: Vec<Vec<Carried>>,
    hub_at: Option<Millis>,
    /// Messages that the inbox has handled.
    met: u64,
}

impl Stepped {
    /// Recovers what the journal has, as [`Node::start`](crate::node::Node::start).
    ///
    /// # Errors
    /// As that.
    pub fn open(
        ground: Ground,
        clock: impl FnOnce(Millis) -> Clock,
    ) -> Result<Stepped, StartError> {
        let Ground { options, mut journal, room, seed, alive, webhooks } = ground;
        let first = |journal: &mut dyn Journal, state: &mut _, now| {
            let random = [7; secret::RANDOM_BYTES];
            first_records(journal, state, now, (seed, random), |_| Ok(()))
        };
        let parts = Parts::gather(&options, &mut *journal, room.clone(), clock, first)?;
        let carrier: Carrier = Box::new(move |posting| {
            // Without a world nobody carries it.
            let _ = webhooks.send(Delivery(posting));
        });
        let assembled = parts.assemble(&options, carrier, alive);
        let Assembled { shared, inbox, outbox, boards, fold, queue, told, watchers, delivered } =
            assembled;
        let writer = Work::new(journal, writer::Options { room, now: clock::instant });
        shared.ready.store(true, Ordering::Release);
        let mut node = Stepped {
            shared,
            inbox,
            outbox,
            boards,
            fold,
            writer,
            queue,
            told,
            watchers,
            delivered,
            durable: Vec::new(),
            hub_at: None,
            met: 0,
        };
        node.inbox.resume();
        Ok(node)
    }

    /// The way in.
    pub fn handle(&self) -> Handle {
        Handle { shared: Arc::clone(&self.shared) }
    }

    /// Why it must end, when it must.
    pub fn failure(&self) -> Option<Fatal> {
        match self.shared.life.now() {
            Life::Failed(fatal) => Some(fatal),
            Life::Running | Life::Stopping => None,
        }
    }

    /// The inbox handles the next message, after what came due before it; `false` when there was
    /// none, and only what came due was handled.
    pub fn inbox(&mut self) -> bool {
        match self.inbox.messages.try_recv() {
            Ok(message) => {
                self.met += 1;
                self.inbox.meet(message);
                true
            }
            Err(_) => {
                self.inbox.meet_deadlines();
                false
            }
        }
    }

    /// The number of the last message in the line of the inbox, counted from the start.
    pub fn line_end(&self) -> u64 {
        self.met + self.inbox.messages.len() as u64
    }

    /// Commits that wait for the journal.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// The journal writes the next `most` commits with one sync. When that fails the node has
    /// failed.
    pub fn journal(&mut self, most: usize) {
        let batch: Vec<Carried> = self.queue.try_iter().take(most).collect();
        let durable = &mut self.durable;
        let mut hand_on = |batch| durable.push(batch);
        if !batch.is_empty()
            && let Err(error) = self.writer.commit(batch, &mut hand_on)
        {
            self.shared.life.fail(format!("the journal failed: {error}"), EXIT_JOURNAL);
        }
    }

    /// The outbox takes what is durable, what came from webhooks, and what is due.
    pub fn outbox(&mut self) {
        for batch in std::mem::take(&mut self.durable) {
            self.outbox.take(batch);
        }
        while let Ok(done) = self.delivered.try_recv() {
            self.outbox.delivered(done);
        }
        self.outbox.turn();
    }

    /// The boards take what the outbox told, what came from dashboards, and what is due.
    pub fn boards(&mut self) {
        let mut messages = Vec::new();
        while let Ok(message) = self.watchers.try_recv() {
            messages.push(message);
        }
        self.hub_at = self.boards.turn(&mut self.told, &mut messages);
    }

    /// Snapshots that are ordered are made.
    pub fn fold(&mut self) {
        self.fold.turn();
    }

    /// What a clean stop leaves when all is durable and out: a snapshot of each account.
    pub fn leave_snapshots(&mut self) {
        snapshots::last(&mut *self.inbox.vault, &self.inbox.runs);
    }

    /// Whether nothing is on its way, but what waits for the journal.
    pub fn is_idle(&self) -> bool {
        self.inbox.messages.is_empty()
            && self.durable.is_empty()
            && self.delivered.is_empty()
            && self.told.is_empty()
            && self.watchers.is_empty()
    }

    /// When some stage has something to do by itself, by the node's clock.
    pub fn wake_at(&self) -> Option<Millis> {
        let of_boards = self.boards.wake_at(self.hub_at);
        [self.inbox.due_at(), self.outbox.wake_at(), of_boards].into_iter().flatten().min()
    }

    /// An account's engine and stream.
    pub fn engine(&self, account: &str) -> Option<(&Engine, StreamId)> {
        let run = self.inbox.runs.get(*self.inbox.slots.get(account)?)?;
        Some((&run.engine, run.stream))
    }

    /// The hub of the boards.
    pub fn hub(&self) -> &Hub {
        self.boards.hub()
    }
}
