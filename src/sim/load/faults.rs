//! What goes wrong on purpose, for a soak: agents who come and go in the middle of their work,
//! dashboards and desks whose connection is gone, a switch that loses its link or starts anew. Each
//! has its option, and each is counted.

use crate::sim::demo::duration;
use crate::sim::floor::exponential;
use rand::RngExt;
use rand_pcg::Pcg64;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// A switch that starts anew is away for so long, in milliseconds.
const RESTART_MS: std::ops::Range<u64> = 200..2_000;
/// A link that only breaks is away for so long, in milliseconds.
const BREAK_MS: std::ops::Range<u64> = 50..500;
/// The last seconds are calm, so that what was broken is whole again at the end.
pub const CALM_US: u64 = 3_000_000;

/// The faults' options.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(id = "faults")]
pub struct Args {
    /// Half an hour with every fault below and calls at random; what is given beside it counts more.
    #[arg(long)]
    pub soak: bool,
    /// So many agents a second log out or leave in the middle of their work, and come back within 3 s.
    #[arg(long)]
    flapping: Option<f64>,
    /// So many dashboards a second lose their connection without a close, and resume within 2 s.
    #[arg(long)]
    dying_dashboards: Option<f64>,
    /// So many desks a second lose their connection without a close, and are opened anew within 2 s.
    #[arg(long)]
    dying_desks: Option<f64>,
    /// The switch's link breaks once in this time, and is made again within half a second; 0s: never.
    #[arg(long, value_parser = duration)]
    link_breaks: Option<Duration>,
    /// The switch starts anew once in this time: its calls are gone, and its link for up to 2 s; 0s:
    /// never.
    #[arg(long, value_parser = duration)]
    switch_restarts: Option<Duration>,
}

impl Args {
    /// What follows: of what was asked, and of the soak for what was not.
    ///
    /// # Errors
    /// In words, when a rate makes no sense.
    pub fn plan(&self) -> Result<Faults, String> {
        for (name, rate) in [
            ("--flapping", self.flapping),
            ("--dying-dashboards", self.dying_dashboards),
            ("--dying-desks", self.dying_desks),
        ] {
            if rate.is_some_and(|rate| !(0.0..=10_000.0).contains(&rate)) {
                return Err(format!("{name} must be 0 to 10000"));
            }
        }
        let soak = self.soak;
        let rate = |asked: Option<f64>, soaked| asked.unwrap_or(if soak { soaked } else { 0.0 });
        let every = |asked: Option<Duration>, soaked: u64| {
            let default = soak.then(|| Duration::from_secs(soaked));
            asked.or(default).filter(|every| !every.is_zero())
        };
        Ok(Faults {
            flapping: rate(self.flapping, 5.0),
            dying_dashboards: rate(self.dying_dashboards, 1.0),
            dying_desks: rate(self.dying_desks, 0.5),
            link_breaks: every(self.link_breaks, 20),
            switch_restarts: every(self.switch_restarts, 60),
        })
    }
}

/// The faults of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// Agents a second.
    pub flapping: f64,
    /// Dashboards a second.
    pub dying_dashboards: f64,
    /// Desks a second.
    pub dying_desks: f64,
    /// Once in this time.
    pub link_breaks: Option<Duration>,
    /// Once in this time.
    pub switch_restarts: Option<Duration>,
}

impl Faults {
    /// As JSON: what was asked for.
    #[must_use]
    pub fn json(&self) -> Value {
        let ms = |every: Option<Duration>| every.map(|every| every.as_secs_f64() * 1e3);
        json!({ "flapping_per_s": self.flapping, "dying_dashboards_per_s": self.dying_dashboards,
            "dying_desks_per_s": self.dying_desks, "link_breaks_every_ms": ms(self.link_breaks),
            "switch_restarts_every_ms": ms(self.switch_restarts) })
    }
}

/// What happens to the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// The link breaks; the switch remembers everything.
    Break,
    /// The switch starts anew, and remembers nothing.
    Restart,
}

/// When the switch has an outage.
#[derive(Clone, Debug)]
pub struct Outages {
    dice: Pcg64,
    ends_us: u64,
    /// What, how often, and when next.
    plan: Vec<(Outage, u64, u64)>,
}

impl Outages {
    /// From `begins_us` to `ends_us` of the clock: each kind once within each of its spans, at any
    /// moment of it.
    #[must_use]
    pub fn new(faults: &Faults, mut dice: Pcg64, begins_us: u64, ends_us: u64) -> Outages {
        let asked =
            [(Outage::Break, faults.link_breaks), (Outage::Restart, faults.switch_restarts)];
        let plan = asked.into_iter().filter_map(|(what, every)| {
            let every_us = u64::try_from(every?.as_micros()).unwrap_or(u64::MAX).max(1_000);
            Some((what, every_us, begins_us + dice.random_range(every_us / 2..=every_us)))
        });
        let plan = plan.collect();
        Outages { dice, ends_us: ends_us.saturating_sub(CALM_US), plan }
    }

    /// When the next one is due.
    #[must_use]
    pub fn next_us(&self) -> Option<u64> {
        self.plan.iter().map(|(_, _, due)| *due).min().filter(|due| *due < self.ends_us)
    }

