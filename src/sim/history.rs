//! Random histories: small worlds and what happens in them, as text of the scenario language.
//!
//! A history is made beside the model, so that most of what it says makes sense (an answer goes to
//! an agent who rings); the rest is what switches do on bad days: duplicates, events out of order,
//! late and unknown ones.

mod plans;
mod steps;
mod wishes;

use super::model::Model;
use super::scenario::{Runner, START};
use crate::domain::objects::queue::Exit;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// A world being made, and its story so far.
struct Maker {
    dice: Pcg64Mcg,
    model: Runner<Model>,
    lines: Vec<String>,
    agents: Vec<Person>,
    queues: Vec<Line>,
    switches: Vec<Edge>,
    calls: usize,
    events: usize,
    desks: u64,
    own: Vec<(String, String)>,
    /// Calls that are no voice calls: a switch does not hand them to a voice queue.
    chats: Vec<String>,
    at: i64,
    /// Lines held back, to come out of order.
    late: Vec<String>,
}

struct Person {
    name: String,
    body: Vec<(String, String)>,
    desks: Vec<u64>,
    pbx: bool,
}

struct Line {
    name: String,
    group: bool,
    chat: bool,
    body: Vec<(String, String)>,
    members: Vec<usize>,
}

struct Edge {
    name: String,
    sequenced: bool,
    boot: Option<u32>,
    next_seq: Vec<(String, u64)>,
    heartbeat: bool,
}

/// The history of a seed: lines of the scenario language.
#[must_use]
pub fn history(seed: u64) -> Vec<String> {
    let mut maker = Maker {
        dice: Pcg64Mcg::seed_from_u64(seed),
        model: Runner::new(Model::new(START)),
        lines: Vec::new(),
        agents: Vec::new(),
        queues: Vec::new(),
        switches: Vec::new(),
        calls: 0,
        events: 0,
        desks: 0,
        own: Vec::new(),
        chats: Vec::new(),
        at: 0,
        late: Vec::new(),
    };
    maker.world();
    let steps = maker.below(90) + 20;
    for _ in 0..steps {
        maker.step();
    }
    let rest = std::mem::take(&mut maker.late);
    for line in rest {
        maker.say(line);
    }
    maker.say(format!("at {}ms", maker.at + 60_000));
    maker.lines
}

fn text(body: &[(String, String)]) -> String {
    body.iter().map(|(key, value)| format!(" {key}={value}")).collect()
}

fn set(body: &mut Vec<(String, String)>, key: &str, value: impl ToString) {
    body.retain(|(k, _)| k != key);
    body.push((key.to_owned(), value.to_string()));
}

impl Maker {
    fn below(&mut self, n: usize) -> usize {
        self.dice.random_range(0..n)
    }

    /// True once in `n` times.
    fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    fn say(&mut self, line: String) {
        // The maker's own lines always read; the model tells what can follow.
        if self.model.line(&line).is_ok() {
            self.lines.push(line);
        }
    }

    fn world(&mut self) {
        if self.once_in(8) {
            // A story over midnight.
            let before = self.below(60) as i64 * 500;
            self.at = 4 * 3_600_000 - before;
            let at = self.at;
            self.say(format!("at {at}ms"));
        }
        let grace = self.one_of(&[1_000, 3_000, 15_000]);
        let hops = self.one_of(&[1, 2, 10]);
        let unleased = self.one_of(&[0, 30_000, 43_200_000]);
        let opt = self.one_of(&["keep", "keep", "all", "none"]);
        let clock = self.one_of(&["handled", "handled", "any_work", "offered", "status"]);
        let voice = !self.once_in(3);
        self.say(format!(
            "account lease_grace_ms={grace} max_hops={hops} max_unleased_ms={unleased} \
             opt_in_at_login={opt} voice_over_others={voice} idle_clock={clock}"
        ));
        self.say("skill spanish min=1 max=100".to_owned());
        self.say("skill tech min=10 max=60".to_owned());
        // Closes and opens again within a minute of many a history, and at midnight.
        let hours = r#"{"sat":["00:00-20:01","20:02-24:00"],"sun":["00:02-12:00"]}"#;
        self.say(format!("calendar office hours={hours}"));
        for i in 0..=self.below(2) {
            self.edge(i);
        }
        for i in 0..=self.below(6) {
            self.person(i);
        }
        for i in 0..=self.below(4) {
            self.line(i);
        }
        for i in 0..self.queues.len() {
            self.exits(i);
            for agent in 0..self.agents.len() {
                if !self.once_in(4) {
                    self.member(i, agent);
                }
            }
        }
        for agent in 0..self.agents.len() {
            if !self.agents[agent].pbx && !self.once_in(6) {
                let status = self.one_of(&["ready", "ready", "ready", "online"]);
                let name = self.agents[agent].name.clone();
                self.say(format!("status {name} {status}"));
                if self.once_in(3) {
                    self.desk(agent, true);
                }
            }
        }
    }

