//! What switches say: order, duplicates, starts, silence, sync; and the node's own restart.

use super::calls::Arriving;
use super::{Model, Parked, State};
use crate::domain::event::{Outcome, Withdrawn};
use crate::domain::objects::account::IdleClock;
use crate::sim::fact::Fact;
use crate::sim::step::{Report, What};

/// How long an event waits for those before it.
const GAP_MS: u64 = 2_000;
/// A switch that has promised to speak is suspected after so much silence.
pub(super) const SILENCE_MS: u64 = 30_000;
/// Calls are frozen for so long after a restart unless their switch speaks.
const FROZEN_MS: u64 = 5_000;

impl Model {
    pub(super) fn report(&mut self, report: &Report) {
        let Some(switch) = self.switch_named(&report.switch) else {
            return self.not_taken("rejected");
        };
        self.spoke(switch);
        let id = report.id.clone().unwrap_or_else(|| format!("line-{}", self.inputs));
        let key = (report.switch.clone(), id);
        if self.seen.contains(&key) {
            return self.not_taken("duplicate");
        }
        if let Some(boot) = &report.boot {
            let boots = &self.switches[switch].boots;
            if boots.contains(boot) && boots.last() != Some(boot) {
                return self.not_taken("ignored");
            }
            if !boots.contains(boot) {
                self.booted(switch, boot);
            }
        }
        self.seen.push(key);
        match report.seq {
            Some(seq) if !report.subject.is_empty() => self.in_order(switch, report, seq),
            _ => self.happened(switch, report),
        }
    }

    fn not_taken(&mut self, why: &'static str) {
        self.fact(Fact::NotTaken { why });
    }

    /// Applies an event in its place; parks one that is ahead of a gap.
    fn in_order(&mut self, switch: usize, report: &Report, seq: u64) {
        let call = self.call_named(switch, &report.subject);
        if call.is_some_and(|c| self.calls[c].state == State::Ended) {
            return self.not_taken("ignored");
        }
        let next = call.map_or(1, |c| self.calls[c].next_seq);
        if seq < next {
            return self.not_taken("ignored");
        }
        if seq > next {
            let until = self.now.plus(GAP_MS);
            self.parked.push(Parked { until, seq, report: report.clone() });
            return;
        }
        self.happened(switch, report);
        self.after(switch, &report.subject, seq);
    }

    /// Event `seq` of a call was applied: those parked right behind it follow.
    fn after(&mut self, switch: usize, subject: &str, mut seq: u64) {
        loop {
            if let Some(call) = self.call_named(switch, subject) {
                self.calls[call].next_seq = seq + 1;
            }
            let switch_name = self.switches[switch].name.clone();
            self.parked.retain(|p| {
                p.report.switch != switch_name || p.report.subject != subject || p.seq > seq
            });
            let next = self.parked.iter().position(|p| {
                p.report.switch == switch_name && p.report.subject == subject && p.seq == seq + 1
            });
            let Some(next) = next else { return };
            let parked = self.parked.remove(next);
            self.happened_quietly(switch, &parked.report);
            seq += 1;
        }
    }

    /// A parked event was acknowledged long ago: what becomes of it is not told any more.
    fn happened_quietly(&mut self, switch: usize, report: &Report) {
        let before = self.facts.len();
        self.happened(switch, report);
        let late = self.facts.split_off(before);
        self.facts.extend(late.into_iter().filter(|f| !matches!(f, Fact::NotTaken { .. })));
    }

    /// The gap did not close in time: the lowest parked event of that call is applied.
    pub(super) fn gap_over(&mut self, parked: usize) {
        let (switch, subject) = {
            let report = &self.parked[parked].report;
            (report.switch.clone(), report.subject.clone())
        };
        let of_call = |p: &Parked| p.report.switch == switch && p.report.subject == subject;
        let lowest = (0..self.parked.len())
            .filter(|i| of_call(&self.parked[*i]))
            .min_by_key(|i| self.parked[*i].seq);
        let (Some(lowest), Some(at)) = (lowest, self.switch_named(&switch)) else { return };
        let first = self.parked.remove(lowest);
        self.happened_quietly(at, &first.report);
        self.after(at, &subject, first.seq);
    }

    fn happened(&mut self, switch: usize, report: &Report) {
        let name = &report.subject;
        let call = self.call_named(switch, name);
        let live = call.filter(|c| self.calls[*c].state != State::Ended);
        match &report.what {
            What::Arrived { to, media, priority, skills, from, steps, preferred } => {
                if call.is_some() {
                    return self.not_taken("ignored");
                }
                let replayed = report.replayed;
                let what = Arriving {
                    to,
                    media: *media,
                    priority: *priority,
                    skills,
                    from,
                    steps: steps.as_deref(),
                    preferred: preferred.as_ref(),
                    replayed,
                };
                self.arrive(switch, name, &what);
            }
            What::OwnCall { agent, started } => self.own_call(switch, name, agent, *started),
            What::Device { agent, lost } => self.device(agent, *lost),
            What::Started | What::Unknown => {}
            What::Heartbeat => self.switches[switch].heartbeat = true,
            What::Sync(calls) => {
                let listed: Vec<_> = calls.iter().map(|(call, _)| call.as_str()).collect();
                self.synced(switch, &listed);
            }
            what => match live {
                Some(call) => {
                    self.heard_about(call, report.replayed);
                    self.about_call(call, what);
                }
                None => self.not_taken("ignored"),
            },
        }
    }

