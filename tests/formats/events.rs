//! The journal's format: one instance of each event, as it is written.

use crate::told::alerts;
use crate::{snake, variants};
use callboard::domain::event::{Cause, Changed, Event, Next, OfferFailure, Outcome, Withdrawn};
use callboard::domain::ids::{AgentIx, CallId, CommandId, OfferId, QueueIx, SessionId, SwitchIx};
use callboard::domain::media::Media;
use callboard::domain::objects::queue::{Exit, Order, Source};
use callboard::domain::objects::user::Role;
use callboard::domain::objects::{
    AccessGroup, Calendar, Member, Preferred, Queue, QueueKind, RoleBody, Route, Skill, SkillNeed,
    SkipIf, Step, Switch, Target, Team, User,
};
use callboard::domain::presence::Status;
use callboard::domain::signing::{LinkPurpose, SessionEnd};
use callboard::domain::switching::{
    CancelReason, Drawn, EndedBy, SortKey, SuperviseMode, SyncCall, SyncState, TransferKind,
    TransferTo, Why,
};
use callboard::domain::time::Millis;
use serde_json::{Value, json};
use std::fmt::Write as _;

const SOURCE: &str = include_str!("../../src/domain/event.rs");
const CALL: CallId = CallId(7);
const OFFER: OfferId = OfferId(8);
const AGENT: AgentIx = AgentIx(1);
const QUEUE: QueueIx = QueueIx(2);
const SWITCH: SwitchIx = SwitchIx(3);
const UNTIL: Millis = Millis(1_795_291_215_000);

/// Why an agent was chosen, every field set.
pub fn why() -> Why {
    let key = |idle_since| SortKey {
        position: Some(1),
        count: Some(2),
        stars: Some(3),
        level: Some(500),
        weight: Some(3),
        versatility: Some(4),
        talk_ms: Some(61_000),
        occupancy_ppm: Some(250_000),
        idle_since: Millis(idle_since),
    };
    Why {
        order: Order::Stars,
        step: Some(0),
        candidates: 2,
        winner: key(1_795_291_200_000),
        runner_up: Some(key(1_795_291_200_001)),
        offline: 1,
        opted_out: 2,
        busy: 3,
        delayed: 1,
        not_fitting: 4,
        stars_ignored: true,
        drawn: Some(Drawn { point: 4, of: 9 }),
        preferred: false,
        assigned_by: None,
    }
}

fn need() -> SkillNeed {
    SkillNeed { skill: "spanish".into(), min: 40, max: Some(90) }
}

