//! The shapes of the wire that no struct of the domain has: what the OpenAPI document says of
//! bodies that are read field by field, and of answers that the engine writes as JSON.
//!
//! These types only describe; nothing is ever made of them.
#![allow(dead_code, reason = "they describe, for the OpenAPI document")]

mod answers;
mod bodies;

pub use answers::*;
pub use bodies::*;
