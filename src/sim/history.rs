//! Random histories: small worlds and what happens in them, as text of the scenario language.
//!
//! A history is made beside the model, so that most of what it says makes sense (an answer goes to
//! an agent who rings); the rest is what switches do on bad days: duplicates, events out of order,
//! late and unknown ones.

use super::model::Model;
use super::scenario::{Runner, START};
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
        let voice = !self.once_in(3);
        self.say(format!(
            "account lease_grace_ms={grace} max_hops={hops} max_unleased_ms={unleased} \
             opt_in_at_login={opt} voice_over_others={voice}"
        ));
        self.say("skill spanish min=1 max=100".to_owned());
        self.say("skill tech min=10 max=60".to_owned());
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
        self.say(format!("agent {name}{}", text(&body)));
        self.agents.push(Person { name, body, desks: Vec::new(), pbx });
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
        let strategy = self.one_of(&[
            "simultaneous",
            "simultaneous",
            "least_calls",
            "sequential",
            "sequential",
            "skilled",
            "longest_idle",
        ]);
        set(&mut body, "strategy", strategy);
        let total = self.one_of(&[4_000, 8_000, 20_000, 40_000]);
        if !matches!(strategy, "skilled" | "longest_idle") || self.once_in(5) {
            set(&mut body, "total_ms", total);
        }
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
        self.ring(&mut body, strategy);
        self.numbers(&mut body);
        if self.once_in(4) {
            let step = self.one_of(&[
                r#"[{"after_ms":0,"skills":[{"skill":"spanish","min":40}]}]"#,
                r#"[{"after_ms":0,"stars_min":2}]"#,
                r#"[{"after_ms":0,"skills":[{"skill":"tech","min":20,"max":50}]}]"#,
                r#"[{"after_ms":0,"agents":["usr_ann"]}]"#,
            ]);
            set(&mut body, "steps", step);
        }
        let family = if group { "group" } else { "queue" };
        self.say(format!("{family} {name}{}", text(&body)));
        self.queues.push(Line { name, group, chat, body, members: Vec::new() });
    }

    fn ring(&mut self, body: &mut Vec<(String, String)>, strategy: &str) {
        if self.once_in(2) && strategy != "least_calls" {
            let ring = self.one_of(&[1_000, 3_000, 5_000]);
            set(body, "ring_for_ms", ring);
        }
        if self.once_in(3) {
            let most = self.below(4) + 1;
            set(body, "max_ringing", most);
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
        for exit in ["max_wait", "max_waiting", "nobody", "total", "missed", "exhausted"] {
            if self.once_in(3) {
                let to = match self.below(3) {
                    0 => r#"{"number":"+1999"}"#.to_owned(),
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

    fn pass_time(&mut self) {
        let ms = self.one_of(&[0, 0, 250, 500, 1_000, 1_000, 2_000, 3_000, 5_000, 8_000]);
        if ms > 0 {
            self.at += ms;
            let at = self.at;
            self.say(format!("at {at}ms"));
        }
    }

    fn step(&mut self) {
        self.pass_time();
        if !self.late.is_empty() && self.once_in(3) {
            let line = self.late.remove(0);
            self.say(line);
        }
        match self.below(100) {
            0..24 => self.arrival(),
            24..58 => self.offer(),
            58..72 => self.call(),
            72..90 => self.presence(),
            90..96 => self.configuration(),
            _ => self.trouble(),
        }
    }

    fn arrival(&mut self) {
        if self.model.system.live_calls().len() > 8 {
            return self.call();
        }
        self.calls += 1;
        let name = format!("c{}", self.calls);
        let (at, edge) = (self.below(self.queues.len()), self.below(self.switches.len()));
        let queue = &self.queues[at];
        let media = if queue.chat { " media=chat" } else { "" };
        let to = if queue.group && self.dice.random_range(0..2) == 0 {
            let ext = queue.body.iter().find(|(k, _)| k == "extension").map(|(_, v)| v.clone());
            format!("ext={}", ext.unwrap_or_default())
        } else {
            format!("to {}", queue.name)
        };
        let mut line = format!("call {name} {to}{media}");
        if self.once_in(5) {
            let priority = self.below(5) as i32 - 2;
            line.push_str(&format!(" priority={priority}"));
        }
        if self.once_in(6) {
            let skills = self.one_of(&["spanish:30", "tech", "spanish:1:60,tech:20"]);
            line.push_str(&format!(" skills={skills}"));
        }
        let switch = self.switches[edge].name.clone();
        self.report(&switch, Some(&name), &line);
    }

    fn offer(&mut self) {
        let offers = self.model.system.latest_offers();
        let open: Vec<_> = offers.iter().filter(|o| o.3).cloned().collect();
        let pick = if open.is_empty() || self.once_in(8) { offers } else { open };
        if pick.is_empty() {
            return self.arrival();
        }
        let (call, switch, agent, _) = pick[self.below(pick.len())].clone();
        match self.below(20) {
            0..9 => self.report(&switch, Some(&call), &format!("answered {call} {agent}")),
            9 => self.say(format!("accept {call} {agent}")),
            10 | 11 => self.say(format!("refuse {call} {agent}")),
            12 | 13 => self.report(&switch, Some(&call), &format!("ringing {call} {agent}")),
            _ => {
                let reason = self.one_of(&[
                    "no_answer",
                    "no_answer",
                    "busy",
                    "refused",
                    "unreachable",
                    "unreachable",
                    "cancelled",
                    "error",
                ]);
                self.report(&switch, Some(&call), &format!("failed {call} {agent} {reason}"));
            }
        }
    }

    fn call(&mut self) {
        let live = self.model.system.live_calls();
        let wrap_ups = self.model.system.wrap_ups();
        if !wrap_ups.is_empty() && self.once_in(4) {
            let (call, agent) = wrap_ups[self.below(wrap_ups.len())].clone();
            return self.say(format!("wrapped {call} {agent}"));
        }
        if live.is_empty() {
            return self.arrival();
        }
        let (call, switch, connected) = live[self.below(live.len())].clone();
        let line = match (connected, self.below(12)) {
            (true, 0) => return self.say(format!("hangup {call}")),
            (true, 1) => format!("held {call}"),
            (true, 2) => format!("resumed {call}"),
            (_, 3) => {
                let to = self.below(self.queues.len());
                if self.queues[to].chat {
                    format!("transferred {call} number=+1777")
                } else {
                    format!("transferred {call} queue={}", self.queues[to].name)
                }
            }
            (false, 4 | 5) => {
                let priority = self.below(5) as i32 - 2;
                format!("updated {call} priority={priority}")
            }
            (false, 6) => format!("updated {call} skills=spanish:20"),
            (false, 7) => format!("overflowed {call}"),
            (false, _) => format!("abandoned {call}"),
            (true, n) => format!("ended {call} {}", if n % 2 == 0 { "caller" } else { "agent" }),
        };
        self.report(&switch, Some(&call), &line);
    }

    fn presence(&mut self) {
        let at = self.below(self.agents.len());
        let name = self.agents[at].name.clone();
        if self.agents[at].pbx {
            return self.device(&name);
        }
        match self.below(20) {
            0..8 => {
                let status = self.one_of(&["ready", "ready", "online", "on_break", "offline"]);
                let when = self.one_of(&["", "", " when=after_work"]);
                let lease = if self.once_in(6) { " lease_ms=4000" } else { "" };
                self.say(format!("status {name} {status}{when}{lease}"));
            }
            8 | 9 => {
                let status = self.one_of(&["ready", "on_break", "offline"]);
                let when = self.one_of(&["", " when=now"]);
                self.say(format!("force {name} {status}{when}"));
            }
            10 => self.say(format!("clear {name}")),
            11..14 => {
                let queue = self.below(self.queues.len());
                let queue = self.queues[queue].name.clone();
                let way = self.one_of(&["in", "in", "out"]);
                self.say(format!("opt {name} {queue} {way}"));
            }
            14..17 => {
                let open = self.agents[at].desks.is_empty() || self.once_in(3);
                self.desk(at, open);
            }
            17 => self.own_call(&name),
            _ => self.device(&name),
        }
    }

    fn device(&mut self, name: &str) {
        let way = self.one_of(&["lost", "registered", "registered"]);
        let switch = self.switches[0].name.clone();
        self.report(&switch, None, &format!("device {name} {way}"));
    }

    fn own_call(&mut self, name: &str) {
        let switch = self.switches[0].name.clone();
        let line = match self.own.pop() {
            Some((subject, agent)) => format!("own {subject} {agent} end"),
            None => {
                self.events += 1;
                let subject = format!("o{}", self.events);
                self.own.push((subject.clone(), name.to_owned()));
                format!("own {subject} {name} start")
            }
        };
        self.report(&switch, None, &line);
    }

    fn configuration(&mut self) {
        let (queue, agent) = (self.below(self.queues.len()), self.below(self.agents.len()));
        let (queue_name, agent_name) =
            (self.queues[queue].name.clone(), self.agents[agent].name.clone());
        match self.below(6) {
            0 => self.member(queue, agent),
            1 => {
                self.say(format!("remove {queue_name} {agent_name}"));
                self.queues[queue].members.retain(|a| *a != agent);
            }
            2 | 3 => {
                let mut body = std::mem::take(&mut self.agents[agent].body);
                self.skills(&mut body);
                if self.once_in(3) {
                    let word = self.one_of(&["active", "active", "training"]);
                    set(&mut body, "assignment", word);
                }
                self.say(format!("agent {agent_name}{}", text(&body)));
                self.agents[agent].body = body;
            }
            _ => {
                let mut body = std::mem::take(&mut self.queues[queue].body);
                if self.once_in(2) {
                    let most = self.below(5) + 1;
                    set(&mut body, "max_ringing", most);
                }
                self.numbers(&mut body);
                let family = if self.queues[queue].group { "group" } else { "queue" };
                self.say(format!("{family} {queue_name}{}", text(&body)));
                self.queues[queue].body = body;
            }
        }
    }

    fn trouble(&mut self) {
        let at = self.below(self.switches.len());
        let name = self.switches[at].name.clone();
        match self.below(9) {
            0 => {
                self.switches[at].heartbeat = true;
                self.report(&name, None, &format!("heartbeat {name}"));
            }
            1 => self.say(format!("unreachable {name}")),
            2 => self.say(format!("spoke {name}")),
            3 => {
                let way = self.one_of(&["open", "closed"]);
                self.say(format!("link {name} {way}"));
            }
            4 => {
                if let Some(boot) = &mut self.switches[at].boot {
                    *boot += 1;
                    self.switches[at].next_seq.clear();
                    self.report(&name, None, &format!("started {name}"));
                }
            }
            5 | 6 => {
                let live = self.model.system.live_calls();
                let mut line = format!("sync {name}");
                for (call, switch, connected) in live {
                    if switch == name && !self.once_in(4) {
                        let state = if connected { "connected" } else { "waiting" };
                        line.push_str(&format!(" {call}:{state}"));
                    }
                }
                self.report(&name, None, &line);
            }
            7 => self.report(&name, None, &format!("unknown {name}")),
            _ => {
                let away = self.one_of(&[500, 4_000]);
                self.at += away;
                for agent in &mut self.agents {
                    agent.desks.clear();
                }
                self.say(format!("restart {away}ms"));
            }
        }
    }
}
