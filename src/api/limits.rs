//! What one peer may take of the server: how many connections, how long, how large.
//!
//! Those that an administrator would want to change are settings (`connections.…`, `requests.…`); the others are
//! named here and in `docs/protocol.md`.

use std::time::Duration;

/// The most that a request's head may hold, in bytes: method, path, query and headers.
pub const MOST_HEAD_BYTES: usize = 16 * 1024;
/// The most header lines of a request.
pub const MOST_HEADERS: usize = 64;
/// A head beyond this is not even read to its end: the answer then has no body.
pub const UNREAD_HEAD_BYTES: usize = 64 * 1024;
/// A whole body may take so many times as long as its next part.
pub const BODY_PARTS: u32 = 10;
/// Connections that are told why they are turned away, at a time; those beyond are just closed.
pub const MOST_REFUSALS: usize = 64;

/// What the system may hold of answers and frames that a peer has not taken yet, in bytes (Linux
/// books twice as much). Left to itself it grows to megabytes for each.
pub const SEND_BUFFER_BYTES: usize = 192 * 1024;

/// What peers may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time, WebSockets included.
    pub connections: usize,
    /// TLS handshakes under way at a time; with one more the oldest is given up.
    pub handshakes: usize,
    /// A TLS handshake takes at most this.
    pub handshake: Duration,
    /// A request's head comes within this; a connection without a request is kept as long.
    pub head: Duration,
    /// The next part of a body comes within this, the whole of it within [`BODY_PARTS`] times.
    pub body: Duration,
    /// A peer that takes no byte of an answer for so long is gone. (WebSockets have rules of their
    /// own.)
    pub stall: Duration,
    /// WebSockets are pinged this often, desks at least every ten seconds; one that leaves
    /// [`crate::live::socket::MOST_UNANSWERED`] pings in a row unanswered is gone.
    pub ping: Duration,
    /// Requests a second of one key on the average, ten times as many at once; 0 = no limit. Keys
    /// of role `switch` have none.
    pub requests_per_second: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 10_000,
            handshakes: 512,
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(30),
            body: Duration::from_secs(30),
            stall: Duration::from_secs(30),
            ping: Duration::from_secs(20),
            requests_per_second: 1_000,
        }
    }
}
