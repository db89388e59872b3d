//! `parse(to_json(x)) == x` for every object: a merge patch rests on it.

use super::queue::{NobodyWhen, OnMiss, Preset, RingFor, WrapUp};
use super::user::{Assignment, Personal, UserKind, UserState};
use super::*;
use crate::domain::fields::merge;
use crate::domain::media::Media;
use crate::domain::objects::account::OptInAtLogin;
use crate::domain::objects::user::Role;
use crate::domain::time::Millis;
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

fn label() -> impl Strategy<Value = String> {
    "[A-Za-zäß] ?[A-Za-z0-9 ]{0,20}x"
}

fn id() -> impl Strategy<Value = String> {
    "[a-z0-9][a-z0-9_-]{0,10}"
}

fn user_id() -> impl Strategy<Value = String> {
    "usr_[a-z0-9_-]{1,10}"
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        id().prop_map(Target::Queue),
        id().prop_map(Target::Group),
        "[+0-9]{1,20}".prop_map(Target::Number),
        Just(Target::End(true)),
    ]
}

fn needs() -> impl Strategy<Value = Vec<SkillNeed>> {
    btree_map(id(), (1..=50u16, of(50..=100u16)), 0..4).prop_map(|map| {
        map.into_iter().map(|(skill, (min, max))| SkillNeed { skill, min, max }).collect()
    })
}

fn step() -> impl Strategy<Value = Step> {
    let agents = of(proptest::collection::btree_set(user_id(), 0..4));
    let also = proptest::collection::btree_set((any::<bool>(), id()), 0..3);
    (needs(), of(1..=4u8), agents, also, of(select(SkipIf::ALL))).prop_map(
        |(skills, stars_min, agents, also, skip_if)| Step {
            after_ms: 0,
            skills,
            stars_min,
            agents: agents.map(|set| set.into_iter().collect()),
            also: (also.into_iter())
                .map(|(group, id)| if group { Target::Group(id) } else { Target::Queue(id) })
                .collect(),
            skip_if,
        },
    )
}

/// A list in order; the last is never skipped.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec((step(), 1..=60_000u64), 0..4).prop_map(|list| {
        let last = list.len();
        let mut after_ms = 0;
        let in_order = list.into_iter().enumerate().map(|(i, (step, more))| {
            let this = after_ms;
            after_ms += more;
            let skip_if = step.skip_if.filter(|_| i + 1 < last);
            Step { after_ms: this, skip_if, ..step }
        });
        in_order.collect()
    })
}

fn preferred() -> impl Strategy<Value = Preferred> {
    (of(user_id()), 1..=60_000u64).prop_map(|(agent, hold_for_ms)| Preferred { agent, hold_for_ms })
}

fn exits() -> impl Strategy<Value = Exits> {
    let actions = [target(), target(), target(), target(), target()];
    (of(1..=1_000_000u64), of(0..=100u32), select(NobodyWhen::ALL), actions, of(target())).prop_map(
        |(max_wait_ms, max_waiting, nobody, [a, b, c, d, e], on_exhausted)| Exits {
            max_wait_ms,
            max_waiting,
            nobody,
            on_max_wait: a,
            on_max_waiting: b,
            on_nobody: c,
            on_total: d,
            on_missed: e,
            on_exhausted,
        },
    )
}

