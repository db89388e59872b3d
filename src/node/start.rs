//! How a node starts and stops.

use crate::access::secret;
use crate::access::throttle::Throttle;
use crate::domain::ids::Name;
use crate::domain::input::{Actor, Door};
use crate::domain::objects::user::Role;
use crate::domain::rows::BoardSeed;
use crate::domain::time::Millis;
use crate::journal::sqlite::{self, Sqlite};
use crate::journal::{self, Entry, Journal, Reader, Record, Room, StreamId, Writer, retention};
use crate::live::{self, Hub};
use crate::mail;
use crate::node::boards::{Boards, Shown};
use crate::node::clock::{self, Clock};
use crate::node::delivery::{self, Carrier, Delivered, Deliveries};
use crate::node::doors::Doors;
use crate::node::gate::{Gate, Message, What};
use crate::node::handle::Handle;
use crate::node::hasher::Hasher;
use crate::node::history::{History, Writing};
use crate::node::hooks;
use crate::node::inbox::Inbox;
use crate::node::keeper::Keeper;
use crate::node::mailer::Mailer;
use crate::node::outbox::{Opening, Outbox};
use crate::node::persons::Persons;
use crate::node::pipeline::Carried;
use crate::node::recovery::{self, Loaded, NodeState, Pace, StartError};
use crate::node::registry::{self, FIRST_ACCOUNT, KeyRequest};
use crate::node::reports::{self, Opened, Reports, Store, Told};
use crate::node::run::Run;
use crate::node::secret_file;
use crate::node::shared::{AccountHead, Flow, Readers, Shared};
use crate::node::shutdown::{EXIT_JOURNAL, EXIT_SOFTWARE, Fatal, LifeLine};
use crate::node::snapshots::{Fold, Folder};
use crate::node::stage::{Behind, Stage};
use crate::node::telemetry::{self, InboxFigures};
use crate::switch::webhook;
use dashmap::DashMap;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::thread::JoinHandle;
use tokio::sync::{broadcast, mpsc, watch};

/// Reading ends besides those of the inbox: feeds and traces, a fold, the keeper.
const READERS: usize = 4;

/// The file with the first owner's key.
const OWNER_KEY: &str = "owner.key";

/// How a node runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data folder; made when it is not there. Only one process may have it.
    pub data: PathBuf,
    /// Start although records are known to be lost; default false.
    pub accept_loss: bool,
    /// How long records are kept, in milliseconds; default 90 days, and never less than the newest
    /// two snapshots need.
    pub keep_ms: u64,
    /// How long the history is kept, in milliseconds; default 400 days.
    pub history_keep_ms: u64,
    /// Records of an account between two snapshots, at least; default 100,000. A large state waits
    /// longer: until as much was written as its last snapshot was.
    pub snapshot_every: u64,
    /// Inputs that may wait to be decided; an eighth of it is for urgent ones. Default 8,192.
    pub inbox_capacity: usize,
    /// Below so many free bytes inputs that add work are refused; default 256 MiB.
    pub min_free: u64,
    /// Posts to webhooks; by default it trusts the system's authorities.
    pub webhooks: webhook::Client,
    /// How long sessions last.
    pub sessions: SessionTimes,
    /// Sends mails with links; `None` (default): links are shown to who asked for them.
    pub mail: Option<Arc<mail::Sender>>,
    /// Scheduled reports are put below it; `None` (default): nowhere.
    pub reports_folder: Option<PathBuf>,
}

/// How long sessions last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTimes {
    /// … unused, in milliseconds; default 12 h.
    pub idle_ms: u64,
    /// … at most, in milliseconds; default 7 days.
    pub most_ms: u64,
}

impl Default for SessionTimes {
    fn default() -> SessionTimes {
        SessionTimes { idle_ms: 12 * 3_600_000, most_ms: 7 * 24 * 3_600_000 }
    }
}

impl Options {
    /// The defaults, with a data folder.
    #[must_use]
    pub fn new(data: impl Into<PathBuf>) -> Options {
        Options {
            data: data.into(),
            accept_loss: false,
            keep_ms: retention::KEEP_MS,
            history_keep_ms: 400 * 24 * 3_600_000,
            snapshot_every: 500_000,
            inbox_capacity: 8_192,
            min_free: journal::room::MIN_FREE,
            webhooks: webhook::Client::new(),
            sessions: SessionTimes::default(),
            mail: None,
            reports_folder: None,
        }
    }
}

