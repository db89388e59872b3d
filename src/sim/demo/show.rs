//! What the demo prints.

use super::ACCOUNT;
use super::dashboard::{Dashboard, Sums};
use crate::sim::floor::{Summary, Tally, tally::quantile};
use std::io::{IsTerminal, Write};
use std::time::Duration;

/// The address, the keys, and something to try.
pub fn welcome(url: &str, owner_key: &str) {
    say(&format!(
        "Callboard demo at {url}/\n\
         \n  owner's key  {owner_key}\
         \n  try          curl -s -H 'Authorization: Bearer {owner_key}' \
         '{url}/v1/accounts/{ACCOUNT}/agents?limit=3'\
         \n  watch        callboard watch --url {url} --key {owner_key}\n"
    ));
}

/// The summary.
pub fn farewell(summary: &Summary) {
    say(&format!("\n{summary}"));
}

/// A closed pipe is no reason to stop the floor.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
    let _ = std::io::stdout().flush();
}

/// On a terminal one line that is written again and again, otherwise a line now and then.
pub struct Line {
    terminal: bool,
}

impl Line {
    /// For this process's output.
    #[must_use]
    pub fn new() -> Line {
        Line { terminal: std::io::stdout().is_terminal() }
    }

    /// How often it is to be shown.
    #[must_use]
    pub fn every(&self) -> Duration {
        if self.terminal { Duration::from_millis(250) } else { Duration::from_secs(2) }
    }

    /// Shows the present state.
    pub fn show(&mut self, tally: &Tally, dashboard: &Dashboard) {
        let text = line(tally, dashboard.sums());
        if self.terminal {
            let _ = write!(std::io::stdout(), "\r{text}\x1b[K");
            let _ = std::io::stdout().flush();
        } else {
            say(&text);
        }
    }

    /// The last one stays.
    pub fn end(&mut self) {
        if self.terminal {
            say("");
        }
    }
}

fn line(tally: &Tally, now: Sums) -> String {
    let mut rings = tally.at_once_us.clone();
    rings.sort_unstable();
    let ring = quantile(&rings, 0.5)
        .map_or(String::new(), |us| format!(" · arrival → ring {:.1} ms", us as f64 / 1000.0));
    let [available, opted_out, busy, offline] = now.agents;
    format!(
        "{} calls, {} answered, {} abandoned · {} waiting ({} ringing), {} talking · \
         ●{available} ◆{opted_out} ■{busy} ○{offline}{ring}",
        tally.arrived, tally.answered, tally.abandoned, now.waiting, now.ringing, now.talking
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_what_happens() {
        let tally = Tally { arrived: 3, answered: 2, at_once_us: vec![900], ..Tally::default() };
        let now = Sums { waiting: 1, ringing: 1, talking: 2, agents: [4, 0, 1, 0] };
        assert_eq!(
            line(&tally, now),
            "3 calls, 2 answered, 0 abandoned · 1 waiting (1 ringing), 2 talking · \
             ●4 ◆0 ■1 ○0 · arrival → ring 0.9 ms"
        );
    }
}
