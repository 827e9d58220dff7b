//! `ListSnapshots`: which listings were applied, when, and why.

use tonic::Status;

use super::convert::{self, time_to_wire};
use super::history::time;
use super::{ErrorReason, Services, error, v1};
use crate::clock;
use crate::domain::{Anomaly, ChangeCounts, SnapshotSerial};
use crate::history::SnapshotRecord;
use crate::index::Index;
use crate::store::SnapshotsAsked;

const DEFAULT_PAGE: usize = 500;
const LARGEST_PAGE: usize = 2000;

impl Services {
    pub(super) async fn snapshots(
        &self,
        request: v1::ListSnapshotsRequest,
    ) -> Result<v1::ListSnapshotsResponse, Status> {
        let page = match request.page_size {
            0 => DEFAULT_PAGE,
            size => usize::try_from(size).unwrap_or(LARGEST_PAGE).min(LARGEST_PAGE),
        };
        let before = match request.page_token.as_str() {
            "" => None,
            token => Some(SnapshotSerial(token.parse().map_err(|_| {
                ErrorReason::InvalidPageToken.status(format!("{token:?} is no page token of this daemon"))
            })?)),
        };
        let asked = SnapshotsAsked {
            before,
            since: request.since.as_ref().map(time).transpose()?,
            until: request.until.as_ref().map(time).transpose()?,
        };
        let (store, index) = (self.store.clone(), self.index.load_full());
        // One more than fits says whether another page follows.
        let read = tokio::task::spawn_blocking(move || store.snapshot_page(&asked, page + 1))
            .await
            .map_err(|_| ErrorReason::StoreFailed.status("reading the store was interrupted"))?;
        let (mut found, total) = read.map_err(|error| error::from_store(&error))?;
        let mut next_page_token = String::new();
        if found.len() > page {
            found.truncate(page);
            next_page_token = found.last().map(|(last, _)| last.serial.to_string()).unwrap_or_default();
        }
        let snapshots = found.iter().map(|(record, counts)| listed(record, *counts, index.as_deref())).collect();
        Ok(v1::ListSnapshotsResponse { snapshots, next_page_token, total: total as u64 })
    }
}

fn listed(record: &SnapshotRecord, counts: ChangeCounts, current: Option<&Index>) -> v1::ListedSnapshot {
    let now = clock::now();
    // When the one that is served was last confirmed is on record elsewhere, until the next one comes.
    let served = current.filter(|index| index.snapshot().serial == record.serial);
    let snapshot = served.map_or_else(|| convert::snapshot_record(record, now), |index| convert::snapshot(index, now));
    v1::ListedSnapshot {
        snapshot: Some(snapshot),
        applied_at: Some(time_to_wire(record.applied_at)),
        filings: record.filings,
        source: record.source.clone(),
        bytes: record.bytes,
        listed: counts.listed,
        amended: counts.amended,
        removed: counts.removed,
        reinstated: counts.reinstated,
        notes: record.anomalies.iter().map(note).collect(),
    }
}

fn note(anomaly: &Anomaly) -> v1::SnapshotNote {
    let message = match anomaly {
        // Whoever may ask about providers may not therefore know who decides here.
        Anomaly::LetThrough { doubts, .. } => format!("the listing was let through by a person, though {doubts}"),
        other => other.to_string(),
    };
    v1::SnapshotNote { code: anomaly.code().to_owned(), message }
}
