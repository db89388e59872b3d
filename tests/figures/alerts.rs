//! What alert rules find, second by second: thresholds, how long a value must be wrong, and from where
//! on it is right again.

use super::Told;
use callboard::domain::event::{AlertEnd, Event};
use callboard::domain::figures::By;
use callboard::domain::ids::AlertId;
use callboard::domain::objects::AlertRule;
use callboard::domain::objects::alert_rule::Severity;
use callboard::reporting::figures::Lookout;
use serde_json::{Value, json};

const FLOOR: &str = "switch s1\nagent ann\nqueue v\nqueue w\nmember v ann\nmember w ann";

/// A floor, and who looks at its figures each second.
struct Watchman {
    told: Told,
    lookout: Lookout,
    second: u64,
}

impl Watchman {
    fn new(rule: Value) -> Watchman {
        let mut told = Told::new();
        FLOOR.lines().for_each(|line| told.line(line));
        let mut watchman = Watchman { told, lookout: Lookout::default(), second: 0 };
        watchman.put(rule);
        watchman
    }

    fn event(&mut self, event: Event) {
        let (seq, at) = (self.told.figures.seq(), self.told.now());
        self.told.figures.apply(seq + 1, at, &[event]);
    }

    fn put(&mut self, rule: Value) {
        let mut body = json!({ "name": "Waiting", "figure": "waiting", "ids": ["v"] });
        callboard::domain::fields::merge(&mut body, &rule);
        let rule = Box::new(AlertRule::parse(&body).expect("a rule"));
        self.event(Event::AlertRulePut { id: "r".into(), by: "owner".into(), rule });
    }

    /// Goes on to a second, looks each second, and answers what was found when.
    fn to(&mut self, second: u64) -> Vec<(u64, Option<Severity>, Option<f64>)> {
        let mut found = Vec::new();
        while self.second < second {
            self.second += 1;
            self.told.line(&format!("at {}s", self.second));
            let now = self.told.now();
            for report in self.lookout.look(&self.told.figures, &"acme".into(), now) {
                found.push((self.second, report.severity, report.value));
                self.decide(&report.subject, report.severity);
            }
        }
        found
    }

    /// What the engine makes of a report.
    fn decide(&mut self, subject: &str, severity: Option<Severity>) {
        let event = match severity {
            Some(severity) => Event::AlertRaised {
                alert: AlertId(1),
                rule: "r".into(),
                name: "Waiting".into(),
                figure: "waiting".into(),
                of: By::Queue,
                subject: subject.into(),
                severity,
                value: 0.0,
            },
            None => {
                Event::AlertResolved { alert: AlertId(1), value: None, cause: AlertEnd::Cleared }
            }
        };
        self.event(event);
    }
}

const WATCH: Option<Severity> = Some(Severity::Watch);
const ACT: Option<Severity> = Some(Severity::Act);

#[test]
fn a_value_is_told_when_it_is_wrong_worse_milder_and_right_again() {
    let mut floor = Watchman::new(json!({ "watch": 2, "act": 3, "clear": 2 }));
    assert_eq!(floor.to(2), []);
    floor.told.line("call c1 to v");
    floor.told.line("call c2 to v");
    assert_eq!(floor.to(4), [(3, WATCH, Some(2.0))]);
    floor.told.line("call c3 to v");
    assert_eq!(floor.to(6), [(5, ACT, Some(3.0))]);
    floor.told.line("abandoned c1");
    assert_eq!(floor.to(8), [(7, WATCH, Some(2.0))]);
    floor.told.line("abandoned c2");
    assert_eq!(floor.to(10), [(9, None, Some(1.0))]);
}

#[test]
fn a_value_must_be_wrong_for_so_long_without_a_break() {
    let mut floor = Watchman::new(json!({ "act": 1, "for_s": 5 }));
    floor.told.line("call c1 to v");
    assert_eq!(floor.to(5), []);
    floor.told.line("abandoned c1");
    assert_eq!(floor.to(6), []);
    floor.told.line("call c2 to v");
    // Wrong since the look of second 7.
    assert_eq!(floor.to(20), [(12, ACT, Some(1.0))]);
    floor.told.line("abandoned c2");
    assert_eq!(floor.to(21), [(21, None, Some(0.0))], "what is right is told at once");
}

#[test]
fn a_wait_grows_without_an_event_and_is_told_all_the_same() {
    let mut floor = Watchman::new(json!({ "figure": "longest_wait_now_ms", "act": 4_000 }));
    floor.told.line("call c1 to v");
    assert_eq!(floor.to(9), [(4, ACT, Some(4_000.0))]);
}

#[test]
fn whose_figure_is_gone_has_no_alert_any_more() {
    let mut floor = Watchman::new(json!({ "act": 1 }));
    floor.told.line("call c1 to v");
    assert_eq!(floor.to(1), [(1, ACT, Some(1.0))]);
    // The rule looks elsewhere now. (The engine has resolved it then; this is the second net.)
    floor.put(json!({ "act": 1, "ids": ["w"] }));
    assert_eq!(floor.to(2), [(2, None, None)]);
    floor.put(json!({ "act": 0, "enabled": false }));
    assert_eq!(floor.to(3), []);
    assert_eq!(floor.lookout.due_at(&floor.told.figures), None);
}
