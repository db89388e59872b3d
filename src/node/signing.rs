//! Signing in, over the way to the node: secrets are made, hashed and compared here and in
//! `access`; whether they open anything is the engines' decision.

use crate::access::secret::{self, RANDOM_BYTES};
use crate::access::throttle::Attempt;
use crate::access::{password, session};
use crate::domain::event::PersonalKey;
use crate::domain::ids::{Name, SessionId};
use crate::domain::input::{
    Actor, Answer, Command, Door, Input, Kind, ObjectRef, Precondition, Query,
};
use crate::domain::objects::user::Role;
use crate::domain::problem::{FieldError, Problem};
use crate::domain::signing::{Origin, SignCommand, SignQuery};
use crate::domain::time::Millis;
use crate::node::handle::{Handle, entropy};
use crate::node::registry::FIRST_ACCOUNT;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::PoisonError;

/// How long a one-time link is good, in milliseconds: seven days.
const LINK_MS: u64 = 7 * 24 * 60 * 60 * 1_000;
/// The user whom the first link makes.
const FIRST_OWNER: &str = "usr_owner";
/// What programs call themselves is kept so far, in characters.
const PROGRAM_CHARS: usize = 200;

/// What somebody types to sign in, and from where.
pub struct SignIn {
    /// The account; `None` = wherever the e-mail is at home.
    pub account: Option<String>,
    /// The e-mail.
    pub email: String,
    /// The password.
    pub password: String,
    /// The address.
    pub from: IpAddr,
    /// What the browser or program calls itself.
    pub program: Option<String>,
}

/// A session that was opened.
pub struct SignedIn {
    /// What the API shows of it.
    pub view: Value,
    /// The token, which is never shown again.
    pub token: String,
}

/// A new password, typed twice.
pub struct NewPassword {
    /// The first time.
    pub password: String,
    /// The second.
    pub confirm: String,
}

/// Who the first owner is.
pub struct FirstOwner {
    /// E-mail, by which they sign in.
    pub email: String,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
}

/// The node itself, where nobody has come in yet.
pub(super) fn node() -> Actor {
    Actor {
        name: "node".into(),
        role: Role::Owner,
        user: None,
        switch: None,
        door: Door::default(),
    }
}

/// One sentence for all causes.
fn wrong_sign_in() -> Problem {
    Problem::new(
        401,
        "sign_in_failed",
        "e-mail and password do not belong together, or this user may not sign in",
    )
}

impl NewPassword {
    /// The password, when it keeps the rule.
    ///
    /// # Errors
    /// 422 with every wrong field.
    fn checked(self, numeric: bool) -> Result<String, Problem> {
        let mut wrong = Vec::new();
        if let Some(why) = password::wrong(&self.password, numeric) {
            wrong.push(FieldError::new("/password", "malformed", why));
        }
        if self.password != self.confirm {
            wrong.push(FieldError::new("/confirm", "conflict", "must be the same as password"));
        }
        if wrong.is_empty() { Ok(self.password) } else { Err(Problem::invalid(wrong)) }
    }
}

impl Handle {
    /// Opens a session for who shows an e-mail and its password. An unknown e-mail takes as long as
    /// a wrong password.
    ///
    /// # Errors
    /// 401 `sign_in_failed`; 429 `too_many_attempts`; as [`Handle::send`].
    pub async fn sign_in(&self, asked: SignIn) -> Result<SignedIn, Problem> {
        let shared = &self.shared;
        let named = asked.account.as_deref().unwrap_or_default();
        let attempt = Attempt::new(named, &asked.email, asked.from);
        shared.throttle.begin(&attempt, shared.clock.now())?;
        let mut found: Vec<(Name, Value)> = Vec::new();
        for account in self.who_has(asked.email.clone(), asked.account.as_deref()).await? {
            let query = SignQuery::Secrets { email: asked.email.clone() };
            let secrets = self.sign_query(&account, node(), query).await?;
            let items = secrets["items"].as_array().cloned().unwrap_or_default();
            found.extend(items.into_iter().map(|item| (account.clone(), item)));
        }
        let hash = |item: &Value| item["hash"].as_str().unwrap_or_default().to_owned();
        let hashes = found.iter().map(|(_, item)| hash(item)).collect();
        let right = shared.hasher.find(asked.password, hashes).await?;
        let (account, who) = right.and_then(|at| found.get(at)).ok_or_else(wrong_sign_in)?;
        shared.throttle.right(&attempt);
        let user = who["user"].as_str().unwrap_or_default().to_owned();
        let shown = who["secret"].as_u64().unwrap_or_default();
        let program = asked.program.map(|text| text.chars().take(PROGRAM_CHARS).collect());
        let origin = Origin { from: Some(asked.from.to_string()), program };
        self.open_session(account, user, shown, origin).await
    }

