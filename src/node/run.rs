//! One account in the inbox: its engine, and what stands around it.

use crate::domain::ids::Name;
use crate::domain::input::{Answer, Command, Input, Kind};
use crate::domain::objects::Switch;
use crate::domain::switching::Happening;
use crate::domain::time::Millis;
use crate::engine::{Decision, Engine, encode};
use crate::journal::{Entry, Record, StreamId, VaultWrite};
use crate::node::clock::Ticks;
use crate::node::pipeline::{Commit, Then};
use crate::node::snapshots::SinceSnapshot;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// An account of this node.
pub(super) struct Run {
    pub name: Name,
    pub stream: StreamId,
    pub engine: Engine,
    /// Time of its last record.
    pub last_at: Millis,
    /// Its place in the table of deadlines.
    pub due: Option<Millis>,
    /// What was written since the last snapshot was asked for.
    pub since_snapshot: SinceSnapshot,
    /// Open links per switch.
    pub links: FxHashMap<Name, Vec<u64>>,
    /// When polls of a switch were last reported as signs of life.
    pub polled_at: FxHashMap<Name, Millis>,
    /// Desks that the engine let in.
    pub desks: rustc_hash::FxHashSet<u64>,
}

/// What of an input the outbox must know besides the decision.
#[derive(Default)]
struct Aside {
    acknowledged: Option<(Name, u64)>,
    failed: Option<(Name, crate::domain::ids::CommandId)>,
    switch: Option<Name>,
    is_event: bool,
}

impl Aside {
    fn of(input: &Input) -> Aside {
        match input {
            Input::Switch { source, event, .. } => {
                let failed = match &event.what {
                    Happening::CommandFailed { command, .. } => {
                        Some((switch_of(source).into(), *command))
                    }
                    _ => None,
                };
                Aside { failed, is_event: true, ..Aside::default() }
            }
            Input::Command {
                command:
                    Command::Put { object, dry_run: false, .. }
                    | Command::Delete { object, dry_run: false, .. },
                ..
            } if object.kind == Kind::Switch => {
                Aside { switch: Some(object.id.as_str().into()), ..Aside::default() }
            }
            Input::Acknowledged { switch, seq } => {
                let acknowledged = Some((switch.as_str().into(), *seq));
                Aside { acknowledged, ..Aside::default() }
            }
            _ => Aside::default(),
        }
    }
}

/// `source` is the switch's id, or `/switches/` and the id.
pub(super) fn switch_of(source: &str) -> &str {
    source.strip_prefix("/switches/").unwrap_or(source)
}

impl Run {
    /// An account whose last record is of `last_at`.
    pub fn new(name: Name, stream: StreamId, engine: Engine, last_at: Millis) -> Run {
        Run {
            name,
            stream,
            engine,
            last_at,
            due: None,
            since_snapshot: SinceSnapshot::default(),
            links: FxHashMap::default(),
            polled_at: FxHashMap::default(),
            desks: rustc_hash::FxHashSet::default(),
        }
    }

    /// Lets the engine decide; what it answered, and the commit that carries the rest.
    pub fn decide(
        &mut self,
        slot: usize,
        now: Millis,
        received: Ticks,
        input: Input,
    ) -> (Answer, Box<Commit>) {
        let aside = Aside::of(&input);
        let decision = self.engine.handle(now, input);
        let mut commit = Commit::new(Some(slot), received, Then::Nothing);
        let answer = self.fill(&mut commit, now, decision);
        // A refused one is told by its answer; what it named stays as it was.
        let refused = matches!(answer, Answer::Refused(_));
        commit.is_event = aside.is_event;
        if !refused {
            commit.acknowledged = aside.acknowledged;
            commit.failed = aside.failed;
            if let Some(id) = aside.switch {
                commit.switches.push(self.configured(&id));
            }
        }
        (answer, commit)
    }

    fn fill(&mut self, commit: &mut Commit, now: Millis, decision: Decision) -> Answer {
        let Decision { answer, events, seq, vault, commands, changes, desks, doors } = decision;
        let stream = self.stream;
        if !events.is_empty() {
            let record = Record { stream, seq, at: now, body: encode(&events).into() };
            self.since_snapshot.record(record.body.len());
            commit.record = Some((seq, now));
            self.last_at = now;
            let vault = vault.into_iter().map(|change| VaultWrite {
                stream,
                key: change.key,
                seq,
                lasting: change.lasting,
                value: change.value,
            });
            commit.entry = Entry { record: Some(record), vault: vault.collect() };
        }
        commit.commands =
            commands.into_iter().map(|(switch, command)| (switch, Arc::new(command))).collect();
        for (switch, _) in &commit.commands {
            if commit.switches.last().is_none_or(|(known, _)| known != switch) {
                commit.switches.push(self.configured(switch));
            }
        }
        commit.events = events;
        commit.changes = changes;
        commit.desks = desks;
        commit.doors = doors;
        answer.unwrap_or(Answer::Nothing)
    }

    fn configured(&self, switch: &Name) -> (Name, Option<Arc<Switch>>) {
        (switch.clone(), self.engine.switch_config(switch))
    }

    /// A poll is a sign of life, reported at most this often, in milliseconds.
    pub fn poll_counts(&mut self, switch: &Name, now: Millis) -> bool {
        const EACH_MS: u64 = 10_000;
        let due = self.polled_at.get(switch).is_none_or(|at| now.since(*at) >= EACH_MS);
        if due {
            self.polled_at.insert(switch.clone(), now);
        }
        due
    }
}
