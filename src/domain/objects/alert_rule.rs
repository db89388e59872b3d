//! Alert rules: which figure is looked at, of whom, and from where on somebody is to be told.

use crate::domain::fields::{Fields, ID, LABEL, Rule};
use crate::domain::figures::{By, Threshold, Window, told_of};
use crate::domain::presence::{Detail, words};
use crate::domain::problem::FieldError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Subjects that a rule names at most.
const MOST_IDS: usize = 1_000;
/// The longest time that a value may have to hold, in seconds: a day.
const LONGEST_S: u64 = 86_400;
/// Values are within this; larger ones are no figure's.
const MOST: f64 = 1e12;

words!(
    /// On which side of a threshold a value is wrong.
    Side {
        /// At the threshold and above.
        Above => "above",
        /// At the threshold and below.
        Below => "below",
    }
);

words!(
    /// How bad it is.
    Severity {
        /// Attention.
        Watch => "watch",
        /// Act now.
        Act => "act",
    }
);

/// When an alert is raised; `PUT …/alert_rules/{alert_rule}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AlertRule {
    /// Shown to people; 1–100 characters.
    pub name: String,
    /// A figure by its name, as `GET …/figures/definitions` lists them.
    pub figure: String,
    /// By what it is told apart; default `queue`. Each subject has an alert of its own.
    pub by: By,
    /// Of these only; none (default): of each.
    pub ids: Vec<String>,
    /// By `agent`: only while the agent does one of these; none (default): whatever is done.
    pub details: Vec<Detail>,
    /// Over which window, where the figure has one; default `15m`.
    pub window: Window,
    /// Threshold of service levels in seconds, 1 to 604,800; default 20.
    pub threshold_s: Threshold,
    /// On which side of `watch` and `act` it is wrong; default `above`.
    pub side: Side,
    /// From here on it needs attention, in the figure's unit; null (default): nowhere.
    pub watch: Option<f64>,
    /// From here on somebody must act; null (default): nowhere. One of both is needed.
    pub act: Option<f64>,
    /// Beyond this an alert is over; null (default): beyond the milder of the two.
    pub clear: Option<f64>,
    /// How long a value must be wrong before it is told, in seconds, 0–86,400; default 0.
    pub for_s: u64,
    /// Whether it is looked at; default true.
    pub enabled: bool,
}

impl AlertRule {
    /// Reads a body; fields left out take their defaults.
    ///
    /// # Errors
    /// Every wrong field.
    pub fn parse(body: &Value) -> Result<AlertRule, Vec<FieldError>> {
        let mut fields = Fields::of(body);
        let f = &mut fields;
        let rule = AlertRule {
            name: f.text("name", LABEL),
            figure: f.text("figure", ID),
            by: f.word("by", By::parse, By::ALL, By::Queue),
            ids: f.texts("ids", MOST_IDS, ID),
            details: details(f),
            window: f.word("window", Window::parse, Window::ALL, Window::Quarter),
            threshold_s: Threshold::read(f),
            side: f.word("side", Side::parse, Side::ALL, Side::Above),
            watch: number(f, "watch"),
            act: number(f, "act"),
            clear: number(f, "clear"),
            for_s: f.int("for_s", 0..=LONGEST_S, 0),
            enabled: f.flag("enabled", true),
        };
        rule.check(f);
        fields.done(rule)
    }

    fn check(&self, f: &mut Fields<'_>) {
        match told_of(&self.figure) {
            None if self.figure.is_empty() => {}
            None => {
                let detail =
                    format!("there is no figure {:?}; figures/definitions lists them", self.figure);
                f.wrong("figure", "unknown_reference", detail);
            }
            Some(of) if !of.contains(&self.by) => {
                let known: Vec<&str> = of.iter().map(|by| by.word()).collect();
                let detail = format!("{} is told of {}", self.figure, known.join(", "));
                f.wrong("by", "conflict", detail);
            }
            Some(_) => {}
        }
        if !self.details.is_empty() && self.by != By::Agent {
            f.wrong("details", "conflict", "only agents do something; say it with by: agent");
        }
        match (self.watch, self.act) {
            (None, None) => f.missing("act", "a number, or give watch"),
            (Some(watch), Some(act)) if self.is_milder(act, watch) => {
                f.wrong("watch", "conflict", "act must lie beyond watch");
            }
            _ => {}
        }
        let mildest = self.watch.or(self.act);
        if let (Some(clear), Some(mildest)) = (self.clear, mildest)
            && self.is_milder(mildest, clear)
        {
            f.wrong("clear", "conflict", "clear must not lie beyond watch, or act without watch");
        }
    }

