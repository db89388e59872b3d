//! The switch's webhook: takes the commands that the server posts.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use bytes::Bytes;
use std::io;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;

/// An open webhook; it closes with this value.
pub struct Hooks {
    /// Where to post.
    pub url: String,
    bodies: UnboundedReceiver<Bytes>,
    task: JoinHandle<io::Result<()>>,
}

impl Drop for Hooks {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Hooks {
    /// Opens it on the loopback: the server must be on this machine.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn open() -> io::Result<Hooks> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/commands", listener.local_addr()?);
        let (to, bodies) = mpsc::unbounded_channel();
        let router = Router::new().route("/commands", post(take)).with_state(to);
        use axum::serve::ListenerExt as _;
        let listener = listener.tap_io(|stream| _ = stream.set_nodelay(true));
        let task = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Hooks { url, bodies, task })
    }

    /// The next delivery's body.
    pub async fn next(&mut self) -> Bytes {
        match self.bodies.recv().await {
            Some(body) => body,
            // Its sender lives in the task, which ends with this value.
            None => std::future::pending().await,
        }
    }
}

async fn take(State(to): State<UnboundedSender<Bytes>>, body: Bytes) -> StatusCode {
    match to.send(body) {
        Ok(()) => StatusCode::NO_CONTENT,
        // The run is over; the server may try elsewhere.
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::client::Client;

    #[tokio::test]
    async fn what_is_posted_arrives() {
        let mut hooks = Hooks::open().await.expect("open");
        let base = hooks.url.trim_end_matches("/commands").to_owned();
        let client = Client::new(&base, "k").expect("an address");
        client.post_text("/commands", Bytes::from_static(b"{}")).await.expect("taken");
        assert_eq!(&hooks.next().await[..], b"{}");
    }
}
