//! Figures on dashboards. Whoever folds the records works out each wish once a period, for all who
//! have the same wish; each reader is sent what changed, or all of it when it missed something.

use crate::domain::ids::Name;
use crate::domain::time::{self, Millis};
use crate::live::frame::PART_BYTES;
use crate::reporting::figures::{Among, By, Figures, Seen, Wish};
use axum::extract::ws::Utf8Bytes;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Poll, Waker};

/// How often a wish is worked out, ms; those by agent, of which there are many.
const PERIOD_MS: u64 = 1_000;
const PERIOD_OF_AGENTS_MS: u64 = 5_000;

/// Nobody wishes anything.
const NEVER: Millis = Millis(i64::MAX);

/// One wish: equal ones are worked out once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    account: Name,
    wish: Wish,
    seen: Seen,
}

/// The wishes of all dashboards.
pub struct Watched {
    keys: Mutex<BTreeMap<Arc<Key>, Watch>>,
    /// The earliest instant at which one of them is due, so that asking costs nothing.
    due_at: AtomicI64,
    /// Called when there is a wish that was not there before.
    awaken: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

/// What becomes of a wish.
#[derive(Default)]
struct Watch {
    readers: Vec<Reader>,
    /// What was worked out last; …
    told: Option<Arc<Told>>,
    /// … and when that is to be done again.
    due_at: Millis,
}

/// Whoever has a wish, and which of its wishes it is.
struct Reader {
    slot: Weak<FiguresSlot>,
    subscription: u64,
    place: usize,
}

impl Default for Watched {
    fn default() -> Watched {
        let due_at = AtomicI64::new(NEVER.0);
        Watched { keys: Mutex::default(), due_at, awaken: OnceLock::new() }
    }
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watched").finish_non_exhaustive()
    }
}

impl Watched {
    /// Says what is to be called when there is a new wish: once, before the first connection.
    pub fn on_wish(&self, awaken: impl Fn() + Send + Sync + 'static) {
        // A node says it once.
        let _ = self.awaken.set(Box::new(awaken));
    }

    fn keys(&self) -> MutexGuard<'_, BTreeMap<Arc<Key>, Watch>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a reader's wishes in the place of those it had.
    pub(super) fn subscribe(
        &self,
        account: &Name,
        seen: &Seen,
        wishes: Vec<Wish>,
        slot: &Arc<FiguresSlot>,
    ) {
        let subscription = slot.begin(wishes.len());
        let mut is_new = false;
        for (place, wish) in wishes.into_iter().enumerate() {
            let key = Key { account: account.clone(), wish, seen: seen.clone() };
            let mut keys = self.keys();
            let watch = keys.entry(Arc::new(key)).or_insert_with(|| {
                is_new = true;
                Watch::default()
            });
            if let Some(told) = &watch.told {
                slot.put(subscription, place, told);
            }
            watch.readers.push(Reader { slot: Arc::downgrade(slot), subscription, place });
            if is_new {
                self.due_at.store(i64::MIN, Ordering::Release);
            }
        }
        if is_new && let Some(awaken) = self.awaken.get() {
            awaken();
        }
    }

    /// When [`Watched::step`] has something to do; `None`: nobody wishes anything.
    #[must_use]
    pub fn due_at(&self) -> Option<Millis> {
        Some(Millis(self.due_at.load(Ordering::Acquire))).filter(|at| *at != NEVER)
    }

