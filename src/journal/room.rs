//! Room on the disk: asked before deciding, so that the engine can refuse work that adds records
//! while ends, answers and log-outs still find a place.

use super::Error;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Below this, in bytes, inputs that add work are refused: 256 MiB.
pub const MIN_FREE: u64 = 256 << 20;

/// Size in bytes of the file that is given up for the last records: 16 MiB.
pub const RESERVE: u64 = 16 << 20;

const RESERVE_FILE: &str = "reserve";

/// The disk is asked at most this often.
const EACH: Duration = Duration::from_secs(1);

type Probe = Box<dyn Fn() -> io::Result<u64> + Send + Sync>;

/// Watches the free bytes of a data folder. Shared: the node asks, the writer's thread refreshes.
pub struct Room {
    reserve: PathBuf,
    min_free: u64,
    probe: Probe,
    free: AtomicU64,
    short: AtomicBool,
    looked_at: Mutex<Option<Instant>>,
}

impl Room {
    /// Watches `dir`, and sets the reserve file aside when there is room for it.
    ///
    /// # Errors
    /// When the folder's disk cannot be asked.
    pub fn watch(dir: &Path, min_free: u64) -> Result<Room, Error> {
        let folder = dir.to_owned();
        Room::with_probe(dir, min_free, Box::new(move || free_bytes(&folder)))
    }

    /// As [`Room::watch`], with another answer to "how many bytes are free?": for tests.
    ///
    /// # Errors
    /// When the probe fails.
    pub fn with_probe(dir: &Path, min_free: u64, probe: Probe) -> Result<Room, Error> {
        let room = Room {
            reserve: dir.join(RESERVE_FILE),
            min_free,
            probe,
            free: AtomicU64::new(0),
            short: AtomicBool::new(false),
            looked_at: Mutex::new(None),
        };
        room.look().map_err(Error::io(format!("asking for free room in {}", dir.display())))?;
        Ok(room)
    }

    /// True when work that adds records must be refused. Costs one load.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.short.load(Ordering::Relaxed)
    }

    /// Free bytes when the disk was last asked, without the reserve.
    #[must_use]
    pub fn free(&self) -> u64 {
        self.free.load(Ordering::Relaxed)
    }

    /// Asks the disk again, when the last answer is a second old at `now`.
    pub fn refresh(&self, now: Instant) {
        let mut looked_at = self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        if looked_at.is_some_and(|then| now.saturating_duration_since(then) < EACH) {
            return;
        }
        *looked_at = Some(now);
        drop(looked_at);
        if let Err(error) = self.look() {
            tracing::warn!(%error, "cannot ask for the disk's free room");
        }
    }

    /// After a write that the disk may be too small for: gives up the reserve at once.
    fn look(&self) -> io::Result<()> {
        let free = (self.probe)()?;
        let short = free < self.min_free;
        if short != self.short.swap(short, Ordering::Relaxed) {
            if short {
                tracing::error!(free, min_free = self.min_free, "the disk is short of room");
            } else {
                tracing::info!(free, "the disk has room again");
            }
        }
        self.free.store(free, Ordering::Relaxed);
        let reserved = self.reserve.exists();
        if reserved && free < RESERVE {
            tracing::error!(free, "the reserve is given up for the last records");
            std::fs::remove_file(&self.reserve)?;
        } else if !reserved && free >= self.min_free.saturating_add(RESERVE) {
            self.set_aside();
        }
        Ok(())
    }

    /// Takes the reserve's blocks. That it fails is no reason to stop.
    fn set_aside(&self) {
        let take = || {
            let file = File::create(&self.reserve)?;
            let flags = rustix::fs::FallocateFlags::empty();
            rustix::fs::fallocate(&file, flags, 0, RESERVE)?;
            file.sync_all()
        };
        if let Err(error) = take() {
            tracing::warn!(%error, "no reserve file");
            let _ = std::fs::remove_file(&self.reserve);
        }
    }
}

/// Bytes free for this process on the disk of `dir`.
fn free_bytes(dir: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(dir)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn the_reserve_goes_for_the_last_records_and_comes_back_with_room() {
        let dir = tempfile::tempdir().expect("a folder");
        let free = Arc::new(AtomicU64::new(1 << 30));
        let asked = Arc::clone(&free);
        let probe = Box::new(move || Ok(asked.load(Ordering::Relaxed)));
        let room = Room::with_probe(dir.path(), MIN_FREE, probe).expect("a room");
        let reserve = dir.path().join(RESERVE_FILE);
        assert_eq!(std::fs::metadata(&reserve).expect("set aside").len(), RESERVE);
        assert!(!room.is_short());

        let look = |bytes: u64| {
            free.store(bytes, Ordering::Relaxed);
            room.look().expect("asked");
            (room.is_short(), reserve.exists())
        };
        assert_eq!(look(MIN_FREE), (false, true));
        assert_eq!(look(MIN_FREE - 1), (true, true));
        assert_eq!(look(RESERVE - 1), (true, false));
        assert_eq!(look(MIN_FREE), (false, false));
        assert_eq!(look(MIN_FREE + RESERVE), (false, true));
    }

    #[test]
    fn the_disk_is_asked_and_not_more_than_once_a_second() {
        let dir = tempfile::tempdir().expect("a folder");
        assert!(free_bytes(dir.path()).expect("asked") > 0);
        let asked = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&asked);
        let probe = Box::new(move || Ok(count.fetch_add(1, Ordering::Relaxed)));
        let room = Room::with_probe(dir.path(), 0, probe).expect("a room");
        #[expect(clippy::disallowed_methods, reason = "only differences matter here")]
        let start = Instant::now();
        for ms in [0, 10, 999, 1000, 1500, 2000] {
            room.refresh(start + Duration::from_millis(ms));
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1 + 3);
    }
}
