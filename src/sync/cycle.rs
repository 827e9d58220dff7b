//! One cycle.

use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::acquire::{Acquired, NoListing, acquire};
use super::{SyncProgress, SyncSettings, SyncStage};
use crate::clock;
use crate::diff::diff;
use crate::domain::{ChangeCounts, Delta, RemovalHistory, Snapshot, SyncOutcome, SyncRecord, SyncTrigger};
use crate::fetch::{Fetched, FetchedListing};
use crate::index::{Index, PublishedIndex};
use crate::parse::parse;
use crate::store::{Store, StoreError, SyncState};
use crate::vet::{Provenance, Refusal, vet};

/// Why a cycle brought nothing.
#[derive(Debug, Error)]
enum CycleError {
    #[error(transparent)]
    Fetch(#[from] NoListing),
    #[error("the source says that a listing has not changed, and none stands: the next sync asks for it whole")]
    NothingToConfirm,
    #[error("the listing that was fetched cannot be read again: {0}")]
    Reread(std::io::Error),
    #[error("{0}{hint}", hint = .1.as_deref().unwrap_or_default())]
    Refused(Refusal, Option<String>),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the {0} stage came to an unexpected end; the listing that is served has not changed")]
    Panicked(&'static str),
}

/// What a listing came to before anything was written.
struct Prepared {
    snapshot: Snapshot,
    delta: Option<Delta>,
}

/// Runs one cycle to its end and records it. It always has an outcome.
pub async fn run(
    store: &Arc<Store>,
    index: &Arc<PublishedIndex>,
    state: &ArcSwap<SyncState>,
    settings: Arc<SyncSettings>,
    incoming: &Path,
    progress: &watch::Sender<Option<SyncProgress>>,
    trigger: SyncTrigger,
) -> SyncRecord {
    let started_at = clock::now();
    let report = |stage, bytes, bytes_expected| {
        progress.send_replace(Some(SyncProgress { stage, bytes, bytes_expected, started_at, trigger }));
    };
    report(SyncStage::Fetch, 0, None);
    let standing = index.load().as_ref().map(|index| index.snapshot().sha256);
    let fetching = |bytes, expected| report(SyncStage::Fetch, bytes, expected);
    let Acquired { fetched, source, passed_over, sources } =
        acquire(&settings, &state.load().sources, standing, incoming, fetching).await;
    let record = |outcome| SyncRecord {
        at: clock::now(),
        trigger,
        source: source.clone(),
        outcome,
        passed_over: passed_over.clone(),
        sources: sources.clone(),
    };
    let outcome = match attempt(fetched, store, index, state, &settings, &report, &record).await {
        Ok(record) => return finish(record, started_at),
        Err(CycleError::Refused(refusal, hint)) => {
            SyncOutcome::Refused { reason: CycleError::Refused(refusal, hint).to_string() }
        }
        Err(error) => SyncOutcome::Failed { error: error.to_string() },
    };
    let record = record(outcome);
    let kept = {
        let (store, record) = (Arc::clone(store), record.clone());
        spawn_blocking(move || store.record_cycle(&record, None)).await
    };
    match kept {
        Ok(Ok(kept)) => state.store(Arc::new(kept)),
        failed => {
            // The disk may be what failed. The cycle is kept in memory, so that status tells of it all the same.
            if let Ok(Err(error)) = failed {
                tracing::error!(%error, "the outcome of the sync could not be recorded: {error}");
            }
            let before = state.load_full();
            state.store(Arc::new(SyncState {
                last: Some(record.clone()),
                failures_since: before.failures_since + 1,
                sources: record.sources.clone(),
                ..(*before).clone()
            }));
        }
    }
    finish(record, started_at)
}

async fn attempt(
    fetched: Result<Fetched, NoListing>,
    store: &Arc<Store>,
    index: &Arc<PublishedIndex>,
    state: &ArcSwap<SyncState>,
    settings: &SyncSettings,
    report: &(impl Fn(SyncStage, u64, Option<u64>) + Send + Sync),
    record: &(impl Fn(SyncOutcome) -> SyncRecord + Send + Sync),
) -> Result<SyncRecord, CycleError> {
    let current = index.load_full();
    let (confirmed_at, fetched) = match fetched? {
        Fetched::NotModified { at } => (Some(at), None),
        Fetched::Listing(fetched) => {
            let same = current.as_ref().is_some_and(|current| current.snapshot().sha256 == fetched.sha256);
            (same.then_some(fetched.fetched_at), Some(fetched))
        }
    };
    if let (Some(current), Some(at)) = (&current, confirmed_at) {
        let record = record(SyncOutcome::Unchanged {
            serial: current.snapshot().serial,
            filings: current.snapshot().filings.len() as u64,
        });
        let kept = {
            let (store, record, current) = (Arc::clone(store), record.clone(), Arc::clone(current));
            spawn_blocking(move || store.record_cycle(&record, Some((current.snapshot(), at)))).await
        };
        state.store(Arc::new(kept.map_err(|_| CycleError::Panicked("commit"))??));
        index.publish(current.confirmed(at));
        return Ok(record);
    }
    let fetched = fetched.ok_or(CycleError::NothingToConfirm)?;
    let bytes = fetched.length;

    report(SyncStage::Vet, bytes, Some(bytes));
    let prepared = {
        let (current, settings) = (current.clone(), settings.vet.clone());
        spawn_blocking(move || prepare(fetched, current.as_deref(), &settings)).await
    };
    let prepared = prepared.map_err(|_| CycleError::Panicked("vet"))??;

    report(SyncStage::Commit, bytes, Some(bytes));
    let outcome = SyncOutcome::Applied {
        serial: prepared.snapshot.serial,
        filings: prepared.snapshot.filings.len() as u64,
        changes: prepared.delta.as_ref().map(Delta::counts).unwrap_or_default(),
    };
    let record = record(outcome);
    let committed = {
        let (store, record) = (Arc::clone(store), record.clone());
        spawn_blocking(move || commit(&store, current.as_deref(), prepared, &record)).await
    };
    let (next, kept) = committed.map_err(|_| CycleError::Panicked("commit"))??;
    // Only now, with the snapshot on disk, may an answer rest on it.
    index.publish(next);
    state.store(Arc::new(kept));
    Ok(record)
}

/// Parse, vet and diff: all that can be known before anything is written.
fn prepare(
    fetched: FetchedListing,
    current: Option<&Index>,
    config: &crate::vet::VetConfig,
) -> Result<Prepared, CycleError> {
    let source = fetched.source.clone();
    let previous = current.map(Index::snapshot);
    let refused = |refusal: Refusal| {
        // A loss that large is what another source's listing looks like too.
        let hint = previous
            .filter(|previous| previous.source != source && matches!(refusal, Refusal::TooManyGone { .. }))
            .map(|previous| {
                format!(
                    ". The standing listing came from another source, {}: if the new one is meant to replace it, use a \
                     state directory of its own",
                    previous.source
                )
            });
        CycleError::Refused(refusal, hint)
    };
    let listing = parse(&fetched.read().map_err(CycleError::Reread)?).map_err(|error| refused(error.into()))?;
    let provenance = Provenance {
        sha256: fetched.sha256,
        source: source.clone(),
        bytes: fetched.length,
        fetched_at: not_before(fetched.fetched_at, current),
    };
    drop(fetched);
    let snapshot = vet(listing, provenance, previous, config).map_err(refused)?;
    let removed = |number| current.and_then(|current| current.removals().open(number)).map(|removal| &removal.filing);
    let delta = diff(previous, removed, &snapshot);
    Ok(Prepared { snapshot, delta })
}

/// A clock that was set back must not make a filing missing before it was last seen.
fn not_before(fetched_at: Timestamp, current: Option<&Index>) -> Timestamp {
    current.map_or(fetched_at, |current| fetched_at.max(current.confirmed_at()))
}

fn commit(
    store: &Store,
    current: Option<&Index>,
    prepared: Prepared,
    record: &SyncRecord,
) -> Result<(Index, SyncState), StoreError> {
    let Prepared { snapshot, delta } = prepared;
    let nothing = RemovalHistory::default();
    let history = current.map_or(&nothing, Index::removals);
    let (removals, touched) = match &delta {
        Some(delta) => {
            let last_seen_at = current.map_or(snapshot.fetched_at, Index::confirmed_at);
            history.after(delta, last_seen_at, &snapshot)
        }
        None => (history.clone(), Vec::new()),
    };
    let (last_change, state) = store.commit(&snapshot, delta.as_ref(), &touched, record)?;
    Ok((Index::build(snapshot, removals, last_change), state))
}

/// The one line that says what a sync did. The sentence holds it all for people; the fields, for machines.
fn finish(record: SyncRecord, started_at: Timestamp) -> SyncRecord {
    let took_ms = clock::now().duration_since(started_at).as_millis();
    let (outcome, trigger, source) = (record.outcome.as_str(), record.trigger.as_str(), record.source.as_str());
    match &record.outcome {
        SyncOutcome::Applied { serial, filings, changes } => {
            let ChangeCounts { listed, amended, removed, reinstated } = *changes;
            tracing::info!(
                outcome,
                trigger,
                source,
                snapshot = serial.0,
                filings,
                listed,
                amended,
                removed,
                reinstated,
                took_ms,
                "sync applied snapshot {serial}: {filings} filings; {listed} listed, {amended} amended, {removed} \
                 removed, {reinstated} reinstated ({trigger}, {took_ms} ms)"
            );
        }
        SyncOutcome::Unchanged { serial, filings } => tracing::info!(
            outcome,
            trigger,
            source,
            snapshot = serial.0,
            filings,
            took_ms,
            "sync confirmed snapshot {serial}: {filings} filings, unchanged ({trigger}, {took_ms} ms)"
        ),
        SyncOutcome::Refused { reason } => tracing::error!(
            outcome,
            trigger,
            source,
            reason,
            took_ms,
            "sync refused the listing and changed nothing: {reason} (from {source}; {trigger}, {took_ms} ms)"
        ),
        SyncOutcome::Failed { error } => tracing::error!(
            outcome,
            trigger,
            source,
            error,
            took_ms,
            "sync failed and changed nothing: {error} ({trigger}, {took_ms} ms)"
        ),
    }
    for fault in &record.passed_over {
        let (source, kind, error) = (fault.source.as_str(), fault.kind.as_str(), fault.error.as_str());
        tracing::warn!(source, kind, error, "a source that is preferred gave no listing: {error}");
    }
    record
}
