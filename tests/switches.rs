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

use switches::kamailio::{Lab, Setup, assert_installed};

/// The number that leads to a laboratory's queue.
const NUMBER: &str = "+15559990000";

/// Whether to run. Says so when not, and fails when it should but cannot.
fn peers() -> bool {
    if std::env::var("CALLBOARD_PEERS").is_ok_and(|value| value == "off") {
        eprintln!("not run: Kamailio and SIPp are left out (CALLBOARD_PEERS=off)");
        return false;
    }
    assert_installed();
    true
}

/// A laboratory; none when these tests are left out.
fn lab() -> Option<Lab> {
    lab_with(Setup::default())
}

/// [`lab`] with a Kamailio that is set up so.
fn lab_with(setup: Setup) -> Option<Lab> {
    peers().then(|| Lab::start_with(setup))
}
