//! Where inputs get their time and are decided: one loop, all accounts of the node.

use crate::domain::ids::Name;
use crate::domain::input::{Actor, Answer, Command, Input};
use crate::domain::problem::Problem;
use crate::domain::switching::{EventResult, ResultStatus};
use crate::domain::time::Millis;
use crate::engine::Engine;
use crate::journal::{Entry, Reader, Record, StreamId};
use crate::node::agencies;
use crate::node::clock::Ticks;
use crate::node::gate::{self, EventItem, Events, Message, RenderJob, What};
use crate::node::line;
use crate::node::persons::Persons;
use crate::node::pipeline::{
    Carried, Commands, Commit, DeskView, EventsDone, RegistryDone, ReplyTo, Then,
};
use crate::node::registry::{self, Registry};
use crate::node::run::{Run, switch_of};
use crate::node::shared::Shared;
use crate::node::shutdown::EXIT_SOFTWARE;
use crate::node::snapshots::{self, Folder};
use crate::node::telemetry::InboxFigures;
use rustc_hash::FxHashMap;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::{mpsc, oneshot, watch};

/// Messages taken out at once.
const AT_ONCE: usize = 64;

/// The alive file is kept while a deadline lies so near.
const LIVE_WITHIN_MS: u64 = 3_600_000;

/// Deadlines handled in a row at one instant before the engine counts as stuck.
const STUCK: usize = 100_000;

/// The account's place in the tables.
type Slot = usize;

pub(super) struct Inbox {
    pub shared: Arc<Shared>,
    pub messages: mpsc::UnboundedReceiver<Message>,
    pub out: crossbeam_channel::Sender<Carried>,
    pub runs: Vec<Run>,
    /// For look-ups only.
    pub slots: FxHashMap<Name, Slot>,
    pub registry: Registry,
    pub node_seq: u64,
    pub due: BTreeSet<(Millis, Slot)>,
    /// For values that memory no longer holds.
    pub vault: Box<dyn Reader>,
    pub folder: Folder,
    pub snapshot_every: u64,
    /// How long the node was away before this start.
    pub away_ms: u64,
    pub figures: InboxFigures,
    /// The time stamped last.
    pub now: Millis,
    /// Who has places in several accounts.
    pub persons: Persons,
}

impl Inbox {
    /// Runs until it is told to stop. Then the journal's channel closes behind what it sent.
    pub async fn run(mut self) {
        self.resume();
        let clock = self.shared.clock.clone();
        let mut taken = Vec::with_capacity(AT_ONCE);
        loop {
            let due = self.due_at();
            let near = due.is_some_and(|at| at.since(self.now) < LIVE_WITHIN_MS);
            self.shared.has_live_work.store(near, Ordering::Relaxed);
            tokio::select! {
                biased;
                count = self.messages.recv_many(&mut taken, AT_ONCE) => {
                    if count == 0 {
                        return;
                    }
                }
                () = clock.sleep_until(due) => {}
            }
            self.meet_deadlines();
            for message in taken.drain(..) {
                if matches!(message.what, What::Stop) {
                    return self.stop(message.received).await;
                }
                self.meet(message);
            }
            if self.shared.flow.is_full() {
                self.shared.flow.ease().await;
            }
        }
    }

    /// Waits until all is durable and out, and leaves a snapshot of each account: the next start has
    /// nothing to replay. The journal is still open then, hence the folder still ours.
    async fn stop(mut self, received: Ticks) {
        let (passed, all) = oneshot::channel();
        self.send(Commit::new(None, received, Then::Passed(passed)));
        if all.await.is_ok() {
            snapshots::last(&mut *self.vault, &self.runs);
        }
    }

    fn stamp(&mut self) {
        self.now = self.now.max(self.shared.clock.now());
    }

    /// When the next deadline comes.
    pub fn due_at(&self) -> Option<Millis> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Handles what has come due by now.
    pub fn meet_deadlines(&mut self) {
        self.stamp();
        self.fire();
        self.bring_persons();
    }

