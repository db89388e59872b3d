//! Tokens of sessions and secrets of one-time links: only their hashes are kept, and by these they
//! are found.

use crate::access::Identity;
use crate::access::secret::{self, RANDOM_BYTES, RANDOM_CHARS};
use crate::domain::ids::{KeyId, Name, SessionId, is_name};
use crate::domain::input::{Actor, Door};
use crate::domain::objects::user::Role;
use crate::domain::signing::OpenSession;
use crate::domain::time::Millis;
use std::net::IpAddr;

/// What the token of a session begins with.
pub const TOKEN: &str = "cbs_";
/// What the secret of a one-time link begins with.
pub const LINK: &str = "cbl_";
/// The bit by which the door of a session differs from that of a key with the same number.
const OF_A_SESSION: u64 = 1 << 63;

/// A token, made of `random`.
#[must_use]
pub fn token(random: [u8; RANDOM_BYTES]) -> String {
    secret::plain(TOKEN, random)
}

/// The secret of a link to `account`.
#[must_use]
pub fn link(account: &str, random: [u8; RANDOM_BYTES]) -> String {
    secret::plain(LINK, random) + account
}

/// The account that a link leads to.
#[must_use]
pub fn account_of(link: &str) -> Option<&str> {
    let account = link.strip_prefix(LINK)?.get(RANDOM_CHARS..)?;
    is_name(account).then_some(account)
}

/// What goes with a token in a cookie, and must be said in a header by who changes something: a page
/// of another site can send the cookie along, but not know this.
#[must_use]
pub fn csrf(token: &str) -> String {
    let mut text = secret::fingerprint(&format!("csrf {token}"));
    text.truncate(32);
    text
}

/// The number by which connections and rates know a session, among those of keys.
#[must_use]
pub fn door(session: SessionId) -> KeyId {
    KeyId(session.0 | OF_A_SESSION)
}

/// The session behind such a number.
#[must_use]
pub fn behind(door: KeyId) -> Option<SessionId> {
    (door.0 & OF_A_SESSION != 0).then_some(SessionId(door.0 & !OF_A_SESSION))
}

/// Whether a session that was used last at `seen` is still open.
#[must_use]
pub fn is_open(session: &OpenSession, seen: Millis, now: Millis) -> bool {
    now < session.until && now < seen.plus(session.idle_ms)
}

/// Who comes in by a session. The role is the least: the engine looks up the user's own.
#[must_use]
pub fn identity(account: &Name, session: &OpenSession, remote: IpAddr) -> Identity {
    Identity {
        account: account.clone(),
        actor: Actor {
            name: session.user.clone(),
            role: Role::Agent,
            user: Some(session.user.clone()),
            switch: None,
            door: Door { session: Some(session.session), from: Some(remote), ..Door::default() },
        },
        key: door(session.session),
        expires_at: Some(session.until),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_says_where_it_leads() {
        let link = link("night_shift-2", [9; RANDOM_BYTES]);
        assert_eq!(account_of(&link), Some("night_shift-2"));
        for wrong in ["", "cbl_", "cbl_short", "cbs_00000000000000000000000000000000default"] {
            assert_eq!(account_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_door_of_a_session_is_no_keys() {
        let session = SessionId::after(SessionId(0), Millis(1_795_291_200_123));
        assert_eq!(behind(door(session)), Some(session));
        assert_eq!(behind(KeyId(session.0)), None);
        assert_ne!(csrf("cbs_a"), csrf("cbs_b"));
    }
}
