//! Secrets that a node leaves in its data folder, for who runs it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Writes a line that only its owner may read, from its first byte on (mode 0600); an older file of the
/// name is replaced.
///
/// # Errors
/// When the folder cannot be written.
pub fn write(path: &Path, secret: &str) -> io::Result<()> {
    remove(path)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{secret}")?;
    file.sync_all()
}

/// Removes it, if it is there.
///
/// # Errors
/// When the folder cannot be written.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
