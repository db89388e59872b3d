//! Requirements, interned: equal needs, equal number.

use super::state::{Agent, State};
use crate::domain::ids::{AgentIx, NeedIx, QueueIx, SkillIx};
use crate::domain::objects::{SkillNeed, Step};
use crate::routing;
use rustc_hash::FxHashMap;

/// What a call requires of an agent in a queue: step, route and call together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Need {
    /// (skill, lowest level, highest level), sorted; a skill that does not exist is held by nobody.
    pub skills: Vec<(Option<SkillIx>, u16, u16)>,
    /// Fewest stars.
    pub stars_min: u8,
    /// Only these, sorted; `None` = all members.
    pub agents: Option<Vec<AgentIx>>,
    /// Queues whose members will do too, in the order in which they are asked.
    pub also: Vec<QueueIx>,
}

/// The table of requirements. Number 0 requires nothing.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    all: Vec<Need>,
    numbers: FxHashMap<Need, NeedIx>,
}

impl Needs {
    /// The number of a requirement.
    pub fn intern(&mut self, need: Need) -> NeedIx {
        if self.all.is_empty() {
            self.all.push(Need::default());
            self.numbers.insert(Need::default(), NeedIx(0));
        }
        if let Some(known) = self.numbers.get(&need) {
            return *known;
        }
        let ix = NeedIx(self.all.len() as u32);
        self.all.push(need.clone());
        self.numbers.insert(need, ix);
        ix
    }

    /// A requirement by number.
    #[must_use]
    pub fn get(&self, ix: NeedIx) -> &Need {
        &self.all[ix.at()]
    }

    /// Forgets all: only with every number's user (a rebuild).
    pub fn clear(&mut self) {
        self.all.clear();
        self.numbers.clear();
    }
}

/// The requirement of a call with these skills at a step, but for what it adds. Of one skill asked for twice, the higher
/// lowest and the lower highest level hold (`engine.md` 6).
#[must_use]
pub fn of(
    step: Option<&Step>,
    skills: &[SkillNeed],
    skill_ix: &dyn Fn(&str) -> Option<SkillIx>,
    agent_ix: &dyn Fn(&str) -> Option<AgentIx>,
) -> Need {
    let mut need =
        Need { stars_min: step.and_then(|s| s.stars_min).unwrap_or(0), ..Need::default() };
    let mut missing = false;
    for wanted in step.into_iter().flat_map(|s| &s.skills).chain(skills) {
        let max = wanted.max.unwrap_or(u16::MAX);
        let Some(ix) = skill_ix(&wanted.skill) else {
            missing = true;
            continue;
        };
        match need.skills.iter_mut().find(|(s, ..)| *s == Some(ix)) {
            Some((_, low, high)) => {
                *low = (*low).max(wanted.min);
                *high = (*high).min(max);
            }
            None => need.skills.push((Some(ix), wanted.min, max)),
        }
    }
    if missing {
        need.skills.push((None, 0, 0));
    }
    need.skills.sort_unstable();
    need.agents = step.and_then(|s| s.agents.as_ref()).map(|names| {
        let mut only: Vec<AgentIx> = names.iter().filter_map(|n| agent_ix(n)).collect();
        only.sort_unstable();
        only
    });
    need
}

/// The queue whose member an agent is for calls of `home`: that queue, else the first of those that
/// the requirement adds. This membership's stars, position and opt-in count, and no other.
#[must_use]
pub fn member_of(agent: &Agent, home: QueueIx, need: &Need) -> Option<QueueIx> {
    if agent.pair(home).is_some() {
        return Some(home);
    }
    need.also.iter().copied().find(|queue| agent.pair(*queue).is_some())
}

/// As [`member_of`], for an agent who meets the requirement there.
#[must_use]
pub fn fits(agent: &Agent, home: QueueIx, need: &Need) -> Option<QueueIx> {
    member_of(agent, home, need).filter(|queue| meets(agent, *queue, need))
}

/// Whether an agent takes calls of `home` as a member of `from`, and meets the requirement.
#[must_use]
pub fn fits_from(agent: &Agent, from: QueueIx, home: QueueIx, need: &Need) -> bool {
    (from == home || member_of(agent, home, need) == Some(from)) && meets(agent, from, need)
}

/// Whether an agent meets a requirement in a queue.
#[must_use]
pub fn meets(agent: &Agent, queue: QueueIx, need: &Need) -> bool {
    unmet(agent, queue, need).is_none()
}

/// The first thing that an agent lacks, in words.
#[must_use]
pub fn unmet(agent: &Agent, queue: QueueIx, need: &Need) -> Option<Unmet> {
    if need.stars_min > 0 && agent.pair(queue).is_none_or(|p| p.stars < need.stars_min) {
        return Some(Unmet::Stars(need.stars_min));
    }
    if need.agents.as_ref().is_some_and(|only| only.binary_search(&agent.ix).is_err()) {
        return Some(Unmet::NotNamed);
    }
    for (skill, min, max) in &need.skills {
        let Some(skill) = skill else { return Some(Unmet::UnknownSkill) };
        match agent.level(*skill) {
            None => return Some(Unmet::Skill(*skill)),
            Some(level) => {
                // Held without a level: 1,000.
                let level = level.unwrap_or(1_000);
                if level < *min || level > *max {
                    return Some(Unmet::Level(*skill, *min, *max));
                }
            }
        }
    }
    None
}

/// What an agent lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmet {
    /// Fewer stars than the step asks for.
    Stars(u8),
    /// The step names other users.
    NotNamed,
    /// A required skill does not exist.
    UnknownSkill,
    /// Does not hold the skill.
    Skill(SkillIx),
    /// Holds it at a level outside the range.
    Level(SkillIx, u16, u16),
}

/// Sum of the levels of the required skills, each scaled to 0…1,000 of its skill's range.
#[must_use]
pub fn level_sum(state: &State, agent: &Agent, need: &Need) -> u32 {
    need.skills
        .iter()
        .filter_map(|(skill, ..)| {
            let skill = (*skill)?;
            let level = agent.level(skill)?;
            let (min, max) =
                state.skills[skill.at()].value.as_ref().map_or((1, 100), |s| (s.min, s.max));
            Some(routing::scaled(level, min, max))
        })
        .sum()
}
