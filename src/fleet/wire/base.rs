//! The rows of a base.

use super::v1::ChangeKind as Kind;
use super::{
    Bad, Columns, Read, anomalies_from_wire, anomalies_to_wire, carried_from_wire, carried_to_wire,
    confirmation_from_wire, confirmation_to_wire, counts_from_wire, counts_to_wire, damaged, digest, frn,
    held_from_wire, held_to_wire, maybe_time, milliseconds, number, record_of_cycle_from_wire, record_of_cycle_to_wire,
    row_to_wire, steps_from_wire, steps_to_wire, there, time, v1,
};
use crate::domain::{
    Change, ChangeCounts, ChangeKind, ChangeSerial, FieldChange, Frn, Record, RecordEvent, Removal, RmdNumber,
    SnapshotSerial,
};
use crate::listing::rewind::SnapshotRecord;
use crate::store::{ListingState, SyncState, exported};

pub fn snapshot_record_to_wire((record, counts): &(SnapshotRecord, ChangeCounts)) -> v1::SnapshotRecord {
    v1::SnapshotRecord {
        serial: record.serial.0,
        sha256: record.sha256.0.to_vec(),
        listing_sha256: record.listing_sha256.map(|digest| digest.0.to_vec()).unwrap_or_default(),
        source: record.source.clone(),
        bytes: record.bytes,
        fetched_at_ms: record.fetched_at.as_millisecond(),
        confirmed_at_ms: record.confirmed_at.as_millisecond(),
        applied_at_ms: record.applied_at.as_millisecond(),
        filings: record.filings,
        carried: carried_to_wire(&record.carried),
        anomalies: anomalies_to_wire(&record.anomalies),
        counts: Some(counts_to_wire(*counts)),
    }
}

pub fn snapshot_record_from_wire(wire: v1::SnapshotRecord) -> Read<(SnapshotRecord, ChangeCounts)> {
    let record = SnapshotRecord {
        serial: SnapshotSerial(wire.serial),
        sha256: digest(&wire.sha256)?,
        listing_sha256: Some(digest(&wire.listing_sha256)?),
        source: wire.source,
        bytes: wire.bytes,
        fetched_at: time(wire.fetched_at_ms)?,
        confirmed_at: time(wire.confirmed_at_ms)?,
        applied_at: time(wire.applied_at_ms)?,
        filings: wire.filings,
        carried: carried_from_wire(&wire.carried)?,
        anomalies: anomalies_from_wire(wire.anomalies)?,
    };
    Ok((record, counts_from_wire(wire.counts)))
}

pub fn removal_to_wire(removal: &Removal) -> v1::Removal {
    v1::Removal {
        filing: Some(row_to_wire(&removal.filing)),
        last_seen_at_ms: removal.last_seen_at.as_millisecond(),
        first_missing_at_ms: removal.first_missing_at.as_millisecond(),
        snapshot: removal.snapshot.0,
        reinstated_at_ms: milliseconds(removal.reinstated_at),
    }
}

pub fn removal_from_wire(columns: &Columns<'_>, wire: &v1::Removal) -> Read<Removal> {
    Ok(Removal {
        filing: columns.filing(there(wire.filing.as_ref(), "filing")?)?,
        last_seen_at: time(wire.last_seen_at_ms)?,
        first_missing_at: time(wire.first_missing_at_ms)?,
        snapshot: SnapshotSerial(wire.snapshot),
        reinstated_at: maybe_time(wire.reinstated_at_ms)?,
    })
}

pub fn change_to_wire(change: &Change) -> v1::Change {
    let kind = match change.kind {
        ChangeKind::Listed => Kind::Listed,
        ChangeKind::Amended(_) => Kind::Amended,
        ChangeKind::Removed => Kind::Removed,
        ChangeKind::Reinstated(_) => Kind::Reinstated,
    };
    let field = |field: &FieldChange| v1::FieldChange {
        column: field.column.clone(),
        before: field.before.clone(),
        after: field.after.clone(),
    };
    v1::Change {
        serial: change.serial.0,
        snapshot: change.snapshot.0,
        observed_at_ms: change.observed_at.as_millisecond(),
        number: change.number.value(),
        frn: change.frn.map(Frn::value),
        kind: kind.into(),
        fields: change.kind.fields().iter().map(field).collect(),
    }
}

