//! The whole state that a log makes, at one of its entries: from where a site begins that has nothing, or is far behind.
//!
//! A base is a manifest and its parts, each a blob. Two sites that hold the same make the same base to the byte. Changes and
//! events are cut into parts at fixed serials, so that what is old is the same blob in each base and need not be written
//! again; and no part grows with the history, which is kept for years.

use std::sync::Arc;

use prost::Message;

use super::blob::{Blob, BlobName};
use super::head::BaseName;
use super::wire::{self, Columns, Read, damaged, v1};
use super::{Fault, format};
use crate::store::{ListingState, Log, Position, RecordsState, State};

/// So many changes or events are in one part, counted from serial 1.
const SERIALS: u64 = 4096;

/// So many rows of other kinds are in one part.
const ROWS: usize = 4096;

/// A base, packed.
#[derive(Debug, Clone)]
pub struct Packed {
    /// Its name in the head.
    pub name: BaseName,
    /// The blob of its manifest.
    pub manifest: Blob,
    /// The blobs of its parts, in their order.
    pub parts: Vec<Blob>,
}

fn base_of(log: Log, index: u64) -> String {
    format!("the base of the fleet's log `{}` at entry {index}", log.as_str())
}

/// Packs the state that a log has made up to a position, in the fleet's format.
///
/// # Errors
///
/// If it is too large for a fleet.
pub fn make(state: &State, position: Position, format: u32) -> Result<Packed, Fault> {
    let log = state.log();
    let what = base_of(log, position.index);
    let parts = match state {
        State::Listing(state) => parts_of_listing(state),
        State::Records(state) => parts_of_records(state).map_err(|bad| Fault::of(&what, bad))?,
    };
    let parts = parts.iter().map(|part| Blob::pack(&what, &part.encode_to_vec())).collect::<Result<Vec<_>, _>>()?;
    let manifest = v1::Base {
        format,
        log: wire::log_to_wire(log),
        index: position.index,
        entry_sha256: position.sha256.0.to_vec(),
        at_ms: position.at.as_millisecond(),
        parts: parts.iter().map(|part| part.name.to_wire()).collect(),
    };
    let manifest = Blob::pack(&what, &manifest.encode_to_vec())?;
    let name = BaseName { index: position.index, manifest: manifest.name };
    Ok(Packed { name, manifest, parts })
}

/// Rows in pieces of one length.
fn pieces<T>(rows: &[T], part: impl Fn(&[T]) -> v1::BasePart) -> Vec<v1::BasePart> {
    rows.chunks(ROWS).map(part).collect()
}

/// Rows in pieces that end at fixed serials.
fn by_serial<T>(rows: &[T], serial: impl Fn(&T) -> u64) -> impl Iterator<Item = &[T]> {
    let place = move |row: &T| serial(row).saturating_sub(1) / SERIALS;
    rows.chunk_by(move |one, next| place(one) == place(next))
}

fn parts_of_listing(state: &ListingState) -> Vec<v1::BasePart> {
    let none = v1::BasePart::default;
    let status = v1::BasePart { listing_status: Some(wire::status_to_wire(state)), ..none() };
    let mut parts = vec![status];
    parts.extend(pieces(&state.filings, |rows| v1::BasePart {
        columns: wire::columns(),
        filings: rows.iter().map(|filing| wire::row_to_wire(filing)).collect(),
        ..none()
    }));
    parts.extend(pieces(&state.removals, |rows| v1::BasePart {
        columns: wire::columns(),
        removals: rows.iter().map(|removal| wire::removal_to_wire(removal)).collect(),
        ..none()
    }));
    parts.extend(
        by_serial(&state.snapshots, |(record, _)| record.serial.0)
            .map(|rows| v1::BasePart { snapshots: rows.iter().map(wire::snapshot_record_to_wire).collect(), ..none() }),
    );
    parts.extend(
        by_serial(&state.changes, |change| change.serial.0)
            .map(|rows| v1::BasePart { changes: rows.iter().map(wire::change_to_wire).collect(), ..none() }),
    );
    parts.extend(pieces(&state.confirmations, |rows| v1::BasePart {
        confirmations: rows.iter().copied().map(wire::confirmation_to_wire).collect(),
        ..none()
    }));
    parts.extend(pieces(&state.first_sights, |rows| v1::BasePart {
        first_sights: rows.iter().map(wire::first_sight_to_wire).collect(),
        ..none()
    }));
    parts
}

fn parts_of_records(state: &RecordsState) -> Read<Vec<v1::BasePart>> {
    let mut parts = vec![v1::BasePart { salvaged: state.salvaged, ..v1::BasePart::default() }];
    for rows in state.records.chunks(ROWS) {
        let records = rows.iter().map(wire::record_to_wire).collect::<Read<_>>()?;
        parts.push(v1::BasePart { records, ..v1::BasePart::default() });
    }
    for rows in by_serial(&state.events, |event| event.serial) {
        let events = rows.iter().map(wire::event_to_wire).collect::<Read<_>>()?;
        parts.push(v1::BasePart { events, ..v1::BasePart::default() });
    }
    Ok(parts)
}

