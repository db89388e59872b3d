//! Who has a place in which queue: members by presence, told by the same rules as boards show it
//! (`engine.md` 2), and how evenly they are rung.

use super::Figures;
use super::directory::AgentFacts;
use super::notes::Note;
use super::past::{MINUTE_MS, minute_of, quarter_of};
use super::people::Person;
use crate::domain::event::Event;
use crate::domain::ids::{AgentIx, QueueIx};
use crate::domain::media::Media;
use crate::domain::objects::queue::Needs;
use crate::domain::presence::{Presence, Status};
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The last hour, and the minute that has begun.
const MINUTES: usize = 61;
/// The longest day has 25 hours.
const QUARTERS: usize = 4 * 25;

/// Every queue's members and offers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Places(Vec<Place>);

/// A queue's.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Place {
    members: BTreeSet<AgentIx>,
    /// Who was rung in each minute, as often as that was, in the order of it; those of the quarter of an
    /// hour that goes on among them, …
    minutes: VecDeque<(i64, Vec<AgentIx>)>,
    /// … and by agent in each quarter that is over.
    quarters: VecDeque<(i64, Vec<(AgentIx, u32)>)>,
}

impl Place {
    fn rung(&mut self, agent: AgentIx, at: i64) {
        // Offers are told as they are made: what comes is never older than what was.
        if self.minutes.back().is_none_or(|(last, _)| at >= last + MINUTE_MS) {
            self.begin(minute_of(at));
        }
        if let Some((_, rung)) = self.minutes.back_mut() {
            rung.push(agent);
        }
    }

    /// A minute begins; the quarter of an hour in which the last one was may be over.
    fn begin(&mut self, begins: i64) {
        let last = self.minutes.back().map(|(last, _)| quarter_of(*last));
        if let Some(quarter) = last.filter(|quarter| *quarter != quarter_of(begins)) {
            let first = self.minutes.partition_point(|(of, _)| *of < quarter);
            let mut rung: Vec<AgentIx> =
                self.minutes.range(first..).flat_map(|(_, rung)| rung).copied().collect();
            rung.sort_unstable();
            let times = rung.chunk_by(|a, b| a == b).map(|of| (of[0], of.len() as u32));
            self.quarters.push_back((quarter, times.collect()));
            if self.quarters.len() > QUARTERS {
                self.quarters.pop_front();
            }
        }
        let mut rung = Vec::new();
        if self.minutes.len() == MINUTES
            && let Some((_, old)) = self.minutes.pop_front()
        {
            rung = old;
            rung.clear();
        }
        self.minutes.push_back((begins, rung));
    }

    /// How often each was rung since `from` who was: a whole minute of the last hour, or a whole quarter
    /// of an hour.
    fn offers(&self, (from, now): (i64, i64)) -> BTreeMap<AgentIx, i64> {
        let mut offers = BTreeMap::new();
        let by_minutes = from >= minute_of(now) - 60 * MINUTE_MS;
        let open = self.minutes.back().map_or(from, |(last, _)| quarter_of(*last).max(from));
        let minutes = if by_minutes { from } else { open };
        let first = self.minutes.partition_point(|(begins, _)| *begins < minutes);
        for agent in self.minutes.range(first..).flat_map(|(_, rung)| rung) {
            *offers.entry(*agent).or_insert(0) += 1;
        }
        if !by_minutes {
            let first = self.quarters.partition_point(|(begins, _)| *begins < from);
            for (agent, times) in self.quarters.range(first..).flat_map(|(_, rung)| rung) {
                *offers.entry(*agent).or_insert(0) += i64::from(*times);
            }
        }
        offers
    }
}

impl Places {
    fn place(&mut self, queue: QueueIx) -> &mut Place {
        if self.0.len() <= queue.at() {
            self.0.resize_with(queue.at() + 1, Place::default);
        }
        &mut self.0[queue.at()]
    }

    /// An agent was rung for a queue.
    pub fn rung(&mut self, queue: QueueIx, agent: AgentIx, at: Millis) {
        self.place(queue).rung(agent, at.0);
    }

    /// A queue's members.
    pub fn members(&self, queue: QueueIx) -> impl Iterator<Item = AgentIx> {
        self.0.get(queue.at()).into_iter().flat_map(|place| place.members.iter().copied())
    }

