//! An engine with a floor, driven by hand with virtual time: what the benches share.
#![allow(dead_code, reason = "every bench uses another part")]

use callboard::domain::event::Event;
use callboard::domain::ids::{CallId, Name, OfferId};
use callboard::domain::input::{Actor, Answer, Command, Input, Kind, ObjectRef, Precondition};
use callboard::domain::media::Media;
use callboard::domain::objects::SkillNeed;
use callboard::domain::objects::user::Role;
use callboard::domain::presence::Status;
use callboard::domain::switching::{
    Arrival, ArrivalTarget, Effect, EndedBy, Happening, SwitchEvent,
};
use callboard::domain::time::Millis;
use callboard::engine::{Decision, Engine};
use callboard::reporting::figures::Figures;
use callboard::reporting::figures::notes::Note;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The switch that everything comes from.
const SWITCH: &str = "edge";

/// Skills that agents hold too little of: one per distinct requirement.
pub const NEEDS: usize = 20;

/// Records and events that a stretch of work made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Made {
    /// Inputs that were decided with events: one journal record each.
    pub records: u64,
    /// Their events.
    pub events: u64,
}

/// An engine, its time, and the switch's numbering.
pub struct World {
    engine: Engine,
    now: Millis,
    owner: Actor,
    switch: Actor,
    last_event: u64,
    last_call: u64,
    last_command: u64,
    /// What was made so far.
    pub made: Made,
    /// Time spent in the engine so far: making the inputs and reading the answers is not in it.
    pub spent: Duration,
    figures: Option<Folded>,
}

/// How long records are gathered for the fold, ms, and how many: as the node does it, which counts batches
/// of them.
const GATHER_MS: u64 = 1_000;
const GATHERED: usize = 256;

/// Live figures beside the engine.
#[derive(Default)]
pub struct Folded {
    fold: Figures,
    /// Records that wait for it.
    gathered: Vec<(u64, Millis, Vec<Event>)>,
    /// Time spent in the fold so far.
    pub spent: Duration,
}

impl Folded {
    fn take(&mut self, record: (u64, Millis, Vec<Event>)) {
        let at = record.1;
        if !record.2.is_empty() {
            self.gathered.push(record);
        }
        let is_due = |(_, first, _): &(u64, Millis, _)| at >= first.plus(GATHER_MS);
        if self.gathered.first().is_some_and(is_due) || self.gathered.len() >= GATHERED {
            self.catch_up();
        }
    }

    fn catch_up(&mut self) {
        let began = Instant::now();
        self.gathered.iter().for_each(|(_, _, events)| self.fold.expect(events));
        self.fold.fetch();
        for (seq, at, events) in &self.gathered {
            self.fold.apply(*seq, *at, events);
        }
        self.spent += began.elapsed();
        self.gathered.clear();
    }
}

/// A call under way.
pub struct Call {
    subject: String,
    id: Option<CallId>,
    sequence: u64,
    offer: Option<OfferId>,
}

/// The queues of a floor whose figures are measured.
pub const FIVE: [&str; 5] = ["one", "two", "three", "four", "five"];

/// … and their bodies.
pub fn five_queues() -> Vec<(&'static str, Value)> {
    let queue = |id| {
        let wrap_up = json!({ "manual": true, "max_ms": 3_600_000 });
        (id, json!({ "name": id, "strategy": "longest_idle", "wrap_up": wrap_up }))
    };
    FIVE.into_iter().map(queue).collect()
}

impl World {
    /// `agents` ready agents, each a member of all of `queues` (id → body of the `PUT`).
    pub fn new(agents: usize, queues: &[(&str, Value)]) -> World {
        World::beside(None, agents, queues)
    }

    /// The same, with live figures folded beside it.
    pub fn with_figures(agents: usize, queues: &[(&str, Value)]) -> World {
        World::beside(Some(Folded::default()), agents, queues)
    }

