//! Folds over records: what boards and reports show. No decisions, and no clock: times come with
//! the records.

pub mod board;
pub mod figures;
pub mod files;
pub mod history;
mod table;
mod trail;
