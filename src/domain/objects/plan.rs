//! What a calendar plans for who works by it, and until when.

use super::calendar::{Calendar, in_week};
use crate::domain::time::Millis;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

/// What is planned for somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    /// To work.
    Work,
    /// To be on a break.
    Break,
}

/// So far ahead an edge is looked for, ms: who asks again then finds the next.
const AHEAD_MS: u64 = 48 * 3_600_000;
/// Days of a wall's clock in which that is, at most.
const DAYS_AHEAD: usize = 4;

impl Calendar {
    fn zone<'a>(&'a self, account_zone: &'a str) -> &'a str {
        self.time_zone.as_deref().unwrap_or(account_zone)
    }

    /// What is planned at an instant: work while it is open, breaks within; `None`: nothing.
    /// `account_zone`: for a calendar without a zone.
    #[must_use]
    pub fn plan(&self, at: Millis, account_zone: &str) -> Option<Plan> {
        self.is_open(at, account_zone).then(|| {
            match in_week(&self.breaks, at, self.zone(account_zone)) {
                true => Plan::Break,
                false => Plan::Work,
            }
        })
    }

    /// Until when that holds: up to the next edge, or for two days where there is none within.
    #[must_use]
    pub fn plan_until(&self, at: Millis, account_zone: &str) -> Millis {
        let (plan, until) = (self.plan(at, account_zone), at.plus(AHEAD_MS));
        let mut edges = self.clocks(at, account_zone);
        edges.retain(|edge| (at.0 + 1..until.0).contains(edge));
        edges.sort_unstable();
        let edge = edges.into_iter().find(|edge| self.plan(Millis(*edge), account_zone) != plan);
        edge.map_or(until, Millis)
    }

    /// Instants of the next days at which the plan may change: where a wall's clock shows an edge, and
    /// where it is put forward or back.
    fn clocks(&self, at: Millis, account_zone: &str) -> Vec<i64> {
        let zone = TimeZone::get(self.zone(account_zone)).unwrap_or(TimeZone::UTC);
        let Ok(from) = Timestamp::from_millisecond(at.0) else { return Vec::new() };
        let last = at.plus(AHEAD_MS).0;
        let changes = zone.following(from).map(|change| change.timestamp().as_millisecond());
        let mut found: Vec<i64> = changes.take_while(|change| *change <= last).collect();
        let first = from.to_zoned(zone.clone()).date();
        for date in first.series(1.day()).take(DAYS_AHEAD) {
            let midnight = DateTime::from_parts(date, Time::midnight());
            for minute in self.edges_on(date) {
                let Ok(clock) = midnight.checked_add(i64::from(minute).minutes()) else { continue };
                let offsets = match zone.to_ambiguous_timestamp(clock).offset() {
                    AmbiguousOffset::Unambiguous { offset } => [Some(offset), None],
                    // The clock shows it twice, or never.
                    AmbiguousOffset::Fold { before, after } => [Some(before), Some(after)],
                    AmbiguousOffset::Gap { .. } => [None, None],
                };
                let instants = offsets.into_iter().flatten();
                let instants = instants.filter_map(|offset| offset.to_timestamp(clock).ok());
                found.extend(instants.map(Timestamp::as_millisecond));
            }
        }
        found
    }