    /// How often each was rung for a queue since `from` who was: a whole minute of the last hour, or a
    /// whole quarter of an hour.
    fn offers(&self, queue: QueueIx, (from, now): (Millis, Millis)) -> BTreeMap<AgentIx, i64> {
        self.0.get(queue.at()).map_or_else(BTreeMap::new, |place| place.offers((from.0, now.0)))
    }
}

/// Among whom an agent's share of the offers is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Among {
    /// Those who work for a queue or group.
    Queue(crate::domain::ids::Name),
    /// Those in a team.
    Team(crate::domain::ids::Name),
}

impl Figures {
    /// Takes in what changes places. No time is counted otherwise by it.
    pub(super) fn place_event(&mut self, event: &Event, at: Millis) {
        match event {
            Event::MemberPut { queue, agent, .. } => {
                self.places.place(*queue).members.insert(*agent);
                let pairs = &mut self.person_there(*agent).pairs;
                if !pairs.iter().any(|(of, _)| of == queue) {
                    pairs.push((*queue, true));
                    self.note_place(*queue, *agent, at);
                }
            }
            Event::MemberDeleted { queue, agent, .. } => self.leave_place(*queue, *agent, at),
            Event::OptedIn { agent, queue, opted_in, .. } => {
                let pairs = &mut self.person_there(*agent).pairs;
                let pair = pairs.iter_mut().find(|(of, _)| of == queue);
                if let Some((_, is_in)) = pair.filter(|(_, is_in)| is_in != opted_in) {
                    *is_in = *opted_in;
                    self.note_place(*queue, *agent, at);
                }
            }
            Event::NextSet { agent, next } => {
                self.person_there(*agent).next = next.as_ref().map(|next| next.forced_by.is_some());
            }
            Event::ForcedCleared { agent, .. } => {
                let next = &mut self.person_there(*agent).next;
                *next = next.filter(|forced| !forced);
            }
            _ => {}
        }
    }

    /// An agent of whom nothing but a place may be known.
    pub(super) fn person_there(&mut self, agent: AgentIx) -> &mut Person {
        if self.people.len() <= agent.at() {
            self.people.resize_with(agent.at() + 1, Person::default);
        }
        &mut self.people[agent.at()]
    }

    fn leave_place(&mut self, queue: QueueIx, agent: AgentIx, at: Millis) {
        self.places.place(queue).members.remove(&agent);
        self.person_there(agent).pairs.retain(|(of, _)| *of != queue);
        self.note_place(queue, agent, at);
    }

    /// A queue is gone, and all places in it.
    pub(super) fn leave_queue(&mut self, queue: QueueIx, at: Millis) {
        let members: Vec<AgentIx> = self.places.members(queue).collect();
        members.into_iter().for_each(|agent| self.leave_place(queue, agent, at));
    }

    /// Tells whether an agent has a place in a queue now, and is opted in.
    fn note_place(&mut self, queue: QueueIx, agent: AgentIx, at: Millis) {
        let person = self.people.get(agent.at());
        let pair = person.and_then(|person| person.pairs.iter().find(|(of, _)| *of == queue));
        let is_in = pair.is_some_and(|(_, is_in)| *is_in);
        let ready = self.needs_ready(queue);
        self.notes.push(|| Note::Place { queue, agent, at, is_in, ready });
    }

    /// … of all places that there are.
    pub(super) fn note_places(&mut self) {
        let people = self.people.iter().enumerate();
        let pairs = people.flat_map(|(ix, person)| {
            person.pairs.iter().map(move |(queue, _)| (*queue, super::agent_at(ix)))
        });
        let pairs: Vec<(QueueIx, AgentIx)> = pairs.collect();
        pairs.into_iter().for_each(|(queue, agent)| self.note_place(queue, agent, self.at));
    }

    fn needs_ready(&self, queue: QueueIx) -> bool {
        self.directory.queue(queue).is_none_or(|facts| facts.needs == Needs::Ready)
    }

