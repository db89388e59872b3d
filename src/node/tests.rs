//! The pipeline whole, over the journal in memory and a clock that the test moves.

mod hooks;

use crate::domain::ids::OfferId;
use crate::domain::input::{
    Actor, Answer, Command as Change, Door, Input, Kind, ObjectRef, Precondition, Query,
};
use crate::domain::media::Media;
use crate::domain::objects::user::Role;
use crate::domain::presence::Status;
use crate::domain::problem::Problem;
use crate::domain::switching::{
    Arrival, ArrivalTarget, Command, Effect, EventResult, Happening, ResultStatus, SwitchEvent,
};
use crate::domain::time::Millis;
use crate::journal::memory::{Control, Fault, Memory};
use crate::journal::{Journal, Room, StreamId};
use crate::live::slot::Parcel;
use crate::live::{View, Viewer};
use crate::node::clock::Clock;
use crate::node::{EXIT_JOURNAL, Handle, KeyRequest, Node, Options};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const START: Millis = Millis(1_795_291_200_000);
const ACCOUNT: &str = "default";
const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// A node in memory, and the test's hands on it.
struct World {
    node: Node,
    handle: Handle,
    clock: Clock,
    control: Control,
    data: TempDir,
}

impl World {
    fn start() -> World {
        let data = tempfile::tempdir().expect("a folder");
        World::on(Memory::new("e"), Clock::manual(START), data, None)
    }

    fn on(journal: Memory, clock: Clock, data: TempDir, room: Option<Arc<Room>>) -> World {
        let control = journal.control();
        let reports_folder = Some(data.path().join("reports"));
        let options = Options { reports_folder, ..Options::new(data.path()) };
        let of_node = clock.clone();
        let node = Node::start(&options, Box::new(journal), room, |_| of_node).expect("started");
        World { handle: node.handle(), node, clock, control, data }
    }

    /// One agent, ready, in one queue, behind one switch.
    async fn with_agent() -> World {
        let world = World::start();
        world.furnish(json!({ "name": "Edge" })).await;
        world
    }

    async fn furnish(&self, switch: Value) {
        self.put(Kind::Switch, "", "edge", switch).await;
        let ann = json!({ "first_name": "Ann", "last_name": "Lee", "role": "agent",
                          "endpoint": "sip:ann@127.0.0.1:5071" });
        self.put(Kind::User, "", "usr_ann", ann).await;
        let support = json!({ "name": "Support", "strategy": "longest_idle" });
        self.put(Kind::Queue, "", "support", support).await;
        self.put(Kind::Member, "support", "usr_ann", json!({})).await;
        self.ready().await;
    }

    async fn ready(&self) {
        let command = Change::SetStatus {
            user: "usr_ann".into(),
            status: Status::Ready,
            reason: None,
            when: None,
            lease_ms: None,
        };
        let input = Input::Command { actor: owner(), command };
        self.handle.send(ACCOUNT, input).await.expect("ready");
    }

    async fn put(&self, kind: Kind, parent: &str, id: &str, body: Value) {
        let object = ObjectRef { kind, parent: parent.into(), id: id.into() };
        let command =
            Change::Put { object, body, merge: false, only_if: Precondition::None, dry_run: false };
        let put = self.handle.send(ACCOUNT, Input::Command { actor: owner(), command }).await;
        assert!(matches!(put, Ok(Answer::Done { status: 200 | 201, .. })), "{id}: {put:?}");
    }

    async fn post(&self, events: Vec<SwitchEvent>, ack: Option<u64>) -> Posted {
        let events = events.into_iter().map(Into::into).collect();
        self.handle.send_switch_events(ACCOUNT, edge(), "edge".into(), events, ack).await
    }

    fn posting(&self, event: SwitchEvent) -> tokio::task::JoinHandle<Posted> {
        let handle = self.handle.clone();
        tokio::spawn(async move {
            let events = vec![event.into()];
            handle.send_switch_events(ACCOUNT, edge(), "edge".into(), events, None).await
        })
    }

    /// Another process on what was durable.
    async fn restart(self) -> World {
        let World { node, clock, control, data, .. } = self;
        let journal = control.crash();
        drop(node);
        World::on(journal, clock, data, None)
    }
}

