//! What is behind a figure: the rows that it was counted from. Each row says what it adds, and the same
//! formula over what the rows add together is the figure.

use super::read::Look;
use super::schema::unsigned;
use super::spans::{Span, State};
use super::subjects::LINE;
use super::whose::Part;
use super::{Across, Error};
use crate::domain::figures::Threshold;
use crate::domain::ids::{CallId, Name};
use crate::domain::presence::{Detail, Status};
use crate::domain::time::Millis;
use crate::reporting::figures::{Counts, Facts, Figure, Measure, SUMS, Sum, Within, band};
use rusqlite::{Row, params};
use serde_json::{Map, Value, json};

/// What a figure is counted from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Stays,
    Parts,
    Offers,
    Owns,
    Spans,
}

impl Source {
    fn of(figure: &str) -> Source {
        match figure {
            "handled" | "talk_ms" | "hold_ms" | "wrap_up_ms" | "aht_ms" | "acw_ms" => Source::Parts,
            "offers" | "accepted" | "answer_time_ms" | "missed" | "refused" | "offers_failed"
            | "hung_up" | "withdrawn" | "non_response" => Source::Offers,
            "outbound_calls" | "outbound_conversations" | "outbound_ms" => Source::Owns,
            "logged_in_ms" | "ready_ms" | "idle_ms" | "occupied_ms" | "occupancy"
            | "occupancy_of_shift" | "utilisation" => Source::Spans,
            name if name.starts_with("time_") => Source::Spans,
            _ => Source::Stays,
        }
    }
}

/// The rows of one figure.
pub struct Wish<'a> {
    /// Which figure.
    pub figure: &'a Figure,
    /// Whose: by what it is told apart, …
    pub across: Across,
    /// … and which; of a team its members.
    pub ids: Vec<Name>,
    /// From when …
    pub from: Millis,
    /// … until when.
    pub until: Millis,
    /// The service level's threshold.
    pub threshold: Threshold,
    /// Those after this one.
    pub after: Option<(i64, i64, i64)>,
    /// So many at most.
    pub limit: usize,
}

/// What was found.
pub struct Found {
    /// The figure, worked out from all rows.
    pub value: Value,
    /// How many rows there are.
    pub count: usize,
    /// Some of them.
    pub items: Vec<Value>,
    /// Where the next are.
    pub next: Option<(i64, i64, i64)>,
}

/// One row: when it counts, and what it adds.
struct Thing {
    key: (i64, i64, i64),
    until: Option<i64>,
    queue: Option<i64>,
    agent: Option<i64>,
    outcome: Option<String>,
    counts: Counts,
    /// Waits within the threshold.
    within: Within,
}

/// What is asked of calls besides queue and agent.
#[derive(Default)]
struct Of {
    media: Option<String>,
    number: Option<String>,
    skill: Option<String>,
    disposition: Option<String>,
}

impl Of {
    /// Those of which a name is told.
    fn named(across: Across, name: Option<&str>) -> Of {
        let (mut of, name) = (Of::default(), name.map(str::to_owned));
        match across {
            Across::Media => of.media = name,
            Across::Number => of.number = name,
            Across::Skill => of.skill = name,
            Across::Disposition => of.disposition = name,
            _ => {}
        }
        of
    }
}

fn facts(counts: Counts, threshold: Threshold, within: Within) -> Facts {
    Facts::past(counts, threshold, vec![(threshold, within)])
}

/// Whether counts say anything of a figure: alone, or beside others (of a quotient they may be in the
/// upper part alone, or in the lower).
fn adds(wish: &Wish<'_>, Thing { counts, within, .. }: &Thing) -> bool {
    let number =
        |counts: Counts, within| wish.figure.number(&facts(counts, wish.threshold, within));
    let is_quotient = number(Counts::default(), Within::default()).is_none();
    if number(counts.clone(), *within).is_some_and(|number| is_quotient || number != 0) {
        return true;
    }
    let mut others = Counts::default();
    (0..SUMS).for_each(|place| others.add(Sum::at(place), place as i64 + 1));
    let mut levels = Within { answered: 1, left: 2 };
    let before = number(others.clone(), levels);
    others.merge(counts);
    levels.merge(within);
    is_quotient && number(others, levels) != before
}

