//! The seeded world with faults: the real node (inbox, engine, outbox, boards, hub, recovery) on a
//! virtual clock, over a disk that forgets what was not synced, among switches, desks and
//! dashboards that lose, double, delay and reorder what they say.
//!
//! One seed is one world: the same order of everything, the same log. [`play`] runs one: a storm of
//! calls and faults, then a calm in which all must come right.
//!
//! | file | holds |
//! |---|---|
//! | `plan`, `dice`, `furnish` | what a seed makes of a world |
//! | `host`, `follower` | the machine and its disk; an engine that replays what is durable |
//! | `asks` | requests that wait for the node |
//! | `exchange`, `edges`, `wire`, `commands` | switches: what is true there, what they say, how, what they do |
//! | `people`, `dashboards` | who sits at desks, who watches |
//! | `troubles` | what goes wrong at an instant |
//! | `run`, `calm`, `checks`, `order` | the loop, the end, what must hold |

mod asks;
mod calm;
mod checks;
mod commands;
mod dashboards;
mod dice;
mod edges;
mod exchange;
mod follower;
mod furnish;
mod host;
mod order;
mod people;
mod plan;
mod run;
mod troubles;
mod wire;

use self::asks::{Asked, Asks};
use self::dashboards::Watcher;
use self::dice::Dice;
use self::edges::{Edge, EdgeAct};
use self::follower::Follower;
use self::furnish::House;
use self::host::Host;
use self::people::{Person, Seen};
use self::plan::{Plan, Trouble};
use crate::domain::ids::CallId;
use crate::domain::problem::Problem;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

/// What became of a world.
pub struct Story {
    /// What happened, line by line, with the time since its beginning in seconds.
    pub log: Vec<String>,
    /// What was broken, when something was.
    pub broken: Option<String>,
    /// How often what happened: faults, events, commands, checks.
    pub counts: BTreeMap<&'static str, u64>,
}

/// Plays the world of a seed to its end, or until something is broken.
#[must_use]
pub fn play(seed: u64) -> Story {
    let mut told = Told::default();
    let broken = match World::new(seed, &mut told) {
        Ok(mut world) => std::panic::catch_unwind(AssertUnwindSafe(|| world.run()))
            .unwrap_or_else(|panic| Err(panic_text(&*panic)))
            .err(),
        Err(why) => Some(why),
    };
    Story { log: told.log, broken, counts: told.counts }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", text.unwrap_or("without words"))
}

/// What is told of a world while it runs.
#[derive(Default)]
struct Told {
    log: Vec<String>,
    counts: BTreeMap<&'static str, u64>,
}

impl Told {
    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }
}

/// What is to happen.
#[derive(Clone, Debug)]
enum Act {
    /// Somebody calls.
    Arrive,
    /// Something goes wrong.
    Trouble(Trouble),
    /// The node's process starts.
    Start,
    /// The sync under way ends.
    Synced,
    /// The disk has room again.
    Room,
    /// A snapshot that was ordered is made.
    Fold,
    /// Something happens at a switch, in this life of it.
    Edge(usize, u32, EdgeAct),
    /// A person does something.
    Person(usize),
    /// A person has made up their mind about an offer at the desk.
    Decide(Seen),
    /// A dashboard looks.
    Watch(usize),
    /// The faults stop.
    Calm,
}

/// A world.
struct World<'a> {
    dice: Dice,
    plan: Plan,
    house: House,
    host: Host,
    follower: Follower,
    edges: Vec<Edge>,
    people: Vec<Person>,
    watchers: Vec<Watcher>,
    asks: Asks,
    /// By time in milliseconds since the beginning, then in order of making.
    agenda: BTreeMap<(u64, u64), Act>,
    made: u64,
    now: u64,
    /// The faults have stopped.
    calm_since: Option<u64>,
    /// A sync is under way.
    syncing: bool,
    /// Records of the follower when boards and states were last checked.
    checked: u64,
    /// … when waiting calls were.
    waiting_checked: u64,
    /// What has held calls back, since when.
    holds: BTreeMap<CallId, (&'static str, u64)>,
    /// When the node last started.
    up_since: u64,
    /// When it was last looked whether all is well.
    looked_at: u64,
    turns: u64,
    told: &'a mut Told,
}

impl<'a> World<'a> {
    fn new(seed: u64, told: &'a mut Told) -> Result<World<'a>, String> {
        let mut dice = Dice::new(seed);
        let plan = Plan::draw(&mut dice);
        let house = House::draw(&mut dice);
        let host = Host::start(seed, plan.snapshot_every)?;
        let follower = Follower::new(&host)?;
        let edges = plan.edges.iter().cloned().map(Edge::new).collect();
        let people = house.seats.iter().map(Person::new).collect();
        let watchers = Watcher::some(&mut dice, &house);
        Ok(World {
            dice,
            plan,
            house,
            host,
            follower,
            edges,
            people,
            watchers,
            asks: Asks::default(),
            agenda: BTreeMap::new(),
            made: 0,
            now: 0,
            calm_since: None,
            syncing: false,
            checked: 0,
            waiting_checked: 0,
            holds: BTreeMap::new(),
            up_since: 0,
            looked_at: 0,
            turns: 0,
            told,
        })
    }

    fn say(&mut self, text: impl AsRef<str>) {
        let (s, ms) = (self.now / 1_000, self.now % 1_000);
        self.told.log.push(format!("{s:>4}.{ms:03} {}", text.as_ref()));
    }

    fn count(&mut self, what: &'static str) {
        self.told.count(what);
    }

    fn later(&mut self, ms: u64, act: Act) {
        self.made += 1;
        self.agenda.insert((self.now + ms, self.made), act);
    }

    fn at_edge(&mut self, edge: usize, ms: u64, act: EdgeAct) {
        let life = self.edges[edge].life;
        self.later(ms, Act::Edge(edge, life, act));
    }

    fn is_calm(&self) -> bool {
        self.calm_since.is_some()
    }

    /// Whether a fault of these odds strikes now; never in the calm.
    fn strikes(&mut self, what: &'static str, per_mille: u32) -> bool {
        let strikes = !self.is_calm() && self.dice.odds(per_mille);
        if strikes {
            self.count(what);
        }
        strikes
    }

    fn refused(&mut self, what: &Asked, problem: &Problem) {
        self.say(format!("  {what:?} is refused: {} {}", problem.status, problem.code));
    }
}
