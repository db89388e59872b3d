//! `callboard::sim::fuzz::configuration` for any bytes.
#![no_main]

use callboard::sim::fuzz::configuration;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| configuration(bytes));
