//! Dashboards in numbers, over WebSockets. Each checks that its frames follow each other; each looks
//! for marked calls and so measures how old a change is when its frame is here. A frame is read no
//! further than that: its head, and where a mark is open, a search for the caller's number.

use super::checks::{Check, Checks};
use super::faults::{Counted, Lives, one};
use super::latency::{Quantiles, Recorder};
use super::wire::{CALLER, QUEUE};
use crate::node::clock::Clock;
use crate::sim::board::Gap;
use crate::sim::client::{Client, Error, Receiving};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long after a broken connection the next try is made.
const RETRY: Duration = Duration::from_millis(500);
/// In one view, one call is marked this often at most: the golden section of any round rate of frames,
/// so that marks fall on all parts of the time between two frames.
const MARK_EVERY_US: u64 = 461_803;
/// A mark that was not seen in this time will not be.
const UNSEEN_US: u64 = 30_000_000;

/// What a dashboard shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum View {
    /// Every queue, agent and call.
    All,
    /// One queue with its agents and calls: the first dashboard the first queue, and so on round.
    Queue,
}

/// A call that dashboards look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    number: u64,
    due_us: u64,
}

/// The marked calls, by view.
#[derive(Debug)]
pub struct Marks {
    view: View,
    lists: Vec<Mutex<Vec<Mark>>>,
}

impl Marks {
    /// None yet. `watched` queues, from number 0, have a dashboard.
    #[must_use]
    pub fn new(view: View, watched: usize) -> Marks {
        let count = if view == View::All { watched.min(1) } else { watched };
        Marks { view, lists: (0..count).map(|_| Mutex::default()).collect() }
    }

    /// Whether this call is looked for: the first in a while that a view will show.
    pub fn offer(&self, queue: u32, number: u64, due_us: u64) -> bool {
        let list = if self.view == View::All { 0 } else { queue as usize };
        let Some(list) = self.lists.get(list) else { return false };
        let mut list = lock(list);
        let is_due = list.last().is_none_or(|last| last.due_us + MARK_EVERY_US <= due_us);
        if is_due {
            list.push(Mark { number, due_us });
        }
        is_due
    }

    fn after(&self, list: usize, known: usize) -> Vec<Mark> {
        self.lists.get(list).map_or(Vec::new(), |list| {
            lock(list).get(known..).map(<[Mark]>::to_vec).unwrap_or_default()
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What all dashboards together have seen.
#[derive(Debug)]
pub struct Seen {
    /// Change → frame.
    pub frame: Recorder,
    /// Deltas.
    pub deltas: u64,
    /// Bytes of all frames.
    pub bytes: u64,
    /// Snapshots: one each at the start, and one more for each resume that was not one delta.
    pub snapshots: u64,
    /// Connections that broke and were made again.
    pub reconnects: u64,
    /// Marked calls that were never shown.
    pub unseen: u64,
    /// Dashboards that have a whole board.
    pub open: u64,
    /// What was found wrong.
    pub checks: Checks,
}

impl Seen {
    /// Nothing yet.
    #[must_use]
    pub fn new(frame: Recorder) -> Seen {
        let checks = Checks::default();
        Seen { frame, deltas: 0, bytes: 0, snapshots: 0, reconnects: 0, unseen: 0, open: 0, checks }
    }

    /// As JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({ "deltas": self.deltas, "bytes": self.bytes, "snapshots": self.snapshots,
            "reconnects": self.reconnects, "unseen": self.unseen })
    }
}

/// What dashboards share. Cloning gives the same.
#[derive(Clone, Debug)]
pub struct Wall(Arc<Mutex<Seen>>);

impl Wall {
    /// For dashboards that record into `seen`.
    #[must_use]
    pub fn new(seen: Seen) -> Wall {
        Wall(Arc::new(Mutex::new(seen)))
    }

    /// What was seen so far.
    pub fn look<T>(&self, at: impl FnOnce(&mut Seen) -> T) -> T {
        at(&mut lock(&self.0))
    }

