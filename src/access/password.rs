//! Passwords: the rule for new ones, and their hashes (argon2id with the parameters that OWASP
//! recommends: 19 MiB, two passes). Hashing takes tens of milliseconds: never on the event loop.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

/// Characters of a password at least.
pub const LEAST: usize = 10;
/// Bytes at most: more makes nothing safer, and hashing it costs.
pub const MOST_BYTES: usize = 256;
/// Digits of a telephone's password at least: it is typed on the phone's keys.
pub const LEAST_DIGITS: usize = 6;
/// … and at most.
pub const MOST_DIGITS: usize = 32;

/// Bytes of salt.
pub const SALT: usize = 16;

/// The hash of nobody's password: verified where there is nobody, so that a stranger cannot tell by
/// the time that it took.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$Y2FsbGJvYXJkLW5vYm9keQ$\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What is wrong with a new password, in words. `numeric`: of a telephone.
#[must_use]
pub fn wrong(password: &str, numeric: bool) -> Option<String> {
    let chars = password.chars().count();
    if numeric {
        let fits = (LEAST_DIGITS..=MOST_DIGITS).contains(&chars);
        let digits = password.bytes().all(|c| c.is_ascii_digit());
        return (!fits || !digits)
            .then(|| format!("a telephone's password is {LEAST_DIGITS} to {MOST_DIGITS} digits"));
    }
    if chars < LEAST || password.len() > MOST_BYTES {
        return Some(format!(
            "must have {LEAST} characters at least, and {MOST_BYTES} bytes at most"
        ));
    }
    let first = password.chars().next();
    if password.chars().all(|c| Some(c) == first) {
        return Some("must not be one character again and again".to_owned());
    }
    None
}

/// The hash of a password as it is kept, a PHC string.
///
/// # Errors
/// When the machine has no memory for it.
pub fn hash(password: &str, salt: [u8; SALT]) -> Result<String, String> {
    let hashed = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
    hashed.map(|hash: PasswordHash| hash.to_string()).map_err(|error| error.to_string())
}

/// Whether a password is the one of `hash`; without one it takes as long and says no.
#[must_use]
pub fn is_right(password: &str, hash: Option<&str>) -> bool {
    let known = hash.and_then(|hash| PasswordHash::new(hash).ok());
    let nobody = || PasswordHash::new(NOBODY).ok();
    let is_somebody = known.is_some();
    let Some(against) = known.or_else(nobody) else { return false };
    let right = Argon2::default().verify_password(password.as_bytes(), &against).is_ok();
    right && is_somebody
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again_and_no_other() {
        let kept = hash("correct horse", [7; SALT]).expect("hashed");
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(is_right("correct horse", Some(&kept)));
        assert!(!is_right("correct horsf", Some(&kept)) && !is_right("", Some(&kept)));
        assert!(!is_right("correct horse", None), "nobody has no password");
        assert!(!is_right("x", Some("no hash at all")));
        assert!(PasswordHash::new(NOBODY).is_ok(), "nobody's takes as long");
    }

    #[test]
    fn the_rule_is_of_length_and_of_digits_for_telephones() {
        for right in ["correct horse", "1234567890", "päßwörter!"] {
            assert_eq!(wrong(right, false), None, "{right}");
        }
        for bad in ["short", "aaaaaaaaaaaa", &"x1".repeat(129)] {
            assert!(wrong(bad, false).is_some(), "{bad}");
        }
        assert_eq!(wrong("123456", true), None);
        for bad in ["12345", "12345a", "correct horse", &"1".repeat(33)] {
            assert!(wrong(bad, true).is_some(), "{bad}");
        }
    }
}
