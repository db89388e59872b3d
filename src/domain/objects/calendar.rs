//! Calendars: when a house is open, by its own clock.

use super::account::TIME_ZONE;
use crate::domain::fields::{Fields, LABEL, Rule};
use crate::domain::presence::words;
use crate::domain::problem::FieldError;
use crate::domain::time::Millis;
use jiff::civil::{Date, Weekday};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt;

/// Spans of one day at most.
const SPANS: usize = 24;
/// Holidays at most: some ten years of them.
const HOLIDAYS: usize = 400;
const DAY_MINUTES: u16 = 24 * 60;

/// A time of the day within which it is open; on the wire `09:00-17:30`. The end is no longer open,
/// and may be `24:00`; what goes over midnight is two spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Span {
    /// Minutes from midnight.
    from: u16,
    /// Minutes from midnight, at most 1,440.
    to: u16,
}

impl Span {
    /// Reads `09:00-17:30`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Span> {
        let (from, to) = text.split_once('-')?;
        let span = Span { from: minutes(from)?, to: minutes(to)? };
        (span.from < span.to).then_some(span)
    }

    /// Where it begins and ends, in minutes from midnight.
    pub(super) fn edges(self) -> [u16; 2] {
        [self.from, self.to]
    }
}

/// Minutes from midnight of `HH:MM`, to 24:00.
fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |digits: &str| {
        let plain = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| digits.parse::<u16>().ok()).flatten()
    };
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    let all = hours * 60 + minutes;
    (minutes < 60 && all <= DAY_MINUTES).then_some(all)
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.from, self.to);
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

impl From<Span> for String {
    fn from(span: Span) -> String {
        span.to_string()
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Span, String> {
        Span::parse(&text).ok_or_else(|| format!("{text:?} is no span such as 09:00-17:30"))
    }
}

/// A day with hours of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Holiday {
    /// Such as 2026-12-25.
    pub date: String,
    /// Shown to people, 1–100 characters; null (default) = without a name.
    pub name: Option<String>,
    /// When it is open; none (default) = closed all day.
    #[schema(value_type = Vec<String>)]
    pub hours: Vec<Span>,
}

/// Hours by day of the week; a day left out is closed.
pub type Week = BTreeMap<Day, Vec<Span>>;

/// When it is open; `PUT …/calendars/{calendar}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Calendar {
    /// Shown to people; 1–100 characters.
    pub name: String,
    /// IANA time zone of its hours; null (default) = the account's.
    pub time_zone: Option<String>,
    /// By day of the week (`mon` … `sun`): spans such as `09:00-17:30`. A day left out is closed.
    #[schema(value_type = BTreeMap<String, Vec<String>>)]
    pub hours: Week,
    /// By date, in place of the day's hours; at most 400.
    pub holidays: Vec<Holiday>,
    /// By day of the week: when who works by it is to be on a break. It is open all the same; none
    /// by default.
    #[serde(default, skip_serializing_if = "Week::is_empty")]
    #[schema(value_type = BTreeMap<String, Vec<String>>)]
    pub breaks: Week,
}

words!(
    /// A day of the week.
    Day {
        /// Monday.
        Mon => "mon",
        /// Tuesday.
        Tue => "tue",
        /// Wednesday.
        Wed => "wed",
        /// Thursday.
        Thu => "thu",
        /// Friday.
        Fri => "fri",
        /// Saturday.
        Sat => "sat",
        /// Sunday.
        Sun => "sun",
    }
);

impl From<Weekday> for Day {
    fn from(day: Weekday) -> Day {
        match day {
            Weekday::Monday => Day::Mon,
            Weekday::Tuesday => Day::Tue,
            Weekday::Wednesday => Day::Wed,
            Weekday::Thursday => Day::Thu,
            Weekday::Friday => Day::Fri,
            Weekday::Saturday => Day::Sat,
            Weekday::Sunday => Day::Sun,
        }
    }
}

impl Calendar {
    /// Reads a body; fields left out take their defaults.
    ///
    /// # Errors
    /// Every wrong field.
    pub fn parse(body: &Value) -> Result<Calendar, Vec<FieldError>> {
        let mut fields = Fields::of(body);
        let f = &mut fields;
        let calendar = Calendar {
            name: f.text("name", LABEL),
            time_zone: f.text_or_null("time_zone", TIME_ZONE),
            hours: f.nested("hours", read_week).unwrap_or_default(),
            holidays: read_holidays(f),
            breaks: f.nested("breaks", read_week).unwrap_or_default(),
        };
        fields.done(calendar)
    }