fn queue() -> impl Strategy<Value = Queue> {
    let plan = (
        select(Preset::ALL),
        of(1..=60_000u64),
        select(OnMiss::ALL),
        of(1..=20u32),
        any::<bool>(),
        0..=60_000u64,
    )
        .prop_map(|(preset, ring, on_miss, attempts, again, again_after_ms)| {
            let mut plan = preset.plan();
            plan.ring_for = ring.map_or(plan.ring_for, RingFor::Ms);
            queue::Plan { on_miss, attempts, again, again_after_ms, ..plan }
        });
    let numbers = (-1_000..=1_000i32, -1_000..=1_000i32, of(1..=100u32), 0..=9u32, 0..=9u32);
    let delays = [0..=60_000u64, 0..=60_000, 0..=60_000, 0..=60_000, 0..=60_000, 1..=60_000];
    let group = (of("[0-9]{3,6}"), proptest::collection::btree_set(user_id(), 0..3));
    let words = (label(), select(queue::QueueKind::ALL), select(queue::Needs::ALL), any::<bool>());
    let asked = (steps(), of(preferred()));
    let rest = (asked, exits(), of(1..=60_000u64), any::<bool>(), select(Media::ALL));
    (words, plan, numbers, delays, group, rest).prop_map(
        |(
            (name, kind, needs, competency),
            plan,
            (priority, weight, max_ringing, max_misses, max_unreachable),
            [refusal, busy, unreachable, miss, short, long],
            (extension, supervisors),
            ((steps, preferred), exits, total, manual, media),
        )| {
            let group = kind == QueueKind::Group;
            Queue {
                kind,
                name,
                media,
                needs,
                competency,
                priority,
                weight,
                total_ms: if plan.preset.needs_total() { Some(long) } else { total },
                plan,
                max_ringing,
                wrap_up: WrapUp { ms: long, manual },
                max_misses,
                max_unreachable,
                after_refusal_ms: refusal,
                after_busy_ms: busy,
                after_unreachable_ms: unreachable,
                after_miss_ms: miss,
                short_abandon_ms: short,
                steps,
                preferred,
                exits,
                extension: extension.filter(|_| group),
                supervisors: supervisors.into_iter().filter(|_| group).collect(),
            }
        },
    )
}

fn user() -> impl Strategy<Value = User> {
    let people = &[Role::Owner, Role::Administrator, Role::Supervisor, Role::Agent][..];
    let personal =
        (of("[a-z]{1,8}@[a-z]{1,8}"), label(), label(), of("sip:[a-z]{1,8}@10[.]0[.]0[.]7"));
    let words = (
        select(UserKind::ALL),
        select(people),
        select(UserState::ALL),
        select(Assignment::ALL),
        any::<bool>(),
    );
    let rest = (
        of("[0-9]{3,6}"),
        btree_map(id(), of(1..=100u16), 0..4),
        btree_map(select(Media::ALL), 0..=100u8, 0..4),
        of(0..=4_000_000_000_000i64),
    );
    (personal, words, rest).prop_map(
        |(
            (email, first, last, endpoint),
            (kind, role, state, assignment, may_opt),
            (extension, skills, capacity, blocked),
        )| User {
            personal: Personal { email, first_name: Some(first), last_name: Some(last), endpoint },
            kind,
            role,
            extension,
            skills,
            capacity,
            state,
            assignment,
            blocked_until: blocked.map(Millis),
            may_opt,
        },
    )
}

fn switch() -> impl Strategy<Value = Switch> {
    let flags = vec(any::<bool>(), 9);
    let webhook = (of("Bearer [a-z]{1,9}"), of("whsec_[A-Za-z0-9+/]{32}")).prop_map(
        |(authorization, secret)| Webhook {
            url: "http://10.0.0.7/cb".into(),
            authorization,
            secret,
        },
    );
    (
        label(),
        of(webhook),
        flags,
        of(1..=99u32),
        proptest::collection::btree_set(select(Media::ALL), 0..3),
    )
        .prop_map(|(name, webhook, flags, offers_per_call, media)| Switch {
            name,
            webhook,
            capabilities: Capabilities {
                connects: switch::Connects::ALL[usize::from(flags[0])],
                times_ring: flags[1],
                adds_leg: flags[2],
                cancels_one_leg: flags[3],
                offers_per_call,
                answers_for_agent: flags[4],
                media: media.into_iter().collect(),
                hold: flags[5],
                transfer: flags[6],
                announce: flags[7],
                originate: flags[8],
                supervise: true,
            },
        })
}

