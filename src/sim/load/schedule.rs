//! When calls arrive: fixed before the run begins, whatever the server does. Latencies are taken
//! from these instants, so that a server that stalls pays for every call that was due meanwhile.

use rand::RngExt;
use rand_pcg::Pcg64;
use std::time::Duration;

/// Arrivals, evenly within each of its spans or at random.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    spans: Vec<Span>,
    at: usize,
    done: u64,
    random: Option<Random>,
}

/// Dice, and when the next is due once they have said so.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Random {
    dice: Pcg64,
    last_us: u64,
    next_us: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    from_us: u64,
    lasts_us: u64,
    count: u64,
}

impl Span {
    /// When the arrival of this number, from 0, is due.
    fn due_us(&self, number: u64) -> u64 {
        let part = u128::from(self.lasts_us) * u128::from(number) / u128::from(self.count.max(1));
        self.from_us + u64::try_from(part).unwrap_or(u64::MAX)
    }
}

impl Schedule {
    /// So many a second, for so long.
    #[must_use]
    pub fn constant(per_second: f64, lasts: Duration) -> Schedule {
        let count = (per_second * lasts.as_secs_f64()).round().max(0.0) as u64;
        Schedule::of(vec![Span { from_us: 0, lasts_us: micros(lasts), count }])
    }

