//! The world for tests: the reference model, random histories, and the scenario language that both
//! are written in.
//!
//! `model` is a naive ACD written straight from `engine.md`: the specification in code. `step`
//! reads one line of the scenario language; `scenario` runs a text against the model or the engine;
//! `driver` is the engine's side of that; `history` makes random texts; `compare` runs one
//! against both; `fact` and `view` are what is compared.

pub mod compare;
pub mod driver;
pub mod fact;
pub mod history;
pub mod model;
pub mod scenario;
pub mod step;
pub mod view;
