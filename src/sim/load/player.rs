//! The switch, its callers and its phones as one state without sockets: thousands of calls, each a
//! row and a few entries of one heap, and no task of its own. What is to be sent comes out as texts.

use super::agenda::{Agenda, Step};
use super::checks::{Check, Checks, Received};
use super::dashboards::Marks;
use super::desks::Act;
use super::latency::{Measure, Quantiles, Recorder};
use super::outbox::Outbox;
use super::schedule::Schedule;
use super::tally::Tally;
use super::wire::{self, Command, EventResult, Say, Told};
use crate::domain::time::Millis;
use crate::sim::floor::exponential;
use rand::RngExt;
use rand_pcg::Pcg64;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use std::time::Duration;

/// At closing time nobody rings or talks longer than this.
const AT_CLOSING: Duration = Duration::from_millis(200);

/// A phone rings on for so long after its agent has accepted or refused at the desk.
const AT_DESK_US: u64 = 2_000_000;
/// Share of what is done at a desk that is a refusal.
const REFUSED: f64 = 0.25;

/// How people behave.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    /// A phone is picked up after this, give or take a half.
    pub ring: Duration,
    /// Mean length of a conversation, exponentially distributed.
    pub talk: Duration,
    /// After-call work, as the queues are set up.
    pub wrap_up: Duration,
    /// Mean patience, exponentially distributed, of a caller who waits or rings; 1 s at least.
    pub patience: Duration,
    /// Share of offers that ring unanswered.
    pub missed: f64,
    /// An agent who missed is left alone for so long, as the queues are set up.
    pub after_miss: Duration,
    /// Share of conversations with a hold in them.
    pub held: f64,
    /// A call that dashboards look for lives at least so long.
    pub seen: Duration,
    /// So many agents, from number 0, have a desk.
    pub desks: usize,
    /// Share of their offers that they accept or refuse there.
    pub at_desk: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Ringing,
    /// The answer is sent, the engine's `call.connect` is not here yet.
    Answered,
    Talking,
}

#[derive(Debug)]
struct Call {
    due_us: u64,
    /// Since when it could be offered: arrival, or the last miss.
    free_us: u64,
    places: u32,
    /// Counts changes of the state, so that an old entry of the agenda is known as such.
    turn: u32,
    state: State,
    told_to_wait: bool,
    marked: bool,
    offer: Option<Box<str>>,
    agent: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Agent {
    /// The call that rings or talks.
    used: Option<u64>,
    /// When the engine may ring again.
    free_us: u64,
    /// The miss that `free_us` is about, until the next ring.
    missed: bool,
    /// On the way out or away, until back.
    leaves: bool,
    /// Away since this instant of the engine's, until about to be back.
    away: Option<Millis>,
    /// Something other than work kept this agent since the last ring: the next one measures nothing.
    tainted: bool,
    /// When the engine decided to ring last.
    rung_at: Option<Millis>,
}

/// The state.
pub struct Player {
    habits: Habits,
    dice: Pcg64,
    schedule: Schedule,
    agenda: Agenda,
    calls: FxHashMap<u64, Call>,
    agents: Vec<Agent>,
    queues: u32,
    marks: Arc<Marks>,
    closing: bool,
    /// What was sent and is to be sent.
    pub outbox: Outbox,
    received: Received,
    /// Offers that rang in vain, and at whom, until that agent is rung again.
    missed: FxHashMap<Box<str>, usize>,
    /// What agents do at their desks: to be carried there.
    pub acts: Vec<Act>,
    /// Counts.
    pub tally: Tally,
    /// What was found wrong.
    pub checks: Checks,
    reply: Recorder,
    ring: Recorder,
    freed: Recorder,
    sent: Recorder,
}

/// What a player begins with.
pub struct Start {
    /// How people behave.
    pub habits: Habits,
    /// Dice.
    pub dice: Pcg64,
    /// When calls come, in microseconds of the run.
    pub schedule: Schedule,
    /// So many agents, from number 0.
    pub agents: usize,
    /// So many queues, from number 0.
    pub queues: u32,
    /// Where calls are told that dashboards look for.
    pub marks: Arc<Marks>,
    /// Who speaks.
    pub source: wire::Source,
    /// What is measured: from, until, in microseconds of the run.
    pub window_us: (u64, u64),
}

impl Player {
    /// A floor where nothing has happened.
    #[must_use]
    pub fn new(start: Start) -> Player {
        let recorder = Recorder::new(start.window_us.0, start.window_us.1);
        Player {
            habits: start.habits,
            dice: start.dice,
            schedule: start.schedule,
            agenda: Agenda::default(),
            calls: FxHashMap::default(),
            agents: vec![Agent::default(); start.agents],
            queues: start.queues.max(1),
            marks: start.marks,
            closing: false,
            outbox: Outbox::new(start.source),
            received: Received::default(),
            missed: FxHashMap::default(),
            acts: Vec::new(),
            tally: Tally::default(),
            checks: Checks::default(),
            reply: recorder.clone(),
            ring: recorder.clone(),
            freed: recorder.clone(),
            sent: recorder,
        }
    }

