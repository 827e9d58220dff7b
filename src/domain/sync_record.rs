//! What a sync cycle came to.

use std::fmt;

use jiff::Timestamp;

use super::{Sha256Digest, SnapshotSerial, SourceFault, SourceState};

/// What started a sync cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SyncTrigger {
    /// The daemon started and a sync was due.
    Startup,
    /// The schedule.
    Schedule,
    /// An operator: `rmdd sync` or the TriggerSync call.
    Operator,
    /// A reload changed the source.
    Reload,
    /// A person let a held listing through.
    Approval,
    /// The cycle before failed: asked again ahead of schedule.
    Retry,
}

impl SyncTrigger {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Startup, Self::Schedule, Self::Operator, Self::Reload, Self::Approval, Self::Retry];

    /// The word in JSON, logs and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Startup => "startup",
            Self::Schedule => "schedule",
            Self::Operator => "operator",
            Self::Reload => "reload",
            Self::Approval => "approval",
            Self::Retry => "retry",
        }
    }
}

impl fmt::Display for SyncTrigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How many changes of each kind a snapshot brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChangeCounts {
    /// Filings that stand for the first time.
    pub listed: u64,
    /// Filings of which cells changed.
    pub amended: u64,
    /// Filings that are gone.
    pub removed: u64,
    /// Filings that stand again.
    pub reinstated: u64,
}

/// What a sync cycle came to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyncOutcome {
    /// A new snapshot was committed and published.
    Applied {
        /// Its number.
        serial: SnapshotSerial,
        /// How many filings stand in it.
        filings: u64,
        /// What it changed.
        changes: ChangeCounts,
    },
    /// The source published the very bytes of the current snapshot.
    Unchanged {
        /// The current snapshot's number.
        serial: SnapshotSerial,
        /// How many filings stand in it.
        filings: u64,
    },
    /// A listing was fetched that is hard to believe: nothing changed, and it is kept.
    Held {
        /// Digest of its bytes.
        sha256: Sha256Digest,
        /// Why, and what to do.
        reason: String,
    },
    /// Something was fetched and vetting refused it: nothing changed.
    Refused {
        /// Why, and what to do.
        reason: String,
    },
    /// The cycle broke off: nothing changed.
    Failed {
        /// Why, and what to do.
        error: String,
    },
}

impl SyncOutcome {
    /// The word in JSON, logs and the store.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Applied { .. } => "applied",
            Self::Unchanged { .. } => "unchanged",
            Self::Held { .. } => "held",
            Self::Refused { .. } => "refused",
            Self::Failed { .. } => "failed",
        }
    }

    /// Whether the source gave something whole, whatever it was.
    pub fn is_contact(&self) -> bool {
        !matches!(self, Self::Failed { .. })
    }

    /// Whether the listing is now known to be what the source publishes.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Applied { .. } | Self::Unchanged { .. })
    }

    /// What went wrong, if something did.
    pub fn error(&self) -> Option<&str> {
        match self {
            Self::Refused { reason } | Self::Held { reason, .. } => Some(reason),
            Self::Failed { error } => Some(error),
            Self::Applied { .. } | Self::Unchanged { .. } => None,
        }
    }
}

/// One sync cycle, on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncRecord {
    /// When it ended.
    pub at: Timestamp,
    /// What started it.
    pub trigger: SyncTrigger,
    /// Which source the listing came from; the preferred one if none gave any.
    pub source: String,
    /// What it came to.
    pub outcome: SyncOutcome,
    /// The sources that are preferred to that one and gave no listing, and why.
    pub passed_over: Vec<SourceFault>,
    /// All configured sources, the preferred one first, as the cycle left them. Kept in a table of their own: a record
    /// that is read from the store has none.
    pub sources: Vec<SourceState>,
}
