//! Agents' time, packed: a row holds the spans of an agent that began within one quarter of an hour, and
//! of each its state by a number, since the same few states come again and again.

use super::Error;
use super::codes::{put, take, unzigzag, zigzag};
use super::read::Look;
use crate::domain::ids::Name;
use crate::domain::presence::{Detail, Status};
use rusqlite::{Connection, OptionalExtension};
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// A row's time, ms.
pub const ROW_MS: i64 = 15 * 60_000;

/// The beginning of the row that an instant is in.
pub fn row_of(at: i64) -> i64 {
    at.div_euclid(ROW_MS) * ROW_MS
}

/// What an agent was in for some time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The chosen status.
    pub status: Status,
    /// What was shown; `None`: offline.
    pub detail: Option<Detail>,
    /// A break's reason.
    pub reason: Option<Name>,
    /// Contacts, after-call work included.
    pub work: i64,
    /// Calls of all media at once.
    pub capacity: i64,
}

impl State {
    const COLUMNS: &str = "code, status, detail, reason, work, capacity";

    /// Nothing when its words are another release's.
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<State>> {
        let status = Status::parse(row.get_ref(1)?.as_str()?);
        let detail = row.get_ref(2)?.as_str_or_null()?;
        let known = detail.map(Detail::parse);
        let (Some(status), None | Some(Some(_))) = (status, known) else { return Ok(None) };
        let reason = row.get::<_, Option<String>>(3)?.map(Name::from);
        let (work, capacity) = (row.get(4)?, row.get(5)?);
        Ok(Some(State { status, detail: known.flatten(), reason, work, capacity }))
    }
}

/// The numbers of states, of all accounts.
#[derive(Default)]
pub struct States {
    known: FxHashMap<State, i64>,
    next: i64,
    /// What is not in the file yet.
    new: Vec<(i64, State)>,
}

impl States {
    /// As a file has them.
    pub fn read(db: &Connection) -> Result<States, Error> {
        let mut states = States::default();
        let sql = format!("SELECT {} FROM history_state", State::COLUMNS);
        let mut found = db.prepare(&sql)?;
        let mut rows = found.query([])?;
        while let Some(row) = rows.next()? {
            let code: i64 = row.get(0)?;
            states.next = states.next.max(code + 1);
            if let Some(state) = State::read(row)? {
                states.known.insert(state, code);
            }
        }
        Ok(states)
    }

    /// The number of one, which is made when there is none.
    pub fn code(&mut self, state: State) -> i64 {
        if let Some(code) = self.known.get(&state) {
            return *code;
        }
        let code = self.next;
        self.next += 1;
        self.new.push((code, state.clone()));
        self.known.insert(state, code);
        code
    }

    /// Writes what is new.
    pub fn write(&self, db: &Connection) -> Result<(), Error> {
        let sql = format!(
            "INSERT INTO history_state ({}) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            State::COLUMNS
        );
        let mut insert = db.prepare_cached(&sql)?;
        for (code, State { status, detail, reason, work, capacity }) in &self.new {
            let detail = detail.map(Detail::word);
            insert.execute((code, status.word(), detail, reason.as_deref(), work, capacity))?;
        }
        Ok(())
    }

    /// It is durable.
    pub fn written(&mut self) {
        self.new.clear();
    }
}

/// Time of an agent in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanRow {
    pub agent: i64,
    pub began_at: i64,
    pub ended_at: i64,
    /// Its number.
    pub state: i64,
}

impl SpanRow {
    /// Whether `next` is more of the same.
    pub fn goes_on(&self, next: &SpanRow) -> bool {
        self.ended_at == next.began_at && self.state == next.state
    }
}

/// One row: for each span how long after the one before it began, how long it lasted, its state.
fn pack(begins: i64, spans: &[SpanRow], into: &mut Vec<u8>) {
    into.clear();
    let mut last = begins;
    for span in spans {
        put(into, zigzag(span.began_at - last));
        put(into, zigzag(span.ended_at - span.began_at));
        put(into, zigzag(span.state));
        last = span.ended_at;
    }
}

fn unpack((agent, begins): (i64, i64), bytes: &[u8], mut each: impl FnMut(SpanRow)) {
    let (mut rest, mut last) = (bytes, begins);
    while let (Some(gap), Some(ms), Some(state)) =
        (take(&mut rest), take(&mut rest), take(&mut rest))
    {
        let began_at = last + unzigzag(gap);
        last = began_at + unzigzag(ms);
        each(SpanRow { agent, began_at, ended_at: last, state: unzigzag(state) });
    }
}

