//! What callers and phones will do: one heap for all calls.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The agent picks up.
    PickUp,
    /// The agent accepts at the desk.
    Accept,
    /// The agent refuses at the desk.
    Refuse,
    /// The phone has rung in vain.
    Miss,
    /// The agent puts the caller on hold.
    Hold,
    /// … and comes back.
    Resume,
    /// The conversation is over.
    HangUp,
    /// The caller's patience is over.
    GiveUp,
}

/// When, which call, in which of its turns, what. The derived order is that of time.
type Entry = (u64, u64, u32, Step);

/// The heap.
#[derive(Debug, Default)]
pub struct Agenda(BinaryHeap<Reverse<Entry>>);

impl Agenda {
    /// Something will happen.
    pub fn add(&mut self, due_us: u64, call: u64, turn: u32, step: Step) {
        self.0.push(Reverse((due_us, call, turn, step)));
    }

    /// When the next is due.
    #[must_use]
    pub fn next_us(&self) -> Option<u64> {
        self.0.peek().map(|Reverse(entry)| entry.0)
    }

    /// The next that is due by `now_us`.
    pub fn take(&mut self, now_us: u64) -> Option<Entry> {
        self.next_us().filter(|due| *due <= now_us)?;
        self.0.pop().map(|Reverse(entry)| entry)
    }

    /// Nothing will happen any more.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// What is further away than `within_us` happens within it, in the order it would have had:
    /// evenly, so that the end is no flood.
    pub fn hurry(&mut self, now_us: u64, within_us: u64) {
        let mut entries: Vec<Entry> = self.0.drain().map(|Reverse(entry)| entry).collect();
        entries.sort_unstable();
        let late = entries.partition_point(|entry| entry.0 <= now_us + within_us);
        let count = (entries.len() - late).max(1) as u64;
        for (i, entry) in entries[late..].iter_mut().enumerate() {
            entry.0 = now_us + within_us * (i as u64 + 1) / count;
        }
        self.0 = entries.into_iter().map(Reverse).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_happen_in_the_order_of_time_and_not_before() {
        let mut agenda = Agenda::default();
        agenda.add(30, 1, 0, Step::GiveUp);
        agenda.add(10, 2, 1, Step::PickUp);
        assert_eq!(agenda.next_us(), Some(10));
        assert_eq!(agenda.take(9), None);
        assert_eq!(agenda.take(40), Some((10, 2, 1, Step::PickUp)));
        assert_eq!(agenda.take(40), Some((30, 1, 0, Step::GiveUp)));
        assert_eq!(agenda.take(40), None);
    }

    #[test]
    fn closing_time_brings_the_rest_near_without_changing_its_order() {
        let mut agenda = Agenda::default();
        for (due, call) in [(105, 1), (9_000, 2), (8_000, 3)] {
            agenda.add(due, call, 0, Step::HangUp);
        }
        agenda.hurry(100, 10);
        let mut order = Vec::new();
        while let Some((due, call, ..)) = agenda.take(110) {
            order.push((due, call));
        }
        assert_eq!(order, [(105, 1), (105, 3), (110, 2)]);
    }
}