    /// Handles a message, after what came due before it.
    pub fn meet(&mut self, message: Message) {
        let weight = message.what.weight();
        self.meet_deadlines();
        self.take(message);
        self.bring_persons();
        self.shared.gate.taken(weight);
    }

    /// Tells the engines that the node is back: comes before all else.
    pub fn resume(&mut self) {
        self.stamp();
        for slot in 0..self.runs.len() {
            let input = Input::Resumed { away_ms: self.away_ms };
            let (_, commit) = self.decide(slot, self.shared.ticks(), input);
            self.send(commit);
        }
        self.fire();
        self.recall_persons();
    }

    /// Handles every deadline that has come.
    fn fire(&mut self) {
        let mut turns = 0;
        while let Some((at, slot)) = self.due.first().copied()
            && at <= self.now
        {
            let (_, commit) = self.decide(slot, self.shared.ticks(), Input::Deadline);
            self.send(commit);
            turns += 1;
            if turns >= STUCK {
                let name = self.runs.get(slot).map_or("?", |run| &*run.name);
                let why = format!("a deadline of account {name} does not pass: {at}");
                self.shared.life.fail(why, EXIT_SOFTWARE);
                self.due.remove(&(at, slot));
            }
        }
    }

    pub(super) fn decide(
        &mut self,
        slot: Slot,
        received: Ticks,
        input: Input,
    ) -> (Answer, Box<Commit>) {
        let start = self.shared.ticks();
        let run = &mut self.runs[slot];
        let (answer, commit) = run.decide(slot, self.now, received, input);
        let end = self.shared.ticks();
        self.figures.decision.record(end.seconds_since(start));
        let due = run.engine.next_deadline().map(|(at, _)| at);
        if due != run.due {
            if let Some(old) = std::mem::replace(&mut run.due, due) {
                self.due.remove(&(old, slot));
            }
            self.due.extend(due.map(|at| (at, slot)));
        }
        if commit.record.is_some() {
            self.recorded(slot, &commit);
        }
        if !commit.doors.is_empty() {
            self.persons.note(slot, &self.runs[slot].name, &commit.doors);
        }
        (answer, commit)
    }

    fn recorded(&mut self, slot: Slot, commit: &Commit) {
        let run = &mut self.runs[slot];
        self.folder.consider(&run.name, &mut run.since_snapshot, self.snapshot_every);
        if cfg!(debug_assertions) {
            self.figures.agents(&run.name, &commit.changes);
            if let Some(broken) = self.figures.broken_invariant(run) {
                self.shared.life.fail(broken, EXIT_SOFTWARE);
            }
        }
    }

    pub(super) fn send(&self, commit: Box<Commit>) {
        self.shared.flow.enters();
        // Without a journal's thread the node has failed, and nobody waits for an answer.
        if self.out.send(Carried(commit)).is_err() {
            self.shared.flow.leave(1);
        }
    }

    pub(super) fn slot(&self, account: &str) -> Result<Slot, Problem> {
        self.slots.get(account).copied().ok_or_else(|| Problem::not_found("account", account))
    }

    fn take(&mut self, message: Message) {
        let received = message.received;
        match message.what {
            What::Input { account, input, reply } => self.input(received, &account, input, reply),
            What::Events(batch) => self.events(received, *batch),
            What::LinkOpen { account, switch, link, to, reply } => {
                self.link_open(received, &account, switch, link, to, reply);
            }
            What::LinkClosed { account, switch, link } => {
                self.link_closed(received, &account, switch, link);
            }
            What::Poll { account, switch, after, wait_ms, reply } => {
                self.poll(received, &account, switch, (after, wait_ms), reply);
            }
            What::DeskOpen { account, actor, user, desk, to, reply } => {
                self.desk_open(received, &account, (actor, user, desk), to, reply);
            }
            What::DeskClosed { account, actor, user, desk } => {
                self.desk_closed(received, &account, actor, user, desk);
            }
            What::Registry { actor, home, command, reply } => {
                self.registry(received, &actor, &home, command, reply);
            }
            What::Render { account, records, job, reply } => {
                self.render(received, &account, &records, job, reply);
            }
            // Met before the others are handled.
            What::Stop => {}
        }
    }

