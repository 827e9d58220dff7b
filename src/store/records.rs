//! Operators' records and the history of their changes.

use redb::{ReadableTable, TableError};

use super::tables::{META, META_EVENTS_SALVAGED, META_FORMAT, META_RECORDS_SUM, RECORD_EVENTS, RECORDS};
use super::{Store, StoreError, codec, sums};
use crate::domain::{Record, RecordEvent, RecordKind};

impl Store {
    /// Every record, and the serial of the newest event.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn load_records(&self) -> Result<(Vec<Record>, u64), StoreError> {
        self.contained_read(|| self.read_records())
    }

    fn read_records(&self) -> Result<(Vec<Record>, u64), StoreError> {
        let transaction = self.begin_read()?;
        let mut records = Vec::new();
        let Some(table) = missing_in_older(transaction.open_table(RECORDS))? else {
            let format = transaction.open_table(META)?.get(META_FORMAT)?.map_or(0, |format| format.value());
            return if format == 1 {
                Ok((records, 0))
            } else {
                Err(self.damaged("it has no records table".to_owned()))
            };
        };
        let mut sum = 0u64;
        for entry in table.iter()? {
            let (key, bytes) = entry?;
            records.push(codec::decode_record(key.value().0, bytes.value())?);
            sum = sum.wrapping_add(sums::record(key.value(), bytes.value()));
        }
        self.check_sum(&transaction, META_RECORDS_SUM, sum, "operators' records")?;
        let last = transaction.open_table(RECORD_EVENTS)?.last()?.map_or(0, |(serial, _)| serial.value());
        // An event that was lost with a damaged store has had its number all the same.
        let saved = transaction.open_table(META)?.get(META_EVENTS_SALVAGED)?.map_or(0, |serial| serial.value());
        Ok((records, last.max(saved)))
    }

    /// Writes events and what they make of the records, in one transaction.
    ///
    /// # Errors
    ///
    /// If the disk fails, or the events do not follow the last one stored; then nothing has changed.
    pub fn commit_records(&self, events: &[RecordEvent]) -> Result<(), StoreError> {
        self.written(|| self.write_records(events))
    }

    fn write_records(&self, events: &[RecordEvent]) -> Result<(), StoreError> {
        let transaction = self.begin_write()?;
        {
            let mut meta = transaction.open_table(META)?;
            let mut sum = meta.get(META_RECORDS_SUM)?.map_or(0, |sum| sum.value());
            let mut records = transaction.open_table(RECORDS)?;
            let mut history = transaction.open_table(RECORD_EVENTS)?;
            let saved = meta.get(META_EVENTS_SALVAGED)?.map_or(0, |serial| serial.value());
            let mut last = history.last()?.map_or(0, |(serial, _)| serial.value()).max(saved);
            for event in events {
                if event.serial != last + 1 {
                    return Err(StoreError::Conflict { expected: event.serial.saturating_sub(1), found: last });
                }
                last = event.serial;
                history.insert(event.serial, codec::encode_record_event(event)?.as_slice())?;
                if let Some(before) = &event.before {
                    let id = before.id();
                    let key = (before.kind().as_str(), id.as_str());
                    let old = records.remove(key)?.map_or(0, |old| sums::record(key, old.value()));
                    sum = sum.wrapping_sub(old);
                }
                if let Some(after) = &event.after {
                    let (id, bytes) = (after.id(), codec::encode_record(after)?);
                    let key = (after.kind().as_str(), id.as_str());
                    let old = records.insert(key, bytes.as_slice())?.map_or(0, |old| sums::record(key, old.value()));
                    sum = sum.wrapping_sub(old).wrapping_add(sums::record(key, &bytes));
                }
            }
            meta.insert(META_RECORDS_SUM, sum)?;
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
        let id = id.map(|id| kind.folded(id));
        let transaction = self.begin_read()?;
        let mut found = Vec::new();
        let Some(table) = missing_in_older(transaction.open_table(RECORD_EVENTS))? else { return Ok(found) };
        for entry in table.range(after.saturating_add(1)..)? {
            let (serial, bytes) = entry?;
            let event = codec::decode_record_event(serial.value(), bytes.value())?;
            let concerns = event.record().is_some_and(|record| {
                record.kind() == kind && id.as_ref().is_none_or(|id| kind.folded(&record.id()) == *id)
            });
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
