//! Switches and what they can do.

use crate::domain::media::Media;
use crate::domain::presence::words;
use serde::{Deserialize, Serialize};

words!(
    /// Who joins two parties.
    Connects {
        /// Nothing is joined before `call.connect`.
        Engine => "engine",
        /// The first answer is a conversation: an answer is a fact.
        Switch => "switch",
    }
);

/// A switch; `PUT …/switches/{switch}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Switch {
    /// Shown to people; 1–100 characters.
    pub name: String,
    /// Where commands are posted; null = they are fetched or linked.
    pub webhook: Option<Webhook>,
    /// What it can do.
    pub capabilities: Capabilities,
}

/// A switch's webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Webhook {
    /// `http://…`.
    pub url: String,
    /// Value of the `Authorization` header; never shown again.
    pub authorization: Option<String>,
    /// Standard Webhooks secret (`whsec_…`); never shown again.
    pub secret: Option<String>,
}

/// What a switch can do; the engine plans within it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Capabilities {
    /// Who joins two parties; default engine.
    pub connects: Connects,
    /// Ends the ring after `ring_for_ms` itself; default true.
    pub times_ring: bool,
    /// Can ring one more while others ring; default true.
    pub adds_leg: bool,
    /// Can stop one of several that ring; default true.
    pub cancels_one_leg: bool,
    /// Offers of one call at most; null (default) = no limit.
    pub offers_per_call: Option<u32>,
    /// Can answer for the agent (click to answer); default true.
    pub answers_for_agent: bool,
    /// Media it carries; empty (default) = all.
    pub media: Vec<Media>,
    /// Can hold and resume; default true.
    pub hold: bool,
    /// Can transfer; default true.
    pub transfer: bool,
    /// Can announce; default true.
    pub announce: bool,
    /// Can dial out; default true.
    pub originate: bool,
    /// Can monitor, whisper, barge; default true.
    pub supervise: bool,
}

impl Default for Capabilities {
    fn default() -> Self {
        Capabilities {
            connects: Connects::Engine,
            times_ring: true,
            adds_leg: true,
            cancels_one_leg: true,
            offers_per_call: None,
            answers_for_agent: true,
            media: Vec::new(),
            hold: true,
            transfer: true,
            announce: true,
            originate: true,
            supervise: true,
        }
    }
}
