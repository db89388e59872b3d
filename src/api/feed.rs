//! The account's event history, `…/feed`: as a long poll, and as a WebSocket, `callboard.feed.v1`.

use crate::api::Routes;
use crate::api::answer::json;
use crate::api::ask::Ask;
use crate::api::endpoint::{Method, endpoint};
use crate::api::problem::Answered;
use crate::api::query::{MOST_ITEMS, PAGE};
use crate::api::schema::{FeedPage, Story};
use crate::api::socket::{self, End, GOING_AWAY, Watch};
use crate::domain::input::Query;
use crate::domain::problem::Problem;
use axum::extract::WebSocketUpgrade;
use axum::extract::ws::WebSocket;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use serde_json::{Value, json};
use std::time::Duration;

/// The subprotocol's name.
pub const PROTOCOL: &str = "callboard.feed.v1";

/// How long one read of the feed waits for news, before it looks around.
const WAIT: Duration = Duration::from_secs(10);
const MOST_WAIT_MS: u64 = 60_000;
/// A client of the feed says nothing.
const MOST_BYTES: usize = 1_024;

/// The route of the feed.
pub fn routes(routes: Routes) -> Routes {
    routes.routes(
        endpoint(
            Method::Get,
            "/v1/accounts/{account}/feed",
            "feed",
            "Reads the account's event history, complete and in order. A long poll; with an \
             upgrade the WebSocket callboard.feed.v1, which goes on from there.",
            feed,
        )
        .tag("Live")
        .query_int("after", "What follows this seq; left out: from the oldest that is kept.")
        .query_int("limit", "Items at most, 1–1,000; default 100.")
        .query_int("wait_ms", "How long to wait for the next, 0–60,000; default 0.")
        .answers::<FeedPage>(200, "Records in order; none when the wait is over.")
        .answers::<Story>(101, "Frames { \"items\": [ … ] }.")
        .done(),
    )
}

async fn feed(ask: Ask, upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>) -> Answered {
    let mut query = ask.query()?;
    let after = query.int("after", 0..=u64::MAX);
    let limit = query.int("limit", 1..=MOST_ITEMS).unwrap_or(PAGE);
    let wait_ms = query.int("wait_ms", 0..=MOST_WAIT_MS).unwrap_or(0);
    query.done()?;
    let after = start(&ask, after).await?;
    if let Ok(upgrade) = upgrade {
        // A refusal is a status and not a close, so the first read comes before the upgrade.
        read(&ask, after, 1, Duration::ZERO).await?;
        let upgrade = socket::limits(upgrade, PROTOCOL, MOST_BYTES);
        return Ok(upgrade.on_upgrade(move |socket| serve(socket, ask, after)));
    }
    let items = read(&ask, after, limit, Duration::from_millis(wait_ms)).await?;
    let next = last_seq(&items).unwrap_or(after);
    Ok(json(200, &json!({ "items": items, "next": next })))
}

/// Where to begin: where the client says, else before the oldest record that is kept.
async fn start(ask: &Ask, after: Option<u64>) -> Result<u64, Problem> {
    if let Some(after) = after {
        return Ok(after);
    }
    match read(ask, 0, 1, Duration::ZERO).await {
        Err(problem) if problem.status == 410 => {
            let oldest = problem.errors.first().and_then(|hint| hint.detail.parse::<u64>().ok());
            oldest.map(|oldest| oldest.saturating_sub(1)).ok_or(problem)
        }
        Err(problem) => Err(problem),
        Ok(_) => Ok(0),
    }
}

async fn read(ask: &Ask, after: u64, limit: usize, wait: Duration) -> Result<Vec<Value>, Problem> {
    // Asked before each read: a right that is taken away ends its share at once.
    ask.look(Query::Feed).await?;
    ask.app.node.feed(ask.account(), after, limit, wait).await
}

fn last_seq(items: &[Value]) -> Option<u64> {
    items.last().and_then(|record| record["seq"].as_u64())
}

async fn serve(mut socket: WebSocket, ask: Ask, after: u64) {
    let end = run(&mut socket, &ask, after).await;
    socket::close(socket, end).await;
}

async fn run(socket: &mut WebSocket, ask: &Ask, mut after: u64) -> End {
    let mut watch = Watch::new(&ask.app.node, &ask.identity, ask.app.limits.ping);
    loop {
        // A read that is given up has taken nothing: it begins again at the same place.
        let done = tokio::select! {
            items = read(ask, after, MOST_ITEMS, WAIT) => match items {
                Ok(items) if items.is_empty() => Ok(()),
                Ok(items) => {
                    after = last_seq(&items).unwrap_or(after);
                    socket::send(socket, json!({ "items": items }).to_string()).await
                }
                Err(problem) if problem.status == 410 => Err(Some((4410, "no longer kept"))),
                Err(problem) if problem.status == 403 => Err(Some((4403, "not allowed any more"))),
                Err(problem) if problem.status == 401 => Err(socket::SIGN_IN),
                Err(_) => Err(GOING_AWAY),
            },
            message = socket.recv() => {
                watch.heard();
                socket::text(message).and_then(|text| match text {
                    Some(_) => Err(Some((4400, "nothing is to be said here"))),
                    None => Ok(()),
                })
            }
            due = watch.next() => match due {
                Ok(()) => socket::ping(socket).await,
                Err(end) => Err(end),
            },
        };
        if let Err(end) = done {
            return end;
        }
    }
}
