//! Scheduled reports: which period is due, the file, and where it goes.

use crate::domain::figures::is_of_intervals;
use crate::domain::ids::Name;
use crate::domain::input::Command;
use crate::domain::objects::report::{FileKind, Period, Report};
use crate::domain::time::Millis;
use crate::mail::Parcel;
use crate::node::handle::Handle;
use crate::node::history::Fresh;
use crate::node::hooks::{Hooks, Memory, Plan, ReportPlan, hear};
use crate::reporting::figures::Figure;
use crate::reporting::files::Writer;
use crate::reporting::history::Across;
use crate::reporting::history::intervals::{self, Interval};
use crate::reporting::history::read::{Look, Wish};
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::path::Path;

/// Periods that are made up for after an outage, at most.
const MAKE_UP: usize = 7;
/// Intervals of a report at most: a month of quarters of an hour.
const MOST_INTERVALS: usize = 2_980;
/// Intervals of all subjects that are read at once.
const AT_ONCE: usize = 50_000;
/// Larger files are not mailed, bytes.
const MOST_MAILED: usize = 20 << 20;

impl Hooks {
    /// Sends a report of each period that is due; answers when the next is.
    pub(super) async fn report(
        &self,
        handle: &Handle,
        account: &Name,
        plan: &Plan,
        of: &ReportPlan,
        memory: &mut Memory,
    ) -> Result<Option<Millis>, ()> {
        let zone = of.report.time_zone.as_deref().unwrap_or(&plan.time_zone);
        let zone = intervals::zone(zone).unwrap_or(TimeZone::UTC);
        let (due, next) = periods(&of.report, Millis(of.until), handle.now(), &zone);
        let left_out = due.len().saturating_sub(MAKE_UP);
        if left_out > 0 {
            tracing::warn!(%account, report = %of.id, left_out, "reports that were due long ago are not sent");
        }
        for period in due.into_iter().skip(left_out) {
            let bytes = file(handle, account, &of.report, period, &zone).await?;
            self.deliver(handle, (account, plan), of, period, bytes, memory).await?;
            let command = Command::ReportSent { report: of.id.clone(), until: period.1 };
            hear(handle, account, command).await?;
            memory.mailed.retain(|(report, ..)| *report != of.id);
        }
        Ok(next)
    }

    /// Into the folder, and to each user; who has it already has it once.
    async fn deliver(
        &self,
        handle: &Handle,
        (account, plan): (&Name, &Plan),
        of: &ReportPlan,
        (from, until): (Millis, Millis),
        bytes: Vec<u8>,
        memory: &mut Memory,
    ) -> Result<(), ()> {
        let zone = of.report.time_zone.as_deref().unwrap_or(&plan.time_zone);
        let day = day(from, zone);
        let file = format!("{account}-{}-{day}.{}", of.id, of.report.format);
        let mut is_whole = true;
        if let Some(folder) = &of.report.folder {
            match &self.folder {
                None => {
                    tracing::warn!(%account, report = %of.id, "a report cannot be put into a folder: reports.folder is not set");
                }
                Some(below) => {
                    let (below, bytes) = (below.join(folder), bytes.clone());
                    let named = file.clone();
                    let put = tokio::task::spawn_blocking(move || put(&below, &named, &bytes));
                    if let Err(error) = put.await.unwrap_or_else(|e| Err(std::io::Error::other(e)))
                    {
                        tracing::warn!(%account, report = %of.id, %error, "a report cannot be put into its folder");
                        is_whole = false;
                    }
                }
            }
        }
        if !of.users.is_empty() && (self.mail.is_none() || bytes.len() > MOST_MAILED) {
            let bytes = bytes.len();
            tracing::warn!(%account, report = %of.id, bytes, "a report is not mailed: no mail server is set up, or it is too large");
            return if is_whole { Ok(()) } else { Err(()) };
        }
        for user in &of.users {
            let (Some(mail), key) = (&self.mail, (of.id.clone(), until, user.id.clone())) else {
                continue;
            };
            if memory.mailed.contains(&key) {
                continue;
            }
            let parcel = Parcel {
                to: user.to.clone(),
                name: user.name.clone(),
                subject: format!("{}: {}, {day}", plan.name, of.report.name),
                text: format!(
                    "{} of {} from {day} on.\n\nIt was made at {}.\n",
                    of.report.name,
                    plan.name,
                    handle.now().rfc3339()
                ),
                file: file.clone(),
                kind: of.report.format.media_type(),
                bytes: bytes.clone(),
                id: format!("{account}.{}.{}.{}", of.id, until.0, user.id),
            };
            match mail.send_file(&parcel).await {
                Ok(()) => drop(memory.mailed.insert(key)),
                Err(failed) => {
                    let (code, last, why) = (failed.code, failed.last, failed.why);
                    tracing::warn!(%account, report = %of.id, code, last, why, "a report was not mailed");
                    // Who will not take it, ever, holds up nobody else.
                    is_whole &= last;
                }
            }
        }
        if is_whole { Ok(()) } else { Err(()) }
    }
}

