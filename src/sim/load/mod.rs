//! `callboard load`: a floor of thousands over the public interfaces, that measures and checks.
//!
//! One task plays the switch, its callers and its phones (`player`, `play`); dashboards and desks
//! are sockets that are hardly read (`dashboards`, `desks`). Calls come by a schedule that is fixed
//! before ([`schedule`]), and latencies are taken from the instant at which something was due
//! ([`latency`]). `docs/performance.md` says what each figure means.

mod agenda;
mod args;
mod audit;
pub mod checks;
pub mod dashboards;
mod desks;
pub mod faults;
pub mod figures;
pub mod flapping;
pub mod floor;
mod furnish;
mod hooks;
mod host;
mod html;
pub mod latency;
pub mod memory;
mod outbox;
mod play;
pub mod player;
mod posts;
pub mod report;
pub mod schedule;
pub mod tally;
mod usage;
pub mod wire;

pub use args::Args;

use crate::domain::time::Millis;
use crate::node::clock::Clock;
use crate::sim::client::Client;
use crate::sim::floor::dice;
use crate::tls::{Target, Trust};
use args::{Plan, Via};
use audit::Audit;
use checks::Check;
use dashboards::{Dashboard, Marks, Seen, Wall};
use desks::Desks;
use faults::{Counted, Lives, Outages};
use figures::{Figures, Second};
use flapping::Flapping;
use floor::Floor;
use furnish::Counts;
use hooks::Hooks;
use host::Host;
use latency::{Measure, Recorder};
use memory::Memory;
use play::Play;
use player::{Player, Start};
use posts::Posts;
use report::{Means, Report};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::task::JoinSet;
use usage::Process;
use wire::{Say, Source};

/// How long dashboards and desks may take to open.
const OPENING: Duration = Duration::from_secs(60);
/// Samples of each of the floor's times.
const FLOOR_SAMPLES: usize = 500;
/// After the last event, dashboards have so long to show it.
const LAST_FRAMES: Duration = Duration::from_millis(500);

/// Runs a load; whether every check held.
///
/// # Errors
/// In words, when the server does not start or refuses, or a file cannot be read or written.
pub async fn run(args: Args) -> Result<bool, String> {
    let plan = Plan::new(&args)?;
    let host = match &args.server {
        Some(_) => None,
        None => Some(Host::start(args.data.clone()).await?),
    };
    let (url, key) = match (&host, &args.server, &args.key) {
        (Some(host), _, _) => (host.url.clone(), host.key.clone()),
        (None, Some(url), Some(key)) => (url.clone(), key.clone()),
        _ => return Err("--server needs --key".to_owned()),
    };
    let trust = Trust::with_file(args.ca.as_deref()).map_err(|e| e.to_string())?;
    let client = Client::trusting(&url, &key, trust).map_err(|e| e.to_string())?;
    let mut run = Run { args, plan, host, client, clock: Clock::system(Millis(0)) };
    let done = run.whole().await;
    // What happened to the switch or a dashboard is seldom the cause when the server is gone.
    let fate = run.host.as_mut().and_then(Host::ended);
    let report = done.map_err(|why| match fate {
        Some(fate) => format!("{why}; {fate}"),
        None => why,
    })?;
    run.tell(&report)?;
    Ok(report.held())
}

/// What faults share: their counts, and the word that ends them.
#[derive(Default)]
struct Troubles {
    counted: Counted,
    calm: Arc<AtomicBool>,
}

/// A run and what it needs.
struct Run {
    args: Args,
    plan: Plan,
    host: Option<Host>,
    client: Client,
    clock: Clock,
}

impl Run {
    async fn whole(&self) -> Result<Report, String> {
        let began = self.clock.now();
        let source =
            Source { switch: format!("load-{}", began.0), boot: format!("l{:x}", began.0) };
        let floor_switch = format!("load-{}-floor", began.0);
        let switch = source.switch.clone();
        let switches = [&*switch, &*floor_switch];
        self.say(&format!(
            "{} agents, {} queues, {} dashboards, {} calls at up to {:.0}/s, talk {} ms on average",
            self.plan.floor.agents,
            self.plan.floor.queues,
            self.args.dashboards,
            self.plan.schedule.calls(),
            self.plan.schedule.peak_per_second(),
            self.plan.habits.talk.as_millis(),
        ));
        let (account, habits) = (self.args.account(), &self.plan.habits);
        furnish::furnish(&self.client, &account, &switches, &self.plan.floor, habits)
            .await
            .map_err(|e| format!("setting up: {e}"))?;
        let floor = match self.args.floor_for.is_zero() {
            true => None,
            false => Some(self.floor(&floor_switch).await?),
        };
        let report = self.play(source, floor, began).await;
        furnish::clear(&self.client, &account, &switches).await;
        report
    }

