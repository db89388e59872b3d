//! An agent's desk over a WebSocket, `callboard.desk.v1`: it holds the lease, is shown the agent's
//! own state and offers, and takes the actions of the HTTP surface as frames.
//!
//! In: an object with one of `status`, `accept`, `refuse`, `wrap_up_end`, `end`, `opted_in`, and
//! optionally `ref`, which the answer repeats. Out: `{ "type": "state", "agent", "offers", … }` as
//! often as it changes, and for each action `{ "type": "result", "ref", "status", "error"? }`.

use crate::api::Routes;
use crate::api::agents::{read_opting, read_status};
use crate::api::answer;
use crate::api::ask::Ask;
use crate::api::calls::{read_transfer_body, read_wrap_up_end};
use crate::api::endpoint::{Method, endpoint};
use crate::api::problem::Answered;
use crate::api::socket::{self, BAD_FRAME, End, GOING_AWAY, Watch};
use crate::api::switches::upgraded;
use crate::domain::fields::Fields;
use crate::domain::ids::{CallId, OfferId};
use crate::domain::input::Command;
use crate::domain::problem::{FieldError, Problem};
use crate::node::DeskStream;
use axum::extract::WebSocketUpgrade;
use axum::extract::ws::WebSocket;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use serde_json::{Value, json};
use std::time::Duration;

/// The subprotocol's name.
pub const PROTOCOL: &str = "callboard.desk.v1";

/// Desks hold a lease: whether one is gone is to be known soon.
const PING_EVERY: Duration = Duration::from_secs(10);
const MOST_BYTES: usize = 16 * 1024;

/// The route of desks.
pub fn routes(routes: Routes) -> Routes {
    routes.routes(
        endpoint(
            Method::Get,
            "/v1/accounts/{account}/agents/{user}/desk",
            "open_desk",
            "Opens an agent's desk: a WebSocket, callboard.desk.v1. It holds the agent's lease.",
            open,
        )
        .tag("Agents")
        .answers_plain(101, "The desk is open.")
        .done(),
    )
}

async fn open(ask: Ask, upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>) -> Answered {
    ask.no_query()?;
    let upgrade = upgraded(upgrade)?;
    let user = ask.param("user");
    let desk = ask.app.node.desk_open(ask.account(), ask.actor(), &user).await?;
    let upgrade = socket::limits(upgrade, PROTOCOL, MOST_BYTES);
    Ok(upgrade.on_upgrade(move |socket| serve(socket, ask, user, desk)))
}

async fn serve(mut socket: WebSocket, ask: Ask, user: String, desk: DeskStream) {
    let end = run(&mut socket, &ask, &user, desk).await;
    socket::close(socket, end).await;
}

