//! Records <-> bytes, by postcard. The stored shapes stand here and nowhere else: a change to one of them is a new
//! format and a migration. Operators' records alone are stored as JSON, with a member for each field.

mod position;
mod records;
mod sync_state;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::domain::{
    Anomaly, Change, ChangeCounts, ChangeKind, ChangeSerial, ChangedCell, Column, FieldChange, Filing, FilingBuilder,
    Frn, Removal, RmdNumber, Sha256Digest, Snapshot, SnapshotSerial, StepFacts, read_frn_cell,
};
use crate::listing::rewind::SnapshotRecord;

pub use position::*;
pub use records::*;
pub use sync_state::*;

/// Why a record cannot be read.
#[derive(Debug, Error)]
#[error("{record}: {detail}")]
pub struct CodecError {
    record: &'static str,
    detail: String,
}

pub fn invalid(record: &'static str, detail: impl ToString) -> CodecError {
    CodecError { record, detail: detail.to_string() }
}

fn encode<T: Serialize>(record: &'static str, value: &T) -> Result<Vec<u8>, CodecError> {
    postcard::to_stdvec(value).map_err(|error| invalid(record, error))
}

fn decode<'a, T: Deserialize<'a>>(record: &'static str, bytes: &'a [u8]) -> Result<T, CodecError> {
    postcard::from_bytes(bytes).map_err(|error| invalid(record, error))
}

fn time(record: &'static str, milliseconds: i64) -> Result<Timestamp, CodecError> {
    Timestamp::from_millisecond(milliseconds).map_err(|error| invalid(record, error))
}

/// A time as the store keeps it.
pub fn to_millisecond(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

fn number(record: &'static str, value: u32) -> Result<RmdNumber, CodecError> {
    RmdNumber::from_value(value).ok_or_else(|| invalid(record, "a filing number past seven digits"))
}

fn frn(record: &'static str, value: Option<u64>) -> Result<Option<Frn>, CodecError> {
    value
        .map(|value| Frn::from_value(value).ok_or_else(|| invalid(record, "an FRN of zero or past ten digits")))
        .transpose()
}

/// A filing without its number, which is the key. Cells stand in the order of [`Column::ALL`]; a record written before
/// a column was known has fewer of them.
#[derive(Serialize, Deserialize)]
struct StoredFiling<'a> {
    frn: Option<u64>,
    #[serde(borrow)]
    cells: Vec<&'a str>,
    #[serde(borrow)]
    unknown: Vec<(&'a str, &'a str)>,
}

impl<'a> StoredFiling<'a> {
    fn of(filing: &'a Filing) -> Self {
        Self {
            frn: filing.frn().map(Frn::value),
            cells: Column::ALL.into_iter().map(|column| filing.cell(column)).collect(),
            unknown: filing.unknown_cells().collect(),
        }
    }

    fn filing(self, number: RmdNumber) -> Result<Filing, CodecError> {
        let length = self.cells.iter().map(|cell| cell.len()).sum();
        let frn = frn("filing", self.frn)?;
        // Look-ups rest on it, and no digest covers it but by its cell.
        let cell = |column: Column| self.cells.get(column as usize).copied().unwrap_or_default();
        if cell(Column::Number).parse() != Ok(number) || read_frn_cell(cell(Column::Frn)) != Ok(frn) {
            return Err(invalid("filing", format!("the number or FRN of {number} is not that of its cell")));
        }
        let mut builder = FilingBuilder::new(number, frn, length);
        for cell in self.cells {
            builder.push(cell);
        }
        for (column, cell) in self.unknown {
            builder.push_unknown(column, cell);
        }
        Ok(builder.finish())
    }
}

pub fn encode_filing(filing: &Filing) -> Result<Vec<u8>, CodecError> {
    encode("filing", &StoredFiling::of(filing))
}

pub fn decode_filing(number: u32, bytes: &[u8]) -> Result<Filing, CodecError> {
    decode::<StoredFiling<'_>>("filing", bytes)?.filing(self::number("filing", number)?)
}

