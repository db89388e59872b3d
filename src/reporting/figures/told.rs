//! Who keeps what the fold counts is told here: notes, from a record on, and the floor that they are
//! about. What agents do is settled at the edges of five minutes, so that an interval that is over has
//! all of its time.

use super::counts::Measure;
use super::notes::{CallRow, Counted, Note, OwnRow, Scope};
use super::people::OwnCall;
use super::{Figures, agent_at};
use crate::domain::event::Event;
use crate::domain::ids::{AgentIx, QueueIx};
use crate::domain::time::Millis;
use std::sync::Arc;

/// The finest intervals that are kept, ms.
pub const GRAIN_MS: i64 = 5 * 60_000;

/// A conversation of an own call is longer than this, ms.
const CONVERSATION_MS: u64 = 5_000;

impl Figures {
    /// From the record after `after` on, notes are taken; `settled`: who takes them was told all agents'
    /// time up to that record (0: never). A fold that is further along begins at once.
    pub fn watch(&mut self, after: u64, settled: u64) {
        self.notes.after = Some(after);
        self.notes.settled = settled;
        self.look_at_watch();
    }

    /// Whether notes are taken of what comes.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.notes.is_on
    }

    /// How much was noted since it was taken last.
    #[must_use]
    pub fn noted(&self) -> usize {
        self.notes.all.len()
    }

    /// What was noted since this was asked last.
    pub fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes.all)
    }

    /// Before a record: it may be the first that somebody wants to know of.
    pub(super) fn look_at_watch(&mut self) {
        let Some(after) = self.notes.after.filter(|_| !self.notes.is_on) else { return };
        if self.seq == self.notes.settled {
            self.tell_all(self.at);
        }
        if self.seq < after {
            return;
        }
        self.notes.is_on = true;
        self.note_queues();
        self.note_agents();
        self.note_places();
        for (_, call) in self.calls.sorted() {
            let (facts, stay) = (Arc::clone(&call.facts), call.stay.clone());
            let (ended_at, outcome, reason) = (None, None, None);
            if !call.is_over() {
                self.notes.all.push(Note::Call(CallRow { facts, ended_at, outcome, reason }));
            }
            self.notes.all.extend(stay.map(Note::Stay));
        }
    }

    /// Counts agents' time up to the last record, as what it was, if notes are taken of it: who has
    /// earlier records already would never hear of it.
    pub fn settle_now(&mut self) {
        // After a crash the last record may be one that is known already.
        self.look_at_watch();
        if self.notes.is_on {
            self.tell_all(self.at);
        }
    }

    /// When an edge of intervals lies before a record, agents' time is counted up to it.
    pub(super) fn settle_at_edge(&mut self, at: Millis) {
        let edge = at.0.div_euclid(GRAIN_MS) * GRAIN_MS;
        if self.at.0 < edge {
            self.tell_all(Millis(edge));
        }
    }

    fn tell_all(&mut self, at: Millis) {
        (0..self.people.len()).for_each(|ix| self.tell_time(agent_at(ix), at));
    }

    pub(super) fn note_queues(&mut self) {
        if self.notes.is_on {
            let all = (0..).map(QueueIx).zip(self.directory.all_queues());
            let all = all.map(|(ix, facts)| Note::Queue(ix, facts.id.clone(), facts.kind));
            self.notes.all.extend(all);
        }
    }

    pub(super) fn note_agents(&mut self) {
        if self.notes.is_on {
            let count = self.directory.agents().count();
            (0..count).for_each(|ix| self.note_agent(agent_at(ix)));
        }
    }

    pub(super) fn note_agent(&mut self, agent: AgentIx) {
        if let Some(facts) = self.directory.agent(agent) {
            let teams = || facts.teams.iter().map(|team| self.directory.team(*team).clone());
            self.notes.push(|| Note::Agent(agent, facts.id.clone(), teams().collect()));
        }
    }

    /// An own call, which the engine did not route.
    pub(super) fn own(&mut self, event: &Event, at: Millis) {
        match event {
            Event::OwnCallStarted { agent, switch, subject, internal } => {
                if !self.person(*agent).own_began(*switch, (subject, *internal), at) {
                    return;
                }
                let (began_at, ended_at, internal) = (at, None, *internal);
                if !internal {
                    let scope = Scope { agent: Some(*agent), ..Scope::default() };
                    self.count(scope, at, (Measure::OwnCalls, 1));
                }
                let (agent, subject) = (*agent, subject.clone());
                let row = OwnRow { agent, began_at, ended_at, subject, internal };
                self.notes.push(|| Note::Own(row));
            }
            Event::OwnCallEnded { agent, switch, subject } => {
                let call = self.person(*agent).own_ended(*switch, subject);
                call.into_iter().for_each(|call| self.own_ended(*agent, call, at));
            }
            _ => {}
        }
    }

    fn own_ended(&mut self, agent: AgentIx, call: OwnCall, at: Millis) {
        let OwnCall { subject, since, internal, .. } = call;
        let took_ms = at.since(since);
        if !internal && took_ms > CONVERSATION_MS {
            let scope = Scope { agent: Some(agent), ..Scope::default() };
            let mut counted = Counted::from((Measure::OwnConversations, 1));
            counted.push(Measure::OwnMs, super::calls::as_amount(took_ms));
            self.count(scope, since, counted);
        }
        let ended_at = Some(at);
        let row = OwnRow { agent, began_at: since, ended_at, subject, internal };
        self.notes.push(|| Note::Own(row));
    }
}
