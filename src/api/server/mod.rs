//! The listening socket's life: who is let in, how long they may take, and how all leave.
//!
//! Each connection lives in a task of its own from its first byte on, so that nobody's handshake or
//! head holds up another's.

mod files;
mod guarded;
mod handshakes;
mod places;

pub use files::room_for;

use crate::api::Served;
use crate::api::limits::{
    Limits, MOST_HEAD_BYTES, MOST_HEADERS, MOST_REFUSALS, SEND_BUFFER_BYTES, UNREAD_HEAD_BYTES,
};
use crate::api::problem::Refusal;
use crate::domain::problem::Problem;
use crate::tls::Stream;
use axum::body::Body;
use axum::http::header::{CONNECTION, CONTENT_TYPE, HeaderValue};
use axum::http::{Request, Response, StatusCode};
use axum::response::IntoResponse;
use guarded::{Guarded, Patience};
use handshakes::Handshakes;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use places::{Place, Places};
use rustix::net::sockopt::set_socket_send_buffer_size;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_rustls::TlsAcceptor;

/// Slow readers of live frames are waited for as long as the board remembers what they missed.
const SLOW_READERS: Duration = Duration::from_millis(crate::reporting::board::KEPT_MS);
/// How often those who were turned away are told of in the log, while there are any.
const TELL_EACH: Duration = Duration::from_secs(10);
/// After a failure to accept (no more files) the next try waits so long.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// How to serve.
#[derive(Clone, Debug, Default)]
pub struct Serving {
    /// What peers may take.
    pub limits: Limits,
    /// The settings of TLS; without them connections are plain.
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

/// Serves until `stop` ends; answers that are under way are finished first.
///
/// # Errors
/// None at present: a failure to accept is told and tried again.
pub async fn serve(
    listener: TcpListener,
    served: Served,
    serving: Serving,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    // Accepted sockets inherit it.
    if let Err(error) = set_socket_send_buffer_size(&listener, SEND_BUFFER_BYTES) {
        tracing::debug!(%error, "the size of send buffers could not be set");
    }
    let limits = serving.limits;
    let door = Arc::new(Door {
        places: Places::new(limits.connections, MOST_REFUSALS),
        handshakes: Handshakes::new(limits.handshakes),
        tls: serving.tls.map(TlsAcceptor::from),
        served,
        limits,
    });
    let (leave, leaving) = watch::channel(false);
    // Every connection's task holds one of these: when none is left, all have ended.
    let (all, one) = watch::channel(());
    let mut tell = interval(TELL_EACH);
    tell.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stop = pin!(stop);
    loop {
        let (tcp, peer) = tokio::select! {
            biased;
            () = &mut stop => break,
            _ = tell.tick() => {
                door.places.tell();
                continue;
            }
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    not_accepted(&error).await;
                    continue;
                }
            },
        };
        let Some(place) = door.places.take() else { continue };
        let (door, leaving, one) = (Arc::clone(&door), leaving.clone(), one.clone());
        tokio::spawn(async move {
            door.welcome(tcp, peer, place, leaving).await;
            drop(one);
        });
    }
    drop((listener, one));
    leave.send_replace(true);
    all.closed().await;
    Ok(())
}

/// A peer that is gone already is no trouble; that there are no more files is.
async fn not_accepted(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    tracing::error!(%error, "a connection could not be accepted");
    sleep(ACCEPT_AGAIN).await;
}

/// What all connections share.
struct Door {
    limits: Limits,
    places: Places,
    handshakes: Arc<Handshakes>,
    tls: Option<TlsAcceptor>,
    served: Served,
}

