//! An entry, applied to a store: the same step as where it was made, by the same code, and the position with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Fault;
use super::entry::Entry;
#[cfg(debug_assertions)]
use super::left_out::{Part, is_left_out};
use super::payload::{self, Listing, SnapshotMessage};
use super::wire::{self, Columns, Read, damaged, v1};
use crate::domain::visible::one_line;
use crate::domain::{
    ChangeSerial, Filing, RecordEvent, RemovalHistory, RmdNumber, Snapshot, SnapshotSerial, StepFacts, SyncRecord,
};
use crate::listing::diff;
use crate::listing::index::Index;
use crate::store::{Expected, SnapshotFact, Store, StoreError, SyncState};

/// What an entry of the listing's log came to.
#[derive(Debug)]
pub struct Applied {
    /// What is to be published, if it is another than before.
    pub index: Option<Index>,
    /// How syncing went.
    pub state: SyncState,
}

/// Applies an entry of the listing's log. `current` is the index of what the store holds, `state` how syncing went.
///
/// # Errors
///
/// If it says nothing that is known, comes to something else than where it was made, or cannot be written. Nothing has changed
/// then.
pub fn listing(
    store: &Store,
    (current, state): (Option<&Arc<Index>>, &SyncState),
    entry: &Entry,
    bytes: &[u8],
) -> Result<Applied, Fault> {
    match payload::listing(entry, bytes)? {
        Listing::Snapshot(message) => snapshot(store, current, entry, *message),
        Listing::Cycle(fact) => {
            let stands = current.map(|current| current.snapshot().serial);
            if let Some((serial, _)) = fact.confirmed.filter(|(serial, _)| Some(*serial) != stands) {
                return Err(diverges(
                    entry,
                    format!("it confirms snapshot {serial}, and {} here", what_stands(stands)),
                ));
            }
            let index = fact.confirmed.and_then(|(_, at)| Some(confirmed(current?, at)));
            Ok(Applied { index, state: store.follow_cycle(&fact, &entry.advance())? })
        }
        Listing::Held(held) => {
            let held = store.follow_held(&held, &entry.advance())?;
            Ok(Applied { index: None, state: SyncState { held, ..state.clone() } })
        }
    }
}

/// Applies an entry of the log of records. Returns its events.
///
/// # Errors
///
/// If it says nothing that is known, does not follow what is on record, or cannot be written. Nothing has changed then.
pub fn records(store: &Store, entry: &Entry, bytes: &[u8]) -> Result<Vec<RecordEvent>, Fault> {
    let events = payload::records(entry, bytes)?;
    #[cfg(debug_assertions)]
    if is_left_out(Part::Together) {
        store.go_on_alone(&entry.advance())?;
        std::thread::park_timeout(std::time::Duration::from_millis(100));
        store.commit_records(&events)?;
        return Ok(events);
    }
    store.follow_records(&events, &entry.advance()).map_err(|error| match error {
        StoreError::Conflict { expected, found } => {
            diverges(entry, format!("its first event is {}, and event {found} is the last one here", expected + 1))
        }
        error => error.into(),
    })?;
    log_records(entry, &events);
    Ok(events)
}

/// The one line that says which site has made which events: the history has no site.
fn log_records(entry: &Entry, events: &[RecordEvent]) {
    let (Some(first), Some(last)) = (events.first(), events.last()) else { return };
    let (index, site, first, last, by) = (entry.position.index, &entry.site, first.serial, last.serial, &first.by);
    let by = one_line(by);
    match first == last {
        true => tracing::info!(entry = index, site, by, "site {site} has changed records: event {first}, by {by}"),
        false => {
            tracing::info!(
                entry = index,
                site,
                by,
                "site {site} has changed records: events {first} to {last}, by {by}"
            );
        }
    }
}

/// An entry that the head vouches for, and that does not go on from what stands here.
fn diverges(entry: &Entry, detail: String) -> Fault {
    StoreError::Diverges { log: entry.log, entry: entry.position.index, detail }.into()
}

fn what_stands(serial: Option<SnapshotSerial>) -> String {
    serial
        .filter(|serial| serial.0 > 0)
        .map_or_else(|| "none stands".to_owned(), |serial| format!("snapshot {serial} stands"))
}

/// What stands, as it was held against a listing that came at `at`. Times that lie ahead were told by a clock that was wrong:
/// where the entry was made they were set to that time, and so they are here.
fn believed(current: &Arc<Index>, at: jiff::Timestamp) -> Arc<Index> {
    if current.confirmed_at() > at { Arc::new(current.no_later_than(at)) } else { Arc::clone(current) }
}