    /// What the machine can do, before anything else happens on it.
    async fn floor(&self, switch: &str) -> Result<Floor, String> {
        self.say("measuring the machine's floor");
        let folder = match &self.host {
            Some(host) => host.data().to_owned(),
            None => std::env::temp_dir(),
        };
        let key = self.client.key().to_owned();
        let server = self.client.target().map_err(|e| e.to_string())?;
        let (path, switch) = (format!("{}/events", self.args.account()), switch.to_owned());
        let lasts = self.args.floor_for;
        let measure = move || measure_floor(&folder, server, &path, &key, switch, lasts);
        let found = tokio::task::spawn_blocking(measure).await.map_err(|e| e.to_string())?;
        found.map_err(|e| format!("the machine's floor: {e}"))
    }

    async fn play(
        &self,
        source: Source,
        floor: Option<Floor>,
        began: Millis,
    ) -> Result<Report, String> {
        let account = self.args.account();
        let looked = Counts::look(&self.client, &account);
        let before = looked.await.map_err(|e| format!("the account's counts: {e}"))?;
        let watched = self.args.dashboards.min(self.plan.floor.queues);
        let marks = Arc::new(Marks::new(self.args.view, watched));
        // What is measured begins when all dashboards are open.
        let wall = Wall::new(Seen::new(Recorder::new(0, 0)));
        let desks = Desks::default();
        let faults = Troubles::default();
        let mut audience = self.audience(&marks, &wall, &desks, &faults);
        let audit = self.audit(&mut audience, &faults);
        self.opened(&wall, &desks, &mut audience).await?;
        let play = self.switch(source, marks, (&wall, &desks), &faults).await?;
        let played = tokio::select! {
            played = play.run(stop()) => played.map_err(|e| format!("the switch: {e}"))?,
            trouble = trouble(&mut audience) => return Err(trouble),
        };
        tokio::time::sleep(LAST_FRAMES).await;
        if let Some(audit) = audit {
            let differs = tokio::select! {
                differs = audit.differs() => differs.map_err(|e| format!("a fresh board: {e}"))?,
                trouble = trouble(&mut audience) => return Err(trouble),
            };
            if let Some(how) = differs {
                wall.look(|seen| seen.checks.broken(Check::BoardsAgree, || how));
            }
        }
        self.conclude(played, before, (wall, desks), floor, began, &faults.counted).await
    }

    /// The switch, from now on.
    async fn switch(
        &self,
        source: Source,
        marks: Arc<Marks>,
        (wall, desks): (&Wall, &Desks),
        faults: &Troubles,
    ) -> Result<Play, String> {
        let (args, plan, account) = (&self.args, &self.plan, self.args.account());
        let switch = format!("{account}/switches/{}", source.switch);
        let hooks = match args.via {
            Via::Webhook => Some(self.hooks(&switch).await?),
            Via::Link | Via::Post => None,
        };
        let posts = (args.via != Via::Link).then(|| {
            let path = format!("{account}/events");
            Posts::open(&self.client, &path, args.connections as usize)
        });
        let begins_us = self.clock.ticks().0 / 1_000;
        let (from_us, ends_us) =
            (begins_us + plan.warm_up_us, begins_us + plan.schedule.lasts_us());
        wall.look(|seen| seen.frame = Recorder::new(from_us, ends_us));
        let server = self.host.as_ref().map(|host| Process::of(host.id()));
        let (planned, counted) = (&plan.faults, faults.counted.clone());
        let flapping = (planned.flapping > 0.0).then(|| {
            let (client, path) = (self.client.clone(), format!("{account}/agents/{}", wire::USER));
            let dice = dice(args.seed, 2);
            Flapping::new(client, path, dice, planned.flapping, begins_us, counted.clone())
        });
        let boot = source.boot.clone();
        let player = Player::new(Start {
            habits: plan.habits,
            dice: dice(args.seed, 0),
            schedule: plan.schedule.clone().from(begins_us),
            agents: plan.floor.agents,
            queues: u32::try_from(plan.floor.queues).unwrap_or(u32::MAX),
            marks,
            source,
            window_us: (from_us, ends_us),
        });
        Ok(Play {
            client: self.client.clone(),
            link: hooks.is_none().then(|| format!("{switch}/link")),
            hooks,
            clock: self.clock.clone(),
            player,
            // A connection that is idle again is given the next event at once.
            batch_us: if posts.is_some() { 0 } else { args.batch_ms * 1_000 },
            posts,
            ends_us,
            figures: Figures::new(wall.clone(), begins_us, server, args.quiet),
            outages: Outages::new(planned, dice(args.seed, 3), begins_us, ends_us),
            flapping,
            desks: desks.clone(),
            counted,
            boot,
            calm: Arc::clone(&faults.calm),
            down: None,
        })
    }