impl Door {
    /// Serves one connection to its end, or until it is a WebSocket.
    async fn welcome(
        &self,
        tcp: TcpStream,
        peer: SocketAddr,
        place: Place,
        leaving: watch::Receiver<bool>,
    ) {
        // Answers and commands are small: waiting to fill a segment would only delay them.
        if let Err(error) = tcp.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        let is_seat = place.is_seat();
        let patience = Patience::new(self.limits.stall);
        let guarded = patience.clone();
        let guard = move |tcp| Guarded::new(tcp, place, guarded);
        let stream = match &self.tls {
            None => Stream::Plain(guard(tcp)),
            Some(tls) => {
                let greet = async move {
                    if speaks_plainly(&tcp).await? {
                        return Ok(Stream::Plain(guard(tcp)));
                    }
                    let stream = tls.accept(guard(tcp)).await?;
                    Ok(Stream::Tls(Box::new(stream.into())))
                };
                match self.handshakes.within(self.limits.handshake, greet).await {
                    Ok(stream) => stream,
                    Err(error) => {
                        tracing::debug!(%peer, %error, "no TLS handshake");
                        return;
                    }
                }
            }
        };
        let is_plain = self.tls.is_some() && matches!(stream, Stream::Plain(_));
        let refusal = match (is_plain, is_seat) {
            (true, _) => Some(tls_only()),
            (false, false) => Some(too_many()),
            (false, true) => None,
        };
        let serving = self.converse(stream, peer, refusal.as_ref(), &patience, leaving);
        let ended = match refusal.is_some() {
            // Nobody who was turned away may keep a place by being slow.
            true => timeout(self.limits.handshake, serving).await.unwrap_or(Ok(())),
            false => serving.await,
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, %error, "a connection ended");
        }
    }

    /// HTTP/1.1 on one connection. Everybody is told `refusal`, if there is one.
    async fn converse(
        &self,
        stream: Stream<Guarded>,
        peer: SocketAddr,
        refusal: Option<&Problem>,
        patience: &Patience,
        mut leaving: watch::Receiver<bool>,
    ) -> Result<(), hyper::Error> {
        let service = service_fn(|request: Request<Incoming>| {
            let refused = refusal.cloned().or_else(|| large_head(&request));
            async move {
                if let Some(problem) = refused {
                    return Ok::<_, Infallible>(turn_away(problem));
                }
                let response = self.served.answer(peer, request).await;
                if is_lasting(&response) {
                    patience.set(SLOW_READERS);
                }
                Ok(response)
            }
        });
        let connection = Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head)
            .max_header_size(UNREAD_HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = left(&mut leaving) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    }
}

/// Waits until all must leave.
async fn left(leaving: &mut watch::Receiver<bool>) {
    // A dropped sender says so too.
    let _ = leaving.wait_for(|leaving| *leaving).await;
}

/// Whether what follows is for a reader who may be slow: a WebSocket, or a stream of events.
fn is_lasting(response: &Response<Body>) -> bool {
    let is_stream = |kind: &HeaderValue| kind.as_bytes().starts_with(b"text/event-stream");
    response.status() == StatusCode::SWITCHING_PROTOCOLS
        || response.headers().get(CONTENT_TYPE).is_some_and(is_stream)
}

/// Whether the peer's first byte begins an HTTP request; a TLS handshake begins with 22.
async fn speaks_plainly(tcp: &TcpStream) -> io::Result<bool> {
    let mut first = [0];
    let count = tcp.peek(&mut first).await?;
    Ok(count == 1 && first[0].is_ascii_uppercase())
}

fn large_head(request: &Request<Incoming>) -> Option<Problem> {
    let headers = request.headers();
    let path = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    // Each line has a colon, a blank and its end besides.
    let lines = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    let is_large = headers.len() > MOST_HEADERS || path + lines.sum::<usize>() > MOST_HEAD_BYTES;
    is_large.then(|| {
        let detail = format!(
            "path and headers hold at most {MOST_HEAD_BYTES} bytes together, in at most \
             {MOST_HEADERS} headers"
        );
        Problem::new(431, "head_too_large", detail)
    })
}

fn tls_only() -> Problem {
    Problem::new(400, "tls_required", "this port speaks TLS: use https:// or wss://")
}

fn too_many() -> Problem {
    let detail = "as many connections are open as this server takes; try again later";
    Problem { retry_after: Some(1), ..Problem::new(503, "too_many_connections", detail) }
}

/// The connection ends with this answer.
fn turn_away(problem: Problem) -> Response<Body> {
    let mut response = Refusal::from(problem).into_response();
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
