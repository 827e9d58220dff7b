//! TLS to the fleet's etcd: whom a site believes, and as whom it comes.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

use super::config::FleetTlsConfig;
use crate::domain::Sha256Digest;
use crate::transport::{CertificateFacts, TlsError, certificates, private_key, secret_file};

/// The settings' table.
pub const NAME: &str = "fleet.tls";

/// What connections to etcd are made with.
#[derive(Clone)]
pub struct EngineTls {
    /// Whom the site believes, and its own certificate; HTTP/2 alone.
    pub config: Arc<ClientConfig>,
    /// What is known of the three files. What they hold is told by a digest: another one is a reason to connect anew.
    pub facts: CertificateFacts,
}

impl fmt::Debug for EngineTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineTls").field("facts", &self.facts).finish_non_exhaustive()
    }
}

/// Reads and checks the files; nothing where none are named. etcd is believed by the authorities in `ca` alone: those of the
/// system would let in whoever has a certificate of the name.
///
/// # Errors
///
/// If one of them cannot be used.
pub fn load(config: &FleetTlsConfig) -> Result<Option<EngineTls>, TlsError> {
    let (Some(ca), Some(certificate), Some(key)) = (&config.ca, &config.certificate, &config.key) else {
        return Ok(None);
    };
    let read = |setting: &str, path: &Path| {
        std::fs::read(path).map_err(|source| TlsError::Unreadable {
            name: format!("{NAME}.{setting}"),
            path: path.to_owned(),
            source,
        })
    };
    let wrong = |setting: &str, path: &Path| {
        let (name, path): (String, PathBuf) = (format!("{NAME}.{setting}"), path.to_owned());
        move |detail: String| TlsError::Content { name, path, detail }
    };
    let authorities = read("ca", ca)?;
    let chain = read("certificate", certificate)?;
    let private = secret_file::read(key).map_err(|source| TlsError::Key { name: NAME, source })?;
    let held: Vec<u8> =
        [&authorities, &chain, &private].into_iter().flat_map(|file| Sha256Digest::of(file).0).collect();

    let mut roots = RootCertStore::empty();
    for authority in certificates(&authorities).map_err(wrong("ca", ca))? {
        roots.add(authority).map_err(|error| wrong("ca", ca)(format!("it holds a broken certificate: {error}")))?;
    }
    let chain = certificates(&chain).map_err(wrong("certificate", certificate))?;
    let facts = CertificateFacts::of(&chain, Sha256Digest::of(&held).0).map_err(wrong("certificate", certificate))?;
    let private = private_key(&private).map_err(wrong("key", key))?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong("ca", ca)(error.to_string()))?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, private)
        .map_err(|error| TlsError::Pair {
            name: NAME,
            certificate: certificate.clone(),
            key: key.clone(),
            detail: error.to_string(),
        })?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Some(EngineTls { config: Arc::new(config), facts }))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn put(directory: &Path, name: &str, text: &str) -> Option<PathBuf> {
        let path = directory.join(name);
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("a mode");
        Some(path)
    }

    #[test]
    fn files_that_go_together_are_taken_and_others_are_refused_by_their_setting() {
        let directory = tempfile::tempdir().expect("a directory");
        let made = || rcgen::generate_simple_self_signed(["site.example".to_owned()]).expect("a certificate");
        let (site, other) = (made(), made());
        let at = directory.path();
        let good = FleetTlsConfig {
            ca: put(at, "ca.pem", &other.cert.pem()),
            certificate: put(at, "site.pem", &site.cert.pem()),
            key: put(at, "site.key", &site.signing_key.serialize_pem()),
        };
        let first = load(&good).expect("usable").expect("TLS");
        assert_eq!(first.config.alpn_protocols, [b"h2".to_vec()]);
        assert_eq!(load(&good).expect("usable").expect("TLS").facts.digest, first.facts.digest);
        assert!(load(&FleetTlsConfig::default()).expect("none").is_none());
        let refused = |config: FleetTlsConfig| load(&config).expect_err("refused").to_string();
        let gone = FleetTlsConfig { ca: Some(at.join("nowhere.pem")), ..good.clone() };
        assert!(refused(gone).contains("fleet.tls.ca: "));
        let key = put(at, "other.key", &other.signing_key.serialize_pem());
        assert!(refused(FleetTlsConfig { key, ..good.clone() }).contains("cannot be used together"));
        let certificate = put(at, "none.pem", "nothing\n");
        assert!(refused(FleetTlsConfig { certificate, ..good.clone() }).contains("fleet.tls.certificate: "));
        let open = good.key.clone().expect("a key");
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o644)).expect("a mode");
        assert!(refused(good.clone()).contains("everybody"));
        // Another certificate in its place.
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o600)).expect("a mode");
        put(at, "site.pem", &other.cert.pem());
        put(at, "site.key", &other.signing_key.serialize_pem());
        assert_ne!(load(&good).expect("usable").expect("TLS").facts.digest, first.facts.digest);
    }
}
