//! Agents who leave in the middle of their work and come back: over HTTP, as a supervisor's or an
//! agent's own program would say so. The player chooses whom, and learns what the server made of it.

use super::faults::{Counted, one};
use crate::domain::time::Millis;
use crate::sim::client::{Client, Error};
use rand::RngExt;
use rand_pcg::Pcg64;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;

/// How long they stay away, in milliseconds.
const AWAY_MS: std::ops::Range<u64> = 50..3_000;
/// A request that is refused for now is made again after this, so many times.
const RETRY: (Duration, u32) = (Duration::from_millis(100), 600);

/// What became of an agent who leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The server says that the agent is away since this instant of its clock; nothing when the agent
    /// goes only after the work.
    Away(usize, Option<Millis>),
    /// The agent is about to say that they are back.
    Returning(usize),
    /// The server knows that they are.
    Back(usize),
    /// The server refuses, in words.
    Refused(usize, String),
}

/// Those who are on their way.
pub struct Flapping {
    client: Client,
    /// `/v1/accounts/…/agents/usr_load_`.
    path: String,
    dice: Pcg64,
    /// The mean time between two who leave, in microseconds, and when the next one does.
    every_us: f64,
    next_us: u64,
    counted: Counted,
    to: UnboundedSender<News>,
    news: UnboundedReceiver<News>,
    tasks: JoinSet<()>,
}

impl Flapping {
    /// So many a second, from `begins_us` on.
    #[must_use]
    pub fn new(
        client: Client,
        path: String,
        dice: Pcg64,
        per_second: f64,
        begins_us: u64,
        counted: Counted,
    ) -> Flapping {
        let (to, news) = mpsc::unbounded_channel();
        let every_us = 1e6 / per_second;
        let (next_us, tasks) = (begins_us, JoinSet::new());
        Flapping { client, path, dice, every_us, next_us, counted, to, news, tasks }
    }

    /// When the next agent leaves.
    #[must_use]
    pub fn next_us(&self) -> u64 {
        self.next_us
    }

    /// One more is due by `now_us`; the dice to choose by.
    pub fn is_due(&mut self, now_us: u64) -> Option<&mut Pcg64> {
        if self.next_us > now_us {
            return None;
        }
        let even: f64 = self.dice.random_range(f64::EPSILON..1.0);
        self.next_us += (self.every_us * (-even.ln()).min(10.0)) as u64;
        Some(&mut self.dice)
    }

    /// This one leaves now.
    pub fn leaves(&mut self, agent: usize, is_busy: bool) {
        one(&self.counted.left);
        if is_busy {
            one(&self.counted.left_busy);
        }
        let (status, when) = match self.dice.random_range(0..4) {
            0 => ("offline", "now"),
            1 => ("on_break", "now"),
            2 => ("on_break", "after_work"),
            _ => ("online", "now"),
        };
        let away = Duration::from_millis(self.dice.random_range(AWAY_MS));
        let (client, to) = (self.client.clone(), self.to.clone());
        let path = format!("{}{agent}/status", self.path);
        while self.tasks.try_join_next().is_some() {}
        self.tasks.spawn(async move {
            // The run may be over: then nobody listens.
            if let Err(why) = leave(&client, &path, agent, (status, when), away, &to).await {
                let _ = to.send(News::Refused(agent, why.to_string()));
            }
        });
    }

    /// The next news.
    pub async fn next(&mut self) -> News {
        match self.news.recv().await {
            Some(news) => news,
            // A sender lives in this value.
            None => std::future::pending().await,
        }
    }
}

async fn leave(
    client: &Client,
    path: &str,
    agent: usize,
    (status, when): (&str, &str),
    away: Duration,
    to: &UnboundedSender<News>,
) -> Result<(), Error> {
    let left = put(client, path, &json!({ "status": status, "when": when })).await?;
    let since = left["since"].as_str().and_then(|at| Millis::parse_rfc3339(at).ok());
    let _ = to.send(News::Away(agent, since.filter(|_| left["status"] == status)));
    tokio::time::sleep(away).await;
    let _ = to.send(News::Returning(agent));
    put(client, path, &json!({ "status": "ready", "when": "now" })).await?;
    let _ = to.send(News::Back(agent));
    Ok(())
}

async fn put(client: &Client, path: &str, body: &Value) -> Result<Value, Error> {
    let mut tries = 0;
    loop {
        tries += 1;
        match client.put(path, body).await {
            Err(e) if e.may_pass() && tries < RETRY.1 => tokio::time::sleep(RETRY.0).await,
            done => return done,
        }
    }
}
