//! Rows that wait to be written, and how they are. Of what changed more than once the last counts.

use super::schema::signed;
use super::spans::{self, SpanRow, row_of};
use super::{Error, whose};
use crate::domain::ids::Name;
use crate::reporting::figures::notes::{
    CallFacts, CallRow, OfferRow, OwnRow, PartRow, StayRow, WrapUpRow,
};
use rusqlite::Connection;

/// An agent's place in a queue begins, or ends.
pub struct PlaceRow {
    pub queue: i64,
    pub agent: i64,
    pub at: i64,
    pub is_in: bool,
    pub ready: bool,
}

/// All that waits. Numbers before rows: the account's stream, or subjects.
#[derive(Default)]
pub struct Rows {
    pub calls: Vec<(u32, CallRow)>,
    pub stays: Vec<(u32, i64, StayRow)>,
    pub offers: Vec<(u32, (i64, i64), OfferRow)>,
    pub parts: Vec<(u32, (i64, Option<i64>), PartRow)>,
    pub owns: Vec<(i64, OwnRow)>,
    pub spans: Vec<SpanRow>,
    /// In their order.
    pub places: Vec<PlaceRow>,
}

/// Keeps the last of those with the same key, in the order of keys.
fn lasts<T, K: Ord>(rows: &mut Vec<T>, key: impl Fn(&T) -> K) {
    rows.sort_by_key(&key);
    let mut next = rows.len();
    // From behind, what equals its successor's key goes.
    let mut last: Option<K> = None;
    let mut keep = vec![true; next];
    while next > 0 {
        next -= 1;
        let this = key(&rows[next]);
        keep[next] = last.as_ref() != Some(&this);
        last = Some(this);
    }
    let mut keep = keep.into_iter();
    rows.retain(|_| keep.next().unwrap_or(true));
}

