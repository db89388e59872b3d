//! What alert rules find, second by second: thresholds, how long a value must be wrong, and from where
//! on it is right again.

use super::Told;
use callboard::domain::event::{AlertEnd, Event};
use callboard::domain::figures::By;
use callboard::domain::ids::{AgentIx, AlertId};
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
fn a_service_level_has_the_threshold_of_its_rule() {
    let found = |seconds: u64| {
        let rule = json!({ "figure": "service_level", "threshold_s": seconds, "side": "below",
            "act": 0.8, "clear": 0.8 });
        let mut floor = Watchman::new(rule);
        floor.told.line("call c1 to v");
        assert_eq!(floor.to(8), []);
        floor.told.line("status ann ready");
        floor.told.line("answered c1 ann");
        floor.to(10)
    };
    // Answered after 8 s.
    assert_eq!(found(7), [(9, ACT, Some(0.0))]);
    assert_eq!(found(8), []);
    assert_eq!(found(604_800), []);
}

#[test]
fn a_break_that_takes_too_long_is_told_and_a_long_call_is_not() {
    let rule = json!({ "figure": "in_state_ms", "by": "agent", "ids": ["usr_ann"], "act": 10_000,
        "details": ["break"] });
    let mut floor = Watchman::new(rule);
    floor.told.line("status ann ready");
    floor.told.line("call c1 to v");
    floor.told.line("answered c1 ann");
    assert_eq!(floor.to(30), []);
    floor.told.line("ended c1 caller");
    floor.told.line("status ann on_break");
    assert_eq!(floor.to(45), [(40, ACT, Some(10_000.0))]);
    floor.told.line("status ann ready");
    assert_eq!(floor.to(50), [(46, None, Some(1_000.0))]);
}

#[test]
fn windows_of_agents_are_looked_at_once_in_five_seconds() {
    let rule = json!({ "figure": "offers", "by": "agent", "ids": ["usr_ann"], "act": 1 });
    let mut floor = Watchman::new(rule);
    floor.told.line("status ann ready");
    assert_eq!(floor.to(2), []);
    floor.told.line("call c1 to v");
    assert_eq!(floor.to(20), [(6, ACT, Some(1.0))]);
}

/// 20:10 to 20:40, with a break from 20:20 to 20:25; the story begins at 20:00.
const OFFICE: &str =
    r#"calendar office hours={"sat":["20:10-20:40"]} breaks={"sat":["20:20-20:25"]}"#;

#[test]
fn who_does_not_come_is_told_five_minutes_after_work_begins_though_nothing_happens() {
    let rule = json!({ "figure": "agents_out_of_adherence", "by": "agent", "ids": ["usr_ann"],
        "act": 1, "for_s": 300 });
    let mut floor = Watchman::new(rule);
    floor.told.line(OFFICE);
    assert_eq!(floor.to(1), [], "Ann works by no calendar");
    floor.told.line("agent ann schedule=office");
    let seq = floor.told.runner.system.engine().seq();
    assert_eq!(floor.to(1_000), [(900, ACT, Some(1.0))]);
    assert_eq!(floor.told.runner.system.engine().seq(), seq, "no event made it so");
    floor.told.line("status ann ready");
    assert_eq!(floor.to(1_100), [(1_001, None, Some(0.0))]);
    // She works through most of the break, and is on one after it: out from 20:20 on and from 20:25 on.
    assert_eq!(floor.to(1_490), []);
    floor.told.line("status ann on_break");
    assert_eq!(floor.to(1_800), [(1_800, ACT, Some(1.0))]);
    // At 20:40 it is over.
    assert_eq!(floor.to(2_500), [(2_400, None, Some(0.0))]);
}

#[test]
fn more_than_three_of_a_team_are_told_when_the_fourth_is_out() {
    let rule =
        json!({ "figure": "agents_out_of_adherence", "by": "team", "ids": ["north"], "act": 4 });
    let mut floor = Watchman::new(rule);
    floor.told.line(OFFICE);
    for (place, name) in (1..).zip(["bob", "cid", "dan", "eve", "fay"]) {
        floor.told.line(&format!("agent {name} schedule=office"));
        let (team, by) = ("north".into(), "owner".into());
        floor.event(Event::TeamJoined { team, agent: AgentIx(place), by });
    }
    floor.told.line("status bob ready");
    floor.told.line("status cid ready");
    assert_eq!(floor.to(1_100), [], "three are out from second 600 on");
    floor.told.line("status cid offline");
    assert_eq!(floor.to(1_199), [(1_101, ACT, Some(4.0))]);
    // In the break who is away is where they are to be, and Bob is not.
    assert_eq!(floor.to(1_300), [(1_200, None, Some(1.0))]);
    assert_eq!(floor.to(1_600), [(1_500, ACT, Some(4.0))]);
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
