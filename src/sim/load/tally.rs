//! What the switch has counted, and whether the account says the same.

use super::furnish::Counts;
use std::ops::RangeInclusive;

/// Counts of a run, as seen from the switch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls that came.
    pub arrived: u64,
    /// … were joined with an agent.
    pub answered: u64,
    /// … were given up by the caller.
    pub abandoned: u64,
    /// … ended after a conversation.
    pub finished: u64,
    /// … were ended by the engine.
    pub exited: u64,
    /// Offers that rang.
    pub offered: u64,
    /// … and were not answered.
    pub missed: u64,
    /// Calls that were told to wait.
    pub waited: u64,
    /// Events with a result.
    pub events: u64,
    /// … of which the engine ignored some: they came too late to matter.
    pub ignored: u64,
    /// Commands received.
    pub commands: u64,
    /// Calls that were gone with a start of the switch.
    pub restarted: u64,
    /// What was under way when the switch started anew, so that the engine may have heard it or not.
    pub unsure: Unsure,
}

/// Counts that a start of the switch has left open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unsure {
    /// Calls that came: the engine may know fewer.
    pub arrived: u64,
    /// Calls that were answered: the engine may know more.
    pub answered: u64,
    /// Calls that were given up: the engine may know fewer.
    pub abandoned: u64,
}

impl Tally {
    /// How the account's own counts differ from these; `None` when they agree, or cannot be compared
    /// since midnight came between the two looks.
    #[must_use]
    pub fn differs(&self, before: &Counts, after: &Counts) -> Option<String> {
        if before.day != after.day {
            return None;
        }
        let unsure = self.unsure;
        let exact = |count: u64| count..=count;
        let rows = [
            (
                "offered",
                self.arrived - unsure.arrived..=self.arrived,
                before.offered,
                after.offered,
            ),
            (
                "answered",
                self.answered..=self.answered + unsure.answered,
                before.answered,
                after.answered,
            ),
            (
                "abandoned",
                self.abandoned - unsure.abandoned..=self.abandoned,
                before.abandoned,
                after.abandoned,
            ),
            ("exited", exact(self.exited), before.exited, after.exited),
            ("live", exact(0), 0, after.live),
        ];
        let wrong = |(name, ours, before, after): (&str, RangeInclusive<u64>, u64, u64)| {
            let theirs = after.checked_sub(before);
            let holds = theirs.is_some_and(|theirs| ours.contains(&theirs));
            let (least, most) = (ours.start(), ours.end());
            let ours = if least == most { most.to_string() } else { format!("{least} to {most}") };
            (!holds).then(|| format!("{name}: {ours} here, {before} to {after} there"))
        };
        let wrong: Vec<String> = rows.into_iter().filter_map(wrong).collect();
        (!wrong.is_empty()).then(|| wrong.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_differ_from_the_account_s_are_told() {
        let tally = Tally { arrived: 5, answered: 3, abandoned: 2, ..Tally::default() };
        let before = Counts { offered: 10, answered: 1, ..Counts::default() };
        let after = Counts { offered: 15, answered: 4, abandoned: 2, ..Counts::default() };
        assert_eq!(tally.differs(&before, &after), None);
        let lost = Counts { answered: 3, live: 1, ..after };
        let how = tally.differs(&before, &lost).expect("told");
        assert_eq!(how, "answered: 3 here, 1 to 3 there; live: 0 here, 0 to 1 there");
        let unsure = Unsure { answered: 1, arrived: 1, abandoned: 0 };
        let restarted = Tally { unsure, answered: 2, arrived: 6, ..tally };
        assert_eq!(restarted.differs(&before, &after), None, "one answer was not heard of");
        let fewer = Counts { offered: 14, answered: 2, ..after };
        let how = restarted.differs(&before, &fewer).expect("told");
        assert_eq!(
            how,
            "offered: 5 to 6 here, 10 to 14 there; answered: 2 to 3 here, 1 to 2 there"
        );
        assert_eq!(tally.differs(&before, &Counts { day: 1, ..lost }), None, "midnight");
    }
}
