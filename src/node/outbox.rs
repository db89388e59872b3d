//! What is durable goes out from here, in order: replies, commands, desks; and on to the boards.

use crate::access::{Key, session};
use crate::domain::ids::{KeyId, Name};
use crate::domain::input::{Actor, Door, Input};
use crate::domain::objects::Switch;
use crate::domain::objects::user::{Home, Role};
use crate::domain::signing::DoorChange;
use crate::domain::switching::{Command, Happening, SwitchEvent};
use crate::domain::time::Millis;
use crate::live::slot::Close;
use crate::node::boards::{Shown, ShownRecord};
use crate::node::delivery::{Delivered, Deliveries};
use crate::node::gate::What;
use crate::node::line::{Line, Report};
use crate::node::pipeline::{Carried, Commit, DeskView, EventsDone, RegistryDone, Then};
use crate::node::reports::{Decided, Opened, Told};
use crate::node::shared::{AccountHead, Shared};
use crate::node::telemetry::OutboxFigures;
use crate::node::{agencies, registry};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use tokio::sync::{mpsc, watch};

/// The outbox.
pub(super) struct Outbox {
    shared: Arc<Shared>,
    /// The next stage.
    boards: mpsc::UnboundedSender<Shown>,
    /// Accounts, in the inbox's order.
    floors: Vec<Floor>,
    lines: Vec<Line>,
    /// Which line belongs to whom.
    owners: Vec<(usize, Name)>,
    wakes: BTreeSet<(Millis, usize)>,
    /// The wake of each line.
    woken: Vec<Option<Millis>>,
    /// Lines touched since the last dispatch.
    touched: Vec<usize>,
    deliveries: Deliveries,
    figures: OutboxFigures,
    /// Durable records that the boards have not been told.
    unshown: Vec<ShownRecord>,
    /// Records of the batch that is being taken, for the figures.
    decided: Vec<Decided>,
}

struct Floor {
    head: Arc<AccountHead>,
    /// For look-ups only.
    lines: FxHashMap<Name, usize>,
    /// For look-ups only.
    desks: FxHashMap<Name, Vec<(u64, watch::Sender<DeskView>)>>,
}

/// An account as the outbox starts with it.
pub(super) struct Opening {
    pub head: Arc<AccountHead>,
    /// Unacknowledged commands, per switch.
    pub open: Vec<(Name, Command)>,
    /// How those switches are set up.
    pub switches: Vec<(Name, Option<Arc<Switch>>)>,
}

impl Outbox {
    /// Without accounts yet.
    pub fn new(
        shared: Arc<Shared>,
        boards: mpsc::UnboundedSender<Shown>,
        deliveries: Deliveries,
    ) -> Outbox {
        Outbox {
            shared,
            boards,
            floors: Vec::new(),
            lines: Vec::new(),
            owners: Vec::new(),
            wakes: BTreeSet::new(),
            woken: Vec::new(),
            touched: Vec::new(),
            deliveries,
            figures: OutboxFigures::new(),
            unshown: Vec::new(),
            decided: Vec::new(),
        }
    }

    /// Adds an account, after those before it.
    pub fn open(&mut self, opening: Opening) {
        let slot = self.floors.len();
        self.floors.push(Floor {
            head: opening.head,
            lines: FxHashMap::default(),
            desks: FxHashMap::default(),
        });
        for (switch, config) in opening.switches {
            let line = self.line(slot, &switch);
            self.lines[line].configure(config.as_ref());
        }
        let now = self.shared.clock.now();
        for (switch, command) in opening.open {
            let line = self.line(slot, &switch);
            self.lines[line].add(now, std::iter::once(Arc::new(command)), false);
            self.touched.push(line);
        }
    }

    /// Runs until the journal's thread is gone and everything it handed on is out.
    pub async fn run(
        mut self,
        mut commits: mpsc::UnboundedReceiver<Vec<Carried>>,
        mut delivered: mpsc::UnboundedReceiver<Delivered>,
    ) {
        let clock = self.shared.clock.clone();
        loop {
            let wake = self.wake_at();
            tokio::select! {
                biased;
                batch = commits.recv() => match batch {
                    Some(batch) => self.take(batch),
                    None => return,
                },
                Some(done) = delivered.recv() => self.delivered(done),
                () = clock.sleep_until(wake) => {}
            }
            self.turn();
        }
    }

    /// When there is something to do again by itself.
    pub fn wake_at(&self) -> Option<Millis> {
        self.wakes.first().map(|(at, _)| *at)
    }

    /// What follows whatever has come: commands that are due.
    pub fn turn(&mut self) {
        let now = self.shared.clock.now();
        self.wake(now);
        self.dispatch(now);
    }

