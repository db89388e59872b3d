//! The reading end: its own connection to the log, and one to the snapshots.

use super::files::{LOG, SNAPSHOTS};
use super::{rows, schema};
use crate::domain::time::Millis;
use crate::journal::{Error, Reader, Record, SNAPSHOTS_KEPT, SnapshotAt, StreamId};
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use std::path::Path;

pub(super) struct SqliteReader {
    log: Connection,
    snapshots: Connection,
}

impl SqliteReader {
    /// Opens both files of a journal that is open for writing in this process.
    pub fn open(dir: &Path) -> Result<SqliteReader, Error> {
        let snapshots = schema::open_writing(&dir.join(SNAPSHOTS), schema::Kind::Snapshots, None)?;
        schema::checkpoint_on_close(&snapshots)?;
        Ok(SqliteReader { log: schema::open_reading(&dir.join(LOG))?, snapshots })
    }
}

impl Reader for SqliteReader {
    fn read(
        &mut self,
        stream: StreamId,
        after: u64,
        limit: usize,
        into: &mut Vec<Record>,
    ) -> Result<usize, Error> {
        rows::read(&self.log, stream, after, limit, into)
    }

    fn streams(&mut self) -> Result<Vec<StreamId>, Error> {
        Ok(rows::heads(&self.log)?.streams())
    }

    fn oldest(&mut self, stream: StreamId) -> Result<u64, Error> {
        rows::oldest(&self.log, stream)
    }

    fn head(&mut self, stream: StreamId) -> Result<u64, Error> {
        rows::head(&self.log, stream)
    }

    fn first_since(&mut self, stream: StreamId, at: Millis) -> Result<u64, Error> {
        let (mut low, mut high) = (self.oldest(stream)?, self.head(stream)? + 1);
        // Times never decrease, sequences have no gaps: halve until they meet.
        while low < high {
            let middle = low + (high - low) / 2;
            match rows::time_of(&self.log, stream, middle)? {
                Some(time) if time >= at => high = middle,
                // Not there: trimmed meanwhile, so older than all that is kept.
                _ => low = middle + 1,
            }
        }
        Ok(low)
    }

    fn snapshots(&mut self, stream: StreamId) -> Result<Vec<SnapshotAt>, Error> {
        rows::snapshots(&self.snapshots, stream)
    }

    fn snapshot(&mut self, stream: StreamId, seq: u64) -> Result<Bytes, Error> {
        rows::snapshot(&self.snapshots, stream, seq)
    }

    fn put_snapshot(
        &mut self,
        stream: StreamId,
        seq: u64,
        at: Millis,
        body: &[u8],
    ) -> Result<(), Error> {
        let head = self.head(stream)?;
        if seq > head {
            return Err(Error::Sequence { stream, expected: head, found: seq });
        }
        let crc = schema::crc(stream, seq, at, body);
        let tx = self.snapshots.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute(
            "INSERT OR REPLACE INTO snapshot (stream, seq, at, crc, body) VALUES (?1, ?2, ?3, ?4, ?5)",
            (stream.0, schema::signed(seq), at.0, crc, body),
        )?;
        tx.execute(
            "DELETE FROM snapshot WHERE stream = ?1 AND seq NOT IN
             (SELECT seq FROM snapshot WHERE stream = ?1 ORDER BY seq DESC LIMIT ?2)",
            (stream.0, schema::signed(SNAPSHOTS_KEPT as u64)),
        )?;
        tx.commit()?;
        Ok(())
    }

    fn vault(&mut self, stream: StreamId, key: u64) -> Result<Option<String>, Error> {
        let mut find = self
            .log
            .prepare_cached("SELECT crc, value FROM vault WHERE stream = ?1 AND key = ?2")?;
        let row: Option<(i64, String)> = find
            .query_row((stream.0, schema::signed(key)), |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        row.map(|(crc, value)| checked(stream, key, crc, value)).transpose()
    }

    fn vault_all(
        &mut self,
        stream: StreamId,
        each: &mut dyn FnMut(u64, String),
    ) -> Result<(), Error> {
        let mut all = self
            .log
            .prepare_cached("SELECT key, crc, value FROM vault WHERE stream = ?1 ORDER BY key")?;
        let mut rows = all.query([stream.0])?;
        while let Some(row) = rows.next()? {
            let key = schema::unsigned(row.get(0)?, "vault key")?;
            each(key, checked(stream, key, row.get(1)?, row.get(2)?)?);
        }
        Ok(())
    }
}

fn checked(stream: StreamId, key: u64, crc: i64, value: String) -> Result<String, Error> {
    if i64::from(schema::vault_crc(stream, key, &value)) == crc {
        Ok(value)
    } else {
        Err(Error::damaged("wrong checksum", format!("value {key} of stream {stream}")))
    }
}
