//! From fetched bytes to a published snapshot: what a cycle and an approval do alike.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::task::spawn_blocking;

use super::At;
use super::cycle::CycleError;
use crate::domain::{Anomaly, HeldListing, Sha256Digest, SyncOutcome, SyncRecord, listed};
use crate::listing::index::Index;
use crate::listing::next::{Current, FetchedAt, FetchedListing, Vetting};
use crate::listing::vet::{Doubt, OwnPeer, Refusal, Resolution, VetConfig, Vetted};
use crate::store::archive::{Application, ArchiveError};
use crate::store::{Committed, SnapshotFact, StoreError};

/// Published bytes, and where and when they came.
#[derive(Debug, Clone)]
pub struct Published {
    pub bytes: bytes::Bytes,
    pub sha256: Sha256Digest,
    pub source: String,
    pub fetched_at: Timestamp,
}

/// Published bytes and what vetting makes of them.
#[derive(Debug)]
pub struct Prepared {
    pub published: Published,
    pub vetted: Vetted,
}

impl Prepared {
    /// The same, known since an earlier copy was fetched that says the same.
    pub fn first_fetched(mut self, at: Timestamp, current: Option<&Index>) -> Self {
        // No earlier than what stands was last seen, and no later than the copy that is applied.
        let earliest = current.map_or(at, Index::confirmed_at);
        self.vetted.snapshot.fetched_at = at.max(earliest).min(self.vetted.snapshot.fetched_at);
        self
    }

    /// All that keeps it from being applied at once.
    pub fn doubts(&self) -> String {
        let waits = self.vetted.doubts.iter().filter(|doubt| doubt.resolution() > Resolution::Alarm);
        listed(&waits.map(Doubt::to_string).collect::<Vec<_>>())
    }
}

/// The bytes of a held listing, out of the archive.
pub async fn archived(at: &At, held: &HeldListing) -> Result<Published, ArchiveError> {
    let (archive, sha256, limit) = (at.archive.clone(), held.sha256, held.bytes);
    let read = spawn_blocking(move || archive.read(sha256, limit)).await;
    let bytes = read.map_err(|_| at.archive.interrupted())??.into();
    Ok(Published { bytes, sha256, source: held.source.clone(), fetched_at: held.last_fetched_at })
}

/// Parses and vets: nothing is written.
pub async fn prepare(
    published: Published,
    current: Option<Arc<Index>>,
    config: VetConfig,
    peers: Vec<OwnPeer>,
) -> Result<Prepared, CycleError> {
    let prepared = spawn_blocking(move || judge(published, current.as_deref(), &config, &peers)).await;
    Ok(prepared.map_err(|_| CycleError::Panicked("vet"))??)
}

fn judge(
    published: Published,
    current: Option<&Index>,
    config: &VetConfig,
    peers: &[OwnPeer],
) -> Result<Prepared, Refusal> {
    let fetched = FetchedListing {
        bytes: &published.bytes,
        sha256: published.sha256,
        source: published.source.clone(),
        fetched_at: FetchedAt::Clock(published.fetched_at),
    };
    let vetted = Current::of(current).vet(fetched, Vetting { config, peers })?;
    Ok(Prepared { published, vetted })
}

/// Archives, commits, and only then publishes. `why` is a note for the snapshot, if it was not applied as a matter of
/// course.
pub async fn apply(
    at: &At,
    prepared: Prepared,
    current: Option<Arc<Index>>,
    why: Option<Anomaly>,
    record: impl FnOnce(SyncOutcome) -> SyncRecord,
) -> Result<SyncRecord, CycleError> {
    let Prepared { published, mut vetted } = prepared;
    vetted.snapshot.anomalies.extend(why.clone());
    let step = Current::of(current.as_deref()).step(&vetted.snapshot);
    let record = record(SyncOutcome::Applied {
        serial: vetted.snapshot.serial,
        filings: vetted.snapshot.filings.len() as u64,
        changes: step.counts(),
    });
    let _turn = at.facts.lock().await;
    let committed = {
        let (ledger, archive, cycle) = (at.ledger.clone(), at.archive.clone(), record.clone());
        let fault = Arc::clone(&at.archive_fault);
        spawn_blocking(move || {
            let (sha256, fetched_at) = (published.sha256, published.fetched_at);
            // The order stands in the listing, not in the archive: a full disk must not keep a removal from taking
            // effect as long as the store itself can be written.
            let again = archive.was_applied(sha256, current.as_deref().map(|current| current.snapshot().fetched_at));
            At::keep(&archive, &fault, &published.bytes, sha256, fetched_at);
            drop(published);
            let (known, confirmed_at) = (vetted.snapshot.fetched_at, vetted.snapshot.confirmed_at);
            let applied_at = cycle.at.max(known);
            let application = Application { sha256, fetched_at: known, confirmed_at, applied_at, again, why };
            let fact = SnapshotFact { snapshot: vetted.snapshot, step, current, cycle };
            let Committed { last_change, listing_sha256, state } = ledger.snapshot(&fact)?;
            // Only what is so. A store that is begun again has it from there.
            if let Err(error) = archive.note(&application) {
                tracing::warn!(%error, "how the listing came to be applied could not be written down in the archive: {error}");
            }
            let index = Index::build_known(fact.snapshot, listing_sha256, fact.step.removals, last_change);
            Ok::<_, StoreError>((index, state))
        })
        .await
    };
    let (next, kept) = committed.map_err(|_| CycleError::Panicked("commit"))??;
    // Only now, with the snapshot on disk, may an answer rest on it.
    at.publish(next);
    at.state.store(Arc::new(kept));
    Ok(record)
}
