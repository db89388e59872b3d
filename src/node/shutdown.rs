//! How a node ends: by order, or because it must.

use tokio::sync::watch;

/// Exit code when the journal failed: the next start finds what is durable.
pub const EXIT_JOURNAL: u8 = 74;

/// Exit code when the program itself is wrong: a panic, or a broken invariant in a debug build.
pub const EXIT_SOFTWARE: u8 = 70;

/// Why the process must end at once, without another answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Fatal {
    /// For the operator.
    pub why: String,
    /// [`EXIT_JOURNAL`] or [`EXIT_SOFTWARE`].
    pub exit_code: u8,
}

/// What a node's life may say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Life {
    /// Takes inputs.
    #[default]
    Running,
    /// Takes no more, and finishes what it has.
    Stopping,
    /// Answers nothing more.
    Failed(Fatal),
}

/// The node's life, told to all who ask.
#[derive(Clone, Debug)]
pub(super) struct LifeLine(watch::Sender<Life>);

impl LifeLine {
    /// Running.
    pub fn new() -> LifeLine {
        LifeLine(watch::channel(Life::Running).0)
    }

    /// Ends the node; only the first reason counts.
    pub fn fail(&self, why: String, exit_code: u8) {
        self.0.send_if_modified(|life| {
            let first = !matches!(life, Life::Failed(_));
            if first {
                tracing::error!(exit_code, "{why}");
                *life = Life::Failed(Fatal { why, exit_code });
            }
            first
        });
    }

    /// Takes no more, unless it has failed already.
    pub fn stop(&self) {
        self.0.send_if_modified(|life| {
            let running = *life == Life::Running;
            if running {
                *life = Life::Stopping;
            }
            running
        });
    }

    /// Tells of each change.
    pub fn watch(&self) -> watch::Receiver<Life> {
        self.0.subscribe()
    }

    /// As it is.
    pub fn now(&self) -> Life {
        self.0.borrow().clone()
    }

    /// Waits for a failure.
    pub async fn failed(&self) -> Fatal {
        let mut life = self.watch();
        loop {
            if let Life::Failed(fatal) = &*life.borrow_and_update() {
                return fatal.clone();
            }
            if life.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
