//! [`Snapshot`] -> an immutable look-up structure, published by one atomic swap.
//!
//! An index is built off to the side and swapped in whole, so a look-up takes no lock, never waits for a sync and never
//! touches the disk.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use jiff::Timestamp;

use crate::domain::{ChangeSerial, Filing, Frn, Removal, RemovalHistory, RmdNumber, Snapshot};

/// What stands and what once stood, by number.
#[derive(Debug, Clone)]
pub struct Index {
    snapshot: Arc<Snapshot>,
    /// When the source last published this very snapshot. Newer than the snapshot's own time after an unchanged sync.
    confirmed_at: Timestamp,
    removals: Arc<RemovalHistory>,
    last_change: ChangeSerial,
    by_frn: Arc<[(Frn, u32)]>,
    /// The number of every filing that is removed now, by FRN.
    removed_by_frn: Arc<[(Frn, RmdNumber)]>,
}

impl Index {
    /// Indexes a snapshot and the removals up to it.
    pub fn build(snapshot: Snapshot, removals: RemovalHistory, last_change: ChangeSerial) -> Self {
        let mut by_frn: Vec<(Frn, u32)> = snapshot
            .filings
            .iter()
            .zip(0u32..)
            .filter_map(|(filing, place)| filing.frn().map(|frn| (frn, place)))
            .collect();
        by_frn.sort_unstable();
        let mut removed_by_frn: Vec<(Frn, RmdNumber)> = removals
            .newest_first()
            .filter(|removal| removal.reinstated_at.is_none())
            .filter_map(|removal| removal.filing.frn().map(|frn| (frn, removal.filing.number())))
            .collect();
        removed_by_frn.sort_unstable();
        Self {
            confirmed_at: snapshot.confirmed_at,
            snapshot: Arc::new(snapshot),
            removals: Arc::new(removals),
            last_change,
            by_frn: by_frn.into(),
            removed_by_frn: removed_by_frn.into(),
        }
    }

    /// The same content, confirmed by its source at a later time.
    pub fn confirmed(&self, at: Timestamp) -> Self {
        Self { confirmed_at: self.confirmed_at.max(at), ..self.clone() }
    }

    /// The snapshot that is indexed. Its confirmation time may be behind [`Self::confirmed_at`].
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// When the source last published this very snapshot.
    pub fn confirmed_at(&self) -> Timestamp {
        self.confirmed_at
    }

    /// Every removal observed so far.
    pub fn removals(&self) -> &RemovalHistory {
        &self.removals
    }

    /// The serial of the newest change in the index.
    pub fn last_change(&self) -> ChangeSerial {
        self.last_change
    }

    /// The standing filing of this number.
    pub fn by_number(&self, number: RmdNumber) -> Option<&Arc<Filing>> {
        self.snapshot.filing(number)
    }

    /// The standing filings under this FRN, by ascending number.
    pub fn by_frn(&self, frn: Frn) -> impl Iterator<Item = &Arc<Filing>> {
        let start = self.by_frn.partition_point(|(key, _)| *key < frn);
        self.by_frn
            .iter()
            .skip(start)
            .take_while(move |(key, _)| *key == frn)
            .filter_map(|(_, place)| self.snapshot.filings.get(*place as usize))
    }

    /// The removals, not yet undone, of filings under this FRN.
    pub fn removed_by_frn(&self, frn: Frn) -> impl Iterator<Item = &Arc<Removal>> {
        let start = self.removed_by_frn.partition_point(|(key, _)| *key < frn);
        self.removed_by_frn
            .iter()
            .skip(start)
            .take_while(move |(key, _)| *key == frn)
            .filter_map(|(_, number)| self.removals.open(*number))
    }
}

/// The place where the newest index stands for all to read. Nothing until a snapshot was loaded.
#[derive(Debug, Default)]
pub struct PublishedIndex(ArcSwapOption<Index>);

impl PublishedIndex {
    /// Starts with this index, or with none.
    pub fn new(index: Option<Index>) -> Self {
        Self(ArcSwapOption::from_pointee(index))
    }

    /// The newest index. Never waits.
    pub fn load(&self) -> arc_swap::Guard<Option<Arc<Index>>> {
        self.0.load()
    }

    /// The newest index, to keep for longer than a moment.
    pub fn load_full(&self) -> Option<Arc<Index>> {
        self.0.load_full()
    }

    /// Puts a new index in place of the one before. The caller has committed it.
    pub fn publish(&self, index: Index) {
        self.0.store(Some(Arc::new(index)));
    }
}
