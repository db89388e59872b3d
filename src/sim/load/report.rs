//! What a run says at its end: a summary for people, and the same as JSON.

use super::checks::{Check, Checks};
use super::dashboards::Seen;
use super::figures::Second;
use super::floor::Floor;
use super::latency::{Measure, Quantiles, Recorder};
use super::memory::Memory;
use super::tally::Tally;
use serde_json::{Map, Value, json};
use std::fmt;

/// Everything about a run.
pub struct Report {
    /// What was asked for, as text for people and as JSON.
    pub asked: Value,
    /// When it began, RFC 3339.
    pub began_at: String,
    /// The measured time, in microseconds of the run.
    pub window_us: (u64, u64),
    /// The machine.
    pub floor: Option<Floor>,
    /// Counts.
    pub tally: Tally,
    /// By measure.
    pub latencies: Vec<(Measure, Recorder)>,
    /// What was found wrong.
    pub checks: Checks,
    /// Second by second.
    pub seconds: Vec<Second>,
    /// The dashboards' side, as JSON.
    pub dashboards: Value,
    /// The desks' side, as JSON.
    pub desks: Value,
    /// How often the link broke.
    pub links_broken: u64,
    /// Means over the measured time.
    pub means: Means,
    /// What went wrong on purpose, by name.
    pub faults: Vec<(&'static str, u64)>,
    /// The server's memory over time.
    pub memory: Option<Memory>,
}

/// Means over the measured time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Means {
    /// Calls that came, a second.
    pub calls_per_s: f64,
    /// Events with a result, a second.
    pub events_per_s: f64,
    /// Cores that the generator used.
    pub own_cpu: f64,
    /// Cores that the server used; 0 when it is not ours to look at.
    pub server_cpu: f64,
    /// The most memory of the server, in bytes.
    pub server_memory: u64,
}

impl Report {
    /// Whether every check held.
    #[must_use]
    pub fn held(&self) -> bool {
        self.checks.held()
    }

    /// A measure's figures.
    #[must_use]
    pub fn quantiles(&self, measure: Measure) -> Quantiles {
        let found = self.latencies.iter().find(|(of, _)| *of == measure);
        found.map_or(Quantiles::default(), |(_, recorder)| recorder.total())
    }

    /// Figures as multiples of the machine's floor; a floor that was not measured gives none.
    #[must_use]
    pub fn ratios(&self) -> Vec<(&'static str, f64)> {
        let Some(floor) = self.floor else { return Vec::new() };
        let reply = self.quantiles(Measure::Reply);
        let ring = self.quantiles(Measure::Ring);
        let of = |a: f64, b: f64| if b > 0.0 { a / b } else { 0.0 };
        let least_us = (floor.sync.p50_us + floor.echo.p50_us) as f64;
        vec![
            ("reply_p50_to_sync_and_echo", of(reply.p50_us as f64, least_us)),
            ("ring_p50_to_sync_and_echo", of(ring.p50_us as f64, least_us)),
            ("single_events_to_bare_http", of(floor.singles_per_s, floor.http_per_s)),
        ]
    }

    /// As JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let t = &self.tally;
        let checks: Map<String, Value> =
            Check::ALL.iter().map(|check| (check.key().to_owned(), self.check(*check))).collect();
        let latencies: Map<String, Value> = self
            .latencies
            .iter()
            .map(|(of, recorder)| (of.key().to_owned(), recorder.total().json()))
            .collect();
        let ratios: Map<String, Value> = self
            .ratios()
            .into_iter()
            .map(|(name, ratio)| (name.to_owned(), json!(ratio)))
            .collect();
        let faults: Map<String, Value> =
            self.faults.iter().map(|(name, count)| ((*name).to_owned(), json!(count))).collect();
        json!({
            "version": env!("CARGO_PKG_VERSION"), "began_at": self.began_at, "asked": self.asked,
            "held": self.held(), "checks": checks, "latencies": latencies,
            "floor": self.floor.map(|floor| floor.json()), "ratios": ratios,
            "counts": { "arrived": t.arrived, "answered": t.answered, "abandoned": t.abandoned,
                "finished": t.finished, "exited": t.exited, "offered": t.offered,
                "missed": t.missed, "waited": t.waited, "events": t.events,
                "ignored": t.ignored, "commands": t.commands, "restarted": t.restarted,
                "unsure": t.unsure.arrived + t.unsure.answered + t.unsure.abandoned },
            "rates": { "calls_per_s": self.means.calls_per_s,
                "events_per_s": self.means.events_per_s },
            "cpu": { "generator": self.means.own_cpu, "server": self.means.server_cpu },
            "server_memory_bytes": self.means.server_memory,
            "memory": self.memory.map(|memory| memory.json()), "faults": faults,
            "dashboards": self.dashboards, "desks": self.desks,
            "links_broken": self.links_broken,
            "seconds": self.seconds.iter().map(Second::json).collect::<Vec<_>>(),
        })
    }

    fn check(&self, check: Check) -> Value {
        match self.checks.found(check) {
            None => json!({ "held": true }),
            Some((times, first)) => json!({ "held": false, "times": times, "first": first }),
        }
    }
}

