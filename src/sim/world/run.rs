//! The loop of a world: the earliest of all wake-ups, what happens then, the node's turns, the
//! checks.

use super::asks::{Asked, Got, owner};
use super::furnish::put;
use super::{Act, World};
use crate::domain::input::{Answer, Command, Input, Kind};

/// Turns at one instant after which a world counts as stuck.
const STUCK: u64 = 20_000;

/// No act of the node is later than this: dashboards are told something each second.
const IDLE_MS: u64 = 5_000;

impl World<'_> {
    /// Runs the world to its end.
    pub(super) fn run(&mut self) -> Result<(), String> {
        self.furnish()?;
        self.begin();
        loop {
            let at = self.next_at();
            if at > self.now {
                self.host.advance(at - self.now);
                self.now = at;
                self.turns = 0;
            }
            self.turns += 1;
            if self.turns > STUCK {
                return Err("the world goes on and on at one instant".to_owned());
            }
            let due = self.agenda.first_key_value().filter(|((at, _), _)| *at <= self.now);
            let happened = due.is_some();
            if happened && let Some((_, act)) = self.agenda.pop_first() {
                self.act(act)?;
            }
            // A busy process takes several messages at once.
            let waits = happened && !self.is_calm() && self.dice.once_in(4);
            if !waits {
                self.drain()?;
                self.check()?;
            }
            if self.is_over()? {
                return Ok(());
            }
        }
    }

    /// Sets the account up; nothing goes wrong yet.
    fn furnish(&mut self) -> Result<(), String> {
        let mut puts = std::mem::take(&mut self.house.puts);
        for edge in &self.edges {
            puts.push(put(Kind::Switch, "", &edge.plan.id, edge.plan.body.clone()));
        }
        for command in puts {
            let words = match &command {
                Command::Put { object, .. } => format!("{object:?}"),
                _ => String::new(),
            };
            let input = Input::Command { actor: owner(), command };
            let asked = self.asks.input(&mut self.host, Asked::Command(words), input);
            if let Some((what, _)) = asked {
                return Err(format!("not taken: {what:?}"));
            }
        }
        self.settle_node()?;
        for (what, got, _) in self.asks.answers(&self.host) {
            match got {
                Got::Answer(Ok(Answer::Done { .. })) => {}
                Got::Answer(got) => return Err(format!("{what:?}: {got:?}")),
                _ => return Err(format!("{what:?}: another answer")),
            }
        }
        Ok(())
    }

    fn begin(&mut self) {
        for edge in 0..self.edges.len() {
            self.boot(edge);
        }
        for person in 0..self.people.len() {
            self.later(person as u64, Act::Person(person));
        }
        for watcher in 0..self.watchers.len() {
            self.later(0, Act::Watch(watcher));
        }
        for (at, trouble) in std::mem::take(&mut self.plan.troubles) {
            self.later(at, Act::Trouble(trouble));
        }
        self.later(100, Act::Arrive);
        self.later(3_000, Act::Fold);
        self.later(self.plan.storm_ms, Act::Calm);
    }

    /// When something happens next.
    fn next_at(&mut self) -> u64 {
        let agenda = self.agenda.first_key_value().map(|((at, _), _)| *at);
        let time = self.host.time();
        let wake = self.host.node().and_then(|node| node.wake_at());
        // The node's time may run a little slower or faster than the world's: it looks again.
        let node = wake.map(|at| self.now + at.since(time).max(1));
        [agenda, node].into_iter().flatten().min().unwrap_or(self.now + IDLE_MS).max(self.now)
    }

    fn act(&mut self, act: Act) -> Result<(), String> {
        match act {
            Act::Arrive => self.arrive(),
            Act::Trouble(trouble) => return self.trouble(trouble),
            Act::Start => return self.start(),
            Act::Synced => {
                self.syncing = false;
                if let Some(node) = self.host.node() {
                    node.journal(usize::MAX);
                }
            }
            Act::Room => self.host.make_short(false),
            Act::Fold => {
                let ms = self.dice.between(1_000, 6_000);
                self.later(ms, Act::Fold);
                if let Some(node) = self.host.node() {
                    node.fold();
                }
            }
            Act::Edge(edge, life, act) if self.edges[edge].life == life => {
                return self.edge_act(edge, act);
            }
            // What strays comes all the same.
            Act::Edge(edge, _, act @ super::EdgeAct::Reach(_)) => return self.edge_act(edge, act),
            Act::Edge(..) => {}
            Act::Person(person) => return self.person(person),
            Act::Decide(seen) => return self.decide(seen),
            Act::Watch(watcher) => return self.watch(watcher),
            Act::Calm => return self.calm_down(),
        }
        Ok(())
    }

    /// The node's turns, until nothing is on its way.
    pub(super) fn drain(&mut self) -> Result<(), String> {
        loop {
            while self.host.inbox() {}
            if let Some(node) = self.host.node()
                && node.waiting() > 0
                && !self.syncing
            {
                if self.plan.sync_ms == 0 || self.calm_since.is_some() {
                    let few = self.dice.once_in(3);
                    let most = if few { 1 + self.dice.below(4) } else { usize::MAX };
                    node.journal(most);
                } else {
                    let ms = self.dice.between(1, self.plan.sync_ms);
                    self.syncing = true;
                    self.later(ms, Act::Synced);
                }
            }
            let boards_lag = self.dice.once_in(4);
            if let Some(node) = self.host.node() {
                node.outbox();
                if !boards_lag {
                    node.boards();
                }
            }
            self.follow()?;
            self.collect()?;
            if let Some(why) = self.host.failure()? {
                self.say(format!("!! the node ends: {why}"));
                self.crash();
            }
            let syncing = self.syncing;
            let quiet = self
                .host
                .node()
                .is_none_or(|node| node.is_idle() && (syncing || node.waiting() == 0));
            if quiet {
                return Ok(());
            }
        }
    }

    /// As [`World::drain`], with a disk that is quick, and without taking answers.
    pub(super) fn settle_node(&mut self) -> Result<(), String> {
        loop {
            while self.host.inbox() {}
            let Some(node) = self.host.node() else { return Ok(()) };
            node.journal(usize::MAX);
            node.outbox();
            node.boards();
            if node.is_idle() && node.waiting() == 0 {
                return self.follow();
            }
            if let Some(why) = self.host.failure()? {
                self.say(format!("!! the node ends: {why}"));
                self.crash();
            }
        }
    }

    /// What has come out of the node.
    fn collect(&mut self) -> Result<(), String> {
        for (what, got, seq) in self.asks.answers(&self.host) {
            self.check_told(&what, &got, seq)?;
            self.answered(what, got)?;
        }
        self.collect_commands()?;
        self.collect_desks()
    }

    /// An answer has come.
    pub(super) fn answered(&mut self, what: Asked, got: Got) -> Result<(), String> {
        match (what, got) {
            (Asked::Events { edge, life, post }, Got::Events(taken)) => {
                self.posted((edge, life, post), taken)
            }
            (Asked::Again { edge, life }, Got::Events(taken)) => {
                self.judged_again(edge, life, taken)
            }
            (Asked::Poll { edge, life }, Got::Poll(Ok(commands))) => {
                self.polled(edge, life, commands)
            }
            (Asked::Link { edge, life }, Got::Link(Ok(link))) => {
                if self.edges[edge].life == life {
                    self.edges[edge].link = Some(link);
                }
                Ok(())
            }
            (Asked::Desk { person }, Got::Desk(Ok(desk))) => {
                self.people[person].desk = Some(desk);
                Ok(())
            }
            (_, Got::Answer(Ok(_))) => Ok(()),
            (
                what,
                Got::Answer(Err(problem))
                | Got::Poll(Err(problem))
                | Got::Link(Err(problem))
                | Got::Desk(Err(problem)),
            ) => {
                self.refused(&what, &problem);
                Ok(())
            }
            (what, _) => Err(format!("{what:?} is answered another question")),
        }
    }
}
