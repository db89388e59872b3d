//! Callboard hangs, or is away, and comes back.

use super::kamailio::{Lab, Setup};
use super::phones::{Doing, Manner};
use crate::support::until;
use crate::{lab, lab_with};
use serde_json::{Value, json};

fn with_overflow() -> Option<Lab> {
    lab_with(Setup { overflow: true, ..Setup::default() })
}

/// No answer in a second: the switch serves the caller itself, and says so later. The agent whom
/// Callboard would have rung by then is left in peace.
#[test]
fn a_callboard_that_hangs_sends_callers_to_the_overflow() {
    let Some(lab) = with_overflow() else { return };
    lab.queue("support", "longest_idle");
    lab.staff("support", &["ann"]);
    lab.phones.set("overflow", Manner::Answers);

    lab.freeze_callboard();
    let caller = lab.caller("hung");
    caller.hears(200);
    assert_eq!(lab.phones.doing("overflow"), Doing::Talking);
    lab.thaw_callboard();
    let call = lab.until_call("hung", "ended");
    assert_eq!((&call["outcome"], &call["reason"]), (&json!("failed"), &json!("engine_timeout")));
    caller.hang_up();
    until("the overflow hung up on", || {
        (lab.phones.doing("overflow") == Doing::HungUpOn).then_some(())
    });
    assert_eq!(lab.phones.rung("ann"), 0);

    lab.phones.set("ann", Manner::Answers);
    let next = lab.caller("next");
    lab.until_call("next", "connected");
    next.hears(200);
    next.hang_up();
    lab.until_call("next", "ended");
}

/// What happened meanwhile is told when it is back: a conversation that was held, taken back and
/// ended, and a caller whom the overflow served.
#[test]
fn a_callboard_that_was_down_hears_all_that_happened() {
    let Some(mut lab) = with_overflow() else { return };
    let wrap_up = json!({ "wrap_up": { "manual": true, "max_ms": 600_000 } });
    lab.queue_with("support", "longest_idle", wrap_up);
    lab.phones.set("overflow", Manner::Answers);
    lab.phones.set("ann", Manner::Answers);
    lab.staff("support", &["ann"]);
    let talking = lab.caller("talking");
    lab.until_call("talking", "connected");
    talking.hears(200);

    lab.kill_callboard();
    talking.re_invite("sendonly");
    talking.re_invite("sendrecv");
    talking.hang_up();
    let caller = lab.caller("down");
    caller.hears(200);
    assert_eq!(lab.phones.doing("overflow"), Doing::Talking);
    caller.hang_up();

    lab.start_callboard();
    let call = lab.until_call("talking", "ended");
    assert_eq!((&call["outcome"], &call["reason"]), (&json!("answered"), &json!("caller_hung_up")));
    let trace = lab.get(&format!("/calls/{}/trace", call["id"].as_str().unwrap())).to_string();
    for word in ["call_held", "call_resumed"] {
        assert!(trace.contains(word), "no {word} in {trace}");
    }
    assert_eq!(lab.agent_json("usr_ann")["detail"], "wrap_up");
    let call = lab.until_call("down", "ended");
    assert_eq!((&call["outcome"], &call["reason"]), (&json!("failed"), &json!("engine_down")));
}

/// Without an overflow callers wait for Callboard, too, and are served when it is back.
#[test]
fn callers_wait_for_a_callboard_that_is_down() {
    let Some(mut lab) = lab() else { return };
    lab.queue("support", "longest_idle");
    lab.phones.set("ann", Manner::Answers);
    lab.staff("support", &["ann"]);
    lab.kill_callboard();
    let callers: Vec<_> = ["one", "two", "three"].map(|name| lab.caller(name)).into();
    let gone = lab.caller("gone");
    callers.iter().chain([&gone]).for_each(|caller| caller.hears(182));
    gone.give_up();
    gone.hears(487);

    lab.start_callboard();
    for _ in &callers {
        let connected =
            || callers.iter().find(|c| lab.call_in_state(c.name(), "connected").is_some());
        let caller = until("one of the callers connected", connected);
        caller.hears(200);
        caller.hang_up();
        lab.until_call(caller.name(), "ended");
    }
    let call = lab.until_call("gone", "ended");
    assert_eq!(call["outcome"], "abandoned", "{call:#}");
    assert_eq!(call["offers"], json!([]), "nobody was rung for a caller who had left");
}

/// A pause too short for anyone to notice but by a phone that rings a little later.
#[test]
fn callers_wait_for_a_callboard_that_hangs() {
    let Some(lab) = lab() else { return };
    lab.queue("support", "longest_idle");
    lab.phones.set("ann", Manner::Answers);
    lab.staff("support", &["ann"]);
    lab.freeze_callboard();
    let callers: Vec<_> = ["one", "two"].map(|name| lab.caller(name)).into();
    callers.iter().for_each(|caller| caller.hears(182));
    lab.thaw_callboard();
    for _ in &callers {
        let connected =
            || callers.iter().find(|c| lab.call_in_state(c.name(), "connected").is_some());
        let caller = until("one of the callers connected", connected);
        caller.hears(200);
        caller.hang_up();
        let call = lab.until_call(caller.name(), "ended");
        assert_eq!(call["outcome"], "answered", "{call:#}");
    }
}

/// A phone that comes and goes while Callboard is away: what it is at last counts.
#[test]
fn the_last_word_about_a_phone_counts() {
    let env = vec![("CALLBOARD_OPEN_REGISTRAR", "1".to_owned())];
    let Some(mut lab) = lab_with(Setup { env, ..Setup::default() }) else { return };
    lab.queue("support", "longest_idle");
    lab.user("usr_ann", "ann");
    lab.put("/queues/support/members/usr_ann", &json!({}));
    lab.set_status("usr_ann", "ready");
    assert_eq!(lab.phones.register("ann", 60, None).status(), Some(200));
    lab.kill_callboard();
    for seconds in [0, 60, 0, 60, 0] {
        assert_eq!(lab.phones.register("ann", seconds, None).status(), Some(200));
    }
    lab.start_callboard();
    let lost = |lab: &Lab| lab.agent_json("usr_ann")["device_lost"] == Value::Bool(true);
    until("the phone lost", || lost(&lab).then_some(()));
    // Behind the last of them nothing is left that could turn it round.
    lab.caller("probe").hears(182);
    lab.until_call("probe", "waiting");
    assert!(lost(&lab));
}

/// Callboard ends the rings; while it is away the switch does, and the caller waits on.
#[test]
fn no_phone_rings_for_ever_while_callboard_is_away() {
    let Some(mut lab) = lab() else { return };
    lab.queue_with("support", "longest_idle", json!({ "ring_for_ms": 1_000 }));
    lab.staff("support", &["ann"]);
    let caller = lab.caller("alone");
    lab.until_rings("ann");
    lab.kill_callboard();
    until("the phone silent", || (lab.phones.doing("ann") == Doing::Cancelled).then_some(()));
    assert!(caller.statuses().iter().all(|status| *status < 200), "{:?}", caller.statuses());
    lab.start_callboard();
    until("the offer over", || {
        lab.call_in_state("alone", "waiting")
            .filter(|call| call["offers"][0]["outcome"].is_string())
    });
    lab.phones.set("ann", Manner::Answers);
    lab.set_status("usr_ann", "ready");
    lab.until_call("alone", "connected");
    caller.hears(200);
    caller.hang_up();
    lab.until_call("alone", "ended");
}
