//! One call, played by SIPp on both sides.

use super::kamailio::assert_answered;
use crate::support::until;
use crate::{NUMBER, lab};
use serde_json::Value;

#[test]
fn a_caller_finds_an_agent_who_is_ready() {
    let Some(lab) = lab() else { return };
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
    let Some(lab) = lab() else { return };
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
    let Some(lab) = lab() else { return };
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
