//! What events are told with: causes, outcomes, ends.

use crate::domain::ids::Name;
use crate::domain::presence::{Status, words};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A field that somebody changed. Of personal, secret and long values nothing is said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    /// Its name.
    pub field: Name,
    /// Before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// After.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// Left out of records when it says nothing.
pub fn is_zero<T: Default + PartialEq>(number: &T) -> bool {
    *number == T::default()
}

words!(
    /// Why an alert is over.
    AlertEnd {
        /// The figure is right again.
        Cleared => "cleared",
        /// The rule was changed, switched off or deleted.
        Rule => "rule",
        /// Whose figure it was is gone, or the figure has no value any more.
        Gone => "gone",
    }
);

words!(
    /// Why a status changed.
    Cause {
        /// The agent.
        Own => "own",
        /// The chosen next status came into force.
        Next => "next",
        /// Too many misses.
        Missed => "missed",
        /// A lease or its grace ran out.
        LeaseLapsed => "lease_lapsed",
        /// Nothing heard for `max_unleased_ms`.
        Unleased => "unleased",
        /// Deactivated, blocked or the assignment withdrawn.
        Directory => "directory",
        /// A telephone user was created.
        Created => "created",
    }
);

words!(
    /// How an offer failed.
    OfferFailure {
        /// Phone busy.
        Busy => "busy",
        /// Phone not reached.
        Unreachable => "unreachable",
        /// Something else.
        Error => "error",
    }
);

words!(
    /// Why an offer was taken back.
    Withdrawn {
        /// Another agent was first.
        AnsweredElsewhere => "answered_elsewhere",
        /// The caller left.
        Abandoned => "abandoned",
        /// The call ended otherwise.
        Ended => "ended",
        /// An exit was taken, or `total` cut the ring.
        Exit => "exit",
        /// The agent changed status.
        Status => "status",
        /// A supervisor did.
        Forced => "forced",
        /// The agent left the queue's calls.
        OptedOut => "opted_out",
        /// The configuration changed.
        Configuration => "configuration",
        /// The desk where it could be answered is gone.
        Lease => "lease",
        /// Cancelled with its round.
        Round => "round",
        /// The call moved to another queue.
        Moved => "moved",
    }
);

words!(
    /// How a call ended.
    Outcome {
        /// An agent had it.
        Answered => "answered",
        /// The caller left first.
        Abandoned => "abandoned",
        /// By an exit.
        Exited => "exited",
        /// Went elsewhere from an agent.
        Transferred => "transferred",
        /// It could not be served.
        Failed => "failed",
    }
);

/// A status chosen for after the present work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Next {
    /// The status.
    pub status: Status,
    /// A break's reason, or a rule's.
    pub reason: Option<Name>,
    /// The supervisor who forces it.
    pub forced_by: Option<Name>,
    /// Why.
    pub cause: Cause,
}
