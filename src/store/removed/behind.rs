//! A store that is begun again, behind what an earlier one knew: its first snapshot has the number after the last of that
//! one, so that no number means two listings, and what went before stands before it. It is a store whose history was
//! shortened up to that snapshot.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use redb::ReadableTable;

use super::Removed;
use crate::domain::{FirstSights, Removal, RemovalHistory, RmdNumber, Snapshot, SnapshotSerial};
use crate::store::tables::{CHANGES, CHANGES_BY_FILING, FIRST_SIGHTS, META, META_BEGAN_AT, META_HISTORY_FLOOR};
use crate::store::write::write_removals;
use crate::store::{Store, StoreError};

/// The last moment at which a listing of that time may have been fetched: the archive knows it to the second.
fn within(at: Timestamp) -> Timestamp {
    at.checked_add(SignedDuration::from_secs(1)).unwrap_or(at)
}

impl Store {
    /// Puts what was known before a first snapshot into an empty store, and gives that snapshot its number. What is missing in
    /// it is removed, if it ever stood; what stands in it is not, whatever the past says. Returns the removals before it.
    ///
    /// # Errors
    ///
    /// If the store cannot be written.
    pub fn begin_behind(&self, past: &Removed, first: &mut Snapshot) -> Result<RemovalHistory, StoreError> {
        first.serial = past.next_serial();
        let removals = before(past, first);
        let sights = past.first_sights_at(first.fetched_at);
        self.written(|| {
            let transaction = self.begin_write()?;
            {
                write_removals(&transaction, &removals)?;
                let mut saved = transaction.open_table(FIRST_SIGHTS)?;
                for (number, at) in sights.later() {
                    saved.insert(number.value(), at.as_millisecond())?;
                }
                let mut meta = transaction.open_table(META)?;
                meta.insert(META_HISTORY_FLOOR, first.serial.0)?;
                let began = sights.begins().unwrap_or(first.fetched_at).as_millisecond();
                meta.insert(META_BEGAN_AT, u64::try_from(began).unwrap_or_default())?;
            }
            transaction.commit()
        })?;
        Ok(RemovalHistory::new(removals).with_first_sights(sights))
    }

    /// Drops the changes that made the first snapshot: what stood in it was there before, nobody knows since when.
    ///
    /// # Errors
    ///
    /// If the store cannot be written.
    pub fn forget_beginning(&self) -> Result<(), StoreError> {
        self.written(|| {
            let transaction = self.begin_write()?;
            transaction.open_table(CHANGES)?.retain(|_, _| false)?;
            transaction.open_table(CHANGES_BY_FILING)?.retain(|_, ()| false)?;
            transaction.commit()
        })
    }

    /// Adds what was missing at a time of which no listing was there to be applied again, and gives what was seen in both
    /// the more exact time.
    ///
    /// # Errors
    ///
    /// If the store cannot be read or written.
    pub fn add_missed(&self, past: &Removed) -> Result<(), StoreError> {
        let loaded = self.load()?;
        let Some(newest) = loaded.snapshot else { return Ok(()) };
        let listings =
            self.snapshot_records()?.iter().map(|record| (record.serial, record.fetched_at)).collect::<Vec<_>>();
        let missed = missed(past, &loaded.removals, &newest, &listings);
        if missed.is_empty() {
            return Ok(());
        }
        self.written(|| {
            let transaction = self.begin_write()?;
            write_removals(&transaction, &missed)?;
            transaction.commit()
        })
    }

    /// The number that a first snapshot has, less one.
    pub(in crate::store) fn before_first(transaction: &redb::WriteTransaction) -> Result<u64, StoreError> {
        let floor = transaction.open_table(META)?.get(META_HISTORY_FLOOR)?.map(|floor| floor.value());
        Ok(floor.unwrap_or(SnapshotSerial::FIRST.0).saturating_sub(1))
    }
}

impl Removed {
    fn next_serial(&self) -> SnapshotSerial {
        let removed = self.removals.iter().map(|removal| removal.snapshot).max();
        SnapshotSerial(self.snapshot.max(removed.unwrap_or(self.snapshot)).0.saturating_add(1))
    }

