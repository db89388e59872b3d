//! Queues, groups, members and routes on the wire: flat fields, a preset's name for the plan.

use super::callback::CallbackPlan;
use super::needs::{Preferred, SkillNeed, Step};
use super::queue::{
    Announce, Exits, Member, Needs, NobodyWhen, Preset, Queue, QueueKind, Route, Target, WrapUp,
};
use super::strategy_json;
use crate::domain::fields::{EXTENSION, Fields, ID, LABEL, NUMBER, Rule, USER_ID};
use crate::domain::ids;
use crate::domain::media::Media;
use crate::domain::problem::FieldError;
use serde_json::{Value, json};

/// The longest duration of a queue's settings: a day.
pub(super) const DAY_MS: u64 = 86_400_000;
/// A manual wrap-up's most, when not said.
const MANUAL_MS: u64 = 3_600_000;

impl Queue {
    /// Reads the body of a queue or group; fields left out take the defaults of its kind and
    /// preset.
    ///
    /// # Errors
    /// Every wrong field.
    pub fn parse(kind: QueueKind, body: &Value) -> Result<Queue, Vec<FieldError>> {
        let mut fields = Fields::of(body);
        let f = &mut fields;
        let (plan, in_plan) = strategy_json::read(f, kind);
        let wide = plan.is_wide();
        let misses = match (kind, plan.preset) {
            (QueueKind::Group, _) | (_, Some(Preset::Simultaneous | Preset::Sequential)) => 0,
            _ => u32::from(!wide),
        };
        let needs = match kind {
            QueueKind::Queue => Needs::Ready,
            QueueKind::Group => Needs::Online,
        };
        let queue = Queue {
            kind,
            name: f.text("name", LABEL),
            media: f.word("media", Media::parse, Media::ALL, Media::Voice),
            needs: f.word("needs", Needs::parse, Needs::ALL, needs),
            competency: f.flag("competency", false),
            priority: f.int("priority", -1_000..=1_000, 0),
            weight: f.int("weight", -1_000..=1_000, 0),
            total_ms: match plan.preset {
                Some(preset) => strategy_json::read_total(f, preset),
                None => in_plan,
            },
            max_ringing: f.int_or_null("max_ringing", 1..=10_000, wide.then_some(10)),
            wrap_up: read_wrap_up(f),
            max_misses: f.int("max_misses", 0..=1_000, misses),
            max_unreachable: f.int("max_unreachable", 0..=1_000, 2),
            after_refusal_ms: f.int("after_refusal_ms", 0..=DAY_MS, 10_000),
            after_busy_ms: f.int("after_busy_ms", 0..=DAY_MS, 10_000),
            after_unreachable_ms: f.int("after_unreachable_ms", 0..=DAY_MS, 30_000),
            after_miss_ms: f.int("after_miss_ms", 0..=DAY_MS, 5_000),
            short_abandon_ms: f.int("short_abandon_ms", 0..=DAY_MS, 5_000),
            recording: f.flag("recording", false),
            crm_updates: f.flag("crm_updates", false),
            dispositions: f.texts("dispositions", 1_000, ID),
            steps: Step::list(f),
            preferred: Preferred::read(f, true),
            announce: f.is_set("announce").then(|| f.nested("announce", read_announce)).flatten(),
            callback: f.nested("callback", CallbackPlan::read).unwrap_or_default(),
            exits: f.nested("exits", read_exits).unwrap_or_default(),
            extension: read_of_groups(f, kind, "extension", |f| {
                f.text_or_null("extension", EXTENSION)
            }),
            settings: read_of_groups(f, kind, "settings", |f| {
                f.nested("settings", super::group::GroupSettings::read).unwrap_or_default()
            }),
            supervisors: read_of_groups(f, kind, "supervisors", |f| {
                f.texts("supervisors", 100, USER_ID)
            }),
            plan,
        };
        fields.done(queue)
    }