    fn beside(figures: Option<Folded>, agents: usize, queues: &[(&str, Value)]) -> World {
        let actor = |name: &str, role, switch: Option<&str>| Actor {
            name: Name::from(name),
            role,
            user: None,
            switch: switch.map(Name::from),
            door: Default::default(),
        };
        // Deciding alone: the rows for boards are another stage's.
        let mut engine = Engine::new("bench", 1);
        engine.make_rows(false);
        let mut world = World {
            engine,
            now: Millis(1_795_291_200_000),
            owner: actor("owner", Role::Owner, None),
            switch: actor(SWITCH, Role::Switch, Some(SWITCH)),
            last_event: 0,
            last_call: 0,
            last_command: 0,
            made: Made::default(),
            spent: Duration::ZERO,
            figures,
        };
        world.furnish(agents, queues);
        world
    }

    fn furnish(&mut self, agents: usize, queues: &[(&str, Value)]) {
        // Nobody is logged out by the clock, however long the bench's time runs.
        self.put(Kind::Account, "", "", json!({ "max_unleased_ms": 0, "max_queues": 10 }), true);
        for skill in 0..NEEDS {
            self.put(Kind::Skill, "", &format!("s{skill}"), json!({ "name": "Skill" }), false);
        }
        self.put(Kind::Switch, "", SWITCH, json!({ "name": "Edge" }), false);
        for (id, body) in queues {
            self.put(Kind::Queue, "", id, body.clone(), false);
        }
        for i in 0..agents {
            let user = format!("usr_{i}");
            let mut body = json!({ "first_name": "A", "last_name": "B", "role": "agent",
                "endpoint": format!("sip:{i}@bench.invalid"), "skills": {} });
            for skill in three(i) {
                body["skills"][format!("s{skill}")] = json!(10);
            }
            self.put(Kind::User, "", &user, body, false);
            for (queue, _) in queues {
                let place = json!({ "stars": 1 + i % 4, "position": 1 + i % 100_000 });
                self.put(Kind::Member, queue, &user, place, false);
            }
            let command = Command::SetStatus {
                user,
                status: Status::Ready,
                reason: None,
                when: None,
                lease_ms: None,
            };
            self.command(command);
        }
    }

    fn put(&mut self, kind: Kind, parent: &str, id: &str, body: Value, merge: bool) {
        let object = ObjectRef { kind, parent: parent.to_owned(), id: id.to_owned() };
        self.command(Command::Put {
            object,
            body,
            merge,
            only_if: Precondition::None,
            dry_run: false,
        });
    }

    fn command(&mut self, command: Command) {
        let input = Input::Command { actor: self.owner.clone(), command };
        let decision = self.handle(input);
        if let Some(Answer::Refused(problem)) = decision.answer {
            panic!("refused: {problem} {:?}", problem.errors);
        }
    }

    /// From now on the fold tells what it counts, which is part of its time.
    pub fn take_notes(&mut self) {
        if let Some(figures) = &mut self.figures {
            figures.catch_up();
            let seq = figures.fold.seq();
            figures.fold.watch(seq, 0);
        }
    }

    /// What it has told since.
    pub fn notes(&mut self) -> Vec<Note> {
        let Some(figures) = &mut self.figures else { return Vec::new() };
        figures.catch_up();
        figures.fold.take_notes()
    }

    /// The last record that is in the fold, and its time.
    pub fn noted(&self) -> (u64, Millis) {
        self.figures.as_ref().map_or((0, Millis(0)), |f| (f.fold.seq(), f.fold.at()))
    }

    /// Time spent in the fold of the figures so far.
    pub fn folded(&self) -> Duration {
        self.figures.as_ref().map_or(Duration::ZERO, |figures| figures.spent)
    }

    /// The live figures.
    ///
    /// # Panics
    /// When none are folded.
    pub fn figures(&self) -> &Figures {
        &self.figures.as_ref().expect("made with figures").fold
    }

