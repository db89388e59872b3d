//! The short way of the commonest of all requests. Each event that a switch posts is one: past the
//! router and its layers they come to the same handler, and are answered in the same way.

use crate::api::problem::Answered;
use crate::api::{App, ask, body, switches};
use crate::domain::ids::is_name;
use axum::http::request::Parts;
use axum::http::{Method, Request};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use std::net::SocketAddr;

/// Posted events, as the router knows them.
pub(super) const EVENTS: &str = "/v1/accounts/{account}/events";

/// The account to which this request posts events, if that is what it does. Whatever is spelled in
/// another way is the router's to judge.
fn account<B>(request: &Request<B>) -> Option<&str> {
    if request.method() != Method::POST {
        return None;
    }
    let rest = request.uri().path().strip_prefix("/v1/accounts/")?;
    rest.strip_suffix("/events").filter(|account| is_name(account))
}

/// Whether a request may take this way.
pub(super) fn is_open_to<B>(request: &Request<B>) -> bool {
    account(request).is_some()
}

/// Answers a request that may.
pub(super) async fn answer(app: &App, peer: SocketAddr, request: Request<Incoming>) -> Response {
    let account = account(&request).unwrap_or_default().to_owned();
    let (parts, body) = request.into_parts();
    let answered = post(app, peer, &account, &parts, body).await;
    let response = answered.unwrap_or_else(IntoResponse::into_response);
    let trace = parts.headers.get("traceparent");
    app.requests.seen(Some(EVENTS), &parts.method, trace, response)
}

async fn post(
    app: &App,
    peer: SocketAddr,
    account: &str,
    parts: &Parts,
    body: Incoming,
) -> Answered {
    let headers = &parts.headers;
    let identity = ask::admit(app, headers, &parts.method, peer.ip())?;
    let identity = app.node.visit(identity, account)?;
    let bytes = body::read(headers, body, app.limits.body).await?;
    switches::post(app, &identity, headers, parts.uri.query(), &bytes).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_posted_events_of_a_plain_account_go_this_way() {
        let request = |method: &str, path: &str| {
            let request = Request::builder().method(method).uri(path).body(());
            request.expect("a request")
        };
        let way = request("POST", "/v1/accounts/default/events?ack=7");
        assert_eq!(account(&way), Some("default"));
        for (method, path) in [
            ("GET", "/v1/accounts/default/events"),
            ("POST", "/v1/accounts/default/events/"),
            ("POST", "/v1/accounts/default/event"),
            ("POST", "/v1/accounts//events"),
            ("POST", "/v1/accounts/a/b/events"),
            ("POST", "/v1/accounts/%64efault/events"),
            ("POST", "/v1/accounts/events"),
            ("POST", "/v2/accounts/default/events"),
        ] {
            assert_eq!(account(&request(method, path)), None, "{method} {path}");
        }
    }
}
