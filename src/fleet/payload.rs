//! Facts, as entries say them; and what an entry says.

use prost::Message;

use super::entry::Entry;
use super::wire::{self, Read, v1};
use super::{Fault, wire::v1::listing_payload::Fact};
use crate::domain::{ChangeSerial, HeldListing, RecordEvent, RmdNumber, Sha256Digest, Snapshot, StepFacts};
use crate::listing::index::Index;
use crate::store::{CycleFact, Log, SnapshotFact};

/// What an entry of the listing's log says. A snapshot is only known with what stands before it: [`super::apply`] makes it.
#[derive(Debug, Clone)]
pub enum Listing {
    /// A listing was applied.
    Snapshot(Box<SnapshotMessage>),
    /// A cycle brought none.
    Cycle(CycleFact),
    /// A listing is held between cycles.
    Held(HeldListing),
}

/// A snapshot as it travels.
#[derive(Debug, Clone)]
pub struct SnapshotMessage(pub(super) v1::Snapshot);

/// A snapshot, for the log of the listing, and the serial of its last change. `listing_sha256` is the digest of its canonical
/// export.
pub(crate) fn of_snapshot(fact: &SnapshotFact, listing_sha256: Sha256Digest) -> (Vec<u8>, ChangeSerial) {
    let SnapshotFact { snapshot, step, current, cycle } = fact;
    let (from, kept) = remembered(current.as_deref().map(Index::snapshot), &snapshot.steps);
    let delta = step.delta.as_ref();
    let written = delta.map(rows).unwrap_or_default();
    let rows = written.iter().filter_map(|number| snapshot.filing(*number)).map(|filing| wire::row_to_wire(filing));
    let before = current.as_deref().map_or(0, |current| current.last_change().0);
    let message = v1::Snapshot {
        serial: snapshot.serial.0,
        sha256: snapshot.sha256.0.to_vec(),
        source: snapshot.source.clone(),
        bytes: snapshot.bytes,
        fetched_at_ms: snapshot.fetched_at.as_millisecond(),
        confirmed_at_ms: snapshot.confirmed_at.as_millisecond(),
        last_seen_at_ms: current.as_deref().map(|current| current.confirmed_at().as_millisecond()),
        carried: wire::carried_to_wire(&snapshot.carried),
        anomalies: wire::anomalies_to_wire(&snapshot.anomalies),
        steps_from: from as u64,
        steps_kept: kept as u64,
        steps: wire::steps_to_wire(snapshot.steps.get(kept..).unwrap_or_default()),
        cycle: Some(wire::record_of_cycle_to_wire(cycle)),
        columns: wire::columns(),
        rows: rows.collect(),
        removed: delta.into_iter().flat_map(|delta| &delta.removed).map(|filing| filing.number().value()).collect(),
        filings: snapshot.filings.len() as u64,
        counts: Some(wire::counts_to_wire(step.counts())),
        last_change: before + delta.map_or(0, |delta| delta.len() as u64),
        listing_sha256: listing_sha256.0.to_vec(),
    };
    let last_change = ChangeSerial(message.last_change);
    (v1::ListingPayload { fact: Some(Fact::Snapshot(message)) }.encode_to_vec(), last_change)
}

/// The numbers of the filings whose rows a delta writes, in order.
fn rows(delta: &crate::domain::Delta) -> Vec<RmdNumber> {
    let changed = delta.amended.iter().chain(&delta.reinstated).map(|(number, _)| *number);
    let mut numbers: Vec<RmdNumber> = delta.listed.iter().copied().chain(changed).collect();
    numbers.sort_unstable();
    numbers
}

/// Which of the steps that were remembered before are remembered still, as the first: from which place on, and how many. They
/// are most of the memory, and need not travel again.
fn remembered(before: Option<&Snapshot>, now: &[StepFacts]) -> (usize, usize) {
    let before = before.map_or(&[][..], |before| &before.steps);
    let Some(first) = now.first() else { return (0, 0) };
    let Some(from) = before.iter().position(|step| step == first) else { return (0, 0) };
    let same = before.iter().skip(from).zip(now).take_while(|(before, now)| before == now).count();
    (from, same)
}

/// A cycle, for the log of the listing.
pub fn of_cycle(fact: &CycleFact) -> Vec<u8> {
    v1::ListingPayload { fact: Some(Fact::Cycle(wire::cycle_to_wire(fact))) }.encode_to_vec()
}

/// A listing that is held between cycles, for the log of the listing.
pub(crate) fn of_held(listing: &HeldListing) -> Vec<u8> {
    v1::ListingPayload { fact: Some(Fact::Held(wire::held_to_wire(listing))) }.encode_to_vec()
}

/// Events of one change, for the log of records.
///
/// # Errors
///
/// If one concerns no record.
pub fn of_records(events: &[RecordEvent]) -> Result<Vec<u8>, Fault> {
    let events = events.iter().map(wire::event_to_wire).collect::<Read<_>>();
    let events = events.map_err(|bad| Fault::of("a change of records", bad))?;
    Ok(v1::RecordsPayload { events }.encode_to_vec())
}

/// What an entry of the listing's log says, from the bytes of its payload.
///
/// # Errors
///
/// If they say nothing that is known.
pub fn listing(entry: &Entry, bytes: &[u8]) -> Result<Listing, Fault> {
    let read = || -> Read<Listing> {
        belongs(entry, Log::Listing)?;
        match wire::decode::<v1::ListingPayload>(bytes)?.fact {
            Some(Fact::Snapshot(message)) => Ok(Listing::Snapshot(Box::new(SnapshotMessage(message)))),
            Some(Fact::Cycle(cycle)) => wire::cycle_from_wire(cycle).map(Listing::Cycle),
            Some(Fact::Held(held)) => wire::held_from_wire(held).map(Listing::Held),
            None => Err(wire::Bad::Unknown("a fact of another kind".to_owned())),
        }
    };
    read().map_err(|bad| Fault::of(&entry.name(), bad))
}

/// The events that an entry of the log of records says, from the bytes of its payload.
///
/// # Errors
///
/// If they are none, or not those of one change.
pub fn records(entry: &Entry, bytes: &[u8]) -> Result<Vec<RecordEvent>, Fault> {
    let read = || -> Read<Vec<RecordEvent>> {
        belongs(entry, Log::Records)?;
        let message = wire::decode::<v1::RecordsPayload>(bytes)?;
        let events = message.events.iter().map(wire::event_from_wire).collect::<Read<Vec<_>>>()?;
        let first = events.first().map_or(0, |event| event.serial);
        if events.is_empty() || !events.iter().zip(first..).all(|(event, serial)| event.serial == serial) {
            return Err(wire::damaged("its events do not follow one another"));
        }
        Ok(events)
    };
    read().map_err(|bad| Fault::of(&entry.name(), bad))
}

fn belongs(entry: &Entry, log: Log) -> Read<()> {
    if entry.log == log { Ok(()) } else { Err(wire::damaged("it is one of the other log")) }
}
