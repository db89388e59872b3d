//! What the stages of the pipeline run on.
//!
//! Inbox and outbox are tasks beside those of the connections: a request is then decided by the
//! worker that has read it, without waking another thread. The boards have a thread with timers of
//! its own: a frame of a large floor takes milliseconds, in which a worker would do nothing else.
//!
//! Threads for what is behind the replies step back for those that take calls when processors are
//! short; whatever nobody else wants they have in full.

use crate::node::recovery::StartError;
use crate::node::shared::Shared;
use crate::node::shutdown::EXIT_SOFTWARE;
use std::sync::Arc;
use std::thread::JoinHandle;
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

    /// Runs it on a thread of its own, behind the replies.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn thread(
        behind: Behind,
        shared: &Arc<Shared>,
        run: impl Future<Output = ()> + Send + 'static,
    ) -> Result<Stage, StartError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(StartError::io("starting a thread's timers"))?;
        let (run, stage) = guarded(shared, run);
        behind.spawn(move || runtime.block_on(run))?;
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

/// What a thread does, from what is waited for most.
#[derive(Clone, Copy)]
pub(super) enum Behind {
    /// Frames of dashboards, some times a second.
    Boards,
    /// The figures that dashboards, alerts and requests ask for.
    Figures,
    /// The history, seconds later.
    History,
    /// Snapshots, which nobody waits for.
    Snapshots,
}

impl Behind {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn spawn(self, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StartError> {
        let run = move || {
            self.step_back();
            run();
        };
        std::thread::Builder::new()
            .name(self.name().to_owned())
            .spawn(run)
            .map_err(StartError::io(format!("starting the thread of {}", self.name())))
    }

    fn name(self) -> &'static str {
        match self {
            Behind::Boards => "boards",
            Behind::Figures => "figures",
            Behind::History => "history",
            Behind::Snapshots => "snapshots",
        }
    }

    /// Where the system can do that for one thread.
    fn step_back(self) {
        // The “nice” value: with each step it has a fifth less of what others want, too.
        #[cfg(target_os = "linux")]
        if let Err(error) = rustix::process::nice(match self {
            Behind::Boards => 5,
            Behind::Figures => 10,
            Behind::History => 15,
            Behind::Snapshots => 19,
        }) {
            tracing::warn!(%error, thread = self.name(), "a thread keeps the priority of the rest");
        }
    }
}
