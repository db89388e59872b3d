//! Figures, live and kept: golden traces counted by hand, and the fold beside the engine over random
//! histories.

#[path = "figures/adherence.rs"]
mod adherence;
#[path = "figures/alerts.rs"]
mod alerts;
#[path = "figures/fair.rs"]
mod fair;
#[path = "figures/golden.rs"]
mod golden;
#[path = "figures/history.rs"]
mod kept;
#[path = "figures/levels.rs"]
mod levels;
#[path = "figures/live.rs"]
mod live;
#[path = "figures/past.rs"]
mod past;
#[path = "figures/upgrade.rs"]
mod upgrade;

use callboard::domain::time::Millis;
use callboard::reporting::figures::{By, Figures, Threshold};
use callboard::sim::driver::Driver;
use callboard::sim::scenario::{Runner, START};

/// Histories; `CALLBOARD_SEED=n` replays one, `CALLBOARD_SEEDS=n` sets how many.
const SEEDS: u64 = 150;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// A run whose records are folded as they come.
struct Told {
    runner: Runner<Driver>,
    figures: Figures,
}

impl Told {
    fn new() -> Told {
        Told { runner: Runner::new(Driver::logged()), figures: Figures::default() }
    }

    fn line(&mut self, line: &str) {
        self.runner.line(line).unwrap_or_else(|e| panic!("{e}"));
        for (seq, at, events) in self.runner.system.take_log() {
            // A test may have put in records of its own.
            self.figures.apply(seq.max(self.figures.seq() + 1), at, &events);
        }
    }

    fn now(&self) -> Millis {
        Millis(START.0 + self.runner.elapsed())
    }
}

const DAY_MS: i64 = 86_400_000;

/// What boards show and what figures say of the same must be the same.
fn differences(told: &mut Told) -> Vec<String> {
    let now = told.now();
    let board = told.runner.system.engine().board();
    let figures = &told.figures;
    let mut wrong = Vec::new();
    for (_, row) in &board.agents {
        if figures.detail(&row.id) != row.detail {
            wrong.push(format!(
                "{}: {:?}, board {:?}",
                row.id,
                figures.detail(&row.id),
                row.detail
            ));
        }
    }
    for (_, row) in &board.agents {
        if figures.presence(&row.id) != Some(row.presence) {
            let told = figures.presence(&row.id);
            wrong.push(format!("{}: {told:?}, board {:?}", row.id, row.presence));
        }
    }
    for (_, row) in board.agents.iter().filter(|(_, row)| row.detail.is_some()) {
        let facts = figures.facts((By::Agent, &row.id), (now, now), Threshold::DEFAULT);
        let since = facts.and_then(|facts| facts.present.doing_since);
        if since != Some(row.since) {
            wrong.push(format!("{}: since {since:?}, board {:?}", row.id, row.since));
        }
    }
    // The account's zone is UTC in histories. A day begins with its first record.
    let midnight = Millis(figures.at().0.div_euclid(DAY_MS) * DAY_MS);
    for (_, row) in &board.queues {
        let by = if row.kind == "group" { By::Group } else { By::Queue };
        let Some(facts) = figures.facts((by, &row.id), (midnight, now), Threshold::DEFAULT) else {
            wrong.push(format!("{}: not known", row.id));
            continue;
        };
        let value = |name: &str| {
            let figure = callboard::reporting::figures::FIGURES.iter().find(|f| f.name == name);
            figure.expect("a figure").value(&facts).as_u64().expect("a count")
        };
        let places = board.agents.iter().flat_map(|(_, agent)| {
            let here = agent.queues.iter().filter(|(queue, _)| *queue == row.id);
            here.map(|(_, pair)| pair.presence)
        });
        let (mut shown, mut told): (Vec<_>, _) =
            (places.collect(), facts.present.presences.clone());
        shown.sort_unstable();
        told.sort_unstable();
        if shown != told {
            wrong.push(format!("{}: members {told:?}, board {shown:?}", row.id));
        }
        let today = row.today;
        let shown =
            [today.offered, today.answered, today.abandoned, today.short_abandoned, today.exited];
        let told = ["offered", "answered", "abandoned", "short_abandoned", "exited"].map(value);
        if shown != told {
            wrong.push(format!("{}: {told:?}, board {shown:?}", row.id));
        }
        if (facts.present.waiting as u32, facts.present.oldest_at.is_some())
            != (row.waiting, row.oldest_at.is_some())
        {
            wrong
                .push(format!("{}: {} wait, board {}", row.id, facts.present.waiting, row.waiting));
        }
    }
    wrong
}

