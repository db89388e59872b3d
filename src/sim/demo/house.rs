//! Where the demo's server lives: a data folder and a port.

use std::net::Ipv4Addr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use tokio::net::TcpListener;

/// The port that is tried first, and how many after it.
const PORTS: std::ops::Range<u16> = 8080..8180;

/// A data folder; a temporary one goes with this value.
#[derive(Debug)]
pub struct House {
    data: PathBuf,
    temporary: bool,
}

impl House {
    /// In `data`, or in a fresh temporary folder that only this user may read.
    ///
    /// # Errors
    /// In words, when no folder can be made.
    pub fn new(data: Option<PathBuf>) -> Result<House, String> {
        if let Some(data) = data {
            return Ok(House { data, temporary: false });
        }
        let base = std::env::temp_dir();
        for number in 0..100 {
            let data = base.join(format!("callboard-demo-{}-{number}", std::process::id()));
            match std::fs::DirBuilder::new().mode(0o700).create(&data) {
                Ok(()) => return Ok(House { data, temporary: true }),
                // Left over from a process that had this number before.
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(format!("{}: {e}", data.display())),
            }
        }
        Err(format!("{}: no free name for a folder", base.display()))
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if self.temporary {
            // What cannot be removed now is the system's to clear.
            let _ = std::fs::remove_dir_all(&self.data);
        }
    }
}

/// Port 8080 of the loopback, or the next free one.
///
/// # Errors
/// In words, when a hundred are taken.
pub async fn listen() -> Result<TcpListener, String> {
    for port in PORTS {
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            return Ok(listener);
        }
    }
    Err(format!("no free port from {} to {}", PORTS.start, PORTS.end - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_folder_goes_and_a_given_one_stays() {
        let (one, two) = (House::new(None).unwrap(), House::new(None).unwrap());
        let (first, second) = (one.data().to_owned(), two.data().to_owned());
        assert!(first != second && first.is_dir() && second.is_dir());
        drop(House::new(Some(first.clone())).unwrap());
        assert!(first.is_dir());
        drop((one, two));
        assert!(!first.exists() && !second.exists());
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_passed_over() {
        let (one, two) = (listen().await.unwrap(), listen().await.unwrap());
        assert_ne!(one.local_addr().unwrap().port(), two.local_addr().unwrap().port());
    }
}
