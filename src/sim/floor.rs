//! The simulated floor: agents who log in, take calls, wrap up, take breaks and miss some; callers
//! who arrive, wait and hang up; and a switch between them. All speak the public interface, over
//! sockets; each person throws seeded dice of their own, so that one seed is one script.

pub mod agent;
pub mod callers;
pub mod exchange;
pub mod switch;
pub mod tally;
pub mod world;

pub use exchange::{Caller, Phone, Said};
pub use tally::{Rule, Summary, Tally};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use std::sync::Arc;
use std::time::Duration;

/// Microseconds since 1970, never running back: the wall clock at the start plus monotonic time.
/// Given by whoever has a clock.
pub type Now = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Dice of one person. `who` tells people of one seed apart.
#[must_use]
pub fn dice(seed: u64, who: u64) -> Pcg64 {
    Pcg64::seed_from_u64(seed ^ who.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// A duration between two bounds in milliseconds, evenly.
pub(crate) fn between(dice: &mut Pcg64, from_ms: u64, to_ms: u64) -> Duration {
    Duration::from_millis(dice.random_range(from_ms..=to_ms))
}

/// A duration with this mean, exponentially distributed (what Poisson arrivals and patience are),
/// cut at ten times the mean.
pub(crate) fn exponential(dice: &mut Pcg64, mean: Duration) -> Duration {
    let even: f64 = dice.random_range(f64::EPSILON..1.0);
    mean.mul_f64((-even.ln()).min(10.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_is_one_script_and_people_differ() {
        let draw = |seed, who| between(&mut dice(seed, who), 0, 1_000_000);
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(1, 3));
        assert_ne!(draw(1, 2), draw(2, 2));
    }

    #[test]
    fn waits_have_their_mean() {
        let mut dice = dice(7, 0);
        let mean = Duration::from_millis(100);
        let sum: Duration = (0..20_000).map(|_| exponential(&mut dice, mean)).sum();
        let found = sum / 20_000;
        assert!(found > mean * 95 / 100 && found < mean * 105 / 100, "{found:?}");
    }
}