async fn run(socket: &mut WebSocket, ask: &Ask, user: &str, mut desk: DeskStream) -> End {
    let mut watch = Watch::new(&ask.app.node, &ask.identity, PING_EVERY.min(ask.app.limits.ping));
    if let Err(end) = first(socket, ask, user).await {
        return end;
    }
    loop {
        let done = tokio::select! {
            view = desk.next() => match view {
                Some(view) => socket::send(socket, state(&view)).await,
                None => Err(GOING_AWAY),
            },
            message = socket.recv() => {
                watch.heard();
                match socket::text(message) {
                    Ok(Some(text)) => heard(socket, ask, user, &text).await,
                    Ok(None) => Ok(()),
                    Err(end) => Err(end),
                }
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

/// What the desk shows at first; later views come when something changes.
async fn first(socket: &mut WebSocket, ask: &Ask, user: &str) -> Result<(), End> {
    let query = crate::domain::input::Query::Desk { user: user.to_owned() };
    match ask.look(query).await {
        Ok(view) => socket::send(socket, state(&answer::body(view))).await,
        Err(problem) if problem.status >= 500 => Err(GOING_AWAY),
        Err(_) => Err(Some((4403, "not allowed"))),
    }
}

fn state(view: &Value) -> String {
    let mut frame = view.clone();
    if let Value::Object(fields) = &mut frame {
        fields.insert("type".into(), "state".into());
    }
    frame.to_string()
}

async fn heard(socket: &mut WebSocket, ask: &Ask, user: &str, text: &str) -> Result<(), End> {
    let Ok(frame @ Value::Object(_)) = serde_json::from_str::<Value>(text) else {
        return Err(BAD_FRAME);
    };
    let mut result = json!({ "type": "result", "ref": frame.get("ref"), "status": 200 });
    let outcome = match read(user, &frame) {
        Ok(command) => ask.change(command).await.map(drop),
        Err(errors) => Err(Problem::invalid(errors)),
    };
    if let Err(problem) = outcome {
        result["status"] = json!(problem.status);
        result["error"] = json!({
            "code": problem.code, "detail": problem.detail, "errors": problem.errors,
        });
    }
    socket::send(socket, result.to_string()).await
}

/// The one action of a frame.
fn read(user: &str, frame: &Value) -> Result<Command, Vec<FieldError>> {
    let mut f = Fields::of(frame);
    f.raw("ref");
    let status = f.raw("status").map(|value| {
        // A bare word is enough for a status without more.
        let body = if value.is_string() { json!({ "status": value }) } else { value.clone() };
        read_status(user.to_owned(), &body)
    });
    let opted = f.raw("opted_in").map(|value| read_opting(user.to_owned(), value));
    let accept = f.raw("accept").map(|id| offer(id).map(|offer| Command::Accept { offer }));
    let refuse = f.raw("refuse").map(|id| offer(id).map(|offer| Command::Refuse { offer }));
    let end = f.raw("end").map(|id| call(id).map(|call| Command::EndCall { call }));
    let hold = f.raw("hold").map(|id| call(id).map(|call| Command::Hold { call, hold: true }));
    let resume = f.raw("resume").map(|id| call(id).map(|call| Command::Hold { call, hold: false }));
    let transfer = f.raw("transfer").map(read_transfer_frame);
    let seen = f.raw("read").map(|id| {
        let message = id.as_str().map(str::to_owned);
        let command =
            message.map(|message| Command::ReadMessage { user: user.to_owned(), message });
        command.ok_or_else(|| vec![FieldError::new("", "malformed", "must be a message's id")])
    });
    let wrap_up = f.raw("wrap_up_end").map(wrap_up_end);
    let actions = [
        ("/status", status),
        ("/opted_in", opted),
        ("/accept", accept),
        ("/refuse", refuse),
        ("/end", end),
        ("/hold", hold),
        ("/resume", resume),
        ("/transfer", transfer),
        ("/wrap_up_end", wrap_up),
        ("/read", seen),
    ];
    let mut named = actions.into_iter().filter_map(|(at, read)| Some((at, read?)));
    let first = named.next();
    if first.is_none() || named.next().is_some() {
        let wanted =
            "status, accept, refuse, wrap_up_end, end, hold, resume, transfer, opted_in, read";
        f.wrong_here("conflict", format!("a frame holds exactly one of {wanted}"));
    }
    f.done(())?;
    let Some((at, read)) = first else { return Err(Vec::new()) };
    read.map_err(|errors| {
        let under = |e: FieldError| FieldError { pointer: format!("{at}{}", e.pointer), ..e };
        errors.into_iter().map(under).collect()
    })
}

fn offer(id: &Value) -> Result<OfferId, Vec<FieldError>> {
    let offer = id.as_str().and_then(OfferId::parse);
    offer.ok_or_else(|| vec![FieldError::new("", "malformed", "must be an offer's id")])
}

fn call(id: &Value) -> Result<CallId, Vec<FieldError>> {
    let call = id.as_str().and_then(CallId::parse);
    call.ok_or_else(|| vec![FieldError::new("", "malformed", "must be a call's id")])
}

/// `{ "call", "to", "kind"? }`
fn read_transfer_frame(value: &Value) -> Result<Command, Vec<FieldError>> {
    let Value::Object(fields) = value else {
        let detail = "must be an object such as { \"call\": …, \"to\": { \"queue\": … } }";
        return Err(vec![FieldError::new("", "type", detail)]);
    };
    let mut rest = fields.clone();
    let id = rest.remove("call").unwrap_or_default();
    let at = |e: FieldError| FieldError { pointer: "/call".into(), ..e };
    let call = call(&id).map_err(|errors| errors.into_iter().map(at).collect::<Vec<_>>())?;
    read_transfer_body(call, &Value::Object(rest))
}

/// A call's id, or `{ "call", "disposition"? }`.
fn wrap_up_end(value: &Value) -> Result<Command, Vec<FieldError>> {
    let Value::Object(fields) = value else {
        return Ok(Command::EndWrapUp { call: call(value)?, disposition: None });
    };
    let mut rest = fields.clone();
    let id = rest.remove("call").unwrap_or_default();
    let at = |e: FieldError| FieldError { pointer: "/call".into(), ..e };
    let call = call(&id).map_err(|errors| errors.into_iter().map(at).collect::<Vec<_>>())?;
    read_wrap_up_end(call, &Value::Object(rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::presence::Status;

    fn wrong(frame: Value) -> Vec<String> {
        let errors = read("usr_ann", &frame).expect_err("is wrong");
        errors.into_iter().map(|e| format!("{} {}", e.pointer, e.code)).collect()
    }

    #[test]
    fn frames_are_the_actions_of_the_surface() {
        let (offer, call) = (OfferId(7), CallId(9));
        for frame in
            [json!({ "status": "ready", "ref": 1 }), json!({ "status": { "status": "ready" } })]
        {
            let read = read("usr_ann", &frame).expect("a status");
            assert!(matches!(read, Command::SetStatus { status: Status::Ready, .. }));
        }
        let command = read("usr_ann", &json!({ "accept": offer.to_string() })).expect("an accept");
        assert!(matches!(command, Command::Accept { offer: OfferId(7) }));
        let frame = json!({ "wrap_up_end": { "call": call.to_string(), "disposition": "solved" } });
        let command = read("usr_ann", &frame).expect("an end");
        assert!(matches!(command, Command::EndWrapUp { call: CallId(9), disposition: Some(_) }));
        for (way, held) in [("hold", true), ("resume", false)] {
            let command = read("usr_ann", &json!({ way: call.to_string() })).expect("a hold");
            assert!(matches!(command, Command::Hold { call: CallId(9), hold } if hold == held));
        }
        let frame = json!({ "transfer": { "call": call.to_string(), "to": { "queue": "sales" } } });
        let command = read("usr_ann", &frame).expect("a transfer");
        assert!(matches!(command, Command::Transfer { call: CallId(9), .. }));
        let frame = json!({ "opted_in": { "queue": "support", "opted_in": false } });
        let command = read("usr_ann", &frame).expect("an opt");
        assert!(matches!(command, Command::SetOptedIn { opted_in: false, .. }));
    }

    #[test]
    fn wrong_frames_are_told_by_their_pointer() {
        assert_eq!(wrong(json!({})), [" conflict"]);
        assert_eq!(wrong(json!({ "acept": "x" })), [" conflict", "/acept unknown_field"]);
        assert_eq!(wrong(json!({ "accept": "x" })), ["/accept malformed"]);
        assert_eq!(
            wrong(json!({ "status": { "status": "idle" } })),
            ["/status/status unknown_value"]
        );
        assert_eq!(wrong(json!({ "wrap_up_end": {} })), ["/wrap_up_end/call malformed"]);
        assert_eq!(wrong(json!({ "status": "ready", "end": "x" })), [" conflict"]);
    }
}
