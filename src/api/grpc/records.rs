//! The operators' records on the wire.

use std::sync::Arc;

use jiff::Timestamp;

use super::convert::{self, time_from_wire, time_to_wire};
use super::v1;
use crate::decide::impact::PeerImpact;
use crate::decide::standing::Standing;
use crate::domain::{
    BadField, ErrorReason, Identity, Noted, Notice, Order, OrderKind, Override, OverrideAction, Peer, PeerKind, Record,
    RecordAction, RecordBody, RecordEvent, RecordKind, Rejection, TracedCall,
};
use crate::listing::index::Index;
use crate::observe::clock;
use crate::records::{BadEntry, PlanError};
use crate::service::{Answer, ImpactReport, ListedRecord};

/// What would become of the peers, for the wire.
pub(super) fn impact_to_wire(report: &ImpactReport) -> v1::AssessImpactResponse {
    let then = report.then.as_ref().unwrap_or(&report.index);
    let outcome = |outcome: &PeerImpact| v1::PeerImpact {
        peer: Some(record_to_wire(&outcome.now.peer)),
        now: Some(outcome_to_wire(&report.index, &outcome.now)),
        then: Some(outcome_to_wire(then, &outcome.then)),
    };
    v1::AssessImpactResponse {
        listing_doubts: report.listing_doubts.clone(),
        unmatched: report.unmatched.clone(),
        in_some_role: report.in_some_role,
        providers: report.providers,
        asked: report.asked,
        refused: report.refused,
        newly_refused: report.newly_refused,
        newly_accepted: report.newly_accepted,
        peers: report.peers.iter().map(outcome).collect(),
    }
}

/// The answer about a peer.
fn outcome_to_wire(index: &Index, standing: &Standing) -> v1::CheckProviderResponse {
    let (sentence, peer) = (standing.sentence(), Arc::clone(&standing.peer));
    match standing.decision() {
        Some(decision) => convert::answer_to_wire(&Answer::full(index, decision.clone(), sentence, Some(peer))),
        None => v1::CheckProviderResponse {
            message: sentence,
            peer: standing.name().to_owned(),
            ..v1::CheckProviderResponse::default()
        },
    }
}

/// A record on record, and what it meets in the listing.
pub(super) fn listed_to_wire(listed: &ListedRecord) -> v1::ListedRecord {
    v1::ListedRecord {
        record: Some(record_to_wire(&listed.record)),
        in_force: listed.in_force,
        standing: listed.listed.iter().map(ToString::to_string).collect(),
        removed: listed.removed.iter().map(ToString::to_string).collect(),
    }
}

/// Records from the wire, all or none.
pub(super) fn records_from_wire(records: Vec<v1::Record>, by: &str) -> Result<Vec<Record>, Rejection> {
    let now = clock::now();
    let (mut read, mut bad) = (Vec::with_capacity(records.len()), Vec::new());
    for (place, record) in records.into_iter().enumerate() {
        match record_from_wire(record, by, now) {
            Ok(record) => read.push(record),
            Err(problem) => bad.push(BadEntry { place, what: "record".to_owned(), bad: problem }),
        }
    }
    if bad.is_empty() {
        return Ok(read);
    }
    Err(Rejection::from(&PlanError::BadEntries(bad)))
}

/// A kind of record for the wire.
pub(crate) fn kind_to_wire(kind: RecordKind) -> v1::RecordKind {
    match kind {
        RecordKind::Peer => v1::RecordKind::Peer,
        RecordKind::Override => v1::RecordKind::Override,
        RecordKind::Order => v1::RecordKind::Order,
        RecordKind::Notice => v1::RecordKind::Notice,
    }
}

/// A kind of record in a request.
pub(super) fn kind_from_wire(kind: i32) -> Result<RecordKind, Rejection> {
    match convert::known("kind", kind)? {
        v1::RecordKind::Unspecified => Err(ErrorReason::InvalidRecord.reject("the request names no kind of record")),
        v1::RecordKind::Peer => Ok(RecordKind::Peer),
        v1::RecordKind::Override => Ok(RecordKind::Override),
        v1::RecordKind::Order => Ok(RecordKind::Order),
        v1::RecordKind::Notice => Ok(RecordKind::Notice),
    }
}

fn noted_to_wire(noted: Option<&Noted>) -> Option<v1::Noted> {
    noted.map(|noted| v1::Noted { at: Some(time_to_wire(noted.at)), note: noted.note.clone() })
}

