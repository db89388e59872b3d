//! Over which time figures are told.

use super::past::{MINUTE_MS, minute_of, quarter_of};
use crate::domain::figures::Window;
use crate::domain::time::Millis;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Where a window begins that ends now: a rolling one at the whole minute or quarter before, so that
/// it is a little longer than its name.
#[must_use]
pub fn begin(window: Window, now: Millis, zone: &str) -> Millis {
    match window {
        Window::Quarter => Millis(minute_of(now.0 - 15 * MINUTE_MS)),
        Window::Hour => Millis(minute_of(now.0 - 60 * MINUTE_MS)),
        Window::Day => Millis(quarter_of(now.0 - 24 * 60 * MINUTE_MS)),
        Window::Today => midnight(now, zone),
    }
}

/// The day's beginning in a zone (UTC where there is no such zone), at the whole quarter before where a
/// zone was once off by some minutes.
fn midnight(now: Millis, zone: &str) -> Millis {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let instant = Timestamp::from_millisecond(now.0).unwrap_or_default();
    let begins = instant.to_zoned(zone).start_of_day();
    let ms = begins.map_or(now.0, |begins| begins.timestamp().as_millisecond());
    Millis(quarter_of(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Millis {
        Millis::parse_rfc3339(text).expect("an instant")
    }

    #[test]
    fn windows_begin_at_whole_minutes_quarters_and_midnights() {
        let now = at("2026-11-21T20:07:31.500Z");
        assert_eq!(begin(Window::Quarter, now, "UTC"), at("2026-11-21T19:52:00Z"));
        assert_eq!(begin(Window::Hour, now, "UTC"), at("2026-11-21T19:07:00Z"));
        assert_eq!(begin(Window::Day, now, "UTC"), at("2026-11-20T20:00:00Z"));
        assert_eq!(begin(Window::Today, now, "UTC"), at("2026-11-21T00:00:00Z"));
        assert_eq!(begin(Window::Today, now, "Asia/Kathmandu"), at("2026-11-21T18:15:00Z"));
        assert_eq!(begin(Window::Today, now, "America/New_York"), at("2026-11-21T05:00:00Z"));
    }

    #[test]
    fn days_of_23_and_25_hours_begin_at_their_midnight() {
        let late = |day: &str| begin(Window::Today, at(day), "Europe/Berlin");
        assert_eq!(late("2026-03-29T21:59:00Z"), at("2026-03-28T23:00:00Z"), "23 hours");
        assert_eq!(late("2026-10-25T22:59:00Z"), at("2026-10-24T22:00:00Z"), "25 hours");
        // A day that begins at one o'clock.
        let cairo = begin(Window::Today, at("2026-04-24T10:00:00Z"), "Africa/Cairo");
        assert_eq!(cairo, at("2026-04-23T22:00:00Z"));
    }
}
