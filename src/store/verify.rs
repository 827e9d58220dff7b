//! Whether the file holds what was put into it.
//!
//! What is checked is a copy of the file's bytes, read anew from the disk: so neither the daemon's memory nor redb's cache
//! can hide what is wrong with it, and nothing that the check does can reach the store. First redb checks the checksum of
//! every page; then every record is read, and the records are held against each other: serials without gap or repeat,
//! both ways to a change, removals against what stands, operators' records against their events, and the digest of every
//! snapshot's export that history reaches back to against the one that was recorded when it was applied.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::PoisonError;

use redb::backends::FileBackend;
use redb::{Database, DatabaseError, ReadableTable, StorageError};

use super::archive::{Archive, ArchiveError};
use super::contained::contained;
use super::journal::{ById, Found, apply, read, serials};
use super::open::{builder, check_format, contained_open};
use super::records::missing_in_older;
use super::tables::{
    CHANGES, CHANGES_BY_FILING, META, META_EVENTS_SALVAGED, META_FORMAT, META_LAST_CHANGE, RECORD_EVENTS, REMOVALS,
};
use super::{
    FILE_NAME, FLEET_FORMAT, Handle, JOURNAL_NAME, Log, RewindError, Store, StoreError, codec, directory, removed,
};
use crate::domain::{Record, RecordEvent, RecordKind, SnapshotSerial};
use crate::listing::rewind::Rewind;

/// So many faults are told; more would tell nothing new.
const MOST_FAULTS: usize = 50;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// What is wrong; nothing if all is well.
    pub faults: Vec<String>,
    /// How many snapshots were reached and held against their digests.
    pub snapshots: u64,
    /// How many changes were read.
    pub changes: u64,
    /// How many removals were read.
    pub removals: u64,
    /// How many operators' records were read.
    pub records: u64,
    /// How many events of such records were read.
    pub record_events: u64,
    /// What is wrong with the journal of operators' records; nothing if all is well.
    pub journal_faults: Vec<String>,
    /// How many events were read in it.
    pub journal_events: u64,
    /// What is wrong with the archive's listings and the copy of removals; nothing if all is well.
    pub archive_faults: Vec<String>,
    /// How many listings of the archive were read whole.
    pub archived: u64,
    /// The newest snapshot in the file.
    pub newest: Option<SnapshotSerial>,
}

impl Verified {
    fn fault(&mut self, fault: impl Into<String>) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(fault.into());
        }
    }

    fn archive_fault(&mut self, fault: String) {
        if self.archive_faults.len() < MOST_FAULTS {
            self.archive_faults.push(fault);
        }
    }

    fn journal_fault(&mut self, fault: impl Into<String>) {
        if self.journal_faults.len() < MOST_FAULTS {
            self.journal_faults.push(format!("the journal {JOURNAL_NAME}: {}", fault.into()));
        }
    }
}

impl Store {
    /// Checks the open store's file. Syncs and histories wait for as long as its bytes are copied.
    ///
    /// # Errors
    ///
    /// If the file cannot be copied. What is wrong with it is no error but what was asked for.
    pub fn verify(&self) -> Result<Verified, StoreError> {
        // What is there now is not what is open.
        if let Some(what) = self.misplaced() {
            let mut verified = Verified::default();
            verified.fault(what);
            return Ok(verified);
        }
        let (scratch, journal) = {
            let _unchanged = self.journal_lock();
            let _alone = self.handle.write().unwrap_or_else(PoisonError::into_inner);
            (scratch(&self.path)?, read(&self.path.with_file_name(JOURNAL_NAME)))
        };
        let verified = check(&self.path, scratch, journal);
        if let Some(fault) = verified.faults.first() {
            self.note_damage(fault);
        }
        Ok(verified)
    }
}

