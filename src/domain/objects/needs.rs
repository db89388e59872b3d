//! What calls require of agents.

use super::queue::Target;
use crate::domain::fields::{Fields, ID, USER_ID};
use crate::domain::json::Json;
use crate::domain::presence::words;
use crate::domain::problem::FieldError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A required skill with a range of levels.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
pub struct SkillNeed {
    /// The skill's id.
    pub skill: String,
    /// Lowest level that will do; default 1.
    pub min: u16,
    /// Highest level that will do; null (default) = no upper bound.
    pub max: Option<u16>,
}

/// What a waiting call requires of an agent from `after_ms` on, in place of the step before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Step {
    /// From this waiting time in the queue on; 0–86,400,000 ms, above that of the step before.
    pub after_ms: u64,
    /// Skills, holding together with those of route and call.
    pub skills: Vec<SkillNeed>,
    /// Fewest stars of a member, 1–4; null (default) = any.
    pub stars_min: Option<u8>,
    /// Only these users; null (default) = all members.
    pub agents: Option<Vec<String>>,
    /// Other queues and groups of the same medium whose members may take the call too, with the
    /// stars, position and opt-in that they have there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Target>,
    /// Asked once, when the step begins: when it holds, the next step begins in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_if: Option<SkipIf>,
}

words!(
    /// When a step is passed over. Members through `also` count, the call's pass does not.
    SkipIf {
        /// No member who fits the step is logged in.
        NobodyLoggedIn => "nobody_logged_in",
        /// No member who fits the step could be offered a call at that instant.
        NobodyOfferable => "nobody_offerable",
    }
);

/// Whom a call waits for before anybody else is offered it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Preferred {
    /// The user; null = the last agent who had this caller (queues only).
    pub agent: Option<String>,
    /// From the entry into the queue, 1–86,400,000 ms; default 20,000.
    pub hold_for_ms: u64,
}

/// Steps of one queue or call at most.
pub const MOST_STEPS: usize = 32;
/// Queues that one step may add at most.
const MOST_ALSO: usize = 16;
/// A day.
const DAY_MS: u64 = 86_400_000;
/// The hold for a preferred agent, when not said.
const HOLD_MS: u64 = 20_000;

/// Skills that one call, route or step may require at most.
pub const MOST_SKILLS: usize = 32;

impl SkillNeed {
    /// Reads the list `skills` of an object.
    pub fn list(fields: &mut Fields<'_, impl Json>, name: &'static str) -> Vec<SkillNeed> {
        let mut needs: Vec<SkillNeed> = Vec::new();
        for (at, item) in fields.items(name, MOST_SKILLS) {
            let need = fields.part(item, at.clone(), |f| {
                let need = SkillNeed {
                    skill: f.text("skill", ID),
                    min: f.int("min", 1..=100, 1),
                    max: f.int_or_null("max", 1..=100, None),
                };
                if need.max.is_some_and(|max| max < need.min) {
                    f.wrong("max", "out_of_range", "must not be below min");
                }
                need
            });
            if needs.iter().any(|n| n.skill == need.skill && !need.skill.is_empty()) {
                let detail = format!("{:?} stands here twice; join the ranges", need.skill);
                fields.wrong_all(vec![FieldError::new(at, "duplicate", detail)]);
            }
            needs.push(need);
        }
        needs
    }

    /// All fields, as the wire shows them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "skill": self.skill, "min": self.min, "max": self.max })
    }
}