    /// Minutes of a day at which something begins or ends; its midnight is one, for another day's
    /// hours end there.
    fn edges_on(&self, date: Date) -> Vec<u16> {
        let spans = self.hours_on(date).iter().chain(self.breaks_on(date));
        spans.flat_map(|span| span.edges()).chain([0]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn at(text: &str) -> Millis {
        Millis::parse_rfc3339(text).expect("an instant")
    }

    fn calendar(body: &Value) -> Calendar {
        Calendar::parse(body).expect("a calendar")
    }

    /// Monday and Tuesday, with a break, and hours over midnight on the nights when clocks change.
    fn office() -> Calendar {
        calendar(&json!({ "name": "Office", "time_zone": "Europe/Berlin",
            "hours": { "mon": ["09:00-12:00", "13:00-17:00"], "tue": ["09:00-17:00"],
                "sat": ["22:00-24:00"], "sun": ["00:00-02:30", "02:45-04:00"] },
            "breaks": { "mon": ["10:00-10:15", "12:00-12:30"], "sun": ["02:00-02:15"] },
            "holidays": [{ "date": "2026-11-24", "hours": ["10:00-11:00"] }] }))
    }

    #[test]
    fn edges_are_told_with_what_is_planned_from_there_on() {
        let (office, mut now) = (office(), at("2026-11-22T12:00:00Z"));
        let mut found = Vec::new();
        while found.len() < 8 {
            now = office.plan_until(now, "UTC");
            found.push((now.rfc3339(), office.plan(now, "UTC")));
        }
        let expected = [
            ("2026-11-23T08:00:00.000Z", Some(Plan::Work)),
            ("2026-11-23T09:00:00.000Z", Some(Plan::Break)),
            ("2026-11-23T09:15:00.000Z", Some(Plan::Work)),
            // A break while it is closed is none.
            ("2026-11-23T11:00:00.000Z", None),
            ("2026-11-23T12:00:00.000Z", Some(Plan::Work)),
            ("2026-11-23T16:00:00.000Z", None),
            ("2026-11-24T09:00:00.000Z", Some(Plan::Work)),
            ("2026-11-24T10:00:00.000Z", None),
        ];
        let found: Vec<_> = found.iter().map(|(at, plan)| (at.as_str(), *plan)).collect();
        assert_eq!(found, expected);
        // Nothing is planned for days: it is looked again.
        let idle = at("2026-11-24T12:00:00Z");
        assert_eq!(office.plan_until(idle, "UTC"), at("2026-11-26T12:00:00Z"));
    }

    /// Minute by minute nothing else is found, over the nights on which clocks change, in zones of
    /// whole hours, half hours and quarters, and where it is midnight that does not come.
    #[test]
    fn edges_are_where_a_look_at_each_minute_finds_them() {
        let body = json!({ "name": "Shift",
            "hours": { "mon": ["00:00-24:00"], "wed": ["08:00-08:01"], "thu": ["23:00-24:00"],
                "fri": ["00:00-00:30", "01:30-12:00"], "sat": ["22:00-24:00"],
                "sun": ["00:00-02:30", "02:45-04:00"] },
            "breaks": { "mon": ["23:30-24:00"], "fri": ["00:15-02:00"], "sun": ["01:50-02:15"] } });
        let shift = calendar(&body);
        for (zone, from) in [
            ("Europe/Berlin", "2026-03-27T00:00:00Z"),
            ("Europe/Berlin", "2026-10-23T00:00:00Z"),
            ("America/New_York", "2026-10-30T00:00:00Z"),
            ("Africa/Cairo", "2026-04-22T00:00:00Z"),
            ("Africa/Cairo", "2026-10-28T00:00:00Z"),
            ("Australia/Lord_Howe", "2026-04-03T00:00:00Z"),
            ("Asia/Kathmandu", "2026-11-20T00:00:00Z"),
            ("Nowhere/AtAll", "2026-11-20T00:00:00Z"),
        ] {
            let (first, last) = (at(from), at(from).plus(5 * 86_400_000));
            let (mut edge, mut plan) = (shift.plan_until(first, zone), shift.plan(first, zone));
            let mut now = first;
            while now < last {
                if now == edge {
                    (edge, plan) = (shift.plan_until(now, zone), shift.plan(now, zone));
                }
                assert!(now < edge, "{zone}: an edge in the past");
                assert_eq!(shift.plan(now, zone), plan, "{zone}: {}", now.rfc3339());
                now = now.plus(60_000);
            }
        }
    }
}
