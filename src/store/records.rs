//! Operators' records and the history of their changes.

use std::collections::BTreeMap;

use redb::{ReadableTable, TableError};

use super::journal::{Plan, Stored, gaps, mark};
use super::tables::{
    META, META_EVENTS_SALVAGED, META_FORMAT, META_JOURNAL, META_RECORDS_SUM, RECORD_EVENTS, RECORDS, SYNC_STATE,
    SYNC_STATE_RECORDS_NOTICE,
};
use super::{Advance, RecordsNotice, Store, StoreError, codec, position, sums};
use crate::domain::{Record, RecordEvent, RecordKind, Sha256Digest};

impl Store {
    /// Every record, and the serial of the newest event.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn load_records(&self) -> Result<(Vec<Record>, u64), StoreError> {
        if let Some(ahead) = self.ahead.get() {
            return Ok(ahead.clone());
        }
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
        match &self.journal {
            Some(journal) => self.commit_journaled(journal, events, None),
            None => self.written(|| self.write_records(events, None, None)),
        }
    }

    /// The same, where an entry of the fleet's log says so. A crash may have left them in the journal alone, and a backup that was
    /// put back lacks what the journal has: from there they were completed without the position, and then only that is written,
    /// and those that are still lacking.
    ///
    /// # Errors
    ///
    /// As [`Store::commit_records`], if the entry is not the next, and if other events stand in the place of these.
    pub fn follow_records(&self, events: &[RecordEvent], advance: &Advance) -> Result<(), StoreError> {
        let last = self.last_event()?;
        let (standing, events) = events.split_at(events.partition_point(|event| event.serial <= last));
        if let (Some(first), Some(newest)) = (standing.first(), standing.last()) {
            let before = first.serial.saturating_sub(1);
            let mut stored = self.record_events_between(before, newest.serial.saturating_add(1), usize::MAX)?;
            stored.reverse();
            if stored != standing {
                let detail = format!("other events stand here behind event {before}");
                return Err(StoreError::Diverges { log: advance.log, entry: advance.to.index, detail });
            }
            if events.is_empty() {
                return self.written(|| {
                    let transaction = self.begin_write()?;
                    self.advance(&transaction, advance)?;
                    position::note_logged(&transaction, newest.serial, last)?;
                    transaction.commit()
                });
            }
        }
        match &self.journal {
            Some(journal) => self.commit_journaled(journal, events, Some(advance)),
            None => self.written(|| self.write_records(events, None, Some(advance))),
        }
    }

    /// `mark` is what is remembered of the journal's line of the last event.
    pub(super) fn write_records(
        &self,
        events: &[RecordEvent],
        mark: Option<u64>,
        advance: Option<&Advance>,
    ) -> Result<(), StoreError> {
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
            if let Some(mark) = mark {
                meta.insert(META_JOURNAL, mark)?;
            }
        }
        if let Some(advance) = advance {
            self.advance(&transaction, advance)?;
            position::note_logged(&transaction, u64::MAX, u64::MAX)?;
        }
        transaction.commit()?;
        self.event_times.add(events);
        Ok(())
    }

    /// The serial of the newest event.
    pub(super) fn last_event(&self) -> Result<u64, StoreError> {
        let transaction = self.begin_read()?;
        let last = transaction.open_table(RECORD_EVENTS)?.last()?.map_or(0, |(serial, _)| serial.value());
        let saved = transaction.open_table(META)?.get(META_EVENTS_SALVAGED)?.map_or(0, |serial| serial.value());
        Ok(last.max(saved))
    }

    /// All that is to be compared with the journal. An event that cannot be read is not there.
    pub(super) fn stored_records(&self) -> Result<Stored, StoreError> {
        let (records, last) = self.load_records()?;
        self.contained_read(|| {
            let transaction = self.begin_read()?;
            let mut events = BTreeMap::new();
            let table = missing_in_older(transaction.open_table(RECORD_EVENTS))?;
            for entry in table.iter().map(|table| table.iter()).collect::<Result<Vec<_>, _>>()?.into_iter().flatten() {
                let (serial, bytes) = entry?;
                if let Ok(event) = codec::decode_record_event(serial.value(), bytes.value()) {
                    events.insert(serial.value(), event);
                }
            }
            let meta = transaction.open_table(META)?;
            let number = |name| Ok::<_, StoreError>(meta.get(name)?.map(|value| value.value()));
            Ok(Stored {
                events,
                records: records.iter().map(|record| ((record.kind(), record.id()), record.clone())).collect(),
                last,
                known_gaps: number(META_EVENTS_SALVAGED)?.unwrap_or_default(),
                mark: number(META_JOURNAL)?,
                notice: self.stored_notice()?,
            })
        })
    }

    /// Whether the newest event is this one, and the journal's line of it has this digest.
    pub(super) fn remembers(&self, (serial, digest): (u64, Sha256Digest)) -> Result<bool, StoreError> {
        self.contained_read(|| {
            let transaction = self.begin_read()?;
            let remembered = transaction.open_table(META)?.get(META_JOURNAL)?.map(|mark| mark.value());
            let Some(events) = missing_in_older(transaction.open_table(RECORD_EVENTS))? else { return Ok(false) };
            let last = events.last()?.map(|(serial, _)| serial.value());
            Ok(last == Some(serial) && remembered == Some(mark(digest)))
        })
    }

    /// Reads all events of records, and looks at none: whether they can be read at all.
    pub(super) fn walk_record_events(&self) -> Result<(), StoreError> {
        self.contained_read(|| {
            let transaction = self.begin_read()?;
            let Some(events) = missing_in_older(transaction.open_table(RECORD_EVENTS))? else { return Ok(()) };
            for entry in events.iter()? {
                entry?;
            }
            Ok(())
        })
    }

    /// Takes over what the journal holds besides, in one transaction. Where there is nothing to write, nothing is written.
    pub(super) fn take_over(&self, stored: &Stored, plan: &Plan, mark: u64) -> Result<(), StoreError> {
        let lost = !gaps(&plan.events, stored.known_gaps).is_empty();
        let news = plan.notice != stored.notice || stored.mark != Some(mark);
        if !(news || lost || !plan.add.is_empty() || plan.records.is_some()) {
            return Ok(());
        }
        self.written(|| {
            let transaction = self.begin_write()?;
            {
                let mut events = transaction.open_table(RECORD_EVENTS)?;
                for event in &plan.add {
                    events.insert(event.serial, codec::encode_record_event(event)?.as_slice())?;
                }
                let mut meta = transaction.open_table(META)?;
                if let Some(records) = &plan.records {
                    meta.insert(META_RECORDS_SUM, replace_records(&transaction, records.values())?)?;
                }
                if lost {
                    let last = plan.events.keys().next_back().copied().unwrap_or_default();
                    meta.insert(META_EVENTS_SALVAGED, last.max(stored.known_gaps))?;
                }
                meta.insert(META_JOURNAL, mark)?;
                write_notice(&transaction, plan.notice.as_ref())?;
            }
            if plan.add.iter().any(|event| event.serial > stored.last) {
                position::note_beyond(&transaction, stored.last)?;
            }
            transaction.commit()
        })?;
        if !plan.add.is_empty() || plan.records.is_some() {
            self.event_times.forget();
        }
        Ok(())
    }

    /// What was lost of operators' records, or mended, as it is kept in the file.
    pub(super) fn stored_notice(&self) -> Result<Option<RecordsNotice>, StoreError> {
        let transaction = self.begin_read()?;
        let Some(table) = missing_in_older(transaction.open_table(SYNC_STATE))? else { return Ok(None) };
        let stored = table.get(SYNC_STATE_RECORDS_NOTICE)?;
        Ok(stored.map(|bytes| codec::decode_records_notice(bytes.value())).transpose()?)
    }

    pub(super) fn forget_notice(&self) -> Result<(), StoreError> {
        let transaction = self.begin_write()?;
        write_notice(&transaction, None)?;
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

/// Puts these records into the place of those that are there. Returns the sum of their rows.
pub(super) fn replace_records<'a>(
    transaction: &redb::WriteTransaction,
    records: impl Iterator<Item = &'a Record>,
) -> Result<u64, StoreError> {
    let mut table = transaction.open_table(RECORDS)?;
    table.retain(|_, _| false)?;
    let mut sum = 0u64;
    for record in records {
        let (id, bytes) = (record.id(), codec::encode_record(record)?);
        let key = (record.kind().as_str(), id.as_str());
        table.insert(key, bytes.as_slice())?;
        sum = sum.wrapping_add(sums::record(key, &bytes));
    }
    Ok(sum)
}

/// Keeps what was lost of operators' records, or mended, until it is acknowledged.
pub(super) fn write_notice(
    transaction: &redb::WriteTransaction,
    notice: Option<&RecordsNotice>,
) -> Result<(), StoreError> {
    let mut table = transaction.open_table(SYNC_STATE)?;
    match notice {
        Some(notice) => {
            table.insert(SYNC_STATE_RECORDS_NOTICE, codec::encode_records_notice(notice)?.as_slice())?;
        }
        None => _ = table.remove(SYNC_STATE_RECORDS_NOTICE)?,
    }
    Ok(())
}

/// A store of an older format that is read only has no such table.
pub(super) fn missing_in_older<T>(opened: Result<T, TableError>) -> Result<Option<T>, StoreError> {
    match opened {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