impl Rows {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.calls.len()
            + self.stays.len()
            + self.offers.len()
            + self.parts.len()
            + self.owns.len()
            + self.spans.len()
            + self.places.len()
    }

    /// Nothing waits any more; the room is kept for what comes.
    pub fn clear(&mut self) {
        self.calls.clear();
        self.stays.clear();
        self.offers.clear();
        self.parts.clear();
        self.owns.clear();
        self.spans.clear();
        self.places.clear();
    }

    /// Writes all of them.
    pub fn write(&mut self, db: &Connection) -> Result<(), Error> {
        lasts(&mut self.calls, |(stream, row)| (*stream, row.facts.id));
        lasts(&mut self.stays, |(stream, _, row)| (*stream, row.call.id, row.no));
        lasts(&mut self.offers, |(stream, _, row)| (*stream, row.call.id, row.id));
        lasts(&mut self.parts, |(stream, _, row)| (*stream, row.call.id, row.no));
        lasts(&mut self.owns, |(agent, row)| (*agent, row.began_at, Name::clone(&row.subject)));
        lasts(&mut self.spans, |row| (row.agent, row.began_at));
        self.write_calls(db)?;
        self.write_stays(db)?;
        self.write_offers(db)?;
        self.write_parts(db)?;
        self.write_owns(db)?;
        spans::write(db, &self.spans)?;
        whose::write(db, self.with())?;
        self.write_places(db)
    }

    /// Whose rows of calls these are.
    fn with(&self) -> Vec<whose::With> {
        let call = |call: &CallFacts| signed(call.id.0);
        let stays = self
            .stays
            .iter()
            .map(|(_, queue, row)| (*queue, row_of(row.entered_at.0), call(&row.call)));
        let offers = self.offers.iter().flat_map(|(_, (agent, queue), row)| {
            [agent, queue].map(|of| (*of, row_of(row.made_at.0), call(&row.call)))
        });
        let parts = self.parts.iter().flat_map(|(_, (agent, queue), row)| {
            let of = [Some(*agent), *queue].into_iter().flatten();
            of.map(|of| (of, row_of(row.ended_at.0), call(&row.call)))
        });
        stays.chain(offers).chain(parts).collect()
    }

    /// One that is told again is there already.
    fn write_places(&self, db: &Connection) -> Result<(), Error> {
        let mut begin = db.prepare_cached(
            "INSERT INTO history_member (queue, agent, began_at, ready)
             SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS (SELECT 1 FROM history_member
               WHERE queue = ?1 AND agent = ?2 AND ended_at IS NULL)
             ON CONFLICT DO UPDATE SET ended_at = NULL, ready = ?4",
        )?;
        let mut end = db.prepare_cached(
            "UPDATE history_member SET ended_at = ?3
             WHERE queue = ?1 AND agent = ?2 AND ended_at IS NULL",
        )?;
        for row in &self.places {
            match row.is_in {
                true => begin.execute((row.queue, row.agent, row.at, row.ready))?,
                false => end.execute((row.queue, row.agent, row.at))?,
            };
        }
        Ok(())
    }

    fn write_calls(&self, db: &Connection) -> Result<(), Error> {
        let mut insert = db.prepare_cached(
            "INSERT OR REPLACE INTO history_call
             (stream, call, ended_at, outcome, reason, media, number, skills, callback, of)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?;
        for (stream, row) in &self.calls {
            let facts = &row.facts;
            insert.execute((
                stream,
                signed(facts.id.0),
                row.ended_at.map(|at| at.0),
                row.outcome.map(|outcome| outcome.word()),
                row.reason.as_deref(),
                facts.media.word(),
                facts.number.as_deref(),
                facts.skills.join(","),
                facts.callback,
                facts.of.map(|of| signed(of.0)),
            ))?;
        }
        Ok(())
    }

    fn write_stays(&self, db: &Connection) -> Result<(), Error> {
        let mut insert = db.prepare_cached(
            "INSERT OR REPLACE INTO history_stay
             (stream, call, no, queue, entered_at, outcome, waited_ms, short, transferred, exit,
              reached, missed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?;
        for (stream, queue, row) in &self.stays {
            insert.execute((
                stream,
                signed(row.call.id.0),
                row.no,
                queue,
                row.entered_at.0,
                row.end.map(|end| end.word()),
                signed(row.waited_ms),
                row.short,
                row.transferred,
                row.exit.as_deref(),
                row.reached,
                row.missed,
            ))?;
        }
        Ok(())
    }

    fn write_offers(&self, db: &Connection) -> Result<(), Error> {
        let mut insert = db.prepare_cached(
            "INSERT OR REPLACE INTO history_offer
             (stream, call, offer, agent, queue, made_at, outcome, ended_at, answer_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?;
        for (stream, (agent, queue), row) in &self.offers {
            insert.execute((
                stream,
                signed(row.call.id.0),
                signed(row.id.0),
                agent,
                queue,
                row.made_at.0,
                row.end.map(|end| end.word()),
                row.ended_at.0,
                signed(row.answer_ms),
            ))?;
        }
        Ok(())
    }

    fn write_parts(&self, db: &Connection) -> Result<(), Error> {
        let mut insert = db.prepare_cached(
            "INSERT OR REPLACE INTO history_part
             (stream, call, no, agent, queue, began_at, ended_at, talk_ms, hold_ms, wrapping,
              wrap_up_ms, disposition)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?;
        for (stream, (agent, queue), row) in &self.parts {
            let wrap_up_ms = match row.wrap_up {
                WrapUpRow::Took(ms) => Some(signed(ms)),
                WrapUpRow::None | WrapUpRow::Open => None,
            };
            insert.execute((
                stream,
                signed(row.call.id.0),
                row.no,
                agent,
                queue,
                row.began_at.0,
                row.ended_at.0,
                signed(row.talk_ms),
                signed(row.hold_ms),
                row.wrap_up == WrapUpRow::Open,
                wrap_up_ms,
                row.disposition.as_deref(),
            ))?;
        }
        Ok(())
    }

    fn write_owns(&self, db: &Connection) -> Result<(), Error> {
        let mut insert = db.prepare_cached(
            "INSERT OR REPLACE INTO history_own (agent, began_at, subject, ended_at, internal)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        for (agent, row) in &self.owns {
            let ended_at = row.ended_at.map(|at| at.0);
            insert.execute((agent, row.began_at.0, &*row.subject, ended_at, row.internal))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_changed_twice_the_last_is_kept() {
        let mut rows = vec![(2, 'a'), (1, 'b'), (2, 'c'), (3, 'd'), (1, 'e'), (2, 'f')];
        lasts(&mut rows, |(key, _)| *key);
        assert_eq!(rows, [(1, 'e'), (2, 'f'), (3, 'd')]);
    }
}
