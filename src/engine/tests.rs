//! The engine from the outside: inputs in, events out, invariants after each.

use super::state::Call;
use super::*;
use crate::domain::input::{Actor, Command as Ask, Door, Input, Kind, ObjectRef, Precondition};
use crate::domain::objects::user::Role;
use crate::domain::presence::Status;
use crate::domain::switching::{Arrival, Happening, SwitchEvent};
use serde_json::json;

const T0: Millis = Millis(1_795_291_200_000);

/// An account with one switch, `sw`, and a clock that only this test moves.
pub(super) struct Floor {
    pub engine: Engine,
    pub now: Millis,
    events: u64,
    /// Every record so far.
    pub log: Vec<(u64, Millis, Vec<u8>)>,
    vault: std::collections::BTreeMap<PersonalKey, String>,
}

pub(super) fn owner() -> Actor {
    Actor {
        name: "owner".into(),
        role: Role::Owner,
        user: None,
        switch: None,
        door: Door::default(),
    }
}

impl Floor {
    pub fn new() -> Floor {
        let mut floor = Floor {
            engine: Engine::new("default", 1),
            now: T0,
            events: 0,
            log: Vec::new(),
            vault: Default::default(),
        };
        floor.put(Kind::Switch, "", "sw", json!({ "name": "Switch" }));
        floor
    }

    pub fn give(&mut self, input: Input) -> Decision {
        let decision = self.engine.handle(self.now, input);
        if !decision.events.is_empty() {
            self.log.push((decision.seq, self.now, encode(&decision.events)));
        }
        for change in &decision.vault {
            match &change.value {
                Some(value) => _ = self.vault.insert(change.key, value.clone()),
                None => _ = self.vault.remove(&change.key),
            }
        }
        assert_eq!(self.engine.invariants(), Vec::<String>::new(), "after {:?}", decision.events);
        decision
    }

    pub fn vault(&self) -> &std::collections::BTreeMap<PersonalKey, String> {
        &self.vault
    }

    pub fn ask(&mut self, command: Ask) -> Decision {
        self.give(Input::Command { actor: owner(), command })
    }

    pub fn put(&mut self, kind: Kind, parent: &str, id: &str, body: Value) {
        let object = ObjectRef { kind, parent: parent.into(), id: id.into() };
        let put =
            Ask::Put { object, body, merge: false, only_if: Precondition::None, dry_run: false };
        let decision = self.ask(put);
        assert!(matches!(decision.answer, Some(Answer::Done { .. })), "{:?}", decision.answer);
    }

    pub fn agent(&mut self, id: &str, queue: &str) {
        let body = json!({ "first_name": id, "last_name": "Lee", "endpoint": format!("sip:{id}@127.0.0.1") });
        self.put(Kind::User, "", id, body);
        self.put(Kind::Member, queue, id, json!({}));
    }

    pub fn status(&mut self, user: &str, status: Status) -> Decision {
        self.ask(Ask::SetStatus {
            user: user.into(),
            status,
            reason: None,
            when: None,
            lease_ms: None,
        })
    }

    pub fn event(&mut self, subject: &str, what: Happening) -> Decision {
        self.events += 1;
        let event = SwitchEvent {
            id: format!("e{}", self.events),
            subject: subject.into(),
            time: None,
            bootid: None,
            sequence: None,
            replayed: false,
            what,
            extra: None,
        };
        self.give(Input::Switch { actor: owner(), source: "sw".into(), event })
    }

    pub fn arrive(&mut self, subject: &str, queue: &str) -> Decision {
        // Of the medium that the queue takes.
        let known = self.engine.derived.queues.get(queue);
        let media = known.map(|ix| self.engine.state.queue(*ix).config.media);
        let arrival = Arrival {
            media: media.unwrap_or(crate::domain::media::Media::Voice),
            from: Some("+15551230001".into()),
            to: None,
            target: Some(crate::domain::switching::ArrivalTarget::Queue(queue.into())),
            priority: 0,
            skills: Vec::new(),
            steps: None,
            preferred: None,
            attributes: Default::default(),
        };
        self.event(subject, Happening::CallArrived(Box::new(arrival)))
    }

    pub fn wait(&mut self, ms: u64) {
        let until = self.now.plus(ms);
        while let Some((at, _)) = self.engine.next_deadline().filter(|(at, _)| *at <= until) {
            self.now = self.now.max(at);
            self.give(Input::Deadline);
        }
        self.now = until;
    }
}

