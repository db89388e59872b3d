//! Live figures of one account: a fold over its records, the sums of the last day in buckets, and
//! formulas over these sums.
//!
//! Nothing here is a second truth: whoever folds the same records has the same figures.

mod amount;
mod calls;
mod counts;
mod diary;
mod directory;
mod doing;
mod formula;
mod ledger;
pub mod notes;
mod offers;
mod past;
mod people;
mod places;
mod rules;
mod schedules;
mod told;
mod waits;
mod window;
mod wish;

use self::calls::Call;
use self::directory::Directory;
use self::doing::Doing;
use self::ledger::{Ledger, Subject};
use self::notes::{Counted, Note, Notes, PartRow, Scope, Span};
use self::people::Person;
use self::places::Places;
use self::rules::Rules;
use self::schedules::Schedules;
use self::waits::Waits;
use crate::domain::event::Event;
use crate::domain::ids::{AgentIx, CallId, Name, OfferId, QueueIx};
use crate::domain::objects::queue::QueueKind;
use crate::domain::presence::Detail;
use crate::domain::table::Table;
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::hint::black_box;

pub use self::counts::{Counts, Measure, Open, SUMS, Sum, band};
pub use self::doing::{Rates, is_productive};
pub use self::formula::{FIGURES, Facts, Figure, Present, Unit};
pub use self::places::{Among, gini};
pub use self::rules::{LOOK_MS, Lookout};
pub use self::waits::Within;
pub use self::window::begin;
pub use self::wish::{Part, Seen, Wish, place, service_levels};
pub use crate::domain::figures::{By, Threshold, Window};

/// The figures of one account.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Figures {
    seq: u64,
    at: Millis,
    directory: Directory,
    people: Vec<Person>,
    calls: Table<CallId, Box<Call>>,
    /// Whose offers these are, until their call is over.
    offers: Table<OfferId, (CallId, AgentIx)>,
    /// Calls that wait, the oldest of a queue first.
    waiting: BTreeSet<(QueueIx, Millis, CallId)>,
    /// Parts that ended at the time of the last record: after-call work that begins then is theirs.
    ended: Vec<PartRow>,
    ledger: Ledger,
    /// By queue.
    waits: Vec<Waits>,
    places: Places,
    rules: Rules,
    schedules: Schedules,
    /// Agents to look at when the record is over.
    #[serde(skip)]
    touched: Vec<AgentIx>,
    /// Agents who change with what is expected.
    #[serde(skip)]
    expected: Vec<AgentIx>,
    #[serde(skip)]
    notes: Notes,
}

/// What formulas look at.
#[derive(Clone, Copy)]
struct Needs {
    /// The window's sums: not figures of now ([`Figure::is_of_now`]).
    sums: bool,
    /// What each member does, or was rung ([`Figure::looks_at_members`]).
    members: bool,
    /// Waits within the threshold ([`Figure::has_threshold`]).
    levels: bool,
}

impl Figures {
    /// The last record that is in them.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Its time.
    #[must_use]
    pub fn at(&self) -> Millis {
        self.at
    }

    /// Begins anew with a floor that is retold, each event at its time, as of a record: what ended
    /// before is not in the figures. `doing_since`: of each agent, since when that is done.
    #[must_use]
    pub fn begin(
        seq: u64,
        at: Millis,
        told: &[(Millis, Event)],
        doing_since: &[Millis],
    ) -> Figures {
        let mut figures = Figures::default();
        for (at, event) in told {
            figures.event(event, *at);
            figures.look(*at);
        }
        for (person, since) in figures.people.iter_mut().zip(doing_since) {
            person.look_back(*since);
        }
        (figures.seq, figures.at) = (seq, at);
        figures
    }

    /// Takes in a record; one that is in them already is passed over.
    pub fn apply(&mut self, seq: u64, at: Millis, events: &[Event]) {
        if seq <= self.seq {
            return;
        }
        self.look_at_watch();
        self.pass_edges(at);
        self.settle_at_edge(at);
        if at != self.at {
            self.ended.clear();
        }
        (self.seq, self.at) = (seq, at);
        for event in events {
            self.event(event, at);
        }
        self.look(at);
    }

