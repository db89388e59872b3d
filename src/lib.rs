//! Callboard: a real-time call router (ACD). The modules, in layer order: see `ARCHITECTURE.md`.
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![warn(clippy::disallowed_methods, clippy::iter_over_hash_type, clippy::unwrap_used)]

pub mod access;
pub mod api;
pub mod config;
pub mod console;
pub mod domain;
pub mod engine;
pub mod journal;
pub mod live;
pub mod node;
pub mod reporting;
pub mod routing;
pub mod sim;
pub mod switch;
