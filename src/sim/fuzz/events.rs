//! The body of `POST …/events`.

use crate::domain::cloud_events::{MOST_EVENTS, Parsed, parse_batch};
use crate::domain::ids::Name;
use crate::domain::input::{Actor, Answer, Command, Door, Input, Kind, ObjectRef, Precondition};
use crate::domain::json::{Json, Tree};
use crate::domain::objects::user::Role;
use crate::domain::switching::{ResultStatus, SwitchEvent};
use crate::domain::time::Millis;
use crate::engine::{Decision, Engine, encode};
use serde_json::{Value, json};

const START: Millis = Millis(1_795_291_200_000);

/// Whatever is posted: no JSON, or refused as a whole, or each event is either read or answered with
/// a pointer to what is wrong. What is read survives being written down, the engine takes it with
/// all its rules intact, and a follower who only hears of the record has the same state.
pub fn events(bytes: &[u8]) {
    let body = serde_json::from_slice::<Value>(bytes);
    // What is served is read without copies; it says and means the same.
    let tree = Tree::read(bytes);
    let said = |error: &serde_json::Error| error.to_string();
    assert_eq!(
        body.as_ref().map_err(said),
        tree.as_ref().map(Json::to_value).as_ref().map_err(|e| said(e))
    );
    let (Ok(body), Ok(tree)) = (body, tree) else { return };
    assert_eq!(parse_batch(&tree), parse_batch(&body));
    let parsed = match parse_batch(&tree) {
        Ok(parsed) => parsed,
        Err(problem) => {
            assert_eq!(problem.status, 422);
            assert!(problem.errors.iter().any(|error| error.pointer.is_empty()), "{problem:?}");
            return;
        }
    };
    assert!(parsed.len() <= MOST_EVENTS);
    assert_eq!(parsed.len(), body.as_array().map_or(1, Vec::len));
    let mut floor = None;
    for (i, parsed) in parsed.into_iter().enumerate() {
        let at = if body.is_array() { format!("/{i}") } else { String::new() };
        let Some((source, event)) = answered(parsed, &at) else { continue };
        let written = serde_json::to_value(&event).expect("an event is JSON");
        let read: SwitchEvent = serde_json::from_value(written).expect("and is read as one");
        assert_eq!(read, event);
        // Few suffice to show what an event does; a thousand would only be slow.
        if i < 16 {
            floor.get_or_insert_with(Floor::new).hear(source, event);
        }
    }
}

/// The event; of one that was rejected, that its answer names a place within it.
pub(super) fn answered(parsed: Parsed, at: &str) -> Option<(String, SwitchEvent)> {
    let result = match parsed {
        Ok(read) => return Some(read),
        Err(result) => result,
    };
    assert_eq!(result.status, ResultStatus::Rejected);
    let error = result.error.as_ref().expect("a rejected event is told why");
    let within = error.pointer.strip_prefix(at).expect("the pointer leads to this event");
    assert!(within.is_empty() || within.starts_with('/'), "{error:?}");
    assert!(!error.code.is_empty() && !error.detail.is_empty(), "{error:?}");
    assert!(result.id.chars().count() <= 255);
    None
}

/// A small floor, and a follower of its records.
struct Floor {
    engine: Engine,
    follower: Engine,
    now: Millis,
}

fn owner() -> Actor {
    Actor {
        name: Name::from("owner"),
        role: Role::Owner,
        user: None,
        switch: None,
        door: Door::default(),
    }
}

impl Floor {
    fn new() -> Floor {
        let engine = || Engine::new("default", 1);
        let mut floor = Floor { engine: engine(), follower: engine(), now: START };
        let ann = json!({ "first_name": "Ann", "last_name": "Lee", "role": "agent",
                          "endpoint": "sip:ann@192.0.2.1" });
        floor.put(Kind::Switch, "", "edge", json!({ "name": "Edge" }));
        floor.put(Kind::User, "", "usr_ann", ann);
        floor.put(Kind::Queue, "", "support", json!({ "name": "Support" }));
        floor.put(Kind::Member, "support", "usr_ann", json!({}));
        let to = json!({ "number": "+15559990000", "to": { "queue": "support" } });
        floor.put(Kind::Route, "", "main", to);
        floor
    }

    fn put(&mut self, kind: Kind, parent: &str, id: &str, body: Value) {
        let object = ObjectRef { kind, parent: parent.into(), id: id.into() };
        let command = Command::Put {
            object,
            body,
            merge: false,
            only_if: Precondition::None,
            dry_run: false,
        };
        let decision = self.give(Input::Command { actor: owner(), command });
        assert!(!matches!(decision.answer, Some(Answer::Refused(_))), "{:?}", decision.answer);
    }

    fn hear(&mut self, source: String, event: SwitchEvent) {
        self.now = self.now.plus(10);
        self.give(Input::Switch { actor: owner(), source, event });
        let broken = self.engine.invariants();
        assert!(broken.is_empty(), "{broken:?}");
        assert_eq!(self.engine.snapshot(), self.follower.snapshot(), "the follower's state");
    }

    fn give(&mut self, input: Input) -> Decision {
        let decision = self.engine.handle(self.now, input);
        if !decision.events.is_empty() {
            let body = encode(&decision.events);
            self.follower.replay(decision.seq, self.now, &body).expect("what was written is read");
        }
        decision
    }
}