type Posted = Result<(Vec<EventResult>, Vec<Arc<Command>>), Problem>;

fn owner() -> Actor {
    Actor {
        name: "owner".into(),
        role: Role::Owner,
        user: None,
        switch: None,
        door: Door::default(),
    }
}

fn edge() -> Actor {
    let switch = Some("edge".into());
    Actor { name: "edge".into(), role: Role::Switch, user: None, switch, door: Door::default() }
}

fn event(id: &str, subject: &str, what: Happening) -> SwitchEvent {
    SwitchEvent {
        id: id.into(),
        subject: subject.into(),
        time: None,
        bootid: None,
        sequence: None,
        replayed: false,
        what,
        extra: None,
    }
}

fn arrives(subject: &str) -> SwitchEvent {
    let arrival = Arrival {
        media: Media::Voice,
        from: Some("+15551230001".into()),
        to: None,
        target: Some(ArrivalTarget::Queue("support".into())),
        priority: 0,
        skills: Vec::new(),
        steps: None,
        preferred: None,
        attributes: BTreeMap::new(),
    };
    event(&format!("{subject}-arrived"), subject, Happening::CallArrived(Box::new(arrival)))
}

fn leaves(subject: &str) -> SwitchEvent {
    event(&format!("{subject}-left"), subject, Happening::CallAbandoned)
}

fn rung(commands: &[Arc<Command>]) -> Vec<OfferId> {
    let offers = commands.iter().filter_map(|command| match command.effect {
        Effect::OfferRing { offer, .. } => Some(offer),
        _ => None,
    });
    offers.collect()
}

/// Long enough for what should come, and for what should not.
async fn soon<T>(future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(Duration::from_millis(100), future).await.ok()
}

#[tokio::test]
async fn nothing_leaves_before_its_record_is_durable() {
    let world = World::with_agent().await;
    let handle = &world.handle;
    let mut link = handle.link_open(ACCOUNT, "edge").await.expect("a link");
    let mut desk = handle.desk_open(ACCOUNT, owner(), "usr_ann").await.expect("a desk");
    while soon(desk.next()).await.is_some() {}
    let watcher = handle.hub().connect(Viewer::of_all(ACCOUNT));
    assert!(watcher.subscribe(View::all().into()).await);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(watcher.slot().take().is_some(), "the snapshot");
    watcher.done().await;
    let before = handle.durable_seq(ACCOUNT).expect("an account");

    world.control.hold();
    let mut reply = world.posting(arrives("c1"));
    let feed = handle.feed(ACCOUNT, before, 10, Duration::from_secs(30));
    let mut feed = std::pin::pin!(feed);
    let read = handle.send(
        ACCOUNT,
        Input::Query { actor: owner(), query: Query::Agent { user: "usr_ann".into() } },
    );
    let mut read = std::pin::pin!(read);
    assert!(soon(&mut reply).await.is_none(), "a reply");
    assert!(soon(link.next()).await.is_none(), "a command");
    assert!(soon(desk.next()).await.is_none(), "a desk's view");
    assert!(soon(&mut feed).await.is_none(), "history");
    assert!(soon(&mut read).await.is_none(), "live state");
    assert!(watcher.slot().take().is_none(), "a frame");
    assert_eq!(handle.durable_seq(ACCOUNT), Ok(before));

    world.control.release();
    let (results, commands) = reply.await.expect("lives").expect("taken");
    assert_eq!(results[0].status, ResultStatus::Accepted);
    assert_eq!(rung(&commands).len(), 1);
    let pushed = soon(link.next()).await.expect("pushed").expect("open");
    assert_eq!(pushed, commands);
    assert!(soon(desk.next()).await.is_some());
    assert!(!soon(&mut feed).await.expect("history").expect("kept").is_empty());
    assert!(soon(&mut read).await.expect("live state").is_ok());
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(watcher.slot().take().is_some());
}