    /// When something is due next.
    pub fn next_us(&mut self) -> Option<u64> {
        let arrival = if self.closing { None } else { self.schedule.next_us() };
        [arrival, self.agenda.next_us()].into_iter().flatten().min()
    }

    /// Calls that have not ended.
    #[must_use]
    pub fn live(&self) -> usize {
        self.calls.len()
    }

    /// All commands up to this one have come.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.received.done()
    }

    /// A measure of this side's; the dashboards measure [`Measure::Frame`].
    #[must_use]
    pub fn recorder(&self, measure: Measure) -> Option<&Recorder> {
        match measure {
            Measure::Reply => Some(&self.reply),
            Measure::Ring => Some(&self.ring),
            Measure::Freed => Some(&self.freed),
            Measure::Sent => Some(&self.sent),
            Measure::Frame => None,
        }
    }

    /// The last second of each measure of this side's.
    pub fn take_second(&mut self) -> [Quantiles; 3] {
        // The generator's own share is told once, at the end.
        self.sent.take_second();
        [self.reply.take_second(), self.ring.take_second(), self.freed.take_second()]
    }

    /// Says something that is about no call.
    pub fn say(&mut self, what: Say<'_>, now_us: u64) {
        self.outbox.add(now_us, None, what);
    }

    /// Does everything that is due by now.
    pub fn play(&mut self, now_us: u64) {
        while let Some(due_us) = self.schedule.next_us().filter(|due| *due <= now_us) {
            if self.closing {
                break;
            }
            self.schedule.advance();
            self.arrive(due_us);
        }
        while let Some((due_us, call, turn, step)) = self.agenda.take(now_us) {
            self.step(due_us, call, turn, step);
        }
    }

    /// Everything that waits to be sent has been, at `now_us`.
    pub fn was_sent(&mut self, dues_us: &[u64], now_us: u64) {
        dues_us.iter().for_each(|due_us| self.sent.record(*due_us, now_us));
    }

    /// No more calls come, and those that live end within `within`.
    pub fn close(&mut self, now_us: u64, within: Duration) {
        self.closing = true;
        self.agenda.hurry(now_us, micros(within));
    }

    fn arrive(&mut self, due_us: u64) {
        let number = self.tally.arrived;
        self.tally.arrived += 1;
        let queue = self.dice.random_range(0..self.queues);
        let marked = self.marks.offer(queue, number, due_us);
        let patience = Duration::from_secs(1) + exponential(&mut self.dice, self.habits.patience);
        let patience = if marked { patience.max(self.habits.seen) } else { patience };
        self.outbox.add(due_us, Some((number, 1)), Say::Arrived(queue));
        self.agenda.add(due_us + micros(patience), number, 0, Step::GiveUp);
        let call = Call {
            due_us,
            free_us: due_us,
            places: 1,
            turn: 0,
            state: State::Waiting,
            told_to_wait: false,
            marked,
            offer: None,
            agent: None,
        };
        self.calls.insert(number, call);
    }

