//! The whole state of a store, as one log of a fleet makes it: read out of one store, and put into another.
//!
//! It is put there in one transaction, together with the position behind which it stands: whoever is killed on the way has
//! the state before or after it. What is this installation's own stays as it is: the outbox of alerts, the minute of the
//! schedule, notices about records. Before that the state is put into a scratch file and checked as `rmdd verify` does.

use std::sync::Arc;

use jiff::Timestamp;
use redb::{ReadTransaction, ReadableTable, WriteTransaction};

use super::contained::contained;
use super::open::{contained_open, lay_out};
use super::position::{self, FleetId, FleetPosition, Log, Position};
use super::records::{missing_in_older, replace_records};
use super::tables::{
    CHANGES, CHANGES_BY_FILING, CONFIRMATIONS, FILINGS, FIRST_SIGHTS, HELD, META, META_ALERTS_CURSOR, META_BEGAN_AT,
    META_EVENTS_SALVAGED, META_HISTORY_FLOOR, META_JOURNAL, META_LAST_CHANGE, META_RECORDS_SUM, META_REMOVALS_SUM,
    RECORD_EVENTS, RECORDS, REMOVALS, SNAPSHOTS, SOURCES, SYNC_STATE, SYNC_STATE_GAPS, SYNC_STATE_NOW,
    SYNC_STATE_PASSED_OVER, SYNC_STATE_STEPS,
};
use super::verify::{check_state, nameless_file};
use super::{Handle, Store, StoreError, SyncState, codec, directory, open, sources, sums};
use crate::domain::{
    Change, ChangeCounts, ChangeSerial, Filing, Record, RecordEvent, Removal, RmdNumber, SnapshotSerial, StepFacts,
};
use crate::listing::rewind::SnapshotRecord;

/// What the log of the listing makes of a store.
#[derive(Debug, Clone, Default)]
pub struct ListingState {
    /// The standing filings, by number.
    pub filings: Vec<Arc<Filing>>,
    /// What is on record about each snapshot that history reaches back to, oldest first, and what it changed.
    pub snapshots: Vec<(SnapshotRecord, ChangeCounts)>,
    /// Every removal, by filing and snapshot.
    pub removals: Vec<Arc<Removal>>,
    /// The changes that are kept, by serial.
    pub changes: Vec<Change>,
    /// When snapshots were confirmed, by serial and time.
    pub confirmations: Vec<(SnapshotSerial, Timestamp)>,
    /// When filings were first seen, where the change that tells it was dropped.
    pub first_sights: Vec<(RmdNumber, Timestamp)>,
    /// The newest change.
    pub last_change: ChangeSerial,
    /// The oldest snapshot that history reaches back to, where it is not the first.
    pub history_floor: Option<SnapshotSerial>,
    /// When the first listing was fetched, where its record was dropped.
    pub began_at: Option<Timestamp>,
    /// How syncing went, what is held, and what is known of the sources.
    pub sync: SyncState,
    /// What vetting remembers of the steps before.
    pub steps: Vec<StepFacts>,
}

/// What the log of records makes of a store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordsState {
    /// The records.
    pub records: Vec<Record>,
    /// The events of their history.
    pub events: Vec<RecordEvent>,
    /// Up to this event, some may be missing.
    pub salvaged: Option<u64>,
}

/// The state of one log.
#[derive(Debug, Clone)]
pub enum State {
    /// Of the listing.
    Listing(Box<ListingState>),
    /// Of records.
    Records(RecordsState),
}

impl State {
    /// Whose it is.
    pub fn log(&self) -> Log {
        match self {
            Self::Listing(_) => Log::Listing,
            Self::Records(_) => Log::Records,
        }
    }

    fn write(&self, transaction: &WriteTransaction) -> Result<(), StoreError> {
        match self {
            Self::Listing(state) => write_listing(transaction, state),
            Self::Records(state) => write_records(transaction, state),
        }
    }
}

/// The name of the copy of a store as it was before a base took its place.
const BEFORE_BASE: &str = "before-base";

