//! Operators' records and the history of their changes.

use redb::{ReadableTable, TableError};

use super::tables::{RECORD_EVENTS, RECORDS};
use super::{Store, StoreError, codec};
use crate::domain::{Record, RecordEvent, RecordKind};

impl Store {
    /// Every record, and the serial of the newest event.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn load_records(&self) -> Result<(Vec<Record>, u64), StoreError> {
        let transaction = self.begin_read()?;
        let mut records = Vec::new();
        let Some(table) = missing_in_older(transaction.open_table(RECORDS))? else { return Ok((records, 0)) };
        for entry in table.iter()? {
            let (key, bytes) = entry?;
            records.push(codec::decode_record(key.value().0, bytes.value())?);
        }
        let last = transaction.open_table(RECORD_EVENTS)?.last()?.map_or(0, |(serial, _)| serial.value());
        Ok((records, last))
    }

    /// Writes events and what they make of the records, in one transaction.
    ///
    /// # Errors
    ///
    /// If the disk fails, or the events do not follow the last one stored; then nothing has changed.
    pub fn commit_records(&self, events: &[RecordEvent]) -> Result<(), StoreError> {
        let transaction = self.begin_write()?;
        {
            let mut records = transaction.open_table(RECORDS)?;
            let mut history = transaction.open_table(RECORD_EVENTS)?;
            let mut last = history.last()?.map_or(0, |(serial, _)| serial.value());
            for event in events {
                if event.serial != last + 1 {
                    return Err(StoreError::Conflict { expected: event.serial.saturating_sub(1), found: last });
                }
                last = event.serial;
                history.insert(event.serial, codec::encode_record_event(event)?.as_slice())?;
                if let Some(before) = &event.before {
                    records.remove((before.kind().as_str(), before.id().as_str()))?;
                }
                if let Some(after) = &event.after {
                    let bytes = codec::encode_record(after)?;
                    records.insert((after.kind().as_str(), after.id().as_str()), bytes.as_slice())?;
                }
            }
        }
        transaction.commit()
    }

    /// The events behind `after` that concern records of this kind, and of this ID if one is named; oldest first, at
    /// most `limit`.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn record_events(
        &self,
        kind: RecordKind,
        id: Option<&str>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<RecordEvent>, StoreError> {
        let transaction = self.begin_read()?;
        let mut found = Vec::new();
        let Some(table) = missing_in_older(transaction.open_table(RECORD_EVENTS))? else { return Ok(found) };
        for entry in table.range(after.saturating_add(1)..)? {
            let (serial, bytes) = entry?;
            let event = codec::decode_record_event(serial.value(), bytes.value())?;
            let concerns =
                event.record().is_some_and(|record| record.kind() == kind && id.is_none_or(|id| record.id() == id));
            if concerns {
                found.push(event);
            }
            if found.len() == limit {
                break;
            }
        }
        Ok(found)
    }
}

/// A store of an older format that is read only has no such table.
pub(super) fn missing_in_older<T>(opened: Result<T, TableError>) -> Result<Option<T>, StoreError> {
    match opened {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