#[tokio::test]
async fn who_opens_a_dashboard_after_a_reply_finds_what_was_acknowledged() {
    let world = World::with_agent().await;
    for round in 0..200 {
        let (results, _) =
            world.post(vec![arrives(&format!("c{round}"))], None).await.expect("taken");
        let acknowledged = world.handle.durable_seq(ACCOUNT).expect("an account");
        let watcher = world.handle.hub().connect(Viewer::of_all(ACCOUNT));
        assert!(watcher.subscribe(View::all().into()).await);
        let first = tokio::time::timeout(Duration::from_secs(10), watcher.slot().next()).await;
        let Ok(Parcel::Frame(frame)) = first else { panic!("no frame in round {round}") };
        assert!(frame.seq() >= acknowledged, "round {round}: {} of {acknowledged}", frame.seq());
        let call = results[0].call_id.expect("a call").to_string();
        assert!(frame.texts().iter().any(|text| text.contains(&call)), "round {round}");
    }
}

#[tokio::test]
async fn a_restart_finds_what_was_acknowledged_and_rings_again() {
    let world = World::with_agent().await;
    let (results, commands) = world.post(vec![arrives("c1")], None).await.expect("taken");
    let seq = world.handle.durable_seq(ACCOUNT).expect("an account");
    let key = std::fs::read_to_string(world.data.path().join("owner.key")).expect("a key");

    let world = world.restart().await;
    assert!(world.handle.authenticate(key.trim(), HERE).is_ok());
    assert!(world.handle.durable_seq(ACCOUNT).expect("an account") >= seq);
    let mut link = world.handle.link_open(ACCOUNT, "edge").await.expect("a link");
    let again = soon(link.next()).await.expect("at once").expect("open");
    assert_eq!(rung(&again), rung(&commands));
    let (same, told) = world.post(vec![arrives("c1")], None).await.expect("taken");
    assert_eq!(same[0].status, ResultStatus::Duplicate);
    assert_eq!(same[0].call_id, results[0].call_id);
    assert_eq!(rung(&told), rung(&commands), "the open commands of a duplicate's call");
    let call = results[0].call_id.expect("a call");
    assert!(!world.handle.trace(ACCOUNT, call).await.expect("a story").is_empty());
}

#[tokio::test]
async fn what_a_crash_forgot_was_never_told() {
    let world = World::with_agent().await;
    let seq = world.handle.durable_seq(ACCOUNT).expect("an account");
    world.control.hold();
    let reply = world.posting(arrives("c1"));
    tokio::time::sleep(Duration::from_millis(50)).await;
    let world = world.restart().await;
    assert!(soon(reply).await.is_none(), "no answer, not even a refusal");
    let (results, _) = world.post(vec![arrives("c1")], None).await.expect("taken");
    assert_eq!(results[0].status, ResultStatus::Accepted, "not a duplicate: it was not durable");
    assert!(world.handle.durable_seq(ACCOUNT).expect("an account") > seq);
}

#[tokio::test]
async fn a_failed_append_ends_the_node_without_another_answer() {
    let world = World::with_agent().await;
    world.control.fail_at(1, Fault::SyncLost);
    let reply = world.posting(arrives("c1"));
    let fatal = soon(world.node.failed()).await.expect("told");
    assert_eq!(fatal.exit_code, EXIT_JOURNAL);
    assert!(soon(reply).await.is_none());
    assert!(soon(world.post(vec![arrives("c2")], None)).await.is_none());
    assert_eq!(world.handle.health().life, "failed");
    let code = world.node.stop().await.map_err(|fatal| fatal.exit_code);
    assert_eq!(code, Err(EXIT_JOURNAL));
}

#[tokio::test]
async fn a_link_hears_again_until_it_acknowledges() {
    let world = World::with_agent().await;
    let mut link = world.handle.link_open(ACCOUNT, "edge").await.expect("a link");
    world.post(vec![arrives("c1")], None).await.expect("taken");
    let first = soon(link.next()).await.expect("pushed").expect("open");
    assert!(soon(link.next()).await.is_none());
    world.clock.advance(1_000);
    let again = soon(link.next()).await.expect("repeated").expect("open");
    assert_eq!(first, again);
    let last = first.last().expect("a command").seq;
    world.handle.acknowledge(ACCOUNT, "edge", last).expect("acknowledged");
    // Nobody is told of an acknowledgement; what is answered behind it has passed it.
    world.post(Vec::new(), None).await.expect("taken");
    world.clock.advance(2_000);
    assert!(soon(link.next()).await.is_none());
}