    /// A webhook, and the switch set up with it.
    async fn hooks(&self, switch: &str) -> Result<Hooks, String> {
        let hooks = Hooks::open().await.map_err(|e| format!("the webhook: {e}"))?;
        let body = furnish::switch(Some(&hooks.url));
        let told = self.client.put(switch, &body).await;
        told.map_err(|e| format!("the webhook: {e}"))?;
        Ok(hooks)
    }

    /// Dashboards and desks, at work.
    fn audience(
        &self,
        marks: &Arc<Marks>,
        wall: &Wall,
        desks: &Desks,
        faults: &Troubles,
    ) -> JoinSet<Result<(), String>> {
        let (account, planned) = (self.args.account(), &self.plan.faults);
        let sitting = self.args.desks.min(self.plan.floor.agents);
        let lives = |number: usize, count, rate| {
            Lives::new(count, rate, dice(self.args.seed, 1_000 + number as u64), &faults.calm)
        };
        let mut audience = JoinSet::new();
        for number in 0..self.args.dashboards {
            let dashboard = Dashboard {
                client: self.client.clone(),
                path: format!("{account}/live"),
                number,
                every_ms: self.args.every_ms,
                marks: Arc::clone(marks),
                wall: wall.clone(),
                clock: self.clock.clone(),
                lives: lives(number, self.args.dashboards, planned.dying_dashboards),
                counted: faults.counted.clone(),
            };
            audience.spawn(async move {
                dashboard.run().await.map_err(|e| format!("dashboard {number}: {e}"))
            });
        }
        for number in 0..sitting {
            let path = format!("{account}/agents/{}{number}/desk", wire::USER);
            let (desk, client) = (desks.clone(), self.client.clone());
            let (seat, lives) =
                (desks.seat(), lives(100_000 + number, sitting, planned.dying_desks));
            let counted = faults.counted.clone();
            audience.spawn(async move {
                desk.sit(client, path, seat, lives, counted)
                    .await
                    .map_err(|e| format!("desk {number}: {e}"))
            });
        }
        audience
    }

    /// A whole board that dies as dashboards do, when they do.
    fn audit(
        &self,
        audience: &mut JoinSet<Result<(), String>>,
        faults: &Troubles,
    ) -> Option<Audit> {
        let rate = self.plan.faults.dying_dashboards;
        if rate <= 0.0 {
            return None;
        }
        let audit = Audit::new(self.client.clone(), format!("{}/live", self.args.account()));
        let (count, dice) = (self.args.dashboards.max(1), dice(self.args.seed, 4));
        let lives = Lives::new(count, rate, dice, &faults.calm);
        let running = audit.clone().run(lives, faults.counted.clone());
        audience.spawn(async move { running.await.map_err(|e| format!("the audited board: {e}")) });
        Some(audit)
    }

    /// Waits until all dashboards and desks have something to show.
    async fn opened(
        &self,
        wall: &Wall,
        desks: &Desks,
        audience: &mut JoinSet<Result<(), String>>,
    ) -> Result<(), String> {
        let wanted = (self.args.dashboards, self.args.desks.min(self.plan.floor.agents));
        let is_open = || {
            let there = (wall.look(|seen| seen.open), desks.open());
            there.0 as usize >= wanted.0 && there.1 as usize >= wanted.1
        };
        let all = async {
            while !is_open() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            () = all => Ok(()),
            trouble = trouble(audience) => Err(trouble),
            () = tokio::time::sleep(OPENING) => Err(format!(
                "{} of {} dashboards and {} of {} desks opened in time",
                wall.look(|seen| seen.open), wanted.0, desks.open(), wanted.1
            )),
        }
    }

