//! The history over random histories: its sums are the live figures, intervals add up to their day, rows
//! add up to the figures, and a crash anywhere changes nothing.

use super::adherence::scheduled;
use callboard::domain::event::Event;
use callboard::domain::ids::Name;
use callboard::domain::time::Millis;
use callboard::reporting::figures::{
    By, Counts, FIGURES, Facts, Figure, Figures, Measure, SUMS, Sum, Threshold, Within,
};
use callboard::reporting::history::behind;
use callboard::reporting::history::intervals::{self, Interval};
use callboard::reporting::history::keep::{Batch, Keep};
use callboard::reporting::history::read::{Look, Wish};
use callboard::reporting::history::{Across, has_rows, schema};
use callboard::sim::driver::Driver;
use callboard::sim::scenario::{Runner, START};
use rusqlite::Connection;
use rusqlite::types::Value as Cell;

const STREAM: u32 = 3;
const DAY_MS: i64 = 86_400_000;

/// A run, its fold, and the history that is written from it.
pub struct Kept {
    runner: Runner<Driver>,
    pub figures: Figures,
    pub keep: Keep,
    log: Vec<(u64, Millis, Vec<Event>)>,
    /// The history's time is so much later than the run's, ms.
    later_ms: i64,
}

impl Kept {
    pub fn new() -> Kept {
        Kept::later(0)
    }

    /// A run whose records are taken as of another time.
    pub fn later(later_ms: i64) -> Kept {
        let mut figures = Figures::default();
        figures.watch(0, 0);
        let keep = Keep::new(schema::open_in_memory().expect("a file")).expect("a history");
        let runner = Runner::new(Driver::logged());
        Kept { runner, figures, keep, log: Vec::new(), later_ms }
    }

    pub fn line(&mut self, line: &str) {
        self.runner.line(line).unwrap_or_else(|e| panic!("{e}"));
        for (seq, at, events) in self.runner.system.take_log() {
            let at = Millis(at.0 + self.later_ms);
            // A test may have put in records of its own.
            let seq = seq.max(self.figures.seq() + 1);
            self.figures.apply(seq, at, &events);
            self.log.push((seq, at, events));
        }
        hand_over(&mut self.figures, &mut self.keep, false);
    }

    /// A record of the test's own.
    pub fn event(&mut self, event: Event) {
        let (seq, at, events) = (self.figures.seq() + 1, self.now(), vec![event]);
        self.figures.apply(seq, at, &events);
        self.log.push((seq, at, events));
        hand_over(&mut self.figures, &mut self.keep, false);
    }

    pub fn now(&self) -> Millis {
        Millis(START.0 + self.later_ms + self.runner.elapsed())
    }

    /// All that was counted is in the file, agents' time up to the last record included.
    pub fn write(&mut self) {
        hand_over(&mut self.figures, &mut self.keep, true);
        self.keep.write().expect("written");
    }

    pub fn look(&self) -> Look<'_> {
        Look::beside(self.keep.file(), self.keep.codes(), STREAM).expect("a look")
    }
}

fn hand_over(figures: &mut Figures, keep: &mut Keep, settled: bool) {
    if settled {
        figures.settle_now();
    }
    let (seq, at, notes) = (figures.seq(), figures.at(), figures.take_notes());
    if figures.is_watched() {
        keep.take(Batch { stream: STREAM, seq, at, settled, notes });
    }
}

pub fn wish(across: Across, id: Option<&str>, edges: Vec<Millis>) -> Wish {
    let id = id.map(str::to_owned);
    Wish { id, ..Wish::all(across, 10_000, edges) }
}

/// With sums, and without: the shortest, the longest, and others with each seed.
fn thresholds(seed: u64) -> Vec<Threshold> {
    let any = seed.wrapping_mul(6_364_136_223_846_793_005) >> 33;
    let seconds = [1, 20, 600, 604_800, 2 + any % 60, 62 + any % 4_000];
    seconds.into_iter().filter_map(Threshold::of_seconds).collect()
}

/// With service levels of each.
fn leveled(mut wish: Wish, thresholds: &[Threshold]) -> Wish {
    wish.thresholds = thresholds.to_vec();
    wish
}

/// The service levels of a threshold, in their order.
fn service_levels(facts: &Facts) -> Vec<Option<i64>> {
    let figures = FIGURES.iter().filter(|figure| figure.has_threshold());
    figures.map(|figure| figure.number(facts)).collect()
}

