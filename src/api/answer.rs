//! From the engine's answer to a response.

use crate::domain::compact;
use crate::domain::input::Answer;
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;

/// JSON with a status; it must not be kept by caches, since it shows live state.
pub fn json(status: u16, body: &impl Serialize) -> Response {
    let bytes = compact::to_vec(body, 256).unwrap_or_default();
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The engine's answer as a response, its version as `ETag`.
#[must_use]
pub fn response(answer: Answer) -> Response {
    match answer {
        Answer::Nothing => StatusCode::NO_CONTENT.into_response(),
        Answer::Event(result) => json(200, &result),
        Answer::Refused(problem) => crate::api::problem::Refusal::from(problem).into_response(),
        Answer::Done { status, version, body } => {
            let mut response = match body {
                Value::Null => {
                    let status = if status == 200 { 204 } else { status };
                    StatusCode::from_u16(status).unwrap_or(StatusCode::NO_CONTENT).into_response()
                }
                body => json(status, &body),
            };
            let tag = version.and_then(|v| HeaderValue::from_str(&format!("\"{v}\"")).ok());
            if let Some(tag) = tag {
                response.headers_mut().insert(ETAG, tag);
            }
            response
        }
    }
}

/// The body of the engine's answer, for parts of another answer.
#[must_use]
pub fn body(answer: Answer) -> Value {
    match answer {
        Answer::Done { body, .. } => body,
        Answer::Event(result) => serde_json::to_value(result).unwrap_or_default(),
        Answer::Nothing | Answer::Refused(_) => Value::Null,
    }
}