impl Step {
    /// Reads the list `steps` of a queue or call. A list whose first step begins later gets one in
    /// front that requires nothing, so that the first always begins at 0.
    pub fn list(fields: &mut Fields<'_, impl Json>) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        let items = fields.items("steps", MOST_STEPS);
        let last = items.len().saturating_sub(1);
        for (i, (at, item)) in items.into_iter().enumerate() {
            let before = steps.last().map(|s: &Step| s.after_ms);
            let step = fields.part(item, at, |f| {
                let step = Step::one(f);
                if before.is_some_and(|before| step.after_ms <= before) {
                    f.wrong("after_ms", "out_of_range", "must be above that of the step before");
                }
                if i == last && step.skip_if.is_some() {
                    let detail = "the last step has none to be skipped for";
                    f.wrong("skip_if", "not_allowed", detail);
                }
                step
            });
            steps.push(step);
        }
        if steps.first().is_some_and(|first| first.after_ms > 0) {
            steps.insert(0, Step::default());
            if steps.len() > MOST_STEPS {
                let detail = "with the step at 0 that goes before the first there are too many";
                fields.wrong("steps", "too_many", detail);
            }
        }
        steps
    }

    fn one(f: &mut Fields<'_, impl Json>) -> Step {
        let agents = f.is_set("agents").then(|| f.texts("agents", 1_000, USER_ID));
        Step {
            after_ms: f.int("after_ms", 0..=DAY_MS, 0),
            skills: SkillNeed::list(f, "skills"),
            stars_min: f.int_or_null("stars_min", 1..=4, None),
            agents,
            also: read_also(f),
            skip_if: f.word_or_null("skip_if", SkipIf::parse, SkipIf::ALL),
        }
    }

    /// All fields, as the wire shows them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "after_ms": self.after_ms,
            "skills": self.skills.iter().map(SkillNeed::to_json).collect::<Vec<_>>(),
            "stars_min": self.stars_min,
            "agents": self.agents,
            "also": self.also.iter().map(Target::to_json).collect::<Vec<_>>(),
            "skip_if": self.skip_if,
        })
    }
}

fn read_also(f: &mut Fields<'_, impl Json>) -> Vec<Target> {
    let mut also: Vec<Target> = Vec::new();
    for (at, item) in f.items("also", MOST_ALSO) {
        let target = f.part(item, at.clone(), |f| {
            f.not_yet("team", "a team in also");
            let queue = f.is_set("queue").then(|| Target::Queue(f.text("queue", ID)));
            let group = f.is_set("group").then(|| Target::Group(f.text("group", ID)));
            match (queue, group) {
                (Some(target), None) | (None, Some(target)) => Some(target),
                (None, None) if f.is_set("team") => None,
                (None, None) => {
                    f.wrong_here("required", "must name a queue or a group");
                    None
                }
                (Some(_), Some(_)) => {
                    f.wrong_here("conflict", "must name only one of queue or group");
                    None
                }
            }
        });
        let Some(target) = target else { continue };
        if also.contains(&target) {
            let detail = "stands here twice";
            f.wrong_all(vec![FieldError::new(at.to_string(), "duplicate", detail)]);
        }
        also.push(target);
    }
    also
}

impl Preferred {
    /// Reads the field `preferred`. `last_agent`: whether the last agent may be asked for.
    pub fn read(fields: &mut Fields<'_, impl Json>, last_agent: bool) -> Option<Preferred> {
        let read = |f: &mut Fields<'_, _>| {
            let agent = f.text_or_null("agent", USER_ID);
            let last = last_agent && f.flag("last_agent", false);
            match (&agent, last) {
                (None, false) if last_agent => {
                    f.wrong_here("required", "must name an agent, or say last_agent: true");
                }
                (None, false) => f.missing("agent", "the id of a user"),
                (Some(_), true) => {
                    f.wrong_here("conflict", "must name an agent or last_agent, not both");
                }
                _ => {}
            }
            Preferred { agent, hold_for_ms: f.int("hold_for_ms", 1..=DAY_MS, HOLD_MS) }
        };
        fields.is_set("preferred").then(|| fields.nested("preferred", read)).flatten()
    }

    /// All fields, as the wire shows them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "agent": self.agent,
            "last_agent": self.agent.is_none(),
            "hold_for_ms": self.hold_for_ms,
        })
    }
}
