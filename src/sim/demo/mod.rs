//! `callboard demo`: a server in this process, and around it a floor that uses nothing but its public
//! interface: configuration over HTTP, agents at desk WebSockets, a switch on its link, a dashboard
//! on the live feed. At the end it says what was seen, and whether the rules held.

pub mod dashboard;
pub mod house;
mod opening;
mod show;

use crate::domain::ids::Name;
use crate::domain::input::{Actor, Answer, Door, Input, Query};
use crate::domain::objects::user::Role;
use crate::domain::time::Millis;
use crate::node::Handle;
use crate::node::clock::Clock;
use crate::sim::client::Client;
use crate::sim::floor::{Now, Rule, Summary, Tally};
use opening::{Floor, open};
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// The account that a first start makes.
pub const ACCOUNT: &str = "default";
/// Calls per minute and agent, when nothing else is asked for: busy, with a short queue.
const CALLS_PER_AGENT: f64 = 3.2;
/// After the last arrival, switch and board must agree on the live calls within this time.
const AGREE: Duration = Duration::from_secs(5);

/// What `callboard demo` takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The data folder; without it a fresh temporary one, which is removed at the end.
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// End after this time with a summary, such as 30s, 5m or 1500ms; without it, at Ctrl-C.
    #[arg(long = "for", value_parser = duration)]
    pub lasts: Option<Duration>,
    /// Agents on the floor, 1 to 5,000.
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    pub agents: u32,
    /// Callers per minute; without it, as many as keep the agents busy.
    #[arg(long)]
    pub calls_per_minute: Option<f64>,
    /// The dice of callers and agents.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// What the demo needs of a server: started by the caller, since starting one is not the floor's
/// affair.
pub struct Hosted {
    /// The way to the node, for its own check of the invariants.
    pub node: Handle,
    /// A key of the role owner.
    pub owner_key: String,
    /// Done when the server has ended, as it was told or because it must: then in words why.
    pub ended: Pin<Box<dyn Future<Output = Result<(), String>> + Send>>,
}

/// Runs the demo; whether every rule held.
///
/// `start` starts the server on a data folder and a listener, until the watch says `true`.
///
/// # Errors
/// In words, when the server does not start, or the floor cannot be opened.
pub async fn run<F>(
    args: Args,
    start: impl FnOnce(PathBuf, TcpListener, watch::Receiver<bool>) -> F,
) -> Result<bool, String>
where
    F: Future<Output = Result<Hosted, String>>,
{
    let house = house::House::new(args.data.clone())?;
    let listener = house::listen().await?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    let (stop, stopped) = watch::channel(false);
    let mut hosted = start(house.data().to_owned(), listener, stopped).await?;
    let url = format!("http://{address}");
    show::welcome(&url, &hosted.owner_key);
    let now = clock();
    let owner = Client::new(&url, &hosted.owner_key).map_err(|e| e.to_string())?;
    let mut floor = open(&args, owner, Arc::clone(&now)).await.map_err(|e| e.to_string())?;
    let opened_us = now();
    let trouble = tokio::select! {
        trouble = wait(&args, &mut floor) => trouble,
        ended = &mut hosted.ended => return Err(ended.err().unwrap_or("the server ended".into())),
    };
    let open_ms = now().saturating_sub(opened_us) / 1000;
    let summary = close(floor, &hosted.node, open_ms, trouble).await;
    show::farewell(&summary);
    let _ = stop.send(true);
    hosted.ended.await?;
    Ok(summary.held())
}

/// Microseconds since 1970: the wall at the start plus monotonic time.
fn clock() -> Now {
    let clock = Clock::system(Millis(0));
    let start_us = u64::try_from(clock.now().0).unwrap_or(0) * 1000;
    let origin = clock.ticks();
    Arc::new(move || start_us + clock.ticks().0.saturating_sub(origin.0) / 1000)
}

