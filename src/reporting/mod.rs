//! Folds over records: what boards and reports show. No decisions, and no clock: times come with
//! the records.

pub mod board;
mod table;
mod trail;
