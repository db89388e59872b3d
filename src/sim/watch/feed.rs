//! The account's event feed, line by line, without a gap across broken connections.

use crate::sim::client::{Client, Error};
use serde_json::Value;
use std::time::Duration;

const RETRY: Duration = Duration::from_secs(1);

/// A reader of the feed.
pub struct Feed {
    /// With a key that may watch.
    pub client: Client,
    /// `/v1/accounts/{account}/feed`
    pub path: String,
    /// Only records that name this queue or group.
    pub queue: Option<String>,
    /// Start after this sequence; `None` = at the oldest that is kept.
    pub after: Option<u64>,
}

impl Feed {
    /// Hands each record on as one line of JSON, in order.
    ///
    /// # Errors
    /// When the server refuses for good: a missing right, or a sequence that is no longer kept.
    pub async fn run(mut self, mut line: impl FnMut(String)) -> Result<(), Error> {
        loop {
            match self.connection(&mut line).await {
                Err(e) if e.may_pass() => tokio::time::sleep(RETRY).await,
                ended => return ended,
            }
        }
    }

    async fn connection(&mut self, line: &mut impl FnMut(String)) -> Result<(), Error> {
        let path = match self.after {
            Some(after) => format!("{}?after={after}", self.path),
            None => self.path.clone(),
        };
        let mut socket = self.client.socket(&path, "callboard.feed.v1").await?;
        loop {
            let frame = socket.next().await?;
            for record in records(&frame) {
                if let Some(seq) = record["seq"].as_u64() {
                    self.after = Some(seq);
                    if self.queue.as_deref().is_none_or(|queue| names(record, queue)) {
                        line(record.to_string());
                    }
                }
            }
        }
    }
}

/// One record, or a batch of them as `items`.
fn records(frame: &Value) -> &[Value] {
    frame["items"].as_array().map_or(std::slice::from_ref(frame), Vec::as_slice)
}

/// Whether some field `queue` (or a list of them) of the record has this value.
fn names(value: &Value, queue: &str) -> bool {
    match value {
        Value::Object(fields) => fields.iter().any(|(name, value)| {
            (matches!(name.as_str(), "queue" | "group") && value == queue) || names(value, queue)
        }),
        Value::Array(items) => items.iter().any(|item| names(item, queue)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn records_of_a_queue_are_found_at_any_depth() {
        let record = json!({ "seq": 4, "events": [{ "call_queued": { "queue": "support" } }] });
        assert!(names(&record, "support") && !names(&record, "sales"));
        assert!(!names(&json!({ "note": "support" }), "support"));
    }

    #[test]
    fn batches_and_single_records_read_alike() {
        assert_eq!(records(&json!({ "items": [{ "seq": 1 }, { "seq": 2 }] })).len(), 2);
        assert_eq!(records(&json!({ "seq": 3 })).len(), 1);
    }
}
