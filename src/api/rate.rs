//! How many requests a key may make: so many a second on the average, and ten seconds' worth at once.
//! Switches are never limited: what they tell has happened, and overload there is 503.
//!
//! The generic cell rate algorithm (ITU-T I.371): one instant per key says when its next request would
//! be due if they came evenly.

use crate::access::Identity;
use crate::domain::ids::KeyId;
use crate::domain::objects::user::Role;
use crate::domain::problem::Problem;
use crate::domain::time::Millis;
use rustc_hash::FxHashMap;
use std::sync::{Mutex, PoisonError};

/// So many seconds' worth may come at once.
pub const BURST_S: u64 = 10;

/// Keys remembered before those that have been quiet are forgotten.
const LOOKED_THROUGH_AT: usize = 1_024;

const MICROS: u64 = 1_000_000;

/// The requests of all keys.
#[derive(Debug, Default)]
pub struct Rates(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// When the next request would be due, in µs. For look-ups only.
    due: FxHashMap<KeyId, u64>,
    /// Past this many keys the quiet ones are forgotten.
    most: usize,
}

impl Rates {
    /// Counts a request at `now`; `per_second` 0 means no limit.
    ///
    /// # Errors
    /// 429 `rate_limited`, with the seconds until the next would be taken.
    pub fn admit(&self, who: &Identity, now: Millis, per_second: u32) -> Result<(), Problem> {
        if per_second == 0 || who.actor.role == Role::Switch {
            return Ok(());
        }
        let now = u64::try_from(now.0).unwrap_or(0).saturating_mul(1_000);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.admit(who.key, now, u64::from(per_second))
    }
}

impl Known {
    fn admit(&mut self, key: KeyId, now: u64, per_second: u64) -> Result<(), Problem> {
        if self.due.len() > self.most.max(LOOKED_THROUGH_AT) {
            self.due.retain(|_, due| *due > now);
            self.most = 2 * self.due.len();
        }
        let due = self.due.entry(key).or_insert(0);
        let next = (*due).max(now) + MICROS / per_second;
        let allowed = now + BURST_S * MICROS;
        if next > allowed {
            metrics::counter!("callboard_rate_limited_total").increment(1);
            return Err(limited(per_second, (next - allowed).div_ceil(MICROS)));
        }
        *due = next;
        Ok(())
    }
}

fn limited(per_second: u64, wait_s: u64) -> Problem {
    let detail = format!(
        "this key makes more than {per_second} requests a second: wait, ask in bulk, or watch the \
         live feed in place of asking again and again"
    );
    let retry_after = Some(u32::try_from(wait_s).unwrap_or(u32::MAX));
    Problem { retry_after, ..Problem::new(429, "rate_limited", detail) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_rate_and_a_burst_of_ten_seconds() {
        let mut known = Known::default();
        let (a, b) = (KeyId(1), KeyId(2));
        let mut now = 5 * MICROS;
        let taken = |known: &mut Known, key, now, tries: usize| {
            (0..tries).filter(|_| known.admit(key, now, 4).is_ok()).count()
        };
        assert_eq!(taken(&mut known, a, now, 100), 40);
        assert_eq!(taken(&mut known, b, now, 1), 1, "each key has its own");
        let refused = known.admit(a, now, 4).expect_err("too many");
        assert_eq!((refused.status, refused.code), (429, "rate_limited"));
        assert_eq!(refused.retry_after, Some(1));
        now += MICROS;
        assert_eq!(taken(&mut known, a, now, 100), 4, "a second later, a second's worth");
        now += 60 * MICROS;
        assert_eq!(taken(&mut known, a, now, 100), 40, "never more than the burst");
    }

    #[test]
    fn quiet_keys_are_forgotten() {
        let mut known = Known::default();
        for key in 0..5_000 {
            let now = key * MICROS;
            assert!(known.admit(KeyId(key), now, 4).is_ok());
        }
        assert!(known.due.len() <= LOOKED_THROUGH_AT + 1, "{}", known.due.len());
    }
}