pub fn change_from_wire(wire: v1::Change) -> Read<Change> {
    let field = |field: v1::FieldChange| FieldChange { column: field.column, before: field.before, after: field.after };
    let fields = wire.fields.into_iter().map(field).collect();
    let kind = match Kind::try_from(wire.kind) {
        Ok(Kind::Listed) => ChangeKind::Listed,
        Ok(Kind::Amended) => ChangeKind::Amended(fields),
        Ok(Kind::Removed) => ChangeKind::Removed,
        Ok(Kind::Reinstated) => ChangeKind::Reinstated(fields),
        Ok(Kind::Unspecified) | Err(_) => return Err(Bad::Unknown(format!("a change of kind {}", wire.kind))),
    };
    Ok(Change {
        serial: ChangeSerial(wire.serial),
        snapshot: SnapshotSerial(wire.snapshot),
        observed_at: time(wire.observed_at_ms)?,
        number: number(wire.number)?,
        frn: wire.frn.map(frn).transpose()?,
        kind,
    })
}

pub fn first_sight_to_wire((number, at): &(RmdNumber, jiff::Timestamp)) -> v1::FirstSight {
    v1::FirstSight { number: number.value(), at_ms: at.as_millisecond() }
}

pub fn first_sight_from_wire(wire: &v1::FirstSight) -> Read<(RmdNumber, jiff::Timestamp)> {
    Ok((number(wire.number)?, time(wire.at_ms)?))
}

/// All that there is once.
pub fn status_to_wire(state: &ListingState) -> v1::ListingStatus {
    let sync = &state.sync;
    let last = sync.last.as_ref().map(|last| {
        let mut last = last.clone();
        last.sources.clone_from(&sync.sources);
        record_of_cycle_to_wire(&last)
    });
    v1::ListingStatus {
        last_change: state.last_change.0,
        history_floor: state.history_floor.map(|floor| floor.0),
        began_at_ms: milliseconds(state.began_at),
        last,
        last_success_at_ms: milliseconds(sync.last_success_at),
        last_contact_at_ms: milliseconds(sync.last_contact_at),
        failures_since: sync.failures_since,
        confirmed: sync.confirmed.map(confirmation_to_wire),
        held: sync.held.iter().map(held_to_wire).collect(),
        steps: steps_to_wire(&state.steps),
    }
}

/// Puts all that there is once into a state.
pub fn status_from_wire(wire: v1::ListingStatus, state: &mut ListingState) -> Read<()> {
    let mut last = wire.last.map(record_of_cycle_from_wire).transpose()?;
    let sources = last.as_mut().map(|last| std::mem::take(&mut last.sources)).unwrap_or_default();
    state.last_change = ChangeSerial(wire.last_change);
    state.history_floor = wire.history_floor.map(SnapshotSerial);
    state.began_at = maybe_time(wire.began_at_ms)?;
    state.steps = steps_from_wire(&wire.steps)?;
    state.sync = SyncState {
        last,
        last_success_at: maybe_time(wire.last_success_at_ms)?,
        last_contact_at: maybe_time(wire.last_contact_at_ms)?,
        failures_since: wire.failures_since,
        confirmed: wire.confirmed.map(confirmation_from_wire).transpose()?,
        held: wire.held.into_iter().map(held_from_wire).collect::<Read<_>>()?,
        sources,
    };
    Ok(())
}

pub fn record_to_wire(record: &Record) -> Read<v1::Record> {
    let json = exported::encode_record(record).map_err(damaged)?;
    Ok(v1::Record { kind: record.kind().as_str().to_owned(), json })
}

pub fn record_from_wire(wire: &v1::Record) -> Read<Record> {
    exported::decode_record(&wire.kind, &wire.json).map_err(damaged)
}

pub fn event_to_wire(event: &RecordEvent) -> Read<v1::RecordEvent> {
    let json = exported::encode_record_event(event).map_err(damaged)?;
    Ok(v1::RecordEvent { serial: event.serial, json })
}

pub fn event_from_wire(wire: &v1::RecordEvent) -> Read<RecordEvent> {
    exported::decode_record_event(wire.serial, &wire.json).map_err(damaged)
}
