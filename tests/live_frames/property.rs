//! Whatever happens on the floor, and however readers come, read and sleep: after every frame a
//! client holds exactly what its view shows at that frame's sequence.

use crate::floor::{Floor, Reader, agent, at, call, call_id, queue, resume};
use callboard::domain::rows::Changes;
use callboard::live::{AgentFilter, Filter, Hub, Scope, View};
use proptest::prelude::*;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const QUEUES: [&str; 3] = ["q0", "q1", "q2"];
const AGENTS: [&str; 3] = ["usr_a", "usr_b", "usr_c"];

#[derive(Clone, Debug)]
enum Step {
    Record(Changes),
    Messages,
    Flush,
    Wait(u64),
    Begin(usize),
    End(usize),
    Resubscribe(usize, bool),
    Restart,
}

type Rows = BTreeMap<(&'static str, String), Value>;

/// The floor as plain rows.
fn put(rows: &mut Rows, changes: &Changes) {
    let mut set = |kind, id: String, row| drop(rows.insert((kind, id), row));
    for row in &changes.queues {
        set("queues", row.id.to_string(), serde_json::to_value(row).unwrap());
    }
    for row in &changes.agents {
        set("agents", row.id.to_string(), serde_json::to_value(row).unwrap());
    }
    for row in &changes.calls {
        set("calls", row.id.to_string(), serde_json::to_value(row).unwrap());
    }
    let mut unset = |kind, id: String| drop(rows.remove(&(kind, id)));
    changes.removed_queues.iter().for_each(|id| unset("queues", id.to_string()));
    changes.removed_agents.iter().for_each(|id| unset("agents", id.to_string()));
    changes.removed_calls.iter().for_each(|id| unset("calls", id.to_string()));
}

fn own_queues(rows: &Rows, user: &str) -> BTreeSet<String> {
    let own = rows.get(&("agents", user.to_owned()));
    own.and_then(|row| row["queues"].as_object())
        .into_iter()
        .flatten()
        .map(|(id, _)| id.clone())
        .collect()
}

fn is_own_call(row: &Value, user: &str) -> bool {
    row["agent"] == *user || row["offers"].as_array().unwrap().iter().any(|o| o["agent"] == *user)
}

fn names(ids: &[callboard::domain::ids::Name], id: &str) -> bool {
    ids.iter().any(|of| &**of == id)
}

/// What the view shows of the floor: written apart from the code under test.
fn shown(rows: &Rows, view: &View) -> Rows {
    let queue_chosen = |id: &str| match &view.queues {
        Filter::None => false,
        Filter::All => true,
        Filter::Ids(ids) => ids.iter().any(|of| &**of == id),
    };
    let is_shown = |kind: &str, id: &str, row: &Value| match kind {
        "queues" => {
            queue_chosen(id)
                && (view.scope == Scope::All
                    || names(view.scope.queues(), id)
                    || view.scope.users().iter().any(|user| own_queues(rows, user).contains(id)))
        }
        "agents" => {
            let chosen = match &view.agents {
                AgentFilter::None => false,
                AgentFilter::All => true,
                AgentFilter::Ids(ids) => ids.iter().any(|of| &**of == id),
                AgentFilter::Queue(queue) => row["queues"].get(&**queue).is_some(),
            };
            chosen && (view.scope == Scope::All || names(view.scope.users(), id))
        }
        _ => {
            let chosen = match &view.queues {
                Filter::Ids(_) => row["queue"].as_str().is_some_and(queue_chosen),
                Filter::None | Filter::All => true,
            };
            view.calls
                && chosen
                && (view.scope == Scope::All
                    || row["queue"].as_str().is_some_and(|id| names(view.scope.queues(), id))
                    || view.scope.users().iter().any(|user| is_own_call(row, user)))
        }
    };
    let all = rows.iter().filter(|((kind, id), row)| is_shown(kind, id, row));
    all.map(|(key, row)| (key.clone(), row.clone())).collect()
}

/// A client that follows the contract.
struct Client {
    reader: Reader,
    view: View,
    rows: Rows,
    seq: Option<u64>,
    is_sending: bool,
}

impl Client {
    /// Takes the next frame in, and checks it against `history`: the floor by sequence.
    fn begin(&mut self, history: &[Rows]) {
        if self.is_sending {
            return;
        }
        let Some(frame) = self.reader.begin() else { return };
        self.is_sending = true;
        for text in frame.texts() {
            let frame: Value = serde_json::from_str(text).unwrap();
            self.take(&frame);
        }
        let seq = frame.seq();
        assert!(self.seq.is_none_or(|before| before <= seq));
        self.seq = Some(seq);
        assert_eq!(
            self.rows,
            shown(&history[seq as usize], &self.view),
            "at {seq} {:?}",
            self.view
        );
    }

    fn take(&mut self, frame: &Value) {
        match frame["type"].as_str().unwrap() {
            "snapshot" => {
                if frame["part"] == 1 {
                    self.rows.clear();
                }
            }
            "delta" => {
                assert_eq!(frame["prev"].as_u64(), self.seq, "{frame}");
                for kind in ["queues", "agents", "calls"] {
                    for id in frame["removed"][kind].as_array().unwrap() {
                        self.rows.remove(&(kind, id.as_str().unwrap().to_owned()));
                    }
                }
            }
            "tick" => return,
            other => panic!("{other}"),
        }
        for kind in ["queues", "agents", "calls"] {
            for row in frame[kind].as_array().unwrap() {
                self.rows.insert((kind, row["id"].as_str().unwrap().to_owned()), row.clone());
            }
        }
    }

    fn end(&mut self) {
        if std::mem::take(&mut self.is_sending) {
            self.reader.end();
        }
    }
}

fn some<T: Clone + std::fmt::Debug + 'static>(of: &'static [T]) -> impl Strategy<Value = Vec<T>> {
    proptest::sample::subsequence(of, 0..=of.len())
}