    fn step(&mut self, due_us: u64, number: u64, turn: u32, step: Step) {
        let Some(call) = self.calls.get_mut(&number) else { return };
        // Patience runs through all turns; everything else belongs to one.
        if step != Step::GiveUp && call.turn != turn {
            return;
        }
        call.places += 1;
        let place = Some((number, call.places));
        let offer = call.offer.as_deref().unwrap_or_default();
        match step {
            Step::GiveUp if matches!(call.state, State::Waiting | State::Ringing) => {
                self.outbox.add(due_us, place, Say::Abandoned);
                self.tally.abandoned += 1;
                self.forget(number, due_us);
            }
            Step::GiveUp => call.places -= 1,
            Step::PickUp => {
                call.state = State::Answered;
                self.outbox.add(due_us, place, Say::Answered(offer));
            }
            Step::Accept | Step::Refuse => {
                call.places -= 1;
                let (Some(agent), offer) = (call.agent, offer.into()) else { return };
                self.acts.push(Act { agent, accepts: step == Step::Accept, offer });
                // The phone rings on meanwhile; when nothing comes of it, in vain.
                self.agenda.add(due_us + AT_DESK_US, number, turn, Step::Miss);
                self.agents[agent].tainted = true;
            }
            Step::Miss => {
                self.outbox.add(due_us, place, Say::Failed(offer, "no_answer"));
                self.tally.missed += 1;
                if let (Some(agent), Some(offer)) = (call.agent, call.offer.clone()) {
                    self.missed.insert(offer, agent);
                }
                let free_us = due_us + micros(self.habits.after_miss);
                self.put_back(number, due_us, free_us);
            }
            Step::Hold => self.outbox.add(due_us, place, Say::Held),
            Step::Resume => self.outbox.add(due_us, place, Say::Resumed),
            Step::HangUp => {
                self.outbox.add(due_us, place, Say::Ended("caller"));
                self.tally.finished += 1;
                self.forget(number, due_us + micros(self.habits.wrap_up));
            }
        }
    }

    /// The call is over, and its agent free from `free_us`.
    fn forget(&mut self, number: u64, free_us: u64) {
        if let Some(Call { agent: Some(agent), .. }) = self.calls.remove(&number)
            && let Some(agent) = self.agents.get_mut(agent)
        {
            (agent.used, agent.free_us, agent.missed) = (None, free_us, false);
        }
    }

    /// The call waits again, and its agent is free from `agent_free_us`.
    fn put_back(&mut self, number: u64, now_us: u64, agent_free_us: u64) {
        let Some(call) = self.calls.get_mut(&number) else { return };
        call.turn += 1;
        call.state = State::Waiting;
        call.free_us = now_us;
        call.told_to_wait = true;
        call.offer = None;
        if let Some(agent) = call.agent.take().and_then(|agent| self.agents.get_mut(agent)) {
            (agent.used, agent.free_us) = (None, agent_free_us);
            agent.missed = agent_free_us > now_us;
        }
    }

    /// The engine said something.
    pub fn hear(&mut self, told: &Told<'_>, now_us: u64) {
        for result in &told.results {
            self.result(result, now_us);
        }
        for command in &told.commands {
            if self.received.is_new(command.seq) {
                self.tally.commands += 1;
                self.command(command, now_us);
            }
        }
        if let Some(problem) = &told.problem {
            self.checks.broken(Check::EventsTaken, || {
                format!(
                    "a frame was refused: {} {}: {}",
                    problem.status, problem.code, problem.detail
                )
            });
        }
    }

