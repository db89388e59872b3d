//! The switches' doors: posted events, the link, the poll.

use crate::access::Identity;
use crate::api::answer::json;
use crate::api::ask::{Ask, Sent};
use crate::api::body::{self, EVENTS};
use crate::api::endpoint::{Method, endpoint};
use crate::api::problem::{Answered, Refusal};
use crate::api::query::Queries;
use crate::api::schema::{CommandsAnswer, EventBody, EventsAnswer};
use crate::api::{App, Routes, link, posted, socket};
use crate::domain::cloud_events::{Parsed, parse_batch};
use crate::domain::input::Actor;
use crate::domain::objects::user::Role;
use crate::domain::problem::Problem;
use crate::domain::rights::Permission;
use crate::domain::switching::{Command, EventResult};
use crate::node::{EventItem, Handle};
use crate::switch::wire::PROTOCOL;
use axum::extract::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::HeaderMap;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

const TAG: &str = "Switches";
/// The longest wait of a poll.
const MOST_WAIT_MS: u64 = 60_000;

/// The routes of switches.
pub fn routes(routes: Routes) -> Routes {
    routes
        .routes(
            endpoint(
                Method::Post,
                posted::EVENTS,
                "post_events",
                "Takes what a switch reports: one CloudEvent, or a list of up to 1,000. Answered \
                 when the events are durable; source and id make them idempotent.",
                events,
            )
            .tag(TAG)
            .query_int("ack", "Every command up to this seq is done.")
            .body::<EventBody>("application/cloudevents+json")
            .answers::<EventsAnswer>(202, "One result per event, and the commands they caused.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Get,
                "/v1/accounts/{account}/switches/{switch}/commands",
                "poll_commands",
                "Fetches commands, waiting for some. Asking for what comes after N acknowledges \
                 all up to N.",
                poll,
            )
            .tag(TAG)
            .query_int("after", "The last seq that is done; default 0.")
            .query_int("wait_ms", "How long to wait for the next, 0–60,000; default 0.")
            .answers::<CommandsAnswer>(200, "Open commands in order; none when the wait is over.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Get,
                "/v1/accounts/{account}/switches/{switch}/link",
                "open_link",
                "Opens the switch's WebSocket, callboard.switch.v1. In: events and done; out: \
                 results and commands.",
                open_link,
            )
            .tag(TAG)
            .answers_plain(101, "The link is open.")
            .done(),
        )
}

#[derive(Serialize)]
struct Taken {
    results: Vec<EventResult>,
    commands: Vec<Arc<Command>>,
}

async fn events(Sent { ask, bytes }: Sent) -> Answered {
    post(&ask.app, &ask.identity, &ask.headers, ask.uri.query(), &bytes).await
}

/// Takes posted events.
///
/// # Errors
/// 400 and 415 of the body, 422 of it or the query, and as [`take`].
pub(super) async fn post(
    app: &App,
    identity: &Identity,
    headers: &HeaderMap,
    query: Option<&str>,
    bytes: &[u8],
) -> Answered {
    let ack = query.map_or(Ok(None), acknowledged)?;
    let parsed = parse_batch(&body::tree(headers, bytes, EVENTS)?)?;
    let (results, commands) =
        take(&app.node, &identity.account, &identity.actor, parsed, ack).await?;
    Ok(json(202, &Taken { results, commands }))
}

fn acknowledged(query: &str) -> Result<Option<u64>, Problem> {
    let mut query = Queries::read(query)?;
    let ack = query.int("ack", 0..=u64::MAX);
    query.done()?;
    Ok(ack)
}

/// Hands events in, in order, those of one source together; a wrong one keeps its place.
///
/// # Errors
/// The node's refusal. Part may have been taken: sent again, that part is answered as duplicates.
pub(super) async fn take(
    node: &Handle,
    account: &str,
    actor: &Actor,
    parsed: Vec<Parsed>,
    ack: Option<u64>,
) -> Result<(Vec<EventResult>, Vec<Arc<Command>>), Problem> {
    // One event is the commonest list of all.
    let parsed = match <[Parsed; 1]>::try_from(parsed) {
        Ok([Ok((source, event))]) => {
            let items = vec![EventItem::Event(event)];
            return node.send_switch_events(account, actor.clone(), source, items, ack).await;
        }
        Ok([wrong]) => vec![wrong],
        Err(parsed) => parsed,
    };
    let mut results = Vec::with_capacity(parsed.len());
    let mut commands = Vec::new();
    let mut ack = ack;
    for (source, items) in by_source(parsed, actor) {
        let ack = ack.take();
        let actor = actor.clone();
        let (mut part, mut told) =
            node.send_switch_events(account, actor, source, items, ack).await?;
        results.append(&mut part);
        commands.append(&mut told);
    }
    Ok((results, commands))
}

