//! The account of a world: a few agents, queues and groups, as an administrator would set them up.

use super::dice::Dice;
use crate::domain::input::{Command, Kind, ObjectRef, Precondition};
use serde_json::{Value, json};

/// Agents of a world at most.
const NAMES: [&str; 6] = ["ann", "bob", "cat", "dan", "eve", "fay"];

/// An agent of a world.
pub(super) struct Seat {
    pub id: String,
    pub has_phone: bool,
    pub voice: usize,
    pub chats: usize,
    /// Direct calls may have one more.
    pub call_waiting: bool,
}

/// A queue or group of a world.
pub(super) struct Line {
    pub id: String,
    pub kind: Kind,
    pub extension: Option<String>,
    pub chat: bool,
    pub members: Vec<usize>,
}

/// What is set up, and with which commands.
pub(super) struct House {
    pub seats: Vec<Seat>,
    pub lines: Vec<Line>,
    pub puts: Vec<Command>,
}

/// A `PUT`.
pub(super) fn put(kind: Kind, parent: &str, id: &str, body: Value) -> Command {
    let object = ObjectRef { kind, parent: parent.into(), id: id.into() };
    Command::Put { object, body, merge: false, only_if: Precondition::None, dry_run: false }
}

/// A `PATCH`.
pub(super) fn patch(kind: Kind, parent: &str, id: &str, body: Value) -> Command {
    let object = ObjectRef { kind, parent: parent.into(), id: id.into() };
    Command::Put { object, body, merge: true, only_if: Precondition::None, dry_run: false }
}

impl House {
    /// Of a seed's dice.
    pub fn draw(dice: &mut Dice) -> House {
        let mut house = House { seats: Vec::new(), lines: Vec::new(), puts: Vec::new() };
        house.account(dice);
        for name in &NAMES[..=1 + dice.below(NAMES.len() - 1)] {
            house.seat(dice, name);
        }
        for n in 0..=dice.below(3) {
            house.line(dice, n);
        }
        for line in 0..house.lines.len() {
            house.members(dice, line);
        }
        house.steps(dice);
        house.exits(dice);
        house
    }

    fn account(&mut self, dice: &mut Dice) {
        let body = json!({
            "lease_grace_ms": dice.one_of(&[1_000, 5_000, 15_000]),
            "max_hops": dice.one_of(&[1, 3, 10]),
            "opt_in_at_login": dice.one_of(&["keep", "keep", "all", "none"]),
            "idle_clock": dice.one_of(&["handled", "handled", "any_work", "offered", "status"]),
            "voice_over_others": dice.once_in(2),
        });
        self.puts.push(put(Kind::Account, "", "", body));
        let skill = json!({ "name": "Spanish", "min": 1, "max": 100 });
        self.puts.push(put(Kind::Skill, "", "spanish", skill));
        self.puts.push(put(Kind::BreakReason, "", "lunch", json!({ "name": "Lunch" })));
        // A world begins on a Saturday at 20:00 and lasts a minute or two.
        let hours = json!({ "sat": ["00:00-20:01"] });
        let office = json!({ "name": "Office", "hours": hours });
        self.puts.push(put(Kind::Calendar, "", "office", office));
    }

    fn seat(&mut self, dice: &mut Dice, name: &str) {
        let id = format!("usr_{name}");
        let has_phone = !dice.once_in(5);
        let voice = if dice.once_in(6) { 2 } else { 1 };
        let chats = 1 + dice.below(2);
        let mut body = json!({ "first_name": name, "last_name": "Lee", "role": "agent",
            "capacity": { "voice": voice, "chat": chats } });
        if has_phone {
            body["endpoint"] = json!(format!("sip:{name}@127.0.0.1:5071"));
        }
        let call_waiting = dice.once_in(3);
        if call_waiting || dice.once_in(2) {
            body["direct"] = json!({ "ring_for_ms": 3_000, "call_waiting": call_waiting });
        }
        if dice.once_in(2) {
            body["skills"] = json!({ "spanish": dice.between(1, 100) });
        }
        self.puts.push(put(Kind::User, "", &id, body));
        self.seats.push(Seat { id, has_phone, voice, chats, call_waiting });
    }

