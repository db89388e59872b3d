//! A switch of a world, seen from the network: what it has told and not heard an answer to, what it
//! has been told and done.

use super::exchange::Exchange;
use super::plan::EdgePlan;
use crate::domain::ids::{Name, OfferId};
use crate::domain::switching::{Command, EventResult, Happening, ResultStatus, SwitchEvent};
use crate::node::CommandStream;
use crate::node::stepped::Delivery;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// A command that never came is given up after so long, in milliseconds: a minute is the longest
/// that one is of use.
const GIVEN_UP_MS: u64 = 61_000;

/// What happens at a switch.
#[derive(Clone, Debug)]
pub(super) enum EdgeAct {
    /// A post reaches the node.
    Reach(u64),
    /// No answer to a post came.
    Timeout(u64),
    /// The answer to a post comes.
    Reply(u64, Vec<EventResult>, Vec<Arc<Command>>),
    /// Commands come.
    Commands(Vec<Arc<Command>>),
    /// A delivery reaches the webhook.
    Webhook(u64),
    /// Links are opened, polls made, heartbeats sent.
    Upkeep,
    /// A phone is picked up.
    PickUp(OfferId),
    /// … or refused, busy, not there, or not answered in time.
    Fails(OfferId, crate::domain::switching::FailReason),
    /// Whoever picked up has waited for the caller long enough.
    GiveUp(OfferId),
    /// A caller has waited long enough.
    Impatient(Name),
    /// A conversation is over.
    Over(Name),
    /// A customer who is called back answers, or (with a reason) does not.
    Customer(Name, OfferId, Option<crate::domain::switching::FailReason>),
}

/// An event on its way.
pub(super) struct Out {
    pub event: SwitchEvent,
    /// How many posts carry it now.
    pub flying: u32,
}

/// A switch.
pub(super) struct Edge {
    pub plan: EdgePlan,
    /// Counts its starts.
    pub life: u32,
    pub truth: Exchange,
    /// Told, and not answered.
    pub outbox: VecDeque<Out>,
    /// Posts under way, and the events they carry.
    pub posts: BTreeMap<u64, Vec<SwitchEvent>>,
    /// Copies of posts that are still on their way although nobody waits for an answer.
    strays: BTreeMap<u64, Vec<SwitchEvent>>,
    pub link: Option<CommandStream>,
    pub deliveries: BTreeMap<u64, Delivery>,
    /// Calls of agents that the engine did not route.
    pub own: Vec<(Name, Name)>,
    /// Offers of which it told that they failed, and by which event.
    pub failed: BTreeMap<OfferId, String>,
    /// Events that were accepted, and when: none may be accepted again.
    pub accepted: BTreeMap<String, u64>,
    /// Some of them, whole.
    pub known: VecDeque<(u64, SwitchEvent)>,
    /// It has told all of its calls since the faults stopped.
    pub synced: bool,
    events: u64,
    calls: u64,
    posted: u64,
    done: BTreeSet<u64>,
    /// All up to here are done or given up; none yet is known after a start.
    acked: Option<u64>,
    gap_since: Option<u64>,
}

impl Edge {
    /// At the beginning.
    pub fn new(plan: EdgePlan) -> Edge {
        Edge {
            plan,
            life: 1,
            truth: Exchange::default(),
            outbox: VecDeque::new(),
            posts: BTreeMap::new(),
            strays: BTreeMap::new(),
            link: None,
            deliveries: BTreeMap::new(),
            own: Vec::new(),
            failed: BTreeMap::new(),
            accepted: BTreeMap::new(),
            known: VecDeque::new(),
            synced: false,
            events: 0,
            calls: 0,
            posted: 0,
            done: BTreeSet::new(),
            acked: None,
            gap_since: None,
        }
    }

    /// A name for a new call.
    pub fn call_name(&mut self) -> Name {
        self.calls += 1;
        format!("{}b{}c{}", self.plan.id, self.life, self.calls).into()
    }

    /// A number for a post or delivery.
    pub fn number(&mut self) -> u64 {
        self.posted += 1;
        self.posted
    }

    /// An event; about a call that lives here it counts among that call's.
    pub fn event(&mut self, subject: &str, what: Happening) -> SwitchEvent {
        self.events += 1;
        let sequence = self.truth.next_event(subject);
        SwitchEvent {
            id: format!("{}b{}e{}", self.plan.id, self.life, self.events),
            subject: subject.to_owned(),
            time: None,
            bootid: self.plan.boots.then(|| format!("boot-{}", self.life)),
            sequence: sequence.filter(|_| self.plan.sequenced),
            replayed: false,
            what,
            extra: None,
        }
    }

