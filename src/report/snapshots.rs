//! The snapshots that history reaches back to, as JSON.

use serde::Serialize;

use super::{Note, Snapshot, filled, time};
use crate::grpc::v1;

/// What a snapshot changed.
#[derive(Debug, Clone, Serialize)]
pub struct Changes {
    /// Filings that it had for the first time.
    pub listed: u64,
    /// Filings of which cells changed.
    pub amended: u64,
    /// Filings that were gone.
    pub removed: u64,
    /// Filings that stood again.
    pub reinstated: u64,
}

/// A listing that was applied.
#[derive(Debug, Clone, Serialize)]
pub struct ListedSnapshot {
    /// Which.
    #[serde(flatten)]
    pub snapshot: Option<Snapshot>,
    /// Since when answers rested on it.
    pub applied_at: Option<String>,
    /// How many filings stood in it.
    pub filings: u64,
    /// The source that it came from, without its secrets.
    pub source: String,
    /// How many bytes were published.
    pub bytes: u64,
    /// How many changes it brought.
    pub changes: Changes,
    /// What was out of the ordinary, and why it was applied all the same.
    pub notes: Vec<Note>,
}

impl From<&v1::ListedSnapshot> for ListedSnapshot {
    fn from(listed: &v1::ListedSnapshot) -> Self {
        let note = |note: &v1::SnapshotNote| Note { code: note.code.clone(), message: note.message.clone() };
        Self {
            snapshot: listed.snapshot.as_ref().map(Snapshot::from),
            applied_at: time(listed.applied_at.as_ref()),
            filings: listed.filings,
            source: listed.source.clone(),
            bytes: listed.bytes,
            changes: Changes {
                listed: listed.listed,
                amended: listed.amended,
                removed: listed.removed,
                reinstated: listed.reinstated,
            },
            notes: listed.notes.iter().map(note).collect(),
        }
    }
}

/// A page of snapshots.
#[derive(Debug, Clone, Serialize)]
pub struct Snapshots {
    /// The snapshots, newest first.
    pub snapshots: Vec<ListedSnapshot>,
    /// What asks for the next page; null behind the last.
    pub next_page_token: Option<String>,
    /// How many there are on all pages.
    pub total: u64,
}

impl From<&v1::ListSnapshotsResponse> for Snapshots {
    fn from(page: &v1::ListSnapshotsResponse) -> Self {
        Self {
            snapshots: page.snapshots.iter().map(ListedSnapshot::from).collect(),
            next_page_token: filled(&page.next_page_token),
            total: page.total,
        }
    }
}
