//! The figures of every account, folded behind the outbox on a thread of its own: what boards and
//! phones are told is never held up by it.
//!
//! The fold is put away in the data folder each minute and at a clean stop, so that a start reads only
//! the records since. That file is derived: without it the fold is made anew from the journal, as far
//! back as it is kept.

use crate::domain::event::Event;
use crate::domain::ids::Name;
use crate::domain::input::{Command, Input};
use crate::domain::problem::Problem;
use crate::domain::time::Millis;
use crate::engine::Engine;
use crate::journal::{self, Reader, StreamId};
use crate::node::gate::What;
use crate::node::handle::Handle;
use crate::node::history::Teller;
use crate::node::recovery::{self, StartError};
use crate::node::shared::Shared;
use crate::node::signing::node;
use crate::node::stage::Behind;
use crate::reporting::figures::{Figures, LOOK_MS, Lookout};
use crate::reporting::history::keep::Batch;
use crate::reporting::history::schema::Position;
use crossbeam_channel::RecvTimeoutError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

/// Batches of records that may wait for the fold; what is beyond it reads from the journal.
const WAITING: usize = 4_096;
/// How often the fold is put away, ms.
const STORE_EACH_MS: u64 = 60_000;
/// How often it is looked whether that is due.
const LOOK_EACH: Duration = Duration::from_secs(5);
/// How long records are gathered before they are folded, unless somebody asks, or a dashboard or an alert
/// rule is due: a thread that is woken for each batch costs more than its records, and what the fold looks
/// at is out of the processor's near memory each time.
const GATHER: Duration = Duration::from_secs(1);
/// … and how many batches of them: no long stretch of work comes of it.
const GATHERED: usize = 256;
/// Notes that are handed over to the history together; fewer are when somebody asks, or nothing happens.
const NOTES_AT_ONCE: usize = 4_096;
/// Grows when what is stored means something else.
const FORMAT: u32 = 11;

/// What is asked of an account's figures; `None`: there is no such account.
type Ask = Box<dyn FnOnce(Option<&Figures>) + Send>;

/// What the thread is told.
pub(super) enum Told {
    /// An account is there from now on.
    Opened(Box<Opened>),
    /// Durable records, those of one batch together.
    Records(Vec<Decided>),
    /// Dashboards wish figures that nobody wished before.
    Wished,
    /// Nothing comes after it.
    Stop,
    /// A question about one account's figures, as of this record at least.
    Ask { account: Name, seq: u64, ask: Ask },
    /// What was counted up to this record is to be in the history, and (`settled`) agents' time, too.
    Keep { account: Name, seq: u64, settled: bool, written: Box<dyn FnOnce(bool) + Send> },
}

/// A durable record.
pub(super) struct Decided {
    pub account: Name,
    pub seq: u64,
    pub at: Millis,
    pub events: Vec<Event>,
}

/// An account whose figures are folded from now on.
pub(super) struct Opened {
    account: Name,
    stream: StreamId,
    /// What they begin with, …
    figures: Figures,
    /// … and the last record that is durable by now.
    seq: u64,
    /// How far the history is: the last record that is in it, and the last up to which it has
    /// agents' time.
    kept: (u64, u64),
}

impl Opened {
    /// A new account's.
    pub fn new(account: Name, stream: StreamId) -> Opened {
        Opened { account, stream, figures: Figures::default(), seq: 0, kept: (0, 0) }
    }

    /// An account's at a start: from what was put away, else from its first record, else (the first
    /// are no longer kept) from the floor as it is now.
    pub fn found(
        store: &Store,
        reader: &mut dyn Reader,
        (account, stream): (Name, StreamId),
        (engine, at): (&Engine, Millis),
        kept: Option<Position>,
    ) -> Result<Opened, journal::Error> {
        let (oldest, seq) = (reader.oldest(stream)?, engine.seq());
        // A journal that was set back has fewer records than the history: it goes on from its end.
        let kept = kept.map_or((0, 0), |kept| (kept.seq.min(seq), kept.settled.min(seq)));
        let stored = store.read(stream).filter(|it| it.seq() + 1 >= oldest && it.seq() <= seq);
        let figures = match stored {
            Some(stored) if stored.seq() <= kept.0 => stored,
            // What the history has not is told by a fold from the first record on.
            _ if oldest <= 1 => Figures::default(),
            Some(stored) => stored,
            None => Figures::begin(seq, at, &engine.retold(), &engine.doing_since()),
        };
        if figures.seq() > kept.0 {
            let missing = figures.seq() - kept.0;
            tracing::warn!(%account, missing, "records before those that are kept are not in the history");
        }
        Ok(Opened { account, stream, figures, seq, kept })
    }
}