    fn about_call(&mut self, call: usize, what: &What) {
        match what {
            What::Abandoned => self.abandon(call),
            What::Ended(by) => self.ended(call, *by),
            What::Updated { priority, skills } => {
                if let Some(priority) = priority {
                    self.calls[call].priority.0 = *priority;
                }
                if let Some(skills) = skills {
                    self.calls[call].skills.0 = skills.clone();
                }
            }
            What::Held => self.hold(call, true),
            What::Resumed => self.hold(call, false),
            What::Transferred { to, attended } => self.transferred(call, to, *attended),
            What::Choice => self.asks_to_leave(call),
            What::Customer(None) => self.customer_answered(call),
            What::Customer(Some(_)) => self.customer_missed(call),
            What::Overflowed if self.calls_back(call) => {}
            What::Overflowed => self.end(call, Outcome::Failed, Withdrawn::Ended),
            What::Ringing { agent } | What::Answered { agent } | What::Failed { agent, .. } => {
                let offer = self
                    .offers
                    .iter()
                    .rposition(|o| o.call == call && self.agents[o.agent].name == *agent);
                match (offer, what) {
                    (None, _) => self.not_taken("ignored"),
                    (Some(offer), What::Answered { .. }) => self.answered(offer),
                    (Some(offer), What::Failed { reason, .. }) => self.failed(offer, *reason),
                    (Some(offer), _) => {
                        if self.offers[offer].ending.is_none() {
                            self.offers[offer].ringing = true;
                        }
                    }
                }
            }
            _ => {}
        }
    }

    fn hold(&mut self, call: usize, held: bool) {
        if matches!(self.calls[call].state, State::Connected { .. }) {
            self.calls[call].held = held;
        }
    }

    /// A start not seen before ends the calls of the one before.
    fn booted(&mut self, switch: usize, boot: &str) {
        let first = self.switches[switch].boots.is_empty();
        self.switches[switch].boots.push(boot.to_owned());
        if first {
            return;
        }
        self.switches[switch].heartbeat = false;
        let name = self.switches[switch].name.clone();
        self.parked.retain(|p| p.report.switch != name);
        for call in self.calls.iter_mut().filter(|c| c.switch == switch) {
            // It counts anew.
            call.next_seq = 1;
        }
        self.lose(switch, &[], true);
    }

    /// All live calls of a switch: those it does not hold are lost, also those the engine did not route.
    fn synced(&mut self, switch: usize, listed: &[&str]) {
        for call in &mut self.calls {
            if call.switch == switch {
                call.frozen_until = None;
            }
        }
        self.lose(switch, listed, false);
    }

    fn lose(&mut self, switch: usize, but: &[&str], started_anew: bool) {
        for agent in 0..self.agents.len() {
            let own = &mut self.agents[agent].own_calls;
            let before = own.len();
            own.retain(|(s, name)| *s != switch || but.contains(&name.as_str()));
            if own.len() < before {
                self.idle_anew(agent, IdleClock::AnyWork);
            }
        }
        for call in 0..self.calls.len() {
            let c = &self.calls[call];
            if c.switch != switch || c.state == State::Ended || but.contains(&c.name.as_str()) {
                continue;
            }
            if self.calls_back(call) {
                self.callback_lost(call, started_anew);
                continue;
            }
            let outcome =
                if c.state == State::Waiting { Outcome::Failed } else { Outcome::Answered };
            self.end(call, outcome, Withdrawn::Ended);
        }
    }

    fn own_call(&mut self, switch: usize, subject: &str, agent: &str, started: bool) {
        let Some(agent) = self.agent_named(agent) else { return self.not_taken("ignored") };
        let key = (switch, subject.to_owned());
        let calls = &mut self.agents[agent].own_calls;
        if !started {
            let before = calls.len();
            calls.retain(|c| *c != key);
            if calls.len() < before {
                self.idle_anew(agent, IdleClock::AnyWork);
            }
        } else if !calls.contains(&key) {
            calls.push(key);
        }
    }

    fn device(&mut self, agent: &str, lost: bool) {
        let Some(agent) = self.agent_named(agent) else { return self.not_taken("ignored") };
        let a = &mut self.agents[agent];
        a.device_lost = lost;
        if !lost {
            a.unreached = false;
            a.unreached_in_row = 0;
        }
    }

    pub(super) fn spoke(&mut self, switch: usize) {
        self.switches[switch].spoke_at = self.now;
        self.switches[switch].suspected = false;
    }

    pub(super) fn link(&mut self, switch: &str, open: bool) {
        if let Some(switch) = self.switch_named(switch) {
            if open {
                self.spoke(switch);
            }
            self.switches[switch].link = open;
        }
    }

    pub(super) fn suspect(&mut self, switch: usize) {
        if !self.switches[switch].suspected {
            self.switches[switch].suspected = true;
            let switch = self.switches[switch].name.clone();
            self.fact(Fact::Suspected { switch });
        }
    }

    /// The node is back: desks and links are gone, calls freeze until their switch speaks, and
    /// what waits or wraps up gets the time back.
    pub(super) fn restart(&mut self, away_ms: u64) {
        let now = self.now;
        for switch in &mut self.switches {
            switch.link = false;
            switch.spoke_at = now;
        }
        for call in self.calls.iter_mut().filter(|c| c.state != State::Ended) {
            call.frozen_until = Some(now.plus(FROZEN_MS));
            // Who talks may wait again: nothing was joined.
            call.away_ms += away_ms;
        }
        for agent in 0..self.agents.len() {
            for wrap_up in &mut self.agents[agent].wrap_ups {
                wrap_up.until = wrap_up.until.plus(away_ms);
            }
            let lease = &mut self.agents[agent].lease_until;
            *lease = lease.map(|until| until.plus(away_ms));
            if !self.agents[agent].desks.is_empty() {
                self.last_desk_gone(agent);
            }
        }
    }
}
