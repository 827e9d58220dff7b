//! TLS on a listener: its certificate, whom it believes, and how both are replaced while it runs.
//!
//! A connection keeps what it began with; new ones get what is in force then. Where other authorities are believed, those of
//! clients that are believed no more are closed. Files that cannot be used never take the place of those in force.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::activity::Activity;
use super::belief::{Belief, Chain, Kept, Open};
use super::certificate_files::{CertificateFacts, CertificateFiles, CertificateState};
use crate::transport::secret_file::{self, SecretError};

/// How long a client whose handshake failed may take to read why.
const LINGER: Duration = Duration::from_secs(1);

/// A listener's certificate and whom it believes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TlsConfig {
    /// A PEM file of the daemon's certificate and those between it and its authority's. Without it: no TLS.
    pub certificate: Option<PathBuf>,
    /// A PEM file of the certificate's private key.
    pub key: Option<PathBuf>,
    /// A PEM file of the authorities whose certificates clients may show.
    pub client_ca: Option<PathBuf>,
    /// Whether clients must show one. Without `client_ca` none is asked for.
    pub client_required: bool,
    /// How often the files are looked at for new ones.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub check_every: Duration,
}

impl Default for TlsConfig {
    fn default() -> Self {
        Self {
            certificate: None,
            key: None,
            client_ca: None,
            client_required: true,
            check_every: Duration::from_secs(30),
        }
    }
}

impl TlsConfig {
    /// Whether the listener speaks TLS.
    pub fn is_on(&self) -> bool {
        self.certificate.is_some()
    }

    /// Whether the settings make sense. `name` is that of their table. Looks at no file.
    ///
    /// # Errors
    ///
    /// Names the setting that does not.
    pub fn validate(&self, name: &str) -> Result<(), String> {
        match (&self.certificate, &self.key) {
            (Some(_), None) => return Err(format!("{name}.certificate is set and {name}.key is not: set both")),
            (None, Some(_)) => return Err(format!("{name}.key is set and {name}.certificate is not: set both")),
            (None, None) if self.client_ca.is_some() => {
                return Err(format!(
                    "{name}.client_ca is set without {name}.certificate and {name}.key: clients are asked for a \
                     certificate only over TLS"
                ));
            }
            _ => {}
        }
        if self.check_every.is_zero() {
            return Err(format!("{name}.check_every is 0: leave it out for the default"));
        }
        Ok(())
    }
}

/// Why a listener's TLS cannot be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{name}: {} cannot be read: {source}", .path.display())]
    Unreadable {
        /// The setting.
        name: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The key's file cannot be used.
    #[error("{name}.key: {source}")]
    Key {
        /// The settings' table.
        name: &'static str,
        /// Why.
        source: SecretError,
    },
    /// A file holds not what it should.
    #[error("{name}: {}: {detail}", .path.display())]
    Content {
        /// The setting.
        name: String,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// Certificate and key do not go together.
    #[error(
        "{name}: the certificate {} and the key {} cannot be used together: {detail}. Name the key that the certificate \
         was made for",
        .certificate.display(), .key.display()
    )]
    Pair {
        /// The settings' table.
        name: &'static str,
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why not.
        detail: String,
    },
}

/// What the files hold now.
struct Material {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
    digest: [u8; 32],
}

/// What new connections get.
pub struct InForce {
    acceptor: TlsAcceptor,
    belief: Belief,
    facts: CertificateFacts,
}

impl std::fmt::Debug for InForce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InForce").field("facts", &self.facts).finish_non_exhaustive()
    }
}

/// What a client's certificate says of whom it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Certified {
    /// Its names in lower case: DNS names, URIs and e-mail addresses; where it has none of them, its common name.
    pub names: Vec<String>,
}

/// A listener's TLS.
#[derive(Debug)]
pub struct Tls {
    name: &'static str,
    alpn: &'static [&'static [u8]],
    config: Mutex<TlsConfig>,
    in_force: ArcSwap<InForce>,
    files: CertificateFiles,
    open: Open,
    done: AtomicU64,
    failed: AtomicU64,
}

/// A handshake that came to an end as it should.
pub struct Shaken<S> {
    /// The connection.
    pub stream: TlsStream<S>,
    /// What the client's certificate says of whom it is, if it showed one.
    pub certified: Option<Certified>,
    /// The certificates that it showed.
    pub(super) chain: Option<Chain>,
    /// What was in force when it began.
    pub(super) under: Arc<InForce>,
}

/// What a reload found, not yet in force.
pub struct Prepared {
    tls: Arc<Tls>,
    config: TlsConfig,
    next: InForce,
}

impl Prepared {
    /// Puts it in force for new connections. Says whether the files hold something else than before.
    pub fn put_in_force(self) -> bool {
        *self.tls.config.lock().unwrap_or_else(PoisonError::into_inner) = self.config;
        self.tls.replace(self.next)
    }
}