proptest! {
    #[test]
    fn a_queue_reads_as_it_is_shown(queue in queue()) {
        prop_assert_eq!(Queue::parse(queue.kind, &queue.to_json()), Ok(queue));
    }

    #[test]
    fn a_user_reads_as_it_is_shown(user in user()) {
        prop_assert_eq!(User::parse(&user.to_json()), Ok(user));
    }

    #[test]
    fn a_switch_reads_as_it_is_stored_and_never_shows_its_secrets(switch in switch()) {
        prop_assert_eq!(Switch::parse(&switch.to_json()), Ok(switch.clone()));
        let shown = switch.public_json().to_string();
        if let Some(webhook) = &switch.webhook {
            for secret in webhook.secret.iter().chain(&webhook.authorization) {
                prop_assert!(!shown.contains(secret.as_str()), "{} stands in {}", secret, shown);
            }
        }
    }

    #[test]
    fn the_small_objects_read_as_they_are_shown(
        (name, digits, position, stars) in (label(), 3..=6u8, 1..=100_000u32, 1..=4u8),
        (number, to, skills, priority) in ("[+0-9]{1,20}", id(), needs(), -1_000..=1_000i32),
        opt in select(OptInAtLogin::ALL),
    ) {
        let account = Account {
            name: name.clone(),
            time_zone: "Europe/Berlin".into(),
            lease_grace_ms: u64::from(position),
            max_unleased_ms: u64::from(position),
            opt_in_at_login: opt,
            voice_over_others: stars > 2,
            extension_digits: digits,
            max_hops: stars,
        };
        prop_assert_eq!(Account::parse(&account.to_json()), Ok(account));
        let skill = Skill { name: name.clone(), level_required: stars > 2, min: 2, max: 90 };
        prop_assert_eq!(Skill::parse(&skill.to_json()), Ok(skill));
        let member = Member { stars, position };
        prop_assert_eq!(Member::parse(&member.to_json()), Ok(member));
        let reason = BreakReason { name };
        prop_assert_eq!(BreakReason::parse(&reason.to_json()), Ok(reason));
        let to = if stars > 2 { Target::Queue(to) } else { Target::Group(to) };
        let route = Route { number, to, skills, priority };
        prop_assert_eq!(Route::parse(&route.to_json()), Ok(route));
    }
}

/// Names that some object knows, so that hostile bodies get past the first check.
const NAMES: &[&str] = &[
    "name",
    "strategy",
    "steps",
    "also",
    "skip_if",
    "preferred",
    "agent",
    "last_agent",
    "hold_for_ms",
    "skills",
    "skill",
    "min",
    "max",
    "exits",
    "on_total",
    "queue",
    "group",
    "number",
    "end",
    "to",
    "wrap_up",
    "manual",
    "ms",
    "max_ms",
    "total_ms",
    "priority",
    "webhook",
    "url",
    "capabilities",
    "media",
    "capacity",
    "voice",
    "first_name",
    "last_name",
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "data",
    "attributes",
    "sequence",
    "calls",
    "offer",
    "replayed",
    "supervisors",
    "agents",
    "stars_min",
    "after_ms",
];
const TEXTS: &[&str] =
    &["", "a", "1.0", "skilled", "call.arrived", "switch.sync", "usr_a", "\u{0}é"];

fn hostile() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        select(TEXTS).prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        let names = prop_oneof![select(NAMES).prop_map(str::to_owned), ".{0,4}"];
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(names, inner, 0..8).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn any_body_is_read_or_refused_with_reasons(body in hostile()) {
        for kind in [QueueKind::Queue, QueueKind::Group] {
            match Queue::parse(kind, &body) {
                Ok(queue) => prop_assert_eq!(Queue::parse(kind, &queue.to_json()), Ok(queue)),
                Err(errors) => prop_assert!(!errors.is_empty()),
            }
        }
        match User::parse(&body) {
            Ok(user) => prop_assert_eq!(User::parse(&user.to_json()), Ok(user)),
            Err(errors) => prop_assert!(!errors.is_empty()),
        }
        for errors in [
            Account::parse(&body).err(),
            Skill::parse(&body).err(),
            Route::parse(&body).err(),
            Member::parse(&body).err(),
            Switch::parse(&body).err(),
            BreakReason::parse(&body).err(),
        ] {
            prop_assert!(errors.is_none_or(|errors| !errors.is_empty()));
        }
        let list = Value::Array(vec![body.clone(), body]);
        let parsed = crate::domain::cloud_events::parse_batch(&list).expect("a list");
        prop_assert_eq!(parsed.len(), 2);
        for wrong in parsed.into_iter().filter_map(Result::err) {
            prop_assert!(wrong.error.is_some_and(|error| error.pointer.starts_with('/')));
        }
    }
}

