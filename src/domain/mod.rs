//! The vocabulary: plain data, parsing and formulas. No I/O, no clock, no dice.

pub mod bulk;
pub mod cloud_events;
pub mod compact;
pub mod document;
pub mod event;
pub mod fields;
pub mod figures;
pub mod formulas;
pub mod ids;
pub mod import;
pub mod input;
pub mod json;
pub mod media;
pub mod objects;
pub mod pointer;
pub mod presence;
pub mod problem;
pub mod rights;
pub mod rows;
pub mod signing;
pub mod spelling;
pub mod switching;
pub mod table;
pub mod time;
pub mod why;
