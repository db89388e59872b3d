//! TLS by rustls and ring: the server's certificate and how it is renewed, whom clients trust, and
//! streams that may be plain or not.

mod blocking;
mod identity;
mod stream;
mod trust;
mod validity;

pub use blocking::{Connection, Target};
pub use identity::Identity;
pub use stream::Stream;
pub use trust::{Trust, nobody, untrusted};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is wrong with a certificate, a key or a list of authorities.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error("{}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's words.
        why: io::Error,
    },
    /// It holds something else.
    #[error("{}: {why}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is missing or cannot be read.
        why: String,
    },
    /// The certificate and the key are no pair, or rustls does not take them.
    #[error("{} and {} cannot be used together: {why}", cert.display(), key.display())]
    Pair {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        why: rustls::Error,
    },
    /// Nobody is trusted.
    #[error(
        "this system has no list of certificate authorities ({0}): install ca-certificates, or \
         name a file with the authority's certificate"
    )]
    NoRoots(String),
    /// rustls refuses the settings.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// The cryptography, named rather than taken from a process-wide default.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A host as it stands in an address, as a certificate names it.
fn server_name(host: &str) -> io::Result<ServerName<'static>> {
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    ServerName::try_from(bare).map_err(|e| io::Error::other(format!("{host:?}: {e}")))
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|why| Error::File { path: path.to_owned(), why })
}

/// The certificates of a PEM file, at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let wrong = |why: String| Error::Content { path: path.to_owned(), why };
    let bytes = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let found = found.map_err(|e| wrong(format!("is no PEM: {e}")))?;
    if found.is_empty() {
        return Err(wrong("holds no certificate in PEM".to_owned()));
    }
    Ok(found)
}