/// The periods that ended since, and when the next is due: on the day behind it, at its time.
fn periods(
    report: &Report,
    since: Millis,
    now: Millis,
    zone: &TimeZone,
) -> (Vec<(Millis, Millis)>, Option<Millis>) {
    let interval = match report.every {
        Period::Day => Interval::Day,
        Period::Week => Interval::Week,
        Period::Month => Interval::Month,
    };
    let (mut due, mut from) = (Vec::new(), since);
    loop {
        let edges = interval.edges((from, from.plus(1)), zone, 4);
        let edges = edges.as_deref().and_then(|edges| Some((*edges.first()?, *edges.get(1)?)));
        let Some((begins, ends)) = edges else { return (due, None) };
        let due_at = at_minute(ends, report.minute(), zone);
        if now < due_at {
            return (due, Some(due_at));
        }
        due.push((begins, ends));
        from = ends;
    }
}

/// An instant of a day: by the clock on the wall, also where an hour is left out or repeated.
fn at_minute(midnight: Millis, minute: u16, zone: &TimeZone) -> Millis {
    let zoned = || {
        let day = jiff::Timestamp::from_millisecond(midnight.0).ok()?.to_zoned(zone.clone());
        let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
        let at = day.date().at(hour, minute, 0, 0).to_zoned(zone.clone()).ok()?;
        Some(Millis(at.timestamp().as_millisecond()))
    };
    zoned().unwrap_or(midnight).max(midnight)
}

fn day(at: Millis, zone: &str) -> String {
    let zone = intervals::zone(zone).unwrap_or(TimeZone::UTC);
    let day = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default().to_zoned(zone);
    day.date().to_string()
}

/// A whole file or none; the same name again is the same report.
fn put(below: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::create_dir_all(below)?;
    let part = below.join(format!("{name}.part"));
    std::fs::write(&part, bytes)?;
    std::fs::File::open(&part)?.sync_all()?;
    std::fs::rename(&part, below.join(name))
}

/// The file of a period: a row for each interval of each subject.
async fn file(
    handle: &Handle,
    account: &Name,
    report: &Report,
    period: (Millis, Millis),
    zone: &TimeZone,
) -> Result<Vec<u8>, ()> {
    let across = Across::parse(report.by.word()).unwrap_or(Across::Queue);
    let interval = Interval::parse(report.interval.word()).unwrap_or(Interval::Day);
    let Some(edges) = interval.edges(period, zone, MOST_INTERVALS) else { return Err(()) };
    let figures = figures(report, across);
    let threshold = report.threshold_s;
    // Others than the presets are gone through for: not where no figure is told of one.
    let thresholds = Vec::from_iter(figures.iter().any(|f| f.has_threshold()).then_some(threshold));
    let (mut writer, mut file) = match report.format {
        FileKind::Csv => (Writer::csv(), Vec::new()),
        FileKind::Xlsx => (Writer::xlsx().map_err(drop)?, Vec::new()),
    };
    let named = figures.iter().map(|figure| Value::from(figure.name));
    let head = ["id", "from", "to", "complete"].into_iter().map(Value::from);
    writer.row(&head.chain(named).collect::<Vec<_>>()).map_err(drop)?;
    let limit = (AT_ONCE / edges.len().max(1)).max(1);
    let (mut after, mut fresh) = (None, Fresh::Settled);
    loop {
        let thresholds = thresholds.clone();
        let wish = Wish { after, thresholds, ..Wish::all(across, limit, edges.clone()) };
        let (figures, shown) = (figures.clone(), account.clone());
        let look = move |look: &Look<'_>| {
            let told = look.sums(&wish, &|_| true)?;
            let mut rows = Vec::new();
            for (id, sums) in &told.items {
                let id = if across == Across::Account { &shown } else { id };
                let spans = wish.edges.iter().zip(wish.edges.iter().skip(1)).zip(sums);
                for ((from, to), sums) in spans {
                    let facts = sums.facts(threshold);
                    let mut row = vec![
                        json!(id),
                        json!(from.rfc3339()),
                        json!(to.rfc3339()),
                        json!(sums.complete),
                    ];
                    row.extend(figures.iter().map(|figure| figure.value(&facts)));
                    rows.push(row);
                }
            }
            let next = told.items.last().filter(|_| told.more).map(|(id, _)| id.to_string());
            Ok((rows, next))
        };
        let read = handle.history(account, fresh, look).await;
        let (rows, next) = read.map_err(|problem| {
            tracing::warn!(%account, %problem, "the history for a report cannot be read");
        })?;
        for row in &rows {
            writer.row(row).map_err(drop)?;
        }
        file.extend_from_slice(&writer.take());
        (after, fresh) = (next, Fresh::AsItIs);
        if after.is_none() {
            break;
        }
    }
    file.extend_from_slice(&writer.end().map_err(drop)?);
    Ok(file)
}

