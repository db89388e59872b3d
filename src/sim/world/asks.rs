//! Requests to the node that wait for their answers. Nobody sleeps here: each is looked after when
//! the node has had a turn.

use super::host::{ACCOUNT, Host};
use super::people::Seen;
use crate::domain::input::{Actor, Answer, Door, Input};
use crate::domain::objects::user::Role;
use crate::domain::problem::Problem;
use crate::domain::switching::{Command, SwitchEvent};
use crate::node::{CommandStream, DeskStream, Handle, Taken};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// What was asked, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// A post of events of a switch.
    Events { edge: usize, life: u32, post: u64 },
    /// A switch's poll.
    Poll { edge: usize, life: u32 },
    /// A switch's link.
    Link { edge: usize, life: u32 },
    /// A person's desk.
    Desk { person: usize },
    /// A command of a person or administrator, in words.
    Command(String),
    /// A person's answer to an offer at the desk.
    Offer(Seen),
    /// An event that was acknowledged before, sent once more.
    Again { edge: usize, life: u32 },
}

/// What came back.
pub(super) enum Got {
    Events(Taken),
    Poll(Result<Vec<Arc<Command>>, Problem>),
    Link(Result<CommandStream, Problem>),
    Desk(Result<DeskStream, Problem>),
    Answer(Result<Answer, Problem>),
}

impl Got {
    /// Whether it tells of the node's state.
    pub fn is_told(&self) -> bool {
        match self {
            Got::Events(got) => got.is_ok(),
            Got::Poll(got) => got.is_ok(),
            Got::Link(got) => got.is_ok(),
            Got::Desk(got) => got.is_ok(),
            Got::Answer(got) => got.is_ok(),
        }
    }
}

type Waiting = Pin<Box<dyn Future<Output = Got>>>;

/// A request under way.
struct Ask {
    what: Asked,
    waiting: Waiting,
    /// Its place in the line of the inbox.
    message: Option<u64>,
}

/// All requests under way, in the order in which they were made.
#[derive(Default)]
pub(super) struct Asks(Vec<Ask>);

/// Looks once whether a future has ended. The world needs no waking: it looks again.
pub(super) fn look<T>(future: Pin<&mut (impl Future<Output = T> + ?Sized)>) -> Option<T> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(got) => Some(got),
        Poll::Pending => None,
    }
}

/// An owner.
pub(super) fn owner() -> Actor {
    Actor {
        name: "owner".into(),
        role: Role::Owner,
        user: None,
        switch: None,
        door: Door::default(),
    }
}

/// A switch.
pub(super) fn switch(id: &str) -> Actor {
    Actor {
        name: id.into(),
        role: Role::Switch,
        user: None,
        switch: Some(id.into()),
        door: Door::default(),
    }
}

/// An agent.
pub(super) fn agent(id: &str) -> Actor {
    Actor {
        name: id.into(),
        role: Role::Agent,
        user: Some(id.into()),
        switch: None,
        door: Door::default(),
    }
}

impl Asks {
    fn ask(&mut self, host: &mut Host, what: Asked, mut waiting: Waiting) -> Option<(Asked, Got)> {
        let before = host.node().map_or(0, |node| node.line_end());
        if let Some(got) = look(waiting.as_mut()) {
            return Some((what, got));
        }
        let after = host.node().map_or(0, |node| node.line_end());
        let message = (after == before + 1).then_some(after);
        self.0.push(Ask { what, waiting, message });
        None
    }

    /// Posts events; answered at once when they are refused.
    pub fn events(
        &mut self,
        host: &mut Host,
        what: Asked,
        source: &str,
        events: Vec<SwitchEvent>,
        ack: Option<u64>,
    ) -> Option<(Asked, Got)> {
        let handle = host.handle()?;
        let (source, actor) = (source.to_owned(), switch(source));
        let items = events.into_iter().map(Into::into).collect();
        let post = async move {
            Got::Events(handle.send_switch_events(ACCOUNT, actor, source, items, ack).await)
        };
        self.ask(host, what, Box::pin(post))
    }

    /// Sends an input.
    pub fn input(&mut self, host: &mut Host, what: Asked, input: Input) -> Option<(Asked, Got)> {
        let handle = host.handle()?;
        self.ask(
            host,
            what,
            Box::pin(async move { Got::Answer(handle.send(ACCOUNT, input).await) }),
        )
    }

    /// Anything else.
    pub fn other<F: Future<Output = Got> + 'static>(
        &mut self,
        host: &mut Host,
        what: Asked,
        ask: impl FnOnce(Handle) -> F,
    ) -> Option<(Asked, Got)> {
        let handle = host.handle()?;
        self.ask(host, what, Box::pin(ask(handle)))
    }

    /// The answers that have come, each with the sequence that had to be durable before.
    pub fn answers(&mut self, host: &Host) -> Vec<(Asked, Got, Option<u64>)> {
        let mut answers = Vec::new();
        self.0.retain_mut(|ask| match look(ask.waiting.as_mut()) {
            Some(got) => {
                let seq = ask.message.map(|message| host.seq_after(message).unwrap_or(u64::MAX));
                answers.push((ask.what.clone(), got, seq));
                false
            }
            None => true,
        });
        answers
    }

    /// The node is gone: nobody answers any more.
    pub fn broken(&mut self) -> Vec<Asked> {
        std::mem::take(&mut self.0).into_iter().map(|ask| ask.what).collect()
    }

    /// Whether somebody waits for this.
    pub fn has(&self, what: &Asked) -> bool {
        self.0.iter().any(|ask| ask.what == *what)
    }
}

/// How long a poll waits.
pub(super) const POLL: Duration = Duration::from_secs(5);