fn changes() -> impl Strategy<Value = Changes> {
    let row = (0..3usize, 1..9u32, some(&QUEUES), proptest::option::of(0..3usize), some(&AGENTS));
    let rows = proptest::collection::vec((0..3u8, row), 0..3);
    let gone = proptest::option::weighted(0.3, (0..3u8, 0..3usize));
    (rows, gone).prop_map(|(rows, gone)| {
        let mut changes = Changes::default();
        for (kind, (id, number, queues, of, agents)) in rows {
            match kind {
                0 => changes.queues.push(queue(QUEUES[id], number)),
                1 => changes.agents.push(agent(AGENTS[id], &queues)),
                _ => changes.calls.push(call(id as u64, of.map(|of| QUEUES[of]), &agents)),
            }
        }
        match gone {
            Some((0, id)) => changes.removed_queues.push(QUEUES[id].into()),
            Some((1, id)) => changes.removed_agents.push(AGENTS[id].into()),
            Some((_, id)) => changes.removed_calls.push(call_id(id as u64)),
            None => {}
        }
        changes
    })
}

fn view() -> impl Strategy<Value = View> {
    let queues =
        prop_oneof![Just(Filter::None), Just(Filter::All), some(&QUEUES).prop_map(Filter::ids),];
    let agents = prop_oneof![
        Just(AgentFilter::All),
        some(&AGENTS).prop_map(AgentFilter::ids),
        Just(AgentFilter::Queue("q0".into())),
    ];
    let part = |users: &[&str], queues: &[&str]| {
        let ids = |ids: &[&str]| ids.iter().map(|id| (*id).into()).collect();
        Scope::some(ids(users), ids(queues))
    };
    let scope = prop_oneof![
        Just(Scope::All),
        Just(Scope::Agent("usr_a".into())),
        Just(part(&["usr_a", "usr_b"], &[])),
        Just(part(&["usr_b"], &["q0"])),
        Just(part(&[], &["q1", "q2"]))
    ];
    let every_ms = prop_oneof![Just(0), Just(100), Just(5_000)];
    (queues, agents, any::<bool>(), every_ms, scope).prop_map(
        |(queues, agents, calls, every_ms, scope)| View {
            queues,
            agents,
            calls,
            alerts: false,
            every_ms,
            scope,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => changes().prop_map(Step::Record),
        3 => Just(Step::Messages),
        6 => Just(Step::Flush),
        2 => (1..400u64).prop_map(Step::Wait),
        4 => (0..4usize).prop_map(Step::Begin),
        4 => (0..4usize).prop_map(Step::End),
        1 => (0..4usize, any::<bool>()).prop_map(|(who, resumes)| Step::Resubscribe(who, resumes)),
        1 => Just(Step::Restart),
    ]
}

struct World {
    floor: Floor,
    now: u64,
    history: Vec<Rows>,
    clients: Vec<Client>,
}

impl World {
    fn new(views: Vec<View>) -> World {
        let mut floor = Floor::new();
        let clients = views.into_iter().map(|view| client(&mut floor, 0, view)).collect();
        World { floor, now: 0, history: vec![Rows::new()], clients }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Record(changes) => {
                let mut rows = self.history.last().unwrap().clone();
                put(&mut rows, &changes);
                self.history.push(rows);
                self.floor.record(self.now, &changes);
            }
            Step::Messages => self.floor.messages(self.now),
            // What the connections said may be on its way still.
            Step::Flush => drop(self.floor.hub.flush(at(self.now))),
            Step::Wait(ms) => self.now += ms,
            Step::Begin(who) => self.clients[who].begin(&self.history),
            Step::End(who) => self.clients[who].end(),
            Step::Resubscribe(who, resumes) => self.resubscribe(who, resumes),
            Step::Restart => self.restart(),
        }
    }

    fn resubscribe(&mut self, who: usize, resumes: bool) {
        let client = &mut self.clients[who];
        // A client that resumes has taken in all that came.
        client.end();
        client.begin(&self.history);
        client.end();
        let from = client.seq.filter(|_| resumes).and_then(resume);
        self.floor.subscribe(self.now, &client.reader, client.view.clone(), from);
    }

    /// The process dies and comes back; every dashboard resumes.
    fn restart(&mut self) {
        let mut hub = Hub::new("epoch-1");
        hub.open("acme", self.floor.hub.board("acme").unwrap().seed());
        self.floor = Floor::with(hub);
        for client in &mut self.clients {
            client.reader = self.floor.connect(client.view.scope.clone());
            client.is_sending = false;
            let from = client.seq.and_then(resume);
            self.floor.subscribe(self.now, &client.reader, client.view.clone(), from);
        }
    }

    /// Everybody reads until nothing is left: all hold the floor as it is.
    fn settle(mut self) {
        for _ in 0..4 {
            self.now += 5_000;
            self.floor.flush(self.now);
            for client in &mut self.clients {
                client.end();
                client.begin(&self.history);
                client.end();
            }
        }
        let (seq, last) = (self.floor.seq, self.history.last().unwrap());
        for client in &self.clients {
            assert_eq!(client.seq, Some(seq));
            assert_eq!(client.rows, shown(last, &client.view));
        }
        assert_eq!(self.floor.hub.readers("acme"), self.clients.len());
        assert!(self.floor.flush(self.now).is_some_and(|wake| at(wake) > at(self.now)));
    }
}

fn client(floor: &mut Floor, ms: u64, view: View) -> Client {
    let reader = floor.reader(ms, view.clone());
    Client { reader, view, rows: Rows::new(), seq: None, is_sending: false }
}

proptest! {
    #[test]
    fn a_client_holds_what_its_view_shows(
        views in proptest::collection::vec(view(), 4),
        steps in proptest::collection::vec(step(), 1..120),
    ) {
        let mut world = World::new(views);
        steps.into_iter().for_each(|step| world.step(step));
        world.settle();
    }
}
