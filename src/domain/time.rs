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
        if let Some(text) = self.common() {
            return String::from_utf8_lossy(&text).into_owned();
        }
        let ts = jiff::Timestamp::from_millisecond(self.0).unwrap_or(if self.0 < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        });
        format!("{ts:.3}")
    }

    /// As [`Millis::rfc3339`], for the instants of the years 1970–9999: every answer tells some.
    fn common(self) -> Option<[u8; 24]> {
        let ms = u64::try_from(self.0).ok().filter(|ms| *ms < LAST_COMMON_MS)?;
        let (days, ms) = (ms / DAY_MS, ms % DAY_MS);
        let (year, month, day) = civil(days);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut put = |at: usize, width: usize, mut number: u64| {
            for slot in text[at..at + width].iter_mut().rev() {
                *slot = b'0' + (number % 10) as u8;
                number /= 10;
            }
        };
        put(0, 4, year);
        put(5, 2, month);
        put(8, 2, day);
        put(11, 2, ms / 3_600_000);
        put(14, 2, ms / 60_000 % 60);
        put(17, 2, ms / 1_000 % 60);
        put(20, 3, ms % 1_000);
        Some(text)
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

const DAY_MS: u64 = 86_400_000;
/// 9999-12-30T22:00:00Z, from where on `jiff` holds instants for the edge.
const LAST_COMMON_MS: u64 = 253_402_207_200_000;

/// Year, month and day, so many days after 1970-01-01. Years begin in March here, so that the leap
/// day comes last, and are counted in rounds of 400 (146,097 days); see Hinnant, "chrono-compatible
/// low-level date algorithms".
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (round, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + round * 400 + u64::from(month <= 2), month, day)
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.common().as_ref().map(|text| std::str::from_utf8(text)) {
            Some(Ok(text)) => f.write_str(text),
            _ => f.write_str(&self.rfc3339()),
        }
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
        s.collect_str(at)
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
            Some(at) => s.collect_str(at),
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
    fn every_day_is_written_as_the_calendar_says() {
        let jiffs = |at: Millis| match jiff::Timestamp::from_millisecond(at.0) {
            Ok(at) => format!("{at:.3}"),
            Err(_) => panic!("no instant: {}", at.0),
        };
        // Days of all months and kinds of years, at times that go round, and the edges of what is written the short way.
        let days = (0..2_932_895_i64).step_by(61);
        let instants = days.map(|day| Millis(day * 86_400_000 + day * 7_919 % 86_400_000));
        let edges = [-1, 0, 951_782_400_000, 253_402_207_199_999].map(Millis);
        for at in instants.chain(edges) {
            assert_eq!(at.rfc3339(), jiffs(at));
            assert_eq!(at.to_string(), jiffs(at));
        }
        let edge = format!("{:.3}", jiff::Timestamp::MAX);
        assert_eq!(Millis(i64::MAX).to_string(), edge);
    }

    #[test]
    fn differences_never_run_below_zero() {
        assert_eq!(Millis(5).since(Millis(9)), 0);
        assert_eq!(Millis(9).since(Millis(5)), 4);
        assert_eq!(Millis(i64::MAX).plus(1), Millis(i64::MAX));
    }
}
