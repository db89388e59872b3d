//! The way to the hub: a cheap handle for the tasks of connections, for keys that are revoked and
//! for the shutdown.

use crate::domain::ids::{KeyId, Name};
use crate::live::figures::{FiguresSlot, Watched};
use crate::live::slot::{Close, Slot};
use crate::live::view::{Scope, View};
use crate::live::wire::Subscription;
use crate::reporting::figures::Seen;
use dashmap::DashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;

/// How many messages to the hub may wait; past it, connections wait to open.
const MESSAGES: usize = 1_024;

/// Who reads: decided before, by `access` and the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// The account whose floor it is.
    pub account: Name,
    /// What may be seen.
    pub scope: Scope,
    /// Whose figures may be seen.
    pub figures: Seen,
    /// The key that opened the door, if one did.
    pub key: Option<KeyId>,
    /// The person, if one is known.
    pub user: Option<Name>,
}

impl Viewer {
    /// Who sees all of an account, and whom no key or person is known of.
    #[must_use]
    pub fn of_all(account: impl Into<Name>) -> Viewer {
        Viewer {
            account: account.into(),
            scope: Scope::All,
            figures: Seen::All,
            key: None,
            user: None,
        }
    }
}

/// A connection's number; never used twice in a process.
pub type ConnId = u64;

/// A place in the history that a client has reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// The journal's name.
    pub epoch: Name,
    /// The last sequence taken in.
    pub seq: u64,
}

/// What the task that owns the hub is told through the channel; hand it to
/// [`crate::live::Hub::handle`].
#[derive(Debug)]
pub enum HubMessage {
    /// A connection subscribes, for the first time or again. The answer is its first frame: the
    /// board at sequence s, registered from s + 1.
    Subscribe {
        /// Who asks.
        conn: ConnId,
        /// The account whose floor it is.
        account: Name,
        /// What it asks for.
        view: View,
        /// What it has already.
        resume: Option<Resume>,
        /// Where its frames go.
        slot: Arc<Slot>,
    },
    /// A connection that was behind is ready for its next frame.
    Ready {
        /// Which.
        conn: ConnId,
        /// Of which account.
        account: Name,
    },
}

/// The connections' way to the hub. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct HubHandle {
    messages: mpsc::Sender<HubMessage>,
    epoch: Name,
    clients: Arc<DashMap<ConnId, Client>>,
    figures: Arc<Watched>,
    last: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Client {
    viewer: Viewer,
    slot: Arc<Slot>,
}

/// A handle, and the end of the channel for the task that owns the hub. `epoch` is the hub's.
#[must_use]
pub fn channel(epoch: impl Into<Name>) -> (HubHandle, mpsc::Receiver<HubMessage>) {
    let (messages, receiver) = mpsc::channel(MESSAGES);
    let handle = HubHandle {
        messages,
        epoch: epoch.into(),
        clients: Arc::default(),
        figures: Arc::default(),
        last: Arc::default(),
    };
    (handle, receiver)
}

impl HubHandle {
    /// Registers a connection; it leaves when the answer is dropped.
    #[must_use]
    pub fn connect(&self, viewer: Viewer) -> Connection {
        let conn = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let slot = Arc::new(Slot::default());
        let client = Client { viewer: viewer.clone(), slot: Arc::clone(&slot) };
        self.clients.insert(conn, client);
        metrics::gauge!("callboard_live_connections").increment(1.0);
        let frames = metrics::counter!("callboard_live_frames_total");
        let figures = Arc::default();
        Connection { handle: self.clone(), conn, viewer, slot, figures, frames }
    }

    /// The journal's name, as clients see it.
    #[must_use]
    pub fn epoch(&self) -> &Name {
        &self.epoch
    }

    /// The figures that dashboards wish.
    #[must_use]
    pub fn figures(&self) -> &Arc<Watched> {
        &self.figures
    }

    /// Open connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.clients.len()
    }

    /// Closes every connection whose viewer `is_meant`; answers how many. For a key that was
    /// revoked, a right taken away (4403), a session that ended (4401).
    pub fn close(&self, close: &Close, is_meant: impl Fn(&Viewer) -> bool) -> usize {
        let meant = self.clients.iter().filter(|client| is_meant(&client.viewer));
        meant.map(|client| client.slot.close(close.clone())).count()
    }

    /// Closes the connections of a key that is no longer valid, with 4401.
    pub fn close_key(&self, key: KeyId) -> usize {
        let close = Close::new(4401, "the key was revoked or has expired: sign in again");
        self.close(&close, |viewer| viewer.key == Some(key))
    }

    /// Closes the connections of a user.
    pub fn close_user(&self, account: &Name, user: &Name, close: &Close) -> usize {
        self.close(close, |viewer| viewer.account == *account && viewer.user.as_ref() == Some(user))
    }

    /// Closes every connection with 1001 at shutdown, and tells each when to come back: after
    /// `least_ms`, spread over `spread_ms` so that they do not come all at once.
    pub fn go_away(&self, least_ms: u64, spread_ms: u64) {
        for client in self.clients.iter() {
            // Multiplying by a large odd number scatters neighbours over the whole spread.
            let place = (client.key().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % (spread_ms + 1);
            client.slot.close(Close {
                code: 1001,
                reason: "going away".into(),
                retry_after_ms: Some(least_ms + place),
            });
        }
    }
}

/// One registered connection, seen from its task.
pub struct Connection {
    handle: HubHandle,
    conn: ConnId,
    viewer: Viewer,
    slot: Arc<Slot>,
    figures: Arc<FiguresSlot>,
    frames: metrics::Counter,
}

impl Connection {
    /// Where its frames arrive.
    #[must_use]
    pub fn slot(&self) -> &Arc<Slot> {
        &self.slot
    }

    /// Who reads.
    #[must_use]
    pub fn viewer(&self) -> &Viewer {
        &self.viewer
    }

    /// Where the figures that it wishes arrive.
    #[must_use]
    pub fn figures(&self) -> &FiguresSlot {
        &self.figures
    }

    /// Subscribes, or subscribes again. Answers whether the hub still lives.
    pub async fn subscribe(&self, wanted: Subscription) -> bool {
        let Subscription { view, resume, figures } = wanted;
        let Viewer { account, figures: seen, .. } = &self.viewer;
        self.handle.figures.subscribe(account, seen, figures, &self.figures);
        let message = HubMessage::Subscribe {
            conn: self.conn,
            account: self.viewer.account.clone(),
            view,
            resume,
            slot: Arc::clone(&self.slot),
        };
        self.handle.messages.send(message).await.is_ok()
    }

    /// Says that the frame taken last was sent. Answers whether the hub still lives.
    pub async fn done(&self) -> bool {
        self.frames.increment(1);
        if !self.slot.done() {
            return true;
        }
        let ready = HubMessage::Ready { conn: self.conn, account: self.viewer.account.clone() };
        self.handle.messages.send(ready).await.is_ok()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.slot.leave();
        self.handle.clients.remove(&self.conn);
        metrics::gauge!("callboard_live_connections").decrement(1.0);
    }
}
