//! Ours <-> the wire's.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use super::v1;
use crate::domain::{
    AdvisoryCode, Awaits, Change, ChangeKind, Column, ErrorReason, Filing, HeldListing, Identity, IdentityError,
    Implementation, MatchedBy, ProviderRole, Reason, Record, Rejection, Removal, SourceFault, SyncOutcome, SyncRecord,
    SyncTrigger, Ternary, Verdict, Who,
};
use crate::service::{Answer, CurrentFiling, Detail, SnapshotRef, SourceReport};

/// A time for the wire.
pub fn time_to_wire(at: Timestamp) -> prost_types::Timestamp {
    let (mut seconds, mut nanos) = (at.as_second(), at.subsec_nanosecond());
    // Before 1970 ours counts both parts down, and the wire counts nanoseconds up.
    if nanos < 0 {
        seconds -= 1;
        nanos += 1_000_000_000;
    }
    prost_types::Timestamp { seconds, nanos }
}

/// A time from the wire; nothing if it is out of range.
pub fn time_from_wire(at: &prost_types::Timestamp) -> Option<Timestamp> {
    Timestamp::new(at.seconds, at.nanos).ok()
}

/// A duration from the wire.
pub(crate) fn duration_from_wire(duration: &prost_types::Duration) -> SignedDuration {
    SignedDuration::new(duration.seconds, duration.nanos)
}

/// Whether a filing goes out with all its cells.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Cells {
    Left,
    Included,
}

/// A role for the wire.
pub fn role_to_wire(role: ProviderRole) -> v1::ProviderRole {
    match role {
        ProviderRole::VoiceService => v1::ProviderRole::VoiceService,
        ProviderRole::Gateway => v1::ProviderRole::Gateway,
        ProviderRole::NonGatewayIntermediate => v1::ProviderRole::NonGatewayIntermediate,
    }
}

fn filing(filing: &Filing, cells: Cells, carried_since: Option<Timestamp>) -> v1::Filing {
    let implementation = match filing.implementation() {
        Implementation::Complete => v1::Implementation::Complete,
        Implementation::Partial => v1::Implementation::Partial,
        Implementation::NoneMitigating => v1::Implementation::NoneMitigating,
        Implementation::NotApplicable => v1::Implementation::NotApplicable,
        Implementation::Unrecognized(_) => v1::Implementation::Unrecognized,
    };
    let cells = match cells {
        Cells::Left => Vec::new(),
        Cells::Included => Column::ALL
            .into_iter()
            .map(|column| (column.name(), filing.cell(column)))
            .chain(filing.unknown_cells())
            .filter(|(_, cell)| !cell.is_empty())
            .map(|(name, cell)| (name.to_owned(), cell.to_owned()))
            .collect(),
    };
    v1::Filing {
        number: filing.number().to_string(),
        frn: filing.frn().map(|frn| frn.to_string()).unwrap_or_default(),
        business_name: filing.business_name().to_owned(),
        implementation: implementation.into(),
        roles: filing.roles().iter().map(|has| role_to_wire(has).into()).collect(),
        last_updated: filing.text(Column::LastUpdated).to_owned(),
        last_recertified: filing.text(Column::LastRecertified).to_owned(),
        cells: cells.into_iter().collect(),
        carried_since: carried_since.map(time_to_wire),
    }
}

/// A filing for the wire, without its cells.
pub(crate) fn filing_to_wire(reported: &Filing) -> v1::Filing {
    filing(reported, Cells::Left, None)
}

/// A filing that is listed.
pub fn current_to_wire(current: &CurrentFiling, cells: Cells) -> v1::Filing {
    filing(&current.filing, cells, current.carried_since)
}

pub fn removal_to_wire(removal: &Removal, cells: Cells) -> v1::Removal {
    v1::Removal {
        filing: Some(filing(&removal.filing, cells, None)),
        last_seen_at: Some(time_to_wire(removal.last_seen_at)),
        first_missing_at: Some(time_to_wire(removal.first_missing_at)),
        reinstated_at: removal.reinstated_at.map(time_to_wire),
        snapshot_serial: removal.snapshot.0,
    }
}

