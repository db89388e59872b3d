//! The files of a data folder: the lock, `high.seq`, and writing a small file so that it is either
//! the old one or the new one.

use crate::journal::heads::Heads;
use crate::journal::{Error, StreamId};
use std::fmt::Write as _;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The log.
pub const LOG: &str = "journal.db";
/// The newest two snapshots of each stream: a file of its own, so that writing a large one never
/// makes a commit wait.
pub const SNAPSHOTS: &str = "snapshots.db";
/// The heads as of the last checkpoint or clean stop: a witness against a log that became shorter.
pub const HIGH: &str = "high.seq";
const LOCK: &str = "lock";

/// Makes a folder, and those above it, that only its owner may enter: personal values and hashes of
/// secrets stand in it. One that is there stays as it is.
pub fn make_folder(dir: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Makes an empty file that only its owner may read, for a database to be written into.
pub fn make_private(path: &Path) -> std::io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map(drop)
}

/// Holds the folder for this process until dropped.
pub struct FolderLock(
    #[expect(dead_code, reason = "held open: the lock is the descriptor's")] File,
);

impl FolderLock {
    /// # Errors
    /// [`Error::Locked`] when another process holds it; [`Error::Io`].
    pub fn take(dir: &Path) -> Result<FolderLock, Error> {
        let path = dir.join(LOCK);
        let doing = || format!("locking {}", path.display());
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(Error::io(doing()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                // Read for the message only: an unreadable lock file is still a lock.
                let _ = file.read_to_string(&mut pid);
                let by = match pid.trim() {
                    "" => "another process".to_owned(),
                    pid => format!("process {pid}"),
                };
                return Err(Error::Locked { dir: dir.to_owned(), by });
            }
            Err(TryLockError::Error(source)) => return Err(Error::io(doing())(source)),
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(Error::io(doing()))?;
        Ok(FolderLock(file))
    }
}

/// What `high.seq` says.
#[derive(Debug, PartialEq, Eq)]
pub struct High {
    /// The identity of the journal it was written beside.
    pub journal: String,
    /// The last durable sequence of each stream at that time.
    pub heads: Vec<(StreamId, u64)>,
}

const HIGH_FIRST_LINE: &str = "callboard high.seq 1";

/// Writes `high.seq`: durable on return, and never half a file.
pub fn write_high(dir: &Path, journal: &str, heads: &Heads) -> Result<(), Error> {
    let mut text = format!("{HIGH_FIRST_LINE}\njournal {journal}\n");
    for (stream, head) in heads.iter() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{stream} {}", head.seq);
    }
    let _ = writeln!(text, "crc {:08x}", crc32fast::hash(text.as_bytes()));
    replace(&dir.join(HIGH), text.as_bytes())
}

/// Reads `high.seq`; `None` when there is no such file.
pub fn read_high(dir: &Path) -> Result<Option<High>, Error> {
    let path = dir.join(HIGH);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io(format!("reading {}", path.display()))(error)),
    };
    parse_high(&bytes).map(Some).ok_or_else(|| {
        Error::damaged(
            "the file does not check out; when `verify` finds the log whole, delete it",
            path.display().to_string(),
        )
    })
}

fn parse_high(bytes: &[u8]) -> Option<High> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (body, crc) = text.trim_end_matches('\n').rsplit_once("\ncrc ")?;
    let sum = crc32fast::hash(&bytes[..=body.len()]);
    if u32::from_str_radix(crc, 16).ok()? != sum {
        return None;
    }
    let mut lines = body.lines();
    if lines.next()? != HIGH_FIRST_LINE {
        return None;
    }
    let journal = lines.next()?.strip_prefix("journal ")?.to_owned();
    let heads = lines
        .map(|line| {
            let (stream, seq) = line.split_once(' ')?;
            Some((StreamId(stream.parse().ok()?), seq.parse().ok()?))
        })
        .collect::<Option<Vec<_>>>()?;
    Some(High { journal, heads })
}

/// Puts `bytes` in place of `path` by way of a second file, both synced.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let write = || {
        let mut file = File::create(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        rename_synced(&new, path)
    };
    write().map_err(Error::io(format!("writing {}", path.display())))
}

/// Renames a file and syncs its folder, so that the new name survives a power cut.
pub fn rename_synced(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::rename(from, to)?;
    match to.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => File::open(dir)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// Syncs the folder itself: files made in it keep their names through a power cut.
pub fn sync_folder(dir: &Path) -> Result<(), Error> {
    File::open(dir)
        .and_then(|folder| folder.sync_all())
        .map_err(Error::io(format!("syncing the folder {}", dir.display())))
}

/// Removes a database file with its WAL and shared memory; those that are not there do not matter.
pub fn remove_database(path: &Path) -> Result<(), Error> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match std::fs::remove_file(&name) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io(format!("removing {}", Path::new(&name).display()))(error));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Millis;
    use crate::journal::heads::Head;

    #[test]
    fn high_seq_reads_as_written_and_not_when_a_byte_differs() {
        let dir = tempfile::tempdir().expect("a folder");
        assert_eq!(read_high(dir.path()).expect("no file"), None);
        let mut heads = Heads::default();
        heads.set(StreamId(0), Head { seq: 7, at: Millis(1) });
        heads.set(StreamId(12), Head { seq: 900, at: Millis(1) });
        write_high(dir.path(), "abc", &heads).expect("written");
        let high = read_high(dir.path()).expect("read").expect("a file");
        assert_eq!(high.journal, "abc");
        assert_eq!(high.heads, [(StreamId(0), 7), (StreamId(12), 900)]);

        let path = dir.path().join(HIGH);
        let whole = std::fs::read(&path).expect("read");
        for place in 0..whole.len() - 1 {
            let mut bytes = whole.clone();
            bytes[place] ^= 0x10;
            assert_ne!(parse_high(&bytes), parse_high(&whole), "byte {place}");
        }
    }
}