/// Writes spans, which are in the order of agents and beginnings: one that began when another did takes
/// its place.
pub fn write(db: &Connection, spans: &[SpanRow]) -> Result<(), Error> {
    let mut read =
        db.prepare_cached("SELECT spans FROM history_time WHERE agent = ?1 AND begins = ?2")?;
    let mut put = db.prepare_cached(
        "INSERT OR REPLACE INTO history_time (agent, begins, spans) VALUES (?1, ?2, ?3)",
    )?;
    let (mut all, mut bytes) = (Vec::new(), Vec::new());
    let row = |span: &SpanRow| (span.agent, row_of(span.began_at));
    for new in spans.chunk_by(|one, next| row(one) == row(next)) {
        let key = row(&new[0]);
        all.clear();
        let there = read.query_row(key, |row| {
            unpack(key, row.get_ref(0)?.as_blob()?, |span| all.push(span));
            Ok(())
        });
        there.optional()?;
        join(&mut all, new);
        pack(key.1, &all, &mut bytes);
        put.execute((key.0, key.1, &bytes[..]))?;
    }
    Ok(())
}

/// Puts those that are new among those that are there.
fn join(there: &mut Vec<SpanRow>, new: &[SpanRow]) {
    // Most often all are later than what is there, but for the first, which goes on.
    let from = there.partition_point(|span| span.began_at < new[0].began_at);
    let mut rest = there.split_off(from).into_iter().peekable();
    for span in new {
        while let Some(before) = rest.next_if(|old| old.began_at < span.began_at) {
            there.push(before);
        }
        rest.next_if(|old| old.began_at == span.began_at);
        there.push(*span);
    }
    there.extend(rest);
}

/// The newest of an agent's.
pub fn newest(db: &Connection, agent: i64) -> Result<Option<SpanRow>, Error> {
    last_of(db, agent, i64::MAX)
}

/// The newest of an agent's that is in a row which begins before an instant.
fn last_of(db: &Connection, agent: i64, before: i64) -> Result<Option<SpanRow>, Error> {
    let mut newest = db.prepare_cached(
        "SELECT begins, spans FROM history_time WHERE agent = ?1 AND begins < ?2
         ORDER BY begins DESC LIMIT 1",
    )?;
    let mut last = None;
    let found = newest.query_row((agent, before), |row| {
        unpack((agent, row.get(0)?), row.get_ref(1)?.as_blob()?, |span| last = Some(span));
        Ok(())
    });
    found.optional()?;
    Ok(last)
}

/// Removes an agent's that ended before an instant at which a row begins.
pub fn forget(db: &Connection, agent: i64, before: i64) -> Result<(), Error> {
    // Spans follow one another: none but the last may go on.
    let last = last_of(db, agent, before)?.filter(|span| span.ended_at >= before);
    let mut gone =
        db.prepare_cached("DELETE FROM history_time WHERE agent = ?1 AND begins < ?2")?;
    gone.execute((agent, before))?;
    match last {
        Some(span) => write(db, &[span]),
        None => Ok(()),
    }
}

/// Packs what files of formats before the third have a row each for.
pub fn pack_rows(db: &Connection) -> Result<(), Error> {
    let mut states = States::default();
    let mut found = db.prepare(
        "SELECT agent, status, detail, reason, work, capacity, began_at, ended_at FROM history_span
         ORDER BY agent, began_at",
    )?;
    let mut rows = found.query([])?;
    let mut some: Vec<SpanRow> = Vec::new();
    while let Some(row) = rows.next()? {
        let agent = row.get(0)?;
        // Words that this release does not know it has never written.
        let Some(state) = State::read(row)? else { continue };
        let (began_at, ended_at) = (row.get(6)?, row.get(7)?);
        let span = SpanRow { agent, began_at, ended_at, state: states.code(state) };
        let is_same_row = |last: &SpanRow| {
            (last.agent, row_of(last.began_at)) == (span.agent, row_of(span.began_at))
        };
        if some.last().is_some_and(|last| !is_same_row(last)) {
            write(db, &some)?;
            some.clear();
        }
        some.push(span);
    }
    write(db, &some)?;
    states.write(db)
}

/// Time of an agent, as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// From when, ms.
    pub began_at: i64,
    /// Until when, ms.
    pub ended_at: i64,
    /// What the agent was in.
    pub state: Rc<State>,
}

