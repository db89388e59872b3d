//! What the floor has seen: counts, the time from arrival to ring, and rules found broken.

use std::collections::BTreeMap;
use std::fmt;

/// A rule that the floor watches from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// No agent is rung while the phone rings, or talks, for another call.
    OneCallPerAgent,
    /// No call is joined twice.
    OneJoin,
    /// Commands come in order, without a gap.
    CommandOrder,
    /// No event of the switch is rejected.
    EventsTaken,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Rule; 4] =
        [Rule::OneCallPerAgent, Rule::OneJoin, Rule::CommandOrder, Rule::EventsTaken];

    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Rule::OneCallPerAgent => "no agent was rung for two calls at once",
            Rule::OneJoin => "no call was joined with two agents",
            Rule::CommandOrder => "commands came in order, without a gap",
            Rule::EventsTaken => "no event of the switch was rejected",
        }
    }
}

/// Counts of one run, as seen from the switch.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Calls that reached the switch.
    pub arrived: u64,
    /// Calls joined with an agent.
    pub answered: u64,
    /// Callers who left before.
    pub abandoned: u64,
    /// Calls that the engine ended or sent elsewhere.
    pub exited: u64,
    /// Answered calls that are over.
    pub finished: u64,
    /// Offers that rang out.
    pub missed: u64,
    /// Offers refused at the phone.
    pub refused: u64,
    /// Offers that stopped because another agent was faster.
    pub elsewhere: u64,
    /// Per call that rang, microseconds from its arrival to the first ring, waiting included.
    pub ring_us: Vec<u64>,
    /// The same, of calls that were not told to wait first: an agent was free.
    pub at_once_us: Vec<u64>,
    /// Rules found broken: how often, and the first case in words.
    pub broken: BTreeMap<Rule, (u64, String)>,
}

impl Tally {
    /// A rule was found broken.
    pub fn breach(&mut self, rule: Rule, how: String) {
        self.broken.entry(rule).or_insert((0, how)).0 += 1;
    }

    /// How often a rule was broken, and the first case; `Ok` when never.
    ///
    /// # Errors
    /// That text.
    pub fn kept(&self, rule: Rule) -> Result<(), String> {
        match self.broken.get(&rule) {
            None => Ok(()),
            Some((1, how)) => Err(how.clone()),
            Some((times, how)) => Err(format!("{times} times, first: {how}")),
        }
    }

    /// Calls that arrived and have not ended.
    #[must_use]
    pub fn live(&self) -> u64 {
        self.arrived.saturating_sub(self.abandoned + self.exited + self.finished)
    }
}

/// The value below which a share of `sorted` lies (nearest rank); `None` of nothing.
#[must_use]
pub fn quantile(sorted: &[u64], share: f64) -> Option<u64> {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

/// A run's end.
#[derive(Clone, Debug)]
pub struct Summary {
    /// How long the floor was open, in milliseconds.
    pub open_ms: u64,
    /// Its counts.
    pub tally: Tally,
    /// The invariants that were checked, each with its result.
    pub checks: Vec<(&'static str, Result<(), String>)>,
}

impl Summary {
    /// Whether every check held.
    #[must_use]
    pub fn held(&self) -> bool {
        self.checks.iter().all(|(_, result)| result.is_ok())
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = &self.tally;
        let ended = t.abandoned + t.exited + t.finished;
        writeln!(f, "open for       {:.1} s", self.open_ms as f64 / 1000.0)?;
        writeln!(f, "calls          {}", t.arrived)?;
        writeln!(f, "  answered     {}", t.answered)?;
        writeln!(f, "  abandoned    {}", t.abandoned)?;
        writeln!(f, "  exited       {}", t.exited)?;
        writeln!(f, "  ended, live  {ended}, {}", t.live())?;
        let (m, r, e) = (t.missed, t.refused, t.elsewhere);
        writeln!(f, "offers         {m} missed, {r} refused, {e} answered elsewhere")?;
        times(f, "arrival → ring ", &t.ring_us, "all calls that rang, waiting included")?;
        times(f, "  agent free   ", &t.at_once_us, "calls that did not have to wait")?;
        writeln!(f, "invariants")?;
        for (what, result) in &self.checks {
            match result {
                Ok(()) => writeln!(f, "  held         {what}")?,
                Err(how) => writeln!(f, "  BROKEN       {what}: {how}")?,
            }
        }
        Ok(())
    }
}

fn times(f: &mut fmt::Formatter<'_>, name: &str, us: &[u64], of: &str) -> fmt::Result {
    let mut sorted = us.to_vec();
    sorted.sort_unstable();
    let text = |share| match quantile(&sorted, share) {
        Some(us) => format!("{:.1} ms", us as f64 / 1000.0),
        None => "–".to_owned(),
    };
    writeln!(f, "{name}median {}, p99 {} ({of}: {})", text(0.5), text(0.99), sorted.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_occurred() {
        let sorted: Vec<u64> = (1..=100).collect();
        assert_eq!(quantile(&sorted, 0.5), Some(50));
        assert_eq!(quantile(&sorted, 0.99), Some(99));
        assert_eq!(quantile(&[7], 0.99), Some(7));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn one_broken_check_spoils_the_run() {
        let mut summary =
            Summary { open_ms: 1, tally: Tally::default(), checks: vec![("a", Ok(()))] };
        assert!(summary.held() && summary.to_string().contains("held         a"));
        summary.checks.push(("b", Err("how".into())));
        assert!(!summary.held() && summary.to_string().contains("BROKEN       b: how"));
    }

    #[test]
    fn breaches_are_counted_by_rule() {
        let mut tally = Tally::default();
        (0..50).for_each(|i| tally.breach(Rule::OneJoin, format!("case {i}")));
        assert_eq!(tally.kept(Rule::OneJoin), Err("50 times, first: case 0".into()));
        assert_eq!(tally.kept(Rule::CommandOrder), Ok(()));
    }
}