#[derive(Serialize, Deserialize)]
enum StoredAnomaly {
    MissingColumn(String),
    UnknownColumn(String),
    UnreadableRows { rows: u64, carried: u64, first: String },
    Corroborated(String),
    LetThrough { by: String, doubts: String },
    Unusual(String),
    PeersGone(String),
}

#[derive(Serialize, Deserialize)]
struct StoredSnapshot {
    sha256: [u8; 32],
    source: String,
    bytes: u64,
    fetched_at: i64,
    confirmed_at: i64,
    filings: u64,
    counts: [u64; 4],
    carried: BTreeMap<u32, i64>,
    anomalies: Vec<StoredAnomaly>,
}

/// What format 3 added to a snapshot's record: it stands behind the rest.
#[derive(Serialize, Deserialize)]
struct StoredSnapshotMore {
    listing_sha256: [u8; 32],
    applied_at: i64,
}

/// Splits a snapshot's record.
fn split_snapshot(bytes: &[u8]) -> Result<(StoredSnapshot, Option<StoredSnapshotMore>), CodecError> {
    const RECORD: &str = "snapshot";
    let (stored, rest) = postcard::take_from_bytes(bytes).map_err(|error| invalid(RECORD, error))?;
    let more = if rest.is_empty() { None } else { Some(decode(RECORD, rest)?) };
    Ok((stored, more))
}

fn join_snapshot(stored: &StoredSnapshot, more: Option<&StoredSnapshotMore>) -> Result<Vec<u8>, CodecError> {
    let mut bytes = encode("snapshot", stored)?;
    if let Some(more) = more {
        bytes.extend(encode("snapshot", more)?);
    }
    Ok(bytes)
}

pub fn encode_snapshot(
    snapshot: &Snapshot,
    counts: ChangeCounts,
    listing_sha256: Sha256Digest,
    applied_at: Timestamp,
) -> Result<Vec<u8>, CodecError> {
    let record = SnapshotRecord {
        serial: snapshot.serial,
        sha256: snapshot.sha256,
        listing_sha256: Some(listing_sha256),
        source: snapshot.source.clone(),
        bytes: snapshot.bytes,
        fetched_at: snapshot.fetched_at,
        confirmed_at: snapshot.confirmed_at,
        applied_at,
        filings: snapshot.filings.len() as u64,
        carried: snapshot.carried.clone(),
        anomalies: snapshot.anomalies.clone(),
    };
    encode_snapshot_record(&record, counts)
}

/// Writes what is on record about a snapshot, and what it changed.
pub fn encode_snapshot_record(record: &SnapshotRecord, counts: ChangeCounts) -> Result<Vec<u8>, CodecError> {
    let anomalies = record
        .anomalies
        .iter()
        .map(|anomaly| match anomaly {
            Anomaly::MissingColumn(column) => StoredAnomaly::MissingColumn(column.name().to_owned()),
            Anomaly::UnknownColumn(name) => StoredAnomaly::UnknownColumn(name.clone()),
            Anomaly::Corroborated { doubts } => StoredAnomaly::Corroborated(doubts.clone()),
            Anomaly::LetThrough { by, doubts } => StoredAnomaly::LetThrough { by: by.clone(), doubts: doubts.clone() },
            Anomaly::Unusual { what } => StoredAnomaly::Unusual(what.clone()),
            Anomaly::PeersGone { which } => StoredAnomaly::PeersGone(which.clone()),
            Anomaly::UnreadableRows { rows, carried, first } => {
                StoredAnomaly::UnreadableRows { rows: *rows, carried: *carried, first: first.clone() }
            }
        })
        .collect();
    let carried = record.carried.iter().map(|(number, since)| (number.value(), since.as_millisecond())).collect();
    let more = record
        .listing_sha256
        .map(|digest| StoredSnapshotMore { listing_sha256: digest.0, applied_at: record.applied_at.as_millisecond() });
    join_snapshot(
        &StoredSnapshot {
            sha256: record.sha256.0,
            source: record.source.clone(),
            bytes: record.bytes,
            fetched_at: record.fetched_at.as_millisecond(),
            confirmed_at: record.confirmed_at.as_millisecond(),
            filings: record.filings,
            counts: [counts.listed, counts.amended, counts.removed, counts.reinstated],
            carried,
            anomalies,
        },
        more.as_ref(),
    )
}

