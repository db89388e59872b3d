//! Callboard: a real-time call router (ACD). The modules, in layer order: see `ARCHITECTURE.md`.
#![forbid(unsafe_code)]

pub mod console;
pub mod domain;
pub mod engine;
pub mod sim;
