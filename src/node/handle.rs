//! The way to a running node: what the API, the links, the desks and the dashboards speak to.

use crate::access::secret::{self, RANDOM_BYTES};
use crate::access::{Identity, KeyView, key, session};
use crate::domain::ids::{CallId, KeyId, Name};
use crate::domain::input::{Actor, Answer, Command as Change, Input};
use crate::domain::problem::Problem;
use crate::domain::signing::SignCommand;
use crate::domain::switching::{Command, EventResult};
use crate::domain::time::Millis;
use crate::live::HubHandle;
use crate::node::doors::Admitted;
use crate::node::feed;
use crate::node::gate::{EventItem, Events, What, stopping};
use crate::node::pipeline::ReplyTo;
use crate::node::registry::{self, AccountInfo, KeyRequest};
use crate::node::shared::Shared;
use crate::node::shutdown::Life;
use crate::node::streams::{COMMANDS_AHEAD, CommandStream, DeskStream};
use serde::Serialize;
use serde_json::Value;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

/// A handle on the node; cloning it is cheap.
///
/// What an `async fn` answers is durable. When the journal has failed, or the node is ending by
/// force, nothing is answered any more: these futures then never end, and the process does.
#[derive(Clone)]
pub struct Handle {
    pub(super) shared: Arc<Shared>,
}

/// What became of a switch's events: a result each, and the commands that they caused.
pub type Taken = Result<(Vec<EventResult>, Vec<Arc<Command>>), Problem>;

/// How the node is, for `/readyz` and people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Health {
    /// Recovered, and takes inputs.
    pub ready: bool,
    /// `running`, `stopping` or `failed`.
    pub life: &'static str,
    /// The disk is short of room: new work is refused.
    pub disk_short: bool,
    /// Free bytes on the data folder's disk; null when nobody watches it.
    pub disk_free: Option<u64>,
    /// How far the wall clock is ahead of the node's, in milliseconds.
    pub wall_ahead_ms: i64,
    /// Inputs that wait to be decided.
    pub queued: usize,
    /// Accounts.
    pub accounts: usize,
}

impl Handle {
    // ---- inputs ----------------------------------------------------------------------------

    /// Hands an input to the account's engine; answers when what it decided is durable.
    ///
    /// # Errors
    /// The engine's refusal; 404 when there is no such account; 503 `overloaded` or `stopping`;
    /// 507 `disk_full`.
    pub async fn send(&self, account: &str, input: Input) -> Result<Answer, Problem> {
        let account = self.account(account)?;
        let answer = self.ask(|reply| What::Input { account, input, reply: Some(reply) }).await?;
        match answer {
            Answer::Refused(problem) => Err(problem),
            answer => Ok(answer),
        }
    }

    /// Hands a batch of a switch's events in, in order, each as an input of its own; `ack` comes
    /// before them. Answers once, when the last is durable: the results in the same order, and the
    /// commands that these events caused for this switch, with the still open ones of the calls of
    /// duplicates. While a link of the switch is open the same commands go out on it as well; a
    /// link's own handler leaves those of the answer alone.
    ///
    /// # Errors
    /// As [`Handle::send`]. After 507 part of the batch may have been taken: sent again, that part
    /// is answered as duplicates.
    pub async fn send_switch_events(
        &self,
        account: &str,
        actor: Actor,
        source: String,
        events: Vec<EventItem>,
        ack: Option<u64>,
    ) -> Taken {
        match self.offer_switch_events(account, actor, source, events, ack) {
            Ok(answer) => answer.await,
            Err((problem, _)) => Err(problem),
        }
    }

    /// As [`Handle::send_switch_events`], in two steps: when this returns, the batch stands in the
    /// line of inputs behind all that came before it; the future is its answer.
    ///
    /// # Errors
    /// 404 when there is no such account; 503 `overloaded` or `stopping`. Then nothing was taken,
    /// and the events come back.
    pub fn offer_switch_events(
        &self,
        account: &str,
        actor: Actor,
        source: String,
        events: Vec<EventItem>,
        ack: Option<u64>,
    ) -> Result<impl Future<Output = Taken> + Send + use<>, (Problem, Vec<EventItem>)> {
        let account = match self.account(account) {
            Ok(account) => account,
            Err(problem) => return Err((problem, events)),
        };
        let (reply, answer) = oneshot::channel();
        let batch = Box::new(Events { account, actor, source, items: events, ack, reply });
        match self.shared.gate.offer(self.shared.ticks(), What::Events(batch)) {
            Ok(()) => Ok(self.clone().answered(answer)),
            Err(refused) => Err((refused.problem, refused.what.into_events())),
        }
    }

    /// Waits until the inbox has room: how a link stops reading instead of being refused.
    pub async fn room(&self) {
        self.shared.gate.room().await;
    }

