//! What `callboard load` takes, and the plan that follows from it.

use super::dashboards::View;
use super::faults::{self, Faults};
use super::furnish::Floor;
use super::player::Habits;
use super::schedule::Schedule;
use crate::sim::demo::duration;
use crate::sim::floor::dice;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// How events reach the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Via {
    /// The switch's WebSocket.
    Link,
    /// One POST each; a link brings the commands.
    Post,
    /// One POST each; a webhook brings the commands that the answers did not. The server must be on
    /// this machine.
    Webhook,
}

/// What `callboard load` takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The server; without it one is started, on a temporary folder, and ended with the run.
    #[arg(long, env = "CALLBOARD_URL", requires = "key")]
    pub server: Option<String>,
    /// Certificates of authorities (PEM) that the server's may be of, besides the system's.
    #[arg(long, env = "CALLBOARD_CA", requires = "server")]
    pub ca: Option<PathBuf>,
    /// A key of an owner or administrator of it.
    #[arg(long, env = "CALLBOARD_KEY", hide_env_values = true)]
    pub key: Option<String>,
    /// The account: one of its own, since queues and users are added to it, and stay.
    #[arg(long = "account", env = "CALLBOARD_ACCOUNT", default_value = "default")]
    pub account_id: String,
    /// The data folder of the server that is started; it stays.
    #[arg(long, conflicts_with = "server")]
    pub data: Option<PathBuf>,
    /// Agents, all ready.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub agents: u32,
    /// Queues; calls are spread evenly over them.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub queues: u32,
    /// How many of the queues each agent works for.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub queues_per_agent: u32,
    /// Dashboards.
    #[arg(long, default_value_t = 10)]
    pub dashboards: usize,
    /// Least time between two frames of a dashboard: 0, 50, 100, 250, 500, 1000 or 5000 ms.
    #[arg(long, default_value_t = 100)]
    pub every_ms: u64,
    /// What each dashboard shows.
    #[arg(long, value_enum, default_value = "all")]
    pub view: View,
    /// Agents who sit at a desk, a WebSocket each; the others have a phone only.
    #[arg(long, default_value_t = 0)]
    pub desks: usize,
    /// Share of their offers that agents with a desk accept (three in four) or refuse there, instead of
    /// picking up the phone [default: 0, of a soak 0.5].
    #[arg(long)]
    pub at_desk: Option<f64>,
    /// Calls that arrive each second, evenly.
    #[arg(long, default_value_t = 20.0, conflicts_with = "profile")]
    pub calls_per_second: f64,
    /// A file of counts of calls: a line `every 15m`, then one count a line.
    #[arg(long)]
    pub profile: Option<PathBuf>,
    /// Plays the profile so many times faster.
    #[arg(long, default_value_t = 1.0, requires = "profile")]
    pub speed: f64,
    /// Calls arrive at random (a Poisson process) instead of evenly.
    #[arg(long)]
    pub poisson: bool,
    /// The measured time, after the warm-up [default: 60s, of a soak 30m]. A profile lasts as long as
    /// it is.
    #[arg(long = "for", value_parser = duration)]
    pub lasts: Option<Duration>,
    /// Calls come, but do not count yet.
    #[arg(long, value_parser = duration, default_value = "2s")]
    pub warm_up: Duration,
    /// How events reach the server.
    #[arg(long, value_enum, default_value = "link")]
    pub via: Via,
    /// Connections, with --via post or webhook.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub connections: u32,
    /// Events that gather in this time go over the link together; 0 to 100 ms.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(0..=100))]
    pub batch_ms: u64,
    /// A phone is picked up after this, give or take a half.
    #[arg(long, value_parser = duration, default_value = "300ms")]
    pub ring: Duration,
    /// Mean length of a conversation; without it, what keeps the agents as busy as --busy says.
    #[arg(long, value_parser = duration)]
    pub talk: Option<Duration>,
    /// Share of their time that agents ring, talk and wrap up; above 1 calls have to wait.
    #[arg(long, default_value_t = 0.9, conflicts_with = "talk")]
    pub busy: f64,
    /// Length of the wrap-up.
    #[arg(long, value_parser = duration, default_value = "200ms")]
    pub wrap_up: Duration,
    /// Mean patience of callers who wait, on top of one second.
    #[arg(long, value_parser = duration, default_value = "20s")]
    pub patience: Duration,
    /// Share of offers that ring unanswered.
    #[arg(long, default_value_t = 0.02)]
    pub missed: f64,
    /// Share of conversations with a hold in them.
    #[arg(long, default_value_t = 0.5)]
    pub held: f64,
    /// What goes wrong on purpose.
    #[command(flatten)]
    pub faults: faults::Args,
    /// The dice of callers and phones.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The machine's floor is measured first, each rate for so long; 0s leaves it out.
    #[arg(long, value_parser = duration, default_value = "2s")]
    pub floor_for: Duration,
    /// No line of progress each second.
    #[arg(long)]
    pub quiet: bool,
    /// Writes all figures to this file, as JSON.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Writes a page with charts to this file.
    #[arg(long)]
    pub html: Option<PathBuf>,
}

/// What follows from it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// When calls come, warm-up included.
    pub schedule: Schedule,
    /// How people behave.
    pub habits: Habits,
    /// What there is.
    pub floor: Floor,
    /// How long figures do not count.
    pub warm_up_us: u64,
    /// What goes wrong.
    pub faults: Faults,
}

