//! Every removal that was ever observed, and since when filings are known.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Delta, FirstSights, Removal, RmdNumber, Snapshot, SnapshotSerial};

/// Every removal that was ever observed, reinstated ones included, in the order of their observation; and when each
/// filing was first seen.
#[derive(Debug, Clone, Default)]
pub struct RemovalHistory {
    removals: Vec<Arc<Removal>>,
    /// Where each filing's newest removal stands.
    newest: HashMap<RmdNumber, usize>,
    /// Where the removal of the same filing before each one stands.
    before: Vec<Option<usize>>,
    first_sights: FirstSights,
}

impl RemovalHistory {
    /// The history made of these removals. When filings were first seen is told by [`Self::with_first_sights`].
    pub fn new(mut removals: Vec<Arc<Removal>>) -> Self {
        removals.sort_by_key(|removal| (removal.snapshot, removal.filing.number()));
        let mut newest = HashMap::with_capacity(removals.len());
        let before = removals.iter().enumerate().map(|(place, removal)| newest.insert(removal.filing.number(), place));
        let before = before.collect();
        Self { removals, newest, before, first_sights: FirstSights::default() }
    }

    /// The same removals, where filings were first seen so.
    pub fn with_first_sights(self, first_sights: FirstSights) -> Self {
        Self { first_sights, ..self }
    }

    /// When filings were first seen.
    pub fn first_sights(&self) -> &FirstSights {
        &self.first_sights
    }

    /// The newest removal of a filing, whether it was reinstated since or not.
    pub fn newest(&self, number: RmdNumber) -> Option<&Arc<Removal>> {
        self.newest.get(&number).and_then(|place| self.removals.get(*place))
    }

    /// The removal of a filing that is removed now.
    pub fn open(&self, number: RmdNumber) -> Option<&Arc<Removal>> {
        self.newest(number).filter(|removal| removal.reinstated_at.is_none())
    }

    /// All removals of one filing, newest first.
    pub fn of(&self, number: RmdNumber) -> impl Iterator<Item = &Arc<Removal>> {
        let newest = self.newest.get(&number).copied();
        let places = std::iter::successors(newest, |place| self.before.get(*place).copied().flatten());
        places.filter_map(|place| self.removals.get(place))
    }

    /// All removals, newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &Arc<Removal>> {
        self.removals.iter().rev()
    }

    /// How many there are, those included that were reinstated.
    pub fn count(&self) -> usize {
        self.removals.len()
    }

    /// How many filings are removed now.
    pub fn open_count(&self) -> usize {
        self.removals.iter().filter(|removal| removal.reinstated_at.is_none()).count()
    }

    /// The history with no time later than `at`.
    pub fn no_later_than(&self, at: Timestamp) -> Self {
        let removals = self.removals.iter().map(|removal| match removal.no_later_than(at) {
            Some(earlier) => Arc::new(earlier),
            None => Arc::clone(removal),
        });
        Self { removals: removals.collect(), first_sights: self.first_sights.no_later_than(at), ..self.clone() }
    }

    /// The history as it was known at a time at which these filings stood, or nothing if it is that. What was seen to be gone, or
    /// back, at a later time was not known then.
    pub fn known_at(&self, at: Timestamp, stands: impl Fn(RmdNumber) -> bool) -> Option<Self> {
        let gone_later = |removal: &Removal| removal.first_missing_at > at;
        let back_later =
            |removal: &Removal| removal.reinstated_at.is_some_and(|back| back > at) && !stands(removal.filing.number());
        if !self.removals.iter().any(|removal| gone_later(removal) || back_later(removal)) {
            return None;
        }
        let known = self.removals.iter().filter(|removal| !gone_later(removal)).map(|removal| {
            let open = || Arc::new(Removal { reinstated_at: None, ..(**removal).clone() });
            if back_later(removal) { open() } else { Arc::clone(removal) }
        });
        Some(Self::new(known.collect()).with_first_sights(self.first_sights.clone()))
    }

    /// The history after `delta` led to `next`, and the removals that are new or were closed by it. What is gone was
    /// last seen when the listing before was last confirmed.
    pub fn after(&self, delta: &Delta, last_seen_at: Timestamp, next: &Snapshot) -> (Self, Vec<Arc<Removal>>) {
        let mut removals = self.removals.clone();
        let mut touched = Vec::with_capacity(delta.removed.len() + delta.reinstated.len());
        for (number, _) in &delta.reinstated {
            if let Some(removal) = self.newest.get(number).and_then(|place| removals.get_mut(*place)) {
                let closed = Arc::new(Removal { reinstated_at: Some(next.fetched_at), ..(**removal).clone() });
                *removal = Arc::clone(&closed);
                touched.push(closed);
            }
        }
        for filing in &delta.removed {
            let removal = Arc::new(Removal {
                filing: Arc::clone(filing),
                last_seen_at,
                first_missing_at: next.fetched_at,
                snapshot: next.serial,
                reinstated_at: None,
            });
            removals.push(Arc::clone(&removal));
            touched.push(removal);
        }
        let history = Self::new(removals).with_first_sights(self.first_sights_after(delta, last_seen_at, next));
        (history, touched)
    }

    fn first_sights_after(&self, delta: &Delta, last_seen_at: Timestamp, next: &Snapshot) -> FirstSights {
        if next.serial == SnapshotSerial::FIRST {
            return FirstSights::since(next.fetched_at);
        }
        let mut sights = match self.first_sights.begins() {
            Some(_) => self.first_sights.clone(),
            None => FirstSights::since(last_seen_at),
        };
        for number in &delta.listed {
            sights.add(*number, next.fetched_at);
        }
        sights
    }
}
