//! Mounts the dashboards' feed; its body is in `crate::live`.

use crate::access::Identity;
use crate::api::answer;
use crate::api::ask::Ask;
use crate::api::endpoint::{Method, endpoint};
use crate::api::problem::{Answered, Refusal, bad_path};
use crate::api::switches::upgraded;
use crate::api::{App, Routes, tickets};
use crate::domain::ids::Name;
use crate::domain::input::{Input, Query};
use crate::domain::problem::{FieldError, Problem};
use crate::live::view::Scope;
use crate::live::{Viewer, socket, sse, wire};
use crate::node::Handle;
use crate::reporting::figures::Seen;
use axum::extract::rejection::PathRejection;
use axum::extract::ws::WebSocket;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Path, State, WebSocketUpgrade};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

const TAG: &str = "Live";

/// The routes of dashboards.
pub fn routes(routes: Routes) -> Routes {
    routes
        .routes(
            endpoint(
                Method::Get,
                "/v1/accounts/{account}/live",
                "open_live",
                "Opens the live board: a WebSocket, callboard.live.v1. Snapshot, then deltas.",
                open,
            )
            .tag(TAG)
            .answers_plain(101, "The feed is open; the client says first what it wants.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Get,
                "/v1/accounts/{account}/live/events",
                "live_events",
                "Opens the live board as Server-Sent Events. Last-Event-ID resumes.",
                events,
            )
            .tag(TAG)
            .query_text("queues", "*, or ids with commas between.")
            .query_text("agents", "*, ids with commas between, or queue: or group: and an id.")
            .query_flag("calls", "Whether calls.")
            .query_flag("alerts", "Whether alerts.")
            .query_int("every_ms", "0, 50, 100 (default), 250, 500, 1000 or 5000.")
            .query_text(
                "figures",
                "By what and over which window: queue:60m; more, with commas between.",
            )
            .header("Last-Event-ID", "epoch:seq, as the last event's id was.")
            .answers_plain(200, "text/event-stream.")
            .done(),
        )
}

/// With a key in the header as everywhere; without one (browsers cannot send it) the first frame
/// must be a ticket.
async fn open(
    State(app): State<App>,
    account: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    ask: Result<Ask, Refusal>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Answered {
    let Path(account) = account.map_err(|e| bad_path(&e.to_string()))?;
    if ask.is_err() && !headers.contains_key(AUTHORIZATION) {
        let upgrade = socket::limits(upgraded(upgrade)?);
        return Ok(upgrade.on_upgrade(move |socket| by_ticket(socket, app, account)));
    }
    let ask = ask?;
    ask.no_query()?;
    let upgrade = upgraded(upgrade)?;
    let viewer = viewer(&ask).await?;
    let (hub, ping) = (ask.app.node.hub(), ask.app.limits.ping);
    Ok(socket::limits(upgrade).on_upgrade(move |socket| socket::serve(socket, hub, viewer, ping)))
}

async fn by_ticket(mut socket: WebSocket, app: App, account: String) {
    let end = match tickets::admit(&mut socket, &app, &account).await {
        Ok(identity) => match viewer_of(&app.node, &identity).await {
            Ok(viewer) => {
                let ping = app.limits.ping;
                return socket::serve(socket, app.node.hub(), viewer, ping).await;
            }
            Err(problem) if problem.status >= 500 => crate::api::socket::GOING_AWAY,
            Err(_) => Some((4403, "not allowed")),
        },
        Err(end) => end,
    };
    crate::api::socket::close(socket, end).await;
}

async fn events(ask: Ask) -> Answered {
    let mut query = ask.query()?;
    let asked = wire::Query {
        queues: query.text("queues"),
        agents: query.text("agents"),
        calls: query.flag("calls"),
        alerts: query.flag("alerts"),
        every_ms: query.int("every_ms", 0..=5_000),
        figures: query.text("figures"),
    };
    query.done()?;
    let viewer = viewer(&ask).await?;
    let last = ask.headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let resume = last.and_then(wire::last_event_id);
    let wanted = asked.subscription(resume, &viewer).map_err(|what| {
        let field = what.split([':', '.']).next().unwrap_or_default().to_owned();
        Problem::invalid(vec![FieldError::new(field, "malformed", what)])
    })?;
    Ok(sse::serve(ask.app.node.hub(), viewer, wanted).await)
}

async fn viewer(ask: &Ask) -> Result<Viewer, Problem> {
    viewer_of(&ask.app.node, &ask.identity).await
}

async fn viewer_of(node: &Handle, who: &Identity) -> Result<Viewer, Problem> {
    Ok(Viewer {
        account: who.account.clone(),
        scope: scope_of(node, who).await?,
        figures: figures_of(node, who).await?,
        key: Some(who.key),
        user: who.actor.user.clone(),
    })
}

/// What the engine lets this actor see: the whole account, a part, or one agent's own part.
async fn scope_of(node: &Handle, who: &Identity) -> Result<Scope, Problem> {
    let input = Input::Query { actor: who.actor.clone(), query: Query::Watch };
    let seen = answer::body(node.send(&who.account, input).await?);
    match (seen["scope"].as_str(), seen["user"].as_str()) {
        (Some("all"), _) => Ok(Scope::All),
        (Some("agent"), Some(user)) => Ok(Scope::Agent(Name::from(user))),
        (Some("some"), _) => Ok(Scope::some(names(&seen["users"]), names(&seen["queues"]))),
        // What is not understood is not shown.
        _ => Err(Problem::forbidden("watch")),
    }
}

/// Whose figures this actor may see.
async fn figures_of(node: &Handle, who: &Identity) -> Result<Seen, Problem> {
    let input = Input::Query { actor: who.actor.clone(), query: Query::Figures };
    Ok(Seen::read(&answer::body(node.send(&who.account, input).await?)))
}

fn names(list: &serde_json::Value) -> Vec<Name> {
    list.as_array().into_iter().flatten().filter_map(|id| id.as_str().map(Name::from)).collect()
}
