//! The seeded world: people and switches that use the public interface, for the demo, for tests and
//! for planning.

pub mod board;
pub mod client;
pub mod demo;
pub mod floor;
pub mod watch;