    fn input(
        &mut self,
        received: Ticks,
        account: &str,
        input: Input,
        reply: Option<ReplyTo<Answer>>,
    ) {
        let is_query = matches!(input, Input::Query { .. });
        let slot = match self.slot(account) {
            Ok(_) if !is_query && self.shared.is_short() && !gate::is_urgent(&input) => {
                Err(gate::disk_full())
            }
            slot => slot,
        };
        match slot {
            Ok(slot) => {
                let (answer, mut commit) = match self.with_persons(slot, input) {
                    Ok(input) => self.decide(slot, received, input),
                    // Behind what it tells of other accounts, which may not be durable yet.
                    Err(problem) => {
                        let commit = Commit::new(Some(slot), received, Then::Nothing);
                        (Answer::Refused(problem), commit)
                    }
                };
                if let Some(reply) = reply {
                    commit.then = Then::Answer(reply, answer);
                }
                self.send(commit);
            }
            Err(problem) => refuse(reply, problem),
        }
    }

    /// Each event is an input and a record of its own; the last commit carries the reply.
    fn events(&mut self, received: Ticks, batch: Events) {
        let slot = match self.slot(&batch.account) {
            Ok(slot) => slot,
            Err(problem) => return refuse(Some(batch.reply), problem),
        };
        let switch = Name::from(switch_of(&batch.source));
        let mut done = EventsDone {
            reply: batch.reply,
            switch: switch.clone(),
            results: Vec::with_capacity(batch.items.len()),
            commands: Commands::new(),
            again: Vec::new(),
            refused: None,
        };
        if let Some(seq) = batch.ack {
            let input = Input::Acknowledged { switch: switch.to_string(), seq };
            let (_, commit) = self.decide(slot, received, input);
            self.send(commit);
        }
        let is_short = self.shared.is_short();
        let mut last: Option<Box<Commit>> = None;
        for item in batch.items {
            let event = match item {
                EventItem::Event(event) => event,
                EventItem::Rejected(result) => {
                    done.results.push(result);
                    continue;
                }
            };
            let id = event.id.clone();
            let source = batch.source.clone();
            let input = Input::Switch { actor: batch.actor.clone(), source, event };
            if is_short && !gate::is_urgent(&input) {
                done.refused = Some(gate::disk_full());
                continue;
            }
            last.take().into_iter().for_each(|commit| self.send(commit));
            // What came due goes first, as for any input.
            self.fire();
            let (answer, mut commit) = self.decide(slot, received, input);
            commit.replied = Some(switch.clone());
            done.commands.extend(line::of_switch(&commit.commands, &switch));
            done.take(id, answer);
            last = Some(commit);
        }
        for result in &done.results {
            self.figures.count(result.status);
        }
        let mut last = last.unwrap_or_else(|| Commit::new(Some(slot), received, Then::Nothing));
        last.then = Then::Events(Box::new(done));
        self.send(last);
    }

    fn link_open(
        &mut self,
        received: Ticks,
        account: &str,
        switch: Name,
        link: u64,
        to: mpsc::Sender<Commands>,
        reply: ReplyTo<()>,
    ) {
        let slot = match self.switch_slot(account, &switch) {
            Ok(slot) => slot,
            Err(problem) => return refuse(Some(reply), problem),
        };
        self.runs[slot].links.entry(switch.clone()).or_default().push(link);
        let input = Input::SwitchLink { switch: switch.to_string(), open: true };
        let (_, mut commit) = self.decide(slot, received, input);
        commit.then = Then::LinkOpened { switch, link, to, reply };
        self.send(commit);
    }

