//! The only decision maker: `(State, now, Input)` → events, and the one door that applies them.
//!
//! An input is decided by emitting events; each is applied by `evolve` as it is emitted, so that
//! the next decision of the same input sees it. A refused input has emitted none. After what the
//! input itself asks for, work that has ended brings the chosen next status, and then calls and
//! agents are matched until nothing changes (`matching`).
//!
//! | file | holds |
//! |---|---|
//! | `state`, `few`, `table`, `vault` | what is known |
//! | `evolve`, `evolve_calls`, `evolve_offers`, `evolve_directory` | the one door to it |
//! | `derived`, `needs`, `need_index`, `refresh`, `rebuild` | tables that follow from it |
//! | `calls`, `direct`, `steps`, `by_hand`, `at_desk`, `supervise`, `delete`, `agents`, `switches`, `directory`, `conflicts`, `people`, `bulk`, `apply`, `apply_end`, `imports`, `teams`, `messages`, `saved_views`, `deadlines` | decisions |
//! | `matching`, `draw` | the one rule, and the dice |
//! | `windows` | what orders count |
//! | `permission`, `signing`, `invites` | who may, and what opens the door |
//! | `queries`, `checks`, `explain`, `objects`, `views`, `feed` | what is told |
//! | `audit` | who did what |
//! | `invariants` | what must hold after every record |

mod agents;
mod alerts;
mod apply;
mod apply_end;
#[cfg(test)]
mod apply_tests;
mod at_desk;
mod audit;
mod bulk;
mod by_hand;
mod call;
mod callback;
mod calls;
mod checks;
mod conflicts;
mod deadlines;
mod delete;
mod derived;
mod dial;
mod direct;
mod directory;
mod draw;
mod evolve;
mod evolve_calls;
mod evolve_directory;
mod evolve_offers;
mod explain;
mod feed;
mod few;
mod guests;
mod handle;
mod hooks;
mod imports;
mod invariants;
mod invites;
mod ledger;
mod mails;
mod matching;
mod messages;
mod need_index;
mod needs;
mod objects;
mod parties;
mod people;
mod permission;
mod presence;
#[cfg(test)]
mod presence_tests;
mod queries;
mod rebuild;
mod refresh;
mod retold;
mod saved_views;
mod signing;
mod state;
#[cfg(test)]
mod status_tests;
mod steps;
mod supervise;
mod switches;
mod teams;
#[cfg(test)]
mod tests;
mod vault;
mod views;
mod windows;

pub use guests::AtHome;

use crate::domain::compact;
use crate::domain::event::{Changed, Event, PersonalKey};
use crate::domain::ids::{CallId, Name, OfferId};
use crate::domain::input::Answer;
use crate::domain::objects::Switch;
use crate::domain::rows::{BoardSeed, Changes, Removed};
use crate::domain::signing::DoorChange;
use crate::domain::switching::{Command, Effect};
use crate::domain::time::Millis;
use serde_json::Value;
use state::{State, Tell, Told};
use std::sync::Arc;
use vault::Vault;

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
    /// What opens the door from now on, or no longer.
    pub doors: Vec<DoorChange>,
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
#[derive(Clone, Debug)]
pub struct Engine {
    state: State,
    derived: derived::Derived,
    vault: Vault,
    /// Events of the record being decided.
    out: Vec<Event>,
    /// Whether rows for boards are made with each record.
    rows: bool,
    /// Of the account's dice, should they not have begun.
    seed: u64,
}

impl Engine {
    /// An empty account. `seed` feeds the recorded dice of orders that draw.
    #[must_use]
    pub fn new(account: &str, seed: u64) -> Engine {
        let mut state = State::default();
        state.account.name = account.to_owned();
        Engine {
            state,
            derived: derived::Derived::default(),
            vault: Vault::default(),
            out: Vec::new(),
            rows: true,
            seed,
        }
    }

    /// Switches the rows for boards off or on (on at first): a replica that nobody watches, or a
    /// benchmark of deciding alone, needs none.
    pub fn make_rows(&mut self, rows: bool) {
        self.rows = rows;
    }

    /// From a snapshot; `personal` reads vault rows.
    ///
    /// # Errors
    /// When the bytes are no snapshot of this version.
    pub fn restore(
        _account: &str,
        snapshot: &[u8],
        personal: &mut dyn FnMut(PersonalKey) -> Option<String>,
    ) -> Result<Engine, Unreadable> {
        let mut state: State =
            serde_json::from_slice(snapshot).map_err(|e| Unreadable(format!("snapshot: {e}")))?;
        // Lists that were read are longer than what is in them.
        state.agents.iter_mut().for_each(|agent| agent.pairs.shrink_to_fit());
        // A snapshot without a queue that draws has no dice: what they begin with is recorded with the
        // first, and only need not be the same for all accounts.
        let seed = state.seq ^ (state.at.0 as u64).rotate_left(32);
        let mut engine = Engine {
            state,
            derived: derived::Derived::default(),
            vault: Vault::default(),
            out: Vec::new(),
            rows: true,
            seed,
        };
        engine.read_vault(personal);
        engine.rebuild();
        Ok(engine)
    }

