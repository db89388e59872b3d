//! Where intervals begin and end, in a zone. Those of a day are counted from its midnight; the last of
//! a day ends with it. Days have 23 to 25 hours.

use super::tally::FIVE_MS;
use crate::domain::presence::words;
use crate::domain::time::Millis;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};
use serde::{Deserialize, Serialize};

words!(
    /// How long the intervals are.
    Interval {
        /// Five minutes.
        Five => "5m",
        /// A quarter of an hour.
        Quarter => "15m",
        /// Half an hour.
        Half => "30m",
        /// An hour.
        Hour => "60m",
        /// A day of the zone.
        Day => "day",
        /// From Monday to Sunday.
        Week => "week",
        /// A month of the calendar.
        Month => "month",
    }
);

/// A zone by its name in the IANA database.
#[must_use]
pub fn zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

/// Reads an instant: RFC 3339, or a day (`2026-03-29`), which is its midnight in the zone.
#[must_use]
pub fn instant(text: &str, zone: &TimeZone) -> Option<Millis> {
    if let Ok(at) = Millis::parse_rfc3339(text) {
        return Some(at);
    }
    midnight(text.parse::<Date>().ok()?, zone)
}

/// The beginning of a day, at the whole five minutes before where a zone was once off by some seconds.
fn midnight(date: Date, zone: &TimeZone) -> Option<Millis> {
    // The day's first instant: noon is there in every zone.
    let noon = date.at(12, 0, 0, 0).to_zoned(zone.clone()).ok()?;
    let ms = noon.start_of_day().ok()?.timestamp().as_millisecond();
    Some(Millis(ms.div_euclid(FIVE_MS) * FIVE_MS))
}

fn zoned(at: Millis, zone: &TimeZone) -> Option<Zoned> {
    Some(Timestamp::from_millisecond(at.0).ok()?.to_zoned(zone.clone()))
}

impl Interval {
    fn step_ms(self) -> Option<i64> {
        match self {
            Interval::Five => Some(FIVE_MS),
            Interval::Quarter => Some(3 * FIVE_MS),
            Interval::Half => Some(6 * FIVE_MS),
            Interval::Hour => Some(12 * FIVE_MS),
            Interval::Day | Interval::Week | Interval::Month => None,
        }
    }

    /// The first day of the interval that a day is in.
    fn first(self, date: Date) -> Option<Date> {
        match self {
            Interval::Week => {
                let days = i64::from(date.weekday().since(Weekday::Monday));
                date.checked_sub(Span::new().days(days)).ok()
            }
            Interval::Month => Some(date.first_of_month()),
            _ => Some(date),
        }
    }

    fn next(self, first: Date) -> Option<Date> {
        let span = match self {
            Interval::Week => Span::new().days(7),
            Interval::Month => Span::new().months(1),
            _ => Span::new().days(1),
        };
        first.checked_add(span).ok()
    }

