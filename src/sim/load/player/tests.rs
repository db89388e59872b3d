//! The floor without sockets, told what the engine would say, and what it must not.

use super::*;
use crate::sim::floor::dice;
use crate::sim::load::dashboards::View;

mod faults;

const SECOND: u64 = 1_000_000;

/// One call a second for `calls` seconds, phones that are picked up after 100–300 ms.
fn player(calls: u64, missed: f64) -> Player {
    let habits = Habits {
        ring: Duration::from_millis(200),
        talk: Duration::from_millis(500),
        wrap_up: Duration::from_millis(400),
        patience: Duration::from_secs(3_600),
        missed,
        after_miss: Duration::from_secs(1),
        held: 0.0,
        seen: Duration::ZERO,
        desks: 0,
        at_desk: 0.0,
    };
    Player::new(Start {
        habits,
        dice: dice(7, 0),
        schedule: Schedule::constant(1.0, Duration::from_secs(calls)),
        agents: 3,
        queues: 2,
        marks: Arc::new(Marks::new(View::All, 0)),
        source: wire::Source { switch: "load-1".into(), boot: "b".into() },
        window_us: (0, u64::MAX),
    })
}

/// What was sent since the last look: each event's number, type and the text.
fn sent(player: &mut Player) -> Vec<(u64, String)> {
    let kind = |text: &str| {
        let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
        format!(
            "{} {}",
            value["type"].as_str().unwrap_or(""),
            value["subject"].as_str().unwrap_or("")
        )
    };
    player.outbox.send(1_000).map(|(number, event)| (number, kind(&event.text))).collect()
}

fn says(player: &mut Player) -> Vec<String> {
    sent(player).into_iter().map(|(_, says)| says).collect()
}

fn hear(player: &mut Player, text: &str, now_us: u64) {
    player.hear(&serde_json::from_str(text).expect("a frame"), now_us);
}

fn command(player: &mut Player, seq: u64, kind: &str, call: u64, agent: usize, now_us: u64) {
    let text = format!(
        r#"{{"commands":[{{"seq":{seq},"type":"{kind}","call":"b-c{call}","offer":"off_{call}_{agent}",
            "agent":"usr_load_{agent}"}}]}}"#
    );
    hear(player, &text, now_us);
}