fn wrong<T: std::fmt::Debug>(
    read: Result<T, Vec<crate::domain::problem::FieldError>>,
) -> Vec<String> {
    let errors = read.expect_err("is wrong");
    errors.into_iter().map(|e| format!("{} {}", e.pointer, e.code)).collect()
}

#[test]
fn the_bodies_of_the_protocol_page_are_right() {
    let support = json!({ "name": "Support", "media": "voice", "needs": "ready",
        "strategy": "skilled", "competency": true, "priority": 0, "weight": 0,
        "ring_for_ms": 15000, "total_ms": null, "max_ringing": null, "wrap_up": { "ms": 0 },
        "max_misses": 1, "steps": [{ "after_ms": 0, "skills": [{ "skill": "spanish", "min": 40 }] }],
        "exits": { "max_wait_ms": 120000, "max_waiting": 50, "on_max_wait": { "queue": "overflow" } } });
    let queue = Queue::parse(QueueKind::Queue, &support).expect("is right");
    assert_eq!((queue.plan.width, queue.max_ringing, queue.max_misses), (Some(1), None, 1));
    let sales = json!({ "name": "Sales", "extension": "7000", "strategy": "simultaneous",
        "total_ms": 20000, "supervisors": ["usr_sue"] });
    let group = Queue::parse(QueueKind::Group, &sales).expect("is right");
    assert_eq!((group.plan.width, group.max_ringing, group.max_misses), (None, Some(10), 0));
    assert_eq!((group.needs, group.plan.ring_for), (queue::Needs::Online, RingFor::Total));
    let ann = json!({ "email": "ann@acme.test", "first_name": "Ann", "last_name": "Lee",
        "role": "agent", "extension": "1001", "endpoint": "sip:ann@127.0.0.1:5071",
        "skills": { "spanish": 80 }, "capacity": { "voice": 1, "chat": 3 } });
    assert_eq!(User::parse(&ann).expect("is right").capacity_of(Media::Chat), 3);
    assert!(
        Route::parse(&json!({ "number": "+15559990000", "to": { "queue": "support" },
        "skills": [], "priority": 0 }))
        .is_ok()
    );
}

#[test]
fn what_the_routing_issue_brings_is_refused_by_that_name() {
    let body = json!({ "name": "Q", "strategy": { "order": "stars" },
        "steps": [{ "after_ms": 0, "also": [{ "team": "x" }] }],
        "exits": { "closed": "x", "ewt_over_ms": 5, "on_choice": {}, "on_total": { "voicemail": "v" } } });
    let errors = Queue::parse(QueueKind::Queue, &body).expect_err("is wrong");
    assert!(
        errors.iter().all(|e| e.code == "not_yet" && e.detail.contains("routing issue")),
        "{errors:?}"
    );
    assert_eq!(errors.len(), 6, "{errors:?}");
    let body = json!({ "name": "Q", "strategy": "round_robin" });
    assert_eq!(wrong(Queue::parse(QueueKind::Queue, &body)), ["/strategy not_yet"]);
}

#[test]
fn a_first_step_that_begins_later_has_one_before_it() {
    let body = json!({ "name": "Q", "steps": [{ "after_ms": 500, "stars_min": 2 }] });
    let steps = Queue::parse(QueueKind::Queue, &body).expect("is right").steps;
    assert_eq!(steps[0], Step::default());
    assert_eq!((steps.len(), steps[1].after_ms, steps[1].stars_min), (2, 500, Some(2)));
}

