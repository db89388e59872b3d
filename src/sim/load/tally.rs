//! What the switch has counted, and whether the account says the same.

use super::furnish::Counts;

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
}

impl Tally {
    /// How the account's own counts differ from these; `None` when they agree, or cannot be compared
    /// since midnight came between the two looks.
    #[must_use]
    pub fn differs(&self, before: &Counts, after: &Counts) -> Option<String> {
        if before.day != after.day {
            return None;
        }
        let rows = [
            ("offered", self.arrived, before.offered, after.offered),
            ("answered", self.answered, before.answered, after.answered),
            ("abandoned", self.abandoned, before.abandoned, after.abandoned),
            ("exited", self.exited, before.exited, after.exited),
            ("live", 0, 0, after.live),
        ];
        let wrong = |(name, ours, before, after): (&str, u64, u64, u64)| {
            let theirs = after.checked_sub(before);
            (theirs != Some(ours))
                .then(|| format!("{name}: {ours} here, {before} to {after} there"))
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
        assert_eq!(tally.differs(&before, &Counts { day: 1, ..lost }), None, "midnight");
    }
}