pub fn change_to_wire(change: &Change) -> v1::Change {
    let kind = match change.kind {
        ChangeKind::Listed => v1::ChangeKind::Listed,
        ChangeKind::Amended(_) => v1::ChangeKind::Amended,
        ChangeKind::Removed => v1::ChangeKind::Removed,
        ChangeKind::Reinstated(_) => v1::ChangeKind::Reinstated,
    };
    v1::Change {
        serial: change.serial.0,
        snapshot_serial: change.snapshot.0,
        observed_at: Some(time_to_wire(change.observed_at)),
        number: change.number.to_string(),
        frn: change.frn.map(|frn| frn.to_string()).unwrap_or_default(),
        kind: kind.into(),
        fields: change
            .kind
            .fields()
            .iter()
            .map(|field| v1::FieldChange {
                column: field.column.clone(),
                before: field.before.clone(),
                after: field.after.clone(),
            })
            .collect(),
    }
}

/// Which listing an answer rests on.
pub fn snapshot_to_wire(snapshot: &SnapshotRef) -> v1::SnapshotRef {
    v1::SnapshotRef {
        serial: snapshot.serial.0,
        sha256: Bytes::copy_from_slice(&snapshot.sha256.0),
        fetched_at: Some(time_to_wire(snapshot.fetched_at)),
        confirmed_at: Some(time_to_wire(snapshot.confirmed_at)),
        age: Some(age_to_wire(snapshot)),
        listing_sha256: snapshot.listing_sha256.map(|digest| Bytes::copy_from_slice(&digest.0)).unwrap_or_default(),
    }
}

/// The same, as far as a compact answer tells it.
pub fn compact_snapshot_to_wire(snapshot: &SnapshotRef) -> v1::SnapshotRef {
    v1::SnapshotRef {
        serial: snapshot.serial.0,
        sha256: Bytes::copy_from_slice(&snapshot.sha256.0),
        age: Some(age_to_wire(snapshot)),
        ..v1::SnapshotRef::default()
    }
}

/// How old a listing is.
pub fn age_to_wire(snapshot: &SnapshotRef) -> prost_types::Duration {
    prost_types::Duration { seconds: snapshot.age.as_secs(), nanos: 0 }
}

pub fn verdict_to_wire(verdict: Verdict) -> v1::Verdict {
    match verdict {
        Verdict::Accept => v1::Verdict::Accept,
        Verdict::Refuse => v1::Verdict::Refuse,
    }
}

pub fn reason_to_wire(reason: Reason) -> v1::Reason {
    match reason {
        Reason::Listed => v1::Reason::Listed,
        Reason::NotListed => v1::Reason::NotListed,
        Reason::Removed => v1::Reason::Removed,
        Reason::EmergencyCall => v1::Reason::EmergencyCall,
        Reason::RoleBlank => v1::Reason::RoleBlank,
        Reason::RoleNotCertified => v1::Reason::RoleNotCertified,
        Reason::NoRoleCertified => v1::Reason::NoRoleCertified,
        Reason::CallNotCovered => v1::Reason::CallNotCovered,
        Reason::OtherFrnOnly => v1::Reason::OtherFrnOnly,
        Reason::ListingOld => v1::Reason::ListingOld,
        Reason::Override => v1::Reason::Override,
        Reason::RemovalOrder => v1::Reason::RemovalOrder,
        Reason::FinalDetermination => v1::Reason::FinalDetermination,
        Reason::NoticeUnanswered => v1::Reason::NoticeUnanswered,
    }
}

