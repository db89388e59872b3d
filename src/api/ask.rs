//! What every handler starts from: who asks, where, and with which query and body. All of it is
//! checked here, so that handlers only say what is wanted.

use crate::access::Identity;
use crate::api::App;
use crate::api::problem::{Answered, Refusal, bad_path};
use crate::api::query::Queries;
use crate::api::{body, cookies};
use crate::domain::ids::{CallId, KeyId, Name, OfferId};
use crate::domain::input::{Actor, Answer, Command, Input, Precondition, Query};
use crate::domain::problem::Problem;
use crate::domain::rights::Permission;
use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::header::{AUTHORIZATION, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Uri};
use bytes::Bytes;
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// An authenticated request to an account.
#[derive(Debug)]
pub struct Ask {
    /// The application.
    pub app: App,
    /// Who asks.
    pub identity: Identity,
    /// The method, for `Idempotency-Key`.
    pub method: Method,
    /// Path and query.
    pub uri: Uri,
    /// The headers.
    pub headers: HeaderMap,
    params: RawPathParams,
}

impl FromRequestParts<App> for Ask {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Ask, Refusal> {
        let headers = parts.headers.clone();
        Ask::read(parts, headers, app).await
    }
}

impl Ask {
    async fn read(parts: &mut Parts, headers: HeaderMap, app: &App) -> Result<Ask, Refusal> {
        let identity = admit(app, &headers, &parts.method, remote(parts))?;
        let params = RawPathParams::from_request_parts(parts, app)
            .await
            .map_err(|e| bad_path(&e.to_string()))?;
        let identity = match params.iter().find(|(name, _)| *name == "account") {
            Some((_, account)) => app.node.visit(identity, account)?,
            None => identity,
        };
        let (method, uri) = (parts.method.clone(), parts.uri.clone());
        Ok(Ask { app: app.clone(), identity, method, uri, headers, params })
    }
}

/// Who the bearer of these headers is, if there is one who may ask now.
///
/// # Errors
/// 401, 403 `csrf` of a cookie that another site's page sent along, and 429 of one who asks too often.
pub(super) fn admit(
    app: &App,
    headers: &HeaderMap,
    method: &Method,
    remote: IpAddr,
) -> Result<Identity, Problem> {
    let identity = match cookies::token(headers) {
        Some(token) if !headers.contains_key(AUTHORIZATION) => {
            let identity = app.node.identify(token, remote)?;
            cookies::is_own_page(headers, method, token)?;
            identity
        }
        _ => app.node.identify(bearer(headers)?, remote)?,
    };
    app.rates.admit(&identity, app.node.now(), app.limits.requests_per_second)?;
    Ok(identity)
}

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (scheme, token) = value.and_then(|value| value.split_once(' ')).unwrap_or_default();
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(token.trim())
    } else {
        Err(crate::access::key::unauthenticated())
    }
}

fn remote(parts: &Parts) -> IpAddr {
    let remote = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    remote.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(addr)| addr.ip())
}

impl Ask {
    /// The account.
    #[must_use]
    pub fn account(&self) -> &Name {
        &self.identity.account
    }

    /// Who acts.
    #[must_use]
    pub fn actor(&self) -> Actor {
        self.identity.actor.clone()
    }

    /// Whether who acts has a permission: who signed in has those of the user's role as it is now.
    ///
    /// # Errors
    /// 401 when the session is over.
    pub async fn may(&self, permission: Permission) -> Result<bool, Problem> {
        if self.identity.actor.door.session.is_none() {
            return Ok(self.identity.actor.may(permission));
        }
        let me = self.app.node.me(self.account(), self.actor()).await?;
        let mut all = me["permissions"].as_array().into_iter().flatten();
        Ok(all.any(|word| word.as_str() == Some(permission.word())))
    }

    /// The key that opened the door.
    #[must_use]
    pub fn key(&self) -> KeyId {
        self.identity.key
    }

    /// A part of the path; the router has matched it, so that it is there.
    #[must_use]
    pub fn param(&self, name: &str) -> String {
        let found = self.params.iter().find(|(known, _)| *known == name);
        found.map_or_else(String::new, |(_, value)| value.to_owned())
    }

    /// The call that the path names.
    ///
    /// # Errors
    /// 404 when it is no call's id at all.
    pub fn call(&self) -> Result<CallId, Problem> {
        let text = self.param("call");
        CallId::parse(&text).ok_or_else(|| Problem::not_found("call", &text))
    }

    /// The offer that the path names.
    ///
    /// # Errors
    /// 404 when it is no offer's id at all.
    pub fn offer(&self) -> Result<OfferId, Problem> {
        let text = self.param("offer");
        OfferId::parse(&text).ok_or_else(|| Problem::not_found("offer", &text))
    }

    /// Reads the query; [`Queries::done`] must end it.
    ///
    /// # Errors
    /// 422 when a field stands there twice.
    pub fn query(&self) -> Result<Queries, Problem> {
        Queries::read(self.uri.query().unwrap_or_default())
    }

    /// A request that takes no query fields.
    ///
    /// # Errors
    /// 422 with each field that was sent all the same.
    pub fn no_query(&self) -> Result<(), Problem> {
        self.query()?.done()
    }

