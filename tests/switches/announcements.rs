//! Callers who are told their place while they wait.

use super::kamailio::{Lab, Setup, assert_answered};
use super::phones::{Doing, Manner};
use crate::lab_with;
use crate::support::until;
use serde_json::json;

/// A queue that tells each caller the place at once, with the phone `queue` as the announcer.
fn announcing(manner: Manner) -> Option<Lab> {
    let lab = lab_with(Setup { announcer: true, ..Setup::default() })?;
    let announce = json!({ "announce": { "first_after_ms": 0, "every_ms": null } });
    lab.queue_with("support", "longest_idle", announce);
    lab.phones.set("queue", manner);
    Some(lab)
}

fn until_announcer_is(lab: &Lab, doing: Doing) {
    until(&format!("the announcer {doing:?}"), || {
        (lab.phones.doing("queue") == doing).then_some(())
    });
}

#[test]
fn a_caller_hears_the_place_in_early_media_and_then_a_phone_rings() {
    let Some(lab) = announcing(Manner::Announces) else { return };
    let caller = lab.caller("told");
    caller.hears(183);
    until_announcer_is(&lab, Doing::Announcing);
    assert_eq!(lab.until_call("told", "waiting")["position"], 1);
    assert_eq!(lab.phones.ends_announcement("queue"), "1");

    lab.phones.set("ann", Manner::Answers);
    lab.staff("support", &["ann"]);
    lab.until_call("told", "connected");
    caller.hears(200);
    caller.hang_up();
    assert_answered(&lab, "told", &[("usr_ann", "answered")]);
    assert_eq!(lab.phones.rung("queue"), 1, "told once");
}

#[test]
fn an_agent_who_becomes_free_is_rung_at_once_and_the_announcement_is_cut_short() {
    let Some(lab) = announcing(Manner::Announces) else { return };
    let caller = lab.caller("cut");
    caller.hears(183);
    until_announcer_is(&lab, Doing::Announcing);
    lab.staff("support", &["ann"]);
    lab.until_rings("ann");
    until_announcer_is(&lab, Doing::Cancelled);
    lab.phones.answer("ann");
    lab.until_call("cut", "connected");
    caller.hears(200);
    caller.hang_up();
    assert_answered(&lab, "cut", &[("usr_ann", "answered")]);
}

#[test]
fn a_caller_gives_up_during_the_announcement() {
    let Some(lab) = announcing(Manner::Announces) else { return };
    let caller = lab.caller("left");
    caller.hears(183);
    until_announcer_is(&lab, Doing::Announcing);
    caller.give_up();
    caller.hears(487);
    until_announcer_is(&lab, Doing::Cancelled);
    assert_eq!(lab.until_call("left", "ended")["outcome"], "abandoned");
}

#[test]
fn a_caller_waits_on_when_the_announcer_is_silent() {
    let Some(lab) = announcing(Manner::Dead) else { return };
    let caller = lab.caller("untold");
    caller.hears(182);
    // Two seconds of silence, and Kamailio says that the command came to nothing.
    until("the failed command", || {
        let feed = lab.get("/feed?limit=1000").to_string();
        (feed.contains("command_failed") && feed.contains("not_applicable")).then_some(())
    });
    lab.until_call("untold", "waiting");
    lab.phones.set("ann", Manner::Answers);
    lab.staff("support", &["ann"]);
    lab.until_call("untold", "connected");
    caller.hears(200);
    caller.hang_up();
    assert_answered(&lab, "untold", &[("usr_ann", "answered")]);
}
