//! The secrets of API keys: `cbk_`, the key's number (26 characters), 32 random ones. Only a hash
//! is kept; the number in front lets it be found without a search.

use crate::domain::ids::KeyId;
use rand::TryRng;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// What every secret begins with.
pub const PREFIX: &str = "cbk_";

/// Random bytes in a secret: 160 bits.
pub const RANDOM_BYTES: usize = 20;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const NUMBER_CHARS: usize = 26;
/// Characters of what was drawn.
pub const RANDOM_CHARS: usize = RANDOM_BYTES * 8 / 5;

/// Bytes from the operating system's generator.
///
/// # Errors
/// When the system gives none.
pub fn entropy<const N: usize>() -> Result<[u8; N], std::io::Error> {
    let mut bytes = [0; N];
    rand::rngs::SysRng.try_fill_bytes(&mut bytes).map_err(std::io::Error::other)?;
    Ok(bytes)
}

/// The secret of key `id`, made of `random`.
#[must_use]
pub fn make(id: KeyId, random: [u8; RANDOM_BYTES]) -> String {
    let id = id.to_string();
    let number = id.strip_prefix(KeyId::PREFIX).unwrap_or(&id);
    let mut text = String::with_capacity(PREFIX.len() + NUMBER_CHARS + RANDOM_CHARS);
    text.push_str(PREFIX);
    text.push_str(number);
    write_random(&mut text, random);
    text
}

/// A secret without a number: a prefix, and what was drawn.
#[must_use]
pub fn plain(prefix: &str, random: [u8; RANDOM_BYTES]) -> String {
    let mut text = prefix.to_owned();
    write_random(&mut text, random);
    text
}

/// SHA-256 of a secret as 64 hexadecimal digits: by it a secret without a number is found.
#[must_use]
pub fn fingerprint(secret: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
    digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn write_random(text: &mut String, random: [u8; RANDOM_BYTES]) {
    for five in random.chunks(5) {
        let bits = five.iter().fold(0u64, |bits, byte| (bits << 8) | u64::from(*byte));
        text.extend((0..8).rev().map(|i| char::from(ALPHABET[((bits >> (5 * i)) & 31) as usize])));
    }
}

/// The number of the key whose secret `text` claims to be.
#[must_use]
pub fn key_of(text: &str) -> Option<KeyId> {
    let rest = text.strip_prefix(PREFIX)?;
    if rest.len() != NUMBER_CHARS + RANDOM_CHARS || !rest.is_ascii() {
        return None;
    }
    KeyId::parse_bare(&rest[..NUMBER_CHARS])
}

/// SHA-256 of a secret. The secret has 160 random bits, so no slow hash is needed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// Of `secret`.
    #[must_use]
    pub fn of(secret: &str) -> SecretHash {
        SecretHash(Sha256::digest(secret.as_bytes()).into())
    }

    /// Whether it is the hash of `secret`, in a time that does not depend on where they differ.
    #[must_use]
    pub fn matches(&self, secret: &str) -> bool {
        let other = SecretHash::of(secret);
        let differing = self.0.iter().zip(other.0).fold(0, |bits, (a, b)| bits | (a ^ b));
        std::hint::black_box(differing) == 0
    }
}

impl std::fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

impl Serialize for SecretHash {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut hex = String::with_capacity(64);
        for byte in self.0 {
            let _ = write!(hex, "{byte:02x}");
        }
        s.serialize_str(&hex)
    }
}

impl<'de> Deserialize<'de> for SecretHash {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<SecretHash, D::Error> {
        let hex = String::deserialize(d)?;
        let wrong = || de::Error::custom("a hash is 64 hexadecimal digits");
        if hex.len() != 64 || !hex.is_ascii() {
            return Err(wrong());
        }
        let mut hash = [0; 32];
        for (byte, at) in hash.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&hex[at..at + 2], 16).map_err(|_| wrong())?;
        }
        Ok(SecretHash(hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Millis;

    #[test]
    fn a_secret_names_its_key_and_only_it_matches() {
        let id = KeyId::after(KeyId(0), Millis(1_795_291_200_123));
        let secret = make(id, *b"\0\x01\x02\x03\x04\xff\xfe\xfd\xfc\xfbabcdefghij");
        assert_eq!(secret.len(), 62);
        assert_eq!(key_of(&secret), Some(id));
        let hash = SecretHash::of(&secret);
        assert!(hash.matches(&secret));
        assert!(!hash.matches(&make(id, [7; RANDOM_BYTES])));
        let json = serde_json::to_string(&hash).expect("json");
        assert_eq!(serde_json::from_str::<SecretHash>(&json).ok(), Some(hash));
        assert!(!format!("{hash:?}").contains(&json[1..9]));
    }

    #[test]
    fn what_is_no_secret_names_no_key() {
        for wrong in ["", "cbk_", "cbk_short", "Bearer x", &format!("cbk_{}", "ü".repeat(29))] {
            assert_eq!(key_of(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn the_system_gives_other_bytes_each_time() {
        let (a, b) = (entropy::<RANDOM_BYTES>().expect("a"), entropy::<RANDOM_BYTES>().expect("b"));
        assert_ne!(a, b);
    }
}