    fn line(&mut self, dice: &mut Dice, n: usize) {
        let id = format!("q{}", n + 1);
        let kind = if dice.once_in(4) { Kind::Group } else { Kind::Queue };
        let extension = (kind == Kind::Group).then(|| format!("700{n}"));
        let chat = kind == Kind::Queue && dice.once_in(6);
        let mut body = json!({ "name": &id, "strategy": strategy(dice),
            "competency": dice.once_in(2),
            "wrap_up": dice.one_of(&[0, 0, 2_000, 6_000]) });
        body["wrap_up"] = json!({ "ms": body["wrap_up"] });
        if body["strategy"].is_string() {
            let timed = matches!(
                body["strategy"].as_str(),
                Some("simultaneous" | "least_calls" | "sequential")
            );
            if timed || dice.once_in(5) {
                body["total_ms"] = json!(dice.one_of(&[6_000, 15_000, 30_000]));
            }
            if !matches!(body["strategy"].as_str(), Some("simultaneous" | "least_calls")) {
                body["ring_for_ms"] = json!(dice.one_of(&[2_000, 5_000]));
            }
        }
        if chat {
            body["media"] = json!("chat");
        }
        if let Some(extension) = &extension {
            body["extension"] = json!(extension);
        }
        // Attempts that follow each other within the patience of a world.
        body["callback"] = json!({ "attempts": dice.between(1, 3), "retry_after_ms": 2_000,
            "dial_for_ms": 5_000, "keep_ms": 60_000 });
        if dice.once_in(3) {
            let every_ms = dice.one_of(&[1_000, 3_000]);
            body["announce"] = json!({ "first_after_ms": 500, "every_ms": every_ms });
        }
        settings(dice, &mut body);
        self.puts.push(put(kind, "", &id, body));
        self.lines.push(Line { id, kind, extension, chat, members: Vec::new() });
    }

    fn members(&mut self, dice: &mut Dice, line: usize) {
        for seat in 0..self.seats.len() {
            // Of groups one can be in one only.
            let taken = self.lines[line].kind == Kind::Group
                && self.lines.iter().any(|l| l.kind == Kind::Group && l.members.contains(&seat));
            if taken || dice.once_in(4) {
                continue;
            }
            let body = json!({ "stars": dice.between(1, 4), "position": dice.between(1, 4) });
            self.lines[line].members.push(seat);
            self.puts.push(put(Kind::Member, &self.lines[line].id, &self.seats[seat].id, body));
        }
    }

    /// Steps may add members of lines that are there.
    fn steps(&mut self, dice: &mut Dice) {
        for at in 0..self.lines.len() {
            if !dice.once_in(3) {
                continue;
            }
            let line = &self.lines[at];
            let others: Vec<&Line> = (self.lines.iter())
                .filter(|other| other.chat == line.chat && other.id != line.id)
                .collect();
            let mut second = json!({ "after_ms": dice.one_of(&[500, 3_000]) });
            if !others.is_empty() {
                let other = others[dice.below(others.len())];
                let family = if other.kind == Kind::Group { "group" } else { "queue" };
                second["also"] = json!([{ family: other.id }]);
            }
            let mut first = json!({ "after_ms": 0, "stars_min": dice.between(1, 3) });
            if dice.once_in(2) {
                first["skip_if"] = json!(dice.one_of(&["nobody_logged_in", "nobody_offerable"]));
            }
            let body = json!({ "steps": [first, second, { "after_ms": 6_000 }] });
            self.puts.push(patch(line.kind, "", &line.id, body));
        }
    }

