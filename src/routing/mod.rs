//! Who is offered a call: pure functions. One file per order; here the one `match`.

pub mod dice;
pub mod in_order;
pub mod least_calls;
pub mod least_occupied;
pub mod least_talk;
pub mod least_versatile;
pub mod longest_idle;
pub mod lots;
pub mod ring;
pub mod round_robin;
pub mod stars;
pub mod weighted;

use crate::domain::objects::queue::{By, Order, Plan, Ties};
use crate::domain::switching::SortKey;
use crate::domain::time::Millis;

/// What orders look at, of one agent in one queue for one requirement.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// 1–4.
    pub stars: u8,
    /// From 1.
    pub position: u32,
    /// Calls of the window, the milliseconds talked in it, or the occupancy in millionths.
    pub count: u32,
    /// Memberships and skills.
    pub versatility: u32,
    /// In a draw.
    pub weight: u32,
    /// The agent's idle clock.
    pub idle_since: Millis,
    /// Sum of the required skills' levels, each scaled to 0…1,000.
    pub level: u32,
}

/// A sort key: lower is first; equal keys go by the agent's number.
///
/// Always ends in the idle clock, so that ties end in the longest idle (`engine.md` 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u64, pub u64);

impl Key {
    /// The idle clock as a sortable number.
    fn idle(at: Millis) -> u64 {
        (at.0 as u64) ^ (1 << 63)
    }

    pub(crate) fn new(first: u64, facts: &Facts) -> Key {
        Key(first, Key::idle(facts.idle_since))
    }
}

/// The key of an agent by a plan. `competency`: whether stars count in this queue.
#[must_use]
pub fn key(plan: &Plan, competency: bool, facts: &Facts) -> Key {
    let key = match plan.order {
        Order::LongestIdle => longest_idle::key(facts),
        Order::LeastCalls => least_calls::key(facts),
        Order::InOrder => in_order::key(facts),
        Order::Stars => stars::key(facts, competency),
        Order::RoundRobin => round_robin::key(facts),
        Order::Random => weighted::even(),
        Order::Weighted => weighted::key(facts),
        Order::LeastVersatile => least_versatile::key(facts),
        Order::LeastTalk => least_talk::key(facts),
        Order::LeastOccupied => least_occupied::key(facts),
    };
    match (plan.ties, plan.order) {
        (Ties::LongestIdle, _) => key,
        // Only those idle since the same instant are alike.
        (Ties::Random, Order::LongestIdle) => Key(key.1, 0),
        (Ties::Random, _) => Key(key.0, 0),
    }
}

/// Of an agent who may be drawn, by its key: those it is drawn with (the lowest group is first),
/// and its weight. `None` where the plan draws nobody.
#[must_use]
pub fn lot(plan: &Plan, key: Key) -> Option<(u64, u64)> {
    match plan.order {
        Order::Random | Order::Weighted => Some((0, key.0)),
        _ => (plan.ties == Ties::Random).then_some((key.0, 1)),
    }
}

/// The same, told to people.
#[must_use]
pub fn explain(plan: &Plan, competency: bool, facts: &Facts) -> SortKey {
    let mut told = SortKey::of(facts.idle_since);
    match plan.order {
        Order::LongestIdle | Order::Random => {}
        Order::LeastCalls => told.count = Some(facts.count),
        Order::InOrder | Order::RoundRobin => told.position = Some(facts.position),
        Order::Stars => {
            told.stars = competency.then_some(facts.stars);
            told.level = Some(facts.level);
        }
        Order::Weighted => {
            told.weight = Some(facts.weight);
            told.stars = (plan.by == By::Stars).then_some(facts.stars);
        }
        Order::LeastVersatile => told.versatility = Some(facts.versatility),
        Order::LeastTalk => told.talk_ms = Some(facts.count),
        Order::LeastOccupied => told.occupancy_ppm = Some(facts.count),
    }
    told
}

/// Whether the key of an agent depends on what the call requires.
#[must_use]
pub fn depends_on_need(order: Order) -> bool {
    matches!(order, Order::Stars)
}

/// A skill's level scaled to 0…1,000 of the skill's own range; held without a level: 1,000.
#[must_use]
pub fn scaled(level: Option<u16>, min: u16, max: u16) -> u32 {
    let Some(level) = level else { return 1_000 };
    if max <= min {
        return 1_000;
    }
    let above = u32::from(level.clamp(min, max) - min);
    above * 1_000 / u32::from(max - min)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn facts() -> impl Strategy<Value = Facts> {
        let small = (1u8..=4, 1u32..100_000, 0u32..10_000, 0u32..20_000);
        (small, any::<i64>(), 0u32..20_000, 0u32..1_000).prop_map(
            |((stars, position, count, versatility), idle, level, weight)| Facts {
                stars,
                position,
                count,
                versatility,
                weight,
                idle_since: Millis(idle),
                level,
            },
        )
    }

    fn by(order: Order, competency: bool, facts: &Facts) -> Key {
        key(&Plan::of(order), competency, facts)
    }

    proptest! {
        #[test]
        fn of_two_agents_alike_but_for_the_idle_clock_the_longer_idle_is_first(
            f in facts(), later in 1i64..1_000_000, competency: bool
        ) {
            let f = Facts { idle_since: Millis(f.idle_since.0 / 2), ..f };
            let g = Facts { idle_since: Millis(f.idle_since.0 + later), ..f };
            for order in Order::ALL {
                let (mine, theirs) = (by(*order, competency, &f), by(*order, competency, &g));
                // The circle and the draws know no idle clock.
                if matches!(order, Order::RoundRobin | Order::Random | Order::Weighted) {
                    prop_assert_eq!(mine, theirs);
                } else {
                    prop_assert!(mine < theirs, "{order}");
                    let drawn = Plan { ties: Ties::Random, ..Plan::of(*order) };
                    let tied = key(&drawn, competency, &f) == key(&drawn, competency, &g);
                    prop_assert_eq!(tied, *order != Order::LongestIdle);
                }
            }
        }

        #[test]
        fn each_order_is_first_by_its_own_word(f in facts(), g in facts()) {
            let first = |order| by(order, true, &f) < by(order, true, &g);
            if f.count < g.count {
                prop_assert!(first(Order::LeastCalls)
                    && first(Order::LeastTalk)
                    && first(Order::LeastOccupied));
            }
            if f.position < g.position {
                prop_assert!(first(Order::InOrder) && first(Order::RoundRobin));
            }
            if f.versatility < g.versatility {
                prop_assert!(first(Order::LeastVersatile));
            }
            if f.stars > g.stars || (f.stars == g.stars && f.level > g.level) {
                prop_assert!(first(Order::Stars));
            }
        }
    }

    #[test]
    fn levels_scale_to_their_skills_range() {
        assert_eq!(scaled(None, 1, 100), 1_000);
        assert_eq!(scaled(Some(1), 1, 5), 0);
        assert_eq!(scaled(Some(3), 1, 5), 500);
        assert_eq!(scaled(Some(5), 1, 5), 1_000);
        assert_eq!(scaled(Some(7), 7, 7), 1_000);
    }
}