impl Store {
    /// The state of one log, and where the store stands in its fleet, both of one moment.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn state(&self, log: Log) -> Result<(State, Option<FleetPosition>), StoreError> {
        self.contained_read(|| {
            let transaction = self.begin_read()?;
            let state = match log {
                Log::Listing => State::Listing(Box::new(self.read_listing(&transaction)?)),
                Log::Records => State::Records(read_records(&transaction)?),
            };
            Ok((state, position::read(&transaction)?))
        })
    }

    /// Puts a state in the place of what one log has made of this store, which stands at `position` of it then. The file as
    /// it was before is kept beside it, once.
    ///
    /// # Errors
    ///
    /// If the store is in another fleet or has a past of its own, if the state does not hold together, or if the disk fails.
    /// Nothing has changed then.
    pub fn take_base(&self, state: &State, fleet: FleetId, position: Position) -> Result<(), StoreError> {
        let before = self.fleet_position()?;
        match before {
            Some(found) if found.fleet != fleet => {
                return Err(StoreError::InFleet { path: self.path.clone(), found: found.fleet });
            }
            Some(_) => {}
            None if self.newest_snapshot()?.is_some() || self.last_event()? > 0 => {
                return Err(StoreError::OwnPast { path: self.path.clone() });
            }
            None => {}
        }
        self.check_base(state)?;
        if before.is_some_and(|before| before.of(state.log()).index > 0) {
            self.keep_before_base()?;
        }
        // Nobody changes records until their journal has followed.
        let journal = self.journal_open();
        self.written(|| self.write_base(state, fleet, position))?;
        if state.log() == Log::Records {
            self.event_times.forget();
        }
        match (state, journal) {
            (State::Records(_), Some(mut open)) => self.journal_follows(&mut open),
            _ => Ok(()),
        }
    }

    fn write_base(&self, state: &State, fleet: FleetId, position: Position) -> Result<(), StoreError> {
        let transaction = self.begin_write()?;
        let before = position::in_write(&transaction)?;
        state.write(&transaction)?;
        if let State::Listing(state) = state {
            let mut meta = transaction.open_table(META)?;
            let cursor = meta.get(META_ALERTS_CURSOR)?.map(|cursor| cursor.value());
            // What a site missed is told; what was before it came is no news.
            if before.is_none() && cursor.is_some() {
                meta.insert(META_ALERTS_CURSOR, state.last_change.0)?;
            }
        }
        let mut now = before.unwrap_or_else(|| FleetPosition::origin(fleet));
        match state.log() {
            Log::Listing => now.listing = position,
            Log::Records => now.records = position,
        }
        position::write(&transaction, &now)?;
        if state.log() == Log::Records {
            position::note_logged(&transaction, u64::MAX, u64::MAX)?;
        }
        transaction.commit()
    }

    /// Puts the state into a scratch file and checks that.
    fn check_base(&self, state: &State) -> Result<(), StoreError> {
        let bad = |detail: String| StoreError::BadBase { log: state.log(), detail };
        let file = nameless_file(directory::of(&self.path))?;
        let scratch = contained_open(&self.path, || {
            open::builder().create_with_backend(redb::backends::FileBackend::new(file)?)
        })?;
        lay_out(&scratch)?;
        let scratch = Self::new(Handle::ReadWrite(scratch), self.path.clone());
        // Whatever is wrong with it is no damage of this store, and not to be told as such.
        let _ = scratch.damage.set(String::new());
        let checked = contained(|| {
            let transaction = scratch.begin_write()?;
            state.write(&transaction)?;
            transaction.commit()?;
            Ok::<_, StoreError>(check_state(&scratch, state.log()))
        });
        match checked {
            Ok(Ok(faults)) => faults.into_iter().next().map_or(Ok(()), |fault| Err(bad(fault))),
            Ok(Err(StoreError::Codec(error))) => Err(bad(error.to_string())),
            Ok(Err(error)) => Err(error),
            Err(panicked) => Err(bad(panicked.to_string())),
        }
    }

    fn keep_before_base(&self) -> Result<(), StoreError> {
        let kept = self.path.with_extension(format!("redb.{BEFORE_BASE}"));
        let making = self.path.with_extension("redb.keeping");
        let renamed = |()| std::fs::rename(&making, &kept).map_err(|error| error.to_string());
        self.copy_beside(&making).and_then(renamed).map_err(|detail| {
            let _ = std::fs::remove_file(&making);
            let source =
                std::io::Error::other(format!("the store as it is cannot be kept as {}: {detail}", kept.display()));
            StoreError::Disk { path: self.path.clone(), source }
        })
    }

    fn read_listing(&self, transaction: &ReadTransaction) -> Result<ListingState, StoreError> {
        let mut state = ListingState { sync: self.read_sync_state(transaction)?, ..ListingState::default() };
        for entry in transaction.open_table(FILINGS)?.iter()? {
            let (number, bytes) = entry?;
            state.filings.push(Arc::new(codec::decode_filing(number.value(), bytes.value())?));
        }
        for entry in transaction.open_table(SNAPSHOTS)?.iter()? {
            let (serial, bytes) = entry?;
            let record = codec::decode_snapshot(serial.value(), bytes.value())?;
            state.snapshots.push((record, codec::decode_counts(bytes.value())?));
        }
        for entry in transaction.open_table(REMOVALS)?.iter()? {
            let (key, bytes) = entry?;
            state.removals.push(Arc::new(codec::decode_removal(key.value(), bytes.value())?));
        }
        for entry in transaction.open_table(CHANGES)?.iter()? {
            let (serial, bytes) = entry?;
            state.changes.push(codec::decode_change(serial.value(), bytes.value())?);
        }
        for entry in transaction.open_table(CONFIRMATIONS)?.iter()? {
            let (serial, at) = entry?.0.value();
            state.confirmations.push((SnapshotSerial(serial), self.time(at)?));
        }
        if let Some(table) = missing_in_older(transaction.open_table(FIRST_SIGHTS))? {
            for entry in table.iter()? {
                let (number, at) = entry?;
                let number = RmdNumber::from_value(number.value());
                let number = number.ok_or_else(|| self.damaged("a first sight names no filing".to_owned()))?;
                state.first_sights.push((number, self.time(at.value())?));
            }
        }
        if let Some(steps) = transaction.open_table(SYNC_STATE)?.get(SYNC_STATE_STEPS)? {
            state.steps = codec::decode_steps(steps.value())?;
        }
        let meta = transaction.open_table(META)?;
        let number = |name| Ok::<_, StoreError>(meta.get(name)?.map(|value| value.value()));
        state.last_change = ChangeSerial(number(META_LAST_CHANGE)?.unwrap_or_default());
        state.history_floor = number(META_HISTORY_FLOOR)?.map(SnapshotSerial);
        let began_at = number(META_BEGAN_AT)?.map(|at| self.time(i64::try_from(at).unwrap_or(i64::MAX)));
        state.began_at = began_at.transpose()?;
        Ok(state)
    }

    fn time(&self, milliseconds: i64) -> Result<Timestamp, StoreError> {
        Timestamp::from_millisecond(milliseconds).map_err(|error| self.damaged(error.to_string()))
    }
}

