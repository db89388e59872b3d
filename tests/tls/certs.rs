//! Certificates of the test's own: authorities, and servers that they vouch for.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// When the certificates made here end, unless said otherwise: 2033-05-18, in seconds since 1970.
pub const NOT_AFTER: i64 = 1_999_987_200;

/// An authority, and the file with its certificate.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pub file: PathBuf,
}

impl Authority {
    pub fn new(folder: &Path, name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("signed");
        let file = folder.join(format!("{name}.pem"));
        fs::write(&file, issuer.pem()).expect("written");
        Authority { issuer, file }
    }

    /// Writes the certificate and key of a server on this machine; the certificate in DER.
    pub fn vouch(&self, cert: &Path, key: &Path) -> Vec<u8> {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).expect("names");
        params.not_after = rcgen::date_time_ymd(2033, 5, 18);
        let own = KeyPair::generate().expect("a key");
        let made = params.signed_by(&own, &self.issuer).expect("signed");
        replace(cert, &made.pem());
        replace(key, &own.serialize_pem());
        made.der().to_vec()
    }

    /// What a server within a test needs, with a certificate of its own.
    pub fn server(&self, folder: &Path, name: &str) -> Arc<ServerConfig> {
        let key = folder.join(format!("{name}.key"));
        let certificate = self.vouch(&folder.join(format!("{name}.cert")), &key);
        let key = PrivateKeyDer::from_pem_file(&key).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from(certificate)], key)
            .expect("a pair");
        Arc::new(config)
    }
}

/// As tools that renew certificates do it: never half a file.
pub fn replace(path: &Path, text: &str) {
    let draft = path.with_extension("draft");
    fs::write(&draft, text).expect("written");
    fs::rename(&draft, path).expect("renamed");
}
