//! What would become of the operator's own peers: with another listing, other records, another policy.

use std::sync::Arc;

use super::Services;
use super::records::unmatched;
use crate::decide::impact::{self, Basis, PeerImpact};
use crate::decide::{Policy, PolicyConfig};
use crate::domain::{ErrorReason, HeldListing, Record, Rejection, Sha256Digest};
use crate::listing::index::Index;
use crate::listing::vet::{Doubt, Resolution};
use crate::observe::clock;
use crate::records::{Change, plan};
use crate::store::archive::Archive;

/// What is supposed. What is not supposed stays as it is.
#[derive(Debug, Clone, Default)]
pub struct ImpactRequest {
    /// A listing, as the source would publish it; empty for none.
    pub listing: Vec<u8>,
    /// A listing that is held, by its digest.
    pub held: Option<Sha256Digest>,
    /// Records, in addition to those that are there.
    pub records: Vec<Record>,
    /// Settings of the policy.
    pub policy: Vec<(String, String)>,
}

/// What would become of the peers.
#[derive(Debug)]
pub struct ImpactReport {
    /// What makes the supposed listing hard to believe.
    pub listing_doubts: Vec<String>,
    /// The places of the supposed records whose provider has no filing.
    pub unmatched: Vec<u32>,
    /// How many peers were asked about.
    pub asked: u64,
    /// How many would be refused.
    pub refused: u64,
    /// How many of those are accepted now.
    pub newly_refused: u64,
    /// How many that are refused now would be accepted.
    pub newly_accepted: u64,
    /// How many peers would be answered otherwise in some role.
    pub in_some_role: u64,
    /// How many providers would be, peers or not.
    pub providers: u64,
    /// Those that would be refused, or of which the verdict or the reason would change.
    pub peers: Vec<PeerImpact>,
    /// The listing of now, for what is said of `peers`.
    pub index: Arc<Index>,
    /// The supposed listing, if one was.
    pub then: Option<Index>,
}

/// A doubt, and what a sync would do about it.
fn told(doubt: &Doubt) -> String {
    let then = match doubt.resolution() {
        Resolution::Alarm => "a sync would apply it at once, with an alarm",
        Resolution::SecondCopy => "a sync would wait for a second copy",
        Resolution::Person => "a sync would hold it for a person",
    };
    format!("{doubt}: {then}")
}

impl Services {
    /// The held listing of this digest.
    fn held(&self, digest: Sha256Digest) -> Result<HeldListing, Rejection> {
        let state = self.sync.state();
        let held = state.held.iter().find(|held| held.sha256 == digest);
        held.cloned().ok_or_else(|| {
            ErrorReason::ListingNotHeld.reject("no listing of that digest is held: see what is with `rmdd status`")
        })
    }

    /// What would become of the peers. Changes nothing.
    ///
    /// # Errors
    ///
    /// If what is supposed makes no sense, or no listing is loaded.
    pub async fn impact(&self, request: ImpactRequest) -> Result<ImpactReport, Rejection> {
        let held = request.held.map(|digest| self.held(digest)).transpose()?;
        let services = self.clone();
        tokio::task::spawn_blocking(move || services.suppose(request, held)).await.map_err(|_| {
            ErrorReason::Internal.reject("the assessment came to an unexpected end; nothing was changed")
        })?
    }

    fn suppose(&self, request: ImpactRequest, held: Option<HeldListing>) -> Result<ImpactReport, Rejection> {
        let (index, records, policy) = (self.loaded()?, self.records.load_full(), self.policy.load_full());
        let (vet, now) = (self.sync.settings().vet.clone(), clock::now());
        let refused = |problem: String| ErrorReason::InvalidSupposition.reject(problem);
        let listing = match held {
            // The bytes wait in the archive.
            Some(held) => Archive::new(&self.state_dir)
                .read(held.sha256, held.bytes)
                .map_err(|error| refused(format!("the held listing cannot be read: {error}")))?,
            None => request.listing,
        };
        let (next_index, doubts) = match listing.is_empty() {
            true => (None, Vec::new()),
            false => impact::suppose_listing(&index, &listing, &vet, now)
                .map(|(index, doubts)| (Some(index), doubts))
                .map_err(|refusal| refused(format!("the listing would be refused: {refusal}")))?,
        };
        let unmatched = unmatched(&request.records, &index);
        let put = Change::Put { records: request.records, replace: true, by: "a supposition".to_owned() };
        let next_records = records.after(&plan(&records, put, now).map_err(|error| Rejection::from(&error))?);
        let mut cells: PolicyConfig = policy.cells.clone();
        for (setting, value) in &request.policy {
            cells = impact::suppose_setting(&cells, setting, value).map_err(|bad| refused(bad.to_string()))?;
        }
        let next_policy = Policy { cells, ..(*policy).clone() };
        let then = Basis { index: next_index.as_ref().unwrap_or(&index), records: &next_records, policy: &next_policy };
        let at_present = Basis { index: &index, records: &records, policy: &policy };
        let peers = impact::assess(at_present, then, now);
        let reach = impact::reach(at_present, then, now);
        let count = |counts: fn(&PeerImpact) -> bool| peers.iter().filter(|peer| counts(peer)).count() as u64;
        Ok(ImpactReport {
            listing_doubts: doubts.iter().map(told).collect(),
            unmatched,
            in_some_role: reach.peers,
            providers: reach.providers,
            asked: peers.len() as u64,
            refused: count(PeerImpact::is_refused),
            newly_refused: count(PeerImpact::is_newly_refused),
            newly_accepted: count(PeerImpact::is_newly_accepted),
            peers: peers.into_iter().filter(|peer| peer.is_refused() || peer.changes()).collect(),
            index,
            then: next_index,
        })
    }
}
