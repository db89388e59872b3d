//! The live feed as Server-Sent Events: the same messages, each with `id: epoch:seq`, so that a
//! browser resumes by itself (`Last-Event-ID`).

use crate::domain::ids::Name;
use crate::live::frame::Frame;
use crate::live::handle::{Connection, HubHandle, Viewer};
use crate::live::slot::{Close, Parcel};
use crate::live::socket::{going_away, prepared};
use crate::live::wire::Subscription;
use axum::body::Body;
use axum::extract::ws::Utf8Bytes;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use std::collections::VecDeque;
use std::convert::Infallible;

/// Answers a dashboard's request. The viewer was authenticated before; `wanted` comes from
/// [`crate::live::wire::Query`], its `resume` from [`crate::live::wire::last_event_id`].
///
/// A connection that is made to close ends with `event: close` and
/// `{ "code", "reason" }`, after a `going_away` message (and `retry:`) where there is one.
pub async fn serve(hub: HubHandle, who: Viewer, wanted: Subscription) -> Response {
    let epoch = hub.epoch().clone();
    let connection = hub.connect(who);
    if !connection.subscribe(wanted).await {
        connection.slot().close(Close::new(1001, "going away"));
    }
    let feed =
        Feed { connection, epoch, chunks: VecDeque::new(), is_sending: false, is_over: false };
    let chunks = stream::unfold(feed, |mut feed| async {
        feed.next().await.map(|chunk| (Ok::<Bytes, Infallible>(chunk), feed))
    });
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(chunks)).into_response()
}

/// The chunks of one response, one frame at a time.
struct Feed {
    connection: Connection,
    epoch: Name,
    chunks: VecDeque<Bytes>,
    is_sending: bool,
    is_over: bool,
}

impl Feed {
    /// The next chunk. The server asks for it when the one before is on its way.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(chunk) = self.chunks.pop_front() {
                return Some(chunk);
            }
            if self.is_over || !self.is_ready().await {
                return None;
            }
            let parcel = tokio::select! {
                parcel = self.connection.slot().next() => parcel,
                texts = self.connection.figures().next() => {
                    // Without an id: where a client resumes is told by the frames.
                    texts.into_iter().for_each(|text| self.data("data: ".to_owned(), text));
                    continue;
                }
            };
            match parcel {
                Parcel::Frame(frame) => self.take(prepared(frame).await),
                Parcel::Close(close) => self.end(&close),
            }
        }
    }

    async fn is_ready(&mut self) -> bool {
        !std::mem::take(&mut self.is_sending) || self.connection.done().await
    }

    fn take(&mut self, frame: Frame) {
        self.is_sending = true;
        let texts = frame.texts();
        for (i, text) in texts.iter().enumerate() {
            // Only the last part completes the sequence: one who breaks off earlier has not got it.
            let head = match i + 1 == texts.len() {
                true => format!("id: {}:{}\ndata: ", self.epoch, frame.seq()),
                false => "data: ".to_owned(),
            };
            self.data(head, text.clone());
        }
    }

    fn data(&mut self, head: String, text: Utf8Bytes) {
        self.chunks.extend([Bytes::from(head), text.into(), Bytes::from_static(b"\n\n")]);
    }

    fn end(&mut self, close: &Close) {
        self.is_over = true;
        let mut text = String::new();
        if let Some(retry_after_ms) = close.retry_after_ms {
            let message = going_away(retry_after_ms);
            text.push_str(&format!("retry: {retry_after_ms}\ndata: {message}\n\n"));
        }
        let what = serde_json::json!({ "code": close.code, "reason": close.reason });
        text.push_str(&format!("event: close\ndata: {what}\n\n"));
        self.chunks.push_back(text.into());
    }
}
