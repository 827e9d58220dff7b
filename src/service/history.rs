//! The past: what was known at a time, and the changes by serial.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::listing::{known, resolve};
use super::{AsOf, AsOfError, PastAsked, Services, SnapshotRef, page_size, store_failed};
use crate::domain::{Change, ChangeKind, ChangeSerial, ErrorReason, Rejection, RmdNumber, SnapshotSerial, Who};
use crate::observe::clock;
use crate::store::{ChangesAsked, Store, StoreError};

const DEFAULT_CHANGES: usize = 500;
const MOST_CHANGES: usize = 2000;

/// Which changes are wanted.
#[derive(Debug, Clone, Default)]
pub struct ChangesRequest {
    /// Those of this provider alone, if one is named.
    pub who: Option<Who>,
    /// Those behind this one.
    pub after: ChangeSerial,
    /// Those that were observed at this time or after it.
    pub since: Option<Timestamp>,
    /// Those that were observed at this time or before it.
    pub until: Option<Timestamp>,
    /// So many at most; 0 leaves it to the daemon.
    pub limit: u32,
    /// The newest first, instead of the oldest.
    pub newest_first: bool,
    /// Those before this one.
    pub before: Option<ChangeSerial>,
}

/// Changes in the order that was asked for.
#[derive(Debug, Clone)]
pub struct ChangesPage {
    /// The changes.
    pub changes: Vec<Change>,
    /// The listing that is served.
    pub snapshot: SnapshotRef,
    /// The newest change of all.
    pub last_serial: ChangeSerial,
    /// Since when changes are on record.
    pub reaches_back_to: Option<Timestamp>,
    /// Since when each filing of the provider that was named is known.
    pub first_known: Vec<FirstKnown>,
}

/// Since when a filing is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstKnown {
    /// The filing.
    pub number: RmdNumber,
    /// When the first listing with it was fetched.
    pub at: Timestamp,
    /// Whether it was in the oldest listing on record: then it may have been listed long before.
    pub already_listed: bool,
}

impl From<AsOfError> for Rejection {
    fn from(error: AsOfError) -> Self {
        match error {
            AsOfError::Future { .. } => ErrorReason::InvalidTime.reject(error.to_string()),
            AsOfError::NotReaching { .. } | AsOfError::Lost { .. } | AsOfError::Ahead { .. } => {
                ErrorReason::HistoryNotReaching.reject(error.to_string())
            }
            AsOfError::NoSnapshot => Self::snapshot_not_loaded(),
            AsOfError::Broken(broken) => {
                tracing::error!(%broken, "a question about the past could not be answered: {broken}");
                ErrorReason::StoreFailed.reject(broken.to_string())
            }
            AsOfError::Store(error) => store_failed(&error),
            AsOfError::Interrupted(rejection) => rejection,
        }
    }
}

impl Services {
    /// What was known at a time.
    ///
    /// # Errors
    ///
    /// If history does not reach back to it, or it is still to come.
    pub async fn as_of(&self, at: Timestamp) -> Result<AsOf, Rejection> {
        let (current, records) = (self.index.load_full(), self.records.load_full());
        let asked = PastAsked { current, records, at, now: clock::now() };
        self.past.at(&self.budget.work, &self.store, asked).await.map_err(Rejection::from)
    }

    /// A page of changes.
    ///
    /// # Errors
    ///
    /// If nobody bound the name, the changes asked for are not kept any more, or no listing is loaded.
    pub async fn changes(&self, request: ChangesRequest) -> Result<ChangesPage, Rejection> {
        let now = clock::now();
        let index = self.loaded()?;
        let filings = match &request.who {
            None => None,
            Some(who) => {
                let (listed, removals) = known(&index, resolve(who, &self.records.load(), now)?.identity);
                let mut numbers: Vec<RmdNumber> = listed.iter().map(|filing| filing.number()).collect();
                numbers.extend(removals.iter().map(|removal| removal.filing.number()));
                numbers.sort_unstable();
                numbers.dedup();
                Some(numbers)
            }
        };
        let after = request.after;
        let ChangesRequest { since, until, newest_first, before, .. } = request;
        let asked = ChangesAsked { after, before, since, until, filings, newest_first };
        let limit = page_size(request.limit, DEFAULT_CHANGES, MOST_CHANGES);
        let store = Arc::clone(&self.store);
        let read = self.budget.work.blocking(move || read(&store, &asked, limit)).await?;
        let Read { changes, first_known, began, reaches_back_to } = read.map_err(|error| store_failed(&error))?;
        if after.0 > 0 && after < began {
            return Err(ErrorReason::CursorExpired.reject(format!(
                "changes behind {after} are no longer kept: the history begins behind change {began}"
            )));
        }
        Ok(ChangesPage {
            changes,
            snapshot: SnapshotRef::of(&index, now),
            last_serial: index.last_change(),
            reaches_back_to,
            first_known,
        })
    }
}

struct Read {
    changes: Vec<Change>,
    first_known: Vec<FirstKnown>,
    /// The newest change that is not in the history any more.
    began: ChangeSerial,
    reaches_back_to: Option<Timestamp>,
}

fn read(store: &Store, asked: &ChangesAsked, limit: usize) -> Result<Read, StoreError> {
    let changes = store.changes(asked, limit)?;
    let began = store.changes_kept()?.behind;
    let reaches_back_to = store.oldest_snapshot()?.map(|record| record.applied_at);
    let mut first: BTreeMap<RmdNumber, Option<Change>> = BTreeMap::new();
    for number in asked.filings.iter().flatten() {
        first.insert(*number, store.changes_of(*number)?.into_iter().next());
    }
    let floor = store.history_floor()?;
    let first_known = first.into_iter().filter_map(|(number, change)| {
        // What a dropped change listed was there when the kept history begins.
        let listed = change.filter(|change| matches!(change.kind, ChangeKind::Listed));
        let at = listed.as_ref().map(|change| change.observed_at).or(reaches_back_to)?;
        let already_listed = listed.is_none_or(|change| change.snapshot == SnapshotSerial::FIRST.max(floor));
        Some(FirstKnown { number, at, already_listed })
    });
    Ok(Read { changes, first_known: first_known.collect(), began, reaches_back_to })
}
