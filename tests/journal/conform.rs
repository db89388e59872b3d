//! The suite of `journal::conformance`, for SQLite and for the twin in memory.

use crate::common::open;
use callboard::journal::conformance;
use callboard::journal::memory::Memory;

#[test]
fn sqlite_conforms() {
    for (name, case) in conformance::ALL {
        println!("{name}");
        let dir = tempfile::tempdir().expect("a folder");
        case(&mut || open(dir.path()).expect("opened"));
    }
}

#[test]
fn memory_conforms() {
    for (name, case) in conformance::ALL {
        println!("{name}");
        let control = Memory::new("memory").control();
        case(&mut || Box::new(control.crash()));
    }
}