    /// Hears what is soon applied.
    pub fn expect(&mut self, events: &[Event]) {
        for event in events {
            if let Event::CallOffered { agent, .. }
            | Event::CallAnswered { agent, .. }
            | Event::LegEnded { agent, .. }
            | Event::WrapUpEnded { agent, .. } = event
                && self.expected.last() != Some(agent)
            {
                self.expected.push(*agent);
            }
        }
    }

    /// Fetches what will change with all that is expected: with many agents it is in no near memory, and
    /// record by record each piece would be waited for.
    pub fn fetch(&mut self) {
        let known = self.expected.iter().filter_map(|agent| self.people.get(agent.at()));
        black_box(known.fold(0, |all, person| all ^ person.glance()));
        self.ledger.fetch(&self.expected);
        self.expected.clear();
    }

    /// Counts the time of those who were touched as what they are seen doing from this instant on.
    fn look(&mut self, at: Millis) {
        for place in 0..self.touched.len() {
            self.turn(self.touched[place], at);
        }
        self.touched.clear();
    }

    #[inline]
    fn turn(&mut self, agent: AgentIx, at: Millis) {
        let person = self.people.get_mut(agent.at());
        let Some((person, facts)) = person.zip(self.directory.agent(agent)) else { return };
        let Some(doing) = person.look(facts.capacity) else { return };
        tell(&mut self.notes, (agent, person), at);
        let turn = person.doing().until(&doing);
        person.turns(doing, at);
        self.ledger.turn(at, &turn);
        facts.teams.iter().for_each(|team| self.ledger.turn_team(*team, at, &turn));
        self.ledger.does(agent, at, doing);
    }

    fn tell_time(&mut self, agent: AgentIx, at: Millis) {
        if let Some(person) = self.people.get_mut(agent.at()) {
            tell(&mut self.notes, (agent, person), at);
        }
    }

    /// Agents are in other teams from an event on: what they do goes on in those.
    fn regroup(&mut self, agents: &[AgentIx], event: &Event, at: Millis) {
        let teams = |figures: &Figures, agent: AgentIx| {
            figures.directory.agent(agent).map_or_else(Vec::new, |facts| facts.teams.clone())
        };
        agents.iter().for_each(|agent| self.tell_time(*agent, at));
        let before: Vec<Vec<usize>> = agents.iter().map(|agent| teams(self, *agent)).collect();
        self.directory.apply(event);
        for (agent, before) in agents.iter().zip(before) {
            let after = teams(self, *agent);
            let person = self.people.get(agent.at());
            let doing = person.map_or(Doing::NOTHING, |person| *person.doing());
            for left in before.iter().filter(|team| !after.contains(team)) {
                self.ledger.turn_team(*left, at, &doing.until(&Doing::NOTHING));
            }
            for joined in after.iter().filter(|team| !before.contains(team)) {
                self.ledger.turn_team(*joined, at, &doing.rates());
            }
            self.note_agent(*agent);
        }
    }

    fn event(&mut self, event: &Event, at: Millis) {
        match event {
            Event::UserPut { id, user, .. } => {
                self.directory.apply(event);
                if let Some(agent) = self.directory.user(id) {
                    self.note_agent(agent);
                    self.schedule(agent, Some(user));
                    self.person(agent).apply(event, at);
                }
            }
            Event::UserChanged { agent, .. } => {
                self.directory.apply(event);
                self.note_agent(*agent);
                self.person(*agent);
            }
            Event::TeamJoined { agent, .. } | Event::TeamLeft { agent, .. } => {
                self.regroup(&[*agent], event, at);
            }
            Event::TeamDeleted { .. } => {
                let all: Vec<AgentIx> = self.directory.agents().map(|(ix, _)| ix).collect();
                self.regroup(&all, event, at);
            }
            Event::QueuePut { .. } | Event::DirectLineMade {} => {
                self.directory.apply(event);
                self.note_queues();
            }
            Event::QueueDeleted { queue, .. } => {
                self.leave_queue(*queue, at);
                self.directory.apply(event);
            }
            Event::AccountSet(_) | Event::CalendarPut { .. } | Event::CalendarDeleted { .. } => {
                self.directory.apply(event);
                self.schedule_event(event, at);
            }
            Event::UserErased { agent, .. } => {
                self.directory.apply(event);
                self.schedule(*agent, None);
            }
            Event::OwnCallStarted { .. } | Event::OwnCallEnded { .. } => self.own(event, at),
            Event::MemberPut { .. }
            | Event::MemberDeleted { .. }
            | Event::OptedIn { .. }
            | Event::NextSet { .. }
            | Event::ForcedCleared { .. } => self.place_event(event, at),
            Event::AlertRulePut { .. }
            | Event::AlertRuleDeleted { .. }
            | Event::AlertRaised { .. }
            | Event::AlertChanged { .. }
            | Event::AlertResolved { .. } => self.rules.apply(event),
            Event::BlockEnded { agent }
            | Event::StatusSet { agent, .. }
            | Event::StatusForced { agent, .. }
            | Event::LeaseLapsed { agent }
            | Event::DeskOpened { agent, .. }
            | Event::DeskClosed { agent, .. }
            | Event::DesksLost { agent, .. }
            | Event::DeviceRegistered { agent }
            | Event::DeviceLost { agent, .. }
            | Event::Delayed { agent, .. }
            | Event::DelayEnded { agent } => self.person(*agent).apply(event, at),
            _ => self.call_event(event, at),
        }
    }

