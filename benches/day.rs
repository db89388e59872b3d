//! A day of 1,000,000 calls, which come as calls of a bank came over a weekday: what the live figures cost
//! beside the engine, how fast the history is written, and how long a report and the lists of that day take.
//!
//! `cargo bench --bench day`, with `-- --quick` for 50,000 calls. Prints; asserts nothing but that the
//! history has every call.

mod support;

use callboard::domain::ids::Name;
use callboard::domain::time::Millis;
use callboard::reporting::figures::{By, FIGURES, Measure, Threshold};
use callboard::reporting::history::intervals::{Interval, zone};
use callboard::reporting::history::keep::{Batch, Keep};
use callboard::reporting::history::lists::CallWish;
use callboard::reporting::history::read::{Look, Reader, Wish};
use callboard::reporting::history::{Across, Error, behind, schema};
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};
use support::{FIVE, World, five_queues};

const STREAM: u32 = 1;
/// As the node does it.
const ROWS_AT_ONCE: usize = 200_000;
/// Calls of a weekday by hour, the mean of 260 weekdays of 1999: counted for this from the calls of the
/// “Anonymous Bank” of the Technion.
const BY_HOUR: [f64; 24] = [
    5.2, 2.0, 1.0, 0.5, 0.5, 1.1, 6.0, 40.8, 87.9, 122.5, 139.7, 121.6, 108.7, 114.3, 120.8, 120.4,
    115.2, 92.8, 79.5, 64.9, 58.9, 60.6, 54.7, 42.1,
];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let (calls, agents) = match args.first().map(String::as_str) {
        // A test run of all targets starts benches too: one short block says that they work.
        Some("--test") => (240, 5),
        Some("--quick") => (50_000, 500),
        _ => (1_000_000, 500),
    };
    for noted in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        day(folder.path(), calls, agents, noted);
    }
}

/// How long after one call the next comes, ms, by hour.
fn gaps(calls: usize) -> Vec<f64> {
    let all: f64 = BY_HOUR.iter().sum();
    BY_HOUR.iter().map(|share| 3_600_000.0 / (share / all * calls as f64)).collect()
}

fn day(folder: &Path, calls: usize, agents: usize, noted: bool) {
    let mut world = World::with_figures(agents, &five_queues());
    let path = folder.join("day.db");
    let file = schema::open_writing(&path).expect("a file");
    let mut keep = Keep::new(file).expect("a history");
    if noted {
        world.take_notes();
    }
    let before = (world.folded(), world.spent, world.made.records);
    let (mut written, mut rows, mut done, mut carried) = (Duration::ZERO, 0, 0, 0.0);
    let first = world.noted().1;
    let all: f64 = BY_HOUR.iter().sum();
    for (share, gap) in BY_HOUR.iter().zip(gaps(calls)) {
        for _ in 0..(share / all * calls as f64).round() as usize {
            world.cycle(FIVE[done % FIVE.len()]);
            done += 1;
            carried += gap;
            world.pass(carried as u64);
            carried = carried.fract();
            if noted && done % 1_000 == 0 {
                (written, rows) = keep_notes(&mut world, &mut keep, (written, rows), false);
            }
        }
    }
    let records = (world.made.records - before.2) as f64;
    let per = |time: Duration| time.as_nanos() as f64 / records;
    let (engine, fold) = (per(world.spent - before.1), per(world.folded() - before.0));
    let with = if noted { "telling what it counts" } else { "alone" };
    println!(
        "{done} calls, {records} records, {agents} agents: engine {engine:.0} ns/record, fold {with} {fold:.0} ns/record, {:.3}",
        fold / engine
    );
    if !noted {
        return live(&world);
    }
    (written, rows) = keep_notes(&mut world, &mut keep, (written, rows), true);
    drop(keep);
    let per_second = done as f64 / written.as_secs_f64();
    println!("history: {rows} rows, {per_second:.0} calls/s");
    let size = std::fs::metadata(&path).map_or(0, |file| file.len());
    println!("its file: {:.0} bytes a call", size as f64 / done as f64);
    report(&path, (first, world.noted().1), done);
    rows_of(&path, (first, world.noted().1.plus(1)));
}

