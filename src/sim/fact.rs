//! What can be observed of a decision: the same words for the model and the engine, so that two
//! runs can be compared line by line.

use crate::domain::event::{Cause, OfferFailure, Outcome, Withdrawn};
use crate::domain::objects::Target;
use crate::domain::objects::queue::Exit;
use crate::domain::presence::Status;
use std::fmt;

/// One observable happening; names are those of the scenario language.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // the fields are the names that the language uses
pub enum Fact {
    /// A call waits in a queue from now on.
    Queued { call: String, queue: String },
    /// An agent is rung.
    Ring { call: String, agent: String, ring_for_ms: u64, over: bool },
    /// It rang out.
    Missed { call: String, agent: String },
    /// The agent refused.
    Refused { call: String, agent: String },
    /// Busy, unreachable or an error.
    Failed { call: String, agent: String, reason: OfferFailure },
    /// Taken back.
    Withdrawn { call: String, agent: String, reason: Withdrawn },
    /// An agent has the call.
    Answered { call: String, agent: String, over: bool },
    /// A late or second answer is stopped at the switch.
    Stopped { call: String, agent: String },
    /// The call left its queue by an exit.
    Exited { call: String, exit: Exit, to: String },
    /// The caller hung up before an agent had the call.
    Abandoned { call: String },
    /// The call is over.
    Ended { call: String, outcome: Outcome },
    /// An agent's status changed.
    Status { agent: String, status: Status, cause: Cause },
    /// A supervisor changed it.
    Forced { agent: String, status: Status },
    /// After-call work begins, of a length in milliseconds.
    WrapUp { agent: String, call: String, for_ms: u64 },
    /// … ends.
    WrapUpEnded { agent: String, call: String },
    /// No queue or group offers for so many milliseconds.
    Delayed { agent: String, for_ms: u64 },
    /// A switch is silent or not reached.
    Suspected { switch: String },
    /// The caller is told the place.
    Announced { call: String, position: usize },
    /// A callback waits.
    Callback { call: String, queue: String },
    /// Its customer is dialled.
    Dialed { call: String },
    /// … is on the line.
    Reached { call: String },
    /// … was not reached.
    Unreached { call: String },
    /// A command was refused; nothing changed.
    No,
    /// An event was not accepted: duplicate, ignored or rejected.
    NotTaken { why: &'static str },
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fact::Queued { call, queue } => write!(f, "queued {call} {queue}"),
            Fact::Ring { call, agent, ring_for_ms, over } => {
                let over = if *over { " over" } else { "" };
                write!(f, "ring {call} {agent} for {ring_for_ms}{over}")
            }
            Fact::Missed { call, agent } => write!(f, "missed {call} {agent}"),
            Fact::Refused { call, agent } => write!(f, "refused {call} {agent}"),
            Fact::Failed { call, agent, reason } => write!(f, "failed {call} {agent} {reason}"),
            Fact::Withdrawn { call, agent, reason } => {
                write!(f, "withdrawn {call} {agent} {reason}")
            }
            Fact::Answered { call, agent, over } => {
                write!(f, "answered {call} {agent}{}", if *over { " over" } else { "" })
            }
            Fact::Stopped { call, agent } => write!(f, "stopped {call} {agent}"),
            Fact::Exited { call, exit, to } => write!(f, "exited {call} {exit} to {to}"),
            Fact::Abandoned { call } => write!(f, "abandoned {call}"),
            Fact::Ended { call, outcome } => write!(f, "ended {call} {outcome}"),
            Fact::Status { agent, status, cause } => write!(f, "status {agent} {status} {cause}"),
            Fact::Forced { agent, status } => write!(f, "forced {agent} {status}"),
            Fact::WrapUp { agent, call, for_ms } => {
                write!(f, "wrap_up {agent} {call} for {for_ms}")
            }
            Fact::WrapUpEnded { agent, call } => write!(f, "wrap_up_ended {agent} {call}"),
            Fact::Delayed { agent, for_ms } => write!(f, "delayed {agent} for {for_ms}"),
            Fact::Announced { call, position } => write!(f, "announced {call} {position}"),
            Fact::Callback { call, queue } => write!(f, "callback {call} {queue}"),
            Fact::Dialed { call } => write!(f, "dialed {call}"),
            Fact::Reached { call } => write!(f, "reached {call}"),
            Fact::Unreached { call } => write!(f, "unreached {call}"),
            Fact::Suspected { switch } => write!(f, "suspected {switch}"),
            Fact::No => f.write_str("no"),
            Fact::NotTaken { why } => f.write_str(why),
        }
    }
}

/// The text of an exit's target, as facts show it.
#[must_use]
pub fn target_text(target: &Target) -> String {
    match target {
        Target::Queue(id) => format!("queue {id}"),
        Target::Group(id) => format!("group {id}"),
        Target::Number(number) => format!("number {number}"),
        Target::Agent(user) => format!("agent {}", user.trim_start_matches("usr_")),
        Target::Voicemail(mailbox) => format!("voicemail {mailbox}"),
        Target::Callback(_) => "callback".to_owned(),
        Target::End(_) => "end".to_owned(),
    }
}
