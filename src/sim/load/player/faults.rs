//! The floor when things go wrong on purpose: agents who leave, a switch that starts anew.

use super::{Player, State, micros};
use crate::domain::time::Millis;
use crate::sim::load::checks::Check;
use crate::sim::load::flapping::News;
use crate::sim::load::wire::{self, Command, Say};
use rand::RngExt;
use rand_pcg::Pcg64;

/// So many agents are looked at for one who works.
const LEAVERS: usize = 20;

impl Player {
    /// An offer is withdrawn that rang in vain: where the engine heard of the miss only after that, it
    /// was none, and the agent is not left alone for it.
    pub(super) fn cancelled(&mut self, command: &Command<'_>, now_us: u64) {
        let offer = command.offer.as_deref().unwrap_or_default();
        let missed = self.missed.remove(offer).and_then(|agent| self.agents.get_mut(agent));
        if let Some(agent) = missed.filter(|agent| agent.missed) {
            (agent.free_us, agent.missed, agent.tainted) = (now_us, false, true);
        }
    }

    /// Somebody who is not on the way out already, and rather one who works: who, and whether so.
    pub fn leaver(&self, dice: &mut Pcg64) -> Option<(usize, bool)> {
        let mut found = None;
        for _ in 0..LEAVERS {
            let index = dice.random_range(0..self.agents.len().max(1));
            let Some(agent) = self.agents.get(index).filter(|agent| !agent.leaves) else {
                continue;
            };
            if agent.used.is_some() {
                return Some((index, true));
            }
            found = found.or(Some((index, false)));
        }
        found
    }

    /// This agent is told to leave.
    pub fn leaves(&mut self, index: usize) {
        if let Some(agent) = self.agents.get_mut(index) {
            (agent.leaves, agent.tainted) = (true, true);
        }
    }

    /// What the server made of an agent who leaves.
    pub fn learn(&mut self, news: &News) {
        let (News::Away(index, _)
        | News::Returning(index)
        | News::Back(index)
        | News::Refused(index, _)) = news;
        let Some(agent) = self.agents.get_mut(*index) else { return };
        match news {
            News::Away(_, since) => {
                agent.away = *since;
                if let (Some(since), Some(at)) = (*since, agent.rung_at)
                    && at > since
                {
                    let user = format!("{}{index}", wire::USER);
                    self.checks.broken(Check::NoAgentAway, || away(&user, since, at));
                }
            }
            News::Returning(_) => agent.away = None,
            News::Back(_) => (agent.leaves, agent.tainted) = (false, true),
            News::Refused(_, why) => {
                let how = || format!("a change of status was refused: {why}");
                self.checks.broken(Check::EventsTaken, how);
            }
        }
    }

    /// The switch starts anew, under another name: its calls are gone, callers and all, and what was
    /// not heard by the engine never will be. Calls that were due meanwhile never came.
    pub fn restart(&mut self, boot: String, now_us: u64) {
        for event in self.outbox.restart(boot) {
            let is = |kind: &str| event.text.contains(&format!("\"type\":\"{kind}\""));
            self.tally.unsure.arrived += u64::from(is("call.arrived"));
            self.tally.unsure.abandoned += u64::from(is("call.abandoned"));
        }
        let talked_us = now_us + micros(self.habits.wrap_up);
        for agent in &mut self.agents {
            let state = agent.used.and_then(|call| self.calls.get(&call)).map(|call| call.state);
            self.tally.unsure.answered += u64::from(state == Some(State::Answered));
            match state {
                // Joined: the engine ends the call when it hears of the start, or later.
                Some(State::Talking) => agent.free_us = talked_us,
                Some(_) => agent.free_us = now_us,
                // Perhaps the miss was not heard.
                None if agent.missed => agent.free_us = agent.free_us.min(now_us),
                None => {}
            }
            (agent.used, agent.missed, agent.tainted) = (None, false, true);
        }
        self.tally.restarted += self.calls.len() as u64;
        self.calls.clear();
        self.missed.clear();
        self.agenda.clear();
        self.schedule.skip(now_us);
        self.say(Say::Started, now_us);
    }
}

/// In words: rung although away.
pub(super) fn away(user: &str, since: Millis, at: Millis) -> String {
    format!("{user} is rung at {}, away since {}", at.rfc3339(), since.rfc3339())
}
