//! How many connections there may be: each holds a seat; those beyond get a stool on which to be
//! told that there is none, as long as there are stools.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// All places.
pub struct Places {
    seats: Arc<Semaphore>,
    stools: Arc<Semaphore>,
    most: usize,
    turned_away: AtomicU64,
}

/// A connection's place; it is given back with this value.
pub struct Place {
    _permit: OwnedSemaphorePermit,
    is_seat: bool,
}

impl Places {
    /// So many of both.
    pub fn new(seats: usize, stools: usize) -> Places {
        let most = seats.min(Semaphore::MAX_PERMITS);
        let (seats, stools) = (Arc::new(Semaphore::new(most)), Arc::new(Semaphore::new(stools)));
        Places { seats, stools, most, turned_away: AtomicU64::new(0) }
    }

    /// A place for one more; none when there is not even room to say so.
    pub fn take(&self) -> Option<Place> {
        if let Ok(permit) = Arc::clone(&self.seats).try_acquire_owned() {
            metrics::gauge!("callboard_connections").increment(1.0);
            return Some(Place { _permit: permit, is_seat: true });
        }
        metrics::counter!("callboard_connections_refused_total").increment(1);
        self.turned_away.fetch_add(1, Ordering::Relaxed);
        let permit = Arc::clone(&self.stools).try_acquire_owned().ok()?;
        Some(Place { _permit: permit, is_seat: false })
    }

    /// Tells in the log how many were turned away since it last did.
    pub fn tell(&self) {
        let turned_away = self.turned_away.swap(0, Ordering::Relaxed);
        if turned_away > 0 {
            let most = self.most;
            tracing::warn!(turned_away, most, "connections were turned away: too many are open");
        }
    }
}

impl Place {
    /// Whether the connection is to be served.
    pub fn is_seat(&self) -> bool {
        self.is_seat
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_seat {
            metrics::gauge!("callboard_connections").decrement(1.0);
        }
    }
}
