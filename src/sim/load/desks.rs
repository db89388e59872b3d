//! Agents' desks in numbers: WebSockets that hold the lease and are shown their agent's state.

use super::faults::{Counted, Lives, one};
use crate::sim::client::{Client, Error};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const RETRY: Duration = Duration::from_millis(500);

/// What the desks count. Cloning gives the same.
#[derive(Clone, Debug, Default)]
pub struct Desks(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    open: AtomicU64,
    states: AtomicU64,
    reconnects: AtomicU64,
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

    /// Sits at a desk until it is dropped.
    ///
    /// # Errors
    /// When the server refuses for good.
    pub async fn sit(
        self,
        client: Client,
        path: String,
        mut lives: Lives,
        counted: Counted,
    ) -> Result<(), Error> {
        let mut was_open = false;
        loop {
            let ended = async {
                let socket = client.socket(&path, "callboard.desk.v1").await?;
                // Both halves live: a dropped one would close the socket.
                let (_sending, mut frames) = socket.split();
                loop {
                    frames.next().await?;
                    self.0.states.fetch_add(1, Ordering::Relaxed);
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