impl Tls {
    /// Reads and checks the files. `name` is that of the settings' table, `alpn` the protocols that are spoken.
    ///
    /// # Errors
    ///
    /// If one of them cannot be used.
    pub fn load(
        name: &'static str,
        alpn: &'static [&'static [u8]],
        config: &TlsConfig,
    ) -> Result<Option<Arc<Self>>, TlsError> {
        let Some(material) = read(name, config)? else { return Ok(None) };
        let in_force = build(name, alpn, config, &material)?;
        let files = CertificateFiles::new(name, in_force.facts);
        let (in_force, config) = (ArcSwap::from_pointee(in_force), Mutex::new(config.clone()));
        let (done, failed) = (AtomicU64::new(0), AtomicU64::new(0));
        Ok(Some(Arc::new(Self { name, alpn, config, in_force, files, open: Open::default(), done, failed })))
    }

    /// Reads and checks the files that these settings name. Changes nothing yet.
    ///
    /// # Errors
    ///
    /// If one of them cannot be used.
    pub fn prepare(self: &Arc<Self>, config: &TlsConfig) -> Result<Option<Prepared>, TlsError> {
        let Some(material) = read(self.name, config)? else { return Ok(None) };
        let next = build(self.name, self.alpn, config, &material)?;
        Ok(Some(Prepared { tls: Arc::clone(self), config: config.clone(), next }))
    }

    fn replace(&self, next: InForce) -> bool {
        let facts = next.facts;
        // Also where nothing changed: whom it believes may have.
        let belief = next.belief.clone();
        self.in_force.store(Arc::new(next));
        let closed = self.open.close_all_but_believed(&belief);
        if closed > 0 {
            let name = self.name;
            tracing::info!(
                name,
                closed,
                "{name}: {closed} connections of clients that are believed no more are closed"
            );
        }
        self.files.put_in_force(facts)
    }

    /// Looks at the files, and puts what is new in force. `before` is what was wrong with them when they were last looked
    /// at; a pair of files is not replaced in one instant, so only what is wrong twice is.
    pub fn look(&self, before: Option<String>) -> Option<String> {
        let config = self.config.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let load = || {
            let Some(material) = read(self.name, &config)? else { return Ok(None) };
            let next = build(self.name, self.alpn, &config, &material)?;
            Ok(Some((next.facts, next)))
        };
        self.files.look(before, load, |_, next| {
            self.replace(next);
        })
    }

    /// The listener, as its connections' metrics name it.
    pub fn listener(&self) -> &'static str {
        match self.name {
            "grpc.tls" => "gRPC",
            "http.tls" => "HTTP",
            _ => "admin",
        }
    }

    /// How often the files are looked at.
    pub fn check_every(&self) -> Duration {
        self.config.lock().unwrap_or_else(PoisonError::into_inner).check_every
    }

    /// How the certificate stands.
    pub fn state(&self) -> CertificateState {
        self.files.state()
    }

    /// Handshakes that came to an end as they should.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Handshakes that did not.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Notes a handshake that was given up.
    pub fn note_failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// The handshake. Whoever calls bounds its time.
    ///
    /// # Errors
    ///
    /// If it fails.
    pub async fn handshake<S>(&self, socket: S) -> std::io::Result<Shaken<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let under = self.in_force.load_full();
        let stream = match under.acceptor.accept(socket).into_fallible().await {
            Ok(stream) => stream,
            Err((error, mut socket)) => {
                // Closed with something unread, a socket is reset, and the client never learns why it was refused.
                let _ = socket.shutdown().await;
                let _ = tokio::time::timeout(LINGER, drain(&mut socket)).await;
                return Err(error);
            }
        };
        let chain = stream
            .get_ref()
            .1
            .peer_certificates()
            .map(|chain| chain.iter().map(|certificate| certificate.clone().into_owned()).collect::<Chain>());
        let certified = chain.as_ref().and_then(|chain| chain.first()).map(certified);
        self.done.fetch_add(1, Ordering::Relaxed);
        Ok(Shaken { stream, certified, chain, under })
    }

    /// Keeps in mind that the connection of a handshake is open, to close it where its client is believed no more.
    pub(super) fn keep(&self, activity: &Arc<Activity>, chain: Option<Chain>, under: &Arc<InForce>) -> Kept<'_> {
        let kept = self.open.keep(activity, chain);
        // Something else may have been put in force since the handshake began.
        let in_force = self.in_force.load_full();
        if !Arc::ptr_eq(&in_force, under) {
            self.open.close_all_but_believed(&in_force.belief);
        }
        kept
    }
}

