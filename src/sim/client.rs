//! A client of the public interface: HTTP with JSON bodies, and WebSockets that carry JSON frames.
//!
//! It knows nothing of the server's code: what the demo, `watch` and the load generator see is what
//! any other client sees.

use crate::tls::{self, Stream, Target, Trust};
use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use hyper::http::uri::Authority;
use hyper::{Method, Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use std::io;
use std::net::ToSocketAddrs;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error as WsError, Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async};

/// How long one request may take, or a connection to be made.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// An answer's body is read up to so many bytes.
const MAX_ANSWER: usize = 64 << 20;

/// Why a request or a socket failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be used.
    #[error("{0:?} is no address of a server: give http://HOST:PORT or https://HOST:PORT")]
    Address(String),
    /// The server's certificate is not trusted, or nobody's is.
    #[error("{0}")]
    Tls(String),
    /// The server was not reached, or the connection broke.
    #[error("{0}")]
    Connection(String),
    /// The server refused.
    #[error("{status} {code}: {detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The problem's stable word; empty when the answer was no problem document.
        code: String,
        /// What it said.
        detail: String,
    },
    /// The server closed the socket.
    #[error("the server closed the socket: {code} {reason}")]
    Closed {
        /// The close code; 1005 when none was sent.
        code: u16,
        /// Its reason.
        reason: String,
    },
    /// Something came that is not JSON.
    #[error("not JSON: {0}")]
    NotJson(String),
}

impl Error {
    /// Whether trying again later can help (a broken connection, a busy or restarting server), as
    /// against a refusal that will be repeated.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Error::Connection(_) | Error::NotJson(_) => true,
            Error::Refused { status, .. } => *status == 429 || *status >= 500,
            Error::Closed { code, .. } => !matches!(code, 4400..=4404 | 4409 | 4410),
            Error::Address(_) | Error::Tls(_) => false,
        }
    }
}

/// A client of one server with one key. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Client {
    authority: Authority,
    key: String,
    is_secure: bool,
    trust: Trust,
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// Which account of which server, and by which key.
#[derive(Clone, Debug, clap::Args)]
pub struct Place {
    /// The server's address.
    #[arg(long, env = "CALLBOARD_URL", default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// Certificates of authorities (PEM) that the server's may be of, besides the system's.
    #[arg(long, env = "CALLBOARD_CA")]
    pub ca: Option<PathBuf>,
    /// An API key: to watch of an owner, administrator or supervisor, else of an owner or administrator.
    #[arg(long, env = "CALLBOARD_KEY", hide_env_values = true)]
    pub key: String,
    /// The account.
    #[arg(long, env = "CALLBOARD_ACCOUNT", default_value = "default")]
    pub account: String,
}

impl Place {
    /// A client of it.
    ///
    /// # Errors
    /// When the certificates cannot be read, or the address is none.
    pub fn client(&self) -> Result<Client, Error> {
        let trust = Trust::with_file(self.ca.as_deref()).map_err(|e| Error::Tls(e.to_string()))?;
        Client::trusting(&self.url, &self.key, trust)
    }
}

impl Client {
    /// For the server at `url` (`http://HOST:PORT` or `https://…`), with an API key; trusts the
    /// system's authorities.
    ///
    /// # Errors
    /// As [`Client::trusting`].
    pub fn new(url: &str, key: &str) -> Result<Client, Error> {
        Client::trusting(url, key, Trust::system())
    }

    /// For the server at `url` (`http://HOST:PORT` or `https://…`), with an API key.
    ///
    /// # Errors
    /// [`Error::Address`] when `url` is not of that form, [`Error::Tls`] when it is `https` and
    /// nobody would be trusted.
    pub fn trusting(url: &str, key: &str, trust: Trust) -> Result<Client, Error> {
        let wrong = || Error::Address(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let authority = uri.authority().ok_or_else(wrong)?.clone();
        // A port that is none would be taken for the scheme's own.
        if authority.port_u16().is_none() && authority.as_str() != authority.host() {
            return Err(wrong());
        }
        let is_secure = uri.scheme_str() == Some("https");
        if !matches!(uri.scheme_str(), Some("http" | "https")) || !matches!(uri.path(), "" | "/") {
            return Err(wrong());
        }
        let config = if is_secure { trust.client() } else { tls::nobody() };
        let config = config.map_err(|e| Error::Tls(e.to_string()))?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(REQUEST_TIMEOUT));
        connector.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config((*config).clone())
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let pool = Pool::builder(TokioExecutor::new()).build(connector);
        Ok(Client { authority, key: key.to_owned(), is_secure, trust, pool })
    }