    // ---- who -------------------------------------------------------------------------------

    /// Who the bearer is, from the cache of keys; no input.
    ///
    /// # Errors
    /// 401 `unauthenticated`.
    pub fn authenticate(&self, bearer: &str, remote: IpAddr) -> Result<(Name, Actor), Problem> {
        self.identify(bearer, remote).map(|identity| (identity.account, identity.actor))
    }

    /// As [`Handle::authenticate`], with the key, for connections that must end with it.
    ///
    /// # Errors
    /// 401 `unauthenticated`.
    pub fn identify(&self, bearer: &str, remote: IpAddr) -> Result<Identity, Problem> {
        let now = self.shared.clock.now();
        if bearer.starts_with(session::TOKEN) {
            let admitted = self.shared.doors.admit(bearer, remote, now);
            let Admitted { identity, tell } = admitted.ok_or_else(key::unauthenticated)?;
            if tell {
                self.session_seen(&identity);
            }
            return Ok(identity);
        }
        let id = secret::key_of(bearer).ok_or_else(key::unauthenticated)?;
        let key = self.shared.keys.get(&id).map(|key| Arc::clone(&key));
        let key = key.ok_or_else(key::unauthenticated)?;
        let identity = key.admit(bearer, remote, now)?;
        let barred = |user| self.shared.doors.is_barred(&identity.account, user);
        if identity.actor.user.as_ref().is_some_and(barred) {
            return Err(key::unauthenticated());
        }
        Ok(identity)
    }

    /// Puts on record that a session is used; when the node has no room for that now, the next use
    /// will.
    fn session_seen(&self, identity: &Identity) {
        let (Some(session), Some(user)) = (identity.actor.door.session, &identity.actor.user)
        else {
            return;
        };
        let seen = SignCommand::Seen { user: user.to_string(), session };
        let command = Change::Sign(Box::new(seen));
        let input = Input::Command { actor: identity.actor.clone(), command };
        let what = What::Input { account: identity.account.clone(), input, reply: None };
        _ = self.shared.gate.offer(self.shared.ticks(), what);
    }

    /// Whether the key still opens anything: for connections that stay open.
    #[must_use]
    pub fn is_key_valid(&self, id: KeyId) -> bool {
        let now = self.shared.clock.now();
        let doors = &self.shared.doors;
        if let Some(session) = session::behind(id) {
            let session = self.shared.doors.session(session, now);
            return session.is_some_and(|s| !doors.is_barred(&s.account, &s.open.user));
        }
        let key = self.shared.keys.get(&id);
        key.is_some_and(|key| {
            key.expires_at.is_none_or(|end| now < end)
                && key.user.as_ref().is_none_or(|user| !doors.is_barred(&key.account, user))
        })
    }

    /// Tells of each key that is revoked from now on.
    #[must_use]
    pub fn revoked(&self) -> broadcast::Receiver<KeyId> {
        self.shared.revoked.subscribe()
    }

    /// Issues a key of `account`: its view and its secret, which is never shown again.
    ///
    /// # Errors
    /// 403, 404, 422; as [`Handle::send`].
    pub async fn issue_key(
        &self,
        account: &str,
        actor: Actor,
        request: KeyRequest,
    ) -> Result<(KeyView, String), Problem> {
        let account = self.account(account)?;
        let random = entropy::<RANDOM_BYTES>()?;
        let home = account.clone();
        let command = registry::Command::IssueKey { account, request, random };
        match self.registry(actor, home, command).await? {
            registry::Answer::Issued(view, secret) => Ok((view, secret)),
            _ => Err(mismatch()),
        }
    }

    /// Revokes one; what it opened is closed.
    ///
    /// # Errors
    /// 403, 404, 409 `last_owner`; as [`Handle::send`].
    pub async fn revoke_key(&self, account: &str, actor: Actor, id: KeyId) -> Result<(), Problem> {
        let account = self.account(account)?;
        let command = registry::Command::RevokeKey { account: account.clone(), id };
        self.registry(actor, account, command).await.map(drop)
    }

    /// The account's keys, oldest first.
    ///
    /// # Errors
    /// 403; as [`Handle::send`].
    pub async fn list_keys(&self, account: &str, actor: Actor) -> Result<Vec<KeyView>, Problem> {
        let account = self.account(account)?;
        let command = registry::Command::ListKeys { account: account.clone() };
        match self.registry(actor, account, command).await? {
            registry::Answer::Keys(keys) => Ok(keys),
            _ => Err(mismatch()),
        }
    }