    async fn open_session(
        &self,
        account: &Name,
        user: String,
        shown: PersonalKey,
        origin: Origin,
    ) -> Result<SignedIn, Problem> {
        let now = self.shared.clock.now();
        let token = session::token(entropy::<RANDOM_BYTES>()?);
        let command = SignCommand::Open {
            user,
            shown,
            session: self.shared.doors.number(now),
            hash: secret::fingerprint(&token).into(),
            until: now.plus(self.shared.sessions.most_ms),
            idle_ms: self.shared.sessions.idle_ms,
            origin,
        };
        let mut view = self.sign_command(account, node(), command).await?;
        view["account"] = json!(account);
        Ok(SignedIn { view, token })
    }

    /// Sets a user's password. Who sets their own shows the `current` one, if there is one.
    ///
    /// # Errors
    /// 401 `sign_in_failed` when `current` is wrong, 403, 404, 422, 429; as [`Handle::send`].
    pub async fn set_password(
        &self,
        account: &Name,
        actor: Actor,
        user: &str,
        new: NewPassword,
        current: Option<String>,
    ) -> Result<(), Problem> {
        let query = SignQuery::Secret { user: user.to_owned() };
        let known = self.sign_query(account, actor.clone(), query).await?;
        let password = new.checked(known["numeric"] == true)?;
        let own = known["own"] == true;
        let shown = known["secret"].as_u64().filter(|_| own);
        if shown.is_some() {
            let Some(current) = current else {
                let detail = "send your present password as current";
                let error = FieldError::new("/current", "required", detail);
                return Err(Problem::invalid(vec![error]));
            };
            let from = actor.door.from.unwrap_or(IpAddr::from([0, 0, 0, 0]));
            let attempt = Attempt::new(account, user, from);
            self.shared.throttle.begin(&attempt, self.shared.clock.now())?;
            let hash = known["hash"].as_str().unwrap_or_default().to_owned();
            let right = self.shared.hasher.find(current, vec![hash]).await?;
            right.ok_or_else(wrong_sign_in)?;
            self.shared.throttle.right(&attempt);
        }
        let hash = self.shared.hasher.hash(password).await?;
        let command = SignCommand::SetPassword { user: user.to_owned(), hash, shown };
        self.sign_command(account, actor, command).await.map(drop)
    }

    /// Makes a one-time link by which `user` sets the password; the one before is dead.
    ///
    /// # Errors
    /// 403, 404, 409 `not_active`; as [`Handle::send`].
    pub async fn make_link(
        &self,
        account: &Name,
        actor: Actor,
        user: &str,
    ) -> Result<Value, Problem> {
        let link = session::link(account, entropy::<RANDOM_BYTES>()?);
        let mail = self.by_mail(&link);
        let command = SignCommand::MakeLink {
            user: user.to_owned(),
            hash: secret::fingerprint(&link).into(),
            until: self.shared.clock.now().plus(LINK_MS),
            mail,
        };
        let view = self.sign_command(account, actor, command).await?;
        Ok(with_link(view, link))
    }

    /// Invites somebody: `body` is the user, as for `PUT`. The answer shows the link.
    ///
    /// # Errors
    /// 403, 409 `exists`, 422; as [`Handle::send`].
    pub async fn invite(
        &self,
        account: &Name,
        actor: Actor,
        body: Value,
    ) -> Result<Value, Problem> {
        let (link, hash, until) = self.fresh_link(account)?;
        let user = self.fresh_user()?;
        let mail = self.by_mail(&link);
        let command = SignCommand::Invite { user, body, hash, until, mail };
        let view = self.sign_command(account, actor, command).await?;
        Ok(with_link(view, link))
    }

    /// Mails a one-time link to whoever signs in by this e-mail. Whether anybody does is not told, and
    /// cannot be measured: it happens after the answer.
    ///
    /// # Errors
    /// 409 `no_mail_server`; 429 `too_many_attempts`, also where others ask for the same e-mail.
    pub fn forgot(
        &self,
        email: String,
        account: Option<String>,
        from: IpAddr,
    ) -> Result<(), Problem> {
        if self.shared.mails.get().is_none() {
            let detail = "no mail server is set up here; an administrator can make a link for you";
            return Err(Problem::conflict("no_mail_server", detail));
        }
        let now = self.shared.clock.now();
        self.shared.throttle.begin(&Attempt::new("forgotten", &email, from), now)?;
        self.shared.throttle.begin(&Attempt::mail(&email), now)?;
        let node = self.clone();
        tokio::spawn(async move {
            if let Err(problem) = node.mail_links(email, account).await {
                tracing::warn!(code = problem.code, "links for a forgotten password were not made");
            }
        });
        Ok(())
    }

