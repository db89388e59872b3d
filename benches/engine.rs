//! CPU per record through decide and evolve: arrive → offer → ringing → answer → end → wrap-up, with
//! every agent a member of five queues, one of each preset; the same with 20 calls of 20 distinct
//! requirements waiting beside it; with 10,000 calls of 20 requirements of three skills waiting, each
//! call that is served requiring three skills, too; and a second floor with the six presets that came later.
//!
//! Blocks of all sizes and presets take turns, so that a noisy moment hits all of them; the table
//! shows medians. `cargo bench --bench engine`, with `-- --quick` for fewer and smaller blocks.
//!
//! Instructions, which do not depend on what else the machine does:
//!
//! ```text
//! valgrind --tool=callgrind --toggle-collect='*measured*' BENCH --callgrind 100000 [PRESET]
//! ```
//!
//! where BENCH is the program that `cargo bench --no-run` names; divide by the records printed.

mod support;

use serde_json::{Value, json};
use std::time::{Duration, Instant};
use support::{Call, Made, NEEDS, World};

const SIZES: [usize; 4] = [10, 1_000, 10_000, 100_000];
const WITH_NEEDS: &str = "longest_idle + 20 needs";
/// Calls that wait in the rows of a crowd.
const CROWD: usize = 10_000;

/// A queue of each preset; each stands under its preset's name.
fn queues() -> Vec<(&'static str, Value)> {
    let queue = |preset: &'static str, total: bool| {
        let mut body = json!({ "name": preset, "strategy": preset,
            "wrap_up": { "manual": true, "max_ms": 3_600_000 } });
        if total {
            body["total_ms"] = json!(60_000);
        }
        (preset, body)
    };
    vec![
        queue("longest_idle", false),
        queue("skilled", false),
        queue("least_calls", true),
        queue("sequential", true),
        queue("simultaneous", true),
    ]
}

/// A queue of each of the later presets, for a floor of their own.
fn later() -> Vec<(&'static str, Value)> {
    ["round_robin", "random", "weighted", "least_versatile", "least_talk", "least_occupied"]
        .into_iter()
        .map(|preset| {
            let wrap_up = json!({ "manual": true, "max_ms": 3_600_000 });
            (preset, json!({ "name": preset, "strategy": preset, "wrap_up": wrap_up }))
        })
        .collect()
}

/// One block of work. Not inlined, so that callgrind can be told to count only this.
#[inline(never)]
fn measured(world: &mut World, row: &Row, cycles: usize) {
    for cycle in 0..cycles {
        match row.beside {
            // Of the smallest floor each agent holds other skills.
            Beside::Crowd => world.cycle_with_skills(row.queue, cycle % SIZES[0]),
            _ => world.cycle(row.queue),
        }
    }
}

/// What waits beside the calls that are measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beside {
    Nothing,
    Needs,
    Crowd,
}

/// What one row of the table measures.
struct Row {
    name: String,
    queue: &'static str,
    beside: Beside,
}

fn rows(queues: &[(&'static str, Value)]) -> Vec<Row> {
    let row = |queue, name: String, beside| Row { name, queue, beside };
    let mut rows = Vec::new();
    for (queue, _) in queues {
        rows.push(row(*queue, (*queue).to_owned(), Beside::Nothing));
        if *queue == "longest_idle" {
            rows.push(row(*queue, WITH_NEEDS.to_owned(), Beside::Needs));
        }
        rows.push(row(*queue, format!("{queue} + crowd"), Beside::Crowd));
    }
    rows
}

/// The time of one block, and what it made.
fn block(world: &mut World, row: &Row, cycles: usize) -> (Duration, Made) {
    let waiting: Vec<Call> = match row.beside {
        Beside::Nothing => Vec::new(),
        Beside::Needs => (0..NEEDS).map(|need| world.arrive(row.queue, Some(need))).collect(),
        Beside::Crowd => (0..CROWD).map(|at| world.wait_in_vain(row.queue, at)).collect(),
    };
    let (before, spent) = (world.made, world.spent);
    measured(world, row, cycles);
    let took = world.spent - spent;
    let made = Made {
        records: world.made.records - before.records,
        events: world.made.events - before.events,
    };
    waiting.into_iter().for_each(|call| world.abandon(call));
    world.acknowledge();
    (took, made)
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--callgrind", size, preset @ ..] => {
            let size = size.parse().expect("--callgrind takes a number of agents");
            callgrind(size, preset.first().copied().unwrap_or("longest_idle"));
        }
        // A test run of all targets starts benches too: one short block says that they work.
        ["--test"] => both(&[10], 1, 10),
        ["--quick"] => both(&SIZES[..3], 5, 500),
        _ => both(&SIZES, 15, 2_000),
    }
}

fn callgrind(size: usize, preset: &str) {
    let of_later = later().iter().any(|(name, _)| *name == preset);
    let queues = if of_later { later() } else { queues() };
    let mut world = World::new(size, &queues);
    let row = rows(&queues).into_iter().find(|row| row.name == preset).expect("a preset's name");
    // The first calls pay for tables that grow; they are not counted.
    let waiting = world.arrive(row.queue, None);
    world.abandon(waiting);
    let (_, made) = block(&mut world, &row, 1_000);
    println!("{size} agents, {preset}: {} records, {} events", made.records, made.events);
}

fn both(sizes: &[usize], rounds: usize, cycles: usize) {
    table(sizes, rounds, cycles, &queues());
    table(sizes, rounds, cycles, &later());
}

fn table(sizes: &[usize], rounds: usize, cycles: usize, queues: &[(&'static str, Value)]) {
    let rows = rows(queues);
    let mut worlds: Vec<World> = sizes.iter().map(|size| built(*size, queues)).collect();
    // ns per record, by row and size.
    let mut found = vec![vec![Vec::new(); sizes.len()]; rows.len()];
    let mut last = vec![Made::default(); rows.len()];
    for round in 0..=rounds {
        for (r, row) in rows.iter().enumerate() {
            for (s, world) in worlds.iter_mut().enumerate() {
                let (took, made) = block(world, row, cycles);
                last[r] = made;
                // The first round warms up.
                if round > 0 {
                    found[r][s].push(took.as_nanos() as f64 / made.records as f64);
                }
            }
        }
    }
    println!("\nns per record, median of {rounds} blocks of {cycles} calls (lowest–highest)");
    print!("{:<26}{:>9}{:>9}", "", "records", "events");
    sizes.iter().for_each(|size| print!("{:>26}", format!("{size} agents")));
    println!("{:>8}", "ratio");
    for (r, row) in rows.iter().enumerate() {
        let per_call = |count: u64| count as f64 / cycles as f64;
        print!(
            "{:<26}{:>9.1}{:>9.1}",
            row.name,
            per_call(last[r].records),
            per_call(last[r].events)
        );
        let medians: Vec<f64> = found[r].iter_mut().map(|values| show(values)).collect();
        println!("{:>8.2}", medians[medians.len() - 1] / medians[0]);
    }
    println!("records and events are per call; ratio: most agents to fewest");
}

fn built(size: usize, queues: &[(&str, Value)]) -> World {
    let began = Instant::now();
    let world = World::new(size, queues);
    eprintln!("{size} agents set up in {:.1} s", began.elapsed().as_secs_f64());
    world
}

/// Prints a cell; its median.
fn show(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let median = values[values.len() / 2];
    let cell = format!("{median:.0} ({:.0}–{:.0})", values[0], values[values.len() - 1]);
    print!("{cell:>26}");
    median
}
