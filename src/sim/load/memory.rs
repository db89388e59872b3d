//! The server's memory over time: whether a soak stays flat.

use super::figures::Second;
use serde_json::{Value, json};

/// The first half of the measured time is still part of the growing up: ended calls are kept for ten
/// minutes, event ids until there are a million.
const SETTLING: u64 = 2;

/// What the seconds after that say.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Memory {
    /// From this second of the run on.
    pub from_s: f64,
    /// Bytes at its beginning, as the line through all of them has it.
    pub first: f64,
    /// … and at its end.
    pub last: f64,
    /// How much more it becomes, in bytes a minute.
    pub per_minute: f64,
}

impl Memory {
    /// The straight line that is nearest to the seconds (least squares) in the second half of the
    /// measured time; `None` where memory is not told, or there are too few.
    #[must_use]
    pub fn of(seconds: &[Second], window_us: (u64, u64)) -> Option<Memory> {
        let from_us = window_us.0 + window_us.1.saturating_sub(window_us.0) / SETTLING;
        let told = |s: &&Second| (from_us..=window_us.1).contains(&s.at_us) && s.server_memory > 0;
        let points: Vec<(f64, f64)> = seconds
            .iter()
            .filter(told)
            .map(|s| (s.at_us as f64 / 1e6, s.server_memory as f64))
            .collect();
        let (first_s, last_s) = (points.first()?.0, points.last()?.0);
        let count = points.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
        let (x, y) = (mean(|p| p.0), mean(|p| p.1));
        let spread: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
        if spread <= 0.0 {
            return None;
        }
        let slope = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>() / spread;
        let at = |s: f64| y + slope * (s - x);
        Some(Memory {
            from_s: first_s,
            first: at(first_s),
            last: at(last_s),
            per_minute: slope * 60.0,
        })
    }

    /// As JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({ "from_s": self.from_s, "first_bytes": self.first.round(),
            "last_bytes": self.last.round(), "bytes_per_minute": self.per_minute.round() })
    }
}

impl std::fmt::Display for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mib = |bytes: f64| bytes / f64::from(1 << 20);
        write!(
            f,
            "{:.1} to {:.1} MiB from second {:.0} on: {:+.2} MiB a minute",
            mib(self.first),
            mib(self.last),
            self.from_s,
            mib(self.per_minute)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(memory: impl Fn(u64) -> u64) -> Vec<Second> {
        let second =
            |s: u64| Second { at_us: s * 1_000_000, server_memory: memory(s), ..Second::default() };
        (1..=100).map(second).collect()
    }

    #[test]
    fn growth_is_told_and_what_settles_is_not() {
        let window_us = (0, 100_000_000);
        let grown = Memory::of(&seconds(|s| 1_000 + 10 * s), window_us).expect("a line");
        assert!((grown.per_minute - 600.0).abs() < 1e-6 && grown.from_s == 50.0, "{grown:?}");
        assert!((grown.first - 1_500.0).abs() < 1e-6 && (grown.last - 2_000.0).abs() < 1e-6);
        let flat = Memory::of(&seconds(|s| if s < 50 { s } else { 500 }), window_us);
        assert!(flat.is_some_and(|m| m.per_minute.abs() < 1e-6), "{flat:?}");
        assert_eq!(Memory::of(&seconds(|_| 0), window_us), None, "not told");
        assert_eq!(Memory::of(&[], window_us), None);
    }
}
