//! How syncs went and what vetting holds <-> bytes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CodecError, decode, encode, invalid, time};
use crate::domain::{
    Awaits, ChangeCounts, HeldListing, PeersAffected, Sha256Digest, SnapshotSerial, SyncOutcome, SyncRecord,
    SyncTrigger,
};
use crate::store::SyncState;

#[derive(Serialize, Deserialize)]
enum StoredTrigger {
    Startup,
    Schedule,
    Operator,
    Reload,
    Approval,
    Retry,
}

#[derive(Serialize, Deserialize)]
enum StoredOutcome {
    Applied { serial: u64, filings: u64, counts: [u64; 4] },
    Unchanged { serial: u64, filings: u64 },
    Refused(String),
    Failed(String),
    Held { sha256: [u8; 32], reason: String },
}

#[derive(Serialize, Deserialize)]
struct StoredSyncState {
    last: Option<(i64, StoredTrigger, String, StoredOutcome)>,
    last_success_at: Option<i64>,
    failures_since: u64,
    /// The snapshot and when its source last published it.
    confirmed: Option<(u64, i64)>,
}

/// What stands behind a [`StoredSyncState`] since format 3.
#[derive(Serialize, Deserialize, Default)]
struct StoredContact {
    last_contact_at: Option<i64>,
}

pub fn encode_sync_state(state: &SyncState) -> Result<Vec<u8>, CodecError> {
    let last = state.last.as_ref().map(|record| {
        let trigger = match record.trigger {
            SyncTrigger::Startup => StoredTrigger::Startup,
            SyncTrigger::Schedule => StoredTrigger::Schedule,
            SyncTrigger::Operator => StoredTrigger::Operator,
            SyncTrigger::Reload => StoredTrigger::Reload,
            SyncTrigger::Approval => StoredTrigger::Approval,
            SyncTrigger::Retry => StoredTrigger::Retry,
        };
        let outcome = match &record.outcome {
            SyncOutcome::Applied { serial, filings, changes } => StoredOutcome::Applied {
                serial: serial.0,
                filings: *filings,
                counts: [changes.listed, changes.amended, changes.removed, changes.reinstated],
            },
            SyncOutcome::Unchanged { serial, filings } => {
                StoredOutcome::Unchanged { serial: serial.0, filings: *filings }
            }
            SyncOutcome::Held { sha256, reason } => StoredOutcome::Held { sha256: sha256.0, reason: reason.clone() },
            SyncOutcome::Refused { reason } => StoredOutcome::Refused(reason.clone()),
            SyncOutcome::Failed { error } => StoredOutcome::Failed(error.clone()),
        };
        (record.at.as_millisecond(), trigger, record.source.clone(), outcome)
    });
    let mut bytes = encode(
        "sync state",
        &StoredSyncState {
            last,
            last_success_at: state.last_success_at.map(Timestamp::as_millisecond),
            failures_since: state.failures_since,
            confirmed: state.confirmed.map(|(serial, at)| (serial.0, at.as_millisecond())),
        },
    )?;
    let contact = StoredContact { last_contact_at: state.last_contact_at.map(Timestamp::as_millisecond) };
    bytes.extend(encode("sync state", &contact)?);
    Ok(bytes)
}

