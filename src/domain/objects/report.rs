//! Scheduled reports: figures of the past as a file, by e-mail or into a folder.

use super::account::TIME_ZONE;
use crate::domain::fields::{Fields, ID, LABEL, Rule, USER_ID};
use crate::domain::figures::{By, Threshold, is_of_intervals, told_of};
use crate::domain::presence::words;
use crate::domain::problem::FieldError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Who is sent one report at most.
const MOST_USERS: usize = 100;
/// Figures that are named at most.
const MOST_FIGURES: usize = 100;

words!(
    /// How often, and over which time: that which is over.
    Period {
        /// The day before.
        Day => "day",
        /// The week before, from Monday.
        Week => "week",
        /// The month before.
        Month => "month",
    }
);

words!(
    /// How long a report's intervals are.
    Grain {
        /// A quarter of an hour.
        #[serde(rename = "15m")]
        Quarter => "15m",
        /// Half an hour.
        #[serde(rename = "30m")]
        Half => "30m",
        /// An hour.
        #[serde(rename = "60m")]
        Hour => "60m",
        /// A day.
        Day => "day",
    }
);

words!(
    /// What kind of file.
    FileKind {
        /// RFC 4180, UTF-8.
        Csv => "csv",
        /// A workbook of Excel since 2007.
        Xlsx => "xlsx",
    }
);

impl FileKind {
    /// Its media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            FileKind::Csv => "text/csv",
            FileKind::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }
}

/// A time of the day, `HH:MM`.
const TIME: Rule =
    Rule { must_be: "a time of the day, such as 07:00", holds: |text| minute_of(text).is_some() };

/// The minute of the day that `HH:MM` is.
fn minute_of(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |digits: &str, below: u16| {
        let plain = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| digits.parse::<u16>().ok()).flatten().filter(|number| *number < below)
    };
    Some(two(hours, 24)? * 60 + two(minutes, 60)?)
}

/// A report that is sent by itself; `PUT …/reports/{report}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Report {
    /// Shown to people, and the subject of the mail; 1–100 characters.
    pub name: String,
    /// day (default), week or month: how often, and over which time.
    pub every: Period,
    /// When, on the first day after it; default `07:00`.
    pub at: String,
    /// In which zone days begin; null (default) = the account's.
    pub time_zone: Option<String>,
    /// queue (default), group, agent, team or account.
    pub by: By,
    /// Threshold of service levels in seconds, 1 to 604,800; default 20.
    #[serde(default)]
    pub threshold_s: Threshold,
    /// How long its intervals are; default `day`.
    pub interval: Grain,
    /// These figures only; none (default): all of the history's.
    pub figures: Vec<String>,
    /// csv (default) or xlsx.
    pub format: FileKind,
    /// Users to whom it is mailed; none by default.
    pub users: Vec<String>,
    /// The folder below the node's `reports.folder` into which it is put; null (default) = none.
    pub folder: Option<String>,
    /// Whether it is sent; default true. What is over meanwhile is not made up for.
    pub enabled: bool,
}

impl Report {
    /// Reads a body; fields left out take their defaults.
    ///
    /// # Errors
    /// Every wrong field.
    pub fn parse(body: &Value) -> Result<Report, Vec<FieldError>> {
        let mut fields = Fields::of(body);
        let f = &mut fields;
        let report = Report {
            name: f.text("name", LABEL),
            every: f.word("every", Period::parse, Period::ALL, Period::Day),
            at: f.text_or("at", TIME, "07:00"),
            time_zone: f.text_or_null("time_zone", TIME_ZONE),
            by: f.word("by", By::parse, By::ALL, By::Queue),
            threshold_s: Threshold::read(f),
            interval: f.word("interval", Grain::parse, Grain::ALL, Grain::Day),
            figures: f.texts("figures", MOST_FIGURES, ID),
            format: f.word("format", FileKind::parse, FileKind::ALL, FileKind::Csv),
            users: f.texts("users", MOST_USERS, USER_ID),
            folder: f.text_or_null("folder", ID),
            enabled: f.flag("enabled", true),
        };
        report.check(f);
        fields.done(report)
    }

    fn check(&self, f: &mut Fields<'_>) {
        if self.users.is_empty() && self.folder.is_none() {
            f.missing("users", "who is mailed it, or give folder");
        }
        for name in &self.figures {
            match told_of(name) {
                None => {
                    let detail =
                        format!("there is no figure {name:?}; figures/definitions lists them");
                    f.wrong("figures", "unknown_reference", detail);
                }
                Some(of) if !of.contains(&self.by) => {
                    f.wrong("figures", "conflict", format!("{name} is not told of {}", self.by));
                }
                Some(_) if !is_of_intervals(name) => {
                    let detail = format!("{name} is not summed up of intervals: leave it out");
                    f.wrong("figures", "conflict", detail);
                }
                Some(_) => {}
            }
        }
    }

    /// The minute of the day at which it is sent.
    #[must_use]
    pub fn minute(&self) -> u16 {
        minute_of(&self.at).unwrap_or(7 * 60)
    }

    /// All fields, as the wire shows them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "every": self.every,
            "at": self.at,
            "time_zone": self.time_zone,
            "by": self.by,
            "threshold_s": self.threshold_s,
            "interval": self.interval,
            "figures": self.figures,
            "format": self.format,
            "users": self.users,
            "folder": self.folder,
            "enabled": self.enabled,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_that_no_interval_has_is_refused_rather_than_left_empty() {
        let of = |figure: &str| {
            Report::parse(&json!({ "name": "R", "folder": "r", "figures": [figure] }))
        };
        assert!(of("offered").is_ok());
        for figure in ["waiting", "offers_gini"] {
            let wrong = of(figure).expect_err(figure);
            assert_eq!(wrong.len(), 1);
            assert!(wrong[0].detail.contains(figure), "{wrong:?}");
        }
    }
}