fn configuration() -> Vec<Event> {
    let by = || "owner".into();
    let user = json!({ "email": "ann@acme.test", "first_name": "Ann", "last_name": "Lee",
        "extension": "1001", "endpoint": "sip:ann@192.0.2.1", "skills": { "spanish": 80 },
        "capacity": { "voice": 1, "chat": 3 }, "blocked_until": "2026-11-21T20:00:00.000Z",
        "archived": true, "time_zone": "Europe/Berlin", "schedule": "office", "domain": "acme.test",
        "caller_id": "+15550000", "caller_ids": ["+15550000"], "recording": "off",
        "crm_updates": "on", "may_use_own_number": false, "may_choose_caller_id": false,
        "may_edit_offline": false, "may_dial_domains": false, "numbers": ["+15551"],
        "contacts": [{ "to": { "number": "+15552" } }] });
    let queue = json!({ "name": "Support", "strategy": "skilled", "competency": true,
        "recording": true, "crm_updates": true,
        "steps": [{ "after_ms": 0, "skills": [{ "skill": "spanish", "min": 40 }], "stars_min": 2,
            "agents": ["usr_ann"] }],
        "exits": { "max_wait_ms": 120_000, "on_max_wait": { "queue": "overflow" } } });
    let switch = json!({ "name": "Edge", "webhook": { "url": "http://edge.test/", "authorization": "Basic x" } });
    let route = json!({ "number": "+15559990000", "to": { "queue": "support" }, "skills": [
        { "skill": "spanish", "min": 40 }], "priority": 1 });
    let calendar = json!({ "name": "Office", "time_zone": "Europe/Berlin",
        "hours": { "mon": ["09:00-12:00", "13:00-24:00"] },
        "holidays": [{ "date": "2026-12-25", "name": "Christmas", "hours": ["10:00-11:00"] }] });
    let calendar = Calendar::parse(&calendar).expect("a calendar");
    vec![
        Event::AccountSet(Box::default()),
        Event::SkillPut {
            id: "spanish".into(),
            by: by(),
            skill: Skill { name: "Spanish".into(), level_required: true, min: 1, max: 100 },
        },
        Event::SkillDeleted { id: "spanish".into(), by: by() },
        Event::UserPut {
            id: "usr_ann".into(),
            by: by(),
            user: Box::new(User::parse(&user).expect("a user")),
            personal: 1,
            has_endpoint: true,
        },
        Event::UserChanged {
            agent: AGENT,
            by: by(),
            role: Some(Role::Supervisor),
            skills: Some([("spanish".to_owned(), Some(80))].into()),
            capacity: Some([(Media::Chat, 3)].into()),
        },
        Event::UserErased { agent: AGENT, by: by() },
        Event::Imported { import: 7, by: by(), made: vec![AGENT], changed: vec![AGENT], secret: 1 },
        Event::ImportUndone { import: 7, by: by() },
        Event::QueuePut {
            id: "support".into(),
            by: by(),
            queue: Box::new(Queue::parse(QueueKind::Queue, &queue).expect("a queue")),
        },
        Event::QueueDeleted { queue: QUEUE, by: by() },
        Event::MemberPut {
            queue: QUEUE,
            agent: AGENT,
            by: by(),
            member: Member { stars: 3, position: 1 },
            source: Source::Team,
        },
        Event::MemberDeleted { queue: QUEUE, agent: AGENT, by: by() },
        Event::TeamPut { id: "north".into(), by: by(), team: Team { name: "North".into() } },
        Event::TeamJoined { team: "north".into(), agent: AGENT, by: by() },
        Event::TeamLeft { team: "north".into(), agent: AGENT, by: by() },
        Event::TeamQueuePut {
            team: "north".into(),
            queue: QUEUE,
            by: by(),
            member: Member { stars: 2, position: 1 },
        },
        Event::TeamQueueDeleted { team: "north".into(), queue: QUEUE, by: by() },
        Event::TeamDeleted { id: "north".into(), by: by() },
        Event::RoutePut {
            id: "main".into(),
            by: by(),
            route: Route::parse(&route).expect("a route"),
        },
        Event::RouteDeleted { id: "main".into(), by: by() },
        Event::SwitchPut {
            id: "edge".into(),
            by: by(),
            switch: Box::new(Switch::parse(&switch).expect("a switch")),
        },
        Event::SwitchDeleted { switch: SWITCH, by: by() },
        Event::BreakReasonPut { id: "lunch".into(), by: by(), name: "Lunch".into() },
        Event::DispositionPut { id: "sold".into(), by: by(), name: "Sold".into() },
        Event::DispositionDeleted { id: "sold".into(), by: by() },
        Event::BreakReasonDeleted { id: "lunch".into(), by: by() },
        Event::CalendarPut { id: "office".into(), by: by(), calendar: Box::new(calendar) },
        Event::CalendarDeleted { id: "office".into(), by: by() },
    ]
}

fn presence() -> Vec<Event> {
    let by = || "usr_sue".into();
    let next = Next {
        status: Status::OnBreak,
        reason: Some("lunch".into()),
        forced_by: Some(by()),
        cause: Cause::Own,
    };
    let agent = AGENT;
    vec![
        Event::Notified { message: 9, by: by(), text: "Lunch".into(), agents: vec![AGENT] },
        Event::MessageRead { agent: AGENT, message: 9 },
        Event::DayBegan { day: 20_778 },
        Event::DiceSeeded { seed: 1 },
        Event::Resumed { away_ms: 1_500 },
        Event::StatusSet {
            agent,
            status: Status::Online,
            reason: Some("missed".into()),
            cause: Cause::Missed,
            by: None,
        },
        Event::StatusForced { agent, status: Status::Ready, reason: None, by: by() },
        Event::NextSet { agent, next: Some(next) },
        Event::ForcedCleared { agent, by: by() },
        Event::Leased { agent, until: UNTIL },
        Event::LeaseLapsed { agent },
        Event::DeskOpened { agent, desk: 5 },
        Event::DeskClosed { agent, desk: 5, grace_until: Some(UNTIL) },
        Event::DesksLost { agent, grace_until: UNTIL },
        Event::DeviceRegistered { agent },
        Event::DeviceLost { agent, unreached: true },
        Event::OwnCallStarted {
            agent,
            switch: SWITCH,
            subject: "own@edge".into(),
            internal: false,
        },
        Event::OwnCallEnded { agent, switch: SWITCH, subject: "own@edge".into() },
        Event::OptedIn { agent, queue: QUEUE, opted_in: false, by: by() },
        Event::Delayed { agent, until: UNTIL },
        Event::DelayEnded { agent },
        Event::CountStarted { agent, queue: QUEUE, from: 4 },
        Event::CountLeft { agent, queue: QUEUE },
        Event::BlockEnded { agent },
    ]
}

