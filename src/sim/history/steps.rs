//! What happens in a random history, one step at a time.

use super::{Maker, set, text};
use rand::RngExt;

impl Maker {
    pub(super) fn pass_time(&mut self) {
        let ms = self.one_of(&[0, 0, 250, 500, 1_000, 1_000, 2_000, 3_000, 5_000, 8_000]);
        // Now and then what was counted the day before leaves its window; no call waits as long, or
        // it would be offered all day.
        let quiet = self.model.system.live_calls().is_empty();
        let ms = if quiet && self.once_in(10) {
            86_400_000 - self.one_of(&[0, 2_000, 60_000])
        } else {
            ms
        };
        if ms > 0 {
            self.at += ms;
            let at = self.at;
            self.say(format!("at {at}ms"));
        }
    }

    pub(super) fn step(&mut self) {
        self.pass_time();
        if !self.late.is_empty() && self.once_in(3) {
            let line = self.late.remove(0);
            self.say(line);
        }
        match self.below(100) {
            0..24 => self.arrival(),
            24..58 => self.offer(),
            58..72 => self.call(),
            72..88 => self.presence(),
            88 if self.once_in(2) => self.ask_callback(),
            88..90 => self.by_hand(),
            90..96 => self.configuration(),
            _ => self.trouble(),
        }
    }

    pub(super) fn arrival(&mut self) {
        if self.model.system.live_calls().len() > 8 {
            return self.call();
        }
        self.calls += 1;
        let name = format!("c{}", self.calls);
        let (at, edge) = (self.below(self.queues.len()), self.below(self.switches.len()));
        let queue = &self.queues[at];
        let media = if queue.chat { " media=chat" } else { "" };
        let to = if self.dice.random_range(0..6) == 0 {
            let agent = self.dice.random_range(0..self.agents.len());
            format!("agent={}", self.agents[agent].name)
        } else if queue.group && self.dice.random_range(0..2) == 0 {
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
        if !media.is_empty() {
            self.chats.push(name.clone());
        }
        let wishes = self.own_wishes(!media.is_empty());
        line.push_str(&wishes);
        let switch = self.switches[edge].name.clone();
        self.report(&switch, Some(&name), &line);
    }

    pub(super) fn offer(&mut self) {
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

    pub(super) fn call(&mut self) {
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
        let calls_back = call.ends_with('+') || call.starts_with('b');
        if calls_back && !self.once_in(4) {
            return self.callback(&call, &switch, connected);
        }
        let line = match (connected, self.below(12)) {
            (true, 0) => return self.say(format!("hangup {call}")),
            (true, 1) => format!("held {call}"),
            (true, 2) => format!("resumed {call}"),
            (_, 3) => {
                let to = self.below(self.queues.len());
                if self.once_in(3) {
                    let agent = self.below(self.agents.len());
                    let kind = self.one_of(&["", " kind=attended"]);
                    format!("transferred {call} agent={}{kind}", self.agents[agent].name)
                } else if self.queues[to].chat != self.chats.contains(&call) {
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
            (false, 8) => format!("choice {call}"),
            (false, _) => format!("abandoned {call}"),
            (true, n) => format!("ended {call} {}", if n % 2 == 0 { "caller" } else { "agent" }),
        };
        self.report(&switch, Some(&call), &line);
    }

    fn callback(&mut self, call: &str, switch: &str, connected: bool) {
        let line = match (connected, self.below(8)) {
            (false, 0) => return self.say(format!("cancel {call}")),
            (false, 1..5) => return self.offer(),
            (true, 0..4) => format!("reached {call}"),
            _ => {
                let reason = self.one_of(&["no_answer", "busy", "unreachable"]);
                format!("unreached {call} {reason}")
            }
        };
        self.report(switch, Some(call), &line);
    }

    /// A supervisor asks for a callback.
    fn ask_callback(&mut self) {
        if self.model.system.live_calls().len() > 8 {
            return;
        }
        self.calls += 1;
        let (at, edge) = (self.below(self.queues.len()), self.below(self.switches.len()));
        let (queue, via) = (&self.queues[at].name, &self.switches[edge].name);
        self.say(format!("callback b{} to {queue} via={via}", self.calls));
    }

    pub(super) fn presence(&mut self) {
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
                let mine = (0..self.queues.len()).filter(|q| self.queues[*q].members.contains(&at));
                let mine: Vec<usize> = mine.collect();
                // Mostly of an own queue.
                let queue = if mine.is_empty() || self.once_in(6) {
                    self.below(self.queues.len())
                } else {
                    self.one_of(&mine)
                };
                let queue = self.queues[queue].name.clone();
                let way = self.one_of(&["in", "out"]);
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

    pub(super) fn device(&mut self, name: &str) {
        let way = self.one_of(&["lost", "registered", "registered"]);
        let switch = self.switches[0].name.clone();
        self.report(&switch, None, &format!("device {name} {way}"));
    }

    pub(super) fn own_call(&mut self, name: &str) {
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

    pub(super) fn configuration(&mut self) {
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
                if self.once_in(4) {
                    self.another_strategy(&mut body);
                }
                self.numbers(&mut body);
                if self.once_in(3) {
                    self.wishes(queue, &mut body);
                }
                let family = if self.queues[queue].group { "group" } else { "queue" };
                self.say(format!("{family} {queue_name}{}", text(&body)));
                self.queues[queue].body = body;
            }
        }
    }

    pub(super) fn trouble(&mut self) {
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
                if let Some((own, _)) = self.own.last().cloned()
                    && self.once_in(2)
                {
                    line.push_str(&format!(" {own}:connected"));
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
