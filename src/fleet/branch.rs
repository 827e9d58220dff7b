//! Whether a state goes on from what a store holds: where etcd was restored and sites have gone two ways since, what one of them
//! holds is not to be dropped for what another does.

use std::collections::BTreeMap;

use crate::domain::RecordEvent;
use crate::listing::rewind::SnapshotRecord;
use crate::store::{ListingState, Log, RecordsState, State, Store, StoreError};

/// Whether a state of a log lacks something of what a store holds of that.
///
/// # Errors
///
/// If the store cannot be read.
pub fn lacks(state: &State, store: &Store) -> Result<bool, StoreError> {
    Ok(match (state, store.state(state.log())?.0) {
        (State::Records(state), State::Records(own)) => lacks_events(state, &own),
        (State::Listing(state), State::Listing(own)) => lacks_newest(state, &own),
        _ => true,
    })
}

/// Where a base of the log of records ends that holds nothing but what stands in a store, of which the journal has brought more
/// than the log has so far: to take it would drop that. Nothing where the base is another, or is to be taken.
///
/// # Errors
///
/// If the store cannot be read.
pub fn stands_here(state: &State, store: &Store) -> Result<Option<u64>, StoreError> {
    let State::Records(base) = state else { return Ok(None) };
    if store.unlogged()?.is_none() {
        return Ok(None);
    }
    let State::Records(own) = store.state(Log::Records)?.0 else { return Ok(None) };
    let whole = base.salvaged.is_none() && own.salvaged.is_none();
    Ok(base.events.last().map(|last| last.serial).filter(|_| whole && own.events.starts_with(&base.events)))
}

/// Events are kept for good, unless damage took them.
fn lacks_events(state: &RecordsState, own: &RecordsState) -> bool {
    let known: BTreeMap<u64, &RecordEvent> = state.events.iter().map(|event| (event.serial, event)).collect();
    own.events.iter().any(|event| match known.get(&event.serial) {
        Some(known) => *known != event,
        None => state.salvaged.is_none_or(|until| event.serial > until),
    })
}

/// Of snapshots only those are kept that history reaches back to.
fn lacks_newest(state: &ListingState, own: &ListingState) -> bool {
    let Some((newest, _)) = own.snapshots.last() else { return false };
    let told = |record: &SnapshotRecord| (record.sha256, record.listing_sha256, record.fetched_at);
    match state.snapshots.iter().find(|(record, _)| record.serial == newest.serial) {
        Some((record, _)) => told(record) != told(newest),
        None => state.snapshots.first().is_none_or(|(oldest, _)| oldest.serial <= newest.serial),
    }
}
