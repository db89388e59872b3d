//! What calls add to the sums: their stay in a queue, and the agents' parts in them.
//!
//! Counts of a stay stand in the interval in which the call entered the queue, those of an agent's part
//! where the part ended, those of an offer where it was made (`figures.md`, Attribution).

use super::Figures;
use super::counts::{Measure, Sum, band};
use super::notes::{CallFacts, CallRow, Counted, Note, PartRow, Scope, StayRow, WrapUpRow};
use super::offers::Offer;
use super::people::WrapUp;
use crate::domain::event::{Event, Outcome, Withdrawn};
use crate::domain::ids::{AgentIx, CallId, Name, QueueIx};
use crate::domain::media::Media;
use crate::domain::objects::SkillNeed;
use crate::domain::objects::queue::Exit;
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An agent's part in a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Part {
    no: u32,
    agent: AgentIx,
    since: Millis,
    held_since: Option<Millis>,
    held_ms: u64,
}

/// A call that is not over.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Call {
    pub facts: Arc<CallFacts>,
    /// Where it waits, or was answered from.
    pub stay: Option<StayRow>,
    /// Whose work it is: the queue it waits in, was answered for, or was in last.
    pub queue: Option<QueueIx>,
    /// Where it waited when it was answered.
    pub waited_in: Option<QueueIx>,
    /// Stays so far, …
    stays: u32,
    /// … and agents' parts.
    joined: u32,
    /// Whose queue the agents' parts count for.
    pub served_by: Option<QueueIx>,
    parts: Vec<Part>,
    pub offers: Vec<Offer>,
    pub held: bool,
    /// An agent has answered, the customer of the callback has not.
    dialing: bool,
    ended: bool,
}

impl Call {
    fn new(facts: Arc<CallFacts>) -> Call {
        Call {
            facts,
            stay: None,
            queue: None,
            waited_in: None,
            stays: 0,
            joined: 0,
            served_by: None,
            parts: Vec::new(),
            offers: Vec::new(),
            held: false,
            dialing: false,
            ended: false,
        }
    }

    /// It has ended, if not all agents' parts in it.
    pub fn is_over(&self) -> bool {
        self.ended
    }

    /// An agent is on the line from now on.
    pub fn join(&mut self, agent: AgentIx, at: Millis) {
        let held_since = self.held.then_some(at);
        self.parts.push(Part { no: self.joined, agent, since: at, held_since, held_ms: 0 });
        self.joined += 1;
    }
}

/// A wait that is over.
pub(super) struct Waited {
    queue: QueueIx,
    entered_at: Millis,
    ms: u64,
    how: Measure,
    /// Given up soon.
    short: bool,
}

impl Waited {
    /// That of a stay, which ended so.
    pub fn of(stay: &StayRow, how: Measure) -> Waited {
        let StayRow { queue, entered_at, waited_ms: ms, short, .. } = *stay;
        Waited { queue, entered_at, ms, how, short }
    }
}

/// What the end of a wait counts, and (`times` being -1) takes back.
fn wait_ended(how: Measure, waited_ms: u64, times: i64) -> Counted {
    let (band, waited) = (band(waited_ms), as_amount(waited_ms) * times);
    let mut counted = Counted::from((how, times));
    counted.push(Sum::LeftWithin(band), times);
    match how {
        Measure::Answered => {
            counted.push(Measure::WaitAnsweredMs, waited);
            counted.push(Sum::AnsweredWithin(band), times);
        }
        Measure::Abandoned => counted.push(Measure::WaitAbandonedMs, waited),
        _ => {}
    }
    counted
}

