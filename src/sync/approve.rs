//! A person lets a held listing through.

use std::sync::Arc;

use tokio::sync::watch;

use super::apply::{Published, apply, archived, prepare};
use super::clocks::believed;
use super::cycle::{self, CycleError};
use super::{Approval, ApprovalError, At, SyncProgress, SyncSettings, SyncStage, reported};
use crate::domain::visible::one_line;
use crate::domain::{Anomaly, HeldListing, SyncOutcome, SyncRecord, SyncTrigger, listed};
use crate::observe::clock;

/// Applies the archived bytes of a held listing, whatever there is to doubt about them.
pub async fn run(
    at: &At,
    settings: &SyncSettings,
    progress: &watch::Sender<Option<SyncProgress>>,
    approval: Approval,
) -> Result<SyncRecord, ApprovalError> {
    let started_at = clock::now();
    at.catch_up().await;
    let state = at.state.load_full();
    let held = state.held.iter().find(|held| held.sha256 == approval.sha256).ok_or_else(|| ApprovalError::NotHeld {
        sha256: approval.sha256,
        held: state.held.iter().map(|held| held.sha256.to_string()).collect(),
    })?;
    progress.send_replace(Some(SyncProgress {
        stage: SyncStage::Vet,
        bytes: held.bytes,
        bytes_expected: Some(held.bytes),
        started_at,
        trigger: SyncTrigger::Approval,
        waits_until: None,
    }));
    let mut published = archived(at, held).await?;
    // It may have been fetched while the clock was ahead.
    published.fetched_at = published.fetched_at.min(started_at);
    let by = one_line(&approval.by);
    tracing::warn!(sha256 = %held.sha256, by, "a held listing is let through by {by}: {}", held.sha256);
    let record = |outcome| SyncRecord {
        at: clock::now(),
        trigger: SyncTrigger::Approval,
        source: held.source.clone(),
        outcome,
        passed_over: Vec::new(),
        sources: Vec::new(),
    };
    let record = match let_through(at, settings, published, held, approval.by, &record).await {
        Ok(record) => record,
        Err(error) => cycle::record_failure(at, error, record).await,
    };
    Ok(reported::tell(&at.tally, record, started_at))
}

async fn let_through(
    at: &At,
    settings: &SyncSettings,
    published: Published,
    held: &HeldListing,
    by: String,
    record: &impl Fn(SyncOutcome) -> SyncRecord,
) -> Result<SyncRecord, CycleError> {
    // It may have been fetched by a clock that was behind: what has been confirmed since is held against now.
    let now = clock::now().max(published.fetched_at);
    let source = at.state.load().sources.iter().find(|source| source.source == published.source).cloned();
    let current = believed(at.index.load_full(), now, source.as_ref());
    let prepared = prepare(published, current.as_ref().map(Arc::clone), settings.vet.clone(), at.peers()).await?;
    let doubts = match prepared.doubts() {
        now if now.is_empty() => listed(&held.doubts),
        now => now,
    };
    apply(at, prepared, current, Some(Anomaly::LetThrough { by, doubts }), record).await
}
