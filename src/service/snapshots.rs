//! Which listings were applied, when, and why.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Services, SnapshotRef, page_size, store_failed};
use crate::domain::{Anomaly, ChangeCounts, ErrorReason, Rejection, SnapshotSerial};
use crate::listing::index::Index;
use crate::listing::rewind::SnapshotRecord;
use crate::observe::clock;
use crate::store::SnapshotsAsked;

const DEFAULT_PAGE: usize = 500;
const LARGEST_PAGE: usize = 2000;

/// Which snapshots are wanted.
#[derive(Debug, Clone, Default)]
pub struct SnapshotsRequest {
    /// Those that were applied at this time or after it.
    pub since: Option<Timestamp>,
    /// Those that were applied at this time or before it.
    pub until: Option<Timestamp>,
    /// So many at most; 0 leaves it to the daemon.
    pub page_size: u32,
    /// Those behind this page; empty for the first.
    pub page_token: String,
}

/// A page of snapshots.
#[derive(Debug, Clone)]
pub struct SnapshotsPage {
    /// The snapshots, newest first.
    pub snapshots: Vec<ListedSnapshot>,
    /// What asks for the next page; empty behind the last.
    pub next_page_token: String,
    /// How many there are on all pages.
    pub total: u64,
}

/// A listing that was applied.
#[derive(Debug, Clone)]
pub struct ListedSnapshot {
    /// Which.
    pub snapshot: SnapshotRef,
    /// Since when answers rested on it.
    pub applied_at: Timestamp,
    /// How many filings it has.
    pub filings: u64,
    /// The source that it came from, without its secrets.
    pub source: String,
    /// How many bytes were published.
    pub bytes: u64,
    /// How many changes it brought.
    pub changes: ChangeCounts,
    /// What was unusual, and why it was applied all the same: code and sentence.
    pub notes: Vec<(&'static str, String)>,
}

impl Services {
    /// A page of the snapshots on record.
    ///
    /// # Errors
    ///
    /// If the page token is none of ours, or the store cannot be read.
    pub async fn snapshots(&self, request: &SnapshotsRequest) -> Result<SnapshotsPage, Rejection> {
        let page = page_size(request.page_size, DEFAULT_PAGE, LARGEST_PAGE);
        let before = match request.page_token.as_str() {
            "" => None,
            token => Some(SnapshotSerial(token.parse().map_err(|_| {
                ErrorReason::InvalidPageToken.reject(format!("{token:?} is no page token of this daemon"))
            })?)),
        };
        let asked = SnapshotsAsked { before, since: request.since, until: request.until };
        let (store, index) = (Arc::clone(&self.store), self.index.load_full());
        // One more than fits says whether another page follows.
        let read = self.budget.work.blocking(move || store.snapshot_page(&asked, page + 1)).await?;
        let (mut found, total) = read.map_err(|error| store_failed(&error))?;
        let mut next_page_token = String::new();
        if found.len() > page {
            found.truncate(page);
            next_page_token = found.last().map(|(last, _)| last.serial.to_string()).unwrap_or_default();
        }
        let snapshots = found.iter().map(|(record, counts)| listed(record, *counts, index.as_deref())).collect();
        Ok(SnapshotsPage { snapshots, next_page_token, total: total as u64 })
    }
}

fn listed(record: &SnapshotRecord, changes: ChangeCounts, current: Option<&Index>) -> ListedSnapshot {
    let now = clock::now();
    // When the one that is served was last confirmed is on record elsewhere, until the next one comes.
    let served = current.filter(|index| index.snapshot().serial == record.serial);
    ListedSnapshot {
        snapshot: served.map_or_else(|| SnapshotRef::on_record(record, now), |index| SnapshotRef::of(index, now)),
        applied_at: record.applied_at,
        filings: record.filings,
        source: record.source.clone(),
        bytes: record.bytes,
        changes,
        notes: record.anomalies.iter().map(|anomaly| (anomaly.code().as_str(), note(anomaly))).collect(),
    }
}

fn note(anomaly: &Anomaly) -> String {
    match anomaly {
        // Whoever may ask about providers may not therefore know who decides here.
        Anomaly::LetThrough { doubts, .. } => format!("the listing was let through by a person, though {doubts}"),
        other => other.to_string(),
    }
}