/// The value of an enumeration in a request. One that this version does not know is an error and never "not given": what
/// the client meant by it would be left out of the answer.
pub fn known<E: TryFrom<i32>>(field: &str, value: i32) -> Result<E, Rejection> {
    E::try_from(value).map_err(|_| ErrorReason::UnknownValue.reject(unknown_value(field, value)))
}

/// What is said of such a value.
pub fn unknown_value(field: &str, value: i32) -> String {
    format!(
        "{field} = {value} is no value that this version of rmdd knows; leave the field out if nothing is meant by it"
    )
}

/// A role of a request; none if it is unspecified.
pub fn role_from_wire(field: &str, role: i32) -> Result<Option<ProviderRole>, Rejection> {
    known(field, role).map(optional_role)
}

/// A role that may be unspecified.
pub fn optional_role(role: v1::ProviderRole) -> Option<ProviderRole> {
    match role {
        v1::ProviderRole::Unspecified => None,
        v1::ProviderRole::VoiceService => Some(ProviderRole::VoiceService),
        v1::ProviderRole::Gateway => Some(ProviderRole::Gateway),
        v1::ProviderRole::NonGatewayIntermediate => Some(ProviderRole::NonGatewayIntermediate),
    }
}

/// Yes, no or not known.
pub fn ternary_from_wire(field: &str, ternary: i32) -> Result<Ternary, Rejection> {
    Ok(match known(field, ternary)? {
        v1::Ternary::Unspecified => Ternary::Unknown,
        v1::Ternary::Yes => Ternary::Yes,
        v1::Ternary::No => Ternary::No,
    })
}

/// A time in a request.
pub fn request_time_from_wire(at: &prost_types::Timestamp) -> Result<Timestamp, Rejection> {
    time_from_wire(at).ok_or_else(|| ErrorReason::InvalidTime.reject("the time is out of range"))
}

/// A time in a request, if it has one.
pub fn optional_time_from_wire(at: Option<&prost_types::Timestamp>) -> Result<Option<Timestamp>, Rejection> {
    at.map(request_time_from_wire).transpose()
}

pub fn matched_by_to_wire(matched_by: Option<MatchedBy>) -> v1::MatchedBy {
    match matched_by {
        None => v1::MatchedBy::Unspecified,
        Some(MatchedBy::Frn) => v1::MatchedBy::Frn,
        Some(MatchedBy::RmdNumber) => v1::MatchedBy::RmdNumber,
        Some(MatchedBy::Ocn) => v1::MatchedBy::Ocn,
        Some(MatchedBy::Peer) => v1::MatchedBy::Peer,
    }
}

pub fn sync_to_wire(record: &SyncRecord) -> v1::SyncReport {
    let mut report = v1::SyncReport {
        at: Some(time_to_wire(record.at)),
        trigger: trigger_to_wire(record.trigger).into(),
        source: record.source.clone(),
        error: record.outcome.error().unwrap_or_default().to_owned(),
        passed_over: record.passed_over.iter().map(source_fault).collect(),
        ..v1::SyncReport::default()
    };
    let outcome = match &record.outcome {
        SyncOutcome::Applied { serial, filings, changes } => {
            report.snapshot_serial = serial.0;
            report.filings = *filings;
            report.listed = changes.listed;
            report.amended = changes.amended;
            report.removed = changes.removed;
            report.reinstated = changes.reinstated;
            v1::SyncOutcome::Applied
        }
        SyncOutcome::Unchanged { serial, filings } => {
            report.snapshot_serial = serial.0;
            report.filings = *filings;
            v1::SyncOutcome::Unchanged
        }
        SyncOutcome::Held { sha256, .. } => {
            report.held_sha256 = sha256.0.to_vec();
            v1::SyncOutcome::Held
        }
        SyncOutcome::Refused { .. } => v1::SyncOutcome::Refused,
        SyncOutcome::Failed { .. } => v1::SyncOutcome::Failed,
    };
    report.set_outcome(outcome);
    report
}

