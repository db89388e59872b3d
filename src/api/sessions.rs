//! Signing in and out, passwords, one-time links.

use crate::access::session;
use crate::api::answer::json;
use crate::api::ask::{Ask, Sent, Stranger};
use crate::api::endpoint::{Method, endpoint};
use crate::api::grants::PlaceView;
use crate::api::problem::Answered;
use crate::api::{JSON_BODY, Routes, cookies};
use crate::domain::fields::{Fields, ID, LABEL, Rule};
use crate::domain::ids::{Name, SessionId};
use crate::domain::objects::user::{EMAIL, Role};
use crate::domain::problem::Problem;
use crate::domain::signing::LinkPurpose;
use crate::node::{FirstOwner, NewPassword, SignIn};
use axum::http::header::{SET_COOKIE, USER_AGENT};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use utoipa::ToSchema;

const TAG: &str = "Signing in";

/// E-mail and password.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct SignInRequest {
    /// The account; left out: wherever somebody with this e-mail is at home.
    #[schema(required = false)]
    account: String,
    /// The user's e-mail, in any case.
    email: String,
    /// The password.
    password: String,
    /// For browsers: the token comes as a cookie (HttpOnly, SameSite=Strict) and not in the answer;
    /// default false.
    #[schema(required = false)]
    cookie: bool,
}

/// A session that was opened.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct OpenedSession {
    /// Its id.
    id: String,
    /// The account.
    account: String,
    /// The user.
    user: String,
    /// The user's role.
    role: Role,
    /// `Authorization: Bearer` takes it; null when it is in the cookie.
    token: Option<String>,
    /// Say it as `x-callboard-csrf` with each change, when the cookie opens the door.
    csrf: String,
    /// It ends then at the latest.
    #[schema(format = DateTime)]
    expires_at: String,
    /// … or when it was not used for so long, ms.
    idle_ms: u64,
}

/// A session.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct SessionView {
    /// Its id.
    id: String,
    /// The user.
    user: String,
    /// Whether it is the one that asks.
    current: bool,
    /// When it was opened.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was used last, give or take five minutes.
    #[schema(format = DateTime)]
    seen_at: String,
    /// It ends then at the latest.
    #[schema(format = DateTime)]
    expires_at: String,
    /// … or when it was not used for so long, ms.
    idle_ms: u64,
    /// From which address it was opened.
    from: Option<String>,
    /// What the browser or program calls itself.
    program: Option<String>,
}

/// Who asks.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct Me {
    /// The account.
    account: String,
    /// The key's name, or the user's id.
    name: String,
    /// The role, as it is now.
    role: Role,
    /// The user, of a session or of a key of role `agent`.
    user: Option<String>,
    /// The switch, of a key of role `switch`.
    switch: Option<String>,
    /// The session, when it is one.
    session: Option<String>,
    /// Of a session: every account that it opens, by id. Of a key none.
    accounts: Vec<PlaceView>,
}

/// A new password.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct PasswordRequest {
    /// 10 characters to 256 bytes; of a user of type `pbx` 6 to 32 digits.
    password: String,
    /// The same again.
    confirm: String,
    /// The present one: required of who sets their own and has one.
    #[schema(required = false)]
    current: Option<String>,
}

/// Nothing is asked for.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct LinkRequest {}

/// A one-time link.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct MadeLink {
    /// The user.
    user: String,
    /// What for.
    purpose: LinkPurpose,
    /// Its secret; the page is `/welcome#` and this. Null when it goes by mail.
    link: Option<String>,
    /// Whether it goes by mail to the user's address.
    mailed: bool,
    /// Until then.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// Whose password is forgotten.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct Forgotten {
    /// The e-mail.
    email: String,
    /// The account; left out or null: wherever somebody with this e-mail is at home.
    #[schema(required = false)]
    account: Option<String>,
}

/// A link's secret.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct LookLink {
    /// The secret.
    link: String,
}

/// Whose a link is.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct LinkView {
    /// The account.
    account: String,
    /// The user.
    user: String,
    /// First and last name; null of the first owner, who says them.
    name: Option<String>,
    /// The e-mail.
    email: Option<String>,
    /// `invite`, `reset`, or `owner`: the first owner's.
    purpose: String,
    /// Until then; null: until the node starts anew.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Whether the password must be digits.
    numeric: bool,
}

/// A link's secret and the password that it sets.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct UseLink {
    /// The secret.
    link: String,
    /// As for `PUT …/password`.
    password: String,
    /// The same again.
    confirm: String,
    /// The first owner's only, and required then.
    #[schema(required = false)]
    email: Option<String>,
    /// As `email`.
    #[schema(required = false)]
    first_name: Option<String>,
    /// As `email`.
    #[schema(required = false)]
    last_name: Option<String>,
}