    /// A durable batch.
    pub fn take(&mut self, batch: Vec<Carried>) {
        let now = self.shared.clock.now();
        let durable = self.shared.ticks();
        // All of it is durable at once: whoever reads records is woken once for each account.
        let (heads, known) = (heads(&batch), self.floors.len());
        self.tell_heads(&heads);
        for Carried(commit) in batch {
            if commit.is_event {
                self.figures.durable.record(durable.seconds_since(commit.received));
            }
            self.commit(now, *commit);
        }
        self.show();
        if let Some(reports) = self.shared.reports.get()
            && !self.decided.is_empty()
        {
            reports.tell(std::mem::take(&mut self.decided));
        }
        if self.floors.len() > known {
            // An account that came to be in this batch may have had its first records in it.
            self.tell_heads(&heads);
        }
    }

    /// Tells accounts their last durable record.
    fn tell_heads(&self, heads: &[(usize, u64)]) {
        for (slot, seq) in heads {
            if let Some(floor) = self.floors.get(*slot) {
                floor.head.durable.send_replace(*seq);
            }
        }
    }

    fn commit(&mut self, now: Millis, mut commit: Commit) {
        if let Some(slot) = commit.slot {
            self.doors(slot, &mut commit);
            self.commands(now, slot, &mut commit);
            self.desk_views(slot, &mut commit);
            // Before anything else: a phone should ring.
            self.dispatch(now);
        }
        match commit.slot.zip(commit.record) {
            Some((slot, (seq, at))) => {
                let account = self.floors[slot].head.name.clone();
                if self.shared.reports.get().is_some() {
                    let (account, events) = (account.clone(), commit.events);
                    self.decided.push(Decided { account, seq, at, events });
                }
                let event_at = commit.is_event.then_some(commit.received);
                let changes = commit.changes;
                self.unshown.push(ShownRecord { account, seq, at, changes, event_at });
            }
            // What the boards are told has gone through when they have taken it.
            None => self.shared.flow.leave(1),
        }
        if !matches!(commit.then, Then::Nothing) {
            // Who subscribes after an answer finds the board up to date.
            self.show();
        }
        self.then(now, commit.slot, commit.then);
    }

    /// Tells the boards what they have not been told.
    fn show(&mut self) {
        if !self.unshown.is_empty() {
            // The boards live as long as the outbox.
            let _ = self.boards.send(Shown::Records(std::mem::take(&mut self.unshown)));
        }
    }

    /// The door takes in what is durable; what stands open to nobody any more is closed.
    fn doors(&self, slot: usize, commit: &mut Commit) {
        let account = &self.floors[slot].head.name;
        for change in commit.doors.drain(..) {
            match change {
                DoorChange::Opened(session) => self.shared.doors.open(account, session),
                DoorChange::Mail { user } => {
                    if let Some(mails) = self.shared.mails.get() {
                        // The mailer lives as long as the node.
                        let _ = mails.send((account.clone(), user));
                    }
                }
                DoorChange::Hooks => {
                    if let Some(hooks) = self.shared.hooks.get() {
                        // Who tells them lives as long as the node.
                        let _ = hooks.send(account.clone());
                    }
                }
                DoorChange::Ended { session, .. } => {
                    self.shared.doors.end(session);
                    self.shared.turn_out(session::door(session));
                }
                DoorChange::Rights { user } => {
                    let close = Close::new(4403, "your rights have changed: open it anew");
                    self.shared.hub.close_user(account, &user, &close);
                }
                DoorChange::Standing { user, may, home } => {
                    if let Some(home) = &home {
                        self.shared.doors.welcome(account, &user, home.clone());
                    }
                    if self.shared.doors.bar(account, &user, !may) && !may {
                        let close = Close::new(4401, "this user may not come in any more");
                        self.shared.hub.close_user(account, &user, &close);
                        let of_user =
                            |key: &Key| key.account == *account && key.user.as_ref() == Some(&user);
                        let keys = self.shared.keys.iter().filter(|key| of_user(key));
                        let keys: Vec<KeyId> = keys.map(|key| key.id).collect();
                        keys.into_iter().for_each(|key| self.shared.turn_out(key));
                        home.iter().for_each(|home| self.shared.look_again(home));
                    }
                }
            }
        }
    }

