//! Instants and durations, both in whole milliseconds. The core never reads a clock: it is told.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// An instant: milliseconds since 1970-01-01T00:00:00Z.
///
/// On the wire it is RFC 3339 in UTC with milliseconds ([`Millis::rfc3339`]); in the journal it is
/// the bare number, which is why `Serialize` here writes the number: wire types use
/// [`crate::domain::time::wire`].
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// The instant `ms` milliseconds later; saturates.
    #[must_use]
    pub fn plus(self, ms: u64) -> Millis {
        Millis(self.0.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX)))
    }

    /// Milliseconds from `earlier` to this instant, 0 when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Millis) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }

    /// `2026-11-21T20:00:00.123Z`. An instant outside the years −9999…9999 reads as the edge.
    #[must_use]
    pub fn rfc3339(self) -> String {
        let ts = jiff::Timestamp::from_millisecond(self.0).unwrap_or(if self.0 < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        });
        format!("{ts:.3}")
    }

    /// Reads RFC 3339 in any offset. Fractions below a millisecond are cut.
    ///
    /// # Errors
    /// When the text is not an RFC 3339 instant; the text of the error says what was found.
    pub fn parse_rfc3339(text: &str) -> Result<Millis, String> {
        text.parse::<jiff::Timestamp>()
            .map(|ts| Millis(ts.as_millisecond()))
            .map_err(|e| e.to_string())
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

/// Serde for instants on the wire: RFC 3339 text. `#[serde(with = "crate::domain::time::wire")]`.
pub mod wire {
    use super::{Deserialize, Deserializer, Millis, Serializer, de};

    /// Writes RFC 3339.
    ///
    /// # Errors
    /// The serializer's own.
    pub fn serialize<S: Serializer>(at: &Millis, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&at.rfc3339())
    }

    /// Reads RFC 3339.
    ///
    /// # Errors
    /// When the text is not RFC 3339.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Millis, D::Error> {
        let text = String::deserialize(d)?;
        Millis::parse_rfc3339(&text).map_err(de::Error::custom)
    }
}

/// As [`wire`], for fields that may be null.
pub mod wire_option {
    use super::{Deserialize, Deserializer, Millis, Serializer, de};

    /// Writes RFC 3339 or null.
    ///
    /// # Errors
    /// The serializer's own.
    pub fn serialize<S: Serializer>(at: &Option<Millis>, s: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => s.serialize_str(&at.rfc3339()),
            None => s.serialize_none(),
        }
    }

    /// Reads RFC 3339 or null.
    ///
    /// # Errors
    /// When the text is not RFC 3339.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Millis>, D::Error> {
        Option::<String>::deserialize(d)?
            .map(|text| Millis::parse_rfc3339(&text).map_err(de::Error::custom))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_reads_and_writes_rfc3339_with_milliseconds() {
        let at = Millis(1_795_291_200_123);
        assert_eq!(at.rfc3339(), "2026-11-21T20:00:00.123Z");
        assert_eq!(Millis::parse_rfc3339("2026-11-21T21:00:00.1234+01:00"), Ok(at));
        assert!(Millis::parse_rfc3339("yesterday").is_err());
    }

    #[test]
    fn differences_never_run_below_zero() {
        assert_eq!(Millis(5).since(Millis(9)), 0);
        assert_eq!(Millis(9).since(Millis(5)), 4);
        assert_eq!(Millis(i64::MAX).plus(1), Millis(i64::MAX));
    }
}