/// Who may sign in now.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct UsedLink {
    /// The account.
    account: String,
    /// The user.
    user: String,
    /// What the link was for.
    purpose: String,
}

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    const ALL: &str = "/v1/sessions";
    let routes = routes
        .routes(
            endpoint(
                Method::Post,
                ALL,
                "sign_in",
                "Opens a session by e-mail and password.",
                sign_in,
            )
            .tag(TAG)
            .public()
            .body::<SignInRequest>(JSON_BODY)
            .answers::<OpenedSession>(201, "The session and its token.")
            .done(),
        )
        .routes(
            endpoint(Method::Get, ALL, "list_sessions", "Lists a user's sessions.", list)
                .tag(TAG)
                .query_text("user", "Whose; default one's own.")
                .answers_list::<SessionView>("Oldest first.")
                .done(),
        )
        .routes(
            endpoint(
                Method::Delete,
                ALL,
                "sign_out_everywhere",
                "Ends all sessions of a user; what they opened is closed.",
                end_all,
            )
            .tag(TAG)
            .query_text("user", "Whose; default one's own.")
            .query_flag("others", "All but the one that asks; default false.")
            .answers_plain(204, "Ended.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Delete,
                "/v1/sessions/{session}",
                "sign_out",
                "Ends a session; what it opened is closed.",
                end,
            )
            .tag(TAG)
            .answers_plain(204, "Ended.")
            .done(),
        );
    doors(routes)
}

fn doors(routes: Routes) -> Routes {
    routes
        .routes(
            endpoint(Method::Get, "/v1/me", "me", "Who asks, with the role as it is now.", me)
                .tag(TAG)
                .query_text("account", "As who, in another of one's accounts.")
                .answers::<Me>(200, "Who asks.")
                .done(),
        )
        .routes(
            endpoint(
                Method::Put,
                "/v1/accounts/{account}/users/{user}/password",
                "set_password",
                "Sets a user's password. It ends the user's other sessions.",
                set_password,
            )
            .tag(TAG)
            .body::<PasswordRequest>(JSON_BODY)
            .answers_plain(204, "Set.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Post,
                "/v1/accounts/{account}/users/{user}/link",
                "make_link",
                "Makes a one-time link by which the user sets a password. It kills the one before.",
                make_link,
            )
            .tag(TAG)
            .body_or_none::<LinkRequest>(JSON_BODY)
            .answers::<MadeLink>(201, "The link; it is shown once, and not where it goes by mail.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Post,
                "/v1/links/forgotten",
                "forgot_password",
                "Mails a one-time link to whoever signs in by this e-mail. Whether anybody does is \
                 not told.",
                forgot,
            )
            .tag(TAG)
            .public()
            .body::<Forgotten>(JSON_BODY)
            .answers_plain(202, "If somebody signs in by it, a mail is on its way.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Post,
                "/v1/links/look",
                "look_link",
                "Whose a one-time link is. It stays unused.",
                look_link,
            )
            .tag(TAG)
            .public()
            .body::<LookLink>(JSON_BODY)
            .answers::<LinkView>(200, "Whose it is.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Post,
                "/v1/links/use",
                "use_link",
                "Uses a one-time link: sets the password of whose it is.",
                use_link,
            )
            .tag(TAG)
            .public()
            .body::<UseLink>(JSON_BODY)
            .answers::<UsedLink>(200, "Who may sign in now.")
            .done(),
        )
}

/// What is typed as a secret: any text of a size; whether it is right is seen later.
const SECRET: Rule =
    Rule { must_be: "a text of 1 to 1,024 bytes", holds: |text| (1..=1_024).contains(&text.len()) };

async fn sign_in(stranger: Stranger) -> Answered {
    let body = stranger.json_body()?;
    let mut f = Fields::of(&body);
    let asked = SignIn {
        account: f.text_or_null("account", ID),
        email: f.text("email", SECRET),
        password: f.text("password", SECRET),
        from: stranger.remote,
        program: program(&stranger.headers),
    };
    let by_cookie = f.flag("cookie", false);
    let asked = f.done(asked).map_err(Problem::invalid)?;
    let opened = stranger.app.node.sign_in(asked).await?;
    let mut view = opened.view;
    view["csrf"] = json!(session::csrf(&opened.token));
    view["token"] = if by_cookie { Value::Null } else { json!(opened.token) };
    let mut response = json(201, &view);
    if by_cookie {
        let seconds = view["idle_ms"].as_u64().unwrap_or_default() / 1_000;
        let cookie = cookies::set(&stranger.headers, &opened.token, seconds);
        response.headers_mut().extend(cookie.map(|cookie| (SET_COOKIE, cookie)));
    }
    Ok(response)
}

fn program(headers: &HeaderMap) -> Option<String> {
    headers.get(USER_AGENT)?.to_str().ok().map(str::to_owned)
}

/// The user that the query names, else the one who asks.
fn whose(ask: &Ask, asked: Option<String>) -> Result<String, Problem> {
    let own = ask.identity.actor.user.as_deref().map(str::to_owned);
    asked.or(own).ok_or_else(|| {
        let detail = "this key is nobody's: say whose sessions, as user";
        let error = crate::domain::problem::FieldError::new("user", "required", detail);
        Problem::invalid(vec![error])
    })
}

