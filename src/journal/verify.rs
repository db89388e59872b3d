//! Reads a whole journal and says in words what it found. Changes nothing; a running server does not
//! mind.

use super::sqlite::files::{self, HIGH, LOG, SNAPSHOTS};
use super::sqlite::{check, rows, schema};
use super::{Error, StreamId};
use crate::domain::time::Millis;
use rusqlite::Connection;
use std::fmt;
use std::path::Path;

/// What [`verify`] found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The format of the file.
    pub format: i64,
    /// The journal's epoch.
    pub epoch: String,
    /// Each stream, in order of number.
    pub streams: Vec<StreamReport>,
    /// Values in the vault.
    pub values: u64,
    /// What is wrong, one sentence each; empty when all is well.
    pub problems: Vec<String>,
}

/// One stream's part of a [`Report`].
#[derive(Clone, Debug)]
pub struct StreamReport {
    /// Its number.
    pub stream: StreamId,
    /// Sequence of the oldest record kept.
    pub oldest: u64,
    /// Sequence of the last record.
    pub head: u64,
    /// Records read and found right.
    pub records: u64,
    /// When the first and the last record kept were decided.
    pub times: Option<(Millis, Millis)>,
    /// Sequences of the snapshots that check out, newest first.
    pub snapshots: Vec<u64>,
}

impl Report {
    /// True when nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Checks the journal in a data folder, or a copy made by [`super::backup::backup`]: SQLite's own
/// check, every record's checksum, sequence and time, every snapshot and value, `high.seq`.
///
/// # Errors
/// When there is nothing that could be checked: no such file, not a journal, a newer format.
pub fn verify(path: &Path) -> Result<Report, Error> {
    let folder = path.is_dir();
    let log_path = if folder { path.join(LOG) } else { path.to_owned() };
    if !log_path.exists() {
        let missing = "there is no such file";
        let missing = std::io::Error::new(std::io::ErrorKind::NotFound, missing);
        return Err(Error::io(format!("reading {}", log_path.display()))(missing));
    }
    let mut report = Report::default();
    let log = schema::open_reading(&log_path)?;
    report.format = log.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let snapshots = match (folder, path.join(SNAPSHOTS)) {
        (true, path) if path.exists() => Some(schema::open_reading(&path)?),
        (true, _) => None,
        (false, _) => Some(schema::open_reading(&log_path)?),
    };
    // Snapshots are begun first, so that none of them can be later than the log that is read.
    for db in snapshots.iter().chain([&log]) {
        db.execute_batch("BEGIN; SELECT count(*) FROM meta;")?;
    }
    let mut run = Run { log: &log, snapshots: snapshots.as_ref(), report };
    run.file("the log", &log);
    if let Some(db) = snapshots.as_ref().filter(|_| folder) {
        run.file("the snapshots", db);
    }
    let streams = run.streams();
    run.note(streams);
    let values = run.values();
    run.note(values);
    if folder {
        let high = run.high(path);
        run.note(high);
    }
    Ok(run.report)
}

struct Run<'a> {
    log: &'a Connection,
    snapshots: Option<&'a Connection>,
    report: Report,
}