fn calls() -> Vec<Event> {
    let (call, offer, agent, queue) = (CALL, OFFER, AGENT, QUEUE);
    vec![
        Event::CallArrived {
            call,
            switch: SWITCH,
            subject: "c1@edge".into(),
            media: Media::Voice,
            to: Some("+15559990000".into()),
            personal: Some(2),
            priority: 1,
            skills: vec![need()],
            replayed: true,
            route_priority: 0,
            route_skills: Vec::new(),
            steps: None,
            preferred: None,
        },
        Event::CallArrived {
            call,
            switch: SWITCH,
            subject: "c2@edge".into(),
            media: Media::Voice,
            to: None,
            personal: None,
            priority: 3,
            skills: vec![need()],
            replayed: false,
            route_priority: 1,
            route_skills: vec![need()],
            steps: Some(vec![Step {
                after_ms: 500,
                also: vec![Target::Queue("sales".into())],
                skip_if: Some(SkipIf::NobodyLoggedIn),
                ..Step::default()
            }]),
            preferred: Some(Preferred { agent: Some("usr_ann".into()), hold_for_ms: 20_000 }),
        },
        Event::CallQueued { call, queue, hop: true },
        Event::CallParked { call, position: 3 },
        Event::CallUpdated {
            call,
            priority: Some(-1),
            skills: Some(vec![need()]),
            personal: Some(2),
            by: None,
        },
        Event::CallUpdated {
            call,
            priority: Some(-1),
            skills: None,
            personal: None,
            by: Some("usr_sue".into()),
        },
        Event::StepBegan { call, step: 1 },
        Event::PreferredHeld { call, agent, for_ms: 20_000 },
        Event::HoldEnded { call },
        Event::LastAgentNoted { call, agent },
        Event::CallAssigned { call, agent, by: "usr_sue".into() },
        Event::AssignmentDropped { call, agent },
        Event::CallMoved { call, queue, by: "usr_sue".into() },
        Event::CallbackMade {
            call,
            switch: SWITCH,
            queue,
            of: Some(call),
            personal: 4,
            priority: 0,
            skills: Vec::new(),
            not_before: None,
            by: None,
        },
        Event::CallbackMade {
            call,
            switch: SWITCH,
            queue,
            of: None,
            personal: 4,
            priority: 2,
            skills: vec![SkillNeed { skill: "spanish".into(), min: 40, max: None }],
            not_before: Some(Millis(1_795_291_200_000)),
            by: Some("usr_sue".into()),
        },
        Event::CallbackDue { call },
        Event::CallbackChanged {
            call,
            personal: 4,
            not_before: Some(Millis(1_795_291_200_000)),
            by: "usr_sue".into(),
        },
        Event::CustomerDialed { call, offer, until: Millis(1_795_291_200_000) },
        Event::CustomerReached { call },
        Event::CustomerMissed {
            call,
            reason: "no_answer".into(),
            again_at: Some(Millis(1_795_291_200_000)),
            tell: true,
        },
        Event::CallAnnounced { call, position: 2, times: 3 },
        Event::HoldAsked { call, hold: true, by: "ann".into() },
        Event::TransferAsked {
            call,
            to: TransferTo::Agent("usr_bob".into()),
            kind: TransferKind::Attended,
            by: "ann".into(),
        },
        Event::ViewPut { agent, id: "late".into(), view: crate::saved_view() },
        Event::ViewDeleted { agent, id: "late".into() },
        Event::SuperviseAsked { call, agent, mode: SuperviseMode::Whisper, by: "usr_sue".into() },
        Event::SuperviseEnded { call, agent, tell: true, by: Some("usr_sue".into()) },
        Event::SuperviseEnded { call, agent, tell: false, by: None },
        Event::DirectLineMade {},
        Event::CallDirected { call, agent },
        Event::CallHanded { call, agent },
        Event::CallJoined { call, agent },
        Event::CallOffered {
            call,
            offer,
            agent,
            round: 1,
            ring_for_ms: 15_000,
            until: UNTIL,
            full_ring: true,
            at_desk: false,
            through: None,
            over: false,
            why: Box::new(why()),
            dice: Some(5),
        },
        Event::CallOffered {
            call,
            offer,
            agent,
            round: 2,
            ring_for_ms: 15_000,
            until: UNTIL,
            full_ring: true,
            at_desk: false,
            through: Some(queue),
            over: true,
            why: Box::new(Why {
                preferred: true,
                assigned_by: Some("usr_sue".into()),
                stars_ignored: false,
                drawn: None,
                ..why()
            }),
            dice: None,
        },
        Event::CallRequeued { call },
        Event::WidthGrown { call },
        Event::PassBegan { call },
        Event::PassSpaced { call },
        Event::RoundClosing { call, until: UNTIL },
        Event::LegConfirmed { call, offer },
        Event::RoundClosed { call },
        Event::CallHeld { call },
        Event::CallResumed { call },
        Event::CallTransferred { call, to: Some(queue) },
        Event::ExitDue { call, exit: Exit::MaxWait },
        Event::CallExited { call, exit: Exit::Total, to: Target::Number("+15550000000".into()) },
        Event::CallAbandoned { call, waited_ms: 4_200 },
        Event::CallEnded {
            call,
            outcome: Outcome::Answered,
            reason: "caller_hung_up".into(),
            by: Some(EndedBy::Caller),
            tell: false,
        },
        Event::LegEnded { call, agent },
        Event::WrapUpStarted { call, agent, queue, until: UNTIL },
        Event::WrapUpEnded { call, agent, disposition: Some("solved".into()) },
        Event::CallsForgotten { ended_before: UNTIL },
    ]
}