pub fn held_to_wire(held: &HeldListing) -> v1::HeldListing {
    v1::HeldListing {
        sha256: held.sha256.0.to_vec(),
        source: held.source.clone(),
        bytes: held.bytes,
        filings: held.filings,
        gone: held.gone,
        first_fetched_at: Some(time_to_wire(held.first_fetched_at)),
        last_fetched_at: Some(time_to_wire(held.last_fetched_at)),
        times: held.times,
        doubts: held.doubts.clone(),
        awaits: awaits_to_wire(held.awaits).into(),
        peers: held.peers.as_ref().map(|affected| v1::PeersAffected {
            peers: affected.peers,
            newly_refused: affected.newly_refused,
            newly_accepted: affected.newly_accepted,
            refused: affected.refused.clone(),
            in_some_role: affected.in_some_role,
            providers: affected.providers,
        }),
    }
}

/// What started a sync cycle.
pub fn trigger_to_wire(trigger: SyncTrigger) -> v1::SyncTrigger {
    match trigger {
        SyncTrigger::Startup => v1::SyncTrigger::Startup,
        SyncTrigger::Schedule => v1::SyncTrigger::Schedule,
        SyncTrigger::Operator => v1::SyncTrigger::Operator,
        SyncTrigger::Reload => v1::SyncTrigger::Reload,
        SyncTrigger::Retry => v1::SyncTrigger::Retry,
        SyncTrigger::Approval => v1::SyncTrigger::Approval,
    }
}

fn awaits_to_wire(awaits: Awaits) -> v1::Awaits {
    match awaits {
        Awaits::SecondCopy => v1::Awaits::SecondCopy,
        Awaits::Person => v1::Awaits::Person,
    }
}

/// The kind of an advisory. A test compares the two lists.
pub fn advisory_to_wire(code: AdvisoryCode) -> v1::AdvisoryCode {
    v1::AdvisoryCode::try_from(code as i32 + 1).unwrap_or_default()
}

fn source_fault(fault: &SourceFault) -> v1::SourceFault {
    let code = v1::SourceFaultCode::from_str_name(&format!("SOURCE_FAULT_CODE_{}", fault.kind));
    v1::SourceFault {
        source: fault.source.clone(),
        kind: fault.kind.clone(),
        error: fault.error.clone(),
        code: code.unwrap_or_default().into(),
    }
}

/// How a source is.
pub fn source_to_wire(report: &SourceReport) -> v1::SourceStatus {
    let Some(state) = &report.state else {
        return v1::SourceStatus { source: report.source.clone(), ..v1::SourceStatus::default() };
    };
    v1::SourceStatus {
        source: report.source.clone(),
        last_contact_at: state.last_contact_at.map(time_to_wire),
        last_success_at: state.last_success_at.map(time_to_wire),
        last_whole_at: state.last_whole_at.map(time_to_wire),
        failures: state.failures,
        fault: state.fault.as_ref().map(source_fault),
        not_before: report.left_alone_until.map(time_to_wire),
        conditional: report.conditional,
        validators_distrusted_until: report.distrusted_until.map(time_to_wire),
        clock_skew: state.clock_skew.map(|skew| prost_types::Duration { seconds: skew.as_secs(), nanos: 0 }),
    }
}

