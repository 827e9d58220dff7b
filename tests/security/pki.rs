//! Authorities and certificates, made for a test.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rmdd::api::client::TlsFiles;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Secured;

/// An authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
}

/// From when to when a certificate is good: years, months, days.
pub type Validity = ((i32, u8, u8), (i32, u8, u8));

/// Good for as long as these tests may run.
pub const GOOD: Validity = ((2020, 1, 1), (2100, 1, 1));
pub const EXPIRED: Validity = ((2020, 1, 1), (2021, 1, 1));
pub const NOT_YET: Validity = ((2099, 1, 1), (2100, 1, 1));

impl Authority {
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate and its key, in PEM. Names that are addresses are taken for such.
    pub fn certify(&self, common_name: &str, names: &[&str], validity: Validity) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("parameters");
        params.distinguished_name.push(DnType::CommonName, common_name);
        let ((year, month, day), until) = validity;
        params.not_before = date_time_ymd(year, month, day);
        params.not_after = date_time_ymd(until.0, until.1, until.2);
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }
}

/// A site whose listeners have certificates of an authority that clients can trust.
pub struct Pki {
    pub secured: Secured,
    pub servers: Authority,
    pub clients: Authority,
}

impl Pki {
    pub fn new() -> Self {
        let (servers, clients) = (Authority::new("Servers of the test"), Authority::new("Clients of the test"));
        let pki = Self { secured: Secured::new(), servers, clients };
        pki.secured.write("ca.pem", &pki.servers.pem);
        pki.secured.write("clients.pem", &pki.clients.pem);
        pki.serve_under(GOOD);
        pki
    }

    /// Puts a new certificate of the daemon in the place of the one before.
    pub fn serve_under(&self, validity: Validity) {
        let (certificate, key) = self.servers.certify("rmdd", &["localhost", "127.0.0.1"], validity);
        self.secured.write("server.pem", &certificate);
        self.secured.write("server.key", &key);
    }

    /// Settings of TLS for a listener.
    pub fn settings(&self, table: &str, more: &str) -> String {
        format!(
            "[{table}.tls]\ncertificate = {:?}\nkey = {:?}\n{more}\n",
            self.secured.path("server.pem"),
            self.secured.path("server.key")
        )
    }

    /// Settings by which clients show certificates.
    pub fn mutual(&self, required: bool) -> String {
        format!("client_ca = {:?}\nclient_required = {required}", self.secured.path("clients.pem"))
    }

    /// What a client without a certificate goes by.
    pub fn trusting(&self) -> TlsFiles {
        TlsFiles { ca: Some(self.secured.path("ca.pem")), identity: None }
    }

    /// What a client goes by that shows a certificate of this authority.
    pub fn showing(&self, authority: &Authority, names: &[&str], validity: Validity) -> TlsFiles {
        let (certificate, key) = authority.certify("a client", names, validity);
        let identity = (self.secured.write("client.pem", &certificate), self.secured.write("client.key", &key));
        TlsFiles { identity: Some(identity), ..self.trusting() }
    }

    /// A handshake of a client that speaks these versions only.
    pub async fn shake(
        &self,
        url: &str,
        versions: &[&'static SupportedProtocolVersion],
        alpn: &[&[u8]],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        let ca = rustls::pki_types::CertificateDer::from_pem_slice(self.servers.pem.as_bytes()).expect("PEM");
        roots.add(ca).expect("an authority");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        let socket = TcpStream::connect(address(url)).await.expect("a connection");
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").expect("a name"), socket).await
    }
}

/// Address and port of a URL.
pub fn address(url: &str) -> &str {
    url.split("://").nth(1).expect("a URL")
}
