//! What the handle and the stages all hold.

use crate::access::throttle::Throttle;
use crate::access::{Key, session};
use crate::domain::ids::{KeyId, Name};
use crate::domain::objects::user::Home;
use crate::journal::{Reader, Room, StreamId};
use crate::live::HubHandle;
use crate::node::agencies::Agencies;
use crate::node::clock::{Clock, Ticks};
use crate::node::doors::Doors;
use crate::node::gate::Gate;
use crate::node::hasher::Hasher;
use crate::node::history;
use crate::node::mailer::Waiting;
use crate::node::reports::Reports;
use crate::node::shutdown::LifeLine;
use crate::node::start::SessionTimes;
use dashmap::DashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError, RwLock};
use tokio::sync::{Notify, broadcast, mpsc, watch};

/// Shared by all parts of a node.
pub(super) struct Shared {
    pub clock: Clock,
    pub gate: Gate,
    pub flow: Flow,
    /// A cache of the registry: what is durable of it.
    pub keys: DashMap<KeyId, Arc<Key>>,
    /// Sessions, and users who may not come in: what is durable of them.
    pub doors: Doors,
    /// A cache of the registry: what is durable of it.
    pub agencies: RwLock<Agencies>,
    /// Failed attempts to sign in.
    pub throttle: Throttle,
    /// How long sessions last.
    pub sessions: SessionTimes,
    /// The hash of the first owner's link, while there is one.
    pub first_link: Mutex<Option<String>>,
    /// Where it is told that an account's hooks have something new.
    pub hooks: OnceLock<mpsc::UnboundedSender<crate::domain::ids::Name>>,
    /// Where mails go that are to be sent, when there is somebody who sends them.
    pub mails: OnceLock<mpsc::UnboundedSender<Waiting>>,
    /// Hashes passwords.
    pub hasher: Hasher,
    /// As `keys`.
    pub accounts: DashMap<Name, Arc<AccountHead>>,
    pub revoked: broadcast::Sender<KeyId>,
    pub hub: HubHandle,
    /// The way to the figures; none in a node without threads.
    pub reports: OnceLock<Reports>,
    /// The way to read the history; as `reports`.
    pub history: OnceLock<history::Readers>,
    pub readers: Readers,
    pub room: Option<Arc<Room>>,
    pub life: LifeLine,
    pub ready: AtomicBool,
    /// Whether time away from now on would matter (the alive file is written then).
    pub has_live_work: AtomicBool,
    /// Numbers of links and desks.
    pub next_id: AtomicU64,
}

/// What of an account stands outside its engine.
pub(super) struct AccountHead {
    pub name: Name,
    pub stream: StreamId,
    /// Sequence of the last durable record.
    pub durable: watch::Sender<u64>,
}

impl Shared {
    /// Closes what a key or session has opened.
    pub fn turn_out(&self, key: KeyId) {
        self.hub.close_key(key);
        // Without a connection nobody listens.
        let _ = self.revoked.send(key);
    }

    /// What a person's sessions have opened is looked at again: some of it may be theirs no more.
    pub fn look_again(&self, home: &Home) {
        for session in self.doors.sessions_of(home) {
            self.turn_out(session::door(session));
        }
    }

    /// Monotonic time, for measuring.
    pub fn ticks(&self) -> Ticks {
        self.clock.ticks()
    }

    /// A number for a link or desk, never used twice in a process.
    pub fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Whether the disk is short of room.
    pub fn is_short(&self) -> bool {
        self.room.as_ref().is_some_and(|room| room.is_short())
    }
}

/// How much is between the inbox and the boards: neither the journal nor they must fall behind
/// without end.
#[derive(Default)]
pub(super) struct Flow {
    under_way: AtomicUsize,
    eased: Notify,
}

/// Commits under way at most.
const MOST_UNDER_WAY: usize = 16_384;

impl Flow {
    /// One more is under way.
    pub fn enters(&self) {
        self.under_way.fetch_add(1, Ordering::AcqRel);
    }

    /// So many have come out.
    pub fn leave(&self, count: usize) {
        let before = self.under_way.fetch_sub(count, Ordering::AcqRel);
        if before >= MOST_UNDER_WAY && before - count < MOST_UNDER_WAY {
            self.eased.notify_one();
        }
    }

    /// Whether the inbox should wait.
    pub fn is_full(&self) -> bool {
        self.under_way.load(Ordering::Acquire) >= MOST_UNDER_WAY
    }

    /// Waits until it is no longer full. One waits at most: the inbox. A permit left over from an
    /// earlier ease only makes it look again.
    pub async fn ease(&self) {
        while self.is_full() {
            self.eased.notified().await;
        }
    }
}

/// Reading ends of the journal, lent out. They are opened at the start: afterwards the journal
/// belongs to its writer.
pub(super) struct Readers {
    idle: Mutex<Vec<Box<dyn Reader>>>,
    returned: Condvar,
}

impl Readers {
    /// Lends these.
    pub fn new(idle: Vec<Box<dyn Reader>>) -> Readers {
        Readers { idle: Mutex::new(idle), returned: Condvar::new() }
    }

    /// Lends one to `f`; waits while all are lent. Not for the tasks of the pipeline.
    pub fn with<T>(&self, f: impl FnOnce(&mut dyn Reader) -> T) -> T {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut idle = self
            .returned
            .wait_while(idle, |idle| idle.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        let reader = idle.pop();
        drop(idle);
        // `wait_while` leaves at least one.
        let mut lent = Lent { readers: self, reader };
        match &mut lent.reader {
            Some(reader) => f(&mut **reader),
            None => unreachable!("a reader was there"),
        }
    }
}

/// Gives the reader back, also when its borrower panics.
struct Lent<'a> {
    readers: &'a Readers,
    reader: Option<Box<dyn Reader>>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut idle = self.readers.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.extend(self.reader.take());
        self.readers.returned.notify_one();
    }
}