#[tokio::test]
async fn a_poll_waits_and_acknowledges_by_asking_for_more() {
    let world = World::with_agent().await;
    let handle = world.handle.clone();
    let poll =
        tokio::spawn(async move { handle.poll(ACCOUNT, "edge", 0, Duration::from_secs(20)).await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    // Not in the reply of the switch's own request: a deadline's, so that the poll gets it.
    world.post(vec![arrives("c1")], None).await.expect("taken");
    world.clock.advance(1_000);
    let commands = soon(poll).await.expect("woken").expect("lives").expect("told");
    assert_eq!(rung(&commands).len(), 1);
    let last = commands.last().expect("a command").seq;
    let none = world.handle.poll(ACCOUNT, "edge", last, Duration::ZERO).await.expect("told");
    assert!(none.is_empty());
    let nobody = world.handle.poll(ACCOUNT, "nobody", 0, Duration::ZERO).await;
    assert_eq!(nobody.map_err(|problem| problem.status).err(), Some(404));
}

#[tokio::test]
async fn a_deadline_fires_when_it_comes() {
    let world = World::with_agent().await;
    world.post(vec![arrives("c1")], None).await.expect("taken");
    let before = world.handle.durable_seq(ACCOUNT).expect("an account");
    world.clock.advance(10_000);
    assert!(
        soon(world.handle.feed(ACCOUNT, before, 10, Duration::from_millis(50))).await.is_some()
    );
    let rings = world.handle.durable_seq(ACCOUNT).expect("an account");
    world.clock.advance(10_000);
    let wait = Duration::from_secs(5);
    let missed = soon(world.handle.feed(ACCOUNT, rings, 10, wait)).await.expect("a record");
    assert!(!missed.expect("kept").is_empty());
}

#[tokio::test]
async fn a_short_disk_refuses_what_begins_and_takes_what_ends() {
    let data = tempfile::tempdir().expect("a folder");
    let free = Arc::new(AtomicU64::new(1 << 30));
    let asked = Arc::clone(&free);
    let probe = Box::new(move || Ok(asked.load(Ordering::Relaxed)));
    let room = Arc::new(Room::with_probe(data.path(), 1 << 20, probe).expect("a room"));
    let clock = Clock::manual(START);
    let world = World::on(Memory::new("e"), clock, data, Some(Arc::clone(&room)));
    world.furnish(json!({ "name": "Edge" })).await;
    world.post(vec![arrives("c1")], None).await.expect("taken");

    free.store(1, Ordering::Relaxed);
    room.refresh(crate::node::clock::instant() + Duration::from_secs(60));
    let refused = world.post(vec![arrives("c2"), leaves("c1")], None).await;
    assert_eq!(
        refused.map_err(|problem| (problem.status, problem.code)).err(),
        Some((507, "disk_full"))
    );
    // All of it is sent again: what was taken is a duplicate.
    let (results, _) = world.post(vec![leaves("c1")], None).await.expect("taken");
    assert_eq!(results[0].status, ResultStatus::Duplicate);
    let query = Query::Agent { user: "usr_ann".into() };
    assert!(world.handle.send(ACCOUNT, Input::Query { actor: owner(), query }).await.is_ok());
    assert!(world.handle.health().disk_short);
}

#[tokio::test]
async fn keys_open_when_durable_and_nothing_when_revoked() {
    let world = World::start();
    let request = || KeyRequest {
        name: "wallboard".into(),
        role: Role::Supervisor,
        user: None,
        switch: None,
        expires_at: Some(START.plus(60_000)),
        networks: Vec::new(),
        scopes: None,
    };
    let (view, secret) = world.handle.issue_key(ACCOUNT, owner(), request()).await.expect("issued");
    let (account, actor) = world.handle.authenticate(&secret, HERE).expect("admitted");
    assert_eq!((&*account, actor.role), (ACCOUNT, Role::Supervisor));
    world.clock.advance(60_000);
    assert!(world.handle.authenticate(&secret, HERE).is_err(), "expired");

    let keys = world.handle.list_keys(ACCOUNT, owner()).await.expect("listed");
    assert_eq!(keys.len(), 2, "the owner's and this");
    let world = world.restart().await;
    let mut revoked = world.handle.revoked();
    world.handle.revoke_key(ACCOUNT, owner(), view.id).await.expect("revoked");
    assert_eq!(revoked.recv().await, Ok(view.id));
    assert!(!world.handle.is_key_valid(view.id));
    let again = world.restart().await;
    assert!(!again.handle.is_key_valid(view.id));
}

#[tokio::test]
async fn accounts_are_apart_and_come_back() {
    let world = World::with_agent().await;
    let info = world.handle.create_account(ACCOUNT, owner(), "acme").await.expect("created");
    assert_eq!(info.stream, StreamId(2));
    let query = Query::Agent { user: "usr_ann".into() };
    let elsewhere = world.handle.send("acme", Input::Query { actor: owner(), query }).await;
    assert_eq!(elsewhere.map_err(|problem| problem.status).err(), Some(404));
    let world = world.restart().await;
    let names = world.handle.accounts();
    assert_eq!(names.iter().map(|name| &**name).collect::<Vec<_>>(), ["acme", ACCOUNT]);
}

#[tokio::test]
async fn a_clean_stop_leaves_nothing_to_replay() {
    let world = World::with_agent().await;
    world.post(vec![arrives("c1")], None).await.expect("taken");
    let mut link = world.handle.link_open(ACCOUNT, "edge").await.expect("a link");
    soon(link.next()).await.expect("pushed");
    let World { node, handle, clock, control, data } = world;
    node.stop().await.expect("stopped");
    assert_eq!(soon(link.next()).await, Some(None), "the link ends");
    let refused = handle.acknowledge(ACCOUNT, "edge", 1);
    assert_eq!(refused.map_err(|problem| problem.code), Err("stopping"));

    let journal = control.crash();
    let head = journal.head(StreamId(1));
    let newest = journal.reader().expect("a reader").snapshots(StreamId(1)).expect("listed");
    assert_eq!(newest.first().map(|at| at.seq), Some(head));
    let world = World::on(journal, clock, data, None);
    let mut link = world.handle.link_open(ACCOUNT, "edge").await.expect("a link");
    assert!(soon(link.next()).await.is_some(), "open commands are in the snapshot too");
}

#[tokio::test]
async fn a_snapshot_is_made_behind_the_journal() {
    let data = tempfile::tempdir().expect("a folder");
    let journal = Memory::new("e");
    let (control, mut reader) = (journal.control(), journal.reader().expect("a reader"));
    let clock = Clock::manual(START);
    let options = Options { snapshot_every: 3, ..Options::new(data.path()) };
    let of_node = clock.clone();
    let node = Node::start(&options, Box::new(journal), None, |_| of_node).expect("started");
    let world = World { handle: node.handle(), node, clock, control, data };
    world.furnish(json!({ "name": "Edge" })).await;
    let mut found = Vec::new();
    for _ in 0..100 {
        found = reader.snapshots(StreamId(1)).expect("listed");
        if !found.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(found.first().is_some_and(|at| at.seq >= 2), "{found:?}");
    let world = world.restart().await;
    assert!(world.post(vec![arrives("c1")], None).await.is_ok());
}

#[tokio::test]
async fn a_webhook_gets_what_a_deadline_decided_and_its_answer_acknowledges() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let world = World::start();
    world.furnish(json!({ "name": "Edge", "webhook": { "url": url } })).await;
    let (_, commands) = world.post(vec![arrives("c1")], None).await.expect("taken");
    assert!(soon(listener.accept()).await.is_none(), "it stood in the reply");
    world.clock.advance(1_000);
    let (mut socket, _) = soon(listener.accept()).await.expect("repeated").expect("accepted");
    let mut seen = Vec::new();
    while !seen.ends_with(b"}]}") {
        assert!(socket.read_buf(&mut seen).await.expect("read") > 0);
    }
    let text = String::from_utf8(seen).expect("text");
    assert!(text.contains(&commands[0].id.to_string()), "{text}");
    let before = world.handle.durable_seq(ACCOUNT).expect("an account");
    socket.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.expect("answered");
    let done = soon(world.handle.feed(ACCOUNT, before, 10, Duration::from_secs(5))).await;
    assert!(!done.expect("a record").expect("kept").is_empty(), "the acknowledgement");
    let (_, told) = world.post(vec![arrives("c1")], None).await.expect("taken");
    assert!(told.is_empty(), "nothing is open for the duplicate");
}
