//! Requests are counted by route, method and status, and `traceparent` is handed back.

use crate::api::App;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use dashmap::DashMap;
use metrics::Counter;

/// The counters in use: looking one up by its labels costs more than a small request.
#[derive(Default)]
pub struct Requests(DashMap<(Option<MatchedRoute>, &'static str, u16), Counter>);

/// A route as the router names it: shared text.
type MatchedRoute = std::sync::Arc<str>;

impl Requests {
    fn count(&self, route: Option<&MatchedPath>, method: &Method, status: u16) {
        let method = known(method);
        let key = (route.map(|path| path.as_str().into()), method, status);
        if let Some(counter) = self.0.get(&key) {
            return counter.increment(1);
        }
        let counter = metrics::counter!(
            "callboard_http_requests_total",
            "route" => route.map_or("none", MatchedPath::as_str).to_owned(),
            "method" => method,
            "status" => status.to_string()
        );
        counter.increment(1);
        self.0.insert(key, counter);
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
    let mut response = next.run(request).await;
    app.requests.count(route.as_ref(), &method, response.status().as_u16());
    if let Some(trace) = trace {
        response.headers_mut().insert("traceparent", trace);
    }
    response
}