    /// The server, for those who open connections of their own to it.
    ///
    /// # Errors
    /// When its address is not found.
    pub fn target(&self) -> io::Result<Target> {
        let address = self.place().to_socket_addrs()?.next();
        let address = address.ok_or_else(|| io::Error::other("no address"))?;
        match self.is_secure {
            true => Target::secure(address, self.authority.host(), &self.trust),
            false => Ok(address.into()),
        }
    }

    fn place(&self) -> String {
        let port = self.authority.port_u16().unwrap_or(if self.is_secure { 443 } else { 80 });
        format!("{}:{port}", self.authority.host())
    }

    fn scheme(&self, plain: &'static str) -> String {
        format!("{plain}{}", if self.is_secure { "s" } else { "" })
    }

    /// The same server with another key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Client {
        Client { key: key.to_owned(), ..self.clone() }
    }

    /// The key that requests carry.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// `GET`; the body.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub async fn get(&self, path: &str) -> Result<Value, Error> {
        self.request(Method::GET, path, None).await
    }

    /// `PUT` with a JSON body; the answer's body.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub async fn put(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.request(Method::PUT, path, Some(body)).await
    }

    /// `POST` with a JSON body; the answer's body.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.request(Method::POST, path, Some(body)).await
    }

    /// One request; the answer's body, null when empty.
    ///
    /// # Errors
    /// [`Error::Connection`] when the server was not reached in time, [`Error::Refused`] for any
    /// status but 2xx, [`Error::NotJson`].
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Error> {
        let bytes = body.map(|body| Bytes::from(body.to_string()));
        parse(&self.exchange(method, path, bytes).await?)
    }

    /// `POST` of a JSON text as it is; the answer's body as it came. For those who send so much that
    /// values in between would cost too much.
    ///
    /// # Errors
    /// As [`Client::request`], but for [`Error::NotJson`].
    pub async fn post_text(&self, path: &str, body: Bytes) -> Result<Bytes, Error> {
        self.exchange(Method::POST, path, Some(body)).await
    }

    /// A text as it is, of a media type; the answer's body as it came.
    ///
    /// # Errors
    /// As [`Client::request`], but for [`Error::NotJson`].
    pub async fn send_text(
        &self,
        method: Method,
        path: &str,
        kind: &'static str,
        body: Option<Bytes>,
    ) -> Result<Bytes, Error> {
        let mut request = self.build(method, path, body)?;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        self.answer(path, request).await
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<Bytes, Error> {
        let request = self.build(method, path, body)?;
        self.answer(path, request).await
    }

    async fn answer(&self, path: &str, request: Request<Full<Bytes>>) -> Result<Bytes, Error> {
        let exchange = async {
            let answer = self.pool.request(request).await.map_err(|e| broken(&e))?;
            let status = answer.status().as_u16();
            let body = Limited::new(answer.into_body(), MAX_ANSWER);
            let bytes = body.collect().await.map_err(|e| broken(&*e))?.to_bytes();
            Ok((status, bytes))
        };
        let (status, bytes) = tokio::time::timeout(REQUEST_TIMEOUT, exchange)
            .await
            .map_err(|_| Error::Connection(format!("{path}: no answer in time")))??;
        if (200..300).contains(&status) { Ok(bytes) } else { Err(refusal(status, &bytes)) }
    }

    fn build(
        &self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<Request<Full<Bytes>>, Error> {
        let is_json = body.is_some();
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}://{}{path}", self.scheme("http"), self.authority))
            .body(Full::new(body.unwrap_or_default()))
            .map_err(|_| Error::Address(path.to_owned()))?;
        request.headers_mut().insert(AUTHORIZATION, self.bearer()?);
        if is_json {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(CONTENT_TYPE, json);
        }
        Ok(request)
    }

    fn bearer(&self) -> Result<HeaderValue, Error> {
        HeaderValue::from_str(&format!("Bearer {}", self.key))
            .map_err(|_| Error::Address("the key holds characters that no key has".to_owned()))
    }

    /// Opens a WebSocket with a subprotocol, such as `callboard.live.v1`.
    ///
    /// # Errors
    /// [`Error::Connection`], or [`Error::Refused`] when the server does not upgrade.
    pub async fn socket(&self, path: &str, protocol: &'static str) -> Result<Socket, Error> {
        let open = async {
            let tcp = TcpStream::connect(self.place())
                .await
                .map_err(|e| Error::Connection(format!("{}: {e}", self.authority)))?;
            tcp.set_nodelay(true).map_err(|e| Error::Connection(e.to_string()))?;
            let tcp = match self.is_secure {
                true => {
                    self.trust.greet(self.authority.host(), tcp).await.map_err(|e| broken(&e))?
                }
                false => Stream::Plain(tcp),
            };
            let mut request = format!("{}://{}{path}", self.scheme("ws"), self.authority)
                .into_client_request()
                .map_err(|_| Error::Address(path.to_owned()))?;
            request.headers_mut().insert(AUTHORIZATION, self.bearer()?);
            let protocol = HeaderValue::from_static(protocol);
            request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, protocol);
            let (stream, _) = client_async(request, tcp).await.map_err(handshake)?;
            Ok(Socket { stream })
        };
        tokio::time::timeout(REQUEST_TIMEOUT, open)
            .await
            .map_err(|_| Error::Connection(format!("{path}: no connection in time")))?
    }
}

