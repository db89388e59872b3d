//! The reading end: sums over intervals, as of the record that was written last.

use super::codes::Codes;
use super::levels::Levels;
use super::schema::{self, Position, signed, unsigned};
use super::spans::State;
use super::tally::{FIVE_MS, HOUR_MS};
use super::{Across, Error};
use crate::domain::figures::Threshold;
use crate::domain::ids::Name;
use crate::domain::time::Millis;
use crate::reporting::figures::{Counts, Facts, Open};
use rusqlite::{Connection, OptionalExtension};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

/// A connection that reads.
pub struct Reader {
    db: Connection,
    codes: Codes,
}

impl Reader {
    /// Over what is there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(path: &Path) -> Result<Reader, Error> {
        let db = schema::open_reading(path)?;
        let codes = Codes::read(&db)?;
        Ok(Reader { db, codes })
    }

    /// Looks at one account, as of one instant.
    ///
    /// # Errors
    /// What `f` answers; [`Error::Sqlite`].
    pub fn look<T>(
        &mut self,
        stream: u32,
        f: impl FnOnce(&Look<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let db = self.db.unchecked_transaction()?;
        f(&Look::new(&db, &self.codes, stream)?)
    }
}

/// One account's history, as it was at one instant.
pub struct Look<'a> {
    pub(super) db: &'a Connection,
    codes: &'a Codes,
    pub(super) stream: u32,
    position: Position,
    names: RefCell<BTreeMap<i64, Name>>,
    pub(super) states: RefCell<BTreeMap<i64, Option<Rc<State>>>>,
}

/// Sums that are asked for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// By what they are told apart.
    pub across: Across,
    /// Of one only.
    pub id: Option<String>,
    /// Those whose ids come after it.
    pub after: Option<String>,
    /// So many subjects at most.
    pub limit: usize,
    /// Each interval begins at one and ends at the next.
    pub edges: Vec<Millis>,
    /// As they were after this record.
    pub as_of: Option<u64>,
    /// Thresholds of service levels that will be asked for; presets need not be named.
    pub thresholds: Vec<Threshold>,
}

impl Wish {
    /// All subjects of a kind, so many at most, as they are now, with no thresholds but the presets.
    #[must_use]
    pub fn all(across: Across, limit: usize, edges: Vec<Millis>) -> Wish {
        let (id, after, as_of, thresholds) = (None, None, None, Vec::new());
        Wish { across, id, after, limit, edges, as_of, thresholds }
    }
}

/// One interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sums {
    /// What was counted.
    pub counts: Counts,
    /// Waits within those thresholds of the wish that have no sums.
    pub levels: Levels,
    /// Nothing that is open can change it any more.
    pub complete: bool,
}

impl Sums {
    /// For formulas, with a threshold of the wish.
    #[must_use]
    pub fn facts(&self, threshold: Threshold) -> Facts {
        Facts::past(self.counts.clone(), threshold, self.levels.clone())
    }
}

/// Sums of subjects, by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// For each its intervals.
    pub items: Vec<(Name, Vec<Sums>)>,
    /// There are more behind these.
    pub more: bool,
}

/// How a range is read.
#[derive(Debug, PartialEq, Eq)]
enum Plan {
    /// All of it in fives.
    Fives,
    /// In whole hours, but for these, which have an edge within them: they are read in fives.
    Hours(Vec<i64>),
}

