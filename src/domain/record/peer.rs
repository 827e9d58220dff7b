//! By what a switch knows its upstreams.

use ipnet::IpNet;

use super::super::role::is_unseen;
use super::super::who::begins_with_prefix;
use super::super::{Ocn, OcnError, PeerName, PeerNameError, ProviderRole, read_network};
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
    /// A signalling address, or a network of them.
    Ip,
    /// A customer account.
    Account,
}
words!(
    PeerKind,
    "kind of peer",
    TrunkGroup = "trunk_group" | "trunk" | "trunkgroup" | "tg",
    Ocn = "ocn" | "operating_company_number",
    Spc = "spc" | "service_provider_code",
    Ip = "ip" | "ip_address" | "address" | "network" | "ip_network",
    Account = "account" | "customer_account"
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

/// The shortest prefixes of a network that is one upstream's: of IPv4 a /8 was once given to one holder, and of IPv6 the
/// registries have /12 each.
const BROADEST: (u8, u8) = (8, 16);

fn is_too_broad(network: IpNet) -> bool {
    match network {
        IpNet::V4(network) => network.prefix_len() < BROADEST.0,
        IpNet::V6(network) => network.prefix_len() < BROADEST.1,
    }
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
            PeerKind::TrunkGroup | PeerKind::Spc | PeerKind::Ip | PeerKind::Account => {
                if self.kind == PeerKind::Ip {
                    read_network(&self.name).map_err(|error| error.to_string())?;
                }
                self.name.parse().map(PeerKey::Name).map_err(|error: PeerNameError| error.to_string())
            }
        }
    }

    /// The network whose addresses it is found by, besides its own name; nothing for a single address, which is one.
    pub fn network(&self) -> Option<IpNet> {
        let network = (self.kind == PeerKind::Ip).then(|| read_network(&self.name).ok()).flatten()?;
        (network.prefix_len() < network.max_prefix_len()).then_some(network)
    }

    /// Checks that it can be found by its name.
    ///
    /// # Errors
    ///
    /// If the name is none of its kind, or reads as a name of another.
    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(prefix) = begins_with_prefix(&self.name).filter(|_| self.kind != PeerKind::Ocn) {
            return Err(format!(
                "{:?} could not be asked for: {prefix} in front of a name says what it is, and is no part of it; bind the \
                 name without it",
                self.name
            ));
        }
        if let Some(c) = self.name.chars().find(|c| is_unseen(*c)) {
            return Err(format!("{:?} holds a sign that nobody sees, {}: take it out", self.name, c.escape_unicode()));
        }
        self.key()?;
        match self.network().filter(|network| is_too_broad(*network)) {
            Some(network) => Err(format!(
                "{network} is more of the Internet than any upstream has: give the networks that are the upstream's (of IPv4 \
                 /{} or longer, of IPv6 /{} or longer)",
                BROADEST.0, BROADEST.1
            )),
            None => Ok(()),
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
