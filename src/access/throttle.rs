//! Failed attempts to sign in are slowed down: a few are free, then each further one of the same
//! account, e-mail and address must wait twice as long as the one before, up to a quarter of an
//! hour; and so, with more free ones, for an address whatever it tries. What is remembered is a
//! memory of this process, and bounded.

use crate::access::secret;
use crate::domain::problem::Problem;
use crate::domain::time::Millis;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Failures of one account, e-mail and address that are free.
const FREE: u32 = 5;
/// … and of one address.
const FREE_OF_ADDRESS: u32 = 50;
/// A wait at most, in milliseconds; so long without a failure all is forgotten.
const MOST_MS: u64 = 15 * 60 * 1_000;
/// Who is remembered at most; past it those whose last failure is oldest are forgotten.
const MOST: usize = 50_000;

/// Who fails, by a fingerprint: e-mails are not kept.
type Who = String;

/// The failures of all.
#[derive(Debug, Default)]
pub struct Throttle(Mutex<BTreeMap<Who, Failures>>);

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Millis,
}

impl Failures {
    fn wait_ms(&self, free: u32) -> u64 {
        match self.count.checked_sub(free) {
            None => 0,
            Some(beyond) => (1_000_u64 << beyond.min(20)).min(MOST_MS),
        }
    }
}

/// One attempt.
#[derive(Clone, Debug)]
pub struct Attempt(Vec<(Who, u32)>);

impl Attempt {
    /// To have a mail sent to an address, by anybody.
    #[must_use]
    pub fn mail(email: &str) -> Attempt {
        let who = secret::fingerprint(&format!("mail\n{}", email.to_lowercase()));
        Attempt(vec![(who, FREE)])
    }

    /// To open `account` as `email` (or by whatever else is tried), from `remote`.
    #[must_use]
    pub fn new(account: &str, email: &str, remote: IpAddr) -> Attempt {
        let email = email.to_lowercase();
        Attempt(vec![
            (secret::fingerprint(&format!("{account}\n{email}\n{remote}")), FREE),
            (secret::fingerprint(&format!("{remote}")), FREE_OF_ADDRESS),
        ])
    }
}

impl Throttle {
    /// Whether an attempt may be made at `now`. It counts as failed until it is said to be
    /// [right](Throttle::right): many at once are not free.
    ///
    /// # Errors
    /// 429 `too_many_attempts`, with the seconds until the next is heard.
    pub fn begin(&self, attempt: &Attempt, now: Millis) -> Result<(), Problem> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (who, free) in &attempt.0 {
            let Some(failures) = known.get(who) else { continue };
            let until = failures.last.plus(failures.wait_ms(*free));
            if now < until {
                metrics::counter!("callboard_sign_ins_throttled_total").increment(1);
                return Err(too_many(until.since(now)));
            }
        }
        if known.len() >= MOST {
            forget(&mut known, now);
        }
        for (who, _) in &attempt.0 {
            let failures = known.entry(who.clone()).or_insert(Failures { count: 0, last: now });
            if now.since(failures.last) > MOST_MS {
                failures.count = 0;
            }
            failures.count = failures.count.saturating_add(1);
            failures.last = now;
        }
        Ok(())
    }

    /// The attempt was right: its failures are forgotten, and it is not one of its address.
    pub fn right(&self, attempt: &Attempt) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(((pair, _), addresses)) = attempt.0.split_first() else { return };
        known.remove(pair);
        for (address, _) in addresses {
            if let Some(failures) = known.get_mut(address) {
                failures.count = failures.count.saturating_sub(1);
            }
        }
    }
}

fn forget(known: &mut BTreeMap<Who, Failures>, now: Millis) {
    known.retain(|_, failures| now.since(failures.last) <= MOST_MS);
    if known.len() >= MOST {
        let mut last: Vec<Millis> = known.values().map(|failures| failures.last).collect();
        last.sort_unstable();
        let middle = last[last.len() / 2];
        known.retain(|_, failures| failures.last > middle);
    }
}

fn too_many(wait_ms: u64) -> Problem {
    let seconds = wait_ms.div_ceil(1_000).max(1);
    let detail =
        format!("too many attempts that failed: wait {seconds} s, or have the password set");
    let retry_after = Some(u32::try_from(seconds).unwrap_or(u32::MAX));
    Problem { retry_after, ..Problem::new(429, "too_many_attempts", detail) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn five_are_free_then_each_waits_twice_as_long() {
        let throttle = Throttle::default();
        let ann = Attempt::new("default", "Ann@acme.test", HERE);
        let mut now = Millis(1_000_000);
        for _ in 0..5 {
            throttle.begin(&ann, now).expect("free");
        }
        let other_case = Attempt::new("default", "ann@ACME.test", HERE);
        let refused = throttle.begin(&other_case, now).expect_err("too many");
        assert_eq!((refused.status, refused.retry_after), (429, Some(1)));
        assert!(throttle.begin(&Attempt::new("default", "bob@acme.test", HERE), now).is_ok());
        for wait_s in [1, 2, 4, 8] {
            let refused = throttle.begin(&ann, now).expect_err("too soon");
            assert_eq!(refused.retry_after, Some(wait_s));
            now = now.plus(u64::from(wait_s) * 1_000);
            throttle.begin(&ann, now).expect("waited");
        }
        throttle.right(&ann);
        assert!(throttle.begin(&ann, now).is_ok(), "who knew it begins anew");
    }

    #[test]
    fn an_address_that_tries_everybody_waits_too_and_memory_is_bounded() {
        let throttle = Throttle::default();
        let now = Millis(1_000_000);
        let tried = (0..100).filter(|i| {
            throttle.begin(&Attempt::new("default", &format!("{i}@acme.test"), HERE), now).is_ok()
        });
        assert_eq!(tried.count(), 50);
        for i in 0..MOST {
            let from = IpAddr::from(std::net::Ipv4Addr::from(u32::try_from(i).expect("small")));
            let at = now.plus(i as u64);
            throttle.begin(&Attempt::new("default", "a@acme.test", from), at).expect("free");
        }
        assert!(throttle.0.lock().expect("whole").len() <= MOST + 1);
    }
}
