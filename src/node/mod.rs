//! The pipeline and its life.
//!
//! ```text
//! Handle ─▶ gate ─▶ inbox ─▶ engine ─▶ journal ─▶ outbox ─▶ boards ─▶ dashboards
//!          bounded  stamps   decides   one sync   replies,
//!                                      per batch  commands
//! ```
//!
//! One direction only; nothing leaves before its record is durable. [`Node`] starts, recovers and
//! stops it; [`Handle`] is what everybody else holds.

pub mod clock;
pub mod registry;
pub mod secret_file;
pub mod telemetry;

mod agencies;
mod audit;
mod boards;
mod delivery;
mod doors;
mod feed;
mod gate;
mod handle;
mod hasher;
mod history;
mod hooks;
mod inbox;
mod keeper;
mod key_request;
mod line;
mod mailer;
mod open;
mod outbox;
mod persons;
mod pipeline;
mod recovery;
mod reports;
mod run;
mod scheduled;
mod shared;
mod shutdown;
mod signing;
mod snapshots;
mod stage;
mod start;
pub(crate) mod stepped;
mod streams;

#[cfg(test)]
mod tests;

pub use agencies::Command as AgencyCommand;
pub use audit::AuditFilter;
pub use gate::EventItem;
pub use handle::{Handle, Health, Taken};
pub use history::Fresh;
pub use persons::Wish;
pub use recovery::StartError;
pub use registry::{AccountInfo, KeyRequest};
pub use shutdown::{EXIT_JOURNAL, EXIT_SOFTWARE, Fatal, Life};
pub use signing::{FirstOwner, NewPassword, SignIn, SignedIn};
pub use start::{Node, Options, SessionTimes};
pub use streams::{CommandStream, DeskStream};