    /// One that was never let in is not known here, and nothing happens.
    fn link_closed(&mut self, received: Ticks, account: &str, switch: Name, link: u64) {
        let Ok(slot) = self.slot(account) else { return };
        let Some(links) = self.runs[slot].links.get_mut(&switch) else { return };
        let before = links.len();
        links.retain(|id| *id != link);
        if links.len() == before {
            return;
        }
        let is_last = links.is_empty();
        let then = Then::LinkClosed { switch: switch.clone(), link };
        let mut commit = if is_last {
            self.runs[slot].links.remove(&switch);
            let input = Input::SwitchLink { switch: switch.to_string(), open: false };
            self.decide(slot, received, input).1
        } else {
            Commit::new(Some(slot), received, Then::Nothing)
        };
        commit.then = then;
        self.send(commit);
    }

    fn poll(
        &mut self,
        received: Ticks,
        account: &str,
        switch: Name,
        (after, wait_ms): (u64, u64),
        reply: ReplyTo<Commands>,
    ) {
        let slot = match self.switch_slot(account, &switch) {
            Ok(slot) => slot,
            Err(problem) => return refuse(Some(reply), problem),
        };
        if self.runs[slot].poll_counts(&switch, self.now) {
            let input = Input::SwitchSpoke { switch: switch.to_string() };
            let (_, commit) = self.decide(slot, received, input);
            self.send(commit);
        }
        let input = Input::Acknowledged { switch: switch.to_string(), seq: after };
        let (_, mut commit) = self.decide(slot, received, input);
        let until = gate::poll_until(self.now, wait_ms);
        commit.then = Then::Poll { switch, after, until, reply };
        self.send(commit);
    }

    fn switch_slot(&self, account: &str, switch: &str) -> Result<Slot, Problem> {
        let slot = self.slot(account)?;
        match self.runs[slot].engine.switch_config(switch) {
            Some(_) => Ok(slot),
            None => Err(Problem::not_found("switch", switch)),
        }
    }

    fn desk_open(
        &mut self,
        received: Ticks,
        account: &str,
        (actor, user, desk): (Actor, Name, u64),
        to: watch::Sender<DeskView>,
        reply: ReplyTo<()>,
    ) {
        let slot = match self.slot(account) {
            Ok(_) if self.shared.is_short() => Err(gate::disk_full()),
            slot => slot,
        };
        let slot = match slot {
            Ok(slot) => slot,
            Err(problem) => return refuse(Some(reply), problem),
        };
        let command = Command::DeskOpened { user: user.to_string(), desk };
        let (answer, mut commit) = self.decide(slot, received, Input::Command { actor, command });
        if let Answer::Refused(problem) = answer {
            commit.then = Then::DeskRefused(reply, problem);
            return self.send(commit);
        }
        self.runs[slot].desks.insert(desk);
        commit.then = Then::DeskOpened { user, desk, to, reply };
        self.send(commit);
    }

    fn desk_closed(&mut self, received: Ticks, account: &str, actor: Actor, user: Name, desk: u64) {
        let Ok(slot) = self.slot(account) else { return };
        if !self.runs[slot].desks.remove(&desk) {
            return;
        }
        let command = Command::DeskClosed { user: user.to_string(), desk };
        let (_, mut commit) = self.decide(slot, received, Input::Command { actor, command });
        commit.then = Then::DeskClosed { user, desk };
        self.send(commit);
    }

