//! The ring plan: how many ring at once, and for how long (`engine.md` 5).

use crate::domain::objects::queue::{Plan, RingFor};

/// A switch that times the ring itself gets so long to say `no_answer` before the engine acts, ms.
pub const BACKSTOP_MS: u64 = 2_000;

/// What rings when more fit than places, ms.
pub const SHARED_RING_MS: u64 = 15_000;

/// How long an offer rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ringing {
    /// So long, in milliseconds.
    pub ms: u64,
    /// Unanswered then, it is a miss (else `total` cut it short, and it is withdrawn).
    pub full: bool,
}

/// `width`: how many may ring now; `left`: what is left of the queue's `total_ms`; `crowded`: more
/// fit than places.
#[must_use]
pub fn ring_for(plan: &Plan, width: Option<u32>, left: Option<u64>, crowded: bool) -> Ringing {
    let wanted = match plan.ring_for {
        RingFor::Ms(ms) => Some(ms),
        RingFor::Total if crowded && width.is_none() => Some(SHARED_RING_MS),
        RingFor::Total => None,
    };
    match (wanted, left) {
        (Some(ms), Some(left)) if left < ms => Ringing { ms: left, full: false },
        (Some(ms), _) => Ringing { ms, full: true },
        (None, Some(left)) => Ringing { ms: left, full: true },
        (None, None) => Ringing { ms: SHARED_RING_MS, full: true },
    }
}

/// Of several limits the smallest rules; none is no limit.
#[must_use]
pub fn smallest(limits: &[Option<u32>]) -> u32 {
    limits.iter().flatten().copied().min().unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::objects::queue::Order;

    fn plan(ring_for: RingFor) -> Plan {
        Plan { ring_for, ..Plan::of(Order::LongestIdle) }
    }

    #[test]
    fn total_cuts_a_ring_short() {
        let one = plan(RingFor::Ms(15_000));
        assert_eq!(ring_for(&one, Some(1), None, false), Ringing { ms: 15_000, full: true });
        assert_eq!(
            ring_for(&one, Some(1), Some(15_000), false),
            Ringing { ms: 15_000, full: true }
        );
        assert_eq!(ring_for(&one, Some(1), Some(4_000), false), Ringing { ms: 4_000, full: false });
    }

    #[test]
    fn until_total_is_a_whole_ring_unless_more_fit_than_places() {
        let all = plan(RingFor::Total);
        assert_eq!(ring_for(&all, None, Some(20_000), false), Ringing { ms: 20_000, full: true });
        assert_eq!(ring_for(&all, None, Some(20_000), true), Ringing { ms: 15_000, full: true });
        assert_eq!(ring_for(&all, None, Some(5_000), true), Ringing { ms: 5_000, full: false });
        let one = plan(RingFor::Total);
        assert_eq!(ring_for(&one, Some(1), Some(20_000), true), Ringing { ms: 20_000, full: true });
    }

    #[test]
    fn the_smallest_limit_rules() {
        assert_eq!(smallest(&[None, Some(10), Some(3)]), 3);
        assert_eq!(smallest(&[None, None]), u32::MAX);
    }
}