/// A running node: what `main` holds. Others hold its [`Handle`].
pub struct Node {
    handle: Handle,
    data: PathBuf,
    inbox: Stage,
    outbox: Stage,
    boards: Stage,
    writer: Arc<Writer>,
    keeper: (crossbeam_channel::Sender<()>, JoinHandle<()>),
    folder: JoinHandle<()>,
    figures: JoinHandle<()>,
    history: JoinHandle<()>,
}

impl Node {
    /// Opens the data folder, recovers what the journal has, and starts. On an empty folder it
    /// makes the account `default` and writes its owner's key to `owner.key` (mode 0600).
    ///
    /// Call it within a tokio runtime with time and network enabled. It blocks while it recovers.
    ///
    /// # Errors
    /// When the folder is in use, damaged, newer, or behind what is known of it.
    pub fn open(options: &Options) -> Result<Node, StartError> {
        let of_journal =
            sqlite::Options { accept_loss: options.accept_loss, ..sqlite::Options::default() };
        let journal = Sqlite::open(&options.data, &of_journal)?;
        let room = Arc::new(Room::watch(&options.data, options.min_free)?);
        Node::start(options, Box::new(journal), Some(room), Clock::system)
    }

    /// As [`Node::open`], with a journal, a watch on the disk and a clock of the caller's: `clock`
    /// is told the time of the last record, before which it must not start.
    ///
    /// # Errors
    /// As [`Node::open`].
    pub fn start(
        options: &Options,
        mut journal: Box<dyn Journal>,
        room: Option<Arc<Room>>,
        clock: impl FnOnce(Millis) -> Clock,
    ) -> Result<Node, StartError> {
        // Before the first figure is taken.
        telemetry::install();
        let first =
            |journal: &mut dyn Journal, state: &mut NodeState, now| -> Result<(), StartError> {
                first_start(&options.data, journal, state, now)
            };
        let mut parts = Parts::gather(options, &mut *journal, room, clock, first)?;
        let store = Store::new(&options.data, journal.epoch());
        let figures =
            parts.figures(store, History::open(&options.data)?, options.history_keep_ms)?;
        let carrier = delivery::by_http(options.webhooks.clone());
        let alive = recovery::last_alive(&options.data);
        Node::run(options, journal, parts.assemble(options, carrier, alive), figures)
    }

    /// The way in.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Waits for the failure after which the process must end with its exit code, and answers
    /// nothing more. Never ends while all is well.
    pub async fn failed(&self) -> Fatal {
        self.handle.shared.life.failed().await
    }

    /// Stops: takes no more inputs, finishes what it has, sends everybody away (1001), writes a
    /// snapshot of each account, closes the journal.
    ///
    /// # Errors
    /// When it fails on the way; what was acknowledged is durable all the same.
    pub async fn stop(self) -> Result<(), Fatal> {
        let shared = Arc::clone(&self.handle.shared);
        shared.life.stop();
        shared.gate.close();
        shared.hub.go_away(500, 2_000);
        shared.gate.insert(shared.ticks(), What::Stop);
        tokio::select! {
            ended = self.inbox.ended() => ended.map_err(|error| fatal(&error, EXIT_SOFTWARE))?,
            failed = shared.life.failed() => return Err(failed),
        };
        // The inbox's end of the journal's channel is gone: its thread closes it and ends, and the
        // outbox, which it fed, with it, and the boards likewise.
        let ended = self.outbox.ended().await.and(self.boards.ended().await);
        let ended = ended.map_err(|error| fatal(&error, EXIT_SOFTWARE));
        let (keeper, thread) = self.keeper;
        drop(keeper);
        let (writer, folder, data) = (self.writer, self.folder, self.data);
        let (figures, history) = (self.figures, self.history);
        let rest = move || -> Result<(), Fatal> {
            let panicked = |_| fatal(&"a thread panicked", EXIT_SOFTWARE);
            thread.join().map_err(panicked)?;
            folder.join().map_err(panicked)?;
            if let Some(reports) = shared.reports.get() {
                reports.insist(Told::Stop);
            }
            figures.join().map_err(panicked)?;
            // Nobody tells it anything more.
            history.join().map_err(panicked)?;
            if let Some(writer) = Arc::into_inner(writer) {
                writer.join().map_err(|error| fatal(&error, EXIT_JOURNAL))?;
            }
            recovery::say_alive(&data, shared.clock.now())
                .map_err(|error| fatal(&error, EXIT_JOURNAL))
        };
        tokio::task::spawn_blocking(rest)
            .await
            .map_err(|error| fatal(&error, EXIT_SOFTWARE))?
            .and(ended)
    }
}

fn fatal(why: &dyn std::fmt::Display, exit_code: u8) -> Fatal {
    Fatal { why: why.to_string(), exit_code }
}

