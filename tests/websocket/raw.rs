//! The least WebSocket client, which can also be a wrong one: frames are written bit by bit.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Nothing here takes longer unless it is broken.
const PATIENCE: Duration = Duration::from_secs(10);

/// The nonce of RFC 6455, 1.3, and what a server must make of it.
pub const NONCE: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

pub const CONTINUATION: u8 = 0x0;
pub const TEXT: u8 = 0x1;
pub const BINARY: u8 = 0x2;
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xA;

/// A frame as it came.
#[derive(Debug)]
pub struct Frame {
    pub opcode: u8,
    pub payload: Vec<u8>,
}

/// How a connection ended: the code of a close frame, or without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    Code(u16),
    Without,
}

/// An upgraded connection.
pub struct Raw(TcpStream);

/// The request of an upgrade; `more` are further header lines.
pub fn request(path: &str, key: &str, protocol: &str, more: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-key: {NONCE}\r\nsec-websocket-version: 13\r\n\
         sec-websocket-protocol: {protocol}\r\nauthorization: Bearer {key}\r\n{more}\r\n"
    )
}

/// Sends a request and reads the head of the answer, in lower case but for values.
pub fn head(address: SocketAddr, request: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(address).expect("connected");
    stream.set_nodelay(true).expect("set");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).expect("an answer") == 1 {
        head.push(byte[0]);
    }
    (stream, String::from_utf8(head).expect("text"))
}

/// A header of an answer's head.
pub fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// A frame as bytes: `first` is FIN, the reserved bits and the opcode; masked when `mask` is.
pub fn bytes(first: u8, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let flag = if mask.is_some() { 0x80 } else { 0 };
    match payload.len() {
        length @ 0..=125 => bytes.push(flag | length as u8),
        length @ 126..=65_535 => {
            bytes.push(flag | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(flag | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    let key = mask.unwrap_or_default();
    bytes.extend(mask.iter().flatten());
    bytes.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]));
    bytes
}

/// A right frame: final, masked.
pub fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    bytes(0x80 | opcode, Some([0x37, 0xFA, 0x21, 0x3D]), payload)
}

/// A part of a message that is not its last.
pub fn part(opcode: u8, payload: &[u8]) -> Vec<u8> {
    bytes(opcode, Some([1, 2, 3, 4]), payload)
}

impl Raw {
    /// Upgrades.
    pub fn open(address: SocketAddr, path: &str, key: &str, protocol: &str) -> Raw {
        let (stream, head) = head(address, &request(path, key, protocol, ""));
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        Raw(stream)
    }

    /// Writes bytes. A server that has closed already is for the next read to notice.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes);
    }

    /// The next frame; `None` when the connection has ended.
    pub fn read(&mut self) -> Option<Frame> {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).ok()?;
        assert_eq!(head[0] & 0x70, 0, "reserved bits are never set");
        assert_eq!(head[1] & 0x80, 0, "a server never masks");
        let length = match head[1] {
            126 => u64::from(u16::from_be_bytes(self.take::<2>()?)),
            127 => u64::from_be_bytes(self.take::<8>()?),
            length => u64::from(length),
        };
        let mut payload = vec![0; usize::try_from(length).expect("a length")];
        self.0.read_exact(&mut payload).ok()?;
        Some(Frame { opcode: head[0] & 0x0F, payload })
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }

    /// The next frame of this kind; others are passed over, for a while (boards tick for ever).
    pub fn next(&mut self, opcode: u8) -> Option<Vec<u8>> {
        let give_up = Instant::now() + PATIENCE;
        while Instant::now() < give_up {
            let frame = self.read()?;
            if frame.opcode == opcode {
                return Some(frame.payload);
            }
        }
        None
    }

    /// The next text that holds `what`.
    pub fn hear(&mut self, what: &str) -> Result<String, String> {
        loop {
            let Some(frame) = self.read() else {
                return Err(format!("the connection ended before {what:?} was said"));
            };
            match frame.opcode {
                TEXT => {
                    let text = String::from_utf8(frame.payload).map_err(|e| e.to_string())?;
                    if text.contains(what) {
                        return Ok(text);
                    }
                }
                CLOSE => return Err(format!("closed with {:?}", frame.payload)),
                _ => {}
            }
        }
    }

    /// How it ends.
    pub fn closed(&mut self) -> Closed {
        match self.next(CLOSE) {
            Some(payload) if payload.len() >= 2 => {
                Closed::Code(u16::from_be_bytes([payload[0], payload[1]]))
            }
            Some(_) => Closed::Code(1005),
            None => Closed::Without,
        }
    }
}
