//! `callboard::sim::fuzz::link` for any bytes.
#![no_main]

use callboard::sim::fuzz::link;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| link(bytes));