/// What a snapshot changed, as its record says.
pub fn decode_counts(bytes: &[u8]) -> Result<ChangeCounts, CodecError> {
    let [listed, amended, removed, reinstated] = split_snapshot(bytes)?.0.counts;
    Ok(ChangeCounts { listed, amended, removed, reinstated })
}

/// Reads a snapshot's record; its filings are in a table of their own.
pub fn decode_snapshot(serial: u64, bytes: &[u8]) -> Result<SnapshotRecord, CodecError> {
    const RECORD: &str = "snapshot";
    let (stored, more) = split_snapshot(bytes)?;
    let mut carried = BTreeMap::new();
    for (value, since) in stored.carried {
        carried.insert(number(RECORD, value)?, time(RECORD, since)?);
    }
    let anomalies = stored.anomalies.into_iter().map(|anomaly| match anomaly {
        StoredAnomaly::MissingColumn(name) => Column::by_name(&name)
            .map(Anomaly::MissingColumn)
            .ok_or_else(|| invalid(RECORD, format!("an unknown column {name:?}"))),
        StoredAnomaly::UnknownColumn(name) => Ok(Anomaly::UnknownColumn(name)),
        StoredAnomaly::Unusual(what) => Ok(Anomaly::Unusual { what }),
        StoredAnomaly::PeersGone(which) => Ok(Anomaly::PeersGone { which }),
        StoredAnomaly::Corroborated(doubts) => Ok(Anomaly::Corroborated { doubts }),
        StoredAnomaly::LetThrough { by, doubts } => Ok(Anomaly::LetThrough { by, doubts }),
        StoredAnomaly::UnreadableRows { rows, carried, first } => Ok(Anomaly::UnreadableRows { rows, carried, first }),
    });
    let fetched_at = time(RECORD, stored.fetched_at)?;
    Ok(SnapshotRecord {
        serial: SnapshotSerial(serial),
        sha256: Sha256Digest(stored.sha256),
        listing_sha256: more.as_ref().map(|more| Sha256Digest(more.listing_sha256)),
        source: stored.source,
        bytes: stored.bytes,
        fetched_at,
        confirmed_at: time(RECORD, stored.confirmed_at)?,
        // Before format 3 a listing was applied as soon as it was fetched, or not at all.
        applied_at: more.map_or(Ok(fetched_at), |more| time(RECORD, more.applied_at))?,
        filings: stored.filings,
        carried,
        anomalies: anomalies.collect::<Result<_, _>>()?,
    })
}

/// Writes a later confirmation into a snapshot's record.
pub fn reconfirm_snapshot(bytes: &[u8], confirmed_at: Timestamp) -> Result<Vec<u8>, CodecError> {
    let (mut stored, more) = split_snapshot(bytes)?;
    stored.confirmed_at = confirmed_at.as_millisecond();
    join_snapshot(&stored, more.as_ref())
}

/// A snapshot's record with no time later than `at`.
pub fn snapshot_no_later_than(bytes: &[u8], at: Timestamp) -> Result<Vec<u8>, CodecError> {
    let (mut stored, mut more) = split_snapshot(bytes)?;
    let at = at.as_millisecond();
    let times = [&mut stored.fetched_at, &mut stored.confirmed_at];
    for time in
        times.into_iter().chain(stored.carried.values_mut()).chain(more.iter_mut().map(|more| &mut more.applied_at))
    {
        *time = at.min(*time);
    }
    join_snapshot(&stored, more.as_ref())
}

