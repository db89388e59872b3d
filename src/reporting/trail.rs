//! What left, in order, kept for a while.

use crate::domain::time::Millis;
use std::collections::VecDeque;

/// How long the board remembers what left it, in milliseconds.
pub const KEPT_MS: u64 = 600_000;
/// How many departures of one kind the board remembers at most.
pub const KEPT: usize = 100_000;

/// Entries by sequence, the oldest forgotten first.
#[derive(Debug)]
pub(super) struct Trail<T> {
    entries: VecDeque<(u64, Millis, T)>,
    /// Entries at or below this sequence may be forgotten.
    known_from: u64,
}

impl<T> Trail<T> {
    pub(super) fn new(
        known_from: u64,
        entries: impl IntoIterator<Item = (u64, Millis, T)>,
    ) -> Trail<T> {
        Trail { entries: entries.into_iter().collect(), known_from }
    }

    /// Adds an entry; sequences never fall.
    pub(super) fn push(&mut self, seq: u64, at: Millis, what: T) {
        debug_assert!(self.entries.back().is_none_or(|(last, _, _)| *last <= seq));
        self.entries.push_back((seq, at, what));
    }

    /// Forgets what is too old at `now`, and what is too much.
    pub(super) fn forget(&mut self, now: Millis) {
        while let Some((seq, at, _)) = self.entries.front()
            && (self.entries.len() > KEPT || now.since(*at) > KEPT_MS)
        {
            self.known_from = self.known_from.max(*seq);
            self.entries.pop_front();
        }
    }

    /// Whether every entry after `seq` is here.
    pub(super) fn knows(&self, seq: u64) -> bool {
        seq >= self.known_from
    }

    /// Every entry with its sequence and time.
    pub(super) fn entries(&self) -> impl Iterator<Item = &(u64, Millis, T)> {
        self.entries.iter()
    }

    /// Entries at or below this sequence may be forgotten.
    pub(super) fn known_from(&self) -> u64 {
        self.known_from
    }

    /// Entries of `seq` and after, in order.
    pub(super) fn starting(&self, seq: u64) -> impl Iterator<Item = &T> {
        let from = self.entries.partition_point(|(of, _, _)| *of < seq);
        self.entries.range(from..).map(|(_, _, what)| what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_entries_and_too_many_are_forgotten_and_known_to_be() {
        let mut trail = Trail::new(3, []);
        assert!(trail.knows(3) && !trail.knows(2));
        trail.push(5, Millis(0), 'a');
        trail.push(6, Millis(KEPT_MS as i64), 'b');
        trail.forget(Millis(KEPT_MS as i64));
        assert!(trail.knows(3));
        trail.forget(Millis(KEPT_MS as i64 + 1));
        assert!(trail.knows(5) && !trail.knows(4));
        assert_eq!(trail.starting(6).collect::<String>(), "b");
        for seq in 7..7 + KEPT as u64 {
            trail.push(seq, Millis(KEPT_MS as i64), 'c');
        }
        trail.forget(Millis(KEPT_MS as i64));
        assert!(trail.knows(6) && !trail.knows(5));
        assert_eq!(trail.starting(0).count(), KEPT);
    }
}