pub fn decode_sync_state(bytes: &[u8]) -> Result<SyncState, CodecError> {
    const RECORD: &str = "sync state";
    let (stored, rest): (StoredSyncState, _) =
        postcard::take_from_bytes(bytes).map_err(|error| invalid(RECORD, error))?;
    let contact = if rest.is_empty() { StoredContact::default() } else { decode(RECORD, rest)? };
    let last = stored
        .last
        .map(|(at, trigger, source, outcome)| {
            Ok::<_, CodecError>(SyncRecord {
                at: time(RECORD, at)?,
                trigger: match trigger {
                    StoredTrigger::Startup => SyncTrigger::Startup,
                    StoredTrigger::Schedule => SyncTrigger::Schedule,
                    StoredTrigger::Operator => SyncTrigger::Operator,
                    StoredTrigger::Reload => SyncTrigger::Reload,
                    StoredTrigger::Approval => SyncTrigger::Approval,
                    StoredTrigger::Retry => SyncTrigger::Retry,
                },
                source,
                // Both are kept in tables of their own.
                passed_over: Vec::new(),
                sources: Vec::new(),
                outcome: match outcome {
                    StoredOutcome::Applied { serial, filings, counts: [listed, amended, removed, reinstated] } => {
                        SyncOutcome::Applied {
                            serial: SnapshotSerial(serial),
                            filings,
                            changes: ChangeCounts { listed, amended, removed, reinstated },
                        }
                    }
                    StoredOutcome::Unchanged { serial, filings } => {
                        SyncOutcome::Unchanged { serial: SnapshotSerial(serial), filings }
                    }
                    StoredOutcome::Held { sha256, reason } => {
                        SyncOutcome::Held { sha256: Sha256Digest(sha256), reason }
                    }
                    StoredOutcome::Refused(reason) => SyncOutcome::Refused { reason },
                    StoredOutcome::Failed(error) => SyncOutcome::Failed { error },
                },
            })
        })
        .transpose()?;
    Ok(SyncState {
        sources: Vec::new(),
        last,
        last_success_at: stored.last_success_at.map(|at| time(RECORD, at)).transpose()?,
        last_contact_at: contact.last_contact_at.map(|at| time(RECORD, at)).transpose()?,
        failures_since: stored.failures_since,
        confirmed: stored
            .confirmed
            .map(|(serial, at)| Ok::<_, CodecError>((SnapshotSerial(serial), time(RECORD, at)?)))
            .transpose()?,
        held: Vec::new(),
    })
}
#[derive(Serialize, Deserialize)]
struct StoredHeld {
    source: String,
    bytes: u64,
    filings: u64,
    gone: u64,
    first_fetched_at: i64,
    last_fetched_at: i64,
    times: u64,
    doubts: Vec<String>,
    awaits_person: bool,
}

/// What was added to a held listing's record later: it stands behind the rest.
#[derive(Serialize, Deserialize)]
struct StoredHeldPeers {
    peers: u64,
    newly_refused: u64,
    newly_accepted: u64,
    refused: Vec<String>,
}

/// What was added to that still later.
#[derive(Serialize, Deserialize, Default)]
struct StoredHeldReach {
    in_some_role: u64,
    providers: u64,
}

pub fn encode_held(held: &HeldListing) -> Result<Vec<u8>, CodecError> {
    let mut bytes = encode(
        "held listing",
        &StoredHeld {
            source: held.source.clone(),
            bytes: held.bytes,
            filings: held.filings,
            gone: held.gone,
            first_fetched_at: held.first_fetched_at.as_millisecond(),
            last_fetched_at: held.last_fetched_at.as_millisecond(),
            times: held.times,
            doubts: held.doubts.clone(),
            awaits_person: held.awaits == Awaits::Person,
        },
    )?;
    if let Some(affected) = held.peers.clone() {
        let PeersAffected { peers, newly_refused, newly_accepted, refused, in_some_role, providers } = affected;
        let stored = StoredHeldPeers { peers, newly_refused, newly_accepted, refused };
        bytes.extend(encode("held listing", &stored)?);
        bytes.extend(encode("held listing", &StoredHeldReach { in_some_role, providers })?);
    }
    Ok(bytes)
}

pub fn decode_held(sha256: Sha256Digest, bytes: &[u8]) -> Result<HeldListing, CodecError> {
    const RECORD: &str = "held listing";
    let (stored, rest): (StoredHeld, _) = postcard::take_from_bytes(bytes).map_err(|error| invalid(RECORD, error))?;
    let (peers, rest): (Option<StoredHeldPeers>, _) = match rest {
        [] => (None, rest),
        rest => {
            let (peers, rest) = postcard::take_from_bytes(rest).map_err(|error| invalid(RECORD, error))?;
            (Some(peers), rest)
        }
    };
    let reach = if rest.is_empty() { StoredHeldReach::default() } else { decode(RECORD, rest)? };
    Ok(HeldListing {
        sha256,
        source: stored.source,
        bytes: stored.bytes,
        filings: stored.filings,
        gone: stored.gone,
        first_fetched_at: time(RECORD, stored.first_fetched_at)?,
        last_fetched_at: time(RECORD, stored.last_fetched_at)?,
        times: stored.times,
        doubts: stored.doubts,
        awaits: if stored.awaits_person { Awaits::Person } else { Awaits::SecondCopy },
        peers: peers.map(|stored| PeersAffected {
            peers: stored.peers,
            newly_refused: stored.newly_refused,
            newly_accepted: stored.newly_accepted,
            refused: stored.refused,
            in_some_role: reach.in_some_role,
            providers: reach.providers,
        }),
    })
}
