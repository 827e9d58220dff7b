//! Which fleet, and where a site stands in its logs.

use std::fmt;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::Sha256Digest;

/// Tells one fleet from all others. Drawn when it is founded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FleetId(pub [u8; 16]);

impl fmt::Display for FleetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// One of the two logs of a fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Log {
    /// Snapshots, cycles and held listings.
    Listing,
    /// Events of operators' records.
    Records,
}

impl Log {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Listing, Self::Records];

    /// The word in keys and sentences.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listing => "listing",
            Self::Records => "records",
        }
    }
}

/// A place in a log: behind which entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The entry's index, from 1; 0 before the first.
    pub index: u64,
    /// The digest of the entry, which covers all before it.
    pub sha256: Sha256Digest,
    /// The entry's time. No later entry has an earlier one.
    pub at: Timestamp,
}

impl Position {
    /// Before the first entry. What the first one follows is the fleet itself and the log, so that no entry of another fits.
    pub fn origin(fleet: FleetId, log: Log) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"rmdd fleet\0");
        hasher.update(fleet.0);
        hasher.update(log.as_str());
        Self { index: 0, sha256: Sha256Digest(hasher.finalize().into()), at: Timestamp::UNIX_EPOCH }
    }
}

/// Where a store stands in a fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FleetPosition {
    /// Which fleet.
    pub fleet: FleetId,
    /// In the log of the listing.
    pub listing: Position,
    /// In the log of records.
    pub records: Position,
}

impl FleetPosition {
    /// Before the first entry of both.
    pub fn origin(fleet: FleetId) -> Self {
        let origin = |log| Position::origin(fleet, log);
        Self { fleet, listing: origin(Log::Listing), records: origin(Log::Records) }
    }

    /// In one of the logs.
    pub fn of(&self, log: Log) -> Position {
        match log {
            Log::Listing => self.listing,
            Log::Records => self.records,
        }
    }
}