async fn list(ask: Ask) -> Answered {
    let mut query = ask.query()?;
    let user = query.text("user");
    query.done()?;
    let user = whose(&ask, user)?;
    Ok(json(200, &ask.app.node.sessions(ask.account(), ask.actor(), &user).await?))
}

async fn end_all(ask: Ask) -> Answered {
    let mut query = ask.query()?;
    let (user, others) = (query.text("user"), query.flag("others"));
    query.done()?;
    let own = ask.identity.actor.door.session;
    let user = whose(&ask, user)?;
    let keep = own.filter(|_| others);
    ask.app.node.end_sessions(ask.account(), ask.actor(), &user, keep).await?;
    Ok(ended(&ask, own.is_some() && !others && ask.actor().user == Some(Name::from(user))))
}

async fn end(ask: Ask) -> Answered {
    ask.no_query()?;
    let text = ask.param("session");
    let id = SessionId::parse(&text).ok_or_else(|| Problem::not_found("session", &text))?;
    ask.app.node.end_session(ask.account(), ask.actor(), id).await?;
    Ok(ended(&ask, ask.identity.actor.door.session == Some(id)))
}

/// A browser whose own session ended forgets its cookie.
fn ended(ask: &Ask, own: bool) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if own && cookies::token(&ask.headers).is_some() {
        let cookie = cookies::set(&ask.headers, "", 0);
        response.headers_mut().extend(cookie.map(|cookie| (SET_COOKIE, cookie)));
    }
    response
}

async fn me(ask: Ask) -> Answered {
    let mut query = ask.query()?;
    let account = query.text("account");
    query.done()?;
    let node = &ask.app.node;
    let who = ask.identity.clone();
    let who = match account {
        Some(account) => node.visit(who, &account)?,
        None => who,
    };
    let mut view = node.me(&who.account, who.actor.clone()).await?;
    view["account"] = json!(who.account);
    view["session"] = json!(ask.identity.actor.door.session.map(|id| id.to_string()));
    view["accounts"] = json!(node.own_places(&who.account, &who.actor).await?);
    Ok(json(200, &view))
}

fn new_password(f: &mut Fields<'_>) -> NewPassword {
    NewPassword { password: f.text("password", SECRET), confirm: f.text("confirm", SECRET) }
}

async fn set_password(sent: Sent) -> Answered {
    let ask = &sent.ask;
    ask.no_query()?;
    let body = sent.json_body()?;
    let mut f = Fields::of(&body);
    let new = new_password(&mut f);
    let current = f.text_or_null("current", SECRET);
    let (new, current) = f.done((new, current)).map_err(Problem::invalid)?;
    let user = ask.param("user");
    ask.app.node.set_password(ask.account(), ask.actor(), &user, new, current).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn make_link(sent: Sent) -> Answered {
    let ask = &sent.ask;
    ask.no_query()?;
    Fields::of(&sent.json_or_none()?).done(()).map_err(Problem::invalid)?;
    let user = ask.param("user");
    let node = &ask.app.node;
    let made = node.make_link(ask.account(), ask.actor(), &user).await?;
    Ok(json(201, &made))
}

async fn forgot(stranger: Stranger) -> Answered {
    let body = stranger.json_body()?;
    let mut f = Fields::of(&body);
    let asked = (f.text("email", EMAIL), f.text_or_null("account", ID));
    let (email, account) = f.done(asked).map_err(Problem::invalid)?;
    stranger.app.node.forgot(email, account, stranger.remote)?;
    Ok(StatusCode::ACCEPTED.into_response())
}

async fn look_link(stranger: Stranger) -> Answered {
    let body = stranger.json_body()?;
    let mut f = Fields::of(&body);
    let link = f.text("link", SECRET);
    let link = f.done(link).map_err(Problem::invalid)?;
    Ok(json(200, &stranger.app.node.look_link(&link, stranger.remote).await?))
}

async fn use_link(stranger: Stranger) -> Answered {
    let body = stranger.json_body()?;
    let mut f = Fields::of(&body);
    let link = f.text("link", SECRET);
    let new = new_password(&mut f);
    let email = f.text_or_null("email", EMAIL);
    let names = [f.text_or_null("first_name", LABEL), f.text_or_null("last_name", LABEL)];
    let first = match (email, names) {
        (None, [None, None]) => None,
        (Some(email), [Some(first_name), Some(last_name)]) => {
            Some(FirstOwner { email, first_name, last_name })
        }
        _ => {
            f.wrong_here("conflict", "email, first_name and last_name come together");
            None
        }
    };
    let (link, new, first) = f.done((link, new, first)).map_err(Problem::invalid)?;
    let used = stranger.app.node.use_link(&link, new, first, stranger.remote).await?;
    Ok(json(200, &used))
}