/// Those that are named, in the order of the definitions; else all.
fn figures(report: &Report, across: Across) -> Vec<&'static Figure> {
    let named = |figure: &&Figure| {
        report.figures.is_empty() || report.figures.iter().any(|name| *name == figure.name)
    };
    across.figures().filter(|figure| is_of_intervals(figure.name)).filter(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Millis {
        Millis::parse_rfc3339(text).expect("an instant")
    }

    fn told(body: Value, since: &str, now: &str) -> (Vec<String>, Option<String>) {
        let mut body = body;
        body["name"] = json!("R");
        body["folder"] = json!("r");
        let report = Report::parse(&body).expect("a report");
        let zone = intervals::zone("Europe/Berlin").expect("a zone");
        let (due, next) = periods(&report, at(since), at(now), &zone);
        let due = due.iter().map(|(from, _)| day(*from, "Europe/Berlin")).collect();
        (due, next.map(Millis::rfc3339))
    }

    #[test]
    fn a_period_is_due_on_the_day_behind_it_and_once() {
        let daily = json!({ "at": "07:00" });
        let (due, next) = told(daily.clone(), "2026-11-21T10:00:00Z", "2026-11-22T05:59:59Z");
        assert_eq!((due, next), (vec![], Some("2026-11-22T06:00:00.000Z".into())));
        let (due, next) = told(daily.clone(), "2026-11-21T10:00:00Z", "2026-11-22T06:00:00Z");
        assert_eq!(due, ["2026-11-21"]);
        assert_eq!(next.as_deref(), Some("2026-11-23T06:00:00.000Z"));
        // What was sent until midnight is not sent again.
        let (due, _) = told(daily, "2026-11-21T23:00:00Z", "2026-11-22T22:00:00Z");
        assert_eq!(due, Vec::<String>::new());
        let (due, next) =
            told(json!({ "every": "week" }), "2026-11-11T10:00:00Z", "2026-11-23T06:00:00Z");
        assert_eq!(due, ["2026-11-09", "2026-11-16"], "from Monday");
        assert_eq!(next.as_deref(), Some("2026-11-30T06:00:00.000Z"));
        let (due, next) =
            told(json!({ "every": "month" }), "2026-10-31T10:00:00Z", "2026-11-01T06:00:00Z");
        assert_eq!(due, ["2026-10-01"]);
        assert_eq!(next.as_deref(), Some("2026-12-01T06:00:00.000Z"));
    }

    #[test]
    fn an_hour_that_is_left_out_is_the_next_that_there_is() {
        let at_half = json!({ "at": "02:30" });
        let (_, next) = told(at_half, "2026-03-28T10:00:00Z", "2026-03-28T20:00:00Z");
        assert_eq!(next.as_deref(), Some("2026-03-29T01:30:00.000Z"), "half past three");
    }
}
