//! What administrators configure: the shapes of `protocol.md`, with their defaults.
//!
//! Each object is one plain struct. `parse` reads a whole JSON body and reports every wrong field
//! at once; `to_json` writes all fields, the defaults included, so that an answer shows them, and
//! `parse(to_json(x)) == x`, so that a merge patch can be laid over it. (`Serialize` is the
//! journal's form, not the wire's.)

pub mod account;
pub mod alert_rule;
#[cfg(test)]
mod bodies;
pub mod break_reason;
pub mod calendar;
pub mod callback;
pub mod direct;
pub mod disposition;
pub mod group;
pub mod hook;
pub mod needs;
pub mod plan;
pub mod profile;
pub mod queue;
mod queue_json;
pub mod report;
pub mod role;
#[cfg(test)]
mod round_trip;
pub mod saved_view;
pub mod strategy;
mod strategy_json;
pub mod switch;
pub mod team;
pub mod user;

pub use account::Account;
pub use alert_rule::AlertRule;
pub use break_reason::BreakReason;
pub use calendar::Calendar;
pub use callback::CallbackPlan;
pub use direct::Direct;
pub use disposition::Disposition;
pub use group::{GroupDefaults, GroupSettings};
pub use hook::Hook;
pub use needs::{Preferred, SkillNeed, SkipIf, Step};
pub use plan::Plan;
pub use profile::{Contact, Setting};
pub use queue::{Exits, Member, Queue, QueueKind, Route, Target};
pub use report::Report;
pub use role::{AccessGroup, RoleBody};
pub use saved_view::SavedView;
pub use strategy_json::forget_preset;
pub use switch::{Capabilities, Switch, Webhook};
pub use team::{Team, TeamMember};
pub use user::{Skill, User};