/// Reads what still comes, within bounds.
async fn drain(socket: &mut (impl AsyncRead + Unpin)) {
    let mut buffer = [0; 1024];
    let mut left: usize = 64 << 10;
    while let Ok(read @ 1..) = socket.read(&mut buffer).await {
        left = left.saturating_sub(read);
        if left == 0 {
            return;
        }
    }
}

fn read(name: &'static str, config: &TlsConfig) -> Result<Option<Material>, TlsError> {
    let (Some(certificate), Some(key)) = (&config.certificate, &config.key) else { return Ok(None) };
    let read = |setting: &str, path: &Path| {
        std::fs::read(path).map_err(|source| TlsError::Unreadable {
            name: format!("{name}.{setting}"),
            path: path.to_owned(),
            source,
        })
    };
    let certificate = read("certificate", certificate)?;
    let key = secret_file::read(key).map_err(|source| TlsError::Key { name, source })?;
    let client_ca = config.client_ca.as_deref().map(|path| read("client_ca", path)).transpose()?;
    let mut digest = Sha256::new();
    for part in [Some(&certificate), Some(&key), client_ca.as_ref()] {
        digest.update(part.map_or(u64::MAX, |part| part.len() as u64).to_be_bytes());
        digest.update(part.map_or(&[][..], Vec::as_slice));
    }
    Ok(Some(Material { certificate, key, client_ca, digest: digest.finalize().into() }))
}

/// The certificates of a PEM file, at least one.
///
/// # Errors
///
/// If there is none, or one of them is broken.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error: pem::Error| format!("it is no PEM file: {error}"))?;
    if certificates.is_empty() {
        return Err("it holds no certificate (-----BEGIN CERTIFICATE-----)".to_owned());
    }
    Ok(certificates)
}

/// The private key of a PEM file.
///
/// # Errors
///
/// If there is none that can be read.
pub(crate) fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        pem::Error::NoItemsFound => {
            "it holds no private key (-----BEGIN PRIVATE KEY-----), or an encrypted one".to_owned()
        }
        error => format!("it is no PEM file: {error}"),
    })
}

fn build(name: &'static str, alpn: &[&[u8]], config: &TlsConfig, material: &Material) -> Result<InForce, TlsError> {
    let (certificate, key) = (config.certificate.clone().unwrap_or_default(), config.key.clone().unwrap_or_default());
    let wrong = |setting: &str, path: &Path| {
        let (name, path) = (format!("{name}.{setting}"), path.to_owned());
        move |detail: String| TlsError::Content { name, path, detail }
    };
    let chain = certificates(&material.certificate).map_err(wrong("certificate", &certificate))?;
    let facts = CertificateFacts::of(&chain, material.digest).map_err(wrong("certificate", &certificate))?;
    let private = private_key(&material.key).map_err(wrong("key", &key))?;
    let provider = Arc::new(ring::default_provider());
    // TLS 1.2 and 1.3, with the suites of today only.
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong("certificate", &certificate)(error.to_string()))?;
    let mut belief = Belief::default();
    let builder = match (&material.client_ca, &config.client_ca) {
        (Some(pem), Some(path)) => {
            let mut roots = RootCertStore::empty();
            for authority in certificates(pem).map_err(wrong("client_ca", path))? {
                roots
                    .add(authority)
                    .map_err(|error| wrong("client_ca", path)(format!("it holds a broken certificate: {error}")))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = if config.client_required { verifier } else { verifier.allow_unauthenticated() };
            let verifier = verifier.build().map_err(|error| wrong("client_ca", path)(error.to_string()))?;
            belief = Belief::by(Arc::clone(&verifier));
            builder.with_client_cert_verifier(verifier)
        }
        _ => builder.with_no_client_auth(),
    };
    let mut server = builder.with_single_cert(chain, private).map_err(|error| TlsError::Pair {
        name,
        certificate,
        key,
        detail: match error {
            rustls::Error::InconsistentKeys(_) => "the key is that of another certificate".to_owned(),
            error => error.to_string(),
        },
    })?;
    server.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(server));
    Ok(InForce { acceptor, belief, facts })
}

fn certified(der: &CertificateDer<'_>) -> Certified {
    // The handshake has read it before; where this reader cannot, it has no name.
    let Ok((_, read)) = X509Certificate::from_der(der) else { return Certified::default() };
    let mut names = Vec::new();
    if let Ok(Some(alternative)) = read.subject_alternative_name() {
        for name in &alternative.value.general_names {
            if let GeneralName::DNSName(name) | GeneralName::URI(name) | GeneralName::RFC822Name(name) = name {
                names.push(name.to_ascii_lowercase());
            }
        }
    }
    if names.is_empty() {
        let common = read.subject().iter_common_name().filter_map(|name| name.as_str().ok());
        names.extend(common.map(str::to_ascii_lowercase));
    }
    Certified { names }
}
