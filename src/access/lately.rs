//! A memory of the secret that was right last, so that who asks often is not hashed slowly each time.

use crate::access::secret::SecretHash;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// SipHash keys, drawn with the process and told to nobody: without them neither can a tag be turned
/// into a secret, nor a secret be found to a tag but by 2^64 requests.
static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The tag of the secret that matched last; 0 before the first.
#[derive(Debug, Default)]
pub struct Lately(AtomicU64);

impl Lately {
    /// Whether `hash` is that of `secret`: by the tag when it is the secret of the last time, else by
    /// SHA-256, whose 62 bytes cost as much as reading the request.
    pub fn matches(&self, hash: &SecretHash, secret: &str) -> bool {
        let tag = KEYS.hash_one(secret).max(1);
        if self.0.load(Ordering::Relaxed) == tag {
            return true;
        }
        let right = hash.matches(secret);
        if right {
            self.0.store(tag, Ordering::Relaxed);
        }
        right
    }
}

/// A copy has its own memory.
impl Clone for Lately {
    fn clone(&self) -> Lately {
        Lately::default()
    }
}

/// What is remembered is no part of what is equal.
impl PartialEq for Lately {
    fn eq(&self, _: &Lately) -> bool {
        true
    }
}

impl Eq for Lately {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_secret_matches_before_and_after_it_is_remembered() {
        let (hash, lately) = (SecretHash::of("cbk_right"), Lately::default());
        for _ in 0..2 {
            assert!(!lately.matches(&hash, "cbk_wrong"));
            assert!(!lately.matches(&hash, ""));
            assert!(lately.matches(&hash, "cbk_right"));
        }
        let other = SecretHash::of("cbk_other");
        assert!(!lately.clone().matches(&other, "cbk_right"), "a copy remembers nothing");
    }
}
