//! What calls require of agents.

use serde::{Deserialize, Serialize};

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