    /// Whether `a` lies on the right side of `b`.
    fn is_milder(&self, a: f64, b: f64) -> bool {
        match self.side {
            Side::Above => a < b,
            Side::Below => a > b,
        }
    }

    /// What a value is; `None`: right. `had`: what it was told to be until now, from which it recovers
    /// beyond `clear` only.
    #[must_use]
    pub fn judge(&self, value: f64, had: Option<Severity>) -> Option<Severity> {
        let reaches = |at: Option<f64>| at.is_some_and(|at| !self.is_milder(value, at));
        if reaches(self.act) {
            return Some(Severity::Act);
        }
        if reaches(self.watch) {
            return Some(Severity::Watch);
        }
        // Within the gap between raising and clearing an alert stays as mild as it can be.
        let mild = if self.watch.is_some() { Severity::Watch } else { Severity::Act };
        had.filter(|_| reaches(self.clear)).map(|_| mild)
    }

    /// All fields, as the wire shows them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "figure": self.figure,
            "by": self.by,
            "ids": self.ids,
            "details": self.details,
            "window": self.window,
            "threshold_s": self.threshold_s,
            "side": self.side,
            "watch": self.watch,
            "act": self.act,
            "clear": self.clear,
            "for_s": self.for_s,
            "enabled": self.enabled,
        })
    }
}

fn details(f: &mut Fields<'_>) -> Vec<Detail> {
    const DETAIL: Rule = Rule {
        must_be: "a detail such as break or wrap_up",
        holds: |text| Detail::parse(text).is_some(),
    };
    let words = f.texts("details", Detail::ALL.len(), DETAIL);
    words.iter().filter_map(|word| Detail::parse(word)).collect()
}

fn number(f: &mut Fields<'_>, name: &'static str) -> Option<f64> {
    let value = f.raw(name).filter(|value| !value.is_null())?;
    let number = value.as_f64().filter(|number| number.abs() <= MOST);
    if number.is_none() {
        let detail = "must be a number from -1e12 to 1e12 in the figure's unit, or null";
        f.wrong(name, "out_of_range", detail);
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(body: Value) -> AlertRule {
        let mut whole = json!({ "name": "Waiting", "figure": "waiting" });
        crate::domain::fields::merge(&mut whole, &body);
        AlertRule::parse(&whole).expect("a rule")
    }

    #[test]
    fn a_value_is_judged_by_both_thresholds_and_recovers_beyond_clear() {
        let above = rule(json!({ "watch": 8, "act": 15, "clear": 5 }));
        let judged = |value: i32, had| above.judge(f64::from(value), had);
        assert_eq!(judged(7, None), None);
        assert_eq!(judged(8, None), Some(Severity::Watch));
        assert_eq!(judged(15, None), Some(Severity::Act));
        assert_eq!(judged(14, Some(Severity::Act)), Some(Severity::Watch));
        assert_eq!(judged(5, Some(Severity::Act)), Some(Severity::Watch));
        assert_eq!(judged(4, Some(Severity::Watch)), None);
        let below =
            rule(json!({ "figure": "service_level", "side": "below", "act": 0.8, "clear": 0.85 }));
        assert_eq!(below.judge(0.81, None), None);
        assert_eq!(below.judge(0.8, None), Some(Severity::Act));
        assert_eq!(below.judge(0.82, Some(Severity::Act)), Some(Severity::Act));
        assert_eq!(below.judge(0.86, Some(Severity::Act)), None);
        let plain = rule(json!({ "act": 1 }));
        assert_eq!(plain.judge(0.0, Some(Severity::Act)), None);
    }

    #[test]
    fn every_wrong_field_is_told() {
        let wrong = |body: Value| {
            let errors = AlertRule::parse(&body).expect_err("wrong");
            errors.into_iter().map(|error| error.pointer.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(wrong(json!({})), ["/name", "/figure", "/act"]);
        let names = json!({ "name": "x", "figure": "occupancy", "by": "queue", "act": 1 });
        assert_eq!(wrong(names), ["/by"]);
        let all = json!({ "name": "x", "figure": "sunshine", "watch": "much", "act": 3, "clear": 4,
            "threshold_s": 604_801, "for_s": -1 });
        assert_eq!(wrong(all), ["/threshold_s", "/watch", "/for_s", "/figure", "/clear"]);
        assert_eq!(
            wrong(json!({ "name": "x", "figure": "waiting", "watch": 5, "act": 4 })),
            ["/watch"]
        );
    }
}