/// An open WebSocket with JSON frames. Pings are answered while [`Socket::next`] is awaited.
#[derive(Debug)]
pub struct Socket {
    stream: WebSocketStream<Stream<TcpStream>>,
}

impl Socket {
    /// Sends one frame.
    ///
    /// # Errors
    /// [`Error::Connection`] when the socket is broken or closed.
    pub async fn send(&mut self, frame: &Value) -> Result<(), Error> {
        let message = Message::text(frame.to_string());
        self.stream.send(message).await.map_err(|e| Error::Connection(e.to_string()))
    }

    /// The next frame. May be dropped while waiting (in `select!`) without losing one.
    ///
    /// # Errors
    /// [`Error::Closed`] with the server's code, [`Error::Connection`], [`Error::NotJson`].
    pub async fn next(&mut self) -> Result<Value, Error> {
        loop {
            if let Some(text) = text(self.stream.next().await)? {
                return parse(text.as_bytes());
            }
        }
    }

    /// Two halves that work side by side, with frames as texts: neither waits for the other when
    /// the peer reads slowly.
    #[must_use]
    pub fn split(self) -> (Sending, Receiving) {
        let (sending, receiving) = self.stream.split();
        (Sending(sending), Receiving(receiving))
    }

    /// Closes in good order; errors do not matter any more.
    pub async fn close(mut self) {
        let _ = self.stream.close(None).await;
    }
}

/// The half of a WebSocket that sends.
#[derive(Debug)]
pub struct Sending(SplitSink<WebSocketStream<Stream<TcpStream>>, Message>);

impl Sending {
    /// Sends a frame that is JSON already.
    ///
    /// # Errors
    /// [`Error::Connection`] when the socket is broken or closed.
    pub async fn send(&mut self, frame: String) -> Result<(), Error> {
        self.0.send(Message::text(frame)).await.map_err(|e| Error::Connection(e.to_string()))
    }
}

/// The half of a WebSocket that receives. Pings are answered while it does.
#[derive(Debug)]
pub struct Receiving(SplitStream<WebSocketStream<Stream<TcpStream>>>);