    /// The last second of change → frame.
    #[must_use]
    pub fn take_second(&self) -> Quantiles {
        self.look(|seen| seen.frame.take_second())
    }
}

/// One dashboard before its start.
pub struct Dashboard {
    /// With a key that may watch.
    pub client: Client,
    /// `/v1/accounts/…/live`.
    pub path: String,
    /// From 0.
    pub number: usize,
    /// The least time between two deltas.
    pub every_ms: u64,
    /// Where marks are told.
    pub marks: Arc<Marks>,
    /// Where all see.
    pub wall: Wall,
    /// The run's clock.
    pub clock: Clock,
    /// How long a connection of it lives.
    pub lives: Lives,
    /// Where deaths are counted.
    pub counted: Counted,
}

/// What a dashboard knows between frames.
#[derive(Debug, Default)]
struct Place {
    epoch: String,
    tail: Tail,
    /// Marks that were taken over from the list.
    known: usize,
    looked_for: VecDeque<Mark>,
    /// Since when this connection is there: what changed before it is seen late, and not measured.
    opened_us: u64,
    resumes: bool,
}

impl Dashboard {
    /// Watches until it is dropped; a broken connection is made again, and goes on where it was.
    ///
    /// # Errors
    /// When the server refuses for good.
    pub async fn run(self) -> Result<(), Error> {
        let (mut place, mut lives) = (Place::default(), self.lives.clone());
        loop {
            match self.connection(&mut place, &mut lives).await {
                // Died on purpose: it comes back, and goes on where it was.
                Ok(()) => tokio::time::sleep(lives.pause()).await,
                Err(e) if e.may_pass() => {
                    self.wall.look(|seen| seen.reconnects += 1);
                    tokio::time::sleep(RETRY).await;
                }
                refused => return refused,
            }
        }
    }

    /// What to ask for; from where it was, if it was anywhere.
    fn subscribe(&self, place: &Place) -> String {
        let mut frame = match self.marks.view {
            View::All => json!({ "subscribe": { "queues": "*", "agents": "*" } }),
            View::Queue => {
                let queue = format!("{QUEUE}{}", self.list());
                json!({ "subscribe": { "queues": [queue], "agents": { "queue": queue } } })
            }
        };
        frame["subscribe"]["calls"] = json!(true);
        frame["subscribe"]["every_ms"] = json!(self.every_ms);
        if let Some(seq) = place.tail.whole() {
            frame["resume"] = json!({ "epoch": place.epoch, "seq": seq });
        }
        frame.to_string()
    }

    fn list(&self) -> usize {
        self.number % self.marks.lists.len().max(1)
    }

    /// One connection, until it breaks or dies (`Ok`).
    async fn connection(&self, place: &mut Place, lives: &mut Lives) -> Result<(), Error> {
        let socket = self.client.socket(&self.path, "callboard.live.v1").await?;
        let (mut sending, mut frames) = socket.split();
        place.opened_us = self.clock.ticks().0 / 1_000;
        place.resumes = place.tail.whole().is_some();
        sending.send(self.subscribe(place)).await?;
        let ended = tokio::select! {
            ended = self.watch(&mut frames, place) => ended,
            sleeps = lives.end() => {
                one(&self.counted.dashboards);
                if let Some(sleeps) = sleeps {
                    tokio::time::sleep(sleeps).await;
                }
                // Both halves are dropped without a close.
                return Ok(());
            }
        };
        match ended {
            Err(Ended::Gap(gap)) => {
                let number = self.number;
                let how = || format!("dashboard {number}: {gap}");
                self.wall.look(|seen| seen.checks.broken(Check::NoFrameMissing, how));
                // Asks for a whole board again.
                place.tail = Tail::default();
                Err(Error::Connection(gap.to_string()))
            }
            Err(Ended::Socket(error)) => Err(error),
        }
    }