/// An answer for the wire. The snapshot that it rests on is left out.
pub fn answer_to_wire(answer: &Answer) -> v1::CheckProviderResponse {
    let decision = &answer.decision;
    let removal = decision.removal.as_ref();
    let compact = v1::CheckProviderResponse {
        verdict: verdict_to_wire(decision.verdict).into(),
        reason: reason_to_wire(decision.reason).into(),
        message: answer.message.clone().unwrap_or_default(),
        rule: decision.rule.to_owned(),
        advisories: decision
            .advisories
            .iter()
            .map(|advisory| v1::Advisory {
                code: advisory.code.as_str().to_owned(),
                message: advisory.message.clone(),
                kind: advisory_to_wire(advisory.code).into(),
            })
            .collect(),
        matched_by: matched_by_to_wire(decision.matched_by).into(),
        last_seen_at: removal.map(|removal| time_to_wire(removal.last_seen_at)),
        first_missing_at: removal.map(|removal| time_to_wire(removal.first_missing_at)),
        by_policy: decision.by_policy,
        peer: answer.peer_name().unwrap_or_default().to_owned(),
        record: decision.record.as_deref().map(record_named).unwrap_or_default(),
        ..v1::CheckProviderResponse::default()
    };
    match answer.detail {
        Detail::Compact => v1::CheckProviderResponse {
            filing: decision.filing.as_ref().map(|filing| v1::Filing {
                number: filing.number().to_string(),
                frn: filing.frn().map(|frn| frn.to_string()).unwrap_or_default(),
                ..v1::Filing::default()
            }),
            ..compact
        },
        Detail::Full => v1::CheckProviderResponse {
            filing: decision.filing.as_ref().map(|it| filing(it, Cells::Left, answer.carried_since)),
            other_filings: decision.other_filings.iter().map(ToString::to_string).collect(),
            candidates: decision.candidates.iter().map(ToString::to_string).collect(),
            ..compact
        },
    }
}

/// Kind and ID of a record.
pub fn record_named(record: &Record) -> String {
    format!("{} {}", record.kind(), record.id())
}

/// The requests that name a provider have each a oneof of their own for it, of the same members.
macro_rules! who_crosses_the_wire {
    ($named:path) => {
        impl From<Who> for $named {
            fn from(who: Who) -> Self {
                match who {
                    Who::Provider(Identity::Frn(frn)) => Self::Frn(frn.to_string()),
                    Who::Provider(Identity::RmdNumber(number)) => Self::RmdNumber(number.to_string()),
                    Who::Ocn(ocn) => Self::Ocn(ocn.to_string()),
                    Who::Peer(name) => Self::Peer(name.as_given().to_owned()),
                }
            }
        }

        impl TryFrom<&$named> for Who {
            type Error = IdentityError;

            fn try_from(named: &$named) -> Result<Self, IdentityError> {
                use $named as Named;

                match named {
                    Named::Frn(text) => Ok(Self::Provider(Identity::Frn(text.parse()?))),
                    Named::RmdNumber(text) => Ok(Self::Provider(Identity::RmdNumber(text.parse()?))),
                    Named::Ocn(text) => Ok(Self::Ocn(text.parse()?)),
                    Named::Peer(text) => Ok(Self::Peer(text.parse()?)),
                }
            }
        }
    };
}
who_crosses_the_wire!(v1::check_provider_request::Identity);
who_crosses_the_wire!(v1::get_provider_request::Identity);
who_crosses_the_wire!(v1::list_changes_request::Identity);

/// Whom a request names.
pub fn who_from_wire<'a, N>(named: Option<&'a N>) -> Result<Who, Rejection>
where
    Who: TryFrom<&'a N, Error = IdentityError>,
{
    Who::try_from(named.ok_or_else(Rejection::identity_missing)?).map_err(|error| Rejection::from(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_advisory_has_its_number_and_its_text() {
        for code in AdvisoryCode::ALL {
            let kind = advisory_to_wire(code);
            assert_eq!(kind.as_str_name(), format!("ADVISORY_CODE_{}", code.as_str()));
        }
        assert!(v1::AdvisoryCode::try_from(AdvisoryCode::ALL.len() as i32 + 1).is_err());
    }

    #[test]
    fn a_time_survives_the_wire_on_both_sides_of_1970() {
        for milliseconds in [0, 1, 1_763_900_000_123, -1, -1500] {
            let at = Timestamp::from_millisecond(milliseconds).expect("a time");
            let wire = time_to_wire(at);
            assert!((0..1_000_000_000).contains(&wire.nanos), "{wire:?}");
            assert_eq!(time_from_wire(&wire), Some(at));
        }
    }
}
