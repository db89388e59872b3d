//! The mailbox between the hub and one connection: room for one frame, and no queue.
//!
//! The hub offers a frame; while an earlier one waits here or is being sent, the offer is turned
//! down, the hub remembers only that the reader is behind, and hears of it when it is ready again.

use crate::live::frame::Frame;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Room for one frame.
#[derive(Debug, Default)]
pub struct Slot(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    frame: Option<Frame>,
    /// A frame was taken and is not done yet.
    is_sending: bool,
    /// An offer was turned down since the reader was last ready.
    is_behind: bool,
    close: Option<Close>,
    is_gone: bool,
    waker: Option<Waker>,
}

/// Why and how a connection is to be closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// The WebSocket close code.
    pub code: u16,
    /// At most 123 bytes, for people.
    pub reason: String,
    /// When the client should come back, in milliseconds from now; sent in a frame before.
    pub retry_after_ms: Option<u64>,
}

impl Close {
    /// Without a time to come back.
    #[must_use]
    pub fn new(code: u16, reason: impl Into<String>) -> Close {
        Close { code, reason: reason.into(), retry_after_ms: None }
    }
}

/// What a reader finds in its slot.
#[derive(Debug)]
pub enum Parcel {
    /// To be sent, and then [`Slot::done`].
    Frame(Frame),
    /// Nothing follows.
    Close(Close),
}

/// What became of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// It is in the slot.
    Taken,
    /// The reader is not ready; it will say when it is.
    Busy,
    /// The reader has left, or is about to be closed.
    Gone,
}

impl Slot {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The hub's side: puts `frame` in, if the reader is ready.
    pub fn offer(&self, frame: &Frame) -> Offered {
        self.put(frame, false)
    }

    /// The hub's side: as [`Slot::offer`], and replaces a frame that was not yet taken. For the
    /// first frame of a new subscription, after which the one before has no meaning.
    pub fn replace(&self, frame: &Frame) -> Offered {
        self.put(frame, true)
    }

    fn put(&self, frame: &Frame, replaces: bool) -> Offered {
        let mut state = self.state();
        if state.is_gone || state.close.is_some() {
            return Offered::Gone;
        }
        if state.is_sending || (state.frame.is_some() && !replaces) {
            state.is_behind = true;
            return Offered::Busy;
        }
        state.frame = Some(frame.clone());
        wake(state);
        Offered::Taken
    }

    /// Asks the reader to close; it does so after the text it is sending. The first wish counts.
    pub fn close(&self, close: Close) {
        let mut state = self.state();
        state.close.get_or_insert(close);
        state.frame = None;
        wake(state);
    }

    /// Whether a close was asked for: for a reader that is stuck in sending.
    pub async fn closing(&self) -> Close {
        std::future::poll_fn(|cx| {
            let mut state = self.state();
            match &state.close {
                Some(close) => Poll::Ready(close.clone()),
                None => pend(&mut state, cx),
            }
        })
        .await
    }

    /// The reader's side: waits for the next parcel.
    pub async fn next(&self) -> Parcel {
        std::future::poll_fn(|cx| {
            let mut state = self.state();
            match state.take() {
                Some(parcel) => Poll::Ready(parcel),
                None => pend(&mut state, cx),
            }
        })
        .await
    }

    /// The reader's side: the next parcel, if there is one now.
    pub fn take(&self) -> Option<Parcel> {
        self.state().take()
    }

    /// The reader's side: the frame taken was sent. Answers whether the hub must be told that the
    /// reader is ready ([`crate::live::HubMessage::Ready`]), since it missed something meanwhile.
    #[must_use]
    pub fn done(&self) -> bool {
        let mut state = self.state();
        state.is_sending = false;
        std::mem::take(&mut state.is_behind)
    }

    /// The reader's side: it has gone; the hub forgets it at its next frame.
    pub fn leave(&self) {
        let mut state = self.state();
        state.is_gone = true;
        state.frame = None;
    }
}

impl State {
    fn take(&mut self) -> Option<Parcel> {
        if let Some(close) = &self.close {
            return Some(Parcel::Close(close.clone()));
        }
        let frame = self.frame.take()?;
        self.is_sending = true;
        Some(Parcel::Frame(frame))
    }
}

fn pend<T>(state: &mut State, cx: &Context<'_>) -> Poll<T> {
    match &state.waker {
        Some(waker) if waker.will_wake(cx.waker()) => {}
        _ => state.waker = Some(cx.waker().clone()),
    }
    Poll::Pending
}

/// Wakes the reader after the lock is given back, so that it does not run into it.
fn wake(mut state: MutexGuard<'_, State>) {
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}