impl Look<'_> {
    /// An agent's time within a range, in order: so many spans at most.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub(super) fn spans(
        &self,
        agent: i64,
        (from, until): (i64, i64),
        limit: usize,
    ) -> Result<Vec<Span>, Error> {
        // Spans follow one another: of the rows before that of `from` the last alone may go on.
        let mut found = self.db.prepare_cached(
            "SELECT begins, spans FROM history_time WHERE agent = ?1 AND begins < ?3 AND begins >= coalesce(
               (SELECT max(begins) FROM history_time WHERE agent = ?1 AND begins < ?2), 0)
             ORDER BY begins",
        )?;
        let mut rows = found.query((agent, row_of(from), until))?;
        let (mut spans, mut some) = (Vec::new(), Vec::new());
        while let Some(row) = rows.next()? {
            let bytes = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
            unpack((agent, row.get(0)?), bytes, |span| some.push(span));
            for SpanRow { began_at, ended_at, state, .. } in some.drain(..) {
                if began_at >= until || ended_at <= from {
                    continue;
                }
                if spans.len() == limit {
                    return Ok(spans);
                }
                // None: a later release's.
                if let Some(state) = self.state(state)? {
                    spans.push(Span { began_at, ended_at, state });
                }
            }
        }
        Ok(spans)
    }

    fn state(&self, code: i64) -> Result<Option<Rc<State>>, Error> {
        if let Some(state) = self.states.borrow().get(&code) {
            return Ok(state.clone());
        }
        let sql = format!("SELECT {} FROM history_state WHERE code = ?1", State::COLUMNS);
        let mut found = self.db.prepare_cached(&sql)?;
        let state = found.query_row([code], State::read).optional()?.flatten().map(Rc::new);
        self.states.borrow_mut().insert(code, state.clone());
        Ok(state)
    }
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::*;

    const ANN: i64 = 7;

    fn span(began_at: i64, ended_at: i64, state: i64) -> SpanRow {
        SpanRow { agent: ANN, began_at, ended_at, state }
    }

    fn all(db: &Connection) -> Vec<(i64, i64, i64)> {
        let mut found = db.prepare("SELECT agent, begins, spans FROM history_time").expect("sql");
        let mut rows = found.query([]).expect("rows");
        let mut all = Vec::new();
        while let Some(row) = rows.next().expect("a row") {
            let key = (row.get(0).expect("an agent"), row.get(1).expect("a time"));
            let bytes = row.get_ref(2).expect("bytes").as_blob().expect("bytes");
            unpack(key, bytes, |span| all.push((span.began_at, span.ended_at, span.state)));
        }
        all
    }

    #[test]
    fn what_is_told_again_takes_the_place_of_what_is_there() {
        let db = schema::open_in_memory().expect("a file");
        let row = 3 * ROW_MS;
        write(&db, &[span(row - 5, row + 2, 0), span(row + 2, row + 9, 1)]).expect("written");
        // The last goes on; a gap, and time into later rows.
        write(&db, &[span(row + 2, row + 30, 1), span(row + 40, 9 * ROW_MS, 300)])
            .expect("written");
        let told = vec![(row - 5, row + 2, 0), (row + 2, row + 30, 1), (row + 40, 9 * ROW_MS, 300)];
        assert_eq!(all(&db), told);
        assert_eq!(newest(&db, ANN).expect("read"), Some(span(row + 40, 9 * ROW_MS, 300)));
        // Again, from the middle.
        write(&db, &[span(row + 2, row + 30, 1)]).expect("written");
        assert_eq!(all(&db), told);
        // One that ends later than all that began after it.
        write(&db, &[span(row + 10, row + 60, 2)]).expect("written");
        assert_eq!(all(&db)[2..], [(row + 10, row + 60, 2), told[2]]);
    }

    #[test]
    fn what_is_over_is_forgotten_and_what_goes_on_is_not() {
        let db = schema::open_in_memory().expect("a file");
        let hour = 4 * ROW_MS;
        write(&db, &[span(5, 9, 0), span(9, hour + 1, 1), span(hour + 1, hour + 2, 0)])
            .expect("written");
        forget(&db, ANN, hour).expect("forgotten");
        assert_eq!(all(&db), [(9, hour + 1, 1), (hour + 1, hour + 2, 0)]);
        forget(&db, ANN, 2 * hour).expect("forgotten");
        assert_eq!(all(&db), []);
    }
}
