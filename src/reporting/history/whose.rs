//! Which calls were with whom, packed: a row holds the calls that entered a queue, were offered or were
//! over for it, or were offered to an agent or over with one, within one quarter of an hour. With it what
//! is asked of a queue or agent is found among the rows of calls; an index of each of their tables would
//! cost more than the rows.

use super::Error;
use super::codes::{put, take};
use super::read::Look;
use super::schema::{signed, unsigned};
use super::spans::{ROW_MS, row_of};
use rusqlite::{Connection, OptionalExtension, Row};

/// A call that was with a subject in a row's time: the subject, the row's beginning, the call's id.
pub type With = (i64, i64, i64);

/// Bits of a call's id below its ms.
const BELOW_MS: u32 = 20;
/// Calls that are gone through at once.
const AT_ONCE: i64 = 50_000;

/// Ids that ascend: of each how many ms after the one before it, and what is below them.
fn pack(calls: &[i64], into: &mut Vec<u8>) {
    into.clear();
    let mut last = 0;
    for call in calls.iter().map(|call| unsigned(*call)) {
        let (ms, below) = (call >> BELOW_MS, call & ((1 << BELOW_MS) - 1));
        put(into, ((ms - last) << 1) | u64::from(below > 0));
        if below > 0 {
            put(into, below);
        }
        last = ms;
    }
}

fn unpack(bytes: &[u8], into: &mut Vec<i64>) {
    let (mut rest, mut last) = (bytes, 0);
    while let Some(first) = take(&mut rest) {
        last += first >> 1;
        let below = if first & 1 == 1 { take(&mut rest).unwrap_or(0) } else { 0 };
        into.push(signed((last << BELOW_MS) | below));
    }
}

/// Adds calls to those that are there.
pub fn write(db: &Connection, mut with: Vec<With>) -> Result<(), Error> {
    with.sort_unstable();
    with.dedup();
    let mut read =
        db.prepare_cached("SELECT calls FROM history_whose WHERE subject = ?1 AND begins = ?2")?;
    let mut put = db.prepare_cached(
        "INSERT OR REPLACE INTO history_whose (subject, begins, calls) VALUES (?1, ?2, ?3)",
    )?;
    let (mut calls, mut bytes) = (Vec::new(), Vec::new());
    for some in with.chunk_by(|one, next| (one.0, one.1) == (next.0, next.1)) {
        let (subject, begins, _) = some[0];
        calls.clear();
        let there = read.query_row((subject, begins), |row| {
            unpack(blob(row, 0)?, &mut calls);
            Ok(())
        });
        there.optional()?;
        calls.extend(some.iter().map(|(.., call)| call));
        // Two runs that ascend: quickly sorted.
        calls.sort();
        calls.dedup();
        pack(&calls, &mut bytes);
        put.execute((subject, begins, &bytes[..]))?;
    }
    Ok(())
}

/// Adds those of an account's calls that came after one and before another, from their rows.
fn write_rows(db: &Connection, stream: u32, (after, before): (i64, i64)) -> Result<(), Error> {
    let mut found = db.prepare_cached(
        "SELECT queue, entered_at, call FROM history_stay WHERE stream = ?1 AND call > ?2 AND call < ?3
         UNION ALL
         SELECT queue, made_at, call FROM history_offer WHERE stream = ?1 AND call > ?2 AND call < ?3
         UNION ALL
         SELECT agent, made_at, call FROM history_offer WHERE stream = ?1 AND call > ?2 AND call < ?3
         UNION ALL
         SELECT queue, ended_at, call FROM history_part WHERE stream = ?1 AND call > ?2 AND call < ?3
           AND queue IS NOT NULL
         UNION ALL
         SELECT agent, ended_at, call FROM history_part WHERE stream = ?1 AND call > ?2 AND call < ?3",
    )?;
    let found = found.query_map((stream, after, before), |row| {
        Ok((row.get(0)?, row_of(row.get(1)?), row.get(2)?))
    })?;
    write(db, found.collect::<Result<_, _>>()?)
}

/// Adds all calls, from the rows of a file that has indexes instead.
pub fn write_all(db: &Connection) -> Result<(), Error> {
    let mut found = db.prepare("SELECT stream FROM history_stream")?;
    let streams: Vec<u32> = found.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut far = db.prepare(
        "SELECT call FROM history_call WHERE stream = ?1 AND call > ?2 ORDER BY call LIMIT 1 OFFSET ?3",
    )?;
    for stream in streams {
        let mut after = Some(0);
        while let Some(from) = after {
            let next: Option<i64> =
                far.query_row((stream, from, AT_ONCE), |row| row.get(0)).optional()?;
            write_rows(db, stream, (from, next.unwrap_or(i64::MAX)))?;
            after = next.map(|next| next - 1);
        }
    }
    Ok(())
}