    /// When filings were first seen, where a listing was fetched at that time.
    fn first_sights_at(&self, at: Timestamp) -> FirstSights {
        let mut sights = FirstSights::since(self.first_sights.begins().map_or(at, |begins| begins.min(at)));
        self.first_sights.later().for_each(|(number, seen)| sights.add(number, seen));
        sights
    }
}

/// The removals before a first snapshot, as they were when it was fetched.
fn before(past: &Removed, first: &Snapshot) -> Vec<Arc<Removal>> {
    let at = first.fetched_at;
    let mut removals = Vec::with_capacity(past.removals.len());
    let mut newest: HashMap<RmdNumber, Removal> = HashMap::new();
    for removal in &past.removals {
        let number = removal.filing.number();
        let stands = first.filing(number).is_some();
        if removal.first_missing_at > if stands { at } else { within(at) } {
            continue;
        }
        let seen = removal.last_seen_at.min(at);
        let here =
            Removal { first_missing_at: removal.first_missing_at.min(at), last_seen_at: seen, ..(**removal).clone() };
        if let Some(before) = newest.insert(number, here) {
            let until = before.reinstated_at.unwrap_or(removal.last_seen_at);
            removals.push(Arc::new(Removal { reinstated_at: Some(until.min(at)), ..before }));
        }
    }
    for (number, removal) in newest {
        match (first.filing(number).is_some(), removal.reinstated_at) {
            (true, back) => {
                let back = Some(back.map_or(at, |back| back.min(at)));
                removals.push(Arc::new(Removal { reinstated_at: back, ..removal }));
            }
            // It came back and is gone again.
            (false, Some(back)) if back <= at => {
                let again = Removal {
                    last_seen_at: back,
                    first_missing_at: at,
                    snapshot: first.serial,
                    reinstated_at: None,
                    filing: Arc::clone(&removal.filing),
                };
                removals.extend([Arc::new(removal), Arc::new(again)]);
            }
            (false, _) => removals.push(Arc::new(Removal { reinstated_at: None, ..removal })),
        }
    }
    removals
}

/// The removals that a history lacks, or has less exact, where it was made of these listings.
fn missed(
    past: &Removed,
    history: &RemovalHistory,
    newest: &Snapshot,
    listings: &[(SnapshotSerial, Timestamp)],
) -> Vec<Arc<Removal>> {
    // Whether no listing lies between two times.
    let same = |from: Timestamp, to: Timestamp| !listings.iter().any(|(_, at)| from < *at && *at < to);
    let exact = |here: Timestamp, there: Timestamp| if there < here && same(there, here) { there } else { here };
    let mut missed: Vec<Arc<Removal>> = Vec::new();
    for removal in &past.removals {
        let number = removal.filing.number();
        let overlaps = |here: &Removal| {
            let ends = |removal: &Removal| removal.reinstated_at.unwrap_or(Timestamp::MAX);
            here.first_missing_at <= ends(removal) && removal.first_missing_at <= ends(here)
        };
        let known = history.of(number).find(|here| here.snapshot == removal.snapshot || overlaps(here));
        if let Some(here) = known {
            let back = here.reinstated_at.zip(removal.reinstated_at).map(|(here, there)| exact(here, there));
            let better = Removal {
                first_missing_at: exact(here.first_missing_at, removal.first_missing_at).max(here.last_seen_at),
                reinstated_at: back.map(|back| back.max(here.first_missing_at)).or(here.reinstated_at),
                ..(**here).clone()
            };
            if better.first_missing_at != here.first_missing_at || better.reinstated_at != here.reinstated_at {
                missed.push(Arc::new(better));
            }
            continue;
        }
        // What stands is not removed. What has gone since the last of these listings is seen to be gone by the next.
        if removal.reinstated_at.is_none() && newest.filing(number).is_some() {
            continue;
        }
        let seen_missing = listings.iter().find(|(_, at)| within(*at) >= removal.first_missing_at);
        let snapshot = seen_missing.map_or(newest.serial, |(serial, _)| *serial);
        let takes = |there: &&Arc<Removal>| there.snapshot == snapshot && there.filing.number() == number;
        if !history.of(number).chain(&missed).any(|there| takes(&there)) {
            missed.push(Arc::new(Removal { snapshot, ..(**removal).clone() }));
        }
    }
    missed
}

#[cfg(test)]
mod tests;
