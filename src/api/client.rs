//! The way to a daemon, for commands and for the daemon's own watchdog.

use std::error::Error as StdError;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig};
use rustls_platform_verifier::Verifier;
use thiserror::Error;
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint, Error, Uri};
use tonic::{Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::service_fn;

use crate::transport::secret_file::{self, SecretError};
use crate::transport::{certificates, private_key};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// While an answer is waited for, the other side is asked so often whether it is still there. An answer itself may take its
/// time.
const STILL_THERE: Duration = Duration::from_secs(2);

/// What does not say so for so long is given up.
const NOT_THERE: Duration = Duration::from_secs(4);

/// Part of what is said where the other side says nothing at all any more.
pub(crate) const SILENT: &str = "timed out";

/// An endpoint that is waited for, but not for ever.
fn patient(endpoint: Endpoint) -> Endpoint {
    endpoint.connect_timeout(CONNECT_TIMEOUT).http2_keep_alive_interval(STILL_THERE).keep_alive_timeout(NOT_THERE)
}

/// Where TLS is spoken if the address names no port.
const HTTPS_PORT: u16 = 443;

/// Connects to a daemon's Unix socket.
///
/// # Errors
///
/// If nothing answers there.
pub async fn connect_unix(path: &Path) -> Result<Channel, Error> {
    let path: PathBuf = path.to_owned();
    // The address only fills the `:authority` header.
    patient(Endpoint::from_static("http://localhost"))
        .connect_with_connector(service_fn(move |_: Uri| {
            let path = path.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        }))
        .await
}

/// Whether the daemon behind a Unix socket answers, and serves a service.
///
/// # Errors
///
/// If it does not; says why.
pub(crate) async fn check_health(socket: &Path, service: &str) -> Result<(), String> {
    let channel = connect_unix(socket).await.map_err(|error| error.to_string())?;
    let request = HealthCheckRequest { service: service.to_owned() };
    let answer = HealthClient::new(channel).check(request).await;
    answer.map(|_| ()).map_err(|status| status.message().to_owned())
}

/// Connects to a daemon's TCP listener, without TLS.
///
/// # Errors
///
/// If the address is none or nothing answers there.
pub async fn connect_tcp(url: &str) -> Result<Channel, Error> {
    patient(Endpoint::from_shared(url.to_owned())?).connect().await
}

/// Whom a client believes over TLS, and what it shows of itself.
#[derive(Debug, Clone, Default)]
pub struct TlsFiles {
    /// A PEM file of authorities that are trusted besides the system's.
    pub ca: Option<PathBuf>,
    /// A PEM file of the client's certificate, and its key's.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Why a client has no connection.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// A file cannot be read.
    #[error("{} cannot be read: {source}", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file with a secret cannot be used.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A file holds not what it should.
    #[error("{}: {detail}", .path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Setup(String),
    /// Nothing answers, or not as it should.
    #[error("{}", causes(.0))]
    Transport(#[from] Error),
}

/// Connects to a daemon's TCP listener over TLS.
///
/// # Errors
///
/// If a file cannot be used, the address is none, nothing answers there, or one side does not believe the other.
pub async fn connect_tls(url: &str, files: &TlsFiles) -> Result<Channel, ConnectError> {
    let connector = TlsConnector::from(Arc::new(tls(files)?));
    let endpoint = patient(Endpoint::from_shared(url.to_owned())?);
    let connect = service_fn(move |uri: Uri| {
        let connector = connector.clone();
        async move {
            let none = || io::Error::new(io::ErrorKind::InvalidInput, "the address names no host");
            let host = uri.host().ok_or_else(none)?.trim_start_matches('[').trim_end_matches(']').to_owned();
            let name = ServerName::try_from(host.clone()).map_err(|_| none())?;
            let socket = TcpStream::connect((host, uri.port_u16().unwrap_or(HTTPS_PORT))).await?;
            socket.set_nodelay(true)?;
            connector.connect(name, socket).await.map(TokioIo::new)
        }
    });
    Ok(endpoint.connect_with_connector(connect).await?)
}

fn tls(files: &TlsFiles) -> Result<ClientConfig, ConnectError> {
    let read =
        |path: &Path| std::fs::read(path).map_err(|source| ConnectError::Unreadable { path: path.to_owned(), source });
    let content = |path: &Path, detail: String| ConnectError::Content { path: path.to_owned(), detail };
    let setup = |error: rustls::Error| ConnectError::Setup(error.to_string());
    let extra = match &files.ca {
        None => Vec::new(),
        Some(path) => certificates(&read(path)?).map_err(|detail| content(path, detail))?,
    };
    let provider = Arc::new(ring::default_provider());
    let verifier = Verifier::new_with_extra_roots(extra, Arc::clone(&provider)).map_err(setup)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(setup)?
        // The system's own judgement, and no looser than the default.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match &files.identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = certificates(&read(certificate)?).map_err(|detail| content(certificate, detail))?;
            let private = private_key(&secret_file::read(key)?).map_err(|detail| content(key, detail))?;
            builder.with_client_auth_cert(chain, private).map_err(|error| {
                content(certificate, format!("it cannot be used with the key {}: {error}", key.display()))
            })?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

/// What kind of I/O error made a connection fail, if one did.
pub(crate) fn io_kind(error: &ConnectError) -> Option<io::ErrorKind> {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        cause = error.source();
    }
    None
}

/// The deepest cause of a failure, in words that say what to do where TLS has failed.
pub fn causes(error: &(dyn StdError + 'static)) -> String {
    let mut deepest = error;
    loop {
        if let Some(said) = tls_failure(deepest) {
            return said;
        }
        // What an I/O error was made of is not its source.
        let inner = deepest.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        deepest = match (inner, deepest.source()) {
            (Some(inner), _) => inner,
            (None, Some(source)) => source,
            (None, None) => {
                let said = deepest.to_string();
                // Once the connection is up, HTTP/2 keeps but the text of what TLS said.
                return said.split_once(ALERT).map_or_else(|| said.clone(), |(_, alert)| refusal(alert));
            }
        };
    }
}

/// How rustls begins to say that the other side gave up.
const ALERT: &str = "received fatal alert: ";

/// Why the other side gave up, by the alert's name.
fn refusal(alert: &str) -> String {
    match alert {
        "CertificateRequired" => {
            "it wants to see a client's certificate: give --client-cert and --client-key".to_owned()
        }
        "UnknownCA"
        | "BadCertificate"
        | "CertificateExpired"
        | "CertificateRevoked"
        | "CertificateUnknown"
        | "UnsupportedCertificate"
        | "DecryptError"
        | "AccessDenied" => {
            format!("it does not believe the client's certificate ({alert})")
        }
        "NoApplicationProtocol" => {
            "it speaks TLS there, but no HTTP/2, so no gRPC: is it another program's port?".to_owned()
        }
        alert => format!("TLS failed: the other side gave up ({alert})"),
    }
}

fn tls_failure(error: &(dyn StdError + 'static)) -> Option<String> {
    use CertificateError as Bad;
    use rustls::Error as Tls;

    let said = match error.downcast_ref::<Tls>()? {
        Tls::InvalidCertificate(Bad::UnknownIssuer) => {
            "its certificate is of an authority that is not trusted here: name the authority's with --ca-file"
                .to_owned()
        }
        Tls::InvalidCertificate(Bad::Expired | Bad::ExpiredContext { .. }) => "its certificate has expired".to_owned(),
        Tls::InvalidCertificate(Bad::NotValidYet | Bad::NotValidYetContext { .. }) => {
            "its certificate is not valid yet: are the clocks right?".to_owned()
        }
        Tls::InvalidCertificate(Bad::NotValidForName) => {
            "its certificate is for another name: connect by the name that stands in it".to_owned()
        }
        Tls::InvalidCertificate(Bad::NotValidForNameContext { expected, presented }) => format!(
            "its certificate is not for {}, but for {}: connect by a name that stands in it",
            expected.to_str(),
            presented.join(", ")
        ),
        Tls::InvalidMessage(_) => "it speaks no TLS there: is it http:// in place of https://?".to_owned(),
        Tls::AlertReceived(alert) => refusal(&format!("{alert:?}")),
        other => format!("TLS failed: {other}"),
    };
    Some(said)
}

/// A client's connection, with its token where it has one.
pub type Link = InterceptedService<Channel, Bearer>;

/// Puts a client's token before every request.
#[derive(Debug, Clone, Default)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl Bearer {
    /// The token that stands in a file, alone.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, everybody may read it, or it holds no token.
    pub fn read(path: &Path) -> Result<Self, ConnectError> {
        let content = |detail: &str| ConnectError::Content { path: path.to_owned(), detail: detail.to_owned() };
        let text = String::from_utf8(secret_file::read(path)?).map_err(|_| content("it is no text"))?;
        let token = text.trim();
        if token.is_empty() || token.contains(char::is_whitespace) {
            return Err(content("it should hold one token and nothing else"));
        }
        let mut header: MetadataValue<Ascii> =
            format!("Bearer {token}").parse().map_err(|_| content("its token has characters that no token has"))?;
        header.set_sensitive(true);
        Ok(Self(Some(header)))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(header) = &self.0 {
            request.metadata_mut().insert("authorization", header.clone());
        }
        Ok(request)
    }
}
