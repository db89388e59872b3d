//! Who are you: API keys, passwords, sessions, one-time links. Never: may you (that is the engine's,
//! and of keys themselves the node's registry's, decision).

pub mod key;
pub mod lately;
pub mod network;
pub mod password;
pub mod secret;
pub mod session;
pub mod throttle;

pub use key::{Identity, Key, KeyView};
pub use network::Network;
