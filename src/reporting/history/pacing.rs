//! The history's pages reach the disk bit by bit: the journal's next sync, and with it every reply,
//! waits behind whatever another sync carries to the same disk.

use super::Error;
use rusqlite::Connection;
use rusqlite::hooks::Wal;
use std::ffi::{OsString, c_int};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// What SQLite holds of a transaction before it writes it into the log, KiB.
const HELD_KIB: i64 = 16 * 1024;

/// Steps of SQLite between two syncs of the log: some hundred rows, which are about a megabyte.
const STEPS: c_int = 30_000;

/// Pages of the log (4 KiB each) after which they are moved into the file: 64 MiB.
const MOVED_AT: c_int = 16_000;

/// Time between two syncs of the file while pages are moved into it.
const MOVING: Duration = Duration::from_millis(2);

/// Has what is written go to the disk meanwhile, so that little is left for the sync at its end.
///
/// # Errors
/// [`Error::Sqlite`].
pub(super) fn bit_by_bit(db: &mut Connection, path: &Path) -> Result<(), Error> {
    db.pragma_update(None, "cache_size", -HELD_KIB)?;
    let mut log = Synced::new(beside(path, "-wal"));
    let go_on = move || {
        log.sync();
        false
    };
    db.progress_handler(STEPS, Some(go_on))?;
    let mut file = Synced::new(path.to_owned());
    let committed = move |log: &mut Wal, pages: c_int| {
        if pages >= MOVED_AT {
            move_pages(log, &mut file);
        }
        Ok(())
    };
    Ok(db.wal_hook(Some(committed))?)
}

/// From the log into the file, as far as no reader is in the way. When it fails the log only grows,
/// and the next commit tries again.
fn move_pages(log: &mut Wal, file: &mut Synced) {
    std::thread::scope(|scope| {
        let (moving, moved) = channel::<()>();
        scope.spawn(move || {
            while moved.recv_timeout(MOVING) == Err(RecvTimeoutError::Timeout) {
                file.sync();
            }
        });
        _ = log.checkpoint();
        drop(moving);
    });
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// A file of the history, synced ahead of SQLite's own syncs: only those tell that something is
/// durable, and of a disk that fails.
struct Synced {
    path: PathBuf,
    /// From when it was first there.
    file: Option<File>,
}

impl Synced {
    fn new(path: PathBuf) -> Synced {
        Synced { path, file: None }
    }

    fn sync(&mut self) {
        if self.file.is_none() {
            self.file = File::open(&self.path).ok();
        }
        if let Some(file) = &self.file {
            _ = file.sync_data();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::*;

    #[test]
    fn a_long_transaction_is_in_the_log_before_its_end_and_in_the_file_after_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(schema::FILE);
        let db = schema::open_writing(&path).expect("a file");
        let size = |path: &Path| path.metadata().map_or(0, |data| data.len());
        let (log, before) = (beside(&path, "-wal"), size(&path));
        db.execute_batch("BEGIN").expect("begun");
        let mut put = db
            .prepare("INSERT INTO history_meta (name, value) VALUES (?1, hex(zeroblob(500)))")
            .expect("a statement");
        for no in 0..80_000 {
            put.execute([format!("row {no:06}")]).expect("put");
        }
        let written = size(&log);
        drop(put);
        db.execute_batch("COMMIT").expect("committed");
        let all = size(&log);
        let held = u64::try_from(HELD_KIB).expect("a size") * 1_024;
        assert!(all > 64 << 20, "{all} bytes");
        assert!(all - written < 2 * held, "{written} of {all} bytes were written before the end");
        assert!(size(&path) > before + (64 << 20), "what is committed was moved");
    }
}