/// Checks the store of a state directory in which no daemon runs, whether it can be opened or not.
///
/// # Errors
///
/// If there is none, or it cannot be copied.
pub fn verify_closed(state_dir: &Path) -> Result<Verified, StoreError> {
    let path = state_dir.join(FILE_NAME);
    match std::fs::metadata(&path) {
        Ok(file) if file.is_file() => {}
        Ok(_) => {
            return Err(StoreError::Damaged { path, detail: "it is no file".to_owned() });
        }
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(StoreError::Missing { path }),
        Err(source) => return Err(StoreError::NotAccessible { path, source }),
    }
    let scratch = scratch(&path)?;
    Ok(check(&path, scratch, read(&path.with_file_name(JOURNAL_NAME))))
}

/// A file in this directory that has no name any more: nothing is left of it, however the process ends.
///
/// # Errors
///
/// If it cannot be made there.
pub(crate) fn nameless_file(directory: &Path) -> Result<File, StoreError> {
    tempfile::tempfile_in(directory).map_err(|source| StoreError::NotAccessible { path: directory.to_owned(), source })
}

/// Copies a file's bytes to beside it, or, where that is not allowed or there is no room, to where temporary files are.
pub(super) fn scratch(path: &Path) -> Result<File, StoreError> {
    let copy = |directory: &Path| {
        let mut copy = nameless_file(directory)?;
        let copied = directory::refuse_device(path)
            .and_then(|()| File::open(path))
            .and_then(|mut from| std::io::copy(&mut from, &mut copy));
        copied.map_err(|source| StoreError::NotAccessible { path: path.to_owned(), source })?;
        Ok(copy)
    };
    copy(path.parent().unwrap_or(Path::new("."))).or_else(|error| copy(&std::env::temp_dir()).map_err(|_| error))
}

/// One part of a check: what can be read and does not fit is a fault, what cannot be read an error.
type Part = fn(&Store, &mut Verified) -> Result<(), StoreError>;

/// Holds every listing of the archive beside the store against its digest, one after the other, and what is told of how they
/// came to be applied against its own and the store.
fn check_archive(path: &Path, store: Option<&Store>, verified: &mut Verified) {
    let archive = Archive::new(path.parent().unwrap_or(Path::new(".")));
    let entries = match archive.entries() {
        Ok(entries) => entries,
        Err(error) => return verified.archive_fault(error.to_string()),
    };
    for entry in entries {
        match archive.check(&entry) {
            Ok(()) => verified.archived += 1,
            // It expired meanwhile.
            Err(ArchiveError::Missing { .. }) => {}
            Err(error) => verified.archive_fault(error.to_string()),
        }
    }
    // What a store that cannot be read would say is not known.
    let records = store.and_then(|store| contained(|| store.snapshot_records()).ok()?.ok()).unwrap_or_default();
    match archive.untold(&records) {
        Ok(untold) => archive.describe(&untold).into_iter().for_each(|fault| verified.archive_fault(fault)),
        Err(error) => verified.archive_fault(error.to_string()),
    }
}

/// Whether the copy of removals beside the store can be read whole. That it is behind is no fault: it follows each sync.
fn check_copy_of_removals(path: &Path, verified: &mut Verified) {
    if let Err(error) = removed::read(directory::of(path)) {
        verified.archive_fault(format!("the copy of removals {}: {error}", removed::REMOVALS_NAME));
    }
}

/// Checks a file that nobody else uses, and what stands beside the store.
fn check(path: &Path, file: File, journal: std::io::Result<Option<Found>>) -> Verified {
    let (mut verified, store) = match open_scratch(path, file) {
        Ok(database) => check_pages_and_rows(path, database),
        Err(error) => {
            let mut verified = Verified::default();
            verified.fault(format!("it cannot be opened: {}", reported(&error)));
            (verified, None)
        }
    };
    check_journal(store.as_ref(), journal, &mut verified);
    check_archive(path, store.as_ref(), &mut verified);
    check_copy_of_removals(path, &mut verified);
    verified
}

