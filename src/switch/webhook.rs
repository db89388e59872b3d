//! Posting commands to a switch's webhook: HTTP/1.1, `Authorization`, Standard Webhooks signatures.

use crate::domain::objects::Webhook;
use crate::domain::switching::CommandFailure;
use crate::domain::time::Millis;
use crate::tls::{self, Trust};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client as Http, ResponseFuture};
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use sha2::Sha256;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// A delivery that took longer has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// A longer answer is not read.
const ANSWER_BYTES: usize = 1 << 20;

/// Posts, over http and https; cloning it shares its connections.
#[derive(Clone, Debug)]
pub struct Client {
    plain: Http<HttpConnector, Full<Bytes>>,
    /// Made for the first webhook with https: reading the system's authorities takes a while.
    tls: Arc<OnceLock<Secure>>,
    trust: Trust,
}

type Secure = Http<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// The switch took the delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Ids of commands it could not do, and why.
    pub failed: Vec<(String, CommandFailure)>,
}

/// The switch did not take it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL, or a header made of the configuration, is none.
    #[error("the webhook cannot be called as configured: {0}")]
    Configuration(String),
    /// Its certificate is not taken.
    #[error(
        "the webhook's certificate is not trusted: {0}; name the certificate of its authority with \
         webhook.ca (--webhook-ca)"
    )]
    Untrusted(String),
    /// Not reached, or the connection broke.
    #[error("not reached: {0}")]
    Unreached(String),
    /// No answer in 10 s.
    #[error("no answer within 10 s")]
    Slow,
    /// It answered, and not with 2xx.
    #[error("answered {0}")]
    Refused(StatusCode),
}

#[derive(Deserialize)]
struct Conflict {
    #[serde(default)]
    failed: Vec<FailedCommand>,
}

#[derive(Deserialize)]
struct FailedCommand {
    id: String,
    reason: CommandFailure,
}

impl Default for Client {
    fn default() -> Self {
        Client::new()
    }
}

impl Client {
    /// With no connection yet; trusts the system's authorities.
    #[must_use]
    pub fn new() -> Client {
        Client::trusting(Trust::system())
    }

    /// With no connection yet.
    #[must_use]
    pub fn trusting(trust: Trust) -> Client {
        let plain = Http::builder(TokioExecutor::new()).build(connector());
        Client { plain, tls: Arc::default(), trust }
    }

    fn secure(&self) -> Result<&Secure, Error> {
        if let Some(client) = self.tls.get() {
            return Ok(client);
        }
        let config = self.trust.client().map_err(|e| Error::Configuration(e.to_string()))?;
        let mut connector = connector();
        connector.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config((*config).clone())
            .https_only()
            .enable_http1()
            .wrap_connector(connector);
        let client = Http::builder(TokioExecutor::new()).build(connector);
        Ok(self.tls.get_or_init(|| client))
    }

    fn send(&self, request: Request<Full<Bytes>>) -> Result<ResponseFuture, Error> {
        if request.uri().scheme_str() == Some("https") {
            return Ok(self.secure()?.request(request));
        }
        Ok(self.plain.request(request))
    }

    /// Posts `body`; `id` names the delivery, `now` stands in its signature.
    ///
    /// # Errors
    /// When it was not taken: anything but 2xx, or 409 with `failed`.
    pub async fn post(
        &self,
        webhook: &Webhook,
        id: &str,
        now: Millis,
        body: Vec<u8>,
    ) -> Result<Outcome, Error> {
        let request = request(webhook, id, now, body)?;
        let exchange = async {
            let response = self.send(request)?.await.map_err(|error| unreached(&error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await;
            let body = body.map_err(|error| unreached(&*error))?.to_bytes();
            read(status, &body)
        };
        tokio::time::timeout(PATIENCE, exchange).await.unwrap_or(Err(Error::Slow))
    }
}

fn connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(Duration::from_secs(5)));
    connector
}

fn unreached(error: &(dyn std::error::Error + 'static)) -> Error {
    match tls::untrusted(error) {
        Some(why) => Error::Untrusted(why),
        None => Error::Unreached(causes(error)),
    }
}

/// Hyper says "client error"; what is wrong stands in the causes.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn read(status: StatusCode, body: &[u8]) -> Result<Outcome, Error> {
    if status.is_success() {
        return Ok(Outcome::default());
    }
    if status == StatusCode::CONFLICT
        && let Ok(conflict) = serde_json::from_slice::<Conflict>(body)
        && !conflict.failed.is_empty()
    {
        let failed = conflict.failed.into_iter().map(|failed| (failed.id, failed.reason));
        return Ok(Outcome { failed: failed.collect() });
    }
    Err(Error::Refused(status))
}

fn request(
    webhook: &Webhook,
    id: &str,
    now: Millis,
    body: Vec<u8>,
) -> Result<Request<Full<Bytes>>, Error> {
    let seconds = now.0.div_euclid(1_000);
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(&webhook.url)
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", seconds);
    if let Some(authorization) = &webhook.authorization {
        request = request.header(AUTHORIZATION, authorization);
    }
    if let Some(secret) = &webhook.secret {
        let signature = sign(secret, id, seconds, &body)?;
        request = request.header("webhook-signature", signature);
    }
    request.body(Full::new(body.into())).map_err(|error| Error::Configuration(error.to_string()))
}

