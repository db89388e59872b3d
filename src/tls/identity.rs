//! Who the server is: its certificate and key, read from two files and read again when they change.
//! A new pair that cannot be used leaves the old one in place.

use super::{Error, certificates, provider, read, validity};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, ServerConfig};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// The server's certificate. Handshakes take the one of the moment; open connections keep theirs.
#[derive(Debug)]
pub struct Identity {
    cert: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
    seen: Mutex<Stamps>,
}

/// What tells one version of the two files from another; a link to another file counts too.
type Stamps = [Option<(u64, u64, i64, i64)>; 2];

impl Identity {
    /// Reads the pair: the server's certificate first in its file, those between it and the
    /// authority after it; both in PEM.
    ///
    /// # Errors
    /// When a file cannot be read, holds something else, or the two do not belong together.
    pub fn load(cert: &Path, key: &Path) -> Result<Arc<Identity>, Error> {
        let seen = Mutex::new(stamps(cert, key));
        let current = RwLock::new(Arc::new(pair(cert, key)?));
        let identity = Identity { cert: cert.to_owned(), key: key.to_owned(), current, seen };
        identity.begin_figures();
        Ok(Arc::new(identity))
    }

    /// The settings of a server that is this.
    ///
    /// # Errors
    /// When rustls refuses them.
    pub fn server(self: &Arc<Self>) -> Result<Arc<ServerConfig>, Error> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// Reads the files again; handshakes from now on take what they hold.
    ///
    /// # Errors
    /// As [`Identity::load`]; the pair from before stays.
    pub fn renew(&self) -> Result<(), Error> {
        // Taken before the files are read: what changes meanwhile is seen at the next look.
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = stamps(&self.cert, &self.key);
        let renewed = pair(&self.cert, &self.key);
        let result = if renewed.is_ok() { "renewed" } else { "refused" };
        metrics::counter!("callboard_tls_reloads_total", "result" => result).increment(1);
        match renewed {
            Ok(pair) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pair);
                self.show();
                tracing::info!(not_after = self.not_after(), "the certificate was read anew");
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, "the new certificate cannot be used; the old one stays");
                Err(error)
            }
        }
    }

    /// [`Identity::renew`] if the files changed since they were last read; whether they had. The
    /// same broken files are not tried, and told, again.
    pub fn look(&self) -> bool {
        let changed = {
            let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            *seen != stamps(&self.cert, &self.key)
        };
        if changed {
            // It has told why; there is no one else to hear of it.
            let _ = self.renew();
        }
        changed
    }

    /// When the certificate ends, in seconds since 1970.
    #[must_use]
    pub fn not_after(&self) -> Option<i64> {
        self.current().cert.first().and_then(|cert| validity::not_after(cert))
    }

    fn current(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Shows the counters as 0 from the start, so that the first one is seen as an increase.
    fn begin_figures(&self) {
        for result in ["renewed", "refused"] {
            metrics::counter!("callboard_tls_reloads_total", "result" => result).increment(0);
        }
        for why in ["failed", "slow", "displaced"] {
            metrics::counter!("callboard_tls_handshakes_failed_total", "why" => why).increment(0);
        }
        self.show();
    }

    fn show(&self) {
        if let Some(seconds) = self.not_after() {
            metrics::gauge!("callboard_tls_certificate_not_after_seconds").set(seconds as f64);
        }
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

fn pair(cert: &Path, key: &Path) -> Result<CertifiedKey, Error> {
    let chain = certificates(cert)?;
    let wrong = |why: String| Error::Content { path: key.to_owned(), why };
    let private = PrivateKeyDer::from_pem_slice(&read(key)?)
        .map_err(|e| wrong(format!("holds no private key in PEM: {e}")))?;
    let unfit = |why| Error::Pair { cert: cert.to_owned(), key: key.to_owned(), why };
    let signing = provider().key_provider.load_private_key(private).map_err(unfit)?;
    let pair = CertifiedKey::new(chain, signing);
    match pair.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(pair),
        Err(why) => Err(unfit(why)),
    }
}

fn stamps(cert: &Path, key: &Path) -> Stamps {
    [cert, key].map(|path| std::fs::metadata(path).ok().as_ref().map(stamp))
}

fn stamp(file: &Metadata) -> (u64, u64, i64, i64) {
    (file.ino(), file.len(), file.mtime(), file.mtime_nsec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn write(folder: &Path, names: &[&str]) -> (PathBuf, PathBuf) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).expect("made");
        let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        fs::write(&cert, made.cert.pem()).expect("written");
        fs::write(&key, made.signing_key.serialize_pem()).expect("written");
        (cert, key)
    }

    fn shown(identity: &Identity) -> Vec<u8> {
        identity.current().cert[0].to_vec()
    }

    #[test]
    fn a_changed_pair_is_taken_once_and_a_broken_one_never() {
        let folder = tempfile::tempdir().expect("a folder");
        let (cert, key) = write(folder.path(), &["one.test"]);
        let identity = Identity::load(&cert, &key).expect("a pair");
        let first = shown(&identity);
        assert!(!identity.look(), "nothing changed");

        write(folder.path(), &["another.test"]);
        assert!(identity.look() && !identity.look());
        let second = shown(&identity);
        assert_ne!(first, second);

        // The certificate is there already, its key not yet.
        let old_key = fs::read(&key).expect("read");
        write(folder.path(), &["a-third.test"]);
        let new_key = fs::read(&key).expect("read");
        fs::write(&key, old_key).expect("written");
        assert!(identity.look() && !identity.look(), "told once");
        assert_eq!(shown(&identity), second);
        assert!(matches!(identity.renew(), Err(Error::Pair { .. })));
        // A key of the same length: a change of the time or the file alone must count.
        let aside = folder.path().join("new");
        fs::write(&aside, new_key).expect("written");
        fs::rename(&aside, &key).expect("renamed");
        assert!(identity.look());
        assert_ne!(shown(&identity), second);

        let third = shown(&identity);
        fs::write(&cert, "no certificate").expect("written");
        assert!(identity.look());
        fs::remove_file(&key).expect("removed");
        assert!(identity.look());
        assert_eq!(shown(&identity), third);
    }

    #[test]
    fn a_wrong_pair_is_refused_with_the_files_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let (cert, key) = write(folder.path(), &["a.test"]);
        let refusal =
            |cert: &Path, key: &Path| Identity::load(cert, key).expect_err("refused").to_string();
        assert!(refusal(&folder.path().join("none"), &key).contains("none: "));
        assert!(refusal(&key, &key).contains("key.pem: holds no certificate"));
        assert!(refusal(&cert, &cert).contains("cert.pem: holds no private key"));
        let other = tempfile::tempdir().expect("a folder");
        let (_, other) = write(other.path(), &["a.test"]);
        assert!(refusal(&cert, &other).contains("cannot be used together"));
    }
}
