//! What differs from one snapshot to the next.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::{ChangeCounts, Filing, Frn, RmdNumber, SnapshotSerial};

/// Counts the changes of one store, from 1. It never repeats, never skips and never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ChangeSerial(pub u64);

impl fmt::Display for ChangeSerial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One event in the life of one filing, as rmdd observed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its number.
    pub serial: ChangeSerial,
    /// The snapshot in which it was first seen.
    pub snapshot: SnapshotSerial,
    /// When that snapshot was fetched.
    pub observed_at: Timestamp,
    /// The filing.
    pub number: RmdNumber,
    /// The filing's FRN at that time.
    pub frn: Option<Frn>,
    /// What happened to it.
    pub kind: ChangeKind,
}

/// What happened to a filing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChangeKind {
    /// It stands for the first time.
    Listed,
    /// Cells of it have changed.
    Amended(Vec<FieldChange>),
    /// It is gone from the listing.
    Removed,
    /// It stands again after a removal.
    Reinstated(Vec<FieldChange>),
}

impl ChangeKind {
    /// The kind's word in JSON and on the wire.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Listed => "LISTED",
            Self::Amended(_) => "AMENDED",
            Self::Removed => "REMOVED",
            Self::Reinstated(_) => "REINSTATED",
        }
    }

    /// The cells that changed with it.
    pub fn fields(&self) -> &[FieldChange] {
        match self {
            Self::Amended(fields) | Self::Reinstated(fields) => fields,
            Self::Listed | Self::Removed => &[],
        }
    }
}

impl ChangeCounts {
    /// Counts a change.
    pub fn count(&mut self, kind: &ChangeKind) {
        *match kind {
            ChangeKind::Listed => &mut self.listed,
            ChangeKind::Amended(_) => &mut self.amended,
            ChangeKind::Removed => &mut self.removed,
            ChangeKind::Reinstated(_) => &mut self.reinstated,
        } += 1;
    }
}

/// One cell that changed. A column that is not there counts as an empty cell.
#[derive(Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// The column's name in the header.
    pub column: String,
    /// The cell as it was.
    pub before: String,
    /// The cell as it is.
    pub after: String,
}

impl fmt::Debug for FieldChange {
    /// Names the column only: cells may hold personal contact data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldChange({})", self.column)
    }
}

/// All that differs between two snapshots. There is always something: where nothing differs there is no delta.
#[derive(Debug, Clone, Default)]
pub struct Delta {
    /// Filings that stand for the first time.
    pub listed: Vec<RmdNumber>,
    /// Filings of which cells have changed.
    pub amended: Vec<(RmdNumber, Vec<FieldChange>)>,
    /// Filings that are gone.
    pub removed: Vec<Arc<Filing>>,
    /// Filings that stand again, with the cells that changed while they were away.
    pub reinstated: Vec<(RmdNumber, Vec<FieldChange>)>,
}

impl Delta {
    /// How many changes it holds.
    pub fn len(&self) -> usize {
        self.listed.len() + self.amended.len() + self.removed.len() + self.reinstated.len()
    }

    /// How many of each kind.
    pub fn counts(&self) -> ChangeCounts {
        ChangeCounts {
            listed: self.listed.len() as u64,
            amended: self.amended.len() as u64,
            removed: self.removed.len() as u64,
            reinstated: self.reinstated.len() as u64,
        }
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A filing that stood once and does not stand now. It is an observation: why the filing went is not known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// The filing as it was last seen.
    pub filing: Arc<Filing>,
    /// When a listing was last known to hold it.
    pub last_seen_at: Timestamp,
    /// When the first listing without it was fetched.
    pub first_missing_at: Timestamp,
    /// The first snapshot without it.
    pub snapshot: SnapshotSerial,
    /// When it stood again, if it does.
    pub reinstated_at: Option<Timestamp>,
}

impl Removal {
    /// The removal with no time later than `at`; nothing if it has none.
    pub fn no_later_than(&self, at: Timestamp) -> Option<Self> {
        let earlier = Self {
            filing: Arc::clone(&self.filing),
            last_seen_at: self.last_seen_at.min(at),
            first_missing_at: self.first_missing_at.min(at),
            snapshot: self.snapshot,
            reinstated_at: self.reinstated_at.map(|back| back.min(at)),
        };
        (earlier != *self).then_some(earlier)
    }
}