    /// The edges of the whole intervals that `from` until `until` lies in: each begins at one and ends
    /// at the next. `None` when they are more than `most`, or no instants at all.
    #[must_use]
    pub fn edges(
        self,
        (from, until): (Millis, Millis),
        zone: &TimeZone,
        most: usize,
    ) -> Option<Vec<Millis>> {
        let mut date = self.first(zoned(from, zone)?.date())?;
        let mut edges = Vec::new();
        loop {
            let begins = midnight(date, zone)?;
            if begins >= until && !edges.is_empty() {
                break;
            }
            date = self.next(date)?;
            match self.step_ms() {
                None => edges.push(begins),
                Some(step_ms) => {
                    let ends = midnight(date, zone)?;
                    let steps = (begins.0..ends.0).step_by(step_ms as usize);
                    // Of the first day what is over before, of the last what is later, is left out.
                    let within =
                        |at: &i64| at + step_ms > from.0 && (*at < until.0 || *at <= from.0);
                    edges.extend(steps.filter(within).map(Millis));
                    if edges.last().is_some_and(|last| last.0 + step_ms >= until.0) {
                        let last = edges.last().map_or(0, |last| last.0 + step_ms);
                        edges.push(Millis(last.min(ends.0)));
                        return (edges.len() <= most + 1).then_some(edges);
                    }
                }
            }
            if edges.len() > most {
                return None;
            }
        }
        edges.push(midnight(date, zone)?);
        Some(edges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Millis {
        Millis::parse_rfc3339(text).expect("an instant")
    }

    fn edges(interval: &str, name: &str, from: &str, until: &str) -> Vec<String> {
        let zone = zone(name).expect("a zone");
        let range = (instant(from, &zone).expect("from"), instant(until, &zone).expect("until"));
        let edges = Interval::parse(interval).expect("an interval").edges(range, &zone, 1_000);
        edges.expect("edges").iter().map(|at| at.rfc3339().replace(":00.000Z", "Z")).collect()
    }

    #[test]
    fn days_of_23_24_and_25_hours_begin_at_their_midnight() {
        let spring = edges("day", "Europe/Berlin", "2026-03-28", "2026-03-31");
        let hours =
            ["2026-03-27T23:00Z", "2026-03-28T23:00Z", "2026-03-29T22:00Z", "2026-03-30T22:00Z"];
        assert_eq!(spring, hours);
        let autumn = edges("day", "Europe/Berlin", "2026-10-25", "2026-10-26");
        assert_eq!(autumn, ["2026-10-24T22:00Z", "2026-10-25T23:00Z"]);
        // A day that begins at one o'clock.
        let cairo = edges("day", "Africa/Cairo", "2026-04-24", "2026-04-25");
        assert_eq!(cairo, ["2026-04-23T22:00Z", "2026-04-24T21:00Z"]);
        let hours = |day: &str, next: &str| edges("60m", "Europe/Berlin", day, next).len() - 1;
        assert_eq!(hours("2026-03-29", "2026-03-30"), 23);
        assert_eq!(hours("2026-10-25", "2026-10-26"), 25);
        assert_eq!(edges("5m", "Europe/Berlin", "2026-10-25", "2026-10-26").len(), 25 * 12 + 1);
    }

    #[test]
    fn weeks_begin_on_monday_and_months_on_their_first() {
        let weeks = edges("week", "UTC", "2026-11-22", "2026-11-24");
        assert_eq!(weeks, ["2026-11-16T00:00Z", "2026-11-23T00:00Z", "2026-11-30T00:00Z"]);
        let months = edges("month", "Asia/Kolkata", "2026-01-31", "2026-03-01");
        assert_eq!(months, ["2025-12-31T18:30Z", "2026-01-31T18:30Z", "2026-02-28T18:30Z"]);
    }

    #[test]
    fn intervals_are_whole_and_cover_what_is_asked_for() {
        let cut = edges("15m", "Asia/Kathmandu", "2026-11-22T10:07:00Z", "2026-11-22T10:31:00Z");
        assert_eq!(
            cut,
            ["2026-11-22T10:00Z", "2026-11-22T10:15Z", "2026-11-22T10:30Z", "2026-11-22T10:45Z"]
        );
        let hour = edges("60m", "Asia/Kathmandu", "2026-11-22T10:15:00Z", "2026-11-22T10:16:00Z");
        assert_eq!(hour, ["2026-11-22T10:15Z", "2026-11-22T11:15Z"], "midnight is at 18:15");
        let over = edges("60m", "UTC", "2026-11-22T23:30:00Z", "2026-11-23T01:00:00Z");
        assert_eq!(over, ["2026-11-22T23:00Z", "2026-11-23T00:00Z", "2026-11-23T01:00Z"]);
        let none = edges("day", "UTC", "2026-11-22", "2026-11-22");
        assert_eq!(none, ["2026-11-22T00:00Z", "2026-11-23T00:00Z"], "one at least");
        let zone = zone("UTC").expect("UTC");
        let year = (at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"));
        assert_eq!(Interval::Five.edges(year, &zone, 9_000), None);
        assert_eq!(Interval::Day.edges(year, &zone, 365).map(|edges| edges.len()), Some(366));
        assert_eq!(Interval::Day.edges(year, &zone, 364), None);
    }
}
