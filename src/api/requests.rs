//! Requests are counted by route, method and status, and `traceparent` is handed back.

use crate::api::App;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use dashmap::DashMap;
use metrics::Counter;
use rustc_hash::FxBuildHasher;

/// The counters in use, by route: looking one up by its labels costs more than a small request.
#[derive(Default)]
pub struct Requests(DashMap<String, Vec<(Kind, Counter)>, FxBuildHasher>);

/// Method and status.
type Kind = (&'static str, u16);

/// The route of requests that match none.
const NO_ROUTE: &str = "none";

impl Requests {
    fn count(&self, route: &str, kind: Kind) {
        if let Some(known) = self.0.get(route)
            && let Some((_, counter)) = known.iter().find(|(known, _)| *known == kind)
        {
            return counter.increment(1);
        }
        let counter = metrics::counter!(
            "callboard_http_requests_total",
            "route" => route.to_owned(),
            "method" => kind.0,
            "status" => kind.1.to_string()
        );
        counter.increment(1);
        self.0.entry(route.to_owned()).or_default().push((kind, counter));
    }

    /// Counts the answer to a request, and hands its `traceparent` back with it.
    pub(super) fn seen(
        &self,
        route: Option<&str>,
        method: &Method,
        trace: Option<&HeaderValue>,
        mut response: Response,
    ) -> Response {
        self.count(route.unwrap_or(NO_ROUTE), (known(method), response.status().as_u16()));
        if let Some(trace) = trace {
            response.headers_mut().insert("traceparent", trace.clone());
        }
        response
    }
}

/// Whoever invents methods makes no new series by it.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::PUT => "PUT",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Around every request.
pub async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    let trace: Option<HeaderValue> = request.headers().get("traceparent").cloned();
    let response = next.run(request).await;
    app.requests.seen(route.as_ref().map(MatchedPath::as_str), &method, trace.as_ref(), response)
}
