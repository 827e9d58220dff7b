//! The operators' records on the wire, and the calls of `AdminService` that are about them.

use std::sync::Arc;

use jiff::Timestamp;
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

use super::convert::{self, time_from_wire, time_to_wire};
use super::{ErrorReason, Services, error, v1};
use crate::archive::Archive;
use crate::clock;
use crate::decide::{Policy, PolicyConfig};
use crate::domain::{
    BadField, HeldListing, Identity, Noted, Notice, Order, OrderKind, Override, OverrideAction, Peer, PeerKind, Record,
    RecordAction, RecordBody, RecordEvent, RecordKind, TracedCall,
};
use crate::impact::{self, Answer, Basis, PeerImpact};
use crate::index::Index;
use crate::records::{BadEntry, Change, ChangeError, PlanError, plan};
use crate::store::StoreError;

const DEFAULT_PAGE: usize = 500;
const LARGEST_PAGE: usize = 2000;

fn page(size: u32) -> usize {
    match size {
        0 => DEFAULT_PAGE,
        size => usize::try_from(size).unwrap_or(LARGEST_PAGE).min(LARGEST_PAGE),
    }
}

impl Services {
    pub(super) async fn put(&self, request: v1::PutRecordsRequest) -> Result<v1::PutRecordsResponse, Status> {
        let now = clock::now();
        let records = records_from_wire(request.records, &request.by, now)?;
        let unmatched = self.index.load().as_deref().map_or_else(Vec::new, |index| unmatched(&records, index));
        let events = self.change(Change::Put { records, replace: request.replace, by: request.by }, now).await?;
        Ok(v1::PutRecordsResponse { events, unmatched })
    }

    pub(super) async fn remove(&self, request: v1::RemoveRecordsRequest) -> Result<Vec<v1::RecordEvent>, Status> {
        let kind = kind_from_wire(request.kind)?;
        let v1::RemoveRecordsRequest { ids, by, why, .. } = request;
        self.change(Change::Remove { kind, ids, by, why }, clock::now()).await
    }

    async fn change(&self, change: Change, now: Timestamp) -> Result<Vec<v1::RecordEvent>, Status> {
        let events = self.records.change(&self.store, change, now).await.map_err(from_change)?;
        Ok(events.iter().map(event_to_wire).collect())
    }

    pub(super) fn list(&self, request: &v1::ListRecordsRequest) -> Result<v1::ListRecordsResponse, Status> {
        let kind = kind_from_wire(request.kind)?;
        let (records, index, now) = (self.records.load_full(), self.index.load_full(), clock::now());
        let page = page(request.page_size);
        let mut matching = records
            .all(kind)
            .map(|record| (record.id(), record))
            .filter(|(id, _)| request.id.is_empty() || *id == request.id)
            .filter(|(id, _)| *id > request.page_token);
        let mut listed = Vec::new();
        let mut next_page_token = String::new();
        for (id, record) in matching.by_ref().take(page) {
            let mut entry = meet(record, index.as_deref(), now);
            if request.id.is_empty()
                && let Some(v1::Record { body: Some(v1::record::Body::Notice(notice)), .. }) = &mut entry.record
            {
                notice.calls.clear();
            }
            listed.push(entry);
            next_page_token = id;
        }
        if matching.next().is_none() {
            next_page_token.clear();
        }
        Ok(v1::ListRecordsResponse { records: listed, next_page_token })
    }

    pub(super) async fn events(&self, request: v1::ListRecordEventsRequest) -> Result<Vec<v1::RecordEvent>, Status> {
        let kind = kind_from_wire(request.kind)?;
        let store = Arc::clone(&self.store);
        let read = move || {
            let id = Some(request.id.as_str()).filter(|id| !id.is_empty());
            store.record_events(kind, id, request.after_serial, page(request.limit))
        };
        let events = tokio::task::spawn_blocking(read)
            .await
            .map_err(|_| ErrorReason::StoreFailed.status("reading the store was interrupted"))?
            .map_err(|error| error::from_store(&error))?;
        Ok(events.iter().map(event_to_wire).collect())
    }