    /// Applies one record of the journal. Call `ready` after the last.
    ///
    /// # Errors
    /// When the body does not decode, or its sequence does not follow.
    pub fn replay(&mut self, seq: u64, at: Millis, body: &[u8]) -> Result<(), Unreadable> {
        self.replay_events(seq, at, &decode(seq, body)?)
    }

    /// As [`Engine::replay`], with a body that [`decode`] has read: another thread may have.
    ///
    /// # Errors
    /// When its sequence does not follow.
    pub fn replay_events(
        &mut self,
        seq: u64,
        at: Millis,
        events: &[Event],
    ) -> Result<(), Unreadable> {
        if seq != self.state.seq + 1 {
            return Err(Unreadable(format!("record {seq} does not follow {}", self.state.seq)));
        }
        (self.state.seq, self.state.at) = (seq, at);
        for event in events {
            self.evolve(event);
        }
        self.refresh();
        self.settle_pending();
        _ = self.changes(false);
        self.clear_touched();
        self.sweep_deadlines();
        self.vault.changes.clear();
        Ok(())
    }

    /// Ends the replay: derived tables are built. Vault rows are read through `personal`.
    pub fn ready(&mut self, personal: &mut dyn FnMut(PersonalKey) -> Option<String>) {
        self.read_vault(personal);
        self.rebuild();
    }

    /// Reads the vault rows of users and calls through `personal`: for one that follows a journal
    /// record by record.
    pub(crate) fn read_vault(&mut self, personal: &mut dyn FnMut(PersonalKey) -> Option<String>) {
        let users: Vec<PersonalKey> = self.state.agents.iter().map(|a| a.personal).collect();
        for key in users {
            self.vault.read_user(key, personal(key).as_deref());
        }
        for key in self.secret_rows() {
            self.vault.read_secret(key, personal(key));
        }
        let calls: Vec<PersonalKey> =
            self.state.calls.sorted().iter().filter_map(|(_, c)| c.personal).collect();
        let callers = self.state.last_agents.iter().map(|(key, _)| *key);
        let calls = calls.into_iter().chain(callers).collect::<Vec<_>>();
        for key in calls {
            self.vault.read_call(key, personal(key).as_deref());
        }
    }