pub(super) fn offered(decision: &Decision) -> Vec<OfferId> {
    decision
        .events
        .iter()
        .filter_map(|e| match e {
            Event::CallOffered { offer, .. } => Some(*offer),
            _ => None,
        })
        .collect()
}

#[test]
fn a_call_rings_a_ready_agent_at_once_and_wraps_up() {
    let mut floor = Floor::new();
    floor.put(Kind::Queue, "", "support", json!({ "name": "Support", "wrap_up": { "ms": 3000 } }));
    floor.agent("usr_ann", "support");
    floor.status("usr_ann", Status::Ready);
    let arrived = floor.arrive("c1", "support");
    let offers = offered(&arrived);
    assert_eq!(offers.len(), 1);
    assert_eq!(arrived.commands.len(), 1);
    let answered = floor.event("c1", Happening::OfferAnswered { offer: offers[0] });
    assert!(answered.events.iter().any(|e| matches!(e, Event::CallAnswered { connect: true, .. })));
    floor.wait(1_000);
    floor.event("c1", Happening::CallEnded { by: crate::domain::switching::EndedBy::Caller });
    let second = floor.arrive("c2", "support");
    assert_eq!(offered(&second), []);
    floor.wait(3_000);
    let call =
        floor.engine.derived.subjects.get(&(crate::domain::ids::SwitchIx(0), "c2".into())).copied();
    let rings = call.and_then(|id| floor.engine.state.call(id)).map(Call::open_count);
    assert_eq!(rings, Some(1));
}

#[test]
fn the_answer_to_a_change_of_status_tells_since_when() {
    let mut floor = Floor::new();
    floor.put(Kind::Queue, "", "support", json!({ "name": "Support" }));
    floor.agent("usr_ann", "support");
    floor.wait(5_000);
    let told = |decision: Decision| match decision.answer {
        Some(Answer::Done { body, .. }) => body["since"].clone(),
        other => panic!("{other:?}"),
    };
    let now = json!(floor.now.rfc3339());
    assert_eq!(told(floor.status("usr_ann", Status::Ready)), now);
    floor.wait(5_000);
    // The same again begins nothing.
    assert_eq!(told(floor.status("usr_ann", Status::Ready)), now);
}

#[test]
fn a_missed_call_goes_back_and_the_agent_goes_online() {
    let mut floor = Floor::new();
    floor.put(Kind::Queue, "", "support", json!({ "name": "Support" }));
    floor.agent("usr_ann", "support");
    floor.status("usr_ann", Status::Ready);
    floor.arrive("c1", "support");
    floor.wait(20_000);
    let agent = floor.engine.state.agent(crate::domain::ids::AgentIx(0));
    assert_eq!((agent.status, agent.reason.as_deref()), (Status::Online, Some("missed")));
    let ready = floor.status("usr_ann", Status::Ready);
    assert_eq!(offered(&ready).len(), 0, "left alone after a miss, or tried in this pass");
    floor.wait(10_000);
    assert_eq!(floor.engine.state.agent(crate::domain::ids::AgentIx(0)).offers.len(), 1);
}

#[test]
fn a_replayed_journal_is_the_live_state_byte_for_byte_and_so_is_a_snapshot() {
    let mut floor = Floor::new();
    floor.put(Kind::Queue, "", "support", json!({ "name": "Support", "strategy": "simultaneous", "total_ms": 20000, "wrap_up": { "ms": 3000 } }));
    for user in ["usr_ann", "usr_bob", "usr_cy"] {
        floor.agent(user, "support");
        floor.status(user, Status::Ready);
    }
    for call in ["c1", "c2", "c3"] {
        let offers = offered(&floor.arrive(call, "support"));
        floor.wait(700);
        if let Some(first) = offers.first() {
            floor.event(call, Happening::OfferAnswered { offer: *first });
        }
    }
    floor.event("c1", Happening::CallEnded { by: crate::domain::switching::EndedBy::Agent });
    floor.wait(2_000);
    let mut again = Engine::new("default", 1);
    let log = std::mem::take(&mut floor.log);
    for (seq, at, body) in &log {
        assert!(again.replay(*seq, *at, body).is_ok());
    }
    let vault = floor.vault.clone();
    again.ready(&mut |key| vault.get(&key).cloned());
    let live = String::from_utf8(floor.engine.snapshot()).unwrap();
    assert_eq!(live, String::from_utf8(again.snapshot()).unwrap());
    assert_eq!(again.invariants(), Vec::<String>::new());
    let restored =
        Engine::restore("default", live.as_bytes(), &mut |key| vault.get(&key).cloned()).unwrap();
    assert_eq!(restored.invariants(), Vec::<String>::new());
    assert_eq!(live, String::from_utf8(restored.snapshot()).unwrap());
    assert_eq!(floor.engine.board().queues, restored.board().queues);
}