    async fn conclude(
        &self,
        played: Play,
        before: Counts,
        (wall, desks): (Wall, Desks),
        floor: Option<Floor>,
        began: Millis,
        counted: &Counted,
    ) -> Result<Report, String> {
        let window_us = (self.plan.warm_up_us, self.plan.schedule.lasts_us());
        let account = self.args.account();
        let looked = Counts::look(&self.client, &account);
        let after = looked.await.map_err(|e| format!("the account's counts: {e}"))?;
        let Play { player, figures, .. } = played;
        let mut checks = player.checks.clone();
        if let Some(how) = player.tally.differs(&before, &after) {
            checks.broken(Check::CountsAgree, || how);
        }
        let frame = wall.look(|seen| {
            checks.merge(seen.checks.clone());
            checks.merge(desks.checks());
            seen.frame.clone()
        });
        let recorder = |of: &Measure| match of {
            Measure::Frame => Some((*of, frame.clone())),
            of => player.recorder(*of).map(|recorder| (*of, recorder.clone())),
        };
        let mean = |of: fn(&Second) -> f64| figures.mean(window_us.0, window_us.1, of);
        let means = Means {
            calls_per_s: mean(|s| s.calls_per_s),
            events_per_s: mean(|s| s.events_per_s),
            own_cpu: mean(|s| s.own_cpu),
            server_cpu: mean(|s| s.server_cpu),
            server_memory: figures.seconds.iter().map(|s| s.server_memory).max().unwrap_or(0),
        };
        Ok(Report {
            asked: self.args.json(&self.plan),
            began_at: began.rfc3339(),
            window_us,
            floor,
            tally: player.tally,
            latencies: Measure::ALL.iter().filter_map(recorder).collect(),
            checks,
            dashboards: wall.look(|seen| report::dashboards(self.args.dashboards, seen)),
            desks: serde_json::json!({ "count": self.args.desks, "states": desks.states(),
                "reconnects": desks.reconnects(), "acts": desks.acts().0,
                "acts_late": desks.acts().1 }),
            links_broken: figures.links_broken,
            faults: counted.all().to_vec(),
            memory: Memory::of(&figures.seconds, window_us),
            seconds: figures.seconds,
            means,
        })
    }

    fn tell(&self, report: &Report) -> Result<(), String> {
        self.say(&report.to_string());
        let write = |path: &Path, text: String| {
            std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
        };
        if let Some(path) = &self.args.json {
            write(path, format!("{:#}\n", report.json()))?;
        }
        if let Some(path) = &self.args.html {
            write(path, html::page(report))?;
        }
        Ok(())
    }

    fn say(&self, text: &str) {
        use std::io::Write;
        // A closed pipe is no reason to stop.
        let _ = writeln!(std::io::stdout(), "{text}");
    }
}

fn measure_floor(
    folder: &Path,
    server: Target,
    path: &str,
    key: &str,
    switch: String,
    lasts: Duration,
) -> std::io::Result<Floor> {
    let sync = floor::quantiles(&floor::syncs(folder, FLOOR_SAMPLES)?);
    let bare = floor::Bare::start()?;
    let echo = floor::quantiles(&floor::echoes(bare.address, FLOOR_SAMPLES)?);
    let source = Source { boot: format!("{switch}-s"), switch };
    let single = move |number: u64| {
        let (call, is_first) = (number / 2, number.is_multiple_of(2));
        let say = if is_first { Say::ArrivedAt(furnish::EMPTY) } else { Say::Abandoned };
        let place = if is_first { 1 } else { 2 };
        source.event(number, Some((call, place)), "2026-01-01T00:00:00.000Z", say).into_string()
    };
    let http_per_s = floor::posts(bare.address, "/", key, lasts, single.clone())?;
    let singles_per_s = floor::posts(server, path, key, lasts, single)?;
    Ok(Floor { sync, http_per_s, echo, singles_per_s })
}

/// The first of the audience that cannot go on.
async fn trouble(audience: &mut JoinSet<Result<(), String>>) -> String {
    loop {
        match audience.join_next().await {
            Some(Ok(Err(trouble))) => return trouble,
            Some(Err(broke)) => return format!("a dashboard or desk broke: {broke}"),
            Some(Ok(Ok(()))) => {}
            None => std::future::pending().await,
        }
    }
}

/// Ctrl-C, or being told to end.
async fn stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