/// The way to the fold.
#[derive(Clone)]
pub(super) struct Reports {
    told: crossbeam_channel::Sender<Told>,
    /// The fold's, once it runs.
    thread: Arc<OnceLock<Thread>>,
}

impl Reports {
    /// The way to a fold, and the fold. `store`: where it is put away.
    pub fn new(
        shared: &Arc<Shared>,
        store: Store,
        history: Teller,
        opened: Vec<Opened>,
    ) -> (Reports, Fold) {
        let (told, queue) = crossbeam_channel::bounded(WAITING);
        let shared = Arc::downgrade(shared);
        let thread = Arc::new(OnceLock::new());
        let fold = Fold {
            shared,
            thread: Arc::clone(&thread),
            queue,
            store,
            history,
            opened,
            accounts: BTreeMap::new(),
            looked_at: None,
            rules_at: None,
        };
        (Reports { told, thread }, fold)
    }

    /// Tells the fold of records, which it takes when it has gathered some. When more waits than it has
    /// room for, or it is gone, a batch is passed over: it is read from the journal before the next.
    pub fn tell(&self, records: Vec<Decided>) {
        let _ = self.told.try_send(Told::Records(records));
        if self.told.len() >= GATHERED {
            self.wake();
        }
    }

    /// Tells the fold something else, at once; false: there is no room.
    pub fn ask(&self, told: Told) -> bool {
        let is_told = self.told.try_send(told).is_ok();
        self.wake();
        is_told
    }

    /// As [`Reports::ask`], for what must arrive: waits while there is no room.
    pub fn insist(&self, told: Told) {
        // Now, that it makes room, and then, that it takes this.
        self.wake();
        // Without a fold there is nothing to be told.
        let _ = self.told.send(told);
        self.wake();
    }

    fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

/// Where folds are put away.
pub(super) struct Store {
    dir: PathBuf,
    epoch: String,
}

/// The file's content.
#[derive(Serialize, Deserialize)]
struct Stored<F> {
    format: u32,
    /// Of the journal whose records are in it.
    epoch: String,
    figures: F,
}

impl Store {
    /// In `data`, beside a journal of this epoch.
    pub fn new(data: &Path, epoch: &str) -> Store {
        Store { dir: data.join("figures"), epoch: epoch.to_owned() }
    }

    fn path(&self, stream: StreamId) -> PathBuf {
        self.dir.join(format!("{stream}.json"))
    }

    fn read(&self, stream: StreamId) -> Option<Figures> {
        let bytes = std::fs::read(self.path(stream)).ok()?;
        let stored: Stored<Figures> = serde_json::from_slice(&bytes).ok()?;
        (stored.format == FORMAT && stored.epoch == self.epoch).then_some(stored.figures)
    }

    /// A whole file or none: what is half written is never read.
    fn write(&self, stream: StreamId, figures: &Figures) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.dir)?;
        let stored = Stored { format: FORMAT, epoch: self.epoch.clone(), figures };
        let path = self.path(stream);
        let new = path.with_extension("new");
        std::fs::write(&new, serde_json::to_vec(&stored)?)?;
        std::fs::rename(&new, &path)
    }
}

/// One account's.
struct Account {
    stream: StreamId,
    figures: Figures,
    lookout: Lookout,
    /// As of the record that was put away last, and when.
    stored: (u64, Millis),
    history: Teller,
    /// The last record that the history was told of: those that count nothing belong to it, too.
    told: u64,
}

impl Account {
    /// Tells the history what was counted since.
    fn hand_over(&mut self, settled: bool) {
        if settled {
            self.figures.settle_now();
        }
        let (stream, seq, at) = (self.stream.0, self.figures.seq(), self.figures.at());
        let notes = self.figures.take_notes();
        if self.figures.is_watched() && (settled || seq > self.told) {
            self.told = seq;
            self.history.tell(Batch { stream, seq, at, settled, notes });
        }
    }
}

