//! Callers and agents who talk, hold, hang up, give up.

use super::kamailio::{assert_answered, offers};
use super::phones::{Doing, Manner};
use crate::lab;
use crate::support::until;
use serde_json::json;

#[test]
fn a_caller_gives_up_while_waiting() {
    let Some(lab) = lab() else { return };
    lab.queue("support", "longest_idle");
    let caller = lab.caller("impatient");
    caller.hears(182);
    lab.until_call("impatient", "waiting");
    caller.give_up();
    caller.hears(487);
    let call = lab.until_call("impatient", "ended");
    assert_eq!((&call["outcome"], &call["reason"]), (&json!("abandoned"), &json!("abandoned")));
    assert_eq!(call["offers"], json!([]));
}

#[test]
fn a_caller_gives_up_while_a_phone_rings() {
    let Some(lab) = lab() else { return };
    lab.queue("support", "longest_idle");
    lab.staff("support", &["ann"]);
    let caller = lab.caller("hasty");
    lab.until_rings("ann");
    caller.hears(180);
    caller.give_up();
    caller.hears(487);
    let call = lab.until_call("hasty", "ended");
    assert_eq!(call["outcome"], "abandoned", "{call:#}");
    assert_eq!(call["offers"][0]["outcome"], "withdrawn", "{call:#}");
    assert_eq!(call["offers"][0]["reason"], "abandoned", "{call:#}");
    until("the phone silent", || (lab.phones.doing("ann") == Doing::Cancelled).then_some(()));
    until("Ann offerable at once", || lab.offerable("usr_ann").then_some(()));
}

#[test]
fn an_agent_hangs_up_and_is_in_wrap_up() {
    let Some(lab) = lab() else { return };
    let wrap_up = json!({ "wrap_up": { "manual": true, "max_ms": 60_000 } });
    lab.queue_with("support", "longest_idle", wrap_up);
    lab.phones.set("ann", Manner::Answers);
    lab.staff("support", &["ann"]);
    let caller = lab.caller("talked");
    lab.until_call("talked", "connected");
    caller.hears(200);
    lab.phones.hang_up("ann");
    caller.is_hung_up_on();
    let call = lab.until_call("talked", "ended");
    assert_eq!((&call["outcome"], &call["reason"]), (&json!("answered"), &json!("agent_hung_up")));
    let agent = lab.agent_json("usr_ann");
    assert_eq!((&agent["detail"], &agent["offerable"]), (&json!("wrap_up"), &json!(false)));
    assert_eq!(agent["wrap_ups"][0]["call"], call["id"], "{agent:#}");
}

#[test]
fn a_caller_hangs_up_and_the_agent_is_free() {
    let Some(lab) = lab() else { return };
    lab.queue("support", "longest_idle");
    lab.phones.set("ann", Manner::Answers);
    lab.staff("support", &["ann"]);
    for name in ["first", "second"] {
        let caller = lab.caller(name);
        lab.until_call(name, "connected");
        caller.hears(200);
        caller.hang_up();
        let call = lab.until_call(name, "ended");
        assert_eq!(call["reason"], "caller_hung_up", "{call:#}");
        assert_answered(&lab, name, &[("usr_ann", "answered")]);
        until("the phone hung up on", || {
            (lab.phones.doing("ann") == Doing::HungUpOn).then_some(())
        });
        until("Ann offerable", || lab.offerable("usr_ann").then_some(()));
    }
}

#[test]
fn a_call_is_held_and_taken_back_by_either_side() {
    let Some(lab) = lab() else { return };
    lab.queue("support", "longest_idle");
    lab.phones.set("ann", Manner::Answers);
    lab.staff("support", &["ann"]);
    let caller = lab.caller("held");
    lab.until_call("held", "connected");
    caller.hears(200);
    let until_held = |held: bool, detail: &str| {
        until(&format!("the call {detail}"), || {
            let call = lab.call_named("held")?;
            let seen = lab.agent_json("usr_ann")["detail"] == detail;
            (call["held"] == held && seen).then_some(())
        });
    };
    until_held(false, "talking");
    lab.phones.re_invite("ann", "sendonly");
    until_held(true, "holding");
    lab.phones.re_invite("ann", "sendrecv");
    until_held(false, "talking");
    caller.re_invite("sendonly");
    until_held(true, "holding");
    caller.re_invite("sendrecv");
    until_held(false, "talking");
    caller.hang_up();
    assert_answered(&lab, "held", &[("usr_ann", "answered")]);
}

/// Callers who wait are told their place (`X-Queue-Position` of a 182), and are served in that order.
#[test]
fn waiting_callers_are_told_their_places() {
    let Some(lab) = lab() else { return };
    lab.queue("support", "longest_idle");
    let mut callers = Vec::new();
    for (place, name) in [(1, "one"), (2, "two"), (3, "three")] {
        let caller = lab.caller(name);
        let what = format!("{name} to be told place {place}");
        until(&what, || (caller.places() == [place]).then_some(()));
        callers.push(caller);
    }
    lab.phones.set("ann", Manner::Answers);
    lab.staff("support", &["ann"]);
    for caller in &callers {
        lab.until_call(caller.name(), "connected");
        caller.hears(200);
        caller.hang_up();
        lab.until_call(caller.name(), "ended");
    }
}

