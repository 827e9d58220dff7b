//! The operators' records: what is on record, who changed it, and the one way to change it.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Services, interrupted, page_size, store_failed};
use crate::domain::visible::one_line;
use crate::domain::{
    ErrorReason, Identity, Record, RecordBody, RecordEvent, RecordKind, Rejection, RmdNumber, Violation,
};
use crate::listing::index::Index;
use crate::observe::clock;
use crate::records::{BadEntry, Change, PlanError};
use crate::store::{ChangeError, RecordsNotice, StoreError};

const DEFAULT_PAGE: usize = 500;
const LARGEST_PAGE: usize = 2000;

/// So many bad entries are told; a mistake that is in all of a long list need not be.
const REPORTED: usize = 100;

/// Which records are wanted.
#[derive(Debug, Clone)]
pub struct RecordsRequest {
    /// Of which kind.
    pub kind: RecordKind,
    /// The one of this ID alone, if one is given.
    pub id: String,
    /// So many at most; 0 leaves it to the daemon.
    pub page_size: u32,
    /// Those behind this page; empty for the first.
    pub page_token: String,
}

/// A page of records, by ID.
#[derive(Debug, Clone)]
pub struct RecordsPage {
    pub records: Vec<ListedRecord>,
    /// What asks for the next page; empty behind the last.
    pub next_page_token: String,
}

/// A record, and what it meets in the listing.
#[derive(Debug, Clone)]
pub struct ListedRecord {
    /// The record. A notice in a list comes without the calls that it traces.
    pub record: Record,
    /// Whether it is in force.
    pub in_force: bool,
    /// The provider's filings.
    pub listed: Vec<RmdNumber>,
    /// The provider's filings that are removed.
    pub removed: Vec<RmdNumber>,
}

/// Which changes of records are wanted.
#[derive(Debug, Clone)]
pub struct EventsRequest {
    /// Of which kind of records.
    pub kind: RecordKind,
    /// Those of the record of this ID alone, if one is given.
    pub id: String,
    /// Those behind this one.
    pub after_serial: u64,
    /// So many at most; 0 leaves it to the daemon.
    pub limit: u32,
}

impl From<&PlanError> for Rejection {
    fn from(error: &PlanError) -> Self {
        let message = error.to_string();
        match error {
            PlanError::BadEntries(bad) => Self {
                violations: bad.iter().take(REPORTED).map(violation).collect(),
                ..ErrorReason::InvalidRecord.reject(message)
            },
            PlanError::NotOnRecord { .. } => ErrorReason::RecordUnknown.reject(message),
            PlanError::ChangedMeanwhile { .. } => ErrorReason::RecordChanged.reject(message),
            PlanError::Nobody => ErrorReason::InvalidRecord.reject(message),
        }
    }
}

fn violation(entry: &BadEntry) -> Violation {
    Violation { field: format!("records[{}].{}", entry.place, entry.bad.field), problem: entry.bad.problem.clone() }
}

impl From<ChangeError> for Rejection {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Plan(error) => Self::from(&error),
            ChangeError::Store(error @ StoreError::CutOff { .. }) => ErrorReason::FleetCutOff.reject(error.to_string()),
            ChangeError::Store(error @ StoreError::Unheard { .. }) => {
                tracing::error!(%error, "{error}");
                ErrorReason::FleetOutcomeUnknown.reject(error.to_string())
            }
            ChangeError::Store(error) => {
                tracing::error!(%error, "operators' records could not be written: {error}");
                ErrorReason::StoreFailed.reject(match &error {
                    StoreError::Disk { .. } | StoreError::Journal { .. } => {
                        format!("the records could not be written, and nothing was changed: {error}")
                    }
                    _ => "the records could not be written, and nothing was changed; the daemon's log says why"
                        .to_owned(),
                })
            }
            ChangeError::Crowded => ErrorReason::FleetCutOff.reject(error.to_string()),
            ChangeError::Interrupted => {
                ErrorReason::StoreFailed.reject("writing the records was interrupted: list them to see what holds")
            }
        }
    }
}

impl Services {
    /// Puts records on record, all or none. Returns the changes, and the places of the records whose provider has no
    /// filing.
    ///
    /// # Errors
    ///
    /// If one makes no sense or does not fit what is on record. Nothing has changed then.
    pub async fn put_records(
        &self,
        records: Vec<Record>,
        replace: bool,
        by: String,
    ) -> Result<(Vec<RecordEvent>, Vec<u32>), Rejection> {
        let unmatched = self.index.load().as_deref().map_or_else(Vec::new, |index| unmatched(&records, index));
        let events = self.change_records(Change::Put { records, replace, by }).await?;
        Ok((events, unmatched))
    }

