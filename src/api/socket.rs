//! What the WebSockets of switches, desks and the feed have in common: limits, sending with
//! patience, heartbeats, closing with a code, ending with their key.

use crate::access::Identity;
use crate::domain::ids::KeyId;
use crate::live::socket::MOST_UNANSWERED;
use crate::node::{Handle, Life};
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use std::time::Duration;
use tokio::sync::{broadcast, watch};
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

/// A peer that takes no byte for so long is gone.
const SEND_WITHIN: Duration = Duration::from_secs(30);
/// How long a close may take.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);
/// How soon a client that was sent away should come back.
const RETRY_AFTER_MS: u64 = 500;

/// Why a socket ends: a close code with its reason, or nothing when the peer is gone.
pub type End = Option<(u16, &'static str)>;

/// Going away: the node stops.
pub const GOING_AWAY: End = Some((1001, "going away"));
/// The peer is gone.
pub const GONE: End = None;
/// A frame that cannot be read.
pub const BAD_FRAME: End = Some((4400, "bad frame"));
/// The key is no longer valid.
pub const SIGN_IN: End = Some((4401, "the key was revoked or has expired: sign in again"));
/// The peer does not take what it is sent.
pub const TOO_SLOW: End = Some((4408, "too slow, or no answer to pings"));

/// An upgrade with limits.
pub fn limits(
    upgrade: WebSocketUpgrade,
    protocol: &'static str,
    most_bytes: usize,
) -> WebSocketUpgrade {
    upgrade
        .protocols([protocol])
        .max_message_size(most_bytes)
        .max_frame_size(most_bytes)
        .read_buffer_size(16 * 1024)
        .write_buffer_size(0)
}

/// Sends a text; an end when the peer is gone or takes nothing.
///
/// # Errors
/// The end.
pub async fn send(socket: &mut WebSocket, text: String) -> Result<(), End> {
    put(socket, Message::Text(Utf8Bytes::from(text))).await
}

async fn put(socket: &mut WebSocket, message: Message) -> Result<(), End> {
    match timeout(SEND_WITHIN, socket.send(message)).await {
        Ok(sent) => sent.map_err(|_| GONE),
        Err(_) => Err(GONE),
    }
}

/// What a client said: a text, or nothing that matters.
///
/// # Errors
/// The end: the peer closed or is gone, or the frame is none that is taken here.
pub fn text(message: Option<Result<Message, axum::Error>>) -> Result<Option<Utf8Bytes>, End> {
    match message {
        Some(Ok(Message::Text(text))) => Ok(Some(text)),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(None),
        Some(Ok(Message::Binary(_))) => Err(Some((4400, "text frames only"))),
        Some(Ok(Message::Close(_))) | None => Err(GONE),
        Some(Err(error)) => Err(broken(&error)),
    }
}

/// A message that is too long, or no UTF-8, is a bad frame; any other error is the peer's end.
fn broken(error: &axum::Error) -> End {
    use tokio_tungstenite::tungstenite::Error;
    let source = std::error::Error::source(error)?.downcast_ref::<Error>()?;
    match source {
        Error::Capacity(_) => Some((4400, "the message is too long")),
        Error::Utf8(_) => Some((4400, "not UTF-8")),
        Error::Protocol(_) => Some((1002, "this is not RFC 6455")),
        _ => GONE,
    }
}

/// Closes with a code; before 1001 the client is told when to come back. A peer that closed gets its
/// answer.
pub async fn close(mut socket: WebSocket, end: End) {
    let Some((code, reason)) = end else {
        let _ =
            timeout(CLOSE_WITHIN, async { while let Some(Ok(_)) = socket.recv().await {} }).await;
        return;
    };
    let say = async {
        if code == 1001 {
            let frame = format!(r#"{{"type":"going_away","retry_after_ms":{RETRY_AFTER_MS}}}"#);
            let _ = socket.send(Message::Text(frame.into())).await;
        }
        let frame = CloseFrame { code, reason: reason.into() };
        let _ = socket.send(Message::Close(Some(frame))).await;
        // The peer's answer, so that it sees the close and not a reset.
        while let Some(Ok(_)) = socket.recv().await {}
    };
    // Nothing to be done for a peer that does not take it.
    let _ = timeout(CLOSE_WITHIN, say).await;
}

/// Watches over an open connection: its key, the node's life, the peer's pulse.
pub struct Watch {
    node: Handle,
    who: Identity,
    revoked: broadcast::Receiver<KeyId>,
    life: watch::Receiver<Life>,
    pings: Interval,
    unanswered: u32,
}

impl Watch {
    /// Over a connection that `who` opened, pinging every `every`.
    #[must_use]
    pub fn new(node: &Handle, who: &Identity, every: Duration) -> Watch {
        let mut pings = interval(every);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick is at once.
        pings.reset();
        let (revoked, life) = (node.revoked(), node.life());
        Watch { node: node.clone(), who: who.clone(), revoked, life, pings, unanswered: 0 }
    }

    /// The peer spoke.
    pub fn heard(&mut self) {
        self.unanswered = 0;
    }

    /// Waits until a ping is due (`Ok`) or the connection must end.
    ///
    /// # Errors
    /// The end.
    pub async fn next(&mut self) -> Result<(), End> {
        loop {
            tokio::select! {
                _ = self.pings.tick() => {
                    if !self.node.is_valid(&self.who) {
                        return Err(SIGN_IN);
                    }
                    self.unanswered += 1;
                    return if self.unanswered > MOST_UNANSWERED { Err(TOO_SLOW) } else { Ok(()) };
                }
                revoked = self.revoked.recv() => match revoked {
                    Ok(key) if key != self.who.key => {}
                    // Too many at once to have seen them all: the keys themselves are asked.
                    _ if self.node.is_valid(&self.who) => {}
                    _ => return Err(SIGN_IN),
                },
                changed = self.life.changed() => {
                    if changed.is_err() || *self.life.borrow() != Life::Running {
                        return Err(GOING_AWAY);
                    }
                }
            }
        }
    }
}

/// Sends a ping.
///
/// # Errors
/// The end.
pub async fn ping(socket: &mut WebSocket) -> Result<(), End> {
    put(socket, Message::Ping(bytes::Bytes::new())).await
}
