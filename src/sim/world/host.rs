//! The machine of a world: the node, its clock, and a disk that forgets what was not synced.

use super::plan::Trouble;
use crate::domain::time::Millis;
use crate::journal::memory::{Control, Fault, Memory};
use crate::journal::{Reader, Room, StreamId};
use crate::node::clock::{self, Clock};
use crate::node::stepped::{Delivery, Ground, Stepped};
use crate::node::{EXIT_JOURNAL, Handle, Options};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// The account of every world.
pub(super) const ACCOUNT: &str = "default";

/// When worlds begin.
pub(super) const START: Millis = Millis(1_795_291_200_000);

/// Room below which new work is refused, and what is free otherwise: less than would make the node
/// set a reserve aside, which would be a file.
const MIN_FREE: u64 = 1_000;

/// The machine.
pub(super) struct Host {
    node: Option<Stepped>,
    control: Control,
    clock: Clock,
    /// The wall clock, less the time of the world.
    wall_off: i64,
    free: Arc<AtomicU64>,
    room: Arc<Room>,
    looked_at: Instant,
    snapshot_every: u64,
    seed: u64,
    webhooks: (mpsc::UnboundedSender<Delivery>, mpsc::UnboundedReceiver<Delivery>),
    /// When the node last lived, as its alive file says.
    alive: Option<Millis>,
    /// The engine's sequence after each message of the inbox, from the first of this life.
    seqs: Vec<u64>,
    /// A failure of the journal was ordered.
    may_fail: bool,
}

impl Host {
    /// With a node on an empty disk.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(seed: u64, snapshot_every: u64) -> Result<Host, String> {
        let memory = Memory::new("world");
        let free = Arc::new(AtomicU64::new(MIN_FREE));
        let asked = Arc::clone(&free);
        let probe = Box::new(move || Ok(asked.load(Ordering::Relaxed)));
        let room = Room::with_probe(Path::new("no-such-folder"), MIN_FREE, probe);
        let mut host = Host {
            node: None,
            control: memory.control(),
            clock: Clock::twin(START, Millis(0)),
            wall_off: 0,
            free,
            room: Arc::new(room.map_err(|e| e.to_string())?),
            looked_at: clock::instant(),
            snapshot_every,
            seed,
            webhooks: mpsc::unbounded_channel(),
            alive: None,
            seqs: Vec::new(),
            may_fail: false,
        };
        host.open(memory, 0)?;
        Ok(host)
    }

    fn open(&mut self, memory: Memory, now: u64) -> Result<(), String> {
        let wall = START.plus(now).0 + self.wall_off;
        let mut options = Options::new("no-such-folder");
        options.snapshot_every = self.snapshot_every;
        let ground = Ground {
            options,
            journal: Box::new(memory),
            room: Some(Arc::clone(&self.room)),
            seed: self.seed,
            alive: self.alive,
            webhooks: self.webhooks.0.clone(),
        };
        let clock = |floor| {
            let clock = Clock::twin(Millis(wall), floor);
            self.clock = clock.clone();
            clock
        };
        let node = Stepped::open(ground, clock).map_err(|e| format!("no start: {e}"))?;
        self.node = Some(node);
        self.seqs.clear();
        self.no_more_failures();
        self.may_fail = false;
        Ok(())
    }

    /// Whether the node runs.
    pub fn is_up(&self) -> bool {
        self.node.is_some()
    }

    /// The node, while it runs.
    pub fn node(&mut self) -> Option<&mut Stepped> {
        self.node.as_mut()
    }

    /// The way into it.
    pub fn handle(&self) -> Option<Handle> {
        self.node.as_ref().map(Stepped::handle)
    }

    /// The node's time.
    pub fn time(&self) -> Millis {
        self.clock.now()
    }

    /// Time passes.
    pub fn advance(&mut self, ms: u64) {
        self.clock.advance(ms);
        if self.is_up() {
            self.alive = Some(self.clock.now());
        }
    }

    /// The wall clock is stepped.
    pub fn step_wall(&mut self, ms: i64) {
        self.wall_off += ms;
        self.clock.step_wall(ms);
    }

    /// The disk runs short of room, or has room again.
    pub fn make_short(&mut self, short: bool) {
        self.free.store(if short { 0 } else { MIN_FREE }, Ordering::Relaxed);
        // The disk is asked at most once a second.
        self.looked_at += Duration::from_secs(2);
        self.room.refresh(self.looked_at);
    }

    /// Sequence of the account's last record on the disk.
    pub fn durable(&self) -> u64 {
        self.control.durable_seq(StreamId(1))
    }

    /// A reading end of the disk.
    pub fn reader(&self) -> Result<Box<dyn Reader>, String> {
        Ok(self.control.reader())
    }

    /// A delivery to a webhook that waits to be carried.
    pub fn delivery(&mut self) -> Option<Delivery> {
        self.webhooks.1.try_recv().ok()
    }

    /// The inbox handles one message, or what is due; `false` when there was no message.
    pub fn inbox(&mut self) -> bool {
        let Some(node) = &mut self.node else { return false };
        let met = node.inbox();
        if met {
            let seq = node.engine(ACCOUNT).map_or(0, |(engine, _)| engine.seq());
            self.seqs.push(seq);
        }
        met
    }

    /// The sequence that must be durable before the answer to this message of the inbox.
    pub fn seq_after(&self, message: u64) -> Option<u64> {
        self.seqs.get(usize::try_from(message).ok()?.checked_sub(1)?).copied()
    }

    /// The next write goes wrong.
    pub fn fail_next(&mut self, trouble: Trouble) {
        if !self.is_up() {
            return;
        }
        let fault = match trouble {
            Trouble::SyncKeeps => Fault::SyncKept,
            Trouble::DiskFull => Fault::DiskFull,
            _ => Fault::SyncLost,
        };
        self.control.fail_at(1, fault);
        self.may_fail = true;
    }

    /// A failure that was ordered and has not come is called off.
    pub fn no_more_failures(&mut self) {
        self.control.mend();
    }

    /// Why the node has failed; an error when it had no reason to.
    pub fn failure(&mut self) -> Result<Option<String>, String> {
        let Some(fatal) = self.node.as_ref().and_then(Stepped::failure) else { return Ok(None) };
        if fatal.exit_code == EXIT_JOURNAL && self.may_fail {
            return Ok(Some(fatal.why));
        }
        Err(format!("the node ended with {}: {}", fatal.exit_code, fatal.why))
    }

    /// The process is gone; what was not synced is forgotten.
    pub fn kill(&mut self) {
        self.node = None;
        while self.delivery().is_some() {}
    }

    /// The next process.
    ///
    /// # Errors
    /// When it does not start on what the disk has.
    pub fn restart(&mut self, now: u64) -> Result<(), String> {
        let memory = self.control.crash();
        self.open(memory, now)
    }
}