    /// An agent who changes now.
    fn person(&mut self, agent: AgentIx) -> &mut Person {
        if self.touched.last() != Some(&agent) {
            self.touched.push(agent);
        }
        self.person_there(agent)
    }

    /// Counts something for all in a scope.
    fn count(&mut self, scope: Scope, at: Millis, counted: impl Into<Counted>) {
        let counted = counted.into();
        self.ledger.add(Subject::Account, at, &counted);
        if let Some(queue) = scope.queue {
            self.ledger.add(Subject::Queue(queue), at, &counted);
        }
        if let Some(agent) = scope.agent {
            self.ledger.add(Subject::Agent(agent), at, &counted);
            let teams = self.directory.agent(agent).map_or(&[][..], |facts| &facts.teams);
            for team in teams {
                self.ledger.add(Subject::Team(*team), at, &counted);
            }
        }
        self.notes.push(|| Note::Count(scope, at, counted));
    }

    /// A wait ended after so long, of a call that entered at an instant.
    fn waited(&mut self, scope: &Scope, at: Millis, ms: u64) {
        self.ledger.waited(scope.queue, at, ms);
        self.notes.push(|| Note::Waited(scope.clone(), at, ms));
    }

    /// What an agent does as of the last record; `None`: offline, or unknown.
    #[must_use]
    pub fn detail(&self, user: &str) -> Option<Detail> {
        self.people.get(self.directory.user(user)?.at()).and_then(Person::detail)
    }

    /// The zone of an agent's day, or (`None`) of the account's.
    #[must_use]
    pub fn time_zone(&self, user: Option<&str>) -> &str {
        let own = user.and_then(|user| self.directory.agent(self.directory.user(user)?));
        own.and_then(|facts| facts.time_zone.as_deref()).unwrap_or(&self.directory.time_zone)
    }

    /// The ids of all there is of a kind; one without a name of its own for the account.
    #[must_use]
    pub fn ids(&self, by: By) -> Vec<Name> {
        match by {
            By::Account => vec![Name::from("account")],
            By::Queue | By::Group => {
                let kind = if by == By::Queue { QueueKind::Queue } else { QueueKind::Group };
                let queues = self.directory.queues().filter(|(_, facts)| facts.kind == kind);
                let mut ids: Vec<Name> = queues.map(|(_, facts)| facts.id.clone()).collect();
                ids.sort_unstable();
                ids
            }
            By::Agent => {
                let mut ids: Vec<Name> =
                    self.directory.agents().map(|(_, facts)| facts.id.clone()).collect();
                ids.sort_unstable();
                ids
            }
            By::Team => {
                let teams = self.directory.agents().flat_map(|(_, facts)| facts.teams.iter());
                let names = teams.map(|team| self.directory.team(*team).clone());
                names.collect::<BTreeSet<_>>().into_iter().collect()
            }
        }
    }

