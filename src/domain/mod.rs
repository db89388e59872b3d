//! The vocabulary: plain data, parsing and formulas. No I/O, no clock, no dice.

pub mod time;
