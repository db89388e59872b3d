//! The simulated switch, driven by hand.

use super::*;

fn caller() -> Caller {
    let second = Duration::from_secs(1);
    let wish = json!({ "queue": "support" });
    Caller { from: "+1".into(), wish, patience: second * 30, talk: second * 10 }
}

fn sent(acts: &[Act]) -> Vec<(String, String)> {
    let text = |event: &Value, field: &str| event[field].as_str().unwrap_or("").to_owned();
    acts.iter()
        .filter_map(|act| match act {
            Act::Send(event) => Some((text(event, "type"), text(event, "sequence"))),
            _ => None,
        })
        .collect()
}

fn one(kind: &str, sequence: &str) -> Vec<(String, String)> {
    vec![(kind.to_owned(), sequence.to_owned())]
}

fn command(seq: u64, kind: &str, offer: &str, agent: &str) -> Value {
    json!({ "seq": seq, "id": format!("cmd_{seq}"), "type": kind, "call": "b1-call-1",
        "call_id": "cal_1", "offer": offer, "agent": agent, "ring_for_ms": 15000,
        "reason": "answered_elsewhere" })
}

fn arrived() -> Exchange {
    let mut exchange = Exchange::new("edge", "b1");
    let acts = exchange.said(Said::Arrive(caller()), 1_000);
    assert_eq!(sent(&acts), one("call.arrived", "1"));
    exchange
}

#[test]
fn a_call_rings_is_answered_joined_and_over() {
    let mut x = arrived();
    let acts = x.command(&command(1, "offer.ring", "off_1", "usr_ann"), 3_500);
    assert_eq!(sent(&acts), one("offer.ringing", "2"));
    assert!(acts.contains(&Act::Phone("usr_ann".into(), Phone::Ring("off_1".into()))));
    assert_eq!(sent(&x.said(Said::PickUp("off_1".into()), 9_000)), one("offer.answered", "3"));
    let acts = x.command(&command(2, "call.connect", "off_1", "usr_ann"), 9_100);
    assert!(acts.contains(&Act::Phone("usr_ann".into(), Phone::Talk)));
    // Its ring has no power any more over a call that talks.
    assert!(x.said(Said::RungOut("off_1".into()), 9_200).is_empty());
    assert!(x.said(Said::Impatient("b1-call-1".into()), 9_300).is_empty());
    let acts = x.said(Said::Over("b1-call-1".into(), "caller"), 9_900);
    assert_eq!(sent(&acts), one("call.ended", "4"));
    assert!(acts.contains(&Act::Phone("usr_ann".into(), Phone::Over("cal_1".into()))));
    assert_eq!((x.tally.answered, x.tally.finished, x.tally.live()), (1, 1, 0));
    assert_eq!(
        (x.tally.ring_us.as_slice(), x.tally.at_once_us.as_slice()),
        (&[2_500][..], &[2_500][..])
    );
    assert!(x.tally.broken.is_empty());
}

#[test]
fn several_ring_and_the_slower_stop() {
    let mut x = arrived();
    x.command(&command(1, "offer.ring", "off_1", "usr_ann"), 2_000);
    x.command(&command(2, "offer.ring", "off_2", "usr_bob"), 2_000);
    x.said(Said::PickUp("off_2".into()), 3_000);
    let acts = x.command(&command(3, "offer.cancel", "off_1", ""), 3_100);
    assert_eq!(sent(&acts), one("offer.failed", "5"));
    assert!(acts.contains(&Act::Phone("usr_ann".into(), Phone::Stop("off_1".into()))));
    assert_eq!((x.tally.elsewhere, x.tally.broken.len()), (1, 0));
}

#[test]
fn an_abandoned_call_stops_its_phones_and_later_commands_fail() {
    let mut x = arrived();
    x.command(&command(1, "call.queue", "", ""), 1_500);
    x.command(&command(2, "offer.ring", "off_1", "usr_ann"), 2_000);
    let acts = x.said(Said::Impatient("b1-call-1".into()), 4_000);
    assert_eq!(sent(&acts), one("call.abandoned", "3"));
    assert!(acts.contains(&Act::Phone("usr_ann".into(), Phone::Stop("off_1".into()))));
    assert!(x.command(&command(3, "offer.cancel", "off_1", ""), 4_100).is_empty());
    let acts = x.command(&command(4, "offer.ring", "off_2", "usr_bob"), 4_200);
    assert_eq!(sent(&acts), one("command.failed", ""));
    assert!(x.tally.at_once_us.is_empty() && x.tally.ring_us.len() == 1);
}

#[test]
fn repeated_commands_are_dropped_and_gaps_and_double_rings_are_breaches() {
    let mut x = arrived();
    x.command(&command(1, "offer.ring", "off_1", "usr_ann"), 2_000);
    assert!(x.command(&command(1, "offer.ring", "off_1", "usr_ann"), 3_000).is_empty());
    assert!(x.tally.broken.is_empty());
    x.command(&command(2, "offer.ring", "off_2", "usr_ann"), 3_000);
    assert!(x.tally.kept(Rule::OneCallPerAgent).is_err());
    assert!(x.tally.kept(Rule::CommandOrder).is_ok());
    x.command(&command(5, "call.queue", "", ""), 3_000);
    assert!(x.tally.kept(Rule::CommandOrder).is_err());
}

#[test]
fn a_switch_that_has_just_started_takes_the_first_command_whatever_its_number() {
    let mut x = arrived();
    assert_eq!(x.done(), None);
    x.command(&command(70, "call.queue", "", ""), 2_000);
    x.command(&command(71, "offer.ring", "off_1", "usr_ann"), 2_500);
    assert_eq!((x.done(), x.tally.kept(Rule::CommandOrder)), (Some(71), Ok(())));
    x.command(&command(73, "call.queue", "", ""), 3_000);
    assert!(x.tally.kept(Rule::CommandOrder).is_err());
}

#[test]
fn a_sync_tells_every_live_call() {
    let mut x = arrived();
    x.command(&command(1, "offer.ring", "off_1", "usr_ann"), 2_000);
    x.said(Said::Arrive(caller()), 2_500);
    let acts = x.command(&command(2, "switch.sync", "", ""), 3_000);
    let [Act::Send(event)] = acts.as_slice() else { panic!("{acts:?}") };
    assert_eq!(
        event["data"]["calls"],
        json!([{ "call": "b1-call-1", "state": "offered", "offer": "off_1" },
               { "call": "b1-call-2", "state": "waiting" }])
    );
}

#[test]
fn a_call_is_known_by_the_engine_s_id_from_its_result_on() {
    let mut x = arrived();
    assert!(x.live().is_empty());
    x.result(&json!({ "id": "b1-1", "status": "accepted", "call_id": "cal_1" }));
    assert_eq!(x.live(), ["cal_1"]);
    x.result(&json!({ "id": "b1-9", "status": "rejected" }));
    assert!(x.tally.kept(Rule::EventsTaken).is_err());
}
