//! One adapter per switch: wire ⇄ events and commands.

pub mod webhook;
pub mod wire;
