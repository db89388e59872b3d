//! Adherence to schedule: days that were worked out by hand, and over random histories the fold beside a
//! count that holds each agent to the calendar minute by minute.

use super::Told;
use super::kept::{Kept, wish};
use callboard::domain::event::Event;
use callboard::domain::ids::{AgentIx, Name};
use callboard::domain::objects::Calendar;
use callboard::domain::time::Millis;
use callboard::reporting::figures::{
    By, FIGURES, Facts, Figures, Measure, Threshold, is_productive,
};
use callboard::reporting::history::Across;
use callboard::reporting::history::adherence::Planned;
use callboard::sim::history;
use callboard::sim::scenario::START;
use std::collections::BTreeMap;

fn at(text: &str) -> Millis {
    Millis::parse_rfc3339(text).expect("an instant")
}

/// Ann and Bob work in the office, Cid when he likes; all are in the team north.
const FLOOR: &str = r#"account max_unleased_ms=0 opt_in_at_login=none
switch s1
calendar office time_zone=Europe/Berlin hours={"mon":["09:00-12:00","13:00-17:00"]} breaks={"mon":["10:00-10:15"]}
agent ann schedule=office
agent bob schedule=office
agent cid"#;

fn floor(begins: &str) -> Kept {
    let mut kept = Kept::later(at(begins).0 - START.0);
    FLOOR.lines().for_each(|line| kept.line(line));
    for agent in 0..3 {
        let (team, agent, by) = ("north".into(), AgentIx(agent), "owner".into());
        kept.event(Event::TeamJoined { team, agent, by });
    }
    kept
}

fn number(facts: &Facts, name: &str) -> Option<i64> {
    FIGURES.iter().find(|figure| figure.name == name).expect("a figure").number(facts)
}

/// Whole minutes that were scheduled, and that went so, since `from`; and how many are out of adherence.
fn live(kept: &Kept, by: By, id: &str, from: &str) -> (i64, i64, Option<i64>) {
    let facts =
        kept.figures.facts((by, id), (at(from), kept.now()), Threshold::DEFAULT).expect("somebody");
    let minutes = |sum: Measure| {
        let ms = facts.counts.get(sum);
        assert_eq!(ms % 60_000, 0, "{sum}");
        ms / 60_000
    };
    let (scheduled, adherent) = (minutes(Measure::ScheduledMs), minutes(Measure::AdherentMs));
    (scheduled, adherent, number(&facts, "agents_out_of_adherence"))
}

fn ann(kept: &Kept, from: &str) -> (i64, i64, Option<i64>) {
    live(kept, By::Agent, "usr_ann", from)
}

/// The same of intervals of the history, as far as it is written.
fn past(kept: &mut Kept, across: Across, id: &str, edges: &[&str]) -> Vec<(i64, i64)> {
    kept.write();
    let edges = edges.iter().map(|edge| at(edge)).collect();
    let told = kept.look().sums(&wish(across, Some(id), edges), &|_| true).expect("sums");
    let sums = told.items.into_iter().flat_map(|(_, sums)| sums);
    let minutes = |ms: i64| ms / 60_000;
    sums.map(|sum| {
        let of = |measure: Measure| minutes(sum.counts.get(measure));
        (of(Measure::ScheduledMs), of(Measure::AdherentMs))
    })
    .collect()
}

const MORNING: &str = "2026-11-23T07:45:00Z";

/// Minutes after 8:50 in Berlin.
fn to(kept: &mut Kept, minutes: u32) {
    kept.line(&format!("at {}s", minutes * 60));
}