/// What the live figures cost at the end of the day: to put away, and a service level of all calls by a
/// threshold with sums, and by one that is counted from the waits.
fn live(world: &World) {
    let figures = world.figures();
    let began = Instant::now();
    let bytes = serde_json::to_vec(figures).expect("JSON").len();
    let took = began.elapsed().as_secs_f64() * 1_000.0;
    println!("live figures put away: {:.1} MB in {took:.0} ms", bytes as f64 / 1e6);
    let level = FIGURES.iter().find(|figure| figure.name == "service_level").expect("a figure");
    for hours in [1, 24] {
        let from = figures.at().0 - hours * 3_600_000;
        let from = Millis(from.div_euclid(900_000) * 900_000);
        let took = [20, 33].map(|seconds| {
            let threshold = Threshold::of_seconds(seconds).expect("a threshold");
            let mut times: Vec<Duration> = (0..21)
                .map(|_| {
                    let began = Instant::now();
                    let window = (from, figures.at());
                    let facts = figures.facts((By::Account, ""), window, threshold);
                    assert_eq!(level.number(&facts.expect("the account")), Some(10_000));
                    began.elapsed()
                })
                .collect();
            times.sort_unstable();
            times[times.len() / 2].as_secs_f64() * 1e6
        });
        println!(
            "a service level of {hours} h: with sums {:.0} µs, without {:.0} µs",
            took[0], took[1]
        );
    }
}

/// Has the history take what was noted, and write when there is much.
fn keep_notes(
    world: &mut World,
    keep: &mut Keep,
    (mut written, mut rows): (Duration, usize),
    last: bool,
) -> (Duration, usize) {
    let notes = world.notes();
    let (seq, at) = world.noted();
    let began = Instant::now();
    keep.take(Batch { stream: STREAM, seq, at, settled: false, notes });
    if last || keep.waiting() >= ROWS_AT_ONCE {
        rows += keep.waiting();
        keep.write().expect("written");
    }
    written += began.elapsed();
    (written, rows)
}

/// What is told from rows: pages of the lists, and what is behind a figure of the whole day.
fn rows_of(path: &Path, (from, until): (Millis, Millis)) {
    let (agent, queue) = ("usr_1", FIVE[0]);
    let wish = |agent: Option<&str>, queue: Option<&str>| CallWish {
        from,
        until,
        queue: queue.map(str::to_owned),
        agent: agent.map(str::to_owned),
        outcome: None,
        callbacks: false,
        after: None,
        limit: 100,
    };
    let behind = |figure, across, id: &str| {
        let figure = FIGURES.iter().find(|it| it.name == figure).expect("a figure");
        let (ids, threshold) = (vec![Name::from(id)], Threshold::DEFAULT);
        behind::Wish { figure, across, ids, from, until, threshold, after: None, limit: 100 }
    };
    timed("100 calls of an agent", path, |look| look.calls(&wish(Some(agent), None), &|_| true));
    timed("100 calls of a queue", path, |look| look.calls(&wish(None, Some(queue)), &|_| true));
    timed("100 spans of an agent", path, |look| look.timeline(agent, (from, until), 100));
    let (of_agent, of_queue) = (Across::Agent, Across::Queue);
    timed("an agent's offers", path, |look| look.behind(&behind("offers", of_agent, agent)));
    timed("a queue's offers", path, |look| look.behind(&behind("offers", of_queue, queue)));
    timed("a queue's waits", path, |look| look.behind(&behind("offered", of_queue, queue)));
}

/// Prints how long a question of the file takes.
fn timed<T>(what: &str, path: &Path, ask: impl Fn(&Look<'_>) -> Result<T, Error>) {
    let mut times: Vec<Duration> = (0..5)
        .map(|_| {
            let began = Instant::now();
            let mut reader = Reader::open(path).expect("a reader");
            black_box(reader.look(STREAM, &ask).expect("told"));
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    println!("{what}: {:.1} ms", times[times.len() / 2].as_secs_f64() * 1_000.0);
}

/// The day by queue and by agent, in quarters of an hour.
fn report(path: &Path, (from, until): (Millis, Millis), calls: usize) {
    let utc = zone("UTC").expect("UTC");
    for across in [Across::Queue, Across::Agent] {
        let edges = Interval::Quarter.edges((from, until.plus(1)), &utc, 200).expect("edges");
        let intervals = edges.len() - 1;
        let wish = Wish::all(across, 1_000, edges);
        let began = Instant::now();
        let mut reader = Reader::open(path).expect("a reader");
        let told = reader.look(STREAM, |look| look.sums(&wish, &|_| true)).expect("sums");
        let mut handled = 0;
        for sums in told.items.iter().flat_map(|(_, sums)| sums) {
            handled += sums.counts.get(Measure::Handled);
            let facts = sums.facts(Threshold::DEFAULT);
            for figure in across.figures() {
                black_box(figure.value(&facts));
            }
        }
        let took = began.elapsed().as_secs_f64() * 1_000.0;
        assert_eq!(handled, calls as i64, "every call is in it");
        println!(
            "report by {across}: {} × {intervals} quarters of an hour: {took:.0} ms",
            told.items.len()
        );
    }
}
