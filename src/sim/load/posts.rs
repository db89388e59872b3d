//! Events as single `POST`s: a number of connections with one request each under way. What is due
//! while all are busy waits, and the wait counts.

use super::outbox::Outbox;
use crate::sim::client::{Client, Error};
use bytes::Bytes;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;

/// A refused or broken request is made again after this.
const RETRY: Duration = Duration::from_millis(100);
/// How often an event is tried.
const TRIES: u32 = 100;

/// What came of a request.
pub struct Answer {
    connection: usize,
    result: Result<Bytes, Error>,
}

/// A body, and what it acknowledges: all commands up to this one are done.
type Post = (Bytes, u64);

/// The connections.
pub struct Posts {
    connections: Vec<(UnboundedSender<Post>, JoinHandle<()>)>,
    idle: Vec<usize>,
    waiting: VecDeque<(u64, Bytes)>,
    answers: UnboundedReceiver<Answer>,
}

impl Drop for Posts {
    fn drop(&mut self) {
        self.connections.iter().for_each(|(_, task)| task.abort());
    }
}

impl Posts {
    /// So many connections to the `path` of events.
    #[must_use]
    pub fn open(client: &Client, path: &str, count: usize) -> Posts {
        let (answer, answers) = mpsc::unbounded_channel();
        let open = |connection| {
            let (to, bodies) = mpsc::unbounded_channel();
            let work = work(client.clone(), path.to_owned(), connection, bodies, answer.clone());
            (to, tokio::spawn(work))
        };
        let connections: Vec<_> = (0..count).map(open).collect();
        Posts { connections, idle: (0..count).rev().collect(), waiting: VecDeque::new(), answers }
    }

    /// Whether an event waits that a connection is idle for.
    #[must_use]
    pub fn can_send(&self) -> bool {
        !self.idle.is_empty() && !self.waiting.is_empty()
    }

    /// The next answer.
    pub async fn next(&mut self) -> Answer {
        match self.answers.recv().await {
            Some(answer) => answer,
            // Every connection has ended, which they do when this value does.
            None => std::future::pending().await,
        }
    }

    /// Takes an answer in: its body.
    ///
    /// # Errors
    /// When the server refuses for good.
    pub fn take(&mut self, answer: Answer) -> Result<Bytes, Error> {
        self.idle.push(answer.connection);
        answer.result
    }

    /// The switch starts anew: what waits is not said any more.
    pub fn forget(&mut self) {
        self.waiting.clear();
    }

    /// Gives what waits to the idle connections; the instants at which these events were due. `done`
    /// is acknowledged with each.
    pub fn send(&mut self, outbox: &mut Outbox, done: u64) -> Vec<u64> {
        let fresh = outbox.send(usize::MAX >> 1);
        let fresh =
            fresh.map(|(_, event)| (event.due_us, Bytes::copy_from_slice(event.text.as_bytes())));
        self.waiting.extend(fresh);
        let mut dues = Vec::new();
        while self.can_send() {
            let (Some(connection), Some((due_us, body))) =
                (self.idle.pop(), self.waiting.pop_front())
            else {
                break;
            };
            // It takes bodies for as long as this value lives.
            let _ = self.connections[connection].0.send((body, done));
            dues.push(due_us);
        }
        dues
    }
}

async fn work(
    client: Client,
    path: String,
    connection: usize,
    mut bodies: UnboundedReceiver<Post>,
    answer: UnboundedSender<Answer>,
) {
    while let Some((body, done)) = bodies.recv().await {
        let path = format!("{path}?ack={done}");
        let mut result = client.post_text(&path, body.clone()).await;
        for _ in 1..TRIES {
            if !result.as_ref().is_err_and(Error::may_pass) {
                break;
            }
            tokio::time::sleep(RETRY).await;
            result = client.post_text(&path, body.clone()).await;
        }
        if answer.send(Answer { connection, result }).is_err() {
            return;
        }
    }
}