    /// The next that is due by `now_us`, and how long the switch is away then, in microseconds.
    pub fn take(&mut self, now_us: u64) -> Option<(Outage, u64)> {
        self.next_us().filter(|due| *due <= now_us)?;
        let (what, every_us, due) = self.plan.iter_mut().min_by_key(|(_, _, due)| *due)?;
        *due = now_us + self.dice.random_range(*every_us / 2..=*every_us * 3 / 2);
        let away_ms = match what {
            Outage::Break => self.dice.random_range(BREAK_MS),
            Outage::Restart => self.dice.random_range(RESTART_MS),
        };
        Some((*what, away_ms * 1_000))
    }
}

/// How long each of many connections lives when so many of them die a second.
#[derive(Clone, Debug)]
pub struct Lives {
    mean: Option<Duration>,
    dice: Pcg64,
    calm: Arc<AtomicBool>,
}

impl Lives {
    /// Of `count` connections of which `per_second` die; `calm` ends all dying.
    #[must_use]
    pub fn new(count: usize, per_second: f64, dice: Pcg64, calm: &Arc<AtomicBool>) -> Lives {
        let mean_s = count as f64 / per_second;
        let mean = (per_second > 0.0).then(|| Duration::from_secs_f64(mean_s.clamp(0.05, 1e6)));
        Lives { mean, dice, calm: Arc::clone(calm) }
    }

    /// Waits until this connection dies: for ever when none does. Half of them stop reading first, as
    /// a machine does that falls asleep; how long is answered.
    pub async fn end(&mut self) -> Option<Duration> {
        let Some(mean) = self.mean else { return std::future::pending().await };
        let life = Duration::from_millis(50) + exponential(&mut self.dice, mean);
        tokio::time::sleep(life).await;
        if self.calm.load(Ordering::Relaxed) {
            return std::future::pending().await;
        }
        let sleeps = self.dice.random_bool(0.5);
        sleeps.then(|| Duration::from_millis(self.dice.random_range(50..1_000)))
    }

    /// How long nobody is there after that.
    pub fn pause(&mut self) -> Duration {
        Duration::from_millis(self.dice.random_range(20..1_000))
    }
}

/// What went wrong, counted. Cloning gives the same.
#[derive(Clone, Debug, Default)]
pub struct Counted(Arc<Counts>);

/// The counts.
#[derive(Debug, Default)]
pub struct Counts {
    /// Agents who left.
    pub left: AtomicU64,
    /// … of them while they rang or talked.
    pub left_busy: AtomicU64,
    /// Dashboards that died.
    pub dashboards: AtomicU64,
    /// … and went on with what they had missed, without a new snapshot.
    pub resumed: AtomicU64,
    /// Desks that died.
    pub desks: AtomicU64,
    /// Links that broke on purpose.
    pub breaks: AtomicU64,
    /// Starts of the switch.
    pub restarts: AtomicU64,
}

impl std::ops::Deref for Counted {
    type Target = Counts;

    fn deref(&self) -> &Counts {
        &self.0
    }
}

/// One more.
pub fn one(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

impl Counted {
    /// By name, in the order in which they are told.
    #[must_use]
    pub fn all(&self) -> [(&'static str, u64); 7] {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        [
            ("agents_left", of(&self.left)),
            ("agents_left_busy", of(&self.left_busy)),
            ("dashboards_died", of(&self.dashboards)),
            ("dashboards_resumed", of(&self.resumed)),
            ("desks_died", of(&self.desks)),
            ("link_breaks", of(&self.breaks)),
            ("switch_restarts", of(&self.restarts)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::floor::dice;

    #[test]
    fn a_soak_has_every_fault_and_what_is_given_counts_more() {
        let none = Args::default().plan().expect("a plan");
        assert_eq!(none, Faults::default());
        let soak = Args { soak: true, ..Args::default() }.plan().expect("a plan");
        assert!(soak.flapping > 0.0 && soak.dying_dashboards > 0.0 && soak.dying_desks > 0.0);
        assert!(soak.link_breaks.is_some() && soak.switch_restarts.is_some());
        let asked = Args {
            soak: true,
            flapping: Some(0.0),
            link_breaks: Some(Duration::ZERO),
            ..Args::default()
        };
        let asked = asked.plan().expect("a plan");
        assert_eq!((asked.flapping, asked.link_breaks), (0.0, None));
        assert!(Args { flapping: Some(-1.0), ..Args::default() }.plan().is_err());
    }

    #[test]
    fn outages_come_in_their_time_and_the_end_is_calm() {
        let faults = Faults {
            link_breaks: Some(Duration::from_secs(2)),
            switch_restarts: Some(Duration::from_secs(10)),
            ..Faults::default()
        };
        let mut outages = Outages::new(&faults, dice(1, 0), 1_000_000, 101_000_000);
        let mut found = Vec::new();
        while let Some(due_us) = outages.next_us() {
            assert!(outages.take(due_us - 1).is_none());
            let (what, away_us) = outages.take(due_us).expect("is due");
            assert!((50_000..2_000_000).contains(&away_us));
            found.push((what, due_us));
        }
        let count = |what| found.iter().filter(|(of, _)| *of == what).count();
        let (breaks, restarts) = (count(Outage::Break), count(Outage::Restart));
        assert!((35..=70).contains(&breaks) && (7..=14).contains(&restarts), "{breaks} {restarts}");
        assert!(found.windows(2).all(|pair| pair[0].1 <= pair[1].1));
        assert!(found.last().is_some_and(|(_, due_us)| *due_us < 98_000_000));
    }
}