fn accept_all(player: &mut Player, now_us: u64) {
    for number in 1..100 {
        let text = format!(r#"{{"results":[{{"id":"b-{number}","status":"accepted"}}]}}"#);
        hear(player, &text, now_us);
    }
}

/// A call that rings `agent`, is answered, talks and ends: at the instant when it ended.
fn whole_call(player: &mut Player, seq: u64, call: u64, agent: usize, from_us: u64) -> u64 {
    player.play(from_us);
    command(player, seq, "offer.ring", call, agent, from_us);
    player.play(from_us + SECOND / 2);
    command(player, seq + 1, "call.connect", call, agent, from_us + SECOND / 2);
    let ended_us = player.agenda.next_us().expect("it ends");
    player.play(ended_us);
    ended_us
}

#[test]
fn a_call_is_played_from_arrival_to_end() {
    let mut player = player(1, 0.0);
    let ended_us = whole_call(&mut player, 1, 0, 2, 0);
    let expected = ["call.arrived", "offer.ringing", "offer.answered", "call.ended"];
    assert_eq!(says(&mut player), expected.map(|kind| format!("{kind} b-c0")));
    accept_all(&mut player, ended_us);
    player.settle();
    assert!(player.checks.held(), "{:?}", player.checks);
    let t = player.tally;
    assert_eq!((t.arrived, t.answered, t.finished, t.offered, t.events), (1, 1, 1, 1, 4));
    assert_eq!(player.recorder(Measure::Ring).map(|r| r.total().count), Some(1));
    assert_eq!(player.recorder(Measure::Reply).map(|r| r.total().count), Some(4));
    assert_eq!(player.done(), 2);
}

#[test]
fn an_agent_who_is_rung_twice_is_caught() {
    let mut player = player(2, 0.0);
    player.play(SECOND);
    command(&mut player, 1, "offer.ring", 0, 1, SECOND);
    assert!(player.checks.held());
    command(&mut player, 2, "offer.ring", 1, 1, SECOND);
    let (times, how) = player.checks.found(Check::NoAgentTwice).expect("caught");
    assert_eq!(
        (*times, how.as_str()),
        (1, "usr_load_1 is rung for call 1 while in use for call 0")
    );
}

#[test]
fn a_repeated_command_is_not_done_again() {
    let mut player = player(1, 0.0);
    player.play(0);
    command(&mut player, 1, "offer.ring", 0, 1, 5);
    command(&mut player, 1, "offer.ring", 0, 1, 9);
    assert!(player.checks.held() && player.tally.offered == 1);
}

#[test]
fn a_call_offered_or_joined_twice_is_caught() {
    let mut player = player(1, 0.0);
    player.play(0);
    command(&mut player, 1, "offer.ring", 0, 1, 5);
    command(&mut player, 2, "offer.ring", 0, 2, 6);
    assert!(player.checks.found(Check::NoCallTwice).is_some());
    let mut player = super::tests::player(1, 0.0);
    player.play(0);
    command(&mut player, 1, "offer.ring", 0, 1, 5);
    command(&mut player, 2, "call.connect", 0, 1, 6);
    assert!(player.checks.found(Check::NoCallTwice).is_some(), "nobody has answered yet");
}

#[test]
fn a_ring_within_the_wrap_up_is_caught_and_one_after_it_measured() {
    for (after_ms, too_soon) in [(100, true), (405, false)] {
        let mut player = player(3, 0.0);
        player.play(2 * SECOND);
        command(&mut player, 1, "call.queue", 1, 0, 2 * SECOND);
        let ended_us = whole_call(&mut player, 2, 0, 1, 2 * SECOND);
        let now_us = ended_us + after_ms * 1_000;
        command(&mut player, 4, "offer.ring", 1, 1, now_us);
        assert_eq!(player.checks.found(Check::NoAgentTooSoon).is_some(), too_soon);
        let freed = player.recorder(Measure::Freed).map(|r| r.total()).expect("measured");
        assert_eq!(freed.count, 1, "the call waited for this agent");
        if !too_soon {
            assert!((4_900..=5_100).contains(&freed.max_us), "5 ms after 400: {freed:?}");
        }
    }
}

#[test]
fn lost_calls_events_and_commands_are_caught() {
    let mut unended = player(1, 0.0);
    unended.play(0);
    accept_all(&mut unended, 5);
    unended.settle();
    let lost = |player: &Player| player.checks.found(Check::NoCallLost).map(|(_, how)| how.clone());
    assert_eq!(lost(&unended).as_deref(), Some("1 calls of b have not ended in time"));

    let mut unanswered = player(1, 0.0);
    whole_call(&mut unanswered, 1, 0, 0, 0);
    unanswered.settle();
    assert_eq!(lost(&unanswered).as_deref(), Some("4 events have had no result"));

    // The engine has forgotten a call that lives here.
    let mut forgotten = player(1, 0.0);
    whole_call(&mut forgotten, 1, 0, 0, 0);
    let text = r#"{"results":[{"id":"b-4","status":"ignored","code":"unknown_call"}]}"#;
    hear(&mut forgotten, text, SECOND);
    assert!(lost(&forgotten).is_some_and(|how| how.contains("unknown_call")));

    let mut skipped = player(1, 0.0);
    whole_call(&mut skipped, 2, 0, 0, 0);
    skipped.settle();
    let missing = skipped.checks.found(Check::NoCommandMissing);
    assert_eq!(missing.map(|(_, how)| how.as_str()), Some("command 1 never came"));
}

#[test]
fn a_rejected_event_and_a_refused_frame_are_caught() {
    let mut player = player(1, 0.0);
    player.play(0);
    hear(&mut player, r#"{"results":[{"id":"b-1","status":"rejected","code":"type"}]}"#, 5);
    hear(&mut player, r#"{"problem":{"status":422,"code":"invalid","detail":"no"}}"#, 5);
    assert_eq!(player.checks.found(Check::EventsTaken).map(|(times, _)| *times), Some(2));
}

#[test]
fn a_miss_puts_the_call_back_and_the_next_offer_is_fine() {
    let mut player = player(1, 0.95);
    player.play(0);
    for agent in 0..3 {
        // Later than any delay after a miss.
        let now_us = agent as u64 * 3 * SECOND;
        command(&mut player, 1 + agent as u64, "offer.ring", 0, agent, now_us);
        player.play(now_us + SECOND);
    }
    let said = says(&mut player);
    assert!(said.iter().any(|says| says.starts_with("offer.failed")), "{said:?}");
    assert!(player.checks.held() && player.tally.missed >= 1);
}

#[test]
fn an_offer_accepted_at_the_desk_is_picked_up_when_the_engine_says_so() {
    for (answered, expected) in [(true, "offer.answered b-c0"), (false, "offer.failed b-c0")] {
        let mut player = player(1, 0.0);
        (player.habits.desks, player.habits.at_desk) = (3, 1.0);
        player.play(0);
        command(&mut player, 1, "offer.ring", 0, 1, 5);
        player.play(SECOND);
        assert_eq!(
            (player.acts.len(), player.acts[0].agent, &*player.acts[0].offer),
            (1, 1, "off_0_1")
        );
        assert_eq!(says(&mut player), ["call.arrived b-c0", "offer.ringing b-c0"]);
        if answered {
            command(&mut player, 2, "offer.answer", 0, 1, SECOND);
        }
        player.play(3 * SECOND);
        assert_eq!(says(&mut player), [expected]);
        assert!(player.checks.held(), "{:?}", player.checks);
    }
}

#[test]
fn callers_give_up_and_closing_time_ends_what_lives() {
    let mut player = player(3, 0.0);
    player.play(2 * SECOND);
    command(&mut player, 1, "offer.ring", 2, 1, 2 * SECOND);
    player.close(2 * SECOND, Duration::from_secs(1));
    player.play(3 * SECOND + SECOND / 2);
    assert_eq!(player.tally.abandoned, 2, "two waited, one has answered");
    command(&mut player, 2, "call.connect", 2, 1, 3 * SECOND);
    player.play(4 * SECOND);
    assert_eq!((player.live(), player.tally.finished), (0, 1));
    accept_all(&mut player, 4 * SECOND);
    player.settle();
    assert!(player.checks.held(), "{:?}", player.checks);
}
