//! A WebSocket of JSON frames, blocking: tests with threads of their own need no runtime.
#![allow(dead_code, reason = "every test program uses another part")]

use crate::support::Api;
use serde_json::Value;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

/// One read waits so long at most.
const WAIT: Duration = Duration::from_millis(50);

/// The connection is gone.
#[derive(Debug)]
pub struct Gone(#[expect(dead_code, reason = "shown by Debug")] pub String);

/// An open socket.
pub struct Socket(WebSocket<TcpStream>);

impl Socket {
    /// Opens `path` with a subprotocol.
    pub fn open(api: &Api, path: &str, protocol: &str) -> Result<Socket, Gone> {
        let gone = |e: &dyn std::fmt::Display| Gone(e.to_string());
        let stream = TcpStream::connect(api.addr).map_err(|e| gone(&e))?;
        stream.set_nodelay(true).map_err(|e| gone(&e))?;
        let mut request =
            format!("ws://{}{path}", api.addr).into_client_request().map_err(|e| gone(&e))?;
        let headers = request.headers_mut();
        let bearer = format!("Bearer {}", api.key).parse().expect("a header");
        headers.insert("authorization", bearer);
        headers.insert("sec-websocket-protocol", protocol.parse().expect("a header"));
        let (socket, _) = tungstenite::client(request, stream).map_err(|e| gone(&e))?;
        socket.get_ref().set_read_timeout(Some(WAIT)).map_err(|e| gone(&e))?;
        Ok(Socket(socket))
    }

    /// Sends a frame.
    pub fn say(&mut self, frame: &Value) -> Result<(), Gone> {
        self.0.send(Message::text(frame.to_string())).map_err(|e| Gone(e.to_string()))
    }

    /// The next frame; `None` when none comes for a while.
    pub fn next(&mut self) -> Result<Option<Value>, Gone> {
        loop {
            match self.0.read() {
                Ok(Message::Text(text)) => {
                    return Ok(Some(serde_json::from_str(&text).expect("JSON")));
                }
                Ok(Message::Close(close)) => return Err(Gone(format!("{close:?}"))),
                Ok(_) => {}
                Err(tungstenite::Error::Io(e))
                    if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    return Ok(None);
                }
                Err(e) => return Err(Gone(e.to_string())),
            }
        }
    }

    /// The next frame, which must come.
    pub fn must_next(&mut self) -> Value {
        let give_up = Instant::now() + crate::support::PATIENCE;
        loop {
            if let Some(frame) = self.next().expect("an open socket") {
                return frame;
            }
            assert!(Instant::now() < give_up, "no frame came");
        }
    }
}
