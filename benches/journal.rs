//! The journal on this disk: batches of 1, 10, 100 and 1,000 records beside a bare `fdatasync` of
//! 4 KiB in place, in interleaved blocks of the same run; then reading 1,000,000 records back.
//!
//! `cargo bench --bench journal [-- FOLDER]`: the folder's disk is what is measured (default: the
//! folder for temporary files). Prints medians and ratios; asserts nothing.

use bytes::Bytes;
use callboard::domain::time::Millis;
use callboard::journal::sqlite::{Options, Sqlite};
use callboard::journal::{Entry, Journal, Record, StreamId};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

const STREAM: StreamId = StreamId(1);
const BODY: usize = 206;
const BLOCKS: usize = 7;
const MILLION: u64 = 1_000_000;

#[allow(clippy::disallowed_methods, reason = "a bench measures time")]
fn now() -> Instant {
    Instant::now()
}

/// Makes records one after another.
struct Source {
    seq: u64,
    body: Bytes,
}

impl Source {
    fn batch(&mut self, size: usize) -> Vec<Entry> {
        (0..size)
            .map(|_| {
                self.seq += 1;
                let at = Millis(i64::try_from(self.seq).unwrap_or(i64::MAX));
                let body = self.body.clone();
                let record = Record { stream: STREAM, seq: self.seq, at, body };
                Entry { record: Some(record), vault: Vec::new() }
            })
            .collect()
    }
}

fn quantile(times: &mut [Duration], at: f64) -> Duration {
    times.sort_unstable();
    let nth = (times.len() as f64 * at) as usize;
    times[nth.min(times.len() - 1)]
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn bare_sync(file: &File, rounds: usize) -> Vec<Duration> {
    let block = [7; 4096];
    (0..rounds)
        .map(|_| {
            let start = now();
            file.write_all_at(&block, 0).expect("written");
            file.sync_data().expect("synced");
            start.elapsed()
        })
        .collect()
}

fn appends(
    journal: &mut dyn Journal,
    source: &mut Source,
    size: usize,
    rounds: usize,
) -> Vec<Duration> {
    (0..rounds)
        .map(|_| {
            let batch = source.batch(size);
            let entries: Vec<&Entry> = batch.iter().collect();
            let start = now();
            journal.append(&entries).expect("appended");
            start.elapsed()
        })
        .collect()
}

fn batches(dir: &Path) {
    let bare = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(dir.join("bare"))
        .expect("a file");
    bare.set_len(1 << 20).expect("grown");
    bare_sync(&bare, 50);
    let mut journal = Sqlite::open(&dir.join("batches"), &Options::default()).expect("opened");
    let mut source = Source { seq: 0, body: Bytes::from(vec![b'{'; BODY]) };
    appends(&mut journal, &mut source, 1, 200);

    println!("medians over {BLOCKS} interleaved blocks, {BODY} bytes a record, µs:");
    println!(
        "{:>6} {:>10} {:>8} {:>8} {:>8} {:>12}",
        "batch", "fdatasync", "p50", "p99", "ratio", "records/s"
    );
    for size in [1, 10, 100, 1000] {
        let rounds = if size == 1000 { 60 } else { 300 };
        let (mut bares, mut p50s, mut p99s, mut ratios, mut rates) =
            (vec![], vec![], vec![], vec![], vec![]);
        for _ in 0..BLOCKS {
            let bare = quantile(&mut bare_sync(&bare, 200), 0.5);
            let mut times = appends(&mut journal, &mut source, size, rounds);
            let total: Duration = times.iter().sum();
            rates.push((size * rounds) as f64 / total.as_secs_f64());
            let p50 = quantile(&mut times, 0.5);
            p99s.push(micros(quantile(&mut times, 0.99)));
            ratios.push(micros(p50) / micros(bare));
            bares.push(micros(bare));
            p50s.push(micros(p50));
        }
        println!(
            "{size:>6} {:>10.0} {:>8.0} {:>8.0} {:>8.2} {:>12.0}   ratios {:.2} to {:.2}",
            median(&mut bares),
            median(&mut p50s),
            median(&mut p99s),
            median(&mut ratios),
            median(&mut rates),
            ratios[0],
            ratios[BLOCKS - 1],
        );
    }
    Box::new(journal).close().expect("closed");
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn recovery(dir: &Path) {
    let dir = dir.join("recovery");
    let mut journal = Sqlite::open(&dir, &Options::default()).expect("opened");
    let mut source = Source { seq: 0, body: Bytes::from(vec![b'{'; BODY]) };
    let start = now();
    while source.seq < MILLION {
        let batch = source.batch(1000);
        journal.append(&batch.iter().collect::<Vec<_>>()).expect("appended");
    }
    let wrote = start.elapsed();
    println!(
        "{MILLION} records written in {:.2} s ({:.0}/s)",
        wrote.as_secs_f64(),
        MILLION as f64 / wrote.as_secs_f64()
    );
    drop(journal);
    for _ in 0..3 {
        let start = now();
        let journal = Sqlite::open(&dir, &Options::default()).expect("opened");
        let opened = start.elapsed();
        let mut reader = journal.reader().expect("a reader");
        let mut records = Vec::with_capacity(4096);
        let (mut after, mut bytes) = (0, 0);
        let start = now();
        loop {
            records.clear();
            if reader.read(STREAM, after, 4096, &mut records).expect("read") == 0 {
                break;
            }
            bytes += records.iter().map(|record| record.body.len()).sum::<usize>();
            after = records.last().map_or(after, |record| record.seq);
        }
        println!(
            "open with all checks {:.2} s; {after} records ({} MB) read in {:.2} s",
            opened.as_secs_f64(),
            bytes >> 20,
            start.elapsed().as_secs_f64()
        );
    }
}

fn main() {
    // `cargo bench` passes `--bench`; anything else is the folder.
    let folder = std::env::args().skip(1).find(|arg| !arg.starts_with("--"));
    let parent = folder.map_or_else(std::env::temp_dir, Into::into);
    let dir = tempfile::tempdir_in(parent).expect("a folder");
    batches(dir.path());
    recovery(dir.path());
}
