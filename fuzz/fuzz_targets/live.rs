//! `callboard::sim::fuzz::live` for any bytes.
#![no_main]

use callboard::sim::fuzz::live;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| live(bytes));
