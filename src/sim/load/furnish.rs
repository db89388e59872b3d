//! Sets up the floor: a switch of this run's own, queues, agents in them, everybody ready; and reads
//! the account's own counts of those queues, before and after.

use super::player::Habits;
use super::wire::{QUEUE, USER};
use crate::sim::client::{Client, Error};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// Requests under way at once.
const AT_ONCE: usize = 64;
/// A queue that nobody works for.
pub const EMPTY: &str = "load-empty";

/// What there is to be.
#[derive(Clone, Copy, Debug)]
pub struct Floor {
    /// So many agents.
    pub agents: usize,
    /// So many queues.
    pub queues: usize,
    /// Each agent works for so many of them.
    pub queues_per_agent: usize,
}

/// Queues per user that an account allows at first.
const ASSIGNED: usize = 5;

/// Sets it up below `account` (a path), with `switches` as they are named; they have no webhook.
///
/// # Errors
/// What the server refuses.
pub async fn furnish(
    client: &Client,
    account: &str,
    switches: &[&str],
    floor: &Floor,
    habits: &Habits,
) -> Result<(), Error> {
    let switch = |id: &&str| (format!("/switches/{id}"), switch(None));
    let queue = json!({
        "name": "Load", "wrap_up": { "ms": millis(habits.wrap_up) }, "max_misses": 0,
        "after_miss_ms": millis(habits.after_miss), "ring_for_ms": 60_000, "short_abandon_ms": 0,
    });
    let queues = (0..floor.queues).map(|n| format!("{QUEUE}{n}")).chain([EMPTY.to_owned()]);
    let mut first: Vec<(String, Value)> =
        queues.map(|id| (format!("/queues/{id}"), queue.clone())).collect();
    first.extend(switches.iter().map(switch));
    first.extend((0..floor.agents).map(|n| (format!("/users/{USER}{n}"), user(n))));
    put(client, account, first).await?;
    if floor.queues_per_agent > ASSIGNED {
        // More than an account lets by itself.
        let settings = json!({ "max_queues": floor.queues_per_agent });
        client.request(hyper::Method::PATCH, account, Some(&settings)).await?;
    }
    let mut places = Vec::new();
    for n in 0..floor.agents {
        for queue in queues_of(n, floor) {
            places.push((format!("/queues/{QUEUE}{queue}/members/{USER}{n}"), json!({})));
        }
    }
    put(client, account, places).await?;
    let ready = |n| (format!("/agents/{USER}{n}/status"), json!({ "status": "ready" }));
    put(client, account, (0..floor.agents).map(ready).collect()).await
}

/// A switch, perhaps with a webhook at this address.
#[must_use]
pub fn switch(webhook: Option<&str>) -> Value {
    json!({ "name": "Load", "webhook": webhook.map(|url| json!({ "url": url })) })
}

fn user(n: usize) -> Value {
    json!({ "first_name": "Load", "last_name": format!("{n}"), "role": "agent",
        "endpoint": format!("sip:load{n}@load.invalid") })
}

/// The queues of an agent: each queue has as many agents as another, and shares them with others.
fn queues_of(agent: usize, floor: &Floor) -> Vec<usize> {
    let count = floor.queues_per_agent.min(floor.queues);
    let step = 1 + agent / floor.queues.max(1) % floor.queues.max(1);
    let mut queues: Vec<usize> = (0..count).map(|i| (agent + i * step) % floor.queues).collect();
    // Where the steps meet, the next one that is free.
    for i in 0..count {
        while queues[..i].contains(&queues[i]) {
            queues[i] = (queues[i] + 1) % floor.queues;
        }
    }
    queues
}

