//! Reading: the last snapshot at start, and a filing's history when asked.

use std::sync::Arc;

use jiff::Timestamp;
use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata};

use super::tables::{
    CHANGES, CHANGES_BY_FILING, FILINGS, META, META_FORMAT, META_LAST_CHANGE, META_REMOVALS_SUM, META_SCHEDULE_MINUTE,
    REMOVALS, SNAPSHOTS, SYNC_STATE, SYNC_STATE_NOW, SYNC_STATE_STEPS,
};
use super::{Store, StoreError, codec, first_sights, held, sources, sums};
use crate::domain::{
    Change, ChangeSerial, HeldListing, RemovalHistory, RmdNumber, Snapshot, SnapshotSerial, SourceState, SyncRecord,
};
use crate::listing::canonical;

/// What a start needs: the last committed snapshot, if there is one, and what led to it.
#[derive(Debug)]
pub struct Loaded {
    /// The last committed snapshot.
    pub snapshot: Option<Snapshot>,
    /// Every removal ever observed, and when filings were first seen.
    pub removals: RemovalHistory,
    /// The serial of the newest change; 0 before the first.
    pub last_change: ChangeSerial,
    /// How syncing went.
    pub sync_state: SyncState,
    /// The minute of the hour at which this installation syncs by default.
    pub schedule_minute: u8,
}

/// How syncing went, across restarts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SyncState {
    /// The last cycle, whatever came of it.
    pub last: Option<SyncRecord>,
    /// When a cycle last succeeded.
    pub last_success_at: Option<Timestamp>,
    /// When the source last gave something whole, whatever vetting made of it.
    pub last_contact_at: Option<Timestamp>,
    /// How many cycles have brought nothing since the last success.
    pub failures_since: u64,
    /// The current snapshot, and when its source last published it.
    pub confirmed: Option<(SnapshotSerial, Timestamp)>,
    /// Listings that were fetched since the last success and not applied, oldest first.
    pub held: Vec<HeldListing>,
    /// What is known of each source, the preferred one first.
    pub sources: Vec<SourceState>,
}

impl Store {
    /// Loads what a start needs.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn load(&self) -> Result<Loaded, StoreError> {
        self.contained_read(|| self.read_all())
    }

    fn read_all(&self) -> Result<Loaded, StoreError> {
        let transaction = self.begin_read()?;
        let meta = transaction.open_table(META)?;
        let sync_state = self.read_sync_state(&transaction)?;
        let mut removals = Vec::new();
        let mut sum = 0u64;
        for entry in transaction.open_table(REMOVALS)?.iter()? {
            let (key, bytes) = entry?;
            removals.push(Arc::new(codec::decode_removal(key.value(), bytes.value())?));
            sum = sum.wrapping_add(sums::removal(key.value(), bytes.value()));
        }
        self.check_sum(&transaction, META_REMOVALS_SUM, sum, "removals")?;
        let snapshot = match transaction.open_table(SNAPSHOTS)?.last()? {
            None if transaction.open_table(FILINGS)?.is_empty()? => None,
            None => return Err(self.damaged("it has filings and no snapshot that they belong to".to_owned())),
            Some((serial, record)) => {
                let table = transaction.open_table(FILINGS)?;
                let mut filings = Vec::with_capacity(usize::try_from(table.len()?).unwrap_or_default());
                for entry in table.iter()? {
                    let (number, bytes) = entry?;
                    filings.push(Arc::new(codec::decode_filing(number.value(), bytes.value())?));
                }
                let record = codec::decode_snapshot(serial.value(), record.value())?;
                // Cells that are others than were written would be answered from without anybody noticing.
                if let Some(recorded) = record.listing_sha256
                    && recorded != canonical::digest(&filings)
                {
                    return Err(self.damaged(format!("its filings are not those of snapshot {}", record.serial)));
                }
                let mut snapshot = record.with_filings(filings, record.confirmed_at);
                // A store of an older version remembers nothing yet.
                if let Some(steps) = transaction.open_table(SYNC_STATE)?.get(SYNC_STATE_STEPS)? {
                    snapshot.steps = codec::decode_steps(steps.value())?;
                }
                if let Some((confirmed, at)) = sync_state.confirmed
                    && confirmed == snapshot.serial
                {
                    snapshot.confirmed_at = snapshot.confirmed_at.max(at);
                }
                Some(snapshot)
            }
        };
        let number = |name| Ok::<_, StoreError>(meta.get(name)?.map_or(0, |value| value.value()));
        Ok(Loaded {
            snapshot,
            removals: RemovalHistory::new(removals).with_first_sights(first_sights::read(&transaction)),
            last_change: ChangeSerial(number(META_LAST_CHANGE)?),
            sync_state,
            schedule_minute: u8::try_from(number(META_SCHEDULE_MINUTE)? % 60).unwrap_or_default(),
        })
    }

    /// How syncing went, with what is held and what is known of the sources.
    pub(super) fn read_sync_state(&self, transaction: &ReadTransaction) -> Result<SyncState, StoreError> {
        let mut sync_state = match transaction.open_table(SYNC_STATE)?.get(SYNC_STATE_NOW)? {
            Some(bytes) => codec::decode_sync_state(bytes.value())?,
            None => SyncState::default(),
        };
        sync_state.held = held::read(transaction)?;
        sources::add_to(&mut sync_state, transaction)?;
        Ok(sync_state)
    }

    pub(super) fn damaged(&self, detail: String) -> StoreError {
        StoreError::Damaged { path: self.path.clone(), detail }
    }

    /// Whether a table has the rows that were written. Before format 3 no sum was kept.
    pub(super) fn check_sum(
        &self,
        transaction: &ReadTransaction,
        name: &str,
        found: u64,
        what: &str,
    ) -> Result<(), StoreError> {
        let meta = transaction.open_table(META)?;
        let recorded = meta.get(name)?.map(|sum| sum.value());
        let kept = meta.get(META_FORMAT)?.is_none_or(|format| format.value() >= 3);
        if recorded != kept.then_some(found) {
            return Err(self.damaged(format!("its {what} are not those that were written")));
        }
        Ok(())
    }

    /// Every change of one filing, oldest first.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn changes_of(&self, number: RmdNumber) -> Result<Vec<Change>, StoreError> {
        self.contained_read(|| self.read_changes_of(number))
    }

    fn read_changes_of(&self, number: RmdNumber) -> Result<Vec<Change>, StoreError> {
        let transaction = self.begin_read()?;
        let changes = transaction.open_table(CHANGES)?;
        let value = number.value();
        let mut found = Vec::new();
        for entry in transaction.open_table(CHANGES_BY_FILING)?.range((value, 0)..=(value, u64::MAX))? {
            let (key, ()) = (entry?.0, ());
            let (_, serial) = key.value();
            if let Some(bytes) = changes.get(serial)? {
                found.push(codec::decode_change(serial, bytes.value())?);
            }
        }
        Ok(found)
    }

    /// Changes by serial, from the first one behind `after`, at most `limit` of them.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn changes_after(&self, after: ChangeSerial, limit: usize) -> Result<Vec<Change>, StoreError> {
        let transaction = self.begin_read()?;
        let mut found = Vec::new();
        for entry in transaction.open_table(CHANGES)?.range(after.0.saturating_add(1)..)?.take(limit) {
            let (serial, bytes) = entry?;
            found.push(codec::decode_change(serial.value(), bytes.value())?);
        }
        Ok(found)
    }
}