/// Holds the journal against the store, as far as either can be read.
fn check_journal(store: Option<&Store>, journal: std::io::Result<Option<Found>>, verified: &mut Verified) {
    let stored = store.and_then(|store| contained(|| store.stored_records()).ok()?.ok());
    let found = match journal {
        Ok(Some(found)) => found,
        // A store of before there were journals has one from its next start on, and so has a copy.
        Ok(None) if stored.is_none_or(|stored| stored.mark.is_none()) => return,
        Ok(None) => return verified.journal_fault("it is missing"),
        Err(error) => return verified.journal_fault(format!("it cannot be read: {error}")),
    };
    verified.journal_events = found.events.len() as u64;
    found.faults.iter().for_each(|fault| verified.journal_fault(fault.clone()));
    let Some(stored) = stored else { return };
    let of_store = |lacks: &dyn Fn(u64, &RecordEvent) -> bool| -> Vec<u64> {
        stored.events.iter().filter(|(serial, event)| lacks(**serial, event)).map(|(serial, _)| *serial).collect()
    };
    let lacking = of_store(&|serial, _| !found.events.contains_key(&serial));
    let differing =
        of_store(&|serial, event| found.events.get(&serial).is_some_and(|journaled| journaled.event != *event));
    let beyond: Vec<u64> = found.events.keys().copied().filter(|serial| !stored.events.contains_key(serial)).collect();
    // A crash may leave one change in the journal alone: the next start completes it.
    let batches: BTreeSet<_> = beyond.iter().filter_map(|serial| Some(found.events.get(serial)?.batch)).collect();
    let crash = batches.len() == 1 && beyond.first() == Some(&(stored.last + 1));
    let beyond = if crash { Vec::new() } else { beyond };
    for (which, what) in
        [(&lacking, "it lacks"), (&differing, "it has otherwise than the store"), (&beyond, "the store lacks")]
    {
        if !which.is_empty() {
            verified.journal_fault(format!("{what} {}", serials(which)));
        }
    }
}

/// Opens a copy of a store's file. `path` is that of the store.
pub(super) fn open_scratch(path: &Path, file: File) -> Result<Database, StoreError> {
    // redb would make an empty file a database of its own.
    if file.metadata().is_ok_and(|metadata| metadata.len() == 0) {
        return Err(StoreError::Damaged { path: path.to_owned(), detail: "it is empty".to_owned() });
    }
    contained_open(path, || builder().create_with_backend(FileBackend::new(file)?))
}

/// Checks an open database that nobody else uses.
#[cfg(test)]
pub(super) fn check_database(path: &Path, database: Database) -> Verified {
    check_pages_and_rows(path, database).0
}

/// Checks an open database that nobody else uses. Returns it if its rows can be read.
fn check_pages_and_rows(path: &Path, mut database: Database) -> (Verified, Option<Store>) {
    let mut verified = Verified::default();
    match contained(|| database.check_integrity()) {
        Ok(Ok(true)) => {}
        Ok(Ok(false)) => verified.fault("its pages do not agree with each other (redb could repair that in a copy)"),
        Ok(Err(DatabaseError::Storage(StorageError::Corrupted(detail)))) => {
            verified.fault(format!("its pages are damaged: {detail}"));
            return (verified, None);
        }
        Ok(Err(error)) => {
            verified.fault(format!("its pages cannot be checked: {error}"));
            return (verified, None);
        }
        Err(_) => {
            verified.fault("its pages are damaged: redb gave up on them");
            return (verified, None);
        }
    }
    if let Err(error) = check_format(path, &database) {
        verified.fault(reported(&error));
        return (verified, None);
    }
    let store = Store::new(Handle::ReadWrite(database), path.to_owned());
    let parts: [(&str, Part); 6] = [
        ("its changes", check_changes),
        ("its removals", check_removals),
        ("its operators' records", check_records),
        ("its snapshots", check_snapshots),
        ("its position in a fleet", check_position),
        ("its alerts", |store, verified| super::alerts::check(store, &mut |fault| verified.fault(fault))),
    ];
    check_parts(&store, &parts, &mut verified);
    (verified, Some(store))
}

fn check_parts(store: &Store, parts: &[(&str, Part)], verified: &mut Verified) {
    for (name, part) in parts {
        match contained(|| part(store, verified)) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => verified.fault(format!("{name} cannot be checked: {}", reported(&error))),
            Err(_) => verified.fault(format!("{name} cannot be checked: redb gave up on them")),
        }
    }
}