/// What the start has gathered before anything runs.
pub(super) struct Parts {
    shared: Arc<Shared>,
    hub: Hub,
    watchers: mpsc::Receiver<live::HubMessage>,
    messages: mpsc::UnboundedReceiver<Message>,
    reader: Box<dyn Reader>,
    state: NodeState,
    recovered: Vec<(Run, Opening, BoardSeed)>,
}

/// A node put together; nothing of it runs yet.
pub(super) struct Assembled {
    pub shared: Arc<Shared>,
    pub inbox: Inbox,
    pub outbox: Outbox,
    pub boards: Boards,
    pub fold: Fold,
    /// From the inbox to the journal.
    pub queue: crossbeam_channel::Receiver<Carried>,
    /// From the outbox to the boards.
    pub told: mpsc::UnboundedReceiver<Shown>,
    pub watchers: mpsc::Receiver<live::HubMessage>,
    pub delivered: mpsc::UnboundedReceiver<Delivered>,
}

impl Parts {
    /// Recovers what the journal has; `first` makes the first records of an empty one.
    pub fn gather(
        options: &Options,
        journal: &mut dyn Journal,
        room: Option<Arc<Room>>,
        clock: impl FnOnce(Millis) -> Clock,
        first: impl FnOnce(&mut dyn Journal, &mut NodeState, Millis) -> Result<(), StartError>,
    ) -> Result<Parts, StartError> {
        let mut reader = journal.reader()?;
        let mut state = recovery::node(&mut *reader)?;
        let clock = if state.seq == 0 {
            let clock = clock(Millis(0));
            first(journal, &mut state, clock.now())?;
            clock
        } else {
            clock(last_record(&mut *reader, &state)?)
        };
        let recovered = recover(&mut *reader, &state)?;
        let readers: Result<Vec<_>, _> = (0..READERS).map(|_| journal.reader()).collect();
        let (hub, watchers) = live::channel(journal.epoch());
        let (gate, messages) = Gate::new(options.inbox_capacity);
        let boards = Hub::new(journal.epoch());
        let shared = share(clock, gate, hub, Readers::new(readers?), room, options.sessions);
        Ok(Parts { shared, hub: boards, watchers, messages, reader, state, recovered })
    }

    /// The fold of the figures, told of every account that there is, and who writes the history of it.
    fn figures(
        &mut self,
        store: Store,
        history: History,
        keep_ms: u64,
    ) -> Result<(reports::Fold, Writing), StartError> {
        let mut opened = Vec::new();
        for (run, ..) in &self.recovered {
            let account = (run.name.clone(), run.stream);
            let floor = (&run.engine, run.last_at);
            let kept = history.position(run.stream);
            opened.push(Opened::found(&store, &mut *self.reader, account, floor, kept)?);
        }
        let (teller, readers, writing) = history.ways(self.shared.clock.clone(), keep_ms);
        let (reports, fold) = Reports::new(&self.shared, store, teller, opened);
        let _ = self.shared.history.set(readers);
        let way = reports.clone();
        self.shared.hub.figures().on_wish(move || {
            let _ = way.ask(Told::Wished);
        });
        // It is the first: a node is put together once.
        let _ = self.shared.reports.set(reports);
        Ok((fold, writing))
    }

    /// Puts the stages together. `alive`: when the node last said that it lived.
    pub fn assemble(self, options: &Options, carrier: Carrier, alive: Option<Millis>) -> Assembled {
        let shared = self.shared;
        for key in self.state.registry.keys() {
            shared.keys.insert(key.id, Arc::clone(key));
        }
        *shared.agencies.write().unwrap_or_else(PoisonError::into_inner) =
            self.state.registry.agencies().clone();
        let last_at = self.recovered.iter().map(|(run, ..)| run.last_at).max();
        let last_at = last_at.unwrap_or_default().max(self.state.last_at);
        let away_ms = shared.clock.now().since(last_at.max(alive.unwrap_or_default()));

        let (folder, fold) = Folder::new(Arc::clone(&shared));
        self.state.registry.accounts().for_each(|info| folder.knows(info.clone()));
        let (deliveries, delivered) = Deliveries::new(carrier);
        let mut boards = Boards::new(Arc::clone(&shared), self.hub);
        let (tell, told) = mpsc::unbounded_channel();
        let mut outbox = Outbox::new(Arc::clone(&shared), tell, deliveries);
        // Up to what one flow lets under way; the bound is the flow's, which can wait.
        let (out, queue) = crossbeam_channel::unbounded();
        let mut inbox = Inbox {
            shared: Arc::clone(&shared),
            messages: self.messages,
            out,
            runs: Vec::new(),
            slots: FxHashMap::default(),
            registry: self.state.registry,
            node_seq: self.state.seq,
            due: BTreeSet::new(),
            vault: self.reader,
            folder,
            snapshot_every: options.snapshot_every.max(1),
            away_ms,
            figures: InboxFigures::new(),
            now: last_at,
            persons: Persons::default(),
        };
        for (run, opening, board) in self.recovered {
            shared.accounts.insert(run.name.clone(), Arc::clone(&opening.head));
            shared.doors.fill(&run.name, &run.engine);
            inbox.figures.agents(&run.name, &agents_of(&board));
            boards.open(run.name.clone(), board);
            inbox.add(run);
            outbox.open(opening);
        }
        let watchers = self.watchers;
        Assembled { shared, inbox, outbox, boards, fold, queue, told, watchers, delivered }
    }
}

