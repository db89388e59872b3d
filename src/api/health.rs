//! What operators and tools read: health, figures, the documents of the interface itself.

use crate::api::answer::json;
use crate::api::endpoint::{Method, endpoint};
use crate::api::{App, Routes};
use crate::node::{Health, telemetry};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

const TAG: &str = "Operation";

/// The routes that need no key.
pub fn routes(routes: Routes) -> Routes {
    routes
        .routes(
            endpoint(Method::Get, "/livez", "livez", "Says that the process lives.", live)
                .tag(TAG)
                .public()
                .answers_plain(200, "It does.")
                .done(),
        )
        .routes(
            endpoint(Method::Get, "/readyz", "readyz", "Says whether calls can come.", ready)
                .tag(TAG)
                .public()
                .answers::<Health>(200, "Ready.")
                .answers::<Health>(503, "Not ready, and why.")
                .done(),
        )
        .routes(
            endpoint(Method::Get, "/metrics", "metrics", "Figures for Prometheus.", metrics)
                .tag(TAG)
                .public()
                .answers_plain(200, "text/plain, in Prometheus' format.")
                .done(),
        )
        .routes(
            endpoint(Method::Get, "/errors", "errors", "Explains every error code.", errors)
                .tag(TAG)
                .public()
                .answers_plain(200, "text/markdown.")
                .done(),
        )
        .routes(
            endpoint(Method::Get, "/openapi.json", "openapi", "This document.", document)
                .tag(TAG)
                .public()
                .answers_plain(200, "OpenAPI 3.1.")
                .done(),
        )
        .routes(
            endpoint(Method::Get, "/asyncapi.json", "asyncapi", "The WebSockets.", sockets)
                .tag(TAG)
                .public()
                .answers_plain(200, "AsyncAPI 3.")
                .done(),
        )
}

async fn live() -> &'static str {
    "alive\n"
}

async fn ready(State(app): State<App>) -> Response {
    let health = app.node.health();
    json(if health.ready { 200 } else { 503 }, &health)
}

async fn metrics(State(app): State<App>) -> Response {
    telemetry::show_health(&app.node.health());
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(CONTENT_TYPE, kind)], (app.metrics)()).into_response()
}

async fn errors() -> Response {
    let page = include_str!("../../docs/errors.md");
    ([(CONTENT_TYPE, "text/markdown; charset=utf-8")], page).into_response()
}

async fn document(State(app): State<App>) -> Response {
    ([(CONTENT_TYPE, "application/json")], app.openapi.clone()).into_response()
}

/// Written by hand; a test holds it against what the sockets say.
async fn sockets() -> Response {
    let document = include_str!("../../docs/asyncapi.json");
    ([(CONTENT_TYPE, "application/json")], document).into_response()
}