    /// Whether there is such a subject.
    #[must_use]
    pub fn knows(&self, by: By, id: &str) -> bool {
        let kind = |kind| {
            let facts = self.directory.queue_named(id).and_then(|ix| self.directory.queue(ix));
            facts.is_some_and(|facts| facts.kind == kind)
        };
        match by {
            By::Account => true,
            By::Queue => kind(QueueKind::Queue),
            By::Group => kind(QueueKind::Group),
            By::Agent => self.directory.user(id).is_some(),
            By::Team => self.members(id).next().is_some(),
        }
    }

    /// Who is in a team, in the order of their making.
    pub fn members<'a>(&'a self, team: &'a str) -> impl Iterator<Item = &'a Name> {
        self.directory.members(team).map(|(_, facts)| &facts.id)
    }

    /// What formulas need of one subject in the window that begins at `from`: a whole minute of the
    /// last hour, or a whole quarter of an hour. `None`: there is no such subject.
    #[must_use]
    pub fn facts(
        &self,
        of: (By, &str),
        window: (Millis, Millis),
        threshold: Threshold,
    ) -> Option<Facts> {
        let needs = Needs { sums: true, members: true, levels: true };
        self.facts_for(of, window, threshold, needs)
    }

    /// [`Figures::facts`], without what no formula asks for: alerts ask for one figure of many queues
    /// and agents, each second.
    fn facts_for(
        &self,
        (by, id): (By, &str),
        (from, now): (Millis, Millis),
        threshold: Threshold,
        needs: Needs,
    ) -> Option<Facts> {
        let (subject, people) = self.subject(by, id)?;
        let mut counts = Counts::default();
        if needs.sums {
            // Told is no less than what the records say.
            counts = self.ledger.since(subject, from, now.max(self.at));
            if !matches!(subject, Subject::Queue(_)) {
                self.pass_ahead(&people, (from, now), &mut counts);
            }
        }
        let (waiting, oldest_at) = self.line(subject);
        let mut present = Present { waiting, oldest_at, ..Present::default() };
        if let Subject::Agent(agent) = subject {
            let person = self.people.get(agent.at());
            let online = person.filter(|person| person.detail().is_some());
            present.doing_since = online.map(Person::doing_since);
            present.out_of_adherence = self.out_of_adherence(&people, now);
        } else if needs.members {
            self.members_now(subject, &people, (from, now), &mut present);
        }
        let levels = if needs.levels { &[threshold][..] } else { &[] };
        let within = self.within((by, id), from, levels);
        Some(Facts { counts, threshold, within, now, present })
    }

    /// Waits within thresholds that have no sums, of calls that entered since `from`.
    fn within(
        &self,
        (by, id): (By, &str),
        from: Millis,
        thresholds: &[Threshold],
    ) -> Vec<(Threshold, Within)> {
        let waits = match by {
            By::Account => &self.waits[..],
            By::Queue | By::Group => {
                let queue = self.directory.queue_named(id);
                queue.and_then(|queue| self.waits.get(queue.at()..=queue.at())).unwrap_or_default()
            }
            By::Agent | By::Team => &[],
        };
        let of = |threshold: &Threshold| {
            let mut within = Within::default();
            waits.iter().for_each(|waits| waits.add_to(&mut within, *threshold, from));
            (*threshold, within)
        };
        thresholds.iter().filter(|threshold| threshold.preset().is_none()).map(of).collect()
    }

    /// The waits of a queue.
    fn waits(&mut self, queue: QueueIx) -> &mut Waits {
        if self.waits.len() <= queue.at() {
            self.waits.resize_with(queue.at() + 1, Waits::default);
        }
        &mut self.waits[queue.at()]
    }

    /// What the members of a queue or team, or all of the account do, how boards show them, and how
    /// often each was rung.
    fn members_now(
        &self,
        subject: Subject,
        people: &[AgentIx],
        window: (Millis, Millis),
        present: &mut Present,
    ) {
        let presence = |agent: &AgentIx| match subject {
            Subject::Queue(queue) => self.presence_in(*agent, queue),
            _ => self.presence_at(*agent),
        };
        present.presences = people.iter().filter_map(presence).collect();
        let known = people.iter().filter_map(|agent| self.people.get(agent.at()));
        present.details.extend(known.filter_map(Person::detail));
        let spread = match subject {
            Subject::Queue(queue) => self.rung_in(queue, window),
            Subject::Team(_) => self.rung_of(people, window),
            Subject::Account | Subject::Agent(_) => Vec::new(),
        };
        present.spread = spread.into_iter().map(|(_, offers)| offers).collect();
        if !matches!(subject, Subject::Queue(_)) {
            present.out_of_adherence = self.out_of_adherence(people, window.1).or(Some(0));
        }
    }

