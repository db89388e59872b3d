//! `Idempotency-Key`: the same key and body of the same caller get the same outcome.
//!
//! It is a memory of this process: the last 10,000 per account, 24 h. What survives a restart is
//! what needs no memory: events (`source` and `id`), and every other POST that says what should be
//! so and answers a conflict when it is so already. A key, a callback, a message or a dial asked for
//! again across a restart is a second one; keys and callbacks are listed, and can be taken back.

use crate::api::ask::{Sent, bad_header};
use crate::api::body;
use crate::api::problem::{Answered, Refusal};
use crate::domain::ids::Name;
use crate::domain::problem::Problem;
use crate::domain::time::Millis;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Outcomes kept per account.
const KEPT: usize = 10_000;
/// How long one is kept.
const KEPT_MS: u64 = 24 * 60 * 60 * 1_000;
/// The header of a repeated answer.
const REPLAYED: &str = "idempotent-replayed";

/// The memory of all accounts.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<BTreeMap<Name, Account>>>);

#[derive(Debug, Default)]
struct Account {
    outcomes: BTreeMap<Place, Kept>,
    /// In the order of their making, for forgetting.
    order: VecDeque<(Millis, Place)>,
}

/// The caller's API key and the value of the header.
type Place = (u64, String);

#[derive(Clone, Debug)]
struct Kept {
    /// Of the method, the path and the body.
    request: [u8; 32],
    /// `None` while it is under way.
    outcome: Option<Outcome>,
}

#[derive(Clone, Debug)]
struct Outcome {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Memory {
    /// Does it once, or answers what it led to before.
    pub async fn once(&self, sent: &Sent, act: impl AsyncFnOnce(&Sent) -> Answered) -> Answered {
        let Some(place) = place(sent)? else { return act(sent).await };
        let now = sent.ask.app.node.now();
        if let Some(outcome) = self.begin(sent, &place, now)? {
            return Ok(outcome.response());
        }
        // Should the caller give up meanwhile, the place is free again.
        let mut open = Open { memory: self, account: sent.ask.account(), place, kept: false };
        let response = match act(sent).await {
            Ok(response) => response,
            Err(refusal) if is_passing(refusal.0.status) => return Err(refusal),
            Err(refusal) => axum::response::IntoResponse::into_response(refusal),
        };
        let outcome = Outcome::of(response).await?;
        open.keep(outcome.clone());
        Ok(outcome.first())
    }

    fn begin(&self, sent: &Sent, place: &Place, now: Millis) -> Result<Option<Outcome>, Problem> {
        let request = fingerprint(sent);
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let account = accounts.entry(sent.ask.account().clone()).or_default();
        account.forget(now);
        match account.outcomes.get(place) {
            Some(kept) if kept.request != request => {
                let detail = "this Idempotency-Key came with another request: use a new one";
                Err(Problem::new(422, "idempotency_key_reused", detail))
            }
            Some(Kept { outcome: Some(outcome), .. }) => Ok(Some(outcome.clone())),
            Some(Kept { outcome: None, .. }) => {
                let detail = "a request with this Idempotency-Key is under way: ask again";
                let problem = Problem::conflict("in_progress", detail);
                Err(Problem { retry_after: Some(1), ..problem })
            }
            None => {
                account.outcomes.insert(place.clone(), Kept { request, outcome: None });
                account.order.push_back((now, place.clone()));
                Ok(None)
            }
        }
    }

    fn end(&self, account: &Name, place: &Place, outcome: Option<Outcome>) {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(account) = accounts.get_mut(account) else { return };
        if outcome.is_none() {
            account.outcomes.remove(place);
        } else if let Some(kept) = account.outcomes.get_mut(place) {
            kept.outcome = outcome;
        }
    }
}

impl Account {
    fn forget(&mut self, now: Millis) {
        while let Some((made_at, _)) = self.order.front() {
            if self.order.len() < KEPT && now.since(*made_at) <= KEPT_MS {
                return;
            }
            if let Some((_, place)) = self.order.pop_front() {
                self.outcomes.remove(&place);
            }
        }
    }
}

/// A place that is taken until it is kept or dropped.
struct Open<'a> {
    memory: &'a Memory,
    account: &'a Name,
    place: Place,
    kept: bool,
}

impl Open<'_> {
    fn keep(&mut self, outcome: Outcome) {
        self.kept = true;
        self.memory.end(self.account, &self.place, Some(outcome));
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.memory.end(self.account, &self.place, None);
        }
    }
}

impl Outcome {
    async fn of(response: Response) -> Result<Outcome, Refusal> {
        let (parts, body) = response.into_parts();
        // A body of our own is there at once.
        let body = body::read(&HeaderMap::new(), body, Duration::from_secs(1)).await?;
        Ok(Outcome { status: parts.status, headers: parts.headers, body })
    }

    fn first(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }

    fn response(self) -> Response {
        let mut response = self.first();
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        response
    }
}

/// Refusals that another attempt may not meet: they are not an outcome.
fn is_passing(status: u16) -> bool {
    status >= 500 || matches!(status, 408 | 429)
}

fn place(sent: &Sent) -> Result<Option<Place>, Problem> {
    let Some(value) = sent.ask.headers.get("idempotency-key") else { return Ok(None) };
    match value.to_str() {
        Ok(text) if (1..=255).contains(&text.len()) => {
            Ok(Some((sent.ask.key().0, text.to_owned())))
        }
        _ => {
            let detail = "Idempotency-Key must hold 1 to 255 printable ASCII characters";
            Err(bad_header(detail))
        }
    }
}

fn fingerprint(sent: &Sent) -> [u8; 32] {
    let (method, path) = (&sent.ask.method, sent.ask.uri.path());
    let mut hash = Sha256::new();
    for part in [method.as_str().as_bytes(), path.as_bytes(), &sent.bytes] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_old_or_too_much_is_forgotten() {
        let mut account = Account::default();
        let kept = Kept { request: [0; 32], outcome: None };
        for i in 0..u64::try_from(KEPT).expect("fits") + 5 {
            let at = Millis(i64::try_from(i).expect("fits"));
            account.forget(at);
            account.outcomes.insert((1, i.to_string()), kept.clone());
            account.order.push_back((at, (1, i.to_string())));
        }
        assert_eq!(account.outcomes.len(), KEPT);
        assert!(!account.outcomes.contains_key(&(1, "4".into())));
        account.forget(Millis(0).plus(KEPT_MS + 6));
        assert!(!account.outcomes.contains_key(&(1, "5".into())));
        account.forget(Millis(0).plus(2 * KEPT_MS));
        assert!(account.outcomes.is_empty() && account.order.is_empty());
    }
}
