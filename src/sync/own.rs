//! The operator's own peers, as far as syncing asks about them.

use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;

use crate::decide::Policy;
use crate::decide::impact::{Basis, PeerImpact, assess, reach, suppose_snapshot};
use crate::domain::{PeersAffected, RecordKind};
use crate::listing::index::Index;
use crate::listing::vet::{OwnPeer, Vetted};
use crate::store::PublishedRecords;

/// So many peers are named.
const NAMED: usize = 5;

/// What operators have on record, and their policy.
#[derive(Debug, Clone)]
pub(crate) struct Own {
    pub records: Arc<PublishedRecords>,
    pub policy: Arc<ArcSwap<Policy>>,
}

impl Own {
    /// The peers whose binding is in force.
    pub fn peers(&self, now: Timestamp) -> Vec<OwnPeer> {
        let records = self.records.load();
        let peers = records.all(RecordKind::Peer).filter(|record| record.in_force(now));
        peers
            .filter_map(|record| Some(OwnPeer { name: record.peer()?.name.clone(), provider: record.provider }))
            .collect()
    }

    /// What a listing would change for them if it were applied.
    pub fn affected(&self, current: &Index, vetted: &Vetted, now: Timestamp) -> PeersAffected {
        let (records, policy) = (self.records.load_full(), self.policy.load_full());
        let then = suppose_snapshot(current, vetted.snapshot.clone());
        let basis = |index| Basis { index, records: &records, policy: &policy };
        let peers = assess(basis(current), basis(&then), now);
        let count = |counts: fn(&PeerImpact) -> bool| peers.iter().filter(|peer| counts(peer)).count() as u64;
        let reach = reach(basis(current), basis(&then), now);
        PeersAffected {
            in_some_role: reach.peers,
            providers: reach.providers,
            peers: peers.len() as u64,
            newly_refused: count(PeerImpact::is_newly_refused),
            newly_accepted: count(PeerImpact::is_newly_accepted),
            refused: peers
                .iter()
                .filter(|peer| peer.is_newly_refused())
                .take(NAMED)
                .filter_map(|peer| Some(peer.now.peer.peer()?.name.clone()))
                .collect(),
        }
    }
}