    /// How often each was rung since `from` who counts in a queue: members who are opted in and were
    /// idle at some time of the window with the status that the queue needs, and whoever was rung.
    pub(super) fn rung_in(&self, queue: QueueIx, window: (Millis, Millis)) -> Vec<(AgentIx, i64)> {
        let ready = self.needs_ready(queue);
        let mut rung = self.places.offers(queue, window);
        for agent in self.places.members(queue) {
            let Some(person) = self.people.get(agent.at()) else { continue };
            let is_in = person.pairs.iter().any(|(of, is_in)| *of == queue && *is_in);
            if is_in && person.was_idle(window.0, ready) {
                rung.entry(agent).or_insert(0);
            }
        }
        rung.into_iter().collect()
    }

    /// The presence of an agent in a queue, as boards show it.
    pub(super) fn presence_in(&self, agent: AgentIx, queue: QueueIx) -> Option<Presence> {
        let (person, facts) = self.people.get(agent.at()).zip(self.directory.agent(agent))?;
        let (_, opted_in) = person.pairs.iter().find(|(of, _)| *of == queue)?;
        Some(self.presence_of((person, facts), queue, *opted_in))
    }

    fn presence_of(
        &self,
        (person, facts): (&Person, &AgentFacts),
        queue: QueueIx,
        opted_in: bool,
    ) -> Presence {
        let status = person.status();
        let out = !opted_in || (status == Status::Online && self.needs_ready(queue));
        if status == Status::Offline {
            Presence::Offline
        } else if out {
            Presence::OptedOut
        } else if !self.is_blocked(person, facts, Some(queue))
            || self.works_for(person, |of| of == queue)
        {
            Presence::Available
        } else {
            Presence::Busy
        }
    }

    /// The presence of an agent as a whole.
    #[must_use]
    pub fn presence(&self, user: &str) -> Option<Presence> {
        self.presence_at(self.directory.user(user)?)
    }

    pub(super) fn presence_at(&self, agent: AgentIx) -> Option<Presence> {
        let facts = self.directory.agent(agent)?;
        let Some(person) = self.people.get(agent.at()) else { return Some(Presence::Offline) };
        let places = || {
            let pairs = person.pairs.iter();
            pairs.map(|(queue, is_in)| self.presence_of((person, facts), *queue, *is_in))
        };
        let is_place = |of| person.pairs.iter().any(|(queue, _)| *queue == of);
        let status = person.status();
        Some(if status == Status::Offline {
            Presence::Offline
        } else if status == Status::OnBreak {
            Presence::Busy
        } else if !person.pairs.is_empty() && places().all(|of| of == Presence::OptedOut) {
            Presence::OptedOut
        } else if places().any(|of| of == Presence::Available)
            || self.works_for(person, is_place)
            || (person.pairs.is_empty() && !self.is_blocked(person, facts, None))
        {
            Presence::Available
        } else {
            Presence::Busy
        })
    }

    /// Whether some work of the agent is of such a queue.
    fn works_for(&self, person: &Person, is_meant: impl Fn(QueueIx) -> bool) -> bool {
        let calls = person.calls.iter().map(|(call, _)| *call);
        let offers = person.offers.iter().filter_map(|(offer, _)| self.offers.get(offer));
        let calls = calls.chain(offers.map(|(call, _)| *call));
        let mut queues = calls.filter_map(|call| self.calls.get(&call)?.queue);
        queues.any(&is_meant) || person.wrap_ups.iter().any(|work| is_meant(work.queue))
    }

    /// Whether nothing can be offered now, in a queue or (`None`) as a direct call; a connection that
    /// was lost a moment ago is taken for one that stands.
    fn is_blocked(&self, person: &Person, facts: &AgentFacts, queue: Option<QueueIx>) -> bool {
        let media = queue.and_then(|queue| self.directory.queue(queue)).map(|facts| facts.media);
        let media = media.unwrap_or(Media::Voice);
        let by_status = !facts.may_work
            || person.blocked
            || person.training
            || person.status() == Status::OnBreak
            || person.next.is_some();
        let by_device = ((person.device_lost || person.device_unreached) && media == Media::Voice)
            || (!facts.has_endpoint && person.desks.is_empty() && person.grace_until.is_none());
        let by_rest = queue.is_some() && (!person.wrap_ups.is_empty() || person.delayed);
        by_status || by_device || by_rest || self.has_no_room(person, facts, media, queue.is_some())
    }

