//! Latencies: histograms over the whole run and over its last second.
//!
//! The correction for coordinated omission is in where a latency begins: at the instant at which the
//! event was *due*, not at which it was sent. A stall of one second under a hundred events a second
//! therefore counts a hundred times, with all the lengths from a second down to nothing, and not once.

use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// Longer ones are counted as this long: ten minutes, in microseconds.
const MOST_US: u64 = 600_000_000;
/// Significant digits that the histograms keep.
const DIGITS: u8 = 3;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// An event was due → its result is here, and with it the event is durable.
    Reply,
    /// A call was due that an agent was free for → its first ring command is here.
    Ring,
    /// An agent was free again while a call waited → the ring command of the next call is here.
    Freed,
    /// A call was due → a dashboard has the first frame that shows it.
    Frame,
    /// An event was due → the generator sent it: its own share in all of the others.
    Sent,
}

impl Measure {
    /// All, in the order in which they are told.
    pub const ALL: [Measure; 5] =
        [Measure::Reply, Measure::Ring, Measure::Freed, Measure::Frame, Measure::Sent];

    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Measure::Reply => "event → durable reply",
            Measure::Ring => "arrival → ring",
            Measure::Freed => "freed agent → next offer",
            Measure::Frame => "change → frame",
            Measure::Sent => "due → sent (the generator's own)",
        }
    }

    /// In JSON.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Measure::Reply => "event_to_reply",
            Measure::Ring => "arrival_to_ring",
            Measure::Freed => "freed_to_offer",
            Measure::Frame => "change_to_frame",
            Measure::Sent => "due_to_sent",
        }
    }
}

/// What a histogram says, in microseconds; zeros of nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quantiles {
    /// Values.
    pub count: u64,
    /// Half are at most this.
    pub p50_us: u64,
    /// 99 of 100 are at most this.
    pub p99_us: u64,
    /// 999 of 1,000 are at most this.
    pub p999_us: u64,
    /// The longest.
    pub max_us: u64,
}

impl Quantiles {
    /// Of a histogram.
    #[must_use]
    pub fn of(histogram: &Histogram<u64>) -> Quantiles {
        if histogram.is_empty() {
            return Quantiles::default();
        }
        Quantiles {
            count: histogram.len(),
            p50_us: histogram.value_at_quantile(0.5),
            p99_us: histogram.value_at_quantile(0.99),
            p999_us: histogram.value_at_quantile(0.999),
            max_us: histogram.max(),
        }
    }

    /// As JSON, in milliseconds.
    #[must_use]
    pub fn json(&self) -> Value {
        let ms = |us: u64| us as f64 / 1_000.0;
        json!({ "count": self.count, "p50_ms": ms(self.p50_us), "p99_ms": ms(self.p99_us),
            "p999_ms": ms(self.p999_us), "max_ms": ms(self.max_us) })
    }
}

/// One measure's values of a run.
#[derive(Clone, Debug)]
pub struct Recorder {
    from_us: u64,
    until_us: u64,
    all: Histogram<u64>,
    second: Histogram<u64>,
}

impl Recorder {
    /// Takes what was due from `from_us` to before `until_us`: neither the warm-up nor the close.
    #[must_use]
    pub fn new(from_us: u64, until_us: u64) -> Recorder {
        let histogram = empty();
        Recorder { from_us, until_us, all: histogram.clone(), second: histogram }
    }

    /// Something that was due at `due_us` has happened at `now_us`.
    pub fn record(&mut self, due_us: u64, now_us: u64) {
        if !(self.from_us..self.until_us).contains(&due_us) {
            return;
        }
        let took = now_us.saturating_sub(due_us);
        self.all.saturating_record(took);
        self.second.saturating_record(took);
    }

    /// Of all so far.
    #[must_use]
    pub fn total(&self) -> Quantiles {
        Quantiles::of(&self.all)
    }

    /// Of those since this was last asked.
    pub fn take_second(&mut self) -> Quantiles {
        let quantiles = Quantiles::of(&self.second);
        self.second.reset();
        quantiles
    }

    /// The share of values at most this long, for a chart: pairs of (share, microseconds).
    #[must_use]
    pub fn curve(&self) -> Vec<(f64, u64)> {
        const SHARES: [f64; 12] =
            [0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999, 1.0];
        if self.all.is_empty() {
            return Vec::new();
        }
        SHARES.iter().map(|share| (*share, self.all.value_at_quantile(*share))).collect()
    }
}

fn empty() -> Histogram<u64> {
    // The bounds are constants that hold; a histogram that grows by itself is as good.
    Histogram::new_with_bounds(1, MOST_US, DIGITS)
        .unwrap_or_else(|_| unreachable!("constant bounds of a histogram"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_counts_for_all_that_was_due_meanwhile() {
        let mut recorder = Recorder::new(0, u64::MAX);
        // An event each 10 ms for 10 s, each answered 1 ms after it came; at 5 s the server stalls
        // for one second. A client that waits for each answer would count the stall once.
        for due_us in (0..10_000_000).step_by(10_000) {
            let stalled = (5_000_000..6_000_000).contains(&due_us);
            let answered_us = if stalled { 6_000_000 } else { due_us + 1_000 };
            recorder.record(due_us, answered_us);
        }
        let found = recorder.total();
        assert_eq!(found.count, 1_000);
        assert!((990..=1_010).contains(&found.p50_us), "{found:?}");
        // A tenth of all was due in the stall: the longest hundredth of it is near a second.
        assert!((880_000..=920_000).contains(&found.p99_us), "{found:?}");
        assert!((990_000..=1_001_000).contains(&found.max_us), "{found:?}");
    }

    #[test]
    fn warm_up_and_close_do_not_count() {
        let mut recorder = Recorder::new(1_000, 2_000);
        for due_us in [999, 1_000, 1_999, 2_000] {
            recorder.record(due_us, due_us + 5);
        }
        assert_eq!(recorder.total().count, 2);
    }

    #[test]
    fn seconds_are_apart_and_long_ones_are_kept() {
        let mut recorder = Recorder::new(0, u64::MAX);
        recorder.record(0, 700);
        assert_eq!(recorder.take_second().max_us, 700);
        assert_eq!(recorder.take_second(), Quantiles::default());
        recorder.record(0, u64::MAX - 1);
        assert!(recorder.total().max_us >= MOST_US);
        assert_eq!((recorder.total().count, recorder.curve().len()), (2, 12));
    }
}
