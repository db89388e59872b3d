//! Which phone rings next, and for how long an agent is left alone after what happened at the phone.

use super::kamailio::{Setup, assert_answered, offers};
use super::phones::{Doing, Manner};
use crate::support::until;
use crate::{NUMBER, lab, lab_with};
use serde_json::json;

#[test]
fn a_sequential_queue_hunts_past_a_busy_and_a_silent_phone() {
    let Some(lab) = lab() else { return };
    lab.queue_with("support", "sequential", json!({ "ring_for_ms": 1_500 }));
    lab.phones.set("ann", Manner::Busy);
    lab.phones.set("bob", Manner::Rings);
    lab.phones.set("cyd", Manner::Answers);
    lab.staff("support", &["ann", "bob", "cyd"]);

    let caller = lab.caller("hunt");
    let call = lab.until_call("hunt", "connected");
    let expected = [("usr_ann", "busy"), ("usr_bob", "missed"), ("usr_cyd", "answered")];
    let expected = expected.map(|(agent, outcome)| (agent.to_owned(), outcome.to_owned()));
    assert_eq!(offers(&call), expected, "{call:#}");
    assert_eq!(lab.phones.doing("bob"), Doing::Cancelled);

    caller.hears(180);
    caller.hears(200);
    caller.hang_up();
    let call = lab.until_call("hunt", "ended");
    assert_eq!((&call["outcome"], &call["reason"]), (&json!("answered"), &json!("caller_hung_up")));
}

/// Miss, refusal, busy and unreachable each leave the agent alone for a time of their own.
#[test]
fn what_happened_at_the_phone_is_told_apart_and_has_its_own_delay() {
    let Some(lab) = lab() else { return };
    let delays = [
        ("ann", Manner::Rings, "missed", 61_000),
        ("bob", Manner::Refuses, "refused", 62_000),
        ("cyd", Manner::Busy, "busy", 63_000),
        ("dee", Manner::Dead, "unreachable", 64_000),
    ];
    let settings = json!({
        "ring_for_ms": 3_000, "after_miss_ms": 61_000, "after_refusal_ms": 62_000,
        "after_busy_ms": 63_000, "after_unreachable_ms": 64_000
    });
    lab.queue_with("support", "sequential", settings);
    delays.iter().for_each(|(name, manner, ..)| lab.phones.set(name, *manner));
    lab.staff("support", &["ann", "bob", "cyd", "dee"]);

    let caller = lab.caller("delays");
    let call = until("all four to be tried", || {
        let call = lab.call_named("delays")?;
        (offers(&call).len() == 4 && call["state"] == "waiting").then_some(call)
    });
    let candidates = lab.get(&format!("/calls/{}/candidates", call["id"].as_str().unwrap()));
    for (at, (name, _, outcome, delay_ms)) in delays.iter().enumerate() {
        let (offer, user) = (&call["offers"][at], format!("usr_{name}"));
        assert_eq!((&offer["agent"], &offer["outcome"]), (&json!(user), &json!(outcome)));
        let agent = lab.agent_json(&user);
        assert_eq!(agent["status"], "ready", "a sequential queue sends nobody away: {agent:#}");
        assert_eq!(agent["queues"][0]["blocked_by"], "delay", "{agent:#}");
        assert_eq!(agent["queues"][0]["presence"], "busy", "{agent:#}");
        let against = &candidates["items"][at];
        let until = plus(offer["closed_at"].as_str().unwrap(), *delay_ms);
        let words = format!("is left alone until {until} after the last offer");
        assert_eq!((&against["against"], &against["detail"]), (&json!("delay"), &json!(words)));
    }
    caller.give_up();
    caller.hears(487);
    lab.until_call("delays", "ended");
}

/// The delay over, the same call comes again.
#[test]
fn an_agent_who_refused_is_asked_again_when_the_delay_is_over() {
    let Some(lab) = lab() else { return };
    let settings = json!({ "after_refusal_ms": 1_000, "again_after_ms": 0 });
    lab.queue_with("support", "longest_idle", settings);
    lab.phones.set("ann", Manner::Refuses);
    lab.staff("support", &["ann"]);
    let caller = lab.caller("again");
    until("the first refusal", || (lab.phones.rung("ann") == 1).then_some(()));
    lab.phones.set("ann", Manner::Answers);
    let call = lab.until_call("again", "connected");
    let (first, second) = (&call["offers"][0], &call["offers"][1]);
    assert_eq!((&first["outcome"], &second["outcome"]), (&json!("refused"), &json!("answered")));
    let earliest = plus(first["closed_at"].as_str().unwrap(), 1_000);
    assert!(second["made_at"].as_str().unwrap() >= earliest.as_str(), "{call:#}");
    caller.hang_up();
    assert_answered(&lab, "again", &[("usr_ann", "answered"), ("usr_ann", "refused")]);
}