fn read_records(transaction: &ReadTransaction) -> Result<RecordsState, StoreError> {
    let mut state = RecordsState::default();
    for entry in transaction.open_table(RECORDS)?.iter()? {
        let (key, bytes) = entry?;
        state.records.push(codec::decode_record(key.value().0, bytes.value())?);
    }
    for entry in transaction.open_table(RECORD_EVENTS)?.iter()? {
        let (serial, bytes) = entry?;
        state.events.push(codec::decode_record_event(serial.value(), bytes.value())?);
    }
    state.salvaged = transaction.open_table(META)?.get(META_EVENTS_SALVAGED)?.map(|serial| serial.value());
    Ok(state)
}

fn write_listing(transaction: &WriteTransaction, state: &ListingState) -> Result<(), StoreError> {
    let mut filings = transaction.open_table(FILINGS)?;
    filings.retain(|_, _| false)?;
    for filing in &state.filings {
        filings.insert(filing.number().value(), codec::encode_filing(filing)?.as_slice())?;
    }
    let mut snapshots = transaction.open_table(SNAPSHOTS)?;
    snapshots.retain(|_, _| false)?;
    for (record, counts) in &state.snapshots {
        snapshots.insert(record.serial.0, codec::encode_snapshot_record(record, *counts)?.as_slice())?;
    }
    let mut removals = transaction.open_table(REMOVALS)?;
    removals.retain(|_, _| false)?;
    let mut removals_sum = 0u64;
    for removal in &state.removals {
        let (key, bytes) = ((removal.filing.number().value(), removal.snapshot.0), codec::encode_removal(removal)?);
        removals.insert(key, bytes.as_slice())?;
        removals_sum = removals_sum.wrapping_add(sums::removal(key, &bytes));
    }
    let mut changes = transaction.open_table(CHANGES)?;
    let mut by_filing = transaction.open_table(CHANGES_BY_FILING)?;
    changes.retain(|_, _| false)?;
    by_filing.retain(|_, ()| false)?;
    for change in &state.changes {
        changes.insert(change.serial.0, codec::encode_change(change)?.as_slice())?;
        by_filing.insert((change.number.value(), change.serial.0), ())?;
    }
    let mut confirmations = transaction.open_table(CONFIRMATIONS)?;
    confirmations.retain(|_, ()| false)?;
    for (serial, at) in &state.confirmations {
        confirmations.insert((serial.0, at.as_millisecond()), ())?;
    }
    let mut first_sights = transaction.open_table(FIRST_SIGHTS)?;
    first_sights.retain(|_, _| false)?;
    for (number, at) in &state.first_sights {
        first_sights.insert(number.value(), at.as_millisecond())?;
    }
    let mut meta = transaction.open_table(META)?;
    meta.insert(META_LAST_CHANGE, state.last_change.0)?;
    meta.insert(META_REMOVALS_SUM, removals_sum)?;
    let began_at = state.began_at.map(|at| u64::try_from(at.as_millisecond()).unwrap_or_default());
    for (name, value) in [(META_HISTORY_FLOOR, state.history_floor.map(|floor| floor.0)), (META_BEGAN_AT, began_at)] {
        match value {
            Some(value) => _ = meta.insert(name, value)?,
            None => _ = meta.remove(name)?,
        }
    }
    write_sync(transaction, &state.sync, &state.steps)
}

