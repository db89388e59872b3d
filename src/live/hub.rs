//! The hub: every account's board, and those who watch. It lives in the boards' stage and is
//! driven by it: no lock, no clock, no socket.

use crate::domain::ids::Name;
use crate::domain::rows::{BoardSeed, Changes};
use crate::domain::time::Millis;
use crate::live::floor::Floor;
use crate::live::handle::HubMessage;
use crate::live::slot::Close;
use crate::reporting::board::Board;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// Boards and their readers.
///
/// The loop that owns it: [`Hub::apply`] for each durable record (before the record's reply is
/// sent, so that who opens a dashboard after a reply sees what was acknowledged), [`Hub::handle`]
/// for each message, then one [`Hub::flush`] for all that had come (some hundred at most, so that
/// records do not wait), and again at the instant that it answers.
///
/// ```
/// use callboard::domain::rows::{BoardSeed, Changes};
/// use callboard::domain::time::Millis;
/// let mut hub = callboard::live::Hub::new("01JD");
/// let (handle, mut messages) = callboard::live::channel("01JD");
/// hub.open("default", BoardSeed::default());
/// hub.apply("default", 1, Millis(1_000), &Changes::default());
/// while let Ok(message) = messages.try_recv() {
///     hub.handle(message, Millis(1_000));
/// }
/// assert_eq!(hub.flush(Millis(1_000)), None); // nobody watches
/// # drop(handle);
/// ```
#[derive(Debug)]
pub struct Hub {
    epoch: Name,
    /// For look-ups only.
    floors: FxHashMap<Name, Floor>,
    /// Floors to look at in the next flush, in the order in which something happened.
    listed: Vec<Name>,
    /// When to look at which floor by itself.
    wakes: BTreeSet<(Millis, Name)>,
}

impl Hub {
    /// A hub without accounts. `epoch` names the journal.
    #[must_use]
    pub fn new(epoch: impl Into<Name>) -> Hub {
        Hub {
            epoch: epoch.into(),
            floors: FxHashMap::default(),
            listed: Vec::new(),
            wakes: BTreeSet::new(),
        }
    }

    /// The journal's name, as clients see it.
    #[must_use]
    pub fn epoch(&self) -> &Name {
        &self.epoch
    }

    /// Adds an account, with its board as it is at a start; a new account's seed is empty.
    /// Does nothing when the account is there already.
    pub fn open(&mut self, account: impl Into<Name>, seed: BoardSeed) {
        let account = account.into();
        self.floors.entry(account).or_insert_with(|| Floor::new(Board::new(seed)));
    }

    /// The account's board.
    #[must_use]
    pub fn board(&self, account: &str) -> Option<&Board> {
        self.floors.get(account).map(|floor| &floor.board)
    }

    /// How many connections watch the account, as far as the hub has noticed.
    #[must_use]
    pub fn readers(&self, account: &str) -> usize {
        self.floors.get(account).map_or(0, Floor::readers)
    }

    /// Takes in a durable record: every record, also one that changes no row, since `seq` counts
    /// them all. `at` is the record's time. An account not opened yet is opened with an empty board.
    pub fn apply(&mut self, account: &str, seq: u64, at: Millis, changes: &Changes) {
        if !self.floors.contains_key(account) {
            self.open(account, BoardSeed::default());
        }
        let Some(floor) = self.floors.get_mut(account) else { return };
        floor.apply(seq, at, changes);
        if floor.is_watched() && !changes.is_empty() {
            self.list(account);
        }
    }

    /// Takes in a message of a connection. An account that is not there closes it with 4403.
    pub fn handle(&mut self, message: HubMessage, now: Millis) {
        let account = match message {
            HubMessage::Subscribe { conn, account, view, resume, slot } => {
                let Some(floor) = self.floors.get_mut(&account) else {
                    slot.close(Close::new(4403, "no such account"));
                    return;
                };
                let from = resume.filter(|have| have.epoch == self.epoch).map(|have| have.seq);
                floor.join(&self.epoch, now, conn, (view, from, slot));
                account
            }
            HubMessage::Ready { conn, account } => {
                let Some(floor) = self.floors.get_mut(&account) else { return };
                floor.ready(conn);
                account
            }
        };
        self.list(&account);
    }

    fn list(&mut self, account: &str) {
        if let Some((name, _)) = self.floors.get_key_value(account) {
            let name = name.clone();
            if let Some(floor) = self.floors.get_mut(account)
                && !std::mem::replace(&mut floor.is_listed, true)
            {
                self.listed.push(name);
            }
        }
    }

    /// Hands out what is due at `now`. Answers when to call again if nothing happens before; none
    /// while nobody watches.
    pub fn flush(&mut self, now: Millis) -> Option<Millis> {
        while let Some((at, account)) = self.wakes.first()
            && *at <= now
        {
            let account = account.clone();
            if let Some(floor) = self.floors.get_mut(&account) {
                floor.wake_at = None;
            }
            self.wakes.pop_first();
            self.list(&account);
        }
        for account in std::mem::take(&mut self.listed) {
            let Some(floor) = self.floors.get_mut(&account) else { continue };
            floor.is_listed = false;
            let wake_at = floor.flush(&self.epoch, now);
            if wake_at != floor.wake_at {
                if let Some(old) = floor.wake_at.take() {
                    self.wakes.remove(&(old, account.clone()));
                }
                floor.wake_at = wake_at;
                self.wakes.extend(wake_at.map(|at| (at, account)));
            }
        }
        self.wakes.first().map(|(at, _)| *at)
    }
}
