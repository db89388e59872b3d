//! Identifiers: dense integers inside, names at the edge.

use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A name as text, shared: cloning it costs a counter.
pub type Name = Arc<str>;

macro_rules! index {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl $name {
            /// The place in a table that is indexed by this number.
            #[must_use]
            pub fn at(self) -> usize {
                self.0 as usize
            }
        }
    };
}

index!(
    /// An agent's internal number: the order of creation in the account, never used again.
    AgentIx
);
index!(
    /// A queue's or group's internal number.
    QueueIx
);
index!(
    /// A skill's internal number.
    SkillIx
);
index!(
    /// A switch's internal number.
    SwitchIx
);
index!(
    /// An interned requirement (a set of skill ranges and the like): equal needs, equal number.
    NeedIx
);

macro_rules! generated {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        ///
        /// The upper 44 bits are the milliseconds of its making, the lower 20 count within them, so
        /// that numbers grow, and the text form (a ULID behind a prefix) says when it was made.
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// The text before the 26 characters.
            pub const PREFIX: &'static str = $prefix;

            /// The next number after `last`, at `now`.
            #[must_use]
            pub fn after(last: $name, now: Millis) -> $name {
                let floor = (u64::try_from(now.0).unwrap_or(0) & ((1 << 44) - 1)) << 20;
                $name((last.0 + 1).max(floor))
            }

            /// Reads the text form.
            #[must_use]
            pub fn parse(text: &str) -> Option<$name> {
                $name::parse_bare(text.strip_prefix($prefix)?)
            }

            /// Reads the 26 characters alone.
            #[must_use]
            pub fn parse_bare(text: &str) -> Option<$name> {
                decode(text).map($name)
            }

            /// When it was made.
            #[must_use]
            pub fn made_at(self) -> Millis {
                Millis((self.0 >> 20) as i64)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($prefix)?;
                encode(self.0, f)
            }
        }
    };
}

generated!(
    /// A call.
    CallId, "cal_"
);
generated!(
    /// An offer: one attempt to hand one call to one agent.
    OfferId, "off_"
);
generated!(
    /// A command to a switch.
    CommandId, "cmd_"
);
generated!(
    /// An API key.
    KeyId, "key_"
);
generated!(
    /// A session of somebody who signed in.
    SessionId, "ses_"
);

generated!(
    /// An alert.
    AlertId, "alr_"
);

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Characters of the time, and of the counter at the end; the ones between are always zero.
const TIME_CHARS: usize = 10;
const COUNT_CHARS: usize = 4;

/// ULID layout: 48 bits of milliseconds, 80 bits of which the lowest 20 carry the counter.
fn encode(number: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = [b'0'; 26];
    let (time, rest) = text.split_at_mut(TIME_CHARS);
    let count = &mut rest[16 - COUNT_CHARS..];
    let mut bits = number >> 20;
    for slot in time.iter_mut().rev() {
        *slot = CROCKFORD[(bits & 31) as usize];
        bits >>= 5;
    }
    let mut bits = number & 0xF_FFFF;
    for slot in count.iter_mut().rev() {
        *slot = CROCKFORD[(bits & 31) as usize];
        bits >>= 5;
    }
    f.write_str(std::str::from_utf8(&text).unwrap_or_default())
}

/// What each character stands for, in either case; 32 for those that stand for nothing.
const DIGITS: [u8; 256] = {
    let mut digits = [32; 256];
    let mut i = 0;
    while i < CROCKFORD.len() {
        digits[CROCKFORD[i] as usize] = i as u8;
        digits[CROCKFORD[i].to_ascii_lowercase() as usize] = i as u8;
        i += 1;
    }
    digits
};

fn decode(text: &str) -> Option<u64> {
    if text.len() != 26 {
        return None;
    }
    let (time, rest) = text.as_bytes().split_at(TIME_CHARS);
    let (zeros, count) = rest.split_at(16 - COUNT_CHARS);
    let number = |digits: &[u8]| {
        let mut digits = digits.iter().map(|c| DIGITS[usize::from(*c)]);
        digits.try_fold(0, |number, digit| (digit < 32).then(|| (number << 5) | u64::from(digit)))
    };
    let (ms, zeros, count) = (number(time)?, number(zeros)?, number(count)?);
    (ms < 1 << 44 && zeros == 0).then_some((ms << 20) | count)
}

/// The characters of a chosen id, `[a-z0-9][a-z0-9_-]{0,62}`, as text for messages.
pub const NAME_RULE: &str = "[a-z0-9][a-z0-9_-]{0,62}";

/// Whether `text` may name a skill, queue, group, switch, route or break reason.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some(first) = bytes.first() else { return false };
    bytes.len() <= 63
        && (first.is_ascii_lowercase() || first.is_ascii_digit())
        && bytes
            .iter()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == b'_' || *c == b'-')
}

/// Whether `text` may name a user: `usr_[a-z0-9_-]{1,59}`.
#[must_use]
pub fn is_user_name(text: &str) -> bool {
    text.strip_prefix("usr_").is_some_and(|rest| {
        !rest.is_empty()
            && rest.len() <= 59
            && rest
                .bytes()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_' || c == b'-')
    })
}

/// A 64-bit fingerprint (FNV-1a, mixed) of a few texts; stable for ever, since snapshots hold it.
#[must_use]
pub fn fingerprint(parts: &[&str]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for part in parts {
        for byte in part.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    hash ^= hash >> 32;
    hash = hash.wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_ids_grow_and_read_back() {
        let now = Millis(1_795_291_200_123);
        let first = CallId::after(CallId(0), now);
        let second = CallId::after(first, now);
        assert!(second > first);
        assert_eq!(first.made_at(), now);
        for id in [first, second] {
            let text = id.to_string();
            assert_eq!(text.len(), 30);
            assert_eq!(CallId::parse(&text), Some(id));
        }
        assert_eq!(first.to_string(), "cal_01M7ZV3EKV0000000000000000");
        assert_eq!(CallId(u64::MAX).to_string(), "cal_0FZZZZZZZZ000000000000ZZZZ");
        assert_eq!(CallId::parse("cal_0fzzzzzzzz000000000000zzzz"), Some(CallId(u64::MAX)));
        assert_eq!(CallId::parse("cal_0FZZZZZZZZ000000000001ZZZZ"), None);
        assert_eq!(CallId::parse("cal_0GZZZZZZZZ000000000000ZZZZ"), None);
        assert_eq!(CallId::parse("cal_0FZZZZZZZZ000000000000ZZZU"), None);
        assert_eq!(OfferId::parse(&first.to_string()), None);
        assert_eq!(CallId::parse("cal_ZZZZZZZZZZZZZZZZZZZZZZZZZZ"), None);
    }

    #[test]
    fn names_keep_their_rule() {
        assert!(is_name("support-2_b"));
        assert!(!is_name("") && !is_name("Support") && !is_name("-a") && !is_name(&"a".repeat(64)));
        assert!(is_user_name("usr_ann") && !is_user_name("ann") && !is_user_name("usr_"));
    }

    #[test]
    fn fingerprints_tell_parts_apart_and_stay() {
        assert_ne!(fingerprint(&["ab", "c"]), fingerprint(&["a", "bc"]));
        assert_eq!(fingerprint(&["sip-edge-1", "7f3"]), 5_247_172_821_874_767_778);
    }
}
