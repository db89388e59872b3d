//! Traces whose history was worked out by hand: calls over an interval's edge, midnight, days of 23 and
//! 25 hours, and what a call counts for besides its queue.

use super::kept::{Kept, wish};
use callboard::domain::time::Millis;
use callboard::reporting::figures::Threshold;
use callboard::reporting::history::Across;
use callboard::reporting::history::intervals::{self, Interval};
use callboard::reporting::history::lists::CallWish;
use callboard::sim::scenario::START;
use serde_json::json;

const FLOOR: &str = "switch s1\nskill tech\nagent ann skills.tech=50\nagent bob\n\
                     queue v strategy=longest_idle wrap_up.ms=10000\nmember v ann\nmember v bob\n";

fn at(text: &str) -> Millis {
    Millis::parse_rfc3339(text).expect("an instant")
}

/// A story that begins at an instant, written.
fn told(begins: &str, story: &str) -> Kept {
    let mut kept = Kept::later(at(begins).0 - START.0);
    FLOOR.lines().chain(story.lines()).for_each(|line| kept.line(line));
    kept.write();
    kept
}

/// Each line of `expected` is `by id figure value value …`, one for each interval.
fn golden(kept: &Kept, (interval, zone): (&str, &str), range: (&str, &str), expected: &str) {
    let zone = intervals::zone(zone).expect("a zone");
    let instant = |text| intervals::instant(text, &zone).expect("an instant");
    let interval = Interval::parse(interval).expect("an interval");
    let edges = interval.edges((instant(range.0), instant(range.1)), &zone, 10_000).expect("edges");
    let (look, place) = (kept.look(), Threshold::DEFAULT);
    let mut wrong = Vec::new();
    for line in expected.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [by, id, name, values @ ..] = &words[..] else { panic!("{line}") };
        let across = Across::parse(by).expect("by what");
        let figure = across.figures().find(|figure| figure.name == *name);
        let told = look.sums(&wish(across, Some(id), edges.clone()), &|_| true).expect("sums");
        let (_, sums) = told.items.first().unwrap_or_else(|| panic!("{line}: nobody"));
        let found: Vec<String> = sums
            .iter()
            .map(|sum| match figure {
                Some(figure) => figure.value(&sum.facts(place)).to_string(),
                None if *name == "complete" => sum.complete.to_string(),
                None => panic!("{line}: no such figure"),
            })
            .collect();
        if found != *values {
            wrong.push(format!("{line}: found {}", found.join(" ")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_call_over_edges_counts_where_it_entered_rang_and_ended() {
    let story = "status ann ready
        at 298s
        call c1 to v
        at 302s
        ringing c1 ann
        at 304s
        answered c1 ann
        at 620s
        status bob ready";
    let range = ("2026-11-22T08:00:00Z", "2026-11-22T08:15:00Z");
    // It is on the line still: the interval of its entry may yet be restated.
    golden(
        &told("2026-11-22T08:00:00Z", story),
        ("5m", "UTC"),
        range,
        "queue v offered 1 0 0
         queue v answered 1 0 0
         queue v asa_ms 6000 null null
         queue v handled 0 0 0
         queue v complete false false false
         agent usr_ann time_ringing_ms 2000 4000 0
         agent usr_ann time_talking_ms 0 296000 20000
         agent usr_ann ready_ms 300000 300000 20000",
    );
    let story = format!("{story}\nended c1 caller\nat 905s\nstatus bob online");
    golden(
        &told("2026-11-22T08:00:00Z", &story),
        ("5m", "UTC"),
        range,
        "queue v offered 1 0 0
         queue v answered 1 0 0
         queue v handled 0 0 1
         queue v talk_ms 0 0 316000
         queue v wrap_up_ms 0 0 10000
         queue v complete true true true
         agent usr_ann offers 1 0 0
         agent usr_ann accepted 1 0 0
         agent usr_ann time_talking_ms 0 296000 20000
         agent usr_ann time_wrap_up_ms 0 0 10000
         agent usr_ann logged_in_ms 300000 300000 300000
         account account handled 0 0 1
         media voice offered 1 0 0",
    );
}

#[test]
fn a_call_over_midnight_is_offered_the_day_before_and_handled_the_day_after() {
    let story = "status ann ready
        at 290s
        call c1 to v
        answered c1 ann
        at 330s
        ended c1 caller
        at 400s
        status bob ready";
    // Five minutes before midnight in New York.
    golden(
        &told("2026-11-23T04:55:00Z", story),
        ("day", "America/New_York"),
        ("2026-11-22", "2026-11-24"),
        "queue v offered 1 0
         queue v answered 1 0
         queue v handled 0 1
         queue v aht_ms null 50000
         agent usr_ann time_talking_ms 10000 30000
         agent usr_ann logged_in_ms 300000 100000",
    );
}

/// Ann is ready for 60 hours.
const LONG: &str =
    "account max_unleased_ms=0\nstatus ann ready\nat 216000s\nstatus ann offline\nat 216001s";

#[test]
fn days_of_23_and_25_hours_have_as_much_time() {
    let hours = |count: i64| count * 3_600_000;
    // From 23:30 on.
    let spring = told("2026-03-28T22:30:00Z", LONG);
    let (short, rest) = (hours(23), hours(60) - hours(23) - hours(24) - 1_800_000);
    golden(
        &spring,
        ("day", "Europe/Berlin"),
        ("2026-03-28", "2026-04-01"),
        &format!("agent usr_ann logged_in_ms 1800000 {short} {} {rest}", hours(24)),
    );
    let autumn = told("2026-10-24T21:30:00Z", LONG);
    let (long, rest) = (hours(25), hours(60) - hours(25) - hours(24) - 1_800_000);
    golden(
        &autumn,
        ("day", "Europe/Berlin"),
        ("2026-10-24", "2026-10-28"),
        &format!("agent usr_ann ready_ms 1800000 {long} {} {rest}", hours(24)),
    );
    let each = vec![hours(1).to_string(); 25].join(" ");
    golden(
        &autumn,
        ("60m", "Europe/Berlin"),
        ("2026-10-25", "2026-10-26"),
        &format!("agent usr_ann idle_ms {each}"),
    );
    // The same 60 hours where midnight is at a quarter past.
    let (first, rest) = (hours(20) + 45 * 60_000, hours(60) - hours(44) - 45 * 60_000);
    golden(
        &autumn,
        ("day", "Asia/Kathmandu"),
        ("2026-10-25", "2026-10-28"),
        &format!("agent usr_ann idle_ms {first} {} {rest}", hours(24)),
    );
}

#[test]
fn a_call_counts_for_its_skills_medium_and_number() {
    let story = "route main number=+1555 to={\"queue\":\"v\"}
        status ann ready
        call c1 number=+1555 skills=tech
        at 5s
        answered c1 ann
        at 10s
        ended c1 caller
        call c2 to v
        at 12s
        abandoned c2
        at 30s";
    let kept = told("2026-11-22T08:00:00Z", story);
    golden(
        &kept,
        ("day", "UTC"),
        ("2026-11-22", "2026-11-22"),
        "skill tech offered 1
         skill tech asa_ms 5000
         skill tech talk_ms 5000
         number +1555 offered 1
         number +1555 abandoned 0
         media voice offered 2
         media voice abandoned 1
         media voice handled 1",
    );
    let calls = CallWish {
        from: at("2026-01-01T00:00:00Z"),
        until: at("2027-01-01T00:00:00Z"),
        queue: Some("v".to_owned()),
        agent: None,
        outcome: Some("answered".to_owned()),
        callbacks: false,
        after: None,
        limit: 10,
    };
    let (calls, more) = kept.look().calls(&calls, &|_| true).expect("calls");
    assert!(calls.len() == 1 && !more);
    let body = &calls[0].body;
    assert_eq!((&body["to"], &body["skills"]), (&json!("+1555"), &json!(["tech"])));
    assert_eq!(body["agents"][0]["wrap_up_ms"], 10_000);
}

#[test]
fn own_calls_are_conversations_from_more_than_five_seconds_on() {
    let story = "status ann ready
        own o1 ann start
        at 5s
        own o1 ann end
        at 6s
        own o2 ann start
        at 11.1s
        own o2 ann end
        at 298s
        own o3 ann start
        at 303s
        own o3 ann end
        at 310s
        own o4 ann start
        at 400s";
    golden(
        &told("2026-11-22T08:00:00Z", story),
        ("5m", "UTC"),
        ("2026-11-22T08:00:00Z", "2026-11-22T08:10:00Z"),
        "agent usr_ann outbound_calls 3 1
         agent usr_ann outbound_conversations 1 0
         agent usr_ann outbound_ms 5100 0
         agent usr_ann complete true false",
    );
}

#[test]
fn a_callback_is_reached_or_missed_where_it_was_asked_for() {
    let story = "queue v strategy=longest_idle callback.attempts=2 callback.retry_after_ms=20000
        callback b1 to v via=s1
        at 1s
        status ann ready
        answered b1 ann
        at 3s
        unreached b1 busy
        at 25s
        answered b1 ann
        at 30s
        reached b1
        at 40s
        ended b1 caller
        at 60s";
    golden(
        &told("2026-11-22T08:00:00Z", story),
        ("day", "UTC"),
        ("2026-11-22", "2026-11-22"),
        "queue v offered 1
         queue v callbacks 1
         queue v callbacks_missed 1
         queue v callbacks_reached 1
         queue v answered 1
         queue v talk_ms 10000",
    );
}
