//! Operators' records and their events <-> JSON, in the shape in which they are exported: they must be readable for as long as
//! an export is.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CodecError, invalid};
use crate::domain::{Record, RecordEvent, RecordKind};
use crate::records::fields::{self, Fields};
use crate::store::RecordsNotice;

/// The kind of a record, from its word.
fn record_kind(word: &str) -> Result<RecordKind, CodecError> {
    RecordKind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == word)
        .ok_or_else(|| invalid("operator's record", format!("an unknown kind {word:?}")))
}

fn record_to_json(record: &Record) -> Value {
    fields::write(record).to_json()
}

fn record_from_json(kind: RecordKind, value: Value) -> Result<Record, CodecError> {
    const RECORD: &str = "operator's record";
    let fields = Fields::from_json(value).map_err(|error| invalid(RECORD, error))?;
    // Whatever is stored says who and when.
    fields::read(kind, &fields, "", Timestamp::UNIX_EPOCH).map_err(|error| invalid(RECORD, error))
}

pub fn encode_record(record: &Record) -> Result<Vec<u8>, CodecError> {
    serde_json::to_vec(&record_to_json(record)).map_err(|error| invalid("operator's record", error))
}

pub fn decode_record(kind: &str, bytes: &[u8]) -> Result<Record, CodecError> {
    let value = serde_json::from_slice(bytes).map_err(|error| invalid("operator's record", error))?;
    record_from_json(record_kind(kind)?, value)
}

#[derive(Serialize, Deserialize)]
struct StoredRecordEvent {
    at: Timestamp,
    by: String,
    why: String,
    action: String,
    kind: String,
    before: Option<Value>,
    after: Option<Value>,
}

pub fn encode_record_event(event: &RecordEvent) -> Result<Vec<u8>, CodecError> {
    serde_json::to_vec(&stored_record_event(event)?).map_err(|error| invalid("event of an operator's record", error))
}

pub fn record_event_to_json(event: &RecordEvent) -> Result<Value, CodecError> {
    serde_json::to_value(stored_record_event(event)?).map_err(|error| invalid("event of an operator's record", error))
}

fn stored_record_event(event: &RecordEvent) -> Result<StoredRecordEvent, CodecError> {
    const RECORD: &str = "event of an operator's record";
    let kind = event.record().map(Record::kind).ok_or_else(|| invalid(RECORD, "it concerns no record"))?;
    Ok(StoredRecordEvent {
        at: event.at,
        by: event.by.clone(),
        why: event.why.clone(),
        action: event.action.as_str().to_owned(),
        kind: kind.as_str().to_owned(),
        before: event.before.as_ref().map(record_to_json),
        after: event.after.as_ref().map(record_to_json),
    })
}

pub fn decode_record_event(serial: u64, bytes: &[u8]) -> Result<RecordEvent, CodecError> {
    let stored = serde_json::from_slice(bytes).map_err(|error| invalid("event of an operator's record", error))?;
    record_event_of(serial, stored)
}

pub fn record_event_from_json(serial: u64, value: Value) -> Result<RecordEvent, CodecError> {
    let stored = serde_json::from_value(value).map_err(|error| invalid("event of an operator's record", error))?;
    record_event_of(serial, stored)
}

fn record_event_of(serial: u64, stored: StoredRecordEvent) -> Result<RecordEvent, CodecError> {
    const RECORD: &str = "event of an operator's record";
    let kind = record_kind(&stored.kind)?;
    let record = |value: Option<Value>| value.map(|value| record_from_json(kind, value)).transpose();
    Ok(RecordEvent {
        serial,
        at: stored.at,
        by: stored.by,
        why: stored.why,
        action: stored.action.parse().map_err(|error: String| invalid(RECORD, error))?,
        before: record(stored.before)?,
        after: record(stored.after)?,
    })
}

pub fn encode_records_notice(notice: &RecordsNotice) -> Result<Vec<u8>, CodecError> {
    serde_json::to_vec(notice).map_err(|error| invalid("notice about operators' records", error))
}

pub fn decode_records_notice(bytes: &[u8]) -> Result<RecordsNotice, CodecError> {
    serde_json::from_slice(bytes).map_err(|error| invalid("notice about operators' records", error))
}