    /// The sequence of the last record.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.state.seq
    }

    /// The state as bytes: equal states, equal bytes.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        serde_json::to_vec(&self.state).unwrap_or_default()
    }

    /// The board at this sequence.
    #[must_use]
    pub fn board(&self) -> BoardSeed {
        let state = &self.state;
        let live = self.derived.switch_calls.iter().flatten().filter_map(|id| state.call(*id));
        let mut calls: Vec<_> = live.map(|c| (c.changed, Arc::new(self.call_row(c)))).collect();
        calls.sort_unstable_by_key(|(_, row)| row.id);
        let ended = state.ended.iter().filter_map(|id| {
            let end = state.call(*id)?.end.as_ref()?;
            Some((end.seq, end.at, Removed::Call(*id)))
        });
        BoardSeed {
            seq: state.seq,
            at: state.at,
            queues: state
                .queues
                .iter()
                .filter(|q| !q.deleted && Some(q.ix) != state.direct_line)
                .map(|q| (q.changed, Arc::new(self.queue_row(q.ix))))
                .collect(),
            agents: state
                .agents
                .iter()
                .map(|a| (a.changed, Arc::new(self.agent_row(a.ix))))
                .collect(),
            calls,
            alerts: self.alert_rows(),
            removed: ended.collect(),
            // A deletion of a queue is rare and not remembered: resumes from before it start anew.
            removed_known_from: state
                .queues
                .iter()
                .filter(|q| q.deleted)
                .map(|q| q.version)
                .fold(state.forgotten_seq, u64::max),
        }
    }

    /// Unacknowledged commands of every switch, in order (what the outbox starts from).
    #[must_use]
    pub fn open_commands(&self) -> Vec<(Name, Command)> {
        let of_switch = |s: &state::SwitchState| {
            let id = s.id.clone();
            s.outbox
                .iter()
                .filter(|t| t.deadline >= self.state.at)
                .filter_map(|t| self.command(t))
                .map(|c| (id.clone(), c))
                .collect::<Vec<_>>()
        };
        self.state.switches.iter().filter(|s| !s.deleted).flat_map(of_switch).collect()
    }

    /// A switch's configuration.
    #[must_use]
    pub fn switch_config(&self, switch: &str) -> Option<Arc<Switch>> {
        let ix = self.derived.switches.get(switch)?;
        Some(self.state.switch(*ix).config.clone())
    }

    /// A command as it goes out: what state keeps, with names at the edge.
    fn command(&self, told: &Told) -> Option<Command> {
        let call = told.call.and_then(|id| self.state.call(id));
        let effect = match &told.what {
            Tell::Queue { position } => Effect::CallQueue { position: *position, ewt_ms: None },
            Tell::Hold => Effect::CallHold {},
            Tell::Resume => Effect::CallResume {},
            Tell::Transfer { to, kind } => Effect::CallTransfer { to: to.clone(), kind: *kind },
            Tell::Announce { position } => {
                Effect::CallAnnounce { position: *position, ewt_ms: None }
            }
            Tell::Ring { offer } => self.ring(call?, *offer)?,
            Tell::Cancel { offer, reason } => {
                Effect::OfferCancel { offer: *offer, reason: *reason }
            }
            Tell::Answer { offer } => Effect::OfferAnswer { offer: *offer },
            Tell::Connect { offer } => Effect::CallConnect {
                offer: *offer,
                agent: self.state.agent(call?.offer(*offer)?.agent).id.clone(),
            },
            Tell::Originate { offer } => self.originate(call?, *offer)?,
            Tell::Dial { agent, to, caller_id } => self.dialed(*agent, to, caller_id.as_ref()),
            Tell::Supervise { agent, mode } => self.supervises(*agent, *mode),
            Tell::Route { to, kind } => Effect::CallRoute { to: to.clone(), kind: *kind },
            Tell::End { reason } => Effect::CallEnd { reason: reason.clone() },
            Tell::Sync => Effect::SwitchSync {},
        };
        Some(Command {
            seq: told.seq,
            id: told.id,
            call: call.map(|c| c.subject.clone()).or_else(|| told.subject.clone()),
            call_id: told.call,
            time: told.at,
            deadline: told.deadline,
            effect,
        })
    }

    fn ring(&self, call: &state::Call, offer: OfferId) -> Option<Effect> {
        let made = call.offer(offer)?;
        let agent = self.state.agent(made.agent);
        let endpoint = self.vault.user(agent.personal).and_then(|v| v.endpoint.clone());
        Some(Effect::OfferRing {
            offer,
            round: made.round,
            agent: agent.id.clone(),
            endpoint: endpoint.unwrap_or_else(|| "".into()),
            ring_for_ms: made.ring_for_ms,
            callback: call.to_call_back().is_some(),
            why: made.why.clone(),
        })
    }

    /// Applies and keeps an event.
    fn emit(&mut self, event: Event) {
        self.evolve(&event);
        self.out.push(event);
    }

    fn clear_touched(&mut self) {
        let touched = &mut self.derived.touched;
        touched.settle.clear();
        touched.rights.clear();
        touched.judged.clear();
        touched.passes.clear();
        touched.next_due.clear();
        touched.count_due.clear();
        self.derived.told.clear();
        for key in std::mem::take(&mut self.derived.forgotten_personal) {
            self.vault.forget_call(key);
        }
    }

    /// Of a record: the parts of the story of one call, for `trace`. Personal values are read
    /// through `personal`, where they are still in the vault.
    ///
    /// # Errors
    /// When the body does not decode.
    pub fn trace_record(
        &self,
        seq: u64,
        at: Millis,
        body: &[u8],
        call: CallId,
        personal: &mut dyn FnMut(PersonalKey) -> Option<String>,
    ) -> Result<Vec<Value>, Unreadable> {
        feed::trace(self, seq, at, body, call, personal)
    }

    /// The public form of a record, for the feed: names at the edge, personal values filled in
    /// where they are still in the vault (`personal` reads rows that memory no longer holds).
    ///
    /// # Errors
    /// When the body does not decode.
    pub fn feed_record(
        &self,
        seq: u64,
        at: Millis,
        body: &[u8],
        personal: &mut dyn FnMut(PersonalKey) -> Option<String>,
    ) -> Result<Value, Unreadable> {
        feed::record(self, seq, at, body, personal)
    }

    /// Checks every invariant; the broken ones in words.
    #[must_use]
    pub fn invariants(&self) -> Vec<String> {
        invariants::broken(self)
    }
}

/// The events of record `seq`.
///
/// # Errors
/// When the body is not what [`encode`] of this or an older release wrote.
pub fn decode(seq: u64, body: &[u8]) -> Result<Vec<Event>, Unreadable> {
    serde_json::from_slice(body).map_err(|e| Unreadable(format!("record {seq}: {e}")))
}

/// What the record tells of who asked for it, in public form, with the vault's row of the address;
/// `None` when it tells nothing.
#[must_use]
pub fn asked(seq: u64, body: &[u8]) -> Option<(Value, Option<PersonalKey>)> {
    decode(seq, body).ok()?.into_iter().find_map(|event| match event {
        Event::Asked { by, user, key, address, action, subject, changed } => {
            let told = serde_json::json!({ "by": by, "user": user, "key": key, "action": action,
                "subject": subject, "changed": changed.iter().map(shown).collect::<Vec<_>>() });
            Some((told, address))
        }
        _ => None,
    })
}

fn shown(changed: &Changed) -> Value {
    serde_json::json!({ "field": changed.field, "before": changed.before, "after": changed.after })
}

/// The body of a record: its events as JSON.
#[must_use]
pub fn encode(events: &[Event]) -> Vec<u8> {
    // A common record fits, so that the text is not moved while it grows.
    compact::to_vec(events, 512).unwrap_or_default()
}
