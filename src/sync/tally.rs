//! What cycles came to since the start, for metrics.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::{ChangeCounts, SyncOutcome, SyncRecord, SyncTrigger};
use crate::observe::histogram::{Buckets, Spread};

/// The words of [`SyncOutcome`].
pub(crate) const OUTCOMES: [&str; 5] = ["applied", "unchanged", "held", "refused", "failed"];

const SECOND: u64 = 1_000_000_000;

/// Upper bounds of the durations of cycles, in nanoseconds: 50 ms to 15 minutes, which is the longest fetch by default.
static BOUNDS: [u64; 13] = [
    SECOND / 20,
    SECOND / 10,
    SECOND / 4,
    SECOND / 2,
    SECOND,
    SECOND * 5 / 2,
    SECOND * 5,
    SECOND * 10,
    SECOND * 30,
    SECOND * 60,
    SECOND * 120,
    SECOND * 300,
    SECOND * 900,
];

/// What cycles came to since the start.
#[derive(Debug, Default)]
pub struct SyncTally {
    counted: Mutex<Counted>,
    took: Buckets<{ BOUNDS.len() + 1 }>,
}

#[derive(Debug, Default)]
struct Counted {
    cycles: BTreeMap<(&'static str, &'static str), u64>,
    changes: ChangeCounts,
}

impl SyncTally {
    /// Counts a cycle that ended.
    pub(super) fn count(&self, record: &SyncRecord, took: Duration) {
        self.took.observe(&BOUNDS, took, 1);
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        *counted.cycles.entry((record.trigger.as_str(), record.outcome.as_str())).or_default() += 1;
        if let SyncOutcome::Applied { changes, .. } = &record.outcome {
            let all = &mut counted.changes;
            all.listed += changes.listed;
            all.amended += changes.amended;
            all.removed += changes.removed;
            all.reinstated += changes.reinstated;
        }
    }

    /// How many cycles this trigger started that came to this outcome.
    pub fn cycles(&self, trigger: SyncTrigger, outcome: &'static str) -> u64 {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.cycles.get(&(trigger.as_str(), outcome)).copied().unwrap_or_default()
    }

    /// The changes that they brought.
    pub fn changes(&self) -> ChangeCounts {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner).changes
    }

    /// How long they took.
    pub fn took(&self) -> Spread {
        let mut spread = Spread::over(&BOUNDS);
        spread.add(&self.took);
        spread
    }
}
