//! Reading bodies: their size, their media type, their JSON.

use crate::api::limits::BODY_PARTS;
use crate::domain::json::Tree;
use crate::domain::problem::Problem;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http_body_util::BodyExt;
use hyper::body::Body;
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;

/// The largest body, in bytes.
pub const MOST_BYTES: usize = 1024 * 1024;
/// The largest body of a whole account or a file of users, in bytes.
pub const MOST_LARGE: usize = 10 * MOST_BYTES;
/// How much of a body that is too large is read and dropped, so that the sender hears the answer
/// and not a reset.
const DRAINED_BYTES: usize = 16 * MOST_BYTES;

/// Media types of a JSON body.
pub const JSON: &[&str] = &["application/json"];
/// Media types of a merge patch.
pub const MERGE_PATCH: &[&str] = &["application/merge-patch+json", "application/json"];
/// Media types of events.
pub const EVENTS: &[&str] =
    &["application/cloudevents+json", "application/cloudevents-batch+json", "application/json"];

/// Reads a whole body.
///
/// # Errors
/// 413 when it is larger than [`MOST_BYTES`], 400 when it ends early, 408 when its next part does
/// not come within `next_part`, or the whole within [`BODY_PARTS`] times that.
pub async fn read<B>(headers: &HeaderMap, body: B, next_part: Duration) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes> + Unpin,
{
    read_most(headers, body, next_part, MOST_BYTES).await
}

/// As [`read`], with another limit.
///
/// # Errors
/// As [`read`].
pub async fn read_most<B>(
    headers: &HeaderMap,
    body: B,
    next_part: Duration,
    most: usize,
) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut body = body;
    let said = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let said: usize = said.and_then(|text| text.parse().ok()).unwrap_or(0);
    // Small bodies mostly came with their head, in one part: it stays where it is, and no clock is
    // wound up.
    let first = match body.frame().now_or_never() {
        Some(Some(Ok(frame))) => match frame.into_data() {
            Ok(data) if data.len() == said && said <= most && body.is_end_stream() => {
                return Ok(data);
            }
            Ok(data) => data,
            Err(_) => Bytes::new(),
        },
        Some(Some(Err(_))) => return Err(broken()),
        Some(None) => return Ok(Bytes::new()),
        None => Bytes::new(),
    };
    let whole = timeout(next_part * BODY_PARTS, parts(first, said, body, next_part, most)).await;
    whole.unwrap_or_else(|_| Err(too_slow(next_part)))
}

/// The whole of a body of which `first` has been read; its sender `said` how long it is.
async fn parts<B>(
    first: Bytes,
    said: usize,
    mut body: B,
    next_part: Duration,
    most: usize,
) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut bytes = BytesMut::with_capacity(said.min(MOST_BYTES));
    let mut length = 0;
    let mut data = first;
    loop {
        length += data.len();
        if length <= most {
            bytes.extend_from_slice(&data);
        } else if length > DRAINED_BYTES {
            break;
        }
        let next = timeout(next_part, body.frame()).await.map_err(|_| too_slow(next_part))?;
        let Some(frame) = next else { break };
        data = frame.map_err(|_| broken())?.into_data().unwrap_or_default();
    }
    if length > most {
        let detail = format!("a body holds at most {most} bytes; send it in parts");
        return Err(Problem::new(413, "body_too_large", detail));
    }
    Ok(bytes.freeze())
}

fn broken() -> Problem {
    Problem::new(400, "broken_body", "the body ended before it was whole")
}

fn too_slow(next_part: Duration) -> Problem {
    let detail = format!("the body must not pause for {} ms; send it again", next_part.as_millis());
    Problem::new(408, "body_too_slow", detail)
}

/// Reads JSON of one of the media types.
///
/// # Errors
/// 415 for another media type, 400 for what is no JSON.
pub fn json(headers: &HeaderMap, bytes: &Bytes, kinds: &[&str]) -> Result<Value, Problem> {
    is_of(headers, kinds)?;
    serde_json::from_slice(bytes).map_err(|e| malformed(&e))
}

/// As [`json`], without a copy of its texts.
///
/// # Errors
/// As [`json`].
pub fn tree<'a>(headers: &HeaderMap, bytes: &'a [u8], kinds: &[&str]) -> Result<Tree<'a>, Problem> {
    is_of(headers, kinds)?;
    Tree::read(bytes).map_err(|e| malformed(&e))
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::new(400, "malformed_json", format!("the body is no JSON: {error}"))
}

/// Whether a body is of one of the media types, and not packed.
///
/// # Errors
/// 415.
pub fn is_of(headers: &HeaderMap, kinds: &[&str]) -> Result<(), Problem> {
    let packed = headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity");
    if packed {
        let detail = "send the body as it is: no Content-Encoding is taken here";
        return Err(Problem::new(415, "unsupported_media_type", detail));
    }
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kinds.iter().any(|known| known.eq_ignore_ascii_case(kind)) {
        let detail = format!("send Content-Type: {}", kinds.join(" or "));
        return Err(Problem::new(415, "unsupported_media_type", detail));
    }
    Ok(())
}
