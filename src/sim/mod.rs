//! The seeded world, for tests, for the demo and for planning.
//!
//! For tests of the engine: `model` is a naive ACD written straight from `docs/routing.md` and the
//! design behind it: the specification in code. `step` reads one line of the scenario language;
//! `scenario` runs a text against the model or the engine; `driver` is the engine's side of that;
//! `history` makes random texts; `compare` runs one against both; `fact` and `view` are what
//! is compared. `world` is the whole node among switches, desks and dashboards that fail.
//!
//! For people: `client` speaks the public interface, `floor` are agents, callers and a switch that
//! use it, `demo` is a server with such a floor around it, `watch` and `board` show a live board in
//! a terminal. `fuzz` says what must hold for any bytes. `load` is a floor of thousands, played by one task, that measures and checks.

pub mod board;
pub mod client;
pub mod compare;
pub mod configure;
pub mod demo;
pub mod driver;
pub mod fact;
pub mod floor;
pub mod fuzz;
pub mod history;
pub mod load;
pub mod model;
pub mod scenario;
pub mod step;
pub mod view;
pub mod watch;
pub mod world;
