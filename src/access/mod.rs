//! Who are you: API keys. Never: may you (that is the engine's, and of keys themselves the node's
//! registry's, decision).

pub mod key;
pub mod network;
pub mod secret;

pub use key::{Identity, Key, KeyView};
pub use network::Network;