impl<'a> Look<'a> {
    pub(super) fn new(
        db: &'a Connection,
        codes: &'a Codes,
        stream: u32,
    ) -> Result<Look<'a>, Error> {
        let begun = Position { seq: 0, at: 0, settled: 0, kept_from: 0 };
        let position = schema::position(db, stream)?.unwrap_or(begun);
        let (names, states) = (RefCell::default(), RefCell::default());
        Ok(Look { db, codes, stream, position, names, states })
    }

    /// Over a file that is also written by this connection.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn beside(db: &'a Connection, codes: &'a Codes, stream: u32) -> Result<Look<'a>, Error> {
        Look::new(db, codes, stream)
    }

    /// How far it is.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// Tells sums of the subjects that `sees` lets through and of which anything was counted; of one
    /// that was named in any case.
    ///
    /// # Errors
    /// [`Error::Restated`], [`Error::Ahead`], [`Error::Sqlite`].
    pub fn sums(&self, wish: &Wish, sees: &dyn Fn(&str) -> bool) -> Result<Told, Error> {
        if wish.as_of.is_some_and(|as_of| as_of > self.position.seq) {
            return Err(Error::Ahead(self.position.seq));
        }
        let plan = plan(&wish.edges);
        let open_from = match wish.across {
            Across::Queue | Across::Group => None,
            _ => Some(self.open_from(None)?),
        };
        let mut told = Told { items: Vec::new(), more: false };
        let mut shown = Vec::new();
        for (subject, name) in self.subjects(wish)? {
            if !sees(&name) {
                continue;
            }
            let is_full = told.items.len() == wish.limit;
            let (all, newest) = self.intervals(subject, &wish.edges, &plan)?;
            if wish.as_of.is_some_and(|as_of| newest > as_of) {
                return Err(Error::Restated(newest));
            }
            if wish.id.is_none() && all.iter().all(Counts::is_empty) {
                continue;
            }
            if is_full {
                told.more = true;
                break;
            }
            let open_from = match open_from {
                Some(of_all) => of_all,
                None => self.open_from(Some(subject))?,
            };
            let complete = |place: usize| wish.edges[place + 1].0 <= open_from;
            let sums = all.into_iter().enumerate().map(|(place, counts)| {
                let (levels, complete) = (Levels::new(), complete(place));
                Sums { counts, levels, complete }
            });
            told.items.push((Name::clone(&name), sums.collect()));
            shown.push((subject, name));
        }
        let levels = self.levels((wish.across, &shown), &wish.edges, &wish.thresholds)?;
        for ((_, sums), levels) in told.items.iter_mut().zip(levels) {
            sums.iter_mut().zip(levels).for_each(|(sums, levels)| sums.levels = levels);
        }
        Ok(told)
    }

    /// The subjects that may be told of, by id.
    fn subjects(&self, wish: &Wish) -> Result<Vec<(i64, Name)>, Error> {
        let kind = wish.across.word();
        let mut found = self.db.prepare_cached(
            "SELECT id, name FROM history_subject WHERE stream = ?1 AND kind = ?2
             AND name > ?3 AND (?4 IS NULL OR name = ?4) ORDER BY name",
        )?;
        let after = wish.after.as_deref().unwrap_or("");
        let id = wish.id.as_deref().filter(|_| wish.across != Across::Account);
        let found = found.query_map((self.stream, kind, after, id), |row| {
            Ok((row.get(0)?, row.get::<_, String>(1)?.into()))
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// The number of a subject.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn subject(&self, kind: &str, name: &str) -> Result<Option<i64>, Error> {
        let sql = "SELECT id FROM history_subject WHERE stream = ?1 AND kind = ?2 AND name = ?3";
        let mut found = self.db.prepare_cached(sql)?;
        Ok(found.query_row((self.stream, kind, name), |row| row.get(0)).optional()?)
    }

    /// The name of a subject.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub(super) fn name(&self, subject: i64) -> Result<Name, Error> {
        if let Some(name) = self.names.borrow().get(&subject) {
            return Ok(Name::clone(name));
        }
        let mut found = self.db.prepare_cached("SELECT name FROM history_subject WHERE id = ?1")?;
        let name: String =
            found.query_row([subject], |row| row.get(0)).optional()?.unwrap_or_default();
        let name = Name::from(name);
        self.names.borrow_mut().insert(subject, Name::clone(&name));
        Ok(name)
    }

    /// Counts of each interval of a subject, refused when any changed after the record of `as_of`.
    pub(super) fn counts_of(
        &self,
        subject: i64,
        edges: &[Millis],
        as_of: Option<u64>,
    ) -> Result<Vec<Counts>, Error> {
        let (counts, newest) = self.intervals(subject, edges, &plan(edges))?;
        match as_of {
            Some(as_of) if newest > as_of => Err(Error::Restated(newest)),
            _ => Ok(counts),
        }
    }

    /// Counts of each interval, and the record that changed any of them last.
    fn intervals(
        &self,
        subject: i64,
        edges: &[Millis],
        plan: &Plan,
    ) -> Result<(Vec<Counts>, u64), Error> {
        let mut into = Intervals::new(edges, self.codes);
        let (Some(first), Some(last)) = (edges.first(), edges.last()) else {
            return Ok((Vec::new(), 0));
        };
        let mut read = self.db.prepare_cached(
            "SELECT begins, seq, sums FROM history_figures
             WHERE subject = ?1 AND grain = ?2 AND begins >= ?3 AND begins < ?4 ORDER BY begins",
        )?;
        let Plan::Hours(split) = plan else {
            let mut rows = read.query((subject, FIVE_MS, first.0, last.0))?;
            while let Some(row) = rows.next()? {
                into.add(row.get(0)?, row.get(1)?, row.get_ref(2)?.as_blob().unwrap_or_default());
            }
            return Ok(into.done());
        };
        let mut fives = self.fives(subject, split, (*first, *last))?.into_iter().peekable();
        let mut rows = read.query((subject, HOUR_MS, first.0, last.0))?;
        while let Some(row) = rows.next()? {
            let begins: i64 = row.get(0)?;
            while let Some((at, seq, sums)) = fives.next_if(|(at, ..)| *at < begins) {
                into.add(at, seq, &sums);
            }
            if split.binary_search(&begins).is_err() {
                into.add(begins, row.get(1)?, row.get_ref(2)?.as_blob().unwrap_or_default());
            }
        }
        fives.for_each(|(at, seq, sums)| into.add(at, seq, &sums));
        Ok(into.done())
    }

    /// What is known of a subject in fives within some hours: one question for all of them.
    fn fives(
        &self,
        subject: i64,
        hours: &[i64],
        (first, last): (Millis, Millis),
    ) -> Result<Vec<(i64, i64, Vec<u8>)>, Error> {
        if hours.is_empty() {
            return Ok(Vec::new());
        }
        let list: Vec<String> = hours.iter().map(ToString::to_string).collect();
        let list = format!("[{}]", list.join(","));
        // The signs keep the whole range from being gone through for each hour.
        let mut read = self.db.prepare_cached(
            "SELECT f.begins, f.seq, f.sums FROM json_each(?2) AS hour
             CROSS JOIN history_figures AS f ON f.subject = ?1 AND f.grain = ?3
               AND f.begins >= hour.value AND f.begins < hour.value + ?4
             WHERE +f.begins >= ?5 AND +f.begins < ?6",
        )?;
        let asked = (subject, list, FIVE_MS, HOUR_MS, first.0, last.0);
        let rows = read.query_map(asked, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// From when on something may still be restated: since the first call that is not over entered,
    /// the first after-call work began, the first own call. Of a queue: by its own calls alone.
    fn open_from(&self, queue: Option<i64>) -> Result<i64, Error> {
        let mut stays = self.db.prepare_cached(
            "SELECT min(s.entered_at) FROM history_call AS c INDEXED BY history_call_open
             JOIN history_stay AS s ON s.stream = c.stream AND s.call = c.call
             WHERE c.stream = ?1 AND c.ended_at IS NULL AND (?2 IS NULL OR s.queue = ?2)",
        )?;
        let mut parts = self.db.prepare_cached(
            "SELECT min(ended_at) FROM history_part INDEXED BY history_part_open
             WHERE stream = ?1 AND wrapping AND (?2 IS NULL OR queue = ?2)",
        )?;
        let mut owns = self.db.prepare_cached(
            "SELECT min(began_at) FROM history_own INDEXED BY history_own_open
             WHERE ended_at IS NULL AND ?2 IS NULL AND agent IN
               (SELECT id FROM history_subject WHERE stream = ?1 AND kind = 'agent')",
        )?;
        let mut first = self.position.at;
        for found in [&mut stays, &mut parts, &mut owns] {
            let at: Option<i64> = found.query_row((self.stream, queue), |row| row.get(0))?;
            first = first.min(at.unwrap_or(i64::MAX));
        }
        Ok(first)
    }
}

/// Sums that come in the order of time, put where they belong.
struct Intervals<'a> {
    edges: &'a [Millis],
    codes: &'a Codes,
    all: Vec<Counts>,
    open: Open,
    place: usize,
    any: bool,
    newest: u64,
}

impl<'a> Intervals<'a> {
    fn new(edges: &'a [Millis], codes: &'a Codes) -> Intervals<'a> {
        let all = vec![Counts::default(); edges.len().saturating_sub(1)];
        Intervals { edges, codes, all, open: Open::default(), place: 0, any: false, newest: 0 }
    }

    fn add(&mut self, begins: i64, seq: i64, sums: &[u8]) {
        let after = self.place;
        while self.place + 2 < self.edges.len() && begins >= self.edges[self.place + 1].0 {
            self.place += 1;
        }
        if self.place != after {
            self.close(after);
        }
        self.any = true;
        self.newest = self.newest.max(unsigned(seq));
        self.codes.decode(sums, &mut self.open);
    }

    fn close(&mut self, place: usize) {
        if std::mem::take(&mut self.any)
            && let Some(of) = self.all.get_mut(place)
        {
            *of = self.open.closed();
            self.open.clear();
        }
    }

    fn done(mut self) -> (Vec<Counts>, u64) {
        self.close(self.place);
        (self.all, self.newest)
    }
}

