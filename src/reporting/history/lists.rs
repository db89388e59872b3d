//! Rows of the history: calls with their stays, offers and agents' parts, and agents' time.

use super::Error;
use super::read::Look;
use super::schema::{signed, unsigned};
use crate::domain::ids::{CallId, Name, OfferId};
use crate::domain::time::Millis;
use rusqlite::Row;
use serde_json::{Value, json};

/// Calls that are asked for.
#[derive(Clone, Debug)]
pub struct CallWish {
    /// That arrived at this instant or later, …
    pub from: Millis,
    /// … and before this one.
    pub until: Millis,
    /// That were in this queue or group.
    pub queue: Option<String>,
    /// That were offered to this agent, or had them on the line.
    pub agent: Option<String>,
    /// That ended so; `open`: that have not.
    pub outcome: Option<String>,
    /// Callbacks alone.
    pub callbacks: bool,
    /// Those after this one.
    pub after: Option<CallId>,
    /// So many at most.
    pub limit: usize,
}

/// A call, and who and what it was with.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its id.
    pub id: CallId,
    /// As it is told.
    pub body: Value,
    /// The queues and groups that it was in.
    pub queues: Vec<Name>,
    /// Who was offered it or had it.
    pub agents: Vec<Name>,
}

fn at(ms: Option<i64>) -> Value {
    ms.map_or(Value::Null, |ms| json!(Millis(ms).rfc3339()))
}

fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<String>> {
    row.get(column)
}

/// The least id of calls that arrived at an instant or later.
fn first_call(at: Millis) -> i64 {
    signed(CallId::after(CallId(0), at).0.saturating_sub(1)).max(0)
}

