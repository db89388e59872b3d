//! The node's housekeeping, once a second on a thread of its own: the alive file, the age of
//! records, the upkeep of figures.

use crate::journal::{self, Writer, retention};
use crate::node::recovery::{self, StartError};
use crate::node::shared::Shared;
use crate::node::telemetry;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

const EACH: Duration = Duration::from_secs(1);

/// Records are looked through for aged ones this often, in turns of [`EACH`].
const TRIM_TURNS: u64 = 3_600;

/// What the keeper keeps.
pub(super) struct Keeper {
    pub shared: Arc<Shared>,
    pub data: PathBuf,
    pub keep_ms: u64,
    pub writer: Arc<Writer>,
}

impl Keeper {
    /// Starts the thread; it ends when the answer's sender is dropped.
    pub fn spawn(self) -> Result<(crossbeam_channel::Sender<()>, JoinHandle<()>), StartError> {
        let (stop, stopped) = crossbeam_channel::bounded::<()>(0);
        let thread = std::thread::Builder::new()
            .name("keeper".to_owned())
            .spawn(move || self.run(&stopped))
            .map_err(StartError::io("starting the keeper's thread"))?;
        Ok((stop, thread))
    }

    fn run(self, stopped: &crossbeam_channel::Receiver<()>) {
        let mut turn = 0;
        while stopped.recv_timeout(EACH) == Err(crossbeam_channel::RecvTimeoutError::Timeout) {
            if self.shared.has_live_work.load(Ordering::Relaxed)
                && let Err(error) = recovery::say_alive(&self.data, self.shared.clock.now())
            {
                tracing::warn!(%error, "the alive file cannot be written");
            }
            if let Some(figures) = telemetry::install() {
                figures.run_upkeep();
            }
            if turn % TRIM_TURNS == 0 {
                self.trim();
            }
            turn += 1;
        }
    }

    /// Aged records go, bit by bit, between the writer's batches.
    fn trim(&self) {
        let now = self.shared.clock.now();
        let streams: Vec<_> = self.shared.accounts.iter().map(|head| head.stream).collect();
        for stream in streams {
            let before = self.shared.readers.with(|reader| -> Result<_, journal::Error> {
                retention::trim_before(reader, stream, self.keep_ms, now)
            });
            match before {
                Ok(Some(before)) => self.writer.trim(stream, before),
                Ok(None) => {}
                Err(error) => tracing::error!(%stream, %error, "aged records cannot be found"),
            }
        }
    }
}