    /// The held listing of this digest.
    fn held(&self, digest: &[u8]) -> Result<HeldListing, Status> {
        let state = self.sync.state();
        let held = state.held.iter().find(|held| held.sha256.0 == digest);
        held.cloned().ok_or_else(|| {
            ErrorReason::ListingNotHeld.status("no listing of that digest is held: see what is with `rmdd status`")
        })
    }

    pub(super) async fn impact(&self, request: v1::AssessImpactRequest) -> Result<v1::AssessImpactResponse, Status> {
        let (index, records, policy) =
            (convert::loaded(&self.index)?, self.records.load_full(), self.policy.load_full());
        let vet = self.sync.settings().vet.clone();
        let now = clock::now();
        let held = match request.held_sha256.is_empty() {
            true => None,
            false => Some(self.held(&request.held_sha256)?),
        };
        let state_dir = self.state_dir.clone();
        let supposed = move || -> Result<v1::AssessImpactResponse, Status> {
            let refused = |problem: String| ErrorReason::InvalidSupposition.status(problem);
            let listing = match held {
                // The bytes wait in the archive.
                Some(held) => Archive::new(&state_dir)
                    .read(held.sha256, held.bytes)
                    .map_err(|error| refused(format!("the held listing cannot be read: {error}")))?,
                None => request.listing,
            };
            let (next_index, doubts) = match listing.is_empty() {
                true => (None, Vec::new()),
                false => impact::suppose_listing(&index, &listing, &vet, now)
                    .map(|(index, doubts)| (Some(index), doubts))
                    .map_err(|refusal| refused(format!("the listing would be refused: {refusal}")))?,
            };
            let supposed = records_from_wire(request.records, "a supposition", now)?;
            let unmatched = unmatched(&supposed, &index);
            let put = Change::Put { records: supposed, replace: true, by: "a supposition".to_owned() };
            let next_records = records.after(&plan(&records, put, now).map_err(|error| from_plan(&error))?);
            let mut cells: PolicyConfig = policy.cells.clone();
            for (setting, value) in &request.policy {
                cells = impact::suppose_setting(&cells, setting, value).map_err(|bad| refused(bad.to_string()))?;
            }
            let next_policy = Policy { cells, ..(*policy).clone() };
            let then =
                Basis { index: next_index.as_ref().unwrap_or(&index), records: &next_records, policy: &next_policy };
            let at_present = Basis { index: &index, records: &records, policy: &policy };
            let peers = impact::assess(at_present, then, now);
            let reach = impact::reach(at_present, then, now);
            let count = |counts: fn(&PeerImpact) -> bool| peers.iter().filter(|peer| counts(peer)).count() as u64;
            Ok(v1::AssessImpactResponse {
                listing_doubts: doubts.iter().map(ToString::to_string).collect(),
                unmatched,
                in_some_role: reach.peers,
                providers: reach.providers,
                asked: peers.len() as u64,
                refused: count(PeerImpact::is_refused),
                newly_refused: count(PeerImpact::is_newly_refused),
                newly_accepted: count(PeerImpact::is_newly_accepted),
                peers: peers
                    .iter()
                    .filter(|peer| peer.is_refused() || peer.changes())
                    .map(|impact| v1::PeerImpact {
                        peer: Some(record_to_wire(&impact.peer)),
                        now: Some(answer_to_wire(&index, &impact.now, &impact.peer)),
                        then: Some(answer_to_wire(then.index, &impact.then, &impact.peer)),
                    })
                    .collect(),
            })
        };
        tokio::task::spawn_blocking(supposed)
            .await
            .map_err(|_| Status::internal("the assessment came to an unexpected end; nothing was changed"))?
    }
}