impl Look<'_> {
    /// Tells calls by their arrival, those that `sees` lets through; and whether there are more.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn calls(
        &self,
        wish: &CallWish,
        sees: &dyn Fn(&Call) -> bool,
    ) -> Result<(Vec<Call>, bool), Error> {
        let (queue, agent) = (self.line(wish.queue.as_deref())?, wish.agent.as_deref());
        let agent = agent.map(|agent| self.subject("agent", agent)).transpose()?;
        if queue == Some(None) || agent == Some(None) {
            return Ok((Vec::new(), false));
        }
        let of_agent =
            agent.flatten().map(|agent| self.all_with(agent, wish.from.0)).transpose()?;
        let mut found = self.db.prepare_cached(
            "SELECT call, ended_at, outcome, reason, media, number, skills, callback, of
             FROM history_call AS c WHERE stream = ?1 AND call > ?2 AND call < ?3
             AND (?4 IS NULL OR outcome = ?4 OR (?4 = 'open' AND ended_at IS NULL))
             AND (NOT ?5 OR callback)
             AND (?6 IS NULL OR EXISTS (SELECT 1 FROM history_stay AS s
                  WHERE s.stream = ?1 AND s.call = c.call AND s.queue = ?6))
             AND (?7 IS NULL OR call IN (SELECT value FROM json_each(?7)))
             ORDER BY call",
        )?;
        let after = wish.after.map_or(0, |after| signed(after.0));
        let mut rows = found.query((
            self.stream,
            after.max(first_call(wish.from)),
            first_call(wish.until).saturating_add(1),
            wish.outcome.as_deref(),
            wish.callbacks,
            queue.flatten(),
            of_agent,
        ))?;
        let mut calls = Vec::new();
        while let Some(row) = rows.next()? {
            let call = self.call(row)?;
            if !sees(&call) {
                continue;
            }
            if calls.len() == wish.limit {
                return Ok((calls, true));
            }
            calls.push(call);
        }
        Ok((calls, false))
    }

    /// A queue or group by its name; `Some(None)`: there is none of that name.
    fn line(&self, name: Option<&str>) -> Result<Option<Option<i64>>, Error> {
        let Some(name) = name else { return Ok(None) };
        let queue = self.subject("queue", name)?;
        Ok(Some(if queue.is_some() { queue } else { self.subject("group", name)? }))
    }

    fn call(&self, row: &Row<'_>) -> Result<Call, Error> {
        let key: i64 = row.get(0)?;
        let id = CallId(unsigned(key));
        let (mut queues, mut agents) = (Vec::new(), Vec::new());
        let (stays, offers) = (self.stays(key, &mut queues)?, self.offers(key, &mut agents)?);
        let parts = self.parts(key, &mut agents)?;
        let skills = text(row, 6)?.unwrap_or_default();
        let skills: Vec<&str> = skills.split(',').filter(|skill| !skill.is_empty()).collect();
        let of = row.get::<_, Option<i64>>(8)?.map(|of| CallId(unsigned(of)).to_string());
        let body = json!({
            "id": id.to_string(),
            "arrived_at": id.made_at().rfc3339(),
            "ended_at": at(row.get(1)?),
            "outcome": text(row, 2)?,
            "reason": text(row, 3)?,
            "media": text(row, 4)?,
            "to": text(row, 5)?,
            "skills": skills,
            "callback": row.get::<_, bool>(7)?,
            "callback_of": of,
            "stays": stays,
            "offers": offers,
            "agents": parts,
        });
        queues.sort_unstable();
        queues.dedup();
        agents.sort_unstable();
        agents.dedup();
        Ok(Call { id, body, queues, agents })
    }

    fn stays(&self, call: i64, queues: &mut Vec<Name>) -> Result<Vec<Value>, Error> {
        let mut found = self.db.prepare_cached(
            "SELECT queue, entered_at, outcome, waited_ms, short, transferred, exit, reached, missed
             FROM history_stay WHERE stream = ?1 AND call = ?2 ORDER BY no",
        )?;
        let mut rows = found.query((self.stream, call))?;
        let mut stays = Vec::new();
        while let Some(row) = rows.next()? {
            let queue = self.name(row.get(0)?)?;
            stays.push(json!({
                "queue": queue,
                "entered_at": at(row.get(1)?),
                "outcome": text(row, 2)?,
                "waited_ms": row.get::<_, i64>(3)?,
                "short_abandoned": row.get::<_, bool>(4)?,
                "transferred": row.get::<_, bool>(5)?,
                "exit": text(row, 6)?,
                "customer_reached": row.get::<_, bool>(7)?,
                "customer_missed": row.get::<_, i64>(8)?,
            }));
            queues.push(queue);
        }
        Ok(stays)
    }

    fn offers(&self, call: i64, agents: &mut Vec<Name>) -> Result<Vec<Value>, Error> {
        let mut found = self.db.prepare_cached(
            "SELECT offer, agent, queue, made_at, outcome, ended_at, answer_ms
             FROM history_offer WHERE stream = ?1 AND call = ?2 ORDER BY offer",
        )?;
        let mut rows = found.query((self.stream, call))?;
        let mut offers = Vec::new();
        while let Some(row) = rows.next()? {
            let (agent, queue) = (self.name(row.get(1)?)?, self.name(row.get(2)?)?);
            let outcome = text(row, 4)?;
            let ended_at = row.get::<_, Option<i64>>(5)?.filter(|_| outcome.is_some());
            offers.push(json!({
                "id": OfferId(unsigned(row.get(0)?)).to_string(),
                "agent": agent,
                "queue": queue,
                "made_at": at(row.get(3)?),
                "outcome": outcome,
                "ended_at": at(ended_at),
                "answer_ms": row.get::<_, i64>(6)?,
            }));
            agents.push(agent);
        }
        Ok(offers)
    }

    fn parts(&self, call: i64, agents: &mut Vec<Name>) -> Result<Vec<Value>, Error> {
        let mut found = self.db.prepare_cached(
            "SELECT agent, queue, began_at, ended_at, talk_ms, hold_ms, wrap_up_ms, disposition
             FROM history_part WHERE stream = ?1 AND call = ?2 ORDER BY no",
        )?;
        let mut rows = found.query((self.stream, call))?;
        let mut parts = Vec::new();
        while let Some(row) = rows.next()? {
            let agent = self.name(row.get(0)?)?;
            let queue = row.get::<_, Option<i64>>(1)?.map(|queue| self.name(queue)).transpose()?;
            parts.push(json!({
                "agent": agent,
                "queue": queue,
                "began_at": at(row.get(2)?),
                "ended_at": at(row.get(3)?),
                "talk_ms": row.get::<_, i64>(4)?,
                "hold_ms": row.get::<_, i64>(5)?,
                "wrap_up_ms": row.get::<_, Option<i64>>(6)?,
                "disposition": text(row, 7)?,
            }));
            agents.push(agent);
        }
        Ok(parts)
    }

    /// An agent's time from one instant until another, in order; and where it goes on.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn timeline(
        &self,
        agent: &str,
        (from, until): (Millis, Millis),
        limit: usize,
    ) -> Result<(Vec<Value>, Option<Millis>), Error> {
        let Some(agent) = self.subject("agent", agent)? else { return Ok((Vec::new(), None)) };
        let mut spans = self.spans(agent, (from.0, until.0), limit.saturating_add(1))?;
        let next = spans.get(limit).map(|span| Millis(span.began_at));
        spans.truncate(limit);
        let told = spans.iter().map(|span| {
            json!({
                "from": at(Some(span.began_at)),
                "to": at(Some(span.ended_at)),
                "ms": span.ended_at - span.began_at,
                "status": span.state.status,
                "detail": span.state.detail,
                "reason": span.state.reason,
            })
        });
        Ok((told.collect(), next))
    }
}
