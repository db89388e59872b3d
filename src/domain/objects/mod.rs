//! What administrators configure: the shapes of `protocol.md`, with their defaults.
//!
//! Each object is one plain struct. `parse` reads a whole JSON body and reports every wrong field
//! at once; `Serialize` writes all fields, the defaults included, so that an answer shows them.

pub mod account;
pub mod needs;
pub mod queue;
pub mod switch;
pub mod user;

pub use account::Account;
pub use needs::{SkillNeed, Step};
pub use queue::{Exits, Member, Queue, QueueKind, Route, Target};
pub use switch::{Capabilities, Switch, Webhook};
pub use user::{Skill, User};
