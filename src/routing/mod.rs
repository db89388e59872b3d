//! Who is offered a call: pure functions. One file per order; here the one `match`.

pub mod in_order;
pub mod least_calls;
pub mod longest_idle;
pub mod ring;
pub mod stars;

use crate::domain::objects::queue::Order;
use crate::domain::switching::SortKey;
use crate::domain::time::Millis;

/// What orders look at, of one agent in one queue for one requirement.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// 1–4.
    pub stars: u8,
    /// From 1.
    pub position: u32,
    /// Calls of the window.
    pub count: u32,
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

/// The key of an agent by an order. `competency`: whether stars count in this queue.
#[must_use]
pub fn key(order: Order, competency: bool, facts: &Facts) -> Key {
    match order {
        Order::LongestIdle => longest_idle::key(facts),
        Order::LeastCalls => least_calls::key(facts),
        Order::InOrder => in_order::key(facts),
        Order::Stars => stars::key(facts, competency),
    }
}

/// The same, told to people.
#[must_use]
pub fn explain(order: Order, competency: bool, facts: &Facts) -> SortKey {
    let mut told = SortKey {
        position: None,
        count: None,
        stars: None,
        level: None,
        idle_since: facts.idle_since,
    };
    match order {
        Order::LongestIdle => {}
        Order::LeastCalls => told.count = Some(facts.count),
        Order::InOrder => told.position = Some(facts.position),
        Order::Stars => {
            told.stars = competency.then_some(facts.stars);
            told.level = Some(facts.level);
        }
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
        (1u8..=4, 1u32..100_000, 0u32..10_000, any::<i64>(), 0u32..20_000).prop_map(
            |(stars, position, count, idle, level)| Facts {
                stars,
                position,
                count,
                idle_since: Millis(idle),
                level,
            },
        )
    }

    proptest! {
        #[test]
        fn of_two_agents_alike_but_for_the_idle_clock_the_longer_idle_is_first(
            f in facts(), later in 1i64..1_000_000, competency: bool
        ) {
            let f = Facts { idle_since: Millis(f.idle_since.0 / 2), ..f };
            let g = Facts { idle_since: Millis(f.idle_since.0 + later), ..f };
            for order in Order::ALL {
                prop_assert!(key(*order, competency, &f) < key(*order, competency, &g));
            }
        }

        #[test]
        fn each_order_is_first_by_its_own_word(f in facts(), g in facts()) {
            if f.count < g.count {
                prop_assert!(key(Order::LeastCalls, false, &f) < key(Order::LeastCalls, false, &g));
            }
            if f.position < g.position {
                prop_assert!(key(Order::InOrder, false, &f) < key(Order::InOrder, false, &g));
            }
            if f.stars > g.stars {
                prop_assert!(key(Order::Stars, true, &f) < key(Order::Stars, true, &g));
            }
            if f.level > g.level && f.stars == g.stars {
                prop_assert!(key(Order::Stars, true, &f) < key(Order::Stars, true, &g));
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