/// The parts of a base, from the bytes of its manifest.
///
/// # Errors
///
/// If they are not that of a base of this log at this place.
pub(crate) fn parts_of(log: Log, index: u64, manifest: &[u8]) -> Result<Vec<BlobName>, Fault> {
    Assembly::begin(log, index, manifest).map(|assembly| assembly.parts)
}

/// The format of a base, from the bytes of its manifest; nothing where they are none.
pub(crate) fn format_of(manifest: &[u8]) -> Option<u32> {
    wire::decode::<v1::Base>(manifest).ok().map(|base| base.format)
}

/// A base that comes, part by part.
#[derive(Debug)]
pub(crate) struct Assembly {
    what: String,
    position: Position,
    parts: Vec<BlobName>,
    came: usize,
    state: State,
}

impl Assembly {
    /// Begins with the bytes of a manifest: what came out of the blob that a head names.
    ///
    /// # Errors
    ///
    /// If they are not that of a base of this log at this place.
    pub fn begin(log: Log, index: u64, manifest: &[u8]) -> Result<Self, Fault> {
        let what = base_of(log, index);
        let of = |bad| Fault::of(&what, bad);
        let wire: v1::Base = wire::decode(manifest).map_err(of)?;
        format::check(&what, wire.format)?;
        let found = wire::log_from_wire(wire.log).map_err(of)?;
        if (found, wire.index) != (log, index) {
            return Err(Fault::damaged(&what, format!("it is {}", base_of(found, wire.index))));
        }
        let sha256 = wire::digest(&wire.entry_sha256).map_err(of)?;
        let position = Position { index, sha256, at: wire::time(wire.at_ms).map_err(of)? };
        let parts = wire.parts.iter().map(BlobName::from_wire).collect::<Read<_>>().map_err(of)?;
        let state = match log {
            Log::Listing => State::Listing(Box::default()),
            Log::Records => State::Records(RecordsState::default()),
        };
        Ok(Self { what, position, parts, came: 0, state })
    }

    /// The part that comes next; nothing where all have come.
    pub fn next(&self) -> Option<BlobName> {
        self.parts.get(self.came).copied()
    }

    /// Adds what came out of the blob of the next part.
    ///
    /// # Errors
    ///
    /// If it is no part of such a base.
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let added = wire::decode::<v1::BasePart>(bytes).and_then(|part| match &mut self.state {
            State::Listing(state) => add_to_listing(state, part),
            State::Records(state) => add_to_records(state, part),
        });
        added.map_err(|bad| Fault::of(&format!("part {} of {}", self.came + 1, self.what), bad))?;
        self.came += 1;
        Ok(())
    }

    /// The state, and where a store stands that takes it.
    ///
    /// # Errors
    ///
    /// If a part is missing.
    pub fn finish(self) -> Result<(State, Position), Fault> {
        match self.next() {
            None => Ok((self.state, self.position)),
            Some(_) => Err(Fault::damaged(&self.what, format!("{} parts came of {}", self.came, self.parts.len()))),
        }
    }
}

/// Reads rows, and appends them.
fn extend<W, T>(rows: &mut Vec<T>, wire: Vec<W>, read: impl Fn(W) -> Read<T>) -> Read<()> {
    rows.reserve(wire.len());
    for row in wire {
        rows.push(read(row)?);
    }
    Ok(())
}

/// Why a part is not taken.
const OF_THE_OTHER: &str = "it has rows of the other log";

fn add_to_listing(state: &mut ListingState, part: v1::BasePart) -> Read<()> {
    if !part.records.is_empty() || !part.events.is_empty() || part.salvaged.is_some() {
        return Err(damaged(OF_THE_OTHER));
    }
    let columns = Columns::new(&part.columns);
    extend(&mut state.filings, part.filings, |row| columns.filing(&row))?;
    extend(&mut state.removals, part.removals, |row| wire::removal_from_wire(&columns, &row).map(Arc::new))?;
    extend(&mut state.snapshots, part.snapshots, wire::snapshot_record_from_wire)?;
    extend(&mut state.changes, part.changes, wire::change_from_wire)?;
    extend(&mut state.confirmations, part.confirmations, wire::confirmation_from_wire)?;
    extend(&mut state.first_sights, part.first_sights, |row| wire::first_sight_from_wire(&row))?;
    part.listing_status.map_or(Ok(()), |status| wire::status_from_wire(status, state))
}

fn add_to_records(state: &mut RecordsState, mut part: v1::BasePart) -> Read<()> {
    let (records, events) = (std::mem::take(&mut part.records), std::mem::take(&mut part.events));
    let salvaged = part.salvaged.take();
    // Whatever is left is of the listing, of which kind it may be.
    if part != v1::BasePart::default() {
        return Err(damaged(OF_THE_OTHER));
    }
    extend(&mut state.records, records, |row| wire::record_from_wire(&row))?;
    extend(&mut state.events, events, |row| wire::event_from_wire(&row))?;
    state.salvaged = salvaged.or(state.salvaged);
    Ok(())
}
