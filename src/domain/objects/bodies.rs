//! Bodies that are right, and the words with which wrong ones are refused.

use super::queue::{Order, Preset, RingFor};
use super::*;
use crate::domain::fields::merge;
use crate::domain::media::Media;
use serde_json::{Value, json};

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
    let body = json!({ "name": "Q", "steps": [{ "after_ms": 0, "also": [{ "team": "x" }] }],
        "exits": { "ewt_over_ms": 5 } });
    let errors = Queue::parse(QueueKind::Queue, &body).expect_err("is wrong");
    assert!(
        errors.iter().all(|e| e.code == "not_yet" && e.detail.contains("routing issue")),
        "{errors:?}"
    );
    assert_eq!(errors.len(), 2, "{errors:?}");
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

/// The bodies of queues with this strategy.
fn with(strategy: Value) -> Result<Queue, Vec<crate::domain::problem::FieldError>> {
    Queue::parse(QueueKind::Queue, &json!({ "name": "Q", "strategy": strategy }))
}

#[test]
fn a_strategy_as_an_object_says_all_of_the_plan() {
    let growing = json!([{ "after_ms": 0, "offers": 1 }, { "after_ms": 10_000, "offers": 3 },
        { "after_ms": 20_000, "offers": "all" }]);
    let queue = with(json!({ "order": "least_talk", "width": growing, "window": "24h",
        "ring_for_ms": "total", "total_ms": 30_000, "ties": "random", "on_miss": "next" }))
    .expect("is right");
    assert_eq!((queue.total_ms, queue.max_ringing, queue.max_misses), (Some(30_000), Some(10), 0));
    let widths: Vec<_> = (0..5).map(|times| queue.plan.width_grown(times)).collect();
    assert_eq!(widths, [Some(1), Some(3), None, None, None]);
    let shown = queue.to_json();
    assert_eq!(
        shown["strategy"],
        json!({ "order": "least_talk", "width": growing, "ring_for_ms": "total",
            "total_ms": 30_000, "on_miss": "next", "attempts": null, "again": true,
            "again_after_ms": 5_000, "window": "24h", "ties": "random", "by": null })
    );
    assert_eq!(shown.get("ring_for_ms"), None, "a plan is said once");
}

#[test]
fn each_wrong_field_of_a_strategy_is_named() {
    let errors = |strategy: Value| wrong(with(strategy));
    assert_eq!(errors(json!({})), ["/strategy/order required"]);
    assert_eq!(
        errors(json!({ "order": "random", "window": "day", "ties": "random", "by": "stars" })),
        ["/strategy/window not_allowed", "/strategy/ties not_allowed", "/strategy/by not_allowed"]
    );
    assert_eq!(
        errors(json!({ "order": "least_known", "width": 0, "ring_for_ms": "long" })),
        [
            "/strategy/order unknown_value",
            "/strategy/width out_of_range",
            "/strategy/ring_for_ms unknown_value",
            "/strategy/total_ms required"
        ]
    );
    assert_eq!(
        errors(json!({ "order": "in_order", "ties": "random", "width": [] })),
        ["/strategy/width required", "/strategy/ties not_yet"]
    );
    let shrinks = json!([{ "after_ms": 5, "offers": "all" }, { "after_ms": 5, "offers": 2 }]);
    assert_eq!(
        errors(json!({ "order": "stars", "width": shrinks })),
        [
            "/strategy/width/0/after_ms out_of_range",
            "/strategy/width/1/after_ms out_of_range",
            "/strategy/width/1/offers out_of_range"
        ]
    );
    let beside = json!({ "name": "Q", "strategy": { "order": "stars" }, "on_miss": "next" });
    assert_eq!(wrong(Queue::parse(QueueKind::Queue, &beside)), ["/on_miss conflict"]);
}

#[test]
fn a_merge_patch_turns_a_preset_into_an_object_and_back() {
    let queue = Queue::parse(QueueKind::Queue, &json!({ "name": "Q", "strategy": "skilled" }));
    let mut shown = queue.expect("is right").to_json();
    let patch = json!({ "strategy": { "order": "weighted", "by": { "skill": "spanish" } } });
    forget_preset(&mut shown, &patch);
    merge(&mut shown, &patch);
    let mut shown = Queue::parse(QueueKind::Queue, &shown).expect("is right").to_json();
    assert_eq!(shown["strategy"]["by"], json!({ "skill": "spanish" }));
    let patch = json!({ "strategy": { "ring_for_ms": 7_000 } });
    forget_preset(&mut shown, &patch);
    merge(&mut shown, &patch);
    let queue = Queue::parse(QueueKind::Queue, &shown).expect("is right");
    assert_eq!((queue.plan.order, queue.plan.ring_for), (Order::Weighted, RingFor::Ms(7_000)));
    merge(&mut shown, &json!({ "strategy": "random" }));
    let queue = Queue::parse(QueueKind::Queue, &shown).expect("is right");
    assert_eq!(queue.plan, Preset::Random.plan());
}