impl Receiving {
    /// The next frame's text. May be dropped while waiting without losing one.
    ///
    /// # Errors
    /// [`Error::Closed`] with the server's code, [`Error::Connection`].
    pub async fn next(&mut self) -> Result<Utf8Bytes, Error> {
        loop {
            if let Some(text) = text(self.0.next().await)? {
                return Ok(text);
            }
        }
    }
}

/// A message's text; `None` for a message that is none of ours.
fn text(message: Option<Result<Message, WsError>>) -> Result<Option<Utf8Bytes>, Error> {
    let message = match message {
        Some(Ok(message)) => message,
        Some(Err(e)) => return Err(Error::Connection(e.to_string())),
        None => return Err(Error::Connection("the connection ended".to_owned())),
    };
    match message {
        Message::Text(text) => Ok(Some(text)),
        Message::Binary(bytes) => {
            Utf8Bytes::try_from(bytes).map(Some).map_err(|e| Error::NotJson(e.to_string()))
        }
        Message::Close(frame) => {
            let (code, reason) = frame.map_or((1005, String::new()), |frame| {
                (u16::from(frame.code), frame.reason.to_string())
            });
            Err(Error::Closed { code, reason })
        }
        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(None),
    }
}

fn parse(bytes: &[u8]) -> Result<Value, Error> {
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(bytes).map_err(|e| Error::NotJson(e.to_string()))
}

/// A problem document (RFC 9457), or whatever came in its place.
fn refusal(status: u16, bytes: &[u8]) -> Error {
    let body: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let text = |field: &str| body[field].as_str().map(str::to_owned);
    let said = || String::from_utf8_lossy(bytes).chars().take(200).collect();
    let mut detail = text("detail").unwrap_or_else(said);
    for error in body["errors"].as_array().into_iter().flatten() {
        let part = |field: &str| error[field].as_str().unwrap_or_default().to_owned();
        detail += &format!("; {}: {}", part("pointer"), part("detail"));
    }
    Error::Refused { status, code: text("code").unwrap_or_default(), detail }
}

fn handshake(error: WsError) -> Error {
    match error {
        WsError::Http(answer) => {
            refusal(answer.status().as_u16(), answer.body().as_deref().unwrap_or_default())
        }
        other => Error::Connection(other.to_string()),
    }
}

fn broken(error: &(dyn std::error::Error + 'static)) -> Error {
    match tls::untrusted(error) {
        Some(why) => Error::Tls(format!(
            "the server's certificate is not trusted: {why}; name the certificate of its authority \
             with --ca"
        )),
        None => Error::Connection(chain(error)),
    }
}

/// An error with its causes: the connector's own text says only "client error (Connect)".
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_servers_are_taken() {
        assert!(Client::new("http://127.0.0.1:8080", "k").is_ok());
        assert!(Client::new("http://board.test:8080/", "k").is_ok());
        for wrong in ["127.0.0.1:8080", "ftp://a", "http://a/v1", "ws://a", "http://a:99999", ""] {
            assert!(matches!(Client::new(wrong, "k"), Err(Error::Address(_))), "{wrong}");
        }
    }

    #[test]
    fn a_problem_is_told_with_every_wrong_field() {
        let body = br#"{"status":422,"code":"invalid","detail":"2 fields are wrong",
            "errors":[{"pointer":"/name","code":"required","detail":"is missing"}]}"#;
        let text = refusal(422, body).to_string();
        assert_eq!(text, "422 invalid: 2 fields are wrong; /name: is missing");
        assert_eq!(refusal(502, b"bad gateway").to_string(), "502 : bad gateway");
    }

    #[test]
    fn what_may_pass_is_tried_again() {
        let closed = |code| Error::Closed { code, reason: String::new() };
        assert!(closed(1001).may_pass() && closed(1006).may_pass());
        assert!(!closed(4401).may_pass() && !closed(4403).may_pass() && !closed(4409).may_pass());
        assert!(refusal(503, b"").may_pass() && !refusal(403, b"").may_pass());
    }
}