impl Run<'_> {
    fn note(&mut self, result: Result<(), Error>) {
        if let Err(error) = result {
            self.report.problems.push(error.to_string());
        }
    }

    fn file(&mut self, what: &str, db: &Connection) {
        if let Err(error) = check::sqlite_check(db, "integrity_check") {
            self.report.problems.push(format!("{what}: {error}"));
        }
    }

    fn streams(&mut self) -> Result<(), Error> {
        self.report.epoch = schema::meta(self.log, "epoch")?.unwrap_or_default();
        for (stream, head) in rows::heads(self.log)?.iter() {
            let oldest = rows::oldest(self.log, stream)?;
            let mut found = StreamReport {
                stream,
                oldest,
                head: head.seq,
                records: 0,
                times: None,
                snapshots: Vec::new(),
            };
            let records = self.records(&mut found);
            self.note(records);
            let snapshots = self.stream_snapshots(&mut found);
            self.note(snapshots);
            self.report.streams.push(found);
        }
        Ok(())
    }

    /// Every record of a stream; after damage it goes on with the next, so that all is told.
    fn records(&mut self, found: &mut StreamReport) -> Result<(), Error> {
        let stream = found.stream;
        let mut select = self
            .log
            .prepare("SELECT id, at, crc, body FROM log WHERE id >= ?1 AND id <= ?2 ORDER BY id")?;
        let mut rows = select.query([schema::key(stream, 0), schema::key_end(stream)])?;
        let mut follow = rows::Follow::after(stream, found.oldest.saturating_sub(1));
        while let Some(row) = rows.next()? {
            let (id, at): (i64, i64) = (row.get(0)?, row.get(1)?);
            let body = row.get_ref(3)?.as_blob().unwrap_or_default();
            match follow.check(id, at, row.get(2)?, body) {
                Ok(_) => found.records += 1,
                Err(error) => {
                    self.report.problems.push(error.to_string());
                    follow = rows::Follow::after(stream, schema::unkey(id)?.1);
                }
            }
            let first = found.times.map_or(Millis(at), |(first, _)| first);
            found.times = Some((first, Millis(at)));
        }
        Ok(())
    }

    fn stream_snapshots(&mut self, found: &mut StreamReport) -> Result<(), Error> {
        let stream = found.stream;
        let mut reaching = found.oldest <= 1;
        if let Some(db) = self.snapshots {
            for listed in rows::snapshots(db, stream)? {
                if listed.seq > found.head {
                    self.report.problems.push(format!(
                        "stream {stream}: a snapshot knows record {}, the log ends at {}",
                        listed.seq, found.head
                    ));
                }
                match rows::snapshot(db, stream, listed.seq) {
                    Ok(_) => {
                        reaching |= listed.seq + 1 >= found.oldest;
                        found.snapshots.push(listed.seq);
                    }
                    Err(error) => self.report.problems.push(error.to_string()),
                }
            }
        }
        if !reaching {
            self.report.problems.push(format!(
                "stream {stream}: records before {} were trimmed and no sound snapshot replaces them",
                found.oldest
            ));
        }
        Ok(())
    }

    fn values(&mut self) -> Result<(), Error> {
        let mut all = self.log.prepare("SELECT stream, key, crc, value FROM vault")?;
        let mut rows = all.query([])?;
        while let Some(row) = rows.next()? {
            let stream = StreamId(row.get(0)?);
            let key = schema::unsigned(row.get(1)?, "vault key")?;
            let value: String = row.get(3)?;
            if i64::from(schema::vault_crc(stream, key, &value)) != row.get::<_, i64>(2)? {
                let problem = format!("value {key} of stream {stream}: wrong checksum");
                self.report.problems.push(problem);
            }
            self.report.values += 1;
        }
        Ok(())
    }

    fn high(&mut self, dir: &Path) -> Result<(), Error> {
        let Some(high) = files::read_high(dir)? else { return Ok(()) };
        if schema::meta(self.log, "journal")?.as_deref() != Some(high.journal.as_str()) {
            self.report.problems.push(format!("{HIGH} belongs to another journal"));
        }
        for (stream, known) in high.heads {
            // Asked anew: a checkpoint may have noted more since the log's reading began.
            let head = rows::head(&schema::open_reading(&dir.join(LOG))?, stream)?;
            if known > head {
                self.report.problems.push(format!(
                    "stream {stream}: {HIGH} knows record {known}, the log ends at {head}"
                ));
            }
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "format {}, epoch {}", self.format, self.epoch)?;
        for found in &self.streams {
            write!(f, "stream {}: {} records", found.stream, found.records)?;
            write!(f, " ({} to {})", found.oldest, found.head)?;
            if let Some((first, last)) = found.times {
                write!(f, ", {first} to {last}")?;
            }
            match found.snapshots.as_slice() {
                [] => writeln!(f, ", no snapshot")?,
                [one] => writeln!(f, ", a snapshot at {one}")?,
                [newest, rest @ ..] => writeln!(f, ", snapshots at {newest} and {rest:?}")?,
            }
        }
        writeln!(f, "vault: {} values", self.values)?;
        if self.is_sound() {
            return write!(f, "sound: every record, snapshot and value checks out");
        }
        for problem in &self.problems {
            writeln!(f, "PROBLEM: {problem}")?;
        }
        write!(f, "not sound: {} problems", self.problems.len())
    }
}