/// Shows what happens until the time is over, Ctrl-C, or trouble on the floor.
async fn wait(args: &Args, floor: &mut Floor) -> Result<(), String> {
    let over = async {
        match args.lasts {
            Some(lasts) => tokio::time::sleep(lasts).await,
            None => std::future::pending().await,
        }
    };
    let mut line = show::Line::new();
    let mut redraw = tokio::time::interval(line.every());
    tokio::pin!(over);
    loop {
        tokio::select! {
            () = &mut over => break,
            _ = tokio::signal::ctrl_c() => break,
            Some(trouble) = floor.trouble.recv() => {
                line.end();
                return Err(trouble);
            }
            _ = redraw.tick() => line.show(&floor.seen.tally(), &floor.dashboard),
        }
    }
    line.end();
    Ok(())
}

/// Sends the callers home, lets switch and board agree, and checks everything.
async fn close(floor: Floor, node: &Handle, open_ms: u64, trouble: Result<(), String>) -> Summary {
    floor.callers.abort();
    let agreed = agree(&floor).await;
    let engine = invariants(node).await;
    let tally = floor.seen.tally();
    let mut checks: Vec<(&'static str, Result<(), String>)> =
        Rule::ALL.iter().map(|rule| (rule.words(), tally.kept(*rule))).collect();
    checks.push(("every call that arrived has ended or is live", agreed.and(adds_up(&tally))));
    checks.push((
        "the dashboard's frames followed each other without a gap",
        floor.dashboard.whole(),
    ));
    checks.push(("the dashboard never saw an agent rung for two calls", floor.dashboard.single()));
    checks.push(("the engine's own invariants", engine));
    checks.push(("everybody on the floor could work", trouble));
    floor.leave();
    Summary { open_ms, tally, checks }
}

/// Waits until the calls that live at the switch are those that live on the board.
async fn agree(floor: &Floor) -> Result<(), String> {
    let step = Duration::from_millis(50);
    let mut difference = String::new();
    for _ in 0..(AGREE.as_millis() / step.as_millis()) {
        let mut here = floor.seen.live();
        here.sort_unstable();
        let there = floor.dashboard.calls();
        if here == there {
            return Ok(());
        }
        let only = |a: &[String], b: &[String]| {
            let only: Vec<String> = a.iter().filter(|id| !b.contains(id)).cloned().collect();
            only.join(" ")
        };
        difference = format!(
            "only at the switch: [{}], only on the board: [{}]",
            only(&here, &there),
            only(&there, &here)
        );
        tokio::time::sleep(step).await;
    }
    Err(difference)
}

fn adds_up(tally: &Tally) -> Result<(), String> {
    let gone = tally.abandoned + tally.exited + tally.finished;
    if gone <= tally.arrived && tally.finished <= tally.answered {
        return Ok(());
    }
    Err(format!("{} arrived and {gone} ended", tally.arrived))
}

async fn invariants(node: &Handle) -> Result<(), String> {
    let actor = Actor {
        name: Name::from("demo"),
        role: Role::Owner,
        user: None,
        switch: None,
        door: Door::default(),
    };
    let query = Input::Query { actor, query: Query::Invariants };
    match node.send(ACCOUNT, query).await {
        Ok(Answer::Done { body, .. }) if body["held"] == true => Ok(()),
        Ok(Answer::Done { body, .. }) => Err(body["broken"].to_string()),
        Ok(other) => Err(format!("an unexpected answer: {other:?}")),
        Err(problem) => Err(problem.to_string()),
    }
}

/// Reads `30s`, `5m`, `1500ms`, `1h`.
///
/// # Errors
/// What is expected, in words.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| "a time such as 30s, 5m or 1500ms".to_owned())?;
    let factor: u64 = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err("the unit is one of ms, s, m, h".to_owned()),
    };
    number.checked_mul(factor).map(Duration::from_millis).ok_or_else(|| "too long".to_owned())
}

impl Args {
    /// Callers per minute.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.calls_per_minute.unwrap_or(f64::from(self.agents) * CALLS_PER_AGENT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_unit() {
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("1500ms"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        for wrong in ["30", "s", "-1s", "1.5s", "1y", ""] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn more_ended_than_arrived_is_noticed() {
        let tally =
            Tally { arrived: 2, answered: 1, finished: 1, abandoned: 1, ..Tally::default() };
        assert!(adds_up(&tally).is_ok());
        assert!(adds_up(&Tally { abandoned: 2, ..tally }).is_err());
    }
}