fn confirmed(current: &Arc<Index>, at: jiff::Timestamp) -> Index {
    believed(current, at).confirmed(at)
}

fn snapshot(
    store: &Store,
    current: Option<&Arc<Index>>,
    entry: &Entry,
    SnapshotMessage(message): SnapshotMessage,
) -> Result<Applied, Fault> {
    let of = |bad| Fault::of(&entry.name(), bad);
    let stands = current.map(|current| current.snapshot().serial);
    if message.serial != stands.map_or(0, |serial| serial.0).saturating_add(1) {
        return Err(diverges(entry, format!("it makes snapshot {}, and {} here", message.serial, what_stands(stands))));
    }
    let last_seen_at = wire::maybe_time(message.last_seen_at_ms).map_err(of)?;
    let current = match (current, last_seen_at) {
        (Some(current), Some(at)) => Some(believed(current, at)),
        (current, _) => current.cloned(),
    };
    let (last_change, filings) = (ChangeSerial(message.last_change), message.filings);
    let counts = wire::counts_from_wire(message.counts);
    let listing_sha256 = wire::digest(&message.listing_sha256).map_err(of)?;
    let (snapshot, cycle) = next(current.as_deref(), message).map_err(of)?;
    let none_yet = RemovalHistory::default();
    let before = current.as_deref();
    let removals = before.map_or(&none_yet, Index::removals);
    let previous = before.map(|before| (before.snapshot(), last_seen_at.unwrap_or(before.confirmed_at())));
    let step = diff::step(previous, removals, &snapshot);
    if (step.counts(), snapshot.filings.len() as u64) != (counts, filings) {
        let found =
            format!("{:?} and {} filings here, {counts:?} and {filings} there", step.counts(), snapshot.filings.len());
        return Err(of(damaged(format!("it comes to something else here than where it was made: {found}"))));
    }
    let fact = SnapshotFact { snapshot, step, current, cycle };
    let expected = Expected { listing_sha256, last_change, advance: entry.advance() };
    let committed = store.follow_snapshot(&fact, &expected)?;
    let SnapshotFact { snapshot, step, .. } = fact;
    let index = Index::build_known(snapshot, listing_sha256, step.removals, committed.last_change);
    Ok(Applied { index: Some(index), state: committed.state })
}

/// The snapshot that an entry makes of what stands, and the cycle that brought it.
fn next(current: Option<&Index>, message: v1::Snapshot) -> Read<(Snapshot, SyncRecord)> {
    let before = current.map(Index::snapshot);
    let filings = rows(before, &message)?;
    let steps = steps(before, &message)?;
    let snapshot = Snapshot {
        serial: SnapshotSerial(message.serial),
        sha256: wire::digest(&message.sha256)?,
        source: message.source,
        bytes: message.bytes,
        fetched_at: wire::time(message.fetched_at_ms)?,
        confirmed_at: wire::time(message.confirmed_at_ms)?,
        filings,
        carried: wire::carried_from_wire(&message.carried)?,
        anomalies: wire::anomalies_from_wire(message.anomalies)?,
        steps,
    };
    Ok((snapshot, wire::record_of_cycle_from_wire(wire::there(message.cycle, "cycle")?)?))
}

fn rows(before: Option<&Snapshot>, message: &v1::Snapshot) -> Read<Vec<Arc<Filing>>> {
    let standing = before.map_or(&[][..], |before| &before.filings);
    let mut filings: BTreeMap<RmdNumber, Arc<Filing>> =
        standing.iter().map(|filing| (filing.number(), Arc::clone(filing))).collect();
    for value in &message.removed {
        if filings.remove(&wire::number(*value)?).is_none() {
            return Err(damaged(format!("filing {value}, which it removes, does not stand here")));
        }
    }
    let columns = Columns::new(&message.columns);
    for row in &message.rows {
        let filing = columns.filing(row)?;
        filings.insert(filing.number(), filing);
    }
    Ok(filings.into_values().collect())
}

fn steps(before: Option<&Snapshot>, message: &v1::Snapshot) -> Read<Vec<StepFacts>> {
    let remembered = before.map_or(&[][..], |before| &before.steps);
    let range = usize::try_from(message.steps_from).ok().zip(usize::try_from(message.steps_kept).ok());
    let kept = range.and_then(|(from, kept)| remembered.get(from..from.checked_add(kept)?));
    let mut steps = kept.ok_or_else(|| damaged("it remembers steps that are not remembered here"))?.to_vec();
    steps.extend(wire::steps_from_wire(&message.steps)?);
    Ok(steps)
}
