//! The command line.
#![forbid(unsafe_code)]
#![warn(clippy::disallowed_methods, clippy::iter_over_hash_type, clippy::unwrap_used)]

fn main() {}
