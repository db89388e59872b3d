//! One-use tickets: how a browser, which cannot send a header with a WebSocket, opens one without
//! its key in the URL. `POST /v1/tickets` gives one for 30 s; the socket's first frame spends it.

use crate::access::{Identity, secret};
use crate::api::answer::json;
use crate::api::ask::Sent;
use crate::api::endpoint::{Method, endpoint};
use crate::api::problem::Answered;
use crate::api::{App, JSON_BODY, Routes, socket};
use crate::domain::fields::Fields;
use crate::domain::problem::Problem;
use crate::domain::time::Millis;
use axum::extract::ws::WebSocket;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;
use utoipa::ToSchema;

/// How long a ticket is good.
const GOOD_FOR_MS: u64 = 30_000;
/// Unspent tickets at most; past it, none is issued until some have run out.
const MOST: usize = 10_000;
/// The first frame must come within this time.
const FIRST_FRAME_WITHIN: Duration = Duration::from_secs(5);

/// The tickets that are not spent, by their hash.
#[derive(Clone, Debug, Default)]
pub struct Tickets(Arc<Mutex<Unspent>>);

/// Until when each is good, and whose it is.
type Unspent = BTreeMap<[u8; 32], (Millis, Identity)>;

impl Tickets {
    /// Keeps a ticket for `identity`.
    ///
    /// # Errors
    /// 429 when too many are unspent.
    fn keep(&self, ticket: &str, until: Millis, now: Millis, who: Identity) -> Result<(), Problem> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, (until, _)| now < *until);
        if kept.len() >= MOST {
            let problem = Problem::new(429, "too_many", "too many tickets are unspent");
            return Err(Problem { retry_after: Some(30), ..problem });
        }
        kept.insert(hash(ticket), (until, who));
        Ok(())
    }

    /// Spends a ticket: whose it is, once.
    fn spend(&self, ticket: &str, now: Millis) -> Option<Identity> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, who) = kept.remove(&hash(ticket))?;
        (now < until).then_some(who)
    }
}

fn hash(ticket: &str) -> [u8; 32] {
    Sha256::digest(ticket.as_bytes()).into()
}

/// A ticket, as it is answered.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct Ticket {
    /// Send it as the socket's first frame, `{ "ticket": … }`, once.
    ticket: String,
    /// Until then.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// The request: nothing is asked for.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct TicketRequest {}

/// The route of tickets.
pub fn routes(routes: Routes) -> Routes {
    routes.routes(
        endpoint(
            Method::Post,
            "/v1/tickets",
            "issue_ticket",
            "Issues a one-use ticket for the live WebSocket. It is good for 30 s.",
            issue,
        )
        .tag("Live")
        .body_or_none::<TicketRequest>(JSON_BODY)
        .answers::<Ticket>(201, "The ticket.")
        .done(),
    )
}

async fn issue(sent: Sent) -> Answered {
    sent.ask.no_query()?;
    Fields::of(&sent.json_or_none()?).done(()).map_err(Problem::invalid)?;
    let random: [u8; 20] = secret::entropy()
        .map_err(|_| Problem::new(500, "no_entropy", "the system gives no random bytes"))?;
    let ticket = random.iter().fold("tkt_".to_owned(), |text, byte| text + &format!("{byte:02x}"));
    let now = sent.ask.app.node.now();
    let until = now.plus(GOOD_FOR_MS);
    sent.ask.app.tickets.keep(&ticket, until, now, sent.ask.identity.clone())?;
    Ok(json(201, &json!({ "ticket": ticket, "expires_at": until.rfc3339() })))
}

/// `{ "ticket": … }`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct First {
    ticket: String,
}

/// Who opened a socket without a header, by its first frame; with the account that the path names.
///
/// # Errors
/// The close that the socket must end with.
pub async fn admit(
    socket: &mut WebSocket,
    app: &App,
    account: &str,
) -> Result<Identity, socket::End> {
    let first = async {
        loop {
            if let Some(text) = socket::text(socket.recv().await)? {
                return Ok(text);
            }
        }
    };
    let text = timeout(FIRST_FRAME_WITHIN, first)
        .await
        .unwrap_or(Err(Some((4408, "no first frame within 5 s"))))?;
    let First { ticket } =
        serde_json::from_str(&text).map_err(|_| Some((4401, "say first { \"ticket\": … }")))?;
    let identity = app.tickets.spend(&ticket, app.node.now());
    let identity = identity.filter(|identity| app.node.is_key_valid(identity.key));
    match identity.map(|identity| app.node.visit(identity, account)) {
        Some(Ok(identity)) => Ok(identity),
        Some(Err(_)) => Err(Some((4403, "the ticket is for another account"))),
        None => Err(Some((4401, "this ticket is spent, too old, or none"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::KeyId;
    use crate::domain::input::{Actor, Door};
    use crate::domain::objects::user::Role;

    fn identity() -> Identity {
        let actor = Actor {
            name: "a".into(),
            role: Role::Owner,
            user: None,
            switch: None,
            door: Door::default(),
        };
        Identity { account: "default".into(), actor, key: KeyId(1), expires_at: None }
    }

    #[test]
    fn a_ticket_is_spent_once_and_in_time() {
        let tickets = Tickets::default();
        let keep = |name: &str| tickets.keep(name, Millis(100), Millis(70), identity());
        keep("tkt_a").expect("kept");
        assert_eq!(tickets.spend("tkt_b", Millis(80)), None);
        assert_eq!(tickets.spend("tkt_a", Millis(99)), Some(identity()));
        assert_eq!(tickets.spend("tkt_a", Millis(99)), None);
        keep("tkt_c").expect("kept");
        assert_eq!(tickets.spend("tkt_c", Millis(100)), None);
    }

    #[test]
    fn unspent_tickets_are_bounded_and_run_out() {
        let tickets = Tickets::default();
        for i in 0..MOST {
            tickets.keep(&format!("{i}"), Millis(100), Millis(70), identity()).expect("kept");
        }
        let more = tickets.keep("more", Millis(100), Millis(70), identity());
        assert_eq!(more.map_err(|problem| problem.status), Err(429));
        assert!(tickets.keep("more", Millis(200), Millis(100), identity()).is_ok());
    }
}
