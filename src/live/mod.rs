//! Dashboards: who watches what, and what each is sent.
//!
//! The [`hub::Hub`] is a plain struct that lives with the boards in a stage of the node: it is told
//! of each record, and of the time, and hands [`frame::Frame`]s to [`slot::Slot`]s, one per
//! connection. A [`socket`] or [`sse`] task takes them from there. Nothing here decides what a
//! viewer may see: that arrives as a [`view::Scope`].

pub mod figures;
pub mod frame;
pub mod handle;
pub mod hub;
pub mod slot;
pub mod socket;
pub mod sse;
pub mod view;
pub mod wire;

mod floor;
mod group;

pub use handle::{HubHandle, HubMessage, Viewer, channel};
pub use hub::Hub;
pub use view::{AgentFilter, Filter, Scope, View};
