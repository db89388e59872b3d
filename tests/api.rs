//! The public HTTP surface of the real binary, over real sockets: bad input for every endpoint, and
//! what good input answers.

#[path = "tls/certs.rs"]
#[allow(dead_code, reason = "the tests of TLS use more of it")]
mod certs;
mod support;

#[path = "api/accounts.rs"]
mod accounts;
#[path = "api/agencies.rs"]
mod agencies;
#[path = "api/alerts.rs"]
mod alerts;
#[path = "api/asyncapi.rs"]
mod asyncapi;
#[path = "api/at_desk.rs"]
mod at_desk;
#[path = "api/audit.rs"]
mod audit;
#[path = "api/bad_input.rs"]
mod bad_input;
#[path = "api/bulk.rs"]
mod bulk;
#[path = "api/by_hand.rs"]
mod by_hand;
#[path = "api/callbacks.rs"]
mod callbacks;
#[path = "api/configuration.rs"]
mod configuration;
#[path = "api/dial.rs"]
mod dial;
#[path = "api/figures.rs"]
mod figures;
#[path = "api/flows.rs"]
mod flows;
#[path = "api/groups.rs"]
mod groups;
#[path = "api/history.rs"]
mod history;
#[path = "api/hooks.rs"]
mod hooks;
#[path = "api/imports.rs"]
mod imports;
#[path = "api/invites.rs"]
mod invites;
#[path = "api/mail.rs"]
mod mail;
#[path = "api/people.rs"]
mod people;
#[path = "api/rights.rs"]
mod rights;
#[path = "api/shapes.rs"]
mod shapes;
#[path = "api/signing.rs"]
mod signing;
#[path = "api/sockets.rs"]
mod sockets;
#[path = "api/supervise.rs"]
mod supervise;
#[path = "api/teams.rs"]
mod teams;
#[path = "api/views.rs"]
mod views;
