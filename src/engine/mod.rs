//! The only decision maker: `(State, now, Input)` → events, and the one door that applies them.

use crate::domain::event::{Event, PersonalKey};
use crate::domain::ids::{CallId, Name};
use crate::domain::input::{Answer, Input};
use crate::domain::rows::{BoardSeed, Changes};
use crate::domain::switching::Command;
use crate::domain::time::Millis;
use serde_json::Value;

/// What one input led to. Nothing of it may leave before `record` is durable.
#[derive(Debug, Default)]
pub struct Decision {
    /// The answer to whoever sent the input.
    pub answer: Option<Answer>,
    /// What was decided, in order; empty when nothing was (reads, duplicates, refusals).
    pub events: Vec<Event>,
    /// The sequence of the record that `events` make, when there are any.
    pub seq: u64,
    /// Changes of the vault, to be written with the record.
    pub vault: Vec<VaultChange>,
    /// New commands, with the switch's id: numbered, in order.
    pub commands: Vec<(Name, Command)>,
    /// What boards show differently.
    pub changes: Changes,
    /// Users whose open desks have something new to show, with the whole view.
    pub desks: Vec<(Name, Value)>,
}

/// A change of one vault row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultChange {
    /// The row.
    pub key: PersonalKey,
    /// Whether it outlives the journal's retention (users' rows do, calls' do not).
    pub lasting: bool,
    /// JSON; `None` erases.
    pub value: Option<String>,
}

/// A snapshot or record could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// The engine of one account.
pub struct Engine {}

impl Engine {
    /// An empty account. `seed` feeds the recorded dice.
    #[must_use]
    pub fn new(_account: &str, _seed: u64) -> Engine {
        unimplemented!()
    }
    /// From a snapshot; `personal` reads vault rows.
    pub fn restore(
        _account: &str,
        _snapshot: &[u8],
        _personal: &mut dyn FnMut(PersonalKey) -> Option<String>,
    ) -> Result<Engine, Unreadable> {
        unimplemented!()
    }
    /// Applies one record of the journal. Call `ready` after the last.
    pub fn replay(&mut self, _seq: u64, _at: Millis, _body: &[u8]) -> Result<(), Unreadable> {
        unimplemented!()
    }
    /// Ends the replay: derived tables are built. Vault rows are read through `personal`.
    pub fn ready(&mut self, _personal: &mut dyn FnMut(PersonalKey) -> Option<String>) {
        unimplemented!()
    }
    /// Decides about one input. `now` never runs back.
    pub fn handle(&mut self, _now: Millis, _input: Input) -> Decision {
        unimplemented!()
    }
    /// The earliest instant at which `Input::Deadline` must be handled, and why.
    pub fn next_deadline(&mut self) -> Option<(Millis, &'static str)> {
        unimplemented!()
    }
    /// The sequence of the last record.
    pub fn seq(&self) -> u64 {
        unimplemented!()
    }
    /// The state as bytes: equal states, equal bytes.
    pub fn snapshot(&self) -> Vec<u8> {
        unimplemented!()
    }
    /// The board at this sequence.
    pub fn board(&self) -> BoardSeed {
        unimplemented!()
    }
    /// Unacknowledged commands of every switch, in order (what the outbox starts from).
    pub fn open_commands(&self) -> Vec<(Name, Command)> {
        unimplemented!()
    }
    /// Webhook, etc. of a switch: its present configuration and whether it exists.
    pub fn switch_config(
        &self,
        _switch: &str,
    ) -> Option<std::sync::Arc<crate::domain::objects::Switch>> {
        unimplemented!()
    }
    /// The public form of a record, for the feed: names at the edge, personal values filled in
    /// where they are still in the vault (`personal` reads rows that memory no longer holds).
    pub fn feed_record(
        &self,
        _seq: u64,
        _at: Millis,
        _body: &[u8],
        _personal: &mut dyn FnMut(PersonalKey) -> Option<String>,
    ) -> Result<Value, Unreadable> {
        unimplemented!()
    }
    /// Of a record: the parts of the story of one call, for `trace`.
    pub fn trace_record(
        &self,
        _seq: u64,
        _at: Millis,
        _body: &[u8],
        _call: CallId,
    ) -> Result<Vec<Value>, Unreadable> {
        unimplemented!()
    }
    /// Checks every invariant; the broken ones in words.
    pub fn invariants(&self) -> Vec<String> {
        unimplemented!()
    }
}

/// The body of a record: its events as JSON.
#[must_use]
pub fn encode(events: &[Event]) -> Vec<u8> {
    serde_json::to_vec(events).unwrap_or_default()
}