pub(super) fn peer_kind_to_wire(kind: PeerKind) -> v1::PeerKind {
    match kind {
        PeerKind::TrunkGroup => v1::PeerKind::TrunkGroup,
        PeerKind::Ocn => v1::PeerKind::Ocn,
        PeerKind::Spc => v1::PeerKind::Spc,
        PeerKind::Ip => v1::PeerKind::Ip,
        PeerKind::Account => v1::PeerKind::Account,
    }
}

/// A record for the wire.
pub(crate) fn record_to_wire(record: &Record) -> v1::Record {
    v1::Record {
        provider: Some(match record.provider {
            Identity::Frn(frn) => v1::record::Provider::Frn(frn.to_string()),
            Identity::RmdNumber(number) => v1::record::Provider::RmdNumber(number.to_string()),
        }),
        by: record.by.clone(),
        at: Some(time_to_wire(record.at)),
        why: record.why.clone(),
        expires_at: record.expires_at.map(time_to_wire),
        revision: record.revision,
        id: record.id(),
        body: Some(body_to_wire(&record.body)),
    }
}

/// What a record says, by its kind.
fn body_to_wire(body: &RecordBody) -> v1::record::Body {
    match body {
        RecordBody::Peer(peer) => {
            let kind = peer_kind_to_wire(peer.kind);
            let role = peer.role.map_or(v1::ProviderRole::Unspecified, convert::role_to_wire);
            v1::record::Body::Peer(v1::Peer { kind: kind.into(), name: peer.name.clone(), role: role.into() })
        }
        RecordBody::Override(body) => {
            let action = match body.action {
                OverrideAction::Allow => v1::OverrideAction::Allow,
                OverrideAction::Deny => v1::OverrideAction::Deny,
            };
            v1::record::Body::Override(v1::Override { action: action.into() })
        }
        RecordBody::Order(order) => {
            let kind = match order.kind {
                OrderKind::Removal => v1::OrderKind::Removal,
                OrderKind::FinalDetermination => v1::OrderKind::FinalDetermination,
                OrderKind::ShowCause => v1::OrderKind::ShowCause,
            };
            v1::record::Body::Order(v1::Order {
                kind: kind.into(),
                document: order.document.clone(),
                released: order.released.to_string(),
                notified: noted_to_wire(order.notified.as_ref()),
            })
        }
        RecordBody::Notice(notice) => v1::record::Body::Notice(v1::Notice {
            id: notice.id.clone(),
            document: notice.document.clone(),
            basis: notice.basis.clone(),
            issued_at: Some(time_to_wire(notice.issued_at)),
            mitigated: noted_to_wire(notice.mitigated.as_ref()),
            informed: noted_to_wire(notice.informed.as_ref()),
            notified: noted_to_wire(notice.notified.as_ref()),
            calls: notice.calls.iter().map(call_to_wire).collect(),
        }),
    }
}

fn call_to_wire(call: &TracedCall) -> v1::TracedCall {
    v1::TracedCall {
        notified_at: call.notified_at.map(time_to_wire),
        called_at: call.called_at.map(time_to_wire),
        caller: call.caller.clone(),
        called: call.called.clone(),
        campaign: call.campaign.clone(),
        violation: call.violation.clone(),
    }
}

fn moment(field: &str, at: Option<prost_types::Timestamp>) -> Result<Option<Timestamp>, BadField> {
    at.map(|at| time_from_wire(&at).ok_or_else(|| BadField::new(field, "it is out of the range of times"))).transpose()
}

/// The value of an enumeration in a record.
fn known<E: TryFrom<i32>>(field: &str, value: i32) -> Result<E, BadField> {
    E::try_from(value).map_err(|_| BadField::new(field, convert::unknown_value(field, value)))
}

fn noted_from_wire(field: &str, noted: Option<v1::Noted>) -> Result<Option<Noted>, BadField> {
    let Some(noted) = noted else { return Ok(None) };
    let field = format!("{field}_at");
    match moment(&field, noted.at)? {
        Some(at) => Ok(Some(Noted { at, note: noted.note })),
        None => Err(BadField::new(&field, "it is empty: say when it happened")),
    }
}

