//! What a run has found, second by second, and its line of progress.

use super::dashboards::Wall;
use super::latency::Quantiles;
use super::tally::Tally;
use super::usage::{Process, Usage};
use serde_json::{Value, json};
use std::io::Write;

/// One second of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Second {
    /// When it ended, in microseconds of the run.
    pub at_us: u64,
    /// Counts since the start.
    pub tally: Tally,
    /// Calls that lived.
    pub live: u64,
    /// Latencies of this second.
    pub reply: Quantiles,
    /// As above.
    pub ring: Quantiles,
    /// As above.
    pub freed: Quantiles,
    /// As above.
    pub frame: Quantiles,
    /// Events with a result in this second, a second.
    pub events_per_s: f64,
    /// Calls that came in this second, a second.
    pub calls_per_s: f64,
    /// The generator's share of one core in this second; 0 where it is not known.
    pub own_cpu: f64,
    /// The server's.
    pub server_cpu: f64,
    /// The server's memory, in bytes.
    pub server_memory: u64,
}

impl Second {
    /// As JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let ms = |q: Quantiles| json!([q.p50_us as f64 / 1e3, q.p99_us as f64 / 1e3]);
        json!({
            "at_s": self.at_us as f64 / 1e6, "calls_per_s": self.calls_per_s,
            "events_per_s": self.events_per_s, "live": self.live,
            "reply_ms": ms(self.reply), "ring_ms": ms(self.ring), "freed_ms": ms(self.freed),
            "frame_ms": ms(self.frame), "generator_cpu": self.own_cpu,
            "server_cpu": self.server_cpu, "server_memory_bytes": self.server_memory,
        })
    }

    fn line(&self) -> String {
        let ms = |q: Quantiles| match q.count {
            0 => "–".to_owned(),
            _ => format!("{:.1}", q.p99_us as f64 / 1e3),
        };
        let cpu = match (self.own_cpu, self.server_cpu) {
            (0.0, 0.0) => String::new(),
            (own, server) => {
                format!(" · cpu {:.0} % server, {:.0} % load", server * 100.0, own * 100.0)
            }
        };
        format!(
            "{:>4.0} s · {:.0} calls/s, {:.0} events/s, {} live · p99 ms: reply {}, ring {}, \
             freed {}, frame {}{cpu}",
            self.at_us as f64 / 1e6,
            self.calls_per_s,
            self.events_per_s,
            self.live,
            ms(self.reply),
            ms(self.ring),
            ms(self.freed),
            ms(self.frame),
        )
    }
}

/// The seconds of a run.
pub struct Figures {
    /// In order.
    pub seconds: Vec<Second>,
    /// How often the link was tried again.
    pub links_broken: u64,
    /// Frames of the last second come from here.
    pub wall: Wall,
    begins_us: u64,
    own: Meter,
    server: Option<Meter>,
    quiet: bool,
}

/// A process's use, from one look to the next.
#[derive(Debug)]
pub struct Meter {
    process: Process,
    last: Option<(u64, Usage)>,
}

impl Meter {
    /// For this process.
    #[must_use]
    pub fn new(process: Process) -> Meter {
        Meter { process, last: None }
    }

    /// The share of one core since the last look, and the memory now.
    fn look(&mut self, now_us: u64) -> (f64, u64) {
        let Some(usage) = self.process.usage() else { return (0.0, 0) };
        let share = self.last.map_or(0.0, |(at_us, last)| {
            let passed_s = now_us.saturating_sub(at_us).max(1) as f64 / 1e6;
            (usage.cpu_s - last.cpu_s) / passed_s
        });
        self.last = Some((now_us, usage));
        (share, usage.memory)
    }
}

impl Figures {
    /// None yet. The run begins at `begins_us` of the clock; `server` is known when it is ours.
    #[must_use]
    pub fn new(wall: Wall, begins_us: u64, server: Option<Process>, quiet: bool) -> Figures {
        let mut own = Meter::new(Process::own());
        let mut server = server.map(Meter::new);
        own.look(begins_us);
        if let Some(server) = &mut server {
            server.look(begins_us);
        }
        Figures { seconds: Vec::new(), links_broken: 0, wall, begins_us, own, server, quiet }
    }

    /// A second is over: it is kept, and told.
    pub fn second(&mut self, mut second: Second) {
        let now_us = second.at_us;
        let (before, from_us) = match self.seconds.last() {
            Some(last) => (last.tally, last.at_us + self.begins_us),
            None => (Tally::default(), self.begins_us),
        };
        let passed_s = now_us.saturating_sub(from_us).max(1) as f64 / 1e6;
        second.at_us = now_us.saturating_sub(self.begins_us);
        second.events_per_s = (second.tally.events - before.events) as f64 / passed_s;
        second.calls_per_s = (second.tally.arrived - before.arrived) as f64 / passed_s;
        second.frame = self.wall.take_second();
        (second.own_cpu, _) = self.own.look(now_us);
        if let Some(server) = &mut self.server {
            (second.server_cpu, second.server_memory) = server.look(now_us);
        }
        if !self.quiet {
            // A closed pipe is no reason to stop.
            let _ = writeln!(std::io::stdout(), "{}", second.line());
        }
        self.seconds.push(second);
    }

    /// The mean of the seconds within the measured time.
    #[must_use]
    pub fn mean(&self, from_us: u64, until_us: u64, of: impl Fn(&Second) -> f64) -> f64 {
        let within = |s: &&Second| (from_us + 1_000_000..=until_us + 500_000).contains(&s.at_us);
        let values: Vec<f64> = self.seconds.iter().filter(within).map(of).collect();
        if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dashboards::Seen;
    use super::super::latency::Recorder;
    use super::*;

    #[test]
    fn rates_are_of_the_second_and_not_of_the_run() {
        let wall = Wall::new(Seen::new(Recorder::new(0, u64::MAX)));
        let mut figures = Figures::new(wall, 5_000_000, None, true);
        let at = |at_us, arrived, events| Second {
            at_us,
            tally: Tally { arrived, events, ..Tally::default() },
            ..Second::default()
        };
        figures.second(at(6_000_000, 100, 400));
        figures.second(at(8_000_000, 140, 500));
        let rates: Vec<(u64, f64, f64)> =
            figures.seconds.iter().map(|s| (s.at_us, s.calls_per_s, s.events_per_s)).collect();
        assert_eq!(rates, [(1_000_000, 100.0, 400.0), (3_000_000, 20.0, 50.0)]);
        assert!((figures.mean(0, 3_000_000, |s| s.calls_per_s) - 60.0).abs() < 1e-9);
    }

    #[test]
    fn the_line_says_what_there_is() {
        let ring = Quantiles { count: 5, p99_us: 1_540, ..Quantiles::default() };
        let second =
            Second { at_us: 3_000_000, live: 7, calls_per_s: 20.0, ring, ..Second::default() };
        let expected = "   3 s · 20 calls/s, 0 events/s, 7 live · p99 ms: reply –, ring 1.5, \
                        freed –, frame –";
        assert_eq!(second.line(), expected);
    }
}