    /// All fields, as the wire shows them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let shown = |day: &Holiday| json!({ "date": day.date, "name": day.name, "hours": texts(&day.hours) });
        let holidays: Vec<Value> = self.holidays.iter().map(shown).collect();
        json!({
            "name": self.name,
            "time_zone": self.time_zone,
            "hours": week_json(&self.hours),
            "holidays": holidays,
            "breaks": week_json(&self.breaks),
        })
    }

    /// Whether it is open at an instant, by the clock on its own wall: in the hour that daylight
    /// saving repeats it is open twice. `account_zone`: for a calendar without a zone.
    #[must_use]
    pub fn is_open(&self, at: Millis, account_zone: &str) -> bool {
        let Some(now) = local(at, self.time_zone.as_deref().unwrap_or(account_zone)) else {
            return false;
        };
        hold(self.hours_on(now.date()), &now)
    }

    /// When it is open on a day: a holiday's own hours, else those of its day of the week.
    pub(super) fn hours_on(&self, date: Date) -> &[Span] {
        if !self.holidays.is_empty() {
            let today = date.to_string();
            if let Ok(place) = self.holidays.binary_search_by(|day| day.date.cmp(&today)) {
                return &self.holidays[place].hours;
            }
        }
        self.hours.get(&Day::from(date.weekday())).map_or(&[], Vec::as_slice)
    }

    /// When who works by it is to be on a break on a day.
    pub(super) fn breaks_on(&self, date: Date) -> &[Span] {
        self.breaks.get(&Day::from(date.weekday())).map_or(&[], Vec::as_slice)
    }
}

/// The clock on a wall of a time zone.
fn local(at: Millis, zone: &str) -> Option<jiff::Zoned> {
    let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    Some(jiff::Timestamp::from_millisecond(at.0).ok()?.to_zoned(zone))
}

fn hold(spans: &[Span], now: &jiff::Zoned) -> bool {
    let minute = now.hour() as u16 * 60 + now.minute() as u16;
    spans.iter().any(|span| span.from <= minute && minute < span.to)
}

/// Whether a week's hours hold at an instant, by the clock of a time zone.
#[must_use]
pub fn in_week(week: &Week, at: Millis, zone: &str) -> bool {
    local(at, zone).is_some_and(|now| {
        week.get(&Day::from(now.weekday())).is_some_and(|spans| hold(spans, &now))
    })
}

fn texts(spans: &[Span]) -> Vec<String> {
    spans.iter().map(Span::to_string).collect()
}

/// A week, as the wire shows it.
#[must_use]
pub fn week_json(week: &Week) -> Value {
    let days = week.iter().map(|(day, spans)| (day.word().to_owned(), json!(texts(spans))));
    Value::Object(days.collect::<Map<String, Value>>())
}

pub(super) fn read_week(f: &mut Fields<'_>) -> Week {
    let mut week = BTreeMap::new();
    for day in Day::ALL {
        let spans = read_spans(f, day.word());
        if !spans.is_empty() {
            week.insert(*day, spans);
        }
    }
    week
}

const SPAN: Rule = Rule {
    must_be: "a span within a day such as 09:00-17:30, the end at most 24:00 (two spans where it goes \
              over midnight)",
    holds: |text| Span::parse(text).is_some(),
};

/// In order, none in another.
fn read_spans(f: &mut Fields<'_>, name: &'static str) -> Vec<Span> {
    let mut spans: Vec<Span> =
        f.texts(name, SPANS, SPAN).iter().filter_map(|text| Span::parse(text)).collect();
    spans.sort_unstable();
    if let Some(two) = spans.windows(2).find(|two| two[1].from < two[0].to) {
        let detail = format!("{} and {} overlap; make one of them", two[0], two[1]);
        f.wrong(name, "conflict", detail);
    }
    spans
}

const DATE: Rule = Rule {
    must_be: "a date such as 2026-12-25",
    holds: |text| text.parse::<Date>().is_ok_and(|date| date.to_string() == text),
};

