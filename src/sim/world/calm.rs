//! The calm: the faults have stopped, everybody behaves. Within a bound every call ends, nobody who
//! could take a call stands beside one that waits, and all that was cut off has caught up.

use super::World;
use super::edges::EdgeAct;
use crate::domain::ids::CallId;
use crate::domain::input::Query;
use crate::domain::switching::{Command, Happening};
use crate::domain::time::Millis;

/// Within this all must have come right, in milliseconds: the longest patience, a minute's life of
/// commands, the longest delays and leases.
const BOUND_MS: u64 = 300_000;

/// Nothing is later than this on its way, and what holds a call back for a while no longer does.
const STRAYS_MS: u64 = 8_000;

/// What holds a call back only for a while does so no longer than this: a freeze is the longest.
const HELD_MS: u64 = 6_500;

/// Within this of the calm what was decided before it has been told.
const TOLD_MS: u64 = 20_000;

/// A command is repeated after 1, 2, 4, 8 and 16 s: it has come by then.
const REPEATED_MS: u64 = 32_000;

/// Whether all is well is looked at this often.
const LOOK_MS: u64 = 1_000;

/// Reasons for which an agent may not be offerable at the end: what was configured, or chosen.
const ALLOWED: [&str; 5] = ["opted_out", "training", "inactive", "blocked", "media_blocked"];

