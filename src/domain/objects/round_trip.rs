//! `parse(to_json(x)) == x` for every object: a merge patch rests on it.

use super::queue::{By, NobodyWhen, OnMiss, Order, Plan, Preset, RingFor, Ties, Window, WrapUp};
use super::user::{Assignment, Home, Personal, UserKind, UserState};
use super::*;
use crate::domain::media::Media;
use crate::domain::objects::account::{IdleClock, OptInAtLogin};
use crate::domain::objects::user::Role;
use crate::domain::time::Millis;
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

fn label() -> impl Strategy<Value = String> {
    "[A-Za-zäß] ?[A-Za-z0-9 ]{0,20}x"
}

fn id() -> impl Strategy<Value = String> {
    "[a-z0-9][a-z0-9_-]{0,10}"
}

fn is_id(text: &str) -> bool {
    crate::domain::ids::is_name(text)
}

fn user_id() -> impl Strategy<Value = String> {
    "usr_[a-z0-9_-]{1,10}"
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        id().prop_map(Target::Queue),
        id().prop_map(Target::Group),
        "[+0-9]{1,20}".prop_map(Target::Number),
        id().prop_map(Target::Voicemail),
        user_id().prop_map(Target::Agent),
        Just(Target::End(true)),
    ]
}

/// Of a queue's exit, which can also call back.
fn exit_target() -> impl Strategy<Value = Target> {
    prop_oneof![4 => target(), 1 => Just(Target::Callback(true))]
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
    let actions =
        [exit_target(), exit_target(), exit_target(), exit_target(), exit_target(), exit_target()];
    let rest = (of(exit_target()), of(exit_target()), of(id()));
    (of(1..=1_000_000u64), of(0..=100u32), select(NobodyWhen::ALL), actions, rest).prop_map(
        |(max_wait_ms, max_waiting, nobody, [a, b, c, d, e, f], rest)| Exits {
            max_wait_ms,
            max_waiting,
            nobody,
            on_max_wait: a,
            on_max_waiting: b,
            on_nobody: c,
            on_total: d,
            on_missed: e,
            on_exhausted: rest.0,
            on_choice: rest.1,
            closed: rest.2,
            on_closed: f,
        },
    )
}

fn needs_total(plan: &Plan) -> bool {
    plan.preset.map_or(plan.ring_for == RingFor::Total, Preset::needs_total)
}

fn preset_plan() -> impl Strategy<Value = Plan> {
    let rest = (select(OnMiss::ALL), of(1..=20u32), any::<bool>(), 0..=60_000u64);
    (select(Preset::ALL), of(1..=60_000u64), rest).prop_map(
        |(preset, ring, (on_miss, attempts, again, again_after_ms))| {
            let mut plan = preset.plan();
            plan.ring_for = ring.map_or(plan.ring_for, RingFor::Ms);
            Plan { on_miss, attempts, again, again_after_ms, ..plan }
        },
    )
}

fn explicit_plan() -> impl Strategy<Value = Plan> {
    let widths = btree_map(1..=60_000u64, 1..=9u32, 0..4);
    let words = (select(Order::ALL), select(Window::ALL), select(Ties::ALL), of(id()));
    (preset_plan(), words, any::<bool>(), widths, any::<bool>()).prop_map(
        |(plan, (order, window, ties, skill), total, widths, to_all)| {
            let (mut offers, mut wider) = (plan.width.unwrap_or(2), Vec::new());
            for (after_ms, more) in widths {
                offers += more;
                wider.push(queue::Wider { after_ms, offers: Some(offers) });
            }
            if let Some(last) = wider.last_mut().filter(|_| to_all) {
                last.offers = None;
            }
            let tied = !matches!(
                order,
                Order::InOrder | Order::RoundRobin | Order::Random | Order::Weighted
            );
            let by = skill.filter(|_| order == Order::Weighted);
            Plan {
                preset: None,
                order,
                width: if wider.is_empty() { plan.width } else { plan.width.or(Some(2)) },
                wider,
                ring_for: if total { RingFor::Total } else { plan.ring_for },
                window: if order.counts() { window } else { Window::Day },
                ties: if tied { ties } else { Ties::LongestIdle },
                by: by.map_or(By::Stars, By::Skill),
                ..plan
            }
        },
    )
}