/// By date, none twice.
fn read_holidays(f: &mut Fields<'_>) -> Vec<Holiday> {
    let mut holidays: Vec<Holiday> = Vec::new();
    for (at, item) in f.items("holidays", HOLIDAYS) {
        let holiday = f.part(item, at, |f| {
            let date = f.text("date", DATE);
            if holidays.iter().any(|other| other.date == date && !date.is_empty()) {
                f.wrong("date", "duplicate", format!("{date} stands here twice; leave one out"));
            }
            Holiday { date, name: f.text_or_null("name", LABEL), hours: read_spans(f, "hours") }
        });
        holidays.push(holiday);
    }
    holidays.sort_by(|a, b| a.date.cmp(&b.date));
    holidays
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Millis {
        Millis::parse_rfc3339(text).expect("is an instant")
    }

    fn office() -> Calendar {
        let body = json!({ "name": "Office", "time_zone": "Europe/Berlin",
            "hours": { "mon": ["13:00-17:30", "09:00-12:00"], "sun": ["00:00-24:00"] },
            "holidays": [{ "date": "2026-12-28" },
                { "date": "2026-12-21", "name": "Party", "hours": ["09:00-10:00"] }] });
        Calendar::parse(&body).expect("is right")
    }

    #[test]
    fn it_is_open_by_its_own_wall_clock() {
        let office = office();
        let cases = [
            ("2026-11-23T07:59:59Z", false), // Monday 08:59
            ("2026-11-23T08:00:00Z", true),
            ("2026-11-23T11:00:00Z", false), // noon is no longer open
            ("2026-11-23T16:29:59Z", true),
            ("2026-11-24T10:00:00Z", false), // Tuesday
            ("2026-07-06T07:00:00Z", true),  // in summer 09:00 is an hour earlier
            ("2026-12-21T08:30:00Z", true),  // a holiday's own hours
            ("2026-12-21T12:30:00Z", false),
            ("2026-12-28T08:30:00Z", false), // a holiday without any
        ];
        for (instant, open) in cases {
            assert_eq!(office.is_open(at(instant), "UTC"), open, "{instant}");
        }
    }

    #[test]
    fn days_of_23_and_25_hours_are_open_all_day() {
        let office = office();
        // Sundays on which the clock changes, from local midnight to local midnight.
        for (from, to, hours) in [
            ("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", 23),
            ("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", 25),
        ] {
            let (from, to) = (at(from), at(to));
            assert_eq!(to.since(from), hours * 3_600_000);
            let mut now = from;
            while now < to {
                assert!(office.is_open(now, "UTC"), "{now:?}");
                now = now.plus(60_000);
            }
            assert!(!office.is_open(Millis(from.0 - 1), "UTC"));
        }
        // The hour that comes twice is open twice, the one that does not come never.
        let body = json!({ "name": "Night", "hours": { "sun": ["02:00-03:00"] } });
        let night = Calendar::parse(&body).expect("is right");
        let open = |from: &str, minutes: u64| {
            let open = |m: &u64| night.is_open(at(from).plus(m * 60_000), "Europe/Berlin");
            (0..minutes).filter(open).count()
        };
        assert_eq!(open("2026-10-24T22:00:00Z", 25 * 60), 120);
        assert_eq!(open("2026-03-28T23:00:00Z", 23 * 60), 0);
    }

    #[test]
    fn what_cannot_be_is_told_by_its_field() {
        let body = json!({ "name": "Office", "time_zone": "Mars/Base",
            "hours": { "mon": ["9-17"], "tue": ["17:00-09:00"], "wed": ["09:00-12:00", "11:00-13:00"],
                "funday": [] },
            "holidays": [{ "date": "25.12." }, { "date": "2026-12-25", "hours": ["x"] },
                { "date": "2026-12-25" }] });
        let errors = Calendar::parse(&body).expect_err("is wrong");
        let mut at: Vec<_> = errors.iter().map(|e| format!("{} {}", e.pointer, e.code)).collect();
        at.sort_unstable();
        let wanted = [
            "/holidays/0/date malformed",
            "/holidays/1/hours/0 malformed",
            "/holidays/2/date duplicate",
            "/hours/funday unknown_field",
            "/hours/mon/0 malformed",
            "/hours/tue/0 malformed",
            "/hours/wed conflict",
            "/time_zone malformed",
        ];
        assert_eq!(at, wanted);
    }

    #[test]
    fn it_is_shown_as_it_is_read() {
        let office = office();
        assert_eq!(Calendar::parse(&office.to_json()), Ok(office.clone()));
        let stored = serde_json::to_string(&office).expect("is written");
        assert_eq!(serde_json::from_str::<Calendar>(&stored).expect("reads back"), office);
    }
}