impl Node {
    /// Gives each stage its task or thread.
    fn run(
        options: &Options,
        journal: Box<dyn Journal>,
        assembled: Assembled,
        (figures, history): (reports::Fold, Writing),
    ) -> Result<Node, StartError> {
        let Assembled { shared, inbox, outbox, boards, fold, queue, told, watchers, delivered } =
            assembled;
        let folding = fold.spawn()?;
        let (figures, history) = (figures.spawn()?, history.spawn()?);
        start_mailer(options, &shared, &inbox);
        hooks::start(options, &shared, &inbox);
        let (commits, due) = mpsc::unbounded_channel();
        let writer = Arc::new(write(&shared, journal, queue, commits)?);
        let boards = Stage::thread(Behind::Boards, &shared, boards.run(told, watchers))?;
        let outbox = Stage::task(&shared, outbox.run(due, delivered));
        shared.ready.store(true, Ordering::Release);
        let inbox = Stage::task(&shared, inbox.run());
        let keeper = Keeper {
            shared: Arc::clone(&shared),
            data: options.data.clone(),
            keep_ms: options.keep_ms,
            writer: Arc::clone(&writer),
        };
        Ok(Node {
            handle: Handle { shared },
            data: options.data.clone(),
            inbox,
            outbox,
            boards,
            writer,
            keeper: keeper.spawn()?,
            folder: folding,
            figures,
            history,
        })
    }
}

/// The mailer begins with what was to be sent before.
fn start_mailer(options: &Options, shared: &Arc<Shared>, inbox: &Inbox) {
    let Some(sender) = &options.mail else { return };
    let (mails, waiting) = mpsc::unbounded_channel();
    for run in &inbox.runs {
        for user in run.engine.unsent() {
            // Its receiver is here.
            let _ = mails.send((run.name.clone(), user));
        }
    }
    let _ = shared.mails.set(mails);
    let mailer = Mailer::new(Handle { shared: Arc::clone(shared) }, Arc::clone(sender));
    tokio::spawn(mailer.run(waiting));
}

fn agents_of(board: &BoardSeed) -> crate::domain::rows::Changes {
    crate::domain::rows::Changes {
        agents: board.agents.iter().map(|(_, row)| Arc::clone(row)).collect(),
        ..Default::default()
    }
}

fn share(
    clock: Clock,
    gate: Gate,
    hub: live::HubHandle,
    readers: Readers,
    room: Option<Arc<Room>>,
    sessions: SessionTimes,
) -> Arc<Shared> {
    Arc::new(Shared {
        clock,
        gate,
        flow: Flow::default(),
        keys: DashMap::new(),
        doors: Doors::default(),
        agencies: RwLock::default(),
        throttle: Throttle::default(),
        sessions,
        first_link: Mutex::new(None),
        hooks: OnceLock::new(),
        mails: OnceLock::new(),
        hasher: Hasher::default(),
        accounts: DashMap::new(),
        revoked: broadcast::channel(256).0,
        hub,
        reports: OnceLock::new(),
        history: OnceLock::new(),
        readers,
        room,
        life: LifeLine::new(),
        ready: AtomicBool::new(false),
        has_live_work: AtomicBool::new(false),
        next_id: AtomicU64::new(0),
    })
}