impl Look<'_> {
    /// Finds what is behind a figure.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn behind(&self, wish: &Wish<'_>) -> Result<Found, Error> {
        let things = self.things(wish)?;
        let adds = |thing: &Thing| adds(wish, thing);
        let mut things: Vec<Thing> = things.into_iter().filter(adds).collect();
        things.sort_by_key(|thing| thing.key);
        let (mut sum, mut within) = (Counts::default(), Within::default());
        for thing in &things {
            sum.merge(&thing.counts);
            within.merge(&thing.within);
        }
        let count = things.len();
        things.retain(|thing| wish.after.is_none_or(|after| thing.key > after));
        let more = things.len() > wish.limit;
        things.truncate(wish.limit);
        let next = things.last().filter(|_| more).map(|thing| thing.key);
        let items = things.iter().map(|thing| self.shown(thing)).collect::<Result<_, _>>()?;
        let value = wish.figure.value(&facts(sum, wish.threshold, within));
        Ok(Found { value, count, items, next })
    }

    fn shown(&self, thing: &Thing) -> Result<Value, Error> {
        let name = |subject: Option<i64>| subject.map(|subject| self.name(subject)).transpose();
        let counts = thing.counts.all().filter(|(_, amount)| *amount != 0);
        let counts: Map<String, Value> =
            counts.map(|(sum, amount)| (sum.to_string(), json!(amount))).collect();
        let call = (thing.key.1 > 0).then(|| CallId(unsigned(thing.key.1)).to_string());
        Ok(json!({
            "at": Millis(thing.key.0).rfc3339(),
            "to": thing.until.map(|at| Millis(at).rfc3339()),
            "call": call,
            "queue": name(thing.queue)?,
            "agent": name(thing.agent)?,
            "outcome": thing.outcome,
            "adds": counts,
        }))
    }

    /// All rows of the figure's source that are of whom it is told.
    fn things(&self, wish: &Wish<'_>) -> Result<Vec<Thing>, Error> {
        let source = Source::of(wish.figure.name);
        let of = Of::named(wish.across, wish.ids.first().map(|name| &**name));
        let by_queue = match wish.across {
            Across::Queue | Across::Group => true,
            Across::Agent | Across::Team => false,
            _ => source == Source::Stays,
        };
        let mut things = Vec::new();
        for subject in self.subjects_of(wish, by_queue)? {
            let range = (wish.from.0, wish.until.0);
            match source {
                Source::Stays => {
                    self.stays_of(subject, range, (&of, wish.threshold), &mut things)?;
                }
                Source::Parts => self.parts_of((subject, by_queue), range, &of, &mut things)?,
                Source::Offers => self.offers_of((subject, by_queue), range, &of, &mut things)?,
                Source::Owns => self.owns_of(subject, range, &mut things)?,
                Source::Spans => self.spans_of(subject, range, &mut things)?,
            }
        }
        Ok(things)
    }

    /// Those whose rows are looked through.
    fn subjects_of(&self, wish: &Wish<'_>, by_queue: bool) -> Result<Vec<i64>, Error> {
        let kind = match wish.across {
            Across::Queue | Across::Group => wish.across.word(),
            _ => Across::Agent.word(),
        };
        if matches!(wish.across, Across::Queue | Across::Group | Across::Agent | Across::Team) {
            let found = wish.ids.iter().map(|id| self.subject(kind, id));
            return Ok(found.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect());
        }
        match by_queue {
            true => self.lines(),
            false => self.all_of([Across::Agent.word(); 3]),
        }
    }

    /// Whatever calls wait in.
    pub(super) fn lines(&self) -> Result<Vec<i64>, Error> {
        self.all_of([Across::Queue.word(), Across::Group.word(), LINE])
    }

    fn all_of(&self, kinds: [&str; 3]) -> Result<Vec<i64>, Error> {
        let mut found = self.db.prepare_cached(
            "SELECT id FROM history_subject WHERE stream = ?1 AND kind IN (?2, ?3, ?4) ORDER BY id",
        )?;
        let found =
            found.query_map((self.stream, kinds[0], kinds[1], kinds[2]), |row| row.get(0))?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// Runs a statement whose parameters are a subject, a range, the account's stream and what is asked
    /// of calls; and these calls themselves.
    fn each(
        &self,
        sql: &str,
        subject: i64,
        range: (i64, i64),
        of: &Of,
        mut f: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), Error> {
        let of_calls = "(?5 IS NULL OR c.media = ?5) AND (?6 IS NULL OR c.number = ?6)
             AND (?7 IS NULL OR instr(',' || c.skills || ',', ',' || ?7 || ',') > 0)";
        let mut found = self.db.prepare_cached(&sql.replace("OF_CALLS", of_calls))?;
        self.with(subject, range, |Part { from, until, calls }| {
            let stream = self.stream;
            let mut rows = found.query(params![
                subject, from, until, stream, of.media, of.number, of.skill, calls
            ])?;
            while let Some(row) = rows.next()? {
                f(row)?;
            }
            Ok(())
        })
    }

    fn stays_of(
        &self,
        subject: i64,
        range: (i64, i64),
        (of, threshold): (&Of, Threshold),
        into: &mut Vec<Thing>,
    ) -> Result<(), Error> {
        let sql =
            "SELECT s.entered_at, s.call, s.no, s.outcome, s.waited_ms, s.short, s.transferred,
               s.reached, s.missed, c.callback
             FROM json_each(?8) AS t
             CROSS JOIN history_stay AS s ON s.stream = ?4 AND s.call = t.value
             CROSS JOIN history_call AS c ON c.stream = ?4 AND c.call = t.value
             WHERE s.queue = ?1 AND s.entered_at >= ?2 AND s.entered_at < ?3 AND OF_CALLS";
        let thing = |row: &Row<'_>| {
            let outcome: Option<String> = row.get(3)?;
            let end = outcome.as_deref().and_then(Measure::parse);
            let counts = stay_counts(row, end)?;
            let key = (row.get(0)?, row.get(1)?, row.get(2)?);
            let waited_ms = end.map(|_| row.get::<_, i64>(4)).transpose()?;
            let mut within = Within::default();
            if let (Some(end), Some(ms)) = (end, waited_ms) {
                within.add(threshold, unsigned(ms), end == Measure::Answered);
            }
            let (until, queue) = (waited_ms.map(|ms| key.0 + ms), Some(subject));
            into.push(Thing { key, until, queue, agent: None, outcome, counts, within });
            Ok(())
        };
        self.each(sql, subject, range, of, thing)
    }

    fn parts_of(
        &self,
        (subject, by_queue): (i64, bool),
        range: (i64, i64),
        of: &Of,
        into: &mut Vec<Thing>,
    ) -> Result<(), Error> {
        let whose = if by_queue { "p.queue" } else { "p.agent" };
        let sql = format!(
            "SELECT p.ended_at, p.call, p.no, p.talk_ms, p.hold_ms, p.wrap_up_ms, p.queue, p.agent,
               p.disposition
             FROM json_each(?8) AS t
             CROSS JOIN history_part AS p ON p.stream = ?4 AND p.call = t.value
             CROSS JOIN history_call AS c ON c.stream = ?4 AND c.call = t.value
             WHERE {whose} = ?1 AND p.ended_at >= ?2 AND p.ended_at < ?3 AND OF_CALLS"
        );
        let first = into.len();
        let thing = |row: &Row<'_>| {
            let mut counts = Counts::default();
            counts.add(Measure::Handled, 1);
            counts.add(Measure::TalkMs, row.get(3)?);
            counts.add(Measure::HoldMs, row.get(4)?);
            if let Some(wrap_up_ms) = row.get::<_, Option<i64>>(5)? {
                counts.add(Measure::WrapUps, 1);
                counts.add(Measure::WrapUpMs, wrap_up_ms);
            }
            let key = (row.get(0)?, row.get(1)?, row.get(2)?);
            let (queue, agent, outcome) = (row.get(6)?, row.get(7)?, row.get(8)?);
            let (until, within) = (None, Within::default());
            into.push(Thing { key, until, queue, agent, outcome, counts, within });
            Ok(())
        };
        self.each(&sql, subject, range, of, thing)?;
        if of.disposition.is_some() {
            let rest = into.split_off(first);
            into.extend(rest.into_iter().filter(|thing| thing.outcome == of.disposition));
        }
        Ok(())
    }

    fn offers_of(
        &self,
        (subject, by_queue): (i64, bool),
        range: (i64, i64),
        of: &Of,
        into: &mut Vec<Thing>,
    ) -> Result<(), Error> {
        let whose = if by_queue { "o.queue" } else { "o.agent" };
        let sql = format!(
            "SELECT o.made_at, o.call, o.offer, o.outcome, o.ended_at, o.answer_ms, o.queue, o.agent
             FROM json_each(?8) AS t
             CROSS JOIN history_offer AS o ON o.stream = ?4 AND o.call = t.value
             CROSS JOIN history_call AS c ON c.stream = ?4 AND c.call = t.value
             WHERE {whose} = ?1 AND o.made_at >= ?2 AND o.made_at < ?3 AND OF_CALLS"
        );
        let thing = |row: &Row<'_>| {
            let outcome: Option<String> = row.get(3)?;
            let mut counts = Counts::default();
            counts.add(Measure::Offers, 1);
            if let Some(end) = outcome.as_deref().and_then(Measure::parse) {
                counts.add(end, 1);
                counts.add(Measure::AnswerMs, row.get(5)?);
            }
            let key = (row.get(0)?, row.get(1)?, row.get(2)?);
            let until = row.get::<_, Option<i64>>(4)?.filter(|_| outcome.is_some());
            let (queue, agent, within) = (row.get(6)?, row.get(7)?, Within::default());
            into.push(Thing { key, until, queue, agent, outcome, counts, within });
            Ok(())
        };
        self.each(&sql, subject, range, of, thing)
    }

    fn owns_of(&self, subject: i64, range: (i64, i64), into: &mut Vec<Thing>) -> Result<(), Error> {
        let mut found = self.db.prepare_cached(
            "SELECT began_at, ended_at FROM history_own
             WHERE agent = ?1 AND began_at >= ?2 AND began_at < ?3 AND NOT internal",
        )?;
        let mut rows = found.query((subject, range.0, range.1))?;
        let mut no = 0;
        while let Some(row) = rows.next()? {
            let (began, until): (i64, Option<i64>) = (row.get(0)?, row.get(1)?);
            let mut counts = Counts::default();
            counts.add(Measure::OwnCalls, 1);
            if let Some(took_ms) = until.map(|until| until - began).filter(|ms| *ms > 5_000) {
                counts.add(Measure::OwnConversations, 1);
                counts.add(Measure::OwnMs, took_ms);
            }
            no += 1;
            let (queue, agent, outcome) = (None, Some(subject), None);
            // None of the engine's calls: the agents tell them apart.
            let (key, within) = ((began, -subject, no), Within::default());
            into.push(Thing { key, until, queue, agent, outcome, counts, within });
        }
        Ok(())
    }

    fn spans_of(
        &self,
        subject: i64,
        (from, until): (i64, i64),
        into: &mut Vec<Thing>,
    ) -> Result<(), Error> {
        for Span { began_at, ended_at, state } in self.spans(subject, (from, until), usize::MAX)? {
            let (begins, ends) = (began_at.max(from), ended_at.min(until));
            let counts = span_counts(ends - begins, &state);
            let outcome = state.detail.map(|detail| detail.word().to_owned());
            let (queue, agent) = (None, Some(subject));
            let (key, until, within) = ((begins, -subject, 0), Some(ends), Within::default());
            into.push(Thing { key, until, queue, agent, outcome, counts, within });
        }
        Ok(())
    }
}

