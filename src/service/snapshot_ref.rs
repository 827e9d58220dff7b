//! Which listing an answer rests on.

use jiff::{SignedDuration, Timestamp};

use crate::domain::{Sha256Digest, SnapshotSerial, age};
use crate::listing::index::Index;
use crate::listing::rewind::SnapshotRecord;

/// Which listing an answer rests on, and how old it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotRef {
    /// The snapshot's number.
    pub serial: SnapshotSerial,
    /// Digest of the published bytes.
    pub sha256: Sha256Digest,
    /// Digest of the listing as it is exported in CSV; not known of some snapshots of the past.
    pub listing_sha256: Option<Sha256Digest>,
    /// When these bytes were first fetched.
    pub fetched_at: Timestamp,
    /// When the source last published these very bytes.
    pub confirmed_at: Timestamp,
    /// The time since the last confirmation, in whole seconds; below zero where that lies ahead of the clock.
    pub age: SignedDuration,
}

impl SnapshotRef {
    /// The listing of an index.
    pub fn of(index: &Index, now: Timestamp) -> Self {
        let snapshot = index.snapshot();
        Self {
            serial: snapshot.serial,
            sha256: snapshot.sha256,
            listing_sha256: Some(index.listing_sha256()),
            fetched_at: snapshot.fetched_at,
            confirmed_at: index.confirmed_at(),
            age: whole_seconds(index.confirmed_at(), now),
        }
    }

    /// A listing of the past, as it is on record.
    pub fn on_record(record: &SnapshotRecord, now: Timestamp) -> Self {
        Self {
            serial: record.serial,
            sha256: record.sha256,
            listing_sha256: record.listing_sha256,
            fetched_at: record.fetched_at,
            confirmed_at: record.confirmed_at,
            age: whole_seconds(record.confirmed_at, now),
        }
    }
}

fn whole_seconds(confirmed_at: Timestamp, now: Timestamp) -> SignedDuration {
    SignedDuration::from_secs(age(confirmed_at, now).as_secs())
}