impl World<'_> {
    /// The faults stop.
    pub(super) fn calm_down(&mut self) -> Result<(), String> {
        self.say("-- the faults stop");
        self.calm_since = Some(self.now);
        self.host.make_short(false);
        self.host.no_more_failures();
        for edge in 0..self.edges.len() {
            let names: Vec<_> = self.edges[edge].truth.calls.keys().cloned().collect();
            for name in names {
                let ms = self.dice.between(6_000, 12_000);
                self.at_edge(edge, ms, EdgeAct::Impatient(name.clone()));
                self.at_edge(edge, 12_000, EdgeAct::Over(name));
            }
        }
        Ok(())
    }

    /// Whether the world has come to its end; an error when it should have.
    pub(super) fn is_over(&mut self) -> Result<bool, String> {
        let Some(since) = self.calm_since else { return Ok(false) };
        let seq = self.follower.seq();
        if std::mem::replace(&mut self.waiting_checked, seq) != seq {
            self.check_waiting()?;
        }
        if self.now < self.looked_at + LOOK_MS {
            return Ok(false);
        }
        self.looked_at = self.now;
        self.check_holds()?;
        if self.now < since + STRAYS_MS {
            return Ok(false);
        }
        self.report_calls();
        self.check_commands(since)?;
        match self.unrest() {
            None => {
                self.drain()?;
                self.compare_all()?;
                self.check_all()?;
                let broken = self.follower.invariants();
                if !broken.is_empty() {
                    return Err(format!("a replay breaks {}", broken.join("; ")));
                }
                self.say("-- all is well");
                Ok(true)
            }
            Some(why) if self.now > since + BOUND_MS => Err(format!("after the bound, {why}")),
            Some(_) => Ok(false),
        }
    }

    /// Once nothing old is on its way and its events are answered, each switch tells which calls it
    /// has; those that agents made by themselves are over by then, and the end of one may be lost.
    fn report_calls(&mut self) {
        for edge in 0..self.edges.len() {
            let told = self.edges[edge].synced || !self.edges[edge].outbox.is_empty();
            if told || !self.host.is_up() {
                continue;
            }
            self.edges[edge].synced = true;
            for (subject, agent) in std::mem::take(&mut self.edges[edge].own) {
                let agent = agent.to_string();
                self.tell(edge, &subject, Happening::AgentCallEnded { agent });
            }
            self.sync(edge);
        }
    }

    /// No candidate stands beside a waiting call without a word why.
    fn check_waiting(&mut self) -> Result<(), String> {
        let live = self.follower.read(Query::Calls { limit: 1_000, after: None });
        for call in live["items"].as_array().into_iter().flatten() {
            let Some(id) = call["id"].as_str().and_then(CallId::parse) else { continue };
            if call["state"] == "connected" {
                continue;
            }
            let told = self.follower.read(Query::Candidates(id));
            for item in told["items"].as_array().into_iter().flatten() {
                if item["candidate"] == true && item["against"].is_null() {
                    return Err(format!("{id} waits although {} could take it", item["user"]));
                }
            }
            self.count("waiting call checked");
        }
        Ok(())
    }

    /// In the calm a command that is still of use comes within half a minute of its decision: the
    /// fifth repetition.
    fn check_commands(&self, since: u64) -> Result<(), String> {
        let now = self.host.time();
        if self.now < since + TOLD_MS {
            return Ok(());
        }
        for edge in &self.edges {
            let missing = edge.missing().and_then(|seq| self.follower.command(&edge.plan.id, seq));
            let due = |command: &&Command| {
                command.deadline > now && now.since(command.time) > REPEATED_MS
            };
            if let Some(command) = missing.filter(due) {
                let (id, way) = (&edge.plan.id, edge.plan.way);
                return Err(format!("{id} ({way:?}) is never told {command:?}"));
            }
        }
        Ok(())
    }

    /// What holds a call back for a while, does so for a while.
    fn check_holds(&mut self) -> Result<(), String> {
        const PASSING: [&str; 4] = ["frozen", "replay", "event_gap", "round_closing"];
        // While the node is down nothing is decided.
        let up_since = if self.host.is_up() { self.up_since } else { self.now };
        let before = std::mem::take(&mut self.holds);
        let live = self.follower.read(Query::Calls { limit: 1_000, after: None });
        for call in live["items"].as_array().into_iter().flatten() {
            let Some(id) = call["id"].as_str().and_then(CallId::parse) else { continue };
            let told = self.follower.read(Query::Candidates(id));
            let held =
                told["held_by"].as_str().and_then(|held| PASSING.iter().find(|p| **p == held));
            let begins = call["next_step"]["at"].as_str();
            let begins = begins.and_then(|at| Millis::parse_rfc3339(at).ok());
            let late = begins.is_some_and(|at| at.plus(HELD_MS) < self.host.time());
            let calm = self.calm_since.is_some_and(|since| self.now > since + STRAYS_MS);
            if late && calm && self.now > up_since + HELD_MS {
                return Err(format!("{id} has not begun its step of {begins:?}"));
            }
            // A round that rings holds its call back for as long as it rings.
            let Some(held) = held.filter(|_| call["state"] == "waiting") else { continue };
            let known = before.get(&id).filter(|(why, _)| why == held);
            let since = known.map_or(self.now, |(_, since)| *since).max(up_since);
            if self.now > since + HELD_MS {
                return Err(format!("{id} is held by {held} for {} ms", self.now - since));
            }
            self.holds.insert(id, (held, since));
        }
        Ok(())
    }

    /// What has not come right yet.
    fn unrest(&mut self) -> Option<String> {
        let syncing = self.syncing;
        match self.host.node() {
            None => return Some("the node is down".to_owned()),
            Some(node) if !node.is_idle() || node.waiting() > 0 || syncing => {
                return Some("something is on its way in the node".to_owned());
            }
            Some(_) => {}
        }
        for edge in &self.edges {
            if let Some(name) = edge.truth.calls.keys().next() {
                return Some(format!("{name} lives at its switch"));
            }
            if !edge.synced || !edge.outbox.is_empty() || !edge.posts.is_empty() {
                return Some(format!("{} has events to tell", edge.plan.id));
            }
        }
        let live = self.follower.read(Query::Calls { limit: 10, after: None });
        if let Some(call) = live["items"].as_array().and_then(|items| items.first()) {
            return Some(format!("the engine holds {call}"));
        }
        let open = self.follower.open_commands(self.host.time());
        if open > 0 {
            return Some(format!("{open} commands are open"));
        }
        for at in 0..self.people.len() {
            let user = self.people[at].id.to_string();
            let agent = self.follower.read(Query::Agent { user });
            for queue in agent["queues"].as_array().into_iter().flatten() {
                let why = queue["blocked_by"].as_str().filter(|why| !ALLOWED.contains(why));
                if let Some(why) = why {
                    return Some(format!(
                        "{} is kept from {}: {why}",
                        agent["user"], queue["queue"]
                    ));
                }
            }
        }
        None
    }
}