#[test]
fn who_comes_late_overruns_a_break_and_goes_home_early_is_out_for_so_long() {
    let mut kept = floor("2026-11-23T07:50:00Z");
    assert_eq!(ann(&kept, MORNING), (0, 0, Some(0)), "before work nobody is out");
    to(&mut kept, 15);
    assert_eq!(ann(&kept, MORNING), (5, 0, Some(1)), "9:05, and no event made it so");
    to(&mut kept, 20);
    kept.line("status ann ready");
    assert_eq!(ann(&kept, MORNING), (10, 0, Some(0)), "ten minutes late");
    to(&mut kept, 70);
    kept.line("status ann on_break");
    to(&mut kept, 80);
    assert_eq!(ann(&kept, MORNING), (70, 60, Some(0)), "10:10, on the break");
    to(&mut kept, 86);
    assert_eq!(ann(&kept, MORNING), (76, 65, Some(1)), "10:16, and still there");
    to(&mut kept, 90);
    kept.line("status ann ready");
    to(&mut kept, 220);
    assert_eq!(ann(&kept, MORNING), (180, 165, Some(0)), "12:30: lunch is not planned");
    to(&mut kept, 460);
    kept.line("status ann offline");
    to(&mut kept, 465);
    assert_eq!(ann(&kept, MORNING), (395, 375, Some(1)), "16:35, and gone");
    to(&mut kept, 520);
    // Seven hours; late by 10 minutes, over the break by 5, early by 30.
    assert_eq!(ann(&kept, MORNING), (420, 375, Some(0)));
    let facts =
        kept.figures.facts((By::Agent, "usr_ann"), (at(MORNING), kept.now()), Threshold::DEFAULT);
    assert_eq!(number(&facts.expect("Ann"), "adherence"), Some(8_929));
    // Bob never came: the break went as planned.
    assert_eq!(live(&kept, By::Agent, "usr_bob", MORNING), (420, 15, Some(0)));
    assert_eq!(live(&kept, By::Agent, "usr_cid", MORNING), (0, 0, None), "nothing is planned");
    assert_eq!(live(&kept, By::Team, "north", MORNING), (840, 390, Some(0)));
    assert_eq!(live(&kept, By::Account, "default", MORNING), (840, 390, Some(0)));
    let cid =
        kept.figures.facts((By::Agent, "usr_cid"), (at(MORNING), kept.now()), Threshold::DEFAULT);
    assert_eq!(number(&cid.expect("Cid"), "adherence"), None);
    // The history counts the same, by the hour, once a record says that it is so late.
    kept.line("status cid ready");
    let hours: Vec<String> = (7..18).map(|hour| format!("2026-11-23T{hour:02}:00:00Z")).collect();
    let hours: Vec<&str> = hours.iter().map(String::as_str).collect();
    let told = past(&mut kept, Across::Agent, "usr_ann", &hours);
    let day =
        [(0, 0), (60, 50), (60, 55), (60, 60), (0, 0), (60, 60), (60, 60), (60, 60), (60, 30)];
    assert_eq!(told, [&day[..], &[(0, 0)]].concat());
    for (across, id) in [(Across::Team, "north"), (Across::Account, "account")] {
        assert_eq!(past(&mut kept, across, id, &[hours[0], hours[10]]), [(840, 390)]);
    }
    let look = kept.look();
    let spans = ["usr_ann", "usr_bob"].map(|agent| {
        let range = (at(MORNING), kept.now());
        look.timeline(agent, range, 100).expect("time").0.len()
    });
    assert_eq!(spans, [3, 0], "Ann's ready, break, ready: who is away has no time");
}

#[test]
fn an_edge_counts_with_no_record_for_hours_and_again_when_one_comes() {
    let mut kept = floor("2026-11-23T07:50:00Z");
    kept.line("status ann ready");
    to(&mut kept, 85);
    // 10:15: an hour of work, and a break that Ann worked through.
    let (quiet, seq) = (ann(&kept, MORNING), kept.figures.seq());
    assert_eq!(quiet, (75, 60, Some(0)));
    assert_eq!(live(&kept, By::Team, "north", MORNING), (150, 75, Some(1)));
    // A window that begins after the edges: 10:00 and 10:10.
    assert_eq!(ann(&kept, "2026-11-23T09:00:00Z"), (15, 0, Some(0)));
    assert_eq!(ann(&kept, "2026-11-23T09:10:00Z"), (5, 0, Some(0)));
    assert_eq!(
        past(&mut kept, Across::Agent, "usr_ann", &[MORNING, "2026-11-23T10:00:00Z"]),
        [(0, 0)]
    );
    kept.line("status cid ready");
    assert!(kept.figures.seq() > seq);
    assert_eq!(ann(&kept, MORNING), quiet);
    let told = past(&mut kept, Across::Agent, "usr_ann", &[MORNING, "2026-11-23T10:00:00Z"]);
    assert_eq!(told, [(75, 60)]);
    // The weekend and the week: nothing is planned, and then another Monday.
    kept.line("status ann offline");
    to(&mut kept, 7 * 24 * 60 + 30);
    assert_eq!(ann(&kept, "2026-11-30T07:45:00Z"), (20, 0, Some(1)));
}

