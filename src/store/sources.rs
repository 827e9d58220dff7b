//! What is known of the sources, and which of them the last cycle passed over. Stored as JSON, a member for each field,
//! so that a later version can add some without rewriting what is there.

use jiff::{SignedDuration, Timestamp};
use redb::{ReadTransaction, ReadableTable, TableError, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::codec::{CodecError, invalid};
use super::tables::{SOURCES, SYNC_STATE, SYNC_STATE_PASSED_OVER};
use super::{StoreError, SyncState};
use crate::domain::{SourceFault, SourceState, SyncRecord, Validators};

const RECORD: &str = "state of a source";

#[derive(Serialize, Deserialize)]
struct StoredFault {
    source: String,
    kind: String,
    error: String,
}

impl From<&SourceFault> for StoredFault {
    fn from(fault: &SourceFault) -> Self {
        Self { source: fault.source.clone(), kind: fault.kind.clone(), error: fault.error.clone() }
    }
}

impl From<StoredFault> for SourceFault {
    fn from(fault: StoredFault) -> Self {
        Self { source: fault.source, kind: fault.kind, error: fault.error }
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct StoredSource {
    /// Its place in the order of preference.
    place: usize,
    etag: Option<String>,
    last_modified: Option<String>,
    validated_sha256: Option<String>,
    validators_distrusted_until: Option<Timestamp>,
    last_asked_at: Option<Timestamp>,
    last_contact_at: Option<Timestamp>,
    last_success_at: Option<Timestamp>,
    last_whole_at: Option<Timestamp>,
    failures: u64,
    fault: Option<StoredFault>,
    not_before: Option<Timestamp>,
    clock_skew_seconds: Option<i64>,
}

fn encode(place: usize, state: &SourceState) -> Result<Vec<u8>, CodecError> {
    let (validators, digest) = state.validators.clone().map_or((Validators::default(), None), |(v, d)| (v, Some(d)));
    let stored = StoredSource {
        place,
        etag: validators.etag,
        last_modified: validators.last_modified,
        validated_sha256: digest.map(|digest| digest.to_string()),
        validators_distrusted_until: state.validators_distrusted_until,
        last_asked_at: state.last_asked_at,
        last_contact_at: state.last_contact_at,
        last_success_at: state.last_success_at,
        last_whole_at: state.last_whole_at,
        failures: state.failures,
        fault: state.fault.as_ref().map(StoredFault::from),
        not_before: state.not_before,
        clock_skew_seconds: state.clock_skew.map(|skew| skew.as_secs()),
    };
    serde_json::to_vec(&stored).map_err(|error| invalid(RECORD, error))
}

fn decode(source: &str, bytes: &[u8]) -> Result<(usize, SourceState), CodecError> {
    let stored: StoredSource = serde_json::from_slice(bytes).map_err(|error| invalid(RECORD, error))?;
    let digest = stored.validated_sha256.map(|digest| digest.parse().map_err(|error| invalid(RECORD, error)));
    let validators = Validators { etag: stored.etag, last_modified: stored.last_modified };
    let state = SourceState {
        source: source.to_owned(),
        validators: digest.transpose()?.map(|digest| (validators, digest)),
        validators_distrusted_until: stored.validators_distrusted_until,
        last_asked_at: stored.last_asked_at,
        last_contact_at: stored.last_contact_at,
        last_success_at: stored.last_success_at,
        last_whole_at: stored.last_whole_at,
        failures: stored.failures,
        fault: stored.fault.map(SourceFault::from),
        not_before: stored.not_before,
        clock_skew: stored.clock_skew_seconds.map(SignedDuration::from_secs),
    };
    Ok((stored.place, state))
}

fn collect(table: &impl ReadableTable<&'static str, &'static [u8]>) -> Result<Vec<SourceState>, StoreError> {
    let mut sources = Vec::new();
    for entry in table.iter()? {
        let (source, bytes) = entry?;
        sources.push(decode(source.value(), bytes.value())?);
    }
    sources.sort_by_key(|(place, _)| *place);
    Ok(sources.into_iter().map(|(_, state)| state).collect())
}

fn passed_over(bytes: &[u8]) -> Result<Vec<SourceFault>, CodecError> {
    let stored: Vec<StoredFault> = serde_json::from_slice(bytes).map_err(|error| invalid(RECORD, error))?;
    Ok(stored.into_iter().map(SourceFault::from).collect())
}

/// Puts the sources, and what the last cycle passed over, into a sync state that was read without them.
pub fn add_to(state: &mut SyncState, transaction: &ReadTransaction) -> Result<(), StoreError> {
    // A store that is read as an older format has no such table.
    state.sources = match transaction.open_table(SOURCES) {
        Ok(table) => collect(&table)?,
        Err(TableError::TableDoesNotExist(_)) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let table = transaction.open_table(SYNC_STATE)?;
    if let (Some(last), Some(bytes)) = (&mut state.last, table.get(SYNC_STATE_PASSED_OVER)?) {
        last.passed_over = passed_over(bytes.value())?;
    }
    Ok(())
}

/// The sources as they are stored.
pub fn stored(transaction: &WriteTransaction) -> Result<Vec<SourceState>, StoreError> {
    collect(&transaction.open_table(SOURCES)?)
}

/// Writes the sources as a cycle left them, in the transaction that records the cycle. Sources that are not configured
/// any more go.
pub fn write(transaction: &WriteTransaction, cycle: &SyncRecord) -> Result<(), StoreError> {
    let mut table = transaction.open_table(SOURCES)?;
    if !cycle.sources.is_empty() {
        table.retain(|source, _| cycle.sources.iter().any(|state| state.source == source))?;
    }
    for (place, state) in cycle.sources.iter().enumerate() {
        table.insert(state.source.as_str(), encode(place, state)?.as_slice())?;
    }
    let passed_over: Vec<StoredFault> = cycle.passed_over.iter().map(StoredFault::from).collect();
    let bytes = serde_json::to_vec(&passed_over).map_err(|error| invalid(RECORD, error))?;
    transaction.open_table(SYNC_STATE)?.insert(SYNC_STATE_PASSED_OVER, bytes.as_slice())?;
    Ok(())
}
