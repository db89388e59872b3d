//! Reading the log: heads, records one after another, each checked.

use super::schema::{crc, key, key_end, signed, unkey, unsigned};
use crate::domain::time::Millis;
use crate::journal::heads::{Head, Heads};
use crate::journal::{Error, MAX_STREAM, Record, SnapshotAt, StreamId};
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension};

/// The last record of every stream: one look-up per stream, from the end.
pub fn heads(db: &Connection) -> Result<Heads, Error> {
    let mut heads = Heads::default();
    let mut below = i64::MAX;
    let mut last =
        db.prepare_cached("SELECT id, at FROM log WHERE id < ?1 ORDER BY id DESC LIMIT 1")?;
    while let Some((id, at)) = last
        .query_row([below], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))
        .optional()?
    {
        let (stream, seq) = unkey(id)?;
        if stream.0 > MAX_STREAM || seq == 0 {
            return Err(Error::damaged(format!("row key {id}"), "table log"));
        }
        heads.set(stream, Head { seq, at: Millis(at) });
        below = key(stream, 0);
    }
    Ok(heads)
}

/// Sequence of the stream's last record, 0 when it has none.
pub fn head(db: &Connection, stream: StreamId) -> Result<u64, Error> {
    let mut last = db
        .prepare_cached("SELECT id FROM log WHERE id > ?1 AND id <= ?2 ORDER BY id DESC LIMIT 1")?;
    let id: Option<i64> =
        last.query_row([key(stream, 0), key_end(stream)], |row| row.get(0)).optional()?;
    id.map_or(Ok(0), |id| unkey(id).map(|(_, seq)| seq))
}

/// Sequence of the oldest record that should be there: what the last trim noted, else 1.
pub fn oldest(db: &Connection, stream: StreamId) -> Result<u64, Error> {
    let mut noted = db.prepare_cached("SELECT oldest FROM trimmed WHERE stream = ?1")?;
    let oldest: Option<i64> = noted.query_row([stream.0], |row| row.get(0)).optional()?;
    oldest.map_or(Ok(1), |seq| unsigned(seq, "oldest sequence"))
}

/// When the record was decided; `None` when it is not there.
pub fn time_of(db: &Connection, stream: StreamId, seq: u64) -> Result<Option<Millis>, Error> {
    let mut time = db.prepare_cached("SELECT at FROM log WHERE id = ?1")?;
    Ok(time.query_row([key(stream, seq)], |row| row.get(0)).optional()?.map(Millis))
}

/// The stream's snapshots, newest first.
pub fn snapshots(db: &Connection, stream: StreamId) -> Result<Vec<SnapshotAt>, Error> {
    let mut list =
        db.prepare_cached("SELECT seq, at FROM snapshot WHERE stream = ?1 ORDER BY seq DESC")?;
    let mut rows = list.query([stream.0])?;
    let mut snapshots = Vec::new();
    while let Some(row) = rows.next()? {
        let seq = unsigned(row.get(0)?, "snapshot's sequence")?;
        snapshots.push(SnapshotAt { seq, at: Millis(row.get(1)?) });
    }
    Ok(snapshots)
}

/// The streams that have snapshots.
pub fn snapshot_streams(db: &Connection) -> Result<Vec<StreamId>, Error> {
    let mut list = db.prepare_cached("SELECT DISTINCT stream FROM snapshot ORDER BY stream")?;
    let streams = list.query_map([], |row| row.get(0).map(StreamId))?;
    Ok(streams.collect::<Result<_, _>>()?)
}

/// The body of a snapshot, checked.
pub fn snapshot(db: &Connection, stream: StreamId, seq: u64) -> Result<Bytes, Error> {
    let mut find =
        db.prepare_cached("SELECT at, crc, body FROM snapshot WHERE stream = ?1 AND seq = ?2")?;
    let mut rows = find.query((stream.0, signed(seq)))?;
    let Some(row) = rows.next()? else {
        return Err(Error::NoSnapshot { stream, seq });
    };
    let at = Millis(row.get(0)?);
    let sum: i64 = row.get(1)?;
    let body = row.get_ref(2)?.as_blob().map_err(|error| {
        Error::damaged(error.to_string(), format!("snapshot {seq} of stream {stream}"))
    })?;
    if i64::from(crc(stream, seq, at, body)) != sum {
        let place = format!("snapshot {seq} of stream {stream}");
        return Err(Error::damaged("wrong checksum", place));
    }
    Ok(Bytes::copy_from_slice(body))
}

/// Checks that records follow one another. Made for one stream, or for all in order.
pub struct Follow {
    stream: StreamId,
    seq: u64,
    at: Millis,
}

impl Follow {
    /// The next record must be the one after `seq` of `stream`.
    pub fn after(stream: StreamId, seq: u64) -> Follow {
        Follow { stream, seq, at: Millis(i64::MIN) }
    }

    /// Checks one row: its place in the sequence, its time, its checksum.
    pub fn check(&mut self, id: i64, at: i64, sum: i64, body: &[u8]) -> Result<u64, Error> {
        let (stream, seq) = unkey(id)?;
        let at = Millis(at);
        let place = || format!("record {seq} of stream {stream}");
        if stream != self.stream || seq != self.seq + 1 {
            let what = format!("a gap after record {} of stream {}", self.seq, self.stream);
            return Err(Error::damaged(what, place()));
        }
        if i64::from(crc(stream, seq, at, body)) != sum {
            return Err(Error::damaged("wrong checksum", place()));
        }
        if at < self.at {
            return Err(Error::damaged("its time is before that of the record before", place()));
        }
        self.seq = seq;
        self.at = at;
        Ok(seq)
    }
}

/// Reads at most `limit` records after `after` into `into`.
pub fn read(
    db: &Connection,
    stream: StreamId,
    after: u64,
    limit: usize,
    into: &mut Vec<Record>,
) -> Result<usize, Error> {
    let mut select = db.prepare_cached(
        "SELECT id, at, crc, body FROM log WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = select.query((key(stream, after), key_end(stream), limit))?;
    let mut follow = Follow::after(stream, after);
    let before = into.len();
    while let Some(row) = rows.next()? {
        let (id, at, sum): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let body = row
            .get_ref(3)?
            .as_blob()
            .map_err(|error| Error::damaged(error.to_string(), format!("row {id} of table log")))?;
        match follow.check(id, at, sum, body) {
            Ok(seq) => into.push(Record {
                stream,
                seq,
                at: Millis(at),
                body: Bytes::copy_from_slice(body),
            }),
            Err(error) => {
                // A reader that fell behind the trim is no damage.
                let oldest = oldest(db, stream)?;
                let first = into.len() == before;
                let trimmed = first && after + 1 < oldest;
                return Err(if trimmed { Error::Trimmed { stream, oldest } } else { error });
            }
        }
    }
    Ok(into.len() - before)
}
