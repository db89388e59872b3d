//! `callboard::sim::fuzz::records` for any bytes.
#![no_main]

use callboard::sim::fuzz::records;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| records(bytes));