    /// Other work is in the way, or as much of this medium as fits.
    fn has_no_room(&self, person: &Person, facts: &AgentFacts, media: Media, pair: bool) -> bool {
        let calls = person.calls.iter().map(|(call, _)| *call);
        let offers = person.offers.iter().filter_map(|(offer, _)| self.offers.get(offer));
        let calls = calls.chain(offers.map(|(call, _)| *call));
        let calls = calls.filter_map(|call| Some(self.calls.get(&call)?.facts.media));
        let own = person.own_calls.iter().map(|_| Media::Voice);
        let wrap_ups = person.wrap_ups.iter();
        let wrap_ups = wrap_ups.filter_map(|work| Some(self.directory.queue(work.queue)?.media));
        // After-call work does not count against direct calls of its medium.
        let work = calls.chain(own).chain(wrap_ups.filter(|of| pair || *of != media));
        let (mut voice, mut other, mut same) = (false, false, 0);
        for of in work {
            voice |= of == Media::Voice;
            other |= of != Media::Voice;
            same += usize::from(of == media);
        }
        let is_voice = media == Media::Voice;
        let in_the_way = if is_voice { other && !self.directory.voice_over_others } else { voice };
        let capacity = facts.capacities.get(&media).copied().unwrap_or(1);
        in_the_way || same >= usize::from(capacity)
    }
}

/// How unevenly something is shared out, in ten-thousandths: 0 is even, towards 10,000 one has all of
/// it. `None`: there is nothing to share.
#[must_use]
pub fn gini(shares: &[i64]) -> Option<i64> {
    let mut sorted = shares.to_vec();
    sorted.sort_unstable();
    let (n, all) = (sorted.len() as i64, sorted.iter().sum::<i64>());
    // Σ (2i − n − 1) x_i ÷ (n Σ x), the i-th being the i-th smallest, from 1.
    let weighed: i64 =
        (1..).zip(&sorted).map(|(i, share): (i64, &i64)| (2 * i - n - 1) * share).sum();
    super::formula::share(weighed, n * all)
}

#[cfg(test)]
mod tests {
    use super::super::past::QUARTER_MS;
    use super::*;

    #[test]
    fn gini_is_nought_when_all_have_the_same_and_nears_one_when_one_has_all() {
        assert_eq!(gini(&[]), None);
        assert_eq!(gini(&[0, 0, 0]), None);
        assert_eq!(gini(&[7]), Some(0));
        assert_eq!(gini(&[5, 5, 5, 5]), Some(0));
        // |1−3| counted both ways over 2·2²·2.
        assert_eq!(gini(&[3, 1]), Some(2_500));
        assert_eq!(gini(&[0, 0, 0, 8]), Some(7_500));
        assert_eq!(gini(&[4, 0, 2]), Some(4_444));
    }

    #[test]
    fn offers_are_counted_by_minutes_of_the_last_hour_and_by_quarters_before() {
        let mut places = Places::default();
        let (queue, at) =
            (QueueIx(2), |minute: i64| Millis(QUARTER_MS * 1_000 + minute * MINUTE_MS));
        for (minute, agent) in [(0, 0), (0, 1), (1, 1), (70, 0), (130, 1), (131, 1)] {
            places.rung(queue, AgentIx(agent), at(minute));
        }
        let offers = |from| {
            let offers = places.offers(queue, (at(from), at(131)));
            offers.into_iter().map(|(agent, offers)| (agent.0, offers)).collect::<Vec<_>>()
        };
        assert_eq!(offers(0), [(0, 2), (1, 4)]);
        assert_eq!(offers(60), [(0, 1), (1, 2)]);
        assert_eq!(offers(131), [(1, 1)]);
        assert!(places.offers(QueueIx(0), (at(0), at(131))).is_empty());
        places.rung(queue, AgentIx(2), at(3 * 24 * 60));
        assert_eq!(places.0[2].quarters.len(), 3, "those that are over");
        for minute in 1..200 {
            places.rung(queue, AgentIx(2), at((3 * 24 + minute / 4) * 60 + minute % 4 * 15));
        }
        let place = &places.0[2];
        assert_eq!((place.minutes.len(), place.quarters.len()), (MINUTES, QUARTERS));
    }
}