    /// Works out what is due, and tells it. `ask` asks an account's figures.
    pub fn step<'a>(&self, now: Millis, mut ask: impl FnMut(&Name) -> Option<&'a Figures>) {
        if self.due_at().is_none_or(|at| now < at) {
            return;
        }
        let due: Vec<(Arc<Key>, Option<Arc<Told>>)> = {
            let mut keys = self.keys();
            keys.retain(|_, watch| {
                watch.readers.retain(Reader::is_there);
                !watch.readers.is_empty()
            });
            let due = keys.iter_mut().filter(|(_, watch)| watch.due_at <= now);
            let due = due.map(|(key, watch)| {
                watch.due_at = now.plus(period_ms(key.wish.by));
                (Arc::clone(key), watch.told.clone())
            });
            let due = due.collect();
            // Under the lock: a wish that comes after is due at once.
            let next = keys.values().map(|watch| watch.due_at).min().unwrap_or(NEVER);
            self.due_at.store(next.0, Ordering::Release);
            due
        };
        // Worked out without the lock: who subscribes meanwhile does not wait.
        for (key, last) in due {
            let Some(figures) = ask(&key.account) else { continue };
            let Some(told) = Told::next(&key, figures, now, last.as_deref()) else { continue };
            let told = Arc::new(told);
            if let Some(watch) = self.keys().get_mut(&key) {
                for reader in &watch.readers {
                    if let Some(slot) = reader.slot.upgrade() {
                        slot.put(reader.subscription, reader.place, &told);
                    }
                }
                watch.told = Some(told);
            }
        }
    }
}

fn period_ms(by: By) -> u64 {
    if by == By::Agent { PERIOD_OF_AGENTS_MS } else { PERIOD_MS }
}

impl Reader {
    fn is_there(&self) -> bool {
        self.slot.upgrade().is_some_and(|slot| slot.state().subscription == self.subscription)
    }
}

/// A wish as it was worked out at an instant.
struct Told {
    /// Grows by one each time that something changed.
    version: u64,
    wish: Wish,
    seq: u64,
    at: Millis,
    /// Every subject's, as JSON; …
    all: BTreeMap<Name, Arc<str>>,
    /// … those that differ from the version before; …
    changed: Vec<Arc<str>>,
    /// … and who is there no more.
    removed: Vec<Name>,
    /// Texts, made by the first reader who needs them.
    whole: OnceLock<Vec<Utf8Bytes>>,
    delta: OnceLock<Vec<Utf8Bytes>>,
}

impl Told {
    /// `None`: nothing changed.
    fn next(key: &Key, figures: &Figures, now: Millis, last: Option<&Told>) -> Option<Told> {
        let now = now.max(figures.at());
        let ids = key.wish.subjects(figures, &key.account, &key.seen, now);
        let item = |(id, item): (Name, serde_json::Value)| {
            let text = item.to_string();
            let same = last.and_then(|last| last.all.get(&id)).filter(|known| ***known == *text);
            (id, same.map_or_else(|| Arc::from(text), Arc::clone))
        };
        let items = key.wish.items(figures, ids, now);
        let all: BTreeMap<Name, Arc<str>> = items.into_iter().map(item).collect();
        let (changed, removed) = match last {
            None => (all.values().cloned().collect(), Vec::new()),
            Some(last) => {
                let is_new = |(id, text): &(&Name, &Arc<str>)| {
                    last.all.get(*id).is_none_or(|known| !Arc::ptr_eq(known, text))
                };
                let changed = all.iter().filter(is_new).map(|(_, text)| Arc::clone(text));
                let removed = last.all.keys().filter(|id| !all.contains_key(*id));
                (changed.collect::<Vec<_>>(), removed.cloned().collect())
            }
        };
        if last.is_some() && changed.is_empty() && removed.is_empty() {
            return None;
        }
        Some(Told {
            version: last.map_or(1, |last| last.version + 1),
            wish: key.wish.clone(),
            seq: figures.seq(),
            at: now,
            all,
            changed,
            removed,
            whole: OnceLock::new(),
            delta: OnceLock::new(),
        })
    }

    /// For a reader that has this version of it; 0: none.
    fn texts(&self, has: u64) -> &[Utf8Bytes] {
        match has > 0 && has + 1 == self.version {
            true => self.delta.get_or_init(|| self.encode(false, self.changed.iter())),
            false => self.whole.get_or_init(|| self.encode(true, self.all.values())),
        }
    }

