//! What is true at a switch, whatever the node believes: which calls live, which phones ring and
//! who talks.

use crate::domain::ids::{CommandId, Name, OfferId};
use crate::domain::switching::{Command, SyncCall, SyncState};
use crate::domain::time::Millis;
use std::collections::BTreeMap;

/// A leg to an agent's phone.
#[derive(Clone, Debug)]
pub(super) struct Leg {
    pub agent: Name,
    pub is_chat: bool,
    /// The command that made it.
    pub by: CommandId,
    /// When that was decided, and until when it may ring.
    pub decided_at: Millis,
    pub until: Millis,
    pub round: u32,
    pub stage: Stage,
    /// The event that told of the answer.
    pub told: Option<String>,
}

/// How far a leg is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Rings,
    /// Picked up, and not joined to the caller.
    Waits,
    Talks,
}

/// A call.
#[derive(Clone, Debug, Default)]
pub(super) struct Call {
    /// A chat; else a voice call.
    pub is_chat: bool,
    /// Events told of it.
    pub sequence: u64,
    pub legs: BTreeMap<OfferId, Leg>,
    pub held: bool,
    /// Nobody is there but agents: the customer is yet to be dialled.
    pub calls_back: bool,
}

impl Call {
    /// Whether the caller talks to somebody.
    pub fn talks(&self) -> bool {
        self.legs.values().any(|leg| leg.stage == Stage::Talks)
    }

    /// The leg that was picked up.
    fn answered(&self) -> Option<OfferId> {
        let picked = self.legs.iter().find(|(_, leg)| leg.stage != Stage::Rings);
        picked.map(|(offer, _)| *offer)
    }
}

/// The calls of a switch.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    pub calls: BTreeMap<Name, Call>,
    /// Of callbacks that are between two attempts: the events told of them so far.
    told: BTreeMap<Name, u64>,
}

impl Exchange {
    /// The call that has a leg.
    pub fn call_of(&self, offer: OfferId) -> Option<Name> {
        let has = self.calls.iter().find(|(_, call)| call.legs.contains_key(&offer));
        has.map(|(name, _)| name.clone())
    }

    /// An attempt to call back begins: the events of all of them are counted on.
    pub fn begin_attempt(&mut self, name: &Name) {
        let sequence = self.told.remove(name).unwrap_or_default();
        let call = Call { sequence, calls_back: true, ..Call::default() };
        self.calls.entry(name.clone()).or_insert(call);
    }

    /// … is over.
    pub fn end_attempt(&mut self, name: &Name) {
        if let Some(call) = self.calls.remove(name) {
            self.told.insert(name.clone(), call.sequence);
        }
    }

    /// A leg.
    pub fn leg(&mut self, offer: OfferId) -> Option<&mut Leg> {
        self.calls.values_mut().find_map(|call| call.legs.get_mut(&offer))
    }

    /// A leg is gone; with the last one the attempt to call back.
    pub fn drop_leg(&mut self, offer: OfferId) -> Option<Leg> {
        let of = self.call_of(offer)?;
        let leg = self.calls.get_mut(&of)?.legs.remove(&offer);
        self.end_if_empty(&of);
        leg
    }

    /// An attempt without a leg is none.
    pub fn end_if_empty(&mut self, name: &Name) {
        if self.calls.get(name).is_some_and(|call| call.calls_back && call.legs.is_empty()) {
            self.end_attempt(name);
        }
    }

    /// The number of the next event about a call; none where it never was here.
    pub fn next_event(&mut self, name: &str) -> Option<u64> {
        let call = self.calls.get_mut(name).map(|call| &mut call.sequence);
        let sequence = call.or_else(|| self.told.get_mut(name))?;
        *sequence += 1;
        Some(*sequence)
    }

    /// The legs to an agent's phone, with the names of their calls.
    pub fn legs_to<'a>(
        &'a self,
        agent: &'a Name,
    ) -> impl Iterator<Item = (&'a Name, OfferId, &'a Leg)> {
        let each = |(name, call): (&'a Name, &'a Call)| {
            call.legs.iter().map(move |(offer, leg)| (name, *offer, leg))
        };
        self.calls.iter().flat_map(each).filter(move |(.., leg)| leg.agent == *agent)
    }

    /// Begins to ring.
    pub fn ring(&mut self, call: &str, offer: OfferId, agent: &Name, round: u32, by: &Command) {
        let Some(call) = self.calls.get_mut(call) else { return };
        let leg = Leg {
            agent: agent.clone(),
            is_chat: call.is_chat,
            by: by.id,
            decided_at: by.time,
            until: by.deadline,
            round,
            stage: Stage::Rings,
            told: None,
        };
        call.legs.entry(offer).or_insert(leg);
    }

    /// All live calls, as `switch.sync` tells them.
    pub fn sync(&self) -> Vec<SyncCall> {
        let tell = |(name, call): (&Name, &Call)| {
            let ringing = call.legs.keys().next().copied();
            let state = match (call.talks(), ringing) {
                (true, _) => SyncState::Connected,
                (false, Some(_)) => SyncState::Offered,
                (false, None) => SyncState::Waiting,
            };
            SyncCall { call: name.to_string(), state, offer: call.answered().or(ringing) }
        };
        self.calls.iter().map(tell).collect()
    }
}