/// Brings a snapshot's record of format 1 or 2 to format 3.
pub fn add_listing_digest(bytes: &[u8], listing_sha256: Sha256Digest) -> Result<Vec<u8>, CodecError> {
    let (stored, _) = split_snapshot(bytes)?;
    let more = StoredSnapshotMore { listing_sha256: listing_sha256.0, applied_at: stored.fetched_at };
    join_snapshot(&stored, Some(&more))
}

#[derive(Serialize, Deserialize)]
struct StoredStep {
    fetched_at: i64,
    content_day: Option<(i16, i8, i8)>,
    lost: u32,
    was_wave: bool,
    end_gone: bool,
    last_before: Option<u32>,
    unlikely: Vec<u32>,
    undated: Vec<(u32, u8, u64)>,
    dated: Vec<(u32, u8, u64)>,
    come: u32,
}

fn stored_cells(cells: &[ChangedCell]) -> Vec<(u32, u8, u64)> {
    cells.iter().map(|cell| (cell.number.value(), cell.column as u8, cell.before)).collect()
}

/// What vetting remembers of the steps before.
pub fn encode_steps(steps: &[StepFacts]) -> Result<Vec<u8>, CodecError> {
    let stored = steps.iter().map(|step| StoredStep {
        fetched_at: step.fetched_at.as_millisecond(),
        content_day: step.content_day.map(|day| (day.year(), day.month(), day.day())),
        lost: step.lost,
        was_wave: step.was_wave,
        end_gone: step.end_gone,
        last_before: step.last_before.map(RmdNumber::value),
        unlikely: step.unlikely.iter().map(|number| number.value()).collect(),
        undated: stored_cells(&step.undated),
        dated: stored_cells(&step.dated),
        come: step.come,
    });
    encode("steps", &stored.collect::<Vec<_>>())
}

pub fn decode_steps(bytes: &[u8]) -> Result<Vec<StepFacts>, CodecError> {
    const RECORD: &str = "steps";
    let stored: Vec<StoredStep> = decode(RECORD, bytes)?;
    stored
        .into_iter()
        .map(|step| {
            let cells = |stored: Vec<(u32, u8, u64)>| {
                stored
                    .into_iter()
                    .map(|(value, place, before)| {
                        let column = Column::ALL
                            .get(usize::from(place))
                            .copied()
                            .ok_or_else(|| invalid(RECORD, format!("an unknown column {place}")))?;
                        Ok(ChangedCell { number: number(RECORD, value)?, column, before })
                    })
                    .collect::<Result<Vec<_>, CodecError>>()
            };
            let day = |(year, month, day)| Date::new(year, month, day).map_err(|error| invalid(RECORD, error));
            Ok(StepFacts {
                fetched_at: time(RECORD, step.fetched_at)?,
                content_day: step.content_day.map(day).transpose()?,
                lost: step.lost,
                was_wave: step.was_wave,
                end_gone: step.end_gone,
                last_before: step.last_before.map(|value| number(RECORD, value)).transpose()?,
                unlikely: step.unlikely.into_iter().map(|value| number(RECORD, value)).collect::<Result<_, _>>()?,
                undated: cells(step.undated)?,
                dated: cells(step.dated)?,
                come: step.come,
            })
        })
        .collect()
}

#[derive(Serialize, Deserialize)]
struct StoredRemoval<'a> {
    last_seen_at: i64,
    first_missing_at: i64,
    reinstated_at: Option<i64>,
    #[serde(borrow)]
    filing: StoredFiling<'a>,
}

pub fn encode_removal(removal: &Removal) -> Result<Vec<u8>, CodecError> {
    encode(
        "removal",
        &StoredRemoval {
            last_seen_at: removal.last_seen_at.as_millisecond(),
            first_missing_at: removal.first_missing_at.as_millisecond(),
            reinstated_at: removal.reinstated_at.map(Timestamp::as_millisecond),
            filing: StoredFiling::of(&removal.filing),
        },
    )
}

