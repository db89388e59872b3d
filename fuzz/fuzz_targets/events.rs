//! `callboard::sim::fuzz::events` for any bytes.
#![no_main]

use callboard::sim::fuzz::events;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| events(bytes));
