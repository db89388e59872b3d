//! Callboard: a real-time call router (ACD). The modules, in layer order: see `ARCHITECTURE.md`.
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![warn(clippy::disallowed_methods, clippy::iter_over_hash_type, clippy::unwrap_used)]

/// A record is decided in a few microseconds and makes some dozen small allocations, and its answer
/// is freed on another thread: the system's allocator took a third of that time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub mod access;
pub mod api;
pub mod cli;
pub mod config;
pub mod console;
pub mod domain;
pub mod engine;
pub mod journal;
pub mod live;
pub mod mail;
pub mod node;
pub mod reporting;
pub mod routing;
pub mod sim;
pub mod switch;
pub mod tls;