    fn registry(
        &mut self,
        received: Ticks,
        actor: &Actor,
        home: &str,
        command: registry::Command,
        reply: ReplyTo<registry::Answer>,
    ) {
        let adds = !matches!(
            command,
            registry::Command::ListKeys { .. }
                | registry::Command::ListAccounts
                | registry::Command::WhoHas { .. }
                | registry::Command::Agency(agencies::Command::List)
                | registry::Command::RevokeKey { .. }
        );
        if adds && self.shared.is_short() {
            return refuse(Some(reply), gate::disk_full());
        }
        let acting = match self.slot(home) {
            Ok(slot) => self.runs[slot].engine.acting(actor).map(Cow::into_owned),
            Err(_) => Ok(actor.clone()),
        };
        let command = self.of_persons(command);
        let decided = acting.and_then(|acting| {
            let decided = self.registry.decide(self.now, &acting, home, command.clone())?;
            Ok((decided, acting))
        });
        let ((events, mut answer), acting) = match decided {
            Ok(decided) => decided,
            Err(problem) => return refuse(Some(reply), problem),
        };
        if let registry::Command::WhoHas { email, account } = &command {
            answer = registry::Answer::Accounts(self.who_has(email, account.as_ref()));
        }
        self.tell(received, &acting, home, &events);
        events.iter().for_each(|event| self.registry.apply(event));
        let account = match (&answer, events.is_empty()) {
            (registry::Answer::Account(info) | registry::Answer::Founded(info, ..), false) => {
                let engine = Engine::new(&info.name, info.seed);
                let seed = engine.board();
                self.add(Run::new(info.name.clone(), info.stream, engine, self.now));
                self.folder.knows(info.clone());
                Some((info.clone(), seed))
            }
            _ => None,
        };
        let mut commit = Commit::new(None, received, Then::Nothing);
        if !events.is_empty() {
            self.node_seq += 1;
            let body = registry::encode(&events).into();
            let (seq, at) = (self.node_seq, self.now);
            let record = Record { stream: StreamId::NODE, seq, at, body };
            commit.entry = Entry { record: Some(record), vault: Vec::new() };
        }
        commit.then = Then::Registry(Box::new(RegistryDone { reply, answer, events, account }));
        self.send(commit);
    }

    /// Adds an account, after those before it.
    pub fn add(&mut self, mut run: Run) {
        let slot = self.runs.len();
        self.persons.fill(slot, &run.engine);
        run.due = run.engine.next_deadline().map(|(at, _)| at);
        self.due.extend(run.due.map(|at| (at, slot)));
        self.slots.insert(run.name.clone(), slot);
        self.runs.push(run);
    }

    fn render(
        &mut self,
        received: Ticks,
        account: &str,
        records: &[Record],
        job: RenderJob,
        reply: ReplyTo<Vec<Value>>,
    ) {
        let slot = match self.slot(account) {
            Ok(slot) => slot,
            Err(problem) => return refuse(Some(reply), problem),
        };
        let run = &self.runs[slot];
        let vault = &mut self.vault;
        let mut personal = |key| match vault.vault(run.stream, key) {
            Ok(value) => value,
            Err(error) => {
                tracing::error!(%error, "a personal value cannot be read");
                None
            }
        };
        let mut values = Vec::with_capacity(records.len());
        let mut broken = None;
        for record in records {
            let rendered = match job {
                RenderJob::Feed => run
                    .engine
                    .feed_record(record.seq, record.at, &record.body, &mut personal)
                    .map(|value| values.push(value)),
                RenderJob::Trace(call) => run
                    .engine
                    .trace_record(record.seq, record.at, &record.body, call, &mut personal)
                    .map(|story| values.extend(story)),
            };
            if let Err(error) = rendered {
                broken = Some(error);
                break;
            }
        }
        let result = match broken {
            None => Ok(values),
            Some(error) => {
                tracing::error!(%error, "a record cannot be read");
                Err(Problem::new(500, "unreadable", "a record cannot be read; see the node's log"))
            }
        };
        self.send(Commit::new(Some(slot), received, Then::Rendered(reply, result)));
    }
}

impl EventsDone {
    fn take(&mut self, id: String, answer: Answer) {
        let result = match answer {
            Answer::Event(result) => result,
            Answer::Refused(problem) => {
                // The whole request is refused (no right, no such switch): so is the reply.
                self.refused.get_or_insert(problem);
                return;
            }
            Answer::Nothing | Answer::Done { .. } => EventResult {
                id,
                status: ResultStatus::Accepted,
                code: None,
                call_id: None,
                error: None,
            },
        };
        if result.status == ResultStatus::Duplicate {
            self.again.extend(result.call_id);
        }
        self.results.push(result);
    }
}

/// A refusal that tells nothing about undurable state needs no journal.
fn refuse<T>(reply: Option<ReplyTo<T>>, problem: Problem) {
    if let Some(reply) = reply {
        let _ = reply.send(Err(problem));
    }
}