    fn edge(&mut self, i: usize) {
        let name = format!("s{}", i + 1);
        let mut can = Vec::new();
        for (key, odds) in [("times_ring", 2), ("adds_leg", 3), ("cancels_one_leg", 3)] {
            if self.once_in(odds) {
                set(&mut can, key, false);
            }
        }
        if self.once_in(2) {
            set(&mut can, "connects", "switch");
        }
        if self.once_in(4) {
            let most = self.below(5) + 1;
            set(&mut can, "offers_per_call", most);
        }
        self.say(format!("switch {name}{}", text(&can)));
        let sequenced = self.once_in(2);
        let boot = self.once_in(2).then_some(1);
        self.switches.push(Edge { name, sequenced, boot, next_seq: Vec::new(), heartbeat: false });
    }

    fn person(&mut self, i: usize) {
        let name = ["ann", "bob", "cat", "dan", "eve", "fay"][i].to_owned();
        let mut body = Vec::new();
        let pbx = self.once_in(8);
        if pbx {
            set(&mut body, "type", "pbx");
        } else if self.once_in(5) {
            set(&mut body, "endpoint", "null");
        }
        if self.once_in(4) {
            let voice = self.below(3);
            set(&mut body, "capacity.voice", voice);
        }
        if self.once_in(2) {
            let chat = self.below(3) + 1;
            set(&mut body, "capacity.chat", chat);
        }
        self.skills(&mut body);
        if self.once_in(2) {
            set(&mut body, "extension", format!("100{i}"));
        }
        self.direct(&mut body);
        self.say(format!("agent {name}{}", text(&body)));
        self.agents.push(Person { name, body, desks: Vec::new(), pbx });
    }