/// What is wrong with a state that one log of a fleet makes. The way back to every snapshot is not gone: that takes as long
/// as the history is, and whoever made the state has gone it.
pub(super) fn check_state(store: &Store, log: Log) -> Vec<String> {
    let mut verified = Verified::default();
    let parts: &[(&str, Part)] = match log {
        Log::Listing => &[
            ("its changes", check_changes),
            ("its removals", check_removals),
            ("its snapshots", check_records_of_snapshots),
        ],
        Log::Records => &[("its operators' records", check_records)],
    };
    check_parts(store, parts, &mut verified);
    verified.faults
}

/// That the snapshots' serials follow one another, from the one that history reaches back to.
fn check_records_of_snapshots(store: &Store, verified: &mut Verified) -> Result<(), StoreError> {
    let mut expected = store.history_floor()?;
    for record in store.snapshot_records()? {
        if record.serial != expected {
            verified.fault(format!("snapshot {} stands where snapshot {expected} should", record.serial));
        }
        expected = record.serial.next();
    }
    Ok(())
}

/// That a store of a fleet's format says where it stands.
fn check_position(store: &Store, verified: &mut Verified) -> Result<(), StoreError> {
    let in_fleet = store.begin_read()?.open_table(META)?.get(META_FORMAT)?.map(|format| format.value());
    if in_fleet == Some(u64::from(FLEET_FORMAT)) && store.fleet_position()?.is_none() {
        verified.fault("it is a fleet's, and does not say which");
    }
    Ok(())
}

/// An error without the name of the copy, which says nothing to anybody.
fn reported(error: &StoreError) -> String {
    match error {
        StoreError::Damaged { detail, .. } => detail.clone(),
        StoreError::UnknownFormat { found, .. } => format!("it has format {found}, which this version does not know"),
        other => other.to_string(),
    }
}

fn check_changes(store: &Store, verified: &mut Verified) -> Result<(), StoreError> {
    let transaction = store.begin_read()?;
    let floor = store.history_floor()?;
    let changes = transaction.open_table(CHANGES)?;
    let by_filing = transaction.open_table(CHANGES_BY_FILING)?;
    let mut previous = None;
    let mut snapshot = 0;
    for entry in changes.iter()? {
        let (serial, bytes) = entry?;
        let serial = serial.value();
        let change = match codec::decode_change(serial, bytes.value()) {
            Ok(change) => change,
            Err(error) => {
                verified.fault(format!("change {serial} cannot be read: {error}"));
                previous = Some(serial);
                continue;
            }
        };
        verified.changes += 1;
        let expected =
            previous.map_or(if floor == SnapshotSerial::FIRST { 1 } else { serial }, |before: u64| before + 1);
        if serial != expected {
            verified.fault(format!("change {serial} stands where change {expected} should"));
        }
        if change.snapshot.0 < snapshot {
            verified.fault(format!("change {serial} belongs to an earlier snapshot than the one before it"));
        }
        if by_filing.get((change.number.value(), serial))?.is_none() {
            verified.fault(format!("change {serial} is not found by its filing {}", change.number));
        }
        snapshot = change.snapshot.0;
        previous = Some(serial);
    }
    let mut found_by_filing = 0;
    for entry in by_filing.iter()? {
        let (number, serial) = entry?.0.value();
        found_by_filing += 1;
        if changes.get(serial)?.is_none() {
            verified.fault(format!("filing {number} names change {serial}, which is not there"));
        }
    }
    if found_by_filing != verified.changes {
        verified.fault(format!("{found_by_filing} changes are found by filing, of {}", verified.changes));
    }
    let last = transaction.open_table(META)?.get(META_LAST_CHANGE)?.map_or(0, |value| value.value());
    if previous.is_some_and(|previous| previous != last) || (previous.is_none() && last > 0 && floor.0 == 1) {
        verified.fault(format!("the newest change is {}, and {last} was recorded", previous.unwrap_or_default()));
    }
    Ok(())
}

