//! A listing that was vetted and numbered.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::wording::count;
use super::{AlarmCode, Column, Filing, RmdNumber, Sha256Digest, StepFacts};

/// Counts the snapshots of one store, from 1. It never repeats and never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotSerial(pub u64);

impl SnapshotSerial {
    /// The serial of a store's first snapshot.
    pub const FIRST: Self = Self(1);

    /// The serial behind this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for SnapshotSerial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A vetted, numbered listing: what stands, as far as rmdd knows.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Its number.
    pub serial: SnapshotSerial,
    /// Digest of the published bytes.
    pub sha256: Sha256Digest,
    /// Where the bytes came from: a URL or a path.
    pub source: String,
    /// How many bytes were published.
    pub bytes: u64,
    /// When these bytes were first fetched.
    pub fetched_at: Timestamp,
    /// When the source last published these very bytes: no earlier than `fetched_at`.
    pub confirmed_at: Timestamp,
    /// The filings that stand, by ascending number, one per number.
    pub filings: Vec<Arc<Filing>>,
    /// Filings whose row could not be read and which stand as they last were read, with the time since when.
    pub carried: BTreeMap<RmdNumber, Timestamp>,
    /// What was odd about the listing, though not bad enough to refuse it.
    pub anomalies: Vec<Anomaly>,
    /// What vetting remembers of the steps that led to it, oldest first. A snapshot of the past has none.
    pub steps: Vec<StepFacts>,
}

impl Snapshot {
    /// These filings, as though they had been published at a time, with nothing odd about them: what tests, benchmarks
    /// and fuzz targets begin with.
    #[doc(hidden)]
    pub fn made_up(serial: u64, at: Timestamp, filings: impl IntoIterator<Item = Arc<Filing>>) -> Self {
        Self {
            serial: SnapshotSerial(serial),
            sha256: Sha256Digest([0; 32]),
            source: String::new(),
            bytes: 0,
            fetched_at: at,
            confirmed_at: at,
            filings: filings.into_iter().collect(),
            carried: BTreeMap::new(),
            anomalies: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// The standing filing of this number.
    pub fn filing(&self, number: RmdNumber) -> Option<&Arc<Filing>> {
        let place = self.filings.binary_search_by_key(&number, |filing| filing.number()).ok()?;
        self.filings.get(place)
    }
}

/// Something odd about a listing that was applied all the same. Operators see each as an alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Anomaly {
    /// A column that every listing had so far is gone, though no decision rests on it.
    MissingColumn(Column),
    /// A column that rmdd does not know has come. Its cells are kept.
    UnknownColumn(String),
    /// Rows that could not be read.
    UnreadableRows {
        /// How many.
        rows: u64,
        /// How many filings stand as they last were read for that reason.
        carried: u64,
        /// The line of the first one, and what is wrong with it.
        first: String,
    },
    /// Something about it is unusual, though not so much that it waited.
    Unusual {
        /// What is.
        what: String,
    },
    /// Providers behind the operator's own peers are gone.
    PeersGone {
        /// How many of the peers, and which.
        which: String,
    },
    /// It was unusual, and was applied because a second copy said the same.
    Corroborated {
        /// What was unusual.
        doubts: String,
    },
    /// It was hard to believe, and was let through.
    LetThrough {
        /// Who let it through.
        by: String,
        /// What was hard to believe.
        doubts: String,
    },
}

impl Anomaly {
    /// The alarm's code.
    pub fn code(&self) -> AlarmCode {
        match self {
            Self::MissingColumn(_) => AlarmCode::ColumnMissing,
            Self::UnknownColumn(_) => AlarmCode::ColumnUnknown,
            Self::UnreadableRows { .. } => AlarmCode::RowsUnreadable,
            Self::Unusual { .. } => AlarmCode::ListingUnusual,
            Self::PeersGone { .. } => AlarmCode::PeersGone,
            Self::Corroborated { .. } => AlarmCode::ListingCorroborated,
            Self::LetThrough { .. } => AlarmCode::ListingLetThrough,
        }
    }

    /// Whether it only tells why the listing was applied, and nobody need look: a person did, before it was.
    pub fn is_note(&self) -> bool {
        matches!(self, Self::LetThrough { .. })
    }
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingColumn(column) => {
                write!(f, "the listing no longer has the column `{}`", column.name())
            }
            Self::UnknownColumn(name) => {
                write!(f, "the listing has a column that this version does not know: `{name}` (its cells are kept)")
            }
            Self::Unusual { what } => write!(f, "the listing was applied, and something about it is unusual: {what}"),
            Self::PeersGone { which } => write!(f, "the listing took away {which}"),
            Self::Corroborated { doubts } => {
                write!(f, "the listing was applied because a second copy said the same, though {doubts}")
            }
            Self::LetThrough { by, doubts } => write!(f, "the listing was let through by {by}, though {doubts}"),
            Self::UnreadableRows { rows, carried, first } => write!(
                f,
                "{rows} rows of the listing could not be read (the first: {first}); {carried} filings stand as they \
                 last were read",
                rows = count(*rows),
                carried = count(*carried)
            ),
        }
    }
}