#[test]
fn a_shift_over_midnight_is_of_both_days() {
    let mut kept = floor("2026-11-21T20:30:00Z");
    kept.line(
        r#"calendar office time_zone=Europe/Berlin hours={"sat":["22:00-24:00"],"sun":["00:00-02:00"]}"#,
    );
    kept.line("status ann ready");
    to(&mut kept, 4 * 60 + 30);
    kept.line("status ann offline");
    to(&mut kept, 5 * 60);
    let (evening, midnight) = ("2026-11-21T20:30:00Z", "2026-11-21T23:00:00Z");
    assert_eq!(
        ann(&kept, evening),
        (240, 240, Some(0)),
        "until 2:00, an hour after midnight in UTC"
    );
    assert_eq!(ann(&kept, midnight), (120, 120, Some(0)));
    kept.line("status cid ready");
    let told =
        past(&mut kept, Across::Agent, "usr_ann", &[evening, midnight, "2026-11-22T23:00:00Z"]);
    assert_eq!(told, [(120, 120), (120, 120)]);
}

#[test]
fn the_nights_on_which_clocks_change_are_as_long_as_they_are() {
    // From midnight to six.
    for (begins, hours) in [("2026-10-24T21:30:00Z", 7), ("2026-03-28T22:30:00Z", 5)] {
        let mut kept = floor(begins);
        kept.line(r#"calendar office time_zone=Europe/Berlin hours={"sun":["00:00-06:00"]}"#);
        to(&mut kept, 30 + 60);
        kept.line("status ann ready");
        to(&mut kept, 9 * 60);
        assert_eq!(ann(&kept, begins), (hours * 60, hours * 60 - 60, Some(0)), "{begins}");
        // A shift in the hour that comes twice, or never.
        let mut kept = floor(begins);
        kept.line(r#"calendar office time_zone=Europe/Berlin hours={"sun":["02:00-03:00"]}"#);
        to(&mut kept, 9 * 60);
        assert_eq!(ann(&kept, begins).0, (hours - 6) * 60 + 60, "{begins}");
    }
}

#[test]
fn a_change_of_calendar_schedule_or_zone_counts_from_then_on() {
    let mut kept = floor("2026-11-23T07:50:00Z");
    to(&mut kept, 40);
    // 9:30, nobody is there; from now on the office opens at ten.
    kept.line(r#"calendar office time_zone=Europe/Berlin hours={"mon":["10:00-12:00"]}"#);
    assert_eq!(ann(&kept, MORNING), (30, 0, Some(0)));
    to(&mut kept, 75);
    assert_eq!(ann(&kept, MORNING), (35, 0, Some(1)));
    // By a calendar in the account's zone, which is UTC, and then another.
    kept.line(r#"calendar other hours={"mon":["09:10-12:00"]}"#);
    kept.line("agent ann schedule=other");
    assert_eq!(ann(&kept, MORNING), (35, 0, Some(0)));
    to(&mut kept, 90);
    assert_eq!(ann(&kept, MORNING), (45, 0, Some(1)), "since 9:10 in UTC");
    kept.line("account max_unleased_ms=0 opt_in_at_login=none time_zone=America/New_York");
    to(&mut kept, 100);
    assert_eq!(ann(&kept, MORNING), (45, 0, Some(0)), "night in New York");
    // By none.
    kept.line("agent ann");
    assert_eq!(ann(&kept, MORNING), (45, 0, None));
    assert_eq!(live(&kept, By::Agent, "usr_bob", MORNING).0, 60, "Bob's goes on");
    // Nothing is planned for who is not in force.
    kept.line("agent bob schedule=office state=deactivated");
    to(&mut kept, 110);
    assert_eq!(live(&kept, By::Agent, "usr_bob", MORNING), (60, 0, None));
    kept.line("agent bob schedule=office");
    to(&mut kept, 120);
    assert_eq!(live(&kept, By::Agent, "usr_bob", MORNING), (70, 0, Some(1)), "he is again");
    kept.event(Event::UserErased { agent: AgentIx(1), by: "owner".into() });
    to(&mut kept, 125);
    assert_eq!(live(&kept, By::Agent, "usr_bob", MORNING), (70, 0, None));
}

#[test]
fn a_team_has_the_time_of_who_is_in_it() {
    let mut kept = floor("2026-11-23T07:50:00Z");
    let event = |joins: bool| {
        let (team, agent, by) = ("north".into(), AgentIx(0), "owner".into());
        match joins {
            true => Event::TeamJoined { team, agent, by },
            false => Event::TeamLeft { team, agent, by },
        }
    };
    to(&mut kept, 20);
    kept.event(event(false));
    to(&mut kept, 40);
    assert_eq!(live(&kept, By::Team, "north", MORNING), (10 + 30, 0, Some(1)), "Bob's goes on");
    kept.event(event(true));
    // 10:05, and both are on their break.
    to(&mut kept, 75);
    assert_eq!(live(&kept, By::Team, "north", MORNING), (10 + 65 + 35, 10, Some(0)));
    assert_eq!(live(&kept, By::Account, "default", MORNING), (65 + 65, 10, Some(0)));
}

/// A dice of its own: the histories stay what they are.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    /// Spans of a minute and more, from an hour's first minutes on.
    fn spans(&mut self, hour: u64) -> String {
        let (mut minute, mut spans) = (self.below(3), Vec::new());
        while spans.len() < 4 {
            let (from, until) = (minute, minute + 1 + self.below(4));
            spans.push(format!("\"{hour:02}:{from:02}-{hour:02}:{until:02}\""));
            minute = until + self.below(3);
        }
        spans.join(",")
    }

    fn calendar(&mut self) -> String {
        let week = |dice: &mut Dice| {
            let (sat, late, sun) = (dice.spans(20), dice.spans(21), dice.spans(0));
            format!("{{\"sat\":[{sat},{late},\"23:58-24:00\"],\"sun\":[{sun}]}}")
        };
        let (id, hours, breaks) = (self.below(2), week(self), week(self));
        format!("calendar c{id} hours={hours} breaks={breaks}")
    }
}

/// A random history in which agents work by calendars, and both change.
pub fn scheduled(seed: u64) -> Vec<String> {
    let mut dice = Dice(seed);
    let mut lines = Vec::new();
    for id in 0..2 {
        let calendar = dice.calendar();
        lines.push(format!(
            "calendar c{id} {}",
            calendar
                .split_once(' ')
                .map_or("", |(_, rest)| { rest.split_once(' ').map_or("", |(_, body)| body) })
        ));
    }
    let mut bodies: BTreeMap<String, String> = BTreeMap::new();
    for line in history::history(seed) {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["agent", name, ..] => {
                bodies.insert(name.to_owned(), line.clone());
                let schedule = ["", " schedule=c0", " schedule=c1"][dice.below(3) as usize];
                lines.push(format!("{line}{schedule}"));
            }
            _ => lines.push(line),
        }
        match dice.below(24) {
            0 => lines.push(dice.calendar()),
            1 if !bodies.is_empty() => {
                let place = dice.below(bodies.len() as u64) as usize;
                let body = bodies.values().nth(place).expect("an agent");
                let schedule = ["", " schedule=c0", " schedule=c1"][dice.below(3) as usize];
                lines.push(format!("{body}{schedule}"));
            }
            _ => {}
        }
    }
    lines
}

/// What each agent did from record to record, held to the calendars minute by minute.
#[derive(Clone, Default)]
pub struct Naive {
    calendars: BTreeMap<Name, Calendar>,
    /// By whose calendar, and whether the agent works.
    agents: BTreeMap<Name, (Option<Name>, bool)>,
    since: Millis,
    sums: BTreeMap<Name, (i64, i64)>,
}

impl Naive {
    /// Time passes.
    fn pass(&mut self, until: Millis) {
        let range = (self.since, until);
        self.since = until;
        for (id, (calendar, works)) in &self.agents {
            let Some(calendar) = calendar.as_ref().and_then(|id| self.calendars.get(id)) else {
                continue;
            };
            let worked = if *works { vec![(range.0.0, range.1.0)] } else { Vec::new() };
            let planned = Planned::of(calendar, range, "UTC");
            let adhered = planned.adhered(&worked, (range.0.0, range.1.0));
            let sums = self.sums.entry(id.clone()).or_default();
            *sums = (sums.0 + adhered.scheduled_ms, sums.1 + adhered.adherent_ms);
        }
    }

    /// After a record, which figures have taken in.
    pub fn record(&mut self, at: Millis, events: &[Event], figures: &Figures) {
        self.pass(at);
        for event in events {
            match event {
                Event::CalendarPut { id, calendar, .. } => {
                    self.calendars.insert(id.clone(), (**calendar).clone());
                }
                Event::UserPut { id, user, .. } => {
                    let schedule = user.schedule.as_deref().filter(|_| user.may_work());
                    self.agents.entry(id.clone()).or_default().0 = schedule.map(Name::from);
                }
                _ => {}
            }
        }
        for (id, (_, works)) in &mut self.agents {
            *works = is_productive(figures.detail(id));
        }
    }

    /// Where figures say otherwise at an instant.
    pub fn differences(&self, figures: &Figures, now: Millis) -> Vec<String> {
        let mut later = self.clone();
        later.pass(now);
        let (mut wrong, mut all, mut all_out) = (Vec::new(), (0, 0), 0);
        let found = |by, id: &str| {
            let facts =
                figures.facts((by, id), (START, now), Threshold::DEFAULT).expect("somebody");
            let of = |measure: Measure| facts.counts.get(measure);
            let sums = (of(Measure::ScheduledMs), of(Measure::AdherentMs));
            (sums, number(&facts, "agents_out_of_adherence"))
        };
        for (id, (calendar, works)) in &later.agents {
            let sums = later.sums.get(id).copied().unwrap_or_default();
            all = (all.0 + sums.0, all.1 + sums.1);
            let minute = (Millis(now.0.div_euclid(60_000) * 60_000), now.plus(60_000));
            let out = calendar.as_ref().and_then(|id| self.calendars.get(id)).map(|calendar| {
                let planned = Planned::of(calendar, minute, "UTC");
                let worked = if *works { vec![(now.0, now.0 + 1)] } else { Vec::new() };
                let adhered = planned.adhered(&worked, (now.0, now.0 + 1));
                adhered.scheduled_ms - adhered.adherent_ms
            });
            all_out += out.unwrap_or(0);
            if found(By::Agent, id) != (sums, out) {
                wrong.push(format!("{id}: {:?}, by hand {:?}", found(By::Agent, id), (sums, out)));
            }
        }
        if found(By::Account, "default") != (all, Some(all_out)) {
            let told = found(By::Account, "default");
            wrong.push(format!("account: {told:?}, by hand {:?}", (all, all_out)));
        }
        wrong
    }

    /// Nothing is known of before.
    fn begin(&mut self, at: Millis) {
        self.sums.clear();
        self.since = at;
    }
}

/// Figures keep the sums of a day.
const KEPT_MS: u64 = 24 * 3_600_000;

fn check(seed: u64) {
    let (mut told, mut naive) = (Told::new(), Naive::default());
    let lines = scheduled(seed);
    for (at, line) in lines.iter().enumerate() {
        told.runner.line(line).unwrap_or_else(|e| panic!("{e}"));
        for (seq, at, events) in told.runner.system.take_log() {
            told.figures.apply(seq, at, &events);
            naive.record(at, &events, &told.figures);
        }
        if told.now().since(START) > KEPT_MS {
            return;
        }
        let ahead_ms = if at % 8 == 0 { [61_000, 600_000] } else { [0, 1] };
        for ahead_ms in ahead_ms {
            let wrong = naive.differences(&told.figures, told.now().plus(ahead_ms));
            assert!(wrong.is_empty(), "seed {seed}, line {at}, {ahead_ms} ms on:\n{wrong:#?}");
        }
    }
    // A floor that is retold counts from its record on.
    let (seq, at) = (told.figures.seq(), told.figures.at());
    let engine = told.runner.system.engine();
    told.figures = Figures::begin(seq, at, &engine.retold(), &engine.doing_since());
    naive.begin(at);
    for ahead_ms in [0, 61_000, 3_600_000] {
        let wrong = naive.differences(&told.figures, told.now().plus(ahead_ms));
        assert!(wrong.is_empty(), "seed {seed}, retold, {ahead_ms} ms on:\n{wrong:#?}");
    }
    told.line("agent last schedule=c0");
    assert!(told.figures.seq() > seq, "it goes on");
}

#[test]
fn sums_are_what_a_look_at_each_minute_counts() {
    if let Some(seed) = super::number("CALLBOARD_SEED") {
        return check(seed);
    }
    (0..super::number("CALLBOARD_SEEDS").unwrap_or(super::SEEDS)).for_each(check);
}
