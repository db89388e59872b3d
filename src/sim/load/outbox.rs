//! Events on their way: written once, kept until their result is here, so that a broken connection
//! sends them again and a result finds what it belongs to.

use super::wire::{Say, Source};
use std::collections::VecDeque;

/// An event that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it was due.
    pub due_us: u64,
    /// Its JSON.
    pub text: Box<str>,
    /// Whether a call is lost when the engine takes no notice: it begins or ends one.
    pub is_vital: bool,
}

/// The events of a run, by number.
#[derive(Debug)]
pub struct Outbox {
    source: Source,
    /// The number of the first in `events`.
    first: u64,
    events: VecDeque<Option<Event>>,
    /// Those from this number have not been given out.
    next: u64,
    open: u64,
    time: String,
}

impl Outbox {
    /// Nothing was said.
    #[must_use]
    pub fn new(source: Source) -> Outbox {
        Outbox { source, first: 1, events: VecDeque::new(), next: 1, open: 0, time: String::new() }
    }

    /// Who speaks.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The wall's time, which the events from now on carry.
    pub fn set_time(&mut self, rfc3339: String) {
        self.time = rfc3339;
    }

    /// An event that was due at `due_us`; `call` is the call's number and the event's place in it.
    pub fn add(&mut self, due_us: u64, call: Option<(u64, u32)>, say: Say<'_>) {
        let number = self.first + self.events.len() as u64;
        let text = self.source.event(number, call, &self.time, say);
        let is_vital = matches!(say, Say::Arrived(_) | Say::Abandoned | Say::Ended("caller"));
        self.events.push_back(Some(Event { due_us, text, is_vital }));
        self.open += 1;
    }

    /// Events without a result.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.open
    }

    /// Whether some wait to be sent.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.next < self.first + self.events.len() as u64
    }

    /// Gives out at most `most` that were not sent yet, with their numbers.
    pub fn send(&mut self, most: usize) -> impl Iterator<Item = (u64, &Event)> {
        let from = self.next;
        let until = (self.first + self.events.len() as u64).min(from + most as u64);
        self.next = until;
        let events = &*self;
        (from..until).filter_map(move |number| Some((number, events.get(number)?)))
    }

    /// An event that has no result yet.
    #[must_use]
    pub fn get(&self, number: u64) -> Option<&Event> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.events.get(place)?.as_ref()
    }

    /// The connection broke: what has no result goes out again.
    pub fn again(&mut self) {
        self.next = self.first;
    }

    /// The switch starts anew under this name, and has forgotten what it said: of the events without a
    /// result, nobody knows which the engine has heard. They are given back.
    pub fn restart(&mut self, boot: String) -> Vec<Event> {
        self.first += self.events.len() as u64;
        self.next = self.first;
        self.open = 0;
        self.source.boot = boot;
        self.events.drain(..).flatten().collect()
    }

    /// A result came; `None` when it did before, or belongs to another start.
    pub fn answered(&mut self, id: &str) -> Option<Event> {
        let number = self.source.event_number(id)?;
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let event = self.events.get_mut(place)?.take()?;
        self.open -= 1;
        while let Some(None) = self.events.front() {
            self.events.pop_front();
            self.first += 1;
        }
        self.next = self.next.max(self.first);
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Outbox {
        let mut outbox = Outbox::new(Source { switch: "s".into(), boot: "b".into() });
        (0..3).for_each(|i| outbox.add(i, Some((i, 1)), Say::Arrived(0)));
        outbox
    }

    fn numbers(outbox: &mut Outbox, most: usize) -> Vec<u64> {
        outbox.send(most).map(|(number, _)| number).collect()
    }

    #[test]
    fn each_goes_out_once_and_has_one_result() {
        let mut outbox = three();
        assert_eq!(numbers(&mut outbox, 2), [1, 2]);
        assert!(outbox.is_waiting());
        assert_eq!(numbers(&mut outbox, 9), [3]);
        assert!(!outbox.is_waiting());
        assert_eq!(outbox.answered("b-2").map(|event| event.due_us), Some(1));
        assert_eq!(outbox.answered("b-2"), None);
        assert_eq!(outbox.answered("other-1"), None);
        assert_eq!(outbox.answered("b-9"), None);
        assert_eq!(outbox.open(), 2);
    }

    #[test]
    fn a_new_start_knows_nothing_of_the_one_before() {
        let mut outbox = three();
        assert_eq!(numbers(&mut outbox, 2), [1, 2]);
        assert!(outbox.answered("b-1").is_some());
        assert_eq!(outbox.restart("c".into()).len(), 2);
        assert!(outbox.open() == 0 && !outbox.is_waiting() && outbox.answered("b-2").is_none());
        outbox.add(9, None, Say::Started);
        assert_eq!(numbers(&mut outbox, 9), [4]);
        assert!(outbox.answered("b-4").is_none() && outbox.answered("c-4").is_some());
    }

    #[test]
    fn after_a_break_what_has_no_result_goes_out_again() {
        let mut outbox = three();
        assert_eq!(numbers(&mut outbox, 9).len(), 3);
        assert!(outbox.answered("b-1").is_some() && outbox.answered("b-3").is_some());
        outbox.again();
        assert_eq!(numbers(&mut outbox, 9), [2]);
        assert!(outbox.answered("b-2").is_some());
        outbox.add(9, None, Say::Heartbeat);
        assert_eq!(numbers(&mut outbox, 9), [4]);
    }
}
