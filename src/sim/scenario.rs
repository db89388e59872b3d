//! Runs a text of the scenario language (see [`super::step`]) against the model or the engine.

use super::fact::Fact;
use super::model::Model;
use super::step::{self, Step};
use super::view::View;
use crate::domain::time::Millis;

/// Where every scenario begins: 2026-11-21T20:00:00Z, four hours before midnight.
pub const START: Millis = Millis(1_795_291_200_000);

/// More deadlines than this at one instant are a loop.
const LOOP: usize = 10_000;

/// What a scenario drives: the model or the engine.
pub trait System {
    /// Applies one input.
    fn apply(&mut self, now: Millis, step: &Step) -> Vec<Fact>;
    /// The earliest deadline.
    fn next_deadline(&mut self) -> Option<Millis>;
    /// Handles it.
    fn due(&mut self, now: Millis) -> Vec<Fact>;
    /// What can be seen now.
    fn view(&mut self) -> View;
    /// Broken invariants, in words.
    fn broken(&mut self) -> Vec<String>;
}

impl System for Model {
    fn apply(&mut self, now: Millis, step: &Step) -> Vec<Fact> {
        Model::apply(self, now, step)
    }
    fn next_deadline(&mut self) -> Option<Millis> {
        Model::next_deadline(self)
    }
    fn due(&mut self, now: Millis) -> Vec<Fact> {
        Model::due(self, now)
    }
    fn view(&mut self) -> View {
        Model::view(self)
    }
    fn broken(&mut self) -> Vec<String> {
        Vec::new()
    }
}

/// A system with its clock.
pub struct Runner<S> {
    /// The model or the engine.
    pub system: S,
    now: Millis,
    /// Facts since the last line that was no `expect`.
    lately: Vec<String>,
}

/// Facts of one instant, in milliseconds from the start.
pub type Moment = (i64, Vec<Fact>);

impl<S: System> Runner<S> {
    /// A system at the start.
    pub fn new(system: S) -> Runner<S> {
        Runner { system, now: START, lately: Vec::new() }
    }

    /// Milliseconds since the start.
    pub fn elapsed(&self) -> i64 {
        self.now.0 - START.0
    }

    /// Runs one line; what happened, by instant, empty ones left out.
    ///
    /// # Errors
    /// A line that does not read, a fact that was expected and did not come, a clock that stands.
    pub fn line(&mut self, line: &str) -> Result<Vec<Moment>, String> {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            return Ok(Vec::new());
        }
        let step = step::parse(line).map_err(|e| format!("{line:?}: {e}"))?;
        if let Step::Expect(fact) = &step {
            return self.expect(fact).map(|()| Vec::new());
        }
        let mut moments = Vec::new();
        match step {
            Step::At(at) => {
                let to = START.0 + at;
                if to < self.now.0 {
                    return Err(format!("{line:?}: time never runs back"));
                }
                self.run_to(Millis(to), &mut moments)?;
                self.now = Millis(to);
            }
            Step::Restart { away_ms } => {
                self.run_to(self.now, &mut moments)?;
                self.now = self.now.plus(away_ms);
                self.apply(&step, &mut moments);
                self.run_to(self.now, &mut moments)?;
            }
            _ => {
                self.apply(&step, &mut moments);
                self.run_to(self.now, &mut moments)?;
            }
        }
        self.lately =
            moments.iter().flat_map(|(_, facts)| facts).map(ToString::to_string).collect();
        Ok(moments)
    }

    fn apply(&mut self, step: &Step, moments: &mut Vec<Moment>) {
        let facts = self.system.apply(self.now, step);
        self.add(moments, facts);
    }

    /// Handles what falls due up to and at an instant, each at its own.
    fn run_to(&mut self, to: Millis, moments: &mut Vec<Moment>) -> Result<(), String> {
        for _ in 0..LOOP {
            match self.system.next_deadline() {
                Some(at) if at <= to => {
                    self.now = self.now.max(at);
                    let facts = self.system.due(self.now);
                    self.add(moments, facts);
                }
                _ => return Ok(()),
            }
        }
        Err(format!("deadlines without end at {}", self.elapsed()))
    }

    fn add(&self, moments: &mut Vec<Moment>, facts: Vec<Fact>) {
        let at = self.elapsed();
        match moments.last_mut() {
            _ if facts.is_empty() => {}
            Some((last, there)) if *last == at => there.extend(facts),
            _ => moments.push((at, facts)),
        }
    }

    fn expect(&self, fact: &str) -> Result<(), String> {
        let came = |text: &String| {
            text == fact || text.strip_prefix(fact).is_some_and(|rest| rest.starts_with(' '))
        };
        let held = match fact.strip_prefix("no ") {
            _ if fact == "nothing" => self.lately.is_empty(),
            Some(word) => !self.lately.iter().any(|text| text.starts_with(word)),
            None => self.lately.iter().any(came),
        };
        if held {
            return Ok(());
        }
        Err(format!("at {} expected {fact:?}, came {:?}", self.elapsed(), self.lately))
    }
}

/// Runs a whole text; the story: each line, and under it what happened. `show` tells what can be
/// seen of agents, pairs, queues and calls.
///
/// # Errors
/// The first line that fails, with its number.
pub fn tell<S: System>(system: S, text: &str) -> Result<String, String> {
    let mut runner = Runner::new(system);
    let mut story = String::new();
    for (i, line) in text.lines().enumerate() {
        if let Some(what) = line.trim_start().strip_prefix("show ") {
            show(&mut story, line, &runner.system.view(), what);
            continue;
        }
        let moments = runner.line(line).map_err(|e| format!("line {}: {e}", i + 1))?;
        let broken = runner.system.broken();
        if !broken.is_empty() {
            return Err(format!("line {}: {line:?} broke {broken:?}", i + 1));
        }
        if !line.trim_start().starts_with("expect") {
            story.push_str(line.trim_end());
            story.push('\n');
        }
        for (at, facts) in moments {
            for fact in facts {
                story.push_str(&format!("{:>9}  {fact}\n", seconds(at)));
            }
        }
    }
    Ok(story)
}

/// `show pair ann`: the lines of the view that begin so.
fn show(story: &mut String, line: &str, view: &View, what: &str) {
    let what = what.split('#').next().unwrap_or_default().trim();
    story.push_str(line.trim_end());
    story.push('\n');
    for seen in view.iter().filter(|seen| seen.starts_with(what)) {
        story.push_str(&format!("           {seen}\n"));
    }
}

fn seconds(ms: i64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}
