//! What the stages of the pipeline run on.
//!
//! Inbox and outbox are tasks beside those of the connections: a request is then decided by the
//! worker that has read it, without waking another thread. The boards have a thread with timers of
//! its own: a frame of a large floor takes milliseconds, in which a worker would do nothing else.

use crate::node::recovery::StartError;
use crate::node::shared::Shared;
use crate::node::shutdown::EXIT_SOFTWARE;
use std::sync::Arc;
use tokio::sync::oneshot;

/// A stage that runs. One that panics takes the node with it.
pub(super) struct Stage(oneshot::Receiver<()>);

/// It panicked; the node has failed.
#[derive(Debug, thiserror::Error)]
#[error("a stage of the pipeline panicked")]
pub(super) struct Panicked;

impl Stage {
    /// Runs a loop as a task of the runtime.
    pub fn task(shared: &Arc<Shared>, run: impl Future<Output = ()> + Send + 'static) -> Stage {
        let (run, stage) = guarded(shared, run);
        tokio::spawn(run);
        stage
    }

    /// Runs it on a thread of its own.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn thread(
        name: &str,
        shared: &Arc<Shared>,
        run: impl Future<Output = ()> + Send + 'static,
    ) -> Result<Stage, StartError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(StartError::io(format!("starting the timers of the thread of {name}")))?;
        let (run, stage) = guarded(shared, run);
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || runtime.block_on(run))
            .map_err(StartError::io(format!("starting the thread of {name}")))?;
        Ok(stage)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it panicked.
    pub async fn ended(self) -> Result<(), Panicked> {
        self.0.await.map_err(|_| Panicked)
    }
}

fn guarded(
    shared: &Arc<Shared>,
    run: impl Future<Output = ()> + Send + 'static,
) -> (impl Future<Output = ()> + Send + 'static, Stage) {
    let (done, ended) = oneshot::channel();
    let guard = Guard(Arc::clone(shared));
    let run = async move {
        let _guard = guard;
        run.await;
        // Without a node nobody waits for it.
        let _ = done.send(());
    };
    (run, Stage(ended))
}

struct Guard(Arc<Shared>);

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.life.fail("a stage of the pipeline panicked".to_owned(), EXIT_SOFTWARE);
        }
    }
}
