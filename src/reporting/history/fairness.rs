//! How evenly agents were rung in intervals of the past: in queues from the rows of offers, and from who
//! had a place there then; in teams from the sums of who is in them now.

use super::read::{Look, Wish};
use super::whose::Part;
use super::{Across, Error};
use crate::domain::ids::Name;
use crate::domain::presence::Detail;
use crate::domain::time::Millis;
use crate::reporting::figures::{Measure, Sum};
use std::collections::{BTreeMap, BTreeSet};

/// Among whom shares of the offers are told.
#[derive(Clone, Debug)]
pub enum Among {
    /// All of the account.
    All,
    /// Those who were rung for a queue or group, or had a place there.
    Queue(Across, Name),
    /// Those in a team.
    Team(Name),
}

/// Offers by interval: of all, and of each agent where that is not what the agent's own sums say.
pub struct Shares {
    whole: Vec<i64>,
    own: Option<BTreeMap<Name, Vec<i64>>>,
    only: Option<BTreeSet<Name>>,
}

impl Shares {
    /// Whether an agent is among those of whom shares are told.
    #[must_use]
    pub fn has(&self, agent: &str) -> bool {
        self.own.as_ref().is_none_or(|own| own.contains_key(agent))
            && self.only.as_ref().is_none_or(|only| only.contains(agent))
    }

    /// Of these agents only, where there is a choice.
    #[must_use]
    pub fn only(mut self, agents: Option<&[Name]>) -> Shares {
        if let Some(agents) = agents {
            self.only = Some(agents.iter().cloned().collect());
        }
        self
    }

    /// The agent's offers in an interval, and those of all. `own`: as the agent's own sums say.
    #[must_use]
    pub fn of(&self, agent: &str, place: usize, own: i64) -> (i64, i64) {
        let own = match &self.own {
            Some(all) => all.get(agent).and_then(|of| of.get(place)).copied().unwrap_or(0),
            None => own,
        };
        (own, self.whole.get(place).copied().unwrap_or(0))
    }
}

