//! The only place where clocks are read.
//!
//! Now is the wall clock at the start plus monotonic time, corrected towards the wall by at most
//! 5 % of the time passed (`engine.md` 11): deadlines and durations never see a step.

use crate::domain::time::Millis;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// The wall is asked this often.
const EACH_NS: u64 = 1_000_000_000;

/// A correction takes at most this part of the time passed: 1/20 = 5 %.
const PART: i64 = 20;

/// A difference from the wall above this is told.
const TOLERATED_NS: i64 = 1_000_000_000;

/// Nanoseconds of monotonic time since the clock's start: for measuring, never for deciding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticks(pub u64);

impl Ticks {
    /// Seconds from `earlier` to this.
    #[must_use]
    pub fn seconds_since(self, earlier: Ticks) -> f64 {
        Duration::from_nanos(self.0.saturating_sub(earlier.0)).as_secs_f64()
    }
}

/// The node's clock. Cloning gives the same clock.
#[derive(Clone)]
pub struct Clock(Arc<Kind>);

enum Kind {
    System { start: Instant, discipline: Mutex<Discipline> },
    Manual(watch::Sender<Millis>),
    Twin(Mutex<Twin>),
}

/// What stands in for the machine's clocks.
struct Twin {
    passed_ns: u64,
    wall_ns: i64,
    discipline: Discipline,
}

impl Clock {
    /// The machine's clock, never before `floor` (the last record's time).
    #[must_use]
    pub fn system(floor: Millis) -> Clock {
        let discipline = Mutex::new(Discipline::new(wall_ns(), floor));
        Clock(Arc::new(Kind::System { start: instant(), discipline }))
    }

    /// One that stands at `at` until it is moved: for tests.
    #[must_use]
    pub fn manual(at: Millis) -> Clock {
        Clock(Arc::new(Kind::Manual(watch::channel(at).0)))
    }

    /// As [`Clock::system`] on a machine whose wall clock shows `wall` and whose time passes only
    /// by [`Clock::advance`]: for simulations, which ask for the time and never sleep.
    #[must_use]
    pub fn twin(wall: Millis, floor: Millis) -> Clock {
        let wall_ns = wall.0.saturating_mul(1_000_000);
        let discipline = Discipline::new(wall_ns, floor);
        Clock(Arc::new(Kind::Twin(Mutex::new(Twin { passed_ns: 0, wall_ns, discipline }))))
    }

    /// Moves a manual or twin clock by `ms`; a system clock takes no notice.
    pub fn advance(&self, ms: u64) {
        match &*self.0 {
            Kind::System { .. } => {}
            Kind::Manual(at) => at.send_modify(|at| *at = at.plus(ms)),
            Kind::Twin(twin) => {
                let mut twin = lock(twin);
                twin.passed_ns += ms * 1_000_000;
                twin.wall_ns += i64::try_from(ms * 1_000_000).unwrap_or(i64::MAX);
            }
        }
    }

    /// Steps the wall clock of a twin; others take no notice.
    pub fn step_wall(&self, ms: i64) {
        if let Kind::Twin(twin) = &*self.0 {
            lock(twin).wall_ns += ms * 1_000_000;
        }
    }

    /// Now; never runs back.
    #[must_use]
    pub fn now(&self) -> Millis {
        match &*self.0 {
            Kind::System { start, discipline } => {
                let passed = passed_ns(*start);
                lock(discipline).now(passed, wall_ns)
            }
            Kind::Manual(at) => *at.borrow(),
            Kind::Twin(twin) => {
                let mut twin = lock(twin);
                let (passed, wall_ns) = (twin.passed_ns, twin.wall_ns);
                twin.discipline.now(passed, || wall_ns)
            }
        }
    }

    /// Monotonic time, for measuring.
    #[must_use]
    pub fn ticks(&self) -> Ticks {
        match &*self.0 {
            Kind::System { start, .. } => Ticks(passed_ns(*start)),
            Kind::Manual(at) => Ticks(u64::try_from(at.borrow().0).unwrap_or(0) * 1_000_000),
            Kind::Twin(twin) => Ticks(lock(twin).passed_ns),
        }
    }

    /// How far the wall was ahead of this clock (negative: behind) when last asked, in ms.
    #[must_use]
    pub fn wall_ahead_ms(&self) -> i64 {
        match &*self.0 {
            Kind::System { discipline, .. } => lock(discipline).ahead_ns / 1_000_000,
            Kind::Manual(_) => 0,
            Kind::Twin(twin) => lock(twin).discipline.ahead_ns / 1_000_000,
        }
    }

    /// Waits until `at`; for ever when it is `None`. May wake up to a millisecond late, never early.
    pub async fn sleep_until(&self, at: Option<Millis>) {
        let Some(at) = at else { return std::future::pending().await };
        match &*self.0 {
            Kind::System { .. } => loop {
                let left = at.since(self.now());
                if left == 0 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(left)).await;
            },
            Kind::Manual(clock) => {
                let mut clock = clock.subscribe();
                // An error says that the clock is gone, which owns this very future's clone.
                if clock.wait_for(|now| *now >= at).await.is_err() {
                    std::future::pending().await
                }
            }
            Kind::Twin(_) => std::future::pending().await,
        }
    }
}