    async fn watch(&self, frames: &mut Receiving, place: &mut Place) -> Result<Infallible, Ended> {
        loop {
            let text = frames.next().await.map_err(Ended::Socket)?;
            let now_us = self.clock.ticks().0 / 1_000;
            let was_whole = place.tail.whole().is_some();
            let head = Head::read(&text);
            let head = head.map_err(|e| Ended::Socket(Error::NotJson(e.to_string())))?;
            let found = place.tail.take(&head).map_err(Ended::Gap)?;
            if found == Found::Snapshot && head.part == Some(1) {
                head.epoch.as_deref().unwrap_or_default().clone_into(&mut place.epoch);
            }
            if std::mem::take(&mut place.resumes) && found != Found::Snapshot {
                one(&self.counted.resumed);
            }
            let seen_at = self.search(&text, place, found);
            self.wall.look(|seen| {
                seen.bytes += text.len() as u64;
                seen.deltas += u64::from(found == Found::Delta);
                seen.snapshots += u64::from(found == Found::Snapshot && head.part == Some(1));
                seen.open += u64::from(!was_whole && place.tail.whole().is_some());
                seen_at.iter().for_each(|due_us| seen.frame.record(*due_us, now_us));
                while place.looked_for.front().is_some_and(|mark| mark.due_us + UNSEEN_US < now_us)
                {
                    place.looked_for.pop_front();
                    seen.unseen += 1;
                }
            });
        }
    }

    /// The instants at which the marked calls were due that this frame is the first to show.
    fn search(&self, text: &str, place: &mut Place, found: Found) -> Vec<u64> {
        if found == Found::Other {
            return Vec::new();
        }
        let fresh = self.marks.after(self.list(), place.known);
        place.known += fresh.len();
        place.looked_for.extend(fresh);
        let mut dues = Vec::new();
        place.looked_for.retain(|mark| {
            let is_here = text.contains(&format!("{CALLER}{:010}", mark.number));
            if is_here && mark.due_us >= place.opened_us {
                dues.push(mark.due_us);
            }
            !is_here
        });
        dues
    }
}

enum Ended {
    Socket(Error),
    Gap(Gap),
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Snapshot,
    Delta,
    /// A tick, or an announcement.
    Other,
}

/// What a frame calls itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Snapshot,
    Delta,
    Tick,
    #[serde(other)]
    Other,
}

/// The part of a frame that says what it is and where it stands.
#[derive(Debug, Deserialize)]
struct Head {
    #[serde(rename = "type")]
    kind: Kind,
    seq: Option<u64>,
    prev: Option<u64>,
    part: Option<u64>,
    parts: Option<u64>,
    epoch: Option<String>,
}

impl Head {
    /// Reads the head. The rows stand behind it as the server writes frames; where they do not, the
    /// whole frame is read, which is slower and as right.
    fn read(text: &str) -> Result<Head, serde_json::Error> {
        const ROWS: [&str; 3] = [",\"queues\":", ",\"agents\":", ",\"calls\":"];
        let start = text.get(..text.floor_char_boundary(512)).unwrap_or_default();
        let rows = ROWS.iter().filter_map(|word| start.find(word)).min();
        if let Some(end) = rows
            && let Ok(head) = serde_json::from_str::<Head>(&format!("{}}}", &text[..end]))
            && head.seq.is_some()
        {
            return Ok(head);
        }
        serde_json::from_str(text)
    }
}

/// Where a dashboard stands in the order of frames.
#[derive(Clone, Copy, Debug, Default)]
struct Tail {
    seq: u64,
    parts: u64,
    whole: bool,
}

impl Tail {
    /// The sequence of the last frame, if the board is whole.
    fn whole(&self) -> Option<u64> {
        self.whole.then_some(self.seq)
    }