    /// Counts of calls per interval, from a text: a line `every 15m`, then one count a line. Where a
    /// line has commas the last field is the count, so that an export with times can be used as it is.
    /// Empty lines and those that begin with `#` do not count. `speed` plays it faster: 60 makes a
    /// minute of an hour; the number of calls stays.
    ///
    /// # Errors
    /// In words, with the line's number.
    pub fn profile(text: &str, speed: f64) -> Result<Schedule, String> {
        if !(speed.is_finite() && speed > 0.0) {
            return Err("the speed must be above 0".to_owned());
        }
        let mut every = None;
        let mut counts = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            let wrong = |what: String| format!("line {}: {what}", number + 1);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(length) = line.strip_prefix("every ") {
                every = Some(crate::sim::demo::duration(length.trim()).map_err(wrong)?);
                continue;
            }
            let last = line.rsplit(',').next().unwrap_or(line).trim();
            counts.push(
                last.parse::<u64>().map_err(|_| wrong(format!("{last:?} is no count of calls")))?,
            );
        }
        let every = every.filter(|every| !every.is_zero());
        let every = every.ok_or("a line such as `every 15m` is missing")?;
        if counts.is_empty() {
            return Err("there is no count of calls".to_owned());
        }
        let lasts_us = micros(every.div_f64(speed)).max(1);
        let span = |(i, count)| Span { from_us: i as u64 * lasts_us, lasts_us, count };
        Ok(Schedule::of(counts.into_iter().enumerate().map(span).collect()))
    }

    fn of(spans: Vec<Span>) -> Schedule {
        Schedule { spans, at: 0, done: 0, random: None }
    }

    /// The same calls at random: a Poisson process, of which the number in each span is known. Each
    /// gap is drawn when it is due: nothing is kept of those to come.
    #[must_use]
    pub fn at_random(self, dice: Pcg64) -> Schedule {
        Schedule { random: Some(Random { dice, last_us: 0, next_us: None }), ..self }
    }

    /// The same, begun at `begins_us` of a clock.
    #[must_use]
    pub fn from(mut self, begins_us: u64) -> Schedule {
        self.spans.iter_mut().for_each(|span| span.from_us += begins_us);
        self
    }

    /// How long it lasts (or when it ends), in microseconds.
    #[must_use]
    pub fn lasts_us(&self) -> u64 {
        self.spans.last().map_or(0, |span| span.from_us + span.lasts_us)
    }

    /// How many calls it holds.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.spans.iter().map(|span| span.count).sum()
    }

    /// The most calls a second in any of its spans.
    #[must_use]
    pub fn peak_per_second(&self) -> f64 {
        let rate = |span: &Span| span.count as f64 * 1e6 / span.lasts_us.max(1) as f64;
        self.spans.iter().map(rate).fold(0.0, f64::max)
    }

    /// When the next call is due, in microseconds from the start; `None` when all have come.
    pub fn next_us(&mut self) -> Option<u64> {
        while self.spans.get(self.at)?.count == self.done {
            self.at += 1;
            self.done = 0;
        }
        let span = *self.spans.get(self.at)?;
        let Some(random) = &mut self.random else { return Some(span.due_us(self.done)) };
        Some(*random.next_us.get_or_insert_with(|| {
            // The earliest of those of the span that are left, all of them even over the rest of it.
            let from_us = random.last_us.max(span.from_us);
            let rest_us = (span.from_us + span.lasts_us).saturating_sub(from_us) as f64;
            let left = span.count.saturating_sub(self.done).max(1) as f64;
            let even: f64 = random.dice.random_range(f64::EPSILON..1.0);
            from_us + (rest_us * (1.0 - even.powf(1.0 / left))) as u64
        }))
    }

    /// Calls that are due before `until_us` do not come; how many those are.
    pub fn skip(&mut self, until_us: u64) -> u64 {
        let mut skipped = 0;
        while self.next_us().is_some_and(|due_us| due_us < until_us) {
            self.advance();
            skipped += 1;
        }
        skipped
    }

    /// The next call has come.
    pub fn advance(&mut self) {
        if let Some(due_us) = self.next_us() {
            self.done += 1;
            if let Some(random) = &mut self.random {
                (random.last_us, random.next_us) = (due_us, None);
            }
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut schedule: Schedule) -> Vec<u64> {
        let mut dues = Vec::new();
        while let Some(due) = schedule.next_us() {
            dues.push(due);
            schedule.advance();
        }
        dues
    }

    #[test]
    fn a_constant_rate_is_even() {
        let schedule = Schedule::constant(4.0, Duration::from_secs(2));
        assert_eq!((schedule.calls(), schedule.lasts_us()), (8, 2_000_000));
        let even: Vec<u64> = (0..8).map(|i| i * 250_000).collect();
        assert_eq!(all(schedule.clone()), even);
        let mut rest = schedule;
        assert_eq!((rest.skip(500_001), rest.skip(500_001), rest.next_us()), (3, 0, Some(750_000)));
        // Parts of a microsecond do not add up to a drift.
        let third = all(Schedule::constant(3.0, Duration::from_secs(1_000)));
        assert_eq!((third.len(), third[2_999]), (3_000, 999_666_666));
        assert!(all(Schedule::constant(0.0, Duration::from_secs(9))).is_empty());
    }

    #[test]
    fn a_profile_spreads_each_count_over_its_interval() {
        let text = "# Monday\nevery 10s\n\n09:00,2\n0\n 4\n";
        let schedule = Schedule::profile(text, 10.0).unwrap();
        assert_eq!((schedule.calls(), schedule.lasts_us()), (6, 3_000_000));
        assert!((schedule.peak_per_second() - 4.0).abs() < 1e-9);
        let expected = [0, 500_000, 2_000_000, 2_250_000, 2_500_000, 2_750_000];
        assert_eq!(all(schedule), expected);
    }

    #[test]
    fn calls_at_random_are_as_many_and_their_gaps_are_exponential() {
        let even = Schedule::profile("every 100s\n2000\n0\n500\n", 1.0).unwrap();
        let dues = all(even.clone().at_random(crate::sim::floor::dice(3, 0)).from(7));
        assert_eq!(dues.len(), 2_500);
        assert!(dues.windows(2).all(|pair| pair[0] <= pair[1]));
        let first = dues.iter().filter(|due| **due < 100_000_007).count();
        assert_eq!((first, dues[2_000] >= 200_000_007), (2_000, true), "each span has its own");
        // Of exponential gaps 1 - 1/e are shorter than the mean, of even ones none.
        let short = dues[..2_000].windows(2).filter(|pair| pair[1] - pair[0] < 50_000).count();
        assert!((1_180..1_350).contains(&short), "{short} of 1999");
        let again = all(even.at_random(crate::sim::floor::dice(3, 0)).from(7));
        assert_eq!(again, dues, "one seed is one schedule");
    }

    #[test]
    fn a_wrong_profile_is_told_with_its_line() {
        let wrong = |text| Schedule::profile(text, 1.0).unwrap_err();
        assert_eq!(wrong("every 1m\n3\nmany\n"), "line 3: \"many\" is no count of calls");
        assert!(wrong("3\n").contains("every 15m"));
        assert!(wrong("every 0s\n3\n").contains("every 15m"));
        assert!(wrong("every x\n3\n").starts_with("line 1: "));
        assert!(wrong("every 1m\n").contains("no count"));
        assert!(Schedule::profile("every 1m\n3\n", 0.0).is_err());
    }
}
