//! What faults change on the floor, and that the checks still catch what they must not.

use super::*;
use crate::domain::time::Millis;
use crate::sim::load::flapping::News;

fn at(ms: i64) -> Millis {
    Millis(1_700_000_000_000 + ms)
}

/// As `command`, with the engine's time.
fn told_at(player: &mut Player, seq: u64, kind: &str, call: u64, agent: usize, now: (u64, Millis)) {
    let text = format!(
        r#"{{"commands":[{{"seq":{seq},"type":"{kind}","call":"b-c{call}","offer":"off_{call}_{agent}",
            "agent":"usr_load_{agent}","time":"{}"}}]}}"#,
        now.1.rfc3339()
    );
    hear(player, &text, now.0);
}

#[test]
fn an_agent_who_is_away_must_not_be_rung_whichever_is_heard_first() {
    let away = |player: &Player| player.checks.found(Check::NoAgentAway).is_some();
    for (decided_ms, wrong) in [(5, false), (10, false), (11, true)] {
        let mut known = player(1, 0.0);
        known.play(0);
        known.leaves(1);
        known.learn(&News::Away(1, Some(at(10))));
        told_at(&mut known, 1, "offer.ring", 0, 1, (20_000, at(decided_ms)));
        assert_eq!(away(&known), wrong, "decided at {decided_ms}, away since 10");

        let mut later = player(1, 0.0);
        later.play(0);
        later.leaves(1);
        told_at(&mut later, 1, "offer.ring", 0, 1, (20_000, at(decided_ms)));
        later.learn(&News::Away(1, Some(at(10))));
        assert_eq!(away(&later), wrong, "decided at {decided_ms}, heard of before the answer");
    }
    let mut back = player(1, 0.0);
    back.play(0);
    [News::Away(1, Some(at(10))), News::Returning(1)].iter().for_each(|news| back.learn(news));
    told_at(&mut back, 1, "offer.ring", 0, 1, (30_000, at(30)));
    assert!(back.checks.held());
    back.learn(&News::Refused(1, "409".into()));
    assert!(back.checks.found(Check::EventsTaken).is_some());
}

#[test]
fn those_who_leave_are_rather_at_work_and_leave_once() {
    let mut player = player(1, 0.0);
    let mut dice = dice(5, 0);
    player.play(0);
    command(&mut player, 1, "offer.ring", 0, 2, 5);
    assert_eq!(player.leaver(&mut dice), Some((2, true)));
    player.leaves(2);
    let (other, busy) = player.leaver(&mut dice).expect("two are left");
    assert!(other != 2 && !busy);
    (0..3).for_each(|agent| player.leaves(agent));
    assert_eq!(player.leaver(&mut dice), None);
    player.learn(&News::Back(1));
    assert_eq!(player.leaver(&mut dice), Some((1, false)));
}

#[test]
fn a_miss_that_the_engine_did_not_hear_in_time_keeps_nobody_away() {
    for withdrawn in [false, true] {
        let mut player = player(2, 0.95);
        player.play(SECOND);
        let mut now_us = SECOND;
        let mut seq = 0;
        // Until the dice say that the phone rings in vain.
        while player.tally.missed == 0 {
            now_us += 5 * SECOND;
            seq += 1;
            command(&mut player, seq, "offer.ring", 0, 1, now_us);
            player.play(now_us + SECOND);
        }
        let ends_us = player.agents[1].free_us;
        if withdrawn {
            command(&mut player, seq + 1, "offer.cancel", 0, 1, ends_us - SECOND / 2);
            seq += 1;
        }
        command(&mut player, seq + 1, "offer.ring", 1, 1, ends_us - SECOND / 4);
        assert_eq!(player.checks.found(Check::NoAgentTooSoon).is_some(), !withdrawn);
    }
}

#[test]
fn a_new_start_ends_all_calls_and_is_no_loss() {
    let mut player = player(9, 0.0);
    player.play(2 * SECOND);
    command(&mut player, 1, "offer.ring", 0, 0, 2 * SECOND);
    command(&mut player, 2, "offer.ring", 1, 1, 2 * SECOND);
    player.play(2 * SECOND + SECOND / 2);
    command(&mut player, 3, "call.connect", 0, 0, 2 * SECOND + SECOND / 2);
    assert_eq!((player.live(), player.tally.arrived), (3, 3), "talking, answered, waiting");
    // The first arrival was heard, the other two and all else nobody knows.
    hear(&mut player, r#"{"results":[{"id":"b-1","status":"accepted"}]}"#, 3 * SECOND);
    player.restart("c".into(), 5 * SECOND + 1);
    let unsure = player.tally.unsure;
    assert_eq!((player.live(), player.tally.restarted), (0, 3));
    assert_eq!((unsure.arrived, unsure.answered, unsure.abandoned), (2, 1, 0));
    assert_eq!(says(&mut player), ["switch.started "], "what was not sent never is");
    // The one who talked wraps up from now on, the others are free.
    hear(&mut player, r#"{"results":[{"id":"c-9","status":"accepted"}]}"#, 5 * SECOND);
    player.play(6 * SECOND);
    let arrived = player.tally.arrived;
    assert_eq!(arrived, 4, "those that were due while it was away did not come");
    let text = |seq, agent| {
        format!(
            r#"{{"commands":[{{"seq":{seq},"type":"offer.ring","call":"c-c3","offer":"off_{agent}",
                "agent":"usr_load_{agent}"}}]}}"#
        )
    };
    hear(&mut player, &text(4, 1), 5 * SECOND + 100);
    assert!(player.checks.held(), "{:?}", player.checks);
    player.restart("c".into(), 5 * SECOND + 200);
    player.play(7 * SECOND);
    hear(&mut player, &text(5, 0).replace("c-c3", "c-c4"), 5 * SECOND + 300);
    assert!(player.checks.found(Check::NoAgentTooSoon).is_some(), "still wraps up");
    player.settle();
    let lost = player.checks.found(Check::NoCallLost).map(|(_, how)| how.as_str());
    assert_eq!(lost, Some("1 calls of c have not ended in time"), "only the last one lives");
}
