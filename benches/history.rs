//! What the history costs: the fold that also tells what it counts, calls written per second, and a month's
//! report of 500 agents by day.
//!
//! `cargo bench --bench history`, with `-- --quick` for fewer calls. Prints; asserts nothing.

mod support;

use callboard::domain::ids::{AgentIx, Name};
use callboard::domain::presence::Detail;
use callboard::domain::time::Millis;
use callboard::reporting::figures::notes::{Note, Scope};
use callboard::reporting::figures::{Measure, Sum, Threshold, band};
use callboard::reporting::history::intervals::{Interval, zone};
use callboard::reporting::history::keep::{Batch, Keep};
use callboard::reporting::history::read::{Reader, Wish};
use callboard::reporting::history::{Across, schema};
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};
use support::{World, five_queues};

const STREAM: u32 = 1;
/// As the node does it.
const ROWS_AT_ONCE: usize = 200_000;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let (calls, agents, days) = match args.first().map(String::as_str) {
        // A test run of all targets starts benches too: one short block says that they work.
        Some("--test") => (50, 3, 2),
        Some("--quick") => (20_000, 500, 31),
        _ => (100_000, 500, 31),
    };
    let folder = tempfile::tempdir().expect("a folder");
    fold(calls.min(20_000));
    write(folder.path(), calls);
    report(folder.path(), agents, days);
}

/// The fold with and without somebody who takes notes.
fn fold(calls: usize) {
    let mut told = Vec::new();
    for noted in [false, true] {
        let mut world = World::with_figures(1_000, &five_queues());
        if noted {
            world.take_notes();
        }
        let before = (world.folded(), world.spent, world.made.records);
        for _ in 0..calls {
            world.cycle("one");
            world.pass(97);
            black_box(world.notes());
        }
        let records = (world.made.records - before.2) as f64;
        let per = |time: Duration| time.as_nanos() as f64 / records;
        told.push((per(world.folded() - before.0), per(world.spent - before.1)));
    }
    println!("engine ns/record {:>8.0}", told[1].1);
    println!("fold ns/record   {:>8.0}  alone", told[0].0);
    println!("fold ns/record   {:>8.0}  and telling what it counts", told[1].0);
}

/// Calls of 1,000 agents (arrive, offer, ringing, answer, end, wrap-up), from notes to the disk.
fn write(folder: &Path, calls: usize) {
    let mut world = World::with_figures(1_000, &five_queues());
    world.take_notes();
    let file = schema::open_writing(&folder.join("calls.db")).expect("a file");
    let mut keep = Keep::new(file).expect("a history");
    let (mut spent, mut rows, mut done) = (Duration::ZERO, 0, 0);
    while done < calls {
        // As many as are told at once; making them is not in the time.
        let some = (calls - done).min(1_000);
        let mut notes = Vec::new();
        for _ in 0..some {
            world.cycle("one");
            world.pass(97);
            notes.extend(world.notes());
        }
        done += some;
        let (seq, at) = world.noted();
        let began = Instant::now();
        keep.take(Batch { stream: STREAM, seq, at, settled: false, notes });
        if keep.waiting() >= ROWS_AT_ONCE || done == calls {
            rows += keep.waiting();
            keep.write().expect("written");
        }
        spent += began.elapsed();
    }
    let per_second = calls as f64 / spent.as_secs_f64();
    println!("history: {calls} calls, {rows} rows, {per_second:.0} calls/s");
}

/// Shifts of nine hours, with something in every five minutes of them.
fn report(folder: &Path, agents: u32, days: i64) {
    let path = folder.join("month.db");
    let mut keep = Keep::new(schema::open_writing(&path).expect("a file")).expect("a history");
    let first = Millis::parse_rfc3339("2026-10-01T00:00:00Z").expect("an instant");
    let agent = |ix: u32| Note::Agent(AgentIx(ix), Name::from(format!("usr_{ix:04}")), Vec::new());
    let notes = (0..agents).map(agent).collect();
    keep.take(Batch { stream: STREAM, seq: 1, at: first, settled: false, notes });
    for day in 0..days {
        let mut notes = Vec::new();
        for ix in 0..agents {
            let begins = day * 86_400_000 + i64::from(ix % 15) * 3_600_000;
            for five in 0..9 * 12 {
                let at = Millis(first.0 + begins + five * 300_000);
                shift(&mut notes, AgentIx(ix), at);
            }
        }
        let seq = u64::try_from(day).unwrap_or(0) + 2;
        keep.take(Batch { stream: STREAM, seq, at: first, settled: false, notes });
        keep.write().expect("written");
    }
    drop(keep);
    for name in ["Europe/Berlin", "Asia/Kolkata"] {
        let zone = zone(name).expect("a zone");
        let range = (first, first.plus(u64::try_from(days).unwrap_or(0) * 86_400_000));
        let edges = Interval::Day.edges(range, &zone, 100).expect("edges");
        let intervals = edges.len() - 1;
        let wish = Wish::all(Across::Agent, 1_000, edges);
        let mut times: Vec<f64> = (0..5)
            .map(|_| {
                let began = Instant::now();
                let mut reader = Reader::open(&path).expect("a reader");
                let told = reader.look(STREAM, |look| look.sums(&wish, &|_| true)).expect("sums");
                for (_, sums) in &told.items {
                    for sum in sums {
                        let facts = sum.facts(Threshold::DEFAULT);
                        for figure in Across::Agent.figures() {
                            black_box(figure.value(&facts));
                        }
                    }
                }
                assert_eq!(told.items.len(), agents as usize);
                began.elapsed().as_secs_f64() * 1_000.0
            })
            .collect();
        times.sort_by(f64::total_cmp);
        let median = times[times.len() / 2];
        println!("report: {agents} agents, {intervals} days, {name}: {median:.0} ms");
    }
}

/// What five minutes of a shift come to.
fn shift(notes: &mut Vec<Note>, agent: AgentIx, at: Millis) {
    let counts: [(Sum, i64); 20] = [
        (Measure::Offers.into(), 2),
        (Measure::Accepted.into(), 2),
        (Measure::AnswerMs.into(), 9_000),
        (Measure::Handled.into(), 2),
        (Measure::TalkMs.into(), 170_000),
        (Measure::HoldMs.into(), 12_000),
        (Measure::WrapUps.into(), 2),
        (Measure::WrapUpMs.into(), 40_000),
        (Measure::LoggedInMs.into(), 300_000),
        (Measure::ReadyMs.into(), 300_000),
        (Measure::IdleMs.into(), 70_000),
        (Measure::OccupiedMs.into(), 222_000),
        (Measure::ServiceMs.into(), 222_000),
        (Measure::CapacityMs.into(), 2_100_000),
        (Sum::In(Detail::Talking), 170_000),
        (Sum::In(Detail::Holding), 12_000),
        (Sum::In(Detail::Ringing), 8_000),
        (Sum::In(Detail::WrapUp), 40_000),
        (Sum::In(Detail::Idle), 70_000),
        (Sum::AnsweredWithin(band(5_000)), 2),
    ];
    let scope = Scope { agent: Some(agent), ..Scope::default() };
    notes.extend(counts.map(|(sum, amount)| Note::Count(scope.clone(), at, (sum, amount).into())));
}