impl Plan {
    /// Of what was asked.
    ///
    /// # Errors
    /// In words, when it makes no sense together, or the profile cannot be read.
    pub fn new(args: &Args) -> Result<Plan, String> {
        for (name, share, most) in [
            ("--missed", args.missed, 0.95),
            ("--held", args.held, 1.0),
            ("--at-desk", args.at_desk(), 1.0),
            ("--busy", args.busy, 100.0),
            ("--calls-per-second", args.calls_per_second, 1e6),
        ] {
            if !(0.0..=most).contains(&share) {
                return Err(format!("{name} must be 0 to {most}"));
            }
        }
        let schedule = match &args.profile {
            None => Schedule::constant(args.calls_per_second, args.warm_up + args.lasts()),
            Some(path) => {
                let wrong = |e: String| format!("{}: {e}", path.display());
                let text = std::fs::read_to_string(path).map_err(|e| wrong(e.to_string()))?;
                Schedule::profile(&text, args.speed).map_err(wrong)?
            }
        };
        let schedule = match args.poisson || args.faults.soak {
            true => schedule.at_random(dice(args.seed, 1)),
            false => schedule,
        };
        let talk = args.talk.unwrap_or_else(|| args.talk_for(schedule.peak_per_second()));
        let habits = Habits {
            ring: args.ring,
            talk,
            wrap_up: args.wrap_up,
            patience: args.patience,
            missed: args.missed,
            after_miss: Duration::from_secs(1),
            held: args.held,
            seen: Duration::from_millis(500 + 2 * args.every_ms),
            desks: args.desks.min(args.agents as usize),
            at_desk: args.at_desk(),
        };
        let floor = Floor {
            agents: args.agents as usize,
            queues: args.queues as usize,
            queues_per_agent: args.queues_per_agent as usize,
        };
        let warm_up_us = u64::try_from(args.warm_up.as_micros()).unwrap_or(u64::MAX);
        Ok(Plan { schedule, habits, floor, warm_up_us, faults: args.faults.plan()? })
    }
}

impl Args {
    /// The account's path.
    #[must_use]
    pub fn account(&self) -> String {
        format!("/v1/accounts/{}", self.account_id)
    }

    fn at_desk(&self) -> f64 {
        self.at_desk.unwrap_or(if self.faults.soak { 0.5 } else { 0.0 })
    }

    /// The measured time.
    #[must_use]
    pub fn lasts(&self) -> Duration {
        let default_s = if self.faults.soak { 30 * 60 } else { 60 };
        self.lasts.unwrap_or(Duration::from_secs(default_s))
    }

    /// The mean conversation that keeps the agents as busy as asked, at so many calls a second: what
    /// an agent has per call, less ring and wrap-up; 100 ms at least, 5 minutes at most.
    fn talk_for(&self, calls_per_second: f64) -> Duration {
        let each_s = self.busy * f64::from(self.agents) / calls_per_second.max(0.001);
        let rest_s = each_s - self.ring.as_secs_f64() - self.wrap_up.as_secs_f64();
        Duration::from_secs_f64(rest_s.clamp(0.1, 300.0))
    }

    /// As JSON.
    #[must_use]
    pub fn json(&self, plan: &Plan) -> Value {
        let ms = |d: Duration| d.as_secs_f64() * 1e3;
        json!({
            "agents": self.agents, "queues": self.queues,
            "queues_per_agent": self.queues_per_agent, "dashboards": self.dashboards,
            "every_ms": self.every_ms, "view": format!("{:?}", self.view).to_lowercase(),
            "desks": self.desks, "at_desk": self.at_desk(), "calls": plan.schedule.calls(),
            "calls_per_s": plan.schedule.peak_per_second(),
            "profile": self.profile.as_ref().map(|path| path.display().to_string()),
            "for_ms": ms(self.lasts()), "warm_up_ms": ms(self.warm_up),
            "via": format!("{:?}", self.via).to_lowercase(),
            "connections": self.connections, "batch_ms": self.batch_ms,
            "ring_ms": ms(plan.habits.ring), "talk_ms": ms(plan.habits.talk),
            "wrap_up_ms": ms(plan.habits.wrap_up), "patience_ms": ms(plan.habits.patience),
            "poisson": self.poisson || self.faults.soak, "faults": plan.faults.json(),
            "missed": self.missed, "held": self.held, "seed": self.seed,
            "server": self.server,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn args(words: &[&str]) -> Args {
        Line::try_parse_from([&["load"], words].concat()).expect("right arguments").args
    }

    #[test]
    fn conversations_keep_agents_as_busy_as_asked() {
        let words = ["--agents", "5000", "--calls-per-second", "2000", "--busy", "0.8"];
        let plan = Plan::new(&args(&words)).expect("a plan");
        assert_eq!(plan.habits.talk, Duration::from_millis(1_500), "0.8 × 5,000 ÷ 2,000 − 0.5 s");
        let given = Plan::new(&args(&["--talk", "7s"])).expect("a plan");
        assert_eq!(given.habits.talk, Duration::from_secs(7));
    }

    #[test]
    fn the_warm_up_comes_before_the_measured_time() {
        let words = ["--calls-per-second", "10", "--for", "3s", "--warm-up", "1s"];
        let plan = Plan::new(&args(&words)).expect("a plan");
        assert_eq!((plan.schedule.calls(), plan.warm_up_us), (40, 1_000_000));
        assert!(Plan::new(&args(&["--missed", "1"])).is_err());
        assert!(Plan::new(&args(&["--profile", "/nowhere"])).unwrap_err().contains("/nowhere"));
    }
}