#[test]
fn a_conversation_is_ended_from_the_desk() {
    let Some(lab) = lab() else { return };
    lab.queue("support", "longest_idle");
    lab.phones.set("ann", Manner::Answers);
    lab.staff("support", &["ann"]);
    let caller = lab.caller("talks");
    let call = lab.until_call("talks", "connected");
    caller.hears(200);
    lab.post(&format!("/calls/{}/end", call["id"].as_str().unwrap()), &json!({}));
    caller.is_hung_up_on();
    until("the phone hung up on", || (lab.phones.doing("ann") == Doing::HungUpOn).then_some(()));
    assert_answered(&lab, "talks", &[("usr_ann", "answered")]);
    until("Ann offerable", || lab.offerable("usr_ann").then_some(()));
}

/// The queue's `total_ms` is over while phones ring: they stop, and the caller is let go.
#[test]
fn a_call_that_rang_long_enough_is_over() {
    let Some(lab) = lab() else { return };
    lab.queue_with("support", "simultaneous", json!({ "total_ms": 2_000 }));
    lab.staff("support", &["ann", "bob"]);
    let caller = lab.caller("total");
    lab.until_rings("ann");
    lab.until_rings("bob");
    caller.hears(480);
    let call = lab.until_call("total", "ended");
    assert_eq!((&call["outcome"], &call["reason"]), (&json!("exited"), &json!("total")));
    for name in ["ann", "bob"] {
        assert_eq!(lab.phones.doing(name), Doing::Cancelled, "{name}");
    }
}

/// A group has an extension, which rings its members, who need only be `online`.
#[test]
fn a_groups_extension_rings_the_group() {
    let Some(lab) = lab() else { return };
    lab.put("/groups/sales", &json!({ "name": "Sales", "extension": "4100", "total_ms": 20_000 }));
    for name in ["ann", "bob"] {
        let user = format!("usr_{name}");
        lab.user(&user, &format!("sip:{name}@127.0.0.1:{}", lab.phones.port()));
        lab.put(&format!("/groups/sales/members/{user}"), &json!({}));
        lab.set_status(&user, "online");
    }
    let caller = lab.caller_to("inside", "4100");
    lab.until_rings("ann");
    lab.until_rings("bob");
    lab.phones.answer("bob");
    let call = lab.until_call("inside", "connected");
    assert_eq!(call["agent"], "usr_bob", "{call:#}");
    caller.hears(200);
    until("Ann's phone silent", || (lab.phones.doing("ann") == Doing::Cancelled).then_some(()));
    lab.phones.hang_up("bob");
    caller.is_hung_up_on();
    assert_answered(&lab, "inside", &[("usr_ann", "withdrawn"), ("usr_bob", "answered")]);
}

/// The answer crosses the CANCEL that ends the ring: the caller has the agent, and that is a fact.
#[test]
fn a_late_answer_is_a_fact_and_nobody_else_is_rung() {
    let Some(lab) = lab() else { return };
    lab.queue_with("support", "longest_idle", json!({ "ring_for_ms": 1_000 }));
    lab.phones.set("ann", Manner::AnswersTooLate);
    lab.staff("support", &["ann"]);
    let caller = lab.caller("late");
    let call = lab.until_call("late", "connected");
    assert_eq!(call["agent"], "usr_ann", "{call:#}");
    assert_eq!(offers(&call), [("usr_ann".to_owned(), "answered".to_owned())], "{call:#}");
    let trace = lab.get(&format!("/calls/{}/trace", call["id"].as_str().unwrap())).to_string();
    assert!(trace.contains("missed"), "the ring had ended before the answer: {trace}");
    caller.hears(200);

    lab.staff("support", &["bob"]);
    let probe = lab.caller("probe");
    lab.until_rings("bob");
    assert_eq!(lab.call_named("probe").unwrap()["offers"][0]["agent"], "usr_bob");
    assert_eq!(lab.phones.rung("bob"), 1, "rung by the probe alone");
    probe.give_up();
    probe.hears(487);
    caller.hang_up();
    let call = lab.until_call("late", "ended");
    assert_eq!((&call["outcome"], &call["reason"]), (&json!("answered"), &json!("caller_hung_up")));
    until("the phone hung up on", || (lab.phones.doing("ann") == Doing::HungUpOn).then_some(()));
}

/// … also while the next phone rings already: that one stops.
#[test]
fn a_late_answer_stops_the_next_phone() {
    let Some(lab) = lab() else { return };
    lab.queue_with("support", "sequential", json!({ "ring_for_ms": 1_000 }));
    lab.phones.set("ann", Manner::AnswersTooLate);
    lab.staff("support", &["ann", "bob"]);
    let caller = lab.caller("crossing");
    let call = lab.until_call("crossing", "connected");
    assert_eq!(call["agent"], "usr_ann", "{call:#}");
    caller.hears(200);
    until("nobody rung", || lab.phones.ringing().is_empty().then_some(()));
    until("Bob offerable", || lab.offerable("usr_bob").then_some(()));
    assert_eq!(lab.phones.doing("ann"), Doing::Talking);
    caller.hang_up();
    lab.until_call("crossing", "ended");
}