/// Monotonic time as the journal's writer wants it.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "the one file that reads clocks")]
pub fn instant() -> Instant {
    Instant::now()
}

#[allow(clippy::disallowed_methods, reason = "the one file that reads clocks")]
fn wall_ns() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |ns| -ns),
    }
}

fn passed_ns(start: Instant) -> u64 {
    u64::try_from(instant().saturating_duration_since(start).as_nanos()).unwrap_or(u64::MAX)
}

fn lock<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The rule of correction, apart from any clock.
#[derive(Debug)]
struct Discipline {
    /// Now = `base` + monotonic time passed.
    base_ns: i64,
    asked_at_ns: u64,
    last: Millis,
    ahead_ns: i64,
    told: bool,
}

impl Discipline {
    /// A wall behind `floor` was stepped back: from there on it is followed slowly, as any step.
    fn new(wall_ns: i64, floor: Millis) -> Discipline {
        let base_ns = wall_ns.max(floor.0.saturating_mul(1_000_000));
        Discipline { base_ns, asked_at_ns: 0, last: floor, ahead_ns: 0, told: false }
    }

    fn now(&mut self, passed_ns: u64, wall_ns: impl FnOnce() -> i64) -> Millis {
        let since = passed_ns.saturating_sub(self.asked_at_ns);
        if since >= EACH_NS {
            self.asked_at_ns = passed_ns;
            self.correct(passed_ns, i64::try_from(since).unwrap_or(i64::MAX), wall_ns());
        }
        // Never back: while a correction takes time away, the clock stands.
        self.last = self.last.max(Millis(self.at(passed_ns).div_euclid(1_000_000)));
        self.last
    }

    fn at(&self, passed_ns: u64) -> i64 {
        self.base_ns.saturating_add(i64::try_from(passed_ns).unwrap_or(i64::MAX))
    }

    fn correct(&mut self, passed_ns: u64, since_ns: i64, wall_ns: i64) {
        let ahead = wall_ns.saturating_sub(self.at(passed_ns));
        self.base_ns += ahead.clamp(-since_ns / PART, since_ns / PART);
        self.ahead_ns = ahead;
        let far = ahead.unsigned_abs() > TOLERATED_NS.unsigned_abs();
        if far != std::mem::replace(&mut self.told, far) {
            let ahead_ms = ahead / 1_000_000;
            if far {
                tracing::warn!(ahead_ms, "the wall clock was stepped; time follows it slowly");
            } else {
                tracing::info!(ahead_ms, "time agrees with the wall clock again");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000_000;

    #[test]
    fn a_step_of_the_wall_is_followed_by_at_most_a_twentieth() {
        for step in [30 * S, -30 * S] {
            let mut clock = Discipline::new(1_000 * S, Millis(0));
            let mut before = clock.now(0, || 1_000 * S);
            for second in 1..=700 {
                let wall = 1_000 * S + second * S + step;
                let now = clock.now(second.unsigned_abs() * 1_000_000_000, || wall);
                let moved = now.since(before);
                assert!((950..=1050).contains(&moved), "second {second}: moved {moved} ms");
                before = now;
            }
            assert_eq!(before, Millis((1_700 * S + step) / 1_000_000), "arrived");
            assert_eq!(clock.ahead_ns, 0);
        }
    }

    #[test]
    fn after_a_start_behind_the_last_record_time_does_not_stand_still() {
        let floor = Millis(1_060_000);
        let mut clock = Discipline::new(1_000 * S, floor);
        for second in 1..=10i64 {
            let before = clock.last;
            let now = clock.now(second.unsigned_abs() * 1_000_000_000, || (1_000 + second) * S);
            assert!((950..=1000).contains(&now.since(before)), "second {second}: {now}");
        }
        assert!(clock.last.since(floor) >= 9_500);
    }

    #[test]
    fn time_never_runs_back_nor_starts_before_the_last_record() {
        let mut clock = Discipline::new(1_000 * S, Millis(1_000_500));
        assert_eq!(clock.now(0, || 1_000 * S), Millis(1_000_500));
        let mut last = Millis(0);
        for tenth in 0..100u64 {
            let now = clock.now(tenth * 100_000_000, || 0);
            assert!(now >= last);
            last = now;
        }
    }

    #[tokio::test]
    async fn a_manual_clock_wakes_those_who_wait() {
        let clock = Clock::manual(Millis(1_000));
        let waiting = tokio::spawn({
            let clock = clock.clone();
            async move {
                clock.sleep_until(Some(Millis(1_500))).await;
                clock.now()
            }
        });
        clock.advance(499);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        clock.advance(1);
        assert_eq!(waiting.await.expect("woken"), Millis(1_500));
    }
}