fn sums(look: &Look<'_>, across: Across, edges: &[Millis]) -> Vec<(Name, Vec<Counts>)> {
    let told = look.sums(&wish(across, None, edges.to_vec()), &|_| true).expect("sums");
    assert!(!told.more);
    let items = told.items.into_iter();
    items.map(|(id, sums)| (id, sums.into_iter().map(|sum| sum.counts).collect())).collect()
}

fn same(one: &Counts, other: &Counts) -> bool {
    one.longest_ms() == other.longest_ms()
        && (0..SUMS).map(Sum::at).all(|sum| one.get(sum) == other.get(sum))
}

fn edges(interval: Interval, range: (Millis, Millis)) -> Vec<Millis> {
    interval.edges(range, &intervals::zone("UTC").expect("UTC"), 100_000).expect("edges")
}

/// What ten seeds must have had of everything.
#[derive(Default)]
struct Seen(Counts);

fn check(seed: u64, seen: &mut Seen) {
    let mut kept = Kept::new();
    for (at, line) in scheduled(seed).iter().enumerate() {
        kept.line(line);
        if at % 7 == 0 {
            kept.keep.write().expect("written");
        }
    }
    kept.write();
    let look = kept.look();
    // As of the last record.
    let now = kept.figures.at();
    let midnight = Millis(now.0.div_euclid(DAY_MS) * DAY_MS);
    let range = (midnight, Millis(midnight.0 + DAY_MS));
    let levels = thresholds(seed);
    for (by, across) in [
        (By::Account, Across::Account),
        (By::Queue, Across::Queue),
        (By::Group, Across::Group),
        (By::Agent, Across::Agent),
        (By::Team, Across::Team),
    ] {
        let days = sums(&look, across, &edges(Interval::Day, range));
        for id in kept.figures.ids(by) {
            let live =
                |level| kept.figures.facts((by, &id), (midnight, now), level).expect("facts");
            let of_day = wish(across, Some(&id), edges(Interval::Day, range));
            let of_day = look.sums(&leveled(of_day, &levels), &|_| true).expect("sums");
            let has_levels = across.figures().any(Figure::has_threshold);
            for level in levels.iter().filter(|_| has_levels) {
                let live = service_levels(&live(*level));
                let day = of_day.items.first();
                let day = day.map(|(_, day)| service_levels(&day[0].facts(*level)));
                let day = day.unwrap_or_else(|| vec![None; live.len()]);
                assert_eq!(day, live, "seed {seed}, {by} {id} within {level:?}");
            }
            let live = live(Threshold::DEFAULT).counts;
            let none = [Counts::default()];
            let day = days.iter().find(|(of, _)| *of == id).map_or(&none[..], |(_, day)| day);
            assert!(same(&day[0], &live), "seed {seed}, {by} {id}: {:?}, live {live:?}", day[0]);
        }
    }
    for across in Across::ALL {
        let days = sums(&look, *across, &edges(Interval::Day, range));
        for interval in [Interval::Five, Interval::Quarter, Interval::Hour] {
            let parts = sums(&look, *across, &edges(interval, range));
            assert_eq!(parts.len(), days.len(), "seed {seed}");
            for ((id, day), (_, parts)) in days.iter().zip(&parts) {
                let mut sum = Counts::default();
                parts.iter().for_each(|part| sum.merge(part));
                assert!(same(&sum, &day[0]), "seed {seed}, {across} {id} by {interval}");
            }
        }
    }
    if let Some((_, day)) = sums(&look, Across::Account, &edges(Interval::Day, range)).first() {
        seen.0.merge(&day[0]);
    }
    levels_add_up(seed, &look, range, &levels);
    provenance(seed, &kept, &look, range, &levels);
}

/// Waits within thresholds that have no sums: those of intervals come to those of their day, and none is
/// told of what does not wait.
fn levels_add_up(seed: u64, look: &Look<'_>, range: (Millis, Millis), levels: &[Threshold]) {
    for across in Across::ALL {
        let told = |interval| {
            let wish = wish(*across, None, edges(interval, range));
            look.sums(&leveled(wish, levels), &|_| true).expect("sums").items
        };
        let days = told(Interval::Day);
        for interval in [Interval::Five, Interval::Quarter, Interval::Hour] {
            for ((id, day), (_, parts)) in days.iter().zip(&told(interval)) {
                for (place, (level, of_day)) in day[0].levels.iter().enumerate() {
                    let mut sum = Within::default();
                    parts.iter().for_each(|part| sum.merge(&part.levels[place].1));
                    let what = format!("{across} {id} within {level:?} by {interval}");
                    assert_eq!(sum, *of_day, "seed {seed}, {what}");
                }
            }
        }
    }
}

