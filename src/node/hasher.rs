//! Hashes passwords: on threads that may block, a few at a time (each takes 19 MiB and tens of
//! milliseconds), with a bounded line before them.

use crate::access::password::{self, SALT};
use crate::access::secret;
use crate::domain::problem::Problem;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;

/// At a time.
const AT_ONCE: usize = 2;
/// At a time and in the line.
const MOST: usize = 128;

pub(super) struct Hasher {
    free: Semaphore,
    under_way: AtomicUsize,
}

impl Default for Hasher {
    fn default() -> Hasher {
        Hasher { free: Semaphore::new(AT_ONCE), under_way: AtomicUsize::new(0) }
    }
}

/// One in the line; it leaves when it is dropped.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Hasher {
    /// The hash of a new password.
    ///
    /// # Errors
    /// 503 `overloaded`; 500 when the machine gives no memory or random bytes.
    pub async fn hash(&self, password: String) -> Result<String, Problem> {
        let salt = secret::entropy::<SALT>().map_err(|error| failed(&error))?;
        self.run(move || password::hash(&password, salt)).await?.map_err(|error| failed(&error))
    }

    /// The first of `hashes` that is the password's. Where there is none, it takes as long as for
    /// one that is another's.
    ///
    /// # Errors
    /// As [`Hasher::hash`].
    pub async fn find(
        &self,
        password: String,
        hashes: Vec<String>,
    ) -> Result<Option<usize>, Problem> {
        self.run(move || {
            if hashes.is_empty() {
                std::hint::black_box(password::is_right(&password, None));
            }
            hashes.iter().position(|hash| password::is_right(&password, Some(hash)))
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let before = self.under_way.fetch_add(1, Ordering::AcqRel);
        let _place = Place(&self.under_way);
        if before >= MOST {
            let detail = "too many sign in at once; try again a little later";
            return Err(Problem {
                retry_after: Some(2),
                ..Problem::new(503, "overloaded", detail)
            });
        }
        let _turn = self.free.acquire().await.map_err(|error| failed(&error))?;
        tokio::task::spawn_blocking(work).await.map_err(|error| failed(&error))
    }
}

fn failed(error: &dyn std::fmt::Display) -> Problem {
    tracing::error!(%error, "a password could not be hashed");
    Problem::new(500, "internal", "the password could not be hashed; see the node's log")
}