pub fn decode_removal((value, serial): (u32, u64), bytes: &[u8]) -> Result<Removal, CodecError> {
    const RECORD: &str = "removal";
    let stored: StoredRemoval<'_> = decode(RECORD, bytes)?;
    Ok(Removal {
        filing: Arc::new(stored.filing.filing(number(RECORD, value)?)?),
        last_seen_at: time(RECORD, stored.last_seen_at)?,
        first_missing_at: time(RECORD, stored.first_missing_at)?,
        snapshot: SnapshotSerial(serial),
        reinstated_at: stored.reinstated_at.map(|at| time(RECORD, at)).transpose()?,
    })
}

#[derive(Serialize, Deserialize)]
enum StoredChangeKind {
    Listed,
    Amended(Vec<(String, String, String)>),
    Removed,
    Reinstated(Vec<(String, String, String)>),
}

#[derive(Serialize, Deserialize)]
struct StoredChange {
    snapshot: u64,
    observed_at: i64,
    number: u32,
    frn: Option<u64>,
    kind: StoredChangeKind,
}

pub fn encode_change(change: &Change) -> Result<Vec<u8>, CodecError> {
    let stored = |fields: &[FieldChange]| {
        fields.iter().map(|field| (field.column.clone(), field.before.clone(), field.after.clone())).collect()
    };
    encode(
        "change",
        &StoredChange {
            snapshot: change.snapshot.0,
            observed_at: change.observed_at.as_millisecond(),
            number: change.number.value(),
            frn: change.frn.map(Frn::value),
            kind: match &change.kind {
                ChangeKind::Listed => StoredChangeKind::Listed,
                ChangeKind::Amended(fields) => StoredChangeKind::Amended(stored(fields)),
                ChangeKind::Removed => StoredChangeKind::Removed,
                ChangeKind::Reinstated(fields) => StoredChangeKind::Reinstated(stored(fields)),
            },
        },
    )
}

/// What a stored change begins with, and which kind it is of.
#[derive(Deserialize)]
struct StoredChangeHead {
    snapshot: u64,
    observed_at: i64,
    number: u32,
    _frn: Option<u64>,
    /// The place of the kind in [`StoredChangeKind`].
    kind: u32,
}

/// A filing that was listed, without reading what else a change may hold; nothing if the change is of another kind.
pub fn decode_listed(bytes: &[u8]) -> Result<Option<(SnapshotSerial, RmdNumber, Timestamp)>, CodecError> {
    const RECORD: &str = "change";
    let (head, _): (StoredChangeHead, _) = postcard::take_from_bytes(bytes).map_err(|error| invalid(RECORD, error))?;
    if head.kind != 0 {
        return Ok(None);
    }
    Ok(Some((SnapshotSerial(head.snapshot), number(RECORD, head.number)?, time(RECORD, head.observed_at)?)))
}

pub fn decode_change(serial: u64, bytes: &[u8]) -> Result<Change, CodecError> {
    const RECORD: &str = "change";
    let stored: StoredChange = decode(RECORD, bytes)?;
    let fields = |stored: Vec<(String, String, String)>| {
        stored.into_iter().map(|(column, before, after)| FieldChange { column, before, after }).collect()
    };
    Ok(Change {
        serial: ChangeSerial(serial),
        snapshot: SnapshotSerial(stored.snapshot),
        observed_at: time(RECORD, stored.observed_at)?,
        number: number(RECORD, stored.number)?,
        frn: frn(RECORD, stored.frn)?,
        kind: match stored.kind {
            StoredChangeKind::Listed => ChangeKind::Listed,
            StoredChangeKind::Amended(changed) => ChangeKind::Amended(fields(changed)),
            StoredChangeKind::Removed => ChangeKind::Removed,
            StoredChangeKind::Reinstated(changed) => ChangeKind::Reinstated(fields(changed)),
        },
    })
}