/// Skills that are asked for, each once.
fn names(needs: &[SkillNeed]) -> Vec<Name> {
    let mut names: Vec<Name> = needs.iter().map(|need| need.skill.as_str().into()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

impl Figures {
    /// Takes in an event about a call.
    pub(super) fn call_event(&mut self, event: &Event, at: Millis) {
        match event {
            Event::CallArrived { call, media, to, skills, .. } => {
                let (number, skills) = (to.clone(), names(skills));
                let facts = CallFacts {
                    id: *call,
                    media: *media,
                    number,
                    skills,
                    callback: false,
                    of: None,
                };
                self.arrives(facts);
            }
            Event::CallbackMade { call, queue, of, skills, .. } => {
                self.callback(*call, *of, skills);
                self.enters(*call, *queue, at);
            }
            Event::CallQueued { call, queue, .. } => self.enters(*call, *queue, at),
            Event::CallExited { call, exit, .. } => {
                self.leaves(*call, at, (Measure::Exited, Some(*exit)));
            }
            Event::CallMoved { call, .. } => self.leaves(*call, at, (Measure::Exited, None)),
            Event::CallAbandoned { call, waited_ms } => self.abandoned(*call, *waited_ms),
            Event::CallTransferred { call, .. } => self.transferred(*call),
            Event::CallEnded { call, outcome, reason, .. } => {
                self.ended(*call, at, (*outcome, reason));
            }
            Event::CallHanded { call, agent } => self.joins(*call, *agent, true, at),
            Event::CallJoined { call, agent } => self.joins(*call, *agent, false, at),
            Event::CallHeld { call } => self.hold(*call, true, at),
            Event::CallResumed { call } => self.hold(*call, false, at),
            Event::LegEnded { call, agent } => self.part_ended(*call, *agent, at),
            Event::CustomerDialed { call, .. } => self.with_call(*call, |call| call.dialing = true),
            Event::CustomerReached { call } => self.reached(*call, at),
            Event::CustomerMissed { call, .. } => self.customer_missed(*call),
            Event::WrapUpStarted { call, agent, queue, .. } => {
                self.wrap_up_began((*call, *queue), *agent, at);
            }
            Event::WrapUpEnded { call, agent, disposition } => {
                self.wrap_up_ended(*call, *agent, disposition.as_ref(), at);
            }
            _ => self.offer_event(event, at),
        }
    }

    fn offer_event(&mut self, event: &Event, at: Millis) {
        match event {
            Event::CallOffered { call, offer, agent, at_desk, .. } => {
                self.offered(*call, *offer, *agent, *at_desk, at);
            }
            Event::OfferRinging { offer } => {
                if let Some((_, agent)) = self.offers.get(offer).copied() {
                    self.person(agent).rings(*offer);
                }
            }
            Event::OfferMissed { offer, .. } => self.offer_ended(*offer, Measure::Missed, at),
            Event::OfferRefused { offer, .. } => self.offer_ended(*offer, Measure::Refused, at),
            Event::OfferFailed { offer, .. } => self.offer_ended(*offer, Measure::OffersFailed, at),
            Event::OfferWithdrawn { offer, reason } => {
                let end = match reason {
                    Withdrawn::Abandoned => Measure::HungUp,
                    _ => Measure::Withdrawn,
                };
                self.offer_ended(*offer, end, at);
            }
            Event::CallAnswered { call, offer, agent, .. } => {
                self.answered(*call, *offer, *agent, at);
            }
            Event::JoinFailed { call, offer, agent } => self.join_failed(*call, *offer, *agent, at),
            _ => {}
        }
    }

    fn with_call(&mut self, id: CallId, change: impl FnOnce(&mut Call)) {
        if let Some(call) = self.calls.get_mut(&id) {
            change(call);
        }
    }

    fn arrives(&mut self, facts: CallFacts) {
        let facts = Arc::new(facts);
        self.notes.push(|| {
            let (ended_at, outcome, reason) = (None, None, None);
            Note::Call(CallRow { facts: Arc::clone(&facts), ended_at, outcome, reason })
        });
        self.calls.insert(facts.id, Box::new(Call::new(facts)));
    }

    /// It has the medium, the number and the skills of the call whose place it takes.
    fn callback(&mut self, id: CallId, of: Option<CallId>, skills: &[SkillNeed]) {
        let before = of.and_then(|of| self.calls.get(&of)).map(|call| Arc::clone(&call.facts));
        let facts = CallFacts {
            id,
            media: before.as_ref().map_or(Media::Voice, |before| before.media),
            number: before.as_ref().and_then(|before| before.number.clone()),
            skills: before.map_or_else(|| names(skills), |before| before.skills.clone()),
            callback: true,
            of,
        };
        self.arrives(facts);
    }

    fn enters(&mut self, id: CallId, queue: QueueIx, at: Millis) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let stay = StayRow {
            call: Arc::clone(&call.facts),
            no: call.stays,
            queue,
            entered_at: at,
            end: None,
            waited_ms: 0,
            short: false,
            transferred: false,
            exit: None,
            reached: false,
            missed: 0,
        };
        call.stays += 1;
        self.notes.push(|| Note::Stay(stay.clone()));
        let mut counted = Counted::from((Measure::Offered, 1));
        counted.push(Measure::Callbacks, stay.call.callback.into());
        let scope = self.notes.scope(&call.facts, Some(queue), None);
        (call.stay, call.queue) = (Some(stay), Some(queue));
        self.count(scope, at, counted);
        self.waiting.insert((queue, at, id));
    }

    /// Takes the stay of a call that leaves its queue unanswered.
    fn unanswered(&mut self, id: CallId) -> Option<StayRow> {
        // Looked at before it is taken: mostly an answer has ended it.
        let stay = &mut self.calls.get_mut(&id)?.stay;
        let stay = stay.take_if(|stay| stay.end.is_none())?;
        self.waiting.remove(&(stay.queue, stay.entered_at, id));
        Some(stay)
    }

    /// It leaves its queue unanswered.
    fn leaves(&mut self, id: CallId, at: Millis, (how, exit): (Measure, Option<Exit>)) {
        let Some(mut stay) = self.unanswered(id) else { return };
        stay.exit = exit.map(|exit| exit.word().into());
        let waited_ms = at.since(stay.entered_at);
        self.left(stay, how, waited_ms);
    }

    /// A wait is over, without an answer.
    fn left(&mut self, mut stay: StayRow, how: Measure, waited_ms: u64) {
        (stay.end, stay.waited_ms) = (Some(how), waited_ms);
        self.count_wait(self.scope_of(&stay), &Waited::of(&stay, how));
        self.notes.push(|| Note::Stay(stay));
    }

    /// Counts a wait that is over, for whatever reason.
    pub(super) fn count_wait(&mut self, scope: Scope, wait: &Waited) {
        let Waited { queue, entered_at, ms, how, short } = *wait;
        let mut counted = wait_ended(how, ms, 1);
        counted.push(Measure::ShortAbandoned, short.into());
        self.waited(&scope, entered_at, ms);
        self.count(scope, entered_at, counted);
        self.waits(queue).ended(entered_at, ms, how == Measure::Answered);
    }

    fn abandoned(&mut self, id: CallId, waited_ms: u64) {
        let Some(mut stay) = self.unanswered(id) else { return };
        let queue = self.directory.queue(stay.queue);
        stay.short = queue.is_some_and(|queue| waited_ms < queue.short_abandon_ms);
        self.left(stay, Measure::Abandoned, waited_ms);
    }

    fn transferred(&mut self, id: CallId) {
        let stay = self.calls.get_mut(&id).and_then(|call| call.stay.take());
        if let Some(mut stay) = stay.filter(|stay| stay.end.is_some()) {
            self.count(self.scope_of(&stay), stay.entered_at, (Measure::Transferred, 1));
            stay.transferred = true;
            self.notes.push(|| Note::Stay(stay));
        }
    }

    /// Agents' parts end by events of their own, before or behind it.
    fn ended(&mut self, id: CallId, at: Millis, (outcome, reason): (Outcome, &Name)) {
        self.leaves(id, at, (Measure::Failed, None));
        let Some(call) = self.calls.get_mut(&id) else { return };
        (call.ended, call.stay) = (true, None);
        let is_over = call.parts.is_empty();
        self.notes.push(|| {
            let (facts, reason) = (Arc::clone(&call.facts), Some(Arc::clone(reason)));
            Note::Call(CallRow { facts, ended_at: Some(at), outcome: Some(outcome), reason })
        });
        if is_over {
            self.forget(id);
        }
    }

    fn forget(&mut self, id: CallId) {
        if let Some(call) = self.calls.remove(&id) {
            for offer in &call.offers {
                self.offers.remove(&offer.id);
            }
        }
    }

    /// The stay's scope: its queue, and its call.
    fn scope_of(&self, stay: &StayRow) -> Scope {
        self.notes.scope(&stay.call, Some(stay.queue), None)
    }

    /// The answer did not come to be one: the call waits again, as if it had not left.
    pub(super) fn take_back_answer(&mut self, id: CallId) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Some(stay) = call.stay.as_mut().filter(|stay| stay.end.is_some()) else { return };
        let waited_ms = std::mem::take(&mut stay.waited_ms);
        stay.end = None;
        let stay = stay.clone();
        let counted = wait_ended(Measure::Answered, waited_ms, -1);
        self.count(self.scope_of(&stay), stay.entered_at, counted);
        self.waits(stay.queue).goes_on(stay.entered_at, waited_ms);
        self.waiting.insert((stay.queue, stay.entered_at, id));
        self.notes.push(|| Note::Stay(stay));
    }

    /// The customer of a callback is on the line.
    fn reached(&mut self, id: CallId, at: Millis) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.dialing = false;
        // Time with the customer begins here.
        call.parts.iter_mut().for_each(|part| part.since = at);
        let Some(stay) = call.stay.as_mut().filter(|stay| !stay.reached) else { return };
        stay.reached = true;
        let stay = stay.clone();
        self.count(self.scope_of(&stay), stay.entered_at, (Measure::CallbacksReached, 1));
        self.notes.push(|| Note::Stay(stay));
    }

    fn customer_missed(&mut self, id: CallId) {
        let stay = self.calls.get_mut(&id).and_then(|call| {
            call.dialing = false;
            call.queue = call.waited_in;
            let stay = call.stay.as_mut()?;
            stay.missed += 1;
            Some(stay.clone())
        });
        if let Some(stay) = stay {
            self.count(self.scope_of(&stay), stay.entered_at, (Measure::CallbacksMissed, 1));
            self.notes.push(|| Note::Stay(stay));
        }
        self.take_back_answer(id);
    }

    pub(super) fn unjoin(&mut self, id: CallId, agent: AgentIx) {
        self.with_call(id, |call| {
            call.held = false;
            call.queue = call.waited_in;
            call.parts.retain(|part| part.agent != agent);
        });
    }

    fn joins(&mut self, id: CallId, agent: AgentIx, handed: bool, at: Millis) {
        if handed {
            self.hold(id, false, at);
        }
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.join(agent, at);
        let held = call.held;
        self.person(agent).takes(id, held);
    }

    fn hold(&mut self, id: CallId, held: bool, at: Millis) {
        let Some(call) = self.calls.get_mut(&id).filter(|call| call.held != held) else { return };
        call.held = held;
        for part in &mut call.parts {
            let since = std::mem::replace(&mut part.held_since, held.then_some(at));
            part.held_ms += since.map_or(0, |since| at.since(since));
        }
        let agents: Vec<AgentIx> = call.parts.iter().map(|part| part.agent).collect();
        agents.into_iter().for_each(|agent| self.person(agent).hold(id, held));
    }

    fn part_ended(&mut self, id: CallId, agent: AgentIx, at: Millis) {
        self.person(agent).leaves(id);
        let Some(call) = self.calls.get_mut(&id) else { return };
        let queue = call.served_by;
        let place = call.parts.iter().position(|part| part.agent == agent);
        let part = place.map(|place| call.parts.remove(place));
        let is_over = call.ended && call.parts.is_empty();
        if let Some(part) = part.filter(|_| !call.dialing) {
            let hold_ms = part.held_ms + part.held_since.map_or(0, |since| at.since(since));
            let row = PartRow {
                call: Arc::clone(&call.facts),
                no: part.no,
                agent,
                queue,
                began_at: part.since,
                ended_at: at,
                talk_ms: at.since(part.since).saturating_sub(hold_ms),
                hold_ms,
                wrap_up: WrapUpRow::None,
                disposition: None,
            };
            let mut counted = Counted::from((Measure::Handled, 1));
            counted.push(Measure::TalkMs, as_amount(row.talk_ms));
            counted.push(Measure::HoldMs, as_amount(row.hold_ms));
            let scope = self.notes.scope(&call.facts, queue, Some(agent));
            self.count(scope, at, counted);
            self.notes.push(|| Note::Part(row.clone()));
            self.ended.push(row);
        }
        if is_over {
            self.forget(id);
        }
    }

    fn wrap_up_began(&mut self, (call, queue): (CallId, QueueIx), agent: AgentIx, at: Millis) {
        let ended = self.ended.iter().rposition(|p| p.agent == agent && p.call.id == call);
        let mut part = ended.map(|ended| self.ended.swap_remove(ended));
        if let Some(part) = &mut part {
            part.wrap_up = WrapUpRow::Open;
        }
        if let Some(part) = &part {
            self.notes.push(|| Note::Part(part.clone()));
        }
        self.person(agent).wrap_ups.push(WrapUp { call, queue, since: at, part });
    }

    fn wrap_up_ended(&mut self, id: CallId, agent: AgentIx, noted: Option<&Name>, at: Millis) {
        let person = self.person(agent);
        let Some(place) = person.wrap_ups.iter().position(|work| work.call == id) else { return };
        let work = person.wrap_ups.remove(place);
        let scope = Scope { queue: Some(work.queue), agent: Some(agent), call: None };
        let call = work.part.as_ref().map(|part| &part.call);
        let scope = call.map_or(scope, |c| self.notes.scope(c, Some(work.queue), Some(agent)));
        let took_ms = at.since(work.since);
        let mut counted = Counted::from((Measure::WrapUps, 1));
        counted.push(Measure::WrapUpMs, as_amount(took_ms));
        self.count(scope, work.since, counted);
        if let Some(mut part) = work.part {
            part.wrap_up = WrapUpRow::Took(took_ms);
            part.disposition = noted.cloned();
            self.notes.push(|| Note::Part(part.clone()));
            if noted.is_some() {
                self.notes.push(|| Note::Disposed(part));
            }
        }
    }
}

pub(super) fn as_amount(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}
