//! What live figures cost beside the engine: CPU per record of the fold and of decide and evolve, over the
//! same records of one run (arrive → offer → ringing → answer → end → wrap-up, every agent in five queues).
//!
//! `cargo bench --bench figures`, with `-- --quick` for fewer and smaller blocks. Prints medians and their
//! ratio; asserts nothing.

mod support;

use std::time::Duration;
use support::{World, five_queues};

const SIZES: [usize; 3] = [10, 1_000, 10_000];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let (sizes, blocks, cycles) = match args.first().map(String::as_str) {
        // A test run of all targets starts benches too: one short block says that they work.
        Some("--test") => (&SIZES[..1], 1, 10),
        Some("--quick") => (&SIZES[..], 5, 500),
        _ => (&SIZES[..], 15, 2_000),
    };
    println!("{:>8} {:>14} {:>14} {:>8}", "agents", "engine ns/rec", "fold ns/rec", "ratio");
    for agents in sizes {
        let mut world = World::with_figures(*agents, &five_queues());
        let (mut engine, mut fold) = (Vec::new(), Vec::new());
        for _ in 0..blocks {
            let before = (world.spent, world.folded(), world.made.records);
            for _ in 0..cycles {
                world.cycle("one");
                // Figures move from minute to minute.
                world.pass(97);
            }
            let records = world.made.records - before.2;
            engine.push(per(world.spent - before.0, records));
            fold.push(per(world.folded() - before.1, records));
        }
        let (engine, fold) = (median(&mut engine), median(&mut fold));
        println!("{agents:>8} {engine:>14.0} {fold:>14.0} {:>8.3}", fold / engine);
    }
}

fn per(time: Duration, records: u64) -> f64 {
    time.as_nanos() as f64 / records as f64
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
