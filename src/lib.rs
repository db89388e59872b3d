//! Callboard: a real-time call router (ACD). The modules, in layer order: see `ARCHITECTURE.md`.
#![forbid(unsafe_code)]

pub mod access;
pub mod domain;
pub mod engine;
pub mod journal;
pub mod live;
pub mod node;
pub mod reporting;
pub mod switch;