#[test]
fn a_missed_call_sets_the_agent_online() {
    let Some(lab) = lab() else { return };
    lab.queue_with("support", "longest_idle", json!({ "ring_for_ms": 1_000 }));
    lab.staff("support", &["ann"]);
    let caller = lab.caller("missed");
    until("Ann to be online", || (lab.agent_json("usr_ann")["status"] == "online").then_some(()));
    let agent = lab.agent_json("usr_ann");
    assert_eq!(agent["reason"], "missed", "{agent:#}");
    assert_eq!(agent["queues"][0]["blocked_by"], "not_ready", "{agent:#}");
    let call = lab.until_call("missed", "waiting");
    assert_eq!(offers(&call), [("usr_ann".to_owned(), "missed".to_owned())]);
    until("the phone silent", || (lab.phones.doing("ann") == Doing::Cancelled).then_some(()));
    caller.give_up();
    caller.hears(487);
}

/// Two offers in a row that reach nothing: the device counts as lost.
#[test]
fn a_phone_that_is_not_there_counts_as_lost() {
    let Some(lab) = lab() else { return };
    let settings = json!({ "after_unreachable_ms": 0, "again_after_ms": 0 });
    lab.queue_with("support", "longest_idle", settings);
    lab.phones.set("ann", Manner::Dead);
    lab.staff("support", &["ann"]);
    let caller = lab.caller("nowhere");
    let lost = || (lab.agent_json("usr_ann")["device_lost"] == true).then_some(());
    until("the device lost", lost);
    let call = lab.until_call("nowhere", "waiting");
    assert_eq!(offers(&call).iter().filter(|(_, how)| how == "unreachable").count(), 2);
    assert_eq!(lab.agent_json("usr_ann")["queues"][0]["blocked_by"], "device_lost");
    lab.phones.set("ann", Manner::Answers);
    lab.set_status("usr_ann", "ready");
    lab.until_call("nowhere", "connected");
    caller.hang_up();
}

/// An address to which nothing can be sent: told at once, and the next agent's phone rings.
#[test]
fn an_address_that_leads_nowhere_is_unreachable() {
    let Some(lab) = lab() else { return };
    lab.queue("support", "sequential");
    lab.user("usr_lost", "sip:lost@127.0.0.1:5070;transport=sctp");
    lab.put("/queues/support/members/usr_lost", &json!({ "position": 1 }));
    lab.set_status("usr_lost", "ready");
    let caller = lab.caller("astray");
    let call = until("the first offer over", || {
        let call = lab.call_named("astray")?;
        call["offers"][0]["outcome"].is_string().then_some(call)
    });
    assert_eq!(offers(&call)[0], ("usr_lost".to_owned(), "unreachable".to_owned()), "{call:#}");
    lab.phones.set("ann", Manner::Answers);
    lab.staff("support", &["ann"]);
    lab.until_call("astray", "connected");
    caller.hears(200);
    caller.hang_up();
    lab.until_call("astray", "ended");
}

/// More offers than one SIP transaction has branches: the call goes on in a fresh one, in which it
/// can still be rung, cancelled, and answered.
#[test]
fn a_call_is_offered_more_often_than_a_transaction_has_branches() {
    let Some(lab) = lab() else { return };
    let settings = json!({ "after_busy_ms": 0, "again_after_ms": 0, "ring_for_ms": 20_000 });
    lab.queue_with("support", "longest_idle", settings);
    lab.phones.set("ann", Manner::Busy);
    lab.staff("support", &["ann"]);
    let caller = lab.caller("patient");
    until("20 offers", || (lab.phones.rung("ann") >= 20).then_some(()));
    lab.phones.set("ann", Manner::Rings);
    lab.until_rings("ann");

    // Taken back in the fresh transaction: the phone stops, and the caller stays.
    lab.set_status("usr_ann", "online");
    until("the phone silent", || (lab.phones.doing("ann") == Doing::Cancelled).then_some(()));
    lab.until_call("patient", "waiting");
    assert!(caller.statuses().iter().all(|status| *status < 200), "{:?}", caller.statuses());

    lab.set_status("usr_ann", "ready");
    lab.until_rings("ann");
    lab.phones.answer("ann");
    lab.until_call("patient", "connected");
    caller.hears(200);
    caller.hang_up();
    let call = lab.until_call("patient", "ended");
    assert_eq!((&call["outcome"], &call["reason"]), (&json!("answered"), &json!("caller_hung_up")));
    until("the agent's phone hung up on", || {
        (lab.phones.doing("ann") == Doing::HungUpOn).then_some(())
    });
}