    /// How direct calls are treated; queues are not there yet.
    fn direct(&mut self, body: &mut Vec<(String, String)>) {
        if self.once_in(3) {
            set(body, "direct.call_waiting", true);
        }
        if self.once_in(2) {
            let ring = self.one_of(&[1_000, 3_000]);
            set(body, "direct.ring_for_ms", ring);
        }
        for way in ["unattended", "offline"] {
            if self.once_in(3) && !self.agents.is_empty() {
                let other = self.below(self.agents.len());
                let other = &self.agents[other].name;
                set(body, &format!("direct.{way}"), format!(r#"{{"agent":"usr_{other}"}}"#));
            }
        }
    }

    fn skills(&mut self, body: &mut Vec<(String, String)>) {
        for (skill, low, high) in [("spanish", 1, 100), ("tech", 10, 60)] {
            let key = format!("skills.{skill}");
            body.retain(|(k, _)| *k != key);
            match self.below(4) {
                0 => set(body, &key, "null"),
                1 | 2 => {
                    let level = low + self.below(high - low + 1);
                    set(body, &key, level);
                }
                _ => {}
            }
        }
    }

    fn line(&mut self, i: usize) {
        let name = format!("q{}", i + 1);
        let group = self.once_in(3);
        let chat = self.once_in(5);
        let mut body = Vec::new();
        self.strategy(&mut body);
        if chat {
            set(&mut body, "media", "chat");
        }
        if group {
            set(&mut body, "extension", 7000 + i);
        }
        if self.once_in(2) {
            set(&mut body, "competency", true);
        }
        let wrap_up =
            self.one_of(&[r#"{"ms":0}"#, r#"{"ms":3000}"#, r#"{"manual":true,"max_ms":10000}"#]);
        set(&mut body, "wrap_up", wrap_up);
        if self.once_in(3) {
            let most = self.below(4) + 1;
            set(&mut body, "max_ringing", most);
        }
        self.numbers(&mut body);
        let family = if group { "group" } else { "queue" };
        self.say(format!("{family} {name}{}", text(&body)));
        self.queues.push(Line { name, group, chat, body, members: Vec::new() });
    }

    fn ring(&mut self, body: &mut Vec<(String, String)>, strategy: &str) {
        if self.once_in(2) && strategy != "least_calls" {
            let ring = self.one_of(&[1_000, 3_000, 5_000]);
            set(body, "ring_for_ms", ring);
        }
        if self.once_in(4) {
            let on_miss = self.one_of(&["next", "requeue", "exit"]);
            set(body, "on_miss", on_miss);
        }
        if self.once_in(5) {
            let attempts = self.below(4) + 1;
            set(body, "attempts", attempts);
        }
        if self.once_in(4) {
            set(body, "again", false);
        }
        if self.once_in(3) {
            let after = self.one_of(&[0, 1_000, 10_000]);
            set(body, "again_after_ms", after);
        }
    }

    fn numbers(&mut self, body: &mut Vec<(String, String)>) {
        for (key, values) in [
            ("priority", [0, 1, 2]),
            ("weight", [0, 0, 5]),
            ("max_misses", [0, 1, 2]),
            ("max_unreachable", [0, 1, 2]),
            ("after_refusal_ms", [0, 1_000, 6_000]),
            ("after_busy_ms", [0, 1_000, 6_000]),
            ("after_unreachable_ms", [0, 2_000, 9_000]),
            ("after_miss_ms", [0, 500, 5_000]),
        ] {
            if self.once_in(2) {
                let value = self.one_of(&values);
                set(body, key, value);
            }
        }
    }

    /// Exits may lead to a queue of any number, so they are set when all are there.
    fn exits(&mut self, i: usize) {
        let mut body = std::mem::take(&mut self.queues[i].body);
        self.wishes(i, &mut body);
        if self.once_in(3) {
            let wait = self.one_of(&[2_000, 6_000, 12_000]);
            set(&mut body, "exits.max_wait_ms", wait);
        }
        if self.once_in(4) {
            let waiting = self.below(3);
            set(&mut body, "exits.max_waiting", waiting);
        }
        if self.once_in(4) {
            let nobody = self.one_of(&["logged_in", "offerable"]);
            set(&mut body, "exits.nobody", nobody);
        }
        if self.once_in(4) {
            set(&mut body, "exits.closed", "office");
        }
        if self.once_in(6) {
            let every = self.one_of(&["null", "3000", "7000"]);
            set(&mut body, "announce", format!(r#"{{"first_after_ms":2000,"every_ms":{every}}}"#));
        }
        if self.once_in(2) {
            for (key, values) in [
                ("attempts", [1, 2, 3]),
                ("retry_after_ms", [1_000, 3_000, 10_000]),
                ("dial_for_ms", [5_000, 5_000, 20_000]),
                ("keep_ms", [60_000, 60_000, 90_000]),
            ] {
                let value = self.one_of(&values);
                set(&mut body, &format!("callback.{key}"), value);
            }
        }
        // The last is a user's own.
        for exit in Exit::ALL.iter().filter(|e| **e != Exit::Unattended).map(|exit| exit.word()) {
            if self.once_in(3) {
                let to = match self.below(6) {
                    5 => r#"{"callback":true}"#.to_owned(),
                    2 if self.once_in(2) => {
                        let to = self.below(self.agents.len());
                        format!(r#"{{"agent":"usr_{}"}}"#, self.agents[to].name)
                    }
                    0 => r#"{"number":"+1999"}"#.to_owned(),
                    1 => r#"{"voicemail":"sales"}"#.to_owned(),
                    _ => {
                        let to = self.below(self.queues.len());
                        if self.queues[to].chat != self.queues[i].chat {
                            continue;
                        }
                        let family = if self.queues[to].group { "group" } else { "queue" };
                        format!(r#"{{"{family}":"{}"}}"#, self.queues[to].name)
                    }
                };
                set(&mut body, &format!("exits.on_{exit}"), to);
            }
        }
        let family = if self.queues[i].group { "group" } else { "queue" };
        let line = format!("{family} {}{}", self.queues[i].name, text(&body));
        self.queues[i].body = body;
        self.say(line);
    }

    fn member(&mut self, queue: usize, agent: usize) {
        if self.agents[agent].pbx && !self.queues[queue].group {
            return;
        }
        let (stars, position) = (self.below(4) + 1, self.below(3) + 1);
        let (queue_name, agent_name) =
            (self.queues[queue].name.clone(), self.agents[agent].name.clone());
        self.say(format!("member {queue_name} {agent_name} stars={stars} position={position}"));
        if !self.queues[queue].members.contains(&agent) {
            self.queues[queue].members.push(agent);
        }
    }

    fn desk(&mut self, agent: usize, open: bool) {
        let name = self.agents[agent].name.clone();
        if open {
            self.desks += 1;
            let desk = self.desks;
            self.agents[agent].desks.push(desk);
            self.say(format!("desk {name} {desk} open"));
        } else if let Some(desk) = self.agents[agent].desks.pop() {
            self.say(format!("desk {name} {desk} closed"));
        }
    }

    /// Says a switch's line, with its number, start and mishaps.
    fn report(&mut self, switch: &str, subject: Option<&str>, line: &str) {
        self.events += 1;
        let mut full = format!("{line} id=e{}", self.events);
        let Some(edge) = self.switches.iter_mut().find(|s| s.name == switch) else { return };
        if let Some(boot) = edge.boot {
            full.push_str(&format!(" boot=b{boot}"));
        }
        if let Some(subject) = subject {
            if switch != "s1" {
                full.push_str(&format!(" via={switch}"));
            }
            if edge.sequenced {
                let seq = match edge.next_seq.iter_mut().find(|(s, _)| s == subject) {
                    Some((_, seq)) => {
                        *seq += 1;
                        *seq
                    }
                    None => {
                        edge.next_seq.push((subject.to_owned(), 1));
                        1
                    }
                };
                full.push_str(&format!(" seq={seq}"));
            }
        }
        let sequenced = edge.sequenced;
        if self.once_in(25) {
            full.push_str(" replayed=true");
        }
        match self.below(if sequenced { 20 } else { 40 }) {
            0 => {}
            1 => self.late.push(full),
            2 => {
                self.say(full.clone());
                self.say(full);
            }
            _ => self.say(full),
        }
    }
}