    async fn mail_links(&self, email: String, account: Option<String>) -> Result<(), Problem> {
        for account in self.who_has(email.clone(), account.as_deref()).await? {
            let query = SignQuery::Secrets { email: email.clone() };
            let known = self.sign_query(&account, node(), query).await?;
            for item in known["items"].as_array().into_iter().flatten() {
                self.make_link(&account, node(), item["user"].as_str().unwrap_or_default()).await?;
            }
        }
        Ok(())
    }

    /// The link, if there is somebody who sends mails.
    #[must_use]
    pub fn by_mail(&self, link: &str) -> Option<String> {
        self.shared.mails.get().map(|_| link.to_owned())
    }

    /// An id for a user who is new.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn fresh_user(&self) -> Result<String, Problem> {
        let id = entropy::<8>()?;
        Ok(id.iter().fold("usr_".to_owned(), |id, byte| id + &format!("{byte:02x}")))
    }

    /// The secret of a link by which somebody is invited, its hash, and its end.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn fresh_link(&self, account: &Name) -> Result<(String, Name, Millis), Problem> {
        let link = session::link(account, entropy::<RANDOM_BYTES>()?);
        let hash = secret::fingerprint(&link).into();
        Ok((link, hash, self.shared.clock.now().plus(LINK_MS)))
    }

    /// Takes an invitation back.
    ///
    /// # Errors
    /// 403, 404; as [`Handle::send`].
    pub async fn uninvite(&self, account: &Name, actor: Actor, user: &str) -> Result<(), Problem> {
        let command = SignCommand::Uninvite { user: user.to_owned() };
        self.sign_command(account, actor, command).await.map(drop)
    }

    /// Who is invited, by id.
    ///
    /// # Errors
    /// 403; as [`Handle::send`].
    pub async fn invites(
        &self,
        account: &Name,
        actor: Actor,
        limit: usize,
        after: Option<String>,
    ) -> Result<Value, Problem> {
        self.sign_query(account, actor, SignQuery::Invites { limit, after }).await
    }

    /// Whose a link is, without using it.
    ///
    /// # Errors
    /// 410 `link_over`; 429; as [`Handle::send`].
    pub async fn look_link(&self, link: &str, from: IpAddr) -> Result<Value, Problem> {
        if self.is_first_link(link) {
            return Ok(json!({ "account": FIRST_ACCOUNT, "user": FIRST_OWNER, "name": null,
                "email": null, "purpose": "owner", "expires_at": null, "numeric": false }));
        }
        let attempt = Attempt::new("", "link", from);
        self.shared.throttle.begin(&attempt, self.shared.clock.now())?;
        let account = session::account_of(link).and_then(|name| self.account(name).ok());
        let account = account.ok_or_else(link_over)?;
        let hash = secret::fingerprint(link).into();
        let mut view = self.sign_query(&account, node(), SignQuery::Link { hash }).await?;
        self.shared.throttle.right(&attempt);
        view["account"] = json!(account);
        Ok(view)
    }

    /// Uses a link: it sets the password of whose it is. The first owner's also says who that is.
    ///
    /// # Errors
    /// 410 `link_over`, 422, 429; as [`Handle::send`].
    pub async fn use_link(
        &self,
        link: &str,
        new: NewPassword,
        first: Option<FirstOwner>,
        from: IpAddr,
    ) -> Result<Value, Problem> {
        let known = self.look_link(link, from).await?;
        let password = new.checked(known["numeric"] == true)?;
        let is_first = known["purpose"] == "owner";
        if !is_first && first.is_some() {
            let detail = "only the first owner says who they are; leave email and the names out";
            return Err(Problem::invalid(vec![FieldError::new("/email", "not_allowed", detail)]));
        }
        let hash = self.shared.hasher.hash(password).await?;
        if is_first {
            return self.first_owner(link, first, hash).await;
        }
        let account = self.account(known["account"].as_str().unwrap_or_default())?;
        let command = SignCommand::UseLink { link: secret::fingerprint(link).into(), hash };
        let mut view = self.sign_command(&account, node(), command).await?;
        view["account"] = json!(account);
        Ok(view)
    }

    async fn first_owner(
        &self,
        link: &str,
        first: Option<FirstOwner>,
        hash: String,
    ) -> Result<Value, Problem> {
        let Some(FirstOwner { email, first_name, last_name }) = first else {
            let detail = "the first owner says who they are: email, first_name, last_name";
            return Err(Problem::invalid(vec![FieldError::new("/email", "required", detail)]));
        };
        // Taken by one of those who come at once; put back when it led to nothing.
        let mut kept = self.shared.first_link.lock().unwrap_or_else(PoisonError::into_inner).take();
        if kept.as_deref() != Some(&*secret::fingerprint(link)) {
            return Err(link_over());
        }
        let account = Name::from(FIRST_ACCOUNT);
        let body = json!({ "email": email, "first_name": first_name, "last_name": last_name,
            "role": "owner" });
        let object =
            ObjectRef { kind: Kind::User, parent: String::new(), id: FIRST_OWNER.to_owned() };
        let put = Command::Put {
            object,
            body,
            merge: false,
            only_if: Precondition::None,
            dry_run: false,
        };
        let made = self.send(&account, Input::Command { actor: node(), command: put }).await;
        let set = SignCommand::SetPassword { user: FIRST_OWNER.to_owned(), hash, shown: None };
        let done = match made {
            Ok(_) => self.sign_command(&account, node(), set).await.map(drop),
            Err(problem) => Err(problem),
        };
        if let Err(problem) = done {
            let mut place = self.shared.first_link.lock().unwrap_or_else(PoisonError::into_inner);
            *place = kept.take();
            return Err(problem);
        }
        Ok(json!({ "account": account, "user": FIRST_OWNER, "purpose": "owner" }))
    }

    /// A one-time link by which the first owner comes in; `None` when an owner can sign in already.
    /// The one that an earlier call made is dead.
    ///
    /// # Errors
    /// As [`Handle::send`].
    pub async fn first_link(&self) -> Result<Option<String>, Problem> {
        let account = self.account(FIRST_ACCOUNT)?;
        let answer = self.sign_query(&account, node(), SignQuery::HasOwner).await?;
        if answer["has_owner"] == true {
            return Ok(None);
        }
        let link = session::link(&account, entropy::<RANDOM_BYTES>()?);
        let mut place = self.shared.first_link.lock().unwrap_or_else(PoisonError::into_inner);
        *place = Some(secret::fingerprint(&link));
        Ok(Some(link))
    }

    fn is_first_link(&self, link: &str) -> bool {
        let kept = self.shared.first_link.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_deref() == Some(&*secret::fingerprint(link))
    }

    /// Who asks, as the engine sees them now.
    ///
    /// # Errors
    /// 401; as [`Handle::send`].
    pub async fn me(&self, account: &Name, actor: Actor) -> Result<Value, Problem> {
        self.sign_query(account, actor, SignQuery::Me).await
    }

    /// The sessions of a user, the oldest first.
    ///
    /// # Errors
    /// 403, 404; as [`Handle::send`].
    pub async fn sessions(
        &self,
        account: &Name,
        actor: Actor,
        user: &str,
    ) -> Result<Value, Problem> {
        self.sign_query(account, actor, SignQuery::Sessions { user: user.to_owned() }).await
    }

    /// Ends a session; what it opened is closed.
    ///
    /// # Errors
    /// 403, 404; as [`Handle::send`].
    pub async fn end_session(
        &self,
        account: &Name,
        actor: Actor,
        session: SessionId,
    ) -> Result<(), Problem> {
        let open = self.shared.doors.session(session, self.shared.clock.now());
        let open = open.filter(|open| open.account == *account);
        let open = open.ok_or_else(|| Problem::not_found("session", &session.to_string()))?;
        let user = open.open.user.to_string();
        let ended = self.sign_command(account, actor, SignCommand::End { user, session }).await;
        match ended {
            // Of whom one may not know, not even that.
            Err(problem) if problem.status == 404 => {
                Err(Problem::not_found("session", &session.to_string()))
            }
            other => other.map(drop),
        }
    }

    /// Ends all sessions of a user, `keep` excepted.
    ///
    /// # Errors
    /// 403, 404; as [`Handle::send`].
    pub async fn end_sessions(
        &self,
        account: &Name,
        actor: Actor,
        user: &str,
        keep: Option<SessionId>,
    ) -> Result<(), Problem> {
        let command = SignCommand::EndAll { user: user.to_owned(), keep };
        self.sign_command(account, actor, command).await.map(drop)
    }

    pub(super) async fn sign_command(
        &self,
        account: &Name,
        actor: Actor,
        command: SignCommand,
    ) -> Result<Value, Problem> {
        let command = Command::Sign(Box::new(command));
        self.send(account, Input::Command { actor, command }).await.map(body)
    }

    pub(super) async fn sign_query(
        &self,
        account: &Name,
        actor: Actor,
        query: SignQuery,
    ) -> Result<Value, Problem> {
        let query = Query::Sign(query);
        self.send(account, Input::Query { actor, query }).await.map(body)
    }
}

fn body(answer: Answer) -> Value {
    match answer {
        Answer::Done { body, .. } => body,
        Answer::Nothing | Answer::Event(_) | Answer::Refused(_) => Value::Null,
    }
}

/// A link that goes by mail is its receiver's alone.
fn with_link(mut view: Value, link: String) -> Value {
    view["link"] = json!((view["mailed"] != true).then_some(link));
    view
}

fn link_over() -> Problem {
    let detail = "this link was used, replaced by a newer one, or is too old; ask for another";
    Problem::new(410, "link_over", detail)
}
