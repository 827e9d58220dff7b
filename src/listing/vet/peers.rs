//! The operator's own peers among what is gone.

use std::collections::HashSet;

use super::doubt::Doubt;
use super::loss::Lost;
use crate::domain::{Anomaly, Identity};

/// A peer that operators bound to a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnPeer {
    /// Its name.
    pub name: String,
    /// The provider.
    pub provider: Identity,
}

/// So many peers, and so many times their share, may go with the others.
const FEW: usize = 3;
const TIMES_THEIR_SHARE: f64 = 3.0;
/// So many are named.
const NAMED: usize = 5;

/// The peers whose provider stood and would not any more.
#[derive(Debug, Default)]
pub struct Gone {
    names: Vec<String>,
    peers: usize,
}

impl Gone {
    /// Finds them.
    pub fn among(peers: &[OwnPeer], lost: &Lost<'_>) -> Self {
        if peers.is_empty() {
            return Self::default();
        }
        let (mut frns, mut numbers) = (HashSet::new(), HashSet::new());
        for filing in lost.filings() {
            frns.extend(filing.frn());
            numbers.insert(filing.number());
        }
        let is_gone = |peer: &&OwnPeer| match peer.provider {
            Identity::Frn(frn) => frns.contains(&frn),
            Identity::RmdNumber(number) => numbers.contains(&number),
        };
        let names = peers.iter().filter(is_gone).map(|peer| peer.name.clone()).collect();
        Self { names, peers: peers.len() }
    }

    /// What there is to doubt about it.
    pub fn doubt(&self, gone: usize, current: usize) -> Option<Doubt> {
        let lost = self.names.len();
        let share = gone as f64 / current.max(1) as f64 * self.peers as f64;
        (lost >= FEW && lost as f64 > share * TIMES_THEIR_SHARE + 2.0)
            .then_some(Doubt::OwnPeers { gone: lost, peers: self.peers })
    }

    /// What the operator is told, whatever the step's size.
    pub fn anomaly(&self) -> Option<Anomaly> {
        let lost = self.names.len();
        let shown = self.names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        let more = if lost > NAMED { format!(" and {} more", lost - NAMED) } else { String::new() };
        (lost > 0).then(|| Anomaly::PeersGone {
            which: format!("the providers behind {lost} of your own {} peers: {shown}{more}", self.peers),
        })
    }
}