    fn commands(&mut self, now: Millis, slot: usize, commit: &mut Commit) {
        for (switch, config) in commit.switches.drain(..) {
            let line = self.line(slot, &switch);
            self.lines[line].configure(config.as_ref());
            self.touched.push(line);
        }
        if let Some((switch, seq)) = commit.acknowledged.take() {
            let line = self.line(slot, &switch);
            self.lines[line].acknowledge(seq);
        }
        if let Some((switch, id)) = commit.failed.take() {
            let line = self.line(slot, &switch);
            self.lines[line].drop_failed(id);
        }
        let mut rest = &commit.commands[..];
        // A record's commands stand together by switch, or nearly: each run is added whole, and
        // what was touched goes out only after the last.
        while let Some((switch, _)) = rest.first() {
            let run = rest.iter().take_while(|(name, _)| name == switch).count();
            let (these, others) = rest.split_at(run);
            let line = self.line(slot, switch);
            let replied = commit.replied.as_ref() == Some(switch);
            self.lines[line].add(now, these.iter().map(|(_, c)| Arc::clone(c)), replied);
            self.touched.push(line);
            rest = others;
        }
        if !commit.commands.is_empty() && commit.is_event {
            let out = self.shared.ticks();
            self.figures.command.record(out.seconds_since(commit.received));
        }
    }

    fn desk_views(&mut self, slot: usize, commit: &mut Commit) {
        let floor = &mut self.floors[slot];
        if let Then::DeskOpened { user, desk, to, .. } = &commit.then {
            floor.desks.entry(user.clone()).or_default().push((*desk, to.clone()));
        }
        for (user, view) in commit.desks.drain(..) {
            if let Some(desks) = floor.desks.get(&user) {
                let view = Arc::new(view);
                for (_, desk) in desks {
                    desk.send_replace(Some(Arc::clone(&view)));
                }
            }
        }
    }

    fn then(&mut self, now: Millis, slot: Option<usize>, then: Then) {
        // Whoever hung up meanwhile is not told; what was decided stands.
        match (slot, then) {
            (_, Then::Nothing) => {}
            (_, Then::Answer(reply, answer)) => drop(reply.send(Ok(answer))),
            (Some(slot), Then::Events(done)) => self.events(slot, *done),
            (Some(slot), Then::LinkOpened { switch, link, to, reply }) => {
                let line = self.line(slot, &switch);
                self.lines[line].link(now, link, to);
                self.touched.push(line);
                drop(reply.send(Ok(())));
            }
            (Some(slot), Then::LinkClosed { switch, link }) => {
                let line = self.line(slot, &switch);
                self.lines[line].unlink(link);
            }
            (Some(slot), Then::Poll { switch, after, until, reply }) => {
                let line = self.line(slot, &switch);
                self.lines[line].poll(now, after, until, reply);
                self.touched.push(line);
            }
            (_, Then::DeskOpened { reply, .. }) => drop(reply.send(Ok(()))),
            (_, Then::DeskRefused(reply, problem)) => drop(reply.send(Err(problem))),
            (Some(slot), Then::DeskClosed { user, desk }) => {
                let desks = &mut self.floors[slot].desks;
                if let Some(open) = desks.get_mut(&user) {
                    open.retain(|(id, _)| *id != desk);
                    if open.is_empty() {
                        desks.remove(&user);
                    }
                }
            }
            (_, Then::Registry(done)) => self.registry(*done),
            (_, Then::Rendered(reply, values)) => drop(reply.send(values)),
            (_, Then::Passed(passed)) => drop(passed.send(())),
            (
                None,
                Then::Events(_)
                | Then::LinkOpened { .. }
                | Then::LinkClosed { .. }
                | Then::Poll { .. }
                | Then::DeskClosed { .. },
            ) => tracing::error!("a commit of an account came without its account"),
        }
    }

    fn events(&mut self, slot: usize, mut done: EventsDone) {
        if let Some(problem) = done.refused {
            drop(done.reply.send(Err(problem)));
            return;
        }
        if !done.again.is_empty() {
            let line = self.line(slot, &done.switch);
            for call in done.again {
                done.commands.extend(self.lines[line].of_call(call).cloned());
            }
            done.commands.sort_by_key(|command| command.seq);
            done.commands.dedup_by_key(|command| command.seq);
        }
        drop(done.reply.send(Ok((done.results, done.commands))));
    }

    /// The caches take in what is durable, then the answer goes.
    fn registry(&mut self, done: RegistryDone) {
        for event in done.events {
            match event {
                registry::Event::KeyIssued { key, .. } => {
                    self.shared.keys.insert(key.id, Arc::new(*key));
                }
                registry::Event::KeyRevoked { id, .. } => {
                    self.shared.keys.remove(&id);
                    self.shared.turn_out(id);
                }
                registry::Event::AccountCreated { .. } => {}
                registry::Event::Agency(event) => self.agency(&event),
            }
        }
        if let Some((info, board)) = done.account {
            let head = Arc::new(AccountHead {
                name: info.name.clone(),
                stream: info.stream,
                durable: watch::channel(board.seq).0,
            });
            if let Some(reports) = self.shared.reports.get() {
                let opened = Opened::new(info.name.clone(), info.stream);
                reports.insist(Told::Opened(Box::new(opened)));
            }
            let shown = Shown::Opened { account: info.name.clone(), board };
            // As in `show`.
            let _ = self.boards.send(shown);
            let head_of = Arc::clone(&head);
            self.open(Opening { head: head_of, open: Vec::new(), switches: Vec::new() });
            self.shared.accounts.insert(info.name, head);
        }
        drop(done.reply.send(Ok(done.answer)));
    }