fn answer_to_wire(index: &Index, answer: &Answer, peer: &Record) -> v1::CheckProviderResponse {
    let mut wire = match answer {
        Ok((decision, sentence)) => convert::decision(index, decision, sentence.clone()),
        Err(undecided) => {
            v1::CheckProviderResponse { message: undecided.to_string(), ..v1::CheckProviderResponse::default() }
        }
    };
    wire.peer = peer_name(peer);
    wire
}

/// The peer's name as operators wrote it.
pub(super) fn peer_name(record: &Record) -> String {
    match &record.body {
        RecordBody::Peer(peer) => peer.name.clone(),
        _ => String::new(),
    }
}

/// The places of those whose provider has no filing, standing or removed.
fn unmatched(records: &[Record], index: &Index) -> Vec<u32> {
    let is_known = |record: &Record| {
        let (standing, removed) = filings(record.provider, index);
        !standing.is_empty() || !removed.is_empty()
    };
    (0..).zip(records).filter(|(_, record)| !is_known(record)).map(|(place, _)| place).collect()
}

/// The numbers of a provider's filings: those that stand, and those that are removed.
fn filings(provider: Identity, index: &Index) -> (Vec<String>, Vec<String>) {
    match provider {
        Identity::Frn(frn) => (
            index.by_frn(frn).map(|filing| filing.number().to_string()).collect(),
            index.removed_by_frn(frn).map(|removal| removal.filing.number().to_string()).collect(),
        ),
        Identity::RmdNumber(number) => (
            index.by_number(number).map(|filing| filing.number().to_string()).into_iter().collect(),
            index.removals().open(number).map(|removal| removal.filing.number().to_string()).into_iter().collect(),
        ),
    }
}

/// What a record meets in the listing.
fn meet(record: &Record, index: Option<&Index>, now: Timestamp) -> v1::ListedRecord {
    let (standing, removed) = index.map(|index| filings(record.provider, index)).unwrap_or_default();
    v1::ListedRecord { record: Some(record_to_wire(record)), in_force: record.in_force(now), standing, removed }
}

fn from_change(error: ChangeError) -> Status {
    match error {
        ChangeError::Plan(error) => from_plan(&error),
        ChangeError::Store(error) => {
            tracing::error!(%error, "operators' records could not be written: {error}");
            ErrorReason::StoreFailed.status(match &error {
                StoreError::Disk { .. } => {
                    format!("the records could not be written, and nothing was changed: {error}")
                }
                _ => "the records could not be written, and nothing was changed; the daemon's log says why".to_owned(),
            })
        }
        ChangeError::Interrupted => {
            ErrorReason::StoreFailed.status("writing the records was interrupted: list them to see what holds")
        }
    }
}

fn from_plan(error: &PlanError) -> Status {
    let message = error.to_string();
    match error {
        PlanError::BadEntries(bad) => refuse_entries(bad, message),
        PlanError::NotOnRecord { .. } => ErrorReason::RecordUnknown.status(message),
        PlanError::ChangedMeanwhile { .. } => ErrorReason::RecordChanged.status(message),
        PlanError::Nobody => ErrorReason::InvalidRecord.status(message),
    }
}

/// So many bad entries are told; a mistake that is in all of a long list need not be.
const TOLD: usize = 100;

fn refuse_entries(bad: &[BadEntry], message: String) -> Status {
    let mut details = ErrorDetails::with_error_info(
        ErrorReason::InvalidRecord.as_str(),
        error::DOMAIN,
        [("bad".to_owned(), bad.len().to_string())],
    );
    for entry in bad.iter().take(TOLD) {
        details.add_bad_request_violation(
            format!("records[{}].{}", entry.place, entry.bad.field),
            entry.bad.problem.clone(),
        );
    }
    Status::with_error_details(ErrorReason::InvalidRecord.code(), message, details)
}

fn records_from_wire(records: Vec<v1::Record>, by: &str, now: Timestamp) -> Result<Vec<Record>, Status> {
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
    let error = PlanError::BadEntries(bad);
    Err(from_plan(&error))
}