    /// In texts of at most [`PART_BYTES`], or of a single item.
    fn encode<'a>(&self, whole: bool, items: impl Iterator<Item = &'a Arc<str>>) -> Vec<Utf8Bytes> {
        let mut parts = vec![String::new()];
        for item in items {
            if let Some(last) = parts.last_mut() {
                match last.is_empty() {
                    true => last.push_str(item),
                    false if last.len() + item.len() < PART_BYTES - AROUND => {
                        last.push(',');
                        last.push_str(item);
                    }
                    false => parts.push(item.to_string()),
                }
            }
        }
        let count = parts.len();
        let Told { wish, seq, at, .. } = self;
        let text = |(i, items): (usize, String)| {
            let (whole, part) = (whole && i == 0, i + 1);
            let removed = if part == count { &self.removed[..] } else { &[] };
            let removed = if whole { &[] } else { removed };
            let head = Head {
                kind: "figures",
                seq: *seq,
                as_of: *at,
                by: wish.by.word(),
                window: wish.window.word(),
                threshold_s: wish.threshold.seconds(),
                queue: match &wish.among {
                    Some(Among::Queue(id)) => Some(id),
                    _ => None,
                },
                team: match &wish.among {
                    Some(Among::Team(id)) => Some(id),
                    _ => None,
                },
                whole,
                part,
                parts: count,
                removed,
            };
            // Our own type: it cannot fail. The items are JSON already.
            let mut text = serde_json::to_string(&head).unwrap_or_default();
            text.pop();
            Utf8Bytes::from(format!("{text},\"items\":[{items}]}}"))
        };
        parts.into_iter().enumerate().map(text).collect()
    }
}

/// Room for what stands around the items of a text, bytes.
const AROUND: usize = 512;

#[derive(Serialize)]
struct Head<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    seq: u64,
    #[serde(with = "time::wire")]
    as_of: Millis,
    by: &'static str,
    window: &'static str,
    threshold_s: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<&'a Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    team: Option<&'a Name>,
    whole: bool,
    part: usize,
    parts: usize,
    removed: &'a [Name],
}

/// The mailbox of one connection: for each of its wishes room for the newest, and no queue.
#[derive(Default)]
pub struct FiguresSlot(Mutex<State>);

#[derive(Default)]
struct State {
    subscription: u64,
    places: Vec<Place>,
    waker: Option<Waker>,
}

#[derive(Default)]
struct Place {
    told: Option<Arc<Told>>,
    /// The version that the reader has.
    sent: u64,
}

impl FiguresSlot {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the wishes before; answers the new subscription's number.
    fn begin(&self, wishes: usize) -> u64 {
        let mut state = self.state();
        state.subscription += 1;
        state.places = std::iter::repeat_with(Place::default).take(wishes).collect();
        state.subscription
    }

    fn put(&self, subscription: u64, place: usize, told: &Arc<Told>) {
        let mut state = self.state();
        if state.subscription != subscription {
            return;
        }
        let State { places, waker, .. } = &mut *state;
        if let Some(place) = places.get_mut(place) {
            place.told = Some(Arc::clone(told));
        }
        let waker = waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The reader's side: waits for the next texts.
    pub async fn next(&self) -> Vec<Utf8Bytes> {
        let (told, has) = std::future::poll_fn(|cx| {
            let mut state = self.state();
            match state.places.iter_mut().find_map(Place::take) {
                Some(next) => Poll::Ready(next),
                None => {
                    state.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await;
        told.texts(has).to_vec()
    }
}

impl Place {
    /// What is new, and the version that the reader has.
    fn take(&mut self) -> Option<(Arc<Told>, u64)> {
        let told = self.told.take()?;
        let has = std::mem::replace(&mut self.sent, told.version);
        Some((told, has))
    }
}
