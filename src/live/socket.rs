//! The live feed over a WebSocket, `callboard.live.v1`.
//!
//! Close codes: 1001 going away (come back after `retry_after_ms`), 1002 not RFC 6455, 4400 bad
//! frame (do not come back with the same), 4401 sign in again, 4403 not allowed, 4408 no first frame
//! in 5 s, or no answer to pings.

use crate::live::frame::Frame;
use crate::live::handle::{Connection, HubHandle, Viewer};
use crate::live::slot::{Close, Parcel};
use crate::live::wire::{self, MOST_BYTES};
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

/// The subprotocol's name.
pub const PROTOCOL: &str = "callboard.live.v1";

const FIRST_FRAME_WITHIN: Duration = Duration::from_secs(5);
/// Pings without any sign of life after which a peer is gone.
pub const MOST_UNANSWERED: u32 = 2;
/// A send that takes no byte for as long as the board remembers removals is of a peer that is gone:
/// after it, nothing but a snapshot could help it anyway.
const DEAD_AFTER: Duration = Duration::from_millis(crate::reporting::board::KEPT_MS);
/// So many frames are sent before the socket is listened to, should they always be there.
const FRAMES_IN_A_ROW: u32 = 16;
/// How long a close may take to be sent and answered.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// An upgrade with the limits that the live feed needs: clients say little, and ten thousand
/// connections must not hold ten thousand large buffers.
pub fn limits(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade
        .protocols([PROTOCOL])
        .max_message_size(MOST_BYTES)
        .max_frame_size(MOST_BYTES)
        .read_buffer_size(1024)
        .write_buffer_size(0)
}

/// Serves one dashboard until it leaves, or is made to; pings it every `ping`. The viewer was
/// authenticated before.
pub async fn serve(mut socket: WebSocket, hub: HubHandle, who: Viewer, ping: Duration) {
    let connection = hub.connect(who);
    let close = match first(&mut socket, &connection).await {
        Ok(()) => run(&mut socket, &connection, ping).await,
        Err(close) => close,
    };
    drop(connection);
    // Nothing to be done for a peer that does not take it.
    let _ = timeout(CLOSE_WITHIN, say_close(socket, close)).await;
}

/// An end: with a close to be sent, or none when the peer is gone.
type End = Option<Close>;

async fn first(socket: &mut WebSocket, connection: &Connection) -> Result<(), End> {
    let wait = async {
        loop {
            let message = socket.recv().await;
            if heard(message, connection).await? {
                return Ok(());
            }
        }
    };
    tokio::select! {
        heard = timeout(FIRST_FRAME_WITHIN, wait) => heard.unwrap_or_else(|_| {
            Err(Some(Close::new(4408, "no subscription within 5 s")))
        }),
        close = connection.slot().closing() => Err(Some(close)),
    }
}

async fn run(socket: &mut WebSocket, connection: &Connection, ping: Duration) -> End {
    let mut ping = interval(ping);
    ping.reset();
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // A reader that is too slow for its frames is stuck in one of them, and not pinged: who is
    // pinged and says nothing is gone.
    let mut unanswered = 0;
    // Frames first, which saves a look at the socket for each; but a reader whose next frame is
    // always there is listened to now and then.
    let mut in_a_row = 0;
    loop {
        let is_turn = in_a_row < FRAMES_IN_A_ROW;
        in_a_row += 1;
        let done = tokio::select! {
            biased;
            parcel = connection.slot().next(), if is_turn => give(socket, connection, parcel).await,
            message = socket.recv() => {
                (in_a_row, unanswered) = (0, 0);
                heard(message, connection).await.map(drop)
            }
            _ = ping.tick() => {
                unanswered += 1;
                match unanswered > MOST_UNANSWERED {
                    true => Err(Some(Close::new(4408, "no answer to pings"))),
                    false => put(socket, connection, Message::Ping(Default::default())).await,
                }
            }
            texts = connection.figures().next() => put_all(socket, connection, &texts).await,
            parcel = connection.slot().next(), if !is_turn => {
                in_a_row = 0;
                give(socket, connection, parcel).await
            }
        };
        if let Err(end) = done {
            return end;
        }
    }
}

