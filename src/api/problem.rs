//! Refusals on the wire: RFC 9457 `application/problem+json`, for everything that is refused.

use crate::domain::objects::user::Home;
use crate::domain::problem::{FieldError, Problem};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// A problem that becomes a response.
#[derive(Debug)]
pub struct Refusal(pub Box<Problem>);

/// What handlers answer.
pub type Answered = Result<Response, Refusal>;

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Refusal {
        Refusal(Box::new(problem))
    }
}

/// A refusal, RFC 9457.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub struct Shown<'a> {
    /// Leads to the code's paragraph in the list of errors.
    #[serde(rename = "type")]
    kind: String,
    /// What this kind of problem is, the same for every occurrence.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// The stable machine word.
    code: &'a str,
    /// What is wrong this time, and the remedy.
    detail: &'a str,
    /// Every wrong field at once.
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    #[schema(value_type = Vec<FieldError>, required = false)]
    errors: &'a [FieldError],
    /// Of 409 `existing_user`: who is there already, and in which account.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Home, required = false)]
    existing_user: Option<&'a Home>,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let problem = &*self.0;
        let shown = Shown {
            kind: format!("/errors#{}", problem.code),
            title: title(problem.status),
            status: problem.status,
            code: problem.code,
            detail: &problem.detail,
            errors: &problem.errors,
            existing_user: problem.existing_user.as_deref(),
        };
        let body = serde_json::to_vec(&shown).unwrap_or_default();
        let status =
            StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response =
            (status, [(CONTENT_TYPE, "application/problem+json")], body).into_response();
        if let Some(seconds) = problem.retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        if problem.status == 401 {
            let challenge = HeaderValue::from_static("Bearer realm=\"callboard\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

fn title(status: u16) -> &'static str {
    match status {
        422 => "The request is understood but wrong",
        409 => "The present state does not allow it",
        412 => "The object is another version",
        _ => StatusCode::from_u16(status)
            .ok()
            .and_then(|status| status.canonical_reason())
            .unwrap_or("Refused"),
    }
}

/// 404 for a path that is not served.
pub async fn no_path(uri: Uri) -> Refusal {
    let detail = format!("nothing is served at {}; /openapi.json lists what is", uri.path());
    Problem::new(404, "no_such_path", detail).into()
}

/// 405 for a path that is served with other methods; `Allow` names them.
pub async fn no_method(method: Method, uri: Uri) -> Refusal {
    let detail = format!("{} does not take {method}; see the Allow header", uri.path());
    Problem::new(405, "method_not_allowed", detail).into()
}

/// 400 for a path that is not UTF-8 or the like.
#[must_use]
pub fn bad_path(why: &str) -> Problem {
    Problem::new(400, "bad_path", why)
}
