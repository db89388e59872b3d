//! What a run checks while it goes on, and at its end.

use std::collections::BTreeMap;

/// A rule that can be seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// Each call that arrived has one end, at the switch and at the engine.
    NoCallLost,
    /// No agent is rung while ringing or talking for another call.
    NoAgentTwice,
    /// No agent is rung in wrap-up, or in the delay that follows a miss.
    NoAgentTooSoon,
    /// No agent is rung after the engine has said that they are logged out or on a break.
    NoAgentAway,
    /// No call is offered to, or joined with, two agents at once (the queues ring one by one).
    NoCallTwice,
    /// Commands have no gap.
    NoCommandMissing,
    /// No event is rejected.
    EventsTaken,
    /// The frames of every dashboard follow each other.
    NoFrameMissing,
    /// A board that was resumed again and again shows at the end what a fresh one shows.
    BoardsAgree,
    /// The account's own counts say the same as the switch's.
    CountsAgree,
}

impl Check {
    /// All.
    pub const ALL: [Check; 10] = [
        Check::NoCallLost,
        Check::NoAgentTwice,
        Check::NoAgentTooSoon,
        Check::NoAgentAway,
        Check::NoCallTwice,
        Check::NoCommandMissing,
        Check::EventsTaken,
        Check::NoFrameMissing,
        Check::BoardsAgree,
        Check::CountsAgree,
    ];

    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Check::NoCallLost => "every call that arrived has exactly one end",
            Check::NoAgentTwice => "no agent was rung for two calls at once",
            Check::NoAgentTooSoon => "no agent was rung in wrap-up or just after a miss",
            Check::NoAgentAway => "no agent was rung while logged out or on a break",
            Check::NoCallTwice => "no call was offered or joined twice at once",
            Check::NoCommandMissing => "no command was missing",
            Check::EventsTaken => "no event was rejected",
            Check::NoFrameMissing => "no dashboard missed a frame",
            Check::BoardsAgree => "a board resumed again and again shows what a fresh one shows",
            Check::CountsAgree => "the account's counts are those of the switch",
        }
    }

    /// In JSON.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Check::NoCallLost => "no_call_lost",
            Check::NoAgentTwice => "no_agent_twice",
            Check::NoAgentTooSoon => "no_agent_too_soon",
            Check::NoAgentAway => "no_agent_away",
            Check::NoCallTwice => "no_call_twice",
            Check::NoCommandMissing => "no_command_missing",
            Check::EventsTaken => "events_taken",
            Check::NoFrameMissing => "no_frame_missing",
            Check::BoardsAgree => "boards_agree",
            Check::CountsAgree => "counts_agree",
        }
    }
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Checks(BTreeMap<Check, (u64, String)>);

impl Checks {
    /// A check failed; the first case is kept in words.
    pub fn broken(&mut self, check: Check, how: impl FnOnce() -> String) {
        self.0.entry(check).or_insert_with(|| (0, how())).0 += 1;
    }

    /// How often it failed, and the first case; `None` when it held.
    #[must_use]
    pub fn found(&self, check: Check) -> Option<&(u64, String)> {
        self.0.get(&check)
    }

    /// Whether all held.
    #[must_use]
    pub fn held(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds what was found elsewhere.
    pub fn merge(&mut self, other: Checks) {
        for (check, (times, how)) in other.0 {
            self.0.entry(check).or_insert((0, how)).0 += times;
        }
    }
}

/// The commands that came, by their numbers from 1: by several ways at once, so not always in order.
#[derive(Clone, Debug, Default)]
pub struct Received {
    done: u64,
    ahead: std::collections::BTreeSet<u64>,
}

impl Received {
    /// Whether this one is new.
    pub fn is_new(&mut self, seq: u64) -> bool {
        if seq <= self.done || !self.ahead.insert(seq) {
            return false;
        }
        while self.ahead.first() == Some(&(self.done + 1)) {
            self.ahead.pop_first();
            self.done += 1;
        }
        true
    }

    /// All up to here have come.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.done
    }

    /// The first that has not come although a later one has.
    #[must_use]
    pub fn gap(&self) -> Option<u64> {
        (!self.ahead.is_empty()).then_some(self.done + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_and_the_first_is_kept() {
        let mut checks = Checks::default();
        assert!(checks.held());
        (0..3).for_each(|i| checks.broken(Check::NoCallLost, || format!("case {i}")));
        let mut other = Checks::default();
        other.broken(Check::NoCallLost, || "elsewhere".to_owned());
        other.broken(Check::NoFrameMissing, || "a gap".to_owned());
        checks.merge(other);
        assert_eq!(checks.found(Check::NoCallLost), Some(&(4, "case 0".to_owned())));
        assert_eq!(checks.found(Check::NoFrameMissing), Some(&(1, "a gap".to_owned())));
        assert!(!checks.held() && checks.found(Check::EventsTaken).is_none());
    }

    #[test]
    fn commands_may_come_out_of_order_and_again_but_not_be_missing() {
        let mut received = Received::default();
        assert!(received.is_new(2) && !received.is_new(2));
        assert_eq!((received.done(), received.gap()), (0, Some(1)));
        assert!(received.is_new(1) && !received.is_new(1));
        assert_eq!((received.done(), received.gap()), (2, None));
    }
}
