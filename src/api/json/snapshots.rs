//! The snapshots that history reaches back to, as JSON.

use jiff::Timestamp;
use serde::Serialize;

use super::{Note, Snapshot, filled};
use crate::service;

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
pub(crate) struct ListedSnapshot<'a> {
    #[serde(flatten)]
    pub snapshot: Option<Snapshot>,
    /// Since when answers rested on it.
    pub applied_at: Option<Timestamp>,
    /// How many filings stood in it.
    pub filings: u64,
    /// The source that it came from, without its secrets.
    pub source: String,
    /// How many bytes were published.
    pub bytes: u64,
    /// How many changes it brought.
    pub changes: Changes,
    /// What was out of the ordinary, and why it was applied all the same.
    pub notes: Vec<Note<'a>>,
}

/// A page of snapshots.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Snapshots<'a> {
    /// The snapshots, newest first.
    pub snapshots: Vec<ListedSnapshot<'a>>,
    /// What asks for the next page; null behind the last.
    pub next_page_token: Option<String>,
    /// How many there are on all pages.
    pub total: u64,
}

impl<'a> From<&'a service::ListedSnapshot> for ListedSnapshot<'a> {
    fn from(listed: &'a service::ListedSnapshot) -> Self {
        let note = |(code, message): &'a (&'static str, String)| Note {
            code: (*code).into(),
            message: message.as_str().into(),
        };
        Self {
            snapshot: Some(Snapshot::from(&listed.snapshot)),
            applied_at: Some(listed.applied_at),
            filings: listed.filings,
            source: listed.source.clone(),
            bytes: listed.bytes,
            changes: Changes {
                listed: listed.changes.listed,
                amended: listed.changes.amended,
                removed: listed.changes.removed,
                reinstated: listed.changes.reinstated,
            },
            notes: listed.notes.iter().map(note).collect(),
        }
    }
}

impl<'a> From<&'a service::SnapshotsPage> for Snapshots<'a> {
    fn from(page: &'a service::SnapshotsPage) -> Self {
        Self {
            snapshots: page.snapshots.iter().map(ListedSnapshot::from).collect(),
            next_page_token: filled(&page.next_page_token),
            total: page.total,
        }
    }
}