    /// Takes records off the record, or puts them there: all or none.
    ///
    /// # Errors
    ///
    /// If it makes no sense or does not fit what is on record. Nothing has changed then.
    pub async fn change_records(&self, change: Change) -> Result<Vec<RecordEvent>, Rejection> {
        self.records.change(&self.ledger, change, clock::now()).await.map_err(Rejection::from)
    }

    /// Takes note that somebody knows what was lost of records, or mended. Returns what that was, if there was anything.
    ///
    /// # Errors
    ///
    /// If nobody says to know it, or it cannot be written down.
    pub async fn acknowledge_records(&self, by: String) -> Result<Option<RecordsNotice>, Rejection> {
        let by = by.trim().to_owned();
        if by.is_empty() {
            return Err(ErrorReason::InvalidRecord.reject("say who takes note of it (by)"));
        }
        let store = Arc::clone(&self.store);
        let written = tokio::task::spawn_blocking(move || {
            let notice = store.acknowledge_records(&by, clock::now())?;
            if notice.is_some() {
                let by = one_line(&by);
                tracing::info!(%by, "{by} has taken note of what was lost of operators' records, or mended");
            }
            Ok::<_, StoreError>(notice)
        });
        written.await.map_err(|_| interrupted())?.map_err(|error| Rejection::from(ChangeError::Store(error)))
    }

    /// A page of the records of a kind.
    pub fn list_records(&self, request: &RecordsRequest) -> RecordsPage {
        let (records, index, now) = (self.records.load_full(), self.index.load_full(), clock::now());
        let page = page_size(request.page_size, DEFAULT_PAGE, LARGEST_PAGE);
        let asked = request.kind.folded(&request.id);
        let mut matching = records
            .all(request.kind)
            .map(|record| (record.id(), record))
            .filter(|(id, _)| asked.is_empty() || request.kind.folded(id) == asked)
            .filter(|(id, _)| *id > request.page_token);
        let mut listed = Vec::new();
        let mut next_page_token = String::new();
        for (id, record) in matching.by_ref().take(page) {
            let mut entry = meet(record, index.as_deref(), now);
            if request.id.is_empty()
                && let RecordBody::Notice(notice) = &mut entry.record.body
            {
                notice.calls.clear();
            }
            listed.push(entry);
            next_page_token = id;
        }
        if matching.next().is_none() {
            next_page_token.clear();
        }
        RecordsPage { records: listed, next_page_token }
    }

    /// The changes of records, oldest first.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn record_events(&self, request: EventsRequest) -> Result<Vec<RecordEvent>, Rejection> {
        let store = Arc::clone(&self.store);
        let read = move || {
            let id = Some(request.id.as_str()).filter(|id| !id.is_empty());
            let most = page_size(request.limit, DEFAULT_PAGE, LARGEST_PAGE);
            store.record_events(request.kind, id, request.after_serial, most)
        };
        let events = tokio::task::spawn_blocking(read).await.map_err(|_| interrupted())?;
        events.map_err(|error| store_failed(&error))
    }
}

/// The places of those whose provider has no filing, listed or removed.
pub(super) fn unmatched(records: &[Record], index: &Index) -> Vec<u32> {
    let is_known = |record: &Record| {
        let (listed, removed) = filings(record.provider, index);
        !listed.is_empty() || !removed.is_empty()
    };
    (0..).zip(records).filter(|(_, record)| !is_known(record)).map(|(place, _)| place).collect()
}

/// The numbers of a provider's filings: those that are listed, and those that are removed.
fn filings(provider: Identity, index: &Index) -> (Vec<RmdNumber>, Vec<RmdNumber>) {
    match provider {
        Identity::Frn(frn) => (
            index.by_frn(frn).map(|filing| filing.number()).collect(),
            index.removed_by_frn(frn).map(|removal| removal.filing.number()).collect(),
        ),
        Identity::RmdNumber(number) => (
            index.by_number(number).map(|filing| filing.number()).into_iter().collect(),
            index.removals().open(number).map(|removal| removal.filing.number()).into_iter().collect(),
        ),
    }
}

/// What a record meets in the listing.
fn meet(record: &Record, index: Option<&Index>, now: Timestamp) -> ListedRecord {
    let (listed, removed) = index.map(|index| filings(record.provider, index)).unwrap_or_default();
    ListedRecord { record: record.clone(), in_force: record.in_force(now), listed, removed }
}