/// `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`; the key is what `whsec_` hides.
fn sign(secret: &str, id: &str, seconds: i64, body: &[u8]) -> Result<String, Error> {
    let wrong = || Error::Configuration("the secret is not whsec_ and base64".to_owned());
    let key = base64::decode(secret.strip_prefix("whsec_").unwrap_or(secret)).ok_or_else(wrong)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| wrong())?;
    mac.update(format!("{id}.{seconds}.").as_bytes());
    mac.update(body);
    Ok(format!("v1,{}", base64::encode(&mac.finalize().into_bytes())))
}

/// Base64 (RFC 4648, with padding): two short functions are less than a dependency.
mod base64 {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    /// With padding.
    pub fn encode(bytes: &[u8]) -> String {
        let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
        for three in bytes.chunks(3) {
            let byte = |i: usize| u32::from(three.get(i).copied().unwrap_or(0));
            let bits = (byte(0) << 16) | (byte(1) << 8) | byte(2);
            for i in 0..4 {
                let digit = ALPHABET[((bits >> (18 - 6 * i)) & 63) as usize];
                text.push(if i <= three.len() { char::from(digit) } else { '=' });
            }
        }
        text
    }

    /// With or without padding; `None` when it is no base64.
    pub fn decode(text: &str) -> Option<Vec<u8>> {
        let text = text.trim_end_matches('=');
        let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
        let (mut bits, mut held) = (0u32, 0);
        for digit in text.bytes() {
            let value = ALPHABET.iter().position(|d| *d == digit)?;
            bits = (bits << 6) | u32::try_from(value).ok()?;
            held += 6;
            if held >= 8 {
                held -= 8;
                bytes.push(((bits >> held) & 0xff) as u8);
            }
        }
        // A single digit at the end is no byte at all.
        (text.len() % 4 != 1).then_some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    #[test]
    fn base64_is_that_of_the_rfc() {
        let pairs =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (plain, text) in pairs {
            assert_eq!(base64::encode(plain.as_bytes()), text);
            assert_eq!(base64::decode(text).as_deref(), Some(plain.as_bytes()));
        }
        assert_eq!(base64::decode("Z"), None);
        assert_eq!(base64::decode("Zg!"), None);
    }

    /// The example of the Standard Webhooks specification.
    #[test]
    fn a_signature_is_that_of_the_specification() {
        let signature = sign(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature.expect("signed"), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert!(sign("whsec_!", "m", 0, b"").is_err());
    }

    /// A switch that answers one request, and what it was sent.
    async fn answering(answer: impl Into<String>) -> (String, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let answer = answer.into();
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let served = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.expect("accepted");
            let mut seen = Vec::new();
            while !seen.ends_with(b"}") {
                let count = socket.read_buf(&mut seen).await.expect("read");
                assert!(count > 0, "closed early");
            }
            socket.write_all(answer.as_bytes()).await.expect("answered");
            String::from_utf8(seen).expect("text")
        });
        (url, served)
    }

    fn hook(url: String) -> Webhook {
        Webhook {
            url,
            authorization: Some("Bearer edge".into()),
            secret: Some("whsec_Zm9v".into()),
        }
    }

    #[tokio::test]
    async fn a_delivery_carries_its_headers_and_is_taken() {
        let (url, served) = answering("HTTP/1.1 204 No Content\r\n\r\n").await;
        let body = b"{\"commands\":[]}".to_vec();
        let outcome = Client::new().post(&hook(url), "m-1", Millis(5_999), body).await;
        assert_eq!(outcome.expect("taken"), Outcome::default());
        let seen = served.await.expect("served").to_ascii_lowercase();
        for header in [
            "post /hook http/1.1",
            "authorization: bearer edge",
            "content-type: application/json",
            "webhook-id: m-1",
            "webhook-timestamp: 5\r\n",
            "webhook-signature: v1,",
        ] {
            assert!(seen.contains(header), "{header} in {seen}");
        }
    }

    #[tokio::test]
    async fn a_conflict_names_what_failed_and_other_answers_are_failures() {
        let body = r#"{"failed":[{"id":"cmd_1","reason":"unknown_call"}]}"#;
        let length = body.len();
        let conflict = format!("HTTP/1.1 409 Conflict\r\ncontent-length: {length}\r\n\r\n{body}");
        let (url, served) = answering(conflict).await;
        let post = |url: String| async move {
            Client::new().post(&hook(url), "m", Millis(0), b"{}".to_vec()).await
        };
        let failed = post(url).await.expect("taken").failed;
        assert_eq!(failed, [("cmd_1".to_owned(), CommandFailure::UnknownCall)]);
        served.await.expect("served");

        let (url, served) = answering("HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n").await;
        assert!(matches!(post(url.clone()).await, Err(Error::Refused(_))));
        served.await.expect("served");
        assert!(matches!(post(url).await, Err(Error::Unreached(_))), "nobody listens any more");
        let no_url = post("not a url".to_owned()).await;
        assert!(matches!(no_url, Err(Error::Configuration(_))));
    }
}