    /// Whoever reached an account by an agency may do so no longer.
    fn agency(&self, event: &agencies::Event) {
        let mut agencies = self.shared.agencies.write().unwrap_or_else(PoisonError::into_inner);
        agencies.apply(event);
        let touched: Vec<Home> = match event {
            agencies::Event::Put { id, .. } => agencies.administrators(id).cloned().collect(),
            agencies::Event::Removed { who, .. } => vec![who.clone()],
            agencies::Event::Added { .. } => Vec::new(),
        };
        drop(agencies);
        touched.iter().for_each(|home| self.shared.look_again(home));
    }

    // ---- commands --------------------------------------------------------------------------

    fn line(&mut self, slot: usize, switch: &Name) -> usize {
        if let Some(line) = self.floors[slot].lines.get(switch) {
            return *line;
        }
        let line = self.lines.len();
        self.lines.push(Line::default());
        self.woken.push(None);
        self.owners.push((slot, switch.clone()));
        self.floors[slot].lines.insert(switch.clone(), line);
        line
    }

    fn wake(&mut self, now: Millis) {
        while let Some((at, line)) = self.wakes.first().copied()
            && at <= now
        {
            self.wakes.pop_first();
            self.woken[line] = None;
            self.touched.push(line);
        }
    }

    /// Sends what is due on every line that was touched.
    fn dispatch(&mut self, now: Millis) {
        while let Some(line) = self.touched.pop() {
            if let Some(parcel) = self.lines[line].dispatch(now) {
                let (_, switch) = &self.owners[line];
                self.deliveries.post(line, switch, now, parcel);
            }
            let wake = self.lines[line].wake_at(now);
            if wake != self.woken[line] {
                if let Some(old) = std::mem::replace(&mut self.woken[line], wake) {
                    self.wakes.remove(&(old, line));
                }
                self.wakes.extend(wake.map(|at| (at, line)));
            }
        }
    }

    /// A webhook answered, or did not.
    pub fn delivered(&mut self, done: Delivered) {
        let now = self.shared.clock.now();
        let report = self.lines[done.line].posted(now, done.posted);
        let (slot, switch) = self.owners[done.line].clone();
        let account = self.floors[slot].head.name.clone();
        for (command, reason) in done.failed {
            let event = SwitchEvent {
                id: format!("webhook-{}", command.id),
                subject: command.call.as_deref().unwrap_or_default().to_owned(),
                time: None,
                bootid: None,
                sequence: None,
                replayed: false,
                what: Happening::CommandFailed { command: command.id, reason },
                extra: None,
            };
            let actor = Actor {
                name: switch.clone(),
                role: Role::Switch,
                user: None,
                switch: Some(switch.clone()),
                door: Door::default(),
            };
            let source = switch.to_string();
            self.report(&account, Input::Switch { actor, source, event });
        }
        self.reports(&account, &switch, &report);
        self.touched.push(done.line);
    }

    fn reports(&self, account: &Name, switch: &Name, report: &Report) {
        if report.spoke {
            self.report(account, Input::SwitchSpoke { switch: switch.to_string() });
        }
        if let Some(seq) = report.acknowledged {
            self.report(account, Input::Acknowledged { switch: switch.to_string(), seq });
        }
        if report.unreachable {
            self.report(account, Input::SwitchUnreachable { switch: switch.to_string() });
        }
    }

    fn report(&self, account: &Name, input: Input) {
        let what = What::Input { account: account.clone(), input, reply: None };
        self.shared.gate.insert(self.shared.ticks(), what);
    }
}

/// The last record of each account in a batch.
fn heads(batch: &[Carried]) -> Vec<(usize, u64)> {
    let mut heads: Vec<(usize, u64)> = Vec::new();
    for Carried(commit) in batch {
        let (Some(slot), Some((seq, _))) = (commit.slot, commit.record) else { continue };
        match heads.iter_mut().find(|(known, _)| *known == slot) {
            Some((_, last)) => *last = seq,
            None => heads.push((slot, seq)),
        }
    }
    heads
}
