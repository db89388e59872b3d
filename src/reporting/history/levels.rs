//! Service levels of thresholds that have no sums: counted from the rows of stays, gone through once
//! for all that are told.

use super::read::Look;
use super::schema::unsigned;
use super::whose::Part;
use super::{Across, Error};
use crate::domain::figures::Threshold;
use crate::domain::ids::Name;
use crate::domain::time::Millis;
use crate::reporting::figures::{Measure, Within};
use rusqlite::Row;
use rustc_hash::FxHashMap;

/// By threshold.
pub type Levels = Vec<(Threshold, Within)>;

/// Waits of a queue that have ended: the call's entry, how long it waited, and how that ended.
const WAITS: &str = "SELECT s.entered_at, s.waited_ms, s.outcome FROM json_each(?1) AS t
     CROSS JOIN history_stay AS s ON s.stream = ?2 AND s.call = t.value
     WHERE s.queue = ?3 AND s.entered_at >= ?4 AND s.entered_at < ?5 AND s.outcome IS NOT NULL";

/// The same with what the call is told apart by.
fn waits_of_calls(column: &str) -> String {
    format!(
        "SELECT s.entered_at, s.waited_ms, s.outcome, c.{column} FROM json_each(?1) AS t
         CROSS JOIN history_stay AS s ON s.stream = ?2 AND s.call = t.value
         CROSS JOIN history_call AS c ON c.stream = ?2 AND c.call = t.value
         WHERE s.queue = ?3 AND s.entered_at >= ?4 AND s.entered_at < ?5 AND s.outcome IS NOT NULL"
    )
}

/// Counts each wait where it belongs.
struct Counting<'a> {
    edges: &'a [Millis],
    /// By subject, by interval.
    all: Vec<Vec<Levels>>,
}

impl Counting<'_> {
    fn add(&mut self, subject: usize, row: &Row<'_>) -> rusqlite::Result<()> {
        let entered_at: i64 = row.get(0)?;
        // The last edge at or before it.
        let place = self.edges.partition_point(|edge| edge.0 <= entered_at);
        let levels = self.all.get_mut(subject).zip(place.checked_sub(1));
        let levels = levels.and_then(|(intervals, place)| intervals.get_mut(place));
        let waited_ms = unsigned(row.get(1)?);
        let answered = row.get_ref(2)?.as_str()? == Measure::Answered.word();
        for (threshold, within) in levels.into_iter().flatten() {
            within.add(*threshold, waited_ms, answered);
        }
        Ok(())
    }
}

impl Look<'_> {
    /// Of subjects of one kind, in their order: waits within those thresholds that have no sums, by the
    /// interval of the entry. Nothing where all have sums, and of those for whom nobody waits.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub(super) fn levels(
        &self,
        (across, subjects): (Across, &[(i64, Name)]),
        edges: &[Millis],
        thresholds: &[Threshold],
    ) -> Result<Vec<Vec<Levels>>, Error> {
        let without_sums = thresholds.iter().filter(|threshold| threshold.preset().is_none());
        let none: Levels = without_sums.map(|threshold| (*threshold, Within::default())).collect();
        if none.is_empty() || subjects.is_empty() {
            return Ok(Vec::new());
        }
        let intervals = vec![none; edges.len().saturating_sub(1)];
        let mut counting = Counting { edges, all: vec![intervals; subjects.len()] };
        let column = match across {
            Across::Agent | Across::Team | Across::Disposition => return Ok(Vec::new()),
            Across::Queue | Across::Group => {
                for (place, (queue, _)) in subjects.iter().enumerate() {
                    self.waits(WAITS, *queue, edges, |row| counting.add(place, row))?;
                }
                return Ok(counting.all);
            }
            Across::Account => {
                for queue in self.lines()? {
                    self.waits(WAITS, queue, edges, |row| counting.add(0, row))?;
                }
                return Ok(counting.all);
            }
            Across::Media => "media",
            Across::Number => "number",
            Across::Skill => "skills",
        };
        let named = subjects.iter().enumerate().map(|(place, (_, name))| (&**name, place));
        let places: FxHashMap<&str, usize> = named.collect();
        let sql = waits_of_calls(column);
        for queue in self.lines()? {
            self.waits(&sql, queue, edges, |row| {
                // A call may have no number, and many skills.
                let names = row.get_ref(3)?.as_str_or_null()?.unwrap_or_default();
                let of = |name| places.get(name).copied();
                if across != Across::Skill {
                    return of(names).map_or(Ok(()), |place| counting.add(place, row));
                }
                names.split(',').filter_map(of).try_for_each(|place| counting.add(place, row))
            })?;
        }
        Ok(counting.all)
    }

    fn waits(
        &self,
        sql: &str,
        queue: i64,
        edges: &[Millis],
        mut f: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), Error> {
        let (Some(first), Some(last)) = (edges.first(), edges.last()) else { return Ok(()) };
        let mut found = self.db.prepare_cached(sql)?;
        self.with(queue, (first.0, last.0), |Part { from, until, calls }| {
            let mut rows = found.query((calls, self.stream, queue, from, until))?;
            while let Some(row) = rows.next()? {
                f(row)?;
            }
            Ok(())
        })
    }
}