fn offers() -> Vec<Event> {
    let (call, offer, agent) = (CALL, OFFER, AGENT);
    vec![
        Event::OfferRinging { offer },
        Event::OfferMissed { offer, told_by_switch: true },
        Event::OfferRefused { offer, told_by_switch: false },
        Event::OfferFailed { offer, reason: OfferFailure::Busy, told_by_switch: true },
        Event::OfferWithdrawn { offer, reason: Withdrawn::AnsweredElsewhere },
        Event::OfferAnswerAsked { offer },
        Event::CallAnswered { call, offer, agent, over: false, connect: true },
        Event::JoinFailed { call, offer, agent },
        Event::AnswerStopped { call, offer, reason: CancelReason::AnsweredElsewhere },
    ]
}

fn switches() -> Vec<Event> {
    let switch = SWITCH;
    let there = SyncCall { call: "c1@edge".into(), state: SyncState::Offered, offer: Some(OFFER) };
    vec![
        Event::Heard {
            switch,
            event: 5_247_172_821_874_767_778,
            call: Some(CALL),
            sequence: Some(2),
            replayed: false,
            extra: None,
        },
        Event::Heard {
            switch,
            event: 5,
            call: None,
            sequence: None,
            replayed: true,
            extra: Some(7),
        },
        Event::EventParked {
            switch,
            event: 9,
            subject: "c1@edge".into(),
            sequence: 4,
            what: Box::new(json!({ "id": "e4" })),
            until: UNTIL,
        },
        Event::EventsUnparked { switch, subject: "c1@edge".into(), sequence: 4 },
        Event::GapSkipped { call: CALL, sequence: 4 },
        Event::EventNoted {
            switch,
            call: Some(CALL),
            kind: "acme.moved".into(),
            data: Box::new(json!({ "floor": 3 })),
        },
        Event::SwitchBooted { switch, bootid: "f01d".into() },
        Event::SwitchPromised { switch, link: Some(true) },
        Event::SwitchSpoke { switch },
        Event::SwitchSuspected { switch },
        Event::SyncAsked { switch },
        Event::AgentDialed {
            agent: AGENT,
            by: "usr_ann".into(),
            switch,
            to: "+15551230001".into(),
            caller_id: Some("+15550000000".into()),
        },
        Event::SwitchSynced { switch, calls: vec![there] },
        Event::Thawed { call: CALL },
        Event::ReplayEnded { call: CALL },
        Event::CommandsDone { switch, seq: 12 },
        Event::CommandFailed { switch, command: CommandId(9), reason: "expired".into() },
    ]
}

