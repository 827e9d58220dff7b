//! Dropping history that is kept no longer, and giving the room back.
//!
//! Removals are never dropped. Those that are open are what `REMOVED` rests on; a closed one tells that an order on record
//! is spent and that a filing was listed again; and all of them together are few. When a filing was first seen is kept as
//! well, since what an order bars and who owes a recertification rest on it.

use std::sync::PoisonError;

use jiff::Timestamp;
use redb::ReadableTable;

use super::tables::{CHANGES, CHANGES_BY_FILING, CONFIRMATIONS, META, META_HISTORY_FLOOR, SNAPSHOTS};
use super::{Handle, Store, StoreError, codec, first_sights};
use crate::domain::SnapshotSerial;
use crate::listing::rewind::LEAST_SNAPSHOTS;

/// So many rows go in one transaction, that a sync does not wait long for its turn.
const AT_A_TIME: usize = 2000;

/// What was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retired {
    /// So many changes.
    pub changes: u64,
    /// The records of so many snapshots.
    pub snapshots: u64,
    /// The snapshot that history reaches back to now.
    pub floor: SnapshotSerial,
}

/// What a compaction came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// The file's size before, in bytes.
    pub before: u64,
    /// The file's size after, in bytes.
    pub after: u64,
}

impl Store {
    /// Drops the history before a moment, oldest first, in bounded transactions: a crash leaves a history that begins
    /// somewhere between. The snapshot that stood at the moment can still be reached, and the last ten in any case.
    ///
    /// # Errors
    ///
    /// If the store cannot be read or written. What was dropped so far stays dropped.
    pub fn retire(&self, from: Timestamp) -> Result<Retired, StoreError> {
        let mut retired = Retired { changes: 0, snapshots: 0, floor: self.floor_for(from)? };
        while self.written(|| self.retire_some(&mut retired))? {}
        Ok(retired)
    }

    /// The oldest snapshot that must stay so that every moment from this one on can be told.
    fn floor_for(&self, from: Timestamp) -> Result<SnapshotSerial, StoreError> {
        let transaction = self.begin_read()?;
        let mut floor = SnapshotSerial::FIRST;
        for (place, entry) in transaction.open_table(SNAPSHOTS)?.iter()?.rev().enumerate() {
            let (serial, bytes) = entry?;
            floor = SnapshotSerial(serial.value());
            if place + 1 >= LEAST_SNAPSHOTS && codec::decode_snapshot(serial.value(), bytes.value())?.applied_at <= from
            {
                break;
            }
        }
        Ok(floor)
    }

    /// Drops some rows; false if there was none to drop.
    fn retire_some(&self, retired: &mut Retired) -> Result<bool, StoreError> {
        let floor = retired.floor;
        {
            // Nearly always there is nothing to do, and then nothing is written.
            let transaction = self.begin_read()?;
            let snapshot = transaction.open_table(SNAPSHOTS)?.first()?.map(|(serial, _)| serial.value());
            let confirmation = transaction.open_table(CONFIRMATIONS)?.first()?.map(|(key, _)| key.value().0);
            let change = match transaction.open_table(CHANGES)?.first()? {
                Some((serial, bytes)) => Some(codec::decode_change(serial.value(), bytes.value())?.snapshot.0),
                None => None,
            };
            let behind = |serial: Option<u64>| serial.is_some_and(|serial| serial < floor.0);
            // The changes that led to the floor are not needed: it is the last to be reached.
            if !behind(snapshot) && !behind(confirmation) && change.is_none_or(|of| of > floor.0 || floor.0 == 1) {
                return Ok(false);
            }
        }
        let transaction = self.begin_write()?;
        {
            let mut room = AT_A_TIME;
            let mut snapshots = transaction.open_table(SNAPSHOTS)?;
            if let Some((serial, bytes)) = snapshots.first()?.filter(|(serial, _)| serial.value() < floor.0) {
                let oldest = codec::decode_snapshot(serial.value(), bytes.value())?;
                first_sights::save_beginning(&transaction, oldest.fetched_at)?;
            }
            while room > 0 && snapshots.first()?.is_some_and(|(serial, _)| serial.value() < floor.0) {
                snapshots.pop_first()?;
                retired.snapshots += 1;
                room -= 1;
            }
            let oldest = snapshots.first()?.map_or(floor.0, |(serial, _)| serial.value());
            transaction.open_table(META)?.insert(META_HISTORY_FLOOR, oldest)?;
            let mut confirmations = transaction.open_table(CONFIRMATIONS)?;
            while room > 0 && confirmations.first()?.is_some_and(|(key, _)| key.value().0 < oldest) {
                confirmations.pop_first()?;
                room -= 1;
            }
            let mut changes = transaction.open_table(CHANGES)?;
            let mut by_filing = transaction.open_table(CHANGES_BY_FILING)?;
            while room > 0 {
                let change = match changes.first()? {
                    Some((serial, bytes)) => codec::decode_change(serial.value(), bytes.value())?,
                    None => break,
                };
                if change.snapshot.0 > oldest {
                    break;
                }
                if let Some((_, bytes)) = changes.pop_first()? {
                    first_sights::save(&transaction, bytes.value())?;
                }
                by_filing.remove((change.number.value(), change.serial.0))?;
                retired.changes += 1;
                room -= 1;
            }
        }
        transaction.commit()?;
        Ok(true)
    }

    /// Gives the room that is free within the file back. Nobody reads or writes the store meanwhile; answers do not need
    /// it.
    ///
    /// # Errors
    ///
    /// If the store is open for reading only, or cannot be written.
    pub fn compact(&self) -> Result<Compacted, StoreError> {
        self.recover()?;
        let mut open = self.handle.write().unwrap_or_else(PoisonError::into_inner);
        let Handle::ReadWrite(database) = &mut *open else { return Err(StoreError::ReadOnly) };
        let before = self.size();
        self.written(|| Ok(database.compact()?))?;
        Ok(Compacted { before, after: self.size() })
    }
}
