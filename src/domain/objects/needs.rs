//! What calls require of agents.

use crate::domain::fields::{Fields, ID, USER_ID, not_yet};
use crate::domain::json::Json;
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

/// What a waiting call requires of an agent from `after_ms` on. Until the routing issue: one step,
/// at 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Step {
    /// From this waiting time on; only 0 for now.
    pub after_ms: u64,
    /// Skills, holding together with those of route and call.
    pub skills: Vec<SkillNeed>,
    /// Fewest stars of a member, 1–4; null (default) = any.
    pub stars_min: Option<u8>,
    /// Only these users; null (default) = all members.
    pub agents: Option<Vec<String>>,
}

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
    /// Reads the list `steps` of a queue.
    pub(super) fn list(fields: &mut Fields<'_>) -> Vec<Step> {
        let items = fields.items("steps", 32);
        if items.len() > 1 {
            fields.wrong("steps", "not_yet", not_yet("more than one step"));
        }
        items.into_iter().map(|(at, item)| fields.part(item, at, Step::one)).collect()
    }

    fn one(f: &mut Fields<'_>) -> Step {
        let after_ms = f.int("after_ms", 0..=86_400_000, 0);
        if after_ms > 0 {
            f.wrong("after_ms", "not_yet", not_yet("a step after 0 ms"));
        }
        f.not_yet("also", "also");
        f.not_yet("skip_if", "skip_if");
        f.not_yet("preferred", "preferred");
        let agents = f.is_set("agents").then(|| f.texts("agents", 1_000, USER_ID));
        Step {
            after_ms,
            skills: SkillNeed::list(f, "skills"),
            stars_min: f.int_or_null("stars_min", 1..=4, None),
            agents,
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
        })
    }
}
