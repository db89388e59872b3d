//! Traces whose figures were worked out by hand, one rule each. Stories begin at 20:00:00 UTC.

use super::Told;
use callboard::domain::time::Millis;
use callboard::reporting::figures::{By, FIGURES, Threshold};
use callboard::sim::scenario::START;

/// Runs a story; then each line of `expected` is `by id figure value`, over the window that begins so
/// many minutes after the story's start. The threshold is 20 s.
fn golden(story: &str, expected: &str) {
    windowed(story, 0, expected);
}

fn windowed(story: &str, from_minute: i64, expected: &str) {
    let mut told = Told::new();
    story.lines().for_each(|line| told.line(line));
    let (from, now) = (Millis(START.0 + from_minute * 60_000), told.now());
    let mut wrong = Vec::new();
    for line in expected.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [by, id, name, value] = words[..] else { panic!("{line}") };
        let by = By::parse(by).expect("by what");
        let facts = told.figures.facts((by, id), (from, now), Threshold::DEFAULT);
        let figure = FIGURES.iter().find(|f| f.name == name).unwrap_or_else(|| panic!("{name}"));
        assert!(figure.of.contains(&by), "{name} is not told of {by}");
        let found = figure.value(&facts.expect("somebody")).to_string();
        if found != value {
            wrong.push(format!("{line}: found {found}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

const FLOOR: &str = "switch s1\nagent ann\nagent bob\nqueue v strategy=longest_idle wrap_up.ms=10000\n\
                     member v ann\nmember v bob\n";

fn floor(story: &str) -> String {
    format!("{FLOOR}{story}")
}

#[test]
fn one_call_is_in_every_figure_of_queue_and_agent() {
    let story = floor(
        "status ann ready
         at 10s
         call c1 to v
         at 13s
         answered c1 ann
         at 33s
         held c1
         at 38s
         resumed c1
         at 53s
         ended c1 caller
         at 70s",
    );
    golden(
        &story,
        "queue v offered 1
         queue v answered 1
         queue v abandoned 0
         queue v service_level 1.0
         queue v asa_ms 3000
         queue v longest_wait_ms 3000
         queue v handled 1
         queue v talk_ms 35000
         queue v hold_ms 5000
         queue v wrap_up_ms 10000
         queue v aht_ms 50000
         queue v acw_ms 10000
         queue v waiting 0
         account account offered 1
         agent usr_ann offers 1
         agent usr_ann accepted 1
         agent usr_ann answer_time_ms 3000
         agent usr_ann non_response 0
         agent usr_ann handled 1
         agent usr_ann aht_ms 50000
         agent usr_ann logged_in_ms 70000
         agent usr_ann ready_ms 70000
         agent usr_ann time_ringing_ms 3000
         agent usr_ann time_talking_ms 35000
         agent usr_ann time_holding_ms 5000
         agent usr_ann time_wrap_up_ms 10000
         agent usr_ann idle_ms 17000
         agent usr_ann occupied_ms 50000
         agent usr_ann occupancy 0.7463
         agent usr_ann occupancy_of_shift 0.7143
         agent usr_bob logged_in_ms 0
         agent usr_ann in_state_ms 7000
         agent usr_bob in_state_ms null
         account account agents_logged_in 1
         account account agents_idle 1
         account account agents_working 0
         account account agents_on_break 0
         agent usr_bob occupancy null",
    );
}

#[test]
fn abandons_are_short_or_not_and_variants_of_the_service_level_differ() {
    let story = floor(
        "call c1 to v
         at 4.999s
         abandoned c1
         call c2 to v
         at 9.999s
         abandoned c2
         call c3 to v
         at 35s
         status ann ready
         answered c3 ann
         at 36s
         call c4 to v
         at 40s",
    );
    golden(
        &story,
        "queue v offered 4
         queue v answered 1
         queue v abandoned 2
         queue v short_abandoned 1
         queue v abandon_time_ms 5000
         queue v abandon_rate 0.3333
         queue v service_level 0.0
         queue v service_level_with_short_abandons 0.0
         queue v service_level_of_all_that_left 0.5
         queue v asa_ms 25001
         queue v waiting 1
         queue v longest_wait_now_ms 4000",
    );
}

#[test]
fn a_transfer_is_one_more_offered_and_no_abandon() {
    let story = floor(
        "queue w strategy=longest_idle wrap_up.ms=0
         member w bob
         status ann ready
         call c1 to v
         at 2s
         answered c1 ann
         at 10s
         transferred c1 queue=w
         at 15s
         status bob ready
         at 16s
         answered c1 bob
         at 36s
         ended c1 caller
         at 40s",
    );
    golden(
        &story,
        "queue v offered 1
         queue v answered 1
         queue v transferred 1
         queue v abandoned 0
         queue v talk_ms 8000
         queue v wrap_up_ms 10000
         queue w offered 1
         queue w answered 1
         queue w asa_ms 6000
         queue w talk_ms 20000
         account account offered 2
         account account handled 2
         agent usr_ann talk_ms 8000
         agent usr_bob talk_ms 20000",
    );
}

#[test]
fn each_offer_counts_and_a_caller_who_hangs_up_is_told_apart() {
    let story = floor(
        "status ann ready
         call c1 to v
         at 1s
         refuse c1 ann
         status bob ready
         at 2s
         failed c1 bob busy
         at 40s
         abandoned c1",
    );
    golden(
        &story,
        "agent usr_ann refused 1
         agent usr_bob offers_failed 1
         queue v refused 1
         queue v offers_failed 1
         queue v abandoned 1
         queue v accepted 0",
    );
    let story = floor("status ann ready\ncall c1 to v\nat 3s\nabandoned c1");
    golden(
        &story,
        "agent usr_ann offers 1
         agent usr_ann hung_up 1
         agent usr_ann missed 0
         agent usr_ann non_response 1
         queue v short_abandoned 1",
    );
}

#[test]
fn two_contacts_at_once_are_one_time_occupied_and_two_of_service() {
    golden(
        "switch s1
         agent ann capacity.chat=3
         queue t strategy=longest_idle media=chat wrap_up.ms=0
         member t ann
         status ann ready
         call c1 to t media=chat
         answered c1 ann
         at 10s
         call c2 to t media=chat
         answered c2 ann
         at 20s
         ended c1 caller
         at 30s
         ended c2 caller
         at 40s",
        "agent usr_ann occupied_ms 30000
         agent usr_ann talk_ms 40000
         agent usr_ann occupancy 0.75
         agent usr_ann utilisation 0.1111
         agent usr_ann handled 2",
    );
}

#[test]
fn a_call_over_an_edge_is_of_the_interval_of_its_entry_and_its_end() {
    let story = floor(
        "status ann ready
         at 59s
         call c1 to v
         at 62s
         answered c1 ann
         at 120s
         ended c1 caller
         at 150s",
    );
    windowed(
        &story,
        1,
        "queue v offered 0
         queue v answered 0
         queue v handled 1
         agent usr_ann offers 0
         agent usr_ann time_talking_ms 58000
         agent usr_ann time_wrap_up_ms 10000
         agent usr_ann time_ringing_ms 2000
         agent usr_ann logged_in_ms 90000",
    );
    windowed(&story, 2, "queue v handled 1\nagent usr_ann time_talking_ms 0\nqueue v asa_ms null");
}

#[test]
fn wrap_up_over_midnight_is_of_both_days_in_time_and_of_the_first_in_aht() {
    let story = floor(
        "status ann ready
         at 14395s
         call c1 to v
         answered c1 ann
         at 14398s
         ended c1 caller
         at 14420s",
    );
    windowed(
        &story,
        240,
        "agent usr_ann time_wrap_up_ms 8000
         agent usr_ann wrap_up_ms 0
         agent usr_ann logged_in_ms 20000
         queue v handled 0",
    );
    windowed(&story, 225, "queue v aht_ms 13000\nagent usr_ann time_wrap_up_ms 10000");
}

#[test]
fn who_opts_out_while_it_rings_has_no_miss() {
    let story = floor("status ann ready\ncall c1 to v\nat 2s\nopt ann v out\nat 4s");
    golden(
        &story,
        "agent usr_ann offers 1
         agent usr_ann withdrawn 1
         agent usr_ann missed 0
         agent usr_ann non_response 0
         queue v waiting 1",
    );
}

#[test]
fn an_exit_counts_in_no_service_level_but_its_own() {
    let story = floor(
        "queue v exits.max_wait_ms=15000 exits.on_max_wait={\"end\":true}
         call c1 to v
         at 16s
         status ann ready
         call c2 to v
         answered c2 ann
         at 20s",
    );
    golden(
        &story,
        "queue v offered 2
         queue v exited 1
         queue v answered 1
         queue v service_level 1.0
         queue v service_level_with_exits 0.5
         queue v service_level_of_all_that_left 1.0",
    );
}

#[test]
fn breaks_are_time_logged_in_and_neither_ready_nor_idle() {
    let story = floor(
        "status ann ready
         at 10s
         status ann on_break
         at 30s
         status ann online
         at 35s
         status ann offline
         at 60s",
    );
    golden(
        &story,
        "agent usr_ann logged_in_ms 35000
         agent usr_ann ready_ms 10000
         agent usr_ann idle_ms 10000
         agent usr_ann time_break_ms 20000
         agent usr_ann occupancy 0.0
         account account logged_in_ms 35000",
    );
}

#[test]
fn a_service_level_is_told_of_any_whole_second() {
    let story = floor(
        "status ann ready
         call c1 to v
         at 7s
         answered c1 ann
         at 8s
         call c2 to v
         at 15001ms
         ended c2 caller
         ended c1 caller
         status ann online
         at 40s
         call c3 to v
         at 64s
         status ann ready
         at 65s
         answered c3 ann
         at 90s",
    );
    let mut told = Told::new();
    story.lines().for_each(|line| told.line(line));
    let window = (START, told.now());
    let levels = |by, id, seconds| {
        let threshold = Threshold::of_seconds(seconds).expect("a threshold");
        let facts = told.figures.facts((by, id), window, threshold).expect("a queue");
        let figures = FIGURES.iter().filter(|figure| figure.has_threshold());
        figures.map(|figure| figure.value(&facts).to_string()).collect::<Vec<_>>()
    };
    // Waits: answered after 7 s and 25 s, given up after 7.001 s (longer than a short abandon).
    for (by, id) in [(By::Queue, "v"), (By::Account, "account")] {
        let of = |seconds| levels(by, id, seconds).join(" ");
        assert_eq!(of(6), "0.0 0.0 0.0 0.0");
        assert_eq!(of(7), "0.3333 0.3333 0.3333 0.3333");
        assert_eq!(of(8), "0.3333 0.3333 0.3333 0.6667");
        assert_eq!(of(24), of(8));
        assert_eq!(of(25), "0.6667 0.6667 0.6667 1.0", "a preset, which has sums");
        assert_eq!(of(26), of(25));
        assert_eq!(of(604_800), of(25));
    }
}
