//! Adherence: how much of the time for which an agent was planned went as it was planned.
//!
//! Planned is what the user's calendar (`schedule`) says: to work in its hours, to be on a break in its
//! breaks. It is worked out when it is asked for, from the calendar as it is then; the figure `adherence`
//! is summed up from calendars as they were (`figures/schedules.rs`).

use super::Error;
use super::read::Look;
use crate::domain::objects::{Calendar, Plan};
use crate::domain::time::Millis;
use crate::reporting::figures::is_productive;

const MINUTE_MS: i64 = 60_000;

/// Stretches of time, in their order, none touching another.
type Stretches = Vec<(i64, i64)>;

/// What a calendar plans within a range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Planned {
    /// To work.
    work: Stretches,
    /// To be on a break.
    pause: Stretches,
}

/// What came of a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Adhered {
    /// Time that was planned, as far as it is over, ms.
    pub scheduled_ms: i64,
    /// Of it, time that went as planned, ms.
    pub adherent_ms: i64,
}

impl Adhered {
    /// Adherent time ÷ scheduled time; `None`: nothing was planned.
    #[must_use]
    pub fn share(self) -> Option<f64> {
        let share = |part: i64, whole: i64| ((part * 10_000 + whole / 2) / whole) as f64 / 10_000.0;
        (self.scheduled_ms > 0).then(|| share(self.adherent_ms, self.scheduled_ms))
    }
}

impl Planned {
    /// Minute by minute, by the calendar's own clock: days of 23 and 25 hours are as long as they are.
    #[must_use]
    pub fn of(calendar: &Calendar, (from, until): (Millis, Millis), account_zone: &str) -> Planned {
        let mut planned = Planned::default();
        let mut at = from.0.div_euclid(MINUTE_MS) * MINUTE_MS;
        while at < until.0 {
            if let Some(plan) = calendar.plan(Millis(at), account_zone) {
                let into = match plan {
                    Plan::Work => &mut planned.work,
                    Plan::Break => &mut planned.pause,
                };
                match into.last_mut().filter(|(_, end)| *end == at) {
                    Some((_, end)) => *end = at + MINUTE_MS,
                    None => into.push((at, at + MINUTE_MS)),
                }
            }
            at += MINUTE_MS;
        }
        planned
    }

    /// What came of it within a range. `worked`: when the agent did, in order.
    #[must_use]
    pub fn adhered(&self, worked: &[(i64, i64)], range: (i64, i64)) -> Adhered {
        let work = within(&self.work, range);
        let pause = within(&self.pause, range);
        let length = |all: &[(i64, i64)]| all.iter().map(|(from, to)| to - from).sum::<i64>();
        let scheduled_ms = length(&work) + length(&pause);
        let adherent_ms = overlap(&work, worked) + length(&pause) - overlap(&pause, worked);
        Adhered { scheduled_ms, adherent_ms }
    }
}

fn within(all: &[(i64, i64)], (from, until): (i64, i64)) -> Stretches {
    let cut = all.iter().map(|(begins, ends)| ((*begins).max(from), (*ends).min(until)));
    cut.filter(|(begins, ends)| begins < ends).collect()
}

/// Time that is in both.
fn overlap(one: &[(i64, i64)], other: &[(i64, i64)]) -> i64 {
    let (mut at, mut sum) = (0, 0);
    for (from, to) in one {
        while other.get(at).is_some_and(|(_, end)| end <= from) {
            at += 1;
        }
        let rest = other[at.min(other.len())..].iter().take_while(|(begin, _)| begin < to);
        sum += rest.map(|(begin, end)| end.min(to) - begin.max(from)).sum::<i64>();
    }
    sum
}

impl Look<'_> {
    /// What an agent made of what was planned, by the intervals of `edges`; nothing of what is not over.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn adhered(
        &self,
        agent: &str,
        planned: &Planned,
        edges: &[Millis],
    ) -> Result<Vec<Adhered>, Error> {
        let (Some(first), Some(last)) = (edges.first(), edges.last()) else {
            return Ok(Vec::new());
        };
        let mut worked = Stretches::new();
        if let Some(agent) = self.subject("agent", agent)? {
            let spans = self.spans(agent, (first.0, last.0), usize::MAX)?;
            let spans = spans.iter().filter(|span| is_productive(span.state.detail));
            worked.extend(spans.map(|span| (span.began_at, span.ended_at)));
        }
        // What is later than the last record is not known yet.
        let known = self.position().at;
        let days = edges.iter().zip(edges.iter().skip(1));
        Ok(days.map(|(from, to)| planned.adhered(&worked, (from.0, to.0.min(known)))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const HOUR: i64 = 60 * MINUTE_MS;

    /// Monday, 9 to 12 and 13 to 17, with a break from 10 to 10:15.
    fn office() -> Calendar {
        let body = json!({ "name": "Office", "hours": { "mon": ["09:00-12:00", "13:00-17:00"] },
            "breaks": { "mon": ["10:00-10:15"] } });
        Calendar::parse(&body).expect("a calendar")
    }

    #[test]
    fn work_and_breaks_count_where_they_were_planned() {
        let monday = Millis::parse_rfc3339("2026-11-23T00:00:00Z").expect("an instant");
        let planned = Planned::of(&office(), (monday, monday.plus(86_400_000)), "UTC");
        assert_eq!((planned.work.len(), planned.pause.len()), (3, 1));
        let hour = |hours: i64, minutes: i64| monday.0 + hours * HOUR + minutes * MINUTE_MS;
        let day = (monday.0, monday.0 + 24 * HOUR);
        let told = |worked: &[(i64, i64)], day| {
            let Adhered { scheduled_ms, adherent_ms } = planned.adhered(worked, day);
            (scheduled_ms / MINUTE_MS, adherent_ms / MINUTE_MS)
        };
        // To the letter.
        let right =
            [(hour(9, 0), hour(10, 0)), (hour(10, 15), hour(12, 0)), (hour(13, 0), hour(17, 0))];
        assert_eq!(told(&right, day), (420, 420));
        // 10 minutes late, through the break and lunch, home an hour early.
        assert_eq!(told(&[(hour(9, 10), hour(16, 0))], day), (420, 420 - 10 - 15 - 60));
        // Nobody came: the break went as planned.
        assert_eq!(told(&[], day), (420, 15));
        // Until noon alone, and nothing that is not over.
        assert_eq!(told(&right, (day.0, hour(11, 0))), (120, 120));
        assert_eq!(told(&right, (hour(18, 0), day.1)), (0, 0));
        assert_eq!(Adhered { scheduled_ms: 0, adherent_ms: 0 }.share(), None);
        assert_eq!(Adhered { scheduled_ms: 3, adherent_ms: 2 }.share(), Some(0.6667));
    }
}