/// A record from the wire. Where it does not say who put it on record and when, it is `by` and `now`.
///
/// # Errors
///
/// Names the field that is missing or cannot be read.
pub(crate) fn record_from_wire(record: v1::Record, by: &str, now: Timestamp) -> Result<Record, BadField> {
    let provider = match record.provider.ok_or_else(|| unset("provider", "frn or rmd_number"))? {
        v1::record::Provider::Frn(text) => text.parse().map(Identity::Frn).map_err(|error| error.to_string()),
        v1::record::Provider::RmdNumber(text) => {
            text.parse().map(Identity::RmdNumber).map_err(|error: crate::domain::RmdNumberError| error.to_string())
        }
    };
    let body = body_from_wire(record.body.ok_or_else(|| unset("body", "peer, override, order or notice"))?)?;
    Ok(Record {
        provider: provider.map_err(|problem| BadField::new("provider", problem))?,
        by: if record.by.trim().is_empty() { by.to_owned() } else { record.by },
        at: moment("at", record.at)?.unwrap_or(now),
        why: record.why.trim().to_owned(),
        expires_at: moment("expires_at", record.expires_at)?,
        body,
        revision: record.revision,
    })
}

fn body_from_wire(body: v1::record::Body) -> Result<RecordBody, BadField> {
    Ok(match body {
        v1::record::Body::Peer(peer) => RecordBody::Peer(Peer {
            kind: match known("kind", peer.kind)? {
                v1::PeerKind::Unspecified | v1::PeerKind::TrunkGroup => PeerKind::TrunkGroup,
                v1::PeerKind::Ocn => PeerKind::Ocn,
                v1::PeerKind::Spc => PeerKind::Spc,
                v1::PeerKind::Ip => PeerKind::Ip,
                v1::PeerKind::Account => PeerKind::Account,
            },
            role: convert::optional_role(known("role", peer.role)?),
            name: peer.name.trim().to_owned(),
        }),
        v1::record::Body::Override(body) => RecordBody::Override(Override {
            action: match known("action", body.action)? {
                v1::OverrideAction::Unspecified => return Err(unset("action", "allow or deny")),
                v1::OverrideAction::Allow => OverrideAction::Allow,
                v1::OverrideAction::Deny => OverrideAction::Deny,
            },
        }),
        v1::record::Body::Order(order) => RecordBody::Order(Order {
            kind: match known("kind", order.kind)? {
                v1::OrderKind::Unspecified => return Err(unset("kind", "what the order does")),
                v1::OrderKind::Removal => OrderKind::Removal,
                v1::OrderKind::FinalDetermination => OrderKind::FinalDetermination,
                v1::OrderKind::ShowCause => OrderKind::ShowCause,
            },
            document: order.document.trim().to_owned(),
            released: order
                .released
                .parse()
                .map_err(|_| BadField::new("released", "it is no day: write YYYY-MM-DD"))?,
            notified: noted_from_wire("notified", order.notified)?,
        }),
        v1::record::Body::Notice(notice) => RecordBody::Notice(Notice {
            id: notice.id.trim().to_owned(),
            document: notice.document,
            basis: notice.basis.trim().to_owned(),
            issued_at: moment("issued_at", notice.issued_at)?
                .ok_or_else(|| unset("issued_at", "the notice's time stamp"))?,
            mitigated: noted_from_wire("mitigated", notice.mitigated)?,
            informed: noted_from_wire("informed", notice.informed)?,
            notified: noted_from_wire("notified", notice.notified)?,
            calls: notice.calls.into_iter().map(call_from_wire).collect::<Result<_, _>>()?,
        }),
    })
}

fn call_from_wire(call: v1::TracedCall) -> Result<TracedCall, BadField> {
    Ok(TracedCall {
        notified_at: moment("calls.notified_at", call.notified_at)?,
        called_at: moment("calls.called_at", call.called_at)?,
        caller: call.caller,
        called: call.called,
        campaign: call.campaign,
        violation: call.violation,
    })
}

/// A field that must be set, and is not.
fn unset(field: &str, what: &str) -> BadField {
    BadField::new(field, format!("it is not set: give {what}"))
}

fn event_to_wire(event: &RecordEvent) -> v1::RecordEvent {
    let action = match event.action {
        RecordAction::Added => v1::RecordAction::Added,
        RecordAction::Changed => v1::RecordAction::Changed,
        RecordAction::Removed => v1::RecordAction::Removed,
    };
    v1::RecordEvent {
        serial: event.serial,
        at: Some(time_to_wire(event.at)),
        by: event.by.clone(),
        why: event.why.clone(),
        action: action.into(),
        before: event.before.as_ref().map(record_to_wire),
        after: event.after.as_ref().map(record_to_wire),
    }
}

/// Changes of records for the wire.
pub(super) fn events_to_wire(events: &[RecordEvent]) -> Vec<v1::RecordEvent> {
    events.iter().map(event_to_wire).collect()
}