    /// The next posts, each with its number: of a hasty switch one for each event that is not on
    /// its way, of others one after the other with up to `most` events.
    pub fn next_posts(&mut self, most: usize) -> Vec<u64> {
        if !self.plan.hasty && !self.posts.is_empty() {
            return Vec::new();
        }
        let at_once = if self.plan.hasty { 1 } else { most };
        let waiting: Vec<usize> =
            (0..self.outbox.len()).filter(|at| self.outbox[*at].flying == 0).collect();
        let mut numbers = Vec::new();
        for chunk in waiting.chunks(at_once) {
            let mut events = Vec::new();
            for at in chunk {
                self.outbox[*at].flying += 1;
                events.push(self.outbox[*at].event.clone());
            }
            let number = self.number();
            self.posts.insert(number, events);
            numbers.push(number);
            if !self.plan.hasty {
                break;
            }
        }
        numbers
    }

    /// A copy of a post goes its own way.
    pub fn stray(&mut self, post: u64) -> u64 {
        let number = self.number();
        let events = self.posts.get(&post).cloned().unwrap_or_default();
        self.strays.insert(number, events);
        number
    }

    /// What a post that is at the node's door carries.
    pub fn carried(&mut self, post: u64) -> Option<Vec<SwitchEvent>> {
        self.strays.remove(&post).or_else(|| self.posts.get(&post).cloned())
    }

    /// A post is over; its events are to be sent again unless they were answered.
    pub fn land(&mut self, post: u64, again_replayed: bool) -> bool {
        let Some(events) = self.posts.remove(&post) else { return false };
        for event in events {
            if let Some(out) = self.outbox.iter_mut().find(|out| out.event.id == event.id) {
                out.flying = out.flying.saturating_sub(1);
                out.event.replayed |= again_replayed;
            }
        }
        true
    }

    /// An answer of the node tells what became of events.
    ///
    /// # Errors
    /// When an event was accepted twice.
    pub fn judge(
        &mut self,
        now: u64,
        events: &[SwitchEvent],
        results: &[EventResult],
    ) -> Result<(), String> {
        for result in results {
            if result.status == ResultStatus::Rejected {
                return Err(format!("an event was rejected: {result:?}"));
            }
            if result.status != ResultStatus::Accepted {
                continue;
            }
            if self.accepted.insert(result.id.clone(), now).is_some() {
                return Err(format!("the event {} was accepted twice", result.id));
            }
            if let Some(event) = events.iter().find(|event| event.id == result.id) {
                self.known.push_back((now, event.clone()));
                if self.known.len() > 24 {
                    self.known.pop_front();
                }
            }
        }
        Ok(())
    }

    /// Whether a command was done.
    pub fn has_done(&self, seq: u64) -> bool {
        self.done.contains(&seq)
    }

    /// A command is done.
    pub fn do_command(&mut self, seq: u64) {
        if self.acked.is_none() {
            self.acked = Some(seq - 1);
        }
        self.done.insert(seq);
    }

    /// The first command that has not come although a later one has.
    pub fn missing(&self) -> Option<u64> {
        let acked = self.acked?;
        let last = self.done.last().copied().unwrap_or(0);
        (acked + 1..last).find(|seq| !self.done.contains(seq))
    }

    /// What may be acknowledged.
    pub fn acknowledged(&mut self, now: u64) -> Option<u64> {
        let mut acked = self.acked?;
        while self.done.contains(&(acked + 1)) {
            acked += 1;
            self.gap_since = None;
        }
        let is_gap = self.done.last().is_some_and(|last| *last > acked);
        if is_gap {
            let since = *self.gap_since.get_or_insert(now);
            if now >= since + GIVEN_UP_MS {
                acked = self.done.range(acked..).next().map_or(acked, |next| *next);
                self.gap_since = None;
            }
        }
        self.acked = Some(acked);
        self.acked
    }

    /// It starts anew, without its calls and its memory.
    pub fn restart(&mut self) {
        self.life += 1;
        self.truth = Exchange::default();
        self.outbox.clear();
        self.posts.clear();
        // What strays is still on its way: it comes from an earlier start.
        self.link = None;
        self.deliveries.clear();
        self.own.clear();
        self.known.clear();
        self.done.clear();
        self.acked = None;
        self.gap_since = None;
    }
}