async fn put(client: &Client, account: &str, puts: Vec<(String, Value)>) -> Result<(), Error> {
    let puts = stream::iter(puts).map(|(path, body)| async move {
        client.put(&format!("{account}{path}"), &body).await.map(drop)
    });
    puts.buffer_unordered(AT_ONCE).try_collect::<()>().await
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The run is over: its switches go.
pub async fn clear(client: &Client, account: &str, switches: &[&str]) {
    for switch in switches {
        // Best effort: a switch that stays does nothing.
        let path = format!("{account}/switches/{switch}");
        let _ = client.request(hyper::Method::DELETE, &path, None).await;
    }
}

/// The account's counts of the run's queues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls that entered today.
    pub offered: u64,
    /// … were answered.
    pub answered: u64,
    /// … were given up.
    pub abandoned: u64,
    /// … left by an exit.
    pub exited: u64,
    /// Calls that live now.
    pub live: u64,
    /// Days since 1970, UTC: a midnight between two looks makes them incomparable.
    pub day: i64,
}

impl Counts {
    /// Reads them off a board, the live feed's snapshot.
    ///
    /// # Errors
    /// When there is none.
    pub async fn look(client: &Client, account: &str) -> Result<Counts, Error> {
        let mut socket = client.socket(&format!("{account}/live"), "callboard.live.v1").await?;
        let all = json!({ "subscribe": { "queues": "*", "calls": true, "every_ms": 5000 } });
        socket.send(&all).await?;
        let mut counts = Counts::default();
        loop {
            let frame = socket.next().await?;
            if frame["type"] != "snapshot" {
                continue;
            }
            counts.add(&frame);
            if frame["part"] == frame["parts"] {
                socket.close().await;
                return Ok(counts);
            }
        }
    }

    fn add(&mut self, frame: &Value) {
        #[derive(Deserialize)]
        struct Today {
            offered: u64,
            answered: u64,
            abandoned: u64,
            exited: u64,
        }
        let ours = |id: &Value| {
            let number = id.as_str().and_then(|id| id.strip_prefix(QUEUE));
            number.is_some_and(|number| number.parse::<usize>().is_ok())
        };
        let rows = |name: &str| frame[name].as_array().map(Vec::as_slice).unwrap_or_default();
        for queue in rows("queues").iter().filter(|row| ours(&row["id"])) {
            let Ok(today) = Today::deserialize(&queue["today"]) else { continue };
            self.offered += today.offered;
            self.answered += today.answered;
            self.abandoned += today.abandoned;
            self.exited += today.exited;
        }
        self.live += rows("calls").iter().filter(|row| ours(&row["queue"])).count() as u64;
        let at = crate::domain::time::Millis::parse_rfc3339(frame["at"].as_str().unwrap_or(""));
        self.day = at.map_or(0, |at| at.0.div_euclid(86_400_000));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn agents_are_spread_evenly_and_no_place_is_given_twice() {
        for (agents, queues, queues_per_agent) in [(5_000, 200, 2), (10, 3, 3), (7, 1, 2)] {
            let floor = Floor { agents, queues, queues_per_agent };
            let mut heads = BTreeMap::new();
            for agent in 0..agents {
                let mut of = queues_of(agent, &floor);
                of.iter().for_each(|queue| *heads.entry(*queue).or_insert(0_usize) += 1);
                of.sort_unstable();
                of.dedup();
                assert_eq!(of.len(), queues_per_agent.min(queues));
            }
            let (least, most) = (heads.values().min().unwrap(), heads.values().max().unwrap());
            assert!(heads.len() == queues && most - least <= most / 5 + 2, "{least} to {most}");
        }
    }

    #[test]
    fn only_the_run_s_queues_count() {
        let queue = |id: &str, offered: u64| {
            json!({ "id": id, "today":
                { "offered": offered, "answered": 2, "abandoned": 1, "exited": 0 } })
        };
        let frame = json!({ "at": "1970-01-03T00:00:00.000Z",
            "queues": [queue("load-0", 4), queue("load-1", 5), queue(EMPTY, 90), queue("a", 9)],
            "calls": [{ "queue": "load-1" }, { "queue": "a" }, { "queue": null }] });
        let mut counts = Counts::default();
        counts.add(&frame);
        let expected = Counts { offered: 9, answered: 4, abandoned: 2, exited: 0, live: 1, day: 2 };
        assert_eq!(counts, expected);
    }
}