fn check_removals(store: &Store, verified: &mut Verified) -> Result<(), StoreError> {
    let transaction = store.begin_read()?;
    for entry in transaction.open_table(REMOVALS)?.iter()? {
        let (key, bytes) = entry?;
        match codec::decode_removal(key.value(), bytes.value()) {
            Ok(_) => verified.removals += 1,
            Err(error) => verified.fault(format!("the removal {:?} cannot be read: {error}", key.value())),
        }
    }
    let loaded = store.load()?;
    if let Some(snapshot) = &loaded.snapshot {
        for filing in &snapshot.filings {
            if loaded.removals.open(filing.number()).is_some() {
                verified.fault(format!("{} stands and is removed at once", filing.number()));
            }
        }
    }
    Ok(())
}

fn check_records(store: &Store, verified: &mut Verified) -> Result<(), StoreError> {
    let (records, last) = store.load_records()?;
    verified.records = records.len() as u64;
    let key = |record: &Record| (record.kind(), record.id());
    let mut reported = ById::new();
    let transaction = store.begin_read()?;
    let Some(events) = missing_in_older(transaction.open_table(RECORD_EVENTS))? else { return Ok(()) };
    // What was lost with a damaged store before this one is known to be.
    let saved = transaction.open_table(META)?.get(META_EVENTS_SALVAGED)?.map_or(0, |serial| serial.value());
    let mut gap = false;
    let mut expected = 1;
    for entry in events.iter()? {
        let (serial, bytes) = entry?;
        let event = match codec::decode_record_event(serial.value(), bytes.value()) {
            Ok(event) => event,
            Err(error) => {
                verified.fault(format!("event {} of operators' records cannot be read: {error}", serial.value()));
                expected = serial.value() + 1;
                continue;
            }
        };
        gap |= event.serial != expected;
        if event.serial != expected && event.serial > saved + 1 {
            verified.fault(format!("event {} stands where event {expected} should", event.serial));
        }
        expected = event.serial + 1;
        verified.record_events += 1;
        apply(&mut reported, &event);
    }
    gap |= last + 1 != expected;
    if last + 1 != expected && last > saved {
        verified.fault(format!("the newest event of operators' records is {last}, and {} were read", expected - 1));
    }
    let mut stand: BTreeSet<(RecordKind, String)> = BTreeSet::new();
    for record in &records {
        let key = key(record);
        let may_be_lost = gap && record.revision <= saved;
        if reported.get(&key) != Some(record) && !may_be_lost {
            verified.fault(format!("the {} {} is not what its history says", key.0, key.1));
        }
        stand.insert(key);
    }
    for (kind, id) in reported
        .iter()
        .filter(|(key, record)| {
            let may_be_lost = gap && record.revision <= saved;
            !stand.contains(*key) && !may_be_lost
        })
        .map(|(key, _)| key)
    {
        verified.fault(format!("the {kind} {id} should be on record, and is not"));
    }
    Ok(())
}

fn check_snapshots(store: &Store, verified: &mut Verified) -> Result<(), StoreError> {
    let loaded = store.load()?;
    let Some(snapshot) = loaded.snapshot else { return Ok(()) };
    verified.newest = Some(snapshot.serial);
    let floor = store.history_floor()?;
    let mut way = Rewind::from(&snapshot, &loaded.removals);
    let mut expected = snapshot.serial;
    for record in store.snapshot_records()?.iter().rev() {
        if record.serial != expected {
            verified.fault(format!("snapshot {} stands where snapshot {expected} should", record.serial));
            return Ok(());
        }
        expected = SnapshotSerial(expected.0.saturating_sub(1));
        let led = match store.rewind(&mut way, record.serial) {
            Ok(_) => way.reach(record, record.fetched_at).map(|_| ()),
            Err(RewindError::Broken(broken)) => Err(broken),
            Err(RewindError::Store(error)) => return Err(error),
        };
        if let Err(broken) = led {
            verified.fault(format!("snapshot {}: {}", broken.snapshot, broken.detail));
            return Ok(());
        }
        verified.snapshots += 1;
    }
    if expected.0 + 1 != floor.0 {
        verified.fault(format!("the history begins at snapshot {}, and {floor} was recorded", expected.0 + 1));
    }
    Ok(())
}
