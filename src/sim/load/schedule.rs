//! When calls arrive: fixed before the run begins, whatever the server does. Latencies are taken
//! from these instants, so that a server that stalls pays for every call that was due meanwhile.

use std::time::Duration;

/// Arrivals, evenly within each of its spans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    spans: Vec<Span>,
    at: usize,
    done: u64,
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
        Schedule { spans, at: 0, done: 0 }
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
        self.spans.get(self.at).map(|span| span.due_us(self.done))
    }

    /// The next call has come.
    pub fn advance(&mut self) {
        if self.next_us().is_some() {
            self.done += 1;
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
        assert_eq!(all(schedule), even);
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
