//! Networks that are bound to providers: which of them an address lies in, the narrowest first.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::domain::{PeerName, Record};

/// The networks of one prefix length.
#[derive(Debug, Clone)]
struct OfLength {
    length: u8,
    networks: HashMap<IpNet, Arc<Record>>,
}

/// Networks by their prefix lengths, the longest first. A carrier's have few, so that an address is looked up a few
/// times at most; a name that is no address is looked up not at all.
#[derive(Debug, Clone, Default)]
pub(super) struct Networks {
    v4: Vec<OfLength>,
    v6: Vec<OfLength>,
}

impl Networks {
    pub(super) fn insert(&mut self, network: IpNet, record: Arc<Record>) {
        let lengths = match network {
            IpNet::V4(_) => &mut self.v4,
            IpNet::V6(_) => &mut self.v6,
        };
        let length = network.prefix_len();
        let place = lengths.partition_point(|of| of.length > length);
        if lengths.get(place).is_none_or(|of| of.length != length) {
            lengths.insert(place, OfLength { length, networks: HashMap::new() });
        }
        if let Some(of) = lengths.get_mut(place) {
            of.networks.insert(network, record);
        }
    }

    /// The records of the networks that an address lies in, the narrowest first; none for a name that is no address.
    pub(super) fn around(&self, name: &PeerName) -> Vec<&Arc<Record>> {
        if self.v4.is_empty() && self.v6.is_empty() {
            return Vec::new();
        }
        let Ok(address) = name.as_str().parse::<IpAddr>() else { return Vec::new() };
        let lengths = if address.is_ipv4() { &self.v4 } else { &self.v6 };
        let within = |of: &OfLength| IpNet::new(address, of.length).ok().map(|network| network.trunc());
        lengths.iter().filter_map(|of| of.networks.get(&within(of)?)).collect()
    }
}
