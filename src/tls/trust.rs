//! Whom a client trusts: the system's certificate authorities, and those of a file.
//!
//! The system's list and not one that is built in: it follows the system's updates, holds what the
//! administrator added to it, and an old binary does not trust what was withdrawn long ago.

use super::{Error, Stream, certificates, provider, server_name};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use std::error::Error as StdError;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Whom a client trusts. Clones share what was read.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    own: Arc<[CertificateDer<'static>]>,
    config: Arc<OnceLock<Arc<ClientConfig>>>,
}

impl Trust {
    /// The system's authorities.
    #[must_use]
    pub fn system() -> Trust {
        Trust::default()
    }

    /// The system's authorities, and those whose certificates stand in `file` (PEM), if one is
    /// named.
    ///
    /// # Errors
    /// When the file cannot be read or holds no certificate of an authority.
    pub fn with_file(file: Option<&Path>) -> Result<Trust, Error> {
        let Some(path) = file else { return Ok(Trust::system()) };
        let own = certificates(path)?;
        let mut store = RootCertStore::empty();
        for certificate in &own {
            store.add(certificate.clone()).map_err(|e| Error::Content {
                path: path.to_owned(),
                why: format!("holds a certificate that is none of an authority: {e}"),
            })?;
        }
        Ok(Trust { own: own.into(), config: Arc::default() })
    }

    /// The settings of a client that trusts them. The system's list is read at the first call.
    ///
    /// # Errors
    /// When nobody would be trusted, or rustls refuses.
    pub fn client(&self) -> Result<Arc<ClientConfig>, Error> {
        if let Some(config) = self.config.get() {
            return Ok(Arc::clone(config));
        }
        let mut roots = RootCertStore::empty();
        let of_system = rustls_native_certs::load_native_certs();
        // Single ones that cannot be read are the system's affair as long as there are others.
        roots.add_parsable_certificates(of_system.certs);
        roots.add_parsable_certificates(self.own.iter().cloned());
        if roots.is_empty() {
            let why = of_system.errors.first().map_or("it is empty".to_owned(), |e| e.to_string());
            return Err(Error::NoRoots(why));
        }
        let config = with_roots(roots)?;
        Ok(Arc::clone(self.config.get_or_init(|| config)))
    }

    /// Greets the server `host` on a connection to it.
    ///
    /// # Errors
    /// When it is not trusted, or no TLS server at all.
    pub async fn greet(&self, host: &str, tcp: TcpStream) -> io::Result<Stream<TcpStream>> {
        let config = self.client().map_err(io::Error::other)?;
        let name = server_name(host)?;
        let stream = TlsConnector::from(config).connect(name, tcp).await?;
        Ok(Stream::Tls(Box::new(stream.into())))
    }
}

/// A client that trusts nobody: for connectors that never meet a TLS server.
///
/// # Errors
/// When rustls refuses.
pub fn nobody() -> Result<Arc<ClientConfig>, Error> {
    with_roots(RootCertStore::empty())
}

fn with_roots(roots: RootCertStore) -> Result<Arc<ClientConfig>, Error> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Why a server's certificate was not taken, if that is what `error` or one of its causes says.
#[must_use]
pub fn untrusted(error: &(dyn StdError + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        // An io::Error's source is that of the error within it, not the error itself.
        let io = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let within = io.and_then(|within| within.downcast_ref::<rustls::Error>());
        let found = within.or_else(|| error.downcast_ref::<rustls::Error>());
        if let Some(rustls::Error::InvalidCertificate(why)) = found {
            return Some(why.to_string());
        }
        next = match io {
            Some(within) => Some(within as &(dyn StdError + 'static)),
            None => error.source(),
        };
    }
    None
}