    fn take(&mut self, head: &Head) -> Result<Found, Gap> {
        let seq = head.seq.unwrap_or(self.seq);
        match head.kind {
            Kind::Snapshot => {
                self.parts = if head.part == Some(1) { 1 } else { self.parts + 1 };
                if head.part != Some(self.parts) {
                    return Err(Gap { seq, prev: head.part.unwrap_or(0), had: self.parts });
                }
                self.whole = Some(self.parts) == head.parts;
                self.seq = seq;
                Ok(Found::Snapshot)
            }
            Kind::Delta => {
                let prev = head.prev.unwrap_or(u64::MAX);
                if prev != self.seq || seq < prev || !self.whole {
                    return Err(Gap { seq, prev, had: self.seq });
                }
                self.seq = seq;
                Ok(Found::Delta)
            }
            Kind::Tick => {
                self.seq = seq;
                Ok(Found::Other)
            }
            Kind::Other => Ok(Found::Other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(tail: &mut Tail, text: &str) -> Result<Found, Gap> {
        tail.take(&Head::read(text).expect("a frame"))
    }

    fn whole() -> Tail {
        let mut tail = Tail::default();
        let first = r#"{"type":"snapshot","epoch":"e","seq":7,"at":"t","part":1,"parts":2,"queues":[],"agents":[]}"#;
        let second = r#"{"type":"snapshot","epoch":"e","seq":7,"at":"t","part":2,"parts":2,"queues":[],"agents":[]}"#;
        assert_eq!(take(&mut tail, first), Ok(Found::Snapshot));
        assert_eq!(tail.whole(), None);
        assert_eq!(take(&mut tail, second), Ok(Found::Snapshot));
        assert_eq!(tail.whole(), Some(7));
        tail
    }

    #[test]
    fn frames_that_follow_each_other_are_whole() {
        let mut tail = whole();
        let delta = r#"{"type":"delta","seq":9,"prev":7,"at":"t","queues":[],"calls":[]}"#;
        assert_eq!(take(&mut tail, delta), Ok(Found::Delta));
        assert_eq!(take(&mut tail, r#"{"type":"tick","seq":12,"at":"t"}"#), Ok(Found::Other));
        assert_eq!(take(&mut tail, r#"{"type":"retry","retry_after_ms":5}"#), Ok(Found::Other));
        assert_eq!(tail.whole(), Some(12));
    }

    #[test]
    fn a_missing_frame_is_a_gap() {
        let late = r#"{"type":"delta","seq":12,"prev":9,"at":"t","queues":[]}"#;
        assert_eq!(take(&mut whole(), late), Err(Gap { seq: 12, prev: 9, had: 7 }));
        let early = r#"{"type":"delta","seq":8,"prev":7,"at":"t","queues":[]}"#;
        assert!(take(&mut Tail::default(), early).is_err(), "before any snapshot");
        let mut tail = Tail::default();
        let third =
            r#"{"type":"snapshot","epoch":"e","seq":7,"at":"t","part":3,"parts":3,"queues":[]}"#;
        assert!(take(&mut tail, third).is_err(), "parts are missing");
    }

    #[test]
    fn a_head_is_read_wherever_it_stands() {
        let usual = r#"{"type":"delta","seq":9,"prev":7,"at":"t","queues":[{"seq":1}]}"#;
        let other = r#"{"queues":[{"seq":1}],"type":"delta","seq":9,"prev":7,"at":"t"}"#;
        for text in [usual, other] {
            let head = Head::read(text).expect("a frame");
            assert_eq!((head.kind, head.seq, head.prev), (Kind::Delta, Some(9), Some(7)), "{text}");
        }
        assert!(Head::read("{").is_err() && Head::read("").is_err());
    }

    #[test]
    fn marks_are_few_and_belong_to_a_view() {
        let marks = Marks::new(View::Queue, 2);
        assert!(marks.offer(1, 10, 0) && !marks.offer(1, 11, 461_802));
        assert!(marks.offer(0, 12, 5) && marks.offer(1, 13, 500_000) && !marks.offer(2, 14, 0));
        let numbers = |list, known| marks.after(list, known).iter().map(|m| m.number).collect();
        let (all, last): (Vec<u64>, Vec<u64>) = (numbers(1, 0), numbers(1, 1));
        assert_eq!((all, last), (vec![10, 13], vec![13]));
        let marks = Marks::new(View::All, 9);
        assert!(marks.offer(7, 1, 0) && !marks.offer(8, 2, 0));
        assert!(!Marks::new(View::All, 0).offer(0, 1, 0), "nobody looks");
    }
}
