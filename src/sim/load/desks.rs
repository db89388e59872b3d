//! Agents' desks in numbers: WebSockets that hold the lease, are shown their agent's state, and accept
//! and refuse offers.

use super::checks::{Check, Checks};
use super::faults::{Counted, Lives, one};
use crate::sim::client::{Client, Error};
use serde::Deserialize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

const RETRY: Duration = Duration::from_millis(500);

/// What the desks count. Cloning gives the same.
#[derive(Clone, Debug, Default)]
pub struct Desks(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    open: AtomicU64,
    states: AtomicU64,
    reconnects: AtomicU64,
    acts: AtomicU64,
    late: AtomicU64,
    seats: Mutex<Vec<UnboundedSender<String>>>,
    checks: Mutex<Checks>,
}

/// What an agent does at the desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// The agent's number, which is the desk's.
    pub agent: usize,
    /// Accepts, or refuses.
    pub accepts: bool,
    /// The offer.
    pub offer: Box<str>,
}

/// A frame of a desk, as far as it is looked at.
#[derive(Debug, Deserialize)]
struct Frame {
    #[serde(rename = "type")]
    kind: String,
    status: Option<u16>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desks {
    /// Desks that have been shown a state.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.0.open.load(Ordering::Relaxed)
    }

    /// States that were shown.
    #[must_use]
    pub fn states(&self) -> u64 {
        self.0.states.load(Ordering::Relaxed)
    }

    /// Connections that broke and were made again.
    #[must_use]
    pub fn reconnects(&self) -> u64 {
        self.0.reconnects.load(Ordering::Relaxed)
    }

    /// Actions that were answered, and those of them that came after the offer was closed.
    #[must_use]
    pub fn acts(&self) -> (u64, u64) {
        (self.0.acts.load(Ordering::Relaxed), self.0.late.load(Ordering::Relaxed))
    }

    /// What was found wrong.
    #[must_use]
    pub fn checks(&self) -> Checks {
        lock(&self.0.checks).clone()
    }

    /// A place at the next desk: what its agent is to do comes here.
    #[must_use]
    pub fn seat(&self) -> UnboundedReceiver<String> {
        let (to, acts) = mpsc::unbounded_channel();
        lock(&self.0.seats).push(to);
        acts
    }

    /// An agent acts at the desk; while the desk is gone, when it is back.
    pub fn act(&self, act: &Act) {
        let word = if act.accepts { "accept" } else { "refuse" };
        if let Some(seat) = lock(&self.0.seats).get(act.agent) {
            // A desk that has ended is told by its own error.
            let _ = seat.send(format!(r#"{{"{word}":"{}","ref":1}}"#, act.offer));
        }
    }

    fn heard(&self, text: &str) -> Result<(), Error> {
        self.0.states.fetch_add(1, Ordering::Relaxed);
        let frame: Frame = serde_json::from_str(text).map_err(|e| Error::NotJson(e.to_string()))?;
        if frame.kind == "result" {
            self.0.acts.fetch_add(1, Ordering::Relaxed);
            match frame.status {
                Some(200 | 503) => {}
                // Closed meanwhile: missed, withdrawn, the caller gone, the switch started anew.
                Some(404 | 409) => _ = self.0.late.fetch_add(1, Ordering::Relaxed),
                _ => lock(&self.0.checks)
                    .broken(Check::EventsTaken, || format!("an action at a desk: {text}")),
            }
        }
        Ok(())
    }

    /// Sits at a desk until it is dropped.
    ///
    /// # Errors
    /// When the server refuses for good.
    pub async fn sit(
        self,
        client: Client,
        path: String,
        mut acts: UnboundedReceiver<String>,
        mut lives: Lives,
        counted: Counted,
    ) -> Result<(), Error> {
        let mut was_open = false;
        loop {
            let ended = async {
                let socket = client.socket(&path, "callboard.desk.v1").await?;
                let (mut sending, mut frames) = socket.split();
                loop {
                    tokio::select! {
                        text = frames.next() => self.heard(&text?)?,
                        Some(act) = acts.recv() => {
                            sending.send(act).await?;
                            continue;
                        }
                    }
                    if !std::mem::replace(&mut was_open, true) {
                        self.0.open.fetch_add(1, Ordering::Relaxed);
                    }
                }
            };
            let ended: Result<(), Error> = tokio::select! {
                ended = ended => ended,
                // Dropped without a close: the lease has its grace.
                sleeps = lives.end() => {
                    one(&counted.desks);
                    tokio::time::sleep(sleeps.unwrap_or_default() + lives.pause()).await;
                    continue;
                }
            };
            match ended {
                Err(e) if e.may_pass() => {
                    self.0.reconnects.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(RETRY).await;
                }
                ended => return ended,
            }
        }
    }
}