/// Runs of events of one source, at least one. Wrong events name none: they go with those around them.
pub(super) fn by_source(parsed: Vec<Parsed>, actor: &Actor) -> Vec<(String, Vec<EventItem>)> {
    let own = actor.switch.as_deref().unwrap_or_default();
    let mut runs: Vec<(Option<String>, Vec<EventItem>)> = Vec::new();
    for item in parsed {
        let (source, item) = match item {
            Ok((source, event)) => (Some(source), EventItem::Event(event)),
            Err(result) => (None, EventItem::Rejected(*result)),
        };
        match runs.last_mut() {
            Some((of, items)) if source.is_none() || of.is_none() || *of == source => {
                *of = of.take().or(source);
                items.push(item);
            }
            _ => runs.push((source, vec![item])),
        }
    }
    if runs.is_empty() {
        // An empty list still acknowledges.
        runs.push((None, Vec::new()));
    }
    runs.into_iter().map(|(source, items)| (source.unwrap_or_else(|| own.into()), items)).collect()
}

async fn poll(ask: Ask) -> Answered {
    let mut query = ask.query()?;
    let after = query.int("after", 0..=u64::MAX).unwrap_or(0);
    let wait_ms = query.int("wait_ms", 0..=MOST_WAIT_MS).unwrap_or(0);
    query.done()?;
    let switch = own_switch(&ask).await?;
    let wait = Duration::from_millis(wait_ms);
    let commands = ask.app.node.poll(ask.account(), &switch, after, wait).await?;
    #[derive(Serialize)]
    struct Told {
        commands: Vec<Arc<Command>>,
    }
    Ok(json(200, &Told { commands }))
}

async fn open_link(
    ask: Ask,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Answered {
    ask.no_query()?;
    let switch = own_switch(&ask).await?;
    let upgrade = upgraded(upgrade)?;
    // Before the upgrade, so that a refusal is a status and not a close.
    let commands = ask.app.node.link_open(ask.account(), &switch).await?;
    let upgrade = socket::limits(upgrade, PROTOCOL, crate::api::body::MOST_BYTES);
    Ok(upgrade.on_upgrade(move |socket| link::serve(socket, ask, switch, commands)))
}

/// The upgrade, or 426 for a request that asks for none.
///
/// # Errors
/// 426 `upgrade_required`.
pub(super) fn upgraded(
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<WebSocketUpgrade, Refusal> {
    upgrade.map_err(|why| {
        let detail = format!("this is a WebSocket: connect with ws://; {why}");
        Problem::new(426, "upgrade_required", detail).into()
    })
}

/// The switch that the path names, if the key may speak for it: a key of role `switch` for its own
/// (others are out of its sight), owners and administrators for every one, as a test.
async fn own_switch(ask: &Ask) -> Result<String, Problem> {
    let switch = ask.param("switch");
    let actor = &ask.identity.actor;
    if !ask.may(Permission::Switch).await? {
        return Err(Problem::forbidden(Permission::Switch.word()));
    }
    match actor.role {
        Role::Switch if actor.switch.as_deref() != Some(&*switch) => {
            Err(Problem::not_found("switch", &switch))
        }
        _ => Ok(switch),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::input::Door;
    use serde_json::json;

    fn actor() -> Actor {
        let switch = Some("edge".into());
        Actor { name: "edge".into(), role: Role::Switch, user: None, switch, door: Door::default() }
    }

    #[test]
    fn wrong_events_keep_their_place_among_those_of_their_neighbours() {
        let event = |source: &str| json!({ "specversion": "1.0", "id": "1", "source": source, "type": "switch.heartbeat" });
        let list = json!([5, event("a"), 6, event("a"), event("b"), 7]);
        let runs = by_source(parse_batch(&list).expect("a list"), &actor());
        let shape: Vec<_> = runs.iter().map(|(of, items)| (of.as_str(), items.len())).collect();
        assert_eq!(shape, [("a", 4), ("b", 2)]);
        let runs = by_source(parse_batch(&json!([5])).expect("a list"), &actor());
        assert_eq!((runs[0].0.as_str(), runs[0].1.len()), ("edge", 1));
        let runs = by_source(Vec::new(), &actor());
        assert_eq!((runs.len(), runs[0].1.len()), (1, 0));
    }
}
