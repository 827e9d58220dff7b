//! A consistent copy of the store, made while it is in use.

use std::fs::File;
use std::io::{Error, ErrorKind};
use std::path::Path;

use redb::backends::FileBackend;
use redb::{Key, ReadTransaction, ReadableTable, TableDefinition, TableHandle, Value, WriteTransaction};

use super::open::{builder, contained_open};
use super::records::missing_in_older;
use super::tables::{
    ALERT_CHANNELS, ALERT_DEAD, ALERT_EVENTS, ALERT_QUEUE, ALERT_REPORTED, ALERT_TOLD, CHANGES, CHANGES_BY_FILING,
    CONFIRMATIONS, FILINGS, FIRST_SIGHTS, FLEET, HELD, META, META_JOURNAL, RECORD_EVENTS, RECORDS, REMOVALS, SNAPSHOTS,
    SOURCES, SYNC_STATE,
};
use super::{Store, StoreError};

impl Store {
    /// Writes all that the store holds at this moment into an empty file. Syncs and questions go on meanwhile; what they
    /// change is not in the copy. It is a store of its own: put in the place of another, it is that store again. `directory` is
    /// where the file is made, for whom there is no room.
    ///
    /// # Errors
    ///
    /// If the file cannot be written or the store cannot be read.
    pub fn copy_to(&self, file: File, directory: &Path) -> Result<(), StoreError> {
        self.contained_read(|| self.copy_tables(file).map_err(|error| of_room(error, directory)))
    }

    fn copy_tables(&self, file: File) -> Result<(), StoreError> {
        let database = contained_open(&self.path, || builder().create_with_backend(FileBackend::new(file)?))?;
        let transaction = database.begin_write()?;
        let from = self.begin_read()?;
        let mut left: Vec<String> = from.list_tables()?.map(|table| table.name().to_owned()).collect();
        copy(&from, &transaction, META, &mut left)?;
        copy(&from, &transaction, FILINGS, &mut left)?;
        copy(&from, &transaction, SNAPSHOTS, &mut left)?;
        copy(&from, &transaction, REMOVALS, &mut left)?;
        copy(&from, &transaction, CHANGES, &mut left)?;
        copy(&from, &transaction, CHANGES_BY_FILING, &mut left)?;
        copy(&from, &transaction, CONFIRMATIONS, &mut left)?;
        copy(&from, &transaction, FIRST_SIGHTS, &mut left)?;
        copy(&from, &transaction, SYNC_STATE, &mut left)?;
        copy(&from, &transaction, HELD, &mut left)?;
        copy(&from, &transaction, SOURCES, &mut left)?;
        copy(&from, &transaction, RECORDS, &mut left)?;
        copy(&from, &transaction, RECORD_EVENTS, &mut left)?;
        copy(&from, &transaction, FLEET, &mut left)?;
        copy(&from, &transaction, ALERT_REPORTED, &mut left)?;
        copy(&from, &transaction, ALERT_EVENTS, &mut left)?;
        copy(&from, &transaction, ALERT_QUEUE, &mut left)?;
        copy(&from, &transaction, ALERT_DEAD, &mut left)?;
        copy(&from, &transaction, ALERT_CHANNELS, &mut left)?;
        copy(&from, &transaction, ALERT_TOLD, &mut left)?;
        // Its journal is not copied: where it is put into the place of another, it has the one that is there, or begins one.
        transaction.open_table(META)?.remove(META_JOURNAL)?;
        if let Some(table) = left.first() {
            return Err(StoreError::NotCopied { table: table.clone() });
        }
        transaction.commit()?;
        Ok(())
    }
}

/// That a disk is full can only be said of the one that is written to, and not of the store's.
fn of_room(error: StoreError, directory: &Path) -> StoreError {
    let full = |source: &Error| {
        matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
    };
    let directory = directory.to_owned();
    match error {
        StoreError::NotAccessible { source, .. } if full(&source) => StoreError::NoRoomForCopy { directory, source },
        StoreError::Redb(error) => match *error {
            redb::Error::Io(source) if full(&source) => StoreError::NoRoomForCopy { directory, source },
            other => StoreError::Redb(Box::new(other)),
        },
        other => other,
    }
}

fn copy<K: Key + 'static, V: Value + 'static>(
    from: &ReadTransaction,
    to: &WriteTransaction,
    definition: TableDefinition<'_, K, V>,
    left: &mut Vec<String>,
) -> Result<(), StoreError> {
    left.retain(|name| name != definition.name());
    // A store of an older format stays one: it is brought to this one where it is opened for writing.
    let Some(table) = missing_in_older(from.open_table(definition))? else { return Ok(()) };
    let mut copied = to.open_table(definition)?;
    for entry in table.iter()? {
        let (key, value) = entry?;
        copied.insert(key.value(), value.value())?;
    }
    Ok(())
}