fn rights() -> Vec<Event> {
    let by = || "owner".into();
    let role = json!({ "name": "Night", "like": "supervisor", "permissions": ["work", "log.read"],
        "monitor": { "reach": "team", "roles": ["agent"] } });
    let group = json!({ "name": "North", "members": ["usr_ann"], "queues": ["support"] });
    vec![
        Event::RolePut {
            id: "night".into(),
            by: by(),
            role: Box::new(RoleBody::parse(&role).expect("a role")),
        },
        Event::RoleDeleted { id: "night".into(), by: by() },
        Event::AccessGroupPut {
            id: "north".into(),
            by: by(),
            group: Box::new(AccessGroup::parse(&group).expect("an access group")),
        },
        Event::AccessGroupDeleted { id: "north".into(), by: by() },
    ]
    .into_iter()
    .chain(alerts())
    .collect()
}

fn asked() -> Event {
    let changed = |field: &str, before, after| Changed { field: field.into(), before, after };
    Event::Asked {
        by: "usr_sue".into(),
        user: Some("usr_sue".into()),
        key: None,
        address: Some(14),
        action: "user.put".into(),
        subject: "usr_ann".into(),
        changed: vec![
            changed("email", None, None),
            changed("role", Some("agent".into()), Some("supervisor".into())),
        ],
    }
}

fn signing() -> Vec<Event> {
    let (agent, session) = (AGENT, SessionId(11));
    let by = Some("owner".into());
    vec![
        Event::PasswordSet { agent, by: "owner".into(), secret: 12 },
        Event::LinkMade {
            agent,
            by: "owner".into(),
            purpose: LinkPurpose::Reset,
            hash: "2f77668a".into(),
            until: UNTIL,
        },
        Event::LinkEnded { agent, used: true },
        Event::MailQueued { agent, secret: 15 },
        Event::MailSent { agent },
        Event::MailFailed { agent, code: Some(451), last: false },
        Event::SessionOpened {
            agent,
            session,
            hash: "5a1f".into(),
            until: UNTIL,
            idle_ms: 43_200_000,
            origin: 13,
        },
        Event::SessionSeen { agent, session },
        Event::SessionEnded { agent, session, cause: SessionEnd::Revoked, by },
    ]
}

/// At least one instance of each, by kind.
pub fn one_of_each() -> Vec<Event> {
    [configuration(), rights(), vec![asked()], signing(), presence(), calls(), offers(), switches()]
        .concat()
}

/// The name on the wire.
pub fn kind(event: &Event) -> String {
    match serde_json::to_value(event).expect("JSON") {
        Value::Object(tagged) => tagged.keys().next().expect("a tag").clone(),
        other => panic!("{other} has no tag"),
    }
}

#[test]
fn there_is_an_instance_of_every_event() {
    let mut made: Vec<String> = one_of_each().iter().map(kind).collect();
    let mut wanted: Vec<String> = variants(SOURCE, "Event").iter().map(|v| snake(v)).collect();
    made.sort();
    made.dedup();
    wanted.sort();
    assert!(wanted.len() > 70, "only {} variants were found", wanted.len());
    assert_eq!(made, wanted);
}

#[test]
fn every_event_is_written_as_it_always_was_and_reads_back() {
    let mut lines = String::new();
    for event in one_of_each() {
        let line = serde_json::to_string(&event).expect("JSON");
        assert_eq!(serde_json::from_str::<Event>(&line).expect("an event"), event);
        writeln!(lines, "{line}").expect("written");
    }
    insta::assert_snapshot!(lines);
}

#[test]
fn a_record_with_an_unknown_event_is_refused_not_skipped() {
    let body = br#"[{"day_began":{"day":1}},{"from_the_future":{"call":1}}]"#;
    let mut engine = callboard::engine::Engine::new("default", 1);
    let error = engine.replay(1, UNTIL, body).expect_err("unreadable").to_string();
    assert!(error.contains("record 1") && error.contains("from_the_future"), "{error}");
}