/// The rows behind each figure come to the figure, page by page.
fn provenance(
    seed: u64,
    kept: &Kept,
    look: &Look<'_>,
    range: (Millis, Millis),
    levels: &[Threshold],
) {
    for (across, threshold) in
        Across::ALL.iter().flat_map(|of| levels.iter().map(move |level| (of, *level)))
    {
        let wished = wish(*across, None, edges(Interval::Day, range));
        let told = look.sums(&leveled(wished, levels), &|_| true);
        for (id, day) in told.expect("sums").items {
            let facts = day[0].facts(threshold);
            for figure in across.figures() {
                // A wait that was taken back stays the longest.
                if figure.name == "longest_wait_ms" || !has_rows(figure) {
                    continue;
                }
                if threshold != Threshold::DEFAULT && !figure.has_threshold() {
                    continue;
                }
                let ids = match across {
                    Across::Team => kept.figures.members(&id).cloned().collect(),
                    _ => vec![id.clone()],
                };
                let (from, until) = range;
                let mut wish = behind::Wish {
                    figure,
                    across: *across,
                    ids,
                    from,
                    until,
                    threshold,
                    after: None,
                    limit: 3,
                };
                let found = look.behind(&wish).expect("rows");
                // Who joined or left a team today has counts elsewhere, too.
                if *across != Across::Team {
                    let value = figure.value(&facts);
                    assert_eq!(found.value, value, "seed {seed}: {across} {id} {}", figure.name);
                }
                let (count, mut listed, mut next) = (found.count, found.items.len(), found.next);
                while next.is_some() {
                    wish.after = next;
                    let page = look.behind(&wish).expect("rows");
                    (listed, next) = (listed + page.items.len(), page.next);
                }
                assert_eq!(listed, count, "seed {seed}: {across} {id} {}", figure.name);
            }
        }
    }
}

#[test]
fn sums_are_the_live_figures_and_add_up_and_rows_come_to_them() {
    let mut seen = Seen::default();
    let seeds = super::number("CALLBOARD_SEED").map_or(0..60, |seed| seed..seed + 1);
    let all = seeds.end - seeds.start > 1;
    seeds.for_each(|seed| check(seed, &mut seen));
    // A callback's customer is reached in the golden traces.
    let is_rare = |measure: &&Measure| **measure == Measure::CallbacksReached;
    let none = Measure::ALL.iter().filter(|measure| all && seen.0.get(**measure) == 0);
    let none: Vec<_> = none.filter(|measure| !is_rare(measure)).collect();
    assert!(none.is_empty(), "no history had {none:?}");
    assert!(FIGURES.len() > 45);
}

/// Seven bits a byte, the lowest first; twice the number, or twice the negative one and less one.
fn numbers(bytes: &[u8]) -> Vec<i64> {
    let ends = bytes.split_inclusive(|byte| byte & 0x80 == 0);
    let number = |bytes: &[u8]| {
        let bits = bytes.iter().rev().fold(0_u64, |all, byte| all << 7 | u64::from(byte & 0x7f));
        (bits >> 1).cast_signed() ^ -(bits & 1).cast_signed()
    };
    ends.map(number).collect()
}

/// A row of agents' time with the words of the states in it: they are numbered as they come.
fn spelt(db: &Connection, mut row: Vec<Cell>) -> Vec<Cell> {
    let Some(Cell::Blob(spans)) = row.pop() else { panic!("no spans: {row:?}") };
    let sql = "SELECT status, detail, reason, work, capacity FROM history_state WHERE code = ?1";
    let mut state = db.prepare_cached(sql).expect("a table");
    for span in numbers(&spans).chunks(3) {
        let [gap, ms, code] = span else { panic!("half a span: {span:?}") };
        row.extend([gap, ms].map(|ms| Cell::Integer(*ms)));
        let words = |row: &rusqlite::Row<'_>| (0..5).map(|at| row.get(at)).collect();
        row.extend(state.query_row([code], words).map(|row: Vec<Cell>| row).expect("a state"));
    }
    row
}

/// All that the file holds, but for which record changed a row last.
fn dump(db: &Connection) -> Vec<(String, Vec<Vec<Cell>>)> {
    let tables = [
        ("history_subject", "stream, kind, name"),
        ("history_call", "*"),
        ("history_stay", "*"),
        ("history_offer", "*"),
        ("history_part", "*"),
        ("history_own", "*"),
        ("history_time", "*"),
        ("history_whose", "*"),
        (
            "history_figures AS f JOIN history_subject AS s ON s.id = f.subject",
            "s.kind, s.name, grain, begins, sums",
        ),
    ];
    tables
        .iter()
        .map(|(table, columns)| {
            let sql = format!("SELECT {columns} FROM {table}");
            let mut found = db.prepare(&sql).expect("a table");
            let width = found.column_count();
            let mut rows = found.query([]).expect("rows");
            let mut all = Vec::new();
            while let Some(row) = rows.next().expect("a row") {
                let row = (0..width).map(|at| row.get(at).expect("a cell")).collect();
                all.push(if *table == "history_time" { spelt(db, row) } else { row });
            }
            // Subjects are numbered as they come: the same ones here.
            ((*table).to_owned(), all)
        })
        .collect()
}