    /// Time passes; deadlines that come are handled, as the node would.
    pub fn pass(&mut self, ms: u64) {
        let until = self.now.plus(ms);
        while let Some(at) = self.due().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.handle(Input::Deadline);
        }
        self.now = until;
    }

    fn due(&mut self) -> Option<Millis> {
        let began = Instant::now();
        let due = self.engine.next_deadline();
        self.spent += began.elapsed();
        due.map(|(at, _)| at)
    }

    fn handle(&mut self, input: Input) -> Decision {
        let began = Instant::now();
        let mut decision = self.engine.handle(self.now, input);
        self.spent += began.elapsed();
        self.made.records += u64::from(!decision.events.is_empty());
        self.made.events += decision.events.len() as u64;
        if let Some(figures) = &mut self.figures {
            figures.take((decision.seq, self.now, std::mem::take(&mut decision.events)));
        }
        if let Some((_, command)) = decision.commands.last() {
            self.last_command = command.seq;
        }
        decision
    }

    fn report(&mut self, call: &mut Call, what: Happening) -> Decision {
        call.sequence += 1;
        self.last_event += 1;
        let event = SwitchEvent {
            id: format!("e{}", self.last_event),
            subject: call.subject.clone(),
            time: None,
            bootid: None,
            sequence: Some(call.sequence),
            replayed: false,
            what,
            extra: None,
        };
        let (actor, source) = (self.switch.clone(), SWITCH.to_owned());
        self.handle(Input::Switch { actor, source, event })
    }

    /// A call reaches a queue, and rings if somebody fits.
    pub fn arrive(&mut self, queue: &str, need: Option<usize>) -> Call {
        // More than anybody holds: such a call waits.
        self.arrive_with(queue, need.map(|skill| wants(skill, 50)).into_iter().collect())
    }

    /// A call that requires three skills, more of each than anybody holds.
    pub fn wait_in_vain(&mut self, queue: &str, first: usize) -> Call {
        self.arrive_with(queue, three(first).map(|skill| wants(skill, 50)).to_vec())
    }

    fn arrive_with(&mut self, queue: &str, skills: Vec<SkillNeed>) -> Call {
        let (mut call, arrival) = self.dial(queue, skills);
        let decision = self.report(&mut call, arrival);
        for (_, command) in &decision.commands {
            call.id = call.id.or(command.call_id);
            if let Effect::OfferRing { offer, .. } = &command.effect {
                call.offer = call.offer.or(Some(*offer));
            }
        }
        call
    }

    /// A call that is about to arrive, and its event.
    fn dial(&mut self, queue: &str, skills: Vec<SkillNeed>) -> (Call, Happening) {
        self.last_call += 1;
        let call =
            Call { subject: format!("c{}", self.last_call), id: None, sequence: 0, offer: None };
        let arrival = Arrival {
            media: Media::Voice,
            from: Some("+15551230001".to_owned()),
            to: Some("+15559990000".to_owned()),
            target: Some(ArrivalTarget::Queue(queue.to_owned())),
            priority: 0,
            skills,
            steps: None,
            preferred: None,
            attributes: BTreeMap::new(),
        };
        (call, Happening::CallArrived(Box::new(arrival)))
    }

    /// The caller hangs up before an answer.
    pub fn abandon(&mut self, mut call: Call) {
        self.report(&mut call, Happening::CallAbandoned);
    }

    /// The switch has done every command.
    pub fn acknowledge(&mut self) {
        let (switch, seq) = (SWITCH.to_owned(), self.last_command);
        self.handle(Input::Acknowledged { switch, seq });
    }

    /// arrive → offer → ringing → answer → end → wrap-up, and the acknowledgement of its commands.
    pub fn cycle(&mut self, queue: &str) {
        let call = self.arrive(queue, None);
        self.work_off(call);
    }

    /// The same with a call that requires three skills, which one agent in twenty holds.
    pub fn cycle_with_skills(&mut self, queue: &str, first: usize) {
        let call = self.arrive_with(queue, three(first).map(|skill| wants(skill, 5)).to_vec());
        self.work_off(call);
    }

    fn work_off(&mut self, mut call: Call) {
        let offer = call.offer.expect("everybody is ready, so somebody is rung");
        self.pass(1);
        self.report(&mut call, Happening::OfferRinging { offer });
        self.pass(1);
        self.report(&mut call, Happening::OfferAnswered { offer });
        self.pass(1);
        self.report(&mut call, Happening::CallEnded { by: EndedBy::Caller });
        self.pass(1);
        let call = call.id.expect("an offered call has an id");
        self.command(Command::EndWrapUp { call, disposition: None });
        self.acknowledge();
        self.pass(1);
    }
}

/// Three skills of the twenty, from one of them on.
fn three(first: usize) -> [usize; 3] {
    [first % NEEDS, (first + 1) % NEEDS, (first + 2) % NEEDS]
}

fn wants(skill: usize, min: u16) -> SkillNeed {
    SkillNeed { skill: format!("s{skill}"), min, max: None }
}