/// The journal's thread: it hands each durable batch straight to the outbox.
fn write(
    shared: &Arc<Shared>,
    journal: Box<dyn Journal>,
    queue: crossbeam_channel::Receiver<Carried>,
    commits: mpsc::UnboundedSender<Vec<Carried>>,
) -> Result<Writer, StartError> {
    let options = journal::writer::Options { room: shared.room.clone(), now: clock::instant };
    let hand_on = move |batch: Vec<Carried>| {
        // Without an outbox nobody is left to hear of it; it is durable.
        let _ = commits.send(batch);
    };
    let life = shared.life.clone();
    let ended = move |result: &Result<(), journal::Error>| {
        if let Err(error) = result {
            life.fail(format!("the journal failed: {error}"), EXIT_JOURNAL);
        }
    };
    Ok(Writer::spawn(journal, queue, options, hand_on, ended)?)
}

/// Time of the last record of all streams.
fn last_record(reader: &mut dyn Reader, state: &NodeState) -> Result<Millis, StartError> {
    let mut last = state.last_at;
    let mut found = Vec::new();
    for info in state.registry.accounts() {
        let head = reader.head(info.stream)?;
        if head > 0 {
            found.clear();
            reader.read(info.stream, head - 1, 1, &mut found)?;
            last = found.iter().map(|record| record.at).max().unwrap_or_default().max(last);
        }
    }
    Ok(last)
}

fn recover(
    reader: &mut dyn Reader,
    state: &NodeState,
) -> Result<Vec<(Run, Opening, BoardSeed)>, StartError> {
    let mut recovered = Vec::new();
    for info in state.registry.accounts() {
        let loaded = recovery::account(reader, info, Pace::Fast)?;
        tracing::info!(account = %info.name, seq = loaded.engine.seq(), replayed = loaded.replayed,
            "recovered");
        let engine = loaded.engine;
        let open = engine.open_commands();
        let mut switches: Vec<(Name, _)> = Vec::new();
        for (switch, _) in &open {
            if switches.iter().all(|(known, _)| known != switch) {
                switches.push((switch.clone(), engine.switch_config(switch)));
            }
        }
        let head = AccountHead {
            name: info.name.clone(),
            stream: info.stream,
            durable: watch::channel(engine.seq()).0,
        };
        let (opening, board) = (Opening { head: Arc::new(head), open, switches }, engine.board());
        let mut run = Run::new(info.name.clone(), info.stream, engine, loaded.last_at);
        let Loaded { replayed, replayed_bytes, snapshot_bytes, .. } = loaded;
        run.since_snapshot.found(snapshot_bytes, replayed, replayed_bytes);
        recovered.push((run, opening, board));
    }
    Ok(recovered)
}

/// Makes the first account and its owner's key. The key's file comes first: without its record it
/// opens nothing, and the next start makes another.
fn first_start(
    data: &Path,
    journal: &mut dyn Journal,
    state: &mut NodeState,
    now: Millis,
) -> Result<(), StartError> {
    let no_dice = || StartError::io("asking the system for random bytes");
    let seed = u64::from_le_bytes(secret::entropy::<8>().map_err(no_dice())?);
    let random = secret::entropy().map_err(no_dice())?;
    first_records(journal, state, now, (seed, random), |secret| {
        let path = data.join(OWNER_KEY);
        secret_file::write(&path, secret)
            .map_err(StartError::io(format!("writing {}", path.display())))
    })
}

/// The account `default` and its owner's key, which `keep` is given before its record is written.
pub(super) fn first_records(
    journal: &mut dyn Journal,
    state: &mut NodeState,
    now: Millis,
    (seed, random): (u64, [u8; secret::RANDOM_BYTES]),
    keep: impl Fn(&str) -> Result<(), StartError>,
) -> Result<(), StartError> {
    let node = Actor {
        name: "node".into(),
        role: Role::Owner,
        user: None,
        switch: None,
        door: Door::default(),
    };
    let request = KeyRequest::first();
    let commands = [
        registry::Command::CreateAccount { name: FIRST_ACCOUNT.to_owned(), seed },
        registry::Command::IssueKey { account: FIRST_ACCOUNT.into(), request, random },
    ];
    let mut all = Vec::new();
    for command in commands {
        let decided = state.registry.decide(now, &node, FIRST_ACCOUNT, command);
        let (events, answer) = decided.map_err(|problem| StartError::Unreadable {
            stream: StreamId::NODE,
            seq: 1,
            why: problem.to_string(),
        })?;
        events.iter().for_each(|event| state.registry.apply(event));
        all.extend(events);
        if let registry::Answer::Issued(_, secret) = answer {
            keep(&secret)?;
        }
    }
    let body = registry::encode(&all).into();
    let record = Record { stream: StreamId::NODE, seq: 1, at: now, body };
    journal.append(&[&Entry { record: Some(record), vault: Vec::new() }])?;
    (state.seq, state.last_at) = (1, now);
    Ok(())
}