    fn result(&mut self, result: &EventResult<'_>, now_us: u64) {
        let Some(sent) = self.outbox.answered(&result.id) else { return };
        self.tally.events += 1;
        self.reply.record(sent.due_us, now_us);
        let told = || {
            let code = result.code.as_deref().unwrap_or_default();
            format!("event {}: {} {code}: {}", result.id, result.status, sent.text)
        };
        match &*result.status {
            "accepted" | "duplicate" => {}
            "ignored" => {
                self.tally.ignored += 1;
                // The engine does not know a call that is alive here.
                if sent.is_vital {
                    self.checks.broken(Check::NoCallLost, told);
                }
            }
            _ => self.checks.broken(Check::EventsTaken, told),
        }
    }

    fn command(&mut self, command: &Command<'_>, now_us: u64) {
        let name = command.call.as_deref().unwrap_or_default();
        let Some(number) = self.outbox.source().call_number(name) else {
            // `switch.sync` and what else is about no call of this start.
            return;
        };
        // The caller may have left while the command was on its way.
        let Some(call) = self.calls.get_mut(&number) else { return };
        match &*command.kind {
            "call.queue" => {
                self.tally.waited += u64::from(!call.told_to_wait);
                call.told_to_wait = true;
            }
            "offer.ring" => self.ring(number, command, now_us),
            "offer.cancel" if call.offer.as_deref() == command.offer.as_deref() => {
                self.put_back(number, now_us, now_us);
            }
            "offer.answer" if call.offer.as_deref() == command.offer.as_deref() => {
                self.answered_at_desk(number, now_us);
            }
            "offer.cancel" => self.cancelled(command, now_us),
            "call.connect" => self.connect(number, command, now_us),
            "call.end" | "call.route" => {
                call.places += 1;
                let place = Some((number, call.places));
                self.outbox.add(now_us, place, Say::Ended("switch"));
                self.tally.exited += 1;
                self.forget(number, now_us);
            }
            _ => {}
        }
    }

    fn ring(&mut self, number: u64, command: &Command<'_>, now_us: u64) {
        let (user, offer) = (command.agent.as_deref(), command.offer.as_deref());
        let (user, offer) = (user.unwrap_or_default(), offer.unwrap_or_default());
        let Some(index) = wire::agent_number(user).filter(|index| *index < self.agents.len())
        else {
            let how = || format!("{user:?} is rung, who is not on this floor");
            return self.checks.broken(Check::NoAgentTwice, how);
        };
        let step = self.how(index);
        let Some(call) = self.calls.get_mut(&number) else { return };
        let agent = &mut self.agents[index];
        if let Some(other) = agent.used {
            self.checks.broken(Check::NoAgentTwice, || {
                format!("{user} is rung for call {number} while in use for call {other}")
            });
        }
        // Instants are told apart to the millisecond, and a clock that follows the wall is at most
        // a twentieth too fast.
        let (free_us, delay) = (agent.free_us, self.habits.wrap_up.max(self.habits.after_miss));
        if free_us > now_us + 2_000 + micros(delay) / 20 {
            self.checks.broken(Check::NoAgentTooSoon, || {
                format!("{user} is rung {} ms too soon", (free_us - now_us) / 1_000)
            });
        }
        if call.state != State::Waiting {
            let state = call.state;
            let how = || format!("call {number} is offered to {user} while {state:?}");
            self.checks.broken(Check::NoCallTwice, how);
        }
        let rung_at = command.time.as_deref().and_then(|at| Millis::parse_rfc3339(at).ok());
        if let (Some(since), Some(at)) = (agent.away, rung_at)
            && at > since
        {
            self.checks.broken(Check::NoAgentAway, || faults::away(user, since, at));
        }
        if agent.missed {
            // What is older than the last ring is not asked for any more.
            self.missed.retain(|_, missed| *missed != index);
        }
        let is_tainted = agent.tainted;
        (agent.rung_at, agent.missed, agent.tainted) = (rung_at, false, agent.leaves);
        // What made this offer possible: the later of the two became free last.
        if is_tainted {
        } else if agent.free_us > call.free_us && call.told_to_wait {
            self.freed.record(agent.free_us, now_us);
        } else if !call.told_to_wait {
            self.ring.record(call.due_us, now_us);
        }
        agent.used = Some(number);
        call.state = State::Ringing;
        call.turn += 1;
        call.agent = Some(index);
        call.offer = Some(offer.into());
        call.places += 1;
        self.tally.offered += 1;
        self.outbox.add(now_us, Some((number, call.places)), Say::Ringing(offer));
        let rings = self.habits.ring.mul_f64(self.dice.random_range(0.5..1.5));
        let rings = if self.closing { rings.min(AT_CLOSING) } else { rings };
        self.agenda.add(now_us + micros(rings), number, call.turn, step);
    }