/// A kind of record for the wire.
pub fn kind_to_wire(kind: RecordKind) -> v1::RecordKind {
    match kind {
        RecordKind::Peer => v1::RecordKind::Peer,
        RecordKind::Override => v1::RecordKind::Override,
        RecordKind::Order => v1::RecordKind::Order,
        RecordKind::Notice => v1::RecordKind::Notice,
    }
}

fn kind_from_wire(kind: i32) -> Result<RecordKind, Status> {
    match convert::known("kind", kind)? {
        v1::RecordKind::Unspecified => Err(ErrorReason::InvalidRecord.status("the request names no kind of record")),
        v1::RecordKind::Peer => Ok(RecordKind::Peer),
        v1::RecordKind::Override => Ok(RecordKind::Override),
        v1::RecordKind::Order => Ok(RecordKind::Order),
        v1::RecordKind::Notice => Ok(RecordKind::Notice),
    }
}

fn noted_to_wire(noted: Option<&Noted>) -> Option<v1::Noted> {
    noted.map(|noted| v1::Noted { at: Some(time_to_wire(noted.at)), note: noted.note.clone() })
}

/// A record for the wire.
pub fn record_to_wire(record: &Record) -> v1::Record {
    let body = match &record.body {
        RecordBody::Peer(peer) => {
            let kind = match peer.kind {
                PeerKind::TrunkGroup => v1::PeerKind::TrunkGroup,
                PeerKind::Ocn => v1::PeerKind::Ocn,
                PeerKind::Spc => v1::PeerKind::Spc,
                PeerKind::Ip => v1::PeerKind::Ip,
                PeerKind::Account => v1::PeerKind::Account,
            };
            let role = peer.role.map_or(v1::ProviderRole::Unspecified, convert::role);
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
            calls: notice
                .calls
                .iter()
                .map(|call| v1::TracedCall {
                    notified_at: call.notified_at.map(time_to_wire),
                    called_at: call.called_at.map(time_to_wire),
                    caller: call.caller.clone(),
                    called: call.called.clone(),
                    campaign: call.campaign.clone(),
                    violation: call.violation.clone(),
                })
                .collect(),
        }),
    };
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
        body: Some(body),
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
pub fn record_from_wire(record: v1::Record, by: &str, now: Timestamp) -> Result<Record, BadField> {
    let unset = |field: &str, what: &str| BadField::new(field, format!("it is not set: give {what}"));
    let provider = match record.provider.ok_or_else(|| unset("provider", "frn or rmd_number"))? {
        v1::record::Provider::Frn(text) => text.parse().map(Identity::Frn).map_err(|error| error.to_string()),
        v1::record::Provider::RmdNumber(text) => {
            text.parse().map(Identity::RmdNumber).map_err(|error: crate::domain::RmdNumberError| error.to_string())
        }
    };
    let body = match record.body.ok_or_else(|| unset("body", "peer, override, order or notice"))? {
        v1::record::Body::Peer(peer) => RecordBody::Peer(Peer {
            kind: match known("kind", peer.kind)? {
                v1::PeerKind::Unspecified | v1::PeerKind::TrunkGroup => PeerKind::TrunkGroup,
                v1::PeerKind::Ocn => PeerKind::Ocn,
                v1::PeerKind::Spc => PeerKind::Spc,
                v1::PeerKind::Ip => PeerKind::Ip,
                v1::PeerKind::Account => PeerKind::Account,
            },
            role: convert::asked_role(known("role", peer.role)?),
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
            calls: notice
                .calls
                .into_iter()
                .map(|call| {
                    let call = TracedCall {
                        notified_at: moment("calls.notified_at", call.notified_at)?,
                        called_at: moment("calls.called_at", call.called_at)?,
                        caller: call.caller,
                        called: call.called,
                        campaign: call.campaign,
                        violation: call.violation,
                    };
                    Ok(call)
                })
                .collect::<Result<_, BadField>>()?,
        }),
    };
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