impl Look<'_> {
    /// Offers by interval, among some.
    ///
    /// # Errors
    /// [`Error::Restated`] when any changed after the record of `as_of`; [`Error::Sqlite`].
    pub fn shares(
        &self,
        among: &Among,
        edges: &[Millis],
        as_of: Option<u64>,
    ) -> Result<Shares, Error> {
        let (across, id) = match among {
            Among::All => (Across::Account, None),
            Among::Queue(kind, id) => (*kind, Some(id.to_string())),
            Among::Team(id) => (Across::Team, Some(id.to_string())),
        };
        let wish = Wish { id, as_of, ..Wish::all(across, 1, edges.to_vec()) };
        let told = self.sums(&wish, &|_| true)?;
        let sums = told.items.first().map(|(_, sums)| &sums[..]).unwrap_or_default();
        let whole = sums.iter().map(|sums| sums.counts.get(Measure::Offers)).collect();
        let own = match among {
            Among::Queue(kind, id) => match self.subject(kind.word(), id)? {
                Some(queue) => Some(self.named(self.rung(queue, edges)?)?),
                None => Some(BTreeMap::new()),
            },
            Among::All | Among::Team(_) => None,
        };
        Ok(Shares { whole, own, only: None })
    }

    fn named(&self, by: BTreeMap<i64, Vec<i64>>) -> Result<BTreeMap<Name, Vec<i64>>, Error> {
        by.into_iter().map(|(agent, offers)| Ok((self.name(agent)?, offers))).collect()
    }

    /// How often each agent was rung for a queue, by interval; of who had a place there, too.
    fn rung(&self, queue: i64, edges: &[Millis]) -> Result<BTreeMap<i64, Vec<i64>>, Error> {
        let (Some(first), Some(last)) = (edges.first(), edges.last()) else {
            return Ok(BTreeMap::new());
        };
        let mut by = BTreeMap::new();
        for (agent, ..) in self.places(queue, (*first, *last))? {
            by.entry(agent).or_insert_with(|| vec![0; edges.len() - 1]);
        }
        let mut offers = self.db.prepare_cached(
            "SELECT agent, made_at FROM json_each(?1) AS t
             CROSS JOIN history_offer ON stream = ?2 AND call = t.value
             WHERE queue = ?3 AND made_at >= ?4 AND made_at < ?5 ORDER BY made_at",
        )?;
        let mut place = 0;
        self.with(queue, (first.0, last.0), |Part { from, until, calls }| {
            let mut rows = offers.query((calls, self.stream, queue, from, until))?;
            while let Some(row) = rows.next()? {
                let (agent, at): (i64, i64) = (row.get(0)?, row.get(1)?);
                while place + 2 < edges.len() && at >= edges[place + 1].0 {
                    place += 1;
                }
                let of = by.entry(agent).or_insert_with(|| vec![0; edges.len() - 1]);
                if let Some(count) = of.get_mut(place) {
                    *count += 1;
                }
            }
            Ok(())
        })?;
        Ok(by)
    }

    /// Who had a place in a queue, opted in: from when until when (not yet over: the end of time), and
    /// whether the status ready was needed.
    fn places(
        &self,
        queue: i64,
        (from, until): (Millis, Millis),
    ) -> Result<Vec<(i64, i64, i64, bool)>, Error> {
        let mut found = self.db.prepare_cached(
            "SELECT agent, began_at, coalesce(ended_at, ?4), ready FROM history_member
             WHERE queue = ?1 AND began_at < ?3 AND (ended_at IS NULL OR ended_at > ?2)",
        )?;
        let found = found.query_map((queue, from.0, until.0, i64::MAX), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// By interval, how often each was rung for a queue who counts: who had a place there and was idle
    /// in the interval with the status that was needed, and whoever was rung.
    ///
    /// # Errors
    /// [`Error::Restated`] when time of any changed after the record of `as_of`; [`Error::Sqlite`].
    pub fn spread(
        &self,
        across: Across,
        id: &str,
        edges: &[Millis],
        as_of: Option<u64>,
    ) -> Result<Vec<Vec<i64>>, Error> {
        let mut spread = vec![Vec::new(); edges.len().saturating_sub(1)];
        let Some(queue) = self.subject(across.word(), id)? else { return Ok(spread) };
        let (Some(first), Some(last)) = (edges.first(), edges.last()) else { return Ok(spread) };
        let places = self.places(queue, (*first, *last))?;
        for (agent, offers) in self.rung(queue, edges)? {
            let own = places.iter().filter(|(of, ..)| *of == agent);
            let own: Vec<&(i64, i64, i64, bool)> = own.collect();
            let idle = if own.is_empty() { Vec::new() } else { self.idle(agent, edges, as_of)? };
            for (place, rung) in offers.into_iter().enumerate() {
                let (begins, ends) = (edges[place].0, edges[place + 1].0);
                let is_there = |(_, from, until, ready): &&(i64, i64, i64, bool)| {
                    let (any, with_ready) = idle.get(place).copied().unwrap_or_default();
                    *from < ends && *until > begins && if *ready { with_ready } else { any } > 0
                };
                if rung > 0 || own.iter().any(is_there) {
                    spread[place].push(rung);
                }
            }
        }
        Ok(spread)
    }

    /// By interval, how often each of some agents was rung, for whatever queue: of those who were idle
    /// at some time of the interval, with whatever status, or rung.
    ///
    /// # Errors
    /// [`Error::Restated`] when anything of theirs changed after the record of `as_of`;
    /// [`Error::Sqlite`].
    pub fn spread_of(
        &self,
        agents: &[Name],
        edges: &[Millis],
        as_of: Option<u64>,
    ) -> Result<Vec<Vec<i64>>, Error> {
        let mut spread = vec![Vec::new(); edges.len().saturating_sub(1)];
        for agent in agents {
            let Some(agent) = self.subject(Across::Agent.word(), agent)? else { continue };
            for (place, counts) in self.counts_of(agent, edges, as_of)?.iter().enumerate() {
                let rung = counts.get(Measure::Offers);
                if rung > 0 || counts.get(Sum::In(Detail::Idle)) > 0 {
                    spread[place].push(rung);
                }
            }
        }
        Ok(spread)
    }

    /// By interval, how long an agent was idle: with whatever status, and with the status ready, ms.
    fn idle(
        &self,
        agent: i64,
        edges: &[Millis],
        as_of: Option<u64>,
    ) -> Result<Vec<(i64, i64)>, Error> {
        let counts = self.counts_of(agent, edges, as_of)?;
        let idle = |counts: &crate::reporting::figures::Counts| {
            (counts.get(Sum::In(Detail::Idle)), counts.get(Measure::IdleMs))
        };
        Ok(counts.iter().map(idle).collect())
    }
}