fn check(seed: u64) {
    let lines = adherence::scheduled(seed);
    let mut told = Told::new();
    for (at, line) in lines.iter().enumerate() {
        told.line(line);
        let wrong = differences(&mut told);
        let before = lines[at.saturating_sub(6)..=at].join("\n");
        assert!(wrong.is_empty(), "seed {seed}, line {at}:\n{before}\n{wrong:#?}");
    }
    // A fold that begins in the middle knows the floor, if not what was counted.
    let (seq, at) = (told.figures.seq(), told.figures.at());
    let engine = told.runner.system.engine();
    let (retold, since) = (engine.retold(), engine.doing_since());
    told.figures = Figures::begin(seq, at, &retold, &since);
    let wrong = differences(&mut told);
    let wrong: Vec<_> = wrong.iter().filter(|line| !line.contains(", board [")).collect();
    assert!(wrong.is_empty(), "seed {seed}, retold:\n{wrong:#?}");
    let json = serde_json::to_string(&told.figures).expect("JSON");
    let again: Figures = serde_json::from_str(&json).expect("figures");
    assert_eq!(serde_json::to_string(&again).expect("JSON"), json, "seed {seed}");
}

#[test]
fn figures_say_what_boards_show() {
    if let Some(seed) = number("CALLBOARD_SEED") {
        return check(seed);
    }
    (0..number("CALLBOARD_SEEDS").unwrap_or(SEEDS)).for_each(check);
}

/// What is stored and read back in the middle goes on as if it had not been.
#[test]
fn a_fold_that_is_put_away_and_read_back_comes_to_the_same() {
    for seed in 1_000..1_006 {
        let mut told = Told::new();
        let mut stored = Figures::default();
        for line in adherence::scheduled(seed) {
            told.runner.line(&line).unwrap_or_else(|e| panic!("{e}"));
            for (seq, at, events) in told.runner.system.take_log() {
                told.figures.apply(seq, at, &events);
                stored.apply(seq, at, &events);
                // The same record twice equals once.
                stored.apply(seq, at, &events);
                let json = serde_json::to_string(&stored).expect("JSON");
                stored = serde_json::from_str(&json).expect("figures");
            }
        }
        let [one, other] =
            [&told.figures, &stored].map(|f| serde_json::to_string(f).expect("JSON"));
        assert_eq!(one, other, "seed {seed}");
    }
}

/// The page is made from the table of formulas: when it is not, this writes it anew, and fails once.
#[test]
fn the_page_holds_every_formula() {
    use callboard::reporting::figures::FIGURES;
    use std::fmt::Write as _;
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/figures.md");
    let page = std::fs::read_to_string(&path).expect("the page");
    let mut table = "\n| figure | of | formula |\n|---|---|---|\n".to_owned();
    for figure in FIGURES {
        let of: Vec<&str> = figure.of.iter().map(|by| by.word()).collect();
        let of = if of.len() == By::ALL.len() { "all".to_owned() } else { of.join(", ") };
        let _ = writeln!(
            table,
            "| `{}` ({}) | {of} | {} |",
            figure.name,
            figure.unit.word(),
            figure.formula
        );
    }
    let (head, rest) = page.split_once("<!-- table -->\n").expect("the table's place");
    let (_, tail) = rest.split_once("<!-- end -->").expect("its end");
    let made = format!("{head}<!-- table -->\n{table}\n<!-- end -->{tail}");
    if made != page {
        std::fs::write(&path, made).expect("written");
        panic!("docs/figures.md was not what the formulas say; it is now");
    }
}