/// A caller may give up in the fresh transaction, too.
#[test]
fn a_caller_gives_up_after_many_offers() {
    let Some(lab) = lab() else { return };
    let settings = json!({ "after_busy_ms": 0, "again_after_ms": 0, "ring_for_ms": 20_000 });
    lab.queue_with("support", "longest_idle", settings);
    lab.phones.set("ann", Manner::Busy);
    lab.staff("support", &["ann"]);
    let (first, second) = (lab.caller("while-ringing"), lab.caller("while-waiting"));
    until("20 offers", || (lab.phones.rung("ann") >= 20).then_some(()));
    lab.phones.set("ann", Manner::Rings);
    lab.until_rings("ann");
    // Whichever of the two rings, both end alike.
    for caller in [&first, &second] {
        caller.give_up();
        caller.hears(487);
        let call = lab.until_call(caller.name(), "ended");
        assert_eq!(call["outcome"], "abandoned", "{call:#}");
    }
    until("the phone silent", || lab.phones.ringing().is_empty().then_some(()));
    until("Ann offerable", || lab.offerable("usr_ann").then_some(()));
}

/// The exit `exhausted` of a call whose switch can ring nobody more for it, with what the guide says
/// for every floor, and for one without `simultaneous`.
#[test]
fn a_call_that_used_up_its_offers_leaves_by_the_exit_for_that() {
    for offers_per_call in [28, 100] {
        let setup = Setup { offers_per_call: Some(offers_per_call), ..Setup::default() };
        let Some(lab) = lab_with(setup) else { return };
        let settings = json!({ "after_busy_ms": 0, "again_after_ms": 0 });
        lab.queue_with("support", "longest_idle", settings);
        lab.phones.set("ann", Manner::Busy);
        lab.staff("support", &["ann"]);
        let caller = lab.caller("exhausted");
        caller.hears(480);
        let call = lab.until_call("exhausted", "ended");
        assert_eq!((&call["outcome"], &call["reason"]), (&json!("exited"), &json!("exhausted")));
        let made = offers_per_call as usize - 1;
        assert_eq!(
            (offers(&call).len(), lab.phones.rung("ann")),
            (made, made),
            "one way out is kept"
        );
    }
}

/// An exit to a number that the switch cannot dial must not leave the caller in the air.
#[test]
fn a_way_out_that_the_switch_cannot_take_ends_the_call() {
    let Some(lab) = lab() else { return };
    let exits = json!({ "exits": { "max_wait_ms": 500, "on_max_wait": { "number": "4711" } } });
    lab.queue_with("support", "longest_idle", exits);
    let caller = lab.caller("nowhere-to-go");
    caller.hears(480);
    let call = lab.until_call("nowhere-to-go", "ended");
    assert_eq!((&call["outcome"], &call["reason"]), (&json!("exited"), &json!("max_wait")));
}

/// An exit to a number, dialled.
#[test]
fn a_call_leaves_by_its_exit_to_a_number() {
    let Some(lab) = lab() else { return };
    let number = format!("sip:voicemail@127.0.0.1:{}", lab.phones.port());
    let exits = json!({ "exits": { "max_wait_ms": 500, "on_max_wait": { "number": number } } });
    lab.queue_with("support", "longest_idle", exits);
    lab.phones.set("voicemail", Manner::Answers);
    let caller = lab.caller("leaves");
    caller.hears(200);
    assert_eq!(lab.phones.doing("voicemail"), Doing::Talking);
    caller.hang_up();
    until("the voicemail hung up on", || {
        (lab.phones.doing("voicemail") == Doing::HungUpOn).then_some(())
    });
}

#[test]
fn a_number_without_a_route_is_not_found() {
    let Some(lab) = lab() else { return };
    let caller = lab.caller_to("lost", "+15550000000");
    caller.hears(404);
    assert_ne!(NUMBER, "+15550000000");
    let call = lab.until_call("lost", "ended");
    assert_eq!((&call["outcome"], &call["reason"]), (&json!("failed"), &json!("no_route")));
}

/// An instant of the wire, so many milliseconds later.
fn plus(instant: &str, ms: i64) -> String {
    let at: jiff::Timestamp = instant.parse().unwrap();
    let at = at + jiff::SignedDuration::from_millis(ms);
    format!("{at:.3}")
}