    /// Makes an account. `home` is the account of the actor's key: only owners of the first
    /// account may.
    ///
    /// # Errors
    /// 403, 409 `exists`, 422; as [`Handle::send`].
    pub async fn create_account(
        &self,
        home: &str,
        actor: Actor,
        name: &str,
    ) -> Result<AccountInfo, Problem> {
        let home = self.account(home)?;
        let seed = u64::from_le_bytes(entropy::<8>()?);
        let command = registry::Command::CreateAccount { name: name.to_owned(), seed };
        match self.registry(actor, home, command).await? {
            registry::Answer::Account(info) => Ok(info),
            _ => Err(mismatch()),
        }
    }

    /// Makes an account with its first owner's key: its view and its secret, which is never shown
    /// again. `home` is the account of the actor.
    ///
    /// # Errors
    /// As [`Handle::create_account`].
    pub async fn found_account(
        &self,
        home: &str,
        actor: Actor,
        name: &str,
    ) -> Result<(AccountInfo, KeyView, String), Problem> {
        let home = self.account(home)?;
        let seed = u64::from_le_bytes(entropy::<8>()?);
        let random = entropy::<RANDOM_BYTES>()?;
        let command = registry::Command::FoundAccount { name: name.to_owned(), seed, random };
        match self.registry(actor, home, command).await? {
            registry::Answer::Founded(info, view, secret) => Ok((info, view, secret)),
            _ => Err(mismatch()),
        }
    }

    /// The accounts that somebody may know of, by name.
    ///
    /// # Errors
    /// As [`Handle::send`].
    pub async fn list_accounts(&self, home: &str, actor: Actor) -> Result<Vec<Name>, Problem> {
        let home = self.account(home)?;
        let places = self.accounts_of(&home, &actor);
        match self.registry(actor, home, registry::Command::ListAccounts).await? {
            registry::Answer::Accounts(mut names) => {
                names.extend(places);
                names.sort();
                names.dedup();
                Ok(names)
            }
            _ => Err(mismatch()),
        }
    }

    /// The accounts, by name.
    #[must_use]
    pub fn accounts(&self) -> Vec<Name> {
        let mut names: Vec<Name> =
            self.shared.accounts.iter().map(|account| account.name.clone()).collect();
        names.sort();
        names
    }

    // ---- switches --------------------------------------------------------------------------

    /// Opens a link: all open commands come first. Dropping the stream closes it. Who may is the
    /// caller's to check: a key of role `switch` opens its own switch's only.
    ///
    /// # Errors
    /// 404 when there is no such account or switch; 503.
    pub async fn link_open(&self, account: &str, switch: &str) -> Result<CommandStream, Problem> {
        let account = self.account(account)?;
        let switch = Name::from(switch);
        let link = self.shared.next_id();
        let (to, commands) = mpsc::channel(COMMANDS_AHEAD);
        let (of, at) = (account.clone(), switch.clone());
        // Made before the answer: a caller that gives up meanwhile closes what may be open.
        let stream = CommandStream::new(Arc::clone(&self.shared), account, switch, link, commands);
        self.ask(|reply| What::LinkOpen { account: of, switch: at, link, to, reply }).await?;
        Ok(stream)
    }

    /// Acknowledges everything up to `after` and answers what comes after it; waits for something
    /// up to `wait` (at most 60 s), then answers nothing.
    ///
    /// # Errors
    /// 404, 503.
    pub async fn poll(
        &self,
        account: &str,
        switch: &str,
        after: u64,
        wait: Duration,
    ) -> Result<Vec<Arc<Command>>, Problem> {
        let account = self.account(account)?;
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let switch = Name::from(switch);
        self.ask(|reply| What::Poll { account, switch, after, wait_ms, reply }).await
    }

    /// The switch has done all commands up to `seq`. Nobody is told when it is durable: lost with
    /// the process, those commands are told again.
    ///
    /// # Errors
    /// 404 when there is no such account; 503 `overloaded` or `stopping`. Then nothing was taken.
    pub fn acknowledge(&self, account: &str, switch: &str, seq: u64) -> Result<(), Problem> {
        let account = self.account(account)?;
        let input = Input::Acknowledged { switch: switch.to_owned(), seq };
        let what = What::Input { account, input, reply: None };
        self.shared.gate.offer(self.shared.ticks(), what).map_err(|refused| refused.problem)
    }

    // ---- desks, dashboards, history --------------------------------------------------------

    /// Opens a desk of `user`: it holds the lease until the stream is dropped.
    ///
    /// # Errors
    /// The engine's refusal (403, 404); as [`Handle::send`].
    pub async fn desk_open(
        &self,
        account: &str,
        actor: Actor,
        user: &str,
    ) -> Result<DeskStream, Problem> {
        let account = self.account(account)?;
        let user = Name::from(user);
        let desk = self.shared.next_id();
        let (to, views) = watch::channel(None);
        let shared = Arc::clone(&self.shared);
        let of = (account.clone(), actor.clone(), user.clone());
        let stream = DeskStream::new(shared, account, actor, user, desk, views);
        let (account, actor, user) = of;
        self.ask(|reply| What::DeskOpen { account, actor, user, desk, to, reply }).await?;
        Ok(stream)
    }

