//! The vocabulary: plain data, parsing and formulas. No I/O, no clock, no dice.

pub mod ids;
pub mod presence;
pub mod rows;
pub mod time;
