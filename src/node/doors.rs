//! Who may come in, as far as it is durable: sessions by the hash of their token, and users who may
//! not come in by any door.

use crate::access::session::{self, is_open};
use crate::access::{Identity, secret};
use crate::domain::ids::{Name, SessionId};
use crate::domain::objects::user::Home;
use crate::domain::signing::OpenSession;
use crate::domain::time::Millis;
use crate::engine::Engine;
use dashmap::DashMap;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// That a session is used is put on record when the record is so old, or a fourth of the time after
/// which it would end unused.
const TOLD_EACH_MS: u64 = 5 * 60 * 1_000;

/// The doors of all accounts.
#[derive(Default)]
pub(super) struct Doors {
    sessions: DashMap<Name, Arc<Session>>,
    numbers: DashMap<SessionId, Arc<Session>>,
    barred: DashMap<(Name, Name), ()>,
    /// The places of people in other accounts than their own, by account.
    places: DashMap<Home, BTreeMap<Name, Name>>,
    last: Mutex<SessionId>,
}

/// An open session, and when it was used.
pub(super) struct Session {
    pub account: Name,
    pub open: OpenSession,
    seen: AtomicI64,
    told: AtomicI64,
}

impl Session {
    fn is_open(&self, now: Millis) -> bool {
        is_open(&self.open, Millis(self.seen.load(Ordering::Relaxed)), now)
    }

    /// Whether this use is to be put on record; it is said to one of those who come at once.
    fn is_to_be_told(&self, now: Millis) -> bool {
        let told = self.told.load(Ordering::Relaxed);
        let due = TOLD_EACH_MS.min(self.open.idle_ms / 4);
        now.since(Millis(told)) >= due
            && self.told.compare_exchange(told, now.0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// Who came in by a session, and whether that use is to be put on record.
pub(super) struct Admitted {
    pub identity: Identity,
    pub tell: bool,
}

impl Doors {
    /// Takes in what an account's engine knows at the start.
    pub fn fill(&self, account: &Name, engine: &Engine) {
        for session in engine.open_sessions() {
            self.open(account, session);
        }
        for (home, user) in engine.guests() {
            self.welcome(account, &user, home);
        }
        for user in engine.barred() {
            self.barred.insert((account.clone(), user), ());
        }
    }

    /// A number that no session of the node has.
    pub fn number(&self, now: Millis) -> SessionId {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = SessionId::after(*last, now);
        *last
    }

    /// A session is open.
    pub fn open(&self, account: &Name, open: OpenSession) {
        let seen = open.seen_at.0;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = (*last).max(open.session);
        let session = Arc::new(Session {
            account: account.clone(),
            open,
            seen: AtomicI64::new(seen),
            told: AtomicI64::new(seen),
        });
        self.numbers.insert(session.open.session, Arc::clone(&session));
        self.sessions.insert(session.open.hash.clone(), session);
    }

    /// A session is over.
    pub fn end(&self, session: SessionId) {
        if let Some((_, session)) = self.numbers.remove(&session) {
            self.sessions.remove(&session.open.hash);
        }
    }

    /// Bars a user from coming in, or lets them again; answers whether that is new.
    pub fn bar(&self, account: &Name, user: &Name, barred: bool) -> bool {
        let who = (account.clone(), user.clone());
        if barred {
            self.barred.insert(who, ()).is_none()
        } else {
            self.barred.remove(&who).is_some()
        }
    }

    /// Whether a user may not come in.
    pub fn is_barred(&self, account: &Name, user: &Name) -> bool {
        !self.barred.is_empty() && self.barred.contains_key(&(account.clone(), user.clone()))
    }

    /// Somebody of another account has a place in this one.
    pub fn welcome(&self, account: &Name, user: &Name, home: Home) {
        self.places.entry(home).or_default().insert(account.clone(), user.clone());
    }

    /// The user that a person is in another account than their own, if they may come in there.
    pub fn guest(&self, home: &Home, account: &Name) -> Option<Name> {
        let user = self.places.get(home)?.get(account)?.clone();
        (!self.is_barred(account, &user)).then_some(user)
    }

    /// All places of a person in other accounts than their own, by account.
    pub fn places(&self, home: &Home) -> BTreeMap<Name, Name> {
        self.places.get(home).map(|places| places.clone()).unwrap_or_default()
    }

    /// The open sessions of a person.
    pub fn sessions_of(&self, home: &Home) -> Vec<SessionId> {
        let all = self.numbers.iter();
        let own = all.filter(|s| s.account == home.account && s.open.user == home.user);
        own.map(|session| session.open.session).collect()
    }

    /// Who comes in by a token.
    pub fn admit(&self, token: &str, remote: IpAddr, now: Millis) -> Option<Admitted> {
        let hash = secret::fingerprint(token);
        let session = self.sessions.get(&*hash).map(|found| Arc::clone(&found))?;
        if !session.is_open(now) || self.is_barred(&session.account, &session.open.user) {
            return None;
        }
        session.seen.fetch_max(now.0, Ordering::Relaxed);
        let identity = session::identity(&session.account, &session.open, remote);
        Some(Admitted { identity, tell: session.is_to_be_told(now) })
    }

    /// A session by its number, while it is open.
    pub fn session(&self, number: SessionId, now: Millis) -> Option<Arc<Session>> {
        let session = self.numbers.get(&number).map(|found| Arc::clone(&found))?;
        session.is_open(now).then_some(session)
    }
}
