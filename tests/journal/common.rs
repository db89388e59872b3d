//! What the tests of the journal share.

use callboard::journal::sqlite::{Options, Sqlite};
use callboard::journal::{Error, Journal};
use std::path::Path;

/// Opens the journal in `dir` as the server does.
pub fn open(dir: &Path) -> Result<Box<dyn Journal>, Error> {
    open_with(dir, &Options::default())
}

/// Opens it with options.
pub fn open_with(dir: &Path, options: &Options) -> Result<Box<dyn Journal>, Error> {
    Sqlite::open(dir, options).map(|journal| Box::new(journal) as Box<dyn Journal>)
}

/// Copies the files of a folder as they are: what `kill -9` would leave.
pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for file in std::fs::read_dir(from).expect("listed") {
        let path = file.expect("a file").path();
        // Shared memory is rebuilt, and the reserve is only room.
        let name = path.file_name().expect("a name").to_owned();
        if !name.to_string_lossy().ends_with("-shm") && name != "lock" {
            std::fs::copy(&path, to.join(name)).expect("copied");
        }
    }
}
