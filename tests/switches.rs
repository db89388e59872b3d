//! Real telephony: Kamailio is the switch, SIPp and phones of the tests' own are callers and agents,
//! Callboard decides.
//!
//! `CALLBOARD_PEERS=off` leaves these out where Kamailio and SIPp are not installed; without it
//! their absence is a failure. `tests/run` installs them.

mod support;
#[path = "switches"]
mod switches {
    mod announcements;
    mod basics;
    mod callers;
    mod conversations;
    mod crowds;
    mod hunts;
    pub mod kamailio;
    mod outages;
    mod phones;
    mod registrations;
    mod restarts;
    mod sip;
    mod sipp;
}

use switches::kamailio::{Lab, Setup, kamailio};

/// The number that leads to a laboratory's queue.
const NUMBER: &str = "+15559990000";

fn peers() -> bool {
    support::peers(&[kamailio(), "sipp"])
}

/// A laboratory; none when these tests are left out.
fn lab() -> Option<Lab> {
    lab_with(Setup::default())
}

/// [`lab`] with a Kamailio that is set up so.
fn lab_with(setup: Setup) -> Option<Lab> {
    peers().then(|| Lab::start_with(setup))
}