/// The folds.
pub(super) struct Fold {
    /// Whose the way to this fold is: it ends with it.
    shared: Weak<Shared>,
    /// Where its thread is told, to be woken.
    thread: Arc<OnceLock<Thread>>,
    queue: crossbeam_channel::Receiver<Told>,
    store: Store,
    history: Teller,
    /// Accounts that there were at the start.
    opened: Vec<Opened>,
    accounts: BTreeMap<Name, Account>,
    /// When alert rules were looked for last, …
    looked_at: Option<Millis>,
    /// … and when there is something to look at again: `None`: no account has one.
    rules_at: Option<Millis>,
}

impl Fold {
    /// Starts its thread, which ends when it is told to, or nobody can tell it anything more.
    pub fn spawn(mut self) -> Result<JoinHandle<()>, StartError> {
        let run = move || {
            let _ = self.thread.set(thread::current());
            for opened in std::mem::take(&mut self.opened) {
                self.take(Told::Opened(Box::new(opened)));
            }
            loop {
                match self.queue.recv_timeout(self.idle_for()) {
                    Ok(told) => {
                        if self.take_all(told).is_break() {
                            break;
                        }
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                    Err(RecvTimeoutError::Timeout) => {
                        self.accounts.values_mut().for_each(|known| known.hand_over(false));
                    }
                }
                self.tell_dashboards();
                self.look_at_rules();
                if self.queue.is_empty() {
                    self.put_away(STORE_EACH_MS);
                }
            }
            self.put_away(0);
        };
        Behind::Figures.spawn(run)
    }

    /// Takes this and what waits behind it; records once some more may have come.
    fn take_all(&mut self, first: Told) -> ControlFlow<()> {
        if matches!(first, Told::Records(_)) && self.queue.len() < GATHERED {
            thread::park_timeout(self.idle_for().min(GATHER));
        }
        // No more than there is now: dashboards are due between.
        let more: Vec<Told> = self.queue.try_iter().take(self.queue.len()).collect();
        for told in std::iter::once(&first).chain(&more) {
            self.expect(told);
        }
        self.accounts.values_mut().for_each(|known| known.figures.fetch());
        for told in std::iter::once(first).chain(more) {
            if matches!(told, Told::Stop) {
                return ControlFlow::Break(());
            }
            self.take(told);
        }
        ControlFlow::Continue(())
    }

    /// Tells the folds what is soon applied.
    fn expect(&mut self, told: &Told) {
        let Told::Records(records) = told else { return };
        for Decided { account, events, .. } in records {
            if let Some(known) = self.accounts.get_mut(account) {
                known.figures.expect(events);
            }
        }
    }

    fn take(&mut self, told: Told) {
        let Some(shared) = self.shared.upgrade() else { return };
        match told {
            Told::Opened(opened) => {
                let Opened { account, stream, mut figures, seq, kept } = *opened;
                figures.watch(kept.0, kept.1);
                let stored = (figures.seq(), figures.at());
                let history = self.history.clone();
                let lookout = Lookout::default();
                let mut known = Account { stream, stored, figures, lookout, history, told: kept.0 };
                catch_up(&shared, &account, &mut known, seq);
                self.accounts.insert(account, known);
            }
            Told::Records(records) => {
                for Decided { account, seq, at, events } in records {
                    let Some(known) = self.accounts.get_mut(&account) else { continue };
                    catch_up(&shared, &account, known, seq - 1);
                    if known.figures.seq() + 1 == seq {
                        known.figures.apply(seq, at, &events);
                    }
                    if known.figures.noted() >= NOTES_AT_ONCE {
                        known.hand_over(false);
                    }
                }
            }
            Told::Ask { account, seq, ask } => {
                if let Some(known) = self.accounts.get_mut(&account) {
                    catch_up(&shared, &account, known, seq);
                }
                ask(self.accounts.get(&account).map(|known| &known.figures));
            }
            Told::Keep { account, seq, settled, written } => {
                if let Some(known) = self.accounts.get_mut(&account) {
                    catch_up(&shared, &account, known, seq);
                    known.hand_over(settled);
                }
                self.history.sync(written);
            }
            Told::Wished | Told::Stop => {}
        }
    }

    /// Until when there is nothing to do by itself.
    fn idle_for(&self) -> Duration {
        let Some(shared) = self.shared.upgrade() else { return LOOK_EACH };
        let due_at = self.rules_at.into_iter().chain(shared.hub.figures().due_at()).min();
        let wait = due_at.map(|at| Duration::from_millis(at.since(shared.clock.now())));
        wait.map_or(LOOK_EACH, |wait| wait.min(LOOK_EACH))
    }

    /// Reports what alert rules find.
    fn look_at_rules(&mut self) {
        let Some(shared) = self.shared.upgrade() else { return };
        let now = shared.clock.now();
        if self.looked_at.is_some_and(|at| now < at.plus(LOOK_MS)) {
            return;
        }
        self.looked_at = Some(now);
        self.rules_at = None;
        for (account, known) in &mut self.accounts {
            if known.lookout.due_at(&known.figures).is_none() {
                continue;
            }
            self.rules_at = Some(now.plus(LOOK_MS));
            let was_flooded = known.lookout.is_flooded;
            let reports = known.lookout.look(&known.figures, account, now.max(known.figures.at()));
            if known.lookout.is_flooded && !was_flooded {
                tracing::warn!(%account, "alert rules find more than may be open at once");
            }
            for report in reports {
                let command = Command::ReportAlert(report);
                let input = Input::Command { actor: node(), command };
                let what = What::Input { account: account.clone(), input, reply: None };
                shared.gate.insert(shared.ticks(), what);
            }
        }
    }

    /// Tells dashboards the figures that are due to them.
    fn tell_dashboards(&self) {
        let Some(shared) = self.shared.upgrade() else { return };
        let ask = |account: &Name| self.accounts.get(account).map(|known| &known.figures);
        shared.hub.figures().step(shared.clock.now(), ask);
    }

    /// Puts away what has changed since it was put away so long ago. A failure costs time at the next
    /// start, and nothing else.
    fn put_away(&mut self, each_ms: u64) {
        let Some(shared) = self.shared.upgrade() else { return };
        let now = shared.clock.now();
        let is_due = |known: &Account| {
            let (seq, at) = known.stored;
            known.figures.seq() != seq && now.since(at) >= each_ms
        };
        let due = self.accounts.iter_mut().filter(|(_, known)| is_due(known));
        let mut due: Vec<_> = due.collect();
        due.iter_mut().for_each(|(_, known)| known.hand_over(false));
        // A fold that is ahead of the history could not tell it what it has not.
        if due.is_empty() || !self.history.write() {
            return;
        }
        for (account, known) in due {
            known.stored = (known.figures.seq(), now);
            if let Err(error) = self.store.write(known.stream, &known.figures) {
                tracing::warn!(%account, %error, "the figures could not be put away");
            }
        }
    }
}

/// Reads what the fold was not told: before a start, or when too much waited.
fn catch_up(shared: &Shared, account: &Name, known: &mut Account, seq: u64) {
    if known.figures.seq() >= seq {
        return;
    }
    let read = shared.readers.with(|reader| replay(reader, known, seq));
    if let Err(error) = read {
        tracing::error!(%account, %error, "records for the figures cannot be read");
    }
}

fn replay(reader: &mut dyn Reader, known: &mut Account, seq: u64) -> Result<(), StartError> {
    recovery::decoded(reader, known.stream, known.figures.seq(), |chunk| {
        for record in chunk {
            known.figures.apply(record.seq, record.at, &record.events);
        }
        known.hand_over(false);
        Ok(known.figures.seq() < seq)
    })
}

impl Handle {
    /// Asks an account's figures, as of its last durable record. Who may is asked of the engine before
    /// (`Query::Figures`).
    ///
    /// # Errors
    /// 404; 503 when the fold has too much to do.
    pub async fn figures<T: Send + 'static>(
        &self,
        account: &str,
        ask: impl FnOnce(&Figures, Millis) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let account: Name = self.account(account)?;
        let head = self.shared.accounts.get(&account).map(|head| *head.durable.borrow());
        let missing = || Problem::not_found("account", &account);
        let seq = head.ok_or_else(missing)?;
        let now = self.shared.clock.now();
        let (reply, answer) = tokio::sync::oneshot::channel();
        let ask: Ask = Box::new(move |figures: Option<&Figures>| {
            // Whoever gave up meanwhile is not told.
            let _ = reply.send(figures.map(|figures| ask(figures, now.max(figures.at()))));
        });
        let told = Told::Ask { account: account.clone(), seq, ask };
        if self.shared.reports.get().is_none_or(|reports| !reports.ask(told)) {
            let detail = "the figures have fallen behind; ask again a little later";
            return Err(Problem {
                retry_after: Some(1),
                ..Problem::new(503, "overloaded", detail)
            });
        }
        answer.await.ok().flatten().ok_or_else(missing)
    }
}
