//! Where the daemon listens, over what, and for whom on this machine.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::transport::TlsConfig;
use crate::transport::auth::Right;

/// The gRPC listener of the query services. The Unix socket is always served besides it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct GrpcConfig {
    /// `ADDRESS:PORT`, `unix:PATH`, or `off`.
    pub listen: Listen,
    /// Its TLS, on an address and port.
    pub tls: TlsConfig,
    /// Who may open it, where it is a Unix socket.
    pub socket: SocketConfig,
}

impl Default for GrpcConfig {
    fn default() -> Self {
        Self {
            listen: Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 7633))),
            tls: TlsConfig::default(),
            socket: SocketConfig::default(),
        }
    }
}

impl GrpcConfig {
    /// Whether its settings make sense together.
    pub(super) fn validate(&self) -> Result<(), String> {
        check("grpc", &self.listen, &self.tls)
    }

    /// What is allowed, and should be meant. `known` says whether only those are answered who show who they are.
    pub(super) fn warning(&self, known: bool) -> Option<String> {
        warning("grpc", &self.listen, &self.tls, known)
    }
}

/// The HTTP listener: questions of switches that speak no gRPC, and what monitoring asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct HttpConfig {
    /// `ADDRESS:PORT`, `unix:PATH`, or `off`.
    pub listen: Listen,
    /// Its TLS, on an address and port.
    pub tls: TlsConfig,
    /// Who may open it, where it is a Unix socket.
    pub socket: SocketConfig,
    /// Names under which the page is served to who shows no token or certificate and speaks no TLS, besides addresses,
    /// `localhost` and the machine's own name: those by which people reach it.
    pub hosts: Vec<String>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 7634))),
            tls: TlsConfig::default(),
            socket: SocketConfig::default(),
            hosts: Vec::new(),
        }
    }
}

impl HttpConfig {
    /// Whether its settings make sense together.
    pub(super) fn validate(&self) -> Result<(), String> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if let Some(bad) = self.hosts.iter().find(|host| host.is_empty() || !host.chars().all(is_name)) {
            return Err(format!(
                "http.hosts has {bad:?}, which is no name of a host: write it without scheme and port (rmd1.example.net)"
            ));
        }
        check("http", &self.listen, &self.tls)
    }

    /// What is allowed, and should be meant. `known` says whether only those are answered who show who they are.
    pub(super) fn warning(&self, known: bool) -> Option<String> {
        warning("http", &self.listen, &self.tls, known)
    }
}

/// The administration: always on the Unix socket `rmdd.sock`, and on a listener more if one is set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AdminConfig {
    /// Where else it is served: `ADDRESS:PORT`, `unix:PATH`, or `off`.
    pub listen: Listen,
    /// Users who alone are admins on its Unix sockets, besides root and the daemon's own. With neither users nor groups:
    /// everybody who may open them.
    pub users: Vec<String>,
    /// Groups of such users.
    pub groups: Vec<String>,
    /// What others may do who can open `rmdd.sock`: `query`, `operator` or `admin`. On the Unix socket of `listen` it does not
    /// apply: who may open that administers, so that a group of its own can.
    pub socket_right: Right,
    /// Its TLS, on an address and port.
    pub tls: TlsConfig,
    /// Who may open its Unix sockets.
    pub socket: SocketConfig,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self {
            listen: Listen::Off,
            users: Vec::new(),
            groups: Vec::new(),
            socket_right: Right::Admin,
            tls: TlsConfig::default(),
            socket: SocketConfig::default(),
        }
    }
}

impl AdminConfig {
    /// Whether its settings make sense together.
    pub(super) fn validate(&self) -> Result<(), String> {
        check("admin", &self.listen, &self.tls)?;
        let unnamed = self.users.is_empty() && self.groups.is_empty();
        let opened_administers = self.socket_right == Right::Admin || matches!(self.listen, Listen::Unix(_));
        if self.socket.mode.0 & 0o002 != 0 && unnamed && opened_administers {
            return Err(format!(
                "admin.socket.mode is {}: everybody on this machine would be an admin. Take the last digit away (0660), or \
                 name those who are in admin.users or admin.groups",
                self.socket.mode
            ));
        }
        Ok(())
    }
}

/// Who may open a Unix socket that the daemon makes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SocketConfig {
    /// Its mode; who may write to it may connect.
    pub mode: Mode,
    /// The user that it belongs to; only root can give one away.
    pub owner: Option<String>,
    /// The group that it belongs to, which the daemon must be in.
    pub group: Option<String>,
}

/// The mode of a file, in octal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mode(pub u32);

impl Default for Mode {
    fn default() -> Self {
        Self(0o660)
    }
}

impl TryFrom<String> for Mode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match u32::from_str_radix(text.trim().trim_start_matches("0o"), 8) {
            Ok(mode @ 0o200..=0o777) => Ok(Self(mode)),
            _ => Err(format!("{text:?} is no mode of a socket: give three or four octal digits, such as \"0660\"")),
        }
    }
}

impl From<Mode> for String {
    fn from(mode: Mode) -> Self {
        mode.to_string()
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

/// Where a listener listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Listen {
    /// On an address and port; port 0 takes any that is free.
    Tcp(SocketAddr),
    /// On a Unix socket.
    Unix(PathBuf),
    /// Nowhere.
    Off,
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "off" => Ok(Self::Off),
            text => match text.strip_prefix("unix:") {
                Some("") => Err("\"unix:\" names no path: write unix:/run/rmdd/query.sock".to_owned()),
                Some(path) => Ok(Self::Unix(path.into())),
                None => text.parse().map(Self::Tcp).map_err(|_| {
                    format!("{text:?} is no listener: give an address and port (127.0.0.1:7633), unix:PATH, or off")
                }),
            },
        }
    }
}

impl TryFrom<String> for Listen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Listen> for String {
    fn from(listen: Listen) -> Self {
        listen.to_string()
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Off => f.write_str("off"),
        }
    }
}
/// Whether a listener's settings go together.
fn check(table: &str, listen: &Listen, tls: &TlsConfig) -> Result<(), String> {
    tls.validate(&format!("{table}.tls"))?;
    if tls.is_on() && matches!(listen, Listen::Unix(_)) {
        return Err(format!(
            "{table}.listen is a Unix socket and {table}.tls names a certificate: nobody listens in on a Unix socket; take \
             the certificate away or listen on ADDRESS:PORT"
        ));
    }
    Ok(())
}

/// That others than this machine reach a listener for questions without TLS.
fn warning(table: &str, listen: &Listen, tls: &TlsConfig, known: bool) -> Option<String> {
    let Listen::Tcp(address) = listen else { return None };
    if address.ip().is_loopback() || tls.is_on() {
        return None;
    }
    Some(if known {
        format!(
            "{table}.listen is {address}, without TLS: whoever listens in on the way reads the tokens. Set {table}.tls \
             unless the network itself is encrypted"
        )
    } else {
        format!(
            "{table}.listen is {address}, without TLS and for everybody: whoever reaches it may ask about every \
             provider and peer, and whoever sits on the way may alter the answers. Set {table}.tls and \
             access.require, or listen on 127.0.0.1 (docs/security.md)"
        )
    })
}