fn queue() -> impl Strategy<Value = Queue> {
    let plan = prop_oneof![preset_plan(), explicit_plan()];
    let numbers = (-1_000..=1_000i32, -1_000..=1_000i32, of(1..=100u32), 0..=9u32, 0..=9u32);
    let delays = [0..=60_000u64, 0..=60_000, 0..=60_000, 0..=60_000, 0..=60_000, 1..=60_000];
    let group = (of("[0-9]{3,6}"), proptest::collection::btree_set(user_id(), 0..3));
    let words = (label(), select(queue::QueueKind::ALL), select(queue::Needs::ALL), any::<bool>());
    let announce = (0..=60_000u64, of(1_000..=60_000u64));
    let announce = announce
        .prop_map(|(first, every)| queue::Announce { first_after_ms: first, every_ms: every });
    let callback = (1..=100u32, 1_000..=60_000u64, 5_000..=60_000u64, 60_000..=90_000u64);
    let callback = (callback, of("\\+[0-9]{3,12}")).prop_map(
        |((attempts, retry_after_ms, dial_for_ms, keep_ms), caller_id)| CallbackPlan {
            attempts,
            retry_after_ms,
            dial_for_ms,
            keep_ms,
            caller_id,
        },
    );
    let asked = (steps(), of(preferred()), of(announce), callback);
    let rest = (asked, exits(), of(1..=60_000u64), any::<bool>(), select(Media::ALL));
    (words, plan, numbers, delays, group, rest).prop_map(
        |(
            (name, kind, needs, competency),
            plan,
            (priority, weight, max_ringing, max_misses, max_unreachable),
            [refusal, busy, unreachable, miss, short, long],
            (extension, supervisors),
            ((steps, preferred, announce, callback), exits, total, manual, media),
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
                total_ms: if needs_total(&plan) { Some(long) } else { total },
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
                recording: manual,
                crm_updates: competency,
                dispositions: supervisors
                    .iter()
                    .map(|s| s[4..].to_owned())
                    .filter(|d| is_id(d))
                    .collect(),
                settings: GroupSettings {
                    outbound: manual.then_some(competency).filter(|_| group),
                    dial_audio: manual.then(|| "bells".to_owned()).filter(|_| group),
                    ..GroupSettings::default()
                },
                steps,
                preferred,
                announce,
                callback,
                exits,
                extension: extension.filter(|_| group),
                supervisors: supervisors.into_iter().filter(|_| group).collect(),
            }
        },
    )
}

fn user() -> impl Strategy<Value = User> {
    let people = Role::PEOPLE;
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
        (1_000..=300_000u64, any::<bool>(), of(target()), of(target())),
    );
    let numbers = || proptest::collection::btree_set("[+0-9]{1,20}", 0..3);
    let hours = of(Just("09:00-17:30")).prop_map(|span| {
        let span = span.and_then(calendar::Span::parse);
        span.into_iter().map(|span| (calendar::Day::Tue, vec![span])).collect()
    });
    let contact = (target(), hours).prop_map(|(to, hours)| Contact { to, hours });
    let more = (
        (numbers(), of(id()), btree_map(id(), id(), 0..3), vec(contact, 0..3)),
        (of(id()), of("[a-z]{1,5}[.]test"), numbers(), vec(any::<bool>(), 5)),
        [select(Setting::ALL), select(Setting::ALL)],
    );
    (personal, words, rest, more).prop_map(
        |(
            (email, first, last, endpoint),
            (kind, role, state, assignment, may_opt),
            (extension, skills, capacity, blocked, direct),
            ((numbers, external_id, external_ids, contacts), own, [recording, crm_updates]),
        )| User {
            personal: Personal {
                email,
                first_name: Some(first),
                last_name: Some(last),
                endpoint,
                numbers: numbers.into_iter().collect(),
                avatar: external_id.as_ref().map(|id| format!("https://pictures.test/{id}")),
                external_id,
                external_ids,
                contacts,
            },
            dispositions: own.0.iter().cloned().collect(),
            time_zone: own.0.as_ref().map(|_| "Europe/Berlin".to_owned()),
            schedule: own.0,
            domain: own.1,
            caller_id: own.2.first().cloned(),
            caller_ids: own.2.into_iter().collect(),
            recording,
            crm_updates,
            archived: own.3[0],
            may_use_own_number: own.3[1],
            may_choose_caller_id: own.3[2],
            may_edit_offline: own.3[3],
            may_dial_domains: own.3[4],
            home: own.3[0].then(|| Home { account: "acme".into(), user: "usr_ann".into() }),
            kind,
            role,
            custom_role: None,
            extension,
            skills,
            capacity,
            state,
            assignment,
            blocked_until: blocked.map(Millis),
            may_opt,
            direct: Direct {
                ring_for_ms: direct.0,
                call_waiting: direct.1,
                unattended: direct.2,
                offline: direct.3,
            },
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
            idle_clock: IdleClock::ALL[usize::from(stars) - 1],
            extension_digits: digits,
            max_hops: stars,
            transfers_keep_age: stars > 1,
            group_settings: GroupDefaults {
                outbound: stars > 1,
                may_open_recordings: stars > 3,
                ..GroupDefaults::default()
            },
            max_queues: position.min(9),
            block_min_ms: u64::from(position),
            block_max_ms: u64::from(position),
            refused_domains: vec!["acme.test".into()],
        };
        prop_assert_eq!(Account::parse(&account.to_json()), Ok(account.clone()));
        let kept = serde_json::to_string(&account).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<Account>(&kept).ok(), Some(account));
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