fn stay_counts(row: &Row<'_>, end: Option<Measure>) -> rusqlite::Result<Counts> {
    let mut counts = Counts::default();
    counts.add(Measure::Offered, 1);
    let waited_ms: i64 = row.get(4)?;
    if let Some(end) = end {
        let band = band(unsigned(waited_ms));
        counts.add(end, 1);
        counts.add(Sum::LeftWithin(band), 1);
        counts.waited(unsigned(waited_ms));
        match end {
            Measure::Answered => {
                counts.add(Measure::WaitAnsweredMs, waited_ms);
                counts.add(Sum::AnsweredWithin(band), 1);
            }
            Measure::Abandoned => counts.add(Measure::WaitAbandonedMs, waited_ms),
            _ => {}
        }
    }
    let when = |column| -> rusqlite::Result<i64> { Ok(i64::from(row.get::<_, bool>(column)?)) };
    counts.add(Measure::ShortAbandoned, when(5)?);
    counts.add(Measure::Transferred, when(6)?);
    counts.add(Measure::CallbacksReached, when(7)?);
    counts.add(Measure::CallbacksMissed, row.get(8)?);
    counts.add(Measure::Callbacks, when(9)?);
    Ok(counts)
}

fn span_counts(ms: i64, state: &State) -> Counts {
    let State { status, detail, work, capacity, .. } = *state;
    let mut counts = Counts::default();
    if work > 0 {
        counts.add(Measure::OccupiedMs, ms);
        counts.add(Measure::ServiceMs, ms * work);
    }
    let Some(detail) = detail else { return counts };
    counts.add(Sum::In(detail), ms);
    counts.add(Measure::LoggedInMs, ms);
    counts.add(Measure::CapacityMs, ms * capacity);
    if status == Status::Ready {
        counts.add(Measure::ReadyMs, ms);
        if detail == Detail::Idle {
            counts.add(Measure::IdleMs, ms);
        }
    }
    counts
}