async fn give(socket: &mut WebSocket, connection: &Connection, parcel: Parcel) -> Result<(), End> {
    match parcel {
        Parcel::Frame(frame) => send(socket, connection, frame).await,
        Parcel::Close(close) => Err(Some(close)),
    }
}

/// Takes in what the client said; answers whether it was a subscription.
async fn heard(
    message: Option<Result<Message, axum::Error>>,
    connection: &Connection,
) -> Result<bool, End> {
    let text = match message {
        Some(Ok(Message::Text(text))) => text,
        Some(Ok(Message::Binary(_))) => {
            return Err(Some(Close::new(4400, "text frames only")));
        }
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Ok(false),
        // The peer closed: reading on sends the answer.
        Some(Ok(Message::Close(_))) | None => return Err(None),
        Some(Err(error)) => return Err(broken(&error)),
    };
    let wanted =
        wire::read(&text, connection.viewer()).map_err(|what| Some(Close::new(4400, what)))?;
    match connection.subscribe(wanted).await {
        true => Ok(true),
        false => Err(Some(Close::new(1001, "going away"))),
    }
}

/// A message that is too long, or no UTF-8, is a bad frame; any other error is the peer's end.
fn broken(error: &axum::Error) -> End {
    let source = std::error::Error::source(error)?;
    let error = source.downcast_ref::<tokio_tungstenite::tungstenite::Error>()?;
    match error {
        tokio_tungstenite::tungstenite::Error::Capacity(_) => {
            Some(Close::new(4400, format!("a message of more than {MOST_BYTES} bytes")))
        }
        tokio_tungstenite::tungstenite::Error::Utf8(_) => Some(Close::new(4400, "not UTF-8")),
        tokio_tungstenite::tungstenite::Error::Protocol(_) => {
            Some(Close::new(1002, "this is not RFC 6455"))
        }
        _ => None,
    }
}

async fn send(socket: &mut WebSocket, connection: &Connection, frame: Frame) -> Result<(), End> {
    let frame = prepared(frame).await;
    put_all(socket, connection, frame.texts()).await?;
    drop(frame);
    match connection.done().await {
        true => Ok(()),
        false => Err(Some(Close::new(1001, "going away"))),
    }
}

async fn put_all(
    socket: &mut WebSocket,
    connection: &Connection,
    texts: &[Utf8Bytes],
) -> Result<(), End> {
    for text in texts {
        put(socket, connection, Message::Text(text.clone())).await?;
    }
    Ok(())
}

/// Makes the texts of a large frame where it does not hold up other connections.
pub(super) async fn prepared(frame: Frame) -> Frame {
    if frame.is_costly() {
        let shared = frame.clone();
        // Should it fail, the caller makes them itself.
        let _ = tokio::task::spawn_blocking(move || shared.texts().len()).await;
    }
    frame
}

/// Sends one message, unless the connection is to be closed meanwhile or the peer is gone.
async fn put(socket: &mut WebSocket, connection: &Connection, message: Message) -> Result<(), End> {
    tokio::select! {
        biased;
        sent = socket.send(message) => sent.map_err(|_| None),
        close = connection.slot().closing() => Err(Some(close)),
        () = sleep(DEAD_AFTER) => Err(None),
    }
}

/// Without a close of one's own: the peer's is answered, as far as it is there.
async fn say_close(mut socket: WebSocket, close: End) {
    if let Some(close) = close {
        if let Some(retry_after_ms) = close.retry_after_ms {
            let text = going_away(retry_after_ms);
            let _ = socket.send(Message::Text(Utf8Bytes::from(text))).await;
        }
        let reason = Utf8Bytes::from(short(&close.reason));
        let frame = CloseFrame { code: close.code, reason };
        let _ = socket.send(Message::Close(Some(frame))).await;
    }
    // The peer's answer, so that it sees the close and not a reset.
    while let Some(Ok(_)) = socket.recv().await {}
}

/// `{ "type": "going_away", "retry_after_ms": n }`
pub(super) fn going_away(retry_after_ms: u64) -> String {
    format!("{{\"type\":\"going_away\",\"retry_after_ms\":{retry_after_ms}}}")
}

/// A close frame holds a reason of at most 123 bytes.
fn short(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(123)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_cut_between_characters() {
        assert_eq!(short("why"), "why");
        assert_eq!(short(&"é".repeat(62)), "é".repeat(61));
    }
}
