//! What an agent does, as far as time is counted for it.

use super::counts::{Measure, Sum};
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
}

/// What each millisecond adds to, with how much.
#[derive(Clone, Debug)]
pub struct Rates {
    rates: [(Sum, i64); MOST_RATES],
    count: usize,
}

/// Every measure of time, and two details.
const MOST_RATES: usize = TIMED.len() + 2;

const TIMED: [Measure; 6] = [
    Measure::LoggedInMs,
    Measure::ReadyMs,
    Measure::IdleMs,
    Measure::OccupiedMs,
    Measure::ServiceMs,
    Measure::CapacityMs,
];

impl Doing {
    /// Of whom nothing is known.
    pub const NOTHING: Doing =
        Doing { status: Status::Offline, detail: None, work: 0, capacity: 0 };

    /// Whether no time is counted for it.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.detail.is_none() && self.work == 0
    }

    /// What each millisecond adds.
    #[must_use]
    pub fn rates(&self) -> Rates {
        Doing::NOTHING.until(self)
    }

    /// How much more each millisecond adds when this is over, and the next begins.
    #[must_use]
    pub fn until(&self, next: &Doing) -> Rates {
        let mut rates = Rates { rates: [(Measure::LoggedInMs.into(), 0); MOST_RATES], count: 0 };
        let times = TIMED.iter().zip(self.times()).zip(next.times());
        times.for_each(|((measure, before), after)| rates.push((*measure).into(), after - before));
        if self.detail != next.detail {
            self.detail.into_iter().for_each(|before| rates.push(Sum::In(before), -1));
            next.detail.into_iter().for_each(|after| rates.push(Sum::In(after), 1));
        }
        rates
    }

    /// What each millisecond adds to the measures of [`TIMED`].
    fn times(&self) -> [i64; 6] {
        let ready = self.detail.is_some() && self.status == Status::Ready;
        let idle = ready && self.detail == Some(Detail::Idle);
        let capacity = if self.detail.is_some() { self.capacity } else { 0 };
        [
            i64::from(self.detail.is_some()),
            i64::from(ready),
            i64::from(idle),
            i64::from(self.work > 0),
            i64::from(self.work),
            i64::from(capacity),
        ]
    }
}

impl Rates {
    fn push(&mut self, sum: Sum, rate: i64) {
        if rate != 0
            && let Some(place) = self.rates.get_mut(self.count)
        {
            *place = (sum, rate);
            self.count += 1;
        }
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[(Sum, i64)] {
        &self.rates[..self.count]
    }
}