/// However often a node dies, is started anew and is asked in between: the file holds the same.
#[test]
fn a_crash_anywhere_leaves_the_same_rows() {
    for seed in 2_000..2_030_u64 {
        let mut whole = Kept::new();
        scheduled(seed).iter().for_each(|line| whole.line(line));
        whole.write();
        let mut dice = seed;
        let mut one_in = |n: u64| {
            dice = dice
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) % n == 0
        };
        let mut keep = Keep::new(schema::open_in_memory().expect("a file")).expect("a history");
        let mut figures = Figures::default();
        figures.watch(0, 0);
        let mut stored = serde_json::to_string(&figures).expect("JSON");
        let (mut at, mut deaths) = (0, 0);
        while at < whole.log.len() {
            let (seq, when, events) = &whole.log[at];
            figures.apply(*seq, *when, events);
            at += 1;
            if one_in(3) {
                // Somebody asks: agents' time is counted up to here.
                hand_over(&mut figures, &mut keep, one_in(4));
            }
            if one_in(5) {
                hand_over(&mut figures, &mut keep, false);
                keep.write().expect("written");
                if one_in(3) {
                    stored = serde_json::to_string(&figures).expect("JSON");
                }
            }
            if one_in(12) {
                keep = Keep::new(keep.into_file()).expect("a history");
                let position = schema::position(keep.file(), STREAM).expect("read");
                let (after, settled) = position.map_or((0, 0), |p| (p.seq, p.settled));
                figures = serde_json::from_str(&stored).expect("figures");
                assert!(figures.seq() <= after || after == 0, "seed {seed}");
                figures.watch(after, settled);
                at = usize::try_from(figures.seq()).expect("small");
                deaths += 1;
                // Not for ever.
                if deaths > 40 {
                    break;
                }
            }
        }
        for (seq, when, events) in &whole.log[at..] {
            figures.apply(*seq, *when, events);
        }
        hand_over(&mut figures, &mut keep, true);
        keep.write().expect("written");
        let (found, expected) = (dump(keep.file()), dump(whole.keep.file()));
        for ((table, found), (_, expected)) in found.iter().zip(&expected) {
            assert_eq!(found, expected, "seed {seed}, {deaths} deaths: {table}");
        }
    }
}

#[test]
fn what_is_over_for_long_goes_and_what_goes_on_stays() {
    let mut kept = Kept::new();
    for line in "switch s1\nagent ann\nqueue v strategy=longest_idle\nmember v ann\ncall c1 to v\nat 1s\n\
                 call c2 to v\nat 2s\nabandoned c2\nat 10800s\ncall c3 to v\nat 10803s\nabandoned c3"
        .lines()
    {
        kept.line(line);
    }
    kept.write();
    let rows = |kept: &Kept, table: &str| -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        kept.keep.file().query_row(&sql, [], |row| row.get(0)).expect("a count")
    };
    assert_eq!((rows(&kept, "history_call"), rows(&kept, "history_stay")), (3, 3));
    let hour = Millis(START.0 + 3_600_000);
    kept.keep.forget(hour).expect("forgotten");
    assert_eq!(
        (rows(&kept, "history_call"), rows(&kept, "history_stay")),
        (2, 2),
        "the first waits"
    );
    let position = kept.look().position();
    assert_eq!(position.kept_from, hour.0);
    let range = (START, kept.now());
    let figure = FIGURES.iter().find(|figure| figure.name == "offered").expect("a figure");
    let (across, ids, (from, until)) = (Across::Queue, vec![Name::from("v")], range);
    let (threshold, after, limit) = (Threshold::DEFAULT, None, 10);
    let until = until.plus(1);
    let wish = behind::Wish { figure, across, ids, from, until, threshold, after, limit };
    let found = kept.look().behind(&wish).expect("rows");
    assert_eq!(found.count, 2, "the first is found in its queue, and the last");
    let day = sums(&kept.look(), Across::Queue, &edges(Interval::Hour, range));
    let offered: Vec<i64> = day[0].1.iter().map(|hour| hour.get(Measure::Offered)).collect();
    assert_eq!(offered, [0, 0, 0, 1]);
}
