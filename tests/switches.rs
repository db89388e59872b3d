//! Real telephony: Kamailio is the switch, SIPp plays callers and phones, Callboard decides.
//!
//! `CALLBOARD_PEERS=off` leaves these out where Kamailio and SIPp are not installed; without it
//! their absence is a failure. `tests/run` installs them.

#[path = "switches/kamailio.rs"]
mod kamailio;
mod support;

use kamailio::Lab;
use serde_json::Value;
use support::until;

const NUMBER: &str = "+15559990000";

/// Whether to run. Says so when not, and fails when it should but cannot.
fn peers() -> bool {
    if std::env::var("CALLBOARD_PEERS").is_ok_and(|value| value == "off") {
        eprintln!("not run: Kamailio and SIPp are left out (CALLBOARD_PEERS=off)");
        return false;
    }
    kamailio::assert_installed();
    true
}

#[test]
fn a_caller_finds_an_agent_who_is_ready() {
    if !peers() {
        return;
    }
    let lab = Lab::start();
    lab.queue("support", "longest_idle");
    let mut phone = lab.phone("phone_answers");
    lab.agent("usr_ann", phone.port, "support");
    lab.set_status("usr_ann", "ready");

    let mut caller = lab.call("immediate", NUMBER);
    let call = until("the call connected", || lab.call_in_state("immediate", "connected"));
    assert_eq!(call["agent"], "usr_ann", "{call:#}");
    assert_eq!(call["from"], "+15551230001", "{call:#}");

    caller.must_succeed();
    phone.must_succeed();
    assert_answered(&lab, "immediate", &[("usr_ann", "answered")]);
    until("Ann offerable again", || lab.offerable("usr_ann").then_some(()));
}

#[test]
fn a_caller_waits_until_an_agent_becomes_ready() {
    if !peers() {
        return;
    }
    let lab = Lab::start();
    lab.queue("support", "longest_idle");
    let mut phone = lab.phone("phone_answers");
    lab.agent("usr_ann", phone.port, "support");

    let mut caller = lab.call("patient", NUMBER);
    let call = until("the call waiting", || lab.call_in_state("patient", "waiting"));
    assert_eq!(call["queue"], "support", "{call:#}");
    assert_eq!(call["agent"], Value::Null, "{call:#}");

    lab.set_status("usr_ann", "ready");
    let call = until("the call connected", || lab.call_in_state("patient", "connected"));
    assert_eq!(call["agent"], "usr_ann", "{call:#}");

    caller.must_succeed();
    phone.must_succeed();
    assert_answered(&lab, "patient", &[("usr_ann", "answered")]);
}

#[test]
fn three_phones_ring_and_the_first_answer_cancels_the_others() {
    if !peers() {
        return;
    }
    let lab = Lab::start();
    lab.queue("support", "simultaneous");
    let mut answers = lab.phone("phone_answers");
    let mut others = [lab.phone("phone_cancelled"), lab.phone("phone_cancelled")];
    for (user, port) in
        [("usr_bob", others[0].port), ("usr_ann", answers.port), ("usr_cyd", others[1].port)]
    {
        lab.agent(user, port, "support");
        lab.set_status(user, "ready");
    }

    let mut caller = lab.call("together", NUMBER);
    let call = until("the call connected", || lab.call_in_state("together", "connected"));
    assert_eq!(call["agent"], "usr_ann", "{call:#}");

    // The scenario of the others succeeds only by a CANCEL.
    for phone in &mut others {
        phone.must_succeed();
    }
    for user in ["usr_bob", "usr_cyd"] {
        until("the others offerable again", || lab.offerable(user).then_some(()));
    }
    caller.must_succeed();
    answers.must_succeed();
    let offers = [("usr_ann", "answered"), ("usr_bob", "withdrawn"), ("usr_cyd", "withdrawn")];
    assert_answered(&lab, "together", &offers);
}

/// The call is over, was answered, and was offered once to each of these agents, with this outcome.
fn assert_answered(lab: &Lab, name: &str, expected: &[(&str, &str)]) {
    let call = until("the call ended", || lab.call_in_state(name, "ended"));
    assert_eq!(call["outcome"], "answered", "{call:#}");
    let offers = call["offers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let word = |offer: &Value, field: &str| offer[field].as_str().unwrap_or("?").to_owned();
    let mut found: Vec<(String, String)> =
        offers.iter().map(|offer| (word(offer, "agent"), word(offer, "outcome"))).collect();
    found.sort();
    let expected: Vec<(String, String)> =
        expected.iter().map(|(agent, outcome)| (agent.to_string(), outcome.to_string())).collect();
    assert_eq!(found, expected, "{call:#}");
}
