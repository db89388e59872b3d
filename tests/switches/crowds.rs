//! Many phones at once.

use super::kamailio::{Lab, offers};
use super::phones::{Doing, Manner};
use crate::lab;
use crate::support::until;
use serde_json::json;

/// Of 25 phones at most 10 ring at once (`max_ringing`), and all have their turn.
#[test]
fn of_25_phones_never_more_than_10_ring_at_once() {
    let Some(lab) = lab() else { return };
    // Left alone after a miss for longer than the test: each phone rings once.
    let settings = json!({ "ring_for_ms": 2_000, "after_miss_ms": 600_000 });
    lab.queue_with("support", "simultaneous", settings);
    let names: Vec<String> = (1..=25).map(|n| format!("a{n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    lab.phones.set("a25", Manner::Answers);
    lab.staff("support", &names);

    let caller = lab.caller("crowd");
    until("ten phones", || (lab.phones.ringing().len() == 10).then_some(()));
    let call = lab.until_call("crowd", "connected");
    assert_eq!(call["agent"], "usr_a25", "{call:#}");
    assert_eq!(lab.phones.most_ringing(), 10, "{call:#}");
    let told = offers(&call);
    assert_eq!(told.len(), 25, "each once: {told:?}");
    for name in &names {
        assert_eq!(lab.phones.rung(name), 1, "{name}");
    }
    caller.hears(200);
    until("nobody rung", || lab.phones.ringing().is_empty().then_some(()));
    caller.hang_up();
    lab.until_call("crowd", "ended");
}

/// Ten places for all calls of the queue together: a second caller waits for a place.
#[test]
fn two_callers_share_the_places() {
    let Some(lab) = lab() else { return };
    lab.queue_with("support", "simultaneous", json!({ "max_ringing": 3 }));
    lab.staff("support", &["ann", "bob", "cyd", "dee", "eve"]);
    let first = lab.caller("first");
    until("three phones", || (lab.phones.ringing().len() == 3).then_some(()));
    let second = lab.caller("second");
    lab.until_call("second", "waiting");
    let rung = lab.phones.ringing();
    lab.phones.answer(&rung[0]);
    lab.until_call("first", "connected");
    lab.until_call("second", "offered");
    until("three phones for the second", || (lab.phones.ringing().len() == 3).then_some(()));
    assert_eq!(lab.phones.most_ringing(), 3);
    second.give_up();
    second.hears(487);
    first.hang_up();
    lab.until_call("first", "ended");
}

/// One phone of several is told to stop: the others ring on, and one of them is answered.
#[test]
fn one_phone_of_several_stops_and_the_others_ring_on() {
    let Some(lab) = lab() else { return };
    lab.queue_with("support", "simultaneous", json!({ "ring_for_ms": 20_000 }));
    lab.staff("support", &["ann", "bob", "cyd"]);
    let caller = lab.caller("three");
    ["ann", "bob", "cyd"].iter().for_each(|name| lab.until_rings(name));
    lab.set_status("usr_bob", "online");
    until("Bob's phone silent", || (lab.phones.doing("bob") == Doing::Cancelled).then_some(()));
    assert_eq!(lab.phones.ringing(), ["ann", "cyd"]);

    // One more beside them, and one whose answer crosses the CANCEL.
    lab.staff("support", &["dee"]);
    lab.until_rings("dee");
    lab.phones.set("cyd", Manner::AnswersTooLate);
    lab.set_status("usr_cyd", "online");
    let call = lab.until_call("three", "connected");
    assert_eq!(call["agent"], "usr_cyd", "{call:#}");
    caller.hears(200);
    until("nobody rung", || lab.phones.ringing().is_empty().then_some(()));
    assert_eq!((lab.phones.rung("ann"), lab.phones.rung("bob")), (1, 1));
    caller.hang_up();
    let call = lab.until_call("three", "ended");
    assert_eq!((&call["outcome"], &call["reason"]), (&json!("answered"), &json!("caller_hung_up")));
}

/// Two agents share a phone: it cannot ring twice for one call, and the second offer ends at once.
#[test]
fn a_shared_phone_rings_once() {
    let Some(lab) = lab() else { return };
    lab.queue("support", "simultaneous");
    let endpoint = format!("sip:shared@127.0.0.1:{}", lab.phones.port());
    for user in ["usr_ann", "usr_bob"] {
        lab.user(user, &endpoint);
        lab.put(&format!("/queues/support/members/{user}"), &json!({}));
        lab.set_status(user, "ready");
    }
    let caller = lab.caller("shared");
    let call = until("one offer failed, one ringing", || {
        let call = lab.call_named("shared")?;
        let ringing = call["offers"][0]["ringing"] == true;
        (ringing && call["offers"][1]["outcome"] == "error").then_some(call)
    });
    assert_eq!(offers(&call)[0], ("usr_ann".to_owned(), "?".to_owned()), "{call:#}");
    assert_eq!(lab.phones.rung("shared"), 1);
    lab.phones.answer("shared");
    lab.until_call("shared", "connected");
    caller.hears(200);
    caller.hang_up();
    lab.until_call("shared", "ended");
}

/// A full house through an outage: the report of all calls, the offers to all phones, and the answers
/// of all come at once.
#[test]
fn a_hundred_callers_are_served_after_an_outage() {
    let Some(mut lab) = lab() else { return };
    lab.queue_with("support", "longest_idle", json!({ "ring_for_ms": 120_000 }));
    let names: Vec<String> = (0..100).map(|n| format!("a{n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let callers: Vec<_> = (0..100).map(|n| lab.caller(&format!("call-{n}"))).collect();
    let waiting = |lab: &Lab| lab.get("/queues/support/calls")["waiting"].as_u64().unwrap();
    until("all waiting", || (waiting(&lab) == 100).then_some(()));
    lab.kill_callboard();
    lab.start_callboard();
    assert_eq!(waiting(&lab), 100);
    names.iter().for_each(|name| lab.phones.set(name, Manner::Answers));
    lab.staff("support", &names);
    for caller in &callers {
        caller.hears(200);
        lab.until_call(caller.name(), "connected");
    }
    callers.iter().for_each(super::callers::Caller::hang_up);
    for caller in &callers {
        let call = lab.until_call(caller.name(), "ended");
        assert_eq!((&call["outcome"], offers(&call).len()), (&json!("answered"), 1), "{call:#}");
    }
    for name in &names {
        assert_eq!(lab.phones.rung(name), 1, "{name}");
    }
}