    /// The way to the dashboards.
    #[must_use]
    pub fn hub(&self) -> HubHandle {
        self.shared.hub.clone()
    }

    /// The public form of the records after `after`, at most `limit` (1–1,000); when there are
    /// none yet, waits for one up to `wait`. Only what is durable.
    ///
    /// # Errors
    /// 410 `gone` with the oldest kept; 404; 503.
    pub async fn feed(
        &self,
        account: &str,
        after: u64,
        limit: usize,
        wait: Duration,
    ) -> Result<Vec<Value>, Problem> {
        feed::read(self, account, after, limit.clamp(1, 1_000), wait).await
    }

    /// Sequence of the account's last durable record.
    ///
    /// # Errors
    /// 404.
    pub fn durable_seq(&self, account: &str) -> Result<u64, Problem> {
        let head = self.shared.accounts.get(account);
        let head = head.ok_or_else(|| Problem::not_found("account", account))?;
        Ok(*head.durable.borrow())
    }

    /// The story of a call, from the journal. Who may is asked of the engine before
    /// (`Query::Call`).
    ///
    /// # Errors
    /// 404; 503.
    pub async fn trace(&self, account: &str, call: CallId) -> Result<Vec<Value>, Problem> {
        feed::trace(self, account, call).await
    }

    // ---- the node itself -------------------------------------------------------------------

    /// How it is.
    #[must_use]
    pub fn health(&self) -> Health {
        let life = match self.shared.life.now() {
            Life::Running => "running",
            Life::Stopping => "stopping",
            Life::Failed(_) => "failed",
        };
        let room = self.shared.room.as_ref();
        Health {
            ready: life == "running" && self.shared.ready.load(Ordering::Acquire),
            life,
            disk_short: self.shared.is_short(),
            disk_free: room.map(|room| room.free()),
            wall_ahead_ms: self.shared.clock.wall_ahead_ms(),
            queued: self.shared.gate.queued(),
            accounts: self.shared.accounts.len(),
        }
    }

    /// Tells when the node stops or fails: sockets close with 1001.
    #[must_use]
    pub fn life(&self) -> watch::Receiver<Life> {
        self.shared.life.watch()
    }

    /// The node's time.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.shared.clock.now()
    }

    pub(super) fn account(&self, name: &str) -> Result<Name, Problem> {
        let head = self.shared.accounts.get(name);
        head.map(|head| head.name.clone()).ok_or_else(|| Problem::not_found("account", name))
    }

    pub(super) async fn registry(
        &self,
        actor: Actor,
        home: Name,
        command: registry::Command,
    ) -> Result<registry::Answer, Problem> {
        self.ask(|reply| What::Registry { actor, home, command, reply }).await
    }

    /// Sends, and waits for the answer.
    pub(super) async fn ask<T: Send>(
        &self,
        what: impl FnOnce(ReplyTo<T>) -> What,
    ) -> Result<T, Problem> {
        self.offer(what)?.await
    }

    fn offer<T: Send, F: FnOnce(ReplyTo<T>) -> What>(
        &self,
        what: F,
    ) -> Result<impl Future<Output = Result<T, Problem>> + Send + use<T, F>, Problem> {
        let (reply, answer) = oneshot::channel();
        let offered = self.shared.gate.offer(self.shared.ticks(), what(reply));
        offered.map_err(|refused| refused.problem)?;
        Ok(self.clone().answered(answer))
    }

    async fn answered<T: Send>(
        self,
        answer: oneshot::Receiver<Result<T, Problem>>,
    ) -> Result<T, Problem> {
        match answer.await {
            Ok(answer) => answer,
            Err(_) => self.unanswered().await,
        }
    }

    /// The answer was dropped: either the node stops, or it may say nothing more.
    async fn unanswered<T>(&self) -> Result<T, Problem> {
        match self.shared.life.now() {
            Life::Stopping => Err(stopping()),
            Life::Running | Life::Failed(_) => std::future::pending().await,
        }
    }
}

pub(super) fn entropy<const N: usize>() -> Result<[u8; N], Problem> {
    secret::entropy().map_err(|error| {
        tracing::error!(%error, "the system gives no random bytes");
        Problem::new(500, "no_entropy", "the system gives no random bytes; try again")
    })
}

/// The registry answers each command in kind.
pub(super) fn mismatch() -> Problem {
    Problem::new(500, "internal", "the registry answered another question")
}
