//! The one place through which a running daemon makes facts: a snapshot, the outcome of a cycle, a listing that is held,
//! and events of operators' records.
//!
//! A fact is a value: what was decided, with all that it rests on, and nothing of how it came about. So it can be written to
//! this site's store, and said to others, who come to the same store by it (`crate::fleet`).

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Committed, Holding, Store, StoreError, SyncState};
use crate::domain::{HeldListing, RecordEvent, Snapshot, SnapshotSerial, SyncRecord};
use crate::listing::diff::Step;
use crate::listing::index::Index;

/// A listing was vetted and is applied.
#[derive(Debug)]
pub struct SnapshotFact {
    /// The snapshot that it became.
    pub snapshot: Snapshot,
    /// What it changes.
    pub step: Step,
    /// What it was held against; nothing before the first.
    pub current: Option<Arc<Index>>,
    /// The cycle that brought it.
    pub cycle: SyncRecord,
}

/// A cycle brought no snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CycleFact {
    /// The cycle.
    pub cycle: SyncRecord,
    /// The current snapshot and when its source published it again, if that is what happened.
    pub confirmed: Option<(SnapshotSerial, Timestamp)>,
    /// What becomes of the held listings.
    pub holding: Holding,
}

/// Where facts are made that many sites share: each is said to all of them, and then made here as everywhere.
pub trait Shared: fmt::Debug + Send + Sync {
    /// A snapshot.
    ///
    /// # Errors
    ///
    /// If it is not in the fleet's log, or could not be made here. Each says which.
    fn snapshot(&self, fact: &SnapshotFact) -> Result<Committed, StoreError>;

    /// A cycle without one.
    ///
    /// # Errors
    ///
    /// As [`Shared::snapshot`].
    fn cycle(&self, fact: &CycleFact) -> Result<SyncState, StoreError>;

    /// A listing that is held between cycles. Returns all that are.
    ///
    /// # Errors
    ///
    /// As [`Shared::snapshot`].
    fn held(&self, listing: &HeldListing) -> Result<Vec<HeldListing>, StoreError>;

    /// Events of operators' records: one change, whole.
    ///
    /// # Errors
    ///
    /// As [`Shared::snapshot`]; and [`StoreError::Conflict`] where others were made before, which are made here by then.
    fn records(&self, events: &[RecordEvent]) -> Result<(), StoreError>;
}

/// Where facts are made. Each call writes to the disk and waits for it: it belongs on a thread for such work.
#[derive(Debug, Clone)]
pub enum Ledger {
    /// A site of its own: they are what its store holds.
    Own(Arc<Store>),
    /// A site of a fleet: they are what its log says, which its store follows.
    Fleet(Arc<Store>, Arc<dyn Shared>),
}

impl Ledger {
    /// The store that holds what the facts made.
    pub fn store(&self) -> &Arc<Store> {
        match self {
            Self::Own(store) | Self::Fleet(store, _) => store,
        }
    }

    /// A snapshot.
    ///
    /// # Errors
    ///
    /// As [`Store::commit`], and [`Shared::snapshot`].
    pub fn snapshot(&self, fact: &SnapshotFact) -> Result<Committed, StoreError> {
        match self {
            Self::Own(store) => store.commit(&fact.snapshot, fact.step.delta.as_ref(), &fact.step.touched, &fact.cycle),
            Self::Fleet(_, shared) => shared.snapshot(fact),
        }
    }

    /// A cycle without one.
    ///
    /// # Errors
    ///
    /// As [`Store::record_cycle`], and [`Shared::cycle`].
    pub fn cycle(&self, fact: &CycleFact) -> Result<SyncState, StoreError> {
        match self {
            Self::Own(store) => store.record_cycle(&fact.cycle, fact.confirmed, &fact.holding),
            Self::Fleet(_, shared) => shared.cycle(fact),
        }
    }

    /// A listing that is held between cycles. Returns all that are.
    ///
    /// # Errors
    ///
    /// As [`Store::hold`], and [`Shared::held`].
    pub fn held(&self, listing: &HeldListing) -> Result<Vec<HeldListing>, StoreError> {
        match self {
            Self::Own(store) => store.hold(listing),
            Self::Fleet(_, shared) => shared.held(listing),
        }
    }

    /// Events of operators' records: one change, whole.
    ///
    /// # Errors
    ///
    /// As [`Store::commit_records`], and [`Shared::records`].
    pub fn records(&self, events: &[RecordEvent]) -> Result<(), StoreError> {
        match self {
            Self::Own(store) => store.commit_records(events),
            Self::Fleet(_, shared) => shared.records(events),
        }
    }
}