    /// What `If-Match` or `If-None-Match` say must stand there.
    ///
    /// # Errors
    /// 400 when a header holds a list or something else that no object here ever has, or both are there.
    pub fn only_if(&self) -> Result<Precondition, Problem> {
        let text = |value: &HeaderValue| value.to_str().unwrap_or_default().trim().to_owned();
        let wanted = self.headers.get(IF_MATCH).map(text);
        let unwanted = self.headers.get(IF_NONE_MATCH).map(text);
        match (wanted.as_deref(), unwanted.as_deref()) {
            (None, None) => Ok(Precondition::None),
            (Some("*"), None) => Ok(Precondition::Exists),
            (None, Some("*")) => Ok(Precondition::Absent),
            (Some(text), None) => {
                let digits = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
                let version = digits.and_then(|digits| digits.parse().ok());
                version.map(Precondition::Version).ok_or_else(|| {
                    bad_header(
                        "If-Match must hold one ETag as it was answered, such as \"12\", or *",
                    )
                })
            }
            (None, Some(_)) => Err(bad_header("If-None-Match of a change must be *")),
            (Some(_), Some(_)) => Err(bad_header("send If-Match or If-None-Match, not both")),
        }
    }

    /// Asks the engine.
    ///
    /// # Errors
    /// The engine's or the node's refusal.
    pub async fn send(&self, input: Input) -> Result<Answer, Problem> {
        match self.app.node.send(self.account(), input).await? {
            Answer::Refused(problem) => Err(problem),
            answer => Ok(answer),
        }
    }

    /// Asks the engine for a read.
    ///
    /// # Errors
    /// As [`Ask::send`].
    pub async fn look(&self, query: Query) -> Result<Answer, Problem> {
        self.send(Input::Query { actor: self.actor(), query }).await
    }

    /// Asks the engine for a change.
    ///
    /// # Errors
    /// As [`Ask::send`].
    pub async fn change(&self, command: Command) -> Result<Answer, Problem> {
        self.send(Input::Command { actor: self.actor(), command }).await
    }
}

/// A request of somebody who has not come in, with a body: to sign in, or by a one-time link.
#[derive(Debug)]
pub struct Stranger {
    /// The application.
    pub app: App,
    /// From where.
    pub remote: IpAddr,
    /// Path and query.
    pub uri: Uri,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, at most 1 MiB.
    pub bytes: Bytes,
}

impl FromRequest<App> for Stranger {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Stranger, Refusal> {
        let (parts, body) = request.into_parts();
        let remote = remote(&parts);
        let bytes = body::read(&parts.headers, body, app.limits.body).await?;
        let (app, uri, headers) = (app.clone(), parts.uri, parts.headers);
        Ok(Stranger { app, remote, uri, headers, bytes })
    }
}

impl Stranger {
    /// The JSON body; no query fields are taken.
    ///
    /// # Errors
    /// 415, 400, 422.
    pub fn json_body(&self) -> Result<Value, Problem> {
        Queries::read(self.uri.query().unwrap_or_default())?.done()?;
        body::json(&self.headers, &self.bytes, body::JSON)
    }
}

/// An authenticated request with a body.
#[derive(Debug)]
pub struct Sent {
    /// Who asks, and where.
    pub ask: Ask,
    /// The body, at most 1 MiB.
    pub bytes: Bytes,
}

impl FromRequest<App> for Sent {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Sent, Refusal> {
        let (mut parts, body) = request.into_parts();
        let headers = std::mem::take(&mut parts.headers);
        let ask = Ask::read(&mut parts, headers, app).await?;
        let bytes = body::read(&ask.headers, body, app.limits.body).await?;
        Ok(Sent { ask, bytes })
    }
}

/// As [`Sent`], with a body of at most 10 MiB.
#[derive(Debug)]
pub struct Large(pub Sent);

impl FromRequest<App> for Large {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Large, Refusal> {
        let (mut parts, body) = request.into_parts();
        let headers = std::mem::take(&mut parts.headers);
        let ask = Ask::read(&mut parts, headers, app).await?;
        let (part, most) = (app.limits.body, body::MOST_LARGE);
        let bytes = body::read_most(&ask.headers, body, part, most).await?;
        Ok(Large(Sent { ask, bytes }))
    }
}

impl Sent {
    /// The JSON body, of one of the media types.
    ///
    /// # Errors
    /// 415 for another media type, 400 for what is no JSON.
    pub fn json(&self, kinds: &[&str]) -> Result<Value, Problem> {
        body::json(&self.ask.headers, &self.bytes, kinds)
    }

    /// The JSON body.
    ///
    /// # Errors
    /// As [`Sent::json`].
    pub fn json_body(&self) -> Result<Value, Problem> {
        self.json(body::JSON)
    }

    /// The JSON body, or an empty object when there is none.
    ///
    /// # Errors
    /// As [`Sent::json`].
    pub fn json_or_none(&self) -> Result<Value, Problem> {
        if self.bytes.is_empty() {
            return Ok(Value::Object(serde_json::Map::new()));
        }
        self.json(body::JSON)
    }

    /// Does it once per `Idempotency-Key`.
    pub async fn once(self, act: impl AsyncFnOnce(&Sent) -> Answered) -> Answered {
        let memory = self.ask.app.idempotency.clone();
        memory.once(&self, act).await
    }
}

/// A header that says nothing that is understood.
pub fn bad_header(detail: &str) -> Problem {
    Problem::new(400, "bad_header", detail)
}