#[test]
fn what_comes_and_goes_within_a_record_stamps_no_row() {
    let mut floor = Floor::new();
    let at_once = json!({ "name": "At once", "after_refusal_ms": 0 });
    floor.put(Kind::Queue, "", "support", at_once);
    floor.put(Kind::Queue, "", "sales", json!({ "name": "Sales" }));
    floor.agent("usr_ann", "support");
    floor.put(Kind::Member, "sales", "usr_ann", json!({}));
    floor.status("usr_ann", Status::Ready);
    let offers = offered(&floor.arrive("c1", "support"));
    floor.arrive("c2", "support");
    // Free for a moment, in both queues, and rung again for the next call of the first.
    let reason = crate::domain::switching::FailReason::Refused;
    let refused = floor.event("c1", Happening::OfferFailed { offer: offers[0], reason });
    assert_eq!(offered(&refused).len(), 1);
    // Two wait and one rings in the first queue, as before; in the second nothing is otherwise.
    assert_eq!(refused.changes.queues, []);
    let mut again = Engine::new("default", 1);
    for (seq, at, body) in &floor.log {
        assert!(again.replay(*seq, *at, body).is_ok());
    }
    again.ready(&mut |key| floor.vault.get(&key).cloned());
    let live = String::from_utf8(floor.engine.snapshot()).unwrap();
    assert_eq!(live, String::from_utf8(again.snapshot()).unwrap());
}

#[test]
fn a_queues_new_priority_shows_on_its_calls_that_are_answered_too() {
    let mut floor = Floor::new();
    floor.put(Kind::Queue, "", "support", json!({ "name": "Support" }));
    floor.agent("usr_ann", "support");
    floor.status("usr_ann", Status::Ready);
    let offers = offered(&floor.arrive("c1", "support"));
    floor.event("c1", Happening::OfferAnswered { offer: offers[0] });
    let object = ObjectRef { kind: Kind::Queue, parent: String::new(), id: "support".into() };
    let body = json!({ "name": "Support", "priority": 3 });
    let put = floor.ask(Ask::Put {
        object,
        body,
        merge: false,
        only_if: Precondition::None,
        dry_run: false,
    });
    let rows: Vec<i32> = put.changes.calls.iter().map(|row| row.priority).collect();
    assert_eq!(rows, [3]);
}

#[test]
fn the_same_event_twice_is_once() {
    let mut floor = Floor::new();
    floor.put(Kind::Queue, "", "support", json!({ "name": "Support" }));
    floor.arrive("c1", "support");
    let before = floor.engine.snapshot();
    floor.events -= 1;
    let again = floor.arrive("c1", "support");
    assert!(again.events.is_empty());
    assert_eq!(before, floor.engine.snapshot());
}

#[test]
fn a_refused_command_changes_nothing() {
    let mut floor = Floor::new();
    let before = floor.engine.snapshot();
    let body =
        json!({ "nmae": "Support", "steps": [{ "after_ms": 0, "skills": [{ "skill": "nope" }] }] });
    let object = ObjectRef { kind: Kind::Queue, parent: String::new(), id: "support".into() };
    let decision = floor.ask(Ask::Put {
        object,
        body,
        merge: false,
        only_if: Precondition::None,
        dry_run: false,
    });
    assert!(matches!(decision.answer, Some(Answer::Refused(p)) if p.status == 422));
    assert_eq!(before, floor.engine.snapshot());
}

#[test]
fn deadlines_that_move_do_not_pile_up() {
    let mut floor = Floor::new();
    floor.put(Kind::Queue, "", "support", json!({ "name": "Support" }));
    floor.agent("usr_ann", "support");
    for _ in 0..6_000 {
        // Each change moves the deadline of `max_unleased_ms`, twelve hours ahead.
        floor.now = floor.now.plus(1);
        let change = Ask::SetStatus {
            user: "usr_ann".into(),
            status: Status::Online,
            reason: None,
            when: None,
            lease_ms: None,
        };
        floor.engine.handle(floor.now, Input::Command { actor: owner(), command: change });
    }
    assert!(floor.engine.derived.deadlines.len() <= 4_096 + 1);
    let due = floor.engine.next_deadline().map(|(at, why)| (at.since(floor.now), why));
    assert_eq!(due.map(|d| d.1), Some("midnight"));
    assert_eq!(floor.engine.invariants(), Vec::<String>::new());
}