    /// All fields, as the wire shows them. A queue has neither `extension`, `settings`
    /// nor `supervisors`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let wrap_up = if self.wrap_up.manual {
            json!({ "manual": true, "max_ms": self.wrap_up.ms })
        } else {
            json!({ "ms": self.wrap_up.ms })
        };
        let mut shown = json!({
            "name": self.name,
            "media": self.media.word(),
            "needs": self.needs.word(),
            "competency": self.competency,
            "priority": self.priority,
            "weight": self.weight,
            "max_ringing": self.max_ringing,
            "wrap_up": wrap_up,
            "max_misses": self.max_misses,
            "max_unreachable": self.max_unreachable,
            "after_refusal_ms": self.after_refusal_ms,
            "after_busy_ms": self.after_busy_ms,
            "after_unreachable_ms": self.after_unreachable_ms,
            "after_miss_ms": self.after_miss_ms,
            "short_abandon_ms": self.short_abandon_ms,
            "recording": self.recording,
            "crm_updates": self.crm_updates,
            "dispositions": self.dispositions,
            "steps": self.steps.iter().map(Step::to_json).collect::<Vec<_>>(),
            "preferred": self.preferred.as_ref().map(Preferred::to_json),
            "announce": self.announce.map(|a| {
                json!({ "first_after_ms": a.first_after_ms, "every_ms": a.every_ms })
            }),
            "callback": self.callback.to_json(),
            "exits": self.exits.to_json(),
        });
        if let Some(map) = shown.as_object_mut() {
            self.plan.show(self.total_ms, map);
        }
        if self.kind == QueueKind::Group {
            shown["extension"] = json!(self.extension);
            shown["settings"] = self.settings.to_json();
            shown["supervisors"] = json!(self.supervisors);
        }
        shown
    }
}

fn read_wrap_up(f: &mut Fields<'_>) -> WrapUp {
    f.nested("wrap_up", |f| {
        if f.flag("manual", false) {
            if f.is_set("ms") {
                let detail =
                    "a manual wrap-up has max_ms; to merge over a timed one, set ms to null";
                f.wrong("ms", "conflict", detail);
            }
            return WrapUp { manual: true, ms: f.int("max_ms", 1..=DAY_MS, MANUAL_MS) };
        }
        if f.is_set("max_ms") {
            let detail = "belongs to a manual wrap-up; to merge a timed one over a manual one, set \
                          manual and max_ms to null";
            f.wrong("max_ms", "conflict", detail);
        }
        WrapUp { manual: false, ms: f.int("ms", 0..=DAY_MS, 0) }
    })
    .unwrap_or(WrapUp { manual: false, ms: 0 })
}

/// Reads a field that only groups have.
fn read_of_groups<T: Default>(
    f: &mut Fields<'_>,
    kind: QueueKind,
    name: &'static str,
    read: impl FnOnce(&mut Fields<'_>) -> T,
) -> T {
    match kind {
        QueueKind::Group => read(f),
        QueueKind::Queue => {
            if f.is_set(name) {
                f.wrong(name, "groups_only", "only a group has this; a queue is reached by routes");
            }
            T::default()
        }
    }
}

impl Default for Exits {
    fn default() -> Exits {
        Exits {
            max_wait_ms: None,
            max_waiting: None,
            nobody: NobodyWhen::Off,
            on_max_wait: Target::End(true),
            on_max_waiting: Target::End(true),
            on_nobody: Target::End(true),
            on_total: Target::End(true),
            on_missed: Target::End(true),
            on_exhausted: None,
            closed: None,
            on_closed: Target::End(true),
            on_choice: None,
        }
    }
}

impl Exits {
    /// All fields, as the wire shows them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "max_wait_ms": self.max_wait_ms,
            "max_waiting": self.max_waiting,
            "nobody": self.nobody.word(),
            "on_max_wait": self.on_max_wait.to_json(),
            "on_max_waiting": self.on_max_waiting.to_json(),
            "on_nobody": self.on_nobody.to_json(),
            "on_total": self.on_total.to_json(),
            "on_missed": self.on_missed.to_json(),
            "on_exhausted": self.on_exhausted.as_ref().map(Target::to_json),
            "closed": self.closed,
            "on_closed": self.on_closed.to_json(),
            "on_choice": self.on_choice.as_ref().map(Target::to_json),
        })
    }
}

fn read_announce(f: &mut Fields<'_>) -> Announce {
    Announce {
        first_after_ms: f.int("first_after_ms", 0..=DAY_MS, 0),
        every_ms: f.int_or_null("every_ms", 1_000..=DAY_MS, None),
    }
}

fn read_exits(f: &mut Fields<'_>) -> Exits {
    let exits = Exits {
        max_wait_ms: f.int_or_null("max_wait_ms", 1..=7 * DAY_MS, None),
        max_waiting: f.int_or_null("max_waiting", 0..=1_000_000, None),
        nobody: f.word("nobody", NobodyWhen::parse, NobodyWhen::ALL, NobodyWhen::Off),
        on_max_wait: read_action(f, "on_max_wait"),
        on_max_waiting: read_action(f, "on_max_waiting"),
        on_nobody: read_action(f, "on_nobody"),
        on_total: read_action(f, "on_total"),
        on_missed: read_action(f, "on_missed"),
        on_exhausted: f.nested("on_exhausted", Target::read),
        closed: f.text_or_null("closed", ID),
        on_closed: read_action(f, "on_closed"),
        on_choice: f.nested("on_choice", Target::read),
    };
    for name in ["ewt_over_ms", "on_ewt_over"] {
        f.not_yet(name, &format!("the exit {name}"));
    }
    exits
}

