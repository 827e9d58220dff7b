//! Who counts as one client, for all that each may have its share of.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::{Peer, users};

/// One client, whatever the number of its connections.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Client {
    /// An address; of version 6 its first 64 bits, since whoever has one of them has them all.
    Address(IpAddr),
    /// A user of this machine, over a Unix socket.
    User(Option<u32>),
    /// Whoever sends the token of this name, from wherever.
    Token(Arc<str>),
    /// The process itself: a command that works on the store directly.
    Here,
}

impl Client {
    /// The client at the other end of a connection.
    pub fn of(peer: &Peer) -> Self {
        match peer {
            Peer::Tcp(address) => Self::Address(match address.ip().to_canonical() {
                IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() >> 64 << 64).into()),
                ip => ip,
            }),
            Peer::Unix { uid, .. } => Self::User(*uid),
        }
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V6(ip)) => write!(f, "{ip}/64"),
            Self::Address(ip) => ip.fmt(f),
            Self::User(Some(uid)) => users::called(*uid).fmt(f),
            Self::User(None) => f.write_str("a user of this machine"),
            Self::Token(name) => write!(f, "the token {name}"),
            Self::Here => f.write_str("this process"),
        }
    }
}
