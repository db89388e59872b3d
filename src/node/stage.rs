//! Threads for the stages of the pipeline.
//!
//! Each is an async loop on a thread of its own, with timers of its own: the system then shares the
//! processors between them, where tasks of one runtime would wait until a long one gives way. What
//! a stage starts besides (deliveries to webhooks) belongs to the runtime in which the node started.

use crate::node::recovery::StartError;
use crate::node::shared::Shared;
use crate::node::shutdown::EXIT_SOFTWARE;
use std::sync::Arc;
use tokio::sync::oneshot;

/// A stage that runs.
pub(super) struct Stage(oneshot::Receiver<()>);

/// It panicked; the node has failed.
#[derive(Debug, thiserror::Error)]
#[error("a stage of the pipeline panicked")]
pub(super) struct Panicked;

impl Stage {
    /// Gives the loop its thread. One that panics takes the node with it.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn spawn(
        name: &str,
        shared: &Arc<Shared>,
        run: impl Future<Output = ()> + Send + 'static,
    ) -> Result<Stage, StartError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(StartError::io(format!("starting the timers of the {name}'s thread")))?;
        let (done, ended) = oneshot::channel();
        let guard = Guard(Arc::clone(shared));
        let work = move || {
            let _guard = guard;
            runtime.block_on(run);
            // Without a node nobody waits for it.
            let _ = done.send(());
        };
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(work)
            .map_err(StartError::io(format!("starting the {name}'s thread")))?;
        Ok(Stage(ended))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it panicked.
    pub async fn ended(self) -> Result<(), Panicked> {
        self.0.await.map_err(|_| Panicked)
    }
}

struct Guard(Arc<Shared>);

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.life.fail("a stage of the pipeline panicked".to_owned(), EXIT_SOFTWARE);
        }
    }
}