/// Whole hours are read as such; an hour with an edge within it, or all of it when most have one, in
/// fives.
fn plan(edges: &[Millis]) -> Plan {
    let (Some(first), Some(last)) = (edges.first(), edges.last()) else { return Plan::Fives };
    let hour = |at: i64| at.div_euclid(HOUR_MS) * HOUR_MS;
    let mut split: Vec<i64> =
        edges.iter().map(|at| at.0).filter(|at| hour(*at) != *at).map(hour).collect();
    split.dedup();
    let hours = (last.0 - first.0).div_euclid(HOUR_MS);
    match signed(split.len() as u64) * 2 > hours {
        true => Plan::Fives,
        false => Plan::Hours(split),
    }
}

#[cfg(test)]
mod tests {
    use super::super::intervals::{Interval, zone};
    use super::super::keep::{Batch, Keep};
    use super::*;
    use crate::domain::ids::AgentIx;
    use crate::reporting::figures::Measure;
    use crate::reporting::figures::notes::{Note, Scope};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Steps of SQLite's machine, in tens, for a month of one agent by day.
    fn steps_of_a_month(name: &str) -> u64 {
        let first = Millis::parse_rfc3339("2026-10-01T00:00:00Z").expect("an instant");
        let mut keep = Keep::new(schema::open_in_memory().expect("a file")).expect("a history");
        let scope = Scope { agent: Some(AgentIx(0)), ..Scope::default() };
        let mut notes = vec![Note::Agent(AgentIx(0), Name::from("usr_ann"), Vec::new())];
        for five in 0..31 * 24 * 12 {
            let at = first.plus(five * 300_000);
            notes.push(Note::Count(scope.clone(), at, (Measure::Handled, 1).into()));
        }
        keep.take(Batch { stream: 1, seq: 1, at: first, settled: false, notes });
        keep.write().expect("written");
        let range = (first, first.plus(31 * 86_400_000));
        let edges = Interval::Day.edges(range, &zone(name).expect("a zone"), 100).expect("edges");
        let wish = Wish::all(Across::Agent, 10, edges);
        let steps = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&steps);
        let count = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            false
        };
        let mut file = keep.into_file();
        let codes = Codes::read(&file).expect("codes");
        file.progress_handler(10, Some(count)).expect("counted");
        let look = Look::beside(&file, &codes, 1).expect("a look");
        let told = look.sums(&wish, &|_| true).expect("sums");
        assert_eq!(told.items.len(), 1);
        steps.load(Ordering::Relaxed)
    }

    #[test]
    fn a_midnight_at_half_past_costs_little_more_than_one_at_a_whole_hour() {
        let (whole, half) = (steps_of_a_month("Europe/Berlin"), steps_of_a_month("Asia/Kolkata"));
        assert!(whole > 0 && half < 5 * whole, "{half} and {whole}");
    }

    #[test]
    fn whole_hours_are_read_as_hours_and_the_rest_in_fives() {
        let told = |edges: &[i64]| {
            let edges: Vec<Millis> = edges.iter().map(|minutes| Millis(minutes * 60_000)).collect();
            match plan(&edges) {
                Plan::Fives => None,
                Plan::Hours(split) => Some(split.iter().map(|at| at / 60_000).collect::<Vec<_>>()),
            }
        };
        assert_eq!(told(&[0, 1_440, 2_880]), Some(vec![]));
        assert_eq!(told(&[0, 15, 30]), None);
        // Midnight at half past.
        assert_eq!(told(&[30, 1_470, 2_910]), Some(vec![0, 1_440, 2_880]));
        assert_eq!(told(&[45, 105, 165, 225]), None);
    }
}