fn write_sync(transaction: &WriteTransaction, sync: &SyncState, steps: &[StepFacts]) -> Result<(), StoreError> {
    let mut table = transaction.open_table(SYNC_STATE)?;
    table.insert(SYNC_STATE_NOW, codec::encode_sync_state(sync)?.as_slice())?;
    table.insert(SYNC_STATE_STEPS, codec::encode_steps(steps)?.as_slice())?;
    table.remove(SYNC_STATE_PASSED_OVER)?;
    // What was not known of another past.
    table.remove(SYNC_STATE_GAPS)?;
    drop(table);
    let mut held = transaction.open_table(HELD)?;
    held.retain(|_, _| false)?;
    for listing in &sync.held {
        held.insert(&listing.sha256.0, codec::encode_held(listing)?.as_slice())?;
    }
    transaction.open_table(SOURCES)?.retain(|_, _| false)?;
    if let Some(last) = &sync.last {
        let mut last = last.clone();
        last.sources.clone_from(&sync.sources);
        sources::write(transaction, &last)?;
    }
    Ok(())
}

fn write_records(transaction: &WriteTransaction, state: &RecordsState) -> Result<(), StoreError> {
    let sum = replace_records(transaction, state.records.iter())?;
    let mut events = transaction.open_table(RECORD_EVENTS)?;
    events.retain(|_, _| false)?;
    for event in &state.events {
        events.insert(event.serial, codec::encode_record_event(event)?.as_slice())?;
    }
    let mut meta = transaction.open_table(META)?;
    meta.insert(META_RECORDS_SUM, sum)?;
    match state.salvaged {
        Some(serial) => _ = meta.insert(META_EVENTS_SALVAGED, serial)?,
        None => _ = meta.remove(META_EVENTS_SALVAGED)?,
    }
    // The journal is that of other events until it has followed.
    meta.remove(META_JOURNAL)?;
    Ok(())
}
