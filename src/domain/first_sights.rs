//! Since when each filing is known.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::RmdNumber;

/// The first time that each filing was seen, as far as history reaches back. What stood in the oldest listing may have
/// stood long before; everything else is seen when it is first listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FirstSights {
    begins: Option<Timestamp>,
    later: Arc<BTreeMap<RmdNumber, Timestamp>>,
}

impl FirstSights {
    /// What is known where the oldest listing is of that time.
    pub fn since(begins: Timestamp) -> Self {
        Self { begins: Some(begins), later: Arc::default() }
    }

    /// Adds a filing that was not in the oldest listing.
    pub fn add(&mut self, number: RmdNumber, at: Timestamp) {
        Arc::make_mut(&mut self.later).entry(number).or_insert(at);
    }

    /// Takes a filing away again, where history is walked back to before it was seen.
    pub fn forget(&mut self, number: RmdNumber) {
        if self.later.contains_key(&number) {
            Arc::make_mut(&mut self.later).remove(&number);
        }
    }

    /// The same, with no time later than `at`.
    pub fn no_later_than(&self, at: Timestamp) -> Self {
        let later = match self.later.values().any(|seen| *seen > at) {
            true => Arc::new(self.later().map(|(number, seen)| (number, seen.min(at))).collect()),
            false => Arc::clone(&self.later),
        };
        Self { begins: self.begins.map(|begins| begins.min(at)), later }
    }

    /// When the oldest listing was fetched. Nothing if that is not known.
    pub fn begins(&self) -> Option<Timestamp> {
        self.begins
    }

    /// When a filing was first seen; nothing if it stood in the oldest listing already, or is not known at all.
    pub fn of(&self, number: RmdNumber) -> Option<Timestamp> {
        self.later.get(&number).copied()
    }

    /// The filings that were not in the oldest listing, by number, each with the time at which it was first seen.
    pub fn later(&self) -> impl Iterator<Item = (RmdNumber, Timestamp)> {
        self.later.iter().map(|(number, at)| (*number, *at))
    }
}
