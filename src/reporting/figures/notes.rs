//! What the fold tells of what it counts, in the order in which it counts: the history is written from
//! this, and from nothing else. Nobody is told until [`super::Figures::watch`].

use super::amount::Amounts;
use super::counts::Measure;
use super::doing::Doing;
use crate::domain::event::Outcome;
use crate::domain::ids::{AgentIx, CallId, Name, OfferId, QueueIx};
use crate::domain::media::Media;
use crate::domain::objects::queue::QueueKind;
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What is known of a call from its beginning; nothing personal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallFacts {
    /// Its id, which says when it arrived.
    pub id: CallId,
    /// Voice, chat, ….
    pub media: Media,
    /// The dialled number.
    pub number: Option<Name>,
    /// Skills that it asked for on its arrival, each once.
    pub skills: Vec<Name>,
    /// It is a callback.
    pub callback: bool,
    /// … in the place of this call; none of one made by hand.
    pub of: Option<CallId>,
}

/// A call, and what became of it.
#[derive(Clone, Debug)]
pub struct CallRow {
    /// What is known from the beginning.
    pub facts: Arc<CallFacts>,
    /// When it was over; `None`: it is not.
    pub ended_at: Option<Millis>,
    /// How.
    pub outcome: Option<Outcome>,
    /// The reason that was told.
    pub reason: Option<Name>,
}

/// A call's stay in a queue.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StayRow {
    /// Which call.
    pub call: Arc<CallFacts>,
    /// Counts the stays of a call, from 0.
    pub no: u32,
    /// Where.
    pub queue: QueueIx,
    /// Since when.
    pub entered_at: Millis,
    /// Answered, abandoned, exited or failed; `None`: it waits.
    pub end: Option<Measure>,
    /// How long it had waited then, ms.
    pub waited_ms: u64,
    /// It was given up sooner than the queue's `short_abandon_ms`.
    pub short: bool,
    /// It was answered, and transferred on.
    pub transferred: bool,
    /// Which exit it took.
    pub exit: Option<Name>,
    /// A callback's customer was on the line.
    pub reached: bool,
    /// A callback's attempts without the customer.
    pub missed: u32,
}

/// An offer.
#[derive(Clone, Debug)]
pub struct OfferRow {
    /// Which.
    pub id: OfferId,
    /// Of which call.
    pub call: Arc<CallFacts>,
    /// To whom.
    pub agent: AgentIx,
    /// In whose queue.
    pub queue: QueueIx,
    /// Since when.
    pub made_at: Millis,
    /// Accepted, missed, …; `None`: it is open.
    pub end: Option<Measure>,
    /// When; that of the making while it is open.
    pub ended_at: Millis,
    /// From its making to its answer, ms.
    pub answer_ms: u64,
}

/// An agent's part in a call that is over.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PartRow {
    /// Which call.
    pub call: Arc<CallFacts>,
    /// Counts the parts of a call, from 0.
    pub no: u32,
    /// Whose.
    pub agent: AgentIx,
    /// For which queue it counts.
    pub queue: Option<QueueIx>,
    /// Since when.
    pub began_at: Millis,
    /// Until when.
    pub ended_at: Millis,
    /// Time with the customer, ms.
    pub talk_ms: u64,
    /// Time on hold, ms.
    pub hold_ms: u64,
    /// After-call work.
    pub wrap_up: WrapUpRow,
    /// What the agent noted.
    pub disposition: Option<Name>,
}

/// After-call work of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WrapUpRow {
    /// There was none.
    None,
    /// It goes on.
    Open,
    /// It took so long, ms.
    Took(u64),
}

/// An own call of an agent, which no queue had.
#[derive(Clone, Debug)]
pub struct OwnRow {
    /// Whose.
    pub agent: AgentIx,
    /// Since when.
    pub began_at: Millis,
    /// Until when; `None`: it goes on.
    pub ended_at: Option<Millis>,
    /// The switch's name for it: of one instant there may be several.
    pub subject: Name,
    /// To a colleague.
    pub internal: bool,
}

/// Time that an agent spent in one state.
#[derive(Clone, Debug)]
pub struct Span {
    /// Who.
    pub agent: AgentIx,
    /// From when.
    pub from: Millis,
    /// Until when.
    pub until: Millis,
    /// What the agent did.
    pub doing: Doing,
    /// A break's reason.
    pub reason: Option<Name>,
}

/// What is counted at once of a call, an offer or a part.
pub type Counted = Amounts<4>;

/// To whom something counts; to the account in any case.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// The queue.
    pub queue: Option<QueueIx>,
    /// The agent, and the teams that the agent is in.
    pub agent: Option<AgentIx>,
    /// The call: its medium, its number, its skills. Only who takes notes asks for it.
    pub call: Option<Arc<CallFacts>>,
}

/// One thing that the fold did.
#[derive(Clone, Debug)]
pub enum Note {
    /// A queue or group is there, or is another than it was. Numbers come in their order.
    Queue(QueueIx, Name, QueueKind),
    /// An agent is there, or is in other teams than before. Numbers come in their order.
    Agent(AgentIx, Name, Vec<Name>),
    /// Whether an agent is a member of a queue from an instant on, and opted in; and whether it needs
    /// the status ready.
    Place {
        /// Which queue.
        queue: QueueIx,
        /// Who.
        agent: AgentIx,
        /// From when on.
        at: Millis,
        /// A member, and opted in.
        is_in: bool,
        /// The queue needs the status ready.
        ready: bool,
    },
    /// Something was counted, in the interval of an instant.
    Count(Scope, Millis, Counted),
    /// A wait ended after so many ms, of a call that entered at an instant.
    Waited(Scope, Millis, u64),
    /// A disposition was noted for a part.
    Disposed(PartRow),
    /// Time of an agent.
    Span(Span),
    /// A call is there, or is over.
    Call(CallRow),
    /// A stay, whenever it changes.
    Stay(StayRow),
    /// An offer, made and ended.
    Offer(OfferRow),
    /// A part that is over, and again when its after-call work is.
    Part(PartRow),
    /// An own call, begun and ended.
    Own(OwnRow),
}

/// Notes, while somebody takes them.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes {
    /// `None`: nobody does. Else from the record after this one on.
    pub after: Option<u64>,
    /// The record up to which agents' time was told to whoever takes them.
    pub settled: u64,
    pub is_on: bool,
    pub all: Vec<Note>,
}

impl Notes {
    /// A scope of a call.
    pub fn scope(
        &self,
        call: &Arc<CallFacts>,
        queue: Option<QueueIx>,
        agent: Option<AgentIx>,
    ) -> Scope {
        Scope { queue, agent, call: self.is_on.then(|| Arc::clone(call)) }
    }

    /// Notes it, if somebody takes notes.
    pub fn push(&mut self, note: impl FnOnce() -> Note) {
        if self.is_on {
            self.all.push(note());
        }
    }
}
