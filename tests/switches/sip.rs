//! As much of SIP (RFC 3261) as callers and phones of the tests need: messages, answers to them, and
//! requests within a dialog. UDP on the loopback, so nothing is sent twice.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

/// A received message.
#[derive(Clone, Debug)]
pub struct Message {
    first: String,
    headers: Vec<(String, String)>,
}

impl Message {
    /// Reads one; `None` when it is no SIP message (a keep-alive).
    pub fn parse(bytes: &[u8]) -> Option<Message> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let mut lines = text.split("\r\n");
        let first = lines.next().filter(|line| line.contains("SIP/2.0"))?.to_owned();
        let headers = lines
            .take_while(|line| !line.is_empty())
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .collect();
        Some(Message { first, headers })
    }

    /// The method of a request, empty for a response.
    pub fn method(&self) -> &str {
        if self.status().is_some() { "" } else { self.first.split(' ').next().unwrap_or("") }
    }

    /// The status of a response.
    pub fn status(&self) -> Option<u16> {
        self.first.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// The user's part of the request's address.
    pub fn user(&self) -> &str {
        let uri = self.first.split(' ').nth(1).unwrap_or("");
        uri.strip_prefix("sip:").and_then(|rest| rest.split_once('@')).map_or("", |(user, _)| user)
    }

    /// The first header of this name.
    pub fn header<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let of_name = move |(n, _): &&(String, String)| n.eq_ignore_ascii_case(name);
        self.headers.iter().filter(of_name).map(|(_, value)| value.as_str())
    }

    /// The method of its CSeq: which request a response answers.
    pub fn cseq_method(&self) -> &str {
        self.header("CSeq").and_then(|cseq| cseq.split(' ').nth(1)).unwrap_or("")
    }

    /// The response to this request, with a tag of our own and perhaps a body of SDP.
    pub fn response(&self, status: &str, tag: &str, contact: &str, sdp: bool) -> String {
        let mut text = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "Record-Route", "From"] {
            self.all(name).for_each(|value| text += &format!("{name}: {value}\r\n"));
        }
        let to = self.header("To").unwrap_or("");
        let tag = if to.contains(";tag=") { String::new() } else { format!(";tag={tag}") };
        text += &format!("To: {to}{tag}\r\n");
        for name in ["Call-ID", "CSeq"] {
            text += &format!("{name}: {}\r\n", self.header(name).unwrap_or(""));
        }
        text += &format!("Contact: <{contact}>\r\n");
        with_body(text, sdp.then_some("sendrecv"))
    }
}

/// Ends a message: with SDP whose audio goes in `direction`, or with nothing.
pub fn with_body(head: String, direction: Option<&str>) -> String {
    let Some(direction) = direction else { return head + "Content-Length: 0\r\n\r\n" };
    let sdp = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=audio 40000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na={direction}\r\n"
    );
    head + &format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len())
}

/// A tag or branch that no other message of this program has.
pub fn unique() -> String {
    static LAST: AtomicU32 = AtomicU32::new(0);
    format!("{}-{}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed))
}

/// One side of a conversation.
#[derive(Clone, Debug)]
pub struct Dialog {
    own: String,
    other: String,
    call_id: String,
    target: String,
    routes: Vec<String>,
    contact: String,
    cseq: u32,
}

impl Dialog {
    /// Of the side that was called, which answered `invite` with `tag`.
    pub fn of_called(invite: &Message, tag: &str, contact: &str) -> Dialog {
        let header = |name: &str| invite.header(name).unwrap_or("").to_owned();
        Dialog {
            own: format!("{};tag={tag}", header("To")),
            other: header("From"),
            call_id: header("Call-ID"),
            target: in_brackets(&header("Contact")),
            routes: invite.all("Record-Route").map(str::to_owned).collect(),
            contact: contact.to_owned(),
            cseq: 10,
        }
    }

    /// Of the caller, who was answered with `answer`.
    pub fn of_caller(answer: &Message, contact: &str) -> Dialog {
        let header = |name: &str| answer.header(name).unwrap_or("").to_owned();
        let mut routes: Vec<String> = answer.all("Record-Route").map(str::to_owned).collect();
        routes.reverse();
        Dialog {
            own: header("From"),
            other: header("To"),
            call_id: header("Call-ID"),
            target: in_brackets(&header("Contact")),
            routes,
            contact: contact.to_owned(),
            cseq: 1,
        }
    }

    /// A new request; with SDP when `direction` is given.
    pub fn request(&mut self, method: &str, direction: Option<&str>) -> String {
        self.cseq += 1;
        self.numbered(method, direction)
    }

    /// The ACK of the request made last.
    pub fn ack(&self) -> String {
        self.numbered("ACK", None)
    }

    fn numbered(&self, method: &str, direction: Option<&str>) -> String {
        let via = self.contact.rsplit('@').next().unwrap_or("");
        let mut text = format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP {via};branch=z9hG4bK-{}\r\n\
             From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {} {method}\r\nContact: <{}>\r\n\
             Max-Forwards: 70\r\n",
            self.target,
            unique(),
            self.own,
            self.other,
            self.call_id,
            self.cseq,
            self.contact
        );
        self.routes.iter().for_each(|route| text += &format!("Route: {route}\r\n"));
        with_body(text, direction)
    }
}

fn in_brackets(header: &str) -> String {
    let inside = header.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inside.map_or(header, |(uri, _)| uri).to_owned()
}

/// A socket with a thread that hands every message to `state`, until this value ends.
pub struct Party<S> {
    socket: UdpSocket,
    state: Arc<Mutex<S>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What a party does with a message: the texts to send back to where it came from.
pub trait Hears: Send + 'static {
    /// Takes a message in.
    fn hears(&mut self, message: &Message) -> Vec<String>;
}

impl<S: Hears> Party<S> {
    /// `make` is given the address of the socket.
    pub fn new(make: impl FnOnce(&str) -> S) -> Party<S> {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let state = Arc::new(Mutex::new(make(&socket.local_addr().unwrap().to_string())));
        let over = Arc::new(AtomicBool::new(false));
        let (ours, theirs, end) = (socket.try_clone().unwrap(), state.clone(), over.clone());
        let thread = std::thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            while !end.load(Ordering::Relaxed) {
                // Nothing came: look whether it is over.
                let Ok((length, from)) = ours.recv_from(&mut buffer) else { continue };
                let Some(message) = Message::parse(&buffer[..length]) else { continue };
                let mut state = theirs.lock().unwrap();
                for answer in state.hears(&message) {
                    ours.send_to(answer.as_bytes(), from).unwrap();
                }
            }
        });
        Party { socket, state, over, thread: Some(thread) }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.socket.local_addr().unwrap().port()
    }

    /// What it knows, and does.
    pub fn state(&self) -> MutexGuard<'_, S> {
        self.state.lock().unwrap()
    }

    /// Sends to a port of the loopback.
    pub fn send(&self, text: &str, port: u16) {
        self.socket.send_to(text.as_bytes(), ("127.0.0.1", port)).unwrap();
    }
}

impl<S> Drop for Party<S> {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Its own panic has been told where it happened.
        self.thread.take().map(JoinHandle::join).transpose().ok();
    }
}
