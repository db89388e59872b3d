//! Alerts, hooks and reports, as the journal has them.

use callboard::domain::event::{AlertEnd, Event};
use callboard::domain::figures::By;
use callboard::domain::ids::AlertId;
use callboard::domain::objects::alert_rule::Severity;
use callboard::domain::objects::{AlertRule, Hook, Report};
use callboard::domain::time::Millis;
use serde_json::json;

/// One of each.
pub fn alerts() -> Vec<Event> {
    let by = || "owner".into();
    let rule = json!({ "name": "Waiting", "figure": "waiting", "ids": ["support"], "watch": 8,
        "act": 15.5, "clear": 5, "for_s": 10 });
    let hook = json!({ "name": "Planning", "events": ["interval.closed", "alert.raised"],
        "webhook": { "url": "https://plan.test/told", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" } });
    let report = json!({ "name": "Daily", "users": ["usr_ann"], "folder": "daily",
        "figures": ["offered", "aht_ms"] });
    let alert = AlertId(0x19a_8f00_0001);
    vec![
        Event::AlertRulePut {
            id: "waiting".into(),
            by: by(),
            rule: Box::new(AlertRule::parse(&rule).expect("a rule")),
        },
        Event::AlertRuleDeleted { id: "waiting".into(), by: by() },
        Event::HookPut {
            id: "planning".into(),
            by: by(),
            hook: Box::new(Hook::parse(&hook).expect("a hook")),
        },
        Event::HookTold { hook: "planning".into(), notices: 7, closed_until: None },
        Event::HookTold {
            hook: "planning".into(),
            notices: 0,
            closed_until: Some(Millis(1_795_291_200_000)),
        },
        Event::HookDeleted { id: "planning".into(), by: by() },
        Event::ReportPut {
            id: "daily".into(),
            by: by(),
            report: Box::new(Report::parse(&report).expect("a report")),
        },
        Event::ReportSent { report: "daily".into(), until: Millis(1_795_291_200_000) },
        Event::ReportDeleted { id: "daily".into(), by: by() },
        Event::AlertRaised {
            alert,
            rule: "waiting".into(),
            name: "Waiting".into(),
            figure: "waiting".into(),
            of: By::Queue,
            subject: "support".into(),
            severity: Severity::Watch,
            value: 8.0,
        },
        Event::AlertChanged { alert, severity: Severity::Act, value: 15.5 },
        Event::AlertAcknowledged { alert, by: by() },
        Event::AlertResolved { alert, value: Some(4.0), cause: AlertEnd::Cleared },
    ]
}

#[test]
fn hooks_and_reports_of_before_thresholds_had_the_one_of_20_s() {
    let hook = r#"{"hook_put":{"id":"planning","by":"owner","hook":{"name":"Planning","webhook":{"url":"https://plan.test/told","authorization":null,"secret":null},"events":["interval.closed"],"interval":"15m","by":"queue","enabled":true}}}"#;
    let report = r#"{"report_put":{"id":"daily","by":"owner","report":{"name":"Daily","every":"day","at":"07:00","time_zone":null,"by":"queue","interval":"day","figures":[],"format":"csv","users":["usr_ann"],"folder":null,"enabled":true}}}"#;
    for (line, of) in [(hook, "hook"), (report, "report")] {
        let event: Event = serde_json::from_str(line).expect("it is read");
        let now = serde_json::to_value(&event).expect("it is written");
        assert_eq!(now[format!("{of}_put")][of]["threshold_s"], 20, "{now}");
    }
}
