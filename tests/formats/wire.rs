//! What switches get: every command, and every shape of an event's result.

use crate::events::why;
use crate::variants;
use callboard::domain::ids::{CallId, CommandId, OfferId};
use callboard::domain::problem::FieldError;
use callboard::domain::switching::{
    CancelReason, Command, Effect, Estimate, EventResult, ResultStatus, RouteKind, SuperviseMode,
    TransferKind, TransferTo,
};
use callboard::domain::time::Millis;
use serde_json::{Value, json};

const SOURCE: &str = include_str!("../../src/domain/switching.rs");
const MADE_AT: Millis = Millis(1_795_291_200_123);

fn offer() -> OfferId {
    OfferId::after(OfferId(0), MADE_AT)
}

fn effects() -> Vec<Effect> {
    let offer = offer();
    vec![
        Effect::CallQueue { position: 2, ewt_ms: Some(Estimate { p50: 12_000, p90: 40_000 }) },
        Effect::CallAnnounce { position: 2, ewt_ms: None },
        Effect::OfferRing {
            offer,
            round: 1,
            agent: "usr_ann".into(),
            endpoint: "sip:ann@192.0.2.1".into(),
            ring_for_ms: 15_000,
            callback: false,
            why: Box::new(why()),
        },
        Effect::OfferRing {
            offer,
            round: 2,
            agent: "usr_ann".into(),
            endpoint: "sip:ann@192.0.2.1".into(),
            ring_for_ms: 15_000,
            callback: true,
            why: Box::new(why()),
        },
        Effect::OfferCancel { offer, reason: CancelReason::AnsweredElsewhere },
        Effect::OfferAnswer { offer },
        Effect::CallConnect { offer, agent: "usr_ann".into() },
        Effect::CallOriginate {
            offer: Some(offer),
            agent: "usr_ann".into(),
            endpoint: None,
            to: "+15551230001".into(),
            caller_id: Some("+15550000000".into()),
        },
        Effect::CallOriginate {
            offer: Some(offer),
            agent: "usr_ann".into(),
            endpoint: None,
            to: "+15551230001".into(),
            caller_id: None,
        },
        Effect::CallOriginate {
            offer: None,
            agent: "usr_ann".into(),
            endpoint: Some("sip:ann@127.0.0.1:5071".into()),
            to: "+15551230001".into(),
            caller_id: None,
        },
        Effect::CallHold {},
        Effect::CallResume {},
        Effect::CallTransfer {
            to: TransferTo::Agent("usr_bob".into()),
            kind: TransferKind::Attended,
        },
        Effect::CallSupervise {
            supervisor: "usr_sue".into(),
            endpoint: "sip:sue@127.0.0.1:5072".into(),
            mode: SuperviseMode::Whisper,
        },
        Effect::CallRoute { to: "+15550000000".into(), kind: RouteKind::Number },
        Effect::CallRoute { to: "support".into(), kind: RouteKind::Voicemail },
        Effect::CallEnd { reason: "no_route".into() },
        Effect::SwitchSync {},
    ]
}

/// Each command as it goes out; one about no call last.
pub fn commands() -> Vec<Value> {
    let of_effect = |(nth, effect): (usize, Effect)| {
        let about_call = !matches!(effect, Effect::SwitchSync {});
        let command = Command {
            seq: nth as u64 + 1,
            id: CommandId::after(CommandId(nth as u64), MADE_AT),
            call: about_call.then(|| "c1@edge".into()),
            call_id: about_call.then(|| CallId::after(CallId(0), MADE_AT)),
            time: MADE_AT,
            deadline: MADE_AT.plus(60_000),
            effect,
        };
        serde_json::to_value(command).expect("JSON")
    };
    effects().into_iter().enumerate().map(of_effect).collect()
}

/// `OfferRing` → `offer.ring`.
pub fn dotted(variant: &str) -> String {
    crate::snake(variant).replacen('_', ".", 1)
}

#[test]
fn every_command_goes_out_as_it_always_did() {
    let mut types: Vec<String> =
        commands().iter().map(|c| c["type"].as_str().expect("a type").to_owned()).collect();
    types.dedup();
    let wanted: Vec<String> = variants(SOURCE, "Effect").iter().map(|v| dotted(v)).collect();
    assert!(wanted.len() > 5, "only {} variants were found", wanted.len());
    assert_eq!(types, wanted);
    insta::assert_json_snapshot!(commands());
}

#[test]
fn every_result_of_an_event_has_one_of_these_shapes() {
    let result = |status, code, call_id, error| EventResult {
        id: "e1".into(),
        status,
        code,
        call_id,
        error,
    };
    let call = Some(CallId::after(CallId(0), MADE_AT));
    let wrong = FieldError::new("/data/offer", "required", "is missing");
    let all = [
        result(ResultStatus::Accepted, None, call, None),
        result(ResultStatus::Accepted, None, None, None),
        result(ResultStatus::Accepted, Some("no_route"), call, None),
        result(ResultStatus::Duplicate, None, call, None),
        result(ResultStatus::Ignored, Some("late"), call, None),
        result(ResultStatus::Rejected, Some("invalid"), None, Some(wrong)),
    ];
    for status in ResultStatus::ALL {
        assert!(all.iter().any(|r| r.status == *status), "{status} is missing");
    }
    insta::assert_json_snapshot!(all);
}

#[test]
fn a_name_of_a_variant_is_the_name_on_the_wire() {
    assert_eq!(dotted("OfferRing"), "offer.ring");
    assert_eq!(dotted("AgentCallStarted"), "agent.call_started");
    assert_eq!(json!(CancelReason::AnsweredElsewhere), "answered_elsewhere");
}