/// Removes what a subject had before an instant at which a row begins.
pub fn forget(db: &Connection, subject: i64, before: i64) -> Result<(), Error> {
    let sql = "DELETE FROM history_whose WHERE subject = ?1 AND begins < ?2";
    db.prepare_cached(sql)?.execute((subject, before))?;
    Ok(())
}

/// After that and after an account's calls that came before another were removed: those that go on.
pub fn keep_open(db: &Connection, stream: u32, before: i64) -> Result<(), Error> {
    write_rows(db, stream, (0, before))
}

/// What calls were with a subject within some time.
pub struct Part {
    /// From when, …
    pub from: i64,
    /// … until when, ms.
    pub until: i64,
    /// Their ids, as a list in JSON.
    pub calls: String,
}

impl Look<'_> {
    /// Calls that were with a subject, by parts of a range, in order.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub(super) fn with(
        &self,
        subject: i64,
        (from, until): (i64, i64),
        mut each: impl FnMut(Part) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut found = self.db.prepare_cached(
            "SELECT begins, calls FROM history_whose
             WHERE subject = ?1 AND begins >= ?2 AND begins < ?3 ORDER BY begins",
        )?;
        let mut rows = found.query((subject, row_of(from), until))?;
        let mut calls = Vec::new();
        while let Some(row) = rows.next()? {
            let begins: i64 = row.get(0)?;
            calls.clear();
            unpack(blob(row, 1)?, &mut calls);
            let (from, until) = (from.max(begins), until.min(begins + ROW_MS));
            each(Part { from, until, calls: list(&calls) })?;
        }
        Ok(())
    }

    /// All calls that were with a subject since an instant, as a list in JSON.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub(super) fn all_with(&self, subject: i64, from: i64) -> Result<String, Error> {
        let mut found = self.db.prepare_cached(
            "SELECT calls FROM history_whose WHERE subject = ?1 AND begins >= ?2",
        )?;
        let mut rows = found.query((subject, row_of(from)))?;
        let mut calls = Vec::new();
        while let Some(row) = rows.next()? {
            unpack(blob(row, 0)?, &mut calls);
        }
        Ok(list(&calls))
    }
}

fn blob<'a>(row: &'a Row<'_>, column: usize) -> rusqlite::Result<&'a [u8]> {
    Ok(row.get_ref(column)?.as_blob()?)
}

fn list(calls: &[i64]) -> String {
    use std::fmt::Write;
    let mut list = String::with_capacity(calls.len() * 20 + 2);
    for (place, call) in calls.iter().enumerate() {
        let before = if place == 0 { '[' } else { ',' };
        _ = write!(list, "{before}{call}");
    }
    list.push_str(if calls.is_empty() { "[]" } else { "]" });
    list
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::*;

    #[test]
    fn calls_stand_once_and_in_order_also_those_of_one_ms() {
        let db = schema::open_in_memory().expect("a file");
        let call = |ms: i64, below: i64| (ms << BELOW_MS) + below;
        let (queue, other) = (3, 4);
        let first = [call(70, 0), call(70, 1), call(71, 0), call(9 * ROW_MS, 300)];
        let with = |of: i64, calls: &[i64]| calls.iter().map(|id| (of, 0, *id)).collect();
        write(&db, with(queue, &[first[3], first[0], first[1], first[1]])).expect("written");
        write(&db, with(other, &first[..1])).expect("written");
        write(&db, with(queue, &[first[2], first[0]])).expect("written");
        let found = |subject: i64| {
            let sql = "SELECT calls FROM history_whose WHERE subject = ?1 AND begins = 0";
            let mut calls = Vec::new();
            let read = db.query_row(sql, [subject], |row| {
                unpack(blob(row, 0)?, &mut calls);
                Ok(())
            });
            read.optional().expect("a row");
            calls
        };
        assert_eq!((found(queue), found(other)), (first.to_vec(), vec![first[0]]));
        assert_eq!(list(&found(other)), format!("[{}]", first[0]));
        forget(&db, queue, ROW_MS).expect("forgotten");
        assert_eq!((found(queue), list(&found(queue))), (Vec::new(), "[]".to_owned()));
    }
}
