//! What must hold for any bytes that reach the program from outside, or from its own disk. Each body
//! takes bytes, must not panic, and asserts what "read" and "refused" mean there.
//!
//! `tests/fuzz.rs` runs them over the committed corpus (`tests/corpus`), over mutations of it and
//! over random bytes; `fuzz/` hands them to cargo-fuzz.

mod configuration;
mod events;
mod frames;
mod records;

pub use configuration::configuration;
pub use events::events;
pub use frames::{link, live};
pub use records::records;

/// A body: any bytes may come.
pub type Body = fn(&[u8]);

/// Each body with the name of its folder in the corpus.
pub const BODIES: &[(&str, Body)] = &[
    ("configuration", configuration),
    ("events", events),
    ("link", link),
    ("live", live),
    ("records", records),
];
