//! What is counted is taken in here and written. What was taken waits until it is written, also when
//! writing fails: nothing is lost but by a crash, and then the fold tells it again.

use super::codes::Codes;
use super::rows::{PlaceRow, Rows};
use super::schema::{self, Position, signed};
use super::spans::{self, SpanRow, State, States};
use super::subjects::{LINE, Subjects, number as id};
use super::tally::{FIVE_MS, HOUR_MS, Sums, Tally};
use super::{Across, Error, whose};
use crate::domain::ids::{AgentIx, CallId, Name, QueueIx};
use crate::domain::objects::direct::DIRECT_LINE;
use crate::domain::objects::queue::QueueKind;
use crate::domain::time::Millis;
use crate::reporting::figures::notes::{CallFacts, Note, PartRow, Scope, Span, WrapUpRow};
use crate::reporting::figures::{Counts, Measure, Open};
use rusqlite::{Connection, OptionalExtension};
use std::collections::BTreeMap;

/// What a fold told since it was asked last.
#[derive(Debug)]
pub struct Batch {
    /// The account's stream.
    pub stream: u32,
    /// The last record that is in it, …
    pub seq: u64,
    /// … and its time.
    pub at: Millis,
    /// All agents' time was told up to that record.
    pub settled: bool,
    /// In the order in which it was counted.
    pub notes: Vec<Note>,
}

/// One account's.
struct Account {
    position: Position,
    place: usize,
    queues: Vec<usize>,
    agents: Vec<Agent>,
    /// The call that was counted for last, and its places.
    last: Option<(CallId, Vec<usize>)>,
}

struct Agent {
    place: usize,
    teams: Vec<usize>,
    /// The newest time of theirs: more of the same makes it longer.
    span: Option<SpanRow>,
}

/// The writing end of a history.
pub struct Keep {
    db: Connection,
    codes: Codes,
    subjects: Subjects,
    states: States,
    tally: Tally,
    accounts: BTreeMap<u32, Account>,
    rows: Rows,
    sums: Sums,
}

impl Keep {
    /// Over a file that was opened for writing.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn new(db: Connection) -> Result<Keep, Error> {
        let (codes, subjects) = (Codes::complete(&db)?, Subjects::read(&db)?);
        let states = States::read(&db)?;
        let (tally, accounts) = (Tally::default(), BTreeMap::new());
        let (rows, sums) = (Rows::default(), Sums::new());
        Ok(Keep { db, codes, subjects, states, tally, accounts, rows, sums })
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &Connection {
        &self.db
    }

    /// Gives the file back; what waits is lost.
    #[must_use]
    pub fn into_file(self) -> Connection {
        self.db
    }

    /// How its sums are written.
    #[must_use]
    pub fn codes(&self) -> &Codes {
        &self.codes
    }

