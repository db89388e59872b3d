//! What an agent does, as far as time is counted for it.

use super::amount::Amounts;
use super::counts::{Measure, Open, Sum};
use crate::domain::objects::Plan;
use crate::domain::presence::{Detail, Status};
use serde::{Deserialize, Serialize};

/// What an agent does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doing {
    /// The chosen status.
    pub status: Status,
    /// What is shown of the agent as a whole; `None`: offline.
    pub detail: Option<Detail>,
    /// Contacts, after-call work included.
    pub work: u32,
    /// Calls of all media at once.
    pub capacity: u32,
    /// What the agent's calendar plans; `None`: nothing.
    pub plan: Option<Plan>,
}

/// In the order of their codes.
const PLANS: [Plan; 2] = [Plan::Work, Plan::Break];

/// Bits of parts of a code.
const STATUS: u32 = 3;
const DETAIL: u32 = 5;
const PLAN: u32 = 2;
const COUNT: u32 = 13;
const FIRST_COUNT: u32 = STATUS + DETAIL + PLAN;
const _: () = assert!(Status::ALL.len() <= 1 << STATUS && PLANS.len() < 1 << PLAN);
const _: () = assert!(Detail::ALL.len() < 1 << DETAIL, "with one more for none");

/// What each millisecond adds to, with how much.
pub type Rates = Amounts<MOST_RATES>;

/// All of [`Times`], two details, and time as it was planned.
const MOST_RATES: usize = 6 + 4;

impl Doing {
    /// Of whom nothing is known.
    pub const NOTHING: Doing =
        Doing { status: Status::Offline, detail: None, work: 0, capacity: 0, plan: None };

    /// So much time is spent on it.
    #[inline]
    pub fn spend(&self, ms: i64, sums: &mut Open) {
        let Times { logged_in, ready, idle, occupied, service, capacity } = self.times();
        sums.add(Measure::LoggedInMs.into(), logged_in * ms);
        sums.add(Measure::ReadyMs.into(), ready * ms);
        sums.add(Measure::IdleMs.into(), idle * ms);
        sums.add(Measure::OccupiedMs.into(), occupied * ms);
        sums.add(Measure::ServiceMs.into(), service * ms);
        sums.add(Measure::CapacityMs.into(), capacity * ms);
        if let Some(detail) = self.detail {
            sums.add(Sum::In(detail), ms);
        }
        if let Some(as_planned) = self.is_as_planned() {
            sums.add(Measure::ScheduledMs.into(), ms);
            sums.add(Measure::AdherentMs.into(), i64::from(as_planned) * ms);
        }
    }

    /// Bits of [`Doing::code`]: from the lowest on the status, the detail and the plan, and two counts.
    pub const CODE_BITS: u32 = FIRST_COUNT + 2 * COUNT;
    /// The greatest count of contacts, or of calls at once. What is more is this.
    pub const MOST_COUNT: u32 = (1 << COUNT) - 1;

    /// As a number of [`Doing::CODE_BITS`] bits.
    #[inline]
    #[must_use]
    pub fn code(&self) -> i64 {
        let some = |at: Option<u8>| at.map_or(0, |at| i64::from(at) + 1);
        let most = |count: u32| i64::from(count.min(Doing::MOST_COUNT));
        let plan = some(self.plan.map(|plan| plan as u8));
        let detail = some(self.detail.map(|detail| detail as u8));
        let small = plan << (STATUS + DETAIL) | detail << STATUS | self.status as i64;
        most(self.work) << (FIRST_COUNT + COUNT) | most(self.capacity) << FIRST_COUNT | small
    }

    /// What has this [`Doing::code`].
    #[inline]
    #[must_use]
    pub fn of_code(code: i64) -> Doing {
        let bits = |first: u32, count: u32| (code >> first & ((1 << count) - 1)) as usize;
        let some = |first: u32, count: u32| bits(first, count).checked_sub(1);
        Doing {
            status: Status::ALL.get(bits(0, STATUS)).copied().unwrap_or(Status::Offline),
            detail: some(STATUS, DETAIL).and_then(|at| Detail::ALL.get(at).copied()),
            work: bits(FIRST_COUNT + COUNT, COUNT) as u32,
            capacity: bits(FIRST_COUNT, COUNT) as u32,
            plan: some(STATUS + DETAIL, PLAN).and_then(|at| PLANS.get(at).copied()),
        }
    }

