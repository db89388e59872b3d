//! `kill -9` of Callboard, and a Kamailio that restarts, with calls waiting, ringing and talking.

use super::callers::Caller;
use super::kamailio::Lab;
use super::phones::{Doing, Manner};
use crate::lab;
use crate::support::until;
use jiff::Timestamp;
use serde_json::{Value, json};

/// Ann is in wrap-up, Bob talks, Cyd's phone rings, two callers wait.
struct Floor {
    talks: Caller,
    rings: Caller,
    waits: [Caller; 2],
}

const AGENTS: [&str; 3] = ["usr_ann", "usr_bob", "usr_cyd"];
const CALLS: [&str; 5] = ["done", "talks", "rings", "waits-1", "waits-2"];

impl Floor {
    fn at(lab: &Lab) -> Floor {
        let settings = json!({
            "ring_for_ms": 120_000, "wrap_up": { "manual": true, "max_ms": 600_000 }
        });
        lab.queue_with("support", "longest_idle", settings);
        lab.phones.set("ann", Manner::Answers);
        lab.staff("support", &["ann"]);
        let done = lab.caller("done");
        lab.until_call("done", "connected");
        done.hears(200);
        done.hang_up();
        lab.until_call("done", "ended");
        lab.phones.set("bob", Manner::Answers);
        lab.staff("support", &["ann", "bob"]);
        let talks = lab.caller("talks");
        let call = lab.until_call("talks", "connected");
        assert_eq!(call["agent"], "usr_bob", "Ann is in wrap-up: {call:#}");
        talks.hears(200);
        lab.staff("support", &["ann", "bob", "cyd"]);
        let rings = lab.caller("rings");
        lab.until_rings("cyd");
        let waits = ["waits-1", "waits-2"].map(|name| {
            let caller = lab.caller(name);
            lab.until_call(name, "waiting");
            caller
        });
        Floor { talks, rings, waits }
    }
}

/// All that the API tells of agents, their places in the queue, and calls, but for the end of Ann's
/// wrap-up, which comes apart.
fn picture(lab: &Lab) -> (Value, Timestamp) {
    let mut agents: Vec<Value> = AGENTS.iter().map(|user| lab.agent_json(user)).collect();
    let until = agents[0]["wrap_ups"][0]["until"].as_str().expect("Ann's wrap-up").parse();
    agents[0]["wrap_ups"][0]["until"] = Value::Null;
    let calls: Vec<Value> = CALLS.iter().map(|name| lab.call_named(name).expect("known")).collect();
    let staff = lab.get("/queues/support/staff");
    let line = lab.get("/queues/support/calls");
    (json!({ "agents": agents, "calls": calls, "staff": staff, "line": line }), until.unwrap())
}

#[test]
fn a_killed_callboard_goes_on_where_it_was() {
    let Some(mut lab) = lab() else { return };
    let floor = Floor::at(&lab);
    let before = Timestamp::now();
    let (picture_before, wrap_up_before) = picture(&lab);
    lab.kill_callboard();
    lab.start_callboard();
    let (picture_after, wrap_up_after) = picture(&lab);
    let after = Timestamp::now();

    assert_eq!(picture_after, picture_before);
    // What was left of the wrap-up is left: its end moved by the time away.
    let moved = wrap_up_after.duration_since(wrap_up_before).as_millis();
    let away = after.duration_since(before).as_millis();
    assert!((0..=away + 1_000).contains(&moved), "moved by {moved} ms in {away} ms");

    lab.phones.answer("cyd");
    let call = lab.until_call("rings", "connected");
    assert_eq!(call["agent"], "usr_cyd", "{call:#}");
    floor.rings.hears(200);

    let done = lab.call_named("done").unwrap();
    lab.post(&format!("/calls/{}/wrap_up/end", done["id"].as_str().unwrap()), &json!({}));
    let call = lab.until_call("waits-1", "connected");
    assert_eq!(call["agent"], "usr_ann", "{call:#}");
    floor.waits[0].hears(200);
    assert_eq!(lab.call_named("waits-2").unwrap()["position"], 1);

    floor.talks.hang_up();
    let call = lab.until_call("talks", "ended");
    assert_eq!((&call["outcome"], &call["reason"]), (&json!("answered"), &json!("caller_hung_up")));
    assert_eq!(lab.agent_json("usr_bob")["detail"], "wrap_up");
    let counts: Vec<Value> = lab.get("/queues/support/staff")["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| member["count"].clone())
        .collect();
    assert_eq!(counts, [2, 1, 1], "offers of the day: Ann's first and last, Bob's, Cyd's");
    floor.waits[1].give_up();
    floor.waits[1].hears(487);
    for caller in [&floor.rings, &floor.waits[0]] {
        caller.hang_up();
        lab.until_call(caller.name(), "ended");
    }
}

/// What ended while Callboard was away is not taken up again: the phone stopped ringing, a waiting
/// caller has left, the talk is over.
#[test]
fn a_killed_callboard_hears_what_ended_meanwhile() {
    let Some(mut lab) = lab() else { return };
    let floor = Floor::at(&lab);
    lab.kill_callboard();
    floor.rings.give_up();
    floor.rings.hears(487);
    floor.waits[0].give_up();
    floor.waits[0].hears(487);
    floor.talks.hang_up();
    lab.start_callboard();
    for name in ["rings", "waits-1"] {
        let call = lab.until_call(name, "ended");
        assert_eq!(call["outcome"], "abandoned", "{call:#}");
    }
    let call = lab.until_call("talks", "ended");
    assert_eq!(call["reason"], "caller_hung_up", "{call:#}");
    // Cyd is free, and the caller who stayed is next.
    lab.until_rings("cyd");
    lab.phones.answer("cyd");
    lab.until_call("waits-2", "connected");
    floor.waits[1].hears(200);
    floor.waits[1].hang_up();
    lab.until_call("waits-2", "ended");
}

#[test]
fn the_calls_of_a_switch_that_restarts_are_over() {
    let Some(mut lab) = lab() else { return };
    let floor = Floor::at(&lab);
    lab.restart_kamailio();
    for (name, outcome) in
        [("talks", "answered"), ("rings", "failed"), ("waits-1", "failed"), ("waits-2", "failed")]
    {
        let call = lab.until_call(name, "ended");
        let expected = (&json!(outcome), &json!("switch_restart"));
        assert_eq!((&call["outcome"], &call["reason"]), expected, "{call:#}");
    }
    let [ann, bob, cyd] = AGENTS.map(|user| lab.agent_json(user));
    assert_eq!(ann["detail"], "wrap_up", "of before: {ann:#}");
    assert_eq!(bob["detail"], "wrap_up", "who talked: {bob:#}");
    assert_eq!((&cyd["detail"], &cyd["offerable"]), (&json!("idle"), &json!(true)), "{cyd:#}");
    // Those who talk never noticed, and can hang up.
    floor.talks.hang_up();
    until("Bob's phone hung up on", || (lab.phones.doing("bob") == Doing::HungUpOn).then_some(()));
    drop(floor);

    lab.phones.set("cyd", Manner::Answers);
    let caller = lab.caller("after");
    let call = lab.until_call("after", "connected");
    assert_eq!(call["agent"], "usr_cyd", "{call:#}");
    caller.hears(200);
    caller.hang_up();
    lab.until_call("after", "ended");
    until("Cyd's phone hung up on", || (lab.phones.doing("cyd") == Doing::HungUpOn).then_some(()));
}