    fn exits(&mut self, dice: &mut Dice) {
        for line in 0..self.lines.len() {
            if dice.once_in(2) {
                let chat = self.lines[line].chat;
                let alike: Vec<&Line> = self.lines.iter().filter(|l| l.chat == chat).collect();
                let exits = exits(dice, &alike);
                let (kind, id) = (self.lines[line].kind, &self.lines[line].id);
                self.puts.push(patch(kind, "", id, json!({ "exits": exits })));
            }
        }
    }
}

fn exits(dice: &mut Dice, lines: &[&Line]) -> Value {
    let mut exits = json!({});
    if dice.once_in(3) {
        exits["max_wait_ms"] = json!(dice.one_of(&[4_000, 10_000, 20_000]));
    }
    if dice.once_in(5) {
        exits["max_waiting"] = json!(dice.between(0, 4));
    }
    if dice.once_in(6) {
        exits["nobody"] = json!(dice.one_of(&["logged_in", "offerable"]));
    }
    for on in ["on_max_wait", "on_total", "on_missed"] {
        if dice.once_in(3) {
            let line = lines[dice.below(lines.len())];
            // Merged over the default, which ends the call.
            let (family, other) =
                if line.kind == Kind::Group { ("group", "queue") } else { ("queue", "group") };
            exits[on] = json!({ family: line.id, other: null, "end": null });
        }
    }
    if dice.once_in(5) {
        exits["closed"] = json!("office");
    }
    if dice.once_in(2) {
        exits["on_choice"] = json!({ "callback": true });
    }
    if exits["on_max_wait"].is_null() && dice.once_in(4) {
        exits["on_max_wait"] = json!({ "callback": true, "end": null });
    }
    exits
}

/// Settings that may change at any time.
pub(super) fn settings(dice: &mut Dice, body: &mut Value) {
    if dice.once_in(3) {
        body["max_ringing"] = json!(dice.between(1, 3));
    }
    if dice.once_in(3) {
        body["priority"] = json!(dice.between(0, 3));
    }
    if dice.once_in(4) {
        body["weight"] = json!(dice.between(0, 2));
    }
    if dice.once_in(3) {
        body["max_misses"] = json!(dice.between(0, 2));
    }
    for field in ["after_refusal_ms", "after_busy_ms", "after_unreachable_ms", "after_miss_ms"] {
        if dice.once_in(2) {
            body[field] = json!(dice.one_of(&[0, 1_000, 5_000]));
        }
    }
}

fn strategy(dice: &mut Dice) -> Value {
    let preset = dice.once_in(2);
    if preset {
        return json!(dice.one_of(&[
            "simultaneous",
            "least_calls",
            "sequential",
            "skilled",
            "longest_idle",
            "round_robin",
            "random",
            "weighted",
            "least_versatile",
            "least_talk",
            "least_occupied",
        ]));
    }
    let order = dice.one_of(&["longest_idle", "least_calls", "in_order", "stars", "round_robin"]);
    let mut plan = json!({ "order": order, "ring_for_ms": dice.one_of(&[2_000, 4_000]) });
    plan["width"] = match dice.below(4) {
        0 => json!(2),
        1 => json!("all"),
        2 => json!([{ "after_ms": 0, "offers": 1 }, { "after_ms": 2_000, "offers": 3 }]),
        _ => json!(1),
    };
    if dice.once_in(3) {
        plan["on_miss"] = json!(dice.one_of(&["next", "requeue", "exit"]));
    }
    if dice.once_in(5) {
        plan["attempts"] = json!(dice.between(1, 5));
    }
    if dice.once_in(5) {
        plan["again"] = json!(false);
    }
    if dice.once_in(3) {
        plan["again_after_ms"] = json!(dice.one_of(&[0, 1_000, 3_000]));
    }
    if dice.once_in(5) {
        plan["total_ms"] = json!(20_000);
    }
    plan
}