/// The dashboards' part of a report.
#[must_use]
pub fn dashboards(count: usize, seen: &Seen) -> Value {
    let mut value = seen.json();
    value["count"] = json!(count);
    value
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (t, m) = (&self.tally, &self.means);
        writeln!(f, "\ncalls        {} ({:.0}/s)", t.arrived, m.calls_per_s)?;
        writeln!(
            f,
            "             {} answered, {} abandoned, {} ended by the engine, {} had to wait",
            t.answered, t.abandoned, t.exited, t.waited
        )?;
        writeln!(
            f,
            "events       {} ({:.0}/s), {} commands",
            t.events, m.events_per_s, t.commands
        )?;
        if m.own_cpu > 0.0 || m.server_cpu > 0.0 {
            let (server, own) = (m.server_cpu * 100.0, m.own_cpu * 100.0);
            let mib = m.server_memory >> 20;
            writeln!(f, "processor    {server:.0} % server, {own:.0} % load; {mib} MiB server")?;
        }
        if let Some(memory) = &self.memory {
            writeln!(f, "memory       {memory}")?;
        }
        if self.faults.iter().any(|(_, count)| *count > 0) {
            let told = |(name, count): &(&str, u64)| format!("{count} {}", name.replace('_', " "));
            let told: Vec<String> = self.faults.iter().map(told).collect();
            writeln!(f, "faults       {}", told.join(", "))?;
            writeln!(f, "             {} calls gone with the switch", t.restarted)?;
        }
        writeln!(f, "\n{:<34}{:>9}{:>9}{:>9}{:>9}{:>10}", "ms", "p50", "p99", "p99.9", "max", "n")?;
        for (measure, recorder) in &self.latencies {
            line(f, measure.words(), &recorder.total())?;
        }
        if let Some(floor) = &self.floor {
            writeln!(f, "this machine, before the run")?;
            line(f, "fdatasync, 4 KiB in place", &floor.sync)?;
            line(f, "bare WebSocket echo", &floor.echo)?;
            writeln!(
                f,
                "  {:<32}{:>9.0}/s",
                "bare JSON handler, 32 connections", floor.http_per_s
            )?;
            writeln!(
                f,
                "  {:<32}{:>9.0}/s",
                "single durable events, likewise", floor.singles_per_s
            )?;
            for (name, ratio) in self.ratios() {
                writeln!(f, "  {:<32}{ratio:>9.2}", name.replace('_', " "))?;
            }
        }
        writeln!(f, "checks")?;
        for check in Check::ALL {
            match self.checks.found(check) {
                None => writeln!(f, "  held       {}", check.words())?,
                Some((times, first)) => {
                    let words = check.words();
                    writeln!(f, "  BROKEN     {words}: {times} times, first: {first}")?;
                }
            }
        }
        Ok(())
    }
}

fn line(f: &mut fmt::Formatter<'_>, name: &str, q: &Quantiles) -> fmt::Result {
    let ms = |us: u64| if q.count == 0 { "–".into() } else { format!("{:.2}", us as f64 / 1e3) };
    let (p50, p99, p999, max) = (ms(q.p50_us), ms(q.p99_us), ms(q.p999_us), ms(q.max_us));
    writeln!(f, "  {name:<32}{p50:>9}{p99:>9}{p999:>9}{max:>9}{:>10}", q.count)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A run of which everything is known.
    pub fn sample() -> Report {
        let mut recorder = Recorder::new(0, u64::MAX);
        (1..=100).for_each(|ms| recorder.record(0, ms * 1_000));
        let sync = Quantiles { count: 9, p50_us: 4_000, ..Quantiles::default() };
        let echo = Quantiles { count: 9, p50_us: 1_000, ..Quantiles::default() };
        let floor = Floor { sync, echo, http_per_s: 1_000.0, singles_per_s: 650.0 };
        let second = |s: u64| Second {
            at_us: s * 1_000_000,
            ring: Quantiles { count: 1, p50_us: 900, p99_us: 1_000 * s, ..Quantiles::default() },
            events_per_s: 50.0 * s as f64,
            ..Second::default()
        };
        Report {
            asked: json!({ "agents": 5, "note": "<b>&" }),
            began_at: "2026-11-22T08:00:00.000Z".into(),
            window_us: (0, 3_000_000),
            floor: Some(floor),
            tally: Tally { arrived: 7, answered: 7, finished: 7, ..Tally::default() },
            latencies: vec![(Measure::Reply, recorder)],
            checks: Checks::default(),
            seconds: (1..=3).map(second).collect(),
            dashboards: json!({ "count": 1 }),
            desks: json!({ "count": 0 }),
            links_broken: 0,
            means: Means::default(),
            faults: vec![("link_breaks", 2)],
            memory: None,
        }
    }

    #[test]
    fn a_broken_check_is_told_everywhere() {
        let mut report = sample();
        assert!(report.held() && !report.to_string().contains("BROKEN"));
        assert_eq!(report.json()["held"], true);
        report.checks.broken(Check::NoFrameMissing, || "a gap".to_owned());
        assert!(!report.held());
        assert!(report.to_string().contains("no dashboard missed a frame: 1 times, first: a gap"));
        let json = report.json();
        assert_eq!(json["held"], false);
        assert_eq!(json["checks"]["no_frame_missing"]["first"], "a gap");
        assert_eq!(json["checks"]["no_call_lost"]["held"], true);
    }

    #[test]
    fn ratios_stand_on_the_floor_of_the_same_run() {
        let report = sample();
        let ratios = report.json()["ratios"].clone();
        let reply = ratios["reply_p50_to_sync_and_echo"].as_f64().expect("a ratio");
        assert!((reply - 10.0).abs() < 0.1, "50 ms over 4 + 1: {reply}");
        assert_eq!(ratios["single_events_to_bare_http"], 0.65);
        assert!(Report { floor: None, ..report }.ratios().is_empty());
    }
}
