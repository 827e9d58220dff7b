//! What a cycle came to, what its sources said, and what is held.

use jiff::SignedDuration;

use super::v1::sync_record::Outcome;
use super::{Bad, Read, counts_from_wire, counts_to_wire, digest, maybe_time, milliseconds, there, time, v1};
use crate::domain::{
    Awaits, HeldListing, PeersAffected, SnapshotSerial, SourceFault, SourceState, SyncOutcome, SyncRecord, SyncTrigger,
    Validators,
};
use crate::store::{CycleFact, Holding};

fn fault_to_wire(fault: &SourceFault) -> v1::SourceFault {
    v1::SourceFault { source: fault.source.clone(), kind: fault.kind.clone(), error: fault.error.clone() }
}

fn fault_from_wire(fault: v1::SourceFault) -> SourceFault {
    SourceFault { source: fault.source, kind: fault.kind, error: fault.error }
}

fn source_to_wire(state: &SourceState) -> v1::SourceState {
    let (validators, digest) = state.validators.clone().map_or((Validators::default(), None), |(v, d)| (v, Some(d)));
    v1::SourceState {
        source: state.source.clone(),
        etag: validators.etag,
        last_modified: validators.last_modified,
        validated_sha256: digest.map(|digest| digest.0.to_vec()),
        distrusted_until_ms: milliseconds(state.validators_distrusted_until),
        last_asked_at_ms: milliseconds(state.last_asked_at),
        last_contact_at_ms: milliseconds(state.last_contact_at),
        last_success_at_ms: milliseconds(state.last_success_at),
        last_whole_at_ms: milliseconds(state.last_whole_at),
        failures: state.failures,
        fault: state.fault.as_ref().map(fault_to_wire),
        not_before_ms: milliseconds(state.not_before),
        clock_skew_s: state.clock_skew.map(|skew| skew.as_secs()),
    }
}

fn source_from_wire(state: v1::SourceState) -> Read<SourceState> {
    let validators = Validators { etag: state.etag, last_modified: state.last_modified };
    let validated = state.validated_sha256.as_deref().map(digest).transpose()?;
    Ok(SourceState {
        source: state.source,
        validators: validated.map(|digest| (validators, digest)),
        validators_distrusted_until: maybe_time(state.distrusted_until_ms)?,
        last_asked_at: maybe_time(state.last_asked_at_ms)?,
        last_contact_at: maybe_time(state.last_contact_at_ms)?,
        last_success_at: maybe_time(state.last_success_at_ms)?,
        last_whole_at: maybe_time(state.last_whole_at_ms)?,
        failures: state.failures,
        fault: state.fault.map(fault_from_wire),
        not_before: maybe_time(state.not_before_ms)?,
        clock_skew: state.clock_skew_s.map(SignedDuration::from_secs),
    })
}

pub fn record_of_cycle_to_wire(record: &SyncRecord) -> v1::SyncRecord {
    let standing = |serial: SnapshotSerial, filings, counts| v1::Standing { serial: serial.0, filings, counts };
    let outcome = match &record.outcome {
        SyncOutcome::Applied { serial, filings, changes } => {
            Outcome::Applied(standing(*serial, *filings, Some(counts_to_wire(*changes))))
        }
        SyncOutcome::Unchanged { serial, filings } => Outcome::Unchanged(standing(*serial, *filings, None)),
        SyncOutcome::Held { sha256, reason } => {
            Outcome::Held(v1::Held { sha256: sha256.0.to_vec(), reason: reason.clone() })
        }
        SyncOutcome::Refused { reason } => Outcome::Refused(reason.clone()),
        SyncOutcome::Failed { error } => Outcome::Failed(error.clone()),
    };
    v1::SyncRecord {
        at_ms: record.at.as_millisecond(),
        trigger: record.trigger.as_str().to_owned(),
        source: record.source.clone(),
        outcome: Some(outcome),
        passed_over: record.passed_over.iter().map(fault_to_wire).collect(),
        sources: record.sources.iter().map(source_to_wire).collect(),
    }
}