    /// How often each of some agents was rung, for whatever queue: of those who were idle at some time
    /// of the window, or rung.
    fn rung_of(&self, people: &[AgentIx], (from, now): (Millis, Millis)) -> Vec<(AgentIx, i64)> {
        let rung = |agent: &AgentIx| {
            let offers = self.ledger.sum(Subject::Agent(*agent), from, now, Measure::Offers.into());
            let person = self.people.get(agent.at())?;
            (offers > 0 || person.was_idle(from, false)).then_some((*agent, offers))
        };
        people.iter().filter_map(rung).collect()
    }

    /// Among whom shares of offers are told: each who counts, and how often rung. `None`: there is no
    /// such queue, group or team.
    #[must_use]
    pub fn rung(&self, among: &Among, window: (Millis, Millis)) -> Option<Vec<(Name, i64)>> {
        let rung = match among {
            Among::Queue(id) => self.rung_in(self.directory.queue_named(id)?, window),
            Among::Team(id) => {
                let (_, people) = self.subject(By::Team, id).filter(|(_, all)| !all.is_empty())?;
                self.rung_of(&people, window)
            }
        };
        let named = |(agent, offers)| Some((self.directory.agent(agent)?.id.clone(), offers));
        Some(rung.into_iter().filter_map(named).collect())
    }

    /// All offers of the account since `from`.
    #[must_use]
    pub fn offers_of_all(&self, window: (Millis, Millis)) -> i64 {
        self.offers_of((By::Account, ""), window)
    }

    /// All offers of one subject since `from`.
    #[must_use]
    pub fn offers_of(&self, (by, id): (By, &str), (from, now): (Millis, Millis)) -> i64 {
        let sum = |(subject, _)| self.ledger.sum(subject, from, now, Measure::Offers.into());
        self.subject(by, id).map_or(0, sum)
    }

    /// Whose figures these are, and the agents that are looked at for them.
    fn subject(&self, by: By, id: &str) -> Option<(Subject, Vec<AgentIx>)> {
        let all = || self.directory.agents().map(|(ix, _)| ix);
        Some(match by {
            By::Account => (Subject::Account, all().collect()),
            By::Queue | By::Group => {
                let queue = self.directory.queue_named(id)?;
                (Subject::Queue(queue), self.places.members(queue).collect())
            }
            By::Agent => {
                let agent = self.directory.user(id)?;
                (Subject::Agent(agent), vec![agent])
            }
            By::Team => {
                let team = self.directory.team_named(id)?;
                (Subject::Team(team), self.directory.members(id).map(|(ix, _)| ix).collect())
            }
        })
    }

    fn line(&self, subject: Subject) -> (usize, Option<Millis>) {
        match subject {
            Subject::Account => {
                (self.waiting.len(), self.waiting.iter().map(|(_, at, _)| *at).min())
            }
            Subject::Queue(queue) => {
                let first = (queue, Millis(i64::MIN), CallId(0));
                let line = self.waiting.range(first..).take_while(|(of, ..)| *of == queue);
                let mut line = line.map(|(_, at, _)| *at).peekable();
                let oldest_at = line.peek().copied();
                (line.count(), oldest_at)
            }
            Subject::Agent(_) | Subject::Team(_) => (0, None),
        }
    }
}

fn agent_at(ix: usize) -> AgentIx {
    AgentIx(u32::try_from(ix).unwrap_or(u32::MAX))
}

/// Tells an agent's time until now as what it was.
fn tell(notes: &mut Notes, (agent, person): (AgentIx, &mut Person), at: Millis) {
    if let Some(from) = person.told(at) {
        notes.push(|| {
            let (doing, reason) = (*person.doing(), person.told_reason().cloned());
            Note::Span(Span { agent, from, until: at, doing, reason })
        });
    }
}
