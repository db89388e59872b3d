//! One choice: a call arrives and an agent is chosen among 10, 1,000 and 50,000 who are all free,
//! by each order. Timed is the arrival's whole decision, through the engine.

mod support;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use support::World;

/// A debug build checks every invariant after every record, which only a small floor bears.
const SIZES: &[usize] = if cfg!(debug_assertions) { &[10] } else { &[10, 1_000, 50_000] };

/// Order, and the preset that uses it one agent at a time.
const ORDERS: [(&str, &str); 4] = [
    ("longest_idle", "longest_idle"),
    ("least_calls", "least_calls"),
    ("in_order", "sequential"),
    ("stars", "skilled"),
];

fn queues() -> Vec<(&'static str, Value)> {
    let body = |preset: &str| {
        let total_ms = matches!(preset, "least_calls" | "sequential").then_some(60_000);
        json!({ "name": preset, "strategy": preset, "competency": true, "total_ms": total_ms })
    };
    ORDERS.iter().map(|(order, preset)| (*order, body(preset))).collect()
}

/// So many choices; only the arrivals are timed, what clears up after them is not.
fn choices(world: &mut World, order: &str, times: u64) -> Duration {
    let mut took = Duration::ZERO;
    for _ in 0..times {
        let began = Instant::now();
        let call = world.arrive(order, None);
        took += began.elapsed();
        world.abandon(call);
        world.acknowledge();
        world.pass(1);
    }
    took
}

fn one_choice(c: &mut Criterion) {
    let mut group = c.benchmark_group("one choice");
    group.sample_size(20);
    for &size in SIZES {
        let mut world = World::new(size, &queues());
        for (order, _) in ORDERS {
            group.bench_function(BenchmarkId::new(order, size), |b| {
                b.iter_custom(|times| choices(&mut world, order, times));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, one_choice);
criterion_main!(benches);