    /// How an agent takes an offer.
    fn how(&mut self, agent: usize) -> Step {
        if self.dice.random_bool(self.habits.missed) {
            Step::Miss
        } else if agent < self.habits.desks && self.dice.random_bool(self.habits.at_desk) {
            if self.dice.random_bool(REFUSED) { Step::Refuse } else { Step::Accept }
        } else {
            Step::PickUp
        }
    }

    /// The switch picks up for the agent, who has accepted at the desk.
    fn answered_at_desk(&mut self, number: u64, now_us: u64) {
        let Some(call) = self.calls.get_mut(&number) else { return };
        if call.state != State::Ringing {
            return;
        }
        call.state = State::Answered;
        call.turn += 1;
        call.places += 1;
        let offer = call.offer.as_deref().unwrap_or_default();
        self.outbox.add(now_us, Some((number, call.places)), Say::Answered(offer));
    }

    fn connect(&mut self, number: u64, command: &Command<'_>, now_us: u64) {
        let Some(call) = self.calls.get_mut(&number) else { return };
        if call.state != State::Answered || call.offer.as_deref() != command.offer.as_deref() {
            let (state, offer) = (call.state, command.offer.as_deref());
            let how = || format!("call {number} is joined for {offer:?} while {state:?}");
            return self.checks.broken(Check::NoCallTwice, how);
        }
        self.tally.answered += 1;
        call.state = State::Talking;
        call.turn += 1;
        let talk = Duration::from_millis(50) + exponential(&mut self.dice, self.habits.talk);
        let talk = if call.marked { talk.max(self.habits.seen) } else { talk };
        let talk = if self.closing { talk.min(AT_CLOSING) } else { talk };
        let (talk_us, turn) = (micros(talk), call.turn);
        if self.dice.random_bool(self.habits.held) {
            self.agenda.add(now_us + talk_us / 3, number, turn, Step::Hold);
            self.agenda.add(now_us + talk_us * 2 / 3, number, turn, Step::Resume);
        }
        self.agenda.add(now_us + talk_us, number, turn, Step::HangUp);
    }

    /// After the last call: what is left is lost.
    pub fn settle(&mut self) {
        let left = self.calls.len() as u64;
        if left > 0 {
            let first = self.outbox.source().boot.clone();
            self.checks.broken(Check::NoCallLost, || {
                format!("{left} calls of {first} have not ended in time")
            });
        }
        let t = self.tally;
        let ended = t.abandoned + t.finished + t.exited + t.restarted;
        if ended + left != t.arrived {
            let how = || format!("{} arrived, {ended} ended, {left} live", t.arrived);
            self.checks.broken(Check::NoCallLost, how);
        }
        let open = self.outbox.open();
        if open > 0 {
            let how = || format!("{open} events have had no result");
            self.checks.broken(Check::NoCallLost, how);
        }
        if let Some(seq) = self.received.gap() {
            self.checks.broken(Check::NoCommandMissing, || format!("command {seq} never came"));
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

mod faults;
#[cfg(test)]
mod tests;