    /// How much waits to be written, in rows.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.rows.len()
    }

    /// Takes in what was counted.
    pub fn take(&mut self, batch: Batch) {
        let stream = batch.stream;
        if !self.accounts.contains_key(&stream) {
            let place = self.subjects.place(stream, Across::Account.word(), &"account".into());
            let begun = Position { seq: 0, at: 0, settled: 0, kept_from: 0 };
            // What cannot be read now cannot be written later: that is told then.
            let position = schema::position(&self.db, stream).ok().flatten().unwrap_or(begun);
            let (queues, agents) = (Vec::new(), Vec::new());
            let account = Account { position, place, queues, agents, last: None };
            self.accounts.insert(stream, account);
        }
        for note in batch.notes {
            self.note(stream, note);
        }
        if let Some(account) = self.accounts.get_mut(&stream) {
            (account.position.seq, account.position.at) = (batch.seq, batch.at.0);
            if batch.settled {
                account.position.settled = batch.seq;
            }
        }
    }

    fn note(&mut self, stream: u32, note: Note) {
        match note {
            Note::Queue(ix, name, kind) => self.queue(stream, ix, &name, kind),
            Note::Agent(ix, name, teams) => self.agent(stream, ix, &name, &teams),
            Note::Place { queue, agent, at, is_in, ready } => {
                let ids = self.queue_id(stream, queue).zip(self.agent_id(stream, agent));
                if let Some((queue, agent)) = ids {
                    let at = at.0;
                    self.rows.places.push(PlaceRow { queue, agent, at, is_in, ready });
                }
            }
            Note::Count(scope, at, counted) => {
                self.each(stream, &scope, |tally, place| {
                    counted.all().iter().for_each(|of| tally.add(place, at, of.sum(), of.much()));
                });
            }
            Note::Waited(scope, at, ms) => {
                self.each(stream, &scope, |tally, place| tally.waited(place, at, ms));
            }
            Note::Disposed(part) => self.disposed(stream, &part),
            Note::Span(span) => self.span(stream, span),
            Note::Call(row) => self.rows.calls.push((stream, row)),
            Note::Stay(row) => {
                if let Some(queue) = self.queue_id(stream, row.queue) {
                    self.rows.stays.push((stream, queue, row));
                }
            }
            Note::Offer(row) => {
                let queue = self.queue_id(stream, row.queue);
                if let Some(ids) = self.agent_id(stream, row.agent).zip(queue) {
                    self.rows.offers.push((stream, ids, row));
                }
            }
            Note::Part(row) => {
                let queue = row.queue.and_then(|queue| self.queue_id(stream, queue));
                if let Some(agent) = self.agent_id(stream, row.agent) {
                    self.rows.parts.push((stream, (agent, queue), row));
                }
            }
            Note::Own(row) => {
                if let Some(agent) = self.agent_id(stream, row.agent) {
                    self.rows.owns.push((agent, row));
                }
            }
        }
    }

    fn queue(&mut self, stream: u32, ix: QueueIx, name: &Name, kind: QueueKind) {
        let kind = match kind {
            _ if **name == *DIRECT_LINE => LINE,
            QueueKind::Queue => Across::Queue.word(),
            QueueKind::Group => Across::Group.word(),
        };
        let place = self.subjects.place(stream, kind, name);
        let Some(account) = self.accounts.get_mut(&stream) else { return };
        // Numbers come in their order: one that is new is the next.
        match account.queues.get_mut(ix.at()) {
            Some(there) => *there = place,
            None => account.queues.push(place),
        }
    }

    fn agent(&mut self, stream: u32, ix: AgentIx, name: &Name, teams: &[Name]) {
        let subjects = &mut self.subjects;
        let place = subjects.place(stream, Across::Agent.word(), name);
        let team = |team| subjects.place(stream, Across::Team.word(), team);
        let teams = teams.iter().map(team).collect();
        let Some(account) = self.accounts.get_mut(&stream) else { return };
        match account.agents.get_mut(ix.at()) {
            Some(there) => there.teams = teams,
            None => {
                // An error here is one of the next write, too.
                let span = spans::newest(&self.db, id(place)).ok().flatten();
                account.agents.push(Agent { place, teams, span });
            }
        }
    }

    fn queue_id(&self, stream: u32, queue: QueueIx) -> Option<i64> {
        self.accounts.get(&stream)?.queues.get(queue.at()).map(|place| id(*place))
    }

    fn agent_id(&self, stream: u32, agent: AgentIx) -> Option<i64> {
        self.accounts.get(&stream)?.agents.get(agent.at()).map(|agent| id(agent.place))
    }

    /// For all in a scope, and the account.
    fn each(&mut self, stream: u32, scope: &Scope, mut count: impl FnMut(&mut Tally, usize)) {
        let Some(account) = self.accounts.get_mut(&stream) else { return };
        let tally = &mut self.tally;
        count(tally, account.place);
        if let Some(queue) = scope.queue.and_then(|queue| account.queues.get(queue.at())) {
            count(tally, *queue);
        }
        if let Some(agent) = scope.agent.and_then(|agent| account.agents.get(agent.at())) {
            count(tally, agent.place);
            agent.teams.iter().for_each(|team| count(tally, *team));
        }
        let Some(call) = &scope.call else { return };
        if account.last.as_ref().is_none_or(|(last, _)| *last != call.id) {
            account.last = Some((call.id, places(&mut self.subjects, stream, call)));
        }
        let places = account.last.as_ref().map_or(&[][..], |(_, places)| places);
        places.iter().for_each(|place| count(tally, *place));
    }

    fn disposed(&mut self, stream: u32, part: &PartRow) {
        let Some(disposition) = &part.disposition else { return };
        let place = self.subjects.place(stream, Across::Disposition.word(), disposition);
        let wrap_up_ms = match part.wrap_up {
            WrapUpRow::Took(ms) => ms,
            WrapUpRow::None | WrapUpRow::Open => 0,
        };
        for (measure, amount) in [
            (Measure::Handled, 1),
            (Measure::TalkMs, part.talk_ms),
            (Measure::HoldMs, part.hold_ms),
            (Measure::WrapUps, 1),
            (Measure::WrapUpMs, wrap_up_ms),
        ] {
            self.tally.add(place, part.ended_at, measure.into(), signed(amount));
        }
    }

    fn span(&mut self, stream: u32, span: Span) {
        let Some(account) = self.accounts.get_mut(&stream) else { return };
        let Some(agent) = account.agents.get_mut(span.agent.at()) else { return };
        let (time, rates) = ((span.from, span.until), span.doing.rates());
        for place in agent.teams.iter().chain([&agent.place, &account.place]) {
            self.tally.span(*place, time, &rates);
        }
        // What was planned is in the sums alone.
        if span.doing.is_away() {
            return;
        }
        let state = self.states.code(State {
            status: span.doing.status,
            detail: span.doing.detail,
            reason: span.reason,
            work: i64::from(span.doing.work),
            capacity: span.doing.detail.map_or(0, |_| i64::from(span.doing.capacity)),
        });
        let (began_at, ended_at) = (span.from.0, span.until.0);
        let row = SpanRow { agent: id(agent.place), began_at, ended_at, state };
        let row = match agent.span.filter(|last| last.goes_on(&row)) {
            Some(last) => SpanRow { ended_at, ..last },
            None => row,
        };
        agent.span = Some(row);
        self.rows.spans.push(row);
    }

    /// Writes all that waits, as one transaction with one sync.
    ///
    /// # Errors
    /// When it cannot be written; it waits on.
    pub fn write(&mut self) -> Result<(), Error> {
        self.tally.take(&mut self.sums);
        let written = self.transaction();
        match &written {
            Ok(()) => {
                self.rows.clear();
                self.sums.clear();
                self.subjects.written();
                self.states.written();
            }
            // SQLite may have rolled back by itself; then this fails, which does not matter.
            Err(_) => drop(self.db.execute_batch("ROLLBACK")),
        }
        written
    }

    fn transaction(&mut self) -> Result<(), Error> {
        self.db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        self.subjects.write(&self.db)?;
        self.states.write(&self.db)?;
        self.rows.write(&self.db)?;
        self.write_sums()?;
        let mut place = self.db.prepare_cached(
            "INSERT INTO history_stream (stream, seq, at, settled, kept_from) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET seq = ?2, at = ?3, settled = ?4",
        )?;
        for (stream, account) in &self.accounts {
            let Position { seq, at, settled, kept_from } = account.position;
            place.execute((stream, signed(seq), at, signed(settled), kept_from))?;
        }
        self.db.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }

    /// Sums of five minutes, and what they come to in hours, are added to those that are there.
    fn write_sums(&self) -> Result<(), Error> {
        let mut hours = Sums::new();
        for ((place, begins), counts) in &self.sums {
            let hour = begins.div_euclid(HOUR_MS) * HOUR_MS;
            hours.entry((*place, hour)).or_default().merge(counts);
        }
        self.write_grain(FIVE_MS, &self.sums)?;
        self.write_grain(HOUR_MS, &hours)
    }

    fn write_grain(&self, grain: i64, sums: &BTreeMap<(usize, i64), Counts>) -> Result<(), Error> {
        let mut read = self.db.prepare_cached(
            "SELECT sums FROM history_figures WHERE subject = ?1 AND grain = ?2 AND begins = ?3",
        )?;
        let mut put = self.db.prepare_cached(
            "INSERT OR REPLACE INTO history_figures (subject, grain, begins, seq, sums)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        let (mut bytes, mut there) = (Vec::new(), Open::default());
        for ((place, begins), counts) in sums {
            if counts.is_empty() {
                continue;
            }
            let before = read.query_row((id(*place), grain, begins), |row| {
                self.codes.decode(row.get_ref(0)?.as_blob().unwrap_or_default(), &mut there);
                Ok(())
            });
            match before.optional()? {
                Some(()) => {
                    there.merge(counts);
                    self.codes.encode(&there.closed(), &mut bytes);
                    there.clear();
                }
                None => self.codes.encode(counts, &mut bytes),
            }
            let account = self.accounts.get(&self.subjects.stream(*place));
            let seq = account.map_or(0, |account| account.position.seq);
            put.execute((id(*place), grain, begins, signed(seq), &bytes[..]))?;
        }
        Ok(())
    }

    /// Removes what was over before an instant.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn forget(&mut self, before: Millis) -> Result<(), Error> {
        // A whole hour, so that sums of both grains go together.
        let before = before.0.div_euclid(HOUR_MS) * HOUR_MS;
        // A call's id says when it arrived.
        let calls = before.saturating_mul(1 << 20);
        let forget = || -> Result<(), Error> {
            self.db.execute_batch("BEGIN IMMEDIATE")?;
            let mut sums = self.db.prepare_cached(
                "DELETE FROM history_figures WHERE subject = ?1 AND grain = ?2 AND begins < ?3",
            )?;
            let mut owns = self.db.prepare_cached(
                "DELETE FROM history_own WHERE agent = ?1 AND began_at < ?2 AND ended_at < ?2",
            )?;
            for subject in (0..self.subjects.len()).map(id) {
                sums.execute((subject, FIVE_MS, before))?;
                sums.execute((subject, HOUR_MS, before))?;
                spans::forget(&self.db, subject, before)?;
                whose::forget(&self.db, subject, before)?;
                owns.execute((subject, before))?;
            }
            let sql = "DELETE FROM history_member WHERE ended_at < ?1";
            self.db.execute(sql, [before])?;
            let streams: Vec<u32> = self
                .db
                .prepare_cached("SELECT stream FROM history_stream")?
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            for stream in streams {
                self.forget_calls(stream, calls)?;
            }
            let sql = "UPDATE history_stream SET kept_from = max(kept_from, ?1)";
            self.db.execute(sql, [before])?;
            Ok(self.db.execute_batch("COMMIT")?)
        };
        let forgotten = forget();
        match &forgotten {
            Ok(()) => {
                for account in self.accounts.values_mut() {
                    account.position.kept_from = account.position.kept_from.max(before);
                }
            }
            Err(_) => drop(self.db.execute_batch("ROLLBACK")),
        }
        forgotten
    }

    /// Calls that arrived before, unless they go on.
    fn forget_calls(&self, stream: u32, before: i64) -> Result<(), Error> {
        for table in ["history_stay", "history_offer", "history_part", "history_call"] {
            let sql = format!(
                "DELETE FROM {table} WHERE stream = ?1 AND call < ?2 AND NOT EXISTS (
                   SELECT 1 FROM history_call AS open WHERE open.stream = {table}.stream
                   AND open.call = {table}.call AND open.ended_at IS NULL)"
            );
            self.db.prepare_cached(&sql)?.execute((stream, before))?;
        }
        whose::keep_open(&self.db, stream, before)
    }
}

/// What a call counts for besides queue and agent, in places.
fn places(subjects: &mut Subjects, stream: u32, call: &CallFacts) -> Vec<usize> {
    let mut places = vec![subjects.place(stream, Across::Media.word(), &call.media.word().into())];
    let number = call.number.iter().map(|number| (Across::Number, number));
    let skills = call.skills.iter().map(|skill| (Across::Skill, skill));
    places
        .extend(number.chain(skills).map(|(kind, name)| subjects.place(stream, kind.word(), name)));
    places
}