fn read_action(f: &mut Fields<'_>, name: &'static str) -> Target {
    f.nested(name, Target::read).unwrap_or(Target::End(true))
}

impl Target {
    /// Exactly one of queue, group, agent, number, voicemail, callback and end.
    pub(super) fn read(f: &mut Fields<'_>) -> Target {
        let queue = f.is_set("queue").then(|| Target::Queue(f.text("queue", ID)));
        let group = f.is_set("group").then(|| Target::Group(f.text("group", ID)));
        let agent = f.is_set("agent").then(|| Target::Agent(f.text("agent", USER_ID)));
        let number = f.is_set("number").then(|| Target::Number(f.text("number", NUMBER)));
        let mailbox =
            f.is_set("voicemail").then(|| Target::Voicemail(f.text("voicemail", MAILBOX)));
        let callback = f.flag("callback", false).then_some(Target::Callback(true));
        let end = f.flag("end", false).then_some(Target::End(true));
        one_target(
            f,
            [queue, group, agent, number, mailbox, callback, end],
            "queue, group, agent, number, voicemail, callback: true or end: true",
        )
    }
}

/// A mailbox's name: an id, a user's or an own one.
const MAILBOX: Rule = Rule {
    must_be: "the name of a mailbox: 1–63 of a–z, 0–9, - and _, such as support or usr_ann",
    holds: |text| ids::is_name(text) || ids::is_user_name(text),
};

fn one_target<const N: usize>(
    f: &mut Fields<'_>,
    targets: [Option<Target>; N],
    wanted: &str,
) -> Target {
    let mut set = targets.into_iter().flatten();
    match (set.next(), set.next()) {
        (Some(target), None) => target,
        (None, _) => {
            f.wrong_here("required", format!("must name one of {wanted}"));
            Target::End(true)
        }
        (Some(target), Some(_)) => {
            let detail =
                format!("must name only one of {wanted}; in a merge patch set the other to null");
            f.wrong_here("conflict", detail);
            target
        }
    }
}

impl Target {
    /// As the wire shows it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Target::Queue(id) => json!({ "queue": id }),
            Target::Group(id) => json!({ "group": id }),
            Target::Number(number) => json!({ "number": number }),
            Target::Agent(user) => json!({ "agent": user }),
            Target::Voicemail(mailbox) => json!({ "voicemail": mailbox }),
            Target::Callback(_) => json!({ "callback": true }),
            Target::End(_) => json!({ "end": true }),
        }
    }
}

impl Default for Member {
    fn default() -> Member {
        Member { stars: 1, position: 1 }
    }
}

impl Member {
    /// Reads a body; fields left out take their defaults.
    ///
    /// # Errors
    /// Every wrong field.
    pub fn parse(body: &Value) -> Result<Member, Vec<FieldError>> {
        let mut fields = Fields::of(body);
        let member = Member {
            stars: fields.int("stars", 1..=4, 1),
            position: fields.int("position", 1..=100_000, 1),
        };
        fields.done(member)
    }

    /// All fields, as the wire shows them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "stars": self.stars, "position": self.position })
    }
}

impl Route {
    /// Reads a body; fields left out take their defaults.
    ///
    /// # Errors
    /// Every wrong field.
    pub fn parse(body: &Value) -> Result<Route, Vec<FieldError>> {
        let mut fields = Fields::of(body);
        let f = &mut fields;
        let number = f.text("number", NUMBER);
        if !f.is_set("to") {
            f.missing("to", "a target such as { \"queue\": \"support\" }");
        }
        let to = f.nested("to", |f| {
            let queue = f.is_set("queue").then(|| Target::Queue(f.text("queue", ID)));
            let group = f.is_set("group").then(|| Target::Group(f.text("group", ID)));
            let agent = f.is_set("agent").then(|| Target::Agent(f.text("agent", USER_ID)));
            f.not_yet("voicemail", "a route's target voicemail");
            if f.is_set("voicemail") {
                return Target::End(true);
            }
            if f.is_set("callback") {
                f.wrong("callback", "not_allowed", "a route needs a queue, group or agent");
                return Target::End(true);
            }
            one_target(f, [queue, group, agent], "queue, group or agent")
        });
        let route = Route {
            number,
            to: to.unwrap_or(Target::End(true)),
            skills: SkillNeed::list(f, "skills"),
            priority: f.int("priority", -1_000..=1_000, 0),
        };
        fields.done(route)
    }

    /// All fields, as the wire shows them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "number": self.number,
            "to": self.to.to_json(),
            "skills": self.skills.iter().map(SkillNeed::to_json).collect::<Vec<_>>(),
            "priority": self.priority,
        })
    }
}