#[test]
fn steps_and_preferred_agents_that_cannot_be_are_refused() {
    let body = json!({ "name": "Q",
        "preferred": { "agent": "usr_ann", "last_agent": true, "hold_for_ms": 0 },
        "steps": [{ "after_ms": 0, "skip_if": "never" }, { "after_ms": 5, "also": [{}] },
            { "after_ms": 5, "also": [{ "queue": "a" }, { "queue": "a" }, { "queue": "a", "group": "b" }],
              "skip_if": "nobody_offerable" }] });
    let mut told = wrong(Queue::parse(QueueKind::Queue, &body));
    told.sort();
    assert_eq!(
        told,
        [
            "/preferred conflict",
            "/preferred/hold_for_ms out_of_range",
            "/steps/0/skip_if unknown_value",
            "/steps/1/also/0 required",
            "/steps/2/after_ms out_of_range",
            "/steps/2/also/1 duplicate",
            "/steps/2/also/2 conflict",
            "/steps/2/skip_if not_allowed",
        ]
    );
    let whom = json!({ "name": "Q", "preferred": {} });
    assert_eq!(wrong(Queue::parse(QueueKind::Queue, &whom)), ["/preferred required"]);
}

#[test]
fn wrong_bodies_are_told_by_their_fields() {
    let wrong_queue = |body: Value| wrong(Queue::parse(QueueKind::Queue, &body));
    assert_eq!(
        wrong_queue(json!({ "name": "Q", "strategy": "sequential" })),
        ["/total_ms required"]
    );
    assert_eq!(
        wrong_queue(json!({ "name": "Q", "extension": "7000" })),
        ["/extension groups_only"]
    );
    assert_eq!(
        wrong_queue(
            json!({ "name": "Q", "exits": { "on_total": { "queue": "a", "number": "5" } } })
        ),
        ["/exits/on_total conflict"]
    );
    assert_eq!(
        wrong_queue(json!({ "name": "Q", "wrap_up": { "manual": true, "ms": 5 } })),
        ["/wrap_up/ms conflict"]
    );
    assert_eq!(wrong_queue(json!(7)), [" type"]);
    assert_eq!(
        wrong(User::parse(&json!({ "first_name": "A", "role": "switch", "extension": "12",
            "capacity": { "voise": 1, "chat": 101 }, "skills": { "Spanish": 5, "dutch": 0 } }))),
        [
            "/last_name required",
            "/role unknown_value",
            "/extension malformed",
            "/skills/Spanish malformed",
            "/skills/dutch out_of_range",
            "/capacity/chat out_of_range",
            "/capacity/voise unknown_field"
        ]
    );
    assert_eq!(
        wrong(Skill::parse(&json!({ "name": "S", "min": 9, "max": 3 }))),
        ["/max out_of_range"]
    );
    assert_eq!(
        wrong(Account::parse(&json!({ "time_zone": "Mars/Base" }))),
        ["/time_zone malformed"]
    );
    assert_eq!(
        wrong(Route::parse(&json!({ "number": "", "to": { "end": true } }))),
        ["/number malformed", "/to required", "/to/end unknown_field"]
    );
    assert_eq!(
        wrong(Switch::parse(
            &json!({ "name": "E", "webhook": { "url": "ftp://x", "secret": "s" } })
        )),
        ["/webhook/url malformed", "/webhook/secret malformed"]
    );
}

#[test]
fn a_merge_patch_over_the_shown_form_changes_only_what_it_names() {
    let queue = Queue::parse(QueueKind::Queue, &json!({ "name": "Q", "strategy": "skilled" }));
    let mut shown = queue.expect("is right").to_json();
    merge(&mut shown, &json!({ "priority": 5, "exits": { "max_wait_ms": 9 } }));
    let merged = Queue::parse(QueueKind::Queue, &shown).expect("is right");
    assert_eq!((merged.priority, merged.exits.max_wait_ms), (5, Some(9)));
    assert_eq!(merged.plan, Preset::Skilled.plan());
}