    /// Whether no time is counted for it.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.is_away() && self.plan.is_none()
    }

    /// Whether the agent is not there: what is planned passes all the same.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.detail.is_none() && self.work == 0
    }

    /// Whether this is what was planned; `None`: nothing was.
    #[must_use]
    pub fn is_as_planned(&self) -> Option<bool> {
        self.plan.map(|plan| (plan == Plan::Work) == is_productive(self.detail))
    }

    /// What each millisecond adds.
    #[must_use]
    pub fn rates(&self) -> Rates {
        Doing::NOTHING.until(self)
    }

    /// How much more each millisecond adds when this is over, and the next begins.
    #[must_use]
    pub fn until(&self, next: &Doing) -> Rates {
        let mut rates = Rates::default();
        let (before, after) = (self.times(), next.times());
        rates.push(Measure::LoggedInMs, after.logged_in - before.logged_in);
        rates.push(Measure::ReadyMs, after.ready - before.ready);
        rates.push(Measure::IdleMs, after.idle - before.idle);
        rates.push(Measure::OccupiedMs, after.occupied - before.occupied);
        rates.push(Measure::ServiceMs, after.service - before.service);
        rates.push(Measure::CapacityMs, after.capacity - before.capacity);
        if self.detail != next.detail {
            if let Some(before) = self.detail {
                rates.push(Sum::In(before), -1);
            }
            if let Some(after) = next.detail {
                rates.push(Sum::In(after), 1);
            }
        }
        if self.plan.is_some() || next.plan.is_some() {
            let scheduled = |of: &Doing| i64::from(of.plan.is_some());
            let adherent = |of: &Doing| i64::from(of.is_as_planned() == Some(true));
            rates.push(Measure::ScheduledMs, scheduled(next) - scheduled(self));
            rates.push(Measure::AdherentMs, adherent(next) - adherent(self));
        }
        rates
    }

    #[inline]
    fn times(&self) -> Times {
        let ready = self.detail.is_some() && self.status == Status::Ready;
        let idle = ready && self.detail == Some(Detail::Idle);
        let capacity = if self.detail.is_some() { self.capacity } else { 0 };
        Times {
            logged_in: i64::from(self.detail.is_some()),
            ready: i64::from(ready),
            idle: i64::from(idle),
            occupied: i64::from(self.work > 0),
            service: i64::from(self.work),
            capacity: i64::from(capacity),
        }
    }
}

/// What each millisecond adds to the measures of time, but those of plans.
struct Times {
    logged_in: i64,
    ready: i64,
    idle: i64,
    occupied: i64,
    service: i64,
    capacity: i64,
}

/// Whether who does this works: can be rung, or has a call or what follows it.
#[must_use]
pub fn is_productive(detail: Option<Detail>) -> bool {
    matches!(
        detail,
        Some(
            Detail::Talking
                | Detail::Holding
                | Detail::Ringing
                | Detail::Reserved
                | Detail::WrapUp
                | Detail::Idle
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_or_works_is_productive_and_who_is_held_back_is_not() {
        let held_back = [Detail::Break, Detail::Training, Detail::Blocked, Detail::Delay];
        assert!(held_back.iter().all(|detail| !is_productive(Some(*detail))));
        assert!(!is_productive(None), "offline");
        assert!(is_productive(Some(Detail::Idle)) && is_productive(Some(Detail::WrapUp)));
    }

    #[test]
    fn time_that_is_planned_counts_whether_or_not_the_agent_is_there() {
        let idle = |plan| Doing {
            status: Status::Ready,
            detail: Some(Detail::Idle),
            work: 0,
            capacity: 1,
            plan,
        };
        let away = |plan| Doing { plan, ..Doing::NOTHING };
        let planned = |doing: &Doing| {
            let rates = doing.rates();
            let rate = |sum: Measure| {
                let mut found = rates.all().iter().filter(|of| of.sum() == Sum::from(sum));
                found.next().map_or(0, |of| of.much())
            };
            (rate(Measure::ScheduledMs), rate(Measure::AdherentMs))
        };
        let (work, pause) = (Some(Plan::Work), Some(Plan::Break));
        assert_eq!(
            [idle(None), idle(work), idle(pause)].map(|d| planned(&d)),
            [(0, 0), (1, 1), (1, 0)]
        );
        assert_eq!(
            [away(None), away(work), away(pause)].map(|d| planned(&d)),
            [(0, 0), (1, 0), (1, 1)]
        );
        assert!(away(None).is_nothing() && !away(work).is_nothing() && away(work).is_away());
        assert_eq!(
            idle(work).until(&away(pause)).all().iter().filter(|of| of.much() > 0).count(),
            0
        );
    }
}
