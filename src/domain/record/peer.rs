//! By what a switch knows its upstreams.

use std::net::IpAddr;

use super::super::{Ocn, OcnError, PeerName, PeerNameError, ProviderRole};
use super::words;

/// By what a switch knows an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeerKind {
    /// A trunk group's name or number.
    TrunkGroup,
    /// An Operating Company Number.
    Ocn,
    /// A Service Provider Code.
    Spc,
    /// A signalling address.
    Ip,
    /// A customer account.
    Account,
}
words!(
    PeerKind,
    "kind of peer",
    TrunkGroup = "trunk_group" | "trunk",
    Ocn = "ocn",
    Spc = "spc",
    Ip = "ip",
    Account = "account"
);

/// A switch's own name for an upstream, bound to a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// What the name is.
    pub kind: PeerKind,
    /// The name as the operator wrote it.
    pub name: String,
    /// The role in which it hands calls over where a question names none.
    pub role: Option<ProviderRole>,
}

/// By what a peer is found.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PeerKey {
    /// By its OCN. OCNs are apart from other names, for a trunk group may well be called 7321.
    Ocn(Ocn),
    /// By its name.
    Name(PeerName),
}

impl Peer {
    /// By what it is found.
    ///
    /// # Errors
    ///
    /// If the name is none of its kind.
    pub fn key(&self) -> Result<PeerKey, String> {
        match self.kind {
            PeerKind::Ocn => self.name.parse().map(PeerKey::Ocn).map_err(|error: OcnError| error.to_string()),
            PeerKind::Ip if self.name.trim().parse::<IpAddr>().is_err() => {
                Err(format!("{:?} is no IP address: give one, without port or prefix length", self.name))
            }
            PeerKind::TrunkGroup | PeerKind::Spc | PeerKind::Ip | PeerKind::Account => {
                self.name.parse().map(PeerKey::Name).map_err(|error: PeerNameError| error.to_string())
            }
        }
    }

    pub(super) fn id(&self) -> String {
        self.key().map_or_else(|_| self.name.clone(), |key| key.id())
    }
}

impl PeerKey {
    /// What the record of the peer is known by.
    pub fn id(&self) -> String {
        match self {
            Self::Ocn(ocn) => format!("ocn:{ocn}"),
            Self::Name(name) => name.as_str().to_owned(),
        }
    }
}