pub fn record_of_cycle_from_wire(record: v1::SyncRecord) -> Read<SyncRecord> {
    let trigger = SyncTrigger::ALL.into_iter().find(|trigger| trigger.as_str() == record.trigger);
    let outcome = match record.outcome {
        Some(Outcome::Applied(v1::Standing { serial, filings, counts })) => {
            SyncOutcome::Applied { serial: SnapshotSerial(serial), filings, changes: counts_from_wire(counts) }
        }
        Some(Outcome::Unchanged(v1::Standing { serial, filings, .. })) => {
            SyncOutcome::Unchanged { serial: SnapshotSerial(serial), filings }
        }
        Some(Outcome::Held(v1::Held { sha256, reason })) => SyncOutcome::Held { sha256: digest(&sha256)?, reason },
        Some(Outcome::Refused(reason)) => SyncOutcome::Refused { reason },
        Some(Outcome::Failed(error)) => SyncOutcome::Failed { error },
        None => return Err(Bad::Unknown("an outcome of a cycle".to_owned())),
    };
    Ok(SyncRecord {
        at: time(record.at_ms)?,
        trigger: trigger.ok_or_else(|| Bad::Unknown(format!("a cycle that {:?} started", record.trigger)))?,
        source: record.source,
        outcome,
        passed_over: record.passed_over.into_iter().map(fault_from_wire).collect(),
        sources: record.sources.into_iter().map(source_from_wire).collect::<Read<_>>()?,
    })
}

pub fn held_to_wire(held: &HeldListing) -> v1::HeldListing {
    let peers = held.peers.clone().map(|affected| {
        let PeersAffected { peers, newly_refused, newly_accepted, refused, in_some_role, providers } = affected;
        v1::PeersAffected { peers, newly_refused, newly_accepted, refused, in_some_role, providers }
    });
    v1::HeldListing {
        sha256: held.sha256.0.to_vec(),
        source: held.source.clone(),
        bytes: held.bytes,
        filings: held.filings,
        gone: held.gone,
        first_fetched_at_ms: held.first_fetched_at.as_millisecond(),
        last_fetched_at_ms: held.last_fetched_at.as_millisecond(),
        times: held.times,
        doubts: held.doubts.clone(),
        awaits_person: held.awaits == Awaits::Person,
        peers,
    }
}

pub fn held_from_wire(held: v1::HeldListing) -> Read<HeldListing> {
    let peers = held.peers.map(|affected| {
        let v1::PeersAffected { peers, newly_refused, newly_accepted, refused, in_some_role, providers } = affected;
        PeersAffected { peers, newly_refused, newly_accepted, refused, in_some_role, providers }
    });
    Ok(HeldListing {
        sha256: digest(&held.sha256)?,
        source: held.source,
        bytes: held.bytes,
        filings: held.filings,
        gone: held.gone,
        first_fetched_at: time(held.first_fetched_at_ms)?,
        last_fetched_at: time(held.last_fetched_at_ms)?,
        times: held.times,
        doubts: held.doubts,
        awaits: if held.awaits_person { Awaits::Person } else { Awaits::SecondCopy },
        peers,
    })
}

pub fn confirmation_to_wire((serial, at): (SnapshotSerial, jiff::Timestamp)) -> v1::Confirmation {
    v1::Confirmation { serial: serial.0, at_ms: at.as_millisecond() }
}

pub fn confirmation_from_wire(wire: v1::Confirmation) -> Read<(SnapshotSerial, jiff::Timestamp)> {
    Ok((SnapshotSerial(wire.serial), time(wire.at_ms)?))
}

pub fn cycle_to_wire(fact: &CycleFact) -> v1::Cycle {
    let (holding, held) = match &fact.holding {
        Holding::AsBefore => (v1::Holding::AsBefore, None),
        Holding::Nothing => (v1::Holding::Nothing, None),
        Holding::Listing(held) => (v1::Holding::Listing, Some(held_to_wire(held))),
    };
    v1::Cycle {
        cycle: Some(record_of_cycle_to_wire(&fact.cycle)),
        confirmed: fact.confirmed.map(confirmation_to_wire),
        holding: holding.into(),
        held,
    }
}

pub fn cycle_from_wire(wire: v1::Cycle) -> Read<CycleFact> {
    let holding = match v1::Holding::try_from(wire.holding) {
        Ok(v1::Holding::AsBefore) => Holding::AsBefore,
        Ok(v1::Holding::Nothing) => Holding::Nothing,
        Ok(v1::Holding::Listing) => Holding::Listing(Box::new(held_from_wire(there(wire.held, "held listing")?)?)),
        Ok(v1::Holding::Unspecified) | Err(_) => {
            return Err(Bad::Unknown(format!("what becomes of held listings: {}", wire.holding)));
        }
    };
    Ok(CycleFact {
        cycle: record_of_cycle_from_wire(there(wire.cycle, "cycle")?)?,
        confirmed: wire.confirmed.map(confirmation_from_wire).transpose()?,
        holding,
    })
}
